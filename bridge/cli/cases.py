"""`status`, `cases`, `case`, `plan`: how everything stands, and one case with its story."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import click

from bridge.cli import paper
from bridge.cli.context import DONE, NEEDS_A_PERSON, Context, command
from bridge.cli.coverage import summary
from bridge.cli.doors import tell_ways
from bridge.core.case import Case, CaseState
from bridge.core.plain import plain
from bridge.core.plan import Hold
from bridge.core.wording import ago, counted, lasting, scope_words, utc
from bridge.ports import Declined
from bridge.store import checklists, contract, handover, story, views, ways
from bridge.store.batches import Batch
from bridge.store.checklists import Unfinished
from bridge.store.coverage import Coverage
from bridge.store.matters import Matter
from bridge.store.reach import Reach
from bridge.store.targets import TargetState
from bridge.store.todos import Todo
from bridge.store.views import CaseView, Status

MOST_NAMED = 10
"""Members without coverage that `status` names."""
MOST_SHOWN = 20
"""Cases of one kind that `status` lists one by one."""


@command()
@paper.json_option
def status(context: Context, *, as_json: bool) -> None:
    """Queue and cases at a glance.

    Exit status 1 when something needs a person.
    """
    bridge = context.bridge()
    now, queue = bridge.clock.now(), bridge.bell.look()
    with bridge.db.read() as tx:
        found = views.status(
            tx,
            connections=bridge.connections,
            names=bridge.targets,
            queue=queue,
            now=now,
            policies=bridge.policies,
        )
        in_batches = {c.id for b in found.batches for c in b.cases}
        alone = views.rows(tx, only=found.needs_a_person, leaving_out=in_batches, limit=MOST_SHOWN)
        unfinished = checklists.unfinished(tx)
    if as_json:
        paper.as_json({**contract.status_out(found), "checklists": [plain(u) for u in unfinished]})
    else:
        _tell_what_waits(context, found, alone, len(set(found.needs_a_person) - in_batches))
        _tell_the_rest(found, unfinished)
    context.leave(DONE if found.is_quiet else NEEDS_A_PERSON)


@command()
@click.option(
    "--state", multiple=True, type=click.Choice(list(CaseState), case_sensitive=False), help="Only these; repeatable."
)
@click.option("--limit", type=paper.Number(1), default=200, show_default=True, help="The newest so many.")
@paper.json_option
def cases(context: Context, *, state: tuple[str, ...], limit: int, as_json: bool) -> None:
    """Lists cases, newest first."""
    bridge = context.bridge()
    now = bridge.clock.now()
    with bridge.db.read() as tx:
        found = views.rows(tx, states=[CaseState(s) for s in state], limit=limit)
    if as_json:
        paper.as_json([contract.case_out(v, now) for v in found])
    elif not found:
        paper.line("There are no cases." if not state else "There are no such cases.")
    else:
        paper.table(
            ("CASE", "STATE", "WHO", "TARGET", "OPENED", "STANDS"),
            [
                (
                    str(v.case.id),
                    v.case.state.value,
                    v.case.subject.label,
                    story.where(v.case),
                    ago(v.case.opened_at, now),
                    story.standing(v.case, now),
                )
                for v in found
            ],
        )


@command()
@click.argument("case_id", metavar="ID", type=paper.NUMBER)
@paper.json_option
def case(context: Context, case_id: int, *, as_json: bool) -> None:
    """Shows one case with its plan and its story."""
    bridge = context.bridge()
    now, view = bridge.clock.now(), find(context, case_id)
    with bridge.db.read() as tx:
        doors = ways.of_case(tx, view.case, bridge.connections_of(view.case.target))
    if as_json:
        paper.as_json({**contract.whole_case_out(view, now), "ways_back": ways.ways_out(doors)})
        return
    found = view.case
    paper.line(f"Case {found.id}: {found.subject.label} must not be in {story.where(found)}", bold=True)
    facts = [
        ("State", f"{found.state.value}, opened {utc(found.opened_at)} ({ago(found.opened_at, now)})"),
        ("Stands", story.standing(found, now)),
        ("Access", story.access(view, now)),
        ("Asked by", f"{found.source}; reason: {found.reason.value}" + (f"; {found.note}" if found.note else "")),
        ("Approved by", view.approver),
        ("Scope", scope_words(found.scope) if not found.is_whole else ""),
        ("Groups", "; ".join(f"{name} ({connection})" for connection, name in view.groups)),
        ("Record", story.record(view)),
    ]
    for name, text in facts:
        if text:
            paper.field(name, text)
    if found.state.is_open and not found.plan.is_empty:
        _tell_plan(context, found)
    open_todos = [t for t in view.todos if t.done_at is None and (t.is_urgent or not t.position)]
    if open_todos:
        paper.line()
        _tell_todos(context, open_todos)
    _tell_handover(context, view)
    if doors is not None:
        tell_ways(context, doors, now)
    paper.line()
    paper.line("What happened", bold=True)
    for moment in story.timeline(view):
        paper.line(utc(moment.at), indent=2, dim=True)
        paper.line(moment.says, indent=4)


@command()
@click.argument("case_id", metavar="ID", type=paper.NUMBER)
@paper.json_option
def plan(context: Context, case_id: int, *, as_json: bool) -> None:
    """Shows what would be done for one case.

    With why it is not done, and the digest that `release` asks for.
    """
    view = find(context, case_id)
    if as_json:
        whole = contract.case_out(view, context.bridge().clock.now())
        paper.as_json({"id": case_id, "state": whole["state"], **whole["plan"], "holds": whole["holds"]})
        return
    where = story.where(view.case)
    paper.line(f"Case {case_id}: {view.case.subject.label} at {where}, {view.case.state.value}", bold=True)
    _tell_plan(context, view.case)


def find(context: Context, case_id: int) -> CaseView:
    """The case with that number. Raises `Declined` when there is none."""
    with context.bridge().db.read() as tx:
        view = views.one(tx, case_id)
    if view is None:
        raise Declined(f"There is no case {case_id}.", remedy="`cases` lists them.")
    return view


def releasing(program: str, what: str, digest: str) -> str:
    """The command that approves what was shown."""
    return f'{program} release {what} --digest {digest} --reason "WHY"'


def _tell_what_waits(context: Context, found: Status, alone: Sequence[CaseView], count: int) -> None:
    waiting = len(found.troubles) + len(found.batches) + count + len(found.matters)
    if found.is_quiet:
        paper.line("Nothing needs a person.", fg="green", bold=True)
    else:
        verb = "needs" if waiting == 1 else "need"
        paper.line(f"{counted(waiting, 'thing')} {verb} a person.", fg="yellow", bold=True)
    if found.backlog:
        paper.line(found.backlog, fg="red", bold=True)
    for trouble in found.troubles:
        paper.line()
        paper.line(trouble.what, fg="red")
        paper.line(trouble.remedy, indent=2)
    for batch in found.batches:
        paper.line()
        _tell_batch(context, batch, found.at)
    for view in alone:
        paper.line()
        _tell_held(context, view, found.at)
    if count > len(alone):
        paper.line()
        paper.line(f"And {count - len(alone)} more: `cases --state HELD` lists them.")
    if found.matters:
        paper.line()
        _tell_matters(context, found.matters)


def _tell_batch(context: Context, batch: Batch, now: datetime) -> None:
    names = ", ".join(c.label for c in batch.cases[:5]) + (", …" if len(batch.cases) > 5 else "")
    what = f"Batch {batch.id} at {batch.target}: {counted(len(batch.cases), 'case')} wait for one decision"
    paper.line(f"{what} ({', '.join(batch.codes)})", bold=True)
    paper.line(names, indent=2)
    access = story.batch_access(batch, now)
    if access:
        paper.line(access, indent=2, fg="red")
    _tell_hold(batch.shared)
    if batch.others:
        paper.line("Besides, of these:", indent=2, bold=True)
    for held, hold in batch.others[:MOST_SHOWN]:
        paper.line(f"Case {held.id}, {held.label} ({hold.code.value}): {hold.message}", indent=4)
    if len(batch.others) > MOST_SHOWN:
        paper.line(f"and {len(batch.others) - MOST_SHOWN} more; `cases --state HELD` lists them", indent=4)
    what = f"--batch {batch.id}"
    ids = ",".join(str(c.id) for c in batch.cases[:2])
    if batch.is_releasable:
        paper.command_line(releasing(paper.program(context), what, batch.digest), indent=2)
        paper.line(f"Add `--only {ids}` to release some of them; `cancel ID` lets one person be.", indent=2)
    elif batch.is_about_groups:
        paper.line(
            "Single projects and roles are not taken away by the bridge yet: do it by hand in PostHog, or:", indent=2
        )
        told = f'{paper.program(context)} cancel {what} --digest {batch.digest} --reason "WHY"'
        paper.command_line(told, indent=2)
        paper.line(f"Add `--only {ids}` to cancel some of them.", indent=2)


def _tell_held(context: Context, view: CaseView, now: datetime) -> None:
    found = view.case
    paper.line(f"Case {found.id}: {found.subject.label} at {story.where(found)}, {found.state.value}", bold=True)
    access = story.access(view, now)
    if access:
        paper.line(access, indent=2, fg="red" if view.access.still_in else None)
    _tell_decision(context, found)


def _tell_decision(context: Context, found: Case) -> None:
    for hold in found.plan.holds:
        _tell_hold(hold)
    if found.plan.holds and all(h.is_releasable for h in found.plan.blocking):
        paper.command_line(releasing(paper.program(context), str(found.id), found.plan.digest), indent=2)


def _tell_hold(hold: Hold) -> None:
    paper.line(hold.message, indent=2)
    paper.line(hold.remedy, indent=2, fg="cyan")


def _tell_plan(context: Context, found: Case) -> None:
    paper.line()
    title = "Would be done once released" if found.plan.blocking else "Planned"
    paper.line(f"{title} (digest {found.plan.digest})", bold=True)
    for number, step in enumerate(found.plan.steps, 1):
        paper.line(f"{number}. {step.says}", indent=2)
    if not found.plan.steps:
        paper.line("Nothing.", indent=2)
    if found.plan.holds:
        paper.line()
        paper.line("Why it waits for a person" if found.plan.blocking else "Beside it, for a person", bold=True)
        _tell_decision(context, found)


def _tell_matters(context: Context, matters: Sequence[Matter]) -> None:
    program = paper.program(context)
    alone = [m.first for m in matters if not m.is_many]
    for matter in (m for m in matters if m.is_many):
        paper.line(f"{matter.id}. {matter.says}", bold=True)
        names = ", ".join(a.label for a in matter.asked[:5]) + (", …" if len(matter.asked) > 5 else "")
        paper.line(f"{names}: `todo show {matter.id}` names them all.", indent=2)
        paper.line(matter.remedy, indent=2, fg="cyan")
        if matter.is_undoable:
            paper.command_line(f'{program} undo --todo {matter.id} --reason "WHY"', indent=2)
        paper.line("When all of it is decided:", indent=2)
        paper.command_line(f"{program} todo done {matter.id} --alike", indent=2)
    if alone:
        if len(alone) < len(matters):
            paper.line()
        _tell_todos(context, alone)


def _tell_todos(context: Context, todos: Sequence[Todo]) -> None:
    paper.line("To do by a person", bold=True)
    for todo in todos:
        paper.line(f"{todo.id}. (case {todo.case_id}) {todo.text}", indent=2)
    answer = ' --answer "TEXT"' if todos[0].wants_answer else ""
    paper.command_line(f"{paper.program(context)} todo done {todos[0].id}{answer}", indent=2)


def _tell_handover(context: Context, view: CaseView) -> None:
    """What was found and what is left to do, in short."""
    found, short = handover.checklist(view), handover.in_short(view)
    if found is None and not short:
        return
    paper.line()
    paper.line("Handover", bold=True)
    for name, text in short:
        paper.field(f"  {name}", text)
    if found is not None:
        paper.field("  Checklist", found.says)
        paper.command_line(f"{paper.program(context)} checklist {view.case.id}", indent=2)
    paper.command_line(f"{paper.program(context)} report {view.case.id}", indent=2)


def _tell_the_rest(found: Status, unfinished: Sequence[Unfinished]) -> None:
    paper.line()
    oldest = f", the oldest for {lasting(found.oldest_pending)}" if found.cases["PENDING"] else ""
    counts = "  ".join(f"{number} {state.lower()}" for state, number in found.cases.items())
    paper.field("Cases", counts + oldest)
    queue = found.queue
    said = f"{queue.depth} waiting, {counted(queue.workers, 'worker')}"
    paper.field("Queue", said if queue.is_reachable else "not reachable; `run` starts it, and the sweep needs it")
    if unfinished:
        told = f"{counted(len(unfinished), 'is', 'are')} not done, the oldest for {lasting(found.at - unfinished[0].opened_at)}"
        paper.field("Checklists", f"{told}: `checklist`")
    for target in found.targets:
        paper.field(target.name, _target(target, found.at))
        if (covered := found.coverage.get(target.name)) is not None and covered.as_of is not None:
            paper.field("", _covered(covered))
    for name, reach in found.reach.items():
        paper.field(name, _heard(reach, found.at))


def _covered(found: Coverage) -> str:
    """How much is covered, and who is not."""
    told = summary(found)
    names = [s.member.email + (" (protected)" if s.is_protected else "") for s in found.uncovered[:MOST_NAMED]]
    if len(found.uncovered) > MOST_NAMED:
        names.append(f"and {len(found.uncovered) - MOST_NAMED} more: `coverage`")
    return f"{told}; not: {', '.join(names)}" if names else told


def _heard(reach: Reach, now: datetime) -> str:
    called, changed = reach.last_call_at, reach.last_event_at
    if called is None and changed is None:
        return "never heard from"
    told = [f"last call {ago(called, now)}"] if called is not None else []
    return ", ".join([*told, f"last change {ago(changed, now)}" if changed is not None else "no change yet"])


def _target(state: TargetState, now: datetime) -> str:
    if state.paused_since is not None:
        return f"PAUSED for {lasting(now - state.paused_since)}: {state.pause_reason}"
    if state.looked_at is None:
        return "not looked at yet"
    owners = counted(state.owner_count or 0, "owner")
    return f"{counted(state.member_count or 0, 'member')}, {owners}, looked at {ago(state.looked_at, now)}"
