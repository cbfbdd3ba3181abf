"""Record a decision: compare-and-set on the case's version, one step, one line of the log, all in one transaction."""

import hashlib
from dataclasses import dataclass
from datetime import date, timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from pipeline.desk import chain, scope, workflow
from pipeline.desk.models import Account, Case, Correction, Family, Look, Release, Step
from pipeline.desk.published import current
from pipeline.desk.workflow import ACTIONS, Standing, Wish


class Stale(Exception):
    """Somebody else changed the case after the form was opened; `last` is their step."""

    def __init__(self, last: Step | None) -> None:
        super().__init__("the case was changed")
        self.last = last


class Against(Exception):
    """The wish breaks a rule; `codes` name all that stands against it."""

    def __init__(self, codes: list[str]) -> None:
        super().__init__(", ".join(codes))
        self.codes = codes


@dataclass(frozen=True)
class Form:
    """What came with the form: the version that the person saw, a key made with the form, and the day it happened."""

    version: int
    key: str
    happened_on: date


def case_of(kpm_id: str) -> Case | None:
    return Case.objects.filter(kpm_id=kpm_id).first()


def standing(family: Family, case: Case | None) -> Standing:
    """Where the family stands; without a case it waits for its first visit."""
    recorded: set[str] = set()
    if case is not None:
        own = Step.objects.filter(case=case, round=case.round).exclude(action="objection")
        recorded = set(own.values_list("account__username", flat=True))
    return Standing(
        state=case.state if case else workflow.WAITING,
        state_before=case.state_before if case else "",
        status=family.status,
        released=family.regency_code in scope.released_regencies(),
        recorded_by=frozenset(recorded),
    )


def record(account: Account, kpm_id: str, wish: Wish, form: Form) -> Step:
    """The step that was recorded, or the earlier one of the same key: a double click counts once.

    Raises Http404 outside the account's scope, Against for a broken rule, Stale where the case has moved on.
    """
    family = scope.family(account, kpm_id)
    same = Step.objects.filter(key=form.key, account=account, case__kpm_id=kpm_id)
    done = same.first()
    if done is not None:
        return done
    try:
        with transaction.atomic():
            return _record(account, family, wish, form)
    except (IntegrityError, Against, Stale) as error:
        twin = same.first()  # the first click may have been recorded since it was looked for above
        if twin is not None:
            return twin
        if isinstance(error, IntegrityError):
            raise Stale(_last(case_of(kpm_id))) from None
        raise


def _record(account: Account, family: Family, wish: Wish, form: Form) -> Step:
    case = Case.objects.select_for_update().filter(kpm_id=family.kpm_id).first()
    if (case.version if case else 0) != form.version:
        raise Stale(_last(case))
    where = standing(family, case)
    codes = workflow.complaints(wish, account.role, account.username, where)
    if form.happened_on > timezone.localdate():
        codes.append("future")
    if codes:
        raise Against(codes)
    outcome = ACTIONS[wish.action].outcomes[wish.outcome]
    moved = _moved(family, case, where, workflow.target(outcome, where))
    step = _step(account, family, moved, wish, form, where)
    _correction(step, wish, moved)
    chain.append("step", told(step), account)
    return step


def _moved(family: Family, case: Case | None, where: Standing, to: str) -> Case:
    """The case in its next state and version; Stale where another was faster."""
    now = timezone.now()
    held_back = to in (workflow.OBJECTED, workflow.CORRECTING)
    before = where.state if held_back else ""
    due = {workflow.OBJECTED: settings.DESK.objection_days, workflow.WAITING: settings.DESK.visit_days}.get(to)
    fields = {
        "state": to, "state_before": before, "changed_at": now,
        "due_on": timezone.localdate() + timedelta(days=due) if due else None,
        "regency_code": family.regency_code, "district_code": family.district_code,
        "facilitator_id": family.facilitator_id,
    }  # fmt: skip
    if case is None:
        snapshot = {"band": family.band, "pathway": family.pathway, "segment": family.segment}
        return Case.objects.create(kpm_id=family.kpm_id, opened_at=now, **fields, **snapshot)
    again = where.state in (workflow.POSTPONED, workflow.REFUSED, workflow.WITHDRAWN) and to == workflow.WAITING
    fields["round"] = case.round + 1 if again else case.round
    changed = Case.objects.filter(pk=case.pk, version=case.version).update(version=case.version + 1, **fields)
    if not changed:
        raise Stale(_last(case))
    case.refresh_from_db()
    return case


def _step(account: Account, family: Family, case: Case, wish: Wish, form: Form, where: Standing) -> Step:
    return Step.objects.create(
        case=case, round=case.round, version=case.version, key=form.key, action=wish.action, outcome=wish.outcome,
        reason=wish.reason, note=wish.note, documents=list(wish.documents), dimensions=dict(wish.dimensions),
        happened_on=form.happened_on, state_from=where.state, state_to=case.state, account=account, role=account.role,
        at=timezone.now(), number=current().number, status=family.status, rank_in_regency=family.rank_in_regency,
        probability=family.probability, override=family.status == "below" and where.state == workflow.WAITING,
        score_seen=Look.objects.filter(account=account, kpm_id=family.kpm_id, what="family").exists(),
    )  # fmt: skip


def _correction(step: Step, wish: Wish, case: Case) -> None:
    """A correction opens with the first step and ends with the one that says what became of it."""
    if wish.action == "correction":
        Correction.objects.create(
            kpm_id=case.kpm_id, regency_code=case.regency_code, step=step, field=wish.reason, state="open"
        )
    if wish.action == "corrected":
        Correction.objects.filter(kpm_id=case.kpm_id, state="open").update(state=wish.outcome, closed_by=step)


def told(step: Step) -> dict[str, object]:
    """What the log keeps of a step: everything but the words of the note, of which it keeps the hash."""
    return {
        "family": step.case.kpm_id, "round": step.round, "version": step.version, "action": step.action,
        "outcome": step.outcome, "reason": step.reason, "note_sha256": _digest(step.note), "documents": step.documents,
        "dimensions": step.dimensions, "happened_on": step.happened_on, "from": step.state_from, "to": step.state_to,
        "bundle": step.number, "status": step.status, "rank_in_regency": step.rank_in_regency,
        "probability": step.probability, "override": step.override, "score_seen": step.score_seen,
    }  # fmt: skip


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _last(case: Case | None) -> Step | None:
    return case.steps.order_by("-version").select_related("account").first() if case else None


# ------------------------------------------------------------------ two-person release


def release(account: Account, regency: str) -> str:
    """The first person proposes, another releases; returns proposed, released, same_person or released_before."""
    shown = current()
    with transaction.atomic():
        made, new = Release.objects.select_for_update().get_or_create(
            regency_code=regency, number=shown.number, defaults={"proposed_by": account, "proposed_at": timezone.now()}
        )
        if new:
            chain.append("release_proposed", {"regency": regency, "bundle": shown.number}, account)
            return "proposed"
        if made.released_at is not None:
            return "released_before"
        if made.proposed_by_id == account.pk:
            return "same_person"
        made.released_by, made.released_at = account, timezone.now()
        made.expires_on = timezone.localdate() + timedelta(days=settings.DESK.release_days)
        made.save()
        chain.append("released", {"regency": regency, "bundle": shown.number, "expires_on": made.expires_on}, account)
        return "released"
