"""Where one write, fsync or rename of a run fails: is it told, is nothing damaged, and is the next run clean?

`python -m benchmarks.faults.calls --times 500` makes a checkout with a small world, runs its stages on another world,
so that older outputs lie there, then runs stage by stage and makes one call fail: each of the first so many calls that
the run makes below its home is failed once, by a library that is preloaded (`failing.c`; needs a C compiler). Calls of
Python, Arrow, DuckDB and SQLite count alike, in every process and thread. A write fails for want of space, fsync and
rename with an input/output error.

Each fault must end the stage with exit status 4 and a line that names the path, without a traceback; or do no harm, all
outputs being those of a run without a fault. Every output must be whole, the old or the new; the next run must end
with the outputs of a run without a fault, and nothing half-written may be left. A fault counts where the call failed
(hit). The number of a fault is that of the call; `--every 5` takes each fifth.
"""

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.faults import starved
from benchmarks.faults.starved import Place, Trial

STAGES = ("simulate", "source", "ingest", "cohort")


def trials(where: Place, wanted: Sequence[int]) -> Iterator[Trial]:
    """A fault for each number of a call, counted from 0 over the stages in order."""
    start = 0
    for stage in where.checkout.stages:
        mine = starved.turn(where, stage)
        for number in (n for n in wanted if start <= n < start + mine.calls):
            where.restore()
            ended = starved.run(where, stage, FAULT_AT=str(number - start + 1))
            yield starved.judged(where, mine, number, ended)
        where.restore()
        starved.run(where, stage)
        start += mine.calls
        if start > max(wanted):
            return


def main(
    times: Annotated[int, typer.Option(help="Faults.")] = 500,
    first: Annotated[int, typer.Option(help="The number of the first call that fails.")] = 0,
    every: Annotated[int, typer.Option(help="Each call, or each so manieth.")] = 1,
    only: Annotated[str, typer.Option(help="The stages, in order, whose calls are counted.")] = ",".join(STAGES),
    before: Annotated[str, typer.Option(help="Stages that must run before those.")] = "",
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        earlier, stages = (tuple(filter(None, names.split(","))) for names in (before, only))
        where = starved.place(Path(folder), Path(folder) / "checkout", (*earlier, *stages))
        for stage in earlier:
            starved.run(where, stage)
        where = Place(starved.Checkout(where.checkout.root, stages), where.folder)
        starved.done(trials(where, range(first, first + times * every, every)))


if __name__ == "__main__":
    typer.run(main)
