"""Firefox, driven by its own protocol (Marionette: a length, a colon, JSON), of which five commands are enough."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.contract.services import until

LIMIT = 60.0  # seconds for one command
PREFERENCES = {
    "marionette.port": 0,  # it tells which in its profile
    "network.dns.localDomains": "",
    "datareporting.policy.dataSubmissionEnabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "app.update.enabled": False,
    "extensions.update.enabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "browser.newtabpage.enabled": False,
}


class Firefox:
    def __init__(self, connected: socket.socket) -> None:
        self._file, self._number = connected.makefile("rwb"), 0
        self._read()  # it introduces itself
        self.command("WebDriver:NewSession", acceptInsecureCerts=True)

    def command(self, name: str, **parameters: Any) -> Any:
        self._number += 1
        data = json.dumps([0, self._number, name, parameters]).encode()
        self._file.write(f"{len(data)}:".encode() + data)
        self._file.flush()
        _kind, _number, error, result = self._read()
        assert error is None, error
        return result

    def _read(self) -> Any:
        length = bytearray()
        while (one := self._file.read(1)) != b":":
            assert one, "Firefox has ended"
            length += one
        return json.loads(self._file.read(int(length)))

    def install(self, extension: Path) -> None:
        """For as long as it runs: only a store's signature makes it stay."""
        self.command("Addon:Install", path=str(extension), temporary=True)

    def goto(self, url: str) -> None:
        self.command("WebDriver:Navigate", url=url)

    def evaluate(self, script: str, *arguments: object) -> Any:
        """A function of the page, as text; what it promises is waited for."""
        body = "const [args, done] = [[...arguments].slice(0, -1), arguments[arguments.length - 1]];"
        body += f"Promise.resolve(window.eval({json.dumps(f'({script})')})(...args)).then(done)"
        told = self.command("WebDriver:ExecuteAsyncScript", script=body, args=list(arguments), sandbox=None)
        return told["value"]


@contextmanager
def firefox(profile: Path, environment: Mapping[str, str], *hosts: str) -> Iterator[Firefox]:
    profile.mkdir(parents=True)
    told = PREFERENCES | {"network.dns.localDomains": ",".join(hosts)}
    lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in told.items()]
    (profile / "user.js").write_text("".join(lines))
    started = subprocess.Popen(
        ["firefox-esr", "--headless", "--no-remote", "--marionette", "--profile", profile],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        port = profile / "MarionetteActivePort"
        until(lambda: port.exists() and port.read_text(), None)
        with socket.create_connection(("127.0.0.1", int(port.read_text())), LIMIT) as connected:
            yield Firefox(connected)
    finally:
        os.killpg(started.pid, signal.SIGKILL)
        started.wait()
