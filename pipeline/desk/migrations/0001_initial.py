"""The first tables of the desk."""

import django.contrib.auth.models
import django.contrib.auth.validators
import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    """All tables."""

    initial = True

    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
    ]

    operations = [
        migrations.CreateModel(
            name="Bundle",
            fields=[
                ("number", models.PositiveIntegerField(primary_key=True, serialize=False)),
                ("manifest_sha256", models.CharField(max_length=64)),
                ("key_sha256", models.CharField(max_length=64)),
                ("as_of", models.DateField()),
                ("lineage", models.CharField(max_length=64)),
                ("simulated", models.BooleanField()),
                ("facts", models.JSONField()),
                ("words", models.JSONField()),
                ("loaded_at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="Entry",
            fields=[
                ("seq", models.BigIntegerField(primary_key=True, serialize=False)),
                ("kind", models.CharField(max_length=30)),
                ("body", models.TextField()),
                ("previous", models.CharField(max_length=64)),
                ("hash", models.CharField(max_length=64)),
            ],
        ),
        migrations.CreateModel(
            name="Head",
            fields=[
                ("name", models.CharField(max_length=8, primary_key=True, serialize=False)),
                ("seq", models.BigIntegerField()),
                ("hash", models.CharField(max_length=64)),
            ],
        ),
        migrations.CreateModel(
            name="LoadAttempt",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField()),
                ("number", models.PositiveIntegerField(null=True)),
                ("problem", models.CharField(blank=True, max_length=40)),
                ("detail", models.CharField(blank=True, max_length=300)),
            ],
        ),
        migrations.CreateModel(
            name="Account",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("password", models.CharField(max_length=128, verbose_name="password")),
                ("last_login", models.DateTimeField(blank=True, null=True, verbose_name="last login")),
                (
                    "is_superuser",
                    models.BooleanField(
                        default=False,
                        help_text="Designates that this user has all permissions without explicitly assigning them.",
                        verbose_name="superuser status",
                    ),
                ),
                (
                    "username",
                    models.CharField(
                        error_messages={"unique": "A user with that username already exists."},
                        help_text="Required. 150 characters or fewer. Letters, digits and @/./+/-/_ only.",
                        max_length=150,
                        unique=True,
                        validators=[django.contrib.auth.validators.UnicodeUsernameValidator()],
                        verbose_name="username",
                    ),
                ),
                ("first_name", models.CharField(blank=True, max_length=150, verbose_name="first name")),
                ("last_name", models.CharField(blank=True, max_length=150, verbose_name="last name")),
                ("email", models.EmailField(blank=True, max_length=254, verbose_name="email address")),
                (
                    "is_staff",
                    models.BooleanField(
                        default=False,
                        help_text="Designates whether the user can log into this admin site.",
                        verbose_name="staff status",
                    ),
                ),
                (
                    "is_active",
                    models.BooleanField(
                        default=True,
                        help_text="Designates whether this user should be treated as active. Unselect this instead of deleting accounts.",
                        verbose_name="active",
                    ),
                ),
                ("date_joined", models.DateTimeField(default=django.utils.timezone.now, verbose_name="date joined")),
                (
                    "role",
                    models.CharField(
                        choices=[
                            ("facilitator", "facilitator"),
                            ("district_reviewer", "district_reviewer"),
                            ("planner", "planner"),
                            ("officer", "officer"),
                            ("auditor", "auditor"),
                            ("administrator", "administrator"),
                        ],
                        max_length=20,
                    ),
                ),
                ("area", models.CharField(blank=True, max_length=6)),
                ("facilitator_id", models.CharField(blank=True, max_length=64)),
                ("language", models.CharField(default="id", max_length=2)),
                ("must_change", models.BooleanField(default=False)),
                ("salt", models.PositiveIntegerField(default=0)),
                (
                    "groups",
                    models.ManyToManyField(
                        blank=True,
                        help_text="The groups this user belongs to. A user will get all permissions granted to each of their groups.",
                        related_name="user_set",
                        related_query_name="user",
                        to="auth.group",
                        verbose_name="groups",
                    ),
                ),
                (
                    "user_permissions",
                    models.ManyToManyField(
                        blank=True,
                        help_text="Specific permissions for this user.",
                        related_name="user_set",
                        related_query_name="user",
                        to="auth.permission",
                        verbose_name="user permissions",
                    ),
                ),
            ],
            options={
                "verbose_name": "user",
                "verbose_name_plural": "users",
                "abstract": False,
            },
            managers=[
                ("objects", django.contrib.auth.models.UserManager()),
            ],
        ),
        migrations.CreateModel(
            name="Case",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kpm_id", models.CharField(max_length=64, unique=True)),
                ("regency_code", models.CharField(max_length=16)),
                ("district_code", models.CharField(max_length=16)),
                ("facilitator_id", models.CharField(max_length=64)),
                ("round", models.PositiveIntegerField(default=1)),
                ("state", models.CharField(max_length=12)),
                ("state_before", models.CharField(blank=True, max_length=12)),
                ("version", models.PositiveIntegerField(default=1)),
                ("due_on", models.DateField(null=True)),
                ("changed_at", models.DateTimeField()),
                ("opened_at", models.DateTimeField()),
                ("band", models.CharField(max_length=20)),
                ("pathway", models.CharField(max_length=30)),
                ("segment", models.CharField(max_length=30)),
            ],
            options={
                "indexes": [
                    models.Index(fields=["regency_code", "state"], name="case_regency"),
                    models.Index(fields=["facilitator_id", "state"], name="case_facilitator"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Change",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("number", models.PositiveIntegerField()),
                ("kpm_id", models.CharField(max_length=64)),
                ("change", models.CharField(max_length=8)),
                ("why", models.CharField(max_length=30)),
                ("regency_code", models.CharField(max_length=16)),
                ("facilitator_id", models.CharField(max_length=64)),
            ],
            options={
                "indexes": [models.Index(fields=["number", "regency_code"], name="change_regency")],
                "constraints": [models.UniqueConstraint(fields=("number", "kpm_id"), name="change_once")],
            },
        ),
        migrations.CreateModel(
            name="Detail",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("number", models.PositiveIntegerField()),
                ("kpm_id", models.CharField(max_length=64)),
                ("body", models.BinaryField()),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("number", "kpm_id"), name="detail_once")],
            },
        ),
        migrations.CreateModel(
            name="Export",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kind", models.CharField(max_length=12)),
                ("scope", models.CharField(max_length=80)),
                ("rows", models.PositiveIntegerField()),
                ("sha256", models.CharField(max_length=64)),
                ("mark", models.CharField(max_length=32, unique=True)),
                ("number", models.PositiveIntegerField()),
                ("at", models.DateTimeField()),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Family",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("number", models.PositiveIntegerField()),
                ("kpm_id", models.CharField(max_length=64)),
                ("place", models.BigIntegerField()),
                ("regency_code", models.CharField(max_length=16)),
                ("district_code", models.CharField(max_length=16)),
                ("district_name", models.CharField(max_length=100)),
                ("village_code", models.CharField(max_length=16)),
                ("village_name", models.CharField(max_length=100)),
                ("facilitator_id", models.CharField(max_length=64)),
                ("rank_in_regency", models.IntegerField(null=True)),
                ("rank_in_facilitator", models.IntegerField(null=True)),
                ("status", models.CharField(max_length=8)),
                ("probability", models.FloatField()),
                ("lower", models.FloatField()),
                ("upper", models.FloatField()),
                ("band", models.CharField(max_length=20)),
                ("borderline", models.BooleanField()),
                ("segment", models.CharField(max_length=30)),
                ("phase", models.CharField(max_length=20)),
                ("pathway", models.CharField(max_length=30)),
                ("holds", models.CharField(max_length=300)),
                ("change", models.CharField(blank=True, max_length=8)),
            ],
            options={
                "indexes": [
                    models.Index(fields=["number", "regency_code", "status", "place"], name="family_regency"),
                    models.Index(fields=["number", "district_code", "status", "place"], name="family_district"),
                    models.Index(fields=["number", "village_code", "status", "place"], name="family_village"),
                    models.Index(fields=["number", "facilitator_id", "status", "place"], name="family_facilitator"),
                    models.Index(fields=["number", "status", "place"], name="family_status"),
                    models.Index(fields=["number", "regency_code", "place"], name="family_regency_all"),
                    models.Index(fields=["number", "place"], name="family_all"),
                ],
                "constraints": [models.UniqueConstraint(fields=("number", "kpm_id"), name="family_once")],
            },
        ),
        migrations.CreateModel(
            name="Identity",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("number", models.PositiveIntegerField()),
                ("kpm_id", models.CharField(max_length=64)),
                ("regency_code", models.CharField(max_length=16)),
                ("name", models.CharField(max_length=200)),
                ("name_key", models.CharField(max_length=200)),
                ("nik", models.CharField(max_length=32)),
                ("family_card_no", models.CharField(max_length=32)),
            ],
            options={
                "indexes": [
                    models.Index(fields=["number", "regency_code", "name_key"], name="identity_regency"),
                    models.Index(fields=["number", "name_key"], name="identity_name"),
                ],
                "constraints": [models.UniqueConstraint(fields=("number", "kpm_id"), name="identity_once")],
            },
        ),
        migrations.CreateModel(
            name="Look",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kpm_id", models.CharField(db_index=True, max_length=64)),
                ("what", models.CharField(max_length=10)),
                ("reason", models.CharField(blank=True, max_length=200)),
                ("at", models.DateTimeField()),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Regency",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("number", models.PositiveIntegerField()),
                ("code", models.CharField(max_length=16)),
                ("districts", models.JSONField()),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("number", "code"), name="regency_once")],
            },
        ),
        migrations.CreateModel(
            name="Step",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("round", models.PositiveIntegerField()),
                ("version", models.PositiveIntegerField()),
                ("key", models.CharField(max_length=64, unique=True)),
                ("action", models.CharField(max_length=20)),
                ("outcome", models.CharField(max_length=20)),
                ("reason", models.CharField(blank=True, max_length=30)),
                ("note", models.TextField(blank=True)),
                ("documents", models.JSONField(default=list)),
                ("dimensions", models.JSONField(default=dict)),
                ("happened_on", models.DateField()),
                ("state_from", models.CharField(max_length=12)),
                ("state_to", models.CharField(max_length=12)),
                ("role", models.CharField(max_length=20)),
                ("at", models.DateTimeField()),
                ("number", models.PositiveIntegerField()),
                ("status", models.CharField(max_length=8)),
                ("rank_in_regency", models.IntegerField(null=True)),
                ("probability", models.FloatField(null=True)),
                ("override", models.BooleanField(default=False)),
                ("score_seen", models.BooleanField(default=False)),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "case",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="steps", to="desk.case"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Correction",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kpm_id", models.CharField(db_index=True, max_length=64)),
                ("regency_code", models.CharField(max_length=16)),
                ("field", models.CharField(max_length=30)),
                ("state", models.CharField(max_length=12)),
                (
                    "closed_by",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="desk.step"
                    ),
                ),
                ("step", models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, to="desk.step")),
            ],
        ),
        migrations.CreateModel(
            name="Release",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("regency_code", models.CharField(max_length=16)),
                ("number", models.PositiveIntegerField()),
                ("proposed_at", models.DateTimeField()),
                ("released_at", models.DateTimeField(null=True)),
                ("expires_on", models.DateField(null=True)),
                (
                    "proposed_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "released_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("regency_code", "number"), name="release_once")],
            },
        ),
        migrations.AddConstraint(
            model_name="step",
            constraint=models.UniqueConstraint(fields=("case", "version"), name="step_once"),
        ),
    ]
