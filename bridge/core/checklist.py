"""The checklist of a removal: what the bridge verified by itself, and what only a person can do.

A template chooses what is asked; the findings add what this very person left. Nothing here ever says that a personal API
key was revoked: PostHog has no way to do that to somebody else's key. May import: `case`, `findings`, `events`, `organization`,
`wording`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bridge.core.case import Case
from bridge.core.events import Reason
from bridge.core.findings import Findings, Progress
from bridge.core.organization import Level
from bridge.core.surroundings import Resource
from bridge.core.wording import counted

MOST_PROJECTS = 5
"""Projects whose token has items of its own; more are one item."""
MOST_GAPS = 6
"""Gaps that one item names."""
MOST_NAMED = 3
"""Resources that one item names; the removal record lists all."""
SENDING = ("hog_functions", "batch_exports")
"""Kinds of resources that send data out of PostHog, in PostHog's words."""
SWITCHED_OFF, GOES_ON, PUBLIC = "switched off", "goes on", "has a public link"
"""What `remotes.posthog.inventory` notes about such a resource."""
DUTIES = ("out", "seen_out", "watch")
"""What the bridge must have verified; what else it looks for and finds is an item for a person."""
INCIDENT = "incident_report"
"""The item that has somebody read what was done."""
BREACH = "breach"
"""The item that takes the decision about a breach of personal data."""


class Template(StrEnum):
    """Which checklist it is."""

    EMPLOYEE = "employee"
    CONTRACTOR = "contractor"
    ADMIN = "admin"
    HOSTILE = "hostile"
    EMERGENCY = "emergency"

    @property
    def is_hostile(self) -> bool:
        """Whether the person may wish harm: then nothing is said to them, and every key they knew counts as known."""
        return self in {Template.HOSTILE, Template.EMERGENCY}

    @property
    def knew_keys(self) -> bool:
        """Whether the person surely knew keys that others use too."""
        return self.is_hostile or self is Template.ADMIN


@dataclass(frozen=True, kw_only=True)
class Ask:
    """One thing that a person does."""

    kind: str
    """What it is, the same in each case; at most 64 characters."""
    text: str
    """Its first sentence is its title."""
    url: str = ""
    """Where it is done."""
    is_urgent: bool = False
    """Whether it asks in the status; the others wait in their case."""
    wants_answer: bool = False
    """Whether ticking it takes a sentence, such as a decision and whose it is."""


@dataclass(frozen=True, kw_only=True)
class Ticked(Ask):
    """One thing that a person does, and who did it."""

    id: int = 0
    """By which it is ticked; 0 until it is stored."""
    position: int = 0
    """Its place in the checklist; 0 for what was asked outside of it."""
    done_at: datetime | None = None
    done_by: str = ""
    answer: str = ""


class Verdict(StrEnum):
    """What the bridge knows of an item."""

    YES = "yes"
    NOT_YET = "not yet"
    NO = "no"


@dataclass(frozen=True, kw_only=True)
class Verified:
    """One item that the bridge verified by itself, with its evidence."""

    kind: str
    says: str
    verdict: Verdict
    at: datetime | None = None
    evidence: tuple[int, ...] = ()
    """Numbers of the audit log's entries."""


@dataclass(frozen=True, kw_only=True)
class Checklist:
    """One case's checklist."""

    template: Template
    chosen_by: str
    """`the bridge`, or the operator who chose another."""
    opened_at: datetime
    verified: tuple[Verified, ...] = ()
    asked: tuple[Ticked, ...] = ()

    @property
    def open(self) -> tuple[Ticked, ...]:
        """What is still to do by a person."""
        return tuple(a for a in self.asked if a.done_at is None)

    @property
    def is_done(self) -> bool:
        """Whether everybody has done their part, the bridge too: the person is out, was seen out, and was watched."""
        return not self.open and all(v.verdict is Verdict.YES for v in self.verified if v.kind in DUTIES)

    @property
    def says(self) -> str:
        """How far it is, in a few words."""
        ticked = f"{len(self.asked) - len(self.open)} of {len(self.asked)} ticked by people"
        sure = sum(v.verdict is Verdict.YES for v in self.verified)
        state = "done" if self.is_done else "open"
        return f"{self.template}: {state}; {ticked}, {sure} of {len(self.verified)} verified by the bridge"


def choose(case: Case, level: Level) -> Template:
    """The template that fits. Whoever was sent away is treated as hostile: a farewell too few does no harm."""
    if case.is_emergency:
        return Template.EMERGENCY
    if case.reason in {Reason.SECURITY_INCIDENT, Reason.TERMINATED}:
        return Template.HOSTILE
    if level >= Level.ADMIN:
        return Template.ADMIN
    return Template.CONTRACTOR if case.reason is Reason.CONTRACT_ENDED else Template.EMPLOYEE


def asks(
    template: Template, case: Case, findings: Findings, url: str, *, is_self_hosted: bool = False
) -> tuple[Ask, ...]:
    """What people have to do, in the order of doing. `url`: the PostHog host's, for links; `is_self_hosted`: it is your own."""
    name = case.subject.label
    items = [
        *_about_the_incident(template, case),
        *_ways_back(template, findings),
        *_keys(template, name),
        *_tokens(template, findings, url),
        *_left_behind(findings, name, url),
        *_elsewhere(template, name),
        *(_account(name, url) if is_self_hosted else ()),
        *_profiles(findings, name, url),
        *_not_seen(findings),
    ]
    if not template.is_hostile:
        items.append(
            Ask(
                kind="farewell",
                text=f"Farewell. If nobody has told {name} yet: the PostHog account itself lives on, and only its holder can "
                "delete it, once it is in no organization any more (PostHog, Settings, Account).",
            )
        )
    return tuple(items)


def _about_the_incident(template: Template, case: Case) -> Iterator[Ask]:
    if template.is_hostile:
        yield Ask(
            kind=INCIDENT,
            text=f"Incident report. Read what the activity log says of the last weeks, with the command “report {case.id} --incident”. It cannot "
            "show what was queried or read.",
            is_urgent=template is Template.EMERGENCY,
        )
    if template is Template.EMERGENCY or case.reason is Reason.SECURITY_INCIDENT:
        yield Ask(
            kind=BREACH,
            text="Breach decision. Decide whether this is a breach of personal data that must be reported (GDPR, article 33: "
            "within 72 hours of becoming aware). Answer with the decision, why, and who took it.",
            is_urgent=True,
            wants_answer=True,
        )


def _ways_back(template: Template, findings: Findings) -> Iterator[Ask]:
    found = findings.ways_back
    for number, way in enumerate(found.open if found else (), 1):
        said = way.says.rstrip(".")
        said = said if "." in said.split(" ")[0] else said[:1].upper() + said[1:]  # a domain is spelled as it is
        yield Ask(kind=f"way_back:{number}", text=f"Way back in. {said}. {way.remedy}", is_urgent=template.is_hostile)


def _keys(template: Template, name: str) -> Iterator[Ask]:
    yield Ask(
        kind="personal_keys",
        text=f"Personal API keys of {name}. They lose this organization, stay valid elsewhere, and revive if the person "
        "returns. Scripts that used them stop now: look in CI secrets, Terraform, cron jobs and notebooks, servers that "
        "evaluate feature flags themselves, and MCP clients, and put what must go on to a service account's key.",
    )
    if template.knew_keys or template is Template.CONTRACTOR:
        yield Ask(
            kind="known_keys",
            text=f"Keys that {name} knew. List what others still use and the person may know (service accounts' personal keys, "
            "project secret keys, webhook addresses, passwords of destinations), and replace each.",
        )


def _tokens(template: Template, findings: Findings, url: str) -> Iterator[Ask]:
    """Rotating a project's token: PostHog lets no API key do it, and keeps no old token beside the new one."""
    if not template.knew_keys:
        return
    before = findings.before
    projects = {p.project_id: p.project or f"project {p.project_id}" for p in (before.projects if before else ())}
    if not projects or len(projects) > MOST_PROJECTS:
        projects = {0: f"each of {len(projects)} projects" if projects else "each project"}
    for number, project in projects.items():
        where = f"{url}/project/{number}/settings/project" if number else f"{url}/settings/project"
        kind = f"token:{number}"
        yield Ask(
            kind=kind,
            text=f"Project token of {project}. Decide whether to rotate it, which PostHog lets no API key do. WARNING: the old "
            "token stops at once in every SDK, there is no backup token, and what is sent with it meanwhile is lost: have the "
            'release ready first. If it stays, tick this and the next three with --answer "stays".',
            url=where,
        )
        yield Ask(kind=f"{kind}:sdks", text=f"New token of {project}: SDKs updated. Apps, sites and servers.")
        yield Ask(kind=f"{kind}:deployed", text=f"New token of {project}: deployed. Everywhere, mobile apps too.")
        yield Ask(kind=f"{kind}:tested", text=f"New token of {project}: tracking tested. Events arrive with it.")


def _left_behind(findings: Findings, name: str, url: str) -> Iterator[Ask]:
    found = findings.left_behind
    resources = found.resources if found else ()
    mailing = [r for r in resources if r.kind == "subscriptions" and r.note]
    if mailing:
        yield Ask(
            kind="subscriptions",
            text=f"Subscriptions that still mail to {name}. {_how_many(mailing)}, and PostHog goes on sending after the removal. "
            f"Edit or delete: {_named(mailing)}",
            url=url + mailing[0].path,
        )
    silent = [r for r in resources if r.kind == "alerts" and r.note]
    if silent:
        yield Ask(
            kind="alerts",
            text=f"Alerts that tell nobody any more. {_how_many(silent)} without another subscriber. Subscribe somebody who "
            f"stays: {_named(silent)}",
            url=url + silent[0].path,
        )
    sending = [r for r in resources if r.kind in SENDING and r.note not in {SWITCHED_OFF, GOES_ON}]
    if sending:
        yield Ask(
            kind="destinations",
            text=f"Destinations and exports that {name} made. {_how_many(sending)}, and data goes on leaving PostHog. Check where "
            f"to: {_named(sending)}",
            url=url + sending[0].path,
        )
    public = [r for r in resources if r.note == PUBLIC]
    if public:
        yield Ask(
            kind="public_links",
            text=f"Public links that {name} knows. {_how_many(public)} open to whoever has the link. End the sharing where it is "
            f"not needed: {_named(public)}",
            url=url + public[0].path,
        )
    named = {id(r) for r in (*mailing, *silent, *sending, *public)}
    others = [r for r in resources if id(r) not in named]
    if others:
        yield Ask(
            kind="handover",
            text=f"Handover of what {name} made. {_how_many(others)}, and all goes on working. Name who looks after it; the "
            "removal record lists each with its link.",
        )
    before = findings.before
    invited = before.invites_sent if before else ()
    if invited:
        names = ", ".join(f"{i.email} ({i.level.word})" for i in invited)
        yield Ask(
            kind="invites_sent",
            text=f"Invites that {name} had sent. They were open at the removal: {names}. Cancel or vouch for each.",
        )


def _elsewhere(template: Template, name: str) -> Iterator[Ask]:
    yield Ask(
        kind="slack",
        text=f"Slack. {name} is out of the channels that PostHog posts to (alerts, subscriptions), also of shared channels and "
        "guest accounts.",
    )
    yield Ask(
        kind="documents",
        text=f"Shared documents. Exports, screenshots and links to PostHog that {name} can still open are closed.",
    )
    yield Ask(
        kind="other_tools",
        text="Other tools with PostHog's data. The warehouse, reverse ETL, error tracking: what the identity provider does not "
        "cover is closed.",
    )
    if template is Template.CONTRACTOR:
        yield Ask(kind="agency", text=f"Agency or company of {name}. It knows, and has said what data it still holds.")


def _account(name: str, url: str) -> Iterator[Ask]:
    yield Ask(
        kind="self_hosted_account",
        text=f"Account on your own PostHog. The membership has ended, so deactivate the account of {name} now (Django admin, "
        "Users, untick Active). Deactivate, do not delete. Never the other way round: a deactivated account hides its "
        "membership from the API.",
        url=f"{url}/admin/posthog/user/",
    )


def _profiles(findings: Findings, name: str, url: str) -> Iterator[Ask]:
    found = findings.profiles
    if found is not None and found.count:
        where = ", ".join(f"{t.project} ({t.count})" for t in found.tracked)
        yield Ask(
            kind="customer_profile",
            text=f"{name} as an end user of your product. It tracks {counted(found.count, 'profile')} with this address: {where}. "
            "That is apart from offboarding, and the bridge deletes nothing there: decide under your own rules (GDPR).",
            url=url + found.tracked[0].path,
        )


def _not_seen(findings: Findings) -> Iterator[Ask]:
    """What could not be looked at, so that nobody takes an empty list for a good one."""
    missed = [g.what for r in findings.rows if r.body is not None for g in r.body.gaps]
    missed += [r.topic.value.replace("_", " ") for r in findings.rows if r.progress is Progress.GAVE_UP]
    if missed:
        named = "; ".join(dict.fromkeys(missed[:MOST_GAPS])) + (
            f" and {len(missed) - MOST_GAPS} more" * (len(missed) > MOST_GAPS)
        )
        yield Ask(
            kind="not_seen",
            text=f"What the bridge could not see. Look for yourself where it matters: {named}. The removal record says why.",
        )


def _how_many(resources: Sequence[Resource]) -> str:
    return f"There {'is' if len(resources) == 1 else 'are'} {len(resources)}"


def _named(resources: Sequence[Resource]) -> str:
    names = ", ".join(r.name or f"{r.kind} {r.resource_id}" for r in resources[:MOST_NAMED])
    return names + (f" and {len(resources) - MOST_NAMED} more." if len(resources) > MOST_NAMED else ".")
