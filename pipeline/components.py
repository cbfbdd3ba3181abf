"""The life-cycle components of PKH: who in a family makes it eligible, and until when.

Ages are the programme's rules (../shared/domain.md 1.1): early childhood 0 to 6, pupils of SD, SMP and SMA up to 21,
the elderly from 60 (Permensos 1/2018), severe disability and pregnancy. A pupil's level that was never recorded is
read in the family's favour: a child of school age without a known level counts as a pupil.
"""

from datetime import date

import ibis
import ibis.expr.types as ir

from pipeline.asof import age_years, known, latest, open_on
from pipeline.columns import FAMILY

EARLY_CHILDHOOD_TO_AGE = 6
SCHOOL_AGE = (7, 18)
SCHOOL_TO_AGE = 21
ELDERLY_FROM_AGE = 60
SCHOOL_LEAVING_AGE = 19  # twelve years of school end in the July of the calendar year in which this age is reached
SCHOOL_LEVELS = ("sd", "smp", "sma")


def present(members: ir.Table, as_of: date) -> ir.Table:
    """Members valid on the day in their latest known version; key kpm_id, member_id."""
    versions = latest(known(members, "valid_from", as_of), [FAMILY, "member_id"], ["valid_from"])
    return versions.filter(open_on(versions, "valid_to", as_of))


def early_childhood(member: ir.Table, on: ir.DateValue) -> ir.BooleanValue:
    return (age_years(member.birth_date, on) <= EARLY_CHILDHOOD_TO_AGE).fill_null(False)


def pupil(member: ir.Table, on: ir.DateValue) -> ir.BooleanValue:
    age = age_years(member.birth_date, on)
    attends = member.in_school.isin(SCHOOL_LEVELS) & (age.fill_null(0) <= SCHOOL_TO_AGE)
    unknown_level = (
        member.in_school.isnull()
        & age.between(*SCHOOL_AGE)
        & member.education_level.fill_null("none").isin(["none", "sd", "smp"])
    )
    return (attends | unknown_level).fill_null(False)


def elderly(member: ir.Table, on: ir.DateValue) -> ir.BooleanValue:
    return (age_years(member.birth_date, on) >= ELDERLY_FROM_AGE).fill_null(False)


def disabled(member: ir.Table) -> ir.BooleanValue:
    return member.severe_disability.fill_null(False)


def pregnant(member: ir.Table) -> ir.BooleanValue:
    return member.pregnant.fill_null(False)


def is_component(member: ir.Table, on: ir.DateValue) -> ir.BooleanValue:
    """Whether the member makes the family eligible on a day."""
    child = early_childhood(member, on) | pupil(member, on)
    return child | elderly(member, on) | disabled(member) | pregnant(member)


def schooling_ends(member: ir.Table) -> ir.DateValue:
    """The July in which a child is expected to finish twelve years of school; null where the birth date is unknown."""
    return ibis.date(member.birth_date.year() + SCHOOL_LEAVING_AGE, 7, 1)
