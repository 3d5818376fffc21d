"""Debian's Chromium, driven by Playwright: for the browser tests and the screenshots, never for the bridge itself."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser

NAMES = ("chromium", "chromium-browser", "google-chrome")
"""What it is called on Debian and elsewhere. Playwright's own download is not used: this one is kept up to date."""
ARGUMENTS = (
    "--no-sandbox",  # CI is root in a container; only our own pages are opened
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--font-render-hinting=none",
)
MISSING = "Chromium is not installed. On Debian and Ubuntu: apt-get install -y chromium fonts-inter"


def program() -> str | None:
    """Where the browser is, or `None`."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


@contextmanager
def opened() -> Iterator[Browser]:
    """One headless browser. Raises: `FileNotFoundError` when there is none."""
    from playwright.sync_api import sync_playwright

    path = program()
    if path is None:
        raise FileNotFoundError(MISSING)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        try:
            yield browser
        finally:
            browser.close()
