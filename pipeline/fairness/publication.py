"""What leaves the room: counts and rates without small cells, and without any number from which one could be found."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from pipeline.fairness.audit import NUMBERS, Asked, Found
from pipeline.fairness.settings import GROUP, Config, names_of
from pipeline.fairness.suppression import hide

NOT_SHOWN = "numbers not shown: small counts"
TOLD = ["estimate", "lower", "upper", "rest", "difference", "difference_lower", "difference_upper"]
"""Numbers of a rate that are told outside; no count of families, whose cells need not sum up, and no p value."""


def publish(found: Found, asked: Asked, config: Config) -> Found:
    """The same tables with hidden cells null; a rate is told only where every cell that it is made of is shown.

    Counts lose their families. The verdict, a word, stays for every group; why nothing can be told does not where
    numbers are hidden, since it may say that a cell is empty.
    """
    hidden = hide(found.counts, asked.cells, config.cell_minimum)
    names = [str(c) for c in hidden]
    counts = found.counts[[*GROUP, *names]].astype(dict.fromkeys(names, "Int64"))
    counts[names] = counts[names].mask(hidden)
    return Found(_rates(found, asked, hidden), counts)


def _rates(found: Found, asked: Asked, hidden: pd.DataFrame) -> pd.DataFrame:
    needed = made_of(asked)
    at = pd.MultiIndex.from_frame(found.counts[GROUP])
    everybody = int(np.flatnonzero(found.counts["attribute"] == "")[0])
    rates = found.rates.drop(columns=[n for n in NUMBERS if n not in TOLD])
    kept = np.zeros(len(rates), dtype=bool)
    for name, cells in needed.items():
        mine = (rates["measure"] == name).to_numpy()
        small = hidden[list(cells)].any(axis=1).to_numpy()
        # Everybody else's rate is everybody's less the group's: where the one is hidden, the other must be.
        gone = pd.Series(small | small[everybody], index=at)
        kept[mine] = ~gone.reindex(pd.MultiIndex.from_frame(rates.loc[mine, GROUP])).to_numpy(dtype=bool)
    told = {c: rates[c].where(kept) for c in TOLD}
    return rates.assign(**told, why=rates["why"].where(kept, NOT_SHOWN), shown=kept)


def made_of(asked: Asked) -> Mapping[str, tuple[str, ...]]:
    """The cells that a measure's numerator and denominator are made of; a chance is no cell."""
    cells = set(names_of(asked.cells))
    return {m.name: tuple(dict.fromkeys(c for c in (*m.top, *m.bottom) if c in cells)) for m in asked.measures}
