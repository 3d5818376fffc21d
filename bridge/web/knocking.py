"""Who knocks: the owner of a bearer token, and when each token was last used.

May import: `store`, `ports`.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import TYPE_CHECKING

from bridge.ports import Bridge
from bridge.store import tokens
from bridge.store.db import FAILURES
from bridge.web.scim_answers import log_failure

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment


class Door:
    """What both doors ask of a token: SCIM's, and the one for operators' programs."""

    def __init__(self, bridge: Bridge) -> None:
        self._bridge = bridge
        self._used: dict[str, datetime] = {}

    def owner(self, environ: WSGIEnvironment, now: datetime) -> tuple[str | None, str]:
        """Whose live token the request shows, and its digest; `None` for everything else. Source: RFC 6750, section 2.1."""
        scheme, _, token = environ.get("HTTP_AUTHORIZATION", "").strip().partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            return None, ""
        digest = hashlib.sha256(token.strip().encode("utf-8", "surrogateescape")).hexdigest()
        with self._bridge.db.read(is_one_question=True) as tx:
            return tokens.connection_of(tx, digest, now), digest

    def note(self, digest: str, now: datetime) -> None:
        """Keep when a token was last used, to the minute. A store that takes no writes is the request's own affair."""
        minute = now.replace(second=0, microsecond=0)
        if self._used.get(digest) == minute:
            return
        try:
            with self._bridge.db.write() as tx:
                tokens.note_use(tx, digest, minute)
        except FAILURES as failure:
            log_failure(failure)
        else:
            self._used[digest] = minute
