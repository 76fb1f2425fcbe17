"""What `tokenmgr desk install` gives browsers: Chromium loads a medium's library from a database that it has yet to
make, Firefox from a profile of its own; and Chromium starts our program for our extension."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.browser.pki import Authorities
from tests.browser.rig import FLAGS, LIMIT, BrowserHome, host
from tests.cli.runner import Home
from tests.contract.services import require
from tests.testbed.conftest import bed, stick
from tokenmgr import system
from tokenmgr.customer.installing import Installer
from tokenmgr.domain.extension import CHROMIUM_ORIGIN, EXTENSION_KEY, HOST
from tokenmgr.domain.installation import Places, Scope, Wanted, plan
from tokenmgr.domain.installed_texts import Words
from tokenmgr.testbed.simulated import SimulatedMedium

__all__ = ["bed", "stick"]


@pytest.fixture
def user(tmp_path: Path) -> Path:
    made = tmp_path / "user"
    made.mkdir()
    return made


def install(folder: Path, user: Path, stick: SimulatedMedium) -> Home:
    home = Home(folder / "tokenmgr")
    home.environment |= {"HOME": str(user)}
    done = home.run("desk", "install", "--module", stick.path)
    assert (done.status, done.err) == (0, "")
    return home


@contextmanager
def running(user: Path, *command: str | Path) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(
        command,
        env={**os.environ, "HOME": str(user)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # it has children of its own
    ) as browser:
        try:
            yield browser
        finally:
            os.killpg(browser.pid, signal.SIGKILL)


def comes(is_there: Callable[[], bool]) -> bool:
    ends = time.monotonic() + LIMIT
    while not is_there() and time.monotonic() < ends:
        time.sleep(0.05)
    return is_there()


def asked(stick: SimulatedMedium, since: int) -> bool:
    """Whether a program has asked the medium what it is."""
    return "C_GetTokenInfo" in [one.function for one in stick.control.calls()][since:]


def test_chromium_completes_the_database_that_was_begun_and_loads_from_it(
    user: Path, stick: SimulatedMedium, tmp_path: Path
) -> None:
    require("chromium", "openssl")
    authorities = Authorities()
    home = install(tmp_path, user, stick)
    before = sum(1 for _ in stick.control.calls())
    with host(tmp_path, authorities, [authorities.root_certificate]) as told:
        more = "--ignore-certificate-errors", "--disable-quic", f"--user-data-dir={user}/data"
        with running(user, "chromium", *FLAGS, *more, f"https://localhost:{told.port}/"):
            assert comes(lambda: asked(stick, before))
            refused = home.run("desk", "uninstall")
            assert (refused.status, "D112" in refused.err) == (3, True)
    database = user / ".pki/nssdb/cert9.db"
    assert database.is_file()
    assert comes(lambda: not system.openers([database]))  # the last of its processes has ended
    assert home.run("desk", "uninstall").status == 0
    assert not (user / ".pki/nssdb/pkcs11.txt").exists()


def test_firefox_loads_from_its_profile(user: Path, stick: SimulatedMedium, tmp_path: Path) -> None:
    require("firefox-esr", "certutil")
    made = BrowserHome(user)
    made.create(Authorities())
    profile = user / ".mozilla/firefox/a.default"
    profile.parent.mkdir(parents=True)
    made.database.rename(profile)
    (profile.parent / "profiles.ini").write_text("[Profile0]\nName=default\nPath=a.default\nDefault=1\n")
    install(tmp_path, user, stick)
    before = sum(1 for _ in stick.control.calls())
    with running(user, "firefox-esr", "--headless", "--no-remote", "--profile", profile, "about:blank"):
        assert comes(lambda: asked(stick, before))


EXTENSION = {
    "manifest_version": 3,
    "name": "tokenmgr",
    "version": "1",
    "key": EXTENSION_KEY,
    "permissions": ["nativeMessaging"],
    "background": {"service_worker": "worker.js"},
}


def test_chromium_starts_the_program_for_the_extension_of_our_key(user: Path, tmp_path: Path) -> None:
    """By the manifest in the user's folder, and the id that Chromium makes of the key."""
    require("chromium")
    program, started, extension = tmp_path / "a program", tmp_path / "started", tmp_path / "extension"
    program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {started}.new\nmv {started}.new {started}\n')
    program.chmod(0o755)
    extension.mkdir()
    (extension / "manifest.json").write_text(json.dumps(EXTENSION))
    (extension / "worker.js").write_text(f"chrome.runtime.sendNativeMessage({json.dumps(HOST)}, {{}}, () => {{}});")
    wanted = Wanted((str(program),), Words(("", ""), ("", "")), "", "")
    Installer(user / "own").install(plan("linux", Scope.USER, Places(user, user / "own", Path("/"), {}), wanted))
    data = user / ".config/chromium"  # its own place for it, unless it is headless
    with running(user, "chromium", *FLAGS, f"--user-data-dir={data}", f"--load-extension={extension}", "about:blank"):
        assert comes(started.exists)
    assert started.read_text() == f"native-host\n{CHROMIUM_ORIGIN}\n"
