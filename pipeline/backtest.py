"""The pipeline run over history: in every fold all models are fitted, calibrated and judged on the same rows."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from pipeline import calibrate, peers, train
from pipeline.columns import AS_OF, CENSORED, FAMILY, OUTCOME, TARGET
from pipeline.folds import Fold
from pipeline.sample import Floats, Rows

MODEL = "lightgbm"
Load = Callable[[Iterable[date]], pd.DataFrame]


@dataclass(frozen=True)
class Settings:
    """What the steps that are composed here read."""

    train: train.Config
    peers: peers.Config
    calibrate: calibrate.Config


def matured(features: pd.DataFrame, labels: pd.DataFrame) -> pd.DataFrame:
    """Features of cohort rows whose outcome is known for good; key kpm_id, as_of."""
    known = labels[labels["matured"] & (labels[OUTCOME] != CENSORED)]
    return features.merge(known[[FAMILY, AS_OF, OUTCOME]], on=[FAMILY, AS_OF], how="inner", validate="one_to_one")


def rows(frame: pd.DataFrame, scored: list[str], name: str) -> Rows:
    label: Floats = (frame[OUTCOME] == TARGET).to_numpy().astype(np.float64)
    return Rows(frame[scored], label, frame[FAMILY], frame[AS_OF], name)


def trainable(folds: Sequence[Fold], labels: pd.DataFrame, config: train.Config) -> list[Fold]:
    """Folds with enough gsm among the training dates; all of them where none has, so that training says why."""
    matured_rows = labels[labels["matured"] & (labels[OUTCOME] == TARGET)]
    found = matured_rows[AS_OF].dt.date.value_counts()
    enough = [f for f in folds if sum(found.get(a, 0) for a in f.train_as_ofs) >= config.min_positives]
    return enough or list(folds)


def run(folds: Iterable[Fold], load: Load, scored: list[str], settings: Settings) -> pd.DataFrame:
    """Out-of-time predictions of every fold and model.

    Columns kpm_id, as_of, fold, model, probability, label, outcome; `load` gives the matured rows of as-of dates.
    """
    parts = [predictions(fold, load, scored, settings) for fold in folds]
    return pd.concat(parts, ignore_index=True)


def predictions(fold: Fold, load: Load, scored: list[str], settings: Settings) -> pd.DataFrame:
    name = f"fold {fold.number} from {fold.origin}"
    learn = rows(load(fold.train_as_ofs), scored, f"{name}, training")
    later = rows(load(fold.calibrate_as_ofs), scored, f"{name}, calibration")
    test_frame = load(fold.test_as_ofs)
    test = rows(test_frame, scored, f"{name}, test")
    made = raw(learn, later, test, settings)
    chances = {model: calibrated(later, pair, settings.calibrate) for model, pair in made.items()}
    return tidy(test_frame, test.label, fold.number, chances)


def raw(learn: Rows, later: Rows, test: Rows, settings: Settings) -> Mapping[str, list[Floats]]:
    """Raw scores of every model on the calibration and the test rows."""
    booster = train.fit(learn, settings.train)
    mine = {MODEL: [train.raw_scores(booster, later.x), train.raw_scores(booster, test.x)]}
    return mine | peers.scores(learn, [later.x, test.x], settings.peers)


def calibrated(later: Rows, pair: list[Floats], config: calibrate.Config) -> Floats:
    fitted = calibrate.fit(pair[0], later.label, later.family, config)
    return calibrate.probability(pair[1], fitted)


def tidy(frame: pd.DataFrame, label: Floats, fold: int, chances: Mapping[str, Floats]) -> pd.DataFrame:
    keys = frame[[FAMILY, AS_OF]].reset_index(drop=True)
    outcome = frame[OUTCOME].reset_index(drop=True)
    parts = [
        keys.assign(fold=fold, model=model, probability=p, label=label.astype(np.int64), outcome=outcome)
        for model, p in chances.items()
    ]
    return pd.concat(parts, ignore_index=True)
