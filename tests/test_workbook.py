"""The files that leave the house: no cell runs, every byte repeats, only the visit's columns can be changed."""

import csv
import io
import zipfile
from dataclasses import replace
from datetime import date, datetime

import openpyxl
import pandas as pd
import pytest

from pipeline import wording, workbook
from pipeline.wording import RegencyList

AS_OF = date(2025, 6, 30)
LINEAGE = {
    "id": "3f9a1c07be42", "commit": "8d1f0c2", "dirty": True, "source": "a world", "extracted_on": "2025-07-01",
    "model": {"graduation.txt": "aa11", "calibration.json": "bb22"}, "simulated": True,
}  # fmt: skip
PAYLOADS = [
    '=HYPERLINK("x","y")',
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "=1+1|cmd",
    "https://example.invalid",
    "00123",
]


def candidates(names: list[str]) -> pd.DataFrame:
    """One listed family per name; the name stands in every text column."""
    n = len(names)
    table = pd.DataFrame({c: names for c in wording.LIST_COLUMNS if c != "holds"})
    filled = dict.fromkeys(wording.FILL_IN, "")
    return table.assign(
        rank_in_regency=range(1, n + 1), rank_in_facilitator=pd.array([None] * n, dtype="Int64"), as_of=AS_OF, **filled
    )


def regency(names: list[str]) -> RegencyList:
    rows = candidates(names)
    held = rows[["rank_in_regency", "kpm_id", "district_code", "facilitator_id"]].assign(holds=names, as_of=AS_OF)
    summary = pd.DataFrame(
        [("Beji", "p1", 7, 2, 1, 4), ("Limo", "p2", 5, 1, 2, 2)],
        columns=["district_name", "facilitator_id", "active", "candidates", "held", "below"],
    )
    return RegencyList("3276", "Kota Depok", AS_OF, rows, held, summary, 12)


def opened(content: bytes) -> openpyxl.Workbook:
    return openpyxl.load_workbook(io.BytesIO(content))


def test_five_sheets_and_the_headers_of_the_list() -> None:
    book = opened(workbook.xlsx(regency(["a", "b"]), LINEAGE))
    assert book.sheetnames == ["Daftar Calon", "Ditahan", "Ringkasan", "Kamus Kolom", "Metadata"]
    page = book["Daftar Calon"]
    assert page["A1"].value == "Calon untuk diverifikasi: Kota Depok, data per 30/06/2025"
    assert page["A3"].value == "DATA SIMULASI: bukan keluarga sungguhan"
    assert "Orang yang memutuskan" in page["A2"].value
    heads = [cell.value for cell in page[5]]
    assert heads[:3] == ["No. urut", "ID KPM", "Kode kecamatan"]
    assert heads[-1] == "ID jejak"
    assert len(heads) == 22


@pytest.mark.parametrize("payload", PAYLOADS)
def test_text_stays_text_in_the_workbook(payload: str) -> None:
    book = opened(workbook.xlsx(regency([payload]), LINEAGE))
    for name, column in (("Daftar Calon", "B"), ("Daftar Calon", "K"), ("Ditahan", "E")):
        cell = book[name][f"{column}6"]
        # XML normalises a carriage return; what matters is that the cell is text, neither formula nor number
        assert cell.data_type == "s"
        assert cell.value.replace("\r", "\n").replace("_x000D_", "\n") == payload.replace("\r", "\n")
        assert cell.hyperlink is None


@pytest.mark.parametrize("payload", PAYLOADS)
def test_no_part_of_the_workbook_holds_a_formula_or_a_link(payload: str) -> None:
    with zipfile.ZipFile(io.BytesIO(workbook.xlsx(regency([payload]), LINEAGE))) as archive:
        sheets = [archive.read(n).decode() for n in archive.namelist() if n.startswith("xl/worksheets/sheet")]
    assert len(sheets) == 5
    assert not any("<f>" in s or "<f " in s or "<hyperlink" in s for s in sheets)


def test_dates_are_dates_and_ranks_are_numbers() -> None:
    page = opened(workbook.xlsx(regency(["a"]), LINEAGE))["Daftar Calon"]
    heads = [cell.value for cell in page[5]]
    day = page.cell(6, heads.index("Data per") + 1)
    assert day.value == datetime(2025, 6, 30)
    assert day.number_format == "dd/mm/yyyy"
    assert page["A6"].value == 1
    assert page.cell(6, heads.index("Urutan pendamping") + 1).value is None
    assert page["E6"].number_format == "@"


def test_only_the_columns_of_the_visit_can_be_filled_in() -> None:
    page = opened(workbook.xlsx(regency(["a"]), LINEAGE))["Daftar Calon"]
    heads = [cell.value for cell in page[5]]
    open_cells = {heads[c.column - 1] for c in page[6] if not c.protection.locked}
    assert open_cells == {"Hasil kunjungan", "Keputusan", "Alasan keputusan", "Tanggal", "Petugas"}
    assert page.protection.sheet
    rules = {str(r.sqref): r for r in page.data_validations.dataValidation}
    assert rules["Q6"].formula1 == '"layak diusulkan,belum,perlu kunjungan ulang,data salah,keluarga menolak"'
    assert heads[16] == "Keputusan"
    assert {r.type for r in rules.values()} == {"list", "date"}


def test_the_sheet_is_ready_to_read_and_print() -> None:
    page = opened(workbook.xlsx(regency(["a", "b", "c"]), LINEAGE))["Daftar Calon"]
    assert page.freeze_panes == "C6"
    assert page.auto_filter.ref == "A5:V8"
    assert page.print_title_rows == "$5:$5"
    assert page.page_setup.orientation == "landscape"
    assert page.page_setup.paperSize == 9
    assert "3f9a1c07be42" in page.oddFooter.left.text
    assert not page.merged_cells.ranges


def test_long_reasons_get_room() -> None:
    long = "; ".join(["kehadiran P2K2, 12 bulan terakhir: 85,5%"] * 6)
    page = opened(workbook.xlsx(regency(["a", long]), LINEAGE))["Daftar Calon"]
    assert page.row_dimensions[7].height > 4 * page.row_dimensions[6].height


def test_the_summary_ends_with_its_sum() -> None:
    page = opened(workbook.xlsx(regency(["a"]), LINEAGE))["Ringkasan"]
    assert [c.value or "" for c in page[8]] == ["JUMLAH", "", 12, 3, 3, 6]


def test_metadata_tells_where_the_list_comes_from() -> None:
    page = opened(workbook.xlsx(regency(["a", "b"]), LINEAGE))["Metadata"]
    facts = {row[0].value: row[1].value for row in page.iter_rows()}
    assert facts["ID jejak"] == "3f9a1c07be42"
    assert facts["Versi kode (commit)"] == "8d1f0c2 (+ edited)"
    assert facts["Model (sha256)"] == "calibration.json bb22, graduation.txt aa11"
    assert facts["Jumlah calon"] == "2"
    assert facts["Jumlah KPM aktif dinilai"] == "12"
    assert facts["Jenis data"] == "DATA SIMULASI: bukan keluarga sungguhan"


def test_real_data_are_not_called_simulated() -> None:
    book = opened(workbook.xlsx(regency(["a"]), {**LINEAGE, "simulated": False}))
    texts = {str(c.value) for page in book for row in page.iter_rows() for c in row}
    assert not any("SIMULASI" in t for t in texts)
    assert any("sungguhan" in t for t in texts)


def test_the_dictionary_explains_every_column() -> None:
    book = opened(workbook.xlsx(regency(["a"]), LINEAGE))
    explained = {row[0].value for row in book["Kamus Kolom"].iter_rows(min_row=2)}
    assert {c.value for c in book["Daftar Calon"][5]} | {c.value for c in book["Ditahan"][5]} <= explained


def test_the_same_list_gives_the_same_bytes() -> None:
    first, again = (workbook.xlsx(regency(["a", "b"]), LINEAGE) for _ in range(2))
    assert first == again
    assert workbook.xlsx(regency(["a", "c"]), LINEAGE) != first
    assert workbook.csv_bytes(candidates(["a"])) == workbook.csv_bytes(candidates(["a"]))


def test_an_empty_list_is_still_a_list() -> None:
    whole = regency(["a"])
    empty = replace(whole, candidates=whole.candidates.iloc[:0], held=whole.held.iloc[:0])
    page = opened(workbook.xlsx(empty, LINEAGE))["Daftar Calon"]
    assert page.max_row == 5


@pytest.mark.parametrize("payload", [*PAYLOADS, 'a"b', "a,b", "a\nb", "é", ""])
def test_csv_guards_text_and_keeps_everything_else(payload: str) -> None:
    table = pd.DataFrame({"text": [payload], "number": [-1.5], "day": [AS_OF], "gone": pd.array([None], dtype="Int64")})
    content = workbook.csv_bytes(table)
    assert content.startswith(b"text,number,day,gone\r\n")
    (row,) = csv.DictReader(io.StringIO(content.decode("utf-8"), newline=""))
    dangerous = payload[:1] in {"=", "+", "-", "@", "\t", "\r"}
    assert row["text"] == ("'" + payload if dangerous and payload else payload)
    assert (row["number"], row["day"], row["gone"]) == ("-1.5", "2025-06-30", "")


def test_identifiers_keep_their_zeros_in_csv() -> None:
    table = pd.DataFrame({"kpm_id": ["0012"], "village_code": ["9471010001"], "rank": pd.array([3], dtype="Int64")})
    assert workbook.csv_bytes(table) == b"kpm_id,village_code,rank\r\n0012,9471010001,3\r\n"
