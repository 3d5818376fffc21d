from __future__ import annotations

import pytest

from bridge.core.cells import csv_cell, link, md, table


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Maya Okafor", "Maya Okafor"),
        ("first_last@example.com", "first_last@example.com"),
        ("_emphasis_ and **more**", r"\_emphasis\_ and \*\*more\*\*"),
        ("<img src=x onerror=alert(1)>", r"\<img src=x onerror=alert(1)\>"),
        ("a | b", r"a \| b"),
        ("[click](https://evil.example)", r"\[click\](https\://evil.example)"),
        ("see www.evil.example", r"see www\.evil.example"),
        ("`rm -rf`", r"\`rm -rf\`"),
        ("&lt;b&gt;", r"\&lt;b\&gt;"),
        ("# Approved by the auditor", r"\# Approved by the auditor"),
        ("- [x] done", r"\- \[x\] done"),
        ("1. first", r"1\. first"),
        ("$E=mc^2$", r"\$E=mc^2\$"),
        ("back\\slash", "back\\\\slash"),
        ("two\nlines\x1b[31m\u202e", "two\ufffdlines\ufffd\\[31m\ufffd"),
    ],
)
def test_a_name_stays_words_in_markdown(name, shown):
    assert md(name) == shown


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "https://x/> <script>", "", "https://x/a b", "https://x/\u202e\\"]
)
def test_a_link_leads_only_where_an_address_on_the_web_does(url):
    assert link("Revenue", url) == "Revenue"


def test_a_links_text_is_words_too():
    assert link("a](x)", "https://eu.posthog.com/1") == r"[a\](x)](<https://eu.posthog.com/1>)"


def test_a_table_without_rows_is_none():
    assert table(("a", "b"), []) == []
    assert table(("a", "b"), [("1", "2")]) == ["| a | b |", "|---|---|", "| 1 | 2 |", ""]


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Maya", "Maya"),
        ("=HYPERLINK(1)", "'=HYPERLINK(1)"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\ufffd=1"),
        ("  =1", "'  =1"),
        ("\uff1d1", "'\uff1d1"),
        ("Bob;=HYPERLINK(1)", "Bob;'=HYPERLINK(1)"),  # a German or French spreadsheet begins a cell there
        ("Bob; +1;x", "Bob;' +1;x"),
        ("well-known a=b; c", "well-known a=b; c"),
    ],
)
def test_no_spreadsheet_runs_a_name(name, shown):
    assert csv_cell(name) == shown
