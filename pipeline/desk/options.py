"""configs/desk.toml as frozen settings; BadInput names file, key and rule."""

import os
import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from urllib.parse import unquote, urlsplit

from pipeline.errors import BadInput

FILE = "configs/desk.toml"
HOME, DATABASE = "DESK_HOME", "DESK_DATABASE"


@dataclass(frozen=True)
class Options:
    """Every key of configs/desk.toml; times in the unit of their names."""

    database: str
    bundle: str
    state: str
    hosts: list[str]
    https: bool
    port: int
    threads: int
    language: str
    idle_minutes: int
    absolute_hours: int
    lock_failures: int
    lock_minutes: int
    password_length: int
    page_rows: int
    export_rows: int
    exports_a_day: int
    release_days: int
    visit_days: int
    objection_days: int
    upload_megabytes: int


def home() -> Path:
    """The folder under which configs/ and data/ lie: the checkout, or what DESK_HOME names."""
    return Path(os.environ.get(HOME, ".")).resolve()


def read(root: Path) -> Options:
    """The settings of the desk under `root`; the environment may name another database."""
    file = root / FILE
    try:
        values = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadInput(f"{file}: cannot be read as TOML: {str(error)[:200]}") from None
    if os.environ.get(DATABASE):
        values["database"] = os.environ[DATABASE]
    kinds = {f.name: f.type for f in fields(Options)}
    if strangers := sorted(set(values) - set(kinds)):
        raise BadInput(f"{file}: {strangers[0]}: no such key", f"the keys are {', '.join(kinds)}")
    if missing := sorted(set(kinds) - set(values)):
        raise BadInput(
            f"{file}: {missing[0]}: is missing", "every key is needed; the file in the repository has them all"
        )
    for name, value in values.items():
        _check(file, name, value, kinds[name])
    return Options(**values)


def _check(file: Path, name: str, value: object, kind: object) -> None:
    fits = {
        str: isinstance(value, str) and value != "",
        bool: isinstance(value, bool),
        int: isinstance(value, int) and not isinstance(value, bool) and value > 0,
    }
    good = fits.get(kind, isinstance(value, list) and all(isinstance(v, str) for v in value))  # type: ignore[call-overload]
    if not good:
        raise BadInput(
            f"{file}: {name}: must be {getattr(kind, '__name__', 'a list of texts')}, above 0 where a number"
        )
    if name == "language" and value not in ("id", "en"):
        raise BadInput(f"{file}: language: must be id or en")


def database(url: str, root: Path) -> dict[str, object]:
    """Django's setting of the database that the URL names; BadInput for any but sqlite:/// and postgresql://."""
    parts = urlsplit(url)
    if parts.scheme == "sqlite" and not parts.netloc and len(parts.path) > 1:
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": str(root / parts.path[1:]),
            # A writer takes the lock at once, so that two of them queue up and neither is told "database is locked".
            "OPTIONS": {
                "transaction_mode": "IMMEDIATE",
                "timeout": 30,
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-32000;",
            },
        }
    if parts.scheme == "postgresql" and parts.path.strip("/"):
        found = {"NAME": parts.path.strip("/"), "USER": parts.username, "HOST": parts.hostname, "PORT": parts.port}
        named = {k: unquote(str(v)) for k, v in found.items() if v is not None}
        password = os.environ.get("PGPASSWORD")
        secret = {"PASSWORD": password} if password else {}
        return {"ENGINE": "django.db.backends.postgresql", **named, **secret, "CONN_MAX_AGE": 60}
    raise BadInput(
        f"database: {parts.scheme or 'it'} is neither sqlite:///FILE nor postgresql://ACCOUNT@HOST:PORT/NAME",
        "a password belongs into PGPASSWORD or ~/.pgpass, never into the URL",
    )
