"""The scenes of `demo`: who leaves, in whose dialect, and where each case should stand in the end.

May import: `narrator`, `core`, the sandbox's players.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bridge.cli.narrator import Follower, Narrator, Surprise, request
from bridge.core.case import Case, CaseState
from bridge.core.wording import counted
from bridge.sandbox.players import Entra, Exchange, Okta, Person, Snapshot, Visitor
from bridge.store.views import CaseView

MEMBER, OWNER = 1, 15
"""PostHog's levels."""


def _in_okta(user_name: str, number: int) -> Person:
    given, _, family = user_name.partition("@")[0].partition(".")
    return Person(
        user_name=user_name,
        given_name=given.title(),
        family_name=family.title(),
        external_id=f"00uEXAMPLE{number:04}{given}",
    )


MAYA = _in_okta("maya.okafor@example.com", 1)
SAMUEL = _in_okta("samuel.adeyemi@example.com", 2)
GRACE = _in_okta("grace.lindqvist@example.com", 3)
NOOR = _in_okta("noor.haddad@example.com", 4)
TEAM = tuple(
    _in_okta(f"{name}@example.com", 10 + number)
    for number, name in enumerate(
        (
            "alice.moreau",
            "ben.oduya",
            "chiara.russo",
            "daniel.kim",
            "elif.yilmaz",
            "farid.rahimi",
            "hana.suzuki",
            "jonas.weber",
        )
    )
)
IVAN = Person(
    user_name="ivan.petrov@example.com",
    given_name="Ivan",
    family_name="Petrov",
    external_id="0f9c2e51-3a77-4d0b-b6de-5512aa90c001",
)
IN_OKTA = (MAYA, SAMUEL, GRACE, NOOR, *TEAM)
IN_ENTRA = (IVAN,)
SUCCESSOR = NOOR
"""Who the demonstration's policy lists as the next owner."""


@dataclass(frozen=True, kw_only=True)
class Ending:
    """Where one person's case should stand when the story is over."""

    case_id: int
    email: str
    state: CaseState
    is_member: bool

    @property
    def words(self) -> str:
        """The ending in words."""
        return standing_of(self.state, is_member=self.is_member)


def standing_of(state: CaseState, *, is_member: bool) -> str:
    """A case's state, and what PostHog says of the person."""
    return f"{state}, {'a member' if is_member else 'out'}"


@dataclass(kw_only=True)
class Stage:
    """Who plays, and what came of it so far."""

    tell: Narrator
    follow: Follower
    okta: Okta
    entra: Entra
    posthog: Visitor
    page: str
    """The status page's address."""
    now: Callable[[], datetime]
    ends_at: float
    """When the story must be over, on the monotonic clock."""
    final: CaseState
    """Where a removal should have arrived at the end: `WATCHING`, or `CLOSED` when the watch is a short one."""
    before: Snapshot
    """The organization as it was."""
    endings: list[Ending] = field(default_factory=list)
    promoted: set[str] = field(default_factory=set)

    def heard(self, who: str, exchanges: Iterable[Exchange], asked_at: datetime | None = None) -> None:
        """Tell what an identity provider sent and how it was answered."""
        for exchange in exchanges:
            self.tell.says(who, request(exchange), None if asked_at is None else timedelta(0))

    def expect(self, person: Person, *, state: CaseState, is_member: bool) -> int:
        """Note how the person's case should end; its number."""
        case_id = self.follow.case_of(person.user_name)
        self.endings.append(Ending(case_id=case_id, email=person.user_name, state=state, is_member=is_member))
        return case_id

    def until(self, case_id: int, is_there: Callable[[CaseView], bool], what: str, asked_at: datetime) -> None:
        """Tell the case until it is there."""
        self.follow.tell_until([case_id], is_there, what=what, by=self.ends_at, asked_at=asked_at)

    def links(self, *case_ids: int) -> None:
        """Where to look at these cases."""
        more = f"   … {case_ids[-1]}" if len(case_ids) > 1 else ""
        self.tell.link(f"{self.page}/cases/{case_ids[0]}{more}")

    def check_nobody_waits(self) -> None:
        """Raise `Surprise` when a case that should go by itself waits for a person."""
        stuck = self.follow.waiting_for_a_person(self.follow.view(e.case_id) for e in self.endings)
        if stuck:
            raise Surprise(stuck)

    def check_is_out(self, person: Person) -> None:
        """Have PostHog itself say that the person is no member. Raises: `Surprise`."""
        seen = self.posthog.look()
        if seen.level_of(person.user_name) is not None:
            raise Surprise(f"The bridge watches {person.user_name}, and PostHog still lists a member of that name.")
        self.tell.says("PostHog", f"{counted(len(seen.members), 'member')}; {person.name} is not among them.")


def connect(stage: Stage) -> None:
    """The identity providers are connected, and bring their people in."""
    stage.tell.title("Before it begins: Okta and Entra ID are connected")
    stage.heard("Okta", stage.okta.test_credentials())
    made = [stage.okta.assign(person) for person in IN_OKTA]
    stage.tell.says(
        "Okta", f"assigns {len(made)} people. Each is looked up by name, not found, and created, like this:"
    )
    stage.heard("Okta", made[0])
    stage.heard("Entra ID", stage.entra.test_connection())
    for person in IN_ENTRA:
        stage.tell.says("Entra ID", f"provisions {person.name} in the same way, in its own words:")
        stage.heard("Entra ID", stage.entra.provision(person)[1:])
    seen = stage.posthog.look()
    if seen != stage.before:
        raise Surprise("Connecting the identity providers has changed who is a member of the organization.")
    stage.tell.says("PostHog", f"still {len(seen.members)} members: a record in the bridge gives nobody access.")


def a_member_leaves(stage: Stage) -> None:
    """A plain member, with an old invite in another spelling."""
    stage.tell.title("1. A member leaves: Maya Okafor, in Okta")
    stage.tell.text("An old invite for her, in another spelling, is still listed in PostHog.", dim=True)
    asked_at = stage.now()
    stage.heard("Okta", stage.okta.deactivate(MAYA), asked_at)
    case_id = stage.expect(MAYA, state=stage.final, is_member=False)
    stage.until(case_id, _is_watched, "the settling, then the removal", asked_at)
    stage.check_is_out(MAYA)
    stage.links(case_id)


def somebody_comes_back(stage: Stage) -> None:
    """PostHog remembers no removal: just-in-time provisioning takes a leaver back at the next sign-in."""
    stage.tell.title("2. She comes back: a sign-in through SSO, and PostHog lets her in again")
    asked_at = stage.now()
    outcome = stage.posthog.sign_in(MAYA.user_name)
    if stage.posthog.look().level_of(MAYA.user_name) is None:
        raise Surprise(f"{MAYA.name} signed in and is no member ({outcome}): there is nobody to meet.")
    stage.tell.says("Maya", "signs in with Google on an old laptop", timedelta(0))
    stage.tell.says("PostHog", "makes her a member again: just-in-time provisioning is on, and knows no leavers.")
    case_id = stage.follow.case_of(MAYA.user_name)
    stage.until(case_id, lambda v: v.case.returns > 0 and _is_watched(v), "the next look of her watch", asked_at)
    stage.check_is_out(MAYA)
    stage.links(case_id)


def an_admin_leaves(stage: Stage) -> None:
    """Entra's dialect, and an open invite that would have made the leaver an owner."""
    stage.tell.title("3. An admin with an open invite leaves: Ivan Petrov, in Entra ID")
    stage.tell.text(
        "Entra says `Replace`, and the boolean is text. An invite at level owner lies open for him.", dim=True
    )
    asked_at = stage.now()
    stage.heard("Entra ID", stage.entra.disable(IVAN)[-1:], asked_at)
    case_id = stage.expect(IVAN, state=stage.final, is_member=False)
    stage.until(case_id, _is_watched, "the settling, then the removal", asked_at)
    stage.check_is_out(IVAN)
    if IVAN.user_name in stage.posthog.look().invites:
        raise Surprise("Ivan Petrov is out, and PostHog still lists an invite for him.")
    stage.links(case_id)


def one_of_two_owners_leaves(stage: Stage) -> None:
    """PostHog refuses to remove an owner: stepped down first. Okta sends PUT, as its own-built apps do."""
    stage.tell.title("4. One of two owners leaves: Samuel Adeyemi, in Okta (an app that sends PUT)")
    stage.tell.text(
        "PostHog refuses to remove owners, however many there are: he is stepped down first. After every change of an "
        "owner the bridge looks again before it goes on.",
        dim=True,
    )
    asked_at = stage.now()
    stage.heard("Okta", stage.okta.deactivate_by_put(SAMUEL), asked_at)
    case_id = stage.expect(SAMUEL, state=stage.final, is_member=False)
    stage.until(case_id, _is_watched, "the settling, then the removal", asked_at)
    stage.check_is_out(SAMUEL)
    stage.links(case_id)


def the_last_owner_leaves(stage: Stage) -> None:
    """A successor is promoted, and seen to be an owner, before the last one is touched."""
    stage.tell.title("5. The last owner leaves: Grace Lindqvist, in Okta")
    stage.tell.text(
        f"The policy lists {SUCCESSOR.name} as successor. Nobody else who is human would be an owner any more.",
        dim=True,
    )
    asked_at = stage.now()
    stage.heard("Okta", stage.okta.deactivate(GRACE), asked_at)
    case_id = stage.expect(GRACE, state=stage.final, is_member=False)
    stage.promoted.add(SUCCESSOR.user_name)
    stage.until(case_id, _is_watched, "the settling, then the removal", asked_at)
    stage.check_is_out(GRACE)
    if stage.posthog.look().level_of(SUCCESSOR.user_name) != OWNER:
        raise Surprise(f"{GRACE.name} is out, and {SUCCESSOR.name} is no owner.")
    stage.tell.says("PostHog", f"{SUCCESSOR.name} is an owner.")
    for todo in (t for t in stage.follow.view(case_id).todos if t.is_urgent):
        stage.tell.says("bridge", f"To do by a person: {todo.text}")
    stage.links(case_id)


def a_batch_by_mistake(stage: Stage) -> None:
    """Too many at once: held whole, and undone by the identity provider before anybody lost access."""
    stage.tell.title(f"6. A mistake: somebody takes {len(TEAM)} people off the app at once, in Okta")
    asked_at = stage.now()
    sent = [stage.okta.deactivate(person)[0] for person in TEAM]
    stage.tell.says("Okta", f"{len(sent)} times {request(sent[0])}", timedelta(0))
    case_ids = [stage.expect(p, state=CaseState.CANCELLED, is_member=True) for p in TEAM]
    stage.follow.tell_until(case_ids, _is_held, what="the settling", by=stage.ends_at, is_quiet=True)
    held = stage.follow.view(case_ids[-1])
    hold = held.case.plan.blocking[0]
    since = stage.now() - asked_at
    stage.tell.says("bridge", f"Held, all {len(TEAM)}: the limit on removals asks a person ({hold.code}).", since)
    stage.tell.says("bridge", hold.message)
    stage.tell.says("bridge", hold.remedy)
    _check_all_are_in(stage)
    stage.tell.says("Okta", "The mistake is seen. Each of them is assigned again, like this:", stage.now() - asked_at)
    undone = [stage.okta.reassign(person) for person in TEAM]
    stage.heard("Okta", undone[0])
    stage.follow.tell_until(case_ids, _is_over, what="the batch emptying itself", by=stage.ends_at, is_quiet=True)
    case = stage.follow.view(case_ids[-1]).case
    since = stage.now() - asked_at
    stage.tell.says("bridge", f"All {len(TEAM)} cases ended by themselves: {case.outcome}.", since)
    _check_all_are_in(stage)
    stage.links(*case_ids)


def _check_all_are_in(stage: Stage) -> None:
    seen = stage.posthog.look()
    lost = [p.user_name for p in TEAM if seen.level_of(p.user_name) is None]
    if lost:
        raise Surprise(f"Nobody of the batch should have lost access; {', '.join(lost)} did.")
    stage.tell.says("PostHog", f"all {len(TEAM)} of them are members.")


def the_watch(stage: Stage) -> None:
    """The looks of the watch, until every case is closed. Left out when the watch is a long one."""
    watched = [e for e in stage.endings if e.state is CaseState.CLOSED]
    if not watched:
        return
    ids = [e.case_id for e in watched]
    stage.tell.title("7. The watch: does anybody come back?")
    stage.tell.text(
        "Whoever is due together shares one look. A case is closed when nobody came back until the end of its watch, "
        "which begins anew at each return.",
        dim=True,
    )
    began, first = time.monotonic(), stage.now()
    while True:
        views = [stage.follow.view(case_id) for case_id in ids]
        stage.follow.tell_looks(ids, first)
        for view in views:
            stage.follow.tell(view, view.case.opened_at, prefix=f"{view.case.subject.label}: ")
        if all(v.case.state is CaseState.CLOSED for v in views):
            return
        stuck = stage.follow.waiting_for_a_person(views)
        if stuck or time.monotonic() > stage.ends_at:
            raise Surprise(stuck or "The watch is not over, and the time for this story is.")
        stage.follow.turn("watching", time.monotonic() - began)


SCENES: tuple[Callable[[Stage], None], ...] = (
    connect,
    a_member_leaves,
    somebody_comes_back,
    an_admin_leaves,
    one_of_two_owners_leaves,
    the_last_owner_leaves,
    a_batch_by_mistake,
    the_watch,
)
"""The story, in order."""


def tell_how_it_stands(stage: Stage) -> list[str]:
    """Say for each case what was expected and what is; what is wrong, one sentence each."""
    after = stage.posthog.look()
    found = {e.case_id: stage.follow.view(e.case_id).case for e in stage.endings}
    stage.tell.title("How it stands")
    rows = []
    for ending in stage.endings:
        is_now = standing_of(found[ending.case_id].state, is_member=after.level_of(ending.email) is not None)
        verdict = "as expected" if is_now == ending.words else f"expected {ending.words}"
        rows.append((str(ending.case_id), ending.email, is_now, verdict))
    stage.tell.table(("CASE", "WHO", "STANDS", ""), rows)
    problems = wrong(
        stage.endings,
        found,
        stage.before,
        after,
        promoted=stage.promoted,
        removals=stage.posthog.removals(),
    )
    count, broken = stage.follow.audited()
    if broken:
        problems.append(f"The audit log does not hold: {broken}.")
    stage.tell.text()
    owners = [m.email for m in after.members if m.level == OWNER]
    stage.tell.says("PostHog", f"{counted(len(after.members), 'member')}, owners: {', '.join(owners)}.")
    stage.tell.says(
        "bridge", f"{counted(count, 'audit entry', 'audit entries')}; the chain {'is BROKEN' if broken else 'holds'}."
    )
    return problems


def wrong(
    endings: Iterable[Ending],
    found: Mapping[int, Case],
    before: Snapshot,
    after: Snapshot,
    *,
    promoted: Iterable[str],
    removals: Iterable[str],
) -> list[str]:
    """What is not as it should be: in the cases, in the organization, and in what was asked of PostHog.

    One sentence each; an empty list when all is well.
    """
    endings, promoted = tuple(endings), frozenset(promoted)
    problems = []
    for ending in endings:
        case, is_member = found[ending.case_id], after.level_of(ending.email) is not None
        if (case.state, is_member) != (ending.state, ending.is_member):
            now = standing_of(case.state, is_member=is_member)
            problems.append(f"Case {ending.case_id}, {ending.email}: expected {ending.words}; it is {now}.")
    gone = {e.email for e in endings if not e.is_member}
    for seat in before.members:
        level = OWNER if seat.email in promoted else seat.level
        level_now = after.level_of(seat.email)
        if seat.email not in gone and level_now != level:
            is_now = "is no member any more" if level_now is None else f"has level {level_now}"
            problems.append(f"{seat.email} should have level {level} and {is_now}.")
    strangers = {m.email for m in after.members} - {m.email for m in before.members}
    problems.extend(f"{email} is a member and was none before." for email in sorted(strangers))
    kept = tuple(i for i in before.invites if i not in gone)
    if after.invites != kept:
        problems.append(f"The open invites should be for {_names(kept)}; they are for {_names(after.invites)}.")
    ours = {seat.uuid for seat in before.members if seat.email in gone}
    if any(account not in ours for account in removals):
        problems.append("Somebody was removed who is no leaver of this story.")
    return problems


def _names(addresses: Iterable[str]) -> str:
    return ", ".join(addresses) or "nobody"


def _is_watched(view: CaseView) -> bool:
    return view.case.state in {CaseState.WATCHING, CaseState.CLOSED}


def _is_held(view: CaseView) -> bool:
    return view.case.state is CaseState.HELD


def _is_over(view: CaseView) -> bool:
    return not view.case.state.is_open
