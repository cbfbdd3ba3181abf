"""The field workflow as data: who may do what in which state, what may come of it, and what each outcome needs.

Pure: no database, no clock. The states follow the field application of docs/desk.md; the score enters only before the
first visit. No outcome here ends a family's assistance: `proposed` is a proposal to the ministry.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

WAITING, VISITED, CHECKED, ASSESSED, MET, STATED = "waiting", "visited", "checked", "assessed", "met", "stated"
PROPOSED, POSTPONED, REFUSED, OBJECTED, WITHDRAWN, CORRECTING = (
    "proposed", "postponed", "refused", "objected", "withdrawn", "correcting",
)  # fmt: skip
STATES = (
    WAITING, VISITED, CHECKED, ASSESSED, MET, STATED, PROPOSED, POSTPONED, REFUSED, OBJECTED, WITHDRAWN, CORRECTING,
)  # fmt: skip
OPEN = (WAITING, VISITED, CHECKED, ASSESSED, MET, STATED)
BACK = "<back>"
FIELD = ("facilitator", "planner")
EVERYBODY = ("facilitator", "district_reviewer", "planner", "officer")
DIMENSIONS = ("economy", "social", "education", "health", "housing", "water")
MEETS, NOT_MET, UNSURE = "meets", "not_met", "unsure"
NOT_YET = ("income_unsteady", "business_new", "debt", "shock", "dependants", "house_poor", "component_needed", "other")
UNCLEAR = ("not_home", "address_unknown", "incomplete", "duplicate", "contradiction", "other")
GROUNDS = ("income_steady", "business_runs", "assets", "wishes_to_leave", "family_asked", "other")
FIELDS = ("identity", "address", "members", "income", "business", "assets", "school", "disability", "payments", "other")


@dataclass(frozen=True)
class Outcome:
    """What an action can end in. `forward` leads towards an exit, so that no held family may take it."""

    to: str
    reasons: tuple[str, ...] = ()
    documents: tuple[str, ...] = ()
    forward: bool = False
    note: bool = False


@dataclass(frozen=True)
class Action:
    """Who may act, in which states, and the outcomes by name. `other_person`: nobody who recorded a step before."""

    roles: tuple[str, ...]
    states: tuple[str, ...]
    outcomes: Mapping[str, Outcome]
    other_person: bool = False


ACTIONS: Mapping[str, Action] = {
    "visit": Action(
        FIELD,
        (WAITING,),
        {
            "fit": Outcome(VISITED, GROUNDS, ("visit_form",), forward=True),
            "again": Outcome(WAITING, UNCLEAR),
            "not_yet": Outcome(POSTPONED, NOT_YET),
        },
    ),
    "district_check": Action(
        ("district_reviewer", "planner"),
        (VISITED,),
        {
            "complete": Outcome(CHECKED, ("checked",), forward=True),
            "again": Outcome(WAITING, UNCLEAR),
            "not_yet": Outcome(POSTPONED, NOT_YET),
        },
    ),
    "assessment": Action(
        ("planner",),
        (CHECKED,),
        {
            "meets": Outcome(ASSESSED, GROUNDS, ("assessment_form",), forward=True),
            "again": Outcome(WAITING, UNCLEAR),
            "not_yet": Outcome(POSTPONED, NOT_YET),
        },
    ),
    "village_meeting": Action(
        FIELD,
        (ASSESSED,),
        {
            "recommends": Outcome(MET, ("forum_agrees",), ("minutes", "attendance"), forward=True),
            "again": Outcome(CHECKED, UNCLEAR, ("minutes",)),
            "not_yet": Outcome(POSTPONED, NOT_YET, ("minutes",)),
        },
    ),
    "statement": Action(
        FIELD,
        (MET,),
        {
            "agrees": Outcome(STATED, ("own_will",), ("statement",), forward=True),
            "refuses": Outcome(REFUSED),
        },
    ),
    "confirm": Action(
        ("officer", "planner"),
        (STATED,),
        {
            "agrees": Outcome(PROPOSED, ("complete_file",), forward=True),
            "again": Outcome(CHECKED, UNCLEAR, note=True),
            "not_yet": Outcome(POSTPONED, NOT_YET),
        },
        other_person=True,
    ),
    "refusal": Action(EVERYBODY, OPEN, {"refuses": Outcome(REFUSED)}),
    "objection": Action(EVERYBODY, (*OPEN, PROPOSED, POSTPONED), {"objects": Outcome(OBJECTED, note=True)}),
    "answer": Action(
        ("officer", "planner"),
        (OBJECTED,),
        {
            "upheld": Outcome(WITHDRAWN, note=True),
            "dismissed": Outcome(BACK, note=True),
        },
        other_person=True,
    ),
    "correction": Action(EVERYBODY, OPEN, {"wrong": Outcome(CORRECTING, FIELDS, note=True)}),
    "corrected": Action(
        ("planner", "officer"),
        (CORRECTING,),
        {
            "mended": Outcome(WAITING, note=True),
            "was_right": Outcome(BACK, note=True),
        },
    ),
    "postpone": Action(("planner",), OPEN, {"later": Outcome(POSTPONED, NOT_YET)}),
    "reopen": Action(
        ("planner",),
        (POSTPONED, REFUSED, WITHDRAWN),
        {"again": Outcome(WAITING, ("new_facts", "family_asked"), note=True)},
    ),
}
DOCUMENTS = ("visit_form", "assessment_form", "minutes", "attendance", "statement", "photo", "other")


@dataclass(frozen=True)
class Standing:
    """What a decision depends on beside the form: where the case stands and what is published of the family now."""

    state: str
    state_before: str
    status: str
    released: bool
    recorded_by: frozenset[str]


@dataclass(frozen=True)
class Wish:
    """What a person wants to record."""

    action: str
    outcome: str
    reason: str
    note: str
    documents: tuple[str, ...]
    dimensions: Mapping[str, str]


def possible(role: str, person: str, standing: Standing) -> list[str]:
    """Actions that the person may take now, in the order of the workflow."""
    return [name for name in ACTIONS if not forbidden(name, role, person, standing)]


def forbidden(action: str, role: str, person: str, standing: Standing) -> str:
    """Why the person may not take the action now; '' where they may."""
    rule = ACTIONS[action]
    if role not in rule.roles:
        return "role"
    if standing.state not in rule.states:
        return "state"
    if rule.other_person and person in standing.recorded_by:
        return "same_person"
    if action == "visit" and not standing.released:
        return "not_released"
    return ""


def complaints(wish: Wish, role: str, person: str, standing: Standing) -> list[str]:
    """Codes of everything that stands against the wish; none where it may be recorded."""
    why = forbidden(wish.action, role, person, standing)
    if why:
        return [why]
    outcome = ACTIONS[wish.action].outcomes.get(wish.outcome)
    if outcome is None:
        return ["outcome"]
    return [*_missing(wish, outcome), *_against_exit(wish, outcome, role, standing)]


def _missing(wish: Wish, outcome: Outcome) -> Iterable[str]:
    if outcome.reasons and wish.reason not in outcome.reasons:
        yield "reason"
    if (outcome.note or wish.reason == "other") and not wish.note.strip():
        yield "note"
    if set(outcome.documents) - set(wish.documents):
        yield "documents"
    if wish.action == "assessment":
        answers = [wish.dimensions.get(d) for d in DIMENSIONS]
        if any(a not in (MEETS, NOT_MET, UNSURE) for a in answers):
            yield "dimensions"
        elif outcome.forward and any(a != MEETS for a in answers):
            yield "dimensions_met"


def _against_exit(wish: Wish, outcome: Outcome, role: str, standing: Standing) -> Iterable[str]:
    """A held family takes no step towards an exit; one that is not on the list only because it asked."""
    if outcome.forward and standing.status == "held":
        yield "held"
    if outcome.forward and standing.status == "gone":
        yield "gone"
    if wish.action == "visit" and outcome.forward and standing.status == "below":
        if role != "planner":
            yield "not_listed"
        elif wish.reason != "family_asked":
            yield "override_reason"


def target(outcome: Outcome, standing: Standing) -> str:
    """The state that follows."""
    return standing.state_before or WAITING if outcome.to == BACK else outcome.to
