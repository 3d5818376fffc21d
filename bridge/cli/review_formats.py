"""An access review as text: for the terminal, a spreadsheet, a ticket, a browser, a program.

Names, addresses and reasons come from outside: each format takes away what would steer its reader.
"""

from __future__ import annotations

import csv
import html
import io
from collections.abc import Callable, Mapping
from datetime import datetime

from bridge import review_sheet
from bridge.cli import paper
from bridge.core.cells import csv_cell, md, table
from bridge.core.reviewed import Finding
from bridge.core.wording import counted, printable, rfc3339, utc
from bridge.review_sheet import Sheet
from bridge.store.reviews import KeptLine

MOST_TO_DO = 25
"""Things to do that the terminal lists; each invite is one of its own."""

HEADINGS = ("Line", "Who", "Level", "Why", "Since", "Sure", "What to do", "Seen", "Decision")
"""The columns for people."""
WORDY = ("Who", "Why", "What to do", "Decision")
"""Those with text that may be long and without a blank."""

CSV_OF_LINES = ("target", "as_of", "review", "line", "kind", "id", "email", "name", "level")
CSV_OF_FINDINGS = ("found", "why", "since", "sure", "to_do", "seen_at")
CSV_OF_DECISIONS = ("decision", "decided_by", "decided_at", "reason", "case", "digest")
"""The columns for spreadsheets."""

STYLE = """
:root { color-scheme: light dark; --quiet: #585d66; --line: #dddcd6; }
@media (prefers-color-scheme: dark) { :root { --quiet: #a2a8b0; --line: #2d3238; } }
body { font: 14px/1.45 Inter, ui-sans-serif, system-ui, sans-serif; margin: 2rem auto; max-width: 80rem; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; } dt, .quiet { color: var(--quiet); }
th, td { text-align: left; vertical-align: top; padding: .35rem .6rem; border-top: 1px solid var(--line); }
.words { overflow-wrap: anywhere; min-width: 11rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1rem; } dd { margin: 0; }
code { font: .9em ui-monospace, monospace; }
@media print { body { margin: 0; max-width: none; } tr { break-inside: avoid; } }
""".strip()
"""A file of its own has no style sheet beside it."""


def as_table(sheet: Sheet, now: datetime, *, shows_all: bool) -> None:
    """Print it for the terminal: one row for each finding, then what to do, once for each thing that is to be done."""
    paper.line(sheet.title, bold=True)
    for name, text in review_sheet.facts(sheet, now):
        paper.field(name, text)
    for gap in sheet.gaps:
        paper.field("Not seen", f"{gap.what}: {gap.why} {gap.remedy}")
    paper.line()
    rows = review_sheet.rows(sheet, shows_all=shows_all)
    if not rows:
        paper.line("Nothing was found.", fg="green")
        return
    is_kept = sheet.review is not None
    headings = (*(("LINE",) if is_kept else ()), "WHO", "LEVEL", "SINCE", "SURE", "WHY")
    paper.table(headings, [_short(kept, finding, is_kept=is_kept) for kept, finding in rows])
    paper.line()
    paper.line("What to do", bold=True)
    to_do = list(_to_do(rows).items())
    for what, codes in to_do[:MOST_TO_DO]:
        paper.line(f"{codes}: {what}", indent=2)
    if len(to_do) > MOST_TO_DO:
        paper.line(f"and {len(to_do) - MOST_TO_DO} more; --format md has each beside its line", indent=2)


def as_csv(sheet: Sheet, *, shows_all: bool) -> str:
    """One row for each finding; no cell is one that a spreadsheet would compute."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow((*CSV_OF_LINES, *CSV_OF_FINDINGS, *CSV_OF_DECISIONS))
    review = sheet.review
    for kept, finding in review_sheet.rows(sheet, shows_all=shows_all):
        line, case = kept.line, kept.line.case_id if review is None else kept.case_id
        cells = (
            sheet.target,
            rfc3339(sheet.as_of) or "",
            "" if review is None else str(review.id),
            "" if review is None else str(kept.number),
            line.kind.value,
            line.key,
            line.email,
            line.name,
            line.level.word,
            *_found(finding),
            kept.decision.value,
            kept.decided_by,
            rfc3339(kept.decided_at) or "",
            kept.reason,
            "" if case is None else str(case),
            "" if review is None else review.digest,
        )
        writer.writerow([csv_cell(cell) for cell in cells])
    return out.getvalue()


def as_markdown(sheet: Sheet, now: datetime, *, shows_all: bool) -> str:
    """A page for a ticket or a wiki."""
    told = [f"- {name}: {md(text)}" for name, text in review_sheet.facts(sheet, now)]
    told += [f"- Not seen: {md(f'{g.what}: {g.why} {g.remedy}')}" for g in sheet.gaps]
    rows = [[md(c) for c in _cells(sheet, *row)] for row in review_sheet.rows(sheet, shows_all=shows_all)]
    parts = [f"# {md(sheet.title)}", "", *told, "", *(table(_headings(sheet), rows) or ["Nothing was found.", ""])]
    return "\n".join(parts)


def as_html(sheet: Sheet, now: datetime, *, shows_all: bool) -> str:
    """A file of its own, to be read, printed or sent."""
    facts = [*review_sheet.facts(sheet, now), *(("Not seen", f"{g.what}: {g.why} {g.remedy}") for g in sheet.gaps)]
    told = "\n".join(f"<dt>{name}</dt><dd>{_in_html(text)}</dd>" for name, text in facts)
    rows = review_sheet.rows(sheet, shows_all=shows_all)
    names = _headings(sheet)
    opens = ['<td class="words">' if name in WORDY else "<td>" for name in names]
    cells = [zip(opens, _cells(sheet, *row), strict=True) for row in rows]
    body = "\n".join(f"<tr>{''.join(f'{opening}{_in_html(text)}</td>' for opening, text in row)}</tr>" for row in cells)
    head = "".join(f'<th scope="col">{name}</th>' for name in names)
    title = _in_html(sheet.title)
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{title}</title>\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<style>\n{STYLE}\n</style>\n</head>\n<body>\n<h1>{title}</h1>\n<dl>\n{told}\n</dl>\n"
        f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>\n</body>\n</html>\n"
    )


FORMATS: Mapping[str, Callable[[Sheet, datetime, bool], str]] = {
    "csv": lambda sheet, _now, everybody: as_csv(sheet, shows_all=everybody),
    "md": lambda sheet, now, everybody: as_markdown(sheet, now, shows_all=everybody),
    "html": lambda sheet, now, everybody: as_html(sheet, now, shows_all=everybody),
}
"""The formats that are one text."""


def _short(kept: KeptLine, finding: Finding | None, *, is_kept: bool) -> tuple[str, ...]:
    line = kept.line
    since = finding.since.strftime("%Y-%m-%d") if finding and finding.since else "-"
    why = finding.why if finding else "nothing found"
    decided = review_sheet.decision(kept) if is_kept else ""
    told = (
        line.email,
        line.level.word,
        since,
        finding.sure.value if finding else "-",
        why + (f" [{decided}]" if decided else ""),
    )
    return (str(kept.number), *told) if is_kept else told


def _to_do(rows: list[tuple[KeptLine, Finding | None]]) -> dict[str, str]:
    """What is to be done, with what it is for and how often."""
    found: dict[str, list[str]] = {}
    for _, finding in rows:
        if finding is not None:
            found.setdefault(finding.to_do, []).append(finding.code.value)
    return {to_do: f"{' '.join(dict.fromkeys(codes))}, {counted(len(codes), 'line')}" for to_do, codes in found.items()}


def _headings(sheet: Sheet) -> tuple[str, ...]:
    return HEADINGS if sheet.review is not None else HEADINGS[1:-1]


def _cells(sheet: Sheet, kept: KeptLine, finding: Finding | None) -> tuple[str, ...]:
    line = kept.line
    who = f"{line.name} ({line.email})" if line.name else line.email
    why, since, sure, to_do, seen = "nothing found", "", "", "", ""
    if finding is not None:
        since = utc(finding.since) if finding.since else "not known"
        why, sure, to_do, seen = finding.why, finding.sure.value, finding.to_do, utc(finding.seen_at)
    told = (who, line.level.word, why, since, sure, to_do, seen)
    if sheet.review is None:
        return told
    return (str(kept.number), *told, review_sheet.decision(kept))


def _found(finding: Finding | None) -> tuple[str, ...]:
    if finding is None:
        return ("", "", "", "", "", "")
    since, seen = rfc3339(finding.since) or "", rfc3339(finding.seen_at) or ""
    return (finding.code.value, finding.why, since, finding.sure.value, finding.to_do, seen)


def _in_html(text: str) -> str:
    return html.escape(printable(text))
