"""Sums and sums of products by group, families being the clusters, for any division of the rows into groups.

Rows are folded twice. First to one row per family and profile (a profile is one combination of all attributes), then,
since every sum that is asked for is additive over such rows and over pairs of them of one family, to profiles and
pairs of profiles. A million families have some thousand profiles: each of the hundred divisions into groups then costs
next to nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from pipeline.fairness.groups import Codes, Groups
from pipeline.metrics import Flags, Indices, Numbers

Atoms = Mapping[str, Numbers]
OWN, CROSS = 3, 4
"""Products of (top, bottom) of one family inside a group: tt, tb, bb; with the family's totals: tT, tB, bT, bB."""


@dataclass(frozen=True)
class Measure:
    """A share: the sum of the atoms `top` over the sum of the atoms `bottom`.

    `worse`: whether a group is treated worse where the share is higher or lower than everybody else's, or neither.
    `proportion`: every row counts 0 or 1 below and no more above; else it is a ratio of counts. `mirror`: another
    measure of which this one is the complement: it takes that one's test, so that nothing is tested twice.
    """

    name: str
    top: tuple[str, ...]
    bottom: tuple[str, ...]
    worse: str | None = None
    proportion: bool = True
    mirror: str | None = None


@dataclass(frozen=True)
class Folded:
    """Rows folded by family and profile. `profiles`: profiles x attributes. `sums`, `own`, `cross`: per profile.

    `pairs`: profiles of two folded rows of one family, `between` their products. `several`: folded rows of families
    with more than one profile, as (family, profile); `alone`: families of one profile that have an atom, per profile.
    """

    profiles: Codes
    atoms: tuple[str, ...]
    sums: Numbers
    own: Numbers
    cross: Numbers
    pairs: Codes
    between: Numbers
    totals: Numbers
    families: int
    alone: Numbers
    several: Codes
    present: Flags


@dataclass(frozen=True)
class Division:
    """Per group of one division: `sums` of the atoms, distinct `families` with each atom, products of the measures.

    `own` is groups x measures x 3, `cross` groups x measures x 4, in the order of OWN and CROSS.
    """

    sums: Numbers
    families: Numbers
    own: Numbers
    cross: Numbers


def fold(family: Indices, groups: Groups, atoms: Atoms, measures: tuple[Measure, ...]) -> Folded:
    """Every row folded once. `family`: a number per row from 0. Atoms: one number per row each."""
    profiles, profile = _profiles(groups)
    key = family.astype(np.int64) * max(1, len(profiles)) + profile
    kept, row = np.unique(key, return_inverse=True)
    person, profile = np.divmod(kept, max(1, len(profiles)))
    values: Numbers = np.column_stack([np.bincount(row, weights=a, minlength=kept.size) for a in atoms.values()])
    names, count = tuple(atoms), len(profiles)
    parts = _parts(values, names, measures)
    totals = _by(person, parts, int(person[-1]) + 1 if kept.size else 0)
    first, second = _within(person)
    pairs, pair = np.unique(profile[first] * count + profile[second], return_inverse=True)
    alone = np.bincount(person)[person] == 1 if kept.size else np.zeros(0, dtype=bool)
    present = values > 0
    return Folded(
        profiles=profiles,
        atoms=names,
        sums=_by(profile, values, count),
        own=_by(profile, _products(parts), count),
        cross=_by(profile, _crossed(parts, totals[person]), count),
        pairs=np.column_stack(np.divmod(pairs, max(1, count))),
        between=_by(pair, _paired(parts[first], parts[second]), pairs.size),
        totals=_products(totals).sum(axis=0),
        families=int(np.unique(person).size),
        alone=_by(profile[alone], np.column_stack([present, present.any(axis=1)])[alone].astype(float), count),
        several=np.column_stack([np.unique(person[~alone], return_inverse=True)[1], profile[~alone]]),
        present=np.column_stack([present, present.any(axis=1)])[~alone],
    )


def divide(folded: Folded, group: Codes, count: int) -> Division:
    """The sums of each of `count` groups; `group`: the group of each profile."""
    same = group[folded.pairs[:, 0]] == group[folded.pairs[:, 1]]
    between = _by(group[folded.pairs[same, 0]], folded.between[same], count)
    own, cross = _by(group, folded.own, count) + between, _by(group, folded.cross, count)
    return Division(
        sums=_by(group, folded.sums, count),
        families=_by(group, folded.alone, count) + _distinct(folded, group, count),
        own=own.reshape(count, -1, OWN),
        cross=cross.reshape(count, -1, CROSS),
    )


def _profiles(groups: Groups) -> tuple[Codes, Codes]:
    """Distinct rows of the codes, and each row's place among them."""
    mixed = np.zeros(len(groups.codes), dtype=np.int64)
    for column, size in zip(groups.codes.T, groups.sizes, strict=True):
        mixed = mixed * size + column
    _, first, place = np.unique(mixed, return_index=True, return_inverse=True)
    return groups.codes[first], place


def _parts(values: Numbers, names: tuple[str, ...], measures: tuple[Measure, ...]) -> Numbers:
    """Rows x (top, bottom) of every measure."""
    at = {name: i for i, name in enumerate(names)}
    sides = [side for m in measures for side in (m.top, m.bottom)]
    return np.column_stack([values[:, [at[a] for a in side]].sum(axis=1) for side in sides])


def _products(parts: Numbers) -> Numbers:
    top, bottom = parts[:, 0::2], parts[:, 1::2]
    return _laid(top * top, top * bottom, bottom * bottom)


def _crossed(parts: Numbers, totals: Numbers) -> Numbers:
    top, bottom, all_top, all_bottom = parts[:, 0::2], parts[:, 1::2], totals[:, 0::2], totals[:, 1::2]
    return _laid(top * all_top, top * all_bottom, bottom * all_top, bottom * all_bottom)


def _paired(one: Numbers, other: Numbers) -> Numbers:
    """What two folded rows of one family add to its squares: both orders."""
    t, b, u, c = one[:, 0::2], one[:, 1::2], other[:, 0::2], other[:, 1::2]
    return _laid(2 * t * u, t * c + u * b, 2 * b * c)


def _laid(*columns: Numbers) -> Numbers:
    """Rows x (measure, product), the products of a measure side by side."""
    stacked: Numbers = np.stack(columns, axis=2)
    return stacked.reshape(len(stacked), stacked.shape[1] * stacked.shape[2])


def _by(code: Codes, values: Numbers, count: int) -> Numbers:
    """Sums of the columns of `values` by code."""
    rows = np.arange(code.size)
    matrix = csr_array((np.ones(code.size), (code, rows)), shape=(count, code.size))
    summed: Numbers = np.asarray(matrix @ values, dtype=np.float64).reshape(count, values.shape[1])
    return summed


def _within(person: Codes) -> tuple[Codes, Codes]:
    """Every two rows of one family, once each; rows in order of family."""
    firsts, seconds, lag = [], [], 1
    while True:
        first = np.flatnonzero(person[:-lag] == person[lag:]) if person.size > lag else np.zeros(0, np.int64)
        if not first.size:
            break
        firsts.append(first)
        seconds.append(first + lag)
        lag += 1
    none = np.zeros(0, dtype=np.int64)
    return np.concatenate([none, *firsts]), np.concatenate([none, *seconds])


def _distinct(folded: Folded, group: Codes, count: int) -> Numbers:
    """Distinct families of several profiles, by group and atom; the last column: with any atom."""
    person, profile = folded.several.T
    people, width = int(person.max(initial=-1)) + 1, folded.present.shape[1]
    at, found = person * count + group[profile], np.zeros((count, width))
    for column in range(width):
        seen = np.zeros(people * count, dtype=bool)
        seen[at[folded.present[:, column]]] = True
        found[:, column] = seen.reshape(people, count).sum(axis=0)
    return found
