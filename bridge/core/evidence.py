"""What a removal is proven with: steps as they were sent and answered, and lines of the audit log.

May import: the standard library.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, kw_only=True)
class StepDone:
    """One step as it was sent and answered.

    `result`: `done` or `gone`; `refused` for the whole target or `declined` alone; `sent` or `lost` while nobody knows,
    until a look shows `done` or `undone`.
    """

    canonical: str
    says: str
    started_at: datetime
    ended_at: datetime | None
    status: int | None
    result: str

    @property
    def may_have_effect(self) -> bool:
        """Whether it changed something in the target, or perhaps did."""
        return self.result not in {"refused", "declined", "undone"}

    @property
    def is_removal(self) -> bool:
        """Whether it ended a membership, and was answered so."""
        return self.result == "done" and self.canonical.startswith("remove_member ")


@dataclass(frozen=True, kw_only=True)
class Logged:
    """One line of the audit log. `personal` is `None` once erased."""

    seq: int
    at: datetime
    kind: str
    actor: str
    approver: str
    facts: Mapping[str, Any]
    personal: Mapping[str, Any] | None
    hash: str
