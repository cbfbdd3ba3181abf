"""Tables as files: atomic and in batches of fixed size, so that equal tables are equal bytes."""

import codecs
import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pyarrow import csv

from pipeline import engines
from pipeline.artifacts import AGAIN, Config, damaged, pieces, present, replacing, sha256
from pipeline.errors import BadInput

ROWS_PER_GROUP = engines.ROWS_PER_GROUP
LEAST_ROWS = 50_000
OPEN_PARTS = 600  # one for each regency, so that each becomes one file


def engine(config: Config, scratch: Path) -> Any:
    """The configured engine, spilling to `scratch`; made Ibis's default, so that expressions know where to run."""
    scratch.mkdir(parents=True, exist_ok=True)
    return engines.connect(config.engine, config.threads, config.memory_limit, scratch / f".engine.{os.getpid()}.spill")


def read(path: Path) -> ir.Table:
    """A Parquet file, or a folder of Parquet files, as a table; BadInput where there is none."""
    pieces(path)
    return engines.read(path)


def read_folder(folder: Path) -> dict[str, ir.Table]:
    """Every `<name>.parquet` of a folder by name."""
    return {p.name.removesuffix(".parquet"): read(p) for p in sorted(folder.glob("*.parquet"))}


def join(parts: Path, path: Path) -> None:
    """The rows of a folder's Parquet files, in the order of their names, as one file."""
    files = sorted(parts.glob("*.parquet"))
    with pq.ParquetWriter(path, pq.read_schema(files[0]).remove_metadata(), compression="zstd") as writer:
        for file in files:
            with pq.ParquetFile(file) as opened:
                for batch in opened.iter_batches(ROWS_PER_GROUP):
                    writer.write_batch(batch)


def write_part(table: ir.Table | pa.Table | pd.DataFrame, folder: Path, name: str) -> None:
    """One part of a table that is a folder of parts; as durable as the folder that it lies in is made."""
    folder.mkdir(mode=0o700 if folder.parent.stat().st_mode & 0o077 == 0 else 0o777, parents=True, exist_ok=True)
    write_parquet(table, folder / f"{name}.parquet")


def write(table: ir.Table | pa.Table | pd.DataFrame, path: Path, mode: int | None = None) -> None:
    """Parquet in batches of fixed size, so that equal tables are equal bytes and a large one is never in memory."""
    with replacing(path, mode) as temporary:
        write_parquet(table, temporary)


def write_parquet(table: ir.Table | pa.Table | pd.DataFrame, path: Path) -> None:
    if isinstance(table, ir.Table):
        write_batches(stream(compiled(table)), table.schema().to_pyarrow(), path)
    else:
        whole = with_days(table) if isinstance(table, pd.DataFrame) else table
        pq.write_table(whole.replace_schema_metadata(None), path, compression="zstd", row_group_size=ROWS_PER_GROUP)


def write_runs(table: pa.Table, runs: Sequence[int], path: Path) -> None:
    """Parquet with row groups of whole runs of rows, so that some runs are read without the others.

    Runs are taken together up to LEAST_ROWS: readers pay for every row group, and thousands of small ones cost more
    than their rows. Into a folder that takes its place later as a whole: the file itself is not made durable here.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with pq.ParquetWriter(path, table.schema, compression="zstd", store_schema=False) as writer:
        start = 0
        for length in grouped(runs, LEAST_ROWS) or (0,):
            writer.write_table(table.slice(start, length), row_group_size=max(length, 1))
            start += length


def grouped(runs: Sequence[int], least: int) -> list[int]:
    """Lengths of neighbouring runs together, each of at least `least` but the last."""
    found: list[int] = []
    for length in runs:
        if found and found[-1] < least:
            found[-1] += length
        else:
            found.append(length)
    return found


def spell_out(folder: Path) -> None:
    """Every table of Parquet parts as one CSV file, with `;` and a byte order mark as spreadsheets here write it."""
    for parts in sorted(folder.glob("*.parquet")):
        rows = pq.ParquetDataset(sorted(parts.iterdir())).read()
        with (folder / f"{parts.stem}.csv").open("wb") as file:
            file.write(codecs.BOM_UTF8)
            csv.write_csv(rows, file, csv.WriteOptions(delimiter=";"))
        shutil.rmtree(parts)


def with_days(frame: pd.DataFrame) -> pa.Table:
    """The frame with days as dates: pandas has only instants, and no instant of the pipeline is finer than a day."""
    table = pa.Table.from_pandas(frame, preserve_index=False)
    fields = [f.with_type(pa.date32()) if pa.types.is_timestamp(f.type) else f for f in table.schema]
    return table.cast(pa.schema(fields))


def stream(sql: str) -> Iterator[pa.RecordBatch]:
    """Record batches of fixed size in the statement's order."""
    yield from engines.stream(sql)


def compiled(table: ir.Table) -> str:
    """The engine's SQL of an expression."""
    return str(ibis.get_backend().compile(table))


def write_sql(sql: str, schema: pa.Schema, path: Path) -> None:
    """What a compiled statement gives, as Parquet."""
    with replacing(path) as temporary:
        write_batches(stream(sql), schema, temporary)


def partition(table: ir.Table, by: str, folder: Path) -> None:
    """Parquet in a folder for each value of `by`, in one pass that never holds the table: read_part reads one value."""
    folder.mkdir(parents=True)
    ibis.get_backend().con.sql(f"SET partitioned_write_max_open_files = {OPEN_PARTS}")
    query, place = compiled(table), str(folder).replace("'", "''")
    ibis.get_backend().con.sql(f"COPY ({query}) TO '{place}' (FORMAT parquet, PARTITION_BY ({by}), COMPRESSION zstd)")


def read_part(folder: Path, by: str, value: str) -> pd.DataFrame:
    """One value's rows of a table that `partition` wrote, without the column `by`; no rows where there are none."""
    part = folder / f"{by}={quote(value, safe='')}"
    files = sorted(part.glob("*.parquet")) or sorted(folder.rglob("*.parquet"))[:1]
    rows = pa.concat_tables([pq.ParquetFile(f).read() for f in files])
    frame: pd.DataFrame = (rows if part.exists() else rows.slice(0, 0)).to_pandas(date_as_object=False)
    return frame


def write_batches(batches: Iterator[pa.RecordBatch], schema: pa.Schema, path: Path) -> None:
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for batch in batches:
            writer.write_batch(batch.cast(schema) if batch.schema != schema else batch)


def write_csv(frame: pd.DataFrame, path: Path) -> None:
    with replacing(path) as temporary:
        frame.to_csv(temporary, index=False, lineterminator="\n")


def read_csv(path: Path, *columns: str) -> pd.DataFrame:
    """What a stage wrote; BadInput where it is not there, is damaged, or lacks one of `columns`."""
    present(path)
    try:
        frame = pd.read_csv(path)
    except (ValueError, OverflowError) as error:  # pandas' own errors are ValueErrors
        raise damaged(path, "CSV", error) from None
    if absent := [c for c in columns if c not in frame]:
        raise BadInput(f"{path}: column {absent[0]} is missing", AGAIN)
    return frame


def read_codes(path: Path) -> pd.DataFrame:
    """A CSV whose codes keep their digits: every column is text, but counts."""
    frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    return frame.assign(**{c: pd.to_numeric(frame[c]) for c in frame if c in ("active", "candidates", "held")})


def read_frame(path: Path, columns: list[str] | None = None) -> pd.DataFrame:
    """A Parquet file, or a folder of them in the order of their names, as pandas; days are datetime64."""
    pieces(path)
    try:
        frame: pd.DataFrame = pq.read_table(path, columns=columns).to_pandas(date_as_object=False)
    except (pa.ArrowException, OSError) as error:
        raise damaged(path, "Parquet", error) from None
    return frame


def rows(path: Path) -> int:
    """How many rows a table has; BadInput where there is none."""
    return sum(int(pq.read_metadata(file).num_rows) for file in pieces(path))


def schema_of(path: Path) -> pa.Schema:
    """Names and types of a Parquet file's columns; BadInput where it is none."""
    try:
        return pq.read_schema(path)
    except pa.ArrowException as error:
        raise BadInput(f"{path}: not a Parquet file: {str(error).splitlines()[0]}") from None


def read_rows(path: Path, positions: NDArray[np.int64], columns: list[str]) -> pd.DataFrame:
    """The rows of a table at ascending positions; it is never whole in memory."""
    found, start = [], 0
    for piece in pieces(path):
        with pq.ParquetFile(piece) as file:
            for batch in file.iter_batches(ROWS_PER_GROUP, columns=columns):
                inside = positions[(positions >= start) & (positions < start + len(batch))] - start
                found.append(batch.take(pa.array(inside)))
                start += len(batch)
    frame: pd.DataFrame = pa.Table.from_batches(found).to_pandas(date_as_object=False)
    return frame


def pandas(table: ir.Table) -> pd.DataFrame:
    """An expression's rows as `read_frame` gives them: days are datetime64."""
    batches = pa.Table.from_batches(stream(compiled(table)), table.schema().to_pyarrow())
    frame: pd.DataFrame = batches.to_pandas(date_as_object=False)
    return frame


def read_pinned(path: Path, digest: str, columns: list[str]) -> pd.DataFrame:
    """A Parquet file that the configuration names with its sha256; BadInput where it is another one, or none."""
    if not path.is_file():
        raise BadInput(f"{path}: no such file", "the configuration names it: put it there, or name none (null)")
    if sha256(path) != digest:
        raise BadInput(f"{path}: sha256 is not the one in the configuration", f"it is {sha256(path)}")
    return read_frame(path, columns)


def stack(parts: list[pd.DataFrame]) -> pd.DataFrame:
    return pd.concat(parts, ignore_index=True)


def as_table(connection: ibis.BaseBackend, name: str, frame: pd.DataFrame) -> ir.Table:
    """A frame as a table of the engine under a name; what holds no value is of text, and so are empty lists."""
    found = pa.Table.from_pandas(frame, preserve_index=False)
    typed = {pa.list_(pa.null()): pa.list_(pa.string()), pa.null(): pa.string()}
    fields = [f.with_type(typed.get(f.type, f.type)) for f in found.schema]
    return engines.register(connection, name, found.cast(pa.schema(fields)))
