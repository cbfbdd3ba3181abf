"""Every text that people read, in Indonesian and English, and how a value is written inside it.

The words never say that a family "graduated" or "passes": the list holds candidates for a visit, a person decides.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Literal

import pandas as pd

Language = Literal["id", "en"]
UNKNOWN: Mapping[str, str] = {"id": "tidak diketahui", "en": "unknown"}


@dataclass(frozen=True)
class Text:
    """One sentence or heading in both languages; `fill` puts numbers, written per language, into it."""

    id: str
    en: str

    def fill(self, **values: "Text | str | int") -> "Text":
        """Both languages with their fields filled; a `Text` value gives each language its own form."""

        def spoken_in(language: Language) -> dict[str, str | int]:
            return {k: getattr(v, language) if isinstance(v, Text) else v for k, v in values.items()}

        return Text(id=self.id.format(**spoken_in("id")), en=self.en.format(**spoken_in("en")))


def unknown(value: Any) -> bool:
    """True for None, NaN and NaT, the three ways in which a table says that nothing is known."""
    return value is None or bool(pd.isna(value))


def decimal(value: float, places: int, language: Language) -> str:
    """A number with at most `places` decimals, thousands grouped, in the marks of the language."""
    rounded = Decimal(str(float(value))).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
    whole, _, rest = f"{rounded if rounded else abs(rounded):,f}".partition(".")
    rest = rest.rstrip("0")
    written = f"{whole}.{rest}" if rest else whole
    return written if language == "en" else written.translate(str.maketrans(",.", ".,"))


def number(value: float, language: Language) -> str:
    """A whole number exactly; another with two decimals, below one with three significant digits."""
    size = abs(float(value))
    places = 2 if size >= 1 or size == 0 else 2 - math.floor(math.log10(size))
    return decimal(value, 0 if float(value).is_integer() else places, language)


def percent(share: float, language: Language, places: int = 0) -> str:
    """A share between 0 and 1 as a percentage."""
    return f"{decimal(100 * share, places, language)}%"


def day(value: Any) -> str:
    """A date as dd/mm/yyyy, the form of both languages."""
    return date(value.year, value.month, value.day).strftime("%d/%m/%Y")


def both(value: float, places: int) -> Text:
    """The number in both languages."""
    return Text(id=decimal(value, places, "id"), en=decimal(value, places, "en"))


RUPIAH_TAILS = {
    "rupiah": ("", ""),
    "rupiah a month": (" per bulan", " a month"),
    "rupiah a quarter": (" per triwulan", " a quarter"),
    "rupiah a year": (" per tahun", " a year"),
    "rupiah a person": (" per orang", " a person"),
    "rupiah a month and person": (" per orang per bulan", " a person a month"),
    "rupiah a person a month": (" per orang per bulan", " a person a month"),
    "rupiah a month a person": (" per orang per bulan", " a person a month"),
}
"""Units of money: what follows the amount, in Indonesian and English."""

COUNTED = {
    "day": ("hari", "days"),
    "days": ("hari", "days"),
    "month": ("bulan", "months"),
    "months": ("bulan", "months"),
    "quarters": ("triwulan", "quarters"),
    "year": ("tahun", "years"),
    "years": ("tahun", "years"),
    "person": ("orang", "persons"),
    "persons": ("orang", "persons"),
    "people": ("orang", "people"),
    "member": ("orang", "members"),
    "members": ("orang", "members"),
    "session": ("sesi", "sessions"),
    "sessions": ("sesi", "sessions"),
    "families": ("keluarga", "families"),
    "case": ("kasus", "cases"),
    "cases": ("kasus", "cases"),
    "payments": ("kali", "payments"),
    "times": ("kali", "times"),
    "m2": ("m²", "m²"),
    "rupiah log": ("(log rupiah)", "(log rupiah)"),
    "percentage points": ("poin persen", "percentage points"),
    "percentage points a year": ("poin persen per tahun", "percentage points a year"),
}
"""Units that stand behind the number, in Indonesian and English."""

SINGULAR = {
    "days": "day", "months": "month", "quarters": "quarter", "years": "year", "persons": "person", "people": "person",
    "members": "member", "sessions": "session", "families": "family", "cases": "case", "payments": "payment",
    "times": "time",
}  # fmt: skip
"""English units of one."""

PLAIN = {"count", "number", "none", "score", "index", "ratio", "decile", "quarter", "rank", "difference", ""}
LEVELS = {
    "level 0-4": (
        ("tidak sekolah", "SD", "SMP", "SMA", "pendidikan tinggi"),
        ("no school", "primary", "lower secondary", "upper secondary", "tertiary"),
    ),
}
"""Units whose whole values are names, in Indonesian and English."""
SHARES = {"share", "fraction", "proportion", "probability", "rank share", "share of 1"}
FLAGS = {"flag", "bool", "boolean", "yes/no", "ya/tidak", "0/1", "0 or 1", "yes or no", "true/false", "indicator"}


def _flag(value: Any, language: Language) -> str:
    words = {"id": ("tidak", "ya"), "en": ("no", "yes")}[language]
    return words[int(value)] if float(value) in (0.0, 1.0) else number(float(value), language)


def _level(value: float, names: tuple[str, ...], language: Language) -> str:
    return names[int(value)] if value.is_integer() and 0 <= value < len(names) else number(value, language)


def _money(value: Any, unit: str, language: Language) -> str:
    from lokal import format_rupiah  # loaded where money is told: it takes longer than a rule over one family

    tail = RUPIAH_TAILS[unit][0 if language == "id" else 1]
    return f"{format_rupiah(float(value))}{tail}" if language == "id" else f"Rp{decimal(value, 0, 'en')}{tail}"


def value_text(value: Any, unit: str | None, language: Language = "id") -> str:
    """The value as a person reads it: `Rp1.250.000`, `14 bulan`, `ya`, `85%`, `31/12/2024`.

    `unit` is the dictionary's; a unit that is not known here is written behind the number as it stands.
    """
    if unknown(value):
        return UNKNOWN[language]
    if hasattr(value, "year"):
        return day(value)
    name = (unit or "").strip().lower()
    if name in FLAGS or isinstance(value, bool):
        return _flag(value, language)
    if name in LEVELS:
        return _level(float(value), LEVELS[name][0 if language == "id" else 1], language)
    if name in RUPIAH_TAILS:
        return _money(value, name, language)
    if name in SHARES:
        return percent(float(value), language, 1)
    return _counted(float(value), name, language)


def _counted(value: float, unit: str, language: Language) -> str:
    written = number(value, language)
    if unit in {"percent", "%"}:
        return f"{decimal(value, 1, language)}%"
    if unit == "code":
        return f"{'kode' if language == 'id' else 'code'} {written}"
    if unit in PLAIN:
        return written
    words = COUNTED.get(unit, (unit, unit))
    name = words[0 if language == "id" else 1]
    return f"{written} {SINGULAR.get(name, name) if value == 1 else name}"


MISSING_REASON = Text("data {label} belum ada", "no data yet on {label}")
REASON = Text("{label}: {value}", "{label}: {value}")

CONCEPTS: Mapping[str, Text] = {
    "livelihood": Text("penghidupan dan usaha", "livelihood and business"),
    "house_assets": Text("rumah dan aset", "house and assets"),
    "learning_sessions": Text("P2K2", "P2K2 learning sessions"),
    "school_health": Text("sekolah dan kesehatan", "school and health commitments"),
    "family": Text("susunan keluarga", "family composition"),
    "programme": Text("program pemberdayaan", "empowerment programmes"),
    "payments": Text("penyaluran bantuan", "payments"),
    "membership": Text("kepesertaan", "membership"),
    "place_season": Text("wilayah dan waktu", "place and season"),
    "data_quality": Text("mutu data", "data quality"),
}

CONCEPT_NOTES: Mapping[str, Text] = {
    "place_season": Text("wilayah/waktu, bukan keadaan keluarga", "place or season, not the family"),
    "data_quality": Text("mutu data, bukan keadaan keluarga", "quality of the data, not the family"),
}
"""Concepts that say nothing about what the family did: a reason from them carries this note."""

HOLDS: Mapping[str, Text] = {
    "pregnancy": Text("ada anggota keluarga yang hamil", "a member is pregnant"),
    "young_child": Text("ada anak di bawah umur yang ditetapkan", "a child under the age that is set"),
    "early_childhood": Text("ada anak usia dini", "a child in early childhood"),
    "severe_disability": Text("ada anggota dengan disabilitas berat", "a member has a severe disability"),
    "elderly_alone": Text("lansia tunggal", "an elderly person alone"),
    "stunting": Text("keluarga berisiko stunting", "at risk of stunting"),
    "extreme_poverty": Text("kemiskinan ekstrem", "extreme poverty"),
    "disaster": Text("baru mengalami bencana", "a recent disaster"),
    "illness": Text("baru ada yang sakit", "a recent illness"),
    "job_loss": Text("baru kehilangan pekerjaan", "a recent loss of work"),
    "contradictory_data": Text("data keluarga saling bertentangan", "data that contradict each other"),
    "stale_data": Text("data keluarga terlalu lama, perlu pemutakhiran", "data too old, to be updated"),
    "last_component_ends": Text(
        "komponen terakhir segera berakhir, keluar secara alamiah", "the last component ends soon: a natural exit"
    ),
    "open_case": Text("ada kasus yang masih terbuka", "an open case"),
    "open_objection": Text("ada sanggahan yang masih terbuka", "an open objection"),
    "open_complaint": Text("ada pengaduan yang masih terbuka", "an open complaint"),
    "recently_enrolled": Text("baru menjadi peserta", "enrolled only lately"),
    "recently_reactivated": Text("baru diaktifkan kembali", "reactivated only lately"),
}
"""Why a family must not be proposed now."""

PHASES: Mapping[str, Text] = {
    "recovery": Text("Fase pemulihan sosial", "Phase: social recovery"),
    "transition": Text("Fase transisi", "Phase: transition"),
    "development": Text("Fase pengembangan", "Phase: development"),
}
"""The phase of a family, as the beginning of a sentence."""

PATHWAYS: Mapping[str, Text] = {
    "pena": Text("PENA / PPSE", "PENA / PPSE"),
    "prokus": Text("ProKUS", "ProKUS"),
    "kube": Text("KUBE", "KUBE"),
    "rst": Text("RST (Rumah Sejahtera Terpadu)", "RST (house)"),
    "ska_atensi": Text("SKA / ATENSI", "SKA / ATENSI"),
    "stay_p2k2": Text("tetap di PKH dengan P2K2", "stay in PKH with P2K2"),
    "natural_exit_ahead": Text(
        "akan keluar secara alamiah; dampingi persiapannya", "leaves naturally soon; help it prepare"
    ),
}
"""The programme that is recommended after the visit; a person decides."""

LEADS: Mapping[str, Text] = {
    "held": Text("Ditahan, belum boleh diusulkan", "Held, not to be proposed now"),
    "waiting": Text("Menunggu tempat pada {programme}", "Waiting for a place in {programme}"),
    "enrolled": Text("sedang menjadi peserta", "enrolled now"),
}
"""How the parts of a recommendation begin."""


def spoken(name: str, words: Mapping[str, Text], language: Language = "id") -> str:
    """The text of a hold or pathway; a name without one is shown as it is, so that nothing is hidden."""
    return str(getattr(words[name], language)) if name in words else name.replace("_", " ")


NO_FACILITATOR = "belum ada pendamping"
BORDERLINE = "batas: urutannya di sekitar batas daftar dan belum pasti"
VILLAGE_UNKNOWN = "kode desa tidak dikenal"
DECISIONS = ("layak diusulkan", "belum", "perlu kunjungan ulang", "data salah", "keluarga menolak")
VISITS = ("bertemu keluarga", "keluarga tidak di tempat", "alamat tidak ditemukan", "belum dikunjungi")

LIST_COLUMNS: Mapping[str, tuple[str, str]] = {
    "rank_in_regency": ("No. urut", "urutan prioritas kunjungan di kabupaten/kota; keluarga yang ditahan dilewati"),
    "kpm_id": ("ID KPM", "nomor keluarga dalam program; bukan NIK atau nomor KK"),
    "district_code": ("Kode kecamatan", "kode Kemendagri, enam angka"),
    "district_name": ("Kecamatan", "nama menurut Kepmendagri; kosong bila kode tidak dikenal"),
    "village_code": ("Kode desa", "kode Kemendagri, sepuluh angka"),
    "village_name": ("Desa/kelurahan", "nama menurut Kepmendagri; kosong bila kode tidak dikenal"),
    "facilitator_id": ("Pendamping", "pendamping yang melayani keluarga saat ini"),
    "rank_in_facilitator": ("Urutan pendamping", "urutan di antara keluarga satu pendamping"),
    "chance": (
        "Peluang 12 bulan",
        "perkiraan peluang graduasi sejahtera mandiri dalam 12 bulan: kelompok dan persen; bukan kepastian",
    ),
    "range": ("Rentang", "batas bawah sampai batas atas perkiraan; makin lebar makin tidak pasti"),
    "reasons_for": (
        "Alasan pendukung",
        "keadaan keluarga yang menaikkan perkiraan model; dengan tanggal bila nilainya lebih lama",
    ),
    "reasons_against": (
        "Alasan penghambat",
        "keadaan keluarga yang menurunkan perkiraan model; dengan tanggal bila nilainya lebih lama",
    ),
    "data_flags": ("Penanda data", "hal yang perlu diperiksa pada data keluarga sebelum mengambil keputusan"),
    "pathway": ("Jalur yang disarankan", "rujukan yang dapat dipertimbangkan setelah kunjungan"),
    "pathway_reasons": ("Alasan jalur", "fase keluarga, aturan yang terpenuhi, dan program yang masih ditunggu"),
    "holds": ("Alasan ditahan", "sebab keluarga belum boleh diusulkan saat ini"),
    "visit_result": ("Hasil kunjungan", "diisi petugas: apa yang ditemukan saat kunjungan"),
    "decision": ("Keputusan", "diisi petugas, pilih satu: " + " / ".join(DECISIONS)),
    "decision_reason": ("Alasan keputusan", "diisi petugas: alasan keputusan, juga bila berbeda dari urutan daftar"),
    "decided_on": ("Tanggal", "diisi petugas: tanggal kunjungan, dd/mm/yyyy"),
    "officer": ("Petugas", "diisi petugas: siapa yang mengunjungi dan memutuskan"),
    "as_of": ("Data per", "tanggal keadaan data yang dipakai"),
    "lineage": ("ID jejak", "satu nomor yang mengikat daftar ini dengan kode, data, dan model yang membuatnya"),
}
"""Machine name of a list's column -> Indonesian header and its meaning."""

FILL_IN = ("visit_result", "decision", "decision_reason", "decided_on", "officer")
"""Columns of a list that the visitor fills in."""

SUMMARY_COLUMNS: Mapping[str, str] = {
    "district_name": "Kecamatan",
    "facilitator_id": "Pendamping",
    "active": "KPM aktif",
    "candidates": "Calon",
    "held": "Ditahan",
    "below": "Di bawah batas daftar",
}


@dataclass(frozen=True)
class RegencyList:
    """All that one regency's file shows; one row per family in `candidates` and `held`."""

    regency_code: str
    regency_name: str
    as_of: date
    candidates: pd.DataFrame
    held: pd.DataFrame
    summary: pd.DataFrame
    active: int


SHEETS = {
    "candidates": "Daftar Calon",
    "held": "Ditahan",
    "summary": "Ringkasan",
    "columns": "Kamus Kolom",
    "metadata": "Metadata",
}
LIST_TITLE = "Calon untuk diverifikasi: {regency}, data per {as_of}"
HELD_TITLE = "Keluarga yang ditahan, tidak boleh diusulkan: {regency}, data per {as_of}"
SUMMARY_TITLE = "Ringkasan: {regency}, data per {as_of}"
PERSON_DECIDES = (
    "Daftar ini hanya urutan kunjungan. Orang yang memutuskan, bukan model: setiap keluarga dikunjungi dan dinilai "
    "oleh petugas, dan keluarga berhak menyatakan keberatan."
)
SIMULATED = Text("DATA SIMULASI: bukan keluarga sungguhan", "SIMULATED DATA: no real families")
SIMULATED_MARK = "SIMULATED DATA"
REAL_DATA = "Data sungguhan: perlakukan sebagai rahasia (UU 27/2022)"
METADATA = {
    "id": "ID jejak",
    "commit": "Versi kode (commit)",
    "source": "Sumber data",
    "extracted_on": "Data ditarik per",
    "as_of": "Keadaan per",
    "model_sha256": "Model (sha256)",
    "rows": "Jumlah calon",
    "held": "Jumlah ditahan",
    "active": "Jumlah KPM aktif dinilai",
    "warning": "Peringatan",
    "data": "Jenis data",
}

MODELS: Mapping[str, Text] = {
    "lightgbm": Text("LightGBM (model yang dipakai)", "LightGBM (the model in use)"),
    "sklearn_boosting": Text("gradient boosting scikit-learn", "scikit-learn gradient boosting"),
    "logistic_regression": Text("regresi logistik", "logistic regression"),
    "random_forest": Text("random forest scikit-learn", "scikit-learn random forest"),
    "hazards": Text("hazard per triwulan (risiko bersaing)", "hazards by quarter (competing risks)"),
    "hazardous_boosting": Text("SurvivalBoost (hazardous)", "SurvivalBoost (hazardous)"),
    "sksurv_boosting": Text("gradient boosting scikit-survival", "scikit-survival gradient boosting"),
    "sksurv_cox": Text("regresi Cox scikit-survival", "scikit-survival Cox regression"),
    "base_rate": Text("angka rata-rata saja", "base rate only"),
    "rule_income": Text("aturan sederhana: pendapatan", "rule of thumb: income"),
    "rule_business": Text("aturan sederhana: usaha", "rule of thumb: business"),
}

METRICS: Mapping[str, Text] = {
    "observed_rate": Text("bagian yang graduasi", "share that graduated"),
    "mean_probability": Text("peluang rata-rata", "mean chance"),
    "auc": Text("AUC", "AUC"),
    "average_precision": Text("presisi rata-rata", "average precision"),
    "brier": Text("Brier (kecil lebih baik)", "Brier (smaller is better)"),
    "calibration_in_the_large": Text("kalibrasi umum (1 = tepat)", "calibration in the large (1 = exact)"),
    "calibration_slope": Text("kemiringan kalibrasi (1 = tepat)", "calibration slope (1 = exact)"),
}
LIST_METRIC = re.compile(r"(precision|recall|lift)_at_(\d+(?:\.\d+)?)(pct)?_per_(facilitator|regency)")
LIST_MEASURES: Mapping[str, Text] = {
    "precision": Text("presisi", "precision"),
    "recall": Text("jangkauan", "recall"),
    "lift": Text("kelipatan dari acak", "lift over random"),
    "facilitator": Text("pendamping", "facilitator"),
    "regency": Text("kabupaten/kota", "regency"),
}


def metric(name: str) -> Text:
    """The text of a metric; those of a list, such as lift_at_3pct_per_regency, are put together from their parts."""
    found = LIST_METRIC.fullmatch(name)
    if found is None:
        return label(name, METRICS)
    measure, size, share, unit = found.groups()
    size = f"{size}%" if share else size
    per = LIST_MEASURES[unit]
    return Text("{m}, {s} per {u}", "{m}, {s} per {u}").fill(m=LIST_MEASURES[measure], s=size, u=per)


SEGMENTS: Mapping[str, Text] = {
    "all": Text("semua keluarga", "all families"),
    "under_40": Text("pengurus di bawah 40 tahun", "caretaker under 40"),
    "caretaker_female": Text("pengurus perempuan", "caretaker is a woman"),
    "female_headed": Text("dipimpin perempuan", "headed by a woman"),
    "urban": Text("perkotaan", "urban"),
    "java": Text("Jawa", "Java"),
    "severe_disability": Text("ada disabilitas berat", "severe disability"),
    "elderly_alone": Text("lansia tunggal", "elderly living alone"),
    "customary_community": Text("komunitas adat terpencil", "customary community"),
    "identity_mismatch": Text("identitas tidak padan", "identity mismatch"),
}
TRUTH: Mapping[str, Text] = {
    "true": Text("ya", "yes"),
    "false": Text("tidak", "no"),
    "unknown": Text("tidak diketahui", "unknown"),
}


def segment(group: str) -> Text:
    """`under_40=true` in words."""
    name, _, value = group.partition("=")
    text = label(name, SEGMENTS)
    return Text("{t}: {v}", "{t}: {v}").fill(t=text, v=label(value, TRUTH)) if value else text


def label(name: str, words: Mapping[str, Text]) -> Text:
    """The text of a model, metric or concept; an unnamed one shows its own name."""
    return words.get(name, Text(name.replace("_", " "), name.replace("_", " ")))


def lineage_facts(lineage: Mapping[str, Any]) -> dict[str, str]:
    """What to print of a run's record, by the keys of METADATA: id, commit, source, extracted_on, model.

    The model is `model_sha256`, or the mapping `model` of file name -> sha256.
    """
    hashes = lineage.get("model_sha256") or lineage.get("model")
    if isinstance(hashes, Mapping):
        hashes = ", ".join(f"{name} {value}" for name, value in sorted(hashes.items()))
    edited = " (+ edited)" if lineage.get("dirty") else ""
    facts = {k: _fact(lineage.get(k)) for k in ("id", "commit", "source", "extracted_on")}
    return {**facts, "commit": facts["commit"] + edited, "model_sha256": _fact(hashes)}


def _fact(value: Any) -> str:
    if value is None or value == "":
        return UNKNOWN["id"]
    return day(value) if hasattr(value, "year") else str(value)


REPORT_TITLE = Text("Calon untuk diverifikasi: laporan singkat", "Candidates for verification: a short report")
HEADINGS: Mapping[str, Text] = {
    "summary": Text("Ringkasan", "Summary"),
    "what": Text("Apa ini, dan apa yang bukan", "What this is, and what it is not"),
    "good": Text("Seberapa baik", "How good it is"),
    "verdict": Text("Dipakai atau belum", "Deploy or not"),
    "stories": Text("Kisah keluarga", "Stories of families"),
    "pathways": Text("Jalur setelah kunjungan", "Pathways after the visit"),
    "life": Text("Siklus hidup", "The life cycle"),
    "effect": Text("Apa yang diubah PENA", "What PENA changes"),
    "can": Text("Apa yang bisa dan tidak bisa dilakukan skor ini", "What the score can and cannot do"),
    "lists": Text("Panjang daftar", "Size of the list"),
    "whom": Text("Untuk siapa", "For whom"),
    "fairness": Text("Siapa yang diperlakukan lebih buruk", "Whom it treats worse"),
    "drift": Text("Apakah keadaannya masih sama", "Whether things are as they were"),
    "periods": Text("Per periode", "By period"),
    "calibration": Text("Apakah peluangnya tepat", "Are the chances right"),
    "able": Text("Yang bisa", "What it can"),
    "unable": Text("Yang tidak bisa", "What it cannot"),
    "unsure": Text("Di mana ia tidak yakin", "Where it is unsure"),
    "honest": Text("Apakah peluangnya jujur", "Whether its chances are honest"),
    "best": Text("Seberapa jauh dari yang terbaik", "How far from the best possible"),
    "visits": Text("Berapa kunjungan menemukan berapa", "How many visits find how many"),
    "reasons": Text("Apa yang menggerakkan peluang", "What moves the chance"),
    "quality": Text("Mutu data", "Data quality"),
    "folds": Text("Cara menguji", "How it was tested"),
    "limits": Text("Batasan", "Limits"),
    "lineage": Text("Jejak", "Lineage"),
}
SENTENCES: Mapping[str, Text] = {
    "stories": Text(
        "Dipilih menurut aturan yang tertulis di configs/stories.yaml: dari yang memenuhi, keluarga dengan peluang "
        "tertinggi.",
        "Chosen by the rules of configs/stories.yaml: of the families that fit, the one with the highest chance.",
    ),
    "pathways": Text(
        "Tiap keluarga mempunyai fase dan satu jalur yang disarankan, menurut aturan yang tertulis beserta sumbernya. "
        "Tempat tiap program terbatas per kabupaten dan dibagi agar jumlah nilainya terbesar; peserta yang sudah ikut "
        "tetap di tempatnya.",
        "Every family has a phase and one recommended pathway, by declared rules with their sources. The places of "
        "each programme are limited by regency and given so that their sum is worth most; whoever is enrolled stays.",
    ),
    "pathways_held": Text(
        "Keluarga yang ditahan hanya mendapat jalur yang tidak mendorongnya keluar: rumah, rehabilitasi, tetap di "
        "PKH, atau persiapan keluar alamiah.",
        "A held family gets only pathways that push nobody out: the house, rehabilitation, staying in PKH, or "
        "preparing a natural exit.",
    ),
    "life": Text(
        "Komponen seluruh keluarga aktif sekarang dan lima tahun ke depan, bila tidak ada yang masuk; proyeksi umur "
        "dan jenjang sekolah, bukan ramalan perilaku.",
        "Components of all active families now and over five years, if nobody joined; a projection of ages and school "
        "levels, no forecast of conduct.",
    ),
    "effect_estimate": Text(
        "Dari 100 keluarga yang masuk PENA/PPSE, {estimate} lebih banyak yang tercatat graduasi daripada tanpa program "
        "itu (selang {lower} sampai {upper}; {treated} keluarga masuk, {graduated} di antaranya graduasi).",
        "Of 100 families that entered PENA/PPSE, {estimate} more were recorded as graduated than would have been "
        "without it (interval {lower} to {upper}; {treated} entered, {graduated} of them graduated).",
    ),
    "effect_truth": Text(
        "Dunia simulasi ini tahu jawabannya: {truth}.", "This simulated world knows the answer: {truth}."
    ),
    "effect_used": Text(
        "Perkiraan ini lolos semua pemeriksaan dan mengurutkan calon PENA.",
        "The estimate passed every check and orders PENA's candidates.",
    ),
    "effect_shown": Text(
        "Perkiraan ini hanya ditampilkan dan tidak mengurutkan siapa pun.",
        "The estimate is only shown, and orders nobody.",
    ),
    "effect_none": Text(
        "Pengaruh PENA tidak dapat diperkirakan dari data ini.",
        "What PENA changes cannot be estimated from these data.",
    ),
    "effect_why": Text("Alasannya (bahasa Inggris): {reasons}.", "Why: {reasons}."),
    "purpose": Text(
        "Daftar ini mengurutkan keluarga PKH untuk kunjungan rumah, menurut perkiraan peluang graduasi sejahtera "
        "mandiri dalam {months} bulan. Keadaan per {as_of}.",
        "The list orders PKH families for a home visit by the estimated chance that they reach graduasi sejahtera "
        "mandiri (leaving the programme because they can stand on their own) within {months} months. As of {as_of}.",
    ),
    "decides": Text(
        "Daftar ini tidak memutuskan apa pun. Petugas mengunjungi, menilai, dan memutuskan bersama musyawarah desa; "
        "keluarga berhak menyatakan keberatan.",
        "It decides nothing. An officer visits, judges and decides together with the village meeting; a family has "
        "the right to object.",
    ),
    "held": Text(
        "Keluarga yang tidak boleh diusulkan (misalnya ada anggota dengan disabilitas berat atau baru terkena musibah) "
        "ditahan, ditampilkan dengan alasannya, dan tidak pernah masuk daftar calon.",
        "Families that must not be proposed (a member with a severe disability, or a recent shock, say) are held, "
        "shown with the reason, and never on the list of candidates.",
    ),
    "not": Text(
        "Peluang rendah tidak berarti keluarga kurang berusaha, dan peluang tinggi tidak berarti keluarga sudah "
        "mandiri. Model belajar dari keputusan masa lalu, termasuk kekeliruannya.",
        "A low chance does not mean that a family makes no effort, nor a high one that it already stands on its own. "
        "The model learns from past decisions, their mistakes included.",
    ),
    "of_hundred": Text(
        "Dari 100 keluarga yang dikunjungi menurut daftar ({list}), {found} ({lower} sampai {upper}) mencapai graduasi "
        "sejahtera mandiri dalam {months} bulan. Bila kunjungan dilakukan secara acak: {random}.",
        "Of 100 families visited from the list ({list}), {found} ({lower} to {upper}) graduated within {months} "
        "months, against {random} at random.",
    ),
    "reached": Text(
        "Kunjungan itu menjangkau {found} ({lower} sampai {upper}) dari setiap 100 keluarga yang kemudian mencapai "
        "graduasi sejahtera mandiri.",
        "Those visits reach {found} ({lower} to {upper}) of every 100 families that go on to graduate.",
    ),
    "pairs": Text(
        "Dari 100 pasang keluarga, satu yang mencapai graduasi dan satu yang tidak, model menempatkan {found} pasang "
        "dalam urutan yang benar (50 = menebak).",
        "Of 100 pairs of families, one that graduated and one that did not, the model puts {found} in the right order "
        "(50 = guessing).",
    ),
    "intervals": Text(
        "Angka dalam kurung adalah selang {level}% dari pengambilan ulang keluarga atau pendamping, yang lebih lebar; "
        "semuanya diukur pada waktu yang tidak dipakai untuk belajar. Tabel memakai titik sebagai tanda desimal.",
        "Numbers in brackets are {level}% intervals that resample families or facilitators, whichever are wider; all "
        "are measured on dates that were not learnt from.",
    ),
    "unmeasured": Text(
        "Ketepatan daftar belum dapat diukur pada data ini.",
        "How good the list is could not be measured on these data.",
    ),
    "deploy": Text(
        "Pengujian mendukung pemakaian daftar ini untuk mengurutkan kunjungan.",
        "The tests support the use of this list to order visits.",
    ),
    "hold_back": Text(
        "Pengujian BELUM mendukung pemakaian daftar ini. Jangan dipakai untuk mengurutkan kunjungan.",
        "The tests do NOT support the use of this list. Do not order visits by it.",
    ),
    "deploy_because": Text(
        "Dibanding aturan terbaik ({against}), {metric} lebih tinggi {estimate} ({lower} sampai {upper}); seluruh "
        "rentang di atas nol.",
        "Against the best simple rule ({against}), {metric} is higher by {estimate} ({lower} to {upper}); the whole "
        "interval lies above zero.",
    ),
    "leaked": Text(
        "Data riwayat memuat jejak yang tidak mungkin diketahui sebelum keluarga keluar; angka mutu di bawah ini tidak "
        "dapat dipercaya.",
        "The histories hold traces that could not have been known before a family left; no figure of quality below can "
        "be believed.",
    ),
    "hold_because": Text(
        "Dibanding aturan terbaik ({against}), selisih {metric} adalah {estimate} ({lower} sampai {upper}); rentangnya "
        "tidak seluruhnya di atas nol, jadi aturan sederhana itu sama baiknya dan lebih mudah dipahami.",
        "Against the best simple rule ({against}), {metric} differs by {estimate} ({lower} to {upper}); the interval "
        "is not wholly above zero, so that rule may be as good and is easier to understand.",
    ),
    "no_comparison": Text(
        "Perbandingan dengan aturan sederhana tidak dapat dihitung pada data ini.",
        "The comparison with the simple rules could not be computed on these data.",
    ),
    "size": Text(
        "{candidates} calon dari {active} keluarga aktif di {regencies} kabupaten/kota; {held} keluarga ditahan.",
        "{candidates} candidates among {active} active families in {regencies} regencies; {held} families are held.",
    ),
    "size_meaning": Text(
        "Makin panjang daftar, makin banyak keluarga terjangkau, tetapi makin kecil bagian yang mencapai graduasi.",
        "The longer the list, the more graduating families it reaches, but the smaller the share of it that graduates.",
    ),
    "whom": Text(
        "Ketepatan dapat berbeda antar kelompok. Bila rentang suatu kelompok jauh di bawah semua keluarga, urutan "
        "untuk kelompok itu perlu dibaca dengan hati-hati.",
        "How good the order is can differ between groups. Where a group's interval lies well below that of all "
        "families, read the order for that group with care.",
    ),
    "fairness": Text(
        "Tiap kelompok dibandingkan dengan semua keluarga lain, pada panjang daftar yang benar-benar dipakai. Keluarga "
        "yang berulang dihitung sebagai satu, dan dari semua temuan paling banyak {share}% diperkirakan keliru. Daftar "
        "adalah usulan kunjungan: masuk daftar bukan keputusan, dan terlewat berarti peluang yang hilang.",
        "Every group is compared with everybody else, at the list size really used. A family that recurs is taken as "
        "one, and of all findings at most {share}% are expected to be false. A list proposes visits: to be on it is no "
        "decision, and to be missed is a chance lost.",
    ),
    "fairness_history": Text("Pada tanggal yang hasilnya sudah diketahui:", "On dates whose outcomes are known:"),
    "fairness_today": Text("Pada daftar hari ini:", "On today's list:"),
    "drift": Text(
        "Dari {series} deret yang diamati, {count} berubah di luar kebiasaan sejak tanggal sebelumnya: {names}. Alarm "
        "palsu yang diperkirakan: {a_year} setahun.",
        "Of {series} series watched, {count} changed out of the ordinary since the date before: {names}. False alarms "
        "expected: {a_year} a year.",
    ),
    "drift_untold": Text(
        "Riwayatnya terlalu pendek untuk mengatakan apakah ada yang berubah.",
        "The history is too short to say whether anything changed.",
    ),
    "drift_expected": Text(
        "Dari {listed} keluarga pada daftar hari ini diperkirakan {expected} mencapai graduasi; menurut melesetnya "
        "perkiraan sebelumnya, {lower} sampai {upper}, rentang yang tepat paling banyak {holds} dari 100 kali. "
        "Perkiraan ini tidak melihat perubahan arti sebuah peluang.",
        "Of the {listed} families on today's list {expected} are expected to graduate; as far as earlier expectations "
        "were off, {lower} to {upper}, a range that holds at most {holds} times of 100. It does not see a change in "
        "what a chance means.",
    ),
    "periods": Text(
        "Arti graduasi berubah bersama kebijakan (2019-2020 target, 2022-2024 PENA, 2025-2026 kuota), sehingga tiap "
        "periode ditunjukkan sendiri.",
        "What graduation means changes with policy (targets in 2019-2020, PENA in 2022-2024, quotas in 2025-2026), so "
        "every period is shown apart.",
    ),
    "calibration": Text(
        "Bila titik-titik terletak pada garis putus-putus, keluarga dengan peluang 10% memang mencapai graduasi "
        "10 kali dari 100.",
        "Where the points lie on the dashed line, families that were given 10% do graduate 10 times out of 100.",
    ),
    "slope": Text(
        "Kemiringan {slope} (1 = tepat; di bawah 1 peluang tinggi terlalu tinggi).",
        "The slope is {slope} (1 = exact; below 1 the high chances are too high).",
    ),
    "reasons": Text(
        "Kontribusi SHAP menunjukkan apa yang dipakai model, bukan sebab. Mengubah satu keadaan tidak menjamin "
        "perubahan peluang.",
        "SHAP contributions tell what the model uses, not causes. Changing one circumstance promises no change of the "
        "chance.",
    ),
    "quality": Text(
        "Baris yang tidak memenuhi kontrak data dipisahkan (karantina) dengan alasannya, tidak diperbaiki diam-diam.",
        "Rows that break the data contract are set apart (quarantined) with the reason, never mended in silence.",
    ),
    "doubts": Text(
        "Tabel yang diterima juga dilihat secara keseluruhan: satuan, kolom tertukar, bulan atau kabupaten hilang. "
        "Yang janggal tercantum di bawah, jika ada, dan perlu dilihat orang sebelum daftar dipakai.",
        "Accepted tables are also looked at as a whole: units, swapped columns, missing months or regencies. What is "
        "hard to believe stands below, if there is any, for a person to look at before the lists are used.",
    ),
    "folds": Text(
        "Model belajar dari masa lalu dan diuji pada masa depan. Di antaranya ada jeda (embargo): hasil yang pada saat "
        "itu belum diketahui tidak dipakai.",
        "The model learns from the past and is tested on the future. Between them lies an embargo: outcomes that were "
        "not known on the day are not used.",
    ),
    "limit_labels": Text(
        "Graduasi yang tercatat adalah keputusan orang, yang juga dinilai dari jumlahnya; model meniru keputusan itu.",
        "A recorded graduation is a decision by people who are also judged by their number of graduations; the model "
        "imitates that decision.",
    ),
    "limit_time": Text(
        "Kebijakan baru dapat membuat peluang meleset; kalibrasi dan periode terakhir perlu diperiksa sebelum dipakai.",
        "A new policy can put the chances off; look at calibration and the last period before use.",
    ),
    "limit_after": Text(
        "Yang diukur adalah keluar dari program, bukan kesejahteraan sesudahnya.",
        "What is measured is leaving the programme, not how the family fares afterwards.",
    ),
    "limit_missing": Text(
        "Data yang belum ada tidak berarti apa pun tentang keluarga; penanda data meminta pemutakhiran, bukan putusan.",
        "Data that are not there mean nothing about the family; a data flag asks for an update, not for a verdict.",
    ),
}
LEAK = Text("Dugaan kebocoran: {what}.", "Suspected leak: {what}.")
"""A sentence of leaks.told, which is in English as the names of tables and features are."""

WARNINGS: Mapping[str, Text] = {
    "worse_than_peer": Text(
        "Peringatan: {peer} lebih baik; model yang dipakai hanya mencapai {ratio}% ({lower} sampai {upper}) dari "
        "presisi "
        "rata-ratanya.",
        "Warning: {peer} is better; the model in use reaches only {ratio}% ({lower} to {upper}) of its average "
        "precision.",
    ),
    "unsure_of_late": Text(
        "Peringatan: pada pengujian terbaru saja, kelebihan atas aturan terbaik ({against}) belum pasti.",
        "Warning: in the latest test alone the gain over the best simple rule ({against}) is not sure.",
    ),
    "level_off": Text(
        "Peringatan: pada pengujian terbaru, untuk tiap 100 graduasi yang diperkirakan terjadi {level}. Pakai "
        "urutannya; "
        "jangan baca peluangnya sebagai jumlah.",
        "Warning: in the latest test {level} families graduated for every 100 that the chances promised. Use the "
        "order; "
        "do not read the chances as counts.",
    ),
}
"""Why a verdict is said with a warning."""

STANDING: Mapping[str, Text] = {
    "pairs": Text(
        "Mengurutkan: dari 100 pasang keluarga, satu yang kemudian graduasi dan satu yang tidak, {found} ({lower} "
        "sampai "
        "{upper}) berada dalam urutan yang benar (50 = menebak).",
        "It ranks: of 100 pairs of families, one that went on to graduate and one that did not, {found} ({lower} to "
        "{upper}) stand in the right order (50 = guessing).",
    ),
    "lift": Text(
        "Kunjungan menurut daftar ({list}) menemukan {found} ({lower} sampai {upper}) kali lebih banyak keluarga "
        "graduasi daripada kunjungan acak.",
        "Visits from the list ({list}) find {found} ({lower} to {upper}) times as many graduates as visits at random.",
    ),
    "peer": Text(
        "Dibanding model terbaik lain ({peer}), presisi rata-ratanya {found}% ({lower} sampai {upper}; 100 = sama).",
        "Against the best other model ({peer}) it has {found}% ({lower} to {upper}; 100 = the same) of the average "
        "precision.",
    ),
    "worth": Text(
        "Bila kunjungan dianggap layak mulai peluang antara {low}% dan {high}%, kunjungan menurut skor pasti lebih "
        "bernilai daripada tidak mengunjungi siapa pun, mengunjungi semua, atau memakai aturan terbaik.",
        "Where a visit is held to be worth while from a chance between {low}% and {high}% on, visits by the score are "
        "surely worth more than visits to nobody, to everybody, or by the best simple rule.",
    ),
    "worth_nowhere": Text(
        "Antara ambang {low}% dan {high}% tidak ada peluang yang membuat kunjungan menurut skor pasti lebih bernilai "
        "daripada pilihan tanpa model.",
        "From no chance between {low}% and {high}% on is it sure that visits by the score are worth more than the "
        "choices without a model.",
    ),
    "worth_less": Text(
        "Bila kunjungan baru layak mulai peluang antara {low}% dan {high}%, mengunjungi semua yang mencapai peluang "
        "itu "
        "pasti merugi: di sana peluangnya terlalu tinggi. Pakai urutannya, bukan tingkatnya.",
        "Where a visit is worth while only from a chance between {low}% and {high}% on, visiting all who come up to it "
        "surely costs more than it finds: there the chances are too high. Use the order, not the level.",
    ),
    "causes": Text(
        "Tidak mengenal sebab: skor menunjukkan apa yang biasanya mendahului graduasi, bukan apa yang menghasilkannya. "
        "Memberi usaha kepada keluarga tidak otomatis menaikkan peluangnya.",
        "It knows no causes: the score tells what usually comes before a graduation, not what brings it about. "
        "Giving a "
        "family a business does not by itself raise its chance.",
    ),
    "fate": Text(
        "Tidak mengenal nasib satu keluarga: dari 100 keluarga dalam kelompok peluang tertinggi ({share}% dari semua), "
        "{missed} tidak graduasi dalam {months} bulan; dan {outside}% dari semua yang graduasi berada di luar "
        "kelompok itu.",
        "It does not know one family's fate: of 100 families in the group with the highest chances ({share}% of all), "
        "{missed} did not graduate within {months} months; and {outside}% of all who did were outside that group.",
    ),
    "policy": Text(
        "Tidak mengenal kebijakan yang akan datang: pada tanggal yang diuji, bagian yang graduasi berkisar dari {low}% "
        "({low_date}) sampai {high}% ({high_date}).",
        "It does not know the policy to come: over the dates tested, the share that graduated ran from {low}% "
        "({low_date}) to {high}% ({high_date}).",
    ),
    "widest": Text(
        "Paling tidak pasti, {scope}: {group}, presisi rata-rata {found} ({lower} sampai {upper}) dari {positives} "
        "graduasi.",
        "Least sure, {scope}: {group}, average precision {found} ({lower} to {upper}) from {positives} graduates.",
    ),
    "worse": Text(
        "Rentang yang seluruhnya di bawah angka semua keluarga: {groups}.",
        "Intervals that lie wholly below the figure of all families: {groups}.",
    ),
    "worse_nowhere": Text(
        "Tidak ada kelompok, tanggal, atau kabupaten/kota yang rentangnya seluruhnya di bawah angka semua keluarga.",
        "For no group, date or regency does the interval lie wholly below the figure of all families.",
    ),
    "too_few": Text(
        "Tidak dapat diukur karena terlalu sedikit graduasi: {groups}.",
        "Not to be measured, for want of graduates: {groups}.",
    ),
    "borderline": Text(
        "{share}% dari keluarga pada daftar berada di batas: dengan benih acak lain, model belum tentu memuatnya.",
        "{share}% of the listed families are borderline: with other random seeds the model might not list them.",
    ),
    "age": Text(
        "Data sosial ekonomi di balik skor: separuh keluarga lebih dari {median} bulan, sepersepuluh lebih dari "
        "{oldest} "
        "bulan; {missing}% tidak mempunyainya.",
        "The household data behind the scores: of half of the families older than {median} months, of a tenth older "
        "than "
        "{oldest} months; {missing}% have none.",
    ),
    "level_high": Text(
        "Peluang terlalu tinggi: untuk tiap 100 graduasi yang diperkirakan terjadi {found} ({lower} sampai {upper}).",
        "The chances were too high: for every 100 graduates promised there were {found} ({lower} to {upper}).",
    ),
    "level_low": Text(
        "Peluang terlalu rendah: untuk tiap 100 graduasi yang diperkirakan terjadi {found} ({lower} sampai {upper}).",
        "The chances were too low: for every 100 graduates promised there were {found} ({lower} to {upper}).",
    ),
    "level_right": Text(
        "Tingkat peluang sesuai: untuk tiap 100 graduasi yang diperkirakan terjadi {found} ({lower} sampai {upper}).",
        "The level was right: for every 100 graduates promised there were {found} ({lower} to {upper}).",
    ),
    "level_between": Text(
        "Angka itu berkisar, {scope}, dari {low} ({low_group}) sampai {high} ({high_group}).",
        "That figure runs, {scope}, from {low} ({low_group}) to {high} ({high_group}).",
    ),
    "incidence": Text(
        "Dalam {months} bulan: diperkirakan {promised}%, terjadi {found}% ({lower} sampai {upper}).",
        "Within {months} months: promised {promised}%, seen {found}% ({lower} to {upper}).",
    ),
    "oracle": Text(
        "Pada {months} bulan setelah data ditarik, yang diketahui simulasi: presisi rata-rata {found} ({lower} sampai "
        "{upper}); yang terbaik yang mungkin {best}. Itu {share}% ({share_lower} sampai {share_upper}).",
        "On the {months} months after the extract, which the simulation knows: average precision {found} ({lower} to "
        "{upper}); the best that is possible is {best}. That is {share}% ({share_lower} to {share_upper}).",
    ),
    "oracle_pairs": Text(
        "Dari 100 pasang, {found} ({lower} sampai {upper}) dalam urutan yang benar; yang terbaik yang mungkin {best}.",
        "Of 100 pairs {found} ({lower} to {upper}) stand in the right order; the best that is possible is {best}.",
    ),
    "oracle_level": Text(
        "Pada bulan-bulan itu, untuk tiap 100 graduasi yang diperkirakan terjadi {found} ({lower} sampai {upper}).",
        "In those months, for every 100 graduates promised there were {found} ({lower} to {upper}).",
    ),
    "no_oracle": Text(
        "Di dunia nyata tidak ada yang tahu seberapa baik skor terbaik yang mungkin; jaraknya tidak dapat diukur.",
        "Nobody can know how good the best possible score would be; the distance cannot be measured on these data.",
    ),
    "found": Text(
        "{visits} kunjungan per pendamping menemukan {found} ({lower} sampai {upper}) keluarga graduasi per pendamping "
        "dan tanggal: {reached}% dari semua.",
        "{visits} visits a facilitator find {found} ({lower} to {upper}) graduates a facilitator and date: "
        "{reached}% of "
        "all.",
    ),
    "half": Text(
        "Untuk menemukan separuh dari semua yang graduasi, {share}% keluarga harus dikunjungi.",
        "To find half of all who graduate, {share}% of the families must be visited.",
    ),
    "added": Text(
        "Satu kunjungan lagi per pendamping menemukan {added} lagi. Skor yang presisi rata-ratanya {gain}% lebih "
        "tinggi "
        "menemukan {better} lagi: sebanyak {equal} kunjungan tambahan.",
        "One more visit a facilitator finds {added} more. A score with {gain}% more average precision would find "
        "{better} more: as many as {equal} added visits.",
    ),
}
"""What the score can and cannot do; every number is the run's own."""
FOLD = Text("pengujian {number}", "test {number}")
SCOPES: Mapping[str, Text] = {
    "fold": Text("menurut pengujian", "by test"),
    "period": Text("menurut tanggal", "by date"),
    "segment": Text("menurut kelompok", "by group"),
    "regency": Text("menurut kabupaten/kota", "by regency"),
}

CAPTIONS: Mapping[str, Text] = {
    "phase": Text("Fase", "Phases"),
    "pathway": Text("Jalur yang disarankan", "Recommended pathways"),
    "hold": Text("Alasan penahanan; satu keluarga bisa lebih dari satu", "Holds; a family may have several"),
    "levels": Text("Peluang terhadap kenyataan", "Chances against what happened"),
    "models": Text("Model dan pembandingnya pada keluarga yang sama", "The model and its rivals on the same families"),
    "differences": Text(
        "Selisih dengan tiap pembanding; bacaan menurut {metric}",
        "Differences from each rival; the reading is of {metric}",
    ),
    "periods": Text("Model yang dipakai, per tanggal", "The model in use, by date"),
    "segments": Text("Model yang dipakai, per kelompok", "The model in use, by group"),
    "lists": Text("Daftar per kabupaten/kota", "Lists by regency"),
    "concepts": Text("Bagian tiap pokok dalam seluruh kontribusi", "Share of each subject in all contributions"),
    "quality": Text("Baris diterima dan dikarantina per tabel", "Rows accepted and quarantined by table"),
    "doubts": Text("Yang janggal pada tabel yang diterima", "What is hard to believe of the accepted tables"),
    "folds": Text("Tanggal tiap lipatan", "Dates of each fold"),
    "lineage": Text("Asal laporan ini", "Where this report comes from"),
}
HEADS: Mapping[str, Text] = {
    "name": Text("Nama", "Name"),
    "families": Text("Keluarga", "Families"),
    "under_hold": Text("Ditahan", "Held"),
    "waiting": Text("Menunggu tempat", "Waiting for a place"),
    "model": Text("Model", "Model"),
    "against": Text("Dibanding", "Against"),
    "part": Text("Bagian", "Part"),
    "promised": Text("Diperkirakan", "Promised"),
    "seen": Text("Terjadi", "Seen"),
    "seen_over_promised": Text("Terjadi / diperkirakan", "Seen / promised"),
    "reading": Text("Bacaan", "Reading"),
    "period": Text("Tanggal", "As of"),
    "segment": Text("Kelompok", "Group"),
    "rows": Text("Baris", "Rows"),
    "positives": Text("Graduasi", "Graduated"),
    "code": Text("Kode", "Code"),
    "regency": Text("Kabupaten/kota", "Regency"),
    "active": Text("Aktif", "Active"),
    "candidates": Text("Calon", "Candidates"),
    "held": Text("Ditahan", "Held"),
    "file": Text("Berkas", "File"),
    "concept": Text("Pokok", "Subject"),
    "share": Text("Bagian", "Share"),
    "table": Text("Tabel", "Table"),
    "accepted": Text("Diterima", "Accepted"),
    "quarantined": Text("Dikarantina", "Quarantined"),
    "doubt": Text("Temuan", "Finding"),
    "fold": Text("Lipatan", "Fold"),
    "train": Text("Belajar", "Train"),
    "calibrate": Text("Kalibrasi", "Calibrate"),
    "test": Text("Uji", "Test"),
    "fact": Text("Keterangan", "Fact"),
    "value": Text("Isi", "Value"),
}
READINGS: Mapping[str, Text] = {
    "better": Text("lebih baik", "better"),
    "worse": Text("lebih buruk", "worse"),
    "unclear": Text("tidak jelas berbeda", "no clear difference"),
}
FIGURES: Mapping[str, Text] = {
    "components": Text(
        "Komponen per tanggal dan manfaat setahun; keluarga yang komponen terakhirnya berakhir, per triwulan.",
        "Components by date and the year's benefit; families whose last component ends, by quarter.",
    ),
    "effect": Text(
        "Tumpang tindih peluang masuk PENA, dan perkiraan pengaruh per kelompok dengan selangnya.",
        "Overlap of the chances to enter PENA, and the estimated effect by group with its interval.",
    ),
    "decision": Text(
        "Nilai kunjungan menurut skor, aturan, semua, atau tidak sama sekali, terhadap peluang yang dianggap layak.",
        "What visits by the score, by rules, to everybody and to nobody are worth, by the chance held worth a visit.",
    ),
    "value": Text(
        "Kiri: lebih banyak kunjungan. Kanan: skor yang lebih baik, dengan jumlah kunjungan yang sama; titik: model "
        "lain.",
        "Left: more visits. Right: a better score, with the same number of visits; marks: other models.",
    ),
    "calibration_periods": Text(
        "Peluang rata-rata terhadap bagian yang graduasi, per tanggal.",
        "Mean chance against the share that graduated, by date.",
    ),
    "incidence": Text(
        "Bagian yang diperkirakan graduasi dalam sekian bulan terhadap yang terjadi.",
        "Share promised to graduate within so many months against what was seen.",
    ),
    "gains": Text(
        "Bagian keluarga graduasi yang ditemukan bila keluarga dengan urutan teratas dikunjungi lebih dulu.",
        "Share of the graduating families that is found when the highest ranks are visited first.",
    ),
    "precision_recall": Text(
        "Bagian daftar yang mencapai graduasi, terhadap bagian keluarga graduasi yang termuat.",
        "Share of the list that graduates against the share of graduating families that it contains.",
    ),
    "capacity": Text(
        "Apa yang ditemukan bila tiap pendamping mengunjungi sekian keluarga.",
        "What is found when every facilitator visits so many families.",
    ),
    "fairness": Text(
        "Tiap kelompok (tanda) di samping semua keluarga lain (garis tegak), dengan rentangnya; titik: jumlahnya "
        "terlalu kecil untuk ditunjukkan.",
        "Each group (mark) beside everybody else (upright line), with intervals; a dot: counts too small to show.",
    ),
    "periods": Text("Ketepatan per tanggal dengan rentangnya.", "How good on each date, with intervals."),
    "segments": Text("Ketepatan per kelompok dengan rentangnya.", "How good for each group, with intervals."),
    "calibration": Text(
        "Peluang dari model terhadap bagian yang benar-benar mencapai graduasi.",
        "Chance given by the model against the share that did graduate.",
    ),
    "shap_summary": Text(
        "Fitur dengan kontribusi terbesar, dan sebarannya antar keluarga.",
        "The features that contribute most, and their spread over families.",
    ),
    "outcomes": Text(
        "Bagian keluarga yang keluar dari program dalam 12 bulan, menurut sebabnya, per tanggal.",
        "Share of families that left the programme within 12 months, by reason, by date.",
    ),
    "folds": Text(
        "Tanggal belajar, kalibrasi, dan uji tiap lipatan, dengan jeda di antaranya.",
        "Dates of training, calibration and test of each fold, with the embargo between.",
    ),
}

STORY: Mapping[str, Text] = {
    "who": Text(
        "Keluarga {family}: pengurus berumur {age} tahun, {members} anggota, peserta selama {months} bulan.",
        "Family {family}: the caretaker is {age} years old, {members} members, {months} months in PKH.",
    ),
    "chance": Text(
        "Perkiraan peluang graduasi sejahtera mandiri {probability} (antara {lower} dan {upper}); urutan "
        "{rank_in_regency} dari {active} keluarga di {regency}.",
        "The estimated chance of graduasi sejahtera mandiri is {probability} (between {lower} and {upper}); number "
        "{rank_in_regency} of {active} families in {regency}.",
    ),
    "status_listed": Text(
        "Keluarga ini ada di daftar: petugas mengunjungi, menilai, dan memutuskan.",
        "The family is on the list: an officer visits, judges and decides.",
    ),
    "status_held": Text(
        "Keluarga ini ditahan: ditampilkan dengan alasannya, dan tidak diusulkan berapa pun peluangnya.",
        "The family is held: shown with the reason, and not proposed whatever its chance.",
    ),
    "status_below": Text(
        "Keluarga ini tidak ada di daftar: tempat kunjungan diberikan kepada keluarga lain.",
        "The family is not on the list: the places for visits went to others.",
    ),
    "for": Text("Yang menaikkan peluang: {reasons}.", "What raises the chance: {reasons}."),
    "against": Text("Yang menurunkan peluang: {reasons}.", "What lowers the chance: {reasons}."),
    "ends": Text("Komponen terakhirnya berakhir {on}.", "Its last component ends on {on}."),
    "lasting": Text("Tidak ada akhir yang terlihat bagi komponennya.", "No end of its components is in sight."),
    "loses": Text(
        "Bila keluar sekarang, keluarga kehilangan PKH {money} dalam 12 bulan; PBI-JK tetap.",
        "If it left now, the family would lose {money} of PKH within 12 months; PBI-JK stays.",
    ),
}
"""Sentences of a family's story."""
