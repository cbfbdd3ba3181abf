"""What nobody records: income, readiness, business and wealth of each family, month by month."""

from dataclasses import dataclass, fields
from typing import Annotated

import numpy as np
from pydantic import Field

from pipeline.config import BaseConfig
from pipeline.simulate.draws import NEVER, NOT_A_DAY, Array, Month, Share, Streams, Weight, Yearly, monthly
from pipeline.simulate.households import Families

SHOCKS = ("illness", "disaster", "job_loss")
Spread = Annotated[float, Field(ge=0, le=5)]


class Shock(BaseConfig):
    yearly_rate: Yearly
    loss: Spread


class Config(BaseConfig):
    level: Weight
    level_spread: Spread
    growth: Weight
    growth_spread: Spread
    reversion: Share
    noise: Spread
    young_advantage: Weight
    urban_advantage: Weight
    readiness_reversion: Share
    readiness_noise: Spread
    shocks: dict[str, Shock]
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

    def copy(self) -> "State":
        return State(*(getattr(self, f.name).copy() for f in fields(self)))


def initial(fam: Families, config: Config, programmes: int, streams: Streams) -> State:
    """The state on the eve of the first month; nobody is a member yet."""
    rng = streams.at("economy")
    n = len(fam)
    young = (fam.birth > np.datetime64("1980-01-01")) * config.young_advantage
    usual = rng.normal(config.level, config.level_spread, n) + young + fam.urban * config.urban_advantage
    trait = rng.normal(0, 1, n)
    income = usual + rng.normal(0, config.noise / np.sqrt(2 * config.reversion), n)
    return State(
        active=np.zeros(n, bool), since=np.full(n, NOT_A_DAY), exit_on=np.full(n, NEVER), returns=np.full(n, -1),
        income=income, usual=usual, growth=rng.normal(config.growth, config.growth_spread, n) / 12,
        readiness=trait + rng.normal(0, 0.5, n), trait=trait,
        wealth=usual + rng.normal(0, 0.15, n), repaired=np.zeros(n, bool), jobless=np.zeros(n, int),
        business=rng.random(n) < 0.15, turnover=rng.normal(0, 0.5, n), started=np.full((n, programmes), -1),
    )  # fmt: skip


def advance(state: State, fam: Families, config: Config, rng: np.random.Generator) -> Array:
    """One month further, in place; returns which shocks struck, families x SHOCKS."""
    n = len(fam)
    struck = _shocks(fam, config, rng)
    loss = struck @ np.array([config.shocks[s].loss for s in SHOCKS])
    state.jobless = np.where(struck[:, 2], config.jobless_months, np.maximum(state.jobless - 1, 0))
    _business(state, config, rng)
    gain = config.business_income * state.business * (1 + state.turnover)
    pull = config.reversion * (state.usual + gain - state.income)
    state.income = state.income + pull + config.noise * rng.normal(size=n) - loss
    state.usual = state.usual + state.growth * ~np.isnat(state.since)  # who is enrolled was poor until then
    inward = config.readiness_reversion * (state.trait - state.readiness)
    state.readiness = state.readiness + inward + config.readiness_noise * rng.normal(size=n)
    state.wealth = state.wealth + config.wealth_speed * (state.income - state.wealth)
    return struck


def _shocks(fam: Families, config: Config, rng: np.random.Generator) -> Array:
    """Illness and loss of work strike families, a disaster strikes the families of a post together."""
    rate = [monthly(config.shocks[s].yearly_rate) for s in SHOCKS]
    alone = rng.random((len(fam), 3)) < rate
    hit = rng.random(int(fam.post.max()) + 1) < 2 * rate[1]
    alone[:, 1] = hit[fam.post] & (rng.random(len(fam)) < 0.5)
    return alone


def _business(state: State, config: Config, rng: np.random.Generator) -> None:
    n = len(state.business)
    start = monthly(config.business_start * np.exp(config.business_start_readiness * state.readiness))
    stop = monthly(config.business_stop * np.exp(config.business_stop_income * state.income))
    u = rng.random(n)
    fresh = ~state.business & (u < start)
    state.turnover = np.where(fresh, -0.3, 0.97 * state.turnover + 0.01 * state.readiness + 0.08 * rng.normal(size=n))
    state.business = np.where(state.business, u >= stop, fresh)


def join(state: State, fam: Families, month: Month, rng: np.random.Generator) -> tuple[Array, Array]:
    """Families that are enrolled and families that return in this month, in place."""
    inside = (fam.enrolled_on >= month.start) & (fam.enrolled_on < month.end)
    back = state.returns == month.index
    day = month.start + rng.integers(0, 28, len(fam)).astype("m8[D]")
    state.since = np.where(inside, fam.enrolled_on, np.where(back, day, state.since))
    state.active = state.active | inside | back
    state.returns = np.where(back, -1, state.returns)
    return inside, back
