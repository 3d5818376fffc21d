"""What one pass over a target knows while it has the claim: the snapshot that it works on, and what waits for a newer one.

May import: `lookout` and what lies below it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from bridge import lookout, telling
from bridge.core.case import Case
from bridge.core.organization import Organization
from bridge.core.plan import Step
from bridge.ports import Bridge, Target
from bridge.store.audit import Entry


@dataclass(kw_only=True)
class Pass:
    """What one pass knows: its claim, and the snapshot it works on."""

    bridge: Bridge
    target: str
    token: str
    remote: Target
    organization: Organization | None = None
    is_fresh: bool = False
    """Nothing was written since the organization was observed."""
    waiting: set[int] = field(default_factory=set)
    """Cases whose plan is empty on a snapshot that is not fresh: to be verified on the next one."""

    def observe(self) -> None:
        """Look at the target now."""
        self.organization = lookout.look(self.bridge, self.target, self.token, self.remote)
        self.is_fresh = True
        self.waiting.clear()

    def forget(self) -> None:
        """Trust the snapshot no longer."""
        self.organization = None
        self.is_fresh = False

    def is_usable(self) -> bool:
        """Whether plain members may be planned on the snapshot."""
        if self.organization is None:
            return False
        age = self.bridge.clock.now() - self.organization.taken_at
        # A snapshot from the future was taken before the clock was put back: nobody knows how old it is.
        return timedelta(0) <= age < self.bridge.policies[self.target].snapshot_for

    def entry(
        self, case: Case, kind: str, facts: Mapping[str, object], personal: Mapping[str, object] | None = None
    ) -> Entry:
        """An audit entry about the case, done by the bridge now."""
        return telling.entry(case, kind, self.bridge.clock.now(), facts, personal)


@dataclass(frozen=True, kw_only=True)
class Intended:
    """One step that is about to be sent, and on whose account."""

    case: Case
    step: Step
    step_id: int
