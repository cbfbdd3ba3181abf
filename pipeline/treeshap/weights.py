"""Shapley values of one leaf against one background row, for every pattern of both.

A leaf with d players pays 1 where every player allows it. Whether each does is a pattern of d bits, for the explained
row and for the background row. Let A be the players that only the explained row satisfies, B those that only the
background row does, a and b how many; where a player is satisfied by neither, nothing is paid for any coalition. Then

    player in A:  (a - 1)! b! / (a + b)!          player in B:  - a! (b - 1)! / (a + b)!

(Lundberg et al. 2020, interventional TreeSHAP), and Shapley interaction indices, halved as in `shap`,

    both in A: (a - 2)! b! / (a + b - 1)! / 2     both in B: a! (b - 2)! / (a + b - 1)! / 2
    one in each: - (a - 1)! (b - 1)! / (a + b - 1)! / 2.

Both are multilinear in the background's bits. So the mean over a population needs only how often each pattern occurs in
it, and path-dependent values are those of a background in which the bits are independent with the leaf's shares.
"""

from collections.abc import Iterator
from functools import cache
from math import factorial

import numpy as np

from pipeline.treeshap.trees import Floats

LEAVES = 4096  # mixed at once, which bounds the memory of deep trees


@cache
def contributions(players: int) -> Floats:
    """[background pattern, explained pattern, player]."""
    size = 1 << players
    found = np.zeros((size, size, players))
    for background in range(size):
        for row in range(size):
            if background | row == size - 1:
                found[background, row] = one_pair(row & ~background, background & ~row, players)
    return found


def one_pair(only_row: int, only_background: int, players: int) -> list[float]:
    a, b = only_row.bit_count(), only_background.bit_count()
    gain = factorial(a - 1) * factorial(b) / factorial(a + b) if a else 0.0
    loss = factorial(a) * factorial(b - 1) / factorial(a + b) if b else 0.0
    return [gain * (only_row >> j & 1) - loss * (only_background >> j & 1) for j in range(players)]


@cache
def interactions(players: int) -> Floats:
    """[background pattern, explained pattern, player, other player]; each row of players sums to its contribution."""
    size = 1 << players
    found = np.zeros((size, size, players, players))
    for background in range(size):
        for row in range(size):
            if background | row == size - 1:
                found[background, row] = one_square(row & ~background, background & ~row, players)
    main = np.arange(players)
    found[:, :, main, main] = contributions(players) - found.sum(axis=3)
    return found


def one_square(only_row: int, only_background: int, players: int) -> Floats:
    """Interactions of different players for one pair of patterns; the diagonal is empty."""
    a, b = only_row.bit_count(), only_background.bit_count()
    gains = np.array([only_row >> j & 1 for j in range(players)], dtype=np.float64)
    losses = np.array([only_background >> j & 1 for j in range(players)], dtype=np.float64)
    found = index(a - 2, b, a + b) * np.outer(gains, gains) + index(a, b - 2, a + b) * np.outer(losses, losses)
    found -= index(a - 1, b - 1, a + b) * (np.outer(gains, losses) + np.outer(losses, gains))
    np.fill_diagonal(found, 0.0)
    return np.asarray(found / 2, dtype=np.float64)


def index(first: int, second: int, together: int) -> float:
    return factorial(first) * factorial(second) / factorial(together - 1) if min(first, second) >= 0 else 0.0


def independent(shares: Floats) -> Floats:
    """[leaf, pattern]: how often each pattern occurs where players allow independently with `shares` [leaf, player]."""
    found = np.ones((len(shares), 1))
    for share in shares.T:
        found = np.concatenate([found * (1 - share)[:, None], found * share[:, None]], axis=1)
    return found


def parts(count: int) -> Iterator[slice]:
    return (slice(first, first + LEAVES) for first in range(0, count, LEAVES))


def mixed(weighted: Floats, values: Floats) -> Floats:
    """The mean of `values` [background bits, ...] over each leaf's population."""
    return (weighted @ values.reshape(len(values), -1)).reshape(len(weighted), *values.shape[1:])
