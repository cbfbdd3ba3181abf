"""Why families moved: shares that add up, and ranks, beside a slow plain second version."""

import hashlib

import numpy as np
import pandas as pd
import pytest

from pipeline import contrasts, movements

EXACT = 1e-12


def tie(family):
    return hashlib.md5(family.encode(), usedforsecurity=False).digest()


def run_of(seed, families, slope, regencies=("A", "B")):
    """A run over families: one feature, chances in steps of a tenth so that many are equal."""
    rng = np.random.default_rng(seed)
    features = pd.DataFrame({"kpm_id": families, "x": np.round(rng.normal(size=len(families)), 1)})

    def raw(rows):
        return slope * rows["x"].to_numpy()

    def chance(values):
        return np.round(1 / (1 + np.exp(-values)), 1)

    scores = features[["kpm_id"]].assign(
        probability=chance(raw(features)), regency_code=rng.choice(regencies, len(families))
    )
    return movements.Run(features, raw, chance, scores)


def narrowed(run, asked):
    kept = run.features[run.features["kpm_id"].isin(asked)].sort_values("kpm_id", ignore_index=True)
    return movements.Run(kept, run.raw, run.chance, run.scores)


@pytest.fixture(params=range(5))
def runs(request):
    """Two runs of different families, and those asked for among both."""
    seed = request.param
    first, second = ([f"K{i:03d}" for i in range(*span)] for span in ((0, 60), (10, 70)))
    asked = [f"K{i:03d}" for i in range(20, 50)]
    return narrowed(run_of(seed, first, 1.0), asked), narrowed(run_of(seed + 100, second, 1.5), asked)


def test_causes_add_up_to_the_change(runs):
    found = movements.moved(*runs)
    assert len(found) == 30
    assert list(found.columns) == ["kpm_id", *movements.COLUMNS]
    for what, causes in (("chance", ("data", "model")), ("rank", ("data", "model", "cohort"))):
        change = found[f"{what}_now"] - found[f"{what}_before"]
        assert np.abs(change - sum(found[f"{what}_{c}"] for c in causes)).max() < EXACT


def test_equal_to_the_plain_version_for_one_family(runs):
    """contrasts.moved tells the same of one family at a time, by counting."""
    before, now = runs
    found = movements.moved(before, now).set_index("kpm_id")

    def plain(run, family):
        own = run.scores.set_index("kpm_id").loc[family, "regency_code"]
        others = run.scores[(run.scores["regency_code"] == own) & (run.scores["kpm_id"] != family)]
        chances = others["probability"].to_numpy()

        def before_in_ties(chance):
            return sum(tie(k) < tie(family) for k in others["kpm_id"].to_numpy()[chances == chance])

        row = run.features[run.features["kpm_id"] == family]
        return contrasts.Run(row, lambda r: float(run.raw(r)[0]), lambda v: float(run.chance(np.array([v]))[0]),
                             chances, before_in_ties)  # fmt: skip

    for family in list(found.index)[::3]:
        told = contrasts.moved(plain(before, family), plain(now, family))
        for what in ("chance", "rank"):
            row = found.loc[family]
            assert row[f"{what}_before"] == pytest.approx(told[what].before, abs=EXACT)
            assert row[f"{what}_now"] == pytest.approx(told[what].now, abs=EXACT)
            for cause in ("data", "model"):
                assert row[f"{what}_{cause}"] == pytest.approx(told[what].causes[cause], abs=EXACT)
        assert row["rank_cohort"] == pytest.approx(told["rank"].causes["cohort"], abs=EXACT)


def test_nothing_changed_means_nothing_told(runs):
    before, _ = runs
    found = movements.moved(before, before)
    causes = [c for c in movements.COLUMNS if not c.endswith(("before", "now"))]
    assert (found[causes] == 0).all(axis=None)


def test_a_family_whose_data_of_that_day_are_others_now_is_left_out(runs):
    before, now = runs
    changed = before.features.assign(x=before.features["x"].where(before.features["kpm_id"] != "K025", 9.0))
    other = movements.Run(changed, before.raw, before.chance, before.scores)
    assert set(before.features["kpm_id"]) - set(movements.moved(other, now)["kpm_id"]) == {"K025"}


def test_places_by_hand():
    """B has 0.5; at 0.7 only A (0.9) stands before it; at 0.2 A, C and D do."""
    rows = pd.DataFrame({"kpm_id": list("ABCD"), "probability": [0.9, 0.5, 0.4, 0.3]})
    asked = pd.Series(["B", "B", "B"])
    assert movements.places(rows, asked, np.array([0.7, 0.2, 0.5])).tolist() == [2, 4, 2]


def test_no_row_before_the_second_bundle():
    empty = movements.nothing()
    assert empty.empty
    assert list(empty.columns) == ["kpm_id", *movements.COLUMNS]
