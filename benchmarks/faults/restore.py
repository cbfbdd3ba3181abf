"""What does a backup of the desk save while people decide, how long does it take, and how long until it serves again?

`python -m benchmarks.faults.restore --families 1000000` makes a desk of so many made-up families in a temporary folder
(SQLite), lets writers add decisions to its log as fast as they can, takes a backup meanwhile by `python -m
pipeline.desk backup`, loses the desk, restores it by `restore`, and asks `verify` whether the chain is whole. A
decision counts as written once its transaction had ended and its writer had said so. Kept must be every one said before
the backup began; lost are those said after the moment that the backup holds. A backup during which no decision was
written is no hit.
"""

import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

PROJECT = Path(__file__).resolve().parents[2]
WRITERS = 4
WRITER = """
import sys
import django
django.setup()
from django.db import transaction
from pipeline.desk import chain
number = 0
while True:
    with transaction.atomic():
        chain.append("step", {"family": f"K{number:09d}", "action": "visit", "writer": sys.argv[1]})
    number += 1
    print(number, flush=True)
"""


@dataclass(frozen=True)
class Restored:
    """Seconds of each step, bytes, and decisions: said before the backup, said during it, in the restored desk."""

    backup: float
    restore: float
    verify: float
    size: int
    before: int
    during: int
    kept: int
    chain: str

    def lines(self) -> list[str]:
        return [
            f"database of {self.size / 1e6:,.0f} MB: backup {self.backup:.1f} s, restore {self.restore:.1f} s, "
            f"verify {self.verify:.1f} s ({self.chain})",
            f"decisions said before the backup {self.before}, while it ran {self.during}; kept {self.kept}; "
            f"lost of those before {max(0, self.before - self.kept)}, "
            f"after the moment it holds {max(0, self.before + self.during - self.kept)}",
        ]


def desk(home: Path, *words: str) -> tuple[float, str]:
    """Seconds of a command of the desk and what it printed."""
    began = time.perf_counter()
    environment = os.environ | {"DESK_HOME": str(home)}
    line = [sys.executable, "-m", "pipeline.desk", *words]
    done = subprocess.run(line, cwd=PROJECT, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"restore: {words[0]} ended with {done.returncode}: {done.stderr.strip()[-300:]}")
    return time.perf_counter() - began, done.stdout.strip()


def begun(home: Path, folder: Path) -> list[tuple["subprocess.Popen[bytes]", Path]]:
    """Writers at work, each with the file into which it says what it wrote."""
    environment = os.environ | {"DESK_HOME": str(home), "DJANGO_SETTINGS_MODULE": "pipeline.desk.settings"}
    found = []
    for number in range(WRITERS):
        said = folder / f"writer{number}.txt"
        with said.open("wb") as file:
            line = [sys.executable, "-c", WRITER, str(number)]
            found.append((subprocess.Popen(line, cwd=PROJECT, env=environment, stdout=file), said))
    return found


def said(writers: list[tuple["subprocess.Popen[bytes]", Path]]) -> int:
    return sum(file.read_bytes().count(b"\n") for _, file in writers)


def kept(database: Path) -> int:
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as found:
        (count,) = found.execute("SELECT count(*) FROM desk_entry WHERE kind = 'step'").fetchone()
    return int(count)


def tried(home: Path, folder: Path, least: int) -> Restored:
    """A backup while writers write, the desk lost, and the desk restored; at least so many decisions before."""
    database, copy = home / "data" / "desk" / "desk.sqlite3", folder / "copy.sqlite3"
    size = database.stat().st_size
    writers = begun(home, folder)
    while said(writers) < least and all(w.poll() is None for w, _ in writers):
        time.sleep(0.1)
    before = said(writers)
    backed, _ = desk(home, "backup", str(copy))
    during = said(writers) - before
    for writer, _ in writers:
        writer.kill()
        writer.wait()
    for file in database.parent.glob("desk.sqlite3*"):
        file.unlink()
    restored, _ = desk(home, "restore", str(copy))
    verified, chain = desk(home, "verify")
    return Restored(backed, restored, verified, size, before, during, kept(database), chain)


def main(
    families: Annotated[int, typer.Option(help="Made-up families of the desk.")] = 1_000_000,
    least: Annotated[int, typer.Option(help="Decisions in the log before the backup begins.")] = 500,
) -> None:
    from benchmarks import desk as made

    with tempfile.TemporaryDirectory() as temporary:
        home = Path(temporary) / "desk"
        made.prepare(home)
        made.fill(families)
        for line in tried(home, Path(temporary), least).lines():
            typer.echo(line)


if __name__ == "__main__":
    typer.run(main)
