"""The measures by name: what a declared figure may ask for."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import ibis.expr.types as ir
from pydantic import model_validator

from pipeline.config import BaseConfig
from pipeline.tables import TABLES
from pipeline.world import exits, families, identity, money, participation, surveys
from pipeline.world.arguments import Between, Nothing, On, known_words
from pipeline.world.seen import ONE, World, member_years, over


class Rows(Between):
    """A table with an event date, and the column that must be known."""

    table: str
    column: str

    @model_validator(mode="after")
    def _known(self) -> "Rows":
        known_words((self.table,), tuple(n for n, t in TABLES.items() if t.happened_on), "table with an event date")
        known_words((self.column,), tuple(c.name for c in TABLES[self.table].columns()), f"column of {self.table}")
        return self


def rows_a_year(world: World, a: Rows) -> ir.Table:
    """Rows of a table that know a column, over years of membership; only the time that the extract reaches."""
    t = world.tables[a.table]
    happened = t.filter(t[str(TABLES[a.table].happened_on)].between(a.since, a.until), t[a.column].notnull())
    return over(happened.mutate(top=ONE), member_years(world, a))


class Setting(BaseConfig):
    """The dotted name of a setting of the simulator."""

    name: str


@dataclass(frozen=True)
class Measure:
    """How a figure is found: arguments, table of top and bottom, what bottom counts, what becomes of the ratio."""

    arguments: type[BaseConfig]
    table: Callable[[World, Any], ir.Table] | None
    base: str
    needs: tuple[str, ...] = ()
    finish: Literal["ratio", "exp", "root"] = "ratio"


MEASURES: Mapping[str, Measure] = {
    "age_on_programme": Measure(participation.ProgrammeAges, participation.age_on_programme, "starts", ("programmes",)),
    "amount_for_months": Measure(money.Amount, money.amount_for_months, "stretches of months"),
    "attendance_share": Measure(
        participation.Attendance, participation.attendance_share, "pupil-quarters", ("commitments",)
    ),
    "caretaker_age_share": Measure(families.Aged, families.caretaker_age_share, "families"),
    "caretaker_education": Measure(families.Educated, families.caretaker_education, "caretakers"),
    "caretaker_sex_share": Measure(families.Sexed, families.caretaker_sex_share, "families"),
    "component_amount": Measure(money.ComponentAmount, money.component_amount, "family-quarters", ("commitments",)),
    "component_share": Measure(participation.Component, participation.component_share, "persons", ("commitments",)),
    "decile_known": Measure(Between, surveys.decile_known, "surveys"),
    "duplicates_over_payments": Measure(Between, identity.duplicates_over_payments, "families", ("identity_checks",)),
    "exits_a_year": Measure(exits.Exits, exits.exits_a_year, "member-years"),
    "exits_in_months": Measure(exits.ExitMonths, exits.exits_in_months, "exits"),
    "exits_in_period": Measure(exits.Exits, exits.exits_in_period, "members"),
    "exits_in_places": Measure(exits.ExitPlaces, exits.exits_in_places, "exits"),
    "female_headed": Measure(On, families.female_headed, "families"),
    "fixed_part": Measure(money.Year, money.fixed_part, "families"),
    "household_size": Measure(On, families.household_size, "families"),
    "identity_share": Measure(identity.Identity, identity.identity_share, "checks", ("identity_checks",)),
    "income_centre": Measure(On, surveys.income_centre, "surveys", finish="exp"),
    "income_heaped": Measure(surveys.Heaped, surveys.income_heaped, "surveys"),
    "income_missing": Measure(Between, surveys.income_missing, "surveys"),
    "income_spread": Measure(On, surveys.income_spread, "surveys", finish="root"),
    "labelling_days": Measure(exits.Labelling, exits.labelling_days, "labellings"),
    "labelling_shock": Measure(exits.Labelling, exits.labelling_shock, "members"),
    "members_per_facilitator": Measure(On, families.members_per_facilitator, "facilitators", ("assignments",)),
    "nik_against_birth": Measure(Nothing, identity.nik_against_birth, "families"),
    "nik_invalid": Measure(Nothing, identity.nik_invalid, "families"),
    "nik_repeated": Measure(Nothing, identity.nik_repeated, "families"),
    "not_returned": Measure(Between, participation.not_returned, "pupil-quarters", ("commitments",)),
    "paid_a_year": Measure(money.Paid, money.paid_a_year, "member-years"),
    "paid_by": Measure(money.PaidBy, money.paid_by, "payments"),
    "payment_status_share": Measure(money.Status, money.payment_status_share, "payments"),
    "payments_a_year": Measure(money.Paid, money.payments_a_year, "member-years"),
    "place_share": Measure(families.Placed, families.place_share, "families"),
    "programme_amount": Measure(participation.Programme, participation.programme_amount, "starts", ("programmes",)),
    "recorded_as": Measure(exits.Recorded, exits.recorded_as, "exits"),
    "reentry": Measure(exits.Returns, exits.reentry, "exits"),
    "rows_a_year": Measure(Rows, rows_a_year, "member-years"),
    "session_attendance": Measure(Between, participation.session_attendance, "sessions", ("sessions",)),
    "setting": Measure(Setting, None, "settings"),
    "survey_age": Measure(On, surveys.survey_age, "families"),
    "welfare_at_least": Measure(surveys.AtLeast, surveys.welfare_at_least, "families"),
    "welfare_code_share": Measure(surveys.Coded, surveys.welfare_code_share, "families"),
}
