"""Bearer tokens, of connections for SCIM and of operators for the API: kept as SHA-256 only. They are 256 random bits, so a slow password hash would add nothing."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import insert, or_, select, update

from bridge.store import tables as t
from bridge.store.db import Tx
from bridge.store.hot import Hot

OPERATOR = "operator:"
"""How the owner of an operator's token begins; no connection can be named like that."""

MOST_LIVE = 2
"""Live tokens per connection: the one in use, and its successor while the IdP is switched over."""


_OPENS = Hot(
    lambda sha256_hex, now: select(t.tokens.c.connection).where(
        t.tokens.c.sha256 == sha256_hex,
        t.tokens.c.revoked_at.is_(None),
        or_(t.tokens.c.expires_at.is_(None), t.tokens.c.expires_at > now),
    )
)


class TooManyTokens(ValueError):
    """The connection has as many live tokens as it may have; revoke one first."""


@dataclass(frozen=True, kw_only=True)
class Token:
    """One token as it may be shown: `hint` is how its clear text begins."""

    id: int
    connection: str
    hint: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None

    def is_live(self, now: datetime) -> bool:
        """Whether it opens anything."""
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > now)


def create(tx: Tx, connection: str, now: datetime, expires_at: datetime | None = None) -> str:
    """A new token in clear, never to be seen again, of a connection or of `operator:NAME`. Raises `TooManyTokens`."""
    live = [k for k in listed(tx, connection) if k.is_live(now)]
    if len(live) >= MOST_LIVE:
        raise TooManyTokens(f"{connection} has {len(live)} live tokens, and may have no more: revoke one first.")
    clear = ("operator-" if connection.startswith(OPERATOR) else "scim-") + secrets.token_urlsafe(32).replace("_", "-")
    tx.execute(
        insert(t.tokens).values(
            connection=connection,
            sha256=digest(clear),
            hint=clear[:13] if connection.startswith(OPERATOR) else clear[:9],
            created_at=now,
            expires_at=expires_at,
        )
    )
    return clear


def digest(clear: str) -> str:
    """What is kept of a token."""
    return hashlib.sha256(clear.encode()).hexdigest()


def connection_of(tx: Tx, sha256_hex: str, now: datetime) -> str | None:
    """The connection that the token opens, or `None` when it is unknown, revoked or expired."""
    return _OPENS.value(tx, sha256_hex=sha256_hex, now=now)  # type: ignore[no-any-return]


def listed(tx: Tx, connection: str | None = None) -> list[Token]:
    """The tokens of one connection or all, oldest first; revoked ones too."""
    query = select(t.tokens).order_by(t.tokens.c.id)
    if connection is not None:
        query = query.where(t.tokens.c.connection == connection)
    return [
        Token(
            id=r.id,
            connection=r.connection,
            hint=r.hint,
            created_at=r.created_at,
            expires_at=r.expires_at,
            revoked_at=r.revoked_at,
            last_used_at=r.last_used_at,
        )
        for r in tx.execute(query)
    ]


def revoke(tx: Tx, token_id: int, now: datetime) -> Token | None:
    """Make the token worthless from now on; `None` when there is no such live one."""
    found = next((k for k in listed(tx) if k.id == token_id and k.revoked_at is None), None)
    if found is not None:
        tx.execute(update(t.tokens).where(t.tokens.c.id == token_id).values(revoked_at=now))
    return found


def revoke_all(tx: Tx, connection: str, now: datetime) -> None:
    """Make every token of the connection worthless from now on."""
    tx.execute(
        update(t.tokens)
        .where(t.tokens.c.connection == connection, t.tokens.c.revoked_at.is_(None))
        .values(revoked_at=now)
    )


def note_use(tx: Tx, sha256_hex: str, now: datetime) -> None:
    """Keep when the token was last used, to the minute: part of a write that happens anyway."""
    minute = now.replace(second=0, microsecond=0)
    tx.execute(
        update(t.tokens)
        .where(
            t.tokens.c.sha256 == sha256_hex, or_(t.tokens.c.last_used_at.is_(None), t.tokens.c.last_used_at < minute)
        )
        .values(last_used_at=minute)
    )
