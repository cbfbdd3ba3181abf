"""Leaves that share features are put into groups, across trees, while a group tells at most 256 patterns apart.

A pattern is how all splits of a group fall out for a row: one digit a column, of as many states as it has cuts, plus
one. One look-up a group and feature then serves all leaves of the group: the fewer groups a feature is in, the faster.
"""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pipeline.treeshap.leaves import Leaf
from pipeline.treeshap.trees import Refused

MOST_PATTERNS = 256  # a pattern's number is a byte


@dataclass
class Group:
    """Numbers of its leaves, and the cuts (column, cut) that tell its patterns apart."""

    leaves: list[int] = field(default_factory=list)
    cuts: set[tuple[int, int]] = field(default_factory=set)


def groups(leaves: list[Leaf], columns: int, features: int) -> list[Group]:
    """Each leaf joins the group where it saves most; those with the rarest features come first, as they fit least."""
    board = Board(columns, features)
    often = Counter(f for leaf in leaves for f in leaf.features)
    for number in sorted(range(len(leaves)), key=lambda n: sorted((often[f], f) for f in leaves[n].features)):
        board.add(number, leaves[number])
    return board.groups


class Board:
    """The groups so far, as arrays that are asked all at once."""

    def __init__(self, columns: int, features: int) -> None:
        self.groups: list[Group] = []
        self.states = np.ones((64, columns))
        self.member = np.zeros((64, features), dtype=bool)
        self.bits = np.zeros(64)
        self.of_cut: dict[tuple[int, int], list[int]] = {}

    def add(self, number: int, leaf: Leaf) -> None:
        cuts = sorted({cut for condition in leaf.conditions for cut in condition.cuts()})
        g = self.best(leaf, cuts)
        if g is None:
            g = self.opened(cuts)
        group = self.groups[g]
        group.leaves.append(number)
        for cut in cuts:
            if cut not in group.cuts:
                group.cuts.add(cut)
                self.states[g, cut[0]] += 1
                self.of_cut.setdefault(cut, []).append(g)
        self.bits[g] = np.log2(self.states[g]).sum()
        self.member[g, list(leaf.features)] = True

    def opened(self, cuts: list[tuple[int, int]]) -> int:
        states = np.unique([column for column, _ in cuts], return_counts=True)[1] + 1
        if states.prod() > MOST_PATTERNS:
            raise Refused(f"a leaf tells more than {MOST_PATTERNS} patterns apart: its tree is too deep")
        self.groups.append(Group())
        if len(self.groups) > len(self.bits):
            self.states = np.concatenate([self.states, np.ones_like(self.states)])
            self.member = np.concatenate([self.member, np.zeros_like(self.member)])
            self.bits = np.concatenate([self.bits, np.zeros_like(self.bits)])
        return len(self.groups) - 1

    def best(self, leaf: Leaf, cuts: list[tuple[int, int]]) -> int | None:
        """Look-ups saved by joining, less half the growth of the table in bits; None where nothing may be joined."""
        here = slice(0, len(self.groups))
        shared = self.member[here][:, list(leaf.features)].sum(axis=1)
        bits = self.grown(cuts)
        fits = (shared > 0) & (bits <= np.log2(MOST_PATTERNS) + 1e-9)
        if not fits.any():
            return None
        alone = np.log2(np.unique([c for c, _ in cuts], return_counts=True)[1] + 1).sum()
        gain = shared - (bits - np.maximum(self.bits[here], alone)) / 2
        return int(np.where(fits, gain, -np.inf).argmax())

    def grown(self, cuts: list[tuple[int, int]]) -> NDArray[np.float64]:
        """Bits of every group's patterns with `cuts` among its own."""
        count = len(self.groups)
        more: dict[int, NDArray[np.float64]] = {}
        for column, cut in cuts:
            missing = np.ones(count)
            missing[self.of_cut.get((column, cut), [])] = 0
            more[column] = more.get(column, np.zeros(count)) + missing
        bits = self.bits[:count].copy()
        for column, added in more.items():
            bits += np.log2(1 + added / self.states[:count, column])
        return bits
