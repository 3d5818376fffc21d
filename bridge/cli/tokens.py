"""`token`: the SCIM bearer tokens with which identity providers knock."""

from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime, time, timedelta

import click

from bridge.cli import connections, paper
from bridge.cli.context import Command, Context, Group
from bridge.core.wording import ago, rfc3339, utc
from bridge.ports import Declined
from bridge.reading import DURATION, SECONDS
from bridge.store import reach, tokens
from bridge.store.audit import Entry
from bridge.store.tokens import Token

OPERATOR_NAME = re.compile(r"[\w.@-]{1,55}", re.ASCII)
"""With its prefix it fits the column of a token's owner."""


@click.group(cls=Group)
def token() -> None:
    """Bearer tokens: an identity provider's for SCIM, an operator's for the API.

    Shown once; two live ones are possible for each connection and each operator.
    """


@token.command(cls=Command)
@click.argument("connection", required=False)
@click.option("--operator", metavar="NAME", help="A token for the API instead, that decides in this name.")
@click.option("--expires", metavar="WHEN", help='Worthless after "180d", or from 2027-06-30 on. [default: never]')
@paper.operator_option
@click.make_pass_decorator(Context, ensure=True)
def create(context: Context, *, connection: str | None, operator: str | None, expires: str | None, by: str) -> None:
    """Prints a new token, once and alone, so that it can be piped."""
    bridge = context.bridge()
    if (connection is None) == (operator is None):
        raise click.UsageError("Name one connection, or one operator with --operator.")
    if operator is not None:
        if not OPERATOR_NAME.fullmatch(operator):
            raise click.UsageError("An operator's name has letters, digits, dots, dashes and @, at most 55.")
        owner = tokens.OPERATOR + operator
    else:
        owner = connections.chosen(bridge, connection or "").name
    now = bridge.clock.now()
    until = None if expires is None else _end(expires, now)
    with bridge.db.write() as tx:
        try:
            clear = tokens.create(tx, owner, now, until)
        except tokens.TooManyTokens as error:
            remedy = (
                f"`token list {connection or ''}` shows which one is not used any more; `token revoke ID` makes room."
            )
            raise Declined(str(error), remedy=remedy) from None
        made = tokens.listed(tx, owner)[-1]
        facts = {"connection": owner, "token": made.id, "expires_at": rfc3339(until)}
        tx.audit(Entry(at=now, kind="token.created", actor=f"operator:{by}", facts=facts))
    if operator is not None:
        click.echo(f"API: {base_url(context)}/api/v1, deciding as operator:{operator}", err=True)
        click.echo(f"Token {made.id}, shown this once; send it as a bearer token:", err=True)
    else:
        click.echo(f"SCIM base URL: {base_url(context)}/scim/v2/{connection}", err=True)
        click.echo(f"Token {made.id}, shown this once; the identity provider sends it as a bearer token:", err=True)
    click.echo(clear)


@token.command("list", cls=Command)
@click.argument("connection", required=False)
@paper.json_option
@click.make_pass_decorator(Context, ensure=True)
def list_(context: Context, *, connection: str | None, as_json: bool) -> None:
    """Lists tokens: how they begin, when they were last used, whether they still open anything."""
    bridge = context.bridge()
    if connection is not None:
        connections.chosen(bridge, connection)
    now = bridge.clock.now()
    with bridge.db.read() as tx:
        found = tokens.listed(tx, connection)
        reached = reach.of_each(tx, bridge.connections.values())
    if as_json:
        paper.as_json([_out(t, now) for t in found])
    elif not found:
        paper.line("There are no tokens. `token create CONNECTION` makes one.")
    else:
        headings = ("TOKEN", "CONNECTION", "BEGINS", "STATE", "CREATED", "LAST USED")
        paper.table(headings, [_row(t, now) for t in found])
        for each in reached.values():
            ending = each.ends_soon(now) if connection in {None, each.connection.name} else None
            if ending is not None:
                for what, remedy in reach.troubles(each, now):
                    paper.line(f"{each.connection.name}: {what}. {remedy}", fg="yellow")


@token.command(cls=Command)
@click.argument("token_id", metavar="ID", type=paper.NUMBER)
@paper.operator_option
@click.make_pass_decorator(Context, ensure=True)
def revoke(context: Context, *, token_id: int, by: str) -> None:
    """Makes a token worthless at once."""
    bridge = context.bridge()
    now = bridge.clock.now()
    with bridge.db.write() as tx:
        gone = tokens.revoke(tx, token_id, now)
        if gone is None:
            raise Declined(f"There is no live token {token_id}.", remedy="`token list` shows them.")
        facts = {"connection": gone.connection, "token": gone.id}
        tx.audit(Entry(at=now, kind="token.revoked", actor=f"operator:{by}", facts=facts))
        left = [t for t in tokens.listed(tx, gone.connection) if t.is_live(now)]
    paper.line(f"Token {token_id} of {gone.connection} opens nothing any more.", fg="green")
    if not left:
        whose = "its programs are" if gone.connection.startswith(tokens.OPERATOR) else "its identity provider is"
        paper.line(f"{gone.connection} has no live token now: {whose} locked out.", fg="yellow")


def state(found: Token, now: datetime) -> str:
    """`live`, `revoked` or `expired`."""
    if found.revoked_at is not None:
        return "revoked"
    return "live" if found.is_live(now) else "expired"


def _row(found: Token, now: datetime) -> tuple[str, ...]:
    words = state(found, now)
    if words == "live" and found.expires_at is not None:
        words += f", ends {ago(found.expires_at, now)}"
    used = ago(found.last_used_at, now) if found.last_used_at else "never"
    return str(found.id), found.connection, f"{found.hint}…", words, utc(found.created_at), used


def _out(found: Token, now: datetime) -> dict[str, object]:
    return {
        "id": found.id,
        "connection": found.connection,
        "hint": found.hint,
        "state": state(found, now),
        "created_at": rfc3339(found.created_at),
        "expires_at": rfc3339(found.expires_at),
        "revoked_at": rfc3339(found.revoked_at),
        "last_used_at": rfc3339(found.last_used_at),
    }


def _end(text: str, now: datetime) -> datetime:
    """When a token ends: after a duration, or at the beginning of a day in UTC."""
    match = DURATION.fullmatch(text.strip())
    try:
        if match is not None:
            until = now + timedelta(seconds=float(match[1]) * SECONDS[match[2]])
        else:
            until = datetime.combine(date.fromisoformat(text.strip()), time(), UTC)
    except OverflowError:
        raise click.BadParameter(f'"{text}" is too long.', param_hint="--expires") from None
    except ValueError:
        told = f'"{text}" is neither a duration such as "180d" nor a day such as 2027-06-30.'
        raise click.BadParameter(told, param_hint="--expires") from None
    if until <= now:
        raise click.BadParameter(f'"{text}" is over already.', param_hint="--expires")
    return until


def base_url(context: Context) -> str:
    """The address under which we are reached: configured, else that of the `run` that works, else as it would be."""
    settings = context.settings()
    if settings.server.public_url:
        return settings.server.public_url
    try:
        return str(json.loads((settings.data_dir / "run.json").read_text(encoding="utf-8"))["url"])
    except (OSError, ValueError, KeyError):
        return f"http://{settings.server.host}:{settings.server.port}"
