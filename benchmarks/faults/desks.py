"""A served desk to lay hands on, with the tests' own homes, accounts and server, and a client that keeps no manners."""

import html
import http.client
import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

PROJECT = Path(__file__).resolve().parents[2]
sys.path += [str(PROJECT / folder) for folder in ("tests", "tests/desk") if str(PROJECT / folder) not in sys.path]

import browsers  # noqa: E402
import bundles  # noqa: E402
import homes  # noqa: E402
import postgres  # noqa: E402

SECONDS = 120
FORM = "application/x-www-form-urlencoded"
DATABASES = ("sqlite", "postgresql")


@dataclass(frozen=True)
class Answer:
    """What came back to one request."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return html.unescape(self.body.decode("utf-8", "replace"))


@dataclass
class Hand:
    """Whoever sends requests to a desk: keeps cookies, follows no redirect, may send anything."""

    address: str
    cookies: dict[str, str] = field(default_factory=dict)

    def ask(self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Answer:
        """One request on a connection of its own; what the server says of cookies is kept."""
        sent = {"Cookie": "; ".join(f"{k}={v}" for k, v in self.cookies.items())} if self.cookies else {}
        if body or method in ("POST", "PUT", "PATCH"):
            sent["Content-Length"] = str(len(body))
        connection = http.client.HTTPConnection(urlsplit(self.address).netloc, timeout=SECONDS)
        try:
            # A server may refuse before all has come: what it says of that is read all the same.
            with suppress(BrokenPipeError):
                connection.request(method, path, body or None, sent | dict(headers or {}))
            answer = connection.getresponse()
            found = Answer(answer.status, dict(answer.getheaders()), answer.read())
            for line in answer.headers.get_all("Set-Cookie") or []:
                self.cookies |= {k: v.value for k, v in SimpleCookie(line).items()}
        finally:
            connection.close()
        return found

    def get(self, path: str) -> Answer:
        return self.ask("GET", path)

    def post(self, path: str, fields: Mapping[str, Any] | None = None, **headers: str) -> Answer:
        """A form with the token that this hand's cookie asks for."""
        values = {**(fields or {}), "csrfmiddlewaretoken": self.cookies.get("csrftoken", "")}
        return self.ask("POST", path, urlencode(values, doseq=True).encode(), {"Content-Type": FORM, **headers})

    def upload(self, path: str, name: str, content: bytes) -> Answer:
        """A file in the field `file`."""
        mark = "----hand"
        quoted = name.replace("\\", "\\\\").replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
        token = f'--{mark}\r\nContent-Disposition: form-data; name="csrfmiddlewaretoken"\r\n\r\n'
        head = f'--{mark}\r\nContent-Disposition: form-data; name="file"; filename="{quoted}"\r\n\r\n'
        parts = [token.encode(), self.cookies.get("csrftoken", "").encode(), b"\r\n", head.encode()]
        body = b"".join([*parts, content, f"\r\n--{mark}--\r\n".encode()])
        return self.ask("POST", path, body, {"Content-Type": f"multipart/form-data; boundary={mark}"})

    def sign_in(self, name: str, password: str = homes.PASSWORD) -> "Hand":
        self.get("/login/")
        answer = self.post("/login/", {"username": name, "password": password})
        assert answer.status == 302, f"{name}: {answer.status}"
        return self


def signed_in(address: str, name: str) -> Hand:
    return Hand(address).sign_in(name)


def made(administrator: Hand, name: str, role: str, area: str) -> None:
    """A new account, made and signed into as people do: its first password is changed."""
    answer = administrator.post("/accounts/", {"username": name, "role": role, "area": area, "facilitator_id": ""})
    first = re.search(r"<code>([^<]+)</code>", answer.text)
    assert first, answer.status
    person = Hand(administrator.address).sign_in(name, first[1])
    changed = {"old_password": first[1], "new_password1": homes.PASSWORD, "new_password2": homes.PASSWORD}
    assert person.post("/password/", changed).status == 302


@contextmanager
def database(kind: str) -> Iterator[dict[str, str]]:
    """The environment that names a database of a kind: SQLite in the desk's home, or a PostgreSQL server of its own."""
    if kind == "sqlite":
        yield {}
        return
    with postgresql() as (_, environment):
        yield environment


@contextmanager
def postgresql() -> Iterator[tuple[postgres.Server, dict[str, str]]]:
    """A PostgreSQL server of one's own with a database for the desk, and the environment that names it."""
    with postgres.running() as server:
        password = server.add_role("desk", "CREATEDB")
        server.execute("GRANT ALL ON DATABASE pkh TO desk", "GRANT ALL ON SCHEMA public TO desk")
        yield server, {"DESK_DATABASE": f"postgresql://desk@127.0.0.1:{server.port}/pkh", "PGPASSWORD": password}


def record(root: Path, **more: str) -> dict[str, Any]:
    """What the desk's database holds, read apart from its server (benchmarks/faults/record.py)."""
    command = [sys.executable, "-m", "benchmarks.faults.record"]
    environment = homes.environment(root, **more)
    done = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout))


def troubles(root: Path) -> list[str]:
    """Lines of the server's own output that tell of an error."""
    text = (root / "serve.log").read_text(encoding="utf-8", errors="replace")
    return [line for line in text.splitlines() if re.search(r"Traceback|Error\b|Exception\b|Internal Server", line)]


__all__ = [
    "DATABASES",
    "FORM",
    "Answer",
    "Hand",
    "browsers",
    "bundles",
    "database",
    "homes",
    "made",
    "postgres",
    "postgresql",
    "record",
    "signed_in",
    "troubles",
]
