"""Whether a group differs from everybody else, and how many such findings may be false.

The test is the score test of two proportions (chi-square without continuity correction) over the rows that the rate is
about, divided by its design effect: the ratio of the score's variance with families as clusters to that with
independent rows (Rao and Scott 1981). With one row a family it is the chi-square test itself.
"""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from scipy.special import erfc

from pipeline.fairness.intervals import Sums
from pipeline.fairness.moments import Measure
from pipeline.metrics import Flags, Numbers, ratio


@dataclass(frozen=True)
class Tested:
    """By group: p value (NaN: nothing to test), standard error if there were no difference, expected counts."""

    p: Numbers
    error: Numbers
    expected: Numbers


def test(of: Sums, all_of: Sums, cross: Numbers, measure: Measure) -> Tested:
    """The group against everybody else; `cross` of the measure: groups x 4.

    `expected` is the smallest count that the test expects on either side, at the effective number of rows.
    """
    pooled, share = ratio(all_of.top, all_of.bottom), ratio(of.bottom, all_of.bottom)
    tt, tb, bt, bb = cross.T
    crossed = tt - pooled * (tb + bt) + pooled * pooled * bb
    clustered = of.squared(pooled) - 2 * share * crossed + share * share * all_of.squared(pooled)
    if measure.proportion:
        independent = (1 - 2 * share) * _spread(of, pooled) + share * share * _spread(all_of, pooled)
        effect = np.maximum(np.nan_to_num(ratio(clustered, independent), nan=1.0), 1.0)
        variance = effect * pooled * (1 - pooled) * share * (1 - share) * all_of.bottom
        rarer = np.minimum(pooled, 1 - pooled)
    else:
        effect, rarer = np.maximum(ratio(clustered, pooled * (1 - share) * of.bottom), 1.0), pooled
        variance = effect * pooled * (1 - share) * of.bottom
    score = of.top - pooled * of.bottom
    some = (of.bottom > 0) & (of.bottom < all_of.bottom) & (variance > 1e-12)
    error = np.where(some, ratio(np.sqrt(np.maximum(variance, 0)), of.bottom * (1 - share)), np.nan)
    z = np.where(some, np.abs(score) / np.sqrt(np.where(some, variance, 1.0)), np.nan)
    fewest = np.minimum(of.bottom, all_of.bottom - of.bottom) * rarer / effect
    return Tested(erfc(z / np.sqrt(2)), error, fewest)


def _spread(of: Sums, pooled: Numbers) -> Numbers:
    """Sum over rows of (top - pooled x bottom)^2, where a row's top and bottom are 0 or 1."""
    return of.top * (1 - pooled) ** 2 + (of.bottom - of.top) * pooled**2


def detectable(error: Numbers, level: float, power: float) -> Numbers:
    """The difference that a test at `level` finds with chance `power`."""
    normal = NormalDist()
    return (normal.inv_cdf((1 + level) / 2) + normal.inv_cdf(power)) * error


def adjusted(p: Numbers, method: str) -> Numbers:
    """p values for the number of tests, NaN where there was none; at most alpha of them is a finding at alpha.

    benjamini_hochberg: of all findings a share of alpha is expected to be false (1995). holm: any false finding at all
    has a chance of at most alpha (1979).
    """
    out = np.full(p.shape, np.nan)
    tested: Flags = ~np.isnan(p)
    order = np.argsort(p[tested], kind="stable")
    ranked, count = p[tested][order], int(tested.sum())
    if method == "holm":
        stepped = np.maximum.accumulate(ranked * (count - np.arange(count)))
    else:
        stepped = np.minimum.accumulate((ranked * count / np.arange(1, count + 1))[::-1])[::-1]
    back = np.empty(count)
    back[order] = np.minimum(stepped, 1.0)
    out[tested] = back
    return out
