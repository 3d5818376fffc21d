"""Whether identity providers can reach us, and do: live tokens, those that end soon, and silence.

A call is noted with its token, reads too: Entra looks somebody up at the start of every cycle, also when nothing changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select

from bridge.core.wording import ago, lasting, utc
from bridge.ports import Connection
from bridge.store import tables as t
from bridge.store import tokens
from bridge.store.db import Tx
from bridge.store.tokens import Token

SOON = timedelta(days=30)
"""How long before its end a token is told about: the time in which somebody at the provider's side can be found."""

WHERE_TO_LOOK = {
    "entra": "Entra calls about every 40 minutes while provisioning is on. In its admin center, open the enterprise "
    "application's Provisioning: is it on, or in quarantine?",
    "okta": "In Okta's admin console, open the app's Provisioning tab and press Test API Credentials; look at Tasks too.",
}
"""What somebody should look at first when a provider is silent, by kind of connection."""


@dataclass(frozen=True, kw_only=True)
class Reach:
    """How one connection's identity provider reaches us."""

    connection: Connection
    last_event_at: datetime | None
    """When it last changed something."""
    last_call_at: datetime | None
    """When it last called at all, to the minute."""
    tokens: tuple[Token, ...]
    """All it ever had, revoked ones too."""

    def live(self, now: datetime) -> tuple[Token, ...]:
        """The tokens that open something."""
        return tuple(k for k in self.tokens if k.is_live(now))

    def ends_soon(self, now: datetime) -> Token | None:
        """The token whose end would lock the provider out, when that is soon; `None` when there is none.

        That is the last to end; or the one in use, when its successor was made but never pasted over there.
        """
        live = self.live(now)
        in_use = max((k for k in live if k.last_used_at), key=_by_use, default=None)
        if in_use is not None and _ends_within(in_use, SOON, now):
            return in_use
        last = max(live, key=_by_end, default=None)
        return last if last is not None and _ends_within(last, SOON, now) else None

    def is_locked_out(self, now: datetime) -> bool:
        """Whether it had a token, and has none that opens anything."""
        return bool(self.tokens) and not self.live(now)

    def silent_for(self, now: datetime) -> timedelta | None:
        """For how long it has not called, when that is longer than it may be; `None` when all is well.

        A token that was made and never used counts from when it was made. Without a live token silence is no news.
        """
        live = self.live(now)
        if self.connection.silent_after is None or not live:
            return None
        known = [m for m in (self.last_call_at, max(k.created_at for k in live)) if m is not None]
        silence = now - max(known)
        return silence if silence > self.connection.silent_after else None


def of_each(tx: Tx, connections: Iterable[Connection]) -> dict[str, Reach]:
    """How each connection's provider reaches us, in two queries."""
    events = {r.name: r.last_event_at for r in tx.execute(select(t.connections))}
    by_connection: dict[str, list[Token]] = {}
    for token in tokens.listed(tx):
        by_connection.setdefault(token.connection, []).append(token)
    found = {}
    for connection in connections:
        mine = by_connection.get(connection.name, [])
        found[connection.name] = Reach(
            connection=connection,
            last_event_at=events.get(connection.name),
            last_call_at=max((k.last_used_at for k in mine if k.last_used_at is not None), default=None),
            tokens=tuple(mine),
        )
    return found


def troubles(reach: Reach, now: datetime) -> Iterator[tuple[str, str]]:
    """What somebody should look at, each with what to do."""
    name = reach.connection.name
    ending, silence = reach.ends_soon(now), reach.silent_for(now)
    if reach.is_locked_out(now):
        remedy = (
            f"`token create {name}`, and paste it at the identity provider: until then nobody's leaving is heard of."
        )
        yield "no live token any more: its identity provider is locked out", remedy
    if ending is not None and ending.expires_at is not None:
        when = f"token {ending.id} ends {ago(ending.expires_at, now)}, on {utc(ending.expires_at)}"
        successors = [k for k in reach.live(now) if _by_end(k) > _by_end(ending)]
        if successors:
            remedy = (
                f"Paste token {successors[-1].id} at the identity provider: the one that ends is still in use there."
            )
        else:
            remedy = f"`token create {name}`, paste it at the identity provider, then `token revoke {ending.id}`."
        yield when, remedy
    if silence is not None:
        where = WHERE_TO_LOOK.get(reach.connection.kind, "Look at the provisioning log of the identity provider.")
        remedy = f"{where} Can it reach this server, and is its token live (`token list {name}`)?"
        yield f"no provisioning call for {lasting(silence)}", remedy


def _ends_within(token: Token, span: timedelta, now: datetime) -> bool:
    return token.expires_at is not None and token.expires_at - now < span


def _by_end(token: Token) -> tuple[bool, datetime]:
    return token.expires_at is None, token.expires_at or token.created_at


def _by_use(token: Token) -> tuple[datetime, tuple[bool, datetime]]:
    """Of two that were used in the same minute the longer one counts."""
    return token.last_used_at or token.created_at, _by_end(token)
