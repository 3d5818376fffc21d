"""`examples`: the documents in docs/examples, made from a quarter that is played through in the sandbox.

Everything is the real thing but the clock, which is moved by hand, and the address, which reads like that of PostHog
Cloud and leads nowhere: the sandbox answers in this process.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from bridge import decisions, inquiries, intake, reconcile, reviewing
from bridge.cli import paper
from bridge.cli.context import Context, command
from bridge.cli.develop import ROOT
from bridge.core.events import Reason, Subject
from bridge.core.policy import Mode, Policy
from bridge.core.record import Record
from bridge.core.reviewed import Kind
from bridge.ports import Bridge, Connection, QueueState, TargetSettings
from bridge.remotes.posthog import PostHogTarget
from bridge.sandbox.inside import transport
from bridge.sandbox.people import ORGANIZATION_ID, default_world
from bridge.sandbox.world import World
from bridge.store import batches, cases, db, reviews, targets, todos

FOLDER = ROOT / "docs" / "examples"
URL = "https://eu.posthog.com"
KEY = "phx_example_of_a_key_that_opens_nothing"
BEGINS = datetime(2026, 10, 5, 7, 0, tzinfo=UTC)
ENDS = datetime(2027, 1, 4, 8, 30, tzinfo=UTC)
POLICY = Policy(mode=Mode.ENFORCE, successors=("noor.haddad@example.com",))
IN_OKTA = ("maya.okafor", "alice.moreau", "ben.oduya", "chiara.russo", "daniel.kim", "elif.yilmaz", "kavya.nair")
DPO = "No reportable breach: two exports, both of aggregated orders, no personal data. Decided by Ada Byrne, data protection officer."


@dataclass
class HandClock:
    """A clock that is moved by the story."""

    time: datetime = BEGINS

    def now(self) -> datetime:
        """The story's time."""
        return self.time


@dataclass
class NoBell:
    """Nobody is rung for: the story does what is due."""

    rung: list[str] = field(default_factory=list)

    def ring(self, target: str) -> None:
        """Keep it."""
        self.rung.append(target)

    def look(self) -> QueueState:
        """There is no queue."""
        return QueueState(is_reachable=True)


class Story:
    """A quarter in one organization, as the bridge lives it."""

    def __init__(self, data_dir: Path) -> None:
        self.clock = HandClock()
        self.world: World = default_world(self.clock.now, KEY)
        db.upgrade(f"sqlite:///{data_dir}/bridge.db", data_dir)
        settings = TargetSettings(name="main", kind="posthog", url=URL, organization_id=ORGANIZATION_ID)
        remote = PostHogTarget(url=URL, organization_id=ORGANIZATION_ID, api_key=KEY, transport=transport(self.world))
        self.bridge = Bridge(
            db=db.open_database(f"sqlite:///{data_dir}/bridge.db", data_dir),
            clock=self.clock,
            bell=NoBell(),
            connections={name: Connection(name=name, kind=name, targets=("main",)) for name in ("okta", "entra")},
            targets={"main": settings},
            policies={"main": POLICY},
            remote=lambda _name: remote,
        )
        with self.bridge.db.write() as tx:
            targets.ensure(tx, ["main"])
            targets.want_look(tx, "main", self.clock.now())

    def at(self, moment: datetime) -> None:
        """Let the time go by until then, and do what falls due: closely after something happened, else now and then."""
        self._do_what_is_due()
        while self.clock.time < moment:
            step = timedelta(minutes=1) if self._is_busy() else timedelta(minutes=10)
            self.clock.time = min(self.clock.time + (step if self._has_open() else moment - self.clock.time), moment)
            self._do_what_is_due()

    def write(self, connection: str, name: str, change: Callable[[Record], Record]) -> None:
        """What the identity provider writes about a person; the record is made when it is the first time."""
        record_id = f"{connection}-{name}"
        now, address = self.clock.now(), f"{name}@example.com"
        new = Record(
            id=record_id,
            connection=connection,
            resource_type="User",
            user_name=address,
            external_id=f"00uEXAMPLE{name.partition('.')[0]}",
            body={"emails": [{"value": address, "type": "work", "primary": True}]},
            is_active=True,
            created_at=now,
            modified_at=now,
        )
        with self.bridge.db.read() as tx:
            is_known = _knows(tx, connection, record_id)
        speaker = self.bridge.connections[connection]
        if not is_known:
            intake.change(self.bridge, speaker, "User", None, lambda _: new)
        intake.change(self.bridge, speaker, "User", record_id, lambda record: change(record or new))

    def leaves(self, *names: str, connection: str = "okta") -> None:
        """They are deactivated at the identity provider."""
        for name in names:
            self.write(connection, name, lambda record: replace(record, is_active=False))

    def is_active(self, *names: str, connection: str = "okta") -> None:
        """They are assigned to the app at the identity provider."""
        for name in names:
            self.write(connection, name, lambda record: replace(record, is_active=True))

    def tick(self, case_id: int, by: str, **answers: str) -> None:
        """Somebody ticks items of a checklist, each with its answer."""
        with self.bridge.db.read() as tx:
            asked = {t.kind: t for t in todos.todos(tx, case_id=case_id)}
        for kind, answer in answers.items():
            name = kind.replace("__", ":")
            if name in asked:
                decisions.tick(self.bridge, asked[name].id, by=by, answer=answer)

    def _do_what_is_due(self) -> None:
        for _ in range(50):
            due = reconcile.due_targets(self.bridge)
            if not due:
                break
            for name in due:
                reconcile.run_pass(self.bridge, name)
        if inquiries.are_wanted(self.bridge, "main"):
            inquiries.run(self.bridge, "main")

    def _has_open(self) -> bool:
        with self.bridge.db.read() as tx:
            return any(c.state.is_open for c in cases.select_cases(tx)) or inquiries.are_wanted(self.bridge, "main")

    def _is_busy(self) -> bool:
        """Whether somebody's case moved within the last quarter of an hour."""
        now = self.clock.now()
        with self.bridge.db.read() as tx:
            found = cases.select_cases(tx, limit=20)
        moved = [m for c in found for m in (c.opened_at, c.removed_at, c.closed_at) if m is not None]
        return any(timedelta(0) <= now - m < timedelta(minutes=15) for m in moved)


def play(story: Story) -> None:
    """The quarter: somebody leaves and comes back, a mistake, a contractor, an emergency, a removal by hand."""
    bridge, world = story.bridge, story.world
    story.at(BEGINS + timedelta(minutes=1))
    story.is_active(*IN_OKTA)
    story.is_active("kavya.nair", connection="entra")

    story.at(datetime(2026, 10, 12, 15, 2, tzinfo=UTC))  # case 1: a member leaves, and logs in again after lunch
    story.leaves("maya.okafor")
    story.at(datetime(2026, 10, 12, 18, 47, tzinfo=UTC))
    world.login("maya.okafor@example.com")
    story.at(datetime(2026, 10, 15, 9, 12, tzinfo=UTC))
    story.tick(1, "lea", personal_keys="none in CI; her notebook's key was hers alone", slack="", documents="")
    story.tick(
        1, "lea", subscriptions="now to orders@example.com", alerts="Noor is subscribed", handover="Alice Moreau"
    )

    story.at(datetime(2026, 10, 27, 10, 31, tzinfo=UTC))  # cases 2 to 6: five at once, of whom two do leave
    story.leaves("alice.moreau", "ben.oduya", "chiara.russo", "daniel.kim", "elif.yilmaz")
    story.at(datetime(2026, 10, 27, 10, 40, tzinfo=UTC))
    with bridge.db.read() as tx:
        batch = batches.waiting_batches(tx)[0]
        chosen = [c.id for c in batch.cases if c.label.startswith(("ben", "daniel"))]
    reason = "Both moved to the sister company; People Ops, 26 October."
    decisions.release_batch(bridge, batch.id, batch.digest, by="lea", reason=reason, only=chosen)
    story.is_active("alice.moreau", "chiara.russo", "elif.yilmaz")

    story.at(datetime(2026, 11, 3, 16, 5, tzinfo=UTC))  # case 7: a contractor's last day
    _remove(bridge, "luca.ferrari", by="lea", reason=Reason.CONTRACT_ENDED, note="last day")

    story.at(datetime(2026, 11, 20, 22, 0, tzinfo=UTC))  # case 8: an admin, fired at 23:00 in Berlin
    _last_week_of_ivan(world, story.clock.now())
    story.clock.time += timedelta(seconds=20)
    _remove(bridge, "ivan.petrov", by="samuel", reason=Reason.SECURITY_INCIDENT, note="fired", is_emergency=True)
    story.at(datetime(2026, 11, 21, 8, 30, tzinfo=UTC))
    story.tick(8, "samuel", incident_report="read with Ada Byrne", breach=DPO, known_keys="webhook secret replaced")

    story.at(datetime(2026, 11, 25, 9, 0, tzinfo=UTC))  # by hand, beside the bridge
    world.remove_member("wei.zhang@example.com", by="grace.lindqvist@example.com")

    story.at(datetime(2026, 12, 14, 12, 0, tzinfo=UTC))  # case 9: gone in Okta, active in Entra
    story.leaves("kavya.nair")
    story.at(datetime(2026, 12, 15, 9, 0, tzinfo=UTC))
    _review(story)  # case 10: a member whom nobody knows
    story.at(datetime(2026, 12, 17, 9, 0, tzinfo=UTC))


def _review(story: Story) -> None:
    """The yearly access review: everybody is looked at, one is to go, and it is signed."""
    bridge = story.bridge
    review = reviewing.start(bridge, "main", by="noor")
    with bridge.db.read() as tx:
        asked = [k for k in reviews.lines_in(tx, review.id) if k.is_undecided]
    gone = [k.number for k in asked if k.line.email.startswith("oskar.nowak")]
    invites = [k.number for k in asked if k.line.kind is Kind.INVITE and k.number not in gone]
    rest = [k.number for k in asked if k.number not in {*gone, *invites}]
    story.at(story.clock.now() + timedelta(minutes=12))
    reviewing.remove(bridge, review.id, gone, by="noor", reason="in no team's list")
    reviewing.keep(bridge, review.id, invites, by="noor", reason="lea asks the people she invited")
    reviewing.keep(bridge, review.id, rest, by="noor", reason="People Ops list of 14 December")
    story.at(story.clock.now() + timedelta(minutes=20))
    reviewing.sign(bridge, review.id, by="grace")


def _last_week_of_ivan(world: World, now: datetime) -> None:
    """What the activity log has of him; the last rows are from an evening and an address that nobody knows."""
    office, elsewhere = "203.0.113.20", "198.51.100.23"
    for hours, activity, scope, name, address, changes in (
        (150, "updated", "Dashboard", "Company numbers", office, []),
        (101, "updated", "HogFunction", "Orders to a webhook", office, [_change("enabled", False, True)]),
        (53, "created", "FeatureFlag", "invoice-by-mail", office, []),
        (27, "exported", "Insight", "Orders by week", elsewhere, []),
        (26.8, "exported", "Insight", "Refunds", elsewhere, []),
        (26.5, "sharing enabled", "Dashboard", "Revenue", elsewhere, []),
        (26.2, "created", "PersonalAPIKey", "laptop", elsewhere, []),
    ):
        world.add_deed(
            "ivan.petrov@example.com",
            activity,
            scope,
            name=name,
            project=2101 if scope in {"Dashboard", "HogFunction", "FeatureFlag", "Insight"} else None,
            at=now - timedelta(hours=hours),
            client="web",
            ip_address=address,
            detail={"changes": changes},
        )
    world.add_invite("i.petrov@mail.example", 1, by="ivan.petrov@example.com", created_at=now - timedelta(hours=3))


def _change(name: str, before: object, after: object) -> dict[str, object]:
    return {"type": "HogFunction", "action": "changed", "field": name, "before": before, "after": after}


def _remove(bridge: Bridge, name: str, *, by: str, reason: Reason, note: str, is_emergency: bool = False) -> None:
    subject = Subject(user_name=f"{name}@example.com", emails=(f"{name}@example.com",))
    decisions.remove(bridge, subject, "main", by=by, reason=reason, note=note, is_emergency=is_emergency)


@command()
@click.option(
    "--folder", type=click.Path(path_type=Path, file_okay=False), default=FOLDER, help="[default: docs/examples]"
)
def examples(context: Context, folder: Path) -> None:
    """Makes the documents in docs/examples anew, from a quarter that is played in the sandbox."""
    logging.getLogger("bridge").setLevel(logging.WARNING)
    folder.mkdir(parents=True, exist_ok=True)
    with played() as bridge:
        for name, arguments in DOCUMENTS.items():
            text = _printed(bridge, *arguments)
            file = folder / name
            file.write_text(text)
            file.chmod(0o644)  # unlike all else that this program writes, for everybody
            paper.line(f"{name}: {len(text.splitlines())} lines", dim=True)
    del context


DOCUMENTS = {
    "removal-record.md": ("report", "1"),
    "removal-record.json": ("report", "1", "--format", "json"),
    "checklist.md": ("checklist", "8", "--format", "md"),
    "incident-report.md": ("report", "8", "--incident"),
    "access-review.md": ("review", "show", "1", "--format", "md"),
    "quarter-2026Q4.md": ("report", "--quarter", "2026Q4", "--timezone", "Europe/Berlin"),
    "quarter-2026Q4.csv": ("report", "--quarter", "2026Q4", "--timezone", "Europe/Berlin", "--format", "csv"),
}
"""Each document with the command that prints it."""


@contextmanager
def played() -> Iterator[Bridge]:
    """The bridge at the end of the story; gone afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        story = Story(Path(folder))
        try:
            play(story)
            story.clock.time = ENDS
            yield story.bridge
        finally:
            story.bridge.db.close()


def _printed(bridge: Bridge, *arguments: str) -> str:
    """What the command prints about the story."""
    from click.testing import CliRunner

    from bridge.cli import cli

    context = Context()
    context.__dict__["_bridge"] = bridge
    done = CliRunner().invoke(cli, list(arguments), obj=context, catch_exceptions=False)
    return done.stdout


def _knows(tx: db.Tx, connection: str, record_id: str) -> bool:
    from bridge.store import records

    return records.find(tx, connection, "User", record_id) is not None
