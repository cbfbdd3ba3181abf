"""What PKH does with its members: pays them, checks their commitments, meets them and hears of their troubles."""

from typing import Annotated

import numpy as np
from pydantic import Field

from pipeline.config import BaseConfig
from pipeline.simulate.draws import NOT_A_DAY, Array, Rupiah, Share, Weight, Year, Yearly, by_year, days, monthly
from pipeline.simulate.economy import SHOCKS
from pipeline.simulate.households import COMPONENTS
from pipeline.simulate.now import Now
from pipeline.simulate.records import KINDS, REFERRALS, cases
from pipeline.tables import Payments, Sessions

PROGRAMMES = Payments.column("programme").values
MODULES = Sessions.column("module").values
PUPIL = [COMPONENTS.index(c) for c in ("sd", "smp", "sma")]


class Config(BaseConfig):
    flat_a_year: dict[Year, Rupiah]
    fixed_a_year: Annotated[dict[Year, Rupiah], Field(min_length=1)]
    component_a_year: Annotated[dict[Year, dict[str, Rupiah]], Field(min_length=1)]
    most_components: Annotated[int, Field(ge=1, le=10)]
    sembako_a_month: Annotated[dict[Year, Rupiah], Field(min_length=1)]
    failed: Share
    unclaimed: Share
    not_returned: Share
    commitment: Weight
    commitment_readiness: Weight
    attendance: Weight
    attendance_readiness: Weight
    sick: Share
    pandemic_years: list[Year]
    pandemic_sessions: Share
    interest: Yearly
    interest_readiness: Weight
    interest_income: Weight
    shocks_reported: Share
    home_visits: Yearly
    other_cases: dict[str, Yearly]


def quarterly(now: Now, config: Config) -> None:
    """PKH and sembako of the quarter that ends, and its commitments; only for who is still a member at its end."""
    if now.month.closes_quarter:
        staying = now.state.active & (now.state.exit_on > now.month.end) & ~np.isnat(now.state.since)
        for programme, amount in (("BPNT", _sembako(now, config)), ("PKH", entitled(now, config))):
            _payments(now, config, programme, np.where(staying, amount, 0))
        _commitments(now, config, staying)


def entitled(now: Now, config: Config) -> Array:
    """PKH of a quarter in rupiah: a flat sum in the early years, later the dearest components, four at most."""
    year, n = now.month.year, len(now.fam)
    if year in config.flat_a_year:
        return np.full(n, config.flat_a_year[year] // 4)
    rates = by_year(config.component_a_year, year)
    worth = np.append([rates[c] for c in COMPONENTS], 0)[now.component]
    order = np.lexsort((-worth, now.people.family))
    family = now.people.family[order]
    nth = np.arange(len(order)) - np.searchsorted(family, family)
    total = np.zeros(n, np.int64)
    np.add.at(total, family, np.where(nth < config.most_components, worth[order], 0))
    fixed = by_year(config.fixed_a_year, year) if now.month.number == 3 else 0
    return np.where(total > 0, total // 4 + fixed, 0)


def _sembako(now: Now, config: Config) -> Array:
    return 3 * by_year(config.sembako_a_month, now.month.year) * now.fam.sembako


def _payments(now: Now, config: Config, programme: str, amount: Array) -> None:
    rng, n = now.rng(f"payments {programme}"), len(now.fam)
    u = rng.random(n)
    on = days(rng, now.month, n)
    recorded = now.book.recorded(np.arange(n), on, rng)
    status = np.where(u < config.failed, 1, np.where(u < config.failed + config.unclaimed, 2, 0))
    rows = np.nonzero((amount > 0) & now.within(np.arange(n), on))[0]
    paid = status[rows] == 0
    now.book.write(
        "payments", kpm_id=rows, programme=np.full(len(rows), PROGRAMMES.index(programme)),
        period=np.full(len(rows), now.month.index // 3), paid_on=np.where(paid, on[rows], NOT_A_DAY),
        amount=np.where(paid, amount[rows], 0), status=status[rows],
        channel=np.where(now.fam.by_post_office[rows], 1, 0), recorded_on=recorded[rows],
    )  # fmt: skip


def _commitments(now: Now, config: Config, staying: Array) -> None:
    """One row a member with a component: the share of school days or checks kept, from how ready the family is."""
    rng, people = now.rng("commitments"), now.people
    n = len(people.family)
    ease = config.commitment + config.commitment_readiness * now.state.readiness[people.family]
    kept = 100 / (1 + np.exp(-(ease + 0.8 * rng.normal(size=n))))
    returned = rng.random(n) >= config.not_returned
    recorded = now.book.recorded(people.family, np.full(n, now.month.end), rng)
    rows = np.nonzero((now.component >= 0) & staying[people.family])[0]
    counted = returned[rows] & np.isin(now.component[rows], PUPIL)
    share = np.where(counted, np.round(kept[rows], 1), np.nan)
    now.book.write(
        "commitments", kpm_id=people.family[rows], member_id=rows, component=now.component[rows],
        quarter=np.full(len(rows), now.month.index // 3), attendance_pct=share,
        met=np.where(returned[rows], np.round(kept[rows], 1) >= 85, -1).astype(int), recorded_on=recorded[rows],
    )  # fmt: skip


def sessions(now: Now, config: Config) -> None:
    """P2K2: a post meets its families together; who is ready comes more often."""
    rng, fam = now.rng("sessions"), now.fam
    share = now.posts.session_share * (config.pandemic_sessions if now.month.year in config.pandemic_years else 1)
    held = rng.random(len(now.posts)) < share
    on = days(rng, now.month, len(now.posts))[fam.post]
    comes = config.attendance + config.attendance_readiness * now.state.readiness + 0.5 * now.posts.effect[fam.post]
    u, v = rng.random(len(fam)), rng.random(len(fam))
    attendance = np.where(v < config.sick, 1, np.where(u < 1 / (1 + np.exp(-comes)), 0, 2))
    recorded = now.book.recorded(np.arange(len(fam)), on, rng)
    rows = np.nonzero(held[fam.post] & now.within(np.arange(len(fam)), on))[0]
    now.book.write("sessions", kpm_id=rows, held_on=on[rows], attendance=attendance[rows], recorded_on=recorded[rows],
                   module=(now.month.index + fam.post[rows]) % len(MODULES))  # fmt: skip


def troubles(now: Now, config: Config, struck: Array) -> None:
    """Cases: shocks that were reported, families that ask how to stand alone, visits, complaints and data problems."""
    s, n = now.state, len(now.fam)
    interest = config.interest * np.exp(config.interest_readiness * s.readiness + config.interest_income * s.income)
    flaw = 1 + 5 * now.fam.identity_flaw
    rates = {k: np.full(n, r) * (flaw if k == "data_problem" else 1) for k, r in config.other_cases.items()}
    visits = config.home_visits * np.exp(now.posts.effect[now.fam.post])
    rates |= {"graduation_interest": interest, "home_visit": visits}
    for i, kind in enumerate(SHOCKS):
        _report(now, kind, np.where(struck[:, i], config.shocks_reported, 0.0))
    for kind, rate in rates.items():
        _report(now, kind, monthly(rate))


def _report(now: Now, kind: str, chance: Array) -> None:
    rng, n = now.rng(f"cases {kind}"), len(now.fam)
    reported, on = rng.random(n) < chance, days(rng, now.month, n)
    recorded = now.book.recorded(np.arange(n), on, rng)
    rows = np.nonzero(reported & now.within(np.arange(n), on))[0]
    cases(now, rows, KINDS.index(kind), (on[rows], recorded[rows]), _referral(now, kind))


def _referral(now: Now, kind: str) -> int:
    """Where such a case is sent: who wants to graduate to the grants of the year, who was struck to relief."""
    grant = "PPSE" if now.month.year >= 2025 else "PENA" if now.month.year >= 2022 else "KUBE"
    scheme = {"graduation_interest": grant, "illness": "ATENSI", "job_loss": "PROKUS", "disaster": "RST"}.get(kind)
    return REFERRALS.index(scheme) if scheme else -1
