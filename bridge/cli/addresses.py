"""Lists of people from CSV files, with every mistake told by its line, all at once."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import click

from bridge.core.events import address_key
from bridge.core.wording import printable

ADDRESS = re.compile("{0}@{0}".format(r'[^@\s,;<>"\x00-\x1f\x7f-\x9f\ud800-\udfff]{1,255}'))
"""Without control characters, and halves of characters, which nothing can keep."""
HEADINGS = ("email", "e-mail", "mail", "email address", "user_name", "username", "subject")
"""What the column of addresses may be called; otherwise it is the first."""
MOST_MISTAKES = 20


def unique(addresses: Iterable[str]) -> list[str]:
    """The addresses in their order, each person once. Raises `click.UsageError` for what is no address."""
    found: dict[str, str] = {}
    for text in addresses:
        if not ADDRESS.fullmatch(text.strip()):
            raise click.UsageError(f'"{printable(text)}" is not an address such as anna@example.com.')
        found.setdefault(address_key(text), text.strip())
    return list(found.values())


def from_csv(file: Path) -> list[str]:
    """The addresses in a file. Raises `click.UsageError` with every line that is wrong."""
    lines = rows(file)
    place = 0
    if lines and not any("@" in cell for cell in lines[0][1]):
        headings = [cell.lower() for cell in lines.pop(0)[1]]
        place = next((headings.index(name) for name in HEADINGS if name in headings), 0)
    wrong = []
    for number, cells in lines:
        cell = cells[place] if place < len(cells) else ""
        if not ADDRESS.fullmatch(cell):
            wrong.append(f'{file}, line {number}: "{printable(cell)}" is not an address.')
    refuse(wrong)
    return [cells[place] for _, cells in lines]


def rows(file: Path) -> list[tuple[int, list[str]]]:
    """The lines of a CSV that are not empty, with their numbers; comma, semicolon or tab, as spreadsheets write them."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise click.UsageError(f"{file} is not UTF-8 text; save it as CSV UTF-8.") from error
    first = text.partition("\n")[0]
    separator = max(",;\t", key=first.count)
    return list(_rows(text, separator))


def _rows(text: str, separator: str) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(text.splitlines(), delimiter=separator)
    for cells in reader:
        stripped = [cell.strip() for cell in cells]
        if any(stripped):
            yield reader.line_num, stripped


def refuse(wrong: list[str]) -> None:
    """Raise `click.UsageError` with the mistakes, if there are any."""
    if wrong:
        more = f"\nand {len(wrong) - MOST_MISTAKES} more." if len(wrong) > MOST_MISTAKES else ""
        raise click.UsageError("\n".join(wrong[:MOST_MISTAKES]) + more + "\nNothing was done.")
