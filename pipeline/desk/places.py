"""A regency's districts with their counts, villages and facilitators, counted once when a bundle is loaded.

Counting a hundred thousand families for every page would be slow, and the answer changes with the bundle alone.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

STATUSES = ("listed", "held", "below")
READ = ("district_code", "district_name", "village_code", "village_name", "facilitator_id", "status")


def counted(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Districts in order of their code: names, families by status, villages, facilitators; active is the sum."""
    found: dict[str, dict[str, Any]] = {}
    for row in rows:
        one = found.setdefault(
            row["district_code"],
            {"name": row["district_name"], "counts": Counter(), "villages": {}, "facilitators": set()},
        )
        one["counts"][row["status"]] += 1
        one["villages"][row["village_code"]] = row["village_name"]
        one["facilitators"].add(row["facilitator_id"])
    return [_district(code, found[code]) for code in sorted(found)]


def _district(code: str, one: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "district_code": code, "name": one["name"] or code, "active": sum(one["counts"].values()),
        **{s: one["counts"][s] for s in STATUSES},
        "villages": [[c, n or c] for c, n in sorted(one["villages"].items())],
        "facilitators": sorted(f for f in one["facilitators"] if f),
    }  # fmt: skip
