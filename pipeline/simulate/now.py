"""The world in one month, as those see it who write it down."""

from dataclasses import dataclass

import numpy as np

from pipeline.simulate.book import Book
from pipeline.simulate.draws import Array, Month, Streams
from pipeline.simulate.economy import State
from pipeline.simulate.households import Families, Roster
from pipeline.simulate.places import Posts


@dataclass(frozen=True)
class Now:
    """The world in one month, for those who write."""

    month: Month
    fam: Families
    people: Roster
    posts: Posts
    state: State
    component: Array  # of each member
    size: Array  # members of each family
    book: Book
    streams: Streams

    def rng(self, purpose: str) -> np.random.Generator:
        return self.streams.at(f"record {purpose}", self.month.index)

    def within(self, rows: Array, on: Array) -> Array:
        """Whether these families are members on a day of this month."""
        s = self.state
        return np.asarray(s.active[rows] & (on >= s.since[rows]) & (on < s.exit_on[rows]))
