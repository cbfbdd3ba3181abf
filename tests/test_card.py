"""The model card: its numbers are those of the tables, and it says simulated only where that is so."""

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest

from pipeline import card
from pipeline.report import ReportData

MEASURES = pd.DataFrame(
    [
        ("all", "all", "lightgbm", "brier", 0.0271, 0.025, 0.029, 24000),
        ("all", "all", "lightgbm", "auc", 0.78649, 0.76, 0.81, 24000),
        ("all", "all", "lightgbm", "precision_at_10_per_facilitator", 0.134, np.nan, np.nan, 24000),
        ("all", "all", "lightgbm", "calibration_slope", np.nan, np.nan, np.nan, 24000),
        ("all", "all", "lightgbm", "recall_at_10_per_facilitator", 0.31, 0.264, 0.357, 24000),
        ("all", "all", "rule_income", "auc", 0.61, 0.58, 0.64, 24000),
        ("segment", "under_40=true", "lightgbm", "auc", 0.7, 0.65, 0.75, 9000),
        ("segment", "under_40=false", "lightgbm", "auc", 0.8, 0.75, 0.85, 15000),
        ("period", "2023-03-31", "lightgbm", "auc", 0.77, 0.7, 0.8, 6000),
    ],
    columns=["scope", "group", "model", "metric", "estimate", "lower", "upper", "rows"],
)
PLAN = pd.DataFrame(
    [
        ("train", date(2019, 6, 30)), ("train", date(2019, 3, 31)), ("calibrate", date(2021, 3, 31)),
        ("calibrate", date(2020, 12, 31)), ("test", date(2022, 3, 31)),
    ],
    columns=["kind", "as_of"],
)  # fmt: skip
NOTHING = pd.DataFrame()
DATA = ReportData(
    lineage={
        "id": "0123456789abcdef", "commit": "8d1f", "dirty": False, "source": "a world", "extracted_on": "2025-06-30",
        "model": {"model": "aa11", "calibration": "bb22"}, "simulated": True,
    },
    as_of=date(2025, 6, 30), horizon_months=12, level=0.95, measures=MEASURES, differences=NOTHING,
    verdict={"verdict": "do not deploy"}, figures={}, lists=NOTHING,
    reasons=pd.DataFrame([(f"label {i}", 0.5 / (i + 1)) for i in range(12)], columns=["label", "mean_abs"]),
    quality=NOTHING, doubts=NOTHING, folds=NOTHING,
)  # fmt: skip


def lines(data=DATA):
    return card.render(data, PLAN, "lightgbm").splitlines()


@pytest.mark.parametrize(
    "line",
    [
        "# Model card: graduation within 12 months",
        "| lineage id | `0123456789abcdef` |",
        "| commit | `8d1f` |",
        "| source | a world, extracted on 2025-06-30 |",
        "| model | LightGBM, sha256 `aa11` |",
        "| calibration | sha256 `bb22` |",
        "| train as-of dates | 2019-03-31 to 2019-06-30 |",
        "| calibrate as-of dates | 2020-12-31 to 2021-03-31 |",
        "| scored as of | 2025-06-30 |",
        "| auc | 0.7865 | 0.7600 to 0.8100 | 24000 |",
        "| brier | 0.0271 | 0.0250 to 0.0290 | 24000 |",
        "| precision at 10 per facilitator | 0.1340 | not defined | 24000 |",
        "| under_40=false | auc | 0.8000 | 0.7500 to 0.8500 | 15000 |",
        "| under_40=true | auc | 0.7000 | 0.6500 to 0.7500 | 9000 |",
        "Verdict: **do not deploy**.",
        "1. label 0 (0.500)",
        "10. label 9 (0.050)",
    ],
)
def test_the_card_says_what_the_tables_say(line):
    assert line in lines()


def test_metrics_stand_in_order_and_undefined_ones_are_left_out():
    assert [r["metric"] for r in card.rows(MEASURES, "lightgbm")] == ["auc", "brier", "precision at 10 per facilitator"]
    assert [(r["metric"], r["estimate"]) for r in card.rows(MEASURES, "rule_income")] == [("auc", "0.6100")]
    assert card.rows(MEASURES.iloc[:0], "lightgbm") == []


def test_what_is_not_of_the_model_is_not_told():
    text = "\n".join(lines())
    for absent in ("0.6100", "0.7700", "2022-03-31", "label 10", "recall"):
        assert absent not in text


def test_a_table_is_not_broken_by_empty_lines():
    """Markdown ends a table at an empty line: every head is followed by its rule and its rows."""
    told = lines()
    for at, line in enumerate(told):
        if line.startswith("|---"):
            assert told[at - 1].startswith("|")
            assert told[at + 1].startswith("|")


def test_simulated_is_said_only_where_it_is():
    assert lines()[2] == (
        "**All figures on this card are of a simulated world.** No family-level data of PKH are public."
    )
    real = "\n".join(lines(replace(DATA, lineage=DATA.lineage | {"simulated": False})))
    assert "simulated" not in real.lower()


def test_a_run_outside_a_repository_or_edited_says_so():
    assert "| commit | `8d1f` (+ edited) |" in lines(replace(DATA, lineage=DATA.lineage | {"dirty": True}))
    assert "| commit | `not in a repository` |" in lines(replace(DATA, lineage=DATA.lineage | {"commit": None}))


def test_the_same_tables_give_the_same_card():
    assert lines() == lines()
