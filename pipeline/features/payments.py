"""Transfers: what was paid, what failed or was never collected."""

from datetime import date

import ibis
import ibis.expr.types as ir

from pipeline.asof import known, months_between, with_period_end
from pipeline.features.spec import (
    Block,
    Feature,
    Window,
    aggregated,
    count,
    deviation,
    money,
    over,
    since,
    windows,
)

TABLE = "payments"


def build(tables: dict[str, ir.Table], as_of: date) -> Block:
    """A transfer that was never paid happened at the end of its period."""
    dated = with_period_end(tables[TABLE], "period").mutate(
        happened_on=lambda t: t.paid_on.coalesce(t.period_ends), amount=lambda t: money(t.amount)
    )
    t = known(dated, "happened_on", as_of)
    features = (
        *(over(w, f) for w in windows(as_of, 3, 6, 12, 24) for f in paid(t, w)),
        *(over(w, f) for w in windows(as_of, 12, 24) for f in unpaid(t, w)),
        *standing(t, as_of),
        *ages(t, as_of),
        *(over(w, f) for w in windows(as_of, 24) for f in steadiness(t, w)),
        change(t, as_of),
    )
    return aggregated(TABLE, t, features)


def disbursed(t: ir.Table, programme: str) -> ir.BooleanValue:
    return (t.programme == programme) & (t.status == "disbursed")


def paid(t: ir.Table, window: Window) -> tuple[Feature, ...]:
    inside = window.holds(t.happened_on)
    return tuple(
        Feature(
            f"{programme.lower()}_paid",
            t.amount.sum(where=disbursed(t, programme) & inside).fill_null(0).cast("int64"),
            f"{programme} disbursed",
            "rupiah",
            f"bantuan {programme} yang diterima",
            "payments",
        )
        for programme in ("PKH", "BPNT")
    )


def unpaid(t: ir.Table, window: Window) -> tuple[Feature, ...]:
    inside = window.holds(t.happened_on)
    return (
        Feature(
            "payments_failed",
            count((t.status == "failed") & inside),
            "failed payments",
            "count",
            "pembayaran gagal",
            "payments",
        ),
        Feature(
            "payments_unclaimed",
            count((t.status == "unclaimed") & inside),
            "payments not collected",
            "count",
            "bantuan yang tidak diambil",
            "payments",
        ),
    )


def ages(t: ir.Table, as_of: date) -> tuple[Feature, ...]:
    def last(condition: ir.BooleanValue) -> ir.DateValue:
        return t.happened_on.max(where=condition)

    return (
        since(last(t.status == "failed"), as_of, ("failed_payment", "pembayaran gagal"), "payments"),
        since(last(t.status == "unclaimed"), as_of, ("uncollected_payment", "bantuan tidak diambil"), "payments"),
        since(last(disbursed(t, "BPNT")), as_of, ("bpnt_payment", "bantuan BPNT"), "payments"),
    )


def steadiness(t: ir.Table, window: Window) -> tuple[Feature, ...]:
    inside = window.holds(t.happened_on)
    pkh = disbursed(t, "PKH") & inside
    squares = (t.amount.cast("decimal(38, 0)") * t.amount).sum(where=pkh)
    return (
        Feature(
            "pkh_amount_deviation",
            deviation(count(pkh), t.amount.sum(where=pkh).cast("int64"), squares),
            "standard deviation of the PKH payments",
            "rupiah",
            "naik-turun pembayaran PKH",
            "payments",
        ),
    )


def standing(t: ir.Table, as_of: date) -> tuple[Feature, ...]:
    last = t.happened_on.max(where=disbursed(t, "PKH"))
    return (
        Feature(
            "months_since_pkh_paid",
            months_between(last, ibis.literal(as_of)),
            "months since PKH was last disbursed",
            "months",
            "lama sejak bantuan PKH terakhir",
            "payments",
            "ever",
        ),
        Feature(
            "pkh_payments_ever",
            count(disbursed(t, "PKH")),
            "PKH payments disbursed, ever",
            "count",
            "jumlah pembayaran PKH",
            "payments",
            "ever",
        ),
        Feature(
            "pkh_amount_last",
            t.amount.argmax(t.happened_on, where=disbursed(t, "PKH")),
            "last PKH payment",
            "rupiah",
            "pembayaran PKH terakhir",
            "payments",
        ),
        Feature(
            "paid_by_post",
            t.channel.argmax(t.happened_on, where=disbursed(t, "PKH") & t.channel.notnull()) == "post",
            "last PKH payment came by post",
            "flag",
            "bantuan dibayar lewat kantor pos",
            "payments",
        ),
    )


def change(t: ir.Table, as_of: date) -> Feature:
    year, two_years = windows(as_of, 12, 24)
    pkh = disbursed(t, "PKH")
    this_year = t.amount.sum(where=pkh & year.holds(t.happened_on)).fill_null(0)
    both_years = t.amount.sum(where=pkh & two_years.holds(t.happened_on)).fill_null(0)
    return Feature(
        "pkh_paid_change_12m",
        (this_year * 2 - both_years).cast("int64"),
        "PKH disbursed in the last 12 months less in the 12 months before",
        "rupiah",
        "perubahan bantuan PKH terhadap tahun sebelumnya",
        "payments",
        "last 24 months",
    )
