"""Nobody changes what was written, and erasing a person's part leaves the chain whole."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import delete, update

from bridge.store import audit
from bridge.store import tables as t
from tests.conftest import START


def entry(kind: str = "case.opened", **fields) -> audit.Entry:
    values = {"at": START, "kind": kind, "actor": "okta", "case_id": 1, "target": "main"}
    return audit.Entry(**(values | fields))


@pytest.fixture
def log(db):
    for n in range(4):
        with db.write() as tx:
            tx.audit(entry(facts={"n": n}, personal={"user_name": f"p{n}@example.com"}))
            tx.audit(entry("case.planned", facts={"n": n}))
    return db


def verified(db) -> tuple[int, str]:
    with db.read() as tx:
        return audit.verify(tx, db.audit_key)


def test_an_untouched_log_holds(log):
    assert verified(log) == (8, "")


def test_an_entry_belongs_to_its_transaction(db):
    with pytest.raises(RuntimeError), db.write() as tx:
        tx.audit(entry())
        raise RuntimeError

    assert verified(db) == (0, "")


@pytest.mark.parametrize(
    ("column", "value"),
    [("actor", "nobody"), ("approver", "ada"), ("kind", "x"), ("target", "y"), ("case_id", 9), ("facts", {"n": 9})],
)
def test_a_changed_entry_is_found(log, column, value):
    with log.write() as tx:
        tx.execute(update(t.audit).where(t.audit.c.seq == 3).values({column: value}))

    assert verified(log)[0] == 2


def test_a_missing_entry_is_found(log):
    with log.write() as tx:
        tx.execute(delete(t.audit).where(t.audit.c.seq == 4))

    assert verified(log) == (3, "entry 4 is missing")


def test_a_log_that_was_cut_off_is_found(log):
    with log.write() as tx:
        tx.execute(delete(t.audit).where(t.audit.c.seq == 8))

    assert verified(log) == (7, "the log was cut off after entry 7")


def test_a_changed_personal_part_is_found(log):
    with log.write() as tx:
        tx.execute(update(t.audit_personal).where(t.audit_personal.c.seq == 1).values(body={"user_name": "x"}))

    assert verified(log)[1] == "the personal part of entry 1 was changed"


def test_erasing_a_personal_part_leaves_the_chain_whole(log):
    with log.write() as tx:
        tx.execute(delete(t.audit_personal).where(t.audit_personal.c.seq == 1))

    assert verified(log) == (8, "")
    with log.read() as tx:
        assert next(audit.read(tx)).personal is None


def test_without_the_key_nobody_can_write_a_chain_that_holds(log):
    with log.write() as tx:
        tx.audit(entry())
        tx.entries, forged = [], tx.entries
        audit.append(tx, audit.drafted(forged), b"another key")

    assert verified(log)[0] == 8


def test_the_key_is_readable_by_its_owner_only_and_stays_the_same(tmp_path):
    key = audit.key_in(tmp_path)

    assert audit.key_in(tmp_path) == key
    assert (tmp_path / "audit.key").stat().st_mode & 0o777 == 0o600


def test_a_broken_key_file_is_refused_in_words(tmp_path):
    (tmp_path / "audit.key").write_text("short")

    with pytest.raises(ValueError, match="64 hex digits"):
        audit.key_in(tmp_path)


_keys = st.text(st.characters(exclude_categories=["Cs"]), max_size=4)
_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | _keys,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_keys, inner, max_size=4),
    max_leaves=8,
)


@given(value=st.dictionaries(_keys, _values, max_size=6))
def test_the_chain_covers_the_same_bytes_for_ever(value):
    """Whichever encoder is quicker: what was written by another version must verify."""
    written = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()

    assert audit._canonical(value) == written


def test_a_number_or_text_that_only_one_encoder_takes_is_covered_too():
    assert audit._canonical({"n": 2**70, "f": 1e22, "s": "\x7f\u2028\x00"}) == (
        b'{"f":1e+22,"n":1180591620717411303424,"s":"\x7f\xe2\x80\xa8\\u0000"}'
    )
