"""What runs the tables: the same Ibis expressions on an embedded DuckDB or on Spark.

Everything in which the two differ stands in this package: how an engine is opened, how rows come out of a compiled
statement, how an intermediate table is kept, and who works through batches. Steps hold Ibis expressions only.
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from pipeline.engines import duck, spark

Work = Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]
ROWS_PER_GROUP = 200_000
BY_CONFIG: Mapping[str, Any] = {"duckdb": duck, "spark": spark}
BY_BACKEND: Mapping[str, Any] = {"duckdb": duck, "pyspark": spark}


def connect(engine: Literal["duckdb", "spark"], threads: int, memory: str, scratch: Path) -> Any:
    """The engine, bounded and opened; made Ibis's default, so that expressions know where to run."""
    connection = BY_CONFIG[engine].connect(threads, memory, scratch)
    ibis.set_backend(connection)
    return connection


def read(path: Path) -> ir.Table:
    """A Parquet file, or a folder of Parquet files, as a table of the engine in use."""
    connection = ibis.get_backend()
    table: ir.Table = BY_BACKEND[connection.name].read(connection, path / "*.parquet" if path.is_dir() else path)
    return table


def stream(sql: str) -> Iterator[pa.RecordBatch]:
    """Record batches of fixed size in the statement's order, from the engine in use."""
    connection = ibis.get_backend()
    yield from BY_BACKEND[connection.name].stream(connection, sql, ROWS_PER_GROUP)


def register(connection: Any, name: str, rows: pa.Table) -> ir.Table:
    """Rows of this process as a table of the engine under a name."""
    BY_BACKEND[connection.name].register(connection, name, rows)
    table: ir.Table = connection.table(name)
    return table


def keep(connection: Any, name: str, table: ir.Table) -> ir.Table:
    """An intermediate table, computed once; it goes with the connection."""
    BY_BACKEND[connection.name].keep(connection, f"kept_{name}", connection.compile(table))
    kept: ir.Table = connection.table(f"kept_{name}")
    return kept


def lander(connection: Any, scratch: Path) -> Any:
    """Who reads the files of an extract: DuckDB itself or, for Spark, an embedded DuckDB beside it.

    What no row can be read from (a cut file, a stray quote, a damaged page) is judged by one reader for both engines.
    """
    return BY_BACKEND[connection.name].lander(connection, scratch)


def taken_over(connection: Any, landed: Mapping[str, ir.Table], scratch: Path) -> dict[str, ir.Table]:
    """Landed tables as tables of the engine: themselves, or read from Parquet copies under `scratch`."""
    tables: dict[str, ir.Table] = BY_BACKEND[connection.name].taken_over(connection, landed, scratch)
    return tables


def in_order(connection: Any, table: ir.Table, by: str) -> ir.Table:
    """A file whose rows lie in the order of a column, in that order: DuckDB keeps it, Spark has to sort."""
    ordered: ir.Table = BY_BACKEND[connection.name].in_order(table, by)
    return ordered


def worked(connection: Any, table: ir.Table, work: Work, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """What `work` makes of the batches of a table, in the table's order; on Spark the executors work.

    `work` sees some batches of some rows, never all, so it must look at each row alone; it is sent to other processes,
    so it is a function of a module, or a partial of one. `schema` is of what it yields, in flat columns.
    """
    yield from BY_BACKEND[connection.name].worked(connection, table, work, schema)
