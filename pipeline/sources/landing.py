"""Files of an extract -> raw tables in the engine, told row from row, nothing judged yet.

A raw table has the contract's columns (CSV: as text; Parquet: as stored) and `file`, `row` (1-based position in the
file, header and blank lines not counted) and `cells` (how many cells a ragged CSV row has, else null).
What is wrong with a file as a whole ends here as BadInput; what is wrong with a row is `ingest`'s.
"""

import codecs
import csv
import difflib
import glob
import gzip
import io
import itertools
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import duckdb
import ibis
import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.parquet as pq
from ibis.backends.duckdb import Backend

from pipeline import engines
from pipeline.columns import FAMILY
from pipeline.errors import BadInput
from pipeline.parts import Part, overlaps
from pipeline.rules import as_text
from pipeline.sources.extract import Extract
from pipeline.sources.files import relative_name
from pipeline.tables import Column

Span = tuple[str | None, str | None]
_CHUNK = 1 << 20
_LINE = 8 << 20
_ROWS = 50_000
_ABSENT = "\x01absent\x01"


@dataclass(frozen=True)
class Landing:
    """`tables`: contract table -> raw table. `notices`: what was ignored, for the user."""

    tables: Mapping[str, ir.Table]
    notices: tuple[str, ...]


@dataclass(frozen=True)
class Target:
    """A table about to be read: its name and the columns the contract wants."""

    table: str
    columns: tuple[Column, ...]


def read(connection: Backend, extract: Extract) -> Landing:
    """Every table of the extract as a raw table on `connection`.

    CSV is copied into temporary tables of the connection, Parquet stays where it lies.
    Raises BadInput naming the file for what no row can be read from: encoding, NUL, truncation, header, columns.
    """
    connection.con.execute("SET TimeZone = 'UTC'")
    tables, notices = {}, list(extract.notices)
    for name, files in extract.files.items():
        target = Target(name, extract.columns(name))
        reader = _land_parquet if files[0].suffix == ".parquet" else _land_csv
        tables[name] = reader(connection, target, files)
        notices += _unknown_columns(target, files[0])
    return Landing(tables, tuple(notices))


def families(connection: Any, extract: Extract) -> ir.Table | None:
    """kpm_id of every row of kpm as it came; null where its files cannot be read or hold no text, told of later."""
    try:
        table: ir.Table = connection.read_parquet([str(f) for f in extract.files["kpm"]], binary_as_string=True)
    except (duckdb.Error, KeyError):
        return None
    known = FAMILY in table.columns and table[FAMILY].type().is_string()
    return table.select(FAMILY) if known else None


def clustered(extract: Extract) -> bool:
    """Whether every table lies in Parquet files, whose own marks tell which families a file may hold."""
    return all(f.suffix == ".parquet" for files in extract.files.values() for f in files)


def of_part(extract: Extract, spans: Mapping[Path, Span], part: Part) -> Extract:
    """The extract with those files only that may hold families of a part; of every table at least one, perhaps empty.

    Nothing is left out that belongs to the part: rows of other families are `parts.within`'s to leave aside.
    """
    chosen = {
        name: tuple(f for f in files if overlaps(part, *spans.get(f, (None, None)))) or files[:1]
        for name, files in extract.files.items()
    }
    return replace(extract, files=chosen)


def spans(extract: Extract) -> dict[Path, Span]:
    """The least and greatest kpm_id of each Parquet file, by the file's own marks; (null, null) where it has none."""
    files = [f for several in extract.files.values() for f in several]
    return {f: _span(f) for f in files}


def _span(file: Path) -> Span:
    try:
        told = pq.read_metadata(file)
        at = told.schema.names.index(FAMILY)
        marks = [told.row_group(g).column(at).statistics for g in range(told.num_row_groups)]
    except (pa.ArrowException, OSError, ValueError):
        return None, None  # a file that cannot be read is told of by whoever reads it
    if not marks or any(m is None or not m.has_min_max or not isinstance(m.min, str) or m.null_count for m in marks):
        return None, None
    return min(m.min for m in marks), max(m.max for m in marks)


def keeper(connection: Any) -> Callable[[str, ir.Table], ir.Table]:
    """Computes an intermediate table of ingestion once, into a temporary table that goes with the connection."""

    def keep(name: str, table: ir.Table) -> ir.Table:
        return engines.keep(connection, name, table)

    return keep


# --- headers ---------------------------------------------------------------------------------------------------------


def _check_header(file: Path, target: Target, header: Sequence[str]) -> None:
    name = relative_name(file)
    repeated = [column for column, n in Counter(h.lower() for h in header).items() if n > 1]
    if repeated:
        raise BadInput(f"{name}: the header has {repeated[0]!r} twice; which one counts cannot be told")
    missing = [c.name for c in target.columns if c.name not in header and not (c.pii and c.null)]
    if missing:
        raise BadInput(*(f"{name}: column {m} is missing{_near(m, header)}" for m in missing[:5]), *_more(missing[5:]))


def _near(column: str, header: Iterable[str]) -> str:
    near = difflib.get_close_matches(column, [h[:80].strip().lower() for h in header], 1, 0.8)
    return f" (is {near[0]!r} meant?)" if near else ""


def _more(missing: Sequence[str]) -> list[str]:
    return [f"and {len(missing)} more columns"] if missing else []


def _unknown_columns(target: Target, file: Path) -> list[str]:
    header = pq.read_schema(file).names if file.suffix == ".parquet" else _header(file)[1]
    known = {c.name for c in target.columns}
    return [
        f"{relative_name(file)}: column {h[:80]!r} is not in the contract, ignored" for h in header if h not in known
    ]


def _header(file: Path) -> tuple[str, list[str]]:
    """Delimiter and column names, told from the first line: the one of `,` and `;` that gives more cells."""
    with _open(file) as stream:
        line = stream.readline(_CHUNK).rstrip(b"\r\n").split(b"\r")[0].decode("utf-8-sig", errors="replace")
    try:
        found = {d: next(csv.reader([line], delimiter=d), []) for d in ",;"}
    except csv.Error as error:
        raise BadInput(f"{relative_name(file)}: the header cannot be read: {error}") from None
    delimiter = max(found, key=lambda d: len(found[d]))
    return delimiter, [cell.strip() for cell in found[delimiter]]


# --- CSV -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Scan:
    """What one pass over the bytes of a CSV file tells. `plain`: every line is one row, no quote and no blank line."""

    lines: int
    plain: bool
    ends_in_newline: bool


def _land_csv(connection: Backend, target: Target, files: Sequence[Path]) -> ir.Table:
    (file,) = files
    scan = _scan(file)
    _, header = _header(file)
    _check_header(file, target, header)
    name = f"landed_{target.table}"
    if not (scan.plain and _land_plain(connection, name, file, scan.lines - 1)):
        _land_quoted(connection, name, file)
    if not scan.ends_in_newline:
        _refuse_cut(connection, name, file, len(header))
    known = {c.name for c in target.columns} & set(header)
    landed = connection.table(name)
    return _shape(landed.select("row", "cells", *sorted(known), file=ibis.literal(relative_name(file))), target)


def _refuse_cut(connection: Backend, name: str, file: Path, width: int) -> None:
    """A last row with too few cells and no line end: the file was cut off there, and nobody knows what is lost."""
    last = connection.con.execute(f"SELECT row, cells FROM {name} ORDER BY row DESC LIMIT 1").fetchall()
    if last and last[0][1] is not None and last[0][1] < width:
        row, cells = last[0]
        raise BadInput(
            f"{relative_name(file)}: row {row}, the last, has {cells} of {width} cells and no line end: cut off",
            "export or copy the file again, to its end",
        )


def _shape(raw: ir.Table, target: Target) -> ir.Table:
    """All columns of the contract in its order; a pii column that the file does not have is null."""
    absent = {c.name: ibis.null("string") for c in target.columns if c.name not in raw.columns}
    return raw.mutate(**absent).select("file", "row", "cells", *(c.name for c in target.columns))


def _open(file: Path) -> Any:
    return gzip.open(file, "rb") if file.suffix == ".gz" else file.open("rb")


def _scan(file: Path) -> Scan:
    """One pass over the decompressed bytes. Raises BadInput for a cut gzip, NUL bytes and text that is not UTF-8."""
    name, lines, offset, plain, last = relative_name(file), 0, 0, True, b""
    try:
        with _open(file) as stream:
            for block in _blocks(stream, name):
                _check_bytes(name, block, lines, offset)
                lines, offset, last = lines + block.count(b"\n"), offset + len(block), block
                plain = plain and _is_plain(block)
    except (EOFError, zlib.error, OSError) as error:
        raise BadInput(f"{name}: cannot be read to its end ({type(error).__name__}); cut off or not gzip") from None
    if not offset:
        raise BadInput(f"{name}: the file is empty")
    ends = last.endswith(b"\n")
    return Scan(lines + (not ends), plain, ends)


def _blocks(stream: io.BufferedIOBase, name: str) -> Iterator[bytes]:
    """Blocks of whole lines, so that no character and no line end is cut in two."""
    rest = b""
    while chunk := stream.read(_CHUNK):
        rest += chunk
        cut = rest.rfind(b"\n") + 1
        if cut:
            yield rest[:cut]
            rest = rest[cut:]
        elif len(rest) > _LINE:
            raise BadInput(f"{name}: a line is longer than {_LINE >> 20} MiB; this is not a CSV table")
    if rest:
        yield rest


def _check_bytes(name: str, block: bytes, lines: int, offset: int) -> None:
    nul = block.find(b"\0")
    if nul >= 0 and not (offset == 0 and block.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))):
        row = lines + block.count(b"\n", 0, nul)
        raise BadInput(f"{name}: NUL byte at byte {offset + nul}, row {row}; export the table again")
    try:
        block.decode("utf-8")
    except UnicodeDecodeError as error:
        row = lines + block.count(b"\n", 0, error.start)
        raise BadInput(
            f"{name}: not UTF-8 text: byte 0x{block[error.start]:02x} at byte {offset + error.start}, row {row}",
            "save the file as UTF-8 (spreadsheets: 'CSV UTF-8'); it may be Windows-1252 or UTF-16 now",
        ) from None


def _is_plain(block: bytes) -> bool:
    blank = b"\n\n" in block or b"\n\r\n" in block or block.startswith((b"\n", b"\r\n"))
    return not blank and b'"' not in block and block.count(b"\r") == block.count(b"\r\n")


def _land_plain(connection: Backend, name: str, file: Path, rows: int) -> bool:
    """The engine's own reader, for files where a line is a row. False where it cannot give exactly `rows` rows."""
    delimiter, header = _header(file)
    if glob.has_magic(str(file)):
        return False
    cells = [f"c{i}" for i in range(len(header) + 1)]
    named = ", ".join(f"{c} AS {_quoted(h)}" for c, h in zip(cells, header, strict=False) if h)
    present = " + ".join(f"({c} IS NOT NULL)::BIGINT" for c in cells)
    options = {
        "auto_detect": "false", "header": "false", "skip": "1", "null_padding": "true", "delim": f"'{delimiter}'",
        "quote": "''", "escape": "''", "nullstr": f"'{_ABSENT}'",
        "compression": "'gzip'" if file.suffix == ".gz" else "'none'",
        "columns": "{" + ", ".join(f"'{c}': 'VARCHAR'" for c in cells) + "}",
    }  # fmt: skip
    reader = f"read_csv({_literal(str(file))}, {', '.join(f'{k}={v}' for k, v in options.items())})"
    position = f"row_number() OVER () AS row, nullif({present}, {len(header)}) AS cells"
    try:
        connection.con.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT {position}, {named} FROM {reader}")
        ((landed,),) = connection.con.execute(f"SELECT count(*) FROM {name}").fetchall()
    except duckdb.Error:
        return False
    return bool(landed == rows)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _land_quoted(connection: Backend, name: str, file: Path) -> None:
    """Row by row with Python's strict reader: exact about quotes and line ends, a dozen times slower.

    The engine's reader drops the rest of a file behind a quote that is never closed, without a word.
    """
    _, header = _header(file)
    kept = [(i, h) for i, h in enumerate(header) if h]
    schema = pa.schema([("row", pa.int64()), ("cells", pa.int64()), *((h, pa.string()) for _, h in kept)])
    connection.con.register("landing_batch", schema.empty_table())
    connection.con.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT * FROM landing_batch")
    rows = enumerate(_records(file), start=1)
    while batch := list(itertools.islice(rows, _ROWS)):
        numbers = [row for row, _ in batch]
        ragged = [None if len(cells) == len(header) else len(cells) for _, cells in batch]
        columns = [[cells[i] if i < len(cells) else None for _, cells in batch] for i, _ in kept]
        connection.con.register("landing_batch", pa.Table.from_arrays(
            [pa.array(a, f.type) for a, f in zip([numbers, ragged, *columns], schema, strict=True)], schema=schema
        ))  # fmt: skip
        connection.con.execute(f"INSERT INTO {name} SELECT * FROM landing_batch")
        connection.con.unregister("landing_batch")


def _records(file: Path) -> Iterator[list[str]]:
    """The rows below the header, blank lines left out."""
    delimiter, _ = _header(file)
    with _open(file) as stream, io.TextIOWrapper(stream, encoding="utf-8-sig", newline="") as text:
        reader = csv.reader(text, delimiter=delimiter, strict=True)
        try:
            yield from (cells for cells in itertools.islice(reader, 1, None) if cells)
        except csv.Error as error:
            raise BadInput(
                f"{relative_name(file)}: line {reader.line_num}: {error}",
                'a quote (") is opened and not closed, or a cell is too long; export the table again',
            ) from None


# --- Parquet ---------------------------------------------------------------------------------------------------------


def _land_parquet(connection: Backend, target: Target, files: Sequence[Path]) -> ir.Table:
    """Files of one table side by side; where they store a column in different types, it is read as text."""
    groups: dict[tuple[tuple[str, str], ...], list[Path]] = {}
    for file in files:
        groups.setdefault(_stored(file, target), []).append(file)
        _read_every_page(connection, target, file)
    parts = [_shape(_view(connection, target, group), target) for group in groups.values()]
    return ibis.union(*_aligned(parts)) if len(parts) > 1 else parts[0]


def _stored(file: Path, target: Target) -> tuple[tuple[str, str], ...]:
    """Column names and stored types, the header checked."""
    name = relative_name(file)
    if glob.has_magic(str(file)):
        raise BadInput(f"{name}: the path of a Parquet file must not contain * ? [ or ]; rename the folder")
    try:
        schema = pq.read_schema(file)
    except (pa.ArrowException, OSError, ValueError):
        raise _damaged(name) from None
    _check_header(file, target, schema.names)
    for column in target.columns:
        if column.name in schema.names and pa.types.is_nested(schema.field(column.name).type):
            raise BadInput(f"{name}: column {column.name} holds lists or records, not single values")
    return tuple((field.name, str(field.type)) for field in schema)


def _damaged(name: str) -> BadInput:
    return BadInput(f"{name}: cannot be read as Parquet: cut off, damaged or another format; export it again")


def _read_every_page(connection: Backend, target: Target, file: Path) -> None:
    """Decode all of the file once: damage deep inside is told by the file's name, before any row is judged."""
    stored = [c for c in target.columns if c.name in pq.read_schema(file).names]
    hashed = ", ".join(f'bit_xor(hash("{c.name}"))' for c in stored)
    texts = [c for c in stored if c.kind == "text"]
    filled = ", ".join(f'count(nullif("{c.name}"::VARCHAR, \'nan\')), any_value(typeof("{c.name}"))' for c in texts)
    try:
        (counts,) = connection.con.execute(f"SELECT {filled}, {hashed} FROM {_parquet(file)}").fetchall()
    except duckdb.Error:
        raise _damaged(relative_name(file)) from None
    for column, n, kind in zip(texts, counts[::2], counts[1::2], strict=False):
        _refuse_number(relative_name(file), column.name, n, kind)


def _refuse_number(name: str, column: str, n: int, kind: str | None) -> None:
    if n and kind is not None and kind.startswith(("DATE", "TIME", "INTERVAL")):
        raise BadInput(
            f"{name}: column {column} is an identifier stored as {kind}", "export it as text from the source"
        )
    numeric = kind is not None and kind.startswith(("DECIMAL", "UTINY", "USMALL", "UINT", "UBIG", "UHUGE"))
    if n and (numeric or kind in {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "FLOAT", "DOUBLE", "BOOLEAN"}):
        raise BadInput(
            f"{name}: column {column} is an identifier stored as {kind}: leading zeros and last digits are lost",
            "export it as text from the source; a number cannot be turned back",
        )


def _parquet(file: Path) -> str:
    return f"read_parquet({_literal(str(file))}, binary_as_string=true)"


def _view(connection: Backend, target: Target, files: Sequence[Path]) -> ir.Table:
    try:
        table = connection.read_parquet(
            [str(f) for f in files], file_row_number=True, filename="landed_from", binary_as_string=True
        )
    except duckdb.Error:
        raise _damaged(relative_name(files[0])) from None
    parts = table.landed_from.split("/")
    name = parts[-2].endswith(".parquet").ifelse(parts[-2] + "/" + parts[-1], parts[-1])
    known = [_readable(table[c.name], c.kind) for c in target.columns if c.name in table.columns]
    row = table.file_row_number + 1
    return table.select(*known, file=name, row=row.cast("int64"), cells=ibis.null("int64"))


def _readable(column: ir.Column, kind: str) -> ir.Column:
    """Text as text, whatever it is stored as. Of a type that Ibis has no name for: moments with a zone in nanoseconds,
    as pandas writes them, become ordinary ones, and anything else text, read strictly like a CSV cell.
    """
    stored = column.type()
    if stored.is_string() or not (kind == "text" or stored.is_unknown()):
        return column
    moment = kind != "text" and "TIMESTAMPTZ" in str(stored)
    read: ir.Column = column.cast("timestamp('UTC', 6)" if moment else "string").name(column.get_name())
    return read


def _aligned(parts: Sequence[ir.Table]) -> list[ir.Table]:
    """The same types in every part: what differs becomes text, and is read strictly like a CSV cell."""
    differ = [c for c in parts[0].columns if len({str(p[c].type()) for p in parts}) > 1]
    return [part.mutate(**{c: as_text(part[c]) for c in differ}) for part in parts]
