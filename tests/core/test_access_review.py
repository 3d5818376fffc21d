"""What an access review finds, and what it is careful not to say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bridge.core.access_review import KEYS_UNSEEN, blind_spots, lines_of, to_decide
from bridge.core.organization import Invite, Level, Member
from bridge.core.reviewed import Code, Evidence, Examined, Invited, Kind, Removed, Sure, Word
from bridge.core.surroundings import Domain, Gap, Surroundings

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
DAY = timedelta(days=1)
DOMAIN = Domain(domain_id="d", domain="example.com", is_verified=True, is_jit_enabled=False, sso_enforcement="")
AROUND = Surroundings(taken_at=NOW - timedelta(minutes=20), domains=(DOMAIN,))
ACTIVE = Word(connection="okta", is_active=True, since=NOW - 100 * DAY)
GONE = Word(connection="okta", is_active=False, since=NOW - 3 * DAY)
IMPORTED = Word(connection="okta", is_active=True, is_import=True)


def member(email: str = "maya@example.com", **fields) -> Member:
    values = {
        "user_uuid": f"u-{email}",
        "membership_id": "m",
        "user_id": 1,
        "level": Level.MEMBER,
        "joined_at": NOW - 400 * DAY,
        "last_login": NOW - DAY,
        "is_2fa_enabled": True,
    }
    return Member(email=email, **(values | fields))


def examined(email: str = "maya@example.com", *words: Word, **fields) -> Examined:
    mine = {k: fields.pop(k) for k in ("case_id", "is_service", "was_service", "is_protected") if k in fields}
    return Examined(member=member(email, **fields), words=words or (ACTIVE,), **mine)


def invited(email: str = "zoe@example.com", *words: Word, case_id: int | None = None, **fields) -> Invited:
    values = {
        "invite_id": f"i-{email}",
        "level": Level.MEMBER,
        "created_at": NOW - DAY,
        "created_by_uuid": "u-maya@example.com",
        "created_by_email": "maya@example.com",
    }
    return Invited(invite=Invite(email=email, **(values | fields)), words=words, case_id=case_id)


def evidence(*members: Examined, **fields) -> Evidence:
    values = {"connections": ("okta",), "heard": ("okta",), "surroundings": AROUND}
    return Evidence(target="main", as_of=NOW, members=members, **(values | fields))


def line(*members: Examined, **fields):
    (found,) = lines_of(evidence(*members, **fields))
    return found


def finding(code: Code, *members: Examined, **fields):
    return next(f for f in line(*members, **fields).findings if f.code is code)


@pytest.mark.parametrize(
    ("who", "found"),
    [
        (examined(), []),
        (Examined(member=member()), [Code.UNKNOWN]),
        (examined("maya@example.com", IMPORTED), [Code.UNKNOWN]),
        (examined("maya@example.com", GONE), [Code.INACTIVE]),
        (examined("maya@example.com", GONE, IMPORTED), [Code.INACTIVE]),
        (examined("maya@example.com", GONE, Word(connection="entra", is_active=True)), [Code.INACTIVE_SOMEWHERE]),
        (examined(last_login=NOW - 90 * DAY), [Code.UNUSED]),
        (examined(last_login=NOW - 90 * DAY + timedelta(seconds=1)), []),
        (examined(last_login=None, joined_at=NOW - 90 * DAY), [Code.UNUSED]),
        (examined(last_login=None, joined_at=NOW - 89 * DAY), []),
        (examined(last_login=None, joined_at=None), []),
        (examined(is_2fa_enabled=False), [Code.NO_2FA]),
        (examined(level=Level.OWNER), [Code.OWNER]),
        (examined(level=Level.ADMIN), [Code.ADMIN]),
        (examined("joe@agency.example"), [Code.OUTSIDE_DOMAINS]),
        (examined("Maya@EXAMPLE.com"), []),
        (examined(is_protected=True), [Code.PROTECTED]),
        (examined(was_service=True), [Code.FORMER_KEY]),
        (examined("maya@example.com", GONE, case_id=7), [Code.INACTIVE, Code.LEAVING]),
        (
            examined("maya@example.com", GONE, level=Level.OWNER, is_2fa_enabled=False, last_login=NOW - 200 * DAY),
            [Code.INACTIVE, Code.UNUSED, Code.OWNER, Code.NO_2FA],
        ),
        (Examined(member=member(level=Level.OWNER, is_2fa_enabled=False), is_service=True), [Code.SERVICE]),
    ],
)
def test_what_is_found_of_a_member(who, found):
    assert list(line(who).codes) == found


@pytest.mark.parametrize(
    ("what", "found"),
    [
        (invited(), [Code.OPEN_INVITE]),
        (invited(is_expired=True), [Code.EXPIRED_INVITE]),
        (invited(created_by_uuid="u-nobody"), [Code.INVITE_BY_LEAVER, Code.OPEN_INVITE]),
        (invited(created_by_uuid=""), [Code.INVITE_BY_LEAVER, Code.OPEN_INVITE]),
        (invited("zoe@example.com", GONE), [Code.INVITE_TO_LEAVER, Code.OPEN_INVITE]),
        (invited("maya@example.com", level=Level.OWNER), [Code.INVITE_TO_MEMBER]),
        (invited("zoe@example.com", GONE, is_expired=True, created_by_uuid=""), [Code.EXPIRED_INVITE]),
    ],
)
def test_what_is_found_of_an_invite(what, found):
    lines = lines_of(evidence(examined(), invites=(what,)))

    assert [list(each.codes) for each in lines if each.kind is Kind.INVITE] == [found]


@pytest.mark.parametrize("sender", [examined("maya@example.com", GONE), examined(case_id=4)])
def test_an_invite_outlives_a_sender_who_is_leaving(sender):
    lines = lines_of(evidence(sender, invites=(invited(),)))

    (invite,) = (each for each in lines if each.kind is Kind.INVITE)
    assert Code.INVITE_BY_LEAVER in invite.codes
    assert "who sent it, is leaving or inactive" in invite.findings[0].why


def test_an_invite_to_a_member_says_so_when_it_would_raise_the_level():
    lines = lines_of(evidence(examined(), invites=(invited("maya@example.com", level=Level.OWNER),)))

    (invite,) = (each for each in lines if each.kind is Kind.INVITE)
    assert "to somebody who is member already, at a higher level" in invite.findings[0].why
    assert "`close-way invite i-maya@example.com --target main`" in invite.findings[0].to_do
    assert invite.is_members


def test_each_finding_says_since_when_how_sure_and_when_it_was_seen():
    gone = finding(Code.INACTIVE, examined("maya@example.com", GONE))
    assert (gone.since, gone.sure, gone.seen_at) == (NOW - 3 * DAY, Sure.CERTAIN, NOW)

    outside = finding(Code.OUTSIDE_DOMAINS, examined("joe@agency.example"))
    assert outside.seen_at == AROUND.taken_at

    unused = finding(Code.UNUSED, examined(last_login=NOW - 120 * DAY))
    assert (unused.since, unused.sure) == (NOW - 120 * DAY, Sure.HINT)
    assert unused.why == "no log-in for 120 days"
    assert KEYS_UNSEEN in unused.to_do

    never = finding(Code.UNUSED, examined(last_login=None))
    assert never.why == "never logged in, and joined 400 days ago"


def test_a_second_factor_that_the_organization_asks_for_is_only_a_hint():
    around = Surroundings(taken_at=NOW, domains=(DOMAIN,), enforces_2fa=True)

    assert finding(Code.NO_2FA, examined(is_2fa_enabled=False)).sure is Sure.LIKELY
    assert finding(Code.NO_2FA, examined(is_2fa_enabled=False), surroundings=around).sure is Sure.HINT


def test_without_a_connection_nobody_is_called_unknown_and_the_review_says_why():
    found = evidence(Examined(member=member()), connections=(), heard=())

    assert to_decide(lines_of(found)) == ()
    assert "No identity provider speaks for main" in blind_spots(found)[0].why


def test_a_connection_that_never_named_anybody_makes_unknown_a_hint():
    found = evidence(Examined(member=member()), heard=())

    assert lines_of(found)[0].findings[0].sure is Sure.HINT
    assert "okta has never named anybody" in blind_spots(found)[0].why


@pytest.mark.parametrize("around", [None, Surroundings(taken_at=NOW)])
def test_without_a_verified_domain_nobody_is_outside(around):
    assert line(examined("joe@agency.example"), surroundings=around).codes == ()


def test_what_could_not_be_seen_is_said_and_always_the_use_of_keys():
    gap = Gap(what="the roles", why="402: no")

    assert [g.what for g in blind_spots(evidence(gaps=(gap,), surroundings=None))] == [
        "the roles",
        "who is outside the verified domains",
        "use within 90 days by API key",
    ]


def test_pressing_lines_come_first_then_higher_levels_and_everybody_has_one():
    found = lines_of(
        evidence(
            examined("calm@example.com"),
            examined("admin@example.com", level=Level.ADMIN),
            examined("owner@example.com", ACTIVE, last_login=NOW - 200 * DAY, level=Level.OWNER),
            examined("quiet@example.com", last_login=NOW - 200 * DAY),
            examined("gone@example.com", GONE),
            invites=(invited(created_by_uuid="u-gone@example.com"),),
        )
    )

    assert [each.email.partition("@")[0] for each in found] == ["gone", "zoe", "owner", "quiet", "admin", "calm"]
    assert len(to_decide(found)) == 5


def test_whoever_has_a_case_already_does_not_stand_before_those_whom_nobody_sees_to():
    found = lines_of(
        evidence(examined("leaving@example.com", GONE, case_id=5), examined("stranger@example.com", IMPORTED))
    )

    assert [(each.email, each.is_pressing) for each in found] == [
        ("stranger@example.com", True),
        ("leaving@example.com", False),
    ]


def test_a_removal_outside_the_bridge_is_a_line_that_nothing_can_take_away():
    removed = Removed(
        key="3",
        user_uuid="u-x",
        email="x@example.com",
        name="X",
        level=Level.ADMIN,
        last_seen_at=NOW - 2 * DAY,
        missed_at=NOW - DAY,
        how="two looks compared",
    )
    (unknown,) = lines_of(evidence(removed=(removed,)))
    assert unknown.is_lasting
    assert unknown.findings[0].why == "removed outside the bridge, by whom is not known (two looks compared)"
    assert (unknown.findings[0].since, unknown.findings[0].seen_at) == (NOW - 2 * DAY, NOW - DAY)
