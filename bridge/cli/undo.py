"""`undo`: giving back what a removal took, for one person, several, a whole batch, or all whom a to-do asks about."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from bridge import undoing
from bridge.cli import paper
from bridge.cli.addresses import unique
from bridge.cli.context import NEEDS_A_PERSON, Context, command
from bridge.core.returns import Return, ReturnState
from bridge.core.wording import ago, counted
from bridge.ports import Bridge, Declined
from bridge.store import contract, returns

MOST_SHOWN = 20


@command()
@click.argument("case_ids", metavar="[ID]...", type=paper.NUMBER, nargs=-1)
@click.option("--batch", type=paper.NUMBER, help="Everybody of this batch who was removed.")
@click.option(
    "--todo", "todo_id", type=paper.NUMBER, help="Everybody about whom this to-do asks, and those shown with it as one."
)
@click.option("--reason", metavar="TEXT", help="Why they come back.")
@click.option("--as-before", is_flag=True, help="At the level of before, though it is above member: you approve that.")
@click.option("--email", default="", metavar="EMAIL", help="With one case: where the invite is to go.")
@click.option("--prepare-only", is_flag=True, help="Send nothing yet; the same command sends it later.")
@click.option("--list", "only_list", is_flag=True, help="Only show what is under way.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@paper.operator_option
@paper.json_option
def undo(
    context: Context,
    *,
    case_ids: tuple[int, ...],
    batch: int | None,
    todo_id: int | None,
    reason: str | None,
    as_before: bool,
    email: str,
    prepare_only: bool,
    only_list: bool,
    yes: bool,
    by: str,
    as_json: bool,
) -> None:
    """Gives people back what their removal took: an invite, with the projects and roles of before.

    Their cases and watches end at once. An invite never goes out above the level of a member unless you say --as-before.
    """
    bridge = context.bridge()
    if only_list:
        _list(context, as_json=as_json)
        return
    if email and len(case_ids) != 1:
        raise click.UsageError("--email goes with one case.")
    (email,) = unique([email]) if email else ("",)
    chosen, named = _chosen(bridge, case_ids, batch, todo_id)
    # What was prepared before is sent as it was; whoever chooses anew has it prepared anew.
    waiting = [] if email or as_before else _waiting(context, chosen, by)
    fresh = [i for i in chosen if i not in {w.case_id for w in waiting}]
    if fresh and not (reason or "").strip():
        raise click.UsageError("Say why with --reason: it is kept in the audit log.")
    if not fresh and not waiting:
        raise Declined(
            "Nobody in it was removed, or everybody is back.", remedy="`undo --list` shows what is under way."
        )
    found = [*waiting]
    if fresh:
        found += undoing.prepare(bridge, fresh, by=by, reason=reason or "", as_before=as_before, email=email)
    if not as_json:
        _show(found)
    if not prepare_only and _is_sure(found, yes=yes):
        found = undoing.send(bridge, [r.id for r in found], by=by)
        told = f"{counted(len(found), 'invite')} on the way."
    else:
        told = f"Prepared, and nothing sent. `undo {named}` sends it."
    if as_json:
        paper.as_json([contract.return_out(r) for r in found])
        return
    paper.line(told, fg="green")


def _chosen(bridge: Bridge, case_ids: Sequence[int], batch: int | None, todo_id: int | None) -> tuple[list[int], str]:
    """The cases that are meant, and how they were named."""
    if (bool(case_ids), batch is not None, todo_id is not None).count(True) != 1:
        raise click.UsageError("Name cases, a batch with --batch, or a to-do with --todo.")
    if batch is not None:
        return undoing.removed_in(bridge, batch), f"--batch {batch}"
    if todo_id is not None:
        return undoing.asked_about(bridge, todo_id), f"--todo {todo_id}"
    known = [*dict.fromkeys(case_ids)]
    return known, " ".join(map(str, known))


def _waiting(context: Context, case_ids: Sequence[int], by: str) -> list[Return]:
    """What was prepared for these cases before and not sent; a level above member only by whoever approved it."""
    with context.bridge().db.read() as tx:
        known = [r for i in case_ids for r in returns.of_case(tx, i)]
    return [r for r in known if r.state is ReturnState.PREPARED and r.approved_by in {"", f"operator:{by}"}]


def _show(found: Sequence[Return]) -> None:
    paper.line(f"{counted(len(found), 'person', 'people')} to come back:", bold=True)
    for this in found[:MOST_SHOWN]:
        paper.line(f"Case {this.case_id}: {this.says}", indent=2)
    if len(found) > MOST_SHOWN:
        paper.line(f"and {len(found) - MOST_SHOWN} more", indent=2)
    sentences = dict.fromkeys(said for this in found for said in this.cannot)
    if sentences:
        paper.line("What is not given back:", bold=True)
        for said in list(sentences)[:MOST_SHOWN]:
            paper.line(said, indent=2)


def _is_sure(found: Sequence[Return], *, yes: bool) -> bool:
    if yes:
        return True
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return False
    return click.confirm(f"Send {counted(len(found), 'invite')} now?")


def _list(context: Context, *, as_json: bool) -> None:
    bridge = context.bridge()
    now = bridge.clock.now()
    with bridge.db.read() as tx:
        found = [r for target in bridge.targets for r in returns.open_of(tx, target)]
    if as_json:
        paper.as_json([contract.return_out(r) for r in found])
        return
    if not found:
        paper.line("Nobody is on the way back.")
        return
    headings = ("CASE", "STATE", "WHO", "LEVEL", "ASKED", "TROUBLE")
    rows = [(str(r.case_id), r.state.value, r.email, r.level.word, ago(r.asked_at, now), r.trouble) for r in found]
    paper.table(headings, rows)
    if any(r.state is ReturnState.PREPARED for r in found):
        context.leave(NEEDS_A_PERSON)
