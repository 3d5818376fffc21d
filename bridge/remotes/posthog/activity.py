"""PostHog's activity log: what an account did, and who joined, left or changed level.

The organization-wide log is for owners and admins, and a feature of some plans (402 without it); how far back it reaches
depends on the plan, too. It shows changes, never queries, views or exports of what was seen. Rows come up to minutes
late. Source: PostHog, posthog/api/advanced_activity_logs/viewset.py. May import: `asking`, `lists`, `shapes`, `core`.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from bridge.core.surroundings import Deed, Deeds, Gap
from bridge.ports import Unexpected
from bridge.remotes.posthog import remedies, shapes
from bridge.remotes.posthog.asking import Asking
from bridge.remotes.posthog.lists import by_cursor

PAGES_MOST = 50
"""Of one stretch of the log; the rest is a gap."""
PAGE_SIZE = 100
LONGEST_CHANGE = 200
"""Characters of what changed."""


def read_deeds(asking: Asking, path: str, since: datetime, until: datetime, *, user_uuid: str = "") -> Deeds:
    """What that account did; or, without one, every change of a membership.

    The log's own filters are asked for and not trusted: each row is looked at again.
    Raises: Refused for a key that is refused altogether.
    """
    asked = {"users": user_uuid} if user_uuid else {"scopes": "OrganizationMembership"}
    what = "the activity log" if user_uuid else "who joined, left or changed level, in the activity log"
    found = asking.part(what, lambda: _rows(asking, path, since, until, what, asked)) or ()
    mine = [
        deed
        for deed in found
        if since <= deed.at <= until
        and (deed.user_uuid == user_uuid.lower() if user_uuid else deed.scope == "OrganizationMembership")
    ]
    return Deeds(since=since, until=until, rows=tuple(sorted(mine, key=lambda d: d.at)), gaps=asking.gaps)


def _rows(
    asking: Asking, path: str, since: datetime, until: datetime, what: str, asked: dict[str, str]
) -> tuple[Deed, ...]:
    rows, is_whole = by_cursor(
        asking,
        f"{path}/advanced_activity_logs/",
        "activity",
        PAGES_MOST,
        **asked,
        start_date=_time(since),
        end_date=_time(until),
        ordering="created_at",
        page_size=PAGE_SIZE,
    )
    if not is_whole:
        why = f"There is more than {PAGES_MOST} pages of it; what is here ends early."
        asking.note(Gap(what=what, why=why, remedy=remedies.SHORTER))
    return tuple(_deed(row) for row in rows)


def _deed(row: dict[str, Any]) -> Deed:
    at = shapes.optional_time(row, "created_at")
    if at is None:
        raise Unexpected("activity.created_at should be a time and is none")
    scope = shapes.text(row, "scope", "activity")
    team = shapes.value_at(row, "team_id")
    names = ["detail.name", "detail.short_id", "detail.context.user_email"]
    if scope == "OrganizationMembership":  # its own name is the organization's or nothing; whose it is counts
        names.insert(0, "detail.context.user_email")
    return Deed(
        at=at,
        activity=shapes.text(row, "activity", "activity"),
        scope=scope,
        item_id=str(shapes.value_at(row, "item_id") or ""),
        name=next((found for name in names if (found := shapes.optional_text(row, name))), ""),
        user_uuid=shapes.optional_text(row, "user.uuid").lower(),
        user_email=shapes.optional_text(row, "user.email"),
        project_id=team if isinstance(team, int) else None,
        ip_address=shapes.optional_text(row, "ip_address"),
        client=shapes.optional_text(row, "client"),
        is_impersonated=shapes.value_at(row, "was_impersonated") is True,
        changes=_changes(shapes.value_at(row, "detail.changes")),
    )


def _changes(changes: Any) -> str:
    """What changed in one line, such as `level: 1 → 8; name: "a" → "b"`."""
    said = []
    for change in changes if isinstance(changes, list) else ():
        field = shapes.optional_text(change, "field") or shapes.optional_text(change, "action")
        if field:
            before, after = (_short(change.get(name)) for name in ("before", "after"))
            said.append(f"{field}: {before} → {after}")
    line = "; ".join(said)
    return line if len(line) <= LONGEST_CHANGE else line[: LONGEST_CHANGE - 1] + "…"


def _short(value: Any) -> str:
    text = "none" if value is None else json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)
    return text if len(text) <= 60 else text[:59] + "…"


def _time(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
