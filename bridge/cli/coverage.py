"""`coverage`: which PostHog members an identity provider speaks for, and whose leaving would never be heard of."""

from __future__ import annotations

import csv
import sys
from collections.abc import Sequence
from datetime import timedelta

import click

from bridge.cli import looking, paper
from bridge.cli.context import DONE, NEEDS_A_PERSON, Context, command
from bridge.core.cells import csv_cell
from bridge.core.wording import ago, counted, rfc3339
from bridge.ports import Bridge
from bridge.store import contract
from bridge.store.coverage import Coverage, Standing, of_target


@command()
@click.option("--target", help="The organization. [default: all]")
@click.option("--all", "shows_all", is_flag=True, help="List those who are covered too.")
@click.option("--fresh", is_flag=True, help="Have PostHog looked at now, whatever the age of the last look.")
@click.option(
    "--wait", metavar="SECONDS", type=click.FloatRange(0), default=30, show_default=True, help="How long for a look."
)
@click.option("--csv", "as_csv", is_flag=True, help="Print everybody as CSV.")
@paper.json_option
def coverage(
    context: Context, *, target: str | None, shows_all: bool, fresh: bool, wait: float, as_csv: bool, as_json: bool
) -> None:
    """Says which members an identity provider speaks for.

    Whoever is assigned to the SSO app but not to the bridge's app would never be deprovisioned. Exit status 1 when there is such a member.
    """
    bridge = context.bridge()
    if target is not None and target not in bridge.targets:
        raise click.UsageError(f'There is no target "{target}". There is {", ".join(bridge.targets)}.')
    found = [_look(bridge, t, wait, fresh=fresh) for t in ([target] if target else bridge.targets)]
    if as_json:
        paper.as_json({c.target: contract.coverage_out(c, c.members) for c in found})
    elif as_csv:
        _print_csv(found)
    else:
        for each in found:
            _print(bridge, each, shows_all=shows_all)
    context.leave(NEEDS_A_PERSON if any(c.to_look_at for c in found) else DONE)


def summary(found: Coverage) -> str:
    """How much is covered, in one sentence without its full stop."""
    who = " and ".join(found.connections) or "nobody: no SCIM connection speaks for it"
    return f"{found.covered} of {counted(len(found.people), 'person', 'people')} covered by {who}"


def _look(bridge: Bridge, target: str, wait: float, *, fresh: bool) -> Coverage:
    if fresh:
        looking.seen(bridge, target, wait_seconds=wait, within=timedelta(0))
    else:
        looking.seen(bridge, target, wait_seconds=wait)
    with bridge.db.read() as tx:
        return of_target(tx, target, bridge.connections.values(), bridge.policies[target])


def _print(bridge: Bridge, found: Coverage, *, shows_all: bool) -> None:
    assert found.as_of is not None
    paper.line(f"{found.target}: {summary(found)}, as of {ago(found.as_of, bridge.clock.now())}.", bold=True)
    listed = found.members if shows_all else found.uncovered
    if listed:
        headings = ("MEMBER", "LEVEL", "COVERED BY", "REMARKS")
        paper.table(headings, [_row(s) for s in listed])
    if found.to_look_at:
        told = "is" if found.to_look_at == 1 else "are"
        paper.line()
        paper.line(
            f"{counted(found.to_look_at, 'member')} {told} spoken for by nobody: their leaving would never be heard of. "
            "Assign them to the bridge's app at the identity provider, as they are to the SSO app; or they are to have no "
            "access, and `remove` takes them out.",
            fg="yellow",
        )


def _row(standing: Standing) -> tuple[str, ...]:
    member = standing.member
    covered = " ".join(standing.covered_by) or "-"
    return member.email, member.level.word, covered, ", ".join(standing.remarks)


def _print_csv(found: Sequence[Coverage]) -> None:
    out = csv.writer(sys.stdout)
    out.writerow(("target", "email", "name", "level", "covered_by", "remarks", "as_of"))
    for each in found:
        for standing in each.members:
            member = standing.member
            named = (each.target, member.email, member.name, member.level.word)
            said = (" ".join(standing.covered_by), ", ".join(standing.remarks), rfc3339(each.as_of) or "")
            out.writerow([csv_cell(cell) for cell in (*named, *said)])
