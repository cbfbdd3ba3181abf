"""What happened to a family between interviews: membership, payments, windows of follow-up, exits and their gain.

All functions take the interviews of enrolled families (panel.enrolled), sorted by family and quarter.
"""

import pandas as pd

from pipeline.columns import FAMILY

QUARTERS_A_YEAR = 4
RANK_UNITS = 1000  # a rank in [0, 1] as a whole number: thousandths of the quarter's families
EVENTS = ["enrolled", "exited", "reactivated"]


def events(rows: pd.DataFrame) -> pd.DataFrame:
    """Interviews at which the answer about the receipt differs from the last answer, from enrolment on.

    Interviews without an answer are passed over, so they neither start nor end a membership.
    """
    answered = rows[rows["receives"].notna() & (rows["day"] >= rows["enrolled_on"])]
    before = answered.groupby(FAMILY)["receives"].shift()
    changed = answered[before.isna() | (before != answered["receives"]).fillna(True)]
    event = changed["receives"].map({True: "reactivated", False: "exited"}).astype(str)
    return changed.assign(event=event.where(changed["day"] > changed["enrolled_on"], "enrolled"))


def membership(rows: pd.DataFrame) -> pd.DataFrame:
    """Key kpm_id, effective_on, event."""
    happened = events(rows)
    reasons = exits(rows).set_index([FAMILY, "effective_on"])["reason"]
    frame = happened.rename(columns={"day": "effective_on"})[[FAMILY, "effective_on", "event"]]
    return (
        frame.join(reasons, on=[FAMILY, "effective_on"])
        .assign(recorded_on=frame["effective_on"])
        .reset_index(drop=True)
    )


def exits(rows: pd.DataFrame) -> pd.DataFrame:
    """Exits with reason and what could be seen to change since the last receipt; key kpm_id, effective_on.

    Outcome only: nothing here may become a feature.
    """
    happened = events(rows)
    left = happened[happened["event"] == "exited"]
    before = last_receipts(rows).loc[left.index]
    had_children = (rows["n_u6"] + rows["n_6_17"] > 0).groupby(rows[FAMILY]).cummax().loc[left.index]
    aged_out = had_children & (left["n_u6"] + left["n_6_17"] == 0)
    return pd.DataFrame(
        {
            FAMILY: left[FAMILY],
            "effective_on": left["day"],
            "reason": aged_out.map({True: "natural", False: "gsm"}).astype(str),
            "visible_gain": visible_gain(before, left),
        }
    ).reset_index(drop=True)


def last_receipts(rows: pd.DataFrame) -> pd.DataFrame:
    """For every interview, the answers of the family's last interview with receipt before it."""
    columns = ["n_formal_wage", "n_employed", "V2"]
    receiving = rows[columns].where(rows["receives"].fillna(False))
    return receiving.groupby(rows[FAMILY]).ffill().groupby(rows[FAMILY]).shift()


def visible_gain(before: pd.DataFrame, after: pd.DataFrame) -> pd.Series:
    """The first that holds of: more formal wages, more people employed, a pension where there was none."""
    gain = pd.Series("none", index=after.index)
    gain[((before["V2"] != 1) & (after["V2"] == 1)).fillna(False)] = "pension"
    gain[(after["n_employed"] > before["n_employed"]).fillna(False)] = "other_job"
    gain[(after["n_formal_wage"] > before["n_formal_wage"]).fillna(False)] = "formal_wage"
    return gain


def follow_up(rows: pd.DataFrame) -> pd.DataFrame:
    """Windows between two interviews a year apart that both answered about the receipt; key kpm_id, observed_from."""
    answered = rows.loc[rows["receives"].notna(), [FAMILY, "quarter", "day"]]
    later = answered.assign(quarter=answered["quarter"] - QUARTERS_A_YEAR)
    pairs = answered.merge(later, on=[FAMILY, "quarter"], suffixes=("_from", "_to"))
    return pairs.rename(columns={"day_from": "observed_from", "day_to": "observed_to"})[
        [FAMILY, "observed_from", "observed_to"]
    ]


def payments(rows: pd.DataFrame, transfer_rank: pd.Series) -> pd.DataFrame:
    """Key kpm_id, programme, period; `amount` is the rank of the transfer in thousandths, 0 where it was not told."""
    paid = rows[rows["receives"].fillna(False)]
    amount = (transfer_rank.loc[paid.index] * RANK_UNITS).round().fillna(0)
    return pd.DataFrame(
        {
            FAMILY: paid[FAMILY],
            "programme": "PKH",
            "period": paid["day"].dt.year.astype(str) + "Q" + paid["day"].dt.quarter.astype(str),
            "paid_on": paid["day"],
            "amount": amount.astype("int64"),
            "status": "disbursed",
            "recorded_on": paid["day"],
        }
    ).reset_index(drop=True)
