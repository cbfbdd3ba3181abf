"""The cohort: members on each as-of date, never chosen by what came later."""

import hashlib
from datetime import date

import ibis
import pandas as pd
import pytest
from worlds import day, random_frames, rows, table

from pipeline import cohort

AS_OFS = [day("2021-12-31"), day("2022-03-31")]


@pytest.mark.parametrize("seed", range(3))
def test_the_future_does_not_choose_the_cohort(seed):
    """Rewriting or deleting every event later than the date, by either clock, changes no row."""
    frame = random_frames(seed)["membership"]
    last = pd.Timestamp(AS_OFS[-1])
    later = (frame.effective_on > last) | (frame.recorded_on > last)
    assert later.any()
    rewritten = frame.assign(event=frame.event.where(~later, "exited"))
    expected = cohort.select(table("membership", frame), AS_OFS).to_pandas()
    for other in (frame[~later], rewritten):
        pd.testing.assert_frame_equal(cohort.select(table("membership", other), AS_OFS).to_pandas(), expected)


def test_grain_and_order():
    found = cohort.select(table("membership", random_frames(5)["membership"]), AS_OFS).to_pandas()
    assert list(found.columns) == ["kpm_id", "as_of"]
    assert not found.duplicated().any()
    assert found.equals(found.sort_values(["as_of", "kpm_id"], ignore_index=True))


EVERYBODY = cohort.Config(caretaker_younger_than=None, regencies=None, history_share=1.0)
KPM = [
    {"kpm_id": "A", "caretaker_birth_date": "1982-01-01", "village_code": "3203012001", "recorded_on": "2020-01-01"},
    {"kpm_id": "B", "caretaker_birth_date": "1981-12-31", "village_code": "3203012001", "recorded_on": "2020-01-01"},
    {"kpm_id": "C", "caretaker_birth_date": None, "village_code": "3315012001", "recorded_on": "2020-01-01"},
    {"kpm_id": "D", "caretaker_birth_date": "1990-01-01", "village_code": "3315012001", "recorded_on": "2022-02-01"},
]


@pytest.mark.parametrize(
    ("limits", "december", "march"),
    [
        ({}, "ABCD", "ABCD"),
        (
            {"caretaker_younger_than": 40},
            "A",
            "D",
        ),  # A turns 40 in between, B did the year before; D is known since February
        ({"regencies": ("3315",)}, "C", "CD"),
        ({"regencies": ("3203",), "caretaker_younger_than": 40}, "A", ""),
    ],
)
def test_a_limited_cohort_by_what_was_known_then(limits, december, march):
    days = {"effective_on": "2020-01-01", "recorded_on": "2020-01-01"}
    membership = rows("membership", *[{"kpm_id": k, "event": "enrolled", **days} for k in "ABCD"])
    members = cohort.select(membership, AS_OFS)
    found = cohort.limit(members, rows("kpm", *KPM), EVERYBODY.model_copy(update=limits)).to_pandas()
    by_date = found.groupby(found.as_of.dt.date).kpm_id.sum().to_dict()
    assert (by_date.get(AS_OFS[0], ""), by_date.get(AS_OFS[1], "")) == (december, march)


def test_history_is_of_the_same_families_on_every_date_and_today_of_all():
    """A family is in history by the md5 of its number, on every date or on none; nobody is left out today."""
    today, before = date(2025, 6, 30), [date(2024, 6, 30), date(2024, 9, 30)]
    ids = [f"K{i:03d}" for i in range(200)]
    rows = [{"kpm_id": k, "as_of": d} for d in [*before, today] for k in ids]
    sampled = cohort.sample(ibis.memtable(rows), today, EVERYBODY.model_copy(update={"history_share": 0.25}))
    kept = {d: set() for d in [*before, today]}
    for row in sampled.to_pyarrow().to_pylist():
        kept[row["as_of"]].add(row["kpm_id"])
    # A quarter of all digests begin below 0x40000000.
    expected = {k for k in ids if hashlib.md5(k.encode()).hexdigest() < "40"}
    assert kept == {before[0]: expected, before[1]: expected, today: set(ids)}
    assert 0 < len(expected) < len(ids)
    nobody = cohort.sample(ibis.memtable(rows), today, EVERYBODY.model_copy(update={"history_share": 0.0}))
    assert {r["as_of"] for r in nobody.to_pyarrow().to_pylist()} == {today}
    everybody = cohort.sample(ibis.memtable(rows), today, EVERYBODY)
    assert everybody.count().to_pyarrow().as_py() == len(rows)
