"""Whether the process is alive, and whether it can keep what it is told.

May import: flask, `ports`, and the store's word for its failures.
"""

from __future__ import annotations

import json

from flask import Blueprint, Response

from bridge.ports import Bridge
from bridge.store.db import FAILURES


def blueprint(bridge: Bridge) -> Blueprint:
    """`/healthz` and `/readyz`, open to everyone and without any detail."""
    pages = Blueprint("health", __name__)

    @pages.get("/healthz")
    def alive() -> Response:
        return _answer(200, "alive")

    @pages.get("/readyz")
    def ready() -> Response:
        """Ready means that a durable write is possible. The queue does not count: the sweep rings again."""
        try:
            with bridge.db.write():
                pass
        except FAILURES:
            return _answer(503, "the store takes no writes")
        return _answer(200, "ready")

    return pages


def _answer(status: int, word: str) -> Response:
    return Response(json.dumps({"status": word}), status, content_type="application/json")
