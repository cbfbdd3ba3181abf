"""What the score can and cannot do, in sentences whose numbers are all taken from the run's own tables.

A sentence whose number was not measured is left out or says so; nothing is guessed.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from pipeline import wording
from pipeline.wording import Text

AVERAGE, LEVEL = "average_precision", "calibration_in_the_large"
SCOPES = ("segment", "period", "regency")
DAYS_A_MONTH = 365.25 / 12
SHOWN = 8  # groups named in one sentence


@dataclass(frozen=True)
class Facts:
    """`tables` are the evaluation's, by name, with `incidence` where there is one.

    `oracle`: evaluate.against_truth, None where nobody knows the truth. `borderline`: share of the listed families.
    `data_age_days`: of every scored family, null where it has no household data.
    """

    model: str
    months: int
    verdict: Mapping[str, Any]
    tables: Mapping[str, pd.DataFrame]
    oracle: pd.DataFrame | None
    borderline: float | None
    data_age_days: "pd.Series[float] | None"

    def measures(self, scope: str, metric: str) -> pd.DataFrame:
        """Rows of the model in use that have an estimate."""
        rows = self.tables["measures"]
        mine = (rows["scope"] == scope) & (rows["model"] == self.model) & (rows["metric"] == metric)
        return rows[mine & rows["estimate"].notna()]


@dataclass(frozen=True)
class Part:
    """A heading of wording.HEADINGS and the sentences under it."""

    name: str
    sentences: tuple[Text, ...]

    @property
    def heading(self) -> Text:
        return wording.HEADINGS[self.name]


def parts(facts: Facts) -> tuple[Part, ...]:
    """The page, part by part; a part that has nothing to say is left out."""
    made = {"able": able, "unable": unable, "unsure": unsure, "honest": honest, "best": best, "visits": visits}
    found = (Part(name, tuple(say(facts))) for name, say in made.items())
    return tuple(p for p in found if p.sentences)


def warnings(verdict: Mapping[str, Any]) -> tuple[Text, ...]:
    """The verdict's warnings, each in a sentence."""
    values = {
        "peer": wording.label(str(verdict.get("best_peer")), wording.MODELS),
        "against": wording.label(str(verdict.get("against")), wording.MODELS),
        "ratio": shown(verdict.get("peer_ratio"), 100, 0),
        "lower": shown(verdict.get("peer_ratio_lower"), 100, 0),
        "upper": shown(verdict.get("peer_ratio_upper"), 100, 0),
        "level": shown(verdict.get("last_level"), 100, 0),
    }
    raised = [r for r in verdict.get("reasons", ()) if r in wording.WARNINGS]
    leaked = [wording.LEAK.fill(what=Text(str(told), str(told))) for told in verdict.get("leaks", ())]
    return (*leaked, *(wording.WARNINGS[r].fill(**values) for r in raised))


def shown(value: Any, times: float = 1, places: int = 1) -> Text:
    """The number in both languages, or that it is unknown."""
    unknown = Text(wording.UNKNOWN["id"], wording.UNKNOWN["en"])
    return unknown if wording.unknown(value) else wording.both(times * float(value), places)


def bounds(row: Any, times: float = 1, places: int = 1) -> dict[str, Text | str | int]:
    """found, lower and upper of a row with estimate, lower and upper."""
    names = {"found": "estimate", "lower": "lower", "upper": "upper"}
    return {k: shown(row[v], times, places) for k, v in names.items()}


def say(name: str, **values: Text | str | int) -> Text:
    return wording.STANDING[name].fill(**values)


# --- the parts ----------------------------------------------------------------------------------------------------


def able(facts: Facts) -> Iterator[Text]:
    """What it ranks and how well."""
    for row in records(facts.measures("all", "auc")):
        yield say("pairs", **bounds(row, 100, 0))
    rows = facts.tables["measures"]
    lifts = rows[(rows["scope"] == "all") & (rows["model"] == facts.model) & rows["metric"].str.startswith("lift_at_")]
    for row in records(lifts.dropna(subset=["estimate"])):
        yield say("lift", list=listed(str(row["metric"])), **bounds(row))
    if not wording.unknown(facts.verdict.get("peer_ratio")):
        ratio = {k: facts.verdict[f"peer_ratio{v}"] for k, v in TAILS.items()}
        peer = wording.label(str(facts.verdict["best_peer"]), wording.MODELS)
        yield say("peer", peer=peer, **bounds(ratio, 100, 0))
    yield from worth(facts)


TAILS = {"estimate": "", "lower": "_lower", "upper": "_upper"}


def listed(metric: str) -> Text:
    """The list of a metric such as lift_at_10_per_facilitator in words."""
    text = wording.metric(metric)
    return Text(text.id.split(", ")[-1], text.en.split(", ")[-1])


def worth(facts: Facts) -> Iterator[Text]:
    """Where the decision curve is surely above the best choice without a model, and where below visiting nobody."""
    curve = facts.tables["decision"]
    own = curve[(curve["model"] == facts.model) & curve["gain"].notna()].sort_values("threshold")
    if own.empty:
        return
    at = own["threshold"].to_numpy(dtype="float64")
    surely = longest(at, own["gain_lower"].to_numpy(dtype="float64") > 0)
    below = longest(at, (own["gain_upper"].to_numpy(dtype="float64") < 0) & (own["against"] == "nobody").to_numpy())
    yield say("worth" if surely else "worth_nowhere", **between(surely or (at[0], at[-1])))
    if below:
        yield say("worth_less", **between(below))


def longest(at: Any, holds: Any) -> tuple[float, float] | None:
    """First and last of the longest run of neighbours at which it holds; None where it never does."""
    edges = np.flatnonzero(np.diff(np.r_[0, np.asarray(holds, dtype=np.int64), 0]))
    runs = [(int(a), int(b) - 1) for a, b in zip(edges[::2], edges[1::2], strict=True)]
    if not runs:
        return None
    first, last = max(runs, key=lambda run: run[1] - run[0])
    return float(at[first]), float(at[last])


def between(span: tuple[float, float]) -> dict[str, Text | str | int]:
    return {"low": shown(span[0], 100), "high": shown(span[1], 100)}


def unable(facts: Facts) -> Iterator[Text]:
    """What it does not know: causes, one family's fate, the policy to come."""
    yield say("causes")
    bins = facts.tables["calibration"]
    own = bins[bins["model"] == facts.model].sort_values("bin")
    hits = own["observed_rate"] * own["rows"]
    if len(own) and hits.sum() > 0:
        yield say(
            "fate",
            share=shown(own["rows"].iloc[-1] / own["rows"].sum(), 100),
            missed=shown(1 - own["observed_rate"].iloc[-1], 100),
            outside=shown(1 - hits.iloc[-1] / hits.sum(), 100, 0),
            months=facts.months,
        )
    rates = facts.measures("period", "observed_rate")
    if len(rates) > 1:
        yield say("policy", **extremes(rates, "period", "_date"))


def extremes(rows: pd.DataFrame, scope: str, tail: str) -> dict[str, Text | str | int]:
    """low and high of the estimates in percent, and which groups they are of."""
    values = rows["estimate"].to_numpy(dtype="float64")
    made: dict[str, Text | str | int] = {}
    for name, place in (("low", int(values.argmin())), ("high", int(values.argmax()))):
        made |= {name: shown(values[place], 100), f"{name}{tail}": group(scope, rows["group"].iloc[place])}
    return made


def group(scope: str, name: Any) -> Text:
    """A segment in words, a date or a code as it is."""
    return wording.segment(str(name)) if scope == "segment" else Text(str(name)[:10], str(name)[:10])


def unsure(facts: Facts) -> Iterator[Text]:
    """Wide intervals, groups that are served worse or cannot be measured, borderline families, old data."""
    for scope in SCOPES:
        rows = facts.measures(scope, AVERAGE).dropna(subset=["lower", "upper"])
        if len(rows) > 1:
            row = max(records(rows), key=lambda r: (r["upper"] - r["lower"]) / r["estimate"])
            named = {"scope": wording.SCOPES[scope], "group": group(scope, row["group"])}
            yield say("widest", positives=int(row["positives"]), **named, **bounds(row, 1, 3))
    worse, few = groups_below(facts), groups_unmeasured(facts)
    yield say("worse", groups=joined(worse)) if worse else say("worse_nowhere")
    if few:
        yield say("too_few", groups=joined(few))
    if not wording.unknown(facts.borderline):
        yield say("borderline", share=shown(facts.borderline, 100))
    yield from data_age(facts)


def groups_below(facts: Facts) -> list[Text]:
    """Groups whose whole interval of average precision lies below the figure of all families."""
    overall = facts.measures("all", AVERAGE)["estimate"]
    if overall.empty:
        return []
    found = [(s, facts.measures(s, AVERAGE)) for s in SCOPES]
    return [group(s, g) for s, rows in found for g in rows.loc[rows["upper"] < overall.iloc[0], "group"]]


def groups_unmeasured(facts: Facts) -> list[Text]:
    rows = facts.tables["measures"]
    mine = rows[(rows["model"] == facts.model) & (rows["metric"] == AVERAGE) & rows["lower"].isna()]
    return [group(s, g) for s in SCOPES for g in mine.loc[mine["scope"] == s, "group"]]


def joined(names: list[Text]) -> Text:
    """The first names, and how many more there are."""
    more = f" (+{len(names) - SHOWN})" if len(names) > SHOWN else ""
    return Text("; ".join(n.id for n in names[:SHOWN]) + more, "; ".join(n.en for n in names[:SHOWN]) + more)


def data_age(facts: Facts) -> Iterator[Text]:
    ages = facts.data_age_days
    if ages is not None and ages.notna().any():
        months = ages.dropna().astype("float64") / DAYS_A_MONTH
        median, oldest = (shown(months.quantile(q), 1, 0) for q in (0.5, 0.9))
        yield say("age", median=median, oldest=oldest, missing=shown(ages.isna().mean(), 100))


def honest(facts: Facts) -> Iterator[Text]:
    """Observed against promised: over all, by fold, date, group and regency, and by horizon."""
    for row in records(facts.measures("all", LEVEL)):
        yield say(level_of(row), **bounds(row, 100, 0))
    for scope in ("fold", *SCOPES):
        measurable = facts.measures(scope, AVERAGE).dropna(subset=["lower"])["group"]
        rows = facts.measures(scope, LEVEL)
        rows = rows[rows["group"].isin(measurable)]
        if len(rows) > 1:
            yield say("level_between", scope=wording.SCOPES[scope], **extremes(rows, scope, "_group"))
    incidence = facts.tables.get("incidence")
    if incidence is not None:
        everybody = incidence[(incidence["bin"] == 0) & incidence["observed"].notna()]
        for row in records(everybody.rename(columns={"observed": "estimate"})):
            promised = shown(row["mean_incidence"], 100)
            yield say("incidence", months=int(row["horizon_months"]), promised=promised, **bounds(row, 100))


def level_of(row: Mapping[str, Any]) -> str:
    if not wording.unknown(row["upper"]) and row["upper"] < 1:
        return "level_high"
    return "level_low" if not wording.unknown(row["lower"]) and row["lower"] > 1 else "level_right"


def best(facts: Facts) -> Iterator[Text]:
    """The distance to the truth where the source is simulated."""
    if facts.oracle is None:
        yield say("no_oracle")
        return
    by = {(r["model"], r["metric"]): r for r in records(facts.oracle)}
    mine, truth, share = (by[m, AVERAGE] for m in (facts.model, "oracle", "share_of_oracle"))
    shares = {f"share{k}": shown(share[v], 100, 0) for k, v in SHARES.items()}
    yield say("oracle", months=facts.months, best=shown(truth["estimate"], 1, 3), **shares, **bounds(mine, 1, 3))
    pairs = shown(by["oracle", "auc"]["estimate"], 100, 0)
    yield say("oracle_pairs", best=pairs, **bounds(by[facts.model, "auc"], 100, 0))
    yield say("oracle_level", **bounds(by[facts.model, LEVEL], 100, 0))


SHARES = {"": "estimate", "_lower": "lower", "_upper": "upper"}


def visits(facts: Facts) -> Iterator[Text]:
    """How many visits find how many, and what an added visit or a better score would find."""
    value, capacity = facts.tables["value"], facts.tables["capacity"]
    known = records(value[value["found"].notna()])
    made = {float(r["amount"]): r for r in known if r["way"] == "visits"}
    score = [r for r in known if r["way"] == "score"]
    own = capacity[capacity["model"] == facts.model]
    reached = dict(zip(own["per_facilitator"], own["recall"], strict=True))
    usual = float(score[0]["equal_visits"]) if score else np.nan
    for n in (usual / 2, usual, 2 * usual):
        if n in made:
            row = made[n] | {"estimate": made[n]["found"]}
            yield say("found", visits=shown(n, 1, 0), reached=shown(reached.get(n), 100), **bounds(row, 1, 2))
    yield from half(facts)
    if usual + 1 in made:
        yield from added(made[usual + 1], score, usual)


def half(facts: Facts) -> Iterator[Text]:
    gains = facts.tables["gains"]
    own = gains[(gains["model"] == facts.model) & (gains["share_found"] >= 0.5)]
    if len(own):
        yield say("half", share=shown(own["share_visited"].min(), 100, 0))


def added(further: Mapping[str, Any], score: list[dict[str, Any]], usual: float) -> Iterator[Text]:
    """Against the first of the better scores, where no more visits would match it than were counted."""
    now = score[0]
    for then in score[1:2]:
        if not wording.unknown(then["equal_visits"]):
            yield say(
                "added",
                added=shown(further["found"] - now["found"], 1, 2),
                gain=shown(then["average_precision"] / now["average_precision"] - 1, 100, 0),
                better=shown(then["found"] - now["found"], 1, 2),
                equal=shown(then["equal_visits"] - usual, 1, 1),
            )


def records(rows: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(k): v for k, v in r.items()} for r in rows.to_dict("records")]
