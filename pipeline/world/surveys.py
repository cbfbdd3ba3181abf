"""Measures of the welfare surveys: what the latest one says, and the income that families report."""

from datetime import date
from typing import Annotated

import ibis
import ibis.expr.types as ir
from pydantic import Field, PositiveInt, field_validator

from pipeline.asof import days_between
from pipeline.columns import FAMILY
from pipeline.tables import Welfare
from pipeline.world.arguments import Between, On, known_words
from pipeline.world.seen import DAYS_A_YEAR, World, mean, persons_on, share, total, welfare_on


class Surveyed(On):
    """A day, and a column of `welfare`."""

    column: str

    @field_validator("column")
    @classmethod
    def _known(cls, column: str) -> str:
        codes = tuple(c.name for c in Welfare.columns() if c.kind in ("whole", "flag"))
        return known_words((column,), codes, "code")[0]


class Coded(Surveyed):
    """A day, a column of `welfare`, and the codes that count; 1 is true."""

    codes: Annotated[tuple[int, ...], Field(min_length=1)]


def welfare_code_share(world: World, a: Coded) -> ir.Table:
    """Of the members whose latest survey says, the share with some codes."""
    w = welfare_on(world, a.day)
    return share(w, w[a.column].cast("int64").isin(a.codes))


class AtLeast(Surveyed):
    """A day, a column of `welfare`, and its lowest value that counts."""

    at_least: int


def welfare_at_least(world: World, a: AtLeast) -> ir.Table:
    """Of the members whose latest survey says, the share with so much or more."""
    w = welfare_on(world, a.day)
    return share(w, w[a.column].cast("int64") >= a.at_least)


def survey_age(world: World, a: On) -> ir.Table:
    """Years from a member's latest survey to the day."""
    w = welfare_on(world, a.day)
    return mean(w, days_between(w.observed_on, ibis.literal(a.day)) / DAYS_A_YEAR)


def _surveys(world: World, a: Between) -> ir.Table:
    w = world.tables["welfare"]
    return w.filter(w.observed_on.between(a.since, a.until))


def income_missing(world: World, a: Between) -> ir.Table:
    """The share of surveys without an income."""
    w = _surveys(world, a)
    return share(w, w.monthly_income.isnull())


def decile_known(world: World, a: Between) -> ir.Table:
    """The share of surveys with a national decile."""
    w = _surveys(world, a)
    return share(w, w.national_decile.notnull())


class Heaped(Between):
    """Two days, and the rupiah of which an income is a whole multiple."""

    multiple: PositiveInt


def income_heaped(world: World, a: Heaped) -> ir.Table:
    """The share of reported incomes that are whole multiples."""
    w = _surveys(world, a)
    return share(w, w.monthly_income % a.multiple == 0)


def income_log(world: World, a: On) -> ir.Table:
    """kpm_id, x: log of reported income per head over the poverty line of the day's year, its members' surveys."""
    w = _surveys(world, Between(since=date(a.day.year, 1, 1), until=date(a.day.year, 12, 31)))
    w = w.filter(w.monthly_income > 0).select(FAMILY, "monthly_income")
    persons = persons_on(world, a.day)
    both = w.inner_join(persons.group_by(FAMILY).agg(n=persons.count()), FAMILY)
    line = world.poverty_line.get(a.day.year)
    kept = both if line else both.filter(ibis.literal(False))
    return kept.select(FAMILY, x=(kept.monthly_income / (kept.n * (line or 1))).ln())


def income_centre(world: World, a: On) -> ir.Table:
    """Mean log of income per head over the line; its exponential is the centre of a log-normal."""
    logs = income_log(world, a)
    return mean(logs, logs.x)


def income_spread(world: World, a: On) -> ir.Table:
    """Mean square of the log around its mean; its root is the sigma of a log-normal."""
    logs = income_log(world, a)
    everyone = ibis.window()
    centre = total(logs.x).over(everyone) / logs.count().over(everyone)
    return mean(logs, (logs.x - centre) ** 2)
