"""The forms of the field workflow, and the two-person release of a list."""

import re
import secrets
from datetime import date
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from pipeline.desk import decisions, scope, workflow
from pipeline.desk.decisions import Against, Form, Stale
from pipeline.desk.models import Account, Family
from pipeline.desk.workflow import ACTIONS, Wish

LONGEST_NOTE = 2000
KEY = re.compile(r"[A-Za-z0-9_-]{16,64}")
FIELDS = ("outcome", "reason", "note", "happened_on")


def decide(request: HttpRequest, kpm_id: str, action: str) -> HttpResponse:
    """Show the form of an action, or record what it says."""
    account: Any = request.user
    family = scope.family(account, kpm_id)
    if action not in ACTIONS or account.role not in ACTIONS[action].roles:
        raise Http404
    if request.method == "POST":
        return _recorded(request, account, family, action)
    kept = request.session.pop("kept", None)
    typed = _first(kept["fields"]) if kept and kept.get("path") == request.path else {}
    return _form(request, account, family, action, typed)


def _first(fields: dict[str, list[str]]) -> dict[str, Any]:
    return {k: v if k in ("documents",) else v[0] for k, v in fields.items() if v}


def _typed(request: HttpRequest) -> dict[str, Any]:
    """What the person typed, to be shown again."""
    found: dict[str, Any] = {k: request.POST.get(k, "")[: LONGEST_NOTE * 2] for k in FIELDS}
    found |= {f"d_{d}": request.POST.get(f"d_{d}", "")[:20] for d in workflow.DIMENSIONS}
    return found | {"documents": request.POST.getlist("documents")[:20]}


def _wish(action: str, typed: dict[str, Any]) -> tuple[Wish, list[str]]:
    """What is asked for, and what cannot be read."""
    problems = ["note_long"] if len(typed["note"]) > LONGEST_NOTE else []
    if "\x00" in typed["note"]:
        problems.append("note_nul")
    documents = tuple(d for d in workflow.DOCUMENTS if d in typed["documents"])
    dimensions = {d: typed[f"d_{d}"] for d in workflow.DIMENSIONS} if action == "assessment" else {}
    outcomes = ACTIONS[action].outcomes
    outcome = typed["outcome"] if typed["outcome"] in outcomes else ""
    reasons = outcomes[outcome].reasons if outcome else ()
    reason = typed["reason"] if typed["reason"] in reasons or typed["reason"] == "" else "?"
    return Wish(action, outcome, reason[:30], typed["note"].strip(), documents, dimensions), problems


def _recorded(request: HttpRequest, account: Account, family: Family, action: str) -> HttpResponse:
    typed = _typed(request)
    wish, problems = _wish(action, typed)
    key, version = request.POST.get("key", ""), request.POST.get("version", "")
    if not KEY.fullmatch(key) or not version.isascii() or not version.isdigit() or len(version) > 9:
        return _form(request, account, family, action, typed, ["stale_form"], status=400)
    try:
        happened = date.fromisoformat(typed["happened_on"])
    except ValueError:
        problems.append("day")
    if problems:
        return _form(request, account, family, action, typed, problems, status=400)
    try:
        decisions.record(account, family.kpm_id, wish, Form(int(version), key, happened))
    except Against as error:
        return _form(request, account, family, action, typed, error.codes, status=400)
    except Stale as error:
        return _form(request, account, family, action, typed, ["stale"], status=409, last=error.last)
    return redirect("family", kpm_id=family.kpm_id)


def _form(
    request: HttpRequest, account: Account, family: Family, action: str, typed: dict[str, Any],
    problems: list[str] | None = None, status: int = 200, last: Any = None,
) -> HttpResponse:  # fmt: skip
    """The form, with what was typed and what stands against it."""
    case = decisions.case_of(family.kpm_id)
    standing = decisions.standing(family, case)
    why = workflow.forbidden(action, account.role, account.username, standing)
    rule = ACTIONS[action]
    reasons = list(dict.fromkeys(r for o in rule.outcomes.values() for r in o.reasons))
    documents = list(dict.fromkeys(d for o in rule.outcomes.values() for d in o.documents))
    context = {
        "family": family, "case": case, "action": action, "rule": rule, "reasons": reasons, "needed": documents,
        "documents": workflow.DOCUMENTS, "dimensions": workflow.DIMENSIONS if action == "assessment" else (),
        "answers": (workflow.MEETS, workflow.NOT_MET, workflow.UNSURE), "typed": typed, "problems": problems or [],
        "version": case.version if case else 0, "key": secrets.token_urlsafe(24), "last": last, "forbidden": why,
        "today": timezone.localdate(), "held": family.status == "held",
        "name": scope.names(account, [family.kpm_id]).get(family.kpm_id, ""),
    }  # fmt: skip
    return render(request, "desk/decide.html", context, status=status)


def release(request: HttpRequest, code: str) -> HttpResponse:
    """Propose or release a regency's list: two different people."""
    account: Any = request.user
    scope.regency(account, code)
    result = decisions.release(account, code)
    if result in ("same_person", "released_before"):
        return render(request, "desk/message.html", {"code": result, "back": f"/regencies/{code}/"}, status=409)
    return redirect("regency", code=code)
