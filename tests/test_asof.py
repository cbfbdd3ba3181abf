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
