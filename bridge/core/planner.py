"""From what is and what must be to what is to be done: the pure `plan`.

Empty when the organization is as it must be, which is also how a removal is verified: there is no second opinion
about "gone". May import: everything else in `core`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from bridge.core.case import Case
from bridge.core.considered import Considered, Facts, Leaver
from bridge.core.organization import Level, Member, Organization
from bridge.core.plan import CancelInvite, HoldCode, Plan, RemoveMember, SetLevel, Step
from bridge.core.policy import Policy
from bridge.core.safeguards import SAFEGUARDS


def plan(case: Case, facts: Facts, policy: Policy, now: datetime) -> Plan:
    """The steps that take the person out, in order, and the holds that stand against them.

    With a blocking hold the steps are what would be done on release. A release covers the holds it names as long as
    every step is among those that were approved.
    """
    organization = facts.organization
    mine, contested = _accounts(facts)
    to_go = mine or (contested if case.removed_at is None else ())
    members = tuple(m for m in to_go if m.user_uuid != organization.key_uuid)
    look_alikes = _look_alikes(facts, mine)
    invites = tuple(
        CancelInvite(invite_id=i.invite_id, email=i.email, level=i.level)
        for i in organization.invites
        if i.address in (facts.leaver.addresses | {m.address for m in mine}) and i.address not in facts.claimed
    )
    if policy.cancel_invites_sent:
        invites = (*invites, *_invites_sent(facts, mine))
    steps: list[Step] = list(invites) if case.is_whole else []
    owners = (
        [m for m in members if m.level is Level.OWNER or m.user_uuid in facts.stepped_down] if case.is_whole else []
    )
    successor = None
    is_replaced = not owners or bool(_staying_owners(organization, facts))
    if not is_replaced:
        successor = _successor(organization, facts, policy)
    if successor is not None:
        steps.append(_set_level(successor, Level.OWNER))
    for member in members if case.is_whole else ():
        if member.level is Level.OWNER:
            steps.append(_set_level(member, Level.MEMBER))
        steps.append(RemoveMember(user_uuid=member.user_uuid, email=member.email, level=member.level))
    is_unknown = not (mine or invites or look_alikes or contested or facts.was_known)
    considered = Considered(
        case=case,
        facts=facts,
        policy=policy,
        now=now,
        steps=tuple(dict.fromkeys(steps)),
        members=mine,
        contested=contested,
        look_alikes=look_alikes,
        is_owner_leaving=bool(owners),
        missing_successor=not is_replaced and successor is None,
        is_unknown=is_unknown,
    )
    found = [hold for safeguard in SAFEGUARDS if (hold := safeguard(considered)) is not None]
    whole = Plan(steps=considered.steps, holds=tuple(found), is_unknown=is_unknown)
    return _less_what_was_released(whole, case)


def departing(organization: Organization, leavers: Iterable[Leaver]) -> frozenset[str]:
    """The accounts of everyone who is leaving, by link or exact address."""
    return frozenset(
        m.user_uuid
        for leaver in leavers
        for m in organization.known_as(leaver.accounts, leaver.addresses)
        if m.user_uuid not in leaver.dismissed
    )


def _accounts(facts: Facts) -> tuple[tuple[Member, ...], tuple[Member, ...]]:
    """The members who are this person, and those that are another's now."""
    leaver = facts.leaver
    mine: list[Member] = []
    contested: list[Member] = []
    for member in facts.organization.known_as(leaver.accounts, leaver.addresses):
        if member.user_uuid not in leaver.dismissed:
            (contested if member.user_uuid in facts.claimed else mine).append(member)
    return tuple(mine), tuple(contested)


def _invites_sent(facts: Facts, mine: tuple[Member, ...]) -> tuple[CancelInvite, ...]:
    """The open invites that this person's accounts sent to others."""
    by = ({m.user_uuid for m in mine} | facts.leaver.accounts) - facts.leaver.dismissed - facts.claimed.keys() - {""}
    return tuple(
        CancelInvite(invite_id=i.invite_id, email=i.email, level=i.level)
        for i in facts.organization.invites
        if i.created_by_uuid in by and not i.is_expired
    )


def _look_alikes(facts: Facts, mine: tuple[Member, ...]) -> tuple[Member, ...]:
    leaver, organization = facts.leaver, facts.organization
    known = {m.user_uuid for m in mine} | leaver.dismissed | facts.departing | facts.claimed.keys()
    alike = {m.user_uuid for m in organization.alike(leaver.addresses)}
    found = organization.known_as(alike, leaver.others)
    return tuple(m for m in found if m.user_uuid not in known and m.user_uuid != organization.key_uuid)


def _staying_owners(organization: Organization, facts: Facts) -> tuple[Member, ...]:
    return tuple(m for m in organization.human_owners if m.user_uuid not in facts.departing | facts.robots)


def _successor(organization: Organization, facts: Facts, policy: Policy) -> Member | None:
    """The first listed successor who is a member and stays; then, if allowed, the admin who joined first."""
    fit = [
        m
        for m in organization.members
        if m.user_uuid != organization.key_uuid
        and m.user_uuid not in facts.departing | facts.leaving_later | facts.robots
        and m.address not in facts.unfit
        and m.address not in policy.protected
    ]
    by_address = {m.address: m for m in fit}
    for address in policy.successors:
        if address in by_address:
            return by_address[address]
    admins = [m for m in fit if m.level is Level.ADMIN and m.joined_at is not None]
    if policy.longest_standing_admin and admins:
        return min(admins, key=lambda m: (m.joined_at, m.user_uuid))
    return None


def _set_level(member: Member, level: Level) -> SetLevel:
    return SetLevel(user_uuid=member.user_uuid, email=member.email, level=level, before=member.level)


def _less_what_was_released(whole: Plan, case: Case) -> Plan:
    approval = case.released
    if approval is None or not {s.canonical for s in whole.steps} <= approval.steps:
        return whole
    covered = approval.codes | ({HoldCode.NO_SUCCESSOR} if HoldCode.LAST_OWNER in approval.codes else set())
    holds = tuple(h for h in whole.holds if h.code not in covered or not h.is_releasable)
    return replace(whole, holds=holds)
