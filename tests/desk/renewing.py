"""`python -m tests.desk.renewing PIN [ADDRESS]`: a window of its own, and somebody who renews at it, or does what a
bank's page hands over. The PIN is a simulated medium's; what it is for is to be killed."""

from __future__ import annotations

import os
import sys

os.environ["QT_QPA_PLATFORM"] = "offscreen"

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication, QPushButton

from tokenmgr.desk import app, style
from tokenmgr.desk.pages.pin import PinPage
from tokenmgr.wiring import words

EVERY = 20  # milliseconds
WANTED = ("更新する", "続きを行う", "次へ", "同意して更新する")


def main(pin: str, address: str = "") -> None:
    program = QApplication(sys.argv[:1])
    style.dress(program)
    words.speak("ja")
    with app.opened() as desk:
        desk.window.show()
        if address:
            desk.flow.open_link(address)

        def look() -> None:
            page = desk.window.page
            if isinstance(page, PinPage):
                page.field.setText(pin)
            for one in desk.window.findChildren(QPushButton):
                if one.text() in WANTED and one.isVisible() and one.isEnabled():
                    one.click()
                    return

        timer = QTimer()
        timer.timeout.connect(look)
        timer.start(EVERY)
        program.exec()


if __name__ == "__main__":
    main(*sys.argv[1:])
