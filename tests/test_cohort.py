"""The cohort: members on each as-of date, never chosen by what came later."""

import pandas as pd
import pytest
from worlds import day, random_frames, table

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
