"""The activity log over HTTP: one project's, and the organization's for admins. Plan-gated, and a little late.

Source: PostHog, posthog/api/advanced_activity_logs/viewset.py. May import: `bodies`, `errors`, `gate`, `paging`,
`records`.
"""

from __future__ import annotations

import base64
import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode

from flask import Request

from bridge.sandbox import bodies
from bridge.sandbox.errors import broken, denied, invalid, not_found, payment_required
from bridge.sandbox.gate import Action, Call, Endpoint
from bridge.sandbox.paging import number
from bridge.sandbox.records import ADMIN, Activity

FEATURE = "audit_logs"
"""What the plan must have, on Cloud."""
CLOSED_IN_2025 = "This action does not support Personal API Key access"
"""What the advanced logs answered to keys while they were internal."""
PAGE_SIZE, PAGE_MOST = 100, 1000
ADMINS_ONLY = "Only organization admins and owners can view organization-wide activity logs."
FILTERS = {
    "users": "user",
    "scopes": "scope",
    "activities": "activity",
    "clients": "client",
    "item_ids": "item_id",
}
"""Filters that take a list, and what they compare."""
WRONG_TIME = (
    "Datetime has wrong format. Use one of these formats instead: YYYY-MM-DDThh:mm[:ss[.uuuuuu]][+HH:MM|-HH:MM|Z]."
)


def list_of_project(call: Call) -> tuple[int, Any]:
    """One project's rows; the organization's only where the project is set to receive them."""
    _check_plan(call)
    asked = call.request.args
    rows = _of_project(call)
    if asked.get("user"):
        wanted = _uuid(asked["user"])
        if wanted is None:
            raise broken()
        rows = [r for r in rows if r.user == wanted]
    if asked.get("scope"):
        rows = [r for r in rows if r.scope == asked["scope"]]
    if asked.get("scopes"):
        rows = [r for r in rows if r.scope in asked["scopes"].split(",")]
    if asked.get("item_id"):
        rows = [r for r in rows if r.item_id == asked["item_id"]]
    return 200, _paged(call, rows)


def advanced_of_project(call: Call) -> tuple[int, Any]:
    """One project's rows, with many filters."""
    _check_plan(call)
    return 200, _paged(call, _filtered(call.request, _of_project(call)))


def advanced_of_organization(call: Call) -> tuple[int, Any]:
    """All rows of the organization and its projects, with many filters. For admins and owners."""
    _check_plan(call)
    if call.caller.level < ADMIN:
        raise denied(ADMINS_ONLY)
    rows = _filtered(call.request, _readable(call))
    teams = [_integer(each) for each in _list(call.request, "team_ids")]
    return 200, _paged(call, [r for r in rows if r.project in teams] if teams else rows)


def _check_plan(call: Call) -> None:
    if call.world.is_cloud and FEATURE not in call.here.features:
        raise payment_required(FEATURE, is_newest=call.world.answers_otherwise)


def _readable(call: Call) -> list[Activity]:
    now, days = call.world.now(), call.here.activity_lookback_days
    since = None if days is None else now - timedelta(days=days)
    return [
        row
        for row in list(call.world.activity.values())
        if row.organization == call.here.id and row.visible_at <= now and (since is None or row.created_at >= since)
    ]


def _of_project(call: Call) -> list[Activity]:
    projects = {call.inside.id, None} if call.inside.receive_org_level_activity_logs else {call.inside.id}
    return [row for row in _readable(call) if row.project in projects]


def _filtered(request: Request, rows: list[Activity]) -> list[Activity]:
    """The rows that every filter lets through. Unknown filters are ignored."""
    _check_filters(request)
    for name, field in FILTERS.items():
        wanted = _list(request, name)
        if wanted:
            rows = [row for row in rows if getattr(row, field) in wanted]
    addresses = _list(request, "ip_addresses")
    if addresses:
        rows = [row for row in rows if any(_is_address(row.ip_address, pattern) for pattern in addresses)]
    since, until = _time(request, "start_date"), _time(request, "end_date")
    rows = [r for r in rows if (since is None or r.created_at >= since) and (until is None or r.created_at <= until)]
    for name in ("was_impersonated", "is_system"):
        if name in request.args:
            is_wanted = request.args[name].lower() in {"true", "1"}
            rows = [row for row in rows if getattr(row, name) is is_wanted]
    text = request.args.get("search_text", "").lower()
    return [row for row in rows if text in json.dumps(row.detail).lower()] if text else rows


def _check_filters(request: Request) -> None:
    asked = request.args
    wrong = next((i for i, each in enumerate(_list(request, "users")) if _uuid(each) is None), None)
    if wrong is not None:
        raise invalid("Must be a valid UUID.", code="invalid", attr=f"users__{wrong}")
    if asked.get("ordering", "created_at") not in {"created_at", "-created_at"}:
        raise invalid(f'"{asked["ordering"]}" is not a valid choice.', code="invalid_choice", attr="ordering")
    if number(asked.get("page_size"), at_least=1, otherwise=PAGE_SIZE) > PAGE_MOST:
        raise invalid("Ensure this value is less than or equal to 1000.", code="max_value", attr="page_size")


def _paged(call: Call, rows: list[Activity]) -> dict[str, Any]:
    """One page: by number when `page` is given, else by a cursor that says where the next one starts."""
    asked = call.request.args
    is_ascending = asked.get("ordering") == "created_at"
    rows = sorted(rows, key=_place, reverse=not is_ascending)
    size = min(number(asked.get("page_size"), at_least=1, otherwise=PAGE_SIZE), PAGE_MOST)
    if asked.get("page"):
        return _numbered(call, rows, number(asked["page"], at_least=1, otherwise=0), size)
    start = 0
    if asked.get("cursor"):
        last = _read_cursor(asked["cursor"])
        start = next(
            (i for i, r in enumerate(rows) if (_place(r) > last) is is_ascending and _place(r) != last), len(rows)
        )
    shown = rows[start : start + size]
    is_followed = is_ascending and asked.get("follow") == "true"
    following = None
    if start + size < len(rows) or (is_followed and shown):
        following = _link(call.request, cursor=_cursor(_place(shown[-1])))
    elif is_followed:
        following = _link(call.request, cursor=asked.get("cursor"))
    return {
        "next": following,
        "previous": _link(call.request, cursor=None) if start else None,
        "results": [bodies.activity(call.world, row) for row in shown],
    }


def _numbered(call: Call, rows: list[Activity], page: int, size: int) -> dict[str, Any]:
    if page < 1 or (page > 1 and (page - 1) * size >= len(rows)):
        raise not_found("Invalid page.")
    return {
        "count": len(rows),
        "next": _link(call.request, page=page + 1) if page * size < len(rows) else None,
        "previous": _link(call.request, page=page - 1) if page > 1 else None,
        "results": [bodies.activity(call.world, row) for row in rows[(page - 1) * size : page * size]],
    }


def _place(row: Activity) -> tuple[datetime, str]:
    return row.created_at, row.id


def _cursor(place: tuple[datetime, str]) -> str:
    at, row_id = place
    return base64.urlsafe_b64encode(urlencode({"p": at.isoformat(), "i": row_id}).encode()).decode()


def _read_cursor(text: str) -> tuple[datetime, str]:
    try:
        told = dict(parse_qsl(base64.urlsafe_b64decode(text.encode()).decode()))
        return datetime.fromisoformat(told["p"]), told["i"]
    except (ValueError, KeyError):
        raise not_found("Invalid cursor") from None


def _link(request: Request, **changed: Any) -> str:
    query = [(k, v) for k, v in request.args.items(multi=True) if k not in changed]
    query += [(k, str(v)) for k, v in changed.items() if v is not None]
    return f"{request.base_url}?{urlencode(sorted(query))}"


def _list(request: Request, name: str) -> list[str]:
    """`?users=a&users=b` or `?users=["a","b"]`; a comma is part of the one value, as at PostHog."""
    given = request.args.getlist(name)
    if len(given) == 1 and given[0].strip().startswith("["):
        try:
            parsed = json.loads(given[0])
        except ValueError:
            return given
        return [str(each) for each in parsed]
    return given


def _uuid(text: str) -> str | None:
    try:
        return str(uuid.UUID(text))
    except ValueError:
        return None


def _integer(text: str) -> int:
    if not text.lstrip("-").isdecimal():
        raise invalid("A valid integer is required.", code="invalid", attr="team_ids__0")
    return int(text)


def _time(request: Request, name: str) -> datetime | None:
    text = request.args.get(name)
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise invalid(WRONG_TIME, code="invalid", attr=name) from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _is_address(address: str | None, pattern: str) -> bool:
    if address is None:
        return False
    return address.startswith(pattern[: pattern.index("*")]) if "*" in pattern else address == pattern


_PROJECT = "/api/projects/<seg:project>"

ENDPOINTS = (
    Endpoint(
        rule=f"{_PROJECT}/activity_log/",
        actions={"GET": Action(run=list_of_project, scope="activity_log:read")},
    ),
    Endpoint(
        rule=f"{_PROJECT}/advanced_activity_logs/",
        actions={"GET": Action(run=advanced_of_project, scope="activity_log:read")},
        refusal=CLOSED_IN_2025,
        switch="has_advanced_activity_logs",
        opened_by="opens_activity_to_keys",
    ),
    Endpoint(
        rule="/api/organizations/<seg:organization>/advanced_activity_logs/",
        actions={"GET": Action(run=advanced_of_organization, scope="activity_log:read")},
        refusal=CLOSED_IN_2025,
        switch="has_advanced_activity_logs",
        opened_by="opens_activity_to_keys",
    ),
)
"""The activity log's part of the API."""
