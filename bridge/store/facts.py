"""Gathering what a plan is made from: one function, so that nothing is planned on half of it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from bridge.core.case import Case
from bridge.core.considered import Facts
from bridge.core.organization import Level, Organization
from bridge.core.planner import departing
from bridge.core.policy import OnNoMatch, Policy
from bridge.ports import Connection
from bridge.store import cases, claims, groups, people, scopes, standings, targets
from bridge.store.db import Tx
from bridge.store.departures import departures

LATER = timedelta(hours=12)
"""A removal that is due no sooner is dated: until then the person stays."""


def gather(
    tx: Tx,
    case: Case,
    organization: Organization,
    policy: Policy,
    *,
    connections: Sequence[str],
    on_no_match: OnNoMatch,
    now: datetime,
    granting: Collection[Connection] = (),
) -> Facts:
    """Everything about the case's person and everyone else who is leaving, as it is in this transaction.

    `granting`: connections whose groups may grant what a case about one project or role is about.
    """
    leaving = departures(tx, case.target, connections, organization, now + LATER)
    # What an operator decided was about who the person was then: one record could be renamed into removing everybody.
    decided_at = case.opened_at if case.is_operators else None
    mine = people.leaver_of(tx, case.target, connections, case.person_id, decided_at=decided_at)
    matched = organization.known_as(mine.accounts, mine.addresses)
    said = standings.of_person(tx, case.person_id, connections)
    candidates = {*policy.successors}
    if policy.longest_standing_admin:
        candidates |= {m.address for m in organization.members if m.level is Level.ADMIN}
    touches_owner = case.is_whole and any(m.level is Level.OWNER for m in matched)
    steps = cases.steps_of(tx, case.id)
    later = frozenset(d.account for d in leaving if d.is_later and d.person != case.person_id)
    own = {case.person_id} if case.is_whole else set()
    gone = frozenset(d.account for d in leaving if not d.is_later and d.person not in own)
    if case.is_whole:
        gone |= departing(organization, [mine])
    if touches_owner:
        linked = mine.accounts.union(d.account for d in leaving if d.is_linked)
        gone -= _kept_by_others(tx, case.target, connections, organization, gone - linked)
    return Facts(
        organization=organization,
        leaver=mine,
        was_known=bool(mine.accounts) or case.removed_at is not None or any(s.result == "done" for s in steps),
        departing=gone,
        leaving_later=later,
        robots=frozenset(targets.state(tx, case.target).former_key_uuids),
        removed=frozenset(
            s.canonical.split()[1] for s in steps if s.canonical.startswith("remove_member") and s.result == "done"
        ),
        is_left_out=case.released is None and cases.batch_is_decided(tx, case),
        claimed=claims.of_others(
            tx,
            case.target,
            connections,
            case.person_id,
            mine.addresses,
            {m.user_uuid: m.address for m in matched},
        ),
        active_in=tuple(s.connection for s in said if not s.is_out) if case.is_whole else (),
        is_reactivated=case.is_whole and not case.is_operators and bool(said) and not any(s.is_out for s in said),
        unfit=people.unfit(tx, connections, candidates) if touches_owner else frozenset(),
        removals_in_window=cases.own_removals_since(tx, case.target, now - policy.window),
        intents=len({d.account for d in leaving if d.counts_as_intent}),
        done=cases.done_since(tx, case.id, case.verified_at or case.opened_at),
        stepped_down=frozenset(
            s.canonical.split()[1] for s in steps if s.may_have_effect and s.canonical.endswith(" member")
        ),
        on_no_match=on_no_match,
        scope_holders=0 if case.is_whole else len(groups.holding(tx, granting, case.target, case.scope)),
        scope_leavers=0 if case.is_whole else scopes.group_leavers(tx, case, policy.window, case.scope),
        group_leavers=0 if case.is_whole else scopes.group_leavers(tx, case, policy.window),
    )


def _kept_by_others(
    tx: Tx, target: str, connections: Sequence[str], organization: Organization, unsure: frozenset[str]
) -> frozenset[str]:
    """Accounts that only seem to be leaving: a leaver once had the address, but an active person has it now."""
    addresses = {m.address: m.user_uuid for m in organization.members if m.user_uuid in unsure}
    current = people.current_addresses(tx, connections, list(addresses), cases.people_leaving(target))
    return frozenset(addresses[address] for address in current)
