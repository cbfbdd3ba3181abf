"""One regency's list as bytes: XLSX for people, CSV for machines. The same list gives the same bytes.

Text stays text: no cell becomes a formula, a link or a number, whatever it begins with.
"""

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from textwrap import wrap
from typing import Any

import pandas as pd
import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from pipeline import wording
from pipeline.wording import FILL_IN, RegencyList

OPTIONS = {
    "in_memory": True,
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
    "nan_inf_to_errors": False,
}
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet may run a CSV cell that begins with one of these."""

WIDTHS = {
    "rank_in_regency": 6, "kpm_id": 13, "district_code": 10, "district_name": 13, "village_code": 11,
    "village_name": 14, "facilitator_id": 12, "rank_in_facilitator": 11, "chance": 12, "range": 8,
    "reasons_for": 36, "reasons_against": 30, "data_flags": 24, "pathway": 16, "pathway_reasons": 40, "holds": 40,
    "visit_result": 16,
    "decision": 16, "decision_reason": 22, "decided_on": 11, "officer": 13, "as_of": 11, "lineage": 18,
    "active": 12, "candidates": 12, "held": 12, "below": 14,
    "order": 5, "why": 30, "life": 24, "programmes": 13, "cases": 26, "partner": 12,
    "handed": 16, "status": 16, "visitor_id": 16, "waits_for": 30, "visit": 12, "taken_over": 12, "hand_over": 12,
    "wait": 12, "case_id": 17, "kind": 18, "reporter": 13, "reported_on": 11, "referral": 14, "asked_by": 16, "kat": 6,
}  # fmt: skip
LINE_HEIGHT = 13.5
HEADER, NOTE, PAPER_A4 = "#1F3864", "#7F1D1D", 9
CENTRED = {"order", "kat", "rank_in_regency", "rank_in_facilitator", "range", "as_of", "decided_on"}


@dataclass(frozen=True)
class Sheet:
    """One table on one sheet: title lines above, `columns` as machine name -> header."""

    name: str
    title: str
    columns: Mapping[str, str]
    rows: pd.DataFrame


class Book:
    """An open workbook with its cell formats, each made once."""

    def __init__(self, stream: io.BytesIO, created: datetime, title: str) -> None:
        self.book = xlsxwriter.Workbook(stream, OPTIONS)
        self.book.set_properties({"title": title, "created": created, "comments": wording.PERSON_DECIDES})
        base = {"font_name": "Calibri", "font_size": 10, "valign": "top"}
        cell = {**base, "border": 1, "border_color": "#BFBFBF", "text_wrap": True}
        self.formats = {
            "title": self._make(base, bold=True, font_size=14),
            "note": self._make(base, italic=True, font_color="#404040"),
            "warning": self._make(base, bold=True, font_color=NOTE, font_size=12),
            "header": self._make(cell, bold=True, bg_color=HEADER, font_color="#FFFFFF", valign="vcenter"),
            "fill_header": self._make(cell, bold=True, bg_color="#7F6000", font_color="#FFFFFF", valign="vcenter"),
            "text": self._make(cell, num_format="@"),
            "centre": self._make(cell, num_format="@", align="center"),
            "whole": self._make(cell, num_format="#,##0", align="center"),
            "day": self._make(cell, num_format="dd/mm/yyyy", align="center"),
            "fill": self._make(cell, locked=False, bg_color="#FFF9E5"),
            "fill_day": self._make(cell, locked=False, bg_color="#FFF9E5", num_format="dd/mm/yyyy", align="center"),
        }

    def _make(self, base: Mapping[str, Any], **more: Any) -> Format:
        return self.book.add_format({**base, **more})


def xlsx(regency: RegencyList, lineage: Mapping[str, Any]) -> bytes:
    """The workbook: Daftar Calon, Ditahan, Ringkasan, Kamus Kolom, Metadata.

    `lineage`: id, commit, source, extracted_on, model_sha256, simulated. Locked except the columns to fill in. Its
    creation date is as_of, so that bytes depend on nothing but the list.
    """
    stream = io.BytesIO()
    created = datetime(regency.as_of.year, regency.as_of.month, regency.as_of.day)
    book = Book(stream, created, _title(wording.LIST_TITLE, regency))
    for sheet in _sheets(regency):
        table_sheet(book, sheet, lineage)
    _dictionary_sheet(book, lineage)
    _metadata_sheet(book, regency, lineage)
    book.book.close()
    return stream.getvalue()


def _title(title: str, regency: RegencyList) -> str:
    return title.format(regency=regency.regency_name, as_of=wording.day(regency.as_of))


def _sheets(regency: RegencyList) -> list[Sheet]:
    heads = {name: texts[0] for name, texts in wording.LIST_COLUMNS.items()}
    total = regency.summary.sum(numeric_only=True).astype("int64")
    summed = pd.DataFrame([{"district_name": "JUMLAH", "facilitator_id": "", **total.to_dict()}])
    summary = pd.concat([regency.summary, summed], ignore_index=True)
    return [
        Sheet(
            wording.SHEETS["candidates"], _title(wording.LIST_TITLE, regency),
            {c: heads[c] for c in regency.candidates.columns}, regency.candidates,
        ),
        Sheet(
            wording.SHEETS["held"], _title(wording.HELD_TITLE, regency),
            {c: heads[c] for c in regency.held.columns}, regency.held,
        ),
        Sheet(wording.SHEETS["summary"], _title(wording.SUMMARY_TITLE, regency), wording.SUMMARY_COLUMNS, summary),
    ]  # fmt: skip


def table_sheet(book: Book, sheet: Sheet, lineage: Mapping[str, Any]) -> None:
    page = book.book.add_worksheet(sheet.name)
    head = _heading(book, page, sheet.title, lineage)
    for column, (name, text) in enumerate(sheet.columns.items()):
        page.set_column(column, column, WIDTHS[name])
        page.write_string(head, column, text, book.formats["fill_header" if name in FILL_IN else "header"])
    page.set_row(head, 32)
    for row, values in enumerate(sheet.rows[list(sheet.columns)].itertuples(index=False), head + 1):
        page.set_row(row, _height(list(sheet.columns), values))
        for column, (name, value) in enumerate(zip(sheet.columns, values, strict=True)):
            _cell(book, page, (row, column), name, value)
    last = head + max(1, len(sheet.rows))
    page.autofilter(head, 0, last, len(sheet.columns) - 1)
    page.freeze_panes(head + 1, 2)
    _fill_in(page, list(sheet.columns), head + 1, last)
    _print_setup(page, head, lineage)
    if "decision" in sheet.columns:
        page.repeat_columns(0, 1)
        page.fit_to_pages(2, 0)


def _height(columns: list[str], values: tuple[Any, ...]) -> float:
    """Room for the cell with most lines: a writer of files must say what a spreadsheet would find by drawing."""
    texts = ((v, WIDTHS[c]) for c, v in zip(columns, values, strict=True) if isinstance(v, str))
    return LINE_HEIGHT * max([1, *(len(wrap(text, width - 1)) for text, width in texts)]) + 3


def _heading(book: Book, page: Worksheet, title: str, lineage: Mapping[str, Any]) -> int:
    """Title, warning and who decides above the table; returns the row of the header."""
    page.write_string(0, 0, title, book.formats["title"])
    page.write_string(1, 0, wording.PERSON_DECIDES, book.formats["note"])
    simulated = bool(lineage.get("simulated"))
    line = wording.SIMULATED.id if simulated else wording.REAL_DATA
    page.write_string(2, 0, line, book.formats["warning" if simulated else "note"])
    return 4


def _cell(book: Book, page: Worksheet, at: tuple[int, int], name: str, value: Any) -> None:
    if name in FILL_IN:
        page.write_blank(*at, None, book.formats["fill_day" if name == "decided_on" else "fill"])
    elif wording.unknown(value):
        page.write_blank(*at, None, book.formats["text"])
    elif hasattr(value, "year"):
        page.write_datetime(*at, datetime(value.year, value.month, value.day), book.formats["day"])
    elif isinstance(value, str):
        page.write_string(*at, value, book.formats["centre" if name in CENTRED else "text"])
    else:
        page.write_number(*at, int(value), book.formats["whole"])


def _fill_in(page: Worksheet, columns: list[str], first: int, last: int) -> None:
    """Drop-downs and a date check in the columns that people fill in."""
    choices = {"visit_result": (wording.VISITS, "information"), "decision": (wording.DECISIONS, "stop")}
    for name, (values, strictness) in choices.items():
        if name in columns:
            at = columns.index(name)
            page.data_validation(
                first, at, last, at,
                {"validate": "list", "source": list(values), "error_type": strictness, "error_title": "Pilihan",
                 "error_message": "Pilih satu dari daftar."},
            )  # fmt: skip
    if "decided_on" in columns:
        at = columns.index("decided_on")
        page.data_validation(
            first, at, last, at,
            {"validate": "date", "criteria": ">=", "value": datetime(2000, 1, 1), "error_title": "Tanggal",
             "error_message": "Tulis tanggal sebagai dd/mm/yyyy."},
        )  # fmt: skip


def _print_setup(page: Worksheet, head: int, lineage: Mapping[str, Any]) -> None:
    page.set_landscape()
    page.set_paper(PAPER_A4)
    page.set_margins(left=0.4, right=0.4, top=0.5, bottom=0.6)
    page.fit_to_pages(1, 0)
    page.repeat_rows(head)
    mark = f"{wording.SIMULATED.id}  |  " if lineage.get("simulated") else ""
    page.set_footer(f"&L&8{mark}ID jejak {lineage['id']}&R&8Halaman &P dari &N")
    page.protect(
        "",
        {"autofilter": True, "sort": True, "format_columns": True, "format_rows": True, "select_locked_cells": True},
    )


def _dictionary_sheet(book: Book, lineage: Mapping[str, Any]) -> None:
    page = book.book.add_worksheet(wording.SHEETS["columns"])
    for column, (text, width) in enumerate((("Kolom", 24), ("Nama dalam CSV", 22), ("Arti", 96))):
        page.set_column(column, column, width)
        page.write_string(0, column, text, book.formats["header"])
    for row, (name, (head, meaning)) in enumerate(wording.LIST_COLUMNS.items(), 1):
        for column, text in enumerate((head, name, meaning)):
            page.write_string(row, column, text, book.formats["text"])
    page.freeze_panes(1, 0)
    _print_setup(page, 0, lineage)


def _metadata_sheet(book: Book, regency: RegencyList, lineage: Mapping[str, Any]) -> None:
    page = book.book.add_worksheet(wording.SHEETS["metadata"])
    page.set_column(0, 0, 26)
    page.set_column(1, 1, 100)
    simulated = bool(lineage.get("simulated"))
    facts = {
        **wording.lineage_facts(lineage),
        "as_of": wording.day(regency.as_of),
        "rows": str(len(regency.candidates)),
        "held": str(len(regency.held)),
        "active": str(regency.active),
        "data": wording.SIMULATED.id if simulated else wording.REAL_DATA,
        "warning": wording.PERSON_DECIDES,
    }
    for row, (name, value) in enumerate(facts.items()):
        page.set_row(row, LINE_HEIGHT * max(1, len(wrap(value, 95))) + 3)
        page.write_string(row, 0, wording.METADATA[name], book.formats["header"])
        page.write_string(row, 1, value, book.formats["text"])
    _print_setup(page, 0, lineage)


def csv_bytes(table: pd.DataFrame) -> bytes:
    """RFC 4180 in UTF-8 without a byte order mark, for machines; dates ISO 8601; unknown is empty.

    A text that begins like a formula gets a leading apostrophe; numbers are left alone, a negative one is no formula.
    """
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, lineterminator="\r\n")
    writer.writerow([_guarded(str(c)) for c in table.columns])
    for values in table.itertuples(index=False):
        writer.writerow([_plain(v) for v in values])
    return stream.getvalue().encode("utf-8")


def _plain(value: Any) -> Any:
    if wording.unknown(value):
        return ""
    if hasattr(value, "year"):
        return f"{value.year:04d}-{value.month:02d}-{value.day:02d}"
    return _guarded(value) if isinstance(value, str) else value


def _guarded(text: str) -> str:
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text
