"""`tokenmgr bank serve` as its operator starts it, and customers who come with curl, as browsers would."""

from __future__ import annotations

import contextlib
import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, cast

from tests.cli.runner import PROGRAM
from tests.contract.services import service
from tests.interop.openssl import Client
from tests.interop.running import BANK, LOGIN_PIN, Authority

HANDSHAKE_REFUSED = (35, 52, 55, 56)  # curl's: with TLS 1.3 the client has begun to speak by then


class Told(NamedTuple):
    status: int
    text: str


@dataclass(frozen=True)
class Pages:
    ca: Authority
    port: int
    process: subprocess.Popen[str]
    log: Path

    @property
    def site(self) -> str:
        return f"https://localhost:{self.port}"

    @property
    def workers(self) -> set[int]:
        """By their numbers, the keeper's children."""
        told = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return {int(number) for number in told.split()}


@dataclass
class Browser:
    """One person's: a certificate, and a jar of cookies."""

    folder: Path
    by: Client | None = None
    options: tuple[str, ...] = ()
    environment: Mapping[str, str] | None = None
    _jar: Path = field(init=False)

    def __post_init__(self) -> None:
        self._jar = self.folder / f"{id(self)}.jar"

    def get(self, pages: Pages, path: str = "") -> Told:
        return self._told(self.run(pages, path))

    def log_in(self, pages: Pages, pin: str = LOGIN_PIN) -> Told:
        """Its form goes by a pipe, and the answer is followed."""
        sent = ("--location", "--header", f"Origin: {pages.site}", "--data", "@-")
        return self._told(self.run(pages, "login", *sent, typed=f"login_pin={pin}"))

    def run(self, pages: Pages, path: str, *options: str, typed: str = "") -> subprocess.CompletedProcess[str]:
        shown = ("--cert", str(self.by.certificate), "--key", self.by.key) if self.by else ()
        line = ["curl", "--silent", "--show-error", "--noproxy", "*", "--cacert", str(pages.ca.root), *shown]
        line += ["--cookie", str(self._jar), "--cookie-jar", str(self._jar), "--write-out", "\n%{http_code}"]
        line += [*self.options, *options, f"{pages.site}/{BANK}/{path}"]
        return subprocess.run(line, env=self.environment, input=typed, capture_output=True, text=True, timeout=60)

    def _told(self, done: subprocess.CompletedProcess[str]) -> Told:
        assert done.returncode == 0, done.stderr
        text, _, status = done.stdout.rpartition("\n")
        return Told(int(status), text)


@contextlib.contextmanager
def serving(ca: Authority, folder: Path, *options: str | Path, workers: int = 2) -> Iterator[Pages]:
    """One node beside the CA, on its registry."""
    log = folder / "pages.log"
    line = [PROGRAM, "bank", "serve", "--listen", "127.0.0.1:0", "--workers", str(workers), *options]
    with service(*line, log=log, environment=ca.environment, spoken_to=True) as started:
        said = cast("str", started.stdout.readline())  # type: ignore[union-attr]
        found = re.search(r"https://127\.0\.0\.1:(\d+)/", said)
        assert found, said + log.read_text()
        yield Pages(ca, int(found[1]), started, log)
