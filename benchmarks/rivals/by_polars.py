"""The declared subset by polars: each table scanned lazily, aggregated in one group_by, and all collected at once."""

from datetime import date

import polars as pl

from benchmarks.rivals.task import MOST_RUPIAH, PRODUCTIVE, SHOCKS, Task, run

c = pl.col


def read(task: Task, name: str) -> pl.LazyFrame:
    return pl.scan_parquet(task.table(name)).filter(c("recorded_on") <= task.as_of)


def n(condition: pl.Expr) -> pl.Expr:
    return condition.sum()


def share(part: pl.Expr, whole: pl.Expr) -> pl.Expr:
    return pl.when(whole > 0).then(part / whole)


def since(day: pl.Expr, as_of: date) -> pl.Expr:
    return (as_of.year - day.dt.year()) * 12 + as_of.month - day.dt.month().cast(pl.Int32)


def latest(value: str, day: str, where: pl.Expr | None = None) -> pl.Expr:
    known = c(value).is_not_null() if where is None else c(value).is_not_null() & where
    return c(value).filter(known).sort_by(c(day).filter(known)).last()


def period_end(period: str) -> pl.Expr:
    text = c(period)
    month = pl.when(text.str.contains("Q", literal=True)).then(text.str.slice(5, 1).cast(pl.Int32) * 3)
    return pl.date(
        text.str.slice(0, 4).cast(pl.Int32), month.otherwise(text.str.slice(5).cast(pl.Int32, strict=False)), 1
    ).dt.month_end()


def payments(task: Task) -> pl.LazyFrame:
    t = read(task, "payments").with_columns(
        day=c("paid_on").fill_null(period_end("period")), amount=c("amount").clip(upper_bound=MOST_RUPIAH)
    )
    year, two = (c("day") > task.before(m) for m in (12, 24))
    pkh, bpnt = ((c("programme") == p) & (c("status") == "disbursed") for p in ("PKH", "BPNT"))
    failed, unclaimed = c("status") == "failed", c("status") == "unclaimed"
    return t.filter(c("day") <= task.as_of).group_by("kpm_id").agg(
        pkh_paid_12m=c("amount").filter(pkh & year).sum(),
        pkh_paid_24m=c("amount").filter(pkh & two).sum(),
        bpnt_paid_12m=c("amount").filter(bpnt & year).sum(),
        payments_failed_12m=n(failed & year),
        payments_failed_24m=n(failed & two),
        payments_unclaimed_24m=n(unclaimed & two),
        months_since_pkh_paid=since(c("day").filter(pkh).max(), task.as_of),
        pkh_payments_ever=n(pkh),
        pkh_amount_last=latest("amount", "day", pkh),
    )  # fmt: skip


def sessions(task: Task) -> pl.LazyFrame:
    year, two = (c("held_on") > task.before(m) for m in (12, 24))
    present = c("attendance") == "present"
    return read(task, "sessions").filter(c("held_on") <= task.as_of).group_by("kpm_id").agg(
        sessions_present_12m=n(present & year),
        sessions_present_24m=n(present & two),
        sessions_held_12m=n(year),
        sessions_present_share_12m=share(n(present & year), n(year)),
        economy_sessions_24m=n(present & two & (c("module") == "economy")),
        months_since_session_attended=since(c("held_on").filter(present).max(), task.as_of),
        modules_ever=c("module").filter(present).n_unique(),
    )  # fmt: skip


def commitments(task: Task) -> pl.LazyFrame:
    t = read(task, "commitments").with_columns(day=period_end("quarter"), pct=(c("attendance_pct") * 100).round())
    year, two = (c("day") > task.before(m) for m in (12, 24))
    return t.filter(c("day") <= task.as_of).group_by("kpm_id").agg(
        commitments_met_share_12m=share(n(c("met") & year), n(c("met").is_not_null() & year)),
        attendance_mean_12m=share(c("pct").filter(year).sum(), c("pct").filter(year).count()) / 100,
        attendance_mean_24m=share(c("pct").filter(two).sum(), c("pct").filter(two).count()) / 100,
        commitments_missed_24m=n(~c("met") & two),
        attendance_min_ever=c("attendance_pct").min(),
        months_since_commitment_verified=since(c("day").max(), task.as_of),
    )  # fmt: skip


def welfare(task: Task) -> pl.LazyFrame:
    year, two = (c("observed_on") > task.before(m) for m in (12, 24))
    values = ("monthly_income", "national_decile", "floor_area_m2", "owns_business")
    income = c("monthly_income").clip(upper_bound=MOST_RUPIAH).filter(two)
    now, then = latest("monthly_income", "observed_on"), latest("monthly_income", "observed_on", ~year)
    return read(task, "welfare").filter(c("observed_on") <= task.as_of).group_by("kpm_id").agg(
        *(latest(v, "observed_on").alias(f"{v}_last") for v in values),
        monthly_income_change_12m=now - then,
        income_mean_24m=share(income.sum(), income.count()),
        business_ever=c("owns_business").max(),
    )  # fmt: skip


def programmes(task: Task) -> pl.LazyFrame:
    running = c("ended_on").is_null() | (c("ended_on") > task.as_of)
    productive, two = c("programme").is_in(PRODUCTIVE), c("started_on") > task.before(24)
    return read(task, "programmes").filter(c("started_on") <= task.as_of).group_by("kpm_id").agg(
        pena_running=((c("programme") == "PENA") & running).any(),
        pbi_running=((c("programme") == "PBI") & running).any(),
        productive_programmes_ever=n(productive),
        programme_money_24m=c("amount").clip(upper_bound=MOST_RUPIAH).filter(two).sum(),
        months_since_productive_start=since(c("started_on").filter(productive).max(), task.as_of),
    )  # fmt: skip


def cases(task: Task) -> pl.LazyFrame:
    year, two = (c("reported_on") > task.before(m) for m in (12, 24))
    shock = c("kind").is_in(SHOCKS)
    return read(task, "cases").filter(c("reported_on") <= task.as_of).group_by("kpm_id").agg(
        cases_home_visit_12m=n((c("kind") == "home_visit") & year),
        cases_complaint_12m=n((c("kind") == "complaint") & year),
        shocks_12m=n(shock & year),
        shocks_24m=n(shock & two),
        months_since_shock=since(c("reported_on").filter(shock).max(), task.as_of),
    )  # fmt: skip


def work(task: Task) -> None:
    made = pl.scan_parquet(task.cohort).filter(c("as_of") == task.as_of).select("kpm_id")
    for table in (payments, sessions, commitments, welfare, programmes, cases):
        made = made.join(table(task), on="kpm_id", how="left")
    rows = made.select("kpm_id", c(*task.names).cast(pl.Float64)).sort("kpm_id")
    rows.collect().write_parquet(task.out, compression="zstd")


if __name__ == "__main__":
    run(work)
