"""The pipeline beside what people use in its place: seconds and memory in one run, told as ratios; values compared.

`python -m benchmarks.compare --home DIR`, DIR holding a world's canonical tables and cohort (stages `simulate` to
`cohort`). Each candidate is a program of its own in a process of its own (`benchmarks/rivals/`), reads the same Parquet
files with the same threads, and writes its features of the extract's date as Parquet; candidates take turns, so that
all meet the same machine, and the middle of their turns counts. Every value that a candidate made is then compared with
ours. polars and featuretools are no part of the pipeline: install them into environments of their own and name their
Python with `--polars` and `--featuretools`; what is not named is told as not measured.

Seconds are those of the whole process, from start to end, and so hold what Python takes to begin and Ibis to write the
statement; core-seconds are what the process used of the machine, which is what to read where others share it.
"""

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import typer

from benchmarks.rivals.task import PRIMITIVES, SUBSET

PROJECT = Path(__file__).resolve().parents[1]
TOLERANCE = 1e-9
KEYS = ("kpm_id", "as_of")
HEAD = (
    "features", "candidate", "seconds", "core-seconds", "GiB at most", "seconds, times ours",
    "core-seconds, times ours",
    "values",
)  # fmt: skip


@dataclass(frozen=True)
class Candidate:
    """A program that makes features, beside the one of ours (`against`) that makes the same ones."""

    name: str
    module: str
    python: Path
    names: tuple[str, ...]
    against: str
    zero: bool = False  # of a family without a row in a table, 0 is what it tells where we tell nothing

    def made(self, scratch: Path) -> Path:
        return scratch / f"{self.name.replace(' ', '_').replace(',', '')}.parquet"


@dataclass(frozen=True)
class Turn:
    seconds: float
    core_seconds: float
    gib: float
    work: float


def candidates(polars: Path | None, featuretools: Path | None) -> list[Candidate]:
    """Ours before each of the others, of the same features."""
    here, few, fewer = Path(sys.executable), len(SUBSET), len(PRIMITIVES)
    every, some, plain = "pipeline, all", f"pipeline, {few}", f"pipeline, {fewer}"
    found = [
        Candidate(every, "ours", here, (), every),
        Candidate("hand-written SQL", "by_sql", here, (), every),
        Candidate(some, "ours", here, SUBSET, some),
        Candidate("pandas", "by_pandas", here, SUBSET, some),
    ]
    if polars:
        found.append(Candidate("polars", "by_polars", polars, SUBSET, some))
    if featuretools:
        found.append(Candidate(plain, "ours", here, PRIMITIVES, plain))
        found.append(Candidate("featuretools", "by_featuretools", featuretools, PRIMITIVES, plain, zero=True))
    return found


def turn(candidate: Candidate, home: Path, scratch: Path, threads: int) -> Turn:
    """One run in a process of its own; SystemExit with its last words where it fails."""
    line = [str(candidate.python), "-m", f"benchmarks.rivals.{candidate.module}", "--home", str(home.resolve()),
            "--out", str(candidate.made(scratch)), "--threads", str(threads),
            "--names", ",".join(candidate.names)]  # fmt: skip
    told, heard = scratch / "told", scratch / "heard"
    with told.open("w") as out, heard.open("w") as errors:
        begin = time.perf_counter()
        process = subprocess.Popen(line, cwd=PROJECT, stdout=out, stderr=errors)
        _, status, used = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - begin
    if os.waitstatus_to_exitcode(status):
        raise SystemExit(f"compare: {candidate.name} failed: {heard.read_text().strip()[-300:]}")
    work = float(json.loads(told.read_text().strip().split("\n")[-1]))
    return Turn(seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / 2**20, work)


def middle(turns: Iterable[Turn]) -> Turn:
    """The median of each measure."""
    each = list(turns)
    return Turn(*(statistics.median(getattr(t, f) for t in each) for f in ("seconds", "core_seconds", "gib", "work")))


def differing(ours: pd.DataFrame, theirs: pd.DataFrame, zero: bool = False) -> dict[str, int]:
    """Families for which a feature that both have is not equal, by feature: null beside a number, or 1e-9 apart.

    With `zero`, 0 beside null is equal: how the two tell that there is no row.
    """
    if ours["kpm_id"].tolist() != theirs["kpm_id"].tolist():
        raise SystemExit(f"compare: {len(ours)} families beside {len(theirs)}, or not the same ones")
    counts = {}
    for name in (c for c in theirs if c not in KEYS):
        x, y = ours[name].to_numpy(dtype=float), theirs[name].to_numpy(dtype=float)
        far = ~(np.abs(x - y) <= TOLERANCE * np.maximum(1, np.abs(x)))
        alike = np.isnan(x) & (np.isnan(y) | (zero & (y == 0)))
        counts[name] = int((far & ~alike).sum())
    return counts


def verdict(ours: Path, theirs: Path, zero: bool) -> str:
    """How many features are equal for every family, and the worst of those that are not."""
    first, second = (pd.read_parquet(f).sort_values("kpm_id", ignore_index=True) for f in (ours, theirs))
    counts = differing(first, second, zero)
    wrong = {name: n for name, n in counts.items() if n}
    if not wrong:
        without = "; 0 where ours is null, of families without a row" if zero else ""
        return f"all {len(counts)} equal, {len(first):,} families{without}"
    worst = max(wrong, key=lambda name: wrong[name])
    return f"{len(counts) - len(wrong)} of {len(counts)} equal; {worst} differs for {wrong[worst]:,} families"


def line(candidate: Candidate, took: dict[str, Turn], values: str) -> tuple[str, ...]:
    own, ours = took[candidate.name], took[candidate.against]
    mine = candidate.name == candidate.against
    ratios = (own.seconds / ours.seconds, own.core_seconds / ours.core_seconds)
    return (
        str(len(candidate.names) or "all"), "pipeline" if mine else candidate.name, f"{own.seconds:.1f}",
        f"{own.core_seconds:.1f}", f"{own.gib:.2f}", *(f"{r:.2f}" for r in ratios), "" if mine else values,
    )  # fmt: skip


def machine(threads: int) -> str:
    gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    python = platform.python_version()
    return f"{platform.machine()}, {os.cpu_count()} cores, {gib:.0f} GiB; {threads} threads; Python {python}"


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join("| " + " | ".join(row) + " |" for row in lines)


def main(
    home: Annotated[Path, typer.Option(help="Folder with a world's canonical tables and cohort.")],
    turns: Annotated[int, typer.Option(help="How often each candidate runs.")] = 3,
    threads: int = 2,
    polars: Annotated[Path | None, typer.Option(help="Python of an environment that has polars.")] = None,
    featuretools: Annotated[Path | None, typer.Option(help="Python of an environment that has featuretools.")] = None,
) -> None:
    chosen = candidates(polars, featuretools)
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        took: dict[str, list[Turn]] = {c.name: [] for c in chosen}
        for _ in range(turns):
            for candidate in chosen:
                took[candidate.name].append(turn(candidate, home, scratch, threads))
        middles = {name: middle(each) for name, each in took.items()}
        made = {c.name: c.made(scratch) for c in chosen}
        rows = [line(c, middles, verdict(made[c.against], made[c.name], c.zero)) for c in chosen]
    typer.echo(f"{machine(threads)}; the middle of {turns} turns\n\n{table(HEAD, rows)}")
    for name, asked in (("polars", polars), ("featuretools", featuretools)):
        if not asked:
            typer.echo(f"{name}: not measured, as no environment was named")


if __name__ == "__main__":
    typer.run(main)
