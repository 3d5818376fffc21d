"""`screenshots`: the pictures in the documentation, taken of the status page while the demonstration plays.

The story waits for the camera: it is told by a narrator that takes a picture at certain sentences.
"""

from __future__ import annotations

import io
import os
import signal
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from bridge.cli import browser, demo, paper, practice
from bridge.cli.context import DONE, NEEDS_A_PERSON, Context, command
from bridge.cli.develop import ROOT, need
from bridge.cli.narrator import Narrator
from bridge.login import new_login_token

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, FloatRect, Page

FOLDER = ROOT / "docs" / "screenshots"
WATCH = {
    "BRIDGE_POLICY__SETTLE": "6s",
    "BRIDGE_POLICY__WATCH_FIRST": "2s,4s",
    "BRIDGE_POLICY__WATCH_EVERY": "3s",
    "BRIDGE_POLICY__WATCH_FOR": "90s",
}
"""A watch that is a third over when the story ends: a day's would be a strip with nothing on it yet."""
COLOURS = 64
"""In one picture: the page has few, and the file is a third of what it was."""
DESKTOP, PHONE = (1180, 880), (390, 844)
"""Widths and heights of the windows, in CSS pixels."""
SHARPNESS = {DESKTOP: 1.5, PHONE: 2.0}
"""Pixels for each CSS pixel."""
LONGEST = 1_600
"""Where a long page is cut, in CSS pixels."""


class AllTaken(Exception):
    """The story need not go on."""


@command()
@click.option(
    "--folder", type=click.Path(path_type=Path, file_okay=False), default=FOLDER, help="[default: docs/screenshots]"
)
def screenshots(context: Context, folder: Path) -> None:
    """Takes the pictures of the status page in docs/screenshots anew, in headless Chromium, while the demo plays."""
    need("playwright")
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    folder.mkdir(parents=True, exist_ok=True)
    with browser.opened() as chromium, practice.fresh_folder(context.data_dir.absolute()) as data_dir:
        environ = practice.environment(os.environ, demo.POLICY | WATCH)
        run = practice.Run(data_dir, environ, host="127.0.0.1", port=0)
        camera = Camera(chromium, folder, data_dir)
        try:
            status = demo.play(run, paper.spelled(None, data_dir), once=True, tell=Photographer(camera))
            paper.line("The story is over, and what the last pictures show did not happen in it.", fg="red")
            status = max(status, NEEDS_A_PERSON)
        except AllTaken:
            status = DONE
        finally:
            run.stop()
    context.leave(status)


class Camera:
    """Opens the page as somebody with that window would, and keeps what they see."""

    def __init__(self, chromium: Browser, folder: Path, data_dir: Path) -> None:
        self._browser = chromium
        self._folder = folder
        self._data_dir = data_dir
        self.page = ""
        """The status page's address, once it is known."""

    def take(
        self,
        name: str,
        path: str = "/",
        *,
        window: tuple[int, int] = DESKTOP,
        is_dark: bool = False,
        is_whole: bool = False,
        after_seconds: float = 0.0,
    ) -> None:
        """One picture, that long after the page was opened. `is_whole`: all of it instead of what the window shows."""
        width, height = window
        context = self._browser.new_context(
            viewport={"width": width, "height": height},
            device_scale_factor=SHARPNESS[window],
            color_scheme="dark" if is_dark else "light",
            reduced_motion="reduce",
        )
        try:
            page = self._open(context, path)
            page.wait_for_timeout(1_000 * after_seconds)
            if is_whole:
                height = min(LONGEST, int(page.evaluate("document.documentElement.scrollHeight")))
            area: FloatRect = {"x": 0, "y": 0, "width": width, "height": height}
            self._keep(name, page.screenshot(full_page=is_whole, clip=area))
        finally:
            context.close()

    def _open(self, context: BrowserContext, path: str) -> Page:
        page = context.new_page()
        page.goto(f"{self.page}/login?token={new_login_token(self._data_dir)}")
        if path != "/":
            page.goto(self.page + path)
        page.locator(".is-live").wait_for()
        return page

    def _keep(self, name: str, png: bytes) -> None:
        file = self._folder / f"{name}.png"
        file.write_bytes(_small(png))
        file.chmod(0o644)  # unlike all else that this program writes, for everybody
        paper.line(f"{file.name}: {file.stat().st_size // 1024} KiB", dim=True)


class Photographer(Narrator):
    """Tells the story, and has pictures taken when the page has something to show."""

    def __init__(self, camera: Camera) -> None:
        super().__init__()
        self._camera = camera
        self._scene = ""

    def title(self, text: str) -> None:
        """A scene begins."""
        super().title(text)
        self._scene = text[:2]

    def says(self, who: str, text: str, since: timedelta | None = None) -> None:
        """One line; in some scenes it is what a picture waits for."""
        super().says(who, text, since)
        if self._scene == "5." and since == timedelta(0):
            self._camera.take("overview-watching", after_seconds=3)
        if self._scene == "6." and text.startswith("Held, all"):
            self._camera.take("overview-held")
            self._camera.take("overview-dark", is_dark=True)
            self._camera.take("phone", window=PHONE, is_whole=True)
            self._camera.take("case-return", "/cases/1", is_whole=True)
            self._camera.take("case-owner", "/cases/4", is_dark=True, is_whole=True)
            self._camera.take("review", "/review")
            raise AllTaken

    def link(self, url: str) -> None:
        """Where to look: the first link says where the page is."""
        super().link(url)
        self._camera.page = url.partition("/cases/")[0]


def _small(png: bytes) -> bytes:
    from PIL import Image

    few = Image.open(io.BytesIO(png)).convert("RGB")
    # Of several methods the one that keeps the few red dots red; one round of k-means gives the large areas their own colour.
    few = few.quantize(COLOURS, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE, kmeans=1)
    out = io.BytesIO()
    few.save(out, "PNG", optimize=True)
    return out.getvalue()


def _interrupt(_number: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt
