"""One whole offboarding that never happened: done before the first fork, so that each fork finds it done before.

A job's fork starts with what its parent has. What is slow only the first time (Core writing SQL, imports, code that the
interpreter has not seen run) was slow in every fork again, and took a third of the time from the ring to the DELETE. All
of it happens in one transaction that is rolled back, to a person and a target that nobody can configure, and nothing is
sent. May import: `reconcile` and what lies below it.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import cast

import structlog

from bridge import intake, reconcile
from bridge.core.organization import Invite, Level, Member, Organization
from bridge.core.plan import Step
from bridge.core.policy import Mode, Policy
from bridge.core.record import Record
from bridge.ports import Applied, Bridge, Connection, Finding, KeyOwner, QueueState, Target, TargetSettings
from bridge.store import audit, targets
from bridge.store.db import Database, Tx

NOWHERE = "warming up"
"""The target: a name with a blank is refused in the configuration."""
LEAVER = "leaver@warming-up.invalid"
WHO = (("key@warming-up.invalid", Level.OWNER), ("owner@warming-up.invalid", Level.OWNER), (LEAVER, Level.MEMBER))
"""The members: an organization without a human owner would be told of."""
INVITE = Invite(invite_id=str(uuid.UUID(int=9)), email=LEAVER, level=Level.MEMBER)

log = structlog.get_logger()


class _Undone(Exception):
    """Takes everything back."""


def warm_up(bridge: Bridge) -> None:
    """Take somebody who does not exist out of an organization that does not exist. Never raises, and leaves nothing."""
    try:
        with structlog.contextvars.bound_contextvars(is_silent=True), bridge.db.write() as tx:
            targets.ensure(tx, [NOWHERE])
            _offboard(_practising(bridge, tx))
            raise _Undone  # noqa: TRY301 - the transaction ends here, and in no other way
    except _Undone:
        return
    except Exception as error:  # noqa: BLE001 - then the first pass of each fork is as slow as it was
        log.warning("not_warmed_up", error=str(error), kind=type(error).__name__)


def _offboard(bridge: Bridge) -> None:
    connection = bridge.connections[NOWHERE]
    now = bridge.clock.now()
    record = Record(
        id=str(uuid.uuid4()),
        connection=NOWHERE,
        resource_type="User",
        user_name=LEAVER,
        is_active=True,
        created_at=now,
        modified_at=now,
    )
    intake.change(bridge, connection, "User", None, lambda _: record)
    intake.change(bridge, connection, "User", record.id, lambda known: replace(known or record, is_active=False))
    reconcile.run_pass(bridge, NOWHERE)


def _practising(bridge: Bridge, tx: Tx) -> Bridge:
    nobody = _Nobody()
    return replace(
        bridge,
        db=_Joined(bridge.db, tx),
        bell=nobody,
        connections={NOWHERE: Connection(name=NOWHERE, kind="scim", targets=(NOWHERE,))},
        targets={NOWHERE: TargetSettings(name=NOWHERE, kind="posthog", url="", organization_id="")},
        policies={NOWHERE: Policy(mode=Mode.ENFORCE, settle=timedelta(0), surroundings_every=None)},
        remote=lambda _name: cast("Target", nobody),  # it does what a removal asks, and nothing else will be asked
    )


class _Joined(Database):
    """The store, with all that would be transactions of their own inside one that is open and shall not be committed."""

    def __init__(self, db: Database, tx: Tx) -> None:
        self.__dict__.update(vars(db))
        self._tx = tx

    @contextmanager
    def write(self) -> Iterator[Tx]:
        """The open transaction, with its audit entries appended at the end as ever."""
        yield self._tx
        audit.append(self._tx, audit.drafted(self._tx.entries), self.audit_key)
        self._tx.entries.clear()
        self._log_told(self._tx)
        self._tx.told.clear()

    @contextmanager
    def read(self, *, is_one_question: bool = False) -> Iterator[Tx]:  # noqa: ARG002 - it is one open transaction
        """The open transaction."""
        yield self._tx


class _Nobody:
    """A target that sends nothing, and a bell that rings for nobody."""

    key_fingerprint = "none"

    def __init__(self) -> None:
        self._done: list[Step] = []
        self._members = tuple(
            Member(user_uuid=str(uuid.UUID(int=n)), membership_id="", user_id=n, email=email, level=level)
            for n, (email, level) in enumerate(WHO)
        )

    def key_owner(self) -> KeyOwner:
        """The first of the members."""
        return KeyOwner(user_uuid=self._members[0].user_uuid, email=self._members[0].email)

    def observe(self, key_uuid: str, now: datetime) -> Organization:
        """All of them and an invite, less what was done."""
        seen = Organization(taken_at=now, key_uuid=key_uuid, members=self._members, invites=(INVITE,))
        for step in self._done:
            seen = step.after(seen)
        return seen

    def apply(self, step: Step) -> Applied:
        """Do it."""
        self._done.append(step)
        return Applied(status=204)

    def check(self) -> tuple[Finding, ...]:
        """Nothing to say."""
        return ()

    def ring(self, target: str) -> None:
        """For nobody."""

    def look(self) -> QueueState:
        """No queue."""
        return QueueState(is_reachable=False)
