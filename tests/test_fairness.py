"""Counts equal other people's, tests that know clusters, and cells that no subtraction finds."""

import json
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from confusion import Confusion, compare, two_proportions
from scipy import stats
from scipy.sparse import csr_array
from studies import CONFIGS

from pipeline import capacity, fairness, metrics
from pipeline.fairness import audit, groups, history, moments, publication, significance, suppression
from pipeline.fairness.groups import Groups

VECTORS = Path(__file__).resolve().parents[2] / "shared" / "vectors"
COMPAS = json.loads((VECTORS / "compas_expected.json").read_text())
AEQUITAS = json.loads((VECTORS / "aequitas_bias_report_cases.json").read_text())["cases"]
VALUES = yaml.safe_load((CONFIGS / "fairness.yaml").read_text(encoding="utf-8"))
LEAVES = [history.TP, history.FP, history.TN, history.FN]
SHORT = {"tp": history.TP, "fp": history.FP, "tn": history.TN, "fn": history.FN}


def settings(**changes: Any) -> fairness.Config:
    return fairness.Config(**(VALUES | changes))


def asked(selected: Any, label: Any, chance: Any = None, family: Any = None, **attributes: Any) -> fairness.Asked:
    """What the audit counts of rows whose groups are given as they are; None is unknown."""
    s, y = np.asarray(selected, dtype=bool), np.asarray(label) > 0
    p = np.full(s.size, 0.5) if chance is None else np.asarray(chance, dtype="float64")
    atoms = history.counted(s, y) | {history.CHANCE: p}
    names, codes = {}, []
    for name, values in attributes.items():
        code, known = pd.factorize(pd.Series(values, dtype="object"), sort=True)
        names[name] = (*map(str, known), "unknown")
        codes.append(np.where(code < 0, len(known), code))
    of = Groups(names, np.column_stack(codes).astype(np.int64), {})
    person = np.arange(s.size) if family is None else np.asarray(family)
    every = tuple(m.name for m in history.HISTORY)
    return fairness.Asked(person.astype(np.intp), of, atoms, history.HISTORY, history.CELLS, history.CELLS, every)


def rates_of(found: fairness.Found, attribute: str, group: str, second: tuple[str, str] = ("", "")) -> pd.DataFrame:
    r = found.rates
    at = (r["attribute"] == attribute) & (r["group"] == group)
    return r[at & (r["attribute2"] == second[0]) & (r["group2"] == second[1])].set_index("measure")


def clustered(seed: int, families: int = 60, dates: int = 4) -> dict[str, Any]:
    """Rows of families that recur and differ; some move from group to group, some groups are unknown."""
    rng = np.random.default_rng(seed)
    family = np.repeat(np.arange(families), dates)
    keep = rng.random(family.size) < 0.8
    own = rng.random(families)[family]
    sex = rng.choice(["F", "M", None], families, p=[0.6, 0.3, 0.1])[family]
    band = rng.choice(["young", "old"], families)[family]
    band = np.where(rng.random(family.size) < 0.1, "old", band)
    chance = 0.1 + 0.5 * own
    label = rng.random(family.size) < chance
    rows = {"selected": own + 0.2 * rng.random(family.size) > 0.7, "label": label, "chance": chance, "family": family,
            "sex": sex, "band": band}  # fmt: skip
    return {k: np.asarray(v)[keep] for k, v in rows.items()}


# --- other people's numbers ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", AEQUITAS, ids=lambda c: c["name"])
def test_counts_and_rates_are_those_of_the_vectors(case: dict[str, Any]) -> None:
    rows = pd.DataFrame(case["input"])
    attributes = {c: rows[c] for c in rows if c not in ("label_value", "score")}
    found = audit.measure(asked(rows["score"], rows["label_value"], **attributes), settings())
    counts = found.counts.set_index(["attribute", "group", "attribute2"])
    for expected in case["expected"]:
        mine = counts.loc[(expected["attribute_name"], expected["attribute_value"], "")]
        assert mine["rows"] == expected["group_size"]
        assert {k: mine[n] for k, n in SHORT.items()} == {k: expected[k] for k in SHORT}
        rates = rates_of(found, expected["attribute_name"], expected["attribute_value"])["estimate"]
        theirs = {"fpr": "false_proposal", "fnr": "missed", "for": "false_omission", "pprev": "selection"}
        for short, name in theirs.items():
            want = np.nan if expected[short] is None else expected[short]
            assert rates[name] == pytest.approx(want, abs=1e-9, nan_ok=True)
        fdr = np.nan if expected["fdr"] is None else expected["fdr"]
        assert 1 - rates["precision"] == pytest.approx(fdr, abs=1e-9, nan_ok=True)


def compas(attribute: str, values: tuple[str, str]) -> pd.DataFrame:
    """The public table's rows again, from its counts."""
    parts = []
    for row in COMPAS["groups"]:
        if row["attribute"] == attribute and row["value"] in values:
            for short, (score, label) in {"tp": (1, 1), "fp": (1, 0), "tn": (0, 0), "fn": (0, 1)}.items():
                parts.append(
                    pd.DataFrame({"value": row["value"], "score": score, "label": label}, index=range(row[short]))
                )
    return pd.concat(parts, ignore_index=True)


def by_the_selected_alone(rows: pd.DataFrame, values: tuple[str, str]) -> float:
    """The widely used way: a t test of "false positive" after the rows with score 0 were blanked."""
    false_positive = (rows["label"] == 0).astype(float)[rows["score"] == 1]
    group, reference = (false_positive[rows["value"] == v] for v in values)
    equal = stats.levene(group, reference).pvalue > 0.05
    return float(stats.ttest_ind(group, reference, equal_var=equal).pvalue)


@pytest.mark.parametrize(
    ("attribute", "values", "true_p", "differs"),
    [
        ("race", ("African-American", "Caucasian"), 2.1e-37, True),
        ("sex", ("Female", "Male"), 0.86, False),
    ],
)
def test_a_known_error_of_significance_is_not_ours(
    attribute: str, values: tuple[str, str], true_p: float, differs: bool
) -> None:
    rows = compas(attribute, values)
    found = audit.measure(asked(rows["score"], rows["label"], group=rows["value"]), settings())
    mine = rates_of(found, "group", values[0]).loc["false_proposal"]
    counts = [Confusion.of(r["score"], r["label"]) for r in (rows[rows["value"] == v] for v in values)]
    assert mine["p"] == pytest.approx(compare(*counts, "fpr"), rel=1e-9)  # one row a family: chi-square itself
    assert mine["p"] == pytest.approx(true_p, rel=0.02)
    assert (mine["p"] < 0.05) == differs
    # Their way finds the opposite of both: it tests the false discovery rate under another name.
    assert (by_the_selected_alone(rows, values) < 0.05) != differs


def test_what_their_way_gives_is_what_was_seen_of_it() -> None:
    assert by_the_selected_alone(compas("race", ("African-American", "Caucasian")), ("African-American", "Caucasian")) \
        == pytest.approx(0.0504, abs=0.003)  # fmt: skip
    assert by_the_selected_alone(compas("sex", ("Female", "Male")), ("Female", "Male")) == pytest.approx(7e-8, rel=0.1)


@pytest.mark.parametrize("test", COMPAS["significance_true"], ids=lambda t: f"{t['value']}-{t['metric']}")
def test_every_true_p_value_of_the_public_table(test: dict[str, Any]) -> None:
    attribute = next(g["attribute"] for g in COMPAS["groups"] if g["value"] == test["value"])
    rows = compas(attribute, (test["value"], test["ref"]))
    config = settings(group_minimum=1, expected_minimum=1e-9)  # the table has a group of 18
    found = audit.measure(asked(rows["score"], rows["label"], group=rows["value"]), config)
    name = {"fpr": "false_proposal", "fnr": "missed", "fdr": "precision", "for": "false_omission"}[test["metric"]]
    assert rates_of(found, "group", test["value"]).loc[name, "p"] == pytest.approx(test["chi2_p"], rel=1e-6)


# --- a slow plain second version -----------------------------------------------------------------------------------


def plain(rows: dict[str, Any], inside: np.ndarray, measure: moments.Measure) -> dict[str, float]:
    """One group and measure by loops over families, from the textbook."""
    s, y = rows["selected"].astype(bool), rows["label"].astype(bool)
    atoms = {history.TP: s & y, history.FP: s & ~y, history.TN: ~s & ~y, history.FN: ~s & y}
    atoms |= {"rows": s | ~s, "listed": s, "not_listed": ~s, history.CHANCE: rows["chance"]}
    top = sum(np.asarray(atoms[a], dtype=float) for a in measure.top)
    bottom = sum(np.asarray(atoms[a], dtype=float) for a in measure.bottom)
    pooled, share = top.sum() / bottom.sum(), bottom[inside].sum() / bottom.sum()
    clustered = independent = own = 0.0
    rate = top[inside].sum() / bottom[inside].sum()
    for f in np.unique(rows["family"]):
        mine = rows["family"] == f
        e = (top - pooled * bottom) * (inside - share)
        clustered += e[mine].sum() ** 2
        own += ((top - rate * bottom)[mine & inside]).sum() ** 2
    residual = (top - pooled * bottom) * (inside - share)
    independent = float((residual**2).sum())
    score = top[inside].sum() - pooled * bottom[inside].sum()
    if measure.proportion:
        variance = max(1, clustered / independent) * pooled * (1 - pooled) * share * (1 - share) * bottom.sum()
        effect = own / (bottom[inside].sum() * rate * (1 - rate))
    else:
        variance = max(pooled * (1 - share) * bottom[inside].sum(), clustered)
        effect = own / top[inside].sum()
    return {
        "estimate": rate,
        "p": float(2 * stats.norm.sf(abs(score) / np.sqrt(variance))),
        "design_effect": max(effect, 1),
    }


@pytest.mark.parametrize("seed", range(6))
def test_rates_design_effects_and_p_values_are_those_of_loops_over_families(seed: int) -> None:
    rows = clustered(seed)
    found = audit.measure(asked(**{k: rows[k] for k in ("selected", "label", "chance", "family", "sex", "band")}),
                          settings(group_minimum=1, expected_minimum=1e-9))  # fmt: skip
    both = rows["band"] == "old"
    women = rows["sex"] == "F"
    asks = [(("sex", "F"), ("", ""), women), (("band", "old"), ("", ""), both),
            (("sex", "F"), ("band", "old"), women & both)]  # fmt: skip
    checked = 0
    for (attribute, group), second, inside in asks:
        mine = rates_of(found, attribute, group, second)
        for measure in history.HISTORY:
            want = plain(rows, inside, measure)
            for name in ("estimate", "design_effect", "p"):
                assert mine.loc[measure.name, name] == pytest.approx(want[name], rel=1e-9), (measure.name, name)
                checked += 1
    assert checked == 63


@pytest.mark.parametrize("seed", range(4))
def test_order_of_rows_changes_nothing_and_no_row_is_left_out(seed: int) -> None:
    rows = clustered(seed, families=200)
    shuffled = np.random.default_rng(seed).permutation(rows["family"].size)
    one, other = (audit.measure(asked(**r), settings()) for r in (rows, {k: v[shuffled] for k, v in rows.items()}))
    pd.testing.assert_frame_equal(one.counts, other.counts)
    pd.testing.assert_frame_equal(one.rates, other.rates, rtol=1e-9)
    for attribute in ("sex", "band"):
        mine = one.counts[(one.counts["attribute"] == attribute) & (one.counts["attribute2"] == "")]
        assert mine["rows"].sum() == rows["family"].size
    pairs = one.counts[one.counts["kind"] == "pair"]
    assert pairs["rows"].sum() == rows["family"].size
    distinct = pd.DataFrame({k: rows[k] for k in ("family", "band")}).groupby("band")["family"].nunique()
    told = one.counts[one.counts["attribute"].eq("band") & one.counts["attribute2"].eq("")]
    assert told.set_index("group")["families_rows"].to_dict() == {**distinct.to_dict(), "unknown": 0}


def test_wilson_at_the_effective_number_of_rows_by_hand() -> None:
    """Ten families with two equal rows each, three of them listed: 6 of 20, a design effect of 2, 3 of 10 in truth."""
    chosen = np.repeat([1, 1, 1, 0, 0, 0, 0, 0, 0, 0], 2)
    found = audit.measure(asked(chosen, np.zeros(20), family=np.repeat(range(10), 2), g=["a"] * 20), settings())
    mine = rates_of(found, "g", "a").loc["selection"]
    assert mine["design_effect"] == pytest.approx(2.0)
    lower, upper = metrics.wilson(3, 10, 0.95)
    assert (mine["lower"], mine["upper"]) == (pytest.approx(float(lower)), pytest.approx(float(upper)))
    nobody = audit.measure(asked(np.zeros(20), np.zeros(20), family=np.repeat(range(10), 2), g=["a"] * 20), settings())
    none = rates_of(nobody, "g", "a").loc["selection"]
    assert none["upper"] == pytest.approx(float(metrics.wilson(0, 10, 0.95)[1]))  # equal rows of a family count as one


def test_clusters_keep_the_level_that_independent_rows_break() -> None:
    """Whole families alike, groups dealt at random: of tests at 5 % about one in twenty may find something."""
    ours, naive = 0, 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        group = np.repeat(rng.random(150) < 0.4, 8)
        chosen = np.repeat(rng.random(150) < 0.3, 8)
        mine = asked(chosen, np.zeros(1200), family=np.repeat(range(150), 8), g=group)
        folded = moments.fold(mine.family, mine.groups, mine.atoms, mine.measures[:1])
        division = moments.divide(folded, folded.profiles[:, 0], 3)
        of = audit.intervals.sums_of(division, mine.measures[0], 0, folded.atoms)
        everybody = audit.intervals.everybody(folded.totals, of, 0)
        ours += significance.test(of, everybody, division.cross[:, 0], mine.measures[0]).p[0] < 0.05
        a, b = chosen[group], chosen[~group]
        naive += two_proportions(int(a.sum()), a.size, int(b.sum()), b.size) < 0.05
    assert 2 <= ours <= 20
    assert naive > 60


# --- multiplicity and verdicts -------------------------------------------------------------------------------------


def test_adjusted_p_values_by_hand() -> None:
    p = np.array([0.01, 0.04, np.nan, 0.03])
    # Benjamini-Hochberg: 3/1 x 0.01, 3/2 x 0.03, 3/3 x 0.04, then the smallest from above; Holm: 3x, 2x, 1x, rising.
    assert significance.adjusted(p, "benjamini_hochberg") == pytest.approx([0.03, 0.04, np.nan, 0.04], nan_ok=True)
    assert significance.adjusted(p, "holm") == pytest.approx([0.03, 0.06, np.nan, 0.06], nan_ok=True)


@pytest.mark.parametrize("seed", range(5))
def test_benjamini_hochberg_is_that_of_scipy(seed: int) -> None:
    p = np.random.default_rng(seed).random(40) ** 2
    assert significance.adjusted(p, "benjamini_hochberg") == pytest.approx(stats.false_discovery_control(p))


def test_verdicts() -> None:
    """1,000 rows a group, one a family: half as many missed, as many, and groups of whom nobody can tell."""
    rng = np.random.default_rng(1)
    group = np.repeat(["a", "b", "c", "d"], [1000, 1000, 20, 60])
    label = np.ones(group.size)
    chosen = rng.random(group.size) < np.select([group == "a", group == "b"], [0.8, 0.4], default=0.6)
    found = audit.measure(asked(chosen, label, group=group), settings())
    verdict = {g: rates_of(found, "group", g).loc["missed", ["verdict", "why"]].tolist() for g in "abcd"}
    assert verdict["a"] == ["better treated", ""]
    assert verdict["b"] == ["worse treated", ""]
    assert verdict["c"] == ["cannot tell", "fewer than 30 families"]
    assert verdict["d"] == ["cannot tell", "too few to find a difference that matters"]
    assert rates_of(found, "group", "unknown").loc["missed", ["verdict", "why"]].tolist() == ["cannot tell", "nobody"]
    assert rates_of(found, "group", "a").loc["recall", "verdict"] == "better treated"  # the other side of missed
    assert rates_of(found, "group", "a").loc["selection", "verdict"] == "higher"  # good or bad: not for us to say
    assert rates_of(found, "group", "a").loc["false_proposal", "why"] == "no rows that the rate is about"
    alike = np.tile(rng.random(3000) < 0.5, 2)
    same = audit.measure(asked(alike, np.ones(6000), group=np.repeat(["a", "b"], 3000)), settings())
    assert rates_of(same, "group", "a").loc["missed", "verdict"] == "no difference found"


def test_the_number_of_tests_counts() -> None:
    """One p value of 0.03 is a finding alone, and none among many tests."""
    rng = np.random.default_rng(3)
    n = 4000
    group = rng.random(n) < 0.5
    chosen = rng.random(n) < np.where(group, 0.33, 0.3)
    alone = audit.measure(asked(chosen, np.zeros(n), g=group), settings())
    p = rates_of(alone, "g", "True").loc["false_proposal", "p"]
    assert 0.001 < p < 0.05
    noise = {f"n{k}": rng.random(n) < 0.5 for k in range(5)}
    among = audit.measure(asked(chosen, np.zeros(n), g=group, **noise), settings())
    told = rates_of(among, "g", "True").loc["false_proposal"]
    assert told["p"] == pytest.approx(p)
    assert told["p_adjusted"] > p


# --- groups --------------------------------------------------------------------------------------------------------


def features() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "caretaker_female": [1.0, 0.0, np.nan], "caretaker_age": [39.0, 40.0, 61.0],
            "severely_disabled": [0.0, 2.0, np.nan], "elderly": [1.0, 1.0, np.nan], "members": [1.0, 2.0, 3.0],
            "urban": [1.0, np.nan, 0.0], "regency_code": ["3203", "5302", None],
            "identity_mismatch": [0.0, np.nan, 0.0], "identity_duplicate": [0.0, 1.0, np.nan],
            "identity_not_alive": [0.0, np.nan, 0.0], "enrolled_months": [23.0, 24.0, 72.0],
            "welfare_updates_24m": [0.0, 1.0, 2.0], "welfare_known_share": [np.nan, 0.9, np.nan],
        }
    )  # fmt: skip


def test_groups_by_hand() -> None:
    found = groups.of(features(), settings())
    named = {n: [found.names[n][c] for c in column] for n, column in zip(found.names, found.codes.T, strict=True)}
    assert named == {
        "caretaker_sex": ["female", "male", "unknown"],
        "caretaker_age": ["under 40", "40 to 59", "60 or older"],
        "disability": ["no", "yes", "unknown"],
        "elderly_alone": ["yes", "no", "no"],  # three members are not alone, whatever their ages
        "family_size": ["1 to 2", "1 to 2", "3 to 4"],
        "urban": ["urban", "unknown", "rural"],
        "java": ["java", "outside", "unknown"],
        "identity_problem": ["no", "yes", "unknown"],  # a duplicate is one, whatever else is unknown
        "tenure": ["under 2 years", "2 to 5 years", "6 years or more"],
        "thin_data": ["yes", "no", "unknown"],
    }
    assert found.absent == {"customary_community": "not in this extract: customary_community"}


def test_an_attribute_that_the_extract_lacks_has_a_row_that_says_so() -> None:
    rows = features().assign(kpm_id=list("abc"), listed=[True, False, False], label=[1, 0, 0], probability=0.2,
                             status=["listed", "below", "held"], holds=[[], [], ["illness"]])  # fmt: skip
    found = fairness.study(rows, rows, settings())
    for tables in (fairness.room(found), fairness.published(found)):
        for name in ("history_rates", "today_rates"):
            mine = tables[name].query("attribute == 'customary_community'")
            assert mine[["verdict", "why"]].to_numpy().tolist() == [
                ["cannot tell", "not in this extract: customary_community"]
            ]
    assert found.summary["today"]["absent"] == {"customary_community": "not in this extract: customary_community"}


@pytest.mark.parametrize("bad", [{"edges": [40, 30]}, {"edges": [40]}, {"names": ["a", "b"]}])
def test_bands_that_make_no_sense_are_refused(bad: dict[str, Any]) -> None:
    band = VALUES["attributes"]["caretaker_age"]
    with pytest.raises(ValueError, match="edges must rise"):
        settings(attributes={"caretaker_age": band | bad})
    assert settings(attributes={"caretaker_age": band}).features == ("caretaker_age",)


# --- lists of the past, and of today -------------------------------------------------------------------------------


def dated(seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    n = 240
    return pd.DataFrame(
        {
            "kpm_id": [f"K{k % 120:03d}" for k in range(n)],
            "as_of": np.repeat(pd.to_datetime(["2024-03-31", "2024-06-30"]), 120),
            "probability": rng.integers(1, 30, n) / 100, "eligible": rng.random(n) < 0.8,
            "facilitator_id": rng.choice(["F1", "F2", "F3", None], n), "regency_code": rng.choice(["3203", "5302"], n),
        }
    ).sample(frac=1, random_state=seed)  # fmt: skip


@pytest.mark.parametrize("seed", range(5))
def test_each_dates_list_is_the_one_that_the_rule_in_use_makes(seed: int) -> None:
    import hashlib

    rows, limits = dated(seed), capacity.Capacity(4, 0.1)
    found = pd.Series(fairness.listed(rows, limits), index=rows.index)
    for _, part in rows.groupby("as_of"):
        tie = part["kpm_id"].map(lambda k: hashlib.md5(k.encode()).hexdigest())
        ordered = part.assign(tie=tie).sort_values(["probability", "tie"], ascending=[False, True])
        visits: dict[Any, int] = {}
        places: dict[str, int] = {}
        for at, row in ordered.iterrows():
            full = isinstance(row["facilitator_id"], str) and visits.get(row["facilitator_id"], 0) >= 4
            size = capacity.places(int((part["regency_code"] == row["regency_code"]).sum()), 0.1)
            if row["eligible"] and not full:
                visits[row["facilitator_id"]] = visits.get(row["facilitator_id"], 0) + 1
            taken = row["eligible"] and not full and places.get(row["regency_code"], 0) < size
            places[row["regency_code"]] = places.get(row["regency_code"], 0) + int(taken)
            assert found[at] == taken
    assert 0 < found.sum() < len(rows)


def test_todays_list_is_counted_by_status_and_by_hold() -> None:
    rows = pd.DataFrame({"kpm_id": list("abcd"), "status": ["listed", "below", "held", "held"],
                         "holds": [[], [], ["illness"], ["illness", "job_loss"]], "urban": [1, 1, 0, 1],
                         "regency_code": "3203"})  # fmt: skip
    config = settings(attributes={"urban": VALUES["attributes"]["urban"]})
    found = audit.measure(fairness.present(rows, config), config)
    urban = rates_of(found, "urban", "urban")
    assert urban.loc["selection_of_eligible", ["top", "bottom"]].tolist() == [1, 2]
    assert urban.loc["held", ["top", "bottom"]].tolist() == [1, 3]
    assert urban.loc["held_illness", ["top", "bottom"]].tolist() == [1, 3]
    assert rates_of(found, "urban", "rural").loc["held_job_loss", ["top", "bottom"]].tolist() == [0, 1]


# --- what leaves the room ------------------------------------------------------------------------------------------


def small_world(seed: int, rows: int = 700) -> fairness.Asked:
    """Three attributes with rare groups and rare events: many small cells, in one table and in the tables of two."""
    rng = np.random.default_rng(seed)
    sizes = [[0.6, 0.37, 0.03], [0.5, 0.44, 0.05, 0.01], [0.9, 0.1]]
    attributes = {f"a{k}": rng.choice([f"g{i}" for i in range(len(s))], rows, p=s) for k, s in enumerate(sizes)}
    chosen, label = rng.random(rows) < 0.12, rng.random(rows) < 0.15
    return asked(chosen, label, rng.random(rows), **attributes)


def equations(counts: pd.DataFrame) -> tuple[np.ndarray, dict[tuple[int, str], int]]:
    """What any reader of the tables knows, written down apart from the code that is tested: sums of cells."""
    names = ["rows", "listed", "not_listed", *LEAVES]
    at = {(r, c): k for k, (r, c) in enumerate((r, c) for r in range(len(counts)) for c in names)}
    split = {"rows": ["listed", "not_listed"], "listed": LEAVES[:2], "not_listed": LEAVES[2:]}
    sums = [([(r, c) for c in parts], (r, total)) for r in range(len(counts)) for total, parts in split.items()]
    keyed = [tuple(v) for v in counts[["attribute", "group", "attribute2", "group2"]].to_numpy()]
    for total, key in enumerate(keyed):
        sums += [([(r, c) for r in parts], (total, c)) for parts in parts_of(key, keyed) for c in names if parts]
    lines = np.zeros((len(sums), len(at)))
    for line, (parts, total) in zip(lines, sums, strict=True):
        line[[at[p] for p in parts]] = 1
        line[at[total]] = -1
    return lines, at


def parts_of(key: tuple[str, ...], keyed: list[tuple[str, ...]]) -> list[list[int]]:
    """Rows that sum to the row `key`, in every way there is."""
    attribute, group, second, _ = key
    if second:
        return []
    if not attribute:
        return [[r for r, k in enumerate(keyed) if k[0] == a and not k[2]] for a in {k[0] for k in keyed if k[0]}]
    seconds, firsts = {k[2] for k in keyed if k[0] == attribute and k[2]}, {k[0] for k in keyed if k[2] == attribute}
    by_second = [[r for r, k in enumerate(keyed) if k[:3] == (attribute, group, b)] for b in seconds]
    return by_second + [[r for r, k in enumerate(keyed) if (k[0], *k[2:]) == (a, attribute, group)] for a in firsts]


def attack(counts: pd.DataFrame, hidden: pd.DataFrame) -> set[tuple[int, str]]:
    """Every hidden cell that linear subtraction finds: those at which no solution of the equations can move."""
    lines, at = equations(counts)
    gone = [key for key in at if hidden.iloc[key[0]][key[1]]]
    if not gone:
        return set()
    within = lines[:, [at[k] for k in gone]]
    _, values, rows = np.linalg.svd(within)
    rank = int((values > 1e-9).sum())
    free = np.abs(rows[rank:]).max(axis=0) if rank < len(gone) else np.zeros(len(gone))
    return {k for k, f in zip(gone, free, strict=True) if f < 1e-9}


def subtract(counts: pd.DataFrame, hidden: pd.DataFrame) -> set[tuple[int, str]]:
    """The same by hand: a sum with one number missing gives it, again and again."""
    lines, at = equations(counts)
    keys, unknown = list(at), np.array([bool(hidden.iloc[r][c]) for r, c in at])
    found: set[int] = set()
    while True:
        alone = np.abs(lines)[:, unknown].sum(axis=1) == 1
        single = {int(c) for line in lines[alone] for c in np.flatnonzero((line != 0) & unknown)}
        if not single:
            return {keys[c] for c in found}
        found |= single
        unknown[list(single)] = False


def primary(counts: pd.DataFrame, minimum: int) -> set[tuple[int, str]]:
    return {(r, c) for r in range(len(counts)) for c in ("rows", "listed", "not_listed", *LEAVES)
            if 0 < counts.iloc[r][f"families_{c}"] < minimum}  # fmt: skip


@pytest.mark.parametrize("seed", range(4))
def test_no_subtraction_finds_a_small_cell(seed: int) -> None:
    mine = small_world(seed)
    counts = audit.measure(mine, settings()).counts.reset_index(drop=True)
    hidden = suppression.hide(counts, mine.cells, 10)
    small = primary(counts, 10)
    assert len(small) > 20
    assert all(hidden.iloc[r][c] for r, c in small)
    assert attack(counts, hidden) & small == set()
    assert subtract(counts, hidden) & small == set()
    # The attack is one: against small cells hidden alone it succeeds.
    alone = pd.DataFrame(False, index=counts.index, columns=list(hidden))
    for r, c in small:
        alone.loc[r, c] = True
    assert attack(counts, alone) & small
    assert subtract(counts, alone) <= attack(counts, alone)
    assert not hidden.to_numpy().all()


@pytest.mark.parametrize("seed", range(4))
def test_what_is_published_tells_no_hidden_number(seed: int) -> None:
    mine = small_world(seed)
    config = settings(group_minimum=1)
    found = audit.measure(mine, config)
    outside = publication.publish(found, mine, config)
    assert not [c for c in outside.counts if c.startswith("families")]
    assert set(outside.rates) & {"families", "top", "bottom", "p", "p_adjusted", "design_effect"} == set()
    needed, key = publication.made_of(mine), ["attribute", "group", "attribute2", "group2"]
    counts = outside.counts.set_index(key)
    shown = outside.rates[outside.rates["shown"]]
    assert 0 < len(shown) < len(outside.rates)
    for row in shown.to_dict("records"):
        assert counts.loc[tuple(row[k] for k in key), list(needed[row["measure"]])].notna().all()
    dark = outside.rates[~outside.rates["shown"]]
    assert dark[publication.TOLD].isna().all(axis=None)
    assert set(dark["why"]) == {publication.NOT_SHOWN}
    pd.testing.assert_frame_equal(
        outside.rates[["group", "measure", "verdict"]], found.rates[["group", "measure", "verdict"]]
    )


def test_hidden_in_a_sum_counts_the_minimum_together() -> None:
    """One family hidden beside one other would be known to be one of two: the sum must hide ten."""
    chosen = np.r_[np.ones(1), np.zeros(99), np.ones(3), np.zeros(97), np.ones(40), np.zeros(60)]
    mine = asked(chosen, np.zeros(300), g=np.repeat(["a", "b", "c"], 100))
    counts = audit.measure(mine, settings()).counts.reset_index(drop=True)
    hidden = suppression.hide(counts, mine.cells, 10)
    listed = counts.loc[hidden[history.FP] & (counts["attribute"] != ""), ["group", history.FP]]
    assert listed.to_numpy().tolist() == [["a", 1], ["b", 3], ["c", 40]]


def test_nothing_is_hidden_where_nothing_is_small() -> None:
    mine = asked(np.tile([0, 0, 1, 1], 100), np.tile([0, 1, 0, 1], 100), g=np.repeat(["a", "b"], 200))
    counts = audit.measure(mine, settings()).counts
    assert not suppression.hide(counts, mine.cells, 10).to_numpy().any()


def test_determined_cells_of_random_systems_are_those_of_the_rank() -> None:
    """Sparse and dense ways to ask what the shown cells determine agree, cell by cell."""
    for seed in range(3):
        mine = small_world(seed, 300)
        counts = audit.measure(mine, settings()).counts.reset_index(drop=True)
        told = suppression.system(counts, mine.cells)
        rng = np.random.default_rng(seed)
        hidden = rng.random(told.value.size) < 0.35
        found = suppression.found_out(told.equations, hidden)
        dense = told.equations.toarray()[:, hidden]
        rank = np.linalg.matrix_rank(dense)
        at = np.flatnonzero(hidden)
        for k in rng.choice(at.size, 12, replace=False):
            line = np.zeros((1, at.size))
            line[0, k] = 1
            known = np.linalg.matrix_rank(np.vstack([dense, line])) == rank
            assert bool(found[at[k]]) == bool(known)


# --- words ---------------------------------------------------------------------------------------------------------


def test_lines_speak_of_published_numbers_in_both_languages() -> None:
    rows = pd.DataFrame({"kpm_id": [f"K{k}" for k in range(4000)], "listed": np.arange(4000) % 10 < 3,
                         "probability": 0.5, "label": (np.arange(4000) // 10) % 2, "regency_code": "3203",
                         "urban": np.arange(4000) % 4 < 2})  # fmt: skip
    rows.loc[(rows["label"] == 1) & rows["urban"], "listed"] = False
    config = settings(attributes={"urban": VALUES["attributes"]["urban"]})
    now = rows.assign(status=np.where(rows["listed"], "listed", "below"), holds=[[] for _ in range(4000)])
    found = fairness.study(rows, now, config)
    first = found.summary["history"]["lines"][0]
    assert first["en"].startswith("urban or rural, urban: worse treated.")
    assert first["id"].startswith("perkotaan atau perdesaan, perkotaan: diperlakukan lebih buruk.")
    assert "%" in first["en"]
    verdicts = found.summary["history"]["verdicts"]["single"]
    assert sum(verdicts.values()) == 3 * len(history.HISTORY)


def test_pairs_are_those_of_two_attributes() -> None:
    mine = small_world(1)
    rates = audit.measure(mine, settings()).rates
    pairs = set(zip(rates["attribute"], rates["attribute2"], strict=True)) - {("", "")}
    assert {p for p in pairs if p[1]} == set(combinations(["a0", "a1", "a2"], 2))


def test_a_cell_whose_own_sums_are_all_hidden_may_still_be_found_out_from_afar():
    """a + b = t. Of b, c, d each pair sums to a shown total, so b = (7 + 8 - 9) / 2 = 3; of t, u, v likewise t = 4."""
    names = ["a", "b", "t", "c", "d", "u", "v", "bc", "cd", "bd", "tu", "uv", "tv"]
    value = {"a": 1, "b": 3, "t": 4, "c": 4, "d": 5, "u": 50, "v": 60}
    value |= {p: value[p[0]] + value[p[1]] for p in names if len(p) == 2}
    sums = [("a", "b", "t"), *((p[0], p[1], p) for p in names if len(p) == 2)]
    matrix = np.zeros((len(sums), len(names)))
    for row, (one, two, total) in enumerate(sums):
        matrix[row, [names.index(one), names.index(two), names.index(total)]] = 1, 1, -1
    cells = np.arange(len(names))
    told = suppression.System(csr_array(matrix), np.array([value[n] for n in names]), cells, np.array(names, object))
    hidden = np.isin(names, ["a", "b", "t", "c", "d", "u", "v"])
    assert suppression.found_out(told.equations, hidden)[0]
    kept = suppression.protect(told, np.isin(names, ["a"]), 10)
    assert kept[0]
    assert not suppression.found_out(told.equations, kept)[0]
    stuck = hidden.copy()
    suppression.widen_farther(told, stuck, np.isin(names, ["a"]))
    assert stuck.sum() == hidden.sum() + 4  # bc, bd, tu, tv: the sums that b and t are in beside the first
    assert not suppression.found_out(told.equations, stuck)[0]
