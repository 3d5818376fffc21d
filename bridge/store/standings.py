"""What each connection last said about a person: out, or active."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, exists, select, update

from bridge.store import tables as t
from bridge.store.db import Tx
from bridge.store.hot import Hot, insertion

_STANDINGS = Hot(
    lambda person_id: select(t.standings).where(t.standings.c.person_id == person_id).order_by(t.standings.c.connection)
)
_STAND_FIRST = Hot(lambda: insertion(t.standings))
_STAND = Hot(
    lambda person, at_connection, is_out, said_at, activated_at: (
        update(t.standings)
        .where(t.standings.c.person_id == person, t.standings.c.connection == at_connection)
        .values(is_out=is_out, said_at=said_at, activated_at=activated_at)
    )
)


@dataclass(frozen=True, kw_only=True)
class Standing:
    """What one connection last said about a person."""

    connection: str
    is_out: bool
    said_at: datetime
    activated_at: datetime | None


def stand(
    tx: Tx,
    person_id: int,
    connection: str,
    said: Sequence[Standing],
    *,
    is_out: bool,
    at: datetime,
    is_activation: bool = False,
) -> tuple[Standing, ...]:
    """Keep what the connection says about the person now. `said` is what each one says so far; returns it as it is then."""
    old = next((s for s in said if s.connection == connection), None)
    activated = at if is_activation else (old.activated_at if old else None)
    if old is None:
        _STAND_FIRST.run(
            tx, person_id=person_id, connection=connection, is_out=is_out, said_at=at, activated_at=activated
        )
    elif (old.is_out, old.activated_at) != (is_out, activated):
        _STAND.run(tx, person=person_id, at_connection=connection, is_out=is_out, said_at=at, activated_at=activated)
    else:
        return tuple(said)
    new = Standing(connection=connection, is_out=is_out, said_at=at, activated_at=activated)
    return (*(s for s in said if s is not old), new)


def of_person(tx: Tx, person_id: int, connections: Collection[str] | None = None) -> tuple[Standing, ...]:
    """What each of those connections (of all, if not given) last said about the person."""
    return tuple(
        Standing(connection=r.connection, is_out=r.is_out, said_at=r.said_at, activated_at=r.activated_at)
        for r in _STANDINGS.rows(tx, person_id=person_id)
        if connections is None or r.connection in connections
    )


def still_out(connections: Sequence[str]) -> Select[int]:
    """Selects the people whom one of the connections says are out and none says are active."""
    spoken = t.standings.alias("spoken")
    active = exists().where(
        spoken.c.person_id == t.standings.c.person_id, spoken.c.connection.in_(connections), ~spoken.c.is_out
    )
    out = select(t.standings.c.person_id).where(t.standings.c.connection.in_(connections), t.standings.c.is_out)
    return out.where(~active).distinct()
