"""The documents name what there is: each module, each command, and links that lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bridge.cli import SECTIONS

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
PAGES = sorted([ROOT / "README.md", ROOT / "deploy" / "README.md", *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r'\]\(<?([^)>\s]+)>?\)|(?:src|srcset|href)="([^"]+)"')


def anchors(page: Path) -> set[str]:
    """The headings as addresses, the way GitHub makes them."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def dead_links(page: Path) -> list[str]:
    dead = []
    for link in (a or b for a, b in LINK.findall(page.read_text())):
        if link.startswith(("https://", "http://")):
            continue
        path, _, anchor = link.partition("#")
        there = page.parent / path if path else page
        if not there.exists() or (anchor and anchor not in anchors(there)):
            dead.append(link)
    return dead


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_every_link_leads_somewhere(page):
    assert dead_links(page) == []


def test_the_readme_says_where_every_module_is():
    table = README.partition("## Where things are")[2]
    modules = {path.name for path in (ROOT / "bridge").glob("*.py") if not path.name.startswith("__")}

    assert {name for name in modules if f"{name}`" not in table} == set()


def test_the_readme_leads_to_every_page():
    assert {page.name for page in (ROOT / "docs").glob("*.md") if f"docs/{page.name})" not in README} == set()


def test_the_readme_names_every_command_that_an_operator_needs():
    theirs = [name for title in list(SECTIONS)[1:-1] for name in SECTIONS[title]]

    assert {name for name in theirs if not re.search(rf"`{name}\b", README)} == set()
