"""What the product is made of is locked, listed and looked up, and what lies there privately is private."""

import subprocess
import sys

import pytest

from benchmarks.faults import supply

LOCK = """# made
one==1.0 \\
    --hash=sha256:{0} \\
    --hash=sha256:{0}
    # via two
two[more]==2.0 ; sys_platform == 'linux' \\
    --hash=sha256:{0}
""".format("a" * 64)


def test_every_package_of_every_lock_has_one_version_and_hashes():
    assert {p.name: list(supply.wrong(p.read_text())) for p in supply.locks()} == {p.name: [] for p in supply.locks()}
    assert len(supply.locks()) >= 6


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("one==1.0", "one>=1.0", "line 2: not a package of one version"),
        (f"two[more]==2.0 ; sys_platform == 'linux' \\\n    --hash=sha256:{'a' * 64}", "two==2.0", "line 6: no hash"),
        ("# made", "--index-url http://x", "line 1: an address"),
        ("a" * 64, "a" * 63, "line 3: not a package of one version"),
    ],
)
def test_what_is_wrong_with_a_lock_is_told_by_line(before, after, told):
    assert list(supply.wrong(LOCK)) == []
    assert told in list(supply.wrong(LOCK.replace(before, after)))


def test_the_bill_of_materials_lists_what_is_locked(tmp_path):
    for lock in supply.locks():
        listed = supply.bill(lock, tmp_path / "bill.json")
        assert listed == supply.packages(lock.read_text())


def test_what_could_not_be_looked_up_is_never_counted_as_sound():
    report = {
        "dependencies": [
            {"name": "one", "version": "1.0", "vulns": []},
            {"name": "two", "version": "2.0", "vulns": [{"id": "PYSEC-1"}, {"id": "PYSEC-2"}]},
            {"name": "three", "skip_reason": "not found"},
        ]
    }
    assert supply.audited(report) == supply.Audit(2, 1, ("two 2.0 PYSEC-1", "two 2.0 PYSEC-2"))
    assert "could not be looked up" in supply.audited(report).line()


def test_a_private_file_that_others_may_read_is_told(tmp_path):
    for name in ("identity/identity.parquet", "desk/desk.sqlite3"):
        file = tmp_path / "data" / name
        file.parent.mkdir(parents=True, mode=0o700, exist_ok=True)
        file.parent.chmod(0o700)
        file.touch(mode=0o600)
    assert supply.readable(tmp_path) == []
    (tmp_path / "data" / "identity" / "identity.parquet").chmod(0o640)
    assert supply.readable(tmp_path) == ["data/identity/identity.parquet"]


def test_the_run_s_private_files_are_private(small_run):
    assert (small_run.root / "data" / "identity").is_dir()
    assert supply.readable(small_run.root) == []


def test_a_backup_while_others_write_keeps_all_that_was_said_before():
    line = [sys.executable, "-m", "benchmarks.faults.restore", "--families", "300", "--least", "20"]
    done = subprocess.run(line, cwd=supply.PROJECT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "lost of those before 0" in done.stdout
    assert "lines hold" in done.stdout
