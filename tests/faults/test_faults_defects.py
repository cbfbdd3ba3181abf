"""Planted defects, a few of them, and a clean world; `python -m benchmarks.faults.defects` plants them all."""

import numpy as np
import pytest
import yaml

from benchmarks.faults import defects

NUMBERS = {name: i for i, name in enumerate(defects.PLANTS)}
# One of each way of telling: refused as a file, by its rows, by its clocks, quarantined, told of the table, of a leak.
TRIED = ("decimal_commas", "codes_out_of_list", "income_of_a_year_in_a_regency", "the_outcome_as_a_column")


@pytest.fixture(scope="module")
def base():
    config, tables = defects.simulated("default", 700, 1000)
    return config, tables, tables


def test_there_are_fifty_classes_and_each_says_whom_to_blame():
    listed = yaml.safe_load(defects.TRUTH.read_text(encoding="utf-8"))
    assert len(defects.PLANTS) == 50
    assert set(listed) == set(defects.PLANTS)
    assert all(set(told) == {"what", "table", "columns"} for told in listed.values())


@pytest.mark.parametrize("name", TRIED)
def test_a_planted_defect_is_told_with_its_table_and_column(base, name):
    assert defects.planted(NUMBERS[name], base) == (name, defects.Tally(1, 1, 1))


def test_a_clean_world_is_told_nothing(base, tmp_path):
    config, tables, _ = base
    folder, scratch = defects.written(tables, config, tmp_path / "extract"), tmp_path / "scratch"
    scratch.mkdir()
    assert defects.said(folder, scratch) == defects.Told(())


def test_a_defect_that_changed_nothing_does_not_count(base, tmp_path):
    config, tables, other = base
    case = defects.Case(defects.written(tables, config, tmp_path / "extract"), tables, other, np.random.default_rng(0))
    case.write("kpm", case.frame("kpm"))
    assert case.changed == 0
    case.write("kpm", case.frame("kpm").iloc[1:])
    assert case.changed == 1


def test_to_be_told_table_and_column_must_both_be_named():
    told = defects.Told(("welfare.csv: column monthly_income is missing",), frozenset({("kpm", "urban")}))
    assert told.names("welfare", ["monthly_income"])
    assert told.names("welfare", [])
    assert told.names("kpm", ["urban"])
    assert not told.names("welfare", ["gold"])
    assert not told.names("kpm", ["monthly_income"])
