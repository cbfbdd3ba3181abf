"""Home visits, complaints, shocks and referrals. A case's `status` is as of the extract, so it is never read here."""

from datetime import date

import ibis
import ibis.expr.types as ir

from pipeline.asof import known, months_between, open_on
from pipeline.features.spec import Block, Concept, Feature, Sign, Window, aggregated, count, over, since, windows

TABLE = "cases"
KINDS_ID = {
    "home_visit": "kunjungan rumah",
    "complaint": "pengaduan",
    "objection": "sanggahan",
    "proposal": "usulan",
    "disaster": "bencana",
    "illness": "sakit berat",
    "job_loss": "kehilangan pekerjaan",
    "data_problem": "masalah data",
    "graduation_interest": "minat graduasi",
    "resignation_letter": "surat pengunduran diri",
}
SHOCKS = ("disaster", "illness", "job_loss")
OFTEN = (*SHOCKS, "home_visit", "graduation_interest")
SIGNS: dict[str, Sign] = {"graduation_interest": 1, "disaster": -1, "illness": -1, "job_loss": -1}


def build(tables: dict[str, ir.Table], as_of: date) -> Block:
    t = known(tables[TABLE], "reported_on", as_of)
    features = (
        *(over(w, reported(t, kind, w)) for w in windows(as_of, 12) for kind in KINDS_ID),
        *(over(w, reported(t, kind, w)) for w in windows(as_of, 24) for kind in OFTEN),
        *(over(w, shocks(t, w)) for w in windows(as_of, 3, 6, 12, 24, None)),
        *(over(w, reported(t, "graduation_interest", w)) for w in windows(as_of, None)),
        ages(t, "graduation_interest", as_of),
        *standing(t, as_of),
    )
    return aggregated(TABLE, t, features)


def reported(t: ir.Table, kind: str, window: Window) -> Feature:
    return Feature(
        f"cases_{kind}",
        count((t.kind == kind) & window.holds(t.reported_on)),
        f"cases of kind {kind.replace('_', ' ')}",
        "count",
        f"laporan {KINDS_ID[kind]}",
        concept(kind),
        sign=SIGNS.get(kind, 0),
    )


def concept(kind: str) -> Concept:
    return "family" if kind in SHOCKS else "programme"


def ages(t: ir.Table, kind: str, as_of: date) -> Feature:
    return since(t.reported_on.max(where=t.kind == kind), as_of, (kind, KINDS_ID[kind]), concept(kind))


def shocks(t: ir.Table, window: Window) -> Feature:
    return Feature(
        "shocks",
        count(t.kind.isin(SHOCKS) & window.holds(t.reported_on)),
        "disasters, illnesses and job losses",
        "count",
        "guncangan (bencana, sakit, kehilangan pekerjaan)",
        "family",
        sign=-1,
    )


def standing(t: ir.Table, as_of: date) -> tuple[Feature, ...]:
    on = ibis.literal(as_of)
    unresolved = open_on(t, "closed_on", as_of)
    return (
        Feature(
            "objections_open",
            count((t.kind == "objection") & unresolved),
            "objections not closed",
            "count",
            "sanggahan yang belum selesai",
            "family",
        ),
        Feature(
            "months_since_shock",
            months_between(t.reported_on.max(where=t.kind.isin(SHOCKS)), on),
            "months since the last disaster, illness or job loss",
            "months",
            "lama sejak guncangan terakhir",
            "family",
            "ever",
            sign=1,
        ),
        Feature(
            "months_since_home_visit",
            months_between(t.reported_on.max(where=t.kind == "home_visit"), on),
            "months since the last home visit",
            "months",
            "lama sejak kunjungan rumah terakhir",
            "programme",
            "ever",
        ),
    )
