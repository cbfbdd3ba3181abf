"""The one guarded door between LightGBM's text format and the disk."""

from pathlib import Path

import lightgbm as lgb

from pipeline import artifacts
from pipeline.calibrate import Calibration, recorded
from pipeline.errors import BadInput


def read(path: Path) -> tuple[lgb.Booster, str]:
    """The model and the sha256 of its text; BadInput as `text` raises."""
    model, found = text(path)
    return lgb.Booster(model_str=model), found


def text(path: Path) -> tuple[str, str]:
    """The model's text and its sha256; checked against its recorded hash before the bytes reach LightGBM.

    LightGBM ends the whole process on a truncated text and loads an edited one, so the hash is compared first.
    """
    if not path.is_file():
        raise BadInput(f"{path}: not there yet", "run `dvc repro`, or `python -m pipeline train`, first")
    seal = path.with_suffix(".sha256")
    found = artifacts.sha256(path)
    if not seal.is_file() or seal.read_bytes().strip() != found.encode():
        raise BadInput(f"{path}: does not match {seal.name}: truncated or edited", "run `dvc repro` to make it again")
    return path.read_text(encoding="utf-8"), found


def write(booster: lgb.Booster, path: Path) -> None:
    artifacts.write_text(booster.model_to_string(), path)
    artifacts.write_text(artifacts.sha256(path) + "\n", path.with_suffix(".sha256"))


def read_calibration(path: Path, model_sha256: str) -> Calibration:
    """The map that was fitted for this very model; BadInput where it belongs to another."""
    values = artifacts.read_json(path, "model_sha256")
    if values.pop("model_sha256") != model_sha256:
        raise BadInput(f"{path}: was fitted for another model", "run `dvc repro`, or `python -m pipeline calibrate`")
    return artifacts.made_of(path, values, recorded)
