"""What every route has in common: a bounded body, a line in the log, a number in the metrics, an error as words."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive

from tokenmgr.api.service import Service
from tokenmgr.errors import (
    AuthorityBusy,
    AuthorityError,
    BankUnknown,
    ClaimLocked,
    ClaimNotAccepted,
    HandoverActUnknown,
    HandoverError,
    HandoverSpent,
    HandoverUnreadable,
    KeyUnfit,
    LibraryError,
    MediumError,
    RegistryUnavailable,
    RequestMalformed,
    TokenmgrError,
)
from tokenmgr.messages import Texts

log = logging.getLogger(__name__)

SLOWEST_BODY = 15.0  # seconds for a whole body to arrive
TOO_SLOW = "the body came too slowly"
_STATUS: tuple[tuple[tuple[type[TokenmgrError], ...], int], ...] = (
    ((BankUnknown,), 404),
    ((RequestMalformed, KeyUnfit, HandoverUnreadable, HandoverActUnknown), 400),
    ((HandoverSpent,), 409),
    ((ClaimNotAccepted, ClaimLocked, HandoverError), 403),
    ((AuthorityBusy, AuthorityError, RegistryUnavailable, LibraryError, MediumError), 503),
)
_TEXTS = {language: Texts(language) for language in ("ja", "en")}

Handler = Callable[[Request], Awaitable[Response]]


class Gate:
    """So many at once, once their bodies are in; the next is told to come back (503). Each kind of request has its own:
    no crowd at one shuts another."""

    def __init__(self, most: int) -> None:
        self._free = most

    def __enter__(self) -> None:
        if not self._free:
            raise AuthorityBusy
        self._free -= 1

    def __exit__(self, *_: object) -> None:
        self._free += 1


class Edge:
    """Makes a route of a handler that returns or raises."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def route(self, name: str, handler: Handler) -> Handler:
        async def answered(request: Request) -> Response:
            started = time.perf_counter()
            response = await self._guarded(name, handler, request)
            seconds = time.perf_counter() - started
            self._service.metrics.answers.labels(name, response.status_code).inc()
            self._service.metrics.seconds.labels(name).observe(seconds)
            log.info("answered", extra={"route": name, "status": response.status_code, "ms": round(seconds * 1000, 1)})
            return response

        return answered

    async def _guarded(self, name: str, handler: Handler, request: Request) -> Response:
        try:
            return await handler(request)
        except TokenmgrError as error:
            return self.refusal(error)
        except ClientDisconnect:
            return Response(status_code=400)
        except Exception:
            log.exception("a bug, in %s", name)
            return self.refusal(TokenmgrError(), 500)

    async def unrouted(self, request: Request, error: Exception) -> Response:
        """No such address (404), or not in this way (405): R15 holds for those too."""
        status, headers = 404, None
        if isinstance(error, HTTPException):
            status, headers = error.status_code, error.headers
        response = self.refusal(RequestMalformed(reason="no such address, or another method"), status)
        response.headers.update(headers or {})
        return response

    def count(self, error: TokenmgrError) -> None:
        self._service.metrics.refusals.labels(error.code).inc()

    def refusal(self, error: TokenmgrError, status: int = 0) -> Response:
        """In both languages: whoever shows it to a person knows which one."""
        self.count(error)
        status = status or status_of(error)
        shown = public(error)
        said: dict[str, Any] = {
            "code": error.code,
            "retriable": error.retriable,
            "facts": error.facts if shown is error else {},
        }
        said |= {language: texts.error(shown) for language, texts in _TEXTS.items()}
        return as_json({"error": said}, status, {"Retry-After": "2"} if status == 503 else {})


def status_of(error: TokenmgrError) -> int:
    return next((number for kinds, number in _STATUS if isinstance(error, kinds)), 409)


def public(error: TokenmgrError) -> TokenmgrError:
    """What happened inside the CA's token or database is in its log, not in an answer, nor in the words of one."""
    is_inside = isinstance(error, AuthorityError | LibraryError | MediumError | RegistryUnavailable)
    if not is_inside or isinstance(error, KeyUnfit):  # that is the client's own key
        return error
    log.warning("out of order", extra={"error": str(error)})
    nothing: dict[str, Any] = dict.fromkeys(error.facts)
    return type(error)(**nothing)


def as_json(value: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    text = json.dumps(value, default=lambda one: one.isoformat())  # in ASCII: half a surrogate pair is no UTF-8
    return Response(text, status, {"Cache-Control": "no-store", **(headers or {})}, "application/json")


def origin(request: Request) -> str:
    """The address that the connection is from: what a header says of it is anybody's word."""
    return request.client.host if request.client else ""


async def body(request: Request, longest: int, kind: str) -> bytes:
    """Never more than `longest` bytes, never for longer than SLOWEST_BODY."""
    if not has_type(request.scope["headers"], kind):
        raise RequestMalformed(reason=f"Content-Type is {kind}")
    try:
        data = await read(request.receive, longest)
    except TimeoutError as error:
        raise RequestMalformed(reason=TOO_SLOW) from error
    if data is None:
        raise ClientDisconnect
    return data


def has_type(headers: Iterable[tuple[bytes, bytes]], kind: str) -> bool:
    for name, value in headers:
        if name == b"content-type":
            return value.partition(b";")[0].strip().lower() == kind.encode("ascii")
    return False


async def read(receive: Receive, longest: int) -> bytes | None:
    """A body. None where its sender has gone; TimeoutError where it came too slowly."""
    pieces = bytearray()
    async with asyncio.timeout(SLOWEST_BODY):
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            pieces += message.get("body", b"")
            if len(pieces) > longest:
                raise RequestMalformed(reason=f"more than {longest} bytes")
            if not message.get("more_body", False):
                return bytes(pieces)
