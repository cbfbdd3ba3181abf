"""The EPH panel's last quarters: the pipeline beside scikit-learn's gradient boosting as it comes, on the same rows.

First `python -m pipeline --configs configs/eph --home DIR all`, then `python -m benchmarks.eph --home DIR`.
HistGradientBoosting learns from the fold's training and calibration dates together and needs no calibration; the
pipeline's own peer of that name, calibrated like every model, stands beside it. Real data: no figure is simulated.
"""

from pathlib import Path
from typing import Annotated

import pandas as pd
import typer
from sklearn.ensemble import HistGradientBoostingClassifier

from benchmarks import figures

KEYS = ["kpm_id", "as_of"]


def rows_of(data: Path, as_ofs: list[str], names: list[str], labels: pd.DataFrame) -> pd.DataFrame:
    parts = [pd.read_parquet(data / "features" / f"{a}.parquet", columns=[*KEYS, *names]) for a in as_ofs]
    frame = pd.concat(parts).assign(as_of=lambda f: pd.to_datetime(f["as_of"]))
    return frame.merge(labels, on=KEYS, how="inner")


def main(
    home: Annotated[Path, typer.Option(help="Folder in which the pipeline has run on the panel.")],
    model: Annotated[str, typer.Option(help="Model of the pipeline to compare with.")] = "lightgbm",
) -> None:
    data = home / "data"
    known = pd.read_parquet(data / "snapshots" / "labels.parquet").query("matured and outcome != 'censored'")
    labels = known.assign(as_of=pd.to_datetime(known["as_of"]), label=(known["outcome"] == "gsm").astype(float))
    dictionary = pd.read_csv(data / "features" / "dictionary.csv").query("used_in_score")
    plan = pd.read_csv(data / "evaluation" / "folds.csv")
    made = pd.read_parquet(data / "evaluation" / "predictions.parquet").assign(
        as_of=lambda f: pd.to_datetime(f["as_of"])
    )
    wide = made.pivot_table(index=[*KEYS, "fold"], columns="model", values="probability").reset_index()
    parts = []
    for number, fold in plan.groupby("fold"):
        days = {kind: list(part["as_of"]) for kind, part in fold.groupby("kind")}
        names = list(dictionary["feature"])
        learn, test = (
            rows_of(data, d, names, labels[[*KEYS, "label"]]) for d in (days["train"] + days["calibrate"], days["test"])
        )
        names = [n for n in names if learn[n].nunique() > 1]  # scikit-learn cannot bin the others
        fitted = HistGradientBoostingClassifier(random_state=figures.SEED).fit(learn[names], learn["label"])
        parts.append(test[[*KEYS, "label"]].assign(fold=number, plain=fitted.predict_proba(test[names])[:, 1]))
    rows = pd.concat(parts).merge(wide, on=[*KEYS, "fold"], how="inner", validate="one_to_one")
    scores = {model: rows[model].to_numpy(), "scikit-learn, as it comes": rows["plain"].to_numpy()}
    if "sklearn_boosting" in rows:
        scores["scikit-learn, calibrated"] = rows["sklearn_boosting"].to_numpy()
    typer.echo(f"\nEPH, tested dates: {len(rows)} rows, {int(rows['label'].sum())} graduations, real\n")
    typer.echo(figures.table(figures.compare(rows, scores, model)))


if __name__ == "__main__":
    typer.run(main)
