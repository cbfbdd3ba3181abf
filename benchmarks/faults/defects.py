"""Is a planted defect told with the right table and column, and is a clean extract ever called defective?

`python -m benchmarks.faults.defects --first 0 --times 1000` plants defect after defect into a simulated extract of two
thousand families in four regencies, eight years: fifty classes (`defects.yaml` beside this file says what each does and
which table and column are to blame), each with twenty seeds. Its number is its seed: class `number % 50`, world
`number // 50`. What the product says of the spoilt extract is then read: the refusal, the rows put into quarantine with
their rule and column, the notices of ingestion, what `plausibility` finds of the tables as a whole, what `leaks` finds
of rows that come shortly before an exit, and, for an extract older than the published one, what `publish` says. A
defect counts only if it changed the extract, and is told only if table and column are both named. `--clean` worlds
without a defect, of six kinds and other seeds, must be told nothing.
"""

import gc
import gzip
import itertools
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Any
from unittest.mock import patch

import ibis
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import typer
from ibis.backends.sql import SQLBackend

from pipeline import artifacts, ingest, leaks, plausibility, publish, simulate, worlds
from pipeline.errors import BadInput
from pipeline.simulate.book import schema
from pipeline.sources import files, landing
from pipeline.tables import TABLES

HOME = artifacts.Home(artifacts.PROJECT, (artifacts.PROJECT / "configs",))
REGENCIES = {"3203": 1.0, "3315": 1.0, "5302": 1.0, "7306": 1.0}
NO_FLAWS = {
    "numbers_invalid": {2017: 0.0}, "numbers_repeated": {2017: 0.0}, "cards_invalid": {2017: 0.0},
    "birth_dates_missing": 0.0, "birth_dates_filled": 0.0, "names_garbled": 0.0, "villages_unknown": 0.0,
    "villages_neighbouring": 0.0, "out_of_list": 0.0,
}  # fmt: skip
SMALL = {
    "truth_draws": 2, "flaws": NO_FLAWS,
    "places": {"regencies": REGENCIES, "families_per_post": 60, "posts_per_block": 8},
}  # fmt: skip
# What a clean extract may look like: the named world, and families ever enrolled.
KINDS = (("default", 2000), ("drift", 1200), ("shock", 1500), ("regency", 900), ("default", 300), ("no_signal", 1200))
TRUTH = Path(__file__).with_name("defects.yaml")
YEARS = range(2019, 2025)


@dataclass
class Case:
    """An extract in a folder, to be spoilt. `told` is what the user has set beside it."""

    folder: Path
    tables: Mapping[str, pa.Table]
    other: Mapping[str, pa.Table]
    rng: np.random.Generator
    regencies: tuple[str, ...] = ()
    published_on: date | None = None
    changed: int = 0
    told_of: tuple[str, tuple[str, ...]] | None = None

    def frame(self, table: str) -> pd.DataFrame:
        return self.tables[table].to_pandas(date_as_object=False)

    def text(self, table: str) -> pd.DataFrame:
        """Every cell as a CSV file has it."""
        frame = self.frame(table)
        made = {c: _spelt(frame[c], TABLES[table].column(c).kind) for c in frame}
        return pd.DataFrame(made)

    def write(self, table: str, frame: pd.DataFrame) -> None:
        """As Parquet, in the contract's types wherever the values still have them."""
        made = artifacts.with_days(frame)
        before = self.tables[table]
        known = {f.name: f for f in before.schema}
        cast = made.cast(pa.schema([known.get(f.name, f) for f in made.schema]))
        self.changed += int(cast.column_names != before.column_names or not cast.equals(before))
        pq.write_table(cast, self.folder / f"{table}.parquet")

    def spell(self, table: str, frame: pd.DataFrame, encoding: str = "utf-8") -> Path:
        """As CSV."""
        path = self.folder / f"{table}.csv"
        (self.folder / f"{table}.parquet").unlink()
        path.write_bytes(frame.to_csv(index=False, lineterminator="\n").encode(encoding))
        self.changed += 1
        return path

    def one(self, values: Any) -> Any:
        """One of several, drawn."""
        listed = list(values)
        return listed[int(self.rng.integers(len(listed)))]

    def some(self, frame: pd.DataFrame, share: float, where: Any = True) -> Any:
        """Marks of a share of the rows, drawn."""
        return (self.rng.random(len(frame)) < share) & where

    def regency(self, frame: pd.DataFrame) -> "pd.Series[Any]":
        """The regency of each row's family."""
        kpm = self.tables["kpm"].select(["kpm_id", "village_code"]).to_pandas()
        return frame["kpm_id"].map(kpm.set_index("kpm_id")["village_code"].str[:4])


def _spelt(values: "pd.Series[Any]", kind: str) -> "pd.Series[Any]":
    if kind == "day":
        made = values.dt.strftime("%Y-%m-%d")
    elif kind == "flag":
        made = values.map({True: "true", False: "false"})
    elif kind == "whole":
        made = values.astype("Int64").astype("string")
    else:
        made = values.astype("string")
    return made.astype(object).where(values.notna(), "")


Plant = Callable[[Case], None]
PLANTS: dict[str, Plant] = {}


def plants(name: str) -> Callable[[Plant], Plant]:
    def kept(plant: Plant) -> Plant:
        PLANTS[name] = plant
        return plant

    return kept


def year_of(days: "pd.Series[Any]", year: int) -> "pd.Series[Any]":
    return days.dt.year == year


def changed(case: Case, table: str, column: str, where: Any, change: Callable[["pd.Series[Any]"], Any]) -> None:
    """`change` the cells of a column in some rows, and write the table."""
    frame = case.frame(table)
    chosen = where(frame) if callable(where) else where
    kept = frame[column].astype("float64") if frame[column].dtype.kind in "iuf" else frame[column].astype(object)
    kept = frame[column].copy() if frame[column].dtype.kind == "M" else kept
    kept[chosen] = change(frame.loc[chosen, column])
    case.write(table, frame.assign(**{column: kept}))


def respelt(case: Case, table: str, column: str, share: float, change: Callable[[str], str]) -> None:
    """`change` the words of a share of a column's filled cells, and write the table as CSV."""
    frame = case.text(table)
    chosen = case.some(frame, share, frame[column] != "")
    case.spell(table, frame.assign(**{column: frame[column].where(~chosen, frame[column].map(change))}))


def swapped(case: Case, table: str, pair: tuple[str, str], where: Any) -> None:
    frame = case.frame(table)
    chosen = where(frame) if callable(where) else where
    first, second = frame[pair[0]].copy(), frame[pair[1]].copy()
    mine, theirs = first.where(~chosen, second), second.where(~chosen, first)
    case.write(table, frame.assign(**{pair[0]: mine, pair[1]: theirs}))


# --- units -----------------------------------------------------------------------------------------------------------


@plants("amounts_in_thousands")
def _(case: Case) -> None:
    changed(case, "payments", "amount", lambda f: f["amount"] >= 0, lambda v: v // 1000)


@plants("income_in_thousands_in_a_regency")
def _(case: Case) -> None:
    code = case.one(REGENCIES)
    changed(case, "welfare", "monthly_income", lambda f: case.regency(f) == code, lambda v: v // 1000)


@plants("income_in_thousands_in_a_year")
def _(case: Case) -> None:
    year = case.one(YEARS)
    changed(case, "welfare", "monthly_income", lambda f: year_of(f["observed_on"], year), lambda v: v // 1000)


@plants("income_of_a_year_in_a_regency")
def _(case: Case) -> None:
    code = case.one(REGENCIES)
    changed(case, "welfare", "monthly_income", lambda f: case.regency(f) == code, lambda v: v * 12)


@plants("turnover_times_a_thousand_in_some_rows")
def _(case: Case) -> None:
    filled = case.frame("welfare")["business_turnover"] > 0
    changed(case, "welfare", "business_turnover", case.some(filled, 0.05, filled), lambda v: v * 1000)


@plants("attendance_as_a_share_of_one")
def _(case: Case) -> None:
    changed(case, "commitments", "attendance_pct", lambda f: f["attendance_pct"] >= 0, lambda v: v / 100)


# --- columns swapped -------------------------------------------------------------------------------------------------


@plants("income_and_floor_area_swapped")
def _(case: Case) -> None:
    code = case.one(REGENCIES)
    swapped(case, "welfare", ("monthly_income", "floor_area_m2"), lambda f: case.regency(f) == code)


@plants("identity_and_family_card_swapped")
def _(case: Case) -> None:
    swapped(case, "kpm", ("caretaker_nik", "family_card_no"), lambda f: f["kpm_id"].notna())


@plants("valid_and_known_swapped")
def _(case: Case) -> None:
    table, event = case.one([("welfare", "observed_on"), ("sessions", "held_on"), ("cases", "reported_on")])
    case.told_of = table, (event, "recorded_on")
    swapped(case, table, (event, "recorded_on"), lambda f: f["kpm_id"].notna())


@plants("valid_and_known_swapped_in_a_year")
def _(case: Case) -> None:
    year = case.one(YEARS)
    swapped(case, "sessions", ("held_on", "recorded_on"), lambda f: year_of(f["held_on"], year))


@plants("yes_and_no_swapped_in_a_year")
def _(case: Case) -> None:
    year = case.one(YEARS)
    changed(case, "identity_checks", "matched", lambda f: year_of(f["checked_on"], year), lambda v: ~v.astype(bool))


# --- days and clocks -------------------------------------------------------------------------------------------------


@plants("payments_a_month_late_in_a_regency")
def _(case: Case) -> None:
    code, late = case.one(REGENCIES), pd.Timedelta(days=30)
    changed(case, "payments", "paid_on", lambda f: case.regency(f) == code, lambda v: v + late)


@plants("periods_a_quarter_off")
def _(case: Case) -> None:
    frame = case.frame("payments")
    moved = (pd.PeriodIndex(frame["period"], freq="Q") + 1).strftime("%YQ%q")
    case.write("payments", frame.assign(period=moved))


@plants("exits_a_month_late")
def _(case: Case) -> None:
    late = pd.Timedelta(days=31)
    changed(case, "membership", "effective_on", lambda f: f["event"] == "exited", lambda v: v + late)


@plants("sessions_two_months_early_in_a_year")
def _(case: Case) -> None:
    year, early = case.one(YEARS), pd.Timedelta(days=61)
    changed(case, "sessions", "held_on", lambda f: year_of(f["held_on"], year), lambda v: v - early)


@plants("known_before_it_happened")
def _(case: Case) -> None:
    frame, early = case.frame("cases"), pd.Timedelta(days=400)
    changed(case, "cases", "recorded_on", case.some(frame, 0.3), lambda v: v - early)


@plants("known_in_the_future")
def _(case: Case) -> None:
    frame, late = case.frame("welfare"), pd.Timedelta(days=3650)
    changed(case, "welfare", "recorded_on", case.some(frame, 0.01), lambda v: v + late)


@plants("one_day_of_record")
def _(case: Case) -> None:
    changed(case, "membership", "recorded_on", lambda f: f["kpm_id"].notna(), lambda v: v.max())


@plants("day_of_record_copied_from_the_event")
def _(case: Case) -> None:
    frame = case.frame("welfare")
    case.write("welfare", frame.assign(recorded_on=frame["observed_on"]))


@plants("extracted_on_mistyped")
def _(case: Case) -> None:
    card(case, lambda day: day.replace(year=day.year + case.one([1, 2, 5])))


@plants("days_of_another_time_zone")
def _(case: Case) -> None:
    respelt(case, "sessions", "held_on", 1.0, lambda v: f"{date.fromisoformat(v) - timedelta(days=1)}T17:00:00+00:00")


@plants("days_as_31/12/2024")
def _(case: Case) -> None:
    respelt(case, "cases", "reported_on", 1.0, lambda v: date.fromisoformat(v).strftime("%d/%m/%Y"))


@plants("days_as_numbers_of_a_spreadsheet")
def _(case: Case) -> None:
    respelt(case, "programmes", "started_on", 1.0, lambda v: str((date.fromisoformat(v) - date(1899, 12, 30)).days))


@plants("birth_dates_filled")
def _(case: Case) -> None:
    table, column = case.one([("kpm", "caretaker_birth_date"), ("members", "birth_date")])
    case.told_of = table, (column,)
    frame = case.frame(table)
    changed(case, table, column, case.some(frame, 0.08), lambda v: pd.Timestamp(1970, 1, 1))


@plants("ends_before_it_starts")
def _(case: Case) -> None:
    filled = case.frame("programmes")["ended_on"].notna()
    changed(case, "programmes", "ended_on", case.some(filled, 0.05, filled), lambda v: pd.Timestamp(2001, 1, 1))


# --- rows that are missing -------------------------------------------------------------------------------------------


def without(case: Case, table: str, where: Callable[[pd.DataFrame], Any]) -> None:
    frame = case.frame(table)
    case.write(table, frame[~where(frame)].reset_index(drop=True))


@plants("a_regency_without_payments_in_a_quarter")
def _(case: Case) -> None:
    code, quarter = case.one(REGENCIES), f"{case.one(YEARS)}Q{case.one([1, 2, 3, 4])}"
    without(case, "payments", lambda f: (case.regency(f) == code) & (f["period"] == quarter))


@plants("a_regency_without_welfare")
def _(case: Case) -> None:
    code = case.one(REGENCIES)
    without(case, "welfare", lambda f: case.regency(f) == code)


@plants("a_regency_without_families")
def _(case: Case) -> None:
    code = case.one(REGENCIES)
    without(case, "kpm", lambda f: f["village_code"].str[:4] == code)


@plants("a_regency_missing_everywhere")
def _(case: Case) -> None:
    code = case.one(REGENCIES)
    for table in case.tables:
        without(case, table, lambda f: case.regency(f) == code)
    case.regencies = tuple(REGENCIES)


@plants("a_month_missing")
def _(case: Case) -> None:
    table, event = case.one([("welfare", "observed_on"), ("identity_checks", "checked_on")])
    case.told_of = table, (event,)
    month = pd.Period(f"{case.one(YEARS)}-{case.one(range(1, 13))}", freq="M")
    without(case, table, lambda f: f[event].dt.to_period("M") == month)


@plants("an_older_file_among_newer_ones")
def _(case: Case) -> None:
    table, last = case.one(["commitments", "sessions", "cases", "payments"]), pd.Timestamp(2024, 6, 30)
    case.told_of = table, ("recorded_on",)
    without(case, table, lambda f: f["recorded_on"] > last)


@plants("older_than_the_published_extract")
def _(case: Case) -> None:
    case.published_on = files.open_extract(case.folder, ()).extracted_on + timedelta(
        days=int(case.rng.integers(1, 400))
    )
    case.changed += 1


@plants("a_table_without_rows")
def _(case: Case) -> None:
    without(case, "membership", lambda f: f["kpm_id"].notna())


# --- rows that are too many ------------------------------------------------------------------------------------------


@plants("families_again_under_new_identifiers")
def _(case: Case) -> None:
    frame = case.frame("kpm")
    again = frame[case.some(frame, 0.1)]
    case.write(
        "kpm", pd.concat([frame, again.assign(kpm_id=again["kpm_id"].str.replace("K", "K9"))], ignore_index=True)
    )


@plants("payments_twice")
def _(case: Case) -> None:
    frame = case.frame("payments")
    again = frame[case.some(frame, 0.02)]
    case.write("payments", pd.concat([frame, again.assign(amount=again["amount"] + 1)], ignore_index=True))


@plants("rows_of_two_extracts")
def _(case: Case) -> None:
    table = case.one(["kpm", "members", "membership"])
    case.told_of = table, ("kpm_id",)
    frame, other = case.frame(table), case.other[table].to_pandas(date_as_object=False)
    case.write(table, pd.concat([frame, other[case.some(other, 0.3)]], ignore_index=True))


@plants("test_rows")
def _(case: Case) -> None:
    frame = case.frame("kpm")
    tests = frame.head(5).assign(kpm_id=[f"TEST-{i}" for i in range(5)])
    case.write("kpm", pd.concat([frame, tests], ignore_index=True))


@plants("header_again_among_the_rows")
def _(case: Case) -> None:
    table, column = case.one([("sessions", "held_on"), ("cases", "reported_on"), ("identity_checks", "checked_on")])
    case.told_of = table, (column,)
    frame = case.text(table)
    half = len(frame) // 2
    head = pd.DataFrame([list(frame)], columns=list(frame))
    case.spell(table, pd.concat([frame[:half], head, frame[half:]], ignore_index=True))


# --- values ----------------------------------------------------------------------------------------------------------


@plants("codes_out_of_list")
def _(case: Case) -> None:
    respelt(case, "payments", "status", 0.02, lambda v: v.upper())


@plants("decimal_commas")
def _(case: Case) -> None:
    respelt(case, "welfare", "floor_area_m2", 1.0, lambda v: v.replace(".", ",") if "." in v else f"{v},5")


@plants("negative_amounts")
def _(case: Case) -> None:
    frame = case.frame("payments")
    changed(case, "payments", "amount", case.some(frame, 0.01, frame["amount"] > 0), lambda v: -v)


@plants("yes_and_no_as_words")
def _(case: Case) -> None:
    respelt(case, "welfare", "smartphone", 1.0, lambda v: "ya" if v == "true" else "tidak")


@plants("identity_number_as_member")
def _(case: Case) -> None:
    frame = case.frame("members")
    changed(
        case, "members", "member_id", case.some(frame, 0.02, frame["nik"].notna()), lambda v: frame.loc[v.index, "nik"]
    )


@plants("identifiers_as_numbers")
def _(case: Case) -> None:
    table, kind = case.tables["kpm"], case.one([pa.float64(), pa.int64()])
    at = table.column_names.index("village_code")
    numbers = table["village_code"].cast(pa.int64()).cast(kind)
    pq.write_table(table.set_column(at, "village_code", numbers), case.folder / "kpm.parquet")
    case.changed += 1


@plants("a_column_blank")
def _(case: Case) -> None:
    column = case.one(["monthly_income", "floor_type", "business_turnover"])
    case.told_of = "welfare", (column,)
    changed(case, "welfare", column, lambda f: f["kpm_id"].notna(), lambda v: np.nan)


@plants("a_column_blank_in_a_year")
def _(case: Case) -> None:
    year, column = case.one(YEARS), case.one(["monthly_income", "floor_type", "house_tenure"])
    case.told_of = "welfare", (column,)
    changed(case, "welfare", column, lambda f: year_of(f["observed_on"], year), lambda v: np.nan)


# --- files -----------------------------------------------------------------------------------------------------------


@plants("a_file_cut_off")
def _(case: Case) -> None:
    table = case.one(["members", "payments", "welfare"])
    stored = case.one([True, False])
    path = case.folder / f"{table}.parquet" if stored else case.spell(table, case.text(table))
    content = path.read_bytes()[: int(case.rng.integers(1000, path.stat().st_size - 10))]
    path.write_bytes(content.rstrip(b"\n,0123456789-")[:-1] if path.suffix == ".csv" else content)
    if case.one([True, False]) and path.suffix == ".csv":
        path.with_suffix(".csv.gz").write_bytes(gzip.compress(content)[:-9])
        path.unlink()
    case.told_of = table, ()
    case.changed += 1


@plants("another_encoding")
def _(case: Case) -> None:
    frame = case.text("kpm")
    frame.loc[int(case.rng.integers(len(frame))), "caretaker_name"] = "Renée Pérez"
    case.spell("kpm", frame, case.one(["latin-1", "utf-16"]))


# --- what only a later day could know --------------------------------------------------------------------------------


@plants("resignation_letters_known_too_early")
def _(case: Case) -> None:
    """Each graduate has one, entered some days before the exit, as a system does that overwrites its days."""
    gone = graduates(case)
    early = pd.to_timedelta(case.rng.integers(1, 25, len(gone)), unit="D")
    frame = case.frame("cases")
    more = frame.head(1).reindex([0] * len(gone)).assign(
        case_id=[f"C9{i:08d}" for i in range(len(gone))], kpm_id=gone["kpm_id"].to_numpy(), kind="resignation_letter",
        reported_on=gone["effective_on"].to_numpy() - early, recorded_on=gone["effective_on"].to_numpy() - early,
        status="open", reporter="pendamping", referred_to=None, closed_on=pd.NaT,
    )  # fmt: skip
    case.write("cases", pd.concat([frame, more], ignore_index=True))


def graduates(case: Case) -> pd.DataFrame:
    frame = case.frame("membership")
    return frame[(frame["event"] == "exited") & frame["reason"].isin(["gsm", "ppse"])]


@plants("the_outcome_as_a_column")
def _(case: Case) -> None:
    frame = case.frame("kpm")
    left = frame["kpm_id"].isin(graduates(case)["kpm_id"])
    case.write("kpm", frame.assign(graduated=left.to_numpy()))


def card(case: Case, change: Callable[[date], date]) -> None:
    extract = files.open_extract(case.folder, ())
    text = f'name: {extract.name}\nextracted_on: "{change(extract.extracted_on)}"\n'
    artifacts.write_text(text, case.folder / files.CARD)
    case.changed += 1


# --- what the product says -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Told:
    """Lines for the user, and table and column of what was found."""

    lines: tuple[str, ...]
    found: frozenset[tuple[str, str]] = frozenset()

    def names(self, table: str, columns: list[str]) -> bool:
        """Whether the table, and with it one of the columns, is named; a file as a whole has no column."""
        spoken = any(table in line and any(c in line for c in columns or [""]) for line in self.lines)
        return spoken or any((table, c) in self.found for c in columns)


def said(folder: Path, scratch: Path, regencies: tuple[str, ...] = (), published: date | None = None) -> Told:
    """All that ingestion, and what looks for leaks, tell of the extract in a folder."""
    lines: list[str] = []
    found: set[tuple[str, str]] = set()
    connection = ibis.duckdb.connect(threads=1)
    ibis.set_backend(connection)
    try:
        with _written_once():
            found |= _looked_at(connection, folder, scratch, (lines, regencies, published))
    except BadInput as error:
        lines += str(error).splitlines()
    finally:
        connection.disconnect()
    return Told(tuple(lines), frozenset(found))


STATEMENTS: dict[tuple[str, Any, Any], str] = {}


@contextmanager
def _written_once() -> Iterator[None]:
    """Ibis writes the statement of equal expressions once, not anew for each extract: half the work of a small one.

    Equal are expressions with the same operations, tables, columns, types and literals; what runs is the same text.
    """
    write = SQLBackend.compile

    def compile(self: Any, expr: Any, /, *, limit: Any = None, params: Any = None, pretty: bool = False) -> str:
        if params or pretty:
            return write(self, expr, limit=limit, params=params, pretty=pretty)
        key = self.name, limit, expr.op()
        if key not in STATEMENTS:
            if len(STATEMENTS) >= 1000:  # each holds the operations it was written for
                STATEMENTS.clear()
            STATEMENTS[key] = write(self, expr, limit=limit)
        return STATEMENTS[key]

    numbers = itertools.count()  # names of tables are drawn; numbered, they are the same for every extract
    named = patch.object(ibis.util, "gen_name", lambda of: f"{of}_{next(numbers)}")
    with named, patch.object(SQLBackend, "compile", compile):
        yield


def _looked_at(
    connection: Any, folder: Path, scratch: Path, given: tuple[list[str], tuple[str, ...], date | None]
) -> set[tuple[str, str]]:
    lines, regencies, published = given
    config = HOME.load(ingest.Config, "ingest")
    extract = files.open_extract(folder, ())
    publish.refuse_older(extract.extracted_on, published)
    landed = landing.read(connection, extract)
    lines += landed.notices
    checked = ingest.check(landed.tables, ingest.Frame(extract.extracted_on), config, landing.keeper(connection))
    tallies = ingest.tally(checked)
    found = {(t.table, c) for t in tallies for _, told in t.places for c in told.split(", ")}
    ingest.verdict(tallies, config)
    lines += ingest.clocked(ingest.read_clocks(checked), config)
    for name, table in checked.accepted.items():
        artifacts.write_parquet(table, scratch / f"{name}.parquet")
    artifacts.write_parquet(checked.identity, scratch / "identity.parquet.identity")
    tables = {n: connection.read_parquet(scratch / f"{n}.parquet") for n in checked.accepted}
    lines += ingest.silence(tables, extract.extracted_on)
    asked = HOME.load(plausibility.Config, "plausibility").model_copy(update={"regencies": regencies})
    identity = connection.read_parquet(scratch / "identity.parquet.identity")
    strange = plausibility.find(plausibility.Extract(tables, identity, extract.extracted_on), asked)
    lines += plausibility.told(strange)
    found |= set(zip(strange["table"].astype(str), strange["column"].astype(str), strict=True))
    surges = leaks.surges(tables, HOME.load(leaks.Config, "leaks"))
    lines += leaks.told(pd.DataFrame(surges, columns=leaks.COLUMNS))
    return found | {(str(s["table"]), str(s["name"])) for s in surges}


# --- worlds ----------------------------------------------------------------------------------------------------------


def simulated(world: str, families: int, seed: int) -> tuple[simulate.Config, dict[str, pa.Table]]:
    """A small clean world."""
    changes = HOME.about(world).changes if world != "default" else {}
    values = HOME.values("simulate")
    for change in (changes, SMALL, {"families": families, "seed": seed}):
        values = worlds.merge(values, change)
    config = simulate.Config(**values)
    parts = [p for c in simulate.chunks(config, 10**9) for p in simulate.live(config, c)]
    return config, {n: pa.concat_tables([p.tables[n].table.cast(schema(n)) for p in parts]) for n in parts[0].tables}


def written(tables: Mapping[str, pa.Table], config: simulate.Config, folder: Path) -> Path:
    folder.mkdir(parents=True)
    for name, table in tables.items():
        pq.write_table(table, folder / f"{name}.parquet")
    artifacts.write_text(f'name: {config.name}\nextracted_on: "{config.extracted_on}"\n', folder / files.CARD)
    return folder


@dataclass
class Tally:
    """Of a class: planted, those that changed the extract, and of these told with table and column."""

    planted: int = 0
    changed: int = 0
    told: int = 0


def truth() -> dict[str, dict[str, Any]]:
    """Of each class: what it does, the table and the columns to blame."""
    return dict(artifacts.read_yaml(TRUTH))


def planted(
    number: int, base: tuple[simulate.Config, Mapping[str, pa.Table], Mapping[str, pa.Table]]
) -> tuple[str, Tally]:
    """One defect by its number."""
    name = list(PLANTS)[number % len(PLANTS)]
    config, tables, other = base
    with tempfile.TemporaryDirectory() as place:
        folder, scratch = written(tables, config, Path(place) / "extract"), Path(place) / "scratch"
        scratch.mkdir()
        case = Case(folder, tables, other, np.random.default_rng(number))
        PLANTS[name](case)
        heard = said(folder, scratch, case.regencies, case.published_on)
    blamed = truth()[name]
    table, columns = case.told_of or (blamed["table"], blamed["columns"])
    told = heard.names(table, list(columns))
    return name, Tally(1, int(case.changed > 0), int(case.changed > 0 and told))


def all_planted(first: int, times: int, families: int) -> dict[str, Tally]:
    """Tallies by class; worlds are made once for all classes of a seed."""
    found = {name: Tally() for name in PLANTS}
    seed, base = -1, None
    for number in range(first, first + times):
        if base is None or number // len(PLANTS) != seed:
            seed = number // len(PLANTS)
            config, tables = simulated("default", families, 1000 + seed)
            base = config, tables, simulated("default", 300, 5000 + seed)[1]
        name, one = planted(number, base)
        for key, value in vars(one).items():
            setattr(found[name], key, getattr(found[name], key) + value)
        if one.changed and not one.told:
            typer.echo(f"not told: {name}, number {number}", err=True)
    return found


def alarms(first: int, times: int) -> int:
    """Clean worlds of which anything is told."""
    found = 0
    for number in range(first, first + times):
        world, families = KINDS[number % len(KINDS)]
        config, tables = simulated(world, families, 100_000 + number)
        with tempfile.TemporaryDirectory() as place:
            folder, scratch = written(tables, config, Path(place) / "extract"), Path(place) / "scratch"
            scratch.mkdir()
            heard = said(folder, scratch)
        if heard.lines or heard.found:
            found += 1
            typer.echo(f"clean world {number} ({world}): {'; '.join(heard.lines)} {sorted(heard.found)}", err=True)
    return found


def main(
    first: Annotated[int, typer.Option(help="Number of the first defect.")] = 0,
    times: Annotated[int, typer.Option(help="Defects.")] = 1000,
    clean: Annotated[int, typer.Option(help="Clean worlds.")] = 1000,
    first_clean: Annotated[int, typer.Option(help="Number of the first clean world.")] = 0,
    families: Annotated[int, typer.Option(help="Families ever enrolled in the world that is spoilt.")] = 2000,
) -> None:
    gc.set_threshold(50_000, 20, 50)  # expressions are many small objects that are no garbage
    start = time.perf_counter()
    total = Counter[str]()
    for name, tally in all_planted(first, times, families).items():
        total.update(vars(tally))
        typer.echo(f"{name:<44}{tally.changed:>4} of {tally.planted} changed the extract, {tally.told} told")
    typer.echo(
        f"{'all':<44}{total['changed']:>4} of {total['planted']} changed the extract, {total['told']} told"
        f"; {time.perf_counter() - start:.0f} s"
    )
    start, false = time.perf_counter(), alarms(first_clean, clean)
    typer.echo(f"{'clean worlds':<44}{clean:>4} looked at, {false} alarms; {time.perf_counter() - start:.0f} s")
    if total["told"] < 0.995 * total["changed"] or false:
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
