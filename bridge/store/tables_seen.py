"""The tables of what the last looks at each target showed; `tables` has all the others, and names these, too."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, MetaData, PrimaryKeyConstraint, String, Table, Text

from bridge.store.columns import Document, Moment

metadata = MetaData()

members = Table(
    "members",
    metadata,
    Column("target", String(64), nullable=False),
    Column("user_uuid", String(64), nullable=False),
    Column("email", String(320), nullable=False),
    Column("address_key", String(320), nullable=False),
    Column("name", String(320), nullable=False),
    Column("level", Integer, nullable=False),
    Column("user_id", BigInteger, nullable=False),
    Column("membership_id", String(64), nullable=False),
    Column("joined_at", Moment, nullable=True),
    Column("last_login", Moment, nullable=True),
    Column("is_2fa_enabled", Boolean, nullable=False),
    PrimaryKeyConstraint("target", "user_uuid"),
    Index("ix_members_address", "address_key"),
)

former_members = Table(
    "former_members",
    metadata,
    Column("target", String(64), nullable=False),
    Column("user_uuid", String(64), nullable=False),
    Column("email", String(320), nullable=False),
    Column("address_key", String(320), nullable=False),
    Column("name", String(320), nullable=False),
    Column("level", Integer, nullable=False),
    Column("user_id", BigInteger, nullable=False),
    Column("membership_id", String(64), nullable=False),
    Column("joined_at", Moment, nullable=True),
    Column("last_login", Moment, nullable=True),
    Column("is_2fa_enabled", Boolean, nullable=False),
    Column("seen_at", Moment, nullable=True),
    Column("gone_at", Moment, nullable=False),
    Column("access", Document, nullable=False),
    PrimaryKeyConstraint("target", "user_uuid"),
    Index("ix_former_members_address", "address_key"),
)

invites = Table(
    "invites",
    metadata,
    Column("target", String(64), nullable=False),
    Column("invite_id", String(64), nullable=False),
    Column("email", String(320), nullable=False),
    Column("address_key", String(320), nullable=False),
    Column("level", Integer, nullable=False),
    Column("is_expired", Boolean, nullable=False),
    Column("created_at", Moment, nullable=True),
    Column("created_by_uuid", String(64), nullable=False),
    Column("created_by_email", String(320), nullable=False),
    PrimaryKeyConstraint("target", "invite_id"),
)

surroundings = Table(
    "surroundings",
    metadata,
    Column("target", String(64), primary_key=True),
    Column("due_at", Moment, nullable=True),
    Column("taken_at", Moment, nullable=True),
    Column("body", Document, nullable=True),
    Column("open_since", Document, nullable=False),
    Column("trouble", Text, nullable=False),
    Column("remedy", Text, nullable=False),
)
