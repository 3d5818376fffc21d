"""What a pass leaves for people to read: audit entries with who decided, and to-dos when ownership moved."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from bridge.core.case import Case, approver
from bridge.core.organization import Level, Organization
from bridge.core.plan import RemoveMember, SetLevel, Step
from bridge.core.wording import utc
from bridge.store import cases, members, todos
from bridge.store.audit import Entry
from bridge.store.db import Tx


def entry(
    case: Case,
    kind: str,
    now: datetime,
    facts: Mapping[str, object],
    personal: Mapping[str, object] | None = None,
) -> Entry:
    """An entry about the case, done by the bridge and decided by whoever decided it."""
    return Entry(
        at=now,
        kind=kind,
        actor="bridge",
        approver=approver(case),
        case_id=case.id,
        target=case.target,
        facts=facts,
        personal=personal or {},
    )


def ask_about_owners(tx: Tx, case: Case, step: Step, before: Organization, now: datetime) -> None:
    """What only people can do when ownership moved."""
    if isinstance(step, SetLevel) and step.level is Level.OWNER:
        leaving = {s.user_uuid for s in case.plan.steps if isinstance(s, RemoveMember)}
        others = [m.email for m in before.human_owners if m.user_uuid not in leaving | {step.user_uuid}]
        also = f" (also {', '.join(others)})" if others else ""
        words = f"{step.email} was made owner{also}: confirm that billing and payment notices can be reached and paid."
        todos.ask(tx, case.id, f"billing:{step.user_uuid}", words, now)
    if not isinstance(step, SetLevel) or step.before is not Level.OWNER:
        return
    _take_down(tx, case.target, {"billing:owners", f"billing:{step.user_uuid}"}, now)
    staying = [m.email for m in before.human_owners if m.user_uuid != step.user_uuid]
    if staying:
        words = f"{step.email} is no longer an owner. {', '.join(staying)}: confirm your access to billing."
        todos.ask(tx, case.id, "billing:owners", words, now)
    else:
        words = "No human is an owner now: the bridge's service account stands in. Make a person owner in PostHog."
        todos.ask(tx, case.id, "name-an-owner", words, now)


def ask_about_hidden(tx: Tx, case: Case, accounts: Iterable[str], now: datetime) -> None:
    """Whether a membership that nobody saw the bridge end is over, at a self-hosted PostHog.

    An account that is deactivated there is listed no more, cannot be removed through the API (404), and is a member again
    as soon as it is activated. Source: PostHog, posthog/api/organization_member.py (lists active users only).
    """
    for account in sorted(accounts):
        former = members.former(tx, case.target, account)
        if former is None or members.one(tx, case.target, account) is not None or cases.has_removed(tx, case, account):
            continue
        words = (
            f"{former.member.email} was a member of {case.target} until {utc(former.gone_at)}, and it was not the bridge that "
            "ended it. Somebody removed the member by hand, or the account was deactivated: then PostHog hides the "
            "membership, and activating the account brings it back. If it is deactivated: activate it, let the bridge "
            "remove the member, then deactivate it again."
        )
        todos.ask(tx, case.id, f"hidden:{account}", words, now)


def _take_down(tx: Tx, target: str, kinds: set[str], now: datetime) -> None:
    """What was asked of who is no owner any more is asked anew of who is."""
    for todo in todos.todos(tx):
        of = cases.find(tx, todo.case_id)
        if todo.kind in kinds and of is not None and of.target == target:
            todos.tick(tx, todo.id, "the bridge, which asks the owners of now", now)
