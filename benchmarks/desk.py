"""The customer's window: from the command to the first paint, from a step of the engine to its tick on the screen, and
its longest silence while a token hangs. Drawn into memory: what a screen adds is the same for every program.

The peer of a start is Qt alone: a bare QApplication with a label, in the same run. The peer of a silence is the same
window with nothing to do.
"""

from __future__ import annotations

import functools
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from benchmarks.bench import Measured, in_turns, ratio, table
from benchmarks.media import MEMORY
from tokenmgr.testbed.bed import Testbed
from tokenmgr.testbed.simulated import SimulatedMedium

if TYPE_CHECKING:
    from tokenmgr.desk.app import Desk

TURNS = 8
RUNS = 2  # in each turn
LOOKED = 2000  # milliseconds that a silence is looked for in
EVERY = 2  # milliseconds between two ticks of the window's own


def run() -> None:
    with _home() as (home, stick):
        environment = {**os.environ, "TOKENMGR_HOME": str(home), "QT_QPA_PLATFORM": "offscreen"}
        _starts(environment)
        _inside(environment, stick)


@contextmanager
def _home() -> Iterator[tuple[Path, SimulatedMedium]]:
    with TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        home = Path(folder) / "home"
        (home / "libraries.d").mkdir(parents=True)
        (home / "settings.toml").write_text("catalogue = false\n", encoding="utf-8")
        bed = Testbed(Path(folder) / "testbed", os.environ, home / "libraries.d", plain=False)
        (stick,) = bed.up("fresh")
        try:
            yield home, stick
        finally:
            bed.down()


# --- the start ---


def _starts(environment: dict[str, str]) -> None:
    names = {"window": "tokenmgr desk: its window is painted", "bare": "its peer: Qt, a label"}
    taken = in_turns(TURNS, {name: functools.partial(_started, name, environment) for name in names})
    rows = [[names[name], str(times), ratio(times, taken["bare"])] for name, times in taken.items()]
    table("A window: from the command to its first paint; ratios within each turn", ("what", "time", "to Qt"), rows)
    print(f"  Qt alone is {taken['bare'].median / taken['window'].median:.0%} of ours.")


def _started(what: str, environment: dict[str, str]) -> list[float]:
    """The child tells the moment of its first paint, by the clock that both have."""
    taken = []
    for _ in range(RUNS):
        began = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.desk", what], env=environment, capture_output=True, text=True, check=True
        )
        taken.append((float(done.stdout) - began) * 1e6)
    return taken


def _tell_and_end(*_: object) -> None:
    print(time.monotonic(), flush=True)
    os._exit(0)


def _bare() -> None:
    from PySide6.QtWidgets import QApplication, QLabel

    class Label(QLabel):
        paintEvent = _tell_and_end  # noqa: N815  Qt's name

    program = QApplication([])
    shown = Label("…")
    shown.show()
    program.exec()


def _window() -> None:
    """As the command does it, whatever that imports."""
    from tokenmgr.__main__ import main
    from tokenmgr.desk.window import Window

    Window.paintEvent = _tell_and_end  # type: ignore[method-assign]
    sys.argv = ["tokenmgr", "desk"]
    main()


# --- in the window ---


def _inside(environment: dict[str, str], stick: SimulatedMedium) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.desk", "inside", str(stick.folder)],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    ticks, idle, hangs = (Measured([[float(one) for one in line.split()]]) for line in done.stdout.splitlines())
    rows = [
        ["a step ends → its tick is painted", str(ticks), "≤ 100 ms"],
        ["silence, nothing to do: its longest", _longest(idle), ""],
        ["silence, a token hangs: its longest", _longest(hangs), "≤ 50 ms"],
    ]
    table("In the window", ("what", "time", "aim"), rows)


def _longest(gaps: Measured) -> str:
    return f"{max(gaps.turns[0]) / 1000:.1f} ms"


def _measure_inside(folder: str) -> None:
    from PySide6.QtWidgets import QApplication

    from tokenmgr.desk import app, style

    program = QApplication([])
    style.dress(program)
    stick = SimulatedMedium(Path(folder), os.environ)
    with app.opened() as desk:
        desk.window.show()
        _until(lambda: bool(desk.flow.seen and desk.flow.seen.is_asked))
        print(*_ticks(desk))
        print(*_silence(LOOKED))
        with stick.held("C_GetTokenInfo") as held:
            desk.flow.run(_look, "…", lambda _: None, ())
            held.wait()
            gaps = _silence(LOOKED)
        print(*gaps)
        _until(lambda: not desk.work.is_busy)


def _look(_: object) -> object:
    from tokenmgr.wiring import around
    from tokenmgr.wiring.libraries import libraries

    with libraries(None) as found:
        return around.look(found)


def _ticks(desk: Desk) -> list[float]:
    """From a thread that works: it says that a step has ended, and waits until that is on the screen."""
    from PySide6.QtCore import QEvent, QObject

    from tokenmgr.desk.pages.progress import ProgressPage
    from tokenmgr.desk.person import AtDesk, Began, Ended
    from tokenmgr.domain.renewal import Step

    painted, taken = threading.Event(), []

    class Looks(QObject):
        def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802  Qt's name
            if event.type() is QEvent.Type.Paint and str(watched.property("text")).startswith("✓"):
                painted.set()
            return False

    looks, ready = Looks(), threading.Event()

    def job(person: AtDesk) -> None:
        ready.wait()
        for step in Step:
            person.post(Began(step))
            painted.clear()
            began = time.perf_counter()
            person.post(Ended(step))
            painted.wait()
            taken.append((time.perf_counter() - began) * 1e6)

    desk.flow.run(job, "…", lambda _: None)
    page: Any = desk.window.page
    assert isinstance(page, ProgressPage)
    for line in page.lines.values():
        line.installEventFilter(looks)
    ready.set()
    _until(lambda: len(taken) == len(Step) and not desk.work.is_busy)
    return taken


def _silence(milliseconds: int) -> list[float]:
    """Between two moments at which the window could have answered somebody."""
    from PySide6.QtCore import QEventLoop, QTimer

    moments: list[float] = []
    clock, loop = QTimer(), QEventLoop()
    clock.timeout.connect(lambda: moments.append(time.perf_counter()))
    clock.start(EVERY)
    QTimer.singleShot(milliseconds, loop.quit)
    loop.exec()
    return [(later - earlier) * 1e6 for earlier, later in pairwise(moments)]


def _until(is_so: Any) -> None:
    from PySide6.QtWidgets import QApplication

    while not is_so():
        QApplication.processEvents()
        time.sleep(0.001)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["bare"]:
            _bare()
        case ["window"]:
            _window()
        case ["inside", place]:
            _measure_inside(place)
