"""What the bridge changes at the other side: one step, one call, and what the answer means."""

from __future__ import annotations

import pytest

from bridge.core.organization import Level
from bridge.core.plan import CancelInvite, RemoveMember, SetLevel
from bridge.ports import Applied, Refused, Unavailable, Unexpected
from bridge.sandbox import ADMIN, OWNER
from tests.contract.conftest import HOME
from tests.faults import When, answer, html, reset_after, slow

GRACE = "grace.lindqvist@example.com"
MAYA = "maya.okafor@example.com"
ADA = "lea.brandt@example.com"
STRANGER = "0d3e9f6e-8f3c-4f4c-9d6e-0a0a0a0a0a0a"


def remove(uuid):
    return RemoveMember(user_uuid=uuid, email=MAYA, level=Level.MEMBER)


def set_level(uuid, level=Level.MEMBER):
    return SetLevel(user_uuid=uuid, email=MAYA, level=level, before=Level.ADMIN)


def cancel(invite_id):
    return CancelInvite(invite_id=invite_id, email=MAYA, level=Level.MEMBER)


def test_a_member_is_removed_in_one_call_by_uuid(side):
    uuid = side.uuid(MAYA)
    assert side.target().apply(remove(uuid)) == Applied(status=204)
    assert [(c.method, c.path) for c in side.world.calls] == [("DELETE", f"{HOME}/members/{uuid}/")]
    assert MAYA not in side.emails()


def test_an_invite_is_cancelled(side):
    invite = side.world.invites_for(MAYA)[0]
    assert side.target().apply(cancel(invite.id)) == Applied(status=204)
    assert side.world.invites_for(MAYA) == []


@pytest.mark.parametrize(("level", "number"), [(Level.MEMBER, 1), (Level.ADMIN, ADMIN), (Level.OWNER, OWNER)])
def test_a_level_is_set_by_posthog_s_number(side, level, number):
    assert side.target().apply(set_level(side.uuid(GRACE), level)) == Applied(status=200)
    assert side.world.level_of(GRACE) == number


@pytest.mark.parametrize("step", [remove(STRANGER), cancel(STRANGER)])
def test_what_is_not_there_is_reported_as_gone(side, step):
    assert side.target().apply(step) == Applied(status=404, was_gone=True)


@pytest.mark.parametrize("said", ["Not found.", "No OrganizationMembership matches the given query."])
def test_both_texts_of_not_found_mean_gone(side, said):
    body = {"type": "invalid_request", "code": "not_found", "detail": said, "attr": None}
    side.transport.inject(When(method="DELETE"), answer(404, body))
    assert side.target().apply(remove(side.uuid(MAYA))).was_gone


def test_a_level_of_somebody_who_is_gone_is_refused_and_left_to_the_next_look(side):
    with pytest.raises(Refused) as told:
        side.target().apply(set_level(STRANGER))
    assert (told.value.status, told.value.is_target_wide) == (404, False)


@pytest.mark.parametrize("odd", [MAYA, "", "@me", "42", f"{{{STRANGER}}}", STRANGER.replace("-", ""), f"{STRANGER}/x"])
@pytest.mark.parametrize("step", [remove, set_level, cancel])
def test_an_id_that_is_no_uuid_is_never_sent(side, step, odd):
    with pytest.raises(Unexpected, match="nothing was sent"):
        side.target().apply(step(odd))
    assert side.transport.sent == []


def test_a_wrong_path_is_not_taken_for_gone(side):
    body = {"type": "invalid_request", "code": "not_found", "detail": "Endpoint not found.", "attr": None}
    side.transport.inject(When(method="DELETE"), answer(404, body))
    with pytest.raises(Unexpected):
        side.target().apply(remove(side.uuid(MAYA)))


def test_a_wrong_organization_is_not_taken_for_gone(side):
    target = side.target_with(side.key(ADA), organization_id=STRANGER)
    with pytest.raises(Refused) as told:
        target.apply(remove(side.uuid(MAYA)))
    assert (told.value.status, told.value.is_target_wide) == (404, True)
    assert "organization_id" in told.value.remedy


def test_a_page_of_some_proxy_is_not_taken_for_gone(side):
    side.transport.inject(When(method="DELETE"), html(404))
    with pytest.raises(Unavailable) as told:
        side.target().apply(remove(side.uuid(MAYA)))
    assert not told.value.is_target_wide


@pytest.mark.parametrize("fault", [reset_after(), slow(has_effect=True)])
def test_a_lost_answer_says_so_and_is_not_repeated(side, fault):
    side.transport.inject(When(method="DELETE"), fault)
    with pytest.raises(Unavailable, match="may be done or not") as told:
        side.target().apply(remove(side.uuid(MAYA)))
    assert not told.value.is_target_wide
    assert len(side.transport.sent) == 1
    assert MAYA not in side.emails()


@pytest.mark.parametrize(
    ("caller", "step", "status", "said"),
    [
        ("", lambda side: remove(side.uuid(GRACE)), 400, "Cannot leave the organization as its owner!"),
        (ADA, lambda side: remove(side.uuid(GRACE)), 403, "You can only edit others with level lower or equal to you."),
        (MAYA, lambda side: remove(side.uuid(ADA)), 403, "You can only edit others if you are an admin."),
        (ADA, lambda side: set_level(side.uuid(ADA)), 403, "You can't change your own access level."),
        (
            ADA,
            lambda side: set_level(side.uuid(MAYA), Level.OWNER),
            403,
            "You can only make another member owner if you're this organization's owner.",
        ),
    ],
)
def test_level_rules_are_about_one_person_not_about_the_target(side, caller, step, status, said):
    with pytest.raises(Refused) as told:
        side.target(caller).apply(step(side))
    assert (told.value.status, told.value.detail, told.value.is_target_wide) == (status, said, False)
    assert told.value.remedy
