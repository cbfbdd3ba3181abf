"""What made this run: the commit, the configuration, DVC's lock, the data, the model, the installed versions."""

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline import artifacts

# A commit that touches none of these changes no output; so the id survives the commit of dvc.lock and of documents.
CODE = ("pipeline", "configs", "dvc.yaml", "requirements.lock")
LEADS_HERE = ("simulate", "source", "ingest", "cohort", "labels", "features", "train", "calibrate")


def facts(inputs: Mapping[str, Path], home: artifacts.Home, lock: Path) -> dict[str, Any]:
    """The fields of lineage.Lineage. `inputs` names the files source, model and calibration."""
    source = artifacts.read_json(inputs["source"])
    return {
        "commit": git("log", "-1", "--format=%H", "--", *CODE) or None,
        "dirty": bool(git("status", "--porcelain", "--", *CODE)),
        "dvc_lock": lock_digest(lock, inputs["model"]),
        "parameters": parameters(home),
        "data": source["files"],
        "model": {name: artifacts.sha256(inputs[name]) for name in ("model", "calibration")},
        "environment": artifacts.sha256(Path("requirements.lock")),
        "source": source["name"],
        "extracted_on": source["extracted_on"],
        "simulated": "simulated" in source["name"].lower(),
    }


def git(*words: str) -> str:
    """What git says; empty where there is no git or no repository."""
    try:
        done = subprocess.run(["git", *words], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def parameters(home: artifacts.Home) -> dict[str, Any]:
    """Every section's values by name, as the stages read them: of the first folder that has it, the world merged in."""
    names = sorted({file.stem for folder in home.configs for file in folder.glob("*.yaml")})
    return {name: home.values(name) for name in names}


def lock_digest(lock: Path, model: Path) -> str | None:
    """The sha256 of dvc.lock's entries up to the model; null where the lock tells of another model or of none."""
    if not lock.is_file():
        return None
    stages = artifacts.read_yaml(lock).get("stages", {})
    recorded = [out for out in stages.get("train", {}).get("outs", []) if out["path"].endswith(model.name)]
    if not recorded or recorded[0]["md5"] != artifacts.md5(model):
        return None
    return artifacts.digest({name: stages[name] for name in LEADS_HERE if name in stages})


def flat(values: Mapping[str, Any], before: str = "") -> dict[str, object]:
    """Nested settings as section.key names, for a store of flat parameters."""
    made: dict[str, object] = {}
    for key, value in values.items():
        name = f"{before}{key}"
        made |= flat(value, f"{name}.") if isinstance(value, Mapping) else {name: value}
    return made


def numbers(values: Mapping[str, Any]) -> dict[str, float]:
    """The numbers among nested metrics, by names that MLflow takes."""
    return {k.replace("=", "_"): float(v) for k, v in flat(values).items() if isinstance(v, int | float)}
