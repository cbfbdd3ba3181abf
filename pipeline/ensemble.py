"""Several boosters as one: the mean of sums of trees is again a sum of trees.

The trees of all members stand one member after the other, their leaves divided by the number of members. So the one
model predicts, explains and is stored like any other, and a member is still there as a range of its trees.
"""

import re
from collections.abc import Iterator, Sequence

import lightgbm as lgb
import numpy as np
import pandas as pd

from pipeline.sample import Floats

TREE = re.compile(r"^Tree=\d+\n", re.MULTILINE)
END = "end of trees\n"
SCALED = ("leaf_value=", "internal_value=", "shrinkage=")
# Where a member stopped early it is filled up, so that all members have equally many trees.
NO_SPLIT = "\n".join(
    (
        "num_leaves=1", "num_cat=0", "split_feature=", "split_gain=", "threshold=", "decision_type=", "left_child=",
        "right_child=", "leaf_value=0", "leaf_weight=", "leaf_count=", "internal_value=", "internal_weight=",
        "internal_count=", "is_linear=0", "shrinkage=1", "\n\n",
    )
)  # fmt: skip


def merge(members: Sequence[lgb.Booster], level: float) -> lgb.Booster:
    """One booster whose raw score is the mean of the members' raw scores plus `level`.

    The members are of one objective and of the same numeric features in the same order; their parameters are told as
    those of the first. ValueError where features differ.
    """
    texts = [m.model_to_string(num_iteration=-1) for m in members]
    if len({tuple(m.feature_name()) for m in members}) > 1:
        raise ValueError("boosters of different features cannot be one")
    most = max(m.num_trees() for m in members)
    share = 1 / len(members)
    trees = [tree for text in texts for tree in filled(scaled_trees(text, share, share * level), most)]
    blocks = [f"Tree={i}\n{tree}" for i, tree in enumerate(trees)]
    head = TREE.split(texts[0], maxsplit=1)[0]
    head = replaced(head, "feature_infos", widest([value(t, "feature_infos").split(" ") for t in texts]))
    head = replaced(head, "tree_sizes", [str(len(b.encode())) for b in blocks])
    # LightGBM counts the importances anew when it writes a model, so the first member's may stand here.
    return lgb.Booster(model_str=head + "".join(blocks) + END + texts[0].split(END, 1)[1])


def parts(booster: lgb.Booster, x: pd.DataFrame, members: int) -> Floats:
    """Raw scores of each member of a merged booster, shape (rows, members); their mean is the booster's own.

    ValueError where the trees do not make so many members.
    """
    each, left = divmod(booster.num_trees(), members)
    if left:
        raise ValueError(f"{booster.num_trees()} trees are not {members} members of equally many")
    found = [
        booster.predict(x, raw_score=True, start_iteration=k * each, num_iteration=each, validate_features=True)
        for k in range(members)
    ]
    return np.column_stack([np.asarray(f, dtype=np.float64) for f in found]) * members


def members(booster: lgb.Booster, count: int) -> list[lgb.Booster]:
    """The members of a merged booster; what each predicts and contributes is to be taken times `count`.

    ValueError as `parts`.
    """
    each, left = divmod(booster.num_trees(), count)
    if left:
        raise ValueError(f"{booster.num_trees()} trees are not {count} members of equally many")
    texts = [booster.model_to_string(num_iteration=each, start_iteration=k * each) for k in range(count)]
    return [lgb.Booster(model_str=text) for text in texts]


def ranges(booster: lgb.Booster) -> dict[str, tuple[float, float] | None]:
    """Least and largest value of each feature in training; None where it did not vary there."""
    infos = value(booster.model_to_string(num_iteration=1), "feature_infos").split(" ")
    found = [None if i == "none" else next(bounds([i])) for i in infos]
    return {n: r and (float(r[0]), float(r[1])) for n, r in zip(booster.feature_name(), found, strict=True)}


def scaled_trees(text: str, factor: float, shift: float) -> list[str]:
    """The trees of a model's text with `factor` times their values; the first one also holds `shift`."""
    trees = TREE.split(text.split(END, 1)[0])[1:]
    return [scaled(tree, factor, shift if i == 0 else 0.0) for i, tree in enumerate(trees)]


def scaled(tree: str, factor: float, shift: float) -> str:
    return "\n".join(scaled_line(line, factor, shift) for line in tree.split("\n"))


def scaled_line(line: str, factor: float, shift: float) -> str:
    name = next((n for n in SCALED if line.startswith(n)), None)
    if name is None or line == name:
        return line
    moved = 0.0 if name == "shrinkage=" else shift
    return name + " ".join(repr(float(v) * factor + moved) for v in line.removeprefix(name).split(" "))


def filled(trees: list[str], count: int) -> list[str]:
    return trees + [NO_SPLIT] * (count - len(trees))


def value(text: str, key: str) -> str:
    """What stands behind `key=` in the head of a model's text."""
    return next(line for line in text.split("\n") if line.startswith(f"{key}=")).removeprefix(f"{key}=")


def replaced(head: str, key: str, values: Sequence[str]) -> str:
    return head.replace(f"{key}={value(head, key)}\n", f"{key}={' '.join(values)}\n", 1)


def widest(infos: Sequence[list[str]]) -> list[str]:
    """The range of every feature over all members: '[lowest:highest]', or 'none' where no member saw it vary."""
    return [widest_range([i for i in of_feature if i != "none"]) for of_feature in zip(*infos, strict=True)]


def widest_range(ranges: list[str]) -> str:
    if not ranges:
        return "none"
    lows, highs = zip(*bounds(ranges), strict=True)
    return f"[{min(lows, key=float)}:{max(highs, key=float)}]"


def bounds(ranges: list[str]) -> Iterator[tuple[str, str]]:
    for text in ranges:
        low, high = text.strip("[]").split(":")
        yield low, high
