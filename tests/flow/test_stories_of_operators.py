"""Stories of those who run the bridge: the key's owner leaves, PostHog is away, an auditor asks."""

from __future__ import annotations

from tests.faults import When, no_connection
from tests.players import BEN, GRACE, IVAN, MAYA

SERVICE, LEA = "posthog-bridge@example.com", "lea.brandt@example.com"


def test_the_owner_of_the_key_leaves_and_goes_once_the_bridge_has_a_key_of_its_own(tale):
    tale.works_with_the_key_of(GRACE)
    tale.world.remove_member(SERVICE)
    tale.employs(GRACE)
    tale.deactivates(GRACE)
    tale.later(hours=1)
    assert tale.are_in(GRACE)
    told = tale.prints("status", status=1)
    assert "STILL IN, 1 h after the request. The leaver's account is the one whose API key the bridge uses." in told
    assert "Give the bridge the key of a dedicated owner account; then this case goes on by itself." in told

    tale.world.add_member(SERVICE, 15)
    tale.works_with_the_key_of(SERVICE)
    tale.later(hours=26)

    assert tale.are_out(GRACE)
    assert tale.world.level_of(SERVICE) == 15
    record = tale.record_of(GRACE)
    assert f"Performed by | posthog-bridge, with the API key of {SERVICE}" in record
    assert "Held (self): The leaver's account is the one whose API key the bridge uses." in record
    assert f"Stepped down {GRACE} from owner to member; PostHog answered 200" in record
    assert (
        "Personal API keys of grace.lindqvist@example.com.** They lose this organization, stay valid elsewhere"
        in record
    )


def test_posthog_is_away_for_a_weekend_and_nobody_is_forgotten(tale):
    tale.employs(MAYA, IVAN, BEN)
    tale.it_is("2026-11-20 18:00")
    tale.transport.inject(When(times=None), no_connection())
    tale.deactivates(MAYA)
    tale.it_is("2026-11-21 12:00")
    assert "Nothing can be done at main since 17 h 59 min: No connection to posthog.test" in tale.prints("status")
    tale.deactivates(IVAN, BEN)
    tale.later(hours=3)
    tale.activates(BEN)  # that was a mistake

    tale.it_is("2026-11-23 08:00")
    tale.transport.clear()
    tale.later(minutes=10)
    assert tale.are_out(MAYA, IVAN)
    assert tale.are_in(BEN)
    assert "Nothing needs a person." in tale.prints("status", status=0)

    tale.later(hours=26)
    assert "2 d 14 h after the request" in tale.record_of(MAYA)
    assert "Had access for 1 d 20 h after the request." in tale.prints("case", "2", status=0)
    record = tale.record_of(BEN)
    assert "**NOT REMOVED.**" in record
    assert "Active again in okta before anything was done." in record


def test_an_auditor_asks_for_a_quarter(tale):
    tale.employs(MAYA, IVAN, BEN)
    tale.employs(IVAN, at="entra")
    tale.later(hours=2)
    tale.deactivates(MAYA)
    tale.later(days=2)
    tale.deactivates(IVAN)  # who is active in Entra
    tale.prints("remove", "luca.ferrari@example.com", "--reason", "contract_ended", "--yes", status=0)
    tale.later(days=2)
    tale.world.remove_member("wei.zhang@example.com", by=LEA)
    tale.later(days=2)

    quarter = tale.prints("report", "--quarter", "2026Q4", "--timezone", "Europe/Berlin", status=0)
    assert "# Removals from PostHog, 2026Q4" in quarter
    assert "All times are in Europe/Berlin." in quarter
    assert "| Removed | 2 |" in quarter
    assert "| **Not removed** | **1** |" in quarter
    assert "| Ended by others than the bridge | 1 |" in quarter
    assert "It waits for a person: okta says gone, entra says active." in quarter
    assert f"| wei.zhang@example.com | main | {LEA} | PostHog's activity log |" in quarter
    assert "contract ended: 1" in quarter
    assert "`audit verify` checks that no entry was changed." in quarter
    assert "hold" in tale.prints("audit", "verify", status=0)
