"""Measures of identity: what the checks against the civil registry answer, and flaws of the NIK."""

from typing import Literal

import ibis
import ibis.expr.types as ir

from pipeline.columns import FAMILY
from pipeline.world.arguments import Between, Nothing
from pipeline.world.seen import DISTRICT_DIGITS, World, over, payment_rows, share

NIK_DIGITS = 16


class Identity(Between):
    """Checks between two days, and the answer that counts."""

    column: Literal["matched", "alive", "duplicate"]
    answer: bool


def identity_share(world: World, a: Identity) -> ir.Table:
    """The share of identity checks with an answer."""
    c = world.tables["identity_checks"]
    done = c.filter(c.checked_on.between(a.since, a.until))
    return share(done, done[a.column] == a.answer)


def duplicates_over_payments(world: World, a: Between) -> ir.Table:
    """Payments to families whose identity another one used, each payment counted, over the families paid."""
    c, p = world.tables["identity_checks"], world.tables["payments"]
    twins = c.filter(c.checked_on.between(a.since, a.until), c.duplicate).select(FAMILY).distinct()
    paid = payment_rows(p, "PKH", a.since, a.until).group_by(FAMILY).agg(n=ibis._.count())
    flagged = paid.semi_join(twins, FAMILY)
    return over(flagged.mutate(top=flagged.n), paid.mutate(bottom=ibis.literal(1)))


def nik_invalid(world: World, _: Nothing) -> ir.Table:
    """The share of families whose caretaker has no NIK of sixteen digits."""
    k = world.tables["kpm"]
    return share(k, ~_sixteen(k))


def _sixteen(kpm: ir.Table) -> ir.BooleanValue:
    return kpm.caretaker_nik.re_search(rf"^[0-9]{{{NIK_DIGITS}}}$").fill_null(False)


def nik_against_birth(world: World, _: Nothing) -> ir.Table:
    """The share of whole NIKs whose day, month and year of birth (women: day + 40) are not the recorded ones."""
    k = world.tables["kpm"]
    k = k.filter(_sixteen(k), k.caretaker_birth_date.notnull(), k.caretaker_sex.notnull())
    born = k.caretaker_birth_date
    day = born.day() + ibis.ifelse(k.caretaker_sex == "F", 40, 0)
    wanted = day * 10_000 + born.month() * 100 + born.year() % 100
    return share(k, k.caretaker_nik.substr(DISTRICT_DIGITS, 6).cast("int64") != wanted)


def nik_repeated(world: World, _: Nothing) -> ir.Table:
    """The share of whole NIKs that more than one family gives."""
    k = world.tables["kpm"]
    k = k.filter(_sixteen(k))
    users = k.count().over(ibis.window(group_by="caretaker_nik"))
    return share(k, users > 1)
