"""`coverage` and `import` on the command line."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

import pytest

from bridge.store import targets
from tests.conftest import run_for
from tests.players import GRACE, MAYA, Idp


@pytest.fixture
def looked(bridge, clock):
    with bridge.db.write() as tx:
        targets.want_look(tx, "main", clock.now())
    run_for(bridge, clock, seconds=1)
    return bridge


def test_without_a_look_somebody_is_asked_for_one_and_told_what_to_do(ran, bridge, clock):
    told = ran("coverage", "--wait", "0")

    assert told.status == 1
    assert "main was never looked at, and no worker has looked at it within 0 s." in told.err
    assert bridge.bell.rung == ["main"]
    with bridge.db.read() as tx:
        assert targets.state(tx, "main").look_due_at == clock.now()
    assert ran("import", "okta", "--wait", "0").status == 1


def test_who_is_not_covered_is_listed_and_needs_a_person(ran, looked):
    Idp(looked).create(MAYA)

    told = ran("coverage")

    assert told.status == 1
    assert "main: 1 of 23 people covered by okta and entra, as of 1 s ago." in told.said
    assert MAYA not in told.out
    assert f"{GRACE} owner -" in told.said
    assert "22 members are spoken for by nobody: their leaving would never be heard of." in told.said
    assert f"{MAYA} member okta" in ran("coverage", "--all").said
    assert ran("coverage", "--target", "nope").status == 2


def test_everybody_covered_is_quiet(ran, looked, world):
    okta = Idp(looked)
    for account, _ in world.members():
        if account.email != "posthog-bridge@example.com":
            okta.create(account.email)

    told = ran("coverage")

    assert told.status == 0
    assert "23 of 23 people" in told.said
    assert len(told.out.splitlines()) == 1


def test_the_list_as_json_and_as_csv_is_whole(ran, looked, world, clock):
    world.add_member("=cmd@example.com", 1, name="Bob\x1b[2J;=cmd")
    with looked.db.write() as tx:
        targets.want_look(tx, "main", clock.now())
    run_for(looked, clock, seconds=1)
    Idp(looked).create(MAYA)

    found = ran("coverage", "--json").json["main"]
    rows = list(csv.DictReader(io.StringIO(ran("coverage", "--csv").out)))

    assert (found["people"], found["covered"], len(found["members"])) == (24, 1, 25)
    assert len(rows) == 25
    assert next(r for r in rows if r["email"] == MAYA)["covered_by"] == "okta"
    hostile = next(r for r in rows if "cmd" in r["email"])
    assert (hostile["email"], hostile["name"]) == ("'=cmd@example.com", "Bob\ufffd[2J;'=cmd"), "names stay words"


def test_an_old_look_is_asked_for_again(ran, looked, clock):
    clock.advance(hours=2)

    told = ran("coverage", "--wait", "0")

    assert "main was last looked at 2 h ago" in told.err
    assert ran("coverage", "--wait", "0", "--fresh").status == 1


def test_the_status_says_how_much_is_covered_and_who_is_not(ran, looked):
    okta = Idp(looked)
    okta.create(MAYA)

    told = ran("status")

    assert "1 of 23 people covered by okta and entra; not: grace.lindqvist@example.com, " in told.said
    assert "and 12 more: `coverage`" in told.said
    found = ran("status", "--json").json["targets"]["main"]["coverage"]
    assert (found["people"], found["covered"], len(found["members"])) == (23, 1, 22)
    assert found["as_of"] == "2026-11-20T09:00:00.000Z"


def test_an_import_says_what_it_did_and_can_be_tried_first(ran, looked):
    first = ran("import", "okta", "--dry-run")
    assert "23 records would be made for okta; 0 known already." in first.said
    assert "Nothing was kept: this was a dry run." in first.said
    assert ran("import", "okta", "--dry-run", "--json").json["dry_run"] is True

    told = ran("import", "okta")

    assert told.status == 0
    assert "Members of main as of 1 s ago." in told.said
    assert "23 records made for okta" in told.said
    assert "and 3 more; --json has them all" in told.said
    assert "posthog-bridge@example.com: the bridge's own account" in told.said
    assert "imported into okta, which has not spoken of it yet" in ran("coverage").said
    assert ran("import", "okta", "--json").json["known"] == 23


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("import", "okat"), 'Did you mean "okta"?'),
        (("import", "okta", "--target", "eu"), 'okta does not speak for "eu", but for main.'),
    ],
)
def test_a_wrong_name_is_wrong_use(ran, looked, words, said):
    told = ran(*words)

    assert (told.status, said in told.err) == (2, True)


def test_a_connection_without_records_has_no_import(ran, looked):
    hook = replace(looked.connections["okta"], name="hook", kind="okta-hook")

    told = ran("import", "hook", connections={"hook": hook})

    assert (told.status, "keeps no records here" in told.err) == (2, True)
