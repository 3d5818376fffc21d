"""What people make in a project, in one generic shape: fifteen lists, each with its own idea of a creator filter.

A filter that a list does not know, or whose value is not in the form that it wants, is silently ignored: everybody's
objects come back. Source: PostHog's OpenAPI description, posthog/api/feature_flag.py, posthog/api/cohort.py; the forms
of values for insights, notebooks and subscriptions are inferred. May import: `bodies`, `gate`, `paging`, `records`.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from bridge.sandbox import bodies
from bridge.sandbox.gate import Action, Call, Endpoint
from bridge.sandbox.paging import page
from bridge.sandbox.records import Resource

Users = set[int] | set[str] | None


def _one_number(text: str) -> Users:
    return {int(text)} if text.isdecimal() else None


def _numbers(text: str) -> Users:
    try:
        told = json.loads(text)
    except ValueError:
        return None
    return {n for n in told if isinstance(n, int)} if isinstance(told, list) else None


def _one_uuid(text: str) -> Users:
    try:
        return {str(uuid.UUID(text))}
    except ValueError:
        return None


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One list. `creator`: its filter's name, and how it reads the value; empty: it has none."""

    scope: str
    creator: str = ""
    reads: Callable[[str], Users] = _one_number
    title: str = "name"
    """The field that the name is shown in."""
    names_creator: bool = True
    defaults: dict[str, Any] = field(default_factory=dict)
    """Further fields of a row, unless it has its own."""
    has_only: tuple[str, str] = ("", "")
    """A field with the one value that the list shows unless it is asked for others."""


KINDS = {
    "dashboards": Kind(scope="dashboard", defaults={"pinned": False, "tags": [], "is_shared": False, "deleted": False}),
    "insights": Kind(
        scope="insight",
        creator="created_by",
        reads=_numbers,
        defaults={"derived_name": None, "tags": [], "deleted": False},
    ),
    "feature_flags": Kind(
        scope="feature_flag",
        creator="created_by_id",
        title="key",
        defaults={"active": True, "deleted": False, "tags": []},
    ),
    "experiments": Kind(scope="experiment", creator="created_by_id", defaults={"archived": False, "start_date": None}),
    "cohorts": Kind(scope="cohort", creator="created_by_id", defaults={"is_static": False, "count": 0}),
    "notebooks": Kind(
        scope="notebook", creator="created_by", reads=_one_uuid, title="title", defaults={"deleted": False}
    ),
    "surveys": Kind(scope="survey", defaults={"type": "popover", "archived": False}),
    "actions": Kind(scope="action", defaults={"tags": [], "deleted": False}),
    "annotations": Kind(scope="annotation", title="content", defaults={"scope": "project", "deleted": False}),
    "alerts": Kind(scope="alert", defaults={"enabled": True, "state": "Not firing", "subscribed_users": ()}),
    "subscriptions": Kind(
        scope="subscription",
        creator="created_by",
        reads=_one_uuid,
        title="title",
        defaults={"target_type": "email", "target_value": "", "frequency": "weekly", "deleted": False},
    ),
    "hog_functions": Kind(
        scope="hog_function",
        creator="created_by",
        defaults={"type": "destination", "enabled": True, "template": None},
        has_only=("type", "destination"),
    ),
    "batch_exports": Kind(
        scope="batch_export", names_creator=False, defaults={"paused": False, "interval": "hour", "destination": {}}
    ),
    "early_access_feature": Kind(scope="early_access_feature", names_creator=False, defaults={"stage": "beta"}),
    "session_recording_playlists": Kind(
        scope="session_recording_playlist", creator="created_by", defaults={"pinned": False, "deleted": False}
    ),
}
"""Every list that is played, by its path."""


def list_of(kind: str) -> Callable[[Call], tuple[int, Any]]:
    """The handler that lists that kind."""

    def listed(call: Call) -> tuple[int, Any]:
        rows = [r for r in call.world.resources.values() if r.kind == kind and r.project == call.inside.id]
        return 200, page(call.request, [_shown(call, r) for r in _filtered(call, KINDS[kind], rows)])

    return listed


def _filtered(call: Call, kind: Kind, rows: list[Resource]) -> list[Resource]:
    asked = call.request.args
    rows = [r for r in rows if not r.extra.get("deleted")]
    name, usual = kind.has_only
    if name:
        wanted = {asked[name]} if name in asked else set(asked.get(f"{name}s", usual).split(","))
        rows = [r for r in rows if r.extra.get(name, usual) in wanted]
    if kind.creator in asked:
        users = kind.reads(asked[kind.creator])
        if users is not None:
            rows = [r for r in rows if users & _ids(call, r)]
    if kind.scope == "notebook" and "user" in asked:
        rows = [r for r in rows if r.created_by == call.account.uuid]
    if asked.get("search"):
        rows = [r for r in rows if asked["search"].lower() in r.name.lower()]
    return sorted(rows, key=lambda r: (r.created_at, r.id), reverse=True)


def _ids(call: Call, row: Resource) -> set[int | str]:
    account = call.world.accounts.get(row.created_by) if row.created_by else None
    return set() if account is None else {account.id, account.uuid}


def _shown(call: Call, row: Resource) -> dict[str, Any]:
    kind = KINDS[row.kind]
    made_by = call.world.accounts.get(row.created_by) if row.created_by else None
    body = {
        "id": int(row.id) if row.id.isdecimal() else row.id,
        kind.title: row.name,
        "created_at": bodies.time(row.created_at),
        **kind.defaults,
        **row.extra,
    }
    if kind.title == "key":
        body["name"] = row.extra.get("description", "")
    if row.kind in {"insights", "notebooks", "session_recording_playlists"}:
        body["short_id"] = uuid.uuid5(uuid.NAMESPACE_URL, row.key).hex[:8]
    if row.kind == "alerts":
        # Everybody who ever subscribed: that alerts go to members only shows when they are sent.
        subscribed = [call.world.accounts[user] for user in body["subscribed_users"]]
        body["subscribed_users"] = [bodies.basic_user(account) for account in subscribed]
    if kind.names_creator:
        body["created_by"] = None if made_by is None else bodies.basic_user(made_by)
    return body


ENDPOINTS = tuple(
    Endpoint(
        rule=f"/api/projects/<seg:project>/{kind}/",
        actions={"GET": Action(run=list_of(kind), scope=f"{known.scope}:read")},
    )
    for kind, known in KINDS.items()
)
"""The lists of what people make."""
