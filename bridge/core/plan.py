"""Steps, holds and the plan that is made of them: values that can be printed, compared and approved.

A `Step` says what would be done; doing it is `remotes/posthog`'s. May import: `events`, `organization`.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from bridge.core.organization import Level, Organization


@dataclass(frozen=True, kw_only=True)
class CancelInvite:
    """Cancel one invite, whether open or expired."""

    invite_id: str
    email: str
    level: Level

    @property
    def canonical(self) -> str:
        """What the step is, without times or counts: the same step always has the same text."""
        return f"cancel_invite {self.invite_id}"

    @property
    def says(self) -> str:
        """The step in words."""
        return f"cancel the {self.level.word} invite to {self.email}"

    def after(self, organization: Organization) -> Organization:
        """The organization once this is done."""
        return organization.without_invite(self.invite_id)


@dataclass(frozen=True, kw_only=True)
class SetLevel:
    """Change one member's level: promote a successor, or step an owner down before removal."""

    user_uuid: str
    email: str
    level: Level
    before: Level

    @property
    def canonical(self) -> str:
        """What the step is, without times or counts."""
        return f"set_level {self.user_uuid} {self.level.word}"

    @property
    def says(self) -> str:
        """The step in words."""
        verb = "promote" if self.level > self.before else "step down"
        return f"{verb} {self.email} from {self.before.word} to {self.level.word}"

    def after(self, organization: Organization) -> Organization:
        """The organization once this is done."""
        return organization.with_level(self.user_uuid, self.level)


@dataclass(frozen=True, kw_only=True)
class RemoveMember:
    """End one membership. The account and its personal API keys live on outside this organization."""

    user_uuid: str
    email: str
    level: Level

    @property
    def canonical(self) -> str:
        """What the step is, without times or counts."""
        return f"remove_member {self.user_uuid}"

    @property
    def says(self) -> str:
        """The step in words."""
        return f"remove {self.email} ({self.level.word}) from the organization"

    def after(self, organization: Organization) -> Organization:
        """The organization once this is done."""
        return organization.without_member(self.user_uuid)


Step = CancelInvite | SetLevel | RemoveMember


class HoldCode(StrEnum):
    """Why the bridge refuses to act by itself. Each has a row in `docs/safeguards.md`."""

    SELF = "self"
    LAST_OWNER = "last_owner"
    NO_SUCCESSOR = "no_successor"
    KEY_NOT_OWNER = "key_not_owner"
    PROTECTED = "protected"
    ACTIVE_ELSEWHERE = "active_elsewhere"
    RECYCLED = "recycled"
    SUSPENDED = "suspended"
    AMBIGUOUS = "ambiguous"
    NEVER_SEEN = "never_seen"
    TOO_MANY = "too_many"
    STALE = "stale"
    NOT_CONVERGING = "not_converging"
    GAVE_UP = "gave_up"
    OBSERVE_ONLY = "observe_only"
    RETURNED = "returned"
    REINVITED = "reinvited"
    GROUP_GONE = "group_gone"
    NOT_SUPPORTED = "not_supported"


@dataclass(frozen=True, kw_only=True)
class Hold:
    """A refusal with its numbers and its remedy. A value, never an exception."""

    code: HoldCode
    message: str
    remedy: str
    is_releasable: bool = True
    needs_reason: bool = False
    """A release must say why (only `last_owner`)."""
    is_blocking: bool = True
    """`False`: stands beside the plan and never delays it (a look-alike account)."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What to do, in order, or why not. Empty means: the organization is as it must be."""

    steps: tuple[Step, ...] = ()
    holds: tuple[Hold, ...] = ()
    is_unknown: bool = False
    """Nobody in the target was ever known under any address of the person."""

    @property
    def blocking(self) -> tuple[Hold, ...]:
        """The holds that keep the steps from being done."""
        return tuple(h for h in self.holds if h.is_blocking)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is to be done and nothing holds."""
        return not self.steps and not self.holds

    @property
    def digest(self) -> str:
        """Twelve hex digits that stand for exactly these steps and hold codes, as a person saw them."""
        return digest_of(tuple(s.canonical for s in self.steps), tuple(h.code for h in self.holds))


@lru_cache(maxsize=1_000)
def digest_of(steps: tuple[str, ...], codes: tuple[HoldCode, ...]) -> str:
    """The digest over canonical steps (in order) and hold codes (as a set)."""
    text = json.dumps([list(steps), sorted(set(codes))], separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def shows_as_done(canonical: str, organization: Organization) -> bool:
    """Whether a look at the organization shows that the step with that canonical text has had its effect."""
    what, target, *level = canonical.split()
    if what == "cancel_invite":
        return all(i.invite_id != target for i in organization.invites)
    member = organization.member(target)
    if what == "remove_member":
        return member is None
    return member is not None and member.level.word == level[0]
