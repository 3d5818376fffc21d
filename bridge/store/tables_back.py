"""The table of what is given back after a removal; `tables` has all the others, and names this one, too."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, String, Table, Text

from bridge.store.columns import Document, Moment
from bridge.store.tables_seen import metadata

_ID = BigInteger().with_variant(Integer, "sqlite")

returns = Table(
    "returns",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("case_id", ForeignKey("cases.id"), nullable=False, index=True),
    Column("person_id", ForeignKey("people.id"), nullable=False),
    Column("target", String(64), nullable=False),
    Column("state", String(16), nullable=False),
    Column("email", String(1024), nullable=False),
    Column("first_name", String(320), nullable=False),
    Column("level_before", Integer, nullable=False),
    Column("level", Integer, nullable=False),
    Column("projects", Document, nullable=False),
    Column("roles", Document, nullable=False),
    Column("cannot", Document, nullable=False),
    Column("asked_by", String(128), nullable=False),
    Column("reason", Text, nullable=False),
    Column("asked_at", Moment, nullable=False),
    Column("approved_by", String(128), nullable=False),
    Column("due_at", Moment, nullable=True),
    Column("sent_at", Moment, nullable=True),
    Column("ended_at", Moment, nullable=True),
    Column("attempts", Integer, nullable=False),
    Column("trouble", Text, nullable=False),
    Index("ix_returns_person", "person_id", "target"),
    Index("ix_returns_due", "target", "due_at"),
)
