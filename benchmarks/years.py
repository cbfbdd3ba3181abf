"""The year after the extract in other seeds of a world; take seeds that nobody looked at when settings were chosen.

`python -m benchmarks.years --home DIR` simulates several seeds of a world below DIR, scores each with a model trained
on it, and holds the scores against what the world then did: beside the analyst of analyst.py and the oracle, measures
averaged over the worlds, and of each world graduations seen per graduation promised. Intervals resample the families
of every world, 200 times, the same families for every model.
"""

from functools import reduce
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import typer
import yaml

from benchmarks import analyst, figures
from pipeline import stages
from pipeline.artifacts import Home

PROJECT = Path(__file__).resolve().parents[1]
STAGES = ("simulate", "source", "ingest", "cohort", "labels", "features", "train", "calibrate", "lineage", "lifecycle",
          "score")  # fmt: skip
MODEL, Z = "lightgbm", 1.96


def home_of(root: Path, seed: int) -> Home:
    """A study of its own below `root`: the project's settings with another seed of the world."""
    settings = yaml.safe_load((PROJECT / "configs" / "simulate.yaml").read_text(encoding="utf-8"))
    (root / "configs").mkdir(parents=True, exist_ok=True)
    (root / "configs" / "simulate.yaml").write_text(yaml.safe_dump(settings | {"seed": seed}), encoding="utf-8")
    return Home(root, (root / "configs", PROJECT / "configs"))


def scored(root: Path, world: str, seed: int) -> tuple[pd.DataFrame, dict[str, figures.Floats]]:
    """Families scored on the extract's date, and the chances that each model gave them; runs what is not there yet."""
    home = home_of(root, seed)
    home = Home(home.root, home.configs, None if world == "default" else world)
    if not home.path(stages.SCORES).exists():
        for name in STAGES:
            stages.run(name, home)
    return analyst.coming_year(analyst.Analyst(root, 1), MODEL)


def promised(rows: pd.DataFrame, chances: figures.Floats) -> str:
    """Graduations seen per graduation promised; the interval is Poisson's of what was seen."""
    seen, expected = rows["label"].sum(), float(np.sum(chances))
    error = np.exp(Z / np.sqrt(max(seen, 1.0)))
    return f"{seen / expected:.2f} [{seen / expected / error:.2f}, {seen / expected * error:.2f}]"


def mean(worlds: list[dict[str, pd.DataFrame]]) -> dict[str, pd.DataFrame]:
    """The measures of several worlds averaged, resample by resample: they were drawn apart from each other."""
    return {name: reduce(pd.DataFrame.add, [w[name] for w in worlds]) / len(worlds) for name in worlds[0]}


def main(
    home: Annotated[Path, typer.Option(help="Folder for the worlds; kept.")],
    world: str = "default",
    seeds: Annotated[list[int], typer.Option("--seed", help="Give it several times.")] = [11, 12, 13, 14],  # noqa: B006
) -> None:
    found = []
    for seed in seeds:
        rows, scores = scored(home / f"{world}_{seed}", world, seed)
        found.append(figures.measured(rows, scores))
        seen = int(rows["label"].sum())
        typer.echo(f"{world}, seed {seed}: {len(rows)} families, {seen} graduate, seen per promised "
                   f"{promised(rows, scores[MODEL])}; simulated")  # fmt: skip
    typer.echo(f"\nMean of {len(seeds)} worlds `{world}`, all simulated\n")
    typer.echo(figures.table(figures.told(mean(found), MODEL)))


if __name__ == "__main__":
    typer.run(main)
