"""What tests of inquiries share: a target that tells what it is given, beside the sandbox that does all else."""

from __future__ import annotations

from dataclasses import dataclass, field

from bridge import inquiries, reconcile
from bridge.core.surroundings import Deeds, LeftBehind


@dataclass
class Telling:
    """The bridge's own target, whose answers to inquiries are given; what is asked is kept."""

    inner: object
    resources: tuple = ()
    gaps: tuple = ()
    rows: tuple = ()
    profiles: tuple = ()
    trouble: Exception | None = None
    asked: list = field(default_factory=list)

    def __getattr__(self, name):
        return getattr(self.inner, name)

    def left_behind(self, member, now):
        self._note("left_behind", member)
        return LeftBehind(taken_at=now, resources=self.resources, gaps=self.gaps)

    def deeds(self, user_uuid, since, until):
        self._note("deeds", user_uuid)
        rows = tuple(d for d in self.rows if since <= d.at <= until)
        return Deeds(since=since, until=until, rows=rows, gaps=self.gaps)

    def membership_changes(self, since, until):
        self._note("membership_changes", since)
        rows = tuple(d for d in self.rows if d.scope == "OrganizationMembership" and since <= d.at <= until)
        return Deeds(since=since, until=until, rows=rows, gaps=self.gaps)

    def tracked(self, email):
        self._note("tracked", email)
        return self.profiles, self.gaps

    def _note(self, what, about) -> None:
        self.asked.append((what, about))
        if self.trouble is not None:
            raise self.trouble


def inquire(bridge, target: str = "main") -> None:
    """What workers do in a quiet moment: who is due first, and then what is to be collected."""
    reconcile.run_pass(bridge, target)
    inquiries.run(bridge, target)
