"""What nobody records: income, readiness, business and wealth of each family, month by month."""

from dataclasses import dataclass, fields
from typing import Annotated

import numpy as np
from pydantic import Field

from pipeline.config import BaseConfig
from pipeline.simulate import shocks
from pipeline.simulate.draws import (
    NEVER,
    NOT_A_DAY,
    Array,
    Month,
    Share,
    Spread,
    Stream,
    Streams,
    Weight,
    Year,
    Yearly,
    by_year,
    each,
    monthly,
)
from pipeline.simulate.households import Families
from pipeline.simulate.places import Posts, village

SHOCKS = ("illness", "disaster", "job_loss")


class Config(BaseConfig):
    level: Weight
    level_spread: Spread
    growth: Weight
    growth_spread: Spread
    years: Annotated[dict[Year, Weight], Field(min_length=1)]
    reversion: Share
    noise: Spread
    young_advantage: Weight
    urban_advantage: Weight
    readiness_reversion: Share
    readiness_noise: Spread
    illness: Yearly
    job_loss: Yearly
    job_loss_years: dict[Year, Annotated[float, Field(ge=0, le=20)]]
    losses: Annotated[dict[str, Spread], each(SHOCKS)]
    jobless_months: Annotated[int, Field(ge=1, le=60)]
    business_start: Yearly
    business_start_readiness: Weight
    business_stop: Yearly
    business_stop_income: Weight
    business_income: Weight
    wealth_speed: Share


@dataclass
class State:
    """One row per family: what changes. Income is the log of income per head over the poverty line."""

    active: Array
    since: Array  # start of the running membership
    exit_on: Array  # in the running month, else NEVER
    returns: Array  # index of the month of reactivation, -1 without
    post: Array
    village: Array  # code as a number
    income: Array
    usual: Array  # what income reverts to
    growth: Array  # of the usual income, a month
    readiness: Array
    trait: Array  # what readiness reverts to
    wealth: Array  # slow mean of income, shows in dwelling and assets
    repaired: Array  # the house was rebuilt
    jobless: Array  # months without work to come
    business: Array
    turnover: Array  # log of turnover over the poverty line
    started: Array  # families x programmes, month index, -1 never
    helped: Array  # families x programmes, month index from which the programme's effect counts, -1 never

    def take(self, rows: Array) -> "State":
        """These families, in arrays of their own."""
        return State(*(getattr(self, f.name)[rows].copy() for f in fields(self)))

    def join(self, other: "State") -> "State":
        """The families of both."""
        return State(*(np.concatenate([getattr(self, f.name), getattr(other, f.name)]) for f in fields(self)))


@dataclass(frozen=True)
class Course:
    """One course of the world: whose numbers are drawn, in which month, and what holds there."""

    streams: Streams
    month: Month
    economy: Config
    shocks: shocks.Config


def initial(fam: Families, posts: Posts, config: Config, programmes: int, streams: Streams) -> State:
    """The state on the eve of the first month; nobody is a member yet."""
    n, ids = len(fam), fam.ids
    draw = streams.at("economy")
    young = (fam.birth > np.datetime64("1980-01-01")) * config.young_advantage
    place = fam.urban * config.urban_advantage + posts.income[fam.home]
    usual = config.level + config.level_spread * draw.normal(ids) + young + place
    trait = draw.normal(ids, 1)
    growth = config.growth + config.growth_spread * draw.normal(ids, 3) + posts.growth[fam.home]
    return State(
        active=np.zeros(n, bool), since=np.full(n, NOT_A_DAY), exit_on=np.full(n, NEVER), returns=np.full(n, -1),
        post=fam.home.copy(), village=fam.village.astype(np.int64),
        income=usual + config.noise / np.sqrt(2 * config.reversion) * draw.normal(ids, 2),
        usual=usual, growth=growth / 12, readiness=trait + 0.5 * draw.normal(ids, 4), trait=trait,
        wealth=usual + 0.15 * draw.normal(ids, 5), repaired=np.zeros(n, bool), jobless=np.zeros(n, int),
        business=draw.chance(ids, 0.15, 6), turnover=0.5 * draw.normal(ids, 7),
        started=np.full((n, programmes), -1, np.int16), helped=np.full((n, programmes), -1, np.int16),
    )  # fmt: skip


def advance(state: State, fam: Families, course: Course) -> Array:
    """One month further, in place; returns which shocks struck, families x SHOCKS."""
    config, month = course.economy, course.month
    draw = course.streams.at("advance", month.index)
    struck = _shocks(state, fam, course, draw)
    loss = struck @ np.array([config.losses[s] for s in SHOCKS])
    state.jobless = np.where(struck[:, 2], config.jobless_months, np.maximum(state.jobless - 1, 0))
    _business(state, fam.ids, config, draw)
    gain = config.business_income * state.business * (1 + state.turnover)
    pull = config.reversion * (state.usual + gain + by_year(config.years, month.year) - state.income)
    state.income = state.income + pull + config.noise * draw.normal(fam.ids, 4) - loss
    state.usual = state.usual + state.growth * (fam.enrolled_on < month.end)  # who is enrolled was poor until then
    inward = config.readiness_reversion * (state.trait - state.readiness)
    state.readiness = state.readiness + inward + config.readiness_noise * draw.normal(fam.ids, 5)
    state.wealth = state.wealth + config.wealth_speed * (state.income - state.wealth)
    return struck


def _shocks(state: State, fam: Families, course: Course, draw: Stream) -> Array:
    """Illness and loss of work strike families, a disaster strikes places."""
    config, month = course.economy, course.month
    work = config.job_loss * config.job_loss_years.get(month.year, 1.0)
    return np.column_stack([
        draw.chance(fam.ids, monthly(config.illness), 0),
        shocks.disaster(state.village, fam.ids, course.shocks, (course.streams, month)),
        draw.chance(fam.ids, monthly(work), 1),
    ])  # fmt: skip


def _business(state: State, ids: Array, config: Config, draw: Stream) -> None:
    start = monthly(config.business_start * np.exp(config.business_start_readiness * state.readiness))
    stop = monthly(config.business_stop * np.exp(config.business_stop_income * state.income))
    u = draw.uniform(ids, 2)
    fresh = ~state.business & (u < start)
    rows = np.nonzero(state.business)[0]
    state.turnover[fresh] = -0.3
    moved = 0.97 * state.turnover[rows] + 0.01 * state.readiness[rows] + 0.08 * draw.normal(ids[rows], 3)
    state.turnover[rows] = moved
    state.business = np.where(state.business, u >= stop, fresh)


def join(state: State, fam: Families, ends_on: Array, when: tuple[Streams, Month]) -> tuple[Array, Array]:
    """Families that are enrolled and families that return in this month, in place; the first month has all before.

    `ends_on` is the day on which the last adult dies: such a family does not return.
    """
    streams, month = when
    inside = (fam.enrolled_on < month.end) & ((fam.enrolled_on >= month.start) | (month.index == 0))
    back = (state.returns == month.index) & (ends_on >= month.end)
    rows = np.nonzero(back)[0]
    state.since = np.where(inside, fam.enrolled_on, state.since)
    state.since[rows] = month.start + streams.at("join", month.index).whole(fam.ids[rows], 0, 28).astype("m8[D]")
    state.active = state.active | inside | back
    state.returns[rows] = -1
    return inside, back


def move(state: State, fam: Families, posts: Posts, rate: float, when: tuple[Streams, Month]) -> Array:
    """Members who move within their part of the regency, to another post, in place; returns who did."""
    streams, month = when
    draw = streams.at("moves", month.index)
    alone = posts.block_posts[state.post] < 2
    moves = state.active & ~alone & draw.chance(fam.ids, monthly(rate))
    rows = np.nonzero(moves)[0]
    ids, post = fam.ids[rows], state.post[rows]
    first, count = posts.first_of_block[post], posts.block_posts[post]
    step = draw.whole(ids, 1, count, 1)
    state.post[rows] = first + (post - first + step) % count
    state.village[rows] = village(posts, state.post[rows], draw.uniform(ids, 2)).astype(np.int64)
    return moves
