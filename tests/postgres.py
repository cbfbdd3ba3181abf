"""A real PostgreSQL server for one test session: its own data, a free loopback port, gone at the end."""

import os
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
from adbc_driver_postgresql import dbapi

ACCOUNT = "postgres"  # the server refuses to run as root


@dataclass(frozen=True)
class Server:
    """Trusted through the Unix socket in `folder`, asking for a password (SCRAM) on 127.0.0.1:`port`."""

    folder: Path
    port: int
    dbname: str = "pkh"

    def execute(self, *statements: str) -> None:
        """Run as the superuser, in one transaction."""
        with self._connect() as connection:
            with connection.cursor() as cursor:
                for statement in statements:
                    cursor.execute(statement)
            connection.commit()

    def ingest(self, table: str, rows: object, schema: str) -> None:
        """Append an Arrow table to a table that exists."""
        with self._connect() as connection:
            with connection.cursor() as cursor:
                cursor.adbc_ingest(table, rows, mode="append", db_schema_name=schema)
            connection.commit()

    def _connect(self, dbname: str | None = None) -> dbapi.Connection:
        return dbapi.connect(f"postgresql://{ACCOUNT}@/{dbname or self.dbname}?host={self.folder}&port={self.port}")

    def create_database(self) -> None:
        with self._connect(ACCOUNT) as connection:
            connection.adbc_connection.set_autocommit(True)
            with connection.cursor() as cursor:
                cursor.execute(f"CREATE DATABASE {self.dbname}")

    def add_role(self, name: str, options: str = "") -> str:
        """A role that can log in; its password, made up on the spot."""
        password = secrets.token_urlsafe(12)
        self.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{password}' {options}")
        return password

    def start(self) -> None:
        options = f"-k {self.folder} -p {self.port} -c listen_addresses=127.0.0.1 -c fsync=off"
        self.control("-l", self.folder / "log", "-w", "-o", options, "start")

    def control(self, *words: object) -> None:
        _run(self, _programs() / "pg_ctl", "-D", self.folder / "data", *words)

    def kill(self) -> None:
        """`kill -9` of the server before it can tell its processes, then of each of them."""
        head = psutil.Process(int((self.folder / "data" / "postmaster.pid").read_text().split("\n", 1)[0]))
        everyone = [head, *head.children(recursive=True)]
        for process in everyone:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(everyone)


@contextmanager
def running() -> Iterator[Server]:
    """Start a server and stop it. The default collation is Indonesian, as a server there would have it.

    Raises RuntimeError where PostgreSQL's programs are not installed: these tests are never left out.
    """
    with tempfile.TemporaryDirectory(prefix="pg-", ignore_cleanup_errors=True) as name:
        server = Server(Path(name), _free_port())
        _give_away(server.folder)
        initdb = "--no-sync --encoding=UTF8 --locale=C.UTF-8 --locale-provider=icu --icu-locale=id --auth-local=trust"
        _run(server, _programs() / "initdb", "-D", server.folder / "data", *initdb.split(), "--auth-host=scram-sha-256")
        server.start()
        try:
            server.create_database()
            yield server
        finally:
            server.control("-m", "immediate", "-w", "stop")


def _programs() -> Path:
    """Debian keeps them out of PATH, one folder per major version."""
    on_path = shutil.which("pg_ctl")
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"), key=lambda p: int(p.parts[-3]))
    if not found and on_path is None:
        raise RuntimeError("PostgreSQL's server programs are missing: apt-get install postgresql")
    return found[-1].parent if found else Path(str(on_path)).parent


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _give_away(folder: Path) -> None:
    if os.geteuid() == 0:
        shutil.chown(folder, ACCOUNT)


def _run(server: Server, *command: object) -> None:
    """To a file, not a pipe: the server would keep the pipe open for as long as it runs."""
    switch = ["runuser", "-u", ACCOUNT, "--"] if os.geteuid() == 0 else []
    with tempfile.TemporaryFile() as output:
        result = subprocess.run(
            [*switch, *map(str, command)], cwd=server.folder, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
        output.seek(0)
        if result.returncode:
            raise RuntimeError(f"{command[0]} failed:\n{output.read().decode(errors='replace')}")
