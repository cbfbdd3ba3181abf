"""Where each family lives, as far as the registry of families told on a day, and who of a place has graduated."""

from datetime import date

import ibis.expr.types as ir

from pipeline.asof import known
from pipeline.columns import FAMILY
from pipeline.features.spec import windows

REGENCY, VILLAGE = "regency", "village"
GRADUATED = ("gsm", "ppse")


def residence(kpm: ir.Table, as_of: date) -> ir.Table:
    """Columns kpm_id, regency (the first four digits of the place code) and village; key kpm_id."""
    t = known(kpm, "enrolled_on", as_of)
    return t.select(FAMILY, regency=t.village_code.left(4), village=t.village_code)


def graduations(membership: ir.Table, as_of: date) -> ir.Table:
    """Exits by graduation of the last 24 months, as recorded by the day; columns kpm_id, effective_on."""
    (two_years,) = windows(as_of, 24)
    t = known(membership, "effective_on", as_of)
    left = t.filter((t.event == "exited") & t.reason.isin(GRADUATED) & two_years.holds(t.effective_on))
    return left.select(FAMILY, "effective_on")
