"""Contributions by concept: a few things a person knows in place of hundreds of features, and exactly the same sum.

Each feature belongs to one concept, declared with it (features/spec.py) and written to data/wording.csv. Shapley values
are additive, so what a concept contributes is the sum of its features; correlated features share among themselves, and
their sum moves less from seed to seed than any of them.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.sample import Floats

Places = NDArray[np.intp]


def members(concepts: Sequence[str]) -> dict[str, Places]:
    """Positions of the features of each concept, concepts in order of their names; `concepts` has one a feature."""
    each = np.asarray(concepts, dtype=object)
    return {str(name): np.flatnonzero(each == name) for name in sorted(set(concepts))}


def summed(contributions: Floats, concepts: Sequence[str]) -> Floats:
    """[row, concept] of contributions [row, feature], concepts in the order of `members`; rows keep their sum."""
    return np.column_stack([contributions[:, at].sum(axis=1) for at in members(concepts).values()])


def strongest(net: Floats, count: int) -> Places:
    """[row, place] positions of the `count` largest sizes of each row, largest first; ties in order of position."""
    return np.argsort(-np.abs(net), axis=1, kind="stable")[:, :count]
