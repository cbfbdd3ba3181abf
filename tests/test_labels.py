"""Outcomes by hand, censoring, maturity, and the law that a matured label never changes."""

import numpy as np
import pandas as pd
import pytest
from worlds import day, random_frames, rows, table, tables

from pipeline import cohort, labels, study

CONFIG = study.Config(
    horizon_months=12, step_months=3, first_as_of=None, lag_quantile=0.995, lag_days_without_evidence=30
)
AS_OF = "2021-03-31"  # horizon ends 2022-03-31; with 30 days of lag labels mature on 2022-04-30
MATURE = day("2022-04-30")
ENROLLED = {"kpm_id": "A", "effective_on": "2019-01-01", "event": "enrolled", "recorded_on": "2019-01-01"}
CHILD = {
    "kpm_id": "A",
    "member_id": "1",
    "birth_date": "2016-01-01",
    "valid_from": "2019-01-01",
    "recorded_on": "2019-01-01",
}


def event(kind, effective_on, recorded_on, reason=None):
    return {"kpm_id": "A", "event": kind, "effective_on": effective_on, "recorded_on": recorded_on, "reason": reason}


def observed(*events, members=(CHILD,), extracted_on=MATURE, windows=None):
    membership = rows("membership", ENROLLED, *events)
    given = {
        "cohort": cohort.select(membership, [day(AS_OF)]),
        "membership": membership,
        "members": rows("members", *members),
    }
    if windows is not None:
        given["follow_up"] = rows("follow_up", *windows)
    moments = labels.moments(membership, [day(AS_OF)], CONFIG)
    return labels.observe(given, moments, extracted_on).to_pandas()


def outcome(*events, **world):
    (row,) = observed(*events, **world).to_dict("records")
    return row["outcome"], row["matured"]


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("gsm", "gsm"),
        ("ppse", "gsm"),
        ("natural", "natural"),
        ("ineligible", "ineligible"),
        ("identity", "administrative"),
        ("duplicate", "administrative"),
        ("moved", "administrative"),
        ("died", "died"),
        ("refused", "refused"),
        ("other", "other"),
        (None, "other"),
    ],
)
def test_every_reason_has_its_outcome(reason, expected):
    assert outcome(event("exited", "2021-06-01", "2021-06-20", reason)) == (expected, True)


def test_dates_of_the_outcome():
    (row,) = observed(event("exited", "2021-06-01", "2021-06-20", "gsm")).to_dict("records")
    assert (row["outcome_on"], row["known_on"]) == (pd.Timestamp("2021-06-01"), pd.Timestamp("2021-06-20"))


@pytest.mark.parametrize(
    ("effective_on", "recorded_on", "expected"),
    [
        ("2021-04-01", "2021-04-02", "gsm"),  # the first day of the horizon
        ("2022-03-31", "2022-04-30", "gsm"),  # the last day, recorded on the day of maturity
        ("2022-04-01", "2022-04-02", "none"),  # the day after
        ("2022-03-31", "2022-05-01", "none"),  # recorded after maturity: the label was settled without it
        ("2021-03-20", "2021-04-10", "other"),  # had left by as_of and nobody knew: no graduation within the horizon
    ],
)
def test_edges_of_the_horizon(effective_on, recorded_on, expected):
    later = day("2023-12-31")
    # The lag of 30 days is measured: one old exit of another family, recorded 30 days after it took effect.
    slow = [
        {**ENROLLED, "kpm_id": "B"},
        {
            "kpm_id": "B",
            "event": "exited",
            "effective_on": "2020-01-01",
            "recorded_on": "2020-01-31",
            "reason": "moved",
        },
    ]
    found = observed(event("exited", effective_on, recorded_on, "gsm"), *slow, extracted_on=later)
    assert found.set_index("kpm_id").loc["A", "outcome"] == expected


def test_the_first_exit_counts_even_if_the_family_came_back():
    events = [
        event("exited", "2021-05-01", "2021-05-02", "ineligible"),
        event("reactivated", "2021-06-01", "2021-06-02"),
        event("exited", "2021-09-01", "2021-09-02", "gsm"),
    ]
    assert outcome(*events) == ("ineligible", True)


def test_before_maturity_every_label_is_censored():
    gone = event("exited", "2021-06-01", "2021-06-20", "gsm")
    assert outcome(gone, extracted_on=day("2022-04-29")) == ("censored", False)
    assert outcome(gone, extracted_on=MATURE) == ("gsm", True)


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ([{**CHILD, "birth_date": "2015-06-02"}], "gsm"),  # 5 on 2021-06-01
        ([{**CHILD, "birth_date": "2001-01-01"}], "natural"),  # 20, not in school
        ([{**CHILD, "birth_date": "2001-01-01", "in_school": "sma"}], "gsm"),  # 20, in SMA, within 21
        ([{**CHILD, "birth_date": "1999-01-01", "in_school": "sma"}], "natural"),  # 22
        ([{**CHILD, "birth_date": "1961-06-01"}], "gsm"),  # 60 on the day
        ([{**CHILD, "birth_date": "1961-06-02"}], "natural"),  # 59
        ([{**CHILD, "birth_date": "1980-01-01", "severe_disability": True}], "gsm"),
        ([{**CHILD, "birth_date": "1990-01-01", "pregnant": True}], "gsm"),
        ([{**CHILD, "valid_to": "2021-05-01"}], "natural"),  # the child had left the family
        ([{**CHILD, "recorded_on": "2021-06-21"}], "gsm"),  # nothing known of the family by the record of the exit
        ([], "gsm"),  # no roster at all: nothing is known against the recorded reason
    ],
)
def test_a_graduation_without_a_component_is_natural(members, expected):
    assert outcome(event("exited", "2021-06-01", "2021-06-20", "gsm"), members=members)[0] == expected


WINDOW = {"kpm_id": "A", "observed_from": AS_OF, "observed_to": "2022-03-31"}


@pytest.mark.parametrize(
    ("windows", "expected"),
    [
        ([WINDOW], "gsm"),
        ([{**WINDOW, "observed_to": "2022-03-30"}], "censored"),  # lost a day early
        ([{**WINDOW, "observed_from": "2021-04-01"}], "censored"),  # first seen a day late
        ([], "censored"),
    ],
)
def test_a_panel_is_censored_where_it_did_not_look(windows, expected):
    gone = event("exited", "2021-06-30", "2021-06-30", "gsm")
    assert outcome(gone, windows=windows) == (expected, True)


def test_a_panel_asks_at_the_end_of_the_horizon():
    """Out at one interview, back by the one that ends the horizon: still a member when the question is asked."""
    events = [event("exited", "2021-06-30", "2021-06-30", "gsm"), event("reactivated", "2022-03-31", "2022-03-31")]
    assert outcome(*events, windows=[WINDOW]) == ("none", True)
    assert outcome(*events) == ("gsm", True)  # in a register the act of exit is the outcome


def test_the_lag_is_measured_on_old_exits_only():
    """Exits by as_of, known by the end of the horizon: lags of 10, 20 and 40 days; the 99.5 % quantile of three
    values is 20 + 0.99 * (40 - 20) = 39.8, so 40 days. The recent exit with 1 day is no evidence."""
    lags = [("B", "2020-01-01", "2020-01-11"), ("C", "2020-01-01", "2020-01-21"), ("D", "2020-01-01", "2020-02-10")]
    events = [{"kpm_id": k, "event": "exited", "effective_on": e, "recorded_on": r} for k, e, r in lags]
    recent = {"kpm_id": "E", "event": "exited", "effective_on": "2022-01-01", "recorded_on": "2022-01-02"}
    membership = rows("membership", *events, recent)
    assert labels.reporting_lag(membership, day(AS_OF), CONFIG) == 40


def test_without_old_exits_the_configured_lag_holds():
    assert labels.reporting_lag(rows("membership", ENROLLED), day(AS_OF), CONFIG) == 30


@pytest.mark.parametrize("seed", range(4))
def test_a_later_extract_never_changes_a_matured_label(seed):
    """Each extract holds what was recorded by its date; what matured in the first reads the same in the second."""
    frames = random_frames(seed, families=200, rows=4)
    lag = pd.to_timedelta(np.random.default_rng(seed).integers(0, 150, len(frames["membership"])), unit="D")
    frames["membership"] = frames["membership"].assign(recorded_on=lambda f: f.effective_on + lag)
    as_ofs = [day(f"2019-{d}") for d in ("06-30", "09-30", "12-31")]
    earlier, later = (label_extract(frames, as_ofs, on) for on in ("2022-06-30", "2024-06-30"))
    settled = earlier[earlier.matured]
    assert len(settled)
    both = settled.merge(later, on=["kpm_id", "as_of"], how="left", suffixes=("", "_later"))
    for column in ("outcome", "outcome_on", "known_on", "matured"):
        pd.testing.assert_series_equal(both[column], both[f"{column}_later"], check_names=False)


def label_extract(frames, as_ofs, extracted_on):
    extract = tables({n: f[f.recorded_on <= extracted_on] if "recorded_on" in f else f for n, f in frames.items()})
    moments = labels.moments(extract["membership"], as_ofs, CONFIG)
    given = {**extract, "cohort": cohort.select(extract["membership"], as_ofs)}
    return labels.observe(given, moments, day(extracted_on)).to_pandas()


@pytest.mark.parametrize("seed", range(3))
def test_outcomes_equal_a_plain_second_version(seed):
    """Row by row in plain Python, for families without a roster."""
    frame = random_frames(seed, families=150, rows=6)["membership"]
    as_of, end = pd.Timestamp(AS_OF), pd.Timestamp("2022-03-31")
    membership = table("membership", frame)
    moments = labels.moments(membership, [as_of.date()], CONFIG)
    settled = pd.Timestamp(moments[0].matured_on)
    given = {"cohort": cohort.select(membership, [as_of.date()]), "membership": membership, "members": rows("members")}
    found = labels.observe(given, moments, day("2030-01-01")).to_pandas().set_index("kpm_id")["outcome"]
    expected = {family: plain_outcome(frame[frame.kpm_id == family], as_of, end, settled) for family in found.index}
    assert found.to_dict() == expected
    assert len(np.unique(found)) >= 3


def plain_outcome(events, as_of, end, settled):
    known = events[events.recorded_on <= settled]
    exits = known[(known.event == "exited") & (known.effective_on <= end)]
    unknown_then = exits[(exits.effective_on > as_of) | (exits.recorded_on > as_of)]
    back = known[known.event == "reactivated"]
    for row in unknown_then.sort_values(["effective_on", "recorded_on"]).itertuples():
        if ((back.effective_on >= row.effective_on) & (back.effective_on <= as_of)).any():
            continue  # withdrawn before as_of
        if row.effective_on <= as_of:
            return "other"
        return labels.OUTCOME_OF_REASON.get(row.reason, "other")
    return "none"
