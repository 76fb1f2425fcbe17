"""EST (RFC 7030, 8951) for other people's clients: what it looks like over HTTP. enrolling.py has its rules.

GET  /.well-known/est/{bank}/cacerts            the CA's certificates
GET  /.well-known/est/{bank}/csrattrs           what a request may be of
POST /.well-known/est/{bank}/simpleenroll       a first certificate, by contract, ID and both PINs (HTTP Basic)
POST /.well-known/est/{bank}/simplereenroll     the next one, over TLS with the one before
POST /.well-known/est/{bank}/serverkeygen, fullcmc     refused
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable
from typing import Protocol, TypeVar

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from tokenmgr.api import enrolling
from tokenmgr.api.acquisitions import LONGEST_FIELD, is_text
from tokenmgr.api.http import Edge, public, status_of
from tokenmgr.api.service import Service
from tokenmgr.cmp.messages import MAX_MESSAGE
from tokenmgr.domain.generation import StoreKind
from tokenmgr.errors import (
    AlreadyRevoked,
    CertificateWanted,
    ClaimNotAccepted,
    EnrolmentUnfit,
    EstNotOffered,
    NotPermittedNow,
    NotYours,
    OperationRefused,
    RequestMalformed,
    TokenmgrError,
)
from tokenmgr.log import Secret
from tokenmgr.messages import Texts
from tokenmgr.ra.acquire import Claim
from tokenmgr.ra.issuing import StillWaiting
from tokenmgr.serving.bounds import PEER
from tokenmgr.serving.requests import TOO_SLOW, has_type, origin, read

# RFC 7030, 3.2.2; and for clients that know no label and put what they are told before all of it, as strongSwan's does.
HOMES = ("/.well-known/est/{bank}", "/banks/{bank}/.well-known/est")
CERTIFICATES, ENROLLED, ATTRIBUTES = (
    "application/pkcs7-mime",
    "application/pkcs7-mime; smime-type=certs-only",
    "application/csrattrs",
)
REQUEST = "application/pkcs10"
ASK_AGAIN = 5  # seconds
REFUSED = ("serverkeygen", "fullcmc")
_TEXTS = (Texts("en"), Texts("ja"))
_STATUS: tuple[tuple[type[TokenmgrError], int], ...] = (
    (EnrolmentUnfit, 400),
    (EstNotOffered, 404),
    (OperationRefused, 501),
    *((kind, 403) for kind in (AlreadyRevoked, CertificateWanted, NotPermittedNow, NotYours)),
)

T = TypeVar("T")


class Away(Protocol):
    """To a thread, past the gate of its kind of work."""

    async def __call__(self, act: Callable[[], T]) -> T: ...


class PlainEdge(Edge):
    """4.2.3: an error is plain text, for people. The code and its facts are on the last line, as CMP has them."""

    def refusal(self, error: TokenmgrError, status: int = 0) -> Response:
        self.count(error)
        status = status or next((told for kind, told in _STATUS if isinstance(error, kind)), status_of(error))
        shown = public(error)
        said = [f"{words['what']} {words['next']}" for words in (texts.error(shown) for texts in _TEXTS)]
        facts = json.dumps(shown.facts, default=lambda one: one.isoformat())
        headers = {"Cache-Control": "no-store", **({"Retry-After": "2"} if status == 503 else {})}
        return Response("\n".join((*said, f"{error.code} {facts}\n")), status, headers, "text/plain")


class Est:
    """`looking`, `proving` and `deciding` take work to threads: what anybody may ask, PINs, and renewals."""

    def __init__(self, service: Service, looking: Away, proving: Away, deciding: Away) -> None:
        self._service, self._edge = service, PlainEdge(service)
        self._looking, self._proving, self._deciding = looking, proving, deciding

    def routes(self) -> list[Route]:
        handlers = {
            "cacerts": (self.certificates, "GET"),
            "csrattrs": (self.attributes, "GET"),
            "simpleenroll": (self.enroll, "POST"),
            "simplereenroll": (self.reenroll, "POST"),
            **dict.fromkeys(REFUSED, (self.refused, "POST")),
        }
        return [
            Route(f"{home}/{name}", self._edge.route(f"est-{name}", handler), methods=[method])
            for name, (handler, method) in handlers.items()
            for home in HOMES
        ]

    async def certificates(self, request: Request) -> Response:
        code = _bank(request)
        return _base64(await self._looking(lambda: enrolling.ca_certificates(self._service, code)), CERTIFICATES)

    async def attributes(self, request: Request) -> Response:
        code = _bank(request)
        return _base64(await self._looking(lambda: enrolling.attributes(self._service, code)), ATTRIBUTES)

    async def enroll(self, request: Request) -> Response:
        code, claim = _bank(request), _claim(request.headers.get("authorization", ""))
        if claim is None:
            await self._looking(lambda: enrolling.offered(self._service, code))
            return _unproven(code)
        try:
            return await self._answered(
                request,
                self._proving,
                lambda data: enrolling.enrol(self._service, code, claim, data, origin(request)),
            )
        except ClaimNotAccepted as error:
            self._edge.count(error)
            return _unproven(code)

    async def reenroll(self, request: Request) -> Response:
        code, peer = _bank(request), request.scope.get(PEER)
        return await self._answered(
            request, self._deciding, lambda data: enrolling.reenrol(self._service, code, peer, data, origin(request))
        )

    async def refused(self, request: Request) -> Response:
        code = _bank(request)
        await self._looking(lambda: enrolling.offered(self._service, code))
        raise OperationRefused(operation=request.scope["path"].rpartition("/")[2])

    async def _answered(self, request: Request, away: Away, act: Callable[[bytes], bytes]) -> Response:
        if not has_type(request.scope["headers"], REQUEST):
            return self._edge.refusal(EnrolmentUnfit(reason=f"Content-Type is {REQUEST}"), 415)
        try:
            data = await read(request.receive, MAX_MESSAGE)
        except RequestMalformed as error:
            return self._edge.refusal(EnrolmentUnfit(reason=error.reason), 413)
        except TimeoutError:
            return self._edge.refusal(EnrolmentUnfit(reason=TOO_SLOW), 408)
        if data is None:
            raise ClientDisconnect
        try:
            return _base64(await away(lambda: act(_decoded(data))), ENROLLED)
        except StillWaiting:
            headers = {"Retry-After": str(ASK_AGAIN), "Cache-Control": "no-store"}
            return Response("The CA has recorded the request. Send the same again.\n", 202, headers, "text/plain")


def _bank(request: Request) -> str:
    code: str = request.path_params["bank"]
    return code


def _claim(header: str) -> Claim | None:
    """RFC 7617: CONTRACT/USER as the name, LOGIN-PIN:CONFIRMATION-PIN as the password. A PIN with a colon in it cannot
    be told from two, and is left to the other ways."""
    scheme, _, told = header.partition(" ")
    try:
        name, _, password = binascii.a2b_base64(told.strip(), strict_mode=True).decode("utf-8").partition(":")
    except ValueError:  # binascii.Error and UnicodeDecodeError are
        return None
    fields = (*name.split("/"), *password.split(":"))
    fits = all(1 <= len(one) <= LONGEST_FIELD and is_text(one) for one in fields)
    if scheme.lower() != "basic" or not fits or (name.count("/"), password.count(":")) != (1, 1):
        return None
    contract, user, login, confirmation = fields
    return Claim(contract, user, Secret(login), Secret(confirmation), StoreKind.PC)


def _unproven(code: str) -> Response:
    """3.2.3, and without a body: BouncyCastle's client stops at one. Which of the four is wrong is not told (R9)."""
    headers = {"WWW-Authenticate": f'Basic realm="EST {code}", charset="UTF-8"', "Cache-Control": "no-store"}
    return Response(status_code=401, headers=headers)


def _decoded(body: bytes) -> bytes:
    """RFC 8951, 3.1: base64, whatever Content-Transfer-Encoding says, its lines wrapped anywhere or not at all."""
    try:
        return binascii.a2b_base64(b"".join(body.split()), strict_mode=True)
    except ValueError as error:
        raise EnrolmentUnfit(reason="the body is base64 of DER, without BEGIN and END lines") from error


def _base64(der: bytes, kind: str) -> Response:
    """On one line, as strongSwan's client wants it. RFC 8951 has done away with the header, older clients have not."""
    headers = {"Content-Transfer-Encoding": "base64", "Content-Type": kind, "Cache-Control": "no-store"}
    return Response(base64.b64encode(der), 200, headers)
