"""Whether a certificate logs in: a TLS server that trusts the CA, and OpenSSL with the key: where it is, on a medium;
in a file, out of a store on the PC.

The server is Python's, in a thread; it tells whom it has let in by the certificate that its handshake has proven.
"""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_der_x509_certificate

from tests.interop.engine import configure

SECONDS = 120.0


@dataclass
class Door:
    port: int
    root: Path
    folder: Path
    let_in: list[bytes] = field(default_factory=list)

    def opens_for(self, certificate: bytes, key_id: str, library: str, pin: str) -> bool:
        """By the key with this ID on the medium behind `library`, where it is."""
        configuration = configure(self.folder / "engine.cnf", library, pin)
        key = "pkcs11:type=private;id=" + "".join(f"%{key_id[at : at + 2]}" for at in range(0, len(key_id), 2))
        engine = ("-engine", "pkcs11", "-keyform", "engine", "-key", key)
        return self.opens(certificate, *engine, configuration=configuration)

    def opens(self, certificate: bytes, *key: str | Path, configuration: Path = Path(os.devnull)) -> bool:
        """One handshake, TLS 1.3, signed by this key."""
        pem = self.folder / "client.pem"
        pem.write_bytes(load_der_x509_certificate(certificate).public_bytes(Encoding.PEM))
        self.let_in.clear()
        subprocess.run(
            ["openssl", "s_client", "-connect", f"127.0.0.1:{self.port}", "-CAfile", self.root, "-verify_return_error",
             "-cert", pem, *key, "-quiet"],
            env={**os.environ, "OPENSSL_CONF": str(configuration)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=SECONDS,
            check=False,
        )  # fmt: skip
        return self.let_in == [certificate]

    def serve(self, listening: socket.socket, context: ssl.SSLContext) -> None:
        while True:
            try:
                plain, _ = listening.accept()
            except OSError:
                return  # closed: it is over
            with contextlib.suppress(OSError), plain:
                plain.settimeout(SECONDS)
                with context.wrap_socket(plain, server_side=True) as open_:
                    self.let_in.append(open_.getpeercert(binary_form=True) or b"")
                    open_.sendall(b"welcome\n")


@contextlib.contextmanager
def opened(folder: Path, root: Path, issuing: Path, tls: Path) -> Iterator[Door]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tls / "chain.pem", tls / "key.pem")
    context.load_verify_locations(cadata=root.read_text() + issuing.read_text())
    context.verify_mode = ssl.CERT_REQUIRED
    with socket.create_server(("127.0.0.1", 0)) as listening:
        door = Door(listening.getsockname()[1], root, folder)
        thread = threading.Thread(target=door.serve, args=(listening, context), daemon=True)
        thread.start()
        yield door
        listening.shutdown(socket.SHUT_RDWR)
    thread.join(SECONDS)
