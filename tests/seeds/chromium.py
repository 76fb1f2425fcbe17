"""Chromium in its customer's home: it finds certificates where that one's are, on a medium too, and offers them to the
bank's site without asking. It is a process of its own, so that it can be closed, and killed."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from playwright.sync_api import Browser, Page, Playwright

from tests.browser.rig import FLAGS
from tokenmgr.testbed.simulated import PIN, SimulatedMedium


class Chromium:
    def __init__(
        self, playwright: Playwright, home: Path, site: str, user: str, medium: SimulatedMedium | None
    ) -> None:
        """What an administrator's policy says for all of a computer (customer/login_policies.py) stands here as the
        setting of one: of this ID's certificates the one that ends last is presented there."""
        self._playwright, self._data, self._medium = playwright, home / f"chromium of {user}", medium
        self._environment = {**os.environ, "HOME": str(home)}
        self._process: subprocess.Popen[str] | None = None
        self._browser: Browser | None = None
        presented = {f"{site},*": {"setting": {"filters": [{"SUBJECT": {"CN": user}}]}}}
        exceptions = {"auto_select_certificate": presented}
        chosen = {
            "intl": {"accept_languages": "ja"},
            "profile": {"content_settings": {"exceptions": exceptions}},
        }
        (self._data / "Default").mkdir(parents=True)
        (self._data / "Default" / "Preferences").write_text(json.dumps(chosen))

    def open(self, address: str) -> Page:
        """In the window that there is; without one it is started."""
        if self._process is None:
            self._start()
        assert self._browser is not None
        (page,) = self._browser.contexts[0].pages
        with self._without_pin():
            page.goto(address)
        return page

    def close(self) -> None:
        """All of its windows."""
        if self._browser is not None:
            self._browser.new_browser_cdp_session().send("Browser.close")
        self._ended()

    def kill(self) -> None:
        """As by a power cut."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
        self._ended()

    @contextmanager
    def _without_pin(self) -> Iterator[None]:
        """Headless, it would ask for a medium's PIN in a dialog that nobody sees. It logs in once: whatever else wants
        the medium meanwhile, our own program, goes on to ask."""
        if self._medium is None:
            yield
            return
        self._medium.control.set_text("pin", PIN)
        try:
            yield
        finally:
            self._medium.control.set_text("pin", "")

    def _start(self) -> None:
        more = ("--disable-quic", "--lang=ja", "--remote-debugging-port=0", f"--user-data-dir={self._data}")
        self._process = subprocess.Popen(
            ["chromium", *FLAGS, *more, "about:blank"],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,  # it has children of its own
        )
        assert self._process.stderr is not None
        said = next(line for line in self._process.stderr if "DevTools listening on" in line)
        (where,) = re.findall(r"ws://\S+", said)
        self._browser = self._playwright.chromium.connect_over_cdp(where)

    def _ended(self) -> None:
        if self._process is not None:
            self._process.communicate()
        if self._browser is not None:
            self._browser.close()
        self._process = self._browser = None
