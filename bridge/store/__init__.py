"""What the bridge knows, on disk: SQLAlchemy Core over SQLite or PostgreSQL.

Each function takes the open transaction. SQLAlchemy is imported in this package only.
"""
