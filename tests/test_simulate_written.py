"""The simulated world on disk: runs as row groups, any number of workers, all or nothing, every world of configs."""

import codecs
from datetime import date
from itertools import pairwise

import pyarrow as pa
import pyarrow.csv as csv
import pyarrow.parquet as pq
import pytest
import simulated
from simulated import NO_FLAWS, WRITTEN
from studies import CONFIGS, hashes, run, study, table

from pipeline import artifacts, simulate
from pipeline.artifacts import Home, tabular
from pipeline.simulate import layout

TINY = {"families": 300, "truth_draws": 1, "flaws": simulated.merged({"flaws": NO_FLAWS})["flaws"],
        "places": simulated.merged({"places": {"regencies": {"3315": 1.0, "5302": 0.5}, "families_per_post": 50,
                                               "posts_per_block": 2}})["places"]}  # fmt: skip
WORLDS = sorted(f.stem for f in (CONFIGS / "worlds").glob("*.yaml"))
OUTPUTS = ("data/simulated", "data/truth")


def of_workers(root, workers):
    sections = {"simulate": TINY, "engine": {"workers": workers, "chunk_families": 100}}
    return run(study(root, sections), "simulate")


LEAST = 40  # rows of a group here, so that a small world has several


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tabular, "LEAST_ROWS", LEAST)
        return of_workers(tmp_path_factory.mktemp("written"), 1)


def test_runs_are_taken_together_until_they_are_enough():
    # 5 + 30 + 9 = 44 reach 40; 41 alone; 7 + 3 are what is left.
    assert tabular.grouped([5, 30, 9, 41, 7, 3], 40) == [44, 41, 10]
    assert tabular.grouped([], 40) == []
    assert tabular.grouped([5, 30, 9], 1) == [5, 30, 9]


def settings(home):
    return home.load(simulate.Config, "simulate")


@pytest.mark.parametrize("name", WRITTEN)
def test_row_groups_are_whole_runs_and_tell_their_quarters(written, name):
    recorded = layout.RECORDED.get(name, "recorded_on")
    parts = {p.block.name: p for p in simulate.live(settings(written), simulate.blocks(settings(written)))}
    files = sorted(written.path(f"data/simulated/{name}.parquet").iterdir())
    assert [f.stem for f in files] == sorted(parts)
    for file in files:
        about, piece = pq.ParquetFile(file).metadata, parts[file.stem].tables[name]
        groups = [about.row_group(i) for i in range(about.num_row_groups)]
        assert [g.num_rows for g in groups] == tabular.grouped(piece.runs, LEAST)
        place = about.schema.to_arrow_schema().names.index(recorded)
        spans = [g.column(place).statistics for g in groups]
        quarters = [tuple((d.year, (d.month - 1) // 3) for d in (s.min, s.max)) for s in spans]
        assert all(before[1] < after[0] for before, after in pairwise(quarters))  # no quarter is in two groups


def test_a_regencys_quarter_is_read_without_the_rest(written):
    """By file name and by row group: the same rows as by looking at all."""
    whole, found = table(written, "data/simulated/payments.parquet"), []
    first, last = date(2021, 4, 1), date(2021, 6, 30)
    regency = {k for f in written.path("data/simulated/kpm.parquet").glob("3315-*.parquet")
               for k in pq.read_table(f)["kpm_id"].to_pylist()}  # fmt: skip
    read = groups = 0
    for file in sorted(written.path("data/simulated/payments.parquet").glob("3315-*.parquet")):
        parquet = pq.ParquetFile(file)
        place = parquet.schema_arrow.names.index("recorded_on")
        for i in range(parquet.num_row_groups):
            span = parquet.metadata.row_group(i).column(place).statistics
            groups += 1
            if first <= span.max and span.min <= last:
                rows = parquet.read_row_group(i).to_pylist()
                found += [r for r in rows if first <= r["recorded_on"] <= last]
                read += 1
    expected = [r for r in whole.to_pylist() if first <= r["recorded_on"] <= last and r["kpm_id"] in regency]
    assert found == expected
    assert len(found) > 50
    assert read < groups / 5


def test_the_truth_lies_beside_the_extract_block_by_block(written):
    blocks = sorted(b.name for b in simulate.blocks(settings(written)) if b.families)
    for name in ("truth", "hazards", "exits"):
        assert sorted(f.stem for f in written.path(f"data/truth/{name}.parquet").iterdir()) == blocks
    inside = {f.name for f in written.path("data/simulated").iterdir()}
    assert inside == {f"{n}.parquet" for n in WRITTEN} | {"extract.yaml"}
    assert artifacts.read_yaml(written.path("data/simulated/extract.yaml")) == {
        "name": "simulated-world", "extracted_on": "2025-06-30",
    }  # fmt: skip


def test_two_workers_write_the_same_files_as_one(written, tmp_path):
    one, two = (hashes(of_workers(tmp_path / str(n), n), *OUTPUTS) for n in (1, 2))
    assert len(one) == 1 + 14 * len(list(written.path("data/truth/exits.parquet").iterdir()))
    assert one == two


def test_nothing_half_written_is_left_where_one_chunk_fails(tmp_path, monkeypatch):
    home = of_workers(tmp_path, 1)
    before, calls, real = hashes(home, *OUTPUTS), [], artifacts.write_runs

    def failing(rows, runs, path):
        calls.append(path)
        if len(calls) > 20:
            raise OSError("no space left on device")
        real(rows, runs, path)

    monkeypatch.setattr(artifacts, "write_runs", failing)
    with pytest.raises(OSError, match="no space left"):
        run(home, "simulate")
    assert len(calls) == 21
    assert hashes(home, *OUTPUTS) == before
    assert sorted(p.name for p in home.path("data").iterdir()) == ["simulated", "truth"]


@pytest.mark.parametrize("name", WORLDS)
def test_every_world_comes_to_life_with_fewer_families(name):
    """Its own settings, four hundred families; national has more regencies than that, so most blocks are empty."""
    own = Home(CONFIGS.parent, (CONFIGS,), name).load(simulate.Config, "simulate")
    few = own.model_copy(update={"families": 400, "truth_draws": 1})
    parts = [p for c in simulate.chunks(few, 400) for p in simulate.live(few, c)]
    world = simulated.whole(few, parts)
    assert world.tables["kpm"].num_rows == 400
    assert world.truth["truth"].num_rows > 100
    assert all(world.tables[n].num_rows for n in WRITTEN)
    assert len({p.block.name for p in parts}) == len(parts)
    if name == "regency":
        assert {p.block.regency for p in parts} == {"3315"}
        assert sum(len(b.caseloads) for b in simulate.blocks(own)) == 65
    if name in ("million", "national"):
        assert {p.block.regency[:2] for p in parts} >= {"33", "73"}


@pytest.fixture(scope="module")
def dirty(tmp_path_factory):
    """The dirty world of CSV files, checked against the contract."""
    home = study(tmp_path_factory.mktemp("dirty"), {"simulate": simulated.merged(
        simulated.changes_of("dirty"), {"families": 600, "truth_draws": 1})})  # fmt: skip
    return run(home, "simulate", "source", "ingest")


def test_the_dirty_world_is_written_as_spreadsheets_write(dirty):
    folder = dirty.path("data/simulated")
    assert {f.name for f in folder.iterdir()} == {f"{n}.csv" for n in WRITTEN} | {"extract.yaml"}
    for name in WRITTEN:
        content = (folder / f"{name}.csv").read_bytes()
        assert content.startswith(codecs.BOM_UTF8)
        head = content[len(codecs.BOM_UTF8) :].split(b"\n", 1)[0].decode()
        assert head.replace('"', "").split(";")[0] in ("kpm_id", "case_id")


def test_the_dirty_world_is_read_and_its_flaws_are_sorted_out(dirty):
    everything = csv.ParseOptions(delimiter=";")
    plain = csv.ConvertOptions(column_types={"kpm_id": pa.string()})
    for name in WRITTEN:
        given = csv.read_csv(dirty.path(f"data/simulated/{name}.csv"), parse_options=everything, convert_options=plain)
        kept = table(dirty, f"data/canonical/{name}.parquet").num_rows
        refused = dirty.path(f"data/quarantine/{name}.parquet")
        told = set(pq.read_table(refused)["row"].to_pylist()) if refused.exists() else set()
        # A spoilt number is told and left out, and its row kept.
        assert 0 <= given.num_rows - kept <= len(told)
        assert kept > 0
        assert not told or max(told) <= given.num_rows
    assert table(dirty, "data/quarantine/membership.parquet").num_rows > 0


def test_in_the_leaky_world_traces_are_on_record_before_the_exit():
    """Half of them: a filter by recorded_on does not find these."""
    world = simulated.build(simulated.changes_of("leaky"), {"families": 1500, "truth_draws": 1, "flaws": NO_FLAWS})
    gone = {(r["kpm_id"], r["exit_on"]) for r in world.rows("exits") if r["cause"] == "gsm"}
    letters = {r["kpm_id"]: r for r in world.rows("cases") if r["kind"] == "resignation_letter"}
    pairs = [(letters[k], on) for k, on in gone if k in letters and on < date(2025, 1, 1)]
    early = [letter for letter, on in pairs if letter["recorded_on"] < on]
    assert len(pairs) > 50
    assert 0.3 < len(early) / len(pairs) < 0.7
    assert all(letter["reported_on"] < letter["recorded_on"] for letter in early)
