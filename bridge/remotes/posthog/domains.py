"""Authentication domains: whose addresses are the organization's own, and who becomes a member by logging in.

Source: PostHog, posthog/api/organization_domain.py. May import: `client`, `lists`, `shapes`, `core`, `ports`.
"""

from __future__ import annotations

from typing import Any

from bridge.core.surroundings import Domain
from bridge.ports import Applied, Unexpected
from bridge.remotes.posthog import shapes
from bridge.remotes.posthog.client import PostHogClient
from bridge.remotes.posthog.lists import Reads, whole_list


def read_domains(client: Reads, organization_path: str, page_size: int) -> tuple[Domain, ...]:
    """All authentication domains, by name.

    Raises: Unavailable, Refused, Unexpected.
    """
    found = whole_list(client, f"{organization_path}/domains/", "domains", limit=page_size)
    return tuple(sorted((_domain(row) for row in found), key=lambda d: d.domain))


def switch_jit_off(client: PostHogClient, organization_path: str, domain_id: str) -> Applied:
    """Stop the domain from making members of people who log in.

    Raises: Unavailable, Refused; Unexpected when PostHog says yes and shows it still on.
    """
    answer = client.write("PATCH", f"{organization_path}/domains/{domain_id}/", {"jit_provisioning_enabled": False})
    if shapes.value_at(answer.body, "jit_provisioning_enabled") is not False:
        raise Unexpected(
            f"{answer.status} to PATCH of a domain, whose jit_provisioning_enabled is not false afterwards"
        )
    return Applied(status=answer.status)


def _domain(row: dict[str, Any]) -> Domain:
    return Domain(
        domain_id=shapes.text(row, "id", "domains"),
        domain=shapes.text(row, "domain", "domains").lower(),
        is_verified=shapes.value_at(row, "is_verified") is True,
        is_jit_enabled=shapes.value_at(row, "jit_provisioning_enabled") is True,
        sso_enforcement=shapes.optional_text(row, "sso_enforcement"),
        has_saml=shapes.value_at(row, "has_saml") is True,
        has_scim=shapes.value_at(row, "has_scim") is True,
    )
