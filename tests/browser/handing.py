"""A customer's computer on which everything is set up as `tokenmgr desk install` does it, and both builds of the
extension."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.browser.site import BANK, UNNAMED, Sites
from tests.cli.runner import Home
from tests.contract.services import until
from tests.desk.bank import HandingBank
from tests.interop.running import Authority
from tokenmgr.desk.extension import build
from tokenmgr.desk.handovers import Handovers
from tokenmgr.domain.extension import HOST


class Pc:
    def __init__(self, folder: Path, sites: Sites, ca: Authority | None = None) -> None:
        self.user = folder / "user"
        self.bank = HandingBank(roots=ca.root.read_text()) if ca else HandingBank()
        address = ca.url if ca else "https://127.0.0.1:1"
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

    @contextmanager
    def without_program(self) -> Iterator[None]:
        """Where Chromium looks."""
        (manifest,) = (self.user / ".config" / "chromium").rglob(f"{HOST}.json")
        away = manifest.rename(manifest.with_suffix(".away"))
        try:
            yield
        finally:
            away.rename(manifest)

    def windows(self) -> list[int]:
        """The processes that the native host has started here. What for, no command line says."""
        of_ours = f"TOKENMGR_HOME={self.home.folder}".encode()
        told = [number for number in _processes() if _line(number).endswith("tokenmgr desk -")]
        return [number for number in told if of_ours in _file(number, "environ").split(b"\0")]

    def close(self) -> None:
        """What a test that failed has left open is ended too."""
        for number in self.windows():
            os.kill(number, signal.SIGKILL)

    def until_started(self) -> list[int]:
        until(self.windows)
        return self.windows()

    def end(self, window: int) -> str:
        """The line that it was started by."""
        line = _line(window)
        os.kill(window, signal.SIGKILL)
        until(lambda: _line(window) != line)
        return line


def _processes() -> Iterator[int]:
    return (int(one.name) for one in Path("/proc").iterdir() if one.name.isdigit())


def _line(process: int) -> str:
    return _file(process, "cmdline").replace(b"\0", b" ").decode(errors="replace").strip()


def _file(process: int, name: str) -> bytes:
    with suppress(OSError):
        return Path(f"/proc/{process}/{name}").read_bytes()
    return b""
