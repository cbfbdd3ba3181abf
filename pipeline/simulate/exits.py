"""How membership ends: competing monthly hazards, their draw, and the way back.

Policy sets how many graduate in a year; the family's condition sets who. So the hazard of gsm is the year's rate times
exp(standing) over its mean among those who could go: the rate stays the policy's, whatever the population looks like.
"""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from pipeline.config import BaseConfig
from pipeline.simulate import economy, households, programmes
from pipeline.simulate.draws import NEVER, Array, ByYear, Month, Share, Weight, Yearly, by_year, days, monthly
from pipeline.simulate.places import Posts
from pipeline.tables import Membership

CAUSES = ("gsm", "natural", "ineligible", "identity", "duplicate", "died", "moved", "refused", "other")
REASONS = Membership.column("reason").values
ADMINISTRATIVE = ("identity", "duplicate", "moved", "ineligible")


class Standing(BaseConfig):
    income: Weight
    readiness: Weight
    business: Weight
    programme: Weight
    young: Weight


class Return(BaseConfig):
    share: Share
    months: Annotated[int, Field(ge=2, le=120)]


class Config(BaseConfig):
    gsm: ByYear
    standing: Standing
    gsm_after_months: Annotated[int, Field(ge=0, le=120)]
    natural: Yearly
    ineligible: ByYear
    ineligible_income: Weight
    identity: ByYear
    duplicate: ByYear
    identity_flaw: Weight
    died_at_60: Yearly
    died_per_decade: Weight
    moved: Yearly
    moved_young: Weight
    refused: Yearly
    other: Yearly
    natural_recorded_as_gsm: Share
    gsm_recorded_as_ppse: Share
    returns_administrative: Return
    returns_gsm: Return


@dataclass(frozen=True)
class Case:
    """The families as the exits see them in one month; `weight` is the chance that a family is still a member."""

    state: economy.State
    fam: households.Families
    posts: Posts
    needs: programmes.Needs
    empowered: Array
    weight: Array


def standing(case: Case, config: Config, month: Month) -> Array:
    """How ready a family is to stand alone, on the log-hazard scale."""
    s, w = case.state, config.standing
    return np.asarray(
        w.income * s.income + w.readiness * s.readiness + w.business * s.business * (1 + s.turnover)
        + w.programme * case.empowered + w.young * (case.fam.age(month) < 40) + case.posts.effect[case.fam.post]
    )  # fmt: skip


def hazards(case: Case, config: Config, month: Month) -> Array:
    """Yearly hazards in this month, families x CAUSES."""
    s, fam, year = case.state, case.fam, month.year
    age = fam.age(month)
    has_component = case.needs.components > 0
    flaw = np.exp(config.identity_flaw * fam.identity_flaw)
    columns = [
        _gsm(case, config, month),
        np.where(has_component, 0.0, config.natural),
        by_year(config.ineligible, year) * np.exp(config.ineligible_income * s.income),
        by_year(config.identity, year) * flaw,
        by_year(config.duplicate, year) * flaw,
        config.died_at_60 * np.exp(config.died_per_decade * (age - 60) / 10),
        config.moved * np.exp(config.moved_young * (age < 40)),
        np.full(len(fam), config.refused),
        np.full(len(fam), config.other),
    ]
    settled = s.since < month.start  # nobody leaves in the month of entering
    return np.asarray(np.column_stack(columns) * settled[:, None])


def _gsm(case: Case, config: Config, month: Month) -> Array:
    tenure = month.ordinal - case.fam.enrolment_month
    may = (case.needs.components > 0) & (tenure >= config.gsm_after_months) & (case.weight > 0)
    relative = np.exp(standing(case, config, month)) * may
    mean = (relative * case.weight).sum() / max((case.weight * may).sum(), 1e-9)
    # At most 6 a year (0.4 a month): the tail of a log-normal is no statement about anybody.
    return np.asarray(np.minimum(by_year(config.gsm, month.year) * relative / max(mean, 1e-9), 6.0))


def chances(hazard: Array) -> Array:
    """Chance to leave for each cause within the month, families x CAUSES (constant hazards within a month)."""
    total = hazard.sum(axis=1, keepdims=True)
    return np.asarray(monthly(total) * hazard / np.maximum(total, 1e-12))


def draw(case: Case, config: Config, month: Month, rng: np.random.Generator) -> Array:
    """Cause of exit in this month (position in CAUSES, -1 stays); sets `exit_on`."""
    n = len(case.fam)
    steps = chances(hazards(case, config, month)).cumsum(axis=1)
    u, day = rng.random(n), days(rng, month, n)
    cause = (u[:, None] >= steps).sum(axis=1)
    cause = np.where((cause < len(CAUSES)) & case.state.active, cause, -1)
    case.state.exit_on = np.where(cause >= 0, day, NEVER)
    return cause


def leave(state: economy.State, cause: Array, config: Config, month: Month, rng: np.random.Generator) -> None:
    """Close the memberships that ended and draw who will be reactivated, in place."""
    n = len(cause)
    u, wait = rng.random(n), rng.random(n)
    back = np.isin(cause, [CAUSES.index(c) for c in ADMINISTRATIVE])
    for group, way in ((back, config.returns_administrative), (cause == 0, config.returns_gsm)):
        returns = group & (u < way.share)
        state.returns = np.where(returns, month.index + 2 + (wait * (way.months - 1)).astype(int), state.returns)
    state.active = state.active & (cause < 0)
    state.exit_on = np.full(n, NEVER)


def recorded_reason(cause: Array, config: Config, year: int, rng: np.random.Generator) -> Array:
    """What the record says (position in REASONS): some natural exits as gsm, some gsm as ppse."""
    u = rng.random(len(cause))
    reason = np.array([REASONS.index(c) for c in CAUSES])[cause]
    natural = (cause == CAUSES.index("natural")) & (u < config.natural_recorded_as_gsm)
    through_ppse = (cause == 0) & (u < config.gsm_recorded_as_ppse) & (year >= 2025)
    return np.where(natural, REASONS.index("gsm"), np.where(through_ppse, REASONS.index("ppse"), reason))
