"""Where the disk is full: is it told, is nothing damaged, and is the next run clean once there is room?

`python -m benchmarks.faults.disk --times 100` makes a checkout with a small world on a file system of its own, runs
every stage on another world, so that older outputs lie there, then runs stage by stage and leaves each too little room:
a random share of the bytes that the stage writes. The file system is a tmpfs where the machine lets us mount one (as
root); elsewhere, told so, a preloaded library refuses writes once so many bytes were written. Then the room comes back.

What must hold is what `calls` asks for. A fault counts where the stage met the full disk (hit): a stage that does with
less room than it writes, because it removes what it wrote, does not. The seed of a point is its number; the stages take
turns.
"""

import os
import random
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
import yaml

from benchmarks.faults import starved
from benchmarks.faults.checkout import PROJECT
from benchmarks.faults.starved import Ended, Place, Trial, Turn

STAGES = tuple(yaml.safe_load((PROJECT / "dvc.yaml").read_text(encoding="utf-8"))["stages"])
SIZE = "1g"  # of the file system: a checkout with a small world, twice


@contextmanager
def file_system(folder: Path) -> Iterator[bool]:
    """A tmpfs at a folder; False where the machine does not let us mount one."""
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(folder)], capture_output=True, check=False
    )
    try:
        yield mounted.returncode == 0
    finally:
        if mounted.returncode == 0:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)


def starve(where: Place, mine: Turn, room: int, mounted: bool) -> Ended:
    """The stage with so much room, in bytes; all of it back afterwards."""
    if not mounted:
        return starved.run(where, mine.stage, FAULT_ROOM=str(room))
    ballast = where.checkout.root / "ballast"
    found = os.statvfs(where.checkout.root)
    with ballast.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, max(found.f_bavail * found.f_frsize - room, 1))
    ended = starved.run(where, mine.stage)
    ballast.unlink()
    return ended


def trials(where: Place, wanted: Sequence[int], mounted: bool) -> Iterator[Trial]:
    """Every point in the order of the stages; a point's stage is its number modulo the stages."""
    stages = where.checkout.stages
    for position, stage in enumerate(stages):
        mine = starved.turn(where, stage)
        for number in (n for n in wanted if n % len(stages) == position):
            where.restore()
            room = int(random.Random(number).random() * mine.bytes)
            yield starved.judged(where, mine, number, starve(where, mine, room, mounted))
        where.restore()
        starved.run(where, stage)


def main(
    times: Annotated[int, typer.Option(help="Points.")] = 100,
    first: Annotated[int, typer.Option(help="The number of the first point.")] = 0,
    only: Annotated[str, typer.Option(help="The stages, in order.")] = ",".join(STAGES),
) -> None:
    with tempfile.TemporaryDirectory() as folder, file_system(Path(folder) / "disk") as mounted:
        root = Path(folder) / "disk" / "checkout"
        where = starved.place(Path(folder), root, only.split(","))
        typer.echo(f"the disk is {'a tmpfs' if mounted else 'a preloaded library: no file system can be mounted'}")
        starved.done(trials(where, range(first, first + times), mounted))


if __name__ == "__main__":
    typer.run(main)
