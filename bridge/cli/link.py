"""`link`: which PostHog account is whose. A held case goes on by itself afterwards."""

from __future__ import annotations

import sys
import uuid
from pathlib import Path

import click

from bridge import decisions
from bridge.cli import paper
from bridge.cli.addresses import refuse, rows
from bridge.cli.context import Context, command
from bridge.cli.targets import choose_target
from bridge.core.events import address_key
from bridge.core.wording import counted
from bridge.ports import BoundaryError, Bridge, Declined
from bridge.store import members


@command()
@click.argument("subject", required=False)
@click.argument("member", required=False)
@click.option("--not", "is_not", is_flag=True, help="The account is somebody else's.")
@click.option("--target", help="The organization. [default: the only one]")
@click.option(
    "--file",
    "csv_file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="CSV with two columns instead: subject, member.",
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@paper.operator_option
@paper.json_option
def link(
    context: Context,
    *,
    subject: str | None,
    member: str | None,
    is_not: bool,
    target: str | None,
    csv_file: Path | None,
    yes: bool,
    by: str,
    as_json: bool,
) -> None:
    """Says which PostHog account is whose.

    SUBJECT is an address, or the identity provider's id. MEMBER is the account's UUID, as holds name it, or the address of a member, which is looked up in PostHog. An account that is a leaver's is removed: that is asked about first.
    """
    bridge = context.bridge()
    chosen = choose_target(bridge, target)
    if csv_file is not None and subject is None:
        pairs = _pairs(csv_file)
    elif subject is not None and member is not None and csv_file is None:
        pairs = [(subject.strip(), member.strip())]
    else:
        raise click.UsageError("Name SUBJECT and MEMBER, or a file with --file.")
    accounts = _accounts(bridge, chosen, [member for _, member in pairs])
    if not (is_not or yes):
        _be_sure(bridge, chosen, [(who, accounts[member_name]) for who, member_name in pairs])
    linked = []
    for who, member_name in pairs:
        moved = decisions.link(bridge, who, accounts[member_name], chosen, by=by, is_theirs=not is_not)
        linked.append({"subject": who, "account": accounts[member_name], "cases": [c.id for c in moved]})
        if not as_json:
            verb = "is not" if is_not else "is"
            goes_on = f" Planned anew now: case {', '.join(str(c.id) for c in moved)}." if moved else ""
            paper.line(f"{who} {verb} account {accounts[member_name]} in {chosen}.{goes_on}", fg="green")
    if as_json:
        paper.as_json(linked)
    elif len(pairs) > 1:
        paper.line(f"{counted(len(pairs), 'link')} kept.")


def _be_sure(bridge: Bridge, target: str, pairs: list[tuple[str, str]]) -> None:
    """Whoever is linked to a leaver goes with them: shows who that is, and asks."""
    going = [(cases, who, account) for who, account in pairs if (cases := decisions.leaving_as(bridge, who, target))]
    if not going:
        return
    with bridge.db.read() as tx:
        for cases, who, account in going:
            member = members.one(tx, target, account)
            named = f"{member.email} ({member.level.word})" if member else f"the account {account}"
            paper.line(f"{who} is to be out of {target} (case {cases[0].id}): {named} is taken out, too.", err=True)
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise click.UsageError("Nobody can be asked here: add --yes when this is right. Nothing was linked.")
    click.confirm(f"Link {counted(len(going), 'account')}?", abort=True)


def _pairs(file: Path) -> list[tuple[str, str]]:
    lines = rows(file)
    if lines and [cell.lower() for cell in lines[0][1][:2]] == ["subject", "member"]:
        lines.pop(0)
    wrong = [
        f"{file}, line {number}: two columns are needed, subject and member."
        for number, cells in lines
        if len([cell for cell in cells if cell]) != 2
    ]
    refuse(wrong)
    return [(cells[0], cells[1]) for _, cells in lines]


def _accounts(bridge: Bridge, target: str, members: list[str]) -> dict[str, str]:
    """The account's UUID for each way in which a member was named. Raises `Declined`, and what the target raises."""
    found = {}
    by_address: dict[str, str] | None = None
    for name in members:
        try:
            found[name] = str(uuid.UUID(name))
            continue
        except ValueError:
            pass
        if "@" not in name:
            raise click.UsageError(f'"{name}" is neither an account\'s UUID nor an address.')
        if by_address is None:
            by_address = _members(bridge, target)
        if address_key(name) not in by_address:
            raise Declined(
                f"{name} is no member of {target}.", remedy="Look the account up in PostHog, and give its UUID."
            )
        found[name] = by_address[address_key(name)]
    return found


def _members(bridge: Bridge, target: str) -> dict[str, str]:
    try:
        remote = bridge.remote(target)
        organization = remote.observe(remote.key_owner().user_uuid, bridge.clock.now())
    except BoundaryError as trouble:
        click.echo(f"The members of {target} cannot be looked up here; give the account's UUID instead.", err=True)
        raise trouble from None
    return {m.address: m.user_uuid for m in organization.members}
