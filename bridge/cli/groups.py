"""`groups`: what identity providers have pushed, and what leaving each group takes away."""

from __future__ import annotations

import click

from bridge.cli import paper
from bridge.cli.connections import chosen
from bridge.cli.context import Context, command
from bridge.core.wording import counted, scope_words
from bridge.ports import Connection, GroupGrant
from bridge.store.groups import GroupView, listed


@command()
@click.argument("connection", required=False)
@paper.json_option
def groups(context: Context, *, connection: str | None, as_json: bool) -> None:
    """Lists the groups that were pushed: who is in them, and what leaving takes away."""
    bridge = context.bridge()
    asked = list(bridge.connections.values()) if connection is None else [chosen(bridge, connection)]
    with bridge.db.read() as tx:
        found = listed(tx, asked)
    if as_json:
        paper.as_json([_out(g) for g in found])
    elif not found:
        paper.line("No identity provider has pushed a group.")
    else:
        headings = ("CONNECTION", "GROUP", "MEMBERS", "LEAVING TAKES AWAY")
        paper.table(headings, [(g.connection, g.name, _members(g), _takes(g)) for g in found])
    if not as_json:
        for missing in _unseen(asked, found):
            paper.line(missing, fg="yellow")


def _unseen(connections: list[Connection], found: list[GroupView]) -> list[str]:
    seen = {(g.connection, grant) for g in found for grant in g.grants}
    return [
        f"{c.name} has pushed no group “{grant.name}”, which the configuration names."
        for c in connections
        for grant in c.groups
        if (c.name, grant) not in seen
    ]


def _members(group: GroupView) -> str:
    others = f", {counted(group.others, 'id')} of nobody here" if group.others else ""
    return f"{group.people}{others}"


def _takes(group: GroupView) -> str:
    return "; ".join(_said(grant) for grant in group.grants) or "nothing"


def _said(grant: GroupGrant) -> str:
    return f"{scope_words(grant.scope)} of {grant.target}"


def _out(group: GroupView) -> dict[str, object]:
    return {
        "connection": group.connection,
        "id": group.id,
        "name": group.name,
        "people": group.people,
        "unknown_members": group.others,
        "takes_away": [{"target": g.target, "scope": g.scope} for g in group.grants],
    }
