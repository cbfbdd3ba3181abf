"""Empowerment and complementary programmes: which ones run, since when, with what money."""

from datetime import date

import ibis
import ibis.expr.types as ir

from pipeline.asof import known, months_between, open_on
from pipeline.features.spec import Block, Feature, aggregated, count, money, windows

TABLE = "programmes"
PRODUCTIVE = ("PENA", "PPSE", "PROKUS", "KUBE")
NAMES = (*PRODUCTIVE, "RST", "SKA", "ATENSI", "PBI", "PIP", "KAT")
PHASE_RANK = {"recovery": 1, "transition": 2, "development": 3}


def build(tables: dict[str, ir.Table], as_of: date) -> Block:
    t = known(tables[TABLE], "started_on", as_of)
    running = open_on(t, "ended_on", as_of)
    features = (*(enrolled(t, running, name) for name in NAMES), *productive(t, as_of), *phases(t))
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
    )


def productive(t: ir.Table, as_of: date) -> tuple[Feature, ...]:
    is_productive = t.programme.isin(PRODUCTIVE)
    (two_years,) = windows(as_of, 24)
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
        ),
        Feature(
            "programme_money_24m",
            money(t.amount).sum(where=two_years.holds(t.started_on)).fill_null(0).cast("int64"),
            "money from programmes, last 24 months",
            "rupiah",
            "dana program, 24 bulan terakhir",
            "programme",
            "last 24 months",
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
