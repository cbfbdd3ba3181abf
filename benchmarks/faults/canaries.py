"""Where do names and identity numbers go that an extract brings in?

`python -m benchmarks.faults.canaries` clones the checkout, makes a small simulated world, copies it as the extract of
the run and plants 100 names, 100 NIK (half of caretakers, half of members) and 100 family card numbers in it, none of
which stands anywhere else. Then all of it is run: every stage by `dvc repro -v` with its caches and MLflow's record,
the auditor's commands, stories of the notebooks, extracts that must be refused with the defect beside a canary, and
the desk: pages of every role, exports, errors, one page whose row is damaged. Every file that is there afterwards and
everything that was printed or answered is searched: byte by byte, as UTF-8 and UTF-16, inside Parquet (every column as
text), gzip, zip and so workbooks, zlib, SQLite row by row, pictures and PDF.

What counts: a canary is found nowhere but where ALLOWED says that it may be. A canary hit its target where it is found
in the identity store, in which all 300 must be; that also proves that the search finds. The seed of a canary is its
number. Every object of the checkout's Git history is searched for canaries, and for what looks like a NIK.
"""

import gzip
import io
import os
import random
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq
import typer
import yaml

from benchmarks.faults.desks import Hand, browsers, signed_in
from pipeline import artifacts

PROJECT = Path(__file__).resolve().parents[2]
EXTRACT, SAID = "extract", "said"
NAME, NIK, CARD = "kenarixq", "917155", "917166"
CANARY = re.compile(rb"kenarixq[a-z]{4}|9171(?:55|66)\d{10}")
WIDE = re.compile(
    rb"(?:k\0e\0n\0a\0r\0i\0x\0q\0(?:[a-z]\0){4}|9\x001\x007\x001\x00(?:5\x005\x00|6\x006\x00)(?:[0-9]\0){10})"
)
LIKE_A_NIK = re.compile(
    rb"(?<![\w.])(?:1[1-9]|2[01]|3[1-6]|5[1-3]|6[1-5]|7[1-6]|8[12]|9[1-7])\d{4}(?:0[1-9]|[12]\d|3[01]|[456]\d|7[01])"
    rb"(?:0[1-9]|1[0-2])\d{6}(?![\w.])"
)
ALLOWED = {
    "the extract": ("extract/", "spoilt/"),
    "the identity store": ("data/identity/",),
    "the published bundle's identity": ("data/published/identity/",),
    "the desk's database": ("data/desk/desk.sqlite3",),
    "pages that show a name": ("said/facilitator", "said/planner", "said/reviewer", "said/officer"),
    "the auditor's page of one identity": ("said/auditor identity",),
}
"""Where a canary may be, by the beginning of the path. A workbook shows names, and of a NIK its ends alone."""
NAMES_ALONE = ("said/facilitator", "said/planner", "said/reviewer", "said/officer")
STORE = "the identity store"
PRIVATE = ("data/identity/*.parquet", "data/published/identity/*.parquet", "data/desk/desk.sqlite3*")
DEEP = 3


@dataclass(frozen=True)
class Canaries:
    """So many of each kind, by number."""

    names: list[str]
    niks: list[str]
    cards: list[str]

    @property
    def all(self) -> set[str]:
        return {*self.names, *self.niks, *self.cards}


def drawn(count: int) -> Canaries:
    """Canaries 0 to count - 1 of each kind."""
    names, niks, cards = [], [], []
    for number in range(count):
        draw = random.Random(number)
        letters = "".join(chr(ord("a") + number // 26**k % 26) for k in range(4))
        names.append(NAME + letters)
        niks.append(f"{NIK}{draw.randrange(10**10):010d}")
        cards.append(f"{CARD}{draw.randrange(10**10):010d}")
    return Canaries(names, niks, cards)


# ------------------------------------------------------------------ planting


def plant(folder: Path, canaries: Canaries) -> list[str]:
    """The extract's families and members get canaries for identities; the families, in order of their canaries."""
    count = len(canaries.names)
    file, rows = whole(folder, "kpm")
    members_file, members = whole(folder, "members")
    step = len(rows) // count
    chosen = [n * step for n in range(count)]
    half = count // 2
    for number, at in enumerate(chosen):
        change = {
            "caretaker_name": f"Ibu {canaries.names[number].capitalize()}",
            "family_card_no": canaries.cards[number],
        }
        rows[at] |= change | ({"caretaker_nik": canaries.niks[number]} if number < half else {})
    families = [rows[at]["kpm_id"] for at in chosen]
    last = {m["kpm_id"]: n for n, m in enumerate(members)}  # a member's last known number is the one that is kept
    for number in range(half, count):
        one = members[last[families[number]]]
        for m in members:
            if (m["kpm_id"], m["member_id"]) == (one["kpm_id"], one["member_id"]):
                m["nik"] = canaries.niks[number]
    write(file, rows)
    write(members_file, members)
    return families


def whole(folder: Path, name: str) -> tuple[Path, list[dict[str, Any]]]:
    """A table of the extract, whose parts are put together in one file."""
    parts = folder / f"{name}.parquet"
    table = pq.read_table(parts)
    if parts.is_dir():
        shutil.rmtree(parts)
    pq.write_table(table, parts)
    return parts, table.to_pylist()


def write(file: Path, rows: list[dict[str, Any]]) -> None:
    pq.write_table(pa.Table.from_pylist(rows, pq.read_schema(file)), file)


def spoilt(folder: Path, extract: Path) -> Iterator[Path]:
    """Copies of the extract whose families are a CSV file with a defect beside canaries."""
    stream = io.BytesIO()
    pyarrow.csv.write_csv(pq.read_table(extract / "kpm.parquet"), stream)
    good = stream.getvalue().decode()
    head, *lines = good.splitlines()
    at = head.replace('"', "").split(",")

    def cells(change: Any) -> str:
        return "\n".join([head, *(",".join(change(x.split(","))) if NAME in x.casefold() else x for x in lines)])

    def swapped(one: str, other: str) -> Any:
        a, b = at.index(one), at.index(other)
        return lambda x: [x[b] if n == a else x[a] if n == b else v for n, v in enumerate(x)]

    def longer(one: str) -> Any:
        return lambda x: [v[:-1] + 'X9"' if n == at.index(one) else v for n, v in enumerate(x)]

    defects = {
        "name for a day": cells(swapped("caretaker_name", "caretaker_birth_date")),
        "name for a sex": cells(swapped("caretaker_name", "caretaker_sex")),
        "number for a village": cells(swapped("caretaker_nik", "village_code")),
        "card for a day": cells(swapped("family_card_no", "enrolled_on")),
        "number too long": cells(longer("caretaker_nik")),
        "name for a yes": cells(swapped("caretaker_name", "urban")),
        "a cell too many": cells(lambda x: [*x, x[at.index("caretaker_name")]]),
        "an open quote": good.replace("Ibu Kenari", '"Ibu Kenari', 1),
        "cut in a name": good[: good.index("Kenari") + 9],
        "heads gone": "\n".join(lines[next(n for n, x in enumerate(lines) if NAME in x.casefold()) :]),
        "rows twice": "\n".join([good, *(x.replace("Ibu ", "Bu ") for x in lines if NAME in x.casefold())]),
    }
    for name, text in defects.items():
        place = folder / name.replace(" ", "-")
        shutil.copytree(extract, place)
        (place / "kpm.parquet").unlink()
        (place / "kpm.csv").write_bytes(text.encode())
        yield place
    place = folder / "wrong-encoding"
    shutil.copytree(extract, place)
    (place / "kpm.parquet").unlink()
    (place / "kpm.csv").write_bytes(good.replace("Ibu Kenari", "Ib\xfa Kenari").encode("latin-1"))
    yield place


# ------------------------------------------------------------------ searching


def matches(content: bytes) -> set[str]:
    """Canary-like texts in bytes, whatever the letters' case, in one byte or two a letter."""
    small = content.lower()
    found: set[str] = set()
    if NAME.encode() in small or b"9171" in small:
        found |= {m.decode() for m in CANARY.findall(small)}
    if b"k\0e\0n\0a\0" in small or b"9\x001\x007\x001\x00" in small:
        found |= {m.replace(b"\0", b"").decode() for m in WIDE.findall(small)}
    return found


def inside(content: bytes, depth: int = 0) -> set[str]:
    """Those in bytes and in whatever the bytes pack."""
    found = matches(content)
    if depth >= DEEP:
        return found
    for part in unpacked(content):
        found |= inside(part, depth + 1)
    return found


def unpacked(content: bytes) -> Iterator[bytes]:
    """What a packed file holds; nothing for what is none, or is damaged."""
    try:
        if content[:2] == b"PK":
            with zipfile.ZipFile(io.BytesIO(content)) as packed:
                yield from (packed.read(m) for m in packed.infolist())
        elif content[:2] == b"\x1f\x8b":
            yield gzip.decompress(content)
        elif content[:4] == b"PAR1":
            yield from columns(content)
        elif content[:2] in (b"\x78\x01", b"\x78\x9c", b"\x78\xda", b"\x78\x5e"):
            yield zlib.decompress(content)
        elif content[:8] == b"\x89PNG\r\n\x1a\n" or content[:5] == b"%PDF-":
            yield from streams(content)
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, pa.ArrowInvalid):
        return


def columns(content: bytes) -> Iterator[bytes]:
    """Every column of a Parquet file as text."""
    for column in pq.read_table(io.BytesIO(content)).columns:
        for kind in (pa.large_string(), pa.large_binary()):
            try:
                yield "\n".join(v for v in pc.cast(column, kind).to_pylist() if isinstance(v, str)).encode()
                break
            except (pa.ArrowNotImplementedError, pa.ArrowInvalid):
                continue
        else:
            yield str(column.to_pylist()).encode()


def streams(content: bytes) -> Iterator[bytes]:
    """What zlib packs inside a picture's texts or a PDF's streams."""
    for start in re.finditer(rb"\x78[\x01\x5e\x9c\xda]", content):
        try:
            yield zlib.decompressobj().decompress(content[start.start() :], 10_000_000)
        except zlib.error:
            continue


def rows_of(file: Path) -> set[str]:
    """Those in an SQLite file's rows; binary values are unpacked."""
    found: set[str] = set()
    base = sqlite3.connect(f"file:{file}?mode=ro", uri=True)
    base.text_factory = bytes
    for (table,) in base.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
        for row in base.execute(f'SELECT * FROM "{table.decode()}"'):
            for value in row:
                if value is not None:
                    found |= inside(value if isinstance(value, bytes) else str(value).encode())
    base.close()
    return found


def search(root: Path, canaries: set[str]) -> dict[str, set[str]]:
    """Canaries by the file below `root` that holds them, links not followed; also in the names of files."""
    found: dict[str, set[str]] = {}
    for folder, _, files in os.walk(root):
        for name in files:
            file = Path(folder) / name
            if file.is_symlink() or not file.is_file():
                continue
            path = str(file.relative_to(root))
            content = file.read_bytes()
            told = inside(content) | matches(path.encode())
            if content[:15] == b"SQLite format 3":
                told |= rows_of(file)
            if told & canaries:
                found[path] = told & canaries
    return found


def place(path: str) -> str:
    """The allowed place that a path is of, in the clone or in a home of its own; '' for none."""
    within = re.sub(r"^homes/[^/]+/", "", path)
    return next((name for name, starts in ALLOWED.items() if within.startswith(starts)), "")


def judged(found: Mapping[str, set[str]]) -> tuple[dict[str, set[str]], list[str]]:
    """Canaries by allowed place, and the paths where none may be."""
    held: dict[str, set[str]] = defaultdict(set)
    faults = []
    for path, told in found.items():
        where = place(path)
        numbers = [t for t in told if t[0].isdigit()]
        if not where:
            faults.append(f"{path}: {len(told)} canaries")
        elif path.startswith(NAMES_ALONE) and numbers:
            faults.append(f"{path}: {len(numbers)} whole numbers on a page or file for names")
        else:
            held[where] |= told
    return dict(held), faults


def history(repository: Path, canaries: set[str]) -> tuple[int, set[str], dict[str, int]]:
    """Every object of a Git history: how many, canaries in them, and the numbers that look like a NIK by file."""
    run = lambda *words: subprocess.run(["git", *words], cwd=repository, capture_output=True, check=True).stdout  # noqa: E731
    paths = dict(x.split(" ", 1) for x in run("rev-list", "--objects", "--all").decode().splitlines() if " " in x)
    content, found, at = run("cat-file", "--batch-all-objects", "--batch"), defaultdict(set), 0
    objects, told = 0, set()
    while at < len(content):
        line = content[at : content.index(b"\n", at)]
        name, _, size = line.decode().split()
        body = content[at + len(line) + 1 : at + len(line) + 1 + int(size)]
        objects, at = objects + 1, at + len(line) + int(size) + 2
        told |= matches(body) & canaries
        if b"\0" not in body[:8000]:
            found[paths.get(name, "no path")] |= {*LIKE_A_NIK.findall(body)}
    return objects, told, {k: len(v) for k, v in sorted(found.items()) if v}


# ------------------------------------------------------------------ running all of it


@dataclass
class Run:
    """A clone in which everything runs; what is printed is kept below SAID."""

    root: Path
    families: list[str] = field(default_factory=list)
    done: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        (self.root / SAID).mkdir(exist_ok=True)
        (self.root / "scratch").mkdir(exist_ok=True)
        kept = {
            k: v for k, v in os.environ.items() if k not in ("DJANGO_SETTINGS_MODULE", "DESK_HOME", "DESK_DATABASE")
        }
        here = str(Path(sys.executable).parent)
        self.environment = kept | {
            "PATH": f"{here}{os.pathsep}{kept.get('PATH', '')}", "TMPDIR": str(self.root / "scratch"),
            "DVC_SITE_CACHE_DIR": str(self.root / ".dvc" / "site-cache"), "DVC_NO_ANALYTICS": "1", "DO_NOT_TRACK": "1",
            "MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_LOGGING_LEVEL": "DEBUG", "PYTHONPATH": str(self.root),
        }  # fmt: skip

    def say(self, name: str, *words: str, good: tuple[int, ...] = (0,)) -> str:
        """Runs a command in the clone; all that it printed."""
        done = subprocess.run(words, cwd=self.root, env=self.environment, capture_output=True, check=False)
        (self.root / SAID / f"{name}.txt").write_bytes(done.stdout + done.stderr)
        told = (done.stdout + done.stderr).decode(errors="replace")
        assert done.returncode in good, f"{name}: {done.returncode}\n{told[-3000:]}"
        self.done.append(f"{name}: {done.returncode}")
        return told

    def pipeline(self, name: str, *words: str, good: tuple[int, ...] = (0,)) -> str:
        return self.say(name, sys.executable, "-m", "pipeline", *words, good=good)

    def keep(self, name: str, content: bytes) -> None:
        (self.root / SAID / name.replace("/", "_")[:150]).write_bytes(content)


def cloned(root: Path, changes: Mapping[str, Mapping[str, Any]]) -> Run:
    """A clone of the checkout with some values of its configuration changed."""
    subprocess.run(["git", "clone", "-q", str(PROJECT), str(root)], check=True)
    for section, change in changes.items():
        file = root / "configs" / f"{section}.yaml"
        values = yaml.safe_load(file.read_text(encoding="utf-8")) | change
        file.write_text(yaml.safe_dump(values, sort_keys=False), encoding="utf-8")
    return Run(root)


def staged(run: Run, canaries: Canaries) -> None:
    """The extract with its canaries, and every stage on it."""
    run.pipeline("simulate", "simulate")
    shutil.copytree(run.root / "data" / "simulated", run.root / EXTRACT)
    run.families = plant(run.root / EXTRACT, canaries)
    run.say("repro", "dvc", "repro", "-v")


def asked(run: Run) -> None:
    """The auditor's commands, the record's and the story-teller's."""
    scores = pq.read_table(run.root / "data" / "scores" / "scores.parquet").to_pylist()
    family = next(r["kpm_id"] for r in scores if r["kpm_id"] in run.families)
    bundle = "data/evidence"
    run.pipeline("audit bundle", "audit", "bundle")
    for name in ("verify", "questions", "room"):
        run.pipeline(f"audit {name}", "audit", name, bundle, good=(0, 2))
    for name in ("replay", "explain"):
        run.pipeline(f"audit {name}", "audit", name, family, bundle, good=(0, 2))
    run.pipeline("where", "where")
    run.pipeline("whatif", "whatif", family, "caretaker_age=39", good=(0, 2))
    run.pipeline("sql", "sql", "SELECT * FROM canonical.kpm LIMIT 5", good=(0, 1, 2))
    run.say("notebooks", sys.executable, "-m", "notebooks", "2", "6")


def provoked(run: Run) -> None:
    """Extracts that are refused, or have rows that are, each in a home of its own."""
    for folder in spoilt(run.root / "spoilt", run.root / EXTRACT):
        home = run.root / "homes" / folder.name
        shutil.copytree(run.root / "configs", home / "configs")
        values = yaml.safe_load((home / "configs" / "source.yaml").read_text()) | {"path": str(folder)}
        (home / "configs" / "source.yaml").write_text(yaml.safe_dump(values))
        told = ("--home", str(home), "--configs", str(home / "configs"))
        run.pipeline(f"refused {folder.name}", *told, "ingest", good=(0, 2))


PATHS = {
    "facilitator": ("/", "/list/"),
    "planner": ("/", "/list/?status=all", "/regencies/3315/", "/export/", "/about/", "/family/none/", "/audit/"),
    "reviewer": ("/", "/list/?status=all"),
    "officer": ("/", "/list/?status=all", "/regencies/", "/audit/extract.csv"),
    "auditor": ("/", "/audit/", "/audit/log/", "/list/?status=all", "/audit/questions/looks.csv", "/audit/extract.csv",
                "/audit/questions/never_visited.csv", "/audit/head.json", "/regencies/3315/"),
    "administrator": ("/", "/accounts/", "/list/"),
}  # fmt: skip


def desked(run: Run, canaries: Canaries) -> None:
    """The desk: every role's pages, exports, mistakes, and a page whose row is damaged."""
    with browsers.serving(run.root) as address:
        nobody = Hand(address)
        for path in ("/login/", "/", "/list/", "/none/"):
            run.keep(f"nobody {path}", nobody.get(path).body)
        run.keep("nobody signs in", nobody.post("/login/", {"username": canaries.names[0], "password": "x"}).body)
        hands = {name: signed_in(address, name) for name in PATHS}
        for name, hand in hands.items():
            for path in PATHS[name]:
                run.keep(f"{name} {path}", hand.get(path).body)
            for family in run.families:
                run.keep(f"{name} family {family}", hand.get(f"/family/{family}/").body)
            run.keep(f"{name} search", hand.post("/list/", {"q": "Ibu Kenari"}).body)
            run.keep(f"{name} workbook", hand.post("/export/", {}).body)
            run.keep(f"{name} sheets", hand.post("/export/sheets/", {"facilitator": "F33150"}).body)
            run.keep(f"{name} mistake", hand.post(f"/family/{run.families[0]}/visit/", {"outcome": "x"}).body)
        damaged(run, address, hands["planner"])
        reason = {"reason": "complaint of the family"}
        seen = hands["auditor"].post(f"/family/{run.families[-1]}/identity/", reason)
        run.keep("auditor identity of one family", seen.body)
        run.keep("auditor log afterwards", hands["auditor"].get("/audit/log/").body)
    shutil.copy(run.root / "serve.log", run.root / SAID / "server.txt")


def damaged(run: Run, address: str, hand: Hand) -> None:
    """A family's details cannot be unpacked: the page of status 500 and the server's log tell nothing of the family."""
    base = sqlite3.connect(run.root / "data" / "desk" / "desk.sqlite3")
    base.execute("UPDATE desk_detail SET body = CAST('Ibu ' AS BLOB) || body")
    base.commit()
    base.close()
    for family in run.families:
        answer = hand.get(f"/family/{family}/")
        if answer.status == 500:
            run.keep(f"page of status 500 {family}", answer.body)
            run.done.append("a page of status 500")


@dataclass(frozen=True)
class Result:
    """Canaries by allowed place, faults, how many files were searched, and what was run."""

    held: dict[str, set[str]]
    faults: list[str]
    files: int
    done: list[str]


def checked(root: Path, canaries: Canaries, done: list[str]) -> Result:
    """The search, and the modes of what holds identities."""
    held, faults = judged(search(root, canaries.all))
    missing = canaries.all - held.get(STORE, set())
    faults += [f"{len(missing)} canaries are not in the identity store"] if missing else []
    for file in sorted(f for pattern in PRIVATE for f in root.glob(pattern)):
        if file.stat().st_mode & 0o777 != artifacts.PRIVATE:
            faults.append(f"{file.relative_to(root)}: mode {file.stat().st_mode & 0o777:o}")
    return Result(held, faults, sum(len(f) for _, _, f in os.walk(root)), done)


def measured(count: int, changes: Mapping[str, Mapping[str, Any]], folder: Path) -> Result:
    """All of it in a clone below a folder."""
    canaries = drawn(count)
    run = cloned(folder / "clone", {**changes, "source": {"path": EXTRACT}})
    staged(run, canaries)
    provoked(run)
    asked(run)
    desked(run, canaries)
    return checked(run.root, canaries, run.done)


def main(
    count: Annotated[int, typer.Option(help="Canaries of each kind.")] = 100,
    families: Annotated[int, typer.Option(help="Families of the world.")] = 1500,
    keep: Annotated[Path | None, typer.Option(help="A folder that stays afterwards, to look into.")] = None,
) -> None:
    from studies import QUICK

    start = time.perf_counter()
    changes = {**QUICK, "simulate": {"families": families}}
    with tempfile.TemporaryDirectory(prefix="canaries-") as scratch:
        found = measured(count, changes, keep or Path(scratch))
    for where in ALLOWED:
        told = found.held.get(where, set())
        kinds = (sum(t.startswith(k) for t in told) for k in (NAME, NIK, CARD))
        typer.echo(f"{where:<40} names {{:>3}}, NIK {{:>3}}, cards {{:>3}}".format(*kinds))
    objects, told, like = history(PROJECT, drawn(count).all)
    typer.echo(f"Git: {objects} objects, {len(told)} canaries; numbers like a NIK in {len(like)} files:")
    for path, numbers in like.items():
        typer.echo(f"  {path}: {numbers}")
    typer.echo(
        f"{found.files} files searched after {len(found.done)} commands; {len(found.faults)} faults;"
        f" {time.perf_counter() - start:.0f} s"
    )
    for fault in found.faults[:40]:
        typer.echo(f"  {fault}")
    if found.faults or told:
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
