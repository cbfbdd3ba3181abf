"""Every leaf as a game of its own: `value` where all its features allow it, else nothing.

A tree is the sum of its leaves, and Shapley values are linear, so a leaf's contributions can be had alone. Splits of
the path on one feature are one player; its share is the product of the shares of training rows that those splits let
pass (Lundberg et al. 2020, Nature Machine Intelligence 2, path-dependent TreeSHAP: an unasked split weighs both sides
by their rows).
"""

from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.treeshap.columns import Columns
from pipeline.treeshap.trees import Tree, Trees

NO_CUT = -1


@dataclass(frozen=True)
class Condition:
    """`low < code <= high` of one column; NO_CUT is no bound. Belongs to the player of that number."""

    column: int
    low: int
    high: int
    player: int

    def cuts(self) -> list[tuple[int, int]]:
        return [(self.column, cut) for cut in (self.low, self.high) if cut != NO_CUT]


@dataclass(frozen=True)
class Leaf:
    """Players are the features of the path in the order of their first split from the root."""

    features: tuple[int, ...]
    shares: tuple[float, ...]
    conditions: tuple[Condition, ...]
    value: float


@dataclass(frozen=True)
class Step:
    """One split of a path and the side taken."""

    feature: int
    column: int
    cut: int
    left: bool
    share: float


def leaves(trees: Trees, columns: Columns) -> list[Leaf]:
    pairs = zip(trees.trees, columns.splits, strict=True)
    return [leaf(path, value) for tree, splits in pairs for path, value in paths(tree, splits)]


def paths(tree: Tree, splits: list[tuple[int, int]]) -> Iterator[tuple[tuple[Step, ...], float]]:
    """The way from the root to every leaf, and the leaf's value."""
    left, right = tree.left.tolist(), tree.right.tolist()
    waiting: list[tuple[int, tuple[Step, ...]]] = [(0, ())]
    while waiting:
        node, path = waiting.pop()
        if node < 0:
            yield path, float(tree.value[~node])
            continue
        column, cut = splits[node]
        for child, is_left in ((left[node], True), (right[node], False)):
            share = count(tree, child) / float(tree.split_count[node])
            waiting.append((child, (*path, Step(int(tree.feature[node]), column, cut, is_left, share))))


def count(tree: Tree, node: int) -> float:
    return float(tree.split_count[node] if node >= 0 else tree.leaf_count[~node])


def leaf(path: tuple[Step, ...], value: float) -> Leaf:
    shares: dict[int, float] = {}
    bounds: dict[int, tuple[int, int, int]] = {}
    for step in path:
        shares[step.feature] = shares.get(step.feature, 1.0) * step.share
        player = list(shares).index(step.feature)
        low, high, _ = bounds.get(step.column, (NO_CUT, NO_CUT, player))
        if step.left:
            high = step.cut if high == NO_CUT else min(high, step.cut)
        else:
            low = max(low, step.cut)
        bounds[step.column] = (low, high, player)
    conditions = tuple(Condition(c, *b) for c, b in sorted(bounds.items()))
    return Leaf(tuple(shares), tuple(shares.values()), conditions, value)
