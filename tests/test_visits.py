"""Who visits whom: the reasons by hand, capacity as laws over seeds, and a plain second version of the hand-over."""

from collections import Counter
from datetime import date
from typing import Any

import ibis
import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError
from studies import values
from worlds import table

from pipeline import visits
from pipeline.visits import HAND_OVER, VISIT, WAIT, WHYS, Config

AS_OF = date(2025, 6, 30)
CONFIG = Config(**values("visits"))


def small(capacity: int, **more: Any) -> Config:
    return Config(**values("visits") | {"visits_per_quarter": capacity} | more)


def asked(seed: int, families: int = 300) -> pd.DataFrame:
    """Due families of five facilitators in two districts, some of whom nobody serves."""
    rng = np.random.default_rng(seed)
    whys = rng.choice(WHYS, families)
    served = rng.choice(["f1", "f2", "f3", "f4", "f5", None], families, p=[0.45, 0.2, 0.1, 0.1, 0.1, 0.05])
    villages = [f"{'110101' if rng.random() < 0.6 else '110102'}200{n}" for n in rng.integers(1, 4, families)]
    return pd.DataFrame({
        "kpm_id": [f"k{n:04d}" for n in range(families)], "facilitator_id": pd.array(served, dtype="str"),
        "regency_code": "1101", "village_code": pd.array(villages, dtype="str"), "rank": rng.permutation(families) + 1,
        "why": whys, **{w: whys == w for w in WHYS}, "urgency": rng.integers(0, 50, families),
    })  # fmt: skip


SERVING = pd.DataFrame({"facilitator_id": ["f1", "f2", "f3", "f4", "f5"],
                        "home": ["110101", "110101", "110101", "110102", "110102"]})  # fmt: skip
SEEDS = range(5)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("capacity", [1, 20, 45, 400])
def test_everybody_has_one_way_and_nobody_more_than_can_be_visited(seed, capacity):
    rows = asked(seed)
    planned = visits.plan(rows, SERVING, small(capacity))
    assert sorted(planned["kpm_id"]) == sorted(rows["kpm_id"])
    going = planned[planned["status"] != WAIT]
    assert going["visitor_id"].notna().all()
    assert planned.loc[planned["status"] == WAIT, "visitor_id"].isna().all()
    assert (going.groupby("visitor_id").size() <= capacity).all()
    assert (planned.loc[planned["status"] == VISIT].eval("visitor_id == facilitator_id")).all()
    for _, one in going.groupby("visitor_id"):
        assert one["order"].tolist() == list(range(1, len(one) + 1))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("capacity", [40, 45])
def test_what_is_handed_over_stays_in_the_district_and_nobody_waits_beside_room(seed, capacity):
    planned = visits.plan(asked(seed), SERVING, small(capacity))
    homes = dict(SERVING.itertuples(index=False))
    given = planned[planned["status"] == HAND_OVER]
    assert len(given) > 0
    assert (given["visitor_id"].map(homes) == given["district_code"]).all()
    used = planned.groupby("visitor_id").size().to_dict()
    for district in planned.loc[planned["status"] == WAIT, "district_code"].unique():
        assert all(used.get(f, 0) == capacity for f, home in homes.items() if home == district)
    waits = planned[planned["status"] == WAIT]
    assert (waits["waits_for"] == np.where(waits["facilitator_id"].isna(), "no_facilitator", "capacity")).all()


@pytest.mark.parametrize("seed", SEEDS)
def test_reserved_visits_are_kept(seed):
    config, rows = small(20), asked(seed)
    planned = visits.plan(rows, SERVING, config)
    own = planned[planned["status"] == VISIT].groupby(["facilitator_id", "why"]).size()
    for (facilitator, why), due in rows.groupby(["facilitator_id", "why"]).size().items():
        kept = min(due, int(config.reserved.get(why, 0) * 20))
        assert own.get((facilitator, why), 0) >= kept


@pytest.mark.parametrize("seed", SEEDS)
def test_the_order_of_rows_changes_nothing(seed):
    rows = asked(seed)
    shuffled = rows.sample(frac=1, random_state=seed)
    pd.testing.assert_frame_equal(
        visits.plan(rows, SERVING, small(20)),
        visits.plan(shuffled, SERVING.iloc[::-1].reset_index(drop=True), small(20)),
    )


def plainly(rows: pd.DataFrame, config: Config) -> dict[str, str]:
    """Family -> visitor, one family after another."""
    capacity, order = config.visits_per_quarter, list(config.order)
    people = sorted(
        rows.to_dict("records"), key=lambda r: (order.index(r["why"]), r["urgency"], r["rank"], r["kpm_id"])
    )
    found: dict[str, str] = {}
    used: Counter[str] = Counter()
    for facilitator in SERVING["facilitator_id"]:
        mine = [r for r in people if r["facilitator_id"] == facilitator]
        kept = [
            r for w in order for r in [m for m in mine if m["why"] == w][: int(config.reserved.get(w, 0) * capacity)]
        ]
        first = [r for r in people if r in kept] + [r for r in mine if r not in kept]
        for r in first[:capacity]:
            found[r["kpm_id"]] = facilitator
            used[facilitator] += 1
    for r in people:
        near = SERVING.loc[SERVING["home"] == r["village_code"][:6], "facilitator_id"]
        free = sorted((f for f in near if used[f] < capacity), key=lambda f: (used[f] - capacity, f))
        if r["kpm_id"] not in found and free:
            found[r["kpm_id"]] = free[0]
            used[free[0]] += 1
    return found


@pytest.mark.parametrize("seed", SEEDS)
def test_a_plain_second_version_agrees(seed):
    rows = asked(seed, 120)
    planned = visits.plan(rows, SERVING, small(15))
    going = planned[planned["status"] != WAIT]
    assert dict(zip(going["kpm_id"], going["visitor_id"], strict=True)) == plainly(rows, small(15))


def test_the_village_of_the_most_urgent_family_comes_first():
    """Village 2 has the objection, so its candidate is visited before village 1's recovery."""
    rows = asked(0, 4).assign(
        facilitator_id="f1", why=["recovery", "candidate", "objection", "candidate"], urgency=[1, 9, 5, 3],
        village_code=["1101012001", "1101012002", "1101012002", "1101012001"],
    )  # fmt: skip
    planned = visits.plan(rows, SERVING, small(4))
    assert planned["kpm_id"].tolist() == ["k0002", "k0001", "k0000", "k0003"]


# ------------------------------------------------------------------ who is due


SCORES = pd.DataFrame({
    "kpm_id": list("abcdefgh"), "rank": range(1, 9), "regency_code": "1101", "facilitator_id": "f1",
    "holds": [[], ["illness"], ["open_objection", "stale_data"], [], ["pregnancy"], [], ["severe_disability"], []],
})  # fmt: skip
PATHS = {
    "a": "pena",
    "b": "pena",
    "d": "kube",
    "e": "natural_exit_ahead",
    "f": "stay_p2k2",
    "g": "ska_atensi",
    "h": "pena",
}


def seen() -> visits.Seen:
    scores = SCORES.assign(eligible=[not h for h in SCORES["holds"]])
    cases = pd.DataFrame({"kpm_id": ["b", "c"], "objection_on": [None, date(2025, 5, 1)],
                          "shock_on": [date(2025, 6, 1), None]})  # fmt: skip
    return visits.Seen(
        scores=ibis.memtable(scores),
        listed=ibis.memtable(pd.DataFrame({"kpm_id": ["a"]})),
        pathways=ibis.memtable(pd.DataFrame({"kpm_id": list(PATHS), "pathway": list(PATHS.values()),
            "waiting_for": pd.array([None] * 6 + ["pena"], dtype="str")})),
        lives=ibis.memtable(pd.DataFrame({"kpm_id": ["d"], "last_component_ends_on": [date(2026, 6, 30)]})),
        villages=ibis.memtable(pd.DataFrame({"kpm_id": list("abcdefgh"), "village_code": "1101012001"})),
        cases=ibis.memtable(cases, schema={"kpm_id": "string", "objection_on": "date", "shock_on": "date"}),
    )  # fmt: skip


def test_the_reasons_of_a_visit_by_hand():
    """b is held, so PENA is not proposed; g's rehabilitation is; h waits for a place in PENA; f has no reason."""
    found = visits.due(seen(), AS_OF, CONFIG).to_pandas().set_index("kpm_id")
    assert found["why"].to_dict() == {"a": "candidate", "b": "recovery", "c": "objection", "d": "natural_exit",
                                      "e": "natural_exit", "g": "referral"}  # fmt: skip
    assert found.loc["a", "referral"]
    assert not found.loc["b", "referral"]
    assert found.loc["c", "update"]
    assert found.loc["d", "referral"], "the last day of the twelve months still counts as near"
    assert found["urgency"].to_dict() == {"a": 1, "b": 29, "c": -60, "d": 365, "e": 5, "g": 7}


def test_every_active_family_is_counted_once():
    due = visits.due(seen(), AS_OF, CONFIG).to_pandas()
    found = visits.counts(visits.plan(due, SERVING, small(2)), seen().scores)
    assert found.to_dict("records") == [
        {"regency_code": "1101", "active": 8, "visit": 2, "hand_over": 4, "wait": 0, "not_due": 2}
    ]


def test_a_facilitator_is_at_home_where_most_families_are():
    scores = ibis.memtable(pd.DataFrame({"kpm_id": list("abcd"), "facilitator_id": ["f", "f", "f", None]}))
    villages = ibis.memtable(pd.DataFrame({"kpm_id": list("abcd"), "village_code": [
        "1101012001", "1101022001", "1101022002", "1101032001"]}))  # fmt: skip
    assert visits.serving(scores, villages).to_pandas().to_dict("records") == [
        {"facilitator_id": "f", "home": "110102"}
    ]


CASE = {"case_id": "c1", "kpm_id": "a", "reported_on": date(2025, 5, 1), "reporter": "tksk", "kind": "illness",
        "status": "referred", "referred_to": "ATENSI", "closed_on": None, "recorded_on": date(2025, 5, 2)}  # fmt: skip


def case_tables(*cases: dict[str, Any]) -> dict[str, Any]:
    kpm = [{"kpm_id": k, "enrolled_on": date(2019, 1, 1), "village_code": "1101012001", "customary_community": k == "a",
            "recorded_on": date(2019, 1, 1)} for k in "abcdefgh"]  # fmt: skip
    events = [{"kpm_id": k, "effective_on": date(2019, 1, 1), "event": "enrolled", "reason": None,
               "recorded_on": date(2019, 1, 1)} for k in "abcdefgh"]  # fmt: skip
    found = {"kpm": kpm, "membership": events, "cases": list(cases)}
    return {name: table(name, pd.DataFrame(rows)) for name, rows in found.items()}


def test_the_command_centers_rows_by_hand():
    """a's case waits; the closed, the not referred and the not yet recorded do not; g is asked for by its pathway."""
    found = case_tables(
        CASE, CASE | {"case_id": "c2", "closed_on": date(2025, 6, 1)}, CASE | {"case_id": "c3", "status": "open"},
        CASE | {"case_id": "c4", "recorded_on": date(2025, 7, 1)}, CASE | {"case_id": "c5", "kpm_id": "gone"},
    )  # fmt: skip
    rows = visits.command_center(found, seen(), AS_OF, CONFIG).to_pandas()
    assert set(zip(rows["kpm_id"], rows["referral"], rows["asked_by"], strict=True)) == {
        ("a", "ATENSI", "case"), ("g", "ska_atensi", "pathway")}  # fmt: skip
    assert rows.set_index("kpm_id").loc["a", "reporter"] == "tksk"
    with_partners = visits.partners(visits.as_visits(rows), CONFIG).set_index("kpm_id")["partner"].to_dict()
    assert with_partners == {"a": "dit_pkat", "g": "lks"}


def test_the_latest_open_cases_stand_on_a_visits_line():
    older = [CASE | {"case_id": f"c{n}", "reported_on": date(2025, n, 1)} for n in (1, 2, 3)]
    not_shown = [
        CASE | {"case_id": "v", "kind": "home_visit"},
        CASE | {"case_id": "o", "reported_on": date(2023, 6, 30)},
    ]
    found = visits.open_cases(case_tables(*older, *not_shown), AS_OF, CONFIG).to_pandas()
    assert found["case_id"].tolist() == ["c3", "c2"]


def test_an_extract_without_cases_has_none():
    found = {k: v for k, v in case_tables(CASE).items() if k != "cases"}
    assert len(visits.open_cases(found, AS_OF, CONFIG).to_pandas()) == 0
    assert visits.command_center(found, seen(), AS_OF, CONFIG).to_pandas()["kpm_id"].tolist() == ["g"]
    assert visits.case_days(found, AS_OF).to_pandas()["shock_on"].isna().all()


def test_running_programmes_are_named_once():
    run = {"kpm_id": "a", "programme": "PBI", "phase": None, "started_on": date(2020, 1, 1), "ended_on": None,
           "amount": None, "recorded_on": date(2020, 1, 1)}  # fmt: skip
    rows = [run, run | {"programme": "KUBE"}, run | {"programme": "RST", "ended_on": date(2025, 1, 1)},
            run | {"started_on": date(2021, 1, 1)}]  # fmt: skip
    found = case_tables(CASE) | {"programmes": table("programmes", pd.DataFrame(rows))}
    assert visits.programmes_running(found, AS_OF).to_pandas().to_dict("records") == [
        {"kpm_id": "a", "programmes": "KUBE, PBI"}
    ]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"order": ["candidate"]}, "order must name each"),
        ({"reserved": {"candidate": 0.6, "update": 0.5}}, "more than all visits"),
        ({"visits_per_quarter": -1}, "greater than 0"),
        ({"holds": {"update": []}}, "holds lacks objection"),
        ({"referrals": ["lottery"]}, "Input should be"),
    ],
)
def test_bad_settings_are_refused(change, told):
    with pytest.raises(ValidationError, match=told):
        Config(**values("visits") | change)
