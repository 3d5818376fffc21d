"""What somebody could do before the removal, as far as any look showed it."""

from __future__ import annotations

from datetime import datetime

from bridge.core.case import Case
from bridge.core.findings import Before, with_grants, with_surroundings
from bridge.store import cases, findings, members, surroundings
from bridge.store.db import Tx


def of(tx: Tx, case: Case) -> Before | None:
    """What is known of the case's person, also before the inquiry that keeps it; `None` when nothing was noted."""
    before = findings.of_case(tx, case.id).before
    if before is None or before.surroundings_at is not None or case.removed_at is None:
        return before
    return whole(tx, case.target, before, case.removed_at)


def fill_in(tx: Tx, target: str) -> None:
    """Note the projects and roles of everybody who is out, as the last wide look showed them: the next one cannot."""
    noted = findings.noted(tx, target)
    kept = surroundings.last(tx, target).surroundings if noted else None
    for case_id, before in noted:
        case = cases.find(tx, case_id)
        if kept is None or case is None or case.removed_at is None or before.surroundings_at is not None:
            continue
        if kept.taken_at < case.removed_at:
            findings.note_more(tx, case_id, with_surroundings(before, kept, case.removed_at))


def whole(tx: Tx, target: str, before: Before, removed_at: datetime) -> Before:
    """What was noted, with projects and roles: of the last wide look, or as kept when the account was seen to be gone."""
    if before.surroundings_at is not None:
        return before
    kept = surroundings.last(tx, target).surroundings
    if kept is None or kept.taken_at < removed_at:
        return with_surroundings(before, kept, removed_at)
    names = {p.project_id: p.name for p in kept.projects}
    gone = [members.former(tx, target, m.user_uuid) for m in before.accounts]
    had = [(one.access, one.seen_at) for one in gone if one is not None]
    return with_grants(before, had, names)
