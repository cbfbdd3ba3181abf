"""Empowerment and complementary programmes: which ones run, since when, with what money."""

from datetime import date

import ibis
import ibis.expr.types as ir

from pipeline.asof import known, months_between, open_on
from pipeline.features.spec import Block, Feature, Window, aggregated, count, money, over, since, windows

TABLE = "programmes"
PRODUCTIVE = ("PENA", "PPSE", "PROKUS", "KUBE")
NAMES = (*PRODUCTIVE, "RST", "SKA", "ATENSI", "PBI", "PIP", "KAT")
EMPOWERING = (*PRODUCTIVE, "RST", "SKA", "ATENSI")
PHASE_RANK = {"recovery": 1, "transition": 2, "development": 3}


def build(tables: dict[str, ir.Table], as_of: date) -> Block:
    t = known(tables[TABLE], "started_on", as_of)
    running = open_on(t, "ended_on", as_of)
    features = (
        *(enrolled(t, running, name) for name in NAMES),
        *(begun(t, name, as_of) for name in EMPOWERING),
        finished(t, as_of),
        *(over(w, f) for w in windows(as_of, 24) for f in turning(t, w)),
        *(over(w, grants(t, w)) for w in windows(as_of, 24, None)),
        *productive(t, as_of),
        Feature(
            "productive_running",
            count(t.programme.isin(PRODUCTIVE) & running),
            "enrolments in PENA, PPSE, ProKUS or KUBE that run now",
            "count",
            "program usaha yang sedang diikuti",
            "programme",
            sign=1,
        ),
        *phases(t),
    )
    return aggregated(TABLE, t, features)


def enrolled(t: ir.Table, running: ir.BooleanValue, name: str) -> Feature:
    return Feature(
        f"{name.lower()}_running",
        count((t.programme == name) & running) > 0,
        f"enrolled in {name} now",
        "flag",
        f"sedang mengikuti {name}",
        "programme",
        used_in_score=name != "KAT",
        sign=1 if name in PRODUCTIVE else 0,
    )


def begun(t: ir.Table, name: str, as_of: date) -> Feature:
    started = t.started_on.max(where=t.programme == name)
    return since(started, as_of, (f"{name.lower()}_start", f"mulai {name}"), "programme")


def finished(t: ir.Table, as_of: date) -> Feature:
    # An end that lies ahead of the date was not known then, whatever the row says now.
    ended = t.ended_on.max(where=t.programme.isin(PRODUCTIVE) & (t.ended_on <= ibis.literal(as_of)))
    return since(ended, as_of, ("productive_end", "selesai program usaha"), "programme")


def turning(t: ir.Table, window: Window) -> tuple[Feature, ...]:
    """Productive programmes begun and finished within a window."""
    is_productive, on = t.programme.isin(PRODUCTIVE), ibis.literal(window.as_of)
    return (
        Feature(
            "productive_started",
            count(is_productive & window.holds(t.started_on)),
            "starts in PENA, PPSE, ProKUS or KUBE",
            "count",
            "mulai program usaha",
            "programme",
            sign=1,
        ),
        Feature(
            "productive_finished",
            count(is_productive & (t.ended_on <= on) & window.holds(t.ended_on)),
            "programmes among PENA, PPSE, ProKUS and KUBE that were finished",
            "count",
            "program usaha yang selesai",
            "programme",
            sign=1,
        ),
    )


def grants(t: ir.Table, window: Window) -> Feature:
    return Feature(
        "programme_money",
        money(t.amount).sum(where=window.holds(t.started_on)).fill_null(0).cast("int64"),
        "money from programmes",
        "rupiah",
        "dana program",
        "programme",
    )


def productive(t: ir.Table, as_of: date) -> tuple[Feature, ...]:
    is_productive = t.programme.isin(PRODUCTIVE)
    return (
        Feature(
            "months_since_productive_start",
            months_between(t.started_on.max(where=is_productive), ibis.literal(as_of)),
            "months since the last start in PENA, PPSE, ProKUS or KUBE",
            "months",
            "lama sejak mulai program usaha (PENA, PPSE, ProKUS, KUBE)",
            "programme",
            "ever",
        ),
        Feature(
            "productive_programmes_ever",
            count(is_productive),
            "enrolments in PENA, PPSE, ProKUS or KUBE, ever",
            "count",
            "jumlah program usaha yang pernah diikuti",
            "programme",
            "ever",
            sign=1,
        ),
    )


def phases(t: ir.Table) -> tuple[Feature, ...]:
    rank = t.phase.cases(*PHASE_RANK.items())
    return (
        Feature(
            "phase_last",
            rank.argmax(t.started_on, where=t.phase.notnull()),
            "last known phase (1 recovery, 2 transition, 3 development)",
            "code",
            "fase terakhir (1 pemulihan, 2 transisi, 3 pengembangan)",
            "programme",
        ),
    )
