"""All cases of one person are found by an index, the closed ones too: each return to active asks for them."""

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add the index."""
    op.create_index("ix_cases_person", "cases", ["person_id", "target"])
