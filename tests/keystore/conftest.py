"""GNOME's keyring, as it runs on a desktop: on a bus of its own, with its files in a folder of the test."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

_BUS = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>unix:dir={folder}</listen>
<policy context="default">
<allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/>
</policy>
</busconfig>
"""


@pytest.fixture(scope="module")
def desktop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment of a user who has logged in: the keyring is open."""
    for program in ("dbus-daemon", "gnome-keyring-daemon"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    folder = tmp_path_factory.mktemp("desktop")
    (folder / "bus.conf").write_text(_BUS.format(folder=folder))
    bus = subprocess.Popen(
        ["dbus-daemon", "--nofork", f"--config-file={folder / 'bus.conf'}", "--print-address"],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert bus.stdout
    environment = {
        "DBUS_SESSION_BUS_ADDRESS": bus.stdout.readline().strip(),
        "XDG_RUNTIME_DIR": str(folder),
        "XDG_DATA_HOME": str(folder / "data"),
        "HOME": str(folder),
    }
    daemon = subprocess.Popen(
        ["gnome-keyring-daemon", "--foreground", "--unlock", "--components=secrets"],
        stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ | environment,
    )  # fmt: skip
    try:
        assert daemon.stdin
        daemon.stdin.write(b"the user's login")
        daemon.stdin.close()
        _wait_for_keyring(os.environ | environment)
        yield environment
    finally:
        for process in (daemon, bus):
            process.terminate()
            process.wait()
        bus.stdout.close()


def _wait_for_keyring(environment: dict[str, str]) -> None:
    """As the bus says itself."""
    asked = ["dbus-send", "--session", "--print-reply", "--dest=org.freedesktop.DBus", "/org/freedesktop/DBus",
             "org.freedesktop.DBus.NameHasOwner", "string:org.freedesktop.secrets"]  # fmt: skip
    for _ in range(2000):
        if b"true" in subprocess.run(asked, env=environment, capture_output=True, check=True).stdout:
            return
    pytest.fail("the keyring has not come up")


@pytest.fixture
def in_session(desktop: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, str]:
    """This process is one of that user's programs."""
    import keyring.core

    for name, value in desktop.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("PYTHON_KEYRING_BACKEND", raising=False)
    keyring.core.init_backend()
    return desktop
