"""A customer's computer on which everything is set up as `tokenmgr desk install` does it, and both builds of the
extension."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from tests.browser.site import BANK, UNNAMED, Sites
from tests.cli.runner import Home
from tests.contract.services import until
from tests.desk.bank import HandingBank
from tokenmgr.desk.extension import build
from tokenmgr.desk.handovers import Handovers


class Pc:
    def __init__(self, folder: Path, sites: Sites, address: str = "https://127.0.0.1:1") -> None:
        self.user, self.bank = folder / "user", HandingBank()
        self.user.mkdir()
        self.home = Home(folder / "tokenmgr")
        self.home.environment |= {"HOME": str(self.user), "QT_QPA_PLATFORM": "offscreen"}
        self.environment = {**self.home.environment}
        self.bank.hand_out(self.home.folder, sites.origin(BANK), address=address)
        done = self.home.run("desk", "install", "--json")
        assert done.status == 0, done.out + done.err
        self.chromium, self.firefox = build(folder / "extension", [sites.origin(BANK), sites.origin(UNNAMED)])

    @property
    def handovers(self) -> Handovers:
        return Handovers(self.home.folder)

    def windows(self, ticket: str) -> list[int]:
        """The processes that were started for this ticket."""
        return [number for number in _processes() if f"?t={ticket}" in _line(number)]

    def until_started(self, ticket: str) -> list[int]:
        until(lambda: self.windows(ticket))
        return self.windows(ticket)

    def end(self, window: int) -> str:
        """The line that it was started by."""
        line = _line(window)
        os.kill(window, signal.SIGTERM)
        until(lambda: _line(window) != line)
        return line


def _processes() -> Iterator[int]:
    return (int(one.name) for one in Path("/proc").iterdir() if one.name.isdigit())


def _line(process: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{process}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    return ""
