"""Every recorded exchange with PostHog, played to our own client. The format is in `tests/samples/posthog-samples.md`."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from bridge.core.organization import Level
from bridge.core.plan import CancelInvite, RemoveMember, SetLevel
from bridge.ports import BoundaryError
from bridge.remotes.posthog import PostHogTarget
from bridge.sandbox import ORGANIZATION_ID

FILES = sorted((Path(__file__).parent.parent / "samples" / "posthog").glob("*.json"))
NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
MAYA = "maya@example.com"
SECTIONS = (
    "0",
    "1.1",
    "1.2",
    "1.3",
    "1.4",
    "1.5",
    "1.7",
    "2",
    "2.1",
    "3",
    "4",
    "8.1",
    "8.3",
    "8.4",
    "10",
    "12",
    "16.4",
)
"""Parts of what is known about PostHog, each of which some exchange must be about."""


class Played:
    """Answers from the record; whatever is asked and not recorded fails the test."""

    def __init__(self, exchanges: list[dict[str, Any]]) -> None:
        self.left = list(exchanges)
        self.unasked: list[str] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        for one in self.left:
            wanted = one["request"]
            if (wanted["method"], wanted["path"]) == (request.method, request.url.path):
                if "body" in wanted:
                    assert json.loads(request.content) == wanted["body"]
                return self._answer(request, one["response"])
        self.unasked.append(f"{request.method} {request.url.path}")
        return httpx.Response(418, request=request)

    @staticmethod
    def _answer(request: httpx.Request, said: dict[str, Any]) -> httpx.Response:
        if "body" in said:
            return httpx.Response(said["status"], json=said["body"], headers=said.get("headers"), request=request)
        content = said.get("raw", "").encode()
        return httpx.Response(said["status"], content=content, headers=said.get("headers"), request=request)


def call(target: PostHogTarget, asked: dict[str, Any]) -> Any:
    level = Level[asked.get("level", "member").upper()]
    month = (NOW - timedelta(days=30), NOW)
    projects = tuple((project, word) for project, word in asked.get("projects", ()))
    user, invite = asked.get("user_uuid", ""), asked.get("invite_id", "")
    calls: dict[str, Callable[[], Any]] = {
        "remove": lambda: target.apply(RemoveMember(user_uuid=user, email=MAYA, level=level)),
        "set_level": lambda: target.apply(SetLevel(user_uuid=user, email=MAYA, level=level, before=Level.OWNER)),
        "cancel_invite": lambda: target.apply(CancelInvite(invite_id=invite, email=MAYA, level=level)),
        "invite": lambda: target.invite(asked["email"], level, projects=projects),
        "observe": lambda: target.observe(asked["key_uuid"], NOW),
        "deeds": lambda: target.deeds(user, *month),
        "membership_changes": lambda: target.membership_changes(*month),
        "surroundings": lambda: target.surroundings(NOW),
        "key_owner": target.key_owner,
        "disable_jit": lambda: target.disable_jit(asked["domain_id"]),
        "tracked": lambda: target.tracked(asked["email"]),
    }
    return calls[asked["do"]]()


def told(found: Any, wanted: dict[str, Any]) -> dict[str, Any]:
    """Of what was found, what the record has something to say about."""
    gaps = found[1] if isinstance(found, tuple) else getattr(found, "gaps", ())
    seen: dict[str, Any] = {"gaps": [g.remedy for g in gaps]}
    if "applied" in wanted:
        seen["applied"] = {"status": found.status, "was_gone": found.was_gone}
    if "members" in wanted:
        seen["members"] = {m.email: m.level.word for m in found.members}
        seen["invites"] = {i.email: [i.level.word, i.is_expired] for i in found.invites}
    if "domains" in wanted:
        seen |= {"name": found.name, "domains": [d.domain for d in found.domains]}
        seen["projects"] = [p.name for p in found.projects]
        seen["grants"] = [[g.user_uuid, g.project_id, g.level, g.how] for g in found.grants]
        seen["seats"] = [[s.user_uuid, s.role] for s in found.seats]
    if "deeds" in wanted:
        seen["deeds"] = [[d.scope, d.name, d.changes] for d in found.rows]
    if "tracked" in wanted:
        seen["tracked"] = [[t.project, t.count] for t in found[0]]
    return seen


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_each_exchange_means_what_is_recorded(file):
    sample = json.loads(file.read_text())
    wanted = sample["then"]
    played = Played(sample["exchanges"])
    target = PostHogTarget(
        url="https://posthog.test",
        organization_id=ORGANIZATION_ID,
        api_key="phx_recorded",
        transport=httpx.MockTransport(played),
    )
    if "raises" in wanted:
        with pytest.raises(BoundaryError) as caught:
            call(target, sample["call"])
        trouble = caught.value
        assert wanted["raises"] in {kind.__name__ for kind in type(trouble).__mro__}
        assert wanted.get("remedy", "") in trouble.remedy
        for name in wanted.keys() - {"raises", "remedy"}:
            assert getattr(trouble, name) == wanted[name], name
    else:
        seen = told(call(target, sample["call"]), wanted)
        gaps = wanted.get("gaps", [])
        assert len(seen["gaps"]) == len(gaps), seen["gaps"]
        assert all(part in remedy for part, remedy in zip(gaps, seen["gaps"], strict=True)), seen["gaps"]
        for name in wanted.keys() - {"gaps"}:
            assert seen[name] == wanted[name], name
    assert played.unasked == []


@pytest.mark.parametrize("section", SECTIONS)
def test_each_part_of_what_is_known_has_an_exchange(section):
    about = {part.strip() for file in FILES for part in json.loads(file.read_text())["facts"].split(",")}
    assert section in about
