"""What is true of every page however it looks: contrast, type, what a finger needs, what a keyboard and a reader of
screens reach, and nothing cut off in a narrow window or large type."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, QSize, Qt
from PySide6.QtGui import QAccessible
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QCheckBox,
    QLabel,
    QLineEdit,
    QPushButton,
    QRadioButton,
    QWidget,
)
from pytestqt.qtbot import QtBot

from tests.desk import picturing
from tests.desk.gallery import GALLERY, nothing
from tokenmgr.desk import style
from tokenmgr.desk.parts import Beside, Page, button, card, rows, text
from tokenmgr.desk.style import DARK, LIGHT, Colours
from tokenmgr.desk.window import Window
from tokenmgr.wiring import words

SETS = [pytest.param(LIGHT, id="light"), pytest.param(DARK, id="dark")]
SETTLES = 5  # a label that goes on in the next line moves what is below
SIZES = [QSize(900, 700), QSize(440, 700)]
ON_SURFACE = ("text", "quiet", "accent", "good", "warning", "bad")
SEEN = ("edge", "focus", "accent")  # what is no text, and is to be seen: WCAG 2.2, 1.4.11


@pytest.fixture(autouse=True)
def plain(qtbot: QtBot) -> Iterator[None]:
    words.speak("ja")
    picturing.dress()
    yield
    picturing.dress()


def luminance(colour: str) -> float:
    """WCAG 2.2, relative luminance."""
    shares = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    red, green, blue = (one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in shares)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("has", SETS)
def test_whatever_is_read_has_a_contrast_of_four_and_a_half(has: Colours) -> None:
    for below in (has.back, has.surface):
        for name in ON_SURFACE:
            assert contrast(getattr(has, name), below) >= 4.5, (name, below)
        for name in SEEN:
            assert contrast(getattr(has, name), below) >= 3, (name, below)
    assert contrast(has.on_accent, has.accent) >= 4.5


def test_every_colour_of_the_sheet_is_one_of_the_set() -> None:
    for has in (LIGHT, DARK):
        used = set(re.findall(r"#[0-9a-f]{6}", style._sheet(has)))
        assert used <= {getattr(has, one.name) for one in fields(has)}


def test_nothing_is_smaller_than_eleven_points() -> None:
    sizes = [float(one) for one in re.findall(r"font-size: ([0-9.]+)pt", style._sheet(LIGHT))]
    assert min(sizes) >= 11
    assert style.SIZE >= 11


def test_how_it_looks_is_said_in_one_place() -> None:
    house = Path(style.__file__).parent
    for path in house.rglob("*.py"):
        said = re.findall(r"setStyleSheet|setPointSize|#[0-9a-fA-F]{6}", path.read_text(encoding="utf-8"))
        assert not said or path.name == "style.py", path


@pytest.mark.parametrize("times", [1.0, 1.25, 1.5, 2.0])
def test_nothing_is_cut_off(times: float) -> None:
    """In both languages, both widths, and letters up to twice as large. One dress for all pages: it goes through every
    widget that there is."""
    running = QApplication.instance()
    assert isinstance(running, QApplication)
    style.dress(running, LIGHT, times)
    try:
        for language in ("ja", "en"):
            words.speak(language)
            for name, size in itertools.product(GALLERY, SIZES):
                with shown(name, size, is_dressed=True) as window:
                    said = f"{name} {language} {times} {size.width()}"
                    assert window.page
                    assert not window.page.sheet.horizontalScrollBar().maximum(), said
                    for one in seen(window):
                        assert not cut(one), f"{said}: {one.text()}"
    finally:
        picturing.dress()


@pytest.mark.parametrize("name", GALLERY)
def test_whatever_is_pressed_is_large_enough_and_named(name: str) -> None:
    with shown(name, SIZES[0]) as window:
        for one in window.findChildren(QWidget):
            if not one.isVisible() or one.focusPolicy() in (Qt.FocusPolicy.NoFocus, Qt.FocusPolicy.ClickFocus):
                continue
            told = QAccessible.queryAccessibleInterface(one).text(QAccessible.Text.Name)
            assert told.strip(), one
            if isinstance(one, QAbstractButton | QLineEdit):
                assert min(one.height(), one.width()) >= style.TARGET, f"{told}: {one.size()}"


@pytest.mark.parametrize("name", GALLERY)
def test_tab_goes_through_everything_in_the_order_of_reading(name: str) -> None:
    with shown(name, SIZES[0]) as window:
        page = window.page
        assert page
        wanted = [one for one in page.findChildren(QWidget) if reached(one)]
        passed = [one for one in chain(page) if reached(one) and page.isAncestorOf(one)]
        assert {id(one) for one in passed} >= {id(one) for one in wanted}
        first = min(range(len(passed)), key=lambda n: place(passed[n], page)) if passed else 0
        in_order = [*passed[first:], *passed[:first]]
        assert [place(one, page) for one in in_order] == sorted(place(one, page) for one in passed)


@pytest.mark.parametrize("name", GALLERY)
def test_a_page_has_the_name_that_its_heading_is(name: str) -> None:
    page = GALLERY[name]()
    assert page.accessibleName() == page.heading.text()
    picturing.away(page)


@pytest.mark.parametrize("has", SETS)
def test_what_has_the_keyboard_is_seen(has: Colours) -> None:
    """Another picture, in the colour that says so."""
    picturing.dress(dark=has is DARK)
    for role in ("", "primary", "link", "key"):
        one = button("次へ", nothing, role)
        other = button("戻る", nothing)
        both = Beside(one, other)
        both.resize(300, 60)
        both.show()
        other.setFocus()
        QApplication.processEvents()
        assert has.focus not in colours(one)
        one.setFocus()
        QApplication.processEvents()
        assert has.focus in colours(one), role
        picturing.away(both)


def test_enter_presses_what_matters_and_escape_leads_back(qtbot: QtBot) -> None:
    """Wherever the keyboard is, and once."""
    pressed: list[str] = []
    page = Page("heading")
    beside = button("beside", lambda: pressed.append("beside"))
    field = page.add(QLineEdit())
    page.add(beside)
    page.finish()
    page.button("back", lambda: pressed.append("back"))
    page.button("on", lambda: pressed.append("on"), primary=True)
    page.show()
    for start in (page, field):
        start.setFocus()
        QTest.keyClick(start, Qt.Key.Key_Return)
        QTest.keyClick(start, Qt.Key.Key_Enter)
        QTest.keyClick(start, Qt.Key.Key_Escape)
    assert pressed == ["on", "on", "back"] * 2
    pressed.clear()
    beside.setFocus()
    QTest.keyClick(beside, Qt.Key.Key_Return)
    assert pressed == ["beside"]
    QTest.keyClick(beside, Qt.Key.Key_Escape)
    assert pressed == ["beside", "back"]
    picturing.away(page)


def test_a_page_comes_with_the_keyboard_on_what_matters_and_nowhere_else(qtbot: QtBot) -> None:
    window, page = Window(), Page("only to be read")
    page.button("leave", nothing)
    window.show()
    window.show_page(page)
    assert window.focusWidget() is page
    picturing.away(window)


def test_a_long_page_is_read_to_its_end_without_a_mouse(qtbot: QtBot) -> None:
    page = Page("heading")
    for number in range(60):
        page.add(QLabel(str(number)))
    page.resize(500, 300)
    page.show()
    QApplication.processEvents()
    bar = page.sheet.verticalScrollBar()
    for key, is_at in ((Qt.Key.Key_PageDown, bar.maximum()), (Qt.Key.Key_PageUp, 0), (Qt.Key.Key_Down, bar.maximum())):
        for _ in range(200):
            QTest.keyClick(page, key)
        assert bar.value() == is_at
    picturing.away(page)


def test_a_row_that_is_too_narrow_turns(qtbot: QtBot) -> None:
    for from_right in (False, True):
        one, other = button("これは長いボタンです", nothing), button("こちらも長いボタンです", nothing)
        both = card(Beside(one, other, from_right=from_right))
        both.resize(600, 60)
        both.show()
        QApplication.processEvents()
        assert one.y() == other.y()
        assert one.x() < other.x()
        both.resize(280, 200)
        QApplication.processEvents()
        assert one.x() == other.x()
        assert (one.y() > other.y()) is from_right  # what matters is on top
        picturing.away(both)


def test_names_stand_above_their_values_where_it_is_narrow(qtbot: QtBot) -> None:
    made = rows([("名義", "山田太郎")])
    name, value = made.findChildren(QLabel)
    for wide, is_above in ((800, False), (400, True), (800, False)):
        made.resize(wide, 100)
        made.show()
        QApplication.processEvents()
        assert (name.y() + name.height() <= value.y()) is is_above
    picturing.away(made)


def test_no_line_of_a_heading_has_one_character_alone(qtbot: QtBot) -> None:
    """As many lines as there would be anyway, and the last about as long as the first."""
    for words_ in ("専用USB A1B2C3D4 が抜かれました。", "そのプログラムを終了して、「続きから行う」を押してください。"):
        made, plain_ = text(words_, "heading"), QLabel(words_)
        plain_.setWordWrap(True)
        plain_.setFont(made.font())
        style.mark(plain_, "heading")
        for wide in range(160, 700, 20):
            for one in (made, plain_):
                one.resize(wide, 300)
                one.show()
            spare = made.contentsMargins().right()
            lines = made.heightForWidth(wide) // plain_.heightForWidth(5000)
            assert made.heightForWidth(wide) == plain_.heightForWidth(wide)
            assert (spare == 0) or spare <= wide / 2
            assert lines == 1 or spare > 0 or plain_.heightForWidth(wide - 1) > plain_.heightForWidth(wide)
        picturing.away(made)
        picturing.away(plain_)


@pytest.mark.parametrize("has", SETS)
def test_the_box_of_a_tick_is_seen(has: Colours) -> None:
    picturing.dress(dark=has is DARK)
    for one in (QCheckBox("画面のキーボードを使う"), QRadioButton("専用USB")):
        one.show()
        QApplication.processEvents()
        image = one.grab().toImage()
        drawn = {image.pixelColor(x, image.height() // 2).name() for x in range(24)}
        assert max(contrast(one_, has.back) for one_ in drawn) >= 3
        picturing.away(one)


# --- what is looked at ---


class shown:  # noqa: N801  it reads as a verb
    def __init__(self, name: str, size: QSize, is_dressed: bool = False) -> None:
        self._size, self._is_dressed, self._name = size, is_dressed, name

    def __enter__(self) -> Window:
        if not self._is_dressed:
            picturing.dress()
        self.window = Window()
        self.window.resize(self._size)
        self.window.show_page(GALLERY[self._name]())
        self.window.show()
        for _ in range(SETTLES):
            QApplication.processEvents()
        return self.window

    def __exit__(self, *_: object) -> None:
        picturing.away(self.window)


def seen(window: Window) -> list[QLabel | QAbstractButton]:
    every: list[QLabel | QAbstractButton] = [*window.findChildren(QLabel), *window.findChildren(QPushButton)]
    every += [*window.findChildren(QCheckBox), *window.findChildren(QRadioButton)]
    return [one for one in every if one.isVisible() and one.text()]


def cut(one: QLabel | QAbstractButton) -> bool:
    if isinstance(one, QLabel):
        return one.height() < one.heightForWidth(one.width()) or one.width() < one.minimumSizeHint().width()
    return one.width() < one.minimumSizeHint().width() or one.height() < one.minimumSizeHint().height()


def chain(start: QWidget) -> Iterator[QWidget]:
    """As Tab goes, once round."""
    at = start.nextInFocusChain()
    while at and at is not start:
        yield at
        at = at.nextInFocusChain()


def reached(one: QWidget) -> bool:
    is_page = isinstance(one, Page)
    return one.isVisible() and one.isEnabled() and bool(one.focusPolicy() & Qt.FocusPolicy.TabFocus) and not is_page


def place(one: QWidget, page: Page) -> tuple[bool, int, int]:
    at = one.mapTo(page, QPoint(0, 0))
    is_below = not page.sheet.isAncestorOf(one)  # the buttons at the foot, wherever the sheet is
    return is_below, at.y() // 8, at.x()  # what stands in a row may differ by a pixel


def colours(one: QWidget) -> set[str]:
    image = one.grab().toImage()
    return {image.pixelColor(x, y).name() for x in range(image.width()) for y in (1, 2, image.height() // 2)}
