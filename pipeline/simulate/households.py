"""The families and their rosters: who is born when, goes to which school, and which component that gives."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from pipeline.config import BaseConfig
from pipeline.simulate.draws import (
    NOT_A_DAY,
    Array,
    Month,
    Positive,
    Share,
    Streams,
    Year,
    ordinal,
    pick,
    years_between,
)
from pipeline.simulate.places import Config as PlacesConfig
from pipeline.simulate.places import Posts
from pipeline.tables import Commitments, Members

COMPONENTS = Commitments.column("component").values
SCHOOL = Members.column("in_school").values
RELATION = Members.column("relation").values
PREGNANCY, EARLY, ELDERLY, DISABILITY = (COMPONENTS.index(c) for c in
                                         ("pregnancy", "early_childhood", "elderly", "disability"))  # fmt: skip
ITEMS = 20  # dwelling and asset items that each family has its own inclination to
YEAR = 365.2425


class Config(BaseConfig):
    enrolment_shares: Annotated[dict[Year, Share], Field(min_length=1)]
    women: Share
    elder_caretakers: Share
    caretaker_age: Annotated[float, Field(ge=20, le=60)]
    caretaker_age_spread: Annotated[float, Field(gt=0, le=20)]
    partners: Share
    parents: Share
    disabled: Share
    first_birth_age: Annotated[float, Field(ge=16, le=40)]
    next_births: Annotated[list[Share], Field(min_length=1, max_length=8)]
    leaves_after_sd: Share
    leaves_after_smp: Share
    goes_on_to_tertiary: Share
    elderly_from: Annotated[int, Field(ge=50, le=90)]
    education: dict[str, Positive]
    women_working: Share
    identity_flaws: Share
    sembako: Share
    by_post_office: Share


@dataclass(frozen=True)
class Families:
    """One row per family: what never changes."""

    post: Array
    village: Array  # 10-digit codes
    urban: Array
    customary: Array
    enrolled_on: Array
    known_on: Array  # recorded_on of the kpm row
    birth: Array  # of the caretaker
    birth_month: Array
    enrolment_month: Array
    female: Array
    identity_flaw: Array
    sembako: Array
    by_post_office: Array
    inclination: Array  # families x ITEMS, standard normal

    def __len__(self) -> int:
        return len(self.post)

    def age(self, month: Month) -> Array:
        return np.asarray((month.ordinal - self.birth_month) // 12)


@dataclass(frozen=True)
class Roster:
    """One row per member: what never changes. `entry` is the year of entering primary school, `limit` how many years
    of school the child will complete; adults have neither."""

    family: Array
    ordinal: Array
    birth: Array
    birth_month: Array
    female: Array
    relation: Array
    disabled: Array
    child: Array
    entry: Array
    limit: Array
    education: Array
    works: Array
    elderly_from: int

    def age(self, month: Month) -> Array:
        return np.asarray((month.ordinal - self.birth_month) // 12)


def families(config: Config, places: PlacesConfig, posts: Posts, n: int, streams: Streams) -> Families:
    """`n` families with their caretakers, spread over the posts."""
    rng = streams.at("families")
    post = np.sort(rng.integers(0, len(posts), n))
    enrolled = _enrolled(config, n, rng)
    elder = rng.random(n) < config.elder_caretakers
    age = np.where(elder, rng.uniform(60, 79, n), rng.normal(config.caretaker_age, config.caretaker_age_spread, n))
    village = np.array([posts.villages[p][rng.integers(len(posts.villages[p]))] for p in post])
    regency = np.array([posts.regency[p] for p in post])
    customary = np.array([places.customary.get(r, places.customary.get("other", 0.0)) for r in regency])
    urban = np.array([v[6] == "1" for v in village]) | (rng.random(n) < places.urban_desa)
    birth = enrolled - _years(np.where(elder, age, np.clip(age, 20, 59.5)))
    return Families(
        post, _some_unknown(village, places.unknown_villages, rng), urban,
        customary=rng.random(n) < customary,
        enrolled_on=enrolled,
        known_on=enrolled + rng.integers(5, 46, n).astype("m8[D]"),
        birth=birth,
        birth_month=ordinal(birth),
        enrolment_month=ordinal(enrolled),
        female=rng.random(n) < config.women,
        identity_flaw=rng.random(n) < config.identity_flaws,
        sembako=rng.random(n) < config.sembako,
        by_post_office=rng.random(n) < config.by_post_office,
        inclination=rng.normal(size=(n, ITEMS)),
    )  # fmt: skip


def _enrolled(config: Config, n: int, rng: np.random.Generator) -> Array:
    """New families enter in the first quarter of a year, when the year's list of recipients is set."""
    year = np.array(list(config.enrolment_shares))[pick(rng, config.enrolment_shares, n)]
    month = (year - 1970).astype("M8[Y]").astype("M8[M]") + rng.integers(0, 3, n)
    return np.asarray(month.astype("M8[D]") + rng.integers(0, 28, n))


def _some_unknown(village: Array, share: float, rng: np.random.Generator) -> Array:
    """Codes that no list has: the regency stays right, as after a village was split."""
    unknown = np.array([v[:6] + "9999" for v in village])
    return np.where(rng.random(len(village)) < share, unknown, village)


def roster(fam: Families, config: Config, streams: Streams) -> Roster:
    """Everybody who is or will be in the families; children are born until their mother is 44."""
    rng = streams.at("roster")
    n = len(fam)
    births = _births(fam, config, rng)
    parent = np.where(rng.random(n) < config.parents, fam.birth - _years(rng.uniform(19, 30, n)), NOT_A_DAY)
    partner = np.where(rng.random(n) < config.partners, fam.birth - _years(rng.normal(3, 4, n)), NOT_A_DAY)
    partner = np.where(years_between(fam.birth, fam.enrolled_on) < 68, partner, NOT_A_DAY)
    young = fam.enrolled_on - _years(rng.uniform(0.5, 13, n))
    columns = [fam.birth, partner, *births.T, parent, young]
    relation = ["caretaker", "head", *["child"] * births.shape[1], "parent", "other"]
    slots = np.column_stack(columns)
    everyone = _assemble(slots, relation, fam, config, streams)
    # Nobody is enrolled without a component: who would have none brings up a grandchild.
    needy = np.bincount(everyone.family[_enrolled_with(everyone, fam)], minlength=n) == 0
    slots[~needy, -1] = NOT_A_DAY
    return _assemble(slots, relation, fam, config, streams)


def _years(years: Array) -> Array:
    return np.asarray((years * YEAR).astype("m8[D]"))


def _births(fam: Families, config: Config, rng: np.random.Generator) -> Array:
    n = len(fam)
    births = [fam.birth + _years(np.clip(rng.normal(config.first_birth_age, 4, n), 16, 43))]
    there = [np.ones(n, bool)]
    for chance in config.next_births:
        births.append(births[-1] + _years(rng.uniform(1.5, 6, n)))
        mother = years_between(fam.birth, births[-1])
        there.append(there[-1] & (rng.random(n) < chance) & (mother < 44))
    found = np.column_stack(births)
    at_home = years_between(found, fam.enrolled_on[:, None]) < 22
    return np.where(np.column_stack(there) & at_home, found, NOT_A_DAY)


def _assemble(slots: Array, relation: list[str], fam: Families, config: Config, streams: Streams) -> Roster:
    rng = streams.at("members")
    n, width = slots.shape
    there = ~np.isnat(slots)
    role = np.tile([RELATION.index(r) for r in relation], (n, 1))
    caretaker, head, child = role == 0, role == 1, (role == RELATION.index("child")) | (role == RELATION.index("other"))
    coin, own = rng.random((n, width)) < 0.5, fam.female[:, None]
    female = np.where(caretaker, own, np.where(head, ~own, coin))
    alone = caretaker & ~there[:, [1]]
    works = rng.random((n, width)) < np.where(head | alone, 0.93, np.where(caretaker, config.women_working, 0.75))
    limit = rng.choice([6, 9, 12, 15], size=(n, width), p=_limits(config))
    education = pick(rng, config.education, n * width).reshape(n, width)
    disabled = rng.random((n, width)) < config.disabled
    born = ordinal(slots)
    # The first July after the sixth birthday: no child is seven before it enters school.
    entry = 1970 + (born + 72 + 5) // 12
    return Roster(
        np.nonzero(there)[0], (there.cumsum(1) - 1)[there], slots[there], born[there], female[there],
        role[there], disabled[there], child[there], np.where(child, entry, 9999)[there], limit[there], education[there],
        works[there], config.elderly_from,
    )  # fmt: skip


def _limits(config: Config) -> list[float]:
    sd, smp, on = config.leaves_after_sd, config.leaves_after_smp, config.goes_on_to_tertiary
    return [sd, (1 - sd) * smp, (1 - sd) * (1 - smp) * (1 - on), (1 - sd) * (1 - smp) * on]


def _enrolled_with(people: Roster, fam: Families) -> Array:
    """Members, other than the candidate grandchild, who give a component on the day of enrolment."""
    on = fam.enrolled_on[people.family]
    eligible = people.child & (people.relation == RELATION.index("child")) & (people.birth <= on)
    grade = 1970 + (ordinal(on) - 6) // 12 - people.entry
    old = years_between(people.birth, on) >= people.elderly_from
    pupil = eligible & (grade < people.limit) & (grade < 12)
    return np.asarray(pupil | old | (people.disabled & (people.birth <= on)))


def schooling(people: Roster, month: Month) -> tuple[Array, Array]:
    """Level attended and highest level completed, as positions in SCHOOL; school years start on 1 July."""
    grade = month.year - (month.number < 7) - people.entry
    attends = people.child & (grade >= 0) & (grade < people.limit)
    level = np.where(attends, np.searchsorted([0, 6, 9, 12], grade, side="right"), 0)
    done = np.searchsorted([6, 9, 12, 15], np.minimum(grade, people.limit), side="right")
    return level, np.where(people.child, done, people.education)


def born(people: Roster, month: Month) -> Array:
    return np.asarray(people.birth <= month.start)


def expecting(people: Roster, month: Month) -> Array:
    """Rows of children whose birth is awaited in this month: the pregnancy is their mother's."""
    due = (people.birth > month.start) & (people.birth - np.timedelta64(270, "D") < month.end)
    return np.asarray(due & (people.relation == RELATION.index("child")))


def pregnant(people: Roster, month: Month) -> Array:
    """Caretakers who are expecting."""
    awaited = np.bincount(people.family[expecting(people, month)], minlength=int(people.family.max()) + 1) > 0
    return np.asarray((people.relation == 0) & people.female & awaited[people.family])


def components(people: Roster, month: Month) -> Array:
    """Each member's component of PKH (position in COMPONENTS, -1 without), read off birth dates and school level."""
    level, _ = schooling(people, month)
    there = born(people, month)
    before_school = people.child & there & (month.year - (month.number < 7) < people.entry)
    old = people.age(month) >= people.elderly_from
    pupil = there & (level > 0) & (level < 4)
    cases = [there & people.disabled, there & old, pregnant(people, month), before_school, pupil]
    return np.select(cases, [DISABILITY, ELDERLY, PREGNANCY, EARLY, level + 1], -1)
