"""Exact Shapley values of LightGBM's trees by look-up, for less than a prediction costs.

A leaf's contributions depend only on which of its path's conditions a row meets, and those of a group of leaves on one
byte. So everything is computed once, for all 256 patterns, and a row costs comparisons and look-ups. The population
that stands for "not known" is a choice: the training rows that reached each split (as LightGBM), or any rows.

    lay = layout(booster)                          # once a booster; Refused with a reason
    contributions(path_dependent(lay), x, threads)
    contributions(interventional(lay, background), x, threads)
    alone(lay, row)                                # one row, without compiled loops
    interactions(lay, x)
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from pipeline.treeshap.alone import alone
from pipeline.treeshap.layouts import Layout, layout
from pipeline.treeshap.trees import Refused, Written

if TYPE_CHECKING:
    from pipeline.treeshap.pairs import interactions, mean_interactions
    from pipeline.treeshap.tables import Tables, contributions, interventional, path_dependent

COMPILED = {
    "Tables": "tables", "contributions": "tables", "interventional": "tables", "path_dependent": "tables",
    "interactions": "pairs", "mean_interactions": "pairs",
}  # fmt: skip
"""What stands on numba, which is loaded when the first of them is asked for: one family is explained without it."""

__all__ = [
    "Layout",
    "Refused",
    "Tables",
    "Written",
    "alone",
    "contributions",
    "interactions",
    "interventional",
    "layout",
    "mean_interactions",
    "path_dependent",
]


def __getattr__(name: str) -> Any:
    if name not in COMPILED:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{COMPILED[name]}"), name)
