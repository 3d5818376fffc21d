"""The world as one JSON file, so that a demonstration survives a restart.

May import: `records`.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bridge.sandbox.records import (
    AccessControl,
    Account,
    Activity,
    Domain,
    Invite,
    Key,
    Membership,
    Organization,
    Person,
    Project,
    Resource,
    Role,
    RoleMembership,
    Row,
)

TABLES: tuple[type[Row], ...] = (
    *(Organization, Account, Membership, Invite, Key, Domain),
    *(Project, Role, RoleMembership, AccessControl, Resource, Person, Activity),
)
"""What a saved world holds. Calls, throttles and switches are not kept."""


class Writer:
    """Writes the tables again and again; a row that did not change is turned into text only once."""

    def __init__(self) -> None:
        self._texts: dict[str, dict[str, tuple[Row, str]]] = {kind.TABLE: {} for kind in TABLES}

    def write(self, path: Path, tables: Mapping[str, Mapping[str, Row]]) -> None:
        """Write all tables at once; the file is replaced whole or not at all."""
        parts = [f'"{name}": [\n{self._rows(name, rows)}\n]' for name, rows in tables.items()]
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, part = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write("{" + ",\n".join(parts) + "}\n")
        Path(part).replace(path)

    def _rows(self, name: str, rows: Mapping[str, Row]) -> str:
        known, kept = self._texts[name], {}
        for key, row in rows.items():
            seen = known.get(key)
            kept[key] = seen if seen and seen[0] is row else (row, json.dumps(row.as_json()))
        self._texts[name] = kept
        return ",\n".join(text for _, text in kept.values())


def read_tables(path: Path) -> dict[str, dict[str, Any]]:
    """The tables that `Writer` or an older version of it wrote, rows by their key. A table that it lacked is empty."""
    saved = json.loads(path.read_text(encoding="utf-8"))
    tables: dict[str, dict[str, Any]] = {}
    for kind in TABLES:
        rows = [kind.from_json(values) for values in saved.get(kind.TABLE, ())]
        tables[kind.TABLE] = {row.key: row for row in rows}
    return tables
