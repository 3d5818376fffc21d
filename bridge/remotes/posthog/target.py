"""`PostHogTarget`: one PostHog organization as the bridge's `Target`.

What it changes is here; what it reads, in the files named by meaning. Source: PostHog,
posthog/api/organization_member.py and organization_invite.py. May import: the rest of this folder, `ports`, `core`.
"""

from __future__ import annotations

import ssl
import uuid
from collections.abc import Callable
from datetime import datetime
from typing import assert_never

import httpx

from bridge.core.organization import Level, Member, Organization
from bridge.core.plan import CancelInvite, RemoveMember, SetLevel, Step
from bridge.core.surroundings import Deeds, Gap, LeftBehind, Project, Surroundings, Tracked
from bridge.ports import Applied, Finding, Forgotten, KeyOwner, Refused, Unexpected
from bridge.remotes.http import Bearer, client
from bridge.remotes.posthog import access, remedies, shapes
from bridge.remotes.posthog.activity import read_deeds
from bridge.remotes.posthog.asking import COLLECTION, WIDE_LOOK, Asking
from bridge.remotes.posthog.check import findings
from bridge.remotes.posthog.client import PostHogClient
from bridge.remotes.posthog.domains import switch_jit_off
from bridge.remotes.posthog.inventory import read_left_behind
from bridge.remotes.posthog.invites import new_invite, read_invites
from bridge.remotes.posthog.members import WIRE_LEVELS, read_members
from bridge.remotes.posthog.persons import delete_tracked, read_tracked
from bridge.remotes.posthog.wide import look_around

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

    def surroundings(self, now: datetime, *, go_on: Callable[[], bool] | None = None) -> Surroundings:
        """One wide look; `wide` says how many calls it takes."""
        asking = Asking(self._client, WIDE_LOOK, go_on=go_on)
        return look_around(asking, self._path, self._page_size, now)

    def left_behind(self, member: Member, now: datetime) -> LeftBehind:
        """What the member made in all projects: one call for each of 15 kinds in each project, and for each page."""
        asking = Asking(self._client, COLLECTION)
        resources = read_left_behind(asking, self._projects(asking), member, self._page_size)
        return LeftBehind(taken_at=now, resources=resources, gaps=asking.gaps)

    def deeds(self, user_uuid: str, since: datetime, until: datetime) -> Deeds:
        """What an account did between the two times, both included."""
        asking = Asking(self._client, COLLECTION)
        return read_deeds(asking, self._path, since, until, user_uuid=_path_id(user_uuid))

    def membership_changes(self, since: datetime, until: datetime) -> Deeds:
        """Who joined, left or changed level between the two times, whoever did it."""
        return read_deeds(Asking(self._client, COLLECTION), self._path, since, until)

    def tracked(self, email: str) -> tuple[tuple[Tracked, ...], tuple[Gap, ...]]:
        """Where the customer's own product keeps profiles with that address: one call for each project."""
        asking = Asking(self._client, COLLECTION)
        found = [self._tracked_in(asking, project, email) for project in self._projects(asking)]
        return tuple(one for one in found if one is not None), asking.gaps

    def forget(self, email: str, project_id: int, *, with_events: bool) -> Forgotten:
        """Delete the profiles with that address in one project; needs the scope `person:write`."""
        asking = Asking(self._client, COLLECTION)
        project = next((p for p in self._projects(asking) if p.project_id == project_id), None)
        if project is None:
            raise Refused(404, f"There is no project {project_id}.", remedy="`profiles EMAIL` lists those that are.")
        return delete_tracked(self._client, asking, project, email, with_events=with_events)

    def invite(
        self,
        email: str,
        level: Level,
        *,
        first_name: str = "",
        message: str = "",
        projects: tuple[tuple[int, str], ...] = (),
    ) -> Applied:
        """Invite somebody, once. PostHog deletes older invites to exactly that address, and refuses members."""
        body = new_invite(email, WIRE_LEVELS[level], first_name=first_name, message=message, projects=projects)
        answer = self._client.write("POST", f"{self._path}/invites/", body)
        return Applied(status=answer.status)

    def give_role(self, role: str, user_uuid: str) -> Applied:
        """Make a member a member of the role of that exact name, once; needs the scope `organization:write`."""
        known = {name: number for number, name in access.read_roles(self._client, self._path, self._page_size).items()}
        if role not in known:
            raise Refused(404, f"There is no role {role}.", remedy="Make it again in PostHog, or let it be.")
        path = f"{self._path}/roles/{_path_id(known[role])}/role_memberships/"
        answer = self._client.write("POST", path, {"user_uuid": _path_id(user_uuid)})
        return Applied(status=answer.status)

    def disable_jit(self, domain_id: str) -> Applied:
        """Stop the domain from making members of people who log in; needs the scope `organization:write`."""
        return switch_jit_off(self._client, self._path, _path_id(domain_id))

    def _projects(self, asking: Asking) -> tuple[Project, ...]:
        body = asking.get(f"{self._path}/")
        named = access.projects_within(body)
        return named if named is not None else access.read_projects(asking, self._path, self._page_size)

    @staticmethod
    def _tracked_in(asking: Asking, project: Project, email: str) -> Tracked | None:
        what = f"tracked profiles in {project.name}"
        return asking.part(what, lambda: read_tracked(asking, project, email))


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
