"""Pairwise interactions, for pictures of some rows: what two features give together beyond what each gives alone."""

import numpy as np

from pipeline.treeshap import kernel, weights
from pipeline.treeshap.layouts import Layout, Players
from pipeline.treeshap.plans import Bytes
from pipeline.treeshap.tables import by_feature, checked, frequencies
from pipeline.treeshap.trees import Floats

ROWS = 256  # at once, where only the mean is asked for


def interactions(layout: Layout, x: Floats, background: Floats | None = None) -> Floats:
    """[row, feature, feature], symmetric: each row of the square sums to the feature's contribution.

    Path-dependent, or against the rows of a background. The memory is rows times features squared.
    """
    checked(layout, x)
    found = np.zeros((len(x), layout.features, layout.features))
    patterns = kernel.pattern_rows(by_feature(x), layout.plan)
    for leaves, often in zip(layout.leaves, populations(layout, background), strict=True):
        add_interactions(found, leaves, often, patterns)
    return found


def populations(layout: Layout, background: Floats | None) -> list[Floats]:
    if background is None:
        return [weights.independent(leaves.shares) for leaves in layout.leaves]
    checked(layout, background)
    counts = kernel.count_patterns(by_feature(background), layout.plan)
    return [frequencies(leaves, counts) for leaves in layout.leaves]


def add_interactions(found: Floats, leaves: Players, often: Floats, patterns: Bytes) -> None:
    square = weights.interactions(leaves.shares.shape[1])
    for n, features in enumerate(leaves.features):
        values = weights.mixed((leaves.value[n] * often[n])[None], square)[0]
        bits = leaves.satisfied[n][patterns[leaves.group[n]]]
        found[:, features[:, None], features] += values[bits]


def mean_interactions(layout: Layout, x: Floats, background: Floats | None = None) -> Floats:
    """[feature, feature]: the mean absolute interaction of all rows, a few rows at a time."""
    total = np.zeros((layout.features, layout.features))
    for first in range(0, len(x), ROWS):
        total += np.abs(interactions(layout, x[first : first + ROWS], background)).sum(axis=0)
    return total / max(len(x), 1)
