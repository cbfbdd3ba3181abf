"""The declared subset by pandas: each table read once, its conditions as columns, one groupby for each kind of sum."""

import numpy as np
import pandas as pd

from benchmarks.rivals.task import MOST_RUPIAH, PRODUCTIVE, SHOCKS, SUBSET, Task, run

Columns = dict[str, pd.Series]


def read(task: Task, name: str, columns: list[str], happened_on: str | None = None) -> pd.DataFrame:
    """Rows that had happened and were recorded on the day; days are datetime64."""
    clocks = [c for c in (happened_on, "recorded_on") if c]
    rows = pd.read_parquet(task.table(name), columns=sorted({"kpm_id", *columns, *clocks}))
    rows = rows.assign(**{c: pd.to_datetime(rows[c]) for c in rows if str(c).endswith("_on")})
    return rows[(rows[clocks] <= pd.Timestamp(task.as_of)).all(axis=1)]


def period_end(text: pd.Series) -> pd.Series:
    """The last day of a quarter 2024Q1 or a month 2024-03; each period is read once."""
    told = {p: pd.Period(p, "Q" if "Q" in p else "M").end_time.normalize() for p in text.unique()}
    return text.map(told)


def totals(rows: pd.DataFrame, columns: Columns) -> pd.DataFrame:
    return pd.DataFrame(columns).groupby(rows["kpm_id"]).sum()


def most(rows: pd.DataFrame, columns: Columns) -> pd.DataFrame:
    return pd.DataFrame(columns).groupby(rows["kpm_id"]).max()


def last(rows: pd.DataFrame, value: str, day: str) -> pd.Series:
    """The latest known value of each family."""
    known = rows[rows[value].notna()].sort_values(day, kind="stable")
    return known.drop_duplicates("kpm_id", keep="last").set_index("kpm_id")[value]


def months_since(day: pd.Series, task: Task) -> pd.Series:
    return (task.as_of.year - day.dt.year) * 12 + task.as_of.month - day.dt.month


def payments(task: Task) -> pd.DataFrame:
    t = read(task, "payments", ["programme", "period", "paid_on", "amount", "status"])
    t = t.assign(day=t["paid_on"].fillna(period_end(t["period"])), amount=t["amount"].clip(upper=MOST_RUPIAH))
    t = t[t["day"] <= pd.Timestamp(task.as_of)]
    year, two = (t["day"] > pd.Timestamp(task.before(m)) for m in (12, 24))
    pkh, bpnt = ((t["programme"] == p) & (t["status"] == "disbursed") for p in ("PKH", "BPNT"))
    failed, unclaimed = t["status"] == "failed", t["status"] == "unclaimed"
    made = totals(t, {
        "pkh_paid_12m": t["amount"].where(pkh & year, 0), "pkh_paid_24m": t["amount"].where(pkh & two, 0),
        "bpnt_paid_12m": t["amount"].where(bpnt & year, 0), "payments_failed_12m": failed & year,
        "payments_failed_24m": failed & two, "payments_unclaimed_24m": unclaimed & two, "pkh_payments_ever": pkh,
    })  # fmt: skip
    paid = t[pkh]
    return made.assign(
        months_since_pkh_paid=months_since(most(paid, {"day": paid["day"]})["day"], task),
        pkh_amount_last=last(paid, "amount", "day"),
    )


def sessions(task: Task) -> pd.DataFrame:
    t = read(task, "sessions", ["held_on", "module", "attendance"], "held_on")
    year, two = (t["held_on"] > pd.Timestamp(task.before(m)) for m in (12, 24))
    present = t["attendance"] == "present"
    made = totals(t, {
        "sessions_present_12m": present & year, "sessions_present_24m": present & two, "sessions_held_12m": year,
        "economy_sessions_24m": present & two & (t["module"] == "economy"),
    })  # fmt: skip
    came = t[present]
    learnt = came[["kpm_id", "module"]].drop_duplicates().groupby("kpm_id").size()
    return made.assign(
        sessions_present_share_12m=made["sessions_present_12m"] / made["sessions_held_12m"].replace(0, np.nan),
        months_since_session_attended=months_since(most(came, {"day": came["held_on"]})["day"], task),
        modules_ever=learnt.reindex(made.index).fillna(0),
    )


def commitments(task: Task) -> pd.DataFrame:
    t = read(task, "commitments", ["quarter", "attendance_pct", "met"])
    t = t.assign(day=period_end(t["quarter"]))
    t = t[t["day"] <= pd.Timestamp(task.as_of)]
    year, two = (t["day"] > pd.Timestamp(task.before(m)) for m in (12, 24))
    known, met, pct = t["met"].notna(), t["met"].eq(True), (t["attendance_pct"] * 100).round()
    made = totals(t, {
        "met_12m": met & year, "known_12m": known & year, "commitments_missed_24m": known & ~met & two,
        "pct_12m": pct.where(year), "n_12m": pct.notna() & year, "pct_24m": pct.where(two), "n_24m": pct.notna() & two,
    })  # fmt: skip
    by = t.groupby("kpm_id")
    return made.assign(
        commitments_met_share_12m=made["met_12m"] / made["known_12m"].replace(0, np.nan),
        attendance_mean_12m=made["pct_12m"] / made["n_12m"].replace(0, np.nan) / 100,
        attendance_mean_24m=made["pct_24m"] / made["n_24m"].replace(0, np.nan) / 100,
        attendance_min_ever=by["attendance_pct"].min(),
        months_since_commitment_verified=months_since(by["day"].max(), task),
    )


def welfare(task: Task) -> pd.DataFrame:
    values = ["monthly_income", "national_decile", "floor_area_m2", "owns_business"]
    t = read(task, "welfare", values, "observed_on")
    year, two = (t["observed_on"] > pd.Timestamp(task.before(m)) for m in (12, 24))
    income = t["monthly_income"].clip(upper=MOST_RUPIAH)
    summed = totals(t, {"sum": income.where(two), "n": income.notna() & two})
    known = t[t["owns_business"].notna()]
    lasts = {f"{v}_last": last(t, v, "observed_on") for v in values}
    made = pd.DataFrame(lasts, index=summed.index)
    return made.assign(
        monthly_income_change_12m=made["monthly_income_last"] - last(t[~year], "monthly_income", "observed_on"),
        income_mean_24m=summed["sum"] / summed["n"].replace(0, np.nan),
        business_ever=most(known, {"b": known["owns_business"].astype(bool)})["b"],
    )


def programmes(task: Task) -> pd.DataFrame:
    t = read(task, "programmes", ["programme", "started_on", "ended_on", "amount"], "started_on")
    running = t["ended_on"].isna() | (t["ended_on"] > pd.Timestamp(task.as_of))
    productive = t["programme"].isin(PRODUCTIVE)
    two = t["started_on"] > pd.Timestamp(task.before(24))
    made = totals(t, {
        "pena_running": running & (t["programme"] == "PENA"), "pbi_running": running & (t["programme"] == "PBI"),
        "productive_programmes_ever": productive,
        "programme_money_24m": t["amount"].clip(upper=MOST_RUPIAH).where(two, 0).fillna(0),
    })  # fmt: skip
    begun = most(t[productive], {"day": t["started_on"][productive]})["day"]
    flags = {name: made[name] > 0 for name in ("pena_running", "pbi_running")}
    return made.assign(**flags, months_since_productive_start=months_since(begun, task))


def cases(task: Task) -> pd.DataFrame:
    t = read(task, "cases", ["kind", "reported_on"], "reported_on")
    year, two = (t["reported_on"] > pd.Timestamp(task.before(m)) for m in (12, 24))
    shock = t["kind"].isin(SHOCKS)
    made = totals(t, {
        "cases_home_visit_12m": year & (t["kind"] == "home_visit"),
        "cases_complaint_12m": year & (t["kind"] == "complaint"), "shocks_12m": shock & year, "shocks_24m": shock & two,
    })  # fmt: skip
    struck = most(t[shock], {"day": t["reported_on"][shock]})["day"]
    return made.assign(months_since_shock=months_since(struck, task))


def build(task: Task) -> pd.DataFrame:
    chosen = pd.read_parquet(task.cohort, columns=["kpm_id", "as_of"])
    families = chosen.loc[pd.to_datetime(chosen["as_of"]) == pd.Timestamp(task.as_of), ["kpm_id"]]
    made = families.sort_values("kpm_id")
    for table in (payments, sessions, commitments, welfare, programmes, cases):
        found = table(task)
        made = made.merge(found[[c for c in found if c in SUBSET]], on="kpm_id", how="left")
    return made.astype({c: "float64" for c in made if c != "kpm_id"})


def work(task: Task) -> None:
    build(task)[["kpm_id", *task.names]].to_parquet(task.out, compression="zstd")


if __name__ == "__main__":
    run(work)
