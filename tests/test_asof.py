"""The two clocks: a row counts as of t only if it had happened and was recorded by then."""

import ibis
import pandas as pd
import pytest
from worlds import day, random_frames, rows, table

from pipeline import asof


def membership(*events):
    names = ("kpm_id", "effective_on", "event", "recorded_on")
    return rows("membership", *[dict(zip(names, e, strict=True)) for e in events])


def active(events, as_of):
    return sorted(asof.active(membership(*events), day(as_of)).to_pandas()["kpm_id"])


@pytest.mark.parametrize(
    ("as_of", "expected"),
    [
        ("2020-01-09", []),  # took effect, but nobody knew
        ("2020-01-10", ["A"]),
        ("2020-06-30", ["A"]),  # left on 06-20, recorded only on 07-05
        ("2020-07-05", []),
        ("2021-01-31", ["A"]),  # back since 2021-01-01, recorded on 01-31
    ],
)
def test_a_member_is_one_as_known_on_the_day(as_of, expected):
    events = [
        ("A", "2020-01-01", "enrolled", "2020-01-10"),
        ("A", "2020-06-20", "exited", "2020-07-05"),
        ("A", "2021-01-01", "reactivated", "2021-01-31"),
    ]
    assert active(events, as_of) == expected


def test_on_one_day_a_reactivation_outranks_the_exit():
    events = [("A", "2020-01-01", "exited", "2020-01-01"), ("A", "2020-01-01", "reactivated", "2020-01-01")]
    assert active(events, "2020-01-01") == ["A"]


@pytest.mark.parametrize("seed", range(3))
def test_active_equals_a_plain_walk_through_the_events(seed):
    frame = random_frames(seed)["membership"]
    as_of = pd.Timestamp("2022-06-30")
    known = frame[(frame.effective_on <= as_of) & (frame.recorded_on <= as_of)]
    expected = []
    for family, events in known.groupby("kpm_id"):
        last = max(zip(events.effective_on, events.recorded_on, events.event, strict=True))
        if last[2] != "exited":
            expected.append(family)
    assert sorted(asof.active(table("membership", frame), as_of.date()).to_pandas()["kpm_id"]) == sorted(expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("2024Q1", "2024-03-31"), ("2024Q4", "2024-12-31"), ("2024-02", "2024-02-29"), ("2023-12", "2023-12-31")],
)
def test_the_last_day_of_a_period(text, expected):
    assert pd.Timestamp(ibis.literal(text).pipe(asof.period_end).execute()) == pd.Timestamp(expected)


@pytest.mark.parametrize(
    ("birth", "on", "years"),
    [("2000-03-31", "2020-03-30", 19), ("2000-03-31", "2020-03-31", 20), ("2000-02-29", "2021-02-28", 20)],
)
def test_age_in_completed_years(birth, on, years):
    assert asof.age_years(ibis.literal(day(birth)), ibis.literal(day(on))).execute() == years


def test_the_facilitator_of_the_day():
    assignments = rows(
        "assignments",
        {"kpm_id": "A", "facilitator_id": "F1", "valid_from": "2020-01-01", "valid_to": "2021-01-01"},
        {"kpm_id": "A", "facilitator_id": "F2", "valid_from": "2021-01-01"},
        {"kpm_id": "B", "facilitator_id": "F1", "valid_from": "2020-01-01", "valid_to": "2020-06-01"},
    )
    for as_of, expected in (("2020-12-31", {"A": "F1"}), ("2021-01-01", {"A": "F2"})):
        found = asof.serving(assignments, day(as_of)).to_pandas()
        assert dict(zip(found.kpm_id, found.facilitator_id, strict=True)) == expected


def test_who_serves_nobody_is_no_row_and_who_serves_is_told_since_when():
    assignments = rows(
        "assignments",
        {"kpm_id": "A", "facilitator_id": "F2", "valid_from": "2021-01-01"},
        {"kpm_id": "B", "facilitator_id": "F1", "valid_from": "2020-01-01", "valid_to": "2021-06-01"},
    )
    found = asof.serving(assignments, day("2021-06-01")).to_pandas()
    assert list(found.columns) == ["kpm_id", "facilitator_id", "valid_from"]
    assert list(found.kpm_id) == ["A"]  # B's ended on the day itself: closing dates <= the day are used


@pytest.mark.parametrize(("closes", "open_"), [("2021-06-01", False), ("2021-06-02", True), (None, True)])
def test_a_row_is_closed_from_its_closing_date_on(closes, open_):
    spans = ibis.memtable(pd.DataFrame({"closes": pd.to_datetime([closes])}), schema={"closes": "date"})
    assert list(spans.select(x=asof.open_on(spans, "closes", day("2021-06-01"))).to_pandas()["x"]) == [open_]


@pytest.mark.parametrize("order", [["at"], ["at", "then"]])
def test_the_latest_row_of_each_key_has_the_table_s_own_columns(order):
    table = ibis.memtable(
        pd.DataFrame({"key": ["a", "a", "a", "b"], "at": [1, 2, 2, 9], "then": [9, 1, 3, 0], "kept": list("wxyz")})
    )
    found = asof.latest(table, ["key"], order).order_by("kept").to_pandas()
    assert list(found.columns) == ["key", "at", "then", "kept"]
    assert list(found.kept) == (["x", "y", "z"] if order == ["at"] else ["y", "z"])  # a tie by `at` alone keeps both


def test_each_row_has_the_last_day_of_its_own_period():
    table = ibis.memtable(pd.DataFrame({"period": ["2024Q1", "2024-02", "2024Q1"], "row": [1, 2, 3]}))
    found = asof.with_period_end(table, "period").order_by("row").to_pandas()
    assert [str(d)[:10] for d in found.period_ends] == ["2024-03-31", "2024-02-29", "2024-03-31"]
    assert list(found.row) == [1, 2, 3]


@pytest.mark.parametrize(
    ("earlier", "later", "months", "days"),
    [
        ("2020-11-30", "2021-02-01", 3, 63),  # 1 + 31 + 31 days; 2021 - 2020 = 12 months, 2 - 11 = -9
        ("2021-02-01", "2020-11-30", -3, -63),
        ("2021-05-01", "2021-05-31", 0, 30),
    ],
)
def test_between_two_days(earlier, later, months, days):
    pair = ibis.literal(day(earlier)), ibis.literal(day(later))
    assert (asof.months_between(*pair).execute(), asof.days_between(*pair).execute()) == (months, days)


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_stacked_holds_every_row_of_every_table_once(count):
    tables = [ibis.memtable(pd.DataFrame({"n": [i, i]})) for i in range(count)]
    assert sorted(asof.stacked(tables).to_pandas()["n"]) == sorted([*range(count)] * 2)
