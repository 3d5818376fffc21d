"""What the last wide look at each target showed, when the next is due, and why the last one failed.

One row for each target. Grants are many (members times projects), so they are kept as numbers into three lists.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert, or_, select, update

from bridge.core.surroundings import Domain, Gap, Grant, Project, Seat, Surroundings
from bridge.core.ways_back import ALL_UNSEEN, DOMAINS_UNSEEN, is_open_door
from bridge.store import tables as t
from bridge.store.columns import milliseconds, moment_of
from bridge.store.db import Tx

EVERYBODY_S = ("default", "organization_admin")
"""How somebody gets into a project without anything having been granted to that person."""


@dataclass(frozen=True, kw_only=True)
class Kept:
    """One target's surroundings as last seen."""

    surroundings: Surroundings | None
    """`None`: never seen yet."""
    due_at: datetime | None
    open_since: Mapping[str, datetime]
    """For each domain that makes members of those who log in: the first wide look that showed it."""
    trouble: str = ""
    """Why the last wide look failed; empty when it did not."""
    remedy: str = ""

    @property
    def gaps(self) -> tuple[Gap, ...]:
        """What is not known: the parts that could not be read, and the last wide look when it failed as a whole."""
        found = self.surroundings.gaps if self.surroundings else ()
        return (*found, _whole_gap(self.trouble, self.remedy)) if self.trouble else found


@dataclass(frozen=True, kw_only=True)
class Doors:
    """Of what was seen, what says who could come back: small, however many members and projects there are."""

    taken_at: datetime | None
    """`None`: never seen yet."""
    domains: tuple[Domain, ...] = ()
    open_since: Mapping[str, datetime] = field(default_factory=dict)
    gaps: tuple[Gap, ...] = ()
    """Why domains, or anything at all, could not be seen at the last look."""


def doors(tx: Tx, target: str) -> Doors:
    """Who could come back, as the last wide look showed it."""
    mine = t.surroundings.c
    row = tx.execute(
        select(mine.taken_at, mine.open_since, mine.trouble, mine.remedy).where(mine.target == target)
    ).first()
    if row is None:
        return Doors(taken_at=None)
    kept = row.open_since
    gaps = tuple(Gap(**gap) for gap in kept.get("gaps", ()))
    return Doors(
        taken_at=row.taken_at,
        domains=tuple(Domain(**domain) for domain in kept.get("domains", ())),
        open_since=_since(kept),
        gaps=(*gaps, _whole_gap(row.trouble, row.remedy)) if row.trouble else gaps,
    )


def last(tx: Tx, target: str) -> Kept:
    """What the last wide look showed."""
    row = tx.execute(select(t.surroundings).where(t.surroundings.c.target == target)).first()
    if row is None:
        return Kept(surroundings=None, due_at=None, open_since={})
    return Kept(
        surroundings=None if row.body is None else _read(row.body, row.taken_at),
        due_at=row.due_at,
        open_since=_since(row.open_since),
        trouble=row.trouble,
        remedy=row.remedy,
    )


def due(tx: Tx, now: datetime) -> tuple[str, ...]:
    """Targets whose wide look is due, that are neither paused nor at work, and where nothing else is due."""
    mine = t.surroundings
    query = (
        select(t.targets.c.name)
        .outerjoin(mine, mine.c.target == t.targets.c.name)
        .where(or_(mine.c.target.is_(None), mine.c.due_at.is_(None), mine.c.due_at <= now))
        .where(or_(t.targets.c.paused_until.is_(None), t.targets.c.paused_until <= now))
        .where(or_(t.targets.c.claimed_until.is_(None), t.targets.c.claimed_until < tx.lease_now(now)))
        .order_by(t.targets.c.name)
    )
    return tuple(tx.execute(query).scalars())


def put_off(tx: Tx, target: str, until: datetime) -> None:
    """Have the next wide look be due then; also how one worker says that it is at it now."""
    _write(tx, target, due_at=until)


def keep(tx: Tx, target: str, seen: Surroundings) -> None:
    """Keep what was seen, in place of what was."""
    before = doors(tx, target).open_since
    open_now = {d.domain_id for d in seen.domains if is_open_door(d)}
    since = {d: before.get(d, seen.taken_at) for d in sorted(open_now)}
    kept = _doors_written(seen, since)
    _write(tx, target, taken_at=seen.taken_at, body=_written(seen), open_since=kept, trouble="", remedy="")


def note_trouble(tx: Tx, target: str, trouble: str, remedy: str) -> None:
    """Keep that the wide look failed, and why; what was seen before stays."""
    _write(tx, target, trouble=trouble[:500], remedy=remedy[:500])


def note_jit_off(tx: Tx, target: str, domain_id: str) -> None:
    """Keep that a domain makes members of nobody any more: our own change, before the next wide look shows it."""
    before = last(tx, target)
    if before.surroundings is None:
        return
    domains = tuple(
        replace(d, is_jit_enabled=False) if d.domain_id == domain_id else d for d in before.surroundings.domains
    )
    since = {d: at for d, at in before.open_since.items() if d != domain_id}
    after = replace(before.surroundings, domains=domains)
    _write(tx, target, body=_written(after), open_since=_doors_written(after, since))


def access_of(tx: Tx, target: str, accounts: Collection[str]) -> dict[str, dict[str, Any]]:
    """What was granted to each of those accounts at the last wide look: `projects` {id: [level, how]}, `roles` {id: name}.

    What everybody or every admin has is not named.
    """
    seen = last(tx, target).surroundings
    found: dict[str, dict[str, Any]] = {a: {"projects": {}, "roles": {}} for a in accounts}
    for grant in seen.grants if seen else ():
        if grant.user_uuid in found and grant.how not in EVERYBODY_S:
            found[grant.user_uuid]["projects"][str(grant.project_id)] = [grant.level, grant.how]
    for seat in seen.seats if seen else ():
        if seat.user_uuid in found:
            found[seat.user_uuid]["roles"][seat.role_id] = seat.role
    return {account: had for account, had in found.items() if had["projects"] or had["roles"]}


def forget_others(tx: Tx, configured: Collection[str]) -> None:
    """Forget the surroundings of every target that is not configured any more."""
    tx.execute(delete(t.surroundings).where(t.surroundings.c.target.not_in(configured)))


def _write(tx: Tx, target: str, **values: Any) -> None:
    changed = tx.execute(update(t.surroundings).where(t.surroundings.c.target == target).values(values))
    if changed.rowcount == 0:
        first = {"target": target, "open_since": {}, "trouble": "", "remedy": ""}
        tx.execute(insert(t.surroundings).values({**first, **values}))


def _whole_gap(trouble: str, remedy: str) -> Gap:
    return Gap(what=ALL_UNSEEN, why=trouble, remedy=remedy)


def _doors_written(seen: Surroundings, since: Mapping[str, datetime]) -> dict[str, Any]:
    return {
        "since": {domain: milliseconds(at) for domain, at in since.items()},
        "domains": [asdict(d) for d in seen.domains],
        "gaps": [asdict(g) for g in seen.gaps if g.what == DOMAINS_UNSEEN],
    }


def _since(kept: Mapping[str, Any]) -> dict[str, datetime]:
    return {domain: moment_of(at) for domain, at in kept.get("since", {}).items()}


def _written(seen: Surroundings) -> dict[str, Any]:
    body = asdict(replace(seen, grants=()))
    del body["taken_at"], body["grants"]
    names = [sorted({getattr(g, name) for g in seen.grants}) for name in ("user_uuid", "level", "how")]
    places = [{word: place for place, word in enumerate(words)} for words in names]
    rows = [[places[0][g.user_uuid], g.project_id, places[1][g.level], places[2][g.how]] for g in seen.grants]
    return {**body, "grants": {"users": names[0], "levels": names[1], "hows": names[2], "rows": rows}}


def _read(body: Mapping[str, Any], taken_at: datetime) -> Surroundings:
    kept = body["grants"]
    grants = tuple(
        Grant(user_uuid=kept["users"][user], project_id=project, level=kept["levels"][level], how=kept["hows"][how])
        for user, project, level, how in kept["rows"]
    )
    return Surroundings(
        taken_at=taken_at,
        name=body["name"],
        enforces_2fa=body["enforces_2fa"],
        enforces_verified_domains=body["enforces_verified_domains"],
        members_can_invite=body["members_can_invite"],
        members_can_use_keys=body["members_can_use_keys"],
        features=tuple(body["features"]),
        domains=tuple(Domain(**row) for row in body["domains"]),
        projects=tuple(Project(**row) for row in body["projects"]),
        grants=grants,
        seats=tuple(Seat(**row) for row in body["seats"]),
        gaps=tuple(Gap(**row) for row in body["gaps"]),
    )
