"""Which invites each target listed at its last look, expired ones included: for ways back and reviews.

Never to decide what to cancel: a plan is made on a fresh look. Only what is listed now is kept, without any history.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import delete, insert, select, update

from bridge.core.organization import Invite, Level, Organization
from bridge.store import tables as t
from bridge.store.columns import milliseconds, moment_of
from bridge.store.db import Tx
from bridge.store.hot import Hot
from bridge.store.members import LONGEST_ACCOUNT, MOST_AT_ONCE, storable

_KEPT = Hot(lambda target: select(t.invites).where(t.invites.c.target == target).order_by(t.invites.c.invite_id))


@dataclass(frozen=True, kw_only=True)
class Difference:
    """What one look showed that is not kept yet."""

    gone: tuple[str, ...]
    new: tuple[Invite, ...]
    changed: tuple[Invite, ...]


def difference(tx: Tx, target: str, organization: Organization) -> Difference:
    """What is to be written to keep which invites there are now."""
    before = {i.invite_id: i for i in kept(tx, target)}
    after = {i.invite_id: _cut(i) for i in organization.invites if len(i.invite_id) <= LONGEST_ACCOUNT}
    return Difference(
        gone=tuple(sorted(before.keys() - after.keys())),
        new=tuple(i for key, i in after.items() if key not in before),
        changed=tuple(i for key, i in after.items() if key in before and before[key] != i),
    )


def keep(tx: Tx, target: str, found: Difference) -> None:
    """Keep which invites there are now, in place of those that were. Only whoever has the claim on the target may."""
    for start in range(0, len(found.gone), MOST_AT_ONCE):
        some = found.gone[start : start + MOST_AT_ONCE]
        tx.execute(delete(t.invites).where(t.invites.c.target == target, t.invites.c.invite_id.in_(some)))
    if found.new:
        tx.execute(insert(t.invites), [_row(target, i) for i in found.new])
    for invite in found.changed:
        mine = (t.invites.c.target == target, t.invites.c.invite_id == invite.invite_id)
        tx.execute(update(t.invites).where(*mine).values(_row(target, invite)))


def kept(tx: Tx, target: str) -> list[Invite]:
    """Which invites the last look listed, by id."""
    return [
        Invite(
            invite_id=r.invite_id,
            email=r.email,
            level=Level(r.level),
            is_expired=bool(r.is_expired),
            created_at=r.created_at,
            created_by_uuid=r.created_by_uuid,
            created_by_email=r.created_by_email,
        )
        for r in _KEPT.rows(tx, target=target)
    ]


def forget_others(tx: Tx, configured: Collection[str]) -> None:
    """Forget the invites of every target that is not configured any more."""
    tx.execute(delete(t.invites).where(t.invites.c.target.not_in(configured)))


def _cut(invite: Invite) -> Invite:
    """The invite as it is read back, so that it does not count as changed."""
    at = invite.created_at
    return Invite(
        invite_id=invite.invite_id,
        email=storable(invite.email),
        level=invite.level,
        is_expired=invite.is_expired,
        created_at=None if at is None else moment_of(milliseconds(at)),
        created_by_uuid=storable(invite.created_by_uuid)[:LONGEST_ACCOUNT],
        created_by_email=storable(invite.created_by_email),
    )


def _row(target: str, invite: Invite) -> dict[str, object]:
    return {
        "target": target,
        "invite_id": invite.invite_id,
        "email": invite.email,
        "address_key": storable(invite.address),
        "level": int(invite.level),
        "is_expired": invite.is_expired,
        "created_at": invite.created_at,
        "created_by_uuid": invite.created_by_uuid,
        "created_by_email": invite.created_by_email,
    }
