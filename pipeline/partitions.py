"""What each as-of date's features are made of: where that is what it was, they need not be made again.

Nothing recorded after a date reaches its features (tests/test_leaks.py), so the records up to it are all there is to
compare. They are told by a count and a mark for each table and day of record; a row that was changed, taken away or
added late changes those of its day, and with them every date from then on.
"""

from collections.abc import Mapping, Sequence
from datetime import date

import ibis
import ibis.expr.types as ir
import pandas as pd

from pipeline.columns import AS_OF, FAMILY, RECORDED_ON
from pipeline.tables import SPANS, TABLES

DAY = "day"
AS_OF_THE_EXTRACT = {"cases": ("status",)}  # what no feature reads


def marks(table: ir.Table, name: str) -> ir.Table:
    """day (of record; of the event where a table has no such clock; null where neither is known), n, mark; key day.

    `mark` is the exclusive or of the rows' hashes by the engine: equal for equal rows in whatever order. A closing day
    is told on that day: until then the row reads as open (see asof), and may have been closed in its place since.
    """
    clock = table[RECORDED_ON if RECORDED_ON in table.columns else str(TABLES[name].happened_on)]
    _, end = SPANS.get(name, ("", ""))
    kept = [c for c in table.columns if c != end and c not in AS_OF_THE_EXTRACT.get(name, ())]
    told = table.select(day=clock, hashed=hashed(table, kept))
    if end:
        closed = table.filter(table[end].notnull())
        closing = ibis.greatest(closed[end], closed[clock.get_name()])
        told = told.union(closed.select(day=closing, hashed=hashed(closed, [*TABLES[name].key, end])))
    return told.group_by(DAY).aggregate(n=told.count(), mark=told.hashed.bit_xor())


def hashed(table: ir.Table, columns: Sequence[str]) -> ir.IntegerValue:
    return ibis.struct({c: table[c] for c in columns}).hash()


def exclusive(marks: "pd.Series[int]") -> int:
    found = 0
    for mark in marks:
        found ^= int(mark)
    return found


def until(told: pd.DataFrame, as_of: date) -> tuple[int, int]:
    """Rows recorded by a day, or on no known day, and their mark."""
    days = pd.to_datetime(told[DAY])
    known = told[days.isna() | (days <= pd.Timestamp(as_of))]
    return int(known["n"].to_numpy().sum()), exclusive(known["mark"])


def made_from(
    told: Mapping[str, pd.DataFrame], cohort: pd.DataFrame, as_ofs: Sequence[date]
) -> dict[date, dict[str, tuple[int, int]]]:
    """For each as-of date, rows and mark of every table by then, and of the date's own cohort (as_of, n, mark)."""
    days = (pd.Timestamp(a).date() for a in cohort[AS_OF])
    own = dict(zip(days, zip(cohort["n"].tolist(), cohort["mark"].tolist(), strict=True), strict=True))
    return {a: {name: until(rows, a) for name, rows in told.items()} | {"cohort": own[a]} for a in as_ofs}


def members(cohort: ir.Table) -> ir.Table:
    """as_of (key), n, mark of the families of each date."""
    told = cohort.select(AS_OF, hashed=cohort[FAMILY].hash())
    return told.group_by(AS_OF).aggregate(n=told.count(), mark=told.hashed.bit_xor())
