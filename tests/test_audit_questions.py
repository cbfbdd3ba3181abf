"""Each query of the auditors, by hand on a few rows: what must be found beside what must not."""

from datetime import date

import duckdb
import pandas as pd
import pytest

from pipeline.audit import questions

ASKED = {q.name: q for q in questions.QUESTIONS}
D = date.fromisoformat


def found(name, **tables):
    connection = duckdb.connect()
    for table, rows in tables.items():
        connection.register(f"{table}_rows", pd.DataFrame(rows))
        connection.execute(f"CREATE VIEW {table} AS SELECT * FROM {table}_rows")
    return connection.execute(ASKED[name].sql).df().to_dict("records")


def score(family, rank, eligible=True, holds=(), regency="3276"):
    return {"kpm_id": family, "regency_code": regency, "rank_in_regency": rank, "eligible": eligible,
            "holds": list(holds), "facilitator_id": "F1", "as_of": D("2025-06-30")}  # fmt: skip


SCORES = [score("A", 1), score("B", 2, False, ["pending_case"]), score("C", 3), score("D", 1, regency="3315")]


def listed(*families):
    return [{"kpm_id": f, "regency_code": "3276"} for f in families]


def test_who_is_held_and_listed_is_found():
    assert found("proposed_while_held", listed=listed("A"), scores=SCORES) == []
    (row,) = found("proposed_while_held", listed=listed("A", "B"), scores=SCORES)
    assert (row["kpm_id"], list(row["holds"])) == ("B", ["pending_case"])


def test_listed_held_and_below_are_all():
    rows = found("coverage", listed=listed("A"), scores=SCORES)
    told = [(r["regency_code"], r["families"], r["listed"], r["held"], r["below"], r["unexplained"]) for r in rows]
    assert told == [("3276", 3, 1, 1, 1, 0), ("3315", 1, 0, 0, 1, 0)]
    # B is held and listed at once: 3 - 2 - 1 - 1 = -1
    assert found("coverage", listed=listed("A", "B"), scores=SCORES)[0]["unexplained"] == -1


def event(family, day, kind, reason=None):
    return {"kpm_id": family, "effective_on": D(day), "recorded_on": D(day), "event": kind, "reason": reason}


def test_a_graduation_without_a_component_is_found():
    membership = [event("A", "2024-02-01", "exited", "gsm"), event("B", "2024-02-01", "exited", "gsm"),
                  event("C", "2024-02-01", "exited", "natural")]  # fmt: skip
    recorded = [
        {"kpm_id": f, "as_of": D(a), "outcome": o, "outcome_on": D("2024-02-01")}
        for f, o in (("A", "natural"), ("B", "gsm"), ("C", "natural"))
        for a in ("2023-06-30", "2023-09-30")
    ]
    (row,) = found("graduated_without_component", membership=membership, recorded=recorded)
    assert row["kpm_id"] == "A"


def paid(family, period, day, programme="PKH", status="disbursed"):
    return {"kpm_id": family, "programme": programme, "period": period, "paid_on": D(day), "amount": 600_000,
            "status": status}  # fmt: skip


@pytest.mark.parametrize(
    ("payment", "surprising"),
    [
        (paid("A", "2024Q1", "2024-05-01"), False),  # began before the exit of 2024-02-10, paid after it
        (paid("A", "2024Q2", "2024-05-01"), True),
        (paid("A", "2024-03", "2024-03-05"), True),
        (paid("A", "2024Q2", "2024-05-01", status="failed"), False),
        (paid("A", "2024Q2", "2024-05-01", programme="BPNT"), False),
        (paid("A", "2025Q2", "2025-05-01"), False),  # reactivated on 2025-01-01
        (paid("B", "2024Q2", "2024-05-01"), False),
        (paid("C", "2024Q2", "2024-05-01"), False),  # left and reactivated on one day, recorded on one day
    ],
)
def test_money_for_a_quarter_after_the_exit_is_found(payment, surprising):
    membership = [event("A", "2020-01-01", "enrolled"), event("A", "2024-02-10", "exited", "gsm"),
                  event("A", "2025-01-01", "reactivated"), event("B", "2020-01-01", "enrolled"),
                  event("C", "2024-02-10", "exited", "gsm"), event("C", "2024-02-10", "reactivated")]  # fmt: skip
    rows = found("paid_after_exit", membership=membership, payments=[payment])
    assert [r["kpm_id"] for r in rows] == ["A"] * surprising


def test_money_after_a_death_is_found():
    checks = [{"kpm_id": "A", "checked_on": D("2024-01-10"), "alive": False},
              {"kpm_id": "A", "checked_on": D("2024-06-10"), "alive": False},
              {"kpm_id": "B", "checked_on": D("2024-01-10"), "alive": True}]  # fmt: skip
    payments = [paid("A", "2023Q4", "2024-01-10"), paid("A", "2024Q1", "2024-03-01"), paid("B", "2024Q1", "2024-03-01")]
    (row,) = found("paid_after_death", identity_checks=checks, payments=payments)
    assert (row["kpm_id"], row["period"], row["checked_on"].date()) == ("A", "2024Q1", D("2024-01-10"))


def test_listed_families_nobody_came_to_are_found():
    cases = [{"kpm_id": "A", "kind": "home_visit", "reported_on": D("2023-07-01")},
             {"kpm_id": "B", "kind": "home_visit", "reported_on": D("2023-06-30")},
             {"kpm_id": "C", "kind": "illness", "reported_on": D("2025-01-01")}]  # fmt: skip
    rows = found("never_visited", listed=listed("A", "B", "C"), scores=SCORES, cases=cases)
    assert [r["kpm_id"] for r in rows] == ["B", "C"]  # two years before 2025-06-30 is 2023-06-30, no longer within


def test_only_who_leaves_the_funnel_stands_out():
    """100 facilitators of 100 families, 2 graduates each, one with 12: p = 210 / 10,000 = 0.021."""
    labels, assignments = [], []
    for f in range(100):
        for k in range(100):
            family = f"{f:03d}-{k:03d}"
            graduated = k < (12 if f == 7 else 2)
            labels.append({"kpm_id": family, "as_of": D("2023-12-31"), "matured": True,
                           "outcome": "gsm" if graduated else "none"})  # fmt: skip
            assignments.append({"kpm_id": family, "facilitator_id": f"F{f:03d}", "valid_from": D("2020-01-01"),
                                "valid_to": None})  # fmt: skip
    (row,) = found("facilitators_who_stand_out", labels=labels, assignments=assignments)
    # width = 3.09 x sqrt(0.021 x 0.979 / 100) = 3.09 x 0.014338 = 0.0443; 0.12 lies above 0.0653
    assert (row["facilitator_id"], row["families"], row["graduated"]) == ("F007", 100, 12)
    assert (row["share"], row["overall"], row["lower"], row["upper"]) == (0.12, 0.021, 0.0, 0.0653)


def test_every_query_is_there_and_every_title_in_two_languages():
    assert len(ASKED) == len(questions.QUESTIONS) == 7
    for q in questions.QUESTIONS:
        assert q.sql.startswith("-- ")
        assert q.title.id != q.title.en
        assert q.note.id != q.note.en
