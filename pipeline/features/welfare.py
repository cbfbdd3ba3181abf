"""The socio-economic registry: the last known value of every column, how it moved, and how old the knowledge is."""

import operator
from dataclasses import replace
from datetime import date
from functools import reduce

import ibis
import ibis.expr.types as ir

from pipeline.asof import days_between, known
from pipeline.columns import FAMILY, RECORDED_ON
from pipeline.features import livelihood, wealth
from pipeline.features.spec import Block, Concept, Feature, Sign, count, deviation, money, windows
from pipeline.tables import Column, Welfare

TABLE = "welfare"
LABELS_ID = {
    "national_decile": "desil nasional",
    "monthly_income": "pendapatan keluarga per bulan",
    "floor_area_m2": "luas lantai",
    "floor_type": "jenis lantai (kode DTSEN)",
    "wall_type": "jenis dinding (kode DTSEN)",
    "roof_type": "jenis atap (kode DTSEN)",
    "drinking_water": "sumber air minum (kode DTSEN)",
    "lighting": "sumber penerangan (kode DTSEN)",
    "electricity_power": "daya listrik (kode DTSEN)",
    "cooking_fuel": "bahan bakar memasak (kode DTSEN)",
    "toilet_facility": "fasilitas buang air besar (kode DTSEN)",
    "house_tenure": "status rumah (kode DTSEN)",
    "motorcycles": "jumlah sepeda motor",
    "cars": "jumlah mobil",
    "refrigerator": "memiliki lemari es",
    "smartphone": "memiliki telepon pintar",
    "computer": "memiliki komputer",
    "gold": "memiliki emas/perhiasan",
    "other_land": "memiliki lahan lain",
    "cattle": "jumlah sapi/kerbau",
    "goats": "jumlah kambing/domba",
    "owns_business": "memiliki usaha",
    "business_turnover": "omzet usaha per bulan",
    "paid_workers": "pekerja yang dibayar",
}
LIVELIHOOD = ("national_decile", "monthly_income", "owns_business", "business_turnover", "paid_workers")
# More of these is more wealth, by anybody's reading; codes are none of them, as their last means "other".
RICHER = (
    "monthly_income",
    "floor_area_m2",
    "electricity_power",
    "motorcycles",
    "cars",
    "refrigerator",
    "smartphone",
    "computer",
    "gold",
    "other_land",
    "cattle",
    "goats",
    "owns_business",
    "business_turnover",
    "paid_workers",
)
# Belongings rarely come and go one at a time: their index moves with all of them (wealth.py).
CHANGING = ("national_decile", "monthly_income", "floor_area_m2", "owns_business", "business_turnover", "paid_workers")
CONTRACT = {c.name for c in Welfare.columns()}
NOT_OBSERVED = (FAMILY, "observed_on", RECORDED_ON)


def build(tables: dict[str, ir.Table], as_of: date, declared: tuple[Column, ...]) -> Block:
    columns, t = observed(declared), known(tables[TABLE], "observed_on", as_of)
    t = t.mutate(**wealth.indices(t))
    latest = t.group_by(FAMILY).aggregate(**edge_values(t, columns, as_of), **history(t, visited(t, columns), as_of))
    told = livelihood.told(t, tables, as_of)
    earned = livelihood.features(told, as_of)
    over_years = told.group_by(FAMILY).aggregate(persons=told.persons.max(), **{f.name: f.value for f in earned})
    rows = latest.left_join(over_years, FAMILY, rname="{name}_over_years")
    rows = rows.mutate(**{f"wealth_index_{e}": both(rows, e) for e in ("last", "before")})
    last = (*levels(rows, columns), *changes(rows, columns), *wealth.features(rows), *derived(rows, as_of))
    return Block(TABLE, rows, (*last, known_share(rows, columns), *(replace(f, value=rows[f.name]) for f in earned)))


def both(rows: ir.Table, edge: str) -> ir.FloatingValue:
    return (rows[f"dwelling_index_{edge}"] + rows[f"belongings_index_{edge}"]) / 2


def per_person(rows: ir.Table, name: str) -> ir.FloatingValue:
    return rows[f"{name}_last"] / rows.persons.nullif(0).cast("float64")


def observed(declared: tuple[Column, ...]) -> tuple[Column, ...]:
    """The contract's columns of welfare and those the source declares beyond it."""
    return (*(c for c in Welfare.columns() if c.name not in NOT_OBSERVED), *declared)


def edge_values(t: ir.Table, columns: tuple[Column, ...], as_of: date) -> dict[str, ir.Value]:
    """Of each column the latest value that is known, and the earlier one that it is compared with."""
    made: dict[str, ir.Value] = {}
    for c in columns:
        value, seen = t[c.name].cast("float64"), t[c.name].notnull()
        made[f"{c.name}_last"] = value.argmax(t.observed_on, where=seen)
        if c.name in CHANGING or c.name not in CONTRACT:
            made[f"{c.name}_before"] = before(t, c, as_of)
    (year,) = windows(as_of, 12)
    for name in ("dwelling_index", "belongings_index"):
        seen = t[name].notnull()
        made[f"{name}_last"] = t[name].argmax(t.observed_on, where=seen)
        made[f"{name}_before"] = t[name].argmax(t.observed_on, where=seen & ~year.holds(t.observed_on))
    return made


def before(t: ir.Table, column: Column, as_of: date) -> ir.Value:
    """A registry is updated for years: what was known a year ago. A survey, which declares columns of its own, sees a
    family a few times within two years: the first it saw in 24 months."""
    value, seen = t[column.name].cast("float64"), t[column.name].notnull()
    year, two_years = windows(as_of, 12, 24)
    if column.name in CONTRACT:
        return value.argmax(t.observed_on, where=seen & ~year.holds(t.observed_on))
    return value.argmin(t.observed_on, where=seen & two_years.holds(t.observed_on))


def visited(t: ir.Table, columns: tuple[Column, ...]) -> ir.BooleanValue:
    """Rows that tell something beside the decile: the register ranks families anew each quarter without visiting."""
    return ibis.or_(*(t[c.name].notnull() for c in columns if c.name != "national_decile"))


def history(t: ir.Table, seen: ir.BooleanValue, as_of: date) -> dict[str, ir.Value]:
    (two_years,) = windows(as_of, 24)
    income, when = money(t.monthly_income), two_years.holds(t.observed_on)
    known_income = when & income.notnull()
    return {
        "observed_last": t.observed_on.max(where=seen),
        "observed_n_24m": count(when & seen),
        "income_n_24m": count(known_income),
        "income_sum_24m": income.sum(where=when).cast("int64"),
        "income_squares_24m": (income.cast("decimal(38, 0)") * income).sum(where=when),
        "income_max_ever": income.max(),
        "business_ever": t.owns_business.cast("int64").max(),
        "business_first_seen": t.observed_on.min(where=t.owns_business.fill_null(False)),
    }


def concept(name: str) -> Concept:
    return "livelihood" if name in LIVELIHOOD else "house_assets"


def levels(rows: ir.Table, columns: tuple[Column, ...]) -> tuple[Feature, ...]:
    return tuple(
        Feature(
            f"{c.name}_last",
            rows[f"{c.name}_last"],
            f"{c.meaning}, last known",
            c.unit or ("flag" if c.kind == "flag" else "code"),
            f"{LABELS_ID.get(c.name, c.meaning)}, data terakhir",
            concept(c.name),
            sign=sign(c.name),
            dated_by=c.name,
        )
        for c in columns
    )


def sign(name: str) -> Sign:
    return 1 if name in RICHER else 0


def known_share(rows: ir.Table, columns: tuple[Column, ...]) -> Feature:
    seen = [rows[f"{c.name}_last"].notnull().cast("int64") for c in columns]
    return Feature(
        "welfare_known_share",
        reduce(operator.add, seen).cast("float64") / len(seen),
        "share of the socio-economic items of which a value is known",
        "share",
        "bagian data sosial ekonomi yang terisi",
        "data_quality",
        "ever",
    )


def changes(rows: ir.Table, columns: tuple[Column, ...]) -> tuple[Feature, ...]:
    """Last known less the earlier value; ranks, counts, money and flags, never codes."""
    told = [c for c in columns if c.name in CHANGING or (c.name not in CONTRACT and (c.kind == "flag" or c.unit))]
    return tuple(change(rows, c, 12 if c.name in CONTRACT else 24) for c in told)


def change(rows: ir.Table, column: Column, months: int) -> Feature:
    name = column.name
    earlier = "what was known 12 months before" if months == 12 else "the first known within 24 months"
    return Feature(
        f"{name}_change_{months}m",
        rows[f"{name}_last"] - rows[f"{name}_before"],
        f"{column.meaning}, last known less {earlier}",
        column.unit or "difference",
        f"perubahan {LABELS_ID.get(name, column.meaning)} dalam {months} bulan",
        concept(name),
        f"last {months} months",
        dated_by=name,
    )


def derived(rows: ir.Table, as_of: date) -> tuple[Feature, ...]:
    on = ibis.literal(as_of)
    return (
        *incomes(rows),
        Feature(
            "floor_per_person",
            per_person(rows, "floor_area_m2"),
            "floor area per member",
            "m2",
            "luas lantai per anggota keluarga",
            "house_assets",
            sign=1,
            dated_by="floor_area_m2",
        ),
        *updates(rows, on),
        *businesses(rows, on),
    )


def incomes(rows: ir.Table) -> tuple[Feature, ...]:
    return (
        Feature(
            "income_per_person",
            per_person(rows, "monthly_income"),
            "last known income per member",
            "rupiah a month",
            "pendapatan per anggota keluarga",
            "livelihood",
            sign=1,
            dated_by="monthly_income",
        ),
        Feature(
            "income_mean_24m",
            rows.income_sum_24m.cast("float64") / rows.income_n_24m.nullif(0).cast("float64"),
            "mean of the known incomes, last 24 months",
            "rupiah a month",
            "rata-rata pendapatan, 24 bulan terakhir",
            "livelihood",
            "last 24 months",
            sign=1,
        ),
        Feature(
            "income_deviation_24m",
            deviation(rows.income_n_24m, rows.income_sum_24m, rows.income_squares_24m),
            "standard deviation of the known incomes, last 24 months",
            "rupiah a month",
            "naik-turun pendapatan, 24 bulan terakhir",
            "livelihood",
            "last 24 months",
        ),
        Feature(
            "income_below_peak",
            rows.monthly_income_last / rows.income_max_ever.nullif(0).cast("float64"),
            "last known income as a share of the highest ever known",
            "share",
            "pendapatan terakhir dibanding yang tertinggi",
            "livelihood",
            "ever",
            dated_by="monthly_income",
        ),
    )


def updates(rows: ir.Table, on: ir.DateValue) -> tuple[Feature, ...]:
    return (
        Feature(
            "income_unknown",
            rows.monthly_income_last.isnull(),
            "no income was ever recorded",
            "flag",
            "pendapatan belum pernah tercatat",
            "data_quality",
        ),
        Feature(
            "welfare_age_days",
            days_between(rows.observed_last, on),
            "days since the last socio-economic update",
            "days",
            "umur data sosial ekonomi",
            "data_quality",
        ),
        Feature(
            "welfare_updates_24m",
            rows.observed_n_24m,
            "socio-economic updates, last 24 months",
            "count",
            "pemutakhiran data, 24 bulan terakhir",
            "data_quality",
            "last 24 months",
        ),
    )


def businesses(rows: ir.Table, on: ir.DateValue) -> tuple[Feature, ...]:
    return (
        Feature(
            "business_ever",
            rows.business_ever,
            "ever seen with a business",
            "flag",
            "pernah memiliki usaha",
            "livelihood",
            "ever",
            sign=1,
        ),
        Feature(
            "business_age_days",
            days_between(rows.business_first_seen, on),
            "days since a business was first seen",
            "days",
            "lama sejak usaha pertama kali tercatat",
            "livelihood",
            "ever",
        ),
    )
