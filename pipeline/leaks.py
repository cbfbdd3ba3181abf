"""Signs that a table or feature knows the outcome although both clocks say that it could not.

The clocks protect only as far as recorded_on is true. A system that back-dates its records as well cannot be seen
through row by row, but in the crowd it betrays itself, because real life does not know on which day an office will act:

- surge: more is entered on graduates in the last weeks before the exit than in the year before it, beyond what the
  season explains. Rows that come about as the exit is prepared or afterwards are of no use to a list made earlier.
- haste: an extreme value marks those who leave within weeks of the as-of date and not those who leave later in the
  year. What makes a family independent does not work for one month only.
- ceiling: one feature alone ranks years that it has not seen better than any honest model of a household ever did.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field, PositiveInt
from scipy.stats import beta, hypergeom, norm, rankdata

from pipeline.asof import days_between
from pipeline.columns import FAMILY, RECORDED_ON
from pipeline.config import BaseConfig

Flags = NDArray[np.bool_]
Floats = NDArray[np.float64]
GRADUATED = ("gsm", "ppse")
# What tells one kind of row from another in a table where leaks may hide in one kind only.
KINDS = {"cases": "kind", "programmes": "programme", "payments": "programme", "sessions": "attendance",
         "members": "relation", "commitments": "component"}  # fmt: skip
TABLES = ("cases", "programmes", "welfare", "sessions", "payments", "commitments", "members", "identity_checks")
COLUMNS = ["sign", "table", "name", "seen", "expected", "lower", "limit"]
TOLD = {
    "surge": "{table}, {name}: {seen:.0f} graduates have a row entered in one month shortly before the exit, "
    "{expected:.1f} would be usual",
    "haste": "{name}: its extreme marks {seen:.0%} of those who leave within a month and {expected:.1%} of those "
    "who leave later",
    "ceiling": "{name} alone ranks later years with an AUC of {seen:.3f}",
}


class Config(BaseConfig):
    """Section `leaks`."""

    period_days: PositiveInt
    near_periods: PositiveInt
    usual_periods: PositiveInt
    surge_ratio: float = Field(gt=1)
    min_entries: PositiveInt
    max_auc: float = Field(gt=0.5, lt=1)
    tail: float = Field(gt=0, lt=0.5)
    tail_ratio: float = Field(gt=1)
    chance: float = Field(gt=0, lt=1)

    @property
    def watched_days(self) -> int:
        return self.period_days * (self.near_periods + self.usual_periods)


def find(tables: Mapping[str, ir.Table], rows: pd.DataFrame, scored: Mapping[str, str], config: Config) -> pd.DataFrame:
    """Every suspicion, the worst of each sign first; columns sign, table, name, seen, expected, lower, limit.

    `tables` are canonical contract tables. `rows` are matured rows that no model has learnt from, one a family and
    as-of date: as_of, outcome_on, label (1 gsm) and the scored features; `scored` maps each of these to its table.
    """
    found = [*surges(tables, config), *feature_signs(rows, scored, config)]
    made = pd.DataFrame(found, columns=COLUMNS)
    return made.sort_values(["sign", "lower", "name"], ascending=[True, False, True], ignore_index=True)


def told(suspicions: pd.DataFrame) -> list[str]:
    """A sentence for each suspicion."""
    return [TOLD[str(s["sign"])].format(**{str(k): v for k, v in s.items()}) for s in suspicions.to_dict("records")]


def judge(verdict: Mapping[str, Any], suspicions: pd.DataFrame, refusal: str) -> dict[str, Any]:
    """The verdict with `leaks`, what is suspected; `refusal` where anything is: no figure can be believed."""
    sentences = told(suspicions)
    return {**verdict, "verdict": refusal if sentences else verdict["verdict"], "leaks": sentences}


# --- surge -----------------------------------------------------------------------------------------------------------


def surges(tables: Mapping[str, ir.Table], config: Config) -> list[dict[str, Any]]:
    """Kinds of rows that are entered on graduates shortly before they leave, as at no other time.

    Each family is its own control: periods 0, 1, ... before its exit are held against the year before them, so nothing
    is asked of families that differ. What the calendar does (a new source, a campaign, the season) is taken from the
    families that never graduate: the share of the near period expected among near and usual ones.
    """
    present = [name for name in TABLES if name in tables]
    counted = [c for name in present for c in _counted(entries(name, tables[name]), tables, config)]
    alarm = config.chance / max(1, len(counted))
    judged = [surge for c in counted if (surge := _surge(c, alarm, config))]
    worst = {(s["table"], s["name"]): s for s in sorted(judged, key=lambda s: float(s["lower"]))}
    return list(worst.values())


def entries(name: str, table: ir.Table) -> ir.Table:
    """kpm_id, recorded_on, table and kind of each row; of welfare the quarterly ranks apart from the visits."""
    kind = table[KINDS[name]].fill_null("unknown") if name in KINDS else ibis.literal(name)
    if name == "welfare":
        told = [c for c in table.columns if c not in (FAMILY, RECORDED_ON, "observed_on", "national_decile")]
        kind = ibis.or_(*(table[c].notnull() for c in told)).ifelse("visit", "rank")
    return table.select(FAMILY, RECORDED_ON, table=ibis.literal(name), kind=kind)


def exits(tables: Mapping[str, ir.Table], config: Config) -> ir.Table:
    """Graduations of families whose membership is old enough for all periods; kpm_id, effective_on."""
    membership, kpm = tables["membership"], tables["kpm"].select(FAMILY, "enrolled_on")
    gone = membership.filter(membership.event == "exited", membership.reason.isin(GRADUATED))
    dated = gone.select(FAMILY, "effective_on").join(kpm, FAMILY)
    long = days_between(dated.enrolled_on, dated.effective_on) >= config.watched_days
    return dated.filter(long).select(FAMILY, "effective_on")


def _counted(entered: ir.Table, tables: Mapping[str, ir.Table], config: Config) -> list[dict[str, Any]]:
    """table, name (kind), near, far, share of each kind and near period: graduates with an entry, and what is usual."""
    gone = exits(tables, config)
    leaving = gone.group_by("effective_on").aggregate(n=gone.count()).to_pandas()
    quiet = entered.anti_join(gone, FAMILY)
    daily = quiet.group_by("table", "kind", RECORDED_ON).aggregate(n=quiet.count()).to_pandas()
    mine = _own(entered.join(gone, FAMILY), config)
    made = []
    for (table, kind), part in mine.groupby(["table", "kind"], sort=True):
        own = np.zeros(config.near_periods + config.usual_periods)
        own[part["period"].to_numpy(dtype=np.int64)] = part["n"].to_numpy(dtype=np.float64)
        usual = _usual(daily[daily["kind"] == kind], leaving, config)
        made += [{"table": table, "name": kind} | counts for counts in _near(own, usual, config)]
    return made


def _own(rows: ir.Table, config: Config) -> pd.DataFrame:
    """Graduates with an entry by table, kind and period before the exit; period 0 ends with it."""
    before = days_between(rows[RECORDED_ON], rows.effective_on)
    inside = rows.filter((before >= 0) & (before < config.watched_days))
    period = (days_between(inside[RECORDED_ON], inside.effective_on) // config.period_days).cast("int64").name("period")
    counted: pd.DataFrame = inside.group_by("table", "kind", period).aggregate(n=inside[FAMILY].nunique()).to_pandas()
    return counted


def _usual(daily: pd.DataFrame, leaving: pd.DataFrame, config: Config) -> Floats:
    """Entries on families that never graduate in the same periods before the same days, one added to each."""
    days = pd.to_datetime(daily[RECORDED_ON]).to_numpy().astype("M8[D]").astype(np.int64)
    order = np.argsort(days)
    so_far = np.r_[0.0, np.cumsum(daily["n"].to_numpy(dtype=np.float64)[order])]
    exit_days = pd.to_datetime(leaving["effective_on"]).to_numpy().astype("M8[D]").astype(np.int64)
    edges = exit_days[:, None] - config.period_days * np.arange(config.near_periods + config.usual_periods + 1)
    upto = so_far[np.searchsorted(days[order], edges, side="right")]
    counts: Floats = ((upto[:, :-1] - upto[:, 1:]) * leaving["n"].to_numpy(dtype=np.float64)[:, None]).sum(axis=0)
    return counts + 1.0


def _near(own: Floats, usual: Floats, config: Config) -> Iterator[dict[str, Any]]:
    far, beside = own[config.near_periods :].sum(), usual[config.near_periods :].sum()
    for period in range(config.near_periods):
        yield {"near": own[period], "far": far, "share": usual[period] / (usual[period] + beside)}


def _surge(counted: Mapping[str, Any], alarm: float, config: Config) -> dict[str, Any] | None:
    """The suspicion where the Clopper-Pearson lower bound of near : far exceeds the limit times the expected odds."""
    near, far, share = counted["near"], counted["far"], counted["share"]
    if near < config.min_entries:
        return None
    odds = share / (1 - share)
    least = float(beta.ppf(alarm, near, far + 1))
    lower = least / (1 - least) / odds
    expected = max(far, 0.5) * odds
    key = {"sign": "surge", "table": counted["table"], "name": counted["name"]}
    found = {"seen": near, "expected": expected, "lower": lower, "limit": config.surge_ratio}
    return key | found if lower > config.surge_ratio else None


# --- features --------------------------------------------------------------------------------------------------------


def feature_signs(rows: pd.DataFrame, scored: Mapping[str, str], config: Config) -> Iterator[dict[str, Any]]:
    """Ceiling and haste of every scored feature on rows that no model has learnt from."""
    label = rows["label"].to_numpy() == 1
    waited = (pd.to_datetime(rows["outcome_on"]) - pd.to_datetime(rows["as_of"])).dt.days.to_numpy()
    soon = label & (waited <= config.period_days)
    for name, table in scored.items():
        value = rows[name].to_numpy(dtype=np.float64)
        key = {"table": table, "name": name}
        found = (
            ceiling(value, label, config.chance / len(scored), config),
            haste(value, (label, soon), config.chance / (2 * len(scored)), config),
        )
        yield from (key | sign for sign in found if sign)


def ceiling(value: Floats, label: Flags, alarm: float, config: Config) -> dict[str, Any] | None:
    """AUC of a feature by itself in its better direction, unknown values lowest; error by Hanley and McNeil (1982)."""
    n, m = int(label.sum()), int((~label).sum())
    if min(n, m) < config.min_entries:
        return None
    ranks = rankdata(np.where(np.isnan(value), -np.inf, value))
    auc = (ranks[label].sum() - n * (n + 1) / 2) / (n * m)
    auc = max(auc, 1 - auc)
    q1, q2 = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    variance = (auc * (1 - auc) + (n - 1) * (q1 - auc**2) + (m - 1) * (q2 - auc**2)) / (n * m)
    lower = auc - norm.isf(alarm) * np.sqrt(max(variance, 0.0))
    found = {"sign": "ceiling", "seen": auc, "expected": 0.5, "lower": lower, "limit": config.max_auc}
    return found if lower > config.max_auc else None


def haste(value: Floats, leaving: tuple[Flags, Flags], alarm: float, config: Config) -> dict[str, Any] | None:
    """How much likelier the feature's extreme is among families that leave within a period than among later ones.

    Fisher's exact test, one-sided, for both ends of the feature's values; the extreme is what a small share of the
    families that stay exceed.
    """
    label, soon = leaving
    later = label & ~soon
    if soon.sum() < config.min_entries or later.sum() < config.min_entries:
        return None
    tested = [_extreme(sign * value, leaving, config) for sign in (1.0, -1.0)]
    near, far, chance = min(tested, key=lambda t: t[2])
    ratio = near / max(far, 0.5 / later.sum())
    found = {"sign": "haste", "seen": near, "expected": far, "lower": ratio, "limit": config.tail_ratio}
    return found if chance < alarm and ratio > config.tail_ratio else None


def _extreme(value: Floats, leaving: tuple[Flags, Flags], config: Config) -> tuple[float, float, float]:
    """Shares of those who leave soon and later beyond the quantile of those who stay, and Fisher's chance of it."""
    label, soon = leaving
    stays = value[~label & ~np.isnan(value)]
    if not stays.size:
        return 0.0, 0.0, 1.0
    beyond = value > np.quantile(stays, 1 - config.tail)
    a, n, b, m = (int(x) for x in (beyond[soon].sum(), soon.sum(), beyond[label & ~soon].sum(), (label & ~soon).sum()))
    return a / n, b / m, float(hypergeom.sf(a - 1, n + m, a + b, n))
