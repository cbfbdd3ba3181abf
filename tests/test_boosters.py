"""The door to LightGBM: what is not the sealed text never reaches it (it would end this very process)."""

from dataclasses import asdict

import lightgbm as lgb
import numpy as np
import pytest

from pipeline import artifacts, boosters
from pipeline.calibrate import Calibration
from pipeline.errors import BadInput

MAP = Calibration(-2.0, 1.5, -2.2, 0.9, ((0.04, 0.01), (0.01, 0.02)))


@pytest.fixture(scope="module")
def booster():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 2))
    data = lgb.Dataset(x, (x[:, 0] > 0).astype(float), feature_name=["a", "b"])
    return lgb.train({"objective": "binary", "verbose": -1, "num_threads": 1}, data, 3)


@pytest.fixture
def model(booster, tmp_path):
    path = tmp_path / "graduation.txt"
    boosters.write(booster, path)
    return path


def test_what_is_written_is_read(booster, model):
    read, found = boosters.read(model)
    x = np.random.default_rng(1).normal(size=(50, 2))
    assert np.array_equal(read.predict(x), booster.predict(x))
    assert found == artifacts.sha256(model) == model.with_suffix(".sha256").read_text(encoding="utf-8").strip()
    assert sorted(p.name for p in model.parent.iterdir()) == ["graduation.sha256", "graduation.txt"]


def one_digit(text):
    at = text.index("leaf_value=") + len("leaf_value=-0.")
    assert text[at].isdigit()
    return text[:at] + str((int(text[at]) + 1) % 10) + text[at + 1 :]


@pytest.mark.parametrize(
    "spoil", [lambda t: t[: len(t) // 2], lambda t: t[:-1], lambda t: "", one_digit, lambda t: t + "\n"]
)
def test_a_spoilt_text_never_reaches_lightgbm(model, spoil, monkeypatch):
    monkeypatch.setattr(lgb, "Booster", lambda **_: pytest.fail("LightGBM saw it"))
    text = model.read_text(encoding="utf-8")
    model.write_text(spoil(text), encoding="utf-8")
    with pytest.raises(BadInput) as refused:
        boosters.read(model)
    assert str(refused.value).splitlines() == [
        f"{model}: does not match graduation.sha256: truncated or edited",
        "run `dvc repro` to make it again",
    ]


def test_a_model_without_its_seal_is_refused(model):
    model.with_suffix(".sha256").unlink()
    with pytest.raises(BadInput, match=r"does not match graduation\.sha256"):
        boosters.read(model)


def test_no_model_yet(tmp_path):
    with pytest.raises(BadInput, match="not there yet\nrun `dvc repro`"):
        boosters.read(tmp_path / "graduation.txt")


def test_a_calibration_belongs_to_one_model(tmp_path):
    path = tmp_path / "calibration.json"
    artifacts.write_json({"model_sha256": "aa", **asdict(MAP)}, path)
    assert boosters.read_calibration(path, "aa") == MAP
    with pytest.raises(BadInput, match=r"calibration.json: was fitted for another model\nrun `dvc repro`"):
        boosters.read_calibration(path, "bb")


@pytest.mark.parametrize("sealed", [None, ""])
def test_a_calibration_of_no_model_is_refused(tmp_path, sealed):
    path = tmp_path / "calibration.json"
    artifacts.write_json({"model_sha256": sealed, **asdict(MAP)}, path)
    with pytest.raises(BadInput):
        boosters.read_calibration(path, "aa")
