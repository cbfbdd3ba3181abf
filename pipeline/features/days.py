"""The day of a value: when what it rests on was last told, not when the family was last visited.

A visit may tell of the house and not of the income; an income of two years ago then carries its own day, and whoever
reads it as a reason knows how old it is.
"""

from datetime import date

import ibis
import ibis.expr.types as ir

from pipeline.asof import known
from pipeline.columns import FAMILY
from pipeline.features import wealth

ROSTER = "roster"  # told by the feature roster_age_days
WHOLE, PARTS = "wealth_index", ("dwelling_index", "belongings_index")  # as old as the older of its two parts


def build(welfare: ir.Table, families: ir.Table, as_of: date, told: list[str]) -> ir.Table:
    """Columns kpm_id and one date for each of `told`; the families asked for, in order of kpm_id."""
    rows = known(welfare, "observed_on", as_of)
    rows = rows.mutate(**wealth.indices(rows))
    single = [name for name in told if name != WHOLE]
    last = {name: rows.observed_on.max(where=rows[name].notnull()) for name in single}
    if WHOLE in told:
        last[WHOLE] = ibis.least(*(rows.observed_on.max(where=rows[name].notnull()) for name in PARTS))
    found = rows.group_by(FAMILY).aggregate(**last)
    return families.select(FAMILY).left_join(found, FAMILY).drop(f"{FAMILY}_right").order_by(FAMILY)
