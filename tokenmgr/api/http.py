"""What every route has in common: a line in the log, a number in the metrics, an error as words."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

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

_STATUS: tuple[tuple[tuple[type[TokenmgrError], ...], int], ...] = (
    ((BankUnknown,), 404),
    ((RequestMalformed, KeyUnfit, HandoverUnreadable, HandoverActUnknown), 400),
    ((HandoverSpent,), 409),
    ((ClaimNotAccepted, ClaimLocked, HandoverError), 403),
    ((AuthorityBusy, AuthorityError, RegistryUnavailable, LibraryError, MediumError), 503),
)
_TEXTS = {language: Texts(language) for language in ("ja", "en")}

Handler = Callable[[Request], Awaitable[Response]]


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
