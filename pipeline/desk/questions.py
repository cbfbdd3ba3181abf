"""Questions of the state auditors to the record: one query and one CSV each; numbers of families, never names."""

from collections.abc import Callable, Mapping
from typing import Any

from django.db.models import Count, F, OuterRef, Subquery

from pipeline.desk import outcomes, scope, watch, workflow
from pipeline.desk.models import Account, Case, Look, Step

Rows = list[dict[str, Any]]


def proposed_while_held(account: Account) -> Rows:
    """Steps towards an exit of a family that was held when they were taken; there must be none."""
    forward = [(a, o) for a, rule in workflow.ACTIONS.items() for o, out in rule.outcomes.items() if out.forward]
    steps = _steps(account).filter(status="held")
    return [r for r in steps.values(*STEP) if (r["action"], r["outcome"]) in forward]


def exits_without_statement(account: Account) -> Rows:
    """Proposed graduations whose round has no signed statement of the family; there must be none."""
    signed = Step.objects.filter(case=OuterRef("case"), round=OuterRef("round"), action="statement", outcome="agrees")
    steps = _steps(account).filter(state_to=workflow.PROPOSED).annotate(signed=Subquery(signed.values("pk")[:1]))
    return list(steps.filter(signed__isnull=True).values(*STEP))


def overrides(account: Account) -> Rows:
    """Families taken on although they were not on the list, and by whom."""
    return list(_steps(account).filter(override=True).values(*STEP))


def decided_alone(account: Account) -> Rows:
    """Confirmations by somebody who had recorded a step of the same round; there must be none."""
    earlier = Step.objects.filter(
        case=OuterRef("case"), round=OuterRef("round"), version__lt=OuterRef("version"), account=OuterRef("account")
    )
    steps = _steps(account).filter(action="confirm").annotate(earlier=Subquery(earlier.values("pk")[:1]))
    return list(steps.filter(earlier__isnull=False).values(*STEP))


def never_visited(account: Account) -> Rows:
    """Listed families of released lists without a visit."""
    cases = Case.objects.filter(steps__action="visit").values("kpm_id")
    listed = scope.families(account).filter(status="listed", regency_code__in=scope.released_regencies())
    found = listed.exclude(kpm_id__in=cases).order_by("place")
    return [dict(r) for r in found.values("kpm_id", "regency_code", "facilitator_id", "rank_in_regency")[:20_000]]


def coverage(account: Account) -> Rows:
    """Families by regency: listed + held + below = all."""
    counted = scope.families(account).values("regency_code", "status").annotate(n=Count("pk"))
    found: dict[str, dict[str, Any]] = {}
    for row in counted.order_by("regency_code"):
        one = found.setdefault(
            row["regency_code"], {"regency_code": row["regency_code"], "listed": 0, "held": 0, "below": 0}
        )
        one[row["status"]] = row["n"]
    return [{**r, "all": r["listed"] + r["held"] + r["below"]} for r in found.values()]


def by_facilitator(account: Account) -> Rows:
    """Visits and what came of them, by facilitator."""
    return [r for r in outcomes.yields(_steps(account)) if r["by"] == "facilitator"]


def facilitator_funnel(account: Account) -> Rows:
    """Facilitators beside the limits of all: rounds begun outside the list, found not yet fit, refused."""
    return watch.funnel(_steps(account))


def decisions_by_month(account: Account) -> Rows:
    """Each month's decisions beside those of the months before."""
    return watch.months(_steps(account))


def looks(account: Account) -> Rows:
    """Who opened whose pages and identities."""
    mine = (
        Look.objects.filter(kpm_id__in=scope.families(account).values("kpm_id")) if account.area else Look.objects.all()
    )
    named = mine.annotate(who=F("account__username"), role=F("account__role")).order_by("-id")
    return [dict(r) for r in named.values("at", "who", "role", "kpm_id", "what", "reason")[:20_000]]


STEP = ("case__kpm_id", "case__regency_code", "round", "version", "action", "outcome", "reason", "account__username",
        "role", "at", "status", "rank_in_regency", "number")  # fmt: skip
QUESTIONS: Mapping[str, Callable[[Account], Rows]] = {
    f.__name__: f
    for f in (
        proposed_while_held, exits_without_statement, decided_alone, overrides, never_visited, coverage, by_facilitator,
        facilitator_funnel, decisions_by_month, looks,
    )
}  # fmt: skip
NONE_EXPECTED = ("proposed_while_held", "exits_without_statement", "decided_alone")


def _steps(account: Account) -> Any:
    return Step.objects.filter(case__in=scope.cases(account)).order_by("case__kpm_id", "version")
