"""What other people's worlds and spoilt extracts once got wrong; one test a defect."""

import gzip
from concurrent.futures import ProcessPoolExecutor
from datetime import date
from multiprocessing import get_context
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import spoiling
import worlds
from studies import SMALL_ENGINE

from pipeline import artifacts, cohort, ingest, peers
from pipeline.errors import BadInput

CONFIGS = Path(__file__).resolve().parents[1] / "configs"


@pytest.fixture
def engine(tmp_path):
    settings = artifacts.Config(**SMALL_ENGINE)
    return artifacts.engine(settings, tmp_path / "scratch")


def cut(folder, table: str, keep: int) -> None:
    """The file without its last `keep` bytes."""
    file = folder / f"{table}.csv"
    file.write_bytes(file.read_bytes()[:-keep])


@pytest.mark.parametrize("zipped", [False, True])
def test_a_csv_that_ends_within_a_row_is_refused(tmp_path, engine, zipped):
    folder = spoiling.write_csv(tmp_path / "x", spoiling.sound())
    cut(folder, "payments", 40)  # the last line is K29,PKH,2024Q1,,600000,disbursed,,2024-02-01 and a line end
    if zipped:
        plain = folder / "payments.csv"
        (folder / "payments.csv.gz").write_bytes(gzip.compress(plain.read_bytes()))
        plain.unlink()
    with pytest.raises(BadInput, match=r"payments\.csv(\.gz)?: row 30, the last, has \d of 8 cells and no line end"):
        spoiling.check(engine, folder)


def test_a_csv_without_a_last_line_end_is_read_whole(tmp_path, engine):
    folder = spoiling.write_csv(tmp_path / "x", spoiling.sound())
    cut(folder, "payments", 1)
    checked = spoiling.check(engine, folder)
    assert len(spoiling.lists(checked.accepted["payments"])) == spoiling.FAMILIES
    assert spoiling.lists(checked.rejected["payments"]) == []


EXITED = {"kpm_id": "K1", "effective_on": "2021-03-01", "event": "exited", "recorded_on": "2021-03-05"}
ENROLLED = {"kpm_id": "K1", "effective_on": "2020-01-01", "event": "enrolled", "recorded_on": "2020-01-01"}


def test_an_extract_whose_families_have_all_left_has_nobody_to_score(engine):
    membership = worlds.rows("membership", ENROLLED, EXITED)
    chosen = cohort.select(membership, [date(2020, 12, 31), date(2021, 12, 31)])
    with pytest.raises(BadInput, match="no family is a member on 2021-12-31"):
        cohort.gate(chosen, date(2021, 12, 31))
    cohort.gate(chosen, date(2020, 12, 31))


@pytest.mark.parametrize(("extracted_on", "lines"), [("2021-09-05", 0), ("2021-09-06", 1), ("2031-06-30", 1)])
def test_a_day_of_extraction_long_after_the_last_record_is_told(engine, extracted_on, lines):
    accepted = {"membership": worlds.rows("membership", ENROLLED, EXITED)}  # 2021-03-05 + 184 days = 2021-09-05
    told = ingest.silence(accepted, worlds.day(extracted_on))
    assert len(told) == lines
    assert all("2021-03-05" in line and extracted_on in line for line in told)


def test_an_extract_without_welfare_values_still_has_a_peer_to_beat():
    """Rules of thumb need welfare values; the base rate needs none."""
    compared = set(artifacts.read_yaml(CONFIGS / "evaluate.yaml")["rules"])
    assert compared & set(artifacts.read_yaml(CONFIGS / "peers.yaml")["peers"]) & set(peers.PEERS)


@pytest.mark.parametrize("holds", [[[], []], [[], ["pregnancy"]]])
def test_lists_of_holds_are_written_also_where_nobody_has_one(tmp_path, engine, holds):
    frame = pd.DataFrame({"kpm_id": ["K1", "K2"], "holds": holds})
    artifacts.write(artifacts.as_table(engine, "chances", frame), tmp_path / "scores.parquet")
    written = pq.read_table(tmp_path / "scores.parquet")
    assert written.schema.field("holds").type.value_type == pa.string()
    assert written["holds"].to_pylist() == holds


def replace_often(folder: Path, text: str) -> None:
    for _ in range(40):
        with artifacts.replacing_folder(folder) as made:
            (made / "a").write_text(text)
            (made / "b").write_text(text)


def test_two_runs_that_end_at_once_leave_one_whole_folder(tmp_path):
    folder = tmp_path / "data" / "lists"
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        for run in [pool.submit(replace_often, folder, text) for text in ("first", "second")]:
            run.result()
    assert (folder / "a").read_text() == (folder / "b").read_text()
    assert [p.name for p in folder.parent.iterdir()] == ["lists"]
