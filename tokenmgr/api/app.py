"""The routes. Each hands its bytes to a worker thread, because deciding and signing wait for disks and tokens.

POST /.well-known/cmp/p/{bank}[/{operation}]    CMP (RFC 9811)
GET  /banks/{bank}                              what a bank offers
GET  /banks/{bank}/keys/{fingerprint}           what there is of a key, and what is open to its holder
POST /banks/{bank}/acquisitions                 four fields for a one-time reference (R9)
POST /handover/{bank}[/{jti}]                   a ticket of the bank's page is redeemed, and told of (handovers.py)
GET  /handover/{bank}/{jti}                     how far that is, for the page
     /.well-known/est/{bank}/…                  EST (est.py), at its own port alone
GET  /root.cer  /ca.cer  /ca.crl  /ocsp …       as by plain HTTP (status.py)
GET  /healthz  /readyz  /metrics                for the operator; metrics only from this computer
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tokenmgr.api import acquisitions, handovers, publications
from tokenmgr.api.cmp import Front
from tokenmgr.api.est import Est
from tokenmgr.api.http import Edge, as_json
from tokenmgr.api.metrics import CONTENT_TYPE
from tokenmgr.api.service import Service
from tokenmgr.api.status import Status, healthz
from tokenmgr.cmp.messages import MAX_MESSAGE
from tokenmgr.ra import passcodes
from tokenmgr.serving.requests import Gate, body, origin

PKIXCMP = "application/pkixcmp"
THREADS = 16  # more than cores: most of the time they wait, and those that wait share a commit
# At once in one worker, waiting included.
MESSAGES, CLAIMS, LOOKS, HANDOVERS, POLLS = 256, 32, 64, 64, 64
_HERE = {"127.0.0.1", "::1"}
T = TypeVar("T")


def application(service: Service, status: Status | None = None) -> Starlette:
    return applications(service, status)[0]


def applications(service: Service, status: Status | None = None) -> tuple[Starlette, Starlette]:
    """What asks nobody for a certificate in TLS; and EST, at a port of its own that asks everybody for one."""
    app = _Application(service)
    edge = Edge(service)
    cmp, acquire = edge.route("cmp", app.cmp), edge.route("acquire", app.acquire)
    made = Starlette(
        exception_handlers={HTTPException: edge.unrouted},
        routes=[
            Route("/.well-known/cmp/p/{bank}", cmp, methods=["POST"]),
            Route("/.well-known/cmp/p/{bank}/{operation}", cmp, methods=["POST"]),
            Route("/banks/{bank}", edge.route("bank", app.bank), methods=["GET"]),
            Route("/banks/{bank}/keys/{fingerprint}", edge.route("key", app.key), methods=["GET"]),
            Route("/banks/{bank}/acquisitions", acquire, methods=["POST"]),
            Route("/handover/{bank}", edge.route("handover", app.redeem), methods=["POST"]),
            Route("/handover/{bank}/{jti}", edge.route("handover_told", app.tell), methods=["POST"]),
            Route("/handover/{bank}/{jti}", edge.route("handover_seen", app.handover), methods=["GET"]),
            *(status or Status(service)).routes(),
            Route("/healthz", edge.route("healthz", healthz), methods=["GET"]),
            Route("/readyz", edge.route("readyz", app.readyz), methods=["GET"]),
            Route("/metrics", edge.route("metrics", app.metrics), methods=["GET"]),
        ],
    )
    est = Starlette(
        exception_handlers={HTTPException: edge.unrouted},
        routes=Est(service, app.looking, app.proving, app.deciding).routes(),
    )
    for one in (made, est):
        one.router.redirect_slashes = False  # to an address made of the Host header, which is anybody's word
    return made, est


class _Application:
    def __init__(self, service: Service) -> None:
        self._service = service
        self._front = Front(service)
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="answer")
        # Comparing PINs takes as long as a hundred renewals: a crowd that guesses waits here, and nobody behind it.
        self._claims, self._messages, self._looks = Gate(CLAIMS), Gate(MESSAGES), Gate(LOOKS)
        self._handovers, self._polls = Gate(HANDOVERS), Gate(POLLS)
        self._doormen = ThreadPoolExecutor(passcodes.AT_ONCE, thread_name_prefix="claim")

    async def _away(self, gate: Gate, act: Callable[[], T], threads: ThreadPoolExecutor | None = None) -> T:
        with gate:
            return await asyncio.get_running_loop().run_in_executor(threads or self._threads, act)

    async def looking(self, act: Callable[[], T]) -> T:
        return await self._away(self._looks, act)

    async def proving(self, act: Callable[[], T]) -> T:
        return await self._away(self._claims, act, self._doormen)

    async def deciding(self, act: Callable[[], T]) -> T:
        return await self._away(self._messages, act)

    async def cmp(self, request: Request) -> Response:
        data = await body(request, MAX_MESSAGE, PKIXCMP)
        code, operation = request.path_params["bank"], request.path_params.get("operation", "")

        def work() -> bytes:
            return self._front.answer(publications.known_bank(self._service, code), operation, data, origin(request))

        return Response(await self.deciding(work), 200, {"Cache-Control": "no-store"}, PKIXCMP)

    async def acquire(self, request: Request) -> Response:
        data = await body(request, acquisitions.LONGEST, "application/json")
        code, now = request.path_params["bank"], self._service.clock()
        begun = await self.proving(lambda: acquisitions.begin(self._service, code, data, now, origin(request)))
        return as_json(begun, 201)

    async def redeem(self, request: Request) -> Response:
        data = await body(request, handovers.LONGEST, "application/json")
        code, now = request.path_params["bank"], self._service.clock()
        told = await self._away(
            self._handovers, lambda: handovers.redeem(self._service, code, data, now, origin(request))
        )
        return as_json(told, 201)

    async def tell(self, request: Request) -> Response:
        data = await body(request, handovers.LONGEST_TOLD, "application/json")
        which = request.path_params["bank"], request.path_params["jti"]
        said = request.headers.get("authorization", "")
        await self._away(self._handovers, lambda: handovers.tell(self._service, *which, said, data))
        return Response(status_code=204, headers={"Cache-Control": "no-store"})

    async def handover(self, request: Request) -> Response:
        which = request.path_params["bank"], request.path_params["jti"]
        told, whose = await self._away(self._polls, lambda: handovers.look(self._service, *which))
        return as_json(told, 200, {"Access-Control-Allow-Origin": whose})

    async def bank(self, request: Request) -> Response:
        code = request.path_params["bank"]
        return as_json(await self.looking(lambda: publications.bank_offer(self._service, code)))

    async def key(self, request: Request) -> Response:
        which = request.path_params["bank"], request.path_params["fingerprint"]
        return as_json(await self.looking(lambda: publications.key_standing(self._service, *which)))

    async def readyz(self, request: Request) -> Response:
        """The registry answers, and the CA's token signs."""

        def look() -> None:
            self._service.administration.crl_header(self._service.keys.current.number)
            self._service.protector.protect(b"ready?")

        await self.looking(look)
        return as_json({"ready": True})

    async def metrics(self, request: Request) -> Response:
        if request.client is None or request.client.host not in _HERE:
            return Response(status_code=404)
        return Response(await self.looking(self._service.metrics.text), 200, media_type=CONTENT_TYPE)
