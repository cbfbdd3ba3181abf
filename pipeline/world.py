"""What the simulated world says beside what is published of PKH: one row per figure, and the page that shows them.

Every figure is a ratio of two sums over families, `top` over `bottom`: exits over members, persons over families,
rupiah over payments. Its standard error takes villages as clusters (the linearised variance of a ratio), because the
families of a village share its shocks and its facilitator, and the rows of one family go together. The engine adds
up; only one row per figure leaves it.
"""

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from math import exp, fsum, isfinite, nan, sqrt
from typing import Annotated, Any, Literal

import ibis
import ibis.expr.types as ir
import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from pydantic import (
    Field,
    NonNegativeFloat,
    PositiveFloat,
    PositiveInt,
    ValidationError,
    field_validator,
    model_validator,
)

from pipeline import wording
from pipeline.asof import ACTIVE_EVENTS, age_years, days_between, latest, period_end
from pipeline.columns import FAMILY
from pipeline.config import BaseConfig
from pipeline.errors import BadInput
from pipeline.tables import TABLES, Payments, Programmes, Welfare

PUBLISHED = ("pub", "min", "app", "D")
WITHIN, OUTSIDE, UNTOLD = "within", "outside", "cannot tell"
COLUMNS = (
    "table", "group", "figure", "scope", "unit", "mark", "source", "low", "high", "tolerance", "simulated",
    "standard_error", "rows", "base", "verdict", "measure", "note",
)  # fmt: skip
NEEDED = ("kpm", "members", "membership", "payments", "welfare", "truth_exits")
PUPILS = ("sd", "smp", "sma")
DAYS_A_YEAR = 365.25
REGENCY_DIGITS, DISTRICT_DIGITS, NIK_DIGITS = 4, 6, 16

Keeper = Callable[[str, ir.Table], ir.Table]
Reason = Literal["gsm", "ppse", "natural", "ineligible", "identity", "duplicate", "died", "moved", "refused", "other"]
Places = tuple[Annotated[str, Field(pattern=r"^\d{2,6}$")], ...]
Ages = tuple[Annotated[int, Field(ge=0, le=120)], Annotated[int, Field(ge=0, le=120)]]

EXACT = "decimal(38, 12)"

ONE, ZERO = ibis.literal(1, "float64"), ibis.literal(0, "float64")


class Figure(BaseConfig):
    """One declared figure.

    `stated` holds one value, a lowest and a highest, or nothing where only the subject is known. `tolerance` is
    {absolute: x} in the figure's own unit or {relative: x} of the stated bound. `places` keeps the families whose
    village code starts so; with fewer than `fewest_regencies` regencies among them the world cannot tell.
    """

    group: str
    figure: str
    scope: str
    unit: str
    measure: str
    arguments: dict[str, Any]
    places: Places
    fewest_regencies: PositiveInt
    stated: Annotated[tuple[float, ...], Field(max_length=2)]
    mark: Literal["pub", "min", "app", "D", "J", "M", "M/J"]
    source: str
    tolerance: Annotated[dict[Literal["absolute", "relative"], NonNegativeFloat], Field(min_length=1, max_length=1)]
    note: str

    @field_validator("stated")
    @classmethod
    def _bounds_in_order(cls, stated: tuple[float, ...]) -> tuple[float, ...]:
        if list(stated) != sorted(stated):
            raise ValueError("the lowest value comes first")
        return stated

    @model_validator(mode="after")
    def _measure_is_known(self) -> "Figure":
        if self.measure not in MEASURES:
            raise ValueError(f"{self.measure} is no measure; allowed are {', '.join(sorted(MEASURES))}")
        try:
            self.parsed()
        except ValidationError as error:
            told = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'all'}: {e['msg']}" for e in error.errors())
            raise ValueError(f"arguments of {self.measure}: {told}") from None
        return self

    def parsed(self) -> Any:
        """The arguments as the measure's own settings."""
        return MEASURES[self.measure].arguments.model_validate(self.arguments)

    def band(self) -> tuple[float, float]:
        """Lowest and highest simulated value that still agrees; NaN where nothing is stated."""
        if not self.stated:
            return nan, nan
        low, high = self.stated[0], self.stated[-1]
        ((kind, size),) = self.tolerance.items()
        return (low - size, high + size) if kind == "absolute" else (low - size * abs(low), high + size * abs(high))


class Config(BaseConfig):
    """Section `world`: when a figure can be told, the poverty lines [pub], and the declared figures."""

    fewest_rows: PositiveInt
    standard_errors: PositiveFloat
    poverty_line: dict[int, PositiveInt]
    figures: Annotated[tuple[Figure, ...], Field(min_length=1)]

    @field_validator("figures")
    @classmethod
    def _once_each(cls, figures: tuple[Figure, ...]) -> tuple[Figure, ...]:
        names = [(f.group, f.figure, f.scope, f.mark) for f in figures]
        twice = sorted({" / ".join(n) for n in names if names.count(n) > 1})
        if twice:
            raise ValueError(f"declared twice: {'; '.join(twice)}")
        return figures


# ------------------------------------------------------------------ the world that is measured


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


def open_world(
    tables: Mapping[str, ir.Table], extracted_on: date, settings: Mapping[str, object], config: Config, keep: Keeper
) -> World:
    """The world ready to be measured.

    `tables`: the extract's, and `truth_exits` (kpm_id, exit_on, cause, shock: what really happened). `keep` computes a
    table that many figures read once, under a name. BadInput where a table that every world has is missing.
    """
    missing = [t for t in NEEDED if t not in tables]
    if missing:
        raise BadInput(
            f"world: {', '.join(missing)}: no such table as Parquet in the simulated extract",
            "run `python -m pipeline simulate` with a world whose settings do not ask for CSV",
        )
    kpm = tables["kpm"]
    families = keep("families", kpm.select(FAMILY, "village_code", "caretaker_birth_date", "caretaker_sex"))
    counted = families.group_by(families.village_code.left(REGENCY_DIGITS).name("regency")).agg(n=families.count())
    held = counted.to_pandas()
    return World(
        tables=tables,
        extracted_on=extracted_on,
        settings=flat(settings),
        poverty_line=config.poverty_line,
        families=families,
        events=keep("events", _events(tables["membership"], extracted_on)),
        regencies=dict(zip(held["regency"].astype(str), held["n"].astype(int), strict=True)),
        keep=keep,
    )


def flat(settings: Mapping[Any, object], above: str = "") -> dict[str, object]:
    """Nested settings by dotted name, such as surveys.poverty_line.2018."""
    found: dict[str, object] = {}
    for key, value in settings.items():
        name = f"{above}{key}"
        found |= flat(value, f"{name}.") if isinstance(value, Mapping) else {name: value}
    return found


def _events(membership: ir.Table, extracted_on: date) -> ir.Table:
    """kpm_id, effective_on, event, reason, next_on, next_event, nth (position among the family's events of its kind).

    On one day a reactivation follows an exit and an exit follows an enrolment: the order of the letters.
    """
    happened = membership.filter(membership.effective_on <= extracted_on)
    by = ibis.window(group_by=FAMILY, order_by=["effective_on", "event"])
    kind = ibis.window(group_by=[FAMILY, "event"], order_by="effective_on")
    return happened.select(
        FAMILY, "effective_on", "event", "reason",
        next_on=happened.effective_on.lead().over(by),
        next_event=happened.event.lead().over(by),
        nth=ibis.row_number().over(kind),
    )  # fmt: skip


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


# ------------------------------------------------------------------ measures: exits


class Nothing(BaseConfig):
    """No argument."""


class Between(BaseConfig):
    """Two days, both included."""

    since: date
    until: date

    @model_validator(mode="after")
    def _in_order(self) -> "Between":
        if self.since > self.until:
            raise ValueError("since lies after until")
        return self


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
        return _of(via, Programmes.column("programme").values, "programme")


def _of(values: tuple[str, ...], allowed: tuple[str, ...], what: str) -> tuple[str, ...]:
    unknown = sorted(set(values) - set(allowed))
    if unknown:
        raise ValueError(f"{', '.join(unknown)}: no {what}; allowed are {', '.join(allowed)}")
    return values


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
    return share(left, _in(left.village_code, a.share_of))


def _in(village: ir.StringValue, places: Places) -> ir.BooleanValue:
    return ibis.or_(*(village.startswith(p) for p in places))


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


# ------------------------------------------------------------------ measures: identity


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
    paid = _paid(p, "PKH", a.since, a.until).group_by(FAMILY).agg(n=ibis._.count())
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


# ------------------------------------------------------------------ measures: families


class On(BaseConfig):
    """One day."""

    day: date


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
    return share(f, _in(f.village_code, a.share_of))


def members_per_facilitator(world: World, a: On) -> ir.Table:
    """Member families over facilitators: each family holds its part of its facilitator."""
    s = world.tables["assignments"]
    now = s.filter(s.valid_from <= a.day, s.valid_to.isnull() | (s.valid_to > a.day))
    newest = latest(now, [FAMILY], ["valid_from"]).semi_join(active_on(world, a.day), FAMILY)
    served = newest.select(FAMILY, "facilitator_id")
    part = ONE / served.count().over(ibis.window(group_by="facilitator_id"))
    return served.select(FAMILY, top=ONE, bottom=part)


# ------------------------------------------------------------------ measures: components and commitments


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
    return c.filter(c.component.isin(PUPILS), c.quarter.between(_quarter(a.since), _quarter(a.until)))


def _quarter(day: date) -> str:
    return f"{day.year}Q{(day.month + 2) // 3}"


def session_attendance(world: World, a: Between) -> ir.Table:
    """The share of P2K2 sessions at which the family was present."""
    s = world.tables["sessions"]
    held = s.filter(s.held_on.between(a.since, a.until))
    return share(held, held.attendance == "present")


# ------------------------------------------------------------------ measures: money


class Paid(Between):
    """Payments of a programme whose period ends between two days."""

    programme: Literal["PKH", "BPNT"]


def _paid(payments: ir.Table, programme: str, since: date, until: date) -> ir.Table:
    """Rows of a programme whose period ends between two days; the year's text lets the engine leave the rest unread."""
    year = payments.period.left(4).between(str(since.year), str(until.year))
    chosen = payments.filter(payments.programme == programme, year)
    return chosen.filter(period_end(chosen.period).between(since, until))


def paid_a_year(world: World, a: Paid) -> ir.Table:
    """Rupiah paid out over years of membership."""
    rows = _paid(world.tables["payments"], a.programme, a.since, a.until)
    return over(rows.mutate(top=rows.amount), _member_years(world, a))


def payments_a_year(world: World, a: Paid) -> ir.Table:
    """Payments, whatever became of them, over years of membership."""
    rows = _paid(world.tables["payments"], a.programme, a.since, a.until)
    return over(rows.mutate(top=ONE), _member_years(world, a))


def _member_years(world: World, a: Between) -> ir.Table:
    days = member_days(world, a.since, a.until)
    return days.select(FAMILY, bottom=days.days.cast("float64") / DAYS_A_YEAR)


class Amount(Paid):
    """Payments, and the number of months that the amount is told for."""

    months: PositiveInt


def amount_for_months(world: World, a: Amount) -> ir.Table:
    """Rupiah of a payment that arrived, for so many months."""
    rows = _paid(world.tables["payments"], a.programme, a.since, a.until).filter(lambda t: t.status == "disbursed")
    months = ibis.ifelse(rows.period.contains("Q"), 3, 1).cast("float64")
    return rows.select(FAMILY, top=rows.amount.cast("float64"), bottom=months / float(a.months))


class Status(Paid):
    """Payments, and what became of them."""

    status: str

    @field_validator("status")
    @classmethod
    def _known(cls, status: str) -> str:
        return _of((status,), Payments.column("status").values, "status")[0]


def payment_status_share(world: World, a: Status) -> ir.Table:
    """The share of payments that ended in a status."""
    rows = _paid(world.tables["payments"], a.programme, a.since, a.until)
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
    c = c.filter(c.quarter.between(_quarter(a.since), _quarter(a.until)))
    every = c.group_by(FAMILY, "quarter").agg(n=c.count(), component=c.component.min())
    one = every.filter(every.n == 1).select(FAMILY, "quarter", "component")
    paid = _quarters(world, a.since, a.until).inner_join(one, [FAMILY, "quarter"])
    return paid.select(FAMILY, "component", "amount")


def _quarters(world: World, since: date, until: date) -> ir.Table:
    """kpm_id, quarter, amount: PKH of a quarter, of families that received all of it."""
    rows = _paid(world.tables["payments"], "PKH", since, until)
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


# ------------------------------------------------------------------ measures: programmes and surveys


class Programme(BaseConfig):
    """One programme."""

    programme: str

    @field_validator("programme")
    @classmethod
    def _known(cls, programme: str) -> str:
        return _of((programme,), Programmes.column("programme").values, "programme")[0]


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


class Surveyed(On):
    """A day, and a column of `welfare`."""

    column: str

    @field_validator("column")
    @classmethod
    def _known(cls, column: str) -> str:
        return _of((column,), tuple(c.name for c in Welfare.columns() if c.kind in ("whole", "flag")), "code")[0]


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


class Rows(Between):
    """A table with an event date, and the column that must be known."""

    table: str
    column: str

    @model_validator(mode="after")
    def _known(self) -> "Rows":
        _of((self.table,), tuple(n for n, t in TABLES.items() if t.happened_on), "table with an event date")
        _of((self.column,), tuple(c.name for c in TABLES[self.table].columns()), f"column of {self.table}")
        return self


def rows_a_year(world: World, a: Rows) -> ir.Table:
    """Rows of a table that know a column, over years of membership; only the time that the extract reaches."""
    t = world.tables[a.table]
    happened = t.filter(t[str(TABLES[a.table].happened_on)].between(a.since, a.until), t[a.column].notnull())
    return over(happened.mutate(top=ONE), _member_years(world, a))


class Setting(BaseConfig):
    """The dotted name of a setting of the simulator."""

    name: str


# ------------------------------------------------------------------ the measures by name


@dataclass(frozen=True)
class Measure:
    """How a figure is found: arguments, table of top and bottom, what bottom counts, what becomes of the ratio."""

    arguments: type[BaseConfig]
    table: Callable[[World, Any], ir.Table] | None
    base: str
    needs: tuple[str, ...] = ()
    finish: Literal["ratio", "exp", "root"] = "ratio"


MEASURES: Mapping[str, Measure] = {
    "age_on_programme": Measure(ProgrammeAges, age_on_programme, "starts", ("programmes",)),
    "amount_for_months": Measure(Amount, amount_for_months, "stretches of months"),
    "attendance_share": Measure(Attendance, attendance_share, "pupil-quarters", ("commitments",)),
    "caretaker_age_share": Measure(Aged, caretaker_age_share, "families"),
    "caretaker_education": Measure(Educated, caretaker_education, "caretakers"),
    "caretaker_sex_share": Measure(Sexed, caretaker_sex_share, "families"),
    "component_amount": Measure(ComponentAmount, component_amount, "family-quarters", ("commitments",)),
    "component_share": Measure(Component, component_share, "persons", ("commitments",)),
    "decile_known": Measure(Between, decile_known, "surveys"),
    "duplicates_over_payments": Measure(Between, duplicates_over_payments, "families", ("identity_checks",)),
    "exits_a_year": Measure(Exits, exits_a_year, "member-years"),
    "exits_in_months": Measure(ExitMonths, exits_in_months, "exits"),
    "exits_in_period": Measure(Exits, exits_in_period, "members"),
    "exits_in_places": Measure(ExitPlaces, exits_in_places, "exits"),
    "female_headed": Measure(On, female_headed, "families"),
    "fixed_part": Measure(Year, fixed_part, "families"),
    "household_size": Measure(On, household_size, "families"),
    "identity_share": Measure(Identity, identity_share, "checks", ("identity_checks",)),
    "income_centre": Measure(On, income_centre, "surveys", finish="exp"),
    "income_heaped": Measure(Heaped, income_heaped, "surveys"),
    "income_missing": Measure(Between, income_missing, "surveys"),
    "income_spread": Measure(On, income_spread, "surveys", finish="root"),
    "labelling_days": Measure(Labelling, labelling_days, "labellings"),
    "labelling_shock": Measure(Labelling, labelling_shock, "members"),
    "members_per_facilitator": Measure(On, members_per_facilitator, "facilitators", ("assignments",)),
    "nik_against_birth": Measure(Nothing, nik_against_birth, "families"),
    "nik_invalid": Measure(Nothing, nik_invalid, "families"),
    "nik_repeated": Measure(Nothing, nik_repeated, "families"),
    "not_returned": Measure(Between, not_returned, "pupil-quarters", ("commitments",)),
    "paid_a_year": Measure(Paid, paid_a_year, "member-years"),
    "paid_by": Measure(PaidBy, paid_by, "payments"),
    "payment_status_share": Measure(Status, payment_status_share, "payments"),
    "payments_a_year": Measure(Paid, payments_a_year, "member-years"),
    "place_share": Measure(Placed, place_share, "families"),
    "programme_amount": Measure(Programme, programme_amount, "starts", ("programmes",)),
    "recorded_as": Measure(Recorded, recorded_as, "exits"),
    "reentry": Measure(Returns, reentry, "exits"),
    "rows_a_year": Measure(Rows, rows_a_year, "member-years"),
    "session_attendance": Measure(Between, session_attendance, "sessions", ("sessions",)),
    "setting": Measure(Setting, None, "settings"),
    "survey_age": Measure(On, survey_age, "families"),
    "welfare_at_least": Measure(AtLeast, welfare_at_least, "families"),
    "welfare_code_share": Measure(Coded, welfare_code_share, "families"),
}


@dataclass(frozen=True)
class Found:
    """A simulated value, its standard error, and how much stands behind it; NaN where there is none."""

    value: float = nan
    error: float = nan
    rows: float = 0.0


def find(world: World, figure: Figure) -> Found:
    """The simulated value of a figure."""
    measure = MEASURES[figure.measure]
    if measure.table is None:
        return _setting(world, figure.parsed())
    needs = {*measure.needs, *(("programmes",) if figure.arguments.get("via") else ())}
    needs |= {figure.arguments["table"]} if "table" in figure.arguments else set()
    if not needs <= set(world.tables):
        return Found()
    return finished(ratio(world, measure.table(world, figure.parsed()), figure.places), measure.finish)


def _setting(world: World, a: Setting) -> Found:
    value = world.settings.get(a.name)
    known = isinstance(value, int | float) and not isinstance(value, bool)
    return Found(float(value), 0.0, 1.0) if known else Found()  # type: ignore[arg-type]


def ratio(world: World, table: ir.Table, places: Places) -> Found:
    """Sum of top over sum of bottom, with the linearised standard error over villages.

    Var(R) = n/(n-1) * sum((t_v - R b_v)^2) / (sum b)^2 over the n villages v (Cochran, Sampling Techniques, 6.19).
    It is never less than one event: none in a thousand is not the same as never.
    """
    f = world.families.filter(_in(world.families.village_code, places)) if places else world.families
    placed = table.inner_join(f.select(FAMILY, "village_code"), FAMILY)
    v = placed.group_by("village_code").agg(t=total(placed.top), b=total(placed.bottom)).to_pandas()
    n, top, bottom = len(v), fsum(v["t"]), fsum(v["b"])
    if not bottom > 0:
        return Found()
    value = top / bottom
    square = fsum((v["t"] - value * v["b"]) ** 2)
    error = sqrt(n / (n - 1) * square) / bottom if n > 1 else nan
    return Found(value, max(error, 1 / bottom), bottom)


def total(value: ir.NumericValue) -> ir.FloatingValue:
    """The sum, the same to the last digit whatever the order of the rows: threads add floats in any order."""
    return value.cast(EXACT).sum().cast("float64")


def finished(found: Found, finish: str) -> Found:
    """The exponential or the root of a ratio, its error carried through by the derivative."""
    if finish == "exp":
        return Found(exp(found.value), exp(found.value) * found.error, found.rows)
    if finish == "root":
        root = sqrt(found.value)
        return Found(root, found.error / (2 * root) if root else nan, found.rows)
    return found


# ------------------------------------------------------------------ verdicts


def verdict(found: Found, figure: Figure, config: Config) -> str:
    """`within` or `outside` the band, and `cannot tell` where too little stands behind the value to say which.

    `outside` by more than `standard_errors` standard errors is told whatever the band's width. Nearer than that, half
    the width of the band must hold so many of them: then a world that is right at the band's middle is called
    `outside` in about one of twenty cases with two of them, and one that is wrong is not called `within` by chance.
    """
    low, high = figure.band()
    if not all(map(isfinite, (low, high, found.value, found.error))):
        return UNTOLD
    slack = config.standard_errors * found.error
    away = max(low - found.value, found.value - high)
    if MEASURES[figure.measure].table is not None and found.rows < config.fewest_rows:
        return UNTOLD
    if slack > (high - low) / 2 and away <= slack:
        return UNTOLD
    return OUTSIDE if away > 0 else WITHIN


def holds(world: World, figure: Figure, config: Config) -> bool:
    """Whether the world has the regencies that the figure speaks of; stray codes make no regency."""
    there = [
        code
        for code, families in world.regencies.items()
        if families >= config.fewest_rows and (not figure.places or code.startswith(figure.places))
    ]
    return len(there) >= figure.fewest_regencies


def measure(world: World, config: Config) -> pd.DataFrame:
    """One row per declared figure, in the order of the configuration; columns `COLUMNS`, shares as parts of one."""
    return pd.DataFrame([_row(world, f, config) for f in config.figures], columns=list(COLUMNS))


def _row(world: World, figure: Figure, config: Config) -> dict[str, object]:
    found = find(world, figure) if holds(world, figure, config) else Found()
    ((kind, size),) = figure.tolerance.items()
    low, high = (figure.stated[0], figure.stated[-1]) if figure.stated else (nan, nan)
    return {
        "table": "published" if figure.mark in PUBLISHED else "assumed",
        "group": figure.group,
        "figure": figure.figure,
        "scope": figure.scope,
        "unit": figure.unit,
        "mark": figure.mark,
        "source": figure.source,
        "low": low,
        "high": high,
        "tolerance": f"{kind} {size:g}",
        "simulated": found.value,
        "standard_error": found.error,
        "rows": found.rows,
        "base": MEASURES[figure.measure].base,
        "verdict": verdict(found, figure, config),
        "measure": figure.measure,
        "note": figure.note,
    }


# ------------------------------------------------------------------ what the pictures show


def pictures(world: World, config: Config) -> dict[str, pd.DataFrame]:
    """Frames by name: exits and stated (year, reason, share), months (month, share), income (year, low, share)."""
    return {
        "exits": exits_by_year(world),
        "stated": stated_exits(config),
        "months": natural_by_month(world),
        "income": income_bins(world),
    }


def exits_by_year(world: World) -> pd.DataFrame:
    """Recorded exits over years of membership by calendar year and reason; columns year, reason, share."""
    e = world.events.filter(lambda t: t.event == "exited")
    counts = e.group_by(e.effective_on.year().name("year"), "reason").agg(n=e.count()).order_by("year", "reason")
    found = counts.to_pandas()
    years = {int(y): _years(world, int(y)) for y in sorted(found["year"].unique())}
    exposure = found["year"].map(years)
    return pd.DataFrame({"year": found["year"], "reason": found["reason"], "share": found["n"] / exposure})


def _years(world: World, year: int) -> float:
    days = member_days(world, date(year, 1, 1), min(date(year, 12, 31), world.extracted_on))
    return float(days.days.sum().to_pyarrow().as_py() or 0) / DAYS_A_YEAR


def stated_exits(config: Config) -> pd.DataFrame:
    """Published shares of all members that left in a year, by what they left for; columns year, reason, share."""
    rows = [
        (f.parsed().since.year, "+".join(f.parsed().reasons), f.stated[0])
        for f in config.figures
        if f.measure == "exits_in_period" and f.mark in PUBLISHED and f.stated and not (f.places or f.parsed().via)
    ]
    return pd.DataFrame(rows, columns=["year", "reason", "share"])


def natural_by_month(world: World) -> pd.DataFrame:
    """Natural exits by calendar month over all years; columns month, share."""
    e = world.events.filter(lambda t: (t.event == "exited") & (t.reason == "natural"))
    found = e.group_by(e.effective_on.month().name("month")).agg(n=e.count()).to_pandas().set_index("month")["n"]
    whole = found.reindex(range(1, 13), fill_value=0)
    return pd.DataFrame({"month": whole.index, "share": whole.to_numpy() / max(1, int(whole.sum()))})


def income_bins(world: World, width: float = 0.1, most: float = 3.0) -> pd.DataFrame:
    """Reported income per head over the poverty line in the last year with a line; columns year, low, share."""
    years = [y for y in world.poverty_line if date(y, 3, 31) <= world.extracted_on]
    if not years:
        return pd.DataFrame({"year": [], "low": [], "share": []})
    logs = income_log(world, On(day=date(max(years), 3, 31)))
    bins = ibis.least((logs.x.exp() / width).floor() * width, most)
    found = logs.group_by(bins.name("low")).agg(n=logs.count()).order_by("low").to_pandas()
    total = max(1, int(found["n"].sum()))
    return pd.DataFrame({"year": max(years), "low": found["low"].astype("float64"), "share": found["n"] / total})


# ------------------------------------------------------------------ the page


@dataclass(frozen=True)
class Facts:
    """What the page tells of the world itself."""

    name: str
    extracted_on: date
    families: int


def facts(world: World, name: str) -> Facts:
    """Facts of a world of that name."""
    return Facts(name, world.extracted_on, int(world.families.count().to_pyarrow().as_py()))


CAPTIONS = {
    "exits": "Simulated exits over years of membership, by year and recorded reason; the hollow marks are published "
    "figures, of the part of the year that was published.",
    "months": "Simulated natural exits by calendar month.",
    "income": "Simulated income per head, as reported, over the poverty line.",
}
TITLES = {
    "published": ("Published", "Figures that are published, said by the ministry, seen in a public application, or "
                  "derived from such by arithmetic."),
    "assumed": ("Assumed", "Judgements and figures from memory: assumptions of the simulated world, never facts."),
}  # fmt: skip


def render(found: pd.DataFrame, drawn: Mapping[str, bytes], told: Facts) -> str:
    """The page as HTML; it refers to nothing outside itself and runs no script."""
    environment = Environment(
        loader=PackageLoader("pipeline", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("world.html").render(
        facts=told,
        families=spaced(told.families),
        mark=wording.SIMULATED.en,
        tables=[_table(found, name) for name in TITLES],
        pictures=[(CAPTIONS[n], base64.b64encode(drawn[n]).decode()) for n in CAPTIONS if n in drawn],
    )


def _table(found: pd.DataFrame, name: str) -> dict[str, object]:
    rows = found[found["table"] == name].to_dict("records")
    title, meaning = TITLES[name]
    return {
        "name": name,
        "title": title,
        "meaning": meaning,
        "counts": [(v, sum(r["verdict"] == v for r in rows)) for v in (WITHIN, OUTSIDE, UNTOLD)],
        "groups": [(g, [_cells(r) for r in rows if r["group"] == g]) for g in dict.fromkeys(r["group"] for r in rows)],
    }


def _cells(row: Mapping[Any, Any]) -> dict[str, str]:
    """A row as it is read: shares in percent, rupiah with spaces between thousands."""
    unit = str(row["unit"])
    kind, size = str(row["tolerance"]).split()
    low, high = shown(row["low"], unit), shown(row["high"], unit)
    return {
        **{k: str(row[k]) for k in ("figure", "scope", "mark", "source", "verdict", "note", "base")},
        "unit": "%" if unit == "share" else unit,
        "stated": low if low == high else f"{low} to {high}",
        "tolerance": f"{100 * float(size):g} % of it" if kind == "relative" else f"± {shown(float(size), unit)}",
        "simulated": shown(row["simulated"], unit),
        "error": shown(row["standard_error"], unit),
        "rows": spaced(row["rows"]),
    }


def shown(value: Any, unit: str) -> str:
    """A value of a unit, or a dash where there is none."""
    if pd.isna(value):
        return "-"
    if unit == "share":
        return f"{100 * float(value):.2f}"
    return spaced(value) if abs(float(value)) >= 1000 else f"{float(value):.2f}"


def spaced(value: Any) -> str:
    """A whole number with a space between thousands that no line breaks at."""
    return f"{float(value):,.0f}".replace(",", "\N{NO-BREAK SPACE}")
