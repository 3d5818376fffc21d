"""A dated snapshot of the target: who is in the PostHog organization, who is invited, and whose key we hold.

Built by `remotes/posthog`; the numbers that PostHog gives its levels stay there. May import: `events`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import IntEnum
from functools import cached_property

from bridge.core.events import address_key, look_alike_key


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


class _Roll:
    """What the members of one look are called, by account; the snapshots after our own steps share it."""

    def __init__(self, members: Iterable[Member]) -> None:
        self.place: dict[str, int] = {}
        self.by_address: dict[str, list[str]] = {}
        """Several where addresses differ in case alone, which PostHog allows."""
        self.by_likeness: dict[str, list[str]] = {}
        for place, member in enumerate(members):
            self.place[member.user_uuid] = place
            self.by_address.setdefault(member.address, []).append(member.user_uuid)
            self.by_likeness.setdefault(look_alike_key(member.email), []).append(member.user_uuid)


@dataclass(frozen=True, kw_only=True)
class Organization:
    """What one look at the target showed. `key_uuid` is the account that our key belongs to."""

    taken_at: datetime
    key_uuid: str
    members: tuple[Member, ...]
    invites: tuple[Invite, ...] = ()

    @cached_property
    def by_account(self) -> Mapping[str, Member]:
        """The members by `user_uuid`."""
        return {m.user_uuid: m for m in self.members}

    @cached_property
    def _roll(self) -> _Roll:
        return _Roll(self.members)

    def member(self, user_uuid: str) -> Member | None:
        """The member with that account, or `None`."""
        return self.by_account.get(user_uuid)

    def accounts_at(self, address: str) -> list[str]:
        """The accounts of the members with that compare key."""
        return [u for u in self._roll.by_address.get(address, ()) if u in self.by_account]

    def known_as(self, accounts: Iterable[str], addresses: Iterable[str]) -> tuple[Member, ...]:
        """The members with one of these accounts or compare keys, as listed."""
        return self._listed({*accounts, *(u for address in addresses for u in self.accounts_at(address))})

    def alike(self, addresses: Iterable[str]) -> tuple[Member, ...]:
        """The members whose address a human would take for one of these, as listed."""
        by_likeness = self._roll.by_likeness
        return self._listed({u for address in addresses for u in by_likeness.get(look_alike_key(address), ())})

    def _listed(self, accounts: set[str]) -> tuple[Member, ...]:
        there = accounts & self.by_account.keys()
        return tuple(self.by_account[u] for u in sorted(there, key=self._roll.place.__getitem__))

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
        return self._after({u: m for u, m in self.by_account.items() if u != user_uuid})

    def with_level(self, user_uuid: str, level: Level) -> Organization:
        """The snapshot after our own change of that member's level."""
        member = self.member(user_uuid)
        return self if member is None else self._after({**self.by_account, user_uuid: replace(member, level=level)})

    def _after(self, members: dict[str, Member]) -> Organization:
        after = replace(self, members=tuple(members.values()))
        after.__dict__.update(by_account=members, _roll=self._roll)  # gathering them anew for each step takes longer
        return after

    def without_invite(self, invite_id: str) -> Organization:
        """The snapshot after our own cancelling of that invite."""
        return replace(self, invites=tuple(i for i in self.invites if i.invite_id != invite_id))
