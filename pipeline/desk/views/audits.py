"""The auditor's pages: questions, the log and its head, and an identity with a reason. Read-only."""

import json
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from pipeline.desk import chain, keys, numerals, outcomes, questions, scope, watch
from pipeline.desk.models import Entry, Look, Step
from pipeline.desk.texts import text, typed

BYTE_ORDER = "\ufeff"  # without it a spreadsheet reads UTF-8 as the machine's own encoding
SHOWN, LEAST_REASON, LONGEST_REASON = 100, 10, 200


def overview(request: HttpRequest) -> HttpResponse:
    """Every question with its count, and whether the log holds."""
    account: Any = request.user
    answers = {n: q(account) for n, q in questions.QUESTIONS.items()}
    rows = [{"name": n, "count": len(a), "none_expected": n in questions.NONE_EXPECTED} for n, a in answers.items()]
    funnel = answers["facilitator_funnel"]
    judged = sum(r["verdict"] != watch.FEW for r in funnel)
    told = {
        "by_chance": judged * watch.ALARM,
        "false_95": watch.false_alarms(watch.WARNING),
        "false_998": watch.false_alarms(watch.ALARM),
    }
    context = {
        "rows": rows, "verdict": chain.verify(), "yields": outcomes.yields(_steps(account)),
        "months": answers["decisions_by_month"], "funnel": funnel[:SHOWN],
        "judged": judged, "fewest": watch.FEWEST,
        **{k: numerals.decimal(v, 2, request.language) for k, v in told.items()},  # type: ignore[attr-defined]
    }  # fmt: skip
    return render(request, "desk/audit.html", context)


def _steps(account: Any) -> Any:
    return Step.objects.filter(case__in=scope.cases(account))


def question(request: HttpRequest, name: str) -> HttpResponse:
    """The answer to one question as CSV; that it was asked is logged."""
    account: Any = request.user
    if name not in questions.QUESTIONS:
        raise Http404
    rows = questions.QUESTIONS[name](account)
    chain.append("question", {"name": name, "rows": len(rows)}, account)
    return _csv(rows, list(rows[0]) if rows else ["none"], name)


def _csv(rows: list[dict[str, Any]], names: list[str], name: str) -> HttpResponse:
    text_of = f"{BYTE_ORDER}{outcomes.csv_text(rows, names)}"
    response = HttpResponse(text_of, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return response


def extract(request: HttpRequest) -> HttpResponse:
    """Decisions in the pipeline's layout."""
    account: Any = request.user
    rows = list(outcomes.rows(_steps(account)))
    chain.append("extract", {"rows": len(rows)}, account)
    return _csv(rows, outcomes.LAYOUT.names, "decisions")


def log(request: HttpRequest) -> HttpResponse:
    """The newest lines of the log; of what lies outside the auditor's area who, when and which hash, not what."""
    account: Any = request.user
    before = request.GET.get("before", "")
    found = Entry.objects.order_by("-seq")
    if before.isascii() and before.isdigit() and len(before) < 16:
        found = found.filter(seq__lt=int(before))
    rows = list(found[:SHOWN])
    lines = [{**json.loads(e.body), "hash": e.hash} for e in rows]
    outside = scope.elsewhere(account, [line["body"] for line in lines])
    for line, hidden in zip(lines, outside, strict=True):
        told = ", ".join(f"{k}={v}" for k, v in line["body"].items())
        line["told"] = text("told_elsewhere", request.language) if hidden else told  # type: ignore[attr-defined]
    last = rows[-1].seq if len(rows) == SHOWN else None
    return render(request, "desk/log.html", {"lines": lines, "last": last})


def head(request: HttpRequest) -> HttpResponse:
    """The signed head of the log, to be kept elsewhere; that it was taken is logged first."""
    account: Any = request.user
    chain.append("head_taken", {}, account)
    text = json.dumps(chain.signed_head(keys.signer(settings.STATE / "log_key.pem")), indent=1)
    response = HttpResponse(text, content_type="application/json")
    response["Content-Disposition"] = 'attachment; filename="head.json"'
    return response


def identity(request: HttpRequest, kpm_id: str) -> HttpResponse:
    """A name, for a reason that is written down first."""
    account: Any = request.user
    scope.family(account, kpm_id)
    reason = typed(request.POST.get("reason", ""), LONGEST_REASON)
    shown = None
    if request.method == "POST" and len(reason) >= LEAST_REASON:
        Look.objects.create(account=account, kpm_id=kpm_id, what="identity", reason=reason, at=timezone.now())
        chain.append("identity_seen", {"family": kpm_id, "reason": reason}, account)
        shown = scope.identity(account, kpm_id)
    context = {
        "kpm_id": kpm_id,
        "reason": reason,
        "identity": shown,
        "short": request.method == "POST" and shown is None,
    }
    return render(request, "desk/identity.html", context, status=400 if context["short"] else 200)
