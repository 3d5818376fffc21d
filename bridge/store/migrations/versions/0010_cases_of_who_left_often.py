"""The open cases of one person, and those below the organization, are found without reading what is closed."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Change the index, and add one."""
    op.drop_index("ix_cases_person", "cases")
    op.create_index("ix_cases_person", "cases", ["person_id", "closed_at"])
    below = sa.text("scope != 'organization'")
    op.create_index("ix_cases_below", "cases", ["person_id"], sqlite_where=below, postgresql_where=below)
