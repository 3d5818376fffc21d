"""The tables of access reviews, and of removals that were made outside the bridge; `tables` names these, too."""

from __future__ import annotations

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

from bridge.store.columns import Document, Moment
from bridge.store.tables_seen import metadata

_ID = BigInteger().with_variant(Integer, "sqlite")

reviews = Table(
    "reviews",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("target", String(64), nullable=False),
    Column("as_of", Moment, nullable=False),
    Column("started_at", Moment, nullable=False),
    Column("started_by", String(128), nullable=False),
    Column("unused_days", Integer, nullable=False),
    Column("connections", Document, nullable=False),
    Column("gaps", Document, nullable=False),
    Column("found_digest", String(64), nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("ended_at", Moment, nullable=True),
    Column("ended_by", String(128), nullable=False),
    Column("note", Text, nullable=False),
    Column("digest", String(64), nullable=False),
    Index(
        "ux_reviews_open",
        "target",
        unique=True,
        sqlite_where=text("ended_at IS NULL"),
        postgresql_where=text("ended_at IS NULL"),
    ),
)

review_lines = Table(
    "review_lines",
    metadata,
    Column("review_id", ForeignKey("reviews.id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("subject", String(64), nullable=False),
    Column("email", String(320), nullable=False),
    Column("name", String(320), nullable=False),
    Column("level", Integer, nullable=False),
    Column("findings", Document, nullable=False),
    Column("is_lasting", Boolean, nullable=False),
    Column("is_members", Boolean, nullable=False),
    Column("is_asked", Boolean, nullable=False),
    Column("decision", String(16), nullable=False),
    Column("decided_at", Moment, nullable=True),
    Column("decided_by", String(128), nullable=False),
    Column("reason", Text, nullable=False),
    Column("case_id", BigInteger, nullable=True),
    PrimaryKeyConstraint("review_id", "number"),
)

review_reminders = Table(
    "review_reminders",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("target", String(64), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("due_at", Moment, nullable=False),
    Column("told_at", Moment, nullable=False),
    Column("ended_at", Moment, nullable=True),
    UniqueConstraint("target", "kind", "due_at", name="ux_review_reminders"),
)

outside_removals = Table(
    "outside_removals",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("target", String(64), nullable=False),
    Column("user_uuid", String(64), nullable=False),
    Column("membership_id", String(64), nullable=False),
    Column("email", String(320), nullable=False),
    Column("name", String(320), nullable=False),
    Column("level", Integer, nullable=False),
    Column("last_seen_at", Moment, nullable=True),
    Column("missed_at", Moment, nullable=False),
    Column("by", String(320), nullable=False),
    Column("how", Text, nullable=False),
    Column("done_at", Moment, nullable=True),
    Column("asked_at", Moment, nullable=True),
    Column("back_at", Moment, nullable=True),
    Index("ix_outside_removals", "target", "missed_at"),
)
