"""The one place that says who may see what: families by account, routes by role.

Views reach published rows and cases only through the functions below; tests make every cell of ROUTES from the URLs.
"""

from collections.abc import Mapping
from typing import Any, TypeVar

from django.db.models import Model, Q, QuerySet
from django.http import Http404
from django.utils import timezone

from pipeline.desk import places
from pipeline.desk.models import (
    ADMINISTRATOR,
    AUDITOR,
    FACILITATOR,
    OFFICER,
    PLANNER,
    REVIEWER,
    ROLES,
    Account,
    Case,
    Change,
    Family,
    Identity,
    Regency,
    Release,
)
from pipeline.desk.published import current

M = TypeVar("M", bound=Model)
EVERYBODY = frozenset(ROLES)
ANYBODY = frozenset({*ROLES, "anonymous"})
READERS = frozenset({FACILITATOR, REVIEWER, PLANNER, OFFICER, AUDITOR})
DECIDERS = frozenset({FACILITATOR, REVIEWER, PLANNER, OFFICER})
NAMED = DECIDERS
EXPORTERS = frozenset({FACILITATOR, REVIEWER, PLANNER, OFFICER})
RETURNERS = frozenset({FACILITATOR, PLANNER})
RELEASERS = frozenset({PLANNER, OFFICER})
AUDITORS = frozenset({AUDITOR})
ADMINISTRATORS = frozenset({ADMINISTRATOR})
REGENCY, DISTRICT = 4, 6

ROUTES: Mapping[str, Mapping[str, frozenset[str]]] = {
    "login": {"GET": ANYBODY, "POST": ANYBODY},
    "logout": {"POST": ANYBODY},
    "everywhere": {"POST": EVERYBODY},
    "password": {"GET": EVERYBODY, "POST": EVERYBODY},
    "language": {"POST": ANYBODY},
    "about": {"GET": EVERYBODY},
    "work": {"GET": EVERYBODY},
    "list": {"GET": READERS, "POST": READERS},
    "family": {"GET": READERS},
    "decide": {"GET": DECIDERS, "POST": DECIDERS},
    "minutes": {"GET": DECIDERS},
    "regencies": {"GET": READERS},
    "regency": {"GET": READERS},
    "release": {"POST": RELEASERS},
    "export": {"GET": EXPORTERS, "POST": EXPORTERS},
    "sheets": {"POST": EXPORTERS},
    "return": {"GET": RETURNERS, "POST": RETURNERS},
    "accept": {"POST": RETURNERS},
    "accounts": {"GET": ADMINISTRATORS, "POST": ADMINISTRATORS},
    "account": {"GET": ADMINISTRATORS, "POST": ADMINISTRATORS},
    "audit": {"GET": AUDITORS},
    "question": {"GET": AUDITORS},
    "log": {"GET": AUDITORS},
    "head": {"GET": AUDITORS},
    "identity": {"GET": AUDITORS, "POST": AUDITORS},
    "extract": {"GET": AUDITORS | frozenset({OFFICER})},
}
"""Every route by name and method, with the roles that may use it. What is not here is refused to everybody."""


def allowed(route: str | None, method: str, role: str) -> bool:
    """Whether a role may use a route; HEAD is GET."""
    verb = "GET" if method == "HEAD" else method
    return role in ROUTES.get(route or "", {}).get(verb, frozenset())


def inside(account: Account, *, area: bool = True) -> Q:
    """The condition on rows with regency_code, district_code and facilitator_id that the account may see.

    `area` False: rows that know no district.
    """
    if account.role == FACILITATOR:
        return Q(facilitator_id=account.facilitator_id) if account.facilitator_id else Q(pk__in=[])
    if account.role in (OFFICER, AUDITOR):
        return Q(regency_code__startswith=account.area) if account.area else Q()
    if account.role == PLANNER and len(account.area) == REGENCY:
        return Q(regency_code=account.area)
    if account.role == REVIEWER and len(account.area) == DISTRICT:
        return Q(district_code=account.area) if area else Q(regency_code=account.area[:REGENCY])
    return Q(pk__in=[])


def released_regencies() -> set[str]:
    """Regencies whose list of the shown bundle two people have released, and that has not expired."""
    found = Release.objects.filter(
        number=current().number, released_at__isnull=False, expires_on__gte=timezone.localdate()
    )
    return set(found.values_list("regency_code", flat=True))


def _only_released(rows: "QuerySet[M]", account: Account) -> "QuerySet[M]":
    """A facilitator sees a list once it is released; a family whose case is under way stays in sight whatever comes."""
    if account.role != FACILITATOR:
        return rows
    under_way = Case.objects.filter(facilitator_id=account.facilitator_id).values("kpm_id")
    return rows.filter(Q(regency_code__in=released_regencies()) | Q(kpm_id__in=under_way))


def families(account: Account) -> "QuerySet[Family]":
    """Published families that the account may see; a facilitator sees its own once the list is released."""
    return _only_released(Family.objects.filter(inside(account), number=current().number), account)


def cases(account: Account) -> "QuerySet[Case]":
    """Cases that the account may see."""
    return Case.objects.filter(inside(account))


def changes(account: Account) -> "QuerySet[Change]":
    """Families that entered or left a list; for a district reviewer those that are still in its district."""
    rows = Change.objects.filter(inside(account, area=False), number=current().number)
    if account.role == REVIEWER:
        rows = rows.filter(kpm_id__in=families(account).values("kpm_id"))
    return _only_released(rows, account)


def identities(account: Account) -> "QuerySet[Identity]":
    """Names that the account may read without being asked why."""
    if account.role not in NAMED:
        return Identity.objects.none()
    rows = Identity.objects.filter(number=current().number)
    if account.role in (PLANNER, OFFICER):
        return rows.filter(inside(account, area=False))
    return rows.filter(kpm_id__in=families(account).values("kpm_id"))


def identity(account: Account, kpm_id: str) -> Identity | None:
    """A family's identity for an auditor who has written down why; Http404 outside the account's scope."""
    found = family(account, kpm_id)
    return Identity.objects.filter(number=found.number, kpm_id=found.kpm_id).first()


def family(account: Account, kpm_id: str) -> Family:
    """The published family; Http404 for one that is not there, or not the account's: nobody learns which."""
    found = families(account).filter(kpm_id=kpm_id).first() if "\x00" not in kpm_id else None
    if found is None:
        raise Http404
    return found


def names(account: Account, kpm_ids: list[str]) -> dict[str, str]:
    """Names by family; empty for who may not read them."""
    return dict(identities(account).filter(kpm_id__in=kpm_ids).values_list("kpm_id", "name"))


def elsewhere(account: Account, bodies: list[dict[str, Any]]) -> list[bool]:
    """Of lines of the log, whether each tells of a family, regency or export outside an auditor's area."""
    if not account.area:
        return [False] * len(bodies)
    asked = [str(b["family"]) for b in bodies if "family" in b]
    rows: tuple[QuerySet[Any], ...] = (families(account), cases(account))
    mine = {k for r in rows for k in r.filter(kpm_id__in=asked).values_list("kpm_id", flat=True)}
    places = [str(b.get("regency") or b.get("scope") or account.area) for b in bodies]
    return [
        b.get("family", "") not in {*mine, ""} or not place.startswith(account.area)
        for b, place in zip(bodies, places, strict=True)
    ]


def regency_codes(account: Account) -> list[str]:
    """Regencies of the shown bundle in which the account may see something, in order of the code."""
    known: dict[str, Any] = current().words["regencies"]
    if account.role == FACILITATOR:
        return sorted(set(families(account).values_list("regency_code", flat=True)))
    if account.role in (PLANNER, REVIEWER):
        return [c for c in known if c == account.area[:REGENCY]]
    if account.role in (OFFICER, AUDITOR):
        return sorted(c for c in known if c.startswith(account.area))
    return []


def regency(account: Account, code: str) -> str:
    """The code; Http404 for one outside the account's area."""
    if code not in regency_codes(account):
        raise Http404
    return code


def districts(account: Account, code: str) -> list[dict[str, Any]]:
    """Districts of a regency within the account's scope, as places.counted tells them."""
    if account.role == FACILITATOR:
        return places.counted(families(account).filter(regency_code=code).values(*places.READ))
    if code not in regency_codes(account):
        return []
    row = Regency.objects.filter(number=current().number, code=code).first()
    found: list[dict[str, Any]] = row.districts if row else []
    return [d for d in found if account.role != REVIEWER or d["district_code"] == account.area]


def listed(account: Account) -> dict[str, int]:
    """Families on the list by regency, within an account's whole regencies."""
    rows = Regency.objects.filter(number=current().number, code__in=regency_codes(account))
    return {r.code: sum(d["listed"] for d in r.districts) for r in rows}
