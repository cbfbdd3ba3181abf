"""What a feature gives as its value grows, and what two features give together: tables for the auditors' pictures.

They show the model, not the world: a rising line says that the score rises with the value, never that families would.
Tables hold groups of families, none of fewer than `minimum_families`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import lightgbm as lgb
import numpy as np
import pandas as pd

from pipeline import treeshap
from pipeline.sample import Floats

LOW, HIGH, UNKNOWN = "low", "high", "unknown"
DEPENDENCE = ["feature", "least", "most", "families", "lower", "median", "upper"]
PAIRS = ["feature", "other", "concept", "other_concept", "mean_abs", "share"]
TOGETHER = ["feature", "other", "of_other", "least", "most", "families", "median"]
BOUNDS = (0.1, 0.5, 0.9)
ROWS = 128  # of which all interactions are in memory at once


class Bins(NamedTuple):
    """The most groups of equal size that a feature's known values make, and the fewest families that one may have."""

    most: int
    fewest: int


class Sizes(NamedTuple):
    """How many pairs are told of, how many features and pairs are drawn, and the groups of values."""

    pairs: int
    pictured: int
    bins: Bins


@dataclass(frozen=True)
class Sample:
    """Some families: x and contributions [row, feature] of the features `names`; concept by feature."""

    x: Floats
    contributions: Floats
    names: list[str]
    concept: Mapping[str, str]


def tables(booster: lgb.Booster, sample: Sample, sizes: Sizes) -> dict[str, pd.DataFrame]:
    """`dependence` of the features that give most, `pairs`, and what the first of them give `together`.

    Without pairs where the model has no tables.
    """
    size = np.abs(sample.contributions).mean(axis=0)
    most = np.argsort(-size, kind="stable")[: sizes.pictured]
    some = [sample.names[k] for k in most]
    found = {"dependence": dependence(sample.x[:, most], sample.contributions[:, most], some, sizes.bins)}
    try:
        lay = treeshap.layout(booster)
    except treeshap.Refused:
        empty = pd.DataFrame(columns=PAIRS)
        return found | {"pairs": empty, "together": pd.DataFrame(columns=TOGETHER)}
    mean = treeshap.mean_interactions(lay, sample.x)
    told = pairs(mean, sample.names, [sample.concept[n] for n in sample.names], sizes.pairs)
    return found | {"pairs": told, "together": of_pairs(lay, sample, told.head(sizes.pictured), sizes.bins)}


def pairs(mean_interactions: Floats, names: Sequence[str], concept_of: Sequence[str], count: int) -> pd.DataFrame:
    """The pairs that give most together, strongest first: feature, other, concept, other_concept, mean_abs, share.

    mean_interactions [feature, feature] are means of absolute values; a pair stands there twice, each time with half of
    what it gives. share is of the sum over all pairs.
    """
    size = 2 * np.triu(mean_interactions, 1)
    order = np.argsort(-size, axis=None, kind="stable")[:count]
    row, column = np.unravel_index(order[size.ravel()[order] > 0], size.shape)
    named, concept = np.asarray(names, dtype=object), np.asarray(concept_of, dtype=object)
    return pd.DataFrame(
        {
            "feature": named[row], "other": named[column], "concept": concept[row], "other_concept": concept[column],
            "mean_abs": size[row, column], "share": size[row, column] / size.sum() if len(row) else size[row, column],
        }
    )  # fmt: skip


def groups(values: Floats, bins: Bins) -> list[tuple[float, float, np.ndarray]]:
    """Least, most and positions of groups of neighbouring values, about equally many each; unknown values last.

    Equal values are never parted; few known values make fewer groups, and one of fewer than the minimum is left out.
    """
    known = np.flatnonzero(~np.isnan(values))
    found = []
    if count := min(bins.most, len(known) // bins.fewest):
        cuts = np.unique(np.quantile(values[known], np.linspace(0, 1, count + 1)[1:-1]))
        code = np.searchsorted(cuts, values[known], side="left")
        found = [known[code == c] for c in np.unique(code)]
    each = [(float(values[at].min()), float(values[at].max()), at) for at in found]
    each.append((np.nan, np.nan, np.flatnonzero(np.isnan(values))))
    return [g for g in each if len(g[2]) >= bins.fewest]


def dependence(x: Floats, contributions: Floats, names: Sequence[str], bins: Bins) -> pd.DataFrame:
    """Columns DEPENDENCE; a row a group of values of each feature: tenth, median and nine tenths of contributions.

    x and contributions: [row, feature] of the features `names`. least and most are NaN where the value is unknown.
    """
    rows = [
        (name, least, most, len(at), *np.quantile(contributions[at, k], BOUNDS))
        for k, name in enumerate(names)
        for least, most, at in groups(x[:, k], bins)
    ]
    return pd.DataFrame(rows, columns=DEPENDENCE)


def together(x: Floats, values: Floats, names: tuple[str, str], bins: Bins) -> pd.DataFrame:
    """Columns TOGETHER: what a pair gives together by groups of the first, where the other is low, high or unknown.

    x [row, 2] of the features `names`; values [row] the interaction in log-odds, both halves. Low and high are below
    and from the median of the known values on.
    """
    median = np.nanmedian(x[:, 1]) if (~np.isnan(x[:, 1])).any() else np.nan
    sides = {LOW: x[:, 1] < median, HIGH: x[:, 1] >= median, UNKNOWN: np.isnan(x[:, 1])}
    rows = [
        (*names, side, least, most, len(at), float(np.median(values[mine][at])))
        for side, mine in sides.items()
        for least, most, at in groups(x[mine, 0], bins)
    ]
    return pd.DataFrame(rows, columns=TOGETHER)


def of_pairs(lay: treeshap.Layout, sample: Sample, told: pd.DataFrame, bins: Bins) -> pd.DataFrame:
    """`together` of each pair told, one after the other."""
    at = [(sample.names.index(a), sample.names.index(b)) for a, b in zip(told["feature"], told["other"], strict=True)]
    values = np.zeros((len(sample.x), len(at)))
    for first in range(0, len(sample.x), ROWS):
        square = treeshap.interactions(lay, sample.x[first : first + ROWS])
        for k, (a, b) in enumerate(at):
            values[first : first + ROWS, k] = 2 * square[:, a, b]
    each = [
        together(sample.x[:, [a, b]], values[:, k], (sample.names[a], sample.names[b]), bins)
        for k, (a, b) in enumerate(at)
    ]
    return pd.concat(each, ignore_index=True) if each else pd.DataFrame(columns=TOGETHER)
