"""A bank's site that wants a client certificate of our CA: `openssl s_server`, which knows the root and the CRL."""

from __future__ import annotations

import contextlib
import socket
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.contract.services import service, until
from tests.interop.running import Authority


@dataclass(frozen=True)
class Site:
    ca: Authority
    port: int
    log: Path

    def curl(self, *options: str | Path, env: Mapping[str, str] | None = None, status: int = 0) -> str:
        """Its page tells whom it let in."""
        line = ["curl", "--silent", "--show-error", "--noproxy", "*", "--cacert", str(self.ca.root)]
        done = subprocess.run(
            [*line, *options, f"https://localhost:{self.port}/"], env=env, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == status, done.stdout + done.stderr + self.log.read_text(errors="replace")
        return done.stdout + done.stderr


@contextlib.contextmanager
def opened(ca: Authority, folder: Path) -> Iterator[Site]:
    """It has the CRL of the moment at which it opens, and our own TLS certificate: it is on this computer too."""
    tls, log = ca.folder.path / "tls", folder / "site.log"
    crl, chain = folder / "ca.crl", folder / "chain.pem"
    crl.write_bytes(ca.fetch("/ca.crl"))
    chain.write_bytes(ca.root.read_bytes() + ca.issuing.read_bytes())
    port = _free_port()
    line: list[str | Path] = ["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-www", "-verify_return_error"]
    line += ["-cert", tls / "chain.pem", "-cert_chain", tls / "chain.pem", "-key", tls / "key.pem", "-Verify", "3"]
    line += ["-CAfile", chain, "-CRL", crl, "-CRLform", "DER", "-crl_check", "-naccept", "99"]
    with service(*line, log=log) as running:
        until(lambda: "ACCEPT" in log.read_text(), running)
        yield Site(ca, port, log)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        number: int = found.getsockname()[1]
    return number
