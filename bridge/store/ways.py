"""The ways back that are open at a target, and to the person of a case, as the last looks showed them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bridge.core.case import Case
from bridge.core.surroundings import Gap
from bridge.core.ways_back import Around, Way, of_organization, of_person
from bridge.core.wording import rfc3339
from bridge.store import invites, members, people, surroundings
from bridge.store.db import Tx
from bridge.store.surroundings import Doors


@dataclass(frozen=True, kw_only=True)
class Ways:
    """What was found, as of when, and what could not be looked at."""

    ways: tuple[Way, ...]
    as_of: datetime | None
    """When settings and domains were seen last; `None` when they never were."""
    gaps: tuple[Gap, ...] = ()
    """What ways back would have been found in, and could not be seen."""

    @property
    def open(self) -> tuple[Way, ...]:
        """Those that somebody should close."""
        return tuple(way for way in self.ways if way.is_open)


def of_target(tx: Tx, target: str) -> Ways:
    """The ways back that are open to everybody who leaves this target."""
    around, seen = _around(tx, target)
    return _told(seen, of_organization(around))


def of_case(tx: Tx, case: Case, connections: Collection[str]) -> Ways | None:
    """The ways back that the case's person has; `None` once the case is closed, or when it is not about membership."""
    if not case.state.is_open or not case.is_whole:
        return None
    around, seen = _around(tx, case.target)
    leaver = people.leaver_of(tx, case.target, connections, case.person_id)
    return _told(seen, of_person(around, leaver.addresses, leaver.accounts, leaver.dismissed))


def ways_out(found: Ways | None) -> dict[str, Any] | None:
    """As the outside holds on to it; times are RFC 3339 in UTC."""
    if found is None:
        return None
    return {
        "as_of": rfc3339(found.as_of),
        "ways": [
            {
                "code": way.code.value,
                "is_open": way.is_open,
                "what": way.what,
                "since": rfc3339(way.since),
                "remedy": way.remedy,
                "command": way.command,
            }
            for way in found.ways
        ],
        "not_seen": [{"what": gap.what, "why": gap.why, "remedy": gap.remedy} for gap in found.gaps],
    }


def _around(tx: Tx, target: str) -> tuple[Around, Doors]:
    seen = surroundings.doors(tx, target)
    around = Around(
        target=target,
        domains=seen.domains,
        members=tuple(m.as_member for m in members.kept(tx, target)),
        invites=tuple(invites.kept(tx, target)),
        open_since=seen.open_since,
    )
    return around, seen


def _told(seen: Doors, found: tuple[Way, ...]) -> Ways:
    return Ways(ways=found, as_of=seen.taken_at, gaps=seen.gaps)
