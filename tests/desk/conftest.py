"""No screen: Qt draws into memory."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from tests.desk.rig import Hands, at_desk
from tests.interop import running
from tests.interop.customer import Customer
from tests.interop.running import Authority
from tokenmgr.testbed.bed import Testbed
from tokenmgr.testbed.simulated import SimulatedMedium

os.environ["QT_QPA_PLATFORM"] = "offscreen"


@pytest.fixture(scope="session")
def qapp(qapp: QApplication) -> QApplication:
    """Hands that press quickly mean it: a page hears them from its first moment (parts.py)."""
    qapp.setDoubleClickInterval(0)
    return qapp


@pytest.fixture(autouse=True)
def _nobodys_browsers(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever runs the tests may have a browser with certificates of its own: a store to be offered."""
    home = tmp_path_factory.getbasetemp() / "nobody"
    home.mkdir(exist_ok=True)  # where there is none, a library may leave its files wherever it is
    monkeypatch.setenv("HOME", str(home))


@pytest.fixture(scope="session")
def ca_token(tmp_path_factory: pytest.TempPathFactory, testbed_store: Path) -> SimulatedMedium:
    """The CA's own, which fails by rule."""
    (made,) = Testbed(tmp_path_factory.mktemp("testbed"), os.environ, store=testbed_store, plain=False).up("fresh")
    return made


@pytest.fixture(scope="session")
def ca(tmp_path_factory: pytest.TempPathFactory, ca_token: SimulatedMedium) -> Iterator[Authority]:
    how = ("--library", ca_token.path, "--medium", ca_token.serial)
    with running.authority(tmp_path_factory.mktemp("authority"), ca_token.pin, *how, workers=1) as made:
        yield made


@pytest.fixture
def customer(tmp_path: Path, ca: Authority, testbed_store: Path) -> Iterator[Customer]:
    """With a certificate whose renewal is open."""
    made = Customer(tmp_path / "pc", ca, testbed_store)
    made.acquire()
    yield made
    made.bed.down()


@pytest.fixture(scope="session")
def pc(tmp_path_factory: pytest.TempPathFactory, ca: Authority, testbed_store: Path) -> Iterator[Customer]:
    """Of somebody who has no certificate yet, and no stick plugged in."""
    made = Customer(tmp_path_factory.mktemp("pc") / "pc", ca, testbed_store)
    made.bed.down()
    yield made
    made.bed.down()


@pytest.fixture
def stick(pc: Customer, request: pytest.FixtureRequest) -> Iterator[SimulatedMedium]:
    """A fresh one, or of the scenario that is named; at that PC until the test is over."""
    (made,) = pc.bed.up(getattr(request, "param", "fresh"), name="stick")
    yield made
    pc.bed.down()


@pytest.fixture
def hands(customer: Customer, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hands]:
    with at_desk(customer.folder, qtbot, monkeypatch) as found:
        yield found
