"""The whole story of one scored family in plain words, from the bundle alone: no name, every number with its source."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from io import StringIO
from typing import Any

import pandas as pd
import pyarrow.parquet as pq

from pipeline import lists, publish, publish_wording, wording
from pipeline.audit import names, plain
from pipeline.audit.replay import BASE, Snapshot, by_family, number
from pipeline.audit.sentences import HEADINGS, SENTENCES
from pipeline.columns import AS_OF, FAMILY, KEY
from pipeline.wording import STORY, Language, Text

PLACES = 3
LANGUAGES: tuple[Language, Language] = ("id", "en")
SELECTED = [FAMILY, "rank", "eligible", "facilitator_id", "regency_code"]


@dataclass(frozen=True)
class Told:
    """What the story reads of one family."""

    snapshot: Snapshot
    family: str

    @cached_property
    def scores(self) -> Mapping[str, Any]:
        return by_family(self.snapshot, "scores", [self.family])[self.family]

    @cached_property
    def features(self) -> Mapping[str, Any]:
        return by_family(self.snapshot, "stored", [self.family])[self.family]

    @cached_property
    def life(self) -> Mapping[str, Any]:
        return by_family(self.snapshot, "lives", [self.family])[self.family]

    @cached_property
    def way(self) -> Mapping[str, Any]:
        return by_family(self.snapshot, "pathways", [self.family])[self.family]

    @cached_property
    def config(self) -> lists.Config:
        return lists.Config.model_validate(self.snapshot.parameters["lists"])

    @cached_property
    def selection(self) -> pd.DataFrame:
        """Every family with its status; the rule of the list is over all of them."""
        path = self.snapshot.evidence.file(names.SCORES)
        return lists.select(pq.read_table(path, columns=SELECTED).to_pandas(), self.config)

    @cached_property
    def evidence(self) -> lists.Evidence:
        words = frame(self.snapshot, names.WORDING).merge(frame(self.snapshot, names.DICTIONARY), on="feature")
        shap = by_family(self.snapshot, "shap", [self.family])[self.family]
        village = self.snapshot.rows(
            f"SELECT village_code FROM {self.snapshot.sources['kpm']} WHERE kpm_id = ?", [self.family]
        )
        villages = pd.DataFrame([{FAMILY: self.family, **village[0]}])
        told = by_family(self.snapshot, "known_on", [self.family])[self.family]
        days = pd.DataFrame([told]).astype(dict.fromkeys(told.keys() - {FAMILY}, "datetime64[s]"))
        return lists.Evidence(one_row(shap), one_row(self.features), words, villages, days)

    @cached_property
    def reasons(self) -> pd.DataFrame:
        return lists.reasons(self.evidence, self.config)


def frame(snapshot: Snapshot, name: str) -> pd.DataFrame:
    return pd.read_csv(StringIO(snapshot.evidence.text(name)))


def one_row(values: Mapping[str, Any]) -> pd.DataFrame:
    """A row as a frame: keys as they are, everything else a number."""
    made = {c: [v] if c in KEY else [number(v)] for c, v in values.items()}
    return pd.DataFrame(made).astype({AS_OF: "datetime64[s]"})


def told(snapshot: Snapshot, family: str, language: Language) -> str:
    """The story; BadInput for a family that the bundle does not have."""
    known = Told(snapshot, family)
    parts = {
        "who": who, "score": score, "place": place, "reasons": reasons, "holds": held, "label": label, "not": limits,
        "method": method,
    }  # fmt: skip
    lines = [t for name, part in parts.items() for t in (Text("", ""), heading(name), *part(known))]
    simulated = [wording.SIMULATED] if snapshot.evidence.manifest["simulated"] else []
    return "\n".join(getattr(text, language) for text in [*simulated, title(known), *lines])


def heading(name: str) -> Text:
    return Text(HEADINGS[name].id.upper(), HEADINGS[name].en.upper())


def title(known: Told) -> Text:
    manifest = known.snapshot.evidence.manifest
    as_of = wording.day(known.snapshot.as_of)
    return SENTENCES["title"].fill(
        family=known.family, as_of=as_of, number=manifest["number"], lineage=manifest["lineage"]
    )


def who(known: Told) -> Iterator[Text]:
    shown = {"age": "caretaker_age", "members": "members", "months": "enrolled_months"}
    yield STORY["who"].fill(family=known.family, **{k: whole(known.features.get(c)) for k, c in shown.items()})
    yield SENTENCES["no_name"]


def score(known: Told) -> Iterator[Text]:
    row = known.scores
    shares = {k: percent(row[k]) for k in ("probability", "lower", "upper")}
    code = str(row["regency_code"])
    active = int((known.selection["regency_code"] == row["regency_code"]).sum())
    yield STORY["chance"].fill(
        **shares, rank_in_regency=whole(row["rank_in_regency"]), active=whole(active),
        regency=lists.regency_name(code, known.config),
    )  # fmt: skip
    band = lists.band(row["probability"], known.config)
    yield SENTENCES["band"].fill(band=Text(band, english(known, band)))
    yield SENTENCES["interval"]


def english(known: Told, text: str) -> str:
    """The English of a band or flag, as the configuration has it."""
    return str(known.snapshot.parameters["publish"]["english"].get(text, text))


def place(known: Told) -> Iterator[Text]:
    row = known.scores
    ranked = {"rank": whole(row["rank"]), "families": whole(len(known.selection))}
    if row["facilitator_id"] is None:
        yield SENTENCES["no_facilitator"].fill(**ranked)
    else:
        yield SENTENCES["ranks"].fill(**ranked, mine=whole(row["rank_in_facilitator"]))
    status = known.selection.set_index(FAMILY)["status"][known.family]
    yield STORY[f"status_{status}"]
    if row["borderline"]:
        yield SENTENCES["borderline"]


def reasons(known: Told) -> Iterator[Text]:
    """For and against, each with its part of the score; what they and all else make together is the raw score."""
    found, values = known.reasons, known.evidence.contributions.iloc[0]
    base, whole_score = float(values[BASE]), float(values.drop(KEY).astype("float64").sum())
    shown = float(found["log_odds"].sum())
    parts = {"raw": whole_score, "base": base, "shown": shown, "rest": whole_score - base - shown}
    yield SENTENCES["log_odds"].fill(**{k: wording.both(v, PLACES) for k, v in parts.items()})
    for direction in ("for", "against"):
        yield from one_side(found[found["direction"] == direction], direction)
    yield SENTENCES["concepts"].fill(concepts=by_concept(known))


def one_side(found: pd.DataFrame, direction: str) -> Iterator[Text]:
    head = STORY[direction]
    yield Text(head.id.split(":")[0] + ":", head.en.split(":")[0] + ":")
    for row in found.sort_values("place", kind="stable").to_dict("records"):
        yield SENTENCES["reason"].fill(
            sign="+" if row["log_odds"] > 0 else "-", log_odds=wording.both(abs(row["log_odds"]), PLACES),
            text=Text(row["text_id"], row["text_en"]), on=wording.day(row["known_on"]),
        )  # fmt: skip
    if not len(found):
        yield SENTENCES["no_reason"]


def by_concept(known: Told) -> Text:
    """All contributions by concept, the largest first; with the base value they make the raw score."""
    rows = publish.by_concept(known.evidence).to_dict("records")
    ordered = sorted(rows, key=lambda r: -abs(r["log_odds"]))
    told = [
        {n: f"{wording.spoken(r['concept'], wording.CONCEPTS, n)} {signed(r['log_odds'], n)}" for n in LANGUAGES}
        for r in ordered
    ]
    return Text(*("; ".join(t[n] for t in told) for n in LANGUAGES))


def signed(value: float, language: Language) -> str:
    return ("+" if value >= 0 else "") + wording.decimal(value, PLACES, language)


def held(known: Told) -> Iterator[Text]:
    yield Text(known.way["text_id"], known.way["text_en"])
    last = known.life["last_component_ends_on"]
    yield STORY["lasting"] if wording.unknown(last) else STORY["ends"].fill(on=wording.day(last))
    if known.life["loses_a_year"]:
        money = {n: wording.value_text(float(known.life["loses_a_year"]), "rupiah", n) for n in LANGUAGES}
        yield STORY["loses"].fill(money=Text(**money))
    raised = str(lists.flags(known.evidence.features, known.config).iloc[0])
    if raised:
        spoken = "; ".join(english(known, part) for part in raised.split("; "))
        yield SENTENCES["flags"].fill(flags=Text(raised, spoken))


def label(known: Told) -> Iterator[Text]:
    months = int(known.snapshot.parameters["study"]["horizon_months"])
    yield SENTENCES["label"].fill(months=str(months), as_of=wording.day(known.snapshot.as_of))


def limits(known: Told) -> Sequence[Text]:
    return SENTENCES["not_welfare"], SENTENCES["not_cause"], publish_wording.SENTENCES["decides"]


def method(known: Told) -> Iterator[Text]:
    how = known.snapshot.evidence.json(names.METHOD)
    if how["method"] == "tables":
        yield SENTENCES["by_tables"].fill(checked=whole(how["rows_checked"]), off=f"{how['largest_difference']:.1e}")
    else:
        yield SENTENCES["by_lightgbm"].fill(reason=str(how["reason"]))
    base = float(known.evidence.contributions[BASE].iloc[0])
    folds = frame(known.snapshot, names.LEARNT)
    days = folds.loc[folds["kind"] == "train", AS_OF]
    chance = plain.chance(base, known.snapshot.evidence.json(names.CALIBRATION))
    yield SENTENCES["reference"].fill(first=str(days.min()), last=str(days.max()), base=percent(chance))


def whole(value: Any) -> Text | str:
    return "?" if wording.unknown(value) else wording.both(float(value), 0)


def percent(share: float) -> Text:
    return Text(wording.percent(share, "id", 1), wording.percent(share, "en", 1))
