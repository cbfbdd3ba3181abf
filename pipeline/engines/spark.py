"""Spark through Ibis: a local session unless Spark itself was told of a cluster.

Started by spark-submit, or with PYSPARK_SUBMIT_ARGS, Spark's own settings say where and how large it runs; otherwise it
is one process of `threads` cores whose heap is the memory of configs/engine.yaml. What is kept or registered lies as
Parquet in a private folder under scratch, gone when the process ends: landed rows may hold personal data. On a cluster
that folder, and every other of the run, must be one that driver and executors see under the same path.
"""

import atexit
import itertools
import os
import re
import shutil
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import ibis
import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.engines import duck
from pipeline.errors import BadInput

TOLD_ELSEWHERE = ("PYSPARK_GATEWAY_PORT", "PYSPARK_SUBMIT_ARGS")
LANDING_MEMORY = "1GB"
ALWAYS = {
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.log.level": "ERROR",
    # A sum beyond int64 or a cast that fails is an error, as in DuckDB, never a silently wrong number.
    "spark.sql.ansi.enabled": "true",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.execution.arrow.pyspark.enabled": "true",
    "spark.sql.execution.arrow.maxRecordsPerBatch": "20000",
    # Days before 1582 and instants are stored as every other reader of Parquet counts them.
    "spark.sql.parquet.datetimeRebaseModeInWrite": "CORRECTED",
    "spark.sql.parquet.datetimeRebaseModeInRead": "CORRECTED",
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
}
PACKAGE = Path(__file__).resolve().parents[1]
HOMES: dict[int, Path] = {}  # the private folder of each session, by its id
NUMBERS = itertools.count()


def connect(threads: int, memory: str, scratch: Path) -> Any:
    """Raises BadInput where PySpark or Java is not installed."""
    folder = private(scratch)
    started = session(threads, memory, folder)  # before Ibis looks for PySpark: what is missing is told in our words
    connection = ibis.pyspark.connect(started)
    HOMES[id(connection)] = folder
    return connection


def private(scratch: Path) -> Path:
    """A folder of mode 0700 that goes when the process ends."""
    scratch.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=scratch)).resolve()
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def session(threads: int, memory: str, folder: Path) -> Any:
    """The session of this process: there is one, and a second request gets the first."""
    # Told at every door of PySpark; what we ask of it is tested with the pandas of requirements.lock.
    warnings.filterwarnings("ignore", "PySpark does not yet fully support pandas", FutureWarning)
    try:
        from pyspark.errors import PySparkRuntimeError
        from pyspark.sql import SparkSession
    except ImportError:
        raise BadInput(
            "engine: spark: PySpark is not installed", "install requirements-spark.lock, or set engine: duckdb"
        ) from None
    # Where Spark is not told otherwise, its workers run the Python of this process.
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    builder = SparkSession.builder.appName("graduasi")
    for key, value in (ALWAYS | (here(threads, memory, folder) if is_local() else {})).items():
        builder = builder.config(key, value)
    try:
        started = builder.getOrCreate()
    except PySparkRuntimeError as error:
        raise BadInput(
            f"engine: spark: Spark does not start: {' '.join(str(error).split())[:200]}",
            "Java 17 is needed (Debian: openjdk-17-jre-headless), or set engine: duckdb",
        ) from None
    if not started.sparkContext._python_includes:  # a later connection finds the session with our code shipped
        started.sparkContext.addPyFile(str(shipped(folder)))
    return started


def is_local() -> bool:
    return not any(name in os.environ for name in TOLD_ELSEWHERE)


def here(threads: int, memory: str, folder: Path) -> dict[str, str]:
    """Settings of a session in this process alone."""
    return {
        "spark.master": f"local[{threads}]",
        "spark.driver.memory": heap(memory),
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        # One process knows its size: to plan a statement of hundreds of columns anew after each exchange costs more
        # than it saves.
        "spark.sql.shuffle.partitions": str(threads),
        "spark.sql.adaptive.enabled": "false",
        "spark.local.dir": str(folder / "spill"),
        "spark.sql.warehouse.dir": str(folder / "warehouse"),
    }


def heap(memory: str) -> str:
    """8GB as Java writes it, 8g."""
    size, unit = re.fullmatch(r"(\d+) ?(M|G)i?B", memory).groups()  # type: ignore[union-attr]
    return f"{size}{unit.lower()}"


def shipped(folder: Path) -> Path:
    """The pipeline's own code as an archive for the executors."""
    return Path(shutil.make_archive(str(folder / "code"), "zip", PACKAGE.parent, PACKAGE.name))


def home(connection: Any) -> Path:
    return HOMES[id(connection)]


def read(connection: Any, path: Path) -> ir.Table:
    return connection.read_parquet(f"file://{path.absolute()}")


def written(connection: Any, sql: str) -> Path:
    """What a statement gives, as Parquet parts that the executors write, in the statement's order."""
    folder = home(connection) / f"table_{next(NUMBERS):06d}"
    connection._session.sql(sql).write.parquet(f"file://{folder}")
    return folder


def view(connection: Any, name: str, folder: Path) -> None:
    connection._session.read.parquet(f"file://{folder}").createOrReplaceTempView(name)


def stream(connection: Any, sql: str, rows: int) -> Iterator[pa.RecordBatch]:
    """The driver never holds the whole: executors write parts, and it reads them one after the other."""
    folder = written(connection, sql)
    try:
        yield from even(parts(folder, rows), rows)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def parts(folder: Path, rows: int) -> Iterator[pa.RecordBatch]:
    for file in sorted(folder.glob("part-*")):
        with pq.ParquetFile(file) as opened:
            yield from opened.iter_batches(rows)


def even(batches: Iterator[pa.RecordBatch], rows: int) -> Iterator[pa.RecordBatch]:
    """The same rows in batches of `rows`, the last one smaller: files do not tell how many executors there were."""
    waiting: list[pa.RecordBatch] = []
    for batch in batches:
        waiting.append(batch)
        while sum(map(len, waiting)) >= rows:
            (whole,) = pa.Table.from_batches(waiting).combine_chunks().to_batches()
            yield whole.slice(0, rows)
            waiting = [whole.slice(rows)]
    if sum(map(len, waiting)):
        yield from pa.Table.from_batches(waiting).combine_chunks().to_batches()


def register(connection: Any, name: str, rows: pa.Table) -> None:
    folder = home(connection) / f"table_{next(NUMBERS):06d}"
    folder.mkdir()
    # Spark has no instant finer than a microsecond.
    pq.write_table(rows, folder / "part-0.parquet", coerce_timestamps="us", allow_truncated_timestamps=True)
    view(connection, name, folder)


def keep(connection: Any, name: str, sql: str) -> None:
    view(connection, name, written(connection, sql))


def lander(connection: Any, scratch: Path) -> Any:
    reader = duck.connect(1, LANDING_MEMORY, scratch)
    ibis.set_backend(connection)
    return reader


def taken_over(connection: Any, landed: Mapping[str, ir.Table], scratch: Path) -> dict[str, ir.Table]:
    tables = {}
    for name, table in landed.items():
        file = scratch / f"raw_{name}.parquet"
        table.to_parquet(file)
        tables[name] = read(connection, file)
    return tables


def in_order(table: ir.Table, by: str) -> ir.Table:
    """The largest pieces of a file come first, whatever their place."""
    return table.order_by(by)


def worked(
    connection: Any, table: ir.Table, work: Callable[..., Iterator[pa.RecordBatch]], schema: pa.Schema
) -> Iterator[pa.RecordBatch]:
    from pyspark.sql.pandas.types import from_arrow_schema

    folder = home(connection) / f"table_{next(NUMBERS):06d}"
    rows = connection._session.sql(connection.compile(table))
    rows.mapInArrow(work, from_arrow_schema(schema)).write.parquet(f"file://{folder}")
    try:
        yield from (batch.cast(schema) for batch in even(parts(folder, duck.ROWS), duck.ROWS))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
