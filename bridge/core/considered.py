"""What is considered before anything is done: the facts a plan is made from, and the steps that were made of them.

May import: `case`, `plan`, `organization`, `policy`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from bridge.core.case import Case
from bridge.core.organization import Member, Organization
from bridge.core.plan import Step
from bridge.core.policy import OnNoMatch, Policy


@dataclass(frozen=True, kw_only=True)
class Leaver:
    """How one person who is leaving may be known in the target."""

    person_id: int
    accounts: frozenset[str] = frozenset()
    """Accounts (user UUIDs) that are this person's."""
    dismissed: frozenset[str] = frozenset()
    """Accounts that an operator said are not this person's."""
    addresses: frozenset[str] = frozenset()
    """Every address ever seen that was surely theirs, as compare keys."""
    others: frozenset[str] = frozenset()
    """Further addresses that a source listed: perhaps shared, so only ever a question."""


@dataclass(frozen=True, kw_only=True)
class Done:
    """One step of this case that the target answered 2xx since it was last verified."""

    canonical: str
    at: datetime


@dataclass(frozen=True, kw_only=True)
class Facts:
    """Everything a plan is made from, besides the case, the policy and the time."""

    organization: Organization
    leaver: Leaver
    was_known: bool = False
    """Whether the person was ever a member, as far as we know."""
    departing: frozenset[str] = frozenset()
    """Accounts of everyone who is leaving the target now, this person's among them."""
    leaving_later: frozenset[str] = frozenset()
    """Accounts of those whose removal has a later date: they still stay, but are no successors."""
    robots: frozenset[str] = frozenset()
    """Accounts whose key the bridge used before: no humans, whatever their level."""
    removed: frozenset[str] = frozenset()
    """Accounts that this case removed before: removing them again is no new removal."""
    is_left_out: bool = False
    """A person released others of the same batch and left this one out."""
    claimed: Mapping[str, str] = field(default_factory=dict)
    """Account or address → what to call the other person whose it is now."""
    active_in: tuple[str, ...] = ()
    """Other connections to this target in which the person is active."""
    is_reactivated: bool = False
    """No source says out any more."""
    unfit: frozenset[str] = frozenset()
    """Addresses of people who have a record at an identity provider, but no active one."""
    removals_in_window: int = 0
    """Removals in the policy's window that nobody approved."""
    intents: int = 0
    """Removals still to come that nobody approved, this one included."""
    done: tuple[Done, ...] = ()
    stepped_down: frozenset[str] = frozenset()
    """Accounts that this case stepped down from owner: they still count as owners who must be replaced."""
    on_no_match: OnNoMatch = OnNoMatch.HOLD
    scope_holders: int = 0
    """People to whom some group still grants what this case is about: one project or role."""
    scope_leavers: int = 0
    """People who left the groups that grant it within the policy's window of this one, undecided; this one included."""
    group_leavers: int = 0
    """The same for all projects and roles of the target."""


@dataclass(frozen=True, kw_only=True)
class Considered:
    """What a safeguard looks at: the intended steps and whom they were made for."""

    case: Case
    facts: Facts
    policy: Policy
    now: datetime
    steps: tuple[Step, ...]
    members: tuple[Member, ...]
    """Members who are this person, exactly or by link."""
    contested: tuple[Member, ...]
    """Members whose address or account now belongs to another, active person."""
    look_alikes: tuple[Member, ...]
    is_owner_leaving: bool = False
    """One of the members is an owner, or was until this case stepped them down."""
    missing_successor: bool = False
    is_unknown: bool = False

    @property
    def organization(self) -> Organization:
        """The snapshot that the steps were made on."""
        return self.facts.organization
