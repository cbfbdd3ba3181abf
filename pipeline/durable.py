"""On the disk for good: bytes before the name that promises them, and every name before anything relies on it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def flush(path: Path) -> None:
    """A file's bytes, or a folder's names."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def made(folder: Path, mode: int = 0o777) -> Path:
    """The folder, with its parents and their names where they are missing; `mode` is its own where it is made."""
    missing = [p for p in (folder, *folder.parents) if not p.exists()]
    folder.mkdir(mode, parents=True, exist_ok=True)
    for one in reversed(missing):
        flush(one.parent)
    return folder


@contextmanager
def in_place_when_whole(target: Path) -> Iterator[Path]:
    """A file beside `target` to write into; it takes the target's name only where all of it was written."""
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        yield part
        flush(part)
        part.replace(target)
        flush(target.parent)
    finally:
        part.unlink(missing_ok=True)
