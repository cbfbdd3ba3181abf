"""The phase of every family and the programme that could carry it: declared rules, places per regency, one solution.

A recommendation is no decision, and a held family is never recommended a programme that presupposes its graduation.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal
from typing import Annotated, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field, model_validator

from pipeline import assignment, wording
from pipeline.assignment import CLOSED
from pipeline.capacity import tie_order
from pipeline.columns import FAMILY, KEY
from pipeline.conditions import Bools, Complaint, Fired, Rule, Source, Texts, Words, chain, fire, listed, nearest, told
from pipeline.config import BaseConfig
from pipeline.wording import Language

Phase = Literal["recovery", "transition", "development"]
Name = Literal["pena", "prokus", "kube", "rst", "ska_atensi", "stay_p2k2", "natural_exit_ahead"]
Floats = NDArray[np.float64]
LANGUAGES: tuple[Language, ...] = ("id", "en")
COLUMNS = (*KEY, "phase", "pathway", "waiting_for", "reasons", "text_id", "text_en")


class Capacity(BaseConfig):
    """Places as a share of the regency's active families, rounded down; a regency named by code has its own number."""

    share: Annotated[float, Field(ge=0, le=1)]
    regencies: dict[Annotated[str, Field(pattern=r"^\d{4}$")], Annotated[int, Field(ge=0)]]


class Programme(BaseConfig):
    """A pathway: whom it fits (any of its rules, in its phases), what it gives, its places and its weight.

    worth: what a place is worth to a family of the standing s (the share of its regency's families whose chance is not
    higher): `likely` s, `unlikely` 1 - s, `equal` 1, `change` the share of its regency's families whom the programme is
    estimated to change no more, where that estimate may be used, else s; times `weight`. held: whether a held family
    may be recommended it. enrolled: features that are at least 1 while the family is in the programme.
    """

    source: Source
    id: Words
    en: Words
    amount: Annotated[int, Field(ge=0)] | None
    capacity: Capacity | None
    weight: Annotated[float, Field(ge=0, le=100)]
    worth: Literal["likely", "unlikely", "equal", "change"]
    held: bool
    phases: Annotated[tuple[Phase, ...], Field(min_length=1)]
    enrolled: tuple[str, ...]
    rules: dict[str, Rule]


class Previous(BaseConfig):
    """An earlier run's pathways: a file below the project's folder, and its sha256: the list stays repeatable."""

    file: Annotated[str, Field(pattern=r"^[^/\s][^\s]*\.parquet$")]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Config(BaseConfig):
    """Section `pathways`: phases in the order in which they are asked, `rest` where none fires, and the programmes.

    keep: value added where a family had the programme in the previous run. otherwise: the programme without rules that
    takes whom no other takes.
    """

    previous: Previous | None
    keep: Annotated[float, Field(ge=0, le=100)]
    rest: Phase
    phases: dict[Phase, dict[str, Rule]]
    otherwise: Name
    programmes: dict[Name, Programme]

    @model_validator(mode="after")
    def everybody_has_a_way(self) -> "Config":
        """The last resort is open to everybody: no rules, unlimited, in every phase, held or not."""
        last = self.programmes.get(self.otherwise)
        if last is None or last.rules or last.capacity or not last.held or len(set(last.phases)) < len(PHASES):
            raise ValueError(
                f"otherwise: {self.otherwise} must be a programme without rules, with capacity null, held true and all "
                "phases, so that every family has a pathway"
            )
        return self


PHASES: tuple[Phase, ...] = ("recovery", "transition", "development")


@dataclass(frozen=True)
class Known:
    """What the recommendation is made from; the same families, in the same order, in each.

    families: kpm_id, as_of, probability, eligible, regency_code. features: their columns. held: the holds' rules that
    fired. units: of the features, for the words. previous: pathway of the last run by kpm_id, empty without one.
    change: estimated change of the chance to graduate by kpm_id, empty where the estimate may order nobody.
    """

    families: pd.DataFrame
    features: pd.DataFrame
    held: Fired
    units: Mapping[str, str]
    previous: "pd.Series[str]"
    change: "pd.Series[float]"


def recommend(known: Known, config: Config) -> pd.DataFrame:
    """Every family's phase and pathway with their reasons; grain and key kpm_id, as_of, rows as in `known`.

    The assignment maximises, in each regency, the sum over families of weight x worth (+ keep where the family had the
    programme in the previous run), values rounded to one part in 10,000, subject to one programme a family and to the
    places of each; families enrolled now keep their place first. Ties go to the lower md5 of kpm_id.

    Columns: phase, pathway; waiting_for: the open programme worth most among those worth more than the pathway, which
    has no place left, null where there is none; reasons: names of the rules that fired (`<hold, phase or programme>.
    <rule>`, `<programme>.enrolled`); text_id, text_en: the same in words with the family's own values.
    """
    phases, phase = phase_of(known.features, config)
    fired = fire(known.features, {n: p.rules for n, p in config.programmes.items()})
    enrolled = enrolments(known.features, config)
    allowed = ~np.column_stack([~known.families["eligible"].to_numpy(bool) & ~p.held for p in _programmes(config)])
    value = np.where(fits(fired, phase, config) & allowed, worths(known, config), CLOSED)
    chosen = choose(value, enrolled & allowed, enrolled, known.families, config)
    names = np.array(list(config.programmes), dtype=object)
    waiting = waits_for(value, chosen, enrolled & allowed)
    order = tuple(config.programmes)
    why = (known.held, _of(phases, phase, PHASES), _of(fired, chosen, order), _of(fired, waiting, order))
    now = (enrolled & allowed)[np.arange(len(chosen)), chosen]
    made = Recommended(phase, chosen, waiting, now, why)
    return known.families[KEY].reset_index(drop=True).assign(
        phase=np.array(PHASES, dtype=object)[phase],
        pathway=names[chosen],
        waiting_for=np.array([*names, None], dtype=object)[waiting],
        reasons=_named(made, config),
        **{f"text_{language}": words(made, known, config, language) for language in LANGUAGES},
    )  # fmt: skip


@dataclass(frozen=True)
class Recommended:
    """Numbers of phase, programme and awaited programme (-1: none) of each family, whether it is enrolled, and why.

    why: the rules that fired of its holds, its phase, its programme and the programme awaited.
    """

    phase: NDArray[np.int64]
    chosen: NDArray[np.int64]
    waiting: NDArray[np.int64]
    enrolled: Bools
    why: tuple[Fired, Fired, Fired, Fired]


# ------------------------------------------------------------------ phase, fit, value


def phase_of(features: pd.DataFrame, config: Config) -> tuple[Fired, NDArray[np.int64]]:
    """The phases' rules, and each family's phase as its place in PHASES: the first declared of which a rule fired."""
    fired = fire(features, {str(name): rules for name, rules in config.phases.items()})
    asked = [fired.any_of(name) for name in config.phases]
    numbers = [PHASES.index(name) for name in config.phases]
    found = np.select(asked, numbers, PHASES.index(config.rest)) if asked else PHASES.index(config.rest)
    return fired, np.broadcast_to(np.asarray(found, dtype=np.int64), (len(features),)).copy()


def fits(fired: Fired, phase: NDArray[np.int64], config: Config) -> Bools:
    """Which programmes fit which family, (n, programmes): a rule fired and the phase is one of the programme's."""
    by_rule = [fired.any_of(n) | (n == config.otherwise) for n in config.programmes]
    by_phase = [np.isin(phase, [PHASES.index(p) for p in programme.phases]) for programme in _programmes(config)]
    return np.asarray(np.column_stack(by_rule) & np.column_stack(by_phase))


def enrolments(features: pd.DataFrame, config: Config) -> Bools:
    """In which programmes each family is enrolled now, (n, programmes)."""
    flags = [[features[f].to_numpy("float64") >= 1 for f in p.enrolled if f in features] for p in _programmes(config)]
    nobody = np.zeros(len(features), dtype=bool)
    return np.column_stack([np.any(f, axis=0) if f else nobody for f in flags]).astype(bool)


def standing(families: pd.DataFrame, by: str = "probability") -> Floats:
    """Share of the regency's families whose chance (or other column) is not higher, in (0, 1]; 0 where it is unknown.

    A rank and not the chance itself: policy moves the level of all chances from year to year, and what a place in one
    programme is worth beside one in another must not move with it.
    """
    ranks = families.groupby("regency_code", dropna=False)[by].rank(method="max", pct=True)
    return np.asarray(ranks.fillna(0.0), dtype="float64")


def worths(known: Known, config: Config) -> Floats:
    """weight x worth (+ keep), (n, programmes)."""
    s = standing(known.families)
    by_kind = {"likely": s, "unlikely": 1 - s, "equal": np.ones(len(s)), "change": changed(known, s)}
    before = known.families[FAMILY].map(known.previous).to_numpy(dtype=object)
    return np.column_stack(
        [p.weight * by_kind[p.worth] + config.keep * (before == name) for name, p in config.programmes.items()]
    )


def changed(known: Known, s: Floats) -> Floats:
    """Standing by the estimated change, which orders only where it was validated; else by the chance, `s`."""
    if known.change.empty:
        return s
    return standing(known.families.assign(change=known.families[FAMILY].map(known.change)), "change")


# ------------------------------------------------------------------ assignment


def places(active: "pd.Series[int]", config: Config) -> Floats:
    """Places (regencies, programmes), inf where unlimited; `active` counts the families of each regency code."""
    found = [_places(str(code), int(n), p) for code, n in active.items() for p in _programmes(config)]
    return np.array(found, dtype="float64").reshape(len(active), len(config.programmes))


def _places(code: str, active: int, programme: Programme) -> float:
    if programme.capacity is None:
        return np.inf
    share = (Decimal(str(programme.capacity.share)) * active).to_integral_value(ROUND_FLOOR)
    return float(programme.capacity.regencies.get(code, int(share)))


def choose(value: Floats, kept: Bools, enrolled: Bools, families: pd.DataFrame, config: Config) -> NDArray[np.int64]:
    """The programme of each family, as its place in config.programmes.

    Whoever is enrolled (and not kept from it by a hold) stays, in the enrolment of the highest weight; an enrolment
    uses its place also where a hold forbids to recommend it, and nobody loses a place because there are too few.
    """
    code, index = pd.factorize(families["regency_code"].fillna("").astype(str), sort=True)
    active = pd.Series(np.bincount(code, minlength=len(index)), index=index)
    used = np.array([np.bincount(code, weights=column, minlength=len(index)) for column in enrolled.T]).T
    weights = np.array([p.weight for p in _programmes(config)])
    stays = kept.any(axis=1)
    chosen = np.asarray(np.where(kept, weights, CLOSED).argmax(axis=1), dtype=np.int64)
    free = np.flatnonzero(~stays)
    free = free[tie_order(families[FAMILY].iloc[free])]
    left = np.maximum(places(active, config) - used, 0)
    chosen[free] = assignment.assign(value[free], code[free], left)
    return chosen


def waits_for(value: Floats, chosen: NDArray[np.int64], kept: Bools) -> NDArray[np.int64]:
    """The programme each family would rather be in, -1 where there is none: what is worth more has no place left."""
    rounded = np.round(value * assignment.SCALE)
    best = rounded.argmax(axis=1)
    at = np.arange(len(chosen))
    wants = (rounded[at, best] > rounded[at, chosen]) & ~kept.any(axis=1)
    return np.where(wants, best, -1)


# ------------------------------------------------------------------ reasons and words


def _of(fired: Fired, chosen: NDArray[np.int64], groups: tuple[str, ...]) -> Fired:
    """Only the rules of each family's own group: what speaks for another programme is no reason of this one."""
    mine = np.array([groups.index(name.partition(".")[0]) for name in fired.names], dtype=np.int64)
    return fired.only(chosen[:, None] == mine[None, :])


def _named(made: Recommended, config: Config) -> Texts:
    """Names of the rules, an enrolment among them."""
    reasons = made.why[:-1]  # what speaks for a programme without a place is no reason of the pathway
    names = [n for fired in reasons for n in fired.names] + [f"{n}.enrolled" for n in config.programmes]
    enrolled = made.enrolled[:, None] & (made.chosen[:, None] == np.arange(len(config.programmes)))
    return listed(names, np.hstack([*(fired.met for fired in reasons), enrolled]))


def words(made: Recommended, known: Known, config: Config, language: Language) -> Texts:
    """Holds, phase, pathway and what is waited for, each with its reasons in brackets, in one language."""
    holds, phases, rules, wishes = (told(fired, known.features, known.units, language) for fired in made.why)
    lead = {name: getattr(text, language) for name, text in wording.LEADS.items()}
    titles = np.array([getattr(p, language) for p in _programmes(config)], dtype=object)
    labels = [getattr(wording.PATHWAYS[n], language) for n in config.programmes]
    waits = np.array([*(lead["waiting"].format(programme=label) for label in labels), ""], dtype=object)
    phase = np.array([getattr(wording.PHASES[p], language) for p in PHASES], dtype=object)[made.phase]
    enrolled = np.where(made.enrolled, lead["enrolled"], "").astype(object)
    return _sentences(
        _after(lead["held"], holds),
        _bracketed(phase, phases),
        _bracketed(titles[made.chosen], chain(enrolled, rules)),
        _bracketed(waits[made.waiting], wishes),
    )


def _after(lead: str, text: Texts) -> Texts:
    return np.where(text == "", "", lead + ": " + text).astype(object)


def _bracketed(head: Texts, text: Texts) -> Texts:
    return np.where(text == "", head, head + " (" + text + ")").astype(object)


def _sentences(*parts: Texts) -> Texts:
    """The parts that are not empty, each with a full stop."""
    said = np.full(len(parts[0]), "", dtype=object)
    for part in parts:
        there = part != ""
        said[there] += np.where(said[there] == "", "", " ").astype(object) + part[there] + "."
    return said


def _programmes(config: Config) -> list[Programme]:
    return list(config.programmes.values())


COUNTED = ("kind", "name", "families", "held", "waiting")


def counts(decided: pd.DataFrame) -> pd.DataFrame:
    """How many families have each phase, pathway and hold; columns COUNTED, rows by kind and size.

    decided: kpm_id, eligible, holds (a list), phase, pathway, waiting_for, a row a family. held: of them under a hold.
    waiting: families that wait for the pathway. A family counts once a phase and pathway, and once for each hold.
    """
    by_hold = decided.explode("holds").dropna(subset=["holds"]).rename(columns={"holds": "hold"})
    waiting = decided["waiting_for"].value_counts()
    tables = [_counted(decided, "phase"), _counted(decided, "pathway"), _counted(by_hold, "hold")]
    found = pd.concat(tables, ignore_index=True)
    waits = found["name"].map(waiting).where(found["kind"] == "pathway").fillna(0)
    return found.assign(waiting=waits.astype("int64"))[list(COUNTED)]


def _counted(rows: pd.DataFrame, kind: str) -> pd.DataFrame:
    grouped = rows.assign(held=~rows["eligible"].astype(bool)).groupby(kind)["held"].agg(["size", "sum"])
    named = grouped.rename(columns={"size": "families", "sum": "held"}).rename_axis("name").reset_index()
    return named.assign(kind=kind).sort_values(["families", "name"], ascending=[False, True])


# ------------------------------------------------------------------ what a configuration may get wrong


def unknown_enrolments(config: Config, known: set[str]) -> list[Complaint]:
    """Enrolments told by features that nobody declares; with the nearest that is."""
    return [
        (("programmes", name, "enrolled", str(i)), f"{f}: no such feature; the nearest is {nearest(f, sorted(known))}")
        for name, programme in config.programmes.items()
        for i, f in enumerate(programme.enrolled)
        if f not in known
    ]
