"""One family over again from the stored snapshot: features, score, explanation, bit for bit.

The stored statements (features/sql) run on the family's own rows of the canonical tables, the small tables of places
and facilitators, and the stored rows of its regency's neighbours, among which its own must be what was rebuilt.
LightGBM is not loaded: the trees are walked, which adds the same numbers in the same order, and contributions come from
the same tables as those of everybody (pipeline/treeshap), unless the run itself fell back to LightGBM's.
"""

import struct
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Any

import duckdb
import numpy as np
import pandas as pd

from pipeline import calibrate, holds, last_component, pathways, poverty, treeshap
from pipeline.audit import walker
from pipeline.audit.folder import Evidence, off
from pipeline.audit.names import (
    AROUND,
    CALIBRATION,
    CANONICAL,
    EXTRACT,
    FEATURES,
    KNOWN_ON,
    LIVES,
    METHOD,
    MODEL,
    NEIGHBOURS,
    PARAMETERS,
    PATHWAYS,
    SCORES,
    SHAP,
    SQL,
)
from pipeline.columns import AS_OF, FAMILY
from pipeline.errors import BadInput

BASE, REGENCY = "base_value", "regency"
BLOCK, COMPARE, CONTEXT, ENDS = "block_", "compare", "context", "last_component"
PLACE = ("regency_code", "facilitator_id")
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Replayed:
    """What came out of one family once more; equal to what is stored, or replay would have raised."""

    family: str
    as_of: date
    features: Row
    raw: float
    contributions: Row
    scores: Row


@dataclass
class Snapshot:
    """What replays need of a bundle, each file hashed before it is read; opened once for many families."""

    evidence: Evidence
    connection: Any = field(default_factory=lambda: duckdb.connect(config={"threads": 1}))

    @cached_property
    def as_of(self) -> date:
        return date.fromisoformat(self.evidence.json(EXTRACT)["extracted_on"])

    @cached_property
    def parameters(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.evidence.json(PARAMETERS)
        return found

    @cached_property
    def statements(self) -> dict[str, str]:
        names = self.evidence.names(f"{SQL}/")
        return {n.rpartition("/")[2].removesuffix(".sql"): self.evidence.text(n) for n in names}

    @cached_property
    def model(self) -> str:
        return self.evidence.text(MODEL)

    @cached_property
    def trees(self) -> walker.Model:
        return walker.read(self.model)

    @cached_property
    def layout(self) -> treeshap.Layout:
        return treeshap.layout(treeshap.Written(self.model))

    @cached_property
    def tables(self) -> "treeshap.Tables":
        return treeshap.path_dependent(self.layout)

    @cached_property
    def by_tables(self) -> bool:
        return bool(self.evidence.json(METHOD)["method"] == "tables")

    @cached_property
    def calibration(self) -> calibrate.Calibration:
        told = self.evidence.json(CALIBRATION)
        return calibrate.recorded({k: v for k, v in told.items() if k != "model_sha256"})

    @cached_property
    def sources(self) -> dict[str, str]:
        """Table by name as DuckDB reads it; every file of it was hashed."""
        names = {t: f"{CANONICAL}/{t}.parquet" for t in tables_below(self.evidence, CANONICAL)}
        names |= {t: f"{AROUND}/{t}.parquet" for t in tables_below(self.evidence, AROUND)}
        names |= {"neighbours_of_all": NEIGHBOURS, "stored": FEATURES, "scores": SCORES, "shap": SHAP}
        names |= {"lives": LIVES, "pathways": PATHWAYS, "known_on": KNOWN_ON}
        return {t: self.reader(n) for t, n in names.items()}

    def reader(self, table: str) -> str:
        files = [str(self.evidence.file(n)).replace("'", "''") for n in self.evidence.table_files(table)]
        return "read_parquet([" + ", ".join(f"'{f}'" for f in files) + "])"

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[dict[str, Any]]:
        found = self.connection.execute(sql, list(values))
        names = [column[0] for column in found.description]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def tables_below(evidence: Evidence, folder: str) -> list[str]:
    """Names of the Parquet tables of a folder, each a file or a folder of parts."""
    parts = [n.removeprefix(f"{folder}/").split("/")[0] for n in evidence.names(f"{folder}/")]
    return sorted({p.removesuffix(".parquet") for p in parts if p.endswith(".parquet")})


def replay(snapshot: Snapshot, families: Sequence[str]) -> list[Replayed]:
    """Each family once more; BadInput names file, family and column of the first bit that differs."""
    wanted = sorted(set(families))
    with ThreadPoolExecutor(1) as pool:  # what explains is made ready while DuckDB rebuilds
        ready = pool.submit(lambda: snapshot.by_tables and snapshot.layout)
        rebuilt = features_of(snapshot, wanted)
        ready.result()
    stored = by_family(snapshot, "stored", wanted)
    for family in wanted:
        same(f"{FEATURES}: kpm_id {family}", stored[family], {**rebuilt[family], AS_OF: snapshot.as_of})
    raw, contributions = explained(snapshot, wanted, rebuilt)
    scores = scored(snapshot, wanted, raw, rebuilt)
    shap, kept = by_family(snapshot, "shap", wanted), by_family(snapshot, "scores", wanted)
    for at, family in enumerate(wanted):
        same(f"{SHAP}: kpm_id {family}", shap[family], contributions[at])
        told = {c: kept[family][c] for c in scores[at]}
        same(f"{SCORES}: kpm_id {family}", told, scores[at])
    return [Replayed(f, snapshot.as_of, rebuilt[f], raw[n], contributions[n], scores[n]) for n, f in enumerate(wanted)]


def by_family(snapshot: Snapshot, table: str, families: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The stored rows of some families; BadInput for a family that has none."""
    found = snapshot.rows(f"SELECT * FROM {snapshot.sources[table]} WHERE {among(families)}", families)
    rows = {row[FAMILY]: row for row in found}
    absent = [f for f in families if f not in rows]
    if absent:
        raise BadInput(
            f"audit: kpm_id: no family of this number was scored ({len(absent[0])} characters)",
            f"scores/scores.parquet of the bundle holds every family that was active on {snapshot.as_of}",
        )
    return rows


def among(families: Sequence[str]) -> str:
    """An equality where there is one family: sorted files are then skipped but for its rows."""
    return f"{FAMILY} = ?" if len(families) == 1 else f"{FAMILY} IN ({', '.join('?' * len(families))})"


# ------------------------------------------------------------------ features


def features_of(snapshot: Snapshot, families: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Every feature of some families, from canonical rows by the stored statements; key kpm_id."""
    laid_out(snapshot, families)
    found: dict[str, dict[str, Any]] = {f: {FAMILY: f} for f in families}
    for name in (n for n in snapshot.statements if n.startswith(BLOCK)):
        add(snapshot, name, found)
    neighbours(snapshot, families, found)
    add(snapshot, COMPARE, found)
    return found


def laid_out(snapshot: Snapshot, families: Sequence[str]) -> None:
    """The names that the statements read, holding the rows of these families and the small tables."""
    for table in tables_below(snapshot.evidence, CANONICAL):
        source = snapshot.sources[table]
        sql = f"CREATE OR REPLACE TEMP TABLE {table} AS SELECT * FROM {source} WHERE {among(families)}"
        snapshot.connection.execute(sql, list(families))
    for table in tables_below(snapshot.evidence, AROUND):
        snapshot.connection.execute(f"CREATE OR REPLACE TEMP VIEW {table} AS SELECT * FROM {snapshot.sources[table]}")


def add(snapshot: Snapshot, statement: str, found: dict[str, dict[str, Any]]) -> None:
    """A statement's columns to the families'; a family without a row there has none of them known."""
    known = snapshot.connection.execute(snapshot.statements[statement])
    names = [column[0] for column in known.description]
    at = names.index(FAMILY)
    rows = {row[at]: row for row in known.fetchall()}
    nothing = (None,) * len(names)
    for family, features in found.items():
        features |= {n: v for n, v in zip(names, rows.get(family, nothing), strict=True) if n != FAMILY}


def neighbours(snapshot: Snapshot, families: Sequence[str], found: Mapping[str, Row]) -> None:
    """The stored neighbours of the families' regencies; each family's own row must be the rebuilt one."""
    source = snapshot.sources["neighbours_of_all"]
    mine = snapshot.rows(f"SELECT * FROM {source} WHERE {among(families)}", families)
    for row in mine:
        rebuilt = found[row[FAMILY]]
        shared = [c for c in row if c in rebuilt]
        same(f"{NEIGHBOURS}: kpm_id {row[FAMILY]}", {c: row[c] for c in shared}, {c: rebuilt[c] for c in shared})
    places = sorted({row[REGENCY] or "" for row in mine})
    marks = ", ".join("?" * len(places))
    inside = f"coalesce({REGENCY}, '') IN ({marks})" if "" in places else f"{REGENCY} IN ({marks})"
    sql = f"CREATE OR REPLACE TEMP TABLE neighbours AS SELECT * FROM {source} WHERE {inside}"
    snapshot.connection.execute(sql, places)


# ------------------------------------------------------------------ score and explanation


def explained(
    snapshot: Snapshot, families: Sequence[str], rebuilt: Mapping[str, Row]
) -> tuple[list[float], list[dict[str, Any]]]:
    """Raw scores, and base value and contributions by feature, of each family."""
    names = snapshot.trees.features
    x = np.array([[number(rebuilt[f][n]) for n in names] for f in families], dtype=np.float64)
    raw = [walker.raw_score(snapshot.trees, row) for row in x.tolist()]
    values = contributions(snapshot, x)
    told = [
        {FAMILY: f, AS_OF: snapshot.as_of, BASE: v[-1], **dict(zip(names, v[:-1], strict=True))}
        for f, v in zip(families, values.tolist(), strict=True)
    ]
    return raw, told


def contributions(snapshot: Snapshot, x: Any) -> Any:
    """[family, feature and base], the way the run took; of one family without setting up the tables of all."""
    if not snapshot.by_tables:
        return by_lightgbm(snapshot, x)
    if len(x) == 1:
        return treeshap.alone(snapshot.layout, x[0])[None]
    return treeshap.contributions(snapshot.tables, x, 1)


def by_lightgbm(snapshot: Snapshot, x: Any) -> Any:
    import lightgbm as lgb

    from pipeline import explain

    return explain.by_lightgbm(lgb.Booster(model_str=snapshot.model), x)


def number(value: Any) -> float:
    return float("nan") if value is None else float(value)


def scored(
    snapshot: Snapshot, families: Sequence[str], raw: Sequence[float], rebuilt: Mapping[str, Row]
) -> list[dict[str, Any]]:
    """What scores.parquet tells of each family, but pathway and borderline, which hang on other families' places."""
    config = calibrate.Config.model_validate(snapshot.parameters["calibrate"])
    scores = np.array(raw)
    lower, upper = calibrate.interval(scores, snapshot.calibration, config)
    chances = calibrate.probability(scores, snapshot.calibration)
    places = {row[FAMILY]: row for row in snapshot.rows(snapshot.statements[CONTEXT])}
    told = beside(snapshot, families, places, rebuilt)
    decided = holds.decide(told, holds.Config.model_validate(snapshot.parameters["holds"]))
    _, phase = pathways.phase_of(told, pathways.Config.model_validate(snapshot.parameters["pathways"]))
    made = []
    for n, family in enumerate(families):
        place = {c: places[family][c] for c in PLACE}
        row = {"probability": float(chances[n]), "lower": float(lower[n]), "upper": float(upper[n]), **place}
        row |= {"holds": list(decided["holds"].iloc[n]), "eligible": bool(decided["eligible"].iloc[n])}
        made.append(row | {"phase": pathways.PHASES[phase[n]]} | ranks(snapshot, family, row))
    return made


def beside(
    snapshot: Snapshot, families: Sequence[str], places: Mapping[str, Row], rebuilt: Mapping[str, Row]
) -> pd.DataFrame:
    """The features with what holds and phases read beside them: the poverty line, the last component's end."""
    columns = [c for c in next(iter(rebuilt.values())) if c != FAMILY]
    frame = pd.DataFrame({c: [number(rebuilt[f][c]) for f in families] for c in columns}, dtype="float64")
    frame.insert(0, FAMILY, list(families))
    regency = pd.Series([places[f]["regency_code"] for f in families], dtype="object")
    lines = poverty.Config.model_validate(snapshot.parameters["poverty"])
    known = poverty.beside(frame, regency, snapshot.as_of, lines)
    return last_component.beside(known, ends(snapshot, families), snapshot.as_of)


def ends(snapshot: Snapshot, families: Sequence[str]) -> pd.DataFrame:
    """When the last component ends, rebuilt, and the same as the stored day."""
    rows = {row[FAMILY]: row[last_component.ENDS_ON] for row in snapshot.rows(snapshot.statements[ENDS])}
    stored = by_family(snapshot, "lives", families)
    for family in families:
        told = {last_component.ENDS_ON: stored[family][last_component.ENDS_ON]}
        same(f"{LIVES}: kpm_id {family}", told, {last_component.ENDS_ON: rows.get(family)})
    days = pd.to_datetime(pd.Series([rows.get(f) for f in families], dtype="object"))
    return pd.DataFrame({FAMILY: list(families), last_component.ENDS_ON: days})


def ranks(snapshot: Snapshot, family: str, row: Row) -> dict[str, int | None]:
    """1 + the families before this one: a higher chance, or the same and a lower md5 of kpm_id."""
    before = "probability > $1 OR (probability = $1 AND md5(kpm_id) < md5($2))"
    near = "regency_code IS NOT DISTINCT FROM $3"
    sql = (
        f"SELECT count(*) FILTER ({before}) AS n, count(*) FILTER (({before}) AND {near}) AS m,"
        f" count(*) FILTER (({before}) AND facilitator_id = $4) AS k FROM {snapshot.sources['scores']}"
    )
    told = snapshot.rows(sql, [row["probability"], family, row["regency_code"], row["facilitator_id"]])[0]
    mine = None if row["facilitator_id"] is None else told["k"] + 1
    return {"rank": told["n"] + 1, "rank_in_regency": told["m"] + 1, "rank_in_facilitator": mine}


# ------------------------------------------------------------------ bit for bit


def same(where: str, stored: Row, made: Row) -> None:
    """The same columns and in each the same bits; else BadInput with the column and the difference."""
    if set(stored) != set(made):
        other = sorted(set(stored) ^ set(made))[0]
        off(f"{where}: {other}", "the column is on one side only", "the columns of the statements, and no other")
    for column, value in made.items():
        if bits(stored[column]) != bits(value):
            off(f"{where}: {column}", apart(stored[column], value), "bit for bit what replaying the family gives")


def bits(value: Any) -> Any:
    return struct.pack("<d", value) if isinstance(value, float) else value


def apart(stored: Any, made: Any) -> str:
    """How two values differ, without telling either."""
    if isinstance(stored, float) and isinstance(made, float):
        return f"differs by {abs(stored - made):.3g}"
    return "one is unknown" if stored is None or made is None else "is another value"


def drawn(evidence: Evidence, families: Sequence[str], count: int) -> Iterator[str]:
    """`count` families by the lowest sha256 of manifest hash and kpm_id: nobody knew them before the signature."""
    import hashlib

    def place(family: str) -> bytes:
        return hashlib.sha256(f"{evidence.manifest_sha256}:{family}".encode()).digest()

    yield from sorted(sorted(families, key=place)[:count])


def told(replayed: Replayed) -> str:
    """What a person is shown of a replay."""
    row = replayed.scores
    used = sum(1 for c in replayed.contributions if c not in (FAMILY, AS_OF, BASE))
    return "\n".join(
        (
            f"{replayed.family} as of {replayed.as_of}: bit for bit",
            f"features       {len(replayed.features) - 1} rebuilt from the canonical rows, all as stored",
            f"score          raw {replayed.raw!r}, chance {row['probability']!r}",
            f"explanation    base value {replayed.contributions[BASE]!r} and {used} contributions, all as stored",
            f"rank           {row['rank']} over all, {row['rank_in_regency']} in its regency",
            f"holds          {', '.join(row['holds']) or 'none'}; phase {row['phase']}",
        )
    )
