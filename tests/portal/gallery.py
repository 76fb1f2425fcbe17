"""The pages that docs/subscriber.md shows, in the order in which a customer meets them."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

from playwright.sync_api import BrowserContext, Page, ViewportSize
from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QColor, QImage

from tests.desk import picturing
from tests.portal.customers import Program
from tests.portal.front import Front
from tests.portal.rig import BANK, CONTRACT, LOGIN_PIN, Rig
from tokenmgr.domain.generation import RevocationReason, StoreKind
from tokenmgr.domain.handover import Progress, State
from tokenmgr.domain.look import Look, Reminder
from tokenmgr.portal import pages

LARGEST = 40_000  # bytes
SCALE = 0.75
DESK, TELEPHONE = ViewportSize(width=900, height=300), ViewportSize(width=390, height=300)
BEYOND_PATIENCE = 2500  # milliseconds: no extension answers here
PROGRAM = "https://www.example/program"
BUTTON = "[data-handover] button"

Take = Callable[[Page, str], None]


def walk(rig: Rig, front: Front, context: BrowserContext, language: str, take: Take) -> None:
    context.clock.install()
    context.route("**/countdown.js", lambda route: route.abort())  # its clock would run on between two pictures
    rig.looks[BANK] = Look(program_page=PROGRAM)
    _renewing(rig, front, context.new_page(), language, take)
    _others(rig, front, context.new_page(), take)  # in the first one Chromium asks, unseen, whether to open the program


def _shown(page: Page, address: str) -> Page:
    page.goto(address)
    page.clock.fast_forward(BEYOND_PATIENCE)
    return page


def _renewing(rig: Rig, front: Front, page: Page, language: str, take: Take) -> None:
    who = rig.enrol("tanaka")
    held = rig.certificate(who, store=StoreKind.MEDIUM)
    rig.now, front.peer = held.not_after - timedelta(days=20), held.certificate
    site = f"{front.site}/{BANK}/"
    page.set_viewport_size(DESK)
    page.goto(f"{site}?lang={language}")
    page.click(".keypad [aria-controls]")
    take(page, "login")
    _log_in(page)
    for way in Reminder:
        rig.looks[BANK] = Look(reminder=way, program_page=PROGRAM)
        take(_shown(page, f"{site}reminder"), way.value)
    take(_shown(page, f"{site}notice"), "notice")
    take(_shown(page, f"{site}main"), "main")
    page.set_viewport_size(TELEPHONE)
    take(_shown(page, f"{site}main"), "telephone")
    page.set_viewport_size(DESK)
    page.goto(f"{site}renew")
    take(page, "preparing")
    take(_shown(page, f"{site}renew"), "start")
    program = Program(rig, _begun(page))
    take(page, "waiting")
    for progress, name in ((Progress(State.WORKING, 4), "working"), (Progress(State.FAILED, code="M104"), "failed")):
        program.tell(progress)
        take(_shown(page, page.url), name)
    pending = rig.certificate(who, rig.now, predecessor=held, confirmed=False, store=StoreKind.MEDIUM)
    take(_shown(page, f"{site}main"), "unfinished")
    rig.registry.revoke(pending.serial, RevocationReason.SUPERSEDED, rig.now)
    rig.certificate(who, rig.now, predecessor=held, store=StoreKind.MEDIUM)
    take(_shown(page, f"{site}renew"), "renewed")


def _others(rig: Rig, front: Front, page: Page, take: Take) -> None:
    site, front.peer = f"{front.site}/{BANK}/", b""
    page.set_viewport_size(DESK)
    take(_shown(page, f"{site}acquire"), "acquire")
    page.fill("#contract", CONTRACT)
    page.fill("#user", "tanaka")
    _begun(page)
    take(page, "acquiring")
    last = rig.certificate(rig.enrol("suzuki"), rig.now)
    front.peer, rig.now = last.certificate, last.not_after - timedelta(hours=3, minutes=4, seconds=5)
    page = page.context.new_page()
    page.set_viewport_size(DESK)
    page.goto(site)
    _log_in(page)
    take(_shown(page, f"{site}main"), "last-day")


def _log_in(page: Page) -> None:
    page.fill("#login_pin", LOGIN_PIN)
    page.press("#login_pin", "Enter")
    page.wait_for_url("**/reminder")


def _begun(page: Page) -> str:
    """The ticket."""
    page.click(BUTTON)
    page.wait_for_selector("[data-address]")
    return (page.get_attribute("[data-address]", "href") or "").partition("?t=")[2]


def fingerprint(page: Page) -> str:
    """Of everything that can be read."""
    return sha256(page.inner_text("body").encode()).hexdigest()[:16]


def write(page: Page, path: Path) -> None:
    seen = QImage.fromData(page.screenshot(full_page=True, animations="disabled"))
    size = QSize(round(seen.width() * SCALE), round(seen.height() * SCALE))
    smooth = Qt.TransformationMode.SmoothTransformation
    image = seen.scaled(size, Qt.AspectRatioMode.IgnoreAspectRatio, smooth).convertToFormat(QImage.Format.Format_RGB32)
    path.write_bytes(picturing.png(image, fingerprint(page), _colours()))


def _colours() -> list[int]:
    """Of the style sheet, and halves for the edges of most letters: of sixteen none shall be crowded out."""
    sheet = (pages.HERE / "static" / "style.css").read_text(encoding="utf-8")
    named = {name: QColor(colour) for name, colour in re.findall(r"--([a-z-]+): (#[0-9a-f]{3,6});", sheet)}
    grounds = [colour for name, colour in named.items() if name == "paper" or name.endswith("back")]
    halves = [picturing.mixed(ground, named["ink"], 0.5) for ground in grounds]
    halves.append(picturing.mixed(named["paper"], named["bank"], 0.5))
    return [colour.rgb() for colour in (*named.values(), *halves)]
