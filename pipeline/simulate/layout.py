"""How a world lies on disk: for each block and table a sorted piece, in it one run of rows for each quarter of record.

A regency is read by the names of its files, a quarter by the statistics of its row groups, without the rest.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pyarrow as pa

from pipeline.simulate import flaws, identifiers, truth
from pipeline.simulate.book import Book, Frame, Words, cut, to_arrow
from pipeline.simulate.draws import Array, Month
from pipeline.simulate.places import Block

RECORDED = {"assignments": "valid_from"}  # all others have recorded_on


@dataclass(frozen=True)
class Piece:
    """The rows of one block in one table; `runs` are the lengths of its runs of rows, one a quarter."""

    table: pa.Table
    runs: tuple[int, ...]


@dataclass(frozen=True)
class Part:
    """One block: pieces of the contract's tables and of the truth's, by name."""

    block: Block
    tables: dict[str, Piece]
    truth: dict[str, Piece]


@dataclass(frozen=True)
class Edition:
    """What a chunk's book is printed with."""

    extracted_on: np.datetime64
    calendar: tuple[Month, ...]
    source: flaws.Source
    flaws: flaws.Config


def parts(chunk: Sequence[Block], book: Book, told: truth.Truth, edition: Edition) -> tuple[Part, ...]:
    """A chunk's rows, block by block."""
    ends = np.cumsum([0, *(b.families for b in chunk)])
    words = identifiers.texts(edition.source.fam, edition.source.people) | identifiers.quarters(edition.calendar)
    tables: list[dict[str, Piece]] = [{} for _ in chunk]
    for name in sorted(book.frames):
        frame = cut(name, book.whole(name), edition.extracted_on)
        spoilt, own = flaws.apply(name, frame, words, edition.source, edition.flaws)
        for k, rows in enumerate(_families(frame["kpm_id"], ends)):
            tables[k][name] = _piece(name, {n: v[rows] for n, v in spoilt.items()}, own)
        del book.frames[name]
    truths: list[dict[str, Piece]] = [{} for _ in chunk]
    for name, columns in told.items():
        for k, rows in enumerate(_families(columns["family"], ends)):
            table = truth.to_arrow({n: v[rows] for n, v in columns.items()}, words["kpm_id"])
            truths[k][name] = Piece(table, (table.num_rows,))
    return tuple(Part(b, t, u) for b, t, u in zip(chunk, tables, truths, strict=True))


def _families(family: Array, ends: Array) -> list[slice]:
    """Rows of each block, in a table sorted by family."""
    at = np.searchsorted(family, ends)
    return [slice(int(a), int(b)) for a, b in pairwise(at)]


def _piece(name: str, frame: Frame, words: Words) -> Piece:
    """Sorted by the quarter of record, within it by key."""
    quarter = frame[RECORDED.get(name, "recorded_on")].astype("M8[M]").astype(int) // 3
    order = np.argsort(quarter, kind="stable")
    runs = np.unique(quarter, return_counts=True)[1]
    table = to_arrow(name, {n: v[order] for n, v in frame.items()}, words)
    return Piece(table, tuple(int(n) for n in runs))
