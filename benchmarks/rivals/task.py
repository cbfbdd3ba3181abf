"""What every candidate is given: a home, a date, the days its windows begin on, names of features, a file to write.

Nothing here but the standard library: a candidate may run in an environment that has nothing of the pipeline's.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

SUBSET = (
    "pkh_paid_12m", "pkh_paid_24m", "bpnt_paid_12m", "payments_failed_12m", "payments_failed_24m",
    "payments_unclaimed_24m", "months_since_pkh_paid", "pkh_payments_ever", "pkh_amount_last",
    "sessions_present_12m", "sessions_present_24m", "sessions_present_share_12m", "sessions_held_12m",
    "economy_sessions_24m", "months_since_session_attended", "modules_ever",
    "commitments_met_share_12m", "attendance_mean_12m", "attendance_mean_24m", "commitments_missed_24m",
    "attendance_min_ever", "months_since_commitment_verified",
    "monthly_income_last", "national_decile_last", "floor_area_m2_last", "owns_business_last",
    "monthly_income_change_12m", "income_mean_24m", "business_ever",
    "pena_running", "pbi_running", "productive_programmes_ever", "programme_money_24m",
    "months_since_productive_start",
    "cases_home_visit_12m", "cases_complaint_12m", "shocks_12m", "shocks_24m", "months_since_shock",
)  # fmt: skip
"""What pandas and polars make: of the six tables with the most rows and the most windows."""
PRIMITIVES = (
    "pkh_paid_12m", "pkh_paid_24m", "bpnt_paid_12m", "payments_failed_12m", "payments_failed_24m",
    "payments_unclaimed_24m", "pkh_payments_ever", "pkh_amount_last",
    "sessions_present_12m", "sessions_present_24m", "sessions_held_12m", "economy_sessions_24m",
    "commitments_missed_24m", "attendance_mean_12m", "attendance_mean_24m", "attendance_min_ever",
    "income_mean_24m",
    "productive_programmes_ever", "programme_money_24m",
    "cases_home_visit_12m", "cases_complaint_12m", "shocks_12m", "shocks_24m",
)  # fmt: skip
"""What counts, sums, means, the smallest and the last of featuretools express as our definitions do."""
PRODUCTIVE = ("PENA", "PPSE", "PROKUS", "KUBE")
SHOCKS = ("disaster", "illness", "job_loss")
MOST_RUPIAH = 10**12


@dataclass(frozen=True)
class Task:
    home: Path
    out: Path
    names: tuple[str, ...]
    threads: int

    @property
    def as_of(self) -> date:
        """The extract's own date."""
        told = json.loads((self.home / "data/canonical/extract.json").read_text(encoding="utf-8"))
        return date.fromisoformat(told["extracted_on"])

    def table(self, name: str) -> Path:
        return self.home / "data" / "canonical" / f"{name}.parquet"

    @property
    def cohort(self) -> Path:
        return self.home / "data" / "snapshots" / "cohort.parquet"

    def before(self, months: int) -> date:
        """The day on which a window of so many months begins, itself outside; a month's end stays one."""
        index = self.as_of.year * 12 + self.as_of.month - 1 - months
        first, after = (date(i // 12, i % 12 + 1, 1) for i in (index, index + 1))
        last = (after - timedelta(days=1)).day
        whole = (self.as_of + timedelta(days=1)).day == 1
        return first.replace(day=last if whole else min(self.as_of.day, last))


def run(work: Callable[[Task], None]) -> None:
    """Do a candidate's work as the command line asks, and print its seconds without the start of Python."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--names", default="")
    parser.add_argument("--threads", type=int, required=True)
    given = parser.parse_args()
    task = Task(given.home, given.out, tuple(n for n in given.names.split(",") if n), given.threads)
    begin = time.perf_counter()
    work(task)
    sys.stdout.write(json.dumps(time.perf_counter() - begin) + "\n")
