"""Where a family lives and who serves it on a date, as known then."""

import pandas as pd
import pytest
from worlds import day, random_frames, rows, tables

from pipeline import context

JUNE, DECEMBER = day("2020-06-30"), day("2020-12-31")


def world():
    """A moves from F1 to F2 in October; B lives in no known village and nobody serves it; C left in September; D comes
    in July, but its row in kpm is recorded only in January."""
    came = {"enrolled_on": "2019-01-01", "recorded_on": "2019-01-05"}
    enrolled = {"event": "enrolled", "effective_on": "2019-01-01", "recorded_on": "2019-01-01"}
    return {
        "kpm": rows(
            "kpm",
            {"kpm_id": "A", **came, "village_code": "3276012001"},
            {"kpm_id": "B", **came},
            {"kpm_id": "C", **came, "village_code": "9471012001"},
            {"kpm_id": "D", "enrolled_on": "2020-07-01", "recorded_on": "2021-01-01", "village_code": "9471012001"},
        ),
        "membership": rows(
            "membership",
            *[{"kpm_id": k, **enrolled} for k in "ABC"],
            {"kpm_id": "C", "event": "exited", "effective_on": "2020-09-01", "recorded_on": "2020-09-15"},
            {"kpm_id": "D", **enrolled, "effective_on": "2020-07-01", "recorded_on": "2020-07-01"},
        ),
        "assignments": rows(
            "assignments",
            {"kpm_id": "A", "facilitator_id": "F1", "valid_from": "2019-01-01", "valid_to": "2020-10-01"},
            {"kpm_id": "A", "facilitator_id": "F2", "valid_from": "2020-10-01"},
            {"kpm_id": "C", "facilitator_id": "F1", "valid_from": "2019-01-01"},
        ),
    }


def told(made):
    frame = made.to_pandas().astype(object).sort_values(["as_of", "kpm_id"])
    clean = frame.where(frame.notna(), None).assign(as_of=[str(d)[:10] for d in frame["as_of"]])
    return [tuple(r) for r in clean.itertuples(index=False)]


def test_by_hand():
    made = context.build(world(), [JUNE, DECEMBER])
    assert made.columns == ("kpm_id", "as_of", "village_code", "regency_code", "facilitator_id")
    assert told(made) == [
        ("A", "2020-06-30", "3276012001", "3276", "F1"),
        ("B", "2020-06-30", None, None, None),
        ("C", "2020-06-30", "9471012001", "9471", "F1"),
        ("A", "2020-12-31", "3276012001", "3276", "F2"),
        ("B", "2020-12-31", None, None, None),
        ("D", "2020-12-31", None, None, None),
    ]


def test_without_assignments_nobody_serves():
    made = context.build({k: t for k, t in world().items() if k != "assignments"}, [JUNE])
    assert [r[-1] for r in told(made)] == [None, None, None]
    assert str(made.facilitator_id.type()) == "string"


@pytest.mark.parametrize("seed", range(3))
def test_one_row_a_member_and_date(seed):
    """The key holds over random tables, and each date alone is the same as among others."""
    made = tables(random_frames(seed, families=40))
    dates = [day("2021-06-30"), day("2022-06-30")]
    whole = context.build(made, dates).to_pandas()
    assert len(whole) > 0
    assert not whole.duplicated(["kpm_id", "as_of"]).any()
    apart = sorted(map(str, told(context.build(made, dates[:1])) + told(context.build(made, dates[1:]))))
    assert sorted(map(str, told(context.build(made, dates)))) == apart


@pytest.mark.parametrize("seed", range(2))
def test_what_is_assigned_later_changes_nothing(seed):
    frames = random_frames(seed, families=40)
    later = frames["assignments"].valid_from > pd.Timestamp("2021-06-30")
    assert later.any()
    fewer = frames | {"assignments": frames["assignments"][~later]}
    first, second = (told(context.build(tables(f), [day("2021-06-30")])) for f in (frames, fewer))
    assert first == second
