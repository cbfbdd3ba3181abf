"""Who comes onto a list, and for whom that hangs on a seed: by hand and against a plain second version."""

import hashlib

import numpy as np
import pandas as pd
import pytest

from pipeline import capacity
from pipeline.capacity import Capacity


def families(*rows):
    """kpm_id, facilitator_id, regency_code, eligible."""
    return pd.DataFrame(rows, columns=["kpm_id", "facilitator_id", "regency_code", "eligible"])


FOUR = families(
    ("A", "F1", "3276", True), ("B", "F1", "3276", True), ("C", "F2", "3276", True), ("D", None, "3276", False)
)
ONE_EACH = Capacity(per_facilitator=1, regency_share=0.5)  # two of four places, one a facilitator


def test_by_hand():
    """Best first B, A, C: F1 visits B alone, C takes the second place; D is held."""
    ordered = FOUR.iloc[[3, 1, 0, 2]]
    assert capacity.listed(ordered, ONE_EACH).tolist() == [False, True, False, True]


def test_borderline_by_hand():
    """C is on the list of all five seeds; A on that of three, B of two; D is held under every seed.

    The mean favours A: (3 * 2 + 2 * 0) / 5 = 1.2 against B's 1.
    """
    seeds = np.array([[2, 2, 2, 0, 0], [1, 1, 1, 1, 1], [0.5] * 5, [9.0] * 5])
    assert capacity.agreement(FOUR, seeds, ONE_EACH).tolist() == [0.6, 0.4, 1.0, 0.0]
    assert capacity.borderline(FOUR, seeds, ONE_EACH, 0.8).tolist() == [True, True, False, False]
    assert capacity.borderline(FOUR, seeds, ONE_EACH, 0.5).tolist() == [False, True, False, False]


def test_exactly_four_in_five_is_not_borderline():
    seeds = np.array([[2, 2, 2, 2, 0], [1, 1, 1, 1, 1], [0.5] * 5, [0.0] * 5])
    assert capacity.borderline(FOUR, seeds, ONE_EACH, 0.8).tolist() == [False, True, False, False]


def plainly(table, score, per_facilitator, share):
    """One family after the other."""
    order = sorted(range(len(table)), key=lambda i: (-score[i], hashlib.md5(table["kpm_id"][i].encode()).hexdigest()))
    visits, used, on = {}, {}, set()
    for i in order:
        row = table.loc[i]
        if not row["eligible"]:
            continue
        if pd.notna(row["facilitator_id"]):
            visits[row["facilitator_id"]] = visits.get(row["facilitator_id"], 0) + 1
            if visits[row["facilitator_id"]] > per_facilitator:
                continue
        active = int((table["regency_code"] == row["regency_code"]).sum())
        used[row["regency_code"]] = used.get(row["regency_code"], 0) + 1
        if used[row["regency_code"]] <= capacity.places(active, share):
            on.add(i)
    return np.array([i in on for i in range(len(table))])


@pytest.mark.parametrize("seed", range(5))
def test_equal_to_a_plain_second_version(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 150))
    who = [None if rng.random() < 0.2 else f"F{rng.integers(0, 8)}" for _ in range(n)]
    table = families(
        *[(f"K{i}", who[i], f"{rng.integers(11, 14)}01", bool(rng.random() < 0.8)) for i in rng.permutation(n)]
    )
    seeds = rng.integers(0, 6, (n, 5)) / 2.0  # many ties
    expected = np.mean([plainly(table, s, 3, 0.1) for s in seeds.T], axis=0)
    assert np.allclose(capacity.agreement(table, seeds, Capacity(3, 0.1)), expected)


def test_seeds_that_agree_leave_no_border():
    table = families(*[(f"K{i}", f"F{i % 4}", "3276", True) for i in range(60)])
    seeds = np.tile(np.random.default_rng(0).normal(size=(60, 1)), 5)
    assert not capacity.borderline(table, seeds, Capacity(10, 0.2), 0.8).any()
    assert capacity.agreement(table, seeds, Capacity(10, 0.2)).sum() == 12
