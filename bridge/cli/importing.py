"""`import`: records from PostHog's member list, so that an identity provider's first matching finds them."""

from __future__ import annotations

import click

from bridge import seeding
from bridge.cli import looking, paper
from bridge.cli.connections import chosen
from bridge.cli.context import Context, command
from bridge.core.wording import ago, counted
from bridge.ports import SCIM_KINDS
from bridge.seeding import Seeded

MOST_LISTED = 20
"""Addresses that are printed one by one; `--json` has all."""


@command("import")
@click.argument("connection")
@click.option("--target", help="Only this target's members. [default: all of the connection's targets]")
@click.option("--dry-run", is_flag=True, help="Only show what would be done.")
@click.option(
    "--wait", metavar="SECONDS", type=click.FloatRange(0), default=30, show_default=True, help="How long for a look."
)
@paper.operator_option
@paper.json_option
def import_(
    context: Context, *, connection: str, target: str | None, dry_run: bool, wait: float, by: str, as_json: bool
) -> None:
    """Makes records of the members that PostHog has already.

    The identity provider finds them when it matches for the first time. Nobody is removed, invited or made inactive by it, and a second run makes nothing twice.
    """
    bridge = context.bridge()
    found = chosen(bridge, connection)
    if found.kind not in SCIM_KINDS:
        raise click.UsageError(f'{connection} is "{found.kind}", which keeps no records here.')
    if target is not None and target not in found.targets:
        raise click.UsageError(f'{connection} does not speak for "{target}", but for {", ".join(found.targets)}.')
    names = [target] if target else list(found.targets)
    looked = {name: looking.seen(bridge, name, wait_seconds=wait) for name in names}
    done = seeding.seed(bridge, found, names, by=by, is_dry_run=dry_run)
    if as_json:
        paper.as_json(_out(done, is_dry_run=dry_run))
        return
    now = bridge.clock.now()
    for name, at in looked.items():
        paper.line(f"Members of {name} as of {ago(at, now)}.")
    _tell(connection, done, is_dry_run=dry_run)


def _tell(connection: str, done: Seeded, *, is_dry_run: bool) -> None:
    verb = "would be made" if is_dry_run else "made"
    paper.line(f"{counted(len(done.made), 'record')} {verb} for {connection}; {done.known} known already.", bold=True)
    for address in done.made[:MOST_LISTED]:
        paper.line(address, indent=2)
    if len(done.made) > MOST_LISTED:
        paper.line(f"and {len(done.made) - MOST_LISTED} more; --json has them all", indent=2)
    if done.left_out:
        paper.line("Left out:")
    for each in done.left_out[:MOST_LISTED]:
        paper.line(f"{each.email}: {each.why}", indent=2)
    if len(done.left_out) > MOST_LISTED:
        paper.line(f"and {len(done.left_out) - MOST_LISTED} more; --json has them all", indent=2)
    if is_dry_run:
        paper.line("Nothing was kept: this was a dry run.")
    elif done.made:
        paper.line(
            "Now let the identity provider match (docs/setup-okta.md, docs/setup-entra.md). Until it touches a record, "
            "that person is not covered; `coverage` shows who is left.",
            fg="green",
        )


def _out(done: Seeded, *, is_dry_run: bool) -> dict[str, object]:
    return {
        "dry_run": is_dry_run,
        "made": list(done.made),
        "known": done.known,
        "left_out": [{"email": each.email, "why": each.why} for each in done.left_out],
    }
