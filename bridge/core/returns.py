"""Giving back: what is prepared for somebody who was removed by mistake, or who is hired again.

An invite at the level of before, but never above member unless a person says so; the private projects ride on it, the
roles follow when it is accepted. The rest cannot be given back, and is said. May import: `findings`, `organization`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from bridge.core.events import address_key
from bridge.core.findings import Before
from bridge.core.organization import Invite, Level, Member, Organization

LOOK_EVERY = timedelta(minutes=10)
"""How often it is looked whether the invite was accepted."""
RETRY = timedelta(seconds=30)
"""After an answer that was lost or a refusal; twice as late each time."""
MOST_ATTEMPTS = 6
BY_DEFAULT = "default"
"""PostHog's word for who gets into a project because everybody does: that needs no giving back."""
EXPLICIT = "explicit_member"
"""PostHog's word for a rule of the member's own, which an invite can carry."""


class ReturnState(StrEnum):
    """How far a return is. The last four are final."""

    PREPARED = "prepared"
    """Nothing goes out before somebody says so."""
    READY = "ready"
    SENT = "sent"
    BACK = "back"
    EXPIRED = "expired"
    """The invite was not accepted in time, or somebody cancelled it."""
    FAILED = "failed"
    DROPPED = "dropped"
    """A newer removal of the same person came before, or it was prepared anew."""

    @property
    def is_open(self) -> bool:
        """Whether something is still to come."""
        return self in {ReturnState.PREPARED, ReturnState.READY, ReturnState.SENT}


@dataclass(frozen=True, kw_only=True)
class Return:
    """One person who is to come back to one target, after one case. Times are aware and in UTC."""

    id: int = 0
    """0 until it is stored."""
    case_id: int
    person_id: int
    target: str
    state: ReturnState
    email: str
    first_name: str = ""
    level_before: Level
    level: Level
    """The level of the invite."""
    projects: tuple[tuple[int, str], ...] = ()
    """Private projects that ride on the invite, each with `member` or `admin`."""
    roles: tuple[str, ...] = ()
    """Names of roles that are given once the invite is accepted."""
    cannot: tuple[str, ...] = ()
    """What is not given back, and why, in sentences."""
    asked_by: str
    reason: str
    asked_at: datetime
    approved_by: str = ""
    """Who approved a level above member; empty when nobody had to."""
    due_at: datetime | None = None
    sent_at: datetime | None = None
    ended_at: datetime | None = None
    attempts: int = 0
    trouble: str = ""

    @property
    def says(self) -> str:
        """What goes out, in words."""
        along = [f"{len(self.projects)} private project(s)"] if self.projects else []
        along += [f"role(s) {', '.join(self.roles)} after that"] if self.roles else []
        return f"invite {self.email} as {self.level.word}" + (f", with {' and '.join(along)}" if along else "")


def prepared(
    before: Before | None,
    *,
    case_id: int,
    person_id: int,
    target: str,
    email: str,
    as_before: bool,
    by: str,
    reason: str,
    now: datetime,
) -> Return:
    """What is to be given back. `before`: what was recorded before the removal, or `None` when nothing was.

    `as_before`: the person who asks takes it on themselves that the level may be above member.
    """
    account = max(before.accounts, key=lambda m: m.level) if before is not None and before.accounts else None
    highest = account.level if account is not None else Level.MEMBER
    level = highest if as_before else Level.MEMBER
    rules = [a for a in before.projects if a.how == EXPLICIT] if before is not None else []
    return Return(
        case_id=case_id,
        person_id=person_id,
        target=target,
        state=ReturnState.PREPARED,
        email=email or (account.email if account is not None else ""),
        first_name=account.name.split(" ")[0] if account is not None and account.name else "",
        level_before=highest,
        level=level,
        projects=tuple((a.project_id, a.level) for a in rules),
        roles=before.roles if before is not None else (),
        cannot=tuple(_cannot(before, highest, level)),
        asked_by=by,
        reason=reason,
        asked_at=now,
        approved_by=by if level > Level.MEMBER else "",
    )


def _cannot(before: Before | None, highest: Level, level: Level) -> list[str]:
    """What stays as it is, in sentences."""
    found = []
    if before is None:
        found.append("What the person could do before was not recorded: only a plain membership can be offered.")
    elif before.surroundings_at is None:
        found.append("Projects and roles were not recorded before the removal; somebody has to say which.")
    if highest > level:
        found.append(
            f"The level: they were {highest.word}, and are invited as {level.word}; --as-before gives it back."
        )
    if highest is Level.OWNER:
        found.append("Ownership that went to a successor: the successor stays an owner.")
    others = [
        a.project or str(a.project_id) for a in (before.projects if before is not None else ()) if _is_other(a.how)
    ]
    if others:
        found.append(f"Access to {', '.join(others)} came by a role or a level, and comes back only with that.")
    found += [
        "Invites that were cancelled stay cancelled.",
        "The membership is a new one: who joined when, and rules for the old membership, are gone.",
        "Nothing has to be done for personal API keys and for what they made: both revive with the membership.",
    ]
    return found


def _is_other(how: str) -> bool:
    return how not in {EXPLICIT, BY_DEFAULT}


def joined(this: Return, organization: Organization, accounts: frozenset[str]) -> Member | None:
    """The member as whom the person is back, by the invited address or an account known to be theirs."""
    key = address_key(this.email)
    return next(iter(organization.known_as(accounts, {key})), None)


def open_invite(this: Return, organization: Organization) -> Invite | None:
    """The invite that waits to be accepted."""
    key = address_key(this.email)
    return next((i for i in organization.invites if i.address == key and not i.is_expired), None)


def failed(this: Return, trouble: str, now: datetime) -> Return:
    """The return after a try that did not take; after too many it is over."""
    attempts = this.attempts + 1
    if attempts >= MOST_ATTEMPTS:
        return replace(this, state=ReturnState.FAILED, attempts=attempts, trouble=trouble, due_at=None, ended_at=now)
    return replace(this, attempts=attempts, trouble=trouble, due_at=now + RETRY * 2**attempts)
