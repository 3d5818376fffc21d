"""What a source said about a person, once it is ours: the frozen `IdentityEvent` and the words it is made of.

May import: the standard library.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import lru_cache


class EventKind(StrEnum):
    """What happened to the person, in the source's words.

    Source: RFC 9967, sections 2.4.4 to 2.4.6, for the three URIs; the others are ours.
    """

    DEACTIVATE = "urn:ietf:params:scim:event:prov:deactivate"
    DELETE = "urn:ietf:params:scim:event:prov:delete"
    ACTIVATE = "urn:ietf:params:scim:event:prov:activate"
    SUSPEND = "suspend"
    """The source says suspended or on leave, not gone: held by policy."""
    LEFT_GROUP = "left-group"
    """Out of the last group that granted a project or role."""
    JOINED_GROUP = "joined-group"
    """Back in a group that grants what an open case is about."""
    GROUP_GONE = "group-gone"
    """The group itself was deleted or unlinked, which says nothing about any one member."""
    CHANGED = "changed"
    """Something changed; the source says no more and must be asked."""
    REMOVE = "remove"
    """An operator's own removal."""
    RELEASE = "release"
    CANCEL = "cancel"
    RETRY = "retry"

    @property
    def says_out(self) -> bool:
        """Whether this kind asks for a removal."""
        return self in {EventKind.DEACTIVATE, EventKind.DELETE, EventKind.SUSPEND, EventKind.REMOVE}


class Reason(StrEnum):
    """Why somebody leaves. Never guessed: an identity provider's `active: false` alone is `UNKNOWN`."""

    TERMINATED = "terminated"
    RESIGNED = "resigned"
    CONTRACT_ENDED = "contract_ended"
    ROLE_CHANGE = "role_change"
    SECURITY_INCIDENT = "security_incident"
    ACCESS_REVIEW = "access_review"
    RESTRUCTURING = "restructuring"
    OTHER = "other"
    UNKNOWN = "unknown"


_BECOMES_ASCII = re.compile("([\u037e\u1fef\u212a])")
"""The characters that NFC turns into ASCII (the Kelvin sign into K): kept as they are, so that no two people merge."""


def address_key(address: str) -> str:
    """The form in which two addresses are compared: NFC, and ASCII letters in lower case. Twice is the same as once.

    Never `casefold()`: it makes ß equal to ss and the Kelvin sign equal to k, and would merge two people.
    """
    address = address.strip()
    if address.isascii():
        return address.lower()
    parts = _BECOMES_ASCII.split(address)
    parts[::2] = [unicodedata.normalize("NFC", part) for part in parts[::2]]
    return "".join(c.lower() if c.isascii() else c for c in "".join(parts))


@lru_cache(maxsize=50_000)
def look_alike_key(address: str) -> str:
    """What two addresses share when a human would take them for the same person's: no tag, no dots, folded.

    Only ever used to ask, never to choose whom to remove.
    """
    local, _, domain = unicodedata.normalize("NFKC", address).casefold().rpartition("@")
    return f"{local.split('+')[0].replace('.', '')}@{domain}"


@dataclass(frozen=True, kw_only=True)
class Subject:
    """How a source names a person. Shapes as sent; compare addresses with `address_key`.

    Source: SCIM core schema, RFC 7643, section 4.1; subject identifiers, RFC 9493.
    """

    user_name: str = ""
    external_id: str = ""
    emails: tuple[str, ...] = ()

    @property
    def addresses(self) -> tuple[str, ...]:
        """Every address in the subject, as compare keys, without repeats; `user_name` only when it is one."""
        named = (self.user_name, *self.emails)
        return tuple(dict.fromkeys(address_key(a) for a in named if "@" in a))

    @property
    def label(self) -> str:
        """What to call the person on a page."""
        return self.user_name or (self.emails[0] if self.emails else self.external_id) or "?"


@dataclass(frozen=True, kw_only=True)
class IdentityEvent:
    """One thing that a source said, as it is kept in the inbox. Times are aware and in UTC.

    Source: Security Event Token, RFC 8417: `event_id` is `jti`, `source` is `iss`, `kind` the event URI, `subject` is
    `sub_id`, `occurred_at` is `toe`, `transaction_id` is `txn`.
    """

    event_id: str
    """Unique within the source; the same event received again has the same id and is dropped."""
    source: str
    """The connection's name, or `operator:NAME`."""
    kind: EventKind
    subject: Subject
    occurred_at: datetime
    received_at: datetime
    transaction_id: str = ""
    reason: Reason = Reason.UNKNOWN
    scope: str = "organization"
    """`organization`, `project:ID` or `role:ID`."""
    note: str = ""
    """An operator's words."""
    is_emergency: bool = False
    is_confirmed: bool = False
    """The operator was told that the person is protected, and said it again."""
    effective_at: datetime | None = field(default=None)
    """When the removal is due; `None` means after the settle time."""
