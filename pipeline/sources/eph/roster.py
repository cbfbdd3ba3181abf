"""Who the family is: caretaker, place and children, as far as household counts tell.

All functions take the interviews of enrolled families (panel.enrolled), sorted by family and quarter.
"""

import pandas as pd

from pipeline.columns import FAMILY

MALE, FEMALE = 1, 2
OLDEST_TOLD = 98  # 99 is no answer
SMALL_CHILD_AGE = 3  # the middle of 0 to 5
OLDER_CHILD_AGE = 12  # the middle of 6 to 17


def kpm(rows: pd.DataFrame) -> pd.DataFrame:
    """Key kpm_id: caretaker (the head) and place as told at the first interview with receipt.

    Birth dates are not asked: 1 July of the year in which a person of that age was born, half a year off at most.
    """
    first = rows[rows["day"] == rows["enrolled_on"]]
    age = first["head_CH06"].where(first["head_CH06"] <= OLDEST_TOLD)
    return pd.DataFrame(
        {
            FAMILY: first[FAMILY],
            "enrolled_on": first["enrolled_on"],
            "caretaker_sex": first["head_CH04"].map({MALE: "M", FEMALE: "F"}),
            "caretaker_birth_date": first_of_july(first["day"].dt.year - age),
            "village_code": two_digits(first["REGION"]) + two_digits(first["AGLOMERADO"]) + "000000",
            "urban": True,
            "recorded_on": first["enrolled_on"],
        }
    ).reset_index(drop=True)


def two_digits(codes: pd.Series) -> pd.Series:
    return codes.astype("Int64").astype("string").str.zfill(2)


def first_of_july(years: pd.Series) -> pd.Series:
    return pd.to_datetime(years.astype("Int64").astype("string") + "-07-01", format="%Y-%m-%d").astype("datetime64[s]")


def members(rows: pd.DataFrame) -> pd.DataFrame:
    """Key kpm_id, member_id, valid_from: one row per child and interview, valid until the next interview.

    The panel does not link persons, so each interview has members of its own. A child's age is the middle of its
    group; of the older ones as many attend school (`sd`: the level is not told) as the household counts in school. The
    rest stay unknown, not `none`: the count starts at 5 years, and a child below 18 keeps the transfer's component,
    so an exit with a child out of school is not the last child aging out.
    """
    until = rows.groupby(FAMILY)["day"].shift(-1)
    small = children(rows.assign(valid_to=until), "n_u6", "u6", SMALL_CHILD_AGE)
    older = children(rows.assign(valid_to=until), "n_6_17", "6to17", OLDER_CHILD_AGE)
    pupils = older["number"] <= older["n_5_17_in_school"].fillna(0)
    schooled = [
        small.assign(in_school=None),
        older.assign(in_school=pupils.map({True: "sd"}).astype(object)),
    ]
    roster = pd.concat(schooled, ignore_index=True).sort_values([FAMILY, "valid_from", "member_id"], ignore_index=True)
    return roster[[FAMILY, "member_id", "birth_date", "relation", "in_school", "valid_from", "valid_to", "recorded_on"]]


def children(rows: pd.DataFrame, counted: str, group: str, age: int) -> pd.DataFrame:
    """As many rows as children of the group, numbered from 1 within family and interview."""
    repeated = rows.loc[rows.index.repeat(rows[counted].fillna(0).astype("int64"))]
    number = repeated.groupby(level=0).cumcount() + 1
    return repeated.assign(
        number=number,
        member_id=repeated["file_q"].astype(str) + "-" + group + "-" + number.astype(str),
        birth_date=first_of_july(repeated["day"].dt.year - age),
        relation="child",
        valid_from=repeated["day"],
        recorded_on=repeated["day"],
    )
