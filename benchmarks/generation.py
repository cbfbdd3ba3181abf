"""How long a simulated world takes and how large it is, from 20,000 families up.

`python -m benchmarks.generation --families 20000 --families 200000 --families 1000000`; each size is the world
`million` with that many families, written by `python -m pipeline simulate` in a process of its own into a folder that
is removed afterwards. Seconds depend on the machine and on who shares it, so the figures to compare are ratios:
families per core-second, and the exponent of growth between two sizes (1 is linear).
"""

import math
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
import yaml

PROJECT = Path(__file__).resolve().parents[1]
HEAD = (
    "families",
    "seconds",
    "core-seconds",
    "families a core-second",
    "growth exponent",
    "GB",
    "bytes a family",
    "GiB at most",
)


@dataclass(frozen=True)
class Made:
    families: int
    seconds: float
    core_seconds: float
    size: int
    memory: float

    def line(self, before: "Made | None") -> tuple[str, ...]:
        growth = "" if before is None else f"{self.exponent(before):.2f}"
        return (
            f"{self.families:,}", f"{self.seconds:.1f}", f"{self.core_seconds:.1f}",
            f"{self.families / self.core_seconds:,.0f}", growth, f"{self.size / 1e9:.2f}",
            f"{self.size / self.families:,.0f}", f"{self.memory:.1f}",
        )  # fmt: skip

    def exponent(self, before: "Made") -> float:
        """log of core-seconds over log of families, between two sizes."""
        return math.log(self.core_seconds / before.core_seconds) / math.log(self.families / before.families)


def make(families: int, world: str) -> Made:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        (home / "configs" / "worlds").mkdir(parents=True)
        settings = yaml.safe_load((PROJECT / "configs" / "simulate.yaml").read_text(encoding="utf-8"))
        changes = yaml.safe_load((PROJECT / "configs" / "worlds" / f"{world}.yaml").read_text(encoding="utf-8"))
        changes["changes"]["families"] = families
        (home / "configs" / "simulate.yaml").write_text(yaml.safe_dump(settings | {"world": world}), encoding="utf-8")
        (home / "configs" / "worlds" / f"{world}.yaml").write_text(yaml.safe_dump(changes), encoding="utf-8")
        return run(families, home)


def run(families: int, home: Path) -> Made:
    line = [sys.executable, "-m", "pipeline", "--home", str(home), "--configs", str(home / "configs"), "simulate"]
    start = time.perf_counter()
    process = subprocess.Popen(line, cwd=PROJECT, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    if os.waitstatus_to_exitcode(status):
        raise SystemExit(f"generation: simulating {families} families failed")
    size = sum(f.stat().st_size for f in (home / "data").rglob("*") if f.is_file())
    # The larger of the process's own peak and of its workers', as the system tells.
    largest = max(used.ru_maxrss, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss) / 2**20
    return Made(families, seconds, used.ru_utime + used.ru_stime, size, largest)


def main(
    families: Annotated[list[int] | None, typer.Option(help="A size; may be given several times.")] = None,
    world: Annotated[str, typer.Option(help="A world of configs/worlds.")] = "million",
) -> None:
    typer.echo("| " + " | ".join(HEAD) + " |\n|" + " --- |" * len(HEAD))
    before = None
    for size in families or [20_000, 200_000, 1_000_000]:
        made = make(size, world)
        typer.echo("| " + " | ".join(made.line(before)) + " |")
        before = made


if __name__ == "__main__":
    typer.run(main)
