"""The roster rows: a member's school, schooling, pregnancy and work, a new row whenever one of them changes."""

from dataclasses import dataclass

import numpy as np

from pipeline.simulate import households
from pipeline.simulate.draws import NEVER, NOT_A_DAY, Array
from pipeline.simulate.now import Now


@dataclass
class RosterPages:
    """The last roster row of every member: its content, and where it stands, so that the next row can close it."""

    content: Array
    pages: list[dict[str, Array]]

    def turn(self, now: Now) -> Array:
        """Write the members whose content changed; returns the days on which families' rosters became known."""
        people, fam = now.people, now.fam
        level, done = households.schooling(people, now.month)
        expecting = households.pregnant(people, now.month)
        working = self._working(now)
        content = ((level * 5 + done) * 2 + expecting) * 2 + working
        before = now.month.start - np.timedelta64(31, "D")
        fresh = np.maximum(np.where((people.birth > before) & (people.birth <= now.month.start), people.birth,
                                    now.month.start), now.state.since[people.family])  # fmt: skip
        serving = now.within(people.family, fresh)
        rows = np.nonzero(serving & households.born(people, now.month) & (content != self.content))[0]
        self.content[rows] = content[rows]
        family = people.family[rows]
        recorded = now.book.recorded(family, fresh[rows], now.rng("roster"))
        self.pages.append({
            "kpm_id": family, "member_id": rows, "valid_from": fresh[rows], "recorded_on": recorded,
            "education_level": done[rows], "in_school": level[rows],
            "pregnant": expecting[rows].astype(int), "working": working[rows].astype(int),
        })  # fmt: skip
        known = np.full(len(fam), np.datetime64("1900-01-01"))
        np.maximum.at(known, family, recorded)
        return known

    @staticmethod
    def _working(now: Now) -> Array:
        people, s = now.people, now.state
        age = people.age(now.month)
        level, _ = households.schooling(people, now.month)
        of_age = (age >= 17) & (age < 68) & (level == 0)
        role = people.relation
        earner = role == households.RELATION.index("head")
        own = (role == 0) & s.business[people.family]
        return np.asarray(of_age & (people.works | own) & ~(earner & (s.jobless[people.family] > 0)))

    def bind(self, now: Now) -> None:
        """All roster rows into the book, each closed by its successor from the day that one was recorded."""
        all_rows = {n: np.concatenate([p[n] for p in self.pages]) for n in self.pages[0]}
        order = np.lexsort((all_rows["valid_from"], all_rows["member_id"]))
        row = {n: v[order] for n, v in all_rows.items()}
        followed = np.append(row["member_id"][1:] == row["member_id"][:-1], False)
        member = row["member_id"]
        now.book.write(
            "members", **row, nik=member, sex=np.where(now.people.female[member], 0, 1),
            birth_date=now.people.birth[member], relation=now.people.relation[member],
            severe_disability=now.people.disabled[member].astype(int),
            valid_to=np.where(followed, np.append(row["valid_from"][1:], NOT_A_DAY), NOT_A_DAY),
            closed_known=np.where(followed, np.append(row["recorded_on"][1:], NEVER), NEVER),
        )  # fmt: skip
