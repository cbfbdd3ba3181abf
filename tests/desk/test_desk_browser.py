"""Every page in real Chromium, both languages, laptop and phone: axe, weight, no script of others, keyboard alone."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from browsers import LAPTOP, PHONE, SHOTS, chromium, served, sign_in
from bundles import kpm

OWN, HELD = kpm("3315", 0), kpm("3315", 13)
MOST_BYTES = 150_000
PAGES = {
    "planner": {
        "work": "/", "list": "/list/", "held": "/list/?status=held&columns=name&columns=flags", "family": f"/family/{OWN}/",
        "family_held": f"/family/{HELD}/", "visit": f"/family/{OWN}/visit/", "regency": "/regencies/3315/",
        "export": "/export/", "return": "/return/", "about": "/about/", "password": "/password/",
        "missing": f"/family/{kpm('3509', 0)}/", "not_allowed": "/audit/",
    },
    "officer": {"regencies": "/regencies/", "officer_work": "/"},
    "facilitator": {"facilitator_work": "/", "facilitator_list": "/list/"},
    "auditor": {"audit": "/audit/", "log": "/audit/log/", "identity": f"/family/{OWN}/identity/"},
    "administrator": {"accounts": "/accounts/", "account": "/accounts/1/"},
}  # fmt: skip
WALKS = [(role, language, size) for role in PAGES for language in ("id", "en") for size in ("laptop", "phone")]


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    with served(tmp_path_factory.mktemp("served")) as url:
        yield url


@pytest.fixture(scope="module")
def browser():
    with chromium() as found:
        yield found


class Seen:
    """What a page did while it was walked: bytes that came, errors of scripts and of the policy for contents."""

    def __init__(self, page):
        self.errors, self.bytes = [], 0
        page.on("console", lambda m: self.errors.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda e: self.errors.append(str(e)))
        page.on("response", self.weigh)

    def weigh(self, response):
        self.bytes += int(response.headers.get("content-length", 0))

    def real(self):
        """A page of 403, 404 and the like is told in the console too."""
        return [e for e in self.errors if "the server responded with a status of" not in e]


@pytest.fixture
def open_page(browser, address):
    contexts = []

    def make(person, size="laptop", language="en", **options):
        context = browser.new_context(viewport=PHONE if size == "phone" else LAPTOP, **options)
        contexts.append(context)
        page = context.new_page()
        context.add_cookies([{"name": "language", "value": language, "url": address}])
        if person:
            sign_in(page, address, person)
            if page.get_attribute("html", "lang") != language:
                page.click(f"button[name=language][value={language}]")
                page.wait_for_load_state()
        return page

    yield make
    for context in contexts:
        context.close()


@pytest.mark.parametrize(("person", "language", "size"), WALKS)
def test_every_page_is_light_accessible_and_quiet(open_page, address, person, language, size):
    page = open_page(person, size, language)
    seen = Seen(page)
    SHOTS.mkdir(parents=True, exist_ok=True)
    for name, path in PAGES[person].items():
        seen.bytes = 0
        page.goto(address + path)
        page.screenshot(path=SHOTS / f"{name}_{language}_{size}.png", full_page=True)
        assert page.get_attribute("html", "lang") == language
        assert 0 < seen.bytes < MOST_BYTES, (name, seen.bytes)
        assert wide(page) <= 0, f"{name} scrolls sideways by {wide(page)}"
        found = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]})
        bad = [v for v in found.response["violations"] if v["impact"] in ("serious", "critical")]
        assert [(v["id"], v["nodes"][0]["html"][:120]) for v in bad] == [], name
    assert seen.real() == []


def wide(page):
    return page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")


@pytest.mark.parametrize("language", ["id", "en"])
def test_signing_in_is_accessible_too(open_page, address, language):
    page = open_page(None, language=language)
    page.goto(f"{address}/login/")
    page.screenshot(path=SHOTS / f"login_{language}.png")
    assert [v["id"] for v in Axe().run(page).response["violations"] if v["impact"] in ("serious", "critical")] == []
    page.fill("#id_username", "nobody")
    page.fill("#id_password", "wrong")
    page.press("#id_password", "Enter")
    assert page.locator("[role=alert]").inner_text()


def test_a_script_in_a_name_never_runs(open_page, address):
    page = open_page("planner")
    for path in (f"/family/{kpm('3315', 2)}/", "/list/", f"/family/{kpm('3315', 2)}/visit/"):
        page.goto(address + path)
        assert page.title() != "ran"
        assert "<script>" in page.inner_text("main")


PAYLOADS = [
    "<script>document.title='ran'</script>", '"><img src=x onerror="document.title=\'ran\'">', "<svg onload=document.title='ran'>",
    "javascript:document.title='ran'", "{{ 7*7 }}", "\u202egnp.exe", "</textarea><script>document.title='ran'</script>",
]  # fmt: skip


def test_no_payload_in_a_note_runs(open_page, address):
    page = open_page("planner")
    seen = Seen(page)
    path = f"{address}/family/{kpm('3315', 10)}/"
    for payload in PAYLOADS:
        page.goto(f"{path}visit/")
        page.check("input[name=outcome][value=again]")
        page.select_option("#reason", "not_home")
        page.fill("#happened_on", "2025-11-01")
        page.fill("#note", payload)
        page.click("button.main")
        page.wait_for_url(path)
        assert page.title() != "ran"
    notes = page.locator("section.case td.typed").all_inner_texts()
    assert [n for n in notes if n] == PAYLOADS[::-1]
    assert seen.real() == []


def test_touch_targets_are_large_enough_on_a_phone(open_page, address):
    page = open_page("planner", "phone")
    for path in ("/", "/list/", f"/family/{OWN}/", f"/family/{OWN}/visit/"):
        page.goto(address + path)
        heights = page.eval_on_selector_all(
            "main button, main select, main .button, nav a, main summary, main input:not([type=hidden],[type=checkbox],[type=radio])",
            "all => all.filter(e => e.offsetParent).map(e => [e.outerHTML.slice(0, 80), e.getBoundingClientRect().height])",
        )
        assert heights
        assert [h for h in heights if h[1] < 43.5] == []


@pytest.mark.parametrize("javascript", [True, False])
def test_a_planner_finds_opens_decides_by_keyboard_alone(open_page, address, javascript):
    """With JavaScript and without it: search, open, choose, write, record; Tab, arrows, Space and Enter only."""
    family = kpm("3315", 4 if javascript else 6)
    page = open_page("planner", java_script_enabled=javascript)
    page.goto(f"{address}/list/")
    tab_to(page, "q")
    page.keyboard.type(family)
    page.keyboard.press("Enter")
    page.wait_for_selector("text=Search results")
    tab_to_text(page, family)
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/family/{family}/")
    tab_to_text(page, "Visit")
    page.keyboard.press("Enter")
    page.wait_for_url("**/visit/")
    tab_to(page, "outcome")
    page.keyboard.press("Space")
    tab_to(page, "reason")
    page.keyboard.type("steady")
    tab_to(page, "happened_on")
    page.keyboard.type("11012025")  # the order of a date field here is month, day, year
    tab_to(page, "documents")
    page.keyboard.press("Space")
    tab_to(page, "note")
    page.keyboard.type("met the caretaker")
    tab_to_text(page, "Record")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/family/{family}/")
    assert "visited, waits for the district check" in page.inner_text("section.case")
    assert "met the caretaker" in page.inner_text("section.case")


def focused(page, what):
    return page.evaluate("what => (document.activeElement || {})[what] || ''", what)


def tab_to(page, name):
    tab_until(page, lambda: name in (focused(page, "name"), focused(page, "id")))


def tab_to_text(page, text):
    tab_until(page, lambda: re.sub(r"\s+", " ", focused(page, "textContent")).strip() == text)


def tab_until(page, there):
    for _ in range(120):
        if there():
            return
        page.keyboard.press("Tab")
    raise AssertionError("the keyboard does not get there")


def test_filters_work_with_and_without_javascript(open_page, address):
    for javascript in (True, False):
        page = open_page("planner", java_script_enabled=javascript)
        page.goto(f"{address}/list/")
        page.select_option("select[name=status]", "held")
        page.click("form.filters button.main")
        page.wait_for_url("**status=held**")
        page.wait_for_selector(f"text={HELD}")
        assert kpm("3315", 0) not in page.inner_text("#rows")


def test_what_was_typed_survives_an_ended_session(open_page, address):
    page = open_page("planner")
    path = f"{address}/family/{kpm('3315', 8)}/visit/"
    page.goto(path)
    page.check("input[name=outcome][value=again]")
    page.fill("#note", "the dog <b>bit</b> me")
    page.context.clear_cookies(name="desk")
    page.fill("#happened_on", "2025-11-01")
    page.click("text=Record")
    assert "not lost" in page.inner_text("main")
    page.fill("#id_username", "planner")
    page.fill("#id_password", "Kata-sandi-uji-77")
    page.press("#id_password", "Enter")
    page.wait_for_url("**/visit/")
    assert page.input_value("#note") == "the dog <b>bit</b> me"
    assert page.is_checked("input[name=outcome][value=again]")
