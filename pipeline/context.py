"""Where a family lives and who serves it on a date, as known then: to group by and to hand over, never to score."""

from collections.abc import Sequence
from datetime import date

import ibis
import ibis.expr.types as ir

from pipeline.asof import active, known, serving, stacked
from pipeline.columns import AS_OF, FAMILY

REGENCY_DIGITS = 4


def build(tables: dict[str, ir.Table], as_ofs: Sequence[date]) -> ir.Table:
    """Columns kpm_id, as_of, village_code, regency_code, facilitator_id (null: nobody); key kpm_id, as_of."""
    return stacked([on(tables, a) for a in as_ofs])


def on(tables: dict[str, ir.Table], as_of: date) -> ir.Table:
    members = active(tables["membership"], as_of)
    kpm = known(tables["kpm"], "enrolled_on", as_of).select(FAMILY, "village_code")
    placed = members.left_join(kpm, FAMILY).select(members[FAMILY], kpm.village_code)
    if "assignments" in tables:
        facilitators = serving(tables["assignments"], as_of)
        served = placed.left_join(facilitators, FAMILY).select(placed, facilitators.facilitator_id)
    else:
        served = placed.mutate(facilitator_id=ibis.null("string"))
    return served.select(
        FAMILY,
        ibis.literal(as_of).name(AS_OF),
        "village_code",
        served.village_code.left(REGENCY_DIGITS).name("regency_code"),
        "facilitator_id",
    )
