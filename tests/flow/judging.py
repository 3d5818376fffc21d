"""The rules that hold in every world, at every moment, told from the outside.

The judge keeps its own account of who said what about whom, and sees each write before it is sent. What the bridge
thinks is only asked where the rule is about it: which case a step belongs to, and who approved that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

from bridge.core.case import Case, CaseState
from bridge.core.organization import Level
from bridge.core.plan import HoldCode, RemoveMember, SetLevel, Step
from bridge.core.policy import Mode, OnReactivate
from bridge.core.returns import ReturnState
from bridge.ports import Bridge
from bridge.sandbox import World
from bridge.sandbox.records import ADMIN, OWNER
from bridge.store import audit, cases, claims, people, returns, standings, targets, todos, views
from bridge.store import tables as t
from tests.players import all_cases


class RuleBroken(BaseException):
    """No `except Exception` sees it: a pass that failed on a case goes on with the others."""


class WatchedTarget:
    """The target, with the judge beside it."""

    def __init__(self, target, judge: Judge) -> None:
        self._target, self._judge = target, judge

    def observe(self, key_uuid, now):
        self._judge.has_hand_moved_owners = False
        return self._target.observe(key_uuid, now)

    def apply(self, step):
        with judging():
            done = self._judge.will_do(step)
        try:
            return self._target.apply(step)
        finally:
            with judging():
                done()

    def invite(self, email, level, **details):
        with judging():
            self._judge.will_invite(email, level)
        return self._target.invite(email, level, **details)

    def __getattr__(self, name: str):
        return getattr(self._target, name)


@contextmanager
def judging() -> Iterator[None]:
    """A broken rule goes all the way up, whoever catches what on it."""
    try:
        yield
    except Exception as broken:
        raise RuleBroken(str(broken)) from broken


class Judge:
    """Keeps what was said and done, and raises an `AssertionError` when a rule is broken."""

    def __init__(self, bridge: Bridge, world: World, service: str) -> None:
        self.bridge, self.world = bridge, world
        self.key_uuid = world.account(service).uuid
        self.addresses = {account.uuid: {account.email} for account, _ in world.members()}
        self.called: dict[int, set[str]] = {}
        self.current: dict[tuple[str, int], str] = {}
        self.out: dict[tuple[str, int], bool] = {}
        self.heard_by_hook: set[int] = set()
        self.out_by_hook: set[int] = set()
        """Of whom the hook ever said that they leave."""
        self.named: set[str] = set()
        """Addresses of everyone of whom a source or an operator ever said that they leave."""
        self.linked: set[str] = set()
        self.dismissed: set[int] = set()
        self.given_back: set[str] = set()
        self.approved: set[str] = set()
        self.stepped_down: set[tuple[int, str]] = set()
        self.has_hand_moved_owners = False

    def watching(self, bridge: Bridge) -> Bridge:
        """The same bridge, seen by the judge."""
        remote = WatchedTarget(bridge.remote("main"), self)
        return replace(bridge, remote=lambda _name: remote)

    # -- what was said -----------------------------------------------------------------------------------------------

    def calls(self, name: str, who: int, address: str) -> None:
        self.current[name, who] = address
        self.called.setdefault(who, set()).add(address)
        if who in self.out_by_hook or any(is_out for (_, about), is_out in self.out.items() if about == who):
            self.named |= self.called[who]

    def heard(self, name: str, who: int, *, is_out: bool) -> None:
        self.out[name, who] = is_out
        if is_out:
            self.named |= self.called[who]

    def heard_late(self, who: int, address: str, *, is_out: bool) -> None:
        self.heard_by_hook.add(who)
        if is_out:
            self.out_by_hook.add(who)
            self.named |= {address, *self.called.get(who, ())}

    def operator_named(self, address: str) -> None:
        """An address names whoever has it now, as identity providers say, else whoever had it; by the names of then."""
        has_it = {who for (_, who), now in self.current.items() if now == address}
        meant = has_it or {who for who, ever in self.called.items() if address in ever}
        self.named |= {address}.union(*(self.called[who] for who in meant))

    def operator_linked(self, uuid: str, who: int, *, is_theirs: bool) -> None:
        if is_theirs:
            self.linked.add(uuid)
        else:
            self.dismissed.add(who)

    def undone(self, email: str, *, as_before: bool) -> None:
        self.given_back.add(email)
        if as_before:
            self.approved.add(email)

    def account_renamed(self, uuid: str, address: str) -> None:
        self.addresses.setdefault(uuid, set()).add(address)

    def hands_moved_owners(self) -> None:
        self.has_hand_moved_owners = True

    # -- before each write -------------------------------------------------------------------------------------------

    def will_do(self, step: Step) -> Callable[[], None]:
        """Judges the step; what is returned is called when it was answered, or was not."""
        assert self.policy.mode is Mode.ENFORCE, "a write while the bridge only observes"
        case = self.case_of(step)
        assert case.state.is_open, "a step of a case that is over"
        assert not case.plan.blocking, "a step that a hold stands against"
        assert not case.is_backlog or case.released is not None or case.is_operators, "the backlog was fired"
        owners = self.human_owners()
        if isinstance(step, RemoveMember | SetLevel):
            assert step.user_uuid != self.key_uuid, "the key's own account was touched"
        if isinstance(step, RemoveMember):
            self.judge_removal(case, step)
        if isinstance(step, SetLevel) and step.level is Level.OWNER:
            self.judge_promotion(step)
        elif isinstance(step, SetLevel):
            self.stepped_down.add((case.id, step.user_uuid))

        def done() -> None:
            if owners and not self.human_owners():
                assert self.is_chosen(case) or self.has_hand_moved_owners, "the last human owner was taken away"

        return done

    def judge_removal(self, case: Case, step: RemoveMember) -> None:
        account = self.world.accounts[step.user_uuid]
        known = self.addresses.get(account.uuid, set()) | {account.email}
        is_approved = case.released is not None and step.canonical in case.released.steps
        is_named = known & self.named or account.uuid in self.linked
        assert is_named or is_approved, "somebody whom nobody named was removed, and nobody was shown"
        with self.bridge.db.read() as tx:
            said = standings.of_person(tx, case.person_id, self.bridge.connections_of("main"))
        active = [s.connection for s in said if not s.is_out]
        codes = case.released.codes if case.released is not None else frozenset()
        by_source = any(s.is_out for s in said) and (not active or HoldCode.ACTIVE_ELSEWHERE in codes)
        assert case.is_operators or by_source, "an active person was removed"
        is_decided = case.is_operators or case.released is not None or account.uuid in self.linked
        assert is_decided or not self.active_holders(account.email), "whose address this is now was not said to leave"
        if self.policy.protected & known:
            assert HoldCode.PROTECTED in codes or (case.is_emergency and case.is_confirmed), "a protected person"
        if (case.id, step.user_uuid) in self.stepped_down and not self.human_owners():
            assert self.is_chosen(case) or self.has_hand_moved_owners, "the last human owner was removed"

    def active_holders(self, address: str) -> set[int]:
        """Who has the address now and is active, as identity providers say."""
        return {who for at, who in self.current if self.current[at, who] == address and not self.out[at, who]}

    def judge_promotion(self, step: SetLevel) -> None:
        member = self.world.membership_of(step.user_uuid, self.world.home.id)
        is_listed = self.world.accounts[step.user_uuid].email in self.policy.successors
        is_admin = member is not None and member.level >= ADMIN
        by_policy = self.policy.longest_standing_admin and (is_admin or self.has_hand_moved_owners)
        assert is_listed or by_policy, "somebody was promoted whom nobody chose"
        with self.bridge.db.read() as tx:
            leaving = people.leavers(tx, "main", tuple(self.bridge.connections), cases.people_leaving("main"))
        assert not any(step.user_uuid in leaver.accounts for leaver in leaving.values()), "a leaver was promoted"

    def will_invite(self, email: str, level: Level) -> None:
        assert self.policy.mode is Mode.ENFORCE, "an invite while the bridge only observes"
        by_policy = self.policy.on_reactivate is OnReactivate.INVITE and level is Level.MEMBER
        assert email in self.given_back or by_policy, "an invite that nobody asked for"
        assert level is Level.MEMBER or email in self.approved, "a level above member without approval"

    @property
    def policy(self):
        return self.bridge.policies["main"]

    def case_of(self, step: Step) -> Case:
        with self.bridge.db.read() as tx:
            sent = t.steps.c.result == "sent", t.steps.c.canonical == step.canonical
            row = tx.execute(t.steps.select().where(*sent).order_by(t.steps.c.id.desc())).first()
            assert row is not None, "a step of no case"
            return cases.find(tx, row.case_id)

    def is_chosen(self, case: Case) -> bool:
        """Whether somebody decided that the service account stands in: with a reason, or by a policy that says when."""
        after = self.policy.last_owner_after
        by_policy = after is not None and self.bridge.clock.now() - case.opened_at >= after
        return by_policy or (case.released is not None and HoldCode.LAST_OWNER in case.released.codes)

    def human_owners(self) -> list[str]:
        owners = [a for a, m in self.world.members() if m.level == OWNER and a.is_active]
        return [a.email for a in owners if a.uuid != self.key_uuid]

    # -- at the end --------------------------------------------------------------------------------------------------

    def check_end(self, wait: Callable[[], None]) -> None:
        """After the last disturbance: converged, held or told; and then it stays so."""
        for case in all_cases(self.bridge):
            assert case.state in {CaseState.CLOSED, CaseState.CANCELLED, CaseState.HELD}, case
        with self.bridge.db.read() as tx:
            assert audit.verify(tx, self.bridge.db.audit_key)[1] == ""
            failures = [k for k in audit.read(tx) if k.entry.kind in {"step.failed", "target.paused"}]
        told = " ".join(str({**k.entry.facts, **k.entry.personal}) for k in failures)
        assert "internal error" not in told, told
        assert "The pass failed" not in told, told
        self.check_leavers()
        self.check_owners()
        self.check_returns()
        before = self.writes()
        wait()
        assert self.writes() == before, "something goes on and on"

    def writes(self) -> int:
        return sum(call.method != "GET" for call in self.world.calls)

    def members(self) -> dict[str, str]:
        """Who is a member now, and can be seen: uuid → address."""
        return {a.uuid: a.email for a, _ in self.world.members() if a.is_active and a.uuid != self.key_uuid}

    def check_leavers(self) -> None:
        """Whoever is out in every source's words is no member, or a case is open, or an operator let them be."""
        members, connections = self.members(), tuple(self.bridge.connections)
        with self.bridge.db.read() as tx:
            out = people.leavers(tx, "main", connections, standings.still_out(connections))
            for person, leaver in out.items():
                theirs = leaver.accounts - leaver.dismissed
                inside = {u for u, a in members.items() if u in theirs or (a in leaver.addresses - leaver.dismissed)}
                inside -= leaver.dismissed
                inside -= claims.of_others(tx, "main", connections, person, (), {u: members[u] for u in inside}).keys()
                assert not inside or self.is_seen_to(tx, person), (leaver, inside)
            for who, addresses in self.called.items():
                words = {is_out for (_, about), is_out in self.out.items() if about == who}
                if words == {True} and who not in self.heard_by_hook | self.dismissed:
                    mine = {a for a in addresses if not self.active_holders(a)}
                    inside = {u for u, a in members.items() if a in mine}
                    known = {p for a in addresses for p in people.named(tx, a)}
                    is_seen_to = any(self.is_seen_to(tx, p) for p in known) or self.are_let_be(tx, known, inside)
                    assert not inside or is_seen_to, (addresses, words)

    def is_seen_to(self, tx, person: int) -> bool:
        is_open = any(c.is_whole for c in cases.open_of_person(tx, person, "main"))
        return is_open or cases.was_let_be(tx, person, "main")

    def are_let_be(self, tx, known: set[int], inside: set[str]) -> bool:
        """Whether it was asked if these accounts are the leaver's, and the case was released without them."""
        found = [cases.last_of_person(tx, person, "main") for person in known]
        released = [c.released for c in found if c is not None and c.released is not None]
        removed = {canonical.partition(" ")[2] for r in released for canonical in r.steps}
        return any(HoldCode.AMBIGUOUS in r.codes for r in released) and not inside & removed

    def check_owners(self) -> None:
        """Without a human owner, everybody is told until one is named; a bridge that nobody asked anything never looked."""
        with self.bridge.db.read() as tx:
            has_looked = targets.state(tx, "main").looked_at is not None
        if has_looked and not self.human_owners():
            status = self.status()
            told = [trouble.what for trouble in status.troubles] + [todo.text for todo in status.todos]
            assert any("No human is an owner" in text for text in told), told

    def check_returns(self) -> None:
        with self.bridge.db.read() as tx:
            found = [r for case in all_cases(self.bridge) for r in returns.of_case(tx, case.id)]
            asked = {todo.kind for todo in todos.todos(tx)}
        now = self.bridge.clock.now()
        for one in found:
            assert one.state is not ReturnState.READY or self.policy.mode is Mode.OBSERVE, one
            assert one.due_at is None or one.due_at > now - timedelta(minutes=1), one
            if one.state in {ReturnState.FAILED, ReturnState.EXPIRED}:
                assert f"return:{one.id}" in asked, one

    def status(self) -> views.Status:
        with self.bridge.db.read() as tx:
            return views.status(
                tx,
                connections=self.bridge.connections,
                names=self.bridge.targets,
                queue=self.bridge.bell.look(),
                now=self.bridge.clock.now(),
                policies=self.bridge.policies,
            )
