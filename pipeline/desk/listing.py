"""The list: filters, keyset paging in order of rank, columns, search by the beginning of an id or a name."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from django.conf import settings
from django.db import connection
from django.db.models import Model, Q, QuerySet

from pipeline.desk import scope, workflow
from pipeline.desk.models import Account, Case, Family
from pipeline.desk.published import current
from pipeline.desk.texts import typed

M = TypeVar("M", bound=Model)
STATUSES = ("listed", "held", "below")
CHANGES = ("entered", "left")
EQUAL = {
    "regency": "regency_code", "district": "district_code", "village": "village_code", "facilitator": "facilitator_id",
    "segment": "segment", "pathway": "pathway", "band": "band", "change": "change",
}  # fmt: skip
COLUMNS = (
    "name",
    "village",
    "facilitator",
    "chance",
    "range",
    "pathway",
    "state",
    "flags",
    "phase",
    "segment",
    "change",
)
USUAL = ("name", "village", "facilitator", "chance", "pathway", "state", "flags")
LONGEST = 64
END = "\U0010ffff"


@dataclass(frozen=True)
class Page:
    """One page of rows; `after` is where the next begins, None at the end."""

    rows: list[Family]
    after: int | None


def beginning(field: str, start: str) -> Q:
    """Values that begin with `start`, along the index."""
    if connection.vendor == "sqlite":
        return Q(**{f"{field}__gte": start, f"{field}__lt": start + END})
    return Q(**{f"{field}__startswith": start})


def chosen(asked: Mapping[str, str]) -> dict[str, str]:
    """The filters that mean something, cut to a length; `status` is `listed` where none is asked for."""
    known = (*EQUAL, "status", "state", "borderline")
    found = {k: v for k in known if (v := typed(asked.get(k, ""), LONGEST))}
    found.setdefault("status", "listed")
    return found


def filtered(account: Account, filters: Mapping[str, str]) -> "QuerySet[Family]":
    """Families of the account that pass the filters."""
    rows = scope.families(account)
    rows = rows.filter(**{EQUAL[k]: v for k, v in filters.items() if k in EQUAL})
    if filters.get("status") in STATUSES:
        rows = rows.filter(status=filters["status"])
    if filters.get("borderline"):
        rows = rows.filter(borderline=True)
    return _in_state(rows, account, filters.get("state", ""))


def _in_state(rows: "QuerySet[Family]", account: Account, state: str) -> "QuerySet[Family]":
    """A family without a case waits for its first visit."""
    if state not in workflow.STATES:
        return rows
    cases = scope.cases(account)
    if state == workflow.WAITING:
        return rows.exclude(kpm_id__in=cases.exclude(state=state).values("kpm_id"))
    return rows.filter(kpm_id__in=cases.filter(state=state).values("kpm_id"))


def page(rows: "QuerySet[Family]", after: str) -> Page:
    """The rows after a place, in order of it."""
    size = settings.DESK.page_rows
    start = int(after) if after.isascii() and after.isdigit() and len(after) < 16 else -1
    found = list(rows.filter(place__gt=start).order_by("place")[: size + 1])
    return Page(found[:size], found[size - 1].place if len(found) > size else None)


def search(account: Account, words: str) -> list[Family]:
    """Families whose id or caretaker's name begins with the words; names only for who may read them."""
    asked = typed(words, LONGEST)
    if not asked:
        return []
    size, mine = settings.DESK.page_rows, scope.families(account)
    by_id = mine.filter(beginning("kpm_id", asked.upper())).order_by("kpm_id")[:size]
    named = scope.identities(account).filter(beginning("name_key", asked.casefold()))
    ids = list(named.order_by("name_key").values_list("kpm_id", flat=True)[:size])
    by_name = mine.filter(kpm_id__in=ids).order_by("place")
    found = {f.kpm_id: f for f in (*by_id, *by_name)}
    return list(found.values())[:size]


def described(account: Account, rows: Iterable[Family]) -> list[dict[str, Any]]:
    """Rows with name and state of the case."""
    found = list(rows)
    ids = [f.kpm_id for f in found]
    names = scope.names(account, ids)
    states = dict(Case.objects.filter(kpm_id__in=ids).values_list("kpm_id", "state"))
    return [
        {"family": f, "name": names.get(f.kpm_id, ""), "state": states.get(f.kpm_id, ""),
         "holds": [h for h in f.holds.split(";") if h]}
        for f in found
    ]  # fmt: skip


_options: dict[tuple[Any, ...], dict[str, Any]] = {}


def options(account: Account, filters: Mapping[str, str]) -> dict[str, Any]:
    """What the filters offer within the account's scope; kept as long as the bundle is shown."""
    shown = current()
    key = (
        shown.number,
        account.role,
        account.area,
        account.facilitator_id,
        filters.get("regency"),
        filters.get("district"),
    )
    if key not in _options:
        if len(_options) > 500:
            _options.clear()
        _options[key] = _found_options(account, filters)
    return _options[key]


def _found_options(account: Account, filters: Mapping[str, str]) -> dict[str, Any]:
    """Districts of one regency, villages of one district: a nation's would help nobody."""
    shown = current()
    regencies = scope.regency_codes(account)
    one = filters.get("regency") or (regencies[0] if len(regencies) == 1 else "")
    found: dict[str, Any] = {
        "regency": [(c, shown.words["regencies"][c]["name"]) for c in regencies] if len(regencies) > 1 else [],
        "segment": list(shown.words["segments"]), "pathway": list(shown.words.get("pathways", {})),
        "band": shown.words["bands"], "district": [], "village": [], "facilitator": [],
    }  # fmt: skip
    districts = scope.districts(account, one) if one else []
    chosen_district = [d for d in districts if d["district_code"] == filters.get("district")]
    found["district"] = [(d["district_code"], d["name"]) for d in districts]
    found["village"] = [v for d in chosen_district for v in d["villages"]]
    found["facilitator"] = sorted({f for d in chosen_district or districts for f in d["facilitators"]})
    return found
