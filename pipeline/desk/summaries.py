"""Counts: work that waits, a regency's districts, quota, and what similar families came to."""

from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from django.conf import settings
from django.db.models import Count, Q, QuerySet
from django.utils import timezone

from pipeline.desk import scope, workflow
from pipeline.desk.models import Account, Case, Family, Release
from pipeline.desk.published import current

FEWEST = 5
SHOWN = 20


def work(account: Account) -> dict[str, Any]:
    """What waits for the account: counts by state, cases it can act on, what is overdue, what changed."""
    cases, today = scope.cases(account), timezone.localdate()
    states = dict(cases.values_list("state").annotate(n=Count("pk")))
    mine = [a for a in workflow.ACTIONS.values() if account.role in a.roles]
    acting = {s for a in mine for s in a.states if len(a.states) == 1}
    todo = cases.filter(state__in=acting).order_by("due_on", "changed_at")[:SHOWN]
    overdue = cases.filter(due_on__lt=today).order_by("due_on")[:SHOWN]
    listed = scope.families(account).filter(status="listed")
    fresh = listed.exclude(kpm_id__in=cases.values("kpm_id")).order_by("place")[:SHOWN]
    changed = dict(scope.changes(account).values_list("change").annotate(n=Count("pk")))
    return {
        "states": [(s, states[s]) for s in workflow.STATES if states.get(s)],
        "todo": todo,
        "overdue": overdue,
        "fresh": fresh,
        "changed": changed,
        "quota": quota(account, listed),
        "left": scope.changes(account).filter(change="left")[:SHOWN],
        "not_visited": _late(account, listed, cases),
    }


def _late(account: Account, listed: "QuerySet[Family]", cases: "QuerySet[Case]") -> int:
    """Families without a visit although their list was released more than visit_days ago."""
    before = timezone.now() - timedelta(days=settings.DESK.visit_days)
    late = Release.objects.filter(number=current().number, released_at__lt=before).values("regency_code")
    return listed.filter(regency_code__in=late).exclude(kpm_id__in=cases.values("kpm_id")).count()


def quota(account: Account, listed: "QuerySet[Family]") -> dict[str, int]:
    """Places of the list, how many were visited, and how many graduations are proposed."""
    cases = scope.cases(account)
    visited = cases.exclude(state=workflow.WAITING).count()
    return {"places": listed.count(), "visited": visited, "proposed": cases.filter(state=workflow.PROPOSED).count()}


def places(active: int, share: float) -> int:
    """Families a regency's list may hold: `share` of the active ones, rounded half up, at least 1."""
    return max(1, int((Decimal(active) * Decimal(str(share))).quantize(Decimal(1), ROUND_HALF_UP)))


def districts(account: Account, regency: str) -> list[dict[str, Any]]:
    """Families of a regency by district: active = listed + held + below, and the cases by how far they came."""
    cases = scope.cases(account).filter(regency_code=regency).values("district_code").annotate(**_by_progress())
    progress = {c["district_code"]: c for c in cases}
    none = {"visited": 0, "proposed": 0, "refused": 0, "objected": 0}
    return [{**d, **none, **progress.get(d["district_code"], {})} for d in scope.districts(account, regency)]


def regencies(account: Account) -> list[dict[str, Any]]:
    """The regencies of the account's area, from the bundle's own counts."""
    shown = current()
    progress = {c["regency_code"]: c for c in scope.cases(account).values("regency_code").annotate(**_by_progress())}
    listed = scope.listed(account)
    none = {"visited": 0, "proposed": 0, "refused": 0, "objected": 0}
    return [
        {"code": c, "name": shown.words["regencies"][c]["name"], "active": shown.words["regencies"][c]["active"],
         "listed": listed.get(c, 0), **none, **progress.get(c, {})}
        for c in scope.regency_codes(account)
    ]  # fmt: skip


def _by_progress() -> dict[str, Count]:
    far = {"proposed": workflow.PROPOSED, "refused": workflow.REFUSED, "objected": workflow.OBJECTED}
    return {"visited": Count("pk", filter=~Q(state=workflow.WAITING))} | {
        k: Count("pk", filter=Q(state=s)) for k, s in far.items()
    }


def similar(account: Account, family: Family) -> dict[str, Any]:
    """What families of the same pathway and band came to in the regency; nothing told below FEWEST of them."""
    alike = Case.objects.filter(regency_code=family.regency_code, pathway=family.pathway, band=family.band)
    ended = alike.filter(state__in=(workflow.PROPOSED, workflow.POSTPONED, workflow.REFUSED, workflow.WITHDRAWN))
    states = dict(ended.exclude(kpm_id=family.kpm_id).values_list("state").annotate(n=Count("pk")))
    total = sum(states.values())
    return {"total": total, "enough": total >= FEWEST, "states": sorted(states.items()), "fewest": FEWEST}
