"""A list as a workbook to be filled in the field: guidance, list, dictionary, metadata; locked but what is filled in.

Text stays text: no cell becomes a formula or a link. Row by row, so that ten thousand rows need little memory.
"""

import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import xlsxwriter

from pipeline.desk import numerals, workflow
from pipeline.desk.texts import text

OPTIONS = {
    "in_memory": False, "constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False,
    "strings_to_numbers": False,
}  # fmt: skip
LOCKED = (
    "rank",
    "kpm_id",
    "version",
    "name",
    "nik",
    "district",
    "village",
    "facilitator",
    "chance",
    "range",
    "pathway",
    "holds",
    "flags",
)
FILLED = ("outcome", "reason", "happened_on", "visit_form", "note")
COLUMNS = (*LOCKED, *FILLED)
WIDTHS = {
    "rank": 7,
    "kpm_id": 14,
    "version": 4,
    "name": 24,
    "nik": 19,
    "district": 16,
    "village": 18,
    "facilitator": 12,
    "chance": 18,
    "range": 10,
    "pathway": 20,
    "holds": 22,
    "flags": 24,
    "outcome": 20,
    "reason": 24,
    "happened_on": 13,
    "visit_form": 12,
    "note": 40,
}
HEADER_ROW = 4
PAPER_A4 = 9


@dataclass(frozen=True)
class Mark:
    """What names an exported file: who, when, of which bundle, and the watermark by which it is known again."""

    mark: str
    account: str
    at: datetime
    number: int
    as_of: date
    lineage: str
    scope: str
    simulated: bool
    sha256: str

    @property
    def line(self) -> str:
        return f"{self.mark} | {self.account} | {self.at:%Y-%m-%d %H:%M} | {self.number}"


def sheet_names(language: str) -> dict[str, str]:
    return {n: text(f"sheet_{n}", language) for n in ("guidance", "list", "summary", "dictionary", "metadata")}


def workbook(
    rows: Iterable[Mapping[str, Any]], summary: Iterable[Mapping[str, Any]], mark: Mark, language: str
) -> bytes:
    """The file's bytes; `rows` have COLUMNS without the filled ones, `summary` the district's counts."""
    stream = io.BytesIO()
    book = xlsxwriter.Workbook(stream, OPTIONS)
    book.set_properties(
        {"title": text("sheet_title", language), "created": datetime(2000, 1, 1), "comments": mark.mark}
    )
    formats = _formats(book)
    names = sheet_names(language)
    _guidance(book.add_worksheet(names["guidance"]), formats, mark, language)
    written = _list(book.add_worksheet(names["list"]), formats, rows, mark, language)
    _table(book.add_worksheet(names["summary"]), formats, summary, mark, language)
    _dictionary(book.add_worksheet(names["dictionary"]), formats, mark, language)
    _metadata(book.add_worksheet(names["metadata"]), formats, mark, written, language)
    _allowed(book.add_worksheet(text("sheet_choices", language)), language)
    book.get_worksheet_by_name(names["list"]).activate()
    book.close()
    return stream.getvalue()


def _formats(book: Any) -> dict[str, Any]:
    cell = {"font_size": 10, "valign": "top", "border": 1, "border_color": "#BFBFBF", "num_format": "@"}
    fill = {**cell, "locked": False, "bg_color": "#FFF9E5", "text_wrap": True}
    return {
        "title": book.add_format({"bold": True, "font_size": 14}),
        "note": book.add_format({"italic": True}),
        "warning": book.add_format({"bold": True, "font_color": "#7F1D1D"}),
        "header": book.add_format(
            {**cell, "bold": True, "bg_color": "#1F3864", "font_color": "#FFFFFF", "text_wrap": True}
        ),
        "fill_header": book.add_format(
            {**cell, "bold": True, "bg_color": "#7F6000", "font_color": "#FFFFFF", "text_wrap": True}
        ),
        "text": book.add_format(cell),
        "whole": book.add_format({**cell, "num_format": "0"}),
        "fill": book.add_format(fill),
        "fill_day": book.add_format({**fill, "num_format": "dd/mm/yyyy"}),
    }


def _heading(page: Any, formats: Mapping[str, Any], mark: Mark, language: str, title: str) -> None:
    page.write_string(0, 0, title, formats["title"])
    page.write_string(1, 0, text("person_decides", language), formats["note"])
    page.write_string(2, 0, text("simulated" if mark.simulated else "confidential", language), formats["warning"])
    page.set_landscape()
    page.set_paper(PAPER_A4)
    page.fit_to_pages(1, 0)
    page.set_footer(f"&L&8 {mark.line}&R&8&P / &N")
    page.protect("", {"autofilter": True, "sort": True, "format_columns": True, "format_rows": True})


def _list(page: Any, formats: Mapping[str, Any], rows: Iterable[Mapping[str, Any]], mark: Mark, language: str) -> int:
    for column, name in enumerate(COLUMNS):
        page.set_column(column, column, WIDTHS[name], None, {"hidden": name == "version"})
    _heading(page, formats, mark, language, text("sheet_title", language))
    for column, name in enumerate(COLUMNS):
        page.write_string(
            HEADER_ROW, column, text(f"column_{name}", language), formats["fill_header" if name in FILLED else "header"]
        )
    page.freeze_panes(HEADER_ROW + 1, 2)
    page.repeat_rows(HEADER_ROW)
    row = HEADER_ROW
    for row, values in enumerate(rows, HEADER_ROW + 1):
        _row(page, row, values, formats)
    _choices(page, HEADER_ROW + 1, max(row, HEADER_ROW + 1), language)
    page.autofilter(HEADER_ROW, 0, max(row, HEADER_ROW + 1), len(COLUMNS) - 1)
    return row - HEADER_ROW


def _row(page: Any, row: int, values: Mapping[str, Any], formats: Mapping[str, Any]) -> None:
    for column, name in enumerate(COLUMNS):
        if name in FILLED:
            page.write_blank(row, column, None, formats["fill_day" if name == "happened_on" else "fill"])
        elif isinstance(values[name], int):
            page.write_number(row, column, values[name], formats["whole"])
        else:
            page.write_string(row, column, str(values[name]), formats["text"])


def choices(language: str) -> dict[str, dict[str, str]]:
    """What may be written in a column: the text in the language -> the code."""
    visit = workflow.ACTIONS["visit"]
    reasons = dict.fromkeys(r for o in visit.outcomes.values() for r in o.reasons)
    return {
        "outcome": {text(f"outcome_visit_{o}", language): o for o in visit.outcomes},
        "reason": {text(f"reason_{r}", language): r for r in reasons},
        "visit_form": {text("yes", language): "yes", text("no", language): "no"},
    }


def _choices(page: Any, first: int, last: int, language: str) -> None:
    hint = text("choose_one", language)
    for n, (name, allowed) in enumerate(choices(language).items()):
        at = COLUMNS.index(name)
        source = f"='{text('sheet_choices', language)}'!${'ABC'[n]}$1:${'ABC'[n]}${len(allowed)}"
        page.data_validation(first, at, last, at, {"validate": "list", "source": source, "error_message": hint})
    at = COLUMNS.index("happened_on")
    rule = {
        "validate": "date",
        "criteria": ">=",
        "value": datetime(2000, 1, 1),
        "error_message": text("write_day", language),
    }
    page.data_validation(first, at, last, at, rule)


def _allowed(page: Any, language: str) -> None:
    """What the drop-downs offer: a list in a cell's own rule holds 255 characters at most, so it stands on a sheet."""
    columns = [list(allowed) for allowed in choices(language).values()]
    for row in range(max(map(len, columns))):
        for column, values in enumerate(columns):
            if row < len(values):
                page.write_string(row, column, values[row])
    page.hide()
    page.protect("")


def _guidance(page: Any, formats: Mapping[str, Any], mark: Mark, language: str) -> None:
    page.set_column(0, 0, 120)
    _heading(page, formats, mark, language, text("sheet_guidance", language))
    for n in range(1, 7):
        page.write_string(HEADER_ROW + n, 0, f"{n}. {text(f'guide_{n}', language)}", formats["text"])


def _table(
    page: Any, formats: Mapping[str, Any], summary: Iterable[Mapping[str, Any]], mark: Mark, language: str
) -> None:
    _heading(page, formats, mark, language, text("sheet_summary", language))
    names = ("name", "active", "listed", "held", "visited", "proposed")
    for column, name in enumerate(names):
        page.write_string(HEADER_ROW, column, text(f"head_{name}", language), formats["header"])
    for row, values in enumerate(summary, HEADER_ROW + 1):
        page.write_string(row, 0, str(values["name"]), formats["text"])
        for column, name in enumerate(names[1:], 1):
            page.write_number(row, column, int(values[name]), formats["whole"])


def _dictionary(page: Any, formats: Mapping[str, Any], mark: Mark, language: str) -> None:
    page.set_column(0, 0, 24)
    page.set_column(1, 1, 110)
    _heading(page, formats, mark, language, text("sheet_dictionary", language))
    for row, name in enumerate(COLUMNS, HEADER_ROW):
        page.write_string(row, 0, text(f"column_{name}", language), formats["header"])
        page.write_string(row, 1, text(f"meaning_{name}", language), formats["text"])


def _metadata(page: Any, formats: Mapping[str, Any], mark: Mark, rows: int, language: str) -> None:
    """Names and values that the way back reads: the first column holds codes, not words."""
    page.set_column(0, 0, 18)
    page.set_column(1, 1, 80)
    facts = {
        "mark": mark.mark, "bundle": str(mark.number), "as_of": numerals.day(mark.as_of), "lineage": mark.lineage,
        "scope": mark.scope, "rows": str(rows), "account": mark.account, "at": mark.at.isoformat(timespec="seconds"),
        "bundle_sha256": mark.sha256, "language": language,
        "warning": text("person_decides", language),
        "data": text("simulated" if mark.simulated else "confidential", language),
    }  # fmt: skip
    for row, (name, value) in enumerate(facts.items()):
        page.write_string(row, 0, name, formats["header"])
        page.write_string(row, 1, value, formats["text"])
    page.protect("")
