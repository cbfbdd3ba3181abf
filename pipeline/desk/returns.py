"""A filled workbook comes back: all of it or nothing, with every error by sheet, row and column.

Pure of the database: a foreign file and a formula are refused here, an unknown row or one that was changed since the
export by whoever knows the rows. What the person wrote is never thrown away: the file is theirs to mend.
"""

import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import openpyxl
from openpyxl.utils import get_column_letter

from pipeline.desk import sheets
from pipeline.desk.sheets import COLUMNS, FILLED, HEADER_ROW

MOST_MEMBERS, MOST_BYTES, MOST_RATIO = 200, 300_000_000, 200
LONGEST_NOTE, LANGUAGES, SHOWN = 2000, ("id", "en"), 100


class Foreign(Exception):
    """No file of this desk; `code` says why."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True)
class Problem:
    """What is wrong with a cell; `code` is a text of the desk."""

    sheet: str
    row: int
    column: str
    code: str


@dataclass(frozen=True)
class Filled:
    """One row that was filled in."""

    row: int
    kpm_id: str
    version: int
    outcome: str
    reason: str
    happened_on: str
    visit_form: bool
    note: str


@dataclass(frozen=True)
class Read:
    """A file as read: its mark, its rows, and what is wrong."""

    mark: str
    number: int
    filled: list[Filled]
    seen: int
    problems: list[Problem]


def metadata(path: Path) -> dict[str, str]:
    """Names and values of the metadata sheet; Foreign for what is no file of this desk."""
    _bounded(path)
    book = _open(path)
    try:
        page = next((book[n] for n in _names("metadata") if n in book.sheetnames), None)
        if page is None:
            raise Foreign("no_metadata")
        rows = page.iter_rows(min_row=1, max_row=20, max_col=2, values_only=True)
        return {str(r[0]): str(r[1]) for r in rows if r and r[0] is not None and len(r) > 1}
    except (Foreign, MemoryError):
        raise
    except Exception:  # a sheet is parsed only as its rows are asked for
        raise Foreign("no_workbook") from None
    finally:
        book.close()


def _names(sheet: str) -> list[str]:
    return [sheets.sheet_names(language)[sheet] for language in LANGUAGES]


def _bounded(path: Path) -> None:
    """A small file that unpacks to a huge one is refused before anything is read."""
    try:
        with zipfile.ZipFile(path) as packed:
            members = packed.infolist()
    except Exception:  # zipfile raises anything at all on a damaged directory, NotImplementedError among it
        raise Foreign("no_workbook") from None
    size = sum(m.file_size for m in members)
    if len(members) > MOST_MEMBERS or size > MOST_BYTES or size > MOST_RATIO * max(path.stat().st_size, 1):
        raise Foreign("too_large")
    if any("vba" in m.filename.lower() or "externallink" in m.filename.lower() for m in members):
        raise Foreign("macros")


def _open(path: Path) -> Any:
    try:
        return openpyxl.load_workbook(path, read_only=True, data_only=False, keep_links=False)
    except Exception:  # openpyxl raises anything at all on damaged parts
        raise Foreign("no_workbook") from None


def read(path: Path, facts: Mapping[str, str]) -> Read:
    """Every row of the list, with what is wrong in it; `facts` is the file's metadata."""
    book = _open(path)
    try:
        page = next((book[n] for n in _names("list") if n in book.sheetnames), None)
        if page is None:
            raise Foreign("no_list")
        filled, problems, seen = [], [], 0
        for number, cells in enumerate(_rows(page), HEADER_ROW + 1):
            if number == HEADER_ROW + 1:
                problems += _heads(page.title, number, cells)
                continue
            if all(c.value in (None, "") for c in cells):
                continue
            seen += 1
            one, wrong = _row(page.title, number, cells)
            problems += wrong
            filled += [one] if one else []
        return Read(facts.get("mark", ""), _whole(facts.get("bundle")), filled, seen, problems)
    except (Foreign, MemoryError):
        raise
    except Exception:
        raise Foreign("no_workbook") from None
    finally:
        book.close()


def _rows(page: Any) -> Iterator[Any]:
    yield from page.iter_rows(min_row=HEADER_ROW + 1, max_row=HEADER_ROW + 1 + 25_000, max_col=len(COLUMNS))


def _heads(sheet: str, row: int, cells: Any) -> list[Problem]:
    from pipeline.desk.texts import text

    wanted = [[text(f"column_{c}", language) for c in COLUMNS] for language in LANGUAGES]
    given = [str(c.value) for c in cells]
    return [] if given in wanted else [Problem(sheet, row, "A", "heads_changed")]


def _whole(value: object) -> int:
    text = str(value if value is not None else "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else -1


def _row(sheet: str, number: int, cells: Any) -> tuple[Filled | None, list[Problem]]:
    """The row where it was filled in, and what is wrong with it."""
    values = {n: c.value for n, c in zip(COLUMNS, cells, strict=False)}
    at = {n: get_column_letter(i) for i, n in enumerate(COLUMNS, 1)}
    if formulas := [n for n, c in zip(COLUMNS, cells, strict=False) if c.data_type == "f"]:
        return None, [Problem(sheet, number, at[n], "formula") for n in formulas]
    if all(values.get(n) in (None, "") for n in FILLED):
        return None, []
    wrong: list[Problem] = []

    def choice(name: str) -> str:
        given = str(values.get(name) or "").strip()
        found = {k: v for language in LANGUAGES for k, v in sheets.choices(language)[name].items()}
        if given and given not in found:
            wrong.append(Problem(sheet, number, at[name], "not_offered"))
        return found.get(given, "")

    note = str(values.get("note") or "")
    if len(note) > LONGEST_NOTE:
        wrong.append(Problem(sheet, number, at["note"], "note_long"))
    happened = _day(values.get("happened_on"))
    if not happened:
        wrong.append(Problem(sheet, number, at["happened_on"], "day"))
    outcome, reason, form = choice("outcome"), choice("reason"), choice("visit_form")
    if not outcome:
        wrong.append(Problem(sheet, number, at["outcome"], "outcome"))
    one = Filled(
        number,
        str(values.get("kpm_id") or ""),
        _whole(values.get("version")),
        outcome,
        reason,
        happened,
        form == "yes",
        note,
    )
    return one, wrong


def _day(value: Any) -> str:
    """A day as ISO text; '' for what is none."""
    if isinstance(value, datetime):
        return value.date().isoformat()
    if isinstance(value, date):
        return value.isoformat()
    try:
        return datetime.strptime(str(value or "").strip(), "%d/%m/%Y").date().isoformat()
    except ValueError:
        return ""
