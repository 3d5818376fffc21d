"""`rehearse`: walks one throwaway member through a real organization, and tells where PostHog is not as we believe."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from datetime import timedelta

import click

from bridge.cli import paper
from bridge.cli.context import DONE, NEEDS_A_PERSON, Context, command
from bridge.cli.targets import choose_target
from bridge.core.events import address_key
from bridge.core.wording import counted, rfc3339
from bridge.ports import Bridge
from bridge.rehearsal import Outcome, Rehearsal, Rehearsed
from bridge.store import members, people, views
from bridge.store.audit import Entry

COLOURS = {Outcome.AS_BELIEVED: "green", Outcome.DIFFERENT: "red", Outcome.NOT_SEEN: "yellow"}
MARKS = {Outcome.AS_BELIEVED: "ok", Outcome.DIFFERENT: "DIFF", Outcome.NOT_SEEN: "-"}


@command()
@click.option("--target", help="The organization. [default: the only one]")
@click.option("--email", metavar="ADDRESS", required=True, help="A throwaway address whose mail you can read.")
@click.option("--throwaway", is_flag=True, help="The address may be a member already: that account is a throwaway.")
@click.option(
    "--wait", "minutes", type=paper.Number(1, 120), default=15, show_default=True, help="Minutes to accept in."
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@paper.operator_option
@paper.json_option
def rehearse(
    context: Context,
    *,
    target: str | None,
    email: str,
    throwaway: bool,
    minutes: int,
    yes: bool,
    by: str,
    as_json: bool,
) -> None:
    """Walks one throwaway member through a real organization.

    Invites it, waits until you have accepted, makes it an admin, an owner and a member again, removes it, and compares each of PostHog's answers with what the bridge believes. Leaves nothing behind but the account. Exit status 0 when it went to its end and all is as believed, else 1.
    """
    bridge = context.bridge()
    chosen = choose_target(bridge, target)
    rehearsal = Rehearsal(
        remote=bridge.remote(chosen),
        email=email.strip(),
        now=bridge.clock.now,
        say=lambda text: paper.line(text, err=as_json),
        pause=time.sleep,
        patience=timedelta(minutes=minutes),
        is_named_throwaway=throwaway,
    )
    if "@" not in rehearsal.email:
        raise click.UsageError(f'"{email}" is no address.')
    rehearsal.refuse_who_must_not_be_touched(_untouchable(bridge, chosen, rehearsal.email))
    _ask(chosen, rehearsal.email, yes=yes)
    began = bridge.clock.now()
    _audit(bridge, chosen, by, "rehearsal.begun", email=rehearsal.email)
    found = rehearsal.walk()
    _audit(bridge, chosen, by, "rehearsal.ended", email=rehearsal.email, found=found)
    if as_json:
        paper.as_json(
            {
                "target": chosen,
                "email": rehearsal.email,
                "began_at": rfc3339(began),
                "ended_at": rfc3339(bridge.clock.now()),
                "checks": [
                    {"name": c.name, "expected": c.expected, "seen": c.seen, "outcome": c.outcome.value}
                    for c in found.checks
                ],
                "differences": len(found.differences),
                "is_whole": found.is_whole,
                "left_behind": list(found.left_behind),
            }
        )
    else:
        _tell(found, rehearsal.email)
    context.leave(DONE if found.is_as_believed and found.is_whole else NEEDS_A_PERSON)


def _untouchable(bridge: Bridge, target: str, email: str) -> Iterator[str]:
    """Addresses that are somebody's: nobody is to be invited, promoted and removed by way of trying."""
    policy = bridge.policies[target]
    yield from policy.protected
    yield from policy.successors
    key = address_key(email)
    with bridge.db.read() as tx:
        accounts = [m.user_uuid for m in members.kept(tx, target) if m.address_key == key]
        if views.knowers(tx, key) or any(people.has_holder(tx, target, account) for account in accounts):
            yield key


def _ask(target: str, email: str, *, yes: bool) -> None:
    if yes:
        return
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise click.UsageError("Nobody can be asked here: add --yes when this is right. Nothing was sent.")
    paper.line(
        f"{email} will be invited to {target}, made an admin, an owner and a member again, and removed. Members with "
        "notices about joining switched on will get one."
    )
    click.confirm("Go on?", abort=True)


def _tell(found: Rehearsed, email: str) -> None:
    paper.line()
    for check in found.checks:
        click.echo(click.style(f"{MARKS[check.outcome]:<5}", fg=COLOURS[check.outcome], bold=True), nl=False)
        said = check.seen if check.outcome is Outcome.AS_BELIEVED else f"{check.seen} (believed: {check.expected})"
        paper.hanging(f"{check.name}: {said}", 5)
    paper.line()
    for left in found.left_behind:
        paper.line(f"Left behind: {left}. Remove it in PostHog.", fg="red", bold=True)
    if found.differences:
        paper.line(
            f"{counted(len(found.differences), 'difference')}. Please report them with PostHog's version, and let the "
            "bridge only observe until you know what they mean.",
            bold=True,
        )
    elif not found.is_whole:
        paper.line("The walk ended early: what comes after the last line was not tried.", bold=True)
    elif not found.left_behind:
        paper.line("All that was seen is as believed, and nothing is left behind.", bold=True)
    paper.line(f"The account {email} itself lives on in PostHog; its owner can delete it there.")


def _audit(bridge: Bridge, target: str, by: str, kind: str, *, email: str, found: Rehearsed | None = None) -> None:
    facts: dict[str, object] = {}
    if found is not None:
        facts = {"checks": len(found.checks), "differences": [c.name for c in found.differences]}
    now = bridge.clock.now()
    with bridge.db.write() as tx:
        personal = {"email": email}
        tx.audit(Entry(at=now, kind=kind, actor=f"operator:{by}", target=target, facts=facts, personal=personal))
