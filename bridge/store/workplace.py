"""Who somebody's manager is among the people we know: for notices, which ask the manager and not the leaver."""

from __future__ import annotations

from bridge.core.filter import Compare
from bridge.core.record import Record
from bridge.store import records
from bridge.store.db import Tx


def manager_of(tx: Tx, record: Record) -> Record | None:
    """The living record of the manager, in the same connection; `None` when nobody is named, or nobody whom we know.

    Entra names the manager by the id that we gave out, others by an id of their own.
    """
    named = record.workplace.manager_id
    if not named:
        return None
    found = records.find(tx, record.connection, "User", named)
    if found is not None:
        return found
    by_external_id = Compare(attribute="externalid", operator="eq", value=named)
    total, matching = records.search(tx, record.connection, "User", by_external_id, 0, 2)
    return matching[0] if total == 1 else None
