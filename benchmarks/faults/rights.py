"""May anybody read or write what is not theirs, by any route, or make the desk stumble?

`python -m benchmarks.faults.rights` serves a desk on SQLite, and one on PostgreSQL, with two regencies: 3315, where
the hands below work, and 3509, whose names, places and notes are marked so that none can be mistaken. Every cell of
the URL table (route, person, own or foreign family and regency, method) is asked over HTTP; what each may do is
written in MAY, apart from the desk's own table, and a route that MAY lacks is an error. Then so many random requests
as `--times`: paths, ids of the other regency, queries, forms, methods, headers, bodies up to some megabytes, with the
right token or without.

What counts: no answer tells anything marked, no row of the other regency changes, no answer has status 500 or none at
all, no line of the server's output tells of an error. A request hit its target where its path is a route of the table.
The seed of a request is its number; `--first` continues a measurement.
"""

import random
import re
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote, unquote, urlencode

import pyarrow as pa
import pyarrow.parquet as pq
import typer

from benchmarks.faults.desks import (  # fmt: skip
    DATABASES,
    FORM,
    Answer,
    Hand,
    browsers,
    bundles,
    database,
    homes,
    made,
    record,
    signed_in,
    troubles,
)

OWN, FOREIGN = "3315", "3509"
MARK = "PENANDA"
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
FIELD, CHECK, PLAN, OFFICE, AUDIT, ADMIN, NOBODY = "fdpoxa-"
"""Facilitator, district reviewer, planner, officer, auditor, administrator, nobody signed in."""
EVERYBODY, READERS, DECIDERS = "fdpoxa", "fdpox", "fdpo"
MAY: dict[str, dict[str, str]] = {
    "work": {"GET": EVERYBODY}, "login": {"GET": EVERYBODY + NOBODY, "POST": EVERYBODY + NOBODY},
    "logout": {"POST": EVERYBODY + NOBODY}, "everywhere": {"POST": EVERYBODY},
    "password": {"GET": EVERYBODY, "POST": EVERYBODY}, "language": {"POST": EVERYBODY + NOBODY},
    "about": {"GET": EVERYBODY}, "list": {"GET": READERS, "POST": READERS}, "family": {"GET": READERS},
    "minutes": {"GET": DECIDERS}, "identity": {"GET": "x", "POST": "x"}, "decide": {"GET": DECIDERS, "POST": DECIDERS},
    "regencies": {"GET": READERS}, "regency": {"GET": READERS}, "release": {"POST": "po"},
    "export": {"GET": DECIDERS, "POST": DECIDERS}, "sheets": {"POST": DECIDERS},
    "return": {"GET": "fp", "POST": "fp"}, "accept": {"POST": "fp"}, "accounts": {"GET": "a", "POST": "a"},
    "account": {"GET": "a", "POST": "a"}, "audit": {"GET": "x"}, "question": {"GET": "x"}, "log": {"GET": "x"},
    "head": {"GET": "x"}, "extract": {"GET": "xo"},
}  # fmt: skip
"""Who may use a route by which method, as docs/desk.md tells it; HEAD goes with GET. Everything else is refused."""
PEOPLE = {
    "facilitator": FIELD, "reviewer": CHECK, "planner": PLAN, "officer33": OFFICE, "auditor33": AUDIT,
    "administrator": ADMIN, "nobody": NOBODY, "closed": NOBODY, "first": NOBODY,
}  # fmt: skip
"""Those who may see nothing of 3509: `closed` was signed in when its account was closed, `first` must change
its password."""
ENDING, FREE = ("logout", "everywhere"), ("login", "password", "logout", "language")
OF_PLACE = ("family", "minutes", "identity", "decide", "regency", "release")
FIRST = "first"


def address(pattern: str, regency: str, number: int = 0) -> str:
    """A route's address about a regency's family or the regency itself."""
    parts = {"kpm_id": f"K{regency}{number:03d}", "code": regency, "action": "objection", "name": "looks", "pk": "3"}
    return re.sub(r"<\w+:(\w+)>", lambda m: parts[m[1]], pattern)


# ------------------------------------------------------------------ a desk with marked neighbours


def marked(root: Path) -> Path:
    """A home whose families of 3509 have marked names and places."""
    homes.make(root)
    folder = root / "data" / "published"
    changes = {"identity": ("name",), "candidates": ("district_name", "village_name")}
    for table, columns in changes.items():
        file = folder / table / f"{FOREIGN}.parquet"
        rows = [r | {c: f"{MARK} {c} {n}" for c in columns} for n, r in enumerate(pq.read_table(file).to_pylist())]
        pq.write_table(pa.Table.from_pylist(rows), file)
    bundles.sign(folder)
    return root


@dataclass
class Neighbours:
    """A served desk, the hands of PEOPLE, and what of 3509 must not change or be told."""

    address: str
    root: Path
    more: dict[str, str]
    hands: dict[str, Hand] = field(default_factory=dict)
    passwords: dict[str, str] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    asked: int = 0
    reached: int = 0

    def __post_init__(self) -> None:
        self.routes: dict[str, str] = record(self.root, **self.more)["routes"]
        administrator = signed_in(self.address, "administrator")
        for name, role in (("officer33", "officer"), ("auditor33", "auditor"), ("closed", "planner")):
            made(administrator, name, role, OWN if role == "planner" else "33")
        self.hands = {n: Hand(self.address) if n == "nobody" else self.hand(n) for n in PEOPLE if n != FIRST}
        answer = administrator.post("/accounts/", {"username": FIRST, "role": "planner", "area": OWN})
        shown = re.search(r"<code>([^<]+)</code>", answer.text)
        assert shown, answer.status
        self.passwords[FIRST] = shown[1]
        self.hands[FIRST] = self.hand(FIRST)
        pk = re.search(r'href="/accounts/(\d+)/">closed<', administrator.get("/accounts/").text)
        assert pk, "the account to be closed"
        assert administrator.post(f"/accounts/{pk[1]}/", {"wish": "close"}).status == 302
        self.neighbour()

    def hand(self, name: str) -> Hand:
        return Hand(self.address).sign_in(name, self.passwords.get(name, homes.PASSWORD))

    def neighbour(self) -> None:
        """The planner of 3509 works: notes, looks, an export; all of them marked."""
        mine = self.hand("planner2")
        for number in range(3):
            path = f"/family/K{FOREIGN}{number:03d}/objection/"
            fields = dict(re.findall(r'name="(version|key)" value="([^"]*)"', mine.get(path).text))
            fields |= {"outcome": "objects", "happened_on": "2025-07-15", "note": f"{MARK} note {number}"}
            assert mine.post(path, fields).status == 302
        assert mine.post("/export/", {}).status == 200
        assert MARK in mine.get("/list/").text, "the marks are on the pages of those who may see them"
        auditor = self.hand("auditor")
        reason = {"reason": f"{MARK} reason of a look"}
        assert auditor.post(f"/family/K{FOREIGN}005/identity/", reason).status == 200

    def theirs(self) -> dict[str, Any]:
        """What of 3509 the database holds: steps, cases, releases, looks and corrections."""
        held = record(self.root, **self.more)
        return {
            "steps": [s for s in held["steps"] if s["family"][1:5] == FOREIGN],
            "cases": {k: v for k, v in held["cases"].items() if k[1:5] == FOREIGN},
            "looks": [x for x in held["looks"] if x[0][1:5] == FOREIGN],
            "corrections": [c for c in held["corrections"] if c[0][1:5] == FOREIGN],
            "releases": [r for r in held["releases"] if r[0] == FOREIGN],
            "names": [n for n in held["names"] if n[0][1:5] == FOREIGN],
            "accounts": [a for a in held["accounts"] if a[0] == "planner2"],
            "whole": held["whole"],
        }

    def judge(self, label: str, asked: str, answer: Answer | None) -> None:
        """Keeps what is wrong with an answer."""
        self.asked += 1
        if answer is not None and (wrong := wrongs(asked, answer)):
            self.faults.append(f"{label}: {wrong}")


def wrongs(asked: str, answer: Answer) -> str:
    """A stumble, anything marked, a family of the other regency that was not asked for; nothing where all is well."""
    if answer.status >= 500 and answer.status != NOT_IMPLEMENTED:
        return f"status {answer.status}"
    told = {*re.findall(rf"K{FOREIGN}\d{{3}}", answer.text)} - {*re.findall(rf"K{FOREIGN}\d{{3}}", asked)}
    marked = MARK in answer.text.replace(asked, "")
    return f"status {answer.status}, tells of 3509: {sorted(told)[:2]}" if told or marked else ""


# ------------------------------------------------------------------ every cell


@dataclass(frozen=True)
class Cell:
    """One question to the desk: who asks what of whose."""

    person: str
    route: str
    method: str
    regency: str

    @property
    def label(self) -> str:
        return f"{self.person} {self.method} {self.route} {self.regency}"


def cells(routes: Iterable[str]) -> Iterator[Cell]:
    """All of the URL table's; LookupError for a route that MAY does not name, or none that it names."""
    if odd := sorted({*routes} ^ {*MAY}):
        raise LookupError(f"routes without rights, or rights without a route: {', '.join(odd)}")
    for person in PEOPLE:
        for route in MAY:
            for method in METHODS:
                yield from (Cell(person, route, method, r) for r in ((OWN, FOREIGN) if route in OF_PLACE else (OWN,)))


def allowed(cell: Cell) -> bool:
    verb = "GET" if cell.method == "HEAD" else cell.method
    return PEOPLE[cell.person] in MAY[cell.route].get(verb, "")


def expected(cell: Cell, answer: Answer) -> bool:
    """Whether the status is one that the cell may have."""
    if cell.person == FIRST and cell.route in FREE:
        return answer.status in (200, 302, 400, 403, 405)
    if not allowed(cell):
        return answer.status in ((302, 401, 403, 405) if PEOPLE[cell.person] == NOBODY else (403, 405))
    if cell.regency == FOREIGN and cell.route in OF_PLACE:
        return answer.status == 404
    return answer.status in (200, 302, 400, 404, 405, 409) and (answer.status != 404 or cell.route == "minutes")


def asks(desk: Neighbours, cell: Cell) -> Answer:
    """The cell's request; a route that ends the session is asked with a session of its own."""
    hand = desk.hands[cell.person]
    if cell.route in ENDING and cell.method == "POST" and cell.person not in ("nobody", "closed"):
        hand = desk.hand(cell.person)
    path = address(desk.routes[cell.route], cell.regency)
    if cell.method in ("GET", "HEAD", "OPTIONS", "TRACE"):
        return hand.ask(cell.method, path)
    fields = urlencode({"csrfmiddlewaretoken": hand.cookies.get("csrftoken", ""), "q": "penanda"}).encode()
    return hand.ask(cell.method, path, fields, {"Content-Type": FORM})


def every_cell(desk: Neighbours, chosen: list[Cell]) -> Counter[str]:
    """Asks each; the number by what was to be expected."""
    found: Counter[str] = Counter()
    for cell in chosen:
        if cell.route == "everywhere" and allowed(cell):
            desk.hands[cell.person] = desk.hand(cell.person)
        answer = asks(desk, cell)
        if cell.route == "everywhere" and allowed(cell) and cell.method == "POST":
            desk.hands[cell.person] = desk.hand(cell.person)
        desk.judge(cell.label, address(desk.routes[cell.route], cell.regency), answer)
        if not expected(cell, answer):
            desk.faults.append(f"{cell.label}: {answer.status} was not to be expected")
        mine = "foreign" if cell.regency == FOREIGN else "own"
        found[f"{mine}, {'allowed' if allowed(cell) else 'forbidden'}"] += 1
    return found


# ------------------------------------------------------------------ random requests

ODD = (
    "", "0", "-1", "9" * 30, "1e9", "null", "true", "[]", "{}", "\x00", "a\x00b", "\u202e", "\ud7ff", "𝕏", "'", '"',
    "' OR 1=1 --", "%", "_", "*", "..", "../../etc/passwd", "//", "\\", "\r\nSet-Cookie: x=1", "{{7*7}}", "${7*7}",
    "<script>alert(1)</script>", "3509", "35", "33", "3315__", "K3509", "K%", "K3509000", "F35090", "penanda",
    "Penanda",
    "penanda name 1", "3509012001", "350901", "all", "left", "listed", "x" * 5000, "2025-07-15", "9999-12-31",
    "0001-01-01",
)  # fmt: skip
FIELDS = (
    "q", "regency", "district", "village", "facilitator", "status", "state", "change", "segment", "pathway", "band",
    "borderline", "columns", "after", "before", "next", "language", "reason", "outcome", "note", "happened_on",
    "documents",
    "version", "key", "token", "username", "password", "role", "area", "facilitator_id", "wish", "kept_note", "kept_x",
    "d_economy", "csrfmiddlewaretoken", "old_password", "new_password1", "new_password2", "file",
)  # fmt: skip
KINDS_OF_BODY = (FORM, "multipart/form-data; boundary=x", "multipart/form-data", "application/json", "text/xml",
                 "application/octet-stream", "", "text/plain; charset=nonsense", f"{FORM}; charset=utf-16")  # fmt: skip
HEADERS = ("HX-Request", "HX-Target", "HX-Current-URL", "X-Forwarded-For", "X-Forwarded-Proto",
           "X-HTTP-Method-Override",
           "X-Original-URL", "Range", "If-None-Match", "If-Modified-Since", "Accept-Language", "User-Agent", "Referer",
           "Origin", "Cookie", "Authorization", "Accept", "Host", "Expect", "Transfer-Encoding")  # fmt: skip
ACTIONS = ("visit", "district_check", "assessment", "village_meeting", "statement", "confirm", "refusal", "objection",
           "answer", "correction", "corrected", "postpone", "reopen", "nothing")  # fmt: skip
FORMS = {
    "decide": {"outcome": "objects", "happened_on": "2025-07-15", "note": "x", "version": "0", "key": "k" * 20},
    "release": {}, "identity": {"reason": "because I want to"}, "export": {}, "sheets": {}, "list": {"q": "penanda"},
    "account": {"wish": "rights", "role": "planner", "area": "3509"},
}  # fmt: skip
MEGABYTES = (0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 5)
WEIGHED = (5, 1, 1, 1, 1, 1)
NOT_IMPLEMENTED = 501  # of the server in front: a transfer encoding that it does not know
LARGE = 100_000  # bytes; a server that refuses a larger body may close before all of it has come, without an answer
OWN_RIGHTS = 0.6  # of the requests go where the person's role may go


@dataclass(frozen=True)
class Request:
    """One request that a number draws."""

    person: str
    method: str
    path: str
    body: bytes
    headers: dict[str, str]
    token: bool


def drawn(number: int, routes: dict[str, str]) -> Request:
    """The request of a number."""
    draw = random.Random(number)
    person = draw.choice(list(PEOPLE))
    mine = [(r, m) for r, may in MAY.items() for m, roles in may.items() if PEOPLE[person] in roles]
    method = draw.choices(("POST", "GET", "HEAD", "PUT", "DELETE", "OPTIONS"), WEIGHED)[0]
    route, method = draw.choice(mine) if draw.random() < OWN_RIGHTS else (draw.choice(list(routes)), method)
    regency = draw.choice([OWN, FOREIGN, FOREIGN])
    path = address(routes[route], regency, draw.randrange(30)).replace("objection", draw.choice(ACTIONS))
    if draw.random() < 0.3:
        path = mutated(path, draw)
    if draw.random() < 0.5:
        names = [draw.choice(FIELDS) for _ in range(draw.randrange(1, 5))]
        path += "?" + urlencode([(n, value(draw)) for n in names])
    body, kind = (b"", "") if method in ("GET", "HEAD", "OPTIONS") else content(draw, route)
    headers = {"Content-Type": kind} if kind else {}
    for _ in range(draw.choice([0, 0, 1, 2])):
        headers[draw.choice(HEADERS)] = "".join(c for c in value(draw)[:200] if " " <= c <= "~")
    return Request(person, method, path, body, headers, draw.random() < 0.85)


def value(draw: random.Random) -> str:
    return draw.choice([*ODD, f"K{FOREIGN}{draw.randrange(30):03d}", str(draw.randrange(10**6))])


def mutated(path: str, draw: random.Random) -> str:
    """The path with a piece changed, doubled, taken away or another one in its place; percent-encoded."""
    pieces = path.split("/")
    at = draw.randrange(1, len(pieces))
    change = draw.randrange(4)
    if change == 0:
        pieces[at] = quote(value(draw), safe="")
    elif change == 1:
        pieces.insert(at, pieces[at])
    elif change == 2:
        pieces.pop(at)
    else:
        pieces[at] = pieces[at] + draw.choice(
            ("%00", "%2e%2e", "%0d%0a", ";x", ".json", "%", "%zz", "%ff", "%E2%80%AE")
        )
    return "/" + "/".join(pieces).lstrip("/")


def content(draw: random.Random, route: str) -> tuple[bytes, str]:
    """A body and its type: mostly the route's own form with some fields changed, else anything."""
    if draw.random() < 0.7:
        fields: list[tuple[str, str]] = list(FORMS.get(route, {}).items())
        fields += [(draw.choice(FIELDS), value(draw)) for _ in range(draw.choice([0, 1, 3, 450]))]
        return urlencode(fields).encode(), FORM
    size = draw.choice(MEGABYTES) * 1024 * 1024 + draw.randrange(200)
    return draw.randbytes(200) * (size // 200 + 1), draw.choice(KINDS_OF_BODY)


def send(desk: Neighbours, request: Request) -> Answer | None:
    """The answer; none where the connection was closed without one."""
    hand = desk.hands[request.person]
    body, headers = request.body, dict(request.headers)
    if request.token and headers.get("Content-Type") == FORM:
        body += b"&" + urlencode({"csrfmiddlewaretoken": hand.cookies.get("csrftoken", "")}).encode()
    elif request.token:
        headers["X-CSRFToken"] = hand.cookies.get("csrftoken", "")
    before = dict(hand.cookies)
    try:
        return hand.ask(request.method, request.path, body, headers)
    except (ConnectionError, HTTPException):
        return None
    finally:
        hand.cookies = before


def flooded(desk: Neighbours, first: int, times: int) -> Counter[int]:
    """Sends so many random requests; statuses. A session that one of them ended is begun again."""
    found: Counter[int] = Counter()
    for number in range(first, first + times):
        request = drawn(number, desk.routes)
        answer = send(desk, request)
        asked = f"{request.path} {request.body[:200_000].decode('utf-8', 'replace')} {request.headers}"
        desk.judge(f"request {number} ({request.person} {request.method} {request.path[:60]})", asked, answer)
        found[answer.status if answer else 0] += 1
        if answer is None and len(request.body) < LARGE:
            desk.faults.append(f"request {number}: no answer")
        desk.reached += answer is not None and reaches(request.path, desk.routes)
        revive(desk, request.person)
    return found


def reaches(path: str, routes: dict[str, str]) -> bool:
    """Whether the router knows the path."""
    kinds = {"str": "[^/]+", "slug": "[-a-zA-Z0-9_]+", "int": "[0-9]+"}
    plain = unquote(path.partition("?")[0])
    forms = (re.sub(r"<(\w+):\w+>", lambda m: kinds[m[1]], re.escape(p).replace(r"\<", "<")) for p in routes.values())
    return any(re.fullmatch(f, plain) for f in forms)


def revive(desk: Neighbours, person: str) -> None:
    """Whoever was signed out by a random request signs in again."""
    if person not in ("nobody", "closed") and desk.hands[person].get("/password/").status != 200:
        desk.hands[person] = desk.hand(person)


# ------------------------------------------------------------------ all of it


@dataclass(frozen=True)
class Result:
    """Cells by what was expected, statuses of the random requests, requests that reached a page, faults."""

    cells: Counter[str]
    statuses: Counter[int]
    asked: int
    reached: int
    faults: list[str]


def measured(kind: str, first: int, times: int, every: int = 1) -> Result:
    """All cells, or every so many of them, and the random requests, on a desk of their own."""
    with tempfile.TemporaryDirectory(prefix="rights-") as folder, database(kind) as more:
        root = marked(Path(folder))
        with browsers.serving(root, **more) as url:
            desk = Neighbours(url, root, more)
            before = desk.theirs()
            counted = every_cell(desk, list(cells(desk.routes))[::every])
            desk.asked = desk.reached = 0
            statuses = flooded(desk, first, times)
            after = desk.theirs()
        desk.faults += [f"3509: {k} changed" for k in before if before[k] != after[k]]
        desk.faults += [f"server: {line}" for line in troubles(root)]
    return Result(counted, statuses, desk.asked, desk.reached, desk.faults)


def main(
    first: Annotated[int, typer.Option(help="Number of the first random request.")] = 0,
    times: Annotated[int, typer.Option(help="Random requests on each database.")] = 5000,
    on: Annotated[str, typer.Option(help="sqlite, postgresql, or both with a comma.")] = ",".join(DATABASES),
) -> None:
    bad = False
    for kind in on.split(","):
        start = time.perf_counter()
        found = measured(kind, first, times)
        typer.echo(f"{kind}: {found.cells.total()} cells: " + "; ".join(f"{k}: {n}" for k, n in found.cells.items()))
        typer.echo(
            f"{kind}: random requests {first} to {first + times - 1}: {found.reached} of {found.asked} reached a route;"
            f" statuses {dict(sorted(found.statuses.items()))}"
        )
        typer.echo(f"{kind}: {len(found.faults)} faults; {time.perf_counter() - start:.0f} s")
        for fault in found.faults[:40]:
            typer.echo(f"  {fault[:200]}")
        bad |= bool(found.faults)
    if bad:
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
