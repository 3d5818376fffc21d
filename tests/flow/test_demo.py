"""`demo` as a newcomer meets it: real processes, the story as it is printed, and what happens when it goes wrong."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import bridge
from bridge.cli.practice import MARK, fresh_folder
from bridge.cli.scenes import MEMBER, OWNER, Ending, wrong
from bridge.core.case import Case, CaseState
from bridge.core.events import EventKind, Subject
from bridge.ports import Declined
from bridge.sandbox.players import Seat, Snapshot, Visitor
from tests.conftest import START

PACKAGE = Path(bridge.__file__).parent.parent
MAYA = "maya.okafor@example.com"


class Demo:
    """One `demo`, in a terminal's place: a process group of its own, its words in a file."""

    def __init__(self, folder: Path, runtime: Path, *arguments: str) -> None:
        self.folder = folder
        self._out = folder / "out"
        environ = os.environ | {"PYTHONPATH": str(PACKAGE), "XDG_RUNTIME_DIR": str(runtime), "COLUMNS": "80"}
        if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # a `Run` was ended in this process before
            signal.signal(signal.SIGINT, signal.default_int_handler)
        with self._out.open("w") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "bridge.cli", "demo", *arguments],
                cwd=folder,
                env=environ | {"BRIDGE_STORE__URL": "sqlite:////nowhere/real.db"},
                stdout=out,
                stderr=subprocess.STDOUT,
                process_group=0,
            )

    @property
    def out(self) -> str:
        return self._out.read_text()

    @property
    def told(self) -> dict:
        return json.loads((self.folder / "data" / "demo" / "run.json").read_text())

    def until(self, words: str, seconds: float = 60.0) -> None:
        deadline = time.monotonic() + seconds
        while words not in self.out:
            assert self.process.poll() is None, self.out
            assert time.monotonic() < deadline, self.out
            time.sleep(0.05)

    def end(self, seconds: float = 110.0) -> int:
        return self.process.wait(timeout=seconds)


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.fixture(scope="module")
def runtime() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="rt-", dir="/tmp"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def once(tmp_path_factory, runtime) -> Iterator[Demo]:
    """One whole story. It is told while the tests before the last ones run, since it mostly waits."""
    folder = tmp_path_factory.mktemp("once")
    (folder / "data").mkdir()
    (folder / "data" / "bridge.db").write_text("somebody's own")
    demo = Demo(folder, runtime, "--once")
    yield demo
    demo.process.kill()
    demo.process.wait()


@pytest.fixture
def started(tmp_path, runtime, once) -> Iterator[Demo]:
    demo = Demo(tmp_path, runtime, "--once")
    demo.until("1. A member leaves")
    yield demo
    demo.process.kill()
    demo.process.wait()


@pytest.mark.process
def test_a_second_demonstration_on_the_same_folder_says_so(once, runtime):
    once.until("Before it begins")
    url = once.told["url"]
    second = subprocess.run(
        [sys.executable, "-m", "bridge.cli", "demo", "--once"],
        cwd=once.folder,
        env=os.environ | {"PYTHONPATH": str(PACKAGE), "XDG_RUNTIME_DIR": str(runtime)},
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
    )

    assert second.returncode == 3
    assert second.stderr.startswith("Another demo works in ")
    assert f"({url}). Stop it, or choose another folder with --data.\n" in second.stderr
    assert second.stderr.count("\n") == 1


@pytest.mark.process
def test_ctrl_c_during_the_story_ends_everything_warmly(started):
    pids = started.told["pids"]
    os.killpg(started.process.pid, signal.SIGINT)

    assert started.end(20) == 130
    assert "Stopping; the story is not over." in started.out
    assert "Traceback" not in started.out
    assert [name for name, pid in pids.items() if is_alive(pid)] == []
    assert not (started.folder / "data" / "demo" / "run.json").exists()


@pytest.mark.process
def test_a_bridge_that_is_killed_ends_the_story_with_the_reason(started):
    pids = started.told["pids"]
    os.kill(pids["supervisor"], signal.SIGKILL)

    assert started.end(40) == 1
    assert "The bridge ended in the middle of the story. `run` was killed (signal 9)" in started.out
    assert [name for name, pid in pids.items() if is_alive(pid)] == []


@pytest.mark.process
def test_when_the_demonstration_is_killed_nothing_is_left_of_it(started):
    pids = started.told["pids"]
    started.process.kill()
    started.process.wait()

    deadline = time.monotonic() + 15
    while any(is_alive(pid) for pid in pids.values()):
        assert time.monotonic() < deadline, [name for name, pid in pids.items() if is_alive(pid)]
        time.sleep(0.05)


@pytest.mark.process
def test_somebody_who_gets_in_again_and_again_is_told_as_not_expected(started):
    started.until("3. An admin")
    visitor = Visitor(started.told["sandbox"]["url"])
    with visitor:
        while started.process.poll() is None and "It is not as it should be" not in started.out:
            if visitor.look().level_of(MAYA) is None:
                visitor.sign_in(MAYA)
            time.sleep(0.2)
            if "HELD" in started.out:
                break

    assert started.end(60) == 1
    assert f"{MAYA}: expected CLOSED, out; it is HELD, a member." in " ".join(started.out.split())
    assert "for the third time after removal" in " ".join(started.out.split())


@pytest.mark.process
def test_the_story_is_told_and_ends_well(once):
    assert once.end() == 0, once.out
    story = " ".join(once.out.split())
    turning_points = (
        '"op": "replace", "value": {"active": false}',
        f"Removed {MAYA} (member) from the organization. PostHog answered 204.",
        "signs in with Google",
        "The person is a member again: return number 1",
        '"op": "Replace", "path": "active", "value": "False"',
        "Cancelled the owner invite to ivan.petrov@example.com. PostHog answered 204.",
        "Removed ivan.petrov@example.com (admin)",
        "PUT /Users/",
        "Stepped down samuel.adeyemi@example.com from owner to member.",
        "Promoted noor.haddad@example.com from admin to owner. PostHog answered 200.",
        "Looked again. Planned: step down grace.lindqvist@example.com",
        "Removed grace.lindqvist@example.com (member)",
        "PostHog Noor Haddad is an owner.",
        "12 removals in 60 minutes (4 done, 8 to come) in an organization that had 24 members; 4 go without approval.",
        "All 8 cases ended by themselves: active again in okta before anything was done.",
        f"{MAYA}: Closed: out of the organization, and stayed out.",
        "the chain holds",
        "All is as it should be.",
    )
    at = 0
    for point in turning_points:
        found = re.search(re.escape(point), story[at:])
        assert found is not None, f"{point!r} is not told after {story[max(0, at - 200) : at]!r}"
        at += found.end()
    assert "Looked at PostHog again:" in story
    for case_id in (1, 2, 3, 4, 5):
        assert re.search(rf"page +http://127\.0\.0\.1:\d+/cases/{case_id}\b", once.out)
    assert max(map(len, once.out.splitlines())) <= 80


@pytest.mark.process
def test_after_the_story_nothing_runs_and_what_is_kept_can_be_read(once, runtime):
    once.end()
    folder = once.folder / "data" / "demo"
    assert not (folder / "run.json").exists()
    shown = subprocess.run(
        [sys.executable, "-m", "bridge.cli", "--data", "data/demo", "cases", "--json"],
        cwd=once.folder,
        env=os.environ | {"PYTHONPATH": str(PACKAGE), "XDG_RUNTIME_DIR": str(runtime)},
        capture_output=True,
        text=True,
        check=True,
        timeout=20,
    )
    states = [case["state"] for case in json.loads(shown.stdout)]
    assert (len(states), states.count("CLOSED"), states.count("CANCELLED")) == (12, 4, 8)
    # Somebody's own `run` in the data folder was left alone, and so was a store that the environment names.
    assert (once.folder / "data" / "bridge.db").read_text() == "somebody's own"


def refused(folder: Path, **environ: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "bridge.cli", "demo", "--once"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(PACKAGE)} | environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
    )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert not (folder / "data").exists()
    return done.stderr


def test_a_configuration_is_refused_since_it_means_a_real_organization(tmp_path):
    (tmp_path / "config.toml").write_text('[targets.main]\norganization_id = "x"\n')
    assert "practice organization only, and config.toml configures a real one" in refused(tmp_path)


def test_a_target_in_the_environment_is_refused_too(tmp_path):
    organization = "01900000-0000-7000-8000-000000000000"
    told = refused(
        tmp_path,
        BRIDGE_TARGETS__MAIN__ORGANIZATION_ID=organization,
        BRIDGE_TARGETS__MAIN__API_KEY_ENV="POSTHOG_API_KEY",
    )
    assert "practice organization only, and the environment configures a real one" in told


def test_a_folder_that_no_demonstration_has_made_is_not_emptied(tmp_path):
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "thesis.txt").write_text("years of work")
    with pytest.raises(Declined, match="no demo has made it"), fresh_folder(tmp_path):
        pass
    assert (tmp_path / "demo" / "thesis.txt").exists()


def test_a_mark_that_leads_elsewhere_is_none(tmp_path):
    """Before, the file that it leads to was written over."""
    (tmp_path / "precious").write_text("mine")
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / MARK).symlink_to(tmp_path / "precious")
    with pytest.raises(Declined, match="no demo has made it"), fresh_folder(tmp_path):
        pass
    assert (tmp_path / "precious").read_text() == "mine"


def test_the_folder_of_an_earlier_demonstration_is_emptied(tmp_path):
    with fresh_folder(tmp_path) as folder:
        (folder / "bridge.db").touch()
        (folder / "queue").mkdir()
        (folder / "queue" / "socket").touch()
    with fresh_folder(tmp_path) as folder:
        assert not (folder / "bridge.db").exists()
        assert not (folder / "queue").exists()


BEFORE = Snapshot(
    members=(
        Seat(email="leaver@example.com", level=OWNER, uuid="leaver"),
        Seat(email="heir@example.com", level=8, uuid="heir"),
        Seat(email="stays@example.com", level=MEMBER, uuid="stays"),
    ),
    invites=("leaver@example.com", "new@example.com"),
)
AFTER = Snapshot(
    members=(
        Seat(email="heir@example.com", level=OWNER, uuid="heir"),
        Seat(email="stays@example.com", level=MEMBER, uuid="stays"),
    ),
    invites=("new@example.com",),
)
ENDINGS = (
    Ending(case_id=1, email="leaver@example.com", state=CaseState.CLOSED, is_member=False),
    Ending(case_id=2, email="stays@example.com", state=CaseState.CANCELLED, is_member=True),
)


def case(case_id: int, state: CaseState) -> Case:
    return Case(
        id=case_id,
        person_id=case_id,
        target="sandbox",
        state=state,
        source="okta",
        kind=EventKind.DEACTIVATE,
        subject=Subject(user_name="x@example.com"),
        opened_at=START,
        due_at=None,
    )


def problems(after: Snapshot = AFTER, removals: tuple[str, ...] = ("leaver",), **states: CaseState) -> list[str]:
    found = {
        1: case(1, states.get("leaver", CaseState.CLOSED)),
        2: case(2, states.get("stays", CaseState.CANCELLED)),
    }
    return wrong(ENDINGS, found, BEFORE, after, promoted=["heir@example.com"], removals=removals)


def test_a_story_that_went_well_has_nothing_wrong():
    assert problems() == []


def test_a_case_that_stands_elsewhere_is_wrong_although_the_person_is_out():
    assert problems(leaver=CaseState.WATCHING) == [
        "Case 1, leaver@example.com: expected CLOSED, out; it is WATCHING, out."
    ]


def test_a_closed_case_is_wrong_when_posthog_still_lists_the_person():
    after = replace(AFTER, members=(*AFTER.members, BEFORE.members[0]))
    assert problems(after) == ["Case 1, leaver@example.com: expected CLOSED, out; it is CLOSED, a member."]


def test_a_bystander_who_lost_access_or_level_is_wrong():
    assert problems(replace(AFTER, members=AFTER.members[:1])) == [
        "Case 2, stays@example.com: expected CANCELLED, a member; it is CANCELLED, out.",
        "stays@example.com should have level 1 and is no member any more.",
    ]
    lowered = replace(AFTER.members[0], level=8)
    assert problems(replace(AFTER, members=(lowered, AFTER.members[1]))) == [
        "heir@example.com should have level 15 and has level 8."
    ]


def test_strangers_invites_and_removals_of_others_are_wrong():
    stranger = Seat(email="stranger@example.com", level=MEMBER, uuid="stranger")
    assert problems(replace(AFTER, members=(*AFTER.members, stranger))) == [
        "stranger@example.com is a member and was none before."
    ]
    assert problems(replace(AFTER, invites=())) == [
        "The open invites should be for new@example.com; they are for nobody."
    ]
    assert problems(removals=("leaver", "stays")) == ["Somebody was removed who is no leaver of this story."]
