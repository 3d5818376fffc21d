"""What the stories are told with: one organization, its identity providers and operators, and the hours that go by."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from bridge import inquiries, reconcile
from bridge.ports import Bridge
from bridge.remotes.posthog import PostHogTarget
from bridge.sandbox import World
from bridge.sandbox.people import SCOPES
from tests.conftest import HandClock, QuietBell, run_for
from tests.faults import FaultTransport
from tests.players import Idp, all_cases, is_member, work


class Working(QuietBell):
    """A worker that comes whenever somebody rings."""

    def __init__(self, tale: Tale) -> None:
        super().__init__()
        self._tale = tale

    def ring(self, target: str) -> None:
        reconcile.run_pass(self._tale.bridge, target)
        self._tale.inquire()


@dataclass
class Tale:
    """One story. Nothing in it goes around the program's doors: SCIM records, commands, and PostHog's own side."""

    bridge: Bridge
    world: World
    transport: FaultTransport
    clock: HandClock
    ran: object
    records: dict[tuple[str, str], str] = field(default_factory=dict)

    # -- time --------------------------------------------------------------------------------------------------------

    def it_is(self, moment: str) -> None:
        """Let the time go by until then, as `2026-11-20 23:00`."""
        later = datetime.fromisoformat(f"{moment}+00:00") - self.clock.now()
        self.later(seconds=later.total_seconds())

    def later(self, **amount: float) -> None:
        """Let so much time go by, with everybody at work."""
        rest = timedelta(**amount)
        while rest > timedelta(0):
            step = min(rest, timedelta(hours=1))
            run_for(self.bridge, self.clock, seconds=step.total_seconds())
            self.inquire()
            rest -= step

    def inquire(self) -> None:
        """Whatever is to be collected about leavers is collected."""
        if inquiries.are_wanted(self.bridge, "main"):
            inquiries.run(self.bridge, "main")

    # -- people ------------------------------------------------------------------------------------------------------

    def employs(self, *people: str, at: str = "okta") -> None:
        """The identity provider has records of them."""
        for who in people:
            self.records[at, who] = Idp(self.bridge, at).create(who, external_id=f"{at}-{who}")

    def deactivates(self, *people: str, at: str = "okta") -> None:
        for who in people:
            Idp(self.bridge, at).deactivate(self.records[at, who])

    def activates(self, *people: str, at: str = "okta") -> None:
        for who in people:
            Idp(self.bridge, at).activate(self.records[at, who])

    def renames(self, who: str, new: str, at: str = "okta") -> None:
        """Same person, same record, another name and address."""
        self.records[at, new] = self.records[at, who]
        Idp(self.bridge, at).change(self.records[at, new], user_name=new, body=work(new))

    def accepts_the_invite(self, who: str) -> None:
        (invite,) = [i for i in self.world.invites_for(who) if not i.is_expired(self.world.now())]
        self.world.accept_invite(invite.id)

    def are_in(self, *people: str) -> bool:
        return all(is_member(self.world, who) for who in people)

    def are_out(self, *people: str) -> bool:
        return not any(is_member(self.world, who) for who in people)

    # -- the program -------------------------------------------------------------------------------------------------

    def case_of(self, who: str):
        """The newest case about somebody."""
        return next(c for c in reversed(all_cases(self.bridge)) if c.subject.label == who)

    def record_of(self, who: str) -> str:
        """The printed removal record of the newest case about somebody."""
        return self.prints("report", str(self.case_of(who).id), status=0)

    def releases(self, who: str, reason: str) -> str:
        """An operator looks at somebody's held case and approves what it shows."""
        case = self.case_of(who)
        return self.prints("release", str(case.id), "--digest", case.plan.digest, "--reason", reason, status=0)

    def prints(self, *command: str, status: int | None = None) -> str:
        """What a command prints, as one line however it was wrapped; a worker comes when it rings."""
        told = self.ran(*command, **self.seen())
        assert status is None or told.status == status, told.out + told.err
        return " ".join((told.out + told.err).split())

    def seen(self) -> dict[str, object]:
        """How the command line finds things."""
        return {"bell": Working(self), "policies": self.bridge.policies}

    def works_with_the_key_of(self, who: str) -> None:
        """The bridge is given another key: that of this account."""
        value = f"phx_key_of_{who}"
        self.world.add_key(who, value, scopes=SCOPES)
        settings = self.bridge.targets["main"]
        organization = settings.organization_id
        made = PostHogTarget(url=settings.url, organization_id=organization, api_key=value, transport=self.transport)
        self.bridge = replace(self.bridge, remote=lambda _name: made)

    def policy(self, **fields: object) -> None:
        self.bridge = replace(self.bridge, policies={"main": replace(self.bridge.policies["main"], **fields)})
