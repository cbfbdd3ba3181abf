"""Discrete-time competing-risk hazards: spells in, the cumulative incidence of graduation in; no label need mature.

The 12-month question learns from a family only when its whole year is known. Here every quarter counts as soon as its
own exits are recorded, so families of the last year, too, are learnt from, as far as they were followed. A row is a
family, an as-of date and a lead: at risk k quarters on, with what was known on the as-of date. Each quarter it
graduates, leaves for another cause, or stays. The three chances are one multinomial logit, fitted as two binary ones,
each cause against staying (Begg and Gray 1984), so that they always sum to one.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Self

import lightgbm as lgb
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt, model_validator
from scipy.special import expit, logit

from pipeline.columns import AS_OF, CENSORED, FAMILY, KEY, NONE, OUTCOME, TARGET
from pipeline.config import BaseConfig
from pipeline.errors import BadInput
from pipeline.sample import Floats, Followed, used
from pipeline.study import months_after

STAYED, GRADUATED, LEFT = 0, 1, 2  # what ends a quarter: nothing, gsm, any other cause
LEAD = "lead"
DAYS_IN_A_MONTH = 365.25 / 12
NEWTON_STEPS = 50


class Config(BaseConfig):
    """Section `survival`."""

    enabled: bool
    lead_months: PositiveInt
    months: tuple[PositiveInt, ...] = Field(min_length=1)
    training_months: PositiveInt
    rows: PositiveInt
    half_life_months: PositiveFloat
    level_months: PositiveInt
    level_sd: PositiveFloat
    learning_rate: PositiveFloat
    num_leaves: int = Field(ge=2)
    max_depth: PositiveInt
    min_leaf_share: float = Field(ge=0, le=0.5)
    feature_fraction: float = Field(gt=0, le=1)
    bagging_fraction: float = Field(gt=0, le=1)
    lambda_l2: NonNegativeFloat
    trees: PositiveInt
    trees_of_other_causes: PositiveInt
    min_graduations: PositiveInt
    seed: int = Field(ge=0)
    threads: PositiveInt

    @model_validator(mode="after")
    def whole_leads(self) -> Self:
        if list(self.months) != sorted(set(self.months)) or any(m % self.lead_months for m in self.months):
            raise ValueError("months must rise, each a multiple of lead_months")
        return self

    @property
    def leads(self) -> int:
        return self.months[-1] // self.lead_months


@dataclass(frozen=True)
class Clock:
    """Standing on `origin`: every exit that took effect by `until` is recorded, but for the share the lag allows."""

    origin: date
    until: date


@dataclass(frozen=True)
class PersonQuarters:
    """Rows at risk, one a family, as-of date and lead; `x` ends with the column `lead`.

    `cause` is STAYED, GRADUATED or LEFT, `weight` how many rows this one stands for, `age` the months from the end of
    its quarter to the clock's `until`.
    """

    x: pd.DataFrame
    cause: NDArray[np.int64]
    weight: Floats
    age: Floats
    name: str


@dataclass(frozen=True)
class Hazards:
    """Log-odds of graduating, and of leaving otherwise, against staying; `level` is added to the first."""

    graduated: lgb.Booster
    left: lgb.Booster
    level: float


# --- what is known of whom ----------------------------------------------------------------------------------------


def clock(origin: date, matured_on: Mapping[date, date], horizon_months: int) -> Clock:
    """The clock of an origin: the horizon of the latest as-of date whose labels had matured is fully recorded.

    `matured_on` tells of each as-of date when its labels matured, which is `horizon_months` and the lag later. Raises
    BadInput where none had.
    """
    known = [a for a, day in matured_on.items() if day <= origin]
    if not known:
        raise BadInput(f"survival: no label had matured by {origin}", "take the extract later, or a longer history")
    return Clock(origin, months_after(max(known), horizon_months))


def spells(exits: pd.DataFrame, as_ofs: Sequence[date], at: Clock, config: Config) -> pd.DataFrame:
    """How long each cohort row was followed and what ended it; key kpm_id, as_of.

    `exits` is a table as labels.observe makes it, but over a horizon of the last lead at least and read from whatever
    was recorded: kpm_id, as_of, outcome, outcome_on, known_on. What took effect after `at.until` or was recorded after
    `at.origin` is not used. Columns: leads (quarters followed, the last one with the exit), months (time to the exit
    or to the end of the last whole quarter), cause (STAYED where the follow-up just ended). A row censored by a visit
    (see treated) is followed to the last whole quarter before it. Rows of which no quarter is known, and those
    censored on no day, are left out.
    """
    followed = {pd.Timestamp(a): _leads(a, at.until, config) for a in as_ofs}
    rows = exits[exits[AS_OF].isin([a for a, n in followed.items() if n]) & ~_lost(exits)].reset_index(drop=True)
    lead, touched = _exit_lead(rows, config), (rows[OUTCOME] == CENSORED).to_numpy()
    limit = rows[AS_OF].map(followed).to_numpy(dtype=np.int64)
    limit = np.where(touched, np.minimum(limit, lead - 1), limit)
    told = (rows["known_on"] <= pd.Timestamp(at.origin)).to_numpy() & (rows[OUTCOME] != NONE).to_numpy() & ~touched
    ended = told & (lead <= limit)
    cause = np.where(rows[OUTCOME] == TARGET, GRADUATED, LEFT)
    elapsed = (rows["outcome_on"] - rows[AS_OF]).dt.days.to_numpy() / DAYS_IN_A_MONTH
    dated = np.where(np.isnan(elapsed), 0.5 * config.lead_months, elapsed)
    found = rows[KEY].assign(
        leads=np.where(ended, lead, limit),
        months=np.where(ended, dated, 1.0 * config.lead_months * limit),
        cause=np.where(ended, cause, STAYED).astype(np.int64),
    )
    return found[limit > 0].reset_index(drop=True)


def _lost(exits: pd.DataFrame) -> "pd.Series[bool]":
    """Rows censored on no day: nobody knows how far they were followed. One with a day is followed until then."""
    return (exits[OUTCOME] == CENSORED) & exits["outcome_on"].isna()


def _leads(as_of: date, until: date, config: Config) -> int:
    """Whole quarters from as_of that end by `until`, at most those asked for."""
    ends = (months_after(as_of, k * config.lead_months) for k in range(1, config.leads + 1))
    return sum(end <= until for end in ends)


def _exit_lead(rows: pd.DataFrame, config: Config) -> NDArray[np.int64]:
    """The quarter, from 1, in which each exit took effect; one beyond the last where it did later or never.

    An exit without a day took effect before as_of and was recorded after it: it shows in the first quarter.
    """
    ends = {a: _ends(a.date(), config) for a in rows[AS_OF].unique()}
    table = np.array([ends[a] for a in ends], dtype="datetime64[D]").reshape(-1, config.leads)
    code = pd.Index(ends).get_indexer(rows[AS_OF])
    day = rows["outcome_on"].to_numpy().astype("datetime64[D]")
    known = ~np.isnat(day)
    lead = 1 + (table[code] < day[:, None]).sum(axis=1)
    return np.where(known, lead, np.where(rows[OUTCOME] == NONE, config.leads + 1, 1)).astype(np.int64)


def _ends(as_of: date, config: Config) -> list[date]:
    return [months_after(as_of, k * config.lead_months) for k in range(1, config.leads + 1)]


def person_quarters(known: pd.DataFrame, at: Clock, config: Config) -> pd.DataFrame:
    """Spells -> one row a quarter at risk; key kpm_id, as_of, lead. Columns cause, weight, age as in PersonQuarters.

    Every graduation is kept. Of the other rows about `config.rows` are, by the hash of their key, each standing for as
    many as were left out: case-control sampling keeps the hazard right and costs little precision.
    """
    count = known["leads"].to_numpy()
    rows = known.loc[known.index.repeat(count), [*KEY, "cause"]].reset_index(drop=True)
    first = np.repeat(np.cumsum(count) - count, count)
    rows[LEAD] = np.arange(len(rows)) - first + 1
    rows["cause"] = np.where(rows[LEAD] == np.repeat(count, count), rows["cause"], STAYED)
    common = rows["cause"] != GRADUATED
    share = min(1.0, config.rows / max(1, int(common.sum())))
    kept = rows[~common | (_uniform(rows) < share)].reset_index(drop=True)
    kept["weight"] = np.where(kept["cause"] == GRADUATED, 1.0, 1.0 / share)
    kept["age"] = _months_before(kept[AS_OF], at.until) - config.lead_months * kept[LEAD]
    return kept


def _uniform(rows: pd.DataFrame) -> Floats:
    """A number in [0, 1) from each key: the same for a row in every run and every order."""
    key = rows[FAMILY] + "|" + rows[AS_OF].dt.strftime("%Y%m%d") + "|" + rows[LEAD].astype(str)
    return pd.util.hash_array(key.to_numpy(dtype=object), categorize=False) / 2.0**64


def _months_before(as_of: pd.Series, until: date) -> pd.Series:
    months: pd.Series = 12 * (until.year - as_of.dt.year) + (until.month - as_of.dt.month)
    return months


def learnt_from(as_ofs: Sequence[date], at: Clock, config: Config) -> tuple[date, ...]:
    """As-of dates with a known quarter, of the last `training_months`."""
    first = months_after(at.until, -config.training_months)
    return tuple(a for a in as_ofs if a >= first and _leads(a, at.until, config))


def joined(keys: pd.DataFrame, load: Callable[[date], pd.DataFrame], scored: list[str]) -> pd.DataFrame:
    """`keys` with the scored features that `load` gives of each of their as-of dates; one date in memory at a time."""
    dates = sorted(keys[AS_OF].unique())
    parts = [
        keys[keys[AS_OF] == a].merge(load(a.date())[[*KEY, *scored]], on=KEY, how="inner", validate="many_to_one")
        for a in dates
    ]
    wide: pd.DataFrame = pd.concat(parts, ignore_index=True)
    return wide


def rows_of(wide: pd.DataFrame, scored: list[str], name: str) -> PersonQuarters:
    """Person-quarters joined to their features -> what `fit` takes."""
    cause = wide["cause"].to_numpy(dtype=np.int64)
    weight, age = (wide[c].to_numpy(dtype=np.float64) for c in ("weight", "age"))
    return PersonQuarters(wide[[*scored, LEAD]], cause, weight, age, name)


def followed(wide: pd.DataFrame, scored: list[str]) -> Followed:
    """Spells joined to their features -> what survival peers take."""
    return Followed(wide[scored], wide["months"].to_numpy(dtype=np.float64), wide["cause"].to_numpy(dtype=np.int64))


# --- the model ----------------------------------------------------------------------------------------------------


def fit(rows: PersonQuarters, config: Config) -> Hazards:
    """Both boosters and the latest level. Raises BadInput where too few graduated, or nobody left or stayed."""
    gate(rows, config)
    columns = used(rows.x)
    recency = rows.weight * 0.5 ** (rows.age / config.half_life_months)
    left = _binary(rows, recency, columns, LEFT, config)
    graduated = _binary(rows, recency, columns, GRADUATED, config)
    unlevelled = Hazards(graduated, left, 0.0)
    return Hazards(graduated, left, level(unlevelled, rows, config))


def gate(rows: PersonQuarters, config: Config) -> None:
    stayed, graduated, left = (int((rows.cause == c).sum()) for c in (STAYED, GRADUATED, LEFT))
    if graduated < config.min_graduations or not left or not stayed:
        raise BadInput(
            f"survival: {rows.name}: {graduated} graduations, {left} other exits, {stayed} quarters without an exit; "
            f"at least {config.min_graduations} graduations and one of each are needed",
            "widen survival.training_months or extract a longer history",
        )


def _binary(rows: PersonQuarters, weight: Floats, columns: list[str], cause: int, config: Config) -> lgb.Booster:
    """Log-odds of `cause` against staying, among rows that did either."""
    chosen = (rows.cause == cause) | (rows.cause == STAYED)
    scale = weight[chosen] / weight[chosen].mean()
    data = lgb.Dataset(rows.x.loc[chosen, columns], (rows.cause[chosen] == cause).astype(np.float64), weight=scale)
    trees = config.trees if cause == GRADUATED else config.trees_of_other_causes
    return lgb.train(parameters(int(chosen.sum()), config), data, trees)


def parameters(rows: int, config: Config) -> dict[str, object]:
    return {
        "objective": "binary",
        "learning_rate": config.learning_rate,
        "num_leaves": config.num_leaves,
        "max_depth": config.max_depth,
        "min_data_in_leaf": max(1, int(config.min_leaf_share * rows)),
        "feature_fraction": config.feature_fraction,
        "bagging_fraction": config.bagging_fraction,
        "bagging_freq": 1 if config.bagging_fraction < 1 else 0,
        "lambda_l2": config.lambda_l2,
        "seed": config.seed,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": config.threads,
        "verbose": -1,
    }


def level(model: Hazards, rows: PersonQuarters, config: Config) -> float:
    """Shift of graduation's log-odds that fits the last `level_months` of known quarters; prior normal(0, level_sd).

    Trees average over years; the level moves with policy, and the latest recorded quarters are the first to show it.
    """
    recent = rows.age < rows.age.min() + config.level_months
    weight, label = rows.weight[recent], (rows.cause[recent] == GRADUATED).astype(np.float64)
    eta = _log_odds(model, rows.x[recent])
    return shift(eta[:, 0], eta[:, 1], (label, weight), config.level_sd)


def shift(graduated: Floats, left: Floats, seen: tuple[Floats, Floats], prior_sd: float) -> float:
    """The maximiser over d of sum w (y log h(d) + (1 - y) log(1 - h(d))) - d^2 / (2 prior_sd^2), by Newton's method.

    h(d) is the chance of graduating where its log-odds are raised by d; `seen` is (y, w).
    """
    label, weight = seen
    against = graduated - np.logaddexp(0.0, left)  # log-odds of graduating against anything else
    d = 0.0
    for _ in range(NEWTON_STEPS):
        p = expit(against + d)
        gradient = float(weight @ (label - p)) - d / prior_sd**2
        step = gradient / (float(weight @ (p * (1 - p))) + 1.0 / prior_sd**2)
        d += max(-1.0, min(1.0, step))
        if abs(step) < 1e-10:
            break
    return d


def _log_odds(model: Hazards, x: pd.DataFrame) -> Floats:
    """(n, 2): graduating, and leaving otherwise, against staying."""
    found = [
        np.asarray(b.predict(x[b.feature_name()], raw_score=True, validate_features=True), dtype=np.float64)
        for b in (model.graduated, model.left)
    ]
    return np.column_stack([found[0] + model.level, found[1]])


def hazards(model: Hazards, x: pd.DataFrame, leads: int) -> Floats:
    """Chance of graduating, and of leaving otherwise, in each quarter of those still there; (n, leads, 2)."""
    wanted = sorted({*model.graduated.feature_name(), *model.left.feature_name()} - {LEAD})
    frame = x[wanted].copy()  # one block, which takes another column without a warning
    return np.stack([chances(_log_odds(model, frame.assign(**{LEAD: k}))) for k in range(1, leads + 1)], axis=1)


def chances(log_odds: Floats) -> Floats:
    """Multinomial chances of the causes whose log-odds against staying are in the last axis."""
    top = np.maximum(log_odds.max(axis=-1, keepdims=True), 0.0)
    odds = np.exp(log_odds - top)
    found: Floats = odds / (np.exp(-top) + odds.sum(axis=-1, keepdims=True))
    return found


def cumulative(hazard: Floats) -> Floats:
    """Cumulative incidence F_c(k) = sum over j <= k of S(j - 1) h_c(j), S(k) = product of 1 - sum_c h_c(j).

    `hazard` is (..., leads, causes), and so is what is returned. Kalbfleisch and Prentice (2002), 2.3.2 and 8.2.
    """
    stays = np.cumprod(1.0 - hazard.sum(axis=-1), axis=-1)
    before = np.concatenate([np.ones_like(stays[..., :1]), stays[..., :-1]], axis=-1)
    found: Floats = np.cumsum(before[..., None] * hazard, axis=-2)
    return found


def incidence(model: Hazards, x: pd.DataFrame, months: Sequence[int], config: Config) -> pd.DataFrame:
    """Cumulative incidence of graduation within each number of months; columns gsm_<months>, index of x."""
    if any(m % config.lead_months or m <= 0 for m in months):
        raise ValueError(f"months must be positive multiples of {config.lead_months}: {list(months)}")
    leads = [m // config.lead_months for m in months]
    found = cumulative(hazards(model, x, max(leads)))[:, :, 0]
    return pd.DataFrame({f"gsm_{m}": found[:, k - 1] for m, k in zip(months, leads, strict=True)}, index=x.index)


def raw_scores(model: Hazards, x: pd.DataFrame, months: int, config: Config) -> Floats:
    """Log-odds of graduating within `months`, comparable with the 12-month booster's raw scores."""
    chance = incidence(model, x, [months], config)[f"gsm_{months}"].to_numpy()
    return np.asarray(logit(np.clip(chance, 1e-12, 1 - 1e-12)), dtype=np.float64)


# --- without a model ----------------------------------------------------------------------------------------------


def aalen_johansen(known: pd.DataFrame, leads: int) -> Floats:
    """Cumulative incidence of (graduating, leaving otherwise) by quarter without covariates, (leads, 2).

    The discrete Aalen-Johansen estimate: exits of a quarter over those at risk in it. NaN where nobody was.
    """
    k = np.arange(1, leads + 1)[:, None]
    lead, cause = known["leads"].to_numpy()[None], known["cause"].to_numpy()[None]
    at_risk = (lead >= k).sum(axis=1)
    exits = np.column_stack([((lead == k) & (cause == c)).sum(axis=1) for c in (GRADUATED, LEFT)])
    rate = np.divide(exits, at_risk[:, None], out=np.full(exits.shape, np.nan), where=at_risk[:, None] > 0)
    return cumulative(rate)
