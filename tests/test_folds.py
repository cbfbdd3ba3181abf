"""Time splits: the embargo, anchored month ends, and another project's splitter as an independent second opinion."""

import json
from collections.abc import Sequence
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from pipeline import folds
from pipeline.errors import BadInput
from pipeline.folds import Interval
from pipeline.study import is_month_end, months_after

VECTORS = Path(__file__).resolve().parents[2] / "shared" / "vectors" / "timechop_cases.json"
CASES = json.loads(VECTORS.read_text())["cases"]


def cases(method: str) -> list[Any]:
    return [pytest.param(c, id=c["test"]) for c in CASES if c["method"] == method]


def day(text: str) -> date:
    return date.fromisoformat(text)


def days(texts: Sequence[str]) -> tuple[date, ...]:
    return tuple(day(t) for t in texts)


def quarter_ends(first: str, count: int) -> tuple[date, ...]:
    return tuple(months_after(day(first), 3 * k) for k in range(count))


def matured(as_ofs: Sequence[date], months: int = 12, lag: int = 0) -> dict[date, date]:
    return {a: months_after(a, months) + timedelta(days=lag) for a in as_ofs}


def config(**changes: Any) -> folds.Config:
    values = {"origins": None, "folds": 3, "test_months": 12, "training_months": 36, "calibration_months": 12}
    return folds.Config(**(values | changes))


# --- another project's cases -------------------------------------------------------------------------------------
# Theirs: labels end before label_end_time, so the last as-of is label_end - timespan - duration + duration - 1 step.
# Their training history includes both of its ends; our span is half open, hence history plus one step.


def their_as_ofs(c: dict[str, Any]) -> tuple[date, ...]:
    span = Interval.parse(c["test_label_timespans"][0])
    step = Interval.parse(c["training_as_of_date_frequencies"][0])
    first, last = day(c["label_start_time"]), step.before(span.before(day(c["label_end_time"])))
    return folds.as_of_times(first, last, step) if first <= last else ()


def their_matured(c: dict[str, Any], as_ofs: Sequence[date]) -> dict[date, date]:
    """Labels exist only where features exist: an as-of date after feature_end has none that could mature."""
    span = Interval.parse(c["training_label_timespans"][0])
    return {a: span.after(a) for a in as_ofs if a <= day(c["feature_end_time"])}


def their_splits(c: dict[str, Any]) -> tuple[folds.Split, ...]:
    as_ofs = folds._checked(their_as_ofs(c), their_matured(c, their_as_ofs(c)))
    test, every = Interval.parse(c["test_durations"][0]), Interval.parse(c["model_update_frequency"])
    return folds.splits(as_ofs, their_matured(c, as_ofs), test, every)


@pytest.mark.parametrize("case", [p for p in cases("calculate_train_test_split_times") if not p.values[0]["raises"]])
def test_split_times(case: dict[str, Any]) -> None:
    assert tuple(s.origin for s in their_splits(case["config"])) == days(case["expected"])


def test_as_of_dates_without_features_are_refused() -> None:
    [case] = [c for c in CASES if c["test"].endswith("test_labels_after_features")]
    assert case["raises"]
    with pytest.raises(BadInput, match="no day on which its labels mature"):
        their_splits(case["config"])


def test_no_valid_split_is_refused() -> None:
    [case] = [c for c in CASES if c["test"].endswith("test_no_valid_label_dates")]
    assert case["raises"]
    with pytest.raises(BadInput, match="no as-of date has matured labels"):
        their_splits(case["config"])
    as_ofs = quarter_ends("2015-03-31", 2)
    with pytest.raises(BadInput, match="no fold is possible with 2 as-of dates, from 2015-03-31 to 2015-06-30"):
        folds.chop(as_ofs, matured(as_ofs), config())


@pytest.mark.parametrize("case", cases("calculate_as_of_times"))
def test_as_of_times(case: dict[str, Any]) -> None:
    args = case["args"]
    every = Interval(days=3 if "three" in case["test"] else 1)
    ends = day(args["as_of_start_limit"]), day(args["as_of_end_limit"])
    start, until = ends if args.get("forward") else ends[::-1]
    assert folds.as_of_times(start, until, every) == days(case["expected"])


@pytest.mark.parametrize("case", cases("chop_time"))
def test_chop_time(case: dict[str, Any]) -> None:
    c = case["config"]
    step = Interval.parse(c["training_as_of_date_frequencies"][0])
    history = Interval(days=Interval.parse(c["max_training_histories"][0]).days + step.days)
    found = [(folds.latest(s.known, history), s.test) for s in their_splits(c)]
    assert found == [
        (days(e["train_matrix"]["as_of_times"]), days(e["test_matrices"][0]["as_of_times"])) for e in case["expected"]
    ]
    for split, e in zip(their_splits(c), case["expected"], strict=True):
        last_known = max(their_matured(c, split.known).values())
        assert last_known == day(e["train_matrix"]["matrix_info_end_time"])


@pytest.mark.parametrize("case", cases("generate_matrix_definitions"))
def test_given_split_time(case: dict[str, Any]) -> None:
    args, c = case["args"], case["config"]
    origin, duration = day(args["train_test_split_time"]), Interval.parse(args["test_duration"])
    before = folds.as_of_times(day(c["label_start_time"]), Interval(days=1).before(origin), Interval(days=1))
    for expected in case["expected"]["test_matrices"]:
        every = Interval.parse(expected["test_as_of_date_frequency"])
        last = Interval(days=1).before(duration.after(origin))
        as_ofs = before + folds.as_of_times(origin, last, every)
        [split] = folds.splits_at([origin], as_ofs, their_matured(c, as_ofs), duration)
        history = Interval(days=Interval.parse(args["max_training_history"]).days + 1)
        assert folds.latest(split.known, history) == days(case["expected"]["train_matrix"]["as_of_times"])
        assert split.test == days(expected["as_of_times"])


# --- month ends ---------------------------------------------------------------------------------------------------


def test_month_ends_do_not_drift() -> None:
    found = folds.as_of_times(day("2023-12-31"), day("2022-12-31"), Interval(months=1))
    assert [d.isoformat()[2:] for d in found] == [
        "22-12-31", "23-01-31", "23-02-28", "23-03-31", "23-04-30", "23-05-31", "23-06-30",
        "23-07-31", "23-08-31", "23-09-30", "23-10-31", "23-11-30", "23-12-31",
    ]  # fmt: skip


BEFORE = [("5 days", "2024-01-26"), ("1 month", "2023-12-31"), ("2 years", "2022-01-31")]


@pytest.mark.parametrize(("text", "expected"), BEFORE)
def test_interval_before(text: str, expected: str) -> None:
    assert Interval.parse(text).before(day("2024-01-31")) == day(expected)


@pytest.mark.parametrize("text", ["", "5", "day", "1 week", "-1 days"])
def test_an_unknown_interval_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not an interval"):
        Interval.parse(text)


def test_an_empty_interval_is_refused() -> None:
    with pytest.raises(ValueError, match="longer than nothing"):
        folds.as_of_times(day("2020-01-01"), day("2020-02-01"), Interval())


# --- folds by hand ------------------------------------------------------------------------------------------------


def test_derived_folds_by_hand() -> None:
    # 20 quarters 2019-03-31 .. 2023-12-31, labels mature 12 months + 40 days later.
    # Test windows back from the end: 2023, 2022, 2021. Fold of 2023 stands on 2023-03-31: known are the as-of dates
    # with a + 12 months + 40 days <= 2023-03-31, i.e. up to 2021-12-31 (matures 2023-02-09; 2022-03-31 does not).
    as_ofs = quarter_ends("2019-03-31", 20)
    found = folds.chop(as_ofs, matured(as_ofs, lag=40), config(training_months=24))
    # Fold of 2021 stands on 2021-03-31 and knows the four quarters of 2019: a third, one, calibrates.
    # Fold of 2020 would stand on 2020-03-31 and know none (2019-03-31 matures 2020-05-10): dropped.
    first, _, last = found
    assert tuple(f.origin for f in found) == days(["2021-03-31", "2022-03-31", "2023-03-31"])
    assert (first.train_as_ofs, first.calibrate_as_ofs) == (quarter_ends("2019-03-31", 3), days(["2019-12-31"]))
    assert last.test_as_ofs == quarter_ends("2023-03-31", 4)
    assert last.calibrate_as_ofs == quarter_ends("2021-03-31", 4)
    assert last.train_as_ofs == quarter_ends("2019-03-31", 8)  # 24 months of quarters are eight


def test_numbers_and_at_most_so_many_folds() -> None:
    as_ofs = quarter_ends("2010-03-31", 48)
    found = folds.chop(as_ofs, matured(as_ofs), config(folds=2))
    assert [(f.number, f.origin) for f in found] == [(1, day("2020-03-31")), (2, day("2021-03-31"))]


def test_the_argentine_panel() -> None:
    # Quarter ends 2010-03-31 .. 2015-12-31, no lag, origin 2014-01-01: outcomes known before 2014 only.
    as_ofs = quarter_ends("2010-03-31", 24)
    [fold] = folds.chop(as_ofs, matured(as_ofs), config(origins=("2014-01-01",), test_months=None))
    assert fold.origin == day("2014-01-01")
    assert fold.test_as_ofs == quarter_ends("2014-03-31", 8)
    assert fold.train_as_ofs + fold.calibrate_as_ofs == quarter_ends("2010-03-31", 12)  # to 2012-12-31
    assert fold.calibrate_as_ofs == quarter_ends("2012-03-31", 4)


def test_given_origins_never_test_a_date_twice() -> None:
    as_ofs = quarter_ends("2010-03-31", 24)
    settings = config(origins=("2013-03-31", "2013-12-31"), test_months=12)
    first, second = folds.chop(as_ofs, matured(as_ofs), settings)
    assert first.test_as_ofs == quarter_ends("2013-03-31", 3)  # clipped at the next origin
    assert second.test_as_ofs == quarter_ends("2013-12-31", 4)
    open_ended = folds.chop(as_ofs, matured(as_ofs), config(origins=("2013-03-31", "2013-12-31"), test_months=None))
    assert open_ended[1].test_as_ofs == quarter_ends("2013-12-31", 9)


@pytest.mark.parametrize(("known", "train", "calibrate"), [(2, 1, 1), (3, 2, 1), (4, 3, 1), (6, 2, 4), (5, 1, 4)])
def test_too_few_dates_leave_a_third_for_calibration(known: int, train: int, calibrate: int) -> None:
    # calibration_months 12 wants four quarters; with two to four known, one third (at least one) must do
    divided = folds.divide(quarter_ends("2015-03-31", known), config())
    assert divided is not None
    assert tuple(len(part) for part in divided) == (train, calibrate)
    assert folds.divide(quarter_ends("2015-03-31", 1), config()) is None


def test_the_final_fold_learns_from_all_that_has_matured() -> None:
    as_ofs = quarter_ends("2019-03-31", 20)
    fold = folds.final(as_ofs, matured(as_ofs), day("2024-12-31"), config())
    assert (fold.number, fold.origin, fold.test_as_ofs) == (0, day("2024-12-31"), (day("2024-12-31"),))
    assert fold.calibrate_as_ofs == quarter_ends("2023-03-31", 4)
    assert fold.train_as_ofs == quarter_ends("2020-03-31", 12)
    with pytest.raises(BadInput, match="needs two as-of dates with matured labels, there are 1"):
        folds.final(as_ofs, matured(as_ofs), day("2020-03-31"), config())


def test_table() -> None:
    tested = days(["2020-03-31", "2020-06-30"])
    fold = folds.Fold(1, tested[0], days(["2018-03-31"]), days(["2018-12-31"]), tested)
    assert folds.table([fold]).astype(str).to_numpy().tolist() == [
        ["1", "2020-03-31", "train", "2018-03-31"],
        ["1", "2020-03-31", "calibrate", "2018-12-31"],
        ["1", "2020-03-31", "test", "2020-03-31"],
        ["1", "2020-03-31", "test", "2020-06-30"],
    ]


# --- laws ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(30))
def test_laws_of_derived_folds(seed: int) -> None:
    rng = np.random.default_rng(seed)
    as_ofs = quarter_ends("2008-12-31", int(rng.integers(14, 60)))
    lags = {a: months_after(a, int(rng.choice([3, 6, 12]))) + timedelta(days=int(rng.integers(0, 120))) for a in as_ofs}
    settings = config(
        folds=int(rng.integers(1, 6)), test_months=int(rng.choice([3, 6, 12])),
        training_months=int(rng.integers(3, 60)), calibration_months=int(rng.integers(3, 24)),
    )  # fmt: skip
    found = folds.chop(as_ofs, lags, settings)
    assert 1 <= len(found) <= settings.folds
    assert found[-1].test_as_ofs[-1] == as_ofs[-1]
    assert all(is_month_end(a) for f in found for a in f.test_as_ofs)
    for f in found:
        assert all(lags[a] <= f.origin for a in f.train_as_ofs + f.calibrate_as_ofs)
        assert max(f.train_as_ofs) < min(f.calibrate_as_ofs) < f.origin == f.test_as_ofs[0]
    for earlier, later in pairwise(found):
        assert earlier.test_as_ofs[-1] < later.test_as_ofs[0]


@pytest.mark.parametrize("seed", range(5))
def test_later_dates_never_change_an_earlier_given_fold(seed: int) -> None:
    as_ofs = quarter_ends("2010-03-31", 30 + seed)
    settings = config(origins=("2014-06-30",))
    longer = quarter_ends("2010-03-31", 40 + seed)
    assert folds.chop(as_ofs, matured(as_ofs), settings) == folds.chop(longer, matured(longer), settings)


# --- bad input ----------------------------------------------------------------------------------------------------


def test_no_dates_at_all() -> None:
    with pytest.raises(BadInput, match="no as-of date has matured labels"):
        folds.chop((), {}, config())


IMPOSSIBLE = [("2010-06-30", "to train and calibrate on"), ("2020-01-01", "to test")]


@pytest.mark.parametrize(("origin", "lacking"), IMPOSSIBLE)
def test_an_impossible_origin_is_refused(origin: str, lacking: str) -> None:
    as_ofs = quarter_ends("2010-03-31", 24)
    with pytest.raises(BadInput, match=f"{origin} has no as-of dates {lacking}"):
        folds.chop(as_ofs, matured(as_ofs), config(origins=(origin,)))


@pytest.mark.parametrize(
    "changes",
    [{"test_months": None}, {"origins": ()}, {"origins": ("2014-01-01", "2013-01-01")}, {"folds": 0}, {"unknown": 1}],
)
def test_a_wrong_configuration_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        config(**changes)


def test_a_short_history_is_tested_on_shorter_spans() -> None:
    """Three years of quarters, lag 90 days: 2021-09-30 to 2023-03-31 have matured by 2024-08-14. Twelve months of test
    dates leave nothing to learn from, three leave 2021-09-30 to train and 2021-12-31 to calibrate."""
    as_ofs = [months_after(date(2021, 9, 30), 3 * k) for k in range(7)]
    matured = {a: months_after(a, 12) + timedelta(days=90) for a in as_ofs}
    config = folds.Config(origins=None, folds=3, test_months=12, training_months=60, calibration_months=12)
    (fold,) = folds.chop(as_ofs, matured, config)
    assert fold.origin == date(2023, 3, 31)
    assert fold.train_as_ofs == (date(2021, 9, 30),)
    assert fold.calibrate_as_ofs == (date(2021, 12, 31),)
    assert fold.test_as_ofs == (date(2023, 3, 31),)
