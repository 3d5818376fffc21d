"""One throwaway member walks through a real organization, and every answer is compared with what we believe of PostHog.

What the bridge knows of PostHog it knows from public source and documentation; this is how somebody finds out where that
is wrong, before a real person has to go. It touches one address and nobody else, and takes away what it has made, also
when something fails on the way. May import: `ports`, `core`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from bridge.core.events import address_key
from bridge.core.organization import Invite, Level, Member, Organization
from bridge.core.plan import CancelInvite, RemoveMember, SetLevel
from bridge.core.wording import lasting
from bridge.ports import BoundaryError, Declined, KeyOwner, Refused, Target

POLL_SECONDS = 5.0
"""Between two looks while somebody is to accept the invite, or a row is to appear in the activity log."""
LOG_POLLS = 12
"""Looks into the activity log: its rows come late."""
OWNER_STAYS = "Cannot leave the organization as its owner!"


class Outcome(StrEnum):
    """How a belief fared."""

    AS_BELIEVED = "as believed"
    DIFFERENT = "different"
    NOT_SEEN = "not seen"


@dataclass(frozen=True, kw_only=True)
class Check:
    """One thing that we believe about PostHog, and what was seen."""

    name: str
    expected: str
    seen: str
    outcome: Outcome


@dataclass(frozen=True, kw_only=True)
class Rehearsed:
    """What came of one walk."""

    checks: tuple[Check, ...]
    left_behind: tuple[str, ...]
    """What could not be taken away again, in words."""
    is_whole: bool = True
    """Whether the walk went to its end: when nobody accepts the invite it stops there."""

    @property
    def differences(self) -> tuple[Check, ...]:
        """The beliefs that were wrong."""
        return tuple(c for c in self.checks if c.outcome is Outcome.DIFFERENT)

    @property
    def is_as_believed(self) -> bool:
        """Whether nothing differed and nothing is left behind."""
        return not self.differences and not self.left_behind


class _Over(Exception):
    """The walk cannot go on; what it has made is taken away."""


@dataclass(kw_only=True)
class Rehearsal:
    """One walk. `say` tells the person at the keyboard what happens and what to do; `pause` waits so many seconds."""

    remote: Target
    email: str
    now: Callable[[], datetime]
    say: Callable[[str], None]
    pause: Callable[[float], None]
    patience: timedelta = timedelta(minutes=15)
    """How long somebody may take to accept the invite."""
    is_named_throwaway: bool = False
    """The address may be a member already: whoever started this says that the account is a throwaway."""
    checks: list[Check] = field(default_factory=list)
    _key: KeyOwner | None = None
    _is_ours: bool = False
    """Whatever is there for the address from now on was made by this walk, or was named a throwaway."""

    def refuse_who_must_not_be_touched(self, untouchable: Iterable[str] = ()) -> None:
        """Look, and say no to anybody who is not a throwaway. Writes nothing. `untouchable`: addresses that never are.

        Raises: Declined; what a look raises.
        """
        self._key = self.remote.key_owner()
        if address_key(self.email) == address_key(self._key.email):
            raise Declined("That is the account of the bridge's own key.", remedy="Name a throwaway address.")
        if address_key(self.email) in set(untouchable):
            raise Declined(
                f"{self.email} is somebody: protected, a successor, or known to an identity provider.",
                remedy="Name an address that is nobody's.",
            )
        seen = self._look()
        member = self._member(seen)
        if member is None:
            if any(not i.is_expired for i in self._invites(seen)) and not self.is_named_throwaway:
                raise Declined(
                    f"{self.email} is invited already: whoever accepts that would be taken for the throwaway.",
                    remedy="Name an address that is nobody's; or, if that invite was for a throwaway, add --throwaway.",
                )
            return
        if member.level is Level.OWNER:
            raise Declined(f"{self.email} is an owner.", remedy="Name an address that is no member yet.")
        if not self.is_named_throwaway:
            raise Declined(
                f"{self.email} is a member already.",
                remedy="Name an address that is no member yet; or, if that account is a throwaway, add --throwaway.",
            )

    def walk(self) -> Rehearsed:
        """Walk, and take away what was made, also after Ctrl-C. What PostHog can cause becomes a check.

        Raises: Declined, when the address became a member since it was looked at; nothing was made then.
        """
        began, is_whole = self.now(), False
        try:
            member = self._become_a_member()
            self._change_levels(member)
            self._see_the_access(member)
            self._leave(member)
            self._find_it_in_the_log(member, began)
            is_whole = True
        except _Over:
            pass
        except Declined:
            raise
        except BoundaryError as trouble:
            self._note("the walk goes through", "no refusal on the way", str(trouble), Outcome.DIFFERENT)
        except KeyboardInterrupt:
            self.say("Interrupted: taking away what was made.")
            self._note("the walk goes through", "to its end", "it was interrupted", Outcome.DIFFERENT)
        left_behind = self._tidy_up() if self._is_ours else ()
        return Rehearsed(checks=tuple(self.checks), left_behind=left_behind, is_whole=is_whole)

    def _become_a_member(self) -> Member:
        member = self._member(self._look())
        if member is not None:
            if not self.is_named_throwaway:
                raise Declined(f"{self.email} has become a member meanwhile.", remedy="Name another address.")
            self._is_ours = True
            return member
        self._is_ours = True
        self.say(f"Inviting {self.email} as a member.")
        self._expect("an invite is answered with", "201", str(self.remote.invite(self.email, Level.MEMBER).status))
        invites = self._invites(self._look())
        self._expect("a new invite is listed", "one, open, as member", _of_invites(invites))
        by = {i.created_by_uuid for i in invites}
        self._expect(
            "an invite names who sent it", "the key's account", "the key's account" if by == {self._uuid} else "others"
        )
        self.remote.invite(self.email, Level.MEMBER)
        again = self._invites(self._look())
        self._expect("a second invite replaces the first", "one, open, as member", _of_invites(again))
        first_ids, second_ids = {i.invite_id for i in invites}, {i.invite_id for i in again}
        self._expect(
            "it is another invite then", "another id", "the same id" if first_ids == second_ids else "another id"
        )
        member = self._wait_for_acceptance()
        self._expect("whoever accepts joins at the invite's level", "member", member.level.word)
        self._expect("an accepted invite is gone", "none", _of_invites(self._invites(self._look())))
        self._expect("a member shows when they joined", "yes", "no" if member.joined_at is None else "yes")
        return member

    def _wait_for_acceptance(self) -> Member:
        self.say(
            f"Now accept the invite as {self.email}: open the link in the mail in a private window and sign up with that "
            f"address. This waits up to {lasting(self.patience)}."
        )
        for _ in range(max(1, int(self.patience.total_seconds() / POLL_SECONDS))):
            member = self._member(self._look())
            if member is not None:
                return member
            self.pause(POLL_SECONDS)
        self._note("the invite is accepted", "by somebody", "nobody did in time", Outcome.NOT_SEEN)
        raise _Over

    def _change_levels(self, member: Member) -> None:
        self.say("Making it an admin, an owner, and a member again.")
        for level in (Level.ADMIN, Level.OWNER):
            self._set_level(member, level)
        seen = self._look()
        self._expect("another owner does not demote us", "yes", "yes" if seen.key_is_owner else "no")
        try:
            answer = self.remote.apply(_removal(member))
            said = f"{answer.status}"
        except Refused as refused:
            said = f"{refused.status}: {refused.detail}"
        self._expect("an owner is not removed", f"400: {OWNER_STAYS}", said)
        if self._member(self._look()) is None:
            raise _Over
        self._set_level(member, Level.MEMBER)
        try:
            said = str(self.remote.invite(self.email, Level.MEMBER).status)
        except Refused as refused:
            said = f"{refused.status}: {refused.detail}"
        expected = "400: A user with this email address already belongs to the organization."
        self._expect("a member cannot be invited", expected, said)

    def _set_level(self, member: Member, level: Level) -> None:
        before = (self._member(self._look()) or member).level
        step = SetLevel(user_uuid=member.user_uuid, email=member.email, level=level, before=before)
        self._expect(f"setting the level to {level.word} is answered with", "200", str(self.remote.apply(step).status))
        seen = self._member(self._look())
        self._expect(f"and shows at once as {level.word}", level.word, seen.level.word if seen else "no member")

    def _see_the_access(self, member: Member) -> None:
        self.say("Looking into which projects it may go.")
        seen = self.remote.surroundings(self.now())
        for gap in seen.gaps:
            self._note(f"what can be read: {gap.what}", "can be read", gap.why, Outcome.NOT_SEEN)
        hows = sorted({g.how for g in seen.grants if g.user_uuid == member.user_uuid})
        known = {"explicit_member", "explicit_role", "organization_admin", "project_admin", "creator", "default"}
        if seen.grants:
            word = "one of the six that are known"
            found = word if set(hows) <= known else ", ".join(hows)
            self._expect("how somebody gets into a project is", word, found)

    def _leave(self, member: Member) -> None:
        self.say("Removing it.")
        self._expect("a removal is answered with", "204", str(self.remote.apply(_removal(member)).status))
        seen = self._member(self._look())
        self._expect("the next look shows nobody", "no member", "a member" if seen else "no member")
        again = self.remote.apply(_removal(member))
        self._expect("a second removal finds nobody", "404", str(again.status))

    def _find_it_in_the_log(self, member: Member, began: datetime) -> None:
        self.say("Looking for it in the activity log, whose rows come late.")
        name = "the removal is in the activity log"
        for _ in range(LOG_POLLS):
            found = self.remote.membership_changes(began, self.now() + timedelta(minutes=1))
            if found.gaps:
                self._note(name, "a row", found.gaps[0].why, Outcome.NOT_SEEN)
                return
            rows = [d for d in found.rows if d.activity == "deleted" and address_key(d.name) == member.address]
            if rows:
                self._expect(name, "a row with the member's address", "a row with the member's address")
                row = rows[-1]
                self._expect("it names us", "posthog-bridge", row.client or "nobody")
                said = "the membership's id" if row.item_id == member.membership_id else "another id"
                self._expect("it names the membership", "the membership's id", said)
                return
            self.pause(POLL_SECONDS)
        self._note(name, "a row with the member's address", "none in a minute", Outcome.DIFFERENT)

    def _tidy_up(self) -> tuple[str, ...]:
        """Take away what is there for the address; what cannot be is told."""
        with suppress(BoundaryError):
            seen = self._look()
            member = self._member(seen)
            if member is not None and member.level is Level.OWNER:
                step = SetLevel(user_uuid=member.user_uuid, email=member.email, level=Level.MEMBER, before=member.level)
                self.remote.apply(step)
            if member is not None:
                self.remote.apply(_removal(member))
            for invite in self._invites(seen):
                step_out = CancelInvite(invite_id=invite.invite_id, email=invite.email, level=invite.level)
                self.remote.apply(step_out)
        try:
            seen = self._look()
        except BoundaryError as trouble:
            return (f"whatever was made for {self.email}: nobody could look ({trouble})",)
        left = [f"the member {self.email}"] if self._member(seen) else []
        return (*left, *(f"the invite {i.invite_id} to {i.email}" for i in self._invites(seen)))

    @property
    def _uuid(self) -> str:
        if self._key is None:
            self._key = self.remote.key_owner()
        return self._key.user_uuid

    def _look(self) -> Organization:
        return self.remote.observe(self._uuid, self.now())

    def _member(self, seen: Organization) -> Member | None:
        return next((m for m in seen.members if m.address == address_key(self.email)), None)

    def _invites(self, seen: Organization) -> tuple[Invite, ...]:
        return tuple(i for i in seen.invites if i.address == address_key(self.email))

    def _expect(self, name: str, expected: str, seen: str) -> None:
        self._note(name, expected, seen, Outcome.AS_BELIEVED if seen == expected else Outcome.DIFFERENT)

    def _note(self, name: str, expected: str, seen: str, outcome: Outcome) -> None:
        self.checks.append(Check(name=name, expected=expected, seen=seen, outcome=outcome))


def _removal(member: Member) -> RemoveMember:
    return RemoveMember(user_uuid=member.user_uuid, email=member.email, level=member.level)


def _of_invites(invites: tuple[Invite, ...]) -> str:
    if len(invites) != 1:
        return "none" if not invites else f"{len(invites)}"
    return f"one, {'expired' if invites[0].is_expired else 'open'}, as {invites[0].level.word}"
