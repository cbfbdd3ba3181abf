"""How membership ends: competing monthly hazards, their draw, and the way back.

Policy sets how many graduate in a year; a family's condition, beside the others of its facilitator, sets who. So the
hazard of gsm is the year's rate times exp(standing) over its mean among those of the same post who could go. Where
policy is a quota, a facilitator who has reached it slows down until the year ends.
"""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from pipeline.config import BaseConfig
from pipeline.simulate import economy, households, programmes, shocks
from pipeline.simulate.draws import (
    NEVER,
    Array,
    ByYear,
    Month,
    MonthWord,
    Share,
    Streams,
    Weight,
    Year,
    Yearly,
    by_year,
    days,
    monthly,
)
from pipeline.simulate.places import Posts
from pipeline.tables import Membership

CAUSES = ("gsm", "natural", "ineligible", "identity", "duplicate", "died", "moved", "refused", "other")
GSM, NATURAL, DIED, REFUSED = (CAUSES.index(c) for c in ("gsm", "natural", "died", "refused"))
REASONS = Membership.column("reason").values
ADMINISTRATIVE = ("identity", "duplicate", "moved", "ineligible")
LABELLED, CONTAGIOUS = 1, 2


class Standing(BaseConfig):
    income: Weight
    readiness: Weight
    business: Weight
    programme: Weight
    young: Weight


class Return(BaseConfig):
    share: Share
    months: Annotated[int, Field(ge=2, le=120)]


class Quota(BaseConfig):
    graduations: Annotated[float, Field(gt=0, le=1000)]
    beyond: Share
    year_end: Annotated[float, Field(ge=1, le=10)]


class Config(BaseConfig):
    gsm: ByYear
    quotas: dict[Year, Quota | None]
    standing: Annotated[dict[Year, Standing], Field(min_length=1)]
    gsm_after_months: Annotated[int, Field(ge=0, le=120)]
    place: Weight
    natural: ByYear
    ineligible: ByYear
    ineligible_income: Weight
    clean_up: dict[MonthWord, Yearly]
    identity: ByYear
    duplicate: ByYear
    identity_flaw: Weight
    moved: Yearly
    moved_young: Weight
    moves_within: Yearly
    refused: Yearly
    other: Yearly
    natural_recorded_as_gsm: Share
    gsm_recorded_as_ppse: Share
    labelling_recorded_as_gsm: Share
    returns_administrative: Return
    returns_gsm: Return


@dataclass(frozen=True)
class Frame:
    """What exits stand in: their settings and those of what they look at, the numbers and the month."""

    config: Config
    household: households.Config
    shocks: shocks.Config
    effect_spread: float
    streams: Streams
    month: Month


@dataclass(frozen=True)
class Case:
    """The families as the exits see them in one month; `weight` is the chance that a family is still a member."""

    state: economy.State
    fam: households.Families
    posts: Posts
    effect: Array  # of each post's facilitator
    graduated: Array  # this year, by post
    needs: programmes.Needs
    empowered: Array
    weight: Array


@dataclass(frozen=True)
class Pace:
    """What multiplies exp(standing) to give the yearly hazard of gsm, by family."""

    factor: Array
    may: Array


def standing(case: Case, frame: Frame) -> Array:
    """How ready a family is to stand alone, on the log-hazard scale."""
    s, w = case.state, by_year(frame.config.standing, frame.month.year)
    age = (frame.month.ordinal - case.needs.caretaker_birth_month) // 12
    return np.asarray(
        w.income * s.income + w.readiness * s.readiness + w.business * s.business * (1 + s.turnover)
        + w.programme * case.empowered + w.young * (age < 40)
    )  # fmt: skip


def hazards(case: Case, frame: Frame) -> tuple[Array, Pace]:
    """Yearly hazards in this month, families x CAUSES, and the pace of gsm, which the counterfactual shares."""
    config, month, s, fam = frame.config, frame.month, case.state, case.fam
    age = (month.ordinal - case.needs.caretaker_birth_month) // 12
    flaw = np.exp(config.identity_flaw * fam.identity_flaw)
    year = month.year
    pace = _pace(case, frame)
    settled = s.since < month.start  # nobody leaves in the month of entering
    out = np.empty((len(fam), len(CAUSES)))
    out[:, 0] = gsm(case, frame, pace)
    out[:, 1] = np.where(case.needs.components > 0, 0.0, by_year(config.natural, year))
    checked = config.clean_up.get(month.word, by_year(config.ineligible, year))
    out[:, 2] = checked * np.exp(config.ineligible_income * s.income)
    out[:, 3] = by_year(config.identity, year) * flaw
    out[:, 4] = by_year(config.duplicate, year) * flaw
    out[:, 5] = _mortality(age, frame.household) * (case.needs.adults == 1)
    out[:, 6] = config.moved * np.exp(config.moved_young * (age < 40))
    out[:, 7] = config.refused + resigning(case, frame)
    out[:, 8] = config.other
    return out * settled[:, None], pace


def _mortality(age: Array, config: households.Config) -> Array:
    return np.asarray(config.mortality_at_60 * np.exp(config.mortality_per_decade * (age - 60) / 10))


def resigning(case: Case, frame: Frame) -> Array:
    """Yearly hazard, in this month, of leaving because houses are to be marked."""
    share = shocks.labelling(case.state.village, frame.shocks, (frame.streams, frame.month))
    return np.asarray(-12 * np.log1p(-share))


def gsm(case: Case, frame: Frame, pace: Pace) -> Array:
    # At most 6 a year (0.4 a month): the tail of a log-normal is no statement about anybody.
    return np.asarray(np.minimum(pace.factor * np.exp(standing(case, frame)), 6.0) * pace.may)


def _pace(case: Case, frame: Frame) -> Pace:
    config, month, post = frame.config, frame.month, case.state.post
    tenure = month.ordinal - case.fam.enrolment_month
    may = (case.needs.components > 0) & (tenure >= config.gsm_after_months)
    n = len(case.posts)
    # The rate is one of all members, as it is published; those who cannot graduate yet add nothing to it.
    total = np.bincount(post, np.exp(standing(case, frame)) * case.weight * may, n)
    mean = total / np.maximum(np.bincount(post, case.weight, n), 1e-9)
    zeal = np.exp(case.effect - frame.effect_spread**2 / 2 + config.place * case.posts.income)
    rate = by_year(config.gsm, month.year) * zeal * _haste(case, frame)
    spread = shocks.contagion(case.state.village, frame.shocks, (frame.streams, month))
    factor = (rate / np.maximum(mean, 1e-9))[post] * np.exp(frame.shocks.contagion_strength * spread)
    return Pace(factor, may)


def _haste(case: Case, frame: Frame) -> Array:
    """Where policy is a quota: slower once it is reached, faster in the last quarter while it is not."""
    quota = by_year(frame.config.quotas, frame.month.year) if frame.config.quotas else None
    if quota is None:
        return np.ones(len(case.posts))
    rush = quota.year_end if frame.month.number > 9 else 1.0
    return np.where(case.graduated >= quota.graduations, quota.beyond, rush)


def chances(hazard: Array) -> Array:
    """Chance to leave for each cause within the month, families x CAUSES (constant hazards within a month)."""
    total = hazard.sum(axis=1, keepdims=True)
    return np.asarray(monthly(total) * hazard / np.maximum(total, 1e-12))


def draw(case: Case, hazard: Array, frame: Frame, last_adult_gone_on: Array) -> tuple[Array, Array]:
    """Cause of exit in this month (position in CAUSES, -1 stays) and the shock behind it; sets `exit_on`.

    Death is not drawn here: the day on which the last adult dies was settled with the family, by the same hazard.
    """
    month, n, ids = frame.month, len(case.fam), case.fam.ids
    lasting = hazard.copy()
    lasting[:, DIED] = 0.0
    stream = frame.streams.at("exits", month.index)
    steps = chances(lasting).cumsum(axis=1)
    cause = (stream.uniform(ids)[:, None] >= steps).sum(axis=1)
    cause = np.where((cause < len(CAUSES)) & case.state.active, cause, -1)
    rows = np.nonzero(cause >= 0)[0]
    day = np.full(n, NEVER)
    day[rows] = days(stream, month, ids[rows], 1)
    shock = _shock(case, frame, cause)
    labelled = np.nonzero(shock == LABELLED)[0]
    day[labelled] = _marking_day(case, frame, labelled)
    dies = case.state.active & (case.state.since < month.start) & (last_adult_gone_on < np.minimum(day, month.end))
    cause, shock = np.where(dies, DIED, cause), np.where(dies, 0, shock)
    case.state.exit_on = np.where(dies, last_adult_gone_on, day)
    return cause, shock


def _shock(case: Case, frame: Frame, cause: Array) -> Array:
    """Which of the exits a shock to the place brought about."""
    shock = np.zeros(len(cause), np.int8)
    rows = np.nonzero(cause == REFUSED)[0]
    share = shocks.labelling(case.state.village[rows], frame.shocks, (frame.streams, frame.month))
    extra = -12 * np.log1p(-share)
    u = frame.streams.at("shock", frame.month.index).uniform(case.fam.ids[rows])
    shock[rows] = np.where(u < extra / (extra + frame.config.refused + 1e-12), LABELLED, 0)
    rows = np.nonzero(cause == GSM)[0]
    spread = shocks.contagion(case.state.village[rows], frame.shocks, (frame.streams, frame.month))
    shock[rows] = np.where(spread, CONTAGIOUS, 0)
    return shock


def _marking_day(case: Case, frame: Frame, rows: Array) -> Array:
    """Within the nine days of the district's marking."""
    stream = frame.streams.at("marking", frame.month.index)
    first = stream.whole(case.state.village[rows] // 10_000, 1, 19)
    day = first + stream.whole(case.fam.ids[rows], 0, shocks.LABELLING_DAYS, 1)
    return np.asarray(frame.month.start + day.astype("m8[D]"))


def leave(state: economy.State, ids: Array, cause: Array, frame: Frame) -> None:
    """Close the memberships that ended and draw who will be reactivated, in place."""
    config, month = frame.config, frame.month
    stream = frame.streams.at("returns", month.index)
    back = np.isin(cause, [CAUSES.index(c) for c in ADMINISTRATIVE])
    for group, way in ((back, config.returns_administrative), (cause == GSM, config.returns_gsm)):
        rows = np.nonzero(group)[0]
        rows = rows[stream.chance(ids[rows], way.share)]
        wait = stream.uniform(ids[rows], 1)
        state.returns[rows] = month.index + 2 + (wait * (way.months - 1)).astype(int)
    state.active = state.active & (cause < 0)
    state.exit_on = np.full(len(cause), NEVER)


def recorded_reason(cause: Array, shock: Array, ids: Array, frame: Frame) -> Array:
    """What the record says (position in REASONS, -1 stays): natural and labelled exits partly as gsm, gsm as ppse."""
    config = frame.config
    rows = np.nonzero(cause >= 0)[0]
    u = frame.streams.at("reasons", frame.month.index).uniform(ids[rows])
    c, s = cause[rows], shock[rows]
    reason = np.array([REASONS.index(x) for x in CAUSES])[c]
    as_gsm = ((c == NATURAL) & (u < config.natural_recorded_as_gsm)) | (
        (s == LABELLED) & (u < config.labelling_recorded_as_gsm)
    )
    as_ppse = (c == GSM) & (u < config.gsm_recorded_as_ppse) & (frame.month.year >= 2025)
    out = np.full(len(cause), -1)
    out[rows] = np.where(as_gsm, REASONS.index("gsm"), np.where(as_ppse, REASONS.index("ppse"), reason))
    return out
