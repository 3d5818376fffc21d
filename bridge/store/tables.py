"""The tables. Alembic's migrations carry the same shape; a test compares the two on both databases.

Times are whole milliseconds since 1970 in UTC, so that SQLite and PostgreSQL read back what was written.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from bridge.store import tables_back, tables_reviews, tables_seen
from bridge.store.columns import Document, Moment

metadata = tables_seen.metadata
_ID = BigInteger().with_variant(Integer, "sqlite")


def _where(condition: str) -> dict[str, Any]:
    """Of an index: only the rows that it is asked about are in it."""
    return {"sqlite_where": text(condition), "postgresql_where": text(condition)}


people = Table(
    "people",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("label", String(320), nullable=False),
    Column("created_at", Moment, nullable=False),
)

records = Table(
    "records",
    metadata,
    Column("seq", _ID, primary_key=True),
    Column("id", String(64), nullable=False, unique=True),
    Column("connection", String(64), nullable=False),
    Column("resource_type", String(16), nullable=False),
    Column("user_name", String(512), nullable=False),
    Column("name_key", String(512), nullable=False),
    Column("external_id", String(512), nullable=False),
    Column("is_active", Boolean, nullable=False),
    Column("version", Integer, nullable=False),
    Column("body", Document, nullable=False),
    Column("person_id", ForeignKey("people.id"), nullable=True, index=True),
    Column("created_at", Moment, nullable=False),
    Column("modified_at", Moment, nullable=False),
    Column("deleted_at", Moment, nullable=True),
    Column("seeded_at", Moment, nullable=True),
    Index(
        "ux_records_living_name", "connection", "resource_type", "name_key", unique=True, **_where("deleted_at IS NULL")
    ),
    Index("ix_records_external", "connection", "resource_type", "external_id"),
    Index("ix_records_page", "connection", "resource_type", "seq"),
)

record_emails = Table(
    "record_emails",
    metadata,
    Column("record_id", ForeignKey("records.id"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("type", String(64), nullable=False),
    Column("address_key", String(1024), nullable=False, index=True),
    PrimaryKeyConstraint("record_id", "position"),
)
"""Where to look addresses up; what they are is in the record's body."""

group_members = Table(
    "group_members",
    metadata,
    Column("group_id", ForeignKey("records.id"), nullable=False),
    Column("member_id", String(64), nullable=False, index=True),
    Column("position", Integer, nullable=False),
    PrimaryKeyConstraint("group_id", "member_id"),
)

mapped_groups = Table(
    "mapped_groups",
    metadata,
    Column("connection", String(64), nullable=False),
    Column("name_key", String(512), nullable=False),
    Column("group_id", ForeignKey("records.id"), nullable=False, index=True),
    PrimaryKeyConstraint("connection", "name_key", "group_id"),
)

identities = Table(
    "identities",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("person_id", ForeignKey("people.id"), nullable=False, index=True),
    Column("connection", String(64), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("value", String(1024), nullable=False),
    Column("is_current", Boolean, nullable=False),
    Column("first_seen_at", Moment, nullable=False),
    Column("last_seen_at", Moment, nullable=False),
    UniqueConstraint("connection", "kind", "value", "person_id", name="ux_identities"),
    Index("ix_identities_value", "kind", "value"),
)

standings = Table(
    "standings",
    metadata,
    Column("person_id", ForeignKey("people.id"), nullable=False),
    Column("connection", String(64), nullable=False),
    Column("is_out", Boolean, nullable=False),
    Column("said_at", Moment, nullable=False),
    Column("activated_at", Moment, nullable=True),
    PrimaryKeyConstraint("person_id", "connection"),
    Index("ix_standings_out", "connection", sqlite_where=text("is_out = 1"), postgresql_where=text("is_out")),
    sqlite_with_rowid=False,
)

accounts = Table(
    "accounts",
    metadata,
    Column("person_id", ForeignKey("people.id"), nullable=False),
    Column("target", String(64), nullable=False),
    Column("user_uuid", String(64), nullable=False),
    Column("is_theirs", Boolean, nullable=False),
    Column("how", String(128), nullable=False),
    Column("linked_at", Moment, nullable=False),
    PrimaryKeyConstraint("person_id", "target", "user_uuid"),
    Index("ix_accounts_user", "target", "user_uuid"),
)

inbox = Table(
    "inbox",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("source", String(128), nullable=False),
    Column("event_id", String(255), nullable=False),
    Column("kind", String(128), nullable=False),
    Column("person_id", ForeignKey("people.id"), nullable=True),
    Column("subject", Document, nullable=False),
    Column("occurred_at", Moment, nullable=False),
    Column("received_at", Moment, nullable=False),
    Column("transaction_id", String(255), nullable=False),
    Column("reason", String(32), nullable=False),
    Column("scope", String(128), nullable=False),
    Column("note", Text, nullable=False),
    Column("is_emergency", Boolean, nullable=False),
    Column("is_confirmed", Boolean, nullable=False),
    Column("effective_at", Moment, nullable=True),
    UniqueConstraint("source", "event_id", name="ux_inbox_event"),
)

batches = Table(
    "batches",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("target", String(64), nullable=False),
    Column("about", String(160), nullable=False),
    Column("opened_at", Moment, nullable=False),
    Column("closed_at", Moment, nullable=True),
)

cases = Table(
    "cases",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("person_id", ForeignKey("people.id"), nullable=False),
    Column("target", String(64), nullable=False),
    Column("scope", String(128), nullable=False),
    Column("state", String(16), nullable=False, index=True),
    Column("source", String(128), nullable=False),
    Column("kind", String(128), nullable=False),
    Column("subject", Document, nullable=False),
    Column("reason", String(32), nullable=False),
    Column("note", Text, nullable=False),
    Column("approver", String(128), nullable=False),
    Column("is_emergency", Boolean, nullable=False),
    Column("is_confirmed", Boolean, nullable=False),
    Column("opened_at", Moment, nullable=False),
    Column("due_at", Moment, nullable=True),
    Column("attempts", Integer, nullable=False),
    Column("trouble", Text, nullable=False),
    Column("removed_at", Moment, nullable=True),
    Column("verified_at", Moment, nullable=True),
    Column("watch_from", Moment, nullable=True),
    Column("watch_until", Moment, nullable=True),
    Column("returns", Integer, nullable=False),
    Column("is_back", Boolean, nullable=False),
    Column("plan", Document, nullable=False),
    Column("released", Document, nullable=True),
    Column("is_backlog", Boolean, nullable=False),
    Column("counts_as_intent", Boolean, nullable=False),
    Column("batch_id", ForeignKey("batches.id"), nullable=True),
    Column("outcome", Text, nullable=False),
    Column("closed_at", Moment, nullable=True),
    Column("absent_at", Moment, nullable=True),
    Index("ux_cases_open", "person_id", "target", "scope", unique=True, **_where("closed_at IS NULL")),
    Index("ix_cases_closed", "closed_at", "id", **_where("closed_at IS NOT NULL")),
    Index("ix_cases_person", "person_id", "closed_at", "target"),
    Index("ix_cases_batch_id", "batch_id", **_where("batch_id IS NOT NULL")),
    Index("ix_cases_below", "person_id", **_where("scope != 'organization'")),
    Index("ix_cases_due", "target", "due_at", "absent_at", **_where("closed_at IS NULL")),
)

case_events = Table(
    "case_events",
    metadata,
    Column("case_id", ForeignKey("cases.id"), nullable=False),
    Column("inbox_id", ForeignKey("inbox.id"), nullable=False),
    PrimaryKeyConstraint("case_id", "inbox_id"),
    sqlite_with_rowid=False,
)

steps = Table(
    "steps",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("case_id", ForeignKey("cases.id"), nullable=False, index=True),
    Column("target", String(64), nullable=False),
    Column("canonical", String(255), nullable=False),
    Column("says", Text, nullable=False),
    Column("is_removal", Boolean, nullable=False),
    Column("was_approved", Boolean, nullable=False),
    Column("started_at", Moment, nullable=False),
    Column("ended_at", Moment, nullable=True),
    Column("status", Integer, nullable=True),
    Column("result", String(16), nullable=False),
    Index("ix_steps_removals", "target", "is_removal", "ended_at"),
)

checks = Table(
    "checks",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("case_id", ForeignKey("cases.id"), nullable=False, index=True),
    Column("at", Moment, nullable=False),
    Column("result", Text, nullable=False),
)

todos = Table(
    "todos",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("case_id", ForeignKey("cases.id"), nullable=False, index=True),
    Column("kind", String(64), nullable=False),
    Column("text", Text, nullable=False),
    Column("opened_at", Moment, nullable=False),
    Column("done_at", Moment, nullable=True),
    Column("done_by", String(128), nullable=False),
    Column("is_urgent", Boolean, nullable=False),
    Column("position", Integer, nullable=False),
    Column("url", Text, nullable=False),
    Column("wants_answer", Boolean, nullable=False),
    Column("answer", Text, nullable=False),
    UniqueConstraint("case_id", "kind", name="ux_todos_kind"),
)

checklists = Table(
    "checklists",
    metadata,
    Column("case_id", ForeignKey("cases.id"), primary_key=True, autoincrement=False),
    Column("template", String(16), nullable=False),
    Column("chosen_by", String(128), nullable=False),
    Column("opened_at", Moment, nullable=False),
)

findings = Table(
    "findings",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("case_id", ForeignKey("cases.id"), nullable=True),
    Column("target", String(64), nullable=False),
    Column("topic", String(32), nullable=False),
    Column("progress", String(16), nullable=False),
    Column("wanted_at", Moment, nullable=False),
    Column("kept_at", Moment, nullable=True),
    Column("due_at", Moment, nullable=True),
    Column("taken_until", Moment, nullable=True),
    Column("attempts", Integer, nullable=False),
    Column("trouble", Text, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("body", Document, nullable=True),
    UniqueConstraint("case_id", "topic", name="ux_findings_topic"),
    Index("ix_findings_progress", "target", "progress", "due_at"),
)

tokens = Table(
    "tokens",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("connection", String(64), nullable=False),
    Column("sha256", String(64), nullable=False, unique=True),
    Column("hint", String(16), nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=True),
    Column("revoked_at", Moment, nullable=True),
    Column("last_used_at", Moment, nullable=True),
)

targets = Table(
    "targets",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("claim_token", String(64), nullable=False),
    Column("claimed_until", Moment, nullable=True),
    Column("paused_since", Moment, nullable=True),
    Column("paused_until", Moment, nullable=True),
    Column("pause_reason", Text, nullable=False),
    Column("pauses", Integer, nullable=False),
    Column("look_due_at", Moment, nullable=True),
    Column("looked_at", Moment, nullable=True),
    Column("member_count", Integer, nullable=True),
    Column("owner_count", Integer, nullable=True),
    Column("human_owner_count", Integer, nullable=True),
    Column("key_fingerprint", String(64), nullable=False),
    Column("key_uuid", String(64), nullable=False),
    Column("key_email", String(320), nullable=False),
    Column("former_key_uuids", Document, nullable=False),
    Column("key_level", Integer, nullable=True),
    Column("key_demoted_at", Moment, nullable=True),
)

members = tables_seen.members
former_members = tables_seen.former_members
invites = tables_seen.invites
surroundings = tables_seen.surroundings
returns = tables_back.returns

reviews = tables_reviews.reviews
review_lines = tables_reviews.review_lines
review_reminders = tables_reviews.review_reminders
outside_removals = tables_reviews.outside_removals

connections = Table(
    "connections",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("last_event_at", Moment, nullable=True),
)

audit = Table(
    "audit",
    metadata,
    Column("seq", _ID, primary_key=True, autoincrement=False),
    Column("at", Moment, nullable=False),
    Column("kind", String(64), nullable=False),
    Column("actor", String(128), nullable=False),
    Column("approver", String(255), nullable=False),
    Column("case_id", BigInteger, nullable=True),
    Column("target", String(64), nullable=False),
    Column("facts", Document, nullable=False),
    Column("personal_digest", String(64), nullable=False),
    Column("previous", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
    Index("ix_audit_case_id", "case_id", **_where("case_id IS NOT NULL")),
)

audit_personal = Table(
    "audit_personal",
    metadata,
    Column("seq", ForeignKey("audit.seq"), primary_key=True, autoincrement=False),
    Column("salt", String(64), nullable=False),
    Column("body", Document, nullable=False),
)

audit_head = Table(
    "audit_head",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("seq", BigInteger, nullable=False),
    Column("hash", String(64), nullable=False),
)
