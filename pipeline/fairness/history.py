"""What is counted: out-of-time chances at the lists that would have been made, and today's list."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from pipeline import capacity
from pipeline.capacity import Capacity
from pipeline.columns import AS_OF, FAMILY
from pipeline.fairness import groups as grouped
from pipeline.fairness.audit import Asked
from pipeline.fairness.moments import Measure
from pipeline.fairness.settings import HIGHER, LOWER, ROWS, Cells, Config
from pipeline.metrics import Flags, Indices, Numbers

TP, FP, TN, FN = "listed_graduated", "listed_not_graduated", "not_listed_not_graduated", "not_listed_graduated"
LISTED, BELOW, HELD, NOT_LISTED, ELIGIBLE = "listed", "below", "held", "not_listed", "eligible"
CELLS: Cells = ((ROWS, (LISTED, NOT_LISTED)), (LISTED, (TP, FP)), (NOT_LISTED, (TN, FN)))
CHANCE = "chance"
HISTORY = (
    Measure("selection", (LISTED,), (ROWS,)),
    Measure("precision", (TP,), (LISTED,), LOWER),
    Measure("recall", (TP,), (TP, FN), LOWER, mirror="missed"),
    Measure("false_proposal", (FP,), (FP, TN), HIGHER),
    Measure("missed", (FN,), (TP, FN), HIGHER),
    Measure("false_omission", (FN,), (NOT_LISTED,), HIGHER),
    Measure("observed_over_expected", (TP, FN), (CHANCE,), proportion=False),
)
"""False proposals are counted among those who did not graduate, missed ones among those who did."""
TODAY: Cells = ((ROWS, (ELIGIBLE, HELD)), (ELIGIBLE, (LISTED, BELOW)))
SELECTED, HELD_SHARE = "selection_of_eligible", "held"


def listed(rows: pd.DataFrame, limits: Capacity) -> Flags:
    """Who would have been on a list on each as-of date, by the rule of the lists in use; in the order of `rows`.

    Columns kpm_id, as_of, probability, eligible, facilitator_id, regency_code. A family of no regency is on no list.
    """
    out = np.zeros(len(rows), dtype=bool)
    named = {c: pd.factorize(rows[c])[0] for c in ("facilitator_id", "regency_code")}
    coded = pd.DataFrame({c: _unknown(n) for c, n in named.items()}).assign(
        eligible=rows["eligible"].to_numpy(dtype=bool)
    )
    for _, at in _dates(rows[AS_OF]):
        ties = np.empty(at.size, dtype=np.intp)
        ties[capacity.tie_order(rows[FAMILY].iloc[at])] = np.arange(at.size)
        order = at[np.lexsort((ties, -rows["probability"].to_numpy()[at]))]
        out[order] = capacity.listed(coded.iloc[order], limits)
    return out


def _unknown(codes: Indices) -> "pd.Series[float]":
    number = pd.Series(codes, dtype="float64")
    return number.where(number >= 0)


def _dates(as_of: "pd.Series") -> Iterable[tuple[int, Indices]]:
    codes, dates = pd.factorize(as_of, sort=True)
    return ((k, np.flatnonzero(codes == k)) for k in range(len(dates)))


def past(rows: pd.DataFrame, config: Config) -> Asked:
    """Rows of as-of dates whose outcome is known: kpm_id, listed, probability, label (1 gsm, 0 any other outcome), and
    what tells the groups."""
    chosen, label = rows["listed"].to_numpy(dtype=bool), rows["label"].to_numpy(dtype="float64") > 0
    atoms = counted(chosen, label) | {CHANCE: rows["probability"].to_numpy(dtype="float64")}
    names = tuple(m.name for m in HISTORY)
    return Asked(_numbered(rows[FAMILY]), grouped.of(rows, config), atoms, HISTORY, CELLS, CELLS, names)


def counted(chosen: Flags, label: Flags) -> dict[str, Numbers]:
    """The cells of the past, 1 or 0 per row."""
    parts = {ROWS: np.ones(chosen.size), LISTED: chosen, NOT_LISTED: ~chosen, TP: chosen & label,
             FP: chosen & ~label, TN: ~chosen & ~label, FN: ~chosen & label}  # fmt: skip
    return {name: part.astype(np.float64) for name, part in parts.items()}


def present(rows: pd.DataFrame, config: Config) -> Asked:
    """Today's families, one row each: status (listed, below, held), holds (lists of names), what tells the groups."""
    status = rows["status"].to_numpy()
    atoms = {name: (status == name).astype(np.float64) for name in (LISTED, BELOW, HELD)}
    atoms |= {ROWS: np.ones(status.size), ELIGIBLE: atoms[LISTED] + atoms[BELOW]}
    kinds = sorted(set(rows["holds"].explode().dropna()))
    cells = list(TODAY)
    measures = [Measure(SELECTED, (LISTED,), (ELIGIBLE,)), Measure(HELD_SHARE, (HELD,), (ROWS,))]
    for kind, has in zip(kinds, _holding(rows["holds"], kinds), strict=True):
        pair = f"held_{kind}", f"not_held_{kind}"
        atoms |= {pair[0]: has.astype(np.float64), pair[1]: (~has).astype(np.float64)}
        cells.append((ROWS, pair))
        measures.append(Measure(pair[0], pair[:1], (ROWS,)))
    of = _numbered(rows[FAMILY]), grouped.of(rows, config), atoms, tuple(measures)
    return Asked(*of, tuple(cells), TODAY, (SELECTED, HELD_SHARE))


def _holding(holds: "pd.Series", kinds: list[str]) -> list[Flags]:
    """Per kind of hold, who has it."""
    told = holds.reset_index(drop=True).explode().dropna()
    found = []
    for kind in kinds:
        has = np.zeros(len(holds), dtype=bool)
        has[told.index[(told == kind).to_numpy()]] = True
        found.append(has)
    return found


def _numbered(family: "pd.Series[str]") -> Indices:
    return pd.factorize(family)[0].astype(np.intp)
