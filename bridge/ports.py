"""What the parts ask of each other: protocols, the wired `Bridge`, and the errors of the boundary.

May import: `core`. The store's type is named for the type checker only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from bridge.core.organization import Level, Member, Organization
from bridge.core.plan import Step
from bridge.core.policy import OnNoMatch, Policy
from bridge.core.surroundings import Deeds, Gap, LeftBehind, Surroundings, Tracked

if TYPE_CHECKING:
    from bridge.store.db import Database


class Clock(Protocol):
    """Where the time comes from."""

    def now(self) -> datetime:
        """The time, aware and in UTC."""
        ...


@dataclass(frozen=True, kw_only=True)
class Applied:
    """How the target answered one step. `was_gone`: it said 404, which only the next look can confirm."""

    status: int
    was_gone: bool = False


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One line of `check`."""

    grade: str
    """`ok`, `warn` or `fail`."""
    what: str
    remedy: str = ""


@dataclass(frozen=True, kw_only=True)
class KeyOwner:
    """The account that a target's API key belongs to."""

    user_uuid: str
    email: str


@dataclass(frozen=True, kw_only=True)
class Forgotten:
    """What became of somebody's profiles as an end user. PostHog deletes events and recordings later, in batches."""

    profiles: int
    are_events_queued: bool


class Target(Protocol):
    """One organization that the bridge acts on.

    Every method may raise `Unavailable`, `Refused` or `Unexpected`, and nothing else.
    """

    @property
    def key_fingerprint(self) -> str:
        """Changes when the key changes, and says nothing else about it."""
        ...

    def key_owner(self) -> KeyOwner:
        """Whose key this is. Cached by the caller."""
        ...

    def observe(self, key_uuid: str, now: datetime) -> Organization:
        """One whole look: all members and all invites, each list consistent in itself."""
        ...

    def apply(self, step: Step) -> Applied:
        """Do one step, once; never repeats by itself."""
        ...

    def check(self) -> tuple[Finding, ...]:
        """Whether the key can do its work, and how to mend what it cannot."""
        ...

    def surroundings(self, now: datetime, *, go_on: Callable[[], bool] | None = None) -> Surroundings:
        """One wide look: settings, domains, projects, who gets into which and how, roles. Bounded, and never paced.

        `go_on` is asked before each call; when it says no, the rest is not asked.
        """
        ...

    def left_behind(self, member: Member, now: datetime) -> LeftBehind:
        """What the member made in all projects. May take minutes: it keeps below half of the key's throttle."""
        ...

    def deeds(self, user_uuid: str, since: datetime, until: datetime) -> Deeds:
        """What an account did, as far as the activity log says; a plan without that log is a `Gap`."""
        ...

    def membership_changes(self, since: datetime, until: datetime) -> Deeds:
        """Who joined, left or changed level, whoever did it; `Deed.name` is the member's address."""
        ...

    def tracked(self, email: str) -> tuple[tuple[Tracked, ...], tuple[Gap, ...]]:
        """Where the customer's own product keeps profiles with that address; never a member's account."""
        ...

    def forget(self, email: str, project_id: int, *, with_events: bool) -> Forgotten:
        """Delete the profiles with that address in one project; for good, and never a member's account."""
        ...

    def invite(
        self,
        email: str,
        level: Level,
        *,
        first_name: str = "",
        message: str = "",
        projects: tuple[tuple[int, str], ...] = (),
    ) -> Applied:
        """Invite somebody, once; `projects` are private ones that the invite opens, each with `member` or `admin`."""
        ...

    def give_role(self, role: str, user_uuid: str) -> Applied:
        """Make a member a member of the role of that exact name, once. `Refused` with 404 when there is no such role."""
        ...

    def disable_jit(self, domain_id: str) -> Applied:
        """Stop the domain from making members of people who log in."""
        ...


@dataclass(frozen=True, kw_only=True)
class QueueState:
    """What the queue looks like from outside; `depth` and `workers` are 0 when it cannot be reached."""

    is_reachable: bool
    depth: int = 0
    workers: int = 0


class Bell(Protocol):
    """Wakes a worker for a target. Losing a ring is harmless: the sweep rings again."""

    def ring(self, target: str) -> None:
        """Ask that some worker looks after the target soon. Returns at once and never raises."""
        ...

    def look(self) -> QueueState:
        """How the queue is."""
        ...


SCIM_KINDS = ("okta", "entra", "scim")
"""Kinds of connection that speak SCIM and name a person's own assignment; the others speak for a whole tenant."""


@dataclass(frozen=True, kw_only=True)
class GroupGrant:
    """What leaving one group of an identity provider takes away: one project or role at one target."""

    name: str
    """The group's `displayName`, compared as names are, or its `externalId`, compared exactly."""
    target: str
    scope: str
    """`project:ID` or `role:ID`."""


@dataclass(frozen=True, kw_only=True)
class Connection:
    """One IdP app that talks to us."""

    name: str
    kind: str
    """One of `SCIM_KINDS`; sources of another kind are not built yet."""
    targets: tuple[str, ...]
    on_no_match: OnNoMatch = OnNoMatch.HOLD
    groups: tuple[GroupGrant, ...] = ()
    silent_after: timedelta | None = None
    """After this long without a call somebody should look; `None` is never."""
    rate_limit: int = 0
    """Requests in a second that one web process answers; 0 is without limit."""


@dataclass(frozen=True, kw_only=True)
class TargetSettings:
    """Where one PostHog organization is, and where its key is to be read from (never the key itself)."""

    name: str
    kind: str
    """`posthog`."""
    url: str
    organization_id: str
    api_key_env: str = ""
    api_key_file: str = ""
    ca_file: str = ""
    """Certificates of the authorities that are trusted besides the usual ones; empty for none."""
    is_self_hosted: bool = False
    """Whether it is somebody's own PostHog: accounts can be deactivated there, which hides memberships."""


@dataclass(frozen=True, kw_only=True)
class Bridge:
    """The wired objects. `remote` opens a target and needs its key, so only workers and `check` may call it."""

    db: Database
    clock: Clock
    bell: Bell
    connections: Mapping[str, Connection]
    targets: Mapping[str, TargetSettings]
    policies: Mapping[str, Policy]
    """By target."""
    remote: Callable[[str], Target]
    max_body_bytes: int = 1_048_576
    jitter: Callable[[], float] = field(default=lambda: 1.0)
    """A factor between 0.5 and 1.5 for back-off; constant in tests."""

    def connections_of(self, target: str) -> tuple[str, ...]:
        """The connections that speak for the target."""
        return tuple(name for name, c in self.connections.items() if target in c.targets)


class BoundaryError(Exception):
    """The world said no. Caught at three places only: web error handlers, the pass, the command line."""

    remedy = ""


class Unavailable(BoundaryError):
    """No usable answer now, perhaps later: throttled, 5xx, time-out, reset, or something that is not PostHog answering.

    `retry_after_seconds` is the other side's own wish, or `None`. `is_target_wide` says that it will meet every step
    alike (throttling, no connection), so the target is paused and no case's attempts are spent.
    """

    def __init__(self, detail: str, *, retry_after_seconds: float | None = None, is_target_wide: bool = True) -> None:
        super().__init__(detail)
        self.detail = detail
        self.retry_after_seconds = retry_after_seconds
        self.is_target_wide = is_target_wide


class Refused(BoundaryError):
    """Understood and declined. `is_target_wide` for what meets every step alike: key, scope, organization, redirect."""

    def __init__(self, status: int, detail: str, *, remedy: str = "", is_target_wide: bool = False) -> None:
        super().__init__(f"{status}: {detail}")
        self.status = status
        self.detail = detail
        self.remedy = remedy
        self.is_target_wide = is_target_wide


class Unexpected(BoundaryError):
    """An answer in a shape that we do not know; `shape` says what was seen, without values."""

    def __init__(self, shape: str) -> None:
        super().__init__(f"unexpected answer: {shape}")
        self.shape = shape


class Conflict(BoundaryError):
    """A record with that name is there already."""


class NotThere(BoundaryError):
    """No such record."""


class Declined(BoundaryError):
    """An operator's wish that cannot be granted as things stand; the text says why, `remedy` what to do."""

    def __init__(self, detail: str, *, remedy: str = "") -> None:
        super().__init__(detail)
        self.detail = detail
        self.remedy = remedy


class ClaimLost(BoundaryError):
    """Another worker took over the target; whoever sees this stops at once."""
