"""Welfare surveys: what an interviewer finds, reports or misses in a family's dwelling, assets, income and business."""

from typing import Annotated

import numpy as np
from pydantic import Field

from pipeline.config import BaseConfig
from pipeline.simulate.draws import (
    IN_ORDER,
    Array,
    Positive,
    Rupiah,
    Share,
    Spread,
    Stream,
    Year,
    Yearly,
    by_year,
    days,
    monthly,
)
from pipeline.simulate.now import Now
from pipeline.simulate.records import facilitators
from pipeline.tables import Welfare

OWN_HOUSE = 1
USUAL_WEALTH = 0.32  # of the families that the items' thresholds are made for
MIDDLE_DECILE = 3.1
RANKING_DAY = np.timedelta64(24, "D")  # the 25th
KEPT = ("kpm_id", "observed_on", "recorded_on", "national_decile")
Lag = Annotated[int, Field(ge=1, le=730)]


class Config(BaseConfig):
    poverty_line: Annotated[dict[Year, Rupiah], Field(min_length=1)]
    surveys: Yearly
    backdated: Share
    backdated_days: Annotated[tuple[Lag, Lag], IN_ORDER]
    income_missing: Share
    income_reported: Positive
    income_noise: Spread
    income_heaped: Share
    deciles_from: Year
    decile_moves: Share
    lazy_facilitators: Share
    lazy_defaults: Share


def welfare(now: Now, config: Config) -> None:
    """Surveys at irregular times, some entered months after the visit, and always one on entering."""
    s, draw = now.state, now.draw("welfare")
    rows = np.nonzero(s.active)[0]
    due = draw.chance(now.fam.ids[rows], monthly(config.surveys)) | (s.since[rows] >= now.month.start)
    rows = rows[due]
    on = np.maximum(days(draw, now.month, now.fam.ids[rows], 1), s.since[rows])
    inside = now.within(rows, on)
    rows, on = rows[inside], on[inside]
    survey(now, rows, (on, _entered(now, rows, on, config)), config)


def ranked(now: Now, config: Config) -> None:
    """The register ranks its families anew every three months and tells nothing else of them."""
    if now.month.number % 3 != 2 or now.month.year < config.deciles_from:
        return
    draw = now.draw("ranking")
    rows = np.nonzero(now.state.active)[0]
    on = np.broadcast_to(now.month.start + RANKING_DAY, rows.shape)
    rows = rows[now.within(rows, on)]
    on = on[: len(rows)]
    recorded = np.maximum(on + draw.whole(now.fam.ids[rows], 1, 15).astype("m8[D]"), now.book.known_on[rows])
    nothing = {c.name: np.nan if c.kind == "number" else -1 for c in Welfare.columns() if c.name not in KEPT}
    decile = _decile(now, rows, on, config)
    now.book.write("welfare", kpm_id=rows, observed_on=on, recorded_on=recorded, national_decile=decile, **nothing)


def _entered(now: Now, rows: Array, on: Array, config: Config) -> Array:
    ids, draw = now.fam.ids[rows], now.draw("survey entry")
    low, high = config.backdated_days
    late = on + draw.whole(ids, low, high + 1, 1).astype("m8[D]")
    recorded = now.book.recorded(rows, on, draw, 2)
    return np.where(draw.chance(ids, config.backdated), np.maximum(late, now.book.known_on[rows]), recorded)


def survey(now: Now, rows: Array, when: tuple[Array, Array], config: Config, purpose: str = "survey") -> None:
    """What an interviewer finds in these families; items are owned once wealth passes the family's own threshold."""
    s, draw = now.state, now.draw(purpose)
    w, lean, repaired = s.wealth[rows] - USUAL_WEALTH, now.fam.inclination[rows], s.repaired[rows]
    now.book.write(
        "welfare", kpm_id=rows, observed_on=when[0], recorded_on=when[1],
        national_decile=_decile(now, rows, when[0], config), monthly_income=_income(now, rows, config, draw),
        **_dwelling(w + 0.6 * repaired, lean), **_assets(w, lean), **_told(now, rows, config, draw),
    )  # fmt: skip


def _dwelling(home: Array, lean: Array) -> dict[str, Array]:
    return {
        "floor_area_m2": np.round(np.clip(38 + 20 * home + 12 * lean[:, 1], 9, 200), 0),
        "floor_type": _grade(home + 0.5 * lean[:, 2], [8, 6, 4, 2], [-0.75, 0.02, 0.33]),
        "wall_type": _grade(home + 0.5 * lean[:, 3], [4, 3, 1], [-0.6, -0.15]),
        "roof_type": _grade(home + 0.5 * lean[:, 4], [7, 3, 2], [-1.1, -0.2]),
        "toilet_facility": _grade(home + 0.5 * lean[:, 9], [6, 4, 2, 1], [-0.9, -0.6, -0.42]),
    }


def _assets(w: Array, lean: Array) -> dict[str, Array]:
    return {
        "drinking_water": _grade(w + 0.6 * lean[:, 5], [6, 5, 4, 3, 2], [-0.7, -0.2, 0.4, 0.8]),
        "lighting": _grade(w + 0.5 * lean[:, 6], [4, 2, 1], [-1.3, -0.7]),
        "electricity_power": _grade(w + 0.4 * lean[:, 7], [1, 2, 3, 4], [0.02, 0.65, 1.15]),
        "cooking_fuel": _grade(w + 0.5 * lean[:, 8], [10, 4, 3], [-0.5, 1.2]),
        "motorcycles": _grade(w + 0.5 * lean[:, 11], [0, 1, 2], [-0.25, 0.6]),
        "cars": _grade(w + 0.3 * lean[:, 12], [0, 1], [1.3]),
        "refrigerator": w + 0.5 * lean[:, 13] > 0.25,
        "smartphone": w + 0.6 * lean[:, 14] > -0.4,
        "computer": w + 0.4 * lean[:, 15] > 0.9,
        "gold": w + 0.5 * lean[:, 16] > 0.6,
        "other_land": w + 0.6 * lean[:, 17] > 0.8,
        "cattle": np.maximum(np.floor(2 * (w + lean[:, 18] - 1)), 0),
        "goats": np.maximum(np.floor(3 * (lean[:, 19] - 0.6)), 0),
    }


def _told(now: Now, rows: Array, config: Config, draw: Stream) -> dict[str, Array]:
    """Tenure and business: a lazy facilitator leaves the form's defaults, own house and no business, as they are."""
    s, ids = now.state, now.fam.ids[rows]
    lean = now.fam.inclination[rows, 10] + 0.3 * (s.wealth[rows] - USUAL_WEALTH)
    turnover = 4 * _line(now, config) * np.exp(0.9 * s.turnover[rows] + 0.2 * draw.normal(ids, 0))
    lazy = now.streams.at("lazy").chance(facilitators(now), config.lazy_facilitators)
    default = lazy[s.post[rows]] & draw.chance(ids, config.lazy_defaults, 1)
    business = s.business[rows] & ~default
    return {
        "house_tenure": np.where(default, OWN_HOUSE, _grade(lean, [2, 3, OWN_HOUSE], [-1.3, -0.7])),
        "owns_business": business,
        "business_turnover": np.where(business, np.round(turnover, -5), -1),
        "paid_workers": np.where(business, np.maximum(np.floor(2 * (s.turnover[rows] - 0.3)), 0), -1),
    }


def _grade(value: Array, codes: list[int], edges: list[float]) -> Array:
    return np.array(codes)[np.searchsorted(edges, value)]


def _line(now: Now, config: Config) -> int:
    return by_year(config.poverty_line, now.month.year)


def _income(now: Now, rows: Array, config: Config, draw: Stream) -> Array:
    """Reported income: too low, noisy, often missing, heaped at a hundred or five hundred thousand."""
    ids = now.fam.ids[rows]
    true = np.exp(now.state.income[rows]) * _line(now, config) * now.size[rows]
    told = true * config.income_reported * np.exp(config.income_noise * draw.normal(ids, 2))
    heap = np.where(draw.chance(ids, config.income_heaped, 3), 500_000, 100_000)
    missing = draw.chance(ids, config.income_missing, 4)
    return np.where(missing, -1, np.maximum(np.round(told / heap), 1) * heap)


def _decile(now: Now, rows: Array, on: Array, config: Config) -> Array:
    """The rank of the quarter: families are ranked anew each quarter, and a share moves by one for no reason."""
    s = now.state
    rank = np.round(MIDDLE_DECILE + 2.4 * (0.3 * s.income[rows] + 0.7 * s.wealth[rows] - USUAL_WEALTH))
    u = now.streams.at("decile", now.month.quarter).uniform(now.fam.ids[rows])
    moves = (u < config.decile_moves / 2).astype(int) - (u > 1 - config.decile_moves / 2)
    ranked = on >= np.datetime64(f"{config.deciles_from}-01-01")
    return np.where(ranked, np.clip(rank + moves, 1, 10), -1)
