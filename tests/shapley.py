"""Shapley values the slow way: plain walks over trees, and the formula over all subsets of features."""

from itertools import combinations
from math import factorial

import numpy as np

NOTHING = 1.0000000180025095e-35  # what LightGBM takes for zero


def leaf_or_node_count(node):
    return node["leaf_count"] if "leaf_value" in node else node["internal_count"]


def goes_left(node, value):
    """LightGBM's rule of a numerical split; an unknown value follows the default only where unknowns were seen."""
    kind = node["missing_type"]
    if (kind == "NaN" and np.isnan(value)) or (kind == "Zero" and (np.isnan(value) or abs(value) <= NOTHING)):
        return node["default_left"]
    value = 0.0 if np.isnan(value) or abs(value) <= NOTHING else value
    return value <= node["threshold"]


def expectation(node, row, known):
    """What the tree gives where only the `known` features are told: an unasked split weighs both sides by its rows."""
    if "leaf_value" in node:
        return node["leaf_value"]
    left, right = node["left_child"], node["right_child"]
    if node["split_feature"] in known:
        return expectation(left if goes_left(node, row[node["split_feature"]]) else right, row, known)
    weights = leaf_or_node_count(left), leaf_or_node_count(right)
    return (weights[0] * expectation(left, row, known) + weights[1] * expectation(right, row, known)) / sum(weights)


def trees_of(booster):
    return [t["tree_structure"] for t in booster.dump_model()["tree_info"]]


def path_dependent_game(booster, row):
    """Value of every subset of features: the sum over trees of their expectations."""
    trees = trees_of(booster)
    return game(len(row), lambda known: sum(expectation(t, row, known) for t in trees))


def interventional_game(booster, row, background):
    """Value of every subset: the mean raw score of the background with the subset's values set to the row's."""

    def value(known):
        mixed = background.copy()
        mixed[:, sorted(known)] = row[sorted(known)]
        return booster.predict(mixed, raw_score=True).mean()

    return game(len(row), value)


def game(features, value):
    return {s: value(s) for k in range(features + 1) for s in map(frozenset, combinations(range(features), k))}


def shapley(values):
    """Contribution of each feature, by Shapley's formula."""
    n = max(len(s) for s in values)
    weight = [factorial(k) * factorial(n - k - 1) / factorial(n) for k in range(n)]
    return [sum(weight[len(s)] * (values[s | {i}] - values[s]) for s in values if i not in s) for i in range(n)]


def interaction(values):
    """[feature, feature]: half the Shapley interaction index, and on the diagonal what is left of the contribution."""
    n = max(len(s) for s in values)
    found = np.zeros((n, n))
    weight = [factorial(k) * factorial(n - k - 2) / factorial(n - 1) / 2 for k in range(n - 1)]
    for i, j in combinations(range(n), 2):
        without = [s for s in values if i not in s and j not in s]
        both = sum(
            weight[len(s)] * (values[s | {i, j}] - values[s | {i}] - values[s | {j}] + values[s]) for s in without
        )
        found[i, j] = found[j, i] = both
    return found + np.diag(np.array(shapley(values)) - found.sum(axis=1))
