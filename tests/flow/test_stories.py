"""Stories of people who leave, told from the first word to the printed record."""

from __future__ import annotations

from tests.players import BEN, GRACE, IVAN, MAYA, NOOR, SAMUEL, batch_of, join_many

LEA = "lea.brandt@example.com"
ROSA, TWIN, PRIVATE = "rosa.alvarez@example.com", "rosa.alvarez+test@example.com", "rosa.a@example.net"


def grace_is_the_only_human_owner_and_nobody_can_succeed(tale) -> None:
    tale.world.set_level(SAMUEL, 1)
    tale.world.remove_member(NOOR)


def test_the_last_owner_is_fired_at_23_and_a_human_owner_is_named_in_the_morning(tale):
    grace_is_the_only_human_owner_and_nobody_can_succeed(tale)
    tale.it_is("2026-11-20 23:00")

    told = tale.prints("remove", GRACE, "--emergency", "--reason", "terminated", "--yes", status=1)
    assert "is HELD. No staying human owner would be left: 1 human owner(s) now, 0 who stay afterwards." in told
    assert tale.are_in(GRACE)

    tale.releases(GRACE, "Fired tonight; the board names somebody in the morning.")
    assert tale.are_out(GRACE)
    assert "No human is an owner of main" in tale.prints("status", status=1)

    tale.it_is("2026-11-21 08:30")
    tale.world.set_level(LEA, 15)
    tale.later(minutes=15)
    assert "No human is an owner" not in tale.prints("status")

    tale.it_is("2026-11-22 00:30")
    record = tale.record_of(GRACE)
    assert "**REMOVED.**" in record
    assert "lea asked for the removal, as an emergency." in record
    assert "because: Fired tonight; the board names somebody in the morning." in record
    assert f"Stepped down {GRACE} from owner to member; PostHog answered 200" in record
    assert "Held (last_owner): No staying human owner would be left" in record
    assert "service account stands in.** *Ticked by the bridge, which saw a human owner" in record
    assert "Farewell" not in record
    assert "**Not decided yet.** GDPR, article 33" in tale.prints("report", "1", "--incident", "--wait", "0")


def test_300_are_removed_by_mistake_and_undone(tale):
    people = join_many(tale.world, 300)
    tale.employs(*people)
    tale.deactivates(*people)
    tale.later(minutes=3)
    assert tale.are_in(*people)
    told = tale.prints("status", status=1)
    assert "Batch 1 at main: 300 cases wait for one decision (too_many)" in told
    assert "300 STILL IN" in told

    digest = batch_of(tale.bridge).digest
    tale.prints("release", "--batch", "1", "--digest", digest, "--reason", "the list from HR", status=0)
    tale.later(minutes=4)
    assert tale.are_out(*people)

    tale.activates(*people)
    told = tale.prints("status", status=1)
    assert "1 thing needs a person." in told
    assert "300 people who were taken out of main in batch 1 are active again at the identity provider." in told
    asked = told.partition("undo --todo ")[2].split()[0]
    told = tale.prints("undo", "--todo", asked, "--reason", "the list of another company", "--yes", status=0)
    assert "300 people to come back" in told
    tale.later(minutes=4)
    for who in people:
        tale.accepts_the_invite(who)
    tale.later(minutes=30)

    assert tale.are_in(*people)
    assert "Nothing needs a person." in tale.prints("status", status=0)
    record = tale.prints("report", "1", status=0)
    assert "**REMOVED, AND GIVEN BACK.**" in record
    assert "Approved by | lea, on" in record
    assert "invite p0@example.com as member, asked by lea: the list of another company" in record
    assert "Accepted: the person is a member again." in record


def test_somebody_is_hired_again_on_day_2_at_the_level_of_before(tale):
    tale.employs(IVAN)
    tale.later(hours=2)
    tale.deactivates(IVAN)
    tale.later(hours=26)
    assert tale.are_out(IVAN)

    tale.activates(IVAN)
    told = tale.prints("status", status=1)
    assert f"{IVAN} is active again in okta, and was taken out of main in this case." in told
    assert "`undo 1` invites the person again if that is right" in told

    told = tale.prints("undo", "1", "--reason", "Hired again on day 2", "--as-before", "--yes", status=0)
    assert f"Case 1: invite {IVAN} as admin" in told
    tale.later(minutes=5)
    tale.accepts_the_invite(IVAN)
    tale.later(hours=30)

    assert tale.world.level_of(IVAN) == 8
    record = tale.record_of(IVAN)
    assert "**REMOVED, AND GIVEN BACK.**" in record
    assert (
        f"invite {IVAN} as admin, asked by lea: Hired again on day 2. A level above member, approved by lea." in record
    )
    assert "Not given back: The membership is a new one" in record


def test_a_name_that_changed_by_marriage_opens_no_way_around(tale):
    married = "maya.lindholm@example.com"
    tale.employs(MAYA)
    tale.later(hours=2)
    tale.renames(MAYA, married)
    tale.later(hours=2)
    assert tale.are_in(MAYA)  # PostHog still has her under the old one

    tale.deactivates(married)
    tale.later(hours=26)

    assert tale.are_out(MAYA)
    record = tale.record_of(married)
    assert f"# Removal record: {married}" in record
    assert f"Removed {MAYA} (member) from the organization; PostHog answered 204" in record
    assert "Cancelled the member invite to Maya.Okafor@example.com" in record


def test_a_merger_changes_the_domain_and_one_of_two_providers_is_switched_off(tale):
    new = "ben.oduya@acme.example"
    tale.world.add_domain("acme.example")
    tale.employs(BEN)
    tale.employs(BEN, at="entra")
    tale.later(hours=2)
    tale.renames(BEN, new, at="entra")
    tale.world.change_email(BEN, new)
    tale.later(hours=2)

    tale.deactivates(BEN, at="okta")  # the old provider is switched off, and says that everybody is gone
    tale.later(hours=2)
    assert tale.are_in(new)
    assert "okta says gone, entra says active." in tale.prints("status", status=1)

    tale.deactivates(new, at="entra")
    tale.later(hours=26)

    assert tale.are_out(BEN, new)
    record = tale.prints("report", "1", status=0)
    assert "**REMOVED.**" in record
    assert f"Removed {new} (member) from the organization; PostHog answered 204" in record
    assert "Held (active_elsewhere): okta says gone, entra says active. Settled by itself on" in record
    assert "1 CLOSED" in tale.prints("cases")


def test_a_contractor_with_a_plus_address_and_a_private_one_is_out_with_all_three(tale):
    tale.world.add_member(PRIVATE, 1, name="Rosa Alvarez")
    tale.employs(ROSA)
    tale.deactivates(ROSA)
    tale.later(hours=1)
    assert tale.are_out(ROSA)  # what is certain does not wait for what is not
    assert tale.are_in(TWIN, PRIVATE)
    told = tale.prints("case", "1", status=0)
    assert f"One account looks like the leaver's without being an exact match: {TWIN}" in told

    tale.prints("link", ROSA, TWIN, "--yes", status=0)
    tale.prints("link", ROSA, PRIVATE, "--yes", status=0)  # which only a person can know
    tale.later(hours=26)

    assert tale.are_out(ROSA, TWIN, PRIVATE)
    record = tale.record_of(ROSA)
    for account in (ROSA, TWIN, PRIVATE):
        assert f"Removed {account} (member) from the organization; PostHog answered 204" in record
    assert "nobody came back" in record
    assert "after a return" not in record
