"""Is any tampering with the desk's decision log overlooked, and is an untouched log ever called tampered with?

`python -m benchmarks.tampering_log --times 5000` makes a desk in a temporary folder (SQLite), writes lines to its log,
exports the signed head, puts the triggers aside as whoever owns the machine can, and tampers: a line's text or hash
changed, a line deleted, two swapped, one inserted, the end cut off with the log's own head put right, the log written
anew from a line on with every hash right. Each is undone. The seed of a tampering is its number.
"""

import os
import random
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

PROJECT = Path(__file__).resolve().parents[1]
TRIGGERS = ("desk_entry_no_UPDATE", "desk_entry_no_DELETE")


def furnished(home: Path) -> None:
    """Django set up on a desk of its own below `home`."""
    (home / "configs").mkdir(parents=True)
    shutil.copy(PROJECT / "configs" / "desk.toml", home / "configs")
    os.environ["DESK_HOME"], os.environ["DJANGO_SETTINGS_MODULE"] = str(home), "pipeline.desk.settings"
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", interactive=False, verbosity=0)


def written(lines: int) -> dict[str, Any]:
    """Lines in the log, the triggers away; the exported head."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from django.db import connection, transaction

    from pipeline.desk import chain

    with transaction.atomic():
        for number in range(lines):
            chain.append("step", {"family": f"K{number:09d}", "action": "visit", "outcome": "met"})
    with connection.cursor() as cursor:
        for trigger in TRIGGERS:
            cursor.execute(f"DROP TRIGGER IF EXISTS {trigger}")
    head: dict[str, Any] = chain.signed_head(Ed25519PrivateKey.generate())
    return head


def relinked(entries: list[Any]) -> None:
    """Every line's hash right again, in the order given, and the log's own head with them."""
    from pipeline.desk import chain
    from pipeline.desk.models import Entry, Head

    previous = entries[0].previous
    for entry in entries:
        entry.previous, entry.hash = previous, chain.link(previous, entry.body)
        Entry.objects.filter(pk=entry.pk).update(body=entry.body, previous=entry.previous, hash=entry.hash)
        previous = entry.hash
    Head.objects.filter(name=chain.LOG).update(seq=entries[-1].seq, hash=previous)


def body_changed(entries: list[Any], draw: random.Random) -> None:
    entry = draw.choice(entries)
    at = draw.randrange(len(entry.body))
    other = draw.choice([c for c in '0aZ "' if c != entry.body[at]])
    type(entry).objects.filter(pk=entry.pk).update(body=entry.body[:at] + other + entry.body[at + 1 :])


def hash_changed(entries: list[Any], draw: random.Random) -> None:
    entry = draw.choice(entries)
    at = draw.randrange(len(entry.hash))
    other = draw.choice([c for c in "0123456789abcdef" if c != entry.hash[at]])
    type(entry).objects.filter(pk=entry.pk).update(hash=entry.hash[:at] + other + entry.hash[at + 1 :])


def deleted(entries: list[Any], draw: random.Random) -> None:
    type(entries[0]).objects.filter(pk=draw.choice(entries).pk).delete()


def swapped(entries: list[Any], draw: random.Random) -> None:
    first, second = draw.sample(entries, 2)
    for entry, other in ((first, second), (second, first)):
        type(entry).objects.filter(pk=entry.pk).update(body=other.body, hash=other.hash)


def inserted(entries: list[Any], draw: random.Random) -> None:
    """One line more at the end, its hash right, the log's own head left as it was."""
    from pipeline.desk import chain
    from pipeline.desk.models import Entry

    last = entries[-1]
    body = last.body.replace(f'"seq":{last.seq}', f'"seq":{last.seq + 1}')
    Entry(seq=last.seq + 1, kind=last.kind, body=body, previous=last.hash, hash=chain.link(last.hash, body)).save(
        force_insert=True
    )


def cut(entries: list[Any], draw: random.Random) -> None:
    from pipeline.desk import chain
    from pipeline.desk.models import Entry, Head

    kept = entries[draw.randrange(len(entries) - 1)]
    Entry.objects.filter(seq__gt=kept.seq).delete()
    Head.objects.filter(name=chain.LOG).update(seq=kept.seq, hash=kept.hash)


def rewritten(entries: list[Any], draw: random.Random) -> None:
    start = draw.randrange(len(entries))
    entries[start].body = entries[start].body.replace('"met"', '"not met"')
    relinked(entries[start:])


KINDS: Mapping[str, Callable[[list[Any], random.Random], None]] = {
    "text of a line": body_changed,
    "hash of a line": hash_changed,
    "line deleted": deleted,
    "lines swapped": swapped,
    "line inserted": inserted,
    "end cut off": cut,
    "written anew from a line on": rewritten,
}


def overlooked(head: Mapping[str, Any], number: int) -> tuple[str, bool]:
    """The kind of one tampering, and whether nothing was found; undone."""
    from django.db import transaction

    from pipeline.desk import chain
    from pipeline.desk.models import Entry

    kind = list(KINDS)[number % len(KINDS)]
    with transaction.atomic():
        KINDS[kind](list(Entry.objects.order_by("seq")), random.Random(number))
        whole = chain.verify(head).whole
        transaction.set_rollback(True)
    return kind, whole


def main(
    times: Annotated[int, typer.Option(help="Tamperings.")] = 5000,
    untouched: Annotated[int, typer.Option(help="Checks of the untouched log.")] = 1000,
    lines: Annotated[int, typer.Option(help="Lines of the log.")] = 100,
) -> None:
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        furnished(Path(folder) / "desk")
        head = written(lines)
        from pipeline.desk import chain

        found = [overlooked(head, number) for number in range(times)]
        alarms = sum(not chain.verify(head).whole for _ in range(untouched))
    tried, missed = Counter(kind for kind, _ in found), Counter(kind for kind, whole in found if whole)
    for kind in KINDS:
        typer.echo(f"{kind:<28}{tried[kind] - missed[kind]:>6} of {tried[kind]} found")
    typer.echo(f"{'all':<28}{times - sum(missed.values()):>6} of {times} found")
    typer.echo(
        f"untouched                   {untouched:>6} checks, {alarms} alarms; {time.perf_counter() - start:.0f} s"
    )
    if missed or alarms:
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
