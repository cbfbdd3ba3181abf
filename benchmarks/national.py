"""How long each stage of the national run takes, and how much memory, at one or several sizes of a world.

`python -m benchmarks.national --families 200000 --families 1000000 --table build/national.csv`: each size is the world
`million` with that many families, simulated into a folder of its own (kept with `--keep DIR`, where a world that is
there already is not simulated again) and taken through the stages of `make national`, each in a process of its own.
Memory is the largest sum over the stage's processes, looked at twice a second: what they share counts twice, so it is
an upper bound. The table is what `benchmarks.curve` draws.
"""

import csv
import math
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import psutil
import typer
import yaml

PROJECT = Path(__file__).resolve().parents[1]
STAGES = ("simulate", "source", "ingest", "cohort", "features", "lineage", "lifecycle", "score", "explain", "lists")
HEAD = ("stage", "families", "seconds", "core_seconds", "peak_gib")
EVERY = 0.5


@dataclass(frozen=True)
class Taken:
    stage: str
    families: int
    seconds: float
    core_seconds: float
    peak_gib: float

    def line(self) -> str:
        measured = f"{self.seconds:>9.1f} {self.core_seconds:>9.1f} {self.peak_gib:>6.2f}"
        return f"{self.stage:<10} {self.families:>11,} {measured}"


def configured(root: Path, families: int) -> Path:
    """A configuration folder: the national one, with a world `million` of that size."""
    folder = root / "configs"
    shutil.copytree(PROJECT / "configs" / "national", folder, dirs_exist_ok=True)
    (folder / "worlds").mkdir(exist_ok=True)
    world = yaml.safe_load((PROJECT / "configs" / "worlds" / "million.yaml").read_text(encoding="utf-8"))
    world["changes"]["families"] = families
    (folder / "worlds" / "million.yaml").write_text(yaml.safe_dump(world), encoding="utf-8")
    return folder


def measured(stage: str, families: int, root: Path) -> Taken:
    line = [sys.executable, "-m", "pipeline", "--home", str(root), "--configs", str(root / "configs")]
    start = time.perf_counter()
    process = subprocess.Popen([*line, "--world", "million", stage], cwd=PROJECT)
    peak, ended = [0.0], threading.Event()
    watcher = threading.Thread(target=watch, args=(process.pid, peak, ended))
    watcher.start()
    _, status, used = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    ended.set()
    watcher.join()
    if os.waitstatus_to_exitcode(status):
        raise SystemExit(f"national: {stage} of {families:,} families failed")
    return Taken(stage, families, seconds, used.ru_utime + used.ru_stime, peak[0])


def watch(pid: int, peak: list[float], ended: threading.Event) -> None:
    """Keep the largest sum of memory over a process and its children, in GiB."""
    while not ended.wait(EVERY):
        total = 0
        try:
            root = psutil.Process(pid)
            for process in [root, *root.children(recursive=True)]:
                total += process.memory_info().rss
        except psutil.Error:
            continue
        peak[0] = max(peak[0], total / 2**30)


def after(rows: list[Taken], families: int) -> float:
    """Seconds from the raw extract to the lists."""
    return sum(r.seconds for r in rows if r.families == families and r.stage != "simulate")


def growth(rows: list[Taken]) -> str:
    """The exponent of growth of all stages after the raw extract, from the smallest to the largest size."""
    sizes = sorted({r.families for r in rows})
    if len(sizes) < 2:
        return ""
    least, most = (after(rows, n) for n in (sizes[0], sizes[-1]))
    return f"grows with size to the power of {math.log(most / least) / math.log(sizes[-1] / sizes[0]):.2f}"


def main(
    families: Annotated[list[int], typer.Option(help="Families ever enrolled; once for each size.")],
    models: Annotated[Path, typer.Option(help="Folder of the trained model.")] = Path("models"),
    keep: Annotated[Path | None, typer.Option(help="Keep the worlds here, and use those that are here.")] = None,
    table: Annotated[Path | None, typer.Option(help="Write the measurements here as CSV.")] = None,
) -> None:
    rows = []
    with tempfile.TemporaryDirectory() as temporary:
        for n in sorted(families):
            root = (keep or Path(temporary)) / str(n)
            root.mkdir(parents=True, exist_ok=True)
            configured(root, n)
            shutil.copytree(models, root / "models", dirs_exist_ok=True)
            there = (root / "data" / "simulated" / "extract.yaml").is_file()
            for stage in STAGES[1:] if there else STAGES:
                rows.append(measured(stage, n, root))
                typer.echo(rows[-1].line())
            largest = max(r.peak_gib for r in rows if r.families == n and r.stage != "simulate")
            typer.echo(f"after the raw extract: {after(rows, n):.1f} s, at most {largest:.2f} GiB")
    typer.echo(growth(rows))
    if table is not None:
        with table.open("w", newline="", encoding="utf-8") as file:
            written = csv.writer(file)
            written.writerow(HEAD)
            written.writerows([r.stage, r.families, r.seconds, r.core_seconds, r.peak_gib] for r in rows)


if __name__ == "__main__":
    typer.run(main)
