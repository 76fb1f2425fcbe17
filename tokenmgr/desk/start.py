"""The program's start: who comes second hands over and goes; the first has the window, the tray and an end in order."""

from __future__ import annotations

import logging
import os
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import IO

from PySide6.QtCore import QSocketNotifier

from tokenmgr import config, system
from tokenmgr.desk.instance import Instance, first_or_told
from tokenmgr.errors import FileNotWritten, TokenmgrError
from tokenmgr.wiring.libraries import settings
from tokenmgr.wiring.words import t

log = logging.getLogger(__name__)

SILENT = 75  # the exit status of one that has reached nobody: sysexits' "try again"


def main(link: str = "", only_tray: bool = False) -> int:
    """`link`: tokenmgr://… of a bank's page. `only_tray`: no window until somebody wants one."""
    try:
        found = _first_or_told(link)
    except TokenmgrError as error:
        if config.has_screen():
            from tokenmgr.desk import alone  # here: a second one needs no window

            alone.tell_error(error)
        raise
    if not isinstance(found, bool):
        with found:
            return _first(link, only_tray)
    if not found:
        _say(t("desk_home.other_silent"))
        if config.has_screen():
            from tokenmgr.desk import alone

            alone.tell(t("desk_home.other_silent"))
    return 0 if found else SILENT


def _first_or_told(link: str) -> IO[bytes] | bool:
    try:
        return first_or_told(settings().home, link)
    except OSError as error:
        raise FileNotWritten(file=error.filename or "", reason=error.strerror or "") from error


def _first(link: str, only_tray: bool) -> int:
    from PySide6.QtWidgets import QApplication, QSystemTrayIcon  # here: a second one needs no window

    from tokenmgr.desk import app as desk

    running = QApplication(sys.argv[:1])
    running.setApplicationName("tokenmgr")
    desk.dress(running)
    instance = Instance(settings().home)

    def leave() -> None:
        running.exit(0)  # quit() would close the window first, as if a person did

    with desk.opened() as put:
        with in_order(leave, put.flow.trouble):
            if QSystemTrayIcon.isSystemTrayAvailable():
                desk.in_tray(put, leave)
            elif only_tray:
                _say(t("desk_home.no_tray"))
            instance.asked.connect(lambda asked: desk.asked(put, asked))
            if link:
                put.flow.open_link(link)
            if link or not only_tray:
                put.window.come()
            else:
                put.seeing.calm(True)
            status = running.exec()
        instance.close()
        put.window.hide()
    if put.is_at_work:
        os._exit(status)  # a thread that no token lets go: whatever it was at is in the journal (R13)
    return status


def _say(words: str) -> None:
    """To whoever started it in a terminal; a program of windows has none."""
    if sys.stderr is not None:
        sys.stderr.write(f"{words}\n")


@contextmanager
def in_order(leave: Callable[[], object], trouble: Callable[[], object]) -> Iterator[None]:
    """Ctrl-C and what ends a process end the program as its menu does; anything else that nobody has expected is a page
    and no traceback (R15)."""

    def caught(_kind: type[BaseException], error: BaseException, _tb: TracebackType | None) -> None:
        log.info("unexpected", exc_info=error)
        trouble()

    before, sys.excepthook = sys.excepthook, caught
    bell, ear = socket.socketpair()
    bell.setblocking(False)
    notifier = _listening(ear)
    try:
        with system.told_to_end(leave, bell.fileno()):
            yield
    finally:
        notifier.setEnabled(False)
        sys.excepthook = before
        bell.close()
        ear.close()


def _listening(ear: socket.socket) -> QSocketNotifier:
    ear.setblocking(False)
    made = QSocketNotifier(ear.fileno(), QSocketNotifier.Type.Read)
    made.activated.connect(lambda: ear.recv(4096))
    return made
