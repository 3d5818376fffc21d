"""How a test or a demonstration arranges the sandbox: organizations, people, keys, projects and what is in them.

These methods ask nobody for permission. May import: `records`, `tables`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any

from bridge.sandbox.journal import Actor, acting, row_id
from bridge.sandbox.records import (
    MEMBER,
    AccessControl,
    Account,
    Activity,
    Domain,
    Invite,
    Key,
    Membership,
    Organization,
    Person,
    Project,
    Resource,
    Role,
    RoleMembership,
)
from bridge.sandbox.tables import Tables, digest, new_id

NUMBERED = {
    *("dashboards", "insights", "feature_flags", "experiments", "cohorts", "actions", "annotations", "subscriptions"),
    "session_recording_playlists",
}
"""Kinds of resources whose id is a number; the others have a UUID."""


class Arranging(Tables):
    """The rows, with ways to make them. The first organization added is `home`; methods mean it unless told otherwise."""

    def add_organization(self, name: str, *, organization_id: str | None = None, **settings: Any) -> Organization:
        """A new organization without members. `settings`: fields of `records.Organization`."""
        slug = "-".join("".join(c if c.isalnum() else " " for c in name.lower()).split())
        row = Organization(id=organization_id or new_id(), name=name, slug=slug, created_at=self.now(), **settings)
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
                uuid=fields.pop("uuid", None) or new_id(),
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

    def remove_member(self, email: str, organization: str | None = None, *, by: str = "") -> None:
        """End the membership as an administrator (`by`) in the browser would; unlike DELETE it takes owners, too."""
        membership = self.membership(email, organization)
        if membership is not None:
            with self._browsing(by):
                self.drop(membership)

    def set_level(self, email: str, level: int, *, by: str = "") -> None:
        """Give the member another level, whoever may."""
        membership = self.membership(email)
        if membership is None:
            raise ValueError(f"The level was not set: {email} is no member. Add the person first.")
        with self._browsing(by):
            self.put(replace(membership, level=level, updated_at=self.now()))

    def make_guest(self, email: str, *, is_guest: bool = True) -> None:
        """Make the member a guest, as some versions have them: hidden from the list and from DELETE."""
        membership = self.membership(email)
        if membership is None:
            raise ValueError(f"Nobody was made a guest: {email} is no member. Add the person first.")
        self.put(replace(membership, is_guest=is_guest))

    def add_invite(
        self,
        email: str,
        level: int = MEMBER,
        *,
        by: str | None = None,
        created_at: datetime | None = None,
        organization: str | None = None,
        **fields: Any,
    ) -> Invite:
        """A new invite beside those that are there: older versions of PostHog left several per address.

        `fields`: `first_name`, `message`, `private_project_access`.
        """
        inviter = self.account(by) if by else None
        at = created_at or self.now()
        row = Invite(
            id=new_id(),
            organization=organization or self.home.id,
            target_email=email,
            level=level,
            created_by=inviter.uuid if inviter else None,
            created_at=at,
            updated_at=at,
            **fields,
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
            id=new_id(),
            label=label,
            digest=digest(value),
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
            id=new_id(),
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

    def add_project(self, name: str, *, organization: str | None = None, **fields: Any) -> Project:
        """A new project. `fields`: fields of `records.Project`, such as its number `id`."""
        number = fields.pop("id", None) or max((p.id for p in self.projects.values()), default=2100) + 1
        row = Project(
            id=number,
            organization=organization or self.home.id,
            name=name,
            created_at=fields.pop("created_at", None) or self.now(),
            **fields,
        )
        self.put(row)
        return row

    def add_role(self, name: str, *members: str, organization: str | None = None) -> Role:
        """A new role with those members, by address."""
        home = organization or self.home.id
        row = Role(id=new_id(), organization=home, name=name, created_at=self.now())
        self.put(row)
        for email in members:
            self.add_to_role(row.id, email)
        return row

    def add_to_role(self, role_id: str, email: str) -> RoleMembership:
        """The member in that role."""
        membership = self.membership(email, self.roles[role_id].organization)
        if membership is None:
            raise ValueError(f"Nobody was put in the role: {email} is no member. Add the person first.")
        return self.seat(role_id, membership)

    def seat(self, role_id: str, membership: Membership) -> RoleMembership:
        """That membership in that role."""
        at = self.now()
        row = RoleMembership(
            id=new_id(), role=role_id, membership=membership.id, user=membership.user, joined_at=at, updated_at=at
        )
        self.put(row)
        return row

    def set_access(
        self,
        project_id: int,
        level: str | None,
        *,
        email: str = "",
        role: str | None = None,
        member: str | None = None,
        resource: str = "project",
        resource_id: str | None = None,
        by: str | None = None,
    ) -> AccessControl | None:
        """The rule for one member (`email`, or the membership's id), one role's id, or everybody; `None` deletes it."""
        if email:
            membership = self.membership(email, self.project(project_id).organization)
            if membership is None:
                raise ValueError(f"No rule was made: {email} is no member. Add the person first.")
            member = membership.id
        wanted = resource_id if resource_id or resource != "project" else str(project_id)
        with self._lock:
            found = next(
                (
                    r
                    for r in self.access_controls.values()
                    if (r.project, r.resource, r.resource_id, r.organization_member, r.role)
                    == (project_id, resource, wanted, member, role)
                ),
                None,
            )
            if level is None:
                if found is not None:
                    self.drop(found)
                return None
            at = self.now()
            row = AccessControl(
                id=found.id if found else new_id(),
                project=project_id,
                resource=resource,
                resource_id=wanted,
                access_level=level,
                organization_member=member,
                role=role,
                created_by=found.created_by if found else by,
                created_at=found.created_at if found else at,
                updated_at=at,
            )
            self.put(row)
        return row

    def add_resource(self, kind: str, project_id: int, name: str, *, by: str | None = None, **fields: Any) -> Resource:
        """Something in a project, made by that person. `fields`: `id`, `created_at`, and more as the API shows them."""
        made_by = self.account(by) if by else None
        row = Resource(
            kind=kind,
            id=str(fields.pop("id", None) or self._next_id(kind)),
            project=project_id,
            name=name,
            created_by=made_by.uuid if made_by else None,
            created_at=fields.pop("created_at", None) or self.now(),
            extra=fields,
        )
        self.put(row)
        return row

    def add_person(self, project_id: int, email: str, *, name: str = "", **fields: Any) -> Person:
        """An end user of the customer's product in that project. `fields`: fields of `records.Person`."""
        row = Person(
            id=fields.pop("id", None) or new_id(),
            project=project_id,
            distinct_ids=fields.pop("distinct_ids", None) or (email,),
            email=email,
            name=name,
            created_at=fields.pop("created_at", None) or self.now(),
        )
        self.put(row)
        return row

    def add_deed(self, email: str, activity: str, scope: str, *, name: str = "", **fields: Any) -> Activity:
        """A row of the activity log as if that person had done it; an empty address: a system.

        `fields`: `at`, `project`, `item_id`, `detail`, `client`, `ip_address`, `was_impersonated`. It can be read at
        once, unlike the rows that changes write.
        """
        account = self.account(email) if email else None
        at = fields.pop("at", None) or self.now()
        detail = {
            "name": name,
            "short_id": None,
            "type": None,
            "changes": [],
            "context": {},
            **fields.pop("detail", {}),
        }
        row = Activity(
            id=row_id(at),
            organization=fields.pop("organization", None) or self.home.id,
            user=account.uuid if account else None,
            activity=activity,
            scope=scope,
            item_id=fields.pop("item_id", None) or new_id(),
            detail=detail,
            created_at=at,
            visible_at=at,
            is_system=account is None,
            **fields,
        )
        self.put(row)
        return row

    def _next_id(self, kind: str) -> str | int:
        if kind in NUMBERED:
            return 1 + max((int(r.id) for r in self.resources.values() if r.kind == kind), default=500)
        return new_id()

    @contextmanager
    def _browsing(self, by: str) -> Iterator[None]:
        """What is done inside, that person does in the browser; an empty address: nobody knows who."""
        account = self.account(by) if by else None
        if account is None:
            yield
            return
        with acting(Actor(user=account.uuid, client="web", ip_address="203.0.113.20")):
            yield

    def _change_account(self, address: str, /, **fields: Any) -> Account:
        account = self.account(address)
        if account is None:
            raise ValueError(f"Nothing was changed: {address} has no account. Add the account first.")
        row = replace(account, **fields)
        self.put(row)
        return row

    def _join(self, account: Account, level: int, organization: str, joined_at: datetime | None = None) -> Account:
        at = joined_at or self.now()
        if self.membership_of(account.uuid, organization) is not None:
            raise ValueError(f"Nobody joined: {account.email} is a member already. Use set_level to change the level.")
        membership = Membership(
            id=new_id(), organization=organization, user=account.uuid, level=level, joined_at=at, updated_at=at
        )
        self.put(membership)
        role = self.organizations[organization].default_role_id
        if role in self.roles:
            self.seat(role, membership)
        joined = replace(account, current_organization=organization)
        self.put(joined)
        return joined
