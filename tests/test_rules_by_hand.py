"""One cell at a time: the value read, the first rule that it breaks, what may be written of it, every message."""

from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal

import ibis
import pyarrow as pa
import pytest

from pipeline.rules import Days, as_it_stands, as_text, first_broken, is_stored, read_column, shown
from pipeline.tables import TABLES, Column

DAYS = Days(date(1900, 1, 1), date(2199, 12, 31))
OWN = Column("text", "an identifier of the system", null=False, name="own")
NUMBERED = Column("text", "a number of a person", pii=True, pattern=r"^\d{16}$", name="nik")
NAME = Column("text", "a name", pii=True, name="name")
PLACE = Column("text", "a place", null=False, pattern=r"^\d{10}$", name="place")
PERIOD = Column("text", "a period", pattern=r"^\d{4}(Q[1-4]|-\d{2})$", name="period")
WHOLE = Column("whole", "rooms", minimum=0, maximum=10, name="rooms")
FREE = Column("whole", "any whole number", name="free")
NUMBER = Column("number", "area", minimum=0.5, name="area")
FLAG = Column("flag", "yes or no", name="flag")
DAY = Column("day", "a day", null=False, name="day")
CHOICE = Column("choice", "one of two", values=("a.b", "c"), name="choice")


def table(cells, kind):
    return ibis.memtable(pa.table({"cell": pa.array(cells, kind)}))


def read(column, cells, kind=None):
    """Of each cell the typed value and the first rule it breaks."""
    raw = table(cells, kind or pa.string())
    reading = read_column(raw.cell, column, DAYS)
    told = raw.select(value=reading.value, rule=reading.first_broken()).to_pyarrow().to_pylist()
    return [(row["value"], row["rule"]) for row in told]


def test_identifiers_of_the_system(engine):
    spoilt = ["3.2E+15", "3,2e+1", "-1E+05", "5.", "5,000", "12.0", "###", "#N/A", "#REF!", "#VALUE!", "#NAME?",
              "#DIV/0!", "#NUM!", "#NULL!", "NaN", "None", "null", "N/A", "na", "<NA>", "NaT"]  # fmt: skip
    numbers = ["9202014503850003", "9202014103850003", "9202010112850003", "9202013101850003", "9202017112850003"]
    no_numbers = ["9202014513850003", "9202018003850003", "9202013203850003", "920201450385000", "92020145038500031"]
    sound = ["K01", " K01 ", "K-1_x", "12,5.0", "x#N/A", "#N/A x", "nano", "banana", *no_numbers]
    assert read(OWN, spoilt) == [(word, "spoilt_identifier") for word in spoilt]
    assert read(OWN, numbers) == [(word, "personal_number") for word in numbers]
    assert read(OWN, sound) == [(word.strip(), None) for word in sound]
    assert read(OWN, [17, None], pa.int64()) == [("17", None), (None, "not_null")]
    assert read(OWN, [None, "", "  "]) == [(None, "not_null")] * 3
    assert read(OWN, ["K\n1", "K\x7f1", "K\x001"]) == [(w, "control_character") for w in ("K\n1", "K\x7f1", "K\x001")]


def test_words_with_a_pattern(engine):
    assert read(PLACE, ["9202010001", " 9202010001", "920201000", "92020100011", "920201.0"]) == [
        ("9202010001", None), ("9202010001", None), ("920201000", "pattern"), ("92020100011", "pattern"),
        ("920201.0", "spoilt_identifier"),
    ]  # fmt: skip
    sound = ["1900Q1", "1999-01", "2024Q4", "2024-12", "2199-09"]
    impossible = ["1899Q1", "2200Q1", "2024-00", "2024-13", "0024-01"]
    assert read(PERIOD, sound) == [(word, None) for word in sound]
    assert read(PERIOD, impossible) == [(word, "impossible_period") for word in impossible]
    assert read(replace(PERIOD, name="quarter"), ["2024-13"]) == [("2024-13", "impossible_period")]
    assert read(replace(PERIOD, name="other"), ["2024-13"]) == [("2024-13", None)]
    assert read(PERIOD, ["2024Q5", "2024", None]) == [("2024Q5", "pattern"), ("2024", "pattern"), (None, None)]


def test_what_is_wrong_with_a_persons_number_is_set_aside(engine):
    good = "9202014503850003"
    assert read(NUMBERED, [good, "920201", "9.2E+15", "9\n2", None]) == [
        (good, None), (None, "pattern"), (None, "spoilt_identifier"), (None, "control_character"), (None, None),
    ]  # fmt: skip
    assert read(NAME, ["Ibu 9202014503850003", "nan", "a\tb", " a ", None]) == [
        ("Ibu 9202014503850003", None), ("nan", None), (None, "control_character"), ("a", None), (None, None),
    ]  # fmt: skip


def test_a_persons_number_that_must_be_there_stays_and_its_row_goes(engine):
    """Set aside, it would leave a blank where none may be."""
    must = Column("text", "a number", null=False, pii=True, pattern=r"^\d{16}$", name="nik")
    assert read(must, ["920201", None]) == [("920201", "pattern"), (None, "not_null")]


def test_whole_numbers(engine):
    largest = 10**18 - 1
    assert read(FREE, ["0", "-7", " 3 ", "3.0", "-3.0", str(largest), str(-largest)]) == [
        (0, None), (-7, None), (3, None), (3, None), (-3, None), (largest, None), (-largest, None),
    ]  # fmt: skip
    bad = ["3.00", "3.5", "1.500.000", "2,5", "1e6", "+3", "9" * 19, "Rp 1", "x"]
    assert read(FREE, bad) == [(None, "not_a_whole_number")] * len(bad)
    assert read(WHOLE, ["0", "10", "-1", "11", None]) == [
        (0, None), (10, None), (-1, "minimum"), (11, "maximum"), (None, None),
    ]  # fmt: skip
    assert read(WHOLE, [0, 10, -1, 11, None], pa.int32()) == [
        (0, None), (10, None), (-1, "minimum"), (11, "maximum"), (None, None),
    ]  # fmt: skip
    # 2^53 - 1 is the last whole number whose neighbours a double can tell apart.
    exact = 2.0**53
    assert read(FREE, [3.0, 3.5, exact - 1, exact, 1 - exact, -exact, float("nan"), None], pa.float64()) == [
        (3, None), (None, "not_a_whole_number"), (2**53 - 1, None), (None, "not_a_whole_number"), (1 - 2**53, None),
        (None, "not_a_whole_number"), (None, None), (None, None),
    ]  # fmt: skip
    assert read(FREE, [Decimal("3.0"), Decimal("3.5")], pa.decimal128(5, 1)) == [
        (3, None),
        (None, "not_a_whole_number"),
    ]
    assert read(FREE, [5, 2**64 - 1], pa.uint64()) == [(5, None), (None, "not_a_whole_number")]


def test_numbers(engine):
    assert read(NUMBER, ["36.5", "0.5", "0.4", "5e-1", "1E+2", " 3 ", None]) == [
        (36.5, None), (0.5, None), (0.4, "minimum"), (0.5, None), (100.0, None), (3.0, None), (None, None),
    ]  # fmt: skip
    bad = ["36,5", "1.000,5", ".5", "5.", "nan", "inf", "-inf", "1e400", "1e", "0x1", "5 m"]
    assert read(NUMBER, bad) == [(None, "not_a_number")] * len(bad)
    infinite = float("inf")
    assert read(NUMBER, [36.5, 0.4, infinite, -infinite, float("nan")], pa.float64()) == [
        (36.5, None), (0.4, "minimum"), (None, "not_a_number"), (None, "not_a_number"), (None, None),
    ]  # fmt: skip
    # What is stored as a number is one, whatever its length; more than eighteen digits of text are none.
    assert read(NUMBER, [3, 0, 2**62], pa.int64()) == [(3.0, None), (0.0, "minimum"), (2.0**62, None)]
    assert read(NUMBER, [1e20], pa.float64()) == [(1e20, None)]
    assert read(NUMBER, [Decimal("3.5"), Decimal(10**20)], pa.decimal128(25, 1)) == [(3.5, None), (1e20, None)]
    assert read(NUMBER, ["1" * 18, "1" * 19]) == [(float("1" * 18), None), (None, "not_a_number")]


def test_yes_and_no(engine):
    for words, value in ((["true", "T", "1", "1.0", " TRUE "], True), (["false", "F", "0", "0.0"], False)):
        assert read(FLAG, words) == [(value, None)] * len(words)
    bad = ["yes", "ya", "2", "10", "01", "truee"]
    assert read(FLAG, bad) == [(None, "not_true_or_false")] * len(bad)
    assert read(FLAG, [True, False, None], pa.bool_()) == [(True, None), (False, None), (None, None)]
    assert read(FLAG, [1, 0, 2], pa.int64()) == [(True, None), (False, None), (None, "not_true_or_false")]


def test_days(engine):
    day = date(2024, 1, 20)
    sound = ["2024-01-20", " 2024-01-20 ", "2024-01-20 00:00:00", "2024-01-20T00:00:00.000",
             "2024-01-20T00:00:00+00:00", "2024-01-20 00:00:00+00"]  # fmt: skip
    assert read(DAY, sound) == [(day, None)] * len(sound)
    bad = [
        "20/01/2024",
        "2024-02-30",
        "20240120",
        "45311",
        "2024-01-20 17:00:00",
        "2024-1-20",
        "2024-01-20T00:00:00+07:00",
    ]
    assert read(DAY, bad) == [(None, "not_a_date")] * len(bad)
    ends = ["1899-12-31", "1900-01-01", "2199-12-31", "2200-01-01"]
    told = ["implausible_date", None, None, "implausible_date"]
    assert [rule for _, rule in read(DAY, ends)] == told
    assert [rule for _, rule in read(DAY, [date.fromisoformat(d) for d in ends], pa.date32())] == told
    assert read(DAY, [datetime(2024, 1, 20), datetime(2024, 1, 20, 17)], pa.timestamp("us")) == [
        (day, None), (None, "not_a_date"),
    ]  # fmt: skip
    assert read(DAY, [None, ""]) == [(None, "not_null")] * 2
    assert read(DAY, [None], pa.date32()) == [(None, "not_null")]


def test_codes(engine):
    assert read(CHOICE, ["a.b", "c", " c", None]) == [("a.b", None), ("c", None), ("c", None), (None, None)]
    bad = ["axb", "C", "cc", "a.b|c"]  # a dot is a dot
    assert read(CHOICE, bad) == [(word, "not_in_list") for word in bad]


def test_a_blank_cell_and_a_libraries_not_a_number_are_null(engine):
    def told(cells, kind):
        return table(cells, kind).cell.pipe(as_text).to_pyarrow().to_pylist()

    assert told([" a ", "", "  ", "nan", None], pa.string()) == ["a", None, None, "nan", None]
    assert told([1.5, float("nan"), None], pa.float64()) == ["1.5", None, None]
    assert told([5, None], pa.int64()) == ["5", None]


def test_of_what_is_or_looks_personal_only_the_shape_is_shown(engine):
    cells = ["K01", "92020145038500", "x" * 40, "x" * 41, "1" * 41, "9202014503850003", "id 9202014503850003",
             "Siti Aminah", "M. Nur", "Nur'Aini", "Mc' Nur", "a-b c"]  # fmt: skip
    raw = table(cells, pa.string())
    assert shown(raw.cell, ibis.literal(False)).to_pyarrow().to_pylist() == [
        "K01", "92020145038500", "x" * 40, "41 characters", "41 digits", "16 digits", "19 characters", "11 characters",
        "6 characters", "Nur'Aini", "7 characters", "5 characters",
    ]  # fmt: skip
    assert shown(raw.cell, ibis.literal(True)).to_pyarrow().to_pylist()[:2] == ["3 characters", "14 digits"]


def test_the_first_rule_is_told_and_none_is_no_rule(engine):
    assert first_broken(()).to_pyarrow().as_py() is None
    raw = table(["920201", "K\n1"], pa.string())
    rules = read_column(raw.cell, PLACE, DAYS).rules
    assert [r.name for r in rules] == ["not_null", "control_character", "spoilt_identifier", "pattern"]
    assert raw.select(rule=first_broken(rules[3:])).to_pyarrow()["rule"].to_pylist() == ["pattern", "pattern"]
    assert raw.select(rule=first_broken(rules)).to_pyarrow()["rule"].to_pylist() == ["pattern", "control_character"]


CONTROL = "holds a line break or another control character; a stray quote may have swallowed rows"
SPOILT = "was turned into a number by a spreadsheet; export it as text"
NIK = "looks like a national identity number; export the system's own identifier"
MESSAGES = {
    OWN: {"not_null": "own must not be blank", "control_character": f"own {CONTROL}",
          "spoilt_identifier": f"own {SPOILT}", "personal_number": f"own {NIK}"},
    NAME: {"control_character": f"name {CONTROL}"},
    NUMBERED: {"control_character": f"nik {CONTROL}", "spoilt_identifier": f"nik {SPOILT}",
               "pattern": r"nik must match ^\d{16}$"},
    PERIOD: {"control_character": f"period {CONTROL}", "spoilt_identifier": f"period {SPOILT}",
             "pattern": r"period must match ^\d{4}(Q[1-4]|-\d{2})$",
             "impossible_period": "period must be a quarter or month that exists"},
    WHOLE: {"not_a_whole_number": "rooms must be a whole number in digits only, such as 1500000",
            "minimum": "rooms must be at least 0", "maximum": "rooms must be at most 10"},
    NUMBER: {"not_a_number": "area must be a number with a decimal point, such as 36.5",
             "minimum": "area must be at least 0.5"},
    FLAG: {"not_true_or_false": "flag must be true or false"},
    DAY: {"not_null": "day must not be blank", "not_a_date": "day must be a day written 2024-12-31",
          "implausible_date": "day must lie in 1900-01-01..2199-12-31; an open end is blank"},
    CHOICE: {"not_in_list": "choice must be one of a.b, c"},
}  # fmt: skip


@pytest.mark.parametrize("column", MESSAGES, ids=lambda c: c.name)
def test_every_rule_says_what_was_expected(column):
    rules = read_column(table([None], pa.string()).cell, column, DAYS).rules
    assert {r.name: r.message for r in rules} == MESSAGES[column]


# column, Arrow's type, cells, and of each whether it is taken as it stands; None: the type has to be read
STANDING = [
    (OWN, pa.string(), ["K01", "1", "1" * 15, "1" * 17, " K01", "K", "1" * 16, "3.2E+15", None],
     [True, True, True, True, False, False, False, False, False]),
    (OWN, pa.int64(), [1], None),
    (NUMBERED, pa.string(), ["9202014503850003", "920201", None], [True, False, True]),
    (NAME, pa.string(), ["Ibu Siti", "Ibu  Siti", " Siti", "a\tb", "", None], [True, True, False, False, False, True]),
    (PLACE, pa.string(), ["9202010001", "920201000", None], [True, False, False]),
    (PERIOD, pa.string(), ["2024Q1", "2024-13", "0024Q1", None], [True, False, False, True]),
    (WHOLE, pa.int64(), [0, 10, -1, 11, None], [True, True, False, False, True]),
    (WHOLE, pa.int32(), [1], None),
    (FREE, pa.int64(), [2**63 - 1, -(2**62), None], [True, True, True]),
    (NUMBER, pa.float64(), [0.5, 0.4, float("nan"), float("inf"), None], [True, False, False, False, True]),
    (FLAG, pa.bool_(), [True, False, None], [True, True, True]),
    (DAY, pa.date32(), [date(1900, 1, 1), date(2199, 12, 31), date(1899, 12, 31), date(2200, 1, 1), None],
     [True, True, False, False, False]),
    (CHOICE, pa.string(), ["a.b", "c", "axb", " c", None], [True, True, False, False, True]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("column", "kind", "cells", "expected"), STANDING, ids=[f"{s[0].name} {s[1]}" for s in STANDING]
)
def test_what_is_taken_as_it_stands(engine, column, kind, cells, expected):
    stands = as_it_stands(table(cells, kind).cell, column, DAYS)
    assert (None if stands is None else stands.to_pyarrow().to_pylist()) == expected


@pytest.mark.parametrize(("column", "kind", "expected"), [
    (WHOLE, pa.int32(), True), (WHOLE, pa.uint64(), False), (WHOLE, pa.float64(), False), (WHOLE, pa.string(), False),
    (DAY, pa.date32(), True), (DAY, pa.timestamp("us"), False), (DAY, pa.string(), False),
    (FLAG, pa.bool_(), True), (FLAG, pa.int64(), False), (NUMBER, pa.float64(), False), (OWN, pa.string(), False),
    (CHOICE, pa.bool_(), False),
])  # fmt: skip
def test_what_is_stored_in_the_contracts_own_type(column, kind, expected):
    assert is_stored(table([None], kind).cell, column) is expected


def test_the_columns_above_are_of_every_kind_of_the_contract():
    kinds = {(c.kind, c.pii, c.pattern is None) for t in TABLES.values() for c in t.columns()}
    assert {(c.kind, c.pii, c.pattern is None) for c in MESSAGES} == kinds
