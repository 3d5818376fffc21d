"""What an operator confirmed again, since when our own account is no owner any more, and who is given what back."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

MOMENT = sa.BigInteger()
"""Whole milliseconds since 1970 in UTC."""
ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add what is new."""
    for table in ("inbox", "cases"):
        op.add_column(table, sa.Column("is_confirmed", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("targets", sa.Column("key_level", sa.Integer(), nullable=True))
    op.add_column("targets", sa.Column("key_demoted_at", MOMENT, nullable=True))
    op.create_table(
        "returns",
        sa.Column("id", ID, nullable=False),
        sa.Column("case_id", ID, nullable=False),
        sa.Column("person_id", ID, nullable=False),
        sa.Column("target", sa.String(64), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("email", sa.String(1024), nullable=False),
        sa.Column("first_name", sa.String(320), nullable=False),
        sa.Column("level_before", sa.Integer(), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("projects", sa.Text(), nullable=False),
        sa.Column("roles", sa.Text(), nullable=False),
        sa.Column("cannot", sa.Text(), nullable=False),
        sa.Column("asked_by", sa.String(128), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("asked_at", MOMENT, nullable=False),
        sa.Column("approved_by", sa.String(128), nullable=False),
        sa.Column("due_at", MOMENT, nullable=True),
        sa.Column("sent_at", MOMENT, nullable=True),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("trouble", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"]),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_returns_case_id"), "returns", ["case_id"])
    op.create_index("ix_returns_person", "returns", ["person_id", "target"])
    op.create_index("ix_returns_due", "returns", ["target", "due_at"])
