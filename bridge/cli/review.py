"""`review`: who can get into PostHog, set against the identity providers; decided line by line, signed and kept."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

import click
import structlog

from bridge import review_sheet, reviewing
from bridge.cli import looking, paper
from bridge.cli.context import DONE, NEEDS_A_PERSON, Command, Context, Group, shared_options
from bridge.cli.review_formats import FORMATS, as_table
from bridge.cli.targets import choose_target
from bridge.core.reviewed import Code
from bridge.core.wording import counted, utc
from bridge.ports import Bridge, Declined
from bridge.review_sheet import Sheet
from bridge.store import reviews
from bridge.store.reviews import Outcome, Review

SHORTEST_DIGEST = 12
"""Digits of a digest that `review show` names while nothing is signed."""
MOST_LINES = 100_000
"""Line numbers in one range."""


class Family(Group):
    """A command that has others below it, and takes `--config` and `--data` like them."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params.extend(shared_options())


def format_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """`--format` and `--json`, as the argument `how`, and `--all` as `shows_all`."""
    kinds = click.Choice(["table", *FORMATS, "json"])
    function = click.option("--json", "how", flag_value="json", help="The same as --format json.")(function)
    function = click.option("--format", "how", type=kinds, default="table", show_default=True)(function)
    return click.option("--all", "shows_all", is_flag=True, help="Members without a finding, too.")(function)


@click.group(cls=Family, invoke_without_command=True)
@click.option("--target", help="The organization. [default: the only one]")
@click.option(
    "--unused-days", type=paper.Number(1, 3650), metavar="N", help="Unused is who did not log in for so long."
)
@click.option("--fresh", is_flag=True, help="Have PostHog looked at now, whatever the age of the last look.")
@click.option(
    "--wait", metavar="SECONDS", type=click.FloatRange(0), default=30, show_default=True, help="How long for a look."
)
@format_options
@click.pass_context
def review(
    ctx: click.Context,
    *,
    target: str | None,
    unused_days: int | None,
    fresh: bool,
    wait: float,
    how: str,
    shows_all: bool,
) -> None:
    """Sets members and invites against what the identity providers said, as of the last look.

    Exit status 1 when something should not wait for the next review. The commands below keep a review, decide its lines, and sign it.
    """
    if ctx.invoked_subcommand is not None:
        return
    context = ctx.ensure_object(Context)
    bridge = context.bridge()
    chosen = choose_target(bridge, target)
    if fresh:
        looking.seen(bridge, chosen, wait_seconds=wait, within=timedelta(0))
    with bridge.db.read() as tx:
        found = reviewing.current(bridge, tx, chosen, unused_days)
        open_one = reviews.open_of(tx, chosen)
    if found is None:
        raise Declined(f"{chosen} was never looked at.", remedy="Start `run`, or `worker` and `sweep`; or add --fresh.")
    sheet = review_sheet.of_current(found)
    _print(context, sheet, how, shows_all=shows_all)
    if how == "table":
        paper.line()
        paper.line(_what_next(open_one, chosen))
    context.leave(NEEDS_A_PERSON if sheet.pressing else DONE)


@review.command("start", cls=Command)
@click.option("--target", help="The organization. [default: the only one]")
@click.option(
    "--unused-days", type=paper.Number(1, 3650), metavar="N", help="Unused is who did not log in for so long."
)
@click.option("--all", "asks_all", is_flag=True, help="Members without a finding need a decision, too.")
@click.option(
    "--wait", metavar="SECONDS", type=click.FloatRange(0), default=30, show_default=True, help="How long for a look."
)
@paper.operator_option
@paper.json_option
@click.make_pass_decorator(Context, ensure=True)
def start(
    context: Context,
    *,
    target: str | None,
    unused_days: int | None,
    asks_all: bool,
    wait: float,
    by: str,
    as_json: bool,
) -> None:
    """Keeps the lines as they are now, under a number, for decisions and a signature. The look is an hour old at most."""
    bridge = context.bridge()
    chosen = choose_target(bridge, target)
    looking.seen(bridge, chosen, wait_seconds=wait)
    started = reviewing.start(bridge, chosen, by=by, unused_days=unused_days, asks_all=asks_all)
    sheet = _sheet(bridge, started.id)
    if as_json:
        paper.as_json(review_sheet.sheet_out(sheet))
        return
    paper.line(f"Review {started.id} of {chosen} is started: {counted(sheet.undecided, 'line')} to decide.", fg="green")
    program = paper.program(context)
    paper.line("Look at them, then say of each whether it stays or goes:")
    paper.command_line(f"{program} review show {started.id}", indent=2)
    paper.command_line(f'{program} review keep {started.id} LINE --reason "WHY"', indent=2)
    paper.command_line(f"{program} review remove {started.id} LINE", indent=2)
    paper.command_line(f"{program} review sign {started.id}", indent=2)


@review.command("show", cls=Command)
@click.argument("number", metavar="R", type=paper.NUMBER)
@format_options
@click.make_pass_decorator(Context, ensure=True)
def show(context: Context, *, number: int, how: str, shows_all: bool) -> None:
    """Shows one review with its lines and decisions. Exit status 1 while lines are undecided, or when it was changed."""
    sheet = _sheet(context.bridge(), number)
    _print(context, sheet, how, shows_all=shows_all)
    is_open = sheet.review is not None and sheet.review.outcome is Outcome.OPEN
    context.leave(NEEDS_A_PERSON if (is_open and sheet.undecided) or not sheet.stands else DONE)


@review.command("list", cls=Command)
@click.option("--target", help="Only this organization.")
@paper.json_option
@click.make_pass_decorator(Context, ensure=True)
def list_(context: Context, *, target: str | None, as_json: bool) -> None:
    """Lists the reviews there are, newest first."""
    bridge = context.bridge()
    with bridge.db.read() as tx:
        found = [review_sheet.of_review(tx, r) for r in reviews.all_of(tx, target)]
    if as_json:
        paper.as_json([review_sheet.sheet_out(sheet)["review"] | {"target": sheet.target} for sheet in found])
    elif not found:
        paper.line("There are no reviews.")
    else:
        paper.table(("REVIEW", "TARGET", "AS OF", "STARTED BY", "STANDS"), [_row(sheet) for sheet in found])


@review.command("keep", cls=Command)
@click.argument("number", metavar="R", type=paper.NUMBER)
@click.argument("lines", metavar="[LINE...]", nargs=-1)
@click.option(
    "--only-found",
    multiple=True,
    type=click.Choice([code.value for code in Code]),
    help="All undecided lines that were found for this and nothing else; repeatable.",
)
@click.option("--reason", required=True, metavar="TEXT", help="Why it is right that they stay.")
@paper.operator_option
@click.make_pass_decorator(Context, ensure=True)
def keep(
    context: Context, *, number: int, lines: tuple[str, ...], only_found: tuple[str, ...], reason: str, by: str
) -> None:
    """Decides that lines stay. LINE is a number or a range such as 4-9."""
    if not reason.strip():
        raise click.UsageError("Say why with --reason: it is signed with the review.")
    bridge, chosen = context.bridge(), set(_numbers(lines))
    if only_found:
        chosen |= set(reviewing.with_only(_sheet(bridge, number).lines, [Code(code) for code in only_found]))
    kept = reviewing.keep(bridge, number, chosen, by=by, reason=reason)
    paper.line(f"{counted(len(kept), 'line')} kept by {by}: {_named(k.line.email for k in kept)}.", fg="green")
    _tell_left(context, number)


@review.command("remove", cls=Command)
@click.argument("number", metavar="R", type=paper.NUMBER)
@click.argument("lines", metavar="LINE...", nargs=-1, required=True)
@click.option("--reason", default="", metavar="TEXT", help="Your words, for the audit log.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@paper.operator_option
@click.make_pass_decorator(Context, ensure=True)
def remove(context: Context, *, number: int, lines: tuple[str, ...], reason: str, yes: bool, by: str) -> None:
    """Decides that lines go: opens a case for each, which goes its way like every other."""
    bridge, chosen = context.bridge(), _numbers(lines)
    sheet = _sheet(bridge, number)
    who = [k.line.email for k in sheet.lines if k.number in chosen]
    if not yes:
        if not (sys.stdin.isatty() and sys.stdout.isatty()):
            raise click.UsageError("Nobody can be asked here: add --yes when this is right. Nothing was opened.")
        paper.line(f"To be removed from {sheet.target}: {_named(who)}.", bold=True)
        click.confirm(f"Open {counted(len(who), 'case')}?", abort=True)
    with structlog.contextvars.bound_contextvars(is_silent=True):  # the operator is told of every case below
        opened = reviewing.remove(bridge, number, chosen, by=by, reason=reason)
    for case in opened:
        due = f", due at {utc(case.due_at)}" if case.due_at else ""
        paper.line(f"Case {case.id} is open for {case.subject.label}{due}.", fg="green")
    _tell_left(context, number)


@review.command("sign", cls=Command)
@click.argument("number", metavar="R", type=paper.NUMBER)
@click.option("--digest", help="The digest of what you saw: `review show R` names it.")
@click.option("--leave-open", default="", metavar="TEXT", help="Sign although lines are undecided, and say why.")
@paper.operator_option
@click.make_pass_decorator(Context, ensure=True)
def sign(context: Context, *, number: int, digest: str | None, leave_open: str, by: str) -> None:
    """Ends a review with your name, the time, and a digest of all lines and decisions."""
    seen = "" if digest is None else digest.strip().lower()
    if digest is not None and len(seen) < SHORTEST_DIGEST:
        # An empty variable in a script must not sign what nobody saw.
        raise click.BadParameter(f"has {SHORTEST_DIGEST} digits or more.", param_hint="--digest")
    done = reviewing.sign(context.bridge(), number, by=by, leave_open=leave_open, seen=seen)
    paper.line(f"Review {number} of {done.target} is signed by {by}. Digest {done.digest}", fg="green")
    paper.command_line(
        f"{paper.program(context)} review show {number} --all --format html > review-{number}.html", indent=2
    )


@review.command("drop", cls=Command)
@click.argument("number", metavar="R", type=paper.NUMBER)
@click.option("--reason", required=True, metavar="TEXT", help="Why it is not signed.")
@paper.operator_option
@click.make_pass_decorator(Context, ensure=True)
def drop(context: Context, *, number: int, reason: str, by: str) -> None:
    """Ends a review without a signature. It is kept; cases that it opened go on."""
    if not reason.strip():
        raise click.UsageError("Say why with --reason: it is kept with the review.")
    done = reviewing.drop(context.bridge(), number, by=by, reason=reason)
    paper.line(f"Review {number} of {done.target} is dropped by {by}.", fg="green")


def _sheet(bridge: Bridge, number: int) -> Sheet:
    with bridge.db.read() as tx:
        found = reviews.find(tx, number)
        if found is None:
            raise Declined(f"There is no review {number}.", remedy="`review list` names those there are.")
        return review_sheet.of_review(tx, found)


def _print(context: Context, sheet: Sheet, how: str, *, shows_all: bool) -> None:
    now = context.bridge().clock.now()
    if how == "json":
        paper.as_json(review_sheet.sheet_out(sheet))
    elif how == "table":
        as_table(sheet, now, shows_all=shows_all)
    else:
        click.echo(FORMATS[how](sheet, now, shows_all), nl=False)


def _what_next(open_one: Review | None, target: str) -> str:
    if open_one is None:
        return f"`review start --target {target}` keeps these lines under a number, to decide and sign them."
    return f"Review {open_one.id} is open since {utc(open_one.started_at)}: `review show {open_one.id}`."


def _row(sheet: Sheet) -> tuple[str, ...]:
    found = sheet.review
    assert found is not None
    stands = review_sheet.signature(sheet) if found.ended_at else f"open, {sheet.undecided} undecided"
    return str(found.id), found.target, utc(found.as_of), found.started_by, stands


def _tell_left(context: Context, number: int) -> None:
    left = _sheet(context.bridge(), number).undecided
    if left:
        paper.line(f"{counted(left, 'line')} of review {number} to go.")
    else:
        paper.line(f"Every line of review {number} is decided:")
        paper.command_line(f"{paper.program(context)} review sign {number}", indent=2)


def _named(emails: Iterable[str]) -> str:
    found = list(emails)
    return ", ".join(found[:5]) + (f" and {len(found) - 5} more" if len(found) > 5 else "")


def _numbers(words: Iterable[str]) -> list[int]:
    """The line numbers in words such as `3`, `4-9` and `1,2`."""
    found: list[int] = []
    for word in (part.strip() for each in words for part in each.split(",")):
        first, dash, last = word.partition("-")
        if not (first.isdecimal() and (last.isdecimal() or not dash) and len(first) < 7 and len(last) < 7):
            raise click.BadParameter(f'"{word}" is no line number, and no range such as 4-9.', param_hint="LINE")
        found += range(int(first), int(last or first) + 1)
        if not found or len(found) > MOST_LINES:
            raise click.BadParameter(f'"{word}" names no line.', param_hint="LINE")
    return found
