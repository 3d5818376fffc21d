from __future__ import annotations

from datetime import timedelta

import pytest

from bridge.core.case import CaseState
from bridge.core.events import Reason
from tests.conftest import START
from tests.players import BEN, MAYA, all_cases, is_member, the_case


def test_remove_takes_a_person_out_in_the_operators_name(ran, bridge, world, settle):
    told = ran("remove", MAYA, "--reason", "terminated", "--note", "HR-17", "--yes")
    settle(minutes=2)

    case = the_case(bridge)
    assert told.status == 0
    assert (case.source, case.reason, case.note) == ("operator:lea", Reason.TERMINATED, "HR-17")
    assert not is_member(world, MAYA)
    assert "named by no source yet; PostHog is asked for exactly this address" in told.said


def test_without_a_terminal_nothing_is_opened_unless_told_yes(ran, bridge):
    told = ran("remove", MAYA)

    assert told.status == 2
    assert "add --yes when this is right. Nothing was opened." in told.err
    assert all_cases(bridge) == []


def test_a_dry_run_opens_nothing_and_says_whom_it_knows(ran, bridge, okta, settle):
    okta.create(BEN)
    settle(minutes=2)

    told = ran("remove", BEN, MAYA, "--dry-run")

    assert told.status == 0
    assert f"{BEN}: known; active in okta; PostHog account linked" in told.said
    assert f"{MAYA}: named by no source yet" in told.said
    assert all_cases(bridge) == []
    assert ran("remove", BEN, "--dry-run", "--json").json == [
        {"address": BEN, "known_as": BEN, "accounts_linked": 1, "active_in": ["okta"], "open_case": None}
    ]


def test_a_person_whose_case_is_open_is_taken_over(ran, bridge, okta):
    okta.deactivate(okta.create(MAYA))

    told = ran("remove", MAYA, "--yes")

    assert "case 1 is open already (PENDING); it becomes yours" in told.said
    assert the_case(bridge).source == "operator:lea"


def test_a_case_that_another_operator_opened_stays_theirs_and_is_said_so(ran, bridge):
    ran("remove", MAYA, "--yes", "--as", "noor")

    told = ran("remove", MAYA, "--yes", "--as", "lea")

    assert "case 1 is open already (PENDING); it stays noor's" in told.said
    assert "1 case open; 1 of them open before." in told.said
    assert the_case(bridge).source == "operator:noor"


def test_an_emergency_is_due_at_once(ran, bridge):
    ran("remove", MAYA, "--emergency", "--yes", "--wait", "0")
    assert the_case(bridge).due_at == START


def test_a_removal_for_later_waits(ran, bridge, world, settle):
    told = ran("remove", MAYA, "--at", "2026-11-20T12:00+01:00", "--yes")
    settle(minutes=30)

    assert told.status == 0
    assert the_case(bridge).due_at == START + timedelta(hours=2)
    assert the_case(bridge).state is CaseState.PENDING
    assert is_member(world, MAYA)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), "Name at least one address"),
        (("maya",), '"maya" is not an address'),
        ((MAYA, "--target", "other"), 'There is no target "other"; there is main.'),
        ((MAYA, "--at", "tomorrow"), "is no time such as 2026-12-01T18:00Z"),
        ((MAYA, "--at", "2026-12-01T18:00"), "names no zone: write 2026-12-01T18:00Z for UTC"),
        ((MAYA, "--at", "2026-11-01T18:00Z"), "is over"),
        ((MAYA, "--at", "9999-12-31T23:59:59-23:59"), "is no time such as"),
        (("a\x1b[2J@example.com",), "is not an address"),
        (("a\udcff@example.com",), "is no UTF-8 text"),
        ((MAYA, "--project", "../1"), "--project"),
        ((MAYA, "--at", "2026-12-01T18:00Z", "--emergency"), "leave out --at"),
        ((MAYA, "--reason", "because"), "is not one of 'terminated'"),
        ((MAYA, "--as", "a\nb"), "visible characters"),
    ],
)
def test_wrong_use_is_one_sentence_and_opens_nothing(ran, bridge, arguments, sentence):
    told = ran("remove", *arguments, "--yes")

    assert told.status == 2
    assert sentence in told.err
    assert all_cases(bridge) == []


def test_a_csv_removes_each_person_once(ran, bridge, tmp_path):
    file = tmp_path / "leavers.csv"
    file.write_text(f"\ufeffname;Email\nMaya;{MAYA}\n\nMaya again;{MAYA.upper()}\nBen; {BEN}\n", encoding="utf-8")

    told = ran("remove", "--file", str(file), "--yes")

    assert told.status == 0
    assert [c.subject.user_name for c in all_cases(bridge)] == [MAYA, BEN]
    assert "2 cases open." in told.out


def test_a_csv_without_headings_has_addresses_in_its_first_column(ran, bridge, tmp_path):
    file = tmp_path / "leavers.csv"
    file.write_text(f"{MAYA},Maya\n{BEN},Ben\n")

    ran("remove", "--file", str(file), "--yes", "--json")

    assert [c.subject.user_name for c in all_cases(bridge)] == [MAYA, BEN]


def test_every_wrong_line_of_a_csv_is_named_and_nothing_is_opened(ran, bridge, tmp_path):
    file = tmp_path / "leavers.csv"
    file.write_text(f"email\n{MAYA}\nben\n\n@example.com\n")

    told = ran("remove", "--file", str(file), "--yes")

    assert told.status == 2
    assert 'leavers.csv, line 3: "ben" is not an address.' in told.err
    assert 'leavers.csv, line 5: "@example.com" is not an address.' in told.err
    assert all_cases(bridge) == []


def test_a_file_that_is_no_text_is_said_so(ran, tmp_path):
    file = tmp_path / "leavers.csv"
    file.write_bytes(b"\xff\xfe\x00m")
    assert "is not UTF-8 text" in ran("remove", "--file", str(file), "--yes").err


def test_a_project_alone_is_held_and_said_so(ran, bridge, settle):
    told = ran("remove", MAYA, "--project", "7", "--yes")
    settle(minutes=2)

    assert "not built yet: these cases will be held" in told.said
    assert the_case(bridge).state is CaseState.HELD
