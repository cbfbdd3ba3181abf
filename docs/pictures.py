"""The pictures of the documentation, all of them from a finished run: `python -m docs pictures`."""

from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path

import pandas as pd
import yaml
from matplotlib.figure import Figure

from benchmarks import curve
from docs import drawings, shown
from pipeline import artifacts, figures, stages
from pipeline.artifacts import Home
from pipeline.errors import BadInput

PROJECT = Path(__file__).resolve().parents[1]
MEASURED = PROJECT / "docs" / "measured" / "national.csv"
ABOUT = {
    "simulate": "a world with known truth", "world": "its calibration page", "source": "what the source holds",
    "ingest": "accept or quarantine", "cohort": "who is scored, and when", "labels": "what happened next",
    "features": "what was known then", "backtest": "every model, every fold", "train": "the model that scores",
    "calibrate": "scores to chances", "evaluate": "measures, intervals", "effect": "what PENA changes",
    "lineage": "one id for all of it", "lifecycle": "the coming five years", "score": "chance, rank, pathway",
    "explain": "contributions (SHAP)", "opinions": "second opinions", "lists": "a list per regency",
    "visits": "all programmes' visits", "fairness": "whom it treats worse", "drift": "what moves",
    "report": "report, model card", "publish": "signed bundle", "track": "the run in MLflow",
}  # fmt: skip
SHOWN = (figures.MAIN, "logistic_regression", "rule_income", "base_rate")  # few lines; the report draws every model
NAMES = (
    "flow", "clocks", "folds", "incidence", "calibration_periods", "gains", "capacity", "concepts", "tiles", "scaling",
)  # fmt: skip


def save(home: Home, folder: Path) -> list[str]:
    """Draws what the run and the measurements allow; returns the names drawn. BadInput where there is no whole run."""
    if not finished(home):
        raise BadInput(f"{home.path(stages.LISTS)}: no finished run lies there", "make run")
    drawn = {"flow": flow(), **of_run(home), **measured()}
    folder.mkdir(parents=True, exist_ok=True)
    for name, figure in drawn.items():
        artifacts.write_bytes(figures.png(figure), folder / f"{name}.png")
    return list(drawn)


def finished(home: Home) -> bool:
    """Whether a run ended there: stages up to the report left what the pictures show."""
    return all(home.path(p).exists() for p in (stages.LISTS, stages.REPORT, stages.SHAP, stages.LINEAGE))


def flow() -> Figure:
    picture = yaml.safe_load((PROJECT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    return drawings.flow(shown.flow(picture), ABOUT)


def of_run(home: Home) -> dict[str, Figure]:
    """Figures by name of one run's own tables."""
    simulated = bool(artifacts.read_json(home.path(stages.LINEAGE))["simulated"])
    return {
        **of_time(home, simulated),
        **of_evaluation(home, simulated),
        "concepts": drawings.by_concept(concepts(home), simulated),
        "tiles": drawings.tiles(places(home), simulated),
    }


def of_time(home: Home, simulated: bool) -> dict[str, Figure]:
    extracted_on = date.fromisoformat(artifacts.read_json(home.path(stages.EXTRACT))["extracted_on"])
    membership = artifacts.read_frame(home.path(f"{stages.CANONICAL}/membership.parquet"))
    moments = artifacts.read_json(home.path(stages.MOMENTS))
    as_of = _latest(moments, extracted_on - timedelta(days=180))
    return {
        "clocks": drawings.clocks(shown.two_clocks(membership, as_of), as_of, simulated),
        "folds": figures.folds(artifacts.read_csv(home.path(stages.FOLDS)), simulated),
        **of_exits(home, shown.followed(moments, extracted_on), simulated),
    }


def of_exits(home: Home, as_of: date | None, simulated: bool) -> dict[str, Figure]:
    """How families of a date left, where they are known for long enough; a panel asked in waves never is."""
    if as_of is None or not home.path(stages.RECORDED).exists():
        return {}
    table = shown.incidence(artifacts.read_frame(home.path(stages.RECORDED)), as_of)
    if set(table["outcome"]) <= {shown.NAIVE}:
        return {}
    return {"incidence": drawings.incidence(table, as_of, simulated)}


def _latest(moments: Mapping[str, str], day: date) -> date:
    return date.fromisoformat(max(a for a in moments if date.fromisoformat(a) <= day))


def of_evaluation(home: Home, simulated: bool) -> dict[str, Figure]:
    read = {n: artifacts.read_csv(home.path(f"{stages.TABLES}/{n}.csv")) for n in ("measures", "gains", "capacity")}
    table = {n: t[t["model"].isin(SHOWN)] for n, t in read.items()}
    measures = table["measures"]
    own = measures[(measures["scope"] == "period") & (measures["model"] == figures.MAIN)]
    return {
        "calibration_periods": figures.calibration_periods(own[own["metric"].isin(figures.LEVELS)], simulated),
        "gains": figures.gains(table["gains"], simulated),
        "capacity": figures.capacity(table["capacity"], simulated),
    }


def concepts(home: Home) -> pd.DataFrame:
    words = artifacts.read_csv(home.path(stages.WORDING))
    return shown.by_concept(
        artifacts.read_frame(home.path(stages.SHAP)), dict(zip(words["feature"], words["concept"], strict=True))
    )


def places(home: Home) -> pd.DataFrame:
    index = artifacts.read_codes(home.path(f"{stages.LISTS}/index.csv"))
    names = dict(zip(index["regency_code"], index["name"], strict=True))
    return shown.regencies(artifacts.read_frame(home.path(stages.SCORES)), names)


def measured() -> dict[str, Figure]:
    """The scaling curve, where the table of measurements is there."""
    if not MEASURED.is_file():
        return {}
    figure = curve.draw(curve.with_whole(curve.read(MEASURED)))
    figures.mark(figure, True)
    return {"scaling": figure}
