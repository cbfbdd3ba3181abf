"""The world in one month, as those see it who write it down."""

from dataclasses import dataclass

import numpy as np

from pipeline.simulate.book import Book
from pipeline.simulate.draws import Array, Month, Stream, Streams
from pipeline.simulate.economy import State
from pipeline.simulate.households import Families, People, Roll
from pipeline.simulate.places import Posts


@dataclass(frozen=True)
class Now:
    """The world in one month, for those who write."""

    month: Month
    fam: Families
    people: People
    posts: Posts
    occupant: Array  # which facilitator holds each post, counted from the first one
    effect: Array  # of each post's present facilitator
    state: State
    roll: Roll
    book: Book
    streams: Streams

    @property
    def component(self) -> Array:
        return self.roll.component

    @property
    def size(self) -> Array:
        return self.roll.size

    def draw(self, purpose: str) -> Stream:
        return self.streams.at(f"record {purpose}", self.month.index)

    def within(self, rows: Array, on: Array) -> Array:
        """Whether these families are members on a day of this month."""
        s = self.state
        return np.asarray(s.active[rows] & (on >= s.since[rows]) & (on < s.exit_on[rows]))
