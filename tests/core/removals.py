"""What tests of checklists and records share: one removal, as the store would give it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from bridge.core.case import Case, CaseState
from bridge.core.events import EventKind, IdentityEvent, Subject
from bridge.core.evidence import Logged, StepDone
from bridge.core.findings import Before, Finding, Findings, Progress, Topic
from bridge.core.organization import Level, Member
from bridge.core.removal_record import Given
from bridge.core.surroundings import Resource

AT = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
UUID = "01900000-0000-7000-8000-000000000001"
MAYA = "maya.okafor@example.com"
REMOVE = f"remove_member {UUID}"
ACCOUNT = Member(user_uuid=UUID, membership_id="m1", user_id=7, email=MAYA, level=Level.MEMBER)
CASE = Case(
    id=1,
    person_id=1,
    target="main",
    source="okta",
    kind=EventKind.DEACTIVATE,
    subject=Subject(user_name=MAYA, external_id="00u1", emails=(MAYA, "m.okafor@example.com")),
    opened_at=AT,
    due_at=None,
    state=CaseState.CLOSED,
    removed_at=AT + timedelta(seconds=60),
    verified_at=AT + timedelta(seconds=61),
    watch_from=AT + timedelta(seconds=60),
    watch_until=AT + timedelta(hours=24),
    closed_at=AT + timedelta(hours=24),
    outcome="out of the organization, and stayed out",
)
EVENT = IdentityEvent(
    event_id="okta-1:2", source="okta", kind=EventKind.DEACTIVATE, subject=CASE.subject, occurred_at=AT, received_at=AT
)


def step(canonical: str = REMOVE, *, says: str = f"remove {MAYA} (member) from the organization", **fields) -> StepDone:
    known = {"started_at": AT, "ended_at": AT + timedelta(seconds=60), "status": 204, "result": "done"}
    return StepDone(canonical=canonical, says=says, **{**known, **fields})


def log(*entries: tuple) -> tuple[Logged, ...]:
    """Entries of (kind, facts, personal, actor), numbered from 1 and a minute apart."""
    found = []
    for number, (kind, *more) in enumerate(entries, 1):
        facts, personal, actor = (*more, *({}, {}, "bridge")[len(more) :])
        found.append(
            Logged(
                seq=number,
                at=AT + timedelta(minutes=number),
                kind=kind,
                actor=actor,
                approver="none: policy enforce",
                facts=facts,
                personal=personal,
                hash="a" * 64,
            )
        )
    return tuple(found)


def resource(kind: str, name: str, note: str = "") -> Resource:
    return Resource(kind=kind, project_id=1, resource_id="7", name=name, path=f"/project/1/{kind}/7", note=note)


def findings(*, level: Level = Level.MEMBER, projects=(), invites=(), **bodies) -> Findings:
    """Findings with what was before, and the bodies by topic; an exception's text is a last word, `None` still wanted."""
    before = Before(seen_at=AT, accounts=(replace(ACCOUNT, level=level),), projects=projects, invites_sent=invites)
    rows = [Finding(topic=Topic.BEFORE, progress=Progress.KEPT, wanted_at=AT, body=before)]
    for name, body in bodies.items():
        if isinstance(body, str):
            rows.append(Finding(topic=Topic(name), progress=Progress.GAVE_UP, wanted_at=AT, trouble=body))
        elif body is None:
            rows.append(Finding(topic=Topic(name), progress=Progress.WANTED, wanted_at=AT))
        else:
            rows.append(Finding(topic=Topic(name), progress=Progress.KEPT, wanted_at=AT, body=body))
    return Findings(rows=tuple(rows))


def given(case: Case = CASE, **fields) -> Given:
    known = {
        "approver": "none: policy enforce",
        "steps": (step(),),
        "events": (EVENT,),
        "looks": ((AT, "absent"),),
        "log": log(("step.done", {"step": REMOVE, "status": 204}, {"says": "remove"})),
        "findings": findings(),
        "key_email": "posthog-bridge@example.com",
        "url": "https://eu.posthog.com",
    }
    return Given(case=case, **{**known, **fields})
