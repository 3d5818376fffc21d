"""What the same machine can do at all in Python: Flask and SQLite, one durable insert a request, and nothing else.

Served as the bridge is: waitress with eight threads, WAL, synchronous=FULL, one lock around the write.
"""

from __future__ import annotations

import sqlite3
import sys
import threading
import uuid
from pathlib import Path

import waitress
from flask import Flask, Response, request


def create_app(file: Path) -> Flask:
    """The application over a database in that file."""
    app = Flask(__name__)
    lock, local = threading.Lock(), threading.local()

    def connection() -> sqlite3.Connection:
        if not hasattr(local, "connection"):
            local.connection = sqlite3.connect(file, isolation_level=None, timeout=20)
            local.connection.execute("PRAGMA journal_mode=WAL")
            local.connection.execute("PRAGMA synchronous=FULL")
            local.connection.execute("CREATE TABLE IF NOT EXISTS kept (id TEXT PRIMARY KEY, body BLOB NOT NULL)")
        return local.connection  # type: ignore[no-any-return]

    @app.post("/Users")
    def keep() -> Response:
        with lock:
            connection().execute("INSERT INTO kept VALUES (?, ?)", (uuid.uuid4().hex, request.get_data()))
        return Response(request.get_data(), 201, content_type="application/scim+json")

    return app


if __name__ == "__main__":
    waitress.serve(create_app(Path(sys.argv[1])), host="127.0.0.1", port=int(sys.argv[2]), threads=8)
