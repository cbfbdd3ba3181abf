"""What is told of tables whose every row is sound: made-up tables, one thing wrong with each, and nothing wrong."""

from datetime import date, timedelta

import ibis
import numpy as np
import pandas as pd
import pytest
from studies import QUICK, run, study, values

from pipeline import plausibility, stages
from pipeline.artifacts import with_days
from pipeline.plausibility import Config, Extract, find, told

CONFIG = Config(**values("plausibility"))
TODAY = date(2025, 2, 28)
REGENCIES = ("3203", "3315", "7306")
FAMILIES = 180
YEARS = range(2021, 2025)
DAY = np.timedelta64(1, "D")


def sound(seed=1):
    """One hundred and eighty families in three regencies: a survey a year, a payment a quarter, a session a month."""
    rng = np.random.default_rng(seed)
    ids = [f"K{i:04d}" for i in range(FAMILIES)]
    born = np.datetime64("1980-01-01") + rng.integers(0, 7000, FAMILIES) * DAY
    kpm = pd.DataFrame({
        "kpm_id": ids, "enrolled_on": np.datetime64("2020-01-01") + rng.integers(0, 300, FAMILIES) * DAY,
        "caretaker_sex": "F", "caretaker_birth_date": born,
        "village_code": [f"{REGENCIES[i % 3]}010001" for i in range(FAMILIES)], "urban": False,
    })  # fmt: skip
    kpm["recorded_on"] = kpm["enrolled_on"] + rng.integers(1, 30, FAMILIES) * DAY
    visits = pd.DataFrame([(k, y) for y in YEARS for k in ids], columns=["kpm_id", "year"])
    n = len(visits)
    welfare = pd.DataFrame({
        "kpm_id": visits["kpm_id"],
        "observed_on": pd.to_datetime(visits["year"].astype(str) + "-01-01") + rng.integers(0, 365, n) * DAY,
        "monthly_income": (np.exp(rng.normal(14.5, 0.3, n))).astype("int64"), "floor_area_m2": rng.normal(40, 5, n),
        "floor_type": 3, "smartphone": rng.random(n) < 0.9,
    })  # fmt: skip
    welfare["recorded_on"] = welfare["observed_on"] + rng.integers(1, 40, n) * DAY
    quarters = [(k, pd.Period(f"{y}Q{q}", freq="Q")) for y in YEARS for q in range(1, 5) for k in ids]
    payments = pd.DataFrame({
        "kpm_id": [k for k, _ in quarters], "programme": "PKH", "period": [str(q) for _, q in quarters],
        "paid_on": pd.to_datetime([q.start_time for _, q in quarters]) + rng.integers(60, 89, len(quarters)) * DAY,
        "amount": rng.choice([225000, 375000, 600000], len(quarters)), "status": "disbursed", "channel": "bank",
    })  # fmt: skip
    payments["recorded_on"] = payments["paid_on"] + rng.integers(1, 40, len(quarters)) * DAY
    enrolled = kpm[["kpm_id", "recorded_on"]].assign(effective_on=kpm["enrolled_on"], event="enrolled", reason=None)
    left = (
        kpm[["kpm_id"]]
        .iloc[:60]
        .assign(effective_on=np.datetime64("2021-01-01") + np.arange(60) * 25 * DAY, event="exited", reason="gsm")
    )
    left["recorded_on"] = left["effective_on"] + rng.integers(1, 30, 60) * DAY
    membership = pd.concat([enrolled, left], ignore_index=True)
    return {"kpm": kpm, "welfare": welfare, "payments": payments, "membership": membership}, numbers(ids, born)


def numbers(ids, born):
    days = [(d.item().day, d.item().month, d.item().year % 100) for d in born.astype("M8[D]")]
    return pd.DataFrame({
        "kpm_id": ids, "member_id": pd.array([None] * FAMILIES, dtype="str"), "family_card_no": None,
        "nik": [f"320301{d + 40:02d}{m:02d}{y:02d}{i:04d}" for i, (d, m, y) in enumerate(days, 1)], "name": "Ibu",
    })  # fmt: skip


def looked_at(tables, identity, **changes):
    def table(frame):
        return ibis.memtable(with_days(frame))

    identity = identity.assign(**{c: identity[c].astype("str") for c in ("member_id", "family_card_no")})
    identity["member_id"] = identity["member_id"].where(
        identity["member_id"].notna() & (identity["member_id"] != "nan"), None
    )
    extract = Extract({n: table(t) for n, t in tables.items()}, table(identity), TODAY)
    return find(extract, CONFIG.model_copy(update=changes))


def signs(found):
    return {(r["table"], r["column"], r["sign"]) for r in found.to_dict("records")}


def of_year(frame, year, column="observed_on"):
    return frame[column].dt.year == year


def regency(tables, frame):
    return frame["kpm_id"].map(tables["kpm"].set_index("kpm_id")["village_code"].str[:4])


@pytest.mark.parametrize("seed", range(3))
def test_nothing_is_told_of_sound_tables(seed):
    assert looked_at(*sound(seed)).empty


def test_a_table_without_rows_says_nothing():
    tables, identity = sound()
    assert looked_at(tables | {"welfare": tables["welfare"].iloc[:0]}, identity).empty


def test_of_many_families_some_are_looked_at_and_tell_the_same():
    """About 135 of 180 families, drawn by kpm_id: with 4 surveys each, fewer than 720 rows, more than half."""
    tables, identity = sound()
    assert looked_at(tables, identity, most_families=135).empty
    of_a_year(tables, identity)
    (found,) = looked_at(tables, identity, most_families=135).to_dict("records")
    assert (found["column"], found["sign"]) == ("monthly_income", "size")
    blank(tables, identity)
    empty = looked_at(tables, identity, most_families=135).set_index("sign").at["empty", "rows"]
    assert 360 < empty < 720
    assert looked_at(tables, identity).set_index("sign").at["empty", "rows"] == 720


def test_what_is_rare_is_asked_of_everybody():
    """Every tenth number is a neighbour's too: 36 of 180 rows are shared; of 18 families drawn few pairs are."""
    tables, identity = sound()
    identity["nik"] = identity["nik"].where(identity.index % 10 > 0, identity["nik"].shift(-1))
    found = looked_at(tables, identity, most_families=18)
    (shared,) = found[found["sign"] == "repeated"].to_dict("records")
    assert (shared["rows"], shared["seen"]) == (180, pytest.approx(36 / 180))


def test_the_edge_of_history_is_no_season():
    """A first quarter of a hundredth of the usual rows, all of it recorded late, is what a register was begun with."""
    key = ("cases", plausibility._Trait("recorded_on", "late", ibis.literal(True)))
    cells = pd.DataFrame({"n": [60, 6000, 6000], "k": [60, 600, 600], "rest_n": 6000, "rest_k": 600, "before": 0,
                          "families": 600})  # fmt: skip
    assert list(plausibility._compared(key, cells, CONFIG)) == []
    assert len(list(plausibility._compared(key, cells.assign(n=[600, 6000, 6000], k=[600, 600, 600]), CONFIG))) == 1


def test_what_a_few_families_say_is_not_judged():
    """60 members of 12 families, entered late together in a regency's year: one visit, not a shift of days."""
    key = ("members", plausibility._Trait("recorded_on", "late", ibis.literal(True)))
    cells = pd.DataFrame(
        {"n": [60, 60], "k": [60, 20], "rest_n": 600, "rest_k": 150, "before": 0, "families": [12, 60]}
    )
    assert list(plausibility._compared(key, cells, CONFIG)) == []
    assert len(list(plausibility._compared(key, cells.assign(families=60), CONFIG))) == 1


def thousandth(tables, identity):
    tables["payments"]["amount"] //= 1000
    return "payments", "amount", "median"


def of_a_year(tables, identity):
    w = tables["welfare"]
    tables["welfare"] = w.assign(monthly_income=w["monthly_income"].where(~of_year(w, 2023), w["monthly_income"] * 12))
    return "welfare", "monthly_income", "size"


def of_a_year_in_a_poor_regency(tables, identity):
    """0.7 x 12 = 8.4 times the others': 17 million beside 2, a year's income beside a month's."""
    w = tables["welfare"]
    w["monthly_income"] = w["monthly_income"].where(regency(tables, w) != "3315", (w["monthly_income"] * 8.4)).round()
    w["monthly_income"] = w["monthly_income"].astype("int64")
    return "welfare", "monthly_income", "size"


def some_far(tables, identity):
    w = tables["welfare"]
    tables["welfare"] = w.assign(monthly_income=w["monthly_income"].where(w.index % 20 > 0, w["monthly_income"] * 1000))
    return "welfare", "monthly_income", "far"


def blank(tables, identity):
    tables["welfare"]["floor_area_m2"] = np.nan
    return "welfare", "floor_area_m2", "empty"


def blank_in_a_year(tables, identity):
    w = tables["welfare"]
    tables["welfare"] = w.assign(floor_area_m2=w["floor_area_m2"].where(~of_year(w, 2022)))
    return "welfare", "floor_area_m2", "blank"


def blank_in_a_regency(tables, identity):
    w = tables["welfare"]
    tables["welfare"] = w.assign(floor_area_m2=w["floor_area_m2"].where(regency(tables, w) != "3315"))
    return "welfare", "floor_area_m2", "blank"


def other_codes(tables, identity):
    w = tables["welfare"]
    tables["welfare"] = w.assign(floor_type=w["floor_type"].where(~of_year(w, 2023), 7))
    return "welfare", "floor_type", "code"


def late(tables, identity):
    w = tables["welfare"]
    tables["welfare"] = w.assign(
        recorded_on=w["recorded_on"].where(~of_year(w, 2023), w["recorded_on"] + timedelta(40))
    )
    return "welfare", "recorded_on", "late"


def early(tables, identity):
    w = tables["welfare"]
    tables["welfare"] = w.assign(recorded_on=w["recorded_on"].where(w.index % 10 > 0, w["recorded_on"] - timedelta(90)))
    return "welfare", "recorded_on", "early"


def outside(tables, identity):
    tables["payments"]["paid_on"] += timedelta(40)
    tables["payments"]["recorded_on"] += timedelta(40)
    return "payments", "paid_on", "outside"


def filler(tables, identity):
    k = tables["kpm"]
    tables["kpm"] = k.assign(
        caretaker_birth_date=k["caretaker_birth_date"].where(k.index % 10 > 0, pd.Timestamp(1970, 1, 1))
    )
    return "kpm", "caretaker_birth_date", "filler"


def other_numbers(tables, identity):
    identity["nik"] = [f"3203012001{i:06d}" for i in range(FAMILIES)]
    return "kpm", "caretaker_nik", "number"


def twice(tables, identity):
    identity.loc[identity.index % 10 == 0, "nik"] = identity["nik"].iloc[0]
    return "kpm", "caretaker_nik", "repeated"


def a_test_row(tables, identity):
    tables["kpm"].loc[7, "kpm_id"] = "TEST-7"
    return "kpm", "kpm_id", "shape"


def a_test_name(tables, identity):
    identity.loc[7, "name"] = "UJI COBA 1"
    return "kpm", "caretaker_name", "test"


def quarter_gone(tables, identity):
    tables["payments"] = tables["payments"].query("period != '2023Q2'")
    return "payments", "period", "missing"


def quarter_of_a_regency_gone(tables, identity):
    p = tables["payments"]
    tables["payments"] = pd.concat([p, p.assign(programme="BPNT")])  # 80 rows a regency and quarter
    p = tables["payments"]
    tables["payments"] = p[~((p["period"] == "2023Q2") & (regency(tables, p) == "3315"))]
    return "payments", "period", "missing"


def regency_gone(tables, identity):
    w = tables["welfare"]
    tables["welfare"] = w[regency(tables, w) != "3315"]
    return "welfare", "observed_on", "missing"


def ended_in_a_regency(tables, identity):
    """Some 60 surveys a year and regency, no quarter with 20 days of them; six quarters have about 90."""
    w = tables["welfare"]
    tables["welfare"] = w[~((regency(tables, w) == "3315") & (w["observed_on"] > "2023-06-30"))]
    return "welfare", "observed_on", "missing_days"


def enrolled_again(tables, identity):
    """5 of 180 families are 2.8 %."""
    m = tables["membership"]
    again = m.head(5).assign(effective_on=m["effective_on"].head(5) + 400 * DAY)
    tables["membership"] = pd.concat([m, again.assign(recorded_on=again["effective_on"])], ignore_index=True)
    return "membership", "kpm_id", "twice"


def stale(tables, identity):
    tables["payments"] = tables["payments"].query("recorded_on < '2023-06-30'")
    return "payments", "recorded_on", "stale"


WRONG = (
    thousandth, of_a_year, of_a_year_in_a_poor_regency, some_far, blank, blank_in_a_year, blank_in_a_regency,
    other_codes, late, early, outside,
    filler, other_numbers, twice, a_test_row, a_test_name, quarter_gone, quarter_of_a_regency_gone, regency_gone,
    ended_in_a_regency, enrolled_again, stale,
)  # fmt: skip


@pytest.mark.parametrize("spoil", WRONG, ids=lambda f: f.__name__)
def test_one_thing_wrong_is_told_by_table_and_column(spoil):
    tables, identity = sound()
    expected = spoil(tables, identity)
    found = looked_at(tables, identity)
    assert expected in signs(found)
    assert any(line.startswith(f"{expected[0]}: {expected[1]}") for line in told(found))


def test_every_sign_is_told_by_some_case_above():
    assert {spoil(*sound())[2] for spoil in WRONG} == set(plausibility.TOLD)


def test_a_regency_that_ends_is_told_with_what_the_others_lead_to_expect():
    """Eight families of each regency are visited on the same 5 days of a quarter. 2020 to 2022 a regency has 12 x 5, 60
    days, and the two others 120; since then these have 8 x 10 = 80, so that 60 x 80 / 120 = 40 are expected of it."""
    tables, identity = sound()
    starts = pd.period_range("2020Q1", "2024Q4", freq="Q").start_time
    days = pd.DataFrame({"observed_on": [s + pd.Timedelta(days=d) for s in starts for d in range(5)]})
    rows = tables["kpm"][["kpm_id"]].iloc[:24].merge(days, how="cross")
    rows = rows.assign(
        monthly_income=1_000_000, floor_area_m2=40.0, floor_type=3, smartphone=True, recorded_on=rows["observed_on"]
    )
    gone = (regency(tables, rows) == "3315") & (rows["observed_on"] >= "2023-01-01")
    (found,) = looked_at(tables | {"welfare": rows[~gone]}, identity, min_days=40).to_dict("records")
    assert (found["sign"], found["place"], found["expected"]) == ("missing_days", "regency 3315 since 2023Q1", 40.0)
    assert looked_at(tables | {"welfare": rows[~gone]}, identity, min_days=41).empty


def test_a_regency_that_must_be_there_is_missed():
    found = looked_at(*sound(), regencies=("3203", "9202"))
    assert told(found) == ["kpm: village_code: 0 rows in regency 9202, expected about 1; was something not exported?"]


def test_a_column_that_a_source_never_fills_is_not_told():
    tables, identity = sound()
    blank(tables, identity)
    assert looked_at(tables, identity, absent=("welfare.floor_area_m2",)).empty


def test_what_only_begins_is_no_hole():
    """Floor areas are asked from 2023 on."""
    tables, identity = sound()
    w = tables["welfare"]
    tables["welfare"] = w.assign(floor_area_m2=w["floor_area_m2"].where(w["observed_on"].dt.year >= 2023))
    assert looked_at(tables, identity).empty


def test_a_name_or_number_is_never_written():
    tables, identity = sound()
    a_test_name(tables, identity)
    twice(tables, identity)
    text = " ".join(told(looked_at(tables, identity)))
    assert "COBA" not in text
    assert identity["nik"].iloc[0] not in text


def test_the_quarantine_takes_its_place_with_what_is_hard_to_believe(tmp_path, monkeypatch):
    """An ingestion that is killed between the two leaves none, or the one before, and never one without."""
    home = run(study(tmp_path, QUICK | {"simulate": {"families": 60}}), "simulate", "source")

    def killed(*_):
        raise RuntimeError("killed")

    with monkeypatch.context() as patched:
        patched.setattr(plausibility, "find", killed)
        with pytest.raises(RuntimeError, match="killed"):
            run(home, "ingest")
    assert not home.path(stages.QUARANTINE).exists()
    run(home, "ingest")
    assert {home.path(f) for f in (stages.FINDINGS, stages.DOUBTS)} <= set(home.path(stages.QUARANTINE).iterdir())
