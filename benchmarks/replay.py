"""Are families rebuilt, scored and explained from a bundle bit for bit, and how long does one take?

`python -m benchmarks.replay BUNDLE --families 500 --processes 20` replays so many random families in one process, one
by one, each from the hashed files on, and so many by the command line, process start included.
"""

import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated

import numpy as np
import pyarrow.parquet as pq
import typer

from pipeline.audit import folder, names, replay

SEED = 20250630
PROJECT = Path(__file__).resolve().parents[1]


def by_command(bundle: Path, family: str) -> tuple[bool, float]:
    start = time.perf_counter()
    words = [sys.executable, "-m", "pipeline", "audit", "replay", family, "--bundle", str(bundle.resolve())]
    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=PROJECT)
    return done.returncode == 0 and "bit for bit" in done.stdout, time.perf_counter() - start


def in_process(snapshot: replay.Snapshot, family: str) -> tuple[bool, float]:
    start = time.perf_counter()
    found = replay.replay(snapshot, [family])
    return [r.family for r in found] == [family], time.perf_counter() - start


def told(what: str, found: list[tuple[bool, float]]) -> str:
    seconds = np.array([s for _, s in found])
    right = sum(same for same, _ in found)
    return (
        f"{what:<16}{right} of {len(found)} identical; seconds: median {np.median(seconds):.2f}, "
        f"95 % {np.quantile(seconds, 0.95):.2f}, most {seconds.max():.2f}"
    )


def main(
    bundle: Annotated[Path, typer.Argument(help="A bundle that `python -m pipeline audit bundle` wrote.")],
    families: Annotated[int, typer.Option(help="Families replayed in this process.")] = 500,
    processes: Annotated[int, typer.Option(help="Families replayed by the command line.")] = 20,
) -> None:
    everybody = sorted(pq.read_table(bundle / names.SCORES, columns=["kpm_id"])["kpm_id"].to_pylist())
    drawn = np.random.default_rng(SEED).permutation(everybody)[: max(families, processes)].tolist()
    snapshot = replay.Snapshot(folder.opened(bundle))
    typer.echo(told("one process", [in_process(snapshot, f) for f in drawn[:families]]))
    if processes:
        typer.echo(told("by command", [by_command(bundle, f) for f in drawn[:processes]]))


if __name__ == "__main__":
    typer.run(main)
