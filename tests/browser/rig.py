"""A browser in a home of its own, a host that asks for a certificate and shows which one came, and the system's folder
of policies, which a test has for itself."""

from __future__ import annotations

import json
import os
import queue
import re
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from tests.browser.pki import SERVER, Authorities, Party, called, issue, key_pem, p12, pem
from tests.cli.runner import Home
from tests.token.helpers import run
from tokenmgr import system
from tokenmgr.domain.login_policy import CHROMIUM_PLACES, FILE, FIREFOX_PLACES

CHROMIUM_POLICY = Path(CHROMIUM_PLACES["linux"]["Chromium"]) / FILE
FIREFOX_POLICY = Path(FIREFOX_PLACES["linux"])
LIMIT = 60.0  # seconds; it takes one
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


@dataclass
class Served:
    """A host that runs, and the certificates that were presented to it, where it tells."""

    port: int
    told: queue.Queue[str] = field(default_factory=queue.Queue)

    def read(self, lines: Iterable[str]) -> None:
        """It is never to wait for a full pipe."""
        kept: list[str] = []
        for line in lines:
            kept = [line] if "BEGIN CERTIFICATE" in line else [*kept, line]
            if "END CERTIFICATE" in line:
                self.told.put("".join(kept))

    def presented(self, seconds: float) -> int:
        return x509.load_pem_x509_certificate(self.told.get(timeout=seconds).encode()).serial_number


@contextmanager
def host(
    folder: Path, authorities: Authorities, asks_for: Sequence[x509.Certificate], *more: str, page: bool = True
) -> Iterator[Served]:
    """OpenSSL's server on localhost, which asks for certificates of these CAs, takes any, and shows it: on its page, or
    where it has none in what it says."""
    own, certificates = Party(called("localhost")), folder / "asks-for.pem"
    served = folder / "host.pem"
    served.write_bytes(pem(issue(own, authorities.root, uses=(SERVER,), host="localhost")) + key_pem(own))
    certificates.write_bytes(pem(*asks_for))
    command: list[str | Path] = ["openssl", "s_server", "-accept", "127.0.0.1:0", "-cert", served, "-key", served]
    command += [*more, *(["-www"] if page else [])]
    if asks_for:
        command += ["-verify", "3", "-CAfile", certificates]
    started = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    with started:
        assert started.stdout is not None
        said = next(line for line in started.stdout if line.startswith("ACCEPT"))
        told = Served(int(said.rpartition(":")[2]))
        reader = threading.Thread(target=told.read, args=(started.stdout,))
        reader.start()
        try:
            yield told
        finally:
            started.terminate()
            reader.join()


def undisturbed(file: Path) -> AbstractContextManager[None]:
    """As long as this lasts no other test sets this policy, which every program on this computer would see."""
    return system.locked(Path(tempfile.gettempdir()) / f"tokenmgr-tests-{file.name}.lock")


@contextmanager
def policies(file: Path = CHROMIUM_POLICY) -> Iterator[Path]:
    """Where our file goes. The folder is this whole computer's, so one test at a time has it; what was not there is
    taken away again."""
    folder = file.parent
    with undisturbed(file):
        made = [one for one in (*reversed(folder.parents), folder) if not one.exists()]
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except PermissionError:
            pytest.skip(f"{folder} can be written by root alone")
        if others := list(folder.iterdir()):
            pytest.skip(f"a browser has policies on this computer: {others}")
        try:
            yield file
        finally:
            file.unlink(missing_ok=True)
            for one in reversed(made):
                one.rmdir()


# --- the customer ---


def customer(folder: Path, user: Path, authorities: Authorities, port: int) -> Home:
    """`tokenmgr` in that home, with a bank's file that names the host."""
    made = Home(folder / "tokenmgr")
    made.environment["HOME"] = str(user)
    (made.folder / "banks.d").mkdir()
    (made.folder / "banks.d" / "1234.toml").write_text(
        f'code = "1234"\nname = "みほん信用金庫"\naddress = "https://127.0.0.1:1"\nproxy = "none"\n'
        f'login = "https://localhost:{port}"\nroots = """\n{pem(authorities.root_certificate).decode()}"""\n',
        encoding="utf-8",
    )
    return made


def verdict(home: Home, browser: str = "chromium") -> dict[str, Any]:
    told = home.run("login", "--json")
    (told_host,) = json.loads(told.out)["hosts"]
    assert told_host["asked_by"] == "host"
    (judged,) = [one for one in told_host["browsers"] if one["browser"] == browser]
    return dict(judged)


# --- Firefox ---


def presented_by_firefox(profile: Path, folder: Path, authorities: Authorities) -> int:
    """The serial number of what Firefox presents to a host that shows no page: it is ended as soon as that is known."""
    with host(folder, authorities, [authorities.root_certificate], page=False) as told:
        browser = subprocess.Popen(
            ["firefox-esr", "--headless", "--no-remote", "--profile", profile, f"https://localhost:{told.port}/"],
            env={**os.environ, "HOME": str(folder)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            return told.presented(LIMIT)
        finally:
            os.killpg(browser.pid, signal.SIGKILL)
            browser.wait()
