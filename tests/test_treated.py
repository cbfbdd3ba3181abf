"""Labels of families whom a list led somebody to: by hand, and the law that nothing else changes."""

from datetime import date

import ibis
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from test_labels import AS_OF, CHILD, CONFIG, ENROLLED, MATURE, event
from worlds import day, random_frames, rows, tables

from pipeline import cohort, labels, survival, treated
from pipeline.errors import BadInput

LASTING = treated.Config(path=None, felt_days=100)
LEFT = event("exited", "2021-12-15", "2021-12-20", "gsm")


def frame_of(frame):
    """As an Ibis table: columns named for a day are dates."""
    kinds = {c: "date" if c.endswith(("_on", "as_of")) else "bool" if c == "treated" else "string" for c in frame}
    dates = {c: pd.to_datetime(frame[c]) for c, kind in kinds.items() if kind == "date"}
    return ibis.memtable(frame.assign(**dates), schema=ibis.schema(kinds))


def came(*days, treated_=True, recorded=None):
    given = [
        {"kpm_id": "A", "happened_on": day(d), "recorded_on": day(recorded or d), "treated": treated_} for d in days
    ]
    return treated.visits(frame_of(pd.DataFrame(given)), LASTING)


def label(visits, *events):
    row = observed(visits, *events)
    return row["outcome"], None if pd.isna(row["outcome_on"]) else pd.Timestamp(row["outcome_on"]).date()


def observed(visits, *events):
    membership = rows("membership", ENROLLED, *events)
    given = {
        "cohort": cohort.select(membership, [day(AS_OF)]),
        "membership": membership,
        "members": rows("members", CHILD),
        "visits": visits,
    }
    moments = labels.moments(membership, [day(AS_OF)], CONFIG)
    (row,) = labels.observe(given, moments, MATURE).to_pandas().to_dict("records")
    return row


@pytest.mark.parametrize(
    ("visited", "expected"),
    [
        (["2021-09-01"], ("censored", day("2021-09-01"))),  # before the exit of 2021-12-15
        (["2021-12-15"], ("censored", day("2021-12-15"))),  # on its day: the exit may be the visit's
        (["2021-12-16"], ("gsm", day("2021-12-15"))),  # after it
        (["2022-04-01"], ("gsm", day("2021-12-15"))),  # beyond the horizon, which ends 2022-03-31
        (["2021-10-01", "2021-06-01"], ("censored", day("2021-06-01"))),  # the first of two
        (["2021-01-01"], ("censored", day("2021-01-01"))),  # 89 days before as_of, felt for 100
        (["2020-12-20"], ("gsm", day("2021-12-15"))),  # 101 days before as_of: 12 + 31 + 28 + 30 + ... felt no more
    ],
)
def test_a_label_ends_at_the_visit(visited, expected):
    assert label(came(*visited), LEFT) == expected


def test_who_stayed_is_censored_too():
    assert label(came("2021-09-01")) == ("censored", day("2021-09-01"))
    assert label(came("2022-04-01")) == ("none", None)


def test_a_visit_counts_once_it_is_on_record():
    """The label of 2021-03-31 matures on 2022-03-31 and 30 days of lag: 2022-04-30."""
    (moment,) = labels.moments(rows("membership", ENROLLED), [day(AS_OF)], CONFIG)
    assert moment.matured_on == MATURE
    assert label(came("2021-09-01", recorded="2022-04-30"), LEFT) == ("censored", day("2021-09-01"))
    assert label(came("2021-09-01", recorded="2022-05-01"), LEFT) == ("gsm", day("2021-12-15"))


@pytest.mark.parametrize("recorded", ["2021-09-04", "2022-04-01"])
def test_the_day_of_record_is_the_first_visits(recorded):
    visits = came("2021-09-01", recorded=recorded).union(came("2021-10-01"), came("2021-09-01", recorded="2022-04-02"))
    row = observed(treated.visits(visits.mutate(happened_on="treated_on", treated=True), LASTING))
    assert (row["outcome_on"], row["known_on"]) == (pd.Timestamp(2021, 9, 1), pd.Timestamp(recorded))


def test_a_decision_without_a_visit_changes_nothing():
    assert label(came("2021-09-01", treated_=False), LEFT) == ("gsm", day("2021-12-15"))


@pytest.mark.parametrize("seed", range(3))
def test_the_labels_of_all_others_stay(seed):
    frames = random_frames(seed)
    extract = tables(frames)
    as_ofs = [date(2021, 3, 31), date(2021, 12, 31)]
    given = {"cohort": cohort.select(extract["membership"], as_ofs)} | extract
    moments = labels.moments(extract["membership"], as_ofs, CONFIG)
    plain = labels.observe(given, moments, date(2024, 6, 30)).to_pandas()
    chosen = np.random.default_rng(seed).choice(plain["kpm_id"].unique(), 3, replace=False)
    on = date(2021, 8, 1)
    days = pd.DataFrame({"kpm_id": chosen, "happened_on": on, "recorded_on": on, "treated": True})
    visits = treated.visits(frame_of(days), LASTING)
    touched = labels.observe(given | {"visits": visits}, moments, date(2024, 6, 30)).to_pandas()
    other = ~plain["kpm_id"].isin(chosen)
    pd.testing.assert_frame_equal(plain[other], touched[other])
    assert other.sum() > 5
    told = touched[~other]
    before = plain[~other]["outcome_on"] < pd.Timestamp(2021, 8, 1)
    felt = told["as_of"].between(pd.Timestamp(2020, 8, 1), pd.Timestamp(2021, 11, 8))
    gone = (plain[~other]["outcome"] == "other") & plain[~other]["outcome_on"].isna()
    unknown = plain[~other]["outcome"] == "censored"
    assert ((told["outcome"] == "censored") == (unknown | (felt & ~before & ~gone))).all()


def test_a_spell_is_followed_until_the_last_whole_quarter_before_the_visit():
    config = survival.Config(**{**SURVIVAL, "lead_months": 3, "months": (3, 6, 9, 12)})
    exits = pd.DataFrame({
        "kpm_id": ["A", "B", "C"], "as_of": pd.Timestamp(2021, 3, 31), "outcome": "censored",
        "outcome_on": pd.to_datetime(["2021-10-15", "2021-05-01", None]), "known_on": pd.NaT,
    })  # fmt: skip
    at = survival.Clock(date(2023, 1, 1), date(2022, 12, 31))
    found = survival.spells(exits, [date(2021, 3, 31)], at, config)
    # A: quarters end 06-30, 09-30, 12-31; the third holds the visit, so two whole ones. B: none. C: nobody knows.
    assert found.to_dict("records") == [
        {"kpm_id": "A", "as_of": pd.Timestamp(2021, 3, 31), "leads": 2, "months": 6.0, "cause": survival.STAYED}
    ]


SURVIVAL = {
    "enabled": True, "training_months": 24, "rows": 1000, "half_life_months": 24, "level_months": 12, "level_sd": 1.0,
    "learning_rate": 0.1, "num_leaves": 4, "max_depth": 2, "min_leaf_share": 0.01, "feature_fraction": 1.0,
    "bagging_fraction": 1.0, "lambda_l2": 1.0, "trees": 5, "trees_of_other_causes": 5, "min_graduations": 1, "seed": 1,
    "threads": 1,
}  # fmt: skip


def test_what_is_no_extract_of_decisions_is_refused():
    right = pa.schema([(name, pa.type_for_alias(kind)) for name, kind in treated.COLUMNS.items()])
    treated.refuse(right, 1, "decisions.parquet")
    with pytest.raises(BadInput, match=r"decisions\.parquet: no rows"):
        treated.refuse(right, 0, "decisions.parquet")
    wrong = pa.schema([("kpm_id", pa.int64()), ("happened_on", pa.date32()), ("treated", pa.bool_())])
    with pytest.raises(BadInput) as refused:
        treated.refuse(wrong, 1, "decisions.parquet")
    assert str(refused.value).splitlines() == [
        "decisions.parquet: column kpm_id: int64, expected string",
        "decisions.parquet: column recorded_on: missing, expected date32[day]",
        treated.WAY_OUT,
    ]


def test_what_is_told():
    made = pd.DataFrame({
        "kpm_id": ["A", "B", "C"], "as_of": [day(AS_OF)] * 3, "outcome": ["censored", "gsm", "censored"],
        "outcome_on": [day("2021-09-01"), day("2021-12-15"), None],
    })  # fmt: skip
    on = day("2021-09-01")
    visits = pd.DataFrame({"kpm_id": ["A", "Z"], "happened_on": on, "recorded_on": on, "treated": True})
    found = treated.told(frame_of(made), treated.visits(frame_of(visits), LASTING))
    assert found == [
        "labels: 1 of 3 end at a visit that a list led to, and are censored",
        "labels: 1 families of the decisions are in no cohort",
    ]
