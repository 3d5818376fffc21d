"""The members endpoints: list, change a level, remove. There is no way to retrieve one member.

Source: PostHog, posthog/api/organization_member.py. May import: `bodies`, `errors`, `gate`, `paging`, `records`,
`rules`.
"""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import datetime
from typing import Any

from bridge.sandbox import bodies
from bridge.sandbox.errors import broken, invalid, not_found
from bridge.sandbox.gate import Action, Call, Endpoint
from bridge.sandbox.paging import page, page_of_texts
from bridge.sandbox.records import ADMIN, LEVELS, Account, Membership
from bridge.sandbox.rules import check_edit, check_leave

SEARCH_MOST = 200
"""Characters in `?search=`."""
TOO_LONG = "Search query must be 200 characters or fewer."
SIMILAR = 0.3
"""From where on a text counts as similar; pg_trgm's own default, PostHog's threshold is not established."""


def list_members(call: Call) -> tuple[int, Any]:
    """Members with active accounts, newest first. Members below admin may be shown only themselves."""
    asked = call.request.args
    rows = visible(call, has_guests=asked.get("include_guests") == "true")
    if not call.here.members_can_see_org_members and call.caller.level < ADMIN:
        rows = [(a, m) for a, m in rows if a.uuid == call.account.uuid]
    if "email" in asked:
        rows = [(a, m) for a, m in rows if a.email == asked["email"]]
    if "updated_after" in asked:
        rows = [(a, m) for a, m in rows if m.updated_at > _time(asked["updated_after"])]
    if asked.get("order") == "joined_at":
        rows.reverse()
    search = asked.get("search", "")
    if len(search) > SEARCH_MOST:
        if call.world.answers_otherwise:
            raise invalid(TOO_LONG, attr="search")
        return 400, {"search": TOO_LONG}
    if search:
        graded = [(a, m, _match(a, search.lower())) for a, m in rows]
        graded.sort(key=lambda each: each[2])
        found = [{**bodies.member(a, m), "search_match_type": match} for a, m, match in graded if match]
        return 200, page(call.request, found)
    return 200, page_of_texts(call.request, [bodies.member_text(call.world, a, m) for a, m in rows])


def update_member(call: Call) -> tuple[int, Any]:
    """Give a member another level.

    The row that was read is written back whole, without a lock: a DELETE in between is undone. PostHog does so, too.
    """
    account, membership = found(call)
    check_edit(call.caller, membership)
    level = _level(call.body)
    if level is not None:
        check_edit(call.caller, membership, level)
        membership = replace(membership, level=level, updated_at=call.world.now())
        call.world.interrupted()
        other = call.world.membership_of(account.uuid, call.here.id)
        if other is not None and other.id != membership.id:
            raise broken()  # removed and back meanwhile: one account cannot have two memberships here
        call.world.put(membership)
    return 200, bodies.member(account, membership)


def remove_member(call: Call) -> tuple[int, Any]:
    """End a membership, and nothing but the membership."""
    _, membership = found(call)
    check_edit(call.caller, membership)
    check_leave(membership)
    call.world.interrupted()
    call.world.drop(membership)
    return 204, None


def github_login(call: Call) -> tuple[int, Any]:
    """The member's GitHub name: none, here."""
    found(call)
    return 200, {"github_login": None}


def visible(call: Call, *, has_guests: bool = False) -> list[tuple[Account, Membership]]:
    """The memberships that the API knows: none of deactivated accounts or internal bots, and no guests' unless asked."""
    rows = call.world.members(call.here.id)
    return [(account, membership) for account, membership in rows if _is_shown(account, membership, has_guests)]


def found(call: Call) -> tuple[Account, Membership]:
    """The member in the path, by the UUID of the account.

    Raises: ApiError 404; 500 for a lookup that is no UUID.
    """
    wanted = call.account.uuid if call.lookup == "@me" else as_uuid(call)
    account, membership = call.world.accounts.get(wanted), call.world.membership_of(wanted, call.here.id)
    if account is None or membership is None or not _is_shown(account, membership, has_guests=False):
        if call.world.answers_otherwise:
            raise not_found("No OrganizationMembership matches the given query.")
        raise not_found()
    return account, membership


def _is_shown(account: Account, membership: Membership, has_guests: bool) -> bool:  # noqa: FBT001 - asked for each row
    is_bot = account.email.endswith("@posthogbot.user")
    return account.is_active and not is_bot and (has_guests or not membership.is_guest)


def as_uuid(call: Call) -> str:
    """The lookup in canonical form.

    Raises: ApiError 500, the worse of the two answers that PostHog may give; or the other, 404.
    """
    try:
        return str(uuid.UUID(call.lookup))
    except ValueError:
        raise (not_found() if call.world.answers_otherwise else broken()) from None


def _level(body: Any) -> int | None:
    if not isinstance(body, dict):
        raise invalid("Invalid data. Expected a dictionary.")
    if "level" not in body:
        return None
    level = body["level"]
    if level is None:
        raise invalid("This field may not be null.", code="null", attr="level")
    named = {str(known): known for known in LEVELS}
    if str(level) not in named:
        raise invalid(f'"{level}" is not a valid choice.', code="invalid_choice", attr="level")
    return named[str(level)]


def _match(account: Account, search: str) -> str:
    """`exact` when the text is a part of name or address, `similar` when it only looks like it, else nothing."""
    known = [account.first_name.lower(), account.last_name.lower(), account.email.lower()]
    if search in " ".join(known):
        return "exact"
    return "similar" if any(_similarity(search, text) > SIMILAR for text in known) else ""


def _similarity(one: str, other: str) -> float:
    """As PostgreSQL's pg_trgm counts it: trigrams in common, of all trigrams."""
    trigrams = [{f"  {text} "[i : i + 3] for i in range(len(text) + 1)} for text in (one, other)]
    return len(trigrams[0] & trigrams[1]) / len(trigrams[0] | trigrams[1])


def _time(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise invalid("Enter a valid date/time.", code="invalid", attr="updated_after") from None
    if at.tzinfo is None:
        raise invalid("Enter a valid date/time.", code="invalid", attr="updated_after")
    return at


ENDPOINTS = (
    Endpoint(
        rule="/api/organizations/<seg:organization>/members/",
        actions={"GET": Action(run=list_members, scope="organization_member:read")},
    ),
    Endpoint(
        rule="/api/organizations/<seg:organization>/members/<seg:lookup>/",
        actions={
            "PATCH": Action(run=update_member, scope="organization_member:write"),
            "PUT": Action(run=update_member, scope="organization_member:write"),
            "DELETE": Action(run=remove_member, scope="organization_member:write"),
        },
    ),
    Endpoint(
        rule="/api/organizations/<seg:organization>/members/<seg:lookup>/github_login/",
        actions={"GET": Action(run=github_login, scope="organization_member:read")},
    ),
    # No scope is declared for it, so no key may call it, not even one with `*`.
    Endpoint(rule="/api/organizations/<seg:organization>/members/<seg:lookup>/scoped_api_keys/", actions={}),
)
"""The members part of the API."""
