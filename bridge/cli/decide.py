"""`release`, `cancel`, `retry`, `todo`: what operators decide about cases. Each is an event, and audited."""

from __future__ import annotations

import click

from bridge import decisions
from bridge.cli import paper
from bridge.cli.cases import find
from bridge.cli.context import Command, Context, Group, command
from bridge.core.wording import counted, utc
from bridge.ports import Declined
from bridge.store import contract, matters


@command()
@click.argument("case_id", metavar="[ID]", type=paper.NUMBER, required=False)
@click.option("--batch", type=paper.NUMBER, help="Release this batch instead of one case.")
@click.option("--only", metavar="ID,ID", help="With --batch: only these of its cases.")
@click.option("--digest", required=True, help="The digest of what you saw: `plan ID` or `status` shows it.")
@click.option("--reason", required=True, metavar="TEXT", help="Why it is right to go on.")
@paper.operator_option
@paper.json_option
def release(
    context: Context,
    *,
    case_id: int | None,
    batch: int | None,
    only: str | None,
    digest: str,
    reason: str,
    by: str,
    as_json: bool,
) -> None:
    """Approves a plan as you saw it.

    For one case or a batch. A plan that has changed since is not approved.
    """
    if (case_id is None) == (batch is None):
        raise click.UsageError("Name one case, or one batch with --batch.")
    if not reason.strip():
        raise click.UsageError("Say why with --reason: it is kept in the audit log.")
    bridge = context.bridge()
    if batch is None:
        assert case_id is not None
        if only is not None:
            raise click.UsageError("--only goes with --batch.")
        done = [decisions.release(bridge, case_id, digest.strip(), by=by, reason=reason)]
    else:
        done = decisions.release_batch(bridge, batch, digest.strip(), by=by, reason=reason, only=_numbers(only))
    if as_json:
        paper.as_json({"released": [c.id for c in done]})
        return
    paper.line(f"Released {counted(len(done), 'case')}, approved by {by}. A worker goes on with it now:", fg="green")
    for case in done:
        steps = "; ".join(s.says for s in case.plan.steps) or "nothing to do"
        paper.line(f"Case {case.id}: {steps}", indent=2)
    paper.line(f"`case {done[0].id}` shows how it goes on.")


@command()
@click.argument("case_id", metavar="[ID]", type=paper.NUMBER, required=False)
@click.option("--batch", type=paper.NUMBER, help="Cancel this batch instead of one case.")
@click.option("--only", metavar="ID,ID", help="With --batch: only these of its cases.")
@click.option("--digest", help="With --batch: the digest of what you saw; `status` shows it.")
@click.option("--reason", required=True, metavar="TEXT", help="Why the person is to be let be.")
@paper.operator_option
@paper.json_option
def cancel(
    context: Context,
    *,
    case_id: int | None,
    batch: int | None,
    only: str | None,
    digest: str | None,
    reason: str,
    by: str,
    as_json: bool,
) -> None:
    """Lets the person be, or everybody in a batch. What was done already stays done."""
    if (case_id is None) == (batch is None):
        raise click.UsageError("Name one case, or one batch with --batch.")
    if not reason.strip():
        raise click.UsageError("Say why with --reason: it is kept in the audit log.")
    if batch is not None:
        if digest is None:
            raise click.UsageError("Name what you saw with --digest; `status` shows it.")
        chosen = _numbers(only)
        done = decisions.cancel_batch(context.bridge(), batch, digest.strip(), by=by, reason=reason, only=chosen)
        if as_json:
            paper.as_json({"cancelled": [c.id for c in done]})
        else:
            paper.line(f"{counted(len(done), 'case')} of batch {batch} cancelled by {by}.", fg="green")
        return
    if only is not None or digest is not None:
        raise click.UsageError("--only and --digest go with --batch.")
    assert case_id is not None
    decisions.cancel(context.bridge(), case_id, by=by, reason=reason)
    if as_json:
        _print_case(context, case_id)
        return
    paper.line(f"Case {case_id} is cancelled by {by}.", fg="green")
    _tell_what_stays(context, case_id)


def _tell_what_stays(context: Context, case_id: int) -> None:
    for step in find(context, case_id).steps:
        if step.result == "done":
            paper.line(f"Already done, and not taken back: {step.says}.", indent=2)
        elif step.result in {"sent", "lost"}:
            told = f"Sent, and perhaps done all the same: {step.says}. `case {case_id}` says what came of it."
            paper.line(told, indent=2, fg="yellow")


@command()
@click.argument("case_id", metavar="ID", type=paper.NUMBER)
@paper.operator_option
@paper.json_option
def retry(context: Context, *, case_id: int, by: str, as_json: bool) -> None:
    """Tries a case again now, with a clean slate of attempts."""
    decisions.retry(context.bridge(), case_id, by=by)
    if as_json:
        _print_case(context, case_id)
    else:
        paper.line(f"Case {case_id} is due now.", fg="green")


@click.group(cls=Group)
def todo() -> None:
    """What only a person can do; `status` lists it."""


@todo.command(cls=Command)
@click.argument("todo_ids", metavar="ID...", type=paper.NUMBER, nargs=-1, required=True)
@click.option("--answer", default="", metavar="TEXT", help="What was decided, and by whom; some to-dos ask for it.")
@click.option("--alike", is_flag=True, help="And all that the status shows with it as one.")
@paper.operator_option
@click.make_pass_decorator(Context, ensure=True)
def done(context: Context, *, todo_ids: tuple[int, ...], answer: str, alike: bool, by: str) -> None:
    """Says that to-dos are done: those of the status, and items of a checklist."""
    for todo_id in todo_ids:
        count = decisions.tick(context.bridge(), todo_id, by=by, answer=answer, with_alike=alike)
        also = f", and so {'is' if count == 2 else 'are'} {count - 1} like it" if count > 1 else ""
        paper.line(f"To-do {todo_id} is done{also}.", fg="green")


@todo.command(cls=Command)
@click.argument("todo_id", metavar="ID", type=int)
@click.make_pass_decorator(Context, ensure=True)
def show(context: Context, *, todo_id: int) -> None:
    """Shows a to-do of the status, and everybody about whom it and those shown with it ask."""
    with context.bridge().db.read() as tx:
        matter = matters.of(tx, todo_id)
    if matter is None:
        raise Declined(f"There is no open to-do {todo_id} in the status.", remedy="`case ID` lists a case's to-dos.")
    if not matter.is_many:
        paper.line(f"{todo_id}. (case {matter.first.case_id}) {matter.says}")
        return
    paper.line(matter.says, bold=True)
    paper.line(matter.remedy, fg="cyan")
    rows = [(str(a.todo.id), str(a.todo.case_id), a.label, utc(a.todo.opened_at)) for a in matter.asked]
    paper.table(("TO-DO", "CASE", "WHO", "SINCE"), rows)


@todo.command(cls=Command)
@click.argument("todo_id", metavar="ID", type=paper.NUMBER)
@paper.operator_option
@click.make_pass_decorator(Context, ensure=True)
def reopen(context: Context, *, todo_id: int, by: str) -> None:
    """Says that a to-do is not done after all."""
    decisions.untick(context.bridge(), todo_id, by=by)
    paper.line(f"To-do {todo_id} is open again.", fg="yellow")


def _print_case(context: Context, case_id: int) -> None:
    view = find(context, case_id)
    paper.as_json(contract.case_out(view, context.bridge().clock.now()))


def _numbers(only: str | None) -> frozenset[int]:
    try:
        found = frozenset(int(part) for part in (only or "").split(",") if part.strip())
    except ValueError:
        raise click.BadParameter(f"{only!r} is no list of numbers such as 1,2.", param_hint="--only") from None
    if only is not None and not found:
        # An empty choice must never mean all of them.
        raise click.BadParameter("names no case.", param_hint="--only")
    return found
