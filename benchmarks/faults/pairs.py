"""Two people decide about one family at once: is there one winner, is anything lost, is the log whole?

`python -m benchmarks.faults.pairs` serves a desk on SQLite and one on a PostgreSQL server of its own and lays hands on
it over HTTP. Pairs of six kinds, the kind by the pair's number: two people decide from the same version of a case; one
person clicks twice on one form; one person sends the same form from two tabs, one after the other; a list's release is
clicked twice by one person; an account of one name is made twice; a filled workbook is accepted twice. Then so many
writers as `--writers` record `--each` decisions, two of them about each family, and try again where the other was
faster.

What counts: of two people one is acknowledged and the other sees whose decision came first; every acknowledged
decision stands once, with its own note, among the steps and in the log; nothing that was not acknowledged stands
there; versions and lines are numbered without a gap and the chain is whole; no answer has status 500. A pair hit its
target where both requests were inside the desk's application at one moment: a gate at the door lets them in together
and keeps when each went in and came out (`gate.py`). `--first` continues a measurement; the seed of a pair is its
number.
"""

import hashlib
import io
import random
import re
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import openpyxl
import typer

from benchmarks.faults import gate
from benchmarks.faults.desks import (
    DATABASES,
    Answer,
    Hand,
    browsers,
    database,
    homes,
    record,
    signed_in,
    troubles,
)
from pipeline.desk import sheets
from pipeline.desk.texts import text

REGENCY, FAMILIES, LISTED = "3315", 30, 12
AGAIN = {"outcome": "again", "reason": "not_home", "happened_on": "2025-07-15"}
SERVER = ("-m", "benchmarks.faults.gate")
KINDS = ("decide", "decide", "decide", "decide", "decide", "decide", "decide", "twice", "tabs", "accept", "account")
"""A pair's kind by its number: most are two people about one case."""


@dataclass
class Desk:
    """A served desk with two planners of one regency and an administrator signed in; what was acknowledged, by note."""

    root: Path
    address: str
    acknowledged: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.hands = {n: signed_in(self.address, n) for n in ("planner", "second", "administrator")}

    def wrong(self, what: str) -> None:
        self.faults.append(what)


def at_once(jobs: list[Callable[[], Answer]]) -> list[Answer]:
    """Every job in a thread of its own; the answers in order."""
    found: list[Any] = [None] * len(jobs)

    def work(n: int) -> None:
        found[n] = jobs[n]()

    threads = [threading.Thread(target=work, args=(n,)) for n in range(len(jobs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def family_of(number: int) -> str:
    return f"K{REGENCY}{number % FAMILIES:03d}"


def form(hand: Hand, family: str) -> dict[str, str]:
    """The hidden fields of the visit's form as this person sees it."""
    page = hand.get(f"/family/{family}/visit/").text
    return {k: re.search(rf'name="{k}" value="([^"]*)"', page)[1] for k in ("version", "key")}  # type: ignore[index]


def send(hand: Hand, family: str, values: dict[str, str], name: str = "") -> Answer:
    more = {"X-Together": f"{name}/2"} if name else {}
    return hand.post(f"/family/{family}/visit/", AGAIN | values, **more)


def kept(desk: Desk, answer: Answer, note: str) -> bool:
    """Whether a decision was acknowledged; the note goes to what must, or must not, stand in the record."""
    (desk.acknowledged if answer.status == 302 else desk.refused).append(note)
    return answer.status == 302


def decide(desk: Desk, number: int, name: str) -> None:
    """Two people from the same version: one is acknowledged, the other is told whose decision came first."""
    family, people = family_of(number), ["planner", "second"]
    random.Random(number).shuffle(people)
    forms = [form(desk.hands[p], family) | {"note": f"{name} {p}"} for p in people]
    answers = at_once(
        [lambda p=p, f=f: send(desk.hands[p], family, f, name) for p, f in zip(people, forms, strict=True)]
    )  # type: ignore[misc]
    won = [kept(desk, a, f["note"]) for a, f in zip(answers, forms, strict=True)]
    if sorted(a.status for a in answers) != [302, 409]:
        desk.wrong(f"{name}: {[a.status for a in answers]}")
        return
    winner, loser = people[won.index(True)], answers[won.index(False)]
    if f"<strong>{winner}</strong>" not in loser.text or forms[won.index(False)]["note"] not in loser.text:
        desk.wrong(f"{name}: the other does not see {winner}'s decision beside what was typed")


def twice(desk: Desk, number: int, name: str) -> None:
    """One form sent twice at once: both are acknowledged, one decision stands."""
    family, hand = family_of(number), desk.hands["planner"]
    values = form(hand, family) | {"note": f"{name} planner"}
    answers = at_once([lambda: send(hand, family, values, name)] * 2)
    kept(desk, answers[0], values["note"])
    if [a.status for a in answers] != [302, 302] or send(hand, family, values).status != 302:
        desk.wrong(f"{name}: {[a.status for a in answers]}")


def tabs(desk: Desk, number: int, name: str) -> None:
    """Two tabs of one person, one after the other: the second is stale, and says who was first."""
    family, hand = family_of(number), desk.hands["second"]
    forms = [form(hand, family) | {"note": f"{name} tab {n}"} for n in range(2)]
    answers = [send(hand, family, f) for f in forms]
    for answer, one in zip(answers, forms, strict=True):
        kept(desk, answer, one["note"])
    if [a.status for a in answers] != [302, 409] or "<strong>second</strong>" not in answers[1].text:
        desk.wrong(f"{name}: {[a.status for a in answers]}")


def accept(desk: Desk, number: int, name: str) -> None:
    """A filled workbook accepted twice at once: its decision and its line in the log stand once."""
    hand, note = desk.hands["planner"], f"{name} workbook"
    taken = hand.post("/export/", {"facilitator": f"F{REGENCY}{number % 3}"})
    looked = hand.upload("/return/", "back.xlsx", filled(taken.body, note))
    token = re.search(r'name="token" value="([^"]+)"', looked.text)
    if token is None:
        desk.wrong(f"{name}: the workbook is refused with {looked.status}")
        return
    more = {"X-Together": f"{name}/2"}
    answers = at_once([lambda: hand.post("/return/accept/", {"token": token[1]}, **more)] * 2)
    desk.acknowledged.append(note)
    if not {302} < {a.status for a in answers} | {400} <= {302, 400, 409}:
        desk.wrong(f"{name}: {[a.status for a in answers]}")


def filled(content: bytes, note: str) -> bytes:
    """The workbook with one visit in its first row."""
    book = openpyxl.load_workbook(io.BytesIO(content))
    page, language = book[sheets.sheet_names("id")["list"]], "id"
    values = {"outcome": text("outcome_visit_again", language), "reason": text("reason_not_home", language),
              "happened_on": "15/07/2025", "note": note}  # fmt: skip
    for column, value in values.items():
        page.cell(sheets.HEADER_ROW + 2, sheets.COLUMNS.index(column) + 1).value = value
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def account(desk: Desk, number: int, name: str) -> None:
    """An account of one name made twice at once: one is made, the other is told that the name is taken."""
    hand, values = desk.hands["administrator"], {"username": f"twin.{number}", "role": "officer", "area": "33"}
    values["facilitator_id"] = ""
    answers = at_once([lambda: hand.post("/accounts/", values, **{"X-Together": f"{name}/2"})] * 2)
    if sorted(a.status for a in answers) != [200, 400]:
        desk.wrong(f"{name}: {[a.status for a in answers]}")


WORK: dict[str, Callable[[Desk, int, str], None]] = {
    f.__name__: f for f in (decide, twice, tabs, accept, account)
}  # fmt: skip


def release(desk: Desk) -> None:
    """One person clicks twice on the release of a list: it is proposed, never released."""
    hand = signed_in(desk.address, "planner2")
    more = {"X-Together": "release/2"}
    answers = at_once([lambda: hand.post("/regencies/3509/release/", {}, **more)] * 2)
    if sorted(a.status for a in answers) != [302, 409]:
        desk.wrong(f"release: {[a.status for a in answers]}")


# ------------------------------------------------------------------ many writers


def write(desk: Desk, number: int, each: int) -> None:
    """One writer's decisions about a family that another writes about too; a lost race is tried again."""
    hand = signed_in(desk.address, ("planner", "second")[number % 2])
    family, done, tries = family_of(number // 2), 0, 0
    version = form(hand, family)["version"]
    while done < each:
        note, tries = f"writer {number} {tries}", tries + 1
        values = {"version": version, "key": f"writer-{number}-{tries}-{'0' * 16}", "note": note}
        answer = hand.post(f"/family/{family}/visit/", AGAIN | values, **{"X-Together": f"writer {number} {tries}/1"})
        if kept(desk, answer, note):
            done, version = done + 1, str(int(version) + 1)
            continue
        found = re.search(r'name="version" value="(\d+)"', answer.text)
        if answer.status != 409 or found is None:
            desk.wrong(f"{note}: {answer.status}")
            return
        version = found[1]


def crowded(times: dict[str, list[tuple[int, int]]]) -> tuple[int, int]:
    """Writers' requests that met another one inside, and all of them."""
    inside = sorted(t for name, each in times.items() if name.startswith("writer") for t in each)
    met = set()
    for n, (_, ended) in enumerate(inside):
        for m in range(n + 1, len(inside)):
            if inside[m][0] >= ended:
                break
            met |= {n, m}
    return len(met), len(inside)


# ------------------------------------------------------------------ the record


def check(desk: Desk, held: dict[str, Any]) -> None:
    """Holds what was acknowledged against steps, cases and log."""
    notes = Counter(s["note"] for s in held["steps"])
    if notes != Counter(desk.acknowledged):
        lost, more = Counter(desk.acknowledged) - notes, notes - Counter(desk.acknowledged)
        desk.wrong(f"lost {sum(lost.values())}, too many {sum(more.values())}: {[*lost, *more][:3]}")
    if set(desk.refused) & set(notes):
        desk.wrong("a refused decision stands in the record")
    logged = Counter(x["body"]["note_sha256"] for x in held["lines"] if x["kind"] == "step")
    if logged != Counter({hashlib.sha256(n.encode()).hexdigest(): c for n, c in notes.items()}):
        desk.wrong("the log does not hold the steps")
    versions: dict[str, list[int]] = {}
    for step in held["steps"]:
        versions.setdefault(step["family"], []).append(step["version"])
    if any(sorted(v) != list(range(1, len(v) + 1)) for v in versions.values()):
        desk.wrong("versions have a gap")
    if [x["seq"] for x in held["lines"]] != list(range(1, len(held["lines"]) + 1)) or not held["whole"]:
        desk.wrong("the chain is not whole")
    if [r for r in held["releases"] if r[0] == "3509" and r[2] is not None]:
        desk.wrong("one person released a list alone")
    counted = Counter(x["body"]["mark"] for x in held["lines"] if x["kind"] == "return")
    if any(c > 1 for c in counted.values()):
        desk.wrong(f"{sum(c > 1 for c in counted.values())} workbooks are logged twice")
    names = Counter(a[0].casefold() for a in held["accounts"])
    if max(names.values()) > 1:
        desk.wrong("an account was made twice")


@dataclass(frozen=True)
class Result:
    """What a database's desk came to."""

    tried: Counter[str]
    hit: Counter[str]
    acknowledged: int
    refused: int
    lines: int
    met: tuple[int, int]
    faults: list[str]


def measured(kind: str, first: int, times: int, writers: int, each: int) -> Result:
    """Pairs and writers on a desk of their own, on a database of the kind."""
    with tempfile.TemporaryDirectory(prefix="pairs-") as folder, database(kind) as more:
        root = homes.make(Path(folder), exports_a_day="10000")
        with browsers.serving(root, *SERVER, **more) as address:
            desk = Desk(root, address)
            names = {f"pair {n}": KINDS[n % len(KINDS)] for n in range(first, first + times)}
            for number, (name, one) in enumerate(names.items(), first):
                WORK[one](desk, number, name)
            release(desk)
            at_once([lambda n=n: write(desk, n, each) for n in range(writers)])  # type: ignore[misc]
        held, inside = record(root, **more), gate.times(root)
        check(desk, held)
        verified = homes.run(root, "verify", **more)
        if verified.returncode or "lines hold" not in verified.stdout:
            desk.wrong(f"verify: {verified.stderr[-200:]}")
        desk.faults += [f"server: {line}" for line in troubles(root)]
    names["release"] = "release"
    hit = Counter(k for n, k in names.items() if gate.together(inside.get(n, [])))
    return Result(Counter(names.values()), hit, len(desk.acknowledged), len(desk.refused), len(held["lines"]),
                  crowded(inside), desk.faults)  # fmt: skip


def main(
    first: Annotated[int, typer.Option(help="Number of the first pair.")] = 0,
    times: Annotated[int, typer.Option(help="Pairs, of all kinds.")] = 160,
    writers: Annotated[int, typer.Option(help="Writers at once; two about each family.")] = 20,
    each: Annotated[int, typer.Option(help="Acknowledged decisions of each writer.")] = 200,
    on: Annotated[str, typer.Option(help="sqlite, postgresql, or both with a comma.")] = ",".join(DATABASES),
) -> None:
    bad = False
    for kind in on.split(","):
        start = time.perf_counter()
        found = measured(kind, first, times, writers, each)
        for one, tried in found.tried.items():
            aim = "one after the other" if one == "tabs" else f"{found.hit[one]} inside at once"
            typer.echo(f"{kind:<11} {one:<8} {tried:>4} pairs, {aim}")
        met, sent = found.met
        typer.echo(f"{kind:<11} writers  {writers:>4} of {each}: {sent} requests, {met} met another inside")
        typer.echo(
            f"{kind:<11} record   {found.acknowledged} acknowledged, {found.refused} refused, {found.lines} lines of"
            f" the log, {len(found.faults)} faults; {time.perf_counter() - start:.0f} s"
        )
        for fault in found.faults[:20]:
            typer.echo(f"  {fault}")
        bad |= bool(found.faults)
    if bad:
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
