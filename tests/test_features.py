"""Features: values by hand, the future invisible by either clock, windows as other people define them."""

import itertools
import json
from datetime import date, timedelta
from pathlib import Path

import ibis
import numpy as np
import pandas as pd
import pytest
from worlds import day, random_frames, rows, table, tables

from pipeline import features
from pipeline.features import wealth
from pipeline.features.spec import Window, deviation, share
from pipeline.tables import TABLES, Column

MODULES = {module.TABLE: module for module in features.MODULES}
SHARED = Path(__file__).resolve().parents[2] / "shared"
AS_OF = day("2022-12-31")
OPTIONAL = [t.name for t in TABLES.values() if not t.required and t.name != "follow_up"]


def built(frames, as_of=AS_OF):
    return features.build(tables(frames), as_of).to_pandas()


@pytest.fixture(scope="module")
def frames():
    return random_frames(7)


@pytest.fixture(scope="module")
def made(frames):
    return built(frames)


def test_features_are_many_and_all_documented(frames, made):
    dictionary = features.dictionary(features.blocks(tables(frames), AS_OF))
    assert list(dictionary.columns) == ["feature", "definition", "table", "unit", "window", "used_in_score", "sign"]
    assert list(dictionary.feature) == list(made.columns[2:])
    assert dictionary.feature.is_unique
    assert (dictionary.definition.str.len() > 8).all()
    assert dictionary.used_in_score.sum() >= 120
    assert set(dictionary.sign) == {-1, 0, 1}
    assert not dictionary.sign[~dictionary.used_in_score].any()
    words = features.wording(features.blocks(tables(frames), AS_OF))
    assert list(words.feature) == list(dictionary.feature)
    assert (words.label_id.str.len() > 3).all()


def test_identity_and_facilitator_never_reach_the_score(frames):
    dictionary = features.dictionary(features.blocks(tables(frames), AS_OF)).set_index("feature")
    for_people = dictionary[dictionary["table"].isin(["identity_checks", "assignments"])]
    assert len(for_people) == 7
    assert not for_people.used_in_score.any()
    assert not dictionary.loc[
        ["village_graduations_24m", "village_known", "customary_community"], "used_in_score"
    ].any()


def test_signs_are_claimed_only_where_the_domain_is_certain(frames):
    """More income, belongings, attendance and productive programmes: likelier; more shocks: less; codes: no claim."""
    sign = features.dictionary(features.blocks(tables(frames), AS_OF)).set_index("feature").sign
    likelier = ["monthly_income_last", "income_per_person_rank_regency", "wealth_index", "gold_last", "under_40",
                "sessions_present_share_12m", "attendance_mean_24m", "pena_running", "months_since_shock"]  # fmt: skip
    assert (sign[likelier] == 1).all()
    assert (sign[["shocks_6m", "cases_job_loss_12m", "sessions_absent_share_24m"]] == -1).all()
    open_questions = ["floor_type_last", "national_decile_last", "enrolled_months", "urban", "pkh_paid_12m", "members"]
    assert (sign[open_questions] == 0).all()


def test_grain_is_a_family_and_date(made):
    assert made.kpm_id.is_unique
    assert (made.as_of == pd.Timestamp(AS_OF)).all()
    assert made.kpm_id.is_monotonic_increasing


# ---- the future is invisible -------------------------------------------------------------------------------------


def later_rows(name, frame, as_of):
    """Rows later than as_of by the event clock or by the clock of knowledge."""
    later = pd.Series(False, index=frame.index)
    if "recorded_on" in frame:
        later |= frame.recorded_on > as_of
    happened = TABLES[name].happened_on
    if happened is not None and happened in frame:
        later |= frame[happened] > as_of
    return later


def forgotten(frames, as_of):
    return {n: f[~later_rows(n, f, as_of)].reset_index(drop=True) for n, f in frames.items()}


def rewritten(frames, as_of, seed):
    """Later rows get any other content; their days stay later than as_of."""
    rng = np.random.default_rng(seed)
    made = {}
    for name, frame in frames.items():
        later = later_rows(name, frame, as_of)
        clocks = {"recorded_on", TABLES[name].happened_on}
        other = frame[later].reset_index(drop=True)
        for column in [c for c in other.columns if c not in {*TABLES[name].key, *clocks}]:
            other[column] = other[column].iloc[rng.permutation(len(other))].to_numpy()
        made[name] = pd.concat([frame[~later], other], ignore_index=True)
    return made


def test_each_value_has_the_day_on_which_it_was_last_told():
    """By a plain count over both clocks; an index as of the last survey with four of its items."""
    frames = random_frames(5)
    given = tables(frames)
    blocks = features.blocks(given, AS_OF)
    days = features.days_of(given, given["kpm"], AS_OF, blocks).to_pandas().set_index("kpm_id")
    told = {f.dated_by for b in blocks for f in b.features} - {""}
    assert set(days) == told >= {"monthly_income", "wealth_index", "dwelling_index"}
    rows = frames["welfare"]
    known = rows[(rows.observed_on <= pd.Timestamp(AS_OF)) & (rows.recorded_on <= pd.Timestamp(AS_OF))]
    for name in told & set(rows.columns):
        last = known[known[name].notna()].groupby("kpm_id").observed_on.max().reindex(days.index)
        assert (pd.to_datetime(days[name]).dropna() == last.dropna()).all(), name
        assert days[name].isna().equals(last.isna()), name
    full = known[known[list(wealth.BELONGINGS)].notna().sum(axis=1) >= wealth.LEAST_KNOWN]
    last = full.groupby("kpm_id").observed_on.max().reindex(days.index)
    assert (pd.to_datetime(days["belongings_index"]).dropna() == last.dropna()).all()
    both = days[["belongings_index", "dwelling_index"]].dropna()
    assert (both.min(axis=1) == days.loc[both.index, "wealth_index"]).all()
    for other in (forgotten(frames, pd.Timestamp(AS_OF)), rewritten(frames, pd.Timestamp(AS_OF), 5)):
        again = features.days_of(tables(other), given["kpm"], AS_OF, blocks).to_pandas().set_index("kpm_id")
        pd.testing.assert_frame_equal(again, days)


@pytest.mark.parametrize("seed", range(2))
def test_the_future_is_invisible(seed):
    """Deleting or rewriting everything later than as_of, by either clock, changes no feature."""
    frames = random_frames(seed)
    as_of = pd.Timestamp(AS_OF)
    assert all(later_rows(n, f, as_of).any() for n, f in frames.items())
    expected = built(frames)
    for other in (forgotten(frames, as_of), rewritten(frames, as_of, seed)):
        pd.testing.assert_frame_equal(built(other), expected, check_exact=True)


def block(name, frames, as_of=AS_OF):
    """The features of one input table."""
    given = tables(frames)
    made = features.welfare.build(given, as_of, ()) if name == "welfare" else MODULES[name].build(given, as_of)
    return made.expression().order_by("kpm_id").to_pandas()


def test_a_closing_day_that_lies_ahead_is_not_read():
    frames = random_frames(11)
    expected = built(frames)
    moved = dict(frames)
    closing = [(n, c) for n, f in frames.items() for c in ("valid_to", "ended_on", "closed_on") if c in f]
    assert len(closing) == 4
    for name, column in closing:
        ahead = frames[name][column] > pd.Timestamp(AS_OF)
        assert ahead.any()
        moved[name] = frames[name].assign(**{column: frames[name][column].where(~ahead, None)})
    pd.testing.assert_frame_equal(built(moved), expected, check_exact=True)


@pytest.mark.parametrize("name", ["welfare", "sessions", "cases", "payments", "programmes", "commitments"])
def test_a_late_record_changes_only_later_dates(name):
    """A row of 2022 recorded only in May 2023 is unknown at the end of March 2023 and known at the end of June."""
    frames = random_frames(3)
    late = frames[name].iloc[[0]].assign(kpm_id="late", recorded_on=pd.Timestamp("2023-05-10"))
    if TABLES[name].happened_on is not None:
        late[TABLES[name].happened_on] = pd.Timestamp("2022-02-02")
    for text in {"quarter", "period"} & set(late.columns):
        late[text] = "2022Q1"
    added = {**frames, name: pd.concat([frames[name], late], ignore_index=True)}
    before, after = day("2023-03-31"), day("2023-06-30")
    pd.testing.assert_frame_equal(block(name, added, before), block(name, frames, before), check_exact=True)
    assert set(block(name, added, after).kpm_id) - set(block(name, frames, after).kpm_id) == {"late"}


def test_a_planted_leak_is_caught():
    """The law has teeth: a window without its clock of knowledge fails it."""
    frames = random_frames(0)
    as_of = pd.Timestamp(AS_OF)

    def leaky(given):
        t = table("sessions", given["sessions"])
        return t.filter(t.held_on <= AS_OF).kpm_id.value_counts(name="n").order_by("kpm_id").to_pandas()

    assert not leaky(frames).equals(leaky(forgotten(frames, as_of)))


# ---- optional tables, declared columns ---------------------------------------------------------------------------


@pytest.mark.parametrize("absent", ["sessions", "assignments", "all"])
def test_optional_tables_may_be_absent(frames, made, absent):
    left = {n: f for n, f in frames.items() if n not in (OPTIONAL if absent == "all" else [absent])}
    smaller = built(left)
    assert len(smaller) == len(made)
    pd.testing.assert_frame_equal(smaller, made[smaller.columns], check_exact=True)
    assert smaller.shape[1] < made.shape[1]


def test_a_declared_column_of_welfare_becomes_features():
    given = tables(random_frames(2))
    rooms = Column("whole", "rooms of the dwelling", unit="count", name="rooms")
    given["welfare"] = given["welfare"].mutate(rooms=ibis.literal(3).cast("int64"))
    found = features.build(given, AS_OF, (rooms,)).to_pandas()
    assert set(found.rooms_last.dropna()) == {3.0}
    assert set(found.rooms_change_24m.dropna()) == {0.0}
    words = features.dictionary(features.blocks(given, AS_OF, (rooms,))).set_index("feature")
    assert words.loc["rooms_last", "definition"] == "rooms of the dwelling, last known"
    assert features.build(given, AS_OF).to_pandas().rooms_last.equals(found.rooms_last)


# ---- values by hand ----------------------------------------------------------------------------------------------

BASE: dict[str, list[dict[str, object]]] = {
    "kpm": [
        {"kpm_id": "A", "enrolled_on": "2020-01-15", "recorded_on": "2020-01-20", "village_code": "3203012001",
         "caretaker_birth_date": "1984-05-05", "caretaker_sex": "F"},
    ],
    "membership": [{"kpm_id": "A", "effective_on": "2020-01-15", "event": "enrolled", "recorded_on": "2020-01-20"}],
    "members": [
        {"kpm_id": "A", "member_id": "1", "birth_date": "1984-05-05", "relation": "caretaker", "working": True,
         "sex": "F", "education_level": "smp", "valid_from": "2020-01-15", "recorded_on": "2020-01-20"},
        {"kpm_id": "A", "member_id": "2", "birth_date": "2010-09-01", "relation": "child", "in_school": "sd",
         "valid_from": "2020-01-15", "valid_to": "2022-07-01", "recorded_on": "2020-01-20"},
        {"kpm_id": "A", "member_id": "2", "birth_date": "2010-09-01", "relation": "child", "in_school": "smp",
         "valid_from": "2022-07-01", "recorded_on": "2022-08-01"},
        {"kpm_id": "A", "member_id": "3", "birth_date": "2018-02-01", "relation": "child",
         "valid_from": "2020-01-15", "recorded_on": "2020-01-20"},
    ],
    "welfare": [
        {"kpm_id": "A", "observed_on": "2021-06-01", "recorded_on": "2021-07-01", "monthly_income": 1_000_000,
         "owns_business": False},
        {"kpm_id": "A", "observed_on": "2022-06-01", "recorded_on": "2022-07-01", "monthly_income": 1_600_000,
         "owns_business": True, "floor_area_m2": 30.0},
        {"kpm_id": "A", "observed_on": "2022-11-01", "recorded_on": "2022-11-05", "owns_business": None,
         "goats": 2},
        {"kpm_id": "A", "observed_on": "2022-12-10", "recorded_on": "2022-12-12", "national_decile": 3},
        {"kpm_id": "A", "observed_on": "2022-12-01", "recorded_on": "2023-02-01", "monthly_income": 9_000_000},
    ],
    "payments": [
        {"kpm_id": "A", "programme": "PKH", "period": "2022Q3", "paid_on": "2022-09-01", "amount": 500_000,
         "status": "disbursed", "channel": "bank", "recorded_on": "2022-09-05"},
        {"kpm_id": "A", "programme": "PKH", "period": "2022Q4", "paid_on": "2022-12-01", "amount": 600_000,
         "status": "disbursed", "channel": "post", "recorded_on": "2022-12-05"},
        {"kpm_id": "A", "programme": "PKH", "period": "2022Q1", "amount": 500_000, "status": "failed",
         "recorded_on": "2022-04-05"},
        {"kpm_id": "A", "programme": "BPNT", "period": "2022-12", "paid_on": "2022-12-20", "amount": 200_000,
         "status": "disbursed", "recorded_on": "2022-12-31"},
    ],
    "sessions": [
        {"kpm_id": "A", "held_on": "2022-09-30", "module": "economy", "attendance": "present", "recorded_on": "2022-10-01"},
        {"kpm_id": "A", "held_on": "2022-10-01", "module": "stunting", "attendance": "absent", "recorded_on": "2022-10-05"},
        {"kpm_id": "A", "held_on": "2022-11-01", "module": "economy", "attendance": "present", "recorded_on": "2022-11-05"},
    ],
    "commitments": [
        {"kpm_id": "A", "member_id": "2", "component": "sd", "quarter": "2022Q1", "attendance_pct": 80.5, "met": False,
         "recorded_on": "2022-05-01"},
        {"kpm_id": "A", "member_id": "2", "component": "sd", "quarter": "2022Q3", "attendance_pct": 95.0, "met": True,
         "recorded_on": "2022-11-01"},
    ],
    "programmes": [
        {"kpm_id": "A", "programme": "PENA", "phase": "transition", "started_on": "2022-03-01", "ended_on": "2023-03-01",
         "amount": 2_400_000, "recorded_on": "2022-03-15"},
        {"kpm_id": "A", "programme": "KUBE", "started_on": "2021-01-01", "ended_on": "2021-12-31", "recorded_on": "2021-02-01"},
    ],
    "cases": [
        {"kpm_id": "A", "case_id": "1", "reported_on": "2022-08-15", "kind": "illness", "reporter": "tksk", "status": "closed",
         "closed_on": "2023-01-05", "recorded_on": "2022-08-20"},
        {"kpm_id": "A", "case_id": "2", "reported_on": "2022-05-15", "kind": "objection", "reporter": "citizen",
         "status": "closed", "closed_on": "2023-01-05", "recorded_on": "2022-05-20"},
    ],
}  # fmt: skip
BY_HAND = {
    "caretaker_age": 38,  # 2022 - 1984, birthday in May
    "under_40": 1,
    "enrolled_months": 35,  # January 2020 to December 2022
    "members": 3,
    "children": 2,
    "early_childhood": 1,  # born February 2018: 4
    "pupils_sd": 0,  # the child of 12 is in SMP since July, recorded in August
    "pupils_smp": 1,
    "components": 2,
    "dependants_per_adult": 2.0,
    "adult_education_max": 2,
    "months_until_last_schooling_ends": 175,  # July 2037 from December 2022: 14 * 12 + 7
    "months_until_next_schooling_ends": 79,  # July 2029: 6 * 12 + 7
    "monthly_income_last": 1_600_000,  # the 9 million of December was recorded in February
    "monthly_income_change_12m": 600_000,  # by 2021-12-31 the last known was 1,000,000
    "income_per_person": 1_600_000 / 3,
    "income_mean_24m": 1_300_000,
    "income_deviation_24m": 600_000 / 2**0.5,
    "owns_business_last": 1,  # the null of November is no news
    "business_age_days": 213,  # from 2022-06-01: 29 + 31 + 31 + 30 + 31 + 30 + 31
    "welfare_age_days": 60,  # 2022-11-01 to 2022-12-31: a new rank of 2022-12-10 tells nothing else
    "national_decile_last": 3,
    "floor_per_person": 10.0,
    "pkh_paid_3m": 600_000,
    "pkh_paid_6m": 1_100_000,
    "bpnt_paid_3m": 200_000,
    "payments_failed_12m": 1,
    "pkh_amount_last": 600_000,
    "paid_by_post": 1,
    "months_since_pkh_paid": 0,
    "sessions_present_3m": 1,  # 09-30 lies outside (2022-09-30, 2022-12-31]
    "sessions_present_share_3m": 0.5,
    "sessions_present_6m": 2,
    "economy_sessions_ever": 2,
    "months_since_session_attended": 1,
    "commitments_met_share_12m": 0.5,
    "attendance_mean_12m": 87.75,  # (80.5 + 95.0) / 2
    "commitments_missed_12m": 1,
    "months_since_commitment_missed": 9,  # end of 2022Q1 to December
    "pena_running": 1,  # ends in March 2023, which nobody can know
    "kube_running": 0,
    "months_since_productive_start": 9,
    "productive_programmes_ever": 2,
    "programme_money_24m": 2_400_000,
    "phase_last": 2,
    "shocks_6m": 1,
    "cases_objection_12m": 1,
    "objections_open": 1,  # closed in January 2023, which nobody can know
    "months_since_shock": 4,
    "sessions_held_12m": 3,
    "sessions_absent_share_12m": 1 / 3,
    "economy_sessions_24m": 2,
    "months_since_economy_session": 1,
    "sessions_present_share_ever": 2 / 3,
    "sessions_present_share_change_12m": np.nan,  # no session in the 12 months before
    "sessions_present_beside_village_12m": 0,  # the village is the family
    "attendance_deviation_24m": 14.5 / 2**0.5,
    "commitments_met_share_3m": np.nan,  # 2022Q3 ended on 09-30, outside (09-30, 12-31]
    "commitments_met_share_ever": 0.5,
    "pkh_amount_deviation_24m": 100_000 / 2**0.5,
    "months_since_failed_payment": 9,  # the first quarter ended in March
    "months_since_bpnt_payment": 0,
    "months_since_pena_start": 9,
    "months_since_kube_start": 23,
    "months_since_productive_end": 12,  # KUBE ended on 2021-12-31
    "productive_started_24m": 2,
    "productive_finished_24m": 1,
    "productive_running": 1,
    "programme_money_ever": 2_400_000,
    "shocks_3m": 0,
    "shocks_ever": 1,
    "cases_illness_24m": 1,
    "exits_ever": 0,
    "aged_7_12": 1,
    "aged_13_15": 0,
    "births_24m": 0,
    "oldest_age": 38,
    "oldest_child_age": 12,
    "workers_per_adult": 1,
    "women_working": 1,
    "caretaker_works": 1,
    "partner_present": 0,
    "components_ending_24m": 0,
    "months_until_components_end": 175,
    "months_until_early_childhood_ends": 26,  # seven in February 2025
    "component_kinds": 2,  # early childhood and a pupil
    "components_per_member": 2 / 3,
    "school_unknown_share": 0,
    "roster_changes_12m": 1,
    "income_times_median_ever": 1,  # nobody else told an income
    "income_times_median_deviation_ever": 0,
    "income_times_median_change_12m": 0,
    "business_seen_share_ever": 0.5,  # no, yes; the null tells nothing
    "business_spell_months": 6,
    "business_interruptions_ever": 0,
    "incomes_known_ever": 2,
    "months_since_known_income": 6,
    "slowest_record_days": 30,
    "welfare_known_share": 5 / 24,  # decile, income, floor, business, goats
    "wealth_index": np.nan,  # goats alone are no index
    "income_per_person_rank_regency": 0.5,
    "income_per_person_times_median": 1,
    "village_shock_share_12m": 1,
    "regency_shock_share_3m": 0,
    "spell_months": 35,
    "reactivations_ever": 0,
}


@pytest.fixture(scope="module")
def one_family():
    made = features.build({name: rows(name, *records) for name, records in BASE.items()}, AS_OF).to_pandas()
    (row,) = made.to_dict("records")
    return row


@pytest.mark.parametrize("name", BY_HAND)
def test_values_by_hand(one_family, name):
    assert one_family[name] == pytest.approx(BY_HAND[name], nan_ok=True)


def families(*names, village="3203012001"):
    """Families with one grown member each, enrolled in 2020."""
    kpm = [
        {"kpm_id": n, "enrolled_on": "2020-01-15", "recorded_on": "2020-01-20", "village_code": village} for n in names
    ]
    enrolled = [
        {"kpm_id": n, "effective_on": "2020-01-15", "event": "enrolled", "recorded_on": "2020-01-20"} for n in names
    ]
    born = [
        {
            "kpm_id": n,
            "member_id": "1",
            "birth_date": "1984-05-05",
            "valid_from": "2020-01-15",
            "recorded_on": "2020-01-20",
        }
        for n in names
    ]
    return {"kpm": kpm, "membership": enrolled, "members": born, "welfare": [], "payments": []}


def made_of(records, as_of=AS_OF):
    return features.build({n: rows(n, *r) for n, r in records.items()}, as_of).to_pandas().set_index("kpm_id")


def told(family, on, **values):
    return {"kpm_id": family, "observed_on": on, "recorded_on": on, **values}


def test_money_is_compared_within_place_and_year():
    """Regency 3203: 2018 (before enrolment counts too) told 1 and 3 million, 2022 told 4, 4 and 8 million."""
    here, there = families(*"ABC"), families("D", village="5302012001")
    world = {name: here[name] + there[name] for name in here}
    world["welfare"] = [
        told("A", "2021-05-01", monthly_income=1_000_000),
        told("B", "2021-06-01", monthly_income=3_000_000),
        told("A", "2022-05-01", monthly_income=4_000_000),
        told("B", "2022-05-02", monthly_income=4_000_000),
        told("C", "2022-05-03", monthly_income=8_000_000),
        told("D", "2022-05-04", monthly_income=500_000),
    ]
    found = made_of(world)
    assert found.income_times_median_ever.to_dict() == {
        "A": 0.75,  # (1 / 2 + 4 / 4) / 2
        "B": 1.25,  # (3 / 2 + 4 / 4) / 2
        "C": 2.0,
        "D": 1.0,  # alone in its regency
    }
    assert found.income_times_median_deviation_ever["A"] == pytest.approx(0.5 / 2**0.5)
    # Of 4, 4, 8: the ties have (0 + 2/3) / 2, the top (1 + 1) / 2.
    assert found.income_per_person_rank_regency.to_dict() == pytest.approx({"A": 1 / 3, "B": 1 / 3, "C": 1.0, "D": 0.5})
    assert found.income_per_person_times_median.to_dict() == {"A": 1.0, "B": 1.0, "C": 2.0, "D": 1.0}


def test_an_unknown_income_has_no_rank_and_takes_none():
    world = families(*"ABC")
    world["welfare"] = [
        told("A", "2022-05-01", monthly_income=1_000_000),
        told("B", "2022-05-01", monthly_income=2_000_000),
    ]
    found = made_of(world).income_per_person_rank_regency
    assert found["A"] == 0.25  # (0 + 1/2) / 2
    assert found["B"] == 1.0
    assert np.isnan(found["C"])


def test_spells_of_a_business():
    """Seen in February, gone in May, back in August and still there in November; told late does not count."""
    world = families("A")
    seen = [("2022-02-01", True), ("2022-05-01", False), ("2022-08-01", True), ("2022-11-01", True)]
    world["welfare"] = [
        told("A", on, owns_business=owns, business_turnover=600_000 if owns else None) for on, owns in seen
    ]
    world["welfare"] += [told("A", "2022-09-01", national_decile=3)]
    world["welfare"] += [told("A", "2022-12-01", owns_business=False) | {"recorded_on": "2023-01-05"}]
    found = made_of(world).loc["A"]
    assert found.business_interruptions_ever == 1
    assert found.months_since_business_end == 7  # May to December
    assert found.business_spell_months == 4  # August to December
    assert found.business_seen_share_24m == 0.75
    assert found.business_turnover_mean_24m == 600_000


def test_indices_of_dwelling_and_belongings():
    """Grades: floor 6 (cement) 2/5, wall 1 3/3, roof 2 2/3, lighting 1 3/3, floor 9 (other) is no grade."""
    world = families("A")
    home = {"floor_type": 6, "wall_type": 1, "roof_type": 2, "lighting": 1}
    things = {"motorcycles": 3, "cars": 0, "refrigerator": True, "smartphone": False}
    world["welfare"] = [
        told("A", "2021-03-01", **home, **things),
        told("A", "2022-03-01", **(home | {"floor_type": 9}), **things),
    ]
    world["welfare"] += [told("A", "2022-04-01", **(home | {"floor_type": 8}), **(things | {"cars": 1}))]
    found = made_of(world).loc["A"]
    # April: (0 + 1 + 2/3 + 1) / 4 and (2/2 + 1 + 1 + 0) / 4; March 2022 has three grades, which is too few.
    assert found.dwelling_index == pytest.approx((0 + 1 + 2 / 3 + 1) / 4)
    assert found.belongings_index == 0.75
    assert found.wealth_index == pytest.approx((found.dwelling_index + 0.75) / 2)
    # A year before: (2/5 + 1 + 2/3 + 1) / 4 and (1 + 0 + 1 + 0) / 4.
    assert found.dwelling_index_change_12m == pytest.approx(-0.1)
    assert found.belongings_index_change_12m == 0.25


def test_graduations_around_a_family_are_told_and_not_scored():
    """B graduated under facilitator F, C came back; G took A over later."""
    world = families(*"ABC")
    left = {
        "kpm_id": "B",
        "effective_on": "2022-03-01",
        "event": "exited",
        "reason": "gsm",
        "recorded_on": "2022-03-10",
    }
    old = {
        "kpm_id": "C",
        "effective_on": "2020-06-01",
        "event": "exited",
        "reason": "ppse",
        "recorded_on": "2020-06-10",
    }
    back = {"kpm_id": "C", "effective_on": "2021-01-01", "event": "reactivated", "recorded_on": "2021-01-05"}
    world["membership"] += [left, old, back]
    world["assignments"] = [{"kpm_id": n, "facilitator_id": "F", "valid_from": "2020-01-15"} for n in "ABC"]
    world["assignments"] += [{"kpm_id": "A", "facilitator_id": "G", "valid_from": "2022-06-01"}]
    found = made_of(world)
    assert set(found.index) == {"A", "C"}
    assert set(found.village_graduations_24m) == {1}  # the one of 2020 is older than 24 months
    # F served B and C last, one of them graduated: 1 / (1 + 2), as an assignment without an end goes on; G nobody.
    assert found.facilitator_gsm_rate_24m.to_dict() == pytest.approx({"A": 0.0, "C": 1 / 3})
    assert found.graduations_ever.to_dict() == {"A": 0, "C": 1}
    assert found.first_spell_months["C"] == 5
    assert made_of(world, day("2022-03-05")).village_graduations_24m["A"] == 0 + 1  # C in 2020; B is not recorded yet


# ---- windows and exact arithmetic --------------------------------------------------------------------------------


def test_windows_of_collate():
    """Their window is [as_of - interval, as_of), ours (as_of - months, as_of]: the same days, one day earlier."""
    vectors = json.loads((SHARED / "vectors" / "collate_windows.json").read_text())
    frame = pd.DataFrame(vectors["events"], columns=["entity", "on", "value"])
    events = ibis.memtable(
        frame.assign(on=pd.to_datetime(frame.on)), schema={"entity": "int64", "on": "date", "value": "int64"}
    )
    for entity, as_of, *expected in vectors["expected"]:
        eve = date.fromisoformat(as_of) - timedelta(days=1)
        known = events.filter(events.entity == entity, events.on <= eve)
        values = []
        for months in (12, 24, None):
            inside = Window(months, eve).holds(known.on)
            total = known.value.sum(where=inside)
            values += [total, share(total, inside.cast("int64").sum())]
        (row,) = known.aggregate(**{str(i): v for i, v in enumerate(values)}).to_pandas().to_numpy(dtype=float)
        np.testing.assert_allclose(row, np.array(expected, dtype=float))


@pytest.mark.parametrize("seed", range(5))
def test_deviation_from_exact_sums_is_the_sample_deviation(seed):
    x = np.random.default_rng(seed).integers(0, 5_000_000, 20)
    sums = (len(x), x.sum(), (x.astype(object) ** 2).sum())
    n, total, squares = (ibis.literal(int(v)).cast("decimal(38, 0)") for v in sums)
    assert deviation(n, total, squares).execute() == pytest.approx(np.std(x, ddof=1), rel=1e-12)


# ---- a slow plain second version ---------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(2))
def test_windows_equal_a_plain_second_version(seed):
    """Attendance, payments and last income by loops over rows in Python."""
    frames = random_frames(seed)
    found = built(frames).set_index("kpm_id")
    now = pd.Timestamp(AS_OF)
    for family in found.index[:15]:
        held = known_rows(frames["sessions"], family, "held_on", now)
        year = [r for r in held if r.held_on > pd.Timestamp("2021-12-31")]
        if held:
            assert found.loc[family, "sessions_present_12m"] == sum(r.attendance == "present" for r in year)
        seen = known_rows(frames["welfare"], family, "observed_on", now)
        incomes = [r for r in seen if not pd.isna(r.monthly_income)]
        last = max(incomes, key=lambda r: r.observed_on).monthly_income if incomes else np.nan
        np.testing.assert_equal(found.loc[family, "monthly_income_last"], float(last))
        paid = known_rows(
            frames["payments"].assign(happened_on=paid_days(frames["payments"])), family, "happened_on", now
        )
        recent = [r for r in paid if r.happened_on > pd.Timestamp("2022-09-30")]
        if paid:
            total = sum(r.amount for r in recent if r.programme == "PKH" and r.status == "disbursed")
            assert found.loc[family, "pkh_paid_3m"] == total


def crowded(seed):
    """Random tables whose families live in three villages of two regencies."""
    frames = random_frames(seed)
    places = np.array(["3203012001", "3203012002", "5302012001"])
    codes = places[np.random.default_rng(seed).integers(0, 3, len(frames["kpm"]))]
    return {**frames, "kpm": frames["kpm"].assign(village_code=codes)}


def places_of(frames, index, now):
    """Village of each family, where the registry knew it by then; a row by family."""
    kpm = frames["kpm"].set_index("kpm_id")
    known = kpm[(kpm.enrolled_on <= now) & (kpm.recorded_on <= now)]
    return known.village_code.reindex(index)


@pytest.mark.parametrize("seed", range(2))
def test_neighbours_equal_a_plain_second_version(seed):
    """Ranks, multiples, attendance and shocks around each family, by loops over its neighbours."""
    frames, now = crowded(seed), pd.Timestamp(AS_OF)
    found = built(frames).set_index("kpm_id")
    village = places_of(frames, found.index, now)
    year = pd.Timestamp("2021-12-31")
    checked = 0
    for family in found.index[village.notna()]:
        row, near = found.loc[family], found.loc[village == village[family]]
        region = found.loc[village.str[:4] == village[family][:4]]
        income = region.income_per_person.dropna().to_list()
        if not np.isnan(row.income_per_person):
            below, same = (
                sum(v < row.income_per_person for v in income),
                sum(v == row.income_per_person for v in income),
            )
            low = below / (len(income) - 1) if len(income) > 1 else 0.0
            assert row.income_per_person_rank_regency == pytest.approx((low + (below + same) / len(income)) / 2)
            middle = np.median(income)
            expected = min(row.income_per_person / middle, 50) if middle else np.nan
            assert row.income_per_person_times_median == pytest.approx(expected, nan_ok=True)
            checked += 1
        else:
            assert np.isnan(row.income_per_person_times_median)  # an unknown income is no multiple of anything
        held = [r for n in near.index for r in known_rows(frames["sessions"], n, "held_on", now) if r.held_on > year]
        own = [r for r in held if r.kpm_id == family]
        if own:
            usual = sum(r.attendance == "present" for r in held) / len(held)
            mine = sum(r.attendance == "present" for r in own) / len(own)
            assert row.sessions_present_beside_village_12m == pytest.approx(mine - usual)
            checked += 1
        struck = sum(
            any(
                r.kind in ("disaster", "illness", "job_loss") and r.reported_on > year
                for r in known_rows(frames["cases"], n, "reported_on", now)
            )
            for n in region.index
        )
        assert row.regency_shock_share_12m == pytest.approx(struck / len(region))
    assert checked > 10


@pytest.mark.parametrize("seed", range(2))
def test_incomes_and_spells_equal_a_plain_second_version(seed):
    """Incomes beside the year's median, business spells, programme spells and payments by loops over rows."""
    frames, now = crowded(seed), pd.Timestamp(AS_OF)
    found = built(frames).set_index("kpm_id")
    everybody = frames["kpm"].kpm_id
    village = places_of(frames, everybody, now)
    persons = features.build(tables(frames), AS_OF).to_pandas().set_index("kpm_id").members
    sizes = {n: roster_size(frames["members"], n, now) for n in everybody}
    assert all(sizes[n] == (0 if np.isnan(v) else v) for n, v in persons.items())
    told = [
        r
        for n in everybody
        for r in known_rows(frames["welfare"], n, "observed_on", now)
        if not pd.isna(r.monthly_income)
    ]
    told = [r for r in told if sizes[r.kpm_id] and not pd.isna(village[r.kpm_id])]

    def times(r):
        peers = [o.monthly_income / sizes[o.kpm_id] for o in told if o.observed_on.year == r.observed_on.year
                 and village[o.kpm_id][:4] == village[r.kpm_id][:4]]  # fmt: skip
        return round(min(r.monthly_income / sizes[r.kpm_id] / np.median(peers), 50) * 1000) / 1000

    for family in found.index[:15]:
        row = found.loc[family]
        mine = [times(r) for r in told if r.kpm_id == family]
        assert row.income_times_median_ever == pytest.approx(np.mean(mine) if mine else np.nan, nan_ok=True)
        states = [(r.observed_on, r.owns_business) for r in known_rows(frames["welfare"], family, "observed_on", now)
                  if not pd.isna(r.owns_business)]  # fmt: skip
        ordered = [owns for _, owns in sorted(states)]
        stops = sum(a and not b for a, b in itertools.pairwise(ordered))
        if known_rows(frames["welfare"], family, "observed_on", now):
            assert row.business_interruptions_ever == stops
        pena = [
            r.started_on for r in known_rows(frames["programmes"], family, "started_on", now) if r.programme == "PENA"
        ]
        expected = months(max(pena), now) if pena else np.nan
        np.testing.assert_equal(row.months_since_pena_start, expected)
        paid = known_rows(frames["payments"].assign(on=paid_days(frames["payments"])), family, "on", now)
        pkh = [
            r.amount
            for r in paid
            if (r.programme, r.status) == ("PKH", "disbursed") and r.on > pd.Timestamp("2020-12-31")
        ]
        spread = np.std(pkh, ddof=1) if len(pkh) > 1 else np.nan
        assert row.pkh_amount_deviation_24m == pytest.approx(spread, nan_ok=True)


def months(earlier, later):
    return float((later.year - earlier.year) * 12 + later.month - earlier.month)


def roster_size(members, family, now):
    """Members whose latest known version is valid on the day."""
    versions = {}
    for r in known_rows(members, family, "valid_from", now):
        if r.member_id not in versions or r.valid_from > versions[r.member_id].valid_from:
            versions[r.member_id] = r
    return sum(pd.isna(r.valid_to) or r.valid_to > now for r in versions.values())


def known_rows(frame, family, clock, now):
    return [r for r in frame[frame.kpm_id == family].itertuples() if getattr(r, clock) <= now and r.recorded_on <= now]


def paid_days(payments):
    return payments.paid_on.fillna(
        pd.PeriodIndex(payments.period, freq="Q").end_time.normalize().to_series(index=payments.index)
    )


def test_the_sql_of_a_feature_can_be_read(frames):
    block = next(b for b in features.blocks(tables(frames), AS_OF) if b.table == "sessions")
    text = str(ibis.to_sql(block.expression().select("kpm_id", "sessions_present_12m")))
    assert "recorded_on" in text
    assert "2022, 12, 31" in text or "2022-12-31" in text


@pytest.mark.parametrize("as_of", ["2021-02-28", "2024-02-29", "2023-07-14", "2020-03-31"])
def test_one_compiled_statement_serves_every_date(frames, engine, as_of):
    """Moving the days of a compiled statement gives what building for the other date gives."""
    given = tables(frames)
    expected = features.build(given, day(as_of)).to_pyarrow()
    sql = features.redate(engine.compile(features.build(given, AS_OF)), AS_OF, day(as_of))
    assert engine.con.sql(sql).to_arrow_table().equals(expected)


def test_a_hidden_day_in_the_sql_is_refused():
    with pytest.raises(ValueError, match="2019-05-05 in the SQL"):
        features.redate("SELECT MAKE_DATE(2019, 5, 5)", AS_OF, day("2020-03-31"))
