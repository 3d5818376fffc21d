"""One SCIM resource as a connection sees it, and what a change of it means.

May import: `events`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from bridge.core.events import EventKind, IdentityEvent, Subject, address_key


@dataclass(frozen=True, kw_only=True)
class Email:
    """One element of a user's `emails`."""

    value: str
    type: str = ""
    is_primary: bool = False


ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
"""The extension that says where somebody works. Source: RFC 7643, section 4.3."""


@dataclass(frozen=True, kw_only=True)
class Workplace:
    """Where somebody works and under whom, as the identity provider says; empty where it is silent."""

    employee_number: str = ""
    cost_center: str = ""
    organization: str = ""
    division: str = ""
    department: str = ""
    manager_id: str = ""
    """How the identity provider names the manager: mostly the id of another of its records with us."""
    manager_name: str = ""


@dataclass(frozen=True, kw_only=True)
class Record:
    """A User or a Group of one connection. `version` counts the writes, from 1.

    Source: RFC 7643, sections 3.1, 4.1 and 4.2.
    """

    id: str
    connection: str
    resource_type: str
    """`User` or `Group`."""
    user_name: str
    """`userName` in the case it was sent; for a Group its `displayName`."""
    external_id: str = ""
    is_active: bool = True
    version: int = 1
    body: Mapping[str, Any] = field(default_factory=dict)
    """The attributes as kept: without `id`, `meta`, `groups`, `members` and `password`."""
    member_ids: tuple[str, ...] = ()
    """A Group's members, as record ids."""
    created_at: datetime
    modified_at: datetime

    @property
    def name_key(self) -> str:
        """The name as it is compared: unique among the living of one connection and type."""
        return address_key(self.user_name)

    @cached_property
    def emails(self) -> tuple[Email, ...]:
        """A User's addresses, as its body has them; an element without one is none."""
        said = self.body.get("emails", ()) if self.resource_type == "User" else ()
        found = (
            Email(
                value=_text(each.get("value")),
                type=_text(each.get("type")),
                is_primary=str(each.get("primary")).lower() == "true",
            )
            for each in said
        )
        return tuple(email for email in found if email.value.strip())

    @cached_property
    def subject(self) -> Subject:
        """The person as this record names it; the primary address comes before the other ones."""
        ordered = sorted(self.emails, key=lambda e: not e.is_primary)
        return Subject(user_name=self.user_name, external_id=self.external_id, emails=tuple(e.value for e in ordered))

    @property
    def workplace(self) -> Workplace:
        """Where the person works; what is no text there is left out."""
        said = self.body.get(ENTERPRISE)
        said = said if isinstance(said, Mapping) else {}
        manager = said.get("manager")
        manager = manager if isinstance(manager, Mapping) else {}
        return Workplace(
            employee_number=_text(said.get("employeeNumber")),
            cost_center=_text(said.get("costCenter")),
            organization=_text(said.get("organization")),
            division=_text(said.get("division")),
            department=_text(said.get("department")),
            manager_id=_text(manager.get("value")),
            manager_name=_text(manager.get("displayName")),
        )

    @property
    def own_addresses(self) -> frozenset[str]:
        """The compare keys of the addresses that are surely this person's: `userName` and the primary address.

        Others may be shared (a team's inbox) and never decide whom to remove.
        """
        primary = next((e for e in self.emails if e.is_primary), self.emails[0] if self.emails else None)
        named = [self.user_name, *([primary.value] if primary else [])]
        return frozenset(address_key(a) for a in named if "@" in a)


def _text(value: Any) -> str:
    """A text or a whole number, as text; anything else as nothing."""
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return value if isinstance(value, str) else str(value) if is_number else ""


def event_of(
    before: Record | None,
    after: Record | None,
    *,
    is_active: bool,
    was_out: bool | None,
    has_open_case: bool,
    now: datetime,
) -> IdentityEvent | None:
    """What one write of a User says about the person, or `None` when it says nothing about being in or out.

    `is_active`: the connection has an active record of the person after the write. `was_out`: what it said before,
    `None` for nothing. Level-triggered for the way out: without a case that sees to it, each write of an inactive
    record is an event; a deletion, and the first time that a connection says so, are in any case. Edge-triggered for the
    way in: only a connection that said out and now says active. SCIM has no event id, so it is made of the record's id and
    version.
    """
    record = after or before
    if record is None or record.resource_type != "User":
        return None
    if is_active:
        if not was_out:
            return None
        kind = EventKind.ACTIVATE
    elif after is not None and has_open_case and was_out:
        return None
    else:
        kind = EventKind.DELETE if after is None else EventKind.DEACTIVATE
    version = record.version + 1 if after is None else record.version
    return IdentityEvent(
        event_id=f"{record.id}:{version}",
        source=record.connection,
        kind=kind,
        subject=record.subject,
        occurred_at=now,
        received_at=now,
    )
