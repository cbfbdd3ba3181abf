"""The Encuesta Permanente de Hogares (INDEC, Argentina) as an extract: real recipients of a real conditional transfer.

Source of the rows: "Fuente: INDEC, EPH", households by quarter, one row per household and interview. Grain of every
table made here follows the input contract; what the survey does not ask stays null.

What each thing means here:

- A family (`kpm_id` = EPH + eight digits) is a household that reported a receipt (V5 = 1) at least once; its first
  such interview is its enrolment. Earlier interviews are kept in `welfare`: they were known on their own day.
- The day of an interview is not published: it is dated the last day of its quarter, and known on that day (no lag).
- `membership`: enrolled, exited at the first later interview with V5 = 2, reactivated at the next one with V5 = 1.
  An unanswered question (V5 = 9) is no event. Why a family left is not recorded: an exit at an interview without
  children, after one with children, is `natural`; every other exit is `gsm`. What could be seen to change (formal
  wage, other job, pension) lies in exits.parquet beside the tables; it is outcome and never a feature.
- `follow_up`: one window for every pair of interviews a year apart that both answered V5. Rotation, the quarters that
  were never published, the end of the file and attrition leave no window: they are censored, not negative.
- Money is a rank within its quarter, because of inflation, among the families enrolled by that quarter. The panel
  holds whoever received at any time, so ranks among all its rows would change with receipts still to come.
- `payments`: one per interview with receipt; `amount` is the rank of the transfer in whole thousandths, not rupiah.
- `members`: the children, counted by age group and not linked from one interview to the next.
"""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.columns import FAMILY
from pipeline.sources.eph import history, observations, roster
from pipeline.sources.eph.observations import Config
from pipeline.sources.eph.panel import enrolled, prepare, read
from pipeline.sources.extract import Extract
from pipeline.tables import TABLES, Column

__all__ = ["Config", "convert", "open_extract"]

EXITS = "exits"
EXIT_COLUMNS = (
    Column("text", "family", name=FAMILY),
    Column("day", "day of the interview that first saw the family without the transfer", name="effective_on"),
    Column("text", "natural or gsm", name="reason"),
    Column("text", "what changed since the last receipt: formal_wage, other_job, pension or none", name="visible_gain"),
)
ARROW = {
    "text": pa.string(),
    "choice": pa.string(),
    "whole": pa.int64(),
    "number": pa.float64(),
    "flag": pa.bool_(),
    "day": pa.date32(),
}


def open_extract(panel: Path, config: Config, landing: Path) -> Extract:
    """The panel's Parquet file, or the folder that holds it, as contract tables written to landing/<table>.parquet.

    Raises BadInput where it is not the panel. `landing/exits.parquet` is not a contract table: see the module.
    """
    rows = prepare(read(panel, observations.panel_columns(config)))
    tables = tables_of(rows, config)
    landing.mkdir(parents=True, exist_ok=True)
    files = {name: (write(frame, schema(name, config), landing / f"{name}.parquet"),) for name, frame in tables.items()}
    write(history.exits(enrolled(rows)), EXIT_COLUMNS, landing / f"{EXITS}.parquet")
    return Extract("eph", rows["day"].max().date(), files, observations.declared(config))


def convert(panel: pd.DataFrame, config: Config) -> dict[str, pd.DataFrame]:
    """The contract tables of a panel as INDEC publishes it (one row per hh_id and file_q); the input is left alone."""
    return tables_of(prepare(panel), config)


def tables_of(rows: pd.DataFrame, config: Config) -> dict[str, pd.DataFrame]:
    families = enrolled(rows)
    welfare = observations.welfare(families, config)
    return {
        "kpm": roster.kpm(families),
        "members": roster.members(families),
        "welfare": welfare,
        "payments": history.payments(families, welfare[config.transfer_rank]),
        "membership": history.membership(families),
        "follow_up": history.follow_up(families),
    }


def schema(table: str, config: Config) -> tuple[Column, ...]:
    declared = observations.declared(config) if table == "welfare" else ()
    return (*TABLES[table].columns(), *declared)


def write(frame: pd.DataFrame, columns: tuple[Column, ...], file: Path) -> Path:
    """The frame with all columns of the contract, those the panel does not know as nulls."""
    fields: Mapping[str, pa.DataType] = {c.name: ARROW[c.kind] for c in columns}
    complete = frame.reindex(columns=list(fields))
    pq.write_table(pa.Table.from_pandas(complete, pa.schema(list(fields.items())), preserve_index=False), file)
    return file
