"""What a case hands over to people: its checklist, its findings in short, and all that a removal record is made of.

Reads nothing by itself: everything is in the case's view.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from bridge.core.checklist import Checklist
from bridge.core.evidence import Logged
from bridge.core.findings import Before, Finding, Findings, Progress, Topic
from bridge.core.plain import plain
from bridge.core.removal_record import Given, not_collected
from bridge.core.removal_text import resources_in_short
from bridge.core.verified import verified
from bridge.core.wording import counted, rfc3339
from bridge.store.audit import Kept
from bridge.store.views import CaseView

SHORT = {"Made": Topic.LEFT_BEHIND, "End user": Topic.TRACKED, "Did": Topic.DEEDS}
"""What each finding is called where there is little room; ways back have a place of their own."""


def given(view: CaseView, url: str) -> Given:
    """What a removal record is made of. `url`: the PostHog host's, empty when the target is no longer configured."""
    return Given(
        case=view.case,
        approver=view.approver,
        steps=view.steps,
        events=view.events,
        looks=view.checks,
        log=tuple(_logged(k) for k in view.audit),
        findings=view.findings,
        checklist=checklist(view),
        given_back=view.given_back,
        later=view.later,
        key_email=view.key_email,
        url=url,
    )


def checklist(view: CaseView) -> Checklist | None:
    """The case's checklist with what the bridge verified and what people ticked; `None` before it has one."""
    if view.chosen is None:
        return None
    log = [_logged(k) for k in view.audit]
    return Checklist(
        template=view.chosen.template,
        chosen_by=view.chosen.chosen_by,
        opened_at=view.chosen.opened_at,
        verified=verified(view.case, view.steps, log, len(view.checks), view.findings),
        asked=view.todos,
    )


def checklist_out(view: CaseView) -> dict[str, Any] | None:
    """The checklist as JSON."""
    found = checklist(view)
    if found is None:
        return None
    return {
        "template": found.template.value,
        "chosen_by": found.chosen_by,
        "opened_at": rfc3339(found.opened_at),
        "done": found.is_done,
        "verified": [plain(v) for v in found.verified],
        "items": [
            {
                "id": t.id,
                "kind": t.kind,
                "text": t.text,
                "url": t.url,
                "urgent": t.is_urgent,
                "wants_answer": t.wants_answer,
                "done_at": rfc3339(t.done_at),
                "done_by": t.done_by,
                "answer": t.answer,
            }
            for t in view.todos
        ],
    }


def in_short(view: CaseView) -> list[tuple[str, str]]:
    """The findings in a few words each, for a page or a terminal; no lines before anything was wanted."""
    found = view.findings
    lines = [("Before", _before(found.before))] if found.before is not None else []
    for name, topic in SHORT.items():
        row = found.of(topic)
        if row is not None:
            lines.append((name, _counted(found, topic) if row.body is not None else not_collected(found, topic)))
    return lines if len(found.rows) > 1 else []


def _before(before: Before) -> str:
    projects = counted(len({p.project_id for p in before.projects}), "project") if before.projects else ""
    roles = f"roles {', '.join(before.roles)}" if before.roles else ""
    return ", ".join(filter(None, (before.level.word, projects, roles)))


def _counted(found: Findings, topic: Topic) -> str:
    said, gaps = "", 0
    if topic is Topic.LEFT_BEHIND and found.left_behind is not None:
        resources, gaps = found.left_behind.resources, len(found.left_behind.gaps)
        said = resources_in_short(resources) or "nothing"
    elif topic is Topic.TRACKED and found.profiles is not None:
        said, gaps = counted(found.profiles.count, "profile"), len(found.profiles.gaps)
    elif found.deeds is not None:
        said, gaps = f"{counted(len(found.deeds.rows), 'action')}: report --incident", len(found.deeds.gaps)
    return said + (f"; {counted(gaps, 'part')} could not be seen" if gaps else "")


def handover_out(view: CaseView) -> dict[str, Any] | None:
    """The findings in short as JSON; `report` has them whole. `None` when nothing was ever wanted."""
    found = view.findings
    short: dict[str, Any] = {r.topic.value: _state(r) for r in found.rows if r.progress is not Progress.NOTED}
    if not short:
        return None
    if found.before is not None:
        short[Topic.BEFORE] |= {
            "level": found.before.level.word,
            "projects": [plain(p) for p in found.before.projects],
            "roles": list(found.before.roles),
        }
    if found.left_behind is not None:
        kinds = Counter(r.kind for r in found.left_behind.resources)
        short[Topic.LEFT_BEHIND] |= {"count": sum(kinds.values()), "kinds": dict(kinds)}
    if found.ways_back is not None:
        short[Topic.WAYS_BACK] |= {"open": [w.says for w in found.ways_back.open]}
    if found.profiles is not None:
        short[Topic.TRACKED] |= {"count": found.profiles.count}
    if found.deeds is not None:
        short[Topic.DEEDS] |= {"count": len(found.deeds.rows), "since": rfc3339(found.deeds.since)}
    return short


def _state(row: Finding) -> dict[str, Any]:
    gaps = row.body.gaps if row.body is not None else ()
    return {
        "state": row.progress.value,
        "at": rfc3339(row.kept_at),
        "trouble": row.trouble,
        "not_seen": [g.what for g in gaps],
        "sha256": row.digest,
    }


def _logged(kept: Kept) -> Logged:
    entry = kept.entry
    return Logged(
        seq=kept.seq,
        at=entry.at,
        kind=entry.kind,
        actor=entry.actor,
        approver=entry.approver,
        facts=entry.facts,
        personal=kept.personal,
        hash=kept.hash,
    )
