"""What the command line of the desk does; Django is set up when a command runs."""

import argparse
import fcntl
import getpass
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import django
from django.conf import settings
from django.core import management

from pipeline import durable
from pipeline.errors import BadInput


def run(arguments: list[str]) -> None:
    """Run one command of COMMANDS."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.desk")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, function in COMMANDS.items():
        one = commands.add_parser(name, help=(function.__doc__ or "").splitlines()[0])
        for argument, more in ARGUMENTS.get(name, {}).items():
            one.add_argument(argument, **more)
    asked = parser.parse_args(arguments)
    os.umask(0o077)
    django.setup()
    COMMANDS[asked.command](asked)


def tell(line: str) -> None:
    """One line for whoever sits at the terminal."""
    sys.stdout.write(f"{line}\n")


def migrate(asked: Any) -> None:
    """Bring the tables up to date."""
    management.call_command("migrate", interactive=False, verbosity=0)
    engine = _database()
    if "sqlite3" in engine["ENGINE"]:
        Path(engine["NAME"]).chmod(0o600)


@contextmanager
def _alone() -> Iterator[None]:
    """One load at a time on this machine; BadInput for a second."""
    with (settings.STATE / "load.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BadInput("another load is under way", "wait until it has ended") from None
        yield


def _database() -> dict[str, Any]:
    return settings.DATABASES["default"]


def load(asked: Any) -> None:
    """Show the latest published bundle; an older, altered or foreign one is refused."""
    from pipeline.desk import loading
    from pipeline.desk.bundle import Refused
    from pipeline.desk.texts import text

    migrate(asked)
    folder = Path(asked.bundle) if asked.bundle else settings.ROOT / settings.DESK.bundle
    if not folder.is_dir():
        raise BadInput(f"{folder}: no bundle there", "run `make run`, or `python -m pipeline publish`, first")
    try:
        with _alone():
            loaded = loading.load(folder)
    except Refused as error:
        if error.problem == "same_number" and asked.again_is_fine:
            tell(f"bundle {error.number} is loaded already")
            return
        raise BadInput(f"{folder}: refused: {text(f'refused_{error.problem}', 'en')} ({error.detail})") from None
    tell(f"bundle {loaded.number} as of {loaded.as_of} is shown: {loaded.facts['families']} families")


def administrator(asked: Any) -> None:
    """Ask for the first administrator; nothing happens where there is one."""
    from django.contrib.auth.password_validation import validate_password
    from django.core.exceptions import ValidationError

    from pipeline.desk import chain
    from pipeline.desk.models import ADMINISTRATOR, Account

    migrate(asked)
    if Account.objects.filter(role=ADMINISTRATOR, is_active=True).exists():
        return
    if not sys.stdin.isatty() and not asked.stdin:
        raise BadInput("there is no administrator yet", "run `python -m pipeline.desk administrator` in a terminal")
    ask: Callable[[str], str] = getpass.getpass if not asked.stdin else lambda _: sys.stdin.readline().rstrip("\n")
    tell("The first administrator, who makes the other accounts and sees no family.")
    name = input("Name to sign in with: ") if not asked.stdin else sys.stdin.readline().strip()
    first, second = ask("Password: "), ask("Password, again: ")
    account = Account(username=name, role=ADMINISTRATOR)
    try:
        if first != second:
            raise BadInput("the two passwords differ")
        account.clean_fields(exclude=["password"])
        validate_password(first, account)
    except ValidationError as error:
        raise BadInput(*error.messages) from None
    account.set_password(first)
    account.save()
    chain.append("account_made", {"account": name, "role": ADMINISTRATOR})
    tell(f"{name} can sign in")


def serve(asked: Any) -> None:
    """Serve the desk; without TLS in front of it on the loopback address alone."""
    import waitress

    from pipeline.desk.wsgi import application

    if asked.listen not in ("127.0.0.1", "::1") and not settings.DESK.https:
        raise BadInput("without TLS the desk is served on 127.0.0.1 alone", "set https = true behind a server with TLS")
    port = asked.port or settings.DESK.port
    tell(f"http://{asked.listen}:{port}/")
    # Behind TLS the person's address and scheme come from the server in front, and from no one else.
    front = {
        "trusted_proxy": "127.0.0.1",
        "trusted_proxy_headers": {"x-forwarded-for", "x-forwarded-proto"},
        "clear_untrusted_proxy_headers": True,
    }
    more: dict[str, Any] = dict(front if settings.DESK.https else {})
    more["max_request_body_size"] = (settings.DESK.upload_megabytes + 1) * 1024 * 1024  # the largest file, and its form
    waitress.serve(application, host=asked.listen, port=port, threads=settings.DESK.threads, ident=None, **more)


def verify(asked: Any) -> None:
    """Recompute the log; with an exported head, that it was neither cut nor written anew."""
    from pipeline.desk import chain, keys

    head = json.loads(Path(asked.head).read_text(encoding="utf-8")) if asked.head else None
    if head is not None and not chain.head_is_ours(head, keys.public_text(keys.signer(settings.STATE / "log_key.pem"))):
        raise BadInput(f"{asked.head}: its signature is not that of this desk's key")
    found = chain.verify(head)
    if not found.whole:
        raise BadInput(f"log: line {found.broken_at}: {found.problem}", f"{found.lines} lines before it hold")
    tell(f"{found.lines} lines hold")


def head(asked: Any) -> None:
    """Print the signed head of the log, to be kept elsewhere."""
    from pipeline.desk import chain, keys

    tell(json.dumps(chain.signed_head(keys.signer(settings.STATE / "log_key.pem")), indent=1))


def extract(asked: Any) -> None:
    """Write decisions and yield for the pipeline and the auditors: Parquet and CSV, no names."""
    from pipeline.desk import outcomes

    for file, rows in outcomes.write(Path(asked.folder)):
        tell(f"{file}: {rows} rows")


def backup(asked: Any) -> None:
    """Copy the whole database into one new file, while it is in use."""
    target = Path(asked.file)
    if target.exists():
        raise BadInput(f"{target}: is there already", "name a new file")
    engine = _database()
    with durable.in_place_when_whole(target) as part:
        if "sqlite3" in engine["ENGINE"]:
            _copied(sqlite3.connect(f"file:{engine['NAME']}?mode=ro", uri=True), part)
        else:
            _postgresql("pg_dump", "--format=custom", f"--file={part}", engine)
        part.chmod(0o600)
    tell(f"{target}: {target.stat().st_size} bytes")


def restore(asked: Any) -> None:
    """Put a backup in the place of an empty or missing database."""
    source, engine = Path(asked.file), _database()
    if not source.is_file():
        raise BadInput(f"{source}: no such file")
    if "sqlite3" not in engine["ENGINE"]:
        _postgresql("pg_restore", "--exit-on-error", f"--dbname={engine['NAME']}", engine, str(source))
        return
    target = Path(str(engine["NAME"]))
    if target.exists():
        raise BadInput(f"{target}: is there already", "move it away first: nothing is overwritten")
    with durable.in_place_when_whole(target) as part:
        _copied(_sound(source), part)
    tell(f"{target}: restored; run `python -m pipeline.desk verify`")


def _copied(source: sqlite3.Connection, part: Path) -> None:
    """The whole database as it stands at this moment, also while others write into it."""
    with closing(source), closing(sqlite3.connect(part)) as copy:
        source.backup(copy)


def _sound(source: Path) -> sqlite3.Connection:
    """A backup to read from; BadInput where it is damaged."""
    copy = sqlite3.connect(f"file:{source}?mode=ro", uri=True)
    try:
        sound = copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    except sqlite3.DatabaseError:
        sound = False
    if not sound:
        copy.close()
        raise BadInput(f"{source}: is damaged, or no backup of a desk", "restore an earlier one")
    return copy


def _postgresql(program: str, option: str, target: str, engine: Mapping[str, Any], *more: str) -> None:
    named = {"PGHOST": engine.get("HOST"), "PGPORT": engine.get("PORT"), "PGUSER": engine.get("USER")}
    environment = os.environ | {k: str(v) for k, v in named.items() if v}
    name = [str(engine["NAME"])] if program == "pg_dump" else []
    done = subprocess.run([program, option, target, *name, *more], env=environment, capture_output=True, text=True)
    if done.returncode:
        raise BadInput(f"{program} failed", *done.stderr.splitlines()[-3:])


def check(asked: Any) -> None:
    """Django's own check of a deployment, as behind TLS; any warning is a failure."""
    from django.core.management.base import SystemCheckError

    try:
        management.call_command("check", deploy=True, fail_level="WARNING")
    except SystemCheckError as error:
        raise BadInput(str(error), "https = true in configs/desk.toml is what most of these ask for") from None


COMMANDS: Mapping[str, Callable[[Any], None]] = {
    f.__name__: f for f in (migrate, load, administrator, serve, verify, head, extract, backup, restore, check)
}
ARGUMENTS: Mapping[str, Mapping[str, dict[str, Any]]] = {
    "load": {
        "bundle": {"nargs": "?", "help": "a bundle's folder; else the one that configs/desk.toml names"},
        "--again-is-fine": {"action": "store_true", "help": "no error where this very bundle is shown already"},
    },
    "administrator": {"--stdin": {"action": "store_true", "help": "name and password, twice, from standard input"}},
    "serve": {
        "--listen": {"default": "127.0.0.1", "help": "address"},
        "--port": {"type": int, "help": "else the one of configs/desk.toml"},
    },
    "verify": {"--head": {"help": "a head that was exported earlier"}},
    "extract": {"folder": {"help": "a folder to write into"}},
    "backup": {"file": {"help": "a new file"}},
    "restore": {"file": {"help": "a backup"}},
}
