"""The coming years of a family: by hand, against a plain second version, and against a simulated world's truth."""

from datetime import date, timedelta
from functools import cache, cached_property
from itertools import pairwise
from typing import Any

import ibis
import numpy as np
import pandas as pd
import pytest
import simulated
from pydantic import ValidationError
from studies import values
from worlds import table

from pipeline import last_component, lifecycle
from pipeline.errors import BadInput
from pipeline.lifecycle import KINDS, Config

AS_OF = date(2025, 6, 30)
CONFIG = Config(**values("lifecycle"))
RATES = values("lifecycle")["rates"][2020]
BLANK: dict[str, Any] = {
    "kpm_id": "k", "member_id": "m", "nik": None, "sex": "F", "birth_date": None, "relation": "child",
    "education_level": None, "in_school": "none", "severe_disability": False, "pregnant": False, "working": None,
    "valid_from": date(2024, 1, 1), "valid_to": None, "recorded_on": date(2024, 1, 2),
}  # fmt: skip
FAR = date(9999, 12, 31)


def person(**facts: Any) -> dict[str, Any]:
    return BLANK | facts


def pupil(birth: date, level: str | None, **facts: Any) -> dict[str, Any]:
    return person(birth_date=birth, in_school=level, member_id=f"p{birth}", **facts)


def mother(birth: date, **facts: Any) -> dict[str, Any]:
    return person(birth_date=birth, member_id="mother", relation="caretaker", **facts)


def tables(people: list[dict[str, Any]], **more: Any) -> dict[str, ibis.expr.types.Table]:
    families = sorted({p["kpm_id"] for p in people})
    entered = [{"kpm_id": f, "effective_on": date(2019, 1, 1), "event": "enrolled", "reason": None,
                "recorded_on": date(2019, 1, 2)} for f in families]  # fmt: skip
    paid = [{"kpm_id": "nobody", "programme": "PKH", "period": "2025Q1", "paid_on": date(2025, 1, 9), "amount": 1,
             "status": "disbursed", "channel": "bank", "recorded_on": date(2025, 1, 9)}]  # fmt: skip
    found = {"members": people, "membership": entered, "payments": paid} | more
    return {name: table(name, pd.DataFrame(rows)) for name, rows in found.items()}


class Projected:
    """All that is projected for some people."""

    def __init__(self, people: list[dict[str, Any]], as_of: date = AS_OF, **more: Any) -> None:
        found = tables(people, **more)
        self.as_of = as_of
        self.course = ibis.memtable(lifecycle.courses(found, as_of, CONFIG).to_pyarrow())
        self.kept = ibis.memtable(lifecycle.families(found, self.course, as_of).to_pyarrow())

    @cached_property
    def years(self) -> pd.DataFrame:
        ids = self.kept.select("kpm_id")
        each = [lifecycle.year(self.course, ids, n, self.as_of, CONFIG).to_pandas() for n in range(CONFIG.years + 1)]
        return pd.concat(each, ignore_index=True)

    @cached_property
    def families(self) -> pd.DataFrame:
        return lifecycle.losses(ibis.memtable(self.years), self.kept, CONFIG).to_pandas()

    @cached_property
    def endings(self) -> pd.DataFrame:
        return lifecycle.endings(self.course, self.kept, self.as_of, CONFIG).to_pandas()

    def benefits(self) -> list[int]:
        return [int(b) for b in self.years["benefit"]]

    def ends(self) -> list[tuple[str, str, str]]:
        rows = self.endings.to_dict("records")
        return [(r["kind"], str(pd.Timestamp(r["ends_on"]).date()), r["becomes"]) for r in rows]

    def last(self) -> date | None:
        found = self.kept.to_pandas()["last_component_ends_on"].iloc[0]
        return None if pd.isna(found) else pd.Timestamp(found).date()


def test_a_girl_in_sma_by_hand():
    """Born in March 2009: SD from July 2015, SMA to July 2027; 4 tahap of 500,000 in each of two years."""
    p = Projected([pupil(date(2009, 3, 10), "sma"), mother(date(1985, 1, 1))])
    assert p.ends() == [("sma", "2027-07-01", "none")]
    assert p.endings["last"].tolist() == [True]
    assert p.benefits() == [2_000_000, 2_000_000, 0, 0, 0, 0]
    assert p.last() == date(2027, 7, 1)
    row = p.families.iloc[0]
    assert (row["loses_a_year"], row["loses_in_years"], row["loses_in_years_sma"]) == (2_000_000, 4_000_000, 4_000_000)
    assert p.years["adults"].tolist() == [1, 1, 1, 2, 2, 2], "of age on 10 March 2027, in SMA until July"


def test_a_child_goes_through_all_levels():
    """Born on 5 May 2019: early childhood until seven, then SD, which it entered in July 2025."""
    p = Projected([pupil(date(2019, 5, 5), "none")])
    assert p.ends() == [("early_childhood", "2026-05-05", "sd")]
    # Early childhood in the tahap of July, October, January and April 2026, then four of 225,000 a year.
    assert p.benefits() == [3_000_000, 900_000, 900_000, 900_000, 900_000, 900_000]
    assert p.last() == date(2037, 7, 1), "SD 2025, SMP 2031, SMA 2034"


@pytest.mark.parametrize(
    ("birth", "level", "last"),
    [
        (
            date(2009, 3, 1),
            "smp",
            date(2028, 7, 1),
        ),  # SMP by age over in 2024: it ends in the coming July, SMA in three
        (date(2011, 3, 1), "sma", date(2027, 7, 1)),  # by age 2029; who is in SMA has at most two more years after July
        (date(2008, 9, 1), "sma", date(2027, 7, 1)),  # born after July: entered in 2015
        (date(2008, 7, 31), "sma", date(2026, 7, 1)),  # born in July: entered in 2014
        (date(2003, 9, 1), "sma", date(2025, 7, 1)),  # 21 still: until the coming July
        (date(2008, 3, 1), None, date(2026, 7, 1)),  # level unknown: as the birth date says
        (date(2006, 8, 15), None, date(2025, 7, 1)),  # unknown and 18: the coming July, before the nineteenth birthday
    ],
)
def test_the_level_on_record_corrects_the_birth_date(birth, level, last):
    assert Projected([pupil(birth, level)]).last() == last


def test_a_pupil_without_birth_date_is_read_in_the_familys_favour():
    assert Projected([person(in_school="smp")]).last() == date(2030, 7, 1), "SMP to 2027 at the latest, SMA to 2030"


def test_an_awaited_child_is_born_and_grows_up():
    """Told of on 10 May 2025: born nine months later. Tahap of July, October and January for her, April's for it."""
    p = Projected(
        [mother(date(1995, 1, 1), pregnant=True, valid_from=date(2025, 5, 10), recorded_on=date(2025, 5, 11))]
    )
    assert p.ends() == [("pregnancy", "2026-02-10", "early_childhood")]
    assert p.benefits() == [3_000_000] * 6
    assert p.years["members"].tolist() == [1, 2, 2, 2, 2, 2]
    assert p.families["loses_in_years_pregnancy"].iloc[0] == 3 * 750_000


def test_a_pregnancy_long_overdue_is_believed_for_another_month():
    p = Projected([mother(date(1995, 1, 1), pregnant=True, valid_from=date(2024, 1, 1))])
    assert p.ends() == [("pregnancy", "2025-07-30", "early_childhood")]


def test_four_most_expensive_components_are_paid():
    """3.0 + 3.0 + 2.4 + 2.4 million; the pupil of SMA, 2.0 million, is the fifth."""
    home = [pupil(date(2023, 1, 1), "none"), pupil(date(2024, 1, 1), "none"), mother(date(1950, 1, 1)),
            person(member_id="d", severe_disability=True, birth_date=date(1990, 1, 1)),
            pupil(date(2010, 1, 1), "sma")]  # fmt: skip
    p = Projected(home)
    assert p.years["components"].iloc[0] == 5
    assert p.benefits()[0] == 10_800_000
    assert p.years["benefit_sma"].tolist()[:5] == [0] * 5


@pytest.mark.parametrize(("birth", "last"), [(date(1967, 1, 1), None), (date(1967, 8, 1), date(2027, 7, 1))])
def test_who_turns_sixty_in_time_takes_over(birth, last):
    p = Projected([pupil(date(2010, 3, 10), "sma"), mother(birth)])
    assert p.last() == last


def test_severe_disability_stays_and_outranks_school():
    p = Projected([pupil(date(2014, 3, 10), "sd", severe_disability=True)])
    assert p.last() is None
    assert p.ends() == []
    assert p.years["disability"].tolist() == [1] * 6


def test_twins_end_together():
    twins = [person(member_id=m, birth_date=date(2013, 3, 1), in_school="sd") for m in "ab"]
    p = Projected(twins)
    assert p.endings["persons"].tolist() == [2, 2]
    assert p.endings["rupiah_a_year"].tolist() == [1_800_000, 3_000_000]
    assert p.endings["next_rupiah_a_year"].tolist() == [3_000_000, 4_000_000]


def test_a_birthday_on_29_february_is_kept_on_1_march():
    p = Projected([pupil(date(2020, 2, 29), "none")])
    assert p.ends() == [("early_childhood", "2027-03-01", "sd")]


def test_a_family_without_roster_has_nothing_to_lose():
    p = Projected([pupil(date(2010, 3, 10), "sma", recorded_on=date(2025, 7, 1))])
    assert p.benefits() == [0] * 6, "the row was not known on the day"
    assert p.last() is None
    assert p.families["members"].tolist() == [0]


def test_what_stays_after_pkh():
    """Two members: 2 x 12 x 42,000 of PBI-JK; Sembako 12 x 200,000. A programme that has ended does not count."""
    run = {"kpm_id": "k", "programme": "PBI", "phase": None, "started_on": date(2020, 1, 1), "ended_on": None,
           "amount": None, "recorded_on": date(2020, 1, 1)}  # fmt: skip
    food = {"kpm_id": "k", "programme": "BPNT", "period": "2025Q1", "paid_on": date(2025, 1, 9), "amount": 600_000,
            "status": "disbursed", "channel": "bank", "recorded_on": date(2025, 1, 9)}  # fmt: skip
    home = [pupil(date(2010, 3, 10), "sma"), mother(date(1985, 1, 1))]
    row = Projected(home, programmes=[run], payments=[food]).families.iloc[0]
    assert (row["keeps_pbi_a_year"], row["sembako_a_year"]) == (1_008_000, 2_400_000)
    over = run | {"ended_on": date(2025, 1, 1)}
    stale = food | {"paid_on": date(2024, 6, 30)}
    row = Projected(home, programmes=[over], payments=[stale]).families.iloc[0]
    assert (row["keeps_pbi_a_year"], row["sembako_a_year"]) == (0, 0)
    assert pd.isna(Projected(home).families["keeps_pbi_a_year"].iloc[0]), "no table of programmes: not known"


def test_days():
    assert lifecycle.shifted(date(2024, 2, 29), 12) == date(2025, 2, 28)
    assert lifecycle.shifted(date(2025, 10, 31), 4) == date(2026, 2, 28)
    assert lifecycle.payment_days(AS_OF) == [date(2025, 7, 1), date(2025, 10, 1), date(2026, 1, 1), date(2026, 4, 1)]


def test_rates_of_a_year_nobody_knows_stop_the_run():
    with pytest.raises(BadInput, match=r"configs/lifecycle.yaml: rates: nothing is said of 2018"):
        lifecycle.rates(CONFIG, date(2018, 12, 31))
    assert lifecycle.rates(CONFIG, date(2019, 12, 31))["pregnancy"] == 2_400_000
    assert list(lifecycle.rates(CONFIG, AS_OF))[:2] == ["pregnancy", "early_childhood"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"rates": {2020: {"sd": 900_000}}}, "lacks pregnancy"),
        ({"rates": {2020: RATES | {"sd": 900_001}}}, "4 equal parts"),
        ({"rates": {2020: RATES | {"sd": -4}}}, "greater than or equal to 0"),
        ({"most_components": 0}, "greater than 0"),
        ({"horizon": 3}, "not permitted"),
    ],
)
def test_bad_settings_are_refused(change, told):
    with pytest.raises(ValidationError, match=told):
        Config(**values("lifecycle") | change)


# ------------------------------------------------------------------ a plain second version


def turned(birth: date, age: int) -> date:
    year = birth.year + age
    try:
        return birth.replace(year=year)
    except ValueError:
        return date(year, 3, 1)


def plain_course(m: dict[str, Any]) -> dict[str, Any]:
    """One member's days, worked out with nothing but Python."""
    birth, level = m["birth_date"], m["in_school"]
    age = AS_OF.year - birth.year - ((AS_OF.month, AS_OF.day) < (birth.month, birth.day))
    named = level in ("sd", "smp", "sma") and age <= 21
    guessed = level is None and 7 <= age <= 18 and m["education_level"] in (None, "none", "sd", "smp")
    entry = birth.year + 6 + (birth.month > 7)
    leaves = None
    if named or guessed:
        if not named:
            level = "sd" if entry + 6 >= 2025 else "smp" if entry + 9 >= 2025 else "sma"
        ends, lasts = {"sd": (6, 6), "smp": (9, 3), "sma": (12, 3)}[level]
        leaves = min(max(entry + ends, 2025), 2025 + lasts - 1) + 12 - ends
    elif age <= 6:
        leaves = entry + 12
    limit = turned(birth, 19 if guessed else 22)
    return {"birth": birth, "early": turned(birth, 7), "from": AS_OF if named or guessed else date(entry, 7, 1),
            "leaves": leaves, "school": min(date(leaves, 7, 1), limit) if leaves else None,
            "old": turned(birth, 60), "disabled": m["severe_disability"]}  # fmt: skip


def plain_kind(c: dict[str, Any], day: date) -> str | None:
    if day < c["birth"]:
        return None
    if day < c["early"]:
        return "early_childhood"
    if day >= c["old"]:
        return "elderly"
    if c["disabled"]:
        return "disability"
    if c["school"] and c["from"] <= day < c["school"]:
        grade = c["leaves"] - (day.year + (day.month >= 7))
        return "sma" if grade < 3 else "smp" if grade < 6 else "sd"
    return None


def drawn(seed: int, families: int) -> list[dict[str, Any]]:
    rng, found = np.random.default_rng(seed), []
    for f in range(families):
        for m in range(int(rng.integers(1, 6))):
            birth = date(2025, 6, 30) - timedelta(days=int(rng.integers(0, 365 * (26 if m else 75))))
            level = rng.choice(["none", "sd", "smp", "sma", "unknown"])
            found.append(person(
                kpm_id=f"k{f:03d}", member_id=f"m{m}", birth_date=birth,
                in_school=None if level == "unknown" or not m else str(level),
                education_level=[None, "none", "sd", "smp", "sma"][int(rng.integers(0, 5))],
                severe_disability=bool(rng.random() < 0.05),
            ))  # fmt: skip
    return found


@pytest.mark.parametrize("seed", range(2))
def test_a_plain_second_version_agrees(seed):
    people = drawn(seed, 40)
    p = Projected(people)
    homes: dict[str, list[dict[str, Any]]] = {}
    for m in people:
        homes.setdefault(m["kpm_id"], []).append(plain_course(m))
    last = p.families.set_index("kpm_id")["last_component_ends_on"]
    for row in p.years.to_dict("records"):
        home = homes[row["kpm_id"]]
        on = pd.Timestamp(row["on"]).date()
        now = [plain_kind(c, on) for c in home]
        assert [row[k] for k in KINDS] == [now.count(k) for k in KINDS], (row["kpm_id"], on)
        stages = [[plain_kind(c, d) for c in home] for d in lifecycle.payment_days(on)]
        money = [sum(sorted((RATES[k] for k in s if k), reverse=True)[:4]) // 4 for s in stages]
        assert row["benefit"] == sum(money), (row["kpm_id"], on)
        assert row["benefit"] == sum(row[f"benefit_{k}"] for k in KINDS)
    for name, home in homes.items():
        ends = FAR if pd.isna(last[name]) else pd.Timestamp(last[name]).date()
        days = [date(2025, 6, 30) + timedelta(days=n) for n in range(1, 1826)]
        alive = [any(plain_kind(c, d) for c in home) for d in days]
        started = any(plain_kind(c, AS_OF) for c in home)
        first = next((d for d, a in zip(days, alive, strict=True) if not a), FAR) if started else FAR
        assert first == (ends if ends <= days[-1] else FAR), name


@pytest.mark.parametrize("seed", range(2))
def test_endings_are_the_days_on_which_a_members_kind_changes(seed):
    people = drawn(seed + 50, 25)
    found = Projected(people).endings
    told = {(r["kpm_id"], r["kind"], pd.Timestamp(r["ends_on"]).date(), r["becomes"]): r["persons"]
            for r in found.to_dict("records")}  # fmt: skip
    seen: dict[Any, int] = {}
    for m in people:
        c = plain_course(m)
        kinds = [plain_kind(c, AS_OF + timedelta(days=n)) for n in range(1827)]
        for n, (was, now) in enumerate(pairwise(kinds), 1):
            if was and was != now and (was, now) != ("disability", "elderly"):
                key = (m["kpm_id"], was, AS_OF + timedelta(days=n), now or "none")
                seen[key] = seen.get(key, 0) + 1
    assert told == seen


# ------------------------------------------------------------------ a simulated world


@cache
def outcome() -> pd.DataFrame:
    """A simulated world's projections of two and three years ago beside its truth."""
    world = simulated.small()
    found = {name: ibis.memtable(world.tables[name]) for name in ("members", "membership")}
    exits = ibis.memtable(world.truth["exits"].select(["kpm_id", "exit_on", "cause"]))
    days = [lifecycle.shifted(world.extracted_on, -12 * n) for n in (2, 3)]
    made = [lifecycle.checked(lifecycle.last_ends(lifecycle.courses(found, d, CONFIG), d), exits, d, world.extracted_on)
            for d in days]  # fmt: skip
    return pd.concat([m.to_pandas() for m in made])


def test_what_is_foretold_comes_true_in_a_simulated_world():
    found = outcome().sum(numeric_only=True)
    assert found["foretold"] > 60
    assert found["came_true"] / found["foretold"] > 0.9


def test_most_natural_exits_come_when_projected():
    """The others left school early, which no record foretells, or an elderly member died."""
    found = outcome().sum(numeric_only=True)
    assert found["exits"] > 100
    assert found["within_6_months"] / found["exits"] > 0.5
    assert (outcome()["within_6_months"] <= outcome()["projected"]).all()


def test_the_check_by_hand():
    """Left 30 days after the projected day, 400 days after it, without one, and for another reason before it."""
    ends = ibis.memtable(pd.DataFrame({"kpm_id": ["a", "b", "c", "d"], "last_component_ends_on": [
        date(2023, 7, 1), date(2023, 7, 1), None, date(2023, 7, 1)]}))  # fmt: skip
    exits = ibis.memtable(pd.DataFrame({"kpm_id": ["a", "b", "c", "d"], "cause": ["natural"] * 3 + ["moved"],
        "exit_on": [date(2023, 7, 31), date(2024, 8, 4), date(2023, 8, 1), date(2023, 2, 1)]}))  # fmt: skip
    found = lifecycle.checked(ends, exits, date(2022, 12, 31), date(2025, 6, 30)).to_pandas()
    rows = found.drop(columns="as_of").to_dict("records")
    assert rows == [
        {"years_ahead": 1, "exits": 2, "projected": 1, "within_6_months": 1, "foretold": 2, "came_true": 1},
        {"years_ahead": 2, "exits": 1, "projected": 1, "within_6_months": 0, "foretold": 0, "came_true": 0},
    ]
    assert list(lifecycle.unchecked().columns) == list(found.columns)


def test_sums_over_all_families():
    people = [pupil(date(2010, 3, 10), "sma", kpm_id="a"), pupil(date(2008, 3, 10), "sma", kpm_id="b"),
              mother(date(1950, 1, 1), kpm_id="b"), mother(date(1980, 1, 1), kpm_id="c")]  # fmt: skip
    p = Projected(people)
    found = lifecycle.population(ibis.memtable(p.years)).to_pandas()
    assert found["sma"].tolist() == [2, 2, 1, 0, 0, 0], "one to July 2026, one to July 2027"
    assert found["without_component"].tolist() == [1, 1, 1, 2, 2, 2]
    leaving = lifecycle.leaving(ibis.memtable(p.families), AS_OF, CONFIG).to_pandas()
    assert leaving.to_dict("records") == [{"quarter": "2027Q3", "families": 1}]


def test_the_end_beside_the_features_by_hand():
    """30 June to 1 July is one calendar month; B has no end, C is not projected."""
    features = pd.DataFrame({"kpm_id": ["A", "B", "C", "D"]})
    lives = pd.DataFrame(
        {"kpm_id": ["A", "B", "D"], "last_component_ends_on": [date(2025, 7, 1), None, date(2027, 1, 15)]}
    )
    found = last_component.beside(features, lives, date(2025, 6, 30))
    assert found["months_until_last_component_ends"].fillna(-1).tolist() == [1, -1, -1, 19]
    assert found["last_component_ends_on"].iloc[0] == pd.Timestamp(2025, 7, 1)
