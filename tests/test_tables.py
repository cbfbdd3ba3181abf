"""pipeline/tables.py says what the contract says, column by column."""

from pathlib import Path

import pytest
import yaml

from pipeline.tables import TABLES

CONTRACT = Path(__file__).resolve().parents[2] / "shared" / "contract" / "tables.yaml"
KINDS = {"str": "text", "int": "whole", "float": "number", "bool": "flag", "date": "day", "enum": "choice"}


@pytest.fixture(scope="module")
def contract():
    return yaml.safe_load(CONTRACT.read_text(encoding="utf-8"))


def as_contract(column):
    """A column in the words of tables.yaml, where the key `null` is YAML's null."""
    words = {"type": {ours: theirs for theirs, ours in KINDS.items()}[column.kind], None: column.null}
    further = {"values": list(column.values), "min": column.minimum, "max": column.maximum, "pattern": column.pattern}
    return words | {k: v for k, v in further.items() if v not in (None, [])} | ({"pii": True} if column.pii else {})


def test_the_same_tables_in_the_same_order(contract):
    assert list(TABLES) == list(contract)


@pytest.mark.parametrize("name", list(TABLES))
def test_a_table_is_what_the_contract_says(contract, name):
    table, said = TABLES[name], contract[name]
    assert (table.required, list(table.key)) == (said["required"], said["key"])
    assert {c.name: as_contract(c) for c in table.columns()} == said["columns"]
    assert [c.name for c in table.columns()] == list(said["columns"])


@pytest.mark.parametrize("name", list(TABLES))
def test_every_column_says_what_it_means(name):
    assert all(c.meaning.strip() for c in TABLES[name].columns())
    assert TABLES[name].happened_on in {None, *(c.name for c in TABLES[name].columns())}


@pytest.mark.parametrize("name", list(TABLES))
def test_keys_are_never_null_and_personal_columns_always_may_be(name):
    columns = TABLES[name].columns()
    assert not any(c.null for c in columns if c.name in TABLES[name].key)
    assert all(c.null for c in columns if c.pii)


def test_money_has_a_unit():
    money = {"monthly_income", "business_turnover", "amount"}
    found = {c.name: c.unit for t in TABLES.values() for c in t.columns() if c.name in money}
    assert found.keys() == money
    assert all("rupiah" in unit for unit in found.values())
