"""The coming years of a family: who is which component of PKH until when, what the benefit is, and when the last ends.

A member is one component at a time, the most expensive of those that apply. Children stay in school to the end of SMA,
the elderly and the severely disabled stay what they are, an unborn child is born and grows up; nobody dies, moves or
leaves school early, because no record says so of a day to come. The rates are those of the as-of date throughout.
"""

from calendar import monthrange
from datetime import date, timedelta
from typing import Annotated, Any, Literal, get_args

import ibis
import ibis.expr.types as ir
import pandas as pd
from pydantic import Field, PositiveInt, model_validator

from pipeline import components
from pipeline.asof import active, known, open_on, stacked
from pipeline.columns import AS_OF, FAMILY
from pipeline.config import BaseConfig
from pipeline.errors import BadInput

Kind = Literal["pregnancy", "early_childhood", "sd", "smp", "sma", "elderly", "disability"]
KINDS: tuple[Kind, ...] = get_args(Kind)
NOTHING = "none"
STAGES_A_YEAR = 4  # tahap: PKH is paid in quarters [app]
LEVEL_YEARS = {"sd": (6, 6), "smp": (9, 3), "sma": (12, 3)}  # years after entry at which it ends, years it lasts
SCHOOL_MONTH = 7
OF_AGE = 18
NEVER = date(9999, 12, 31)


class Config(BaseConfig):
    """Section `lifecycle`: rates by kind in rupiah a year from a year on, and what the projection assumes."""

    years: Annotated[int, Field(ge=1, le=20)]
    most_components: PositiveInt
    pregnancy_months: Annotated[int, Field(ge=1, le=10)]
    entry_age: Annotated[int, Field(ge=5, le=8)]
    entry_birthday_until_month: Annotated[int, Field(ge=0, le=12)]
    rates: Annotated[dict[int, dict[Kind, Annotated[int, Field(ge=0)]]], Field(min_length=1)]
    pbi_a_person_a_month: Annotated[int, Field(ge=0)]
    sembako_a_month: Annotated[int, Field(ge=0)]
    checked_years: Annotated[int, Field(ge=0, le=10)]

    @model_validator(mode="after")
    def _whole(self) -> "Config":
        for year, rates in self.rates.items():
            missing = [k for k in KINDS if k not in rates]
            if missing:
                raise ValueError(f"rates.{year} lacks {', '.join(missing)}; write 0 for what is not paid")
            uneven = [k for k in KINDS if rates[k] % STAGES_A_YEAR]
            if uneven:
                raise ValueError(f"rates.{year}.{uneven[0]} is not paid in {STAGES_A_YEAR} equal parts of whole rupiah")
        return self


def rates(config: Config, as_of: date) -> dict[Kind, int]:
    """Rupiah a year by kind, the most expensive first; BadInput for a date before the first known rates."""
    years = [y for y in config.rates if y <= as_of.year]
    if not years:
        raise BadInput(
            f"configs/lifecycle.yaml: rates: nothing is said of {as_of.year}, the first year is {min(config.rates)}",
            f"add the rates in force on {as_of}",
        )
    found = config.rates[max(years)]
    return {k: found[k] for k in sorted(KINDS, key=lambda k: (-found[k], KINDS.index(k)))}


# ------------------------------------------------------------------ days


def shifted(day: date, months: int) -> date:
    """The same day some months later, or the last of that month where it is shorter."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def payment_days(on: date) -> list[date]:
    """The first days of the four tahap of the year that follows `on`."""
    return [shifted(on + timedelta(days=1), 12 // STAGES_A_YEAR * n) for n in range(STAGES_A_YEAR)]


def birthday(birth: ir.DateValue, age: int) -> ir.DateValue:
    """The first day of an age; one born on 29 February is a year older on 1 March, as asof.age_years has it."""
    first = ibis.date(birth.year() + age, birth.month(), 1)
    return as_day(first + (birth.day() - 1).as_interval("D"))


def as_day(moment: ir.DateValue) -> ir.DateValue:
    """A day moved by an interval is a moment to DuckDB, but still a day to Ibis, which leaves a plain cast out."""
    return moment.cast("timestamp").cast("date")


def july(year: ir.IntegerValue) -> ir.DateValue:
    return ibis.date(year, SCHOOL_MONTH, 1)


# ------------------------------------------------------------------ courses of life


def courses(tables: dict[str, ir.Table], as_of: date, config: Config) -> ir.Table:
    """The days on which the stages of life of each member of an active family end; key kpm_id, member_id.

    Columns beside the key: birth_date, expecting_until, early_until, sd_from, sd_until, smp_until, school_until (null:
    no schooling ahead), elderly_from, disabled. A child that is awaited is a member of its own, born when the
    pregnancy ends: `pregnancy_months` after the roster first told of it, a month from now at the earliest.
    """
    ours = tables["members"].semi_join(active(tables["membership"], as_of), FAMILY)
    m = components.present(ours, as_of)
    on = ibis.literal(as_of)
    due = ibis.greatest(as_day(m.valid_from + ibis.interval(months=config.pregnancy_months)), shifted(as_of, 1))
    here = m.select(
        FAMILY,
        "member_id",
        "birth_date",
        attends=components.pupil(m, on),
        level=m.in_school.isin(components.SCHOOL_LEVELS).ifelse(m.in_school, ibis.null("string")),
        small=components.early_childhood(m, on),
        disabled=components.disabled(m),
        expecting_until=components.pregnant(m).ifelse(due, ibis.null("date")),
    )
    awaited = here.filter(here.expecting_until.notnull()).mutate(
        member_id=here.member_id + "+", birth_date=here.expecting_until, attends=False, level=ibis.null("string"),
        small=True, disabled=False, expecting_until=ibis.null("date"),
    )  # fmt: skip
    return _schooled(here.union(awaited.select(here.columns)), as_of, config)


def _schooled(m: ir.Table, as_of: date, config: Config) -> ir.Table:
    """The years of school ahead, by birth date and corrected by the level on record."""
    born = m.birth_date
    late = (born.month() > config.entry_birthday_until_month).cast("int64")
    entry = born.year() + config.entry_age + late
    next_july = as_of.year + (as_of >= date(as_of.year, SCHOOL_MONTH, 1))
    last_year = ibis.ifelse(m.attends, _last_year(m.level, entry, next_july), entry + LEVEL_YEARS["sma"][0])
    ahead = m.mutate(last=ibis.ifelse(m.attends | m.small, last_year, ibis.null("int64")), entry=entry)
    oldest = ibis.ifelse(
        ahead.attends & ahead.level.isnull(),
        birthday(ahead.birth_date, components.SCHOOL_AGE[1] + 1),
        birthday(ahead.birth_date, components.SCHOOL_TO_AGE + 1),
    )
    return ahead.select(
        FAMILY, "member_id", "birth_date", "expecting_until", "disabled",
        early_until=birthday(ahead.birth_date, components.EARLY_CHILDHOOD_TO_AGE + 1),
        sd_from=ibis.ifelse(ahead.attends, as_of, july(ahead.entry)),
        sd_until=july(ahead["last"] - 6),
        smp_until=july(ahead["last"] - 3),
        school_until=ibis.ifelse(
            ahead["last"].isnull(), ibis.null("date"), ibis.least(july(ahead["last"]), oldest.fill_null(NEVER))
        ),
        elderly_from=birthday(ahead.birth_date, components.ELDERLY_FROM_AGE),
    )  # fmt: skip


def _last_year(level: ir.StringValue, entry: ir.IntegerValue, next_july: int) -> ir.IntegerValue:
    """The year in which a pupil leaves SMA.

    The level on record ends when the birth date says, but neither before the coming July nor later than one who has
    only just entered it; a level that is not on record is the one the birth date says.
    """
    by_age = ibis.cases((entry + 6 >= next_july, "sd"), (entry + 9 >= next_july, "smp"), else_="sma")
    named = level.fill_null(by_age)

    def leaves(name: str) -> ir.IntegerValue:
        ends, lasts = LEVEL_YEARS[name]
        newest = next_july + lasts - 1
        clipped = ibis.greatest(ibis.least(entry + ends, newest), next_july).fill_null(newest)
        return clipped + LEVEL_YEARS["sma"][0] - ends

    return ibis.cases(*((named == name, leaves(name)) for name in LEVEL_YEARS))


def applies(m: ir.Table, on: ir.DateValue) -> dict[Kind, ir.BooleanValue]:
    """Whether a member is each kind of component on a day from the as-of date on, were no other kind counted."""
    born = (m.birth_date <= on).fill_null(True)
    in_school = (m.sd_from <= on) & (on < m.school_until)
    found: dict[Kind, ir.BooleanValue] = {
        "pregnancy": on < m.expecting_until,
        "early_childhood": born & (on < m.early_until),
        "sd": in_school & (on < m.sd_until),
        "smp": in_school & (on >= m.sd_until) & (on < m.smp_until),
        "sma": in_school & (on >= m.smp_until),
        "elderly": on >= m.elderly_from,
        "disability": m.disabled,
    }
    return {k: v.fill_null(False) for k, v in found.items()}


def kind(m: ir.Table, on: ir.DateValue, order: list[Kind]) -> ir.StringValue:
    """The member's component on a day, the first of `order` that applies; `none` without one."""
    found = applies(m, on)
    return ibis.cases(*((found[k], k) for k in order), else_=NOTHING)


# ------------------------------------------------------------------ a family's years


def year(course: ir.Table, members: ir.Table, number: int, as_of: date, config: Config) -> ir.Table:
    """Every active family `number` years after the as-of date; key kpm_id, year. `members`: the active families.

    Columns: on (the day), members, adults and one count of persons by kind on that day, components (their sum),
    benefit_<kind> and benefit: rupiah of the four tahap that follow, of the `most_components` most expensive ones.
    """
    on, priced = shifted(as_of, 12 * number), rates(config, as_of)
    days, order = payment_days(on), list(priced)
    there = course.birth_date.isnull() | (course.birth_date <= on)
    grown = (birthday(course.birth_date, OF_AGE) <= on).fill_null(True)
    each = course.select(
        FAMILY,
        there=there,
        grown=grown & there,
        now=kind(course, ibis.literal(on), order),
        **{f"stage_{n}": kind(course, ibis.literal(d), order) for n, d in enumerate(days)},
    )
    counted = each.group_by(FAMILY).aggregate(
        members=each.there.sum(),
        adults=(each.grown & (each.now == NOTHING)).sum(),
        **{k: (each.now == k).sum() for k in KINDS},
        **{f"{k}_{n}": (each[f"stage_{n}"] == k).sum() for k in KINDS for n in range(STAGES_A_YEAR)},
    )
    joined = members.left_join(counted, FAMILY).drop(f"{FAMILY}_right")
    whole = joined.mutate(**{c: joined[c].fill_null(0).cast("int64") for c in counted.columns if c != FAMILY})
    return _told(whole.mutate(_paid(whole, priced, config)), number, (as_of, on))


def _paid(counted: ir.Table, priced: dict[Kind, int], config: Config) -> dict[str, ir.IntegerValue]:
    """benefit_<kind>: rupiah of four tahap; of each the most expensive components first, up to the cap."""
    found: dict[str, Any] = dict.fromkeys((f"benefit_{k}" for k in KINDS), ibis.literal(0, "int64"))
    for n in range(STAGES_A_YEAR):
        left: Any = ibis.literal(config.most_components, "int64")
        for k, rate in priced.items():
            taken = ibis.least(counted[f"{k}_{n}"], left)
            found[f"benefit_{k}"] += taken * (rate // STAGES_A_YEAR)
            left = left - taken
    return found


def _told(counted: ir.Table, number: int, dates: tuple[date, date]) -> ir.Table:
    kinds: Any = sum(counted[k] for k in KINDS[1:])
    money: Any = sum(counted[f"benefit_{k}"] for k in KINDS[1:])
    return counted.select(
        FAMILY, ibis.literal(dates[0]).name(AS_OF), ibis.literal(number).cast("int64").name("year"),
        ibis.literal(dates[1]).name("on"), "members", "adults", *KINDS,
        (counted[KINDS[0]] + kinds).name("components"), *(f"benefit_{k}" for k in KINDS),
        (counted[f"benefit_{KINDS[0]}"] + money).name("benefit"),
    ).order_by(FAMILY)  # fmt: skip


# ------------------------------------------------------------------ endings


def endings(course: ir.Table, families: ir.Table, as_of: date, config: Config) -> ir.Table:
    """Component-groups that end within `years`; key kpm_id, kind, ends_on, becomes.

    Columns beside the key: as_of, persons, rupiah_a_year and next_rupiah_a_year (of these persons, before the cap on
    components), last (on this day nobody is left who makes the family eligible). `ends_on` is the first day without.
    `becomes` is the kind that follows for the same person, the child's for a pregnancy, or `none`.
    """
    priced, until = rates(config, as_of), shifted(as_of, 12 * config.years)
    ends = ("expecting_until", "early_until", "sd_until", "smp_until", "school_until", "elderly_from")
    changed = stacked([_change(course, course[c], list(priced)) for c in ends])
    seen = changed.filter((changed.ends_on > as_of) & (changed.ends_on <= until) & (changed.kind != NOTHING))
    told = seen.filter(seen.kind != seen.becomes).distinct()
    grouped = told.group_by([FAMILY, "kind", "ends_on", "becomes"]).aggregate(persons=told.count())
    kept = grouped.join(families.select(FAMILY, "last_component_ends_on"), FAMILY)
    return kept.select(
        FAMILY, ibis.literal(as_of).name(AS_OF), "kind", "ends_on", "becomes", "persons",
        (_rate(kept.kind, priced) * kept.persons).name("rupiah_a_year"),
        (_rate(kept.becomes, priced) * kept.persons).name("next_rupiah_a_year"),
        (kept.ends_on == kept.last_component_ends_on).fill_null(False).name("last"),
    ).order_by([FAMILY, "ends_on", "kind", "becomes"])  # fmt: skip


def _change(course: ir.Table, on: ir.DateValue, order: list[Kind]) -> ir.Table:
    before, after = as_day(on - ibis.interval(days=1)), kind(course, on, order)
    was = kind(course, before, order)
    born = (was == "pregnancy") & (after == NOTHING)
    return course.select(
        FAMILY, "member_id", kind=was, ends_on=on, becomes=born.ifelse("early_childhood", after)
    ).filter(lambda t: t.ends_on.notnull())


def _rate(named: ir.StringValue, priced: dict[Kind, int]) -> ir.IntegerValue:
    return ibis.cases(*((named == k, rate) for k, rate in priced.items()), else_=0).cast("int64")


def last_ends(course: ir.Table, as_of: date) -> ir.Table:
    """The first day on which nobody makes the family eligible; columns kpm_id, last_component_ends_on; key kpm_id.

    Null where somebody always will: the elderly and the disabled stay, and one who turns 60 before the others' last
    day takes over. Of a family nobody of whom is a component now, there is nothing to end: null too.
    """
    lasting = course.disabled | (course.elderly_from <= as_of).fill_null(False)
    until = ibis.ifelse(lasting, NEVER, ibis.greatest(course.school_until, course.expecting_until))
    later = ibis.ifelse(lasting, ibis.null("date"), course.elderly_from)
    found = course.group_by(FAMILY).aggregate(until=until.max(), heir=later.min())
    stays = (found.until == NEVER) | (found.heir <= found.until).fill_null(False)
    return found.select(FAMILY, last_component_ends_on=stays.ifelse(ibis.null("date"), found.until))


# ------------------------------------------------------------------ what a family would lose and keep


def keeps(tables: dict[str, ir.Table], as_of: date) -> ir.Table:
    """Whether PBI-JK runs and Sembako was paid within a year; columns kpm_id, pbi, sembako; key kpm_id, the active.

    Unknown (null) where the extract has no such table: an absent record is no absent right.
    """
    families = active(tables["membership"], as_of)
    paid = known(tables["payments"], "paid_on", as_of)
    since = shifted(as_of, -12)
    food = paid.filter((paid.programme == "BPNT") & (paid.status == "disbursed") & (paid.paid_on > since))
    rows = _flagged(families, food, "sembako")
    if "programmes" not in tables:
        return rows.mutate(pbi=ibis.null("boolean"))
    run = known(tables["programmes"], "started_on", as_of)
    return _flagged(rows, run.filter((run.programme == "PBI") & open_on(run, "ended_on", as_of)), "pbi")


def _flagged(rows: ir.Table, having: ir.Table, name: str) -> ir.Table:
    marked = having.select(FAMILY).distinct().mutate(**{name: True})
    joined = rows.left_join(marked, FAMILY).drop(f"{FAMILY}_right")
    return joined.mutate(**{name: joined[name].fill_null(False)})


def families(tables: dict[str, ir.Table], course: ir.Table, as_of: date) -> ir.Table:
    """The active families with the end of their last component and what they keep; key kpm_id.

    Columns: kpm_id, as_of, last_component_ends_on, sembako, pbi.
    """
    ends = last_ends(course, as_of)
    kept = keeps(tables, as_of)
    return kept.left_join(ends, FAMILY).select(
        FAMILY, ibis.literal(as_of).name(AS_OF), "last_component_ends_on", "sembako", "pbi"
    )


def losses(years: ir.Table, families: ir.Table, config: Config) -> ir.Table:
    """What each family would lose and keep if it left on the as-of date; key kpm_id.

    loses_a_year, loses_in_years and loses_in_years_<kind>: rupiah of PKH in the coming year and in all years ahead, at
    the projected components. keeps_pbi_a_year: contributions for the members that the state goes on paying, rupiah.
    sembako_a_year: rupiah that have a rule of their own. Null where the extract does not say.
    """
    ahead = years.filter(years.year < config.years)
    first = ahead.year == 0
    summed = ahead.group_by(FAMILY).aggregate(
        components=ahead.components.max(where=first),
        members=ahead.members.max(where=first),
        loses_a_year=ahead.benefit.max(where=first),
        loses_in_years=ahead.benefit.sum().cast("int64"),
        **{f"loses_in_years_{k}": ahead[f"benefit_{k}"].sum().cast("int64") for k in KINDS},
    )
    joined = families.join(summed, FAMILY)
    return joined.mutate(
        keeps_pbi_a_year=joined.pbi.cast("int64") * joined.members * (12 * config.pbi_a_person_a_month),
        sembako_a_year=joined.sembako.cast("int64") * (12 * config.sembako_a_month),
    ).order_by(FAMILY)


# ------------------------------------------------------------------ sums and checks


def population(years: ir.Table) -> ir.Table:
    """Persons by kind and families with and without a component in each year; key year."""
    return (
        years.group_by(["year", "on"])
        .aggregate(
            families=years.count(),
            without_component=(years.components == 0).sum(),
            benefit=years.benefit.sum().cast("int64"),
            adults=years.adults.sum().cast("int64"),
            **{k: years[k].sum().cast("int64") for k in KINDS},
        )
        .order_by("year")
    )


def leaving(families: ir.Table, as_of: date, config: Config) -> ir.Table:
    """Families whose last component ends, by the quarter of the year in which it does; columns quarter, families."""
    until = shifted(as_of, 12 * config.years)
    ahead = families.filter(families.last_component_ends_on.between(as_of, until))
    on = ahead.last_component_ends_on
    quarter = on.year().cast("string") + "Q" + on.quarter().cast("string")
    named = ahead.mutate(quarter=quarter)
    return named.group_by("quarter").aggregate(families=named.count()).order_by("quarter")


CHECKED = (AS_OF, "years_ahead", "exits", "projected", "within_6_months", "foretold", "came_true")
NEAR_DAYS = 183


def checked(ends: ir.Table, exits: ir.Table, as_of: date, until: date) -> ir.Table:
    """The projection of one date held against the natural exits of a simulated world's truth; key years_ahead.

    ends: kpm_id, last_component_ends_on as projected on `as_of`. exits: kpm_id, exit_on, cause. By whole years ahead,
    seen from the exits: exits, projected (those with a projected end), within_6_months (of their day). Seen from the
    projection: foretold (ends at least six months before `until`, of families that did not leave for another reason
    first) and came_true (a natural exit within 6 months of the day).
    """
    natural = exits.filter((exits.cause == "natural") & (exits.exit_on > as_of) & (exits.exit_on <= until))
    left = _ahead(natural.join(ends, FAMILY), "exit_on", as_of)
    seen = left.group_by("years_ahead").aggregate(
        exits=left.count(), projected=left.last_component_ends_on.count(), within_6_months=left.near.sum()
    )
    after = exits.filter(exits.exit_on > as_of)
    due = ends.filter(ends.last_component_ends_on <= until - timedelta(days=NEAR_DAYS)).left_join(after, FAMILY)
    other = (due.cause != "natural") & (due.exit_on <= due.last_component_ends_on)
    stayed = _ahead(due.filter(~other.fill_null(False)), "last_component_ends_on", as_of)
    hit = stayed.near & (stayed.cause == "natural").fill_null(False)
    told = stayed.group_by("years_ahead").aggregate(foretold=stayed.count(), came_true=hit.sum())
    both = seen.outer_join(told, "years_ahead")
    years = ibis.coalesce(both.years_ahead, both.years_ahead_right)
    counts = {c: both[c].fill_null(0).cast("int64") for c in CHECKED[2:]}
    found = both.mutate(years_ahead=years, as_of=ibis.literal(as_of), **counts)
    return found.select(*CHECKED).order_by("years_ahead")


def _ahead(rows: ir.Table, on: str, as_of: date) -> ir.Table:
    """Whole years from the as-of date to a day, and whether the exit lies near the projected end."""
    apart = rows.exit_on.delta(rows.last_component_ends_on, unit="day").abs()
    years = (rows[on].delta(ibis.literal(as_of), unit="day") - 1) // 365 + 1
    return rows.mutate(years_ahead=years.cast("int64"), near=(apart <= NEAR_DAYS).fill_null(False))


def unchecked() -> pd.DataFrame:
    """The check's table without rows: outside simulated worlds nobody knows the truth."""
    return pd.DataFrame(columns=list(CHECKED))
