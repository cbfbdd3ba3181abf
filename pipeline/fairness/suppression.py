"""Counts that may leave the room: small cells hidden, and as many others as it takes that no subtraction finds them.

Every published number is a cell of one large system: groups sum to everybody, kinds of rows sum to a group's rows, the
groups of two attributes sum to those of one. A hidden cell is found out where some sum of published numbers is that
cell alone, that is, where it is the same in every solution of the equations given what is shown. Cells are hidden until
no small one is (secondary suppression; Cox 1980). Beyond that, what is hidden in a sum together counts at least the
minimum. Bounds that nobody needs an equation for (a cell is no larger than its group) remain.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.linalg import lsmr

from pipeline.fairness.settings import GROUP, Cells, names_of
from pipeline.metrics import Flags

Whole = NDArray[np.int64]
EXACT = 1e-12
DETERMINED = 1e-6


@dataclass(frozen=True)
class System:
    """`parts` + `totals` = 0: one row per equation, one column per cell; in each equation the total is -1.

    `value` of each cell; `place`: row of the counts and name of the column.
    """

    equations: csr_array
    value: Whole
    rows: Whole
    columns: NDArray[np.object_]


def hide(counts: pd.DataFrame, cells: Cells, minimum: int) -> pd.DataFrame:
    """Booleans in the shape of `counts`' columns of cells: what must not be shown.

    `counts`: GROUP, the cells, and families_<name> of each; groups of two attributes may have the first cells only, the
    others being null. A cell is small where 1 to minimum - 1 families are in it.
    """
    told = system(counts, cells)
    small = _small(counts, told, minimum)
    hidden = protect(told, small, minimum)
    names = names_of(cells)
    out = pd.DataFrame(False, index=counts.index, columns=names)
    for name in names:
        mine = told.columns == name
        flags = np.zeros(len(counts), dtype=bool)
        flags[told.rows[mine]] = hidden[mine]
        out[name] = flags
    return out


def _small(counts: pd.DataFrame, told: System, minimum: int) -> Flags:
    families = np.zeros(told.value.size)
    for name in set(told.columns):
        mine = told.columns == name
        families[mine] = counts[f"families_{name}"].to_numpy(dtype="float64", na_value=0.0)[told.rows[mine]]
    return (families > 0) & (families < minimum)


def system(counts: pd.DataFrame, cells: Cells) -> System:
    """The equations that an attacker has: every sum that every reader knows."""
    names = names_of(cells)
    held = counts[names].notna().to_numpy()
    number = np.full(held.shape, -1, dtype=np.int64)
    number[held] = np.arange(int(held.sum()))
    rows, columns = np.nonzero(held)
    value = counts[names].to_numpy(dtype="float64", na_value=np.nan)[held].astype(np.int64)
    at = {name: i for i, name in enumerate(names)}
    found: list[tuple[Whole, Whole]] = [
        (number[r, [at[c] for c in parts]], number[[r], [at[total]]])
        for total, parts in cells
        for r in np.flatnonzero(held[:, at[parts[0]]])
    ]
    found += [
        (number[parts, c], number[[total], [c]])
        for total, parts in _sums(counts)
        for c in range(len(names))
        if held[parts, c].all() and held[total, c]
    ]
    return System(_matrix(found, value.size), value, rows.astype(np.int64), np.asarray(names, dtype=object)[columns])


def _sums(counts: pd.DataFrame) -> list[tuple[int, Whole]]:
    """(row of the total, rows of its parts): of each attribute's groups, and of each group's division by another."""
    keyed = counts[GROUP].reset_index(drop=True)
    by_name = {tuple(r[1:]): i for i, r in enumerate(keyed.itertuples(index=False))}
    single = keyed[(keyed["attribute"] != "") & (keyed["attribute2"] == "")]
    pairs = keyed[keyed["attribute2"] != ""]
    found = [(by_name["", "", "", ""], g.index.to_numpy()) for _, g in single.groupby("attribute", sort=False)]
    for (a, name, _), g in pairs.groupby(["attribute", "group", "attribute2"], sort=False):
        found.append((by_name[a, name, "", ""], g.index.to_numpy()))
    for (_, b, name), g in pairs.groupby(["attribute", "attribute2", "group2"], sort=False):
        found.append((by_name[b, name, "", ""], g.index.to_numpy()))
    return found


def _matrix(found: list[tuple[Whole, Whole]], cells: int) -> csr_array:
    row = np.concatenate([np.full(p.size + 1, i) for i, (p, _) in enumerate(found)])
    column = np.concatenate([np.concatenate([p, t]) for p, t in found])
    sign = np.concatenate([np.r_[np.ones(p.size), -1.0] for p, _ in found])
    return csr_array((sign, (row, column)), shape=(len(found), cells))


def protect(told: System, small: Flags, minimum: int) -> Flags:
    """The small cells and those that must be hidden beside them."""
    hidden = small.copy()
    while True:
        _complete(told, hidden, minimum)
        exposed = found_out(told.equations, hidden) & small
        if hidden.all() or not exposed.any():
            return hidden
        before = int(hidden.sum())
        _widen(told, hidden, exposed)
        if int(hidden.sum()) == before:
            widen_farther(told, hidden, exposed)


def found_out(equations: csr_array, hidden: Flags) -> Flags:
    """Hidden cells that the shown ones determine.

    A cell is determined where every solution of the homogeneous equations over the hidden cells is zero there. One
    solution with nothing special about it, a vector without pattern less its part in the equations' row space, tells.
    """
    out = np.zeros(hidden.size, dtype=bool)
    at = np.flatnonzero(hidden)
    if not at.size:
        return out
    within = csr_array(equations.tocsc()[:, at])
    within = within[np.flatnonzero(np.diff(within.indptr))]
    plain = np.sin(1.0 + 7.0 * np.arange(at.size, dtype=np.float64) ** 2) + 1.5
    kept = plain - within.T @ lsmr(within.T, plain, atol=EXACT, btol=EXACT, conlim=0, maxiter=20 * at.size + 200)[0]
    out[at] = np.abs(kept) < DETERMINED
    return out


def _complete(told: System, hidden: Flags, minimum: int) -> None:
    """In every sum nothing is hidden, or two cells at least, which together count the minimum if the total is shown."""
    by_cell = told.equations.tocsc()
    added = [int(c) for c in np.flatnonzero(hidden)]
    while added:
        sums = np.unique(np.concatenate([_sums_of(by_cell, c) for c in added]))
        added = [c for e in sums if (c := _partner(told, int(e), hidden, minimum)) >= 0]


def _sums_of(by_cell: Any, cell: int) -> Any:
    """The equations that a cell is in."""
    return by_cell.indices[slice(*by_cell.indptr[cell : cell + 2])]


def _partner(told: System, equation: int, hidden: Flags, minimum: int) -> int:
    """Hides the next cell that a sum needs, and tells which; -1 where it needs none."""
    cells, sign = _of(told, equation)
    gone = hidden[cells]
    count, total_gone = int(gone.sum()), bool((gone & (sign < 0)).any())
    enough = count >= 2 and (total_gone or int(told.value[cells[gone]].sum()) >= minimum)
    if not count or enough:
        return -1
    return _hide_one(told, cells, sign, hidden)


def _of(told: System, equation: int) -> tuple[Any, Any]:
    span = slice(*told.equations.indptr[equation : equation + 2])
    return told.equations.indices[span], told.equations.data[span]


def _hide_one(told: System, cells: Any, sign: Any, hidden: Flags) -> int:
    """The smallest shown part that holds anybody, else an empty one, else the total; -1 where all is hidden."""
    shown = np.flatnonzero(~hidden[cells])
    if not shown.size:
        return -1
    value = told.value[cells[shown]]
    best = shown[np.lexsort((value, value == 0, sign[shown] < 0))[0]]
    hidden[cells[best]] = True
    return int(cells[best])


def _widen(told: System, hidden: Flags, exposed: Flags) -> None:
    """One more cell hidden beside each that is still found out, in the sum that loses least by it."""
    by_cell = told.equations.tocsc()
    for cell in np.flatnonzero(exposed):
        best = min(_sums_of(by_cell, int(cell)), key=lambda e: _loss(told, int(e), hidden))
        _hide_one(told, *_of(told, int(best)), hidden)


def widen_farther(told: System, hidden: Flags, exposed: Flags) -> None:
    """One more cell hidden in the nearest sum that shows any, where all sums of the exposed cells are hidden already.

    Everything is hidden where no sum that hangs together with theirs shows a cell.
    """
    by_cell, seen = told.equations.tocsc(), exposed.copy()
    near = np.flatnonzero(exposed)
    while near.size:
        sums = np.unique(np.concatenate([_sums_of(by_cell, int(c)) for c in near]))
        added = [_hide_one(told, *_of(told, int(e)), hidden) for e in sums]
        if max(added) >= 0:
            return
        cells = np.unique(np.concatenate([_of(told, int(e))[0] for e in sums]))
        near = cells[~seen[cells]]
        seen[cells] = True
    hidden[:] = True


def _loss(told: System, equation: int, hidden: Flags) -> int:
    """What the next cell hidden in this sum would count."""
    cells, _ = _of(told, equation)
    return int(told.value[cells][~hidden[cells]].min(initial=np.iinfo(np.int64).max))
