"""Which settings of `train` order families best, by Optuna on folds of time before any that the backtest tests.

Nested: a trial is judged on as-of dates whose outcomes were known before the first origin of the backtest, learnt from
dates before those with the same embargo. So no figure of the backtest has helped to choose. What is wanted is what a
planner uses: average precision, and precision among as many as can be visited, both within each as-of date.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Self

import numpy as np
import optuna
import pandas as pd
from optuna.trial import TrialState
from pydantic import Field, PositiveInt, model_validator

from pipeline import folds, metrics, train
from pipeline.config import BaseConfig
from pipeline.sample import Floats, Rows

FINISHED = (TrialState.COMPLETE, TrialState.PRUNED)


class Range(BaseConfig):
    """From `low` to `high`, both included; whole numbers where both are; `log`: drawn evenly on the log scale."""

    low: int | float
    high: int | float
    log: bool

    @model_validator(mode="after")
    def ordered(self) -> Self:
        if self.low >= self.high:
            raise ValueError("low must be below high")
        if self.log and self.low <= 0:
            raise ValueError("low must be above 0 where log is true")
        return self


class Choice(BaseConfig):
    """One of these."""

    among: tuple[int | float | str | None, ...] = Field(min_length=2)


class Config(BaseConfig):
    """Section `tune`."""

    trials: PositiveInt
    startup_trials: PositiveInt
    seed: int = Field(ge=0)
    seeds: PositiveInt
    folds: PositiveInt
    test_months: PositiveInt
    training_months: PositiveInt
    capacity_share: float = Field(gt=0, lt=1)
    least_gain: float = Field(ge=0)
    space: dict[str, Range | Choice] = Field(min_length=1)

    @model_validator(mode="after")
    def known(self) -> Self:
        unknown = sorted(set(self.space) - set(train.Config.model_fields))
        if unknown:
            raise ValueError(f"space: no such setting of train: {', '.join(unknown)}")
        return self


@dataclass(frozen=True)
class Part:
    """One inner fold: the rows to learn from, and later ones to be judged on."""

    learn: Rows
    test: Rows


@dataclass(frozen=True)
class Tuned:
    """What was tried (`trials`: one row a trial), and the settings of `train` to take; `gain` over those in use."""

    trials: pd.DataFrame
    best: train.Config
    gain: float


def plan(
    as_ofs: Sequence[date], matured_on: Mapping[date, date], before: date, config: Config
) -> tuple[folds.Fold, ...]:
    """Inner folds of the as-of dates whose labels had matured on `before`; BadInput where there is none."""
    inner = folds.Config(
        origins=None,
        folds=config.folds,
        test_months=config.test_months,
        training_months=config.training_months,
        calibration_months=1,
    )
    return folds.chop(folds.known_on(before, as_ofs, matured_on), matured_on, inner)


def search(
    parts: Sequence[Part], present: train.Config, signs: Mapping[str, int], config: Config, storage: str | None
) -> Tuned:
    """Trials up to the budget, the first with the settings in use; goes on where an earlier search in `storage` ended.

    A trial draws from a seed of its own number, so a search that was interrupted ends like one that was not. Raises
    BadInput as `train.gate` does.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    pruner = optuna.pruners.MedianPruner(n_startup_trials=config.startup_trials, n_warmup_steps=0)
    name = question(parts, present, signs, config)
    study = optuna.create_study(
        storage=storage, study_name=name, direction="maximize", pruner=pruner, load_if_exists=True
    )
    give_up_unfinished(study)
    for number in range(len(study.get_trials(states=FINISHED)), config.trials):
        study.sampler = optuna.samplers.TPESampler(seed=config.seed + number, n_startup_trials=config.startup_trials)
        if number == 0:
            study.enqueue_trial(inside(present, config.space))
        study.optimize(lambda trial: judged(trial, parts, present, (signs, config)), n_trials=1)
    return tuned(study, present, config)


def question(parts: Sequence[Part], present: train.Config, signs: Mapping[str, int], config: Config) -> str:
    """A name that is another one for other rows, features, settings or space: trials of two questions never mix."""
    rows = [
        (r.name, list(r.x.columns), len(r.label), float(r.label.sum()), float(np.nansum(r.x.to_numpy())))
        for p in parts
        for r in (p.learn, p.test)
    ]
    asked = config.model_dump(exclude={"trials", "least_gain"})
    text = json.dumps([rows, present.model_dump(), sorted(signs.items()), asked], sort_keys=True)
    return "train-" + hashlib.sha256(text.encode()).hexdigest()[:12]


def give_up_unfinished(study: optuna.Study) -> None:
    """A trial that was running when a search was killed will never be told its value."""
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        study.tell(trial.number, state=TrialState.FAIL)


def inside(present: train.Config, space: Mapping[str, Range | Choice]) -> dict[str, Any]:
    """The settings in use, as far as the space holds them."""
    values = present.model_dump()
    return {name: values[name] for name, allowed in space.items() if holds(allowed, values[name])}


def holds(allowed: Range | Choice, value: Any) -> bool:
    if isinstance(allowed, Choice):
        return value in allowed.among
    return value is not None and allowed.low <= value <= allowed.high


def judged(
    trial: optuna.Trial,
    parts: Sequence[Part],
    present: train.Config,
    given: tuple[Mapping[str, int], Config],
) -> float:
    """Mean over the folds of (average precision + precision at capacity) / 2; pruned after a fold below the median."""
    signs, config = given
    chosen = {name: suggested(trial, name, allowed) for name, allowed in config.space.items()}
    settings = train.Config.model_validate(present.model_dump() | {"seeds": config.seeds} | chosen)
    values: list[float] = []
    for step, part in enumerate(parts):
        booster = train.fit(part.learn, settings, signs)
        found = worth(part.test, train.raw_scores(booster, part.test.x), config.capacity_share)
        trial.set_user_attr(f"average_precision_{step + 1}", found[0])
        trial.set_user_attr(f"precision_at_capacity_{step + 1}", found[1])
        values.append(sum(found) / 2)
        trial.report(float(np.mean(values)), step)
        if trial.should_prune():
            raise optuna.TrialPruned
    return float(np.mean(values))


def suggested(trial: optuna.Trial, name: str, allowed: Range | Choice) -> Any:
    if isinstance(allowed, Choice):
        return trial.suggest_categorical(name, allowed.among)
    if isinstance(allowed.low, int) and isinstance(allowed.high, int):
        return trial.suggest_int(name, allowed.low, allowed.high, log=allowed.log)
    return trial.suggest_float(name, allowed.low, allowed.high, log=allowed.log)


def worth(rows: Rows, raw: Floats, share: float) -> tuple[float, float]:
    """(average precision, precision among the first `share`), each the mean over as-of dates that have a gsm."""
    days = pd.to_datetime(rows.as_of).to_numpy()
    found = []
    for day in np.unique(days):
        at = days == day
        if rows.label[at].any():
            count = max(1, round(share * int(at.sum())))
            found.append(
                (
                    metrics.average_precision(raw[at], rows.label[at]),
                    metrics.precision_at(raw[at], rows.label[at], count),
                )
            )
    means = np.mean(found, axis=0) if found else (0.0, 0.0)
    return float(means[0]), float(means[1])


def tuned(study: optuna.Study, present: train.Config, config: Config) -> Tuned:
    """The best trial's settings, or those in use where it gains less than `least_gain` of their value over them."""
    finished = study.get_trials(states=FINISHED)
    complete = [t for t in finished if t.state == TrialState.COMPLETE]
    first, best = complete[0], max(complete, key=lambda t: float(t.value or 0.0))
    start, reached = float(first.value or 0.0), float(best.value or 0.0)
    gain = reached / start - 1 if start else 0.0
    chosen = best.params if gain >= config.least_gain else {}
    return Tuned(table(finished), train.Config.model_validate(present.model_dump() | chosen), gain)


def table(trials: Sequence[optuna.trial.FrozenTrial]) -> pd.DataFrame:
    """One row a finished trial: trial, state, value, the settings drawn, the measures of each fold reached."""
    rows = [
        {"trial": i, "state": t.state.name.lower(), "value": t.value, **t.params, **dict(sorted(t.user_attrs.items()))}
        for i, t in enumerate(trials)
    ]
    return pd.DataFrame(rows)


def section(found: Tuned) -> str:
    """The settings as the text of configs/train.yaml; a JSON scalar is a YAML scalar."""
    head = f"# Chosen among {len(found.trials)} trials; the best gained {found.gain:+.1%} over the settings in use.\n"
    return head + "".join(f"{name}: {json.dumps(value)}\n" for name, value in found.best.model_dump().items())
