"""What is taken as it stands is what the strict reading would make of it: over every column and values that tempt."""

from datetime import date

import ibis
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import spoiling

from pipeline.rules import Days, as_it_stands, read_column
from pipeline.tables import TABLES

DAYS = Days(spoiling.CONFIG.earliest_day, spoiling.CONFIG.latest_day)
WORDS = [
    None, "", " ", "K01", " K01", "K01 ", "K01\n", "\tK01", "nan", "NaN", "#N/A", "3.2E+15", "920201.0", "PKH",
    "pkh", "PKH ", "F", "M", "gsm", "disbursed", "2024Q1", "2024Q5", "2024-13", "2024-12", "0024Q1", "9202010001",
    "920201000", "Ibu K01", "Ibu  Siti", "Ibu\nSiti", "Ibu\x00Siti", "Ibu\x7f", "9202014503850003",
    "92020145038500031", "É", "Ibu É", "-", "K-1_x", "child", "sd", "bank", "post", "attended", "present",
    "economy", "\u00a0K01", "1900Q1", "ⅷ1",
]  # fmt: skip
POOL = {
    "text": WORDS, "choice": WORDS, "flag": [None, True, False],
    "whole": [None, 0, -1, 1, 2, 5, 10, 11, 600_000, 2**62, 2**63 - 1, -(2**63)],
    "number": [None, 0.0, -0.5, 36.5, 1e9, np.inf, -np.inf, np.nan, 1.7e308],
    "day": [None, date(1899, 12, 31), date(1900, 1, 1), date(2024, 2, 29), date(2199, 12, 31), date(2200, 1, 1)],
}  # fmt: skip
COLUMNS = [(t.name, c) for t in TABLES.values() for c in t.columns()]


def asked(column):
    """For each value of the pool: it stands as it is, it breaks no rule, and the value read is the one that came."""
    cells = [*POOL[column.kind], *column.values]
    raw = ibis.memtable(pa.table({"cell": pa.array(cells, spoiling.ARROW[column.kind])}))
    reading = read_column(raw.cell, column, DAYS)
    told = raw.select(
        stands=as_it_stands(raw.cell, column, DAYS),
        unbroken=reading.first_broken().isnull(),
        same=reading.value.identical_to(raw.cell),
    )
    return told.to_pandas().astype(bool)


@pytest.mark.parametrize(("table", "column"), COLUMNS, ids=[f"{t}.{c.name}" for t, c in COLUMNS])
def test_nothing_stands_that_a_rule_would_refuse_or_read_otherwise(engine, table, column):
    told = asked(column)
    assert told["stands"].any()
    assert not (told["stands"] & ~(told["unbroken"] & told["same"])).any()


def test_what_is_stored_otherwise_has_to_be_read(engine):
    column = next(c for t, c in COLUMNS if t == "payments" and c.name == "amount")
    raw = ibis.memtable(pd.DataFrame({"cell": [1.0, 2.0]}))
    assert as_it_stands(raw.cell, column, DAYS) is None
    assert as_it_stands(raw.cell.cast("string"), column, DAYS) is None
    assert as_it_stands(raw.cell.cast("int64"), column, DAYS) is not None


def test_a_sound_extract_is_taken_as_it_stands(engine, tmp_path):
    spoiling.check(engine, spoiling.write_parquet(tmp_path, spoiling.sound()))
    rest = {name: engine.table(f"kept_rest_{name}").count().to_pyarrow().as_py() for name in spoiling.sound()}
    assert rest == dict.fromkeys(rest, 0)


def test_only_what_is_unusual_is_read_cell_by_cell(engine, tmp_path):
    extract = spoiling.sound()
    extract["payments"][3]["status"] = "sent"
    extract["payments"][7]["programme"] = " PKH"
    checked = spoiling.check(engine, spoiling.write_parquet(tmp_path, extract))
    assert sorted(r["row"] for r in spoiling.lists(engine.table("kept_rest_payments"))) == [4, 8]
    assert [(r["row"], r["rule"]) for r in spoiling.lists(checked.rejected["payments"])] == [(4, "not_in_list")]
    assert len(spoiling.lists(checked.accepted["payments"])) == spoiling.FAMILIES - 1
