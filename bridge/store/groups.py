"""What groups grant: which groups a configured name means, who holds a grant through them, and what a write changes.

A name means every living group that has it, and every group that ever had it, until that group is deleted: a group that
is renamed at the identity provider keeps its mapping. Members count as people only through living records of the same
connection, so that nested groups, foreign ids and ids that nobody knows grant nothing and lose nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, FromClause, delete, insert, or_, select

from bridge.core.events import EventKind, IdentityEvent, address_key
from bridge.core.record import Record
from bridge.ports import Connection, GroupGrant
from bridge.store import records, scopes
from bridge.store import tables as t
from bridge.store.audit import Entry
from bridge.store.db import Tx

MOST_ASKED = 500
"""People for whom one query asks by number; for more it asks for everybody."""

_groups = t.records.alias("granting")
_users = t.records.alias("granted")


@dataclass(frozen=True, kw_only=True)
class Said:
    """What a write of a group says about one person at one target."""

    person: int
    target: str
    event: IdentityEvent


def follow_write(
    tx: Tx,
    connections: Collection[Connection],
    connection: Connection,
    before: Record | None,
    after: Record | None,
    now: datetime,
) -> list[Said]:
    """What the written group says about its members, by its mappings; also keeps which names it has had.

    Leaving says something only when no other group of any connection to the target still grants the same; joining only
    when a case is open about it. Both are audited.
    """
    group = after or before
    if group is None or not connection.groups:
        return []
    said: list[Said] = []
    known = _names_had(tx, group)
    for grant in connection.groups:
        was_mapped = before is not None and (address_key(grant.name) in known or _means(grant, before))
        if not was_mapped and (after is None or not _means(grant, after)):
            continue
        _keep_name(tx, group, grant, known)
        said += _about_grant(tx, connections, before if was_mapped else None, after, group, grant, now)
    if after is None:
        tx.execute(delete(t.mapped_groups).where(t.mapped_groups.c.group_id == group.id))
    return said


def holding(
    tx: Tx, connections: Iterable[Connection], target: str, scope: str, people: Collection[int] | None = None
) -> set[int]:
    """Those of the people (of everybody, if not given) who hold what is meant through a group of some connection."""
    found: set[int] = set()
    for connection in connections:
        names = [g.name for g in connection.groups if (g.target, g.scope) == (target, scope)]
        if not names:
            continue
        query = (
            select(_users.c.person_id)
            .select_from(_memberships())
            .where(_is_meant(connection.name, names), _users.c.connection == connection.name)
            .where(_users.c.deleted_at.is_(None), _users.c.is_active, _users.c.person_id.is_not(None))
            .distinct()
        )
        if people is not None and len(people) <= MOST_ASKED:
            query = query.where(_users.c.person_id.in_(people))
        found |= set(tx.execute(query).scalars())
    return found if people is None else found & set(people)


@dataclass(frozen=True, kw_only=True)
class GroupView:
    """One group as an operator sees it. `people` counts the members who are known, `others` all other ids."""

    connection: str
    id: str
    name: str
    people: int
    others: int
    grants: tuple[GroupGrant, ...]


def listed(tx: Tx, connections: Iterable[Connection]) -> list[GroupView]:
    """Every living group of the connections, mapped or not."""
    found = []
    for connection in connections:
        for row in tx.execute(
            select(t.records.c.id, t.records.c.user_name, t.records.c.external_id)
            .where(t.records.c.connection == connection.name, t.records.c.resource_type == "Group")
            .where(t.records.c.deleted_at.is_(None))
            .order_by(t.records.c.seq)
        ).all():
            ids = list(
                tx.execute(select(t.group_members.c.member_id).where(t.group_members.c.group_id == row.id)).scalars()
            )
            people = len(records.people_behind(tx, connection.name, ids))
            had = set(
                tx.execute(select(t.mapped_groups.c.name_key).where(t.mapped_groups.c.group_id == row.id)).scalars()
            )
            grants = tuple(
                g
                for g in connection.groups
                if address_key(g.name) in had | {address_key(row.user_name)} or g.name == row.external_id
            )
            found.append(
                GroupView(
                    connection=connection.name,
                    id=row.id,
                    name=row.user_name,
                    people=people,
                    others=len(ids) - people,
                    grants=grants,
                )
            )
    return found


def of_person(tx: Tx, person_id: int) -> list[tuple[str, str]]:
    """The groups that the person is in now, as (connection, display name)."""
    query = (
        select(_groups.c.connection, _groups.c.user_name)
        .select_from(_memberships())
        .where(_users.c.person_id == person_id, _users.c.deleted_at.is_(None), _groups.c.deleted_at.is_(None))
        .where(_users.c.connection == _groups.c.connection)
        .distinct()
        .order_by(_groups.c.connection, _groups.c.user_name)
    )
    return [(connection, name) for connection, name in tx.execute(query)]


def _about_grant(
    tx: Tx,
    connections: Collection[Connection],
    before: Record | None,
    after: Record | None,
    group: Record,
    grant: GroupGrant,
    now: datetime,
) -> list[Said]:
    was = frozenset(before.member_ids) if before else frozenset()
    now_in = frozenset(after.member_ids) if after else frozenset()
    gone = records.people_behind(tx, group.connection, was - now_in)
    new = records.people_behind(tx, group.connection, now_in - was)
    if not gone and not new:
        return []
    held = holding(tx, connections, grant.target, grant.scope, gone.keys() | new.keys())
    waiting = scopes.open_about(tx, grant.target, grant.scope, new.keys()) if new else {}
    left, back = gone.keys() - held, {p for p in new.keys() & held & waiting.keys() if not waiting[p].is_operators}
    kind = EventKind.LEFT_GROUP if after else EventKind.GROUP_GONE
    if gone:
        facts = {
            "group": group.id,
            "scope": grant.scope,
            "lost_it": sorted(left),
            "kept_it_by_another_group": sorted(gone.keys() & held),
        }
        personal = {"group": group.user_name}
        told = "group.left" if after else "group.gone"
        entry = Entry(at=now, kind=told, actor=group.connection, target=grant.target, facts=facts, personal=personal)
        tx.audit(entry)
    version = after.version if after else group.version + 1
    meant = [(p, gone[p], kind) for p in sorted(left)] + [(p, new[p], EventKind.JOINED_GROUP) for p in sorted(back)]
    return [
        Said(
            person=person,
            target=grant.target,
            event=IdentityEvent(
                event_id=f"{group.id}:{version}:{what.value}:{person}:{grant.target}:{grant.scope}",
                source=group.connection,
                kind=what,
                subject=record.subject,
                occurred_at=now,
                received_at=now,
                scope=grant.scope,
                note=f"the group is “{group.user_name}”",
            ),
        )
        for person, record, what in meant
    ]


def _means(grant: GroupGrant, group: Record) -> bool:
    return address_key(grant.name) == group.name_key or (group.external_id != "" and grant.name == group.external_id)


def _names_had(tx: Tx, group: Record) -> set[str]:
    query = select(t.mapped_groups.c.name_key).where(
        t.mapped_groups.c.connection == group.connection, t.mapped_groups.c.group_id == group.id
    )
    return set(tx.execute(query).scalars())


def _keep_name(tx: Tx, group: Record, grant: GroupGrant, known: set[str]) -> None:
    key = address_key(grant.name)
    if key not in known:
        known.add(key)
        tx.execute(insert(t.mapped_groups).values(connection=group.connection, name_key=key, group_id=group.id))


def _memberships() -> FromClause:
    return t.group_members.join(_groups, _groups.c.id == t.group_members.c.group_id).join(
        _users, _users.c.id == t.group_members.c.member_id
    )


def _is_meant(connection: str, names: Collection[str]) -> ColumnElement[bool]:
    keys = [address_key(name) for name in names]
    had = select(t.mapped_groups.c.group_id).where(
        t.mapped_groups.c.connection == connection, t.mapped_groups.c.name_key.in_(keys)
    )
    return (
        (_groups.c.connection == connection)
        & (_groups.c.resource_type == "Group")
        & _groups.c.deleted_at.is_(None)
        & or_(_groups.c.name_key.in_(keys), _groups.c.external_id.in_(names), _groups.c.id.in_(had))
    )
