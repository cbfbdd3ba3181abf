"""Cumulative incidences against Aalen-Johansen's estimate: by hand, by a plain second version, and by its laws."""

import numpy as np
import pandas as pd
import pytest
from test_evaluate import config

from pipeline import evaluate, metrics
from pipeline.errors import BadInput
from pipeline.evaluate.incidence import Drawn, aalen_johansen

AS_OF = "2022-03-31"
ALONE = np.ones((1, 1))


def once(days: list[float], cause: list[int], horizon: float) -> float:
    found = aalen_johansen(
        np.array(days, dtype=float), np.array(cause, dtype=np.intp), Drawn(np.zeros(len(days), np.intp), ALONE), horizon
    )
    return float(found[0])


def test_by_hand() -> None:
    # five families: gsm on day 1, censored on 2, another exit on 3, gsm on 4, followed to 9
    # day 1: 1 x 1/5 = .2, S = .8; day 3 (3 at risk): S = .8 x 2/3 = .5333; day 4 (2 at risk): .5333 x 1/2 = .2667
    days, cause = [1, 2, 3, 4, 9], [1, 0, 2, 1, 0]
    assert once(days, cause, 0.5) == 0
    assert once(days, cause, 1) == pytest.approx(0.2)
    assert once(days, cause, 3) == pytest.approx(0.2)
    assert once(days, cause, 5) == pytest.approx(0.2 + 0.8 * 2 / 3 / 2)


def test_a_horizon_is_reached_on_its_day() -> None:
    assert once([3.0, 12.0], [1, 0], 12) == 0.5
    assert once([12.0, 12.0], [1, 0], 12) == 0.5  # the exit comes before the end of what is known
    assert np.isnan(once([3.0, 11.9], [1, 0], 12))


def test_nobody_knows_what_came_after_the_last_was_censored() -> None:
    assert np.isnan(once([1, 2, 3], [1, 0, 0], 10))
    assert once([1, 2, 3], [1, 0, 2], 10) == pytest.approx(1 / 3)  # all who were left went another way
    assert once([1, 2, 10], [1, 0, 0], 10) == pytest.approx(1 / 3)


def slowly(days: np.ndarray, cause: np.ndarray, horizon: float) -> float:
    """Day by day."""
    free, found = 1.0, 0.0
    for day in sorted(set(days[(cause > 0) & (days <= horizon)])):
        at_risk = (days >= day).sum()
        found += free * ((days == day) & (cause == 1)).sum() / at_risk
        free *= 1 - ((days == day) & (cause > 0)).sum() / at_risk
    return found


def sample(seed: int, rows: int = 300) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    exits, ends = rng.integers(1, 900, rows), rng.integers(200, 1200, rows)
    cause = np.where(exits <= ends, rng.integers(1, 3, rows), 0)
    return np.minimum(exits, ends).astype(float), cause.astype(np.intp), rng.integers(0, 40, rows)


@pytest.mark.parametrize("seed", range(10))
def test_a_replicate_is_the_estimate_of_the_rows_repeated(seed: int) -> None:
    days, cause, family = sample(seed)
    weights = metrics.resample(40, 4, seed)
    for horizon in (91.3, 365.25, 730.5):
        found = aalen_johansen(days, cause, Drawn(family, weights), horizon)
        for r, w in enumerate(weights):
            again = np.repeat(np.arange(len(days)), w[family].astype(int))
            assert found[r] == pytest.approx(slowly(days[again], cause[again], horizon))


@pytest.mark.parametrize("seed", range(5))
def test_laws(seed: int) -> None:
    days, cause, family = sample(seed)
    one = np.ones((1, 40))
    rising = [aalen_johansen(days, cause, Drawn(family, one), h)[0] for h in (50, 100, 200, 400, 800)]
    assert rising == sorted(rising)
    other = np.array([0, 2, 1], dtype=np.intp)[cause]
    assert rising[-1] + aalen_johansen(days, other, Drawn(family, one), 800)[0] <= 1 + 1e-12
    followed = np.where(cause == 0, 10_000.0, days)  # with nobody censored it is the plain share
    plain = ((cause == 1) & (days <= 400)).mean()
    assert aalen_johansen(followed, cause, Drawn(family, one), 400)[0] == pytest.approx(plain)


def test_censoring_that_tells_nothing_does_not_bias_it() -> None:
    """Half of 40,000 families are followed for a random time only; the plain share of all of them is too low."""
    rng = np.random.default_rng(0)
    exits = rng.exponential(1000, 40_000)
    cause = 1 + (rng.random(40_000) < 0.7).astype(np.intp)
    ends = np.where(rng.random(40_000) < 0.5, rng.uniform(0, 1500, 40_000), 5000)
    seen, days = np.where(exits <= ends, cause, 0), np.minimum(exits, ends)
    found = aalen_johansen(days, seen, Drawn(np.zeros(40_000, np.intp), ALONE), 730)[0]
    truth = 0.3 * (1 - np.exp(-0.73))
    assert found == pytest.approx(truth, abs=4 * np.sqrt(truth / 40_000))
    assert ((seen == 1) & (days <= 730)).mean() < truth - 0.01


def promised(seed: int, rows: int = 400) -> tuple[pd.DataFrame, pd.DataFrame]:
    rng = np.random.default_rng(seed)
    chance = rng.uniform(0.05, 0.6, rows)
    ids = [f"K{i % 200:03d}" for i in range(rows)]
    as_of = np.where(np.arange(rows) < 200, AS_OF, "2022-06-30")
    gone = rng.random(rows) < chance
    spells = pd.DataFrame({"kpm_id": ids, "as_of": as_of, "months": np.where(gone, 12 * rng.random(rows), 27)})
    spells["cause"] = gone.astype(int)
    incidence = spells[["kpm_id", "as_of"]].assign(horizon_months=12, incidence=chance)
    return pd.concat([incidence, incidence.assign(horizon_months=24)]), spells


def test_the_table() -> None:
    incidence, spells = promised(0)
    table = evaluate.incidence_table(incidence, spells, config())
    assert table["horizon_months"].tolist() == [12] * 11 + [24] * 11
    assert table["bin"].tolist() == list(range(11)) * 2
    one = table[table["horizon_months"] == 12].set_index("bin")
    assert one.loc[0, "observed"] == pytest.approx(spells["cause"].mean())
    assert one.loc[0, "mean_incidence"] == pytest.approx(incidence["incidence"].mean())
    assert one.loc[1:, "rows"].sum() == one.loc[0, "rows"] == one.loc[0, "followed"] == 400
    assert one.loc[1:, "mean_incidence"].is_monotonic_increasing
    assert (one["lower"] <= one["observed"]).all()
    assert (one["observed"] <= one["upper"]).all()
    inside = (one["lower"] <= one["mean_incidence"]) & (one["mean_incidence"] <= one["upper"])
    assert inside.sum() >= 8  # the promises are true: of eleven 95 % intervals few miss


def test_columns_by_horizon_become_rows() -> None:
    wide = pd.DataFrame({"kpm_id": ["A", "B"], "as_of": AS_OF, "gsm_3": [0.1, 0.2], "gsm_24": [0.3, 0.4]})
    assert evaluate.long(wide).to_numpy().tolist() == [
        ["A", AS_OF, 3, 0.1], ["B", AS_OF, 3, 0.2], ["A", AS_OF, 24, 0.3], ["B", AS_OF, 24, 0.4],
    ]  # fmt: skip


def test_a_horizon_that_nobody_was_followed_to_is_null() -> None:
    incidence, spells = promised(0)
    short = spells.assign(months=spells["months"].clip(upper=15))
    table = evaluate.incidence_table(incidence, short, config())
    assert table.loc[table["horizon_months"] == 24, ["observed", "lower", "upper"]].isna().all(axis=None)
    assert table.loc[table["horizon_months"] == 12, "observed"].notna().all()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda i, s: (pd.concat([i, i.iloc[:2]]), s), "2 rows repeat kpm_id, as_of and horizon_months"),
        (lambda i, s: (i.assign(incidence=i["incidence"] * 2), s), "incidence must be from 0 to 1"),
        (lambda i, s: (i.assign(incidence=np.nan), s), "800 rows are not"),
        (lambda i, s: (i, s.iloc[3:]), "6 rows have no spell"),
    ],
)
def test_bad_input_is_told(spoil: object, message: str) -> None:
    incidence, spells = spoil(*promised(0))  # type: ignore[operator]
    with pytest.raises(BadInput, match=message) as told:
        evaluate.incidence_table(incidence, spells, config())
    assert "way out" in str(told.value)
    assert "K00" not in str(told.value)  # never a family
