"""The incident report: what PostHog's activity log says that one person did, what to look at first, and what nobody can see.

May import: `removal_record`, `checklist`, `findings`, `surroundings`, `cells`, `wording`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from bridge.core.cells import link, md, table
from bridge.core.checklist import BREACH, PUBLIC, Ticked
from bridge.core.findings import Topic
from bridge.core.organization import Invite
from bridge.core.removal_record import Given, not_collected
from bridge.core.surroundings import Deed, Gap, Project, Resource
from bridge.core.wording import counted, utc, who

NOT_SHOWN = (
    "what was queried, opened or read, and what was copied from a screen: PostHog keeps no log of it",
    "what was done with a key or an account that is not this person's",
    "what is older than the plan's activity log reaches",
    "what was done in the last minutes before it was read: rows come late",
)
"""What no activity log of PostHog can say. Source: PostHog, posthog/api/advanced_activity_logs/viewset.py."""


@dataclass(frozen=True, kw_only=True)
class Rule:
    """What to look at first, by the words of the activity log."""

    title: str
    why: str
    scopes: frozenset[str] = frozenset()
    """In lower case; empty means all."""
    activities: frozenset[str] = frozenset()
    also: frozenset[str] = frozenset()
    """Activities that are enough, whatever the scope."""

    def holds(self, deed: Deed) -> bool:
        """Whether the row is one of these."""
        scope, activity = deed.scope.lower(), deed.activity.lower()
        is_both = (not self.scopes or scope in self.scopes) and (not self.activities or activity in self.activities)
        return is_both or activity in self.also


RULES = (
    Rule(title="Exports", why="Data that left PostHog as a file.", activities=frozenset({"exported"})),
    Rule(
        title="Destinations and exports that were made or changed",
        why="They go on sending data after the removal.",
        scopes=frozenset(
            {"hogfunction", "batchexport", "batchimport", "pluginconfig", "plugin", "integration", "subscription"}
        ),
        activities=frozenset({"created", "updated", "enabled"}),
    ),
    Rule(
        title="Keys",
        why="A key that was made may still be known; PostHog lists its making, not its use.",
        scopes=frozenset({"personalapikey", "projectsecretapikey"}),
    ),
    Rule(
        title="Invites and memberships",
        why="Ways for others, or for the same person, to come in.",
        scopes=frozenset({"organizationinvite", "organizationmembership", "rolemembership", "role"}),
    ),
    Rule(
        title="Sharing",
        why="A public link is open to whoever has it, also after the removal.",
        scopes=frozenset({"sharingconfiguration"}),
        also=frozenset({"sharing enabled", "sharing disabled", "shared"}),
    ),
    Rule(
        title="Settings of the organization and its projects",
        why="They change who gets in, and what is kept.",
        scopes=frozenset({"organization", "organizationdomain", "project", "team", "accesscontrol"}),
    ),
    Rule(title="Deletions", why="What may have to be restored.", activities=frozenset({"deleted", "bulk_deleted"})),
)
"""In the order in which they are looked at; a row belongs to the first that holds."""


@dataclass(frozen=True, kw_only=True)
class Group:
    """Rows that belong together."""

    title: str
    why: str
    rows: tuple[Deed, ...]


@dataclass(frozen=True, kw_only=True)
class Address:
    """One network address that the person acted from."""

    ip_address: str
    count: int
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True, kw_only=True)
class IncidentReport:
    """What one person did, as far as it can be known."""

    made_at: datetime
    case_id: int
    person: str
    target: str
    removed_at: datetime | None
    since: datetime | None
    until: datetime | None
    missing: str
    """Why there are no rows at all; empty when they were read."""
    rows: tuple[Deed, ...]
    first: tuple[Group, ...]
    """What to look at first."""
    after_removal: tuple[Deed, ...]
    addresses: tuple[Address, ...]
    public_links: tuple[Resource, ...] | None
    """`None`: nobody could list them yet."""
    invites_sent: tuple[Invite, ...]
    """Those that were open when the person was removed."""
    gaps: tuple[Gap, ...]
    not_shown: tuple[str, ...]
    decision: Ticked | None
    """The decision about a breach of personal data; `None` when it is not asked for."""
    projects: tuple[Project, ...]
    """Those whose names are known."""
    url: str


def incident_report(given: Given, now: datetime) -> IncidentReport:
    """The incident report of the case as it stands."""
    found, before, left = given.findings.deeds, given.findings.before, given.findings.left_behind
    rows = found.rows if found else ()
    removed_at = given.case.removed_at
    items = given.checklist.asked if given.checklist else ()
    return IncidentReport(
        made_at=now,
        case_id=given.case.id,
        person=given.case.subject.label,
        target=given.case.target,
        removed_at=removed_at,
        since=found.since if found else None,
        until=found.until if found else None,
        missing="" if found else not_collected(given.findings, Topic.DEEDS),
        rows=rows,
        first=tuple(_grouped(rows)),
        after_removal=tuple(d for d in rows if removed_at is not None and d.at > removed_at),
        addresses=tuple(_addresses(rows)),
        public_links=None if left is None else tuple(r for r in left.resources if r.note == PUBLIC),
        invites_sent=before.invites_sent if before else (),
        gaps=found.gaps if found else (),
        not_shown=NOT_SHOWN,
        decision=next((i for i in items if i.kind == BREACH), None),
        projects=tuple(
            Project(project_id=p.project_id, name=p.project) for p in (before.projects if before else ()) if p.project
        ),
        url=given.url,
    )


def incident_text(report: IncidentReport) -> str:
    """The report as Markdown."""
    lines = [
        f"# Incident report: {md(report.person)}",
        "",
        *_head(report),
        *_decision(report),
        *_not_seen(report),
        *_look_first(report),
        *_public(report),
        *_from_where(report),
        *_everything(report),
    ]
    return "\n".join(lines).rstrip() + "\n"


def _grouped(rows: Sequence[Deed]) -> Iterator[Group]:
    left = list(rows)
    for rule in RULES:
        mine = tuple(d for d in left if rule.holds(d))
        left = [d for d in left if d not in mine]
        if mine:
            yield Group(title=rule.title, why=rule.why, rows=mine)


def _addresses(rows: Iterable[Deed]) -> list[Address]:
    seen: dict[str, list[datetime]] = {}
    for deed in rows:
        if deed.ip_address:
            seen.setdefault(deed.ip_address, []).append(deed.at)
    found = [Address(ip_address=ip, count=len(at), first_at=min(at), last_at=max(at)) for ip, at in seen.items()]
    return sorted(found, key=lambda a: (-a.count, a.ip_address))


def _head(report: IncidentReport) -> Iterator[str]:
    out = (
        f"was taken out of {md(report.target)} on {utc(report.removed_at)}" if report.removed_at else "was not removed"
    )
    if report.since is None or report.until is None:
        yield from (
            f"{md(report.person)} {out} (case {report.case_id}). **No activity can be shown.** {md(report.missing)}",
            "",
        )
        return
    days = round((report.until - report.since).total_seconds() / 86_400)
    actions = counted(len(report.rows), "action")
    late = len(report.after_removal)
    after = f" **{late} of them came after the removal.**" if late else ""
    yield (
        f"{md(report.person)} {out} (case {report.case_id}). PostHog's activity log has **{actions}** of this person from "
        f"{utc(report.since)} to {utc(report.until)} ({days} days).{after} This report was made on {utc(report.made_at)}."
    )
    yield ""


def _decision(report: IncidentReport) -> Iterator[str]:
    yield from ("## Is it a breach of personal data?", "")
    item = report.decision
    if item is None:
        yield f"This case asks for no decision. `checklist {report.case_id} --template emergency` has it ask for one."
    elif item.done_at is None:
        said = (
            "**Not decided yet.** GDPR, article 33, gives 72 hours from becoming aware. Whoever decides enters it with"
        )
        yield f'{said} `todo done {item.id} --answer "DECISION, WHY, WHO"`.'
    else:
        yield f"{md(item.answer)} *Entered by {md(who(item.done_by))} on {utc(item.done_at)}.*"
    yield ""


def _not_seen(report: IncidentReport) -> Iterator[str]:
    yield from ("## What this report cannot show", "")
    yield from (f"- {says[:1].upper() + says[1:]}." for says in report.not_shown)
    yield from (f"- Not read: {md(g.what)}. {md(g.why)} {md(g.remedy)}".rstrip() for g in report.gaps)
    yield ""


def _look_first(report: IncidentReport) -> Iterator[str]:
    if report.since is None:
        return
    yield from ("## What to look at first", "")
    if not report.first:
        yield from ("Nothing of the kinds that are looked at first was done.", "")
    for group in report.first:
        yield from (f"### {group.title} ({len(group.rows)})", "", group.why, "", *_rows(report, group.rows))
    if report.invites_sent:
        yield from ("### Invites of this person that were open at the removal", "")
        yield from (f"- {md(i.email)} as {i.level.word}" for i in report.invites_sent)
        yield ""


def _public(report: IncidentReport) -> Iterator[str]:
    yield from ("## Public links", "")
    if report.public_links is None:
        yield "What this person made is not listed yet, and so are its public links."
    elif report.public_links:
        yield "Made by this person, and open to whoever has the link:"
        yield from ("", *(f"- {link(r.name or r.kind, report.url + r.path)}" for r in report.public_links))
    else:
        yield "None was found on what this person made. Links to what others made can be known to them all the same."
    yield ""


def _from_where(report: IncidentReport) -> Iterator[str]:
    if report.since is None:
        return
    yield from ("## From where", "")
    rows = [(md(a.ip_address), str(a.count), utc(a.first_at), utc(a.last_at)) for a in report.addresses]
    yield from table(("Address", "Actions", "First", "Last"), rows) or ["The log names no addresses.", ""]


def _everything(report: IncidentReport) -> Iterator[str]:
    if report.rows:
        yield from ("## Everything, oldest first", "", *_rows(report, report.rows))


def _rows(report: IncidentReport, rows: Iterable[Deed]) -> list[str]:
    def cells(deed: Deed) -> tuple[str, ...]:
        late = report.removed_at is not None and deed.at > report.removed_at
        when = f"**{utc(deed.at)}, after the removal**" if late else utc(deed.at)
        staff = " (by PostHog's staff in this person's name)" if deed.is_impersonated else ""
        what = f"{deed.scope} {deed.activity}{staff}"
        where = "" if deed.project_id is None else names.get(deed.project_id, str(deed.project_id))
        return when, md(what), md(deed.name), md(deed.changes), md(where), md(deed.ip_address)

    names = {p.project_id: p.name for p in report.projects}

    return table(("When", "What", "Which", "Change", "Project", "From"), map(cells, rows))
