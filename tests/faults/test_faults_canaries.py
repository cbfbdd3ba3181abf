"""A few canaries in an extract, searched for after ingestion and publication; the search finds what is packed."""

import gzip
import io
import itertools
import shutil
import sqlite3
import subprocess
import zipfile
import zlib

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from studies import QUICK, command, run, study

from benchmarks.faults import canaries

FEW = canaries.drawn(6)


@pytest.fixture(scope="module")
def home(small_run, tmp_path_factory):
    """The small run with canaries in its extract, ingested and published anew, and extracts that are refused."""
    root = tmp_path_factory.mktemp("canaries") / "home"
    shutil.copytree(small_run.root, root)
    shutil.copytree(root / "data" / "simulated", root / canaries.EXTRACT)
    canaries.plant(root / canaries.EXTRACT, FEW)
    made = run(study(root, {**QUICK, "source": {"path": canaries.EXTRACT}}), "source", "ingest", "publish")
    (root / canaries.SAID).mkdir()
    for folder in itertools.islice(canaries.spoilt(root / "spoilt", root / canaries.EXTRACT), 3):
        other = study(root / "homes" / folder.name, {**QUICK, "source": {"path": str(folder)}})
        done = command("ingest", home=other.root)
        (root / canaries.SAID / f"refused {folder.name}.txt").write_text(done.stdout + done.stderr)
        assert done.returncode in (0, 2), done.stderr
    return made


def test_canaries_are_in_the_identity_store_and_nowhere_else(home):
    found = canaries.checked(home.root, FEW, [])
    assert found.faults == []
    assert found.held[canaries.STORE] == FEW.all
    assert found.held["the extract"] == FEW.all
    assert found.files > 100


def test_a_canary_elsewhere_is_a_fault(home, tmp_path):
    shutil.copytree(home.root / "data" / "identity", tmp_path / "data" / "identity")
    (tmp_path / "data" / "identity" / "identity.parquet").chmod(0o644)
    (tmp_path / "mlflow.log").write_text(f"Ibu {FEW.names[0].upper()}")
    faults = canaries.checked(tmp_path, FEW, []).faults
    assert faults == ["mlflow.log: 1 canaries", "data/identity/identity.parquet: mode 644"]
    assert canaries.judged({"said/planner list": {FEW.niks[0], FEW.names[0]}})[1]
    assert not canaries.judged({"said/planner list": {FEW.names[0]}})[1]


def packed(content):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("xl/sharedStrings.xml", content)
    return stream.getvalue()


def columnar(content):
    stream = io.BytesIO()
    pq.write_table(pa.table({"a": ["x", content.decode()], "b": [1, int(FEW.niks[1])]}), stream, compression="zstd")
    return stream.getvalue()


WAYS = {
    "plain": bytes, "capitals": bytes.upper, "wide": lambda c: c.decode().encode("utf-16-le"), "zip": packed,
    "gzip": gzip.compress, "zlib": zlib.compress, "parquet": columnar,
    "zip of gzip": lambda c: packed(gzip.compress(c)),
    "picture": lambda c: b"\x89PNG\r\n\x1a\n....zTXt" + zlib.compress(c),
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
def test_the_search_finds_what_is_packed(way):
    found = canaries.inside(WAYS[way](f"Ibu {FEW.names[0]}, {FEW.niks[0]}".encode()))
    assert {FEW.names[0], FEW.niks[0]} <= found
    assert (FEW.niks[1] in found) == (way == "parquet")
    assert canaries.inside(WAYS[way](b"Ibu Contoh")) <= {FEW.niks[1]}


def test_the_search_reads_rows_and_names_of_files(tmp_path):
    base = sqlite3.connect(tmp_path / "x.db")
    base.execute("CREATE TABLE t (a TEXT, b BLOB, c INTEGER)")
    base.execute("INSERT INTO t VALUES ('y', ?, ?)", (zlib.compress(FEW.names[0].encode()), int(FEW.niks[0])))
    base.commit()
    base.close()
    (tmp_path / f"{FEW.names[1]}.txt").write_text("")
    held = {"x.db": {FEW.names[0], FEW.niks[0]}, f"{FEW.names[1]}.txt": {FEW.names[1]}}
    assert canaries.search(tmp_path, FEW.all) == held


def test_history_is_searched_object_by_object(tmp_path):
    for words in (["init", "-q"], ["config", "user.email", "a@b.c"], ["config", "user.name", "a"]):
        subprocess.run(["git", *words], cwd=tmp_path, check=True)
    for text in (f"{FEW.names[0]} 3315014509820001", "gone"):
        (tmp_path / "a.txt").write_text(text)
        subprocess.run(["git", "add", "."], cwd=tmp_path, check=True)
        subprocess.run(["git", "commit", "-qm", text[-4:]], cwd=tmp_path, check=True)
    assert canaries.history(tmp_path, FEW.all) == (6, {FEW.names[0]}, {"a.txt": 1})
