"""Giving back what was prepared: the invite, then the roles of whoever accepts it. Part of a pass, after all removals.

What is done is never remembered but seen: a lost answer, a crash or somebody else's invite end like the plain way. May
import: `passing` and what lies below it.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from bridge.core import returns as returns_of
from bridge.core.organization import Member
from bridge.core.policy import Mode
from bridge.core.returns import Return, ReturnState
from bridge.passing import Pass
from bridge.ports import BoundaryError, Refused, Unavailable
from bridge.store import people, returns, targets, todos
from bridge.store.db import Tx

CLOCKS_DIFFER = timedelta(minutes=2)
"""By how much PostHog's clock may be behind ours when it dates an invite."""

log = structlog.get_logger()


def go_on(this: Pass, found: Return) -> None:
    """Do what comes next for the return, on the pass's snapshot. A target-wide trouble ends the pass, as ever."""
    organization = this.organization
    assert organization is not None
    with this.bridge.db.read() as tx:
        accounts = returns.accounts_of(tx, found.person_id, this.target)
    member = returns_of.joined(found, organization, accounts)
    waiting = returns_of.open_invite(found, organization)
    if member is not None and found.sent_at is None and member.user_uuid not in accounts:
        _somebody_else(this, found, member)
    elif member is not None:
        _welcome(this, found, member)
    elif waiting is not None and found.state is ReturnState.SENT:
        _keep(this, replace(found, due_at=this.bridge.clock.now() + returns_of.LOOK_EVERY))
    elif waiting is not None and waiting.level == found.level and _is_ours(found, waiting.created_at):
        _sent(this, found, status=None)  # its answer was lost
    elif found.state is ReturnState.SENT:
        _expired(this, found)
    else:
        _send(this, found)


def _is_ours(found: Return, created_at: datetime | None) -> bool:
    """Whether an invite was made after ours was sent; the two clocks may differ a little."""
    return found.sent_at is not None and created_at is not None and created_at >= found.sent_at - CLOCKS_DIFFER


def _send(this: Pass, found: Return) -> None:
    now = this.bridge.clock.now()
    if this.bridge.policies[this.target].mode is Mode.OBSERVE:
        _keep(this, replace(found, due_at=now + this.bridge.policies[this.target].hold_look_every))
        return
    # Kept before it is sent: after a crash an invite that is seen is known to be this one.
    found = _keep(this, replace(found, sent_at=now))
    try:
        answer = this.remote.invite(
            found.email, found.level, first_name=found.first_name, projects=found.projects, message=""
        )
    except BoundaryError as trouble:
        this.forget()
        if isinstance(trouble, Unavailable | Refused) and trouble.is_target_wide:
            raise
        _failed(this, found, trouble)
        return
    this.forget()
    _sent(this, found, status=answer.status)


def _sent(this: Pass, found: Return, *, status: int | None) -> None:
    now = this.bridge.clock.now()
    after = replace(
        found, state=ReturnState.SENT, sent_at=found.sent_at or now, due_at=now + returns_of.LOOK_EVERY, trouble=""
    )
    _keep(this, after, "return.sent", {"status": status, "level": found.level.word})
    log.info("return sent", target=this.target, case_id=found.case_id)


def _failed(this: Pass, found: Return, trouble: BoundaryError) -> None:
    if isinstance(trouble, Refused) and found.projects and trouble.status == 400:
        # A project that is gone or closed to us must not keep the person out of all others.
        told = f"The private projects: PostHog refused the invite with them ({trouble.detail})."
        after = replace(found, projects=(), cannot=(*found.cannot, told), due_at=this.bridge.clock.now())
        _keep(this, after, "return.without_projects", {"status": trouble.status})
        return
    after = returns_of.failed(found, str(trouble), this.bridge.clock.now())
    _keep(this, after, "return.declined", {"attempts": after.attempts})
    if after.state is ReturnState.FAILED:
        _ask(this, after, f"{found.email} could not be invited back: {trouble}. Invite them in PostHog.")


def _expired(this: Pass, found: Return) -> None:
    now = this.bridge.clock.now()
    _keep(this, replace(found, state=ReturnState.EXPIRED, due_at=None, ended_at=now), "return.expired")
    _ask(
        this,
        found,
        f"{found.email} did not accept the invite (PostHog's last 3 days), or somebody cancelled it. `undo {found.case_id}` "
        "sends another.",
    )


def _somebody_else(this: Pass, found: Return, member: Member) -> None:
    """Before any invite of ours went out, another account is a member under that address: it is given nothing."""
    now = this.bridge.clock.now()
    told = f"{member.email} is a member already, with an account that is not known to be theirs"
    after = replace(found, state=ReturnState.FAILED, trouble=told, due_at=None, ended_at=now)
    _keep(this, after, "return.declined", {"account": member.user_uuid})
    _ask(this, after, f"{told}: nobody was invited, and nothing was given. `link` the account if it is theirs.")


def _welcome(this: Pass, found: Return, member: Member) -> None:
    """The person is a member again: give the roles, and end."""
    cannot = list(found.cannot)
    if member.level < found.level:
        cannot.append(f"They came back as {member.level.word}, not as {found.level.word}: not by the invite.")
    given = []
    for role in found.roles:
        try:
            this.remote.give_role(role, member.user_uuid)
        except BoundaryError as trouble:
            if isinstance(trouble, Unavailable) and trouble.is_target_wide:
                raise
            cannot.append(f"The role {role}: {trouble}.")
        else:
            given.append(role)
    now = this.bridge.clock.now()
    after = replace(found, state=ReturnState.BACK, due_at=None, ended_at=now, cannot=tuple(cannot))
    _keep(this, after, "return.back", {"level": member.level.word, "roles": given}, account=member.user_uuid)
    log.info("return back", target=this.target, case_id=found.case_id)


def _keep(
    this: Pass, after: Return, kind: str = "", facts: dict[str, object] | None = None, *, account: str = ""
) -> Return:
    """Keep the return as it now is. `account`: whose invite was accepted; it goes with the person who leaves again."""
    now = this.bridge.clock.now()
    with this.bridge.db.write() as tx:
        targets.hold_on(tx, this.target, this.token, now)
        if not _is_open(tx, after):
            return after
        returns.save(tx, after)
        if account:
            people.link(tx, after.person_id, this.target, account, is_theirs=True, how="return", now=now)
        if kind:
            tx.audit(returns.entry(after, kind, "bridge", now, facts))
    return after


def _is_open(tx: Tx, after: Return) -> bool:
    """Whether nobody dropped it meanwhile."""
    known = returns.find(tx, after.id)
    return known is not None and known.state.is_open


def _ask(this: Pass, found: Return, words: str) -> None:
    with this.bridge.db.write() as tx:
        todos.ask(tx, found.case_id, f"{todos.RETURN}{found.id}", words, this.bridge.clock.now())
