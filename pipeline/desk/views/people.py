"""Accounts: made, changed and closed by administrators, who see no family. Every change of a right is logged."""

import re
import secrets
from typing import Any

from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render

from pipeline.desk import chain, texts
from pipeline.desk.models import (
    ADMINISTRATOR,
    AUDITOR,
    FACILITATOR,
    OFFICER,
    PLANNER,
    REVIEWER,
    ROLES,
    Account,
)

NAME = re.compile(r"[A-Za-z0-9._@-]{3,60}")
AREAS = {PLANNER: (4,), REVIEWER: (6,), OFFICER: (0, 2), AUDITOR: (0, 2, 4), FACILITATOR: (0,), ADMINISTRATOR: (0,)}
FIELDS = ("username", "role", "area", "facilitator_id")
LONGEST = 64


def accounts(request: HttpRequest) -> HttpResponse:
    """All accounts, and a new one with a first password that is shown once and must be changed."""
    typed = {f: texts.typed(request.POST.get(f, ""), LONGEST) for f in FIELDS}
    problems = _problems(typed, new=True) if request.method == "POST" else []
    made, first = None, ""
    if request.method == "POST" and not problems:
        first = secrets.token_urlsafe(12)
        made = Account(**typed, must_change=True)
        made.set_password(first)
        if _keep(made, _of(request)):
            typed = {}
        else:
            made, first, problems = None, "", ["username_taken"]
    people = Account.objects.order_by("-is_active", "role", "username")
    context = {"people": people, "roles": ROLES, "typed": typed, "problems": problems, "made": made, "first": first}
    return render(request, "desk/accounts.html", context, status=400 if problems else 200)


def _keep(made: Account, by: Account) -> bool:
    """Save the account and log it, both or neither; False where another took the name meanwhile."""
    try:
        with transaction.atomic():
            made.save()
            chain.append("account_made", {"account": made.username, **_rights(made)}, by)
    except IntegrityError:
        return False
    return True


def account(request: HttpRequest, pk: int) -> HttpResponse:
    """Change role or area, close or open, give a new first password."""
    person = get_object_or_404(Account, pk=pk)
    typed = {f: texts.typed(request.POST.get(f, getattr(person, f)), LONGEST) for f in FIELDS}
    problems, first = [], ""
    if request.method == "POST":
        wish = request.POST.get("wish", "")
        problems = _problems(typed, new=False) if wish == "rights" else []
        if person.pk == _of(request).pk and wish in ("close", "rights"):
            problems = ["own_account"]
        if not problems:
            first = _changed(person, wish, typed, _of(request))
    context = {"person": person, "roles": ROLES, "typed": typed, "problems": problems, "first": first}
    if request.method == "POST" and not problems and not first:
        return redirect("accounts")
    return render(request, "desk/account.html", context, status=400 if problems else 200)


def _changed(person: Account, wish: str, typed: dict[str, str], by: Account) -> str:
    """Carries the wish out; returns a new first password where one was asked for."""
    before, first = _rights(person), ""
    if wish == "rights":
        person.role, person.area, person.facilitator_id = typed["role"], typed["area"], typed["facilitator_id"]
    elif wish in ("close", "open"):
        person.is_active = wish == "open"
    elif wish == "password":
        first = secrets.token_urlsafe(12)
        person.set_password(first)
        person.must_change = True
    person.salt += 1
    told = {"account": person.username, "wish": wish, "before": before, **_rights(person)}
    with transaction.atomic():
        person.save()
        chain.append("account_changed", told, by)
    return first


def _rights(person: Account) -> dict[str, Any]:
    names = ("role", "area", "facilitator_id", "is_active")
    return {n: getattr(person, n) for n in names}


def _of(request: HttpRequest) -> Account:
    account: Any = request.user
    assert isinstance(account, Account)
    return account


def _problems(typed: dict[str, str], new: bool) -> list[str]:
    found = []
    if new and not NAME.fullmatch(typed["username"]):
        found.append("username")
    if new and Account.objects.filter(username__iexact=typed["username"]).exists():
        found.append("username_taken")
    if typed["role"] not in ROLES:
        return [*found, "account_role"]
    if len(typed["area"]) not in AREAS[typed["role"]] or (typed["area"] and not typed["area"].isdigit()):
        found.append("account_area")
    if (typed["role"] == FACILITATOR) != bool(typed["facilitator_id"]):
        found.append("account_facilitator")
    return found
