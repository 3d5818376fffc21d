"""What the flow tests share: connections that say things, and ways to read what came of it."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import func, select

from bridge import intake
from bridge.core.plan import HoldCode
from bridge.core.record import Record
from bridge.store import audit, batches, cases, targets
from bridge.store import tables as t


class Idp:
    """A connection that says things, as the SCIM view would pass them on."""

    def __init__(self, bridge, name: str = "okta") -> None:
        self.bridge, self.connection = bridge, bridge.connections[name]

    def create(self, address: str, *, external_id: str = "", active: bool = True, emails: tuple[str, ...] = ()) -> str:
        now = self.bridge.clock.now()
        count = self._count()
        record = Record(
            id=f"{self.connection.name}-{count}",
            connection=self.connection.name,
            resource_type="User",
            user_name=address,
            external_id=external_id or f"x-{self.connection.name}-{count}",
            body=work(*(emails or (address,))),
            is_active=active,
            created_at=now,
            modified_at=now,
        )
        return intake.change(self.bridge, self.connection, "User", None, lambda _: record).id

    def _count(self) -> int:
        with self.bridge.db.read() as tx:
            return (tx.execute(select(func.max(t.records.c.seq))).scalar() or 0) + 1

    def change(self, record_id: str, **fields) -> Record:
        return intake.change(self.bridge, self.connection, "User", record_id, lambda r: replace(r, **fields))

    def deactivate(self, record_id: str) -> None:
        self.change(record_id, is_active=False)

    def activate(self, record_id: str) -> None:
        self.change(record_id, is_active=True)

    def delete(self, record_id: str) -> None:
        intake.change(self.bridge, self.connection, "User", record_id, lambda _: None)


def work(*addresses: str) -> dict[str, list[dict[str, object]]]:
    """The body of a record with those addresses, the first of them primary."""
    return {"emails": [{"value": a, "type": "work", "primary": n == 0} for n, a in enumerate(addresses)]}


def all_cases(bridge):
    with bridge.db.read() as tx:
        return list(reversed(cases.select_cases(tx)))


def the_case(bridge):
    (case,) = all_cases(bridge)
    return case


def codes(case) -> list[HoldCode]:
    return [h.code for h in case.plan.holds]


def is_member(world, email: str) -> bool:
    return world.membership(email) is not None


def deletes(world) -> list[str]:
    return [c.path for c in world.calls if c.method == "DELETE" and "/members/" in c.path]


MAYA, GRACE, SAMUEL = "maya.okafor@example.com", "grace.lindqvist@example.com", "samuel.adeyemi@example.com"
NOOR, BEN = "noor.haddad@example.com", "ben.oduya@example.com"
IVAN = "ivan.petrov@example.com"


def audited(bridge, kind: str) -> list[audit.Entry]:
    with bridge.db.read() as tx:
        return [k.entry for k in audit.read(tx) if k.entry.kind == kind]


def target_state(bridge) -> targets.TargetState:
    with bridge.db.read() as tx:
        return targets.state(tx, "main")


def batch_of(bridge) -> batches.Batch:
    with bridge.db.read() as tx:
        return batches.waiting_batch(tx, all_cases(bridge)[0].batch_id)


def join_many(world, count: int) -> list[str]:
    people = [f"p{n}@example.com" for n in range(count)]
    for address in people:
        world.add_member(address, 1)
    return people


def deactivate_many(world, okta, count: int) -> list[str]:
    people = join_many(world, count)
    for record_id in [okta.create(address) for address in people]:
        okta.deactivate(record_id)
    return people
