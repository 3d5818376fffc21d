"""What is said of a case, from values alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from bridge.core.case import Case, CaseState
from bridge.core.events import EventKind, IdentityEvent, Subject
from bridge.core.evidence import StepDone
from bridge.core.organization import Level
from bridge.core.plan import Plan, RemoveMember
from bridge.store import story
from bridge.store.audit import Entry, Kept
from bridge.store.views import Access, CaseView
from tests.conftest import START

MAYA = Subject(user_name="maya@example.com")
STEP = RemoveMember(user_uuid="u1", email="maya@example.com", level=Level.MEMBER)
CASE = Case(
    id=1,
    person_id=1,
    target="main",
    source="okta",
    kind=EventKind.DEACTIVATE,
    subject=MAYA,
    opened_at=START,
    due_at=START,
)


def a_view(case: Case = CASE, **fields) -> CaseView:
    access = Access(still_in=None, asked_at=START, ended_at=None)
    return CaseView(case=case, approver="none: policy enforce", **({"access": access} | fields))


def an_event(**fields) -> IdentityEvent:
    said = {"source": "okta", "kind": EventKind.DEACTIVATE, "subject": MAYA, "occurred_at": START, "received_at": START}
    return IdentityEvent(event_id="1", **(said | fields))


def a_step(result: str, status: int | None = None) -> StepDone:
    return StepDone(
        canonical=STEP.canonical, says=STEP.says, started_at=START, ended_at=START, status=status, result=result
    )


def kept(kind: str, personal: dict | None = None, **facts) -> Kept:
    entry = Entry(at=START, kind=kind, actor="bridge", target="main", facts=facts)
    return Kept(seq=1, entry=entry, personal=personal, hash="")


def says(view: CaseView) -> list[str]:
    return [moment.says for moment in story.timeline(view)]


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"kind": EventKind.DELETE}, "okta deleted maya@example.com."),
        ({"note": "HR-17."}, "okta said that maya@example.com is no longer active. Note: HR-17."),
        (
            {"received_at": START + timedelta(minutes=3)},
            "okta said that maya@example.com is no longer active. We heard of it 3 min later.",
        ),
        (
            {"source": "operator:lea", "kind": EventKind.REMOVE, "is_emergency": True},
            "lea asked for the removal of maya@example.com. As an emergency: no settling, no limit, no waiting for a successor.",
        ),
        (
            {"source": "operator:lea", "kind": EventKind.REMOVE, "effective_at": START + timedelta(days=1)},
            "lea asked for the removal of maya@example.com. Not before 2026-11-21 09:00:00 UTC.",
        ),
    ],
)
def test_what_was_heard_is_one_sentence_with_what_matters_about_it(fields, sentence):
    assert says(a_view(events=(an_event(**fields),))) == [sentence]


@pytest.mark.parametrize("kind", list(EventKind))
def test_every_kind_of_event_has_its_sentence(kind):
    assert says(a_view(events=(an_event(kind=kind),)))[0].endswith(".")


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        (kept("step.failed", {"detail": "502."}, attempts=2), "Try 2 failed: 502."),
        (kept("step.failed", None, attempts=2), "Try 2 failed: the reason was erased."),
        (
            kept("target.paused", reason="401: refused"),
            "main could not be worked on, so everything there waits: 401: refused",
        ),
        (kept("case.planned", {"steps": ["a", "b"], "holds": []}, holds=[]), "Planned: a; then b."),
        (
            kept("case.planned", {"steps": [], "holds": ["Why."]}, holds=["self"]),
            "Planned: nothing. For a person (self): Why.",
        ),
        (kept("case.planned", None, holds=[]), "Planned; the steps were erased."),
        (kept("step.done", None, step="set_level u2 owner", status=200), "set_level u2 owner. PostHog answered 200."),
    ],
)
def test_an_entry_is_told_even_when_its_personal_part_was_erased(entry, sentence):
    assert says(a_view(audit=(entry,))) == [sentence]


def test_a_404_is_no_removal_until_the_next_look_confirms_it():
    view = a_view(audit=(kept("step.gone", step=STEP.canonical, status=404),), steps=(a_step("gone", 404),))

    assert says(view) == [f"PostHog said that it was done already: {STEP.says}. The next look confirms it."]
    assert story.record(view) == ""


@pytest.mark.parametrize(("result", "words"), [("refused", "did not take it now"), ("sent", "No answer is kept yet")])
def test_a_step_without_an_answer_is_not_called_done(result, words):
    (sentence,) = says(a_view(steps=(a_step(result),)))
    assert words in sentence
    assert "Removed" not in sentence


def test_a_lost_step_is_told_by_its_failure_alone():
    assert says(a_view(steps=(a_step("lost"),))) == []


def test_two_equal_looks_are_two_sentences_and_many_are_two():
    def looks(count: int) -> list[str]:
        return says(a_view(checks=tuple((START + timedelta(minutes=i), "absent") for i in range(count))))

    assert looks(2) == ["Looked again: not in the organization.", "Looked again: still not in the organization."]
    assert looks(9)[1] == "Looked 8 more times since 2026-11-20 09:00:00 UTC: not in the organization each time."
    assert len(looks(9)) == 2


def test_the_record_of_somebody_who_came_back_says_so():
    back = replace(CASE, is_back=True, removed_at=START, verified_at=None)
    assert "The person was seen again after that." in story.record(a_view(back, steps=(a_step("done", 204),)))


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({}, "due now: looks at PostHog"),
        ({"due_at": START + timedelta(seconds=40), "plan": Plan(steps=(STEP,))}, f"due in 40 s: {STEP.says}"),
        ({"attempts": 1, "trouble": "502"}, "1 try failed (502); next now"),
        ({"removed_at": START}, "removed; verified now"),
        ({"state": CaseState.HELD}, "held"),
        (
            {"state": CaseState.WATCHING, "watch_until": START + timedelta(hours=1)},
            "was not a member; watched for another 1 h",
        ),
        ({"state": CaseState.CLOSED, "outcome": "gone"}, "gone"),
    ],
)
def test_where_a_case_stands_is_one_sentence(fields, sentence):
    assert story.standing(replace(CASE, **fields), START) == sentence


def test_somebody_who_is_back_is_said_to_be_back():
    access = Access(still_in=True, asked_at=START, ended_at=START, back_since=START + timedelta(hours=1))
    said = story.access(a_view(access=access), START + timedelta(hours=2))
    assert said == "Back in since 2026-11-20 10:00:00 UTC (1 h ago)."
