"""A few payloads in every free text, looked at in Chromium and in workbooks, and that what ran would be seen."""

import openpyxl
import pytest

from benchmarks.faults import payloads


@pytest.fixture(scope="module")
def found():
    return payloads.measured(0, 12, office=False)


def test_nothing_that_is_typed_runs_and_all_of_it_is_shown_as_typed(found):
    tally, _ = found
    assert tally.faults == []
    assert tally.missed == []
    assert sum(n > 0 for n in tally.hit.values()) >= 12  # fields, each with its own pages


def test_what_runs_is_seen(found):
    _, (ran, scripts) = found
    assert (ran, scripts) == (2, 2)


def test_a_payload_is_known_by_its_number():
    texts = [payloads.payload(n) for n in range(600)]
    assert len(set(texts)) == 600
    assert {k for k, _ in texts} == set(payloads.KINDS)


def test_a_formula_and_a_lost_text_are_seen(tmp_path):
    tally, book = payloads.Tally(), openpyxl.Workbook()
    page = book.active
    page.title = payloads.sheets.sheet_names("id")["list"]
    for column, value in {"kpm_id": "K1", "name": "another", "village": "=1+1"}.items():
        page.cell(payloads.sheets.HEADER_ROW + 2, payloads.sheets.COLUMNS.index(column) + 1).value = value
    book.save(tmp_path / "x.xlsx")
    payloads.read_cells(tally, tmp_path / "x.xlsx", {"K1": "=1+1"})
    assert tally.faults == ["x.xlsx: openpyxl reads a formula"]
    assert tally.missed == ["name in a workbook (openpyxl): '=1+1'"]
    assert not tally.status("note", 0, 400)
    assert not tally.status("note", 0, 500)
    assert tally.faults[-1] == "note 0: status 500"
    assert tally.refused["note"] == 1
