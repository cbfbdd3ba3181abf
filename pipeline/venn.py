"""Inductive Venn-Abers prediction: two chances for every score, one for each label that the family might have.

Isotonic regression of the calibration labels on their scores is refitted with the new row labelled 0 (-> lower) and
labelled 1 (-> upper); where calibration rows are exchangeable with the new one, one of the two is calibrated whatever
the shape of the model's error (Vovk and Petej 2014; Vovk, Petej, Fedorova 2015). How far they lie apart tells how few
graduations there are near that score.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Steps:
    """The two step functions of the score.

    `score` (k,) ascending. lower and upper (2k + 1,): at 2i + 1 for a score equal to score[i], at 2i for one between
    score[i - 1] and score[i].
    """

    score: tuple[float, ...]
    lower: tuple[float, ...]
    upper: tuple[float, ...]


def fit(raw: Floats, label: Floats, resolution: float) -> Steps:
    """Both functions for every possible score; scores within the same multiple of `resolution` are one score."""
    score, group = np.unique(np.round(raw / resolution) * resolution, return_inverse=True)
    weight, hits = np.zeros(2 * len(score) + 1), np.zeros(2 * len(score) + 1)
    weight[1::2] = np.bincount(group)
    hits[1::2] = np.bincount(group, label)
    bounds = [with_added(weight, hits, y) for y in (0.0, 1.0)]
    return Steps(tuple(score.tolist()), tuple(bounds[0].tolist()), tuple(bounds[1].tolist()))


def bounds(raw: Floats, steps: Steps, resolution: float) -> tuple[Floats, Floats]:
    """(lower, upper) of each score, shape (n,) each."""
    at = np.round(raw / resolution) * resolution
    score = np.asarray(steps.score)
    place = np.searchsorted(score, at, side="left") + np.searchsorted(score, at, side="right")
    return np.asarray(steps.lower)[place], np.asarray(steps.upper)[place]


def with_added(weight: Floats, hits: Floats, label: float) -> Floats:
    """For each group the isotonic fit at it after one more row of `label` has come into it; groups may be empty.

    The fit is the slope of the greatest convex minorant of the cumulative sums. A row added to group i parts them into
    those before it and, moved by (1, label), those after it: the slope sought is that of the edge which bridges their
    two hulls, found from the inner ends outwards.
    """
    x, y = np.r_[0.0, np.cumsum(weight)].tolist(), np.r_[0.0, np.cumsum(hits)].tolist()
    left, right = hull(x, y), hull([-v for v in reversed(x)], list(reversed(y)))
    last = len(x) - 1
    following = [last - right[last - i] for i in range(last + 1)]
    ends = ([*x], [v + 1.0 for v in x]), ([*y], [v + label for v in y])
    return np.array([bridge(i, i + 1, ends, (left, following)) for i in range(last)])


def hull(x: list[float], y: list[float]) -> list[int]:
    """For each point the one before it on the lower convex hull of the points up to it; 0 for the first."""
    before = [0] * len(x)
    for i in range(1, len(x)):
        j = i - 1
        while j > 0 and cross(before[j], j, i, x, y) <= 0:
            j = before[j]
        before[i] = j
    return before


def cross(a: int, b: int, c: int, x: list[float], y: list[float]) -> float:
    """Above 0 where the way from a over b to c turns left."""
    return (x[b] - x[a]) * (y[c] - y[a]) - (y[b] - y[a]) * (x[c] - x[a])


Ends = tuple[tuple[list[float], list[float]], tuple[list[float], list[float]]]


def bridge(a: int, b: int, ends: Ends, chains: tuple[list[int], list[int]]) -> float:
    """The slope of the common lower tangent of the hull that ends in a and the moved hull that begins in b."""
    (x, moved_x), (y, moved_y) = ends
    before, after = chains
    while True:
        slope = (moved_y[b] - y[a]) / (moved_x[b] - x[a])
        p, n = before[a], after[b]
        if p != a and y[p] + slope * (x[a] - x[p]) <= y[a]:
            a = p
        elif n != b and moved_y[n] <= moved_y[b] + slope * (moved_x[n] - moved_x[b]):
            b = n
        else:
            return slope
