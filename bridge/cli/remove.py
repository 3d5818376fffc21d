"""`remove`: an operator's own removal of one person or thousands."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import click
import structlog

from bridge import decisions
from bridge.cli import awaiting, paper, protected
from bridge.cli.addresses import from_csv, unique
from bridge.cli.context import Context, command
from bridge.cli.targets import choose_target
from bridge.core.case import Case
from bridge.core.events import Reason, Subject
from bridge.core.wording import counted, utc, who
from bridge.ports import Bridge
from bridge.store import cases, contract, people, standings, views

MOST_LISTED = 20
"""People who are shown one by one before the question."""
MOST_PROJECT = 10**18
"""A project's number has fewer digits than would fill the column that it is kept in."""


@dataclass(frozen=True, kw_only=True)
class Known:
    """What we know of an address before anything is opened."""

    address: str
    label: str
    """Empty: no source has ever named the address."""
    accounts: int
    active_in: tuple[str, ...]
    open_case: Case | None

    @property
    def says(self) -> str:
        """All of it in a few words."""
        if self.open_case is not None:
            stays = f"it stays {who(self.open_case.source)}'s" if self.open_case.is_operators else "it becomes yours"
            return f"case {self.open_case.id} is open already ({self.open_case.state.value}); {stays}"
        if not self.label:
            return "named by no source yet; PostHog is asked for exactly this address"
        name = f"known as {self.label}" if self.label != self.address else "known"
        active = f"active in {', '.join(self.active_in)}" if self.active_in else "active in no connection"
        account = "PostHog account linked" if self.accounts else "no PostHog account linked yet"
        return f"{name}; {active}; {account}"


@command()
@click.argument("emails", metavar="EMAIL...", nargs=-1)
@click.option(
    "--file",
    "csv_file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="CSV whose column `email` (or first column) names the people.",
)
@click.option("--target", help="The organization. [default: the only one]")
@click.option(
    "--project", metavar="ID", type=paper.Number(1, MOST_PROJECT), help="Only this project's access, by its number."
)
@click.option("--at", metavar="TIME", help="Not before this time, such as 2026-12-01T18:00Z.")
@click.option(
    "--reason",
    type=click.Choice(list(Reason), case_sensitive=False),
    default=Reason.UNKNOWN,
    help="For the record. [default: unknown]",
)
@click.option("--note", default="", metavar="TEXT", help="Your words, for the audit log.")
@click.option("--emergency", is_flag=True, help="At once: no settling, no limit on how many, no successor needed.")
@click.option("--even-protected", multiple=True, metavar="EMAIL", help="With --emergency: this protected person too.")
@click.option(
    "--wait", default=60.0, show_default=True, metavar="SECONDS", help="With --emergency: stay until they are out."
)
@click.option("--dry-run", is_flag=True, help="Only show whom this would be about.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@paper.operator_option
@paper.json_option
def remove(
    context: Context,
    *,
    emails: tuple[str, ...],
    csv_file: Path | None,
    target: str | None,
    project: int | None,
    at: str | None,
    reason: str,
    note: str,
    emergency: bool,
    even_protected: tuple[str, ...],
    wait: float,
    dry_run: bool,
    yes: bool,
    by: str,
    as_json: bool,
) -> None:
    """Takes people out of PostHog. What you decide outranks the identity providers until it is cancelled."""
    bridge = context.bridge()
    chosen = choose_target(bridge, target)
    named = unique([*emails, *(from_csv(csv_file) if csv_file else ())])
    if not named:
        raise click.UsageError("Name at least one address, or a file with --file.")
    due = _moment(at, bridge.clock.now())
    if emergency and due is not None:
        raise click.UsageError("--emergency means now; leave out --at.")
    if even_protected and not emergency:
        raise click.UsageError(
            "--even-protected goes with --emergency; otherwise the case is held, and you release it."
        )
    scope = f"project:{project}" if project else "organization"
    known = [_known(bridge, address, chosen, scope) for address in named]
    if dry_run and as_json:
        paper.as_json([_known_out(k) for k in known])
        return
    if not as_json:
        _show(known, chosen, scope, due, is_emergency=emergency)
    if dry_run:
        paper.line("Nothing was opened: this was a dry run.")
        return
    _be_sure(yes=yes, count=len(known))
    sure = protected.confirmed(bridge, chosen, named, even_protected, may_ask=not yes) if emergency else frozenset()
    opened = []
    shown = click.progressbar(named, label="Opening", file=sys.stderr, hidden=len(named) < MOST_LISTED)
    # The operator is told of every case below, and the audit log keeps it: no log line besides.
    with structlog.contextvars.bound_contextvars(is_silent=True), shown as bar:
        for address in bar:
            subject = Subject(user_name=address, emails=(address,))
            words = Reason(reason)
            opened.append(
                decisions.remove(
                    bridge,
                    subject,
                    chosen,
                    by=by,
                    reason=words,
                    note=note,
                    scope=scope,
                    is_emergency=emergency,
                    is_confirmed=address in sure,
                    effective_at=due,
                )
            )
    if emergency and wait > 0 and not as_json:
        awaiting.until_out(context, [c.id for c in opened], wait)
        return
    _tell(context, opened, [k.open_case for k in known if k.open_case is not None], as_json=as_json)


def _known(bridge: Bridge, address: str, target: str, scope: str) -> Known:
    with bridge.db.read() as tx:
        person = people.recognise(tx, "operator", Subject(user_name=address))
        if person is None:
            return Known(address=address, label="", accounts=0, active_in=(), open_case=None)
        standing = standings.of_person(tx, person, bridge.connections_of(target))
        mine = [c for c in cases.open_of_person(tx, person, target) if c.scope == scope]
        return Known(
            address=address,
            label=people.label_of(tx, person),
            accounts=views.accounts_linked(tx, person, target),
            active_in=tuple(s.connection for s in standing if not s.is_out),
            open_case=mine[0] if mine else None,
        )


def _known_out(known: Known) -> dict[str, object]:
    return {
        "address": known.address,
        "known_as": known.label or None,
        "accounts_linked": known.accounts,
        "active_in": list(known.active_in),
        "open_case": known.open_case.id if known.open_case else None,
    }


def _moment(text: str | None, now: datetime) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text.strip())
        moment = moment if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise click.BadParameter(f'"{text}" is no time such as 2026-12-01T18:00Z.', param_hint="--at") from None
    if moment.tzinfo is None:
        raise click.BadParameter(f'"{text}" names no zone: write {text}Z for UTC.', param_hint="--at")
    if moment <= now:
        raise click.BadParameter(f"{utc(moment)} is over; leave out --at for now.", param_hint="--at")
    return moment


def _show(known: Sequence[Known], target: str, scope: str, due: datetime | None, *, is_emergency: bool) -> None:
    where = target if scope == "organization" else f"{scope} in {target}"
    when = f", not before {utc(due)}" if due else ", at once" if is_emergency else ""
    paper.line(f"{counted(len(known), 'person', 'people')} to be removed from {where}{when}:", bold=True)
    for one in known[:MOST_LISTED]:
        paper.line(f"{one.address}: {one.says}", indent=2)
    if len(known) > MOST_LISTED:
        strangers = sum(not k.label for k in known)
        paper.line(f"and {len(known) - MOST_LISTED} more; {strangers} of all are named by no source yet", indent=2)
    if scope != "organization":
        paper.line("Taking one project away is not built yet: these cases will be held.", fg="yellow")


def _be_sure(*, yes: bool, count: int) -> None:
    if yes:
        return
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise click.UsageError("Nobody can be asked here: add --yes when this is right. Nothing was opened.")
    click.confirm(f"Open {counted(count, 'case')}?", abort=True)


def _tell(context: Context, opened: Sequence[Case], before: Sequence[Case], *, as_json: bool) -> None:
    bridge = context.bridge()
    if as_json:
        with bridge.db.read() as tx:
            found = views.rows(tx, only=sorted(c.id for c in opened), limit=len(opened))
        paper.as_json([contract.case_out(v, bridge.clock.now()) for v in found])
        return
    yours = ", and yours now" if before and not any(c.is_operators for c in before) else ""
    also = f"; {len(before)} of them open before{yours}" if before else ""
    paper.line(f"{counted(len(opened), 'case')} open{also}.", fg="green")
    if len(opened) == 1:
        due = opened[0].due_at
        paper.line(f"Case {opened[0].id}" + (f" is due at {utc(due)}." if due else "."))
    paper.line(f"`case {opened[0].id}` or `cases` shows how it goes on.")
