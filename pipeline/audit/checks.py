"""Is a bundle right? Every question in an order in which no answer rests on what was not yet checked.

Signature and chain, then every hash, then the numbers: contributions, trees, chances, ranks, holds, lists, measures,
replays. The first thing that is off ends it, by name.
"""

import csv
import io
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline import calibrate, holds, last_component, poverty
from pipeline.audit import folder, names, plain, replay, walker
from pipeline.audit.folder import Evidence, off
from pipeline.audit.settings import Config
from pipeline.columns import AS_OF, FAMILY, KEY
from pipeline.errors import BadInput

SUMS, EXACT, MEASURED = 1e-9, 1e-12, 1e-9
RANKS = ("rank", "rank_in_regency", "rank_in_facilitator")
Floats = plain.Floats


@dataclass(frozen=True)
class Read:
    """Tables of a bundle as they are asked for, each hashed in memory before it is parsed."""

    evidence: Evidence
    config: Config

    def table(self, name: str) -> pa.Table:
        """A table, its parts in order."""
        parts = [pq.read_table(self.evidence.stream(n)) for n in self.evidence.table_files(name)]
        return pa.concat_tables(parts) if parts else off(name, "is missing", "a table of the bundle")

    def frame(self, name: str) -> pd.DataFrame:
        found: pd.DataFrame = self.table(name).to_pandas(date_as_object=False)
        return found

    @cached_property
    def scores(self) -> pd.DataFrame:
        """In order of kpm_id, as every other table of families."""
        return self.frame(names.SCORES).sort_values(FAMILY, ignore_index=True)

    @cached_property
    def shap(self) -> pd.DataFrame:
        return self.frame(names.SHAP).sort_values(FAMILY, ignore_index=True)

    @cached_property
    def features(self) -> pd.DataFrame:
        return self.frame(names.FEATURES).sort_values(FAMILY, ignore_index=True)

    @cached_property
    def model(self) -> str:
        return self.evidence.text(names.MODEL)

    @cached_property
    def x(self) -> Floats:
        """The model's features in its order."""
        wanted = list(walker.read(self.model).features)
        if absent := [n for n in wanted if n not in self.features]:
            off(f"{names.FEATURES}: {absent[0]}", "the column is missing", "every feature of the model")
        return np.ascontiguousarray(self.features[wanted].to_numpy(dtype=np.float64, na_value=np.nan))

    @cached_property
    def raw(self) -> Floats:
        """Raw scores by LightGBM; the text was hashed before it reaches it."""
        booster = lgb.Booster(model_str=self.model)
        return np.asarray(booster.predict(self.x, raw_score=True), dtype=np.float64)

    @cached_property
    def parameters(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.evidence.json(names.PARAMETERS)
        return found

    @cached_property
    def ordered(self) -> list[plain.Scored]:
        columns = [FAMILY, "probability", "regency_code", "facilitator_id", "eligible"]
        rows = self.scores[columns].astype("object").itertuples(index=False, name=None)
        return plain.in_order(plain.Scored(f, p, text(r), text(s), bool(e)) for f, p, r, s, e in rows)

    def drawn(self, count: int) -> list[str]:
        return list(replay.drawn(self.evidence, self.scores[FAMILY].tolist(), count))

    def positions(self, count: int) -> list[int]:
        """Positions of the families drawn."""
        return np.flatnonzero(self.scores[FAMILY].isin(self.drawn(count))).tolist()


def text(value: Any) -> str | None:
    return None if value is None or value != value else str(value)


def verified(place: Path, key: str | None, head: Mapping[str, Any] | None, config: Config) -> tuple[str, ...]:
    """What was found whole, one line a question; BadInput names the first thing that is off."""
    evidence = folder.opened(place, key, head)
    signed = f"signature, chain: bundle {evidence.manifest['number']}, key {evidence.key_sha256}"
    hashed = f"hashes: {folder.check_all(evidence):,} files, none missing, none strange"
    read = Read(evidence, config)
    return (signed, hashed, *(asked(check, read) for check in CHECKS))


def asked(check: "Callable[[Read], str]", read: Read) -> str:
    """What a question found; where a file cannot even be asked, that is what is off: whole hashes prove no sense."""
    try:
        return check(read)
    except BadInput:
        raise
    except Exception as error:
        what, question = type(error).__name__, (check.__doc__ or "").rstrip(".")
        off(check.__name__, f"cannot be worked out from the bundle's files: {what}", question)


# ------------------------------------------------------------------ tables, contributions, trees


def families(read: Read) -> str:
    """Every table of families holds the same ones, each once, of one day."""
    own = read.scores[FAMILY]
    for name, table in ((names.SCORES, read.scores), (names.FEATURES, read.features), (names.SHAP, read.shap)):
        if (twice := table[FAMILY].duplicated()).any():
            off(f"{name}: kpm_id {table.loc[twice, FAMILY].iloc[0]}", "stands there twice", "one row a family")
        other = sorted(set(table[FAMILY]) ^ set(own))
        if other:
            off(f"{name}: kpm_id {other[0]}", f"not in both this file and {names.SCORES}", f"{len(own):,} families")
        wrong = table[AS_OF] != pd.Timestamp(read.evidence.json(names.EXTRACT)["extracted_on"])
        if wrong.any():
            off(f"{name}: kpm_id {table.loc[wrong, FAMILY].iloc[0]}: {AS_OF}", "is another day", "the extract's day")
    lineage = read.evidence.json(names.LINEAGE)
    named(read, names.MODEL, lineage["model"]["model"])
    named(read, names.CALIBRATION, lineage["model"]["calibration"])
    return f"families: {len(own):,} in scores, features and contributions, each once; model and map those of lineage"


def named(read: Read, name: str, told: str) -> None:
    """The manifest and the lineage must tell of one file."""
    if read.evidence.manifest["files"][name]["sha256"] != told:
        off(f"{names.LINEAGE}: model", f"names another file than {name}", f"sha256 {told}")


def sums(read: Read) -> str:
    """Contributions and base value add up to the raw score, on every row."""
    made = read.shap[[c for c in read.shap.columns if c not in KEY]].to_numpy(dtype=np.float64)
    worst = refuse(names.SHAP, "contributions and base value", read, made.sum(axis=1), read.raw, SUMS)
    return f"sums: contributions and base value make the raw score on all {len(made):,} rows (largest miss {worst:.1e})"


def refuse(name: str, column: str, read: Read, found: Floats, wanted: Floats, tolerance: float) -> float:
    """The largest difference; BadInput with the first family whose difference is larger than `tolerance`."""
    miss = np.nan_to_num(np.abs(found - wanted), nan=np.inf)
    beyond = np.flatnonzero(miss > tolerance)
    if len(beyond):
        family = read.scores[FAMILY].iloc[int(beyond[0])]
        off(f"{name}: kpm_id {family}: {column}", f"off by {miss[beyond[0]]:.3g}", f"within {tolerance:g}")
    return float(miss.max(initial=0.0))


def trees(read: Read) -> str:
    """A plain walk over the trees of some rows gives the raw score of LightGBM."""
    model, at = walker.read(read.model), read.positions(read.config.walked_rows)
    walked = np.full(len(read.raw), np.nan)
    walked[at] = [walker.raw_score(model, row) for row in read.x[at].tolist()]
    walked = np.where(np.isnan(walked), read.raw, walked)
    worst = refuse(names.MODEL, "raw score", read, walked, read.raw, EXACT)
    return f"trees: {len(at):,} rows walked node by node (largest miss {worst:.1e})"


def reasons(read: Read) -> str:
    """Shapley's own formula over the subsets of each tree gives the contributions of some rows, feature by feature."""
    model, at = walker.read(read.model), read.positions(read.config.shapley_rows)
    worst = 0.0
    for place in at:
        told = walker.shapley(model, read.x[place].tolist())
        if told is None:
            return f"reasons: not worked out, a tree has more than {walker.MOST_PLAYERS} features"
        worst = max(worst, reason_of(read, place, model.features, told))
    return f"reasons: contributions of {len(at):,} rows by Shapley's formula (largest miss {worst:.1e})"


def reason_of(read: Read, place: int, features: Sequence[str], told: tuple[dict[int, float], float]) -> float:
    row, (plainly, base) = read.shap.iloc[place], told
    made = {"base_value": base} | {name: plainly.get(n, 0.0) for n, name in enumerate(features)}
    misses = {name: abs(float(row[name]) - value) for name, value in made.items()}
    first = next((n for n, miss in misses.items() if not miss <= SUMS), None)
    if first is not None:
        off(f"{names.SHAP}: kpm_id {row[FAMILY]}: {first}", f"off by {misses[first]:.3g}", f"within {SUMS:g}")
    return max(misses.values())


# ------------------------------------------------------------------ chances, ranks, holds, lists


def chances(read: Read) -> str:
    """The map applied again gives every chance, and every chance lies within its interval."""
    told = read.evidence.json(names.CALIBRATION)
    made = np.array([plain.chance(r, told) for r in read.raw.tolist()])
    worst = refuse(names.SCORES, "probability", read, read.scores["probability"].to_numpy(), made, EXACT)
    fitted = calibrate.recorded({k: v for k, v in told.items() if k != "model_sha256"})
    bounds = calibrate.interval(read.raw, fitted, calibrate.Config.model_validate(read.parameters["calibrate"]))
    for name, wanted in zip(("lower", "upper"), bounds, strict=True):
        refuse(names.SCORES, name, read, read.scores[name].to_numpy(), wanted, EXACT)
    outside = (read.scores["probability"] < read.scores["lower"]) | (read.scores["probability"] > read.scores["upper"])
    if outside.any():
        off(f"{names.SCORES}: kpm_id {read.scores.loc[outside, FAMILY].iloc[0]}", "outside its interval", "within it")
    return f"chances: the map gives all {len(made):,} (largest miss {worst:.1e}); intervals hold them"


def ranks(read: Read) -> str:
    """Ranks over all, in the regency and for the facilitator, ties by md5, and no place given twice."""
    made = dict(zip((f.family for f in read.ordered), plain.ranks(read.ordered), strict=True))
    stored = read.scores[[FAMILY, *RANKS]].astype("object").itertuples(index=False, name=None)
    for family, *places in stored:
        for name, found, wanted in zip(RANKS, places, made[family], strict=True):
            if (None if found is None or found != found else int(found)) != wanted:
                off(f"{names.SCORES}: kpm_id {family}: {name}", "is another rank", f"{wanted}")
    return f"ranks: {len(made):,} over all, in their regency and for their facilitator"


def held(read: Read) -> str:
    """Holds by the declared rules over the stored features; eligible is whoever has none."""
    extract = pd.Timestamp(read.evidence.json(names.EXTRACT)["extracted_on"]).date()
    lines = poverty.Config.model_validate(read.parameters["poverty"])
    known = poverty.beside(read.features, read.scores["regency_code"], extract, lines)
    known = last_component.beside(known, read.frame(names.LIVES)[[FAMILY, last_component.ENDS_ON]], extract)
    made = holds.decide(known, holds.Config.model_validate(read.parameters["holds"]))
    for family, found, wanted, free in zip(
        read.scores[FAMILY], read.scores["holds"], made["holds"], read.scores["eligible"], strict=True
    ):
        if list(found) != list(wanted):
            off(f"{names.SCORES}: kpm_id {family}: holds", f"{len(found)} holds", f"{len(wanted)}, by the rules")
        if bool(free) != (len(found) == 0):
            off(f"{names.SCORES}: kpm_id {family}: eligible", "goes against its holds", "true where there is none")
    return f"holds: {int((~read.scores['eligible']).sum()):,} families held by the rules, none of them eligible"


def lists(read: Read) -> str:
    """Each regency's list holds whom the capacity allows, in order; listed, held and below make everybody."""
    config = read.parameters["lists"]
    made = plain.listed(read.ordered, config["per_facilitator"], config["regency_share"])
    index = {r["regency_code"]: r for r in rows(read, names.INDEX)}
    if sorted(index) != sorted(made):
        other = sorted(set(index) ^ set(made))[0]
        off(f"{names.INDEX}: {other}", "a regency on one side only", f"{len(made)} regencies with families")
    lineage = read.evidence.json(names.LINEAGE)["id"]
    for code, families in sorted(made.items()):
        line = index[code]
        one_list(read, f"{names.LISTS}/{line['file'].removesuffix('.xlsx')}.csv", families, lineage)
        mine = [f for f in read.ordered if f.regency == code]
        counts = {"active": len(mine), "candidates": len(families), "held": sum(not f.eligible for f in mine)}
        for column, count in counts.items():
            if int(line[column]) != count:
                off(f"{names.INDEX}: {code}: {column}", f"tells {line[column]}", f"{count}")
    return f"lists: {len(made)} regencies, {sum(map(len, made.values())):,} families listed within both capacities"


def rows(read: Read, name: str) -> list[dict[str, str]]:
    """A CSV's rows; codes keep their digits."""
    return list(csv.DictReader(io.StringIO(read.evidence.content(name).decode("utf-8-sig"))))


def one_list(read: Read, name: str, families: Sequence[str], lineage: str) -> None:
    found = rows(read, name)
    for place, row in enumerate(found):
        wanted = families[place] if place < len(families) else None
        if row[FAMILY] != wanted:
            off(f"{name}: row {place + 1}: kpm_id", "is another family", "whom rank and capacity put there")
        if row["lineage"] != lineage:
            off(f"{name}: row {place + 1}: lineage", "is of another run", lineage)
    if len(found) < len(families):
        off(f"{name}: row {len(found) + 1}", "the list is shorter", f"{len(families)} families")


# ------------------------------------------------------------------ measures, replays


def measures(read: Read) -> str:
    """The headline measures of every model, worked out again from the predictions."""
    predictions = read.frame(names.PREDICTIONS)
    known = predictions[predictions["label"].notna()]
    told = read.evidence.json(names.METRICS)["models"]
    tidy = {(r["model"], r["metric"]): r["estimate"] for r in rows(read, names.MEASURES) if r["scope"] == "all"}
    count = 0
    for model, part in known.groupby("model"):
        made = plain.measures(part["probability"].to_numpy(), part["label"].to_numpy(dtype=np.float64))
        for metric, value in made.items():
            stored = [(names.MEASURES, tidy.get((str(model), metric)))]
            stored += [(names.METRICS, e["estimate"]) for m, e in told.get(str(model), {}).items() if m == metric]
            for name, found in stored:
                agree(f"{name}: {model}: {metric}", found, value)
                count += 1
    return f"measures: {count} figures of {known['model'].nunique()} models, from {len(known):,} predictions"


def agree(where: str, found: Any, value: float) -> None:
    """A stored figure is the one worked out; an undefined one is empty on both sides."""
    stored = float("nan") if found in (None, "") else float(found)
    if not (abs(stored - value) <= MEASURED or (math.isnan(stored) and math.isnan(value))):
        off(where, f"tells {stored:.6g}", f"{value:.12g}, from {names.PREDICTIONS}")


def replays(read: Read) -> str:
    """Some families over again from the canonical rows, bit for bit."""
    snapshot = replay.Snapshot(read.evidence)
    replayed = replay.replay(snapshot, read.drawn(read.config.replayed_families))
    return f"replays: {len(replayed):,} families rebuilt, scored and explained, bit for bit"


CHECKS: tuple[Callable[[Read], str], ...] = (
    families, sums, trees, reasons, chances, ranks, held, lists, measures, replays,
)  # fmt: skip


def proven(evidence: Evidence, config: Config) -> str:
    """The stored statements give every feature of all families, or of `proven_families` of more, as `build` gave it."""
    read = Read(evidence, config)
    several = read.drawn(config.proven_families) if len(read.scores) > config.proven_families else read.scores[FAMILY]
    snapshot, stored = replay.Snapshot(evidence), read.table(names.FEATURES)
    for some in chunks(sorted(several)):
        rebuilt = replay.features_of(snapshot, some)
        mine = pc.is_in(stored[FAMILY].cast(pa.string()), pa.array(some))
        for row in stored.filter(mine).to_pylist():
            family = row[FAMILY]
            replay.same(f"{names.FEATURES}: kpm_id {family}", row, {**rebuilt[family], AS_OF: snapshot.as_of})
    return f"statements: every feature of {len(several):,} families rebuilt, bit for bit"


def chunks(families: Sequence[str], size: int = 2000) -> Iterable[list[str]]:
    return (list(families[start : start + size]) for start in range(0, len(families), size))
