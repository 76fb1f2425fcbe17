"""The application asked as a server asks it, without a socket: a method, a path, headers and a body."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from starlette.types import ASGIApp

from tokenmgr.serving.bounds import PEER


@dataclass(frozen=True)
class Answer:
    status_code: int
    headers: dict[str, str]
    content: bytes

    @property
    def text(self) -> str:
        return self.content.decode()

    def json(self) -> Any:
        return json.loads(self.content)


class Client:
    def __init__(self, app: ASGIApp, host: str = "203.0.113.9", peer: bytes = b"") -> None:
        """`peer` is the certificate of a TLS client, DER."""
        self._app, self._host, self._peer = app, host, peer

    def request(
        self, method: str, path: str, content: bytes = b"", headers: dict[str, str] | None = None, json: Any = None
    ) -> Answer:
        sent = {name.lower(): value for name, value in (headers or {}).items()}
        if json is not None:
            content, sent["content-type"] = _dumped(json), "application/json"
        return asyncio.run(self.asked(method, path, content, sent))

    def get(self, path: str) -> Answer:
        return self.request("GET", path)

    def post(self, path: str, content: bytes = b"", headers: dict[str, str] | None = None, json: Any = None) -> Answer:
        return self.request("POST", path, content, headers, json)

    async def asked(
        self, method: str, path: str, content: bytes = b"", headers: dict[str, str] | None = None
    ) -> Answer:
        """Within a loop of the caller's."""
        said: list[dict[str, Any]] = []
        body = [{"type": "http.request", "body": content, "more_body": False}]

        async def receive() -> dict[str, Any]:
            return body.pop() if body else {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            said.append(message)

        scope = scope_of(method, path, headers or {}, self._host)
        await self._app(scope | ({PEER: self._peer} if self._peer else {}), receive, send)
        first = {name.decode(): value.decode() for name, value in said[0]["headers"]}
        return Answer(said[0]["status"], first, b"".join(one.get("body", b"") for one in said[1:]))


def _dumped(value: Any) -> bytes:
    return json.dumps(value).encode()


def scope_of(method: str, path: str, headers: dict[str, str], host: str = "203.0.113.9") -> dict[str, Any]:
    """As uvicorn makes it."""
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "https",
        "path": unquote(path.partition("?")[0]),
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": path.partition("?")[2].encode(),
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "client": (host, 40000),
        "server": ("ca.example", 443),
    }
