"""Welfare surveys: what an interviewer finds, reports or misses in a family's dwelling, assets, income and business."""

from typing import Annotated

import numpy as np
from pydantic import Field

from pipeline.config import BaseConfig
from pipeline.simulate.draws import Array, Positive, Rupiah, Share, Year, Yearly, by_year, days, monthly
from pipeline.simulate.now import Now


class Config(BaseConfig):
    poverty_line: Annotated[dict[Year, Rupiah], Field(min_length=1)]
    surveys: Yearly
    income_missing: Share
    income_reported: Positive
    income_noise: Share
    deciles_from: Year
    decile_noise: Annotated[float, Field(ge=0, le=5)]


def welfare(now: Now, config: Config) -> None:
    """Surveys at irregular times, about one a family-year, and always one on entering."""
    rng = now.rng("welfare")
    n = len(now.fam)
    due = (rng.random(n) < monthly(config.surveys)) | ((now.state.since >= now.month.start) & now.state.active)
    on = np.maximum(days(rng, now.month, n), np.where(np.isnat(now.state.since), now.month.start, now.state.since))
    recorded = now.book.recorded(np.arange(n), on, rng)
    rows = np.nonzero(due & now.within(np.arange(n), on))[0]
    survey(now, rows, (on[rows], recorded[rows]), config)


def survey(now: Now, rows: Array, when: tuple[Array, Array], config: Config) -> None:
    """What an interviewer finds in these families; items are owned once wealth passes the family's own threshold."""
    s, fam, rng = now.state, now.fam, now.rng("survey")
    w, lean = s.wealth[rows] - 0.12, fam.inclination[rows]
    home = w + 0.6 * s.repaired[rows]
    told = np.exp(0.9 * s.turnover[rows] + rng.normal(0, 0.2, len(fam))[rows])
    turnover = 4 * by_year(config.poverty_line, now.month.year) * told
    business = s.business[rows]
    now.book.write(
        "welfare", kpm_id=rows, observed_on=when[0], recorded_on=when[1],
        national_decile=_decile(now, rows, when[0], config), monthly_income=_income(now, config)[rows],
        floor_area_m2=np.round(np.clip(38 + 20 * home + 12 * lean[:, 1], 9, 200), 0),
        floor_type=_grade(home + 0.5 * lean[:, 2], [8, 6, 4, 2], [-0.75, 0.1, 0.35]),
        wall_type=_grade(home + 0.5 * lean[:, 3], [4, 3, 1], [-0.6, -0.15]),
        roof_type=_grade(home + 0.5 * lean[:, 4], [7, 3, 2], [-1.1, -0.2]),
        drinking_water=_grade(w + 0.6 * lean[:, 5], [6, 5, 4, 3, 2], [-0.7, -0.2, 0.4, 0.8]),
        lighting=_grade(w + 0.5 * lean[:, 6], [4, 2, 1], [-1.3, -0.7]),
        electricity_power=_grade(w + 0.4 * lean[:, 7], [1, 2, 3, 4], [0.1, 0.7, 1.2]),
        cooking_fuel=_grade(w + 0.5 * lean[:, 8], [10, 4, 3], [-0.5, 1.2]),
        toilet_facility=_grade(home + 0.5 * lean[:, 9], [6, 4, 2, 1], [-0.8, -0.5, -0.3]),
        house_tenure=np.where(lean[:, 10] + 0.3 * w < -1.3, 2, np.where(lean[:, 10] + 0.3 * w < -0.7, 3, 1)),
        motorcycles=_grade(w + 0.5 * lean[:, 11], [0, 1, 2], [-0.25, 0.6]),
        cars=_grade(w + 0.3 * lean[:, 12], [0, 1], [1.3]),
        refrigerator=(w + 0.5 * lean[:, 13] > 0.25).astype(int), smartphone=(w + 0.6 * lean[:, 14] > -0.4).astype(int),
        computer=(w + 0.4 * lean[:, 15] > 0.9).astype(int), gold=(w + 0.5 * lean[:, 16] > 0.6).astype(int),
        other_land=(w + 0.6 * lean[:, 17] > 0.8).astype(int),
        cattle=np.maximum(np.floor(2 * (w + lean[:, 18] - 1)), 0),
        goats=np.maximum(np.floor(3 * (lean[:, 19] - 0.6)), 0),
        owns_business=business.astype(int),
        business_turnover=np.where(business, np.round(turnover, -5), -1),
        paid_workers=np.where(business, np.maximum(np.floor(2 * (s.turnover[rows] - 0.3)), 0), -1),
    )  # fmt: skip


def _grade(value: Array, codes: list[int], edges: list[float]) -> Array:
    return np.array(codes)[np.searchsorted(edges, value)]


def _income(now: Now, config: Config) -> Array:
    """Reported income: too low, noisy, often missing, heaped at a hundred or five hundred thousand."""
    rng, n = now.rng("income"), len(now.fam)
    true = np.exp(now.state.income) * by_year(config.poverty_line, now.month.year) * now.size
    told = true * config.income_reported * np.exp(rng.normal(0, config.income_noise, n))
    heap = np.where(rng.random(n) < 0.4, 500_000, 100_000)
    return np.where(rng.random(n) < config.income_missing, -1, np.maximum(np.round(told / heap), 1) * heap)


def _decile(now: Now, rows: Array, on: Array, config: Config) -> Array:
    rng, n = now.rng("decile"), len(now.fam)
    rank = 2.3 + 2.2 * (0.5 * now.state.income + 0.5 * now.state.wealth - 0.1) + rng.normal(0, config.decile_noise, n)
    ranked = on >= np.datetime64(f"{config.deciles_from}-01-01")
    return np.where(ranked, np.clip(np.round(rank[rows]), 1, 10), -1)
