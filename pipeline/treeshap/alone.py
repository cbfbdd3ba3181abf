"""One row's contributions without compiled loops: the same sums in the same order as kernel.py, so the same bits.

Setting up numba costs more than a whole row does here; whoever asks for one family waits for nothing else.
"""

import numpy as np

from pipeline.treeshap.layouts import Layout, Players
from pipeline.treeshap.plans import Plan
from pipeline.treeshap.trees import ZERO, Floats, Ints
from pipeline.treeshap.weights import contributions, independent, mixed, parts


def alone(layout: Layout, x: Floats) -> Floats:
    """[feature and base] of one row [feature], against the shares of training rows; as tables.path_dependent gives."""
    pattern = patterns(layout.plan, x)
    cells, base = np.zeros(layout.cells), layout.constant
    for leaves in layout.leaves:
        often = independent(leaves.shares)
        base += float(leaves.value @ often[:, -1])
        weighted = leaves.value[:, None] * often
        for part in parts(len(often)):
            fill(cells, leaves, part, (weighted[part], pattern))
    found = np.zeros(layout.features + 1)
    found[layout.plan.features] = looked_up(layout.plan, cells, pattern)
    found[-1] = base
    return found


def fill(cells: Floats, leaves: Players, part: slice, known: tuple[Floats, Ints]) -> None:
    """Of each leaf's tables the cells of the row's own pattern; `add.at` adds leaf by leaf, as kernel.spread."""
    weighted, pattern = known
    values = mixed(weighted, contributions(leaves.shares.shape[1]))
    mine = pattern[leaves.group[part]]
    bits = leaves.satisfied[part][np.arange(len(mine)), mine]
    np.add.at(cells, leaves.table[part] + mine[:, None], values[np.arange(len(mine)), bits])


def patterns(plan: Plan, x: Floats) -> Ints:
    """The pattern of each group: the weights of the cuts that the row's codes exceed."""
    codes = np.zeros(len(plan.unknown), dtype=np.int64)
    for k, feature in enumerate(plan.features):
        value = x[feature]
        for s in range(plan.scale_from[k], plan.scale_from[k + 1]):
            below = np.count_nonzero(value > plan.cuts[plan.cut_from[s] : plan.cut_from[s + 1]])
            for c in range(plan.column_from[s], plan.column_from[s + 1]):
                known = abs(value) > ZERO if plan.zero_unknown[c] else value == value
                codes[c] = below if known else plan.unknown[c]
    exceeded = codes[plan.condition_column] > plan.condition_cut
    group = np.repeat(np.arange(len(plan.condition_from) - 1), np.diff(plan.condition_from))
    found = np.zeros(len(plan.condition_from) - 1, dtype=np.int64)
    np.add.at(found, group, plan.condition_weight.astype(np.int64) * exceeded)
    return found


def looked_up(plan: Plan, cells: Floats, pattern: Ints) -> list[float]:
    """Of each used feature the sum of its look-ups: fours, then two, then one, as kernel.add_lookups."""
    each: list[float] = cells[plan.lookup_table + pattern[plan.lookup_group]].tolist()
    return [summed(each[a:b]) for a, b in zip(plan.lookup_from[:-1], plan.lookup_from[1:], strict=True)]


def summed(each: list[float]) -> float:
    total, at = 0.0, 0
    while at + 4 <= len(each):
        total += (each[at] + each[at + 1]) + (each[at + 2] + each[at + 3])
        at += 4
    if at + 2 <= len(each):
        total += each[at] + each[at + 1]
        at += 2
    return total + each[at] if at < len(each) else total
