"""`PostHogTarget`: one PostHog organization as the bridge's `Target`.

Source: PostHog, posthog/api/organization_member.py and organization_invite.py. May import: the rest of this folder,
`ports`, `core`.
"""

from __future__ import annotations

import ssl
import uuid
from datetime import datetime
from typing import assert_never

import httpx

from bridge.core.organization import Level, Organization
from bridge.core.plan import CancelInvite, RemoveMember, SetLevel, Step
from bridge.ports import Applied, Finding, KeyOwner, Refused, Unexpected
from bridge.remotes.http import Bearer, client
from bridge.remotes.posthog import remedies, shapes
from bridge.remotes.posthog.check import findings
from bridge.remotes.posthog.client import PostHogClient
from bridge.remotes.posthog.invites import read_invites
from bridge.remotes.posthog.members import WIRE_LEVELS, read_members

PAGE_SIZE = 500
"""Rows asked for in one page; PostHog sets no limit, and most organizations fit into one."""


class PostHogTarget:
    """One organization at one PostHog host, seen and changed with one personal API key.

    Making one sends nothing and connects to nothing, so it may be made before a fork. `transport` and `context`: see
    `remotes.http.client`.
    Raises: Refused when url, organization id or key cannot be right.
    """

    def __init__(
        self,
        *,
        url: str,
        organization_id: str,
        api_key: str,
        transport: httpx.BaseTransport | None = None,
        context: ssl.SSLContext | None = None,
        page_size: int = PAGE_SIZE,
    ) -> None:
        if not _is_uuid(organization_id):
            said = "Nothing was sent: the organization id is no UUID."
            raise Refused(404, said, remedy=remedies.ORGANIZATION_ID, is_target_wide=True)
        self._key = Bearer(api_key)
        self._client = PostHogClient(client(url, self._key, transport=transport, context=context))
        self._organization_id = organization_id.lower()
        self._path = f"/api/organizations/{self._organization_id}"
        self._page_size = page_size

    def __repr__(self) -> str:
        return f"PostHogTarget(url={str(self._client.base)!r}, organization_id={self._organization_id!r})"

    @property
    def key_fingerprint(self) -> str:
        """Changes when the key changes, and says nothing else about it."""
        return self._key.fingerprint

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def key_owner(self) -> KeyOwner:
        """Whose key this is."""
        me = self._client.get("/api/users/@me/")
        return KeyOwner(user_uuid=shapes.text(me, "uuid", "user").lower(), email=shapes.text(me, "email", "user"))

    def observe(self, key_uuid: str, now: datetime) -> Organization:
        """One whole look. `now` becomes the date of the snapshot.

        Invites come first: whoever accepts one between the two lists is then seen as a member. The other way round
        the person would be in neither.
        """
        invites = read_invites(self._client, self._path, self._page_size)
        members = read_members(self._client, self._path, self._page_size)
        seen = Organization(taken_at=now, key_uuid=key_uuid, members=members, invites=invites)
        key = seen.member(key_uuid)
        if key is None:
            raise Unexpected("members: the account that the key belongs to is not among them")
        if key.level < Level.ADMIN:
            # Such a key may be shown only itself (members_can_see_org_members), and then everybody would seem gone.
            said = "The key's account is a plain member: it can remove nobody and may not see everybody."
            raise Refused(403, said, remedy=remedies.LEVEL_ADMIN, is_target_wide=True)
        return seen

    def apply(self, step: Step) -> Applied:
        """Do one step, once. A 404 after DELETE is reported as gone; only the next look can confirm it."""
        match step:
            case CancelInvite():
                answer = self._client.write("DELETE", f"{self._path}/invites/{_path_id(step.invite_id)}/")
            case RemoveMember():
                answer = self._client.write("DELETE", f"{self._path}/members/{_path_id(step.user_uuid)}/")
            case SetLevel():
                path = f"{self._path}/members/{_path_id(step.user_uuid)}/"
                answer = self._client.write("PATCH", path, {"level": WIRE_LEVELS[step.level]})
            case _:
                assert_never(step)
        return Applied(status=answer.status, was_gone=answer.status == 404)

    def check(self) -> tuple[Finding, ...]:
        """Whether the key can do its work. Reads only; never raises for what the other side says."""
        return findings(self._client, self._path)


def _is_uuid(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text.lower()
    except ValueError:
        return False


def _path_id(text: str) -> str:
    # An address in the path matches no route, and PostHog's 404 for it looks like "already gone".
    if not _is_uuid(text):
        raise Unexpected("a step whose id is no UUID; nothing was sent")
    return text.lower()
