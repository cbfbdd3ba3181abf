"""The way of a family through the workflow, as the people of homes.PEOPLE walk it."""

import secrets
from datetime import date

from pipeline.desk import decisions
from pipeline.desk.decisions import Form
from pipeline.desk.models import Account, Step
from pipeline.desk.workflow import ACTIONS, DIMENSIONS, Wish

DAY = date(2025, 7, 15)
ALL_MET = dict.fromkeys(DIMENSIONS, "meets")
WAY = (
    ("facilitator", "visit", "fit"),
    ("reviewer", "district_check", "complete"),
    ("planner", "assessment", "meets"),
    ("facilitator", "village_meeting", "recommends"),
    ("facilitator", "statement", "agrees"),
    ("officer", "confirm", "agrees"),
)  # fmt: skip
AFTER = ("visited", "checked", "assessed", "met", "stated", "proposed")


def wish(action: str, outcome: str, **changes: object) -> Wish:
    """A wish that lacks nothing, but for what `changes` take away."""
    rule = ACTIONS[action].outcomes[outcome]
    whole = {
        "action": action, "outcome": outcome, "reason": rule.reasons[0] if rule.reasons else "", "note": "seen",
        "documents": rule.documents, "dimensions": ALL_MET if action == "assessment" else {},
    }  # fmt: skip
    return Wish(**{**whole, **changes})


def record(name: str, family: str, action: str, outcome: str, **changes: object) -> Step:
    """One step with the version as it stands."""
    case = decisions.case_of(family)
    form = Form(case.version if case else 0, secrets.token_urlsafe(16), DAY)
    return decisions.record(Account.objects.get(username=name), family, wish(action, outcome, **changes), form)


def walk(family: str, steps: int = len(WAY)) -> Step:
    """The first steps of the whole way; the last one recorded."""
    for name, action, outcome in WAY[:steps]:
        step = record(name, family, action, outcome)
    return step
