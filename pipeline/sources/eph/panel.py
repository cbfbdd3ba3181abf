"""Reading the panel and refusing what is not the panel; the two clocks of an interview."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.errors import BadInput

HOUSEHOLD = "hh_id"
QUARTER = "file_q"
QUARTER_SHAPE = r"^\d{4}T[1-4]$"
RECEIPT = "V5"
MONEY = ("ITF", "IPCF")
MONEY_PREFIX = "sum_"
CODES = (
    "REGION", "AGLOMERADO", RECEIPT, "V2", "head_CH04", "head_CH06", "n_u6", "n_6_17", "n_5_17_in_school",
    "n_formal_wage", "n_employed",
)  # fmt: skip
LARGEST_HOUSEHOLD_ID = 99_999_999
SO_FAR = ("interviews_so_far", "receipts_so_far", "non_receipts_so_far")  # what an interview knows of earlier ones
PANDAS = {pa.int64(): pd.Int64Dtype(), pa.float64(): pd.Float64Dtype()}
WAY_OUT = "Way out: give the household panel of the EPH (one Parquet file) as `path` of configs/source.yaml."


def read(path: Path, more: Sequence[str]) -> pd.DataFrame:
    """The columns used, checked; one row per household and quarter. Raises BadInput with file, column and way out."""
    file = panel_file(path)
    table = load(file)
    wanted = list(dict.fromkeys((HOUSEHOLD, QUARTER, *CODES, *more)))
    missing = [c for c in wanted if c not in table.column_names]
    if missing:
        raise BadInput(f"{file}: not the panel: column missing: {', '.join(missing)}", WAY_OUT)
    typed = {c: column(file, c, table[c]) for c in wanted}
    check_rows(file, typed)
    frame: pd.DataFrame = pa.table(typed).to_pandas(types_mapper=PANDAS.get)
    return frame


def panel_file(path: Path) -> Path:
    if not path.is_dir():
        if not path.is_file():
            raise BadInput(f"{path}: no such file or folder", WAY_OUT)
        return path
    found = sorted(path.glob("*.parquet"))
    if len(found) != 1:
        raise BadInput(f"{path}: {len(found)} *.parquet files in the folder, one expected", WAY_OUT)
    return found[0]


def load(file: Path) -> pa.Table:
    try:
        return pq.ParquetFile(file).read()
    except (pa.ArrowException, OSError) as error:
        raise BadInput(f"{file}: cannot be read as Parquet ({type(error).__name__})", WAY_OUT) from None


def column(file: Path, name: str, values: pa.ChunkedArray) -> pa.ChunkedArray:
    kind = values.type.value_type if pa.types.is_dictionary(values.type) else values.type
    money = name in MONEY or name.startswith(MONEY_PREFIX)
    right = pa.types.is_string(kind) or pa.types.is_large_string(kind) if name == QUARTER else is_numeric(kind)
    if not right:
        wanted = "text such as 2014T3" if name == QUARTER else "pesos" if money else "whole numbers"
        raise BadInput(f"{file}: column {name}: {wanted} expected, the file has {kind}", WAY_OUT)
    target = pa.string() if name == QUARTER else pa.float64() if money else pa.int64()
    return cast(file, name, values, target)


def is_numeric(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_null(kind))


def cast(file: Path, name: str, values: pa.ChunkedArray, target: pa.DataType) -> pa.ChunkedArray:
    """Floats that hold whole numbers pass; NaN is no answer, as pandas writes it where a column has gaps."""
    if pa.types.is_floating(values.type):
        values = pc.if_else(pc.is_finite(values), values, None)
    try:
        return values.cast(target)
    except pa.ArrowInvalid:
        raise BadInput(f"{file}: column {name}: codes are whole numbers, the file has fractions", WAY_OUT) from None


def check_rows(file: Path, columns: dict[str, pa.ChunkedArray]) -> None:
    households, quarters = columns[HOUSEHOLD], columns[QUARTER]
    if not len(households):
        raise BadInput(f"{file}: the panel has no row, so nothing says until when it speaks", WAY_OUT)
    known = pc.and_(pc.greater_equal(households, 0), pc.less_equal(households, LARGEST_HOUSEHOLD_ID))
    refuse(file, HOUSEHOLD, known, "a whole number of at most 8 digits expected")
    shaped = pc.match_substring_regex(quarters, QUARTER_SHAPE)
    refuse(file, QUARTER, shaped, "a quarter such as 2014T3 expected")
    interviews = pa.table({HOUSEHOLD: households, QUARTER: quarters}).to_pandas()
    refuse(
        file, HOUSEHOLD, pa.array(~interviews.duplicated()), "an interview with the same household and quarter again"
    )


def refuse(file: Path, name: str, valid: pa.ChunkedArray | pa.Array, rule: str) -> None:
    wrong = pc.invert(pc.fill_null(valid, False))
    count = pc.sum(wrong).as_py()
    if count:
        first = pc.index(wrong, True).as_py()
        raise BadInput(f"{file}: column {name}: {rule}; {count} rows break it, the first is row {first}", WAY_OUT)


def prepare(panel: pd.DataFrame) -> pd.DataFrame:
    """The panel by family and time with `kpm_id`, `quarter` (year*4 + quarter - 1), `day` and `receives`.

    `receives` is true, false, or null where the question was not answered. `*_so_far` count this interview and those
    before it: at a family's second interview a missing receipt at the first tells a good deal about its next year.
    """
    text = panel[QUARTER].astype(str)
    quarters = {name: pd.Period(name.replace("T", "Q"), freq="Q") for name in text.unique()}
    days = {name: q.to_timestamp(how="end").normalize() for name, q in quarters.items()}
    added = panel.assign(
        kpm_id="EPH" + panel[HOUSEHOLD].astype("int64").astype(str).str.zfill(8),
        quarter=text.map({name: q.year * 4 + q.quarter - 1 for name, q in quarters.items()}),
        day=text.map(days).astype("datetime64[s]"),
        receives=panel[RECEIPT].astype("Int64").map({1: True, 2: False}).astype("boolean"),
    )
    return with_counts_so_far(added.sort_values(["kpm_id", "quarter"], ignore_index=True))


def with_counts_so_far(rows: pd.DataFrame) -> pd.DataFrame:
    receives = rows["receives"]
    counted = (pd.Series(True, index=rows.index), receives.fillna(False), ~receives.fillna(True))
    return rows.assign(
        **{name: c.astype("int64").groupby(rows["kpm_id"]).cumsum() for name, c in zip(SO_FAR, counted, strict=True)}
    )


def enrolled(rows: pd.DataFrame) -> pd.DataFrame:
    """Interviews of households that received at least once, with `enrolled_on`, the day of the first receipt."""
    first = rows[rows["receives"].fillna(False)].groupby("kpm_id")["day"].min()
    known = rows.assign(enrolled_on=rows["kpm_id"].map(first))
    return known[known["enrolled_on"].notna()].reset_index(drop=True)
