"""The visit lists that leave the house: every line in them, no cell runs, every byte repeats."""

import io
from datetime import date

import openpyxl
import pandas as pd
import pytest
from pypdf import PdfReader
from studies import values

from pipeline import visit_files, visit_lists, visits
from pipeline import visit_wording as words
from pipeline.visits import WHYS

AS_OF = date(2025, 6, 30)
LINEAGE = {
    "id": "3f9a1c07be42",
    "commit": "8d1f0c2",
    "source": "a world",
    "extracted_on": "2025-06-30",
    "simulated": True,
}
CONFIG = visits.Config(**values("visits") | {"visits_per_quarter": 2})
NASTY = '=HYPERLINK("x","y") #pagebreak() $ * _'


def planned() -> pd.DataFrame:
    """Four families of f1, who can visit two; f2 of the same district takes one over, f2's own second family waits."""
    whys = ["candidate", "candidate", "referral", "referral", "candidate"]
    rows = pd.DataFrame({
        "kpm_id": ["a", "b", "c", "d", "e"], "facilitator_id": ["f1", "f1", "f1", "f1", "f2"], "regency_code": "1101",
        "village_code": "1101012001", "rank": [1, 2, 3, 4, 5], "why": whys, **dict.fromkeys(WHYS, False),
        "urgency": [1, 2, 3, 4, 5],
    })  # fmt: skip
    rows = rows.assign(candidate=rows["why"] == "candidate", referral=True)
    serving = pd.DataFrame({"facilitator_id": ["f1", "f2"], "home": ["110101", "110101"]})
    config = CONFIG.model_copy(update={"reserved": {}})
    return visits.plan(rows, serving, config)


def regency(text: str = "usaha berjalan") -> visit_lists.VisitFile:
    plan = planned()
    ids = plan["kpm_id"]
    told = visit_lists.Told(
        places=pd.DataFrame({"kpm_id": ids, "village_name": "Suka Maju"}),
        facts=pd.DataFrame({"kpm_id": ids, "pathway": "pena", "pathway_reasons": text, "holds": [[] for _ in ids],
                            "chance": "tinggi, 24%", "programmes": "PBI"}),
        endings=pd.DataFrame({"kpm_id": ["a"], "kind": ["sma"], "ends_on": [date(2026, 7, 1)], "becomes": ["none"],
                              "last": [True]}),
        cases=pd.DataFrame({"kpm_id": ["a", "a"], "nth": [1, 0], "kind": ["complaint", "illness"],
                            "reporter": ["citizen", "tksk"], "reported_on": [date(2025, 1, 5), date(2025, 2, 5)]}),
        partners=pd.DataFrame({"kpm_id": ids, "partner": "karang_taruna"}),
    )  # fmt: skip
    rows = visit_lists.described(plan, told, CONFIG.order)
    asked = pd.DataFrame({
        "kpm_id": ["a"], "regency_code": "1101", "village_code": "1101012001", "case_id": "c1", "kind": "illness",
        "reporter": "lks", "reported_on": AS_OF, "status": "referred", "referral": "ATENSI", "asked_by": "case",
        "partner": "lks", "customary_community": True, "facilitator_id": "f1",
    })  # fmt: skip
    center = visit_lists.referrals(asked, {"1101012001": "Suka Maju"})
    (found,) = visit_lists.files(rows, center, {"1101": "Kabupaten X"}, AS_OF)
    return found


def cells(page: openpyxl.worksheet.worksheet.Worksheet) -> list[str]:
    return [str(c.value) for row in page.iter_rows() for c in row if c.value is not None]


def test_a_sheet_for_each_facilitator_and_all_lines():
    book = openpyxl.load_workbook(io.BytesIO(visit_files.xlsx(regency(), LINEAGE)))
    assert book.sheetnames == ["Panduan", "Ringkasan", "001 f1", "002 f2", "Dititipkan dan menunggu", "Command Center"]
    heads = [c.value for c in book["001 f1"][5]]
    assert heads == [text for text, _ in words.COLUMNS.values()]
    first = dict(zip(words.COLUMNS, [c.value for c in book["001 f1"][6]], strict=True))
    assert first["kpm_id"] == "a"
    assert first["why"] == "calon graduasi: verifikasi; juga: rujukan program"
    assert first["life"] == "SMA berakhir 01/07/2026; KOMPONEN TERAKHIR"
    assert first["cases"] == "sakit berat (TKSK, 05/02/2025); pengaduan (warga, 05/01/2025)"
    assert "titipan dari f1" in " ".join(cells(book["002 f2"]))
    assert any("SIMULASI" in c for c in cells(book["001 f1"]))
    assert {"sakit berat", "LKS", "ATENSI", "ya"} <= set(cells(book["Command Center"]))


def test_the_summary_adds_up():
    found = regency().summary.set_index("facilitator_id")
    assert found.loc["f1"].to_dict() == {"visit": 2, "taken_over": 0, "hand_over": 1, "wait": 1}
    assert found.loc["f2"].to_dict() == {"visit": 1, "taken_over": 1, "hand_over": 0, "wait": 0}
    assert regency().rest["kpm_id"].tolist() == ["c", "d"]
    assert regency().rest["status"].tolist() == ["dititipkan", "menunggu"]


def test_no_cell_runs_and_no_text_is_markup():
    found = regency(NASTY)
    book = openpyxl.load_workbook(io.BytesIO(visit_files.xlsx(found, LINEAGE)))
    kinds = {c.data_type for page in book for row in page.iter_rows() for c in row}
    assert "f" not in kinds
    assert NASTY in cells(book["001 f1"])
    text = " ".join(page.extract_text() for page in PdfReader(io.BytesIO(visit_files.pdf(found, LINEAGE))).pages)
    assert "#pagebreak()" in text.replace("\n", "")


def test_each_facilitator_begins_on_a_page_of_its_own():
    pages = [p.extract_text() for p in PdfReader(io.BytesIO(visit_files.pdf(regency(), LINEAGE))).pages]
    assert len(pages) == 2
    assert "Daftar kunjungan f1" in pages[0]
    assert "Suka Maju (2)" in pages[0]
    assert "Daftar kunjungan f2" in pages[1]
    assert all("3f9a1c07be42" in p and "SIMULASI" in p for p in pages)


@pytest.mark.parametrize("write", [visit_files.xlsx, visit_files.pdf])
def test_equal_lists_are_equal_bytes(write):
    assert write(regency(), LINEAGE) == write(regency(), LINEAGE)


@pytest.mark.parametrize(
    ("facilitator", "name"), [("a/b:c", "007 a_b_c"), ("x" * 60, "007 " + "x" * 27), ("F'1[2]", "007 F_1_2_")]
)
def test_sheet_names_are_ones_a_spreadsheet_takes(facilitator, name):
    assert visit_files.sheet_name(7, facilitator) == name
    assert len(name) <= 31


def test_nothing_personal_and_no_verdict_in_the_headings():
    heads = " ".join(text.lower() for text, _ in words.COLUMNS.values())
    assert "nik" not in heads.replace("teknik", "")
    assert "lulus" not in heads
    assert "nama" not in heads
