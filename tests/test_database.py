"""The database source against a real PostgreSQL server: what lands, and every way it can fail."""

import re
import shutil
import socket
from datetime import date
from pathlib import Path

import numpy as np
import postgres
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from adbc_driver_manager import Error
from pydantic import ValidationError

from pipeline.errors import BadInput
from pipeline.sources import database, files, landing
from pipeline.tables import TABLES, Column, Table

ROWS = 3000
EPOCH = date(2020, 1, 1).toordinal()
ARROW = {
    "text": pa.string(), "choice": pa.string(), "whole": pa.int64(), "number": pa.float64(), "flag": pa.bool_(),
    "day": pa.date32(),
}  # fmt: skip
SQL = {"text": "text", "choice": "text", "whole": "bigint", "number": "float8", "flag": "boolean", "day": "date"}
NAMES = ("Siti Nurhaliza", "I Gusti Ayu Oka", 'Nur\'aini "Ani"', "Ñusa; DROP TABLE kpm", "ꦱꦶꦠꦶ", "Łucja 🌾", "a\tb\nc")


@pytest.fixture(scope="session")
def server():
    with postgres.running() as running:
        yield running


def values(column: Column, rng: np.random.Generator) -> list:
    """Plausible values of one column, a fifth null where the contract allows it."""
    numbers = rng.integers(0, 10_000, ROWS)
    made = {
        "text": [NAMES[n % len(NAMES)] if column.pii else f"{n % 97:05d}" for n in numbers],
        "choice": [column.values[n % len(column.values)] for n in numbers] if column.values else [],
        "whole": [int(n) * 1_000_000_007 for n in numbers],
        "number": [float(n) / 7 for n in numbers],
        "flag": [bool(n % 2) for n in numbers],
        "day": [date.fromordinal(EPOCH + int(n)) for n in numbers],
    }[column.kind]
    return [None if column.null and n % 5 == 0 else v for n, v in zip(numbers, made, strict=True)]


def world(table: type[Table]) -> pa.Table:
    """Three thousand rows; the first column of the key is unique, half of it upper case, with leading zeros."""
    rng = np.random.default_rng(7)
    made = {c.name: values(c, rng) for c in table.columns()}
    made[table.key[0]] = [f"{'kK'[n % 2]}{n:06d}" for n in rng.permutation(ROWS)]
    return pa.table({c.name: pa.array(made[c.name], ARROW[c.kind]) for c in table.columns()})


def in_order(rows: pa.Table, key: tuple[str, ...]) -> list[dict]:
    """The slow oracle of the order: Python compares strings by code point, which for UTF-8 is byte order."""
    return sorted(rows.to_pylist(), key=lambda row: tuple(row[k] for k in key))


def create(server: postgres.Server, schema: str, tables: dict[str, str]) -> None:
    """A schema of tables given as column lists; every schema has its `extract` row unless it is among them."""
    tables = {"extract": "extracted_on date, name text", **tables}
    statements = [f'CREATE TABLE "{schema}".{name} ({columns})' for name, columns in tables.items()]
    grants = f'GRANT USAGE ON SCHEMA "{schema}" TO reader', f'GRANT SELECT ON ALL TABLES IN SCHEMA "{schema}" TO reader'
    server.execute(f'DROP SCHEMA IF EXISTS "{schema}" CASCADE', f'CREATE SCHEMA "{schema}"', *statements, *grants)
    if tables["extract"].startswith("extracted_on date"):
        server.execute(f"INSERT INTO \"{schema}\".extract VALUES ('2025-06-30', 'Kementerian Sosial ☂')")


def declared(table: type[Table]) -> str:
    return ", ".join(f"{c.name} {SQL[c.kind]}" for c in table.columns())


def required(**changed: str) -> dict[str, str]:
    """The four required tables, empty; a changed one has other columns."""
    return {t.name: declared(t) for t in TABLES.values() if t.required} | changed


@pytest.fixture(scope="session")
def passfile(server, tmp_path_factory):
    """The only place where the readers' passwords stand."""
    options = "NOSUPERUSER CONNECTION LIMIT 5"
    lines = [f"127.0.0.1:{server.port}:*:{role}:{server.add_role(role, options)}" for role in ("reader", "writer")]
    server.execute("ALTER ROLE reader SET default_transaction_read_only = on")
    file = tmp_path_factory.mktemp("secret") / "pgpass"
    file.touch(0o600)
    file.write_text("\n".join(lines) + "\n")
    return file


@pytest.fixture
def config(server, passfile):
    """Configuration of one connection `pkh` as the read-only role, changed by keyword."""

    def make(batch_rows: int = 1000, batch_bytes: int = 65536, **changed: object) -> database.Config:
        pkh = {
            "host": "127.0.0.1", "port": server.port, "dbname": "pkh", "user": "reader", "schema": "full",
            "password_file": str(passfile), "sslmode": "prefer", "time_zone": "Asia/Jakarta",
        }  # fmt: skip
        return database.Config.model_validate({
            "connections": {"pkh": pkh | changed}, "connect_timeout": 5, "batch_rows": batch_rows,
            "batch_bytes": batch_bytes,
        })  # fmt: skip

    return make


@pytest.fixture(scope="session")
def full(server, passfile):
    """All twelve tables in the schema `full`, and what was put in them."""
    made = {name: world(table) for name, table in TABLES.items()}
    create(server, "full", {name: declared(table) for name, table in TABLES.items()})
    for name, rows in made.items():
        server.ingest(name, rows, "full")
    return made


@pytest.fixture
def schema(server, passfile):
    """Make a schema `small` of the given tables and columns, then run statements in it."""

    def make(tables: dict[str, str], *statements: str) -> None:
        create(server, "small", tables)
        server.execute("SET LOCAL search_path TO small", *statements)

    return make


def told(error: pytest.ExceptionInfo, passfile: Path) -> str:
    """The message, after checking that it is short and gives no password away."""
    message = str(error.value)
    assert len(message.splitlines()) <= 4
    passwords = [line.rpartition(":")[2] for line in passfile.read_text().splitlines()]
    assert not any(password in message for password in passwords)
    return message


def test_every_table_lands_whole_typed_and_in_order(full, config, tmp_path):
    extract = database.open_extract("pkh", config(), tmp_path / "landing")
    assert (extract.name, extract.extracted_on) == ("Kementerian Sosial ☂", date(2025, 6, 30))
    assert extract.files == {name: (tmp_path / "landing" / f"{name}.parquet",) for name in TABLES}
    for name, (path,) in extract.files.items():
        landed = pq.read_table(path)
        assert landed.schema.equals(full[name].schema)
        assert landed.to_pylist() == in_order(full[name], TABLES[name].key)


def test_the_same_tables_as_parquet_files_give_ingestion_the_same(engine, server, full, config, tmp_path):
    """Stored as a government's database might: money as numeric, days as timestamps, texts as varchar."""
    kinds = SQL | {"text": "varchar(40)", "choice": "varchar(20)", "whole": "numeric(18,2)", "day": "timestamp"}
    other = {n: ", ".join(f"{c.name} {kinds[c.kind]}" for c in t.columns()) for n, t in TABLES.items()}
    create(server, "small", other)
    server.execute(*(f'INSERT INTO small.{name} SELECT * FROM "full".{name}' for name in TABLES))
    folder = tmp_path / "files"
    folder.mkdir()
    for name, rows in full.items():
        keys = [(key, "ascending") for key in TABLES[name].key]
        pq.write_table(rows.sort_by(keys), folder / f"{name}.parquet")
    (folder / "extract.yaml").write_text("extracted_on: 2025-06-30\nname: as files\n", encoding="utf-8")
    extracts = files.open_extract(folder, ()), database.open_extract("pkh", config(schema="small"), tmp_path / "db")
    from_files, from_database = (landing.read(engine, extract).tables for extract in extracts)
    for name in TABLES:
        one, other = (tables[name].order_by("row").to_pyarrow() for tables in (from_files, from_database))
        assert one.num_rows == ROWS
        assert one.equals(other)


def test_row_groups_have_the_configured_size(full, config, tmp_path):
    database.open_extract("pkh", config(batch_rows=1300), tmp_path)
    groups = pq.ParquetFile(tmp_path / "kpm.parquet").metadata
    assert [groups.row_group(g).num_rows for g in range(groups.num_row_groups)] == [1300, 1300, 400]  # 3000 rows


@pytest.mark.parametrize("batch_bytes", [2048, 16_777_216])
def test_same_data_same_bytes_however_the_driver_cuts_it(full, config, tmp_path, batch_bytes):
    first = database.open_extract("pkh", config(), tmp_path / "first")
    again = database.open_extract("pkh", config(batch_bytes=batch_bytes), tmp_path / "again")
    assert files.fingerprint(first) == files.fingerprint(again)
    assert sorted(files.fingerprint(first)) == sorted(f"{name}.parquet" for name in TABLES)


def test_memory_is_bounded_by_batches(full, config, tmp_path, monkeypatch):
    """The driver hands over many batches of a table, none of them the whole."""
    sizes = []
    checked = database._check_days
    monkeypatch.setattr(database, "_check_days", lambda b, p: (sizes.append(b.num_rows), checked(b, p)))
    database.open_extract("pkh", config(batch_bytes=16384), tmp_path)
    assert sum(sizes) == ROWS * len(TABLES)
    assert max(sizes) < ROWS / 2


def test_duplicate_keys_land_in_one_order(schema, config, tmp_path):
    """Two rows of one key differ in a later column: 300 before 900 whichever was inserted first."""
    rows = ["('k1', 'PKH', '2024Q1', 900)", "('k1', 'PKH', '2024Q1', 300)"]
    prints = []
    for order in (rows, rows[::-1]):
        insert = f"INSERT INTO payments (kpm_id, programme, period, amount) VALUES {', '.join(order)}"
        schema(required(), insert)
        prints.append(files.fingerprint(database.open_extract("pkh", config(schema="small"), tmp_path)))
    assert prints[0] == prints[1]
    assert pq.read_table(tmp_path / "payments.parquet")["amount"].to_pylist() == [300, 900]


def test_fingerprint_changes_with_one_value(config, schema, tmp_path):
    schema(required(), "INSERT INTO membership (kpm_id) VALUES ('a')")
    before = files.fingerprint(database.open_extract("pkh", config(schema="small"), tmp_path))
    schema(required(), "INSERT INTO membership (kpm_id) VALUES ('b')")
    after = files.fingerprint(database.open_extract("pkh", config(schema="small"), tmp_path))
    assert {name for name in before if before[name] != after[name]} == {"membership.parquet"}


@pytest.mark.parametrize(
    ("kind", "stored", "landed"),
    [
        ("bigint", ["9007199254740993", "null"], [9007199254740993, None]),  # 2^53 + 1: a float would lose the 1
        ("integer", ["1500000", "0"], [1500000, 0]),
        ("numeric(15,2)", ["1500000.00", "null"], [1500000, None]),
        ("numeric", ["1500000", "9007199254740993.000"], [1500000, 9007199254740993]),
        ("double precision", ["1500000", "null"], [1500000, None]),
        # A value that is no whole number is never rounded: the column lands as text and ingestion judges each row.
        ("numeric(15,2)", ["1500000.50", "300000.00"], ["1500000.5", "300000"]),
        ("numeric", ["'NaN'", "1e30"], ["NaN", "1" + "0" * 30]),
        ("double precision", ["1500000.5", "'Infinity'"], ["1500000.5", "Infinity"]),
        ("text", ["'1.500.000'", "null"], ["1.500.000", None]),
        ("boolean", ["true", "null"], ["true", None]),
    ],
)
def test_money_is_never_rounded(schema, config, tmp_path, kind, stored, landed):
    columns = declared(TABLES["payments"]).replace("amount bigint", f"amount {kind}")
    rows = ", ".join(f"('k{n}', {value})" for n, value in enumerate(stored))
    schema(required(payments=columns), f"INSERT INTO payments (kpm_id, amount) VALUES {rows}")
    database.open_extract("pkh", config(schema="small"), tmp_path)
    assert pq.read_table(tmp_path / "payments.parquet")["amount"].to_pylist() == landed


def test_other_types_of_postgresql_land_as_the_contract_has_them(schema, config, tmp_path):
    """Identifiers stored as numbers become text; a moment becomes the day it was in Jakarta (UTC+7)."""
    kpm = (
        "kpm_id numeric(9,2), enrolled_on timestamptz, caretaker_nik bigint, caretaker_sex sex, village_code code, "
        "caretaker_birth_date date, "
        "urban smallint, customary_community text, recorded_on timestamp, unknown_column text"
    )
    server_types = "CREATE TYPE sex AS ENUM ('M', 'F')", "CREATE DOMAIN code AS char(10)"
    schema(required(kpm="a int"), *server_types, "DROP TABLE kpm", f"CREATE TABLE kpm ({kpm})",
           "GRANT SELECT ON kpm TO reader",
           "INSERT INTO kpm VALUES (42, '2024-03-31 20:00+00', 3171234567890001, 'F', '3171010001', null, 1, 't', "
           "'2024-04-01 23:59', 'not of the contract')")  # fmt: skip
    database.open_extract("pkh", config(schema="small"), tmp_path)
    assert pq.read_table(tmp_path / "kpm.parquet").to_pylist() == [{
        "kpm_id": "42", "enrolled_on": date(2024, 4, 1), "caretaker_nik": "3171234567890001", "caretaker_sex": "F",
        "caretaker_birth_date": None, "village_code": "3171010001", "urban": 1,
        "customary_community": "t", "recorded_on": date(2024, 4, 1),
    }]  # fmt: skip


def test_declared_welfare_columns_are_read(schema, config, tmp_path):
    welfare = (Column("number", "rooms", name="rooms"), Column("flag", "has a garden", name="garden"))
    columns = declared(TABLES["welfare"]) + ", rooms numeric(4,1), garden boolean, undeclared int"
    schema(required(welfare=columns), "INSERT INTO welfare (kpm_id, rooms, garden) VALUES ('k1', 2.5, true)")
    extract = database.open_extract("pkh", config(schema="small"), tmp_path, welfare)
    landed = pq.read_table(tmp_path / "welfare.parquet")
    assert extract.welfare == welfare
    assert landed.select(["rooms", "garden"]).to_pylist() == [{"rooms": 2.5, "garden": True}]
    assert "undeclared" not in landed.column_names


def test_a_view_serves_as_a_table(schema, config, tmp_path):
    schema(required(), "ALTER TABLE kpm RENAME TO families", "CREATE VIEW kpm AS SELECT * FROM families",
           "GRANT SELECT ON kpm TO reader", "INSERT INTO families (kpm_id) VALUES ('k1')")  # fmt: skip
    database.open_extract("pkh", config(schema="small"), tmp_path)
    assert pq.read_table(tmp_path / "kpm.parquet")["kpm_id"].to_pylist() == ["k1"]


def test_missing_optional_tables_are_absent_even_where_an_older_run_left_them(full, schema, config, tmp_path):
    database.open_extract("pkh", config(), tmp_path)
    schema(required())
    extract = database.open_extract("pkh", config(schema="small"), tmp_path)
    assert set(extract.files) == {name for name, table in TABLES.items() if table.required}
    assert {p.stem for p in tmp_path.iterdir()} == {*extract.files, "extract"}
    assert pq.read_table(tmp_path / "kpm.parquet").num_rows == 0


def test_the_landing_folder_is_itself_an_extract_for_its_owner_alone(full, config, tmp_path):
    landing = tmp_path / "landing"
    extract = database.open_extract("pkh", config(), landing)
    assert files.open_extract(landing, ()) == extract
    assert {oct(p.stat().st_mode & 0o777) for p in landing.iterdir()} == {"0o600"}
    assert landing.stat().st_mode & 0o777 == 0o700


def test_all_tables_are_of_one_moment(server, schema, config, tmp_path, monkeypatch):
    """A family that enters while kpm is being read has no membership either: no half of it is seen."""
    schema(required())
    land = database._land

    def land_then_insert(opened, table, folder, welfare):
        path = land(opened, table, folder, welfare)
        server.execute("INSERT INTO small.membership (kpm_id) VALUES ('late')")
        return path

    monkeypatch.setattr(database, "_land", land_then_insert)
    database.open_extract("pkh", config(schema="small"), tmp_path)
    assert pq.read_table(tmp_path / "membership.parquet").num_rows == 0


@pytest.mark.parametrize("user", ["reader", "writer"])
def test_nothing_can_be_written(server, schema, config, user):
    """Neither through the read-only role, nor, within our transaction, through one that owns the tables."""
    schema(required(), "GRANT ALL ON ALL TABLES IN SCHEMA small TO writer", "GRANT USAGE ON SCHEMA small TO writer")
    settings = config(schema="small", user=user)
    with database._transaction(settings.connections["pkh"], settings) as opened, opened.connection.cursor() as cursor:
        with pytest.raises(Error) as refused:
            cursor.execute("INSERT INTO small.kpm (kpm_id) VALUES ('forged')")
        assert refused.value.sqlstate == "25006"  # read_only_sql_transaction


def test_libpq_finds_the_password_by_itself(full, config, passfile, tmp_path, monkeypatch):
    monkeypatch.setenv("PGPASSFILE", str(passfile))
    assert database.open_extract("pkh", config(password_file=None), tmp_path).extracted_on == date(2025, 6, 30)


def test_a_unix_socket_is_a_host(server, full, config, tmp_path):
    local = config(host=str(server.folder), password_file=None)
    assert database.open_extract("pkh", local, tmp_path).extracted_on == date(2025, 6, 30)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"host": "nowhere.invalid"}, "could not translate host name"),
        ({"port": 1}, "Connection refused"),
        ({"dbname": "nope"}, 'database "nope" does not exist'),
        ({"dbname": "pkh password=x"}, "does not exist"),
        ({"user": "nobody"}, "no password supplied"),
        ({"schema": "nope"}, "database pkh: no schema nope"),
        ({"schema": "Full"}, "database pkh: no schema Full"),
        ({"time_zone": "Asia/Atlantis"}, "time_zone Asia/Atlantis is not known"),
        ({"sslmode": "require"}, "server does not support SSL"),
    ],
)
def test_a_wrong_setting_is_told(full, config, passfile, tmp_path, changed, message):
    with pytest.raises(BadInput) as error:
        database.open_extract("pkh", config(**changed), tmp_path)
    assert message in told(error, passfile)
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_connection_is_told_with_the_known_ones(config, tmp_path):
    with pytest.raises(BadInput, match=r"no connection named 'pkk' \(there are: pkh\)"):
        database.open_extract("pkk", config(), tmp_path)


def test_a_wrong_password_is_told_without_it(server, full, config, tmp_path):
    file = tmp_path / "pgpass"
    file.touch(0o600)
    file.write_text(f"127.0.0.1:{server.port}:*:reader:rahasia-salah\n")
    with pytest.raises(BadInput, match='password authentication failed for user "reader"') as error:
        database.open_extract("pkh", config(password_file=str(file)), tmp_path / "landing")
    assert "rahasia-salah" not in told(error, file)
    assert error.value.__cause__ is None


def test_a_server_that_is_down_is_told(config, passfile, tmp_path):
    with pytest.raises(BadInput, match="Connection refused"):
        database.open_extract("pkh", config(port=postgres._free_port()), tmp_path)


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("REVOKE USAGE ON SCHEMA small FROM reader", "GRANT USAGE ON SCHEMA small TO reader"),
        ("REVOKE SELECT ON payments FROM reader", "GRANT SELECT ON small.payments TO reader"),
        ("REVOKE SELECT ON extract FROM reader", "small.extract in pkh: needs a readable column name"),
        ("DROP TABLE membership", "small.membership in pkh: required table is missing"),
        ("DROP TABLE extract", "small.extract in pkh: needs a readable column name"),
        ("ALTER TABLE extract ALTER extracted_on TYPE text", "needs a readable column extracted_on of type date"),
        ("DELETE FROM extract", "must hold exactly one row"),
        ("UPDATE extract SET name = ''", "must hold exactly one row (name, extracted_on), both filled"),
        ("INSERT INTO extract VALUES ('2025-07-01', 'second')", "must hold exactly one row"),
        ("ALTER TABLE kpm DROP village_code, DROP enrolled_on", "column enrolled_on, village_code is missing"),
        ("ALTER TABLE members ALTER nik TYPE float8 USING null", "identifier nik is stored as a rounded number"),
        ("INSERT INTO members (kpm_id, valid_to) VALUES ('x', 'infinity')", "members in pkh: valid_to holds a day"),
        ("INSERT INTO members (kpm_id, valid_to) VALUES ('x', '-infinity')", "members in pkh: valid_to holds a day"),
        ("INSERT INTO members (kpm_id, valid_to) VALUES ('x', '10000-01-01')", "members in pkh: valid_to holds a day"),
        (
            "INSERT INTO members (kpm_id, valid_to) VALUES ('x', '0001-12-31 BC')",
            "members in pkh: valid_to holds a day",
        ),
    ],
)
def test_a_schema_that_cannot_be_read_is_told_and_leaves_the_older_landing(
    schema, config, passfile, tmp_path, statement, message
):
    schema(required(), "INSERT INTO kpm (kpm_id) VALUES ('older')")
    older = database.open_extract("pkh", config(schema="small"), tmp_path)
    before = files.fingerprint(older)
    schema(required(), statement)
    with pytest.raises(BadInput) as error:
        database.open_extract("pkh", config(schema="small"), tmp_path)
    assert message in told(error, passfile)
    assert files.fingerprint(older) == before
    assert not list(tmp_path.glob(".partial-*"))


def test_the_first_and_the_last_day_of_the_calendar_land(schema, config, tmp_path):
    schema(required(), "INSERT INTO members (kpm_id, valid_from, valid_to) VALUES ('x', '0001-01-01', '9999-12-31')")
    database.open_extract("pkh", config(schema="small"), tmp_path)
    (row,) = pq.read_table(tmp_path / "members.parquet").select(["valid_from", "valid_to"]).to_pylist()
    assert row == {"valid_from": date(1, 1, 1), "valid_to": date(9999, 12, 31)}


def test_a_personal_column_that_is_withheld_is_absent_another_is_an_error(schema, config, tmp_path):
    columns = [c.name for c in TABLES["kpm"].columns() if not c.pii]
    revoke = "REVOKE SELECT ON kpm FROM reader"
    schema(required(), revoke, f"GRANT SELECT ({', '.join(columns)}) ON kpm TO reader")
    database.open_extract("pkh", config(schema="small"), tmp_path)
    assert pq.read_table(tmp_path / "kpm.parquet").column_names == columns
    schema(required(), revoke, f"GRANT SELECT ({', '.join(c for c in columns if c != 'urban')}) ON kpm TO reader")
    with pytest.raises(BadInput, match="permission denied for urban"):
        database.open_extract("pkh", config(schema="small"), tmp_path)


def test_a_failing_view_is_told_without_the_value_it_failed_on(schema, config, tmp_path):
    """PostgreSQL's own message would quote the name of a person."""
    columns = [f"{c.name}::{SQL[c.kind]}" if c.name != "urban" else "caretaker_name::boolean AS urban"
               for c in TABLES["kpm"].columns()]  # fmt: skip
    view = f"CREATE VIEW kpm AS SELECT {', '.join(columns)} FROM families"
    schema(required(), "ALTER TABLE kpm RENAME TO families", view, "GRANT SELECT ON kpm TO reader",
           "INSERT INTO families (caretaker_name) VALUES ('Siti')")  # fmt: skip
    with pytest.raises(BadInput, match=r"small\.kpm in pkh: the server broke off the reading") as error:
        database.open_extract("pkh", config(schema="small"), tmp_path)
    assert "Siti" not in str(error.value)


def test_a_declared_column_cannot_smuggle_sql(schema, config, tmp_path):
    evil = 'x" FROM kpm; DROP TABLE kpm; --'
    schema(required(welfare=declared(TABLES["welfare"]) + ', "x"" FROM kpm; DROP TABLE kpm; --" int'))
    with pytest.raises(BadInput, match="cannot name a table or column"):
        database.open_extract("pkh", config(schema="small"), tmp_path, (Column("whole", "evil", name=evil),))


@pytest.mark.parametrize("name", ['a"b', "a b", "", "a;b", "1a", "a" * 64, "a\n"])
def test_a_schema_name_is_a_plain_identifier(config, name):
    with pytest.raises(ValidationError, match="schema"):
        config(schema=name)


@pytest.mark.parametrize("key", ["password", "passwd", "PGPASSWORD", "secret"])
def test_a_password_in_the_configuration_is_refused_and_not_repeated(config, key):
    try:  # not pytest.raises: what it keeps and pydantic's error, which keeps its cause's frames, would never be freed
        config(**{key: "rahasia"})
        message = "accepted"
    except ValidationError as error:
        message = str(error)
    assert "a password does not belong here" in message
    assert "rahasia" not in message


def test_a_password_file_must_be_private_outside_the_checkout_and_there(config, passfile, tmp_path):
    shared = shutil.copy(passfile, tmp_path / "shared")
    shared.chmod(0o640)
    for file, message in (
        (shared, "chmod 600"),
        (tmp_path / "nope", "there is no file"),
        ("secrets/pgpass", "must lie outside the checkout"),
        (database.CHECKOUT / "pgpass", "must lie outside the checkout"),
    ):
        with pytest.raises(BadInput, match=re.escape(message)):
            database.open_extract("pkh", config(password_file=str(file)), tmp_path / "landing")


def test_the_home_folder_is_found(config, full, passfile, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(passfile.parent))
    database.open_extract("pkh", config(password_file="~/pgpass"), tmp_path)
    assert (tmp_path / "kpm.parquet").is_file()


def test_the_shipped_configuration_is_valid_and_names_no_secret():
    text = (database.CHECKOUT / database.SETTINGS).read_text(encoding="utf-8")
    shipped = database.Config.model_validate(yaml.safe_load(text))
    assert shipped.connections["pkh"].password_file is None


def test_missing_server_programs_fail_the_fixture(monkeypatch):
    monkeypatch.setattr(postgres.shutil, "which", lambda name: None)
    monkeypatch.setattr(postgres.Path, "glob", lambda self, pattern: iter(()))
    with pytest.raises(RuntimeError, match="apt-get install postgresql"):
        postgres._programs()


def test_the_server_stops_with_its_fixture():
    with postgres.running() as short:
        socket.create_connection(("127.0.0.1", short.port), timeout=5).close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", short.port), timeout=5)
    assert not short.folder.exists()
