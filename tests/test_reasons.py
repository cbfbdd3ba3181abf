"""No reason has a wrong sign, value or day: texts of every feature that can be told are read back by another parser."""

from datetime import date
from types import SimpleNamespace

import ibis
import numpy as np
import pandas as pd
import pytest
from studies import values

from benchmarks import reasons as reader
from pipeline import features, lists
from pipeline.tables import TABLES

AS_OF = date(2025, 6, 30)
CONFIG = lists.Config(**values("lists"))
FAMILIES = 400


@pytest.fixture(scope="module")
def words():
    """Unit, concept, labels and day of every feature that the contract's tables can give."""
    kinds = {n: {c.name: features.TYPES[c.kind] for c in t.columns()} for n, t in TABLES.items()}
    blocks = features.blocks({n: ibis.table(s, name=n) for n, s in kinds.items()}, AS_OF, ())
    return features.wording(blocks).merge(features.dictionary(blocks), on="feature")


def drawn(unit, rng):
    """Values as such a unit has them."""
    if unit == "flag":
        return rng.integers(0, 2, FAMILIES)
    if unit in ("share", "rank share"):
        return rng.random(FAMILIES)
    if unit.startswith("rupiah"):
        return rng.integers(0, 9_000_000, FAMILIES)
    if unit in ("ratio", "index", "difference", "m2", "percentage points", "percent"):
        return rng.normal(0, 10.0 ** rng.integers(-3, 3), FAMILIES)
    return rng.integers(0, 5 if unit == "level 0-4" else 400, FAMILIES)


def evidence(words, seed):
    rng = np.random.default_rng(seed)
    key = pd.DataFrame({"kpm_id": [f"K{i}" for i in range(FAMILIES)], "as_of": pd.Timestamp(AS_OF)})
    names = words["feature"].tolist()
    # Few features of a family say much, each time others: so all of them come to be told.
    phi = rng.normal(0, 0.3, (FAMILIES, len(names))) * (rng.random((FAMILIES, len(names))) < 0.15)
    x = np.column_stack([drawn(u, rng) for u in words["unit"]]).astype(float)
    x[rng.random(x.shape) < 0.1] = np.nan
    known = pd.DataFrame(x, columns=names)
    known["roster_age_days"] = rng.integers(0, 3, FAMILIES) * 100.0
    days = pd.DataFrame({"kpm_id": key["kpm_id"]})
    for name in sorted({*words["dated_by"]} - {"", "roster"}):
        ago = pd.to_timedelta(rng.integers(0, 3, FAMILIES) * 200, unit="D")
        days[name] = pd.Series(pd.Timestamp(AS_OF) - ago).mask(rng.random(FAMILIES) < 0.1)
    explained = pd.concat([key.assign(base_value=-3.0), pd.DataFrame(phi, columns=names)], axis=1)
    told = lists.Evidence(explained, pd.concat([key, known], axis=1), words, pd.DataFrame(), days)
    roster = pd.Timestamp(AS_OF) - pd.to_timedelta(known["roster_age_days"], unit="D")
    return told, days.assign(roster=roster)


def counted(told, days):
    """Faults by kind, texts read, features told."""
    found = lists.reasons(told, CONFIG)
    truth, words = reader.truths(found, told, days), reader.words_of(told.words)
    faults = [f for i, k, text in reader.written(found) for f in reader.faults(text, k, words, truth[i])]
    return {f: faults.count(f) for f in set(faults)}, 2 * len(found), set(found["feature"])


def test_no_text_has_a_wrong_side_feature_value_or_day(words):
    texts, told = 0, set()
    for seed in range(3):
        faults, read, seen = counted(*evidence(words, seed))
        assert faults == {}
        texts, told = texts + read, told | seen
    assert texts > 9000
    assert told == set(words["feature"])


def test_the_parser_finds_planted_faults(words):
    """Contributions turned, values moved by a tenth and days by one are all seen."""
    told, days = evidence(words, 7)
    found = lists.reasons(told, CONFIG)
    truth, known = reader.truths(found, told, days), reader.words_of(words)
    planted = {
        "side": lambda t: t | {"side": -t["side"]},
        "value": lambda t: t | {"value": 1.1 * t["value"] + 1.1},
        "day": lambda t: t | {"day": date(2020, 2, 29)},
        "feature": lambda t: t | {"feature": "another"},
    }
    for name, spoil in planted.items():
        some = [(i, k, text) for i, k, text in list(reader.written(found))[:400] if not np.isnan(truth[i]["value"])]
        assert len(some) > 200
        assert all(reader.faults(text, k, known, spoil(truth[i])) == [name] for i, k, text in some)


def test_a_concept_that_speaks_against_is_no_reason_for():
    """Business +0.4, income -0.5: the concept's -0.1 speaks against, so the business is told of on neither side."""
    words = pd.DataFrame(
        [
            ("income", "rupiah", "livelihood", "pendapatan", "income", ""),
            ("shop", "flag", "livelihood", "usaha", "shop", ""),
        ],
        columns=["feature", "unit", "concept", "label_id", "label_en", "dated_by"],
    )
    key = pd.DataFrame({"kpm_id": ["A"], "as_of": pd.Timestamp(AS_OF)})
    told = lists.Evidence(
        key.assign(base_value=0.0, income=-0.5, shop=0.4), key.assign(income=1e6, shop=1.0), words,
        pd.DataFrame(), key[["kpm_id"]],
    )  # fmt: skip
    found = lists.reasons(told, CONFIG)
    assert found[["feature", "direction"]].to_numpy().tolist() == [["income", "against"]]


@pytest.mark.parametrize(
    ("text", "language", "value", "within"),
    [
        ("What raises the chance: income: Rp1,250,000 a month.", "en", 1_250_000.0, 0.5),
        ("Yang menurunkan peluang: pendapatan: -Rp5.000 per bulan.", "id", -5000.0, 0.5),
        ("What raises the chance: income: Rp-5,000 a month.", "en", -5000.0, 0.5),
        ("Yang menaikkan peluang: pendapatan: Rp0 per bulan, per 03/03/2024.", "id", 0.0, 0.5),
    ],
)
def test_the_parser_by_hand(text, language, value, within):
    known = reader.Words({("en", "income"): "income", ("id", "pendapatan"): "income"}, {"income": "rupiah a month"})
    found = reader.read(text, language, known)
    assert (found.feature, found.value, found.within) == ("income", value, within)
    assert found.side == (-1 if "menurunkan" in text else 1)
    assert found.day == (date(2024, 3, 3) if "2024" in text else None)


def test_two_features_of_one_label_are_refused():
    words = pd.DataFrame({"feature": ["a", "b"], "unit": ["", ""], "label_id": ["x", "x"], "label_en": ["x", "y"]})
    with pytest.raises(ValueError, match="of two features"):
        reader.words_of(words)


def test_days_of_the_surveys_are_read_by_both_clocks(tmp_path):
    """A survey of May recorded in July is not known on 30 June; an income that was not told has an older day."""
    folder = tmp_path / "data" / "canonical"
    folder.mkdir(parents=True)
    columns = {c.name: None for c in TABLES["welfare"].columns()}
    rows = [
        columns
        | {"kpm_id": "A", "observed_on": "2024-01-10", "recorded_on": "2024-02-01", "monthly_income": 5, "cars": 1},
        columns | {"kpm_id": "A", "observed_on": "2025-03-10", "recorded_on": "2025-03-11", "cars": 2},
        columns | {"kpm_id": "A", "observed_on": "2025-05-10", "recorded_on": "2025-07-01", "monthly_income": 9},
    ]
    pd.DataFrame(rows).to_parquet(folder / "welfare.parquet")
    home = SimpleNamespace(path=lambda name: tmp_path / name)
    known = pd.DataFrame({"kpm_id": ["A", "B"], "roster_age_days": [30.0, np.nan]})
    found = reader.told_on(home, known, AS_OF, ["monthly_income", "cars"]).set_index("kpm_id")
    assert found.loc["A", "monthly_income"] == pd.Timestamp("2024-01-10")
    assert found.loc["A", "cars"] == pd.Timestamp("2025-03-10")
    assert found.loc["A", "roster"] == pd.Timestamp("2025-05-31")
    assert found.loc["B"].isna().all()
