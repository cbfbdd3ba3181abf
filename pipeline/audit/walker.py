"""A model of LightGBM read and walked as plainly as can be: node by node, in Python, with nothing of ours or theirs.

It is slow and meant to be read beside the model's text. What scores and explains everybody must agree with it.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from math import factorial
from typing import NamedTuple

NOTHING = 1.0000000180025095e-35  # what LightGBM takes for zero
UNKNOWN_IS_ZERO, UNKNOWN_IS_NAN = 1, 2
MOST_PLAYERS = 12  # of a tree; 2 to this power are the subsets of its features

Row = Sequence[float]
Known = frozenset[int]


class Node(NamedTuple):
    """A split: feature, threshold, what counts as unknown, where unknowns go, both sides, training rows."""

    feature: int
    threshold: float
    unknown: int
    unknown_left: bool
    left: "Node | Leaf"
    right: "Node | Leaf"
    rows: float


class Leaf(NamedTuple):
    """What a tree says in the end, in log-odds, and how many training rows ended there."""

    value: float
    rows: float


Tree = Node | Leaf


class Model(NamedTuple):
    """The names of the features in the model's order, and its trees in theirs."""

    features: tuple[str, ...]
    trees: tuple[Tree, ...]


def read(text: str) -> Model:
    head, *blocks = text.split("\nend of trees")[0].split("\nTree=")
    names = tuple(fields(head)["feature_names"].split())
    return Model(names, tuple(tree(fields(block)) for block in blocks))


def fields(block: str) -> dict[str, str]:
    return {key: value for key, _, value in (line.partition("=") for line in block.split("\n"))}


def tree(told: Mapping[str, str]) -> Tree:
    """The tree of one block; a child below 0 is leaf `-child - 1`."""
    value = [float(v) for v in told["leaf_value"].split()]
    if int(told["num_leaves"]) == 1:
        return Leaf(value[0], 1.0)
    leaf_rows = [float(v) for v in told["leaf_count"].split()]
    columns = {k: told[k].split() for k in ("split_feature", "threshold", "decision_type", "internal_count")}
    sides = {k: [int(c) for c in told[k].split()] for k in ("left_child", "right_child")}

    def at(place: int) -> Tree:
        if place < 0:
            return Leaf(value[-place - 1], leaf_rows[-place - 1])
        kind = int(columns["decision_type"][place])
        left, right = at(sides["left_child"][place]), at(sides["right_child"][place])
        feature, threshold = int(columns["split_feature"][place]), float(columns["threshold"][place])
        return Node(
            feature, threshold, kind >> 2 & 3, bool(kind & 2), left, right, float(columns["internal_count"][place])
        )

    return at(0)


def goes_left(node: Node, value: float) -> bool:
    missing = math.isnan(value)
    small = missing or abs(value) <= NOTHING
    if (node.unknown == UNKNOWN_IS_NAN and missing) or (node.unknown == UNKNOWN_IS_ZERO and small):
        return node.unknown_left
    return (0.0 if small else value) <= node.threshold


def walk(tree: Tree, row: Row) -> float:
    """The value of the leaf in which the row ends."""
    while isinstance(tree, Node):
        tree = tree.left if goes_left(tree, row[tree.feature]) else tree.right
    return tree.value


def raw_score(model: Model, row: Row) -> float:
    """The sum of the trees, added one after the other as LightGBM does: log-odds."""
    total = 0.0
    for one in model.trees:
        total += walk(one, row)
    return total


# ------------------------------------------------------------------ Shapley's formula, tree by tree


def shapley(model: Model, row: Row) -> tuple[dict[int, float], float] | None:
    """Each feature's contribution and the base value; none where a tree has more features than subsets can be told.

    The game of a tree: its expected value where only some features are told, a split on any other weighing both sides
    by the training rows that went there. Lundberg, Erion and Lee (2018), tree_path_dependent.
    """
    contributions: dict[int, float] = {}
    base = 0.0
    for one in model.trees:
        players = sorted(set(asked(one)))
        if len(players) > MOST_PLAYERS:
            return None
        game = {known: expectation(one, row, known) for known in subsets(players)}
        base += game[frozenset()]
        for player in players:
            contributions[player] = contributions.get(player, 0.0) + of_player(game, players, player)
    return contributions, base


def asked(tree: Tree) -> Iterator[int]:
    if isinstance(tree, Node):
        yield tree.feature
        yield from asked(tree.left)
        yield from asked(tree.right)


def subsets(players: Sequence[int]) -> Iterator[Known]:
    for size in range(len(players) + 1):
        yield from map(frozenset, combinations(players, size))


def expectation(tree: Tree, row: Row, known: Known) -> float:
    if isinstance(tree, Leaf):
        return tree.value
    if tree.feature in known:
        return expectation(tree.left if goes_left(tree, row[tree.feature]) else tree.right, row, known)
    left, right = tree.left.rows, tree.right.rows
    return (left * expectation(tree.left, row, known) + right * expectation(tree.right, row, known)) / (left + right)


def of_player(game: Mapping[Known, float], players: Sequence[int], player: int) -> float:
    """sum over S without the player of |S|! (n - |S| - 1)! / n! (v(S + player) - v(S)), Shapley (1953)."""
    n = len(players)
    return sum(
        factorial(len(s)) * factorial(n - len(s) - 1) / factorial(n) * (game[s | {player}] - game[s])
        for s in game
        if player not in s
    )
