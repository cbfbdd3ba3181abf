"""Limits by exact arithmetic, the funnel and the months from steps, and the auditor's pages that show them."""

import re
from datetime import timedelta
from fractions import Fraction
from math import comb

import bundles
import pytest
from bundles import kpm
from django.utils import timezone
from walks import record

from pipeline.desk import loading, questions, watch
from pipeline.desk.models import Account, Step

MOVE = {"chance_before": 0.25, "chance_now": 0.4, "chance_data": 0.2, "chance_model": -0.05, "rank_before": 9.0,
        "rank_now": 4.0, "rank_data": -6.5, "rank_model": 2.0, "rank_cohort": -0.5}  # fmt: skip


@pytest.mark.parametrize(("of", "share"), [(10, "1/2"), (30, "1/10"), (200, "3/100"), (12, "0"), (12, "1")])
@pytest.mark.parametrize("alpha", [watch.WARNING, watch.ALARM])
def test_limits_are_the_widest_counts_that_stay_within(of, share, alpha):
    """By fractions: each tail beyond a limit is at most alpha / 2, and one count less far would be more."""
    p, half = Fraction(share), Fraction(str(alpha)) / 2
    chance = [comb(of, k) * p**k * (1 - p) ** (of - k) for k in range(of + 1)]
    lower, upper = watch.limits(of, float(p), alpha)
    assert sum(chance[:lower]) <= half < sum(chance[: lower + 1])
    assert sum(chance[upper + 1 :]) <= half < sum(chance[upper:])


def test_a_count_is_judged_by_hand():
    """Of ten at one half: P(X <= 1) = 11/1024 = 0.0107 <= 0.025 < P(X <= 2) = 56/1024, so 95 % is 2 to 8;
    P(X = 0) = 1/1024 = 0.00098 <= 0.001, so 99.8 % is 1 to 9."""
    told = watch.judged(1, 10, 0.5)
    assert (told["lower_95"], told["upper_95"], told["lower_998"], told["upper_998"]) == (2, 8, 1, 9)
    verdicts = [watch.judged(k, 10, 0.5)["verdict"] for k in (0, 1, 2, 8, 9, 10)]
    assert verdicts == ["beyond_998", "beyond_95", "inside", "inside", "beyond_95", "beyond_998"]
    assert watch.judged(9, 9, 0.5)["verdict"] == watch.judged(5, 10, None)["verdict"] == "few"


def test_false_alarms_are_those_of_three_measures_and_twelve_months():
    assert watch.false_alarms(watch.WARNING) == pytest.approx(1.8)  # 3 x 12 x 0.05
    assert watch.false_alarms(watch.ALARM) == pytest.approx(0.072)


def rounds(desk, person):
    """Of regency 3315: twelve families visited, four by each of three facilitators; F33151 finds nobody fit."""
    for n in range(12):
        outcome = "not_yet" if n % 3 == 1 else "fit"
        record("planner", kpm("3315", n), "visit", outcome)
    return person("auditor")


def test_the_funnel_counts_each_facilitators_own_rounds(desk, person):
    rows = {(r["measure"], r["facilitator_id"]): r for r in watch.funnel(Step.objects.filter(pk__isnull=True))}
    assert rows == {}
    rounds(desk, person)
    rows = {(r["measure"], r["facilitator_id"]): r for r in watch.funnel(Step.objects.all())}
    assert [rows["not_yet", f"F3315{f}"]["count"] for f in range(3)] == [0, 4, 0]
    assert {r["of"] for r in rows.values()} == {4}
    assert {r["share"] for k, r in rows.items() if k[0] == "not_yet"} == {4 / 12}
    assert {r["verdict"] for r in rows.values()} == {"few"}


def test_who_stands_out_comes_first(desk, person, monkeypatch):
    monkeypatch.setattr(watch, "FEWEST", 4)
    rounds(desk, person)
    first, *others = (r for r in watch.funnel(Step.objects.all()) if r["measure"] == "not_yet")
    # Of four at one third P(X = 4) = 1/81 = 0.0123 <= 0.025, above 0.001.
    assert (first["facilitator_id"], first["verdict"]) == ("F33151", "beyond_95")
    assert {r["verdict"] for r in others} == {"inside"}


def test_a_month_is_held_against_those_before_it(desk, person):
    rounds(desk, person)
    rows = {r["measure"]: r for r in watch.months(Step.objects.all())}
    assert {m: (r["count"], r["of"], r["verdict"]) for m, r in rows.items()} == {
        "visited": (12, 12, "few"), "proposed": (0, 12, "few"), "held_back": (4, 12, "few"),
    }  # fmt: skip
    assert {r["month"] for r in rows.values()} == {timezone.localtime(timezone.now()).strftime("%Y-%m")}


class Told:
    """Stands for the steps of a query: when, action, state after."""

    def __init__(self, rows):
        self.rows = rows

    def values_list(self, *names):
        assert names == ("at", "action", "state_to")
        return self.rows


def test_the_past_is_all_months_before():
    day = timezone.make_aware(timezone.datetime(2025, 1, 10))

    def month(n, visits, held):
        at = day + timedelta(days=31 * n)
        return [(at, "visit", "visited")] * visits + [(at, "visit", "postponed")] * held

    steps = [*month(0, 10, 10), *month(1, 10, 10), *month(2, 0, 20)]
    held = [r for r in watch.months(Told(steps)) if r["measure"] == "held_back"]
    assert [(r["month"], r["count"], r["share"], r["verdict"]) for r in held] == [
        ("2025-03", 20, 0.5, "beyond_998"), ("2025-02", 10, 0.5, "inside"), ("2025-01", 10, None, "few"),
    ]  # fmt: skip


# ------------------------------------------------------------------ pages


def words(response):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


def test_the_audit_page_shows_both_with_their_false_alarms(desk, person, client_of):
    auditor = rounds(desk, person)
    client = client_of("auditor")
    told = words(client.get("/audit/"))
    assert "Facilitators beside the funnel&#x27;s limits" in told
    assert "exceeded 1.8 times a year and those of 99.8 % 0.07 times" in told
    assert "not yet fit by the visit F33151 4 4 33.3% - - too few" in told
    assert "Below 10 rounds nothing is judged" in told
    for name in ("facilitator_funnel", "decisions_by_month"):
        rows = questions.QUESTIONS[name](auditor)
        lines = client.get(f"/audit/questions/{name}.csv").content.decode().splitlines()
        assert len(lines) == len(rows) + 1
        assert "name" not in lines[0].split(",")


@pytest.fixture
def moved(desk, tmp_path):
    """A second bundle that says why the first family of 3315 moved."""
    folder = bundles.write(tmp_path / "bundle", number=2)
    bundles.moves(folder, "3315", [{"kpm_id": kpm("3315", 0), **MOVE}])
    bundles.sign(folder, number=2)
    loading.load(folder)
    return desk


def test_the_auditor_sees_why_a_family_moved(moved, client_of):
    client = client_of("auditor")
    told = words(client.get(f"/family/{kpm('3315', 0)}/"))
    assert "Why it moved since the bundle before" in told
    assert "Chance 25% 40% +20 pp -5 pp -" in told
    assert "Rank in the regency 9 4 -6.5 +2 -0.5" in told
    assert "Cannot be told" in words(client.get(f"/family/{kpm('3315', 1)}/"))


def test_in_indonesian_too(moved, client_of):
    client = client_of("auditor")
    Account.objects.filter(username="auditor").update(language="id")
    told = words(client.get(f"/family/{kpm('3315', 0)}/"))
    assert "Mengapa bergeser sejak terbitan sebelumnya" in told
    assert "9 4 -6,5 +2 -0,5" in told


@pytest.mark.parametrize("name", ["planner", "officer"])
def test_nobody_else_sees_it(moved, client_of, name):
    response = client_of(name).get(f"/family/{kpm('3315', 0)}/")
    assert response.status_code == 200
    assert "Why it moved" not in words(response)


def test_a_bundle_without_moves_is_loaded_as_before(desk, client_of):
    assert "Cannot be told" in words(client_of("auditor").get(f"/family/{kpm('3315', 0)}/"))
