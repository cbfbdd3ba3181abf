"""What PKH does with its members: pays them, checks their commitments, meets them and hears of their troubles."""

from typing import Annotated

import numpy as np
from pydantic import Field

from pipeline.config import BaseConfig
from pipeline.simulate.draws import (
    NOT_A_DAY,
    Array,
    Rupiah,
    Share,
    Spread,
    Weight,
    Year,
    Yearly,
    among,
    by_year,
    days,
    each,
    monthly,
)
from pipeline.simulate.economy import SHOCKS
from pipeline.simulate.households import COMPONENTS, PUPIL
from pipeline.simulate.now import Now
from pipeline.simulate.records import KINDS, REFERRALS, cases
from pipeline.simulate.records import Config as RecordsConfig
from pipeline.tables import Payments, Sessions

PROGRAMMES = Payments.column("programme").values
STATUS = Payments.column("status").values
MODULES = Sessions.column("module").values
ATTENDANCE = Sessions.column("attendance").values
MET = 85.0  # attendance in percent from which a commitment is met
Shares = Annotated[dict[Year, Share], Field(min_length=1)]


class Config(BaseConfig):
    flat_a_year: dict[Year, Rupiah]
    fixed_a_year: Annotated[dict[Year, Rupiah], Field(min_length=1)]
    component_a_year: Annotated[dict[Year, Annotated[dict[str, Rupiah], each(COMPONENTS)]], Field(min_length=1)]
    most_components: Annotated[int, Field(ge=1, le=10)]
    sembako_a_month: Annotated[dict[Year, Rupiah], Field(min_length=1)]
    failed: Shares
    unclaimed: Shares
    not_returned: Share
    commitment: Weight
    commitment_readiness: Weight
    commitment_noise: Spread
    attendance: Weight
    attendance_readiness: Weight
    attendance_post: Weight
    sick: Share
    sessions: Annotated[dict[Year, Annotated[float, Field(ge=0, le=10)]], Field(min_length=1)]
    interest: Yearly
    interest_readiness: Weight
    interest_income: Weight
    shocks_reported: Share
    home_visits: Yearly
    data_problems_flawed: Annotated[float, Field(ge=0, le=100)]
    other_cases: Annotated[dict[str, Yearly], among(KINDS)]


def quarterly(now: Now, config: Config) -> None:
    """PKH and sembako of the quarter that ends, and its commitments; only for who is still a member at its end."""
    if now.month.closes_quarter:
        staying = now.state.active & (now.state.exit_on > now.month.end)
        _payments(now, config, "BPNT", np.where(staying, _sembako(now, config), 0))
        _payments(now, config, "PKH", np.where(staying, entitled(now, config), 0))
        _commitments(now, config, staying)


def entitled(now: Now, config: Config) -> Array:
    """PKH of a quarter in rupiah: a flat sum in the early years, later the dearest components, four at most."""
    year, n, kinds = now.month.year, len(now.fam), len(COMPONENTS)
    if year in config.flat_a_year:
        return np.full(n, config.flat_a_year[year] // 4)
    rates = by_year(config.component_a_year, year)
    rows = np.nonzero(now.component >= 0)[0]
    place = now.people.family[rows] * kinds + now.component[rows]
    counts = np.bincount(place, minlength=n * kinds).reshape(n, kinds)
    total, left = np.zeros(n, np.int64), np.full(n, config.most_components)
    for name in sorted(COMPONENTS, key=lambda c: -rates[c]):
        taken = np.minimum(counts[:, COMPONENTS.index(name)], left)
        total += taken * rates[name]
        left -= taken
    fixed = by_year(config.fixed_a_year, year) if now.month.number == 3 else 0
    return np.where(total > 0, total // 4 + fixed, 0)


def _sembako(now: Now, config: Config) -> Array:
    return np.asarray(3 * by_year(config.sembako_a_month, now.month.year) * now.fam.sembako)


def _payments(now: Now, config: Config, programme: str, amount: Array) -> None:
    draw, year = now.draw(f"payments {programme}"), now.month.year
    rows = np.nonzero(amount > 0)[0]
    on = days(draw, now.month, now.fam.ids[rows])
    inside = now.within(rows, on)
    rows, on = rows[inside], on[inside]
    u, failed = draw.uniform(now.fam.ids[rows], 1), by_year(config.failed, year)
    status = np.digitize(u, [failed, failed + by_year(config.unclaimed, year)])
    paid = status == 2
    now.book.write(
        "payments", kpm_id=rows, programme=PROGRAMMES.index(programme), period=now.month.index // 3,
        paid_on=np.where(paid, on, NOT_A_DAY), amount=np.where(paid, amount[rows], 0),
        status=np.array([STATUS.index(s) for s in ("failed", "unclaimed", "disbursed")])[status],
        channel=now.fam.by_post_office[rows], recorded_on=now.book.recorded(rows, on, draw, 2),
    )  # fmt: skip


def _commitments(now: Now, config: Config, staying: Array) -> None:
    """One row a member with a component: the share of school days or checks kept, from how ready the family is."""
    draw, people = now.draw("commitments"), now.people
    rows = np.nonzero((now.component >= 0) & staying[people.family])[0]
    ids, family, component = people.ids[rows], people.family[rows], now.component[rows]
    ease = config.commitment + config.commitment_readiness * now.state.readiness[family]
    kept = np.round(100 / (1 + np.exp(-(ease + config.commitment_noise * draw.normal(ids)))), 1)
    returned = ~draw.chance(ids, config.not_returned, 1)
    counted = returned & (component >= min(PUPIL)) & (component <= max(PUPIL))
    now.book.write(
        "commitments", kpm_id=family, member_id=rows, component=component, quarter=now.month.index // 3,
        attendance_pct=np.where(counted, kept, np.nan), met=np.where(returned, kept >= MET, -1),
        recorded_on=now.book.recorded(family, now.month.end, draw, 2),
    )  # fmt: skip


def sessions(now: Now, config: Config) -> None:
    """P2K2: a post meets its families together; who is ready comes more often."""
    draw, posts, s = now.draw("sessions"), now.posts, now.state
    held = draw.chance(posts.ids, posts.session_share * by_year(config.sessions, now.month.year))
    on = days(draw, now.month, posts.ids, 1)[s.post]
    rows = np.nonzero(s.active & held[s.post])[0]
    rows = rows[now.within(rows, on[rows])]
    ids, post = now.fam.ids[rows], s.post[rows]
    zeal = config.attendance_post * now.effect[post]
    ease = config.attendance + config.attendance_readiness * s.readiness[rows] + zeal
    comes = draw.chance(ids, 1 / (1 + np.exp(-ease)))
    sick = draw.chance(ids, config.sick, 1)
    present, ill, absent = (ATTENDANCE.index(a) for a in ("present", "sick", "absent"))
    now.book.write(
        "sessions", kpm_id=rows, held_on=on[rows], attendance=np.where(sick, ill, np.where(comes, present, absent)),
        module=(posts.ids[post].astype(int) + now.month.index) % len(MODULES),
        recorded_on=now.book.recorded(rows, on[rows], draw, 2),
    )  # fmt: skip


def troubles(now: Now, config: Config, struck: Array, records: RecordsConfig) -> None:
    """Cases: shocks that were reported, families that ask how to stand alone, visits, complaints and data problems."""
    s, everyone = now.state, np.nonzero(now.state.active)[0]
    for i, kind in enumerate(SHOCKS):
        hit = everyone[struck[everyone, i]]
        _report(now, kind, (hit, config.shocks_reported), records)
    standing = config.interest_readiness * s.readiness[everyone] + config.interest_income * s.income[everyone]
    flawed = 1 + config.data_problems_flawed * now.fam.identity_flaw[everyone]
    rates = {k: r * (flawed if k == "data_problem" else 1.0) for k, r in config.other_cases.items()}
    rates["graduation_interest"] = config.interest * np.exp(standing)
    rates["home_visit"] = config.home_visits * np.exp(now.effect)[s.post[everyone]]
    for kind, rate in rates.items():
        _report(now, kind, (everyone, monthly(rate)), records)


def _report(now: Now, kind: str, who: tuple[Array, Array | float], records: RecordsConfig) -> None:
    (rows, chance), draw = who, now.draw(f"report {kind}")
    rows = rows[draw.chance(now.fam.ids[rows], chance)]
    on = days(draw, now.month, now.fam.ids[rows], 1)
    inside = now.within(rows, on)
    rows, on = rows[inside], on[inside]
    about = (rows, KINDS.index(kind), _referral(now, kind))
    cases(now, about, (on, now.book.recorded(rows, on, draw, 2)), records)


def _referral(now: Now, kind: str) -> int:
    """Where such a case is sent: who wants to graduate to the grants of the year, who was struck to relief."""
    grant = "PPSE" if now.month.year >= 2025 else "PENA" if now.month.year >= 2022 else "KUBE"
    scheme = {"graduation_interest": grant, "illness": "ATENSI", "job_loss": "PROKUS", "disaster": "RST"}.get(kind)
    return REFERRALS.index(scheme) if scheme else -1
