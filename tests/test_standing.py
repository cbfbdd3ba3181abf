"""What the score can and cannot do: every sentence is the tables', in both languages, and none is guessed."""

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipeline import standing, wording

ROWS = [
    ("all", "all", "auc", 0.7, 0.65, 0.75, 300),
    ("all", "all", "average_precision", 0.1, 0.08, 0.12, 300),
    ("all", "all", "lift_at_10_per_facilitator", 5.36, 4.4, 6.3, 300),
    ("all", "all", "calibration_in_the_large", 0.41, 0.36, 0.48, 300),
    ("fold", "1", "calibration_in_the_large", 0.28, 0.2, 0.3, 150),
    ("fold", "2", "calibration_in_the_large", 0.68, 0.6, 0.7, 150),
    ("fold", "1", "average_precision", 0.1, 0.08, 0.12, 150),
    ("fold", "2", "average_precision", 0.1, 0.08, 0.12, 150),
    ("period", "2022-06-30", "average_precision", 0.05, 0.03, 0.09, 100),
    ("period", "2023-06-30", "average_precision", 0.2, 0.15, 0.25, 200),
    ("period", "2022-06-30", "observed_rate", 0.009, 0.008, 0.01, 100),
    ("period", "2023-06-30", "observed_rate", 0.0193, 0.018, 0.02, 200),
    ("segment", "under_40=true", "average_precision", 0.12, 0.1, 0.14, 150),
    ("segment", "under_40=false", "average_precision", 0.08, 0.04, 0.12, 145),
    ("segment", "under_40=unknown", "average_precision", 0.3, None, None, 5),
]


def tables() -> dict[str, pd.DataFrame]:
    measures = pd.DataFrame(ROWS, columns=["scope", "group", "metric", "estimate", "lower", "upper", "positives"])
    gains_at = zip(THRESHOLDS, (0.0, 0.03, 0.02, 0.0, -0.05), strict=True)
    gain = [(t, g, g - 0.01, g + 0.01, "nobody") for t, g in gains_at]
    decision = pd.DataFrame(gain, columns=["threshold", "gain", "gain_lower", "gain_upper", "against"])
    rows = [("visits", float(n), 0.1, 0.06 * n, 0.05 * n, 0.07 * n, float(n)) for n in range(1, 31)]
    rows += [("score", 0.0, 0.1, 0.6, 0.5, 0.7, 10.0), ("score", 0.1, 0.12, 0.69, 0.6, 0.8, 11.5)]
    columns = ["way", "amount", "average_precision", "found", "lower", "upper", "equal_visits"]
    value = pd.DataFrame(rows, columns=columns)
    calibration = pd.DataFrame({"bin": [1, 2], "observed_rate": [0.01, 0.04], "rows": [900, 100]})
    gains = pd.DataFrame({"share_visited": [0.0, 0.23, 1.0], "share_found": [0.0, 0.5, 1.0]})
    capacity = pd.DataFrame({"per_facilitator": range(1, 31), "recall": [0.015 * n for n in range(1, 31)]})
    made = {
        "measures": measures, "decision": decision, "value": value, "calibration": calibration, "gains": gains,
        "capacity": capacity,
    }  # fmt: skip
    return {name: table.assign(model="lightgbm") for name, table in made.items()}


THRESHOLDS = (0.005, 0.01, 0.02, 0.05, 0.1)
VERDICT = {
    "verdict": "deploy", "against": "rule_income", "best_peer": "logistic_regression", "peer_ratio": 0.96,
    "peer_ratio_lower": 0.9, "peer_ratio_upper": 1.02, "last_level": 0.68, "reasons": ["gain_sure", "level_off"],
}  # fmt: skip
ORACLE = pd.DataFrame(
    [
        ("lightgbm", "average_precision", 0.121, 0.091, 0.154), ("oracle", "average_precision", 0.2304, 0.19, 0.28),
        ("share_of_oracle", "average_precision", 0.523, 0.42, 0.65), ("lightgbm", "auc", 0.778, 0.747, 0.807),
        ("oracle", "auc", 0.871, 0.85, 0.89), ("lightgbm", "calibration_in_the_large", 2.23, 1.87, 2.56),
    ],
    columns=["model", "metric", "estimate", "lower", "upper"],
)  # fmt: skip
INCIDENCE = pd.DataFrame(
    [(3, 0, 0.01, 0.012, 0.01, 0.014), (24, 0, 0.05, None, None, None), (3, 1, 0.5, 0.5, 0.4, 0.6)],
    columns=["horizon_months", "bin", "mean_incidence", "observed", "lower", "upper"],
)


def facts(**changes: Any) -> standing.Facts:
    ages = pd.Series([30.4, 304.4, 365.25, 3652.5, np.nan])
    made = standing.Facts("lightgbm", 12, VERDICT, tables() | {"incidence": INCIDENCE}, ORACLE, 0.125, ages)
    return replace(made, **changes)


def said(of: standing.Facts, language: str = "en") -> list[str]:
    return [getattr(s, language) for part in standing.parts(of) for s in part.sentences]


@pytest.mark.parametrize(
    "sentence",
    [
        "70 (65 to 75) stand in the right order",
        "(10 per facilitator) find 5.4 (4.4 to 6.3) times as many",
        "(logistic regression) it has 96% (90 to 102; 100 = the same)",
        "from a chance between 1% and 2% on, visits by the score are surely worth more",
        "only from a chance between 10% and 10% on, visiting all who come up to it surely costs more",
        # 9 of 900 and 4 of 100 graduated: 4 of 13 in the top tenth
        "in the group with the highest chances (10% of all), 96 did not graduate within 12 months; and 69% of all",
        "ran from 0.9% (2022-06-30) to 1.9% (2023-06-30)",
        "Least sure, by group: caretaker under 40: no, average precision 0.08 (0.04 to 0.12) from 145 graduates.",
        "Least sure, by date: 2022-06-30, average precision 0.05 (0.03 to 0.09) from 100 graduates.",
        "Intervals that lie wholly below the figure of all families: 2022-06-30.",
        "for want of graduates: caretaker under 40: unknown.",
        "12.5% of the listed families are borderline",
        # months 1, 10, 12, 120: median 11, 90 % at .7 of the way from 12 to 120
        "of half of the families older than 11 months, of a tenth older than 88 months; 20% have none",
        "The chances were too high: for every 100 graduates promised there were 41 (36 to 48).",
        "by test, from 28 (1) to 68 (2)",
        "Within 3 months: promised 1%, seen 1.2% (1 to 1.4).",
        "average precision 0.121 (0.091 to 0.154); the best that is possible is 0.23. That is 52% (42 to 65).",
        "Of 100 pairs 78 (75 to 81) stand in the right order; the best that is possible is 87.",
        "for every 100 graduates promised there were 223 (187 to 256)",
        "5 visits a facilitator find 0.3 (0.25 to 0.35) graduates a facilitator and date: 7.5% of all.",
        "20 visits a facilitator find 1.2 (1 to 1.4) graduates a facilitator and date: 30% of all.",
        "To find half of all who graduate, 23% of the families must be visited.",
        # 11 visits find .66, 10 find .6; average precision .12 over .1 finds .69, as many as 11.5 visits
        "finds 0.06 more. A score with 20% more average precision would find 0.09 more: as many as 1.5 added visits.",
    ],
)
def test_the_page_says_what_the_tables_say(sentence: str) -> None:
    assert any(sentence in s for s in said(facts())), said(facts())


def test_both_languages_say_the_same_numbers() -> None:
    for text in (s for part in standing.parts(facts()) for s in part.sentences):
        numbers = [sorted(re.findall(r"\d+(?:\.\d+)?", t)) for t in (text.en, re.sub(r"(\d),(\d)", r"\1.\2", text.id))]
        assert numbers[0] == numbers[1], text


def test_no_number_is_typed_into_a_sentence() -> None:
    """Without their fields the sentences hold no numbers but 100 of a hundred, and 50, which is guessing."""
    for text in [*wording.STANDING.values(), *wording.WARNINGS.values()]:
        for spoken in (text.id, text.en):
            assert set(re.findall(r"\d+", re.sub(r"\{\w+\}", "", spoken))) <= {"100", "50"}


def test_the_parts_stand_in_order_and_have_headings() -> None:
    found = standing.parts(facts())
    assert [p.name for p in found] == ["able", "unable", "unsure", "honest", "best", "visits"]
    assert all(p.heading.id != p.heading.en for p in found)


def test_what_was_not_measured_is_left_out() -> None:
    empty = {name: table.iloc[:0] for name, table in tables().items()}
    bare = facts(tables=empty, oracle=None, borderline=None, data_age_days=None, verdict={"verdict": "do not deploy"})
    told = " ".join(said(bare))
    assert "nan" not in told.lower()
    assert "unknown" not in told
    assert [p.name for p in standing.parts(bare)] == ["unable", "unsure", "best"]
    assert "Nobody can know how good the best possible score would be" in told


def test_nothing_is_surely_worth_more_where_no_interval_leaves_zero() -> None:
    changed = tables()
    changed["decision"] = changed["decision"].assign(gain_lower=-1.0, gain_upper=1.0)
    told = " ".join(said(facts(tables=changed)))
    assert "From no chance between 0.5% and 10% on is it sure" in told
    assert "surely costs more" not in told


@pytest.mark.parametrize(
    ("lower", "upper", "words"),
    [(0.5, 0.9, "too high"), (1.1, 1.4, "too low"), (0.9, 1.1, "level was right"), (None, None, "level was right")],
)
def test_a_level_is_off_only_where_its_interval_leaves_one_out(lower: float, upper: float, words: str) -> None:
    changed = tables()
    rows = changed["measures"]
    mine = (rows["scope"] == "all") & (rows["metric"] == "calibration_in_the_large")
    changed["measures"] = pd.concat([rows[~mine], rows[mine].assign(lower=lower, upper=upper)])
    assert any(words in s and "every 100 graduates" in s for s in said(facts(tables=changed)))


@pytest.mark.parametrize(
    ("holds", "expected"),
    [
        ([0, 0, 0], None), ([1, 1, 1], (1.0, 3.0)), ([1, 0, 1], (1.0, 1.0)), ([0, 1, 1], (2.0, 3.0)),
        ([0, 0, 1], (3.0, 3.0)),
    ],
)  # fmt: skip
def test_the_longest_run(holds: list[int], expected: tuple[float, float] | None) -> None:
    assert standing.longest(np.array([1.0, 2.0, 3.0]), np.array(holds, dtype=bool)) == expected


def test_many_groups_are_counted_not_listed() -> None:
    names = [wording.Text(str(i), str(i)) for i in range(10)]
    assert standing.joined(names).en == "0; 1; 2; 3; 4; 5; 6; 7 (+2)"


def test_warnings_of_the_verdict() -> None:
    (one,) = standing.warnings(VERDICT)
    assert "68 families graduated for every 100" in one.en
    both = standing.warnings(VERDICT | {"reasons": ["gain_sure", "worse_than_peer", "unsure_of_late"]})
    assert "logistic regression is better; the model in use reaches only 96% (90 to 102)" in both[0].en
    assert "(rule of thumb: income) is not sure" in both[1].en
    assert standing.warnings({"verdict": "deploy"}) == ()
