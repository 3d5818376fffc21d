"""The world as one JSON file, so that a demonstration survives a restart.

May import: `records`.
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

from bridge.sandbox.records import Account, Domain, Invite, Key, Membership, Organization, Row

TABLES: tuple[type[Row], ...] = (Organization, Account, Membership, Invite, Key, Domain)
"""What a saved world holds. Calls and throttles are not kept."""


def write_tables(path: Path, tables: dict[str, dict[str, Any]]) -> None:
    """Write all tables at once; the file is replaced whole or not at all."""
    text = json.dumps({name: [row.as_json() for row in list(rows.values())] for name, rows in tables.items()}, indent=1)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, part = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    Path(part).replace(path)


def read_tables(path: Path) -> dict[str, dict[str, Any]]:
    """The tables that `write_tables` wrote, rows by their id."""
    saved = json.loads(path.read_text(encoding="utf-8"))
    tables: dict[str, dict[str, Any]] = {}
    for kind in TABLES:
        rows = [kind.from_json(values) for values in saved[kind.TABLE]]
        tables[kind.TABLE] = {_key(row): row for row in rows}
    return tables


def _key(row: Row) -> str:
    return str(getattr(row, "uuid", "") or getattr(row, "id", ""))
