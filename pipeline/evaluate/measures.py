"""Every metric of every model in every part of the cases, and the champion's differences from its peers.

Rows of one family are not independent, nor are the families of one facilitator, who visits, records and proposes
them. Both are resampled, each by itself, and the wider of the two intervals is told. Facilitators are resampled only
where there are enough of them: over a handful of clusters a bootstrap is too narrow to mean anything.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from pipeline import metrics
from pipeline.columns import AS_OF
from pipeline.evaluate.cases import Cases
from pipeline.evaluate.settings import HEADLINE, RATIO, Config
from pipeline.metrics import Flags, Indices, Numbers, Rows

DIFFERENCES = ["scope", "group", "model", "against", "metric", "estimate", "lower", "upper", "cluster"]
SAME_FOR_ALL = {"observed_rate"}
Measured = Mapping[str, Mapping[str, Numbers]]


@dataclass(frozen=True)
class Draws:
    """Weights of the clusters, (1 + replicates) x clusters, for families and, where they can be, facilitators."""

    family: Numbers
    facilitator: Numbers | None


@dataclass(frozen=True)
class Scope:
    """A part of the cases, and every model's metrics there by kind of cluster: element 0 the estimate, then replicates.

    `facilitators` is 0 where they were not resampled.
    """

    scope: str
    group: str
    families: int
    facilitators: int
    rows: int
    positives: int
    measured: Mapping[str, Measured]


def draws(cases: Cases, config: Config) -> Draws:
    """Resamples that all models and parts share, so that differences are paired."""
    families, clusters = int(cases.family.max()) + 1, int(cases.cluster.max()) + 1
    by_facilitator = metrics.resample(clusters, config.replicates, config.seed + 1) if cases.served else None
    return Draws(metrics.resample(families, config.replicates, config.seed), by_facilitator)


def parts(cases: Cases, config: Config) -> Iterator[tuple[str, str, Flags]]:
    """(scope, group, rows): all, then each fold, period, regency and segment."""
    yield "all", "all", np.ones(len(cases.rows), dtype=bool)
    for scope, column in (("fold", "fold"), ("period", AS_OF), ("regency", "regency_code")):
        codes, values = pd.factorize(cases.rows[column], sort=True)
        for code, value in enumerate(values):
            yield scope, str(value), np.asarray(codes == code)
    for name in config.segments:
        for value, mask in metrics.groups(cases.rows[name].map(_truth, na_action="ignore")):
            if mask.any():
                yield "segment", f"{name}={value}", mask


def _truth(value: Any) -> str:
    return "true" if value else "false"


def scope(part: tuple[str, str, Flags], cases: Cases, weights: Draws, config: Config) -> Scope:
    """The part measured; its lists are those made for everybody. Of a regency only the champion: it has few rows."""
    name, group, mask = part
    known = mask & cases.known
    label = cases.label[known]
    models = [config.champion] if name == "regency" else list(cases.probability)
    of = Part(cases, known, models)
    measured = {"family": of.measured(cases.family, weights.family)}
    facilitators = np.unique(cases.cluster[known & (cases.facilitators >= 0)]).size
    enough = weights.facilitator is not None and facilitators >= config.fewest_facilitators
    if enough and weights.facilitator is not None:
        measured["facilitator"] = of.measured(cases.cluster, weights.facilitator)
    families = np.unique(cases.family[known]).size
    return Scope(name, group, families, facilitators if enough else 0, label.size, int(label.sum()), measured)


@dataclass(frozen=True)
class Part:
    """Rows with known label of some models."""

    cases: Cases
    known: Flags
    models: list[str]

    def measured(self, cluster: Indices, weights: Numbers) -> Measured:
        """Every metric of the models, with these clusters resampled."""
        present, number = np.unique(cluster[self.known], return_inverse=True)
        here, own = np.ascontiguousarray(weights[:, present]), number.astype(np.intp)
        return {model: metrics.measure(self._rows(model, own), here) for model in self.models}

    def _rows(self, model: str, cluster: Indices) -> Rows:
        lists = {name: chance[self.known] for name, chance in self.cases.lists[model].items()}
        return Rows(self.cases.probability[model][self.known], self.cases.label[self.known], cluster, lists)


def rows(part: Scope, config: Config) -> Iterator[dict[str, Any]]:
    """Rows of Evaluation.measures."""
    size = {k: getattr(part, k) for k in ("families", "facilitators", "rows", "positives")}
    for model, measured in part.measured["family"].items():
        for metric in measured:
            key = {"scope": part.scope, "group": part.group, "model": model, "metric": metric}
            values = {cluster: found[model][metric] for cluster, found in part.measured.items()}
            yield key | widest(values, config.level) | size


def differences(part: Scope, config: Config) -> Iterator[dict[str, Any]]:
    """Rows of Evaluation.differences."""
    for peer in sorted(part.measured["family"].keys() - {config.champion}):
        key = {"scope": part.scope, "group": part.group, "model": config.champion, "against": peer}
        pairs = {c: (found[config.champion], found[peer]) for c, found in part.measured.items()}
        for metric in [m for m in pairs["family"][0] if m not in SAME_FOR_ALL]:
            gain = {c: mine[metric] - theirs[metric] for c, (mine, theirs) in pairs.items()}
            yield key | {"metric": metric} | widest(gain, config.level)
        share = {c: metrics.ratio(mine[HEADLINE], theirs[HEADLINE]) for c, (mine, theirs) in pairs.items()}
        yield key | {"metric": RATIO} | widest(share, config.level)


def widest(values: Mapping[str, Numbers], level: float) -> dict[str, Any]:
    """estimate, lower, upper, and the cluster whose resampling gave that interval, the wider one."""
    found = {cluster: _estimate(v, level) for cluster, v in values.items()}
    known = {c: f for c, f in found.items() if f["lower"] is not None and f["upper"] is not None}
    cluster = max(known, key=lambda c: known[c]["upper"] - known[c]["lower"], default=None)
    return (found[cluster] if cluster else found["family"]) | {"cluster": cluster}


def _estimate(values: Numbers, level: float) -> dict[str, Any]:
    estimate = number(values[0])
    lower, upper = metrics.interval(values[1:], level) if estimate is not None else (np.nan, np.nan)
    return {"estimate": estimate, "lower": number(lower), "upper": number(upper)}


def number(value: Any) -> float | None:
    """The number, or None where it is undefined."""
    return None if pd.isna(value) else float(value)
