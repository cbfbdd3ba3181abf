"""Sentences about a family: the pipeline's own words from the bundle, filled with the family's numbers."""

from collections.abc import Mapping
from typing import Any

from pipeline.desk import numerals
from pipeline.desk.models import Family
from pipeline.desk.published import Shown


def sentences(shown: Shown, family: Family, detail: Mapping[str, Any], language: str) -> list[str]:
    """Who, the chance, the status, the end of the last component, and what would be lost, as the report tells it."""
    story = shown.words.get("story", {})
    if not story:
        return []
    filled = _fields(shown, family, detail, language)
    keys = ["who", "chance", f"status_{family.status}", "ends" if detail.get("last_component_ends_on") else "lasting"]
    if detail.get("loses_a_year"):
        keys.append("loses")
    return [str(story[k][language]).format(**filled) for k in keys if k in story]


def _fields(shown: Shown, family: Family, detail: Mapping[str, Any], language: str) -> dict[str, str]:
    whole = {
        k: _whole(detail.get(v), language)
        for k, v in {"age": "caretaker_age", "members": "members", "months": "enrolled_months"}.items()
    }
    shares = {k: numerals.percent(getattr(family, k), language, 1) for k in ("probability", "lower", "upper")}
    regency = shown.words["regencies"].get(family.regency_code, {"name": family.regency_code, "active": 0})
    return {
        "family": family.kpm_id, **whole, **shares, "rank_in_regency": _whole(family.rank_in_regency, language),
        "active": _whole(regency["active"], language), "regency": str(regency["name"]),
        "on": numerals.day(detail.get("last_component_ends_on")),
        "money": numerals.money(detail.get("loses_a_year") or 0, language),
    }  # fmt: skip


def _whole(value: float | None, language: str) -> str:
    return "?" if value is None else numerals.decimal(value, 0, language)


def flags(shown: Shown, detail: Mapping[str, Any], language: str) -> list[str]:
    """The flags of the data."""
    return [shown.word("texts", f, language) for f in str(detail.get("flags") or "").split("; ") if f]


GROUPS = {"membership": ("membership", "reasons"), "case": ("cases", "reporters"), "payment": ("", "payments"),
          "identity": ("identity", "")}  # fmt: skip


def event(shown: Shown, row: Mapping[str, Any], language: str) -> str:
    """One line of the history in words."""
    first, _, second = str(row["code"]).partition(":")
    told = [shown.word("events", row["kind"], language)]
    groups = GROUPS.get(row["kind"], ("", ""))
    for part, group in zip((first, second), groups, strict=True):
        if part:
            told.append(shown.word(group, part, language) if group else part)
    if row["kind"] == "survey" and first:
        told[-1] = f"{'desil' if language == 'id' else 'decile'} {first}"
    if row.get("amount"):
        told.append(numerals.money(row["amount"], language))
    return f"{told[0]}: {', '.join(told[1:])}" if len(told) > 1 else told[0]
