"""Asking twice before an emergency takes out somebody who is on the list of protected people."""

from __future__ import annotations

import sys
from collections.abc import Collection, Sequence

import click

from bridge.cli import paper
from bridge.core.events import address_key
from bridge.ports import Bridge


def confirmed(
    bridge: Bridge, target: str, named: Sequence[str], said: Collection[str], *, may_ask: bool
) -> frozenset[str]:
    """Those of the named people who are protected and are to go all the same: named again, or typed again when asked.

    Whoever is not among them is not left out: the case is opened, and holds as `protected`.
    Raises: `click.UsageError` when somebody is said to be protected who is not.
    """
    listed = bridge.policies[target].protected
    hit = [address for address in named if address_key(address) in listed]
    again = {address_key(address) for address in said}
    strangers = again - {address_key(address) for address in hit}
    if strangers:
        raise click.UsageError(
            f"Not both named here and on the list of protected people: {', '.join(sorted(strangers))}."
        )
    sure = {address for address in hit if address_key(address) in again}
    is_terminal = sys.stdin.isatty() and sys.stdout.isatty()
    for address in hit:
        if address in sure:
            continue
        paper.line(f"{address} is on the list of protected people (break-glass accounts).", fg="red", bold=True)
        if not (may_ask and is_terminal):
            paper.line(f"The case will be held. To take the account out: --even-protected {address}", indent=2)
            continue
        typed = click.prompt("Type the address again to take it out all the same, or Enter to hold", default="")
        if address_key(typed) == address_key(address):
            sure.add(address)
    return frozenset(sure)
