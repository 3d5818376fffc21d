"""What surrounds the members: the wide look, the open invites, more about each member, and who is none any more."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

MOMENT = sa.BigInteger()
"""Whole milliseconds since 1970 in UTC."""


def upgrade() -> None:
    """Add what is new. The next look fills in what the members that are kept do not say yet."""
    op.add_column("members", sa.Column("user_id", sa.BigInteger(), nullable=False, server_default="0"))
    op.add_column("members", sa.Column("membership_id", sa.String(length=64), nullable=False, server_default=""))
    op.add_column("members", sa.Column("joined_at", MOMENT, nullable=True))
    op.add_column("members", sa.Column("last_login", MOMENT, nullable=True))
    op.add_column("members", sa.Column("is_2fa_enabled", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_table(
        "former_members",
        sa.Column("target", sa.String(length=64), nullable=False),
        sa.Column("user_uuid", sa.String(length=64), nullable=False),
        sa.Column("email", sa.String(length=320), nullable=False),
        sa.Column("address_key", sa.String(length=320), nullable=False),
        sa.Column("name", sa.String(length=320), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("membership_id", sa.String(length=64), nullable=False),
        sa.Column("joined_at", MOMENT, nullable=True),
        sa.Column("last_login", MOMENT, nullable=True),
        sa.Column("is_2fa_enabled", sa.Boolean(), nullable=False),
        sa.Column("seen_at", MOMENT, nullable=True),
        sa.Column("gone_at", MOMENT, nullable=False),
        sa.Column("access", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("target", "user_uuid"),
    )
    op.create_index("ix_former_members_address", "former_members", ["address_key"], unique=False)
    op.create_table(
        "invites",
        sa.Column("target", sa.String(length=64), nullable=False),
        sa.Column("invite_id", sa.String(length=64), nullable=False),
        sa.Column("email", sa.String(length=320), nullable=False),
        sa.Column("address_key", sa.String(length=320), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("is_expired", sa.Boolean(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=True),
        sa.Column("created_by_uuid", sa.String(length=64), nullable=False),
        sa.Column("created_by_email", sa.String(length=320), nullable=False),
        sa.PrimaryKeyConstraint("target", "invite_id"),
    )
    op.create_table(
        "surroundings",
        sa.Column("target", sa.String(length=64), nullable=False),
        sa.Column("due_at", MOMENT, nullable=True),
        sa.Column("taken_at", MOMENT, nullable=True),
        sa.Column("body", sa.Text(), nullable=True),
        sa.Column("open_since", sa.Text(), nullable=False),
        sa.Column("trouble", sa.Text(), nullable=False),
        sa.Column("remedy", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("target"),
    )
