"""OpenSSL's mock CMP server, in a network of its own, for it listens on every address; TLS ends in this process."""

from __future__ import annotations

import contextlib
import ctypes
import os
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from tests.cmp.parties import Party, holder
from tests.contract.services import require, service, until
from tests.renewal.serving import Maker, copy, serving

REFERENCE, SECRET = "4711", b"s3"
PORT = 18080  # in that network there is nobody else
CLONE_NEWNET = 0x40000000
_SERVE = 'ip link set lo up; exec openssl cmp "$@"'


@dataclass
class Mock:
    """It hands out the one certificate that it was started with, whatever it is asked for: so it is started late."""

    folder: Path
    ca: Party
    url: str = ""
    process: int = 0

    @contextlib.contextmanager
    def handing_out(self, certificate: x509.Certificate, *options: str) -> Iterator[None]:
        """`options` in the words of openssl-cmp(1)."""
        signs = holder("p256", 7)  # OpenSSL sends no certificate along that is its own issuer's
        files = {"ca.crt": self.ca.pem, "signs.crt": signs.pem, "signs.key": signs.key_pem}
        files["new.crt"] = certificate.public_bytes(Encoding.PEM)
        for name, data in files.items():
            (self.folder / name).write_bytes(data)
        at = {name: str(self.folder / name) for name in files}
        line = ["-config", "", "-port", str(PORT), "-rsp_cert", at["new.crt"], "-srv_trusted", at["ca.crt"], *options]
        if "-srv_secret" not in options:
            line += ["-srv_cert", at["signs.crt"], "-srv_key", at["signs.key"]]
        log = self.folder / "mock.log"
        log.write_text("")
        with service("unshare", "--net", "sh", "-c", _SERVE, "sh", *line, log=log) as running:
            until(lambda: "ACCEPT" in log.read_text(), running)
            self.process = running.pid
            yield

    def forward(self, connection: socket.socket) -> None:
        with self._there() as onward:
            back = threading.Thread(target=copy, args=(onward, connection), daemon=True)
            back.start()
            copy(connection, onward)
            back.join()

    def _there(self) -> socket.socket:
        """A thread may be in another network; what it opens there stays there."""
        with Path(f"/proc/{self.process}/ns/net").open("rb") as network:
            if ctypes.CDLL(None, use_errno=True).setns(network.fileno(), CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        return socket.create_connection(("127.0.0.1", PORT))


@contextlib.contextmanager
def mocked(folder: Path, ca: Party, maker: Maker) -> Iterator[Mock]:
    require("openssl", "unshare", "ip", root=True)
    folder.mkdir()
    mock = Mock(folder, ca)
    with serving(mock.forward, maker.server()) as port:
        mock.url = f"https://127.0.0.1:{port}/pkix/"
        yield mock
