"""Choosing a model over time: another project's cases of seven rules, and regret by hand."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipeline import selection

VECTORS = Path(__file__).resolve().parents[2] / "shared" / "vectors" / "audition_selection_rules.json"
CASES = json.loads(VECTORS.read_text())["cases"]
SETTINGS = selection.Config(
    distance=0.01, second_metric="auc", first_weight=0.5, spread_penalty=0.5, recent_weight=2.0, decay="linear"
)


def their_table(case: dict[str, Any]) -> pd.DataFrame:
    table = pd.DataFrame(case["table"]["data"], columns=case["table"]["columns"])
    times = table["train_end_time"]
    if pd.api.types.is_numeric_dtype(times):  # milliseconds, in the cases of recency
        table["train_end_time"] = pd.to_datetime(times, unit="ms").dt.strftime("%Y-%m-%d")
    return table


def chosen(case: dict[str, Any]) -> list[Any]:
    now, metric, parameter, *args = case["args"]
    history = selection.History.of(their_table(case), now, metric, parameter)
    if case["rule"] == "best_average_two_metrics":
        second, second_parameter, weight = args
        args = [selection.History.of(their_table(case), now, second, second_parameter), weight]
    result: list[Any] = getattr(selection, case["rule"])(history, *args, **case["kwargs"])
    return result


def test_all_cases_are_here() -> None:
    assert len(CASES) == 36
    assert {c["rule"] for c in CASES} == set(selection.rules("precision@", "100_abs", SETTINGS))


@pytest.mark.parametrize("case", [pytest.param(c, id=f"{i}-{c['rule']}") for i, c in enumerate(CASES)])
def test_their_choices(case: dict[str, Any]) -> None:
    assert chosen(case) == case["expected"]


def table(values: dict[str, list[float]], metric: str = "average_precision") -> pd.DataFrame:
    rows = [(m, f"202{i}-12-31", metric, "", v) for m, series in values.items() for i, v in enumerate(series)]
    return pd.DataFrame(rows, columns=["model_group_id", "train_end_time", "metric", "parameter", "raw_value"])


def test_distances_in_both_directions() -> None:
    high = selection.distances(table({"a": [0.5, 0.2], "b": [0.4, 0.6]}))
    assert high["dist_from_best_case"].tolist() == pytest.approx([0.0, 0.4, 0.1, 0.0])
    low = selection.distances(table({"a": [0.5, 0.2], "b": [0.4, 0.6]}, "brier"))
    assert low["dist_from_best_case"].tolist() == pytest.approx([0.1, 0.0, 0.0, 0.4])


def test_regret_by_hand() -> None:
    # best_current_value: 2020 picks a (.5), which has .2 in 2021 where b has .6: regret .4; 2021 picks b, best again: 0
    history = table({"a": [0.5, 0.2, 0.3], "b": [0.4, 0.6, 0.7]})
    rule = selection.rules("average_precision", "", SETTINGS)["best_current_value"]
    found = selection.regret(selection.distances(history), "average_precision", "", rule)
    assert found.drop(columns=["raw_value", "best_value", "regret"]).to_numpy().tolist() == [
        ["2020-12-31", "a", "2021-12-31", "b"],
        ["2021-12-31", "b", "2022-12-31", "b"],
    ]
    assert found["raw_value"].tolist() == [0.2, 0.7]
    assert found["best_value"].tolist() == [0.6, 0.7]
    assert found["regret"].tolist() == pytest.approx([0.4, 0.0])


def test_regret_where_lower_is_better() -> None:
    # 2020 picks b (.1), which has .3 in 2021 where a has .2: regret .1
    history = table({"a": [0.2, 0.2], "b": [0.1, 0.3]}, "brier")
    rule = selection.rules("brier", "", SETTINGS)["best_current_value"]
    assert selection.regret(selection.distances(history), "brier", "", rule)["regret"].tolist() == pytest.approx([0.1])


@pytest.mark.parametrize("seed", range(8))
def test_laws(seed: int) -> None:
    """No rule sees the future; regret is never negative; two models that tie are chosen alike in any row order."""
    rng = np.random.default_rng(seed)
    models = {m: rng.integers(0, 6, 5) / 10 for m in "abc"}
    both = pd.concat([table({m: list(v) for m, v in models.items()}, name) for name in ("average_precision", "auc")])
    history = selection.distances(both)
    shuffled = history.sample(frac=1, random_state=seed)
    changed = history.assign(raw_value=history["raw_value"].where(history["train_end_time"] <= "2022-12-31", 0.9))
    for rule in selection.rules("average_precision", "", SETTINGS).values():
        assert rule(history, "2022-12-31") == rule(selection.distances(changed), "2022-12-31")
        assert rule(history, "2022-12-31") == rule(shuffled, "2022-12-31")
        assert (selection.regret(history, "average_precision", "", rule)["regret"] >= 0).all()


def test_an_undefined_period_is_missing_not_an_error() -> None:
    values = {"a": [0.5, np.nan, 0.4], "b": [0.4, np.nan, 0.6]}
    history = selection.distances(pd.concat([table(values, m) for m in ("average_precision", "auc")]))
    found = selection.regrets(history, "average_precision", "", SETTINGS)
    current = found[found["rule"] == "best_current_value"]
    assert current["chosen"].isna().tolist() == [False, True]
    assert current["regret"].isna().all()
    assert found["rule"].nunique() == 7
    averaged = found[found["rule"] == "best_average_value"]
    recent = found[found["rule"] == "best_avg_recency_weight"]
    assert recent["chosen"].tolist() == ["a", "a"]  # an unmeasured period has no weight
    assert averaged["regret"].iloc[1] == pytest.approx(0.2)  # still a (.5 on average), .6 - .4


def test_one_period_has_no_next() -> None:
    found = selection.regrets(selection.distances(table({"a": [0.5], "b": [0.4]})), "average_precision", "", SETTINGS)
    assert found.empty
    assert list(found) == ["rule", *selection.REGRET]


def test_opposite_metrics_are_refused() -> None:
    one, other = (selection.History.of(table({"a": [0.5]}), "2020-12-31", m, "") for m in ("auc", "brier"))
    with pytest.raises(ValueError, match="do not point the same way"):
        selection.best_average_two_metrics(one, other, 0.5)


def test_exponential_decay_by_hand() -> None:
    # 2020-12-31, 2021-12-31, 2022-12-31 are 0, 365, 730 days out: weights 4^0, 4^.5, 4^1 = 1, 2, 4
    # a: (.8 + 2 x .2 + 4 x .2) / 7 = 2 / 7 = .2857; b: (.1 + 2 x .1 + 4 x .5) / 7 = 2.3 / 7 = .3286 -> b
    history = table({"a": [0.8, 0.2, 0.2], "b": [0.1, 0.1, 0.5]})
    known = selection.History.of(history, "2022-12-31", "average_precision", "")
    assert selection.best_avg_recency_weight(known, 4.0, "exponential") == ["b"]
    assert selection.best_avg_recency_weight(known, 1.0, "exponential") == ["a"]  # plain means .4 and .2333
