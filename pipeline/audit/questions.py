"""What auditors of the state ask of a run: one query, one CSV and one line each, over the tables of a bundle.

Each query is plain SQL for DuckDB over views that are named like the bundle's tables, so whoever doubts an answer runs
it himself. Numbers of families stand in the answers, never names. What people decided lies in the desk's own record
and is asked there (proposals without a statement, overrides, who confirmed what).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import PurePath

import pandas as pd

from pipeline.audit import names
from pipeline.audit.replay import Snapshot, tables_below
from pipeline.columns import FAMILY
from pipeline.wording import Text


@dataclass(frozen=True)
class Question:
    """`none`: whether any row at all is something to be explained. `note`: what the answer does not say."""

    name: str
    title: Text
    note: Text
    none: bool

    @property
    def sql(self) -> str:
        return files("pipeline.audit").joinpath("queries", f"{self.name}.sql").read_text(encoding="utf-8")


@dataclass(frozen=True)
class Answer:
    """The rows in the order of the query."""

    question: Question
    rows: pd.DataFrame

    @property
    def surprising(self) -> bool:
        return self.question.none and len(self.rows) > 0


QUESTIONS = (
    Question(
        "proposed_while_held",
        Text(
            "Keluarga dalam daftar kunjungan padahal ditahan", "Families on a list for a visit although they are held"
        ),
        Text(
            "Harus kosong: yang ditahan tidak pernah diusulkan.",
            "Must be empty: whoever is held is never proposed.",
        ),
        True,
    ),
    Question(
        "coverage",
        Text(
            "Terdaftar + ditahan + di bawah batas = semua, per kabupaten",
            "Listed + held + below the line = all, by regency",
        ),
        Text(
            "Kolom terakhir harus nol.",
            "The last column must be zero.",
        ),
        False,
    ),
    Question(
        "graduated_without_component",
        Text(
            "Graduasi dicatat padahal tidak ada komponen tersisa", "A graduation on record where no component was left"
        ),
        Text(
            "Dihitung sebagai keluar alami, bukan keberhasilan; di catatan program tertulis graduasi.",
            "Counted as natural exits and not as success; the record of the programme says graduation.",
        ),
        True,
    ),
    Question(
        "paid_after_exit",
        Text("Dibayar untuk triwulan setelah keluar", "Paid for a quarter that began after the exit"),
        Text(
            "Keterlambatan pencatatan dapat menjelaskannya; uangnya tetap harus ditelusuri.",
            "Late records may explain them; the money still has to be followed.",
        ),
        True,
    ),
    Question(
        "paid_after_death",
        Text("Dibayar setelah catatan sipil menyebut meninggal", "Paid after the civil registry said deceased"),
        Text(
            "Pengurus dapat diganti anggota lain; pemeriksaan berikutnya dapat mencabutnya.",
            "Another member may have taken over, and a later check may have withdrawn it.",
        ),
        True,
    ),
    Question(
        "never_visited",
        Text("Terdaftar tanpa kunjungan tercatat dalam dua tahun", "Listed without a visit on record in two years"),
        Text(
            "Daftar ini sendiri adalah permintaan kunjungan.",
            "The list itself asks for the visit.",
        ),
        False,
    ),
    Question(
        "facilitators_who_stand_out",
        Text(
            "Pendamping dengan graduasi di luar batas corong", "Facilitators whose graduations lie outside the funnel"
        ),
        Text(
            "Batas 99,8 % (pendekatan normal): dua dari seribu pendamping biasa pun tampak. Berbeda bukan salah.",
            "Limits of 99.8 % (normal approximation): two of a thousand ordinary ones show. To differ is no fault.",
        ),
        False,
    ),
)


def asked(snapshot: Snapshot) -> list[Answer]:
    """Every answer; tables that an extract does not have are empty views, and what hangs on them finds nothing."""
    sources = dict(snapshot.sources) | {
        t: snapshot.reader(f"{names.LABELS}/{t}.parquet") for t in tables_below(snapshot.evidence, names.LABELS)
    }
    for table, source in sources.items():
        snapshot.connection.execute(f"CREATE OR REPLACE TEMP VIEW {table} AS SELECT * FROM {source}")
    for table, columns in LACKING.items():
        if table not in sources:
            snapshot.connection.execute(f"CREATE OR REPLACE TEMP VIEW {table} AS SELECT {columns} WHERE false")
    snapshot.connection.register("listed", listed(snapshot))
    return [Answer(q, snapshot.connection.execute(q.sql).df()) for q in QUESTIONS]


LACKING: Mapping[str, str] = {
    "payments": "'' AS kpm_id, '' AS programme, '' AS period, DATE '2000-01-01' AS paid_on, 0 AS amount, '' AS status",
    "identity_checks": "'' AS kpm_id, DATE '2000-01-01' AS checked_on, true AS alive",
    "cases": "'' AS kpm_id, '' AS kind, DATE '2000-01-01' AS reported_on",
    "assignments": "'' AS kpm_id, '' AS facilitator_id, DATE '2000-01-01' AS valid_from, DATE '2000-01-01' AS valid_to",
}


def listed(snapshot: Snapshot) -> pd.DataFrame:
    """kpm_id, regency_code of everybody on a list as it was handed out."""
    index = pd.read_csv(snapshot.evidence.stream(names.INDEX), dtype=str, encoding="utf-8-sig")
    parts = [
        pd.read_csv(snapshot.evidence.stream(f"{names.LISTS}/{PurePath(file).stem}.csv"), dtype=str)[[FAMILY]].assign(
            regency_code=code
        )
        for code, file in zip(index["regency_code"], index["file"], strict=True)
    ]
    return pd.concat(parts, ignore_index=True)


def line(answer: Answer) -> str:
    mark = "!" if answer.surprising else " "
    return f"{mark} {len(answer.rows):>7,}  {answer.question.name}: {answer.question.title.en}"
