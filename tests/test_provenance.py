"""What made a run: told by a repository made for the test, a lock made for the test, and files made for the test."""

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from pipeline import artifacts, provenance
from pipeline.artifacts import Home
from pipeline.lineage import Lineage

GIT = shutil.which("git")
WHO = ("-c", "user.name=Test", "-c", "user.email=test@example.invalid", "-c", "commit.gpgsign=false")


def run_git(*words):
    return subprocess.run([GIT, *WHO, *words], check=True, capture_output=True, text=True).stdout.strip()


def write(path, text):
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(text, encoding="utf-8")


def commit(message):
    run_git("add", "--all")
    run_git("commit", "--quiet", "--message", message)
    return run_git("rev-parse", "HEAD")


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """An empty folder to work in; git looks at no repository above it and at nobody's settings."""
    monkeypatch.chdir(tmp_path)
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    return tmp_path


@pytest.fixture
def inputs(checkout):
    write("source.json", '{"name": "Simulated world", "extracted_on": "2025-06-30", "files": {"kpm.parquet": "11"}}')
    write("models/graduation.txt", "tree")
    write("models/calibration.json", "{}")
    write("requirements.lock", "lightgbm==4\n")
    write("configs/train.yaml", "trees: 300\n")
    return {
        "source": Path("source.json"),
        "model": Path("models/graduation.txt"),
        "calibration": Path("models/calibration.json"),
    }


def facts(inputs):
    return provenance.facts(inputs, Home(Path(), (Path("configs"),)), Path("dvc.lock"))


def test_without_a_repository_there_is_no_commit(inputs):
    found = facts(inputs)
    assert (found["commit"], found["dirty"], found["dvc_lock"]) == (None, False, None)


def test_without_git_there_is_no_commit(inputs, monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert (facts(inputs)["commit"], facts(inputs)["dirty"]) == (None, False)


def test_the_commit_is_the_last_that_changed_code(inputs):
    run_git("init", "--quiet")
    write("pipeline/train.py", "1")
    first = commit("code")
    assert (facts(inputs)["commit"], facts(inputs)["dirty"]) == (first, False)
    write("README.md", "told")
    write("dvc.lock", "schema: '2.0'\n")
    assert commit("documents") != first
    assert facts(inputs)["commit"] == first
    for path in ("pipeline/train.py", "configs/train.yaml", "dvc.yaml", "requirements.lock"):
        write(path, "changed: 1\n")
        assert facts(inputs)["dirty"]
        last = commit(path)
        assert (facts(inputs)["commit"], facts(inputs)["dirty"]) == (last, False)


@pytest.mark.parametrize(
    ("path", "dirty"),
    [
        ("README.md", False),
        ("notebooks/a.ipynb", False),
        ("pipeline/further.py", True),
        ("configs/own/folds.yaml", True),
    ],
)
def test_only_a_change_of_code_is_dirty(inputs, path, dirty):
    run_git("init", "--quiet")
    write("pipeline/train.py", "1")
    commit("code")
    write(path, "untracked: 1\n")
    assert facts(inputs)["dirty"] is dirty


def test_facts_make_a_lineage(inputs):
    found = facts(inputs)
    assert found["model"] == {
        "model": artifacts.sha256(inputs["model"]),
        "calibration": artifacts.sha256(inputs["calibration"]),
    }
    assert found["environment"] == artifacts.sha256(Path("requirements.lock"))
    assert found["parameters"] == {"train": {"trees": 300}}
    assert (found["data"], found["extracted_on"]) == ({"kpm.parquet": "11"}, "2025-06-30")
    before = Lineage(**found).id
    assert Lineage(**facts(inputs)).id == before
    write("configs/train.yaml", "trees: 301\n")
    assert Lineage(**facts(inputs)).id != before


@pytest.mark.parametrize(("name", "simulated"), [("Simulated world", True), ("EPH panel", False)])
def test_simulated_is_what_the_source_calls_itself(inputs, name, simulated):
    write("source.json", f'{{"name": "{name}", "extracted_on": "2025-06-30", "files": {{}}}}')
    assert facts(inputs)["simulated"] is simulated


def lock_of(model, **others):
    stages = {"train": {"cmd": "x", "outs": [{"path": "models/graduation.txt", "md5": artifacts.md5(model)}]}}
    write("dvc.lock", yaml.safe_dump({"schema": "2.0", "stages": stages | others}))


def test_the_lock_is_told_where_it_made_this_model(inputs):
    def digest():
        return provenance.lock_digest(Path("dvc.lock"), inputs["model"])

    lock_of(inputs["model"], labels={"cmd": "a"}, report={"cmd": "a"})
    first = digest()
    assert first is not None
    lock_of(inputs["model"], labels={"cmd": "a"}, report={"cmd": "b"})  # report comes after the model
    assert digest() == first
    lock_of(inputs["model"], labels={"cmd": "b"}, report={"cmd": "a"})
    assert digest() not in (first, None)
    write(inputs["model"], "another tree")
    assert digest() is None


@pytest.mark.parametrize(
    "text", ["schema: '2.0'\n", "stages: {labels: {cmd: a}}\n", "stages: {train: {cmd: a}}\n", None]
)
def test_a_lock_without_the_model_is_none(inputs, text):
    if text is not None:
        write("dvc.lock", text)
    assert provenance.lock_digest(Path("dvc.lock"), inputs["model"]) is None


def test_parameters_come_from_the_first_folder(checkout):
    write("own/folds.yaml", "folds: 2\n")
    write("configs/folds.yaml", "folds: 3\n")
    write("configs/train.yaml", "trees: 300\n")
    found = provenance.parameters(Home(Path(), (Path("own"), Path("configs"))))
    assert found == {"folds": {"folds": 2}, "train": {"trees": 300}}
    assert provenance.parameters(Home(Path(), (Path("configs"), Path("own"))))["folds"] == {"folds": 3}


def test_flat_and_numbers():
    nested = {"a": {"b": {"c": 1}, "d": [1, 2]}, "e": "text", "f": {}}
    assert provenance.flat(nested) == {"a.b.c": 1, "a.d": [1, 2], "e": "text"}
    metrics = {"all": {"auc": 0.5, "under_40=true": 2}, "verdict": "deploy", "estimate": None}
    assert provenance.numbers(metrics) == {"all.auc": 0.5, "all.under_40_true": 2.0}
