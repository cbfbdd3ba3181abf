"""Records decisions one after the other at the desk of DESK_HOME until it is killed; prints each one once it stands."""

import itertools
import os
import sys

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pipeline.desk.settings")

import django

django.setup()

from datetime import date  # noqa: E402

from pipeline.desk import decisions  # noqa: E402
from pipeline.desk.models import Account, Family  # noqa: E402
from pipeline.desk.workflow import Wish  # noqa: E402

AGAIN = Wish("visit", "again", "not_home", "", (), {})


def main() -> None:
    """Visits that found nobody at home, to the listed families in turn."""
    planner = Account.objects.get(username="planner")
    listed = Family.objects.filter(regency_code=planner.area, status="listed").order_by("place")
    names = list(listed.values_list("kpm_id", flat=True).distinct())
    for number in itertools.count():
        family = names[number % len(names)]
        case = decisions.case_of(family)
        version = case.version if case else 0
        key = f"killed-{family}-{version}-{'0' * 16}"
        decisions.record(planner, family, AGAIN, decisions.Form(version, key, date(2025, 7, 15)))
        sys.stdout.write(f"{key}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
