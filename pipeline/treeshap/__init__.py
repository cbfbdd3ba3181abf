"""Exact Shapley values of LightGBM's trees by look-up, for less than a prediction costs.

A leaf's contributions depend only on which of its path's conditions a row meets, and those of a group of leaves on one
byte. So everything is computed once, for all 256 patterns, and a row costs comparisons and look-ups. The population
that stands for "not known" is a choice: the training rows that reached each split (as LightGBM), or any rows.

    lay = layout(booster)                          # once a booster; Refused with a reason
    contributions(path_dependent(lay), x, threads)
    contributions(interventional(lay, background), x, threads)
    interactions(lay, x)
"""

from pipeline.treeshap.layouts import Layout, layout
from pipeline.treeshap.pairs import interactions, mean_interactions
from pipeline.treeshap.tables import Tables, contributions, interventional, path_dependent
from pipeline.treeshap.trees import Refused, Written

__all__ = [
    "Layout",
    "Refused",
    "Tables",
    "Written",
    "contributions",
    "interactions",
    "interventional",
    "layout",
    "mean_interactions",
    "path_dependent",
]
