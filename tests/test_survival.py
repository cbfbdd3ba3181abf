"""Hazards by quarter: who was followed how far, the sums of competing risks, and nothing from after the origin."""

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from pipeline import survival
from pipeline.errors import BadInput
from pipeline.study import months_after
from pipeline.survival import GRADUATED, LEFT, STAYED, Clock

A, B = date(2020, 3, 31), date(2020, 9, 30)
AT = Clock(origin=date(2021, 4, 15), until=date(2020, 12, 31))


def settings(**changes):
    values = yaml.safe_load(Path("configs/survival.yaml").read_text(encoding="utf-8"))
    small = {"trees": 30, "trees_of_other_causes": 20, "threads": 1, "learning_rate": 0.1}
    return survival.Config.model_validate(values | small | changes)


def exits(*rows):
    """(family, as_of, outcome, outcome_on, known_on) as labels.observe gives them."""
    made = pd.DataFrame(rows, columns=["kpm_id", "as_of", "outcome", "outcome_on", "known_on"])
    for day in ("as_of", "outcome_on", "known_on"):
        made[day] = pd.to_datetime(made[day])
    return made


def leads_of(table):
    return {(r.kpm_id, r.as_of.date()): (r.leads, r.cause) for r in table.itertuples()}


def test_spells_by_hand():
    """As of 31 March the quarters end on 30 June, 30 September and 31 December 2020, which is all that is recorded."""
    table = exits(
        ("stays", A, "none", None, None),
        ("first day", A, "gsm", "2020-04-01", "2020-04-20"),  # quarter 1
        ("last day", A, "gsm", "2020-06-30", "2020-07-20"),  # still quarter 1
        ("next day", A, "natural", "2020-07-01", "2020-07-20"),  # quarter 2
        ("too late", A, "gsm", "2021-01-01", "2021-01-10"),  # quarter 4 is not known: three quarters stayed
        ("unheard of", A, "gsm", "2020-05-01", "2021-04-16"),  # recorded a day after the origin: stayed
        ("had left", A, "other", None, "2020-04-02"),  # took effect before as_of: shows in quarter 1
        ("not followed", A, "censored", None, None),
        ("later", B, "gsm", "2020-12-31", "2021-01-31"),  # as of 30 September one quarter is known
    )
    found = survival.spells(table, [A, B], AT, settings())
    assert leads_of(found) == {
        ("stays", A): (3, STAYED),
        ("first day", A): (1, GRADUATED),
        ("last day", A): (1, GRADUATED),
        ("next day", A): (2, LEFT),
        ("too late", A): (3, STAYED),
        ("unheard of", A): (3, STAYED),
        ("had left", A): (1, LEFT),
        ("later", B): (1, GRADUATED),
    }
    months = found.set_index("kpm_id")["months"]
    assert months["stays"] == 9.0
    assert months["first day"] == pytest.approx(1 * 12 / 365.25)
    assert months["had left"] == 1.5  # the middle of the first quarter


def test_an_as_of_date_without_a_known_quarter_is_left_out():
    late = date(2020, 12, 31)
    table = exits(("a", late, "gsm", "2021-01-05", "2021-01-06"), ("b", A, "none", None, None))
    assert set(survival.spells(table, [A, late], AT, settings())["kpm_id"]) == {"b"}
    assert survival.learnt_from([A, B, late], AT, settings()) == (A, B)
    assert survival.learnt_from([A, B, late], AT, settings(training_months=6)) == (B,)


def test_the_clock_ends_with_the_last_matured_horizon():
    matured = {A: date(2021, 6, 20), B: date(2021, 12, 20)}
    assert survival.clock(date(2021, 12, 19), matured, 12) == Clock(date(2021, 12, 19), date(2021, 3, 31))
    assert survival.clock(date(2021, 12, 20), matured, 12).until == date(2021, 9, 30)
    with pytest.raises(BadInput, match="no label had matured by 2021-06-19"):
        survival.clock(date(2021, 6, 19), matured, 12)


def test_person_quarters_by_hand():
    table = exits(("stays", A, "none", None, None), ("goes", A, "gsm", "2020-07-05", "2020-07-20"))
    known = survival.spells(table, [A], AT, settings())
    rows = survival.person_quarters(known, AT, settings())
    assert [(r.kpm_id, r.lead, r.cause, r.weight, r.age) for r in rows.itertuples()] == [
        ("stays", 1, STAYED, 1.0, 6),  # the quarter ended on 30 June, six months before 31 December
        ("stays", 2, STAYED, 1.0, 3),
        ("stays", 3, STAYED, 1.0, 0),
        ("goes", 1, STAYED, 1.0, 6),
        ("goes", 2, GRADUATED, 1.0, 3),
    ]


def drawn(seed, families=2500, dates=(A, B)):
    """Exits of families that graduate in a quarter with chance 0.1 or, where `x` is 1, 0.3; 0.05 leave otherwise."""
    rng = np.random.default_rng(seed)
    made, x = [], {}
    for as_of in dates:
        days = [months_after(as_of, 3 * k) for k in range(1, 9)]
        high = rng.random(families) < 0.5
        for i in range(families):
            family = f"K{as_of:%m}{i:05d}"
            x[family] = float(high[i])
            row = (family, as_of, "none", None, None)
            for u, day in zip(rng.random(8), days, strict=True):
                graduates = 0.3 if high[i] else 0.1
                if u < graduates + 0.05:
                    row = (family, as_of, "gsm" if u < graduates else "died", day, day)
                    break
            made.append(row)
    return exits(*made), x


def loader(x):
    families = pd.DataFrame({"kpm_id": list(x), "x": list(x.values())})
    families["noise"] = np.random.default_rng(1).normal(size=len(families))
    return lambda as_of: families.assign(as_of=pd.Timestamp(as_of))


@pytest.mark.parametrize("seed", range(2))
def test_the_sample_stands_for_all_rows(seed):
    """Every graduation is kept; weights of the others sum to their number within four standard errors."""
    table, _ = drawn(seed)
    at = Clock(date(2023, 1, 1), date(2022, 12, 31))
    known = survival.spells(table, [A, B], at, settings())
    whole = survival.person_quarters(known, at, settings(rows=10**9))
    part = survival.person_quarters(known.sample(frac=1, random_state=seed), at, settings(rows=3000))
    assert (part["cause"] == GRADUATED).sum() == (whole["cause"] == GRADUATED).sum() == (known["cause"] == 1).sum()
    common, n = part[part["cause"] != GRADUATED], int((whole["cause"] != GRADUATED).sum())
    assert abs(len(common) - 3000) < 4 * np.sqrt(3000)
    assert abs(common["weight"].sum() - n) < 4 * np.sqrt(3000) * n / 3000
    again = survival.person_quarters(known, at, settings(rows=3000))
    keys = ["kpm_id", "as_of", "lead"]
    pd.testing.assert_frame_equal(
        part.sort_values(keys, ignore_index=True), again.sort_values(keys, ignore_index=True)
    )  # a row is chosen by its key, wherever it stands


def test_nothing_after_the_origin_is_used():
    """Rewriting all that was recorded after the origin, or took effect after `until`, changes no row."""
    table, _ = drawn(3, families=300)
    known_late = (table["known_on"] > pd.Timestamp(AT.origin)) | (table["outcome_on"] > pd.Timestamp(AT.until))
    assert known_late.any()
    other = table.copy()
    other.loc[known_late, "outcome"] = "gsm"
    other.loc[known_late & (other["as_of"] == pd.Timestamp(A)), ["outcome_on", "known_on"]] = pd.NaT
    other.loc[other["outcome_on"].isna() & known_late, "outcome"] = "none"
    first, second = (survival.spells(t, [A, B], AT, settings()) for t in (table, other))
    pd.testing.assert_frame_equal(first, second)


def test_cumulative_incidence_by_hand():
    """Quarter 1: 0.2 graduate, 0.1 leave, 0.7 stay. Quarter 2: of those 0.5 and 0.25: 0.35 and 0.175, 0.175 stay."""
    found = survival.cumulative(np.array([[0.2, 0.1], [0.5, 0.25]]))
    assert found == pytest.approx(np.array([[0.2, 0.1], [0.55, 0.275]]))


@pytest.mark.parametrize(("graduating", "leaving"), [(0.1, 0.05), (0.02, 0.3), (0.5, 0.0)])
def test_cumulative_incidence_of_constant_hazards_has_a_closed_form(graduating, leaving):
    """F(k) = h / (h + g) * (1 - (1 - h - g)^k)."""
    k = np.arange(1, 9)
    found = survival.cumulative(np.tile([graduating, leaving], (8, 1)))
    both = graduating + leaving
    assert found[:, 0] == pytest.approx(graduating / both * (1 - (1 - both) ** k))


@pytest.mark.parametrize("seed", range(5))
def test_all_causes_and_staying_sum_to_one(seed):
    log_odds = np.random.default_rng(seed).normal(0, 5, size=(50, 8, 2))
    hazard = survival.chances(log_odds)
    stays = np.cumprod(1 - hazard.sum(axis=-1), axis=-1)
    assert survival.cumulative(hazard).sum(axis=-1) + stays == pytest.approx(np.ones((50, 8)))
    assert hazard[..., 0] / (1 - hazard.sum(axis=-1)) == pytest.approx(np.exp(log_odds[..., 0]))


def test_extreme_log_odds_stay_chances():
    assert survival.chances(np.array([[800.0, -800.0], [-800.0, -800.0]])) == pytest.approx(np.array([[1, 0], [0, 0]]))


def plain_aalen_johansen(table, leads):
    """Family by family: the slow second version."""
    found, staying, sums = [], 1.0, [0.0, 0.0]
    for k in range(1, leads + 1):
        risk = [r for r in table.itertuples() if r.leads >= k]
        rates = [sum(r.leads == k and r.cause == c for r in risk) / len(risk) for c in (GRADUATED, LEFT)]
        sums = [s + staying * rate for s, rate in zip(sums, rates, strict=True)]
        staying *= 1 - sum(rates)
        found.append(list(sums))
    return np.array(found)


@pytest.mark.parametrize("seed", range(3))
def test_aalen_johansen_by_the_slow_way(seed):
    table, _ = drawn(seed, families=200)
    known = survival.spells(table, [A, B], Clock(date(2022, 1, 1), date(2021, 9, 30)), settings())
    assert survival.aalen_johansen(known, 4) == pytest.approx(plain_aalen_johansen(known, 4))


def test_aalen_johansen_is_unknown_where_nobody_was_at_risk():
    known = pd.DataFrame({"leads": [1, 2], "cause": [GRADUATED, STAYED]})
    found = survival.aalen_johansen(known, 3)
    assert found[:2, 0].tolist() == [0.5, 0.5]
    assert np.isnan(found[2]).all()


@pytest.fixture(scope="module")
def fitted():
    table, x = drawn(0)
    plain = {"half_life_months": 1e9, "lambda_l2": 0.0, "feature_fraction": 1.0, "learning_rate": 0.3}
    at, config = Clock(date(2023, 1, 1), date(2022, 12, 31)), settings(**plain)
    known = survival.spells(table, [A, B], at, config)
    wide = survival.joined(survival.person_quarters(known, at, config), loader(x), ["x", "noise"])
    rows = survival.rows_of(wide, ["x", "noise"], "made up")
    return known, rows, survival.fit(rows, config), config


def test_the_mean_incidence_is_aalen_johansens(fitted):
    """With everybody followed the model's mean and the estimate without covariates agree within sampling error."""
    known, rows, model, config = fitted
    x = rows.x[rows.x["lead"] == 1]
    mean = survival.incidence(model, x, [3, 6, 12, 24], config).mean().to_numpy()
    expected = survival.aalen_johansen(known, 8)[[0, 1, 3, 7], 0]
    assert mean == pytest.approx(expected, abs=0.03)
    assert (np.diff(mean) > 0).all()


def test_the_incidence_finds_the_truth(fitted):
    """Chance 0.3 and 0.1 a quarter beside 0.05: F(4) = 0.3/0.35 (1 - 0.65^4) = 0.704, 0.1/0.15 (1 - 0.85^4) = 0.319."""
    _, rows, model, config = fitted
    x = rows.x[rows.x["lead"] == 1]
    found = survival.incidence(model, x, [12], config)["gsm_12"]
    assert found[x["x"] == 1].mean() == pytest.approx(0.704, abs=0.04)
    assert found[x["x"] == 0].mean() == pytest.approx(0.319, abs=0.04)


def test_raw_scores_are_log_odds_of_the_incidence(fitted):
    _, rows, model, config = fitted
    x = rows.x.head(50)
    chance = survival.incidence(model, x, [12], config)["gsm_12"]
    assert 1 / (1 + np.exp(-survival.raw_scores(model, x, 12, config))) == pytest.approx(chance.to_numpy())
    shuffled = x[x.columns[::-1]]
    assert np.array_equal(survival.raw_scores(model, shuffled, 12, config), survival.raw_scores(model, x, 12, config))


def test_the_same_rows_give_the_same_model(fitted):
    _, rows, model, config = fitted
    again = survival.fit(rows, config)
    assert again.graduated.model_to_string() == model.graduated.model_to_string()
    assert again.level == model.level


def test_months_are_whole_leads(fitted):
    _, rows, model, config = fitted
    with pytest.raises(ValueError, match="multiples of 3"):
        survival.incidence(model, rows.x, [4], config)
    for months in ([3, 4], [6, 3], [3, 3]):
        with pytest.raises(ValueError, match="months must rise"):
            settings(months=months)


@pytest.mark.parametrize("prior_sd", [0.1, 1.0, 1e6])
def test_the_level_is_where_the_posterior_is_highest(prior_sd):
    """Beside a grid search; with no prior the expected number of graduations is the one seen."""
    rng = np.random.default_rng(0)
    graduated, left, weight = rng.normal(-2, 1, 400), rng.normal(-1, 1, 400), rng.uniform(0.5, 3, 400)
    label = (rng.random(400) < 0.3).astype(float)
    against = graduated - np.log1p(np.exp(left))

    def posterior(d):
        p = 1 / (1 + np.exp(-(against + d)))
        return weight @ (label * np.log(p) + (1 - label) * np.log(1 - p)) - d * d / (2 * prior_sd**2)

    found = survival.shift(graduated, left, (label, weight), prior_sd)
    grid = np.linspace(-3, 3, 6001)
    assert found == pytest.approx(grid[np.argmax([posterior(d) for d in grid])], abs=0.001)
    if prior_sd == 1e6:
        p = 1 / (1 + np.exp(-(against + found)))
        assert weight @ p == pytest.approx(weight @ label)


@pytest.mark.parametrize("kept", [(STAYED, LEFT), (STAYED, GRADUATED), (GRADUATED, LEFT)])
def test_a_cause_that_never_occurs_is_refused(fitted, kept):
    _, rows, _, config = fitted
    some = np.isin(rows.cause, kept)
    parts = (rows.cause[some], rows.weight[some], rows.age[some])
    with pytest.raises(BadInput, match="survival: made up"):
        survival.fit(survival.PersonQuarters(rows.x[some], *parts, rows.name), config)


def test_followed_are_the_spells_with_their_features():
    table, x = drawn(1, families=20)
    known = survival.spells(table, [A, B], AT, settings())
    found = survival.followed(survival.joined(known, loader(x), ["x"]), ["x"])
    assert list(found.x.columns) == ["x"]
    assert sorted(found.months) == sorted(known["months"])
    assert sorted(found.cause) == sorted(known["cause"])
