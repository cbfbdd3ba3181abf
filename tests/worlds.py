"""Random contract tables, small and of any content the contract allows: what a step must bear."""

from collections.abc import Mapping
from datetime import date

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd

from pipeline.tables import TABLES, Column, Table

IBIS_TYPES = {
    "text": "string",
    "choice": "string",
    "whole": "int64",
    "number": "float64",
    "flag": "boolean",
    "day": "date",
}
FIRST, LAST = pd.Timestamp("2018-01-01"), pd.Timestamp("2024-12-31")
UNKNOWN_SHARE = 0.1


def random_frames(seed: int, families: int = 60, rows: int = 6) -> dict[str, pd.DataFrame]:
    """Contract tables without pii columns, unique by key; families K00000, K00001, ..."""
    rng = np.random.default_rng(seed)
    return {t.name: random_frame(t, rng, families, rows) for t in TABLES.values() if t.name != "follow_up"}


def random_frame(table: type[Table], rng: np.random.Generator, families: int, rows: int) -> pd.DataFrame:
    n = families if table.name == "kpm" else families * rows
    frame = pd.DataFrame({c.name: values(c, table.name, rng, n, families) for c in table.columns() if not c.pii})
    if table.name == "membership":
        frame = with_enrolments(frame, families)
    return frame.drop_duplicates(subset=list(table.key)).reset_index(drop=True)


def with_enrolments(frame: pd.DataFrame, families: int) -> pd.DataFrame:
    """Every family enrolled on the first day, so that some are active on any date."""
    first = pd.DataFrame({"kpm_id": [f"K{i:05d}" for i in range(families)], "event": "enrolled", "reason": None})
    return pd.concat([first.assign(effective_on=FIRST, recorded_on=FIRST), frame.iloc[: families // 2]])


def values(column: Column, table: str, rng: np.random.Generator, n: int, families: int) -> pd.Series:
    made = drawn(column, table, rng, n, families)
    unknown = rng.random(n) < UNKNOWN_SHARE
    return made.where(~unknown, None) if column.null else made


def drawn(column: Column, table: str, rng: np.random.Generator, n: int, families: int) -> pd.Series:
    if column.name == "kpm_id":
        ids = np.arange(families) if table == "kpm" else rng.integers(0, families, n)
        return pd.Series([f"K{i:05d}" for i in ids], dtype=object)
    if column.name in ("quarter", "period"):
        return pd.Series([f"{y}Q{q}" for y, q in zip(rng.integers(2018, 2025, n), rng.integers(1, 5, n), strict=True)])
    if column.kind == "day":
        born = "birth" in column.name
        start, span = (pd.Timestamp("1950-01-01"), 365 * 70) if born else (FIRST, (LAST - FIRST).days)
        return pd.Series(start + pd.to_timedelta(rng.integers(0, span, n), unit="D"))
    if column.kind == "text":
        return pd.Series(
            [
                f"{rng.integers(11, 95)}01012001" if column.name == "village_code" else f"m{i}"
                for i in rng.integers(0, 9, n)
            ],
            dtype=object,
        )
    if column.kind == "choice":
        return pd.Series(rng.choice(column.values, n), dtype=object)
    if column.kind == "flag":
        return pd.Series(rng.random(n) < 0.5, dtype=object)
    top = column.maximum if column.maximum is not None else (4 if column.unit == "count" else 3_000_000)
    if column.kind == "whole":
        return pd.Series(rng.integers(int(column.minimum or 0), int(top) + 1, n), dtype=object)
    return pd.Series(np.round(rng.random(n) * min(top, 100), 2), dtype=object)


def table(name: str, frame: pd.DataFrame) -> ir.Table:
    """The frame as an Ibis table with the contract's types; columns the contract knows come first."""
    known = {c.name: IBIS_TYPES[c.kind] for c in TABLES[name].columns() if c.name in frame.columns}
    ordered = frame[list(known)]
    nullable = {c: "Int64" for c, kind in known.items() if kind == "int64"} | {
        c: "boolean" for c, kind in known.items() if kind == "boolean"
    }
    return ibis.memtable(ordered.astype(nullable), schema=ibis.schema(known))


def tables(frames: Mapping[str, pd.DataFrame]) -> dict[str, ir.Table]:
    return {name: table(name, frame) for name, frame in frames.items()}


def rows(name: str, *records: dict[str, object]) -> ir.Table:
    """A contract table written out row by row; columns that are not told are null, days are ISO text."""
    columns = [c for c in TABLES[name].columns() if not c.pii]
    frame = pd.DataFrame([{c.name: r.get(c.name) for c in columns} for r in records], columns=[c.name for c in columns])
    for c in columns:
        if c.kind == "day":
            frame[c.name] = pd.to_datetime(frame[c.name])
    return table(name, frame)


def day(text: str) -> date:
    return date.fromisoformat(text)
