"""The two clocks as table operations: what was known on a date, which row was the latest, who was a member.

A row counts as of t only if its event date <= t and its `recorded_on` <= t. A closing date that lies in the same row
(valid_to, ended_on, closed_on) is used only where it is <= t, so that a row closed later reads as still open.
"""

from collections.abc import Sequence
from datetime import date

import ibis
import ibis.expr.types as ir

from pipeline.columns import FAMILY, RECORDED_ON

ACTIVE_EVENTS = ("enrolled", "reactivated")


def known(table: ir.Table, happened_on: str, as_of: date) -> ir.Table:
    """Rows that had happened and were recorded on `as_of`; a table without `recorded_on` has the event clock only."""
    happened = table.filter(table[happened_on] <= as_of)
    return happened.filter(happened[RECORDED_ON] <= as_of) if RECORDED_ON in table.columns else happened


def latest(table: ir.Table, key: list[str], order: list[str]) -> ir.Table:
    """The last row of each key by `order`; ties are impossible where `key` and `order` hold the table's own key."""
    if len(order) == 1:  # a maximum and a join carry no column through a sort, as a window function does
        newest = table.group_by(key).aggregate(**{order[0]: table[order[0]].max()})
        return table.semi_join(newest, [*key, *order])
    by = ibis.row_number().over(group_by=key, order_by=[table[c].desc() for c in order])
    return table.mutate(_nth=by).filter(lambda t: t["_nth"] == 0).drop("_nth")


def open_on(table: ir.Table, closes: str, as_of: date) -> ir.BooleanValue:
    return table[closes].isnull() | (table[closes] > as_of)


def membership_state(membership: ir.Table, as_of: date) -> ir.Table:
    """The last known membership event of each family on `as_of`; key kpm_id.

    On one day a reactivation outranks an exit: the later letter of the alphabet is the later act.
    """
    return latest(known(membership, "effective_on", as_of), [FAMILY], ["effective_on", RECORDED_ON, "event"])


def active(membership: ir.Table, as_of: date) -> ir.Table:
    """Families that were members on `as_of`, as known then; one column, key kpm_id."""
    state = membership_state(membership, as_of)
    return state.filter(state.event.isin(ACTIVE_EVENTS)).select(FAMILY)


def serving(assignments: ir.Table, as_of: date) -> ir.Table:
    """The facilitator who serves each family on the day; columns kpm_id, facilitator_id, valid_from; key kpm_id."""
    newest = latest(known(assignments, "valid_from", as_of), [FAMILY], ["valid_from"])
    return newest.filter(open_on(newest, "valid_to", as_of)).select(FAMILY, "facilitator_id", "valid_from")


def period_end(text: ir.StringValue) -> ir.DateValue:
    """The last day of a quarter written 2024Q1 or a month written 2024-03."""
    month = ibis.ifelse(text.substr(4, 1) == "Q", text.right(1).cast("int64") * 3, text.right(2).cast("int64"))
    return last_day(ibis.date(text.left(4).cast("int64"), month, 1))


def with_period_end(table: ir.Table, period: str) -> ir.Table:
    """The table with the last day of its periods as `period_ends`; each period is read once, not once a row."""
    found = table.select(period).distinct()
    return table.inner_join(found.mutate(period_ends=period_end(found[period])), period)


@ibis.udf.scalar.builtin  # type: ignore[untyped-decorator]
def last_day(day: date) -> date:  # type: ignore[empty-body]
    """The last day of its month: DuckDB and Spark have it by this name, and it stays a date without an interval."""


def age_years(birth: ir.DateValue, on: ir.DateValue) -> ir.IntegerValue:
    """Completed years of life on a day."""
    before_birthday = on.month() * 100 + on.day() < birth.month() * 100 + birth.day()
    return on.year() - birth.year() - before_birthday.cast("int64")


def months_between(earlier: ir.DateValue, later: ir.DateValue) -> ir.IntegerValue:
    """Calendar months from `earlier` to `later`, negative where the order is reversed."""
    return (later.year() - earlier.year()) * 12 + later.month() - earlier.month()


def days_between(earlier: ir.DateValue, later: ir.DateValue) -> ir.IntegerValue:
    return later.delta(earlier, unit="day")


def stacked(tables: Sequence[ir.Table]) -> ir.Table:
    """The rows of all tables, united in pairs: a chain of a hundred would nest deeper than SQL's writer goes."""
    half = len(tables) // 2
    return stacked(tables[:half]).union(stacked(tables[half:])) if half else tables[0]
