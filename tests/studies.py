"""Studies: folders with configurations and outputs of their own, run in this process or from the command line."""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from pipeline import stages
from pipeline.artifacts import Home

PROJECT = Path(__file__).resolve().parents[1]
CONFIGS = PROJECT / "configs"
SHARED = PROJECT.parent / "shared"
EPH_PANEL = SHARED / "data" / "eph" / "household_panel_2010T1_2016T4.parquet"
FAMILIES = 1500
PEERS = ["base_rate", "rules", "logistic_regression"]
QUICK: dict[str, dict[str, Any]] = {
    "simulate": {"families": FAMILIES},
    "study": {"first_as_of": "2018-01-01"},
    "folds": {"folds": 1},
    "evaluate": {"replicates": 30},
    "train": {"trees": 25, "seeds": 2},
    "peers": {"peers": PEERS, "survival_peers": []},
    "survival": {"rows": 4000, "trees": 30, "trees_of_other_causes": 10},
    "report": {"shap_points": 100},
}

SMALL_ENGINE: dict[str, Any] = {
    "engine": "duckdb", "threads": 1, "memory_limit": "1GB", "workers": 1, "chunk_families": 100, "part_families": 100,
    "frame_families": 100,
}  # fmt: skip


def study(root: Path, sections: dict[str, dict[str, Any]], *bases: Path) -> Home:
    """A home under `root` whose configuration is the project's with some top-level values of some sections changed."""
    folder = root / "configs"
    folder.mkdir(parents=True, exist_ok=True)
    for section, changes in sections.items():
        text = yaml.safe_dump(values(section, *bases) | changes, sort_keys=False)
        (folder / f"{section}.yaml").write_text(text, encoding="utf-8")
    return Home(root, (folder, *bases, CONFIGS))


def values(section: str, *bases: Path) -> dict[str, Any]:
    """The values of a section, from the first folder that has it."""
    file = next(f for b in (*bases, CONFIGS) if (f := b / f"{section}.yaml").is_file())
    return dict(yaml.safe_load(file.read_text(encoding="utf-8")))


def run(home: Home, *names: str) -> Home:
    for name in names:
        stages.run(name, home)
    return home


def upto(last: str) -> list[str]:
    """Stages after `simulate`, in order, the last one included; without `world`, which no other stage needs."""
    names = [n for n in stages.STAGES if n != "world"]
    return names[1 : names.index(last) + 1]


def borrow(home: Home, other: Home, *names: str) -> None:
    """Copies outputs of another study, so that what led to them need not run again."""
    for name in names:
        source, target = other.path(name), home.path(name)
        target.parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if source.is_dir() else shutil.copy2)(source, target)


def hashes(home: Home, *names: str) -> dict[str, str]:
    """The sha256 of every file under the named outputs, by path."""
    found = [p for n in names for p in ([home.path(n)] if home.path(n).is_file() else home.path(n).rglob("*"))]
    return {
        str(p.relative_to(home.root)): hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(found) if p.is_file()
    }


def table(home: Home, name: str) -> pa.Table:
    return pq.read_table(home.path(name))


def command(*words: str, home: Path | None = None) -> subprocess.CompletedProcess[str]:
    """`python -m pipeline ...` as a person would type it; with `home`, for the study that lies there."""
    options = ["--home", str(home), "--configs", str(home / "configs")] if home else []
    line = [sys.executable, "-m", "pipeline", *options, *words]
    return subprocess.run(line, capture_output=True, text=True, check=False, cwd=PROJECT, timeout=300)
