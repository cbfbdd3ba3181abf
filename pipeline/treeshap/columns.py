"""Every split of a booster as `code > cut`, where code is a small ordinal number of a column.

A column is a feature with at most 255 of its thresholds, and the code of unknown values. The code of a known value is
the number of thresholds below it. Where a split sends unknown values left, their code is 0; where right, the number of
thresholds: both lie on that side of every cut. This is Tree::NumericalDecision of LightGBM, whatever mix of default
sides and kinds of missing values the trees have.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from pipeline.treeshap.trees import (
    DEFAULT_LEFT,
    MISSING_BITS,
    MISSING_NAN,
    MISSING_NONE,
    MISSING_SHIFT,
    MISSING_ZERO,
    Floats,
    Trees,
)

MOST_CUTS = 255  # codes are bytes


@dataclass(frozen=True)
class Scale:
    """Some thresholds of a feature, ascending."""

    feature: int
    cuts: Floats


@dataclass(frozen=True, order=True)
class Column:
    """Ordinal codes on a scale: `unknown` is the code of NaN, and of zero too where `zero_unknown`."""

    scale: int
    zero_unknown: bool
    unknown: int


@dataclass(frozen=True)
class Columns:
    """Scales by feature, columns by scale, and for every split of every tree its column and cut."""

    scales: list[Scale]
    columns: list[Column]
    splits: list[list[tuple[int, int]]]


def columns(trees: Trees) -> Columns:
    scales = list(all_scales(trees))
    begins = {(s.feature, float(s.cuts[0])): i for i, s in enumerate(scales)}
    starts: dict[int, Floats] = {
        f: np.array([s.cuts[0] for s in scales if s.feature == f]) for f in {s.feature for s in scales}
    }

    def placed(feature: int, threshold: float, decision: int) -> tuple[Column, int]:
        first = starts[feature][np.searchsorted(starts[feature], threshold, side="right") - 1]
        number = begins[feature, float(first)]
        cuts = scales[number].cuts
        return column(number, cuts, decision), int(np.searchsorted(cuts, threshold))

    found = [[placed(*s) for s in zip(t.feature.tolist(), t.threshold.tolist(), t.decision.tolist(), strict=True)]
             for t in trees.trees]  # fmt: skip
    used = sorted({c for tree in found for c, _ in tree})
    number = {c: i for i, c in enumerate(used)}
    return Columns(scales, used, [[(number[c], cut) for c, cut in tree] for tree in found])


def all_scales(trees: Trees) -> Iterator[Scale]:
    """The distinct thresholds of every feature, in runs of at most 255."""
    if not trees.trees:
        return
    feature = np.concatenate([t.feature for t in trees.trees])
    threshold = np.concatenate([t.threshold for t in trees.trees])
    for f in np.unique(feature).tolist():
        cuts = np.unique(threshold[feature == f])
        for first in range(0, len(cuts), MOST_CUTS):
            yield Scale(f, cuts[first : first + MOST_CUTS])


def column(scale: int, cuts: Floats, decision: int) -> Column:
    missing = (decision >> MISSING_SHIFT) & MISSING_BITS
    side = 0 if decision & DEFAULT_LEFT else len(cuts)
    # Where training saw nothing unknown, LightGBM reads NaN as zero.
    unknown = {MISSING_NONE: int((cuts < 0).sum()), MISSING_ZERO: side, MISSING_NAN: side}[missing]
    return Column(scale, missing == MISSING_ZERO, unknown)
