"""The auditor's room as pages that need nothing but a browser: what a verified bundle holds, in both languages.

Of fairness only what may leave the room is shown, its small cells already hidden; numbers of families stand in the
answers to questions alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from markdown_it import MarkdownIt
from markupsafe import Markup

from pipeline import fairness_wording, wording
from pipeline.audit import names
from pipeline.audit.folder import Evidence
from pipeline.audit.questions import Answer
from pipeline.audit.sentences import SENTENCES as TOLD
from pipeline.audit.story import frame, percent
from pipeline.audit.titles import (
    FACTS,
    HEADS,
    MEASURES,
    OPINIONS,
    PAGES,
    PICTURES,
    ROOM,
    SENTENCES,
    TITLES,
    TONGUES,
)
from pipeline.page import environment, inline
from pipeline.wording import Language, Text

LANGUAGES: tuple[Language, ...] = ("id", "en")
SHOWN = 50
LARGEST = 15  # changes of a watch that are told one by one
PLACES = 4
PUBLISHED = "fairness/published"
Said = Text | str


@dataclass(frozen=True)
class Table:
    """Heads and rows of cells, each a text of both languages or the same in both."""

    caption: Said
    heads: Sequence[Said]
    rows: Sequence[Sequence[Said]]


@dataclass(frozen=True)
class Picture:
    """`data`: the address that holds the picture."""

    data: str
    caption: Text


@dataclass(frozen=True)
class Section:
    """What stands under one heading; `paper` is HTML made of the bundle's own Markdown, `links` (address, text)."""

    heading: Said = ""
    texts: Sequence[Said] = ()
    warnings: Sequence[Said] = ()
    lines: Sequence[str] = ()
    pictures: Sequence[Picture] = ()
    tables: Sequence[Table] = ()
    links: Sequence[tuple[str, Text]] = ()
    code: str = ""
    paper: Markup | str = ""


@dataclass(frozen=True)
class Page:
    """One page; `name` is its file without the ending."""

    name: str
    sections: Sequence[Section]

    @property
    def title(self) -> Text:
        return TITLES[self.name]


@dataclass(frozen=True)
class Room:
    """A bundle, what verifying it found, and the answers. `trusted`: the key did not come from the bundle itself."""

    snapshot: Any
    found: Sequence[str]
    answers: Sequence[Answer]
    trusted: bool

    @property
    def evidence(self) -> Evidence:
        held: Evidence = self.snapshot.evidence
        return held

    @property
    def manifest(self) -> Mapping[str, Any]:
        return self.evidence.manifest

    def has(self, name: str) -> bool:
        return name in self.manifest["files"]


def site(room: Room) -> dict[str, str]:
    """Every page by its place below the folder: the door, and for each language all pages."""
    pages = [Page(name, made(room)) for name, made in MAKERS.items()]
    known = {
        "words": {"room": ROOM, "pages": PAGES, "simulated": wording.SIMULATED, "tongue": TONGUES},
        "simulated": bool(room.manifest["simulated"]),
        "manifest": room.evidence.manifest_sha256,
        "about": about(room),
        "pages": [(p.name, p.title) for p in pages],
    }
    template = environment().get_template("room.html")
    found = {"index.html": environment().get_template("door.html").render(**known)}
    for language in LANGUAGES:
        told = known | {"language": language, "others": [o for o in LANGUAGES if o != language]}
        found |= {f"{language}/{p.name}.html": template.render(**told, page=p) for p in pages}
    return found


def about(room: Room) -> Text:
    m = room.manifest
    families = wording.both(float(m["families"]), 0)
    return SENTENCES["about"].fill(number=m["number"], as_of=wording.day(room.snapshot.as_of), families=families)


# ------------------------------------------------------------------ pages


def index(room: Room) -> list[Section]:
    """What this is, and what verifying it found."""
    warn = [] if room.trusted else [SENTENCES["own_key"]]
    return [
        Section("", [SENTENCES["decides"], SENTENCES["confidential"]], tables=[facts(room)]),
        Section(SENTENCES["verified"], [SENTENCES["whole"]], warn, lines=room.found),
    ]


def facts(room: Room) -> Table:
    m = room.manifest
    told: dict[str, Said] = {
        "number": str(m["number"]), "as_of": wording.day(room.snapshot.as_of),
        "families": wording.both(float(m["families"]), 0), "lineage": str(m["lineage"]), "commit": str(m["commit"]),
        "dirty": yes(bool(m["dirty"])), "key": room.evidence.key_sha256, "manifest": room.evidence.manifest_sha256,
        "previous": str(m["previous"]) or "-",
    }  # fmt: skip
    return named(TITLES["evidence"], told)


def yes(value: bool) -> Text:
    return Text("ya", "yes") if value else Text("tidak", "no")


def named(caption: Said, told: Mapping[str, Said]) -> Table:
    """Facts one below the other."""
    return Table(caption, (HEADS["what"], HEADS["value"]), [(FACTS[k], v) for k, v in told.items()])


def questions(room: Room) -> list[Section]:
    """Each question with its answer's first rows and its query."""
    return [Section("", [SENTENCES["questions"]]), *(answered(a) for a in room.answers)]


def answered(answer: Answer) -> Section:
    q, count = answer.question, len(answer.rows)
    told: dict[str, Said] = {"count": wording.both(count, 0), "shown": str(SHOWN)}
    texts = [q.note, SENTENCES["first_rows" if count > SHOWN else "counted"].fill(**told)]
    rows = [[cell(v) for v in row] for row in answer.rows.head(SHOWN).itertuples(index=False)]
    links = [(f"../questions/{q.name}.csv", SENTENCES["csv"]), (f"../questions/{q.name}.sql", SENTENCES["sql"])]
    return Section(
        q.title, texts, [SENTENCES["to_explain"]] if answer.surprising else [], links=links, code=q.sql,
        tables=[Table(q.title, list(answer.rows.columns), rows)] if count else [],
    )  # fmt: skip


def cell(value: Any) -> Said:
    """A value of an answer as it is read: days, numbers, several codes."""
    if isinstance(value, list | tuple) or hasattr(value, "tolist"):
        return ", ".join(map(str, value))
    if wording.unknown(value):
        return "-"
    if hasattr(value, "strftime"):
        return wording.day(value)
    return wording.both(float(value), PLACES) if isinstance(value, float) else str(value)


def fairness(room: Room) -> list[Section]:
    """Findings, verdicts and numbers of what may leave the room."""
    if not room.has(names.FAIRNESS):
        return [Section("", [SENTENCES["absent"]])]
    told = room.evidence.json(names.FAIRNESS)
    heads = {"history": SENTENCES["past"], "today": SENTENCES["today"]}
    return [
        *(judged(room, heads[n], told[n], f"{PUBLISHED}/{n}_rates.csv") for n in heads),
        Section(SENTENCES["pictures"], pictures=pictures(room, f"{PUBLISHED}/")),
    ]


def judged(room: Room, heading: Text, told: Mapping[str, Any], name: str) -> Section:
    counted = {k: wording.both(float(told[k]), 0) for k in ("tests", "families")}
    rates = frame(room.snapshot, name)
    single = rates[(rates["kind"] == "single") & rates["group"].notna() & rates["verdict"].notna()]
    verdicts = told["verdicts"].get("single", {})
    return Section(
        heading,
        [SENTENCES["tests"].fill(**counted), *(Text(line["id"], line["en"]) for line in told["lines"])],
        tables=[
            Table(
                SENTENCES["verdicts"],
                (HEADS["verdict"], HEADS["count"]),
                [(wording.label(v, fairness_wording.VERDICTS), wording.both(n, 0)) for v, n in verdicts.items()],
            ),
            Table(heading, RATE_HEADS, [rate(row) for row in single.to_dict("records")]),
        ],
    )


RATE_HEADS = [HEADS[h] for h in ("attribute", "group", "measure", "rate", "rest", "difference", "verdict")]


def rate(row: Mapping[Any, Any]) -> Sequence[Said]:
    """A row of the published rates; what is hidden stays a dash."""
    name = str(row["measure"])
    told = [
        "-" if wording.unknown(row[c]) else fairness_wording.number(float(row[c]), name)
        for c in ("estimate", "rest", "difference")
    ]
    return [
        wording.label(str(row["attribute"]), fairness_wording.ATTRIBUTES),
        wording.label(str(row["group"]), fairness_wording.GROUPS),
        fairness_wording.measure(name), *told, wording.label(str(row["verdict"]), fairness_wording.VERDICTS),
    ]  # fmt: skip


def pictures(room: Room, below: str) -> list[Picture]:
    shown = [(n, text) for n, text in PICTURES.items() if n.startswith(below) and room.has(n)]
    return [Picture(inline(room.evidence.content(n)), text) for n, text in shown]


def drift(room: Room) -> list[Section]:
    """The watch: its bar, its alarms, the largest changes, and what lists were expected to find."""
    if not room.has(names.DRIFT):
        return [Section("", [SENTENCES["absent"]])]
    told = room.evidence.json(names.DRIFT)["changes"]
    watched = ("series", "bar", "alarms", "false_alarms_a_year", "past_alarms_a_year", "forward_alarms_a_year")
    known = {k: found(told.get(k)) for k in watched}
    changes = frame(room.snapshot, "drift/changes.csv")
    expected = frame(room.snapshot, "drift/performance.csv")
    return [
        Section(SENTENCES["watch"], [] if told["alarms"] is not None else [SENTENCES["short"]],
                tables=[named(SENTENCES["watch"], known), largest(changes, labels(room))]),
        Section(SENTENCES["performance"], [SENTENCES["quarters"]], tables=[performance(expected)]),
    ]  # fmt: skip


def found(value: Any) -> Said:
    """A number of the watch; of alarms their names."""
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "0"
    return "-" if value is None else wording.both(float(value), 2)


def labels(room: Room) -> Mapping[str, Text]:
    """What features are called; a series that is none keeps its own name."""
    told = frame(room.snapshot, names.WORDING)
    both = zip(told["label_id"], told["label_en"], strict=True)
    return dict(zip(told["feature"], (Text(*b) for b in both), strict=True))


def largest(changes: pd.DataFrame, called: Mapping[str, Text]) -> Table:
    last = changes[changes["as_of"] == changes["as_of"].max()].nlargest(LARGEST, "distance", keep="first")
    rows = [
        (wording.label(str(r["series"]), called), cell(r["psi"]), cell(r["distance"])) for r in last.to_dict("records")
    ]
    return Table(SENTENCES["changes"], (HEADS["series"], HEADS["psi"], HEADS["distance"]), rows)


def performance(expected: pd.DataFrame) -> Table:
    heads = [HEADS[h] for h in ("measure", "as_of", "expected", "observed", "range")]
    rows = []
    for r in expected.sort_values(["measure", "as_of"]).to_dict("records"):
        between = cell(r["lower"]), cell(r["upper"])
        told = "-" if "-" in between else Text(*(f"{say(between[0], n)} - {say(between[1], n)}" for n in LANGUAGES))
        measure = wording.label(str(r["measure"]), MEASURES)
        rows.append((measure, str(r["as_of"]), cell(float(r["expected"])), cell(r["observed"]), told))
    return Table(SENTENCES["performance"], heads, rows)


def say(text: Said, language: Language) -> str:
    return text if isinstance(text, str) else str(getattr(text, language))


def explanations(room: Room) -> list[Section]:
    """How scores are explained, how far other explanations agree, and the pictures."""
    how = room.evidence.json(names.METHOD)
    if how["method"] == "tables":
        told = TOLD["by_tables"].fill(
            checked=wording.both(how["rows_checked"], 0), off=f"{how['largest_difference']:.1e}"
        )
    else:
        told = TOLD["by_lightgbm"].fill(reason=str(how["reason"]))
    made = [Section(SENTENCES["explained"], [told, TOLD["not_cause"], TOLD["not_welfare"]])]
    if room.has("opinions/opinions.json"):
        known = room.evidence.json("opinions/opinions.json")
        tables = [agreement(t, known[t]) for t in ("second_opinion", "stability") if t in known]
        made.append(Section(SENTENCES["agreement"], tables=tables))
    shown = pictures(room, "opinions/")
    return [*made, *([Section(SENTENCES["pictures"], pictures=shown)] if shown else [])]


def agreement(name: str, told: Mapping[str, Any]) -> Table:
    heads = [HEADS[h] for h in ("who", "measure", "mean", "median", "lowest_tenth")]
    rows = [
        [OPINIONS[group], wording.label(m, MEASURES), *("-" if v is None else level(v[k], m) for k in LEVELS)]
        for group, values in told.items()
        for m, v in values.items()
        if m != "families"
    ]
    return Table(OPINIONS[name], heads, rows)


def level(value: float, measure: str) -> Text:
    return wording.both(value, 2) if measure == "rank_correlation" else percent(value)


LEVELS = ("mean", "median", "lowest_tenth")


def paper(name: str) -> Any:
    """A page that shows one of the bundle's own papers."""

    def made(room: Room) -> list[Section]:
        return [Section("", [SENTENCES["in_english"]], paper=written(room.evidence.text(name)))]

    return made


def written(text: str) -> Markup:
    """Markdown as HTML; HTML inside it is escaped, and its title is the page's own."""
    body = "\n".join(line for line in text.splitlines() if not line.startswith("# "))
    return Markup(MarkdownIt("commonmark", {"html": False}).enable("table").render(body))


def evidence(room: Room) -> list[Section]:
    """Every file with its size and hash, and how to check them."""
    files = room.manifest["files"]
    rows = [(n, wording.both(f["bytes"], 0), f["sha256"]) for n, f in sorted(files.items())]
    commands = [
        f"python -m pipeline audit verify FOLDER --key {room.evidence.key_sha256}",
        "python -m pipeline audit replay KPM_ID --bundle FOLDER",
    ]
    return [
        Section("", tables=[facts(room)]),
        Section(SENTENCES["check"], lines=commands),
        Section(
            SENTENCES["files"], tables=[Table(SENTENCES["files"], (HEADS["file"], HEADS["bytes"], "sha256"), rows)]
        ),
    ]


MAKERS = {
    "index": index,
    "questions": questions,
    "fairness": fairness,
    "drift": drift,
    "explanations": explanations,
    "card": paper(names.CARD),
    "datasheet": paper(names.DATASHEET),
    "risks": paper(names.RISKS),
    "evidence": evidence,
}
