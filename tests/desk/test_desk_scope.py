"""What each account sees of each kind of row: by hand, with rows of another bundle beside that nobody may see."""

from datetime import timedelta

import bundles
import pytest
from bundles import kpm
from django.db import connection
from django.db.models import Q
from django.http import Http404
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from pipeline.desk import scope
from pipeline.desk.models import Account, Case, Change, Family, Identity, Regency, Release

EVERY = [(r, n) for r in bundles.REGENCIES for n in range(bundles.PER_REGENCY)]
# Of family n of a regency: the district is 01 where n is even, 02 where it is odd; the facilitator is n modulo 3.
SEES = {
    "planner": lambda r, n: r == "3315", "planner2": lambda r, n: r == "3509",
    "reviewer": lambda r, n: r == "3315" and n % 2 == 0, "facilitator": lambda r, n: r == "3315" and n % 3 == 0,
    "officer": lambda r, n: True, "auditor": lambda r, n: True, "administrator": lambda r, n: False,
}  # fmt: skip
NAMED = ("planner", "planner2", "reviewer", "facilitator", "officer")


def expected(name):
    return {kpm(r, n) for r, n in EVERY if SEES[name](r, n)}


def ids(rows):
    found = list(rows.values_list("kpm_id", flat=True))
    assert len(found) == len(set(found))
    return set(found)


def copied(row, **changes):
    row.pk = None
    for name, value in changes.items():
        setattr(row, name, value)
    row.save()


def opened(family, regency, facilitator, state="visited"):
    now = timezone.now()
    Case.objects.create(kpm_id=family, regency_code=regency, district_code=f"{regency}01", facilitator_id=facilitator,
                        state=state, changed_at=now, opened_at=now)  # fmt: skip


@pytest.fixture
def older(desk):
    """Of each kind a row of a bundle that is not shown, in everybody's area."""
    for model, name in ((Family, "K3315900"), (Identity, "K3315900")):
        copied(model.objects.get(kpm_id=kpm("3315", 0)), number=99, kpm_id=name)
    copied(Regency.objects.get(code="3315"), number=99, code="3316")
    Change.objects.create(number=99, kpm_id="K3315900", change="entered", why="entered_new", regency_code="3315",
                          facilitator_id="F33150")  # fmt: skip


@pytest.fixture
def moved(older):
    """A change of every family; of the one that left, nobody knows the district."""
    Change.objects.filter(number=1).exclude(kpm_id="K3315999").delete()
    for r, n in EVERY:
        Change.objects.create(number=1, kpm_id=kpm(r, n), change="entered", why="entered_new", regency_code=r,
                              facilitator_id=f"F{r}{n % 3}")  # fmt: skip


@pytest.mark.parametrize("name", SEES)
def test_families(person, older, name):
    assert ids(scope.families(person(name))) == expected(name)


@pytest.mark.parametrize("name", SEES)
def test_cases(person, older, name):
    """A case stays when its family has left the bundle; a facilitator's stay whether the list is released or not."""
    for r, n in EVERY:
        opened(kpm(r, n), r, f"F{r}{n % 3}")
        Case.objects.filter(kpm_id=kpm(r, n)).update(district_code=f"{r}0{n % 2 + 1}")
    Release.objects.all().delete()
    assert ids(scope.cases(person(name))) == expected(name)


@pytest.mark.parametrize("name", SEES)
def test_changes(person, moved, name):
    gone = {"K3315999"} if name in ("planner", "facilitator", "officer", "auditor") else set()
    assert ids(scope.changes(person(name))) == expected(name) | gone


@pytest.mark.parametrize("name", SEES)
def test_names(person, older, name):
    own = expected(name) if name in NAMED else set()
    assert ids(scope.identities(person(name))) == own
    asked = [kpm("3315", 0), kpm("3315", 1), kpm("3509", 0)]
    told = scope.names(person(name), asked)
    assert told == {k: Identity.objects.get(kpm_id=k).name for k in asked if k in own}


def test_a_facilitator_sees_families_and_changes_of_released_lists_and_cases_under_way(person, moved):
    account = person("facilitator")
    account.facilitator_id = "F35090"
    assert ids(scope.families(account)) == ids(scope.changes(account)) == ids(scope.identities(account)) == set()
    assert scope.regency_codes(account) == []
    assert scope.districts(account, "3509") == []
    opened(kpm("3509", 3), "3509", "F35090")
    opened(kpm("3509", 1), "3509", "F35091")
    assert ids(scope.families(account)) == ids(scope.changes(account)) == {kpm("3509", 3)}
    assert ids(scope.identities(account)) == {kpm("3509", 3)}
    assert scope.regency_codes(account) == ["3509"]
    assert [(d["district_code"], d["active"]) for d in scope.districts(account, "3509")] == [("350902", 1)]


def test_a_facilitator_without_a_number_and_accounts_with_another_area_see_nobody(person, older):
    Family.objects.filter(kpm_id=kpm("3315", 1)).update(facilitator_id="")
    for role, area in (("facilitator", ""), ("planner", "33"), ("planner", ""), ("district_reviewer", "3315"),
                       ("district_reviewer", ""), ("nobody", "3315"), ("planner", "331501"), ("nobody", "331501"),
                       ("administrator", "331501")):  # fmt: skip
        account = Account(username="x", role=role, area=area, facilitator_id="")
        assert scope.inside(account) == scope.inside(account, area=False) == Q(pk__in=[]), (role, area)
        assert ids(scope.families(account)) == ids(scope.identities(account)) == set(), (role, area)


def test_a_province_is_the_beginning_of_its_codes(person, older):
    for name in ("officer", "auditor"):
        account = person(name)
        account.area = "35"
        assert ids(scope.families(account)) == expected("planner2")
        assert scope.regency_codes(account) == ["3509"]
        assert scope.listed(account) == {"3509": 12}


def test_of_rows_without_a_district_a_reviewer_sees_the_regency(person):
    assert scope.inside(person("reviewer")) == Q(district_code="331501")
    assert scope.inside(person("reviewer"), area=False) == Q(regency_code="3315")
    assert scope.inside(person("planner"), area=False) == scope.inside(person("planner")) == Q(regency_code="3315")


def test_a_list_is_released_by_two_until_it_expires_and_in_its_own_bundle(person, older):
    today, now, planner = timezone.localdate(), timezone.now(), person("planner2")
    Release.objects.filter(regency_code="3315").update(expires_on=today)
    assert scope.released_regencies() == {"3315"}, "the last day counts"
    made = Release.objects.create(regency_code="3509", number=1, proposed_by=planner, proposed_at=now,
                                  expires_on=today + timedelta(days=1))  # fmt: skip
    assert scope.released_regencies() == {"3315"}, "one person alone"
    for changes, released in (({"released_at": now}, {"3315", "3509"}), ({"number": 2}, {"3315"}),
                              ({"number": 1, "expires_on": today - timedelta(days=1)}, {"3315"})):  # fmt: skip
        Release.objects.filter(pk=made.pk).update(**changes)
        assert scope.released_regencies() == released


def test_a_family_that_is_not_the_accounts_is_not_there(person, older):
    planner, own = person("planner"), kpm("3315", 4)
    assert scope.family(planner, own).kpm_id == own
    for other in (kpm("3509", 0), "K3315900", "nobody", f"{own}\x00", ""):
        with pytest.raises(Http404):
            scope.family(planner, other)


def test_the_database_is_not_asked_for_what_none_can_hold(person):
    """PostgreSQL has no text with a NUL, and ends with an error."""
    planner, asked = person("planner"), f"{kpm('3315', 4)}\x00"
    with CaptureQueriesContext(connection) as queries, pytest.raises(Http404):
        scope.family(planner, asked)
    assert len(queries) == 0


def test_an_auditor_reads_the_identity_that_was_published(person, older):
    auditor, own = person("auditor"), kpm("3315", 4)
    shown = Identity.objects.get(kpm_id=own)
    Identity.objects.filter(pk=shown.pk).update(number=99, name="of an older bundle")
    copied(shown)
    assert scope.identity(auditor, own).name == "Ibu Contoh 004"
    assert scope.identity(auditor, own).number == 1
    auditor.area = "35"
    with pytest.raises(Http404):
        scope.identity(auditor, own)


def test_lines_of_the_log_outside_an_auditors_area(person, older):
    auditor, own, foreign, gone = person("auditor"), kpm("3315", 4), kpm("3509", 4), "K3315777"
    opened(gone, "3315", "F33150")
    opened("K3509777", "3509", "F35090")
    told = [
        ({"family": own}, False), ({"family": foreign}, True), ({"family": gone}, False), ({"family": "K3509777"}, True),
        ({"family": ""}, False), ({}, False), ({"regency": "3315"}, False), ({"regency": "3509"}, True),
        ({"scope": "3315"}, False), ({"scope": "3509"}, True), ({"scope": "33"}, False), ({"scope": ""}, False),
        ({"family": own, "regency": "3509"}, True), ({"family": own, "regency": "3315"}, False),
        ({"family": foreign, "regency": "3315"}, True), ({"regency": "3315", "scope": "3509"}, False),
        ({"regency": "", "scope": "3509"}, True), ({"family": "nobody"}, True),
    ]  # fmt: skip
    bodies = [b for b, _ in told]
    assert scope.elsewhere(auditor, bodies) == [False] * len(told), "the whole country"
    auditor.area = "33"
    assert scope.elsewhere(auditor, bodies) == [outside for _, outside in told]


@pytest.mark.parametrize(("name", "codes"), [
    ("planner", ["3315"]), ("planner2", ["3509"]), ("reviewer", ["3315"]), ("facilitator", ["3315"]),
    ("officer", ["3315", "3509"]), ("auditor", ["3315", "3509"]), ("administrator", []),
])  # fmt: skip
def test_regencies(person, older, name, codes):
    account = person(name)
    assert scope.regency_codes(account) == codes
    assert {code: scope.regency(account, code) for code in codes} == {code: code for code in codes}
    for code in {"3315", "3509", "33", "9999"} - set(codes):
        with pytest.raises(Http404):
            scope.regency(account, code)
    assert scope.listed(account) == dict.fromkeys(codes, 12)  # families 0 to 11 are listed


@pytest.mark.parametrize(("name", "active"), [
    # 15 of the thirty families are even, 15 odd; of 0, 3 .. 27 five each.
    ("planner", {"331501": 15, "331502": 15}), ("officer", {"331501": 15, "331502": 15}), ("reviewer", {"331501": 15}),
    ("facilitator", {"331501": 5, "331502": 5}), ("planner2", {}), ("administrator", {}),
])  # fmt: skip
def test_districts(person, older, name, active):
    assert {d["district_code"]: d["active"] for d in scope.districts(person(name), "3315")} == active


def test_a_regency_that_the_bundle_does_not_tell_has_no_districts(person, older):
    Regency.objects.filter(number=1, code="3315").update(number=99)
    assert scope.districts(person("planner"), "3315") == []
    assert scope.listed(person("planner")) == {}


@pytest.mark.parametrize(("route", "method", "role", "may"), [
    ("list", "GET", "auditor", True), ("list", "HEAD", "auditor", True), ("head", "HEAD", "planner", False),
    ("release", "POST", "planner", True), ("release", "GET", "planner", False), ("release", "HEAD", "planner", False),
    ("decide", "POST", "auditor", False), ("nothing", "GET", "planner", False), (None, "GET", "planner", False),
    ("list", "DELETE", "planner", False), ("list", "GET", "nobody", False), ("", "GET", "planner", False),
])  # fmt: skip
def test_what_is_not_in_the_table_is_refused(route, method, role, may):
    assert scope.allowed(route, method, role) is may
