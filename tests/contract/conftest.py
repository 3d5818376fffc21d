"""What the contract is checked on: one organization, spoken to as anybody in it, raw and through our own client.

A further target joins by a name in `SIDES` and a function that makes its `Side`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from bridge.core.organization import Organization
from bridge.remotes.posthog import PostHogTarget
from bridge.sandbox import ORGANIZATION_ID, World
from tests.conftest import KEY, HandClock
from tests.faults import FaultTransport

URL = "https://posthog.test"
HOME = f"/api/organizations/{ORGANIZATION_ID}"


@dataclass
class Side:
    """The other side and the ways to speak to it."""

    world: World
    transport: FaultTransport
    clock: HandClock

    def key(self, email: str, **limits: Any) -> str:
        """A new key of that person; without limits it may do everything that the person may."""
        value = f"phx_{len(self.world.keys)}_{email}"
        self.world.add_key(email, value, **limits)
        return value

    def api(self, email: str = "", **limits: Any) -> httpx.Client:
        """Raw HTTP with a key of that person, or with the bridge's own."""
        return self.api_with(self.key(email, **limits) if email else KEY)

    def api_with(self, key: str) -> httpx.Client:
        return httpx.Client(base_url=URL, transport=self.transport, headers={"Authorization": f"Bearer {key}"})

    def target(self, email: str = "", *, page_size: int = 500, **limits: Any) -> PostHogTarget:
        """Our own client with a key of that person, or with the bridge's own."""
        return self.target_with(self.key(email, **limits) if email else KEY, page_size=page_size)

    def target_with(self, key: str, **options: Any) -> PostHogTarget:
        settings = {"url": URL, "organization_id": ORGANIZATION_ID, "transport": self.transport, **options}
        return PostHogTarget(api_key=key, **settings)

    def look(self, target: PostHogTarget | None = None) -> Organization:
        target = target or self.target()
        return target.observe(target.key_owner().user_uuid, self.clock.now())

    def uuid(self, email: str) -> str:
        account = self.world.account(email)
        assert account is not None, email
        return account.uuid

    def path(self, email: str) -> str:
        return f"{HOME}/members/{self.uuid(email)}/"

    def emails(self) -> list[str]:
        return [account.email for account, _ in self.world.members()]


def _sandbox(world: World, transport: FaultTransport, clock: HandClock) -> Side:
    return Side(world, transport, clock)


SIDES: dict[str, Callable[..., Side]] = {"sandbox": _sandbox}


@pytest.fixture(params=SIDES)
def side(request, world, transport, clock) -> Side:
    return SIDES[request.param](world, transport, clock)


def says(response: httpx.Response) -> tuple[int, Any]:
    """Status and body, to compare with one of the envelopes below."""
    return response.status_code, response.json() if response.content else None


def envelope(status: int, kind: str, code: str, detail: str, attr: str | None = None) -> tuple[int, Any]:
    return status, {"type": kind, "code": code, "detail": detail, "attr": attr}


def denied(detail: str = "You do not have permission to perform this action.") -> tuple[int, Any]:
    return envelope(403, "authentication_error", "permission_denied", detail)


def invalid(detail: str, code: str = "invalid_input", attr: str | None = None) -> tuple[int, Any]:
    return envelope(400, "validation_error", code, detail, attr)


def missing(detail: str = "Not found.") -> tuple[int, Any]:
    return envelope(404, "invalid_request", "not_found", detail)
