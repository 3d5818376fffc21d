"""Targets at work: who has the claim, whether it is paused, when it was last looked at, whose key we hold.

The claim is a lease: short, renewed while a pass runs, checked by every write of the pass.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, exists, insert, or_, select, update

from bridge.core.organization import Level, Organization
from bridge.ports import ClaimLost, KeyOwner
from bridge.store import tables as t
from bridge.store.db import Tx
from bridge.store.hot import Hot

LEASE = timedelta(seconds=8)
"""How long a claim lasts unless it is renewed: a worker that died blocks its target no longer than this."""


@dataclass(frozen=True, kw_only=True)
class TargetState:
    """How a target is, as last seen."""

    name: str
    paused_since: datetime | None
    paused_until: datetime | None
    pause_reason: str
    pauses: int
    look_due_at: datetime | None
    looked_at: datetime | None
    member_count: int | None
    owner_count: int | None
    human_owner_count: int | None
    key_fingerprint: str
    key_uuid: str
    key_email: str
    former_key_uuids: tuple[str, ...]
    """The accounts whose keys were used before."""
    key_level: int | None
    """The level of the key's account as last seen, a `Level`; `None` while unknown."""
    key_demoted_at: datetime | None
    """Since when the key's account, which was an owner, is none any more."""

    @property
    def key_owner(self) -> KeyOwner | None:
        """Whose key it is, or `None` while unknown."""
        return KeyOwner(user_uuid=self.key_uuid, email=self.key_email) if self.key_uuid else None


_STATE = Hot(
    lambda target: select(*(t.targets.c[field] for field in TargetState.__dataclass_fields__)).where(
        t.targets.c.name == target
    )
)
_HOLD_ON = Hot(
    lambda target, token, until: (
        update(t.targets)
        .where(t.targets.c.name == target, t.targets.c.claim_token == token)
        .values(claimed_until=until)
    )
)
_WANT_LOOK = Hot(
    lambda target, at: (
        update(t.targets)
        .where(t.targets.c.name == target, or_(t.targets.c.look_due_at.is_(None), t.targets.c.look_due_at > at))
        .values(look_due_at=at)
    )
)


def ensure(tx: Tx, names: Iterable[str]) -> None:
    """Make sure that each target has its row."""
    known = set(tx.execute(select(t.targets.c.name)).scalars())
    for name in names:
        if name not in known:
            tx.execute(
                insert(t.targets).values(
                    name=name,
                    claim_token="",
                    pause_reason="",
                    pauses=0,
                    key_fingerprint="",
                    key_uuid="",
                    key_email="",
                    former_key_uuids=[],
                )
            )


def is_known(tx: Tx, name: str) -> bool:
    """Whether the target has its row."""
    return tx.execute(select(t.targets.c.name).where(t.targets.c.name == name)).first() is not None


def ever_seen(tx: Tx) -> frozenset[str]:
    """The targets that a worker has looked at, configured now or not."""
    return frozenset(tx.execute(select(t.targets.c.name).where(t.targets.c.looked_at.is_not(None))).scalars())


def state(tx: Tx, name: str) -> TargetState:
    """How the target is."""
    row = _STATE.first(tx, target=name)
    return TargetState(**{**row._asdict(), "former_key_uuids": tuple(row.former_key_uuids)})


def claim(tx: Tx, name: str, now: datetime, holder: str = "") -> str | None:
    """Take the target for one pass; the claim's token, or `None` while it is paused or somebody else has it.

    `holder` says who works on it, for `free`; at most 24 characters.
    """
    lease_now = tx.lease_now(now)
    token = f"{holder}.{secrets.token_hex(16)}"
    taken = tx.execute(
        update(t.targets)
        .where(t.targets.c.name == name)
        .where(_is_unclaimed(lease_now))
        .where(or_(t.targets.c.paused_until.is_(None), t.targets.c.paused_until <= now))
        .values(claim_token=token, claimed_until=lease_now + LEASE)
    )
    return token if taken.rowcount == 1 else None


def hold_on(tx: Tx, name: str, token: str, now: datetime) -> None:
    """Renew the claim. Raises `ClaimLost` when somebody else has it: whatever this transaction did must not commit."""
    if _HOLD_ON.run(tx, target=name, token=token, until=tx.lease_now(now) + LEASE) != 1:
        raise ClaimLost(f"another worker took over {name}")


def let_go(tx: Tx, name: str, token: str) -> None:
    """Give the claim up."""
    tx.execute(
        update(t.targets)
        .where(t.targets.c.name == name, t.targets.c.claim_token == token)
        .values(claim_token="", claimed_until=None)
    )


def free(tx: Tx, holder: str) -> tuple[str, ...]:
    """End the claims of a holder who is known to be dead, instead of waiting for the lease; the targets' names."""
    is_theirs = t.targets.c.claim_token.startswith(f"{holder}.", autoescape=True)
    names = tuple(tx.execute(select(t.targets.c.name).where(is_theirs)).scalars())
    tx.execute(update(t.targets).where(is_theirs).values(claim_token="", claimed_until=None))
    return names


def _is_unclaimed(lease_now: datetime) -> ColumnElement[bool]:
    """Whether nobody has the target. A lease that ends later than any can is left from before a clock was put back."""
    until = t.targets.c.claimed_until
    return or_(until.is_(None), until < lease_now, until > lease_now + LEASE)


def due(tx: Tx, now: datetime) -> tuple[str, ...]:
    """Targets with something due, not paused and not claimed."""
    lease_now = tx.lease_now(now)
    query = (
        select(t.targets.c.name)
        .where(_has_work(now))
        .where(or_(t.targets.c.paused_until.is_(None), t.targets.c.paused_until <= now))
        .where(_is_unclaimed(lease_now))
        .order_by(t.targets.c.name)
    )
    return tuple(tx.execute(query).scalars())


def _has_work(now: datetime) -> ColumnElement[bool]:
    name = t.targets.c.name
    has_case = exists().where(t.cases.c.target == name, t.cases.c.closed_at.is_(None), t.cases.c.due_at <= now)
    has_return = exists().where(t.returns.c.target == name, t.returns.c.due_at <= now)
    return or_(has_case, has_return, t.targets.c.look_due_at <= now)


def is_due(tx: Tx, name: str, now: datetime) -> bool:
    """Whether some case, some return or a look is due at the target."""
    query = select(t.targets.c.name).where(t.targets.c.name == name, _has_work(now))
    return tx.execute(query).first() is not None


def pause(tx: Tx, name: str, *, reason: str, until: datetime, now: datetime) -> bool:
    """Leave the target alone until then. True when this is the first pause of its trouble: to be told once."""
    before = state(tx, name)
    tx.execute(
        update(t.targets)
        .where(t.targets.c.name == name)
        .values(
            paused_since=before.paused_since or now, paused_until=until, pause_reason=reason, pauses=before.pauses + 1
        )
    )
    return before.paused_since is None


def resume(tx: Tx, name: str) -> TargetState | None:
    """End the pause; how the target was while paused, or `None` when it was not."""
    before = state(tx, name)
    if before.paused_since is None:
        return None
    tx.execute(
        update(t.targets)
        .where(t.targets.c.name == name)
        .values(paused_since=None, paused_until=None, pause_reason="", pauses=0)
    )
    return before


def note_look(tx: Tx, before: TargetState, organization: Organization, next_look: datetime) -> bool:
    """Keep what the last look showed, for the status. True when our own account was an owner until now."""
    key = organization.member(organization.key_uuid)
    is_owner = organization.key_is_owner
    is_demoted = before.key_level == Level.OWNER and before.key_uuid == organization.key_uuid and not is_owner
    since = organization.taken_at if is_demoted else before.key_demoted_at
    tx.execute(
        update(t.targets)
        .where(t.targets.c.name == before.name)
        .values(
            looked_at=organization.taken_at,
            member_count=len(organization.members),
            owner_count=len(organization.owners),
            human_owner_count=len(organization.human_owners),
            look_due_at=next_look,
            key_level=None if key is None else int(key.level),
            key_demoted_at=None if is_owner else since,
        )
    )
    return is_demoted


def want_look(tx: Tx, name: str, at: datetime) -> None:
    """Have the target looked at by then, if nothing earlier is planned."""
    _WANT_LOOK.run(tx, target=name, at=at)


def note_key(tx: Tx, name: str, fingerprint: str, owner: KeyOwner) -> None:
    """Keep whose key the target's is; `fingerprint` says of which key that is true. Former accounts stay known."""
    before = state(tx, name)
    former = {*before.former_key_uuids, before.key_uuid} - {"", owner.user_uuid}
    tx.execute(
        update(t.targets)
        .where(t.targets.c.name == name)
        .values(
            key_fingerprint=fingerprint,
            key_uuid=owner.user_uuid,
            key_email=owner.email,
            **({} if owner.user_uuid == before.key_uuid else {"key_level": None, "key_demoted_at": None}),
            former_key_uuids=sorted(former),
        )
    )
