"""Who stands out, and when decisions change: exact limits of the binomial distribution around everybody's own share.

Standing out is no fault: it says where to look. With limits of 95 % one count in twenty lies outside by chance alone,
with 99.8 % two in a thousand, if decisions did not hang together; where they do, more will. Numbers of families, never
names.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from math import exp, lgamma, log
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from pipeline.desk import workflow
from pipeline.desk.models import Step

Rows = list[dict[str, Any]]
WARNING, ALARM = 0.05, 0.002
FEWEST = 10  # visits, or decisions of a month, below which nothing is judged
MONTHS = 12
BY_FACILITATOR = ("override", "not_yet", "refused")
BY_MONTH = ("visited", "proposed", "held_back")
FEW, INSIDE, BEYOND_95, BEYOND_998 = "few", "inside", "beyond_95", "beyond_998"
HELD_BACK = (workflow.POSTPONED, workflow.REFUSED, workflow.OBJECTED, workflow.WITHDRAWN)


def funnel(steps: "QuerySet[Step]") -> Rows:
    """Of each facilitator's rounds that began with a visit: begun outside the list, found not yet fit, refused.

    Key measure, facilitator_id. `share` of all facilitators is the middle; limits are counts of the facilitator's own
    number of rounds. What stands out comes first.
    """
    rounds = begun(steps)
    total = {m: sum(r[m] for r in rounds.values()) for m in BY_FACILITATOR}
    own: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for one in rounds.values():
        own[one["facilitator_id"]].append(one)
    found = [
        {"measure": m, "facilitator_id": who, **judged(sum(r[m] for r in mine), len(mine), total[m] / len(rounds))}
        for m in BY_FACILITATOR
        for who, mine in sorted(own.items())
    ]
    order = (BEYOND_998, BEYOND_95, INSIDE, FEW)
    return sorted(found, key=lambda r: (BY_FACILITATOR.index(r["measure"]), order.index(r["verdict"])))


def begun(steps: "QuerySet[Step]") -> dict[tuple[int, int], dict[str, Any]]:
    """Rounds with a visit, by case and round."""
    found: dict[tuple[int, int], dict[str, Any]] = {}
    for step in steps.filter(action="visit").select_related("case").order_by("case_id", "version"):
        one = found.setdefault(
            (step.case_id, step.round),
            {"facilitator_id": step.case.facilitator_id, "override": False, "not_yet": False, "refused": False},
        )
        one["override"] |= step.override
        one["not_yet"] |= step.outcome == "not_yet"
    for case, turn in steps.filter(state_to=workflow.REFUSED).values_list("case_id", "round"):
        if (case, turn) in found:
            found[case, turn]["refused"] = True
    return found


def months(steps: "QuerySet[Step]") -> Rows:
    """Of each month's decisions: visits, proposals, and those that held a family back; beside all months before it.

    Key measure, month, newest first. The first month has nothing before it.
    """
    counts: dict[str, dict[str, int]] = defaultdict(lambda: dict.fromkeys((*BY_MONTH, "all"), 0))
    for at, action, to in steps.values_list("at", "action", "state_to"):
        one = counts[timezone.localtime(at).strftime("%Y-%m")]
        one["all"] += 1
        one["visited"] += action == "visit"
        one["proposed"] += to == workflow.PROPOSED
        one["held_back"] += to in HELD_BACK
    found: Rows = []
    for measure in BY_MONTH:
        before = past = 0
        rows: Rows = []
        for month, one in sorted(counts.items()):
            share = before / past if past >= FEWEST else None
            rows.append({"measure": measure, "month": month, **judged(one[measure], one["all"], share)})
            before, past = before + one[measure], past + one["all"]
        found += rows[::-1][:MONTHS]
    return found


def false_alarms(alpha: float) -> float:
    """Alarms a year that limits of this size raise where nothing changes: each measure is judged every month."""
    return len(BY_MONTH) * 12 * alpha


def judged(count: int, of: int, share: float | None) -> dict[str, Any]:
    """A count of so many beside the share that is usual: its limits and whether it lies beyond them."""
    told: dict[str, Any] = {"count": count, "of": of, "share": share}
    if share is None or of < FEWEST:
        return told | {"lower_95": None, "upper_95": None, "lower_998": None, "upper_998": None, "verdict": FEW}
    inner, outer = limits(of, share, WARNING), limits(of, share, ALARM)
    verdict = INSIDE if inner[0] <= count <= inner[1] else BEYOND_95 if outer[0] <= count <= outer[1] else BEYOND_998
    return told | {
        "lower_95": inner[0], "upper_95": inner[1], "lower_998": outer[0], "upper_998": outer[1], "verdict": verdict,
    }  # fmt: skip


def limits(of: int, share: float, alpha: float) -> tuple[int, int]:
    """The counts beyond which each side has a chance of at most alpha / 2, by the binomial distribution itself."""
    chances = binomial(of, share)
    lower, upper, below, above = 0, of, chances[0], chances[of]
    while below <= alpha / 2 and lower < of:
        lower += 1
        below += chances[lower]
    while above <= alpha / 2 and upper > 0:
        upper -= 1
        above += chances[upper]
    return lower, upper


def binomial(of: int, share: float) -> Sequence[float]:
    """The chance of each count from 0 to `of`."""
    if share <= 0 or share >= 1:
        return [float(k == (0 if share <= 0 else of)) for k in range(of + 1)]
    whole = lgamma(of + 1)
    return [
        exp(whole - lgamma(k + 1) - lgamma(of - k + 1) + k * log(share) + (of - k) * log(1 - share))
        for k in range(of + 1)
    ]
