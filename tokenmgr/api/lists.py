"""Revocation lists and CA certificates, as anybody fetches them (RFC 5280, 4.2.1.13, 4.2.2.1; RFC 2585, 4)."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tokenmgr.api.caching import Lasting
from tokenmgr.api.http import Edge
from tokenmgr.api.service import Service
from tokenmgr.ca.certificate import read_certificate
from tokenmgr.ca.folder import certificate_at, crl_at, delta_at, root_at
from tokenmgr.errors import AuthorityBusy, RegistryUnavailable
from tokenmgr.serving.requests import Gate

LIST, CERTIFICATE = "application/pkix-crl", "application/pkix-cert"
# Seconds for which an HTTP cache may give them out unasked.
LIST_GIVEN_OUT, DELTA_GIVEN_OUT, CERTIFICATE_GIVEN_OUT = 300, 60, 86_400
LOOKS, THREADS = 64, 2
EVERY = 1.0  # seconds between two looks at whether there is a newer one


@dataclass(frozen=True)
class _Kept:
    number: int
    lasting: Lasting
    looked_at: float


class _Lists:
    """The newest of each, in memory: a hundred thousand entries are four megabytes. Used by several threads."""

    def __init__(self, service: Service) -> None:
        self._service, self._registry = service, service.administration
        self._kept: dict[tuple[int, bool], _Kept] = {}
        self._turn = threading.Lock()

    def newest(self, authority: int, is_delta: bool) -> Lasting:
        """Where the registry cannot be asked, the one that was newest: until it ends. So, too, while somebody asks:
        who answers slowly or not at all keeps one waiting, and no crowd."""
        valid = self._valid(authority, is_delta)
        if not self._turn.acquire(blocking=valid is None) and valid:
            return valid
        try:
            return self._asked_for(authority, is_delta)
        except RegistryUnavailable:
            if valid:
                return valid
            raise
        finally:
            self._turn.release()

    def _valid(self, authority: int, is_delta: bool) -> Lasting | None:
        kept = self._kept.get((authority, is_delta))
        return kept.lasting if kept and self._service.clock() < kept.lasting.until else None

    def _asked_for(self, authority: int, is_delta: bool) -> Lasting:
        kept = self._kept.get((authority, is_delta))
        if kept is None or time.monotonic() - kept.looked_at >= EVERY:
            kept = self._kept[authority, is_delta] = self._looked_up(authority, is_delta, kept)
        return kept.lasting

    def _looked_up(self, authority: int, is_delta: bool, kept: _Kept | None) -> _Kept:
        asked_at = time.monotonic()
        header = (self._registry.delta_crl_header if is_delta else self._registry.crl_header)(authority)
        if kept and header and header.number == kept.number:
            return _Kept(kept.number, kept.lasting, asked_at)
        found = (self._registry.delta_crl if is_delta else self._registry.crl)(authority)
        if found is None:
            raise AuthorityBusy  # the first one is being made
        if is_delta:
            ends = found.issued_at + DELTA_LIFE
            lasting = Lasting(found.delta, LIST, found.issued_at, ends, DELTA_GIVEN_OUT)
        else:
            lasting = Lasting(found.der, LIST, found.issued_at, found.next_update, LIST_GIVEN_OUT)
        return _Kept(found.number, lasting, asked_at)


# Of a delta; where one is with a complete list, the `next_update` of their row is that of the list.
DELTA_LIFE = timedelta(days=1)


class Lists:
    def __init__(self, service: Service, edge: Edge) -> None:
        self._service, self._edge = service, edge
        self._lists = _Lists(service)
        self._gate = Gate(LOOKS)
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="list")

    def routes(self) -> list[Route]:
        """Of each authority that has certificates out, a complete list, a delta and the certificates above."""
        made = []
        for one in self._service.keys.authorities:
            number = one.number
            made += [
                self._route("crl", crl_at(number), self._list_of(number, is_delta=False)),
                self._route("delta", delta_at(number), self._list_of(number, is_delta=True)),
                self._route("issuing", certificate_at(number), _always(_certificate(one.issuing.certificate))),
                self._route("root", root_at(number), _always(_certificate(one.root))),
            ]
        return made

    def _route(self, name: str, path: str, find: Callable[[], Lasting]) -> Route:
        async def answer(request: Request) -> Response:
            with self._gate:
                found = await asyncio.get_running_loop().run_in_executor(self._threads, find)
            return _response(found, request, self._service.clock())

        return Route(path, self._edge.route(name, answer), methods=["GET"])

    def _list_of(self, number: int, is_delta: bool) -> Callable[[], Lasting]:
        return lambda: self._lists.newest(number, is_delta)


def _always(lasting: Lasting) -> Callable[[], Lasting]:
    return lambda: lasting


def _certificate(der: bytes) -> Lasting:
    facts = read_certificate(der)
    return Lasting(der, CERTIFICATE, facts.not_before, facts.not_after, CERTIFICATE_GIVEN_OUT, unchanging=True)


def _response(lasting: Lasting, request: Request, now: datetime) -> Response:
    status, headers, data = lasting.answer(request.scope["headers"], now)
    made = Response(data, status)
    made.raw_headers = headers
    return made
