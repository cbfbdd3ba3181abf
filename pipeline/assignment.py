"""One programme for each family within each regency's places: the assignment of the largest total value.

For one regency with families i and programmes p, values v(i, p) (rounded to one part in SCALE) and places c(p):

    maximise   sum of v(i, p) x(i, p)
    subject to sum over p of x(i, p) = 1 for every i,   sum over i of x(i, p) <= c(p),   x >= 0

where a family may only enter programmes that are open to it. It is a transport problem: its matrix is totally
unimodular, so that the vertex which the simplex method ends in is a whole assignment and no family is split.
"""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SCALE = 10_000
CLOSED = -np.inf
EXACT = 1e-6
OPTIONS = {"dual_feasibility_tolerance": 1e-10, "primal_feasibility_tolerance": 1e-10}


class NotOptimal(RuntimeError):
    """The solver's answer failed its own proof: it is split, or its dual has another value."""


def assign(values: Floats, regency: Ints, places: Floats) -> Ints:
    """The programme (a column of `values`) of every family, shape (n,).

    values: (n, programmes), CLOSED where a family may not enter; rows in the order that decides between equal totals.
    regency: (n,), numbers from 0. places: (regencies, programmes), inf where unlimited. Raises ValueError where a
    family has no unlimited programme to fall back on, NotOptimal where the solver's answer is not proved.
    """
    whole = np.round(values * SCALE)
    unlimited = np.isinf(places).all(axis=0)
    if not np.isfinite(whole[:, unlimited]).any(axis=1).all():
        raise ValueError("every family needs an open programme with unlimited places")
    chosen = np.full(len(values), -1, dtype=np.int64)
    order = np.argsort(regency, kind="stable")
    ends = np.searchsorted(regency[order], np.arange(len(places) + 1))
    for number, (start, end) in enumerate(pairwise(ends)):
        rows = order[start:end]
        chosen[rows] = of_regency(whole[rows], places[number])
    return chosen


def of_regency(values: Floats, places: Floats) -> Ints:
    """The same for one regency; values are whole numbers."""
    limited = np.flatnonzero(np.isfinite(places))
    fallback = np.where(np.isinf(places), values, CLOSED)
    chosen = np.asarray(fallback.argmax(axis=1), dtype=np.int64)
    gain = values[:, limited] - fallback.max(axis=1, keepdims=True)
    family, column = candidates(gain, places[limited])
    if len(family):
        taken = solve(gain, places[limited], family, column)
        chosen[family[taken]] = limited[column[taken]]
    return chosen


def candidates(gain: Floats, places: Floats) -> tuple[Ints, Ints]:
    """Pairs (family, programme) that an assignment of the largest value needs.

    Only pairs that gain over the fallback; and of these, in each programme, as many of the best as there are places in
    all programmes together. Were a family behind these assigned, one of them would have no place, for no more families
    than that have one; it could take the place without loss.
    """
    most = int(min(places.sum(), len(gain)))
    pairs = []
    for column in np.flatnonzero(places > 0):
        worth = np.flatnonzero(gain[:, column] > 0)
        best = worth[np.argsort(-gain[worth, column], kind="stable")][:most]
        pairs.append(np.column_stack([best, np.full(len(best), column)]))
    joined = np.concatenate(pairs) if pairs else np.zeros((0, 2), dtype=np.int64)
    return joined[:, 0], joined[:, 1]


def solve(gain: Floats, places: Floats, family: Ints, column: Ints) -> NDArray[np.bool_]:
    """Which pairs are taken, shape (pairs,); the linear program over the candidates, solved by HiGHS.

    Earlier families are preferred by less than one part of SCALE in all: with m families the k-th, counted from 0,
    gains (m - 1 - k) / (2 m^2) more. So ties have one answer, and no total is given up for it.
    """
    from scipy.optimize import linprog  # loaded where it is solved: phases are asked without it
    from scipy.sparse import csr_array

    row, number = np.unique(family, return_inverse=True)
    m = len(row)
    c = gain[family, column] + (m - 1 - number) / (2 * m**2)
    pairs = np.arange(len(family))
    at = np.r_[number, m + column]
    matrix = csr_array((np.ones(2 * len(pairs)), (at, np.r_[pairs, pairs])), shape=(m + len(places), len(pairs)))
    bound = np.r_[np.ones(m), places]
    found = linprog(-c, A_ub=matrix, b_ub=bound, bounds=(0, None), method="highs-ds", options=OPTIONS)
    prove(found, c, bound)
    return np.asarray(found.x > 0.5)


def prove(found: object, c: Floats, bound: Floats) -> None:
    """Whole, and as good as its dual: a bound on every assignment, so that none can be better (weak duality)."""
    x = getattr(found, "x", None)
    if x is None or np.abs(x - np.round(x)).max() > EXACT:
        raise NotOptimal("the solver gave no whole assignment")
    primal = float(c @ np.round(x))
    dual = float(-found.ineqlin.marginals @ bound)  # type: ignore[attr-defined]
    if abs(dual - primal) > EXACT * max(1.0, abs(primal)):
        raise NotOptimal(f"the assignment is worth {primal}, its bound {dual}")
