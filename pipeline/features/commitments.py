"""Verified commitments to school and clinic (verifikasi komitmen)."""

from datetime import date

import ibis
import ibis.expr.types as ir

from pipeline.asof import known, months_between, with_period_end
from pipeline.features.spec import Block, Feature, Window, aggregated, count, deviation, earlier, over, share, windows

TABLE = "commitments"


def build(tables: dict[str, ir.Table], as_of: date) -> Block:
    """A quarter's verification happened on the last day of the quarter."""
    t = known(with_period_end(tables[TABLE], "quarter").rename(happened_on="period_ends"), "happened_on", as_of)
    features = (
        *(over(w, f) for w in windows(as_of, 6, 12, 24) for f in kept(t, w)),
        *(over(w, kept(t, w)[0]) for w in windows(as_of, 3, None)),
        *(over(w, attendance_deviation(t, w)) for w in windows(as_of, 24)),
        *ever(t, as_of),
        trend(t, as_of),
    )
    return aggregated(TABLE, t, features)


def kept(t: ir.Table, window: Window) -> tuple[Feature, ...]:
    inside = window.holds(t.happened_on)
    return (
        Feature(
            "commitments_met_share",
            share(count(t.met & inside), count(t.met.notnull() & inside)),
            "share of verified commitments that were met",
            "share",
            "bagian komitmen yang dipenuhi",
            "school_health",
            sign=1,
        ),
        Feature(
            "attendance_mean",
            mean_attendance(t, inside),
            "mean attendance at school and clinic",
            "percent",
            "rata-rata kehadiran sekolah/posyandu",
            "school_health",
            sign=1,
        ),
        Feature(
            "commitments_missed",
            count(~t.met & inside),
            "verified commitments that were not met",
            "count",
            "komitmen yang tidak dipenuhi",
            "school_health",
        ),
    )


def hundredths(t: ir.Table) -> ir.IntegerValue:
    """Attendance in whole hundredths of a percent: integer sums are the same on any engine and thread count."""
    return (t.attendance_pct * 100).round().cast("int64")


def mean_attendance(t: ir.Table, inside: ir.BooleanValue) -> ir.FloatingValue:
    return share(hundredths(t).sum(where=inside), count(t.attendance_pct.notnull() & inside)) / 100


def attendance_deviation(t: ir.Table, window: Window) -> Feature:
    inside, pct = window.holds(t.happened_on), hundredths(t)
    n = count(pct.notnull() & inside)
    return Feature(
        "attendance_deviation",
        deviation(n, pct.sum(where=inside).cast("int64"), (pct * pct).sum(where=inside).cast("int64")) / 100,
        "standard deviation of attendance at school and clinic",
        "percentage points",
        "naik-turun kehadiran sekolah/posyandu",
        "school_health",
    )


def trend(t: ir.Table, as_of: date) -> Feature:
    year, two_years = windows(as_of, 12, 24)
    return Feature(
        "attendance_change_12m",
        mean_attendance(t, year.holds(t.happened_on)) - mean_attendance(t, earlier(two_years, year, t.happened_on)),
        "mean attendance in the last 12 months less in the 12 months before",
        "percentage points",
        "perubahan kehadiran sekolah/posyandu terhadap tahun sebelumnya",
        "school_health",
        "last 24 months",
    )


def ever(t: ir.Table, as_of: date) -> tuple[Feature, ...]:
    on = ibis.literal(as_of)
    return (
        Feature(
            "attendance_min_ever",
            t.attendance_pct.min(),
            "lowest attendance, ever",
            "percent",
            "kehadiran terendah",
            "school_health",
            "ever",
            sign=1,
        ),
        Feature(
            "months_since_commitment_missed",
            months_between(t.happened_on.max(where=~t.met), on),
            "months since a commitment was last not met",
            "months",
            "lama sejak komitmen terakhir tidak dipenuhi",
            "school_health",
            "ever",
            sign=1,
        ),
        Feature(
            "months_since_commitment_verified",
            months_between(t.happened_on.max(), on),
            "months since commitments were last verified",
            "months",
            "lama sejak verifikasi komitmen terakhir",
            "data_quality",
            "ever",
        ),
    )
