"""Simultaneous decisions against one desk: pairs about one family, and writers of many; prints what was left as JSON."""

import json
import os
import sys
import threading

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pipeline.desk.settings")

import django

django.setup()

from datetime import date  # noqa: E402

from django.db import connection  # noqa: E402

from pipeline.desk import chain, decisions  # noqa: E402
from pipeline.desk.decisions import Against, Form, Stale  # noqa: E402
from pipeline.desk.models import Account, Case, Entry, Family, Step  # noqa: E402
from pipeline.desk.workflow import Wish  # noqa: E402

DAY = date(2025, 7, 15)
AGAIN = Wish("visit", "again", "not_home", "", (), {})


def together(jobs):
    """Every job in a thread of its own, begun at one moment; the results in order."""
    found, gate = [None] * len(jobs), threading.Barrier(len(jobs))

    def work(n, job):
        gate.wait()
        try:
            found[n] = job()
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(n, job)) for n, job in enumerate(jobs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def decide(name, family, version, key, wish=AGAIN):
    try:
        decisions.record(Account.objects.get(username=name), family, wish, Form(version, key, DAY))
    except Stale:
        return "stale"
    except Against as error:
        return f"against {error}"
    return "won"


def pairs(families):
    """Two people decide about one family from the same version: results of each pair."""
    return [
        together([
            lambda f=f: decide("planner", f, 0, f"planner-{f}-0000000"),
            lambda f=f: decide("second", f, 0, f"second-{f}-00000000"),
        ])
        for f in families
    ]  # fmt: skip


def writer(number, count):
    """One writer's decisions about one family, each after the other; a lost race is tried again."""
    family, done = families_of("3315")[number], 0
    while done < count:
        case = decisions.case_of(family)
        key = f"writer-{number}-{done}-{'0' * 16}"
        done += decide("planner", family, case.version if case else 0, key) == "won"
    return done


def families_of(regency):
    return list(
        Family.objects.filter(regency_code=regency, status="listed").order_by("place").values_list("kpm_id", flat=True)
    )


def main(rounds, writers, each):
    listed = families_of("3315")
    results = pairs(listed[: min(rounds, len(listed))])
    for n in range(
        len(listed), rounds
    ):  # more pairs than families: again about the same ones, from their present version
        family = listed[n % len(listed)]
        version = decisions.case_of(family).version
        results.append(
            together([
                lambda f=family, v=version, n=n: decide("planner", f, v, f"planner-{f}-{n:08d}"),
                lambda f=family, v=version, n=n: decide("second", f, v, f"second-{f}-{n:08d}0"),
            ])
        )  # fmt: skip
    before = Step.objects.count()
    written = together([lambda n=n: writer(n, each) for n in range(min(writers, len(listed)))])
    verdict = chain.verify()
    sys.stdout.write(json.dumps({
        "pairs": [sorted(r) for r in results], "pair_steps": before, "written": written,
        "steps": Step.objects.count(), "log_steps": Entry.objects.filter(kind="step").count(),
        "versions": sum(Case.objects.values_list("version", flat=True)), "whole": verdict.whole, "lines": verdict.lines,
    }))  # fmt: skip


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
