"""One self-contained HTML page that a planner's chief can read, in Indonesian and English side by side.

Every number on it comes from the tables it is given; what they do not hold is said to be unmeasured, never guessed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import pandas as pd

from pipeline import page, standing, wording
from pipeline.columns import AS_OF
from pipeline.config import BaseConfig
from pipeline.stories import Told
from pipeline.wording import Text

DEPLOY = "deploy"


class Config(BaseConfig):
    """Section `report`: the model in use, the metric of the pictures, the metrics of the tables, rows shown."""

    model: str
    headline: str
    table_metrics: tuple[str, ...]
    difference_metrics: tuple[str, ...]
    regencies: int
    shap_points: int


@dataclass(frozen=True)
class ReportData:
    """What the report tells.

    `measures`, `differences` and `verdict` (verdict, against, metric, estimate, lower, upper) are the evaluation's.
    `figures`: name -> PNG. `lists`: the index of the lists. `reasons`: feature, label, concept, mean_abs.
    `quality`: table, accepted, quarantined. `doubts`: sentence, one a finding of plausibility.
    `folds`: fold, kind, as_of. `level`: of the intervals, such as 0.95.
    `lineage`: see wording.lineage_facts, and `simulated`. `evaluation`: all of the evaluation's tables by name;
    without them there is no page of what the score can and cannot do. `oracle`, `borderline`, `data_age_days`: see
    standing.Facts; each may be absent. `ways`: pathways.counts. `effect`: effect.json's. `stories`: as stories.tell.
    `fairness`, `drift`: fairness.json's, of which every number may be published, and drift.json's.
    """

    lineage: Mapping[str, Any]
    as_of: date
    horizon_months: int
    level: float
    measures: pd.DataFrame
    differences: pd.DataFrame
    verdict: Mapping[str, Any]
    figures: Mapping[str, bytes]
    lists: pd.DataFrame
    reasons: pd.DataFrame
    quality: pd.DataFrame
    doubts: pd.DataFrame
    folds: pd.DataFrame
    evaluation: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    oracle: pd.DataFrame | None = None
    borderline: float | None = None
    data_age_days: "pd.Series[float] | None" = None
    ways: pd.DataFrame | None = None
    effect: Mapping[str, Any] = field(default_factory=dict)
    stories: Sequence[Told] = ()
    fairness: Mapping[str, Any] = field(default_factory=dict)
    drift: Mapping[str, Any] = field(default_factory=dict)


Rows = tuple[tuple[Text | str, ...], ...]


@dataclass(frozen=True)
class Table:
    """A table of the page; the first cell of each row is its heading."""

    caption: Text
    heads: tuple[Text, ...]
    rows: Rows


@dataclass(frozen=True)
class Picture:
    """A figure inlined; its text is both caption and alternative."""

    text: Text
    data: str


@dataclass(frozen=True)
class Section:
    """One heading with its sentences, parts under headings of their own, pictures and tables."""

    name: str
    sentences: tuple[Text, ...] = ()
    pictures: tuple[Picture, ...] = ()
    tables: tuple[Table, ...] = ()
    parts: tuple[standing.Part | Told, ...] = ()

    @property
    def heading(self) -> Text:
        return wording.HEADINGS[self.name]


def render(data: ReportData, config: Config) -> str:
    """The page as HTML; it refers to nothing outside itself and runs no script."""
    template = page.environment().get_template("report.html")
    return template.render(
        title=wording.REPORT_TITLE,
        simulated=wording.SIMULATED if data.lineage.get("simulated") else None,
        deploy=_deploys(data),
        summary=Section("summary", _summary(data, config)),
        sections=_sections(data, config),
        lineage_id=str(data.lineage["id"]),
    )


def _sections(data: ReportData, config: Config) -> list[Section]:
    found = [
        _what(data),
        _good(data, config),
        Section("verdict", _verdict(data), (), _present(_differences(data, config))),
        _can(data, config),
        _stories(data),
        _lists(data, config),
        _ways(data),
        Section("life", (_say("life"),), _pictures(data, "components"))
        if "components" in data.figures
        else Section("life"),
        _effect(data),
        _grouped(data, config, "whom", "segment"),
        _fairness(data),
        _drift(data),
        _grouped(data, config, "periods", "period"),
        _calibration(data, config),
        _reasons(data),
        Section("quality", (_say("quality"), _say("doubts")), (), _present(_quality(data)) + _present(_doubts(data))),
        Section("folds", (_say("folds"),), _pictures(data, "folds", "outcomes"), _present(_folds(data))),
        Section("limits", tuple(_say(f"limit_{k}") for k in ("labels", "time", "after", "missing"))),
        Section("lineage", (), (), (_lineage(data),)),
    ]
    return [s for s in found if s.sentences or s.pictures or s.tables or s.parts]


def _say(name: str, **values: Text | str | int) -> Text:
    return wording.SENTENCES[name].fill(**values)


def _present(table: Table | None) -> tuple[Table, ...]:
    return (table,) if table is not None and table.rows else ()


def _pictures(data: ReportData, *names: str) -> tuple[Picture, ...]:
    return tuple(Picture(wording.FIGURES[n], page.inline(data.figures[n])) for n in names if n in data.figures)


def _can(data: ReportData, config: Config) -> Section:
    """What the score can and cannot do: its own page when printed."""
    if not data.evaluation:
        return Section("can")
    facts = standing.Facts(
        model=config.model, months=data.horizon_months, verdict=data.verdict, tables=data.evaluation,
        oracle=data.oracle, borderline=data.borderline, data_age_days=data.data_age_days,
    )  # fmt: skip
    return Section("can", pictures=_pictures(data, "decision", "value"), parts=standing.parts(facts))


# ------------------------------------------------------------------ what may follow the visit


def _stories(data: ReportData) -> Section:
    return Section("stories", (_say("stories"),), parts=tuple(data.stories)) if data.stories else Section("stories")


WAYS: Mapping[str, Mapping[str, Text]] = {
    "phase": wording.PHASES, "pathway": wording.PATHWAYS, "hold": wording.HOLDS
}  # fmt: skip


def _ways(data: ReportData) -> Section:
    if data.ways is None or data.ways.empty:
        return Section("pathways")
    tables = tuple(_ways_table(kind, data.ways[data.ways["kind"] == kind]) for kind in WAYS)
    return Section("pathways", (_say("pathways"), _say("pathways_held")), (), tuple(t for t in tables if t.rows))


def _ways_table(kind: str, rows: pd.DataFrame) -> Table:
    """Families by phase, pathway or hold; only pathways have places to wait for, and holds are held by meaning."""
    columns = {"phase": ["families", "held"], "pathway": ["families", "held", "waiting"], "hold": ["families"]}[kind]
    body: Rows = tuple(
        (wording.label(str(r["name"]), WAYS[kind]), *(_whole(r[c]) for c in columns)) for r in rows.to_dict("records")
    )
    heads = ("name", *("under_hold" if c == "held" else c for c in columns))
    return Table(wording.CAPTIONS[kind], tuple(wording.HEADS[h] for h in heads), body)


def _life(data: ReportData) -> Section:
    pictures = _pictures(data, "components")
    return Section("life", (_say("life"),) if pictures else (), pictures)


def _effect(data: ReportData) -> Section:
    """The estimate with its interval, beside the truth where that is known, and what it is used for."""
    told = data.effect
    if not told:
        return Section("effect")
    why = "; ".join(str(r) for r in told.get("reasons", ()))
    reasons = (_say("effect_why", reasons=why),) if why else ()
    if told.get("estimate") is None:
        return Section("effect", (_say("effect_none"), *reasons))
    bounds = {k: standing.shown(told[k], 100, 1) for k in ("estimate", "lower", "upper")}
    counts = {"treated": _counted(told["treated"]), "graduated": _counted(told["graduated_of_treated"])}
    truth = told.get("truth")
    known = () if truth is None else (_say("effect_truth", truth=standing.shown(truth, 100, 1)),)
    use = _say("effect_used" if told.get("used") else "effect_shown")
    return Section("effect", (_say("effect_estimate", **bounds, **counts), *known, use, *reasons),
                   _pictures(data, "effect"))  # fmt: skip


def _fairness(data: ReportData) -> Section:
    """The verdicts on groups: the lines of the past and of today's list, and the picture."""
    if not data.fairness:
        return Section("fairness")
    share = wording.both(100 * float(data.fairness["error_rate"]), 0)
    sentences = [_say("fairness", share=share)]
    for when in ("history", "today"):
        sentences += [_say(f"fairness_{when}"), *(Text(**line) for line in data.fairness[when]["lines"])]
    return Section("fairness", tuple(sentences), _pictures(data, "fairness"))


def _drift(data: ReportData) -> Section:
    """Changes out of the ordinary since the date before, and what may be expected of today's list."""
    if not data.drift:
        return Section("drift")
    seen, promised = data.drift["changes"], data.drift["expected"]["found"]
    sentences = [_changes(seen)]
    if not wording.unknown(promised["holds"]):
        bounds = {k: wording.both(float(promised[k]), 0) for k in ("listed", "expected", "lower", "upper")}
        bounds["holds"] = wording.both(100 * float(promised["holds"]), 0)
        sentences.append(_say("drift_expected", **bounds))
    return Section("drift", tuple(sentences))


def _changes(seen: Mapping[str, Any]) -> Text:
    if seen["alarms"] is None:
        return _say("drift_untold")
    counts = {"series": _counted(seen["series"]), "count": _counted(len(seen["alarms"]))}
    names = ", ".join(seen["alarms"]) or "-"
    return _say("drift", a_year=wording.both(float(seen["false_alarms_a_year"]), 1), names=names, **counts)


def _counted(value: Any) -> Text:
    return wording.both(float(value), 0)


# ------------------------------------------------------------------ sentences


def _summary(data: ReportData, config: Config) -> tuple[Text, ...]:
    return (_purpose(data), *_list_sentences(data, config)[:1], *_verdict(data)[:1], _size(data), _say("decides"))


def _purpose(data: ReportData) -> Text:
    return _say("purpose", months=data.horizon_months, as_of=wording.day(data.as_of))


def _what(data: ReportData) -> Section:
    return Section("what", (_purpose(data), _say("decides"), _say("held"), _say("not")))


def _good(data: ReportData, config: Config) -> Section:
    sentences = (*_list_sentences(data, config), *_pairs(data, config), _level(data))
    return Section("good", sentences, _pictures(data, "gains", "precision_recall"), _present(_models(data, config)))


def _level(data: ReportData) -> Text:
    return _say("intervals", level=wording.both(100 * data.level, 0))


def _overall(data: ReportData, config: Config) -> pd.DataFrame:
    """Measures of the model in use over all test rows, by metric; only those that have an estimate."""
    rows = data.measures
    mine = rows[(rows["scope"] == "all") & (rows["model"] == config.model) & rows["estimate"].notna()]
    return mine.set_index("metric")


def _list_sentences(data: ReportData, config: Config) -> tuple[Text, ...]:
    """Of 100 families visited so many graduated: one sentence per kind of list, then how many are reached."""
    found = _overall(data, config)
    listed = sorted(m for m in found.index if wording.LIST_METRIC.fullmatch(m))
    precision = [_of_hundred(found.loc[m], m, data) for m in listed if m.startswith("precision")]
    reached = [_say("reached", **standing.bounds(found.loc[m], 100)) for m in listed if m.startswith("recall")]
    return (*precision, *reached[:1]) if precision else (_say("unmeasured"),)


def _of_hundred(row: pd.Series, metric: str, data: ReportData) -> Text:
    """`random` is what a visit finds without any order: the share of graduating families among the rows."""
    random = wording.both(100 * float(row["positives"]) / max(1, int(row["rows"])), 1)
    text = wording.metric(metric)
    kind = Text(text.id.split(", ")[1], text.en.split(", ")[1])
    return _say("of_hundred", list=kind, months=data.horizon_months, random=random, **standing.bounds(row, 100))


def _pairs(data: ReportData, config: Config) -> tuple[Text, ...]:
    found = _overall(data, config)
    return (_say("pairs", found=standing.shown(found["estimate"]["auc"], 100, 0)),) if "auc" in found.index else ()


def _deploys(data: ReportData) -> bool:
    return data.verdict.get("verdict") == DEPLOY


def _verdict(data: ReportData) -> tuple[Text, ...]:
    """The verdict, and the comparison with the best rule of thumb that decided it."""
    head = _say("deploy" if _deploys(data) else "hold_back")
    if data.verdict.get("leaks"):
        return (head, _say("leaked"), *standing.warnings(data.verdict))
    if wording.unknown(data.verdict.get("estimate")):
        return (head, _say("no_comparison"), *standing.warnings(data.verdict))
    against = wording.label(str(data.verdict["against"]), wording.MODELS)
    bounds = {k: standing.shown(data.verdict.get(k), 1, 3) for k in ("estimate", "lower", "upper")}
    metric = wording.metric(str(data.verdict["metric"]))
    why = "deploy_because" if _deploys(data) else "hold_because"
    return (head, _say(why, against=against, metric=metric, **bounds), *standing.warnings(data.verdict))


def _size(data: ReportData) -> Text:
    counts = {k: wording.both(int(data.lists[k].sum()), 0) for k in ("candidates", "active", "held")}
    return _say("size", regencies=wording.both(len(data.lists), 0), **counts)


# ------------------------------------------------------------------ sections with tables


def _measure(row: Mapping[Any, Any] | None) -> str:
    """`0.150 [0.128; 0.172]` on two lines, or a dash where nothing could be measured."""
    if row is None or wording.unknown(row["estimate"]):
        return "-"
    places = 4 if abs(float(row["estimate"])) < 0.1 else 3

    def shown(value: Any) -> str:
        return "?" if wording.unknown(value) else f"{float(value):.{places}f}"

    return f"{shown(row['estimate'])}\n[{shown(row['lower'])};\N{NO-BREAK SPACE}{shown(row['upper'])}]"


def _cells(rows: pd.DataFrame, metrics: tuple[str, ...]) -> tuple[str, ...]:
    by_metric = {r["metric"]: r for r in rows.to_dict("records")}
    return tuple(_measure(by_metric.get(m)) for m in metrics)


def _metrics(data: ReportData, config: Config) -> tuple[str, ...]:
    return tuple(m for m in config.table_metrics if (data.measures["metric"] == m).any())


def _models(data: ReportData, config: Config) -> Table:
    rows = data.measures[data.measures["scope"] == "all"]
    metrics = _metrics(data, config)
    models = sorted(rows["model"].unique(), key=lambda m: (m != config.model, m))
    body: Rows = tuple((wording.label(m, wording.MODELS), *_cells(rows[rows["model"] == m], metrics)) for m in models)
    return Table(wording.CAPTIONS["models"], (wording.HEADS["model"], *map(wording.metric, metrics)), body)


def _differences(data: ReportData, config: Config) -> Table:
    rows = data.differences
    rows = rows[(rows["scope"] == "all") & (rows["model"] == config.model)]
    metrics = tuple(m for m in config.difference_metrics if (rows["metric"] == m).any())
    body: Rows = tuple(
        (wording.label(str(peer), wording.MODELS), *_cells(part, metrics), _read(part, config.headline))
        for peer, part in rows.groupby("against", sort=False)
    )
    heads = (wording.HEADS["against"], *map(wording.metric, metrics), wording.HEADS["reading"])
    return Table(wording.CAPTIONS["differences"].fill(metric=wording.metric(config.headline)), heads, body)


def _read(rows: pd.DataFrame, metric: str) -> Text | str:
    of_metric = rows[rows["metric"] == metric].to_dict("records")
    return wording.READINGS[_reading(of_metric[0], metric)] if of_metric else "-"


def _reading(row: Mapping[Any, Any], metric: str) -> str:
    """Better or worse only where the interval leaves zero out; a smaller Brier score is better."""
    if wording.unknown(row["lower"]) or wording.unknown(row["upper"]) or row["lower"] <= 0 <= row["upper"]:
        return "unclear"
    return "better" if (row["lower"] > 0) != (metric == "brier") else "worse"


def _lists(data: ReportData, config: Config) -> Section:
    shown = data.lists.sort_values("active", ascending=False, kind="stable").head(config.regencies)
    body: Rows = tuple(
        (
            str(r["regency_code"]),
            str(r["name"]),
            *(_whole(r[k]) for k in ("active", "candidates", "held")),
            str(r["file"]),
        )
        for r in shown.to_dict("records")
    )
    heads = tuple(wording.HEADS[h] for h in ("code", "regency", "active", "candidates", "held", "file"))
    table = Table(wording.CAPTIONS["lists"], heads, body)
    return Section("lists", (_size(data), _say("size_meaning")), _pictures(data, "capacity"), _present(table))


def _whole(value: Any) -> str:
    return wording.decimal(float(value), 0, "en").replace(",", " ")


def _grouped(data: ReportData, config: Config, section: str, scope: str) -> Section:
    """Measures of the model in use by segment or by as-of date."""
    rows = data.measures[(data.measures["scope"] == scope) & (data.measures["model"] == config.model)]
    metrics = _metrics(data, config)
    body: Rows = tuple(
        (_group(scope, str(g)), _whole(part["rows"].iloc[0]), _whole(part["positives"].iloc[0]), *_cells(part, metrics))
        for g, part in rows.groupby("group", sort=True)
    )
    heads = (*(wording.HEADS[h] for h in (scope, "rows", "positives")), *map(wording.metric, metrics))
    picture = {"segment": "segments", "period": "periods"}[scope]
    table = Table(wording.CAPTIONS[picture], heads, body)
    pictures = _pictures(data, picture)
    return Section(section, (_say(section),) if body or pictures else (), pictures, _present(table))


def _group(scope: str, group: str) -> Text:
    if scope in ("segment", "all"):
        return wording.segment(group)
    return wording.FOLD.fill(number=group) if scope == "fold" else Text(group[:10], group[:10])


def _calibration(data: ReportData, config: Config) -> Section:
    found = _overall(data, config)
    known = "calibration_slope" in found.index
    slope = (_say("slope", slope=standing.shown(found["estimate"]["calibration_slope"], 1, 2)),) if known else ()
    pictures = _pictures(data, "calibration", "calibration_periods", "incidence")
    return Section("calibration", (_say("calibration"), *slope), pictures, _present(_levels(data, config)))


LEVELS = ("mean_probability", "observed_rate", "calibration_in_the_large")


def _levels(data: ReportData, config: Config) -> Table:
    """Promised against seen: over all, by fold, period, segment and regency."""
    rows = data.measures[(data.measures["model"] == config.model) & data.measures["metric"].isin(LEVELS)]
    body: Rows = tuple(
        (_group(str(scope), str(group)), *(_whole(part[k].iloc[0]) for k in ("rows", "positives")), *_shares(part))
        for (scope, group), part in rows.groupby(["scope", "group"], sort=False)
    )
    heads = tuple(wording.HEADS[h] for h in ("part", "rows", "positives", "promised", "seen", "seen_over_promised"))
    return Table(wording.CAPTIONS["levels"], heads, body)


def _shares(rows: pd.DataFrame) -> tuple[str, ...]:
    by_metric = dict(zip(rows["metric"], rows["estimate"], strict=True))
    shares = tuple(by_metric.get(m) for m in LEVELS[:2])
    written = tuple("-" if wording.unknown(s) else wording.percent(float(str(s)), "en", 2) for s in shares)
    return (*written, *_cells(rows, LEVELS[2:]))


def _reasons(data: ReportData) -> Section:
    """Shares of the mean absolute contributions, summed by subject."""
    sizes = data.reasons.groupby("concept")["mean_abs"].sum().sort_values(ascending=False, kind="stable")
    total = float(sizes.sum()) or 1.0
    body: Rows = tuple(
        (wording.label(str(c), wording.CONCEPTS), wording.percent(float(v) / total, "en")) for c, v in sizes.items()
    )
    table = Table(wording.CAPTIONS["concepts"], (wording.HEADS["concept"], wording.HEADS["share"]), body)
    return Section("reasons", (_say("reasons"),), _pictures(data, "shap_summary"), _present(table))


def _quality(data: ReportData) -> Table:
    body: Rows = tuple(
        (str(r["table"]), _whole(r["accepted"]), _whole(r["quarantined"]), wording.percent(_share(r), "en", 2))
        for r in data.quality.to_dict("records")
    )
    heads = tuple(wording.HEADS[h] for h in ("table", "accepted", "quarantined", "share"))
    return Table(wording.CAPTIONS["quality"], heads, body)


def _doubts(data: ReportData) -> Table:
    """What is hard to believe of the accepted tables as a whole, as it was printed when they came."""
    body: Rows = tuple((str(sentence),) for sentence in data.doubts["sentence"])
    return Table(wording.CAPTIONS["doubts"], (wording.HEADS["doubt"],), body)


def _share(row: Mapping[Any, Any]) -> float:
    return float(row["quarantined"]) / max(1.0, float(row["accepted"]) + float(row["quarantined"]))


def _folds(data: ReportData) -> Table:
    kinds = ("train", "calibrate", "test")
    body: Rows = tuple(
        (str(fold), *(_span(part.loc[part["kind"] == kind, AS_OF]) for kind in kinds))
        for fold, part in data.folds.groupby("fold", sort=True)
    )
    return Table(wording.CAPTIONS["folds"], tuple(wording.HEADS[h] for h in ("fold", *kinds)), body)


def _span(days: pd.Series) -> str:
    """First and last date, with how many."""
    if days.empty:
        return "-"
    ordered = sorted(str(d)[:10] for d in days.unique())
    return f"{ordered[0]} to {ordered[-1]} ({len(ordered)})"


def _lineage(data: ReportData) -> Table:
    facts = wording.lineage_facts(data.lineage)
    body: Rows = tuple((Text(wording.METADATA[k], k.replace("_", " ")), v) for k, v in facts.items())
    return Table(wording.CAPTIONS["lineage"], (wording.HEADS["fact"], wording.HEADS["value"]), body)
