"""Anchored dates: month ends stay month ends, whatever lies between."""

from datetime import date, timedelta

import pytest
from worlds import day

from pipeline import study

CONFIG = study.Config(
    horizon_months=12, step_months=3, first_as_of=None, lag_quantile=0.995, lag_days_without_evidence=92
)


def test_month_ends_do_not_drift_to_the_28th():
    back = [study.months_before(day("2023-12-31"), k).isoformat()[5:] for k in range(1, 13)]
    assert back == [
        "11-30",
        "10-31",
        "09-30",
        "08-31",
        "07-31",
        "06-30",
        "05-31",
        "04-30",
        "03-31",
        "02-28",
        "01-31",
        "12-31",
    ]


@pytest.mark.parametrize(
    ("anchor", "months", "expected"),
    [
        ("2024-02-29", 12, "2025-02-28"),
        ("2023-02-28", 12, "2024-02-29"),  # a month end stays one
        ("2023-01-30", 1, "2023-02-28"),  # not a month end: the day, as far as the month has it
        ("2023-01-15", -1, "2022-12-15"),
        ("2023-12-31", 1, "2024-01-31"),
    ],
)
def test_months_by_hand(anchor, months, expected):
    assert study.months_after(day(anchor), months) == day(expected)


@pytest.mark.parametrize("offset", range(0, 800, 37))
def test_there_and_back_is_the_same_month_end(offset):
    end = study.last_quarter_end(date(2020, 3, 31) + timedelta(days=offset))
    assert study.months_before(study.months_after(end, 7), 7) == end


def test_as_of_dates_are_quarter_ends_from_the_first_knowledge_to_the_extract():
    dates = study.as_of_dates(day("2023-02-10"), day("2024-07-14"), CONFIG)
    assert [d.isoformat() for d in dates] == [
        "2023-03-31",
        "2023-06-30",
        "2023-09-30",
        "2023-12-31",
        "2024-03-31",
        "2024-06-30",
    ]


def test_nothing_known_by_the_last_quarter_end_gives_no_date():
    assert study.as_of_dates(day("2024-07-01"), day("2024-07-14"), CONFIG) == ()
