"""The book that rows are written in: numbers until the end, then cut at extracted_on and turned into contract tables.

While the world runs, a choice is a position in its list (-1 null), a text a position in a word list (-1 null), a flag
0 or 1 (-1 null), a missing day NaT. A row may carry `known` (from when an extract has it; else recorded_on) and, where
a column of it is closed by something later, `closed_known` (from when an extract has that column).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from pipeline.simulate.draws import NOT_A_DAY, Array, Stream
from pipeline.simulate.economy import State
from pipeline.simulate.households import Families
from pipeline.simulate.places import Posts
from pipeline.tables import TABLES, Cases, Column

CLOSED_LATER = {"members": "valid_to", "assignments": "valid_to", "programmes": "ended_on", "cases": "closed_on"}
STATUS = Cases.column("status").values
ARROW = {"text": pa.string(), "choice": pa.string(), "day": pa.date32(), "flag": pa.bool_(), "whole": pa.int64(),
         "number": pa.float64()}  # fmt: skip
LONGEST_LAG = 90
_HELD: dict[str, Any] = {"text": np.int64, "choice": np.int8, "flag": np.int8, "whole": np.int64, "number": np.float64,
         "day": "M8[D]"}  # fmt: skip
_FEW = ("period", "quarter")  # texts of few different words
_KIND = {name: {c.name: _HELD[c.kind] for c in table.columns()} for name, table in TABLES.items()}
Frame = dict[str, Array]
Words = Mapping[str, pa.Array | Callable[[Frame], pa.Array]]


def schema(table: str) -> pa.Schema:
    """The contract's columns as Arrow types, every text plain."""
    return pa.schema([pa.field(c.name, ARROW[c.kind]) for c in TABLES[table].columns()])


@dataclass
class Book:
    """Rows by table, in the order in which the world wrote them, and what its writers remember, by family."""

    fam: Families
    posts: Posts
    state: State
    known_on: Array  # day by which each family's running membership was recorded
    roster_known: Array  # day by which each family's roster was recorded in full
    left_known: Array  # recorded_on of each family's last exit, NaT before
    served_by: Array  # facilitator of each family's last assignment, -1 before
    frames: dict[str, list[Frame]] = field(default_factory=dict)

    @classmethod
    def empty(cls, fam: Families, posts: Posts, state: State) -> "Book":
        """A book without rows; `state` is the one that the world changes in place."""
        known, nobody = fam.known_on, np.full(len(fam), -1, np.int64)
        return cls(fam, posts, state, known.copy(), known.copy(), np.full(len(fam), NOT_A_DAY), nobody)

    def recorded(self, rows: Array, event_on: Any, stream: Stream, nth: int = 0) -> Array:
        """When the rows of these families become known: 1 to 90 days after the event, and not before the membership."""
        lag = stream.exponential(self.fam.ids[rows], nth) * self.posts.lag_days[self.state.post[rows]]
        wait = (1 + np.minimum(lag, LONGEST_LAG - 1)).astype("m8[D]")
        return np.asarray(np.maximum(event_on + wait, self.known_on[rows]))

    def write(self, table: str, **columns: Any) -> None:
        """Add rows; single values are repeated. A table that is written to exists, even without a row."""
        size = len(columns["kpm_id"])
        if not size and table in self.frames:
            return
        held = _KIND[table]
        frame = {
            n: np.broadcast_to(np.asarray(v).astype(held.get(n, "M8[D]"), copy=False), (size,))
            for n, v in columns.items()
        }
        self.frames.setdefault(table, []).append(frame)

    def whole(self, table: str) -> Frame:
        """All rows of a table, the first of each key, sorted by key."""
        frame = self.together(table)
        code = _code(table, frame)
        order = np.argsort(code, kind="stable")
        first = np.ones(len(order), bool)
        first[1:] = code[order][1:] != code[order][:-1]
        kept = order[first]
        frame = {n: v[kept] for n, v in frame.items()}
        return _closed(frame) if table == "assignments" else frame

    def together(self, table: str) -> Frame:
        """All rows of a table as they were written; cases numbered, each family's own in the order of writing."""
        chunks = self.frames[table]
        frame = {n: np.concatenate([c[n] for c in chunks]) for n in chunks[0]}
        if table == "cases":
            frame["case_id"] = _running_number(frame["kpm_id"])
        if "known" not in frame:
            frame["known"] = frame["recorded_on"]
        return frame


def _running_number(family: Array) -> Array:
    """1, 2, 3 within each family in row order: what comes later changes no number."""
    order = np.argsort(family, kind="stable")
    place = np.arange(len(family))
    start = np.searchsorted(family[order], family[order])
    number = np.empty(len(family), np.int64)
    number[order] = place - start + 1
    return number


def _code(table: str, frame: Frame) -> Array:
    """One number for each key that sorts as the key does; a case's number counts within its family."""
    key = ("kpm_id", "case_id") if table == "cases" else TABLES[table].key
    code = np.zeros(len(frame["kpm_id"]), np.int64)
    for name in key:
        part = _ranked(TABLES[table].column(name), frame[name]).astype(np.int64)
        low = part.min(initial=0)
        code = code * (part.max(initial=0) - low + 1) + (part - low)
    return code


def _ranked(column: Column, values: Array) -> Array:
    """Positions in the order of the words, so that sorting by them sorts the words; other values as they are."""
    return np.argsort(np.argsort(column.values))[values] if column.kind == "choice" else values


def _closed(frame: Frame) -> Frame:
    """Each assignment ends where the family's next one starts."""
    followed = np.append(frame["kpm_id"][1:] == frame["kpm_id"][:-1], False)
    after = {n: np.append(frame[n][1:], NOT_A_DAY) for n in ("valid_from", "known")}
    ends = {n: np.where(followed, v, NOT_A_DAY) for n, v in after.items()}
    return frame | {"valid_to": ends["valid_from"], "closed_known": ends["known"]}


def cut(table: str, frame: Frame, extracted_on: np.datetime64) -> Frame:
    """The rows known on `extracted_on`, with what was closed later still open."""
    known = frame["known"] <= extracted_on
    seen = {n: v[known] for n, v in frame.items()}
    if table in CLOSED_LATER:
        closes = CLOSED_LATER[table]
        open_still = (seen["closed_known"] > extracted_on) | np.isnat(seen["closed_known"])
        seen[closes] = np.where(open_still, NOT_A_DAY, seen[closes])
    if table == "cases":
        unclosed = np.where(seen["referred_to"] >= 0, STATUS.index("referred"), STATUS.index("open"))
        seen["status"] = np.where(np.isnat(seen["closed_on"]), unclosed, STATUS.index("closed"))
    return seen


def to_arrow(table: str, frame: Frame, words: Words) -> pa.Table:
    """A contract table whose choices and quarters are dictionaries; `words` has the texts of every text column.

    Words under `<table>.<column>` come before those under `<column>`; choices have the contract's unless given.
    """
    arrays = {c.name: _column(c, frame, _words(table, c, words)) for c in TABLES[table].columns()}
    return pa.table(arrays)


def _words(table: str, column: Column, words: Words) -> pa.Array | Callable[[Frame], pa.Array] | None:
    own = words.get(f"{table}.{column.name}")
    if own is None and column.kind == "choice":
        return pa.array(column.values, pa.string())
    return words.get(column.name) if own is None else own


def _column(column: Column, frame: Frame, words: Any) -> pa.Array:
    values = frame[column.name]
    if column.kind in ("text", "choice"):
        return words(frame) if callable(words) else _texts(column, values, words)
    if column.kind == "day":
        return pa.array(values, pa.date32(), mask=np.isnat(values))
    missing = np.isnan(values) if column.kind == "number" else values < 0
    plain = values != 0 if column.kind == "flag" else values
    return pa.array(plain, ARROW[column.kind], mask=missing)


def _texts(column: Column, values: Array, words: pa.Array) -> pa.Array:
    missing = values < 0
    places = pa.array(values.astype(np.int32), mask=missing if missing.any() else None)
    if column.kind == "choice" or column.name in _FEW:
        return pa.DictionaryArray.from_arrays(places, words)
    return words.take(places)
