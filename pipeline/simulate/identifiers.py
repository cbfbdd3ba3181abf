"""The texts of an extract: identifiers, numbers of a NIK's shape, names, quarters. Every identity is simulated."""

from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa

from pipeline.simulate.book import Frame
from pipeline.simulate.draws import Array, Month
from pipeline.simulate.households import Families, People

SLOTS = np.uint64(16)  # numbers of persons a family: the caretaker has the first
_WOMAN = 40  # added to a woman's day of birth
_ZERO = ord("0")


def texts(fam: Families, people: People) -> dict[str, pa.Array | Callable[[Frame], pa.Array]]:
    """Word lists of the text columns, but for quarters; texts that a row's own numbers give are functions."""
    ids = digits(fam.ids, 9)
    region = as_digits(fam.district, 6)
    return {
        "kpm_id": fixed("K", ids),
        "member_id": fixed("K", ids[people.family], "-", digits(people.ordinal, 2)),
        "village_code": fixed(as_digits(fam.village, 10)),
        "caretaker_name": fixed("Pengurus Simulasi ", ids),
        "caretaker_nik": _numbers(region, fam.birth, fam.female, fam.ids * SLOTS),
        "family_card_no": _numbers(region, fam.enrolled_on, np.zeros(len(fam), bool), fam.ids),
        "nik": _numbers(region[people.family], people.birth, people.female, people.ids),
        "case_id": lambda frame: fixed("C", ids[frame["kpm_id"]], "-", digits(frame["case_id"], 3)),
        "facilitator_id": lambda frame: fixed("F", digits(frame["facilitator_id"], 7)),
    }


def quarters(calendar: Sequence[Month]) -> dict[str, pa.Array]:
    """Words of the columns `period` and `quarter`, by the number of quarters since the world began."""
    words = pa.array([f"{m.year}Q{m.number // 3}" for m in calendar if m.closes_quarter])
    return {"period": words, "quarter": words}


def digits(values: Array, width: int) -> Array:
    """The last `width` digits of whole numbers as characters, one row each."""
    rest = np.asarray(values).astype(np.int64)
    found = np.empty((len(rest), width), np.uint8)
    for place in range(width - 1, -1, -1):
        rest, found[:, place] = np.divmod(rest, 10)
    found += _ZERO
    return found


def as_digits(words: Array, width: int) -> Array:
    """Texts of one length as characters, one row each."""
    return np.ascontiguousarray(np.asarray(words).astype(f"S{width}")).view(np.uint8).reshape(-1, width)


def fixed(*parts: str | Array) -> pa.Array:
    """Texts of one length from pieces: plain text, or one row of characters each."""
    n = max(len(p) for p in parts if not isinstance(p, str))
    rows = [np.broadcast_to(np.frombuffer(p.encode(), np.uint8), (n, len(p))) if isinstance(p, str) else p
            for p in parts]  # fmt: skip
    data = np.ascontiguousarray(np.concatenate(rows, axis=1))
    offsets = np.arange(n + 1, dtype=np.int32) * data.shape[1]
    return pa.StringArray.from_buffers(n, pa.py_buffer(offsets), pa.py_buffer(data))


def _numbers(region: Array, day: Array, female: Array, ids: Array) -> pa.Array:
    """Numbers of NIK's shape: region, day (women's + 40), month, year, serial."""
    month = day.astype("M8[M]")
    dd = (day - month.astype("M8[D]")).astype(int) + 1 + _WOMAN * female
    mm, yy = month.astype(int) % 12 + 1, (month.astype(int) // 12 + 1970) % 100
    serial = (ids * np.uint64(7919)) % np.uint64(9999) + np.uint64(1)
    return fixed(region, digits(dd, 2), digits(mm, 2), digits(yy, 2), digits(serial, 4))
