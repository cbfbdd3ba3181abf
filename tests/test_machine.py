"""What only the system can do: a child that ends with its parent, folders that change places; what it refuses."""

import errno
import subprocess
import sys

import pytest

from pipeline import machine
from pipeline.errors import BadInput, MachineFault, fault

CHILD = """
import time
from pipeline import machine
machine.end_with_parent()
print("up", flush=True)
time.sleep(600)
"""
PARENT = "import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', sys.argv[1]]); time.sleep(600)"


def test_a_child_ends_when_its_parent_is_killed():
    parent = subprocess.Popen([sys.executable, "-c", PARENT, CHILD], stdout=subprocess.PIPE, text=True)
    with parent, parent.stdout:
        assert parent.stdout.readline() == "up\n"
        parent.kill()
        assert parent.stdout.read() == ""  # the child held the other end: it is closed once the child is gone


LATE = """
import os, sys, time
if not os.fork():
    time.sleep(0.5)
    os.execv(sys.executable, [sys.executable, "-c", sys.argv[1]])
"""


def test_a_child_whose_parent_went_before_it_asked_ends_at_once():
    """The parent forks and is gone: who takes its place is of no session of ours."""
    line = [sys.executable, "-c", LATE, CHILD]
    orphan = subprocess.Popen(line, stdout=subprocess.PIPE, text=True, start_new_session=True)
    with orphan, orphan.stdout:
        assert orphan.stdout.read() == ""


def test_two_folders_change_places(tmp_path):
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).touch()
    assert machine.exchange(str(tmp_path / "one"), str(tmp_path / "other"))
    assert [p.name for p in (tmp_path / "one").iterdir()] == ["other"]
    with pytest.raises(FileNotFoundError):
        machine.exchange(str(tmp_path / "one"), str(tmp_path / "none"))


def from_cause(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "data/a"), "data/a: No space left on device"),
        (OSError(errno.EACCES, "Permission denied"), "a file: Permission denied"),
        (from_cause(ValueError("x"), OSError(errno.EIO, "Input/output error", "b")), "b: Input/output error"),
        (RuntimeError('Could not write file "c":\n No space left on device'), 'Could not write file "c": No space'),
        (RuntimeError("(sqlite3.OperationalError) database or disk is full"), "(sqlite3.OperationalError) database"),
    ],
)
def test_what_the_machine_refuses_is_told_with_the_path(error, told):
    found = fault(error)
    assert isinstance(found, MachineFault)
    first, way_out = str(found).splitlines()
    assert first.startswith(told)
    assert "again" in way_out


@pytest.mark.parametrize("error", [BadInput("a.csv: row 3"), KeyError("x"), FileNotFoundError(errno.ENOENT, "no", "a")])
def test_another_error_is_none_of_the_machines(error):
    assert fault(error) is None


def put_aside() -> None:
    try:
        raise PermissionError(errno.EACCES, "Permission denied", "a/file")
    except PermissionError:
        raise ValueError("a bug") from None


def passed_on() -> None:
    try:
        raise PermissionError(errno.EACCES, "Permission denied", "a/file")
    except PermissionError as error:
        raise ValueError("a bug") from error


def test_an_error_that_was_put_aside_is_no_refusal_of_the_machine():
    """`from None` says that the first error has nothing to do with the second."""
    with pytest.raises(ValueError, match="a bug") as aside:
        put_aside()
    with pytest.raises(ValueError, match="a bug") as passed:
        passed_on()
    assert fault(aside.value) is None
    assert "a/file: Permission denied" in str(fault(passed.value))
