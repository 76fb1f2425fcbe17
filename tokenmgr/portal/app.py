"""The routes, of each bank under its code. Who asks is looked at first; then a page, or an error as one (R15).

GET  /{bank}/                      the login; POST /{bank}/login, /{bank}/logout
GET  /{bank}/reminder  /{bank}/notice  /{bank}/main    what is to be renewed; the main page
GET  /{bank}/renew  /{bank}/renewal  /{bank}/renewed    handed over to the customer's program; how far it is; its end
GET  /{bank}/acquire  /{bank}/acquisition               the same for whoever has no certificate
GET  /{bank}/certificate           what the visitor has been given so far
GET  /{bank}/contract/…            for administrators: the IDs of their contract; POST what is done for one of them
GET  /static/{version}/{file}      what pages load; /{bank}/look.css, /{bank}/logo.png are the bank's own
GET  /healthz                      the process lives
"""

from __future__ import annotations

import asyncio
import dataclasses
import functools
import logging
import re
import secrets
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlencode

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from tokenmgr.domain.look import Look, origin_of
from tokenmgr.domain.party import Bank
from tokenmgr.errors import (
    AddressOther,
    AuthorityBusy,
    CertificateSuperseded,
    EntryError,
    FormUnreadable,
    PageFailed,
    PageMissing,
    PagesUnavailable,
    RegistryUnavailable,
    RequestMalformed,
    SessionOfOlder,
    TokenmgrError,
)
from tokenmgr.pki.facts import certificate_facts
from tokenmgr.portal import acquiring, certificate, contract, entry, forms, main, pages, renewing
from tokenmgr.portal.refusals import CLOSING, step, told
from tokenmgr.portal.visit import Answer, Data, Go, Handler, Page, Portal, Visit
from tokenmgr.portal.words import Words, language_of
from tokenmgr.ra import passcodes
from tokenmgr.ra.entry import look_at
from tokenmgr.serving.bounds import PEER
from tokenmgr.serving.requests import Gate, body, origin

log = logging.getLogger(__name__)

COOKIE, LANGUAGE = "__Host-session", "language"
THREADS = 16  # more than cores: most of the time they wait for the registry
AT_ONCE, GUESSES = 128, 32  # in one worker, waiting included
A_DAY = 86_400
_STATUS: tuple[tuple[type[TokenmgrError], int], ...] = (
    (PageMissing, 404),
    (FormUnreadable, 400),
    (AddressOther, 421),  # RFC 9110, 15.5.20
    (PageFailed, 500),
    (PagesUnavailable, 503),
    (EntryError, 403),
)
_HOST = re.compile(r"([a-z0-9.-]{1,253}|\[[0-9a-f:.]{2,45}\])(:[0-9]{1,5})?")
_CODE = re.compile(r"[0-9]{4}")
PAGES: tuple[tuple[str, str, Handler], ...] = (
    ("GET", "", entry.door),
    ("POST", "login", entry.log_in),
    ("POST", "logout", entry.log_out),
    ("GET", "reminder", main.reminder),
    ("POST", "reminder", main.decide),
    ("GET", "notice", main.notice),
    ("GET", "main", main.main),
    ("GET", "certificate", certificate.certificate),
    ("GET", "contract", contract.members),
    ("GET", "contract/{user}", contract.member),
    ("GET", "contract/{user}/{deed}", contract.asked),
    ("POST", "contract/{user}/{deed}", contract.done),
    ("GET", "renew", renewing.renew),
    ("POST", "renew", renewing.begin),
    ("GET", "renewal", renewing.progress),
    ("GET", "renewed", renewing.renewed),
    ("GET", "acquire", acquiring.acquire),
    ("POST", "acquire", acquiring.begin),
    ("GET", "acquisition", acquiring.progress),
)
# Comparing PINs takes as long as a hundred pages: a crowd that guesses waits by itself, and nobody behind it. Whoever
# shows no certificate has no PIN to be compared, and takes nobody's place among those who have.
COMPARING: frozenset[Handler] = frozenset({entry.log_in})
# A renewal ends the session that it was begun in: these are how its page hears of that, and shows what has come of it.
OUTLASTING: frozenset[Handler] = frozenset({renewing.renew, renewing.progress, renewing.renewed})


def application(portal: Portal) -> Starlette:
    app = _Application(portal)
    readable = {path for method, path, _ in PAGES if method == "GET"}
    rows = (*PAGES, *(("GET", path, _to_the_door) for method, path, _ in PAGES if path not in readable))
    made = Starlette(
        exception_handlers={HTTPException: app.unrouted},
        routes=[
            Route("/", app.root, methods=["GET"]),
            Route("/healthz", app.healthz, methods=["GET"]),
            Route("/static/{version}/{name}", app.static, methods=["GET"]),
            Route("/{bank}", app.home, methods=["GET"]),
            Route("/{bank}/look.css", app.colours, methods=["GET"]),
            Route("/{bank}/logo.png", app.logo, methods=["GET"]),
            *(Route(f"/{{bank}}/{path}", app.page(path, handler), methods=[method]) for method, path, handler in rows),
        ],
    )
    made.router.redirect_slashes = False  # to an address made of the Host header, which is anybody's word
    return made


def _to_the_door(visit: Visit) -> Go:
    """Where a form goes there is nothing to read: who comes by Back, or chooses another language there, begins anew."""
    return Go(visit.at(f"?lang={visit.words.language}" if visit.query.get("lang") else ""))


class _Application:
    def __init__(self, portal: Portal) -> None:
        self._portal = portal
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="page")
        self._doormen = ThreadPoolExecutor(passcodes.AT_ONCE, thread_name_prefix="login")
        self._gate, self._guesses = Gate(AT_ONCE), Gate(GUESSES)

    def page(self, name: str, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        """A line in the log for each that was asked for; of a PIN, a cookie or an address nothing is in it."""

        async def answered(request: Request) -> Response:
            started = time.perf_counter()
            response = await self._guarded(request, handler)
            told = {"page": name or "login", "bank": request.path_params["bank"][:8], "status": response.status_code}
            told |= {"ms": round((time.perf_counter() - started) * 1000, 1)}
            log.info("answered", extra=told | {"error": getattr(request.state, "error", "")})
            return response

        return answered

    async def _guarded(self, request: Request, handler: Handler) -> Response:
        is_comparing = request.method == "POST" and handler in COMPARING and PEER in request.scope
        gate, threads = (self._guesses, self._doormen) if is_comparing else (self._gate, self._threads)
        try:
            data = await body(request, forms.LONGEST, forms.KIND) if request.method == "POST" else b""
            with gate:
                act = functools.partial(self._answer, request, handler, data)
                return await asyncio.get_running_loop().run_in_executor(threads, act)
        except ClientDisconnect:
            return Response(status_code=400)
        except TokenmgrError as error:  # before it was known whose it is
            return self._bare(request, error)

    # --- one request ---

    def _answer(self, request: Request, handler: Handler, data: bytes) -> Response:
        visit: Visit | None = None
        try:
            visit = self._visit(request, data)
            if visit.session and visit.entrant.barred:
                visit = dataclasses.replace(visit, session=None)
                self._end(request, visit, handler)
            if request.method == "POST":
                own = request.cookies.get(COOKIE, "") if visit.session else ""
                forms.require_own(visit.form, own, request.headers.get("origin", ""), visit.site)
            return self._response(request, visit, handler(visit))
        except TokenmgrError as error:
            return self._refused(request, visit, error)
        except Exception:
            reference = secrets.token_hex(4)
            log.exception("a bug, in a page", extra={"reference": reference})
            return self._refused(request, visit, PageFailed(reference=reference))

    def _visit(self, request: Request, data: bytes) -> Visit:
        portal, now, peer = self._portal, self._portal.clock(), request.scope.get(PEER)
        serial = None if peer is None else certificate_facts(peer).serial_number
        at = portal.sessions.at_door(request.path_params["bank"], serial, request.cookies.get(COOKIE, ""), now)
        if at is None:
            raise PageMissing
        look = portal.look(at.bank.code)
        return Visit(
            portal=portal,
            bank=at.bank,
            look=look,
            words=Words(at.bank, look, _language(request)),
            now=now,
            site=_site(request, look),
            origin=origin(request),
            peer=peer,
            entrant=look_at(peer, at.found, at.who, at.bank, now),
            session=at.session,
            lock=at.lock,
            form=forms.read_form(data),
            query=request.query_params,
            path=request.path_params,
            mark=forms.mark_of(request.cookies[COOKIE]) if at.session else "",
        )

    def _end(self, request: Request, visit: Visit, handler: Handler) -> None:
        """The certificate was renewed or taken back meanwhile: nobody goes on with it. Whoever has a newer one is told
        so at once."""
        self._portal.sessions.end(request.cookies[COOKIE])
        why = visit.refusal()
        if isinstance(why, CertificateSuperseded) and handler not in OUTLASTING:
            raise SessionOfOlder(serial_number=why.serial_number, until=why.until)

    # --- its answer ---

    def _response(self, request: Request, visit: Visit, answer: Answer) -> Response:
        if isinstance(answer, Data):
            return JSONResponse(answer.value, headers=pages.HEADERS)
        is_ending = answer.cookie == "" and visit.session is not None  # and not another bank's, of the same cookie
        if is_ending:
            self._portal.sessions.end(request.cookies[COOKIE])
            visit = dataclasses.replace(visit, session=None)
        if isinstance(answer, Go):
            response: Response = RedirectResponse(answer.to, 303, pages.HEADERS)
        else:
            response = self._rendered(request, visit, answer)
        if answer.cookie:
            response.set_cookie(COOKIE, answer.cookie, path="/", secure=True, httponly=True, samesite="strict")
        elif is_ending:
            response.delete_cookie(COOKIE, path="/", secure=True, httponly=True, samesite="strict")
        if (chosen := request.query_params.get("lang")) == visit.words.language:
            response.set_cookie(LANGUAGE, chosen, A_DAY * 365, path="/", secure=True, httponly=True, samesite="strict")
        return response

    def _rendered(self, request: Request, visit: Visit, page: Page) -> Response:
        shared = {
            "visit": visit,
            "t": visit.words,
            "bank": visit.bank,
            "look": visit.look,
            "mark": visit.mark if visit.session else "",
            "static": f"/static/{pages.version()}",
            "other_language": (other := "en" if visit.words.language == "ja" else "ja"),
            "in_other_language": f"?{urlencode({**visit.query, 'lang': other})}",
        }
        return Response(pages.render(page.name, shared | dict(page.values)), page.status, pages.HEADERS, "text/html")

    def _refused(self, request: Request, visit: Visit | None, error: TokenmgrError) -> Response:
        if visit is None:
            return self._bare(request, error)
        error = told(error)
        request.state.error = error.code
        is_older = isinstance(error, CertificateSuperseded | SessionOfOlder)
        values = {
            "error": error,
            "said": visit.words.error(error),
            "step": step(error, visit.bank, visit.session is not None),
            "older": visit.entrant.found if is_older else None,
            "is_closing": isinstance(error, CLOSING),
        }
        response = self._rendered(request, visit, Page("refused", values, status_of(error)))
        return _to_come_again(response)

    def _bare(self, request: Request, error: TokenmgrError, status: int = 0) -> Response:
        """Of no bank that is known."""
        error = told(error)
        request.state.error = error.code
        words = Words(Bank("0000", "-"), Look(), _language(request))
        values = {
            "t": words,
            "error": error,
            "said": words.error(error),
            "static": f"/static/{pages.version()}",
            "to": _way_on(request, error),
        }
        response = Response(pages.render("bare", values), status or status_of(error), pages.HEADERS, "text/html")
        return _to_come_again(response)

    # --- the rest ---

    async def static(self, request: Request) -> Response:
        found = pages.static(request.path_params["name"])
        if found is None:
            return self._bare(request, PageMissing())
        kept = {**pages.HEADERS, "Cache-Control": f"public, max-age={A_DAY}, immutable"}
        return Response(found[0], 200, kept, found[1])

    async def colours(self, request: Request) -> Response:
        look = await self._look(request)
        return Response(pages.colours(look.colour), 200, pages.HEADERS, "text/css; charset=utf-8")

    async def logo(self, request: Request) -> Response:
        look = await self._look(request)
        if not look.logo:
            return self._bare(request, PageMissing())
        return Response(look.logo, 200, pages.HEADERS, "image/png")

    async def _look(self, request: Request) -> Look:
        """Where the registry does not answer, the usual one: what is said on the page is to be read all the same."""
        asked = functools.partial(self._portal.look, request.path_params["bank"])
        try:
            with self._gate:
                return await asyncio.get_running_loop().run_in_executor(self._threads, asked)
        except (RegistryUnavailable, AuthorityBusy):
            return Look()

    async def home(self, request: Request) -> Response:
        """As customers type it, without the slash at its end."""
        code = request.path_params["bank"]
        if not _CODE.fullmatch(code):  # what else stands there may be another site's name
            return self._bare(request, PageMissing())
        return RedirectResponse(f"/{code}/", 303, pages.HEADERS)

    async def root(self, request: Request) -> Response:
        """As a mail has it whose bank has named its address without its code: to the bank, or to a choice of them."""
        try:
            with self._gate:
                act = functools.partial(self._at_home, _asked(request))
                found = await asyncio.get_running_loop().run_in_executor(self._threads, act)
        except TokenmgrError as error:
            return self._bare(request, error)
        if not found:
            return self._bare(request, PageMissing())
        if len(found) == 1:
            return RedirectResponse(f"/{found[0].code}/", 303, pages.HEADERS)
        words = Words(Bank("0000", "-"), Look(), _language(request))
        values = {"t": words, "banks": found, "static": f"/static/{pages.version()}"}
        return Response(pages.render("banks", values), 200, pages.HEADERS, "text/html")

    def _at_home(self, site: str) -> list[Bank]:
        """The banks that have said this address; where none has, all that have said no other."""
        banks, said = self._portal.administration.banks(), self._portal.administration.sites()
        own = [one for one in banks if one.code in said and origin_of(said[one.code]) == site]
        return own or [one for one in banks if one.code not in said]

    async def healthz(self, _request: Request) -> Response:
        return JSONResponse({"healthy": True}, headers=pages.HEADERS)

    async def unrouted(self, request: Request, error: Exception) -> Response:
        """No such address (404), or not in this way (405)."""
        status = error.status_code if isinstance(error, HTTPException) else 404
        response = self._bare(request, PageMissing(), status)
        response.headers.update((error.headers if isinstance(error, HTTPException) else None) or {})
        return response


def status_of(error: TokenmgrError) -> int:
    return next((number for kind, number in _STATUS if isinstance(error, kind)), 409)


def _to_come_again(response: Response) -> Response:
    if response.status_code == 503:
        response.headers["Retry-After"] = "5"
    return response


def _site(request: Request, look: Look) -> str:
    """The origin that forms are sent from and hand-overs are asked for by. The Host header is the visitor's own word:
    where the bank has said under which name it is found, no other one will do."""
    site = _asked(request)
    if look.site and origin_of(look.site) != site:  # its pages are under its code, whatever else is at the site
        raise AddressOther(site=f"{origin_of(look.site)}/{request.path_params['bank']}/")
    return site


def _asked(request: Request) -> str:
    host = request.headers.get("host", "").lower().removesuffix(":443")
    if not _HOST.fullmatch(host):
        raise RequestMalformed(reason="Host")
    return f"https://{host}"


def _way_on(request: Request, error: TokenmgrError) -> str:
    if isinstance(error, AddressOther):
        return error.site
    return "/" if isinstance(error, PageMissing) and request.url.path != "/" else ""


def _language(request: Request) -> str:
    asked, kept = request.query_params.get("lang", ""), request.cookies.get(LANGUAGE, "")
    return language_of(asked, kept, request.headers.get("accept-language", ""))
