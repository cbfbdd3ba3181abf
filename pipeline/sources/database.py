"""A PostgreSQL schema with tables of the contract's names -> Parquet files, all of one moment.

The account need not be able to write: everything is read in one read-only, repeatable-read transaction.
"""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal
from urllib.parse import quote, urlencode

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import yaml
from adbc_driver_manager import Error
from adbc_driver_postgresql import StatementOptions, dbapi
from pydantic import ConfigDict, Field, PositiveInt, model_validator

from pipeline.config import BaseConfig
from pipeline.errors import BadInput
from pipeline.sources.extract import Extract
from pipeline.tables import TABLES, Column, Table

CHECKOUT = Path(__file__).resolve().parents[2]
SETTINGS = "configs/database.yaml"
IDENTIFIER = r"^[A-Za-z_][A-Za-z0-9_]{0,62}$"
INTEGERS = ("int2", "int4", "int8")
FRACTIONS = ("numeric", "float4", "float8")
DAYS = ("date", "timestamp", "timestamptz")
DAY_ZERO = date(1970, 1, 1).toordinal()


class Connection(BaseConfig):
    """How to reach one schema; the password is libpq's business and never stands here."""

    host: str
    port: int = Field(ge=1, le=65535)
    dbname: str
    user: str
    namespace: str = Field(alias="schema", pattern=IDENTIFIER)
    password_file: Path | None
    sslmode: Literal["disable", "allow", "prefer", "require", "verify-ca", "verify-full"]
    time_zone: str = Field(pattern=r"^[A-Za-z0-9_+/-]+$")


class Config(BaseConfig):
    """Connections by name; `connect_timeout` in seconds, `batch_rows` a Parquet row group, `batch_bytes` a read."""

    model_config = ConfigDict(hide_input_in_errors=True)

    connections: Mapping[str, Connection]
    connect_timeout: PositiveInt
    batch_rows: PositiveInt
    batch_bytes: PositiveInt

    @model_validator(mode="before")
    @classmethod
    def _no_secret(cls, values: Any) -> Any:
        if any(secret in str(key).lower() for key in _keys(values) for secret in ("passwd", "password", "secret")):
            raise ValueError("a password does not belong here; name a password_file outside the checkout, or null")
        return values


def _keys(values: Any) -> Iterator[str]:
    """Every key at any depth, but the one that only says where the secret lies."""
    for key, value in values.items() if isinstance(values, Mapping) else ():
        yield from () if key == "password_file" else (key,)
        yield from _keys(value)


@dataclass(frozen=True)
class _Landed:
    """One column as it is read: its SQL and the Arrow type it lands in."""

    name: str
    sql: str
    type: pa.DataType

    @property
    def order(self) -> str:
        """Byte order for text, so that servers of different locales give the same file."""
        return f'{self.sql} COLLATE "C"' if self.type == pa.string() else self.sql


@dataclass(frozen=True)
class _Schema:
    """An open transaction, and the PostgreSQL type of each readable column (None where reading is refused)."""

    connection: dbapi.Connection
    settings: Connection
    config: Config
    types: Mapping[str, Mapping[str, str | None]]

    def place(self, table: str) -> str:
        return f"{self.settings.namespace}.{table} in {self.settings.dbname}"

    def relation(self, table: str) -> str:
        return f"{_quoted(self.settings.namespace)}.{_quoted(table)}"


def open_extract(connection_name: str, config: Config, landing: Path, welfare: Sequence[Column] = ()) -> Extract:
    """Copy the schema behind a connection into `landing`, an extract's folder of Parquet files and extract.yaml.

    The files hold personal data as the schema does: they are readable by their owner alone. Rows are ordered by the
    key, then by every other column, identifiers in byte order, so the same data gives the same bytes. `landing`
    changes only after everything was read.

    Raises BadInput: unknown connection, unreachable server, wrong password, unknown database or schema, no
    permission, a missing required table, a missing column that is not personal, an
    identifier stored as a float, no single row in `extract`, a day
    outside years 1 to 9999.
    """
    settings = _settings(connection_name, config)
    landing.mkdir(mode=0o700, parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".partial-", dir=landing) as partial:
        with _transaction(settings, config) as schema:
            extract = _read_all(schema, Path(partial), tuple(welfare))
        files = {name: (_publish(path, landing),) for name, (path,) in extract.files.items()}
        _publish(_describe(extract, Path(partial)), landing)
    for absent in TABLES.keys() - files.keys():
        (landing / f"{absent}.parquet").unlink(missing_ok=True)
    return Extract(extract.name, extract.extracted_on, files, extract.welfare)


def _settings(name: str, config: Config) -> Connection:
    if name not in config.connections:
        known = ", ".join(sorted(config.connections)) or "none"
        raise BadInput(
            f"{SETTINGS}: no connection named {name!r} (there are: {known})", "set path in configs/source.yaml"
        )
    settings = config.connections[name]
    _check_secret(settings.password_file, f"{SETTINGS}: connections.{name}.password_file")
    return settings


def _check_secret(file: Path | None, where: str) -> None:
    """What libpq would only warn about, or pass over in silence."""
    if file is None:
        return
    path = file.expanduser()
    if not path.is_absolute() or path.resolve().is_relative_to(CHECKOUT):
        raise BadInput(f"{where}: must lie outside the checkout, as an absolute path or below ~")
    if not path.is_file():
        raise BadInput(f"{where}: there is no file {file}", "write one line host:port:dbname:user:password in it")
    if path.stat().st_mode & 0o077:
        raise BadInput(f"{where}: others may read {file}", f"chmod 600 {file}")


def _uri(settings: Connection, config: Config) -> str:
    """Everything as a parameter, so that no value can be taken for another part of the address."""
    known = settings.model_dump(include={"host", "port", "dbname", "user", "sslmode"})
    known |= {"connect_timeout": config.connect_timeout, "client_encoding": "UTF8", "application_name": "graduasi"}
    if settings.password_file is not None:
        known["passfile"] = settings.password_file.expanduser()
    return f"postgresql://?{urlencode(known, quote_via=quote)}"


@contextmanager
def _transaction(settings: Connection, config: Config) -> Iterator[_Schema]:
    """One read-only, repeatable-read transaction: all tables are of one moment, and nothing can be written."""
    with _connect(settings, config) as connection:
        with connection.cursor() as cursor, _told(f"{settings.dbname} on {settings.host}"):
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        _set_time_zone(connection, settings)
        _check_schema(connection, settings)
        yield _Schema(connection, settings, config, _types(connection, settings))


def _connect(settings: Connection, config: Config) -> dbapi.Connection:
    try:
        return dbapi.connect(_uri(settings, config))
    except Error as error:
        reason = str(error).partition("Failed to connect:")[2].split("\n")[0].strip()
        raise BadInput(
            f"database {settings.dbname} as {settings.user}: {reason or 'no connection'}",
            f"check the connection in {SETTINGS}, its password file and that the server runs",
        ) from None


@contextmanager
def _told(where: str) -> Iterator[None]:
    """The server's own words can quote values of a row: only its error code passes on."""
    try:
        yield
    except Error as error:
        why = "permission denied" if error.sqlstate == "42501" else f"refused with SQLSTATE {error.sqlstate}"
        raise BadInput(f"{where}: {why}", "the server's log has its own words") from None
    except (pa.ArrowException, OSError):
        raise BadInput(
            f"{where}: the server broke off the reading",
            "a failing view, a time limit or a lost connection: see its log",
        ) from None


def _rows(connection: dbapi.Connection, sql: str, where: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor, _told(where):
        cursor.execute(sql)
        return list(cursor.fetchall())


def _set_time_zone(connection: dbapi.Connection, settings: Connection) -> None:
    with connection.cursor() as cursor:
        try:
            cursor.execute(f"SET LOCAL TIME ZONE '{settings.time_zone}'")
        except Error:
            raise BadInput(f"{SETTINGS}: time_zone {settings.time_zone} is not known to the server") from None


def _check_schema(connection: dbapi.Connection, settings: Connection) -> None:
    name = settings.namespace
    sql = f"SELECT has_schema_privilege(oid, 'USAGE') FROM pg_catalog.pg_namespace WHERE nspname = '{name}'"
    found = _rows(connection, sql, name)
    if not found:
        raise BadInput(f"database {settings.dbname}: no schema {name}", f"correct schema in {SETTINGS}")
    if not found[0][0]:
        raise BadInput(
            f"database {settings.dbname}: permission denied for schema {name}",
            f"GRANT USAGE ON SCHEMA {name} TO {settings.user}",
        )


def _types(connection: dbapi.Connection, settings: Connection) -> dict[str, dict[str, str | None]]:
    """Columns of every table and view of the schema, a domain as the type it is made of."""
    sql = f"""
        SELECT c.relname::text, a.attname::text, coalesce(b.typname, t.typname)::text,
               has_column_privilege(c.oid, a.attnum, 'SELECT')
        FROM pg_catalog.pg_class c
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
        LEFT JOIN pg_catalog.pg_type b ON b.oid = t.typbasetype
        WHERE n.nspname = '{settings.namespace}' AND c.relkind IN ('r', 'p', 'v', 'm', 'f')"""
    types: dict[str, dict[str, str | None]] = {}
    for table, column, kind, readable in _rows(connection, sql, settings.namespace):
        types.setdefault(table, {})[column] = kind if readable else None
    return types


def _read_all(schema: _Schema, folder: Path, welfare: tuple[Column, ...]) -> Extract:
    missing = [name for name, table in TABLES.items() if table.required and name not in schema.types]
    if missing:
        raise BadInput(*(f"{schema.place(name)}: required table is missing" for name in missing))
    name, extracted_on = _identity(schema)
    present = [table for name, table in TABLES.items() if name in schema.types]
    files = {table.name: (_land(schema, table, folder, welfare),) for table in present}
    return Extract(name, extracted_on, files, welfare)


def _identity(schema: _Schema) -> tuple[str, date]:
    """The one row of the table `extract`: its name, and the last day anything was known."""
    place, types = schema.place("extract"), schema.types.get("extract", {})
    for column, kinds in (("name", ("text", "varchar", "bpchar")), ("extracted_on", DAYS)):
        if types.get(column) not in kinds:
            raise BadInput(f"{place}: needs a readable column {column} of type {kinds[0]}")
    sql = f"SELECT name::text, extracted_on::date FROM {schema.relation('extract')} LIMIT 2"
    rows = _rows(schema.connection, sql, place)
    if len(rows) != 1 or not all(rows[0]):
        raise BadInput(f"{place}: must hold exactly one row (name, extracted_on), both filled")
    return rows[0][0], rows[0][1]


def _land(schema: _Schema, table: type[Table], folder: Path, welfare: tuple[Column, ...]) -> Path:
    """One table as Parquet, written batch by batch: memory holds one row group and what the driver has in hand."""
    columns = table.columns() + (welfare if table.name == "welfare" else ())
    landed = _landed(schema, table, columns)
    path = folder / f"{table.name}.parquet"
    path.touch(mode=0o600)
    with path.open("wb") as file:
        with pq.ParquetWriter(file, pa.schema([(c.name, c.type) for c in landed])) as writer:
            for rows in _row_groups(_batches(schema, table, landed), schema.config.batch_rows):
                writer.write_table(rows, row_group_size=schema.config.batch_rows)
        file.flush()
        os.fsync(file.fileno())
    return path


def _landed(schema: _Schema, table: type[Table], columns: tuple[Column, ...]) -> list[_Landed]:
    """The columns as they land; only personal ones may be absent, or withheld from the account."""
    types, place = schema.types[table.name], schema.place(table.name)
    refused = [c.name for c in columns if c.name in types and types[c.name] is None and not c.pii]
    if refused:
        grant = f"GRANT SELECT ON {schema.settings.namespace}.{table.name} TO {schema.settings.user}"
        raise BadInput(f"{place}: permission denied for {', '.join(refused)}", grant)
    missing = [c.name for c in columns if c.name not in types and not c.pii]
    if missing:
        raise BadInput(f"{place}: column {', '.join(missing)} is missing")
    rounded = [c.name for c in columns if c.kind == "text" and types.get(c.name) in ("float4", "float8")]
    if rounded:
        raise BadInput(f"{place}: identifier {', '.join(rounded)} is stored as a rounded number", "store it as text")
    exact = _whole_valued(schema, table, columns)
    return [_as_landed(c, kind, c.name in exact) for c in columns if (kind := types.get(c.name)) is not None]


def _whole_valued(schema: _Schema, table: type[Table], columns: tuple[Column, ...]) -> set[str]:
    """Columns of whole numbers that are stored as numeric or float, and hold nothing but whole numbers."""
    types = schema.types[table.name]
    names = [c.name for c in columns if c.kind == "whole" and types.get(c.name) in FRACTIONS]
    if not names:
        return set()
    tests = (f"coalesce(bool_and({q} = trunc({q}) AND abs({q}) < 9e18), true)" for q in map(_quoted, names))
    sql = f"SELECT {', '.join(tests)} FROM {schema.relation(table.name)}"
    (answers,) = _rows(schema.connection, sql, schema.place(table.name))
    return {name for name, whole in zip(names, answers, strict=True) if whole}


def _as_landed(column: Column, kind: str, whole: bool) -> _Landed:
    """The type that loses nothing; whatever does not fit the contract lands as text, for ingestion to judge by row."""
    name = _quoted(column.name)
    if (column.kind in ("whole", "flag") and kind in INTEGERS) or whole:
        return _Landed(column.name, f"{name}::bigint", pa.int64())
    if column.kind == "number" and kind in INTEGERS + FRACTIONS:
        return _Landed(column.name, f"{name}::float8", pa.float64())
    if column.kind == "day" and kind in DAYS:
        return _Landed(column.name, f"{name}::date", pa.date32())
    if column.kind == "flag" and kind == "bool":
        return _Landed(column.name, name, pa.bool_())
    if column.kind in ("whole", "text") and kind == "numeric":
        return _Landed(column.name, f"trim_scale({name})::text", pa.string())
    return _Landed(column.name, f"{name}::text", pa.string())


def _batches(schema: _Schema, table: type[Table], landed: list[_Landed]) -> Iterator[pa.Table]:
    key = [c for name in table.key for c in landed if c.name == name]
    order = ", ".join(c.order for c in [*key, *(c for c in landed if c.name not in table.key)])
    chosen = ", ".join(f"{c.sql} AS {_quoted(c.name)}" for c in landed)
    place = schema.place(table.name)
    with schema.connection.cursor() as cursor:
        cursor.adbc_statement.set_options(
            **{StatementOptions.BATCH_SIZE_HINT_BYTES.value: str(schema.config.batch_bytes)}
        )
        with _told(place):
            cursor.execute(f"SELECT {chosen} FROM {schema.relation(table.name)} ORDER BY {order}")
            reader = iter(cursor.fetch_record_batch())
        while (batch := _next(reader, place)) is not None:
            _check_days(batch, place)
            yield pa.Table.from_batches([batch]).cast(pa.schema([(c.name, c.type) for c in landed]))


def _next(reader: Iterator[pa.RecordBatch], place: str) -> pa.RecordBatch | None:
    with _told(place):
        batch = next(reader, None)
        if batch is not None:
            batch.validate(full=True)
        return batch


def _check_days(batch: pa.RecordBatch, place: str) -> None:
    """PostgreSQL knows infinity and years that no other tool of the pipeline can hold."""
    for name, values in zip(batch.schema.names, batch.columns, strict=True):
        if values.type != pa.date32():
            continue
        ends = pc.min_max(values.cast(pa.int32())).as_py()
        if ends["min"] is not None and not _within_calendar(ends["min"], ends["max"]):
            raise BadInput(
                f"{place}: {name} holds a day outside years 1 to 9999, or infinity",
                "an open end is null in the contract: put a view in place of the table",
            )


def _within_calendar(first: int, last: int) -> bool:
    return first + DAY_ZERO >= date.min.toordinal() and last + DAY_ZERO <= date.max.toordinal()


def _row_groups(batches: Iterator[pa.Table], rows: int) -> Iterator[pa.Table]:
    """Groups of exactly `rows` rows, so that the file does not depend on how the driver cut its batches."""
    held: list[pa.Table] = []
    count = 0
    for batch in batches:
        held.append(batch)
        count += batch.num_rows
        while count >= rows:
            joined = pa.concat_tables(held)
            yield joined.slice(0, rows).combine_chunks()
            held, count = [joined.slice(rows)], count - rows
    if count:
        yield pa.concat_tables(held).combine_chunks()


def _describe(extract: Extract, folder: Path) -> Path:
    path = folder / "extract.yaml"
    facts = {"extracted_on": extract.extracted_on, "name": extract.name}
    path.write_text(yaml.safe_dump(facts, allow_unicode=True), encoding="utf-8")
    path.chmod(0o600)
    return path


def _publish(path: Path, landing: Path) -> Path:
    return path.replace(landing / path.name)


def _quoted(name: str) -> str:
    if not re.fullmatch(IDENTIFIER, name):
        raise BadInput(f"{name!r} cannot name a table or column of a database", "letters, digits and _ only")
    return f'"{name}"'
