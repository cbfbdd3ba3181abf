"""Steps, log and looks can only be added to: the database itself refuses to change or delete them."""

from typing import Any, ClassVar

from django.db import migrations

TABLES = ("desk_entry", "desk_step", "desk_look")
SQLITE = """CREATE TRIGGER {table}_no_{verb} BEFORE {verb} ON {table}
BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"""
FUNCTION = """CREATE FUNCTION desk_append_only() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$"""
POSTGRESQL = """CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}
FOR EACH STATEMENT EXECUTE FUNCTION desk_append_only()"""


def guard(apps: Any, schema_editor: Any) -> None:
    """Triggers in the words of the database."""
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(FUNCTION, params=None)
        for table in TABLES:
            schema_editor.execute(POSTGRESQL.format(table=table), params=None)
    else:
        for table in TABLES:
            for verb in ("UPDATE", "DELETE"):
                schema_editor.execute(SQLITE.format(table=table, verb=verb), params=None)


class Migration(migrations.Migration):
    """Triggers; there is no way back."""

    dependencies: ClassVar = [("desk", "0001_initial")]
    operations: ClassVar = [migrations.RunPython(guard)]
