"""The pictures in the documentation: taken by one command, small, and all of them shown."""

from __future__ import annotations

import re
import struct
from datetime import timedelta
from pathlib import Path

import pytest
from PIL import Image

from bridge.cli import screenshots

ROOT = Path(__file__).parent.parent.parent
PICTURES = sorted((ROOT / "docs" / "screenshots").glob("*.png"))
ALARM = (176, 40, 28)
"""The red of the light scheme, of which a picture has little."""


class Notebook:
    """Keeps what would have been taken."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.page = ""

    def take(self, name: str, _path: str = "/", **_settings: object) -> None:
        self.taken.append(name)


@pytest.mark.parametrize("picture", PICTURES, ids=lambda p: p.name)
def test_a_picture_is_small(picture):
    head = picture.read_bytes()[:24]

    assert head.startswith(b"\x89PNG")
    assert struct.unpack(">I", head[16:20])[0] <= 1_800
    assert picture.stat().st_size < 150 * 1024


def test_every_picture_is_shown_and_every_shown_one_is_there():
    pages = (ROOT / "docs" / "status-page.md", ROOT / "README.md")
    shown = [set(re.findall(r"screenshots/([\w-]+\.png)", page.read_text())) for page in pages]

    assert shown[0] == {p.name for p in PICTURES}
    assert shown[1]
    assert shown[1] <= shown[0]


def test_the_command_takes_every_picture_that_is_there(capsys):
    notebook = Notebook()
    told = screenshots.Photographer(notebook)

    told.title("5. The last owner leaves")
    told.says("Okta", "PATCH", timedelta(0))
    told.title("6. A mistake")
    told.says("Okta", "8 times PATCH", timedelta(0))
    with pytest.raises(screenshots.AllTaken):
        told.says("bridge", "Held, all 8: the limit", timedelta(seconds=6))

    assert sorted(f"{name}.png" for name in notebook.taken) == [p.name for p in PICTURES]


def test_the_sentences_that_the_camera_waits_for_are_in_the_story():
    story = (ROOT / "bridge" / "cli" / "scenes.py").read_text()

    assert 'title("5. ' in story
    assert 'title(f"6. ' in story
    assert 'says("bridge", f"Held, all ' in story


def test_a_picture_keeps_the_colours_that_it_has_little_of(chrome, busy, tmp_path, capsys):
    camera = screenshots.Camera(chrome, tmp_path, busy.folder)
    camera.page = busy.address("")

    camera.take("phone", "/", window=screenshots.PHONE, is_whole=True)

    with Image.open(tmp_path / "phone.png") as picture:
        assert picture.width == 780
        colours = {rgb for _, rgb in picture.convert("RGB").getcolors(1 << 24)}
    assert len(colours) <= screenshots.COLOURS
    assert min(max(abs(a - b) for a, b in zip(ALARM, rgb, strict=True)) for rgb in colours) <= 4
