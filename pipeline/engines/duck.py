"""An embedded DuckDB: one process, as many threads as configured, spilling to disk above its memory."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import ibis
import ibis.expr.types as ir
import pyarrow as pa

ROWS = 200_000


def connect(threads: int, memory: str, scratch: Path) -> Any:
    connection = ibis.duckdb.connect(threads=threads, memory_limit=memory, temp_directory=str(scratch))
    # No bar of the engine's own: progress is told by the stage, and a log stays readable.
    connection.raw_sql("SET enable_progress_bar = false")
    return connection


def read(connection: Any, path: Path) -> ir.Table:
    return connection.read_parquet(str(path))


def stream(connection: Any, sql: str, rows: int) -> Iterator[pa.RecordBatch]:
    """Straight from DuckDB: Ibis 12 asks for a call it lost."""
    yield from connection.con.sql(sql).to_arrow_reader(rows)


def register(connection: Any, name: str, rows: pa.Table) -> None:
    connection.con.register(name, rows)


def keep(connection: Any, name: str, sql: str) -> None:
    connection.con.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {sql}").fetchall()


def lander(connection: Any, scratch: Path) -> Any:
    return connection


def taken_over(connection: Any, landed: Mapping[str, ir.Table], scratch: Path) -> dict[str, ir.Table]:
    return dict(landed)


def in_order(table: ir.Table, by: str) -> ir.Table:
    return table


def worked(
    connection: Any, table: ir.Table, work: Callable[..., Iterator[pa.RecordBatch]], schema: pa.Schema
) -> Iterator[pa.RecordBatch]:
    yield from work(stream(connection, connection.compile(table), ROWS))
