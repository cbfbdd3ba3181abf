"""The decision log: by hand, every tampering named, the exported head against cutting and rewriting, the triggers."""

import hashlib
import json
import random

import pytest
import walks
from bundles import kpm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.db import DatabaseError, connection, transaction

from pipeline.desk import chain, keys
from pipeline.desk.models import Entry, Head, Look, Step

SIGNER = Ed25519PrivateKey.from_private_bytes(bytes(32))


@pytest.fixture
def log(desk):
    """Some lines of a family's way, and the triggers put aside as whoever owns the machine can."""
    walks.walk(kpm("3315", 0))
    with connection.cursor() as cursor:
        cursor.execute("DROP TRIGGER desk_entry_no_UPDATE")
        cursor.execute("DROP TRIGGER desk_entry_no_DELETE")
    return list(Entry.objects.order_by("seq"))


def test_a_line_by_hand(desk):
    before = Entry.objects.order_by("-seq").first()
    made = chain.append("test", {"b": 1, "a": "é"})
    assert json.loads(made.body)["body"] == {"a": "é", "b": 1}
    assert made.body.index('"a"') < made.body.index('"b"')
    assert made.hash == hashlib.sha256(b"\x00" + bytes.fromhex(before.hash) + made.body.encode()).hexdigest()


def test_the_canonical_form_is_one():
    assert chain.canonical({"b": [1.5, None], "a": {"y": 2, "x": "ü"}}) == '{"a":{"x":"ü","y":2},"b":["1.5",null]}'


def test_an_untouched_log_holds_with_any_head_of_its_past(log):
    head = chain.signed_head(SIGNER)
    assert chain.verify() == chain.verify(head) == chain.Verdict(len(log), None, "")
    chain.append("later", {})
    assert chain.verify(head) == chain.Verdict(len(log) + 1, None, "")


def edit(line):
    Entry.objects.filter(seq=line.seq).update(body=line.body.replace('"at":"20', '"at":"19', 1))


def rename(line):
    Entry.objects.filter(seq=line.seq).update(kind="x")


def cut_out(line):
    Entry.objects.filter(seq=line.seq).delete()


def forge(line):
    """A changed line with its own hash right again."""
    body = line.body.replace('"at":"20', '"at":"19', 1)
    Entry.objects.filter(seq=line.seq).update(body=body, hash=chain.link(line.previous, body))


PROBLEMS = {
    edit: "its content was changed", rename: "its number or kind was changed", forge: "does not follow from the line before",
    cut_out: "line {} is missing, line {} stands in its place",
}  # fmt: skip


@pytest.mark.parametrize("tamper", PROBLEMS)
@pytest.mark.parametrize("seed", range(5))
def test_every_tampering_is_found_at_its_line(log, tamper, seed):
    line = random.Random(seed).choice(log[:-1])
    tamper(line)
    # A forged line is right in itself: it is seen where the next does not follow.
    at = line.seq + 1 if tamper is forge else line.seq
    assert chain.verify() == chain.Verdict(at - 1, at, PROBLEMS[tamper].format(at, at + 1))


def test_swapped_lines_are_found(log):
    first, second = log[1], log[2]
    Entry.objects.filter(seq=first.seq).update(body=second.body, hash=second.hash)
    assert chain.verify().broken_at == first.seq


def test_a_cut_tail_is_found_by_the_exported_head(log):
    head = chain.signed_head(SIGNER)
    last = log[-2]
    Entry.objects.filter(seq__gt=last.seq).delete()
    Head.objects.update(seq=last.seq, hash=last.hash)
    assert chain.verify().whole, "without the head nobody can tell"
    at = last.seq + 1
    assert chain.verify(head) == chain.Verdict(at - 1, at, f"the exported head is line {at}: the log was cut")


def test_a_cut_tail_is_found_by_the_logs_own_head(log):
    last = log[-2]
    Entry.objects.filter(seq__gt=last.seq).delete()
    at = last.seq + 1
    assert chain.verify() == chain.Verdict(at - 1, at, f"the log's own head is line {at}: lines are missing")


def test_a_log_written_anew_is_found_by_the_exported_head(log):
    head = chain.signed_head(SIGNER)
    previous = log[0].previous
    for line in log:
        body = line.body.replace('"at":"20', '"at":"19', 1)
        Entry.objects.filter(seq=line.seq).update(previous=previous, body=body, hash=chain.link(previous, body))
        previous = chain.link(previous, body)
    Head.objects.update(hash=previous)
    assert chain.verify().whole, "without the head nobody can tell"
    at, problem = log[-1].seq, "the exported head has another hash here: the log was written anew"
    assert chain.verify(head) == chain.Verdict(at - 1, at, problem)
    chain.append("later", {})
    assert chain.verify(head) == chain.Verdict(at - 1, at, problem)


def test_the_head_of_a_log_without_a_line_is_the_start(desk):
    Head.objects.all().delete()
    head = chain.signed_head(SIGNER)
    assert (head["seq"], head["hash"]) == (0, "0" * 64)
    assert chain.head_is_ours(head, keys.public_text(SIGNER))


def test_a_forged_head_is_told_from_ours(log):
    head, ours = chain.signed_head(SIGNER), keys.public_text(SIGNER)
    assert chain.head_is_ours(head, ours)
    assert set(head) == {"seq", "hash", "at", "signature", "public_key"}
    assert head["public_key"] == ours
    assert not chain.head_is_ours({k: v for k, v in head.items() if k != "signature"}, ours)
    assert not chain.head_is_ours({**head, "seq": head["seq"] + 1}, ours)
    assert not chain.head_is_ours({**head, "signature": "00"}, ours)
    assert not chain.head_is_ours(head, keys.public_text(Ed25519PrivateKey.generate()))


@pytest.mark.parametrize("model", [Entry, Step, Look])
def test_the_database_itself_refuses_to_change_or_delete(client_of, model):
    walks.record("planner", kpm("3315", 1), "visit", "again")
    client_of("planner").get(f"/family/{kpm('3315', 1)}/")
    assert model.objects.exists()
    table, key = model._meta.db_table, model._meta.pk.column
    for statement in (f"DELETE FROM {table}", f"UPDATE {table} SET {key} = {key}"):
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)


def test_a_decision_and_its_line_stand_together_or_not_at_all(desk, monkeypatch):
    def fail(*_):
        raise RuntimeError("full disk")

    lines = Entry.objects.count()
    monkeypatch.setattr(chain, "link", fail)
    with pytest.raises(RuntimeError), transaction.atomic():
        walks.record("planner", kpm("3315", 0), "visit", "fit")
    assert (Step.objects.count(), Entry.objects.count()) == (0, lines)


def test_the_log_holds_no_note_and_no_name(desk):
    walks.record("planner", kpm("3315", 0), "visit", "fit", note="Ibu Contoh lives here")
    body = Entry.objects.order_by("-seq").first().body
    assert "Ibu" not in body
    assert json.loads(body)["body"]["note_sha256"] == hashlib.sha256(b"Ibu Contoh lives here").hexdigest()
