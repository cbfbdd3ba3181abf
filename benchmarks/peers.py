"""All models of the backtest in the year after the extract, which only a simulated world knows.

`python -m benchmarks.peers --home DIR`, DIR being where the whole pipeline has run on a simulated world: every model is
fitted and calibrated as for the final one, scores the families active on the extract's date, and is held against what
the world then did. Intervals resample families, 200 times, the same families for every model.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Annotated

import pandas as pd
import typer

from benchmarks import figures
from pipeline import backtest, stages
from pipeline.artifacts import Home

PROJECT = Path(__file__).resolve().parents[1]
MODEL = "lightgbm"


def told(home: Home) -> pd.DataFrame:
    """Predictions of every model for the families scored, with the outcome that came; as backtest.Made has them."""
    past, fold = stages.past(home), stages.final_fold(home)
    truth = pd.read_parquet(home.path(stages.TRUTH) / "truth.parquet")[["kpm_id", "outcome"]]

    def matured(as_ofs: Iterable[date]) -> pd.DataFrame:
        asked = list(as_ofs)
        return past.features(asked).merge(truth, on="kpm_id") if asked == [fold.origin] else past.matured(asked)

    known = replace(past, matured=matured)
    made: pd.DataFrame = backtest.one(fold, known, stages.backtest_settings(home)).predictions
    return made


def main(home: Annotated[Path, typer.Option(help="Folder in which the whole pipeline has run.")]) -> None:
    study = Home(home, (PROJECT / "configs",))
    made = told(study)
    placed = pd.read_parquet(study.path(stages.SCORES))[["kpm_id", "facilitator_id", "regency_code"]]
    rows = made[made["model"] == MODEL].merge(placed, on="kpm_id", how="left", validate="one_to_one")
    scores = {m: part.set_index("kpm_id").loc[rows["kpm_id"], "probability"] for m, part in made.groupby("model")}
    found = figures.measured(rows, {m: s.to_numpy() for m, s in scores.items()})
    typer.echo(f"{len(rows)} families, {int(rows['label'].sum())} graduate; simulated\n")
    typer.echo(figures.table(figures.told(found, MODEL)))
    ratios = {m: figures.interval(found[MODEL]["AP"] / table["AP"]) for m, table in found.items() if m != MODEL}
    typer.echo("\n" + "\n".join(f"average precision over that of {m}: {told}" for m, told in ratios.items()))


if __name__ == "__main__":
    typer.run(main)
