"""Where nothing can be known, nothing may be claimed: the world `no_signal`, and labels shuffled among families.

`python -m benchmarks.nothing --families 20000 --home DIR` runs the pipeline up to `evaluate` twice in folders below
DIR: on the world `no_signal`, and on the default world with the outcomes of each as-of date dealt anew among its
families (the same deal for a family on every date, so that what can be learnt by heart is there to be learnt). Of both
the AUC of the model must hold 0.5 within its interval, and the verdict must be `do not deploy`.
"""

import json
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import typer
import yaml

from pipeline import stages
from pipeline.artifacts import Home

PROJECT = Path(__file__).resolve().parents[1]
SEED = 20250630


def home_of(root: Path, world: str, families: int) -> Home:
    """A study of its own below `root`: the project's settings with another world and size."""
    configs = root / "configs"
    (configs / "worlds").mkdir(parents=True, exist_ok=True)
    settings = yaml.safe_load((PROJECT / "configs" / "simulate.yaml").read_text(encoding="utf-8"))
    changes = yaml.safe_load((PROJECT / "configs" / "worlds" / f"{world}.yaml").read_text(encoding="utf-8"))
    changes["changes"]["families"] = families
    (configs / "simulate.yaml").write_text(yaml.safe_dump(settings | {"world": world}), encoding="utf-8")
    (configs / "worlds" / f"{world}.yaml").write_text(yaml.safe_dump(changes), encoding="utf-8")
    return Home(root, (configs, PROJECT / "configs"))


def shuffle(file: Path) -> None:
    """Deal the outcomes of each as-of date among its families: each takes those of one other family, on every date."""
    labels = pd.read_parquet(file)
    families = labels["kpm_id"].drop_duplicates().sort_values().to_numpy()
    other = dict(zip(families, np.random.default_rng(SEED).permutation(families), strict=True))
    told = [c for c in labels if c not in ("kpm_id", "as_of", "matured")]
    dealt = labels[["kpm_id", "as_of", *told]].assign(kpm_id=labels["kpm_id"].map({v: k for k, v in other.items()}))
    kept = labels[["kpm_id", "as_of", "matured"]].merge(dealt, on=["kpm_id", "as_of"], how="left")
    absent = kept["outcome"].isna()
    # A family whose giver was no member then takes `none` where the date has matured.
    kept.loc[absent, "outcome"] = np.where(kept.loc[absent, "matured"], "none", "censored")
    kept[list(labels)].to_parquet(file, index=False)


def judged(home: Home) -> str:
    told = json.loads(home.path(stages.METRICS).read_text(encoding="utf-8"))
    model = told["verdict"]["champion"]
    auc = told["models"][model]["auc"]
    holds = auc["lower"] <= 0.5 <= auc["upper"]
    return (
        f"{model}: AUC {auc['estimate']:.3f} [{auc['lower']:.3f}, {auc['upper']:.3f}], "
        f"{'holds' if holds else 'does NOT hold'} 0.5; {told['verdict']['verdict']}; {told['positives']} graduations"
    )


def main(
    home: Annotated[Path, typer.Option(help="Folder for both runs; kept.")],
    families: int = 20_000,
) -> None:
    names = [n for n in stages.STAGES if n != "world"]
    until = names[: names.index("evaluate") + 1]
    for title, world, dealt in (("no_signal", "no_signal", False), ("shuffled labels", "default", True)):
        study = home_of(home / title.replace(" ", "_"), world, families)
        for name in until:
            stages.run(name, study)
            if dealt and name == "labels":
                shuffle(study.path(stages.LABELS))
        typer.echo(f"{title}: {judged(study)}")


if __name__ == "__main__":
    typer.run(main)
