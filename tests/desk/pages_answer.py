"""Every page of a planner and an auditor once, on whatever database the environment names; prints status by path."""

import json
import os
import sys

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pipeline.desk.settings")

import django

django.setup()

from django.test import Client  # noqa: E402

from pipeline.desk.models import Account  # noqa: E402

PATHS = {
    "planner": ["/", "/list/", "/list/?status=all&state=waiting", "/list/?change=entered", "/family/K3315000/", "/family/K3315000/refusal/",
                "/regencies/3315/", "/export/"],
    "officer": ["/regencies/", "/list/?regency=3315"],
    "auditor": ["/audit/", "/audit/log/", "/audit/questions/looks.csv", "/audit/extract.csv", "/audit/head.json"],
}  # fmt: skip
found = {}
for name, paths in PATHS.items():
    client = Client(headers={"host": "localhost"})
    client.force_login(Account.objects.get(username=name), backend="django.contrib.auth.backends.ModelBackend")
    found |= {f"{name} {path}": client.get(path).status_code for path in paths}
    if name == "planner":
        found["search"] = client.post("/list/", {"q": "ibu contoh 00"}).status_code
        found["export"] = client.post("/export/", {}).status_code
sys.stdout.write(json.dumps(found))
