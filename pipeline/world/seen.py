"""The world that is measured: the extract's tables, what many figures read of them, and sums over families.

A measure is a table with kpm_id, `top` and `bottom`: its figure is the sum of the one over the sum of the other.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

import ibis
import ibis.expr.types as ir

from pipeline.asof import ACTIVE_EVENTS, days_between, latest, period_end
from pipeline.columns import FAMILY
from pipeline.world.arguments import Between, Places

Keeper = Callable[[str, ir.Table], ir.Table]
EXACT = "decimal(38, 12)"
DAYS_A_YEAR = 365.25
REGENCY_DIGITS, DISTRICT_DIGITS = 4, 6
ONE, ZERO = ibis.literal(1, "float64"), ibis.literal(0, "float64")


@dataclass(frozen=True, eq=False)
class World:
    """Contract tables of a simulated extract, with `truth_exits`; `settings` are the simulator's own, flattened.

    `events`: one row per membership event with the day and kind of the family's next one. `families`: kpm_id,
    village_code, caretaker_birth_date, caretaker_sex; key kpm_id.
    """

    tables: Mapping[str, ir.Table]
    extracted_on: date
    settings: Mapping[str, object]
    poverty_line: Mapping[int, int]
    families: ir.Table
    events: ir.Table
    regencies: Mapping[str, int]
    keep: Keeper
    _seen: dict[tuple[str, date], ir.Table] = field(default_factory=dict)

    def once(self, name: str, on: date, made: Callable[[], ir.Table]) -> ir.Table:
        """A table that several figures share, computed once and kept by the engine."""
        if (name, on) not in self._seen:
            self._seen[name, on] = self.keep(f"{name}_{on:%Y%m%d}", made())
        return self._seen[name, on]


def spells(world: World) -> ir.Table:
    """kpm_id, since, until (exclusive): times of membership by event date, cut after extracted_on."""
    entered = world.events.filter(world.events.event.isin(ACTIVE_EVENTS))
    end = entered.next_on.fill_null(ibis.literal(world.extracted_on + timedelta(days=1)))
    return entered.select(FAMILY, since=entered.effective_on, until=end)


def exited(world: World, reasons: tuple[str, ...], since: date, until: date) -> ir.Table:
    """kpm_id, exit_on: recorded exits for these reasons between two days, both included."""
    e = world.events
    chosen = e.filter(e.event == "exited", e.reason.isin(reasons), e.effective_on.between(since, until))
    return chosen.select(FAMILY, exit_on=chosen.effective_on)


def member_days(world: World, since: date, until: date) -> ir.Table:
    """kpm_id, days: days of membership between two days, both included."""
    s = spells(world)
    s = s.filter(s.since <= until, s.until > since)
    start = ibis.greatest(s.since, ibis.literal(since))
    end = ibis.least(s.until, ibis.literal(until + timedelta(days=1)))
    return s.select(FAMILY, days=days_between(start, end))


def member_years(world: World, a: Between) -> ir.Table:
    """kpm_id, bottom: years of membership between two days, both included."""
    days = member_days(world, a.since, a.until)
    return days.select(FAMILY, bottom=days.days.cast("float64") / DAYS_A_YEAR)


def active_on(world: World, on: date) -> ir.Table:
    """kpm_id of the members on a day, with their caretaker's birth date, sex and village; nobody after extracted_on."""

    def made() -> ir.Table:
        s = spells(world)
        now = s.filter(s.since <= on, s.until > on, ibis.literal(on <= world.extracted_on)).select(FAMILY).distinct()
        return now.inner_join(world.families, FAMILY)

    return world.once("active", on, made)


def persons_on(world: World, on: date) -> ir.Table:
    """The members of member families whose roster row is valid on a day."""

    def made() -> ir.Table:
        m = world.tables["members"]
        valid = m.filter(m.valid_from <= on, m.valid_to.isnull() | (m.valid_to > on))
        kept = valid.select(FAMILY, "member_id", "relation", "sex", "education_level")
        return kept.semi_join(active_on(world, on), FAMILY)

    return world.once("persons", on, made)


def welfare_on(world: World, on: date) -> ir.Table:
    """The latest survey of every member family on a day."""

    def made() -> ir.Table:
        w = world.tables["welfare"]
        return latest(w.filter(w.observed_on <= on).semi_join(active_on(world, on), FAMILY), [FAMILY], ["observed_on"])

    return world.once("welfare", on, made)


def payment_rows(payments: ir.Table, programme: str, since: date, until: date) -> ir.Table:
    """Rows of a programme whose period ends between two days; the year's text lets the engine leave the rest unread."""
    year = payments.period.left(4).between(str(since.year), str(until.year))
    chosen = payments.filter(payments.programme == programme, year)
    return chosen.filter(period_end(chosen.period).between(since, until))


def quarter_of(day: date) -> str:
    """Such as 2024Q3."""
    return f"{day.year}Q{(day.month + 2) // 3}"


def lives_in(village: ir.StringValue, places: Places) -> ir.BooleanValue:
    """Whether the village's code starts as one of the places does."""
    return ibis.or_(*(village.startswith(p) for p in places))


def share(table: ir.Table, hit: ir.BooleanValue) -> ir.Table:
    """top 1 where it holds, bottom 1; a row that cannot say (null) is left out."""
    known = table.select(FAMILY, top=hit.cast("float64"), bottom=ONE)
    return known.filter(known.top.notnull())


def mean(table: ir.Table, value: ir.NumericValue) -> ir.Table:
    """top the value, bottom 1; unknown values are left out."""
    known = table.select(FAMILY, top=value.cast("float64"), bottom=ONE)
    return known.filter(known.top.notnull())


def over(events: ir.Table, exposure: ir.Table) -> ir.Table:
    """`events` (kpm_id, top) over `exposure` (kpm_id, bottom)."""
    top = events.select(FAMILY, top=events.top.cast("float64"), bottom=ZERO)
    bottom = exposure.select(FAMILY, top=ZERO, bottom=exposure.bottom.cast("float64"))
    return top.union(bottom)


def total(value: ir.NumericValue) -> ir.FloatingValue:
    """The sum, the same to the last digit whatever the order of the rows: threads add floats in any order."""
    return value.cast(EXACT).sum().cast("float64")
