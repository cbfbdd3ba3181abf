"""Tables filled for a population, and contributions looked up in them."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from pipeline.treeshap import kernel, weights
from pipeline.treeshap.groups import MOST_PATTERNS
from pipeline.treeshap.layouts import Layout, Players
from pipeline.treeshap.trees import Floats, Ints

TASK = kernel.BLOCK  # rows that a thread takes at once


@dataclass(frozen=True)
class Tables:
    """`cells` holds every table one after the other; `base` is the mean raw score of the population."""

    layout: Layout
    cells: Floats
    base: float


def path_dependent(layout: Layout) -> Tables:
    """The population that the shares of training rows tell: values as LightGBM's `pred_contrib`."""
    return filled(layout, [weights.independent(leaves.shares) for leaves in layout.leaves])


def interventional(layout: Layout, background: Floats) -> Tables:
    """A population given by its rows [row, feature]: exact, over all of them. ValueError where there are none."""
    checked(layout, background)
    if not len(background):
        raise ValueError("a background without rows")
    counts = kernel.count_patterns(by_feature(background), layout.plan)
    return filled(layout, [frequencies(leaves, counts) for leaves in layout.leaves])


def frequencies(leaves: Players, counts: Ints) -> Floats:
    return kernel.gather(counts, leaves.group, leaves.satisfied, 1 << leaves.shares.shape[1])


def filled(layout: Layout, frequency: list[Floats]) -> Tables:
    """`frequency` [leaf, bits] of each set of leaves: how often the players of the population allow so."""
    cells = np.zeros(layout.cells + MOST_PATTERNS)
    base = layout.constant
    for leaves, often in zip(layout.leaves, frequency, strict=True):
        base += float(leaves.value @ often[:, -1])
        weighted = leaves.value[:, None] * often
        for part in weights.parts(len(often)):
            values = weights.mixed(weighted[part], weights.contributions(leaves.shares.shape[1]))
            kernel.spread(values, leaves.satisfied[part], leaves.patterns[part], leaves.table[part], cells)
    return Tables(layout, cells, base)


def contributions(tables: Tables, x: Floats, threads: int, out: Floats | None = None) -> Floats:
    """[row, feature and base], in log-odds for a booster of log-odds; rows sum to the raw score.

    `x` has the booster's features in their order; columns that lie one after the other in memory, as a table's do, are
    read fastest. What is found lies so too. `out` is filled in place of new memory: one found for earlier rows.
    """
    layout = tables.layout
    checked(layout, x)
    found = np.zeros((layout.features + 1, len(x))) if out is None else out.T
    found[-1] = tables.base

    def work(start: int) -> None:
        stop = min(len(x), start + TASK)
        if x.flags.f_contiguous:
            kernel.explain_rows(x.T, start, layout.plan, tables.cells, found[:, start:stop])
        else:
            kernel.explain_rows(kernel.turned(x, start, stop), 0, layout.plan, tables.cells, found[:, start:stop])

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, range(0, len(x), TASK)))
    return found.T


def by_feature(x: Floats) -> Floats:
    """[feature, row], each feature's values side by side."""
    return np.ascontiguousarray(x.T)


def checked(layout: Layout, x: Floats) -> None:
    if x.ndim != 2 or x.shape[1] != layout.features or x.dtype != np.float64:
        raise ValueError(f"{x.dtype} of shape {x.shape}, not float64 of {layout.features} columns")
