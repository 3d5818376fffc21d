"""What of the audit log a record shows: what was out of the ordinary and how it ended, and each entry as proof.

May import: `findings`, `evidence`, `wording`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bridge.core.evidence import Logged
from bridge.core.findings import Topic
from bridge.core.wording import utc, who

CALLED = {
    "case.opened": "the case was opened",
    "case.planned": "planned",
    "case.held": "waits for a person",
    "case.pending": "goes on",
    "case.release": "approved by a person",
    "case.cancel": "cancelled by a person",
    "case.retry": "tried again by a person",
    "case.watching": "a fresh look showed nothing left to do; the watch began",
    "case.closed": "closed",
    "case.reactivated": "active again at the source",
    "case.superseded": "taken over by another case",
    "case.returned": "came back",
    "step.done": "done",
    "step.gone": "was done already",
    "step.found_done": "found done by the next look",
    "step.failed": "a try failed",
    "return.prepared": "the way back was prepared",
    "return.approved": "the invite was approved",
    "return.sent": "the invite went out",
    "return.without_projects": "the invite goes out without the private projects",
    "return.declined": "the invite did not go out",
    "return.back": "the invite was accepted",
    "return.expired": "the invite was not accepted",
    "return.dropped": "nothing more is given back",
    "finding.kept": "collected",
    "finding.gave_up": "could not be collected",
    "checklist.chosen": "the checklist was chosen",
    "todo.done": "ticked",
    "todo.reopened": "unticked",
    "target.paused": "PostHog could not be worked on",
    "target.resumed": "PostHog answers again",
    "clock.stepped": "the machine's clock was put elsewhere",
}
"""What an entry of each kind of the audit log is called in the record."""

DECIDES = {
    "case.release",
    "case.cancel",
    "case.pending",
    "case.watching",
    "case.closed",
    "case.reactivated",
    "case.superseded",
}
"""Kinds of entries that end a hold."""


ERASED = "the words were erased"
"""What stands in place of words that named a person who has been forgotten."""


@dataclass(frozen=True, kw_only=True)
class Incident:
    """Something out of the ordinary, and how it ended."""

    at: datetime
    kind: str
    """`held`, `beside`, `returned`, `failed`, `paused`, `clock` or `not_collected`."""
    says: str
    ended: str
    """How it was decided, or how it ended; empty while it has not."""
    evidence: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Proof:
    """One entry of the audit log."""

    seq: int
    at: datetime
    says: str
    actor: str
    approver: str
    hash: str


def incidents(log: Sequence[Logged]) -> Iterator[Incident]:
    """What was out of the ordinary, in order, each with how it was decided or how it ended."""
    for place, entry in enumerate(log):
        after, facts, words = log[place + 1 :], entry.facts, entry.personal or {}
        if entry.kind == "case.planned" and facts.get("holds"):
            said = " ".join(words.get("holds", ())) or ERASED
            codes = ", ".join(facts["holds"])
            if _is_held(log[:place], after):
                ended, proof = _decision(after)
                yield _incident(entry, "held", f"Held ({codes}): {said}", ended, proof)
            else:
                yield _incident(entry, "beside", f"For a person to look at ({codes}): {said}", "", ())
        elif entry.kind == "case.returned":
            again = next((e for e in after if _removes(e)), None)
            ended = f"Removed again on {utc(again.at)}." if again else ""
            proof = (again.seq,) if again else ()
            yield _incident(entry, "returned", f"Came back: return number {facts.get('returns', '?')}.", ended, proof)
        elif entry.kind == "step.failed":
            detail = str(words.get("detail", "the reason was erased")).rstrip(".")
            yield _incident(entry, "failed", f"Try {facts.get('attempts', '?')} failed: {detail}.", "", ())
        elif entry.kind == "target.paused":
            again = next((e for e in after if e.kind == "target.resumed"), None)
            ended = f"It answered again on {utc(again.at)}." if again else ""
            proof = (again.seq,) if again else ()
            said = f"PostHog could not be worked on: {str(facts.get('reason', '?')).rstrip('.')}."
            yield _incident(entry, "paused", said, ended, proof)
        elif entry.kind == "clock.stepped":
            yield _incident(entry, "clock", "The machine's clock was put elsewhere; waiting times were kept.", "", ())
        elif entry.kind == "finding.gave_up":
            said = f"Could not be collected: {_topic(facts)}. {words.get('detail', '')}".strip()
            yield _incident(entry, "not_collected", said, "", ())


def _is_held(before: Sequence[Logged], after: Sequence[Logged]) -> bool:
    """Whether the case waited for a person; some holds only stand beside a plan and never delay it."""
    following = next((e for e in after if e.kind == "case.held" or e.kind in DECIDES), None)
    if following is not None and following.kind == "case.held":
        return True
    standing = next((e for e in reversed(before) if e.kind == "case.held" or e.kind in DECIDES), None)
    return standing is not None and standing.kind == "case.held"


def _decision(after: Sequence[Logged]) -> tuple[str, tuple[int, ...]]:
    """How a hold ended: what the next entry that decides says."""
    found = next((e for e in after if e.kind in DECIDES), None)
    if found is None:
        return "", ()
    if found.kind in {"case.release", "case.cancel"}:
        verb = "Approved" if found.kind == "case.release" else "Cancelled"
        reason = str((found.personal or {}).get("reason", "the reason was erased")).rstrip(".")
        return f"{verb} by {who(found.actor)} on {utc(found.at)}: {reason}.", (found.seq,)
    if found.kind in {"case.reactivated", "case.superseded"}:
        return f"Ended on {utc(found.at)}: {CALLED[found.kind]}.", (found.seq,)
    return f"Settled by itself on {utc(found.at)}: what held it was no longer so.", (found.seq,)


def _removes(entry: Logged) -> bool:
    is_done = entry.kind in {"step.done", "step.found_done"}
    return is_done and str(entry.facts.get("step", "")).startswith("remove_member ")


def _incident(entry: Logged, kind: str, says: str, ended: str, proof: tuple[int, ...]) -> Incident:
    return Incident(at=entry.at, kind=kind, says=says, ended=ended, evidence=(entry.seq, *proof))


def proofs(log: Sequence[Logged]) -> Iterator[Proof]:
    """Each entry, in order."""
    for entry in log:
        approver = who(entry.approver) if entry.approver else ""
        yield Proof(
            seq=entry.seq,
            at=entry.at,
            says=_entry_says(entry),
            actor=who(entry.actor),
            approver=approver,
            hash=entry.hash,
        )


def _entry_says(entry: Logged) -> str:
    facts, words, more = entry.facts, entry.personal, ""
    match entry.kind:
        case "case.planned":
            steps = "; ".join(words.get("steps", ())) if words else ERASED
            more = (steps or "nothing") + (f" (held: {', '.join(facts['holds'])})" if facts.get("holds") else "")
        case "step.done" | "step.gone" | "step.found_done":
            says = words.get("says", "") if words else facts.get("step", "")
            more = f"{says}, PostHog answered {facts['status']}" if facts.get("status") else str(says)
        case "finding.kept" | "finding.gave_up":
            digest = f", SHA-256 {str(facts['sha256'])[:12]}…" if facts.get("sha256") else ""
            more = _topic(facts) + digest
        case "todo.done" | "todo.reopened":
            answer = f" (answer: {words['answer']})" if words and words.get("answer") else ""
            more = str(words.get("text", "")).partition(". ")[0] + answer if words else ERASED
        case "checklist.chosen":
            more = str(facts.get("template", "?"))
        case "case.closed":
            more = str(facts.get("outcome") or "done")
    called = CALLED.get(entry.kind, entry.kind)
    return f"{called}: {more}" if more else called


def _topic(facts: Mapping[str, Any]) -> str:
    called: dict[str, str] = {
        Topic.BEFORE: "what the person could do before",
        Topic.WAYS_BACK: "ways back in",
        Topic.LEFT_BEHIND: "what the person made",
        Topic.TRACKED: "profiles as an end user",
        Topic.DEEDS: "what the activity log says",
    }
    topic = str(facts.get("topic", "?"))
    return called.get(topic, topic)
