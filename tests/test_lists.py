"""Who is listed, why, and how it is told: by hand, against a slow second version, and as laws over seeds."""

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from pipeline import capacity, lists, wording
from pipeline.errors import BadInput

AS_OF = date(2025, 6, 30)
LINEAGE = {"id": "abc123", "simulated": True}
WORDS = pd.DataFrame(
    [
        ("income", "rupiah a month", "livelihood", "pendapatan keluarga", "income", "monthly_income"),
        ("business", "flag", "livelihood", "memiliki usaha", "owns a business", "roster"),
        ("sessions", "share", "learning_sessions", "kehadiran P2K2, 12 bulan terakhir", "P2K2 attendance", ""),
        ("tenure", "months", "membership", "lama kepesertaan", "months in the programme", np.nan),
        ("season", "quarter", "place_season", "triwulan", "quarter", ""),
    ],
    columns=["feature", "unit", "concept", "label_id", "label_en", "dated_by"],
)
FEATURES = list(WORDS["feature"])


def settings(**changes: object) -> lists.Config:
    file = Path(lists.__file__).parents[1] / "configs" / "lists.yaml"
    return lists.Config.model_validate({**yaml.safe_load(file.read_text(encoding="utf-8")), **changes})


def scored(rows: list[tuple[str, str | None, bool]], regency: str = "3276") -> pd.DataFrame:
    """Families (kpm_id, facilitator, eligible) of one regency, in order of rank."""
    n = len(rows)
    table = pd.DataFrame(rows, columns=["kpm_id", "facilitator_id", "eligible"])
    table["facilitator_id"] = table["facilitator_id"].astype("object")
    served = table.groupby("facilitator_id", dropna=False).cumcount() + 1
    return table.assign(
        as_of=AS_OF, probability=np.linspace(0.5, 0.1, n), lower=np.linspace(0.4, 0.05, n),
        upper=np.linspace(0.6, 0.2, n), rank=range(1, n + 1), rank_in_regency=range(1, n + 1), regency_code=regency,
        rank_in_facilitator=served.where(table["facilitator_id"].notna()),
        holds=[[] if e else ["severe_disability", "illness"] for e in table["eligible"]], pathway="pena",
        text_id="Fase pengembangan. PENA.",
    )  # fmt: skip


def random_scores(seed: int) -> pd.DataFrame:
    """Families of three regencies; some without a facilitator, one facilitator in two regencies."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 400))
    regency = rng.choice(["1101", "3276", "9471"], n)
    table = scored([(f"K{i}", None, bool(e)) for i, e in enumerate(rng.random(n) > 0.3)]).assign(regency_code=regency)
    names = np.array([f"{r}-{k}" for r, k in zip(regency, rng.integers(0, 3, n), strict=True)], dtype=object)
    names[rng.random(n) < 0.1] = "both"
    names[rng.random(n) < 0.2] = None
    table["facilitator_id"] = names
    table["rank_in_regency"] = table.groupby("regency_code")["rank"].rank().astype("int64")
    return table.sample(frac=1, random_state=seed).reset_index(drop=True)


def evidence(phi: list[list[float]], values: list[list[float]]) -> lists.Evidence:
    ids = [f"K{i}" for i in range(len(phi))]
    key = pd.DataFrame({"kpm_id": ids, "as_of": AS_OF})
    return lists.Evidence(
        contributions=pd.concat([key.assign(base_value=-3.0), pd.DataFrame(phi, columns=FEATURES)], axis=1),
        features=pd.concat([key, pd.DataFrame(values, columns=FEATURES)], axis=1),
        words=WORDS,
        villages=pd.DataFrame({"kpm_id": ids, "village_code": "3276011006"}),
        known_on=told_on(ids),
    )


def told_on(ids: list[str]) -> pd.DataFrame:
    """Every income was told on the as-of date."""
    return pd.DataFrame({"kpm_id": ids, "monthly_income": pd.Timestamp(AS_OF)})


# --- capacity


@pytest.mark.parametrize(
    ("active", "share", "expected"),
    [(1, 0.03, 1), (16, 0.03, 1), (49, 0.03, 1), (50, 0.03, 2), (150, 0.03, 5), (1000, 0.03, 30), (83, 0.03, 2)],
)
def test_places_are_rounded_half_up_and_at_least_one(active: int, share: float, expected: int) -> None:
    # 49 * 0.03 = 1.47 -> 1; 50 * 0.03 = 1.5 -> 2; 150 * 0.03 = 4.5 -> 5 (a rounding to even would give 4); 2.49 -> 2
    assert capacity.places(active, share) == expected


def test_a_place_that_a_full_facilitator_cannot_use_goes_to_the_next_family() -> None:
    rows = [
        ("A", "p", True),
        ("B", "p", True),
        ("C", "p", True),
        ("D", "q", False),
        ("E", None, True),
        ("F", "q", True),
    ]
    chosen = lists.select(scored(rows), settings(per_facilitator=2, regency_share=0.5))
    # 6 active, half of them: 3 places. A and B fill p; C finds p full; D is held; E takes the third; F is too late.
    assert dict(zip(chosen["kpm_id"], chosen["status"], strict=True)) == {
        "A": "listed", "B": "listed", "C": "below", "D": "held", "E": "listed", "F": "below",
    }  # fmt: skip


def test_families_without_a_facilitator_are_not_capped_together() -> None:
    chosen = lists.select(
        scored([(f"K{i}", None, True) for i in range(5)]), settings(per_facilitator=1, regency_share=1)
    )
    assert (chosen["status"] == "listed").all()


def walk(scores: pd.DataFrame, config: lists.Config) -> dict[str, str]:
    """The slow plain version: first each facilitator's families by rank, then each regency's places by rank."""
    served: dict[str, int] = {}
    taken: dict[str, int] = {}
    status = {}
    for row in scores.sort_values("rank").to_dict("records"):
        status[row["kpm_id"]] = "below" if row["eligible"] else "held"
        who, where = row["facilitator_id"], row["regency_code"]
        limit = capacity.places(int((scores["regency_code"] == where).sum()), config.regency_share)
        if not row["eligible"] or (isinstance(who, str) and served.get(who, 0) >= config.per_facilitator):
            continue
        served[who] = served.get(who, 0) + 1
        if taken.get(where, 0) < limit:
            taken[where] = taken.get(where, 0) + 1
            status[row["kpm_id"]] = "listed"
    return status


@pytest.mark.parametrize("seed", range(25))
def test_capacity_holds_for_any_scores(seed: int) -> None:
    rng = np.random.default_rng(seed)
    config = settings(per_facilitator=int(rng.integers(1, 6)), regency_share=float(rng.choice([0.01, 0.1, 0.4])))
    scores = random_scores(seed)
    chosen = lists.select(scores, config)
    listed = chosen[chosen["status"] == "listed"]
    sizes = scores.groupby("regency_code").size()
    assert listed["facilitator_id"].value_counts().le(config.per_facilitator).all()
    for regency, count in listed.groupby("regency_code").size().items():
        assert count <= capacity.places(int(sizes[regency]), config.regency_share)
    assert listed["eligible"].all()
    assert set(chosen.loc[~chosen["eligible"], "status"]) <= {"held"}
    assert chosen["status"].isin(["listed", "held", "below"]).all()
    assert sorted(chosen["kpm_id"]) == sorted(scores["kpm_id"])
    assert all(part["rank"].is_monotonic_increasing for _, part in chosen.groupby("regency_code"))
    assert dict(zip(chosen["kpm_id"], chosen["status"], strict=True)) == walk(scores, config)


def test_the_order_of_rows_does_not_matter() -> None:
    scores = random_scores(3)
    pd.testing.assert_frame_equal(
        lists.select(scores, settings()), lists.select(scores.iloc[::-1].reset_index(drop=True), settings())
    )


def test_a_family_scored_twice_is_refused() -> None:
    with pytest.raises(BadInput, match="kpm_id: 1 rows repeat a family, first at row 1"):
        lists.select(scored([("A", "p", True), ("A", "p", True)]), settings())


# --- reasons


def test_reasons_by_hand() -> None:
    phi = [[0.30, -0.10, 0.25, -0.40, 0.07]]
    found = lists.reasons(evidence(phi, [[1250000, 0, 0.855, 14, 3]]), settings())
    # livelihood nets 0.30 - 0.10 = 0.20, below the sessions' 0.25; only membership nets below zero
    assert found[["direction", "place", "feature", "text_id"]].to_numpy().tolist() == [
        ["for", 1, "sessions", "kehadiran P2K2, 12 bulan terakhir: 85,5%"],
        ["for", 2, "income", "pendapatan keluarga: Rp1.250.000 per bulan"],
        ["for", 3, "season", "triwulan: 3 (wilayah/waktu, bukan keadaan keluarga)"],
        ["against", 1, "tenure", "lama kepesertaan: 14 bulan"],
    ]
    assert found["log_odds"].tolist() == [0.25, 0.30, 0.07, -0.40]
    assert lists.joined(found, "against").to_dict() == {"K0": "lama kepesertaan: 14 bulan"}


def test_a_missing_value_gives_a_reason_about_the_missing_data_only() -> None:
    found = lists.reasons(evidence([[-0.5, 0, 0, 0, 0]], [[np.nan, 1, 1, 1, 1]]), settings())
    assert found["text_id"].tolist() == ["data pendapatan keluarga belum ada"]
    assert found["text_en"].tolist() == ["no data yet on income"]
    assert found["kind"].tolist() == ["missing"]


def test_each_reason_carries_the_day_of_its_own_value() -> None:
    """An income told on 3 March, though the roster is 10 days old: 20 June; sums of all that is known: the date."""
    case = evidence([[0.5, 0, 0, 0.2, 0], [0, 0.4, 0, 0, 0], [0.3, 0, 0, 0, 0]], [[1, 1, 1, 1, 1]] * 3)
    days = pd.DataFrame({"kpm_id": ["K2", "K1", "K0"], "monthly_income": pd.to_datetime([None, None, "2024-03-03"])})
    aged = case.features.assign(roster_age_days=[10.0, 10.0, 10.0])
    found = lists.reasons(lists.Evidence(case.contributions, aged, WORDS, case.villages, days), settings())
    assert dict(zip(zip(found["kpm_id"], found["feature"], strict=True), found["known_on"].dt.date, strict=True)) == {
        ("K0", "income"): date(2024, 3, 3), ("K0", "tenure"): AS_OF, ("K1", "business"): date(2025, 6, 20),
        ("K2", "income"): AS_OF,
    }  # fmt: skip
    dated = lists.with_days(found)
    assert dated["text_id"].tolist() == [
        "pendapatan keluarga: Rp1 per bulan, per 03/03/2024", "lama kepesertaan: 1 bulan",
        "memiliki usaha: ya, per 20/06/2025", "pendapatan keluarga: Rp1 per bulan",
    ]  # fmt: skip
    assert dated["text_en"].iloc[0] == "income: Rp1 a month, as of 03/03/2024"
    assert lists.joined(found, "for")["K1"] == "memiliki usaha: ya, per 20/06/2025"


def test_no_reason_at_all_has_no_day() -> None:
    found = lists.reasons(evidence([[0.01, 0, 0, 0, 0]], [[1, 1, 1, 1, 1]]), settings())
    assert found.empty
    assert lists.with_days(found).to_dict("list") == {"text_id": [], "text_en": []}
    assert lists.joined(found, "for").empty


def test_small_contributions_are_not_worth_a_sentence() -> None:
    found = lists.reasons(evidence([[0.05, 0, 0.049, -0.049, -0.05]], [[1, 1, 1, 1, 1]]), settings())
    assert found["feature"].tolist() == ["income", "season"]


@pytest.mark.parametrize("seed", range(12))
def test_no_reason_has_a_wrong_sign_or_a_wrong_value(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = 40
    phi = rng.normal(0, 0.3, (n, 5)).round(2)
    values = np.column_stack(
        [
            rng.integers(0, 9_999_999, n),
            rng.integers(0, 2, n),
            rng.random(n).round(3),
            rng.integers(0, 200, n),
            rng.integers(1, 5, n),
        ]
    ).astype("float64")
    values[rng.random(values.shape) < 0.3] = np.nan
    config = settings(reasons_for=int(rng.integers(0, 5)), reasons_against=int(rng.integers(0, 5)))
    found = lists.reasons(evidence(phi.tolist(), values.tolist()), config)
    units = WORDS.set_index("feature")["unit"]
    for row in found.to_dict("records"):
        i, j = int(row["kpm_id"][1:]), FEATURES.index(row["feature"])
        assert row["log_odds"] == phi[i, j]
        assert (phi[i, j] >= 0.05) if row["direction"] == "for" else (phi[i, j] <= -0.05)
        assert (row["kind"] == "missing") == np.isnan(values[i, j])
        if row["kind"] == "missing":
            assert row["text_id"].startswith("data ")
            assert not any(c.isdigit() for c in row["text_id"].replace("P2K2, 12", ""))
        else:
            assert read_back(row["text_id"].split(" (")[0], str(units[row["feature"]])) == pytest.approx(values[i, j])
    most = {"for": config.reasons_for, "against": config.reasons_against}
    for (_, _, direction), part in found.groupby(["kpm_id", "as_of", "direction"]):
        assert len(part) <= most[direction]
        assert part["concept"].is_unique
        assert part["place"].tolist() == list(range(1, len(part) + 1))


def read_back(text: str, unit: str) -> float:
    """The number that a person reads in a reason."""
    said = text.rsplit(": ", 1)[1]
    if unit == "flag":
        return {"ya": 1.0, "tidak": 0.0}[said]
    digits = said.removeprefix("Rp").removesuffix(" per bulan").removesuffix(" bulan").removesuffix("%")
    return float(digits.replace(".", "").replace(",", ".")) / (100 if unit == "share" else 1)


def test_a_feature_without_words_is_refused() -> None:
    case = evidence([[0, 0, 0, 0, 0]], [[0, 0, 0, 0, 0]])
    bare = lists.Evidence(case.contributions, case.features, WORDS.iloc[:4], case.villages, case.known_on)
    with pytest.raises(BadInput, match="no label for season"):
        lists.reasons(bare, settings())


@pytest.mark.parametrize(
    ("value", "unit", "indonesian", "english"),
    [
        (1250000.0, "rupiah", "Rp1.250.000", "Rp1,250,000"),
        (-5000.0, "rupiah", "-Rp5.000", "Rp-5,000"),
        (14.0, "months", "14 bulan", "14 months"),
        (1.0, "flag", "ya", "yes"),
        (0.0, "flag", "tidak", "no"),
        (0.0, "share", "0%", "0%"),
        (85.25, "percent", "85,3%", "85.3%"),
        (36.5, "m2", "36,5 m²", "36.5 m²"),
        (1234.0, "count", "1.234", "1,234"),
        (0.00123, "ratio", "0,00123", "0.00123"),
        (2.0, "level 0-4", "SMP", "lower secondary"),
        (3.0, "code", "kode 3", "code 3"),
        (5.0, "hens", "5 hens", "5 hens"),
        (float("nan"), "rupiah", "tidak diketahui", "unknown"),
        (date(2024, 12, 31), "date", "31/12/2024", "31/12/2024"),
    ],
)
def test_values_are_written_as_people_read_them(value: object, unit: str, indonesian: str, english: str) -> None:
    assert wording.value_text(value, unit, "id") == indonesian
    assert wording.value_text(value, unit, "en") == english


# --- flags, places, lists


def test_flags_tolerate_columns_that_are_not_there() -> None:
    features = pd.DataFrame(
        {"kpm_id": ["A", "B", "C"], "identity_mismatch": [1.0, 0.0, np.nan], "welfare_age_days": [731.0, 730.0, np.nan]}
    )
    assert lists.flags(features, settings()).to_dict() == {
        "A": "identitas belum padan dengan Dukcapil; data sosial ekonomi lebih dari dua tahun", "B": "", "C": "",
    }  # fmt: skip
    assert lists.flags(features[["kpm_id"]], settings()).tolist() == ["", "", ""]


def test_a_flag_can_ask_for_what_is_missing() -> None:
    flag = {"feature": "income", "operator": "missing", "value": 0, "text": "data pendapatan belum ada"}
    features = pd.DataFrame({"kpm_id": ["A", "B"], "income": [np.nan, 5.0]})
    assert lists.flags(features, settings(flags={"income": flag})).tolist() == ["data pendapatan belum ada", ""]


def test_places_are_named_and_an_unknown_code_stays_visible() -> None:
    villages = pd.DataFrame({"kpm_id": ["A", "B"], "village_code": ["3276011006", "3276999999"]})
    found = lists.regions(villages, settings())
    assert found["district_name"].fillna("?").tolist() == ["Pancoran Mas", "?"]
    assert found["village_name"].fillna("?").tolist() == ["Depok", "?"]
    assert found["village_code"].tolist() == ["3276011006", "3276999999"]
    assert lists.regions(villages, settings(region_names="none"))["village_name"].isna().all()


@pytest.mark.parametrize(
    ("probability", "text"),
    [
        (0.4, "sangat tinggi, 40%"),
        (0.236, "tinggi, 24%"),
        (0.1, "sedang, 10%"),
        (0.004, "rendah, 0%"),
        (0.0, "rendah, 0%"),
    ],
)
def test_chances_are_a_band_and_a_whole_percent(probability: float, text: str) -> None:
    assert lists.chance(probability, settings()) == text


def made(regency_share: float = 0.5) -> list[lists.RegencyList]:
    rows = [("K0", "p", True), ("K1", None, True), ("K2", "p", False), ("K3", "p", True)]
    case = evidence([[0.3, 0, 0, -0.2, 0]] * 4, [[1000000, 1, 0.5, 12, 2]] * 4)
    config = settings(regency_share=regency_share)
    return lists.regency_lists(lists.select(scored(rows), config), case, LINEAGE, config)


def test_a_regency_list_says_all_about_its_families() -> None:
    (found,) = made()
    # 4 active, half: 2 places for K0 and K1; K2 is held; K3 stays below
    assert (found.regency_code, found.regency_name, found.active) == ("3276", "Kota Depok", 4)
    assert found.candidates["kpm_id"].tolist() == ["K0", "K1"]
    first, second = found.candidates.to_dict("records")
    assert (first["chance"], first["range"]) == ("sangat tinggi, 50%", "40-60%")
    assert (first["reasons_for"], first["reasons_against"]) == (
        "pendapatan keluarga: Rp1.000.000 per bulan", "lama kepesertaan: 12 bulan",
    )  # fmt: skip
    assert (first["pathway"], first["lineage"], first["data_flags"]) == ("PENA / PPSE", "abc123", "")
    assert (second["facilitator_id"], second["data_flags"]) == ("belum ada pendamping", "belum ada pendamping")
    assert pd.isna(second["rank_in_facilitator"])
    assert found.held["kpm_id"].tolist() == ["K2"]
    assert first["pathway_reasons"] == "Fase pengembangan. PENA."
    assert found.held["holds"].tolist() == ["ada anggota dengan disabilitas berat; baru ada yang sakit"]
    assert found.held["pathway_reasons"].tolist() == ["Fase pengembangan. PENA."]
    assert all((found.candidates[c] == "").all() for c in wording.FILL_IN)


def test_a_family_near_the_border_is_flagged() -> None:
    """Of two listed families the second is borderline; scores written before there was the mark flag none."""
    scores = scored([("K0", "p", True), ("K1", "p", True)])
    case, config = evidence([[0.3, 0, 0, -0.2, 0]] * 2, [[1000000, 1, 0.5, 12, 2]] * 2), settings(regency_share=1.0)
    plain, marked = (
        lists.regency_lists(lists.select(table, config), case, LINEAGE, config)[0].candidates
        for table in (scores, scores.assign(borderline=[False, True]))
    )
    assert not plain["data_flags"].str.contains("batas").any()
    assert marked["data_flags"].str.contains(wording.BORDERLINE).tolist() == [False, True]


def test_the_summary_adds_up_and_the_index_agrees() -> None:
    found = made()
    assert found[0].summary.to_dict("records") == [
        {
            "district_name": "Pancoran Mas",
            "facilitator_id": "belum ada pendamping",
            "active": 1,
            "candidates": 1,
            "held": 0,
            "below": 0,
        },
        {"district_name": "Pancoran Mas", "facilitator_id": "p", "active": 3, "candidates": 1, "held": 1, "below": 1},
    ]
    assert lists.indexed(lists.index_rows(found)).to_dict("records") == [
        {
            "regency_code": "3276",
            "name": "Kota Depok",
            "active": 4,
            "candidates": 2,
            "held": 1,
            "file": "calon_graduasi_3276_2025-06-30.xlsx",
        }
    ]
    assert lists.indexed([]).empty


@pytest.mark.parametrize("seed", range(5))
def test_every_family_is_listed_held_or_below(seed: int) -> None:
    scores = random_scores(seed)
    ids = scores["kpm_id"].tolist()
    rng = np.random.default_rng(seed)
    key = pd.DataFrame({"kpm_id": ids, "as_of": AS_OF})
    phi = pd.DataFrame(rng.normal(0, 0.3, (len(ids), 5)), columns=FEATURES)
    case = lists.Evidence(
        pd.concat([key.assign(base_value=0.0), phi], axis=1), pd.concat([key, phi.abs()], axis=1), WORDS,
        pd.DataFrame({"kpm_id": ids, "village_code": scores["regency_code"] + "010001"}), told_on(ids),
    )  # fmt: skip
    config = settings(regency_share=0.2)
    found = lists.regency_lists(lists.select(scores, config), case, LINEAGE, config)
    total = pd.concat([r.summary for r in found])[["active", "candidates", "held", "below"]].sum()
    assert total["active"] == len(scores) == total["candidates"] + total["held"] + total["below"]
    assert sum(len(r.candidates) for r in found) == total["candidates"]
    assert sum(len(r.held) for r in found) == (~scores["eligible"]).sum() == total["held"]
    proposed = {k for r in found for k in r.candidates["kpm_id"]}
    assert not proposed & set(scores.loc[~scores["eligible"], "kpm_id"])


def test_no_text_says_that_a_family_passed() -> None:
    config = settings()
    texts = [config.model_dump_json(), Path(wording.__file__).read_text(encoding="utf-8")]
    assert not any("lulus" in text.lower() for text in texts)
