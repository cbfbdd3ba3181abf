"""The whole study of one trial: estimate, groups, checks, and the verdict on what it may be used for."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import chi2

from pipeline.columns import AS_OF, FAMILY
from pipeline.effect import checks
from pipeline.effect import estimation as est
from pipeline.effect.settings import (
    ALL,
    CHANCE,
    GRADUATED,
    NOT_ESTIMATED,
    NOT_VALIDATED,
    SAMPLED,
    TREATED,
    VALIDATED,
    Config,
)
from pipeline.effect.trial import bands

POWER = 0.8416  # standard normal quantile of 80 %
COLUMNS = ("kind", "name", "band", "estimate", "lower", "upper", "naive", "truth", "treated", "controls",
           "graduated_of_treated", "ess")  # fmt: skip


@dataclass(frozen=True)
class Study:
    """What was found: `summary` is effect.json, `tables` the CSV files by name; none where nothing was estimated."""

    summary: dict[str, Any]
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)

    @property
    def verdict(self) -> str:
        return str(self.summary["verdict"])


def not_estimated(reason: str) -> Study:
    return Study({"verdict": NOT_ESTIMATED, "reasons": [reason]}, {"effect": pd.DataFrame(columns=list(COLUMNS))})


def too_few(rows: pd.DataFrame, config: Config) -> str | None:
    """Why the estimate cannot even be made, or None."""
    treated, graduated = int(rows[TREATED].sum()), int(rows.loc[~rows[TREATED] & rows[SAMPLED], GRADUATED].sum())
    bars = config.bars
    if treated < bars.treated_to_estimate:
        return f"{treated} families enrolled in matured windows, fewer than {bars.treated_to_estimate}"
    if graduated < bars.graduated_to_estimate:
        return f"{graduated} of the sampled controls graduated, fewer than {bars.graduated_to_estimate}"
    return None


def study(rows: pd.DataFrame, truth: pd.Series | None, config: Config) -> Study:
    """`rows` of trial.told with `place`, a row a family and as-of date; `truth` by its index: known effects."""
    reason = too_few(rows, config)
    if reason:
        return not_estimated(reason)
    own = rows[rows[TREATED] | rows[SAMPLED]].reset_index(drop=True)
    twins = None if truth is None else truth[rows[TREATED] | rows[SAMPLED]].reset_index(drop=True)
    design = est.design(own, config)
    fitted = est.fit(design, own, own[TREATED].to_numpy(dtype=bool), own[GRADUATED].to_numpy(), config)
    kept = Kept(
        own[fitted.kept].assign(**{CHANCE: fitted.chance}), None if twins is None else twins[fitted.kept], fitted
    )
    halves = checks.replication(own, lambda part: _refit(own, part, config))
    lines = [_effect(kept, config), *_groups(kept, config), *(_half(n, f, config) for n, f in halves.items() if f)]
    placebos = checks.placebos(rows, est.design(rows, config), config)
    balance = est.imbalance(design, fitted)
    found = _summary(kept, lines[0], balance, config) | checks.robustness(fitted, config)
    found |= {"replicated": checks.agrees(halves, config), "placebos_silent": not (placebos["silent"] == False).any()}  # noqa: E712
    found |= differing(kept, config)
    tables = {"effect": pd.DataFrame(lines, columns=list(COLUMNS)), "placebos": placebos, "balance": balance,
              "sensitivity": checks.benchmarks(fitted, design), "overlap": overlap(kept)}  # fmt: skip
    reasons = failing(found, config)
    told = {"verdict": NOT_VALIDATED if reasons else VALIDATED, "reasons": reasons} | found
    return Study(told, tables)


@dataclass(frozen=True)
class Kept:
    """The rows that the estimate rests on, in the order of `fitted`, with what the twins tell."""

    rows: pd.DataFrame
    truth: pd.Series | None
    fitted: est.Fitted

    def known(self, here: np.ndarray) -> float:
        """The known effect on the treated of `here`, shape (n,) of bool; nan where there is no twin."""
        if self.truth is None:
            return float("nan")
        return float(self.truth[here & self.fitted.treated].mean())

    def naive(self, here: np.ndarray) -> float:
        """Share that graduated of the treated less that of the controls: what nobody should believe."""
        graduated, treated = self.rows[GRADUATED].to_numpy(), self.fitted.treated
        if not (here & treated).any() or not (here & ~treated).any():
            return float("nan")
        return float(graduated[here & treated].mean() - graduated[here & ~treated].mean())


def _refit(rows: pd.DataFrame, part: np.ndarray, config: Config) -> est.Fitted | None:
    some = rows[part].reset_index(drop=True)
    if len(some) == 0 or too_few(some, config):
        return None
    treated = some[TREATED].to_numpy(dtype=bool)
    return est.fit(est.design(some, config), some, treated, some[GRADUATED].to_numpy(), config)


def _counts(kept: Kept, here: np.ndarray) -> dict[str, Any]:
    treated, graduated = kept.fitted.treated, kept.rows[GRADUATED].to_numpy()
    return {
        "naive": kept.naive(here), "truth": kept.known(here), "treated": int((here & treated).sum()),
        "controls": int((here & ~treated).sum()), "graduated_of_treated": int(graduated[here & treated].sum()),
    }  # fmt: skip


def _effect(kept: Kept, config: Config) -> dict[str, Any]:
    fitted, z = kept.fitted, est.plain(config)
    everybody = np.ones(len(kept.rows), dtype=bool)
    bounds = {"lower": fitted.estimate - z * fitted.error, "upper": fitted.estimate + z * fitted.error}
    return (
        {"kind": "effect", "name": ALL, "band": "", "estimate": fitted.estimate, "ess": fitted.ess}
        | bounds
        | _counts(kept, everybody)
    )


def _half(name: str, fitted: est.Fitted, config: Config) -> dict[str, Any]:
    z = est.plain(config)
    return {
        "kind": "replication", "name": name, "band": "", "estimate": fitted.estimate, "ess": fitted.ess,
        "lower": fitted.estimate - z * fitted.error, "upper": fitted.estimate + z * fitted.error,
        "treated": int(fitted.treated.sum()), "controls": int((~fitted.treated).sum()),
    }  # fmt: skip


def memberships(rows: pd.DataFrame, config: Config) -> dict[str, dict[str, np.ndarray]]:
    """Rows of each band of each group whose feature is there; the thirds of `chance_without` are of the treated."""
    found = {}
    for name, group in config.groups.items():
        if group.feature not in rows:
            continue
        values = rows[group.feature]
        edges = group.edges or tuple(values[rows[TREATED]].quantile([1 / 3, 2 / 3]))
        at = bands(values, edges).to_numpy()
        found[name] = {band: at == k for k, band in enumerate(group.names)}
    return found


def _groups(kept: Kept, config: Config) -> list[dict[str, Any]]:
    """The effect in every band of every group, with intervals that hold for all of them at once."""
    found = memberships(kept.rows, config)
    named = [(name, band, here) for name, parts in found.items() for band, here in parts.items()]
    if not named:
        return []
    members = np.stack([here for _, _, here in named], axis=1)
    effects, influence = est.of_groups(kept.fitted, members)
    error = np.maximum(est.errors(influence, kept.fitted.family), kept.fitted.least_errors(members))
    z = est.critical(influence, kept.fitted.family, config)
    return [
        {"kind": "group", "name": name, "band": band, "estimate": effects[k], "lower": effects[k] - z * error[k],
         "upper": effects[k] + z * error[k]} | _counts(kept, here)
        for k, (name, band, here) in enumerate(named)
    ]  # fmt: skip


def differing(kept: Kept, config: Config) -> dict[str, Any]:
    """Whether the bands that an uplift would follow differ in effect: a Wald test of their equality."""
    found = memberships(kept.rows, config).get(config.uplift_by, {})
    told = [here for here in found.values() if (here & kept.fitted.treated).sum() >= config.bars.treated_to_estimate]
    if len(told) < 2:
        return {"bands_differ": False, "bands_p_value": None}
    effects, influence = est.of_groups(kept.fitted, np.stack(told, axis=1))
    contrast = np.eye(len(told))[1:] - np.eye(len(told))[0]
    sums = np.stack([np.bincount(kept.fitted.family, c) for c in (influence @ contrast.T).T], axis=1)
    covariance = sums.T @ sums / len(influence) ** 2
    gap = contrast @ effects
    p = float(chi2.sf(gap @ np.linalg.pinv(covariance) @ gap, len(gap)))
    return {"bands_differ": p < 1 - config.level, "bands_p_value": p}


def _summary(kept: Kept, effect: Mapping[str, Any], balance: pd.DataFrame, config: Config) -> dict[str, Any]:
    fitted = kept.fitted
    aim = effect["truth"] if np.isfinite(effect["truth"]) else effect["estimate"]
    spread = (est.plain(config) + POWER) * fitted.error
    return {
        "estimand": "effect on the treated, difference in the share that graduates by the end of the horizon",
        **{k: effect[k] for k in ("estimate", "lower", "upper", "naive", "truth", "treated", "controls", "ess",
                                  "graduated_of_treated")},
        "truth": None if np.isnan(effect["truth"]) else effect["truth"], "simulated": kept.truth is not None,
        "truth_known_of": 0 if kept.truth is None else int(kept.truth[fitted.treated].notna().sum()),
        "share_trimmed": fitted.share_trimmed,
        "imbalance_before": float(balance["before"].abs().max()), "imbalance": float(balance["after"].abs().max()),
        "treated_needed": None if aim == 0 else int(np.ceil(fitted.treated.sum() * (spread / aim) ** 2)),
        "first_as_of": str(kept.rows[AS_OF].min())[:10], "last_as_of": str(kept.rows[AS_OF].max())[:10],
        "families": int(kept.rows[FAMILY].nunique()),
    }  # fmt: skip


def failing(found: Mapping[str, Any], config: Config) -> list[str]:
    """Every bar that is not met, in words with both numbers; none: the estimate may order candidates."""
    bars = config.bars
    low, high, truth = found["lower"], found["upper"], found["truth"]
    asked = {
        f"too few enrolled: {found['treated']}, not {bars.treated}": found["treated"] >= bars.treated,
        f"too few of them graduated: {found['graduated_of_treated']}, not {bars.graduated_of_treated}":
            found["graduated_of_treated"] >= bars.graduated_of_treated,
        f"too few comparable controls: {found['ess']:.0f} for {found['treated']} enrolled":
            found["ess"] >= bars.ess_per_treated * found["treated"],
        f"{found['share_trimmed']:.1%} left out for want of a comparable control":
            found["share_trimmed"] <= bars.share_trimmed,
        f"imbalance of {found['imbalance']:.2f} left after weighting, more than {bars.imbalance}":
            found["imbalance"] <= bars.imbalance,
        "a placebo shows an effect": found["placebos_silent"],
        f"robustness value {found['robustness_of_bound']:.3f}, below {bars.robustness}":
            found["robustness_of_bound"] >= bars.robustness,
        f"the interval, {low:+.4f} to {high:+.4f}, holds zero": low > 0 or high < 0,
    }  # fmt: skip
    if found["simulated"]:
        told = "of nobody" if truth is None else f"{truth:+.4f}"
        asked[f"the known effect {told} lies outside {low:+.4f} to {high:+.4f}"] = (
            truth is not None and low <= truth <= high
        )
    else:
        asked["earlier and later as-of dates do not agree"] = found["replicated"]
    return [reason for reason, is_met in asked.items() if not is_met]


BINS = np.linspace(-12.0, 2.0, 29)


def overlap(kept: Kept) -> pd.DataFrame:
    """Histogram of the log-odds to be enrolled: low, treated, controls, controls_weighted; each sums to 1."""
    p, t = kept.fitted.propensity, kept.fitted.treated
    at = np.clip(np.log(p / (1 - p)), BINS[0], BINS[-1] - 1e-9)
    odds = (p / (1 - p))[~t]
    share = {"treated": (at[t], None), "controls": (at[~t], None), "controls_weighted": (at[~t], odds)}
    counted = {n: np.histogram(v, BINS, weights=w)[0].astype("float64") for n, (v, w) in share.items()}
    return pd.DataFrame({"low": BINS[:-1]} | {n: c / c.sum() for n, c in counted.items()})


def uplift(candidates: pd.DataFrame, found: Study, config: Config) -> pd.DataFrame:
    """One row a family that could be enrolled now: kpm_id, as_of, uplift, lower, upper (shares), band, used.

    The effect in the family's band of `uplift_by`, or over all where bands do not differ or the band is not known;
    `used` only where the study is validated and bands differ: the same number for everybody orders nobody.
    """
    group, by_band = config.groups[config.uplift_by], found.summary["bands_differ"]
    rows = found.tables["effect"]
    own = rows[(rows["kind"] == "group") & (rows["name"] == config.uplift_by)].set_index("band")
    whole = rows[rows["kind"] == "effect"].iloc[0]
    at = bands(candidates[group.feature], group.edges or ()).to_numpy()
    band = np.where(at < 0, ALL, np.array(group.names)[at]) if by_band else np.full(len(candidates), ALL)
    numbers = {
        c: pd.Series(band).map(own[c].to_dict() | {ALL: whole[c]}).to_numpy() for c in ("estimate", "lower", "upper")
    }
    return pd.DataFrame({
        FAMILY: candidates[FAMILY].to_numpy(), AS_OF: candidates[AS_OF].to_numpy(), "uplift": numbers["estimate"],
        "lower": numbers["lower"], "upper": numbers["upper"], "band": band,
        "used": (band != ALL) & (found.verdict == VALIDATED),
    })  # fmt: skip
