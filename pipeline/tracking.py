"""MLflow behind one door: a finished run's parameters, metrics, figures, data and model; nothing else knows of it.

The store is one SQLite file. Autologging stays off, the input example is made up (MLflow stores its rows), the model is
LightGBM's own text, and a run is found by its lineage id.
"""

import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import lightgbm as lgb
import numpy as np
import pandas as pd

from pipeline.config import BaseConfig

# Before the import: MLflow reads these once. A government's site tells nobody what it runs.
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
os.environ["DO_NOT_TRACK"] = "true"
os.environ["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] = "false"

import mlflow
import mlflow.data.pandas_dataset
from mlflow.entities import Run
from mlflow.models import infer_signature

logging.getLogger("mlflow").setLevel(logging.WARNING)
logging.getLogger("alembic").setLevel(logging.WARNING)


class Config(BaseConfig):
    """Section `track`."""

    experiment: str
    model: str
    run_type: str
    run_note: str


@dataclass(frozen=True)
class Finished:
    """A run as its artifacts tell it. `parameters` and `metrics` are flat; `files` go in as they are."""

    lineage: Mapping[str, object]
    parameters: Mapping[str, object]
    metrics: Mapping[str, float]
    files: Sequence[Path]
    booster: lgb.Booster


def log(finished: Finished, store: Path, config: Config) -> str:
    """Logs the run once: a second call with the same lineage id finds the first. Returns the model's version."""
    mlflow.set_tracking_uri(f"sqlite:///{store.resolve()}")
    experiment = experiment_id(store, config)
    lineage = str(finished.lineage["id"])
    known = find(lineage, experiment)
    if known is None:
        forget_unfinished(lineage, experiment)
        known = record(finished, experiment, config)
    return version_of(known, config)


def experiment_id(store: Path, config: Config) -> str:
    found = mlflow.get_experiment_by_name(config.experiment)
    if found is not None:
        return str(found.experiment_id)
    place = store.parent / "mlartifacts"
    return str(mlflow.create_experiment(config.experiment, artifact_location=place.resolve().as_uri()))


def find(lineage_id: str, experiment: str) -> Run | None:
    runs = mlflow.search_runs(
        [experiment],
        filter_string=f"tags.lineage_id = '{lineage_id}' and attributes.status = 'FINISHED'",
        output_format="list",
        max_results=1,
    )
    return runs[0] if runs else None


def forget_unfinished(lineage_id: str, experiment: str) -> None:
    """What a killed run left: a model that it registered last would stand as champion, or challenge, for no run."""
    client = mlflow.MlflowClient()
    for run in client.search_runs(
        [experiment], f"tags.lineage_id = '{lineage_id}' and attributes.status != 'FINISHED'"
    ):
        for version in client.search_model_versions(f"run_id = '{run.info.run_id}'"):
            client.delete_model_version(version.name, version.version)
        client.delete_run(run.info.run_id)


def record(finished: Finished, experiment: str, config: Config) -> Run:
    lineage_id = str(finished.lineage["id"])
    with mlflow.start_run(experiment_id=experiment, run_name=lineage_id, description=config.run_note) as run:
        mlflow.set_tags(tags(finished.lineage, config))
        mlflow.log_params(dict(finished.parameters))
        mlflow.log_metrics(dict(finished.metrics))
        for file in finished.files:
            mlflow.log_artifact(str(file), file.parent.name)
        log_data(finished.lineage)
        log_model(finished.booster, config)
    return mlflow.get_run(run.info.run_id)


def tags(lineage: Mapping[str, object], config: Config) -> dict[str, str]:
    told = ("commit", "dirty", "dvc_lock", "environment", "source", "extracted_on", "simulated")
    return {
        "lineage_id": str(lineage["id"]),
        "run_type": config.run_type,
        **{name: str(lineage[name]) for name in told},
    }


def log_data(lineage: Mapping[str, object]) -> None:
    """The extract's files and hashes as MLflow's data set: names and digests, no row of it."""
    data = lineage["data"]
    assert isinstance(data, Mapping)
    frame = pd.DataFrame({"file": list(data), "sha256": list(data.values())})
    digest = str(lineage["id"])
    made = mlflow.data.pandas_dataset.from_pandas(frame, name=str(lineage["source"]), digest=digest)
    mlflow.log_input(made, context="extract")


def log_model(booster: lgb.Booster, config: Config) -> None:
    names = booster.feature_name()
    example = pd.DataFrame([[0.0] * len(names)], columns=names)  # made up: MLflow stores the rows it is shown
    signature = infer_signature(example, np.asarray(booster.predict(example)))
    # Told, or MLflow would load the model in a second process only to see what it imports.
    needs = [f"lightgbm=={lgb.__version__}", f"mlflow=={mlflow.__version__}"]
    info = mlflow.lightgbm.log_model(booster, name=config.model, signature=signature, pip_requirements=needs)
    registered = mlflow.register_model(info.model_uri, config.model)
    client = mlflow.MlflowClient()
    aliases = client.get_registered_model(config.model).aliases
    # The first model is the champion; a later one challenges until a person promotes it.
    client.set_registered_model_alias(
        config.model, "challenger" if "champion" in aliases else "champion", registered.version
    )


def version_of(run: Run, config: Config) -> str:
    found = mlflow.MlflowClient().search_model_versions(f"name = '{config.model}' and run_id = '{run.info.run_id}'")
    return str(found[0].version)


def promote(store: Path, config: Config) -> str:
    """Makes the challenger the champion; returns its version. Raises LookupError where nothing challenges."""
    mlflow.set_tracking_uri(f"sqlite:///{store.resolve()}")
    client = mlflow.MlflowClient()
    aliases = client.get_registered_model(config.model).aliases
    if "challenger" not in aliases:
        raise LookupError(f"{config.model}: no challenger is registered")
    client.set_registered_model_alias(config.model, "champion", aliases["challenger"])
    client.delete_registered_model_alias(config.model, "challenger")
    return str(aliases["challenger"])
