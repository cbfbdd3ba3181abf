"""What no registry knows: hazards by cause and quarter, with and without PENA, every exit, the coming year."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from pipeline.simulate.draws import NOT_A_DAY, Array, Month
from pipeline.simulate.exits import CAUSES

OUTCOMES = {"identity": "administrative", "duplicate": "administrative", "moved": "administrative"}
SHOCKS = ("labelling", "contagion")
Truth = dict[str, dict[str, Array]]


@dataclass
class Ledger:
    """Hazards summed over the months of a running quarter, and the quarters that are closed."""

    families: int
    ids: Array
    pages: list[dict[str, Array]] = field(default_factory=list)
    running: Array = field(default_factory=lambda: np.zeros((0, 0)))
    months: Array = field(default_factory=lambda: np.zeros(0, int))

    def add(self, active: Array, hazard: Array, without_pena: Array, month: Month) -> None:
        """One month at risk of those who were members in it; a yearly hazard counts a twelfth."""
        if not len(self.running):
            self.running, self.months = np.zeros((self.families, len(CAUSES) + 1)), np.zeros(self.families, np.int8)
        rows = np.nonzero(active)[0]
        self.running[rows, :-1] += hazard[rows] / 12
        self.running[rows, -1] += without_pena[rows] / 12
        self.months[rows] += 1
        if month.closes_quarter:
            self._close(month)

    def _close(self, month: Month) -> None:
        rows = np.nonzero(self.months)[0]
        self.pages.append({
            "family": rows, "quarter": np.full(len(rows), month.quarter), "months": self.months[rows],
            "hazard": self.running[rows].astype(np.float32),
        })  # fmt: skip
        self.running, self.months = np.zeros((0, 0)), np.zeros(0, int)


@dataclass(frozen=True)
class Exits:
    """The exits of a month."""

    family: Array
    exit_on: Array
    cause: Array
    shock: Array


@dataclass(frozen=True)
class Members:
    """The families at the end of the extract, and each one's chance of gsm in the coming year."""

    ids: Array
    active: Array
    chance: Array


def tables(ledger: Ledger, exits: Sequence[Exits], members: Members, coming: Sequence[Month]) -> Truth:
    """Columns by table, each with `family`, the row number of the family in its chunk."""
    return {"truth": _truth(exits, members, coming), "hazards": _hazards(ledger), "exits": _exits(exits)}


def _truth(exits: Sequence[Exits], members: Members, coming: Sequence[Month]) -> dict[str, Array]:
    """The first exit of the coming year of those who are members on its eve."""
    n = len(members.ids)
    cause, on = np.full(n, len(CAUSES)), np.full(n, NOT_A_DAY)
    for page in reversed(exits[coming[0].index : coming[-1].index + 1]):
        cause[page.family], on[page.family] = page.cause, page.exit_on
    rows = np.nonzero(members.active)[0]
    words = np.array([*(OUTCOMES.get(c, c) for c in CAUSES), "none"])
    return {"family": rows, "probability_gsm": members.chance[rows], "outcome": words[cause[rows]],
            "outcome_on": on[rows]}  # fmt: skip


def _hazards(ledger: Ledger) -> dict[str, Array]:
    pages = {n: np.concatenate([p[n] for p in ledger.pages]) for n in ledger.pages[0]}
    order = np.lexsort((pages["quarter"], pages["family"]))
    hazard = pages["hazard"][order]
    columns = {name: hazard[:, k] for k, name in enumerate((*CAUSES, "gsm_without_pena"))}
    return {
        "family": pages["family"][order],
        "quarter": pages["quarter"][order],
        "months": pages["months"][order],
    } | columns


def _exits(exits: Sequence[Exits]) -> dict[str, Array]:
    family = np.concatenate([e.family for e in exits])
    on = np.concatenate([e.exit_on for e in exits])
    order = np.lexsort((on, family))
    cause = np.concatenate([e.cause for e in exits])[order]
    shock = np.concatenate([e.shock for e in exits])[order]
    return {"family": family[order], "exit_on": on[order], "cause": np.array(CAUSES)[cause],
            "shock": np.array(["", *SHOCKS])[shock]}  # fmt: skip


def to_arrow(columns: dict[str, Array], ids: pa.Array) -> pa.Table:
    """An Arrow table with `kpm_id` in place of `family`; `ids` are the chunk's."""
    found = {"kpm_id": ids.take(pa.array(columns["family"].astype(np.int32)))}
    return pa.table(found | {name: _column(name, v) for name, v in columns.items() if name != "family"})


def _column(name: str, values: Array) -> pa.Array:
    if name == "quarter":
        words = [f"{q // 4 + 1970}Q{q % 4 + 1}" for q in range(int(values.max(initial=0)) + 1)]
        return pa.DictionaryArray.from_arrays(pa.array(values.astype(np.int32)), pa.array(words))
    if name in ("outcome_on", "exit_on"):
        return pa.array(values.astype("M8[D]"), pa.date32(), mask=np.isnat(values))
    if name == "shock":
        return pa.array(values.tolist(), pa.string(), mask=values == "")
    return pa.array(values.tolist(), pa.string()) if values.dtype.kind == "U" else pa.array(values)
