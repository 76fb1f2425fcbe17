"""S4 by what the USB bus tells: a card goes on in any reader, a stick that is a medium by itself only as that stick."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.cli.runner import PROGRAM
from tests.interop.customer import Customer
from tests.interop.running import Authority
from tests.usb.bus import MockBus
from tokenmgr.domain.generation import State
from tokenmgr.testbed.usb_bus import Stick

READER = Stick(0x1234, 0x5678, "Acme", "Desk Reader", "R-0001")  # no family is known by it
TOKEN = Stick(0x1209, 0x0001, "Acme", "Simulated Token", "T-0001")  # drivers/simulated.toml


@pytest.fixture
def customer(tmp_path: Path, ca: Authority, testbed_store: Path) -> Customer:
    return Customer(tmp_path / "home", ca, testbed_store)


def run(customer: Customer, device: Stick, command: str) -> dict[str, Any]:
    """With that on the bus, and what the library shows is in it."""
    customer.stick.control.set_text("reader", f"{device.name} 00 00")
    with MockBus(device) as bus:
        done = subprocess.run(
            [PROGRAM, command, "--pin-fd", "0", "--json"],
            env={**customer.environment, **{k: v for k, v in bus.environment.items() if k not in customer.environment}},
            input=f"{customer.stick.pin}\n",
            capture_output=True,
            text=True,
            timeout=120,
        )
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def cut_short(customer: Customer, device: Stick) -> None:
    """The medium is pulled while the certificate is being written."""
    customer.stick.fault("C_CreateObject", "unplug", after=True, times=1)
    assert "error" in run(customer, device, "renew")
    customer.stick.control.remove()
    customer.stick.plug()


def test_a_card_goes_on_in_another_reader_and_a_stick_as_itself_only(ca: Authority, customer: Customer) -> None:
    customer.acquire()
    settings = customer.folder / "settings.toml"
    settings.write_text(settings.read_text().replace("usb = false\n", ""))
    cut_short(customer, READER)
    assert run(customer, replace(READER, serial="R-0002"), "resume")["operation"] == "renewal"
    cut_short(customer, TOKEN)
    assert run(customer, replace(TOKEN, serial="T-0002"), "resume")["error"]["code"] == "M102"
    assert run(customer, TOKEN, "resume")["operation"] == "renewal"
    assert ca.states(customer.user) == [State.SUPERSEDED, State.SUPERSEDED, State.ACTIVE]
