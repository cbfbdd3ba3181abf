"""Questions of auditors and data scientists about single families, asked of a finished run from the command line.

Nothing here is a stage, is published, or reaches planners: what a model would say of other values is its behaviour and
no advice (tests/test_inquiries.py holds that the desk has no way to it).
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
import pandas as pd

from pipeline import artifacts, boosters, calibrate, contrasts, ensemble, explain, stages, train, wording
from pipeline import contrast_wording as words
from pipeline.artifacts import Home
from pipeline.columns import AS_OF, FAMILY
from pipeline.contrasts import Change, Moved, Run, Side
from pipeline.errors import BadInput
from pipeline.sample import Floats
from pipeline.wording import Language

MOST = 12  # features that are told one by one


@dataclass(frozen=True)
class Finished:
    """What a run left in a folder laid out as a home: the features of its day, model, calibration, scores."""

    root: Path

    def path(self, name: str) -> Path:
        return self.root / name

    @cached_property
    def model(self) -> tuple[lgb.Booster, str]:
        return boosters.read(self.path(stages.MODEL))

    @property
    def booster(self) -> lgb.Booster:
        return self.model[0]

    @cached_property
    def names(self) -> list[str]:
        return list(self.booster.feature_name())

    @cached_property
    def calibration(self) -> calibrate.Calibration:
        return boosters.read_calibration(self.path(stages.CALIBRATION), self.model[1])

    @cached_property
    def scores(self) -> pd.DataFrame:
        """One row a scored family; few columns."""
        columns = [FAMILY, AS_OF, "probability", "regency_code", "rank_in_regency", "eligible"]
        return artifacts.read_frame(self.path(stages.SCORES), columns)

    @property
    def as_of(self) -> date:
        day: date = pd.Timestamp(self.scores[AS_OF].iloc[0]).date()
        return day

    def score(self, family: str) -> Mapping[Any, Any]:
        found = self.scores[self.scores[FAMILY] == family]
        if found.empty:
            raise BadInput(
                f"{self.path(stages.SCORES)}: kpm_id: no scored family has this number ({len(family)} characters)",
                "a family is scored while it is a member on the day of the extract",
            )
        return dict(found.iloc[0])

    def features(self, family: str, names: Sequence[str]) -> pd.DataFrame:
        """The family's row; BadInput where a feature is not among those of this run."""
        file = self.path(f"{stages.FEATURES}/{self.as_of}.parquet")
        known = artifacts.read(file)
        if missing := sorted(set(names) - set(known.columns)):
            raise BadInput(
                f"{file}: {missing[0]}: {len(missing)} features of the other run's model are not there",
                "the two runs can be compared only where each has the features of both models",
            )
        found = artifacts.pandas(known.filter(known[FAMILY] == family).select(FAMILY, AS_OF, *names))
        if found.empty:
            raise BadInput(f"{file}: kpm_id: the family has no row", "features and scores are not of one run")
        return found

    def raw(self, features: pd.DataFrame) -> float:
        return float(train.raw_scores(self.booster, features)[0])

    def chance(self, raw: float) -> float:
        return float(calibrate.probability(np.array([raw]), self.calibration)[0])


# ------------------------------------------------------------------ the three questions


def whatif(home: Home, family: str, texts: Sequence[str], language: Language) -> str:
    """Raw score, chance and contributions before and after some values are replaced; BadInput as contrasts.changes."""
    stages.engine(home)
    run = Finished(home.root)
    asked = contrasts.changes(texts, ensemble.ranges(run.booster))
    run.score(family)
    row = run.features(family, run.names)
    other = row.assign(**{c.feature: c.value for c in asked})
    speech = Speech(home, language)
    first, second = (side(home, run, r) for r in (row, other))
    table = contrasts.by_feature(first, second, run.names, speech.concept)
    replaced = [speech.replaced(c, float(row[c.feature].iloc[0])) for c in asked]
    sums = [
        speech.pair("raw", wording.decimal(first.raw, 4, language), wording.decimal(second.raw, 4, language)),
        speech.pair("chance", *(wording.percent(run.chance(s.raw), language, 2) for s in (first, second))),
    ]
    head = [speech.warn("whatif"), speech.warn("alone"), family, *replaced, *sums]
    return "\n".join([*speech.mark(), *head, *speech.table(table)])


def differ(home: Home, family: str, other: str, language: Language) -> str:
    """Why two families of one run differ, by concept and feature."""
    stages.engine(home)
    run, speech = Finished(home.root), Speech(home, language)
    told = [run.score(k) for k in (family, other)]
    first, second = (side(home, run, run.features(k, run.names)) for k in (family, other))
    table = contrasts.by_feature(first, second, run.names, speech.concept)
    sums = [
        speech.pair("raw", wording.decimal(first.raw, 4, language), wording.decimal(second.raw, 4, language)),
        speech.pair("chance", *(wording.percent(float(t["probability"]), language, 2) for t in told)),
        speech.pair("rank", *(f"{int(t['rank_in_regency'])} ({t['regency_code']})" for t in told)),
    ]
    return "\n".join([*speech.mark(), speech.warn("differ"), f"{family} -> {other}", *sums, *speech.table(table)])


def moved(home: Home, family: str, before: Path, language: Language) -> str:
    """Why a family's score and rank are not what they were in the run that lies in `before`.

    Of that run are needed, where a home has them: models/graduation.txt and .sha256, models/calibration.json,
    data/scores/scores.parquet, and data/features/<as_of>.parquet of the scores' day. BadInput where one is not there,
    was edited, or does not belong to the others.
    """
    stages.engine(home)
    old, new = Finished(before), Finished(home.root)
    names = sorted({*old.names, *new.names})
    runs = [as_run(run, family, names) for run in (old, new)]
    found, speech = contrasts.moved(*runs), Speech(home, language)
    status = [speech.say("eligible" if run.score(family)["eligible"] else "held") for run in (old, new)]
    lines = [f"{family}, {old.as_of:%d/%m/%Y} ({status[0]}) -> {new.as_of:%d/%m/%Y} ({status[1]})"]
    for name, number in found.items():
        lines += speech.moved(name, number)
    both = []
    for run in (old, new):
        first, second = (side(home, run, r.features) for r in runs)
        both.append(contrasts.by_feature(first, second, run.names, speech.concept))
    data = [speech.say("of_data"), *speech.table(contrasts.averaged(both))]
    return "\n".join([*speech.mark(), speech.warn("moved"), *lines, *data])


def as_run(run: Finished, family: str, names: Sequence[str]) -> Run:
    """A finished run as contrasts.moved asks of it; BadInput where its model does not give the chance it recorded."""
    told, features = run.score(family), run.features(family, names)
    if abs(run.chance(run.raw(features)) - float(told["probability"])) > contrasts.TOLERANCE:
        raise BadInput(
            f"{run.root}: kpm_id: the model does not give the chance in scores.parquet for this family's features",
            "features, model, calibration and scores must be of one run",
        )
    alike = run.scores["regency_code"].isna() if pd.isna(told["regency_code"]) else (
        run.scores["regency_code"] == told["regency_code"]
    )  # fmt: skip
    others = run.scores[alike & (run.scores[FAMILY] != family)]
    chances: Floats = others["probability"].to_numpy(dtype=np.float64)

    def before_in_ties(chance: float) -> int:
        return sum(tie(k) < tie(family) for k in others[FAMILY].to_numpy()[chances == chance])

    return Run(features, run.raw, run.chance, chances, before_in_ties)


def tie(family: str) -> str:
    """What orders equal chances (score.rank)."""
    return hashlib.md5(family.encode(), usedforsecurity=False).hexdigest()


def side(home: Home, run: Finished, row: pd.DataFrame) -> Side:
    x = explain.matrix(run.booster, row)
    values, _ = explain.contributions(run.booster, x, home.load(explain.Config, "explain"))
    explain.refuse_misses(values, train.raw_scores(run.booster, row))
    return Side(x[0], values[0, :-1], float(values[0, -1]))


# ------------------------------------------------------------------ in words


class Speech:
    """Labels, concepts and units of a home's features in one language."""

    def __init__(self, home: Home, language: Language) -> None:
        told = artifacts.read_csv(home.path(stages.WORDING)).merge(
            artifacts.read_csv(home.path(stages.DICTIONARY)), on="feature"
        )
        self.language: Language = language
        self.simulated = bool(artifacts.read_json(home.path(stages.LINEAGE), "simulated")["simulated"])
        self.concept = dict(zip(told["feature"], told["concept"], strict=True))
        self.labels = dict(zip(told["feature"], told[f"label_{language}"], strict=True))
        self.units = dict(zip(told["feature"], told["unit"].fillna(""), strict=True))

    def mark(self) -> list[str]:
        return [getattr(wording.SIMULATED, self.language)] if self.simulated else []

    def say(self, name: str, **values: str | int) -> str:
        return str(getattr(words.LINES[name].fill(**values), self.language))

    def warn(self, name: str) -> str:
        return str(getattr(words.WARNINGS[name], self.language))

    def label(self, feature: str) -> str:
        return str(self.labels[feature])

    def value(self, feature: str, value: float) -> str:
        return wording.value_text(value, self.units[feature], self.language)

    def replaced(self, change: Change, before: float) -> str:
        note = f" ({self.say('outside')})" if change.outside else ""
        values = f"{self.value(change.feature, before)} -> {self.value(change.feature, change.value)}"
        return f"  {self.label(change.feature)}: {values}{note}"

    def signed(self, value: float, places: int = 4) -> str:
        return f"{'+' if value >= 0 else ''}{wording.decimal(value, places, self.language)}"

    def pair(self, name: str, first: str, second: str) -> str:
        return f"{self.say(name)}: {first} -> {second}"

    def table(self, table: pd.DataFrame) -> list[str]:
        """By concept, then the largest differences by feature and the sum of the rest, so that both add up."""
        concepts = contrasts.by_concept(table).to_dict("records")
        told = [
            f"  {self.signed(c['difference'])}  {getattr(wording.CONCEPTS[str(c['concept'])], self.language)}"
            for c in concepts
        ]
        most, rest = table.head(MOST), table["difference"].iloc[MOST:]
        lines = [
            f"  {self.signed(f['difference'])}  {self.label(str(f['feature']))}: "
            f"{self.value(str(f['feature']), f['first'])} -> {self.value(str(f['feature']), f['second'])}"
            for f in most.to_dict("records")
            if f["difference"]
        ]
        left = [f"  {self.signed(float(rest.sum()))}  {self.say('rest', count=len(rest))}"] if len(rest) else []
        return [self.say("concepts"), *told, self.say("features"), *lines, *left]

    def moved(self, name: str, number: Moved) -> list[str]:
        places = {"raw": 4, "chance": 6, "rank": 2}[name]
        first, second = (wording.decimal(v, places, self.language) for v in (number.before, number.now))
        parts = [f"  {self.signed(v, places)}  {self.say(cause)}" for cause, v in number.causes.items()]
        return [self.pair(name, first, second), *parts]
