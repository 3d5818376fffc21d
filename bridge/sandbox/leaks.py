"""Reporting a leaked key: the one way to end somebody else's, for whoever holds its value. Public, without a key.

Source: PostHog, posthog/api/revoke_leaked_key (2026). May import: `errors`, `records`, `tables`, `world`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from flask import Request

from bridge.sandbox.errors import invalid, not_allowed, throttled
from bridge.sandbox.tables import digest, new_id
from bridge.sandbox.world import World

RULE = "/api/revoke_leaked_key/"
MOST = 200
"""Characters of a token."""


def report(world: World, request: Request) -> tuple[int, Any]:
    """Roll the key with that value at once: whoever uses it is refused from now on, and nobody knows the new value.

    Raises: ApiError 400, 405 or 429.
    """
    if request.method != "POST":
        raise not_allowed(request.method)
    wait = world.leaks.wait_seconds(request.remote_addr or "", world.now())
    if wait and world.is_throttling:
        raise throttled(wait, has_retry_after=world.sends_retry_after)
    body = request.get_json(force=True, silent=True)
    token = body.get("token") if isinstance(body, dict) else None
    if not isinstance(token, str) or not token:
        raise invalid("This field is required.", code="required", attr="token")
    if len(token) > MOST:
        raise invalid("Ensure this field has no more than 200 characters.", code="max_length", attr="token")
    key = world.key_with(token)
    if key is None:
        return 200, {"found": False, "type": None}
    world.put(replace(key, digest=digest(new_id()), mask_value="phx_...", last_rolled_at=world.now()))
    return 200, {"found": True, "type": "personal_api_key"}
