"""The book that rows are written in: numbers until the end, then cut at extracted_on and turned into contract tables.

While the world runs, a choice is a position in its list (-1 null), a text a position in a word list (-1 null), a flag
0 or 1 (-1 null), a missing day NaT. Each row carries `known` (from when an extract has it) and, where a column of it is
closed by something later, `closed_known` (from when an extract has that column).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from pipeline.simulate.draws import NEVER, NOT_A_DAY, Array
from pipeline.simulate.households import Families
from pipeline.tables import TABLES, Cases, Column

CLOSED_LATER = {"members": "valid_to", "assignments": "valid_to", "programmes": "ended_on", "cases": "closed_on"}
STATUS = Cases.column("status").values
ARROW = {"text": pa.string(), "choice": pa.string(), "day": pa.date32(), "flag": pa.bool_(), "whole": pa.int64(),
         "number": pa.float64()}  # fmt: skip
Frame = dict[str, Array]


@dataclass
class Book:
    """Rows by table, in the order in which the world wrote them."""

    fam: Families
    lag_days: Array  # of each family's post
    known_on: Array  # day by which each family's running membership was recorded
    frames: dict[str, list[Frame]] = field(default_factory=dict)

    def recorded(self, rows: Array, event_on: Array, rng: np.random.Generator) -> Array:
        """When the rows of these families become known: 1 to 90 days after the event, and not before the membership."""
        lag = 1 + np.minimum(rng.exponential(self.lag_days[rows]), 89).astype(int)
        return np.asarray(np.maximum(event_on + lag.astype("m8[D]"), self.known_on[rows]))

    def write(self, table: str, **columns: Any) -> None:
        """Add rows; single values are repeated, `known` is `recorded_on` unless given."""
        size = len(columns["kpm_id"])
        frame = {n: np.broadcast_to(np.asarray(v), (size,)) for n, v in columns.items()}
        frame.setdefault("known", frame.get("recorded_on", np.full(size, NEVER)))
        self.frames.setdefault(table, []).append(frame)

    def whole(self, table: str) -> Frame:
        """All rows of a table, the first of each key, sorted by key."""
        chunks = self.frames[table]
        frame = {n: np.concatenate([c[n] for c in chunks]) for n in chunks[0]}
        key = [_ranked(TABLES[table].column(k), frame[k]) for k in TABLES[table].key]
        order = np.lexsort(key[::-1])
        again = np.ones(len(order), bool)
        again[:1] = False
        for k in key:
            again[1:] &= k[order][1:] == k[order][:-1]
        kept = order[~again]
        return {n: v[kept] for n, v in frame.items()}


def _ranked(column: Column, values: Array) -> Array:
    """Positions in the order of the words, so that sorting by them sorts the words; other values as they are."""
    return np.argsort(np.argsort(column.values))[values] if column.kind == "choice" else values


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


def to_arrow(table: str, frame: Frame, words: Mapping[str, pa.Array]) -> pa.Table:
    """A contract table; `words` has the texts of every text column."""
    columns = TABLES[table].columns()
    arrays = {c.name: _column(c, frame[c.name], words) for c in columns}
    return pa.table(arrays, schema=pa.schema([pa.field(c.name, ARROW[c.kind]) for c in columns]))


def _column(column: Column, values: Array, words: Mapping[str, pa.Array]) -> pa.Array:
    if column.kind in ("text", "choice"):
        texts = words[column.name] if column.kind == "text" else pa.array(column.values, pa.string())
        return texts.take(pa.array(values.astype(np.int64), mask=values < 0))
    if column.kind == "day":
        return pa.array(values.astype("M8[D]"), pa.date32(), mask=np.isnat(values))
    missing = np.isnan(values) if column.kind == "number" else values < 0
    plain: Array = values.astype({"flag": np.bool_, "whole": np.int64, "number": np.float64}[column.kind])
    return pa.array(plain, ARROW[column.kind], mask=missing)
