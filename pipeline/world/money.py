"""Measures of payments: how much, how often, when, and what became of them."""

from datetime import date
from typing import Annotated, Literal

import ibis
import ibis.expr.types as ir
from pydantic import Field, PositiveInt, field_validator

from pipeline.asof import period_end
from pipeline.columns import FAMILY
from pipeline.config import BaseConfig
from pipeline.tables import Payments
from pipeline.world.arguments import Between, known_words
from pipeline.world.seen import ONE, World, mean, member_years, over, payment_rows, quarter_of, share


class Paid(Between):
    """Payments of a programme whose period ends between two days."""

    programme: Literal["PKH", "BPNT"]


def paid_a_year(world: World, a: Paid) -> ir.Table:
    """Rupiah paid out over years of membership."""
    rows = payment_rows(world.tables["payments"], a.programme, a.since, a.until)
    return over(rows.mutate(top=rows.amount), member_years(world, a))


def payments_a_year(world: World, a: Paid) -> ir.Table:
    """Payments, whatever became of them, over years of membership."""
    rows = payment_rows(world.tables["payments"], a.programme, a.since, a.until)
    return over(rows.mutate(top=ONE), member_years(world, a))


class Amount(Paid):
    """Payments, and the number of months that the amount is told for."""

    months: PositiveInt


def amount_for_months(world: World, a: Amount) -> ir.Table:
    """Rupiah of a payment that arrived, for so many months."""
    paid = payment_rows(world.tables["payments"], a.programme, a.since, a.until)
    rows = paid.filter(paid.status == "disbursed")
    months = ibis.ifelse(rows.period.contains("Q"), 3, 1).cast("float64")
    return rows.select(FAMILY, top=rows.amount.cast("float64"), bottom=months / float(a.months))


class Status(Paid):
    """Payments, and what became of them."""

    status: str

    @field_validator("status")
    @classmethod
    def _known(cls, status: str) -> str:
        return known_words((status,), Payments.column("status").values, "status")[0]


def payment_status_share(world: World, a: Status) -> ir.Table:
    """The share of payments that ended in a status."""
    rows = payment_rows(world.tables["payments"], a.programme, a.since, a.until)
    return share(rows, rows.status == a.status)


class PaidBy(BaseConfig):
    """One period of PKH, and the day by which it should be paid."""

    period: Annotated[str, Field(pattern=r"^\d{4}(Q[1-4]|-\d{2})$")]
    day: date


def paid_by(world: World, a: PaidBy) -> ir.Table:
    """The share of a period's payments that were paid by a day."""
    p = world.tables["payments"]
    rows = p.filter(p.programme == "PKH", p.period == a.period)
    return share(rows, (rows.paid_on <= a.day).fill_null(False) & (rows.status == "disbursed"))


class ComponentAmount(Between):
    """A component in the quarters that end between two days."""

    component: Literal["pregnancy", "early_childhood", "sd", "smp", "sma", "elderly", "disability"]


def component_amount(world: World, a: ComponentAmount) -> ir.Table:
    """Rupiah a year for a component: four times the quarter of the families that had no other one and were paid."""
    alone = world.once(f"alone_{a.since:%Y%m%d}", a.until, lambda: _alone(world, a))
    chosen = alone.filter(alone.component == a.component)
    return mean(chosen, 4 * chosen.amount)


def _alone(world: World, a: Between) -> ir.Table:
    """kpm_id, component, amount: quarters of families with one component only, of which they received all."""
    c = world.tables["commitments"]
    c = c.filter(c.quarter.between(quarter_of(a.since), quarter_of(a.until)))
    every = c.group_by(FAMILY, "quarter").agg(n=c.count(), component=c.component.min())
    one = every.filter(every.n == 1).select(FAMILY, "quarter", "component")
    paid = _quarters(world, a.since, a.until).inner_join(one, [FAMILY, "quarter"])
    return paid.select(FAMILY, "component", "amount")


def _quarters(world: World, since: date, until: date) -> ir.Table:
    """kpm_id, quarter, amount: PKH of a quarter, of families that received all of it."""
    rows = payment_rows(world.tables["payments"], "PKH", since, until)
    end = period_end(rows.period)
    named = rows.mutate(quarter=end.year().cast("string") + "Q" + end.quarter().cast("string"))
    paid = named.group_by(FAMILY, "quarter").agg(amount=named.amount.sum(), whole=(named.status == "disbursed").all())
    return paid.filter(paid.whole)


class Year(BaseConfig):
    """One year."""

    year: int


def fixed_part(world: World, a: Year) -> ir.Table:
    """Rupiah that the first quarter pays beyond the second, of families that received both."""
    paid = _quarters(world, date(a.year, 1, 1), date(a.year, 6, 30))
    both = paid.group_by(FAMILY).agg(
        n=paid.count(), more=ibis.ifelse(paid.quarter.right(1) == "1", paid.amount, -paid.amount).sum()
    )
    whole = both.filter(both.n == 2)
    return mean(whole, whole.more)
