"""One SCIM resource as a connection sees it, and what a change of it means.

May import: `events`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bridge.core.events import EventKind, IdentityEvent, Subject, address_key


@dataclass(frozen=True, kw_only=True)
class Email:
    """One element of a user's `emails`."""

    value: str
    type: str = ""


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
    emails: tuple[Email, ...] = ()
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

    @property
    def subject(self) -> Subject:
        """The person as this record names it."""
        return Subject(
            user_name=self.user_name, external_id=self.external_id, emails=tuple(e.value for e in self.emails)
        )


def event_of(
    before: Record | None, after: Record | None, *, has_open_case: bool, now: datetime
) -> IdentityEvent | None:
    """What one write of a User says about the person, or `None` when it says nothing about being in or out.

    Level-triggered for the way out: an inactive or deleted record without an open case is an event each time it is
    written. Edge-triggered for the way in: only a change from inactive to active of our stored record.
    SCIM has no event id, so it is made of the record's id and version.
    """
    record = after or before
    if record is None or record.resource_type != "User":
        return None
    if after is None:
        kind = EventKind.DELETE
        version = record.version + 1
    elif not after.is_active:
        if has_open_case:
            return None
        kind, version = EventKind.DEACTIVATE, after.version
    elif before is not None and not before.is_active:
        kind, version = EventKind.ACTIVATE, after.version
    else:
        return None
    return IdentityEvent(
        event_id=f"{record.id}:{version}",
        source=record.connection,
        kind=kind,
        subject=record.subject,
        occurred_at=now,
        received_at=now,
    )
