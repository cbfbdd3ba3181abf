"""DVC's own record after a run that was killed while DVC wrote it.

DVC writes dvc.lock and .dvc/tmp/rwlock in place, around every stage. A kill in between leaves a part of a file, and at
that every later run of DVC stops. All that is lost with such a file is which stages have run: DVC finds their outputs
in its run cache, or they run again.
"""

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from pipeline import artifacts, marks, provenance

LOCK, RUNNING, HELD = "dvc.lock", ".dvc/tmp/rwlock", ".dvc/tmp/lock"
CONFLICT = "<<<<<<< "  # a merge that a person has to settle, of which nothing may be thrown away


def recover(checkout: Path) -> list[str]:
    """Put right what is cut off, and tell it; nothing while another DVC holds its lock: it may be writing just now."""
    if not (checkout / HELD).is_file():
        return []
    with nobody_else(checkout / HELD) as alone:
        return [*record(checkout), *running(checkout / RUNNING)] if alone else []


@contextmanager
def nobody_else(held: Path) -> Iterator[bool]:
    """Whether DVC's lock is free; then it is ours, as DVC itself would hold it."""
    with held.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


def record(checkout: Path) -> Iterator[str]:
    """A dvc.lock that is cut off becomes that of the last commit; where there is none, it is removed."""
    lock = checkout / LOCK
    text = lock.read_text(encoding="utf-8", errors="replace") if lock.is_file() else None
    if text is None or CONFLICT in text or whole(text):
        return
    committed = provenance.git("-C", str(checkout), "show", f"HEAD:./{LOCK}")
    if whole(committed):
        artifacts.write_text(committed + "\n", lock)
        yield f"{lock}: was cut off by a run that was killed; it is that of the last commit now"
    else:
        artifacts.discard(lock)
        yield f"{lock}: was cut off by a run that was killed, and is removed; DVC makes it again"


def running(file: Path) -> Iterator[str]:
    """Who reads and writes what: of use to nobody once it cannot be read."""
    if not file.is_file():
        return
    try:
        json.loads(file.read_text(encoding="utf-8"))
    except ValueError:
        artifacts.discard(file)
        yield f"{file}: was cut off by a run that was killed, and is removed"


def whole(text: str) -> bool:
    """Whether DVC would read it. Its last stage may lack what the cut took: then that has changed, and runs again."""
    from dvc.schema import COMPILED_LOCKFILE_SCHEMA
    from voluptuous import Invalid

    try:
        COMPILED_LOCKFILE_SCHEMA(yaml.load(text, Loader=marks.SAFE))
    except (yaml.YAMLError, Invalid):
        return False
    return True
