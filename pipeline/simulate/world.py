"""The world: some blocks of families live month after month, written into a book, cut at extracted_on; and the truth.

A block's rows depend on nothing outside it, so that blocks can be simulated together or apart, in any order.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cached_property
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from pipeline.config import BaseConfig
from pipeline.simulate import (
    conduct,
    economy,
    exits,
    flaws,
    households,
    layout,
    places,
    programmes,
    records,
    shocks,
    surveys,
    traces,
    truth,
)
from pipeline.simulate.book import Book
from pipeline.simulate.draws import Array, Month, Streams, months
from pipeline.simulate.now import Now
from pipeline.simulate.rosters import RosterPages

HORIZON = 12  # months of the truth
FIRST_YEAR = 2007  # PKH began
Living = tuple[economy.State, households.Families]


class Config(BaseConfig):
    world: str
    name: Annotated[str, Field(min_length=1, max_length=60)]
    families: Annotated[int, Field(ge=20, le=50_000_000)]
    seed: Annotated[int, Field(ge=0, lt=2**63)]
    starts_on: date
    extracted_on: date
    simulated_until: date
    truth_draws: Annotated[int, Field(ge=1, le=10_000)]
    written_as: Literal["parquet", "csv"]
    places: places.Config
    household: households.Config
    economy: economy.Config
    shocks: shocks.Config
    programmes: programmes.Config
    exits: exits.Config
    records: records.Config
    surveys: surveys.Config
    traces: traces.Config
    conduct: conduct.Config
    flaws: flaws.Config

    @model_validator(mode="after")
    def in_order(self) -> Self:
        first, last = self.starts_on, _months_later(self.simulated_until, -HORIZON)
        if (first.month, first.day) != (1, 1):
            raise ValueError(f"starts_on: {first} must be a 1 January")
        month_end = (self.extracted_on + timedelta(days=1)).day == 1
        if not (first < self.extracted_on <= last and month_end):
            allowed = f"a month's last day after {first} and up to {last}, {HORIZON} months before simulated_until"
            raise ValueError(f"extracted_on: {self.extracted_on} must be {allowed}")
        outside = [y for y in self.household.enrolment_shares if not FIRST_YEAR <= y <= self.simulated_until.year]
        if outside:
            allowed = f"{FIRST_YEAR} to {self.simulated_until.year}"
            raise ValueError(f"household.enrolment_shares: {outside} not in {allowed}")
        return self

    @cached_property
    def calendar(self) -> tuple[Month, ...]:
        return months(self.starts_on, self.simulated_until)

    @cached_property
    def coming(self) -> tuple[Month, ...]:
        """The twelve months after the extract."""
        after = [m for m in self.calendar if m.start > np.datetime64(self.extracted_on)]
        return tuple(after[:HORIZON])


@dataclass
class Run:
    """What a running chunk needs at hand."""

    config: Config
    streams: Streams
    fam: households.Families
    people: households.People
    posts: places.Posts
    book: Book
    pages: RosterPages
    occupant: Array  # which facilitator holds each post, counted from the first one
    graduated: Array  # this year, by post
    twins: "Twins"
    ledger: truth.Ledger
    exits: list[truth.Exits] = field(default_factory=list)


@dataclass
class Twins:
    """Families in PENA, living on as if they had never entered it: same numbers drawn, same shocks, no PENA."""

    rows: Array
    state: economy.State
    fam: households.Families

    def add(self, rows: Array, state: economy.State, fam: households.Families) -> None:
        self.rows = np.concatenate([self.rows, rows])
        self.state = self.state.join(state.take(rows))
        self.fam = fam.take(self.rows)


def blocks(config: Config) -> tuple[places.Block, ...]:
    """Every block of the world in order; raises BadInput for a place that no list of the ministry has."""
    return places.blocks(config.families, config.places, Streams(config.seed))


def chunks(config: Config, families: int) -> tuple[tuple[places.Block, ...], ...]:
    """The blocks in groups of about equal size, of about `families` families at most and of one block at least."""
    found: dict[int, list[places.Block]] = {}
    groups = -(-config.families // families)
    for block in blocks(config):
        if block.families:
            middle = block.first_family + block.families / 2
            found.setdefault(int(middle * groups / config.families), []).append(block)
    return tuple(tuple(group) for group in found.values())


def live(config: Config, chunk: Sequence[places.Block]) -> tuple[layout.Part, ...]:
    """Simulate some blocks to `simulated_until` and keep what was recorded by `extracted_on`, with the truth.

    A later `extracted_on` only adds rows, and closes rows that were open.
    """
    run, state = _begin(config, chunk)
    records.registration(run.book)
    eve = None
    for month in config.calendar:
        if month == config.coming[0]:
            eve = state.take(np.arange(len(run.fam))), run.occupant.copy(), run.graduated.copy()
        _month(run, state, month)
    assert eve is not None
    run.pages.bind(run.book, run.people)
    members = truth.Members(run.fam.ids, eve[0].active, _rehearsals(run, *eve))
    told = truth.tables(run.ledger, run.exits, members, config.coming)
    source = flaws.Source(run.fam, run.people, run.streams)
    edition = layout.Edition(np.datetime64(config.extracted_on), config.calendar, source, config.flaws)
    return layout.parts(chunk, run.book, told, edition)


def _begin(config: Config, chunk: Sequence[places.Block]) -> tuple[Run, economy.State]:
    streams = Streams(config.seed)
    posts = places.posts(chunk, config.places, streams)
    fam = households.families(chunk, posts, (config.household, config.places, np.datetime64(config.starts_on)), streams)
    people = households.people(fam, config.household, streams)
    state = economy.initial(fam, posts, config.economy, len(programmes.NAMES), streams)
    none = np.zeros(0, int)
    run = Run(
        config, streams, fam, people, posts, Book.empty(fam, posts, state), RosterPages.empty(people),
        occupant=np.zeros(len(posts), int), graduated=np.zeros(len(posts)),
        twins=Twins(none, state.take(none), fam.take(none)), ledger=truth.Ledger(len(fam), fam.ids),
    )  # fmt: skip
    return run, state


def _month(run: Run, state: economy.State, month: Month) -> None:
    """One month: enter, move, earn, enrol, leave, and all that is written about it."""
    config, streams = run.config, run.streams
    course = economy.Course(streams, month, config.economy, config.shocks)
    inside, back = economy.join(state, run.fam, run.people.ends_on, (streams, month))
    economy.move(state, run.fam, run.posts, config.exits.moves_within, (streams, month))
    struck = economy.advance(state, run.fam, course)
    roll = households.roll(run.people, month, len(run.fam))
    needs = programmes.needs(roll, run.people, len(run.fam))
    starts = programmes.enrol(state, run.fam, needs, (config.programmes, streams, month))
    _twins(run, state, needs, starts, course)
    _turnover(run, streams, month)
    frame = _frame(config, streams, month)
    case = _case(run, (state, run.fam), needs, frame, state.active.astype(float))
    hazard, pace = exits.hazards(case, frame)
    run.ledger.add(state.active, hazard, _without_pena(run, case, hazard, (frame, pace)), month)
    cause, shock = exits.draw(case, hazard, frame, run.people.ends_on)
    now = Now(month, run.fam, run.people, run.posts, run.occupant, case.effect, state, roll, run.book, streams)
    records.joining(now, inside, back)
    _write(run, now, starts, struck)
    _part(run, now, (cause, shock), frame)


def _frame(config: Config, streams: Streams, month: Month) -> exits.Frame:
    return exits.Frame(config.exits, config.household, config.shocks, config.places.effect, streams, month)


def _case(run: Run, who: Living, needs: programmes.Needs, frame: exits.Frame, weight: Array) -> exits.Case:
    state, fam = who
    effect = places.effect(run.posts, run.occupant, run.config.places, run.streams)
    helped = programmes.empowered(state, run.config.programmes, frame.month)
    return exits.Case(state, fam, run.posts, effect, run.graduated, needs, helped, weight)


def _turnover(run: Run, streams: Streams, month: Month) -> None:
    """In January a new year's quota begins, and some posts change hands."""
    if month.number == 1 and month.index > 0:
        run.graduated = np.zeros(len(run.posts))
        changed = streams.at("turnover", month.index).chance(run.posts.ids, run.config.places.turnover)
        run.occupant = run.occupant + changed


def _twins(run: Run, state: economy.State, needs: programmes.Needs, starts: Array, course: economy.Course) -> None:
    """Programmes take effect; who enters PENA leaves a twin behind who does not."""
    twins, config, month = run.twins, run.config.programmes, course.month
    economy.advance(twins.state, twins.fam, course)
    for name in ("active", "since", "post", "village"):
        setattr(twins.state, name, getattr(state, name)[twins.rows])
    own = programmes.enrol(twins.state, twins.fam, needs.take(twins.rows), (config, course.streams, month), "PENA")
    programmes.take_effect(twins.state, config, own, month)
    fresh = np.setdiff1d(np.nonzero(starts[:, programmes.PENA])[0], twins.rows)
    rows = len(twins.rows) + np.arange(len(fresh))
    twins.add(fresh, state, run.fam)
    others = np.zeros((len(twins.rows), starts.shape[1]), bool)
    others[rows] = starts[fresh]
    others[:, programmes.PENA] = False
    programmes.take_effect(twins.state, config, others, month)
    programmes.take_effect(state, config, starts, month)


def _without_pena(run: Run, case: exits.Case, hazard: Array, at: tuple[exits.Frame, exits.Pace]) -> Array:
    """Hazard of gsm without PENA: of the twin where there is one, at the same pace; else the hazard itself."""
    frame, pace = at
    rows, twins = run.twins.rows, run.twins
    without = hazard[:, exits.GSM].copy()
    helped = programmes.empowered(twins.state, run.config.programmes, frame.month)
    other = exits.Case(twins.state, twins.fam, case.posts, case.effect, case.graduated, case.needs.take(rows), helped,
                       case.weight[rows])  # fmt: skip
    twin = exits.gsm(other, frame, exits.Pace(pace.factor[rows], pace.may[rows]))
    without[rows] = np.where(hazard[rows, exits.GSM] > 0, twin, 0.0)
    return without


def _write(run: Run, now: Now, starts: Array, struck: Array) -> None:
    config = run.config
    surveys.welfare(now, config.surveys)
    surveys.ranked(now, config.surveys)
    records.identity(now, config.records)
    records.enrolments(now, config.programmes, starts)
    records.assignments(now)
    conduct.quarterly(now, config.conduct)
    conduct.sessions(now, config.conduct)
    conduct.troubles(now, config.conduct, struck, config.records)


def _part(run: Run, now: Now, left: tuple[Array, Array], frame: exits.Frame) -> None:
    config, (cause, shock), state = run.config, left, now.state
    run.pages.turn(now, config.records)
    rows = np.nonzero(cause >= 0)[0]
    leaving = records.Leaving(rows, cause[rows], exits.recorded_reason(cause, shock, run.fam.ids, frame)[rows])
    recorded = records.exit_events(now, leaving, config.records)
    rules = traces.Rules(config.traces, config.surveys, config.programmes, config.records)
    traces.write(now, leaving, recorded, rules)
    run.exits.append(truth.Exits(rows, state.exit_on[rows], cause[rows], shock[rows]))
    run.graduated = run.graduated + np.bincount(state.post[cause == exits.GSM], minlength=len(run.posts))
    exits.leave(state, run.fam.ids, cause, frame)


def _rehearsals(run: Run, eve: economy.State, occupant: Array, graduated: Array) -> Array:
    """Each family's chance of gsm in the twelve months after the extract, over several possible years."""
    rows = np.nonzero(eve.active)[0]
    year = []
    for month in run.config.coming:
        roll = households.roll(run.people, month, len(run.fam))
        year.append((month, programmes.needs(roll, run.people, len(run.fam)).take(rows)))
    fam = run.fam.take(rows)
    chance = np.zeros(len(run.fam))
    for attempt in range(run.config.truth_draws):
        run.occupant, run.graduated = occupant.copy(), graduated.copy()
        chance[rows] += _rehearse(run, (eve.take(rows), fam), year, f" rehearsal {attempt}")
    return chance / run.config.truth_draws


def _rehearse(run: Run, who: Living, year: list[tuple[Month, programmes.Needs]], branch: str) -> Array:
    """Chance of gsm in one possible year from this state on.

    Within a drawn course of the economy the exits are not drawn but summed: chance to be still there times chance to
    leave by gsm. Averaged over courses this estimates the same expectation with less noise than drawn exits would.
    """
    (state, fam), config = who, run.config
    streams = Streams(run.config.seed, branch)
    there, reached = np.ones(len(fam)), np.zeros(len(fam))
    for month, needs in year:
        course = economy.Course(streams, month, config.economy, config.shocks)
        economy.advance(state, fam, course)
        starts = programmes.enrol(state, fam, needs, (config.programmes, streams, month))
        programmes.take_effect(state, config.programmes, starts, month)
        _turnover(run, streams, month)
        frame = _frame(config, streams, month)
        hazard, _ = exits.hazards(_case(run, who, needs, frame, there), frame)
        chance = exits.chances(hazard)
        graduating = there * chance[:, exits.GSM]
        run.graduated = run.graduated + np.bincount(state.post, graduating, len(run.posts))
        reached += graduating
        there = there * (1 - chance.sum(axis=1))
    return reached


def _months_later(day: date, n: int) -> date:
    """The last day of the month `n` months after the one of `day`."""
    month = np.datetime64(day, "M") + n + 1
    later: date = (month.astype("M8[D]") - np.timedelta64(1, "D")).item()
    return later
