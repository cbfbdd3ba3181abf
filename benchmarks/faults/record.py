"""What the desk's database holds of decisions, as one JSON object: steps, cases, releases, looks, lines of the log;
and its URL table.

`python -m benchmarks.faults.record`, with the environment that names the desk (DESK_HOME, DESK_DATABASE).
"""

import json
import os
import sys
from typing import Any


def held() -> dict[str, Any]:
    """Django is set up."""
    from pipeline.desk import chain
    from pipeline.desk.models import Account, Case, Correction, Entry, Export, Identity, Look, Release, Step
    from pipeline.desk.urls import urlpatterns

    steps = Step.objects.order_by("pk").select_related("case", "account")
    verdict = chain.verify()
    return {
        "steps": [
            {"family": s.case.kpm_id, "version": s.version, "note": s.note, "by": s.account.username, "key": s.key,
             "outcome": s.outcome}
            for s in steps
        ],
        "lines": [json.loads(e.body) for e in Entry.objects.order_by("seq")],
        "cases": dict(Case.objects.values_list("kpm_id", "version")),
        "corrections": list(Correction.objects.values_list("kpm_id", "state")),
        "releases": list(Release.objects.order_by("pk").values_list("regency_code", "proposed_by", "released_by")),
        "looks": list(Look.objects.order_by("pk").values_list("kpm_id", "account__username", "what", "reason")),
        "exports": list(Export.objects.order_by("pk").values_list("account__username", "scope")),
        "names": list(Identity.objects.order_by("pk").values_list("kpm_id", "name")),
        "accounts": list(Account.objects.order_by("pk").values_list("username", "role", "area", "facilitator_id")),
        "routes": {str(p.name): "/" + str(p.pattern) for p in urlpatterns}, "whole": verdict.whole,
    }  # fmt: skip


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pipeline.desk.settings")
    import django

    django.setup()
    sys.stdout.write(json.dumps(held()))
