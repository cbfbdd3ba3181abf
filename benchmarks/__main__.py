"""Everything that is told of speed, measured in one run: `python -m benchmarks --home DIR`, or `make benchmarks`.

Each part is a program of its own here, run one after the other in a process of its own on the same machine: the
simulator; our features beside hand-written SQL, pandas, polars and featuretools; contributions beside LightGBM, shap,
woodelf-explainer and fasttreeshap; every stage of the national run at several sizes, and how it grows; a new quarter;
a run in which nothing changed. What they print goes into one Markdown page, and the curve beside it. Rivals that are no
part of the pipeline are measured where an environment that has them is named.
"""

import platform
import re
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.compare import machine

PROJECT = Path(__file__).resolve().parents[1]
ALWAYS = {"source", "lineage"}  # stages that look again on every run, by design
UP_TO_COHORT = ("simulate", "source", "ingest", "cohort")


def ran(*words: str) -> str:
    """What a program of this folder prints; told as failed where it does."""
    done = subprocess.run([sys.executable, "-m", *words], cwd=PROJECT, capture_output=True, text=True)
    return done.stdout.strip() if not done.returncode else f"failed: {done.stderr.strip()[-300:]}"


def world(home: Path, families: int) -> str:
    """A world of that size up to its cohort in `home`, where there is none; seconds of each stage."""
    from benchmarks import national

    if (home / "data" / "snapshots" / "cohort.parquet").is_file():
        return "there already"
    home.mkdir(parents=True, exist_ok=True)
    national.configured(home, families)
    return "\n".join(national.measured(stage, families, home).line() for stage in UP_TO_COHORT)


def nothing() -> str:
    """Seconds of `dvc repro` where nothing changed; it says so where something had."""
    start = time.perf_counter()
    done = subprocess.run(["dvc", "repro"], cwd=PROJECT, capture_output=True, text=True)
    seconds = time.perf_counter() - start
    if done.returncode:
        return f"failed: {done.stderr.strip()[-300:]}"
    again = sorted(set(re.findall(r"^Running stage '(\w+)'", done.stdout, re.MULTILINE)) - ALWAYS)
    return f"dvc repro: {seconds:.1f} s" + (f"; not comparable, it ran {', '.join(again)}" if again else "")


def main(
    home: Annotated[Path, typer.Option(help="Folder for the world of the comparisons; made where it is empty.")],
    families: Annotated[int, typer.Option(help="Families of that world.")] = 200_000,
    sizes: Annotated[list[int] | None, typer.Option("--size", help="A size of the curve; once for each.")] = None,
    polars: Annotated[Path | None, typer.Option(help="Python of an environment that has polars.")] = None,
    featuretools: Annotated[Path | None, typer.Option(help="Python of an environment that has featuretools.")] = None,
    beside: Annotated[list[Path] | None, typer.Option(help="Python that has woodelf or fasttreeshap.")] = None,
    out: Annotated[Path, typer.Option(help="Folder of the page and the picture.")] = Path("build/benchmarks"),
) -> None:
    out.mkdir(parents=True, exist_ok=True)
    curve = [str(s) for s in sizes or (10_000, 100_000, families)]
    table, picture = out / "national.csv", out / "curve.png"
    rivals = [w for n, p in (("polars", polars), ("featuretools", featuretools)) if p for w in (f"--{n}", str(p))]
    parts = {
        f"A world of {families:,} families, simulated: stage, families, seconds, core-seconds, GiB": lambda: world(
            home, families
        ),
        "Features of one date": lambda: ran("benchmarks.compare", "--home", str(home), *rivals),
        "Features of one date, the statements alone": lambda: ran("benchmarks.statements", "--home", str(home)),
        "Contributions": lambda: ran(
            "benchmarks.treeshap", "--home", ".", *(w for p in beside or () for w in ("--beside", str(p)))
        ),
        "Every stage of the national run: stage, families, seconds, core-seconds, GiB": lambda: ran(
            "benchmarks.national", "--table", str(table), *(w for s in curve for w in ("--families", s))
        ),
        "How it grows": lambda: ran("benchmarks.curve", "--table", str(table), "--picture", str(picture)),
        "A new quarter": lambda: ran("benchmarks.quarter", "--families", str(families)),
        "Where nothing changed": nothing,
    }
    said = [f"# Benchmarks\n\n{datetime.now(UTC):%Y-%m-%d}; {machine(2)}; {platform.system()}"]
    for title, part in parts.items():
        typer.echo(title, err=True)
        said.append(f"## {title}\n\n{part()}")
        (out / "benchmarks.md").write_text("\n\n".join(said) + "\n", encoding="utf-8")
    typer.echo("\n\n".join(said))


if __name__ == "__main__":
    typer.run(main)
