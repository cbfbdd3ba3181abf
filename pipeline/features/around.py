"""What features take from families other than their own: small tables, worked out of parts of the families."""

from datetime import date

import ibis.expr.types as ir

from pipeline.asof import known
from pipeline.features import assignments, family, livelihood
from pipeline.features.residence import REGENCY
from pipeline.features.spec import added


def of_part(tables: dict[str, ir.Table], as_of: date) -> dict[str, ir.Table]:
    """Rows by name that `together` makes the small tables of; `tables` hold all that is known of some families."""
    welfare = known(tables["welfare"], "observed_on", as_of)
    rows = livelihood.incomes(welfare, tables, as_of)
    found = {
        family.GRADUATES: family.graduates(tables, as_of),
        livelihood.USUAL: rows.filter(rows.per_person.notnull()).select(REGENCY, livelihood.YEAR, "per_person"),
    }
    if assignments.TABLE in tables:
        found[assignments.LOADS] = assignments.caseloads(tables, as_of)
    return found


def together(rows: dict[str, ir.Table]) -> dict[str, ir.Table]:
    """The small tables of all families, from the rows of every part; they go beside the tables of a part."""
    found = {family.GRADUATES: added(rows[family.GRADUATES], ("village",))}
    found[livelihood.USUAL] = livelihood.usual_incomes(rows[livelihood.USUAL])
    if assignments.LOADS in rows:
        found[assignments.LOADS] = added(rows[assignments.LOADS], ("facilitator_id",))
    return found
