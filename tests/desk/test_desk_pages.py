"""Pages by their words and numbers, bad input of every kind, sessions, and that no text lacks a language."""

import logging
import random
import re
import sys
from dataclasses import replace
from pathlib import Path

import homes
import pytest
import walks
from bundles import kpm
from django.conf import settings
from django.test import Client, override_settings
from django.utils import timezone
from django.utils.html import escape

from pipeline import treated, wording
from pipeline.desk import drawings, logs, numerals, outcomes, questions, summaries, workflow
from pipeline.desk.models import ROLES, Account, Case, Entry, Step
from pipeline.desk.texts import TEXTS, text, typed
from pipeline.desk.views import people

DESK = homes.PROJECT / "pipeline" / "desk"
PAGES = "".join(p.read_text(encoding="utf-8") for p in (DESK / "templates" / "desk").iterdir())
CODE = "".join(p.read_text(encoding="utf-8") for p in DESK.rglob("*.py"))
FAMILY = kpm("3315", 0)
PAYLOADS = [
    "<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", "{{ 7*7 }}{% debug %}", "'; DROP TABLE desk_case; --",
    "../../etc/passwd", "=HYPERLINK(\"x\")", "\u202egnp.exe", "\u200b\ufeff", "%00", "a" * 1999, "💥" * 50, "${jndi:ldap://x}",
]  # fmt: skip


# ------------------------------------------------------------------ words


def test_every_text_has_both_languages_and_no_unfilled_difference():
    for key, (indonesian, english) in TEXTS.items():
        assert indonesian.strip(), key
        assert english.strip(), key
        assert set(re.findall(r"{(\w+)}", indonesian)) == set(re.findall(r"{(\w+)}", english)), key


def test_every_text_that_is_asked_for_exists():
    asked = set(re.findall(r"""{% t ["'](\w+)["']""", PAGES)) | set(re.findall(r'\btext\("(\w+)"', CODE))
    assert asked - set(TEXTS) == set()


def test_every_code_has_a_text():
    outcome = {f"outcome_{a}_{o}" for a, rule in workflow.ACTIONS.items() for o in rule.outcomes}
    reasons = {f"reason_{r}" for a in workflow.ACTIONS.values() for o in a.outcomes.values() for r in o.reasons}
    actions = {f"{p}_{a}" for a in workflow.ACTIONS for p in ("action", "action_help")}
    wanted = outcome | reasons | actions | {f"state_{s}" for s in workflow.STATES} | {f"role_{r}" for r in ROLES}
    wanted |= {f"document_{d}" for d in workflow.DOCUMENTS} | {f"dimension_{d}" for d in workflow.DIMENSIONS}
    wanted |= {f"question_{q}" for q in questions.QUESTIONS}
    wanted |= {f"refused_{c}" for c in re.findall(r'Refused\("(\w+)"', CODE)}
    wanted |= {f"problem_{c}" for c in re.findall(r'Foreign\("(\w+)"', CODE)}
    assert wanted - set(TEXTS) == set()


def test_nothing_stands_in_a_template_that_is_not_a_text():
    """Between tags there are only tags of the templates, marks and the names of the two languages."""
    bare = re.sub(r"{%.*?%}|{{.*?}}|<[^>]*>|&\w+;", " ", PAGES, flags=re.DOTALL)
    allowed = {"English", "Bahasa", "Indonesia", "CSV", "NIK"}
    assert set(re.findall(r"[A-Za-z]{2,}", bare)) - allowed == set()


def test_no_text_says_that_a_family_passes():
    assert [k for k, pair in TEXTS.items() if re.search(r"\blulus\b|\bpassed?\b", " ".join(pair), re.IGNORECASE)] == []


@pytest.mark.parametrize("language", ["id", "en"])
def test_numbers_are_written_as_the_pipeline_writes_them(language):
    draw = random.Random(7)
    for _ in range(300):
        value, places = (
            draw.choice([draw.uniform(-5, 5), draw.uniform(0, 1e9), draw.randrange(10**7)]),
            draw.randrange(3),
        )
        assert numerals.decimal(value, places, language) == wording.decimal(value, places, language)
    assert numerals.percent(0.1234, language, 1) == wording.percent(0.1234, language, 1)
    assert numerals.money(1_250_000, language) == wording.value_text(1_250_000, "rupiah", language)


# ------------------------------------------------------------------ pages


def test_no_page_holds_a_style_or_script_of_its_own():
    assert re.findall(r"<style|\sstyle=|<script(?![^>]* src=)|\son\w+=|javascript:", PAGES) == []
    assert "|safe" not in PAGES
    assert "mark_safe" not in CODE
    assert "autoescape" not in PAGES


def test_the_policy_for_contents_and_the_other_headers(client_of):
    answer = client_of("planner").get("/")
    assert "default-src 'none'" in answer["Content-Security-Policy"]
    assert "unsafe" not in answer["Content-Security-Policy"]
    assert (answer["X-Frame-Options"], answer["X-Content-Type-Options"]) == ("DENY", "nosniff")
    assert answer["Cache-Control"] == "no-store"


def test_the_family_page_tells_all_of_it(client_of):
    page = client_of("planner").get(f"/family/{FAMILY}/").content.decode()
    for told in ("The chance is 50% (40% to 60%)", "number 1 of 30 in Kabupaten Satu", "turnover: Rp5.000.000", "01/03/2025",
                 "+1.25", "-4.75", "Rp3,300,000", "14/02/2018", "24/03/2018", "Because of a business.", "too few to tell"):  # fmt: skip
        assert told in page, told
    held = client_of("planner").get(f"/family/{kpm('3315', 13)}/").content.decode()
    assert "Held: not to be proposed" in held
    assert "pregnant" in held


def test_similar_families_are_told_from_five_on(client_of):
    for n in (2, 4, 6, 8, 10):
        walks.record("planner", kpm("3315", n), "visit", "not_yet")
    page = client_of("planner").get(f"/family/{FAMILY}/").content.decode()
    assert "Of 5 families" in page


def test_paging_shows_every_family_once_in_order(client_of):
    client, seen, path = client_of("officer"), [], "/list/?status=all"
    with override_settings(DESK=replace(settings.DESK, page_rows=7)):
        while path:
            page = client.get(path).content.decode()
            seen += re.findall(r'href="/family/(K\d+)/"', page)
            following = re.search(r'rel="next" href="([^"]+)"', page)
            path = following[1].replace("&amp;", "&") if following else ""
    assert seen == [kpm(r, n) for n in range(30) for r in ("3315", "3509")]  # ranks 1, 2, 3 and so on take turns


@pytest.mark.parametrize(("query", "wanted"), [
    ("status=held", 6), ("status=below", 12), ("district=331501", 6), ("facilitator=F33151", 4), ("segment=under_40", 5),
    ("pathway=pena", 6), ("borderline=1", 1), ("change=entered", 1), ("state=waiting", 12), ("state=visited", 0),
    ("status=nonsense", 30), ("band=tinggi", 12), ("village=3315012001", 6),
])  # fmt: skip
def test_filters_by_hand(client_of, query, wanted):
    page = client_of("planner").get(f"/list/?{query}").content.decode()
    assert len(re.findall(r'<th scope="row"', page)) == wanted


@pytest.mark.parametrize(("words", "wanted"), [
    ("k3315", 30), ("K331500", 10), ("ibu contoh", 30), ("IBU CONTOH 00", 10), ("contoh", 0), ("%", 0), ("' OR 1=1", 0), ("", 0),
])  # fmt: skip
def test_search_by_hand(client_of, words, wanted):
    page = client_of("planner").post("/list/", {"q": words}).content.decode()
    assert len(re.findall(r'<th scope="row"', page)) == wanted


def test_my_work_counts_by_hand(client_of):
    walks.walk(kpm("3315", 0), 1)
    walks.record("planner", kpm("3315", 1), "visit", "again")
    Case.objects.filter(kpm_id=kpm("3315", 1)).update(due_on="2025-01-01")
    page = client_of("planner").get("/").content.decode()
    numbers = re.findall(r"<dd>(\d+)</dd>", page)
    assert numbers == ["12", "1", "0", "0"]  # places, visited, proposed, overdue visits
    assert re.search(r'id="overdue".*?K3315001.*?id="todo"', page, re.DOTALL)
    assert "K3315999" in page  # left the list, with its reason
    assert "held now" in page


def test_places_round_half_up():
    assert [summaries.places(n, 0.03) for n in (1, 50, 150, 151)] == [1, 2, 5, 5]  # 0.03, 1.5, 4.5, 4.53


def test_the_waterfall_adds_up():
    found = drawings.waterfall(-4.75, {"family": -0.5, "livelihood": 1.25})
    assert found["raw"] == pytest.approx(-4.0)
    assert [b.code for b in found["bars"]] == ["livelihood", "family"]
    assert found["at"]["end"] == found["bars"][-1].end


# ------------------------------------------------------------------ bad input


def form(**changes):
    return {
        "version": "0",
        "key": "k" * 20,
        "outcome": "again",
        "reason": "not_home",
        "happened_on": "2025-07-15",
        "note": "",
    } | changes


@pytest.mark.parametrize("payload", PAYLOADS)
def test_a_payload_in_a_note_is_recorded_as_text_and_shown_escaped(client_of, payload):
    client = client_of("planner")
    assert client.post(f"/family/{FAMILY}/visit/", form(note=payload)).status_code == 302
    assert Step.objects.get().note == payload.strip()
    page = client.get(f"/family/{FAMILY}/").content.decode()
    assert "<script>alert" not in page
    assert "<img" not in page
    assert "{{ 7*7 }}" in page or "7*7" not in payload


@pytest.mark.parametrize(("changes", "status", "code"), [
    ({"version": "x"}, 400, "stale_form"), ({"version": "-1"}, 400, "stale_form"), ({"version": "9" * 40}, 400, "stale_form"),
    ({"key": ""}, 400, "stale_form"), ({"key": "<b>" * 9}, 400, "stale_form"), ({"outcome": "proposed"}, 400, "outcome"),
    ({"outcome": ""}, 400, "outcome"), ({"reason": "income_steady"}, 400, "reason"), ({"reason": "x" * 999}, 400, "reason"),
    ({"happened_on": "yesterday"}, 400, "day"), ({"happened_on": "2999-01-01"}, 400, "future"),
    ({"note": "x" * 2001}, 400, "note_long"), ({"note": "a\x00b"}, 400, "note_nul"), ({"version": "5"}, 409, "stale"),
])  # fmt: skip
def test_each_bad_form_is_told_and_nothing_typed_is_lost(client_of, changes, status, code):
    typed = form(**{"note": "my own words", **changes})
    answer = client_of("planner").post(f"/family/{FAMILY}/visit/", typed)
    assert answer.status_code == status
    page = answer.content.decode()
    assert TEXTS[f"problem_{code}"][1] in page
    assert "my own words" in page or "note" in changes
    assert Step.objects.count() == 0


@pytest.mark.parametrize("identifier", ["K9999999", "../../x", "K3315000'", "%00", "<b>", "K" * 300, "\u202e"])
def test_a_forged_id_is_not_found(client_of, identifier):
    answer = client_of("planner").get(f"/family/{identifier}/")
    assert answer.status_code == 404


@pytest.mark.parametrize("seed", range(5))
def test_random_requests_never_break_the_desk(client_of, seed):
    """Random paths, queries and forms of everybody: no status 500, nothing recorded outside the scope."""
    draw = random.Random(seed)
    paths = ["/", "/list/", f"/family/{FAMILY}/", f"/family/{FAMILY}/visit/", f"/family/{kpm('3509', 1)}/refusal/", "/regencies/",
             "/regencies/3315/", "/export/", "/return/", "/audit/", "/audit/log/", "/accounts/", "/accounts/3/", "/language/"]  # fmt: skip
    names = [
        "q",
        "status",
        "state",
        "after",
        "columns",
        "regency",
        "note",
        "outcome",
        "version",
        "key",
        "wish",
        "role",
        "before",
        "next",
    ]
    clients = [client_of(name) for name, *_ in homes.PEOPLE if name != "administrator"]
    for _ in range(80):
        values = {
            draw.choice(names): draw.choice([*PAYLOADS, "9" * 30, "-1", "listed", "3315", "\x00"]) for _ in range(3)
        }
        client, path = draw.choice(clients), draw.choice(paths)
        answer = client.get(path, values) if draw.random() < 0.6 else client.post(path, values)
        assert answer.status_code < 500, (path, values)
    assert not Case.objects.filter(regency_code="3509").exclude(steps__account__role="officer").exists()


def test_the_language_form_sends_nobody_elsewhere(client_of):
    for target in ("https://evil.example/", "//evil.example/", "javascript:alert(1)", "/\\evil.example"):
        answer = client_of("planner").post("/language/", {"language": "id", "next": target})
        assert answer["Location"] in ("/", "/\\evil.example".replace("\\", "%5C"))


# ------------------------------------------------------------------ doors


def sign_in(client, name, word=homes.PASSWORD, **more):
    return client.post(
        "/login/", {"username": name, "password": word, **more}, REMOTE_ADDR=more.pop("address", "127.0.0.1")
    )


@pytest.mark.parametrize(("name", "first"), [("planner", "/"), ("auditor", "/audit/"), ("administrator", "/accounts/")])
def test_signing_in_leads_to_ones_own_first_page(desk, name, first):
    client = Client()
    answer = client.post("/login/", {"username": name, "password": homes.PASSWORD}, follow=True)
    assert (answer.status_code, answer.request["PATH_INFO"]) == (200, first)


def test_signing_in_leads_back_to_what_was_asked_for(desk):
    client = Client()
    asked = client.get("/list/?status=held")
    answer = client.post(
        asked["Location"], {"username": "planner", "password": homes.PASSWORD, "next": "/list/?status=held"}
    )
    assert answer["Location"] == "/list/?status=held"


def test_five_wrong_passwords_lock_the_account_for_that_address_alone(desk):
    for _ in range(5):
        answer = sign_in(Client(), "planner", "wrong")
    assert answer.status_code == 429
    assert sign_in(Client(), "planner").status_code == 429, "not even with the right one"
    assert (
        Client()
        .post("/login/", {"username": "planner", "password": homes.PASSWORD}, REMOTE_ADDR="10.0.0.9")
        .status_code
        == 302
    )
    assert sign_in(Client(), "second").status_code == 302, "nobody else is locked"


def test_an_unknown_account_is_told_the_same_as_a_wrong_password(desk):
    pages = [sign_in(Client(), name, "wrong").content.decode() for name in ("planner", "nobody")]
    plain = [re.sub(r'value="[^"]*"', "", p) for p in pages]
    assert plain[0] == plain[1]


def test_a_session_gets_a_new_key_at_login(desk):
    client = Client()
    client.get("/login/")
    session = client.session
    session["x"] = 1
    session.save()
    before = client.session.session_key
    sign_in(client, "planner")
    assert client.session.session_key != before


@pytest.mark.parametrize(("name", "minutes"), [("seen", 31), ("since", 12 * 60 + 1)])
def test_a_session_ends(client_of, name, minutes):
    client = client_of("planner")
    assert client.get("/").status_code == 200
    session = client.session
    session[name] = int(timezone.now().timestamp()) - minutes * 60
    session.save()
    assert client.get("/").status_code == 302


@pytest.mark.parametrize(
    "change", [{"role": "auditor", "area": ""}, {"area": "3509"}, {"salt": 9}, {"is_active": False}]
)
def test_a_change_of_a_right_ends_every_session(client_of, change):
    client = client_of("planner")
    assert client.get("/").status_code == 200
    Account.objects.filter(username="planner").update(**change)
    assert client.get("/").status_code == 302


def test_signing_out_everywhere(client_of):
    first, second = client_of("planner"), client_of("planner")
    first.post("/logout/everywhere/")
    assert second.get("/").status_code == 302


def test_a_first_password_must_be_changed_before_anything_else(client_of):
    client = client_of("planner")
    Account.objects.filter(username="planner").update(must_change=True)
    assert client.get("/list/")["Location"] == "/password/"
    answer = client.post(
        "/password/", {"old_password": homes.PASSWORD, "new_password1": "short", "new_password2": "short"}
    )
    assert answer.status_code == 400
    good = "Sandi-yang-baru-99"
    assert (
        client.post(
            "/password/", {"old_password": homes.PASSWORD, "new_password1": good, "new_password2": good}
        ).status_code
        == 302
    )
    assert client.get("/list/").status_code == 200


def test_forms_need_a_token_and_what_was_typed_is_shown(person):
    client = Client(enforce_csrf_checks=True)
    client.force_login(person("planner"), backend="django.contrib.auth.backends.ModelBackend")
    answer = client.post(f"/family/{FAMILY}/visit/", form(note="long thoughts"))
    assert answer.status_code == 403
    assert b"long thoughts" in answer.content
    assert Step.objects.count() == 0


# ------------------------------------------------------------------ accounts


def test_an_administrator_makes_changes_and_closes_accounts_and_each_is_logged(client_of):
    client = client_of("administrator")
    answer = client.post(
        "/accounts/", {"wish": "new", "username": "baru", "role": "planner", "area": "3509", "facilitator_id": ""}
    )
    first = re.search(r"<code>([^<]+)</code>", answer.content.decode())[1]
    made = Account.objects.get(username="baru")
    assert made.must_change
    assert made.check_password(first)
    client.post(f"/accounts/{made.pk}/", {"wish": "rights", "role": "officer", "area": "", "facilitator_id": ""})
    client.post(f"/accounts/{made.pk}/", {"wish": "close"})
    made.refresh_from_db()
    assert (made.role, made.is_active) == ("officer", False)
    kinds = [e.kind for e in Entry.objects.order_by("-seq")[:3]]
    assert kinds == ["account_changed", "account_changed", "account_made"]
    assert first not in "".join(Entry.objects.values_list("body", flat=True))


@pytest.mark.parametrize(("changes", "code"), [
    ({"username": "a b"}, "username"), ({"username": "planner"}, "username_taken"), ({"username": "PLANNER"}, "username_taken"),
    ({"role": "king"}, "account_role"), ({"area": "33"}, "account_area"), ({"area": "33xx"}, "account_area"),
    ({"facilitator_id": "F1"}, "account_facilitator"), ({"role": "facilitator", "area": ""}, "account_facilitator"),
])  # fmt: skip
def test_a_bad_account_is_refused(client_of, changes, code):
    typed = {"wish": "new", "username": "baru", "role": "planner", "area": "3509", "facilitator_id": ""} | changes
    answer = client_of("administrator").post("/accounts/", typed)
    assert answer.status_code == 400
    assert escape(TEXTS[f"problem_{code}"][1]) in answer.content.decode()


def test_a_name_that_was_taken_meanwhile_is_told(client_of, monkeypatch):
    monkeypatch.setattr(people, "_problems", lambda typed, new: [])
    typed = {"username": "planner", "role": "planner", "area": "3509", "facilitator_id": ""}
    answer = client_of("administrator").post("/accounts/", typed)
    assert answer.status_code == 400
    assert TEXTS["problem_username_taken"][1] in answer.content.decode()
    assert b"<code>" not in answer.content
    assert Entry.objects.filter(kind="account_made").count() == 0


# ------------------------------------------------------------------ what cannot be read


@pytest.mark.parametrize("signed_in", [True, False])
@pytest.mark.parametrize(("body", "headers"), [
    ("&".join(f"x{n}=1" for n in range(500)), {}), ("note=" + "x" * 1_100_000, {}),
    ("note=x", {"content_type": "application/x-www-form-urlencoded; charset=utf-16"}), ("note=x", {"host": "elsewhere"}),
    ("&".join(f"x{n}=1" for n in range(500)), {"host": "elsewhere"}),
])  # fmt: skip
def test_what_cannot_be_read_is_told_and_no_fault_of_the_server(client_of, signed_in, body, headers, caplog):
    """Django's own page for status 400 reads the form again, and ends in status 500."""
    client = client_of("planner") if signed_in else Client()
    client.handler.enforce_csrf_checks, client.raise_request_exception = True, False
    kind = headers.get("content_type", "application/x-www-form-urlencoded")
    more = {"headers": {"host": headers["host"]}} if "host" in headers else {}
    answer = client.generic("POST", f"/family/{FAMILY}/visit/", body, content_type=kind, **more)
    assert answer.status_code == 400
    assert any(t in answer.content.decode() for t in TEXTS["message_unreadable"])
    assert Step.objects.count() == 0


def test_a_nul_is_no_part_of_a_field_of_one_line(client_of, person):
    """PostgreSQL refuses to be asked for one."""
    client = client_of("planner")
    assert typed(" a\x00b ", 64) == "ab"
    assert typed("x" * 70, 64) == "x" * 64
    assert client.get("/list/?village=%00&facilitator=F33150%00").status_code == 200
    assert client.post("/list/", {"q": "\x00"}).status_code == 200
    assert client.get("/family/K%00/").status_code == 404
    reason = {"reason": "complaint \x00 of the family"}
    assert client_of("auditor").post(f"/family/{FAMILY}/identity/", reason).status_code == 200
    assert Entry.objects.filter(kind="identity_seen").get().body.count("complaint  of") == 1


def test_the_servers_log_tells_where_and_never_what():
    """A database's message tells the row that it refused; a stranger's request needs no traceback."""
    formatter, name = logs.Plain(), "Ibu Contoh"
    try:
        raise ValueError(f"DETAIL: Key (name)=({name}) already exists")
    except ValueError:
        raised = sys.exc_info()
    line = formatter.format(
        logging.LogRecord("django.request", 40, "x", 1, "Internal Server Error: %s", ("/",), raised)
    )
    assert line.startswith("Internal Server Error: /\nTraceback")
    assert line.endswith("ValueError")
    assert "(Ibu Contoh)" not in line
    for name in ("django.security.DisallowedHost", "django.security.csrf"):
        assert formatter.format(logging.LogRecord(name, 40, "x", 1, "Forbidden: /", (), raised)) == "Forbidden: /"


# ------------------------------------------------------------------ what flows back


def test_the_extract_marks_treated_families_and_names_nobody(desk, tmp_path):
    import pyarrow.parquet as pq

    walks.walk(kpm("3315", 0))
    walks.record("facilitator", kpm("3315", 3), "refusal", "refuses")
    assert {f.name: n for f, n in outcomes.write(tmp_path)} == {
        "decisions.parquet": 7,
        "decisions.csv": 7,
        "yield.csv": 2,
    }
    treated.refuse(pq.read_schema(tmp_path / "decisions.parquet"), 7, "decisions.parquet")  # as the pipeline reads it
    table = pq.read_table(tmp_path / "decisions.parquet")
    assert table.schema == outcomes.LAYOUT
    marked = {(r["kpm_id"], r["action"]): r["treated"] for r in table.to_pylist()}
    assert marked[(kpm("3315", 0), "visit")]
    assert not marked[(kpm("3315", 3), "refusal")]
    assert "Ibu" not in (tmp_path / "decisions.csv").read_text()


def test_yield_by_hand(desk):
    walks.walk(kpm("3315", 0))  # rank 1, F33150, proposed
    walks.record("planner", kpm("3315", 3), "visit", "not_yet")  # rank 4, F33150
    walks.record("planner", kpm("3315", 10), "visit", "fit")  # rank 11, F33151
    found = {
        (r["by"], r["group"]): (r["visits"], r["fit"], r["not_yet"], r["proposed"])
        for r in outcomes.yields(Step.objects.all())
    }
    assert found == {
        ("rank", "001-010"): (2, 1, 1, 1), ("rank", "011-030"): (1, 1, 0, 0),
        ("facilitator", "F33150"): (2, 1, 1, 1), ("facilitator", "F33151"): (1, 1, 0, 0),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("rank", "band"),
    [(1, "001-010"), (10, "001-010"), (11, "011-030"), (300, "101-300"), (301, "301-"), (None, "none")],
)
def test_rank_bands(rank, band):
    assert outcomes.rank_band(rank) == band


def test_the_questions_of_auditors_answer_none_where_none_is_expected(client_of):
    walks.walk(kpm("3315", 0))
    walks.record("planner", kpm("3315", 18), "visit", "fit", reason="family_asked")
    auditor = Account.objects.get(username="auditor")
    counts = {n: len(q(auditor)) for n, q in questions.QUESTIONS.items()}
    assert all(counts[n] == 0 for n in questions.NONE_EXPECTED)
    assert counts["overrides"] == 1
    assert counts["never_visited"] == 11
    coverage = questions.coverage(auditor)
    assert all(r["listed"] + r["held"] + r["below"] == r["all"] == 30 for r in coverage)
    text_of = client_of("auditor").get("/audit/questions/overrides.csv").content.decode()
    assert kpm("3315", 18) in text_of
    assert "Ibu" not in text_of
    assert text_of.startswith("\ufeff"), "a spreadsheet reads it as UTF-8"


def test_a_question_would_tell_of_a_step_that_should_not_be(desk):
    """The three questions find what they look for, where somebody got past the workflow."""
    walks.walk(kpm("3315", 0), 1)
    case, officer = Case.objects.get(), Account.objects.get(username="officer")
    common = {"case": case, "round": 1, "reason": "", "happened_on": walks.DAY, "account": officer, "role": "officer",
              "at": timezone.now(), "number": 1}  # fmt: skip
    Step.objects.create(
        version=2,
        key="a",
        action="assessment",
        outcome="meets",
        state_from="checked",
        state_to="assessed",
        status="held",
        **common,
    )
    Step.objects.create(
        version=3,
        key="b",
        action="confirm",
        outcome="agrees",
        state_from="stated",
        state_to="proposed",
        status="listed",
        **common,
    )
    auditor = Account.objects.get(username="auditor")
    assert [len(questions.QUESTIONS[n](auditor)) for n in questions.NONE_EXPECTED] == [1, 1, 1]


def test_a_cell_that_begins_like_a_formula_is_guarded():
    assert outcomes.csv_text([{"a": "=1+1", "b": -5, "c": None}], ["a", "b", "c"]) == "a,b,c\r\n'=1+1,-5,\r\n"


def test_static_files_are_local_and_named_with_their_licence():
    assert not re.findall(r'(?:src|href)="https?:', PAGES)
    assert "htmx" in (Path(homes.PROJECT) / "docs" / "desk.md").read_text()
    assert text("no_such_text", "en") == "no_such_text"
