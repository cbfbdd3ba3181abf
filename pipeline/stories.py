"""Whole stories of single families: what is known of them, what the score says of them, and what may follow.

A table shows that a rule exists; a story shows what it does to somebody. The families are chosen by declared rules, so
the next run tells the same ones or says that there are none.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from pipeline import wording
from pipeline.capacity import tie_order
from pipeline.columns import FAMILY
from pipeline.conditions import Conditions, Words, met
from pipeline.config import BaseConfig
from pipeline.wording import STORY, Text


class Story(BaseConfig):
    """Whom a story is about: the pathway and whether held (null: any), and conditions that must all be met."""

    id: Words
    en: Words
    pathway: str | None
    held: bool | None
    all: Conditions


class Config(BaseConfig):
    """Section `stories`: a story by name, in the order told."""

    stories: dict[str, Story]


@dataclass(frozen=True)
class Told:
    """One family's story under its heading; both languages."""

    heading: Text
    sentences: tuple[Text, ...]


def chosen(people: pd.DataFrame, config: Config) -> dict[str, str]:
    """kpm_id by the story's name: of the families that fit, the one with the highest chance (ties: md5 of kpm_id).

    people: one row per scored family with kpm_id, probability, eligible, pathway and the features of the conditions.
    """
    rows = people.iloc[tie_order(people[FAMILY])].sort_values("probability", ascending=False, kind="stable")
    found = {name: rows.loc[_fits(rows, story), FAMILY].head(1) for name, story in config.stories.items()}
    return {name: str(first.iloc[0]) for name, first in found.items() if len(first)}


def _fits(rows: pd.DataFrame, story: Story) -> "np.ndarray[Any, np.dtype[np.bool_]]":
    on_way = np.ones(len(rows), dtype=bool) if story.pathway is None else (rows["pathway"] == story.pathway).to_numpy()
    held = ~rows["eligible"].to_numpy(bool)
    as_asked = np.ones(len(rows), dtype=bool) if story.held is None else held == story.held
    return np.asarray(met(rows, story.all) & on_way & as_asked)


def tell(people: pd.DataFrame, reasons: pd.DataFrame, config: Config) -> list[Told]:
    """The stories of the families chosen, in the order declared.

    people: as in `chosen`, with caretaker_age, members, enrolled_months, lower, upper, status (listed, held, below),
    rank_in_regency, regency (its name), active (families of the regency), text_id, text_en,
    last_component_ends_on (or null), loses_a_year (rupiah of PKH within twelve months, or null). reasons: lists.reasons
    of at least these families.
    """
    rows = people.set_index(FAMILY, drop=False)
    return [
        Told(Text(config.stories[name].id, config.stories[name].en), _sentences(rows.loc[kpm_id].to_dict(), reasons))
        for name, kpm_id in chosen(people, config).items()
    ]


def _sentences(row: Mapping[Any, Any], reasons: pd.DataFrame) -> tuple[Text, ...]:
    mine = reasons[reasons[FAMILY] == row[FAMILY]]
    return (
        _who(row),
        _chance(row),
        STORY[f"status_{row['status']}"],
        Text(str(row["text_id"]), str(row["text_en"])),
        *_why(mine),
        *_life(row),
    )


def _who(row: Mapping[Any, Any]) -> Text:
    return STORY["who"].fill(
        family=str(row[FAMILY]),
        age=_whole(row["caretaker_age"]),
        members=_whole(row["members"]),
        months=_whole(row["enrolled_months"]),
    )


def _chance(row: Mapping[Any, Any]) -> Text:
    shares = {k: _percent(float(row[k])) for k in ("probability", "lower", "upper")}
    place = {k: _whole(row[k]) for k in ("rank_in_regency", "active")}
    return STORY["chance"].fill(regency=str(row["regency"]), **shares, **place)


def _why(reasons: pd.DataFrame) -> tuple[Text, ...]:
    """What speaks for the chance and against it, strongest first; a side without a reason is left out."""
    found = []
    for direction in ("for", "against"):
        texts = reasons[reasons["direction"] == direction].sort_values("place", kind="stable")
        if len(texts):
            joined = Text("; ".join(texts["text_id"]), "; ".join(texts["text_en"]))
            found.append(STORY[direction].fill(reasons=joined))
    return tuple(found)


def _life(row: Mapping[Any, Any]) -> tuple[Text, ...]:
    """When the last component ends, and what leaving now would cost."""
    last = row["last_component_ends_on"]
    ends = STORY["lasting"] if wording.unknown(last) else STORY["ends"].fill(on=wording.day(last))
    if wording.unknown(row["loses_a_year"]) or not row["loses_a_year"]:
        return (ends,)
    return (ends, STORY["loses"].fill(money=_money(float(row["loses_a_year"]))))


def _whole(value: Any) -> Text | str:
    return "?" if wording.unknown(value) else wording.both(float(value), 0)


def _percent(share: float) -> Text:
    return Text(wording.percent(share, "id", 1), wording.percent(share, "en", 1))


def _money(rupiah: float) -> Text:
    return Text(wording.value_text(rupiah, "rupiah", "id"), wording.value_text(rupiah, "rupiah", "en"))
