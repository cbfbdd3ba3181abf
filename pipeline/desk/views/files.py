"""Files that leave and come back: XLSX, PDF; every one is logged, marked with who took it, and within a daily limit."""

import contextlib
import hashlib
import json
import secrets
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.dateparse import parse_date

from pipeline.desk import (
    chain,
    decisions,
    listing,
    numerals,
    papers,
    published,
    returns,
    scope,
    sheets,
    stories,
    summaries,
    workflow,
)
from pipeline.desk.decisions import Against, Form, Stale
from pipeline.desk.models import Account, Case, Export, Family
from pipeline.desk.returns import Filled, Foreign, Problem, Read
from pipeline.desk.sheets import Mark
from pipeline.desk.texts import text
from pipeline.desk.workflow import Wish

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
MOST_SHEETS = 60


# ------------------------------------------------------------------ out


def export(request: HttpRequest) -> HttpResponse:
    """Choose what to take along, or take it."""
    account: Any = request.user
    asked = {k: v for k, v in (request.POST or request.GET).items() if isinstance(v, str)}
    filters = listing.chosen({**asked, "status": "listed"})
    context = {"filters": filters, "options": listing.options(account, filters), "most": settings.DESK.export_rows,
               "mine": Export.objects.filter(account=account).order_by("-id")[:10]}  # fmt: skip
    if request.method == "GET":
        return render(request, "desk/export.html", context)
    rows = listing.filtered(account, filters)
    problem = _too_many(account, rows, settings.DESK.export_rows)
    if problem:
        return render(request, "desk/export.html", {**context, "problem": problem}, status=400)
    mark = _mark(account, filters)
    regency = filters.get("regency") or next(iter(scope.regency_codes(account)), "")
    summary = summaries.districts(account, regency) if regency else []
    language = request.language  # type: ignore[attr-defined]
    content = sheets.workbook(_sheet_rows(account, rows, language), summary, mark, language)
    return _sent(
        account, mark, content, ("list", rows.count(), XLSX, f"calon_graduasi_{_safe(mark.scope)}_{mark.number}.xlsx")
    )


def _safe(name: str) -> str:
    return "".join(c if c.isalnum() else "_" for c in name) or "all"


def _too_many(account: Account, rows: "QuerySet[Family]", most: int) -> str:
    """Why nothing may be taken: too many rows, none, or too many exports today."""
    count = rows[: most + 1].count()
    if not 0 < count <= most:
        return "export_none" if not count else "export_rows"
    today = Export.objects.filter(account=account, at__date=timezone.localdate()).count()
    if today >= settings.DESK.exports_a_day:
        chain.append("export_refused", {"today": today}, account)
        return "export_daily"
    return ""


def _mark(account: Account, filters: dict[str, str]) -> Mark:
    shown = published.current()
    within = "-".join(filters[k] for k in ("regency", "district", "village", "facilitator") if filters.get(k))
    return Mark(
        secrets.token_hex(8), account.username, timezone.now(), shown.number, shown.as_of, shown.lineage,
        within or account.area or account.facilitator_id or "all", shown.simulated, str(shown.facts["manifest_sha256"]),
    )  # fmt: skip


def _sent(account: Account, mark: Mark, content: bytes, what: tuple[str, int, str, str]) -> HttpResponse:
    """Log the file, then send it."""
    kind, rows, mime, name = what
    digest = hashlib.sha256(content).hexdigest()
    with transaction.atomic():
        Export.objects.create(
            account=account, kind=kind, scope=mark.scope[:80], rows=rows, sha256=digest, mark=mark.mark,
            number=mark.number, at=mark.at,
        )  # fmt: skip
        chain.append(
            "export", {"kind": kind, "scope": mark.scope, "rows": rows, "sha256": digest, "mark": mark.mark}, account
        )
    response = HttpResponse(content, content_type=mime)
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _sheet_rows(account: Account, rows: "QuerySet[Family]", language: str) -> Iterator[dict[str, Any]]:
    shown = published.current()
    for batch in _batches(rows.order_by("place"), 500):
        ids = [f.kpm_id for f in batch]
        people = {i.kpm_id: i for i in scope.identities(account).filter(kpm_id__in=ids)}
        versions = dict(Case.objects.filter(kpm_id__in=ids).values_list("kpm_id", "version"))
        for f in batch:
            person = people.get(f.kpm_id)
            band = shown.word("texts", f.band, language)
            yield {
                "rank": f.rank_in_regency or 0, "kpm_id": f.kpm_id, "version": versions.get(f.kpm_id, 0),
                "name": person.name if person else "", "nik": masked(person.nik) if person else "",
                "district": f.district_name or f.district_code, "village": f.village_name or f.village_code,
                "facilitator": f.facilitator_id, "chance": f"{band}, {numerals.percent(f.probability, language)}",
                "range": f"{numerals.decimal(100 * f.lower, 0, language)}-{numerals.percent(f.upper, language)}",
                "pathway": shown.word("pathways", f.pathway, language),
                "holds": "; ".join(shown.word("holds", h, language) for h in f.holds.split(";") if h),
                "flags": text("borderline", language) if f.borderline else "",
            }  # fmt: skip


def masked(nik: str) -> str:
    """The first six and the last four digits."""
    return f"{nik[:6]}{'*' * 6}{nik[-4:]}" if len(nik) == 16 else ""


def _batches(rows: "QuerySet[Family]", size: int) -> Iterator[list[Family]]:
    batch: list[Family] = []
    for row in rows.iterator(chunk_size=size):
        batch.append(row)
        if len(batch) == size:
            yield batch
            batch = []
    yield batch


def sheets_pdf(request: HttpRequest) -> HttpResponse:
    """Visit sheets of the families that the filters choose, to print."""
    account: Any = request.user
    filters = listing.chosen({k: v for k, v in request.POST.items() if isinstance(v, str)})
    rows = listing.filtered(account, filters)
    problem = _too_many(account, rows, MOST_SHEETS)
    if problem:
        context = {
            "filters": filters,
            "options": listing.options(account, filters),
            "most": MOST_SHEETS,
            "problem": problem,
        }
        return render(request, "desk/export.html", context, status=400)
    mark, language = _mark(account, filters), request.language  # type: ignore[attr-defined]
    found = list(_sheet_rows(account, rows, language))
    content = papers.pdf("sheets", _sheets_data(found, mark, language))
    return _sent(account, mark, content, ("sheets", len(found), "application/pdf", f"lembar_{_safe(mark.scope)}.pdf"))


def _sheets_data(rows: list[dict[str, Any]], mark: Mark, language: str) -> dict[str, Any]:
    shown = published.current()
    families = []
    for row in rows:
        detail = published.detail(row["kpm_id"])
        reasons = [r[f"text_{language}"] for r in detail.get("reasons", [])]
        lines = [
            f"{row['village']}, {row['district']} | {row['facilitator']}",
            f"{row['chance']} ({row['range']}) | {row['pathway']}",
            "; ".join(reasons),
            "; ".join(stories.flags(shown, detail, language)),
            row["flags"],
        ]
        families.append(
            {"head": f"{row['rank']}. {row['kpm_id']} {row['name']}", "lines": [one for one in lines if one]}
        )
    fields = [text(f"column_{f}", language) for f in ("outcome", "reason", "happened_on", "note")]
    return {
        "title": text("sheet_title", language), "language": language, "families": families, "fields": fields,
        "mark": text("simulated" if mark.simulated else "confidential", language), "line": mark.line,
        "decides": text("person_decides", language), "visitor": text("visitor", language),
        "caretaker": text("caretaker", language), "none": text("nothing", language),
    }  # fmt: skip


def minutes(request: HttpRequest, kpm_id: str) -> HttpResponse:
    """The minutes of the village meeting about one family, to be filled in and signed."""
    account: Any = request.user
    family = scope.family(account, kpm_id)
    case = decisions.case_of(kpm_id)
    if case is None or case.state != workflow.ASSESSED:
        raise Http404
    language = request.language  # type: ignore[attr-defined]
    mark = _mark(account, {"facilitator": kpm_id})
    name = scope.names(account, [kpm_id]).get(kpm_id, "")
    facts = [
        (text("column_kpm_id", language), kpm_id),
        (text("column_name", language), name),
        (text("column_village", language), family.village_name),
        (text("column_district", language), family.district_name),
        (text("column_facilitator", language), family.facilitator_id),
    ]
    data = {
        "title": text("minutes_title", language), "language": language, "facts": facts, "line": mark.line,
        "mark": text("simulated" if mark.simulated else "confidential", language),
        "lines": [text(f"minutes_{n}", language) for n in (1, 2, 3)],
        "fields": [text(f"minutes_field_{n}", language) for n in (1, 2, 3, 4)],
        "present": text("minutes_present", language),
        "heads": ["No.", *(text(f"minutes_head_{n}", language) for n in (1, 2, 3))],
        "signatures": [text(f"minutes_sign_{n}", language) for n in (1, 2, 3)],
        "decides": text("person_decides", language),
    }  # fmt: skip
    return _sent(
        account,
        mark,
        papers.pdf("minutes", data),
        ("minutes", 1, "application/pdf", f"berita_acara_{_safe(kpm_id)}.pdf"),
    )


# ------------------------------------------------------------------ back


def come_back(request: HttpRequest) -> HttpResponse:
    """Take a filled workbook, and show what it would change and what is wrong with it; nothing is written."""
    account: Any = request.user
    if request.method == "GET":
        return render(request, "desk/return.html", {})
    sent = request.FILES.get("file")
    if sent is None or (sent.size or 0) > settings.DESK.upload_megabytes * 1024 * 1024:
        return render(request, "desk/return.html", {"foreign": "no_file" if sent is None else "too_large"}, status=400)
    try:
        path = _on_disk(sent)
        read = returns.read(path, returns.metadata(path))
        problems = [*read.problems, *_against(account, read, path)]
    except Foreign as error:
        return render(request, "desk/return.html", {"foreign": error.code}, status=400)
    token = ""
    if not problems and read.filled:
        token = _keep(request, read)
    context = {
        "read": read, "problems": problems[: returns.SHOWN], "more": max(0, len(problems) - returns.SHOWN),
        "rows": read.filled[: returns.SHOWN], "token": token,
    }  # fmt: skip
    return render(request, "desk/return.html", context, status=400 if problems else 200)


def _on_disk(sent: Any) -> Path:
    """Where the upload lies: settings keep every one as a private file."""
    return Path(sent.temporary_file_path())


def _against(account: Account, read: Read, path: Path) -> list[Problem]:
    """What the desk knows against the file: whose it is, which bundle, unknown, doubled or changed rows."""
    known = Export.objects.filter(mark=read.mark, kind="list").first()
    sheet = sheets.sheet_names(account.language)["list"]
    if known is None:
        raise Foreign("unknown_mark")
    if read.number != published.current().number or known.number != read.number:
        raise Foreign("other_bundle")
    ids = [f.kpm_id for f in read.filled]
    mine = {f.kpm_id: f for f in scope.families(account).filter(kpm_id__in=ids)}
    versions = dict(Case.objects.filter(kpm_id__in=ids).values_list("kpm_id", "version"))
    found, seen = [], set()
    for one in read.filled:
        if one.kpm_id in seen:
            found.append(Problem(sheet, one.row, "B", "row_twice"))
        elif one.kpm_id not in mine:
            found.append(Problem(sheet, one.row, "B", "row_unknown"))
        elif versions.get(one.kpm_id, 0) != one.version:
            found.append(Problem(sheet, one.row, "B", "row_changed"))
        else:
            found += _rules(account, one, mine[one.kpm_id], sheet)
        seen.add(one.kpm_id)
    return found


def _rules(account: Account, one: Filled, family: Family, sheet: str) -> list[Problem]:
    """What the workflow says against the row."""
    if not one.outcome or not one.happened_on:
        return []
    standing = decisions.standing(family, decisions.case_of(one.kpm_id))
    codes = workflow.complaints(_wish(one), account.role, account.username, standing)
    if one.happened_on > timezone.localdate().isoformat():
        codes.append("future")
    columns = {"reason": "reason", "note": "note", "documents": "visit_form", "future": "happened_on"}
    at = {n: chr(ord("A") + i) for i, n in enumerate(sheets.COLUMNS)}
    return [Problem(sheet, one.row, at[columns.get(c, "outcome")], c) for c in codes]


def _wish(one: Filled) -> Wish:
    return Wish("visit", one.outcome, one.reason, one.note.strip(), ("visit_form",) if one.visit_form else (), {})


def _keep(request: HttpRequest, read: Read) -> str:
    """The read rows until the person says yes; known to this session alone."""
    _forget(settings.STATE / "uploads")
    token = secrets.token_urlsafe(24)
    path = settings.STATE / "uploads" / f"{hashlib.sha256(token.encode()).hexdigest()}.json"
    path.write_text(json.dumps({"mark": read.mark, "rows": [asdict(f) for f in read.filled]}), encoding="utf-8")
    path.chmod(0o600)
    request.session["return"] = token
    return token


def _forget(folder: Path) -> None:
    """What was looked at and never accepted, or left by a process that was killed, goes when every session of its day
    has ended: nobody can accept it any more, and it may hold what people wrote of a family."""
    ended = timezone.now().timestamp() - settings.SESSION_COOKIE_AGE
    for file in folder.iterdir():
        with contextlib.suppress(FileNotFoundError):  # two people returned a file at once
            if file.stat().st_mtime < ended:
                file.unlink()


def accept(request: HttpRequest) -> HttpResponse:
    """Write all rows of the file that was looked at, or none."""
    account: Any = request.user
    token = request.session.get("return", "")
    path = settings.STATE / "uploads" / f"{hashlib.sha256(token.encode()).hexdigest()}.json"
    if not token or not secrets.compare_digest(token.encode(), request.POST.get("token", "").encode()):
        return render(request, "desk/return.html", {"foreign": "stale_form"}, status=400)
    taken = path.with_suffix(".taken")
    try:
        path.rename(taken)  # one of two clicks takes it
    except FileNotFoundError:
        return render(request, "desk/return.html", {"foreign": "stale_form"}, status=400)
    try:
        _write_all(account, json.loads(taken.read_text(encoding="utf-8")))
    except (Against, Stale):
        return render(request, "desk/return.html", {"foreign": "row_changed"}, status=409)
    finally:
        taken.unlink()
    request.session.pop("return", None)
    return redirect("work")


def _write_all(account: Account, kept: dict[str, Any]) -> None:
    """Every row and the line of the log, or none."""
    with transaction.atomic():
        for row in kept["rows"]:
            _write(account, Filled(**row), kept["mark"])
        chain.append("return", {"mark": kept["mark"], "rows": len(kept["rows"])}, account)


def _write(account: Account, one: Filled, mark: str) -> None:
    happened = parse_date(one.happened_on)
    assert happened is not None
    decisions.record(account, one.kpm_id, _wish(one), Form(one.version, f"{mark}-{one.kpm_id}"[:64], happened))
