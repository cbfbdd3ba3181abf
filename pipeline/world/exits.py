"""Measures of exits: how many, when, where, what follows them, what drove them, and how they are recorded."""

from datetime import date
from typing import Annotated, Literal

import ibis
import ibis.expr.types as ir
from pydantic import Field, PositiveInt, field_validator

from pipeline.asof import ACTIVE_EVENTS, age_years, days_between
from pipeline.columns import FAMILY
from pipeline.config import BaseConfig
from pipeline.tables import Programmes
from pipeline.world.arguments import Ages, Between, Places, Reason, known_words
from pipeline.world.seen import (
    DAYS_A_YEAR,
    DISTRICT_DIGITS,
    ONE,
    ZERO,
    World,
    exited,
    lives_in,
    member_days,
    over,
    share,
    spells,
)


class Exits(Between):
    """Recorded exits. `via`: only families with such a programme begun by then; `ages` of the caretaker at the start.

    `partial`: what to do where the extract ends before `until`: refuse, scale (up to the whole time), as_is.
    """

    reasons: Annotated[tuple[Reason, ...], Field(min_length=1)]
    via: tuple[str, ...]
    ages: Ages | tuple[()]
    partial: Literal["refuse", "scale", "as_is"]

    @field_validator("via")
    @classmethod
    def _programmes(cls, via: tuple[str, ...]) -> tuple[str, ...]:
        return known_words(via, Programmes.column("programme").values, "programme")


def exits_in_period(world: World, a: Exits) -> ir.Table:
    """Exits in a period over the mean number of members in it, as the ministry's counts over its caseload."""
    length = (a.until - a.since).days + 1
    return _exits(world, a, 1.0 / length)


def exits_a_year(world: World, a: Exits) -> ir.Table:
    """Exits over years of membership."""
    return _exits(world, a, 1.0 / DAYS_A_YEAR)


def _exits(world: World, a: Exits, a_day: float) -> ir.Table:
    """`a_day` turns days of membership into the denominator's unit. The time that the extract does not reach adds
    neither exits nor days: a rate scales itself; `as_is` takes the members of the whole time as those of the part."""
    until = min(a.until, world.extracted_on)
    if until < a.since or (a.partial == "refuse" and until < a.until):
        return _nobody(world)
    days = member_days(world, a.since, until)
    stretch = ((a.until - a.since).days + 1) / ((until - a.since).days + 1) if a.partial == "as_is" else 1.0
    exposure = days.select(FAMILY, bottom=days.days.cast("float64") * a_day * stretch)
    left = exited(world, a.reasons, a.since, until)
    left = _through(world, left, a.via) if a.via else left
    made = over(left.mutate(top=ONE), exposure)
    return made.semi_join(_aged(world.families, a.since, a.ages), FAMILY) if a.ages else made


def _nobody(world: World) -> ir.Table:
    return world.families.filter(ibis.literal(False)).select(FAMILY, top=ZERO, bottom=ZERO)


def _through(world: World, left: ir.Table, programmes: tuple[str, ...]) -> ir.Table:
    p = world.tables["programmes"]
    first = p.filter(p.programme.isin(programmes)).group_by(FAMILY).agg(begun=p.started_on.min())
    both = left.inner_join(first, FAMILY)
    return both.filter(both.begun <= both.exit_on).select(FAMILY, "exit_on")


def _aged(families: ir.Table, on: date, ages: tuple[int, ...]) -> ir.Table:
    return families.filter(age_years(families.caretaker_birth_date, ibis.literal(on)).between(ages[0], ages[-1]))


class ExitMonths(Between):
    """Which exits, and which calendar months count."""

    reasons: Annotated[tuple[Reason, ...], Field(min_length=1)]
    months: Annotated[tuple[Annotated[int, Field(ge=1, le=12)], ...], Field(min_length=1)]


def exits_in_months(world: World, a: ExitMonths) -> ir.Table:
    """The share of exits that fall into some calendar months."""
    left = exited(world, a.reasons, a.since, a.until)
    return share(left, left.exit_on.month().isin(a.months))


class ExitPlaces(Between):
    """Which exits, and which places count."""

    reasons: Annotated[tuple[Reason, ...], Field(min_length=1)]
    share_of: Annotated[Places, Field(min_length=1)]


def exits_in_places(world: World, a: ExitPlaces) -> ir.Table:
    """The share of exits that happen in some places."""
    left = exited(world, a.reasons, a.since, a.until).inner_join(world.families, FAMILY)
    return share(left, lives_in(left.village_code, a.share_of))


class Returns(BaseConfig):
    """After which exits, and within how many months."""

    reasons: Annotated[tuple[Reason, ...], Field(min_length=1)]
    months: PositiveInt


def reentry(world: World, a: Returns) -> ir.Table:
    """The share of exits after which the family is a member again in time; only exits observed for that long."""
    e = world.events
    wait = ibis.interval(months=a.months)
    left = e.filter(
        e.event == "exited", e.reason.isin(a.reasons), (e.effective_on + wait).cast("date") <= world.extracted_on
    )
    back = left.next_event.isin(ACTIVE_EVENTS) & (left.next_on <= (left.effective_on + wait).cast("date"))
    return share(left, back.fill_null(False))


class Labelling(BaseConfig):
    """The smallest share of a district's members that makes a labelling: single exits are stray village codes."""

    at_least: Annotated[float, Field(ge=0, le=1)]


def labelling_shock(world: World, a: Labelling) -> ir.Table:
    """Of a district's members on the day on which its labelling began, the share that it drove out."""
    asked = _labelled(world, a)
    return share(asked, asked.gone)


def labelling_days(world: World, a: Labelling) -> ir.Table:
    """Days from the first to the last exit of a district's labelling, both included; each counted once."""
    asked = _labelled(world, a)
    gone = asked.filter(asked.gone).select(FAMILY, "district", "year", "exit_on")
    one = ibis.window(group_by=["district", "year"])
    days = days_between(gone.exit_on.min().over(one), gone.exit_on.max().over(one)) + 1
    n = gone.count().over(one)
    return gone.select(FAMILY, top=days.cast("float64") / n, bottom=ONE / n)


def _labelled(world: World, a: Labelling) -> ir.Table:
    """kpm_id, district, year, exit_on, gone: members of the labelled districts on the first day."""
    asked = world.once("asked", world.extracted_on, lambda: _asked(world))
    part = asked.gone.cast("float64").mean().over(ibis.window(group_by=["district", "year"]))
    named = asked.mutate(part=part)
    return named.filter(named.part >= a.at_least)


def _asked(world: World) -> ir.Table:
    """The same for every district with an exit that a labelling drove, however few."""
    driven = world.once("driven", world.extracted_on, lambda: _driven(world))
    begun = driven.group_by("district", "year").agg(first=driven.exit_on.min())
    s = spells(world).inner_join(world.families, FAMILY)
    there = s.mutate(district=s.village_code.left(DISTRICT_DIGITS)).inner_join(begun, "district")
    there = there.filter(there.since <= there["first"], there.until >= there["first"])
    members = there.select(FAMILY, "district", "year").distinct()
    left = driven.group_by(FAMILY, "year").agg(exit_on=driven.exit_on.min())
    both = members.left_join(left, [FAMILY, "year"])
    return both.select(FAMILY, "district", "year", "exit_on", gone=both.exit_on.notnull())


def _driven(world: World) -> ir.Table:
    """kpm_id, exit_on, district, year of the exits that a labelling drove, up to extracted_on."""
    t = world.tables["truth_exits"]
    driven = t.filter(t.shock == "labelling", t.exit_on <= world.extracted_on).inner_join(world.families, FAMILY)
    return driven.select(
        FAMILY, "exit_on", district=driven.village_code.left(DISTRICT_DIGITS), year=driven.exit_on.year()
    )


class Recorded(BaseConfig):
    """A true cause, and the reasons under which it is looked for."""

    cause: Reason
    reasons: Annotated[tuple[Reason, ...], Field(min_length=1)]


def recorded_as(world: World, a: Recorded) -> ir.Table:
    """Of the true exits by a cause, the share recorded for some reasons; a family's first true exit is its first
    recorded one, and so on: days may differ, the order does not."""
    t = world.tables["truth_exits"].filter(lambda t: t.exit_on <= world.extracted_on)
    true = t.select(FAMILY, "cause", nth=ibis.row_number().over(group_by=FAMILY, order_by=t.exit_on))
    recorded = world.events.filter(world.events.event == "exited").select(FAMILY, "nth", "reason")
    both = true.filter(true.cause == a.cause).inner_join(recorded, [FAMILY, "nth"])
    return share(both, both.reason.isin(a.reasons))
