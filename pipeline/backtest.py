"""The pipeline run over history: in every fold all models are fitted, calibrated and judged on the same rows."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
from scipy.special import expit

from pipeline import calibrate, early, peers, survival, train
from pipeline.calibrate import Calibration
from pipeline.columns import AS_OF, CENSORED, FAMILY, KEY, NONE, OUTCOME, TARGET
from pipeline.early import Recent
from pipeline.folds import Fold
from pipeline.sample import Floats, Followed, Rows
from pipeline.study import months_after
from pipeline.survival import Hazards

MODEL, HAZARDS = "lightgbm", "hazards"
Load = Callable[[Iterable[date]], pd.DataFrame]


@dataclass(frozen=True)
class Settings:
    """What the steps that are composed here read."""

    train: train.Config
    peers: peers.Config
    calibrate: calibrate.Config
    survival: survival.Config | None


@dataclass(frozen=True)
class Past:
    """What is on record: `matured` rows of as-of dates with their outcome, `features` of every member of as-of dates,
    `recorded` the outcomes as far as anything tells (see labels.lengthened), `within_horizon` the same cut to the
    horizon, and when the labels of each date mature.
    """

    matured: Load
    features: Load
    recorded: pd.DataFrame
    within_horizon: pd.DataFrame
    matured_on: Mapping[date, date]
    scored: list[str]
    signs: Mapping[str, int]
    horizon_months: int


@dataclass(frozen=True)
class Made:
    """Tidy tables: predictions (kpm_id, as_of, fold, model, probability, label, outcome), and of the hazard model the
    incidence (kpm_id, as_of, fold, gsm_<months>)."""

    predictions: pd.DataFrame
    incidence: pd.DataFrame


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


def joined(folds: Sequence[Made]) -> Made:
    """The tables of all folds, one after the other."""
    predictions = pd.concat([m.predictions for m in folds], ignore_index=True)
    return Made(predictions, pd.concat([m.incidence for m in folds], ignore_index=True))


def one(fold: Fold, past: Past, settings: Settings) -> Made:
    """Out-of-time predictions of every model on one fold, and the hazard model's cumulative incidence."""
    name = f"fold {fold.number} from {fold.origin}"
    learn = rows(past.matured(fold.train_as_ofs), past.scored, f"{name}, training")
    later = rows(past.matured(fold.calibrate_as_ofs), past.scored, f"{name}, calibration")
    test_frame = past.matured(fold.test_as_ofs)
    test = rows(test_frame, past.scored, f"{name}, test")
    latest = past.features(recent_dates(fold, past, settings.calibrate))
    frames = [later.x, test.x, latest[past.scored]]
    booster = train.fit(learn, settings.train, past.signs)
    raw = {MODEL: [train.raw_scores(booster, x) for x in frames]}
    hazards, spells = hazard_model(fold, past, settings)
    raw |= peers.scores(learn, frames, settings.peers, spells)
    at = (fold.origin, past, settings.calibrate)
    chances = {m: calibrate.probability(r[1], fitted((r[0], r[2]), later, latest, at)) for m, r in raw.items()}
    if hazards is not None and settings.survival is not None:
        # A level of their own, not calibrated: they learnt from the dates that would calibrate them.
        chances[HAZARDS] = expit(survival.raw_scores(hazards, test.x, past.horizon_months, settings.survival))
    return Made(tidy(test_frame, test.label, fold.number, chances), told(hazards, test_frame, fold, settings))


def recent_dates(fold: Fold, past: Past, config: calibrate.Config) -> list[date]:
    """The dates of the calibration and those after them whose labels had not matured: what early evidence is of."""
    if config.early is None:
        return list(fold.calibrate_as_ofs[-1:])
    return [a for a in sorted(past.matured_on) if fold.calibrate_as_ofs[0] <= a < fold.origin]


def fitted(
    raw: tuple[Floats, Floats], later: Rows, latest: pd.DataFrame, at: tuple[date, Past, calibrate.Config]
) -> Calibration:
    """The map from matured evidence, moved to the level of the latest months; raw scores of `later` and `latest`."""
    origin, past, config = at
    fit = calibrate.fit(raw[0], later.label, later.family, config)
    return fit if config.early is None else calibrate.shift(recent(raw[1], latest, origin, past), fit, config)


def recent(raw: Floats, latest: pd.DataFrame, origin: date, past: Past) -> Recent:
    """What stood on record on `origin` of the cohorts in `latest`, within the horizon."""
    return early.recent(past.within_horizon, latest[KEY].assign(raw=raw), past.matured_on, origin)


def within(recorded: pd.DataFrame, months: int) -> pd.DataFrame:
    """Recorded outcomes cut to a shorter horizon: what came later had not happened."""
    ends = recorded[AS_OF].map({a: pd.Timestamp(months_after(a.date(), months)) for a in recorded[AS_OF].unique()})
    late = recorded["outcome_on"] > ends
    return recorded.assign(
        outcome=recorded[OUTCOME].mask(late, NONE), outcome_on=recorded["outcome_on"].mask(late),
        known_on=recorded["known_on"].mask(late),
    )  # fmt: skip


def hazard_model(fold: Fold, past: Past, settings: Settings) -> tuple[Hazards | None, Followed | None]:
    """The hazards by quarter as they could be fitted on the fold's origin, and the spells that survival peers take."""
    config = settings.survival
    if config is None:
        return None, None
    at = survival.clock(fold.origin, past.matured_on, past.horizon_months)
    as_ofs = survival.learnt_from(sorted(past.matured_on), at, config)
    known = survival.spells(past.recorded, as_ofs, at, config)
    quarters = survival.joined(survival.person_quarters(known, at, config), by_date(past), past.scored)
    model = survival.fit(survival.rows_of(quarters, past.scored, f"fold from {fold.origin}, hazards"), config)
    return model, followed(known, past, settings.peers)


def followed(known: pd.DataFrame, past: Past, config: peers.Config) -> Followed | None:
    if not config.survival_peers:
        return None
    return survival.followed(survival.joined(peers.bounded(known, config), by_date(past), past.scored), past.scored)


def by_date(past: Past) -> Callable[[date], pd.DataFrame]:
    return lambda as_of: past.features([as_of])


def told(hazards: Hazards | None, test: pd.DataFrame, fold: Fold, settings: Settings) -> pd.DataFrame:
    """The hazard model's cumulative incidence of the tested rows."""
    keys = test[KEY].reset_index(drop=True).assign(fold=fold.number)
    config = settings.survival
    if hazards is None or config is None:
        return keys.iloc[:0]
    return keys.join(survival.incidence(hazards, test, config.months, config).reset_index(drop=True))


def tidy(frame: pd.DataFrame, label: Floats, fold: int, chances: Mapping[str, Floats]) -> pd.DataFrame:
    keys = frame[[FAMILY, AS_OF]].reset_index(drop=True)
    outcome = frame[OUTCOME].reset_index(drop=True)
    parts = [
        keys.assign(fold=fold, model=model, probability=p, label=label.astype(np.int64), outcome=outcome)
        for model, p in chances.items()
    ]
    return pd.concat(parts, ignore_index=True)
