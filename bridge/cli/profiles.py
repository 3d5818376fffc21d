"""`profiles`: where the customer's own product keeps somebody as an end user, and deleting that on explicit order."""

from __future__ import annotations

import sys
from collections.abc import Mapping

import click

from bridge.cli import paper
from bridge.cli.addresses import unique
from bridge.cli.context import Context, command
from bridge.cli.targets import choose_target
from bridge.core.events import address_key
from bridge.core.wording import counted
from bridge.ports import Bridge
from bridge.store.audit import Entry


@command()
@click.argument("email")
@click.option("--target", help="The organization. [default: the only one]")
@click.option("--delete", "project", metavar="PROJECT", type=int, help="Delete those in this project, for good.")
@click.option("--with-events", is_flag=True, help="With --delete: their events and recordings, too.")
@click.option("--confirm", metavar="EMAIL", help="With --delete: the address again, where nobody can be asked.")
@paper.operator_option
@paper.json_option
def profiles(
    context: Context,
    *,
    email: str,
    target: str | None,
    project: int | None,
    with_events: bool,
    confirm: str | None,
    by: str,
    as_json: bool,
) -> None:
    """Lists the profiles that your product keeps of somebody as an end user.

    This is apart from offboarding: a removal never deletes a profile. Needs a key with person:read, or person:write to delete.
    """
    bridge = context.bridge()
    (address,) = unique([email])
    chosen = choose_target(bridge, target)
    remote = bridge.remote(chosen)
    if project is None:
        found, gaps = remote.tracked(address)
        if as_json:
            paper.as_json([{"project_id": t.project_id, "project": t.project, "count": t.count} for t in found])
            return
        paper.line(f"{counted(sum(t.count for t in found), 'profile')} of {address} in {chosen}.", bold=True)
        for each in found:
            paper.line(f"{each.project} ({each.project_id}): {each.count}", indent=2)
        for gap in gaps:
            paper.line(f"Not seen: {gap.what}. {gap.why} {gap.remedy}", indent=2, fg="yellow")
        return
    _be_sure(address, project, confirm, with_events=with_events)
    # Kept before it is sent: what cannot be taken back leaves a trace, whatever fails on the way.
    ordered: dict[str, object] = {"project": project, "with_events": with_events}
    _audit(bridge, chosen, by, "profiles.ordered", address, ordered)
    gone = remote.forget(address, project, with_events=with_events)
    facts = {"project": project, "profiles": gone.profiles, "with_events": gone.are_events_queued}
    _audit(bridge, chosen, by, "profiles.deleted", address, facts)
    if as_json:
        paper.as_json({"deleted": gone.profiles, "events_queued": gone.are_events_queued})
        return
    also = " Events and recordings follow in PostHog's weekly batch." if gone.are_events_queued else ""
    paper.line(f"{counted(gone.profiles, 'profile')} of {address} deleted in project {project}.{also}", fg="green")


def _audit(bridge: Bridge, target: str, by: str, kind: str, address: str, facts: Mapping[str, object]) -> None:
    now, personal = bridge.clock.now(), {"email": address}
    with bridge.db.write() as tx:
        tx.audit(Entry(at=now, kind=kind, actor=f"operator:{by}", target=target, facts=facts, personal=personal))


def _be_sure(address: str, project: int, confirm: str | None, *, with_events: bool) -> None:
    if confirm is None and sys.stdin.isatty() and sys.stdout.isatty():
        also = ", with all events and recordings" if with_events else ""
        paper.line(f"This deletes {address} as an end user of project {project}{also}, for good.", fg="red", bold=True)
        confirm = click.prompt("Type the address again to go on", default="")
    if confirm is None:
        raise click.UsageError("Nobody can be asked here: name the address again with --confirm. Nothing was deleted.")
    if address_key(confirm) != address_key(address):
        raise click.UsageError(f"{confirm} is not {address}. Nothing was deleted.")
