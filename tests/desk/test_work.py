"""One piece of work after another: what its end leads to may begin the next at once."""

from __future__ import annotations

from pytestqt.qtbot import QtBot

from tokenmgr.desk.bench import Bench
from tokenmgr.desk.work import Work

CHAINED = 200


def test_the_end_of_one_begins_the_next(qtbot: QtBot) -> None:
    """Its thread may still be alive then: that is nobody's business."""
    work, done = Work(Bench(lambda: None)), []

    def again(_: object) -> None:
        done.append(work.is_busy)
        if len(done) < CHAINED:
            work.start(lambda _: None)

    work.finished.connect(again)
    work.start(lambda _: None)
    qtbot.waitUntil(lambda: len(done) == CHAINED, timeout=20_000)
    assert not any(done)


def test_it_is_busy_until_the_window_is_told(qtbot: QtBot) -> None:
    work = Work(Bench(lambda: None))
    with qtbot.waitSignal(work.left):
        work.start(lambda _: None)
        assert work.leave(patience=20)  # its thread is gone, and nobody has heard what has come of it
        assert work.is_busy
    assert not work.is_busy
