"""The routes, of each bank under its code. Who asks is looked at first; then a page, or an error as one (R15).

GET  /{bank}/                      the login; POST /{bank}/login, /{bank}/logout
GET  /{bank}/reminder  /{bank}/main    what is to be renewed; the main page
GET  /{bank}/certificate           what the visitor has been given so far
GET  /{bank}/contract/…            for administrators: the IDs of their contract; POST what is done for one of them
GET  /static/{version}/{file}      what pages load; /{bank}/look.css, /{bank}/logo.png are the bank's own
GET  /healthz                      the process lives
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from tokenmgr.domain.entry import Barred
from tokenmgr.domain.look import Look
from tokenmgr.domain.party import Bank
from tokenmgr.errors import (
    AuthorityBusy,
    BankUnknown,
    EntryError,
    FormStale,
    LoginLocked,
    LoginPinWrong,
    PageMissing,
    RegistryUnavailable,
    RequestMalformed,
    SessionOfOlder,
    TokenmgrError,
)
from tokenmgr.pki.facts import certificate_facts
from tokenmgr.portal import certificate, contract, entry, forms, main, pages
from tokenmgr.portal.visit import Answer, Data, Go, Handler, Page, Portal, Visit
from tokenmgr.portal.words import Words, language_of
from tokenmgr.ra.entry import look_at
from tokenmgr.serving.bounds import PEER
from tokenmgr.serving.requests import Gate, body, origin
from tokenmgr.sql.sessions import Session

log = logging.getLogger(__name__)

COOKIE, LANGUAGE = "__Host-session", "language"
THREADS, AT_ONCE = 16, 128
A_DAY = 86_400
_STATUS: tuple[tuple[tuple[type[TokenmgrError], ...], int], ...] = (
    ((PageMissing, BankUnknown), 404),
    ((RequestMalformed,), 400),
    ((LoginPinWrong, LoginLocked, FormStale), 403),
    ((EntryError,), 403),
    ((AuthorityBusy, RegistryUnavailable), 503),
)
PAGES: tuple[tuple[str, str, Handler], ...] = (
    ("GET", "", entry.door),
    ("POST", "login", entry.log_in),
    ("POST", "logout", entry.log_out),
    ("GET", "reminder", main.reminder),
    ("GET", "main", main.main),
    ("GET", "certificate", certificate.certificate),
    ("GET", "contract", contract.members),
    ("GET", "contract/{user}", contract.member),
    ("GET", "contract/{user}/{deed}", contract.asked),
    ("POST", "contract/{user}/{deed}", contract.done),
)


def application(portal: Portal) -> Starlette:
    app = _Application(portal)
    made = Starlette(
        exception_handlers={HTTPException: app.unrouted},
        routes=[
            Route("/healthz", app.healthz, methods=["GET"]),
            Route("/static/{version}/{name}", app.static, methods=["GET"]),
            Route("/{bank}/look.css", app.colours, methods=["GET"]),
            Route("/{bank}/logo.png", app.logo, methods=["GET"]),
            *(Route(f"/{{bank}}/{path}", app.page(handler), methods=[method]) for method, path, handler in PAGES),
        ],
    )
    made.router.redirect_slashes = False  # to an address made of the Host header, which is anybody's word
    return made


class _Application:
    def __init__(self, portal: Portal) -> None:
        self._portal = portal
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="page")
        self._gate = Gate(AT_ONCE)

    def page(self, handler: Handler) -> Callable[[Request], object]:
        async def answered(request: Request) -> Response:
            try:
                data = await body(request, forms.LONGEST, forms.KIND) if request.method == "POST" else b""
                with self._gate:
                    act = lambda: self._answer(request, handler, data)  # noqa: E731
                    return await asyncio.get_running_loop().run_in_executor(self._threads, act)
            except ClientDisconnect:
                return Response(status_code=400)
            except TokenmgrError as error:  # before it was known whose it is
                return self._bare(request, error)

        return answered

    # --- one request ---

    def _answer(self, request: Request, handler: Handler, data: bytes) -> Response:
        visit: Visit | None = None
        try:
            visit = self._visit(request, data)
            token = request.cookies.get(COOKIE, "")
            if request.method == "POST":
                own = token if visit.session else ""
                forms.require_own(visit.form, own, request.headers.get("origin", ""), visit.site)
            return self._response(request, visit, handler(visit))
        except TokenmgrError as error:
            return self._refused(request, visit, error)
        except Exception:
            log.exception("a bug, in %s", request.url.path)
            return self._refused(request, visit, TokenmgrError(), 500)

    def _visit(self, request: Request, data: bytes) -> Visit:
        portal, now = self._portal, self._portal.clock()
        bank = portal.registry.bank(request.path_params["bank"])
        if bank is None:
            raise PageMissing
        peer: bytes | None = request.scope.get(PEER)
        entrant = look_at(portal.registry, _serial(peer), peer, bank, now)
        look = portal.look(bank.code)
        session = self._session(request, bank, _serial(peer), entrant.barred)
        return Visit(
            portal=portal,
            bank=bank,
            look=look,
            words=Words(bank, look, _language(request)),
            now=now,
            site=f"https://{request.headers.get('host', '')}",
            origin=origin(request),
            peer=peer,
            entrant=entrant,
            session=session,
            form=forms.read_form(data),
            query=request.query_params,
            path=request.path_params,
            mark=forms.mark_of(request.cookies[COOKIE]) if session else "",
        )

    def _session(self, request: Request, bank: Bank, serial: int | None, barred: Barred | None) -> Session | None:
        """Of this bank and this very certificate, which is still let in: else it is nobody's."""
        found = self._portal.sessions.get(request.cookies.get(COOKIE, ""), self._portal.clock())
        if found is None or (found.bank, found.serial) != (bank.code, serial):
            return None
        if barred is Barred.SUPERSEDED:
            self._portal.sessions.end(request.cookies[COOKIE])
            raise SessionOfOlder
        return None if barred else found

    # --- its answer ---

    def _response(self, request: Request, visit: Visit, answer: Answer) -> Response:
        if isinstance(answer, Data):
            return JSONResponse(answer.value, headers=pages.HEADERS)
        if isinstance(answer, Go):
            response: Response = RedirectResponse(answer.to, 303, pages.HEADERS)
        else:
            response = self._rendered(request, visit, answer)
        if answer.cookie:
            response.set_cookie(COOKIE, answer.cookie, path="/", secure=True, httponly=True, samesite="strict")
        elif answer.cookie is not None:
            self._portal.sessions.end(request.cookies.get(COOKIE, ""))
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
            "other_language": "en" if visit.words.language == "ja" else "ja",
        }
        return Response(pages.render(page.name, shared | dict(page.values)), page.status, pages.HEADERS, "text/html")

    def _refused(self, request: Request, visit: Visit | None, error: TokenmgrError, status: int = 0) -> Response:
        if visit is None:
            return self._bare(request, error, status)
        shown = TokenmgrError() if isinstance(error, RegistryUnavailable) else error
        said = Page("refused", {"error": error, "said": visit.words.error(shown)}, status or status_of(error))
        return self._rendered(request, visit, said)

    def _bare(self, request: Request, error: TokenmgrError, status: int = 0) -> Response:
        """Of no bank that is known."""
        nobody = Bank("0000", "-")
        words = Words(nobody, Look(), _language(request))
        values = {"t": words, "error": error, "said": words.error(error), "static": f"/static/{pages.version()}"}
        return Response(pages.render("bare", values), status or status_of(error), pages.HEADERS, "text/html")

    # --- the rest ---

    async def static(self, request: Request) -> Response:
        found = pages.static(request.path_params["name"])
        if found is None:
            return self._bare(request, PageMissing())
        kept = {**pages.HEADERS, "Cache-Control": f"public, max-age={A_DAY}, immutable"}
        return Response(found[0], 200, kept, found[1])

    async def colours(self, request: Request) -> Response:
        look = await asyncio.get_running_loop().run_in_executor(self._threads, self._look, request)
        return Response(pages.colours(look.colour), 200, pages.HEADERS, "text/css; charset=utf-8")

    async def logo(self, request: Request) -> Response:
        look = await asyncio.get_running_loop().run_in_executor(self._threads, self._look, request)
        if not look.logo:
            return self._bare(request, PageMissing())
        return Response(look.logo, 200, pages.HEADERS, "image/png")

    def _look(self, request: Request) -> Look:
        return self._portal.look(request.path_params["bank"])

    async def healthz(self, _request: Request) -> Response:
        return JSONResponse({"healthy": True}, headers=pages.HEADERS)

    async def unrouted(self, request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 404
        return self._bare(request, PageMissing(), status)


def status_of(error: TokenmgrError) -> int:
    return next((number for kinds, number in _STATUS if isinstance(error, kinds)), 409)


def _serial(peer: bytes | None) -> int | None:
    return None if peer is None else certificate_facts(peer).serial_number


def _language(request: Request) -> str:
    asked, kept = request.query_params.get("lang", ""), request.cookies.get(LANGUAGE, "")
    return language_of(asked, kept, request.headers.get("accept-language", ""))
