"""One id: the same inputs give the same, anything else another."""

import hashlib
import json
import re
from dataclasses import fields, replace

import pytest

from pipeline.lineage import Lineage

MADE = Lineage(
    commit="8d1f",
    dirty=False,
    dvc_lock="aa",
    parameters={"train": {"trees": 300, "seed": 1}, "folds": {"folds": 3}},
    data={"kpm.parquet": "11", "members.parquet": "22"},
    model={"model": "33", "calibration": "44"},
    environment="55",
    source="simulated-world",
    extracted_on="2025-06-30",
    simulated=True,
)
OTHER = {
    "commit": None,
    "dirty": True,
    "dvc_lock": None,
    "parameters": {"train": {"trees": 301, "seed": 1}, "folds": {"folds": 3}},
    "data": {"kpm.parquet": "11", "members.parquet": "23"},
    "model": {"model": "33", "calibration": "45"},
    "environment": "56",
    "source": "another-world",
    "extracted_on": "2025-07-31",
    "simulated": False,
}


def test_the_same_inputs_give_the_same_id_in_any_order():
    turned = replace(MADE, data=dict(reversed(MADE.data.items())), parameters=dict(reversed(MADE.parameters.items())))
    assert MADE.id == replace(MADE).id == turned.id
    assert re.fullmatch("[0-9a-f]{16}", MADE.id)


def test_the_id_is_the_same_on_every_machine():
    """Of the sha256 of {"commit":"8d1f","data":{...},...}: written once, so that no release changes it unseen."""
    text = json.dumps(
        {name: getattr(MADE, name) for name in sorted(OTHER)}, sort_keys=True, separators=(",", ":")
    ).encode()
    assert MADE.id == hashlib.sha256(text).hexdigest()[:16]


def test_the_cases_below_name_every_field():
    assert sorted(OTHER) == sorted(f.name for f in fields(Lineage))


@pytest.mark.parametrize("field", OTHER)
def test_any_changed_field_changes_the_id(field):
    assert replace(MADE, **{field: OTHER[field]}).id != MADE.id


def test_the_record_holds_the_id_and_everything_it_stands_for():
    record = MADE.record()
    assert record.pop("id") == MADE.id
    assert Lineage(**record) == MADE
