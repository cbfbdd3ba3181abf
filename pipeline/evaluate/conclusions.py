"""What follows from the measures: the verdict, the choice of model over time, and the distance to the truth."""

from typing import Any

import pandas as pd

from pipeline import metrics, selection
from pipeline.columns import AS_OF, FAMILY, TARGET
from pipeline.evaluate import cases, measures
from pipeline.evaluate.measures import number
from pipeline.evaluate.settings import BOUNDS, HEADLINE, LEVEL, RATIO, Config

DEPLOY, DO_NOT_DEPLOY = "deploy", "do not deploy"
ORACLE, OF_ORACLE = "oracle", "share_of_oracle"


def period_table(measured: pd.DataFrame) -> pd.DataFrame:
    """The per-period estimates as the tidy table that selection reads; a period is an as-of date."""
    table = measured[measured["scope"] == "period"].rename(
        columns={"model": "model_group_id", "group": "train_end_time", "estimate": "raw_value"}
    )
    columns = ["model_group_id", "train_end_time", "metric", "raw_value"]
    return selection.distances(table[columns].astype({"raw_value": "float64"}).assign(parameter=""))


def overall(measured: pd.DataFrame, metric: str = HEADLINE) -> "pd.Series[float]":
    """A metric on all rows by model."""
    rows = measured[(measured["scope"] == "all") & (measured["metric"] == metric)]
    return rows.set_index("model")["estimate"].astype("float64")


def best_of(values: "pd.Series[float]", names: list[str]) -> str | None:
    """The model with the highest value, the first of them where nothing is known; None without any."""
    there = values[[n for n in names if n in values.index]]
    if not len(there):
        return None
    return str(there.idxmax() if there.notna().any() else there.index[0])


def best_rule(measured: pd.DataFrame, config: Config) -> str:
    """The rule of thumb with the highest average precision, found on the same data, which favours the rule."""
    return str(best_of(overall(measured), list(config.rules)))


def verdict(measured: pd.DataFrame, differences: pd.DataFrame, config: Config) -> dict[str, Any]:
    """Whether to deploy, and why.

    verdict, champion, against, metric, estimate, lower, upper: the gain over the best rule of thumb; best_peer and
    peer_ratio, peer_ratio_lower, peer_ratio_upper: the champion's average precision over that of the best model that
    is no rule; last_fold, last_level: calibration in the large in the latest fold; reasons: the deciding one
    (gain_sure, gain_unsure, gain_unknown), then the warnings (worse_than_peer, unsure_of_late, level_off).

    `do not deploy` where the interval of the gain reaches zero or does not exist: then planners lose nothing by using
    the rule that they understand. A better peer or a level that is off is a warning: the order may still be worth it.
    """
    against, peers = best_rule(measured, config), sorted(set(measured["model"]) - {config.champion, *config.rules})
    gain = _difference(differences, ("all", "all", against, HEADLINE))
    deciding = "gain_unknown" if gain["lower"] is None else "gain_sure" if gain["lower"] > 0 else "gain_unsure"
    found = {
        "verdict": DEPLOY if deciding == "gain_sure" else DO_NOT_DEPLOY,
        "champion": config.champion,
        "against": against,
        "metric": HEADLINE,
        **gain,
        **_best_peer(best_of(overall(measured), peers), differences),
        **_lately(measured, config),
    }
    late = _difference(differences, ("fold", found["last_fold"], against, HEADLINE))
    return found | {"reasons": [deciding, *_warnings(found, late, config)]}


def _difference(differences: pd.DataFrame, key: tuple[str, str, str, str]) -> dict[str, float | None]:
    """estimate, lower, upper of one difference by scope, group, peer and metric; None where there is none."""
    rows = differences
    for column, value in zip(("scope", "group", "against", "metric"), key, strict=True):
        rows = rows[rows[column] == value]
    return {name: number(rows[name].iloc[0]) if len(rows) else None for name in BOUNDS}


def _best_peer(peer: str | None, differences: pd.DataFrame) -> dict[str, Any]:
    share = _difference(differences, ("all", "all", str(peer), RATIO))
    named = {"estimate": "peer_ratio", "lower": "peer_ratio_lower", "upper": "peer_ratio_upper"}
    return {"best_peer": peer, **{named[k]: v for k, v in share.items()}}


def _lately(measured: pd.DataFrame, config: Config) -> dict[str, Any]:
    folds = measured[(measured["scope"] == "fold") & (measured["model"] == config.champion)]
    level = folds[folds["metric"] == LEVEL]
    known = level.assign(place=level["group"].astype("int64")).sort_values("place")
    return {"last_fold": str(known["group"].iloc[-1]), "last_level": number(known["estimate"].iloc[-1])}


def _warnings(found: dict[str, Any], late: dict[str, float | None], config: Config) -> list[str]:
    ratio, level, warn = found["peer_ratio"], found["last_level"], config.warn
    unsure = late["lower"] is None or late["lower"] <= 0
    off = level is not None and not warn.lowest_level <= level <= warn.highest_level
    raised = {
        "worse_than_peer": ratio is not None and ratio < warn.peer_ratio,
        "unsure_of_late": found["verdict"] == DEPLOY and unsure,
        "level_off": off,
    }
    return [name for name, is_so in raised.items() if is_so]


# --- the truth of a simulated world -------------------------------------------------------------------------------


def against_truth(scores: pd.DataFrame, truth: pd.DataFrame, config: Config) -> pd.DataFrame:
    """How far the champion's scores are from what no model can beat, on outcomes that the extract does not hold.

    `scores`: kpm_id, as_of, probability, facilitator_id, regency_code; `truth`: kpm_id, probability_gsm (the chance
    that the simulation itself drew from), outcome of the same months. One row per model and metric: estimate, lower,
    upper, cluster, families, rows, positives. Models: the champion, `oracle`, and `share_of_oracle`: average precision
    over the oracle's, and (AUC - 1/2) over the oracle's. Families of whom there is no truth, and truth of families
    that are not scored, are left out.
    """
    both = scores.merge(truth[[FAMILY, "probability_gsm", "outcome"]], on=FAMILY, how="inner", validate="one_to_one")
    keys = both[[FAMILY, AS_OF, "facilitator_id", "regency_code"]].assign(fold=1)
    label = (both["outcome"] == TARGET).astype("float64")
    chances = {config.champion: both["probability"], ORACLE: both["probability_gsm"]}
    rows = pd.concat([keys.assign(model=m, probability=p, label=label) for m, p in chances.items()], ignore_index=True)
    plain = config.model_copy(update={"rules": (ORACLE,), "segments": {}})
    built = cases.build(rows, plain)
    everyone = next(iter(measures.parts(built, plain)))
    part = measures.scope(everyone, built, measures.draws(built, plain), plain)
    told = list(measures.rows(part, plain))
    size = {k: told[0][k] for k in ("families", "facilitators", "rows", "positives")}
    table = pd.DataFrame([*told, *(share | size for share in _shares(part, plain))])
    return table.drop(columns=["scope", "group"])


def _shares(part: measures.Scope, config: Config) -> list[dict[str, Any]]:
    pairs = {c: (found[config.champion], found[ORACLE]) for c, found in part.measured.items()}
    made = []
    for metric, zero in ((HEADLINE, 0.0), ("auc", 0.5)):
        ratio = {c: metrics.ratio(mine[metric] - zero, best[metric] - zero) for c, (mine, best) in pairs.items()}
        made.append({"model": OF_ORACLE, "metric": metric} | measures.widest(ratio, config.level))
    return made
