"""How somebody who was removed could come back, or leave something of theirs behind that opens a door: pure.

Told by `check`, on the target's page and in every open case, always in these words. PostHog keeps no list of those who
were removed, so each of these works for a leaver as for everybody else; the watch removes whoever comes back, and these
say what to close so that nobody does. May import: `organization`, `surroundings`, `planner`.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from bridge.core.events import look_alike_key
from bridge.core.organization import Invite, Level, Member
from bridge.core.surroundings import Domain
from bridge.core.wording import counted


class WayCode(StrEnum):
    """The kinds of ways back."""

    JIT = "jit"
    ENFORCED_JIT = "enforced_jit"
    OTHER_SCIM = "other_scim"
    OUTSIDE_DOMAINS = "outside_domains"
    INVITE = "invite"
    INVITE_SENT = "invite_sent"
    LOOK_ALIKE = "look_alike"


@dataclass(frozen=True, kw_only=True)
class Way:
    """One way back: what, since when, and what closes it."""

    code: WayCode
    what: str
    remedy: str
    since: datetime | None = None
    """When it began, or when a look first showed it; `None` when nobody knows."""
    command: str = ""
    """What the bridge can do about it, as arguments of its own command line; empty when it can do nothing."""
    is_open: bool = True
    """`False`: good to know, and nothing to be closed."""


@dataclass(frozen=True, kw_only=True)
class Around:
    """One target as last seen: what the ways back are found in."""

    target: str = ""
    """Its name, for commands; empty where it is not known."""
    domains: tuple[Domain, ...] = ()
    members: tuple[Member, ...] = ()
    invites: tuple[Invite, ...] = ()
    open_since: Mapping[str, datetime] = field(default_factory=dict)
    """For each domain's id: the first look that showed its door open."""

    @property
    def verified(self) -> tuple[Domain, ...]:
        """The domains that the organization has proved to be its own."""
        return tuple(d for d in self.domains if d.is_verified)


DOMAINS_UNSEEN = "the authentication domains"
"""What a gap is called when they could not be read."""
ALL_UNSEEN = "a look at the surroundings"
"""What a gap is called when nothing could be read."""
JIT_REMEDY = (
    "Until it is closed, the bridge watches and removes again. Set SSO enforcement for the domain, or switch "
    "just-in-time provisioning off (PostHog, Settings, Authentication domains)."
)
SCIM_REMEDY = (
    "Let one of the two speak for the organization: switch PostHog's SCIM off for the domain, or take the people out of "
    "its app at the identity provider, too. It leaves owners, invites and look-alikes alone."
)


def is_open_door(domain: Domain) -> bool:
    """Whether any log-in with such an address makes a member of whoever is none."""
    return domain.is_verified and domain.is_jit_enabled and not domain.sso_enforcement


def of_organization(around: Around) -> tuple[Way, ...]:
    """The ways back that are open to everybody, the open ones first."""
    found = [*_of_domains(around, around.verified), *_outside(around)]
    return tuple(sorted(found, key=lambda way: not way.is_open))


def of_person(
    around: Around, addresses: Iterable[str], accounts: Iterable[str], not_theirs: Iterable[str] = ()
) -> tuple[Way, ...]:
    """The ways back that one person has. `addresses` are compare keys, `accounts` user UUIDs known to be theirs.

    `not_theirs`: accounts that an operator said are somebody else's.
    """
    theirs, known = frozenset(addresses), frozenset(accounts)
    hosts = {a.rpartition("@")[2] for a in theirs}
    found = [
        *_of_domains(around, tuple(d for d in around.verified if d.domain in hosts)),
        *_invites(around, theirs),
        *_invites_sent(around, theirs, known),
        *_look_alikes(around, theirs, known | frozenset(not_theirs)),
    ]
    return tuple(sorted(found, key=lambda way: not way.is_open))


def _of_domains(around: Around, domains: tuple[Domain, ...]) -> Iterator[Way]:
    for domain in domains:
        name = domain.domain[:100]
        if is_open_door(domain):
            yield Way(
                code=WayCode.JIT,
                what=f"{name} takes removed people back at their next log-in (just-in-time provisioning, no enforced SSO)",
                since=around.open_since.get(domain.domain_id),
                remedy=JIT_REMEDY,
                command=_command(around, "close-way", "jit", name),
            )
        elif domain.is_jit_enabled:
            yield Way(
                code=WayCode.ENFORCED_JIT,
                what=f"{name} makes members by log-in, and lets nobody log in but through {domain.sso_enforcement[:60]}: "
                "whoever is deactivated there stays out",
                remedy="Nothing to do while the identity provider lets nobody in who has left.",
                is_open=False,
            )
        if domain.has_scim:
            yield Way(
                code=WayCode.OTHER_SCIM,
                what=f"PostHog's own SCIM is on for {name}: whatever it is sent makes members again",
                remedy=SCIM_REMEDY,
            )


def _outside(around: Around) -> Iterator[Way]:
    hosts = {d.domain for d in around.verified}
    outside = [m.email for m in around.members if m.address.rpartition("@")[2] not in hosts]
    if hosts and outside:
        named = ", ".join(sorted(outside)[:5]) + (f" and {len(outside) - 5} more" if len(outside) > 5 else "")
        yield Way(
            code=WayCode.OUTSIDE_DOMAINS,
            what=f"{counted(len(outside), 'member')} outside the verified domains, whom no SSO rule binds: {named}",
            remedy="See that a connection speaks for each of them: `coverage` names those whose leaving is never heard of.",
            is_open=False,
        )


def _invites(around: Around, theirs: frozenset[str]) -> Iterator[Way]:
    for invite in around.invites:
        if invite.address in theirs and not invite.is_expired:
            by = f", sent by {invite.created_by_email}" if invite.created_by_email else ""
            yield Way(
                code=WayCode.INVITE,
                what=f"an open {invite.level.word} invite to {invite.email}{by}",
                since=invite.created_at,
                remedy="The case cancels it when it goes on; or cancel it now.",
                command=_command(around, "close-way", "invite", invite.invite_id),
            )


def _invites_sent(around: Around, theirs: frozenset[str], known: frozenset[str]) -> Iterator[Way]:
    accounts = known | {m.user_uuid for m in around.members if m.address in theirs}
    for invite in around.invites:
        if invite.is_expired or invite.address in theirs or invite.created_by_uuid not in accounts - {""}:
            continue
        worst = " It would make an owner." if invite.level is Level.OWNER else ""
        yield Way(
            code=WayCode.INVITE_SENT,
            what=f"an open {invite.level.word} invite to {invite.email}, which this person sent.{worst}".rstrip("."),
            since=invite.created_at,
            remedy="Ask whether the invited person is expected, and cancel the invite if not. policy.cancel_invites_sent "
            "has the bridge cancel every such invite.",
            command=_command(around, "close-way", "invite", invite.invite_id),
        )


def _look_alikes(around: Around, theirs: frozenset[str], known: frozenset[str]) -> Iterator[Way]:
    keys = {look_alike_key(a) for a in theirs}
    for member in around.members:
        if member.address in theirs or member.user_uuid in known or look_alike_key(member.email) not in keys:
            continue
        yield Way(
            code=WayCode.LOOK_ALIKE,
            what=f"the member {member.email} ({member.level.word}) looks like the same person's",
            since=member.joined_at,
            remedy="Say whose it is: link it to the person, who is then removed there, too, or say that it is not theirs.",
            command=_command(around, "link", min(theirs), member.email),
        )


def _command(around: Around, *words: str) -> str:
    """The words for a shell. Whoever chose an address may have spelled a command in it, and it is there to be pasted."""
    return shlex.join([*words, *(("--target", around.target) if around.target else ())])
