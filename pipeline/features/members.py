"""The roster on the day: who lives in the family, which components of PKH, and when the last of them ends."""

from datetime import date

import ibis
import ibis.expr.types as ir

from pipeline import components
from pipeline.asof import days_between, months_between
from pipeline.features.roster import household
from pipeline.features.spec import Block, Feature, aggregated, count, share

TABLE = "members"
LEVEL_RANK = {"none": 0, "sd": 1, "smp": 2, "sma": 3, "tertiary": 4}
ADULT = (18, 59)


def build(tables: dict[str, ir.Table], as_of: date) -> Block:
    roster = household(tables[TABLE], as_of)
    features = (*size(roster), *pupils(roster), *adults(roster), *life_cycle(roster, as_of), *staleness(roster, as_of))
    return aggregated(TABLE, roster, features)


def size(m: ir.Table) -> tuple[Feature, ...]:
    return (
        Feature(
            "members",
            count(m.member_id.notnull()),
            "members of the family",
            "persons",
            "jumlah anggota keluarga",
            "family",
        ),
        Feature("children", count(m.age < 18), "children under 18", "persons", "anak di bawah 18 tahun", "family"),
        Feature(
            "early_childhood",
            count(m.early_childhood),
            "children aged 0 to 6",
            "persons",
            "anak usia dini (0-6 tahun)",
            "family",
        ),
        Feature("elderly", count(m.elderly), "members aged 60 or more", "persons", "anggota lanjut usia", "family"),
        Feature(
            "severely_disabled",
            count(m.disabled),
            "members with a severe disability",
            "persons",
            "penyandang disabilitas berat",
            "family",
        ),
        Feature("pregnant", count(m.expecting), "pregnant members", "persons", "ibu hamil", "family"),
        Feature(
            "women_share",
            share(count(m.sex == "F"), count(m.sex.notnull())),
            "share of women and girls among the members",
            "share",
            "bagian anggota perempuan",
            "family",
        ),
        Feature("youngest_age", m.age.min(), "age of the youngest member", "years", "umur anggota termuda", "family"),
    )


def pupils(m: ir.Table) -> tuple[Feature, ...]:
    levels = tuple(
        Feature(
            f"pupils_{level}",
            count(m.pupil & (m.in_school == level)),
            f"children attending {level.upper()}",
            "persons",
            f"anak sekolah {level.upper()}",
            "school_health",
        )
        for level in components.SCHOOL_LEVELS
    )
    out_of_school = count(m.age.between(*components.SCHOOL_AGE) & (m.in_school == "none"))
    return (
        *levels,
        Feature(
            "children_out_of_school",
            out_of_school,
            "children of school age who attend none",
            "persons",
            "anak usia sekolah yang tidak bersekolah",
            "school_health",
        ),
        Feature(
            "tertiary_students",
            count(m.in_school == "tertiary"),
            "members in higher education",
            "persons",
            "anggota yang kuliah",
            "school_health",
        ),
    )


def adults(m: ir.Table) -> tuple[Feature, ...]:
    adult = m.age.between(*ADULT)
    rank = m.education_level.cases(*LEVEL_RANK.items())
    return (
        Feature("adults", count(adult), "members aged 18 to 59", "persons", "anggota usia 18-59 tahun", "family"),
        Feature("workers", count(m.working), "members with work", "persons", "anggota yang bekerja", "livelihood"),
        Feature(
            "workers_per_member",
            share(count(m.working), count(m.member_id.notnull())),
            "working members per member",
            "share",
            "bagian anggota yang bekerja",
            "livelihood",
        ),
        Feature(
            "dependants_per_adult",
            share(count(~adult), count(adult)),
            "members under 18 or over 59 per adult",
            "ratio",
            "tanggungan per orang dewasa",
            "family",
        ),
        Feature(
            "adult_education_max",
            rank.max(where=adult),
            "highest school level completed by an adult",
            "level 0-4",
            "pendidikan tertinggi orang dewasa",
            "family",
        ),
        Feature(
            "caretaker_education",
            rank.max(where=m.relation == "caretaker"),
            "school level completed by the caretaker",
            "level 0-4",
            "pendidikan pengurus",
            "family",
        ),
    )


def life_cycle(m: ir.Table, as_of: date) -> tuple[Feature, ...]:
    """Natural exits follow from these by rule; the model may still use them, as they also shape graduation."""
    on = ibis.literal(as_of)
    child = m.early_childhood | m.pupil
    months_left = months_between(on, m.schooling_ends)
    return (
        Feature("components", count(m.component), "eligible components", "persons", "jumlah komponen PKH", "family"),
        Feature(
            "lasting_components",
            count(m.elderly | m.disabled),
            "components without an end (elderly, severe disability)",
            "persons",
            "komponen tanpa akhir (lansia, disabilitas)",
            "family",
        ),
        Feature(
            "months_until_last_schooling_ends",
            months_left.max(where=child),
            "months until the last child is expected to finish twelve years of school",
            "months",
            "bulan sampai anak terakhir tamat sekolah",
            "family",
        ),
        Feature(
            "months_until_next_schooling_ends",
            months_left.min(where=child),
            "months until the next child is expected to finish twelve years of school",
            "months",
            "bulan sampai anak berikutnya tamat sekolah",
            "family",
        ),
    )


def staleness(m: ir.Table, as_of: date) -> tuple[Feature, ...]:
    return (
        Feature(
            "roster_age_days",
            days_between(m.valid_from.max(), ibis.literal(as_of)),
            "days since the roster last changed",
            "days",
            "umur data anggota",
            "data_quality",
        ),
        Feature(
            "birth_dates_missing",
            count(m.birth_date.isnull()),
            "members without a birth date",
            "persons",
            "anggota tanpa tanggal lahir",
            "data_quality",
        ),
    )
