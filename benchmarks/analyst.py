"""A good analyst's day beside the pipeline: SQL features with both clocks, LightGBM with 300 trees, no tuning.

`python -m benchmarks.analyst --home DIR`, DIR being where the whole pipeline has run on a simulated world. The analyst
uses the same labels, folds and rows; trains on every matured date of a fold, as there is nothing to calibrate; and
scores the coming year from the last five years that have matured. Beside both stands the oracle, the true chances that
only a simulated world knows. Intervals resample families, 200 times, the same families for every model.
"""

from datetime import date
from pathlib import Path
from typing import Annotated

import duckdb
import lightgbm as lgb
import pandas as pd
import typer

from benchmarks import figures

SQL = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")
NOT_FEATURES = ["kpm_id", "as_of", "regency_code", "facilitator_id", "label"]
TREES = 300
DATES = 20
PARAMETERS = {"objective": "binary", "learning_rate": 0.05, "verbose": -1, "seed": 1, "deterministic": True,
              "force_row_wise": True}  # fmt: skip


class Analyst:
    """Views of the canonical tables, and the features of each date once it is asked for."""

    def __init__(self, home: Path, threads: int) -> None:
        self.data, self.threads = home / "data", threads
        self.engine = duckdb.connect(config={"threads": threads})
        for table in sorted((self.data / "canonical").glob("*.parquet")):
            files = f"{table}/*.parquet" if table.is_dir() else str(table)
            self.engine.execute(f"CREATE VIEW {table.stem} AS FROM read_parquet('{files}')")
        labels = pd.read_parquet(self.data / "snapshots" / "labels.parquet")
        known = labels[labels["matured"] & (labels["outcome"] != "censored")]
        self.labels = known.assign(label=(known["outcome"] == "gsm").astype(float))[["kpm_id", "as_of", "label"]]
        self.made: dict[date, pd.DataFrame] = {}

    def features(self, as_of: date) -> pd.DataFrame:
        if as_of not in self.made:
            found = self.engine.sql(SQL.replace("$t", f"DATE '{as_of}'")).df()
            self.made[as_of] = found.assign(as_of=pd.Timestamp(as_of))
        return self.made[as_of]

    def rows(self, as_ofs: list[date]) -> pd.DataFrame:
        """Matured rows of the dates, with their label."""
        labels = self.labels.assign(as_of=pd.to_datetime(self.labels["as_of"]))
        return pd.concat([self.features(a) for a in as_ofs]).merge(labels, on=["kpm_id", "as_of"], how="inner")

    def fit(self, as_ofs: list[date]) -> lgb.Booster:
        rows = self.rows(as_ofs)
        data = lgb.Dataset(rows.drop(columns=NOT_FEATURES), rows["label"])
        return lgb.train(PARAMETERS | {"num_threads": self.threads}, data, TREES)

    def matured(self) -> list[date]:
        return sorted(pd.to_datetime(self.labels["as_of"]).dt.date.unique())


def folds(analyst: Analyst, model: str) -> tuple[pd.DataFrame, dict[str, figures.Floats]]:
    """Rows of all folds' tests and the chances that the analyst and the pipeline gave them."""
    plan = pd.read_csv(analyst.data / "evaluation" / "folds.csv", parse_dates=["as_of"])
    made = pd.read_parquet(analyst.data / "evaluation" / "predictions.parquet", filters=[("model", "==", model)])
    ours = made.assign(as_of=pd.to_datetime(made["as_of"]))[["kpm_id", "as_of", "fold", "probability"]]
    parts = []
    for number, fold in plan.groupby("fold"):
        days = {kind: sorted(part["as_of"].dt.date) for kind, part in fold.groupby("kind")}
        booster = analyst.fit(days["train"] + days["calibrate"])
        rows = analyst.rows(days["test"])
        parts.append(rows.assign(fold=number, analyst=booster.predict(rows.drop(columns=NOT_FEATURES))))
    rows = pd.concat(parts).merge(ours, on=["kpm_id", "as_of", "fold"], how="inner", validate="one_to_one")
    if len(rows) != len(ours):
        raise SystemExit(f"analyst: {len(ours)} rows were tested, {len(rows)} of them have the analyst's features")
    return rows, {model: rows["probability"].to_numpy(), "analyst": rows["analyst"].to_numpy()}


def coming_year(analyst: Analyst, model: str) -> tuple[pd.DataFrame, dict[str, figures.Floats]]:
    """Families scored on the extract's date with what then happened, as the simulated world knows it."""
    truth = pd.read_parquet(analyst.data / "truth" / "truth.parquet")
    scores = pd.read_parquet(analyst.data / "scores" / "scores.parquet")
    as_of = pd.to_datetime(scores["as_of"].iloc[0]).date()
    booster = analyst.fit(analyst.matured()[-DATES:])
    here = analyst.features(as_of)
    chances = here.assign(analyst=booster.predict(here.drop(columns=NOT_FEATURES, errors="ignore")))
    rows = (
        scores[["kpm_id", "as_of", "probability"]]
        .merge(truth, on="kpm_id")
        .merge(chances.drop(columns="as_of"), on="kpm_id")
    )
    rows = rows.assign(label=(rows["outcome"] == "gsm").astype(float))
    names = {model: "probability", "analyst": "analyst", "oracle": "probability_gsm"}
    return rows, {name: rows[column].to_numpy() for name, column in names.items()}


def main(
    home: Annotated[Path, typer.Option(help="Folder in which the whole pipeline has run.")],
    model: Annotated[str, typer.Option(help="Model of the pipeline to compare with.")] = "lightgbm",
    threads: int = 2,
) -> None:
    analyst = Analyst(home, threads)
    for title, part in (("Folds of the backtest", folds), ("The coming year", coming_year)):
        rows, scores = part(analyst, model)
        typer.echo(f"\n{title}: {len(rows)} rows, {int(rows['label'].sum())} graduations, all simulated\n")
        typer.echo(figures.table(figures.compare(rows, scores, model)))


if __name__ == "__main__":
    typer.run(main)
