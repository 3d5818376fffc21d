"""What may happen to the sandbox's people: they join, leave, are invited, log in, and come back.

Everything here is PostHog's side of the wire, as Python methods for tests and demonstrations; `app` puts HTTP on it.
May import: `arranging`, `records`.
"""

from __future__ import annotations

from dataclasses import dataclass

from bridge.sandbox.arranging import Arranging
from bridge.sandbox.journal import Actor, acting
from bridge.sandbox.records import MEMBER, OWNER, Account, Invite


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


class World(Arranging):
    """One PostHog instance. The first organization added is `home`; methods mean it unless told otherwise.

    `now` returns the time, aware. `path`: where the world is saved after each change, or `None` for memory only.
    How it behaves is switched by the attributes of `Switches`.
    """

    def change_email(self, old: str, new: str) -> Account:
        """The same account under another address: same UUID, same memberships, same keys."""
        return self._change_account(old, email=new)

    def deactivate(self, email: str) -> Account:
        """The account switched off: no log-in, no keys, invisible in members lists, not removable through the API."""
        return self._change_account(email, is_active=False)

    def activate(self, email: str) -> Account:
        """The account switched on again, with every membership that it had."""
        return self._change_account(email, is_active=True)

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

    def scim_push(self, email: str, *, is_active: bool) -> str:
        """What PostHog's own SCIM does when an identity provider says so: it takes out, or puts in as a plain member.

        Returns `refused` (the domain is not verified or has no SCIM, or an owner would have to go), `unchanged`,
        `removed` or `joined`. It knows nothing of invites, of keys, or of the level of before. Source: PostHog,
        ee/api/scim; mid-2026.
        """
        with self.at_once():
            host = email.rpartition("@")[2].lower()
            domain = next((d for d in self.domains.values() if d.domain == host and d.is_verified and d.has_scim), None)
            if domain is None:
                return "refused"
            membership = self.membership(email, domain.organization)
            if (membership is not None) is is_active:
                return "unchanged"
            if membership is not None and membership.level == OWNER:
                return "refused"
            account = self.account(email) or self.add_account(email)
            if membership is not None:
                self.drop(membership)
            else:
                self._join(account, MEMBER, domain.organization)
            self.add_deed(
                "",
                "scim_provisioned" if is_active else "scim_deprovisioned",
                "User",
                name=email,
                item_id=str(account.id),
                organization=domain.organization,
                detail={"context": {"user_email": email, "identity_provider": "scim"}},
            )
            return "joined" if is_active else "removed"

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
            with acting(Actor(user=account.uuid, client="web", ip_address="203.0.113.21")):
                self._join(account, invite.level, invite.organization)
                self._let_into(account, invite)
                self.drop(invite)
            return self._change_account(address, last_login=self.now())

    def _let_into(self, account: Account, invite: Invite) -> None:
        """The projects that rode on the invite. One that is gone by now is passed over."""
        membership = self.membership_of(account.uuid, invite.organization)
        for wanted in invite.private_project_access:
            if membership is not None and str(wanted["id"]) in self.projects:
                self.set_access(int(wanted["id"]), str(wanted["level"]), member=membership.id)

    def mail(self) -> list[dict[str, str]]:
        """Whom alerts and subscriptions would write to if they ran now, one row each.

        Alerts leave out subscribers who are no members; subscriptions go to whatever address stands in them.
        Source: PostHog, products/alerts; the behaviour of subscriptions is inferred from `target_value`.
        """
        sent = []
        for row in list(self.resources.values()):
            if row.kind == "alerts":
                home = self.project(row.project).organization
                to = [
                    self.accounts[user].email
                    for user in row.extra.get("subscribed_users", ())
                    if self.membership_of(user, home) is not None
                ]
            elif row.kind == "subscriptions" and row.extra.get("target_type", "email") == "email":
                to = str(row.extra.get("target_value", "")).split(",")
            else:
                continue
            sent += [{"kind": row.kind, "id": row.id, "name": row.name, "to": address} for address in to]
        return sent
