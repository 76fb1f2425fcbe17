"""No screen: Qt draws into memory."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from tests.desk.rig import Hands, at_desk
from tests.interop.customer import Customer
from tests.interop.running import Authority

os.environ["QT_QPA_PLATFORM"] = "offscreen"


@pytest.fixture
def customer(tmp_path: Path, ca: Authority, testbed_store: Path) -> Iterator[Customer]:
    """With a certificate whose renewal is open."""
    made = Customer(tmp_path / "pc", ca, testbed_store)
    made.acquire()
    yield made
    made.bed.down()


@pytest.fixture
def hands(customer: Customer, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hands]:
    with at_desk(customer.folder, qtbot, monkeypatch) as found:
        yield found
