"""`check`: whether everything that is needed is there, before it is needed, and how to mend what is not."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import click

from bridge.cli import paper
from bridge.cli.context import DONE, NEEDS_A_PERSON, UNREACHABLE, Context, command
from bridge.config import ConfigError, Settings
from bridge.core.events import address_key
from bridge.core.policy import Mode
from bridge.core.wording import counted, lasting
from bridge.ports import SCIM_KINDS, BoundaryError, Bridge, Finding, Target
from bridge.store import groups, reach, surroundings, targets, views, ways
from bridge.store.db import head_revision

MOST_SKEW = timedelta(seconds=5)
"""How far this machine's clock and the database's may be apart: leases last eight seconds."""
COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}


@dataclass(frozen=True, kw_only=True)
class Told:
    """A finding and the part that it is about."""

    part: str
    finding: Finding


@command()
@paper.json_option
def check(context: Context, *, as_json: bool) -> None:
    """Says what is not as it must be, and how to mend it.

    Configuration, database, queue, tokens, and each target with its key. Exit status 1 when a person should look at something, 3 when a needed part cannot be used.
    """
    found = []
    for told in _all(context):
        found.append(told)
        if not as_json:
            _print(told)
    grades = {t.finding.grade for t in found}
    if as_json:
        paper.as_json(
            [
                {"part": t.part, "grade": t.finding.grade, "what": t.finding.what, "remedy": t.finding.remedy}
                for t in found
            ]
        )
    else:
        bad = sum(t.finding.grade != "ok" for t in found)
        paper.line()
        paper.line(f"{counted(bad, 'finding')} to look at." if bad else "All is well.", bold=True)
    context.leave(UNREACHABLE if "fail" in grades else NEEDS_A_PERSON if "warn" in grades else DONE)


def _all(context: Context) -> Iterator[Told]:
    settings = context.settings()
    for finding in _about_configuration(settings):
        yield Told(part="configuration", finding=finding)
    try:
        bridge = context.bridge()
        with bridge.db.write() as tx:
            targets.ensure(tx, bridge.targets)
    except ConfigError as error:
        what, remedy = error.problems
        yield Told(part="database", finding=Finding(grade="fail", what=what, remedy=remedy))
        return
    except Exception as trouble:  # noqa: BLE001 - whatever a database driver raises is this check's finding
        said = str(trouble).partition("\n")[0]
        remedy = "Mend store.url or the database; everything else needs it."
        yield Told(part="database", finding=Finding(grade="fail", what=f"cannot be used: {said}", remedy=remedy))
        return
    for finding in _about_database(bridge):
        yield Told(part="database", finding=finding)
    for finding in _about_queue(settings, bridge):
        yield Told(part="queue", finding=finding)
    for name in bridge.connections:
        for finding in _about_connection(bridge, name):
            yield Told(part=name, finding=finding)
    for name in bridge.targets:
        for finding in _about_target(bridge, name):
            yield Told(part=name, finding=finding)


def _about_configuration(settings: Settings) -> Iterator[Finding]:
    where = "none; this is a sandbox" if settings.is_sandbox else str(settings.config_file or "from the environment")
    yield Finding(grade="ok", what=where)
    mode = stat.S_IMODE(settings.data_dir.stat().st_mode) if settings.data_dir.exists() else 0
    if mode & 0o077:
        yield Finding(
            grade="warn",
            what=f"others on this machine can look into {settings.data_dir}",
            remedy=f"chmod 700 {settings.data_dir}",
        )
    for name, policy in settings.policies.items():
        if policy.mode is Mode.OBSERVE:
            yield Finding(grade="ok", what=f'{name} only observes: nobody is removed until policy.mode is "enforce"')


def _about_database(bridge: Bridge) -> Iterator[Finding]:
    yield Finding(grade="ok", what=f"takes writes; its schema is {head_revision()}, which is this version's")
    now = bridge.clock.now()
    with bridge.db.read() as tx:
        skew = abs(tx.lease_now(now) - bridge.clock.now())
        newest = views.newest_entry_at(tx)
    if skew > MOST_SKEW:
        yield Finding(
            grade="warn",
            what=f"its clock and this machine's are {lasting(skew)} apart",
            remedy="Have both keep time with NTP: due times go by this machine's clock.",
        )
    elif newest is not None and newest - now > MOST_SKEW:
        yield Finding(
            grade="warn",
            what=f"it holds an entry from {lasting(newest - now)} in the future: this machine's clock is late",
            remedy="Set the clock (NTP). Until it has caught up, removals that are due then wait.",
        )
    else:
        yield Finding(grade="ok", what="its clock and this machine's agree")


def _about_queue(settings: Settings, bridge: Bridge) -> Iterator[Finding]:
    state = bridge.bell.look()
    if state.is_reachable:
        workers = counted(state.workers, "worker")
        if state.workers:
            yield Finding(grade="ok", what=f"reachable, {state.depth} waiting, {workers}")
        else:
            yield Finding(
                grade="warn", what="reachable, but no worker listens", remedy="Start `run`, or `worker` and `sweep`."
            )
    elif settings.queue.url:
        yield Finding(
            grade="fail", what="queue.url does not answer", remedy="Start that Redis or Valkey, or mend queue.url."
        )
    else:
        yield from _about_own_queue(settings)


def _about_own_queue(settings: Settings) -> Iterator[Finding]:
    from bridge.queue_server import QueueServerError, find_binary

    try:
        binary = find_binary(settings.queue.server_binary)
    except QueueServerError as trouble:
        yield Finding(grade="fail", what=f"`run` could not start one: {trouble}")
        return
    if (settings.data_dir / "run.json").exists():
        remedy = "Read the log of `run`; it starts the queue server again by itself. If nothing runs, start `run`."
        yield Finding(grade="fail", what="the server of this data folder does not answer", remedy=remedy)
    else:
        yield Finding(grade="ok", what=f"not running; `run` starts {binary.name}")


def _about_connection(bridge: Bridge, name: str) -> Iterator[Finding]:
    if bridge.connections[name].kind not in SCIM_KINDS:
        return
    now, connection = bridge.clock.now(), bridge.connections[name]
    with bridge.db.read() as tx:
        found = reach.of_each(tx, [connection])[name]
        seen = {grant for group in groups.listed(tx, [connection]) for grant in group.grants}
    live = found.live(now)
    if live:
        yield Finding(grade="ok", what=counted(len(live), "live token"))
    elif not found.tokens:
        yield Finding(
            grade="warn", what="has no token yet: its identity provider cannot knock", remedy=f"`token create {name}`"
        )
    for what, remedy in reach.troubles(found, now):
        yield Finding(grade="warn", what=what, remedy=remedy)
    for grant in connection.groups:
        if grant not in seen:
            yield Finding(
                grade="warn",
                what=f"its configuration names the group “{grant.name}”, and no such group was pushed",
                remedy=f"Push it, or mend its name; `groups {name}` lists those that were.",
            )


def _about_target(bridge: Bridge, name: str) -> Iterator[Finding]:
    try:
        remote = bridge.remote(name)
        findings = remote.check()
    except BoundaryError as trouble:
        yield Finding(grade="fail", what=str(trouble), remedy=trouble.remedy)
        return
    yield from findings
    if not any(f.grade == "fail" for f in findings):
        yield from _about_key_owner(bridge, name, remote)
        yield from _about_surroundings(bridge, name)


def _about_key_owner(bridge: Bridge, name: str, remote: Target) -> Iterator[Finding]:
    try:
        owner = remote.key_owner()
    except BoundaryError as trouble:
        yield Finding(grade="fail", what=f"whose key it is cannot be told: {trouble}", remedy=trouble.remedy)
        return
    with bridge.db.read() as tx:
        known = views.knowers(tx, address_key(owner.email))
    if known:
        yield Finding(
            grade="warn",
            what=f"the key belongs to {owner.email}, a person whom {' and '.join(known)} knows: when that person "
            "leaves, the bridge loses its hands",
            remedy=f"Make an owner account in {name} that is nobody's, and give the bridge its key.",
        )
    else:
        yield Finding(grade="ok", what=f"the key belongs to {owner.email}, who is no person of a connection")


def _about_surroundings(bridge: Bridge, name: str) -> Iterator[Finding]:
    """What else the last look around showed of ways back, and what it could not see: no trouble for a removal."""
    with bridge.db.read() as tx:
        gaps = surroundings.last(tx, name).gaps
        found = ways.of_target(tx, name).ways
    for way in found:
        if not way.is_open:  # the open ones were found just now, by asking
            yield Finding(grade="ok", what=way.what, remedy=way.remedy)
    for gap in gaps:
        yield Finding(grade="ok", what=f"not seen at the last look around: {gap.what}. {gap.why}", remedy=gap.remedy)


def _print(told: Told) -> None:
    finding = told.finding
    mark = click.style(f"{finding.grade:<5}", fg=COLOURS.get(finding.grade), bold=finding.grade != "ok")
    click.echo(mark, nl=False)
    paper.hanging(f"{told.part}: {finding.what}", 5)
    if finding.remedy and finding.grade != "ok":
        paper.line(finding.remedy, indent=7, fg="cyan")
