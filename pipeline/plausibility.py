"""Whether a table whose every row is sound is believable as a whole: held against the contract and its own history.

A rupiah column in thousands, two columns swapped, a quarter that was not exported: each row of it passes, and only the
crowd tells. Nothing is turned away here: what is found is told, by table and column, for a person to look at.

Three kinds of questions. Of a whole table: an empty column, a filler day, a median outside of its believable range.
Of a trait (a cell is filled, a number is of the usual size, a code is the most frequent one, a record is late): whether
it holds in most rows of a quarter, or of a regency in a year, where elsewhere it does not. Of rows: whether a quarter
or a regency has any. A trait is told where half of the rows change sides: no season and no policy does that to a
column that is not about policy, and a cell of `min_rows` rows does not by chance.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd
from pydantic import Field, PositiveInt

from pipeline.columns import FAMILY, RECORDED_ON
from pipeline.config import BaseConfig
from pipeline.rules import BIRTH_IN_NUMBER
from pipeline.tables import SPANS, TABLES, Column, Table

COLUMNS = ["table", "column", "sign", "place", "seen", "expected", "rows", "further"]
TOLD = {
    "empty": "{column} is blank in all {rows:.0f} rows",
    "blank": "{column} is filled in {seen:.0%} of {rows:.0f} rows of {place}, elsewhere in {expected:.0%}",
    "size": "{column} is of the usual size in {seen:.0%} of {rows:.0f} rows of {place}, elsewhere in {expected:.0%}; "
    "another unit, or another column?",
    "code": "{column} has its usual value in {seen:.0%} of {rows:.0f} rows of {place}, elsewhere in {expected:.0%}; "
    "other codes, or another column?",
    "late": "{column} is late in {seen:.0%} of {rows:.0f} rows of {place}, elsewhere in {expected:.0%}; "
    "are days shifted?",
    "early": "{column} lies before what it is about in {seen:.0%} of {rows:.0f} rows of {place}, elsewhere in "
    "{expected:.0%}; are days shifted or swapped?",
    "shape": "{column} is written as most are in {seen:.2%} of {rows:.0f} rows of {place}; are there test rows or rows "
    "of another system?",
    "number": "{column} and the birth date tell the same day in {seen:.0%} of {rows:.0f} rows of {place}, usual is "
    "{expected:.0%}; is it another number, or another person's?",
    "far": "{column} is {expected:.0f} times the median or more, or as far below, in {seen:.0f} of {rows:.0f} rows",
    "median": "{column} has a median of {seen:g}, believable is about {expected:g}; is it in the unit of the contract?",
    "filler": "{column} is the same day, {place}, in {seen:.0f} of {rows:.0f} rows; a filler?",
    "repeated": "{column} stands in more than one family in {seen:.0%} of {rows:.0f} rows, usual is below "
    "{expected:.0%}; are families there twice?",
    "twice": "{column}: {seen:.1%} of {rows:.0f} families enrolled twice, usual is below {expected:.0%}; are rows of "
    "two systems mixed?",
    "test": "{column} reads like a test in {seen:.0f} of {rows:.0f} rows",
    "missing": "{column}: {seen:.0f} rows in {place}, expected about {expected:.0f}; was something not exported?",
    "missing_days": "{column}: rows on {seen:.0f} days of {place}, expected on about {expected:.0f}; was something not "
    "exported?",
    "stale": "{column}: nothing after {place}; is it an older file than the others?",
    "outside": "{column} lies outside of its period in {seen:.0%} of {rows:.0f} rows of {place}, elsewhere in "
    "{expected:.0%}; are months shifted?",
}
# Their mix is policy and follows the calendar: which events there are, of which kind and why.
MIXED = {
    ("membership", "reason"), ("programmes", "phase"), ("cases", "kind"), ("cases", "status"), ("cases", "referred_to"),
    ("commitments", "component"), ("welfare", "national_decile"), ("cases", "reporter"),
}  # fmt: skip
# A blank means something: the row has not ended, or the event is none that has such a thing.
FILLED_WHERE = {
    ("membership", "reason"): ("event", "exited"), ("payments", "paid_on"): ("status", "disbursed"),
    ("cases", "closed_on"): ("status", "closed"), ("cases", "referred_to"): ("status", "referred"),
}  # fmt: skip
OPEN_ENDS = {(table, end) for table, (_, end) in SPANS.items()}
KINDS = {"payments": "programme", "programmes": "programme"}
NATURAL = {"kpm": "caretaker_birth_date", "members": "birth_date"}
NUMBERS = {"kpm": "caretaker_nik", "members": "nik"}
TEST_NAME = r"(?i)^(test|testing|uji ?coba|dummy|contoh|asdf|qwerty|x{3,})\b"
FIRST_QUARTER = 1900 * 4
BINS = 12  # of a power of ten; sizes are compared in these: four of them hid a poor regency told by the year
ALL, WHOLE = "all", "the whole table"


class Config(BaseConfig):
    """Section `plausibility`."""

    most_families: PositiveInt
    min_rows: PositiveInt
    min_families: PositiveInt
    min_days: PositiveInt
    changed_share: float = Field(gt=0, lt=1)
    vanished_share: float = Field(gt=0, lt=1)
    early_share: float = Field(gt=0, lt=1)
    usual_factor: float = Field(gt=1)
    far_factor: float = Field(gt=1)
    far_rows: PositiveInt
    far_share: float = Field(gt=0, lt=1)
    max_day_share: float = Field(gt=0, lt=1)
    max_repeated_share: float = Field(gt=0, lt=1)
    enrolled_twice_share: float = Field(gt=0, lt=1)
    same_shape_share: float = Field(gt=0, lt=1)
    quiet_months: PositiveInt
    regencies: tuple[str, ...]
    absent: tuple[str, ...]
    medians: dict[str, dict[str, tuple[float, float]]]


@dataclass(frozen=True)
class Extract:
    """Accepted tables by name, the identity store, and the last day anything was known."""

    tables: Mapping[str, ir.Table]
    identity: ir.Table
    extracted_on: date


Found = list[dict[str, Any]]


def find(extract: Extract, config: Config) -> pd.DataFrame:
    """Whatever is hard to believe; one row a table, column and sign, with the place where it is clearest.

    `seen` and `expected` are shares, rows, a median or a factor, as the sentence of TOLD has it; `rows` is how many
    were looked at, `further` how many more places show the same.
    """
    some = _sampled(extract, config)
    found = [one for name in TABLES if name in some.tables for one in _of_table(name, some, config)]
    # Rare by nature, so of everybody: a name that is a test, a number that two families share, a regency.
    found += [*_regencies(extract, config), *_names(extract), *_repeats("kpm", extract, config)]
    found += _twice(extract, config)
    made = pd.DataFrame(found, columns=COLUMNS[:-1])
    weight = (made["seen"] - made["expected"]).abs().astype(float)
    order = made.assign(weight=weight).sort_values("weight", ascending=False, kind="stable").drop(columns="weight")
    key = ["table", "column", "sign"]
    counted = order.groupby(key, sort=False)["place"].transform("size") - 1
    return order.assign(further=counted).drop_duplicates(key).sort_values(key, ignore_index=True)[COLUMNS]


def _sampled(extract: Extract, config: Config) -> Extract:
    """Families enough to see what half of a place's rows say, by the md5 of kpm_id: the same ones on every engine.

    Of the identity store only what tells a day of birth.
    """
    families = int(extract.tables["kpm"].count().execute())
    if families <= config.most_families:
        return extract
    limit = f"{round(config.most_families / families * 16**8):08x}"

    def of_some(table: ir.Table) -> ir.Table:
        chosen = table.filter(table[FAMILY].hexdigest("md5").left(8) < limit) if FAMILY in table.columns else table
        return ibis.memtable(chosen.to_pyarrow())  # asked many times, so read and drawn once

    tables = {name: of_some(table) for name, table in extract.tables.items()}
    numbers = extract.identity.select(FAMILY, "member_id", "nik")
    return Extract(tables, of_some(numbers), extract.extracted_on)


def told(found: pd.DataFrame) -> list[str]:
    """A sentence for each finding."""
    return [_sentence({str(k): v for k, v in row.items()}) for row in found.to_dict("records")]


def _sentence(row: Mapping[str, Any]) -> str:
    more = f" (and {row['further']} more places)" if row["further"] else ""
    return f"{row['table']}: {TOLD[str(row['sign'])].format(**row)}{more}"


# --- one table -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Subject:
    """A table with `regency` and `month` beside each row, its contract, and how often each value is there."""

    table: type[Table]
    columns: tuple[Column, ...]
    rows: ir.Table
    counts: pd.DataFrame

    def values(self, name: str) -> pd.DataFrame:
        """value and n, the most frequent first."""
        mine = self.counts[self.counts["name"] == name]
        return mine.sort_values(["n", "value"], ascending=[False, True])


@dataclass(frozen=True)
class _Trait:
    """What does or does not hold of a row; null where it cannot be asked. `beside`: regencies must be alike in it."""

    column: str
    sign: str
    holds: ir.BooleanValue
    beside: bool = False


def _of_table(name: str, extract: Extract, config: Config) -> Iterator[dict[str, Any]]:
    subject = _subject(name, extract)
    if subject.counts["n"].sum() == 0:
        return
    traits = list(_traits(subject, config))
    cells = _cells(subject, traits)
    yield from _changes(name, traits, cells, config)
    yield from _whole(subject, config)
    if len(cells) and RECORDED_ON in subject.rows.columns:  # spells and windows have no rhythm of their own
        yield from _stale(subject, extract, config)
        yield from _missing(subject, cells, config)
        yield from _absent(subject, cells, extract, config)


def _subject(name: str, extract: Extract) -> _Subject:
    table, raw = TABLES[name], extract.tables[name]
    known = {c.name: c for c in table.columns()}
    # Of what a source declared beyond the contract it is asked only whether it is filled.
    columns = tuple(known.get(n, Column("text", "", name=n, pattern=".")) for n in raw.columns)
    placed = _placed(raw, extract.tables["kpm"]) if name != "kpm" else raw.mutate(regency=raw.village_code.left(4))
    rows = placed.mutate(month=_event_day(placed, table).truncate("M"))
    if name in NUMBERS:
        rows = _with_number(rows, name, extract.identity)
    return _Subject(table, columns, rows, _counts(rows, table, columns))


def _placed(raw: ir.Table, kpm: ir.Table) -> ir.Table:
    return raw.inner_join(kpm.select(FAMILY, regency=kpm.village_code.left(4)), FAMILY)


def _event_day(rows: ir.Table, table: type[Table]) -> ir.DateValue:
    period = _period_of(table)
    if period is not None:
        return _first_day(rows[period])
    happened: ir.DateValue = rows[table.happened_on or RECORDED_ON]
    return happened


def _first_day(period: ir.StringValue) -> ir.DateValue:
    """The first day of 2024Q1 or 2024-03."""
    month = period.substr(5, 1).try_cast("int64") * 3 - 2
    of_quarter = period.contains("Q").ifelse(month, period.right(2).try_cast("int64"))
    return ibis.date(period.left(4).try_cast("int64"), of_quarter, ibis.literal(1))


def _with_number(rows: ir.Table, name: str, identity: ir.Table) -> ir.Table:
    """`number agrees`: whether the NIK, which holds the day of birth (of women plus 40), tells the birth date."""
    own = identity.filter(identity.member_id.isnull() if name == "kpm" else identity.member_id.notnull())
    key = [FAMILY] if name == "kpm" else [FAMILY, "member_id"]
    joined = rows.left_join(own.select(*key, "nik"), key)
    joined = joined.drop(*(c for c in joined.columns if c.endswith("_right")))
    born, number = joined[NATURAL[name]], joined.nik.re_search(BIRTH_IN_NUMBER).ifelse(joined.nik, ibis.null("string"))
    day = number.substr(6, 2).try_cast("int64") % 40
    agrees = (
        (day == born.day())
        & (number.substr(8, 2).try_cast("int64") == born.month())
        & (number.substr(10, 2).try_cast("int64") == born.year() % 100)
    )
    asked = born.notnull() & joined.nik.notnull()
    return joined.mutate(**{"number agrees": asked.ifelse(agrees.fill_null(False), ibis.null("boolean"))})


# --- how often each value is there -----------------------------------------------------------------------------------


def _counts(rows: ir.Table, table: type[Table], columns: tuple[Column, ...]) -> pd.DataFrame:
    """name, value (text), n: codes and flags, sizes, birth days, days between the clocks, shapes of identifiers."""
    asked = dict(_asked(rows, table, columns))
    parts = [
        rows.select(value=value.cast("string"))
        .group_by("value")
        .aggregate(n=ibis._.count())
        .mutate(name=ibis.literal(n))
        for n, value in asked.items()
    ]
    counted: pd.DataFrame = ibis.union(*parts).to_pandas() if len(parts) > 1 else parts[0].to_pandas()
    return counted


def _asked(rows: ir.Table, table: type[Table], columns: tuple[Column, ...]) -> Iterator[tuple[str, ir.Value]]:
    yield "rows", ibis.literal("all")
    for c in columns:
        if _is_code(c) and (table.name, c.name) not in MIXED and c.name not in table.key:
            yield c.name, rows[c.name]
        elif _is_size(c):
            yield c.name, _bin(rows, table, c)
        elif c.name == NATURAL.get(table.name):
            yield c.name, rows[c.name]
        elif _is_identifier(c, table):
            yield c.name, _shape(rows[c.name])
    if _two_clocks(table):
        yield RECORDED_ON, rows[RECORDED_ON].delta(rows[table.happened_on], unit="day")


def _is_code(column: Column) -> bool:
    return column.kind in ("flag", "choice") or (column.kind == "whole" and column.maximum is not None)


def _is_size(column: Column) -> bool:
    return column.kind == "number" or (column.kind == "whole" and column.maximum is None)


def _is_identifier(column: Column, table: type[Table]) -> bool:
    """An identifier of this table's own; of families there are none that kpm does not have."""
    return column.kind == "text" and column.pattern is None and (column.name != FAMILY or table.name == "kpm")


def _two_clocks(table: type[Table]) -> bool:
    return table.happened_on is not None and RECORDED_ON in {c.name for c in table.columns()}


def _shape(text: ir.StringValue) -> ir.StringValue:
    """`K000123` -> `A9`: runs of letters and of digits; how long they are is the numbering's own affair."""
    return text.re_replace(r"[A-Za-z]+", "A").re_replace(r"[0-9]+", "9")


def _bin(rows: ir.Table, table: type[Table], column: Column) -> ir.StringValue:
    """Kind, and twelfth of a power of ten, of a number above nothing: counts are exact in any order."""
    value = rows[column.name].cast("float64")
    size = (value > 0).ifelse((value.log10() * BINS).floor().cast("int64"), ibis.null("int64"))
    kind = rows[KINDS[table.name]] if table.name in KINDS else ibis.literal(ALL)
    return kind + " " + size.cast("string")


def _sized(values: pd.DataFrame) -> pd.DataFrame:
    """kind, bin and n of every size that is there."""
    known = values.dropna(subset=["value"])
    split = [str(v).rpartition(" ") for v in known["value"]]
    return pd.DataFrame(
        {"kind": [k for k, _, _ in split], "bin": np.array([b for _, _, b in split], dtype=np.int64), "n": known["n"]}
    )


def _median_bins(values: pd.DataFrame) -> dict[str, int]:
    """The bin of the median of each kind."""
    return {str(kind): _middle(part) for kind, part in _sized(values).sort_values("bin").groupby("kind")}


def _middle(part: pd.DataFrame) -> int:
    reached = part["n"].cumsum() * 2 >= part["n"].sum()
    return int(part.loc[reached, "bin"].iloc[0])


# --- questions of a whole table --------------------------------------------------------------------------------------


def _whole(subject: _Subject, config: Config) -> Iterator[dict[str, Any]]:
    name, rows = subject.table.name, int(subject.values("rows")["n"].sum())
    if rows < config.min_rows:
        return
    filled = subject.rows.aggregate(**{c.name: subject.rows[c.name].count() for c in subject.columns}).to_pandas()
    for c in subject.columns:
        if not filled[c.name].iloc[0] and f"{name}.{c.name}" not in config.absent:
            yield _finding((name, c.name, "empty"), WHOLE, (0.0, 1.0, rows))
        elif _is_size(c):
            yield from _sizes(name, c.name, subject.values(c.name), config)
        elif c.name == NATURAL.get(name):
            yield from _fillers(name, c.name, subject.values(c.name), config)
        elif _is_identifier(c, subject.table):
            yield from _shapes(name, c.name, subject.values(c.name), config)


def _finding(key: tuple[str, str, str], place: str, told: tuple[float, float, float]) -> dict[str, Any]:
    return dict(zip(COLUMNS, (*key, place, *told), strict=False))


def _sizes(name: str, column: str, values: pd.DataFrame, config: Config) -> Iterator[dict[str, Any]]:
    medians, reach = _median_bins(values), round(np.log10(config.far_factor) * BINS)
    sized = _sized(values)
    rows, usual = sized["n"], np.array([medians[k] for k in sized["kind"]], dtype=np.int64)
    far = int(rows[np.abs(sized["bin"] - usual) >= reach].sum())
    if far >= max(config.far_rows, config.far_share * rows.sum()):
        yield _finding((name, column, "far"), WHOLE, (far, config.far_factor, rows.sum()))
    for kind, (lowest, highest) in _believable(name, column, config).items():
        if kind in medians and rows.sum() >= config.min_rows:
            median = 10 ** ((medians[kind] + 0.5) / BINS)
            if not lowest <= median <= highest:
                told = (float(f"{median:.1g}"), float(f"{(lowest * highest) ** 0.5:.1g}"), rows.sum())
                yield _finding((name, column, "median"), kind, told)


def _believable(name: str, column: str, config: Config) -> dict[str, tuple[float, float]]:
    """Ranges of the median by kind; `payments.amount PKH` is of one kind, `welfare.monthly_income` of all rows."""
    asked = config.medians.get(name, {})
    return {k.partition(" ")[2] or ALL: v for k, v in asked.items() if k.partition(" ")[0] == column}


def _fillers(name: str, column: str, values: pd.DataFrame, config: Config) -> Iterator[dict[str, Any]]:
    known = values.dropna(subset=["value"])
    if len(known) and known["n"].iloc[0] >= max(config.far_rows, config.max_day_share * known["n"].sum()):
        told = (int(known["n"].iloc[0]), 0.0, int(known["n"].sum()))
        yield _finding((name, column, "filler"), str(known["value"].iloc[0])[:10], told)


def _shapes(name: str, column: str, values: pd.DataFrame, config: Config) -> Iterator[dict[str, Any]]:
    known = values.dropna(subset=["value"])
    rows = int(known["n"].sum())
    usual = known["n"].iloc[0] / rows if rows else 0.0
    if rows >= config.min_rows and config.same_shape_share <= usual < 1:
        yield _finding((name, column, "shape"), WHOLE, (usual, 1.0, rows))


def _regencies(extract: Extract, config: Config) -> Iterator[dict[str, Any]]:
    kpm = extract.tables["kpm"]
    there = set(kpm.select(code=kpm.village_code.left(4)).distinct().to_pandas()["code"])
    for code in sorted(set(config.regencies) - there):
        yield _finding(("kpm", "village_code", "missing"), f"regency {code}", (0.0, 1.0, 0))


def _names(extract: Extract, most: int = 1) -> Iterator[dict[str, Any]]:
    """Names that no family has. Only how many there are is told."""
    told = extract.identity.aggregate(
        rows=extract.identity.name.count(), test=extract.identity.name.re_search(TEST_NAME).sum().fill_null(0)
    ).to_pandas()
    if told["test"].iloc[0] >= most:
        seen = (int(told["test"].iloc[0]), 0.0, int(told["rows"].iloc[0]))
        yield _finding(("kpm", "caretaker_name", "test"), WHOLE, seen)


def _twice(extract: Extract, config: Config) -> Iterator[dict[str, Any]]:
    """Families that enrolled twice: who comes back is `reactivated`, so these are rows of two families or systems."""
    enrolled = extract.tables["membership"].filter(ibis._.event == "enrolled")
    counts = enrolled.group_by(FAMILY).aggregate(n=enrolled.count())
    told = counts.aggregate(rows=counts.count(), more=(counts.n > 1).sum().fill_null(0)).to_pandas().iloc[0]
    rows, more = int(told["rows"]), int(told["more"])
    if rows >= config.min_rows and more > config.enrolled_twice_share * rows:
        yield _finding(("membership", FAMILY, "twice"), WHOLE, (more / rows, config.enrolled_twice_share, rows))


def _repeats(name: str, extract: Extract, config: Config) -> Iterator[dict[str, Any]]:
    """Numbers that stand in several families: one in a hundred is usual, one in ten is the same families again."""
    own = extract.identity.filter(lambda t: t.member_id.isnull() & t.nik.notnull())
    told = own.group_by("nik").aggregate(n=own.count())
    counts = told.aggregate(rows=told.n.sum().fill_null(0), more=told.n.sum(where=told.n > 1).fill_null(0)).to_pandas()
    rows, more = int(counts["rows"].iloc[0]), int(counts["more"].iloc[0])
    if rows >= config.min_rows and more > config.max_repeated_share * rows:
        yield _finding((name, NUMBERS[name], "repeated"), WHOLE, (more / rows, config.max_repeated_share, rows))


# --- traits: of a quarter, and of a regency in a year ----------------------------------------------------------------


def _traits(subject: _Subject, config: Config) -> Iterator[_Trait]:
    name, rows = subject.table.name, subject.rows
    for c in subject.columns:
        if c.null and (name, c.name) not in OPEN_ENDS | {("welfare", "national_decile")}:
            yield _Trait(c.name, "blank", _asked_where(subject, c.name).ifelse(rows[c.name].notnull(), _UNKNOWN), True)
        values = subject.values(c.name).dropna(subset=["value"])
        if values.empty:
            continue
        if _is_code(c):
            yield _Trait(c.name, "code", rows[c.name].cast("string") == str(values["value"].iloc[0]))
        elif _is_size(c):
            yield _Trait(c.name, "size", _usual_size(subject, c, values, config), True)
    yield from _of_days(subject)
    if "number agrees" in rows.columns:
        yield _Trait(NUMBERS[name], "number", rows["number agrees"], True)


_UNKNOWN = ibis.null("boolean")


def _asked_where(subject: _Subject, column: str) -> ir.BooleanValue:
    """Of which rows a cell may be expected. Of welfare the ranks of the registry come without a visit."""
    if (subject.table.name, column) in FILLED_WHERE:
        other, value = FILLED_WHERE[subject.table.name, column]
        return subject.rows[other] == value
    if subject.table.name == "welfare":
        others = [c.name for c in subject.columns if c.null and c.name not in (column, "national_decile")]
        return ibis.or_(*(subject.rows[o].notnull() for o in others))
    return ibis.literal(True)


def _usual_size(subject: _Subject, column: Column, values: pd.DataFrame, config: Config) -> ir.BooleanValue:
    reach = round(np.log10(config.usual_factor) * BINS)
    split = _bin(subject.rows, subject.table, column).split(" ")
    usual = ibis.cases(
        *((split[0] == kind, bin) for kind, bin in _median_bins(values).items()), else_=ibis.null("int64")
    )
    near: ir.BooleanValue = (split[1].try_cast("int64") - usual).abs() <= reach
    return near


def _of_days(subject: _Subject) -> Iterator[_Trait]:
    rows, table = subject.rows, subject.table
    if _two_clocks(table):
        known = subject.values(RECORDED_ON).dropna(subset=["value"])
        days = known.assign(day=known["value"].astype("int64")).sort_values("day")
        lag = rows[RECORDED_ON].delta(rows[table.happened_on], unit="day")
        if len(days):
            usual = int(days.loc[days["n"].cumsum() * 4 >= 3 * days["n"].sum(), "day"].iloc[0])
            yield _Trait(RECORDED_ON, "late", lag > usual)
            yield _Trait(RECORDED_ON, "early", lag < 0, True)
    if table.name == "payments":
        yield _Trait("paid_on", "outside", rows.paid_on.notnull().ifelse(_outside(rows), _UNKNOWN), True)


def _outside(rows: ir.Table) -> ir.BooleanValue:
    monthly = ~rows.period.contains("Q")
    end = monthly.ifelse(rows.month + ibis.interval(months=1), rows.month + ibis.interval(months=3)).cast("date")
    outside: ir.BooleanValue = (rows.paid_on < rows.month) | (rows.paid_on >= end)
    return outside


def _cells(subject: _Subject, traits: list[_Trait]) -> pd.DataFrame:
    """regency, month, rows, days and families (of which they are); of each trait n, rows it can be asked of, and k."""
    numbers = {f"n{i}": t.holds.count() for i, t in enumerate(traits)}
    numbers |= {f"k{i}": t.holds.sum().fill_null(0) for i, t in enumerate(traits)}
    grouped = subject.rows.filter(subject.rows.month.notnull()).group_by("regency", "month")
    day = subject.rows[subject.table.happened_on or RECORDED_ON]
    counted = grouped.aggregate(
        rows=ibis._.count(), days=day.nunique(), families=subject.rows[FAMILY].nunique(), **numbers
    )
    cells: pd.DataFrame = counted.to_pandas()
    days = pd.to_datetime(cells["month"])
    return cells.assign(month=days.dt.year * 12 + days.dt.month - 1, quarter=days.dt.year * 4 + days.dt.quarter - 1,
                        year=days.dt.year).sort_values(["regency", "month"], ignore_index=True)  # fmt: skip


def _changes(name: str, traits: list[_Trait], cells: pd.DataFrame, config: Config) -> Iterator[dict[str, Any]]:
    """Where a trait changes sides: a regency's year beside its other years, a year and a quarter beside the others,
    and, where regencies must be alike, a regency beside the others.
    """
    numbers = ["families", *(f"{of}{i}" for i in range(len(traits)) for of in "nk")]
    years = cells.groupby(["regency", "year"])[numbers].sum()
    times = [cells.groupby(time)[numbers].sum() for time in ("quarter", "year")]
    regencies = cells.groupby("regency")[numbers].sum()
    own = years.groupby("regency")
    rest = regencies.sum() - regencies
    views = (
        (years, own.transform("sum") - years, own.cumsum() - years, False),
        *((part, part.sum() - part, part.cumsum() - part, False) for part in times),
        (regencies, rest, rest, True),
    )
    for i, trait in enumerate(traits):
        yield from _of_all(name, trait, (cells[f"n{i}"].sum(), cells[f"k{i}"].sum()), config)
        for part, others, before, beside in views:
            if trait.beside or not beside:
                seen = pd.DataFrame({"n": part[f"n{i}"], "k": part[f"k{i}"], "rest_n": others[f"n{i}"],
                                     "rest_k": others[f"k{i}"], "before": before[f"k{i}"],
                                     "families": part["families"]})  # fmt: skip
                yield from _compared((name, trait), seen, config)


def _of_all(name: str, trait: _Trait, counts: tuple[float, float], config: Config) -> Iterator[dict[str, Any]]:
    """What must hold, or not hold, of any table, with nothing beside it."""
    rows, holds = counts
    limits = {"early": config.early_share, "outside": config.changed_share, "number": config.changed_share}
    if trait.sign not in limits or rows < config.min_rows:
        return
    wrong = holds if trait.sign in RISES else rows - holds
    if wrong >= limits[trait.sign] * rows:
        yield _finding((name, trait.column, trait.sign), WHOLE, (holds / rows, float(trait.sign == "number"), rows))


def _compared(key: tuple[str, _Trait], cells: pd.DataFrame, config: Config) -> Iterator[dict[str, Any]]:
    """n, k of a place and of what it is held against; `before`: how many held earlier: what only begins is no hole."""
    name, trait = key
    # The edge of history has few rows, all of them odd; the members of a family are entered together, as one event.
    least = max(config.min_rows, config.vanished_share * cells["n"].median())
    many = (cells["n"] >= least) & (cells["families"] >= config.min_families)
    asked = cells[many & (cells["rest_n"] >= config.min_rows)]
    if asked.empty:
        return
    seen, expected = asked["k"] / asked["n"], asked["rest_k"] / asked["rest_n"]
    told = (seen - expected) * (1 if trait.sign in RISES else -1) >= config.changed_share
    if trait.sign == "blank":
        vanished = (asked["n"] * expected >= config.min_rows) & (seen <= config.vanished_share * expected)
        told = (told | vanished) & (asked["before"] > 0)
    for at in asked.index[told]:
        yield _finding((name, trait.column, trait.sign), _place(at), (seen[at], expected[at], asked["n"][at]))


RISES = ("late", "early", "outside")


def _place(at: Any) -> str:
    """A regency's year, a regency, a year, or a quarter, which is counted from the year 0."""
    if isinstance(at, tuple):
        return f"regency {at[0]} in {at[1]}"
    if isinstance(at, str):
        return f"regency {at}"
    return str(at) if at < FIRST_QUARTER else f"{at // 4}Q{at % 4 + 1}"


# --- rows that are not there -----------------------------------------------------------------------------------------


def _missing(subject: _Subject, cells: pd.DataFrame, config: Config) -> Iterator[dict[str, Any]]:
    """Months without rows, and quarters without rows of a regency, that had some in all the years around.

    What a facilitator enters on one day is one event, however many families it is about: days are counted, not rows.
    Periods are closed for everybody at once; there rows are counted.
    """
    in_days = _period_of(subject.table) is None
    counted, least, sign = (
        ("days", config.min_days, "missing_days") if in_days else ("rows", config.min_rows, "missing")
    )
    key = subject.table.name, _event_column(subject.table), sign
    months = _filled_up(cells.groupby("month")[[counted]].sum())
    usual = _years_around(months, 12)
    for at, _ in _gone(months, usual, least, config):
        told = _number(months, at, counted), _number(usual, at, counted), _number(months, at, counted)
        yield _finding(key, f"{at // 12}-{at % 12 + 1:02d}", told)
    wide = _filled_up(
        cells.pivot_table(index="quarter", columns="regency", values=counted, aggfunc="sum", fill_value=0)
    )
    usual = _years_around(wide, 4).clip(upper=_by_share(wide))
    for at, regency in _gone(wide, usual, least, config):
        told = _number(wide, at, regency), _number(usual, at, regency), _number(wide, at, regency)
        yield _finding(key, f"regency {regency}, {_place(at)}", told)
    for regency, since, expected in _ended(wide, least):
        yield _finding(key, f"regency {regency} since {_place(since)}", (0.0, expected, 0))


def _ended(wide: pd.DataFrame, least: int) -> Iterator[tuple[str, int, float]]:
    """Regencies whose rows end while those of the others go on, each quarter too thin to be judged by itself: since
    when, and what is expected since by their share of the three years before."""
    everywhere = wide.sum(axis=1)  # of whole numbers, so that what is left of it is exact
    for regency in wide.columns:
        own, others = wide[regency], everywhere - wide[regency]
        last = int(own[own > 0].index.max())
        years = slice(last - 11, last)
        known = float(others.loc[years].sum())
        expected = float(own.loc[years].sum() * others.loc[last + 1 :].sum() / known) if known else 0.0
        if expected >= least:
            yield str(regency), last + 1, expected


def _number(rows: pd.DataFrame, at: int, column: Any) -> float:
    return float(rows[column].loc[at])


def _filled_up(rows: pd.DataFrame) -> pd.DataFrame:
    """Times without a row have none."""
    return rows.reindex(range(rows.index.min(), rows.index.max() + 1), fill_value=0).astype(float)


def _gone(rows: pd.DataFrame, usual: pd.DataFrame, least: int, config: Config) -> list[tuple[int, Any]]:
    gone = (usual >= least) & (rows <= config.vanished_share * usual)
    return [(int(rows.index[i]), rows.columns[j]) for i, j in zip(*np.nonzero(gone.to_numpy()), strict=True)]


def _years_around(rows: pd.DataFrame, year: int) -> pd.DataFrame:
    """The least of up to three years before and three after: seasons are no holes, nor what comes in some years only.

    The first year has nothing before it and is not judged.
    """
    shifted = [rows.shift(way * n * year) for n in (1, 2, 3) for way in (1, -1)]
    least = pd.concat(shifted).groupby(level=0).min().reindex(rows.index)
    return least.where(rows.shift(year).notna())


def _period_of(table: type[Table]) -> str | None:
    return next((c.name for c in table.columns() if c.name in ("period", "quarter")), None)


def _event_column(table: type[Table]) -> str:
    return _period_of(table) or table.happened_on or RECORDED_ON


def _by_share(wide: pd.DataFrame) -> pd.DataFrame:
    """What a regency would have of a quarter by its share of the two years around it."""
    around = wide.rolling(9, center=True, min_periods=1).sum() - wide
    return around.div(around.sum(axis=1).replace(0, np.inf), axis=0).mul(wide.sum(axis=1), axis=0)


def _absent(subject: _Subject, cells: pd.DataFrame, extract: Extract, config: Config) -> Iterator[dict[str, Any]]:
    """Regencies with families and no row of a table that all others fill; a few families may have one facilitator."""
    kpm = extract.tables["kpm"]
    families = kpm.group_by(regency=kpm.village_code.left(4)).aggregate(n=kpm.count()).to_pandas()
    families = families.sort_values("regency").set_index("regency")["n"]
    have = cells.groupby("regency")["rows"].sum()
    each = have.sum() / max(1, families.reindex(have.index).sum())
    for code in families.index.difference(have.index):
        if families[code] >= config.min_rows and families[code] * each >= config.min_rows:
            told = 0.0, families[code] * each, 0
            yield _finding((subject.table.name, _event_column(subject.table), "missing"), f"regency {code}", told)


def _stale(subject: _Subject, extract: Extract, config: Config) -> Iterator[dict[str, Any]]:
    """A table whose records end long before the extract's day, longer than they ever paused.

    Not of kpm: nobody has to be enrolled, and rows of families that an older kpm lacks are refused one by one.
    """
    rows = subject.rows
    days = pd.to_datetime(rows.select(day=rows[RECORDED_ON]).distinct().to_pandas()["day"]).dropna().sort_values()
    if days.empty or subject.table.name == "kpm" or int(subject.values("rows")["n"].sum()) < config.min_rows:
        return
    last = days.iloc[-1]
    months = days.dt.year * 12 + days.dt.month
    pause = int(months.diff().max()) if len(months) > 1 else 0
    quiet = extract.extracted_on.year * 12 + extract.extracted_on.month - int(months.iloc[-1])
    if quiet > config.quiet_months + pause:
        told = float(quiet), float(config.quiet_months + pause), float(subject.values("rows")["n"].sum())
        yield _finding((subject.table.name, RECORDED_ON, "stale"), last.date().isoformat(), told)
