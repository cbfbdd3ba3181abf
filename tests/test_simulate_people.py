"""Simulated families: who is in them, what school and which component that gives, who dies and who follows."""

from collections import defaultdict
from itertools import pairwise

import numpy as np
import pytest
import simulated
from simulated import month

from pipeline import simulate
from pipeline.simulate import households
from pipeline.simulate.draws import NEVER, NOT_A_DAY, Streams, years_between
from pipeline.simulate.households import CARETAKER, CHILD, COMPONENTS, ELSE, HEAD, PARENT, RELATION, SCHOOL

ONE = {"families": 3000, "places": {"regencies": {"3315": 1.0}}}
BEGINS = np.datetime64("2017-01-01")


@pytest.fixture(scope="module", params=[1, 2])
def people(request):
    _, fam, everyone = simulated.cast(simulated.config(ONE, {"seed": request.param}))
    return fam, everyone


def plain_component(everyone, i, m):
    """A slow second reading of Permensos 1/2018 for one person in one month, from birth dates and the school year."""
    born = everyone.birth[i].astype("M8[M]").astype(int)
    age = (m.ordinal - born) // 12
    if not everyone.birth[i] <= m.start < everyone.gone_on[i]:
        return None
    if everyone.disabled[i]:
        return "disability"
    if age >= 60:
        return "elderly"
    expected = [
        j for j in range(len(everyone.ids))
        if everyone.family[j] == everyone.family[i] and everyone.relation[j] == CHILD
        and m.start < everyone.birth[j] < m.end + np.timedelta64(270, "D") and everyone.birth[j] < everyone.gone_on[j]
    ]  # fmt: skip
    if expected and everyone.caretaker_from[i] <= m.start and everyone.female[i] and age < 50:
        return "pregnancy"
    if not everyone.child[i]:
        return None
    sixth = 1970 + born // 12 + 6
    first_july = sixth + (born % 12 + 1 > 7)  # born in August or later: the July of the year after
    years = m.year - (m.number < 7) - first_july
    if years < 0:
        return "early_childhood"
    return next((n for n, ends in (("sd", 6), ("smp", 9), ("sma", 12)) if years < ends and years < everyone.limit[i]),
                None)  # fmt: skip


@pytest.mark.parametrize("when", [(2018, 6), (2018, 7), (2022, 1), (2025, 12)])
def test_components_by_a_slow_second_reading(when):
    _, fam, everyone = simulated.cast(simulated.config(ONE, {"families": 60}))
    m = month(*when)
    found = households.roll(everyone, m, len(fam))
    for i in range(len(everyone.ids)):
        told = COMPONENTS[found.component[i]] if found.component[i] >= 0 else None
        assert told == plain_component(everyone, i, m), i


@pytest.mark.parametrize(
    ("born", "day", "level"),
    [
        ("2012-03-15", (2018, 6), "none"),  # six since March, and school begins in July
        ("2012-03-15", (2018, 7), "sd"),
        ("2012-07-31", (2018, 7), "sd"),
        ("2012-08-01", (2018, 7), "none"),
        ("2012-08-01", (2019, 7), "sd"),
        ("2012-03-15", (2024, 6), "sd"),
        ("2012-03-15", (2024, 7), "smp"),
        ("2012-03-15", (2027, 7), "sma"),
        ("2012-03-15", (2030, 7), "tertiary"),
        ("2012-03-15", (2033, 7), "none"),
    ],
)
def test_a_childs_way_through_school_by_hand(born, day, level):
    """Six years of SD, three of SMP, three of SMA, from the first July after the sixth birthday."""
    child = one_family([(CHILD, born)], limit=15)
    assert SCHOOL[households.schooling(child, month(*day))[0][0]] == level


def one_family(members, limit=15):
    """A family by hand: (relation, birth date) of each."""
    n = len(members)
    relation = np.array([r for r, _ in members])
    birth = np.array([b for _, b in members], "M8[D]")
    child, born = relation == CHILD, birth.astype("M8[M]").astype(int)
    entry = np.where(child, 1970 + (born + 72 + 5) // 12, 9999)
    return households.People(
        ids=np.arange(n, dtype=np.uint64), family=np.zeros(n, int), ordinal=np.arange(n), birth=birth, birth_month=born,
        female=np.ones(n, bool), relation=relation, disabled=np.zeros(n, bool), child=child, entry=entry,
        limit=np.full(n, limit), education=np.zeros(n, int), works=np.zeros(n, bool), gone_on=np.full(n, NEVER),
        died=np.zeros(n, bool), here_from=born + 1, here_to=np.full(n, 99_999),
        caretaker_from=np.where(relation == CARETAKER, np.datetime64("1900-01-01"), NEVER), ends_on=np.full(1, NEVER),
        elderly_from=60,
    )  # fmt: skip


def test_a_leaver_of_school_has_no_component():
    leaver = one_family([(CHILD, "2008-01-10")], limit=9)
    assert [households.components(leaver, month(y, 7))[0] for y in (2022, 2023)] == [COMPONENTS.index("smp"), -1]


def test_a_mother_is_pregnant_until_the_birth():
    """Born on 20 May 2020: 270 days before is 24 August 2019, and from the May of the birth on the child counts."""
    family = one_family([(CARETAKER, "1990-05-05"), (CHILD, "2020-05-20")])
    expects = {(y, n): bool(households.pregnant(family, month(y, n))[0]) for y in (2019, 2020) for n in range(1, 13)}
    assert [k for k, v in expects.items() if v] == [(2019, n) for n in range(8, 13)] + [(2020, n) for n in range(1, 6)]
    assert COMPONENTS[households.components(family, month(2020, 6))[1]] == "early_childhood"
    assert households.components(family, month(2020, 4))[1] == -1


@pytest.mark.parametrize(("born", "found"), [("1960-07-31", True), ("1960-08-01", False)])
def test_old_age_begins_in_the_month_of_the_sixtieth_birthday(born, found):
    old = one_family([(PARENT, born)])
    assert (households.components(old, month(2020, 7))[0] == COMPONENTS.index("elderly")) == found


def test_nobody_is_enrolled_without_a_component(people):
    fam, everyone = people
    eligible = set()
    for m in {(d.year, d.month) for d in fam.enrolled_on.tolist()}:
        now = month(*m)
        roll = households.roll(everyone, now, len(fam))
        after = households.roll(everyone, month(m[0] + m[1] // 12, m[1] % 12 + 1), len(fam))
        mine = (fam.enrolled_on >= now.start) & (fam.enrolled_on < now.end)
        for seen in (roll, after):
            eligible |= set(
                np.nonzero(mine & (np.bincount(everyone.family[seen.component >= 0], minlength=len(fam)) > 0))[0]
            )
    assert len(eligible) > 0.998 * len(fam)


def test_families_are_as_large_and_as_many_headed_by_women_as_stated(people):
    """Shares of what the settings say, within four standard deviations."""
    fam, everyone = people
    n = len(fam)
    partners = np.bincount(everyone.family[everyone.relation == HEAD], minlength=n)
    young = years_between(fam.birth, fam.enrolled_on) < 68
    parents = np.bincount(everyone.family[everyone.relation == PARENT], minlength=n)
    for found, name in ((partners[young], "partners"), (parents, "parents"), (fam.female, "women")):
        share = simulated.SETTINGS["household"][name]
        assert abs(found.mean() - share) < 4 * np.sqrt(share * (1 - share) / len(found)), name
    assert (np.bincount(everyone.family[everyone.relation == CARETAKER], minlength=n) == 1).all()
    assert 3.3 < households.roll(everyone, month(2020, 1), n).size.mean() < 4.8


def test_children_are_born_until_their_mother_is_44(people):
    fam, everyone = people
    child = everyone.relation == CHILD
    mother = years_between(fam.birth[everyone.family[child]], everyone.birth[child])
    assert mother.min() >= 15
    assert mother.max() <= 44
    assert (everyone.birth[child] < fam.enrolled_on[everyone.family[child]]).mean() > 0.5


def test_nobody_is_gone_before_the_family_is_seen(people):
    fam, everyone = people
    first = np.maximum(fam.seen_from[everyone.family], everyone.birth)
    unborn = everyone.gone_on <= everyone.birth  # whose mother was gone before
    assert (everyone.gone_on[~unborn] >= first[~unborn]).all()
    assert (everyone.relation[unborn] == CHILD).all()
    assert (fam.seen_from >= BEGINS).all()
    assert (fam.seen_from > fam.enrolled_on).all()


@pytest.mark.parametrize("age", [40, 60, 75])
def test_lives_end_as_gompertz_says(age):
    """Alive t years on with chance exp(-(a / b) (exp(b (x + t)) - exp(b x))), a = 0.01 exp(-60 b), b = 0.095."""
    n, b = 20_000, 0.095
    config, since = simulated.config().household, np.full(20_000, np.datetime64("2020-01-01"))
    birth = since - np.timedelta64(round(age * 365.2425), "D")
    none = np.zeros(n, bool)
    gone, died = households._gone((birth, none, none), since, np.arange(n, dtype=np.uint64), config,
                                  Streams(4).at("people"))  # fmt: skip
    assert died.all()
    lived = (gone - since).astype(int) / 365.2425
    a = 0.01 * np.exp(-60 * b)
    for t in (1, 5, 10, 20):
        alive = np.exp(-a / b * (np.exp(b * (age + t)) - np.exp(b * age)))
        assert abs((lived > t).mean() - alive) < 4 * np.sqrt(alive * (1 - alive) / n) + 1e-3  # whole days


def test_children_leave_home_from_nineteen_on_with_the_mean_stated():
    """Memoryless: from the nineteenth birthday, or from when the family is seen, sixteen years on average."""
    n, since = 20_000, np.full(20_000, np.datetime64("2020-01-01"))
    everyone, none = np.ones(n, bool), np.zeros(n, bool)
    config = simulated.config({"household": {"mortality_at_60": 0.0000001}}).household
    for age, from_age in ((5, 19), (25, 25)):
        birth = since - np.timedelta64(round(age * 365.2425), "D")
        gone, died = households._gone((birth, everyone, none), since, np.arange(n, dtype=np.uint64), config,
                                      Streams(4).at("people"))  # fmt: skip
        left = ~died
        stayed = (gone - birth).astype(int)[left] / 365.2425 - from_age
        assert stayed.min() > -0.01
        shares = [(stayed > t).mean() for t in (4, 8, 16)]
        assert shares == pytest.approx(np.exp(-np.array([4, 8, 16]) / 16), abs=4 * 0.5 / np.sqrt(n) + 2e-3)


class TestHeirs:
    """A family by hand: caretaker, partner, a child born 2000 and one born 1995, a parent."""

    RELATIONS = np.array([CARETAKER, HEAD, CHILD, CHILD, PARENT, ELSE])
    SLOTS = np.array([["1975-01-01", "1972-01-01", "1995-06-01", "2000-06-01", "1950-01-01", "1990-01-01"]], "M8[D]")

    def heirs(self, gone, died=None, absent=()):
        """When each member becomes the caretaker, and when the last adult dies."""
        slots = self.SLOTS.copy()
        slots[0, list(absent)] = NOT_A_DAY
        there = ~np.isnat(slots)
        days = np.array([gone.get(k, NEVER) for k in np.nonzero(there[0])[0]], "M8[D]")
        dead = np.array([k in (gone if died is None else died) for k in np.nonzero(there[0])[0]])
        since, ends = households._heirs((slots, there, self.RELATIONS), days, dead)
        order = sorted((str(s), int(k)) for s, k in zip(since, np.nonzero(there[0])[0], strict=True) if s < NEVER)
        return [k for _, k in order], str(ends[0]), [s for s, _ in order]

    def test_the_partner_comes_first(self):
        order, ends, days = self.heirs({0: np.datetime64("2019-03-05")})
        assert (order, ends, days[1]) == ([0, 1], str(NEVER), "2019-03-05")

    def test_then_the_eldest_child_of_age(self):
        assert self.heirs({0: np.datetime64("2019-03-05")}, absent=[1])[0] == [0, 2]
        gone = {0: np.datetime64("2019-03-05"), 1: np.datetime64("2020-03-05")}
        assert self.heirs(gone)[0] == [0, 1, 2]

    def test_a_child_only_of_age(self):
        """In 2012 the one born 1995 is 17, so that a relative follows; without one the parent does."""
        assert self.heirs({0: np.datetime64("2012-03-05")}, absent=[1])[0] == [0, 5]
        assert self.heirs({0: np.datetime64("2012-03-05")}, absent=[1, 5])[0] == [0, 4]

    def test_nobody_follows_who_is_gone_before(self):
        gone = {0: np.datetime64("2019-03-05"), 1: np.datetime64("2018-03-05"), 2: np.datetime64("2018-03-05")}
        assert self.heirs(gone)[0] == [0, 3]

    def test_the_family_ends_with_its_last_adult(self):
        order, ends, _ = self.heirs({0: np.datetime64("2012-03-05")}, absent=[1, 4, 5])
        assert (order, ends) == ([0], "2012-03-05")
        order, ends, _ = self.heirs({0: np.datetime64("2012-03-05"), 4: np.datetime64("2016-01-01")}, absent=[1, 2, 5])
        assert (order, ends) == ([0, 4], "2016-01-01")

    def test_who_leaves_home_does_not_end_it_by_death(self):
        gone = {0: np.datetime64("2019-03-05"), 2: np.datetime64("2020-03-05")}
        _, ends, _ = self.heirs(gone, died={0}, absent=[1, 3, 4, 5])
        assert ends == str(NEVER)


def test_a_family_whose_last_adult_died_leaves_by_death_on_that_day():
    world = simulated.large()
    _, fam, everyone = simulated.cast(world.config)
    died = [r for r in world.rows("exits") if r["cause"] == "died"]
    assert len(died) > 20
    for row in died:
        k = int(row["kpm_id"][1:])
        assert everyone.ends_on[k] == np.datetime64(row["exit_on"])
        assert not (
            everyone.died[everyone.family == k] & (everyone.gone_on[everyone.family == k] < fam.seen_from[k])
        ).any()
    left = defaultdict(list)
    for row in world.rows("exits"):
        left[int(row["kpm_id"][1:])].append(row["exit_on"])
    until = np.datetime64(world.config.simulated_until)
    for k in np.nonzero(everyone.ends_on <= until)[0]:
        assert left[k], k
        assert np.datetime64(max(left[k])) <= everyone.ends_on[k], k


def test_children_are_in_school_by_age():
    """Entered in the July after the sixth birthday: on any first of a month, primary school from 6 to under 13."""
    for m in simulated.small().rows("members"):
        age = int(years_between(np.datetime64(m["birth_date"]), np.datetime64(m["valid_from"])))
        if m["in_school"] == "sd" and m["valid_from"].day == 1:
            assert 6 <= age <= 12
        if m["relation"] == "child" and m["in_school"] == "none":
            assert age <= 6 or age >= 12


class TestTheRoster:
    def test_rows_close_where_the_next_one_starts_or_the_member_is_gone(self):
        world = simulated.small(later=True)
        _, _, everyone = simulated.cast(world.config)
        last_day = {f"K{int(i) // 16:09d}": {} for i in everyone.ids}
        for i, k, gone in zip(everyone.ids, everyone.ordinal, everyone.gone_on, strict=True):
            kpm = f"K{int(i) // 16:09d}"
            last_day[kpm][f"{kpm}-{int(k):02d}"] = gone.item()
        closed = 0
        for kpm, members in world.rosters().items():
            for member, rows in members.items():
                for before, after in pairwise(rows):
                    assert before["valid_to"] == after["valid_from"]
                ends = rows[-1]["valid_to"]
                assert ends is None or ends == last_day[kpm][member]
                assert rows[-1]["valid_from"] < last_day[kpm][member]
                closed += ends is not None
        assert closed > 100

    def test_a_new_row_says_something_new(self):
        says = ("relation", "in_school", "education_level", "pregnant", "working")
        for members in simulated.small(later=True).rosters().values():
            for rows in members.values():
                for before, after in pairwise(rows):
                    assert any(before[c] != after[c] for c in says)

    def test_there_is_one_caretaker_at_a_time(self):
        """The heir's first row as caretaker begins on or after the day on which the one before was gone."""
        heirs = 0
        for members in simulated.small(later=True).rosters().values():
            spans = sorted((rows[0]["valid_from"], m) for m, own in members.items()
                           if (rows := [r for r in own if r["relation"] == "caretaker"]))  # fmt: skip
            heirs += len(spans) - 1
            assert len(spans) >= 1
        assert heirs > 10

    def test_deaths_are_entered_late_and_some_never(self):
        """15 % of the members who died while their family was in it stay on the roster, the others' rows close."""
        world = simulated.large()
        _, _, everyone = simulated.cast(world.config)
        rosters = world.rosters()
        inside = {kpm: simulated.spells(story) for kpm, story in world.events().items()}
        closed = []
        old = np.datetime64("2022-01-01")
        for i in np.nonzero(everyone.died & (everyone.gone_on < old) & (everyone.gone_on >= BEGINS))[0]:
            kpm = f"K{int(everyone.family[i]):09d}"
            rows = rosters[kpm].get(f"{kpm}-{int(everyone.ordinal[i]):02d}")
            if rows and any(a <= everyone.gone_on[i].item() < b for a, b in inside[kpm]):
                closed.append(rows[-1]["valid_to"] is not None)
        assert len(closed) > 100
        # Nearly all lags (mean 200 days) are over within 3.5 years: exp(-6.4) = 0.002.
        assert abs(np.mean(closed) - 0.85) < 4 * np.sqrt(0.85 * 0.15 / len(closed)) + 0.005

    def test_words_are_those_of_the_contract(self):
        rows = simulated.small().rows("members")
        assert {r["relation"] for r in rows} == {"caretaker", "head", "child", "parent", "other"} <= set(RELATION)
        assert sum(r["pregnant"] for r in rows) > 20
        assert all(r["sex"] == "F" and r["relation"] == "caretaker" for r in rows if r["pregnant"])


def test_who_has_a_disabled_member_by_design_never_loses_the_component():
    config = simulated.config(ONE, simulated.changes_of("no_signal"), {"families": 500})
    _, fam, everyone = simulated.cast(config)
    for year in (2018, 2026):
        roll = households.roll(everyone, month(year, 5), len(fam))
        assert set(everyone.family[roll.component == COMPONENTS.index("disability")].tolist()) == set(range(500))


def test_the_elderly_component_begins_where_the_setting_says():
    config = simulated.config(ONE, {"families": 300, "household": {"elderly_from": 70}})
    _, fam, everyone = simulated.cast(config)
    found = households.roll(everyone, month(2022, 5), len(fam)).component == COMPONENTS.index("elderly")
    ages = everyone.age(month(2022, 5))[found]
    assert ages.min() == 70
    assert simulate.blocks(config)[0].regency == "3315"
