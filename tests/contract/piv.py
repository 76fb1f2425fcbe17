"""A PIV card in a virtual reader, under a pcscd of its own: through Yubico's library, and through OpenSC."""

from __future__ import annotations

import os
import select
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.contract.rig import Rig
from tests.contract.services import PATIENCE, require, service, until
from tokenmgr import catalogue

DRIVER = Path("/usr/lib/pcsc/drivers/serial/libifdvpcd.so")
PORT = 0x8C7B
READER = "Yubico YubiKey OTP+FIDO+CCID"  # Yubico's library looks for cards in readers of its own name only
PIN, PUK = "123456", "12345678"  # a new card's, as the next
MANAGEMENT_KEY = "010203040506070801020304050607080102030405060708"
GENERATE, SIGN, VERIFY, PUT_DATA = 0x47, 0x87, 0x20, 0xDB  # instructions to pull the card at

# In a network of its own, since the virtual reader listens on every address; its socket in our folder; and without
# the drivers for USB readers, so that no real token is touched.
_SERVE = """
set -e
ip link set lo up
mount -t tmpfs none /run
mkdir /run/pcscd
mount --bind "$1/run" /run/pcscd
mount -t tmpfs none /usr/lib/pcsc/drivers
exec pcscd --foreground --config "$1/readers"
"""


class Card:
    """Orders to the card's process (piv_card.py). Each is carried out, and noticed by the reader, when it returns."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def plug(self) -> None:
        self._order("in")

    def unplug(self) -> None:
        self._order("out")

    def unplug_during(self, instruction: int) -> None:
        """In the middle of the next such command: the card will have done it and not have answered."""
        self._order(f"out {instruction:02x}")

    def exchange(self) -> None:
        """Another card, a new one, takes its place."""
        self._order("blank")
        self._order("in")

    def _order(self, order: str) -> None:
        orders, answers = self._process.stdin, self._process.stdout
        assert orders is not None
        assert answers is not None
        orders.write(order + "\n")
        orders.flush()
        assert select.select([answers], [], [], PATIENCE)[0], f"the card does not answer {order!r}"
        assert answers.readline() == "done\n"


@contextmanager
def by_yubico(folder: Path) -> Iterator[Rig]:
    with running(folder) as (environment, card):
        yield _seen_by("yubikey", environment, card)


@contextmanager
def by_opensc(folder: Path) -> Iterator[Rig]:
    """OpenSC makes no keys on a PIV card: `beside` it is the library that does."""
    with running(folder) as (environment, card):
        rig = _seen_by("opensc", environment, card)
        rig.beside = _seen_by("yubikey", environment, card)
        yield rig


def _seen_by(family: str, environment: Mapping[str, str], card: Card) -> Rig:
    library = catalogue.library(catalogue.shipped().family(family))
    require(library or f"the library of {family}")
    assert library is not None
    rig = Rig(family, library, environment, PIN, MANAGEMENT_KEY if family == "yubikey" else PUK, hand=card)
    rig.wait()
    return rig


@contextmanager
def running(folder: Path) -> Iterator[tuple[dict[str, str], Card]]:
    """A new card in its reader, and the environment in which libraries meet it."""
    require("pcscd", "unshare", "nsenter", str(DRIVER), root=True)
    for name in ("run", "readers", "state"):
        (folder / name).mkdir(parents=True)
    driver = folder / DRIVER.name
    driver.write_bytes(DRIVER.read_bytes())
    reader = f'FRIENDLYNAME "{READER}"\nDEVICENAME /dev/null:{PORT:#x}\nLIBPATH {driver}\nCHANNELID {PORT:#x}\n'
    (folder / "readers" / "virtual").write_text(reader)
    socket, log = folder / "run" / "pcscd.comm", folder / "log"
    with service("unshare", "--net", "--mount", "sh", "-c", _SERVE, "sh", folder, log=log) as pcscd:
        until(socket.exists, pcscd)
        inside = ("nsenter", f"--net=/proc/{pcscd.pid}/ns/net")
        card_program = Path(__file__).with_name("piv_card.py")
        environment = {**os.environ, "PCSCLITE_CSOCK_NAME": str(socket)}
        command = (*inside, sys.executable, card_program, str(PORT), f"{READER} 00 00", folder / "state")
        with service(*command, log=log, environment=environment, spoken_to=True) as process:
            card = Card(process)
            card.plug()
            yield environment, card
