"""A TPM 2.0 in software, behind a resource manager on a message bus of its own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.contract.rig import Rig
from tests.contract.services import require, service, until
from tests.token.helpers import run
from tokenmgr import catalogue
from tokenmgr.log import Secret

PIN, SO_PIN = "1234", "87654321"
MANAGER = "com.intel.tss2.Tabrmd"  # its name on the bus


@contextmanager
def running(folder: Path) -> Iterator[Rig]:
    library = catalogue.library(catalogue.shipped().family("tpm"))
    require("swtpm", "tpm2-abrmd", "dbus-daemon", "dbus-send", library or "the library of tpm")
    assert library is not None
    require(str(Path(library).parents[1] / "libtss2-tcti-tabrmd.so.0"))  # the way to the resource manager
    for name in ("state", "store"):
        (folder / name).mkdir()
    log = folder / "log"
    # Without a resource manager one process finds the chip full of another's keys.
    with _chip(folder, log) as chip, _bus(folder, log) as bus:
        environment = {
            **os.environ,
            "DBUS_SESSION_BUS_ADDRESS": bus,
            "TPM2_PKCS11_STORE": str(folder / "store"),
            "TPM2_PKCS11_TCTI": "tabrmd:bus_type=session",
            "TSS2_LOG": "all+none",
        }
        manager = ("tpm2-abrmd", "--session", "--allow-root", "--max-transients=100", f"--tcti={chip}")
        with service(*manager, log=log, environment=environment) as started:
            until(lambda: _is_on(bus), started)
            rig = Rig("tpm", library, environment, PIN, SO_PIN)
            with rig.library() as opened:
                rig.serial = opened.format("", Secret(SO_PIN), Secret(PIN), "TPM").serial
            yield rig


@contextmanager
def _chip(folder: Path, log: Path) -> Iterator[str]:
    socket = folder / "chip"
    state, server, control = f"dir={folder}/state", f"type=unixio,path={socket}", f"type=unixio,path={socket}.ctrl"
    command = ("swtpm", "socket", "--tpm2", "--tpmstate", state, "--server", server, "--ctrl", control)
    with service(*command, "--flags", "not-need-init,startup-clear", log=log) as started:
        until(socket.exists, started)
        yield f"swtpm:path={socket}"


@contextmanager
def _bus(folder: Path, log: Path) -> Iterator[str]:
    address = f"unix:path={folder}/bus"
    with service("dbus-daemon", "--session", "--nofork", f"--address={address}", log=log) as started:
        until((folder / "bus").exists, started)
        yield address


def _is_on(bus: str) -> bool:
    asked = ("dbus-send", f"--bus={bus}", "--print-reply", "--dest=org.freedesktop.DBus", "/org/freedesktop/DBus")
    return b"true" in run(*asked, "org.freedesktop.DBus.NameHasOwner", f"string:{MANAGER}").stdout
