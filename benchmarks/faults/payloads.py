"""Does anything typed into the desk ever run: as a script, a formula, a query, a template, a path?

`python -m benchmarks.faults.payloads` makes so many payloads as `--times` (the seed of a payload is its number), puts
each into every free text that the desk takes: names and places of the published bundle, notes, an auditor's reason,
the search, the list's filters, user names, facilitator's ids, what is kept when a session has ended, file names, cells
of a workbook that comes back. Then every page that shows them is looked at in real Chromium, and every workbook and
CSV that leaves the desk is read by openpyxl and, where `soffice` is installed, opened by LibreOffice and written anew.

What counts: no dialog, no change of title or flag, no error of a script, no report against the policy for contents, no
cell with a formula, every text as it was typed, no status 500. A payload hit its target where its text was found on
the page or in the cell. A control shows the same payloads unescaped and without a policy, to prove that a script
that ran would be seen.
"""

import csv
import html
import io
import re
import shutil
import subprocess
import tempfile
import time
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlencode

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import typer
from playwright.sync_api import Browser, Page

from benchmarks.faults.desks import Hand, browsers, bundles, homes, record, signed_in, troubles
from pipeline.desk import sheets
from pipeline.desk.texts import text

RUN = "window.__ran=1"
PATIENCE = 5  # seconds for what runs late
SCRIPTS = (
    "<script>{run}</script>", '"><img src=x onerror="{run}">', "<svg onload={run}>", "'><svg/onload={run}>",
    "</textarea><script>{run}</script>", "</title><script>{run}</script>",
    "<iframe srcdoc='<script>parent.{run}</script>'>",
    "javascript:{run}", "<a href=javascript:{run}>x</a>", "<details open ontoggle={run}>", "<body onload={run}>",
    "<input autofocus onfocus={run}>", '" autofocus onfocus="{run}" x="', "' onmouseover='{run}' '",
    "--><script>{run}</script>",
    "]]><script>{run}</script>", "<math><mtext></p><style><img src=x onerror={run}>",
    "<style>@import'http://127.0.0.1:1/x'</style>",
    "<link rel=stylesheet href=http://127.0.0.1:1/x>", "<meta http-equiv=refresh content='0;url=javascript:{run}'>",
    "<form action=//127.0.0.1:1><button>x", "<div hx-get='/logout/' hx-trigger=load>x</div>",
    "<div hx-on:load='{run}'>x</div>",
    "<base href=//127.0.0.1:1/>", "<SCRIPT>{run}</SCRIPT>", "<script/x>{run}</script>",
    "<scr<script>ipt>{run}</script>",
)  # fmt: skip
FORMULAS = ("=1+1", "+1+1", "-1+1", "@SUM(1+1)", "=HYPERLINK(\"http://127.0.0.1:1\")", "=cmd|'/c calc'!A0",
            "\t=1+1", "\r=1+1",
            " =1+1", "\n=1+1", "=IMPORTXML(\"http://127.0.0.1:1\")", "=WEBSERVICE(\"http://127.0.0.1:1\")",
            "'=1+1", "\u200b=1+1",
            "\uff1d1+1", "\ufeff=1+1", "1;=1+1", "x\",=1+1", "=\u202e1+1", "{=1+1}", "http://127.0.0.1:1/",
            "mailto:x@y.z",
            "DDE(\"cmd\")", "=1+1|x", "00012", "1e5", "3/4", "TRUE")  # fmt: skip
QUERIES = ("' OR 1=1 --", "'; DROP TABLE desk_step; --", '" OR ""="', "1) UNION SELECT 1 --", "%' ESCAPE '",
           "\\'; --", "`x`",
           "$$;SELECT 1;$$", "' || (SELECT 1) || '")  # fmt: skip
TEMPLATES = ("{{ 7*7 }}", "{% debug %}", "${7*7}", "#{7*7}", "<%= 7*7 %>", "{{ request.user.password }}",
             "{0.__class__}",
             "%(x)s", "%s%s%n", "#set page(width: 1pt)", "#read(\"/etc/passwd\")", "$ x $", "*b* _i_ `c`",
             "@ref <label>")  # fmt: skip
PATHS = ("../../../../etc/passwd", "..\\..\\windows\\win.ini", "/etc/passwd", "file:///etc/passwd", "%2e%2e%2f",
         "con", "a/b/../c",
         "~/.ssh/id_ed25519", "C:\\x", "x\x00.xlsx", ".")  # fmt: skip
ODD = ("\u202egnp.exe", "a\u200bb\u200cc\u200dd", "\u2066x\u2069\u202cy", "مرحبا abc", "e\u0301\u0302\u0303",
       "👩‍👩‍👧‍👦 🏳️‍🌈", "a\x00b", "a\x01b\x1fc",
       "a\r\nb", "a\nb\nc", "a,b;c\td|e", '"a","b"', "\ufffe", "_x0041_", "&lt;b&gt;&amp;amp;", "x" * 180, "𝕏𝕐",
       "\u2028x\u2029",
       "A\u030a", "ﬁ ﷽", "x\u0085y", "   ", "NULL", "undefined")  # fmt: skip
KINDS: dict[str, tuple[str, ...]] = {
    "script": SCRIPTS, "formula": FORMULAS, "query": QUERIES, "template": TEMPLATES, "path": PATHS, "odd": ODD,
}  # fmt: skip
NOTE, NAME, LINE = 2000, 190, 60
DAY, AGAIN = "2025-07-15", {"outcome": "again", "reason": "not_home", "happened_on": "2025-07-15"}
REGENCIES = ("3315", "3509")
READ = """[document.body.textContent, document.title,
  ...[...document.querySelectorAll('input,textarea,option')].map(e => e.value)]"""
WITH_FORMULAS = "--infilter=CSV:44,34,76,1,,0,false,true,false,false,false,0,true"
"""Comma, quote, UTF-8, and the last one: whatever looks like a formula is taken for one, which nobody's default is."""
SHOWN, CONTROL = 100, "http://control.invalid/"
WATCH = """
window.__reports = [];
const kept = e => window.__reports.push(e.violatedDirective + ' ' + e.blockedURI);
document.addEventListener('securitypolicyviolation', kept);
"""


def payload(number: int) -> tuple[str, str]:
    """Kind and text of a number; each is different, and the number stands at its end."""
    kind = list(KINDS)[number % len(KINDS)]
    texts = KINDS[kind]
    return kind, f"{texts[number // len(KINDS) % len(texts)].replace('{run}', RUN)}~{number}"


def plain(value: str) -> str:
    """A text as it can be compared: every kind of line end one space, NUL and space around it gone."""
    return re.sub(r"\s+", " ", value.replace("\x00", "").replace("\x85", " ")).strip()


def found_in(value: str, told: str) -> bool:
    return plain(value) in plain(told)


@dataclass
class Tally:
    """Of each field: payloads sent, refused politely, found as typed; and what went wrong."""

    sent: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    hit: Counter[str] = field(default_factory=Counter)
    missed: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def look(self, where: str, value: str, told: str) -> None:
        """Counts a payload that should stand in what is told."""
        there = found_in(value, told)
        self.sent[where] += 1
        self.hit[where] += there
        self.missed += [] if there else [f"{where}: {value[:60]!r}"]

    def status(self, where: str, number: int, status: int, allowed: Iterable[int] = (200, 302)) -> bool:
        """Whether it was taken; a refusal is counted, anything else is a fault."""
        if status >= 500 or status not in (*allowed, 400):
            self.faults.append(f"{where} {number}: status {status}")
        self.refused[where] += status == 400
        return status in allowed


@dataclass
class Eyes:
    """A page of Chromium that reports whatever ran."""

    page: Page
    tally: Tally
    loud: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.add_init_script(WATCH)
        self.page.on("dialog", self.dismissed)
        self.page.on("pageerror", lambda e: self.loud.append(f"error {str(e)[:100]}"))
        self.page.on(
            "console", lambda m: self.loud.append(f"console {m.text[:100]}") if told_of_policy(m.text) else None
        )

    def dismissed(self, dialog: Any) -> None:
        self.loud.append(f"dialog {dialog.message[:60]}")
        dialog.dismiss()

    def ran(self) -> bool:
        """Whether anything ran or was reported on the page as it stands."""
        state = self.page.evaluate("[window.__ran || 0, (window.__reports || []).length]")
        return bool(state[0] or state[1] or self.loud)

    def told(self) -> str:
        """All that a reader sees or finds in a field."""
        return "\n".join(self.page.evaluate(READ))

    def see(self, where: str, path: str) -> str:
        self.page.goto(path)
        return self.seen(where)

    def seen(self, where: str) -> str:
        """What the page tells; a fault where anything ran."""
        if self.ran():
            self.tally.faults.append(f"{where}: ran or was reported: {self.loud[:2]}")
            self.loud.clear()
        return self.told()


def told_of_policy(line: str) -> bool:
    return "Content Security Policy" in line or "Refused to" in line


@contextmanager
def eyes(browser: Browser, address: str, name: str, tally: Tally) -> Iterator[Eyes]:
    """Chromium, signed in."""
    context = browser.new_context()
    page = context.new_page()
    browsers.sign_in(page, address, name)
    try:
        yield Eyes(page, tally)
    finally:
        context.close()


# ------------------------------------------------------------------ a bundle of payloads


def prepared(root: Path, texts: dict[int, str]) -> dict[str, int]:
    """A home whose families have payloads for names and places, all of them listed; the payload's number by family."""
    bundles.PER_REGENCY = -(-len(texts) // len(REGENCIES))
    try:
        homes.make(root, exports_a_day="10000", page_rows="100")
    finally:
        bundles.PER_REGENCY = 30
    numbers, found = list(texts), {}
    folder = root / "data" / "published"
    for place, regency in enumerate(REGENCIES):
        mine = numbers[place :: len(REGENCIES)]
        found |= {bundles.kpm(regency, n): number for n, number in enumerate(mine)}
        spoil(folder, regency, [texts[n] for n in mine])
    bundles.sign(folder)
    return found


def spoil(folder: Path, regency: str, texts: list[str]) -> None:
    for table, change in {"identity": named, "candidates": placed}.items():
        file = folder / table / f"{regency}.parquet"
        rows = [r | change(t, n) for n, (r, t) in enumerate(zip(pq.read_table(file).to_pylist(), texts, strict=False))]
        pq.write_table(pa.Table.from_pylist(rows), file)


def named(value: str, number: int) -> dict[str, Any]:
    return {"name": value[:NAME]}


def placed(value: str, number: int) -> dict[str, Any]:
    return {"village_name": value[:90], "district_name": value[:90], "status": "listed", "holds": "", "eligible": True}


# ------------------------------------------------------------------ fields


@dataclass
class Desk:
    """A served desk full of payloads, hands and eyes on it."""

    address: str
    root: Path
    texts: dict[int, str]
    families: dict[str, int]
    tally: Tally

    def hand(self, name: str) -> Hand:
        return signed_in(self.address, name)

    def of(self, regency: str) -> dict[str, int]:
        return {f: n for f, n in self.families.items() if f[1:5] == regency}


def notes(desk: Desk) -> None:
    """Each payload as a note; a note may have line ends, and more than a line's length."""
    for regency, name in zip(REGENCIES, ("planner", "planner2"), strict=True):
        hand = desk.hand(name)
        for family, number in desk.of(regency).items():
            action = "objection"
            values = {"version": "0", "key": f"payload-{number:08d}", "outcome": "objects", "happened_on": DAY}
            answer = hand.post(f"/family/{family}/{action}/", values | {"note": desk.texts[number]})
            if not desk.tally.status("note", number, answer.status) and not found_in(desk.texts[number], answer.text):
                desk.tally.faults.append(f"note {number}: refused, and what was typed is gone")


def lines(desk: Desk) -> None:
    """Each payload as a search, a filter, a user's name, a facilitator's id, an auditor's reason, a kept form."""
    planner, administrator, auditor = (desk.hand(n) for n in ("planner", "administrator", "auditor"))
    for number, value in desk.texts.items():
        short = value[:LINE]
        user = {"username": short, "role": "planner", "area": "3315", "facilitator_id": ""}
        person = {"username": f"field.{number}", "role": "facilitator", "area": "", "facilitator_id": short}
        family = next(iter(desk.families))
        nobody = Hand(desk.address, {"csrftoken": planner.cookies["csrftoken"]})
        asked = {
            "search": planner.post("/list/", {"q": short}), "user": administrator.post("/accounts/", user),
            "facilitator": administrator.post("/accounts/", person),
            "reason": auditor.post(f"/family/{family}/identity/", {"reason": f"{value[:180]} because"}),
            "kept": nobody.post("/family/x/visit/", {"note": value}),
            "filter": planner.ask("GET", "/list/?" + urlencode({"district": short, "village": short, "q": short})),
            "next": planner.post("/language/", {"language": "en", "next": short}),
        }  # fmt: skip
        for where, answer in asked.items():
            desk.tally.status(where, number, answer.status, (200, 302, 401))
        for where in ("search", "user", "reason", "kept"):
            wanted = f"{value[:180]} because" if where == "reason" else value if where == "kept" else short
            if where != "reason" or asked[where].status == 400:
                desk.tally.look(f"{where} (source)", wanted, asked[where].text)
        location = asked["next"].headers.get("Location", "/")
        if not location.startswith("/") or location.startswith("//"):
            desk.tally.faults.append(f"next {number}: {location[:60]}")


# ------------------------------------------------------------------ pages in Chromium


def pages(desk: Desk, browser: Browser) -> None:
    """Every page that shows what was typed, as those who may see it."""
    for regency, name in zip(REGENCIES, ("planner", "planner2"), strict=True):
        with eyes(browser, desk.address, name, desk.tally) as one:
            family_pages(desk, one, desk.of(regency))
            listed(desk, one, desk.of(regency))
            for path in ("/", f"/regencies/{regency}/", "/export/", "/about/", "/return/"):
                one.see(f"{name} {path}", desk.address + path)
    with eyes(browser, desk.address, "administrator", desk.tally) as one:
        told = one.see("accounts", f"{desk.address}/accounts/")
        taken = [a for a in record(desk.root)["accounts"] if a[0].startswith("field.")]
        for account in taken:
            number = int(account[0].partition(".")[2])
            desk.tally.look("facilitator (Chromium)", desk.texts[number][:LINE], told)
    with eyes(browser, desk.address, "auditor", desk.tally) as one:
        log_pages(desk, one)
        for path in (
            "/audit/",
            f"/family/{next(iter(desk.families))}/",
            f"/family/{next(iter(desk.families))}/identity/",
        ):
            one.see(f"auditor {path}", desk.address + path)


def family_pages(desk: Desk, one: Eyes, families: dict[str, int]) -> None:
    for family, number in families.items():
        value = desk.texts[number]
        told = one.see(f"family {number}", f"{desk.address}/family/{family}/")
        desk.tally.look("name (Chromium)", value[:NAME], told)
        desk.tally.look("place (Chromium)", value[:90], told)
        desk.tally.look("note (Chromium)", value, told)
        if number % 5 == 0:
            told = one.see(f"form {number}", f"{desk.address}/family/{family}/refusal/")
            desk.tally.look("name on a form (Chromium)", value[:NAME], told)


def listed(desk: Desk, one: Eyes, families: dict[str, int]) -> None:
    """The list page by page, and the search in the browser for some."""
    told, path = "", "/list/?columns=name&columns=village&columns=flags"
    while path:
        told += one.see("list", desk.address + path)
        following = one.page.query_selector("a[rel=next]")
        path = str(following.get_attribute("href")) if following else ""
    for number in families.values():
        desk.tally.look("name on the list (Chromium)", desk.texts[number][:NAME], told)
    for number in list(families.values())[::10]:
        one.page.goto(f"{desk.address}/list/")
        one.page.fill("#q", plain(desk.texts[number])[:LINE])
        one.page.press("#q", "Enter")
        one.page.wait_for_load_state()
        desk.tally.look("search (Chromium)", plain(desk.texts[number])[:LINE], one.seen(f"search {number}"))


def log_pages(desk: Desk, one: Eyes) -> None:
    """The auditor's log, which tells reasons, page by page."""
    told, path = "", "/audit/log/"
    while path:
        told += one.see("log", desk.address + path)
        following = one.page.query_selector("a.button")
        path = str(following.get_attribute("href")) if following else ""
    for look in record(desk.root)["looks"]:
        if look[2] == "identity":
            desk.tally.look("reason on the log (Chromium)", look[3], told)


# ------------------------------------------------------------------ workbooks and CSV


def exported(desk: Desk, folder: Path, office: bool) -> None:
    """The lists and the auditor's CSV as openpyxl and LibreOffice read them; the visit sheets are printed."""
    files: dict[Path, list[str]] = {}
    for regency, name in zip(REGENCIES, ("planner", "planner2"), strict=True):
        answer = desk.hand(name).post("/export/", {})
        if not desk.tally.status("workbook", 0, answer.status):
            continue
        wanted = {f: desk.texts[n] for f, n in desk.of(regency).items()}
        book = folder / f"{regency}.xlsx"
        book.write_bytes(answer.body)
        read_cells(desk.tally, book, wanted)
        files[book] = [v[:NAME] for v in wanted.values()]
    asked = desk.hand("auditor")
    for path in ("questions/looks", "extract", "questions/coverage", "questions/never_visited"):
        table = folder / f"{Path(path).name}.csv"
        table.write_bytes(asked.get(f"/audit/{path}.csv").body)
        files[table] = []
    files[folder / "looks.csv"] = reasons(desk, folder / "looks.csv")
    if office and (program := shutil.which("soffice")):
        reopened(desk.tally, program, files)
    for facilitator in range(3):
        printed = desk.hand("planner").post("/export/sheets/", {"facilitator": f"F3315{facilitator}"})
        desk.tally.status("visit sheets (PDF)", facilitator, printed.status)


def reasons(desk: Desk, table: Path) -> list[str]:
    """The auditors' reasons; counts those that stand in the CSV as typed, but for the apostrophe before a formula."""
    typed = [x[3] for x in record(desk.root)["looks"] if x[2] == "identity"]
    told = {
        c[-1].removeprefix("'")
        for c in csv.reader(io.StringIO(table.read_bytes().decode("utf-8-sig"), newline=""))
        if c
    }
    for reason in typed:
        desk.tally.sent["reason in CSV"] += 1
        desk.tally.hit["reason in CSV"] += reason.removeprefix("'") in told
    return typed


def read_cells(tally: Tally, book: Path, wanted: dict[str, str]) -> None:
    """No formula for openpyxl, and names and places as published."""
    at = {name: number for number, name in enumerate(sheets.COLUMNS)}
    opened = openpyxl.load_workbook(book)
    if any(c.data_type == "f" for page in opened for row in page.iter_rows() for c in row):
        tally.faults.append(f"{book.name}: openpyxl reads a formula")
    page = next(
        opened[sheets.sheet_names(n)["list"]]
        for n in ("id", "en")
        if sheets.sheet_names(n)["list"] in opened.sheetnames
    )
    for row in page.iter_rows(min_row=sheets.HEADER_ROW + 2, values_only=True):
        if row[at["kpm_id"]] in wanted:
            value = wanted[str(row[at["kpm_id"]])]
            tally.look("name in a workbook (openpyxl)", value[:NAME], unescaped(str(row[at["name"]])))
            tally.look("place in a workbook (openpyxl)", value[:90], unescaped(str(row[at["village"]])))


def unescaped(cell: str) -> str:
    """A cell's text without the escapes of its file, which openpyxl leaves in."""
    return re.sub(r"_x([0-9A-Fa-f]{4})_", lambda m: chr(int(m[1], 16)), cell.replace("_x005F_", "\x1a")).replace(
        "\x1a", "_"
    )


def reopened(tally: Tally, program: str, files: dict[Path, list[str]]) -> None:
    """LibreOffice opens each file and writes it as flat XML: no cell has a formula or a link, the texts are there."""
    with tempfile.TemporaryDirectory() as scratch:
        out = ["--convert-to", "fods", "--outdir", scratch]
        command = [program, "--headless", f"-env:UserInstallation=file://{scratch}/user", *out]
        for suffix, more in {".xlsx": (), ".csv": (WITH_FORMULAS,)}.items():
            mine = [str(f) for f in files if f.suffix == suffix]
            subprocess.run([*command, *more, *mine], capture_output=True, check=True, timeout=600)
        trees = {file: ET.parse(Path(scratch) / f"{file.stem}.fods") for file in files}
    for file, tree in trees.items():
        cells = [c for c in tree.iter() if c.tag.endswith("}table-cell")]
        if any(k.endswith("}formula") for c in cells for k in c.attrib):
            tally.faults.append(f"{file.name}: LibreOffice reads a formula")
        if any(e.tag.endswith("}a") for c in cells for e in c.iter()):
            tally.faults.append(f"{file.name}: LibreOffice reads a link")
        told = "\n".join(plain("\n".join(map(spoken, c))) for c in cells)
        for value in files[file]:
            tally.look(f"{file.suffix[1:]} opened by LibreOffice", value, told)


def spoken(part: ET.Element) -> str:
    """The text of a paragraph; tabs, line ends and repeated spaces are elements there."""
    apart = " " if part.tag.rpartition("}")[2] in ("tab", "s", "line-break") else ""
    return apart + (part.text or "") + "".join(spoken(p) + (p.tail or "") for p in part)


def returned(desk: Desk, browser: Browser) -> None:
    """The planner's workbook comes back with payloads in its cells and in its name, a hundred at a time."""
    content = desk.hand("planner").post("/export/", {}).body
    mine = list(desk.of("3315").items())
    for start in range(0, len(mine), SHOWN):
        part = mine[start : start + SHOWN]
        file_name = plain(desk.texts[part[0][1]])[:100] + ".xlsx"
        with eyes(browser, desk.address, "planner", desk.tally) as one:
            one.page.goto(f"{desk.address}/return/")
            book = filled(content, {f: desk.texts[n] for f, n in part})
            one.page.set_input_files(
                "#file", {"name": file_name, "mimeType": "application/octet-stream", "buffer": book}
            )
            one.page.click("main button.main")
            one.page.wait_for_load_state()
            told = one.seen(f"return {start}")
            for _, number in part:
                desk.tally.look("cell that comes back (Chromium)", html.unescape(desk.texts[number]), told)
    hand = desk.hand("planner")
    for number, value in desk.texts.items():
        desk.tally.status("file name", number, hand.upload("/return/", value, b"no workbook").status)


def filled(content: bytes, values: dict[str, str]) -> bytes:
    """The workbook with a visit and a note of each family, written as text."""
    book = openpyxl.load_workbook(io.BytesIO(content))
    language = next(n for n in ("id", "en") if sheets.sheet_names(n)["list"] in book.sheetnames)
    page, at = book[sheets.sheet_names(language)["list"]], {n: i for i, n in enumerate(sheets.COLUMNS, 1)}
    for row in range(sheets.HEADER_ROW + 2, page.max_row + 1):
        value = values.get(str(page.cell(row, at["kpm_id"]).value))
        if value is None:
            continue
        page.cell(row, at["outcome"]).value = text("outcome_visit_again", language)
        page.cell(row, at["reason"]).value = text("reason_not_home", language)
        page.cell(row, at["happened_on"]).value = "15/07/2025"
        cell = page.cell(row, at["note"])
        cell.value = re.sub(r"[\x00-\x08\x0b-\x1f\ufffe]", "", value)
        cell.data_type = "s"
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


# ------------------------------------------------------------------ all of it


def control(browser: Browser, texts: dict[int, str]) -> tuple[int, int]:
    """Of the scripts, how many run or are reported where they stand unescaped on a page without a policy; and all."""
    scripts = [t for n, t in texts.items() if payload(n)[0] == "script"]
    context = browser.new_context()
    ran = sum(runs(context.new_page(), value) for value in scripts)
    context.close()
    return ran, len(scripts)


def runs(page: Page, value: str) -> bool:
    """Whether the text runs where it stands in a page as it is, in an element and in an attribute."""
    one = Eyes(page, Tally())
    body = f'<title>x</title><p>{value}</p><input value="{value}">'
    page.route(CONTROL, lambda route: route.fulfill(content_type="text/html", body=body))
    page.goto(CONTROL, wait_until="domcontentloaded")
    found = one.ran()
    for _ in range(PATIENCE * 20):  # an image that is not found, or a frame, is told late on a busy machine
        if found:
            break
        page.wait_for_timeout(50)
        found = one.ran()
    page.close()
    return found


def measured(first: int, times: int, office: bool = True) -> tuple[Tally, tuple[int, int]]:
    """The tally of the payloads, and how many scripts the control saw run; `office` opens files in LibreOffice too."""
    texts, tally = {n: payload(n)[1] for n in range(first, first + times)}, Tally()
    with tempfile.TemporaryDirectory(prefix="payloads-") as folder, browsers.chromium() as browser:
        root = Path(folder) / "home"
        families = prepared(root, texts)
        with browsers.serving(root) as address:
            desk = Desk(address, root, texts, families, tally)
            returned(desk, browser)
            notes(desk)
            lines(desk)
            pages(desk, browser)
            exported(desk, Path(folder), office)
        tally.faults += [f"server: {line}" for line in troubles(root)]
        return tally, control(browser, texts)


def main(
    first: Annotated[int, typer.Option(help="Number of the first payload.")] = 0,
    times: Annotated[int, typer.Option(help="Payloads, each in every field.")] = 500,
) -> None:
    start = time.perf_counter()
    tally, (ran, scripts) = measured(first, times)
    for where in sorted(tally.sent):
        typer.echo(f"{where:<36}{tally.hit[where]:>6} of {tally.sent[where]} found as typed")
    typer.echo("refused politely: " + ", ".join(f"{k} {n}" for k, n in tally.refused.items() if n))
    typer.echo(f"control: {ran} of {scripts} scripts run or are reported where nothing escapes them")
    typer.echo(
        f"payloads {first} to {first + times - 1}: {len(tally.faults)} faults; {time.perf_counter() - start:.0f} s"
    )
    for missed in tally.missed[:40]:
        typer.echo(f"  not found: {missed}")
    for fault in tally.faults[:40]:
        typer.echo(f"  {fault[:200]}")
    if tally.faults:
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
