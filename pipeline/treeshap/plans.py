"""What the loops over rows read, compiled or not."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.treeshap.trees import Floats, Ints

Bytes = NDArray[np.uint8]


class Plan(NamedTuple):
    """What the compiled loops read. `*_from` are offsets: part i of what follows is [from[i], from[i + 1])."""

    features: Ints
    """Features that some split uses, ascending."""
    scale_from: Ints
    """Of each used feature, its scales."""
    cut_from: Ints
    cuts: Floats
    column_from: Ints
    """Of each scale, its columns."""
    zero_unknown: NDArray[np.bool_]
    unknown: Bytes
    condition_from: Ints
    """Of each group, its cuts; a row's pattern is the sum of the weights of those that its codes exceed."""
    condition_column: Ints
    condition_cut: Bytes
    condition_weight: Bytes
    lookup_from: Ints
    """Of each used feature, its look-ups: a group, and where the table begins."""
    lookup_group: Ints
    lookup_table: Ints
