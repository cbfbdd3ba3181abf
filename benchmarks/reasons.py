"""Does every reason say what it is? Sign, value and day are read back from the texts that people see.

`python -m benchmarks.reasons --home DIR` writes the reasons of DIR's families as the lists and stories do, for its last
date and as many earlier ones as `--texts` needs, in both languages, and reads each text with a parser of its own: the
side from its heading, the feature from its label, the value and the day from the words. What is read is held against
the feature's row, the contributions, and the surveys themselves, read plainly with pandas. Exit status 1 where one
text is wrong. `pipeline/wording.py` writes, nothing of it reads.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd
import typer

Language = Literal["id", "en"]
HEADINGS = {
    "id": {"Yang menaikkan peluang: ": 1, "Yang menurunkan peluang: ": -1},
    "en": {"What raises the chance: ": 1, "What lowers the chance: ": -1},
}
DAYS = {"id": re.compile(r", per (\d\d)/(\d\d)/(\d{4})$"), "en": re.compile(r", as of (\d\d)/(\d\d)/(\d{4})$")}
NOTES = {
    "id": (" (wilayah/waktu, bukan keadaan keluarga)", " (mutu data, bukan keadaan keluarga)"),
    "en": (" (place or season, not the family)", " (quality of the data, not the family)"),
}
MISSING = {"id": re.compile(r"^data (.+) belum ada$"), "en": re.compile(r"^no data yet on (.+)$")}
FLAGS = {"ya": 1.0, "tidak": 0.0, "yes": 1.0, "no": 0.0}
LEVELS = {
    "id": ("tidak sekolah", "SD", "SMP", "SMA", "pendidikan tinggi"),
    "en": ("no school", "primary", "lower secondary", "upper secondary", "tertiary"),
}
NUMBER = re.compile(r"-?[\d.,]+")
PERCENT_OF_ONE = {"share", "rank share"}
LEAST_ITEMS = 4  # of an index of dwelling or belongings


@dataclass(frozen=True)
class Read:
    """What a text says: +1 or -1, the feature, the value (NaN: not known) within so much, the day if it has one."""

    side: int
    feature: str
    value: float
    within: float
    day: date | None


@dataclass(frozen=True)
class Words:
    """Feature by label and language, and unit by feature."""

    features: Mapping[tuple[str, str], str]
    units: Mapping[str, str]


def words_of(told: pd.DataFrame) -> Words:
    """told: feature, unit, label_id, label_en; ValueError where a label is of two features."""
    pairs = [((k, label), f) for k in HEADINGS for f, label in zip(told["feature"], told[f"label_{k}"], strict=True)]
    if len(dict(pairs)) < len(pairs):
        raise ValueError("a label is of two features: what it says cannot be read back")
    return Words(dict(pairs), dict(zip(told["feature"], told["unit"].fillna(""), strict=True)))


def read(text: str, language: Language, words: Words) -> Read:
    """ValueError or KeyError where the text cannot be read."""
    heading = next(h for h in HEADINGS[language] if text.startswith(h))
    said = text.removeprefix(heading).removesuffix(".")
    found = DAYS[language].search(said)
    day = date(int(found[3]), int(found[2]), int(found[1])) if found else None
    said = said[: found.start()] if found else said
    for note in NOTES[language]:
        said = said.removesuffix(note)
    side, missing = HEADINGS[language][heading], MISSING[language].match(said)
    if missing:
        return Read(side, words.features[language, missing[1]], np.nan, 0.0, day)
    label, _, value = said.rpartition(": ")
    feature = words.features[language, label]
    return Read(side, feature, *number(value, words.units[feature], language), day)


def number(said: str, unit: str, language: Language) -> tuple[float, float]:
    """The value, and half of its last digit."""
    if said in FLAGS:
        return FLAGS[said], 0.0
    if unit == "level 0-4" and said in LEVELS[language]:
        return float(LEVELS[language].index(said)), 0.0
    negative, digits = "-" in said.split(" ")[0], NUMBER.search(said.replace("Rp-", "-Rp").replace("-", ""))
    if digits is None:
        raise ValueError("no number")
    point = "," if language == "id" else "."
    whole, _, rest = digits[0].rstrip(".," if rest_is_stop(digits[0]) else "").partition(point)
    value = float(re.sub(r"[.,]", "", whole) + "." + (rest or "0"))
    scale = 0.01 if unit in PERCENT_OF_ONE else 1.0
    return (-value if negative else value) * scale, 0.5 * 10.0 ** -len(rest) * scale


def rest_is_stop(digits: str) -> bool:
    return digits[-1] in ".,"


def faults(text: str, language: Language, words: Words, truth: Mapping[str, Any]) -> list[str]:
    """What is wrong with a text: side, feature, value or day.

    truth: side (sign of the feature's contribution), concept_side (sign of its concept's), feature, value, day (the day
    on which the value was told, None where it is the as-of date).
    """
    said = read(text, language, words)
    same = np.isnan(said.value) if np.isnan(truth["value"]) else close(said, truth["value"])
    checks = {
        "side": said.side == truth["side"] == truth["concept_side"],
        "feature": said.feature == truth["feature"],
        "value": bool(same),
        "day": said.day == truth["day"],
    }
    return [name for name, right in checks.items() if not right]


def close(said: Read, value: float) -> bool:
    """Within half of the last digit written; what is written as whole is nearest to its whole number."""
    return abs(said.value - value) <= said.within * (1 + 1e-9) + 1e-9 * abs(value)


def written(found: pd.DataFrame) -> Iterator[tuple[int, Language, str]]:
    """Position, language and text of every reason of lists.reasons, under the heading of its side."""
    from pipeline import lists
    from pipeline.wording import STORY, Text

    dated = lists.with_days(found)
    for i, (side, one, other) in enumerate(zip(found["direction"], dated["text_id"], dated["text_en"], strict=True)):
        whole = STORY[side].fill(reasons=Text(one, other))
        yield i, "id", whole.id
        yield i, "en", whole.en


# ------------------------------------------------------------------ the truth of a run, read plainly


def truths(found: pd.DataFrame, evidence: Any, days: pd.DataFrame) -> list[dict[str, Any]]:
    """Of each reason what its text should say; `days` are the days told, by kpm_id, from `told_on`."""
    names = [c for c in evidence.contributions if c in set(evidence.words["feature"])]
    row = {k: i for i, k in enumerate(evidence.contributions["kpm_id"])}
    phi, at = evidence.contributions[names].to_numpy(), {n: i for i, n in enumerate(names)}
    concept = dict(zip(evidence.words["feature"], evidence.words["concept"], strict=True))
    inside = {c: [i for n, i in at.items() if concept[n] == c] for c in {concept[n] for n in names}}
    values = evidence.features.set_index("kpm_id")
    grid, place = values[names].to_numpy(dtype=float), {k: i for i, k in enumerate(values.index)}
    by = dict(zip(evidence.words["feature"], evidence.words["dated_by"].fillna(""), strict=True))
    told = {c: dict(zip(days["kpm_id"], days[c], strict=True)) for c in days if c != "kpm_id"}

    def one(family: str, feature: str, as_of: Any) -> dict[str, Any]:
        mine = phi[row[family]]
        day = told[by[feature]].get(family) if by[feature] else None
        older = day is not None and not pd.isna(day) and pd.Timestamp(day) < pd.Timestamp(as_of)
        return {
            "side": int(np.sign(mine[at[feature]])),
            "concept_side": int(np.sign(sum(mine[i] for i in inside[concept[feature]]))),
            "feature": feature,
            "value": grid[place[family], at[feature]],
            "day": pd.Timestamp(day).date() if older else None,
        }

    return [one(*key) for key in zip(found["kpm_id"], found["feature"], found["as_of"], strict=True)]


def told_on(home: Any, features: pd.DataFrame, as_of: date, columns: list[str]) -> pd.DataFrame:
    """The last day on which each column of the surveys was told by the date; an index where enough items were."""
    from pipeline.features import wealth

    rows = pd.read_parquet(home.path("data/canonical/welfare.parquet"))
    on, recorded = pd.to_datetime(rows["observed_on"]), pd.to_datetime(rows["recorded_on"])
    rows = rows[(on <= pd.Timestamp(as_of)) & (recorded <= pd.Timestamp(as_of))]
    graded = {i: rows[i].isin(list(codes)) for i, codes in wealth.GRADES.items()}
    told = {c: rows[c].notna() for c in columns if c in rows} | {
        "dwelling_index": sum(g.astype(int) for g in graded.values()) >= LEAST_ITEMS,
        "belongings_index": sum(rows[i].notna().astype(int) for i in wealth.BELONGINGS) >= LEAST_ITEMS,
    }
    last = {c: pd.to_datetime(rows[seen].groupby("kpm_id")["observed_on"].max()) for c, seen in told.items()}
    found = pd.DataFrame(last, index=pd.Index(features["kpm_id"], name="kpm_id"))
    found["wealth_index"] = found[["dwelling_index", "belongings_index"]].min(axis=1)
    age = features.set_index("kpm_id")["roster_age_days"]
    found["roster"] = pd.Timestamp(as_of) - pd.to_timedelta(age, unit="D")
    return found.reset_index()


def evidence_on(home: Any, as_of: date) -> Any:
    """What the reasons of a date rest on: its features, explained by the run's model."""
    from pipeline import artifacts, boosters, explain, features, lists, stages, train

    booster, _ = boosters.read(home.path(stages.MODEL))
    known = artifacts.read_frame(home.path(f"{stages.FEATURES}/{as_of}.parquet"))
    config = home.load(explain.Config, "explain")
    phi, _ = explain.attribute(booster, known, train.raw_scores(booster, known), config)
    words = artifacts.read_csv(home.path(stages.WORDING)).merge(
        artifacts.read_csv(home.path(stages.DICTIONARY)), on="feature"
    )
    tables, families = stages.canonical(home), artifacts.read(home.path(f"{stages.FEATURES}/{as_of}.parquet"))
    blocks = features.blocks(tables, as_of, stages.declared(home))
    days = artifacts.pandas(features.days_of(tables, families, as_of, blocks))
    villages = known[["kpm_id"]].assign(village_code="")
    return lists.Evidence(phi, known, words, villages, days)


def main(
    home: Annotated[Path, typer.Option(help="Folder of a finished run.")] = Path(),
    texts: Annotated[int, typer.Option(help="How many texts to read.")] = 100_000,
) -> None:
    """Write reasons as people read them, read them back, and count what is wrong."""
    from pipeline import lists, stages
    from pipeline.artifacts import Home

    at = Home(home, (Path("configs"),))
    stages.engine(at)
    config, dates = at.load(lists.Config, "lists"), sorted(at.path(stages.FEATURES).glob("*.parquet"), reverse=True)
    count: dict[str, int] = {"texts": 0, "missing": 0, "with a day": 0, "features": 0}
    wrong: dict[str, int] = dict.fromkeys(("side", "feature", "value", "day"), 0)
    seen: set[str] = set()
    for file in dates:
        evidence = evidence_on(at, date.fromisoformat(file.stem))
        found = lists.reasons(evidence, config)
        columns = sorted(set(evidence.words["dated_by"].dropna()))
        truth = truths(found, evidence, told_on(at, evidence.features, date.fromisoformat(file.stem), columns))
        words = words_of(evidence.words)
        for i, language, text in written(found):
            if count["texts"] == texts:
                break
            for fault in faults(text, language, words, truth[i]):
                wrong[fault] += 1
            count["texts"] += 1
            count["missing"] += bool(np.isnan(truth[i]["value"]))
            count["with a day"] += truth[i]["day"] is not None
            seen.add(truth[i]["feature"])
        if count["texts"] == texts:
            break
    count["features"] = len(seen)
    typer.echo(", ".join(f"{n:,} {name}" for name, n in count.items()))
    typer.echo("wrong: " + ", ".join(f"{n} {name}" for name, n in wrong.items()))
    raise SystemExit(1 if any(wrong.values()) else 0)


if __name__ == "__main__":
    typer.run(main)
