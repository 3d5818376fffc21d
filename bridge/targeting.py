"""One target's table of the configuration: which PostHog organization, where, and where its key is to be read from.

May import: `reading`, `ports`.
"""

from __future__ import annotations

import ipaddress
import uuid
from pathlib import Path
from urllib.parse import urlsplit

from bridge.ports import TargetSettings
from bridge.reading import Table

SANDBOX = "sandbox"
"""The target to practise on."""


def target(table: Table) -> TargetSettings:
    """The target that the table describes; every mistake is noted on the table."""
    table.check_name()
    url = _target_url(table)
    key_env, key_file = table.text("api_key_env", ""), table.text("api_key_file", "")
    if bool(key_env) == bool(key_file):
        table.fail("api_key_env", "say where the API key is: either api_key_env or api_key_file.")
    if key_env.startswith("phx_"):
        table.fail("api_key_env", "this is the key itself: name the variable that holds it, and make a new key.")
    return TargetSettings(
        name=table.name,
        kind=table.one_of("kind", ("posthog",), "posthog"),
        url=url,
        organization_id=_organization_id(table),
        api_key_env=key_env,
        api_key_file=key_file,
        ca_file=_ca_file(table),
        is_self_hosted=table.name != SANDBOX and not is_cloud(url),
    )


def _ca_file(table: Table) -> str:
    """The file with the private authority's certificates: it must be there at the start, not at the first removal."""
    file = table.text("ca_file", "")
    if not file:
        return ""
    try:
        is_one = "-----BEGIN CERTIFICATE-----" in Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not a text file"
        table.fail("ca_file", f"{file} cannot be read: {reason}.")
        return ""
    if not is_one:
        table.fail("ca_file", f"{file} holds no certificate in PEM form (-----BEGIN CERTIFICATE-----).")
    return str(Path(file).absolute())


def is_cloud(url: str) -> bool:
    """Whether the address is PostHog's own."""
    host = urlsplit(url).hostname or ""
    return host == "posthog.com" or host.endswith(".posthog.com")


def _target_url(table: Table) -> str:
    url = table.text("url", "https://us.posthog.com").rstrip("/")
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        table.fail("url", f'"{url}" is not an address such as "https://eu.posthog.com".')
    elif parts.scheme == "http" and not is_loopback(parts.hostname):
        table.fail("url", "the API key would travel in clear text: use https.")
    elif parts.path and not is_cloud(url) and not parts.path.endswith("/api"):
        if parts.query or parts.fragment or parts.username:
            table.fail(
                "url", f'only scheme, host and path belong here: "{parts.scheme}://{parts.hostname}{parts.path}".'
            )
    elif parts.path or parts.query or parts.fragment or parts.username:
        table.fail("url", f'only scheme and host belong here: "{parts.scheme}://{parts.hostname}".')
    return url


def _organization_id(table: Table) -> str:
    text = table.text("organization_id", "")
    try:
        return str(uuid.UUID(text))
    except ValueError:
        table.fail("organization_id", "must be the organization's id, a UUID (PostHog: Settings, Organization).")
        return ""


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach that host."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
