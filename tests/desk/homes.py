"""Homes for the desk: a folder with configuration, bundle and accounts; commands run in processes of their own."""

import os
import subprocess
import sys
from pathlib import Path

import bundles

PROJECT = Path(__file__).resolve().parents[2]
PASSWORD = "Kata-sandi-uji-77"  # of the tests' own accounts
PEOPLE = (
    ("planner", "planner", "3315", ""),
    ("second", "planner", "3315", ""),
    ("planner2", "planner", "3509", ""),
    ("reviewer", "district_reviewer", "331501", ""),
    ("facilitator", "facilitator", "", "F33150"),
    ("officer", "officer", "", ""),
    ("auditor", "auditor", "", ""),
    ("administrator", "administrator", "", ""),
)


def make(root: Path, **changes: str) -> Path:
    """configs/desk.toml and a bundle under `root`; `changes` replace lines of the configuration."""
    (root / "configs").mkdir(parents=True, exist_ok=True)
    lines = (PROJECT / "configs" / "desk.toml").read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines if line.partition(" ")[0] not in changes]
    text = "\n".join([*kept, *(f"{k} = {v}" for k, v in changes.items())])
    (root / "configs" / "desk.toml").write_text(text + "\n", encoding="utf-8")
    bundles.write(root / "data" / "published")
    return root


def environment(root: Path, **more: str) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if k not in ("DESK_DATABASE", "DJANGO_SETTINGS_MODULE")}
    return kept | {"DESK_HOME": str(root), "PYTHONPATH": f"{PROJECT}{os.pathsep}{Path(__file__).parent}", **more}


def run(root: Path, *arguments: str, given: str = "", **more: str) -> "subprocess.CompletedProcess[str]":
    """`python -m pipeline.desk ARGUMENTS` at home in `root`."""
    command = [sys.executable, "-W", "error", "-m", "pipeline.desk", *arguments]
    return subprocess.run(
        command, cwd=PROJECT, env=environment(root, **more), input=given, capture_output=True, text=True, timeout=120
    )


def furnish() -> None:
    """Accounts, and the list of 3315 released by two people; Django is set up and the bundle loaded."""
    from pipeline.desk import decisions
    from pipeline.desk.models import Account

    for name, role, area, facilitator in PEOPLE:
        account = Account(username=name, role=role, area=area, facilitator_id=facilitator)
        account.set_password(PASSWORD)
        account.save()
    for name in ("planner", "second"):
        decisions.release(Account.objects.get(username=name), "3315")


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pipeline.desk.settings")
    import django

    django.setup()
    furnish()
