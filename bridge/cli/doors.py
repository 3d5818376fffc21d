"""`ways-back`, `close-way`: how somebody who was removed could come back, and closing what the bridge can close."""

from __future__ import annotations

import sys
from datetime import datetime

import click

from bridge.cli import paper
from bridge.cli.context import DONE, NEEDS_A_PERSON, Context, command
from bridge.cli.targets import choose_target
from bridge.core.organization import Invite
from bridge.core.plan import CancelInvite
from bridge.core.surroundings import Domain
from bridge.core.wording import ago, utc
from bridge.ports import Applied, Bridge, Declined
from bridge.store import invites, surroundings, targets, ways
from bridge.store.audit import Entry
from bridge.store.ways import Ways


@command("ways-back")
@click.option("--target", help="The organization. [default: the only one]")
@click.option("--fresh", is_flag=True, help="Look around now, instead of telling what the last look showed.")
@paper.json_option
def ways_back(context: Context, *, target: str | None, fresh: bool, as_json: bool) -> None:
    """Lists how people who were removed could come back, and what closes each way.

    Those that one person has besides are in `case ID`. Exit status 1 when one is open.
    """
    bridge = context.bridge()
    chosen = choose_target(bridge, target)
    if fresh:
        _look_around(bridge, chosen)
    with bridge.db.read() as tx:
        found = ways.of_target(tx, chosen)
    if as_json:
        paper.as_json(ways.ways_out(found))
    elif not found.ways and found.as_of is not None and not found.gaps:
        paper.line(f"No way back into {chosen} is open to everybody.", fg="green")
    else:
        tell_ways(context, found, bridge.clock.now())
    context.leave(NEEDS_A_PERSON if found.open else DONE)


@command("close-way")
@click.argument("kind", type=click.Choice(["jit", "invite"]))
@click.argument("name")
@click.option("--target", help="The organization. [default: the only one]")
@click.option("--yes", is_flag=True, help="Do not ask.")
@paper.operator_option
def close_way(context: Context, *, kind: str, name: str, target: str | None, yes: bool, by: str) -> None:
    """Closes one way back, in PostHog, now.

    `jit DOMAIN` stops the domain from making members of people who log in, and needs a key with organization:write. `invite ID` cancels one invite.
    """
    bridge = context.bridge()
    chosen = choose_target(bridge, target)
    if kind == "jit":
        domain = _domain(bridge, chosen, name)
        says = f"Nobody becomes a member of {chosen} by logging in with an address at {domain.domain} any more."
        _ask(f"Switch just-in-time provisioning off for {domain.domain} in {chosen}?", yes=yes)
        answer = bridge.remote(chosen).disable_jit(domain.domain_id)
        personal: dict[str, object] = {}
    else:
        invite = _invite(bridge, chosen, name)
        says = f"The {invite.level.word} invite to {invite.email} is cancelled."
        _ask(f"Cancel the {invite.level.word} invite to {invite.email} in {chosen}?", yes=yes)
        step = CancelInvite(invite_id=invite.invite_id, email=invite.email, level=invite.level)
        answer = bridge.remote(chosen).apply(step)
        personal = {"email": invite.email}
        if answer.was_gone:
            says = (
                f"The invite to {invite.email} was not there any more: it was accepted or cancelled before. "
                f"`review --fresh` shows whether {invite.email} is a member now."
            )
    _keep(bridge, chosen, kind, name, answer, by=by, personal=personal)
    paper.line(says, fg="yellow" if answer.was_gone else "green")
    context.leave(NEEDS_A_PERSON if answer.was_gone else DONE)


def tell_ways(context: Context, found: Ways, now: datetime) -> None:
    """Print the ways back with what closes each, and what could not be looked at."""
    paper.line()
    seen = f"; settings and domains seen {ago(found.as_of, now)}" if found.as_of else ""
    paper.line(f"Ways back{seen}", bold=True)
    if not found.ways:
        paper.line(
            "None was found."
            if found.as_of
            else "Settings and domains were not looked at yet; `ways-back --fresh` looks now.",
            indent=2,
        )
    for way in found.ways:
        since = f" (since {utc(way.since)})" if way.since else ""
        paper.line(f"{way.what}{since}", indent=2, fg="yellow" if way.is_open else None)
        if way.is_open:
            paper.line(way.remedy, indent=4)
        if way.command:
            paper.command_line(f"{paper.program(context)} {way.command}", indent=4)
    for gap in found.gaps:
        paper.line(f"Not seen: {gap.what}. {gap.why}", indent=2, dim=True)
        if gap.remedy:
            paper.line(gap.remedy, indent=4, dim=True)


def _look_around(bridge: Bridge, target: str) -> None:
    now = bridge.clock.now()
    seen = bridge.remote(target).surroundings(now)
    with bridge.db.write() as tx:
        surroundings.keep(tx, target, seen)


def _domain(bridge: Bridge, target: str, name: str) -> Domain:
    with bridge.db.read() as tx:
        seen = surroundings.last(tx, target).surroundings
    if seen is None or all(d.domain != name.lower() for d in seen.domains):
        _look_around(bridge, target)
        with bridge.db.read() as tx:
            seen = surroundings.last(tx, target).surroundings
    for domain in seen.domains if seen else ():
        if domain.domain == name.lower():
            return domain
    raise Declined(
        f"{name} is no authentication domain of {target}.", remedy="`ways-back --fresh` lists those with a way."
    )


def _invite(bridge: Bridge, target: str, invite_id: str) -> Invite:
    with bridge.db.read() as tx:
        found = [i for i in invites.kept(tx, target) if i.invite_id == invite_id.lower()]
    if not found:
        raise Declined(f"The last look at {target} listed no invite {invite_id}.", remedy="`case ID` names them.")
    return found[0]


def _ask(question: str, *, yes: bool) -> None:
    if yes:
        return
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise click.UsageError("Nobody can be asked here: add --yes when this is right. Nothing was changed.")
    click.confirm(question, abort=True)


def _keep(
    bridge: Bridge, target: str, kind: str, name: str, answer: Applied, *, by: str, personal: dict[str, object]
) -> None:
    now = bridge.clock.now()
    with bridge.db.write() as tx:
        if kind == "jit":
            seen = surroundings.last(tx, target).surroundings
            for domain in seen.domains if seen else ():
                if domain.domain == name.lower():
                    surroundings.note_jit_off(tx, target, domain.domain_id)
        targets.want_look(tx, target, now)
        facts = {"way": kind, "name": name, "status": answer.status}
        tx.audit(
            Entry(at=now, kind="way.closed", actor=f"operator:{by}", target=target, facts=facts, personal=personal)
        )
    bridge.bell.ring(target)
