"""Whether the key can do its work, said before it has to: what `check` shows for a PostHog target.

What it says of ways back is `core.ways_back`'s. May import: `client`, `answers`, `domains`, `inventory`, `shapes`, `remedies`,
`core`, `ports`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from bridge.core.ways_back import Around, of_organization
from bridge.ports import Finding, Refused, Unavailable, Unexpected
from bridge.remotes.http import LOOPBACK
from bridge.remotes.posthog import remedies, shapes
from bridge.remotes.posthog.answers import Throttled
from bridge.remotes.posthog.client import PostHogClient
from bridge.remotes.posthog.domains import read_domains
from bridge.remotes.posthog.inventory import KINDS

NEEDED_SCOPES = ("organization_member:write", "organization:read", "user:read")
"""What the bridge's calls need; `:write` includes `:read`. Source: PostHog, posthog/scopes.py."""
MORE_SCOPES = (
    ("organization:write", "close-way jit"),
    ("access_control:read", "who gets into which project"),
    ("activity_log:read", "what leavers did, and who else removed members"),
    ("person:read", "whether leavers are tracked as end users"),
    *((f"{kind.scope}:read", f"{kind.words} that leavers made") for kind in KINDS),
)
"""What each further scope adds; `docs/setup-posthog.md` has the same."""
OWNER, ADMIN = 15, 8


def findings(client: PostHogClient, organization_path: str) -> tuple[Finding, ...]:
    """What is right and what is not, in the order in which it should be mended."""
    return tuple(_findings(client, organization_path))


def _findings(client: PostHogClient, organization_path: str) -> Iterator[Finding]:
    yield from _about_host(client)
    key, trouble = _ask(client.get, "/api/personal_api_keys/@current/")
    if key is None and _is_fatal(trouble):
        yield _failed("the key", trouble)
        return
    yield Finding(grade="ok", what=f"the key is accepted by {client.base.host}")
    yield from _about_scopes(key, trouble, organization_path.rpartition("/")[2])
    me, trouble = _ask(client.get, "/api/users/@me/")
    if me is None:
        yield _failed("the key's account", trouble)
        if _is_fatal(trouble):
            return
    organization, trouble = _ask(client.get, f"{organization_path}/")
    if organization is None:
        yield _failed("the organization", trouble)
        return
    yield from _about_organization(organization)
    yield from _about_lists(client, organization_path)
    yield from _about_domains(client, organization_path, organization, shapes.optional_text(me, "email"))


def _about_host(client: PostHogClient) -> Iterator[Finding]:
    better = remedies.NOT_FOR_API.get(client.base.host)
    if better:
        what = f"{client.base.host} does not serve PostHog's private API"
        yield Finding(grade="fail", what=what, remedy=f"Set the target's url to {better}.")
    if client.base.scheme == "http" and client.base.host not in LOOPBACK:
        yield Finding(grade="warn", what="the target's url is plain http", remedy=remedies.PLAIN_HTTP)


def _about_scopes(key: dict[str, Any] | None, trouble: Exception | None, organization_id: str) -> Iterator[Finding]:
    if key is None:
        failed = _failed("the key's scopes", trouble)
        yield Finding(grade="warn", what=failed.what, remedy=failed.remedy)
        return
    scopes = _texts(key, "scopes")
    missing = [s for s in NEEDED_SCOPES if not {"*", s, s.replace(":read", ":write")} & scopes]
    for name in missing:
        yield Finding(grade="fail", what=f"the key lacks the scope {name}", remedy=remedies.scope(name))
    if not missing:
        yield Finding(grade="ok", what="the key has the scopes it needs")
    without = [f"{adds} ({s})" for s, adds in MORE_SCOPES if not {"*", s, s.replace(":read", ":write")} & scopes]
    if without and not missing:
        yield Finding(grade="ok", what=f"further scopes would add: {'; '.join(without)}")
    if key.get("scoped_teams"):
        what = "the key is limited to projects, so PostHog refuses it everything about members"
        yield Finding(grade="fail", what=what, remedy=remedies.PROJECT_KEY)
    homes = {home.lower() for home in _texts(key, "scoped_organizations")}
    if homes and organization_id not in homes:
        what = "the key is limited to another organization"
        yield Finding(grade="fail", what=what, remedy=remedies.ORGANIZATION_KEY)


def _about_organization(organization: dict[str, Any]) -> Iterator[Finding]:
    name = shapes.optional_text(organization, "name")[:100]
    yield Finding(grade="ok", what=f"the organization is there: {name}")
    level = organization.get("membership_level")
    if level == OWNER:
        yield Finding(grade="ok", what="the key's account is an owner")
    elif level == ADMIN:
        what = "the key's account is an admin: it can remove members and admins, but no owners"
        yield Finding(grade="warn", what=what, remedy=remedies.LEVEL_OWNER)
    else:
        what = "the key's account is neither owner nor admin: it can remove nobody"
        yield Finding(grade="fail", what=what, remedy=remedies.LEVEL_ADMIN)
    if organization.get("is_pending_deletion") is True:
        yield Finding(grade="warn", what="the organization is being deleted", remedy=remedies.PENDING_DELETION)


def _about_lists(client: PostHogClient, organization_path: str) -> Iterator[Finding]:
    for name in ("members", "invites"):
        body, trouble = _ask(client.get, f"{organization_path}/{name}/", limit=1)
        count = shapes.value_at(body, "count")
        if body is None:
            yield _failed(f"the list of {name}", trouble)
        elif not isinstance(count, int):
            yield _failed(f"the list of {name}", Unexpected(f"{name}.count is no whole number"))
        else:
            yield Finding(grade="ok", what=f"the list of {name} can be read: {count}")


def _about_domains(
    client: PostHogClient, organization_path: str, organization: dict[str, Any], email: str
) -> Iterator[Finding]:
    try:
        domains = read_domains(client, organization_path, 500)
    except (Unavailable, Refused) as trouble:
        failed = _failed("the authentication domains", trouble)
        yield Finding(grade="warn", what=failed.what, remedy=failed.remedy)
        return
    except Unexpected:
        domains = ()  # the looks around tell it; a key is no worse for it
    for way in of_organization(Around(domains=domains)):
        if way.is_open:
            command = f" `{way.command}` does the latter." if way.command else ""
            yield Finding(grade="warn", what=way.what, remedy=f"{way.remedy}{command}")
    host = email.rpartition("@")[2].lower()
    names = {d.domain for d in domains if d.is_verified}
    if organization.get("enforce_verified_domains") is True and host not in names:
        what = "the organization enforces verified domains, and the key's account is in none of them"
        yield Finding(grade="warn", what=what, remedy=remedies.DOMAINS)


def _ask(get: Callable[..., dict[str, Any]], path: str, **query: int) -> tuple[dict[str, Any] | None, Exception | None]:
    try:
        return get(path, **query), None
    except (Unavailable, Refused, Unexpected) as error:
        return None, error


def _is_fatal(trouble: Exception | None) -> bool:
    # Whatever else we asked would be answered alike.
    is_refused = isinstance(trouble, Refused) and (trouble.status == 401 or 300 <= trouble.status < 400)
    return is_refused or isinstance(trouble, Unavailable)


def _failed(subject: str, trouble: Exception | None) -> Finding:
    match trouble:
        case Throttled():
            wait = trouble.retry_after_seconds
            said = f"{subject} could not be asked: PostHog throttles this key"
            said += "" if wait is None else f" for {wait:.0f} s"
            return Finding(grade="warn", what=said, remedy=remedies.THROTTLED)
        case Unavailable():
            remedy = trouble.remedy or remedies.UNREACHABLE
            return Finding(grade="fail", what=f"{subject}: {trouble.detail}", remedy=remedy)
        case Refused():
            return Finding(grade="fail", what=f"{subject}: {trouble}", remedy=trouble.remedy)
        case _:
            return Finding(grade="fail", what=f"{subject}: {trouble}", remedy=remedies.SHAPE)


def _texts(row: dict[str, Any], name: str) -> set[str]:
    values = row.get(name)
    return {v for v in values if isinstance(v, str)} if isinstance(values, list) else set()
