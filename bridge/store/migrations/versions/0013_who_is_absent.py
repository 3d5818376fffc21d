"""A plan reads the cases of those who may be members, and not of everybody who is watched."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Nobody is known to be absent yet: the next plan of each open case finds out."""
    op.add_column("cases", sa.Column("absent_at", sa.BigInteger, nullable=True))
    is_open = sa.text("closed_at IS NULL")
    op.drop_index("ix_cases_due", "cases")
    op.create_index(
        "ix_cases_due", "cases", ["target", "due_at", "absent_at"], sqlite_where=is_open, postgresql_where=is_open
    )
