"""Changes told at the rate of false alarms that was asked for, and expectations beside what came."""

import json
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from studies import CONFIGS

from pipeline import drift, metrics

VALUES = yaml.safe_load((CONFIGS / "drift.yaml").read_text(encoding="utf-8"))
DATES = [date(2018 + k // 4, 3 * (k % 4) + 1, 1) for k in range(25)]


def settings(**changes: Any) -> drift.Config:
    return drift.Config(**(VALUES | changes))


def test_psi_by_hand() -> None:
    """Two bins, 49.5 and 49.5 against 24.5 and 74.5 rows, half a row added to each: shares 1/2, 1/2 and 1/4, 3/4."""
    before, after = np.array([49.5, 49.5]), np.array([24.5, 74.5])
    # (1/4 - 1/2) ln(1/2) + (3/4 - 1/2) ln(3/2) = 0.17329 + 0.10137
    assert drift.psi(before, after) == pytest.approx(0.274653, abs=1e-6)
    assert drift.psi(before, before) == 0


def test_bins_hold_every_row_and_the_unknown_apart() -> None:
    first = pd.DataFrame({"a": [1.0, 2.0, 3.0, 4.0, np.nan], "b": [0.0, 0.0, 0.0, 0.0, 1.0], "c": [np.nan] * 5})
    at = drift.edges(first, ["a", "b", "c"], 2)
    assert {k: v.tolist() for k, v in at.items()} == {"a": [2.0], "b": [0.0], "c": []}
    later = pd.DataFrame({"a": [2.0, 2.5, np.nan], "b": [0.0, 1.0, 5.0], "c": [1.0, np.nan, np.nan]})
    assert drift.binned(later, at, 2).tolist() == [[1, 1, 1], [1, 2, 0], [1, 0, 2]]


def walk(seed: int, series: int = 60, rows: int = 4000) -> list[np.ndarray]:
    """Counts of a world that moves a little every quarter, some series more than others, with a season."""
    rng = np.random.default_rng(seed)
    pace = rng.uniform(0.02, 0.2, series)[:, None]
    level, counts = np.zeros((series, 10)), []
    for k in range(25):
        level = level + pace * rng.standard_normal((series, 10))
        season = 0.3 * np.sin(np.pi * k / 2) * np.linspace(-1, 1, 10) * (np.arange(series)[:, None] % 3 == 0)
        share = np.exp(level + season)
        counts.append(np.array([rng.multinomial(rows, s / s.sum()) for s in share], dtype=float))
    return counts


def test_false_alarms_come_at_the_rate_that_was_asked_for() -> None:
    """Forty quiet worlds of 60 series: one a year is a quarter of an alarm on the last date, ten in all expected."""
    names = [f"s{k}" for k in range(60)]
    told = [drift.watch(walk(seed), names, DATES, settings()).summary for seed in range(40)]
    alarms = sum(len(t["alarms"]) for t in told)
    assert 3 <= alarms <= 22
    assert all(t["false_alarms_a_year"] == 1.0 for t in told)


@pytest.mark.parametrize("seed", range(4))
def test_a_real_change_is_told_by_name(seed: int) -> None:
    counts = walk(seed)
    counts[-1][7] = counts[-1][7][::-1] * np.linspace(0.1, 3, 10)
    found = drift.watch(counts, [f"s{k}" for k in range(60)], DATES, settings())
    assert found.summary["alarms"][0] == "s7"
    assert len(found.changes) == 24 * 60
    assert found.changes.query("as_of == @DATES[-1] and alarm")["series"].tolist().count("s7") == 1


def test_more_alarms_asked_for_lower_the_bar() -> None:
    counts, names = walk(9), [f"s{k}" for k in range(60)]
    bars = [drift.watch(counts, names, DATES, settings(false_alarms_a_year=a)).summary["bar"] for a in (0.5, 2.0, 8.0)]
    assert bars == sorted(bars, reverse=True)


def test_a_history_that_cannot_promise_so_few_says_what_it_can() -> None:
    """One series and 8 past changes: 9 ranks, so at the least 4 x 1 / 9 alarms a year."""
    counts = [c[:1] for c in walk(2)[:10]]
    told = drift.watch(counts, ["s0"], DATES[:10], settings(false_alarms_a_year=0.1)).summary
    assert told["false_alarms_a_year"] == pytest.approx(4 / 9)


def test_a_short_history_tells_nothing() -> None:
    found = drift.watch(walk(1)[:6], [f"s{k}" for k in range(60)], DATES[:6], settings())
    assert found.summary["alarms"] is None
    assert found.summary["why"] == "4 changes before the last one; 6 are needed"
    assert not found.changes["alarm"].any()
    with pytest.raises(ValueError, match="greater than or equal to 8"):
        settings(dates=7)


@pytest.mark.parametrize("seed", range(5))
def test_expected_auc_is_the_mean_over_all_pairs(seed: int) -> None:
    p = np.random.default_rng(seed).integers(1, 9, 40) / 10
    top = bottom = 0.0
    for i in range(40):
        for j in range(40):
            if i != j:
                top += p[i] * (1 - p[j]) * (1.0 if p[i] > p[j] else 0.5 if p[i] == p[j] else 0.0)
                bottom += p[i] * (1 - p[j])
    assert drift.expected_auc(p) == pytest.approx(top / bottom)


def test_expectations_come_true_where_chances_are_right() -> None:
    """The mean over 300 draws of labels from the chances is what the chances promised."""
    rng = np.random.default_rng(0)
    p = rng.beta(1, 8, 400)
    listed = (p >= np.sort(p)[-40]).astype(float)
    promised = drift.expected(p, listed)
    came = pd.DataFrame([drift.observed(p, listed, (rng.random(400) < p).astype(float)) for _ in range(300)])
    for name in ("found", "precision", "auc"):
        assert came[name].mean() == pytest.approx(promised[name], rel=0.03)
    label = (rng.random(400) < p).astype(float)
    assert drift.observed(p, listed, label)["auc"] == metrics.auc(p, label)


def test_performance_bounds_what_is_to_come_by_how_far_it_was_off() -> None:
    """Two known dates found 1 of 2 expected and 3 of 2: a later date that expects 2 is told 1 to 3, held 1 in 3."""
    chance = np.r_[np.full(4, 0.5), np.full(96, 0.01)]
    listed = np.r_[np.ones(4), np.zeros(96)]
    parts = []
    for as_of, hits in ((date(2023, 3, 31), 1), (date(2023, 6, 30), 3), (date(2024, 3, 31), None)):
        label = np.full(100, np.nan) if hits is None else np.r_[np.ones(hits), np.zeros(100 - hits)]
        rows = {"as_of": as_of, "probability": chance, "listed": listed, "label": label}
        parts.append(pd.DataFrame(rows))
    table = drift.performance(pd.concat(parts, ignore_index=True))
    found = table[table["measure"] == "found"].set_index("as_of")
    assert found["ratio"].tolist()[:2] == [0.5, 1.5]
    last = found.loc[date(2024, 3, 31)]
    assert (last["expected"], last["lower"], last["upper"]) == (2, 1, 3)
    assert last["holds"] == pytest.approx(1 / 3)
    assert found["lower"].isna().tolist() == [True, True, False]
    told = drift.told(drift.Watch(pd.DataFrame(), {"alarms": None}), table)
    assert told["expected"]["found"]["expected"] == 2
    assert told["observed_over_expected"]["found"]["max"] == 1.5


def test_what_cannot_be_told_is_null_in_the_record() -> None:
    """Nobody is listed and no outcome is known: no precision, no ratio, no bounds."""
    rows = {
        "as_of": date(2024, 3, 31),
        "probability": np.full(4, 0.25),
        "listed": np.zeros(4),
        "label": np.full(4, np.nan),
    }
    told = drift.told(drift.Watch(pd.DataFrame(), {"alarms": None}), drift.performance(pd.DataFrame(rows)))
    assert told["expected"]["found"] == {
        "families": 4, "listed": 0, "expected": 0.0, "lower": None, "upper": None, "holds": None,
    }  # fmt: skip
    assert told["expected"]["precision"]["expected"] is None
    assert json.loads(json.dumps(told, allow_nan=False))["observed_over_expected"] == {}
