"""Who may go on with a session, and what may be done by it: nobody else's browser, page, certificate or bank."""

from __future__ import annotations

import asyncio
import dataclasses
import functools
import json
import logging
from datetime import timedelta

import pytest

from tests.api.asgi import Answer, Client, scope_of
from tests.portal.rig import BANK, FORM, LOGIN_PIN, OTHER_BANK, SITE, Rig, Visitor
from tokenmgr.domain.entry import IDLE, LONGEST
from tokenmgr.domain.generation import RevocationReason
from tokenmgr.domain.look import Look
from tokenmgr.log import _Lines
from tokenmgr.portal.app import COOKIE, GUESSES, PAGES, application
from tokenmgr.portal.visit import new_token
from tokenmgr.serving import requests

HOST = SITE.removeprefix("https://")


@pytest.fixture
def visitor(rig: Rig) -> Visitor:
    """Logged in."""
    made = rig.visitor(rig.certificate(rig.enrol("tanaka")))
    assert made.log_in().status_code == 303
    made.get("main")
    return made


def is_in(visitor: Visitor) -> bool:
    return visitor.get("main").status_code == 200


# --- sessions ---


def test_a_token_from_before_the_login_is_nothing_after_it(rig: Rig) -> None:
    visitor = rig.visitor(rig.certificate(rig.enrol("tanaka")))
    planted = new_token()
    visitor.cookies[COOKIE] = planted
    assert not is_in(visitor)
    visitor.log_in()
    assert visitor.token not in (planted, "")
    assert is_in(visitor)
    visitor.cookies[COOKIE] = planted
    assert not is_in(visitor)


def test_each_login_has_a_token_of_its_own_and_ends_the_one_before(rig: Rig, visitor: Visitor) -> None:
    first, mark = visitor.token, visitor.mark
    visitor.log_in()
    assert visitor.token != first
    visitor.cookies[COOKIE], visitor.mark = first, mark
    assert not is_in(visitor)


def test_another_certificate_another_bank_and_none_do_not_go_on_with_it(rig: Rig, visitor: Visitor) -> None:
    elsewhere = rig.certificate(rig.enrol("tanaka", bank=OTHER_BANK))
    for other in (
        rig.visitor(rig.certificate(rig.enrol("suzuki"))),
        rig.visitor(),
        rig.visitor(elsewhere),
        rig.visitor(elsewhere, OTHER_BANK),
        rig.visitor(rig.found(rig.registry.standing(1).last), OTHER_BANK),  # type: ignore[arg-type]
    ):
        other.cookies[COOKIE] = visitor.token
        assert not is_in(other)
    assert is_in(visitor)


def test_the_cookie_is_for_this_site_over_tls_and_for_no_script(rig: Rig) -> None:
    visitor = rig.visitor(rig.certificate(rig.enrol("tanaka")))
    said = visitor.log_in().headers["set-cookie"]
    assert set(said.partition("; ")[2].split("; ")) == {"Path=/", "Secure", "HttpOnly", "SameSite=strict"}
    assert said.startswith("__Host-")
    assert len(visitor.token) >= 43  # 32 bytes


def test_idle_and_long_sessions_end_and_so_do_those_of_a_clock_that_jumps(rig: Rig, visitor: Visitor) -> None:
    rig.now += IDLE
    assert is_in(visitor)
    rig.now += IDLE + timedelta(seconds=1)
    assert not is_in(visitor)
    visitor.log_in()
    began = rig.now
    while rig.now <= began + LONGEST - IDLE:
        rig.now += IDLE
        assert is_in(visitor)
    rig.now = began + LONGEST + timedelta(seconds=1)
    assert not is_in(visitor)
    visitor.log_in()
    rig.now -= timedelta(hours=1)
    assert not is_in(visitor)
    rig.now += timedelta(hours=1)
    assert not is_in(visitor)


def test_logged_out_the_token_is_nothing_any_more(visitor: Visitor) -> None:
    token = visitor.token
    left = visitor.post("logout")
    assert "ログアウトしました" in left.text
    assert "</button>" not in left.text
    assert not visitor.token
    visitor.cookies[COOKIE] = token
    assert not is_in(visitor)


def test_a_certificate_that_is_taken_back_ends_its_session_at_once(rig: Rig, visitor: Visitor) -> None:
    one = rig.registry.standing(1).last
    assert one is not None
    rig.registry.hold(one.serial, rig.now)
    assert "E107" in visitor.get("main").text
    rig.registry.revoke(one.serial, RevocationReason.KEY_COMPROMISE, rig.now)
    assert "E105" in visitor.get("main").text


# --- forms of others ---


@pytest.mark.parametrize(
    "origin",
    [
        "",
        "null",
        "http://ib.example",
        "https://ib.example:444",
        "https://ib.example.evil.example",
        "https://evil.example",
    ],
)
@pytest.mark.parametrize("page", [path for method, path, _ in PAGES if method == "POST"])
def test_a_form_that_was_sent_from_elsewhere_does_nothing(visitor: Visitor, page: str, origin: str) -> None:
    told = visitor.post(page, {"login_pin": LOGIN_PIN}, origin=origin)
    assert (told.status_code, "E113" in told.text) == (403, True)
    assert "set-cookie" not in told.headers
    assert is_in(visitor)


@pytest.mark.parametrize("page", [path for method, path, _ in PAGES if method == "POST"])
def test_a_form_without_its_sessions_mark_does_nothing(rig: Rig, visitor: Visitor, page: str) -> None:
    other = rig.visitor(rig.certificate(rig.enrol("suzuki")))
    other.log_in()
    other.get("main")
    for mark in ("", "0" * 64, other.mark, visitor.mark[:-1], visitor.mark + "0", "ま"):
        fields = {"mark": mark, "login_pin": LOGIN_PIN}
        assert "E113" in visitor.post(page, fields).text
    assert is_in(visitor)


def test_a_form_from_before_the_last_login_is_stale(visitor: Visitor) -> None:
    before = visitor.mark
    visitor.log_in()
    assert "E113" in visitor.post("logout", {"mark": before}).text
    assert is_in(visitor)


# --- what is told, and to whom ---


def every_answer(rig: Rig, visitor: Visitor) -> list[Answer]:
    names = ["", "main", "reminder", "elsewhere", "look.css", "logo.png", "login"]
    found = [visitor.get(name) for name in names] + [rig.visitor().get(), rig.visitor(bank="9999").get()]
    found += [visitor.post("login", {"login_pin": "1"}), visitor.post("logout", origin="null")]
    found += [visitor._asked("PUT", f"/{BANK}/", b"", {}), visitor._asked("GET", "/", b"", {})]
    return [*found, visitor._asked("GET", f"/{BANK}", b"", {}), visitor._asked("GET", "/healthz", b"", {})]


def test_no_page_is_framed_kept_or_scripted_by_others(rig: Rig, visitor: Visitor) -> None:
    for answer in every_answer(rig, visitor):
        said = answer.headers
        policy = said["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert "form-action 'self'" in policy
        assert said["cache-control"] == "no-store"
        assert said["x-content-type-options"] == "nosniff"
        assert said["strict-transport-security"]
        for inline in ("<script>", " style=", " onclick=", "javascript:"):
            assert inline not in answer.text


def test_a_pin_is_in_no_page_no_address_and_no_log(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    visitor = rig.visitor(rig.certificate(rig.enrol("tanaka")))
    wrong = "909090909"
    told = [visitor.log_in(wrong), visitor.log_in(), visitor.post("login", {"login_pin": wrong, "mark": "x"})]
    seen = "".join(answer.text + json.dumps(answer.headers) for answer in told)
    lines = "\n".join(_Lines().format(record) for record in caplog.records)
    for pin in (wrong, LOGIN_PIN):
        assert pin not in seen + lines
    assert visitor.token not in lines


def test_each_request_is_a_line_in_the_log_without_what_it_brought(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "tokenmgr")
    rig.visitor(rig.certificate(rig.enrol("tanaka"))).get("main?secret=1")
    (record,) = [one for one in caplog.records if one.getMessage() == "answered"]
    said = json.loads(_Lines().format(record))
    assert (said["page"], said["bank"], said["status"], said["error"]) == ("main", BANK, 403, "E111")
    assert "secret" not in json.dumps(said)


def test_a_bug_shows_a_number_that_the_log_has_and_nothing_else(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    def broken(_: str) -> Look:
        raise ZeroDivisionError("select * from secrets")

    client = Client(application(dataclasses.replace(rig.portal, look=broken)))
    answer = client.request("GET", f"/{BANK}/", headers={"host": HOST})
    assert (answer.status_code, "E117" in answer.text) == (500, True)
    assert "secrets" not in answer.text
    assert "ZeroDivision" not in answer.text
    (record,) = [one for one in caplog.records if one.exc_info]
    assert record.reference in answer.text  # type: ignore[attr-defined]


def test_a_registry_that_does_not_answer_has_a_page_and_no_details(rig: Rig) -> None:
    with rig.database.engine.connect() as connection:
        connection.exec_driver_sql('ALTER TABLE "bank" RENAME TO "elsewhere"')
        connection.exec_driver_sql('ALTER TABLE "bank_look" RENAME TO "nowhere"')
    answer = rig.visitor().get()
    assert (answer.status_code, answer.headers["retry-after"], "E116" in answer.text) == (503, "5", True)
    assert "table" not in answer.text
    assert rig.visitor().get("look.css").status_code == 200


def test_a_crowd_that_guesses_shuts_no_other_page(rig: Rig) -> None:
    headers = {"host": HOST, "origin": SITE, **FORM}
    clients = [Client(rig.app, peer=rig.certificate(rig.enrol(user)).certificate) for user in ("tanaka", "sato")]

    async def all_at_once() -> list[int]:
        asked = [clients[each % 2].asked for each in range(GUESSES + 4)]
        guesses = [each("POST", f"/{BANK}/login", b"login_pin=1", headers) for each in asked]
        page = Client(rig.app).asked("GET", f"/{BANK}/", b"", headers)
        return [answer.status_code for answer in await asyncio.gather(*guesses, page)]

    statuses = asyncio.run(all_at_once())
    assert statuses == [403] * GUESSES + [503] * 4 + [403]


def test_a_crowd_without_certificates_keeps_nobody_from_logging_in(rig: Rig) -> None:
    headers = {"host": HOST, "origin": SITE, **FORM}
    customer = Client(rig.app, peer=rig.certificate(rig.enrol("tanaka")).certificate)

    async def all_at_once() -> list[int]:
        guesses = [Client(rig.app).asked("POST", f"/{BANK}/login", b"login_pin=1", headers) for _ in range(GUESSES + 4)]
        login = customer.asked("POST", f"/{BANK}/login", f"login_pin={LOGIN_PIN}".encode(), headers)
        return [answer.status_code for answer in await asyncio.gather(*guesses, login)]

    assert asyncio.run(all_at_once())[-1] == 303


# --- what comes is no request of ours ---


@pytest.mark.parametrize(
    "host",
    ["", "ib example", "ib.example/evil", "user@ib.example", "ib.example:x", "イ.example", "[::1", "a" * 300, "<b>"],
)
def test_a_host_that_is_none_is_refused(rig: Rig, host: str) -> None:
    answer = rig.visitor().get(host=host.encode("utf-8").decode("latin-1"))
    assert (answer.status_code, "E118" in answer.text) == (400, True)


def test_where_the_bank_has_said_its_address_no_other_one_will_do(rig: Rig) -> None:
    rig.looks[BANK] = Look(site=f"{SITE}/{BANK}")
    visitor = rig.visitor(rig.certificate(rig.enrol("tanaka")))
    assert visitor.get().status_code == 200
    assert visitor.get(host=f"{HOST.upper()}:443").status_code == 200
    for other in ("evil.example", f"{HOST}:8443", f"{HOST}.evil.example", "127.0.0.1"):
        answer = visitor.get(host=other)
        assert (answer.status_code, "E119" in answer.text) == (421, True)
        assert f'href="{SITE}/{BANK}/"' in answer.text
        told = visitor.post("login", {"login_pin": LOGIN_PIN}, host=other, origin=f"https://{other}")
        assert told.status_code == 421


def test_an_address_without_a_banks_code_has_a_way_on(rig: Rig) -> None:
    """A mail has it so where the bank has said no more of its address."""

    def says(bank: str, site: str) -> None:
        rig.administration.change_look(bank, lambda former: dataclasses.replace(former, site=site))

    visitor = rig.visitor()
    asked = functools.partial(visitor._asked, "GET", "/", b"")
    both = asked({})
    assert (both.status_code, f'href="/{BANK}/"' in both.text, f'href="/{OTHER_BANK}/"' in both.text) == (
        200,
        True,
        True,
    )
    says(BANK, SITE)
    assert (asked({}).status_code, asked({}).headers["location"]) == (303, f"/{BANK}/")
    assert asked({"host": "other.example"}).headers["location"] == f"/{OTHER_BANK}/"  # it has said no other
    rig.looks[BANK] = Look(site=SITE)
    assert f'href="{SITE}/{BANK}/"' in visitor.get(host="other.example").text  # E119
    says(OTHER_BANK, f"{SITE}/{OTHER_BANK}")
    assert asked({}).status_code == 200
    nobodys = asked({"host": "other.example"})
    assert (nobodys.status_code, "E114" in nobodys.text, 'href="/"' in nobodys.text) == (404, True, False)
    assert 'href="/"' in visitor._asked("GET", "/9999/x/y", b"", {}).text
    assert asked({"host": "<b>"}).status_code == 400


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "POST"])
def test_other_methods_are_told_which_there_are(rig: Rig, visitor: Visitor, method: str) -> None:
    answer = visitor._asked(method, f"/{BANK}/main", b"", FORM | {"origin": SITE})
    assert (answer.status_code, "E114" in answer.text) == (405, True)
    assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD"}


def test_a_head_is_as_the_page(visitor: Visitor) -> None:
    assert visitor._asked("HEAD", f"/{BANK}/main", b"", {}).status_code == 200


@pytest.mark.parametrize("page", [path for method, path, _ in PAGES if method == "POST"])
def test_where_a_form_goes_a_reader_is_led_to_the_beginning(rig: Rig, page: str) -> None:
    if any((method, path) == ("GET", page) for method, path, _ in PAGES):
        return
    visitor = rig.visitor()
    assert visitor.get(page).headers["location"] == f"/{BANK}/"
    assert visitor.get(f"{page}?lang=en").headers["location"] == f"/{BANK}/?lang=en"


@pytest.mark.parametrize("lang", ["en", "ja", "", "xx", "<script>", "%00", "en&lang=ja", "e" * 5000, "%ff"])
def test_a_language_that_we_do_not_speak_is_japanese(rig: Rig, lang: str) -> None:
    answer = rig.visitor().get(f"?lang={lang}")
    assert f'<html lang="{"en" if lang == "en" else "ja"}">' in answer.text
    assert "<script>" not in answer.text


@pytest.mark.parametrize("code", ["\\evil.example", "%5Cevil.example", "evil.example", "12345", "１２３４"])
def test_only_a_banks_code_is_led_on(rig: Rig, code: str) -> None:
    answer = rig.visitor()._asked("GET", f"/{code}", b"", {})
    assert (answer.status_code, "location" in answer.headers) == (404, False)
    assert rig.visitor()._asked("GET", f"/{BANK}", b"", {}).headers["location"] == f"/{BANK}/"


def test_a_long_form_is_not_read(visitor: Visitor) -> None:
    answer = visitor.post("login", {"login_pin": "1" * 9000})
    assert (answer.status_code, "E118" in answer.text) == (400, True)


def test_a_form_that_comes_too_slowly_is_not_waited_for(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "SLOWEST_BODY", 0.0)
    said: list[int] = []

    async def receive() -> dict[str, object]:
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: dict[str, object]) -> None:
        said.extend([message["status"]] if "status" in message else [])  # type: ignore[list-item]

    scope = scope_of("POST", f"/{BANK}/login", {"host": HOST, "origin": SITE, **FORM})
    asyncio.run(rig.app(scope, receive, send))  # type: ignore[arg-type]
    assert said == [400]
