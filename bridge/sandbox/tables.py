"""The rows of the sandbox: kept in memory, saved as one file if wanted, found quickly.

Every change passes `put` or `drop`, which also write the activity log. May import: `journal`, `records`, `saved`,
`switches`, `throttle`.
"""

from __future__ import annotations

import hashlib
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Self

from bridge.sandbox import journal
from bridge.sandbox.records import (
    AccessControl,
    Account,
    Activity,
    Call,
    Domain,
    Invite,
    Key,
    Membership,
    Organization,
    Person,
    Project,
    Resource,
    Role,
    RoleMembership,
    Row,
)
from bridge.sandbox.saved import Writer, read_tables
from bridge.sandbox.switches import Switches
from bridge.sandbox.throttle import Throttle

CALLS_KEPT = 50_000
"""Calls remembered in the log; the oldest half goes when there are more, so that a long demonstration stays small."""
ACTIVITY_KEPT = 10_000
"""Rows of the activity log; the oldest half goes when there are more."""


class Tables(Switches):
    """All rows of one PostHog instance. `now` returns the time, aware; `path`: where to save, or `None`."""

    def __init__(self, now: Callable[[], datetime], path: Path | None = None) -> None:
        super().__init__()
        self.now = now
        self.path = path
        self.throttle = Throttle()
        self.leaks = Throttle(((10, timedelta(minutes=1)),))
        """Counts reports of leaked keys, 10 a minute for each address."""
        self.calls: list[Call] = []
        self.queued_deletions: list[tuple[int, str, datetime]] = []
        """Project, person and time of each deletion of events that was ordered."""
        self.organizations: dict[str, Organization] = {}
        self.accounts: dict[str, Account] = {}
        self.memberships: dict[str, Membership] = {}
        self.invites: dict[str, Invite] = {}
        self.keys: dict[str, Key] = {}
        self.domains: dict[str, Domain] = {}
        self.projects: dict[str, Project] = {}
        self.roles: dict[str, Role] = {}
        self.role_memberships: dict[str, RoleMembership] = {}
        self.access_controls: dict[str, AccessControl] = {}
        self.resources: dict[str, Resource] = {}
        self.persons: dict[str, Person] = {}
        self.activity: dict[str, Activity] = {}
        self.texts: dict[str, tuple[Account, Membership, str]] = {}
        """Members as they were last shown, by the membership's id."""
        self._lock = threading.RLock()
        self._writer = Writer()
        self._depth = 0
        self._is_unsaved = False
        self._interruptions: list[Callable[[], Any]] = []
        self._seats: dict[tuple[str, str], Membership] = {}
        self._sorted: dict[str, list[Membership]] = {}
        self._addresses: dict[str, list[str]] = {}
        self._digests: dict[str, str] = {}
        self._roles: dict[str, dict[str, RoleMembership]] = {}

    # -- kept on disk ------------------------------------------------------------------------------------------------

    def save(self, path: Path | None = None) -> None:
        """Write the whole world as JSON; a reader sees the old file or the new one, never half of one."""
        target = path or self.path
        if target is None:
            raise ValueError("The world was not saved: it has no path. Give one, or make the world with one.")
        with self._lock:
            self._writer.write(target, self._tables())

    @classmethod
    def load(cls, path: Path, now: Callable[[], datetime]) -> Self:
        """The world that was saved at `path`, by this version or an older one, saved there again after each change."""
        world = cls(now, path)
        for name, rows in read_tables(path).items():
            world._tables()[name].update(rows)
            for row in rows.values():
                world._indexed(row, None)
        return world

    def _tables(self) -> dict[str, dict[str, Any]]:
        return {
            "organizations": self.organizations,
            "accounts": self.accounts,
            "memberships": self.memberships,
            "invites": self.invites,
            "keys": self.keys,
            "domains": self.domains,
            "projects": self.projects,
            "roles": self.roles,
            "role_memberships": self.role_memberships,
            "access_controls": self.access_controls,
            "resources": self.resources,
            "persons": self.persons,
            "activity": self.activity,
        }

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """What is changed inside is changed together, and saved once."""
        with self._lock:
            self._depth += 1
            try:
                yield
            finally:
                self._depth -= 1
                if not self._depth and self._is_unsaved and self.path is not None:
                    self._is_unsaved = False
                    self.save()

    # -- changing ----------------------------------------------------------------------------------------------------

    def put(self, row: Row) -> None:
        """Save a whole row, new or changed. As at PostHog, nothing checks that it was still there."""
        with self.at_once():
            table = self._tables()[row.TABLE]
            before = table.get(row.key)
            table[row.key] = row
            self._indexed(row, before)
            self._told(journal.of_change(self, before, row))
            self._is_unsaved = True

    def drop(self, row: Row) -> None:
        """Delete one row. Roles and rules of a dropped membership go with it; invites, keys and resources stay."""
        with self.at_once():
            if self._tables()[row.TABLE].pop(row.key, None) is None:
                return
            if isinstance(row, Key):
                self._digests.pop(row.digest, None)
            if isinstance(row, RoleMembership):
                self._roles.get(row.membership, {}).pop(row.id, None)
            if isinstance(row, Membership):
                self._dropped(row)
            self._told(journal.of_change(self, row, None))
            self._is_unsaved = True

    def _dropped(self, row: Membership) -> None:
        self._seats.pop((row.user, row.organization), None)
        self._sorted.pop(row.organization, None)
        self.texts.pop(row.id, None)
        for seat in self._roles.pop(row.id, {}):
            self.role_memberships.pop(seat)
        for rule in [r for r in self.access_controls.values() if r.organization_member == row.id]:
            self.access_controls.pop(rule.id)
        account = self.accounts[row.user]
        if account.current_organization == row.organization:
            others = [m.organization for m in self.memberships.values() if m.user == row.user]
            self.put(replace(account, current_organization=others[0] if others else None))

    def _indexed(self, row: Row, before: Row | None) -> None:
        if isinstance(row, Membership):
            self._seats[row.user, row.organization] = row
            self._sorted.pop(row.organization, None)
        elif isinstance(row, Account):
            if isinstance(before, Account):
                self._addresses[before.email.lower()].remove(row.uuid)
            self._addresses.setdefault(row.email.lower(), []).append(row.uuid)
        elif isinstance(row, Key):
            if isinstance(before, Key):
                self._digests.pop(before.digest, None)
            self._digests[row.digest] = row.id
        elif isinstance(row, RoleMembership):
            self._roles.setdefault(row.membership, {})[row.id] = row

    def _told(self, rows: tuple[Activity, ...]) -> None:
        self.activity.update({row.id: row for row in rows})
        if len(self.activity) > ACTIVITY_KEPT:
            for old in list(self.activity)[: ACTIVITY_KEPT // 2]:
                self.activity.pop(old)

    def log(self, call: Call) -> None:
        """Remember one answered request."""
        with self._lock:
            self.calls.append(call)
            if len(self.calls) > CALLS_KEPT:
                del self.calls[: CALLS_KEPT // 2]

    def interrupt(self, deed: Callable[[], Any]) -> None:
        """Let that happen in the middle of the next write: after it has read its row, before it writes it back."""
        with self._lock:
            self._interruptions.append(deed)

    def interrupted(self) -> None:
        """Somebody else's turn, if anybody waits for it."""
        with self._lock:
            waiting, self._interruptions = self._interruptions, []
        for deed in waiting:
            deed()

    # -- looking -----------------------------------------------------------------------------------------------------

    @property
    def home(self) -> Organization:
        """The organization that was added first."""
        return next(iter(self.organizations.values()))

    def account(self, email: str) -> Account | None:
        """The account with that address in any case, or `None`."""
        found = self._addresses.get(email.lower())
        return self.accounts[found[0]] if found else None

    def membership(self, email: str, organization: str | None = None) -> Membership | None:
        """The person's membership, or `None`."""
        account = self.account(email)
        return None if account is None else self.membership_of(account.uuid, organization or self.home.id)

    def membership_of(self, user: str, organization: str) -> Membership | None:
        """The account's membership in that organization, or `None`."""
        return self._seats.get((user, organization))

    def level_of(self, email: str) -> int | None:
        """The person's level in the home organization (1, 8 or 15), or `None` for nobody's."""
        membership = self.membership(email)
        return None if membership is None else membership.level

    def members(self, organization: str | None = None) -> list[tuple[Account, Membership]]:
        """Who is in the organization, deactivated accounts included, newest first."""
        wanted = organization or self.home.id
        with self._lock:
            rows = self._sorted.get(wanted)
            if rows is None:
                rows = [m for m in self.memberships.values() if m.organization == wanted]
                rows.sort(key=lambda m: (m.joined_at, m.id), reverse=True)
                self._sorted[wanted] = rows
            return [(self.accounts[m.user], m) for m in rows]

    def invites_for(self, email: str) -> list[Invite]:
        """The home organization's invites for that address in any case, newest first, expired ones included."""
        wanted = email.lower()
        return [i for i in self.invites_in(self.home.id) if i.target_email.lower() == wanted]

    def invites_in(self, organization: str) -> list[Invite]:
        """The organization's invites, newest first, expired ones included."""
        rows = [i for i in list(self.invites.values()) if i.organization == organization]
        return sorted(rows, key=lambda i: (i.created_at, i.id), reverse=True)

    def key_with(self, value: str) -> Key | None:
        """The key with that value, or `None`."""
        found = self._digests.get(digest(value))
        return self.keys.get(found) if found else None

    def projects_in(self, organization: str) -> list[Project]:
        """The organization's projects, oldest first."""
        return [p for p in list(self.projects.values()) if p.organization == organization]

    def project(self, project_id: int) -> Project:
        """That project. Raises: KeyError."""
        return self.projects[str(project_id)]

    def roles_in(self, organization: str) -> list[Role]:
        """The organization's roles by name."""
        return sorted((r for r in list(self.roles.values()) if r.organization == organization), key=lambda r: r.name)

    def roles_of(self, membership: Membership) -> set[str]:
        """The ids of the member's roles."""
        return {seat.role for seat in list(self._roles.get(membership.id, {}).values())}


def new_id() -> str:
    """A fresh UUID."""
    return str(uuid.uuid4())


def digest(value: str) -> str:
    """A key's SHA-256, which is all that is kept of it."""
    return hashlib.sha256(value.encode()).hexdigest()
