"""What keeps the window from opening, in a window of its own: who started it by its icon reads no terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable

from PySide6.QtWidgets import QApplication

from tokenmgr.desk import style
from tokenmgr.desk.pages.trouble import TroublePage
from tokenmgr.desk.parts import Page
from tokenmgr.desk.start import in_order
from tokenmgr.errors import TokenmgrError
from tokenmgr.wiring.words import t

SIZE = (640, 520)


def tell_error(error: TokenmgrError) -> None:
    _show(lambda leave: TroublePage(error, leave, way_out=t("desk.close")))


def tell(words: str) -> None:
    def page(leave: Callable[[], object]) -> Page:
        made = Page(t("desk.title"), words)
        made.finish()
        made.button(t("desk.close"), leave, primary=True)
        return made

    _show(page)


def _show(page_of: Callable[[Callable[[], object]], Page]) -> None:
    """Until it is closed. No page's part needs settings, which may be what is wrong."""
    running = QApplication.instance() or QApplication(sys.argv[:1])
    assert isinstance(running, QApplication)  # noqa: S101  there is no other here
    style.dress(running)

    def leave() -> None:
        running.exit(0)

    page = page_of(leave)
    page.setWindowTitle(t("desk.title"))
    page.resize(*SIZE)
    page.show()
    if focus := page.first_focus():
        focus.setFocus()
    with in_order(leave, leave):
        running.exec()
    page.close()
