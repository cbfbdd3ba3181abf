"""The programme's components, at the edges of every rule and against a plain second version."""

import ibis
import numpy as np
import pandas as pd
import pytest
from worlds import day, random_frames, rows, table

from pipeline import components

ON = day("2024-06-30")
KINDS = ("early_childhood", "pupil", "elderly", "disabled", "pregnant")


def marked(members):
    on = ibis.literal(ON)
    return members.mutate(
        early_childhood=components.early_childhood(members, on),
        pupil=components.pupil(members, on),
        elderly=components.elderly(members, on),
        disabled=components.disabled(members),
        with_child=components.pregnant(members),
        component=components.is_component(members, on),
    ).to_pandas()


CASES = [
    ({"birth_date": "2017-07-01", "in_school": "none"}, ["early_childhood"]),  # seven tomorrow
    ({"birth_date": "2017-06-30", "in_school": "none"}, []),  # seven today, not in school
    ({"birth_date": "2017-06-30", "in_school": "sd"}, ["pupil"]),
    ({"birth_date": "2017-07-01", "in_school": "sd"}, ["early_childhood", "pupil"]),  # six and at school
    ({"birth_date": "2024-06-30", "in_school": "none"}, ["early_childhood"]),  # born today
    ({"birth_date": "2002-07-01", "in_school": "sma"}, ["pupil"]),  # 21
    ({"birth_date": "2002-06-30", "in_school": "sma"}, []),  # 22 today
    ({"birth_date": "2005-01-01", "in_school": "tertiary"}, []),
    ({"birth_date": None, "in_school": "smp"}, ["pupil"]),  # age unknown, read in the family's favour
    ({"birth_date": None}, []),  # neither age nor school known
    ({"birth_date": "2017-06-30"}, ["pupil"]),  # 7, no level recorded: counts as a pupil
    ({"birth_date": "2017-07-01"}, ["early_childhood"]),  # 6
    ({"birth_date": "2005-07-01"}, ["pupil"]),  # 18
    ({"birth_date": "2005-06-30"}, []),  # 19 today
    ({"birth_date": "2007-01-01", "education_level": "smp"}, ["pupil"]),  # 17, SMA not finished
    ({"birth_date": "2007-01-01", "education_level": "sma"}, []),  # 17, school finished
    ({"birth_date": "1964-06-30", "in_school": "none"}, ["elderly"]),  # 60 today
    ({"birth_date": "1964-07-01", "in_school": "none"}, []),  # 59
    ({"birth_date": "1990-01-01", "in_school": "none", "severe_disability": True}, ["disabled"]),
    ({"birth_date": "1990-01-01", "in_school": "none", "pregnant": True}, ["pregnant"]),
    ({"birth_date": "1990-01-01", "in_school": "none", "pregnant": False, "severe_disability": False}, []),
]


@pytest.fixture(scope="module")
def edges():
    """Names of the components that each case is."""
    same = {"kpm_id": "A", "valid_from": "2020-01-01", "recorded_on": "2020-01-01"}
    members = rows("members", *[same | {"member_id": str(i)} | member for i, (member, _) in enumerate(CASES)])
    found = marked(members).set_index("member_id").drop(columns="pregnant").rename(columns={"with_child": "pregnant"})
    return {i: (bool(row["component"]), [k for k in KINDS if row[k]]) for i, row in found.iterrows()}


@pytest.mark.parametrize("case", range(len(CASES)), ids=[" ".join(expected) or "none" for _, expected in CASES])
def test_the_edges_of_every_rule(edges, case):
    expected = CASES[case][1]
    assert edges[str(case)] == (bool(expected), expected)


def age(birth):
    if pd.isna(birth):
        return None
    return ON.year - birth.year - ((ON.month, ON.day) < (birth.month, birth.day))


def plainly(member):
    """early childhood, pupil, elderly, disabled, pregnant of one row, as a person would decide."""
    years, school = age(member.birth_date), None if pd.isna(member.in_school) else member.in_school
    finished = None if pd.isna(member.education_level) else member.education_level
    if school is not None:
        pupil = school in ("sd", "smp", "sma") and (years is None or years <= 21)
    else:
        pupil = years is not None and 7 <= years <= 18 and finished not in ("sma", "tertiary")
    return (
        years is not None and years <= 6,
        pupil,
        years is not None and years >= 60,
        member.severe_disability is True or member.severe_disability is np.True_,
        member.pregnant is True or member.pregnant is np.True_,
    )


@pytest.mark.parametrize("seed", range(3))
def test_equal_to_a_plain_second_version(seed):
    frame = random_frames(seed)["members"]
    frame["valid_to"] = pd.to_datetime(frame["valid_to"])
    found = marked(table("members", frame))
    expected = {(m.kpm_id, m.member_id, m.valid_from): plainly(m) for m in frame.itertuples()}
    assert len(found) == len(expected) == len(frame)
    for m in found.itertuples():
        mine = (m.early_childhood, m.pupil, m.elderly, m.disabled, m.with_child)
        assert mine == expected[m.kpm_id, m.member_id, m.valid_from]
        assert m.component == any(mine)
    assert 0 < found["component"].sum() < len(found)


@pytest.mark.parametrize(
    ("birth", "expected"),
    [("2006-01-01", "2025-07-01"), ("2006-12-31", "2025-07-01"), (None, None)],  # 2006 + 19 = 2025
)
def test_schooling_ends_in_the_july_of_the_year_of_19(birth, expected):
    row = {"kpm_id": "A", "member_id": "m", "valid_from": "2020-01-01", "birth_date": birth}
    members = rows("members", row)
    found = members.select(ends=components.schooling_ends(members)).to_pandas()["ends"][0]
    assert pd.isna(found) if expected is None else str(found)[:10] == expected
