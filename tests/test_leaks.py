"""Disguised leaks, each planted into the tables of an extract: caught, or without any way into a feature or a label.

`PLANTED` families graduate within the year after `AS_OF`; nobody knew it on that day. The features of `AS_OF` are
computed from the sound tables and from the spoilt ones by the same compiled statement, and must be equal to the bit.
"""

from dataclasses import dataclass
from datetime import date, timedelta

import duckdb
import ibis
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import simulated
import spoiling
import yaml
from studies import CONFIGS, PROJECT

from pipeline import cohort, evaluate, features, folds, ingest, labels, leaks, study
from pipeline.errors import BadInput
from pipeline.sources import files, landing
from pipeline.tables import TABLES

AS_OF = date(2023, 12, 31)
BEFORE = AS_OF - timedelta(days=12)
MANY = {"families": 600, "truth_draws": 1, "exits": {"gsm": {2017: 0.08}, "quotas": {2017: None}}}
STUDY = study.Config(**yaml.safe_load((CONFIGS / "study.yaml").read_text(encoding="utf-8")))
CONFIG = leaks.Config(**yaml.safe_load((CONFIGS / "leaks.yaml").read_text(encoding="utf-8")))
ANALYST = (PROJECT / "benchmarks" / "analyst.sql").read_text(encoding="utf-8")
WRITTEN = [t for t in TABLES if t != "follow_up"]


@dataclass(frozen=True)
class Leaver:
    """A family that graduates within the year after AS_OF: when, and on which day that was recorded."""

    kpm_id: str
    exit_on: date
    recorded_on: date


class Extract:
    """Tables in the engine, and statements compiled once that are run again after a table was spoilt."""

    def __init__(self, engine, tables):
        self.engine, self.tables = engine, {n: t.drop_columns(pii(n)) for n, t in tables.items()}
        self.put(self.tables)
        known = {n: engine.table(f"leak_{n}") for n in self.tables}
        blocks = features.blocks(known, AS_OF)
        self.scored = [f.name for b in blocks for f in b.features if f.used_in_score]
        moments = labels.moments(known["membership"], [AS_OF], STUDY)
        members = cohort.select(known["membership"], [AS_OF])
        self.matured_on = moments[0].matured_on
        self.statements = {
            "features": engine.compile(features.build(known, AS_OF)),
            "labels": engine.compile(labels.observe(known | {"cohort": members}, moments, date(2025, 6, 30))),
        }
        self.sound = {name: self.ask(name) for name in self.statements}

    def put(self, tables):
        for name, table in tables.items():
            stored(self.engine, f"leak_{name}", table)

    def ask(self, name):
        return self.engine.con.sql(self.statements[name]).to_arrow_table().sort_by("kpm_id")

    def with_rows(self, name, rows, asked="features"):
        """The answer with rows added to a table."""
        return self.with_tables({name: self.and_rows(name, rows)}, asked)

    def and_rows(self, name, rows):
        schema = self.tables[name].schema
        return pa.concat_tables([self.tables[name], pa.Table.from_pylist(rows, schema)])

    def with_tables(self, tables, asked="features"):
        self.put(tables)
        try:
            return self.ask(asked)
        finally:
            self.put({name: self.tables[name] for name in tables})


def stored(engine, name, table):
    """The Arrow table as a table of the engine under this name, whatever stood there before."""
    engine.con.register("landed_here", table)
    engine.con.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS FROM landed_here")
    engine.con.unregister("landed_here")
    return engine.table(name)


def pii(name):
    return [c.name for c in TABLES[name].columns() if c.pii]


@pytest.fixture(scope="module")
def extract(engine):
    return Extract(engine, simulated.build(simulated.SMALL, MANY).tables)


@pytest.fixture(scope="module")
def leavers(extract):
    until = study.months_after(AS_OF, 12)
    known = set(extract.sound["features"]["kpm_id"].to_pylist())
    gone = [
        Leaver(r["kpm_id"], r["effective_on"], r["recorded_on"]) for r in extract.tables["membership"].to_pylist()
        if r["reason"] == "gsm" and AS_OF < r["effective_on"] <= until and r["kpm_id"] in known
    ]  # fmt: skip
    assert len(gone) >= 15
    return gone


# --- rows that an exit leaves behind ---------------------------------------------------------------------------------

TRACES = {
    "a resignation letter": ("cases", "reported_on", {"case_id": "L", "kind": "resignation_letter",
                                                      "reporter": "citizen", "status": "closed"}),
    "a report of interest": ("cases", "reported_on", {"case_id": "L", "kind": "graduation_interest",
                                                      "reporter": "pendamping", "status": "referred",
                                                      "referred_to": "PPSE"}),
    "a house survey": ("welfare", "observed_on", {"monthly_income": 9_000_000, "owns_business": True, "cars": 1,
                                                  "floor_type": 1, "floor_area_m2": 99.0}),
    "a decile ranked anew": ("welfare", "observed_on", {"national_decile": 9}),
    "a grant of PENA": ("programmes", "started_on", {"programme": "PENA", "phase": "development",
                                                     "amount": 2_400_000}),
    "a member who found work": ("members", "valid_from", {"member_id": "L", "relation": "spouse", "working": True,
                                                          "sex": "M", "birth_date": date(1985, 1, 1)}),
    "a payment not fetched": ("payments", "paid_on", {"programme": "BPNT", "period": "2023-12", "amount": 200_000,
                                                      "status": "unclaimed"}),
    "a last session": ("sessions", "held_on", {"module": "economy", "attendance": "present"}),
    "a commitment": ("commitments", None, {"member_id": "L", "component": "sd", "quarter": "2023Q3",
                                           "attendance_pct": 12.5, "met": False}),
    "an identity check": ("identity_checks", "checked_on", {"matched": False, "alive": False, "duplicate": True}),
    "the exit itself, dated back": ("membership", "effective_on", {"event": "exited", "reason": "gsm"}),
}  # fmt: skip


def planted(leavers, trace, happened_on, recorded_on):
    """The rows of a trace, one a family; the two days are functions of the leaver."""
    _, event, row = TRACES[trace]
    return [
        row | ({event: happened_on(who)} if event else {}) | {"kpm_id": who.kpm_id, "recorded_on": recorded_on(who)}
        | ({"case_id": f"L{i}"} if "case_id" in row else {})
        for i, who in enumerate(leavers)
    ]  # fmt: skip


def all_planted(extract, leavers, happened_on, recorded_on, without=()):
    """Every table with all of its traces: they are proved together, as one statement computes all features."""
    spoilt = dict(extract.tables)
    for trace, (table, _, _) in TRACES.items():
        if table not in without:
            rows = planted(leavers, trace, happened_on, recorded_on)
            names = [row | {"case_id": f"{trace} {row['case_id']}"} if "case_id" in row else row for row in rows]
            spoilt[table] = pa.concat_tables([spoilt[table], pa.Table.from_pylist(names, spoilt[table].schema)])
    return spoilt


def test_traces_dated_back_but_entered_after_the_exit_reach_no_feature(extract, leavers):
    spoilt = all_planted(extract, leavers, lambda _: BEFORE, lambda who: who.recorded_on + timedelta(days=3))
    assert all(len(spoilt[t]) > len(extract.tables[t]) for t, _, _ in TRACES.values())
    assert extract.with_tables(spoilt).equals(extract.sound["features"])


@pytest.mark.parametrize("trace", TRACES)
def test_each_trace_entered_in_time_would_be_seen(extract, leavers, trace):
    """So the equality above is owed to the second clock and to nothing else."""
    rows = planted(leavers, trace, lambda _: BEFORE, lambda _: BEFORE)
    assert not extract.with_rows(TRACES[trace][0], rows).equals(extract.sound["features"])


def test_traces_entered_before_they_happen_reach_no_feature(extract, leavers):
    """An exit or a grant announced before AS_OF for a later day: both days must have come.

    A commitment has no day of its own, only a quarter and the day of its record.
    """
    spoilt = all_planted(extract, leavers, lambda who: who.exit_on, lambda _: BEFORE, ("commitments",))
    assert extract.with_tables(spoilt).equals(extract.sound["features"])


def test_what_follows_the_exit_reaches_no_feature(extract, leavers):
    """Payments that stop, checks and re-rankings after the exit, on their own days with their own lag."""
    after = all_planted(extract, leavers, lambda w: w.exit_on + timedelta(30), lambda w: w.exit_on + timedelta(45))
    assert extract.with_tables(after).equals(extract.sound["features"])


# --- values that are filled in later ---------------------------------------------------------------------------------


def overwritten(table, leavers, change):
    """The table with `change(row, leaver)` laid over the rows of leavers that were known on AS_OF."""
    by_family = {who.kpm_id: who for who in leavers}
    rows = table.to_pylist()
    hit = [r for r in rows if r["kpm_id"] in by_family and r.get("recorded_on", AS_OF) <= AS_OF]
    for row in hit:
        row |= change(row, by_family[row["kpm_id"]])
    assert hit
    return pa.Table.from_pylist(rows, table.schema)


def closed(column):
    """A closing day that was not known on AS_OF becomes the day of the exit."""
    return lambda row, who: {column: who.exit_on} if row[column] is None or row[column] > AS_OF else {}


LATER = {
    "the status of a case": ("cases", lambda row, who: {"status": "closed", "referred_to": "PPSE"}),
    "the end of a case": ("cases", closed("closed_on")),
    "the end of a roster row": ("members", closed("valid_to")),
    "the end of a programme": ("programmes", closed("ended_on")),
    "the end of an assignment": ("assignments", closed("valid_to")),
}


def test_values_filled_in_at_the_exit_reach_no_feature(extract, leavers):
    spoilt = {}
    for table, change in LATER.values():
        spoilt[table] = overwritten(spoilt.get(table, extract.tables[table]), leavers, change)
    assert not any(spoilt[t].equals(extract.tables[t]) for t in spoilt)
    assert extract.with_tables(spoilt).equals(extract.sound["features"])


def test_a_facilitator_for_graduates_reaches_no_scored_feature(extract, leavers):
    """Assignments have no second clock: one dated back shows, so nothing of the table may be scored."""
    rows = [{"kpm_id": w.kpm_id, "facilitator_id": "GRADUATES", "valid_from": BEFORE} for w in leavers]
    spoilt = extract.with_rows("assignments", rows)
    assert not spoilt.equals(extract.sound["features"])
    assert spoilt.select(extract.scored).equals(extract.sound["features"].select(extract.scored))
    later = [row | {"valid_from": w.exit_on} for row, w in zip(rows, leavers, strict=True)]
    assert extract.with_rows("assignments", later).equals(extract.sound["features"])


# --- names, order, and the future at large ---------------------------------------------------------------------------


def renamed(extract, names):
    """All tables with families named anew, `names` from old to new."""
    found = {}
    for name, table in extract.tables.items():
        new = pa.array([names[k] for k in table["kpm_id"].to_pylist()], table.schema.field("kpm_id").type)
        found[name] = table.set_column(table.schema.get_field_index("kpm_id"), "kpm_id", new)
    return found


def test_an_id_that_encodes_the_order_of_exits_is_no_feature(extract, leavers):
    """Graduates first, by day of exit: only the key changes, and no feature is made of it."""
    first = [w.kpm_id for w in sorted(leavers, key=lambda w: w.exit_on)]
    others = sorted(set(extract.tables["kpm"]["kpm_id"].to_pylist()) - set(first))
    names = {old: f"N{i:05d}" for i, old in enumerate([*first, *others])}
    told = extract.with_tables(renamed(extract, names)).to_pandas().set_index("kpm_id")
    sound = extract.sound["features"].to_pandas().set_index("kpm_id").rename(index=names)
    pd.testing.assert_frame_equal(told.sort_index(), sound.sort_index(), check_exact=True)


@pytest.mark.parametrize(("table", "column"), [("cases", "case_id"), ("members", "member_id")])
def test_a_case_or_member_id_that_encodes_the_exit_is_no_feature(extract, leavers, table, column):
    """Both tables that have a member's id are renamed alike."""
    graduates = {w.kpm_id for w in leavers}
    spoilt = {}
    for name in [table] if table == "cases" else ["members", "commitments"]:
        rows = extract.tables[name].to_pylist()
        for row in rows:
            row[column] = f"{'0' if row['kpm_id'] in graduates else '9'}-{row[column]}"
        spoilt[name] = pa.Table.from_pylist(rows, extract.tables[name].schema)
    assert extract.with_tables(spoilt).equals(extract.sound["features"])


def test_an_order_of_rows_that_encodes_the_outcome_changes_nothing(extract, leavers):
    graduates = {w.kpm_id for w in leavers}
    spoilt = {
        n: t.take(np.argsort([k not in graduates for k in t["kpm_id"].to_pylist()], kind="stable"))
        for n, t in extract.tables.items()
    }
    for asked, sound in extract.sound.items():
        assert extract.with_tables(spoilt, asked).equals(sound)


def truncated(extract):
    """The tables as they stood on AS_OF: later rows gone, closing days that lie later not filled."""
    closing = {"valid_to", "ended_on", "closed_on"}
    found = {}
    for name, table in extract.tables.items():
        event = TABLES[name].happened_on
        rows = [
            {k: None if k in closing and v is not None and v > AS_OF else v for k, v in row.items()}
            for row in table.to_pylist()
            if row.get("recorded_on", AS_OF) <= AS_OF and (event is None or row[event] is None or row[event] <= AS_OF)
        ]
        found[name] = pa.Table.from_pylist(rows, table.schema)
    return found


def test_the_whole_future_taken_away_changes_no_feature(extract):
    """Rates of a village or facilitator, ranks within a place, percentiles: none is measured over later rows."""
    spoilt = truncated(extract)
    assert sum(map(len, spoilt.values())) < 0.95 * sum(map(len, extract.tables.values()))
    assert extract.with_tables(spoilt).equals(extract.sound["features"])


def test_families_that_enter_later_change_no_feature(extract, leavers):
    """A thousand rich newcomers in the same villages: no percentile and no mean is taken over the whole extract."""
    villages = extract.tables["kpm"]["village_code"].to_pylist()
    later = AS_OF + timedelta(days=40)
    names = [f"Z{i:05d}" for i in range(1000)]
    rows = {
        "kpm": [{"kpm_id": k, "enrolled_on": later, "village_code": villages[i % len(villages)], "recorded_on": later}
                for i, k in enumerate(names)],
        "welfare": [{"kpm_id": k, "observed_on": later, "monthly_income": 10**8, "recorded_on": later} for k in names],
        "membership": [{"kpm_id": k, "effective_on": later, "event": e, "reason": r, "recorded_on": later}
                       for k in names for e, r in (("enrolled", None), ("exited", "gsm"))],
    }  # fmt: skip
    spoilt = {
        n: pa.concat_tables([extract.tables[n], pa.Table.from_pylist(r, extract.tables[n].schema)])
        for n, r in rows.items()
    }
    assert extract.with_tables(spoilt).equals(extract.sound["features"])


# --- labels ----------------------------------------------------------------------------------------------------------


def test_the_leavers_are_graduates_in_the_labels(extract, leavers):
    told = dict(zip(*(extract.sound["labels"][c].to_pylist() for c in ("kpm_id", "outcome")), strict=True))
    assert {told[w.kpm_id] for w in leavers} <= {"gsm", "natural"}
    assert [told[w.kpm_id] for w in leavers].count("gsm") >= 10


def test_an_exit_entered_after_the_label_matured_changes_no_label(extract):
    """Graduations dated back into the horizon of families that stayed."""
    stayed = [r["kpm_id"] for r in extract.sound["labels"].to_pylist() if r["outcome"] == "none"][:50]
    assert len(stayed) == 50
    rows = [
        {"kpm_id": k, "effective_on": AS_OF + timedelta(days=90), "event": "exited", "reason": "gsm",
         "recorded_on": extract.matured_on + timedelta(days=1)}
        for k in stayed
    ]  # fmt: skip
    assert extract.with_rows("membership", rows, "labels").equals(extract.sound["labels"])
    in_time = [row | {"recorded_on": extract.matured_on} for row in rows]
    assert not extract.with_rows("membership", in_time, "labels").equals(extract.sound["labels"])


def test_an_exit_before_the_date_that_was_entered_later_is_no_graduation_ahead(extract, leavers):
    """Such a family is still in the cohort, though it has left: it is told as `other`, never as the target."""
    rows = planted(leavers, "the exit itself, dated back", lambda _: BEFORE, lambda _: AS_OF + timedelta(days=20))
    told = extract.with_rows("membership", rows, "labels").to_pandas().set_index("kpm_id")
    assert set(told.loc[[w.kpm_id for w in leavers], "outcome"]) == {"other"}


@pytest.mark.parametrize("lag", [0, 31, 92, 200])
@pytest.mark.parametrize("calibration", [3, 12])
def test_no_fold_learns_or_calibrates_on_what_had_not_matured(lag, calibration):
    """Labels of the embargo, dates to be tested and later dates are in no training: for any lag of the register."""
    as_ofs = tuple(study.months_after(date(2016, 3, 31), 3 * k) for k in range(33))
    matured_on = {a: study.months_after(a, 12) + timedelta(days=lag) for a in as_ofs}
    config = folds.Config(origins=None, folds=3, test_months=12, training_months=60, calibration_months=calibration)
    plan = folds.chop(as_ofs, matured_on, config)
    assert len(plan) == 3
    for fold in plan:
        learnt = {*fold.train_as_ofs, *fold.calibrate_as_ofs}
        assert max(matured_on[a] for a in learnt) <= fold.origin == min(fold.test_as_ofs)
        assert not learnt & set(fold.test_as_ofs)
        assert not set(fold.train_as_ofs) & set(fold.calibrate_as_ofs)
    final = folds.final(as_ofs, matured_on, as_ofs[-1], config)
    assert max(matured_on[a] for a in (*final.train_as_ofs, *final.calibrate_as_ofs)) <= as_ofs[-1]


# --- what ingestion stops --------------------------------------------------------------------------------------------


BEYOND = {"kpm": "status_graduasi", "welfare": "status_graduasi", "membership": "exit_reason_final",
          "cases": "hasil_verifikasi", "members": "tanggal_graduasi", "payments": "stopped_because"}  # fmt: skip


def test_columns_beyond_the_contract_are_told_and_left_out(engine, tmp_path):
    """Also of welfare, whose further columns must be declared with their meaning before they are read."""
    extract = spoiling.sound()
    extract["cases"] = [
        {"kpm_id": k["kpm_id"], "case_id": f"C{i}", "reported_on": "2024-01-05", "reporter": "citizen",
         "kind": "complaint", "status": "open", "recorded_on": "2024-01-09"} for i, k in enumerate(extract["kpm"])
    ]  # fmt: skip
    folder = spoiling.write_csv(tmp_path / "extract", extract)
    for table, column in BEYOND.items():
        file = folder / f"{table}.csv"
        head, *lines = file.read_text(encoding="utf-8").splitlines()
        told = [f"{line},{i % 2}" for i, line in enumerate(lines)]
        file.write_text("\n".join([f"{head},{column}", *told]) + "\n", encoding="utf-8")
    notices = landing.read(engine, files.open_extract(folder, ())).notices
    checked = spoiling.check(engine, folder)
    for table, column in BEYOND.items():
        assert any(table in notice and column in notice for notice in notices)
        assert set(checked.accepted[table].columns) == {c.name for c in TABLES[table].columns() if not c.pii}


def test_an_extract_dated_before_its_own_records_is_refused(engine, tmp_path):
    folder = spoiling.write_csv(tmp_path, spoiling.sound())
    spoiling.write_card(folder, 'extracted_on: "2024-01-25"\nname: early\n')
    with pytest.raises(BadInput, match="recorded_after_extraction in recorded_on"):
        ingest.verdict(ingest.tally(spoiling.check(engine, folder)), spoiling.CONFIG)


def test_rows_that_know_better_later_are_quarantined(engine, tmp_path):
    """Entered after the extract was taken; the same key once more after an exit, where the row recorded first stands;
    a family registered twice, which could stand in training under one row and in the test under the other."""
    extract = spoiling.sound()
    better = {"recorded_on": "2025-03-01", "monthly_income": "9000000"}
    extract["welfare"] += [row | better for row in extract["welfare"]]
    extract["members"][0]["recorded_on"] = "2025-07-01"
    extract["kpm"] += [extract["kpm"][0] | {"recorded_on": "2024-05-01"}]
    checked = spoiling.check(engine, spoiling.write_csv(tmp_path, extract))
    assert {r["monthly_income"] for r in spoiling.lists(checked.accepted["welfare"])} == {1_500_000}
    assert {r["rule"] for r in spoiling.lists(checked.rejected["welfare"])} == {"duplicate_key"}
    assert [r["rule"] for r in spoiling.lists(checked.rejected["members"])] == ["recorded_after_extraction"]
    ids = [r["kpm_id"] for r in spoiling.lists(checked.accepted["kpm"])]
    assert len(ids) == len(set(ids)) == spoiling.FAMILIES


def test_swapped_clocks_are_refused(engine, tmp_path):
    """Surveys seen on 20 January and entered on 1 February, with the two columns exchanged: 30 of 30 rows."""
    extract = spoiling.sound()
    for row in extract["welfare"]:
        row["observed_on"], row["recorded_on"] = row["recorded_on"], row["observed_on"]
    checked = spoiling.check(engine, spoiling.write_csv(tmp_path, extract))
    with pytest.raises(BadInput) as refused:
        ingest.clocked(ingest.read_clocks(checked), spoiling.CONFIG)
    assert str(refused.value).splitlines() == [
        "welfare: 30 of 30 rows have a recorded_on before their observed_on (100.0%, allowed 20.0%); "
        "are the two columns swapped?",
        "mend the export, or raise max_early_share in configs/ingest.yaml",
    ]


@pytest.mark.parametrize(("early", "refused"), [(6, False), (7, True)])
def test_a_few_slips_are_no_swap(engine, tmp_path, early, refused):
    """Allowed is a share of 0.2: 6 of 30 rows, and not 7."""
    extract = spoiling.sound()
    for row in extract["welfare"][:early]:
        row["recorded_on"] = "2024-01-19"
    checked = spoiling.check(engine, spoiling.write_csv(tmp_path, extract))
    if refused:
        with pytest.raises(BadInput, match="7 of 30 rows"):
            ingest.clocked(ingest.read_clocks(checked), spoiling.CONFIG)
    else:
        assert not [
            line for line in ingest.clocked(ingest.read_clocks(checked), spoiling.CONFIG) if "before their" in line
        ]


def test_a_second_clock_that_says_nothing_is_told(engine, tmp_path):
    """Rosters: all entered on one day. Surveys: entered on the very day of the visit, 29 of 30."""
    extract = spoiling.sound()
    for i, row in enumerate(extract["welfare"]):
        row["observed_on"] = f"2024-01-{i % 28 + 1:02d}"
        row["recorded_on"] = row["observed_on"] if i else "2024-03-01"
    told = ingest.clocked(
        ingest.read_clocks(spoiling.check(engine, spoiling.write_csv(tmp_path, extract))), spoiling.CONFIG
    )
    assert any(line.startswith("welfare: recorded_on is observed_on itself in 29 of 30 rows") for line in told)
    assert any(line.startswith("members: recorded_on is one and the same day in all rows") for line in told)
    assert not any("one and the same day" in line for line in told if line.startswith("welfare"))


# --- a second clock that lies: what the crowd betrays ----------------------------------------------------------------


def loaded(engine, world, name):
    return {n: stored(engine, f"{name}_{n}", world.tables[n].drop_columns(pii(n))) for n in WRITTEN}


LIES = {"families": 1500, "exits": {"gsm": {2017: 0.05}, "quotas": {2017: None}}}
HONEST = {"traces": {"letters": 1.0, "surveys": 1.0, "grants_share": 1.0, "recorded_early": 0.0}}


@pytest.fixture(scope="module")
def lying(engine):
    """The world `leaky`, smaller: half of the traces of a graduation are recorded before it."""
    return loaded(engine, simulated.build(simulated.SMALL, simulated.changes_of("leaky"), LIES), "lying")


@pytest.fixture(scope="module")
def truthful(engine):
    """The same traces, all dated before the exit, none recorded before it."""
    return loaded(engine, simulated.build(simulated.SMALL, simulated.changes_of("leaky"), LIES, HONEST), "truthful")


def test_traces_recorded_early_are_found_by_their_surge(lying):
    found = {(s["table"], s["name"]): s for s in leaks.surges(lying, CONFIG)}
    assert {("cases", "resignation_letter"), ("welfare", "visit")} <= set(found)
    assert all(s["lower"] > CONFIG.surge_ratio and s["seen"] > s["expected"] for s in found.values())


def test_the_same_traces_recorded_after_the_exit_raise_no_alarm(truthful):
    assert leaks.surges(truthful, CONFIG) == []


def test_a_source_that_begins_shortly_before_many_exits_is_no_surge(truthful):
    """A new register: the families that never graduate enter it as well, so the calendar explains it."""
    kpm = truthful["kpm"]
    begun = [date(2024, 10, 15) + timedelta(days=20 * k) for k in range(10)]
    checks = ibis.union(*[kpm.select("kpm_id", checked_on=ibis.literal(d), matched=ibis.literal(True),
                                     alive=ibis.literal(True), duplicate=ibis.literal(False),
                                     recorded_on=ibis.literal(d)) for d in begun])  # fmt: skip
    assert leaks.surges(truthful | {"identity_checks": checks}, CONFIG) == []


def test_a_surge_is_judged_by_its_lower_bound():
    """15 near and 10 usual where a twelfth of the usual is expected: odds 1.5 against 1/12, ratio 18.

    With 9 near there are fewer than min_entries; with 1 near for 10 expected 0.83 nothing is unusual.
    """
    counted = {"table": "cases", "name": "letter", "far": 10.0, "share": 1 / 13}
    found = leaks._surge(counted | {"near": 15.0}, 0.001, CONFIG)
    assert found["expected"] == pytest.approx(10 / 12)
    assert 2 < found["lower"] < 18
    assert leaks._surge(counted | {"near": 9.0}, 0.001, CONFIG) is None
    assert leaks._surge(counted | {"near": 12.0, "far": 140.0}, 0.001, CONFIG) is None


def judged(seed, leak):
    """4,000 rows, 200 graduates, one in ten of them within a month; `honest` is higher for all of them alike."""
    rng = np.random.default_rng(seed)
    label = np.arange(4000) < 200
    soon = np.arange(4000) < 20
    days = np.where(label, np.where(soon, 15, 200), 0)
    honest = rng.normal(size=4000) + 0.8 * label
    return pd.DataFrame(
        {
            "as_of": pd.Timestamp("2024-03-31"),
            "outcome_on": (pd.Timestamp("2024-03-31") + pd.to_timedelta(days, "D")).where(label),
            "label": label.astype(int),
            "honest": honest,
            "flag": np.where(rng.random(4000) < 0.05, 1.0, np.nan),
            "leak": leak(rng, label, soon),
        }
    )


SCORED = {"honest": "welfare", "flag": "cases", "leak": "programmes"}


@pytest.mark.parametrize("seed", range(5))
def test_honest_features_raise_no_alarm(seed):
    rows = judged(seed, lambda rng, label, soon: np.round(rng.normal(size=4000) + 1.2 * label, 1))
    assert list(leaks.feature_signs(rows, SCORED, CONFIG)) == []


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("unknown", [0.0, np.nan])
def test_a_declared_column_that_is_the_label_is_found(seed, unknown):
    """True for nineteen graduates in twenty, else unsaid: the AUC of it alone is 0.975."""
    rows = judged(seed, lambda rng, label, soon: np.where(label & (rng.random(4000) < 0.95), 1.0, unknown))
    (found,) = (s for s in leaks.feature_signs(rows, SCORED, CONFIG) if s["sign"] == "ceiling")
    assert (found["table"], found["name"]) == ("programmes", "leak")
    assert found["seen"] == pytest.approx(0.975, abs=0.02)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_feature_that_knows_only_the_next_month_is_found(sign):
    """High for half of those who leave within a month, for nobody else more than usual; or low, the same."""
    rows = judged(1, lambda rng, label, soon: sign * (rng.normal(size=4000) + 9 * (soon & (rng.random(4000) < 0.5))))
    (found,) = leaks.feature_signs(rows, SCORED, CONFIG)
    assert (found["sign"], found["name"]) == ("haste", "leak")
    assert found["seen"] > 0.3 > found["expected"]


def test_too_few_graduates_prove_nothing():
    rows = judged(1, lambda rng, label, soon: label.astype(float)).iloc[195:]
    assert list(leaks.feature_signs(rows, SCORED, CONFIG)) == []


def test_a_suspicion_turns_the_verdict_and_is_named(truthful):
    rows = judged(1, lambda rng, label, soon: label.astype(float))
    found = leaks.find(truthful, rows, SCORED, CONFIG)
    assert list(found) == leaks.COLUMNS
    sound = {"verdict": evaluate.DEPLOY, "champion": "lightgbm"}
    told = leaks.judge(sound, found, evaluate.DO_NOT_DEPLOY)
    assert told["verdict"] == evaluate.DO_NOT_DEPLOY
    assert told["leaks"] == ["leak alone ranks later years with an AUC of 1.000"]
    assert leaks.judge(sound, found.iloc[:0], evaluate.DO_NOT_DEPLOY) == sound | {"leaks": []}


def test_a_surge_is_told_in_words(lying):
    rows = judged(1, lambda rng, label, soon: np.zeros(4000))
    told = leaks.told(leaks.find(lying, rows, SCORED, CONFIG))
    assert any("cases, resignation_letter" in line and "would be usual" in line for line in told)


# --- the benchmark's analyst -----------------------------------------------------------------------------------------


def test_the_analyst_looks_at_both_clocks(extract):
    """Whom the model is compared with must not cheat either: the future taken away changes none of the features."""

    def analysed(tables):
        with duckdb.connect() as connection:
            for name, table in tables.items():
                connection.register(name, table)
            return connection.sql(ANALYST.replace("$t", f"DATE '{AS_OF}'")).to_arrow_table()

    told = analysed(extract.tables)
    assert told.num_rows == extract.sound["features"].num_rows
    assert 60 <= told.num_columns <= 90
    assert told.equals(analysed(truncated(extract)))
