"""Our statement of all features of one date beside the hand-written one, in DuckDB alone: what Ibis costs in the end.

`python -m benchmarks.statements --home DIR`, DIR as for `benchmarks.compare`. Both statements are run in turns in one
process, with the same threads and memory, and written as Parquet by DuckDB itself; the start of Python and the writing
of our statement by Ibis, which the stage does once for all dates, are told apart.
"""

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import ibis
import typer

from benchmarks.rivals import by_sql, ours
from benchmarks.rivals.task import Task
from pipeline import artifacts

SETTINGS = "FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 200000"
Seconds = tuple[float, float]


def timed(work: Callable[[], object]) -> Seconds:
    """Seconds, and core-seconds of all threads."""
    begin, used = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - begin, time.process_time() - used


def middle(turns: list[Seconds]) -> Seconds:
    seconds, cores = zip(*turns, strict=True)
    return statistics.median(seconds), statistics.median(cores)


def main(
    home: Annotated[Path, typer.Option(help="Home of a world, after the stage `cohort`.")],
    threads: Annotated[int, typer.Option(help="Threads of DuckDB.")] = 2,
    turns: Annotated[int, typer.Option(help="How often each statement runs.")] = 3,
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        task = Task(home, Path(folder) / "made.parquet", (), threads)
        sql: list[str] = []
        written = timed(lambda: sql.append(artifacts.compiled(ours.asked(task))))
        mine, theirs = ibis.get_backend().con, by_sql.views(task)
        took: dict[str, list[Seconds]] = {"pipeline": [], "hand-written SQL": []}
        for _ in range(turns):
            for name, engine, text in (
                ("pipeline", mine, sql[0]),
                ("hand-written SQL", theirs, by_sql.statement(task)),
            ):
                took[name].append(
                    timed(lambda e=engine, t=text: e.execute(f"COPY ({t}) TO '{task.out}' ({SETTINGS})").fetchall())
                )
    typer.echo(f"our statement, written by Ibis: {written[0]:.1f} s, {written[1]:.1f} core-seconds")
    for name, each in took.items():
        seconds, cores = middle(each)
        typer.echo(f"{name:<18}{seconds:>8.1f} s {cores:>8.1f} core-seconds; the middle of {turns} turns")
    a, b = (middle(each) for each in took.values())
    typer.echo(f"ours beside it: {a[0] / b[0]:.2f} in seconds, {a[1] / b[1]:.2f} in core-seconds")


if __name__ == "__main__":
    typer.run(main)
