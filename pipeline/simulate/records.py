"""What the registry writes down: families, identity checks, programmes, cases, facilitators, entries and exits."""

from typing import Annotated

import numpy as np
import pyarrow as pa
from pydantic import Field

from pipeline.config import BaseConfig
from pipeline.simulate import exits, programmes
from pipeline.simulate.book import Book
from pipeline.simulate.draws import NOT_A_DAY, Array, Share, Streams, Year, by_year, days
from pipeline.simulate.households import Families, Roster
from pipeline.simulate.now import Now
from pipeline.tables import Cases, Membership

KINDS = Cases.column("kind").values
REPORTERS = Cases.column("reporter").values
REFERRALS = Cases.column("referred_to").values
EVENTS = Membership.column("event").values
RESIGNATION = KINDS.index("resignation_letter")


class Config(BaseConfig):
    matched: Annotated[dict[Year, Share], Field(min_length=1)]
    identifiers_missing: Share
    identifiers_repeated: Share
    identifiers_short: Share
    birth_dates_missing: Share


def registration(book: Book, config: Config, streams: Streams) -> None:
    rng = streams.at("registration")
    fam, n = book.fam, len(book.fam)
    rows = np.arange(n)
    book.write(
        "kpm", kpm_id=rows, enrolled_on=fam.enrolled_on, caretaker_nik=_flawed(n, config, rng),
        family_card_no=_flawed(n, config, rng), caretaker_name=rows, caretaker_sex=np.where(fam.female, 0, 1),
        caretaker_birth_date=np.where(rng.random(n) < config.birth_dates_missing, NOT_A_DAY, fam.birth),
        village_code=rows, urban=fam.urban.astype(int), customary_community=fam.customary.astype(int),
        recorded_on=fam.known_on,
    )  # fmt: skip


def _flawed(n: int, config: Config, rng: np.random.Generator) -> Array:
    """Positions in a list of 2 n numbers, whose second half has a digit too few; some missing, some used twice."""
    u = rng.random(n)
    rows = np.where(u < config.identifiers_missing, -1, np.arange(n))
    edge = config.identifiers_missing + config.identifiers_repeated
    rows = np.where((u >= config.identifiers_missing) & (u < edge), np.maximum(np.arange(n) - 1, 0), rows)
    return np.where((u >= edge) & (u < edge + config.identifiers_short), rows + n, rows)


def texts(fam: Families, people: Roster) -> dict[str, pa.Array]:
    """Word lists of the text columns, but for periods: every identity is simulated."""
    n = len(fam)
    ids = [f"K{i:07d}" for i in range(n)]
    region = np.array([v[:6] for v in fam.village])
    own = _numbers(region, fam.birth, fam.female, 1)
    cards = _numbers(region, fam.enrolled_on, np.zeros(n, bool), 1)
    return {
        "kpm_id": pa.array(ids),
        "village_code": pa.array(fam.village.tolist()),
        "caretaker_name": pa.array([f"Pengurus Simulasi {i:07d}" for i in range(n)]),
        "caretaker_nik": pa.array(own + [x[:-1] for x in own]),
        "family_card_no": pa.array(cards + [x[:-1] for x in cards]),
        "nik": pa.array(_numbers(region[people.family], people.birth, people.female, 2)),
        "member_id": pa.array([f"{ids[f]}-{o:02d}" for f, o in zip(people.family, people.ordinal, strict=True)]),
    }


def _numbers(region: Array, day: Array, female: Array, salt: int) -> list[str]:
    """Numbers of NIK's shape: region, day (women's + 40), serial."""
    month = day.astype("M8[M]")
    dd = (day - month.astype("M8[D]")).astype(int) + 1 + 40 * female
    mm, yy = month.astype(int) % 12 + 1, (month.astype(int) // 12 + 1970) % 100
    serial = (np.arange(len(day)) * 7919 * salt) % 9999 + 1
    return [f"{r}{d:02d}{m:02d}{y:02d}{s:04d}" for r, d, m, y, s in zip(region, dd, mm, yy, serial, strict=True)]


def joining(now: Now, inside: Array, back: Array) -> None:
    """Membership events of those who enter or return."""
    rng = now.rng("joining")
    for event, who in ((0, inside), (EVENTS.index("reactivated"), back)):
        rows = np.nonzero(who)[0]
        on = now.state.since[rows]
        now.book.known_on[rows] = now.book.recorded(rows, on, rng)
        now.book.write("membership", kpm_id=rows, effective_on=on, event=np.full(len(rows), event), reason=-1,
                       recorded_on=now.book.known_on[rows])  # fmt: skip


def identity(now: Now, config: Config) -> None:
    """A yearly match with the civil registry, each family in its own month."""
    rng, n = now.rng("identity"), len(now.fam)
    on = days(rng, now.month, n)
    u, v = rng.random(n), rng.random(n)
    recorded = now.book.recorded(np.arange(n), on, rng)
    due = np.arange(n) % 12 == now.month.number - 1
    rows = np.nonzero(due & now.within(np.arange(n), on))[0]
    flaw = now.fam.identity_flaw
    matched = u < by_year(config.matched, now.month.year) * np.where(flaw, 0.3, 1.0)
    now.book.write("identity_checks", kpm_id=rows, checked_on=on[rows], matched=matched[rows].astype(int),
                   alive=np.where(matched, 1, -1)[rows], duplicate=((v < 0.25) & flaw & ~matched)[rows].astype(int),
                   recorded_on=recorded[rows])  # fmt: skip


def enrolments(now: Now, config: programmes.Config, starts: Array) -> None:
    """Programme rows of this month."""
    rng = now.rng("programmes")
    on = days(rng, now.month, len(now.fam))
    for name, programme in config.programmes.items():
        recorded = now.book.recorded(np.arange(len(now.fam)), on, rng)
        rows = np.nonzero(starts[:, programmes.NAMES.index(name)])[0]
        rows = rows[now.within(rows, on[rows])]
        programme_rows(now, (name, programme), rows, (on[rows], recorded[rows]))


def programme_rows(now: Now, which: tuple[str, programmes.Programme], rows: Array, when: tuple[Array, Array]) -> None:
    """Rows of one programme, from the day it started and the day that was recorded."""
    (name, programme), (on, recorded) = which, when
    length = np.timedelta64(round(30.44 * programme.months), "D") if programme.months else None
    ended = on + length if length is not None else np.full(len(rows), NOT_A_DAY)
    now.book.write(
        "programmes", kpm_id=rows, programme=np.full(len(rows), programmes.NAMES.index(name)),
        phase=-1 if programme.phase is None else programmes.PHASES.index(programme.phase),
        started_on=on, ended_on=ended, amount=-1 if programme.amount is None else programme.amount,
        recorded_on=recorded, closed_known=np.maximum(ended, recorded),
    )  # fmt: skip


def exit_events(now: Now, cause: Array, reason: Array, roster_known: Array) -> Array:
    """Exit rows, recorded 5 to 60 days later, half of them at the end of that month; returns recorded_on by family.

    A natural exit is read off the roster, so it is not recorded before the roster is.
    """
    rng, n = now.rng("exits"), len(now.fam)
    recorded = now.state.exit_on + rng.integers(5, 61, n).astype("m8[D]")
    last = (recorded.astype("M8[M]") + 1).astype("M8[D]") - np.timedelta64(1, "D")
    recorded = np.where(rng.random(n) < 0.5, last, recorded)
    natural = cause == exits.CAUSES.index("natural")
    recorded = np.where(natural, np.maximum(recorded, roster_known), recorded)
    rows = np.nonzero(cause >= 0)[0]
    event = np.full(len(rows), EVENTS.index("exited"))
    now.book.write("membership", kpm_id=rows, effective_on=now.state.exit_on[rows], event=event, reason=reason[rows],
                   recorded_on=recorded[rows])  # fmt: skip
    return np.asarray(recorded)


def cases(now: Now, rows: Array, kind: int, when: tuple[Array, Array], referred_to: int = -1) -> None:
    """Case rows; three in four are closed within four months."""
    on, recorded = when
    rng = now.rng(f"case {kind}")
    closed = on + rng.integers(5, 121, len(rows)).astype("m8[D]")
    closed = np.where(rng.random(len(rows)) < 0.75, np.maximum(closed, recorded), NOT_A_DAY)
    now.book.write(
        "cases", kpm_id=rows, reported_on=on, kind=np.full(len(rows), kind), status=0,
        reporter=rng.choice(len(REPORTERS), len(rows), p=[0.7, 0.08, 0.07, 0.03, 0.02, 0.1]),
        referred_to=referred_to, closed_on=closed, recorded_on=recorded, closed_known=closed,
        case_id=np.zeros(len(rows), int),
    )  # fmt: skip


def assignments(now: Now, occupant: Array, changed: Array, left_known: Array) -> None:
    """Who serves the family: from enrolment, and from each January in which the post changes hands.

    The table has no second clock: so an exit closes no row, and until it is recorded the family is served like others.
    """
    entered = now.state.active & (now.state.since == now.fam.enrolled_on) & (now.fam.enrolled_on >= now.month.start)
    served = now.state.active | (left_known > now.month.start)
    moved = served & changed[now.fam.post] & (now.state.since < now.month.start)
    for who, on in ((entered, now.fam.enrolled_on), (moved, np.full(len(now.fam), now.month.start))):
        rows = np.nonzero(who)[0]
        now.book.write("assignments", kpm_id=rows, facilitator_id=occupant[now.fam.post[rows]], valid_from=on[rows],
                       known=np.maximum(on[rows], now.fam.known_on[rows]))  # fmt: skip
