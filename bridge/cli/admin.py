"""`admin`: getting into the status page."""

from __future__ import annotations

import click

from bridge.cli.context import Command, Context, Group
from bridge.cli.tokens import base_url
from bridge.login import new_login_token


@click.group(cls=Group)
def admin() -> None:
    """The status page's door."""


@admin.command(cls=Command)
@click.make_pass_decorator(Context, ensure=True)
def link(context: Context) -> None:
    """Prints a link to the status page. It works once; links made before it work no longer."""
    settings = context.settings()
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    click.echo(f"{base_url(context)}/login?token={new_login_token(settings.data_dir)}")
