"""The declared primitives by featuretools: an entity set, a cutoff time and a training window for each window.

Only one clock is featuretools' own, the time index; rows not yet recorded on the day are left out while reading. The
features are defined one by one, so that nothing is made which is not asked for; each window is a calculation of its
own.
"""

import featuretools as ft
import pandas as pd
from featuretools.primitives import Count, Last, Mean, Min, Sum

from benchmarks.rivals.task import MOST_RUPIAH, PRODUCTIVE, SHOCKS, Task, run

Made = dict[str, ft.FeatureBase]
FAMILIES = "families"
WINDOWS: dict[str, int | None] = {"12m": 12, "24m": 24, "ever": None}


def read(task: Task, name: str, columns: list[str]) -> pd.DataFrame:
    rows = pd.read_parquet(task.table(name), columns=["kpm_id", "recorded_on", *columns])
    rows = rows[pd.to_datetime(rows["recorded_on"]) <= pd.Timestamp(task.as_of)].drop(columns="recorded_on")
    return rows.assign(**{c: pd.to_datetime(rows[c]) for c in rows if str(c).endswith("_on")})


def period_end(text: pd.Series) -> pd.Series:
    told = {p: pd.Period(p, "Q" if "Q" in p else "M").end_time.normalize() for p in text.unique()}
    return text.map(told)


def tables(task: Task) -> dict[str, pd.DataFrame]:
    """Rows with `day`, and in `what` the condition that a feature may ask for."""
    t = read(task, "payments", ["programme", "period", "paid_on", "amount", "status"])
    day, what = t["paid_on"].fillna(period_end(t["period"])), t["programme"] + " " + t["status"]
    paid = t.assign(day=day, what=what, status=t["status"], amount=t["amount"].clip(upper=MOST_RUPIAH))
    s = read(task, "sessions", ["held_on", "module", "attendance"])
    economy = s["attendance"].where(s["module"] != "economy", s["attendance"] + " economy")
    held = s.assign(day=s["held_on"], what=economy, came=s["attendance"])
    v = read(task, "commitments", ["quarter", "attendance_pct", "met"])
    verified = v.assign(day=period_end(v["quarter"]), what=v["met"].map({True: "met", False: "missed"}))
    w = read(task, "welfare", ["observed_on", "monthly_income"])
    seen = w.assign(day=w["observed_on"], what="seen", income=w["monthly_income"].clip(upper=MOST_RUPIAH))
    p = read(task, "programmes", ["programme", "started_on", "amount"])
    productive = p["programme"].isin(PRODUCTIVE).map({True: "productive", False: "other"})
    begun = p.assign(day=p["started_on"], what=productive, money=p["amount"].clip(upper=MOST_RUPIAH).fillna(0))
    k = read(task, "cases", ["kind", "reported_on"])
    shock = k["kind"].isin(SHOCKS).map({True: "shock", False: "other"})
    reported = k.assign(day=k["reported_on"], what=k["kind"], shock=shock)
    wanted = {
        "payments": paid[["kpm_id", "day", "what", "status", "amount"]],
        "sessions": held[["kpm_id", "day", "what", "came"]],
        "commitments": verified[["kpm_id", "day", "what", "attendance_pct"]],
        "welfare": seen[["kpm_id", "day", "what", "income"]],
        "programmes": begun[["kpm_id", "day", "what", "money"]],
        "cases": reported[["kpm_id", "day", "what", "shock"]],
    }
    return {name: rows.reset_index(drop=True).rename_axis("row").reset_index() for name, rows in wanted.items()}


def entities(task: Task, families: pd.DataFrame) -> ft.EntitySet:
    es = ft.EntitySet("pkh")
    es.add_dataframe(dataframe_name=FAMILIES, dataframe=families, index="kpm_id")
    for name, rows in tables(task).items():
        texts = {c: "Categorical" for c in ("what", "status", "came", "shock") if c in rows}
        es.add_dataframe(dataframe_name=name, dataframe=rows, index="row", time_index="day", logical_types=texts)
        es.add_relationship(FAMILIES, "kpm_id", name, "kpm_id")
    return es


def definitions(es: ft.EntitySet) -> dict[str, Made]:
    """Features by window and name."""

    def of(table: str, column: str, primitive: type, where: tuple[str, str] | None = None) -> ft.FeatureBase:
        base = ft.Feature(es[table].ww[column])
        condition = ft.Feature(es[table].ww[where[0]]) == where[1] if where else None
        return ft.Feature(base, parent_dataframe_name=FAMILIES, primitive=primitive, where=condition)

    pkh, bpnt = ("what", "PKH disbursed"), ("what", "BPNT disbursed")
    both = {
        "payments_failed": of("payments", "row", Count, ("status", "failed")),
        "pkh_paid": of("payments", "amount", Sum, pkh),
        "sessions_present": of("sessions", "row", Count, ("came", "present")),
        "attendance_mean": of("commitments", "attendance_pct", Mean),
        "shocks": of("cases", "row", Count, ("shock", "shock")),
    }
    year = {
        "bpnt_paid": of("payments", "amount", Sum, bpnt),
        "sessions_held": of("sessions", "row", Count),
        "cases_home_visit": of("cases", "row", Count, ("what", "home_visit")),
        "cases_complaint": of("cases", "row", Count, ("what", "complaint")),
    }
    two_years = {
        "payments_unclaimed": of("payments", "row", Count, ("status", "unclaimed")),
        "economy_sessions": of("sessions", "row", Count, ("what", "present economy")),
        "commitments_missed": of("commitments", "row", Count, ("what", "missed")),
        "income_mean": of("welfare", "income", Mean),
        "programme_money": of("programmes", "money", Sum),
    }
    ever = {
        "pkh_payments_ever": of("payments", "row", Count, pkh),
        "pkh_amount_last": of("payments", "amount", Last, pkh),
        "attendance_min_ever": of("commitments", "attendance_pct", Min),
        "productive_programmes_ever": of("programmes", "row", Count, ("what", "productive")),
    }
    named = {"12m": both | year, "24m": both | two_years}
    return {w: {f"{n}_{w}": f for n, f in made.items()} for w, made in named.items()} | {"ever": ever}


def work(task: Task) -> None:
    chosen = pd.read_parquet(task.cohort, columns=["kpm_id", "as_of"])
    families = chosen.loc[pd.to_datetime(chosen["as_of"]) == pd.Timestamp(task.as_of), ["kpm_id"]]
    kept = pd.read_parquet(task.table("kpm"), columns=["kpm_id"])
    es = entities(task, kept)
    cutoff = families.assign(time=pd.Timestamp(task.as_of))
    parts = []
    for window, made in definitions(es).items():
        months = WINDOWS[window]
        days = None if months is None else ft.Timedelta((task.as_of - task.before(months)).days, "d")
        found = ft.calculate_feature_matrix(
            list(made.values()), es, cutoff_time=cutoff, training_window=days, n_jobs=1, verbose=False
        )
        parts.append(found.set_axis(list(made), axis=1))
    rows = pd.concat(parts, axis=1).reset_index().sort_values("kpm_id")
    numbers = rows[["kpm_id", *task.names]].astype(dict.fromkeys(task.names, "float64"))
    numbers.to_parquet(task.out, compression="zstd", index=False)


if __name__ == "__main__":
    run(work)
