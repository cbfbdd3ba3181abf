"""Simulated worlds for the tests of the simulator, each made once, and plain readings of what they hold."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache, lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
from studies import CONFIGS, values

from pipeline import simulate, worlds
from pipeline.artifacts import read_yaml
from pipeline.simulate import households, places
from pipeline.simulate.book import schema
from pipeline.simulate.draws import Month, Streams, months
from pipeline.tables import TABLES

SETTINGS = values("simulate")
WRITTEN = [name for name in TABLES if name != "follow_up"]
NO_FLAWS = {"numbers_invalid": {2017: 0.0}, "numbers_repeated": {2017: 0.0}, "cards_invalid": {2017: 0.0},
            "birth_dates_missing": 0.0, "birth_dates_filled": 0.0, "names_garbled": 0.0, "villages_unknown": 0.0,
            "villages_neighbouring": 0.0, "out_of_list": 0.0}  # fmt: skip
# Several small blocks in each regency: 20 posts of 60 families, two to a block.
SMALL = {"families": 1200, "truth_draws": 2, "places": {"families_per_post": 60, "posts_per_block": 2}}
LATER = {"extracted_on": "2026-06-30", "simulated_until": "2027-06-30"}
LARGE = {"families": 6000, "truth_draws": 4, "flaws": NO_FLAWS}


def merged(*changes: Mapping[str, Any]) -> dict[str, Any]:
    found = SETTINGS
    for change in changes:
        found = worlds.merge(found, change)
    return found


def config(*changes: Mapping[str, Any]) -> simulate.Config:
    """The default world's settings, changed as the files of configs/worlds change them."""
    return simulate.Config(**merged(*changes))


def changes_of(world: str) -> dict[str, Any]:
    return dict(read_yaml(CONFIGS / "worlds" / f"{world}.yaml")["changes"])


@dataclass(frozen=True, eq=False)
class World:
    """All parts of a world put together."""

    config: simulate.Config
    parts: tuple[simulate.Part, ...]
    tables: dict[str, pa.Table]
    truth: dict[str, pa.Table]

    @property
    def extracted_on(self) -> date:
        return self.config.extracted_on

    @lru_cache(maxsize=12)  # noqa: B019 (the worlds that stay are cached themselves)
    def rows(self, table: str) -> list[dict[str, Any]]:
        return (self.tables | self.truth)[table].to_pylist()

    def events(self) -> dict[str, list[dict[str, Any]]]:
        """Recorded membership events of each family in their order."""
        found = defaultdict(list)
        for row in sorted(self.rows("membership"), key=lambda r: (r["kpm_id"], r["effective_on"])):
            found[row["kpm_id"]].append(row)
        return found

    def exits(self) -> list[dict[str, Any]]:
        return [r for r in self.rows("membership") if r["event"] == "exited"]

    def rosters(self) -> dict[str, dict[str, list[dict[str, Any]]]]:
        """Roster rows of each family's members in the order in which they begin."""
        found: dict[str, dict[str, list[dict[str, Any]]]] = defaultdict(lambda: defaultdict(list))
        for row in sorted(self.rows("members"), key=lambda r: r["valid_from"]):
            found[row["kpm_id"]][row["member_id"]].append(row)
        return found


def build(*changes: Mapping[str, Any], chunk: int = 10**9) -> World:
    settings = config(*changes)
    return whole(settings, [p for c in simulate.chunks(settings, chunk) for p in simulate.live(settings, c)])


def whole(settings: simulate.Config, parts: list[simulate.Part]) -> World:
    tables = {n: pa.concat_tables([p.tables[n].table.cast(schema(n)) for p in parts]) for n in WRITTEN}
    truth = {n: pa.concat_tables([_plain(p.truth[n].table) for p in parts]) for n in parts[0].truth}
    return World(settings, tuple(parts), tables, truth)


def _plain(table: pa.Table) -> pa.Table:
    """Dictionaries of different parts hold different words; texts are texts."""
    fields = [f.with_type(pa.string()) if pa.types.is_dictionary(f.type) else f for f in table.schema]
    return table.cast(pa.schema(fields))


@cache
def small(later: bool = False, flaws: bool = False) -> World:
    """Twelve hundred families in several blocks; `later` extracts the same world a year later."""
    return build(SMALL, LATER if later else {}, {} if flaws else {"flaws": NO_FLAWS})


@cache
def large(seed: int = 1) -> World:
    """Six thousand families in blocks as the default world has them."""
    return build(LARGE, {"seed": seed})


def spells(story: list[dict[str, Any]]) -> list[tuple[date, date]]:
    """Memberships from the first day to before the last one, as recorded."""
    starts = [e["effective_on"] for e in story if e["event"] != "exited"]
    ends = [e["effective_on"] for e in story if e["event"] == "exited"]
    return list(zip(starts, [*ends, date.max], strict=False))


def sent(table: pa.Table) -> bytes:
    """A table byte by byte."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table.combine_chunks())
    return bytes(sink.getvalue().to_pybytes())


def array(table: pa.Table, name: str) -> np.ndarray:
    return table[name].to_numpy(zero_copy_only=False)


def month(year: int, number: int) -> Month:
    return months(date(year, number, 1), date(year, number, 28))[0]


def cast(settings: simulate.Config) -> tuple[places.Posts, households.Families, households.People]:
    """Posts, families and people of a whole world, without their lives."""
    streams, chunk = Streams(settings.seed), simulate.blocks(settings)
    posts = places.posts(chunk, settings.places, streams)
    fam = households.families(
        chunk, posts, (settings.household, settings.places, np.datetime64(settings.starts_on)), streams
    )
    return posts, fam, households.people(fam, settings.household, streams)


def chi_square(found: Any, expected: Any) -> tuple[float, float]:
    """The statistic of counts against expected ones, and its bound: k - 1 plus six standard deviations sqrt(2 (k - 1)).

    Beyond six a chi-square variable lies with a chance of less than one in ten thousand, and the numbers are fixed.
    """
    found, expected = np.asarray(found, float), np.asarray(expected, float)
    free = found.size - 1
    return float(((found - expected) ** 2 / expected).sum()), free + 6 * float(np.sqrt(2 * free))


def each_quarter(piece: simulate.Piece, column: str) -> Iterator[set[int]]:
    """The quarters of record in each run of a piece."""
    months_of = piece.table[column].to_numpy().astype("M8[M]").astype(int)
    start = 0
    for length in piece.runs:
        yield set((months_of[start : start + length] // 3).tolist())
        start += length
