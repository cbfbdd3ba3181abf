"""What recent months tell: nothing after the origin, timing recovered, jumps found, and honest about earlier misses."""

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from scipy.integrate import quad
from scipy.stats import gamma, poisson

from pipeline import early
from pipeline.early import Recent

CONFIG = early.Config(change=0.15, jump=1.0, step_sd=0.0, shift_sd=0.4, shift_years=2.0)
DAYS = [date(2020 + k // 4, (3, 6, 9, 12)[k % 4], (31, 30, 30, 31)[k % 4]) for k in range(24)]
SHARE = np.array([0.0, 0.15, 0.25, 0.25, 0.25, 0.10])


def made(rates, families=4000, seed=None):
    """counts[a, t] ~ families * share[t - a] * rates[t]; their means where there is no seed."""
    n = len(rates)
    mean = np.zeros((n, n))
    for a in range(n):
        for t in range(a + 1, min(n, a + 6)):
            mean[a, t] = families * SHARE[t - a] * rates[t]
    counts = mean if seed is None else np.random.default_rng(seed).poisson(mean).astype(float)
    known = np.array([min(a + 5, n) for a in range(n)])
    return Recent(counts, np.full(n, float(families)), known, np.empty(0), np.empty(0, dtype=np.int64))


def rows(*told):
    return pd.DataFrame(told, columns=["kpm_id", "as_of", "outcome", "known_on"])


def test_recent_by_hand():
    """On 2020-09-30: A's exit was recorded in the second step, B's on the day itself, C's a day later; D is unseen."""
    first, second, third = DAYS[:3]
    found = early.recent(
        rows(
            ("A", first, "gsm", date(2020, 6, 1)), ("B", first, "gsm", third), ("C", first, "gsm", date(2020, 10, 1)),
            ("D", first, "censored", None), ("A", second, "natural", date(2020, 7, 1)), ("B", second, "none", None),
            ("A", DAYS[3], "gsm", DAYS[4]),
            ("B", third, "none", None),
            # Visits on record, and not yet:
            ("E", first, "censored", third), ("F", first, "censored", date(2020, 10, 1)),
        ),
        pd.DataFrame([("B", second, -1.5), ("D", first, 9.0), ("A", DAYS[3], 9.0)], columns=["kpm_id", "as_of", "raw"]),
        {first: third, second: DAYS[4]},
        third,
    )  # fmt: skip
    assert found.counts.tolist() == [[0, 1, 1], [0, 0, 0], [0, 0, 0]]
    assert found.families.tolist() == [4, 2, 1]  # A, B, C, F; A, B; B
    assert found.known_at.tolist() == [2, 3, 3]
    assert (found.raw.tolist(), found.cohort.tolist()) == ([-1.5], [1])


@pytest.mark.parametrize("seed", range(4))
def test_nothing_recorded_after_the_origin_is_used(seed):
    """Whatever is later is put out of order, lost or made up: the same Recent."""
    rng = np.random.default_rng(seed)
    n, origin = 600, DAYS[9]
    as_of = rng.choice(np.array(DAYS[:14], dtype=object), n)
    known = np.array([d + timedelta(days=int(rng.integers(1, 500))) for d in as_of], dtype=object)
    table = rows(
        *zip([f"K{i}" for i in range(n)], as_of, rng.choice(["gsm", "none", "censored"], n), known, strict=True)
    )
    scores = table[["kpm_id", "as_of"]].assign(raw=rng.normal(size=n))
    matured = {d: d + timedelta(days=450) for d in DAYS}
    later = (table["known_on"] > origin).to_numpy()
    changed = table.assign(
        outcome=np.where(later, "none", table["outcome"]), known_on=table["known_on"].where(~later, None)
    )
    changed = changed[~((table["as_of"] > origin) & (rng.random(n) < 0.5))]
    one, other = (early.recent(t, scores, matured, origin) for t in (table, changed))
    assert one.counts.sum() > 0
    for field in ("counts", "families", "known_at", "raw", "cohort"):
        assert getattr(one, field).tolist() == getattr(other, field).tolist()


def test_timing_is_freed_of_the_level():
    """A rate that doubles each year: the raw counts lean to late steps, the fitted shares do not."""
    recent = made(0.01 * 2 ** (np.arange(20) / 4))
    assert early.timing(recent) == pytest.approx(SHARE, abs=1e-4)
    crude = np.array([np.trace(recent.counts, k) for k in range(6)])
    assert abs(crude[4] / crude.sum() - SHARE[4]) > 0.001


def test_an_exit_seen_by_several_cohorts_counts_once():
    """Step 2 was awaited by cohorts 0 and 1: 6 + 4 seen, 5 + 5 expected; at most 6 families, so 6 seen, 6 expected."""
    share = np.array([0.0, 0.5, 0.5])
    counts = np.array([[0.0, 3.0, 6.0], [0.0, 0.0, 4.0], [0.0, 0.0, 0.0]])
    found, expected = early.steps_seen(counts, np.array([10.0, 10.0, 0.0]), share)
    assert found == pytest.approx([3.0, 6.0])
    assert expected == pytest.approx([5.0, 6.0])


def by_quadrature(found, expected, change, jump):
    """All ways to part the steps into runs, each run's gamma-Poisson by numerical integration."""
    n, weights, means = len(found), [], []
    for bits in range(2 ** (n - 1)):
        starts = [0, *[i for i in range(1, n) if bits >> (i - 1) & 1]]
        weight = change ** (len(starts) - 1) * (1 - change) ** (n - len(starts))
        for start, end in zip(starts, [*starts[1:], n], strict=True):

            def density(rate, power, start=start, end=end):
                chance = np.prod([poisson.pmf(found[i], rate * expected[i]) for i in range(start, end)])
                return rate**power * chance * gamma.pdf(rate, jump, scale=1 / jump)

            total = quad(density, 0, 30, args=(0,), limit=200)[0]
            mean = quad(density, 0, 30, args=(1,), limit=200)[0] / total
            weight *= total
        weights.append(weight)
        means.append(mean)
    return float(np.log(np.average(means, weights=weights)))


@pytest.mark.parametrize("found", [(3, 4, 12), (0, 0, 0), (9, 1, 2, 1)])
def test_the_level_equals_numerical_integration_over_all_runs(found):
    """A run begins anew at the first step with the same prior, so only later beginnings matter."""
    config = CONFIG.model_copy(update={"jump": 2.0})
    expected = np.full(len(found), 4.0)
    got = early.level(np.array(found, dtype=float), expected, config, 1.0)
    assert got == pytest.approx(by_quadrature(found, expected, 0.15, 2.0), abs=1e-5)


def test_without_evidence_there_is_no_level():
    assert early.level(np.empty(0), np.empty(0), CONFIG, 1.0) == 0.0


@pytest.mark.parametrize(("jump", "seed"), [(0.4, 0), (0.4, 1), (2.2, 2), (2.2, 3), (1.0, 4), (1.0, 5)])
def test_a_jump_two_steps_ago_is_found(jump, seed):
    """40 expected a step, the last two at a new level: the log level within 0.3 of it."""
    expected = np.full(8, 40.0)
    found = np.random.default_rng(seed).poisson(expected * np.r_[np.ones(6), [jump] * 2]).astype(float)
    assert early.level(found, expected, CONFIG, 1.0) == pytest.approx(np.log(jump), abs=0.3)


def test_what_is_recorded_within_its_own_step_by_hand():
    """A cohort's first step holds 0.15 of its graduations, a whole step 0.25: 0.6 are recorded in their own step."""
    assert early.within(np.array([0.0, 0.15, 0.25, 0.25, 0.25, 0.10])) == pytest.approx(0.6)


@pytest.mark.parametrize(("found", "share", "before"), [(12.0, 0.6, 1.0), (0.0, 0.6, 1.0), (7.0, 0.3, 2.0)])
def test_the_first_step_of_a_run_equals_numerical_integration(found, share, before):
    """4 expected at level 1; chance and mean of the new level under Gamma(2, 2), the rest at the level before."""

    def density(rate, power):
        level = share * rate + (1 - share) * before
        return rate**power * level**found * np.exp(-4.0 * level) * gamma.pdf(rate, 2.0, scale=1 / 2.0)

    total, first = (quad(density, 0, 40, args=(power,), limit=200)[0] for power in (0, 1))
    chance, events, exposure = early._started(found, 4.0, (share, before), CONFIG.model_copy(update={"jump": 2.0}))
    assert chance == pytest.approx(np.log(total), abs=1e-6)
    assert events / exposure == pytest.approx(first / total, abs=1e-6)


def test_a_policy_that_begins_while_records_are_on_their_way():
    """Level 2 since the last but one step, 0.6 of whose records are of it: 40 x (0.6 x 2 + 0.4) = 64, then 80.

    Whoever takes 64 for a whole step of the new level is below 2; with the lag told it is found, over seeds.
    """
    expected = np.full(8, 40.0)
    draws = [np.random.default_rng(s).poisson(np.r_[np.full(6, 40.0), 64.0, 80.0]).astype(float) for s in range(20)]
    told, untold = (np.mean([early.level(d, expected, CONFIG, w) for d in draws]) for w in (0.6, 1.0))
    assert np.exp(untold) < 1.87
    assert np.exp(told) == pytest.approx(2.0, abs=0.1)


def test_a_larger_country_is_not_believed_without_end():
    """A step 15 % above, seen in a million: worth 100 expected where steps differ by 10 %, so it is shrunk."""
    steps = np.full(4, 1e6), np.full(4, 1e6)
    steps[0][-1] = 1.15e6
    plain = early.level(*steps, CONFIG, 1.0)
    wary = early.level(*steps, CONFIG.model_copy(update={"step_sd": 0.1}), 1.0)
    assert plain == pytest.approx(np.log(1.15), abs=1e-3)
    assert 0.0 < wary < 0.1


def test_errors_stand_on_their_own_day():
    """A rate that never moves leaves no error; one that halves for good is missed by the whole before, not after."""
    still = list(early.errors(made(np.full(20, 0.02)), SHARE, 4, CONFIG))
    assert len(still) == 10  # references from step 5 on, the last matured cohort is that of step 14
    assert np.abs(still).max() < 0.01
    halved = list(early.errors(made(np.where(np.arange(20) > 9, 0.01, 0.02)), SHARE, 4, CONFIG))
    assert halved[4] == pytest.approx(np.log(2), abs=0.03)  # on step 9 nothing of the half is on record
    assert np.abs(halved[6:]).max() < 0.25


def test_the_variance_by_hand():
    """Eight quarterly errors of 0.5 are two years: (2 * 0.16 + 2 * 0.25) / (2 + 2) = 0.205; without any 0.16."""
    assert early.variance([0.5] * 8, 4, CONFIG) == pytest.approx(0.205)
    assert early.variance([], 4, CONFIG) == pytest.approx(0.16)
