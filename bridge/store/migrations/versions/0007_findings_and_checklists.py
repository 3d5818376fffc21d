"""What was collected about each leaver, and checklists: to-dos that ask in no hurry, with a link and an answer."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

MOMENT = sa.BigInteger()
"""Whole milliseconds since 1970 in UTC."""
ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add what is new. The to-dos that are there asked at once, and still do."""
    op.create_table(
        "findings",
        sa.Column("id", ID, nullable=False),
        sa.Column("case_id", ID, nullable=True),
        sa.Column("target", sa.String(length=64), nullable=False),
        sa.Column("topic", sa.String(length=32), nullable=False),
        sa.Column("progress", sa.String(length=16), nullable=False),
        sa.Column("wanted_at", MOMENT, nullable=False),
        sa.Column("kept_at", MOMENT, nullable=True),
        sa.Column("due_at", MOMENT, nullable=True),
        sa.Column("taken_until", MOMENT, nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("trouble", sa.Text(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("body", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("case_id", "topic", name="ux_findings_topic"),
    )
    op.create_index("ix_findings_progress", "findings", ["target", "progress", "due_at"], unique=False)
    op.create_table(
        "checklists",
        sa.Column("case_id", ID, nullable=False),
        sa.Column("template", sa.String(length=16), nullable=False),
        sa.Column("chosen_by", sa.String(length=128), nullable=False),
        sa.Column("opened_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"]),
        sa.PrimaryKeyConstraint("case_id"),
    )
    op.add_column("todos", sa.Column("is_urgent", sa.Boolean(), nullable=False, server_default=sa.true()))
    op.add_column("todos", sa.Column("position", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("todos", sa.Column("url", sa.Text(), nullable=False, server_default=""))
    op.add_column("todos", sa.Column("wants_answer", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("todos", sa.Column("answer", sa.Text(), nullable=False, server_default=""))
