"""What there is one of, put together: the window, what is seen, what is done; its tray, and its end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from PySide6.QtWidgets import QApplication

from tokenmgr.desk import style
from tokenmgr.desk.actions import Action
from tokenmgr.desk.bench import Bench
from tokenmgr.desk.flow import Flow
from tokenmgr.desk.handovers import Handovers
from tokenmgr.desk.journeys import acquiring, cleaning, contents, diagnosing, handed, pins, renewing
from tokenmgr.desk.seeing import Seeing
from tokenmgr.desk.tray import Tray
from tokenmgr.desk.window import Window
from tokenmgr.desk.work import Work
from tokenmgr.wiring.libraries import cut, settings

JOURNEYS = {
    **dict.fromkeys((Action.RENEW, Action.RESUME, Action.REHEARSE), renewing.begins),
    **dict.fromkeys((Action.PIN, Action.UNBLOCK), pins.begins),
    Action.CONTENTS: contents.begins,
    Action.ACQUIRE: acquiring.begins,
    Action.CLEAN: cleaning.begins,
    Action.DIAGNOSE: diagnosing.begins,
}
PATIENCE, THEN = 1.0, 0.8  # seconds for a step to come to its end, and for what is left to be ended


@dataclass(frozen=True)
class Desk:
    window: Window
    flow: Flow
    seeing: Seeing
    work: Work

    @property
    def is_at_work(self) -> bool:
        """A token has not let go of a thread."""
        return self.work.is_held or self.seeing.is_busy


def dress(app: QApplication) -> None:
    """Now, and whenever the system turns light or dark."""
    style.dress(app)
    app.styleHints().colorSchemeChanged.connect(lambda _: style.dress(app))


@contextmanager
def opened() -> Iterator[Desk]:
    """Everything but what the system has one of: its event loop, its tray."""
    bench = Bench(lambda: cut(only_calls=True))
    seeing, work, window = Seeing(bench), Work(bench), Window(settings().home / "desk.ini")
    desk = Desk(window, Flow(window, seeing, work, JOURNEYS, handed.begins, Handovers(settings().home)), seeing, work)
    seeing.start()
    try:
        yield desk
    finally:
        window.remember()
        desk.flow.end()
        work.leave(PATIENCE)
        seeing.stop(THEN)


def in_tray(desk: Desk, leave: Callable[[], object]) -> Tray:
    """From now on a closed window is hidden, and what was begun goes on."""
    made = Tray(settings().home, desk.window.come, leave)
    made.setParent(desk.window)
    desk.seeing.seen.connect(made.tell)
    desk.window.spoken.connect(made.speak)
    desk.window.hidden.connect(made.tell_hidden)
    desk.window.hidden.connect(lambda: desk.seeing.calm(True))
    desk.window.came.connect(lambda: desk.seeing.calm(False))
    desk.window.stays = True
    QApplication.setQuitOnLastWindowClosed(False)
    made.show()
    return made


def asked(desk: Desk, link: str) -> None:
    """By somebody who started it a second time."""
    desk.window.come()
    if link:
        desk.flow.open_link(link)
