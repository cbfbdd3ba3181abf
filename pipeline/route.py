"""Everybody of an extract scored, explained and listed with a model that is trained already, without DVC.

At national size DVC would hash and copy tens of gigabytes; so each stage that ended is marked here instead, with the
digest of what it was made from: its code and its settings as dvc.yaml names them, its model, and the stage before it. A
run that was interrupted goes on with the first stage whose mark is not that of now.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pipeline import artifacts, progress, stages
from pipeline.artifacts import Home
from pipeline.errors import BadInput

NATIONAL = (
    "simulate", "source", "ingest", "cohort", "features", "lineage", "lifecycle", "score", "explain", "lists",
)  # fmt: skip
MARKS = "data/.marks.json"


def run(home: Home, names: Iterable[str] = NATIONAL) -> None:
    """Run the stages that are not done; BadInput where there is no trained model to score with."""
    if not home.path(stages.MODEL).is_file():
        raise BadInput(f"{home.path(stages.MODEL)}: not there yet", "train a model first: make run, then make national")
    picture = artifacts.read_yaml(artifacts.PROJECT / "dvc.yaml")["stages"]
    wanted = [n for n in names if n in stages.order(home)]
    before = ""
    for number, name in enumerate(wanted, start=1):
        before = mark(home, name, picture[name], before)
        done = marks(home)
        if done.get(name) == before:
            progress.tell([f"{number} of {len(wanted)}: {name}: done already"])
            continue
        progress.tell([f"{number} of {len(wanted)}: {name}"])
        stages.run(name, home)
        artifacts.write_json(marks(home) | {name: before}, home.path(MARKS))


def marks(home: Home) -> dict[str, str]:
    """The digest by which each stage that ended was made; none where nothing was run."""
    file = home.path(MARKS)
    return dict(artifacts.read_json(file)) if file.is_file() else {}


def mark(home: Home, name: str, stage: Mapping[str, Any], before: str) -> str:
    """The digest of what a stage is made from: another one says that what it left is out of date."""
    files = artifacts.code_of(name)
    models = {d: artifacts.sha256(home.path(d)) for d in stage["deps"] if d.startswith("models/")}
    sections = [next(iter(p)) for p in stage.get("params", [])]
    sections += [d for d in stage["deps"] if d.startswith("configs/") and d.endswith(".yaml")]
    values = {s: home.values(Path(str(s)).stem) for s in sections}
    return artifacts.digest({"files": files, "models": models, "settings": values, "before": before})
