"""What an operator confirmed again, and since when our own account is no owner any more."""

import sqlalchemy as sa
from alembic import op

from bridge.store.columns import Moment

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Add the columns."""
    for table in ("inbox", "cases"):
        op.add_column(table, sa.Column("is_confirmed", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("targets", sa.Column("key_level", sa.Integer(), nullable=True))
    op.add_column("targets", sa.Column("key_demoted_at", Moment, nullable=True))
