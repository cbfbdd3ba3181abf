"""What the registry writes down: families, identity checks, programmes, cases, facilitators, entries and exits."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from pipeline.config import BaseConfig
from pipeline.simulate import exits, programmes
from pipeline.simulate.book import Book
from pipeline.simulate.draws import NOT_A_DAY, Array, MonthWord, Share, days, each
from pipeline.simulate.now import Now
from pipeline.tables import Cases, Membership

KINDS = Cases.column("kind").values
REPORTERS = Cases.column("reporter").values
REFERRALS = Cases.column("referred_to").values
EVENTS = Membership.column("event").values
RESIGNATION = KINDS.index("resignation_letter")
FINALISATION = 25  # day of the month on which the registry closes a period
_DAY = np.timedelta64(1, "D")


class Config(BaseConfig):
    matched: Annotated[dict[MonthWord, Share], Field(min_length=1)]
    matched_flawed: Annotated[dict[MonthWord, Share], Field(min_length=1)]
    rechecked: Share
    dead_noticed: Share
    duplicates_found: Share
    exits_on_finalisation: Share
    exits_at_month_end: Share
    recorded_on_finalisation: Share
    recorded_at_month_end: Share
    reporters: Annotated[dict[str, Share], each(REPORTERS)]
    cases_closed: Share
    death_known_after: Annotated[float, Field(gt=0, le=3650)]  # mean days
    deaths_never_recorded: Share


@dataclass(frozen=True)
class Leaving:
    """The families that leave in a month: row, true cause (position in exits.CAUSES), reason recorded (in REASONS)."""

    rows: Array
    cause: Array
    reason: Array


def registration(book: Book) -> None:
    """One row per family, as it is; what is wrong with such rows is for `flaws`."""
    fam, rows = book.fam, np.arange(len(book.fam))
    book.write(
        "kpm", kpm_id=rows, enrolled_on=fam.enrolled_on, caretaker_nik=rows, family_card_no=rows, caretaker_name=rows,
        caretaker_sex=np.where(fam.female, 0, 1), caretaker_birth_date=fam.birth, village_code=rows, urban=fam.urban,
        customary_community=fam.customary, recorded_on=fam.known_on,
    )  # fmt: skip


def joining(now: Now, inside: Array, back: Array) -> None:
    """Membership events of those who enter or return."""
    for event, who in (("enrolled", inside), ("reactivated", back)):
        rows = np.nonzero(who)[0]
        on = now.state.since[rows]
        now.book.known_on[rows] = now.book.recorded(rows, on, now.draw(event))
        now.book.write("membership", kpm_id=rows, effective_on=on, event=EVENTS.index(event), reason=-1,
                       recorded_on=now.book.known_on[rows])  # fmt: skip


def identity(now: Now, config: Config) -> None:
    """A yearly match with the civil registry, each family in its own month.

    Who was not matched is mostly not matched again: most draws of a family are the same every year.
    """
    rows = np.nonzero(now.state.active & (now.fam.ids % np.uint64(12) == now.month.number - 1))[0]
    ids, draw = now.fam.ids[rows], now.draw("identity")
    on = days(draw, now.month, ids)
    rows, ids, on = _kept(now.within(rows, on), rows, ids, on)
    again = draw.chance(ids, config.rechecked, 1)
    u = np.where(again, draw.uniform(ids, 2), now.streams.at("identity").uniform(ids))
    flaw = now.fam.identity_flaw[rows]
    matched = u < np.where(flaw, _at(config.matched_flawed, now), _at(config.matched, now))
    dead = _dead(now, rows, on) & now.streams.at("dead noticed").chance(ids, config.dead_noticed)
    now.book.write(
        "identity_checks", kpm_id=rows, checked_on=on, matched=matched,
        alive=np.where(dead, 0, np.where(matched, 1, -1)),
        duplicate=flaw & ~matched & draw.chance(ids, config.duplicates_found, 3),
        recorded_on=now.book.recorded(rows, on, draw, 4),
    )  # fmt: skip


def _kept(kept: Array, *columns: Array) -> tuple[Array, ...]:
    return tuple(c[kept] for c in columns)


def _at(shares: dict[str, float], now: Now) -> float:
    """The value of the latest listed month that is not after this one; the first one also holds before it."""
    return shares[max((m for m in shares if m <= now.month.word), default=min(shares))]


def _dead(now: Now, rows: Array, on: Array) -> Array:
    """Whether the caretaker who was registered, the first person of each family, has died."""
    first = np.searchsorted(now.people.family, rows)
    return np.asarray(now.people.died[first] & (now.people.gone_on[first] < on))


def enrolments(now: Now, config: programmes.Config, starts: Array) -> None:
    """Programme rows of this month; `starts` is families x programmes.NAMES."""
    rows, name = np.nonzero(starts)
    draw = now.draw("programmes")
    on = days(draw, now.month, now.fam.ids[rows])
    rows, name, on = _kept(now.within(rows, on), rows, name, on)
    programme_rows(now, config, (rows, name), (on, now.book.recorded(rows, on, draw, 1)))


def programme_rows(now: Now, config: programmes.Config, who: tuple[Array, Array], when: tuple[Array, Array]) -> None:
    """Rows of families and their programmes, from the day a programme started and the day that was recorded."""
    (rows, name), (on, recorded) = who, when
    known = {str(n): p for n, p in config.programmes.items()}
    listed = [known.get(n) for n in programmes.NAMES]
    length = np.array([round(30.44 * p.months) if p and p.months else -1 for p in listed])[name]
    amount = np.array([-1 if p is None or p.amount is None else p.amount for p in listed])[name]
    phase = np.array([-1 if p is None or p.phase is None else programmes.PHASES.index(p.phase) for p in listed])[name]
    ended = np.where(length < 0, NOT_A_DAY, on + length.astype("m8[D]"))
    now.book.write("programmes", kpm_id=rows, programme=name, phase=phase, started_on=on, ended_on=ended,
                   amount=amount, recorded_on=recorded, closed_known=np.maximum(ended, recorded))  # fmt: skip


def exit_events(now: Now, leaving: Leaving, config: Config) -> Array:
    """Exit rows, recorded 5 to 60 days later and heaped as reporting is; returns recorded_on of each who leaves.

    A natural exit is read off the roster, so it is not recorded before the roster is.
    """
    rows, draw = leaving.rows, now.draw("exits")
    ids = now.fam.ids[rows]
    heaps = (config.exits_on_finalisation, config.exits_at_month_end)
    effective = heaped(now.state.exit_on[rows], draw.uniform(ids, 0), heaps, stays=True)
    wait = draw.whole(ids, 5, 61, 1).astype("m8[D]")
    heaps = (config.recorded_on_finalisation, config.recorded_at_month_end)
    recorded = np.maximum(heaped(effective + wait, draw.uniform(ids, 2), heaps, stays=False), now.book.known_on[rows])
    natural = leaving.cause == exits.NATURAL
    recorded = np.where(natural, np.maximum(recorded, now.book.roster_known[rows]), recorded)
    now.book.write("membership", kpm_id=rows, effective_on=effective, event=EVENTS.index("exited"),
                   reason=leaving.reason, recorded_on=recorded)  # fmt: skip
    now.book.left_known[rows] = recorded
    return np.asarray(recorded)


def heaped(day: Array, u: Array, shares: tuple[float, float], stays: bool) -> Array:
    """Days moved on: a share to the day of finalisation, a share to the month's last day.

    Where that day is past, it is next month's, or the month's last day for what `stays` in its month.
    """
    month = day.astype("M8[M]")
    last = (month + 1).astype("M8[D]") - _DAY
    final = month.astype("M8[D]") + (FINALISATION - 1) * _DAY
    following = last if stays else last + FINALISATION * _DAY
    final = np.where(day <= final, final, following)
    return np.where(u < shares[0], final, np.where(u < shares[0] + shares[1], last, day))


def cases(now: Now, about: tuple[Array, int, int], when: tuple[Array, Array], config: Config) -> None:
    """Case rows of families, of a kind and where they were referred to (-1 nowhere); most are closed in four months."""
    (rows, kind, referred_to), (on, recorded) = about, when
    ids, draw = now.fam.ids[rows], now.draw(f"case {kind}")
    closed = np.maximum(on + draw.whole(ids, 5, 121).astype("m8[D]"), recorded)
    closed = np.where(draw.chance(ids, config.cases_closed, 1), closed, NOT_A_DAY)
    reporter = draw.pick(ids, config.reporters, 2)
    now.book.write(
        "cases", kpm_id=rows, reported_on=on, kind=kind, status=0, reporter=reporter, referred_to=referred_to,
        closed_on=closed, recorded_on=recorded, closed_known=closed, case_id=0,
    )  # fmt: skip


def facilitators(now: Now) -> Array:
    """Number of the facilitator at each post: a post's number and how many held it before."""
    return np.asarray(now.posts.ids.astype(np.int64) * 100 + now.occupant)


def assignments(now: Now) -> None:
    """Who serves the family: from enrolment, and from when the post changes hands or the family moves to another.

    The table has no second clock: so an exit closes no row, and until it is recorded the family is served like others.
    """
    book, s = now.book, now.state
    by = facilitators(now)[s.post]
    served = s.active | (book.left_known > now.month.start)
    rows = np.nonzero(served & (by != book.served_by))[0]
    first = book.served_by[rows] < 0
    on = np.where(first, s.since[rows], np.maximum(s.since[rows], now.month.start))
    book.served_by[rows] = by[rows]
    book.write("assignments", kpm_id=rows, facilitator_id=by[rows], valid_from=on,
               known=np.maximum(on, now.fam.known_on[rows]))  # fmt: skip
