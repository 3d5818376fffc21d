"""`report`, `checklist`: what is handed over about removals, to the auditor and to whoever does the rest."""

from __future__ import annotations

import csv
import sys
import time
from datetime import UTC, date, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click

from bridge import decisions
from bridge.cli import paper
from bridge.cli.cases import find
from bridge.cli.context import Context, command
from bridge.cli.targets import choose_target
from bridge.core.checklist import Checklist, Template, Ticked, Verdict
from bridge.core.findings import Progress, Topic
from bridge.core.incident import incident_report, incident_text
from bridge.core.plain import plain
from bridge.core.quarter import Span, quarter_csv, quarter_of, quarter_text, span_of
from bridge.core.removal_record import removal_record
from bridge.core.removal_text import checklist_text, removal_text
from bridge.core.wording import ago, utc, who
from bridge.ports import Bridge, Declined
from bridge.store import cases, checklists, findings, handover, quarters, views
from bridge.store.views import CaseView

EVERY_SECONDS = 0.3
"""How often it is asked whether the activity log was read."""
MARKS = {Verdict.YES: ("✓", "green"), Verdict.NOT_YET: ("…", "yellow"), Verdict.NO: ("✗", "red")}


@command()
@click.argument("case_id", metavar="[ID]", type=paper.NUMBER, required=False)
@click.option("--incident", is_flag=True, help="What the person did, by PostHog's activity log, instead of the record.")
@click.option("--wait", type=paper.Number(0), default=30, show_default=True, help="Seconds to wait for that log.")
@click.option("--quarter", "named", metavar="2026Q4", help="All removals of a quarter.")
@click.option("--from", "first", metavar="DAY", help="All removals from this day on, such as 2026-10-01 …")
@click.option("--to", "last", metavar="DAY", help="… to the end of this day. [default: today]")
@click.option("--timezone", metavar="NAME", default="UTC", show_default=True, help="Where days begin: Europe/Berlin.")
@click.option("--target", help="Only this organization. [default: all]")
@click.option("--format", "form", type=click.Choice(["md", "json", "csv"]), default="md", show_default=True)
def report(
    context: Context,
    *,
    case_id: int | None,
    incident: bool,
    wait: int,
    named: str | None,
    first: str | None,
    last: str | None,
    timezone: str,
    target: str | None,
    form: str,
) -> None:
    """Prints the removal record of a case, its incident report, or all removals of a quarter."""
    if (case_id is None) == (named is None and first is None):
        raise click.UsageError("Name one case, or a time with --quarter or --from.")
    if case_id is None:
        if incident:
            raise click.UsageError("--incident goes with one case.")
        zone = _zone(timezone)
        _report_span(context, _span(context, named, first, last, zone, timezone), zone, target, form)
        return
    if form == "csv":
        raise click.UsageError("--format csv goes with --quarter or --from.")
    bridge = context.bridge()
    if incident:
        _collect_deeds(bridge, case_id, wait)
    view = find(context, case_id)
    given, now = handover.given(view, url_of(bridge, view)), bridge.clock.now()
    if incident:
        told = incident_report(given, now)
        _print(form, told, incident_text(told))
    else:
        record = removal_record(given, now)
        _print(form, record, removal_text(record))


def _print(form: str, found: object, text: str) -> None:
    if form == "json":
        paper.as_json(plain(found))
    else:
        click.echo(text, nl=False)


def _collect_deeds(bridge: Bridge, case_id: int, wait_seconds: float) -> None:
    """Have the workers read the activity log, unless it was read or given up; they alone have the key."""
    with bridge.db.read() as tx:
        known, case = findings.of_case(tx, case_id), cases.find(tx, case_id)
    row = known.of(Topic.DEEDS)
    if case is None or known.before is None or case.removed_at is None:
        return
    if row is not None and (row.body is not None or row.progress is not Progress.WANTED):
        return
    decisions.want(bridge, case_id, Topic.DEEDS)
    until = time.monotonic() + wait_seconds
    while time.monotonic() < until:
        time.sleep(EVERY_SECONDS)
        with bridge.db.read() as tx:
            row = findings.of_case(tx, case_id).of(Topic.DEEDS)
        if row is not None and (row.progress is not Progress.WANTED or row.trouble):
            return


def _span(
    context: Context, named: str | None, first: str | None, last: str | None, zone: tzinfo, timezone: str
) -> Span:
    """The stretch of time that was asked for. Raises: `click.UsageError`."""
    if named is not None and (first is not None or last is not None):
        raise click.UsageError("Either --quarter, or --from and --to.")
    try:
        if named is not None:
            return quarter_of(named, zone, timezone)
        assert first is not None
        today = context.bridge().clock.now().astimezone(zone).date()
        end = date.fromisoformat(last) if last is not None else today
        return span_of(date.fromisoformat(first), end, zone, timezone)
    except (ValueError, OverflowError) as error:
        raise click.UsageError(str(error)) from None


def _report_span(context: Context, span: Span, zone: tzinfo, target: str | None, form: str) -> None:
    bridge = context.bridge()
    chosen = [choose_target(bridge, target)] if target is not None else list(bridge.targets)
    with bridge.db.read() as tx:
        found = quarters.of_span(tx, span, chosen, bridge.clock.now())
    if form == "csv":
        csv.writer(sys.stdout).writerows(quarter_csv(found))
    else:
        _print(form, found, quarter_text(found, zone))


def _zone(name: str) -> tzinfo:
    try:
        return UTC if name == "UTC" else ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        said = f'There is no time zone "{name}" on this machine: write one such as Europe/Berlin.'
        raise click.BadParameter(said, param_hint="--timezone") from None


@command()
@click.argument("case_id", metavar="[ID]", type=paper.NUMBER, required=False)
@click.option(
    "--template", type=click.Choice(list(Template), case_sensitive=False), help="Make it one of these instead."
)
@click.option("--format", "form", type=click.Choice(["text", "md", "json"]), default="text", show_default=True)
@paper.operator_option
def checklist(context: Context, *, case_id: int | None, template: str | None, form: str, by: str) -> None:
    """Shows the checklist of a case, or makes it one from another template; without a case, all that are not done.

    `todo done ID` ticks an item.
    """
    bridge = context.bridge()
    if case_id is None:
        if template is not None or form == "md":
            raise click.UsageError("Name the case.")
        _list_unfinished(bridge, as_json=form == "json")
        return
    if template is not None:
        decisions.choose_checklist(bridge, case_id, Template(template), by=by)
    view = find(context, case_id)
    found = handover.checklist(view)
    if found is None:
        raise Declined(
            f"Case {case_id} has no checklist yet: it begins some time after the removal.",
            remedy=f"`checklist {case_id} --template NAME` begins it now.",
        )
    title = f"Checklist of case {case_id}: {view.case.subject.label} out of {view.case.target}"
    if form == "json":
        paper.as_json(handover.checklist_out(view))
    elif form == "md":
        click.echo(checklist_text(found, title, url_of(bridge, view)), nl=False)
    else:
        _tell(context, title, found)


def _list_unfinished(bridge: Bridge, *, as_json: bool) -> None:
    now = bridge.clock.now()
    with bridge.db.read() as tx:
        found = checklists.unfinished(tx)
        names = {
            v.case.id: v.case.subject.label for v in views.rows(tx, only=[u.case_id for u in found], limit=len(found))
        }
    if as_json:
        paper.as_json([plain(u) for u in found])
    elif not found:
        paper.line("Every checklist is done.", fg="green")
    else:
        rows = [
            (str(u.case_id), names[u.case_id], u.template.value, f"{u.open} of {u.items}", ago(u.opened_at, now))
            for u in found
        ]
        paper.table(("CASE", "WHO", "TEMPLATE", "OPEN", "BEGUN"), rows)


def url_of(bridge: Bridge, view: CaseView) -> str:
    """The PostHog host of the case's target; empty when that is no longer configured."""
    target = bridge.targets.get(view.case.target)
    return target.url if target is not None else ""


def _tell(context: Context, title: str, found: Checklist) -> None:
    paper.line(title, bold=True)
    paper.line(found.says[:1].upper() + found.says[1:] + ".")
    paper.line()
    paper.line("By the bridge", bold=True)
    for item in found.verified:
        mark, colour = MARKS[item.verdict]
        at = f" On {utc(item.at)}." if item.at else ""
        paper.line(f"{mark} {item.says}{at}", indent=2, fg=colour)
    paper.line()
    paper.line("By a person", bold=True)
    for asked in found.asked:
        _tell_item(asked)
    if found.open:
        paper.command_line(f"{paper.program(context)} todo done {found.open[0].id}", indent=2)


def _tell_item(item: Ticked) -> None:
    if item.done_at is not None:
        answer = f" Answer: {item.answer}" if item.answer else ""
        paper.line(f"✓ {item.id}. {item.text.partition('. ')[0]}", indent=2, dim=True)
        paper.line(f"Ticked by {who(item.done_by)} on {utc(item.done_at)}.{answer}", indent=6, dim=True)
        return
    title, dot, rest = item.text.partition(". ")
    paper.line(f"☐ {item.id}. {title}{dot.strip()}" + (" (urgent)" if item.is_urgent else ""), indent=2, bold=True)
    if rest:
        paper.line(rest, indent=6)
    if item.url:
        paper.command_line(item.url, indent=6)
    if item.wants_answer:
        paper.line("Ticking it takes --answer TEXT.", indent=6)
