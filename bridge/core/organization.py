"""A dated snapshot of the target: who is in the PostHog organization, who is invited, and whose key we hold.

Built by `remotes/posthog`; the numbers that PostHog gives its levels stay there. May import: `events`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import IntEnum
from functools import cached_property

from bridge.core.events import address_key


class Level(IntEnum):
    """An organization level, ordered. The values are ours; PostHog's wire numbers live in `remotes/posthog`."""

    MEMBER = 1
    ADMIN = 2
    OWNER = 3

    @property
    def word(self) -> str:
        """PostHog's word for the level."""
        return self.name.lower()


@dataclass(frozen=True, kw_only=True)
class Member:
    """One membership. `user_uuid` names the account (PostHog's members endpoint is keyed by it), never the address."""

    user_uuid: str
    membership_id: str
    user_id: int
    """The numeric id by which resources name their creator."""
    email: str
    level: Level
    name: str = ""
    joined_at: datetime | None = None
    last_login: datetime | None = None
    is_2fa_enabled: bool = False

    @cached_property
    def address(self) -> str:
        """The address as a compare key."""
        return address_key(self.email)


@dataclass(frozen=True, kw_only=True)
class Invite:
    """One open or expired invite; PostHog lists both."""

    invite_id: str
    email: str
    level: Level
    is_expired: bool = False
    created_at: datetime | None = None
    created_by_uuid: str = ""
    created_by_email: str = ""

    @cached_property
    def address(self) -> str:
        """The address as a compare key."""
        return address_key(self.email)


@dataclass(frozen=True, kw_only=True)
class Organization:
    """What one look at the target showed. `key_uuid` is the account that our key belongs to."""

    taken_at: datetime
    key_uuid: str
    members: tuple[Member, ...]
    invites: tuple[Invite, ...] = ()

    def member(self, user_uuid: str) -> Member | None:
        """The member with that account, or `None`."""
        return self.by_account.get(user_uuid)

    @cached_property
    def by_account(self) -> Mapping[str, Member]:
        """The members by `user_uuid`."""
        return {m.user_uuid: m for m in self.members}

    @cached_property
    def by_address(self) -> Mapping[str, Sequence[Member]]:
        """The members by compare key: PostHog may have several whose addresses differ in case alone."""
        found: dict[str, list[Member]] = {}
        for member in self.members:
            found.setdefault(member.address, []).append(member)
        return found

    @property
    def owners(self) -> tuple[Member, ...]:
        """All owners, the service account included."""
        return tuple(m for m in self.members if m.level is Level.OWNER)

    @property
    def human_owners(self) -> tuple[Member, ...]:
        """The owners but for the account that our key belongs to."""
        return tuple(m for m in self.owners if m.user_uuid != self.key_uuid)

    @property
    def key_is_owner(self) -> bool:
        """Whether our key's account is an owner: only an owner can step another owner down."""
        return any(m.user_uuid == self.key_uuid for m in self.owners)

    def without_member(self, user_uuid: str) -> Organization:
        """The snapshot after our own removal of that member."""
        return replace(self, members=tuple(m for m in self.members if m.user_uuid != user_uuid))

    def with_level(self, user_uuid: str, level: Level) -> Organization:
        """The snapshot after our own change of that member's level."""
        members = tuple(replace(m, level=level) if m.user_uuid == user_uuid else m for m in self.members)
        return replace(self, members=members)

    def without_invite(self, invite_id: str) -> Organization:
        """The snapshot after our own cancelling of that invite."""
        return replace(self, invites=tuple(i for i in self.invites if i.invite_id != invite_id))
