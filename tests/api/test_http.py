"""Item 28 (RFC 9811), R15: whatever comes over HTTP is answered in JSON with a code, or in CMP; never by a 500."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any
from urllib.parse import quote

import pytest
from cryptography import x509
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.api.asgi import Answer, Client, scope_of
from tests.api.rig import BANK, CONFIRMATION_PIN, CONTRACT, LOGIN_PIN, OTHER_BANK, USER, Customer, Rig, granted
from tokenmgr.api import jobs
from tokenmgr.api.app import application
from tokenmgr.cmp import oids
from tokenmgr.cmp.faults import FailInfo
from tokenmgr.cmp.messages import ErrorBody, Info, Kind, certificate_request, parse
from tokenmgr.serving import requests

CMP = {"Content-Type": "application/pkixcmp"}
HOME = f"/.well-known/cmp/p/{BANK}"
CLAIM = f"/banks/{BANK}/acquisitions"
FIELDS = {
    "contract": CONTRACT,
    "user": USER,
    "login_pin": LOGIN_PIN,
    "confirmation_pin": CONFIRMATION_PIN,
    "store": "medium",
}


@pytest.fixture
def client(quick: Rig) -> Client:
    return Client(application(quick.service))


def refused(response: Answer, status: int, code: str) -> dict[str, Any]:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/json"
    said: dict[str, Any] = response.json()["error"]
    assert said["code"] == code
    assert said["ja"]["what"]
    assert said["en"]["next"]
    return said


def test_28_a_whole_life_over_http(quick: Rig, client: Client) -> None:
    begun = client.post(CLAIM, json=FIELDS)
    assert begun.status_code == 201
    said = begun.json()
    assert said["store"] == "medium"
    customer = Customer(quick, USER, ticket=(said["reference"], said["secret"].encode()))
    asked = customer.build(Kind.IR, certificate_request(customer.key, customer.subject))
    for address in (HOME, f"{HOME}/initialization"):
        response = client.post(address, content=asked, headers=CMP)
        assert (response.status_code, response.headers["content-type"]) == (200, "application/pkixcmp")
        assert granted(parse(response.content))
    assert response.headers["cache-control"] == "no-store"


def test_28_cmp_errors_are_200(quick: Rig, client: Client) -> None:
    for data in (b"", b"junk", b"0\0"):
        response = client.post(HOME, content=data, headers=CMP)
        assert (response.status_code, response.headers["content-type"]) == (200, "application/pkixcmp")
        body = parse(response.content).body
        assert isinstance(body, ErrorBody)
        assert body.fail is FailInfo.badDataFormat
    customer = quick.begin()
    data = customer.build(Kind.GENM, Info(oids.CA_CERTS))
    response = client.post(f"{HOME}/keyupdate", content=data, headers=CMP)
    assert (response.status_code, parse(response.content).kind) == (200, Kind.ERROR)


@pytest.mark.parametrize("kind", [None, "", "text/plain", "application/octet-stream", "application/json", "x" * 5000])
def test_28_the_content_type_is_cmps(client: Client, kind: str | None) -> None:
    refused(client.post(HOME, content=b"x", headers={"Content-Type": kind} if kind is not None else {}), 400, "R113")


def test_28_parameters_and_case_of_the_type_are_no_matter(client: Client) -> None:
    response = client.post(HOME, content=b"x", headers={"Content-Type": "Application/PKIXCMP; charset=x"})
    assert response.status_code == 200


def test_a_body_is_bounded(client: Client) -> None:
    assert client.post(HOME, content=bytes(64 * 1024), headers=CMP).status_code == 200
    refused(client.post(HOME, content=bytes(64 * 1024 + 1), headers=CMP), 400, "R113")
    refused(client.post(CLAIM, content=b" " * 2049, headers={"Content-Type": "application/json"}), 400, "R113")


async def _asked(app: Any, pieces: list[bytes], pause: float) -> list[dict[str, Any]]:
    """One request, its body in pieces with pauses between them, on the ASGI application itself."""
    left, said = list(pieces), []

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(pause)
        if not left:
            await asyncio.sleep(3600)
        return {"type": "http.request", "body": left.pop(0), "more_body": True}

    async def send(message: dict[str, Any]) -> None:
        said.append(message)

    scope = scope_of("POST", HOME, CMP)
    await app(scope, receive, send)
    return said


def test_a_slow_body_is_cut(quick: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "SLOWEST_BODY", 0.1)
    started = time.monotonic()
    said = asyncio.run(_asked(application(quick.service), [b"x"] * 1000, 0.02))
    assert time.monotonic() - started < 5
    assert said[0]["status"] == 400
    assert json.loads(said[1]["body"])["error"]["code"] == "R113"


def test_an_endless_body_is_cut(quick: Rig) -> None:
    said = asyncio.run(_asked(application(quick.service), [bytes(10_000)] * 1000, 0))
    assert said[0]["status"] == 400


def test_a_client_that_goes_away_disturbs_nobody(quick: Rig) -> None:
    async def gone(app: Any) -> None:
        async def receive() -> dict[str, Any]:
            return {"type": "http.disconnect"}

        async def send(_: dict[str, Any]) -> None:
            pass

        await app(scope_of("POST", HOME, CMP), receive, send)

    asyncio.run(gone(application(quick.service)))


ROUTES = [
    ("GET", HOME, 405),
    ("HEAD", HOME, 405),
    ("PUT", HOME, 405),
    ("DELETE", f"{HOME}/keyupdate", 405),
    ("GET", CLAIM, 405),
    ("HEAD", CLAIM, 405),
    ("OPTIONS", CLAIM, 405),
    ("POST", f"/banks/{BANK}", 405),
    ("POST", "/ca.crl", 405),
    ("TRACE", "/healthz", 405),
    ("GET", "/", 404),
    ("GET", "/index.html", 404),
    ("GET", "/.well-known/cmp", 404),
    ("POST", "/.well-known/cmp", 404),
    ("POST", "/.well-known/cmp/p/", 404),
    ("POST", f"{HOME}/", 404),
    ("POST", f"{HOME}/keyupdate/more", 404),
    ("GET", f"/banks/{BANK}/", 404),
    ("GET", "//banks/1234", 404),
    ("GET", "/%00", 404),
    ("GET", "/../../etc/passwd", 404),
    ("GET", "/" + "x" * 8000, 404),
]


@pytest.mark.parametrize(("method", "path", "status"), ROUTES, ids=lambda one: str(one)[:40])
def test_what_there_is_not_is_said_in_json(client: Client, method: str, path: str, status: int) -> None:
    response = client.request(method, path)
    assert response.status_code == status
    if method == "HEAD":
        return
    refused(response, status, "R113")
    assert ("allow" in response.headers) is (status == 405)


ODD = [
    "０１２３",
    "12%00",
    "%00",
    "12%FF",
    "%F0%9F%94%91",
    "1'--",
    "....",
    "12 4",
    "%2e%2e",
    "1" * 4000,
    "123\u0661",
    "%ED%A0%80",
]


@pytest.mark.parametrize("code", ODD, ids=range(len(ODD)))
def test_odd_codes_are_unknown_banks(client: Client, code: str) -> None:
    for response in (
        client.get(f"/banks/{code}"),
        client.get(f"/banks/{code}/keys/{'0' * 64}"),
        client.post(f"/banks/{code}/acquisitions", json=FIELDS),
        client.post(f"/.well-known/cmp/p/{code}", content=b"x", headers=CMP),
    ):
        said = refused(response, 404, "R101")
        assert len(str(said["facts"]["bank"])) <= 16


def test_an_odd_operation_is_a_cmp_error(client: Client, quick: Rig) -> None:
    data = quick.begin().build(Kind.GENM, Info(oids.CA_CERTS))
    for operation in ("x" * 3000, "%00", "%FF", "鍵"):
        response = client.post(f"{HOME}/{operation}", content=data, headers=CMP)
        assert (response.status_code, parse(response.content).kind) == (200, Kind.ERROR)


def claimed(client: Client, data: bytes | str) -> Answer:
    sent = data if isinstance(data, bytes) else data.encode()
    return client.post(CLAIM, content=sent, headers={"Content-Type": "application/json"})


def changed(**changes: Any) -> str:
    return json.dumps({**FIELDS, **changes})


NO_TEXTS: list[object] = [1, None, True, 1.5, [], {}, ["x"], "", "x" * 65]
BOMBS: list[bytes | str] = [
    b"",
    b"\xff\xfe",
    b"\x00" * 100,
    b"[" * 2000,
    b'{"a":' * 400,
    b"1" * 2000,
    b"1e999",
    b"-Infinity",
    b"NaN",
    b"null",
    b'"text"',
    b"[]",
    b"{}",
    json.dumps(FIELDS).encode("utf-16"),
    json.dumps(FIELDS)[:-1],
    json.dumps(FIELDS)[:-1] + ', "user": "user02"}',
    json.dumps(FIELDS)[:-1] + ', "store": "pc"}',
    json.dumps({**FIELDS, "more": ""}),
    json.dumps({name: value for name, value in FIELDS.items() if name != "store"}),
    changed(store="cloud"),
    changed(store="MEDIUM"),
    *(changed(**{name: odd}) for name in FIELDS for odd in NO_TEXTS),
    *(changed(**{name: odd}) for name in FIELDS for odd in ("\ud800", "a\0b", "a\nb", "\u202e1", "\udc00\ud800")),
]


@pytest.mark.parametrize("data", BOMBS, ids=range(len(BOMBS)))
def test_odd_claims_are_refused_and_cost_no_try(quick: Rig, client: Client, data: bytes | str) -> None:
    if data == json.dumps(FIELDS).encode("utf-16"):
        assert claimed(client, data).status_code == 201  # RFC 4627 had it so
        return
    refused(claimed(client, data), 400, "R113")
    bank = quick.registry.bank(BANK)
    assert bank
    wrong = client.post(CLAIM, json={**FIELDS, "login_pin": "999999"})
    assert refused(wrong, 403, "R102")["facts"] == {"tries_left": bank.policy.wrong_pins - 1}


def test_claims_that_are_refused(quick: Rig, client: Client) -> None:
    for left in (4, 3, 2, 1, 0):
        response = client.post(CLAIM, json={**FIELDS, "confirmation_pin": "999999"})
        assert refused(response, 403, "R102")["facts"] == {"tries_left": left}
    refused(client.post(CLAIM, json=FIELDS), 403, "R103")
    quick.administration.unlock(quick.subscriber.id)
    quick.change_policy(media_offered=False)
    said = refused(client.post(CLAIM, json=FIELDS), 409, "R104")
    assert said["facts"] == {"reason": "store-forbidden", "way": "other-store", "until": None}
    assert client.post(CLAIM, json={**FIELDS, "store": "pc"}).status_code == 201


ATOMS: st.SearchStrategy[object] = st.none() | st.booleans() | st.floats() | st.text()
NAMES = st.sampled_from(sorted(FIELDS)) | st.text()


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.recursive(ATOMS, lambda inner: st.lists(inner) | st.dictionaries(NAMES, inner), max_leaves=12))
def test_any_json_is_answered(client: Client, value: Any) -> None:
    response = claimed(client, json.dumps(value))
    assert response.status_code in (400, 403)
    assert response.json()["error"]["code"] in ("R102", "R103", "R113")


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.sampled_from([name for name in FIELDS if name != "store"]), st.text(max_size=70)))
def test_any_text_is_answered(client: Client, value: dict[str, str]) -> None:
    response = claimed(client, changed(**{**value, "user": "somebody"}))
    assert response.status_code in (400, 403)


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(alphabet=st.characters(blacklist_categories=["Cs"], blacklist_characters="?#"), max_size=30))
def test_any_path_is_answered(client: Client, path: str) -> None:
    for prefix in ("/banks/", f"/banks/{BANK}/keys/", "/.well-known/cmp/p/", "/"):
        response = client.get(prefix + quote(path))
        assert response.status_code in (200, 400, 404, 405)
        assert response.status_code == 200 or response.json()["error"]["code"]


# --- what is for everybody --------------------------------------------------------------------------------------------


def test_what_a_bank_offers(client: Client) -> None:
    offer = client.get(f"/banks/{OTHER_BANK}").json()
    assert offer["code"] == OTHER_BANK
    assert offer["stores"] == ["medium", "pc"]


def test_the_certificates_and_the_list(quick: Rig, client: Client) -> None:
    issuing, root = quick.service.chain
    for name, wanted in (("ca", issuing), ("root", root)):
        response = client.get(f"/{name}.cer")
        assert (response.content, response.headers["content-type"]) == (wanted, "application/pkix-cert")
    refused(client.get("/other.cer"), 404, "R113")
    refused(client.get("/ca.crl"), 503, "R112")  # none yet
    jobs.round_of(quick.service)
    response = client.get("/ca.crl")
    assert response.headers["content-type"] == "application/pkix-crl"
    assert x509.load_der_x509_crl(response.content).issuer.public_bytes() == quick.service.issuer.subject


def test_for_the_operator(quick: Rig, client: Client) -> None:
    assert client.get("/healthz").json() == {"healthy": True}
    assert client.request("HEAD", "/healthz").status_code == 200
    assert client.get("/readyz").json() == {"ready": True}
    assert client.get("/metrics").status_code == 404
    here = Client(application(quick.service), "127.0.0.1")
    here.post(HOME, content=b"x", headers=CMP)
    assert 'tokenmgr_answers_total{route="cmp",status="200"}' in here.get("/metrics").text
