"""`report`, `checklist`: what is handed over about one removal, to the auditor and to whoever does the rest."""

from __future__ import annotations

import click

from bridge import decisions
from bridge.cli import paper
from bridge.cli.cases import find
from bridge.cli.context import Context, command
from bridge.core.checklist import Checklist, Template, Ticked, Verdict
from bridge.core.plain import plain
from bridge.core.removal_record import removal_record
from bridge.core.removal_text import checklist_text, removal_text
from bridge.core.wording import utc, who
from bridge.ports import Bridge, Declined
from bridge.store import handover
from bridge.store.views import CaseView

MARKS = {Verdict.YES: ("✓", "green"), Verdict.NOT_YET: ("…", "yellow"), Verdict.NO: ("✗", "red")}


@command()
@click.argument("case_id", metavar="[ID]", type=int)
@click.option("--format", "form", type=click.Choice(["md", "json"]), default="md", show_default=True)
def report(context: Context, *, case_id: int, form: str) -> None:
    """Prints the removal record of a case."""
    bridge = context.bridge()
    view = find(context, case_id)
    record = removal_record(handover.given(view, url_of(bridge, view)), bridge.clock.now())
    if form == "json":
        paper.as_json(plain(record))
    else:
        click.echo(removal_text(record), nl=False)


@command()
@click.argument("case_id", metavar="ID", type=int)
@click.option(
    "--template", type=click.Choice(list(Template), case_sensitive=False), help="Make it one of these instead."
)
@click.option("--format", "form", type=click.Choice(["text", "md", "json"]), default="text", show_default=True)
@paper.operator_option
def checklist(context: Context, *, case_id: int, template: str | None, form: str, by: str) -> None:
    """Shows the checklist of a case, or makes it one from another template. `todo done ID` ticks an item."""
    bridge = context.bridge()
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
