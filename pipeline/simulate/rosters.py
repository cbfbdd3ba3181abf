"""The roster rows: a member's relation, schooling, pregnancy and work, a new row whenever one of them changes."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date

import numpy as np

from pipeline.simulate.book import Book
from pipeline.simulate.draws import NEVER, NOT_A_DAY, Array, Month, months
from pipeline.simulate.households import CARETAKER, HEAD, RELATION, SCHOOL, People, Roll, roll
from pipeline.simulate.now import Now
from pipeline.simulate.records import Config


@dataclass
class RosterPages:
    """The last roster row of every person: its content, and how it ends, so that the next row can close it."""

    content: Array
    gone_on: Array  # the day on which a member was seen to be gone, NaT while there
    gone_known: Array
    pages: list[dict[str, Array]] = field(default_factory=list)

    @classmethod
    def empty(cls, people: People) -> "RosterPages":
        """Pages of people without a row."""
        n = len(people.ids)
        return cls(np.full(n, -1, np.int16), np.full(n, NOT_A_DAY), np.full(n, NEVER))

    def turn(self, now: Now, config: Config) -> None:
        """Write the members whose content changed, and close those who died or left."""
        if now.month.index == 0:
            self._enter_earlier(now)
        content = _content(now.roll, _working(now))
        family = now.people.family
        rows = np.nonzero((content != self.content) & now.roll.present & now.state.active[family])[0]
        on = _since(now, rows)
        kept = now.within(family[rows], on) & (on < now.people.gone_on[rows])
        self._add(now, rows[kept], on[kept], content)
        self._close(now, config)

    def _enter_earlier(self, now: Now) -> None:
        """First rows of families that were members before the world began, as of the month in which they enrolled."""
        people, since = now.people, now.state.since
        for month, family in _earlier(now):
            rows = np.nonzero(family[people.family])[0]
            seen = roll(people, month, len(now.fam))
            there = rows[seen.present[rows]]
            content = _content(seen, people.works & (people.age(month) >= 17) & (seen.level == 0))
            self._add(now, there, since[people.family[there]], content)

    def _add(self, now: Now, rows: Array, on: Array, content: Array) -> None:
        family = now.people.family[rows]
        self.content[rows] = content[rows]
        recorded = now.book.recorded(family, on, now.draw("roster"))
        self.pages.append({"member_id": rows, "kpm_id": family, "valid_from": on, "recorded_on": recorded,
                           "content": content[rows]})  # fmt: skip
        np.maximum.at(now.book.roster_known, family, recorded)

    def _close(self, now: Now, config: Config) -> None:
        """Deaths are entered late, some never; that somebody left home is entered as other news is."""
        people, month = now.people, now.month
        gone = (people.gone_on >= month.start) & (people.gone_on < month.end) & (self.content >= 0)
        rows = np.nonzero(gone)[0]
        s, family = now.state, people.family[rows]
        # A death that ends the membership is of the same day as the exit.
        on, draw = people.gone_on[rows], now.draw("departures")
        inside = s.active[family] & (on >= s.since[family]) & (on <= s.exit_on[family])
        rows, on = rows[inside], on[inside]
        soon = now.book.recorded(people.family[rows], on, draw)
        late = soon + (config.death_known_after * draw.exponential(people.ids[rows], 1)).astype("m8[D]")
        never = draw.chance(people.ids[rows], config.deaths_never_recorded, 2)
        self.gone_on[rows] = on
        self.gone_known[rows] = np.where(people.died[rows], np.where(never, NEVER, late), soon)

    def bind(self, book: Book, people: People) -> None:
        """All roster rows into the book, each closed by its successor from the day that one was recorded."""
        row = {n: np.concatenate([p[n] for p in self.pages]) for n in self.pages[0]}
        # Stable: of rows with one key the first written comes first.
        order = np.argsort(row["member_id"] * 2**20 + row["valid_from"].astype(int), kind="stable")
        row = {n: v[order] for n, v in row.items()}
        member, content = row["member_id"], row.pop("content")
        ends = {"valid_to": _next(member, row["valid_from"], self.gone_on),
                "closed_known": _next(member, row["recorded_on"], self.gone_known)}  # fmt: skip
        book.write(
            "members", **row, **_parts(content), **ends, nik=member, sex=np.where(people.female[member], 0, 1),
            birth_date=people.birth[member], severe_disability=people.disabled[member],
        )  # fmt: skip


def _next(member: Array, day: Array, otherwise: Array) -> Array:
    """The same member's next day, and of the last row what is known of the member."""
    followed = np.append(member[1:] == member[:-1], False)
    return np.where(followed, np.append(day[1:], NOT_A_DAY), otherwise[member])


def _earlier(now: Now) -> Iterator[tuple[Month, Array]]:
    """Months before the world's first one in which families enrolled, and whether each family did."""
    early = now.state.active & (now.state.since < now.month.start)
    if not early.any():
        return
    enrolled = now.state.since.astype("M8[M]")
    first = enrolled[early].min().astype("M8[D]").item()
    for month in months(first, date(now.month.year - 1, 12, 31)):
        family = early & (enrolled == month.start.astype("M8[M]"))
        if family.any():
            yield month, family


def _since(now: Now, rows: Array) -> Array:
    """From when a change holds: the month's first day, a birth since the last one, or a later start of membership."""
    born, month = now.people.birth[rows], now.month
    before = (month.start.astype("M8[M]") - 1).astype("M8[D]")
    newborn = (born > before) & (born <= month.start)
    return np.asarray(np.maximum(np.where(newborn, born, month.start), now.state.since[now.people.family[rows]]))


def _content(seen: Roll, working: Array) -> Array:
    code = (seen.relation * len(SCHOOL) + seen.level) * len(SCHOOL) + seen.done
    return np.asarray((code * 4 + 2 * seen.pregnant + working).astype(np.int16))


def _parts(content: Array) -> dict[str, Array]:
    code = content // 4
    return {
        "relation": code // len(SCHOOL) ** 2 % len(RELATION), "in_school": code // len(SCHOOL) % len(SCHOOL),
        "education_level": code % len(SCHOOL), "pregnant": content // 2 % 2, "working": content % 2,
    }  # fmt: skip


def _working(now: Now) -> Array:
    people, s, seen = now.people, now.state, now.roll
    age = people.age(now.month)
    of_age = (age >= 17) & (age < 68) & (seen.level == 0)
    own = (seen.relation == CARETAKER) & s.business[people.family]
    idle = (seen.relation == HEAD) & (s.jobless > 0)[people.family]
    return np.asarray(of_age & (people.works | own) & ~idle)
