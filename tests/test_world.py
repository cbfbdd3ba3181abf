"""The calibration page: every measure by hand, the verdicts, the declared figures, the page, and the default world."""

import functools
import re
from copy import deepcopy
from datetime import date
from itertools import count
from math import exp, isnan, log, nan, sqrt
from pathlib import Path

import ibis
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import yaml
from studies import CONFIGS, SHARED, run, study

from pipeline import figures, world
from pipeline.artifacts import Home
from pipeline.errors import BadInput
from pipeline.sources.landing import keeper
from pipeline.tables import TABLES

TYPES = {
    "text": pa.string(), "choice": pa.string(), "whole": pa.int64(), "number": pa.float64(), "flag": pa.bool_(),
    "day": pa.date32(),
}  # fmt: skip
TRUTH = pa.schema([("kpm_id", pa.string()), ("exit_on", pa.date32()), ("cause", pa.string()), ("shock", pa.string())])
NAMES = count()
NEVER_TOO_FEW = {"fewest_rows": 1, "standard_errors": 2.0, "poverty_line": {2020: 500000}}
JAVA, TIMOR = "3315012001", "5302012001"


def table(engine, name, rows):
    """Rows as a table of the contract in the engine; days are ISO text, what is not told is null."""
    contract = () if name == "truth_exits" else TABLES[name].columns()
    schema = pa.schema([(c.name, TYPES[c.kind]) for c in contract]) if contract else TRUTH
    whole = [{f.name: _value(r.get(f.name), f.type) for f in schema} for r in rows]
    held = f"{name}_{next(NAMES)}"
    engine.con.register(held, pa.Table.from_pylist(whole, schema=schema))
    return engine.table(held)


def _value(value, kind):
    return date.fromisoformat(value) if isinstance(value, str) and kind == pa.date32() else value


def family(kpm_id, village=JAVA, born="1980-06-15", sex="F", nik=None):
    return {
        "kpm_id": kpm_id, "village_code": village, "caretaker_birth_date": born, "caretaker_sex": sex,
        "caretaker_nik": nik,
    }  # fmt: skip


def event(kpm_id, on, kind="enrolled", reason=None):
    return {"kpm_id": kpm_id, "effective_on": on, "event": kind, "reason": reason}


def config(**changes):
    """A configuration whose one figure never matters."""
    return world.Config(**{**NEVER_TOO_FEW, "figures": [figure("household_size", day="2020-06-30")], **changes})


def figure(measure, places=(), stated=(1.0,), tolerance=None, **arguments):
    return world.Figure(
        group="Group", figure="figure", scope="2020", unit="share", measure=measure, arguments=arguments,
        places=places, fewest_regencies=1, stated=stated, mark="pub", source="host",
        tolerance=tolerance or {"absolute": 0.1}, note="",
    )  # fmt: skip


@pytest.fixture
def made(engine):
    """A function that opens a world of the given rows; families and their enrolment in 2020 stand by themselves."""

    def of(extracted_on="2021-12-31", settings=None, **rows):
        families = rows.pop("kpm", [family("A"), family("B", TIMOR)])
        given = {
            "kpm": families,
            "membership": [event(f["kpm_id"], "2020-01-01") for f in families],
            **{n: [] for n in ("members", "payments", "welfare", "truth_exits")},
            **rows,
        }
        tables = {n: table(engine, n, r) for n, r in given.items()}
        return world.open_world(tables, date.fromisoformat(extracted_on), settings or {}, config(), keeper(engine))

    return of


def value(seen, measure, places=(), **arguments):
    return world.find(seen, figure(measure, places, **arguments)).value


def exits(since, until, reasons=("gsm",), via=(), ages=(), partial="refuse"):
    return {"since": since, "until": until, "reasons": reasons, "via": via, "ages": ages, "partial": partial}


# ------------------------------------------------------------------ exits


LEFT = [
    event("A", "2020-01-01"), event("A", "2020-07-01", "exited", "gsm"),
    event("B", "2020-01-01"), event("B", "2020-10-01", "exited", "natural"), event("B", "2020-12-01", "reactivated"),
]  # fmt: skip


def test_exits_in_a_period_are_over_the_mean_number_of_members(made):
    """A is there 182 days (January to June 2020), B 274 and, from December, 31: 487 / 366 = 1.3306 members."""
    seen = made(membership=LEFT)
    assert value(seen, "exits_in_period", **exits("2020-01-01", "2020-12-31")) == pytest.approx(366 / 487)
    both = exits("2020-01-01", "2020-12-31", ("gsm", "natural"))
    assert value(seen, "exits_in_period", **both) == pytest.approx(2 * 366 / 487)


def test_a_part_of_a_year_counts_its_own_exits_and_members(made):
    """To 30 June both are there all the time and nobody has left; in the second half A is there for no day."""
    seen = made(membership=LEFT)
    assert value(seen, "exits_in_period", **exits("2020-01-01", "2020-06-30")) == 0
    natural = exits("2020-07-01", "2020-12-31", ("natural",))
    assert value(seen, "exits_in_period", **natural) == pytest.approx(1 / ((92 + 31) / 184))


def test_exits_a_year_are_over_years_of_membership(made):
    """One exit in 487 days of 2020 and 365 days of 2021 (B)."""
    seen = made(membership=LEFT)
    assert value(seen, "exits_a_year", **exits("2020-01-01", "2021-12-31")) == pytest.approx(365.25 / (487 + 365))


def test_places_keep_their_own_families(made):
    seen = made(membership=LEFT)
    assert value(seen, "exits_in_period", ["33"], **exits("2020-01-01", "2020-12-31")) == pytest.approx(366 / 182)
    assert value(seen, "exits_in_period", ["53"], **exits("2020-01-01", "2020-12-31")) == 0
    assert isnan(value(seen, "exits_in_period", ["11"], **exits("2020-01-01", "2020-12-31")))


def test_a_time_that_the_extract_cuts_is_refused_scaled_or_taken_as_it_is(made):
    """The extract ends on 30 September: 274 of 366 days, A there for 182 of them and B for all 274, one exit.

    Scaled: 1 exit over (182 + 274) / 366 member-years of a rate for the year. As it is: 1 exit over the mean number of
    members, (182 + 274) / 274.
    """
    seen = made("2020-09-30", membership=LEFT)
    assert isnan(value(seen, "exits_in_period", **exits("2020-01-01", "2020-12-31")))
    scaled = exits("2020-01-01", "2020-12-31", partial="scale")
    assert value(seen, "exits_in_period", **scaled) == pytest.approx(366 / 456)
    as_is = exits("2020-01-01", "2020-12-31", partial="as_is")
    assert value(seen, "exits_in_period", **as_is) == pytest.approx(274 / 456)
    assert isnan(value(seen, "exits_in_period", **exits("2021-01-01", "2021-12-31", partial="as_is")))


@pytest.mark.parametrize(("begun", "counts"), [("2020-06-30", True), ("2020-07-01", True), ("2020-07-02", False)])
def test_exits_via_a_programme_need_it_begun_by_then(made, begun, counts):
    seen = made(membership=LEFT, programmes=[{"kpm_id": "A", "programme": "PENA", "started_on": begun}])
    found = value(seen, "exits_in_period", **exits("2020-01-01", "2020-12-31", via=["PENA"]))
    assert found == pytest.approx(366 / 487 if counts else 0)
    assert value(seen, "exits_in_period", **exits("2020-01-01", "2020-12-31", via=["KUBE"])) == 0


def test_exits_of_an_age_keep_caretakers_of_that_age_at_the_start(made):
    """A is 39 on 1 January 2020 (born in June 1980), B is 49."""
    seen = made(kpm=[family("A"), family("B", born="1970-06-15")], membership=LEFT)
    assert value(seen, "exits_in_period", **exits("2020-01-01", "2020-12-31", ages=(39, 39))) == pytest.approx(
        366 / 182
    )
    assert value(seen, "exits_in_period", **exits("2020-01-01", "2020-12-31", ages=(49, 49))) == 0


def test_months_and_places_of_exits(made):
    """Of three natural exits one falls into July and August, and two happen in Java."""
    rows = [event("A", "2020-07-31", "exited", "natural"), event("A", "2020-09-01", "exited", "natural")]
    rows += [event("B", "2020-06-30", "exited", "natural"), event("B", "2020-08-01", "exited", "gsm")]
    seen = made(membership=rows)
    span = {"since": "2020-01-01", "until": "2020-12-31", "reasons": ["natural"]}
    assert value(seen, "exits_in_months", months=[7, 8], **span) == pytest.approx(1 / 3)
    assert value(seen, "exits_in_places", share_of=["33"], **span) == pytest.approx(2 / 3)


def test_reentry_counts_only_exits_observed_long_enough(made):
    """Known to 31 December 2021. A left and is back after 12 months; B left and stayed out; C left in 2021, too late;
    D came back after more than 12 months."""
    ids = ["A", "B", "C", "D"]
    back = [event("A", "2020-06-30", "exited", "gsm"), event("A", "2021-06-30", "reactivated")]
    back += [event("B", "2020-06-30", "exited", "gsm"), event("C", "2021-01-01", "exited", "gsm")]
    back += [event("D", "2020-06-30", "exited", "gsm"), event("D", "2021-07-01", "reactivated")]
    seen = made(kpm=[family(i) for i in ids], membership=[event(i, "2020-01-01") for i in ids] + back)
    assert value(seen, "reentry", reasons=["gsm"], months=12) == pytest.approx(1 / 3)


def test_a_labelling_is_over_the_districts_members_of_its_first_day(made):
    """Five members in 3315.01 when it begins, one of whom enters on that day; two leave, nine days apart.
    Those who came later and an exit for another reason do not count, nor,
    where a share of 0.35 is asked for, does 5302.01 with one exit of three."""
    ids = ["A", "B", "C", "D", "E"]
    kpm = [*(family(i) for i in ids), *(family(i, TIMOR) for i in "FHI"), family("G")]
    rows = [event(i, "2019-01-01") for i in "ABCDFHI"] + [event("E", "2019-05-18"), event("G", "2019-06-01")]
    rows += [event("A", "2019-05-18", "exited", "gsm"), event("B", "2019-05-26", "exited", "gsm")]
    truth = [
        {"kpm_id": "A", "exit_on": "2019-05-18", "cause": "gsm", "shock": "labelling"},
        {"kpm_id": "B", "exit_on": "2019-05-26", "cause": "gsm", "shock": "labelling"},
        {"kpm_id": "D", "exit_on": "2019-05-20", "cause": "gsm", "shock": "contagion"},
        {"kpm_id": "F", "exit_on": "2019-05-20", "cause": "refused", "shock": "labelling"},
        {"kpm_id": "C", "exit_on": "2022-05-20", "cause": "gsm", "shock": "labelling"},
    ]
    seen = made(kpm=kpm, membership=rows, truth_exits=truth)
    assert value(seen, "labelling_shock", at_least=0.01) == pytest.approx(3 / 8)
    assert value(seen, "labelling_shock", at_least=0.35) == pytest.approx(2 / 5)
    assert value(seen, "labelling_days", at_least=0.01) == pytest.approx((9 + 1) / 2)
    assert value(seen, "labelling_days", at_least=0.35) == pytest.approx(9)


def test_natural_exits_recorded_as_gsm_are_matched_in_order(made):
    """True: A natural twice, B gsm. Recorded: A natural then gsm, some days later. One of two natural exits is gsm."""
    truth = [
        {"kpm_id": "A", "exit_on": "2020-03-01", "cause": "natural"},
        {"kpm_id": "A", "exit_on": "2021-03-01", "cause": "natural"},
        {"kpm_id": "B", "exit_on": "2020-03-01", "cause": "gsm"},
        {"kpm_id": "B", "exit_on": "2022-03-01", "cause": "natural"},
    ]
    rows = [event("A", "2020-03-31", "exited", "natural"), event("A", "2020-06-01", "reactivated")]
    rows += [event("A", "2021-03-31", "exited", "gsm"), event("B", "2020-03-31", "exited", "gsm")]
    seen = made(membership=[event("A", "2020-01-01"), event("B", "2020-01-01"), *rows], truth_exits=truth)
    assert value(seen, "recorded_as", cause="natural", reasons=["gsm", "ppse"]) == pytest.approx(1 / 2)


# ------------------------------------------------------------------ identity


def test_identity_checks_are_those_of_the_time(made):
    """Three checks in January 2021: one unmatched; one of the two that tell says dead. February does not count."""
    check = [
        {"kpm_id": "A", "checked_on": "2021-01-01", "matched": True, "alive": True, "duplicate": False},
        {"kpm_id": "A", "checked_on": "2021-01-31", "matched": True, "alive": False, "duplicate": False},
        {"kpm_id": "B", "checked_on": "2021-01-15", "matched": False, "alive": None, "duplicate": True},
        {"kpm_id": "B", "checked_on": "2021-02-01", "matched": False, "alive": False, "duplicate": True},
    ]
    seen, span = made(identity_checks=check), {"since": "2021-01-01", "until": "2021-01-31"}
    assert value(seen, "identity_share", column="matched", answer=True, **span) == pytest.approx(2 / 3)
    assert value(seen, "identity_share", column="alive", answer=False, **span) == pytest.approx(1 / 2)
    assert value(seen, "identity_share", column="duplicate", answer=True, **span) == pytest.approx(1 / 3)


def payment(kpm_id, period, amount=225000, status="disbursed", programme="PKH", paid_on=None):
    return {
        "kpm_id": kpm_id, "programme": programme, "period": period, "amount": amount, "status": status,
        "paid_on": paid_on,
    }  # fmt: skip


def test_duplicates_are_counted_once_a_payment(made):
    """Two families are paid in 2020; the one whose NIK another uses is paid three times: 3 / 2."""
    paid = [payment("A", f"2020Q{q}") for q in (1, 2, 3)] + [payment("B", "2020Q1"), payment("A", "2021Q1")]
    paid += [payment("A", "2020Q1", programme="BPNT")]
    check = [{"kpm_id": "A", "checked_on": "2020-05-01", "matched": True, "duplicate": True}]
    check += [{"kpm_id": "B", "checked_on": "2021-05-01", "matched": True, "duplicate": True}]
    seen = made(identity_checks=check, payments=paid)
    found = value(seen, "duplicates_over_payments", since="2020-01-01", until="2020-12-31")
    assert found == pytest.approx(3 / 2)


def test_niks_by_form_by_birth_and_by_use(made):
    """A woman born on 15 June 1980 has 55 06 80 in her NIK; a man 15 06 80. Two of five are no NIK."""
    kpm = [
        family("A", nik="3315015506800001"),
        family("B", nik="3315015506800001", born="1981-06-15"),
        family("C", nik="3315011506800001", sex="M"),
        family("D", nik="331501550680000"),
        family("E"),
    ]
    seen = made(kpm=kpm)
    assert value(seen, "nik_invalid") == pytest.approx(2 / 5)
    assert value(seen, "nik_against_birth") == pytest.approx(1 / 3)
    assert value(seen, "nik_repeated") == pytest.approx(2 / 3)


# ------------------------------------------------------------------ families


def person(kpm_id, member_id, valid_from="2020-01-01", valid_to=None, relation="child", sex="F", level="sd"):
    return {
        "kpm_id": kpm_id, "member_id": member_id, "valid_from": valid_from, "valid_to": valid_to,
        "relation": relation, "sex": sex, "education_level": level,
    }  # fmt: skip


def test_persons_are_those_whose_row_is_valid_in_member_families(made):
    """On 30 June 2020: A has two (a third left on that day, a fourth comes later), B one; C is no member. 3 / 2."""
    roster = [
        person("A", "1"), person("A", "2"), person("A", "3", valid_to="2020-06-30"), person("A", "4", "2020-07-01"),
        person("B", "1"), person("C", "1"),
    ]  # fmt: skip
    kpm = [family("A"), family("B"), family("C")]
    seen = made(kpm=kpm, members=roster, membership=[event("A", "2020-01-01"), event("B", "2020-01-01")])
    assert value(seen, "household_size", day="2020-06-30") == pytest.approx(3 / 2)
    assert isnan(value(seen, "household_size", day="2022-06-30"))


def test_caretakers_by_age_sex_school_and_head(made):
    """On 14 June 2020 A is 39 for one more day and B turns 40; C's birth date is unknown. B has a man at the head."""
    kpm = [family("A"), family("B", born="1980-06-14"), family("C", sex="M", born=None)]
    roster = [
        person("A", "1", relation="caretaker", level="smp"), person("B", "1", relation="caretaker", level="none"),
        person("B", "2", relation="head", sex="M", level="sma"), person("C", "1", relation="caretaker", level=None),
        person("A", "2", relation="child", sex="M"),
    ]  # fmt: skip
    seen, day = made(kpm=kpm, members=roster), "2020-06-14"
    assert value(seen, "caretaker_age_share", day=day, ages=(0, 39)) == pytest.approx(1 / 2)
    assert value(seen, "caretaker_age_share", day=day, ages=(40, 120)) == pytest.approx(1 / 2)
    assert value(seen, "caretaker_sex_share", day=day, sex="F") == pytest.approx(2 / 3)
    assert value(seen, "female_headed", day=day) == pytest.approx(1 / 3)
    assert value(seen, "caretaker_education", day=day, levels=["none", "sd"]) == pytest.approx(1 / 2)


def test_places_of_member_families(made):
    kpm = [family("A"), family("B", TIMOR), family("C", TIMOR), family("D", "3203012001")]
    seen = made(kpm=kpm, membership=[event(i, "2020-01-01") for i in "ABD"])
    assert value(seen, "place_share", day="2020-06-30", share_of=["33"]) == pytest.approx(1 / 3)
    assert value(seen, "place_share", day="2020-06-30", share_of=["32", "33"]) == pytest.approx(2 / 3)


def test_members_per_facilitator(made):
    """Four families on two facilitators, 3 and 1; a post that ended, a later one and a non-member do not count."""
    rows = [(i, "F1", "2020-01-01", None) for i in "ABC"] + [("D", "F2", "2020-03-01", None)]
    rows += [("D", "F1", "2020-01-01", "2020-03-01"), ("A", "F9", "2020-07-01", None), ("E", "F3", "2020-01-01", None)]
    given = [dict(zip(("kpm_id", "facilitator_id", "valid_from", "valid_to"), r, strict=True)) for r in rows]
    membership = [event(i, "2020-01-01") for i in "ABCD"]
    seen = made(kpm=[family(i) for i in "ABCDE"], membership=membership, assignments=given)
    assert value(seen, "members_per_facilitator", day="2020-06-30") == pytest.approx(4 / 2)


# ------------------------------------------------------------------ components, commitments, sessions


def commitment(kpm_id, member_id, quarter="2020Q1", component="sd", attendance=None):
    return {
        "kpm_id": kpm_id, "member_id": member_id, "quarter": quarter, "component": component,
        "attendance_pct": attendance,
    }  # fmt: skip


def test_components_and_attendance(made):
    """Four persons in 2020Q1, two in SD. Of four pupil-quarters in 2020 one did not come back, two of three comply."""
    rows = [
        commitment("A", "1", attendance=85.0), commitment("A", "2", attendance=84.9),
        commitment("A", "3", component="elderly"), commitment("B", "1", component="sma", attendance=100.0),
        commitment("B", "1", "2020Q4", "sma"), commitment("B", "1", "2021Q1", "sma", 10.0),
    ]  # fmt: skip
    seen, year = made(commitments=rows), {"since": "2020-01-01", "until": "2020-12-31"}
    assert value(seen, "component_share", quarter="2020Q1", component="sd") == pytest.approx(2 / 4)
    assert value(seen, "not_returned", **year) == pytest.approx(1 / 4)
    assert value(seen, "attendance_share", at_least=85, **year) == pytest.approx(2 / 3)


def test_sessions_and_rows_a_year(made):
    """Three sessions in 2020, two attended; both families are members for all 366 days: 3 over 732 / 365.25 years."""
    rows = [
        {"kpm_id": "A", "held_on": "2020-01-31", "module": "economy", "attendance": "present"},
        {"kpm_id": "A", "held_on": "2020-02-28", "module": "economy", "attendance": "sick"},
        {"kpm_id": "B", "held_on": "2020-12-31", "module": "economy", "attendance": "present"},
        {"kpm_id": "B", "held_on": "2021-01-01", "module": "economy", "attendance": "absent"},
    ]
    seen, year = made(sessions=rows), {"since": "2020-01-01", "until": "2020-12-31"}
    assert value(seen, "session_attendance", **year) == pytest.approx(2 / 3)
    found = value(seen, "rows_a_year", table="sessions", column="attendance", **year)
    assert found == pytest.approx(3 * 365.25 / 732)


# ------------------------------------------------------------------ money


def test_payments_over_the_years_of_membership(made):
    """A and B are members for 732 days of 2020: 500,000 rupiah and three payments, the period of 2021 left out."""
    paid = [payment("A", "2020Q1", 200000), payment("A", "2020-12", 300000), payment("B", "2020Q4", 0, "unclaimed")]
    seen = made(payments=[*paid, payment("B", "2021Q1", 9), payment("B", "2020Q4", 9, programme="BPNT")])
    year = {"programme": "PKH", "since": "2020-01-01", "until": "2020-12-31"}
    assert value(seen, "paid_a_year", **year) == pytest.approx(500000 * 365.25 / 732)
    assert value(seen, "payments_a_year", **year) == pytest.approx(3 * 365.25 / 732)
    assert value(seen, "payment_status_share", status="unclaimed", **year) == pytest.approx(1 / 3)


def test_an_amount_is_told_for_any_number_of_months(made):
    """600,000 for a quarter and 200,000 for a month are 200,000 a month; what did not arrive says nothing."""
    paid = [payment("A", "2020Q1", 600000), payment("B", "2020-05", 200000), payment("B", "2020-06", 0, "failed")]
    seen = made(payments=paid)
    year = {"programme": "PKH", "since": "2020-01-01", "until": "2020-12-31"}
    assert value(seen, "amount_for_months", months=1, **year) == pytest.approx(200000)
    assert value(seen, "amount_for_months", months=12, **year) == pytest.approx(2400000)


def test_paid_by_a_day(made):
    """Three payments of the first quarter: on the day, a day late, never."""
    paid = [payment("A", "2020Q1", paid_on="2020-04-30"), payment("B", "2020Q1", paid_on="2020-05-01")]
    paid += [payment("C", "2020Q1", 0, "failed"), payment("A", "2020Q2", paid_on="2020-04-01")]
    seen = made(kpm=[family(i) for i in "ABC"], payments=paid)
    assert value(seen, "paid_by", period="2020Q1", day="2020-04-30") == pytest.approx(1 / 3)


def test_a_component_is_read_where_it_stands_alone_and_was_paid(made):
    """A: one SD pupil, 225,000 by quarter, then 75,000 in each of three months: 900,000 a year. B has a second
    component, C was not paid in one of the months."""
    rows = [commitment("A", "1"), commitment("A", "1", "2020Q2"), commitment("B", "1"), commitment("C", "1", "2020Q2")]
    rows += [commitment("B", "2", component="sma")]
    paid = [payment("A", "2020Q1"), payment("B", "2020Q1", 725000)]
    paid += [payment(i, f"2020-0{m}", 75000) for i in "AC" for m in (4, 5)]
    paid += [payment("A", "2020-06", 75000), payment("C", "2020-06", 0, "failed")]
    seen = made(kpm=[family(i) for i in "ABC"], commitments=rows, payments=paid)
    found = world.find(seen, figure("component_amount", component="sd", since="2020-01-01", until="2020-12-31"))
    assert (found.value, found.rows) == (pytest.approx(900000), 2)


def test_the_fixed_part_is_what_the_first_quarter_pays_more(made):
    """A: 775,000 and 225,000, B: 925,000 and 375,000: 550,000 more. C was paid only once."""
    paid = [payment("A", "2020Q1", 775000), payment("A", "2020Q2"), payment("B", "2020Q1", 925000)]
    paid += [payment("B", "2020Q2", 375000), payment("C", "2020Q1", 9), payment("A", "2020Q3", 9)]
    seen = made(kpm=[family(i) for i in "ABC"], payments=paid)
    assert value(seen, "fixed_part", year=2020) == pytest.approx(550000)


# ------------------------------------------------------------------ programmes and surveys


def test_programmes_by_age_and_amount(made):
    """A is 40 when PENA begins, B is 50; a grant whose amount is unknown says nothing of amounts."""
    rows = [
        {"kpm_id": "A", "programme": "PENA", "started_on": "2020-06-15", "amount": 2400000},
        {"kpm_id": "B", "programme": "PENA", "started_on": "2020-06-15", "amount": None},
        {"kpm_id": "B", "programme": "KUBE", "started_on": "2020-06-15", "amount": 2000000},
    ]
    seen = made(kpm=[family("A"), family("B", born="1970-06-15")], programmes=rows)
    assert value(seen, "age_on_programme", programme="PENA", ages=(20, 45)) == pytest.approx(1 / 2)
    assert value(seen, "programme_amount", programme="PENA") == pytest.approx(2400000)


def test_surveys_are_the_latest_of_each_member(made):
    """On 30 June 2020: A's latest of 1 April has tiles and a phone, B's of 1 January earth and no answer on phones."""
    rows = [
        {"kpm_id": "A", "observed_on": "2020-01-01", "floor_type": 8, "motorcycles": 0},
        {"kpm_id": "A", "observed_on": "2020-04-01", "floor_type": 2, "motorcycles": 2, "smartphone": True},
        {"kpm_id": "A", "observed_on": "2020-07-01", "floor_type": 8, "motorcycles": 0, "smartphone": False},
        {"kpm_id": "B", "observed_on": "2020-01-01", "floor_type": 8, "motorcycles": 0},
    ]
    seen, day = made(welfare=rows), "2020-06-30"
    assert value(seen, "welfare_code_share", day=day, column="floor_type", codes=[2, 4]) == pytest.approx(1 / 2)
    assert value(seen, "welfare_code_share", day=day, column="smartphone", codes=[1]) == pytest.approx(1)
    assert value(seen, "welfare_at_least", day=day, column="motorcycles", at_least=1) == pytest.approx(1 / 2)
    assert value(seen, "survey_age", day=day) == pytest.approx((90 + 181) / 2 / 365.25)


def test_incomes(made):
    """Line 500,000. A: two persons, 1,000,000 = 1 line each. B: one person, 2,000,000 = 4 lines. C says nothing.

    Centre: exp((ln 1 + ln 4) / 2) = 2; spread: both logs lie ln 2 from their mean. Heaped: 2 of 3 are whole millions.
    """
    rows = [
        {"kpm_id": "A", "observed_on": "2020-02-01", "monthly_income": 1000000},
        {"kpm_id": "B", "observed_on": "2020-12-31", "monthly_income": 2000000},
        {"kpm_id": "C", "observed_on": "2020-03-01", "national_decile": 3},
        {"kpm_id": "A", "observed_on": "2021-03-01", "monthly_income": 1234567},
    ]
    roster = [person("A", "1"), person("A", "2"), person("B", "1"), person("C", "1")]
    seen = made(kpm=[family("A"), family("B"), family("C")], welfare=rows, members=roster)
    span = {"since": "2020-01-01", "until": "2021-12-31"}
    assert value(seen, "income_missing", **span) == pytest.approx(1 / 4)
    assert value(seen, "decile_known", **span) == pytest.approx(1 / 4)
    assert value(seen, "income_heaped", multiple=1000000, **span) == pytest.approx(2 / 3)
    assert value(seen, "income_centre", day="2020-06-30") == pytest.approx(2)
    assert value(seen, "income_spread", day="2020-06-30") == pytest.approx(log(2))
    assert isnan(value(seen, "income_centre", day="2021-06-30")), "no poverty line is stated for 2021"
    bins = world.income_bins(seen, width=0.5, most=3.0)
    assert dict(zip(bins["low"], bins["share"], strict=True)) == {1.0: 0.5, 3.0: 0.5}


def test_a_setting_is_read_by_its_dotted_name(made):
    seen = made(settings={"surveys": {"poverty_line": {2018: 410670}, "name": "world", "dirty": True}})
    assert value(seen, "setting", name="surveys.poverty_line.2018") == 410670
    assert all(isnan(value(seen, "setting", name=n)) for n in ("surveys.poverty_line.2019", "surveys.name"))
    assert isnan(value(seen, "setting", name="surveys.dirty")), "true is no figure"


def test_every_measure_is_tested_here_and_declared():
    """A measure without a value by hand, or without a figure, is one that nobody can trust or see."""
    text = Path(__file__).read_text(encoding="utf-8")
    assert {m for m in world.MEASURES if f'"{m}"' not in text} == set()
    assert {f.measure for f in declared().figures} == set(world.MEASURES)


@pytest.mark.parametrize("absent", ["commitments", "sessions", "programmes", "identity_checks", "assignments"])
def test_an_absent_table_cannot_tell(made, absent):
    seen = made()
    chosen = [f for f in declared().figures if absent in {*world.MEASURES[f.measure].needs, f.arguments.get("table")}]
    chosen += [f for f in declared().figures if absent == "programmes" and f.arguments.get("via")]
    assert chosen
    assert {world.verdict(world.find(seen, f), f, declared()) for f in chosen} == {"cannot tell"}


# ------------------------------------------------------------------ ratio, error, verdict


def test_the_error_of_a_ratio_takes_villages_as_clusters(made, engine):
    """Shares of two villages: 3 of 4 and 1 of 4; ratio 1/2; residuals 3 - 2 = 1 and 1 - 2 = -1: sqrt(2/1 * 2) / 8."""
    ids = [f"{v}{i}" for v in "AB" for i in range(4)]
    seen = made(kpm=[family(i, JAVA if i[0] == "A" else TIMOR) for i in ids])
    rows = pd.DataFrame({"kpm_id": ids, "top": [1.0, 1, 1, 0, 1, 0, 0, 0], "bottom": 1.0})
    found = world.ratio(seen, ibis.memtable(rows), ())
    assert (found.value, found.error, found.rows) == (0.5, pytest.approx(sqrt(2 * 2) / 8), 8)


@pytest.mark.parametrize("seed", range(4))
def test_the_error_is_that_of_a_slow_plain_second_version(made, seed):
    """Cochran 6.19 spelt out over the villages, beside the sums that the engine adds up."""
    rng = np.random.default_rng(seed)
    ids = [f"K{i:03d}" for i in range(120)]
    villages = {i: f"33150120{rng.integers(1, 13):02d}" for i in ids}
    seen = made(kpm=[family(i, v) for i, v in villages.items()])
    rows = pd.DataFrame({"kpm_id": ids, "bottom": rng.uniform(0.5, 2, 120)})
    rows["top"] = rows["bottom"] * rng.uniform(0, 1, 120)
    found = world.ratio(seen, ibis.memtable(rows), ())
    r = rows["top"].sum() / rows["bottom"].sum()
    residual = (rows["top"] - r * rows["bottom"]).groupby(rows["kpm_id"].map(villages)).sum()
    n = len(residual)
    wanted = sqrt(n / (n - 1) * (residual**2).sum()) / rows["bottom"].sum()
    assert found.value == pytest.approx(r)
    assert found.error == pytest.approx(max(wanted, 1 / rows["bottom"].sum()))


@pytest.mark.parametrize("order", [[0, 1, 2, 3], [0, 2, 1, 3], [3, 1, 0, 2]])
def test_a_sum_does_not_depend_on_the_order_of_the_rows(order, engine):
    """1e9 + 0.1 - 1e9 + 0.2 = 0.3; floats added in these orders give three other numbers."""
    terms = np.array([1e9, 0.1, -1e9, 0.2])[order]
    rows = ibis.memtable(pd.DataFrame({"x": terms}))
    assert functools.reduce(lambda a, b: a + b, terms.tolist()) != 0.3
    assert world.total(rows.x).to_pyarrow().as_py() == 0.3


def test_none_of_many_is_not_never(made):
    """No exit in 731 days of two families: the error is one exit, not zero."""
    found = world.find(made(), figure("exits_a_year", **exits("2020-01-01", "2021-12-31")))
    assert found.value == 0
    assert found.error == pytest.approx(365.25 / (2 * 731))


def test_what_becomes_of_a_ratio_carries_its_error():
    """d exp(x) = exp(x) dx; d sqrt(x) = dx / (2 sqrt(x))."""
    found = world.Found(0.25, 0.1, 10)
    assert world.finished(found, "exp") == world.Found(exp(0.25), pytest.approx(0.1 * exp(0.25)), 10)
    assert world.finished(found, "root") == world.Found(0.5, pytest.approx(0.1), 10)
    assert world.finished(found, "ratio") is found


VERDICTS = [  # stated, tolerance, value, error, rows, verdict; two errors of 30 rows at least
    ((0.10,), {"absolute": 0.02}, 0.12, 0.001, 100, "within"),
    ((0.10,), {"absolute": 0.02}, 0.1201, 0.001, 100, "outside"),
    ((0.10,), {"relative": 0.1}, 0.109, 0.001, 100, "within"),
    ((0.10,), {"relative": 0.1}, 0.112, 0.001, 100, "outside"),
    ((0.10, 0.20), {"absolute": 0.01}, 0.095, 0.01, 100, "within"),
    ((0.10, 0.20), {"absolute": 0.01}, 0.085, 0.01, 100, "outside"),
    ((0.10,), {"absolute": 0.02}, 0.10, 0.011, 100, "cannot tell"),  # the band is narrower than two errors
    ((0.10,), {"absolute": 0.02}, 0.14, 0.011, 100, "cannot tell"),  # 0.02 above the band, two errors are 0.022
    ((0.10,), {"absolute": 0.02}, 0.15, 0.011, 100, "outside"),  # 0.03 above it
    ((0.10,), {"absolute": 0.02}, 0.10, 0.001, 29, "cannot tell"),
    ((), {"absolute": 0.0}, 0.10, 0.001, 100, "cannot tell"),
    ((0.10,), {"absolute": 0.02}, nan, nan, 0, "cannot tell"),
    ((0.10,), {"absolute": 0.02}, 0.10, nan, 100, "cannot tell"),
]


@pytest.mark.parametrize(("stated", "tolerance", "at", "error", "rows", "wanted"), VERDICTS)
def test_verdicts(stated, tolerance, at, error, rows, wanted):
    chosen = figure("nik_invalid", stated=stated, tolerance=tolerance)
    assert world.verdict(world.Found(at, error, rows), chosen, config(fewest_rows=30)) == wanted


def test_a_setting_needs_no_rows():
    chosen = figure("setting", stated=(5.0,), tolerance={"absolute": 0.0}, name="x")
    assert world.verdict(world.Found(5.0, 0.0, 1.0), chosen, config(fewest_rows=30)) == "within"
    assert world.verdict(world.Found(5.1, 0.0, 1.0), chosen, config(fewest_rows=30)) == "outside"


@pytest.mark.parametrize(
    ("places", "fewest", "wanted"), [([], 2, True), ([], 3, False), (["33"], 1, True), (["33"], 2, False)]
)
def test_a_figure_of_a_place_needs_its_regencies(made, places, fewest, wanted):
    """Two regencies of two families; the stray code 9999 has one and makes no regency."""
    kpm = [family("A"), family("B"), family("C", TIMOR), family("D", TIMOR), family("E", "9999012001")]
    chosen = figure("nik_invalid", places).model_copy(update={"fewest_regencies": fewest})
    assert world.holds(made(kpm=kpm), chosen, config(fewest_rows=2)) is wanted


# ------------------------------------------------------------------ configuration


@functools.cache
def declared():
    return Home(Path(), (CONFIGS,)).load(world.Config, "world")


@functools.cache
def first_figure():
    """The first declared figure, as it is written."""
    return yaml.safe_load((CONFIGS / "world.yaml").read_text(encoding="utf-8"))["figures"][0]


def loaded(folder, *changes):
    """The section with the first figure once for each of some changes."""
    figures = [deepcopy({**first_figure(), **c}) for c in changes]  # YAML would alias what they share
    text = yaml.safe_dump({**NEVER_TOO_FEW, "figures": figures})
    (folder / "world.yaml").write_text(text, encoding="utf-8")
    return Home(folder, (folder,)).load(world.Config, "world")


BAD = [
    ({"measure": "exit_rate"}, r"exit_rate is no measure; allowed are age_on_programme, amount_for_months"),
    ({"stated": [0.2, 0.1]}, "the lowest value comes first"),
    ({"stated": [0.1, 0.2, 0.3]}, "at most 2"),
    ({"tolerance": {"absolute": -0.1}}, "greater than or equal to 0"),
    ({"tolerance": {}}, "at least 1"),
    ({"tolerance": {"about": 0.1}}, "'absolute' or 'relative'"),
    ({"mark": "sure"}, "'pub', 'min', 'app', 'D', 'J', 'M' or 'M/J'"),
    ({"places": ["Jawa"]}, "pattern"),
    ({"fewest_regencies": 0}, "greater than 0"),
    ({"unknown": 1}, "Extra inputs"),
    ({"arguments": {"day": "2020-01-01"}}, "arguments of exits_in_period: .*since: Field required"),
    ({"arguments": exits("2020-12-31", "2020-01-01")}, "since lies after until"),
    ({"arguments": exits("2020-01-01", "2020-12-31", ["left"])}, "reasons.0: Input should be 'gsm'"),
    ({"arguments": exits("2020-01-01", "2020-12-31", via=["PENNA"])}, "PENNA: no programme; allowed are PENA, PPSE"),
    ({"measure": "welfare_at_least", "arguments": {"day": "2020-01-01", "column": "income", "at_least": 1}},
     "income: no code; allowed are national_decile"),
    ({"measure": "rows_a_year", "arguments": {"since": "2020-01-01", "until": "2020-12-31", "table": "commitments",
                                              "column": "met"}}, "commitments: no table with an event date"),
    ({"measure": "payment_status_share", "arguments": {"since": "2020-01-01", "until": "2020-12-31",
                                                       "programme": "PKH", "status": "lost"}}, "lost: no status"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "told"), BAD)
def test_bad_configuration_is_refused_by_name(tmp_path, changes, told):
    with pytest.raises(BadInput, match=told) as caught:
        loaded(tmp_path, changes)
    assert "world.yaml" in str(caught.value)


def test_the_same_entry_is_good_unchanged(tmp_path):
    assert len(loaded(tmp_path, {}).figures) == 1


def test_a_figure_is_declared_once(tmp_path):
    with pytest.raises(BadInput, match="declared twice"):
        loaded(tmp_path, {}, {})


def test_a_world_without_its_tables_is_refused(engine):
    with pytest.raises(BadInput, match=r"members, payments, welfare, truth_exits: no such table"):
        world.open_world(
            {n: table(engine, n, []) for n in ("kpm", "membership")}, date(2021, 1, 1), {}, config(),
            keeper(engine),
        )  # fmt: skip


NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")


@pytest.mark.parametrize("mark", ["pub", "app", "D"])
def test_stated_figures_stand_in_the_facts(mark):
    """Every stated number is written in the fact sheet, as it stands, in percent, thousands, millions or as a part."""
    text = (SHARED / "domain.md").read_text(encoding="utf-8")
    numbers = {float(n.replace(",", "")) for n in NUMBER.findall(text) if n.replace(",", "") not in ("", ".")}
    # Not numbers but words of the facts: decile and age bounds hold for all; a group of five shares 10 million.
    spoken = {1.0, 0.0, 2000000.0}
    stated = {s for f in declared().figures if f.mark == mark for s in f.stated} - spoken
    unheard = {s for s in stated if not any(abs(s * k - n) < 1e-6 for n in numbers for k in (1, 100, 1e-3, 1e-6))}
    assert unheard == set()


# ------------------------------------------------------------------ pictures and page


def small(made):
    """Two figures, one published and one assumed, of a world of two exits, and the page's parts."""
    kpm = [family("A"), family("B", TIMOR)]
    seen = made(kpm=kpm, membership=LEFT, members=[person("A", "1"), person("B", "1")])
    year = exits("2020-01-01", "2020-12-31", ("gsm", "ppse"))
    one = figure("exits_in_period", stated=(0.034,), **year).model_copy(update={"figure": "gsm of 2020"})
    other = figure("household_size", day="2020-02-28", stated=(1.0,)).model_copy(
        update={"figure": "size", "mark": "J", "unit": "persons", "note": "<b>a note</b>"}
    )
    return seen, config(figures=[one, other])


def test_measured_figures_are_one_row_each(made):
    """One exit over 487 / 366 members is outside 3.4 %; one person in each family is within 1.0."""
    seen, chosen = small(made)
    found = world.measure(seen, chosen)
    assert list(found.columns) == list(world.COLUMNS)
    assert list(found["table"]) == ["published", "assumed"]
    assert list(found["simulated"]) == [pytest.approx(366 / 487), 1.0]
    assert list(found["rows"]) == [pytest.approx(487 / 366), 2.0]
    assert found["verdict"].iloc[1] == "cannot tell", "two families: an error of half a person"
    assert found[["low", "high", "tolerance"]].iloc[0].tolist() == [0.034, 0.034, "absolute 0.1"]


def test_pictures_tables_by_hand(made):
    """2020: 487 days of membership are 487 / 365.25 years; one gsm, one natural in October. B goes on in 2021."""
    seen, chosen = small(made)
    frames = world.pictures(seen, chosen)
    shares = {(r.year, r.reason): r.share for r in frames["exits"].itertuples()}
    assert shares == {(2020, "gsm"): pytest.approx(365.25 / 487), (2020, "natural"): pytest.approx(365.25 / 487)}
    assert frames["stated"].to_dict("records") == [{"year": 2020, "reason": "gsm+ppse", "share": 0.034}]
    assert list(frames["months"]["share"]) == [0.0] * 9 + [1.0, 0.0, 0.0]
    assert frames["income"].empty


def test_the_page_keeps_published_and_assumed_apart_and_says_simulated(made):
    seen, chosen = small(made)
    drawn = figures.draw_world(world.pictures(seen, chosen))
    assert sorted(drawn) == ["exits", "income", "months"]
    assert all(png.startswith(b"\x89PNG") for png in drawn.values())
    page = world.render(world.measure(seen, chosen), drawn, world.facts(seen, "small"))
    published, assumed = page.index('id="published"'), page.index('id="assumed"')
    assert published < page.index("gsm of 2020") < assumed < page.index(">size<")
    assert page.count("SIMULATED DATA") == 2
    texts = re.findall(r"<(?:title|caption|figcaption|h1)[^>]*>([^<]*)", page) + re.findall(r'alt="([^"]*)"', page)
    assert len(texts) == 10
    assert [t for t in texts if "simulated" not in t.lower()] == []
    assert "&lt;b&gt;a note" in page
    assert re.findall(r"<script|https?://|<link", page) == []


def test_equal_tables_are_equal_pictures(made):
    seen, chosen = small(made)
    first, again = (figures.draw_world(world.pictures(seen, chosen)) for _ in range(2))
    assert first == again


@pytest.mark.parametrize(
    ("found", "unit", "wanted"),
    [
        (0.0341, "share", "3.41"),
        (4.63, "persons", "4.63"),
        (410670.0, "rupiah", "410\N{NO-BREAK SPACE}670"),
        (nan, "persons", "-"),
    ],
)
def test_values_as_people_read_them(found, unit, wanted):
    assert world.shown(found, unit) == wanted


# ------------------------------------------------------------------ the default world

NOT_HELD: set[tuple[str, str]] = set()  # (figure, scope) that the default world may miss; each needs its reason


@pytest.fixture(scope="module")
def default_world(tmp_path_factory):
    home = study(tmp_path_factory.mktemp("default"), {"simulate": {"families": 20000}})
    run(home, "simulate", "world")
    return home


def test_published_figures_hold_in_the_default_world(default_world):
    found = pd.read_csv(default_world.path("data/world/figures.csv"))
    published = found[found["table"] == "published"]
    missed = published[published["verdict"] == "outside"]
    told = {
        (r.figure, r.scope): f"{r.simulated:.4g} (error {r.standard_error:.2g}) beside {r.low:g} to {r.high:g}"
        for r in missed.itertuples()
    }
    assert {k: v for k, v in told.items() if k not in NOT_HELD} == {}
    assert (published["verdict"] == "within").sum() >= len(published) // 2, "most of them can be told"


def test_the_stage_writes_table_page_and_pictures(default_world):
    names = {p.name for p in default_world.path("data/world").iterdir()}
    assert names == {"figures.csv", "page.html", "exits.png", "months.png", "income.png"}
