"""The assignment: by hand, against every possible assignment, and as laws over seeds."""

from itertools import product

import numpy as np
import pytest

from pipeline import assignment
from pipeline.assignment import CLOSED

INF = np.inf


def total(values, chosen):
    return round(sum(np.round(values[i, p] * assignment.SCALE) for i, p in enumerate(chosen)))


def brute(values, places):
    """The largest total of all ways to give each family an open programme within the places."""
    n, programmes = values.shape
    best = -INF
    for chosen in product(range(programmes), repeat=n):
        used = np.bincount(chosen, minlength=programmes)
        if (used <= places).all():
            best = max(best, sum(np.round(values[i, p] * assignment.SCALE) for i, p in enumerate(chosen)))
    return best


def world(seed, n=6, programmes=4, ties=False):
    """Values of n families, some programmes closed, the last one open to all and unlimited."""
    rng = np.random.default_rng(seed)
    values = rng.integers(0, 4, (n, programmes)) / 2 if ties else rng.random((n, programmes))
    values[rng.random(values.shape) < 0.3] = CLOSED
    values[:, -1] = 0.0
    places = np.r_[rng.integers(0, 4, programmes - 1), INF].astype(float)
    return values, places


def alone(values, places):
    return assignment.assign(values, np.zeros(len(values), dtype=np.int64), places[None, :])


def test_by_hand_a_family_gives_way_to_one_that_has_no_other_way():
    """Programmes p, q, none. A: 1.0, 0.9; B: 0.9, closed. One place each: A to p and B to none gives 1.0; A to q and B
    to p gives 1.8, though A would rather have p."""
    values = np.array([[1.0, 0.9, 0.0], [0.9, CLOSED, 0.0]])
    assert alone(values, np.array([1, 1, INF])).tolist() == [1, 0]
    assert alone(values, np.array([1, 0, INF])).tolist() == [0, 2]
    assert alone(values, np.array([2, 1, INF])).tolist() == [0, 0]
    assert alone(values, np.array([0, 0, INF])).tolist() == [2, 2]


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", range(40))
def test_no_assignment_is_worth_more(seed, ties):
    values, places = world(seed, ties=ties)
    chosen = alone(values, places)
    assert np.isfinite(values[np.arange(len(chosen)), chosen]).all()
    assert (np.bincount(chosen, minlength=len(places)) <= places).all()
    assert total(values, chosen) == brute(values, places)


@pytest.mark.parametrize("seed", range(6))
def test_leaving_pairs_out_beforehand_costs_nothing(seed):
    """The linear program over all pairs, by scipy's interior point method, has the same value."""
    from scipy.optimize import linprog

    rng = np.random.default_rng(seed)
    values, _ = world(seed, n=300, programmes=5, ties=bool(seed % 2))
    places = np.r_[rng.integers(0, 12, 4), INF].astype(float)
    chosen = alone(values, places)
    n, programmes = values.shape
    open_ = np.isfinite(values).ravel()
    rows = np.zeros((n + programmes - 1, n * programmes))
    for i in range(n):
        rows[i, i * programmes : (i + 1) * programmes] = 1
    for p in range(programmes - 1):
        rows[n + p, p::programmes] = 1
    cost = -np.where(open_, np.round(values.ravel() * assignment.SCALE), 0)
    bounds = [(0, None if o else 0) for o in open_]
    found = linprog(
        cost, A_ub=rows[n:], b_ub=places[:-1], A_eq=rows[:n], b_eq=np.ones(n), bounds=bounds, method="highs-ipm"
    )
    assert -found.fun == pytest.approx(total(values, chosen), abs=1e-3)


@pytest.mark.parametrize("seed", range(5))
def test_regencies_do_not_touch_each_other(seed):
    rng = np.random.default_rng(seed)
    parts = [world(seed * 10 + k, n=int(rng.integers(1, 30))) for k in range(4)]
    regency = np.concatenate([np.full(len(v), k) for k, (v, _) in enumerate(parts)])
    mixed = rng.permutation(len(regency))
    values = np.concatenate([v for v, _ in parts])
    places = np.stack([p for _, p in parts])
    together = np.empty(len(regency), dtype=np.int64)
    together[mixed] = assignment.assign(values[mixed], regency[mixed], places)
    for k, (part, limits) in enumerate(parts):
        assert total(part, together[regency == k]) == total(part, alone(part, limits))


def test_ties_go_to_the_earlier_rows():
    values = np.array([[1.0, 0.0]] * 7)
    assert alone(values, np.array([3, INF])).tolist() == [0, 0, 0, 1, 1, 1, 1]
    # Two programmes of one place: whoever comes first in the rows gets them, in either.
    both = np.array([[1.0, 1.0, 0.0]] * 5)
    assert sorted(alone(both, np.array([1, 1, INF]))[:2]) == [0, 1]


def test_no_place_is_spent_on_a_family_that_gains_nothing():
    values = np.array([[0.5, 0.5], [0.6, 0.5]])
    assert alone(values, np.array([2, INF])).tolist() == [1, 0]


def test_a_family_without_a_fallback_is_refused():
    with pytest.raises(ValueError, match="every family needs an open programme"):
        alone(np.array([[1.0, CLOSED]]), np.array([1, INF]))


def test_what_the_solver_cannot_prove_is_refused():
    class Found:
        """An answer of the solver's shape."""

        def __init__(self, x, marginals):
            self.x = None if x is None else np.array(x)
            self.ineqlin = type("Marginals", (), {"marginals": np.array(marginals)})()

    c, bound = np.array([3.0]), np.array([1.0])
    assignment.prove(Found([1.0], [-3.0]), c, bound)
    for wrong in (Found([0.5], [-3.0]), Found([0.0], [-3.0]), Found(None, [-3.0])):
        with pytest.raises(assignment.NotOptimal):
            assignment.prove(wrong, c, bound)


def test_nobody_is_nothing():
    assert alone(np.zeros((0, 2)), np.array([1, INF])).tolist() == []
