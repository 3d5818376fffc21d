"""The sandbox without a port: for whoever plays a whole story in one process. May import: httpx, `app`, `world`."""

from __future__ import annotations

import httpx

from bridge.sandbox.app import create_app
from bridge.sandbox.world import World


def transport(world: World) -> httpx.BaseTransport:
    """How httpx reaches the world; whatever host is called, nothing leaves the process."""
    return httpx.WSGITransport(app=create_app(world))
