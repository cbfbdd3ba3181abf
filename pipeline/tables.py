"""The input contract as classes that both check and document: grain, key, columns, units, bounds, meaning.

Two clocks. `happened_on` names the column that says when something happened; `recorded_on` says when the system
knew it. A row counts as of t only if both days are <= t.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

Kind = Literal["text", "whole", "number", "flag", "day", "choice"]


@dataclass(frozen=True)
class Column:
    """One column: what it means, its unit, and what a value must satisfy."""

    kind: Kind
    meaning: str
    null: bool = True
    unit: str | None = None
    minimum: float | None = None
    maximum: float | None = None
    values: tuple[str, ...] = ()
    pattern: str | None = None
    pii: bool = False
    name: str = ""


def text(meaning: str, **limits: Any) -> Any:
    return Column("text", meaning, **limits)


def whole(meaning: str, **limits: Any) -> Any:
    return Column("whole", meaning, **limits)


def number(meaning: str, **limits: Any) -> Any:
    return Column("number", meaning, **limits)


def flag(meaning: str, **limits: Any) -> Any:
    return Column("flag", meaning, **limits)


def day(meaning: str, **limits: Any) -> Any:
    return Column("day", meaning, **limits)


def choice(meaning: str, values: tuple[str, ...], **limits: Any) -> Any:
    return Column("choice", meaning, values=values, **limits)


class Table:
    """A table of the contract; `columns()` lists its columns in order."""

    name: ClassVar[str]
    required: ClassVar[bool]
    key: ClassVar[tuple[str, ...]]
    happened_on: ClassVar[str | None]

    @classmethod
    def columns(cls) -> tuple[Column, ...]:
        return tuple(replace(c, name=n) for n, c in vars(cls).items() if isinstance(c, Column))

    @classmethod
    def column(cls, name: str) -> Column:
        return next(c for c in cls.columns() if c.name == name)


class Kpm(Table):
    """Families (Keluarga Penerima Manfaat) ever enrolled; one row per family."""

    name = "kpm"
    required = True
    key = ("kpm_id",)
    happened_on = "enrolled_on"

    kpm_id = text("family", null=False)
    enrolled_on = day("day the family was first enrolled", null=False)
    caretaker_nik = text("national identity number of the caretaker (pengurus)", pii=True, pattern=r"^\d{16}$")
    family_card_no = text("number of the family card (NKK)", pii=True, pattern=r"^\d{16}$")
    caretaker_name = text("name of the caretaker", pii=True)
    caretaker_sex = choice("sex of the caretaker", ("F", "M",))
    caretaker_birth_date = day("birth date of the caretaker")
    village_code = text("village, Kemendagri PPKKCCDDDD; the first four digits are the regency", null=False, pattern=r"^\d{10}$")
    urban = flag("village is urban")
    customary_community = flag("family belongs to a customary community (KAT)")
    recorded_on = day("day the system knew the row", null=False)


class Members(Table):
    """The roster; one row per family, member and start of validity."""

    name = "members"
    required = True
    key = ("kpm_id", "member_id", "valid_from",)
    happened_on = "valid_from"

    kpm_id = text("family", null=False)
    member_id = text("member of the family", null=False)
    nik = text("national identity number of the member", pii=True, pattern=r"^\d{16}$")
    sex = choice("sex", ("F", "M",))
    birth_date = day("birth date")
    relation = choice("relation to the family", ("caretaker", "head", "spouse", "child", "parent", "other",))
    education_level = choice("highest completed school level", ("none", "sd", "smp", "sma", "tertiary",))
    in_school = choice("school level attended now", ("none", "sd", "smp", "sma", "tertiary",))
    severe_disability = flag("cannot care for self")
    pregnant = flag("pregnant")
    working = flag("has work")
    valid_from = day("first day of validity", null=False)
    valid_to = day("day after the last day of validity; null while valid")
    recorded_on = day("day the system knew the row", null=False)


class Welfare(Table):
    """Socio-economic updates (DTKS until 2024, DTSEN from 2025); one row per family and observation."""

    name = "welfare"
    required = True
    key = ("kpm_id", "observed_on",)
    happened_on = "observed_on"

    kpm_id = text("family", null=False)
    observed_on = day("day of the observation", null=False)
    recorded_on = day("day the system knew the row", null=False)
    national_decile = whole("decile of the national socio-economic registry (desil_nasional), from 2025", minimum=1, maximum=10, unit="decile")
    monthly_income = whole("income of the family", minimum=0, unit="rupiah a month")
    floor_area_m2 = number("floor area", minimum=0, unit="m2")
    floor_type = whole("widest floor, DTSEN code", minimum=1, maximum=9)
    wall_type = whole("widest wall, DTSEN code", minimum=1, maximum=7)
    roof_type = whole("widest roof, DTSEN code", minimum=1, maximum=8)
    drinking_water = whole("main source of drinking water, DTSEN code", minimum=1, maximum=11)
    lighting = whole("main lighting, DTSEN code", minimum=1, maximum=4)
    electricity_power = whole("connected power, DTSEN code", minimum=1, maximum=5)
    cooking_fuel = whole("main cooking fuel, DTSEN code", minimum=0, maximum=11)
    toilet_facility = whole("toilet facility, DTSEN code", minimum=1, maximum=6)
    house_tenure = whole("tenure of the house, DTSEN code", minimum=1, maximum=5)
    motorcycles = whole("motorcycles owned", minimum=0, unit="count")
    cars = whole("cars owned", minimum=0, unit="count")
    refrigerator = flag("owns a refrigerator")
    smartphone = flag("owns a smartphone")
    computer = flag("owns a computer, laptop or tablet")
    gold = flag("owns gold or jewellery")
    other_land = flag("owns other land")
    cattle = whole("cattle owned", minimum=0, unit="count")
    goats = whole("goats or sheep owned", minimum=0, unit="count")
    owns_business = flag("owns a business")
    business_turnover = whole("turnover of the main business", minimum=0, unit="rupiah a month")
    paid_workers = whole("paid workers of the main business", minimum=0, unit="count")


class Payments(Table):
    """Transfers; one row per family, programme and payment period."""

    name = "payments"
    required = True
    key = ("kpm_id", "programme", "period",)
    happened_on = "paid_on"

    kpm_id = text("family", null=False)
    programme = choice("programme", ("PKH", "BPNT",), null=False)
    period = text("payment period, a quarter 2024Q1 or a month 2024-03", null=False, pattern=r"^\d{4}(Q[1-4]|-\d{2})$")
    paid_on = day("day of payment; null where nothing was paid")
    amount = whole("amount", null=False, minimum=0, unit="rupiah")
    status = choice("status", ("disbursed", "failed", "unclaimed",), null=False)
    channel = choice("channel of payment", ("bank", "post",))
    recorded_on = day("day the system knew the row", null=False)


class Commitments(Table):
    """Verification of school and health commitments; one row per family, member and quarter."""

    name = "commitments"
    required = False
    key = ("kpm_id", "member_id", "quarter",)
    happened_on = None

    kpm_id = text("family", null=False)
    member_id = text("member of the family", null=False)
    component = choice("component of PKH that the commitment belongs to", ("pregnancy", "early_childhood", "sd", "smp", "sma", "elderly", "disability",), null=False)
    quarter = text("quarter 2024Q1", null=False, pattern=r"^\d{4}Q[1-4]$")
    attendance_pct = number("attendance", minimum=0, maximum=100, unit="percent")
    met = flag("commitment met")
    recorded_on = day("day the system knew the row", null=False)


class Sessions(Table):
    """P2K2 family development sessions; one row per family, day and module."""

    name = "sessions"
    required = False
    key = ("kpm_id", "held_on", "module",)
    happened_on = "held_on"

    kpm_id = text("family", null=False)
    held_on = day("day of the session", null=False)
    module = choice("P2K2 module", ("economy", "health_nutrition", "parenting_education", "child_protection", "welfare", "stunting",), null=False)
    attendance = choice("attendance of the family", ("present", "sick", "absent",), null=False)
    recorded_on = day("day the system knew the row", null=False)


class Programmes(Table):
    """Enrolments in empowerment and complementary programmes; one row per family, programme and start."""

    name = "programmes"
    required = False
    key = ("kpm_id", "programme", "started_on",)
    happened_on = "started_on"

    kpm_id = text("family", null=False)
    programme = choice("programme", ("PENA", "PPSE", "PROKUS", "KUBE", "RST", "SKA", "ATENSI", "PBI", "PIP", "KAT",), null=False)
    phase = choice("phase of the pathway", ("recovery", "transition", "development",))
    started_on = day("first day", null=False)
    ended_on = day("last day; null while running")
    amount = whole("amount", minimum=0, unit="rupiah")
    recorded_on = day("day the system knew the row", null=False)


class Cases(Table):
    """Home visits, complaints, shocks and referrals reported to the Command Center; one row per case."""

    name = "cases"
    required = False
    key = ("case_id",)
    happened_on = "reported_on"

    case_id = text("case", null=False)
    kpm_id = text("family", null=False)
    reported_on = day("day of the report", null=False)
    reporter = choice("who reported", ("pendamping", "tksk", "puskesos", "karang_taruna", "lks", "citizen",), null=False)
    kind = choice("kind of case", ("home_visit", "complaint", "objection", "proposal", "disaster", "illness", "job_loss", "data_problem", "graduation_interest", "resignation_letter",), null=False)
    status = choice("status", ("open", "referred", "closed",), null=False)
    referred_to = choice("programme the family was referred to", ("PENA", "PPSE", "PROKUS", "KUBE", "RST", "SKA", "ATENSI",))
    closed_on = day("day the case was closed")
    recorded_on = day("day the system knew the row", null=False)


class Membership(Table):
    """Status events of the PKH membership itself; one row per family, day and event."""

    name = "membership"
    required = True
    key = ("kpm_id", "effective_on", "event",)
    happened_on = "effective_on"

    kpm_id = text("family", null=False)
    effective_on = day("day from which the event holds", null=False)
    event = choice("membership event", ("enrolled", "exited", "reactivated",), null=False)
    reason = choice("reason of an exit", ("gsm", "ppse", "natural", "ineligible", "identity", "duplicate", "died", "moved", "refused", "other",))
    recorded_on = day("day the system knew the row", null=False)


class IdentityChecks(Table):
    """Matches against the civil registry (Dukcapil); one row per family and check."""

    name = "identity_checks"
    required = False
    key = ("kpm_id", "checked_on",)
    happened_on = "checked_on"

    kpm_id = text("family", null=False)
    checked_on = day("day of the check", null=False)
    matched = flag("identity matches the civil registry", null=False)
    alive = flag("alive in the civil registry")
    duplicate = flag("identity used by another family")
    recorded_on = day("day the system knew the row", null=False)


class Assignments(Table):
    """Which facilitator (pendamping) serves the family; one row per family and start."""

    name = "assignments"
    required = False
    key = ("kpm_id", "valid_from",)
    happened_on = "valid_from"

    kpm_id = text("family", null=False)
    facilitator_id = text("facilitator (pendamping)", null=False)
    valid_from = day("first day of validity", null=False)
    valid_to = day("day after the last day of validity; null while valid")


class FollowUp(Table):
    """Windows in which a family is followed, only where not all are followed to extracted_on; one row per family and start."""

    name = "follow_up"
    required = False
    key = ("kpm_id", "observed_from",)
    happened_on = "observed_from"

    kpm_id = text("family", null=False)
    observed_from = day("first day of the window", null=False)
    observed_to = day("last day of the window", null=False)


TABLES: Mapping[str, type[Table]] = {
    t.name: t
    for t in (
        Kpm, Members, Welfare, Payments, Commitments, Sessions, Programmes, Cases, Membership, IdentityChecks,
        Assignments, FollowUp,
    )
}  # fmt: skip


def of_one_family(name: str) -> bool:
    """Whether rows of different families never stand for the same thing, so that some families can be read alone."""
    return "kpm_id" in TABLES[name].key

# Of these pairs the second day may not lie before the first.
SPANS = {
    "members": ("valid_from", "valid_to"),
    "programmes": ("started_on", "ended_on"),
    "cases": ("reported_on", "closed_on"),
    "assignments": ("valid_from", "valid_to"),
    "follow_up": ("observed_from", "observed_to"),
}
