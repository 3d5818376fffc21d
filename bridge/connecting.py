"""One connection's table of the configuration: which identity provider, for whom it speaks, what its groups grant.

May import: `reading`, `ports`, `core`.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from datetime import timedelta

from bridge.core.policy import OnNoMatch
from bridge.ports import SCIM_KINDS, Connection, GroupGrant
from bridge.reading import Table

SILENT_AFTER = {"entra": timedelta(hours=6)}
"""When a kind that keeps calling is too quiet. Entra's cycle takes some 40 minutes and begins with a look-up, so this is
nine cycles; one in quarantine tries once a day, and is noticed. Okta calls only when something happens at its side: a
quiet month is no news, so nothing is said unless the configuration asks for it.

Source: Microsoft Entra, "How application provisioning works" and "Application provisioning in quarantine status".
"""

LEAST_RATE = 25
"""Requests a second. Entra wants at least so many for each tenant, and being throttled can quarantine its job.

Source: Microsoft Entra, "Develop and plan provisioning for a SCIM endpoint".
"""

LONGEST_GROUP_NAME = 256
"""Characters; no group with a longer name is ever kept."""

_RATE = re.compile(r"(\d+)\s*/\s*s")


def connection(table: Table, targets: tuple[str, ...]) -> Connection:
    """The connection that the table describes; every mistake is noted on the table."""
    table.check_name()
    kind = table.one_of("kind", SCIM_KINDS, "")
    named = table.texts("targets")
    if not named:
        table.fail("targets", "name at least one target.")
    for name in named:
        if name not in targets:
            table.fail("targets", f'there is no target "{name}"' + table.suggestion(name, targets))
    found = Connection(
        name=table.name,
        kind=kind,
        targets=named,
        on_no_match=table.choice("on_no_match", OnNoMatch, OnNoMatch.HOLD),
        silent_after=table.optional_duration("silent_after", SILENT_AFTER.get(kind)),
        rate_limit=_rate_limit(table),
        groups=tuple(_groups(table, named)),
    )
    table.close()
    return found


def _rate_limit(table: Table) -> int:
    text = table.text("rate_limit", "")
    if not text:
        return 0
    match = _RATE.fullmatch(text)
    rate = int(match[1]) if match else 0
    if rate < LEAST_RATE:
        table.fail("rate_limit", f'must be at least "{LEAST_RATE}/s", or empty for no limit; not "{text}".')
    return rate


def _groups(table: Table, targets: tuple[str, ...]) -> Iterator[GroupGrant]:
    seen: set[GroupGrant] = set()
    for each in table.listed("groups"):
        name = each.text("name", "")
        if not name or len(name) > LONGEST_GROUP_NAME:
            each.fail("name", f"name the group: its display name, of at most {LONGEST_GROUP_NAME} characters.")
        only = targets[0] if len(targets) == 1 else ""
        target = each.text("target", only)
        if target not in targets:
            each.fail("target", "say at which of the connection's targets: " + ", ".join(targets) + ".")
        grant = GroupGrant(name=name, target=target, scope=_scope(each))
        if grant in seen:
            each.fail("name", f'"{name}" is mapped to {grant.scope} twice.')
        seen.add(grant)
        each.close()
        yield grant


def _scope(table: Table) -> str:
    """What the group grants, as a case's scope; exactly one of `project` and `role` must be said."""
    project, role = table.integer("project", 0), table.text("role", "")
    if bool(project) == bool(role):
        table.fail("project", "say what leaving the group takes away: either project (a number) or role (a UUID).")
    if not role:
        return f"project:{project}"
    try:
        return f"role:{uuid.UUID(role)}"
    except ValueError:
        table.fail("role", "must be the role's id, a UUID (PostHog: GET /api/organizations/ID/roles/).")
        return "role:"
