"""Phase, fit, places and words: stories by hand, laws over seeds, and rules that mean nothing."""

import hashlib
import json
from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest
import yaml
from pydantic import ValidationError
from studies import CONFIGS, command, study, values

from pipeline import holds, pathways, stages, wording
from pipeline.artifacts import Home
from pipeline.errors import BadInput

VALUES = values("pathways")
CONFIG = pathways.Config.model_validate(VALUES)
RULES = holds.Config.model_validate(values("holds"))
AS_OF = date(2025, 6, 30)
UNITS = {
    "caretaker_age": "years",
    "business_turnover_last": "rupiah a month",
    "months_until_last_component_ends": "months",
}
NOBODY = {
    "pregnant": 0.0, "severely_disabled": 0.0, "elderly": 0.0, "members": 4.0, "national_decile_last": 2.0,
    "shocks_6m": 0.0, "workers": 0.0, "ska_running": 0.0, "phase_last": np.nan, "owns_business_last": 0.0,
    "caretaker_age": 50.0, "economy_sessions_24m": 0.0, "business_age_days": np.nan, "business_turnover_last": np.nan,
    "sessions_present_share_12m": 0.5, "floor_per_person": 9.0, "house_tenure_last": 1.0, "dwelling_index": 0.7,
    "floor_type_last": 2.0, "cases_illness_12m": 0.0, "months_until_last_component_ends": 60.0,
    "last_component_ends_on": pd.Timestamp(2025, 7, 1), "lasting_components": 0.0,
    "income_times_poverty_line": 0.9, "pena_running": 0.0, "ppse_running": 0.0, "prokus_running": 0.0,
    "kube_running": 0.0, "rst_running": 0.0, "atensi_running": 0.0, "youngest_age": 9.0,
}  # fmt: skip
BAKER = {"owns_business_last": 1.0, "caretaker_age": 34.0, "income_times_poverty_line": 1.4, "workers": 2.0,
         "business_age_days": 800.0, "business_turnover_last": 1_800_000.0}  # fmt: skip
GRANDMOTHER = {"elderly": 1.0, "members": 1.0, "caretaker_age": 71.0, "lasting_components": 1.0,
               "months_until_last_component_ends": np.nan}  # fmt: skip
LEAVING = {"months_until_last_component_ends": 1.0}
FILLER = [{}] * 97  # with them a share of 0.02 is one place or more


NO_CHANGE = pd.Series(dtype="float64")


def changed(**changes):
    return pathways.Config.model_validate(VALUES | changes)


def limited(name, **changes):
    """The rules with other values of one programme."""
    return changed(programmes=VALUES["programmes"] | {name: VALUES["programmes"][name] | changes})


def known(families, chances=None, regency="3203", previous=None):
    features = pd.DataFrame([NOBODY | f for f in families]).assign(kpm_id=[f"K{i}" for i in range(len(families))])
    decided = holds.decide(features, RULES)
    people = decided.assign(
        as_of=AS_OF, probability=np.linspace(0.5, 0.01, len(features)) if chances is None else chances,
        regency_code=regency,
    )  # fmt: skip
    before = pd.Series(previous or {}, dtype="object")
    return pathways.Known(people, features, holds.rules_fired(features, RULES), UNITS, before, NO_CHANGE)


def recommended(*families, config=CONFIG, **more):
    return pathways.recommend(known([*families, *FILLER], **more), config)


def test_stories_by_hand():
    """98 families and more: 0.02 x 100 = 2 places in PENA, so the baker has one."""
    found = recommended(BAKER, GRANDMOTHER, LEAVING)
    assert list(found.columns) == list(pathways.COLUMNS)
    assert found["kpm_id"].tolist() == [f"K{i}" for i in range(100)]
    baker, grandmother, leaving, other = found.head(4).to_dict("records")
    assert (baker["phase"], baker["pathway"], baker["waiting_for"]) == ("development", "pena", None)
    assert baker["reasons"] == ["development.earning_business", "pena.owner_of_20_to_45"]
    assert "34 tahun" in baker["text_id"]
    assert "PENA / PPSE" in baker["text_en"]
    assert (grandmother["phase"], grandmother["pathway"]) == ("transition", "ska_atensi")
    assert grandmother["reasons"] == ["elderly_alone.one_elderly_member", "ska_atensi.elderly_alone"]
    assert grandmother["text_id"].startswith("Ditahan, belum boleh diusulkan: satu anggota saja")
    assert (leaving["pathway"], leaving["reasons"]) == (
        "natural_exit_ahead", ["last_component_ends.within_three_months", "natural_exit_ahead.last_component_ends"],
    )  # fmt: skip
    assert "komponen terakhir berakhir 01/07/2025" in leaving["text_id"]
    assert (other["phase"], other["pathway"], other["reasons"]) == ("transition", "stay_p2k2", [])


@pytest.mark.parametrize(
    ("family", "phase"),
    [
        ({}, "transition"),
        ({"shocks_6m": 1.0}, "recovery"),
        ({"national_decile_last": 1.0}, "recovery"),
        ({"severely_disabled": 1.0}, "recovery"),
        ({"severely_disabled": 1.0, "workers": 1.0}, "transition"),
        ({"ska_running": 1.0}, "recovery"),
        ({"phase_last": 3.0}, "development"),
        ({"phase_last": 2.0}, "transition"),
        (BAKER, "development"),
        (BAKER | {"income_times_poverty_line": 0.99, "national_decile_last": 4.0}, "transition"),
        ({"workers": 1.0, "national_decile_last": 3.0, "income_times_poverty_line": 1.2}, "development"),
        (BAKER | {"shocks_6m": 1.0}, "recovery"),
    ],
)
def test_the_phase(family, phase):
    assert recommended(family)["phase"][0] == phase


@pytest.mark.parametrize(
    ("family", "fitting"),
    [
        ({}, set()),
        (BAKER, {"pena", "prokus"}),
        (BAKER | {"caretaker_age": 46.0}, {"prokus"}),
        (BAKER | {"caretaker_age": 46.0, "business_turnover_last": 2_500_000.0}, {"pena"}),
        (BAKER | {"caretaker_age": 60.0, "business_turnover_last": 2_500_000.0}, set()),
        (BAKER | {"income_times_poverty_line": 0.8}, {"prokus"}),
        (BAKER | {"business_age_days": 300.0}, {"pena", "kube"}),
        ({"workers": 1.0, "sessions_present_share_12m": 0.75}, {"kube"}),
        ({"floor_per_person": 7.1, "dwelling_index": 0.39}, {"rst"}),
        ({"floor_per_person": 7.2, "dwelling_index": 0.39}, set()),
        ({"floor_type_last": 8.0}, {"rst"}),
        ({"floor_type_last": 8.0, "house_tenure_last": 2.0}, set()),
        ({"severely_disabled": 1.0}, {"ska_atensi"}),
        (LEAVING, {"natural_exit_ahead"}),
        (LEAVING | {"months_until_last_component_ends": 13.0}, set()),
    ],
)
def test_which_programmes_fit(family, fitting):
    case = known([family])
    fired = pathways.fire(case.features, {n: p.rules for n, p in CONFIG.programmes.items()})
    _, phase = pathways.phase_of(case.features, CONFIG)
    fit = pathways.fits(fired, phase, CONFIG)[0]
    assert {n for n, hit in zip(CONFIG.programmes, fit, strict=True) if hit} == fitting | {"stay_p2k2"}


def crowd(seed, n=400):
    """Families of which many fit several programmes, in three regencies."""
    rng = np.random.default_rng(seed)
    families = [
        {
            "owns_business_last": float(rng.random() < 0.5), "caretaker_age": float(rng.integers(20, 70)),
            "income_times_poverty_line": float(rng.uniform(0.4, 2)), "workers": float(rng.integers(0, 3)),
            "business_age_days": float(rng.integers(0, 900)),
            "business_turnover_last": float(rng.integers(5, 40)) * 1e5,
            "sessions_present_share_12m": float(rng.random()), "floor_per_person": float(rng.uniform(3, 12)),
            "dwelling_index": float(rng.random()), "severely_disabled": float(rng.random() < 0.05),
            "elderly": float(rng.random() < 0.2), "members": float(rng.integers(1, 6)),
            "months_until_last_component_ends": float(rng.integers(1, 90)), "shocks_6m": float(rng.random() < 0.1),
            "pena_running": float(rng.random() < 0.01), "kube_running": float(rng.random() < 0.01),
        }
        for _ in range(n)
    ]  # fmt: skip
    return {"families": families, "chances": rng.beta(1, 30, n), "regency": rng.choice(["1101", "3203", "9471"], n)}


@pytest.mark.parametrize("seed", range(4))
def test_laws_of_the_recommendation(seed):
    case = known(**crowd(seed))
    found = pathways.recommend(case, CONFIG)
    held = ~case.families["eligible"].to_numpy()
    open_to_held = {n for n, p in CONFIG.programmes.items() if p.held}
    assert held.any()
    assert set(found.loc[held, "pathway"]) <= open_to_held
    regency = case.families["regency_code"]
    enrolled = pd.DataFrame(pathways.enrolments(case.features, CONFIG), columns=list(CONFIG.programmes))
    for code, part in found.groupby(regency):
        for name, programme in CONFIG.programmes.items():
            if programme.capacity is None:
                assert not (part["waiting_for"] == name).any()
                continue
            places = int(programme.capacity.share * len(part) + 1e-9)
            used = int(((part["pathway"] == name) | enrolled.loc[part.index, name]).sum())
            mine = int(enrolled.loc[part.index, name].sum())
            assert used <= max(places, mine), (code, name)
            # Nobody waits for a programme that has a place left.
            assert used >= places or not (part["waiting_for"] == name).any()
    assert found["waiting_for"].notna().any()
    for row in found.itertuples():
        assert row.reasons or row.pathway == "stay_p2k2"
        assert wording.PHASES[row.phase].id in row.text_id
        assert wording.PHASES[row.phase].en in row.text_en
        groups = {r.partition(".")[0] for r in row.reasons} - set(RULES.holds)
        assert groups <= {row.phase, row.pathway}


@pytest.mark.parametrize("seed", range(3))
def test_the_order_of_the_rows_changes_nothing(seed):
    """Many equal chances: ties go by kpm_id, not by the place in the file."""
    made = crowd(seed)
    case = known(**made | {"chances": np.round(made["chances"], 2)})
    order = np.random.default_rng(seed).permutation(len(case.families))
    mixed = pathways.Known(
        case.families.iloc[order].reset_index(drop=True), case.features.iloc[order].reset_index(drop=True),
        holds.rules_fired(case.features.iloc[order], RULES), case.units, case.previous, case.change,
    )  # fmt: skip
    plain, turned = (pathways.recommend(c, CONFIG).sort_values("kpm_id", ignore_index=True) for c in (case, mixed))
    pd.testing.assert_frame_equal(plain, turned)


def test_ties_go_to_the_lower_md5():
    """Ten equal families and three places in KUBE."""
    config = limited("kube", capacity={"share": 0.3, "regencies": {}})
    families = [{"workers": 1.0, "sessions_present_share_12m": 0.9}] * 10
    found = pathways.recommend(known(families, chances=0.1), config)
    order = sorted(found["kpm_id"], key=lambda k: hashlib.md5(k.encode(), usedforsecurity=False).hexdigest())
    assert set(found.loc[found["pathway"] == "kube", "kpm_id"]) == set(order[:3])
    assert set(found.loc[found["waiting_for"] == "kube", "kpm_id"]) == set(order[3:])


def test_places_by_share_rounded_down_and_by_code():
    """0.02 x 149 = 2.98: two; a regency by its own number; 0.29 x 100 is 29 although the float product is below."""
    config = limited("pena", capacity={"share": 0.02, "regencies": {"3276": 7}})
    pena = list(config.programmes).index("pena")
    assert pathways.places(pd.Series({"3203": 149, "3276": 149, "1101": 10}), config)[:, pena].tolist() == [2, 7, 0]
    exact = limited("pena", capacity={"share": 0.29, "regencies": {}})
    assert pathways.places(pd.Series({"3203": 100}), exact)[0, pena] == 29


def test_whoever_is_enrolled_keeps_the_place_also_without_capacity():
    config = limited("kube", capacity={"share": 0.0, "regencies": {}})
    found = recommended({"kube_running": 1.0}, {"kube_running": 1.0, "severely_disabled": 1.0}, BAKER, config=config)
    assert found["pathway"].tolist()[:2] == ["kube", "ska_atensi"]
    assert found["reasons"][0] == ["kube.enrolled"]
    assert "sedang menjadi peserta" in found["text_id"][0]
    assert "kube.enrolled" not in found["reasons"][1]


def test_an_enrolment_uses_a_place_also_where_a_hold_keeps_it_unsaid():
    """Two places in PENA; one is used by a held family in it: of two bakers one waits."""
    inside = {"pena_running": 1.0, "severely_disabled": 1.0, "workers": 1.0}
    alone = recommended(BAKER, BAKER, {}, config=limited("prokus", rules={}))
    assert alone["pathway"].tolist()[:2] == ["pena", "pena"]
    found = recommended(BAKER, BAKER, inside, config=limited("prokus", rules={}))
    assert found["pathway"].tolist()[:2] == ["pena", "stay_p2k2"]
    assert found["waiting_for"].fillna("").tolist()[:2] == ["", "pena"]
    assert "Menunggu tempat pada PENA / PPSE (memiliki usaha" in found["text_id"][1]


@pytest.mark.parametrize("seed", range(4))
def test_with_the_bonus_a_small_noise_moves_fewer_families(seed):
    made = crowd(seed, n=900)
    first = pathways.recommend(known(**made), CONFIG)
    before = dict(zip(first["kpm_id"], first["pathway"], strict=True))
    noise = np.exp(np.random.default_rng(seed + 100).normal(0, 0.2, 900))
    later = made | {"chances": made["chances"] * noise}
    free = pathways.recommend(known(**later), CONFIG)
    kept = pathways.recommend(known(**later, previous=before), CONFIG)
    moved = [(run["pathway"] != first["pathway"]).sum() for run in (free, kept)]
    assert moved[1] < moved[0]
    again = pathways.recommend(known(**made, previous=before), CONFIG)
    assert (again["pathway"] == first["pathway"]).all()


def test_standing_is_the_share_of_the_regency_whose_chance_is_not_higher():
    families = pd.DataFrame(
        {"regency_code": ["a", "a", "a", "a", "b", None], "probability": [0.1, 0.3, 0.1, 0.2, 0.9, 0.5]}
    )
    assert pathways.standing(families).tolist() == [0.5, 1.0, 0.5, 0.75, 1.0, 1.0]


def test_a_validated_change_orders_in_place_of_the_chance():
    """Ten owners, one place in PENA: the likeliest has it, or the one whom it is estimated to change most."""
    config = limited("pena", capacity={"share": 0.1, "regencies": {}})
    owner = {"owns_business_last": 1.0, "caretaker_age": 35.0, "phase_last": 3.0}
    case = known([owner] * 10)
    change = pd.Series({f"K{i}": 0.01 * i for i in range(9)})  # K8 most, K9 unknown
    by_chance, by_change = (
        pathways.recommend(replace(case, change=c), config).set_index("kpm_id")["pathway"] for c in (NO_CHANGE, change)
    )
    assert by_chance.index[by_chance == "pena"].tolist() == ["K0"]
    assert by_change.index[by_change == "pena"].tolist() == ["K8"]


def test_nobody_has_no_pathway():
    case = known([{}])
    nobody = pathways.Known(
        case.families.iloc[:0],
        case.features.iloc[:0],
        holds.rules_fired(case.features.iloc[:0], RULES),
        {},
        case.previous,
        case.change,
    )
    assert len(pathways.recommend(nobody, CONFIG)) == 0


def test_without_phases_and_programmes_everybody_stays():
    """The study of another panel: no rule at all."""
    config = pathways.Config.model_validate(yaml.safe_load((CONFIGS / "eph" / "pathways.yaml").read_text()))
    found = recommended(BAKER, config=config)
    assert set(found["pathway"]) == {"stay_p2k2"}
    assert set(found["phase"]) == {"transition"}


# --- rules that mean nothing


@pytest.mark.parametrize(
    "change", [{"rules": VALUES["programmes"]["rst"]["rules"]}, {"capacity": {"share": 1, "regencies": {}}},
               {"held": False}, {"phases": ["recovery"]}],
)  # fmt: skip
def test_the_last_resort_is_open_to_everybody(change):
    with pytest.raises(ValidationError, match="so that every family has a pathway"):
        limited("stay_p2k2", **change)


FILE = (CONFIGS / "pathways.yaml").read_text(encoding="utf-8")


def line_of(text, part):
    return next(n for n, line in enumerate(text.splitlines(), 1) if part in line)


SAID = 'source: "the ministry in the press: SKA before graduation and PENA"'
SHARE, ENGLISH = "{share: 0.01, regencies: {}}", 'en: "in a Sentra Kreasi ATENSI now"'
# What is written, what is written instead, a part of the line that is told, and what is said of it.
BAD = {
    "unknown programme": ("  kube:\n", "  kubee:\n", "kubee", "Input should be 'pena', 'prokus', 'kube'"),
    "capacity below zero": (SHARE, "{share: -0.01, regencies: {}}", "share: -0.01", "greater than or equal to 0"),
    "places below zero": (SHARE, '{share: 0.01, regencies: {"3203": -1}}', '"3203": -1', "greater than or equal to 0"),
    "operator": ('ska_running, operator: ">="', 'ska_running, operator: "=>"', '"=>"', "Input should be '=='"),
    "no source": (f"      {SAID}\n", "", "in_ska:", "Field required"),
    "empty source": (SAID, 'source: ""', 'source: ""', "at least 3 characters"),
    "no text": (f"      {ENGLISH}\n", "", "in_ska:", "Field required"),
    "a text of something else": (ENGLISH, 'en: "now {workers}"', "now {workers}", "no condition of the rule looks at"),
    "unknown feature": ("feature: ska_running,", "feature: ska_runing,", "ska_runing", "the nearest is ska_running"),
    "unknown enrolment": ("[kube_running]", "[kube_runing]", "kube_runing", "the nearest is kube_running"),
    "unknown key": ("keep: 0.3", "kept: 0.3", "kept", "Extra inputs are not permitted"),
}


@pytest.fixture
def bare(tmp_path):
    """A home of which nothing is there but what the rules are checked against."""
    home = study(tmp_path, {})
    (tmp_path / "data" / "features").mkdir(parents=True)
    pd.DataFrame({"feature": ["kpm_extra"], "unit": ["none"]}).to_csv(home.path(stages.DICTIONARY), index=False)
    (tmp_path / "data" / "canonical").mkdir()
    home.path(stages.EXTRACT).write_text(json.dumps({"extracted_on": "2025-06-30", "welfare": []}))
    return home


@pytest.mark.parametrize("case", BAD)
def test_a_bad_rule_is_told_with_file_and_line(case, bare):
    old, new, at, said = BAD[case]
    assert FILE.count(old) >= 1
    text = FILE.replace(old, new, 1)
    file = bare.root / "configs" / "pathways.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(BadInput) as caught:
        stages.holding_rules(bare)
    told = str(caught.value)
    assert f"{file}: " in told
    assert said in told
    assert f"(line {line_of(text, at)})" in told
    assert told.splitlines()[-1].startswith("mend the file")


def test_the_rules_as_they_stand_look_only_at_what_there_is(bare):
    assert stages.holding_rules(bare) == RULES


def test_a_feature_that_only_this_extract_has_may_be_looked_at(bare):
    file = bare.root / "configs" / "pathways.yaml"
    file.write_text(FILE.replace("feature: ska_running", "feature: kpm_extra"), encoding="utf-8")
    stages.holding_rules(bare)


def test_a_bad_hold_stops_the_stage_with_status_2_and_nothing_is_written(bare):
    text = (CONFIGS / "holds.yaml").read_text(encoding="utf-8").replace("feature: pregnant,", "feature: pregnent,")
    (bare.root / "configs" / "holds.yaml").write_text(text, encoding="utf-8")
    for section in CONFIGS.glob("*.yaml"):
        if section.name != "holds.yaml":
            (bare.root / "configs" / section.name).write_bytes(section.read_bytes())
    done = command("score", home=bare.root)
    assert done.returncode == 2
    key = "holds.yaml: holds.pregnancy.member_pregnant.all.0.feature: pregnent"
    assert f"{key}: no such feature; the nearest is pregnant (line {line_of(text, 'pregnent')})" in done.stderr
    assert "Traceback" not in done.stderr
    assert not bare.path("data/scores").exists()


def test_the_previous_run_is_read_only_if_it_is_the_one_that_is_named(tmp_path):
    home = Home(tmp_path, (CONFIGS,))
    file = tmp_path / "before.parquet"
    pd.DataFrame({"kpm_id": ["A", "B"], "pathway": ["kube", "rst"]}).to_parquet(file)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    assert stages.earlier(home, CONFIG).empty
    named = changed(previous={"file": "before.parquet", "sha256": digest})
    assert stages.earlier(home, named).to_dict() == {"A": "kube", "B": "rst"}
    with pytest.raises(BadInput, match="sha256 is not the one in the configuration"):
        stages.earlier(home, changed(previous={"file": "before.parquet", "sha256": "0" * 64}))
    with pytest.raises(BadInput, match="no such file"):
        stages.earlier(home, changed(previous={"file": "other.parquet", "sha256": digest}))
    pd.DataFrame({"kpm_id": ["A", "A"], "pathway": ["kube", "rst"]}).to_parquet(file)
    twice = hashlib.sha256(file.read_bytes()).hexdigest()
    with pytest.raises(BadInput, match="more than one row"):
        stages.earlier(home, changed(previous={"file": "before.parquet", "sha256": twice}))
    for wrong in ("/etc/before.parquet", "before.csv"):
        with pytest.raises(ValidationError):
            changed(previous={"file": wrong, "sha256": digest})
