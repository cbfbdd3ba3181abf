"""Rates of groups and of everybody else, with intervals that know that rows of one family are not independent.

A family's quarters resemble each other: the variance of a rate is that of families as they fall (linearised ratio,
Cochran 1977, 6.3), and its ratio to the variance of independent rows is the design effect (Kish 1965). Wilson's score
interval, or Garwood's exact Poisson interval of an observed over an expected count, is taken at the effective number
of rows. A design effect below one is taken as one: clusters never make us surer than independent rows would.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import gammaincinv

from pipeline import metrics
from pipeline.fairness.moments import Division, Measure
from pipeline.metrics import Numbers, ratio


@dataclass(frozen=True)
class Sums:
    """Top and bottom of one measure, by group, with the sums over families of their products."""

    top: Numbers
    bottom: Numbers
    squares: Numbers

    def squared(self, rate: Numbers) -> Numbers:
        """Sum over families of (top - rate x bottom)^2; `rate` a number a group."""
        tt, tb, bb = self.squares.T
        found: Numbers = np.maximum(tt - 2 * rate * tb + rate * rate * bb, 0.0)
        return found


@dataclass(frozen=True)
class Rate:
    """A share by group, its interval, and the design effect behind it."""

    estimate: Numbers
    lower: Numbers
    upper: Numbers
    effect: Numbers


def sums_of(division: Division, measure: Measure, number: int, atoms: tuple[str, ...]) -> Sums:
    """Of each group; `number`: the measure's place."""
    at = {name: i for i, name in enumerate(atoms)}
    top, bottom = (division.sums[:, [at[a] for a in side]].sum(axis=1) for side in (measure.top, measure.bottom))
    return Sums(top, bottom, division.own[:, number])


def everybody(totals: Numbers, of: Sums, number: int) -> Sums:
    """Of all rows together; `totals`: of the folded rows."""
    all_of = np.full_like(of.top, of.top.sum()), np.full_like(of.bottom, of.bottom.sum())
    return Sums(*all_of, np.broadcast_to(totals.reshape(-1, 3)[number], (of.top.size, 3)))


def others(of: Sums, all_of: Sums, cross: Numbers) -> Sums:
    """Of everybody but the group: a family on both sides is in both. `cross` of the measure: groups x 4."""
    tt, tb, bt, bb = cross.T
    crossed = np.column_stack([2 * tt, tb + bt, 2 * bb])
    return Sums(all_of.top - of.top, all_of.bottom - of.bottom, all_of.squares - crossed + of.squares)


def rate(of: Sums, measure: Measure, level: float) -> Rate:
    """The share with its interval; NaN for a group without rows that the share is about."""
    estimate = ratio(of.top, of.bottom)
    known = np.nan_to_num(estimate)
    if measure.proportion:
        independent = of.bottom * known * (1 - known)
        effect = _at_least_one(of.squared(known), independent, ratio(of.squares[:, 2], of.bottom))
        lower, upper = metrics.wilson(of.top / effect, of.bottom / effect, level)
    else:
        effect = _at_least_one(of.squared(known), of.top, np.ones_like(known))
        lower, upper = _garwood(of.top / effect, of.bottom / effect, level)
    empty = ~(of.bottom > 0)
    return Rate(estimate, np.where(empty, np.nan, lower), np.where(empty, np.nan, upper), effect)


def _at_least_one(clustered: Numbers, independent: Numbers, otherwise: Numbers) -> Numbers:
    """Their ratio; `otherwise`, where all rows are equal and nothing can be seen to vary: rows of a family as one."""
    found = np.where(independent > 1e-12, ratio(clustered, np.maximum(independent, 1e-12)), np.nan_to_num(otherwise))
    effect: Numbers = np.maximum(np.nan_to_num(found, nan=1.0), 1.0)
    return effect


def _garwood(observed: Numbers, expected: Numbers, level: float) -> tuple[Numbers, Numbers]:
    """Exact Poisson interval of observed over expected (Garwood 1936), for counts that need not be whole."""
    tail = (1 - level) / 2
    lower = np.where(observed > 0, gammaincinv(np.maximum(observed, 1e-12), tail), 0.0)
    return ratio(lower, expected), ratio(gammaincinv(observed + 1, 1 - tail), expected)


def difference(group: Rate, rest: Rate) -> tuple[Numbers, Numbers, Numbers]:
    """Group less everybody else, with the interval put together from both (Newcombe 1998, method 10)."""
    d = group.estimate - rest.estimate
    down = np.hypot(group.estimate - group.lower, rest.upper - rest.estimate)
    up = np.hypot(group.upper - group.estimate, rest.estimate - rest.lower)
    return d, d - down, d + up
