"""Pictures for the documents, the same on every run: of a page as it stands, at three quarters, in sixteen colours.
Each has in it a fingerprint of the words that were to be read, so that one that has been overtaken is found without
drawing anything."""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections import Counter
from pathlib import Path

import shiboken6
from PySide6.QtCore import QPoint, QSize, Qt
from PySide6.QtGui import QColor, QImage, QPainter
from PySide6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QCheckBox,
    QLabel,
    QPushButton,
    QRadioButton,
    QScrollArea,
    QWidget,
)

from tokenmgr.desk import style
from tokenmgr.desk.parts import Page

PICTURES = Path(__file__).parent.parent.parent / "docs" / "pictures"
KEY = "words"
SCALE = 0.75
STEPS = 3  # between two colours, at the edges of letters


def words(shown: QWidget) -> list[str]:
    """Everything that can be read, of a page that is shown or would be."""
    found: list[QLabel | QAbstractButton] = [*shown.findChildren(QLabel), *shown.findChildren(QPushButton)]
    found += [*shown.findChildren(QRadioButton), *shown.findChildren(QCheckBox)]
    return [one.text() for one in found if one.text() and one.isVisibleTo(shown)]


def fingerprint(shown: QWidget) -> str:
    return hashlib.sha256("\n".join(words(shown)).encode()).hexdigest()[:16]


def of(path: Path) -> str:
    """The fingerprint that a picture was made of."""
    return QImage(str(path)).text(KEY)


def dress(dark: bool = False) -> None:
    """Once: every widget that there is is gone through."""
    running = QApplication.instance()
    assert isinstance(running, QApplication)
    has = style.DARK if dark else style.LIGHT
    if running.styleSheet() != style._sheet(has):
        style.dress(running, has)


def away(shown: QWidget) -> None:
    """At once: nobody comes back to the loop of events that would delete it."""
    shown.close()
    shiboken6.delete(shown)


def crop(page: Page, width: int) -> None:
    """As high as what is on it."""
    page.resize(QSize(width, 400))
    page.show()
    if focus := page.first_focus():
        focus.setFocus()
    QApplication.processEvents()
    area = page.findChild(QScrollArea)
    assert isinstance(area, QScrollArea)
    inner = area.widget()
    assert inner is not None
    for _ in range(2):  # the buttons may turn, too
        high = inner.layout().heightForWidth(area.viewport().width())  # type: ignore[union-attr]
        page.resize(width, page.height() - area.viewport().height() + high)
        QApplication.processEvents()


def write(shown: QWidget, path: Path) -> None:
    size = QSize(round(shown.width() * SCALE), round(shown.height() * SCALE))
    image = QImage(size, QImage.Format.Format_RGB32)
    image.setDevicePixelRatio(SCALE)
    painter = QPainter(image)
    shown.render(painter, QPoint())
    painter.end()
    image.setDevicePixelRatio(1)
    path.write_bytes(png(image, fingerprint(shown), _table(style.LIGHT)))


def png(image: QImage, print_: str, colours: list[int]) -> bytes:
    """Four bits a pixel, which Qt does not write. `colours` is what may be on it, at most 256."""
    near = image.convertToFormat(QImage.Format.Format_Indexed8, colours, Qt.ImageConversionFlag.AvoidDither)
    table, wide, line = [QColor(one) for one in near.colorTable()], near.width(), near.bytesPerLine()
    pixels = bytes(near.constBits())
    lines = [pixels[at : at + wide] for at in range(0, line * near.height(), line)]
    most = [one for one, _ in Counter(b"".join(lines)).most_common(16)]
    place = bytes(min(range(len(most)), key=lambda n: _apart(table[most[n]], one)) for one in table).ljust(256, b"\0")
    rows = (one.translate(place) + b"\0" for one in lines)
    packed = b"".join(b"\0" + bytes(a << 4 | b for a, b in zip(row[::2], row[1::2], strict=False)) for row in rows)
    palette = b"".join(bytes(_rgb(table[one])) for one in most)
    parts = {
        b"IHDR": struct.pack(">IIBBBBB", wide, near.height(), 4, 3, 0, 0, 0),
        b"PLTE": palette,
        b"tEXt": KEY.encode() + b"\0" + print_.encode(),
        b"IDAT": zlib.compress(packed, 9),
        b"IEND": b"",
    }
    chunks = (struct.pack(">I", len(d)) + n + d + struct.pack(">I", zlib.crc32(n + d)) for n, d in parts.items())
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def _apart(one: QColor, other: QColor) -> int:
    return sum((a - b) ** 2 for a, b in zip(_rgb(one), _rgb(other), strict=True))


def _rgb(colour: QColor) -> tuple[int, int, int]:
    return colour.red(), colour.green(), colour.blue()


def _table(has: style.Colours) -> list[int]:
    over = {
        has.back: (has.text, has.quiet, has.accent, has.line, has.warning, has.good, has.bad, has.edge),
        has.surface: (has.text, has.quiet, has.accent, has.line, has.edge, has.warning, has.good, has.bad, has.focus),
        has.accent: (has.on_accent, has.focus),
    }
    pairs = [(QColor(below), QColor(above)) for below, every in over.items() for above in every]
    between = (mixed(*pair, step / STEPS) for pair in pairs for step in range(STEPS + 1))
    return list(dict.fromkeys(one.rgb() for one in between))


def mixed(below: QColor, above: QColor, share: float) -> QColor:
    return QColor(*(round(b + (a - b) * share) for b, a in zip(_rgb(below), _rgb(above), strict=True)))
