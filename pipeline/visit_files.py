"""One regency's visits as bytes: a workbook with a sheet per facilitator, and the same lists to print as PDF.

Equal lists give equal bytes: no clock, no font of the machine. Text stays text in both: in the workbook no cell becomes
a formula, and Typst gets the rows as data, never as markup.
"""

import io
import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from textwrap import wrap
from typing import Any

import pandas as pd
import typst
from jinja2 import Environment, PackageLoader

from pipeline import visit_wording as words
from pipeline import wording, workbook
from pipeline.visit_lists import VisitFile
from pipeline.workbook import Book, Sheet

FORBIDDEN = re.compile(r"[\[\]:*?/\\']")
NAME_LENGTH = 31  # Excel's limit for a sheet's name
GUIDANCE_WIDTH = 120
PRINTED = ("order", "kpm_id", "why", "pathway", "holds", "chance", "life", "programmes", "cases", "partner",
           "visit_result")  # fmt: skip


def xlsx(regency: VisitFile, lineage: Mapping[str, Any]) -> bytes:
    """The workbook: Panduan, Ringkasan, a sheet per facilitator, Dititipkan dan menunggu, Command Center.

    `lineage`: id, commit, source, extracted_on, model, simulated. Its creation date is as_of. Locked except the columns
    to fill in.
    """
    stream = io.BytesIO()
    created = datetime(regency.as_of.year, regency.as_of.month, regency.as_of.day)
    book = Book(stream, created, _title(words.SUMMARY_TITLE, regency))
    _guidance(book, regency, lineage)
    for sheet in _sheets(regency):
        workbook.table_sheet(book, sheet, lineage)
    book.book.close()
    return stream.getvalue()


def _title(title: str, regency: VisitFile, **more: str) -> str:
    return title.format(regency=regency.regency_name, as_of=wording.day(regency.as_of), **more)


def _sheets(regency: VisitFile) -> Iterator[Sheet]:
    heads = {c: text for c, (text, _) in words.COLUMNS.items()}
    yield Sheet(
        words.SHEETS["summary"], _title(words.SUMMARY_TITLE, regency), words.SUMMARY_COLUMNS, _summed(regency.summary)
    )
    for number, (facilitator, rows) in enumerate(regency.lists.items(), 1):
        yield Sheet(sheet_name(number, facilitator), _title(words.TITLE, regency, facilitator=facilitator), heads, rows)
    yield Sheet(words.SHEETS["rest"], _title(words.REST_TITLE, regency), words.REST_COLUMNS, regency.rest)
    yield Sheet(words.SHEETS["center"], _title(words.CENTER_TITLE, regency), words.CENTER_COLUMNS, regency.center)


def sheet_name(number: int, facilitator: str) -> str:
    """The facilitator with its place in the book before it, so that two that differ only in letters' case stay two."""
    return f"{number:03d} {FORBIDDEN.sub('_', facilitator)}"[:NAME_LENGTH].rstrip()


def _summed(summary: pd.DataFrame) -> pd.DataFrame:
    total = summary.sum(numeric_only=True).astype("int64").to_dict()
    return pd.concat([summary, pd.DataFrame([{"facilitator_id": "JUMLAH", **total}])], ignore_index=True)


def _guidance(book: Book, regency: VisitFile, lineage: Mapping[str, Any]) -> None:
    page = book.book.add_worksheet(words.SHEETS["guidance"])
    page.set_column(0, 0, 26)
    page.set_column(1, 1, GUIDANCE_WIDTH)
    page.write_string(0, 0, _title(words.SUMMARY_TITLE, regency), book.formats["title"])
    simulated = bool(lineage.get("simulated"))
    line = wording.SIMULATED.id if simulated else wording.REAL_DATA
    page.write_string(1, 0, line, book.formats["warning" if simulated else "note"])
    facts = wording.lineage_facts(lineage)
    lines = [
        *((str(n), f"{t.id}\n{t.en}") for n, t in enumerate(words.GUIDANCE, 1)),
        *((head, meaning) for head, meaning in words.COLUMNS.values()),
        *((wording.METADATA[k], v) for k, v in facts.items()),
    ]
    for row, (name, text) in enumerate(lines, 3):
        page.set_row(row, workbook.LINE_HEIGHT * sum(len(wrap(t, GUIDANCE_WIDTH)) for t in text.split("\n")) + 3)
        page.write_string(row, 0, name, book.formats["header"])
        page.write_string(row, 1, text, book.formats["text"])
    page.set_landscape()
    page.set_paper(workbook.PAPER_A4)
    page.fit_to_pages(1, 0)
    page.protect("")


# ------------------------------------------------------------------ PDF


def pdf(regency: VisitFile, lineage: Mapping[str, Any]) -> bytes:
    """The facilitators' lists to print, each from a new page on, villages as headings, with room to write."""
    source = Environment(loader=PackageLoader("pipeline", "templates")).get_template("visits.typ").render()
    data = json.dumps(printed(regency, lineage), ensure_ascii=False, sort_keys=True)
    compiled = typst.compile(source.encode("utf-8"), format="pdf", sys_inputs={"data": data}, ignore_system_fonts=True)
    return bytes(compiled)


def printed(regency: VisitFile, lineage: Mapping[str, Any]) -> dict[str, Any]:
    """What the template prints: headings, guidance and each facilitator's villages with their rows of text."""
    simulated = bool(lineage.get("simulated"))
    return {
        "title": _title(words.SUMMARY_TITLE, regency),
        "mark": wording.SIMULATED.id if simulated else wording.REAL_DATA,
        "lineage": f"ID jejak {lineage['id']}",
        "decides": wording.PERSON_DECIDES,
        "guidance": [t.id for t in words.GUIDANCE],
        "none": words.NO_VISITS,
        "heads": [words.COLUMNS[c][0] for c in PRINTED],
        "lists": [
            {"title": _title(words.TITLE, regency, facilitator=f), "count": len(rows), "villages": _villages(rows)}
            for f, rows in regency.lists.items()
        ],
    }


def _villages(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """Runs of one village in the order of the list."""
    run = (rows["village_name"] != rows["village_name"].shift()).cumsum()
    parts = [one for _, one in rows.groupby(run, sort=True)]
    return [
        {"name": f"{p['village_name'].iloc[0]} ({len(p)})", "rows": [_line(r) for r in p.to_dict("records")]}
        for p in parts
    ]


def _line(row: Mapping[Any, Any]) -> list[str]:
    """One family's cells in the order of PRINTED; the last stays empty, to write in."""
    path = ": ".join(str(row[c]) for c in ("pathway", "pathway_reasons") if row[c])
    why = "; ".join(str(row[c]) for c in ("why", "handed") if row[c])
    rest = [str(row[c]) for c in ("holds", "chance", "life", "programmes", "cases", "partner")]
    return [str(row["order"]), str(row["kpm_id"]), why, path, *rest, ""]
