"""The panel of real recipients as contract tables: small households by hand, laws, and the real file's arithmetic."""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from pipeline.errors import BadInput
from pipeline.sources import eph
from pipeline.sources.eph import history, observations
from pipeline.sources.eph import panel as panel_module
from pipeline.tables import TABLES

ROOT = Path(__file__).resolve().parents[1]
PANEL = ROOT.parent / "shared" / "data" / "eph" / "household_panel_2010T1_2016T4.parquet"
CONFIG = eph.Config(**yaml.safe_load((ROOT / "configs" / "eph.yaml").read_text(encoding="utf-8")))
COLUMNS = list(dict.fromkeys((*panel_module.CODES, *observations.panel_columns(CONFIG))))
MONEY = [c for c in COLUMNS if c in panel_module.MONEY or c.startswith("sum_")]
USUAL = dict.fromkeys(COLUMNS, 1) | {
    "REGION": 1, "AGLOMERADO": 33, "IX_TOT": 3, "n_u6": 0, "n_6_17": 1, "n_u18": 1, "n_18_64": 2, "n_65p": 0,
    "n_5_17_in_school": 1, "n_formal_wage": 0, "n_employed": 1, "V2": 2, "head_CH04": 2, "head_CH06": 40,
    "ITF": 1000, "IPCF": 250, "DECIFR": 3, "DECCFR": 3, "sum_V5_M": 200, "sum_V2_M": 0, "sum_V11_M": 0, "sum_P21": 800,
    "sum_T_VI": 200,
}  # fmt: skip
MARCH, JUNE, NEXT_MARCH, NEXT_JUNE = (date(2014, 3, 31), date(2014, 6, 30), date(2015, 3, 31), date(2015, 6, 30))
WAVES = ("2014T1", "2014T2", "2015T1", "2015T2")
# One line per household: the answers to V5 in the four interviews of the 2-2-2 rotation, `-` where there was none.
ANSWERS = {1: "1111", 2: "1222", 3: "1122", 4: "1211", 5: "11--", 6: "1921", 7: "1122", 8: "2111", 9: "2222"}


def interview(household: int, quarter: str, answer: str, **told: int) -> dict[str, object]:
    money = {} if answer == "1" else {"sum_V5_M": 0}
    return {"hh_id": household, "file_q": quarter, **USUAL, **money, "V5": int(answer), **told}


def frame(answers: dict[int, str], waves: tuple[str, ...] = WAVES) -> pd.DataFrame:
    return pd.DataFrame(
        [interview(h, q, a) for h, line in answers.items() for q, a in zip(waves, line, strict=True) if a != "-"]
    )


@pytest.fixture
def small() -> pd.DataFrame:
    """Household 3 gains a formal wage when it leaves; the only child of household 7 is gone when it leaves."""
    told = frame(ANSWERS)
    later = told["file_q"] >= "2015T1"
    told.loc[(told["hh_id"] == 3) & later, ["n_formal_wage", "n_employed"]] = [1, 2]
    told.loc[(told["hh_id"] == 7) & later, ["n_6_17", "n_u18", "n_5_17_in_school"]] = 0
    return told


@pytest.fixture(scope="module")
def real() -> pd.DataFrame:
    return panel_module.read(PANEL, observations.panel_columns(CONFIG))


@pytest.fixture(scope="module")
def tables(real: pd.DataFrame) -> dict[str, pd.DataFrame]:
    return eph.convert(real, CONFIG)


def days(table: pd.DataFrame, *columns: str) -> list[tuple[object, ...]]:
    """Rows as tuples, families as numbers and days as dates."""
    shown = table[list(columns)].astype(object)
    return [tuple(plain(value) for value in row) for row in shown.itertuples(index=False)]


def plain(value: object) -> object:
    if isinstance(value, pd.Timestamp):
        return value.date()
    if isinstance(value, str) and value.startswith("EPH"):
        return int(value[3:])
    return None if value is pd.NaT or value is None or value is pd.NA or value != value else value


# --- by hand ---------------------------------------------------------------------------------------------------------


def test_membership_by_hand(small: pd.DataFrame) -> None:
    found = days(eph.convert(small, CONFIG)["membership"], "kpm_id", "effective_on", "event", "reason")
    assert found == [
        (1, MARCH, "enrolled", None),
        (2, MARCH, "enrolled", None),
        (2, JUNE, "exited", "gsm"),  # a second and third 2 are no further exits
        (3, MARCH, "enrolled", None),
        (3, NEXT_MARCH, "exited", "gsm"),
        (4, MARCH, "enrolled", None),
        (4, JUNE, "exited", "gsm"),
        (4, NEXT_MARCH, "reactivated", None),
        (5, MARCH, "enrolled", None),  # not seen again: nothing happened that anyone knows
        (6, MARCH, "enrolled", None),
        (6, NEXT_MARCH, "exited", "gsm"),  # the 9 of June is no event
        (6, NEXT_JUNE, "reactivated", None),
        (7, MARCH, "enrolled", None),
        (7, NEXT_MARCH, "exited", "natural"),
        (8, JUNE, "enrolled", None),  # the 2 of March precedes enrolment
    ]  # 9 never received: no family


def test_everything_is_known_on_the_day_of_the_interview(small: pd.DataFrame) -> None:
    made = eph.convert(small, CONFIG)
    for table, happened in (("membership", "effective_on"), ("welfare", "observed_on"), ("payments", "paid_on")):
        assert (made[table]["recorded_on"] == made[table][happened]).all()
    assert (made["members"]["recorded_on"] == made["members"]["valid_from"]).all()


def test_follow_up_needs_two_answers_a_year_apart(small: pd.DataFrame) -> None:
    found = days(eph.convert(small, CONFIG)["follow_up"], "kpm_id", "observed_from", "observed_to")
    both = [(MARCH, NEXT_MARCH), (JUNE, NEXT_JUNE)]
    expected = [(h, *w) for h in (1, 2, 3, 4, 7, 8) for w in both]
    expected += [(6, *both[0])]  # 5 attrited; 6 did not tell in June
    assert sorted(found) == sorted(expected)


def test_exits_keep_what_was_seen_to_change(small: pd.DataFrame) -> None:
    rows = panel_module.enrolled(panel_module.prepare(small))
    assert days(history.exits(rows), "kpm_id", "effective_on", "reason", "visible_gain") == [
        (2, JUNE, "gsm", "none"),
        (3, NEXT_MARCH, "gsm", "formal_wage"),
        (4, JUNE, "gsm", "none"),
        (6, NEXT_MARCH, "gsm", "none"),
        (7, NEXT_MARCH, "natural", "none"),
    ]


@pytest.mark.parametrize(
    ("change", "gain"),
    [
        ({"n_formal_wage": 1, "n_employed": 2, "V2": 1}, "formal_wage"),
        ({"n_employed": 2, "V2": 1}, "other_job"),
        ({"V2": 1}, "pension"),
        ({"n_employed": 0}, "none"),
        ({"V2": 9}, "none"),
    ],
)
def test_the_first_gain_that_holds_is_named(change: dict[str, int], gain: str) -> None:
    before = [interview(1, "2014T1", "1"), interview(1, "2014T2", "9")]
    told = pd.DataFrame([*before, interview(1, "2015T1", "2", **change)])
    rows = panel_module.enrolled(panel_module.prepare(told))
    assert history.exits(rows)["visible_gain"].tolist() == [gain]


@pytest.mark.parametrize(
    ("children", "reason"),
    [((1, 0), "natural"), ((1, 1), "gsm"), ((0, 0), "gsm"), ((0, 1), "gsm"), ((2, 1), "gsm")],
)
def test_natural_is_an_exit_after_the_last_child(children: tuple[int, int], reason: str) -> None:
    before, after = children
    told = pd.DataFrame([interview(1, "2014T1", "1", n_6_17=before), interview(1, "2015T1", "2", n_6_17=after)])
    events = eph.convert(told, CONFIG)["membership"]
    assert days(events, "event", "reason") == [("enrolled", None), ("exited", reason)]


def test_a_family_reads_by_hand() -> None:
    first = interview(7, "2014T1", "2", head_CH06=33)
    told = pd.DataFrame([first, interview(7, "2014T2", "1", REGION=43, head_CH04=1)])
    columns = ("kpm_id", "enrolled_on", "caretaker_sex", "caretaker_birth_date", "village_code", "urban", "recorded_on")
    found = days(eph.convert(told, CONFIG)["kpm"], *columns)
    assert found == [(7, JUNE, "M", date(1974, 7, 1), "4333000000", True, JUNE)]  # 2014 - 40, at the first receipt


def test_an_age_not_told_is_no_birth_date() -> None:
    born = eph.convert(pd.DataFrame([interview(1, "2014T1", "1", head_CH06=99)]), CONFIG)["kpm"]["caretaker_birth_date"]
    assert born.isna().tolist() == [True]


def test_members_are_the_children_of_each_interview() -> None:
    told = pd.DataFrame(
        [interview(1, "2014T1", "1", n_u6=1, n_6_17=2, n_5_17_in_school=1), interview(1, "2014T2", "1", n_6_17=1)]
    )
    columns = ("member_id", "birth_date", "in_school", "valid_from", "valid_to")
    assert days(eph.convert(told, CONFIG)["members"], *columns) == [
        ("2014T1-6to17-1", date(2002, 7, 1), "sd", MARCH, JUNE),
        ("2014T1-6to17-2", date(2002, 7, 1), None, MARCH, JUNE),
        ("2014T1-u6-1", date(2011, 7, 1), None, MARCH, JUNE),
        ("2014T2-6to17-1", date(2002, 7, 1), "sd", JUNE, None),
    ]


def test_ranks_by_hand() -> None:
    """Incomes 10, 20, 20, 40 of enrolled families: below + half of the equal over 4."""
    incomes = enumerate([10, 20, 20, 40])
    told = pd.DataFrame([interview(h, "2014T1", "1", ITF=pesos, sum_V5_M=pesos) for h, pesos in incomes])
    later = pd.DataFrame([interview(9, "2014T1", "2", ITF=30), interview(9, "2014T2", "1", ITF=5)])
    made = eph.convert(pd.concat([told, later]), CONFIG)
    ranks = made["welfare"]["income_rank"].tolist()
    assert ranks[:4] == [0.5 / 4, 2 / 4, 2 / 4, 3.5 / 4]
    assert ranks[4:] == [3 / 4, 0.5]  # ranked among the enrolled but not counted; then alone in its quarter
    assert made["payments"]["amount"].tolist() == [125, 500, 500, 875, 500]  # thousandths
    assert made["payments"]["period"].tolist() == ["2014Q1"] * 4 + ["2014Q2"]


def test_no_answer_is_null() -> None:
    told = pd.DataFrame(
        [
            interview(1, "2014T1", "1", DECIFR=12, ITF=0, V13=9, IV3=4, II1=99, IV8=2, IV10=0, sum_V5_M=0),
            interview(1, "2014T2", "9", DECIFR=3, ITF=5, V13=2, IV3=1, II1=2, IV8=0, IV10=0),
        ]
    )
    made = eph.convert(told, CONFIG)
    columns = ("income_rank", "income_not_told", "spent_savings", "floor_grade", "rooms", "toilet_grade")
    assert days(made["welfare"], *columns, "transfer_rank") == [
        (None, True, None, None, None, 0, None),
        (0.5, False, False, 3, 2, None, None),
    ]
    assert days(made["payments"], "period", "amount") == [("2014Q1", 0)]  # a receipt whose amount was not told


def test_ratios_by_hand() -> None:
    counts = {"n_18_64": 2, "n_65p": 2, "n_employed": 1, "n_u6": 1, "n_6_17": 2, "IX_TOT": 7, "II1": 2}
    told = pd.DataFrame([interview(1, "2014T1", "1", **counts)])
    found = eph.convert(told, CONFIG)["welfare"]
    expected = (1 / 4, 3 / 4, 7 / 2, 200 / 1000)
    columns = ("employed_per_adult", "children_per_adult", "persons_per_room", "transfer_share_of_income")
    assert days(found, *columns) == [expected]


def test_counts_so_far_by_hand() -> None:
    """2, 1, 9, 1: no receipt, one, one and no answer, two."""
    columns = ("interviews_so_far", "receipts_so_far", "non_receipts_so_far")
    found = days(eph.convert(frame({1: "2191"}), CONFIG)["welfare"], *columns)
    assert found == [(1, 0, 1), (2, 1, 1), (3, 1, 1), (4, 2, 1)]


def test_no_adult_is_no_ratio() -> None:
    told = pd.DataFrame([interview(1, "2014T1", "1", n_18_64=0, n_65p=0)])
    assert eph.convert(told, CONFIG)["welfare"]["employed_per_adult"].isna().all()


# --- laws ------------------------------------------------------------------------------------------------------------


def drawn(seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    answers = {h: "".join(rng.choice(list("1129-"), 6)) for h in range(40)}
    told = frame(answers, ("2013T4", "2014T1", "2014T2", "2014T4", "2015T1", "2015T2"))
    for column in MONEY:
        told[column] = rng.integers(0, 12, len(told)) * 50
    for column in ("n_u6", "n_6_17", "n_u18", "n_formal_wage", "n_employed", "n_5_17_in_school"):
        told[column] = rng.integers(0, 3, len(told))
    return told.sample(frac=1, random_state=rng)


def slow_events(told: pd.DataFrame) -> Iterator[tuple[object, str, str]]:
    for household, rows in told.sort_values("file_q").groupby("hh_id"):
        receiving: bool | None = None
        for quarter, answer in zip(rows["file_q"], rows["V5"], strict=True):
            if answer == 1 and receiving is not True:
                yield household, quarter, "enrolled" if receiving is None else "reactivated"
                receiving = True
            if answer == 2 and receiving:
                yield household, quarter, "exited"
                receiving = False


def as_quarter(day: date) -> str:
    return f"{day.year}T{(day.month + 2) // 3}"


@pytest.mark.parametrize("seed", range(5))
def test_membership_equals_a_plain_state_machine(seed: int) -> None:
    told = drawn(seed)
    found = days(eph.convert(told, CONFIG)["membership"], "kpm_id", "effective_on", "event")
    assert [(h, as_quarter(d), e) for h, d, e in found] == list(slow_events(told))  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", range(3))
def test_a_status_never_repeats(seed: int) -> None:
    events = eph.convert(drawn(seed), CONFIG)["membership"]
    for _, family in events.groupby("kpm_id"):
        states = (family["event"] == "exited").tolist()
        assert not states[0]
        assert all(a != b for a, b in pairwise(states))


@pytest.mark.parametrize("seed", range(3))
def test_ranks_equal_counting_by_hand(seed: int) -> None:
    told = drawn(seed)
    welfare = eph.convert(told, CONFIG)["welfare"]
    rows = panel_module.enrolled(panel_module.prepare(told))
    for row, rank in zip(rows.itertuples(), welfare["pension_rank"], strict=True):
        others = rows[(rows["quarter"] == row.quarter) & (rows["enrolled_on"] <= row.day)]["sum_V2_M"]
        counted = [1 if o < row.sum_V2_M else 0.5 if o == row.sum_V2_M else 0 for o in others]
        assert (rank is pd.NA and not counted) or rank == pytest.approx(sum(counted) / len(counted), abs=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_inflation_changes_nothing(seed: int) -> None:
    told = drawn(seed)
    dearer = told.assign(**{c: told[c].where(told["file_q"] != "2014T1", told[c] * 10) for c in MONEY})
    before, after = eph.convert(told, CONFIG), eph.convert(dearer, CONFIG)
    assert not told[MONEY].equals(dearer[MONEY])
    for name, table in before.items():
        pd.testing.assert_frame_equal(table, after[name])


@pytest.mark.parametrize("seed", range(3))
def test_order_of_rows_does_not_matter_and_the_input_stays(seed: int) -> None:
    told = drawn(seed)
    kept = told.copy()
    shuffled = eph.convert(told.sample(frac=1, random_state=seed), CONFIG)
    for name, table in eph.convert(told, CONFIG).items():
        pd.testing.assert_frame_equal(table, shuffled[name])
    pd.testing.assert_frame_equal(told, kept)


def check_only_additions(earlier: dict[str, pd.DataFrame], later: dict[str, pd.DataFrame], until: pd.Timestamp) -> None:
    """What the longer panel says of the shorter one's time is what the shorter one said."""
    families = earlier["kpm"]["kpm_id"]
    clock = {"kpm": "enrolled_on", "members": "valid_from", "welfare": "observed_on", "payments": "paid_on"}
    for name, column in (clock | {"membership": "effective_on", "follow_up": "observed_to"}).items():
        then = later[name][later[name]["kpm_id"].isin(families) & (later[name][column] <= until)].reset_index(drop=True)
        was = earlier[name]
        if name == "members":
            then = then.assign(valid_to=then["valid_to"].where(then["valid_to"] <= until))
        pd.testing.assert_frame_equal(then, was)


@pytest.mark.parametrize("seed", range(3))
def test_later_quarters_only_add(seed: int) -> None:
    told = drawn(seed)
    shorter = eph.convert(told[told["file_q"] <= "2014T4"], CONFIG)
    check_only_additions(shorter, eph.convert(told, CONFIG), pd.Timestamp(2014, 12, 31))


# --- the real file ---------------------------------------------------------------------------------------------------


def test_later_quarters_only_add_on_the_real_panel(real: pd.DataFrame, tables: dict[str, pd.DataFrame]) -> None:
    shorter = eph.convert(real[real["file_q"] <= "2011T4"], CONFIG)
    check_only_additions(shorter, tables, pd.Timestamp(2011, 12, 31))
    assert len(shorter["kpm"]) < len(tables["kpm"])


def why_not_observed(real: pd.DataFrame) -> Counter[str]:
    """For every interview with receipt, why it has no answer a year later; a plain reading of the rotation 2-2-2."""
    index = {q: int(q[:4]) * 4 + int(q[5]) - 1 for q in real["file_q"].unique()}
    quarters, answers = real["file_q"].map(index), real["V5"].tolist()
    asked = dict(zip(zip(real["hh_id"], quarters, strict=True), answers, strict=True))
    first = quarters.groupby(real["hh_id"]).transform("min")
    published, last = set(index.values()), max(index.values())
    found: Counter[str] = Counter()
    for household, t, began, answer in zip(real["hh_id"], quarters, first, answers, strict=True):
        if answer == 1:
            found[kind_of(asked.get((household, t + 4)), t + 4, t - began, (published, last))] += 1
    return found


def kind_of(later: int | None, wanted: int, since_first: int, panel: tuple[set[int], int]) -> str:
    published, last = panel
    if later is not None:
        return "observed" if later in (1, 2) else "no answer"
    if wanted > last:
        return "end of the file"
    if wanted not in published:
        return "survey gap"
    return "rotated out" if since_first >= 4 else "attrition"


def test_all_four_kinds_of_non_observation_are_censored(real: pd.DataFrame, tables: dict[str, pd.DataFrame]) -> None:
    """Of 55,453 interviews with receipt: rotated out 21.8 %, survey gap or end of the file 26.5 %, attrition 24.7 %.

    The data's own page says 21.6, 25.6 and 22.8 %. 14,958 + 12,082 + 7,029 + 7,685 + 13,699 = 55,453, and the
    windows of follow-up that start at a receipt are the 14,958 observed ones, no more.
    """
    kinds = why_not_observed(real)
    assert kinds == {
        "observed": 14_958, "rotated out": 12_082, "survey gap": 7_029, "end of the file": 7_685, "attrition": 13_699,
    }  # fmt: skip
    assert kinds.total() == len(tables["payments"]) == 55_453
    windows = tables["follow_up"].merge(
        tables["payments"], left_on=["kpm_id", "observed_from"], right_on=["kpm_id", "paid_on"]
    )
    assert len(windows) == 14_958
    shares = {kind: count / 55_453 for kind, count in kinds.items()}
    assert shares["rotated out"] == pytest.approx(0.216, abs=0.005)
    assert shares["survey gap"] + shares["end of the file"] == pytest.approx(0.256, abs=0.015)
    assert shares["attrition"] == pytest.approx(0.228, abs=0.025)


def test_the_twelve_month_question(tables: dict[str, pd.DataFrame]) -> None:
    """36.6 % of the 14,958 recipients who were asked again a year later had left: 5,476."""
    told = tables["welfare"][["kpm_id", "observed_on", "receives_transfer"]]
    pairs = tables["follow_up"].merge(told, left_on=["kpm_id", "observed_from"], right_on=["kpm_id", "observed_on"])
    keys = ["kpm_id", "observed_to"], ["kpm_id", "observed_on"]
    later = pairs.merge(told, left_on=keys[0], right_on=keys[1], suffixes=("", "_later"))
    recipients = later[later["receives_transfer"]]
    assert (len(recipients), int((~recipients["receives_transfer_later"]).sum())) == (14_958, 5_476)


def test_counts_of_the_real_panel(real: pd.DataFrame, tables: dict[str, pd.DataFrame]) -> None:
    """1,119 of the 32,344 households receive only after the file's end: 32,344 - 1,119 = 31,225 families."""
    assert real["hh_id"].nunique() - len(tables["kpm"]) == 1_119
    assert tables["membership"]["event"].value_counts().to_dict() == {
        "enrolled": 31_225, "exited": 9_342, "reactivated": 1_600,
    }  # fmt: skip
    reasons = tables["membership"]["reason"].value_counts().to_dict()
    assert reasons == {"gsm": 8_732, "natural": 610}
    assert len(tables["members"]) == tables["welfare"][["children_under_6", "children_6_to_17"]].to_numpy().sum()


def test_keys_are_unique_and_columns_are_the_contracts(tables: dict[str, pd.DataFrame]) -> None:
    for name, table in tables.items():
        contract = TABLES[name]
        declared = {c.name for c in observations.declared(CONFIG)} if name == "welfare" else set()
        assert not table.duplicated(list(contract.key)).any()
        assert set(table.columns) <= {c.name for c in contract.columns()} | declared
        for column in contract.columns():
            assert column.null or table[column.name].notna().all()
            if column.pattern and not column.null:
                assert table[column.name].str.fullmatch(column.pattern).all()


def test_declared_columns_keep_their_bounds_and_vary(tables: dict[str, pd.DataFrame]) -> None:
    declared = observations.declared(CONFIG)
    assert len({c.name for c in declared}) == len(declared) >= 90
    for column in declared:
        values = tables["welfare"][column.name].astype("float64")
        assert column.meaning
        assert values.nunique() > 1
        assert values.min() >= (column.minimum or 0)
        assert values.max() <= (1 if column.maximum is None else column.maximum)


# --- the file --------------------------------------------------------------------------------------------------------


def written(told: pd.DataFrame, folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    told.to_parquet(folder / "panel.parquet")
    return folder / "panel.parquet"


def test_an_extract_is_written(small: pd.DataFrame, tmp_path: Path) -> None:
    file = written(small, tmp_path / "in")
    extract = eph.open_extract(file, CONFIG, tmp_path / "landing")
    assert extract.extracted_on == NEXT_JUNE
    assert set(extract.files) == {"kpm", "members", "welfare", "payments", "membership", "follow_up"}
    for name, files in extract.files.items():
        declared = [c.name for c in extract.welfare] if name == "welfare" else []
        stored = pd.read_parquet(files[0])
        assert stored.columns.tolist() == [c.name for c in TABLES[name].columns()] + declared
        assert len(stored) == len(eph.convert(small, CONFIG)[name])
    assert pd.read_parquet(tmp_path / "landing" / "exits.parquet")["visible_gain"].tolist().count("formal_wage") == 1


def test_the_folder_of_the_panel_and_a_second_writing_give_the_same_bytes(small: pd.DataFrame, tmp_path: Path) -> None:
    written(small, tmp_path / "in")
    one = eph.open_extract(tmp_path / "in", CONFIG, tmp_path / "a")
    two = eph.open_extract(tmp_path / "in" / "panel.parquet", CONFIG, tmp_path / "b")
    for name, files in one.files.items():
        assert files[0].read_bytes() == two.files[name][0].read_bytes()


def test_a_category_and_floats_with_gaps_are_the_same_panel(small: pd.DataFrame, tmp_path: Path) -> None:
    """As other exports store it: the quarter as category, codes as floats, an unanswered question as a gap."""
    quarters, answers = small["file_q"].astype("category"), small["V5"].where(small["V5"] != 9)
    stored = small.assign(file_q=quarters, V5=answers, V2=small["V2"] * 1.0)
    extract = eph.open_extract(written(stored, tmp_path / "in"), CONFIG, tmp_path / "landing")
    events = pd.read_parquet(extract.files["membership"][0])
    assert len(events) == len(eph.convert(small, CONFIG)["membership"]) == 15


BAD: dict[str, tuple[Callable[[pd.DataFrame], pd.DataFrame], list[str]]] = {
    "column missing": (lambda t: t.drop(columns="V5"), ["column missing: V5"]),
    "columns missing": (lambda t: t.drop(columns=["hh_id", "IV3"]), ["hh_id, IV3"]),
    "text for codes": (lambda t: t.assign(V5=t["V5"].astype(str)), ["column V5", "whole numbers"]),
    "text for pesos": (lambda t: t.assign(ITF="much"), ["column ITF", "pesos"]),
    "fractions": (lambda t: t.assign(n_u6=t["n_u6"] + 0.5), ["column n_u6", "fractions"]),
    "quarter as number": (lambda t: t.assign(file_q=20141), ["column file_q", "2014T3"]),
    "other quarters": (lambda t: t.assign(file_q=t["file_q"].str.replace("T", "Q")), ["column file_q", "row 0"]),
    "fifth quarter": (lambda t: t.assign(file_q="2014T5"), ["column file_q"]),
    "quarter missing": (lambda t: t.assign(file_q=t["file_q"].where(t.index > 0)), ["column file_q", "1 rows"]),
    "household missing": (lambda t: t.assign(hh_id=t["hh_id"].where(t["hh_id"] != 1)), ["column hh_id", "4 rows"]),
    "household too long": (lambda t: t.assign(hh_id=t["hh_id"] + 10**8), ["column hh_id", "8 digits"]),
    "interview twice": (lambda t: pd.concat([t, t.head(2)], ignore_index=True), ["column hh_id", "again", "2 rows"]),
    "no row": (lambda t: t.head(0), ["no row"]),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_not_the_panel_is_refused(case: str, small: pd.DataFrame, tmp_path: Path) -> None:
    spoil, told = BAD[case]
    file = written(spoil(small), tmp_path / "in")
    with pytest.raises(BadInput) as error:
        eph.open_extract(file, CONFIG, tmp_path / "landing")
    for part in (str(file), "Way out", *told):
        assert part in str(error.value)
    assert not (tmp_path / "landing").exists()


def test_what_is_not_parquet_is_refused(tmp_path: Path) -> None:
    (tmp_path / "panel.parquet").write_text("hh_id,file_q\n1,2014T1\n", encoding="utf-8")
    with pytest.raises(BadInput, match=r"panel\.parquet: cannot be read as Parquet"):
        eph.open_extract(tmp_path / "panel.parquet", CONFIG, tmp_path / "landing")


def test_a_cut_file_is_refused(small: pd.DataFrame, tmp_path: Path) -> None:
    file = written(small, tmp_path)
    file.write_bytes(file.read_bytes()[:-200])
    with pytest.raises(BadInput, match="cannot be read as Parquet"):
        eph.open_extract(file, CONFIG, tmp_path / "landing")


@pytest.mark.parametrize("number", [0, 2])
def test_a_folder_must_hold_one_panel(number: int, small: pd.DataFrame, tmp_path: Path) -> None:
    for i in range(number):
        small.to_parquet(tmp_path / f"{i}.parquet")
    with pytest.raises(BadInput, match=rf"{number} \*\.parquet files"):
        eph.open_extract(tmp_path, CONFIG, tmp_path / "landing")


def test_a_path_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no such file"):
        eph.open_extract(tmp_path / "nothing", CONFIG, tmp_path / "landing")
