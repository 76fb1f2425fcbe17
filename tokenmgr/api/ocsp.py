"""OCSP over HTTP (RFC 6960, A; RFC 5019): GET /ocsp/{base64}, POST /ocsp.

What most ask, one certificate and no nonce, is answered from memory by the event loop itself; what is not there is
looked up, and signed where no answer was made ahead, by a thread.
"""

from __future__ import annotations

import asyncio
import binascii
import logging
from base64 import b64decode
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from tokenmgr.api.caching import UNCACHED, Headers, Lasting
from tokenmgr.api.http import Edge
from tokenmgr.api.kept_answers import Kept, KeptAnswers, Looked
from tokenmgr.api.service import Service
from tokenmgr.api.standings import due, is_fit, is_lasting, single, standing
from tokenmgr.ca.folder import OCSP_AT
from tokenmgr.ca.ocsp import Responder, Single, failure
from tokenmgr.ca.ocsp_request import MAX_REQUEST, CertId, Refused, Request, Status, read_request
from tokenmgr.errors import AuthorityBusy, LibraryError, MediumError, RegistryUnavailable, RequestMalformed
from tokenmgr.serving.requests import TOO_SLOW, Gate, has_type, read
from tokenmgr.sql.answers import MOST, Answer, Mark, StatusChange, Told

log = logging.getLogger(__name__)

REQUEST, RESPONSE = "application/ocsp-request", "application/ocsp-response"
GIVEN_OUT = 300  # seconds for which an HTTP cache may give an answer out unasked
LOOKUPS, THREADS = 256, 8
EVERY = 1.0  # seconds between two looks at the trail
_AWAY = (RegistryUnavailable, LibraryError, MediumError, AuthorityBusy)
_TYPE = (b"content-type", RESPONSE.encode("ascii"))


@dataclass(frozen=True)
class _Found:
    der: bytes
    kept: Kept | None  # where others who ask may be given the same


class Ocsp:
    """An ASGI application of its own, since one with routes takes as long to find it as this does to answer."""

    def __init__(self, service: Service, edge: Edge) -> None:
        self._service, self._edge = service, edge
        self._registry = service.administration
        self._responders = service.responders
        self._kept = KeptAnswers()
        self._gate = Gate(LOOKUPS)
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="ocsp")
        counted = service.metrics.ocsp.labels
        self._from_memory, self._looked_up, self._signed = (counted(how) for how in ("memory", "registry", "signed"))
        self._statuses = {status: counted(status.name.lower()) for status in Status}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        method = scope["method"]
        if method == "POST":
            read_in = await self._posted(scope, receive)
            if isinstance(read_in, Response):
                await read_in(scope, receive, send)
                return
            await _send(send, *await self._answer(read_in, []))
        elif method in ("GET", "HEAD"):
            data = _in_path(scope["path"])
            await _send(send, *await self._answer(data, scope["headers"]))
        else:
            refusal = self._edge.refusal(RequestMalformed(reason="GET or POST"), 405)
            refusal.headers["Allow"] = "GET, HEAD, POST"
            await refusal(scope, receive, send)

    async def _posted(self, scope: Scope, receive: Receive) -> bytes | Response:
        if not has_type(scope["headers"], REQUEST):
            return self._edge.refusal(RequestMalformed(reason=f"Content-Type is {REQUEST}"), 415)
        try:
            data = await read(receive, MAX_REQUEST)
        except RequestMalformed as error:
            return self._edge.refusal(error, 413)
        except TimeoutError:
            return self._edge.refusal(RequestMalformed(reason=TOO_SLOW), 408)
        return Response(status_code=400) if data is None else data

    async def _answer(self, data: bytes, asked: Any) -> tuple[int, Headers, bytes]:
        try:
            request = read_request(data)
            now = self._service.clock()
            if request.nonce is None and len(request.ids) == 1:
                return await self._common(request, asked, now)
            with self._gate:
                return self._uncached((await self._away(request, now)).der)
        except Refused as refused:
            status = refused.status
        except _AWAY as error:
            log.warning("no OCSP answer for now", extra={"error": type(error).__name__})
            status = Status.TRY_LATER
        except Exception:
            log.exception("a bug, in OCSP")
            status = Status.INTERNAL_ERROR
        self._statuses[status].inc()
        return self._uncached(failure(status))

    async def _common(self, request: Request, asked: Any, now: datetime) -> tuple[int, Headers, bytes]:
        cert_id = request.ids[0].der
        lasting = self._kept.get(cert_id, now)
        if lasting is None:
            seen = self._kept.seen
            try:
                with self._gate:
                    found = await self._away(request, now)
            except _AWAY:
                lasting = self._kept.get(cert_id, now, when_due=True)
                if lasting is None:
                    raise
            else:
                if found.kept is None:
                    return self._uncached(found.der)
                self._kept.put(cert_id, found.kept, seen)
                return found.kept.lasting.answer(asked, now)
        self._from_memory.inc()
        return lasting.answer(asked, now)

    async def _away(self, request: Request, now: datetime) -> _Found:
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._look_up, request, now)

    def _uncached(self, der: bytes) -> tuple[int, Headers, bytes]:
        return 200, [_TYPE, (b"content-length", str(len(der)).encode("ascii")), *UNCACHED], der

    # --- in a thread ---

    def _look_up(self, request: Request, now: datetime) -> _Found:
        number, responder = self._responder(request)
        if now >= responder.ends:
            log.error("the OCSP responder's certificate has ended")
            raise AuthorityBusy
        told = [self._told(one, number) for one in request.ids]
        if len(told) == 1 and request.nonce is None and is_lasting(told[0]):
            return self._lasting(request.ids[0], told[0], responder, now)
        singles = [single(cert_id, one, responder, now) for cert_id, one in zip(request.ids, told, strict=True)]
        return _Found(self._sign(responder, singles, request.nonce, now), None)

    def _responder(self, request: Request) -> tuple[int, Responder]:
        """2.3: a request about what is not this CA's, in whatever part, is not answered."""
        for number, responder in self._responders.items():
            if all(map(responder.names, request.ids)):
                return number, responder
        raise Refused(Status.UNAUTHORIZED, "another CA's")

    def _told(self, cert_id: CertId, number: int) -> Told | None:
        found = self._registry.told(cert_id.serial)
        return found if found and found.authority == number else None

    def _lasting(self, cert_id: CertId, told: Told | None, responder: Responder, now: datetime) -> _Found:
        made = told.answer if told else None
        if made and is_fit(made, now) and responder.says(made.der, cert_id, standing(told)):
            self._looked_up.inc()
        else:
            said = single(cert_id, told, responder, now)
            der = self._sign(responder, [said], None, now)
            made = Answer(cert_id.serial, now, said.next_update, responder.serial, der)
        lasting = Lasting(made.der, RESPONSE, made.made_at, made.next_update, GIVEN_OUT)
        return _Found(made.der, Kept(made.serial, lasting, made.made_at, due(made.made_at, made.next_update)))

    def _sign(self, responder: Responder, singles: list[Single], nonce: bytes | None, now: datetime) -> bytes:
        self._signed.inc()
        return responder.answer(singles, nonce, now)

    # --- what changes on any node ---

    async def follow(self, ending: asyncio.Event) -> None:
        """Once a second, until the end. A look that fails is repeated: the answers in memory know how old they are."""
        loop = asyncio.get_running_loop()
        while not ending.is_set():
            asked_at = self._kept.by_both(self._service.clock())
            try:
                told = await loop.run_in_executor(None, self._look_at_trail)
            except RegistryUnavailable as error:
                log.warning("the trail cannot be followed", extra={"error": str(error)})
            except Exception:
                log.exception("a bug, in following the trail")
            else:
                self._apply(told, asked_at)
                if isinstance(told, list) and len(told) >= MOST:
                    continue
            try:
                await asyncio.wait_for(ending.wait(), EVERY)
            except TimeoutError:
                continue

    def follow_once(self) -> None:
        asked_at = self._kept.by_both(self._service.clock())
        self._apply(self._look_at_trail(), asked_at)

    def _look_at_trail(self) -> list[StatusChange] | Mark:
        """Where to begin: at first, and where the trail has gone back."""
        seen = self._kept.seen
        told = None if seen is None else self._registry.changes(seen)
        return self._registry.last_mark() if told is None else told

    def _apply(self, told: list[StatusChange] | Mark, asked_at: Looked) -> None:
        if isinstance(told, tuple):
            self._kept.begin(told, asked_at)
        else:
            self._kept.follow(told, asked_at, is_all=len(told) < MOST)


def _in_path(path: str) -> bytes:
    """Base64 has slashes, and so one segment or several; percent-encoding is undone already. A plus may have become a
    space on its way. Nothing at all for what is no base64: which is a malformed request."""
    text = path.removeprefix(OCSP_AT).lstrip("/").replace(" ", "+")
    if len(text) > MAX_REQUEST * 4 // 3 + 4:
        return b""
    try:
        return b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        return b""


async def _send(send: Send, status: int, headers: Headers, body: bytes) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
