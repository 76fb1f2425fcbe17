"""A notice as a mail program shows it: on a telephone and on a desk, in Chromium."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest
from playwright.sync_api import Page, sync_playwright
from PySide6.QtCore import Qt
from PySide6.QtGui import QImage

from tests.notices.matters import LOOK, MEDIA, PROGRAM, SITE, matter
from tokenmgr.notices.texts import write

PICTURE = Path(__file__).parents[2] / "docs" / "pictures" / "notice-due.png"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-lcd-text"]
OVER_THE_EDGE = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


def test_a_notice_fits_a_telephone_and_a_desk_and_loads_nothing(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    asked: list[str] = []
    with sync_playwright() as running:
        browser = running.chromium.launch(
            executable_path="/usr/bin/chromium",
            args=["--no-sandbox", "--disable-gpu", "--disable-lcd-text"],
            env={**os.environ, "HOME": str(tmp_path)},  # it makes a database of certificates there
        )
        page = browser.new_page()
        page.on("request", lambda one: asked.append(one.url))
        page.set_content(write(matter()).html)
        for width in (320, 390, 1280):
            page.set_viewport_size({"width": width, "height": 800})
            assert page.evaluate(OVER_THE_EDGE) == 0, width
        page.set_viewport_size({"width": 660, "height": 800})
        if request.config.getoption("--write-pictures"):
            write_small(page.screenshot(full_page=True))
        assert seen(page) == ("ja", LOOK.colour, [SITE, SITE, PROGRAM, MEDIA])
        browser.close()
    assert not asked


def write_small(png: bytes) -> None:
    """In the colours that it mostly has."""
    image = QImage.fromData(png).convertToFormat(QImage.Format.Format_RGB32)
    most = Counter(memoryview(image.constBits()).cast("B").cast("I")).most_common(32)
    table = [colour for colour, _ in most]
    image.convertToFormat(QImage.Format.Format_Indexed8, table, Qt.ImageConversionFlag.AvoidDither).save(str(PICTURE))


def seen(page: Page) -> tuple[str | None, str | None, list[str | None]]:
    """Its language, the colour of its head, and where its links lead."""
    links = [one.get_attribute("href") for one in page.get_by_role("link").all()]
    return page.locator("html").get_attribute("lang"), page.locator("[bgcolor]").get_attribute("bgcolor"), links
