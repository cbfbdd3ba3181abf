"""Verified commitments to school and clinic (verifikasi komitmen)."""

from datetime import date

import ibis
import ibis.expr.types as ir

from pipeline.asof import known, months_between, period_end
from pipeline.features.spec import Block, Feature, Window, aggregated, count, over, share, windows

TABLE = "commitments"


def build(tables: dict[str, ir.Table], as_of: date) -> Block:
    """A quarter's verification happened on the last day of the quarter."""
    t = known(tables[TABLE].mutate(happened_on=lambda t: period_end(t.quarter)), "happened_on", as_of)
    features = (*(over(w, f) for w in windows(as_of, 6, 12, 24) for f in kept(t, w)), *ever(t, as_of))
    return aggregated(TABLE, t, features)


def kept(t: ir.Table, window: Window) -> tuple[Feature, ...]:
    inside = window.holds(t.happened_on)
    # Attendance in whole hundredths of a percent: integer sums are the same on any engine and thread count.
    hundredths = (t.attendance_pct * 100).round().cast("int64")
    return (
        Feature(
            "commitments_met_share",
            share(count(t.met & inside), count(t.met.notnull() & inside)),
            "share of verified commitments that were met",
            "share",
            "bagian komitmen yang dipenuhi",
            "school_health",
        ),
        Feature(
            "attendance_mean",
            share(hundredths.sum(where=inside), count(t.attendance_pct.notnull() & inside)) / 100,
            "mean attendance at school and clinic",
            "percent",
            "rata-rata kehadiran sekolah/posyandu",
            "school_health",
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
        ),
        Feature(
            "months_since_commitment_missed",
            months_between(t.happened_on.max(where=~t.met), on),
            "months since a commitment was last not met",
            "months",
            "lama sejak komitmen terakhir tidak dipenuhi",
            "school_health",
            "ever",
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
