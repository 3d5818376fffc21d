"""The audit log: append-only, chained, in the same transaction as what it records.

The chain is an HMAC with a key that is not in the database. It covers a salted digest of the personal part, which has
a table of its own: erasing a person's row there leaves the chain whole.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import insert, select, update

from bridge.store import tables as t
from bridge.store.columns import milliseconds
from bridge.store.hot import Hot, insertion

if TYPE_CHECKING:
    from bridge.store.db import Tx

_HEAD = Hot(lambda: select(t.audit_head.c.seq, t.audit_head.c.hash).with_for_update())
_MOVE_HEAD = Hot(lambda to, link: update(t.audit_head).values(seq=to, hash=link))
_INSERT = Hot(lambda: insertion(t.audit))
_INSERT_PERSONAL = Hot(lambda: insertion(t.audit_personal))

_ENCODER = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"))
"""What the chain covers is written in this one way for ever."""

_ALIKE = frozenset({str, int, bool, type(None)})
"""What orjson writes as this encoder does, in a tenth of the time. Floats it does not."""

GENESIS = "0" * 64
"""What the first entry names as the hash before it."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One thing that happened. `personal` holds what names a person and may be erased one day; `facts` must not."""

    at: datetime
    kind: str
    """`area.happening`, such as `case.opened`."""
    actor: str
    """Who did it: a connection, `operator:NAME` or `bridge`."""
    approver: str = ""
    """Who approved: `operator:NAME`, or `none: policy X` when nobody had to."""
    case_id: int | None = None
    target: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    personal: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Kept:
    """One entry as read back. `personal` is `None` once erased."""

    seq: int
    entry: Entry
    personal: Mapping[str, Any] | None
    hash: str


def key_in(folder: Path) -> bytes:
    """The chain's key from `audit.key` in that folder; made at first use, readable by its owner only."""
    path = folder / "audit.key"
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        key = path.read_text().strip()
        if len(key) == 64:
            return bytes.fromhex(key)
        raise ValueError(f"{path} does not hold a key of 64 hex digits; put the right one back.") from None
    with os.fdopen(fd, "w") as file:
        key = secrets.token_hex(32)
        file.write(key + "\n")
        file.flush()
        os.fsync(file.fileno())
    return bytes.fromhex(key)


@dataclass(frozen=True)
class Draft:
    """An entry that is ready for the chain: what it says was found to be writable."""

    row: dict[str, Any]
    """Its columns, but for its number and its place in the chain."""
    salt: str = ""
    personal: Mapping[str, Any] = field(default_factory=dict)


def drafted(entries: Iterable[Entry]) -> list[Draft]:
    """The entries, ready to be appended. Raises: `TypeError`, `ValueError` for what JSON cannot say."""
    return [_drafted(entry) for entry in entries]


def _drafted(entry: Entry) -> Draft:
    salt = secrets.token_hex(16) if entry.personal else ""
    row = {
        "at": entry.at,
        "kind": entry.kind,
        "actor": entry.actor,
        "approver": entry.approver,
        "case_id": entry.case_id,
        "target": entry.target,
        "facts": dict(entry.facts),
        "personal_digest": _personal_digest(salt, entry.personal) if entry.personal else "",
    }
    _canonical(row["facts"])
    return Draft(row, salt, entry.personal)


def append(tx: Tx, drafts: Sequence[Draft], key: bytes) -> None:
    """Append the entries in order, numbered from the locked head row. The last statements before a commit."""
    head = _HEAD.first(tx)
    seq, previous = (head.seq, head.hash) if head else (0, GENESIS)
    rows, personal_rows = [], []
    for draft in drafts:
        seq += 1
        row = draft.row | {"seq": seq, "previous": previous}
        row["hash"] = previous = _link(key, row)
        rows.append(row)
        if draft.personal:
            personal_rows.append({"seq": seq, "salt": draft.salt, "body": dict(draft.personal)})
    _INSERT.run_each(tx, rows)
    _INSERT_PERSONAL.run_each(tx, personal_rows)
    if head:
        _MOVE_HEAD.run(tx, to=seq, link=previous)
    else:
        tx.execute(insert(t.audit_head).values(id=1, seq=seq, hash=previous))


def read(tx: Tx, *, case_id: int | None = None, after: int = 0, limit: int | None = None) -> Iterator[Kept]:
    """The entries in order, those of one case or all."""
    query = (
        select(t.audit, t.audit_personal.c.body, t.audit_personal.c.salt)
        .outerjoin(t.audit_personal, t.audit.c.seq == t.audit_personal.c.seq)
        .where(t.audit.c.seq > after)
        .order_by(t.audit.c.seq)
    )
    if case_id is not None:
        query = query.where(t.audit.c.case_id == case_id)
    if limit is not None:
        query = query.limit(limit)
    for row in tx.execute(query):
        entry = Entry(
            at=row.at,
            kind=row.kind,
            actor=row.actor,
            approver=row.approver,
            case_id=row.case_id,
            target=row.target,
            facts=row.facts,
            personal=row.body or {},
        )
        yield Kept(seq=row.seq, entry=entry, personal=row.body, hash=row.hash)


def verify(tx: Tx, key: bytes) -> tuple[int, str]:
    """How many entries hold, and what is wrong with the next one; an empty text when all of them do."""
    previous, count = GENESIS, 0
    query = (
        select(t.audit, t.audit_personal.c.body, t.audit_personal.c.salt)
        .outerjoin(t.audit_personal, t.audit.c.seq == t.audit_personal.c.seq)
        .order_by(t.audit.c.seq)
    )
    for row in tx.execute(query):
        if row.seq != count + 1:
            return count, f"entry {count + 1} is missing"
        values = {c.name: getattr(row, c.name) for c in t.audit.columns if c.name != "hash"}
        if row.previous != previous or not hmac.compare_digest(row.hash, _link(key, values)):
            return count, f"entry {row.seq} was changed, or does not follow entry {count}"
        if row.body is not None and _personal_digest(row.salt, row.body) != row.personal_digest:
            return count, f"the personal part of entry {row.seq} was changed"
        previous, count = row.hash, count + 1
    head = tx.execute(select(t.audit_head.c.seq, t.audit_head.c.hash)).one_or_none()
    if (head.seq, head.hash) != (count, previous) if head else count > 0:
        return count, f"the log was cut off after entry {count}"
    return count, ""


def _link(key: bytes, row: Mapping[str, Any]) -> str:
    values = {**row, "at": milliseconds(row["at"])}
    mac = _keyed(key).copy()
    mac.update(_canonical(values))
    return mac.hexdigest()


@lru_cache(maxsize=4)
def _keyed(key: bytes) -> hmac.HMAC:
    """The code of no text under the key, to go on from: to begin anew takes twice as long."""
    return hmac.new(key, digestmod=hashlib.sha256)


def _personal_digest(salt: str, personal: Mapping[str, Any]) -> str:
    return hashlib.sha256(salt.encode() + _canonical(personal)).hexdigest()


def _canonical(value: Any) -> bytes:
    if _is_alike(value):
        try:
            return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
        except TypeError:  # a whole number beyond 64 bits, half of a surrogate pair
            pass
    return _ENCODER.encode(value).encode()


def _is_alike(value: Any) -> bool:
    if type(value) is dict:
        value = value.values()
    elif type(value) is not list:
        return type(value) in _ALIKE
    for inner in value:  # noqa: SIM110 - `all` takes three times as long
        if type(inner) not in _ALIKE and not _is_alike(inner):
            return False
    return True
