"""The cohort: members on each as-of date, never chosen by what came later."""

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


EVERYBODY = cohort.Config(caretaker_younger_than=None, regencies=None)
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
