"""A small sound extract as text rows, ways to write it to a folder, and the whole way through ingestion."""

import csv
import gzip
import io
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline import ingest
from pipeline.sources import files, landing
from pipeline.tables import TABLES, Column

Row = dict[str, str]
Rows = dict[str, list[Row]]
FAMILIES = 30
EXTRACTED_ON = date(2025, 6, 30)
CONFIG = ingest.Config(
    max_rejected_share=0.05, max_early_share=0.2, same_clock_share=0.95, min_rows=20,
    earliest_day=date(1900, 1, 1), latest_day=date(2199, 12, 31),
)  # fmt: skip
ANY_SHARE = CONFIG.model_copy(update={"max_rejected_share": 1.0})
ARROW = {
    "text": pa.string(), "choice": pa.string(), "whole": pa.int64(), "number": pa.float64(), "flag": pa.bool_(),
    "day": pa.date32(),
}  # fmt: skip


def sound() -> Rows:
    """Thirty families K00..K29 in every table; 9202 is in Papua, where a number loses most."""
    family = [f"K{i:02d}" for i in range(FAMILIES)]
    known = {"recorded_on": "2024-02-01"}
    return {
        "kpm": [
            known | {"kpm_id": k, "enrolled_on": "2020-01-15", "caretaker_nik": f"92020145038500{k[1:]}",
                     "family_card_no": f"92020101018500{k[1:]}", "caretaker_name": f"Ibu {k}", "caretaker_sex": "F",
                     "caretaker_birth_date": "1985-03-05", "village_code": "9202010001", "urban": "false"}
            for k in family
        ],
        "members": [
            known | {"kpm_id": k, "member_id": "M1", "nik": f"92020145038500{k[1:]}", "sex": "F",
                     "birth_date": "2012-05-01", "relation": "child", "in_school": "sd", "valid_from": "2020-01-15"}
            for k in family
        ],
        "welfare": [
            known | {"kpm_id": k, "observed_on": "2024-01-20", "national_decile": "3", "monthly_income": "1500000",
                     "floor_area_m2": "36.5", "smartphone": "true"}
            for k in family
        ],
        "payments": [
            known | {"kpm_id": k, "programme": "PKH", "period": "2024Q1", "amount": "600000", "status": "disbursed"}
            for k in family
        ],
        "membership": [
            known | {"kpm_id": k, "effective_on": "2020-01-15", "event": "enrolled"} for k in family
        ],
    }  # fmt: skip


def header(table: str, further: tuple[Column, ...] = ()) -> list[str]:
    return [c.name for c in (*TABLES[table].columns(), *further)]


def csv_text(table: str, rows: list[Row], delimiter: str = ",", quoting: int = csv.QUOTE_MINIMAL) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, header(table), restval="", delimiter=delimiter, quoting=quoting, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def typed(column: Column, text: str) -> object:
    """The value that a sound cell stands for, as Arrow takes it."""
    if not text:
        return None
    read: Mapping[str, Callable[[str], object]] = {
        "whole": int, "number": float, "flag": lambda t: t == "true", "day": date.fromisoformat,
    }  # fmt: skip
    return read.get(column.kind, str)(text)


def arrow(table: str, rows: list[Row]) -> pa.Table:
    return pa.table({
        c.name: pa.array([typed(c, row.get(c.name, "")) for row in rows], ARROW[c.kind])
        for c in TABLES[table].columns()
    })  # fmt: skip


def write_card(folder: Path, text: str = 'extracted_on: "2025-06-30"\nname: small\n') -> None:
    (folder / "extract.yaml").write_text(text, encoding="utf-8")


def write_csv(folder: Path, extract: Rows, **style: object) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    write_card(folder)
    for table, rows in extract.items():
        (folder / f"{table}.csv").write_bytes(csv_text(table, rows, **style).encode())
    return folder


def write_gzip(folder: Path, extract: Rows) -> Path:
    write_csv(folder, extract)
    for table in extract:
        plain = folder / f"{table}.csv"
        (folder / f"{table}.csv.gz").write_bytes(gzip.compress(plain.read_bytes(), mtime=0))
        plain.unlink()
    return folder


def write_parquet(folder: Path, extract: Rows) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    write_card(folder)
    for table, rows in extract.items():
        pq.write_table(arrow(table, rows), folder / f"{table}.parquet")
    return folder


def check(engine, folder: Path, config: ingest.Config = ANY_SHARE, welfare: tuple[Column, ...] = ()) -> ingest.Checked:
    """The whole way from a folder to judged rows; the verdict is the caller's."""
    extract = files.open_extract(folder, welfare)
    landed = landing.read(engine, extract)
    frame = ingest.Frame(extract.extracted_on, extract.welfare)
    return ingest.check(landed.tables, frame, config, landing.keeper(engine))


def lists(table) -> list[dict[str, object]]:
    return table.to_pyarrow().to_pylist()
