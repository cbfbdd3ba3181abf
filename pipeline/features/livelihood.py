"""Income and business over the years: incomes beside those told in the same place and year, spells of a business.

A rupiah of 2018 is not one of 2025, so an income is read as a multiple of the median income per person that families of
the same regency told in the same calendar year, as known on as_of.
"""

from datetime import date

import ibis
import ibis.expr.types as ir

from pipeline.asof import days_between, months_between
from pipeline.columns import FAMILY, RECORDED_ON
from pipeline.components import present
from pipeline.features.residence import REGENCY, residence
from pipeline.features.spec import (
    Feature,
    Window,
    count,
    deviation,
    money,
    over,
    share,
    since,
    windows,
)

YEAR = "told_in"
USUAL = "usual_incomes"  # told beside the tables where these hold a part of the families
READ = (FAMILY, "observed_on", RECORDED_ON, "monthly_income", "owns_business", "business_turnover")
THOUSANDTHS, MOST_TIMES = 1000, 50  # a typing error is not fifty times the median


def features(t: ir.Table, as_of: date) -> tuple[Feature, ...]:
    """Aggregates over the rows of `told`, by family."""
    return (
        *(over(w, income(t, w)) for w in windows(as_of, 12, 24, None)),
        *relative(t, as_of),
        *(over(w, f) for w in windows(as_of, 24, None) for f in business(t, w)),
        *spells(t, as_of),
        *knowledge(t, as_of),
    )


def told(welfare: ir.Table, tables: dict[str, ir.Table], as_of: date) -> ir.Table:
    """Known rows of welfare with what else is read beside them.

    `persons` is the number of members on the day, `times` the income in thousandths of the median income per person of
    place and year, `was` whether the family had a business before.
    """
    rows = incomes(welfare, tables, as_of)
    usual = tables[USUAL] if USUAL in tables else usual_incomes(rows)
    joined = rows.left_join(usual, [REGENCY, YEAR], rname="{name}_of_usual")
    times = (joined.per_person / joined.usual.nullif(0)).clip(upper=MOST_TIMES)
    return joined.mutate(times=(times * THOUSANDTHS).round().cast("int64"), was=previously(joined))


def incomes(welfare: ir.Table, tables: dict[str, ir.Table], as_of: date) -> ir.Table:
    """Known rows of welfare with regency, the year told_in and the income per_person of the roster on the day."""
    places, roster = residence(tables["kpm"], as_of), present(tables["members"], as_of)
    persons = roster.group_by(FAMILY).aggregate(persons=roster.count())
    few = welfare.select(*READ)  # a window function carries every column of its table through its sorts
    rows = few.left_join(places, FAMILY, rname="{name}_of_place").left_join(persons, FAMILY, rname="{name}_of_roster")
    return rows.mutate(
        told_in=rows.observed_on.year(), per_person=money(rows.monthly_income) / rows.persons.nullif(0).cast("float64")
    )


def usual_incomes(incomes: ir.Table) -> ir.Table:
    """Columns regency, told_in, usual: the median income per person; of all families at once, medians do not add up."""
    return incomes.group_by(REGENCY, YEAR).aggregate(usual=incomes.per_person.median())


def previously(t: ir.Table) -> ir.BooleanValue:
    """Whether the family had a business when that was last told before the row; null in the first telling."""
    return t.owns_business.lag().over(group_by=[FAMILY, t.owns_business.isnull()], order_by=t.observed_on)


def income(t: ir.Table, window: Window) -> Feature:
    inside = window.holds(t.observed_on)
    return Feature(
        "income_times_median",
        mean_times(t, inside),
        "income per person as a multiple of the regency's median of the same year, mean",
        "ratio",
        "pendapatan per orang dibanding median kabupaten pada tahun yang sama, rata-rata",
        "livelihood",
        sign=1,
    )


def relative(t: ir.Table, as_of: date) -> tuple[Feature, ...]:
    (year,) = windows(as_of, 12)
    recent, before = year.holds(t.observed_on), ~year.holds(t.observed_on)
    n = count(t.times.notnull())
    return (
        Feature(
            "income_times_median_change_12m",
            mean_times(t, recent) - mean_times(t, before),
            "income beside the regency's median, mean of the last 12 months less the mean of the time before",
            "difference",
            "perubahan pendapatan dibanding median kabupaten",
            "livelihood",
            "ever",
        ),
        Feature(
            "income_times_median_deviation_ever",
            deviation(n, t.times.sum().cast("int64"), (t.times * t.times).sum().cast("int64")) / THOUSANDTHS,
            "standard deviation of the income beside the regency's median, ever",
            "ratio",
            "naik-turun pendapatan dibanding median kabupaten",
            "livelihood",
            "ever",
        ),
        Feature(
            "income_times_median_max_ever",
            t.times.max() / THOUSANDTHS,
            "highest income per person beside the regency's median of its year, ever",
            "ratio",
            "pendapatan tertinggi dibanding median kabupaten",
            "livelihood",
            "ever",
            sign=1,
        ),
    )


def business(t: ir.Table, window: Window) -> tuple[Feature, ...]:
    inside = window.holds(t.observed_on)
    turnover = money(t.business_turnover)
    return (
        Feature(
            "business_seen_share",
            share(count(t.owns_business & inside), count(t.owns_business.notnull() & inside)),
            "share of the updates that saw a business",
            "share",
            "bagian pemutakhiran yang mencatat usaha",
            "livelihood",
            sign=1,
        ),
        Feature(
            "business_turnover_mean",
            share(turnover.sum(where=inside).cast("int64"), count(turnover.notnull() & inside)),
            "mean of the known turnovers",
            "rupiah a month",
            "rata-rata omzet usaha",
            "livelihood",
            sign=1,
        ),
    )


def spells(t: ir.Table, as_of: date) -> tuple[Feature, ...]:
    begins, ends = t.owns_business & ~t.was.fill_null(False), ~t.owns_business & t.was
    begun = t.observed_on.max(where=begins)
    running = t.owns_business.argmax(t.observed_on, where=t.owns_business.notnull())
    return (
        Feature(
            "business_spell_months",
            ibis.ifelse(running, months_between(begun, ibis.literal(as_of)), ibis.null("int64")),
            "months since the present business was first seen",
            "months",
            "lama usaha yang sekarang",
            "livelihood",
            "ever",
        ),
        Feature(
            "business_interruptions_ever",
            count(ends),
            "times a business was seen no more, ever",
            "count",
            "berapa kali usaha berhenti",
            "livelihood",
            "ever",
        ),
        since(t.observed_on.max(where=ends), as_of, ("business_end", "usaha berhenti"), "livelihood"),
    )


def knowledge(t: ir.Table, as_of: date) -> tuple[Feature, ...]:
    """How old and how full what is known is."""
    return (
        Feature(
            "incomes_known_ever",
            count(t.times.notnull()),
            "incomes ever recorded",
            "count",
            "berapa kali pendapatan tercatat",
            "data_quality",
            "ever",
        ),
        since(
            t.observed_on.max(where=t.monthly_income.notnull()),
            as_of,
            ("known_income", "pendapatan tercatat"),
            "data_quality",
        ),
        since(
            t.observed_on.max(where=t.owns_business.notnull()),
            as_of,
            ("known_business_state", "keadaan usaha tercatat"),
            "data_quality",
        ),
        Feature(
            "slowest_record_days",
            days_between(t.observed_on, t.recorded_on).max(),
            "longest time from an update to its record, ever",
            "days",
            "jeda terlama antara pemutakhiran dan pencatatan",
            "data_quality",
            "ever",
        ),
    )


def mean_times(t: ir.Table, inside: ir.BooleanValue) -> ir.FloatingValue:
    return share(t.times.sum(where=inside), count(t.times.notnull() & inside)) / THOUSANDTHS
