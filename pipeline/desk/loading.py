"""Load a bundle: all of it is shown in one atomic step, or nothing. Decisions are never touched, and never wait."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone

from pipeline.desk import bundle as files
from pipeline.desk import chain, places
from pipeline.desk.bundle import Bundle, Refused
from pipeline.desk.models import Bundle as Loaded
from pipeline.desk.models import Case, Change, Detail, Family, Identity, LoadAttempt, Regency
from pipeline.desk.published import packed

PUBLISHED = (Family, Detail, Identity, Change, Regency)
SIZE, CARRIED, GONE = 2000, 500, "gone"
SECTIONS = ("reasons", "contributions", "history", "lifecycle", "endings", "moves")
OWN = (
    "pathway_id", "pathway_en", "waiting_for", "flags", "last_component_ends_on", "loses_a_year", "loses_in_years",
    "keeps_pbi_a_year", "sembako_a_year", "components", "caretaker_age", "members", "enrolled_months", "base_value",
)  # fmt: skip


def load(folder: Path) -> Loaded:
    """Check the bundle and show it; Refused, and recorded as such, where it is older, altered or foreign."""
    try:
        found = files.opened(folder, trusted())
        _newer(found)
        loaded = _replace(found)
    except Refused as error:
        LoadAttempt.objects.create(
            at=timezone.now(), number=error.number, problem=error.problem, detail=error.detail[:300]
        )
        chain.append("load_refused", {"problem": error.problem, "detail": error.detail[:300], "number": error.number})
        raise
    return loaded


def trusted() -> str | None:
    """The fingerprint of the key whose bundles are shown: that of the first bundle ever loaded; None before it."""
    first = Loaded.objects.order_by("-number").first()
    return first.key_sha256 if first else None


def _newer(found: Bundle) -> None:
    shown = Loaded.objects.order_by("-number").first()
    if shown is None or found.number > shown.number:
        return
    if (found.number, found.manifest_sha256) == (shown.number, shown.manifest_sha256):
        raise Refused("same_number", str(found.number), found.number)
    kind = "number_reused" if found.number == shown.number else "older"
    raise Refused(kind, f"{found.number} < {shown.number}" if kind == "older" else str(found.number), found.number)


def _replace(found: Bundle) -> Loaded:
    """All published rows anew. They are written beside the old ones, a batch a transaction, so that decisions go on
    meanwhile; one short transaction at the end shows them. The rows of the bundle before stay for readers under way.
    """
    for model in PUBLISHED:
        _without(model, Q(number__gte=found.number))  # what a load that was cut short left behind
    with files.unmoved(found.folder, found.manifest_sha256):
        changed = {r["kpm_id"]: r for rows in found.rows("changes.parquet") for r in rows}
        _keep(Change, found.number, (_change(r) for r in changed.values()))
        for regency in found.regencies():
            rows = [r for batch in found.rows(f"candidates/{regency}.parquet") for r in batch]
            families = [_family(r, changed) for r in rows]
            districts = places.counted({c: getattr(f, c) for c in places.READ} for f in families)
            _keep(Regency, found.number, iter([Regency(code=regency, districts=districts)]))
            _keep(Family, found.number, iter(families))
            _keep(Detail, found.number, _details(found, regency, rows))
            _keep(Identity, found.number, _identities(found, regency))
        _carry(found.number)
    loaded = _show(found)
    kept = Loaded.objects.order_by("-number").values_list("number", flat=True)[:2]
    for model in PUBLISHED:
        _without(model, Q(number__lt=min(kept)))
    know_the_tables()
    return loaded


def know_the_tables() -> None:
    """Let the database look at what its tables hold now: without it a plan may walk a whole nation for one regency."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("PRAGMA analysis_limit = 2000")
        cursor.execute("ANALYZE")


def _carry(number: int) -> None:
    """Families with a case that the new bundle does not hold stay in sight as `gone`: an objection must be answered."""
    shown = Loaded.objects.order_by("-number").first()
    if shown is None:
        return
    there = Family.objects.filter(number=number).values("kpm_id")
    missing = list(Case.objects.exclude(kpm_id__in=there).values_list("kpm_id", flat=True))
    carried: tuple[type[Any], ...] = (Family, Detail, Identity)
    for model in carried:
        for start in range(0, len(missing), CARRIED):
            rows = list(model.objects.filter(number=shown.number, kpm_id__in=missing[start : start + CARRIED]))
            for row in rows:
                row.pk, row.number = None, number
                if isinstance(row, Family):
                    row.status, row.change = GONE, ""
            model.objects.bulk_create(rows)


@transaction.atomic
def _show(found: Bundle) -> Loaded:
    """The one atomic step: from here on every page shows the new bundle."""
    loaded = _record(found)
    LoadAttempt.objects.create(at=timezone.now(), number=found.number)
    chain.append("load", {"number": found.number, "manifest": found.manifest_sha256, "key": found.key_sha256})
    return loaded


def _without(model: type[Any], rows: Q) -> None:
    """Delete in small transactions, so that no writer waits long."""
    while ids := list(model.objects.filter(rows).values_list("pk", flat=True)[:SIZE]):
        model.objects.filter(pk__in=ids)._raw_delete(using=model.objects.db)


def _keep(model: type[Any], number: int, rows: Iterator[Any]) -> None:
    batch = []
    for row in rows:
        row.number = number
        batch.append(row)
        if len(batch) == SIZE:
            model.objects.bulk_create(batch)
            batch = []
    model.objects.bulk_create(batch)


def _record(found: Bundle) -> Loaded:
    m = found.manifest
    facts = {k: v for k, v in m.items() if k != "files"}
    return Loaded.objects.create(
        number=found.number, manifest_sha256=found.manifest_sha256, key_sha256=found.key_sha256,
        as_of=date.fromisoformat(m["as_of"]), lineage=m["lineage"], simulated=bool(m["simulated"]),
        facts={**facts, "lineage_facts": found.json("lineage.json")}, words=found.json("words.json"),
        loaded_at=timezone.now(),
    )  # fmt: skip


def _text(value: Any) -> str:
    return "" if value is None or value != value else str(value)


def _family(row: dict[str, Any], changed: dict[str, Any]) -> Family:
    texts = (
        "kpm_id", "regency_code", "district_code", "district_name", "village_code", "village_name", "facilitator_id",
        "status", "band", "segment", "phase", "pathway", "holds",
    )  # fmt: skip
    whole = {
        k: None if row[k] is None or row[k] != row[k] else int(row[k])
        for k in ("rank_in_regency", "rank_in_facilitator")
    }
    return Family(
        place=int(row["rank"]),
        borderline=bool(row["borderline"]),
        change=changed.get(row["kpm_id"], {}).get("change", ""),
        **{k: _text(row[k]) for k in texts},
        **whole,
        **{k: float(row[k]) for k in ("probability", "lower", "upper")},
    )


def _change(row: dict[str, Any]) -> Change:
    return Change(**{k: _text(row[k]) for k in ("kpm_id", "change", "why", "regency_code", "facilitator_id")})


def _details(found: Bundle, regency: str, rows: list[dict[str, Any]]) -> Iterator[Detail]:
    """Each family's sections put together; one regency is small."""
    parts: dict[str, dict[str, list[Any]]] = {s: defaultdict(list) for s in SECTIONS}
    for section, of_family in parts.items():
        for batch in found.rows(f"{section}/{regency}.parquet"):
            for row in batch:
                of_family[row.pop("kpm_id")].append({k: _json(v) for k, v in row.items()})
    for row in rows:
        own = {k: _json(row.get(k)) for k in OWN}
        sections = {s: of_family.get(row["kpm_id"], []) for s, of_family in parts.items()}
        yield Detail(kpm_id=row["kpm_id"], body=packed({**own, **sections}))


def _json(value: Any) -> Any:
    if value is None or value != value:
        return None
    return value.isoformat()[:10] if hasattr(value, "isoformat") else value


def _identities(found: Bundle, regency: str) -> Iterator[Identity]:
    for batch in found.rows(f"identity/{regency}.parquet"):
        for row in batch:
            name = _text(row["name"])
            yield Identity(
                kpm_id=row["kpm_id"], regency_code=regency, name=name, name_key=name.casefold()[:200],
                nik=_text(row["nik"]), family_card_no=_text(row["family_card_no"]),
            )  # fmt: skip
