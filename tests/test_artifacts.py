"""The disk: all of a file or none of it, equal tables are equal bytes, private things are private."""

import errno
import os
import stat
import subprocess
import sys
import threading
from datetime import date
from pathlib import Path

import ibis
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from studies import SMALL_ENGINE

from pipeline import artifacts, study
from pipeline.artifacts import Home, tabular
from pipeline.errors import BadInput

FRAME = pd.DataFrame({"kpm_id": ["A", "B", None], "n": [1, 2, 3], "x": [0.5, np.nan, 2.0]})
ENGINE = (
    "engine: duckdb\nthreads: 1\nmemory_limit: 1GB\nworkers: 1\nchunk_families: 100\npart_families: 100\n"
    "frame_families: 100\n"
)


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def names(folder):
    return sorted(p.name for p in folder.iterdir())


def test_a_file_is_replaced_whole(tmp_path):
    path = tmp_path / "made" / "a.txt"
    artifacts.write_text("old", path)
    with artifacts.replacing(path) as temporary:
        temporary.write_text("new", encoding="utf-8")
        assert path.read_text(encoding="utf-8") == "old"
    assert path.read_text(encoding="utf-8") == "new"
    assert names(path.parent) == ["a.txt"]


def fail_in(replacing, path):
    with replacing(path) as temporary:
        (temporary / "b.txt" if temporary.is_dir() else temporary).write_text("half", encoding="utf-8")
        raise RuntimeError("power cut")


def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "a.txt"
    artifacts.write_text("old", path)
    with pytest.raises(RuntimeError, match="power cut"):
        fail_in(artifacts.replacing, path)
    assert path.read_text(encoding="utf-8") == "old"
    assert names(tmp_path) == ["a.txt"]


def test_a_folder_is_replaced_whole(tmp_path):
    path = tmp_path / "lists"
    for content in ("one.txt", "two.txt"):
        with artifacts.replacing_folder(path) as temporary:
            artifacts.write_text("x", temporary / "below" / content)
    assert names(path / "below") == ["two.txt"]
    assert names(tmp_path) == ["lists"]


def test_an_error_leaves_the_old_folder_and_nothing_else(tmp_path):
    path = tmp_path / "lists"
    with artifacts.replacing_folder(path) as temporary:
        artifacts.write_text("old", temporary / "a.txt")
    with pytest.raises(RuntimeError, match="power cut"):
        fail_in(artifacts.replacing_folder, path)
    assert names(path) == ["a.txt"]
    assert names(tmp_path) == ["lists"]


def refusing(monkeypatch, alone):
    """No folder can be put in place: by exchange, or, where a file system knows none (`alone`), by a rename."""
    rename = Path.rename

    def failing(*_):
        raise OSError("no space left")

    monkeypatch.setattr(artifacts.machine, "exchange", (lambda *_: False) if alone else failing)
    monkeypatch.setattr(Path, "rename", lambda self, to: failing() if self.suffix == ".part" else rename(self, to))


@pytest.mark.parametrize("alone", [False, True], ids=["exchange", "rename"])
def test_a_folder_that_cannot_be_put_in_place_leaves_the_old_one(tmp_path, monkeypatch, alone):
    path = tmp_path / "lists"
    with artifacts.replacing_folder(path) as temporary:
        artifacts.write_text("old", temporary / "a.txt")
    refusing(monkeypatch, alone)
    with pytest.raises(OSError, match="no space left"), artifacts.replacing_folder(path) as temporary:
        (temporary / "b.txt").write_text("new", encoding="utf-8")
    assert names(path) == ["a.txt"]
    assert names(tmp_path) == ["lists"]


@pytest.mark.parametrize("alone", [False, True], ids=["exchange", "rename"])
def test_a_folder_takes_the_place_of_another_with_or_without_the_help_of_the_file_system(tmp_path, monkeypatch, alone):
    if alone:
        monkeypatch.setattr(artifacts.machine, "exchange", lambda *_: False)
    path = tmp_path / "lists"
    for content in ("one.txt", "two.txt", "three.txt"):
        with artifacts.replacing_folder(path) as temporary:
            artifacts.write_text("x", temporary / content)
        assert names(path) == [content]
    assert names(tmp_path) == ["lists"]


def test_a_folder_is_never_missing_while_another_takes_its_place(tmp_path):
    """A reader that looks all the time: with two renames it found nothing in one of some hundred looks."""
    path, looks, ended = tmp_path / "lists", [], threading.Event()

    def look():
        while not ended.is_set():
            looks.append(path.is_dir())

    artifacts.write_text("x", path / "a.txt")
    reader = threading.Thread(target=look)
    reader.start()
    for _ in range(200):
        with artifacts.replacing_folder(path) as temporary:
            artifacts.write_text("x", temporary / "a.txt")
    ended.set()
    reader.join()
    assert looks
    assert all(looks)


def ended_process():
    """The number of a process that is no more."""
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    return done.pid


def test_who_writes_alone_clears_away_what_killed_processes_left(tmp_path):
    gone, other = ended_process(), os.getppid()
    for folder in ("data", "data/.scratch"):
        for process in (gone, other):
            artifacts.write_text("x", tmp_path / folder / f".lists.{process}.part" / "a.txt")
    artifacts.write_text("x", tmp_path / f"data/identity/.identity.parquet.{gone}.part")
    artifacts.write_text("x", tmp_path / f"data/.scratch/.engine.{gone}.spill/spilt")
    artifacts.write_text("whole", tmp_path / f"data/.visits.{gone}.old" / "a.txt")
    with artifacts.alone(tmp_path, "lists"):
        assert names(tmp_path / "data") == [f".lists.{other}.part", ".lock", ".scratch", "identity", "visits"]
        assert names(tmp_path / "data/.scratch") == [f".lists.{other}.part"]
        assert names(tmp_path / "data/identity") == []
    assert (tmp_path / "data/visits/a.txt").read_text() == "whole"


def test_what_a_killed_process_of_the_same_number_left_is_in_nobodys_way(tmp_path):
    """In a container the numbers come round: the next run of the same stage may have the number of the killed one."""
    for path in (artifacts.beside(tmp_path / "lists", "part"), artifacts.beside(tmp_path / "b.txt", "part")):
        artifacts.write_text("half", path / "a.txt" if "lists" in path.name else path)
    with artifacts.replacing_folder(tmp_path / "lists") as folder:
        artifacts.write_text("x", folder / "b.txt")
    artifacts.write_text("new", tmp_path / "b.txt")
    assert names(tmp_path) == ["b.txt", "lists"]
    assert names(tmp_path / "lists") == ["b.txt"]


WAITS = """
import sys
from pathlib import Path
from pipeline import artifacts
with artifacts.alone(Path(sys.argv[1]), "score"):
    print("mine", flush=True)
"""


def test_a_second_writer_waits_and_is_told_for_whom(tmp_path):
    command = [sys.executable, "-c", WAITS, str(tmp_path)]
    with artifacts.alone(tmp_path, "lists"):
        second = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        told = second.stderr.readline()
        assert second.poll() is None
    out, _ = second.communicate(timeout=60)
    assert told == f"score: waits until another run here has ended: process {os.getpid()}, lists\n"
    assert (out, second.returncode) == ("mine\n", 0)


def test_an_error_of_the_system_names_what_was_being_made(tmp_path):
    with pytest.raises(OSError) as error, artifacts.replacing(tmp_path / "a.txt"):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert error.value.filename == str(tmp_path / "a.txt")


def test_private_files_are_private(tmp_path):
    path = tmp_path / "identity.parquet"
    artifacts.write(FRAME, path, artifacts.PRIVATE)
    assert mode(path) == 0o600
    artifacts.write(ibis.range(3).unnest().name("a").as_table(), path, artifacts.PRIVATE)
    assert mode(path) == 0o600


def test_the_scratch_folder_is_private_and_gone(tmp_path):
    with artifacts.scratch_folder(tmp_path / "scratch") as folder:
        assert mode(folder) == 0o700
        (folder / "landed.parquet").write_bytes(b"x")
    assert names(tmp_path / "scratch") == []
    with pytest.raises(RuntimeError), artifacts.scratch_folder(tmp_path / "scratch"):
        raise RuntimeError
    assert names(tmp_path / "scratch") == []


@pytest.mark.parametrize("made", [FRAME, pa.Table.from_pandas(FRAME)], ids=["frame", "arrow"])
def test_equal_tables_are_equal_bytes(tmp_path, made):
    for name in ("one", "two"):
        artifacts.write(made, tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    pd.testing.assert_frame_equal(artifacts.read_frame(tmp_path / "one"), FRAME, check_dtype=False)


def test_equal_expressions_are_equal_bytes(tmp_path):
    n = 3 * tabular.ROWS_PER_GROUP // 2  # more than one row group
    t = ibis.range(n).unnest().name("n").as_table().mutate(half=lambda t: t.n / 2).order_by("n")
    for name in ("one", "two"):
        artifacts.write(t, tmp_path / name)
    assert artifacts.sha256(tmp_path / "one") == artifacts.sha256(tmp_path / "two")
    assert pq.read_metadata(tmp_path / "one").num_rows == n
    assert artifacts.read(tmp_path / "one").half.sum().execute() == n * (n - 1) / 4


def test_a_compiled_statement_is_written_with_its_types(tmp_path):
    schema = pa.schema({"a": pa.int64(), "d": pa.date32()})
    artifacts.write_sql("SELECT 1::TINYINT AS a, DATE '2025-06-30' AS d", schema, tmp_path / "a")
    assert pq.read_table(tmp_path / "a").schema == schema
    assert artifacts.read_frame(tmp_path / "a")["d"][0] == pd.Timestamp("2025-06-30")


def test_a_folder_is_read_by_name(tmp_path):
    for name in ("kpm", "members"):
        artifacts.write(FRAME, tmp_path / f"{name}.parquet")
    found = artifacts.read_folder(tmp_path)
    assert list(found) == ["kpm", "members"]
    assert found["kpm"].count().execute() == 3
    assert artifacts.read(tmp_path).count().execute() == 6


def test_rows_at_positions_are_those_of_the_whole_file(tmp_path, monkeypatch):
    """Over batches of five rows: none, some and all of a batch are asked for, and the last batch is short."""
    monkeypatch.setattr(tabular, "ROWS_PER_GROUP", 5)
    frame = pd.DataFrame({"k": [f"k{i}" for i in range(23)], "n": np.arange(23.0), "other": 1})
    artifacts.write(frame, tmp_path / "x.parquet")
    assert artifacts.rows(tmp_path / "x.parquet") == 23
    for positions in ([0], [4, 5, 22], [10, 11, 12, 13, 14], list(range(23)), []):
        found = artifacts.read_rows(tmp_path / "x.parquet", np.array(positions, dtype=np.int64), ["n", "k"])
        assert found.columns.tolist() == ["n", "k"]
        assert found["k"].tolist() == [f"k{i}" for i in positions]
        assert found["n"].tolist() == positions


READERS = [artifacts.read, artifacts.read_json, artifacts.read_csv, artifacts.read_frame, artifacts.rows]


@pytest.mark.parametrize("read", READERS)
def test_what_is_not_there_names_the_file_and_the_way_out(tmp_path, read):
    path = tmp_path / "absent"
    with pytest.raises(BadInput) as refused:
        read(path)
    assert str(refused.value) == f"{path}: not there yet\nrun `dvc repro`, or the stage that writes it, first"


def home(*folders, root=Path("nowhere")):
    return Home(root, tuple(folders))


def write_section(folder, text, section="engine"):
    folder.mkdir(exist_ok=True)
    (folder / f"{section}.yaml").write_text(text, encoding="utf-8")


def test_a_section_is_loaded(tmp_path):
    write_section(tmp_path, ENGINE)
    assert home(tmp_path).load(artifacts.Config, "engine").memory_limit == "1GB"


def test_the_first_folder_that_has_a_section_wins(tmp_path):
    own, general = tmp_path / "own", tmp_path / "general"
    write_section(general, ENGINE)
    write_section(own, "x: 1", "another")
    assert home(own, general).load(artifacts.Config, "engine").threads == 1
    write_section(own, ENGINE.replace("threads: 1", "threads: 2"))
    assert home(own, general).load(artifacts.Config, "engine").threads == 2
    assert home(general, own).load(artifacts.Config, "engine").threads == 1
    assert home(own, general, root=tmp_path).path("data/x") == tmp_path / "data" / "x"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (ENGINE + "thread: 2\n", "engine.yaml: thread: Extra inputs are not permitted"),
        (ENGINE.replace("threads: 1\n", ""), "engine.yaml: threads: Field required"),
        (ENGINE.replace("duckdb", "abacus"), "engine.yaml: engine: Input should be 'duckdb'"),
        (ENGINE.replace("1GB", "much"), "engine.yaml: memory_limit: String should match pattern"),
        ("", "engine.yaml: file: Input should be a valid dictionary"),
        ("- 1\n", "engine.yaml: file: Input should be a valid dictionary"),
        ("engine: [duckdb\n", "engine.yaml: cannot be read as YAML: while parsing"),
    ],
)
def test_a_wrong_section_names_file_key_and_rule(tmp_path, text, told):
    write_section(tmp_path, text)
    with pytest.raises(BadInput) as refused:
        home(tmp_path).load(artifacts.Config, "engine")
    assert str(refused.value).startswith(f"{tmp_path}/{told}")


def test_every_wrong_key_is_told_and_the_way_out(tmp_path):
    write_section(tmp_path, "engine: duckdb\nthreads: 0\n")
    with pytest.raises(BadInput) as refused:
        home(tmp_path).load(artifacts.Config, "engine")
    lines = str(refused.value).splitlines()
    first = ["threads", "memory_limit", "workers", "chunk_families", "part_families"]
    assert [line.split(": ")[1] for line in lines[:5]] == first
    assert lines[5:] == ["mend the file named above; its comments in configs/ tell what each key means"]


def test_bytes_that_are_no_text_are_refused(tmp_path):
    (tmp_path / "engine.yaml").write_bytes(b"engine: \xff\xfe")
    with pytest.raises(BadInput, match=r"engine\.yaml: cannot be read as YAML"):
        home(tmp_path).load(artifacts.Config, "engine")


def test_a_missing_section_tells_where_it_was_looked_for(tmp_path):
    with pytest.raises(BadInput) as refused:
        home(tmp_path / "own", tmp_path).load(study.Config, "study")
    assert str(refused.value).splitlines() == [
        "configs: study.yaml is missing",
        f"looked in {tmp_path}/own, {tmp_path}",
    ]


def test_every_section_of_the_project_is_read_as_yaml():
    assert all(isinstance(artifacts.read_yaml(f), dict) for f in Path("configs").rglob("*.yaml"))


def test_hashes_of_known_text(tmp_path):
    artifacts.write_bytes(b"abc", tmp_path / "a")
    assert artifacts.sha256(tmp_path / "a") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert artifacts.md5(tmp_path / "a") == "900150983cd24fb0d6963f7d28e17f72"


def test_the_hash_of_a_folder_tells_names_content_and_place(tmp_path):
    def folder(name, **files):
        for file, text in files.items():
            artifacts.write_text(text, tmp_path / name / file)
        return artifacts.sha256(tmp_path / name)

    first = folder("one", a="1", b="2")
    assert folder("same", b="2", a="1") == first
    assert len({first, folder("renamed", a="1", c="2"), folder("edited", a="1", b="3"), folder("less", a="1")}) == 4


@pytest.mark.parametrize("text", [
    "a: &x 1\nb: *x\n", "a: !!python/tuple [1]\n", "[" * 100_000, "- " * 50_000, "a: 2025-13-45\n", "a" * (5 << 20),
])  # fmt: skip
def test_yaml_is_plain_small_and_flat(tmp_path, text):
    """A deep nesting ended the whole process, and a day that does not exist ended it with a traceback."""
    (tmp_path / "study.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(BadInput, match=r"study\.yaml"):
        artifacts.read_yaml(tmp_path / "study.yaml")


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[" * 100_000, b'{"n": 1', b"[]", b"null", b'{"m": 1}'])
def test_damaged_json_is_told_by_its_file(tmp_path, content):
    (tmp_path / "told.json").write_bytes(content)
    with pytest.raises(BadInput, match=r"told\.json: .*\nremove it and run `dvc repro`"):
        artifacts.read_json(tmp_path / "told.json", "n")


def test_json_of_another_shape_is_told_by_its_file(tmp_path):
    artifacts.write_json({"as_of": "2025-06-31"}, tmp_path / "run.json")
    with pytest.raises(BadInput, match=r"run\.json: not as its stage writes it \(ValueError\)"):
        artifacts.recorded(tmp_path / "run.json", lambda run: date.fromisoformat(run["as_of"]))


@pytest.mark.parametrize("content", [b"", b"a,b\n1,2,3\n1,2,3,4\n", b"\xff\xfe", b'a\n"', b"b\n1\n"])
def test_a_damaged_csv_is_told_by_its_file(tmp_path, content):
    (tmp_path / "told.csv").write_bytes(content)
    with pytest.raises(BadInput, match=r"told\.csv: "):
        artifacts.read_csv(tmp_path / "told.csv", "a")


@pytest.mark.parametrize("left", [0, 4, 40, 200])
def test_a_damaged_table_is_told_by_its_file(tmp_path, left):
    artifacts.write(FRAME, tmp_path / "told.parquet")
    (tmp_path / "told.parquet").write_bytes((tmp_path / "told.parquet").read_bytes()[:left])
    with pytest.raises(BadInput, match=r"told\.parquet: cannot be read as Parquet"):
        artifacts.read_frame(tmp_path / "told.parquet")


def test_json_is_plain_and_in_order(tmp_path):
    path = tmp_path / "a.json"
    artifacts.write_json({"b": np.float64(0.5), "a": date(2025, 6, 30), "c": np.int64(3)}, path)
    assert path.read_text(encoding="utf-8") == '{\n "a": "2025-06-30",\n "b": 0.5,\n "c": 3\n}\n'
    assert artifacts.read_json(path) == {"a": "2025-06-30", "b": 0.5, "c": 3}
    with pytest.raises(ValueError, match="not JSON compliant"):
        artifacts.write_json({"a": float("nan")}, path)
    with pytest.raises(TypeError, match="cannot be written as JSON: PosixPath"):
        artifacts.write_json({"a": Path("x")}, path)
    assert artifacts.read_json(path)["c"] == 3


def test_the_digest_does_not_hang_on_order():
    assert artifacts.digest({"a": 1, "b": [2]}) == artifacts.digest({"b": [2], "a": 1})
    assert artifacts.digest({"a": 1}) != artifacts.digest({"a": 2})


def test_codes_keep_their_digits(tmp_path):
    artifacts.write_csv(pd.DataFrame({"regency_code": ["0101"], "name": ["NA"], "active": [7]}), tmp_path / "i.csv")
    found = artifacts.read_codes(tmp_path / "i.csv")
    assert found.values.tolist() == [["0101", "NA", 7]]
    assert (tmp_path / "i.csv").read_bytes() == b"regency_code,name,active\n0101,NA,7\n"


def test_the_engine_runs_within_its_limits(tmp_path):
    before = ibis.get_backend()
    try:
        settings = artifacts.Config(**SMALL_ENGINE)
        connection = artifacts.engine(settings, tmp_path / "s")
        settings = connection.con.sql("SELECT current_setting('threads'), current_setting('temp_directory')").fetchall()
        assert settings[0] == (1, str(tmp_path / "s" / f".engine.{os.getpid()}.spill"))
        table = artifacts.as_table(connection, "chances", FRAME)
        assert table.count().execute() == 3
        assert ibis.get_backend() is connection
    finally:
        ibis.set_backend(before)
