"""The pictures of token families (drivers/pictures), as sharp as the screen is."""

from __future__ import annotations

import functools

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QGuiApplication, QPainter, QPixmap
from PySide6.QtWidgets import QLabel

from tokenmgr import data
from tokenmgr.wiring.libraries import settings

SIZE = QSize(80, 40)
USUAL = "stick.svg"


def picture(name: str) -> QLabel:
    """Nothing is told by it alone, so no screen reader says it."""
    made = QLabel()
    made.setFixedSize(SIZE)
    made.setAlignment(Qt.AlignmentFlag.AlignTop)
    made.setPixmap(_drawn(name or USUAL, QGuiApplication.primaryScreen().devicePixelRatio()))
    return made


@functools.cache
def _drawn(name: str, ratio: float) -> QPixmap:
    from PySide6.QtSvg import QSvgRenderer  # here: an empty page needs it not

    folders = settings().driver_folder, data.folder("drivers")
    path = next((one / "pictures" / name for one in folders if (one / "pictures" / name).is_file()), None)
    made = QPixmap(SIZE * ratio)
    made.setDevicePixelRatio(ratio)
    made.fill(Qt.GlobalColor.transparent)
    painter = QPainter(made)
    if path:
        QSvgRenderer(str(path)).render(painter, QRectF(0, 0, SIZE.width(), SIZE.height()))
    painter.end()
    return made
