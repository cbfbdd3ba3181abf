"""Which model one would have chosen as time went by, and what that choice cost in the next period.

All functions read a tidy table, one row per model_group_id, train_end_time, metric and parameter:

    model_group_id, train_end_time, metric, parameter, raw_value, dist_from_best_case

raw_value is the metric; dist_from_best_case how far it is from the best of its period (0 the best, never negative;
`distances` computes it). train_end_time orders by time: dates, timestamps or ISO texts. A rule sees a History, what is
known up to the time it stands on, and returns up to `n` model groups, best first; ties go to the smaller
model_group_id, so that a choice can be repeated.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import pandas as pd
from pydantic import Field

from pipeline.config import BaseConfig

LOWER_IS_BETTER = {"false positives", "false negatives", "brier", "log_loss"}
KEYS = ["train_end_time", "metric", "parameter"]

Decay = Literal["linear", "exponential"]


class Config(BaseConfig):
    """Nested in section `evaluate`: the arguments of the rules."""

    distance: float = Field(ge=0)
    second_metric: str
    first_weight: float = Field(ge=0, le=1)
    spread_penalty: float = Field(ge=0)
    recent_weight: float = Field(gt=0)
    decay: Decay


@dataclass(frozen=True)
class History:
    """What is known of one metric by the time a choice is made."""

    rows: pd.DataFrame
    metric: str
    now: Any

    @classmethod
    def of(cls, table: pd.DataFrame, now: Any, metric: str, parameter: str) -> "History":
        wanted = (table["metric"] == metric) & (table["parameter"] == parameter) & (table["train_end_time"] <= now)
        known = table[wanted & table["raw_value"].notna()]
        return cls(known.sort_values(["model_group_id", "train_end_time"], kind="stable"), metric, now)

    def by_group(self, column: str = "raw_value") -> Any:
        return self.rows.groupby("model_group_id")[column]


def lower_is_better(metric: str) -> bool:
    return metric.rstrip("@") in LOWER_IS_BETTER


def best(values: "pd.Series[float]", metric: str, n: int) -> list[Any]:
    """The n best groups of a series by model_group_id; unknown values never win.

    Values equal to 12 decimals tie: rounding in the last bit must not choose a model.
    """
    known = values.dropna().round(12).sort_index()
    ordered = known.sort_values(ascending=lower_is_better(metric), kind="stable")
    return list(dict.fromkeys(ordered.index))[:n]


def distances(table: pd.DataFrame) -> pd.DataFrame:
    """The table with dist_from_best_case: distance from the best raw_value of the period, metric and parameter."""
    sign = table["metric"].map(lambda m: -1.0 if lower_is_better(m) else 1.0)
    better = sign * table["raw_value"]
    period_best = better.groupby([table[k] for k in KEYS]).transform("max")
    return table.assign(dist_from_best_case=period_best - better)


# --- the rules ----------------------------------------------------------------------------------------------------


def best_current_value(history: History, n: int = 1) -> list[Any]:
    """The best value in the period `now`."""
    current = history.rows[history.rows["train_end_time"] == history.now]
    return best(current.set_index("model_group_id")["raw_value"], history.metric, n)


def best_average_value(history: History, n: int = 1) -> list[Any]:
    """The best mean over the periods so far."""
    return best(history.by_group().mean(), history.metric, n)


def lowest_metric_variance(history: History, n: int = 1) -> list[Any]:
    """The smallest standard deviation over the periods so far; with one period only, nothing varies yet: the best."""
    spread = history.by_group().std()
    if spread.isna().all():
        return best_average_value(history, n)
    return best(-spread, "", n)


def most_frequent_best_dist(history: History, distance: float, n: int = 1) -> list[Any]:
    """Most often within `distance` of the best of the period."""
    near = history.rows.assign(near=(history.rows["dist_from_best_case"] <= distance).astype(float))
    return best(near.groupby("model_group_id")["near"].mean(), "", n)


def best_average_two_metrics(first: History, second: History, first_weight: float, n: int = 1) -> list[Any]:
    """The best mean of first_weight x one metric + (1 - first_weight) x another.

    ValueError where a lower value is better of one metric and a higher of the other: their sum would mean nothing.
    """
    if lower_is_better(first.metric) != lower_is_better(second.metric):
        raise ValueError(f"{first.metric} and {second.metric} do not point the same way")
    one, other = first.by_group().mean(), second.by_group().mean()
    return best(first_weight * one + (1 - first_weight) * other, first.metric, n)


def best_avg_var_penalized(history: History, penalty: float, n: int = 1) -> list[Any]:
    """The best of mean - penalty x (standard deviation - the smallest one); + where lower is better.

    With one period only, the mean.
    """
    grouped = history.by_group()
    spread = grouped.std().fillna(0.0)
    sign = -1.0 if lower_is_better(history.metric) else 1.0
    return best(grouped.mean() - sign * penalty * (spread - spread.min()), history.metric, n)


def best_avg_recency_weight(history: History, latest: float, decay: Decay, n: int = 1) -> list[Any]:
    """The best weighted mean; `latest`: weight of the latest period relative to the first, falling off by `decay`."""
    rows = history.rows
    weight = _recency(pd.to_datetime(rows["train_end_time"]), latest, decay)
    summed = (rows["raw_value"] * weight).groupby(rows["model_group_id"]).sum()
    return best(summed / weight.groupby(rows["model_group_id"]).sum(), history.metric, n)


def _recency(times: "pd.Series[Any]", latest: float, decay: Decay) -> "pd.Series[float]":
    days = (times - times.min()).dt.days.astype(float)
    share = days / days.max() if len(days) and days.max() > 0 else days
    weight: pd.Series[float] = 1.0 + (latest - 1.0) * share if decay == "linear" else latest**share
    return weight


# --- regret -------------------------------------------------------------------------------------------------------

Rule = Callable[[pd.DataFrame, Any], list[Any]]


def rules(metric: str, parameter: str, config: Config) -> dict[str, Rule]:
    """The seven rules by name, bound to a metric and to the arguments of the configuration."""

    def of(table: pd.DataFrame, now: Any, name: str = metric) -> History:
        return History.of(table, now, name, parameter)

    two, c = config.second_metric, config
    return {
        "best_current_value": lambda t, now: best_current_value(of(t, now)),
        "best_average_value": lambda t, now: best_average_value(of(t, now)),
        "lowest_metric_variance": lambda t, now: lowest_metric_variance(of(t, now)),
        "most_frequent_best_dist": lambda t, now: most_frequent_best_dist(of(t, now), c.distance),
        "best_average_two_metrics": lambda t, now: best_average_two_metrics(
            of(t, now), of(t, now, two), c.first_weight
        ),
        "best_avg_var_penalized": lambda t, now: best_avg_var_penalized(of(t, now), c.spread_penalty),
        "best_avg_recency_weight": lambda t, now: best_avg_recency_weight(of(t, now), c.recent_weight, c.decay),
    }


def regret(table: pd.DataFrame, metric: str, parameter: str, chosen_by: Rule) -> pd.DataFrame:
    """One row per period but the last: period, chosen, next_period, raw_value, best, best_value, regret.

    The rule chooses on what the periods up to `period` showed; raw_value is what its choice then achieved in
    next_period, regret how far that was from the best of next_period (0: no regret). Missing where the choice, or
    everything, was not measured. A period's outcomes are known only after horizon and reporting lag, so with quarterly
    periods this compares rules with each other; it is not what choosing on the day itself would have cost.
    """
    rows = distances(table[(table["metric"] == metric) & (table["parameter"] == parameter)])
    periods = sorted(rows["train_end_time"].unique())
    return pd.DataFrame([_regretted(table, rows, step, chosen_by) for step in pairwise(periods)], columns=REGRET)


REGRET = ["period", "chosen", "next_period", "raw_value", "best", "best_value", "regret"]


def _regretted(table: pd.DataFrame, rows: pd.DataFrame, step: tuple[Any, Any], chosen_by: Rule) -> tuple[Any, ...]:
    period, following = step
    chosen = next(iter(chosen_by(table, period)), None)
    after = rows[rows["train_end_time"] == following].set_index("model_group_id").sort_index()
    known = after.dropna(subset=["raw_value"])
    value, missed = known["raw_value"].get(chosen), known["dist_from_best_case"].get(chosen)
    top = known["dist_from_best_case"].idxmin() if len(known) else None
    return period, chosen, following, value, top, known["raw_value"].get(top), missed


def regrets(table: pd.DataFrame, metric: str, parameter: str, config: Config) -> pd.DataFrame:
    """`regret` of all seven rules, one below the other; the first column is the rule."""
    bound = rules(metric, parameter, config)
    tables = [regret(table, metric, parameter, rule).assign(rule=name) for name, rule in bound.items()]
    return pd.concat([t for t in tables if len(t)] or tables[:1], ignore_index=True)[["rule", *REGRET]]
