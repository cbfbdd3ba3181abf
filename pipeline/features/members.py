"""The roster on the day: who lives in the family, which components of PKH, and when the last of them ends."""

import operator
from datetime import date
from functools import reduce

import ibis
import ibis.expr.types as ir

from pipeline import components
from pipeline.asof import days_between, months_between
from pipeline.features.roster import household
from pipeline.features.spec import Block, Concept, Feature, Sign, aggregated, count, share, windows

TABLE = "members"
LEVEL_RANK = {"none": 0, "sd": 1, "smp": 2, "sma": 3, "tertiary": 4}
ADULT = (18, 59)
SCHOOL_AGES = {"7_12": (7, 12), "13_15": (13, 15), "16_18": (16, 18)}  # SD, SMP and SMA by the ages they are meant for
MONTHS_AHEAD = (24,)


def build(tables: dict[str, ir.Table], as_of: date) -> Block:
    roster = household(tables[TABLE], as_of)
    features = (
        *size(roster),
        *ages(roster, as_of),
        *pupils(roster),
        *adults(roster),
        *work(roster),
        *life_cycle(roster, as_of),
        *components_ahead(roster, as_of),
        *staleness(roster, as_of),
    )
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


def persons(
    name: str, which: ir.BooleanValue, definition: str, label_id: str, concept: Concept = "family", sign: Sign = 0
) -> Feature:
    return Feature(name, count(which), definition, "persons", label_id, concept, sign=sign)


def ages(m: ir.Table, as_of: date) -> tuple[Feature, ...]:
    (two_years,) = windows(as_of, 24)
    groups = tuple(
        persons(
            f"aged_{name}",
            m.age.between(*group),
            f"members aged {group[0]} to {group[1]}",
            f"anggota usia {group[0]}-{group[1]} tahun",
        )
        for name, group in SCHOOL_AGES.items()
    )
    return (
        *groups,
        persons(
            "births_24m", two_years.holds(m.birth_date), "children born, last 24 months", "kelahiran, 24 bulan terakhir"
        ),
        Feature("oldest_age", m.age.max(), "age of the oldest member", "years", "umur anggota tertua", "family"),
        Feature(
            "oldest_child_age",
            m.age.max(where=m.age < ADULT[0]),
            "age of the oldest child under 18",
            "years",
            "umur anak tertua di bawah 18 tahun",
            "family",
        ),
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
            sign=1,
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
            sign=1,
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


def work(m: ir.Table) -> tuple[Feature, ...]:
    adult = m.age.between(*ADULT)
    return (
        Feature(
            "workers_per_adult",
            share(count(adult & m.working), count(adult & m.working.notnull())),
            "share of the members aged 18 to 59 who work",
            "share",
            "bagian orang dewasa yang bekerja",
            "livelihood",
            sign=1,
        ),
        persons(
            "women_working", adult & m.working & (m.sex == "F"), "women aged 18 to 59 who work",
            "perempuan dewasa yang bekerja", "livelihood", 1,
        ),
        Feature(
            "caretaker_works",
            m.working.cast("int64").max(where=m.relation == "caretaker"),
            "the caretaker works",
            "flag",
            "pengurus bekerja",
            "livelihood",
            sign=1,
        ),
        Feature(
            "partner_present",
            count(m.relation.isin(["head", "spouse"])) > 0,
            "a head or spouse lives with the caretaker",
            "flag",
            "ada pasangan atau kepala keluarga",
            "family",
        ),
        Feature(
            "work_unknown_share",
            share(count(adult & m.working.isnull()), count(adult)),
            "share of the members aged 18 to 59 of whom it is not known whether they work",
            "share",
            "bagian orang dewasa yang pekerjaannya tidak tercatat",
            "data_quality",
        ),
    )  # fmt: skip


def components_ahead(m: ir.Table, as_of: date) -> tuple[Feature, ...]:
    """What the rules already say of the coming years: birth dates and school levels are known."""
    on = ibis.literal(as_of)
    child, lasting = m.early_childhood | m.pupil, m.elderly | m.disabled
    months_left = months_between(on, m.schooling_ends)
    early_left = components.EARLY_CHILDHOOD_TO_AGE * 12 + 12 - months_between(m.birth_date, on)
    leaving = tuple(
        persons(
            f"components_ending_{months}m",
            child & ~lasting & (months_left <= months),
            f"children who are expected to finish twelve years of school within {months} months",
            f"anak yang akan tamat sekolah dalam {months} bulan",
        )
        for months in MONTHS_AHEAD
    )
    return (
        *leaving,
        Feature(
            "months_until_components_end",
            ibis.ifelse(count(lasting) > 0, ibis.null("int64"), months_left.max(where=child)),
            "months until the last component ends by rule; unknown where one does not end",
            "months",
            "bulan sampai komponen terakhir berakhir menurut aturan",
            "family",
        ),
        Feature(
            "months_until_early_childhood_ends",
            early_left.min(where=m.early_childhood),
            "months until the next child reaches seven",
            "months",
            "bulan sampai anak usia dini berikutnya berumur tujuh tahun",
            "family",
        ),
        Feature(
            "component_kinds",
            kinds(m),
            "kinds of components (pregnancy, early childhood, pupils, elderly, disability)",
            "count",
            "jenis komponen PKH",
            "family",
        ),
        Feature(
            "components_per_member",
            share(count(m.component), count(m.member_id.notnull())),
            "eligible components per member",
            "share",
            "bagian anggota yang menjadi komponen PKH",
            "family",
        ),
    )


def kinds(m: ir.Table) -> ir.IntegerValue:
    present = [count(c).clip(upper=1) for c in (m.expecting, m.early_childhood, m.pupil, m.elderly, m.disabled)]
    return reduce(operator.add, present)


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
    school_age = m.age.between(*components.SCHOOL_AGE)
    (year,) = windows(as_of, 12)
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
        Feature(
            "school_unknown_share",
            share(count(m.in_school.isnull() & school_age), count(school_age)),
            "share of the children of school age whose school is not known",
            "share",
            "bagian anak usia sekolah yang sekolahnya tidak tercatat",
            "data_quality",
        ),
        persons(
            "roster_changes_12m", year.holds(m.valid_from), "members recorded anew, last 12 months",
            "anggota yang datanya berubah, 12 bulan terakhir", "data_quality",
        ),
    )  # fmt: skip
