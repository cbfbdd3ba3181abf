"""DVC's own record, cut off by a kill: the next run goes on by itself, and what is being written is left alone."""

import fcntl
import json
import random
import shutil
import subprocess
import sys

import pytest
from studies import PROJECT

from benchmarks.faults.checkout import environment
from pipeline import recovery

TEXT = (PROJECT / "dvc.lock").read_text(encoding="utf-8")


@pytest.fixture
def checkout(tmp_path):
    """A commit with a whole dvc.lock; DVC has run here and holds nothing."""
    (tmp_path / ".dvc" / "tmp").mkdir(parents=True)
    (tmp_path / ".dvc" / "config").write_text("[core]\n    analytics = false\n", encoding="utf-8")
    (tmp_path / recovery.HELD).touch()
    (tmp_path / recovery.LOCK).write_text(TEXT, encoding="utf-8")
    who = ("-c", "user.name=x", "-c", "user.email=x@example.org")
    for words in (("init", "-q"), ("add", recovery.LOCK), ("commit", "-q", "-m", "x")):
        subprocess.run(["git", *who, *words], cwd=tmp_path, check=True, capture_output=True)
    return tmp_path


def dvc(folder, *words):
    line = [sys.executable, "-m", "dvc", *words]
    told = environment(DVC_SITE_CACHE_DIR=str(folder / ".dvc" / "site"))
    return subprocess.run(line, cwd=folder, env=told, capture_output=True, text=True)


def test_dvc_itself_stops_at_such_a_record_and_goes_on_after(checkout):
    (checkout / "dvc.yaml").write_text("stages: {one: {cmd: echo 1 > one, outs: [one]}}\n", encoding="utf-8")
    (checkout / recovery.LOCK).unlink()
    assert dvc(checkout, "repro").returncode == 0
    lock = checkout / recovery.LOCK
    lock.write_text("", encoding="utf-8")  # as a kill left it
    stopped = dvc(checkout, "repro")
    assert stopped.returncode > 0
    assert "dvc.lock" in stopped.stderr
    assert len(recovery.recover(checkout)) == 1
    assert dvc(checkout, "repro").returncode == 0


@pytest.mark.parametrize("at", [0, 1, 14, *random.Random(7).sample(range(len(TEXT)), 30)])
def test_wherever_it_was_cut_off_the_record_is_one_that_dvc_reads_afterwards(checkout, at):
    (checkout / recovery.LOCK).write_text(TEXT[:at], encoding="utf-8")
    recovery.recover(checkout)
    assert recovery.whole((checkout / recovery.LOCK).read_text(encoding="utf-8"))


def test_the_record_of_this_project_is_whole():
    assert recovery.whole(TEXT)


@pytest.mark.parametrize("left", ["", "stages:\n  a: [\n", "schema: '2.0'\nstages:\n  a:\n    dep"])
def test_a_record_cut_off_becomes_that_of_the_last_commit(checkout, left):
    lock = checkout / recovery.LOCK
    lock.write_text(left, encoding="utf-8")
    (told,) = recovery.recover(checkout)
    assert str(lock) in told
    assert lock.read_text(encoding="utf-8") == TEXT


def test_a_merge_that_nobody_settled_is_left_to_a_person(checkout):
    lock = checkout / recovery.LOCK
    lock.write_text("<<<<<<< HEAD\n" + TEXT + "=======\n" + TEXT + ">>>>>>> theirs\n", encoding="utf-8")
    before = lock.read_bytes()
    assert recovery.recover(checkout) == []
    assert lock.read_bytes() == before


def test_without_a_commit_the_record_is_removed(checkout):
    (checkout / recovery.LOCK).write_text("", encoding="utf-8")
    shutil.rmtree(checkout / ".git")
    (told,) = recovery.recover(checkout)
    assert told.endswith("DVC makes it again")
    assert not (checkout / recovery.LOCK).exists()


def test_who_runs_what_is_removed_where_it_is_cut_off_and_only_there(checkout):
    file = checkout / recovery.RUNNING
    file.write_text(json.dumps({"read": {}, "write": {}}), encoding="utf-8")
    assert recovery.recover(checkout) == []
    file.write_text('{"read": {"a', encoding="utf-8")
    (told,) = recovery.recover(checkout)
    assert str(file) in told
    assert not file.exists()


def test_while_another_dvc_runs_nothing_is_touched(checkout):
    lock = checkout / recovery.LOCK
    lock.write_text("", encoding="utf-8")
    with (checkout / recovery.HELD).open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert recovery.recover(checkout) == []
    assert lock.read_text(encoding="utf-8") == ""
    assert recovery.recover(checkout)


def test_where_dvc_never_ran_there_is_nothing_to_put_right(tmp_path):
    (tmp_path / recovery.LOCK).write_text("", encoding="utf-8")
    assert recovery.recover(tmp_path) == []
