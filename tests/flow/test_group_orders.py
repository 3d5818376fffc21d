"""Groups in any order: never a case without a leaving, never a lost leaving.

The oracle keeps its own account of who is in which group, and of what each group's names have meant.
BRIDGE_EXAMPLES sets how many orders (400 in CI).
"""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge import decisions, intake
from bridge.core.case import CaseState
from bridge.core.events import EventKind
from bridge.core.record import Record
from bridge.ports import Conflict, GroupGrant
from bridge.store import audit, inbox, people
from bridge.store import db as store
from bridge.store import tables as t
from tests.conftest import HandClock, connect, quick, run_for, wire
from tests.flow.deeds import PEOPLE
from tests.flow.small_world import small_world
from tests.players import Idp, all_cases

EXAMPLES = int(os.environ.get("BRIDGE_EXAMPLES", "400" if os.environ.get("CI") else "80"))
ONE, TWO = "project:1", "role:01900000-0000-7000-8000-000000000002"
MEANS = {"analysts": ONE, "readers": ONE, "admins": TWO}
GRANTS = tuple(GroupGrant(name=name.title(), target="main", scope=scope) for name, scope in MEANS.items())
NAMES = ("Analysts", "READERS", "Admins", "Lunch", "Other")
LEFT = {EventKind.LEFT_GROUP, EventKind.GROUP_GONE}

idp = st.sampled_from(("okta", "entra"))
who = st.sampled_from((0, 0, 0, 1, 2))  # few people and few groups, so that their ways cross
slot = st.sampled_from((0, 0, 1, 2))
those = st.sets(st.sampled_from((0, 0, 1, 2, 3)))
deed = st.one_of(
    st.tuples(st.just("set"), idp, slot, those),
    st.tuples(st.just("set"), idp, slot, those),
    st.tuples(st.just("rename"), idp, slot, st.sampled_from(NAMES)),
    st.tuples(st.just("rename and set"), idp, slot, st.sampled_from(NAMES), those),
    st.tuples(st.just("delete group"), idp, slot),
    st.tuples(st.just("deactivate"), idp, who),
    st.tuples(st.just("activate"), idp, who),
    st.tuples(st.just("delete person"), idp, who),
    st.tuples(st.just("operator cancels"), st.integers(0, 5)),
    st.tuples(st.just("time"), st.sampled_from((5, 30, 200))),
)


@dataclass
class Group:
    """The oracle's own account of one living group."""

    id: str
    name: str
    members: set[str] = field(default_factory=set)
    meant: set[str] = field(default_factory=set)


@dataclass
class Person:
    """The oracle's account of one living record."""

    who: int
    is_active: bool = True


class Orders:
    """One random order, judged after each deed."""

    def __init__(self, folder: Path, template: Path) -> None:
        shutil.copy(template, folder / "bridge.db")
        self.db = quick(store.open_database(f"sqlite:///{folder}/bridge.db", folder, b"k" * 32))
        self.clock = HandClock()
        self.world = small_world(self.clock)
        wired = wire(self.db, self.clock, self.world, connect(self.world), max_removals=100, floor=100)
        mapped = {n: replace(c, groups=GRANTS) for n, c in wired.connections.items()}
        self.bridge = replace(wired, connections=mapped)
        self.groups: dict[tuple[str, int], Group] = {}
        self.records: dict[str, Person] = {}
        self.current: dict[tuple[str, int], str] = {}
        self.left: dict[tuple[int, str], EventKind] = {}
        self.leavings: list[tuple[int, str, EventKind]] = []
        self.made = 0

    def do(self, what: tuple) -> None:
        getattr(self, "do_" + what[0].replace(" ", "_"))(*what[1:])
        self.judge()

    def record(self, name: str, person: int) -> str:
        if (name, person) not in self.current:
            made = Idp(self.bridge, name).create(PEOPLE[person], external_id=f"id-of-{person}")
            self.current[name, person] = made
            self.records[made] = Person(person)
        return self.current[name, person]

    def group(self, name: str, number: int) -> Group | None:
        if (name, number) not in self.groups:
            self.made += 1
            wanted = NAMES[number]
            if not self.write(name, None, user_name=wanted, id=f"{name}-g{self.made}"):
                return None
            self.groups[name, number] = Group(id=f"{name}-g{self.made}", name=wanted, meant=meaning(wanted))
        return self.groups[name, number]

    def write(self, name: str, group_id: str | None, **fields) -> bool:
        now = self.clock.now()
        empty = Record(id="", connection=name, resource_type="Group", user_name="", created_at=now, modified_at=now)
        try:
            intake.change(
                self.bridge,
                self.bridge.connections[name],
                "Group",
                group_id,
                lambda stored: replace(stored or empty, **fields),
            )
        except Conflict:
            return False
        return True

    def holds(self, person: int, scope: str) -> bool:
        return any(
            scope in group.meant
            and any(self.records[m].who == person and self.records[m].is_active for m in group.members)
            for group in self.groups.values()
        )

    def changed(self, group: Group, before: set[str], after: set[str], had: set[str], kind: EventKind) -> None:
        """The oracle's rule, said again from the outside: who lost the last of it has left."""
        group.members = after
        for scope in group.meant:
            was = {self.records[m].who for m in before} if scope in had else set()
            now = {self.records[m].who for m in after}
            for person in was - now:
                if not self.holds(person, scope):
                    self.left[person, scope] = kind
                    self.leavings.append((person, scope, kind))
            for person in now - was:
                if self.holds(person, scope):
                    self.left.pop((person, scope), None)

    def do_set(self, name: str, number: int, wanted: set[int]) -> None:
        group = self.group(name, number)
        if group is not None:
            self.put(name, group, group.name, wanted)

    def do_rename_and_set(self, name: str, number: int, new_name: str, wanted: set[int]) -> None:
        group = self.group(name, number)
        if group is not None:
            self.put(name, group, new_name, wanted)

    def put(self, name: str, group: Group, new_name: str, wanted: set[int]) -> None:
        members = {self.record(name, person) for person in wanted if person < 3}
        strange = ("nested-group",) if 3 in wanted else ()
        if self.write(name, group.id, user_name=new_name, member_ids=(*sorted(members), *strange)):
            had = set(group.meant)
            group.name = new_name
            group.meant |= meaning(new_name)
            self.changed(group, group.members, members, had, EventKind.LEFT_GROUP)

    def do_rename(self, name: str, number: int, new_name: str) -> None:
        group = self.group(name, number)
        if group is not None and self.write(name, group.id, user_name=new_name):
            had = set(group.meant)
            group.name = new_name
            group.meant |= meaning(new_name)
            self.changed(group, group.members, group.members, had, EventKind.LEFT_GROUP)

    def do_delete_group(self, name: str, number: int) -> None:
        group = self.group(name, number)
        if group is None:
            return
        intake.change(self.bridge, self.bridge.connections[name], "Group", group.id, lambda _: None)
        del self.groups[name, number]
        self.changed(group, group.members, set(), set(group.meant), EventKind.GROUP_GONE)

    def do_deactivate(self, name: str, person: int) -> None:
        record = self.record(name, person)
        Idp(self.bridge, name).deactivate(record)
        self.records[record].is_active = False

    def do_activate(self, name: str, person: int) -> None:
        record = self.record(name, person)
        self.records[record].is_active = True
        Idp(self.bridge, name).activate(record)
        self.settle_what_is_held(person)

    def do_delete_person(self, name: str, person: int) -> None:
        record = self.record(name, person)
        Idp(self.bridge, name).delete(record)
        for group in self.groups.values():
            group.members.discard(record)
        del self.current[name, person]

    def settle_what_is_held(self, person: int) -> None:
        """Active again: what a group grants by now was not left."""
        for scope in (ONE, TWO):
            if self.holds(person, scope):
                self.left.pop((person, scope), None)

    def do_operator_cancels(self, which: int) -> None:
        waiting = [c for c in all_cases(self.bridge) if c.state.is_open]
        if not waiting:
            return
        case = waiting[which % len(waiting)]
        decisions.cancel(self.bridge, case.id, by="ada", reason="no")
        person = PEOPLE.index(case.subject.user_name)
        if case.is_whole:
            self.settle_what_is_held(person)
        else:
            self.left.pop((person, case.scope), None)

    def do_time(self, seconds: int) -> None:
        run_for(self.bridge, self.clock, seconds=seconds)

    def judge(self) -> None:
        found = all_cases(self.bridge)
        numbers = self.numbers()
        by_person = {number: person for person, number in numbers.items()}
        going = {by_person[c.person_id] for c in found if c.is_whole and c.state.is_open}
        below = {(by_person[c.person_id], c.scope): c.kind for c in found if not c.is_whole and c.state.is_open}
        assert below == {key: kind for key, kind in self.left.items() if key[0] not in going}
        for case in found:
            assert case.is_whole or case.state is not CaseState.CLOSED
        with self.db.read() as tx:
            kept = [(e.subject.user_name, e.scope, e.kind) for e in inbox.all_events(tx) if e.kind in LEFT]
            assert audit.verify(tx, self.db.audit_key)[1] == ""
        assert sorted(kept) == sorted((PEOPLE[p], scope, kind) for p, scope, kind in self.leavings)

    def numbers(self) -> dict[int, int]:
        with self.db.read() as tx:
            found = {person: people.named(tx, address) for person, address in enumerate(PEOPLE)}
        return {person: numbers[0] for person, numbers in found.items() if numbers}

    def end(self) -> None:
        """A day later nobody is out of the organization for having left a group."""
        run_for(self.bridge, self.clock, hours=1)
        for case in all_cases(self.bridge):
            if not case.is_whole:
                with self.db.read() as tx:
                    assert tx.execute(t.steps.select().where(t.steps.c.case_id == case.id)).all() == []
        self.db.close()


def meaning(name: str) -> set[str]:
    return {MEANS[name.lower()]} if name.lower() in MEANS else set()


@pytest.mark.parametrize("part", range(2))
@given(deeds=st.lists(deed, min_size=2, max_size=16))
@settings(
    max_examples=EXAMPLES // 2,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    print_blob=True,
)
def test_a_group_case_is_open_exactly_when_somebody_left_the_last_group(empty_store, part, deeds):
    with tempfile.TemporaryDirectory() as folder:
        orders = Orders(Path(folder), empty_store)
        for what in deeds:
            orders.do(what)
        orders.end()
