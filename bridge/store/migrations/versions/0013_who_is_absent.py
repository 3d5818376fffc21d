"""A plan reads the cases of those who may be members, and not of everybody who is watched."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Nobody is known to be absent yet: the next plan of each open case finds out."""
    op.add_column("cases", sa.Column("absent_at", sa.BigInteger, nullable=True))
    is_inside = sa.text("closed_at IS NULL AND absent_at IS NULL")
    op.create_index("ix_cases_inside", "cases", ["target"], sqlite_where=is_inside, postgresql_where=is_inside)
