"""Measures of what families take part in: commitments by component, P2K2 sessions, other programmes."""

from typing import Annotated, Literal

import ibis.expr.types as ir
from pydantic import Field, field_validator

from pipeline.asof import age_years
from pipeline.columns import FAMILY
from pipeline.config import BaseConfig
from pipeline.tables import Programmes
from pipeline.world.arguments import Ages, Between, known_words
from pipeline.world.seen import World, mean, quarter_of, share

PUPILS = ("sd", "smp", "sma")


class Component(BaseConfig):
    """A quarter and a component."""

    quarter: Annotated[str, Field(pattern=r"^\d{4}Q[1-4]$")]
    component: Literal["pregnancy", "early_childhood", "sd", "smp", "sma", "elderly", "disability"]


def component_share(world: World, a: Component) -> ir.Table:
    """Of the persons whose commitment is verified in a quarter, the share of a component."""
    c = world.tables["commitments"]
    asked = c.filter(c.quarter == a.quarter)
    return share(asked, asked.component == a.component)


class Attendance(Between):
    """Quarters that end between two days, and the lowest attendance in percent that complies."""

    at_least: Annotated[float, Field(ge=0, le=100)]


def attendance_share(world: World, a: Attendance) -> ir.Table:
    """Of the pupils' quarters that schools returned, the share with the attendance."""
    rows = _pupils(world, a)
    return share(rows, rows.attendance_pct >= a.at_least)


def not_returned(world: World, a: Between) -> ir.Table:
    """The share of pupils' quarters for which no attendance came back."""
    rows = _pupils(world, a)
    return share(rows, rows.attendance_pct.isnull())


def _pupils(world: World, a: Between) -> ir.Table:
    c = world.tables["commitments"]
    return c.filter(c.component.isin(PUPILS), c.quarter.between(quarter_of(a.since), quarter_of(a.until)))


def session_attendance(world: World, a: Between) -> ir.Table:
    """The share of P2K2 sessions at which the family was present."""
    s = world.tables["sessions"]
    held = s.filter(s.held_on.between(a.since, a.until))
    return share(held, held.attendance == "present")


class Programme(BaseConfig):
    """One programme."""

    programme: str

    @field_validator("programme")
    @classmethod
    def _known(cls, programme: str) -> str:
        return known_words((programme,), Programmes.column("programme").values, "programme")[0]


class ProgrammeAges(Programme):
    """A programme, and the caretaker's ages that count, both included."""

    ages: Ages


def age_on_programme(world: World, a: ProgrammeAges) -> ir.Table:
    """The share of a programme's starts at which the caretaker is of an age."""
    p = world.tables["programmes"]
    begun = p.filter(p.programme == a.programme).inner_join(world.families, FAMILY)
    return share(begun, age_years(begun.caretaker_birth_date, begun.started_on).between(*a.ages))


def programme_amount(world: World, a: Programme) -> ir.Table:
    """Rupiah a start of a programme."""
    p = world.tables["programmes"]
    begun = p.filter(p.programme == a.programme)
    return mean(begun, begun.amount)
