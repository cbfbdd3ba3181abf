"""Every row accepted, or quarantined with position, column, rule and a masked value; a plain second version agrees."""

import re
from collections import Counter, defaultdict
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import spoiling
from spoiling import ANY_SHARE, CONFIG, EXTRACTED_ON, FAMILIES, check, lists, sound, write_csv, write_parquet

from pipeline import ingest
from pipeline.errors import BadInput
from pipeline.rules import GENTLE
from pipeline.tables import TABLES, Column

FURTHER = {
    "programmes": {"programme": "PENA", "started_on": "2023-01-01", "recorded_on": "2024-02-01"},
    "cases": {"reported_on": "2023-03-01", "reporter": "tksk", "kind": "illness", "status": "open",
              "recorded_on": "2024-02-01"},
    "assignments": {"facilitator_id": "F1", "valid_from": "2022-01-01"},
    "follow_up": {"observed_from": "2022-01-01", "observed_to": "2024-12-31"},
    "commitments": {"member_id": "M1", "component": "sd", "quarter": "2023Q4", "recorded_on": "2024-02-01"},
    "sessions": {"held_on": "2023-05-05", "module": "economy", "attendance": "present", "recorded_on": "2024-02-01"},
    "identity_checks": {"checked_on": "2023-06-01", "matched": "true", "recorded_on": "2024-02-01"},
}  # fmt: skip

# table, what is written into one sound row, and what must be found in it: (rule, column, value as shown)
CASES = [
    ("kpm", {"kpm_id": ""}, [("not_null", "kpm_id", None)]),
    ("kpm", {"kpm_id": "3.2E+15"}, [("spoilt_identifier", "kpm_id", "3.2E+15")]),
    ("kpm", {"kpm_id": "920201.0"}, [("spoilt_identifier", "kpm_id", "920201.0")]),
    ("kpm", {"kpm_id": "nan"}, [("spoilt_identifier", "kpm_id", "nan")]),
    ("kpm", {"kpm_id": "#N/A"}, [("spoilt_identifier", "kpm_id", "#N/A")]),
    ("kpm", {"enrolled_on": "15/01/2020"}, [("not_a_date", "enrolled_on", "15/01/2020")]),
    ("kpm", {"enrolled_on": "2020-02-30"}, [("not_a_date", "enrolled_on", "2020-02-30")]),
    ("kpm", {"enrolled_on": "20200115"}, [("not_a_date", "enrolled_on", "20200115")]),
    ("kpm", {"enrolled_on": "43845"}, [("not_a_date", "enrolled_on", "43845")]),
    ("kpm", {"enrolled_on": "1899-12-31"}, [("implausible_date", "enrolled_on", "1899-12-31")]),
    ("kpm", {"village_code": "920201001"}, [("pattern", "village_code", "920201001")]),
    ("kpm", {"village_code": "9.202E+09"}, [("spoilt_identifier", "village_code", "9.202E+09")]),
    ("kpm", {"village_code": "Siti Aminah"}, [("pattern", "village_code", "11 characters")]),
    ("kpm", {"village_code": "9202014503850003"}, [("pattern", "village_code", "16 digits")]),
    ("kpm", {"caretaker_sex": "P"}, [("not_in_list", "caretaker_sex", "P")]),
    ("kpm", {"urban": "ya"}, [("not_true_or_false", "urban", "ya")]),
    ("kpm", {"caretaker_birth_date": "2024-02-02"}, [("born_in_the_future", "caretaker_birth_date", "2024-02-02")]),
    ("kpm", {"recorded_on": "2025-07-01"}, [("recorded_after_extraction", "recorded_on", "2025-07-01")]),
    ("kpm", {"caretaker_name": "Ibu\nK31"}, [("control_character", "caretaker_name", "7 characters")]),
    ("members", {"birth_date": "2024-02-02"}, [("born_in_the_future", "birth_date", "2024-02-02")]),
    ("members", {"valid_to": "2020-01-14"}, [("ends_before_it_starts", "valid_to", "2020-01-14")]),
    ("members", {"valid_to": "9999-12-31"}, [("implausible_date", "valid_to", "9999-12-31")]),
    ("members", {"member_id": "1E+05"}, [("spoilt_identifier", "member_id", "1E+05")]),
    ("members", {"member_id": "9202014503850000"}, [("personal_number", "member_id", "16 digits")]),
    ("members", {"relation": "anak", "sex": "f"}, [("not_in_list", "relation", "anak"), ("not_in_list", "sex", "f")]),
    ("members", {"kpm_id": "K99"}, [("unknown_family", "kpm_id", "K99")]),
    ("welfare", {"monthly_income": "1.500.000"}, [("not_a_whole_number", "monthly_income", "1.500.000")]),
    ("welfare", {"monthly_income": "1,500,000"}, [("not_a_whole_number", "monthly_income", "1,500,000")]),
    ("welfare", {"monthly_income": "1.500"}, [("not_a_whole_number", "monthly_income", "1.500")]),
    ("welfare", {"monthly_income": "2,5"}, [("not_a_whole_number", "monthly_income", "2,5")]),
    ("welfare", {"monthly_income": "2.5"}, [("not_a_whole_number", "monthly_income", "2.5")]),
    ("welfare", {"monthly_income": "1e6"}, [("not_a_whole_number", "monthly_income", "1e6")]),
    ("welfare", {"monthly_income": "Rp 100"}, [("not_a_whole_number", "monthly_income", "Rp 100")]),
    ("welfare", {"monthly_income": "9" * 19}, [("not_a_whole_number", "monthly_income", "19 digits")]),
    ("welfare", {"monthly_income": "-1"}, [("minimum", "monthly_income", "-1")]),
    ("welfare", {"national_decile": "11"}, [("maximum", "national_decile", "11")]),
    ("welfare", {"national_decile": "0"}, [("minimum", "national_decile", "0")]),
    ("welfare", {"floor_area_m2": "36,5"}, [("not_a_number", "floor_area_m2", "36,5")]),
    ("welfare", {"floor_area_m2": "nan"}, [("not_a_number", "floor_area_m2", "nan")]),
    ("welfare", {"floor_area_m2": "inf"}, [("not_a_number", "floor_area_m2", "inf")]),
    ("welfare", {"smartphone": "2"}, [("not_true_or_false", "smartphone", "2")]),
    ("payments", {"period": "2024-13"}, [("impossible_period", "period", "2024-13")]),
    ("payments", {"period": "2024-00"}, [("impossible_period", "period", "2024-00")]),
    ("payments", {"period": "2024Q5"}, [("pattern", "period", "2024Q5")]),
    ("payments", {"period": "0024Q1"}, [("impossible_period", "period", "0024Q1")]),
    ("payments", {"amount": ""}, [("not_null", "amount", None)]),
    ("payments", {"amount": " "}, [("not_null", "amount", None)]),
    ("payments", {"programme": "pkh"}, [("not_in_list", "programme", "pkh")]),
    ("payments", {"recorded_on": "2025-07-01", "status": "sent"},
     [("not_in_list", "status", "sent"), ("recorded_after_extraction", "recorded_on", "2025-07-01")]),
    ("membership", {"event": "exited", "effective_on": "2020-01-14"},
     [("exit_before_enrolment", "effective_on", "2020-01-14")]),
    ("membership", {"reason": "GSM"}, [("not_in_list", "reason", "GSM")]),
    ("programmes", {"ended_on": "2022-12-31"}, [("ends_before_it_starts", "ended_on", "2022-12-31")]),
    ("cases", {"closed_on": "2023-02-28"}, [("ends_before_it_starts", "closed_on", "2023-02-28")]),
    ("cases", {"case_id": "1.23E+15"}, [("spoilt_identifier", "case_id", "1.23E+15")]),
    ("assignments", {"valid_to": "2021-12-31"}, [("ends_before_it_starts", "valid_to", "2021-12-31")]),
    ("assignments", {"facilitator_id": "123.0"}, [("spoilt_identifier", "facilitator_id", "123.0")]),
    ("follow_up", {"observed_to": "2021-12-31"}, [("ends_before_it_starts", "observed_to", "2021-12-31")]),
    ("commitments", {"quarter": "2023-12"}, [("pattern", "quarter", "2023-12")]),
    ("sessions", {"held_on": ""}, [("not_null", "held_on", None)]),
    ("identity_checks", {"matched": ""}, [("not_null", "matched", None)]),
]  # fmt: skip

# Values that have one meaning only are read, whatever wrote them.
READ = [
    ("welfare", {"monthly_income": "3.0"}, ("monthly_income", 3)),
    ("welfare", {"monthly_income": " 1500000 "}, ("monthly_income", 1_500_000)),
    ("welfare", {"monthly_income": ""}, ("monthly_income", None)),
    ("welfare", {"floor_area_m2": "5e-05"}, ("floor_area_m2", 0.00005)),
    ("welfare", {"smartphone": "True"}, ("smartphone", True)),
    ("welfare", {"smartphone": "t"}, ("smartphone", True)),
    ("welfare", {"smartphone": "1"}, ("smartphone", True)),
    ("welfare", {"smartphone": "False"}, ("smartphone", False)),
    ("welfare", {"smartphone": "f"}, ("smartphone", False)),
    ("welfare", {"smartphone": "0.0"}, ("smartphone", False)),
    ("welfare", {"observed_on": "2024-01-20 00:00:00"}, ("observed_on", date(2024, 1, 20))),
    ("kpm", {"village_code": "0000000000"}, ("village_code", "0000000000")),
    ("members", {"valid_to": "2020-01-15"}, ("valid_to", date(2020, 1, 15))),
    ("members", {"birth_date": "2024-02-01"}, ("birth_date", date(2024, 2, 1))),
    ("membership", {"event": "exited", "effective_on": "2020-01-15"}, ("event", "exited")),
]


def with_cases(cases) -> tuple[spoiling.Rows, list[int]]:
    """The sound extract and one more family per case, with one row in every table; the position of each case's row."""
    extract = sound() | {name: [] for name in FURTHER}
    for number, (table, change, _) in enumerate(cases):
        family = f"C{number:02d}"
        for name in extract:
            row = FURTHER.get(name) or sound()[name][0]
            row = row | {"kpm_id": family} | ({"case_id": f"case {family}"} if name == "cases" else {})
            extract[name].append(row | change if name == table else row)
    start = {name: 0 if name in FURTHER else FAMILIES for name in extract}
    return extract, [start[table] + number + 1 for number, (table, _, _) in enumerate(cases)]


@pytest.fixture(scope="module")
def spoilt(engine, tmp_path_factory):
    extract, rows = with_cases(CASES)
    checked = check(engine, write_csv(tmp_path_factory.mktemp("spoilt"), extract))
    found = {name: defaultdict(list) for name in checked.rejected}
    for name, table in checked.rejected.items():
        for line in lists(table):
            found[name][line["row"]].append(line)
    return extract, rows, checked, found


@pytest.mark.parametrize("number", range(len(CASES)), ids=lambda n: f"{CASES[n][0]}-{'-'.join(CASES[n][1])}-{n}")
def test_a_spoilt_row_is_quarantined_with_position_column_rule_and_value(spoilt, number):
    _, rows, _, found = spoilt
    table, _, expected = CASES[number]
    told = [(line["rule"], line["column"], line["value"]) for line in found[table][rows[number]]]
    assert sorted(told, key=str) == sorted(expected, key=str)


def test_every_row_is_accepted_or_quarantined_and_never_both(spoilt):
    extract, _, checked, found = spoilt
    for name, rows in extract.items():
        kept = checked.accepted[name].count().to_pyarrow().as_py()
        assert kept + len(found[name]) == len(rows)


def test_only_the_spoilt_rows_and_the_rows_of_rejected_families_go(spoilt):
    checked = spoilt[2]
    per_table = Counter(table for table, _, _ in CASES)
    tallies = {t.table: t for t in ingest.tally(checked)}
    # five cases spoil a family's identifier in kpm: its rows elsewhere name a family that kpm never names, which is
    # a rejection of their own; the other fourteen rejected families take their rows with them, uncounted
    assert {name: t.rejected for name, t in tallies.items()} == {
        name: per_table[name] + (0 if name == "kpm" else 5) for name in tallies
    }
    assert {name: t.cascaded for name, t in tallies.items()} == dict.fromkeys(tallies, 14) | {"kpm": 0}


def test_messages_name_the_file_and_what_was_expected(spoilt):
    found = spoilt[3]
    assert all(
        line["message"].startswith(f"{name}.csv: ")
        for name in found
        for lines in found[name].values()
        for line in lines
    )
    (told,) = found["payments"][
        spoilt[1][CASES.index(("payments", {"period": "2024-13"}, [("impossible_period", "period", "2024-13")]))]
    ]
    assert told["message"] == "payments.csv: period must be a quarter or month that exists"


def test_quarantine_has_the_columns_of_the_contract_and_canonical_no_personal_one(spoilt):
    checked = spoilt[2]
    for name in TABLES:
        assert checked.rejected[name].columns == ("row", "rule", "column", "value", "message")
        assert list(checked.accepted[name].columns) == [c.name for c in TABLES[name].columns() if not c.pii]


def test_canonical_rows_are_sorted_by_key(spoilt):
    for name, table in spoilt[2].accepted.items():
        keys = [tuple(row[k] for k in TABLES[name].key) for row in lists(table)]
        assert keys == sorted(keys)


def test_a_value_with_one_meaning_is_read(engine, tmp_path):
    extract, _ = with_cases(READ)
    checked = check(engine, write_csv(tmp_path, extract))
    assert all(t.rejected == 0 for t in ingest.tally(checked))
    for number, (table, _, (column, value)) in enumerate(READ):
        (row,) = [r for r in lists(checked.accepted[table]) if r["kpm_id"] == f"C{number:02d}"]
        assert row[column] == value, (table, column)


# --- families, identities, repetition --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def troubled(engine, tmp_path_factory):
    """Rejected family K01, odd identity numbers, repeated rows: several stories in one extract."""
    extract = sound()
    extract["kpm"][1]["village_code"] = "12"
    extract["kpm"][2]["caretaker_nik"] = "3.2E+15"
    extract["kpm"][3]["family_card_no"] = "123"
    extract["members"][4]["nik"] = "3203015409820000.0"
    extract["members"].append(extract["members"][5] | {"valid_from": "2021-01-01", "nik": "9202014503859999"})
    first = extract["welfare"][6]
    extract["welfare"].append(dict(first))
    extract["welfare"].append(first | {"monthly_income": "7", "recorded_on": "2024-01-25"})
    extract["welfare"].append(first | {"monthly_income": "8", "recorded_on": "2024-03-25"})
    extract["kpm"].append(extract["kpm"][7] | {"village_code": "3204010001"})
    return check(engine, write_csv(tmp_path_factory.mktemp("troubled"), extract))


def test_rows_of_a_rejected_family_go_with_it_and_do_not_count_against_their_table(troubled):
    tallies = {t.table: t for t in ingest.tally(troubled)}
    for name in ("members", "payments", "membership"):
        assert (tallies[name].rejected, tallies[name].cascaded) == (0, 1)
        (told,) = [r for r in lists(troubled.rejected[name]) if r["rule"] == "unknown_family"]
        assert (told["row"], told["column"], told["value"]) == (2, "kpm_id", "K01")
        assert told["message"].endswith("the family's own row was rejected")


def test_a_malformed_identity_number_is_set_aside_and_the_family_stays(troubled):
    told = {(r["row"], r["rule"], r["column"], r["value"]) for r in lists(troubled.rejected["kpm"])}
    assert {
        (3, "spoilt_identifier", "caretaker_nik", "7 characters"),
        (4, "pattern", "family_card_no", "3 digits"),
    } <= told
    assert {"K02", "K03", "K04"} <= {r["kpm_id"] for r in lists(troubled.accepted["kpm"])}
    identity = {(r["kpm_id"], r["member_id"]): r for r in lists(troubled.identity)}
    assert identity["K02", None]["nik"] is None
    assert identity["K02", None]["family_card_no"] == "9202010101850002"
    assert identity["K03", None] == {
        "kpm_id": "K03", "member_id": None, "nik": "9202014503850003", "family_card_no": None, "name": "Ibu K03"
    }  # fmt: skip
    assert identity["K04", "M1"]["nik"] is None
    tallies = {t.table: t for t in ingest.tally(troubled)}
    assert (tallies["kpm"].set_aside, tallies["members"].set_aside) == (2, 1)


def test_identity_has_one_row_a_person_with_the_number_known_last(troubled):
    rows = lists(troubled.identity)
    assert len({(r["kpm_id"], r["member_id"]) for r in rows}) == len(rows) == 29 + 29
    (member,) = [r for r in rows if (r["kpm_id"], r["member_id"]) == ("K05", "M1")]
    assert member["nik"] == "9202014503859999"


def test_of_a_repeated_key_the_row_recorded_first_stands(troubled):
    told = {
        r["row"]: (r["rule"], r["column"], r["value"]) for r in lists(troubled.rejected["welfare"]) if r["row"] != 2
    }
    key = ("kpm_id, observed_on", "K06, 2024-01-20")
    # row 32 was recorded on 25 January, before rows 7, 31 (1 February) and 33 (25 March)
    assert told == dict.fromkeys((7, 31, 33), ("duplicate_key", *key))
    (kept,) = [r for r in lists(troubled.accepted["welfare"]) if r["kpm_id"] == "K06"]
    assert kept["monthly_income"] == 7


def test_of_two_equal_rows_the_first_stands_and_a_family_told_twice_keeps_its_first_village(engine, tmp_path, troubled):
    extract = sound()
    extract["payments"].insert(0, dict(extract["payments"][9]))
    checked = check(engine, write_csv(tmp_path, extract))
    (told,) = lists(checked.rejected["payments"])
    assert (told["row"], told["rule"], told["value"]) == (11, "duplicate_row", "K09, PKH, 2024Q1")
    (village,) = [r["village_code"] for r in lists(troubled.accepted["kpm"]) if r["kpm_id"] == "K07"]
    assert village == "9202010001"


def test_a_late_record_never_removes_what_was_known_before(engine, tmp_path):
    """The reason for keeping the first: the rows known on a day are the same with and without a later correction."""
    corrected = sound()
    corrected["membership"].append(corrected["membership"][0] | {"reason": "other", "recorded_on": "2025-01-01"})

    def known(extract, folder):
        rows = lists(check(engine, write_csv(folder, extract)).accepted["membership"])
        return [r for r in rows if r["recorded_on"] <= date(2024, 6, 30)]

    assert known(sound(), tmp_path / "a") == known(corrected, tmp_path / "b")


# --- the same extract in other clothes -------------------------------------------------------------------------------


def as_bytes(checked) -> dict[str, list[dict[str, object]]]:
    return {name: lists(table) for name, table in checked.accepted.items()} | {"identity": lists(checked.identity)}


@pytest.fixture(scope="module")
def plain(engine, tmp_path_factory):
    return as_bytes(check(engine, write_csv(tmp_path_factory.mktemp("plain"), sound())))


@pytest.mark.parametrize("writer", ["semicolon", "quoted", "gzip", "parquet", "parts"])
def test_the_format_of_the_files_changes_nothing(engine, tmp_path, plain, writer):
    writers = {
        "semicolon": lambda: write_csv(tmp_path, sound(), delimiter=";"),
        "quoted": lambda: write_csv(tmp_path, sound(), quoting=1),
        "gzip": lambda: spoiling.write_gzip(tmp_path, sound()),
        "parquet": lambda: write_parquet(tmp_path, sound()),
        "parts": lambda: in_parts(tmp_path),
    }
    assert as_bytes(check(engine, writers[writer]())) == plain


def in_parts(folder):
    """payments as a folder of two files, the second with every column as text."""
    write_parquet(folder, sound())
    whole = spoiling.arrow("payments", sound()["payments"])
    (folder / "payments.parquet").unlink()
    (folder / "payments.parquet").mkdir()
    (folder / "payments.parquet" / "_SUCCESS").touch()
    pq.write_table(whole.slice(0, 10), folder / "payments.parquet" / "part-0.parquet")
    texts = pa.table({n: whole[n].cast(pa.string()) for n in whole.column_names}).slice(10)
    pq.write_table(texts, folder / "payments.parquet" / "part-1.parquet")
    return folder


def test_positions_in_a_table_of_parts_are_within_the_part_that_the_message_names(engine, tmp_path):
    folder = in_parts(tmp_path)
    part = folder / "payments.parquet" / "part-1.parquet"
    table = pq.read_table(part)
    amounts = ["1.500.000", *table["amount"].to_pylist()[1:]]
    at = table.schema.get_field_index("amount")
    pq.write_table(table.set_column(at, "amount", pa.array(amounts)), part)
    (told,) = lists(check(engine, folder).rejected["payments"])
    assert (told["row"], told["rule"]) == (1, "not_a_whole_number")
    assert told["message"].startswith("payments.parquet/part-1.parquet: amount must be")


def test_types_that_parquet_writers_choose_are_read_or_refused_like_text(engine, tmp_path):
    write_parquet(tmp_path, sound())
    table = spoiling.arrow("welfare", sound()["welfare"])
    days = [date(2024, 1, 20)] * FAMILIES
    noon = pa.array([86_400_000 * 19_742 + (43_200_000 if i == 3 else 0) for i in range(FAMILIES)], pa.timestamp("ms"))
    columns = {
        "observed_on": noon,  # 2024-01-20 is day 19,742 after 1970-01-01; the fourth is at noon
        "recorded_on": pa.array(days).cast(pa.timestamp("ns")).cast(pa.timestamp("ns", "UTC")),  # as pandas has them
        "monthly_income": pa.array([1.5 if i == 4 else float("nan") if i == 5 else 7.0 for i in range(FAMILIES)]),
        "floor_area_m2": pa.array([float("inf") if i == 6 else 36.0 for i in range(FAMILIES)]),
        "national_decile": pa.array([11 if i == 7 else 3 for i in range(FAMILIES)], pa.uint8()),
        "smartphone": pa.array([2 if i == 8 else i % 2 for i in range(FAMILIES)]),
        "motorcycles": pa.array([2.0**60 if i == 9 else 1.0 for i in range(FAMILIES)]),
        "business_turnover": pa.array([1500] * FAMILIES).cast(pa.decimal128(21, 2)),
        "cars": pa.nulls(FAMILIES),
        "gold": pa.nulls(FAMILIES, pa.float64()),
    }  # fmt: skip
    for name, values in columns.items():
        table = table.set_column(table.schema.get_field_index(name), name, values)
    pq.write_table(table, tmp_path / "welfare.parquet")
    checked = check(engine, tmp_path)
    told = {(r["row"], r["rule"], r["column"]) for r in lists(checked.rejected["welfare"])}
    assert told == {
        (4, "not_a_date", "observed_on"), (5, "not_a_whole_number", "monthly_income"),
        (7, "not_a_number", "floor_area_m2"), (8, "maximum", "national_decile"),
        (9, "not_true_or_false", "smartphone"), (10, "not_a_whole_number", "motorcycles"),
    }  # fmt: skip
    first, nan = (r for r in lists(checked.accepted["welfare"]) if r["kpm_id"] in ("K00", "K05"))
    assert (first["observed_on"], first["monthly_income"], first["business_turnover"]) == (date(2024, 1, 20), 7, 1500)
    assert (first["smartphone"], first["cars"], first["gold"], nan["monthly_income"]) == (False, None, None, None)


def test_declared_columns_of_welfare_are_checked_and_kept_and_others_left(engine, tmp_path):
    write_parquet(tmp_path, sound())
    table = spoiling.arrow("welfare", sound()["welfare"])
    rooms = pa.array([0 if i == 2 else 3 for i in range(FAMILIES)])
    pq.write_table(table.append_column("rooms", rooms).append_column("note", rooms), tmp_path / "welfare.parquet")
    checked = check(engine, tmp_path, welfare=(Column("whole", "rooms", minimum=1, name="rooms"),))
    assert checked.accepted["welfare"].columns[-1] == "rooms"
    assert [(r["row"], r["rule"], r["column"]) for r in lists(checked.rejected["welfare"])] == [(3, "minimum", "rooms")]


# --- the verdict -----------------------------------------------------------------------------------------------------


def tallied(**counts) -> ingest.Tally:
    return ingest.Tally(**{
        "table": "payments", "rows": 100, "rejected": 0, "cascaded": 0, "set_aside": 0, "rule": "minimum",
        "column": "amount", "example": "payments.csv row 7",
    } | counts)  # fmt: skip


@pytest.mark.parametrize(
    ("counts", "refused"),
    [
        ({"rejected": 5}, False),  # 5 of 100 is the allowed share
        ({"rejected": 6}, True),
        ({"rejected": 0, "cascaded": 60, "set_aside": 40}, False),
        ({"rows": 19, "rejected": 18}, False),  # fewer than 20 rows: judged row by row
        ({"rows": 20, "rejected": 2}, True),
        ({"rows": 3, "rejected": 3}, True),  # nothing left
        ({"rows": 0}, False),
        ({"table": "kpm", "rows": 0}, True),
        ({"table": "membership", "rows": 0}, True),
    ],
)
def test_a_table_is_refused_above_its_share(counts, refused):
    if refused:
        with pytest.raises(BadInput, match=rf"^{tallied(**counts).table}: "):
            ingest.verdict([tallied(**counts)], CONFIG)
    else:
        ingest.verdict([tallied(**counts)], CONFIG)


def test_the_refusal_names_table_share_rule_column_and_an_example(engine, tmp_path):
    extract = sound()
    for row in extract["payments"][3:9]:
        row["amount"] = "1.500.000"
    extract["payments"][20]["status"] = "sent"
    tallies = ingest.tally(check(engine, write_csv(tmp_path, extract)))
    with pytest.raises(BadInput) as told:
        ingest.verdict(tallies, CONFIG)
    # 7 of 30 = 23.3 %
    assert str(told.value).splitlines() == [
        "payments: 7 of 30 rows rejected (23.3%, allowed 5.0%); most often not_a_whole_number in amount, "
        "for example payments.csv row 4",
        "mend the export, or raise max_rejected_share in configs/ingest.yaml",
    ]


@pytest.mark.parametrize(("bad", "example"), [((5, 2), "part-0.parquet row 5"), ((4, 4), "part-0.parquet row 4")])
def test_of_a_table_in_parts_the_example_is_the_first_of_the_first_part(engine, tmp_path, bad, example):
    """Rows are counted in each part anew: row 2 of the second part comes after row 5 of the first."""
    write_parquet(tmp_path, sound())
    (tmp_path / "payments.parquet").unlink()
    (tmp_path / "payments.parquet").mkdir()
    half = FAMILIES // 2
    for k, row in enumerate(bad):
        rows = sound()["payments"][k * half : (k + 1) * half]
        rows[row - 1]["status"] = "sent"
        pq.write_table(spoiling.arrow("payments", rows), tmp_path / "payments.parquet" / f"part-{k}.parquet")
    (tally,) = (t for t in ingest.tally(check(engine, tmp_path)) if t.table == "payments")
    assert (tally.rejected, tally.rule, tally.example) == (2, "not_in_list", f"payments.parquet/{example}")


# --- a plain second version ------------------------------------------------------------------------------------------

POOL = [
    "", " ", "x", "1", "0", "-1", "1.0", "2.5", "1.500.000", "1e6", "1E+06", "true", "False", "t", "2024-02-30",
    "2024-01-31", "31/12/2024", "2026-01-01", "1850-01-01", "F", "PKH", "2024Q4", "2024-13", "exited", "K03", "K98",
    "9202010001", "9202014503850003", "nan", "2019-12-31", "2024-01-31 00:00:00", "#REF!", "5,5", "sd", "a\tb",
]  # fmt: skip


def plain_day(text):
    match = re.fullmatch(r"(\d{4})-(\d{2})-(\d{2})([ T]00:00:00)?", text, re.ASCII)
    try:
        return date(*map(int, match.groups()[:3])) if match else None
    except ValueError:
        return None


def plain_value(column, text):
    """The value of a stripped, filled cell, or None where it has none."""
    if column.kind == "whole":
        match = re.fullmatch(r"(-?[0-9]{1,18})(\.0)?", text)
        return int(match[1]) if match else None
    if column.kind == "number":
        return float(text) if re.fullmatch(r"-?[0-9]{1,18}(\.[0-9]+)?([eE][+-]?[0-9]{1,2})?", text) else None
    if column.kind == "flag":
        words = {"true": True, "t": True, "1": True, "1.0": True, "false": False, "f": False, "0": False, "0.0": False}
        return words.get(text.lower())
    if column.kind == "day":
        return plain_day(text)
    return text if column.kind == "text" or text in column.values else None


def plain_spoilt(text):
    forms = (r"-?\d+([.,]\d+)?[eE]\+\d+", r"-?\d+[.,]0*", r"#+", r"#(N/A|REF!)")
    return text.lower() in ("nan", "null") or any(re.fullmatch(form, text) for form in forms)


def plain_rule(column, text):
    """The first rule that a cell breaks."""
    text = text.strip()
    if not text:
        return None if column.null else "not_null"
    if column.kind == "text":
        return plain_text_rule(column, text)
    value = plain_value(column, text)
    if value is None:
        return {"whole": "not_a_whole_number", "number": "not_a_number", "flag": "not_true_or_false",
                "day": "not_a_date", "choice": "not_in_list"}[column.kind]  # fmt: skip
    if column.kind == "day" and not date(1900, 1, 1) <= value <= date(2199, 12, 31):
        return "implausible_date"
    if column.minimum is not None and value < column.minimum:
        return "minimum"
    return "maximum" if column.maximum is not None and value > column.maximum else None


def plain_text_rule(column, text):
    if "\t" in text:
        return "control_character"
    if column.pii and column.pattern is None:
        return None
    if plain_spoilt(text):
        return "spoilt_identifier"
    if not column.pii and not column.pattern and plain_national_number(text):
        return "personal_number"
    if column.pattern and not re.fullmatch(column.pattern[1:-1], text, re.ASCII):
        return "pattern"
    exists = re.fullmatch(r"(19|20|21)\d\d(Q[1-4]|-(0[1-9]|1[0-2]))", text)
    return "impossible_period" if column.name == "period" and not exists else None


def plain_national_number(text):
    """Sixteen digits: a place, the day of birth (of women plus 40), its month, two digits of its year, a number."""
    if not re.fullmatch(r"\d{16}", text, re.ASCII):
        return False
    day, month = int(text[6:8]), int(text[8:10])
    return (1 <= day <= 31 or 41 <= day <= 71) and 1 <= month <= 12


def plain_judge(extract):
    """table -> {(row, rule, column)}, and table -> rows that stand, one row and one rule at a time."""
    told, stand, families = {}, {}, {}
    for name in ["kpm", *(n for n in extract if n != "kpm")]:
        found, sound_rows = set(), []
        for number, row in enumerate(extract[name], start=1):
            broken, values = plain_row(TABLES[name], row, families if name != "kpm" else None)
            found |= {(number, rule, column) for rule, column in broken}
            gentle = {c.name for c in TABLES[name].columns() if c.pii}
            if all(rule in GENTLE and column in gentle for rule, column in broken):
                sound_rows.append((number, values))
        repeats = plain_repeats(TABLES[name], sound_rows)
        told[name] = found | repeats
        stand[name] = {number for number, _ in sound_rows} - {number for number, _, _ in repeats}
        if name == "kpm":
            families = {v["kpm_id"]: v["enrolled_on"] for n, v in sound_rows if n in stand[name]}
    return told, stand


def plain_row(table, row, families):
    cells = {c.name: row.get(c.name, "").strip() for c in table.columns()}
    values = {c.name: plain_value(c, cells[c.name]) if cells[c.name] else None for c in table.columns()}
    broken = [(rule, c.name) for c in table.columns() if (rule := plain_rule(c, cells[c.name]))]
    values |= {c: None for rule, c in broken if rule in GENTLE and table.column(c).pii}
    start, end = ingest.SPANS.get(table.name, ("", ""))
    if values.get(start) and values.get(end) and values[end] < values[start]:
        broken.append(("ends_before_it_starts", end))
    if values["recorded_on"] and values["recorded_on"] > EXTRACTED_ON:
        broken.append(("recorded_after_extraction", "recorded_on"))
    born = ingest.BIRTHS.get(table.name, "")
    if values.get(born) and values[born] > min(values["recorded_on"] or EXTRACTED_ON, EXTRACTED_ON):
        broken.append(("born_in_the_future", born))
    if families is not None and values["kpm_id"] and values["kpm_id"] not in families:
        broken.append(("unknown_family", "kpm_id"))
    enrolled = (families or {}).get(values["kpm_id"])
    if table.name == "membership" and values["event"] == "exited" and enrolled and values["effective_on"]:
        broken += [("exit_before_enrolment", "effective_on")] if values["effective_on"] < enrolled else []
    return broken, values


def plain_repeats(table, rows):
    found, first = set(), {}
    for number, values in sorted(rows, key=lambda r: (r[1]["recorded_on"], r[0])):
        key = tuple(values[k] for k in table.key)
        if key in first:
            rule = "duplicate_row" if values == first[key] else "duplicate_key"
            found.add((number, rule, ", ".join(table.key)))
        first.setdefault(key, values)
    return found


def spoil(extract, rng):
    """Cells replaced from the pool and rows repeated, about every second row."""
    for name, rows in extract.items():
        columns = [c.name for c in TABLES[name].columns()]
        for row in rows:
            for _ in range(rng.choice(3, p=[0.5, 0.3, 0.2])):
                row[rng.choice(columns)] = str(rng.choice(POOL))
        rows += [dict(rows[i]) for i in rng.integers(0, len(rows), 5)]
        rows += [rows[i] | {rng.choice(columns): str(rng.choice(POOL))} for i in rng.integers(0, len(rows), 5)]
    return extract


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_plain_row_by_row_version_agrees(engine, tmp_path, seed):
    extract = spoil(sound(), np.random.default_rng(seed))
    checked = check(engine, write_csv(tmp_path, extract))
    told, stand = plain_judge(extract)
    for name in extract:
        found = {(r["row"], r["rule"], r["column"]) for r in lists(checked.rejected[name])}
        assert found == told[name], name
        accepted = sorted(str(r[TABLES[name].key[0]]) for r in lists(checked.accepted[name]))
        assert accepted == sorted(extract[name][n - 1][TABLES[name].key[0]].strip() for n in stand[name])
    assert sum(map(len, told.values())) > 150


def test_the_share_is_a_setting(engine, tmp_path):
    extract = sound()
    extract["payments"][0]["amount"] = extract["payments"][1]["amount"] = "x"
    tallies = ingest.tally(check(engine, write_csv(tmp_path, extract)))
    ingest.verdict(tallies, ANY_SHARE)
    with pytest.raises(BadInput, match="payments: 2 of 30 rows rejected"):
        ingest.verdict(tallies, CONFIG)
