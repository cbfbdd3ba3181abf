"""The model card: what the model is for, what it learned from, how good it is; every number from the run's tables."""

from typing import Any

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined

from pipeline import standing
from pipeline.report import ReportData

METRICS = (
    "auc",
    "average_precision",
    "brier",
    "calibration_in_the_large",
    "calibration_slope",
    "precision_at_10_per_facilitator",
    "precision_at_3pct_per_regency",
)


def render(data: ReportData, plan: pd.DataFrame, model: str) -> str:
    """Markdown; `plan` is folds.table of the deployed model's own fold."""
    environment = Environment(
        loader=PackageLoader("pipeline", "templates"), autoescape=False, undefined=StrictUndefined, trim_blocks=True
    )
    return environment.get_template("card.md").render(
        lineage=data.lineage,
        as_of=data.as_of,
        horizon=data.horizon_months,
        level=f"{100 * data.level:g} %",
        spans=spans(plan),
        metrics=rows(data.measures, model),
        verdict=data.verdict,
        warnings=[text.en for text in standing.warnings(data.verdict)],
        segments=rows(data.measures, model, "segment"),
        reasons=data.reasons.head(10).to_dict("records"),
    )


def spans(plan: pd.DataFrame) -> dict[str, str]:
    """First and last as-of date of each kind of rows."""
    found = plan[plan["kind"] != "test"].groupby("kind")["as_of"].agg(["min", "max"])
    return {str(kind): f"{first} to {last}" for kind, first, last in found.itertuples()}


def rows(measures: pd.DataFrame, model: str, scope: str = "all") -> list[dict[str, Any]]:
    """Metrics of the model as text, in the order of METRICS; undefined ones are left out."""
    mine = measures[(measures["scope"] == scope) & (measures["model"] == model) & measures["metric"].isin(METRICS)]
    known = mine.dropna(subset=["estimate"]).assign(place=mine["metric"].map(METRICS.index))
    ordered = known.sort_values(["group", "place"]).to_dict("records")
    return [
        {
            "group": row["group"],
            "metric": str(row["metric"]).replace("_", " "),
            "estimate": f"{row['estimate']:.4f}",
            "interval": "not defined" if pd.isna(row["lower"]) else f"{row['lower']:.4f} to {row['upper']:.4f}",
            "rows": int(row["rows"]),
        }
        for row in ordered
    ]
