"""The program: what there is one of, put together, and its end."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from PySide6.QtWidgets import QApplication

from tokenmgr.desk import style
from tokenmgr.desk.actions import Action
from tokenmgr.desk.flow import Flow
from tokenmgr.desk.journeys import acquiring, cleaning, diagnosing, pins, renewing
from tokenmgr.desk.seeing import Seeing
from tokenmgr.desk.window import Window
from tokenmgr.desk.work import Work
from tokenmgr.wiring.libraries import kept

JOURNEYS = {
    **dict.fromkeys((Action.RENEW, Action.RESUME, Action.REHEARSE), renewing.begins),
    **dict.fromkeys((Action.PIN, Action.UNBLOCK), pins.begins),
    Action.ACQUIRE: acquiring.begins,
    Action.CLEAN: cleaning.begins,
    Action.DIAGNOSE: diagnosing.begins,
}
PATIENCE = 2.0  # seconds for a step to come to its end


@dataclass(frozen=True)
class Desk:
    window: Window
    flow: Flow
    seeing: Seeing
    work: Work


def main(link: str = "", only_tray: bool = False) -> int:  # noqa: ARG001
    """`link`: tokenmgr://… of a bank's page. `only_tray`: no window until somebody wants one."""
    app = QApplication(sys.argv[:1])
    style.dress(app)
    app.styleHints().colorSchemeChanged.connect(lambda _: style.dress(app))
    with opened() as desk:
        desk.window.show()
        return app.exec()


@contextmanager
def opened() -> Iterator[Desk]:
    """Everything but what the system has one of: its event loop, its tray."""
    bench = threading.Lock()
    with kept():
        seeing, work, window = Seeing(bench), Work(bench), Window()
        desk = Desk(window, Flow(window, seeing, work, JOURNEYS), seeing, work)
        seeing.start()
        try:
            yield desk
        finally:
            work.leave(PATIENCE)
            seeing.stop()
