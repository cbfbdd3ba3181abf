"""The families and their people: who is born when, goes to which school, leaves home, dies, and which component that
gives. All of it is settled when a family is drawn, so that a month can be looked at without those before it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Annotated

import numpy as np
from pydantic import Field

from pipeline.config import BaseConfig
from pipeline.simulate.draws import (
    NEVER,
    NOT_A_DAY,
    Array,
    Month,
    Positive,
    Share,
    Stream,
    Streams,
    Year,
    Yearly,
    each,
    ordinal,
    years_between,
)
from pipeline.simulate.places import Block, Posts, village
from pipeline.simulate.places import Config as PlacesConfig
from pipeline.tables import Commitments, Members

COMPONENTS = Commitments.column("component").values
SCHOOL = Members.column("in_school").values
RELATION = Members.column("relation").values
PREGNANCY, EARLY, ELDERLY, DISABILITY = (COMPONENTS.index(c) for c in
                                         ("pregnancy", "early_childhood", "elderly", "disability"))  # fmt: skip
PUPIL = tuple(COMPONENTS.index(c) for c in ("sd", "smp", "sma"))
CARETAKER, HEAD, CHILD, PARENT, ELSE = (RELATION.index(r) for r in ("caretaker", "head", "child", "parent", "other"))
ITEMS = 20  # dwelling and asset items that each family has its own inclination to
YEAR = 365.2425
PEOPLE = 16  # numbers that a family's members share
OF_AGE = 18


class Config(BaseConfig):
    enrolment_shares: Annotated[dict[Year, Share], Field(min_length=1)]
    women: Share
    elder_caretakers: Share
    caretaker_age: Annotated[float, Field(ge=20, le=60)]
    caretaker_age_spread: Annotated[float, Field(gt=0, le=20)]
    partners: Share
    parents: Share
    relatives: Share
    disabled: Share
    disabled_member: Share
    first_birth_age: Annotated[float, Field(ge=16, le=40)]
    next_births: Annotated[list[Share], Field(min_length=1, max_length=8)]
    leaves_after_sd: Share
    leaves_after_smp: Share
    goes_on_to_tertiary: Share
    leaves_home_after: Annotated[float, Field(ge=0, le=40)]
    partners_leave: Yearly
    mortality_at_60: Yearly
    mortality_per_decade: Annotated[float, Field(gt=0, le=3)]
    elderly_from: Annotated[int, Field(ge=50, le=90)]
    education: Annotated[dict[str, Positive], each(SCHOOL)]
    women_working: Share
    identity_flaws: Share
    sembako: Share
    by_post_office: Share


@dataclass(frozen=True)
class Families:
    """One row per family: what never changes. `ids` are numbers of the world, all else is of the chunk."""

    ids: Array
    home: Array  # post of registration
    village: Array  # 10-digit codes
    regency: Array
    district: Array
    urban: Array
    customary: Array
    enrolled_on: Array
    seen_from: Array  # when the first may be gone: a month after entry, or the first day of the world
    known_on: Array  # recorded_on of the kpm row
    birth: Array  # of the caretaker at enrolment
    birth_month: Array
    enrolment_month: Array
    female: Array
    identity_flaw: Array
    sembako: Array
    by_post_office: Array
    inclination: Array  # families x ITEMS, standard normal

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, rows: Array) -> "Families":
        return Families(*(getattr(self, f.name)[rows] for f in fields(self)))

    def age(self, month: Month) -> Array:
        return np.asarray((month.ordinal - self.birth_month) // 12)


@dataclass(frozen=True)
class People:
    """One row per person who is ever in a family: what never changes. `entry` is the year of entering primary school,
    `limit` how many years of school the child will complete; adults have neither."""

    ids: Array
    family: Array
    ordinal: Array
    birth: Array
    birth_month: Array
    female: Array
    relation: Array  # at enrolment
    disabled: Array
    child: Array
    entry: Array
    limit: Array
    education: Array
    works: Array
    gone_on: Array  # the day the person died or left the family
    died: Array
    here_from: Array  # first month (since 1970) on whose first day the person was there
    here_to: Array  # first month on whose first day the person was gone
    caretaker_from: Array  # for caretakers and their heirs
    ends_on: Array  # by family: the day on which its last adult died
    elderly_from: int

    def age(self, month: Month) -> Array:
        return np.asarray((month.ordinal - self.birth_month) // 12)


@dataclass(frozen=True)
class Roll:
    """The people of one month."""

    present: Array
    level: Array  # school attended, position in SCHOOL
    done: Array  # highest school completed
    pregnant: Array
    component: Array  # position in COMPONENTS, -1 without
    relation: Array
    size: Array  # members of each family, at least 1
    adults: Array  # members of age of each family
    caretaker_birth_month: Array  # of each family's present caretaker


def families(
    chunk: Sequence[Block], posts: Posts, settings: tuple[Config, PlacesConfig, np.datetime64], streams: Streams
) -> Families:
    """The families of some blocks, with their caretakers; the last setting is the first day of the world."""
    config, places, begins = settings
    ids = np.concatenate([b.first_family + np.arange(b.families) for b in chunk]).astype(np.uint64)
    home = np.repeat(np.arange(len(posts)), np.concatenate([b.caseloads for b in chunk]).astype(int))
    draw = streams.at("families")
    enrolled = _enrolled(config, ids, draw)
    elder = draw.chance(ids, config.elder_caretakers, 3)
    grown = np.clip(config.caretaker_age + config.caretaker_age_spread * draw.normal(ids, 4), 20, 59.5)
    age = np.where(elder, 60 + 19 * draw.uniform(ids, 5), grown)
    living = village(posts, home, draw.uniform(ids, 6))
    birth = enrolled - _years(age)
    customary = np.array([places.customary.get(r, places.customary.get("other", 0.0)) for r in posts.regency])[home]
    town = np.array([v[6] == "1" for v in living], bool) | posts.city[home] if len(ids) else np.zeros(0, bool)
    return Families(
        ids, home, living, posts.regency[home], posts.district[home],
        urban=town | draw.chance(ids, places.urban_desa, 7),
        customary=draw.chance(ids, customary, 8),
        enrolled_on=enrolled,
        seen_from=np.maximum((enrolled.astype("M8[M]") + 1).astype("M8[D]"), begins),
        known_on=enrolled + draw.whole(ids, 5, 46, 9).astype("m8[D]"),
        birth=birth,
        birth_month=ordinal(birth),
        enrolment_month=ordinal(enrolled),
        female=draw.chance(ids, config.women, 10),
        identity_flaw=draw.chance(ids, config.identity_flaws, 11),
        sembako=draw.chance(ids, config.sembako, 12),
        by_post_office=draw.chance(ids, config.by_post_office, 13),
        inclination=np.column_stack([streams.at("inclination").normal(ids, k) for k in range(ITEMS)]),
    )  # fmt: skip


def _enrolled(config: Config, ids: Array, draw: Stream) -> Array:
    """New families enter in the first quarter of a year, when the year's list of recipients is set."""
    year = np.array(list(config.enrolment_shares))[draw.pick(ids, config.enrolment_shares)]
    month = (year - 1970).astype("M8[Y]").astype("M8[M]") + draw.whole(ids, 0, 3, 1)
    return np.asarray(month.astype("M8[D]") + draw.whole(ids, 0, 28, 2).astype("m8[D]"))


def people(fam: Families, config: Config, streams: Streams) -> People:
    """Everybody who is or will be in the families; children are born until their mother is 44."""
    draw = streams.at("people")
    births = _births(fam, config, draw)
    ids, n = fam.ids, len(fam)
    parent = np.where(
        draw.chance(ids, config.parents, 20), fam.birth - _years(19 + 11 * draw.uniform(ids, 21)), NOT_A_DAY
    )
    partner = fam.birth - _years(3 + 4 * draw.normal(ids, 23))
    partner = np.where(draw.chance(ids, config.partners, 22), partner, NOT_A_DAY)
    partner = np.where(years_between(fam.birth, fam.enrolled_on) < 68, partner, NOT_A_DAY)
    young = fam.enrolled_on - _years(0.5 + 12.5 * draw.uniform(ids, 24))
    relative = fam.enrolled_on - _years(OF_AGE + 34 * draw.uniform(ids, 26))
    relative = np.where(draw.chance(ids, config.relatives, 25), relative, NOT_A_DAY)
    slots = np.column_stack([fam.birth, partner, *births.T, parent, relative, young])
    relation = np.array([CARETAKER, HEAD, *[CHILD] * births.shape[1], PARENT, ELSE, ELSE])
    # Nobody is enrolled without a component: who would have none brings up a grandchild.
    without = slots.copy()
    without[:, -1] = NOT_A_DAY
    everyone = _assemble(without, relation, fam, config, streams)
    needy = np.bincount(everyone.family[_enrolled_with(everyone, fam)], minlength=n) == 0
    slots[~needy, -1] = NOT_A_DAY
    return _assemble(slots, relation, fam, config, streams)


def _years(years: Array) -> Array:
    return np.asarray((years * YEAR).astype("m8[D]"))


def _births(fam: Families, config: Config, draw: Stream) -> Array:
    ids = fam.ids
    births = [fam.birth + _years(np.clip(config.first_birth_age + 4 * draw.normal(ids, 0), 16, 43))]
    there = [np.ones(len(ids), bool)]
    for k, chance in enumerate(config.next_births):
        births.append(births[-1] + _years(1.5 + 4.5 * draw.uniform(ids, 2 * k + 1)))
        mother = years_between(fam.birth, births[-1])
        there.append(there[-1] & draw.chance(ids, chance, 2 * k + 2) & (mother < 44))
    found = np.column_stack(births)
    at_home = years_between(found, fam.enrolled_on[:, None]) < 22
    return np.where(np.column_stack(there) & at_home, found, NOT_A_DAY)


def _assemble(slots: Array, relation: Array, fam: Families, config: Config, streams: Streams) -> People:
    n, width = slots.shape
    there = ~np.isnat(slots)
    family, slot = np.nonzero(there)
    ids = fam.ids[family] * np.uint64(PEOPLE) + slot.astype(np.uint64)
    draw, birth, role = streams.at("members"), slots[there], relation[slot]
    caretaker, head = role == CARETAKER, role == HEAD
    child = (role == CHILD) | (slot == width - 1)
    own = fam.female[family]
    female = np.where(caretaker, own, np.where(head, ~own, draw.chance(ids, 0.5, 0)))
    alone = caretaker & ~there[family, 1]
    breadwinner = np.where(head | alone, 0.93, np.where(caretaker, config.women_working, 0.75))
    limit = np.array([6, 9, 12, 15])[draw.pick(ids, dict(enumerate(_limits(config))), 2)]
    lasting = (slot == 0) & streams.at("lasting").chance(fam.ids[family], config.disabled_member)
    born = ordinal(birth)
    # The first July after the sixth birthday: no child is seven before it enters school.
    entry = np.where(child, 1970 + (born + 72 + 5) // 12, 9999)
    gone_on, died = _gone((birth, child, head), fam.seen_from[family], ids, config, draw)
    mother_gone = np.full(n, NEVER)
    mother_gone[family[caretaker]] = gone_on[caretaker]
    gone_on = np.where((role == CHILD) & (birth > mother_gone[family]), birth.astype("M8[M]").astype("M8[D]"), gone_on)
    heirs, ends_on = _heirs((slots, there, relation), gone_on, died)
    return People(
        ids, family, (there.cumsum(1) - 1)[there], birth, born, female, role,
        disabled=draw.chance(ids, config.disabled, 4) | lasting, child=child, entry=entry, limit=limit,
        education=draw.pick(ids, config.education, 3), works=draw.chance(ids, breadwinner, 1),
        gone_on=gone_on, died=died, here_from=_first_of_month(birth), here_to=_first_of_month(gone_on),
        caretaker_from=heirs, ends_on=ends_on, elderly_from=config.elderly_from,
    )  # fmt: skip


def _first_of_month(day: Array) -> Array:
    """Months since 1970 of the first first-of-a-month not before a day."""
    return ordinal(day) + (day > day.astype("M8[M]").astype("M8[D]"))


def _limits(config: Config) -> list[float]:
    sd, smp, on = config.leaves_after_sd, config.leaves_after_smp, config.goes_on_to_tertiary
    return [sd, (1 - sd) * smp, (1 - sd) * (1 - smp) * (1 - on), (1 - sd) * (1 - smp) * on]


def _gone(
    who: tuple[Array, Array, Array], since: Array, ids: Array, config: Config, draw: Stream
) -> tuple[Array, Array]:
    """The day on which each person dies or leaves home, and whether it is by death.

    Nobody does before `since`: who had would not be in the family that is looked at from then on.
    Gompertz: with hazard a exp(b age), a person of age x lives on until exp(b age) = exp(b x) + b E / a, E exponential.
    """
    birth, child, head = who
    from_on = np.maximum(since, birth)
    b = config.mortality_per_decade / 10
    a = config.mortality_at_60 * np.exp(-60 * b)
    x = (from_on - birth).astype(int) / YEAR
    lives = np.log(np.exp(b * x) + b * draw.exponential(ids, 5) / a) / b
    death = birth + _years(np.minimum(lives, 110))
    grown = np.maximum(birth + _years(np.array([OF_AGE + 1])), since)
    home = grown + _years(config.leaves_home_after * draw.exponential(ids, 6))
    apart = since + _years(np.minimum(draw.exponential(ids, 7) / max(config.partners_leave, 1e-6), 900))
    leaves = np.where(child, home, np.where(head, apart, NEVER))
    return np.minimum(death, leaves), death <= leaves


def _heirs(who: tuple[Array, Array, Array], gone_on: Array, died: Array) -> tuple[Array, Array]:
    """From when each person is the caretaker, and when each family's last adult dies.

    An heir follows on the day on which the caretaker is gone: the partner, else the eldest child of age, else a parent
    (the benefit passes to an heir while components remain).
    """
    slots, there, relation = who
    gone, dead = np.full(slots.shape, NEVER), np.zeros(slots.shape, bool)
    gone[there], dead[there] = gone_on, died
    since = np.full(slots.shape, NEVER)
    since[:, 0] = np.datetime64("1900-01-01")
    now, ends = np.zeros(len(slots), int), gone[:, 0].copy()
    rows = np.arange(len(slots))
    come_of_age = slots + _years(np.array([OF_AGE]))
    order = [s for r in (HEAD, CHILD, ELSE, PARENT) for s in np.nonzero(relation == r)[0]]
    for _ in range(3):
        heir = np.full(len(slots), -1)
        for s in reversed(order):
            fit = there[:, s] & (gone[:, s] > ends) & (come_of_age[:, s] <= ends) & (s != now)
            heir = np.where(fit, s, heir)
        found = heir >= 0
        since[rows[found], heir[found]] = ends[found]
        now = np.where(found, heir, now)
        ends = np.where(found, gone[rows, heir], ends)
    return since[there], np.where(dead[rows, now], ends, NEVER)


def _enrolled_with(everyone: People, fam: Families) -> Array:
    """Members who give a component on the day of enrolment."""
    on = fam.enrolled_on[everyone.family]
    eligible = (everyone.relation == CHILD) & (everyone.birth <= on)
    grade = 1970 + (ordinal(on) - 6) // 12 - everyone.entry
    old = years_between(everyone.birth, on) >= everyone.elderly_from
    pupil = eligible & (grade < everyone.limit) & (grade < 12)
    return np.asarray((pupil | old | (everyone.disabled & (everyone.birth <= on))) & (everyone.gone_on > on))


def roll(everyone: People, month: Month, n: int) -> Roll:
    """The people of a month, those of `n` families."""
    there = present(everyone, month)
    level, done = schooling(everyone, month)
    age = everyone.age(month)
    awaited = np.bincount(everyone.family[expecting(everyone, month)], minlength=n) > 0
    role = relation(everyone, month)
    caretaker = there & (role == CARETAKER)
    expects = caretaker & everyone.female & awaited[everyone.family] & (age < 50)
    before_school = everyone.child & (month.year - (month.number < 7) < everyone.entry)
    old, pupil = age >= everyone.elderly_from, (level > 0) & (level < 4)
    cases = [~there, everyone.disabled, old, expects, before_school, pupil]
    component = np.select(cases, [-1, DISABILITY, ELDERLY, PREGNANCY, EARLY, level + 1], -1)
    born = np.full(n, month.ordinal - 480)
    born[everyone.family[caretaker]] = everyone.birth_month[caretaker]
    size = np.bincount(everyone.family[there], minlength=n)
    adults = np.bincount(everyone.family[there & (age >= OF_AGE)], minlength=n)
    return Roll(there, level, done, expects, component, role, np.maximum(size, 1), adults, born)


def present(everyone: People, month: Month) -> Array:
    """Who is in a family on the first of the month."""
    return np.asarray((everyone.here_from <= month.ordinal) & (month.ordinal < everyone.here_to))


def relation(everyone: People, month: Month) -> Array:
    """Relations in a month: an heir has become caretaker."""
    return np.where(everyone.caretaker_from <= month.start, CARETAKER, everyone.relation)


def schooling(everyone: People, month: Month) -> tuple[Array, Array]:
    """Level attended and highest level completed, as positions in SCHOOL; school years start on 1 July."""
    grade = month.year - (month.number < 7) - everyone.entry
    attends = everyone.child & (grade >= 0) & (grade < everyone.limit)
    level = np.where(attends, _LEVEL[np.clip(grade, 0, 15)], 0)
    done = _DONE[np.clip(np.minimum(grade, everyone.limit), 0, 15)]
    return level, np.where(everyone.child, done, everyone.education)


_LEVEL = np.searchsorted([0, 6, 9, 12], np.arange(16), side="right")
_DONE = np.searchsorted([6, 9, 12, 15], np.arange(16), side="right")


def expecting(everyone: People, month: Month) -> Array:
    """Rows of children whose birth is awaited in this month: the pregnancy is their mother's."""
    soon = (everyone.birth > month.start) & (everyone.birth - np.timedelta64(270, "D") < month.end)
    return np.asarray(soon & (everyone.relation == CHILD) & (everyone.here_to > everyone.here_from))


def pregnant(everyone: People, month: Month) -> Array:
    """Caretakers who are expecting."""
    n = int(everyone.family.max()) + 1 if len(everyone.family) else 0
    return roll(everyone, month, n).pregnant


def components(everyone: People, month: Month) -> Array:
    """Each member's component of PKH (position in COMPONENTS, -1 without), read off birth dates and school level."""
    n = int(everyone.family.max()) + 1 if len(everyone.family) else 0
    return roll(everyone, month, n).component
