"""What the desk keeps: published rows, accounts, cases with their steps, the log, and who looked."""

from typing import ClassVar

from django.contrib.auth.models import AbstractUser
from django.db import models

FACILITATOR, REVIEWER, PLANNER = "facilitator", "district_reviewer", "planner"
OFFICER, AUDITOR, ADMINISTRATOR = "officer", "auditor", "administrator"
ROLES = (FACILITATOR, REVIEWER, PLANNER, OFFICER, AUDITOR, ADMINISTRATOR)
CODE, ID = 16, 64


class Account(AbstractUser):
    """A person who signs in. `area` is a prefix of the Kemendagri code: 4 digits a regency, 6 a district, 2 or none."""

    role = models.CharField(max_length=20, choices=[(r, r) for r in ROLES])
    area = models.CharField(max_length=6, blank=True)
    facilitator_id = models.CharField(max_length=ID, blank=True)
    language = models.CharField(max_length=2, default="id")
    must_change = models.BooleanField(default=False)
    salt = models.PositiveIntegerField(default=0)
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    def get_session_auth_hash(self) -> str:
        """Changes with password, role, area and `salt`, so that each of them ends every session of the account."""
        return f"{super().get_session_auth_hash()}:{self.role}:{self.area}:{self.facilitator_id}:{self.salt}"

    def get_session_auth_fallback_hash(self):  # type: ignore[no-untyped-def]
        """No secret of the past is accepted."""
        return iter(())


class Bundle(models.Model):
    """A bundle that was loaded; the highest number is the one shown."""

    number = models.PositiveIntegerField(primary_key=True)
    manifest_sha256 = models.CharField(max_length=64)
    key_sha256 = models.CharField(max_length=64)
    as_of = models.DateField()
    lineage = models.CharField(max_length=64)
    simulated = models.BooleanField()
    facts = models.JSONField()
    words = models.JSONField()
    loaded_at = models.DateTimeField()


class LoadAttempt(models.Model):
    """Every attempt to load a bundle, and why it was refused."""

    at = models.DateTimeField()
    number = models.PositiveIntegerField(null=True)
    problem = models.CharField(max_length=40, blank=True)
    detail = models.CharField(max_length=300, blank=True)


class Family(models.Model):
    """One active family as published with bundle `number`. `place` is its rank, the order of every list."""

    number = models.PositiveIntegerField()
    kpm_id = models.CharField(max_length=ID)
    place = models.BigIntegerField()
    regency_code = models.CharField(max_length=CODE)
    district_code = models.CharField(max_length=CODE)
    district_name = models.CharField(max_length=100)
    village_code = models.CharField(max_length=CODE)
    village_name = models.CharField(max_length=100)
    facilitator_id = models.CharField(max_length=ID)
    rank_in_regency = models.IntegerField(null=True)
    rank_in_facilitator = models.IntegerField(null=True)
    status = models.CharField(max_length=8)
    probability = models.FloatField()
    lower = models.FloatField()
    upper = models.FloatField()
    band = models.CharField(max_length=20)
    borderline = models.BooleanField()
    segment = models.CharField(max_length=30)
    phase = models.CharField(max_length=20)
    pathway = models.CharField(max_length=30)
    holds = models.CharField(max_length=300)
    change = models.CharField(max_length=8, blank=True)

    class Meta:
        """Every list is read in order of `place` along one of these."""

        constraints: ClassVar = [models.UniqueConstraint(fields=["number", "kpm_id"], name="family_once")]
        indexes: ClassVar = [
            models.Index(fields=["number", "regency_code", "status", "place"], name="family_regency"),
            models.Index(fields=["number", "district_code", "status", "place"], name="family_district"),
            models.Index(fields=["number", "village_code", "status", "place"], name="family_village"),
            models.Index(fields=["number", "facilitator_id", "status", "place"], name="family_facilitator"),
            models.Index(fields=["number", "status", "place"], name="family_status"),
            models.Index(fields=["number", "regency_code", "place"], name="family_regency_all"),
            models.Index(fields=["number", "place"], name="family_all"),
        ]


class Regency(models.Model):
    """A regency's districts as places.counted tells them."""

    number = models.PositiveIntegerField()
    code = models.CharField(max_length=CODE)
    districts = models.JSONField()

    class Meta:
        """One row a regency and bundle."""

        constraints: ClassVar = [models.UniqueConstraint(fields=["number", "code"], name="regency_once")]


class Detail(models.Model):
    """What a family's page shows beside its row: JSON under zlib, by sections of the bundle."""

    number = models.PositiveIntegerField()
    kpm_id = models.CharField(max_length=ID)
    body = models.BinaryField()

    class Meta:
        """One row a family and bundle."""

        constraints: ClassVar = [models.UniqueConstraint(fields=["number", "kpm_id"], name="detail_once")]


class Identity(models.Model):
    """The caretaker's name and numbers; nothing else of the desk holds them. `name_key` is the name to search by."""

    number = models.PositiveIntegerField()
    kpm_id = models.CharField(max_length=ID)
    regency_code = models.CharField(max_length=CODE)
    name = models.CharField(max_length=200)
    name_key = models.CharField(max_length=200)
    nik = models.CharField(max_length=32)
    family_card_no = models.CharField(max_length=32)

    class Meta:
        """Searched by the beginning of the name."""

        constraints: ClassVar = [models.UniqueConstraint(fields=["number", "kpm_id"], name="identity_once")]
        indexes: ClassVar = [
            models.Index(fields=["number", "regency_code", "name_key"], name="identity_regency"),
            models.Index(fields=["number", "name_key"], name="identity_name"),
        ]


class Change(models.Model):
    """A family that entered or left a list with this bundle, and why."""

    number = models.PositiveIntegerField()
    kpm_id = models.CharField(max_length=ID)
    change = models.CharField(max_length=8)
    why = models.CharField(max_length=30)
    regency_code = models.CharField(max_length=CODE)
    facilitator_id = models.CharField(max_length=ID)

    class Meta:
        """Read by regency."""

        constraints: ClassVar = [models.UniqueConstraint(fields=["number", "kpm_id"], name="change_once")]
        indexes: ClassVar = [models.Index(fields=["number", "regency_code"], name="change_regency")]


class Release(models.Model):
    """A regency's list of one bundle, proposed by one person and released by another, until it expires."""

    regency_code = models.CharField(max_length=CODE)
    number = models.PositiveIntegerField()
    proposed_by = models.ForeignKey(Account, models.PROTECT, related_name="+")
    proposed_at = models.DateTimeField()
    released_by = models.ForeignKey(Account, models.PROTECT, related_name="+", null=True)
    released_at = models.DateTimeField(null=True)
    expires_on = models.DateField(null=True)

    class Meta:
        """One release of a list."""

        constraints: ClassVar = [models.UniqueConstraint(fields=["regency_code", "number"], name="release_once")]


class Case(models.Model):
    """The workflow of one family; survives every bundle. `version` is what a form must know to change it."""

    kpm_id = models.CharField(max_length=ID, unique=True)
    regency_code = models.CharField(max_length=CODE)
    district_code = models.CharField(max_length=CODE)
    facilitator_id = models.CharField(max_length=ID)
    round = models.PositiveIntegerField(default=1)
    state = models.CharField(max_length=12)
    state_before = models.CharField(max_length=12, blank=True)
    version = models.PositiveIntegerField(default=1)
    due_on = models.DateField(null=True)
    changed_at = models.DateTimeField()
    opened_at = models.DateTimeField()
    band = models.CharField(max_length=20)
    pathway = models.CharField(max_length=30)
    segment = models.CharField(max_length=30)

    class Meta:
        """Work is read by scope and state."""

        indexes: ClassVar = [
            models.Index(fields=["regency_code", "state"], name="case_regency"),
            models.Index(fields=["facilitator_id", "state"], name="case_facilitator"),
        ]


class Step(models.Model):
    """One decision about a case. Append-only. `key` makes a double click one step."""

    case = models.ForeignKey(Case, models.PROTECT, related_name="steps")
    round = models.PositiveIntegerField()
    version = models.PositiveIntegerField()
    key = models.CharField(max_length=64, unique=True)
    action = models.CharField(max_length=20)
    outcome = models.CharField(max_length=20)
    reason = models.CharField(max_length=30, blank=True)
    note = models.TextField(blank=True)
    documents = models.JSONField(default=list)
    dimensions = models.JSONField(default=dict)
    happened_on = models.DateField()
    state_from = models.CharField(max_length=12)
    state_to = models.CharField(max_length=12)
    account = models.ForeignKey(Account, models.PROTECT, related_name="+")
    role = models.CharField(max_length=20)
    at = models.DateTimeField()
    number = models.PositiveIntegerField()
    status = models.CharField(max_length=8)
    rank_in_regency = models.IntegerField(null=True)
    probability = models.FloatField(null=True)
    override = models.BooleanField(default=False)
    score_seen = models.BooleanField(default=False)

    class Meta:
        """One step a version."""

        constraints: ClassVar = [models.UniqueConstraint(fields=["case", "version"], name="step_once")]


class Correction(models.Model):
    """Data said to be wrong; a case of its own, never a graduation."""

    kpm_id = models.CharField(max_length=ID, db_index=True)
    regency_code = models.CharField(max_length=CODE)
    step = models.OneToOneField(Step, models.PROTECT)
    field = models.CharField(max_length=30)
    state = models.CharField(max_length=12)
    closed_by = models.ForeignKey(Step, models.PROTECT, null=True, related_name="+")


class Entry(models.Model):
    """One line of the decision log. Append-only; `hash` = SHA256(0x00 || previous || body)."""

    seq = models.BigIntegerField(primary_key=True)
    kind = models.CharField(max_length=30)
    body = models.TextField()
    previous = models.CharField(max_length=64)
    hash = models.CharField(max_length=64)


class Head(models.Model):
    """The end of the log, locked by whoever appends."""

    name = models.CharField(max_length=8, primary_key=True)
    seq = models.BigIntegerField()
    hash = models.CharField(max_length=64)


class Look(models.Model):
    """Who opened which family's page or identity, when and why. Append-only."""

    account = models.ForeignKey(Account, models.PROTECT, related_name="+")
    kpm_id = models.CharField(max_length=ID, db_index=True)
    what = models.CharField(max_length=10)
    reason = models.CharField(max_length=200, blank=True)
    at = models.DateTimeField()


class Export(models.Model):
    """A file that left the desk, or came back."""

    account = models.ForeignKey(Account, models.PROTECT, related_name="+")
    kind = models.CharField(max_length=12)
    scope = models.CharField(max_length=80)
    rows = models.PositiveIntegerField()
    sha256 = models.CharField(max_length=64)
    mark = models.CharField(max_length=32, unique=True)
    number = models.PositiveIntegerField()
    at = models.DateTimeField()
