"""The state of the sandbox and what may happen to it: people join, leave, are invited, log in, and come back.

Everything here is PostHog's side of the wire, as Python methods for tests and demonstrations; `app` puts HTTP on it.
May import: `records`, `saved`, `throttle`.
"""

from __future__ import annotations

import hashlib
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from bridge.sandbox.records import MEMBER, Account, Call, Domain, Invite, Key, Membership, Organization
from bridge.sandbox.saved import read_tables, write_tables
from bridge.sandbox.throttle import Throttle

CALLS_KEPT = 50_000
"""Calls remembered in the log; the oldest half goes when there are more, so that a long demonstration stays small."""


class InviteRefused(Exception):
    """PostHog does not let this invite be accepted; the text is what the person reads."""


@dataclass(frozen=True, kw_only=True)
class Login:
    """How one log-in ended.

    `outcome`: `refused` (inactive, or SSO is enforced by another provider), `unknown` (no account and no way in),
    `member` (was one), `outsider` (logged in, in no home organization), `invited` or `jit` (joined just now).
    """

    outcome: str
    account: Account | None = None
    level: int | None = None


class World:
    """One PostHog instance. The first organization added is `home`; methods mean it unless told otherwise.

    `now` returns the time, aware. `path`: where the world is saved after each change, or `None` for memory only.
    `is_throttling` and `sends_retry_after` may be switched at any time.
    """

    def __init__(self, now: Callable[[], datetime], path: Path | None = None) -> None:
        self.now = now
        self.path = path
        self.is_throttling = True
        self.sends_retry_after = True
        self.throttle = Throttle()
        self.calls: list[Call] = []
        self.accounts: dict[str, Account] = {}
        self.organizations: dict[str, Organization] = {}
        self.memberships: dict[str, Membership] = {}
        self.invites: dict[str, Invite] = {}
        self.keys: dict[str, Key] = {}
        self.domains: dict[str, Domain] = {}
        self._lock = threading.RLock()

    # -- kept on disk ------------------------------------------------------------------------------------------------

    def save(self, path: Path | None = None) -> None:
        """Write the whole world as JSON; a reader sees the old file or the new one, never half of one."""
        target = path or self.path
        if target is None:
            raise ValueError("The world was not saved: it has no path. Give one, or make the world with one.")
        with self._lock:
            write_tables(target, self._tables())

    @classmethod
    def load(cls, path: Path, now: Callable[[], datetime]) -> Self:
        """The world that was saved at `path`, saved there again after each change."""
        world = cls(now, path)
        for name, rows in read_tables(path).items():
            world._tables()[name].update(rows)
        return world

    def _tables(self) -> dict[str, dict[str, Any]]:
        return {
            "organizations": self.organizations,
            "accounts": self.accounts,
            "memberships": self.memberships,
            "invites": self.invites,
            "keys": self.keys,
            "domains": self.domains,
        }

    def put(self, row: Organization | Account | Membership | Invite | Key | Domain) -> None:
        """Save a whole row, new or changed. As at PostHog, nothing checks that it was still there."""
        with self._lock:
            key = row.uuid if isinstance(row, Account) else row.id
            self._tables()[row.TABLE][key] = row
            self._changed()

    def drop(self, row: Membership | Invite) -> None:
        """Delete one row, and nothing else. A dropped member's current organization becomes another or none."""
        with self._lock:
            self._tables()[row.TABLE].pop(row.id, None)
            if isinstance(row, Membership):
                account = self.accounts[row.user]
                if account.current_organization == row.organization:
                    others = [m.organization for m in self.memberships.values() if m.user == row.user]
                    self.put(replace(account, current_organization=others[0] if others else None))
            self._changed()

    def log(self, call: Call) -> None:
        """Remember one answered request."""
        with self._lock:
            self.calls.append(call)
            if len(self.calls) > CALLS_KEPT:
                del self.calls[: CALLS_KEPT // 2]

    def _changed(self) -> None:
        if self.path is not None:
            self.save()

    # -- looking -----------------------------------------------------------------------------------------------------

    @property
    def home(self) -> Organization:
        """The organization that was added first."""
        return next(iter(self.organizations.values()))

    def account(self, email: str) -> Account | None:
        """The account with that address in any case, or `None`."""
        wanted = email.lower()
        return next((a for a in list(self.accounts.values()) if a.email.lower() == wanted), None)

    def membership(self, email: str, organization: str | None = None) -> Membership | None:
        """The person's membership, or `None`."""
        account = self.account(email)
        return None if account is None else self.membership_of(account.uuid, organization or self.home.id)

    def membership_of(self, user: str, organization: str) -> Membership | None:
        """The account's membership in that organization, or `None`."""
        rows = list(self.memberships.values())
        return next((m for m in rows if m.user == user and m.organization == organization), None)

    def level_of(self, email: str) -> int | None:
        """The person's level in the home organization (1, 8 or 15), or `None` for nobody's."""
        membership = self.membership(email)
        return None if membership is None else membership.level

    def members(self, organization: str | None = None) -> list[tuple[Account, Membership]]:
        """Who is in the organization, deactivated accounts included, newest first."""
        wanted = organization or self.home.id
        rows = [m for m in list(self.memberships.values()) if m.organization == wanted]
        rows.sort(key=lambda m: (m.joined_at, m.id), reverse=True)
        return [(self.accounts[m.user], m) for m in rows]

    def invites_for(self, email: str) -> list[Invite]:
        """The home organization's invites for that address in any case, newest first, expired ones included."""
        wanted = email.lower()
        return [i for i in self.invites_in(self.home.id) if i.target_email.lower() == wanted]

    def invites_in(self, organization: str) -> list[Invite]:
        """The organization's invites, newest first, expired ones included."""
        rows = [i for i in list(self.invites.values()) if i.organization == organization]
        return sorted(rows, key=lambda i: (i.created_at, i.id), reverse=True)

    def key_with(self, value: str) -> Key | None:
        """The key with that value, or `None`."""
        digest = _digest(value)
        return next((k for k in list(self.keys.values()) if k.digest == digest), None)

    # -- arranging ---------------------------------------------------------------------------------------------------

    def add_organization(self, name: str, *, organization_id: str | None = None, **settings: Any) -> Organization:
        """A new organization without members. `settings`: fields of `records.Organization`."""
        slug = "-".join("".join(c if c.isalnum() else " " for c in name.lower()).split())
        row = Organization(id=organization_id or _new_id(), name=name, slug=slug, created_at=self.now(), **settings)
        self.put(row)
        return row

    def change_organization(self, organization: str | None = None, **settings: Any) -> Organization:
        """The home organization (or another) with other settings."""
        row = replace(self.organizations[organization or self.home.id], **settings)
        self.put(row)
        return row

    def add_account(self, email: str, name: str = "", **fields: Any) -> Account:
        """A new account in no organization. `fields`: fields of `records.Account`."""
        first, _, last = name.partition(" ")
        with self._lock:
            row = Account(
                id=1001 + len(self.accounts),
                uuid=fields.pop("uuid", None) or _new_id(),
                email=email,
                first_name=first,
                last_name=last,
                date_joined=fields.pop("date_joined", None) or self.now(),
                **fields,
            )
            self.put(row)
        return row

    def add_member(
        self,
        email: str,
        level: int = MEMBER,
        *,
        name: str = "",
        joined_at: datetime | None = None,
        organization: str | None = None,
        **fields: Any,
    ) -> Account:
        """The person's account, made if need be, now a member at `level` (1, 8 or 15)."""
        account = self.account(email) or self.add_account(email, name, **fields)
        return self._join(account, level, organization or self.home.id, joined_at)

    def remove_member(self, email: str, organization: str | None = None) -> None:
        """End the membership as an administrator in the browser would; unlike DELETE it takes owners, too."""
        membership = self.membership(email, organization)
        if membership is not None:
            self.drop(membership)

    def set_level(self, email: str, level: int) -> None:
        """Give the member another level, whoever may."""
        membership = self.membership(email)
        if membership is None:
            raise ValueError(f"The level was not set: {email} is no member. Add the person first.")
        self.put(replace(membership, level=level, updated_at=self.now()))

    def add_invite(
        self,
        email: str,
        level: int = MEMBER,
        *,
        by: str | None = None,
        created_at: datetime | None = None,
        organization: str | None = None,
    ) -> Invite:
        """A new invite beside those that are there: older versions of PostHog left several per address."""
        inviter = self.account(by) if by else None
        at = created_at or self.now()
        row = Invite(
            id=_new_id(),
            organization=organization or self.home.id,
            target_email=email,
            level=level,
            created_by=inviter.uuid if inviter else None,
            created_at=at,
            updated_at=at,
        )
        self.put(row)
        return row

    def add_key(
        self,
        email: str,
        value: str,
        *,
        scopes: tuple[str, ...] = ("*",),
        label: str = "key",
        scoped_teams: tuple[int, ...] = (),
        scoped_organizations: tuple[str, ...] = (),
    ) -> Key:
        """A personal API key with that value for that account."""
        account = self.account(email)
        if account is None:
            raise ValueError(f"The key was not made: {email} has no account. Add the account first.")
        row = Key(
            id=_new_id(),
            label=label,
            digest=_digest(value),
            mask_value=f"{value[:4]}...{value[-4:]}",
            user=account.uuid,
            scopes=scopes,
            scoped_teams=scoped_teams,
            scoped_organizations=scoped_organizations,
            created_at=self.now(),
        )
        self.put(row)
        return row

    def add_domain(
        self, domain: str, *, is_verified: bool = True, organization: str | None = None, **fields: Any
    ) -> Domain:
        """A new authentication domain. `fields`: `jit_provisioning_enabled`, `sso_enforcement` and so on."""
        row = Domain(
            id=_new_id(),
            organization=organization or self.home.id,
            domain=domain.lower(),
            verified_at=self.now() if is_verified else None,
            **fields,
        )
        self.put(row)
        return row

    def change_domain(self, domain: str, **fields: Any) -> Domain:
        """The domain with other settings."""
        row = replace(next(d for d in self.domains.values() if d.domain == domain.lower()), **fields)
        self.put(row)
        return row

    # -- what people do ----------------------------------------------------------------------------------------------

    def change_email(self, old: str, new: str) -> Account:
        """The same account under another address: same UUID, same memberships, same keys."""
        return self._change_account(old, email=new)

    def deactivate(self, email: str) -> Account:
        """The account switched off: no log-in, no keys, invisible in members lists, not removable through the API."""
        return self._change_account(email, is_active=False)

    def login(self, email: str, *, provider: str = "google-oauth2") -> Login:
        """Log in through SSO. Joins the person when an invite is open, or by just-in-time provisioning at level 1.

        PostHog remembers no removal: a verified domain with JIT on takes a leaver back at the next log-in.
        Source: PostHog, posthog/api/signup.py.
        """
        with self._lock:
            account = self.account(email)
            host = email.rpartition("@")[2].lower()
            domain = next((d for d in self.domains.values() if d.domain == host and d.is_verified), None)
            if account is not None and not account.is_active:
                return Login(outcome="refused", account=account)
            if domain is not None and domain.sso_enforcement not in {"", provider}:
                return Login(outcome="refused", account=account)
            organization = domain.organization if domain else self.home.id
            member = self.membership(email, organization)
            invite = next((i for i in self.invites_for(email) if not i.is_expired(self.now())), None)
            if account is not None and member is not None:
                account = self._change_account(email, last_login=self.now())
                return Login(outcome="member", account=account, level=member.level)
            if invite is not None:
                return Login(outcome="invited", account=self.accept_invite(invite.id), level=invite.level)
            if domain is not None and domain.jit_provisioning_enabled:
                account = self._join(account or self.add_account(email, has_social_auth=True), MEMBER, organization)
                self._change_account(email, last_login=self.now())
                return Login(outcome="jit", account=self.account(email), level=MEMBER)
            return Login(outcome="unknown" if account is None else "outsider", account=account)

    def accept_invite(self, invite_id: str, *, email: str | None = None) -> Account:
        """The invited person's account, a member now at the invite's level; the invite is gone, its siblings stay.

        Raises: InviteRefused if the invite is unknown, expired, for another address, or for a member.
        """
        with self._lock:
            invite = self.invites.get(invite_id)
            if invite is None:
                raise InviteRefused("The provided invite ID is not valid.")
            address = email or invite.target_email
            if address.lower() != invite.target_email.lower():
                raise InviteRefused("This invite is intended for another email address.")
            if invite.is_expired(self.now()):
                raise InviteRefused("This invite has expired. Please ask your admin for a new one.")
            if self.membership(address, invite.organization) is not None:
                raise InviteRefused("You already are a member of this organization.")
            account = self.account(address) or self.add_account(address)
            self._join(account, invite.level, invite.organization)
            self.drop(invite)
            return self._change_account(address, last_login=self.now())

    def _join(self, account: Account, level: int, organization: str, joined_at: datetime | None = None) -> Account:
        at = joined_at or self.now()
        if self.membership_of(account.uuid, organization) is not None:
            raise ValueError(f"Nobody joined: {account.email} is a member already. Use set_level to change the level.")
        self.put(
            Membership(
                id=_new_id(), organization=organization, user=account.uuid, level=level, joined_at=at, updated_at=at
            )
        )
        joined = replace(account, current_organization=organization)
        self.put(joined)
        return joined

    def _change_account(self, address: str, /, **fields: Any) -> Account:
        account = self.account(address)
        if account is None:
            raise ValueError(f"Nothing was changed: {address} has no account. Add the account first.")
        row = replace(account, **fields)
        self.put(row)
        return row


def _new_id() -> str:
    return str(uuid.uuid4())


def _digest(value: str) -> str:
    return hashlib.sha256(value.encode()).hexdigest()
