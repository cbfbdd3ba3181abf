"""P2K2 family development sessions: who came, how often, to what."""

import operator
from datetime import date
from functools import reduce

import ibis
import ibis.expr.types as ir

from pipeline.asof import known, months_between
from pipeline.features.spec import Block, Feature, Window, aggregated, count, earlier, over, share, since, windows
from pipeline.tables import Sessions

TABLE = "sessions"
MODULES = Sessions.column("module").values


def build(tables: dict[str, ir.Table], as_of: date) -> Block:
    t = known(tables[TABLE], "held_on", as_of)
    features = (
        *(over(w, f) for w in windows(as_of, 3, 6, 12, 24, None) for f in attended(t, w)),
        *(over(w, f) for w in windows(as_of, 12, 24) for f in learnt(t, w)),
        *ever(t, as_of),
        trend(t, as_of),
    )
    return aggregated(TABLE, t, features)


def attended(t: ir.Table, window: Window) -> tuple[Feature, ...]:
    inside = window.holds(t.held_on)
    present = t.attendance == "present"
    return (
        Feature(
            "sessions_present",
            count(present & inside),
            "P2K2 sessions attended",
            "count",
            "pertemuan P2K2 yang dihadiri",
            "learning_sessions",
        ),
        Feature(
            "sessions_present_share",
            share(count(present & inside), count(inside)),
            "share of P2K2 sessions attended",
            "share",
            "kehadiran P2K2",
            "learning_sessions",
            sign=1,
        ),
    )


def learnt(t: ir.Table, window: Window) -> tuple[Feature, ...]:
    inside = window.holds(t.held_on)
    return (
        Feature(
            "sessions_held",
            count(inside),
            "P2K2 sessions of which the attendance was recorded",
            "count",
            "pertemuan P2K2 yang tercatat",
            "learning_sessions",
        ),
        Feature(
            "economy_sessions",
            count((t.attendance == "present") & (t.module == "economy") & inside),
            "P2K2 sessions on economy attended",
            "count",
            "pertemuan P2K2 ekonomi yang dihadiri",
            "learning_sessions",
            sign=1,
        ),
        Feature(
            "sessions_absent_share",
            share(count((t.attendance == "absent") & inside), count(inside)),
            "share of P2K2 sessions missed without a reason",
            "share",
            "bagian pertemuan P2K2 yang dilewatkan tanpa alasan",
            "learning_sessions",
            sign=-1,
        ),
    )


def trend(t: ir.Table, as_of: date) -> Feature:
    present = t.attendance == "present"
    year, two_years = windows(as_of, 12, 24)
    recent, before = year.holds(t.held_on), earlier(two_years, year, t.held_on)
    return Feature(
        "sessions_present_share_change_12m",
        share(count(present & recent), count(recent)) - share(count(present & before), count(before)),
        "share of P2K2 sessions attended in the last 12 months less in the 12 months before",
        "difference",
        "perubahan kehadiran P2K2 terhadap tahun sebelumnya",
        "learning_sessions",
        "last 24 months",
    )


def ever(t: ir.Table, as_of: date) -> tuple[Feature, ...]:
    present = t.attendance == "present"
    (two_years,) = windows(as_of, 24)
    return (
        Feature(
            "economy_sessions_ever",
            count(present & (t.module == "economy")),
            "P2K2 sessions on economy attended, ever",
            "count",
            "pertemuan P2K2 ekonomi yang dihadiri",
            "learning_sessions",
            "ever",
            sign=1,
        ),
        since(
            t.held_on.max(where=present & (t.module == "economy")),
            as_of,
            ("economy_session", "pertemuan P2K2 ekonomi"),
            "learning_sessions",
        ),
        since(t.held_on.max(), as_of, ("session_recorded", "pertemuan P2K2 tercatat"), "data_quality"),
        Feature(
            "modules_ever",
            reduce(operator.add, (count(present & (t.module == m)).clip(upper=1) for m in MODULES)),
            "P2K2 modules attended, ever",
            "count",
            "modul P2K2 yang pernah diikuti",
            "learning_sessions",
            "ever",
        ),
        Feature(
            "sessions_absent_24m",
            count((t.attendance == "absent") & two_years.holds(t.held_on)),
            "P2K2 sessions missed without a reason, last 24 months",
            "count",
            "ketidakhadiran P2K2 tanpa alasan, 24 bulan terakhir",
            "learning_sessions",
            "last 24 months",
        ),
        Feature(
            "months_since_session_attended",
            months_between(t.held_on.max(where=present), ibis.literal(as_of)),
            "months since a P2K2 session was last attended",
            "months",
            "lama sejak terakhir hadir P2K2",
            "learning_sessions",
            "ever",
        ),
    )
