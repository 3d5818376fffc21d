"""Which groups a configured name has meant, what a batch is about, who was a member at the last look, and seeds."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

MOMENT = sa.BigInteger()
"""Whole milliseconds since 1970 in UTC."""


def upgrade() -> None:
    """Add what is new; nothing that was there changes its meaning."""
    op.create_table(
        "mapped_groups",
        sa.Column("connection", sa.String(length=64), nullable=False),
        sa.Column("name_key", sa.String(length=512), nullable=False),
        sa.Column("group_id", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["group_id"], ["records.id"]),
        sa.PrimaryKeyConstraint("connection", "name_key", "group_id"),
    )
    op.create_index("ix_mapped_groups_group_id", "mapped_groups", ["group_id"], unique=False)
    op.create_table(
        "members",
        sa.Column("target", sa.String(length=64), nullable=False),
        sa.Column("user_uuid", sa.String(length=64), nullable=False),
        sa.Column("email", sa.String(length=320), nullable=False),
        sa.Column("address_key", sa.String(length=320), nullable=False),
        sa.Column("name", sa.String(length=320), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("target", "user_uuid"),
    )
    op.create_index("ix_members_address", "members", ["address_key"], unique=False)
    op.add_column("batches", sa.Column("about", sa.String(length=160), nullable=False, server_default=""))
    op.add_column("records", sa.Column("seeded_at", MOMENT, nullable=True))
