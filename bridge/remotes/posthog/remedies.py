"""What to do about each thing that PostHog may say no to: every remedy of this folder, in one place.

May import: the standard library.
"""

from __future__ import annotations

KEY = (
    "Make a new personal API key in PostHog (Settings, Personal API keys) and put it where the target's "
    "api_key_env or api_key_file points. Keys belong to one region: a key from us.posthog.com is unknown at "
    "eu.posthog.com and the other way round, so look at the target's url, too."
)
REDIRECT = (
    "Set the target's url to the address that answers without a redirect: https://us.posthog.com or "
    "https://eu.posthog.com for PostHog Cloud (not app.posthog.com, and no i.posthog.com host), or your own host "
    "with https."
)
ORGANIZATION_ID = (
    "Set organization_id to the organization's UUID (PostHog, Settings, Organization; or `id` in GET "
    "/api/organizations/). A slug or @current is not accepted. Look at the region in the target's url, too."
)
NOT_OPEN = "Nothing to set: PostHog keeps this call for browser sessions. Please report it together with the version."
PROJECT_KEY = "Make the key anew without choosing projects: limit it to the organization instead."
ORGANIZATION_KEY = "Make the key anew and choose this organization, or set organization_id to the one it was made for."
KEYS_FORBIDDEN = (
    "Make the key's account an owner of the organization, or allow personal API keys for members in its settings."
)
NO_ACCESS = (
    "See whether the key's account is still a member of this organization, and, if the organization enforces verified "
    "domains, whether the account's address is in one of them."
)
LEVEL_ADMIN = "Make the key's account an owner of the organization; at the least an admin, who can remove non-owners."
LEVEL_OWNER = "Make the key's account an owner: PostHog lets nobody else step an owner down."
LEVEL_RULE = (
    "PostHog's level rules forbid it to this key: its account must be an owner to change owners and an admin to change "
    "others, and nobody may change their own level."
)
OWNER_STAYS = "PostHog removes no owner: the level has to be lowered first. The next look plans that."
GONE = "The next look at the organization shows whether the person is gone."
REFUSED = "Look at the text from PostHog; if it makes no sense to you, report it together with the version."
THROTTLED = "Wait. If it lasts, look which other scripts use this key, and give the bridge one of its own."
UNREACHABLE = "See whether the target's url is right and reachable from here, and what PostHog's status page says."
SHAPE = "Look whether the url really is PostHog's; if it is, report this together with the version."
PLAN = (
    "Nothing to set: the organization's PostHog plan does not have it. Look at it in PostHog by hand, or have the plan "
    "changed (PostHog, Settings, Billing)."
)
OLDER = (
    "Nothing to set: this version of PostHog does not offer it, or not at this address. Look at it in PostHog by hand; "
    "a newer self-hosted version may have it."
)
LEVEL_PROJECT = (
    "Make the key's account an owner of the organization: owners and admins may look into and change every project."
)
THERE_ALREADY = "Nothing to do: it is so already. The next look shows it."
FEWER = "Invite fewer people at once; the bridge invites one at a time, so report this together with the version."
LOOK_AGAIN = "Look again and repeat it: what it was about has gone or changed since the last look."
OURS = "Please report it together with the version: the bridge should not have asked like this."
ACCOUNT_STAYS = (
    "PostHog deletes no account that is still a member somewhere; only its owner can, after leaving everywhere."
)
INVITE_ANEW = "Send a new invite; PostHog's are for one address and hold for three days."
SHORTER = "Ask for a shorter stretch of time, or read the rest in PostHog (Settings, Activity logs)."
CREATOR = "Look at them in PostHog by hand: this version does not say who made them."
CERTIFICATE = (
    "When this PostHog has a certificate of your own authority, name the authority's file in the target's ca_file; "
    "otherwise see whether the url's host is the one in its certificate."
)
DOMAINS = "Give the service account an address in a verified domain, or the organization locks its key out."
PENDING_DELETION = "Nothing needs to be removed from an organization that is being deleted: take the target out."
PLAIN_HTTP = "Use https: over plain http everybody on the way can read the key."
NOT_FOR_API = {
    "app.posthog.com": "https://us.posthog.com",
    "posthog.com": "https://us.posthog.com or https://eu.posthog.com",
    "www.posthog.com": "https://us.posthog.com or https://eu.posthog.com",
    "us.i.posthog.com": "https://us.posthog.com",
    "eu.i.posthog.com": "https://eu.posthog.com",
}
"""PostHog hosts that do not serve the private API, and where it is instead. Source: PostHog docs, API overview."""


def scope(name: str) -> str:
    """What to do about a scope that the key lacks."""
    return f"Add the scope {name} to the key (PostHog, Settings, Personal API keys, Edit)."
