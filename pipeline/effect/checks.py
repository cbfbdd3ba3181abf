"""What must show nothing, what could undo the estimate, and whether it comes out again at another time."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.columns import AS_OF
from pipeline.effect import estimation as est
from pipeline.effect.settings import GRADUATED, SAMPLED, TREATED, Config
from pipeline.effect.trial import had, started

Mask = NDArray[np.bool_]
SCENARIO = 0.03  # DoubleML asks for one scenario; robustness values do not depend on it


@dataclass(frozen=True)
class Asked:
    """One placebo: rows, who counts as treated, the outcome, and confounders that would tell the outcome itself."""

    rows: Mask
    treated: Mask
    outcome: est.Floats
    without: tuple[str, ...] = ()


def placebos(rows: pd.DataFrame, design: est.Design, config: Config) -> pd.DataFrame:
    """One row a placebo: name, estimate, lower, upper, treated, silent; intervals hold for all that were estimated.

    `silent` is null where too few were treated to ask.
    """
    asked = dict(_asked(rows, config))
    found = {name: _placebo(one, rows, design, config) for name, one in asked.items()}
    z = est.plain(config, max(1, sum(f is not None for f in found.values())))
    return pd.DataFrame(
        [_line(name, f, int((asked[name].treated & asked[name].rows).sum()), z) for name, f in found.items()]
    )


def _line(name: str, fitted: est.Fitted | None, treated: int, z: float) -> dict[str, Any]:
    nothing = {"name": name, "estimate": np.nan, "lower": np.nan, "upper": np.nan, "treated": treated, "silent": None}
    if fitted is None:
        return nothing
    low, high = fitted.estimate - z * fitted.error, fitted.estimate + z * fitted.error
    return nothing | {"estimate": fitted.estimate, "lower": low, "upper": high, "silent": bool(low <= 0 <= high)}


def _asked(rows: pd.DataFrame, config: Config) -> Iterator[tuple[str, Asked]]:
    treated, graduated = rows[TREATED].to_numpy(dtype=bool), rows[GRADUATED].to_numpy()
    here = treated | rows[SAMPLED].to_numpy(dtype=bool)
    for k in range(config.shuffles):
        yield f"enrolment shuffled, {k + 1}", Asked(here, shuffled(rows, here, config.seed + k), graduated)
    for name in config.placebo_programmes:
        begun = rows[started(name)].to_numpy(dtype=bool)
        others = ~treated & ~rows[had(name)].to_numpy(dtype=bool) & (begun | rows[SAMPLED].to_numpy(dtype=bool))
        yield f"enrolment in {name}", Asked(others, begun, graduated)
    for name in config.placebo_outcomes:
        yield f"exit for another reason: {name}", Asked(here, treated, rows[f"outcome_{name}"].to_numpy())
    for name, without in config.placebo_features.items():
        if name in rows:
            values = rows[name].to_numpy(dtype="float64")
            yield f"before as_of: {name}", Asked(here & ~np.isnan(values), treated, values, (name, *without))


def shuffled(rows: pd.DataFrame, here: Mask, seed: int) -> Mask:
    """Enrolment given at random to as many families of each as-of date and place as were enrolled there."""
    cell = rows.groupby([AS_OF, "place"], dropna=False, sort=True).ngroup().to_numpy()
    at = np.nonzero(here)[0]
    luck = np.random.default_rng(seed).random(len(at))
    by_luck, by_rank = at[np.lexsort((luck, cell[at]))], at[np.argsort(cell[at], kind="stable")]
    found = np.zeros(len(rows), dtype=bool)
    found[by_luck] = rows[TREATED].to_numpy(dtype=bool)[by_rank]
    return found


def _placebo(asked: Asked, rows: pd.DataFrame, design: est.Design, config: Config) -> est.Fitted | None:
    here, bars = asked.rows, config.bars
    treated, outcome = asked.treated[here], asked.outcome[here]
    if treated.sum() < bars.treated_to_estimate or np.count_nonzero(outcome[~treated]) < bars.graduated_to_estimate:
        return None
    out = {c for name in asked.without for c in (name, f"{name}_missing")}
    x = design.x.loc[here, [c for c in design.x if c not in out]].reset_index(drop=True)
    return est.fit(est.Design(x, {}), rows[here].reset_index(drop=True), treated, outcome, config)


def robustness(fitted: est.Fitted, config: Config) -> dict[str, float]:
    """How much of both residuals an unseen confounder must explain to move the estimate, or its bound, to zero.

    Chernozhukov, Cinelli, Newey, Sharma and Syrgkanis (2022), arXiv:2112.13398; the bound is that of the library, which
    here takes rows as independent.
    """
    fitted.model.sensitivity_analysis(
        cf_y=SCENARIO, cf_d=SCENARIO, rho=1.0, level=1 - (1 - config.level) / 2, null_hypothesis=0.0
    )
    found = fitted.model.sensitivity_params
    return {"robustness": float(found["rv"][0]), "robustness_of_bound": float(found["rva"][0])}


def benchmarks(fitted: est.Fitted, design: est.Design) -> pd.DataFrame:
    """What each group of seen confounders would have done unseen: name, of_outcome, of_enrolment, change.

    `of_outcome` and `of_enrolment` are the gains in explained residual (cf_y, cf_d), `change` the shift of the effect.
    """
    outcome = np.asarray(fitted.model._dml_data.y)
    given = {"external_predictions": est.of_treated(outcome, fitted.treated)}
    lines = []
    for name, columns in design.parts.items():
        with est.quiet():
            gain = fitted.model.sensitivity_benchmark(list(columns), fit_args=given).iloc[0]
        lines.append({"name": name, "of_outcome": gain["cf_y"], "of_enrolment": gain["cf_d"],
                      "change": gain["delta_theta"]})  # fmt: skip
    return pd.DataFrame(lines)


def replication(rows: pd.DataFrame, refit: Callable[[Mask], est.Fitted | None]) -> dict[str, est.Fitted | None]:
    """The estimate apart for the earlier and the later as-of dates, about half of the treated each."""
    order = rows[AS_OF].rank(method="dense").to_numpy()
    treated = rows[TREATED].to_numpy(dtype=bool)
    middle = float(np.median(order[treated]))
    early = order < middle if treated[order < middle].sum() >= treated[order > middle].sum() else order <= middle
    return {"earlier": refit(early), "later": refit(~early)}


def agrees(halves: Mapping[str, est.Fitted | None], config: Config) -> bool:
    """Both halves point the same way and do not contradict each other; false where one could not be estimated."""
    early, late = halves["earlier"], halves["later"]
    if early is None or late is None or early.estimate * late.estimate <= 0:
        return False
    gap = np.hypot(early.error, late.error) * est.plain(config)
    return bool(abs(early.estimate - late.estimate) <= gap)
