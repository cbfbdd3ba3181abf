"""Home visits, complaints, shocks and referrals. A case's `status` is as of the extract, so it is never read here."""

from datetime import date

import ibis
import ibis.expr.types as ir

from pipeline.asof import known, months_between, open_on
from pipeline.features.spec import Block, Feature, Window, aggregated, count, over, windows

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


def build(tables: dict[str, ir.Table], as_of: date) -> Block:
    t = known(tables[TABLE], "reported_on", as_of)
    features = (
        *(over(w, reported(t, kind, w)) for w in windows(as_of, 12) for kind in KINDS_ID),
        *(over(w, shocks(t, w)) for w in windows(as_of, 6, 24)),
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
        "family" if kind in SHOCKS else "programme",
    )


def shocks(t: ir.Table, window: Window) -> Feature:
    return Feature(
        "shocks",
        count(t.kind.isin(SHOCKS) & window.holds(t.reported_on)),
        "disasters, illnesses and job losses",
        "count",
        "guncangan (bencana, sakit, kehilangan pekerjaan)",
        "family",
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
