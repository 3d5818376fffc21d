"""Random worlds: one small organization, its identity providers, its operators, and everything that happens to them.

What may happen is in `deeds`; `Story` makes it happen. Whether a rule was broken is `judging`'s question.
"""

from __future__ import annotations

import contextlib
import shutil
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import httpx

from bridge import decisions, intake, undoing
from bridge.core.case import CaseState
from bridge.core.events import EventKind, IdentityEvent, Reason, Subject
from bridge.core.policy import Mode
from bridge.core.record import Record
from bridge.ports import Conflict, Declined
from bridge.sandbox.world import InviteRefused
from bridge.store import db as store
from bridge.store import records
from tests import faults
from tests.conftest import KEY, HandClock, quick, run_for, wire
from tests.faults import FaultTransport
from tests.flow.deeds import BYSTANDER, PEOPLE, SERVICE, TWIN
from tests.flow.judging import Judge, RuleBroken
from tests.flow.small_world import CONNECTIONS, PLAYED, POSTHOG, SHORT, SteppedClock, small_world
from tests.flow.stopping import Points, Stopped, stopping
from tests.players import Idp, all_cases, work

OPEN = tuple(s for s in CaseState if s.is_open)


@dataclass
class Speaker:
    """One record of one connection, as the story knows it."""

    id: str
    external_id: str
    is_alive: bool = True


class Story:
    """One random world, and what happens in it."""

    def __init__(self, folder: Path, template: Path, setting: dict) -> None:
        policy = {**setting}
        levels = policy.pop("levels")
        shutil.copy(template, folder / "bridge.db")
        self.db = quick(store.open_database(f"sqlite:///{folder}/bridge.db", folder, b"k" * 32))
        self.true = HandClock()
        self.clock = SteppedClock(self.true)
        self.world = small_world(self.true, levels)
        self.world.add_member(BYSTANDER, 8)
        self.world.add_member(TWIN, 1)
        PLAYED.world = self.world
        self.transport = FaultTransport(httpx.WSGITransport(app=POSTHOG))
        limits = {"floor": policy["max_removals"]}
        wired = wire(self.db, self.clock, self.world, self.transport, **SHORT, **limits, **policy)
        self.bridge = replace(wired, connections={c.name: c for c in CONNECTIONS})
        self.judge = Judge(self.bridge, self.world, SERVICE)
        self.points = Points()
        self.steady = self.judge.watching(self.bridge)
        self.fragile = stopping(self.steady, self.points)
        self.records: dict[tuple[str, int], Speaker] = {}
        self.services: dict[str, str] = {}
        self.names: dict[str, str] = {address: address for address in PEOPLE}

    def do(self, what: tuple, *, is_nested: bool = False) -> None:
        """Let one thing happen. A nested one happens inside a call, where the bridge cannot die a second time."""
        name, *details = (what,) if isinstance(what, str) else what
        self.acting = self.steady if is_nested else self.fragile
        self.clock.advance(seconds=0.002)  # no two things happen at the very same moment
        try:
            getattr(self, "do_" + name.replace(" ", "_").replace("'", ""))(*details)
        except Stopped:
            self.points.stop_at = 0
            self.clock.advance(seconds=9)
        except RuleBroken as broken:
            raise AssertionError(str(broken)) from broken

    # -- what identity providers say ---------------------------------------------------------------------------------

    def do_deactivate(self, name: str, who: int) -> None:
        self.change(name, who, is_active=False)

    def do_activate(self, name: str, who: int) -> None:
        self.change(name, who, is_active=True)

    def do_delete(self, name: str, who: int) -> None:
        self.change(name, who, is_alive=False)

    def do_create_again(self, name: str, who: int, is_same: bool) -> None:
        """After a deletion: the same person under the same id, or somebody new who was given the address."""
        known = self.records.get((name, who))
        if known is not None and not known.is_alive:
            self.create(name, who, known.external_id if is_same else "")

    def do_rename(self, name: str, who: int, in_posthog_too: bool) -> None:
        self.call(name, who, f"renamed.{PEOPLE[who]}", in_posthog_too=in_posthog_too)

    def do_takes_the_address_of(self, name: str, who: int, other: int, in_posthog_too: bool) -> None:
        """A marriage, a typing error put right, or an address that is given to somebody else."""
        self.call(name, who, PEOPLE[other], in_posthog_too=in_posthog_too)

    def call(self, name: str, who: int, new: str, *, in_posthog_too: bool) -> None:
        record = self.record(name, who)
        try:
            Idp(self.acting, name).change(record.id, user_name=new, body=work(new))
        except Conflict:
            return
        finally:  # also after a crash: it may have been said, or not
            with self.db.read() as tx:
                self.judge.calls(name, who, records.find(tx, name, "User", record.id).user_name)
        if in_posthog_too:
            self.change_address(who, new)

    def do_the_keys_owner_leaves(self, name: str) -> None:
        if name not in self.services:
            self.services[name] = Idp(self.bridge, name).create(SERVICE, external_id="id-service")
        Idp(self.acting, name).deactivate(self.services[name])

    def do_says_late(self, word: str, who: int, seconds: int) -> None:
        """A hook of the provider's, which may come late and in any order."""
        kind = {"deactivate": EventKind.DEACTIVATE, "activate": EventKind.ACTIVATE, "suspend": EventKind.SUSPEND}[word]
        self.judge.heard_late(who, PEOPLE[who], is_out=word != "activate")
        now = self.acting.clock.now()
        event = IdentityEvent(
            event_id=f"{word}-{who}-{now.timestamp()}",
            source="hook",
            kind=kind,
            subject=Subject(user_name=PEOPLE[who], external_id=f"id-{who}"),
            occurred_at=now - timedelta(seconds=seconds),
            received_at=now,
        )
        intake.accept(self.acting, self.acting.connections["hook"], [event])

    def do_group(self, name: str, wanted: set[int]) -> None:
        now = self.acting.clock.now()
        members = tuple(sorted(self.record(name, who).id for who in wanted))
        known = None
        with self.db.read() as tx:
            known = records.find(tx, name, "Group", f"{name}-group")
        empty = Record(
            id=f"{name}-group",
            connection=name,
            resource_type="Group",
            user_name="Analysts",
            created_at=now,
            modified_at=now,
        )
        intake.change(
            self.acting,
            self.acting.connections[name],
            "Group",
            known.id if known else None,
            lambda stored: replace(stored or empty, member_ids=members),
        )

    def record(self, name: str, who: int) -> Speaker:
        known = self.records.get((name, who))
        return known if known is not None and known.is_alive else self.create(name, who, "")

    def create(self, name: str, who: int, external_id: str) -> Speaker:
        is_known = (name, who) in self.records
        external_id = external_id or (f"id-{who}-{self.true.time.timestamp()}" if is_known else f"id-{who}")
        speaker, address = Idp(self.bridge, name), PEOPLE[who]
        try:
            made = Speaker(speaker.create(address, external_id=external_id), external_id)
        except Conflict:  # somebody else has the address there
            address = f"also.{who}.{len(self.records)}.{self.true.time.timestamp()}@example.com"
            made = Speaker(speaker.create(address, external_id=external_id), external_id)
        self.records[name, who] = made
        self.judge.calls(name, who, address)
        self.judge.heard(name, who, is_out=False)
        return made

    def change(self, name: str, who: int, *, is_active: bool = False, is_alive: bool = True) -> None:
        record, speaker = self.record(name, who), Idp(self.acting, name)
        self.judge.heard(name, who, is_out=not is_active)
        record.is_alive = is_alive
        try:
            speaker.change(record.id, is_active=is_active) if is_alive else speaker.delete(record.id)
        except Stopped:  # it may have been said, or not
            with self.db.read() as tx:
                found = records.find(tx, name, "User", record.id)
            record.is_alive = found is not None
            self.judge.heard(name, who, is_out=found is None or not found.is_active)
            raise

    # -- what people do in PostHog -----------------------------------------------------------------------------------

    def do_login(self, who: int) -> None:
        self.world.login(self.names[PEOPLE[who]])

    def do_invite(self, who: int, level: int, by: str) -> None:
        if self.world.membership(self.names[PEOPLE[who]]) is None:
            self.world.add_invite(self.names[PEOPLE[who]], level, by=by)

    def do_accept_invites(self, who: int) -> None:
        for invite in self.world.invites_for(self.names[PEOPLE[who]]):
            with contextlib.suppress(InviteRefused):
                self.world.accept_invite(invite.id)

    def do_set_level(self, who: int, level: int) -> None:
        self.judge.hands_moved_owners()
        if self.world.membership(self.names[PEOPLE[who]]) is not None:
            self.world.set_level(self.names[PEOPLE[who]], level, by=BYSTANDER)

    def do_remove_by_hand(self, who: int) -> None:
        self.judge.hands_moved_owners()
        self.world.remove_member(self.names[PEOPLE[who]], by=BYSTANDER)

    def do_change_address(self, who: int, is_private: bool) -> None:
        self.change_address(who, f"private.{who}@example.net" if is_private else PEOPLE[who])

    def change_address(self, who: int, new: str) -> None:
        old = self.names[PEOPLE[who]]
        if old != new and self.world.account(old) is not None and self.world.account(new) is None:
            self.names[PEOPLE[who]] = new
            self.judge.account_renamed(self.world.change_email(old, new).uuid, new)

    def do_account_off(self, who: int) -> None:
        if self.world.account(self.names[PEOPLE[who]]) is not None:
            self.judge.hands_moved_owners()
            self.world.deactivate(self.names[PEOPLE[who]])

    def do_account_on(self, who: int) -> None:
        if self.world.account(self.names[PEOPLE[who]]) is not None:
            self.world.activate(self.names[PEOPLE[who]])

    def do_service_level(self, level: int) -> None:
        self.world.set_level(SERVICE, level, by=BYSTANDER)

    def do_jit(self, is_on: bool) -> None:
        self.world.change_domain("example.com", jit_provisioning_enabled=is_on)

    # -- what operators decide ---------------------------------------------------------------------------------------

    def do_operator_removes(self, who: int, how: str) -> None:
        self.judge.operator_named(PEOPLE[who])
        decisions.remove(
            self.acting,
            Subject(user_name=PEOPLE[who]),
            "main",
            by="ada",
            reason=Reason.OTHER,
            is_emergency=how in {"emergency", "sure"},
            is_confirmed=how == "sure",
            effective_at=self.acting.clock.now() + timedelta(minutes=20) if how == "dated" else None,
        )

    def do_operator_releases(self, which: int) -> None:
        case = self.one_of(which, CaseState.HELD)
        if case is not None:
            with contextlib.suppress(Declined):
                decisions.release(self.acting, case.id, case.plan.digest, by="ada", reason="looked at it")

    def do_operator_cancels(self, which: int) -> None:
        case = self.one_of(which, *OPEN)
        if case is not None:
            decisions.cancel(self.acting, case.id, by="ada", reason="no")

    def do_operator_retries(self, which: int) -> None:
        case = self.one_of(which, *OPEN)
        if case is not None:
            with contextlib.suppress(Declined):  # one that has a date
                decisions.retry(self.acting, case.id, by="ada")

    def do_operator_undoes(self, which: int, as_before: bool, sends: bool) -> None:
        removed = [c for c in all_cases(self.bridge) if c.removed_at is not None]
        if not removed:
            return
        case = removed[which % len(removed)]
        with contextlib.suppress(Declined):
            found = undoing.prepare(self.acting, [case.id], by="ada", reason="a mistake", as_before=as_before)
            self.judge.undone(found[0].email, as_before=as_before)
            if sends:
                undoing.send(self.acting, [found[0].id], by="ada")

    def do_operator_links(self, who: int, account: str, is_theirs: bool) -> None:
        found = self.world.account(account or self.names[PEOPLE[who]])
        if found is None:
            return
        with contextlib.suppress(Declined):
            self.judge.operator_linked(found.uuid, who, is_theirs=is_theirs)
            decisions.link(self.acting, PEOPLE[who], found.uuid, "main", by="ada", is_theirs=is_theirs)

    def one_of(self, which: int, *states: CaseState):
        found = [c for c in all_cases(self.bridge) if c.state in states]
        return found[which % len(found)] if found else None

    # -- time, and what goes wrong -----------------------------------------------------------------------------------

    def do_time(self, seconds: int) -> None:
        run_for(self.acting, self.clock, seconds=seconds)

    def do_comes_back_after_the_watch(self, name: str, who: int) -> None:
        self.do_deactivate(name, who)
        self.do_time(400)
        self.do_login(who)

    def do_nobody_works(self, seconds: int) -> None:
        self.clock.advance(seconds=seconds)

    def do_clock_steps(self, seconds: int) -> None:
        self.clock.skew += timedelta(seconds=seconds)

    def do_crash(self, at: int) -> None:
        self.points.stop_at = self.points.passed + at

    def do_meanwhile(self, method: str, nth: int, is_before: bool, what: tuple) -> None:
        fault = faults.meanwhile(lambda: self.do_inside(what), is_before=is_before)
        self.transport.inject(faults.When(method=method, nth=nth), fault)

    def do_in_the_middle_of_a_write(self, what: tuple) -> None:
        self.world.interrupt(lambda: self.do_inside(what))

    def do_inside(self, what: tuple) -> None:
        try:
            self.do(what, is_nested=True)
        except Exception as mistake:
            raise RuleBroken(f"{what}: {mistake}") from mistake

    def do_fault(self, name: str, method: str, nth: int, times: int) -> None:
        fault = {
            "500": faults.answer(500, {"type": "server_error"}),
            "page": faults.html(502),
            "429": faults.throttled(retry_after_seconds=3),
            "reset after": faults.reset_after(),
            "reset before": faults.reset_before(),
            "slow": faults.slow(has_effect=True),
            "404": faults.refusal(404, "Not found.", "not_found", "invalid_request"),
            "key refused": faults.refusal(401, "Personal API key found is invalid.", "authentication_failed"),
        }[name]
        if name == "404":
            method = "DELETE"  # any other would be a wrong organization
        self.transport.inject(faults.When(method=method, nth=nth, times=times), fault)

    def do_throttle(self, left: int) -> None:
        """Another script of theirs uses the key's budget: so many calls are left in this minute."""
        self.world.is_throttling = True
        key = self.world.key_with(KEY)
        for _ in range(480 - left):
            self.world.throttle.wait_seconds(key.id, self.true.now())

    def do_the_bridge_may_act(self) -> None:
        policy = replace(self.bridge.policies["main"], mode=Mode.ENFORCE)
        self.bridge.policies["main"] = policy

    def end(self) -> None:
        """The last disturbance is over: time goes by, and then everything is judged."""
        self.transport.clear()
        self.world.interrupted()
        self.points.stop_at = 0
        self.world.is_throttling = False
        self.clock.advance(seconds=9)
        self.wait(minutes=65)
        if any(c.state in {CaseState.PENDING, CaseState.WATCHING} for c in all_cases(self.bridge)):
            self.wait(hours=3)  # a long back-off
        self.judge.check_end(lambda: self.wait(minutes=31))
        self.db.close()

    def wait(self, **amount: float) -> None:
        """Time goes by, and nobody does anything."""
        try:
            run_for(self.steady, self.clock, **amount)
        except RuleBroken as broken:
            raise AssertionError(str(broken)) from broken
