"""What anybody may ask about certificates, by plain HTTP, since whoever asks cannot check TLS yet (RFC 5280, 8).

GET  /ocsp/{base64}   POST /ocsp                  OCSP (RFC 6960)
GET  /ca.crl  /ca-2.crl …  /ca-delta.crl …        revocation lists, complete and what has changed since
GET  /ca.cer  /ca-2.cer …  /root.cer …            the CA's certificates
GET  /healthz                                     the process lives
"""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from tokenmgr.api.http import Edge, as_json
from tokenmgr.api.lists import Lists
from tokenmgr.api.ocsp import Ocsp
from tokenmgr.api.service import Service
from tokenmgr.ca.folder import OCSP_AT


class Status:
    """One for both of a worker's sockets, so that they have one memory."""

    def __init__(self, service: Service) -> None:
        self._edge = Edge(service)
        self.ocsp = Ocsp(service, self._edge)
        self._lists = Lists(service, self._edge)

    def routes(self) -> list[Route]:
        ocsp = (Route(path, self.ocsp, methods=None) for path in (OCSP_AT, f"{OCSP_AT}/{{request:path}}"))
        return [*ocsp, *self._lists.routes()]

    def application(self) -> ASGIApp:
        made = Starlette(
            exception_handlers={HTTPException: self._edge.unrouted},
            routes=[*self.routes(), Route("/healthz", self._edge.route("healthz", healthz), methods=["GET"])],
        )
        made.router.redirect_slashes = False  # OCSP's base64 may end with one
        return _OcspFirst(self.ocsp, made)


async def healthz(_request: Request) -> Response:
    """The process lives, and that is all."""
    return as_json({"healthy": True})


class _OcspFirst:
    """Routing costs as much as an answer from memory."""

    def __init__(self, ocsp: Ocsp, others: ASGIApp) -> None:
        self._ocsp, self._others = ocsp, others

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_ocsp = scope["type"] == "http" and (scope["path"] == OCSP_AT or scope["path"].startswith(f"{OCSP_AT}/"))
        await (self._ocsp if is_ocsp else self._others)(scope, receive, send)
