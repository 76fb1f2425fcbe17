"""A browser in a home of its own, a host that asks for a certificate and shows which one came, and the system's folder
of policies, which a test has for itself."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from cryptography import x509

from tests.browser.pki import SERVER, Authorities, Party, called, issue, key_pem, p12, pem
from tests.token.helpers import run
from tokenmgr import system
from tokenmgr.domain.login_policy import CHROMIUM_PLACES, FILE

POLICIES = Path(CHROMIUM_PLACES["linux"]["Chromium"])
LIMIT = 30.0  # seconds; it takes one
FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")
Owned = tuple[Party, x509.Certificate]


class BrowserHome:
    """A user's home with Chromium's database. The bank's root is trusted there, so that the host is."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.database = folder, folder / ".pki" / "nssdb"

    def create(self, authorities: Authorities) -> None:
        self.database.mkdir(parents=True)
        run("certutil", "-N", "-d", f"sql:{self.database}", "--empty-password")
        self.trust("root", authorities.root_certificate, "CT,,")
        self.trust("issuing", authorities.issuing_certificate)

    def trust(self, name: str, certificate: x509.Certificate, how: str = ",,") -> None:
        file = self.folder / f"{name}.pem"
        file.write_bytes(pem(certificate))
        run("certutil", "-A", "-d", f"sql:{self.database}", "-n", name, "-t", how, "-i", file)

    def forget(self, name: str) -> None:
        run("certutil", "-D", "-d", f"sql:{self.database}", "-n", name)

    def store(self, name: str, owned: Owned) -> None:
        """A key with its certificate, as a PC store has them."""
        file = self.folder / f"{name}.p12"
        file.write_bytes(p12(name, *owned, b"x"))
        run("pk12util", "-i", file, "-d", f"sql:{self.database}", "-W", "x", "-K", "")

    def presented(self, url: str) -> int | None:
        """The serial number of what Chromium presents there; None: nothing. It is ended where it asks: headless, nobody
        sees that."""
        command = ["chromium", *FLAGS, "--disable-quic", f"--user-data-dir={self.folder}/data", "--dump-dom", url]
        started = subprocess.Popen(
            command,
            env={**os.environ, "HOME": str(self.folder)},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,  # it has children of its own
        )
        try:
            page, _ = started.communicate(timeout=LIMIT)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(started.pid, signal.SIGKILL)
        assert "Ciphers supported" in page, page
        return serial_number_in(page)


def serial_number_in(page: str) -> int | None:
    found = re.search(r"Serial Number:\s*(?:(\d+) \(|((?:[0-9a-f]{2}:?)+))", page)
    assert found or "no client certificate" in page, page
    return None if found is None else int(found[1]) if found[1] else int(found[2].replace(":", ""), 16)


@contextmanager
def host(folder: Path, authorities: Authorities, asks_for: Sequence[x509.Certificate], *more: str) -> Iterator[int]:
    """OpenSSL's server on localhost, which asks for certificates of these CAs, takes any, and shows it. Its port."""
    own, certificates = Party(called("localhost")), folder / "asks-for.pem"
    served = folder / "host.pem"
    served.write_bytes(pem(issue(own, authorities.root, uses=(SERVER,), host="localhost")) + key_pem(own))
    certificates.write_bytes(pem(*asks_for))
    command: list[str | Path] = [
        "openssl",
        "s_server",
        "-accept",
        "127.0.0.1:0",
        "-www",
        "-cert",
        served,
        "-key",
        served,
    ]
    if asks_for:
        command += ["-verify", "3", "-CAfile", certificates]
    started = subprocess.Popen(
        [*command, *more],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    with started:
        assert started.stdout is not None
        said = next(line for line in started.stdout if line.startswith("ACCEPT"))
        reader = threading.Thread(target=started.stdout.read)  # it is never to wait for a full pipe
        reader.start()
        try:
            yield int(said.rpartition(":")[2])
        finally:
            started.terminate()
            reader.join()


@contextmanager
def policies() -> Iterator[Path]:
    """Where our file goes. The folder is this whole computer's, so one test at a time has it; what was not there is
    taken away again."""
    with system.locked(Path(tempfile.gettempdir()) / "tokenmgr-tests-chromium-policies.lock"):
        made = [one for one in (*reversed(POLICIES.parents), POLICIES) if not one.exists()]
        try:
            POLICIES.mkdir(parents=True, exist_ok=True)
        except PermissionError:
            pytest.skip(f"{POLICIES} can be written by root alone")
        if others := list(POLICIES.iterdir()):
            pytest.skip(f"Chromium has policies on this computer: {others}")
        try:
            yield POLICIES / FILE
        finally:
            (POLICIES / FILE).unlink(missing_ok=True)
            for one in reversed(made):
                one.rmdir()
