"""Gathering what a plan is made from: one function, so that nothing is planned on half of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from bridge.core.case import Case
from bridge.core.organization import Level, Organization
from bridge.core.planner import departing
from bridge.core.policy import OnNoMatch, Policy
from bridge.core.safeguards import Facts
from bridge.store import cases, people
from bridge.store.db import Tx


def gather(
    tx: Tx,
    case: Case,
    organization: Organization,
    policy: Policy,
    *,
    connections: Sequence[str],
    on_no_match: OnNoMatch,
    now: datetime,
) -> Facts:
    """Everything about the case's person and everyone else who is leaving, as it is in this transaction."""
    leaving = cases.leaving(tx, case.target)
    known = people.leavers(tx, case.target, cases.people_leaving(case.target))
    mine = known[case.person_id]
    matched = [m for m in organization.members if m.user_uuid in mine.accounts or m.address in mine.addresses]
    standings = people.standings(tx, case.person_id, connections)
    candidates = {*policy.successors}
    if policy.longest_standing_admin:
        candidates |= {m.address for m in organization.members if m.level is Level.ADMIN}
    touches_owner = any(m.level is Level.OWNER for m in matched)
    steps = cases.steps_of(tx, case.id)
    return Facts(
        organization=organization,
        leaver=mine,
        was_known=bool(mine.accounts) or case.removed_at is not None or any(s.result == "done" for s in steps),
        departing=departing(organization, known.values()),
        claimed=people.claims(
            tx,
            case.target,
            case.person_id,
            mine.addresses | {m.address for m in matched},
            {m.user_uuid for m in organization.members if m.user_uuid in mine.accounts or m in matched},
        ),
        active_in=tuple(s.connection for s in standings if not s.is_out),
        is_reactivated=not case.is_operators and bool(standings) and not any(s.is_out for s in standings),
        unfit=people.unfit(tx, candidates) if touches_owner else frozenset(),
        removals_in_window=cases.own_removals_since(tx, case.target, now - policy.window),
        intents=len(departing(organization, (known[p] for p, counts in leaving.items() if counts))),
        done=cases.done_since(tx, case.id, case.verified_at or case.opened_at),
        stepped_down=frozenset(
            s.canonical.split()[1] for s in steps if s.result != "refused" and s.canonical.endswith(" member")
        ),
        on_no_match=on_no_match,
    )
