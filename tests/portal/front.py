"""A rig's portal behind real TLS, for a real browser. Whose certificate a handshake has shown is said by the test: how
that is found out is tested in test_tls.py."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.browser.pki import SERVER, Authorities, Party, called, issue, key_pem, pem
from tokenmgr.serving import workers
from tokenmgr.serving.bounds import PEER

HOST = "ib.example"
FLAGS = ("--no-sandbox", "--disable-quic", f"--host-resolver-rules=MAP {HOST} 127.0.0.1")


class Front:
    """`app` and `peer` are what a test puts there."""

    app: ASGIApp
    peer: bytes = b""

    def __init__(self, port: int) -> None:
        self.site = f"https://{HOST}:{port}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app({**scope, **({PEER: self.peer} if self.peer else {})}, receive, send)


@contextmanager
def serving(folder: Path) -> Iterator[Front]:
    own, file = Party(called(HOST)), folder / "site.pem"
    file.write_bytes(pem(issue(own, Authorities().issuing, uses=(SERVER,), host=HOST)) + key_pem(own))
    with socket.create_server(("127.0.0.1", 0)) as opened:
        front = Front(opened.getsockname()[1])
        server = uvicorn.Server(workers._config(workers.Served(front, 0, str(file), str(file))))
        thread = threading.Thread(target=server.run, args=([opened],))
        thread.start()
        try:
            yield front
        finally:
            server.should_exit = True
            thread.join()
