"""The known effect in a simulated world: what the twins without PENA tell of the same families in the same window.

Each hazard is integrated over a quarter at risk. The expected number of exits of a member is the sum of its hazards
over the time at risk; for the twin the time at risk is that of the family, weighted by how likelier the twin is still a
member: exp of the hazards of gsm so far, with less without PENA; all other exits strike both alike. (Martingale of the
counting process: Aalen, Borgan and Gjessing, Survival and Event History Analysis, 2008.)
"""

from collections.abc import Sequence

import ibis.expr.types as ir
import numpy as np
import pandas as pd

from pipeline.columns import AS_OF, FAMILY
from pipeline.effect.trial import Window

WITH, WITHOUT = "gsm", "gsm_without_pena"


def quarters(window: Window) -> list[str]:
    """Quarters from the landmark to the end of the horizon, as the truth names them."""
    first, last = (d.year * 4 + (d.month - 1) // 3 for d in (window.landmark, window.horizon_end))
    return [f"{q // 4}Q{q % 4 + 1}" for q in range(first + 1, last + 1)]


def at_risk(hazards: ir.Table, treated: ir.Table, windows: Sequence[Window]) -> pd.DataFrame:
    """Hazards of the families ever treated, in the quarters of any window; key kpm_id, quarter."""
    asked = sorted({q for w in windows for q in quarters(w)})
    mine = hazards.semi_join(treated, FAMILY).filter(hazards.quarter.cast("string").isin(asked))
    found: pd.DataFrame = mine.select(FAMILY, "quarter", WITH, WITHOUT).order_by([FAMILY, "quarter"]).to_pandas()
    return found


def effects(treated: pd.DataFrame, hazards: pd.DataFrame, windows: Sequence[Window]) -> pd.Series:
    """The effect of each treated row (kpm_id, as_of) on its chance of gsm, by the index of `treated`."""
    parts = [_of_window(treated, hazards, w) for w in windows]
    found = pd.concat([p for p in parts if len(p)]) if any(len(p) for p in parts) else pd.Series(dtype="float64")
    return found.reindex(treated.index)


def _of_window(treated: pd.DataFrame, hazards: pd.DataFrame, window: Window) -> pd.Series:
    rows = treated[pd.to_datetime(treated[AS_OF]) == pd.Timestamp(window.as_of)]
    asked, family = quarters(window), pd.Index(rows[FAMILY])
    wide = {
        name: hazards.pivot(index=FAMILY, columns="quarter", values=name)
        .reindex(index=family, columns=asked).fillna(0.0).to_numpy(dtype="float64")
        for name in (WITH, WITHOUT)
    }  # fmt: skip
    gap = wide[WITH] - wide[WITHOUT]
    # On the average of a quarter, half of its own gap has already shown.
    likelier = np.exp(gap.cumsum(axis=1) - gap / 2)
    return pd.Series((wide[WITH] - likelier * wide[WITHOUT]).sum(axis=1), index=rows.index)
