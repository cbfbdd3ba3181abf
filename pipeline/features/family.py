"""What the registry of families says of the caretaker, the place and the time on PKH."""

from datetime import date

import ibis
import ibis.expr.types as ir

from pipeline.asof import age_years, known, months_between
from pipeline.columns import FAMILY
from pipeline.features.residence import graduations, residence
from pipeline.features.spec import Block, Feature

TABLE = "kpm"
GRADUATES = "village_graduates"  # told beside the tables where these hold a part of the families


def build(tables: dict[str, ir.Table], as_of: date) -> Block:
    t = with_graduations(tables, as_of)
    on = ibis.literal(as_of)
    age = age_years(t.caretaker_birth_date, on)
    features = (
        Feature("caretaker_age", age, "age of the caretaker", "years", "umur pengurus", "family"),
        Feature(
            "under_40", age < 40, "caretaker younger than 40", "flag", "pengurus di bawah 40 tahun", "family", sign=1
        ),
        Feature(
            "caretaker_female", t.caretaker_sex == "F", "caretaker is a woman", "flag", "pengurus perempuan", "family"
        ),
        Feature(
            "urban", t.urban, "lives in an urban village", "flag", "tinggal di kelurahan perkotaan", "place_season"
        ),
        Feature(
            "customary_community",
            t.customary_community,
            "belongs to a customary community (KAT)",
            "flag",
            "komunitas adat terpencil",
            "place_season",
            used_in_score=False,
        ),
        Feature(
            "enrolled_months",
            months_between(t.enrolled_on, on),
            "months since first enrolled",
            "months",
            "lama sejak pertama menjadi peserta",
            "membership",
        ),
        Feature("quarter_of_year", on.quarter(), "quarter of the year", "quarter", "triwulan", "place_season"),
        Feature(
            "village_known",
            t.village_code.substr(0, 4) != "0000",
            "place code names a regency",
            "flag",
            "kode desa dikenal",
            "data_quality",
            used_in_score=False,
        ),
        Feature(
            "village_graduations_24m",
            t.graduates.fill_null(0),
            "graduations in the village, last 24 months",
            "families",
            "keluarga di desa yang graduasi, 24 bulan terakhir",
            "place_season",
            "last 24 months",
            used_in_score=False,
        ),
    )
    return Block(TABLE, t, features)


def with_graduations(tables: dict[str, ir.Table], as_of: date) -> ir.Table:
    """The registry of families as known, and how many of each village graduated."""
    t = known(tables[TABLE], "enrolled_on", as_of)
    by_village = tables[GRADUATES] if GRADUATES in tables else graduates(tables, as_of)
    return t.left_join(by_village, t.village_code == by_village.village)


def graduates(tables: dict[str, ir.Table], as_of: date) -> ir.Table:
    """Columns village, graduates; key village. Of parts, they add up."""
    gone = graduations(tables["membership"], as_of).inner_join(residence(tables[TABLE], as_of), FAMILY)
    return gone.group_by("village").aggregate(graduates=gone.count())
