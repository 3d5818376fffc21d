"""What the operator decided ahead: limits, protected people, successors, times.

`config.example.toml` documents every key. May import: the standard library.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum


class Mode(StrEnum):
    """Whether the bridge acts at all."""

    OBSERVE = "observe"
    ENFORCE = "enforce"


class OnReturn(StrEnum):
    """What to do when somebody comes back during the watch."""

    REMOVE = "remove"
    HOLD = "hold"


class OnSuspend(StrEnum):
    """What a suspension at the source means."""

    HOLD = "hold"
    REMOVE = "remove"


class IncidentOf(StrEnum):
    """Of whom the activity log is read after the removal, emergencies aside: they are always read."""

    ADMINS = "admins"
    """Admins and owners."""
    EVERYONE = "everyone"


class OnReactivate(StrEnum):
    """What to do when a source has somebody active again who was removed."""

    NOTIFY = "notify"
    INVITE = "invite"


class OnNoMatch(StrEnum):
    """What to do about a leaver whom the target never knew."""

    HOLD = "hold"
    CLOSE = "close"


@dataclass(frozen=True, kw_only=True)
class Policy:
    """The policy for one target."""

    mode: Mode = Mode.OBSERVE
    settle: timedelta = timedelta(seconds=60)
    """How long events gather before anyone is removed, so that a burst is judged whole."""
    watch_for: timedelta = timedelta(hours=24)
    """How long after the last removal a person is watched: PostHog's guide allows SSO changes that long."""
    watch_first: tuple[timedelta, ...] = (timedelta(minutes=1), timedelta(minutes=5))
    """The first looks, counted from the removal."""
    watch_every: timedelta = timedelta(minutes=10)
    on_return: OnReturn = OnReturn.REMOVE
    max_returns: int = 3
    """The return at which the bridge stops removing by itself and asks."""
    max_removals: int = 10
    max_share: float = 0.05
    floor: int = 3
    """Never hold fewer than this many in the window: a share of a small organization says nothing."""
    window: timedelta = timedelta(hours=1)
    protected: frozenset[str] = frozenset()
    """Break-glass accounts, as address keys."""
    on_suspend: OnSuspend = OnSuspend.HOLD
    on_reactivate: OnReactivate = OnReactivate.NOTIFY
    """Whether whoever is active again is told of, or invited at the level of a member."""
    successors: tuple[str, ...] = ()
    """Who becomes owner when the last one leaves: address keys, in order."""
    longest_standing_admin: bool = False
    """Whether the admin who joined first may be promoted when no listed successor can."""
    last_owner_after: timedelta | None = None
    """After this long a held last owner is removed and the service account stands in; `None` is never."""
    max_attempts: int = 12
    """Failed tries of one case before it is held as `gave_up`: with back-off about two hours."""
    snapshot_for: timedelta = timedelta(seconds=60)
    """How old a look at the target may be when something is planned on it."""
    hold_look_every: timedelta = timedelta(minutes=10)
    """How often a held case is planned anew: the world may have settled it."""
    drift_every: timedelta = timedelta(hours=24)
    """How often everyone who is inactive in our records is compared with the members."""
    surroundings_every: timedelta | None = timedelta(hours=1)
    """How often everything around the members is looked at, when nobody is due; `None` is never."""
    cancel_invites_sent: bool = False
    """Whether a removal also cancels the open invites that the leaver sent to others. Off: colleagues expect them."""
    incident_days: int = 30
    """How many days before the removal the activity log is read for the incident report."""
    incident_of: IncidentOf = IncidentOf.ADMINS

    review_every: timedelta | None = None
    """How often an access review falls due, counted from the last signature; `None` is never."""
    unused_after: timedelta = timedelta(days=90)
    """How long a member may not have logged in before a review counts them as unused."""

    def most_removals(self, member_count: int) -> int:
        """How many removals in the window go without a person's approval, in an organization of that size."""
        return max(self.floor, min(self.max_removals, int(self.max_share * member_count)))
