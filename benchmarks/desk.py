"""The customer's window: how soon it is there, and how soon it shows that a medium came or went.

In this process, drawn into memory. The peer is a bare look by the library (C_Finalize, C_Initialize, every slot), which
is the least that has to be done before anybody knows. The USB bus is not in it (benchmarks/plug.py).
"""

from __future__ import annotations

import functools
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.bench import in_turns, ratio, table, timed

TURNS, ROUNDS, STARTS = 10, 3, 10
BOUND = 30.0  # seconds: only what hangs takes so long
PAINTED = """
import os, sys, time
from tokenmgr.__main__ import main
from tokenmgr.desk import start
from PySide6.QtCore import QEvent, QObject
class Eye(QObject):
    def eventFilter(self, seen, event):
        if event.type() is QEvent.Type.Paint and seen.isWindow():
            os.write(1, b"%f" % time.monotonic())
            os._exit(0)
        return False
eye = Eye()
from PySide6 import QtWidgets
class Application(QtWidgets.QApplication):
    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.installEventFilter(eye)
QtWidgets.QApplication = Application
sys.argv = ["tokenmgr", "desk"]
main()
"""


def run() -> None:
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    _starts()
    _comes_and_goes()


def _starts() -> None:
    """From the command to the first paint, and of a second one from the command to its end."""
    with _home() as (folder, _bed):
        environment = {**os.environ, "TOKENMGR_HOME": str(folder), "XDG_RUNTIME_DIR": str(folder)}
        painted = []
        for _ in range(STARTS + 1):
            began = time.monotonic()
            done = subprocess.run([sys.executable, "-c", PAINTED], env=environment, capture_output=True, check=True)
            painted.append((float(done.stdout) - began) * 1000)
        bare = [sys.executable, "-c", "from PySide6.QtWidgets import QApplication; QApplication([])"]
        peer = [_ended(bare, environment) for _ in range(STARTS + 1)]
        (folder / "desk.name").unlink()  # of those before: the first is there once it has written its own
        first = subprocess.Popen([sys.executable, "-m", "tokenmgr", "desk"], env=environment, stderr=subprocess.DEVNULL)
        try:
            _until(lambda: (folder / "desk.name").exists(), lambda: None)
            second = [_ended([sys.executable, "-m", "tokenmgr", "desk"], environment) for _ in range(STARTS + 1)]
        finally:
            first.terminate()
            first.wait(BOUND)
    rows = [["the window is painted", _middle(painted), "≤ 600 ms"], ["a second start has ended", _middle(second), ""]]
    rows.append(["its peer: python -c 'QApplication([])'", _middle(peer), ""])
    table("The window, from the command on, files cached: median and range", ("what", "after", "aim"), rows)


def _ended(command: list[str], environment: dict[str, str]) -> float:
    began = time.monotonic()
    subprocess.run(command, env=environment, check=True, capture_output=True)
    return (time.monotonic() - began) * 1000


def _middle(taken: list[float]) -> str:
    """Without the first, which fills the cache."""
    return f"{statistics.median(taken[1:]):.0f} ms ({min(taken[1:]):.0f}–{max(taken[1:]):.0f})"


def _comes_and_goes() -> None:
    from PySide6.QtWidgets import QApplication

    running = QApplication([])
    with _home() as (folder, bed):
        os.environ["TOKENMGR_HOME"] = str(folder)
        (stick,) = bed.up("valid", name="stick")
        from tokenmgr.desk import app
        from tokenmgr.wiring.around import look
        from tokenmgr.wiring.libraries import libraries

        app.dress(running)
        with app.opened() as desk:
            desk.window.show()

            def turn(act: Callable[[], object], is_there: bool) -> None:
                act()
                _until(lambda: _is_shown(desk, stick.serial) is is_there, running.processEvents)

            def measure(comes: bool) -> list[float]:
                acts: tuple[Callable[[], object], Callable[[], object]] = (stick.plug, stick.unplug)
                there, back = acts if comes else acts[::-1]
                turn(back, not comes)
                return timed(lambda: turn(there, comes), ROUNDS, lambda _: turn(back, not comes))

            def bare() -> list[float]:
                with desk.work._bench.for_job(lambda: None), libraries(None) as found:
                    return timed(lambda: look(found), ROUNDS)

            turn(lambda: None, True)
            contenders = {"came": functools.partial(measure, True), "went": functools.partial(measure, False)}
            taken = in_turns(TURNS, contenders | {"bare": bare})
    names = {"came": "plugged in → on the screen", "went": "pulled → off the screen", "bare": "its peer: a bare look"}
    rows = [[names[who], str(times), ratio(times, taken["bare"])] for who, times in taken.items()]
    table("A medium comes and goes: median and quartiles; ratios within each turn", ("what", "after", "to it"), rows)


def _is_shown(desk: Any, serial: str) -> bool:
    from PySide6.QtWidgets import QLabel

    return any(serial in one.text() for one in desk.window.page.findChildren(QLabel))


def _until(is_so: Callable[[], bool], meanwhile: Callable[[], object]) -> None:
    ends = time.monotonic() + BOUND
    while not is_so():
        meanwhile()
        time.sleep(0.001)
        if time.monotonic() > ends:
            raise TimeoutError


@contextmanager
def _home() -> Iterator[tuple[Path, Any]]:
    from tokenmgr.testbed.bed import Testbed

    with TemporaryDirectory(prefix="desk-") as name:
        folder = Path(name)
        (folder / "settings.toml").write_text("catalogue = false\nusb = false\n", encoding="utf-8")
        bed = Testbed(folder / "testbed", os.environ, folder / "libraries.d")
        yield folder, bed
        bed.down()


if __name__ == "__main__":
    run()
