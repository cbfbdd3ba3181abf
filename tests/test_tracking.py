"""MLflow: a run is logged once, says what made it, and holds no row of anybody."""

import os
import sqlite3

import lightgbm as lgb
import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient

from pipeline import tracking
from pipeline.tracking import Finished

pytestmark = [
    # MLflow 3 still asks SQLAlchemy for a strategy that it is about to drop.
    pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy is deprecated"),
    # MLflow warns, at import, about type hints of its own.
    pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType"),
]

CONFIG = tracking.Config(experiment="graduation", model="graduation", run_type="record", run_note="a note")
NAMES = ["a", "b"]
FAMILY, VALUE = "K-9981237", 0.731234567891  # would be found in the store if a row of the features were there
LINEAGE = {
    "id": "0123456789abcdef", "commit": None, "dirty": False, "dvc_lock": "aa", "environment": "bb",
    "source": "Simulated world", "extracted_on": "2025-06-30", "simulated": True,
    "data": {"kpm.parquet": "11", "members.parquet": "22"},
}  # fmt: skip


def booster_of(seed):
    rng = np.random.default_rng(seed)
    x = pd.DataFrame(rng.normal(size=(200, 2)), columns=NAMES, index=[FAMILY] * 200)
    x.iloc[:40, 0] = VALUE
    data = lgb.Dataset(x, (x["b"] > 0).to_numpy().astype(float))
    return lgb.train({"objective": "binary", "verbose": -1, "num_threads": 1, "seed": seed}, data, 3)


def finished(files, seed=0, lineage_id=LINEAGE["id"]):
    parameters = {"train.trees": 300, "folds.origins": None, "lists.bands": ["x"] * 3}
    return Finished(LINEAGE | {"id": lineage_id}, parameters, {"all.auc": 0.5}, files, booster_of(seed))


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """One store: logged twice, then another model, then promoted; what was true after each act."""
    folder = tmp_path_factory.mktemp("home")
    outside = tmp_path_factory.mktemp("elsewhere")
    files = [folder / "models" / "card.md", folder / "report" / "report.html"]
    for file in files:
        file.parent.mkdir()
        file.write_text("told", encoding="utf-8")
    trial = CONFIG.model_copy(update={"run_type": "experiment"})
    store, told = folder / "mlflow.db", {"folder": folder, "outside": outside, "files": files}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(outside)
        told["first"] = tracking.log(finished(files), store, CONFIG)
        told["again"] = tracking.log(finished(files), store, CONFIG)
        with pytest.raises(LookupError) as told["lonely"]:
            tracking.promote(store, CONFIG)
        told["champion"] = aliases()
        told["second"] = tracking.log(finished(files, 1, "f" * 16), store, trial)
        told["challenged"] = aliases()
        told["promoted"] = tracking.promote(store, CONFIG)
        told["after"] = aliases()
    yield told
    mlflow.set_tracking_uri(None)


def aliases():
    found = MlflowClient().get_registered_model(CONFIG.model).aliases
    return {alias: str(version) for alias, version in found.items()}


def runs():
    return mlflow.search_runs(experiment_names=["graduation"], output_format="list", order_by=["start_time"])


def test_a_run_is_logged_once(world):
    assert world["first"] == world["again"] == "1"
    assert [r.data.tags["lineage_id"] for r in runs()] == ["0123456789abcdef", "f" * 16]
    assert {r.info.status for r in runs()} == {"FINISHED"}


def test_a_run_says_what_made_it(world):
    run = runs()[0]
    expected = {
        "lineage_id": "0123456789abcdef", "run_type": "record", "commit": "None", "dirty": "False", "dvc_lock": "aa",
        "environment": "bb", "source": "Simulated world", "extracted_on": "2025-06-30", "simulated": "True",
    }  # fmt: skip
    assert expected.items() <= run.data.tags.items()
    assert run.data.tags["mlflow.note.content"] == "a note"
    assert run.data.params == {"train.trees": "300", "folds.origins": "None", "lists.bands": "['x', 'x', 'x']"}
    assert run.data.metrics == {"all.auc": 0.5}
    assert runs()[1].data.tags["run_type"] == "experiment"


def test_files_and_data_are_named(world):
    run = runs()[0]
    found = {f.path for folder in ("models", "report") for f in MlflowClient().list_artifacts(run.info.run_id, folder)}
    assert found == {"models/card.md", "report/report.html"}
    (told,) = run.inputs.dataset_inputs
    assert (told.dataset.name, told.dataset.digest) == ("Simulated world", "0123456789abcdef")


def test_the_model_has_a_signature_and_gives_the_same_scores(world):
    uri = "models:/graduation/1"
    signature = mlflow.models.get_model_info(uri).signature
    assert signature.inputs.input_names() == NAMES
    assert {str(t) for t in signature.inputs.input_types()} == {"DataType.double"}
    frame = pd.DataFrame(np.random.default_rng(5).normal(size=(20, 2)), columns=NAMES)
    loaded = mlflow.lightgbm.load_model(uri)
    assert np.array_equal(loaded.predict(frame), booster_of(0).predict(frame))


def test_a_later_model_challenges_until_a_person_promotes_it(world):
    assert world["champion"] == {"champion": "1"}
    assert str(world["lonely"].value) == "graduation: no challenger is registered"
    assert world["challenged"] == {"champion": "1", "challenger": "2"}
    assert world["second"] == world["promoted"] == "2"
    assert world["after"] == {"champion": "2"}


def test_nothing_lies_outside_the_home(world):
    assert sorted(p.name for p in world["folder"].iterdir()) == ["mlartifacts", "mlflow.db", "models", "report"]
    assert list(world["outside"].iterdir()) == []


def test_no_row_of_the_features_is_in_the_store(world):
    kept = [p for p in (world["folder"] / "mlartifacts").rglob("*") if p.is_file()]
    assert {p.suffix for p in kept} <= {".lgb", ".md", ".html", ".txt", ".yaml", ".yml", ""}
    assert not [p for p in kept if "input_example" in p.name or p.suffix in (".pkl", ".pickle")]
    texts = [p.read_bytes() for p in kept]
    with sqlite3.connect(world["folder"] / "mlflow.db") as store:
        texts.append("\n".join(store.iterdump()).encode())
    store.close()
    assert len(texts) > 5
    for word in (FAMILY, str(VALUE), "K-998"):
        assert not any(word.encode() in text for text in texts)


def test_a_failed_run_is_not_found_as_a_finished_one(world, tmp_path):
    """What breaks half-way is logged anew the next time."""
    store = world["folder"] / "mlflow.db"
    broken = finished([tmp_path / "absent"], 2, "e" * 16)
    before = len(runs())
    with pytest.raises(Exception, match="absent"):
        tracking.log(broken, store, CONFIG)
    experiment = tracking.experiment_id(store, CONFIG)
    assert len(runs()) == before + 1
    assert tracking.find("e" * 16, experiment) is None
    assert tracking.find("f" * 16, experiment) is not None


def test_a_run_that_was_killed_leaves_no_champion(world, tmp_path, monkeypatch):
    """Killed after its model was registered: the run after it registers the only model, and that is the champion."""
    store, log_model = tmp_path / "mlflow.db", tracking.log_model

    def killed(*given):
        log_model(*given)
        raise KeyboardInterrupt

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tracking, "log_model", killed)
    with pytest.raises(KeyboardInterrupt):
        tracking.log(finished([]), store, CONFIG)
    monkeypatch.setattr(tracking, "log_model", log_model)
    version = tracking.log(finished([]), store, CONFIG)
    client = MlflowClient()
    assert dict(client.get_registered_model(CONFIG.model).aliases) == {"champion": int(version)}
    assert len(client.search_model_versions(f"name = '{CONFIG.model}'")) == 1
    mlflow.set_tracking_uri(f"sqlite:///{world['folder'] / 'mlflow.db'}")


@pytest.mark.parametrize(
    ("name", "value"),
    [("MLFLOW_DISABLE_TELEMETRY", "true"), ("DO_NOT_TRACK", "true"), ("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "false")],
)
def test_telemetry_and_pickle_are_off(name, value):
    """In the environment, which is all that MLflow reads."""
    assert os.environ[name] == value
