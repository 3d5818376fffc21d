"""Who can get into an organization, set against what is known of each: the pure part of the access review.

From one dated view of members, invites and settings, and from what the identity providers said, to lines that somebody
keeps or removes one by one. Finds; never decides. May import: `reviewed`, `organization`, `surroundings`, `wording`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from bridge.core.organization import Level
from bridge.core.reviewed import RANK, Code, Evidence, Examined, Finding, Invited, Kind, Line, Removed, Sure
from bridge.core.surroundings import Gap
from bridge.core.wording import counted

UNUSED_AFTER = timedelta(days=90)
"""How long nobody may have logged in before a member counts as unused, unless the policy or an option says otherwise."""

KEYS_UNSEEN = "PostHog's last log-in does not move when a personal API key is used: a script of theirs may be at work."
"""The warning that belongs to every statement about use. Source: PostHog, posthog/auth.py, which updates the key's row."""


def lines_of(evidence: Evidence, unused_after: timedelta = UNUSED_AFTER) -> tuple[Line, ...]:
    """A line for every member, every invite and every removal outside the bridge, the pressing ones first.

    Members without a finding have a line, too: whoever reviews has to see that they were looked at.
    """
    found = [*(_of_member(evidence, m, unused_after) for m in evidence.members)]
    by_uuid = {m.member.user_uuid: m for m in evidence.members}
    by_address = {m.member.address: m for m in evidence.members}
    found += (_of_invite(evidence, i, by_uuid, by_address) for i in evidence.invites)
    found += (_of_removed(r) for r in evidence.removed)
    return tuple(sorted(found, key=_order))


def to_decide(lines: tuple[Line, ...]) -> tuple[Line, ...]:
    """The lines with a finding."""
    return tuple(line for line in lines if line.findings)


def blind_spots(evidence: Evidence, unused_after: timedelta = UNUSED_AFTER) -> tuple[Gap, ...]:
    """What this review cannot know, and what would help; said with every copy of it."""
    found = list(evidence.gaps)
    if not evidence.connections:
        why = f"No identity provider speaks for {evidence.target}, so nobody can be set against one."
        found.append(Gap(what="who is known, active or gone there", why=why, remedy="Connect one: `token create`."))
    for name in evidence.connections:
        if name not in evidence.heard:
            why = f"{name} has never named anybody: unknown to it means nothing yet."
            found.append(Gap(what=f"whom {name} knows", why=why, remedy="`import` and a first matching there."))
    if evidence.surroundings is None:
        why = "Settings and domains were not looked at yet."
        found.append(Gap(what="who is outside the verified domains", why=why, remedy="A worker looks every hour."))
    days = counted(unused_after.days, "day")
    found.append(Gap(what=f"use within {days} by API key", why=KEYS_UNSEEN, remedy="Ask before you remove."))
    return tuple(found)


def _order(line: Line) -> tuple[bool, int, int, str, str]:
    worst = min((RANK[code] for code in line.codes), default=len(RANK))
    return not line.is_pressing, worst, -line.level, line.email.lower(), line.key


def _of_member(evidence: Evidence, examined: Examined, unused_after: timedelta) -> Line:
    member = examined.member
    found = sorted(_about_member(evidence, examined, unused_after), key=lambda f: RANK[f.code])
    return Line(
        kind=Kind.MEMBER,
        key=member.user_uuid,
        email=member.email,
        name=member.name,
        level=member.level,
        findings=tuple(found),
        case_id=examined.case_id,
        is_lasting=examined.is_service,
    )


def _about_member(evidence: Evidence, examined: Examined, unused_after: timedelta) -> Iterator[Finding]:
    member, seen = examined.member, evidence.as_of
    if examined.is_service:
        yield Finding(
            code=Code.SERVICE,
            why="the account whose API key the bridge uses; nobody should log in with it from day to day",
            to_do="See who can log in with it, and that its key is kept as the most powerful one here.",
            sure=Sure.CERTAIN,
            seen_at=seen,
        )
        return
    if examined.was_service:
        yield Finding(
            code=Code.FORMER_KEY,
            why="an earlier API key of the bridge belonged to this account",
            to_do="Remove it if the bridge alone used it, and revoke its key there before.",
            sure=Sure.CERTAIN,
            seen_at=seen,
        )
    yield from _by_providers(evidence, examined)
    yield from _by_use(evidence, examined, unused_after)
    if evidence.verified and member.address.rpartition("@")[2] not in evidence.verified:
        assert evidence.surroundings is not None
        yield Finding(
            code=Code.OUTSIDE_DOMAINS,
            why="an address outside the verified domains, which no SSO rule binds",
            to_do="Keep guests and contractors only with somebody who answers for them.",
            sure=Sure.CERTAIN,
            seen_at=evidence.surroundings.taken_at,
        )
    yield from _by_level(evidence, examined)
    if examined.is_protected:
        yield Finding(
            code=Code.PROTECTED,
            why="on the policy's list of protected accounts: never removed without a person",
            to_do="See that it is still the break-glass account it was listed as, and who holds its password.",
            sure=Sure.CERTAIN,
            seen_at=seen,
        )
    if examined.case_id is not None:
        yield Finding(
            code=Code.LEAVING,
            why=f"leaving: case {examined.case_id} is open",
            to_do=f"Nothing here; `case {examined.case_id}` shows where it stands.",
            sure=Sure.CERTAIN,
            seen_at=seen,
        )


def _by_providers(evidence: Evidence, examined: Examined) -> Iterator[Finding]:
    """What the identity providers say, or do not say."""
    inactive = [w for w in examined.said if not w.is_active]
    active = [w for w in examined.said if w.is_active]
    if inactive:
        gone = ", ".join(w.connection for w in inactive)
        since = min((w.since for w in inactive if w.since), default=None)
        if active:
            yield Finding(
                code=Code.INACTIVE_SOMEWHERE,
                why=f"inactive in {gone}, active in {', '.join(w.connection for w in active)}",
                to_do="Find out which of them is right, and deactivate the person there, too, if they left.",
                sure=Sure.CERTAIN,
                since=since,
                seen_at=evidence.as_of,
            )
        else:
            yield Finding(
                code=Code.INACTIVE,
                why=f"a member, although {gone} says inactive and nobody says active",
                to_do="Remove, unless a case is at it already or somebody decided otherwise.",
                sure=Sure.CERTAIN,
                since=since,
                seen_at=evidence.as_of,
            )
    elif not active and evidence.connections:
        imported = [w.connection for w in examined.words if w.is_import]
        but = f" ({', '.join(imported)} has only an imported record, which it never touched)" if imported else ""
        yield Finding(
            code=Code.UNKNOWN,
            why=f"unknown to {' and '.join(evidence.connections)}{but}: their leaving would never be heard of",
            to_do="Assign them to the bridge's app, as to the SSO app; remove whoever nobody can vouch for.",
            sure=Sure.LIKELY if evidence.heard else Sure.HINT,
            since=examined.member.joined_at,
            seen_at=evidence.as_of,
        )


def _by_use(evidence: Evidence, examined: Examined, unused_after: timedelta) -> Iterator[Finding]:
    """Who did not log in for long. A member who only just joined is given the same time."""
    member = examined.member
    last = member.last_login or member.joined_at
    if last is not None and evidence.as_of - last >= unused_after:
        ever = "no log-in for" if member.last_login else "never logged in, and joined"
        days = counted((evidence.as_of - last).days, "day")
        yield Finding(
            code=Code.UNUSED,
            why=f"{ever} {days}{'' if member.last_login else ' ago'}",
            to_do=f"Ask whether it is still needed. {KEYS_UNSEEN}",
            sure=Sure.HINT,
            since=last,
            seen_at=evidence.as_of,
        )


def _by_level(evidence: Evidence, examined: Examined) -> Iterator[Finding]:
    """What the membership is good for, and how it is guarded."""
    member = examined.member
    if member.level is Level.OWNER:
        yield Finding(
            code=Code.OWNER,
            why="an owner: may do everything, to other owners too",
            to_do="Keep as few as the work needs, and at least two humans.",
            sure=Sure.CERTAIN,
            seen_at=evidence.as_of,
        )
    elif member.level is Level.ADMIN:
        yield Finding(
            code=Code.ADMIN,
            why="an admin: invites and removes members, and gets into every project",
            to_do="Step down whoever does not need it (PostHog, Settings, Members).",
            sure=Sure.CERTAIN,
            seen_at=evidence.as_of,
        )
    if not member.is_2fa_enabled:
        is_enforced = evidence.surroundings is not None and evidence.surroundings.enforces_2fa
        rule = "; the organization asks for it at the next log-in by password" if is_enforced else ""
        yield Finding(
            code=Code.NO_2FA,
            why=f"no second factor at PostHog{rule}",
            to_do="Have it set up, unless they log in through SSO only, where the second factor is the provider's.",
            sure=Sure.HINT if is_enforced else Sure.LIKELY,
            seen_at=evidence.as_of,
        )


def _of_invite(
    evidence: Evidence, invited: Invited, by_uuid: dict[str, Examined], by_address: dict[str, Examined]
) -> Line:
    invite = invited.invite
    already = by_address.get(invite.address)
    sender = by_uuid.get(invite.created_by_uuid)
    findings = sorted(_about_invite(evidence, invited, already, sender), key=lambda f: RANK[f.code])
    return Line(
        kind=Kind.INVITE,
        key=invite.invite_id,
        email=invite.email,
        level=invite.level,
        findings=tuple(findings),
        case_id=invited.case_id,
        is_members=already is not None,
    )


def _about_invite(
    evidence: Evidence, invited: Invited, already: Examined | None, sender: Examined | None
) -> Iterator[Finding]:
    invite, seen = invited.invite, evidence.as_of
    by = f", sent by {invite.created_by_email}" if invite.created_by_email else ""
    cancel = f"`close-way invite {invite.invite_id} --target {evidence.target}`"
    if invite.is_expired:
        yield Finding(
            code=Code.EXPIRED_INVITE,
            why=f"an expired {invite.level.word} invite{by}; PostHog lists it and lets nobody in with it",
            to_do=f"Tidy it away: {cancel}.",
            sure=Sure.CERTAIN,
            since=invite.created_at,
            seen_at=seen,
        )
        return
    if already is not None:
        higher = ", at a higher level" if invite.level > already.member.level else ""
        yield Finding(
            code=Code.INVITE_TO_MEMBER,
            why=f"an open {invite.level.word} invite{by} to somebody who is {already.member.level.word} already{higher}",
            to_do=f"Cancel the invite, which lets the person in again after a removal: {cancel}.",
            sure=Sure.CERTAIN,
            since=invite.created_at,
            seen_at=seen,
        )
    else:
        yield Finding(
            code=Code.OPEN_INVITE,
            why=f"an open {invite.level.word} invite{by}: whoever has the link of that address gets in",
            to_do=f"Ask the sender whether the person is still expected; if not: {cancel}.",
            sure=Sure.CERTAIN,
            since=invite.created_at,
            seen_at=seen,
        )
    if invited.is_gone_everywhere or (already is not None and already.is_gone_everywhere):
        yield Finding(
            code=Code.INVITE_TO_LEAVER,
            why="the invited person is inactive at the identity provider",
            to_do=f"Cancel it now: {cancel}.",
            sure=Sure.CERTAIN,
            since=invite.created_at,
            seen_at=seen,
        )
    if sender is None or sender.is_gone_everywhere or sender.case_id is not None:
        gone = "is no member any more" if sender is None else "is leaving or inactive"
        who = invite.created_by_email or "an account that PostHog does not name"
        yield Finding(
            code=Code.INVITE_BY_LEAVER,
            why=f"{who}, who sent it, {gone}",
            to_do=f"Find somebody who answers for it, or cancel it: {cancel}.",
            sure=Sure.CERTAIN,
            since=invite.created_at,
            seen_at=seen,
        )


def _of_removed(removed: Removed) -> Line:
    hand = f" by {removed.by}" if removed.by else ", by whom is not known"
    finding = Finding(
        code=Code.OUTSIDE_REMOVAL,
        why=f"removed outside the bridge{hand} ({removed.how})",
        to_do="Ask why, since no case tells it: invites, keys and what is left behind were looked at by nobody.",
        sure=Sure.CERTAIN if removed.by else Sure.LIKELY,
        since=removed.last_seen_at,
        seen_at=removed.missed_at,
    )
    return Line(
        kind=Kind.REMOVED,
        key=removed.key,
        email=removed.email,
        name=removed.name,
        level=removed.level,
        findings=(finding,),
        is_lasting=True,
    )
