"""`review` on the command line: what is found, in each format, and from a finding to a signature."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser

import pytest

from bridge.store import targets
from tests.conftest import run_for
from tests.players import BEN, MAYA, Idp, all_cases

BRIDGE = "posthog-bridge@example.com"
HOSTILE = '=HYPERLINK("http://evil")|<script>\x1b[2J\u202e*_`@example.com'
LONG_AGO = "hana.suzuki@example.com"


def look(bridge, clock) -> None:
    with bridge.db.write() as tx:
        targets.want_look(tx, "main", clock.now())
    run_for(bridge, clock, seconds=1)


@pytest.fixture
def looked(bridge, clock, world):
    """Everybody but Ben is known in okta; one has not logged in for long."""
    okta = Idp(bridge)
    for account, _ in world.members():
        if account.email not in {BRIDGE, BEN}:
            okta.create(account.email)
    world.put(replace(world.account(LONG_AGO), last_login=clock.now() - timedelta(days=120)))
    look(bridge, clock)
    return bridge


@pytest.fixture
def hostile(looked, clock, world):
    world.add_member(HOSTILE, 1, name="=1+1 <b>")
    look(looked, clock)
    return looked


def started(ran) -> int:
    return ran("review", "start", "--json").json["review"]["id"]


def line_of(ran, number: int, email: str) -> dict:
    found = ran("review", "show", str(number), "--json").json["lines"]
    return next(each for each in found if each["email"] == email and each["kind"] == "member")


def test_who_should_not_wait_is_listed_first_with_why_and_what_to_do(ran, looked):
    told = ran("review")

    assert told.status == 1
    assert told.out.startswith("Access review of main\n")
    assert "As of 2026-11-20 09:00:00 UTC (1 s ago), the last look at PostHog" in told.said
    assert "Set against okta and entra" in told.said
    assert "24 members, " in told.said
    first = told.out.split("WHY")[1].splitlines()[1]
    assert first.startswith(BEN)
    assert "unknown to okta and entra: their leaving would never be heard of" in first
    assert "What to do" in told.out
    assert "Not seen whom entra knows: entra has never named anybody" in told.said
    assert "API key is used" in told.said, "every statement about use says so"
    assert "`review start --target main` keeps these lines" in told.said


def test_members_without_a_finding_are_listed_on_request(ran, looked, world):
    clear = next(
        a.email for a, m in world.members() if m.level == 1 and a.is_2fa_enabled and a.email not in {BEN, LONG_AGO}
    )

    assert clear not in ran("review").out
    assert f"{clear} member - - nothing found" in " ".join(ran("review", "--all").out.split())


def test_unused_can_be_asked_for_another_time(ran, looked):
    assert f"{LONG_AGO} " in ran("review").out
    assert "no log-in for 120 days" in ran("review").out
    assert "no log-in for 120 days" not in ran("review", "--unused-days", "121").out
    assert "Unused no log-in for 121 days" in ran("review", "--unused-days", "121").said
    assert ran("review", "--unused-days", "0").status == 2


def test_a_target_that_was_never_looked_at_is_told(ran, bridge):
    told = ran("review")

    assert (told.status, "main was never looked at" in told.err) == (1, True)
    assert ran("review", "--fresh", "--wait", "0").status == 1
    assert "no worker has looked at it within 0 s" in ran("review", "start", "--wait", "0").err
    assert ran("review", "--target", "nope").status == 2


class TestFormats:
    def test_json_is_whole(self, ran, looked, clock):
        found = ran("review", "--format", "json").json

        assert (found["target"], found["as_of"], found["unused_days"]) == ("main", "2026-11-20T09:00:00.000Z", 90)
        assert found["review"] is None
        assert len([each for each in found["lines"] if each["kind"] == "member"]) == 24
        ben = next(each for each in found["lines"] if each["email"] == BEN)
        assert ben["findings"][0]["code"] == "unknown"
        assert set(ben["findings"][0]) == {"code", "why", "since", "sure", "to_do", "seen_at"}
        assert found["lines"][0]["email"] == BEN

    def test_no_cell_of_the_csv_is_computed_and_no_escape_reaches_the_terminal(self, ran, hostile):
        text = ran("review", "--format", "csv", "--all").out
        rows = list(csv.DictReader(io.StringIO(text)))

        mine = next(r for r in rows if "evil" in r["email"])
        assert mine["email"].startswith("'=HYPERLINK")
        assert mine["name"].startswith("'=1+1")
        assert "\x1b" not in text
        assert "\u202e" not in text
        assert {r["email"] for r in rows if r["kind"] == "member"} >= {BEN, MAYA}
        assert all(r["as_of"] == "2026-11-20T09:00:00.000Z" or r["as_of"] for r in rows)

    def test_markdown_shows_names_as_they_are_and_keeps_its_table(self, ran, hostile):
        text = ran("review", "--format", "md").out

        assert text.startswith("# Access review of main\n")
        row = next(line for line in text.splitlines() if "evil" in line)
        assert "\\<script\\>" in row
        assert "\\*\\_\\`@example.com" in row
        assert "\x1b" not in text
        columns = {len(re.findall(r"(?<!\\)\|", line)) for line in text.splitlines() if line.startswith("|")}
        assert columns == {8}

    def test_html_is_a_file_of_its_own_that_runs_nothing(self, ran, hostile):
        text = ran("review", "--format", "html").out

        seen: set[str] = set()
        outside: set[str] = set()

        class Tags(HTMLParser):
            def handle_starttag(self, tag, attrs):
                seen.add(tag)
                outside.update(value for name, value in attrs if name in {"src", "href"})

        Tags().feed(text)
        assert "&lt;script&gt;" in text
        assert not {"script", "b", "img", "link"} & seen
        assert outside == set()

    def test_the_terminal_is_not_steered(self, ran, hostile):
        told = ran("review")

        assert "\x1b" not in told.out
        assert "\u202e" not in told.out


class TestDeciding:
    def test_from_a_finding_to_a_signature(self, ran, looked, world, clock):
        told = ran("review", "start", "--as", "noor")
        assert told.status == 0
        assert "Review 1 of main is started" in told.said
        assert "python3 -m bridge review keep 1 LINE" in told.said
        ben = line_of(ran, 1, BEN)["line"]
        assert ran("review", "show", "1").status == 1
        assert ran("review", "sign", "1").status == 1

        told = ran("review", "remove", "1", str(ben), "--yes", "--reason", "nobody knows him")
        assert "Case 1 is open for ben.oduya@example.com, due at 2026-11-20 09:01:01 UTC." in told.said
        run_for(looked, clock, minutes=3)
        assert world.membership(BEN) is None

        left = [each["line"] for each in ran("review", "show", "1", "--json").json["lines"]]
        told = ran("review", "keep", "1", f"1-{len(left)}", "--reason", "x")
        assert f"Line {ben} is to be removed: case 1 is at it." in told.err
        others = ",".join(str(n) for n in left if n != ben)
        told = ran("review", "keep", "1", others, "--reason", "seen with their managers")
        assert "Every line of review 1 is decided" in told.said

        told = ran("review", "sign", "1")
        digest = re.search(r"Digest ([0-9a-f]{64})", told.said)[1]
        assert "signed by lea" in told.said
        shown = ran("review", "show", "1")
        assert shown.status == 0
        assert f"by lea; digest {digest}" in shown.said
        assert "1 to remove, 0 open" in shown.said
        assert "[remove by lea, case 1: nobody knows him]" in shown.out
        assert ran("review", "list").said.endswith(f"signed 2026-11-20 09:03:01 UTC by lea; digest {digest}")
        assert ran("review", "list", "--json").json[0]["digest_holds"] is True

    def test_lines_of_one_kind_are_kept_together(self, ran, looked):
        number = str(started(ran))

        ran("review", "keep", number, "--only-found", "no_2fa", "--reason", "SSO only")

        lines = ran("review", "show", number, "--json").json["lines"]
        kept = {tuple(f["code"] for f in each["findings"]) for each in lines if each["decision"] == "keep"}
        assert kept == {("no_2fa",)}

    def test_all_members_can_be_asked_about(self, ran, looked):
        found = ran("review", "start", "--all", "--json").json

        assert all(each["needs_decision"] for each in found["lines"])

    def test_what_was_changed_after_the_signature_is_told(self, ran, looked):
        from bridge.store import tables as t

        number = started(ran)
        ran("review", "sign", str(number), "--leave-open", "a try")
        with looked.db.write() as tx:
            tx.execute(t.review_lines.update().where(t.review_lines.c.number == 1).values(email="x@example.com"))

        told = ran("review", "show", str(number))

        assert (told.status, "CHANGED SINCE" in told.said) == (1, True)
        assert ran("review", "show", str(number), "--json").json["review"]["digest_holds"] is False

    def test_nobody_is_removed_without_a_question_or_yes(self, ran, looked):
        number = str(started(ran))

        told = ran("review", "remove", number, "1")

        assert (told.status, "add --yes" in told.err) == (2, True)
        assert all_cases(looked) == []

    @pytest.mark.parametrize(
        ("words", "status", "said"),
        [
            (("keep", "1", "x", "--reason", "y"), 2, '"x" is no line number'),
            (("keep", "1", "3-1", "--reason", "y"), 2, "names no line"),
            (("keep", "1", "1-999999", "--reason", "y"), 2, "names no line"),
            (("keep", "1", "1", "--reason", " "), 2, "Say why"),
            (("keep", "1", "--reason", "y"), 1, "No line of review 1 is meant"),
            (("keep", "9", "1", "--reason", "y"), 1, "There is no review 9"),
            (("show", "9"), 1, "There is no review 9"),
            (("drop", "1", "--reason", ""), 2, "Say why"),
            (("sign", "1", "--digest", "000000000000"), 1, "has changed since you saw it"),
            (("sign", "1", "--digest", "0"), 2, "has 12 digits or more"),
            (("sign", "1", "--digest", " "), 2, "has 12 digits or more"),
        ],
    )
    def test_wrong_use_is_told_plainly(self, ran, looked, words, status, said):
        started(ran)

        told = ran("review", *words)

        assert (told.status, said in told.err) == (status, True)

    def test_a_dropped_review_is_kept_and_a_new_one_may_start(self, ran, looked):
        started(ran)
        assert "Review 1 of main is open" in ran("review", "start").err
        assert "`review show 1`" in ran("review").said

        assert "dropped by lea" in ran("review", "drop", "1", "--reason", "by mistake").said

        assert started(ran) == 2
        assert "DROPPED without a signature" in ran("review", "show", "1").said
