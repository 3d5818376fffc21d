"""The removal record and the checklist as Markdown: to be read, printed and filed by people who never saw the bridge.

May import: `removal_record`, `checklist`, `cells`, `findings`, `surroundings`, `wording`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import timedelta
from itertools import groupby

from bridge.core.cells import link, md, table
from bridge.core.checklist import Checklist, Ticked, Verdict, Verified
from bridge.core.events import Reason
from bridge.core.findings import Findings, Topic
from bridge.core.removal_record import RemovalRecord, not_collected
from bridge.core.returns import ReturnState
from bridge.core.surroundings import Gap, Resource
from bridge.core.wording import counted, lasting, scope_words, utc, who

SHORT_SECONDS = 120
"""Up to here the seconds count; above, nobody reads them."""
STAGES = {
    ReturnState.PREPARED: "Prepared, and not sent.",
    ReturnState.READY: "The invite is on its way.",
    ReturnState.SENT: "The invite went out and waits to be accepted.",
    ReturnState.BACK: "Accepted: the person is a member again.",
    ReturnState.EXPIRED: "Not accepted in time, or cancelled.",
    ReturnState.FAILED: "PostHog did not take the invite.",
    ReturnState.DROPPED: "Dropped.",
}
BOX = {Verdict.YES: "[x]", Verdict.NOT_YET: "[ ]", Verdict.NO: "[ ] **no:**"}
HOW = {
    "explicit_member": "granted to the person",
    "explicit_role": "by a role",
    "organization_admin": "as an admin or owner of the organization",
    "project_admin": "as the project's admin",
    "creator": "as its creator",
    "default": "open to every member",
}
"""PostHog's words for what lets somebody into a project, in ours."""


def removal_text(record: RemovalRecord) -> str:
    """The whole record."""
    lines = [
        f"# Removal record: {md(record.person)}",
        "",
        f"**{record.verdict}.** {md(record.says)}",
        "",
        *table(("", ""), _facts(record)),
        *_before(record.findings),
        *_ended(record),
        *_ways_back(record.findings),
        *_left_behind(record),
        *_profiles(record),
        *_given_back(record),
        *_incidents(record),
        *(["## Checklist", "", *_checklist(record.checklist, record.url)] if record.checklist else []),
        *_evidence(record),
    ]
    return "\n".join(lines).rstrip() + "\n"


def checklist_text(checklist: Checklist, title: str, url: str) -> str:
    """The checklist alone."""
    return "\n".join([f"# {md(title)}", "", *_checklist(checklist, url)]).rstrip() + "\n"


def _facts(record: RemovalRecord) -> Iterator[tuple[str, str]]:
    addresses = [a for a in record.addresses if a != record.person]
    also = f", also known as {md(', '.join(addresses))}" if addresses else ""
    number = f"; identifier at the source: {md(record.external_id)}" if record.external_id else ""
    reason = "unknown: the source gave none" if record.reason is Reason.UNKNOWN else record.reason.replace("_", " ")
    yield "Case", f"{record.case_id}, {record.state.lower()}" + (f": {md(record.outcome)}" if record.outcome else "")
    yield "Person", md(record.person) + also + number
    yield "Out of", md(record.target) + ("" if record.scope == "organization" else f", {md(scope_words(record.scope))}")
    event = f" (event {md(record.event_id)})" if record.event_id else ""
    also = f" {md(record.also_asked_says)}" if record.also_asked_says else ""
    yield "Asked by", f"{md(record.asked_says)} Heard on {utc(record.asked_at)}{event}.{also}"
    yield "Reason", md(reason) + (f"; {md(record.note)}" if record.note else "")
    yield "Approved by", md(record.approval_says)
    yield "Performed by", md(record.performed_by)
    yield "Out since", _out(record)
    yield "Seen out", _seen(record)
    yield "Watched", _watched(record)
    yield "This record", f"made on {utc(record.made_at)}"


def _out(record: RemovalRecord) -> str:
    if record.out_at is None:
        return "**not removed**"
    seconds = record.request_to_out_seconds or 0
    took = f"{seconds} s" if seconds < SHORT_SECONDS else lasting(timedelta(seconds=seconds))
    first = f"{utc(record.out_at)}, {took} after the request"
    if record.removed_again_at is None:
        return first
    why = "removed again after a return" if record.returns else "removed again"
    if record.accounts_removed > 1:
        why = f"the last removal of {record.accounts_removed} accounts"
    return f"{utc(record.removed_again_at)}, {why}; first on {first}"


def _seen(record: RemovalRecord) -> str:
    if record.out_at is None or record.seen_out_at is None:
        return "not yet"
    last = record.verified_at
    again = f"; last on {utc(last)}" if last is not None and last != record.seen_out_at else ""
    return f"{utc(record.seen_out_at)}, by a fresh look{again}"


def _watched(record: RemovalRecord) -> str:
    if record.watched_until is None:
        return "not yet"
    until = min(record.watched_until, record.closed_at) if record.closed_at else record.watched_until
    met = counted(record.returns, "return") if record.returns else "nobody came back"
    return f"{'until' if record.closed_at else 'goes on until'} {utc(until)}: {counted(record.looks, 'look')}, {met}"


def _before(findings: Findings) -> Iterator[str]:
    yield from ("## What the person could do before", "")
    before = findings.before
    if before is None:
        yield from ("Not known: the removal was planned before the bridge kept it.", "")
        return
    for account in before.accounts:
        joined = f", member since {utc(account.joined_at)}" if account.joined_at else ""
        seen = (
            f", last login {utc(account.last_login)} (use of API keys does not count as one)"
            if account.last_login
            else ""
        )
        factor = "with" if account.is_2fa_enabled else "without"
        yield f"- {md(account.email)}: **{account.level.word}**{joined}{seen}, {factor} second factor; account `{account.user_uuid}`"
    yield f"- Seen on {utc(before.seen_at)}, when the removal was planned."
    if before.roles:
        yield f"- Roles: {md(', '.join(before.roles))}"
    for invite in before.invites_sent:
        yield f"- Had sent an invite that was open: {md(invite.email)} as {invite.level.word}"
    yield ""
    if before.projects and before.surroundings_at is not None:
        rows = [(md(p.project or str(p.project_id)), md(p.level), md(HOW.get(p.how, p.how))) for p in before.projects]
        yield from table(("Project", "Level", "How"), rows)
        yield from (f"Projects and roles as seen on {utc(before.surroundings_at)}.", "")
    yield from _gaps(before.gaps)


def _ended(record: RemovalRecord) -> Iterator[str]:
    yield from ("## What ended", "")
    for act in record.ended:
        when = f"{utc(act.at)}: " if act.at else ""
        answered = (
            f"PostHog answered {act.status}" if act.status else "the answer was lost, and the next look showed it done"
        )
        yield f"- {when}{md(act.says)}; {answered} {_numbers(act.evidence)}".rstrip()
    if not record.ended:
        yield "Nothing."
    yield ""
    if record.lives_on:
        yield from ("## What lives on", "", *(f"- {says}" for says in record.lives_on), "")


def _ways_back(findings: Findings) -> Iterator[str]:
    if findings.of(Topic.WAYS_BACK) is None:
        return
    yield from ("## Ways back in", "")
    found = findings.ways_back
    if found is None:
        yield from (md(not_collected(findings, Topic.WAYS_BACK)), "")
        return
    for way in found.ways:
        yield f"- {'**Open:** ' if way.is_open else ''}{md(way.says.rstrip('.'))}. {md(way.remedy)}"
    if not found.ways:
        yield "None was found." if found.seen_at is not None else "Nobody has looked for them."
    if found.seen_at is not None:
        yield from ("", f"Domains and their settings as seen on {utc(found.seen_at)}.")
    yield ""
    yield from _gaps(found.gaps)


def _left_behind(record: RemovalRecord) -> Iterator[str]:
    if record.out_at is None:
        return
    yield from ("## What the person made, and what goes on", "")
    found = record.findings.left_behind
    if found is None:
        yield from (md(not_collected(record.findings, Topic.LEFT_BEHIND)), "")
        return
    rows = [
        (md(kind.replace("_", " ")), link(r.name or "(no name)", record.url + r.path), md(r.note))
        for kind, listed in groupby(sorted(found.resources, key=lambda r: (r.kind, r.name)), key=lambda r: r.kind)
        for r in listed
    ]
    yield from table(("Kind", "What", "Note"), rows) or ["Nothing was found.", ""]
    yield from (f"{counted(len(found.resources), 'thing')}, listed on {utc(found.taken_at)}.", "")
    yield from _gaps(found.gaps)


def _profiles(record: RemovalRecord) -> Iterator[str]:
    found = record.findings.profiles
    if found is None or not (found.tracked or found.gaps):
        return
    yield from ("## The person as an end user of your own product", "")
    for each in found.tracked:
        where = link(each.project, record.url + each.path)
        yield f"- {where}: {counted(each.count, 'profile')} with this address"
    yield from ("", "These are apart from offboarding, and the bridge deletes none of them.", "")
    yield from _gaps(found.gaps)


def _incidents(record: RemovalRecord) -> Iterator[str]:
    yield from ("## Out of the ordinary", "")
    for each in record.incidents:
        ended = f" {md(each.ended)}" if each.ended else ""
        yield f"- {utc(each.at)}: {md(each.says)}{ended} {_numbers(each.evidence)}"
    yield from ([""] if record.incidents else ["Nothing.", ""])


def _checklist(checklist: Checklist, url: str) -> Iterator[str]:
    by = "" if checklist.chosen_by == "the bridge" else f", chosen by {md(who(checklist.chosen_by))}"
    yield from (f"{md(checklist.says[:1].upper() + checklist.says[1:])}{by}.", "", "By the bridge:", "")
    yield from (_verified(v) for v in checklist.verified)
    yield from ("", "By a person:", "")
    yield from (_ticked(t, url) for t in checklist.asked)
    yield ""


def _verified(item: Verified) -> str:
    at = f" On {utc(item.at)}." if item.at else ""
    return f"- {BOX[item.verdict]} {md(item.says)}{at} {_numbers(item.evidence)}".rstrip()


def _given_back(record: RemovalRecord) -> Iterator[str]:
    """What was prepared for the person to come back, and what cannot be given back."""
    if not record.given_back:
        return
    yield from ("## Given back", "")
    for one in record.given_back:
        asked = f"{utc(one.asked_at)}: {md(one.says)}, asked by {md(who(one.asked_by))}: {md(one.reason.rstrip('.'))}."
        approved = f" A level above member, approved by {md(who(one.approved_by))}." if one.approved_by else ""
        why = f" Why: {md(one.trouble.rstrip('.'))}." if one.state is ReturnState.DROPPED and one.trouble else ""
        ended = f" {STAGES[one.state]}{why}" + (f" On {utc(one.ended_at)}." if one.ended_at else "")
        yield f"- {asked}{approved}{ended}"
        yield from (f"  - Not given back: {md(said)}" for said in one.cannot)
    yield ""


def _ticked(item: Ticked, url: str) -> str:
    title, dot, rest = item.text.partition(". ")
    words = f"**{md(title + dot.strip())}** {md(rest)}".rstrip()
    if item.done_at is None:
        words += f" {link('Open it in PostHog', item.url)}." if item.url and url else ""
        asks = " *Ticking it takes an answer.*" if item.wants_answer else ""
        return f"- [ ] {words}{asks}"
    answer = f" Answer: {md(item.answer)}" if item.answer else ""
    return f"- [x] **{md(title + dot.strip())}** *Ticked by {md(who(item.done_by))} on {utc(item.done_at)}.*{answer}"


def _evidence(record: RemovalRecord) -> Iterator[str]:
    yield from ("## Evidence", "")
    said = "The audit log's entries about this case, by number. Each entry's hash covers the entry before it, with a key that is "
    yield from (f"{said}not in the database; `audit verify` checks the whole chain.", "")
    rows = [
        (str(p.seq), utc(p.at), md(p.says), md(p.actor), md(p.approver.removeprefix("none: ")), f"`{p.hash[:12]}`")
        for p in record.evidence
    ]
    yield from table(("No.", "When", "What", "By", "Approved by", "Hash"), rows)


def _gaps(gaps: Iterable[Gap]) -> Iterator[str]:
    found = [f"- Not seen: {md(g.what)}. {md(g.why)}{f' {md(g.remedy)}' if g.remedy else ''}" for g in gaps]
    yield from (*found, "") if found else ()


def _numbers(evidence: tuple[int, ...]) -> str:
    return f"(no. {', '.join(map(str, evidence))})" if evidence else ""


def resources_in_short(resources: Iterable[Resource]) -> str:
    """How many of each kind, such as `3 dashboards, 1 alert`."""
    counts = Counter(r.kind.replace("_", " ") for r in resources)
    return ", ".join(f"{n} {kind.removesuffix('s') if n == 1 else kind}" for kind, n in sorted(counts.items()))
