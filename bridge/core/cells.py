"""Other people's words inside our documents: in Markdown and CSV they stay words, whatever they spell.

Names come from an identity provider or from PostHog, where whoever is written about may have chosen them. May import:
`wording`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from bridge.core.wording import printable

_SPECIAL = re.compile(r"([\\`*\[\]<>|&$])|(?<![A-Za-z0-9])(_)|(_)(?![A-Za-z0-9])")
_LINKS = re.compile(r"(?i)(?<=[a-z])(:)(?=//)|(?<=\bwww)(\.)")
_OPENS_A_BLOCK = re.compile(r"^([#+=~:-])|^(\d{1,9})([.)])(?=\s|$)")
_SPELLS_A_FORMULA = re.compile("(^|;)(?=\\s*[=+@\uff1d\uff0b\uff0d\uff20-])")
"""What makes a spreadsheet run a cell: at its beginning, or after a semicolon, where many a country's spreadsheet begins the
next cell. Source: OWASP, CSV injection."""
_STEERS = ("\t", "\r", "\n")
"""What a spreadsheet leaves out at the beginning of a cell, and then runs the rest."""


def md(text: str) -> str:
    """The text as Markdown that shows it as it is: no markup, no link, no HTML, no new line."""
    shown = _SPECIAL.sub(lambda m: "\\" + m[0], printable(text).strip())
    shown = _LINKS.sub(lambda m: "\\" + m[0], shown)
    return _OPENS_A_BLOCK.sub(lambda m: f"\\{m[1]}" if m[1] else f"{m[2]}\\{m[3]}", shown)


def link(text: str, url: str) -> str:
    """A link in Markdown; only to where an address begins as one on the web does, else the text alone."""
    if not url.startswith(("https://", "http://")) or any(c in "<>\\" or c.isspace() for c in printable(url)):
        return md(text)
    return f"[{md(text)}](<{printable(url)}>)"


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A Markdown table; the cells are Markdown already. No lines when there are no rows."""
    found = [f"| {' | '.join(row)} |" for row in rows]
    if not found:
        return []
    return [f"| {' | '.join(headings)} |", "|" + "---|" * len(headings), *found, ""]


def csv_cell(text: str) -> str:
    """The text as a cell that no spreadsheet runs."""
    shown = _SPELLS_A_FORMULA.sub(r"\1'", printable(text))
    return f"'{shown}" if text.startswith(_STEERS) else shown
