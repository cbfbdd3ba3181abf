"""What the tables of a booster look like, whatever population they are filled for: built once a booster."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.treeshap import trees
from pipeline.treeshap.columns import Columns, columns
from pipeline.treeshap.groups import MOST_PATTERNS, Group, groups
from pipeline.treeshap.leaves import NO_CUT, Condition, Leaf, leaves
from pipeline.treeshap.plans import Bytes, Plan
from pipeline.treeshap.trees import ZERO, Floats, Ints


@dataclass(frozen=True)
class Players:
    """All leaves with equally many players; `table` [leaf, player] is where the player's table begins."""

    value: Floats
    shares: Floats
    group: Ints
    satisfied: Bytes
    """[leaf, pattern of its group] -> bits of the players that allow it."""
    patterns: Ints
    """How many patterns the leaf's group has."""
    table: Ints
    features: Ints


@dataclass(frozen=True)
class Layout:
    """Plan, leaves by number of players, and sizes: `cells` of all tables, `features` of the booster."""

    plan: Plan
    leaves: list[Players]
    cells: int
    constant: float
    features: int
    groups: int


def layout(booster: trees.Model) -> Layout:
    """Raises Refused where the booster is of a kind that the tables cannot hold."""
    read = trees.read(booster)
    ordinal = columns(read)
    found = leaves(read, ordinal)
    grouped = groups(found, len(ordinal.columns), read.features)
    digits = [Digits(g) for g in grouped]
    tables, cells = table_places(grouped, digits, found)
    plan = planned(ordinal, digits, tables)
    return Layout(plan, players(found, grouped, digits, tables), cells, read.constant, read.features, len(grouped))


class Digits:
    """The mixed-radix number of a group's patterns: stride and cuts of every column's digit."""

    def __init__(self, group: Group) -> None:
        self.cuts: dict[int, list[int]] = {}
        for column, cut in sorted(group.cuts):
            self.cuts.setdefault(column, []).append(cut)
        self.stride: dict[int, int] = {}
        self.patterns = 1
        for column, cuts in self.cuts.items():
            self.stride[column] = self.patterns
            self.patterns *= len(cuts) + 1

    def allowed(self, condition: Condition) -> NDArray[np.bool_]:
        """Whether each pattern meets a condition: its digit counts the cuts that the code exceeds."""
        cuts = self.cuts[condition.column]
        digit = np.arange(self.patterns) // self.stride[condition.column] % (len(cuts) + 1)
        low = 0 if condition.low == NO_CUT else cuts.index(condition.low) + 1
        high = len(cuts) if condition.high == NO_CUT else cuts.index(condition.high)
        return (digit >= low) & (digit <= high)


def table_places(groups: list[Group], digits: list[Digits], leaves: list[Leaf]) -> tuple[list[dict[int, int]], int]:
    """Where the table of each group's feature begins, and how many cells there are."""
    places: list[dict[int, int]] = []
    cells = 0
    for group, digit in zip(groups, digits, strict=True):
        features = sorted({f for n in group.leaves for f in leaves[n].features})
        places.append({f: cells + i * digit.patterns for i, f in enumerate(features)})
        cells += len(features) * digit.patterns
    return places, cells


def planned(ordinal: Columns, digits: list[Digits], tables: list[dict[int, int]]) -> Plan:
    features = sorted({s.feature for s in ordinal.scales})
    cuts = [compared(s.cuts) for s in ordinal.scales]
    lookups = [[(g, t[f]) for g, t in enumerate(tables) if f in t] for f in features]
    conditions = [[(c, cut, d.stride[c]) for c, cuts in d.cuts.items() for cut in cuts] for d in digits]
    flat = [one for group in conditions for one in group]
    looked = [one for feature in lookups for one in feature]
    return Plan(
        np.array(features, dtype=np.int64),
        offsets([sum(s.feature == f for s in ordinal.scales) for f in features]),
        offsets([len(one) for one in cuts]),
        np.concatenate([np.zeros(0), *cuts]),
        offsets([sum(c.scale == i for c in ordinal.columns) for i in range(len(ordinal.scales))]),
        np.array([c.zero_unknown for c in ordinal.columns], dtype=np.bool_),
        np.array([c.unknown for c in ordinal.columns], dtype=np.uint8),
        offsets([len(group) for group in conditions]),
        np.array([column for column, _, _ in flat], dtype=np.int64),
        np.array([cut for _, cut, _ in flat], dtype=np.uint8),
        np.array([weight for _, _, weight in flat], dtype=np.uint8),
        offsets([len(feature) for feature in lookups]),
        np.array([group for group, _ in looked], dtype=np.int64),
        np.array([table for _, table in looked], dtype=np.int64),
    )


def compared(cuts: Floats) -> Floats:
    """Cuts as raw values are compared with them: LightGBM's predictor reads |value| <= 1e-35 as zero.

    So zero's side decides for a cut within these bounds. Filled up with infinities to a multiple of four.
    """
    below, above = (cuts >= -ZERO) & (cuts < 0), (cuts >= 0) & (cuts < ZERO)
    moved = np.where(below, np.nextafter(-ZERO, -np.inf), np.where(above, ZERO, cuts))
    return np.concatenate([moved, np.full(-len(cuts) % 4, np.inf)])


def offsets(lengths: list[int]) -> Ints:
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)


def players(
    leaves: list[Leaf], groups: list[Group], digits: list[Digits], tables: list[dict[int, int]]
) -> list[Players]:
    group_of = {number: g for g, group in enumerate(groups) for number in group.leaves}
    by_count: dict[int, list[int]] = {}
    for group in groups:
        for number in group.leaves:
            by_count.setdefault(len(leaves[number].features), []).append(number)
    return [
        Players(
            np.array([leaves[n].value for n in numbers]),
            np.array([leaves[n].shares for n in numbers]),
            np.array([group_of[n] for n in numbers], dtype=np.int64),
            np.stack([satisfied(leaves[n], digits[group_of[n]]) for n in numbers]),
            np.array([digits[group_of[n]].patterns for n in numbers], dtype=np.int64),
            np.array([[tables[group_of[n]][f] for f in leaves[n].features] for n in numbers], dtype=np.int64),
            np.array([leaves[n].features for n in numbers], dtype=np.int64),
        )
        for _, numbers in sorted(by_count.items())
    ]


def satisfied(leaf: Leaf, digits: Digits) -> Bytes:
    found = np.full(MOST_PATTERNS, (1 << len(leaf.features)) - 1, dtype=np.uint8)
    for condition in leaf.conditions:
        refused = ~digits.allowed(condition)
        found[: digits.patterns][refused] &= np.uint8(255 ^ (1 << condition.player))
    return found
