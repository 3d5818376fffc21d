"""`audit`: the log of everything that was decided and done, and whether it still is what was written."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterable
from typing import Any

import click

from bridge.cli import paper
from bridge.cli.context import NEEDS_A_PERSON, Command, Context, Group
from bridge.core.cells import csv_cell
from bridge.core.wording import counted
from bridge.store import audit as log
from bridge.store import contract

COLUMNS = ("seq", "at", "kind", "actor", "approver", "case_id", "target", "facts", "personal", "hash")

PROVES = (
    "This proves that no entry was changed, taken out or cut off by anybody who has the database but not the key "
    "audit.key in the data folder. It proves nothing against somebody who has both, and it cannot see that the whole "
    "log was put back to an older copy: keep an export, or the last number and hash, on another machine and compare. "
    "Personal parts that were erased on purpose are not counted as broken."
)


@click.group(cls=Group)
def audit() -> None:
    """The removal log and its hash chain."""


@audit.command(cls=Command)
@click.option("--case", "case_id", type=paper.NUMBER, help="Only this case's entries.")
@click.option("--format", "form", type=click.Choice(["jsonl", "csv"]), default="jsonl", show_default=True)
@click.make_pass_decorator(Context, ensure=True)
def export(context: Context, *, case_id: int | None, form: str) -> None:
    """Prints the log, oldest entry first."""
    with context.bridge().db.read() as tx:
        entries = (contract.entry_out(k) for k in log.read(tx, case_id=case_id))
        if form == "jsonl":
            for entry in entries:
                paper.as_json_line(entry)
        else:
            _as_csv(entries)


@audit.command(cls=Command)
@paper.json_option
@click.make_pass_decorator(Context, ensure=True)
def verify(context: Context, *, as_json: bool) -> None:
    """Checks the chain; exit status 1 when it is broken."""
    bridge = context.bridge()
    with bridge.db.read() as tx:
        count, wrong = log.verify(tx, bridge.db.audit_key)
        last = next(iter(log.read(tx, after=count - 1, limit=1)), None) if count else None
    if as_json:
        paper.as_json(
            {"holds": not wrong, "entries": count, "problem": wrong, "last_hash": last.hash if last else None}
        )
    elif wrong:
        paper.line(f"BROKEN after {counted(count, 'entry', 'entries')}: {wrong}.", fg="red", bold=True)
        paper.line("Keep the database and audit.key as they are, and compare with an earlier export or backup.")
    else:
        paper.line(f"{counted(count, 'entry', 'entries')}, and every one holds.", fg="green", bold=True)
        if last is not None:
            paper.line(f"The last one has number {last.seq} and hash {last.hash}.")
        paper.line()
        paper.line(PROVES)
    if wrong:
        context.leave(NEEDS_A_PERSON)


def _as_csv(entries: Iterable[dict[str, Any]]) -> None:
    writer = csv.writer(sys.stdout)
    writer.writerow(COLUMNS)
    for entry in entries:
        writer.writerow([_cell(entry[name]) for name in COLUMNS])


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return csv_cell(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
