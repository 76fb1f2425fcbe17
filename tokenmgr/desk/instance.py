"""One desk for each user and home: who comes second hands over what it was asked, and goes.

desk.lock     held by the first for as long as it lives, however that ends: a dead one is in nobody's way
desk.name     of the socket that it listens at, for this user alone (a pipe on Windows): new each time, so that
              nobody else can be there first
"""

from __future__ import annotations

import logging
import secrets
import time
from contextlib import suppress
from pathlib import Path
from typing import IO

from PySide6.QtCore import QObject, QStandardPaths, Signal
from PySide6.QtNetwork import QLocalServer, QLocalSocket

from tokenmgr import system

log = logging.getLogger(__name__)

LONGEST = 16384  # bytes of a link
PATIENCE = 5.0  # seconds for the first to answer: it may just be starting, or ending
ANSWER = 1000  # milliseconds for one try
TAKEN = b"taken\n"


class Instance(QObject):
    """The first one's ear."""

    asked = Signal(str)  # a link; empty: to show itself

    def __init__(self, home: Path) -> None:
        """Of whoever holds the lock, once there is an event loop to hear with."""
        super().__init__()
        self._server = QLocalServer(self)
        self._server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)
        self._server.newConnection.connect(self._on_connection)
        name = home / "desk.name"
        with suppress(OSError):
            QLocalServer.removeServer(_path(name.read_text(encoding="utf-8")))  # of one that was killed
        said = f"tokenmgr-{secrets.token_hex(8)}"
        if self._server.listen(_path(said)):
            name.write_text(said, encoding="utf-8")
        else:
            log.warning("a second start will not be heard: %s", self._server.errorString())

    def close(self) -> None:
        self._server.close()

    def _on_connection(self) -> None:
        while (socket := self._server.nextPendingConnection()) is not None:
            socket.setParent(self)
            socket.readyRead.connect(lambda one=socket: self._read(one))
            socket.disconnected.connect(socket.deleteLater)
            self._read(socket)

    def _read(self, socket: QLocalSocket) -> None:
        if socket.bytesAvailable() > LONGEST:
            socket.abort()
        elif socket.canReadLine():
            said = bytes(socket.readLine().data()).strip()
            socket.write(TAKEN)
            socket.flush()
            self.asked.emit(said.decode("ascii", errors="replace"))


def first_or_told(home: Path, link: str) -> IO[bytes] | bool:
    """This is the first one, with the lock to be held; or the first has been told (True), or is silent (False)."""
    system.private_folder(home)
    ends = time.monotonic() + PATIENCE
    while True:
        with suppress(BlockingIOError):
            return system.hold(home / "desk.lock")
        if _told(home, link):
            return True
        if time.monotonic() > ends:
            return False
        time.sleep(0.05)


def _told(home: Path, link: str) -> bool:
    try:
        name = (home / "desk.name").read_text(encoding="utf-8")
    except OSError:
        return False
    socket = QLocalSocket()
    socket.connectToServer(_path(name))
    if not socket.waitForConnected(ANSWER):
        return False
    socket.write(link.encode("ascii", errors="replace") + b"\n")
    socket.flush()
    while not socket.canReadLine():
        if not socket.waitForReadyRead(ANSWER):
            return False
    return bytes(socket.readLine().data()) == TAKEN


def _path(name: str) -> str:
    """Pipes have names of their own; a socket is in the folder that is this user's while it is logged in."""
    if system.NAME == "windows":
        return name
    folder = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.RuntimeLocation)
    return str(Path(folder) / name)
