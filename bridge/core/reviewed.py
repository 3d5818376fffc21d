"""What an access review is made of: the evidence that goes in, and the lines that come out.

May import: `organization`, `surroundings`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bridge.core.organization import Invite, Level, Member
from bridge.core.surroundings import Gap, Surroundings


class Kind(StrEnum):
    """What a line is about."""

    MEMBER = "member"
    INVITE = "invite"
    REMOVED = "removed"
    """A membership that ended outside the bridge."""


class Sure(StrEnum):
    """How much a finding can be relied on."""

    CERTAIN = "certain"
    """Said by PostHog or an identity provider in so many words."""
    LIKELY = "likely"
    """Follows from what was said, unless somebody was never told."""
    HINT = "hint"
    """A reason to ask, and no more."""


class Code(StrEnum):
    """The kinds of findings, the pressing ones first: lines stand in this order."""

    INACTIVE = "inactive"
    INVITE_TO_LEAVER = "invite_to_leaver"
    OUTSIDE_REMOVAL = "outside_removal"
    FORMER_KEY = "former_key"
    UNKNOWN = "unknown"
    INACTIVE_SOMEWHERE = "inactive_somewhere"
    INVITE_BY_LEAVER = "invite_by_leaver"
    OUTSIDE_DOMAINS = "outside_domains"
    UNUSED = "unused"
    INVITE_TO_MEMBER = "invite_to_member"
    OPEN_INVITE = "open_invite"
    OWNER = "owner"
    ADMIN = "admin"
    NO_2FA = "no_2fa"
    SERVICE = "service"
    PROTECTED = "protected"
    LEAVING = "leaving"
    EXPIRED_INVITE = "expired_invite"


RANK = {code: place for place, code in enumerate(Code)}
"""Where each stands among the others."""

PRESSING = frozenset(code for code in Code if RANK[code] <= RANK[Code.INVITE_BY_LEAVER])
"""What somebody should see to without waiting for the next review."""


@dataclass(frozen=True, kw_only=True)
class Word:
    """What one connection has about a person."""

    connection: str
    is_active: bool
    since: datetime | None = None
    """When it said so first; `None` when nobody knows."""
    is_import: bool = False
    """A record that was made from PostHog's own list, and that the identity provider has not touched yet: says nothing."""


@dataclass(frozen=True, kw_only=True)
class Examined:
    """One member, with all that speaks for or against them."""

    member: Member
    words: tuple[Word, ...] = ()
    """From the connections that have, or had, a record of the person; from the others there is none."""
    case_id: int | None = None
    """The open case about the person."""
    is_service: bool = False
    """The account that the bridge's key belongs to."""
    was_service: bool = False
    """The account of an earlier key."""
    is_protected: bool = False

    @property
    def said(self) -> tuple[Word, ...]:
        """The words that count."""
        return tuple(w for w in self.words if not w.is_import)

    @property
    def is_gone_everywhere(self) -> bool:
        """Whether each connection that ever knew the person says inactive."""
        return bool(self.said) and not any(w.is_active for w in self.said)


@dataclass(frozen=True, kw_only=True)
class Invited:
    """One invite, with what is known of the invited address."""

    invite: Invite
    words: tuple[Word, ...] = ()
    case_id: int | None = None
    """The open case about a person of that address."""

    @property
    def is_gone_everywhere(self) -> bool:
        """Whether each connection that ever knew the address says inactive."""
        said = [w for w in self.words if not w.is_import]
        return bool(said) and not any(w.is_active for w in said)


@dataclass(frozen=True, kw_only=True)
class Removed:
    """A member who was gone at a look, by no step of ours and with no case that explains it."""

    key: str
    """Our number for it."""
    user_uuid: str
    email: str
    name: str
    level: Level
    last_seen_at: datetime | None
    """The last look that showed the membership."""
    missed_at: datetime
    """The first look that did not."""
    by: str = ""
    """Whose hand it was, as PostHog's activity log has it; empty when nobody knows."""
    how: str = ""
    """Where all this is from, in words."""


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """All that a review of one target rests on, as of the last look."""

    target: str
    as_of: datetime
    members: tuple[Examined, ...]
    invites: tuple[Invited, ...] = ()
    removed: tuple[Removed, ...] = ()
    connections: tuple[str, ...] = ()
    """Those that could speak for a member: the SCIM connections to this target."""
    heard: tuple[str, ...] = ()
    """Those of them that have ever named anybody."""
    surroundings: Surroundings | None = None
    gaps: tuple[Gap, ...] = ()
    """What could not be looked at."""

    @property
    def verified(self) -> frozenset[str]:
        """The domains that the organization has proved to be its own; empty when none is, or nobody has looked."""
        return (
            frozenset(d.domain for d in self.surroundings.domains if d.is_verified)
            if self.surroundings
            else frozenset()
        )


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One reason why a line is in the review."""

    code: Code
    why: str
    to_do: str
    sure: Sure
    seen_at: datetime
    """When what it rests on was seen."""
    since: datetime | None = None
    """Since when it is so; `None` when nobody knows."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """One member, invite or removal, with its findings, the pressing one first."""

    kind: Kind
    key: str
    """What tells it from all others of its kind: the account's UUID, the invite's id, our number of the removal."""
    email: str
    level: Level
    name: str = ""
    findings: tuple[Finding, ...] = ()
    case_id: int | None = None
    """The open case about the person."""
    is_lasting: bool = False
    """Stays whatever is decided: the bridge's own account, or somebody who is gone already."""
    is_members: bool = False
    """An invite to somebody who is a member: to remove the person is more than to cancel the invite."""

    @property
    def codes(self) -> tuple[Code, ...]:
        """What was found, in short."""
        return tuple(f.code for f in self.findings)

    @property
    def is_pressing(self) -> bool:
        """Whether somebody should see to it without waiting for the next review: where a case is open it is seen to."""
        return self.case_id is None and not PRESSING.isdisjoint(self.codes)
