"""One desk for all tests of this folder: a home of its own, a loaded bundle, and every test undone at its end."""

import os
import shutil
import tempfile
from pathlib import Path

import homes
import pytest

HOME = homes.make(Path(tempfile.mkdtemp(prefix="desk-")), hosts='["testserver"]')
os.environ["DESK_HOME"] = str(HOME)
os.environ["DJANGO_SETTINGS_MODULE"] = "pipeline.desk.settings"

import django  # noqa: E402

django.setup()

from django.core.management import call_command  # noqa: E402
from django.db import connection, transaction  # noqa: E402
from django.test import Client  # noqa: E402

from pipeline.desk import loading, models  # noqa: E402


@pytest.fixture(scope="session")
def furnished():
    """The desk with the first bundle, the accounts of homes.PEOPLE and the list of 3315 released."""
    call_command("migrate", interactive=False, verbosity=0)
    loading.load(HOME / "data" / "published")
    homes.furnish()
    yield HOME
    connection.close()
    shutil.rmtree(HOME, ignore_errors=True)


@pytest.fixture
def desk(furnished):
    """The furnished desk; what the test writes is undone."""
    with transaction.atomic():
        yield furnished
        transaction.set_rollback(True)


@pytest.fixture
def person(desk):
    """A person by account name."""
    return lambda name: models.Account.objects.get(username=name)


@pytest.fixture
def client_of(person):
    """A signed-in browser without JavaScript, by account name; reads English."""

    def make(name):
        client = Client()
        account = person(name)
        account.language = "en"
        account.save()
        client.force_login(account, backend="django.contrib.auth.backends.ModelBackend")
        return client

    return make
