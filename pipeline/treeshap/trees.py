"""LightGBM's text format -> the trees as arrays; a model that the tables cannot hold is refused with its reason."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

ZERO = float(np.float32(1e-35))  # LightGBM's kZeroThreshold
# decision_type of a split: bit 0 categorical, bit 1 unknown values go left, bits 2 and 3 what counts as unknown.
DEFAULT_LEFT, MISSING_SHIFT, MISSING_BITS = 2, 2, 3
MISSING_NONE, MISSING_ZERO, MISSING_NAN = 0, 1, 2


class Refused(ValueError):
    """A booster whose contributions these tables cannot give; the text says why."""


class Model(Protocol):
    """What tells its trees in LightGBM's text format: a booster, or the text of one that was written (`Written`)."""

    def model_to_string(self) -> str: ...


@dataclass(frozen=True)
class Written:
    """The text of a booster: whoever only explains need not load LightGBM."""

    text: str

    def model_to_string(self) -> str:
        return self.text


@dataclass(frozen=True)
class Tree:
    """One tree with at least one split. A child >= 0 is a split, ~child a leaf; counts are of training rows."""

    feature: Ints
    threshold: Floats
    decision: Ints
    left: Ints
    right: Ints
    split_count: Floats
    value: Floats
    leaf_count: Floats


@dataclass(frozen=True)
class Trees:
    """A booster: its trees with splits, the sum of those without, and the number of its features."""

    trees: list[Tree]
    constant: float
    features: int


def read(booster: Model) -> Trees:
    """The trees that `booster.predict` uses; Refused for several outputs, forests, categorical or linear trees."""
    text = booster.model_to_string()
    head, *blocks = text.split("\nend of trees")[0].split("\nTree=")
    told = fields(head)
    if int(told["num_class"]) != 1 or int(told["num_tree_per_iteration"]) != 1:
        raise Refused("it has several outputs")
    if "average_output" in head.split("\n"):
        raise Refused("it averages its trees (random forest)")
    each = [fields(block) for block in blocks]
    refuse_kinds(each)
    constant = sum(float(tree["leaf_value"]) for tree in each if int(tree["num_leaves"]) == 1)
    split = [tree_of(tree) for tree in each if int(tree["num_leaves"]) > 1]
    return Trees(split, constant, int(told["max_feature_idx"]) + 1)


def fields(block: str) -> dict[str, str]:
    return {name: value for name, _, value in (line.partition("=") for line in block.split("\n"))}


def refuse_kinds(each: list[dict[str, str]]) -> None:
    if any(int(tree["num_cat"]) for tree in each):
        raise Refused("it splits by categories")
    if any(int(tree["is_linear"]) for tree in each):
        raise Refused("its leaves are linear models")


def tree_of(told: dict[str, str]) -> Tree:
    def ints(name: str) -> Ints:
        return np.array(told[name].split(), dtype=np.int64)

    def floats(name: str) -> Floats:
        return np.array(told[name].split(), dtype=np.float64)

    found = Tree(
        ints("split_feature"), floats("threshold"), ints("decision_type"), ints("left_child"), ints("right_child"),
        floats("internal_count"), floats("leaf_value"), floats("leaf_count"),
    )  # fmt: skip
    if min(found.split_count.min(), found.leaf_count.min()) <= 0:
        raise Refused("a split or leaf has no training rows, so its share is not known")
    return found
