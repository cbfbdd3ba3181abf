"""Parts: however many there are, ingestion says the same of every row."""

from pathlib import Path

import ibis
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from spoiling import sound, write_parquet
from studies import run, study

from pipeline.artifacts import Home
from pipeline.parts import WHOLE, Part, overlaps, split, within


def families(*ids: str | None) -> ibis.Table:
    return ibis.memtable(pa.table({"kpm_id": pa.array(ids, pa.string()), "n": range(len(ids))}))


def kept(table: ibis.Table, part: Part) -> list[int]:
    return sorted(within(table, part).to_pyarrow()["n"].to_pylist())


def test_parts_hold_at_most_so_many_families_in_order():
    # Seven families, three a part: K0-K2, K3-K5, K6; the first part has no lower end and the last no upper one.
    found = split(families(*(f"K{i}" for i in (5, 0, 3, 6, 1, 4, 2))), 3)
    assert found == (Part(0, None, "K3"), Part(1, "K3", "K6"), Part(2, "K6", None))
    assert [p.name for p in found] == ["0000", "0001", "0002"]
    assert split(families("K0", "K1", "K2"), 3) == (WHOLE,)


def test_a_row_goes_with_its_family_whatever_blanks_are_around_it():
    table = families("K1", " K4", "K4 ", None, "\tK0", "K9", "")
    first, second = Part(0, None, "K3"), Part(1, "K3", None)
    # 0 K1, 4 K0 behind a tab, 3 null, 6 nothing: the first; 1 and 2 K4 with blanks, 5 K9: the second.
    assert kept(table, first) == [0, 3, 4, 6]
    assert kept(table, second) == [1, 2, 5]
    assert kept(table, WHOLE) == list(range(7))


@pytest.mark.parametrize("seed", range(5))
def test_every_row_is_in_exactly_one_part(seed):
    ids = [f"{' ' * (i % 3)}K{(i * 7919 + seed) % 50:02d}" for i in range(200)] + [None]
    table = families(*ids)
    found = split(table, 40)
    assert len(found) == 5  # 200 ids that are not null, at most 40 a part
    assert sorted(n for part in found for n in kept(table, part)) == list(range(201))
    for family in {i.strip() for i in ids if i}:
        holding = [p for p in found if any(ids[n] and ids[n].strip() == family for n in kept(table, p))]
        assert len(holding) == 1, family


def test_a_file_is_left_out_only_where_its_marks_exclude_the_part():
    part = Part(1, "K3", "K6")
    assert overlaps(part, "K0", "K3")
    assert overlaps(part, "K5", "K9")
    assert overlaps(part, "K0", "K9")
    assert not overlaps(part, "K0", "K2")
    assert not overlaps(part, "K6", "K9")
    assert overlaps(part, None, None)
    assert overlaps(part, " K9", "K0")


def extract() -> dict[str, list[dict[str, str]]]:
    """A spoilt extract: rejected families, repeated rows within a family, one case number for two families."""
    made = sound()
    made["kpm"][1]["village_code"] = "12"
    made["kpm"][20]["caretaker_nik"] = "3.2E+15"
    made["kpm"].append(made["kpm"][7] | {"village_code": "3204010001"})
    made["members"][4]["nik"] = "3203015409820000.0"
    made["payments"][17]["status"] = "sent"
    made["payments"][3]["status"] = "sent"
    made["payments"].append(dict(made["payments"][25]))
    made["welfare"].append(made["welfare"][6] | {"monthly_income": "7", "recorded_on": "2024-01-25"})
    made["welfare"].append(made["welfare"][11] | {"kpm_id": "K77"})
    made["cases"] = [
        {"kpm_id": f"K{k:02d}", "case_id": c, "reported_on": "2023-03-01", "reporter": "tksk", "kind": "illness",
         "status": "open", "recorded_on": day}
        for k, c, day in [(2, "C1", "2024-02-02"), (28, "C1", "2024-02-01"), (5, "C2", "2024-02-01")]
    ]  # fmt: skip
    return made


def rows(home: Home, folder: str) -> dict[str, list[dict[str, object]]]:
    """Every table of a folder, its rows in an order that does not depend on parts."""
    found = {}
    for table in sorted((home.path(folder)).glob("*.parquet")):
        read = pq.read_table(table).to_pylist()
        found[table.name] = sorted(read, key=lambda r: [str(r[c]) for c in sorted(r)])
    return found


def ingested(root: Path, folder: Path, size: int) -> Home:
    sections = {
        "engine": {"part_families": size, "workers": 2},
        "source": {"kind": "files", "path": str(folder)},
        "ingest": {"max_rejected_share": 1.0},
    }
    return run(study(root, sections), "ingest")


def test_ingestion_says_the_same_in_one_part_and_in_many(tmp_path):
    folder = write_parquet(tmp_path / "extract", extract())
    whole = ingested(tmp_path / "whole", folder, 1000)
    several = ingested(tmp_path / "several", folder, 12)
    assert whole.path("data/canonical/kpm.parquet").is_file()
    assert len(list(several.path("data/canonical/kpm.parquet").iterdir())) == 3  # 31 rows of kpm, at most 12 a part
    for place in ("data/canonical", "data/quarantine"):
        assert rows(whole, place) == rows(several, place)
    # The case recorded first stands, though its family is of another part.
    assert {(r["kpm_id"], r["case_id"]) for r in rows(several, "data/canonical")["cases.parquet"]} == {
        ("K28", "C1"), ("K05", "C2")
    }  # fmt: skip
    for file in ("data/quarantine/counts.csv", "data/canonical/extract.json"):
        assert whole.path(file).read_bytes() == several.path(file).read_bytes(), file
    one, many = (pq.read_table(home.path("data/identity/identity.parquet")) for home in (whole, several))
    assert one.equals(many)
    assert several.path("data/identity/identity.parquet").stat().st_mode & 0o777 == 0o600
    assert not list(several.path("data/.scratch").iterdir())  # nothing personal stays behind
