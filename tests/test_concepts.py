"""Concepts: every feature belongs to exactly one that people have a word for, and sums by concept lose nothing."""

from typing import get_args

import ibis
import numpy as np
import pytest

from pipeline import concepts, features, wording
from pipeline.features.spec import Concept
from pipeline.tables import TABLES


def declared():
    """Every feature that the contract's tables can give."""
    kinds = {n: {c.name: features.TYPES[c.kind] for c in t.columns()} for n, t in TABLES.items()}
    unbound = {n: ibis.table(schema, name=n) for n, schema in kinds.items()}
    return [f for b in features.blocks(unbound, features.ANY_DAY, ()) for f in b.features]


def test_every_feature_belongs_to_one_concept_that_people_have_a_word_for():
    found = {}
    for f in declared():
        assert found.setdefault(f.name, f.concept) == f.concept
    assert len(found) > 240
    assert set(found.values()) == set(get_args(Concept)) == set(wording.CONCEPTS)
    assert all((t.id and t.en and t.id != t.en) or t.id == "P2K2" for t in wording.CONCEPTS.values())
    assert set(wording.CONCEPT_NOTES) <= set(wording.CONCEPTS)


@pytest.mark.parametrize("language", ["id", "en"])
def test_no_two_features_have_one_label(language):
    """Two features with one label are one reason with two values."""
    labels = [getattr(f, f"label_{language}") for f in declared()]
    assert {t for t in labels if labels.count(t) > 1} == set()


def test_sums_by_hand():
    # a: 1 + 4 = 5 and -3; in order of the concepts' names, family before livelihood
    phi = np.array([[1.0, -3.0, 4.0], [0.5, 2.0, -0.5]])
    told = ["livelihood", "family", "livelihood"]
    assert list(concepts.members(told)) == ["family", "livelihood"]
    assert concepts.summed(phi, told).tolist() == [[-3.0, 5.0], [2.0, 0.0]]


@pytest.mark.parametrize("seed", range(5))
def test_sums_by_concept_keep_the_sum_of_each_row(seed):
    rng = np.random.default_rng(seed)
    phi = rng.normal(size=(50, 30))
    told = rng.choice(list(get_args(Concept)), 30).tolist()
    net = concepts.summed(phi, told)
    assert net.shape == (50, len(set(told)))
    assert np.abs(net.sum(axis=1) - phi.sum(axis=1)).max() < 1e-12
    slow = [[sum(phi[i, k] for k in range(30) if told[k] == c) for c in sorted(set(told))] for i in range(50)]
    assert np.abs(net - np.array(slow)).max() < 1e-12


def test_the_strongest_are_the_largest_sizes_and_ties_keep_their_order():
    net = np.array([[0.1, -0.5, 0.3], [0.2, -0.2, 0.1]])
    assert concepts.strongest(net, 2).tolist() == [[1, 2], [0, 1]]
