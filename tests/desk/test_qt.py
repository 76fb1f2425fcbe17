"""What of Qt's binding the window stands on."""

from __future__ import annotations

import sys

import pytest
from PySide6.QtCore import QObject, Signal


class Bell(QObject):
    rung = Signal(object)


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="True is never counted since Python 3.12")
def test_a_signal_takes_nothing_from_what_python_counts() -> None:
    """Else a window that stays open ends by itself, after some thousand steps and looks: "bool_dealloc"."""
    bell, before = Bell(), sys.getrefcount(True)
    for _ in range(500):
        bell.rung.emit(None)
    assert abs(sys.getrefcount(True) - before) < 100
