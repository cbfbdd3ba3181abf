"""The loops over rows, compiled by numba once a machine (the compiled code is kept beside this file).

Rows go in blocks that stay in the processor's cache: values -> codes (bytes) -> patterns (bytes) -> one look-up a group
and feature. The first two are plain comparisons of neighbouring numbers, which the compiler turns into vector
instructions; a look-up is a random read inside 2 KiB. What a block holds beyond its last row is
computed and not kept. Values are read as [feature, row]: a table's columns, one after the other.
"""

from collections.abc import Callable
from typing import TypeVar, cast

import numba
import numpy as np

from pipeline.treeshap.groups import MOST_PATTERNS
from pipeline.treeshap.plans import Bytes, Plan
from pipeline.treeshap.trees import ZERO, Floats, Ints

F = TypeVar("F", bound=Callable[..., object])

LINE = 8  # doubles of a cache line
BLOCK = 4096  # rows whose codes and patterns stay in the second level of the cache
TOGETHER = 4  # cuts that are compared in one pass over the rows


def compiled(function: F) -> F:
    return cast(F, numba.njit(nogil=True, cache=True)(function))


@compiled
def turned(x: Floats, start: int, stop: int) -> Floats:
    """Rows of x as columns: [feature, row], copied by squares of a cache line; wider than asked, by what is not used.

    With a width that is a power of two, all columns would fall on the same few lines of the cache.
    """
    found = np.empty((x.shape[1], stop - start + 3 * LINE))
    for begin in range(start, stop, LINE):
        for k in range(x.shape[1]):
            for r in range(begin, min(begin + LINE, stop)):
                found[k, r - start] = x[r, k]
    return found


@compiled
def count_below(values: Floats, cuts: Floats, base: Bytes) -> None:
    """base[r] = how many cuts are below values[r]; 0 for NaN. The number of cuts is a multiple of four."""
    base[:] = 0
    for first in range(0, len(cuts), TOGETHER):
        a, b, c, d = cuts[first], cuts[first + 1], cuts[first + 2], cuts[first + 3]
        for r in range(len(values)):
            v = values[r]
            base[r] += np.uint8(v > a) + np.uint8(v > b) + np.uint8(v > c) + np.uint8(v > d)


@compiled
def set_unknown(values: Floats, base: Bytes, unknown: int, zero_unknown: bool, codes: Bytes) -> None:
    code = np.uint8(unknown)
    if zero_unknown:
        for r in range(len(values)):
            codes[r] = base[r] if abs(values[r]) > ZERO else code
    else:
        for r in range(len(values)):
            codes[r] = base[r] if values[r] == values[r] else code


@compiled
def code_rows(x: Floats, first: int, count: int, plan: Plan, codes: Bytes) -> None:
    """Codes of every column for `count` rows of x [feature, row]."""
    base = np.empty(count, np.uint8)
    for k in range(len(plan.features)):
        values = x[plan.features[k], first : first + count]
        for s in range(plan.scale_from[k], plan.scale_from[k + 1]):
            count_below(values, plan.cuts[plan.cut_from[s] : plan.cut_from[s + 1]], base)
            for c in range(plan.column_from[s], plan.column_from[s + 1]):
                set_unknown(values, base, plan.unknown[c], plan.zero_unknown[c], codes[c])


@compiled
def add_weight(pattern: Bytes, codes: Bytes, cut: int, weight: int) -> None:
    limit, more = np.uint8(cut), np.uint8(weight)
    for r in range(len(pattern)):
        pattern[r] += more if codes[r] > limit else np.uint8(0)


@compiled
def number_patterns(codes: Bytes, plan: Plan, patterns: Bytes) -> None:
    """Every group's pattern for the rows of a block."""
    for g in range(len(plan.condition_from) - 1):
        patterns[g] = 0
        for k in range(plan.condition_from[g], plan.condition_from[g + 1]):
            add_weight(patterns[g], codes[plan.condition_column[k]], plan.condition_cut[k], plan.condition_weight[k])


@compiled
def add_one(total: Floats, pattern: Bytes, table: Floats) -> None:
    for r in range(len(total)):
        total[r] += table[pattern[r]]


@compiled
def add_two(total: Floats, patterns: tuple[Bytes, Bytes], tables: tuple[Floats, Floats]) -> None:
    a, b = patterns[0].view(np.uint64), patterns[1].view(np.uint64)
    ta, tb = tables
    byte = np.uint64(255)
    for word in range(len(a)):
        for k in range(8):
            shift = np.uint64(8 * k)
            total[8 * word + k] += ta[(a[word] >> shift) & byte] + tb[(b[word] >> shift) & byte]


@compiled
def add_four(total: Floats, patterns: tuple[Bytes, ...], tables: tuple[Floats, ...]) -> None:
    """Four tables in one pass; eight patterns are fetched as one word, which halves the reads of a look-up."""
    a, b = patterns[0].view(np.uint64), patterns[1].view(np.uint64)
    c, d = patterns[2].view(np.uint64), patterns[3].view(np.uint64)
    ta, tb, tc, td = tables
    byte = np.uint64(255)
    for word in range(len(a)):
        for k in range(8):
            shift = np.uint64(8 * k)
            total[8 * word + k] += (ta[(a[word] >> shift) & byte] + tb[(b[word] >> shift) & byte]) + (
                tc[(c[word] >> shift) & byte] + td[(d[word] >> shift) & byte]
            )


@compiled
def add_lookups(total: Floats, feature: int, plan: Plan, patterns: Bytes, cells: Floats) -> None:
    """The contribution of one feature: the sum of its look-ups."""
    at, end = plan.lookup_from[feature], plan.lookup_from[feature + 1]
    group, table = plan.lookup_group, plan.lookup_table
    while at + 4 <= end:
        add_four(
            total,
            (patterns[group[at]], patterns[group[at + 1]], patterns[group[at + 2]], patterns[group[at + 3]]),
            (cells[table[at] :], cells[table[at + 1] :], cells[table[at + 2] :], cells[table[at + 3] :]),
        )
        at += 4
    if at + 2 <= end:
        add_two(total, (patterns[group[at]], patterns[group[at + 1]]), (cells[table[at] :], cells[table[at + 1] :]))
        at += 2
    if at < end:
        add_one(total, patterns[group[at]], cells[table[at] :])
        at += 1


@compiled
def explain_rows(x: Floats, begin: int, plan: Plan, cells: Floats, out: Floats) -> None:
    """out[feature, r] for every row of out, which is row `begin` + r of x [feature, row]."""
    codes = np.zeros((len(plan.unknown), BLOCK), np.uint8)
    patterns = np.zeros((len(plan.condition_from) - 1, BLOCK), np.uint8)
    total = np.empty(BLOCK)
    for first in range(0, out.shape[1], BLOCK):
        count = min(BLOCK, out.shape[1] - first)
        code_rows(x, begin + first, count, plan, codes)
        number_patterns(codes, plan, patterns)
        for k in range(len(plan.features)):
            total[:] = 0.0
            add_lookups(total, k, plan, patterns, cells)
            out[plan.features[k], first : first + count] = total[:count]


@compiled
def pattern_rows(x: Floats, plan: Plan) -> Bytes:
    """[group, row] for every row of x [feature, row]."""
    codes = np.zeros((len(plan.unknown), x.shape[1]), np.uint8)
    patterns = np.empty((len(plan.condition_from) - 1, x.shape[1]), np.uint8)
    code_rows(x, 0, x.shape[1], plan, codes)
    number_patterns(codes, plan, patterns)
    return patterns


@compiled
def count_patterns(x: Floats, plan: Plan) -> Ints:
    """[group, pattern]: how many rows of x [feature, row] have it."""
    groups = len(plan.condition_from) - 1
    found = np.zeros((groups, MOST_PATTERNS), np.int64)
    codes = np.zeros((len(plan.unknown), BLOCK), np.uint8)
    patterns = np.zeros((groups, BLOCK), np.uint8)
    for first in range(0, x.shape[1], BLOCK):
        count = min(BLOCK, x.shape[1] - first)
        code_rows(x, first, count, plan, codes)
        number_patterns(codes, plan, patterns)
        for g in range(groups):
            for r in range(count):
                found[g, patterns[g, r]] += 1
    return found


@compiled
def gather(counts: Ints, group: Ints, satisfied: Bytes, size: int) -> Floats:
    """[leaf, bits]: the part of the background whose players allow so."""
    found = np.zeros((len(group), size))
    for leaf in range(len(group)):
        of_group = counts[group[leaf]]
        for p in range(MOST_PATTERNS):
            found[leaf, satisfied[leaf, p]] += of_group[p]
        found[leaf] /= of_group.sum()
    return found


@compiled
def spread(values: Floats, satisfied: Bytes, patterns: Ints, table: Ints, cells: Floats) -> None:
    """Adds values [leaf, bits, player] to the cells of every pattern in which the leaf has these bits."""
    for leaf in range(len(table)):
        for j in range(table.shape[1]):
            for p in range(patterns[leaf]):
                cells[table[leaf, j] + p] += values[leaf, satisfied[leaf, p], j]
