"""Workbooks out and back, PDF, what is logged of them, and the files that must be refused."""

import io
import os
import random
import re
import time
import zipfile
from dataclasses import replace

import openpyxl
import pytest
import walks
from bundles import kpm
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import override_settings
from pypdf import PdfReader

from pipeline.desk import sheets
from pipeline.desk.models import Account, Case, Entry, Export, Step
from pipeline.desk.texts import TEXTS, text

LIST = text("sheet_list", "en")
AT = {name: number for number, name in enumerate(sheets.COLUMNS, 1)}
FIRST = sheets.HEADER_ROW + 2
GOOD = {"outcome": text("outcome_visit_fit", "en"), "reason": text("reason_income_steady", "en"),
        "happened_on": "15/07/2025", "visit_form": text("yes", "en"), "note": "seen at home"}  # fmt: skip


@pytest.fixture
def planner(client_of):
    return client_of("planner")


def taken(client, **chosen):
    answer = client.post("/export/", chosen)
    assert answer.status_code == 200, answer.content[-500:]
    return answer.content


def filled(content, changes, sheet=LIST):
    """The file with cells set: {(row of the list from 0, column): value}."""
    book = openpyxl.load_workbook(io.BytesIO(content))
    for (row, column), value in changes.items():
        book[sheet].cell(FIRST + row, AT[column]).value = value
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def row_of(values, row=0):
    return {(row, k): v for k, v in values.items()}


def send(client, content, name="back.xlsx"):
    return client.post("/return/", {"file": SimpleUploadedFile(name, content)})


def problems(answer):
    """(row, column, text) of every problem that the page shows."""
    cells = re.findall(r"<td>([^<]*)</td>", answer.content.decode())
    return [tuple(cells[i : i + 4]) for i in range(0, len(cells), 4)]


def test_a_workbook_has_its_sheets_rows_and_locks(planner):
    book = openpyxl.load_workbook(io.BytesIO(taken(planner)))
    assert book.sheetnames == [
        text(f"sheet_{s}", "en") for s in ("guidance", "list", "summary", "dictionary", "metadata", "choices")
    ]
    page = book[LIST]
    ids = [page.cell(FIRST + n, AT["kpm_id"]).value for n in range(13)]
    assert ids == [*(kpm("3315", n) for n in range(12)), None]
    assert page.protection.sheet
    assert page.cell(FIRST, AT["kpm_id"]).protection.locked
    assert all(not page.cell(FIRST, AT[c]).protection.locked for c in sheets.FILLED)
    assert page.column_dimensions["C"].hidden  # the version
    assert len(page.data_validations.dataValidation) == 4
    assert page.cell(FIRST, AT["nik"]).value == "331501******0000"


def test_text_stays_text(planner):
    """A name that holds a script or begins like a formula is a text cell; no cell of the file is a formula."""
    book = openpyxl.load_workbook(io.BytesIO(taken(planner)))
    kinds = {c.data_type for page in book for row in page.iter_rows() for c in row if c.value is not None}
    assert kinds <= {"s", "n"}
    assert "<script>" in book[LIST].cell(FIRST + 2, AT["name"]).value


def test_every_file_is_logged_and_marked(planner):
    content = taken(planner, facilitator="F33151")
    row = Export.objects.get()
    assert (row.kind, row.rows, row.scope, row.account.username) == ("list", 4, "F33151", "planner")
    book = openpyxl.load_workbook(io.BytesIO(content))
    facts = {r[0]: r[1] for r in book[text("sheet_metadata", "en")].iter_rows(values_only=True)}
    assert facts["mark"] == row.mark
    assert row.mark in book[LIST].oddFooter.left.text
    assert "planner" in book[LIST].oddFooter.left.text
    assert Entry.objects.order_by("-seq").first().kind == "export"


def test_too_many_rows_or_files_are_refused(planner):
    desk = settings.DESK
    with override_settings(DESK=replace(desk, export_rows=3)):
        assert planner.post("/export/", {}).status_code == 400
    with override_settings(DESK=replace(desk, exports_a_day=1)):
        assert planner.post("/export/", {}).status_code == 200
        assert planner.post("/export/", {}).status_code == 400
    assert Entry.objects.order_by("-seq").first().kind == "export_refused"


def test_a_file_that_comes_back_is_looked_at_and_then_recorded_whole(planner):
    content = filled(
        taken(planner),
        row_of(GOOD)
        | row_of(GOOD | {"outcome": text("outcome_visit_again", "en"), "reason": text("reason_not_home", "en")}, 1),
    )
    answer = send(planner, content)
    assert answer.status_code == 200
    assert Step.objects.count() == 0, "looking records nothing"
    token = re.search(r'name="token" value="([^"]+)"', answer.content.decode())[1]
    assert planner.post("/return/accept/", {"token": token}).status_code == 302
    assert dict(Case.objects.values_list("kpm_id", "state")) == {kpm("3315", 0): "visited", kpm("3315", 1): "waiting"}
    assert planner.post("/return/accept/", {"token": token}).status_code == 400, "not twice"
    assert Step.objects.count() == 2
    assert Entry.objects.filter(kind="return").count() == 1


@pytest.mark.parametrize("language", ["id", "en"])
def test_the_other_language_comes_back_too(client_of, person, language):
    client = client_of("planner")
    Account.objects.filter(username="planner").update(language=language)
    content = taken(client)
    sheet = text("sheet_list", language)
    values = {
        "outcome": text("outcome_visit_fit", language),
        "reason": text("reason_assets", language),
        "happened_on": "15/07/2025",
        "visit_form": text("yes", language),
    }
    assert b'name="token"' in send(client, filled(content, row_of(values), sheet)).content


@pytest.mark.parametrize(("changes", "column", "code"), [
    ({"outcome": "lulus"}, "outcome", "not_offered"),
    ({"reason": "because"}, "reason", "not_offered"),
    ({"reason": text("reason_not_home", "en")}, "reason", "reason"),
    ({"happened_on": "31/02/2025"}, "happened_on", "day"),
    ({"happened_on": None}, "happened_on", "day"),
    ({"happened_on": "15/07/2999"}, "happened_on", "future"),
    ({"visit_form": text("no", "en")}, "visit_form", "documents"),
    ({"note": "x" * 2001}, "note", "note_long"),
    ({"note": "=1+1"}, "note", "formula"),
    ({"kpm_id": "K9999999"}, "kpm_id", "row_unknown"),
    ({"kpm_id": kpm("3509", 0)}, "kpm_id", "row_unknown"),
    ({"kpm_id": kpm("3315", 1)}, "kpm_id", "row_twice"),
    ({"version": 7}, "kpm_id", "row_changed"),
])  # fmt: skip
def test_each_mistake_is_named_by_sheet_row_and_column_and_nothing_is_recorded(planner, changes, column, code):
    both = row_of(GOOD, 1) | row_of({**GOOD, **changes}, 2)
    answer = send(planner, filled(taken(planner), both))
    assert answer.status_code == 400
    assert b'name="token"' not in answer.content
    at = openpyxl.utils.get_column_letter(AT[column])
    assert (LIST, str(FIRST + 2), at, TEXTS[f"problem_{code}"][1].replace("'", "&#x27;")) in problems(answer)
    assert Step.objects.count() == 0


def test_a_row_that_changed_between_looking_and_accepting_stops_all_rows(planner):
    content = filled(taken(planner), row_of(GOOD) | row_of(GOOD, 1))
    token = re.search(r'name="token" value="([^"]+)"', send(planner, content).content.decode())[1]
    walks.record("facilitator", kpm("3315", 0), "visit", "not_yet")
    assert planner.post("/return/accept/", {"token": token}).status_code == 409
    assert Step.objects.count() == 1


def test_another_persons_list_gives_nothing_to_a_facilitator(planner, client_of):
    content = filled(taken(planner), row_of(GOOD, 1))  # a family of F33151
    answer = send(client_of("facilitator"), content)
    assert answer.status_code == 400
    assert b"not of your list" in answer.content


def test_what_was_never_accepted_goes_when_no_session_can_accept_it_any_more(planner):
    folder, limit = settings.STATE / "uploads", settings.SESSION_COOKIE_AGE
    now = time.time()
    for name, age in (("older", limit + 60), ("younger", limit - 60)):
        (folder / f"{name}.json").write_text("{}")
        os.utime(folder / f"{name}.json", (now - age, now - age))
    assert b'name="token"' in send(planner, filled(taken(planner), row_of(GOOD))).content
    assert not (folder / "older.json").exists()
    (folder / "younger.json").unlink()


def test_a_token_of_another_session_is_refused(planner, client_of):
    token = re.search(
        r'name="token" value="([^"]+)"', send(planner, filled(taken(planner), row_of(GOOD))).content.decode()
    )[1]
    assert client_of("second").post("/return/accept/", {"token": token}).status_code == 400
    assert Step.objects.count() == 0


def bomb():
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("xl/worksheets/sheet1.xml", b"0" * 50_000_000)
    return stream.getvalue()


def foreign_workbook():
    stream = io.BytesIO()
    openpyxl.Workbook().save(stream)
    return stream.getvalue()


@pytest.mark.parametrize(("content", "code"), [
    (b"", "no_workbook"), (b"not a workbook", "no_workbook"), (b"PK\x03\x04" + b"\x00" * 100, "no_workbook"), (bomb(), "too_large"),
    (foreign_workbook(), "no_metadata"),
])  # fmt: skip
def test_a_foreign_file_is_refused_politely(planner, content, code):
    answer = send(planner, content)
    assert answer.status_code == 400
    assert TEXTS[f"problem_{code}"][1].encode() in answer.content


def test_a_file_with_a_mark_that_nobody_gave_is_refused(planner):
    book = openpyxl.load_workbook(io.BytesIO(taken(planner)))
    book[text("sheet_metadata", "en")]["B1"] = "0" * 16
    stream = io.BytesIO()
    book.save(stream)
    assert b"does not know this file" in send(planner, stream.getvalue()).content


def test_a_workbook_packed_by_a_later_zip_is_refused(planner):
    """The version that is needed to unpack stands in the sixth byte of each entry of the directory: 7.3 is none of ours."""
    content = bytearray(taken(planner))
    content[content.index(b"PK\x01\x02") + 6] = 73
    answer = send(planner, bytes(content))
    assert answer.status_code == 400
    assert TEXTS["problem_no_workbook"][1].encode() in answer.content


def test_a_workbook_with_a_damaged_sheet_is_refused(planner):
    """The zip is whole and names every sheet; a sheet is parsed only as its rows are asked for."""
    stream, sound = io.BytesIO(), zipfile.ZipFile(io.BytesIO(taken(planner)))
    with zipfile.ZipFile(stream, "w") as book:
        for name in sound.namelist():
            book.writestr(name, sound.read(name).replace(b"</row>", b"</roe>"))
    answer = send(planner, stream.getvalue())
    assert answer.status_code == 400
    assert TEXTS["problem_no_workbook"][1].encode() in answer.content


@pytest.mark.parametrize("seed", range(40))
def test_mutated_files_never_break_the_desk(planner, seed):
    draw, content = random.Random(seed), bytearray(filled(taken(planner), row_of(GOOD)))
    for _ in range(draw.choice([1, 20, 400])):
        content[draw.randrange(len(content))] = draw.randrange(256)
    answer = send(planner, bytes(content[: draw.choice([len(content), len(content) // 2])]))
    assert answer.status_code in (200, 400)
    assert Step.objects.count() == 0


def test_visit_sheets_and_minutes_are_printed_and_logged(planner):
    answer = planner.post("/export/sheets/", {"facilitator": "F33150"})
    told = "".join(p.extract_text() for p in PdfReader(io.BytesIO(answer.content)).pages)
    assert answer["Content-Type"] == "application/pdf"
    assert kpm("3315", 0) in told
    assert "SIMULATED DATA" in told
    assert planner.get(f"/family/{kpm('3315', 0)}/minutes.pdf").status_code == 404, "no meeting is due"
    walks.walk(kpm("3315", 0), 3)
    minutes = planner.get(f"/family/{kpm('3315', 0)}/minutes.pdf")
    assert "Minutes of the village meeting" in PdfReader(io.BytesIO(minutes.content)).pages[0].extract_text()
    assert [e.kind for e in Export.objects.order_by("id")] == ["sheets", "minutes"]


def test_a_name_is_data_and_never_markup_in_a_pdf(planner):
    """The name with a script stands in the PDF letter by letter."""
    answer = planner.post("/export/sheets/", {"facilitator": "F33152"})
    told = "".join(p.extract_text() for p in PdfReader(io.BytesIO(answer.content)).pages)
    assert "<script>" in told
