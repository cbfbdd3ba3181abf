"""The world: month after month, written into a book, cut at extracted_on; and the truth of the year to come."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Annotated, Self

import numpy as np
import pyarrow as pa
from pydantic import Field, model_validator

from pipeline.config import BaseConfig
from pipeline.simulate import conduct, economy, exits, households, places, programmes, records, surveys, traces
from pipeline.simulate.book import Book, Frame, cut, to_arrow
from pipeline.simulate.draws import NEVER, NOT_A_DAY, Array, Month, Streams, months
from pipeline.simulate.now import Now
from pipeline.simulate.rosters import RosterPages
from pipeline.tables import TABLES

HORIZON = 12  # months of the truth
OUTCOMES = {"identity": "administrative", "duplicate": "administrative", "moved": "administrative"}


class Config(BaseConfig):
    name: Annotated[str, Field(min_length=1, max_length=60)]
    families: Annotated[int, Field(ge=20, le=5_000_000)]
    seed: Annotated[int, Field(ge=0, lt=2**63)]
    starts_on: date
    extracted_on: date
    simulated_until: date
    truth_draws: Annotated[int, Field(ge=1, le=10_000)]
    places: places.Config
    household: households.Config
    economy: economy.Config
    programmes: programmes.Config
    exits: exits.Config
    records: records.Config
    surveys: surveys.Config
    traces: traces.Config
    conduct: conduct.Config

    @model_validator(mode="after")
    def in_order(self) -> Self:
        first, last = self.starts_on, _months_later(self.simulated_until, -HORIZON)
        if (first.month, first.day) != (1, 1):
            raise ValueError(f"starts_on: {first} must be a 1 January")
        month_end = (self.extracted_on + timedelta(days=1)).day == 1
        if not (first < self.extracted_on <= last and month_end):
            allowed = f"a month's last day after {first} and up to {last}, {HORIZON} months before simulated_until"
            raise ValueError(f"extracted_on: {self.extracted_on} must be {allowed}")
        years = range(first.year, self.simulated_until.year + 1)
        outside = [y for y in self.household.enrolment_shares if y not in years]
        if outside:
            raise ValueError(f"household.enrolment_shares: {outside} not in {years[0]} to {years[-1]}")
        return self


@dataclass(frozen=True)
class World:
    """A simulated extract and its truth.

    `tables` are the input contract's (without follow_up), sorted by key. `truth` has one row per family that was a
    member at the end of `extracted_on` (key kpm_id): `probability_gsm`, the world's own chance of gsm in the twelve
    months after; `outcome` and `outcome_on`, what then happened (the contract's words; `none` without a date).
    """

    name: str
    extracted_on: date
    tables: dict[str, pa.Table]
    truth: pa.Table


@dataclass
class Run:
    """What a running world needs at hand."""

    config: Config
    streams: Streams
    fam: households.Families
    people: households.Roster
    posts: places.Posts
    book: Book
    pages: RosterPages
    occupant: Array  # which facilitator holds each post
    left: list[tuple[Array, Array, Array]]  # families, true cause, day of each month's exits
    left_known: Array  # recorded_on of each family's last exit
    roster_known: Array  # day by which each family's roster was recorded in full


def build(config: Config) -> World:
    """Simulate to `simulated_until` and keep what was recorded by `extracted_on`; the same bytes for the same seed.

    A later `extracted_on` only adds rows, and closes rows that were open. Raises BadInput for a regency that the list
    of the Ministry of Home Affairs does not have.
    """
    run = _begin(config)
    calendar = months(config.starts_on, config.simulated_until)
    state = economy.initial(run.fam, config.economy, len(programmes.NAMES), run.streams)
    records.registration(run.book, config.records, run.streams)
    last = next(m for m in calendar if m.end > np.datetime64(config.extracted_on))
    eve = state
    for month in calendar:
        state = _live(run, state, month)
        eve = state.copy() if month is last else eve
    run.pages.bind(_now(run, state, calendar[-1]))
    coming = calendar[last.index + 1 : last.index + 1 + HORIZON]
    truth = _truth(run, eve, coming)
    return World(config.name, config.extracted_on, _extract(run, calendar), truth)


def _begin(config: Config) -> Run:
    streams = Streams(config.seed)
    posts = places.posts(config.families, config.places, streams)
    fam = households.families(config.household, config.places, posts, config.families, streams)
    people = households.roster(fam, config.household, streams)
    pages = RosterPages(np.full(len(people.family), -1), [])
    never = np.full(len(fam), NOT_A_DAY)
    book = Book(fam, posts.lag_days[fam.post], fam.known_on.copy())
    return Run(config, streams, fam, people, posts, book, pages, np.arange(len(posts)), [], never, fam.known_on)


def _now(run: Run, state: economy.State, month: Month) -> Now:
    component = households.components(run.people, month)
    there = households.born(run.people, month)
    size = np.maximum(np.bincount(run.people.family[there], minlength=len(run.fam)), 1)
    return Now(month, run.fam, run.people, run.posts, state, component, size, run.book, run.streams)


def _live(run: Run, state: economy.State, month: Month) -> economy.State:
    """One month: enter, earn, enrol, leave, and all that is written about it."""
    config, streams = run.config, run.streams
    inside, back = economy.join(state, run.fam, month, streams.at("join", month.index))
    struck = economy.advance(state, run.fam, config.economy, streams.at("advance", month.index))
    needs = _needs(run, month)
    starts = programmes.enrol(state, run.fam, needs, (config.programmes, month), streams.at("enrol", month.index))
    case = _case(run, state, needs, state.active.astype(float), month)
    cause = exits.draw(case, config.exits, month, streams.at("exits", month.index))
    now = _now(run, state, month)
    records.joining(now, inside, back)
    _write(run, now, starts, struck)
    _part(run, now, cause)
    exits.leave(state, cause, config.exits, month, streams.at("returns", month.index))
    return state


def _needs(run: Run, month: Month) -> programmes.Needs:
    component = households.components(run.people, month)
    lasting = np.isin(component, (households.ELDERLY, households.DISABILITY))
    return programmes.Needs(*(
        np.bincount(run.people.family[m], minlength=len(run.fam))
        for m in (component >= 0, np.isin(component, conduct.PUPIL), lasting)
    ))  # fmt: skip


def _case(run: Run, state: economy.State, needs: programmes.Needs, weight: Array, month: Month) -> exits.Case:
    helped = programmes.empowered(state, run.config.programmes, month)
    return exits.Case(state, run.fam, run.posts, needs, helped, weight)


def _write(run: Run, now: Now, starts: Array, struck: Array) -> None:
    config = run.config
    surveys.welfare(now, config.surveys)
    records.identity(now, config.records)
    records.enrolments(now, config.programmes, starts)
    _assign(run, now)
    conduct.quarterly(now, config.conduct)
    conduct.sessions(now, config.conduct)
    conduct.troubles(now, config.conduct, struck)


def _assign(run: Run, now: Now) -> None:
    """In January some posts change hands: the successor's number follows the predecessor's by the number of posts."""
    n = len(run.posts)
    january = now.month.number == 1 and now.month.index > 0
    changed = (now.rng("turnover").random(n) < run.config.places.turnover) & january
    run.occupant = run.occupant + n * changed
    records.assignments(now, run.occupant, changed, run.left_known)


def _part(run: Run, now: Now, cause: Array) -> None:
    config, n = run.config, len(run.fam)
    run.roster_known = np.maximum(run.roster_known, run.pages.turn(now))
    reason = exits.recorded_reason(cause, config.exits, now.month.year, now.rng("reasons"))
    recorded = records.exit_events(now, cause, reason, run.roster_known)
    rules = traces.Rules(config.traces, config.surveys, config.programmes)
    traces.write(now, cause, recorded, rules)
    run.left_known = np.where(cause >= 0, recorded, run.left_known)
    rows = np.arange(n)[cause >= 0]
    run.left.append((rows, cause[rows], now.state.exit_on[rows]))


def _extract(run: Run, calendar: tuple[Month, ...]) -> dict[str, pa.Table]:
    words = records.texts(run.fam, run.people) | _periods(calendar) | _facilitators(run)
    day = np.datetime64(run.config.extracted_on)
    tables = {}
    for name in run.book.frames:
        frame = _numbered(run.book) if name == "cases" else run.book.whole(name)
        frame = _closed(frame) if name == "assignments" else frame
        seen = cut(name, frame, day)
        tables[name] = to_arrow(name, seen, words | _case_ids(seen, name))
    return {name: tables[name] for name in TABLES if name in tables}


def _periods(calendar: tuple[Month, ...]) -> dict[str, pa.Array]:
    quarters = pa.array([f"{m.year}Q{m.number // 3}" for m in calendar if m.closes_quarter])
    return {"period": quarters, "quarter": quarters}


def _facilitators(run: Run) -> dict[str, pa.Array]:
    return {"facilitator_id": pa.array([f"F{i:06d}" for i in range(int(run.occupant.max()) + 1)])}


def _numbered(book: Book) -> Frame:
    """Cases numbered in the order in which they were written, which no later month changes."""
    chunks = book.frames["cases"]
    for chunk, first in zip(chunks, np.cumsum([0, *(len(c["kpm_id"]) for c in chunks)]), strict=False):
        chunk["case_id"] = first + np.arange(len(chunk["kpm_id"]))
    return book.whole("cases")


def _case_ids(seen: Frame, name: str) -> dict[str, pa.Array]:
    if name != "cases":
        return {}
    return {"case_id": pa.array([f"C{i:08d}" for i in range(int(seen["case_id"].max(initial=0)) + 1)])}


def _closed(frame: Frame) -> Frame:
    """Each assignment ends where the family's next one starts."""
    followed = np.append(frame["kpm_id"][1:] == frame["kpm_id"][:-1], False)
    ends = np.where(followed, np.append(frame["valid_from"][1:], NOT_A_DAY), NOT_A_DAY)
    known = np.where(followed, np.append(frame["known"][1:], NEVER), NEVER)
    return frame | {"valid_to": ends, "closed_known": known}


def _truth(run: Run, eve: economy.State, coming: tuple[Month, ...]) -> pa.Table:
    members = np.nonzero(eve.active)[0]
    year = [(month, _needs(run, month)) for month in coming]
    chance = np.mean([_rehearse(run, eve.copy(), year, i) for i in range(run.config.truth_draws)], axis=0)
    cause, on = np.full(len(run.fam), -1), np.full(len(run.fam), NOT_A_DAY)
    for rows, causes, day in reversed(run.left[coming[0].index : coming[-1].index + 1]):
        cause[rows], on[rows] = causes, day
    words = [*(OUTCOMES.get(c, c) for c in exits.CAUSES), "none"]
    return pa.table({
        "kpm_id": pa.array([f"K{i:07d}" for i in members], pa.string()),
        "probability_gsm": chance[members],
        "outcome": pa.array([words[i] for i in cause[members]], pa.string()),
        "outcome_on": pa.array(on[members], pa.date32(), mask=np.isnat(on[members])),
    })  # fmt: skip


def _rehearse(run: Run, state: economy.State, year: list[tuple[Month, programmes.Needs]], attempt: int) -> Array:
    """Chance of gsm in one possible year from this state on.

    Within a drawn path of the economy the exits are not drawn but summed: chance to be still there times chance to
    leave by gsm. Averaged over paths this estimates the same expectation with less noise than drawn exits would.
    """
    rng = run.streams.at("rehearsal", attempt)
    there = state.active.astype(float)
    reached = np.zeros(len(run.fam))
    for month, needs in year:
        economy.advance(state, run.fam, run.config.economy, rng)
        programmes.enrol(state, run.fam, needs, (run.config.programmes, month), rng)
        hazard = exits.hazards(_case(run, state, needs, there, month), run.config.exits, month)
        chance = exits.chances(hazard)
        reached += there * chance[:, 0]
        there = there * (1 - chance.sum(axis=1))
    return reached


def _months_later(day: date, n: int) -> date:
    """The last day of the month `n` months after the one of `day`."""
    month = np.datetime64(day, "M") + n + 1
    later: date = (month.astype("M8[D]") - np.timedelta64(1, "D")).item()
    return later
