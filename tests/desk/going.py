"""What the journeys' tests share: a window that has looked, a journey begun, fields filled in by the keyboard alone."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLineEdit
from pytestqt.qtbot import QtBot

from tests.desk.rig import PATIENCE, Hands, at_desk
from tests.interop.customer import Customer
from tests.interop.running import Authority
from tokenmgr.desk.actions import Action, Chosen
from tokenmgr.desk.fields import SecretFields
from tokenmgr.desk.parts import Page
from tokenmgr.domain.generation import Generation
from tokenmgr.domain.medium import PinState
from tokenmgr.errors import TokenmgrError
from tokenmgr.log import Secret
from tokenmgr.testbed.simulated import SimulatedMedium
from tokenmgr.token.session import Session


@contextmanager
def begun(pc: Customer, bot: QtBot, monkeypatch: pytest.MonkeyPatch, action: Action) -> Iterator[Hands]:
    """As by home's button, once what is plugged in has been seen."""
    with at_desk(pc.folder, bot, monkeypatch) as hands:
        begin(hands, action)
        yield hands


def begin(hands: Hands, action: Action) -> None:
    """Once what was left before has ended."""
    flow = hands.desk.flow
    hands.bot.waitUntil(lambda: flow.seen is not None and flow.seen.looked is not None, timeout=PATIENCE)
    hands.bot.waitUntil(lambda: not flow.work.is_busy, timeout=PATIENCE)
    flow.chosen(Chosen(action))


def fill(fields: list[QLineEdit], *typed: str) -> None:
    """Enter goes on to the next, and at the last one it is done."""
    for field, text in zip(fields, typed, strict=True):
        if text.isascii():
            QTest.keyClicks(field, text)
        else:
            field.insert(text)  # as an input method does: no key of QTest's has such a letter
        QTest.keyClick(field, Qt.Key.Key_Return)


def fill_secrets(page: Page, *typed: str) -> None:
    (fields,) = page.findChildren(SecretFields)
    fill([*fields.fields], *typed)


def meddle(ca: Authority, one: Generation, values: str, *given: int) -> None:
    """With what the registry has of it: as it will be another day."""
    with closing(sqlite3.connect(ca.folder.path / "registry.sqlite")) as registry, registry:
        which = f"{one.serial:040x}"
        done = registry.execute(f"UPDATE generation SET {values} WHERE serial = ?", (*given, which))  # noqa: S608
        assert done.rowcount == 1


def opens(stick: SimulatedMedium, pin: str) -> bool:
    """A wrong one counts."""
    with stick.library() as library, Session.open(library, stick.serial) as session:
        try:
            session.login(Secret(pin))
        except TokenmgrError:
            return False
        return True


def state(stick: SimulatedMedium) -> PinState:
    with stick.library() as library:
        return library.media()[0].pin
