"""What the months after the last matured label already show of the level of graduation.

Time runs in steps, the as-of dates. An exit belongs to the step by whose end it was recorded, so everything here can be
read on the last step itself. Of a cohort's graduations within the horizon the share f[e] is recorded in the e-th step
after its as-of date; counts[a, t] ~ families[a] * f[t - a] * rate[t] separates that timing (season of the horizon and
reporting lag) from the level of the day (age-period model, fitted by proportional scaling).

Policy moves the level in jumps, not by drifting: the level is taken as constant in runs, a new run begins in any step
with the chance `change` and draws its level from Gamma(jump, jump), mean 1. With Poisson counts the posterior over the
run's length is exact (Adams and MacKay 2007, arXiv:0710.3742), and within a run it is the gamma-Poisson mean.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field, NonNegativeFloat, PositiveFloat
from scipy.special import gammaln, logsumexp

from pipeline.columns import AS_OF, CENSORED, FAMILY, OUTCOME, TARGET
from pipeline.config import BaseConfig

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
SCALINGS = 100
GRID = np.linspace(-12.0, 6.0, 3601)  # log level; a run's level lies well within


class Config(BaseConfig):
    """Nested in section `calibrate`: how fast early evidence is believed, and how far it is trusted."""

    change: float = Field(ge=0, lt=1)
    jump: PositiveFloat
    step_sd: NonNegativeFloat
    shift_sd: PositiveFloat
    shift_years: PositiveFloat


@dataclass(frozen=True)
class Recent:
    """Graduations as recorded by the last step; A steps.

    counts (A, A): of the cohort of step a, those recorded in step t. families (A,): the cohorts' sizes. known_at (A,):
    the step by which the cohort's labels had matured, A where that was not yet so. raw (n,) and cohort (n,): the scored
    rows of the dates that calibrate and of those not yet matured, and the step of each.
    """

    counts: Floats
    families: Floats
    known_at: Ints
    raw: Floats
    cohort: Ints


def recent(rows: pd.DataFrame, scores: pd.DataFrame, matured_on: Mapping[date, date], origin: date) -> Recent:
    """What stood on record on `origin`; whatever was recorded later, and every later as-of date, is left out here.

    rows: kpm_id, as_of, outcome, known_on of every cohort row, `outcome` and `known_on` as far as recorded whether
    matured or not. A row censored by a visit (see treated) is left out once the visit is on record; until then nobody
    could have left it out, and it counts as a family without a graduation. scores: kpm_id, as_of, raw. matured_on: the
    day on which labels of an as-of date mature.
    """
    seen = rows[(_days(rows[AS_OF]) <= np.datetime64(origin)) & ~_lost(rows, origin)]
    as_of, known_on = _days(seen[AS_OF]), _days(seen["known_on"])
    days = np.unique(as_of)
    step, cohort = np.searchsorted(days, known_on), np.searchsorted(days, as_of)  # a day unknown is after all others
    gsm = (seen[OUTCOME] == TARGET).to_numpy() & (known_on <= np.datetime64(origin)) & (step < len(days))
    counts = np.zeros((len(days), len(days)))
    np.add.at(counts, (cohort[gsm], step[gsm]), 1.0)
    matured = np.array([matured_on.get(d, date.max) for d in days.tolist()], dtype="datetime64[D]")
    at = seen[[FAMILY, AS_OF]].assign(cohort=cohort)
    scored = at.merge(scores, on=[FAMILY, AS_OF], how="inner", validate="one_to_one")
    return Recent(
        counts=counts,
        families=np.bincount(cohort, minlength=len(days)).astype(np.float64),
        known_at=np.searchsorted(days, matured).astype(np.int64),
        raw=scored["raw"].to_numpy(np.float64),
        cohort=scored["cohort"].to_numpy(np.int64),
    )


def _lost(rows: pd.DataFrame, origin: date) -> NDArray[np.bool_]:
    """Rows of which it was known on `origin` that nobody will know how they end."""
    later = _days(rows["known_on"]) > np.datetime64(origin)
    return (rows[OUTCOME] == CENSORED).to_numpy() & ~later


def _days(column: pd.Series) -> NDArray[np.datetime64]:
    return pd.to_datetime(column).to_numpy().astype("datetime64[D]")


def longest(counts: Floats) -> int:
    """The most steps after its as-of date in which a graduation of a cohort was recorded; at least 1."""
    a, t = np.nonzero(counts)
    return max(1, int((t - a).max(initial=1)))


def cells(steps: int, most: int) -> NDArray[np.bool_]:
    """(A, A): whether step t is one of the `most` steps after as-of date a."""
    after = np.arange(steps)[None, :] - np.arange(steps)[:, None]
    return np.asarray((after >= 1) & (after <= most))


def timing(recent: Recent) -> Floats:
    """f[e], e = 0..most: the share of a cohort's graduations recorded in the e-th step; sums to 1, f[0] = 0."""
    steps, most = len(recent.families), longest(recent.counts)
    a, t = np.nonzero(cells(steps, most))
    found = recent.counts[a, t]
    share, rate = np.where(np.arange(most + 1) > 0, 1.0 / most, 0.0), np.ones(steps)
    for _ in range(SCALINGS):
        rate = _ratio(summed(t, found, steps), summed(t, recent.families[a] * share[t - a], steps))
        share = _ratio(summed(t - a, found, most + 1), summed(t - a, recent.families[a] * rate[t], most + 1))
        share = share / share.sum() if share.sum() > 0 else np.where(np.arange(most + 1) > 0, 1.0 / most, 0.0)
    return share


def summed(index: Ints, values: Floats, size: int) -> Floats:
    """The sums of values by index, shape (size,)."""
    return np.bincount(index, values, size).astype(np.float64)


def _ratio(top: Floats, bottom: Floats) -> Floats:
    return np.divide(top, bottom, out=np.zeros_like(top), where=bottom > 0)


def steps_seen(counts: Floats, expected: Floats, share: Floats) -> tuple[Floats, Floats]:
    """(graduations, expected) of each step with evidence, in order of time, up to the last step of `counts`.

    counts (A, A); expected (A,): graduations of each cohort within its horizon, 0 where it is not looked at. An exit is
    seen by every cohort that was asked before it; both sides are divided by how often, so that it counts once.
    """
    inside = cells(len(expected), len(share) - 1) & (expected[:, None] > 0)
    after = np.clip(np.arange(len(expected))[None, :] - np.arange(len(expected))[:, None], 0, len(share) - 1)
    found = np.where(inside, counts, 0.0)
    awaited = np.where(inside, expected[:, None] * share[after], 0.0)
    asked = np.maximum(inside.sum(axis=0), 1)
    once = np.where(found.sum(axis=0) > 0, _ratio(found.max(axis=0), found.sum(axis=0)), 1.0 / asked)
    has = awaited.sum(axis=0) > 0
    return (found.sum(axis=0) * once)[has], (awaited.sum(axis=0) * once)[has]


def within(share: Floats) -> float:
    """The share of a step's graduations that is recorded in that step; the rest are recorded in the next ones."""
    return float(share[1] / share.max())


def level(found: Floats, expected: Floats, config: Config, recorded_within: float) -> float:
    """The log of the level of the current run, posterior mean over when it began; 0 without any evidence.

    A step's count varies more than Poisson's (seasons, drives of single places): its evidence is worth at most
    1 / step_sd^2 expected graduations, however large the country. What is recorded in the first step of a run took
    effect in part before it: only the share `recorded_within` of it tells of the new level, the rest of the one before.
    """
    worth = 1.0 / (1.0 + expected * config.step_sd**2)
    events, exposure, weight = np.array([config.jump]), np.array([config.jump]), np.zeros(1)
    for o, e in zip(found * worth, expected * worth, strict=True):
        before = float(np.sum(np.exp(weight) * events / exposure))
        started = _started(o, e, (recorded_within, before), config)
        kept = weight + _marginal(events, exposure, o, e)
        with np.errstate(divide="ignore"):
            weight = np.r_[started[0] + logsumexp(weight) + np.log(config.change), kept + np.log1p(-config.change)]
        weight = weight - logsumexp(weight)
        events, exposure = np.r_[started[1], events + o], np.r_[started[2], exposure + e]
    return float(np.log(np.sum(np.exp(weight) * events / exposure)))


def _started(found: float, expected: float, mixed: tuple[float, float], config: Config) -> tuple[float, float, float]:
    """(log chance of `found`, events, exposure) of a run that begins in this step.

    mixed: the share w of the step that has the new level, and the level of the rest: w x level + (1 - w) x before. The
    new level's posterior is no gamma where w < 1; the gamma of its mean and variance stands in for it. By sums over a
    fine grid of log levels; the term dropped from the chance is that of `_marginal`.
    """
    share, before = mixed
    prior = config.jump * (GRID - np.exp(GRID))  # Gamma(jump, jump) on the log
    level = share * np.exp(GRID) + (1 - share) * before
    told = prior + found * np.log(level) - expected * level
    chance = np.exp(told - logsumexp(told))
    mean = float(chance @ np.exp(GRID))
    variance = float(chance @ (np.exp(GRID) - mean) ** 2)
    return float(logsumexp(told) - logsumexp(prior)), mean**2 / variance, mean / variance


def _marginal(events: Floats, exposure: Floats, found: float, expected: float) -> Floats:
    """Log of the gamma-Poisson chance of `found`, but for a term common to all runs."""
    of_total = gammaln(events + found) - gammaln(events)
    return np.asarray(of_total + events * np.log(exposure) - (events + found) * np.log(exposure + expected))


def errors(recent: Recent, share: Floats, dates: int, config: Config) -> Iterator[float]:
    """How early levels held up: at every earlier step, early level less what came true in the year after (logs).

    Each stands on its step with the records of that day: the reference is the rate of the last `dates` cohorts matured
    by then. What came true is known by now, of cohorts matured by the last step.
    """
    total = recent.counts.sum(axis=1)
    for step in np.flatnonzero(recent.known_at < len(recent.families)):
        known = np.flatnonzero(recent.known_at <= step)[-dates:]
        if not len(known) or not total[known].sum():
            continue
        rate = total[known].sum() / recent.families[known].sum()
        looked = np.arange(step + 1) >= known[0]
        expected = np.where(looked, recent.families[: step + 1] * rate, 0.0)
        seen = steps_seen(recent.counts[: step + 1, : step + 1], expected, share)
        early = level(*seen, config, within(share))
        # Half a graduation on both sides: a cohort without any is rare, not impossible.
        yield early - float(np.log((total[step] + 0.5) / (recent.families[step] * rate + 0.5)))


def variance(found: Sequence[float], steps_a_year: int, config: Config) -> float:
    """Mean square of the errors, shrunk to shift_sd^2, which counts as much as `shift_years` years.

    Labels of neighbouring steps overlap, so `steps_a_year` errors are one year's evidence.
    """
    years = len(found) / steps_a_year
    squares = sum(e * e for e in found) / steps_a_year
    return (config.shift_years * config.shift_sd**2 + squares) / (config.shift_years + years)
