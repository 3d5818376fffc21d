"""Addresses are kept once, in the record's body; the table beside it is where they are looked up."""

from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Drop what the body says already."""
    with op.batch_alter_table("record_emails") as table:
        table.drop_column("value")
        table.drop_column("is_primary")
