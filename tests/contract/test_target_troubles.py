"""Every way in which the other side says no, in the three words of the boundary."""

from __future__ import annotations

import logging

import httpx
import pytest

from bridge import __version__
from bridge.core.organization import Level
from bridge.core.plan import RemoveMember
from bridge.ports import Refused, Unavailable, Unexpected
from bridge.remotes.http import Bearer, client, ssl_context
from bridge.sandbox import ORGANIZATION_ID
from tests import faults
from tests.contract.conftest import URL
from tests.faults import When

ADA = "lea.brandt@example.com"
MAYA = "maya.okafor@example.com"
STRANGER = "0d3e9f6e-8f3c-4f4c-9d6e-0a0a0a0a0a0a"
STEP = RemoveMember(user_uuid=STRANGER, email=MAYA, level=Level.MEMBER)


def look(target):
    target.key_owner()


def step(target):
    target.apply(STEP)


def trouble(side, act, fault):
    """The error that `act` ends in when `fault` answers it."""
    side.transport.inject(When(times=None), fault)
    with pytest.raises((Unavailable, Refused, Unexpected)) as told:
        act(side.target())
    return told.value


@pytest.mark.parametrize("act", [look, step])
@pytest.mark.parametrize(
    ("fault", "seconds"),
    [
        (faults.throttled(retry_after_seconds=17), 17),
        (faults.throttled(retry_after_seconds=17, said_seconds=40), 17),
        (faults.throttled(said_seconds=40), 40),
        (faults.throttled(), None),
        (faults.html(429), None),
        (faults.answer(429, "", {"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}), None),
        (faults.answer(429, "", {"Retry-After": "-3"}), None),
    ],
)
def test_throttling_meets_every_step_alike(side, act, fault, seconds):
    told = trouble(side, act, fault)
    assert isinstance(told, Unavailable)
    assert (told.retry_after_seconds, told.is_target_wide) == (seconds, True)


@pytest.mark.parametrize("act", [look, step])
def test_without_a_connection_no_step_was_sent(side, act):
    told = trouble(side, act, faults.no_connection())
    assert isinstance(told, Unavailable)
    assert told.is_target_wide
    assert "nothing was sent" in told.detail


@pytest.mark.parametrize(
    "fault",
    [
        faults.slow(),
        faults.reset_before(),
        faults.answer(500, {"detail": "x"}),
        faults.answer(503, "busy"),
        faults.html(502),
        faults.html(200),
        faults.html(403),
        faults.answer(200, "{cut"),
        faults.answer(200, "[" * 100_000),
    ],
)
def test_no_usable_answer_to_a_look_pauses_the_target_but_to_a_step_only_the_case(side, fault):
    for act, is_target_wide in ((look, True), (step, False)):
        told = trouble(side, act, fault)
        assert isinstance(told, Unavailable)
        assert told.is_target_wide is is_target_wide


def test_the_other_side_may_wish_for_time_when_it_is_down(side):
    assert trouble(side, look, faults.answer(503, "", {"Retry-After": "120"})).retry_after_seconds == 120


@pytest.mark.parametrize("act", [look, step])
def test_a_redirect_is_a_wrong_configuration_and_is_not_followed(side, act):
    told = trouble(side, act, faults.redirect())
    assert isinstance(told, Refused)
    assert told.is_target_wide
    assert "us.posthog.com" in told.remedy
    assert "eu.posthog.com" in told.remedy
    assert len(side.transport.sent) == 1


@pytest.mark.parametrize("act", [look, step])
@pytest.mark.parametrize(
    ("status", "said", "remedy"),
    [
        (401, "Personal API key found in request Authorization header is invalid.", "region"),
        (401, "Incorrect authentication credentials.", "region"),
        (403, "API key missing required scope 'organization_member:write'", "organization_member:write"),
        (403, "This action does not support personal API key access", "browser"),
        (403, "This action does not support Personal API Key access", "browser"),
        (403, "API keys with scoped projects are only supported on project-based endpoints.", "projects"),
        (403, "API key does not have access to the requested project: ID 7.", "projects"),
        (403, "API key does not have access to the requested organization: ID x.", "this organization"),
        (403, "Organization 'X' does not allow using personal API keys. Contact an admin.", "allow personal API keys"),
        (403, "You do not have permission to perform this action.", "still a member"),
        (404, "Organization not found.", "organization_id"),
    ],
)
def test_what_is_wrong_with_the_key_meets_every_step_alike_and_has_a_remedy(side, act, status, said, remedy):
    told = trouble(side, act, faults.refusal(status, said, "not_found" if status == 404 else "permission_denied"))
    assert isinstance(told, Refused)
    assert (told.status, told.detail, told.is_target_wide) == (status, said, True)
    assert remedy in told.remedy


@pytest.mark.parametrize("status", [400, 402, 403, 405, 409])
def test_other_refusals_of_a_step_are_about_the_case(side, status):
    told = trouble(side, step, faults.refusal(status, "Something new."))
    assert isinstance(told, Refused)
    assert (told.status, told.detail, told.is_target_wide) == (status, "Something new.", False)


def test_other_refusals_of_a_look_are_about_the_target(side):
    assert trouble(side, look, faults.refusal(402, "Something new.")).is_target_wide


@pytest.mark.parametrize(
    "fault",
    [
        faults.refusal(404, "Endpoint not found.", "not_found"),
        faults.answer(400, {"search": "x"}),
        faults.answer(404, []),
    ],
)
def test_an_answer_in_an_unknown_shape_is_unexpected(side, fault):
    assert isinstance(trouble(side, step, fault), Unexpected)


@pytest.mark.parametrize("body", [[], 7, None, "text"])
def test_json_that_is_no_object_is_unexpected(side, body):
    told = trouble(side, look, faults.edited(lambda _body: body))
    assert isinstance(told, Unexpected)


def test_the_other_side_s_words_are_kept_short_and_on_one_line(side):
    told = trouble(side, step, faults.refusal(400, "a\r\n\x1b[31m" + "b" * 5000))
    assert isinstance(told, Refused)
    assert len(told.detail) == 200
    assert told.detail.startswith("a [31mbb")


class TestTheKey:
    KEY = "phx_secret_of_the_bridge"

    def test_it_is_sent_with_our_names(self, side):
        side.target().key_owner()
        headers = side.transport.sent[0].headers
        assert headers["Authorization"].startswith("Bearer phx_")
        assert headers["User-Agent"] == f"posthog-bridge/{__version__}"
        assert headers["x-posthog-client"] == "posthog-bridge"

    def test_a_write_has_five_seconds(self, side):
        side.target().apply(STEP)
        assert side.transport.sent[0].extensions["timeout"]["read"] == 5.0

    def test_it_is_never_shown(self, side, caplog):
        caplog.set_level(logging.DEBUG)
        target = side.target_with(self.KEY)
        with pytest.raises(Refused) as told:
            target.key_owner()
        shown = [repr(target), repr(vars(target)), str(told.value), repr(told.value), caplog.text]
        shown += [repr(side.transport.sent), repr(side.transport.sent[0].headers), target.key_fingerprint]
        assert not [text for text in shown if self.KEY in text]

    def test_its_fingerprint_changes_with_it(self):
        assert Bearer("phx_a").fingerprint == Bearer(" phx_a\n").fingerprint != Bearer("phx_b").fingerprint
        assert repr(Bearer("phx_a")) == "Bearer(...)"

    @pytest.mark.parametrize("odd", ["", "  \n", "phx_a phx_b", "phx_ä", "phx_a\nphx_b"])
    def test_what_cannot_be_a_key_is_refused_without_showing_it(self, side, odd):
        with pytest.raises(Refused) as told:
            side.target_with(odd)
        assert (told.value.status, told.value.is_target_wide) == (401, True)
        assert not odd.strip() or odd.strip() not in str(told.value)


@pytest.mark.parametrize(
    "url", ["", "us.posthog.com", "ftp://us.posthog.com", "https://", "https://a:b@us.posthog.com", "https://x:port"]
)
def test_what_cannot_be_an_address_is_refused(side, url):
    with pytest.raises(Refused) as told:
        side.target_with("phx_a", url=url)
    assert told.value.is_target_wide


@pytest.mark.parametrize("odd", ["", "@current", "hedgehog", "12"])
def test_what_cannot_be_an_organization_is_refused(side, odd):
    with pytest.raises(Refused) as told:
        side.target_with("phx_a", organization_id=odd)
    assert (told.value.status, told.value.is_target_wide) == (404, True)


def test_an_instance_below_a_path_is_reached_there(side):
    asked = []

    def reply(request):
        asked.append(request.url.path)
        return httpx.Response(200, json={"count": 0, "results": []}, request=request)

    target = side.target_with("phx_a", url=f"{URL}/posthog/", transport=httpx.MockTransport(reply))
    with pytest.raises(Unexpected):
        target.observe(STRANGER, side.clock.now())
    assert asked == [f"/posthog/api/organizations/{ORGANIZATION_ID}/{part}/" for part in ("invites", "members")]


def test_making_a_client_connects_to_nothing():
    made = client("https://192.0.2.1", Bearer("phx_a"), context=ssl_context())
    assert made.follow_redirects is False
    made.close()


def test_a_target_can_be_closed(side):
    side.target().close()
