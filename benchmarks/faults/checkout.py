"""A checkout of the project of its own, with a small world: what is killed and starved in place of the real one."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from pipeline.desk import bundle

PROJECT = Path(__file__).resolve().parents[2]
KEPT = ("pipeline", "configs", "dvc.yaml", "requirements.lock", ".gitignore", ".dvcignore", ".dvc/config")
WORLDS = (20250630, 77)  # seeds: the outputs of the one are none of the other's
SMALL: Mapping[str, dict[str, Any]] = {
    "simulate": {"families": 600, "truth_draws": 2},
    "engine": {"threads": 1, "workers": 1, "chunk_families": 300, "memory_limit": "1GB"},
    "study": {"first_as_of": "2018-01-01"},
    "folds": {"folds": 1},
    "evaluate": {"replicates": 10},
    "train": {"trees": 10, "seeds": 2, "min_positives": 5},
    "peers": {"peers": ["base_rate"], "survival_peers": []},
    "survival": {"enabled": False},
    "report": {"shap_points": 20},
    "effect": {"draws": 200},
    "opinions": {"sampled": 100, "minimum_families": 5, "pictured": 1, "pairs": 2},
}
REGENCIES = {"3315": 1.0, "3509": 1.0}
PUBLISHED = "data/published"


@dataclass(frozen=True)
class Checkout:
    """The folder, and the stages up to which it is run."""

    root: Path
    stages: tuple[str, ...]

    def outs(self) -> list[str]:
        """The outputs of the stages, as dvc.yaml names them."""
        picture = yaml.safe_load((self.root / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
        listed = [o for s in self.stages for k in ("outs", "metrics") for o in picture[s].get(k, [])]
        return [o if isinstance(o, str) else next(iter(o)) for o in listed]

    def digest(self, out: str) -> str:
        """What an output holds; `absent`, or what is wrong with it."""
        path = self.root / out
        if not path.exists():
            return "absent"
        if out == PUBLISHED:
            return bundled(path)
        if out == "data/tracked.json":  # the version is MLflow's own count
            return str(json.loads(path.read_text(encoding="utf-8"))["lineage"])
        return hashed(path)

    def digests(self) -> dict[str, str]:
        return {out: self.digest(out) for out in self.outs()}

    def left_over(self) -> list[str]:
        """What is half-written, or of use to nobody any more."""
        hidden = [p for folder in ("data", "models") for p in (self.root / folder).rglob(".*")]
        found = [p for p in hidden if p.suffix in (".part", ".old", ".spill", ".whole")]
        return sorted(str(p.relative_to(self.root)) for p in found)

    def repro(self) -> "subprocess.Popen[str]":
        """What `make run` does, in a session of its own; every line of it as it comes. The process is DVC's."""
        line = '"$0" -m pipeline recover && exec "$0" -m dvc repro --no-run-cache "$@"'
        command = ["/bin/sh", "-c", line, sys.executable, *self.stages]
        return subprocess.Popen(
            command, cwd=self.root, env=environment(), text=True, start_new_session=True, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )  # fmt: skip


def hashed(path: Path) -> str:
    """The sha256 of a file or, over names and contents, of a folder."""
    found = hashlib.sha256()
    for file in [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file()):
        found.update(str(file.relative_to(path)).encode() + b"\0")
        found.update(hashlib.sha256(file.read_bytes()).digest())
    return found.hexdigest()


def bundled(folder: Path) -> str:
    """What a bundle holds after every check that the desk makes, its number aside: a number is never used twice."""
    try:
        opened = bundle.opened(folder, None)
    except bundle.Refused as error:
        return f"refused: {error}"
    kept = {k: v for k, v in opened.manifest.items() if k not in ("number", "previous")}
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()


def environment(**more: str) -> dict[str, str]:
    """DVC finds the Python that runs this; nothing is told to anybody; lines come at once."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("DVC_", "GIT_", "PYTEST_"))}
    return kept | {"PATH": path, "PYTHONUNBUFFERED": "1", "DVC_NO_ANALYTICS": "1", "SHELL": "/bin/sh", **more}


def make(root: Path, stages: Sequence[str], sections: Mapping[str, dict[str, Any]] = SMALL) -> Checkout:
    """A checkout under `root` with the code that lies here and a small world, known to Git and to DVC."""
    for name in KEPT:
        source, target = PROJECT / name, root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target)
        elif source.is_file():
            shutil.copy2(source, target)
    for section, changes in sections.items():
        change(root, section, changes)
    change(root, "simulate", {"places": values(root, "simulate")["places"] | {"regencies": REGENCIES}})
    (root / "models").mkdir()
    for words in (("init", "-q"), ("add", "-A"), ("commit", "-q", "-m", "A small world")):
        who = ("-c", "user.name=faults", "-c", "user.email=faults@example.org")
        subprocess.run(["git", *who, *words], cwd=root, env=environment(), check=True, capture_output=True)
    return Checkout(root, tuple(stages))


def values(root: Path, section: str) -> dict[str, Any]:
    return dict(yaml.safe_load((root / "configs" / f"{section}.yaml").read_text(encoding="utf-8")))


def change(root: Path, section: str, changes: Mapping[str, Any]) -> None:
    text = yaml.safe_dump(values(root, section) | dict(changes), sort_keys=False)
    (root / "configs" / f"{section}.yaml").write_text(text, encoding="utf-8")


def turn(checkout: Checkout, world: int) -> None:
    """The other world from now on: the next run makes everything anew beside what lies there."""
    change(checkout.root, "simulate", {"seed": WORLDS[world % 2]})
