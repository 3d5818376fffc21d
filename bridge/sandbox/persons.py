"""Persons: the end users of the customer's product, found by address and deleted in bulk. Never PostHog accounts.

Source: PostHog, posthog/api/person.py. May import: `bodies`, `errors`, `gate`, `paging`, `records`.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from bridge.sandbox import bodies
from bridge.sandbox.errors import invalid
from bridge.sandbox.gate import Action, Call, Endpoint, fields_of
from bridge.sandbox.paging import PAGE_SIZE, number, page
from bridge.sandbox.records import Person

MOST = 1000
"""Persons in one bulk deletion."""


def list_persons(call: Call) -> tuple[int, Any]:
    """The project's persons, newest first; `email`, `distinct_id` and `search` filter. The envelope has no count."""
    asked = call.request.args
    rows = [p for p in call.world.persons.values() if p.project == call.inside.id]
    if "email" in asked:
        rows = [p for p in rows if p.email == asked["email"]]
    if "distinct_id" in asked:
        rows = [p for p in rows if asked["distinct_id"] in p.distinct_ids]
    if asked.get("search"):
        text = asked["search"].lower()
        rows = [p for p in rows if text in f"{p.email} {p.name} {' '.join(p.distinct_ids)}".lower()]
    rows.sort(key=lambda p: (p.created_at, p.id), reverse=True)
    limit = number(asked.get("limit"), at_least=1, otherwise=PAGE_SIZE)
    offset = number(asked.get("offset"), at_least=0, otherwise=0)
    rest = {k: v for k, v in asked.items() if k not in {"limit", "offset"}}

    def link(start: int) -> str:
        return f"{call.request.base_url}?{urlencode({**rest, 'limit': limit, 'offset': start})}"

    return 200, {
        "next": link(offset + limit) if offset + limit < len(rows) else None,
        "previous": link(max(offset - limit, 0)) if offset else None,
        "results": [bodies.person(p) for p in rows[offset : offset + limit]],
    }


def delete_persons(call: Call) -> tuple[int, Any]:
    """Delete persons; their events and recordings are only queued. 202, whatever was found."""
    body = fields_of(call)
    by_distinct_id, by_id = body.get("distinct_ids"), body.get("ids")
    if by_distinct_id and by_id:
        raise invalid("You must provide either distinct_ids or ids, not both")
    for name, given in (("distinct_ids", by_distinct_id), ("ids", by_id)):
        if given and len(given) > MOST:
            raise invalid(f"You can only pass 1000 {name} in one call")
    if not by_distinct_id and not by_id:
        raise invalid("You need to specify either distinct_ids or ids")
    found = [p for p in list(call.world.persons.values()) if p.project == call.inside.id and _is_meant(p, body)]
    if not body.get("keep_person"):
        with call.world.at_once():
            for person in found:
                call.world.drop(person)
    if body.get("delete_events"):
        call.world.queued_deletions += [(p.project, p.id, call.world.now()) for p in found]
    return 202, {
        "persons_found": len(found),
        "persons_deleted": 0 if body.get("keep_person") else len(found),
        "events_queued_for_deletion": bool(found and body.get("delete_events")),
        "recordings_queued_for_deletion": bool(found and body.get("delete_recordings")),
        "deletion_errors": [],
    }


def deletion_status(call: Call) -> tuple[int, Any]:
    """Which persons' events still wait for the weekly deletion."""
    wanted = call.request.args.get("person_uuid")
    rows = [
        {"person_uuid": person, "created_at": bodies.time(at), "status": "pending", "delete_verified_at": None}
        for project, person, at in call.world.queued_deletions
        if project == call.inside.id and wanted in {None, person}
    ]
    return 200, page(call.request, rows if call.request.args.get("status") in {None, "pending"} else [])


def _is_meant(person: Person, body: dict[str, Any]) -> bool:
    return person.id in (body.get("ids") or ()) or bool(set(person.distinct_ids) & set(body.get("distinct_ids") or ()))


_PERSONS = "/api/projects/<seg:project>/persons/"

ENDPOINTS = (
    Endpoint(rule=_PERSONS, actions={"GET": Action(run=list_persons, scope="person:read")}),
    Endpoint(rule=f"{_PERSONS}bulk_delete/", actions={"POST": Action(run=delete_persons, scope="person:write")}),
    Endpoint(rule=f"{_PERSONS}deletion_status/", actions={"GET": Action(run=deletion_status, scope="person:read")}),
)
"""The persons part of the API."""
