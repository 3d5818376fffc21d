from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from bridge.ports import QueueState, Refused
from bridge.remotes.posthog import PostHogTarget
from tests.conftest import KEY


class Working:
    """A queue with a worker."""

    def ring(self, target: str) -> None:
        del target

    def look(self) -> QueueState:
        return QueueState(is_reachable=True, workers=1)


@pytest.fixture
def checked(ran, world, transport, bridge, tmp_path):
    """`check` where all is well, unless something is changed."""
    organization_id = bridge.targets["main"].organization_id
    remote = PostHogTarget(
        url="http://127.0.0.1:4711", organization_id=organization_id, api_key=KEY, transport=transport
    )
    tmp_path.chmod(0o700)
    world.change_domain("example.com", sso_enforcement="saml")
    for connection in ("okta", "entra"):
        ran("token", "create", connection)

    def check(*arguments: str, **changed):
        return ran("check", *arguments, **({"bell": Working(), "remote": lambda _name: remote} | changed))

    return check


def test_all_is_well_exits_0(checked):
    told = checked()
    assert told.status == 0, told.out
    assert "All is well." in told.out
    assert "who is no person of a connection" in told.said


def test_a_key_that_cannot_be_read_exits_3_and_says_how_to_mend_it(checked):
    def remote(_name):
        raise Refused(401, "the API key cannot be read", remedy="Set POSTHOG_API_KEY.")

    told = checked(remote=remote)

    assert told.status == 3
    assert "fail main: 401: the API key cannot be read" in told.said
    assert "Set POSTHOG_API_KEY." in told.said


def test_a_key_whose_owner_a_connection_knows_needs_a_person(checked, okta):
    okta.create("posthog-bridge@example.com")

    told = checked()

    assert told.status == 1
    assert "a person whom okta knows: when that person leaves, the bridge loses its hands" in told.said


def test_a_connection_without_a_token_needs_a_person(checked, ran):
    ran("token", "revoke", "1")

    told = checked()

    assert told.status == 1
    assert "okta: no live token any more" in told.said


def test_a_last_token_that_ends_soon_needs_a_person(checked, ran):
    ran("token", "revoke", "1")
    ran("token", "create", "okta", "--expires", "3d")
    assert "okta: token 3 ends in 3 d" in checked().said


def test_no_worker_needs_a_person_and_a_dead_queue_is_said(checked):
    class Dead(Working):
        def look(self) -> QueueState:
            return QueueState(is_reachable=False)

    class Idle(Working):
        def look(self) -> QueueState:
            return QueueState(is_reachable=True)

    assert "no worker listens" in checked(bell=Idle()).said
    assert "queue: not running; `run` starts" in checked(bell=Dead()).said


def test_a_clock_that_was_set_back_is_noticed(checked, clock):
    clock.time -= timedelta(hours=3)

    told = checked()

    assert told.status == 1
    assert "an entry from 3 h in the future" in told.said


def test_a_data_folder_that_others_can_read_needs_a_person(checked, tmp_path):
    tmp_path.chmod(0o755)
    assert checked().status == 1


def test_json_lists_every_finding(checked):
    told = checked("--json")
    assert {"part", "grade", "what", "remedy"} == set(told.json[0])
    assert {f["grade"] for f in told.json} == {"ok"}


def test_a_database_that_takes_no_writes_exits_3(checked, bridge):
    class ReadOnly:
        def write(self):
            raise OSError("attempt to write a readonly database")

    told = checked(db=ReadOnly())

    assert told.status == 3
    assert "fail database: cannot be used: attempt to write a readonly database" in told.said


def test_a_target_that_only_observes_is_said_and_is_no_fault(checked, bridge, settings):
    from bridge.core.policy import Mode

    settings.policies["main"] = replace(bridge.policies["main"], mode=Mode.OBSERVE)
    told = checked()
    assert told.status == 0
    assert "main only observes: nobody is removed" in told.said


def test_a_run_whose_queue_does_not_answer_exits_3(checked, tmp_path):
    class Dead(Working):
        def look(self) -> QueueState:
            return QueueState(is_reachable=False)

    (tmp_path / "run.json").write_text("{}")
    assert checked(bell=Dead()).status == 3
