"""Pages to read: my work, the list, a family, regencies, and what the score is and is not."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from pipeline.desk import decisions, drawings, listing, published, scope, stories, summaries, workflow
from pipeline.desk.models import ADMINISTRATOR, AUDITOR, Account, Family, Look, Release, Step


def work(request: HttpRequest) -> HttpResponse:
    """What waits for this person; administrators and auditors have pages of their own."""
    account: Any = request.user
    if account.role in (ADMINISTRATOR, AUDITOR):
        return redirect("accounts" if account.role == ADMINISTRATOR else "audit")
    return render(request, "desk/work.html", {"work": summaries.work(account), "today": timezone.localdate()})


def listing_context(request: HttpRequest, account: Account) -> dict[str, Any]:
    """The page of the list that the address asks for."""
    asked = {k: v for k, v in request.GET.items() if isinstance(v, str)}
    filters = listing.chosen(asked)
    columns = [c for c in listing.COLUMNS if c in request.GET.getlist("columns")] or list(listing.USUAL)
    found = listing.page(listing.filtered(account, filters), asked.get("after", ""))
    query = request.GET.copy()
    query.pop("after", None)
    if found.after is not None:
        query["after"] = str(found.after)
    return {
        "filters": filters,
        "columns": columns,
        "all_columns": listing.COLUMNS,
        "rows": listing.described(account, found.rows),
        "next": query.urlencode() if found.after is not None else "",
        "options": listing.options(account, filters),
        "statuses": (*listing.STATUSES, "all"),
        "states": workflow.STATES,
        "changes": listing.CHANGES,
        "first": "after" not in asked,
    }


def listing_page(request: HttpRequest) -> HttpResponse:
    """Families in order of rank; a search comes by POST, so that no name stands in an address."""
    account: Any = request.user
    context = listing_context(request, account)
    if request.method == "POST":
        words = request.POST.get("q", "")
        found = listing.search(account, words)
        context |= {
            "rows": listing.described(account, found),
            "next": "",
            "q": words[: listing.LONGEST],
            "searched": True,
        }
    partial = getattr(request, "htmx", False) and request.headers.get("HX-Target") == "rows"
    return render(request, "desk/rows.html" if partial else "desk/list.html", context)


def family(request: HttpRequest, kpm_id: str) -> HttpResponse:
    """Everything that was published of one family, and its case."""
    account: Any = request.user
    found = scope.family(account, kpm_id)
    Look.objects.create(account=account, kpm_id=kpm_id, what="family", at=timezone.now())
    case = decisions.case_of(kpm_id)
    standing = decisions.standing(found, case)
    steps = Step.objects.filter(case=case).select_related("account").order_by("-version") if case else []
    context = {
        "family": found,
        "case": case,
        "steps": steps,
        "standing": standing,
        "actions": workflow.possible(account.role, account.username, standing),
        "identity": scope.identities(account).filter(kpm_id=kpm_id).first(),
        "similar": summaries.similar(account, found),
        "interval": drawings.interval(found.lower, found.upper, found.probability),
        **_details(request, found),
    }
    return render(request, "desk/family.html", context)


def _details(request: HttpRequest, family: Family) -> dict[str, Any]:
    """Reasons, pictures and sentences of the family in the reader's language."""
    language, shown, detail = request.language, published.current(), published.detail(family.kpm_id)  # type: ignore[attr-defined]
    parts = {p["concept"]: p["log_odds"] for p in detail.get("contributions", [])}
    events = sorted(detail.get("history", []), key=lambda e: (e["happened_on"], e["recorded_on"] or ""), reverse=True)
    told = [{**e, "text": stories.event(shown, e, language)} for e in events]
    reasons = [{**r, "text": r[f"text_{language}"]} for r in detail.get("reasons", [])]
    return {
        "detail": detail,
        "move": next(iter(detail.get("moves", [])), None),
        "reasons_for": [r for r in reasons if r["direction"] == "for"],
        "reasons_against": [r for r in reasons if r["direction"] == "against"],
        "sentences": stories.sentences(shown, family, detail, language),
        "pathway_text": detail.get(f"pathway_{language}") or "",
        "flags": stories.flags(shown, detail, language),
        "holds": [shown.word("holds", h, language) for h in family.holds.split(";") if h],
        "waterfall": drawings.waterfall(detail["base_value"], parts) if parts else None,
        "life": drawings.lifecycle(detail.get("lifecycle", [])),
        "history": told,
        "timeline": drawings.history(events, shown.as_of),
    }


def regencies(request: HttpRequest) -> HttpResponse:
    """The regencies of the account's area."""
    account: Any = request.user
    rows = summaries.regencies(account)
    if len(rows) == 1:
        return redirect("regency", code=rows[0]["code"])
    return render(request, "desk/regencies.html", {"rows": rows, "map": drawings.tiles(rows, "visited", "listed")})


def regency(request: HttpRequest, code: str) -> HttpResponse:
    """One regency: districts, quota, and the release of its list."""
    account: Any = request.user
    scope.regency(account, code)
    shown = published.current()
    rows = summaries.districts(account, code)
    named, capacity = shown.words["regencies"][code], shown.words["capacity"]
    release = (
        Release.objects.filter(regency_code=code, number=shown.number)
        .select_related("proposed_by", "released_by")
        .first()
    )
    context = {
        "code": code,
        "name": named["name"],
        "rows": rows,
        "map": drawings.tiles(rows, "visited", "listed"),
        "places": summaries.places(named["active"], capacity["regency_share"]),
        "capacity": capacity,
        "release": release,
        "released": code in scope.released_regencies(),
        "may_release": account.role in scope.RELEASERS,
        "total": {
            k: sum(r[k] for r in rows)
            for k in ("active", "listed", "held", "below", "visited", "proposed", "refused", "objected")
        },
        "days": settings.DESK.release_days,
    }
    return render(request, "desk/regency.html", context)


def about(request: HttpRequest) -> HttpResponse:
    """What this score is and what it is not."""
    return render(request, "desk/about.html", {"facts": published.current().facts})
