"""Worlds as small files: the merge by hand, what is refused, and the way from the command line to the extract."""

import copy
import importlib
import pkgutil
from dataclasses import replace
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml
from studies import CONFIGS, PROJECT, command, study, values

import pipeline
from pipeline import artifacts, simulate, worlds
from pipeline.artifacts import Home
from pipeline.config import BaseConfig
from pipeline.errors import BadInput

BASE: dict[Any, Any] = {
    "world": "default",
    "families": 100,
    "places": {"regencies": {"3203": 1.0, "3315": 0.5}, "effect": 0.3, "customary": {"5302": 0.1, "other": 0.2}},
    "exits": {"gsm": {2017: 0.1, 2019: 0.2}, "standing": {"income": 1.0, "young": 0.5}, "clean_up": {"2025-06": 0.1}},
    "years": [2020],
    "amount": None,
}
# (changes, the dotted key that differs afterwards, its value)
MERGES: list[tuple[dict[str, Any], str, object]] = [
    ({"families": 7}, "families", 7),
    ({"places": {"effect": 0.0}}, "places", {**BASE["places"], "effect": 0.0}),
    ({"exits": {"standing": {"income": 0}}}, "exits", {**BASE["exits"], "standing": {"income": 0, "young": 0.5}}),
    # by code, year or month: replaced whole, so that a world can name fewer regencies and other years
    ({"places": {"regencies": {"1807": 1}}}, "places", {**BASE["places"], "regencies": {"1807": 1}}),
    ({"exits": {"gsm": {2018: 0.4}}}, "exits", {**BASE["exits"], "gsm": {2018: 0.4}}),
    ({"exits": {"clean_up": {}}}, "exits", {**BASE["exits"], "clean_up": {}}),
    ({"exits": {"clean_up": {"2024-02": 0.3}}}, "exits", {**BASE["exits"], "clean_up": {"2024-02": 0.3}}),
    # a code among words is a setting like them
    (
        {"places": {"customary": {"other": 0.0}}},
        "places",
        {**BASE["places"], "customary": {"5302": 0.1, "other": 0.0}},
    ),
    ({"years": []}, "years", []),
    ({"amount": 3}, "amount", 3),
    ({"families": None}, "families", None),
    ({"places": 3}, "places", 3),
    ({"families": {"a": 1}}, "families", {"a": 1}),
]
WORLDS = sorted(f.stem for f in (CONFIGS / "worlds").glob("*.yaml"))
TINY = {"families": 60, "truth_draws": 2, "places": {"regencies": {"3315": 1.0}}}


@pytest.mark.parametrize(("changes", "key", "value"), MERGES)
def test_one_change_merged_by_hand(changes, key, value):
    before = copy.deepcopy(BASE)
    assert worlds.merge(BASE, changes) == {**BASE, key: value}
    assert before == BASE


def test_no_changes_change_nothing():
    assert worlds.merge(BASE, {}) == BASE
    assert list(worlds.changed(BASE, {})) == []


def test_what_was_changed_is_told_key_by_key():
    changes = {
        "families": 7,
        "places": {"regencies": {"1807": 1.0}, "effect": 0.1},
        "exits": {"standing": {"young": 0}},
    }
    told = [("families",), ("places", "regencies"), ("places", "effect"), ("exits", "standing", "young")]
    assert list(worlds.changed(BASE, changes)) == told


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"famillies": 7}, {"famillies": "families"}),
        ({"places": {"regency": 7}}, {"places.regency": "places.regencies"}),
        ({"effect": 7}, {"effect": "places.effect"}),  # the right word in the wrong place
        ({"exits": {"gms": {2017: 0.1}, "standing": {"incomes": 1}}}, {
            "exits.gms": "exits.gsm", "exits.standing.incomes": "exits.standing.income",
        }),
        ({"places": {"customary": {"others": 0.1}}}, {"places.customary.others": "places.customary.other"}),
        ({"places": {"regencies": {"1807": 1.0}}, "amount": None}, {}),
    ],
)  # fmt: skip
def test_keys_that_are_not_there_are_told_with_the_nearest(changes, told):
    assert worlds.strangers(BASE, changes) == told


def test_of_nothing_nothing_is_near():
    assert worlds.strangers({}, {"a": 1}) == {"a": None}


def a_world(root, changes, name: str = "tiny", about: str = "a tiny one") -> Home:
    """A study whose folder has one more world."""
    home = study(root, {})
    write(home, name, yaml.safe_dump({"about": about, "changes": changes}))
    return home


def write(home: Home, name: str, text: str) -> None:
    (home.root / "configs" / "worlds").mkdir(exist_ok=True)
    (home.root / "configs" / "worlds" / f"{name}.yaml").write_text(text)


def refusal(home: Home) -> list[str]:
    with pytest.raises(BadInput) as refused:
        home.load(simulate.Config, "simulate")
    return str(refused.value).splitlines()


def test_a_world_takes_the_place_of_the_one_in_the_section(tmp_path):
    home = a_world(tmp_path, TINY)
    assert home.values("simulate")["world"] == "default"
    chosen = replace(home, world="tiny").load(simulate.Config, "simulate")
    assert (chosen.world, chosen.families, chosen.truth_draws) == ("tiny", 60, 2)
    assert chosen.places.regencies == {"3315": 1.0}
    plain = home.load(simulate.Config, "simulate")
    assert chosen.economy == plain.economy
    assert plain.families == values("simulate")["families"]


def test_the_key_of_the_section_chooses_as_the_option_does(tmp_path):
    by_option = replace(a_world(tmp_path / "a", TINY), world="tiny").values("simulate")
    by_key = study(tmp_path / "b", {"simulate": {"world": "tiny"}})
    write(by_key, "tiny", yaml.safe_dump({"about": "a tiny one", "changes": TINY}))
    assert by_key.values("simulate") == by_option


def test_a_world_changes_no_other_section(tmp_path):
    home = a_world(tmp_path, TINY)
    for section in ("engine", "lists", "train"):
        assert replace(home, world="tiny").values(section) == values(section)
    assert replace(home, world="tiny").load(artifacts.Config, "engine") == home.load(artifacts.Config, "engine")


def test_a_worlds_file_in_a_study_comes_before_the_one_in_the_project(tmp_path):
    home = replace(a_world(tmp_path, {"families": 77}, "regency"), world="regency")
    assert home.load(simulate.Config, "simulate").families == 77
    assert home.values("simulate")["places"] == values("simulate")["places"]
    assert list(home.world_files()) == WORLDS


@pytest.mark.parametrize("option", [True, False])
def test_an_unknown_world_is_refused_with_the_list(tmp_path, option):
    if option:
        home, teller = replace(study(tmp_path, {}), world="atlantis"), "--world"
    else:
        home = study(tmp_path, {"simulate": {"world": "atlantis"}})
        teller = f"{tmp_path}/configs/simulate.yaml: world"
    assert refusal(home) == [f"{teller}: atlantis: no such world", f"the worlds are {', '.join(WORLDS)}"]


def test_a_world_cannot_reach_out_of_its_folder(tmp_path):
    write(home := study(tmp_path, {}), "../tiny", yaml.safe_dump({"about": "beside", "changes": {}}))
    assert "no such world" in refusal(replace(home, world="../tiny"))[0]


@pytest.mark.parametrize("name", [None, 5, ["default"]])
def test_a_name_that_is_no_text_is_refused_by_key(tmp_path, name):
    assert refusal(study(tmp_path, {"simulate": {"world": name}}))[0] == (
        f"{tmp_path}/configs/simulate.yaml: world: Input should be a valid string (line 1)"
    )


def test_a_section_without_the_key_is_refused(tmp_path):
    home = study(tmp_path, {"simulate": {}})
    kept = {k: v for k, v in values("simulate").items() if k != "world"}
    (tmp_path / "configs" / "simulate.yaml").write_text(yaml.safe_dump(kept))
    assert refusal(home)[0] == f"{tmp_path}/configs/simulate.yaml: world: Field required (line 1)"


def test_an_unknown_key_of_a_world_is_refused_with_the_nearest(tmp_path):
    home = replace(a_world(tmp_path, {"famillies": 5, "places": {"regencys": {}}}), world="tiny")
    own = f"{tmp_path}/configs/worlds/tiny.yaml"
    assert refusal(home) == [
        f"{own}: famillies: {CONFIGS}/simulate.yaml has no such key; the nearest is families",
        f"{own}: places.regencys: {CONFIGS}/simulate.yaml has no such key; the nearest is places.regencies",
        "a world changes keys that are there, and adds none",
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("about: x\n", "changes: Field required"),
        ("changes: {}\n", "about: Field required"),
        ("about: ''\nchanges: {}\n", "about: String should have at least 1 character"),
        ("about: x\nchanges:\n", "changes: Input should be a valid dictionary"),
        ("about: x\nchanges: {}\nfamilies: 3\n", "families: Extra inputs are not permitted"),
        ("about: x\nchanges: {world: regency}\n", "changes: Value error, world: no world names another"),
        ("", "file: Input should be a valid dictionary"),
        ("about: [x\n", "cannot be read as YAML"),
    ],
)
def test_a_wrong_file_is_refused_by_name_and_key(tmp_path, text, told):
    write(home := study(tmp_path, {}), "tiny", text)
    assert refusal(replace(home, world="tiny"))[0].startswith(f"{tmp_path}/configs/worlds/tiny.yaml: {told}")


class TestTheFileOfABadValueIsNamed:
    def test_the_worlds_where_the_world_set_it(self, tmp_path):
        told = refusal(replace(a_world(tmp_path, {"families": 19}), world="tiny"))
        assert told[0].startswith(f"{tmp_path}/configs/worlds/tiny.yaml: families: ")
        assert "greater than or equal to 20 (allowed: at least 20 and at most " in told[0]
        assert told[-1].startswith("mend the file named above")

    def test_the_sections_where_the_world_did_not(self, tmp_path):
        home = study(tmp_path, {"simulate": {"families": 19}})
        assert refusal(home)[0].startswith(f"{tmp_path}/configs/simulate.yaml: families: ")
        write(home, "tiny", yaml.safe_dump({"about": "x", "changes": {"truth_draws": 1}}))
        assert refusal(replace(home, world="tiny"))[0].startswith(f"{tmp_path}/configs/simulate.yaml: families: ")

    def test_each_where_both_are_wrong(self, tmp_path):
        home = study(tmp_path, {"simulate": {"families": 19}})
        write(home, "tiny", yaml.safe_dump({"about": "x", "changes": {"truth_draws": 0}}))
        files = {line.split(": ")[1]: line.split(": ")[0] for line in refusal(replace(home, world="tiny"))[:2]}
        assert files == {
            "families": f"{tmp_path}/configs/simulate.yaml",
            "truth_draws": f"{tmp_path}/configs/worlds/tiny.yaml",
        }

    def test_a_value_mended_by_the_world_is_no_error(self, tmp_path):
        home = study(tmp_path, {"simulate": {"families": 19}})
        write(home, "tiny", yaml.safe_dump({"about": "x", "changes": {"families": 20}}))
        assert replace(home, world="tiny").load(simulate.Config, "simulate").families == 20

    def test_below_a_mapping_that_was_replaced(self, tmp_path):
        told = refusal(replace(a_world(tmp_path, {"places": {"regencies": {"3315": -1.0}}}), world="tiny"))
        assert told[0].startswith(f"{tmp_path}/configs/worlds/tiny.yaml: places.regencies.3315: ")

    def test_both_where_two_settings_do_not_fit_together(self, tmp_path):
        told = refusal(replace(a_world(tmp_path, {"extracted_on": "2026-06-30"}), world="tiny"))
        assert told[0].startswith(f"{CONFIGS}/simulate.yaml with {tmp_path}/configs/worlds/tiny.yaml: ")
        assert "extracted_on" in told[0]


SCHEMA = {
    "properties": {
        "n": {"minimum": 20, "maximum": 5000000},
        "rates": {"additionalProperties": {"exclusiveMinimum": 0}},
        "many": {"items": {"exclusiveMaximum": 1.5}},
        "below": {"$ref": "#/$defs/Below"},
        "maybe": {"anyOf": [{"$ref": "#/$defs/Below"}, {"type": "null"}]},
        "word": {"type": "string"},
        "closed": {"additionalProperties": False},
    },
    "$defs": {"Below": {"properties": {"x": {"anyOf": [{"type": "null"}, {"maximum": 7}]}}}},
}


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ("n", "allowed: at least 20 and at most 5,000,000"),
        ("rates.2017", "allowed: above 0"),
        ("many.0", "allowed: below 1.5"),
        ("below.x", "allowed: at most 7"),
        ("maybe.x", "allowed: at most 7"),
        ("word", ""),
        ("closed.a", ""),
        ("nothing.at.all", ""),
        ("n.deeper", ""),
    ],
)
def test_the_range_of_a_key_by_hand(keys, told):
    assert artifacts.bounds(SCHEMA, tuple(keys.split("."))) == told


def settings_classes(of: type = BaseConfig) -> set[type[BaseConfig]]:
    return {c for below in of.__subclasses__() for c in {below, *settings_classes(below)} if "pipeline" in c.__module__}


def test_the_ranges_of_all_settings_can_be_told():
    """What is no JSON schema would end in a traceback where a bad value should be refused."""
    for module in pkgutil.walk_packages(pipeline.__path__, "pipeline."):
        importlib.import_module(module.name)
    found = settings_classes()
    assert {simulate.Config, artifacts.Config, worlds.Config} <= found
    for config in found:
        assert artifacts.bounds(config.model_json_schema(), ()) == ""


@pytest.mark.parametrize("name", WORLDS)
def test_every_world_changes_only_keys_that_are_there_and_loads(name):
    base, file = values("simulate"), CONFIGS / "worlds" / f"{name}.yaml"
    read = worlds.Config.model_validate(yaml.safe_load(file.read_text(encoding="utf-8")))
    assert worlds.strangers(base, read.changes) == {}
    assert worlds.merge(base, read.changes).keys() == base.keys()
    loaded = Home(PROJECT, (CONFIGS,), name).load(simulate.Config, "simulate")
    assert loaded.world == name
    assert "simulated" in loaded.name  # what a run says of its source hangs on this word


def test_the_worlds_that_there_must_be():
    asked = {"default", "regency", "million", "national", "no_signal", "drift", "shock", "leaky", "dirty"}
    assert asked <= set(WORLDS)
    assert values("simulate")["world"] == "default"
    assert Home(PROJECT, (CONFIGS,)).values("simulate") == values("simulate")


def families_of(home: Home) -> int:
    return pq.read_table(home.path("data/simulated/kpm.parquet"), columns=["kpm_id"]).num_rows


def test_the_option_simulates_another_world_for_one_run_only(tmp_path):
    home = a_world(tmp_path, TINY)
    (tmp_path / "configs" / "simulate.yaml").write_text(yaml.safe_dump(values("simulate") | {"families": 40}))
    done = command("--world", "tiny", "simulate", home=tmp_path)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert 50 <= families_of(home) <= 65  # of 60; some identifiers are missing, some repeated
    assert command("simulate", home=tmp_path).returncode == 0
    assert 30 <= families_of(home) <= 45


@pytest.mark.parametrize("stage", ["all", "worlds"])
def test_an_unknown_world_stops_any_command_before_it_starts(tmp_path, stage):
    done = command("--world", "atlantis", stage, home=study(tmp_path, {}).root)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"--world: atlantis: no such world\nthe worlds are {', '.join(WORLDS)}\n"
    assert not (tmp_path / "data").exists()


def test_a_worlds_bad_value_is_refused_on_the_command_line(tmp_path):
    home = a_world(tmp_path, {"families": 19})
    done = command("--world", "tiny", "simulate", home=home.root)
    assert done.returncode == 2
    assert "configs/worlds/tiny.yaml: families: " in done.stderr
    assert "Traceback" not in done.stderr
    assert [p.name for p in home.path("data").iterdir()] == [".lock"]


def test_worlds_lists_name_size_and_purpose(tmp_path):
    done = command("worlds", home=a_world(tmp_path, TINY | {"families": 12345}, "tiny", "What it is for").root)
    assert done.returncode == 0, done.stderr
    lines = [line.split(maxsplit=2) for line in done.stdout.splitlines()]
    assert [name for name, _, _ in lines] == sorted([*WORLDS, "tiny"])
    assert ["tiny", "12,345", "What it is for"] in lines
    assert ["default", f"{values('simulate')['families']:,}"] in [line[:2] for line in lines]
    assert ["million", "1,000,000"] in [line[:2] for line in lines]
