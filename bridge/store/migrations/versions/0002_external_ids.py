"""External ids are found by one look-up: without the type in its index, SQLite reads every record of the connection."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Have the index begin as every search does."""
    op.drop_index("ix_records_external", "records")
    op.create_index("ix_records_external", "records", ["connection", "resource_type", "external_id"])
