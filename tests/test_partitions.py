"""What a date's features are made of, by hand; and the law that only what was known by then has a say."""

import ibis
import numpy as np
import pandas as pd
import pytest
from worlds import day, random_frames, rows, table, tables

from pipeline import partitions

DAYS = (day("2022-03-31"), day("2023-03-31"), day("2024-03-31"))
PAID = {"programme": "PKH", "period": "2022Q1", "amount": 1, "status": "disbursed"}


def payment(family, recorded_on, **changes):
    return PAID | {"kpm_id": family, "recorded_on": recorded_on, "paid_on": recorded_on} | changes


def until(payments):
    told = partitions.marks(rows("payments", *payments), "payments").to_pandas()
    return [partitions.until(told, d) for d in DAYS]


FIRST = [payment("A", "2022-01-10"), payment("B", "2023-01-10"), payment("C", "2024-03-31")]


def test_rows_are_counted_by_day_of_record():
    assert [n for n, _ in until(FIRST)] == [1, 2, 3]
    assert [n for n, _ in until([*FIRST, payment("D", "2024-04-01")])] == [1, 2, 3]
    assert until([*FIRST, payment("D", "2024-04-01")]) == until(FIRST)


def test_the_order_of_rows_has_no_say():
    assert until(FIRST[::-1]) == until(FIRST)


@pytest.mark.parametrize(
    ("changed", "first"),
    [
        (payment("B", "2023-01-10", amount=2), 1),  # a value
        (payment("B", "2023-06-01"), 1),  # a later record: gone from 2023, there in 2024
        (payment("B", "2022-01-10"), 0),  # an earlier one
        (payment("B", "2023-01-10", channel="bank"), 1),  # a cell that was blank
    ],
)
def test_a_change_tells_on_its_day_and_after(changed, first):
    before, after = until(FIRST), until([FIRST[0], changed, FIRST[2]])
    assert [b == a for b, a in zip(before, after, strict=True)][:first] == [True] * first
    assert before[first] != after[first]


def test_without_a_clock_of_record_the_event_is_the_clock():
    one = {"kpm_id": "A", "facilitator_id": "F1", "valid_from": "2022-01-01"}
    told = [partitions.marks(rows("assignments", *r), "assignments").to_pandas() for r in (
        [one], [one, {"kpm_id": "B", "facilitator_id": "F1", "valid_from": "2023-06-01"}],
        [one | {"valid_to": "2024-01-01"}],
    )]  # fmt: skip
    # The end is told on its day: first, [1, 1, 1]; more, [1, 1, 2]; ended on 2024-01-01, [1, 1, 2].
    first, more, ended = ([partitions.until(t, d) for d in DAYS] for t in told)
    assert [a == b for a, b in zip(first, more, strict=True)] == [True, True, False]
    assert [a == b for a, b in zip(first, ended, strict=True)] == [True, True, False]


def test_a_row_known_on_no_day_counts_for_every_date():
    given = {"programme": "PENA", "kpm_id": "A", "started_on": "2024-01-01"}
    told = partitions.marks(rows("programmes", given), "programmes").to_pandas()
    assert [partitions.until(told, d)[0] for d in DAYS] == [1, 1, 1]


def test_the_families_of_a_date_have_a_say():
    one = ibis.memtable(pd.DataFrame({"kpm_id": ["A", "B", "A"], "as_of": [DAYS[0], DAYS[0], DAYS[1]]}))
    two = ibis.memtable(pd.DataFrame({"kpm_id": ["A", "C", "A"], "as_of": [DAYS[0], DAYS[0], DAYS[1]]}))
    first, second = (partitions.made_from({}, partitions.members(t).to_pandas(), DAYS[:2]) for t in (one, two))
    assert first[DAYS[0]] != second[DAYS[0]]
    assert first[DAYS[1]] == second[DAYS[1]]
    assert first[DAYS[0]]["cohort"][0] == 2


@pytest.mark.parametrize("seed", range(3))
def test_the_future_is_invisible_and_the_past_is_not(seed):
    frames, rng = random_frames(seed), np.random.default_rng(seed)
    told = {n: partitions.marks(t, n).to_pandas() for n, t in tables(frames).items()}
    for name, frame in frames.items():
        if "recorded_on" not in frame:
            continue
        cut = pd.Timestamp(frame["recorded_on"].sample(1, random_state=seed).iloc[0])
        recorded = pd.to_datetime(frame["recorded_on"])
        later = frame[~(recorded > cut) | (rng.random(len(frame)) < 0.5)]
        fewer = partitions.marks(table(name, later), name).to_pandas()
        assert partitions.until(fewer, cut.date()) == partitions.until(told[name], cut.date())
        without = frame.drop(frame.index[(recorded <= cut).argmax()])
        less = partitions.marks(table(name, without), name).to_pandas()
        assert partitions.until(less, cut.date()) != partitions.until(told[name], cut.date())
