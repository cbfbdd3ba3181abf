"""Measures of member families on a day: who they are, where they live, and who serves them."""

from typing import Annotated, Literal

import ibis
import ibis.expr.types as ir
from pydantic import Field

from pipeline.asof import age_years, latest
from pipeline.columns import FAMILY
from pipeline.world.arguments import Ages, On, Places
from pipeline.world.seen import ONE, World, active_on, lives_in, over, persons_on, share


def household_size(world: World, a: On) -> ir.Table:
    """Persons over member families."""
    persons = persons_on(world, a.day).mutate(top=ONE)
    return over(persons, persons.select(FAMILY).distinct().mutate(bottom=ONE))


class Aged(On):
    """A day, and the ages in completed years, both included."""

    ages: Ages


def caretaker_age_share(world: World, a: Aged) -> ir.Table:
    """The share of caretakers of an age."""
    f = active_on(world, a.day)
    return share(f, age_years(f.caretaker_birth_date, ibis.literal(a.day)).between(*a.ages))


class Sexed(On):
    """A day and a sex."""

    sex: Literal["F", "M"]


def caretaker_sex_share(world: World, a: Sexed) -> ir.Table:
    """The share of caretakers of a sex."""
    f = active_on(world, a.day)
    return share(f, f.caretaker_sex == a.sex)


def female_headed(world: World, a: On) -> ir.Table:
    """The share of families with a woman as caretaker and no man as head or spouse."""
    f, p = active_on(world, a.day), persons_on(world, a.day)
    man = p.filter(p.relation.isin(["head", "spouse"]), p.sex == "M").select(FAMILY, man=ibis.literal(True)).distinct()
    both = f.left_join(man, FAMILY)
    return share(both, (both.caretaker_sex == "F") & both.man.isnull())


class Educated(On):
    """A day, and the levels that count."""

    levels: Annotated[tuple[Literal["none", "sd", "smp", "sma", "tertiary"], ...], Field(min_length=1)]


def caretaker_education(world: World, a: Educated) -> ir.Table:
    """The share of caretakers whose highest completed school is of some levels."""
    p = persons_on(world, a.day)
    caretakers = p.filter(p.relation == "caretaker")
    return share(caretakers, caretakers.education_level.isin(a.levels))


class Placed(On):
    """A day, and the places that count."""

    share_of: Annotated[Places, Field(min_length=1)]


def place_share(world: World, a: Placed) -> ir.Table:
    """The share of member families that live in some places."""
    f = active_on(world, a.day)
    return share(f, lives_in(f.village_code, a.share_of))


def members_per_facilitator(world: World, a: On) -> ir.Table:
    """Member families over facilitators: each family holds its part of its facilitator."""
    s = world.tables["assignments"]
    now = s.filter(s.valid_from <= a.day, s.valid_to.isnull() | (s.valid_to > a.day))
    newest = latest(now, [FAMILY], ["valid_from"]).semi_join(active_on(world, a.day), FAMILY)
    served = newest.select(FAMILY, "facilitator_id")
    part = ONE / served.count().over(ibis.window(group_by="facilitator_id"))
    return served.select(FAMILY, top=ONE, bottom=part)
