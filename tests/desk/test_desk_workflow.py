"""Laws of the workflow: by hand, over all standings, and over random walks."""

import itertools
import random

import pytest
import walks
from bundles import kpm
from django.db.models import QuerySet
from walks import AFTER, WAY, record, walk, wish

from pipeline.desk import decisions, workflow
from pipeline.desk.decisions import Against, Form, Stale
from pipeline.desk.models import ROLES, Account, Case, Correction, Entry, Family, Step
from pipeline.desk.workflow import ACTIONS, OPEN, Standing

FAMILY, HELD, BELOW = (
    kpm("3315", 0),
    kpm("3315", 12),
    kpm("3315", 18),
)  # of district 01 and facilitator F33150 all three


def standing(state="waiting", **changes):
    whole = {"state_before": "", "status": "listed", "released": True, "recorded_by": frozenset()}
    return Standing(state, **{**whole, **changes})


def against(*arguments, **changes):
    with pytest.raises(Against) as error:
        record(*arguments, **changes)
    return error.value.codes


# ------------------------------------------------------------------ the table itself


def test_every_state_but_the_first_can_be_reached_and_every_open_one_left():
    reached = {o.to for a in ACTIONS.values() for o in a.outcomes.values()}
    assert set(workflow.STATES) <= reached | {workflow.WAITING}
    assert {s for a in ACTIONS.values() for s in a.states} >= set(OPEN) | {
        "objected",
        "correcting",
        "postponed",
        "refused",
    }


def test_the_way_to_a_proposal_is_the_fields():
    """visit, district check, assessment, meeting, statement, second person: taking one away makes `proposed` unreachable."""
    forward = {(s, o.to) for a in ACTIONS.values() for s in a.states for o in a.outcomes.values() if o.forward}
    assert forward == set(itertools.pairwise(("waiting", *AFTER)))


def test_only_forward_outcomes_lead_towards_an_exit():
    order = {s: n for n, s in enumerate(("waiting", *AFTER))}
    for action in ACTIONS.values():
        for outcome in action.outcomes.values():
            rises = any(s in order and outcome.to in order and order[outcome.to] > order[s] for s in action.states)
            assert rises == outcome.forward


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("status", ["held", "gone"])
def test_a_held_family_takes_no_step_towards_an_exit(action, status):
    for name, outcome in ACTIONS[action].outcomes.items():
        for state, role in itertools.product(ACTIONS[action].states, ACTIONS[action].roles):
            codes = workflow.complaints(wish(action, name), role, "x", standing(state, status=status))
            assert (status in codes) == outcome.forward


@pytest.mark.parametrize("action", ACTIONS)
def test_an_action_is_for_its_roles_and_states_alone(action):
    for role, state in itertools.product(ROLES, workflow.STATES):
        may = role in ACTIONS[action].roles and state in ACTIONS[action].states
        assert (workflow.forbidden(action, role, "x", standing(state)) == "") == may


def test_auditors_and_administrators_decide_nothing():
    assert all(not {"auditor", "administrator"} & set(a.roles) for a in ACTIONS.values())


def test_a_refusal_and_an_objection_need_no_reason_and_are_open_to_all_who_meet_families():
    for action in ("refusal", "objection"):
        assert set(ACTIONS[action].roles) == {"facilitator", "district_reviewer", "planner", "officer"}
        assert all(o.reasons == () for o in ACTIONS[action].outcomes.values())
        assert set(OPEN) <= set(ACTIONS[action].states)
    assert workflow.complaints(wish("refusal", "refuses", note=""), "facilitator", "x", standing("met")) == []


# ------------------------------------------------------------------ one family's way


def test_the_whole_way(desk):
    states = [record(name, FAMILY, action, outcome).state_to for name, action, outcome in WAY]
    assert tuple(states) == AFTER
    assert Case.objects.get().version == 6
    assert [e.kind for e in Entry.objects.order_by("seq") if e.kind == "step"] == ["step"] * 6


@pytest.mark.parametrize("dimension", workflow.DIMENSIONS)
@pytest.mark.parametrize("answer", ["not_met", "unsure"])
def test_one_dimension_that_is_not_met_stops_the_assessment(desk, dimension, answer):
    walk(FAMILY, 2)
    found = against("planner", FAMILY, "assessment", "meets", dimensions={**walks.ALL_MET, dimension: answer})
    assert found == ["dimensions_met"]
    assert (
        record("planner", FAMILY, "assessment", "not_yet", dimensions={**walks.ALL_MET, dimension: answer}).state_to
        == "postponed"
    )


@pytest.mark.parametrize(("steps", "action", "outcome", "documents"), [
    (0, "visit", "fit", ()), (2, "assessment", "meets", ("visit_form",)), (3, "village_meeting", "recommends", ("minutes",)),
    (3, "village_meeting", "recommends", ("attendance",)), (4, "statement", "agrees", ("minutes", "attendance")),
])  # fmt: skip
def test_a_needed_document_that_is_missing_stops_the_step(desk, steps, action, outcome, documents):
    if steps:
        walk(FAMILY, steps)
    name = next(n for n, a, _ in WAY if a == action)
    assert against(name, FAMILY, action, outcome, documents=documents) == ["documents"]


def test_who_recorded_a_step_cannot_confirm_nor_answer(desk):
    walk(FAMILY, 5)
    assert against("planner", FAMILY, "confirm", "agrees") == ["same_person"]
    assert record("second", FAMILY, "confirm", "agrees").state_to == "proposed"
    record("facilitator", FAMILY, "objection", "objects")
    assert against("second", FAMILY, "answer", "upheld") == ["same_person"]
    assert record("officer", FAMILY, "answer", "upheld").state_to == "withdrawn"


def test_a_dismissed_objection_goes_back_to_where_it_was(desk):
    walk(FAMILY, 3)
    assert record("facilitator", FAMILY, "objection", "objects").state_to == "objected"
    assert against("facilitator", FAMILY, "village_meeting", "recommends") == ["state"]
    assert record("officer", FAMILY, "answer", "dismissed").state_to == "assessed"


def test_who_took_an_objection_in_may_still_confirm_another_persons_work(desk):
    walk(FAMILY, 5)
    record("officer", FAMILY, "objection", "objects")
    record("second", FAMILY, "answer", "dismissed")
    assert record("officer", FAMILY, "confirm", "agrees").state_to == "proposed"


def test_wrong_data_become_a_case_of_their_own_and_lead_to_a_fresh_visit(desk):
    walk(FAMILY, 2)
    record("reviewer", FAMILY, "correction", "wrong", reason="income")
    assert Correction.objects.get().state == "open"
    assert against("planner", FAMILY, "assessment", "meets") == ["state"]
    assert record("planner", FAMILY, "corrected", "mended").state_to == "waiting"
    assert Correction.objects.get().state == "mended"


def test_a_refusal_ends_the_round_and_a_new_one_forgets_who_recorded(desk):
    walk(FAMILY, 4)
    assert record("facilitator", FAMILY, "statement", "refuses", note="").state_to == "refused"
    step = record("planner", FAMILY, "reopen", "again")
    assert (step.state_to, step.round) == ("waiting", 2)
    assert decisions.standing(Family.objects.get(kpm_id=FAMILY), Case.objects.get()).recorded_by == {"planner"}


def test_a_held_family_can_refuse_object_and_have_its_data_mended(desk):
    assert against("facilitator", HELD, "visit", "fit") == ["held"]
    assert record("facilitator", HELD, "objection", "objects").state_to == "objected"


def test_a_hold_that_comes_later_stops_a_case_under_way(desk):
    walk(FAMILY, 3)
    Family.objects.filter(kpm_id=FAMILY).update(status="held")
    assert against("facilitator", FAMILY, "village_meeting", "recommends") == ["held"]
    assert record("facilitator", FAMILY, "village_meeting", "not_yet").state_to == "postponed"


def test_a_family_that_is_not_listed_is_taken_on_only_by_its_own_wish_and_that_is_an_override(desk):
    assert against("facilitator", BELOW, "visit", "fit") == ["not_listed"]
    assert against("planner", BELOW, "visit", "fit") == ["override_reason"]
    assert record("planner", BELOW, "visit", "fit", reason="family_asked").override


def test_nothing_is_recorded_before_two_people_released_the_list(desk):
    with pytest.raises(Against, match="not_released"):
        record("planner2", kpm("3509", 0), "visit", "fit")


def test_a_release_needs_two_people(person):
    assert decisions.release(person("planner2"), "3509") == "proposed"
    assert decisions.release(person("planner2"), "3509") == "same_person"
    assert decisions.release(person("officer"), "3509") == "released"
    assert decisions.release(person("officer"), "3509") == "released_before"


def test_a_day_that_has_not_come_is_refused(person):
    form = Form(0, "k" * 20, walks.DAY.replace(year=2999))
    with pytest.raises(Against, match="future"):
        decisions.record(person("facilitator"), FAMILY, wish("visit", "fit"), form)


# ------------------------------------------------------------------ versions and double clicks


def test_a_stale_form_changes_nothing_and_names_who_was_faster(person):
    record("facilitator", FAMILY, "visit", "again")
    with pytest.raises(Stale) as error:
        decisions.record(person("planner"), FAMILY, wish("visit", "fit"), Form(0, "k" * 20, walks.DAY))
    assert error.value.last.account.username == "facilitator"
    assert Step.objects.count() == 1


def test_a_double_click_is_one_step(person):
    form = Form(0, "k" * 20, walks.DAY)
    first = decisions.record(person("planner"), FAMILY, wish("visit", "fit"), form)
    assert decisions.record(person("planner"), FAMILY, wish("visit", "fit"), form) == first
    assert Step.objects.count() == Entry.objects.filter(kind="step").count() == 1


def test_the_second_click_finds_the_step_that_the_first_recorded_meanwhile(person, monkeypatch):
    """The step is not there when it is looked for first; the version has moved when the form is compared."""
    family, form = kpm("3315", 0), Form(0, "k" * 20, walks.DAY)
    first = decisions.record(person("planner"), family, wish("visit", "again"), form)
    found, answers = QuerySet.first, iter([None])
    monkeypatch.setattr(QuerySet, "first", lambda q: next(answers, found(q)) if q.model is Step else found(q))
    assert decisions.record(person("planner"), family, wish("visit", "again"), form) == first
    assert Step.objects.count() == 1


def test_another_persons_key_is_no_double_click(person):
    form = Form(0, "k" * 20, walks.DAY)
    decisions.record(person("planner"), FAMILY, wish("visit", "fit"), form)
    with pytest.raises(Stale):
        decisions.record(person("second"), FAMILY, wish("visit", "fit"), form)


def test_a_page_of_409_shows_the_others_decision_and_what_was_typed(client_of):
    record("facilitator", FAMILY, "visit", "again")
    typed = {
        "version": "0",
        "key": "k" * 20,
        "outcome": "again",
        "reason": "not_home",
        "happened_on": "2025-07-15",
        "note": "my <b>words</b>",
    }
    answer = client_of("planner").post(f"/family/{FAMILY}/visit/", typed)
    page = answer.content.decode()
    assert answer.status_code == 409
    assert "my &lt;b&gt;words&lt;/b&gt;" in page
    assert "<strong>facilitator</strong>" in page
    assert 'name="version" value="1"' in page


# ------------------------------------------------------------------ random walks


@pytest.mark.parametrize("seed", range(6))
def test_no_walk_reaches_a_proposal_without_all_that_it_needs(desk, seed):
    """200 random wishes of everybody about four families: what stands in the record obeys every law."""
    draw = random.Random(seed)
    people = ["planner", "second", "reviewer", "facilitator", "officer"]
    for _ in range(200):
        action = draw.choice(list(ACTIONS))
        outcome = draw.choice(list(ACTIONS[action].outcomes))
        try:
            record(draw.choice(people), draw.choice([FAMILY, kpm("3315", 6), HELD, BELOW]), action, outcome)
        except Against:
            continue
    for step in Step.objects.filter(state_to="proposed"):
        rounds = list(
            Step.objects.filter(case=step.case, round=step.round, version__lte=step.version).order_by("version")
        )
        assert {("visit", "fit"), ("district_check", "complete"), ("assessment", "meets"),
                ("village_meeting", "recommends"), ("statement", "agrees")} <= {(s.action, s.outcome) for s in rounds}  # fmt: skip
        assert step.account_id not in {s.account_id for s in rounds[:-1] if s.action != "objection"}
    assert not Step.objects.filter(case__kpm_id=HELD, state_to__in=AFTER).exists()
    for case in Case.objects.all():
        steps = list(case.steps.order_by("version"))
        assert [s.version for s in steps] == list(range(1, case.version + 1))
        assert [s.state_to for s in steps][-1] == case.state
        assert all(a.state_to == b.state_from for a, b in itertools.pairwise(steps))


def test_random_walks_do_reach_proposals(desk):
    """The law above is about something: the way is found when people act in turn."""
    assert walk(FAMILY).state_to == "proposed"
    assert Account.objects.get(username="officer").role == "officer"
