"""OCSP, lists and CA certificates over HTTP (RFC 6960, A; RFC 5019; RFC 9111), on both databases."""

from __future__ import annotations

import asyncio
import base64
import random
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import OCSPNonce, load_der_x509_certificate, ocsp

from tests.api.asgi import Answer, Client, scope_of
from tests.api.rig import CREATED, PROFILE, Authority, Rig, granted
from tests.api.signer import HookedKey, Troubled
from tests.api.test_http import refused
from tests.ca.made import pkilint
from tests.sql import postgres
from tokenmgr.api import jobs, kept_answers
from tokenmgr.api import ocsp as status_ocsp
from tokenmgr.api.answers_ahead import AnswersAhead
from tokenmgr.api.caching import Lasting
from tokenmgr.api.status import Status
from tokenmgr.ca.about import PURPOSES
from tokenmgr.ca.issuer import Issuer
from tokenmgr.ca.keys import AuthorityKeys, CaKey, CaKeys
from tokenmgr.ca.own import certify
from tokenmgr.domain.generation import RevocationReason, State
from tokenmgr.errors import ConnectionLost, RegistryUnavailable
from tokenmgr.serving import requests

HOUR, SECOND, DAY = timedelta(hours=1), timedelta(seconds=1), timedelta(days=1)
TYPE = {"Content-Type": "application/ocsp-request"}


class World:
    """A rig with a status service, asked as over plain HTTP."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.status = Status(rig.service)
        self.client = Client(self.status.application())
        self.status.ocsp.follow_once()

    def get(self, certificate: bytes, **headers: str) -> Answer:
        said = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.request("GET", path_of(asked(self.rig, certificate)), headers=said)

    def said(self, certificate: bytes, nonce: bytes = b"") -> ocsp.OCSPResponse:
        answer = self.client.post("/ocsp", asked(self.rig, certificate, nonce), TYPE)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/ocsp-response")
        return ocsp.load_der_ocsp_response(answer.content)

    def count(self, outcome: str) -> float:
        return float(self.rig.service.metrics.ocsp.labels(outcome)._value.get())


@pytest.fixture
def world(rig: Rig) -> World:
    return World(rig)


@pytest.fixture
def small(quick: Rig) -> World:
    return World(quick)


def asked(rig: Rig, certificate: bytes, nonce: bytes = b"", algorithm: Any = None) -> bytes:
    issuing = load_der_x509_certificate(rig.service.chain[0])
    builder = ocsp.OCSPRequestBuilder().add_certificate(
        load_der_x509_certificate(certificate),
        issuing,
        algorithm or SHA1(),  # noqa: S303
    )
    if nonce:
        builder = builder.add_extension(OCSPNonce(nonce), critical=False)
    return builder.build().public_bytes(Encoding.DER)


def path_of(request: bytes) -> str:
    return "/ocsp/" + quote(base64.b64encode(request).decode("ascii"), safe="")


def standing(read: ocsp.OCSPResponse) -> str:
    assert read.response_status is ocsp.OCSPResponseStatus.SUCCESSFUL, read.response_status
    (one,) = read.responses
    return one.certificate_status.name + (f" {one.revocation_reason.value}" if one.revocation_reason else "")


def pending_one(rig: Rig, user: str) -> bytes:
    rig.enrol(user)
    return granted(rig.begin(user).request())


def status_of(answer: Answer) -> str:
    assert answer.status_code == 200
    return ocsp.load_der_ocsp_response(answer.content).response_status.name


# --- what is said of each state ---------------------------------------------------------------------------------------


def test_what_is_said_of_each_state(world: World) -> None:
    rig = world.rig
    assert standing(world.said(pending_one(rig, "user09"))) == "REVOKED certificateHold"
    customer = rig.begin()
    active = customer.acquire()
    assert standing(world.said(active)) == "GOOD"
    rig.registry.hold(rig.of(active).serial, rig.now)
    world.status.ocsp.follow_once()
    assert standing(world.said(active)) == "REVOKED certificateHold"
    rig.registry.release(rig.of(active).serial)
    world.status.ocsp.follow_once()
    assert standing(world.said(active)) == "GOOD"
    rig.enrol("user02")
    rig.change_policy(validity_days=40)
    customer = rig.with_certificate("user02", days_left=10)
    world.status.ocsp.follow_once()
    newer = customer.renew().certificate
    assert rig.of(customer.certificate).state in (State.SUPERSEDED, State.REVOKED)
    assert standing(world.said(newer)) == "GOOD"
    rig.registry.revoke(rig.of(newer).serial, RevocationReason.KEY_COMPROMISE, rig.now)
    world.status.ocsp.follow_once()
    assert standing(world.said(newer)) == "REVOKED keyCompromise"


def test_what_is_recorded_only_or_nowhere_is_unknown(url: str) -> None:
    token = Troubled(0)
    rig = Rig(url, hook=token)
    token.left = 9
    rig.begin().request()
    recorded = rig.history()[-1]
    assert recorded.state is State.RECORDED
    world = World(rig)
    for serial in (recorded.serial, 4711):
        name, key = hashes_of(rig)
        request = ocsp.OCSPRequestBuilder().add_certificate_by_hash(name, key, serial, SHA1())  # noqa: S303
        answer = world.client.post("/ocsp", request.build().public_bytes(Encoding.DER), TYPE)
        assert standing(ocsp.load_der_ocsp_response(answer.content)) == "UNKNOWN"
        assert answer.headers["cache-control"] == "no-store"
    rig.close()


def hashes_of(rig: Rig) -> tuple[bytes, bytes]:
    read = ocsp.load_der_ocsp_request(asked(rig, rig.service.keys.cmp.certificate))
    return read.issuer_name_hash, read.issuer_key_hash


def test_another_hash_and_several_at_once(small: World) -> None:
    rig = small.rig
    certificate = rig.with_certificate().certificate
    answer = small.client.post("/ocsp", asked(rig, certificate, algorithm=SHA256()), TYPE)
    assert standing(ocsp.load_der_ocsp_response(answer.content)) == "GOOD"
    assert small.said(certificate, b"n" * 32).extensions.get_extension_for_class(OCSPNonce).value.nonce == b"n" * 32


def test_what_is_not_ours_is_not_answered(small: World) -> None:
    other, key = b"\1" * 20, b"\2" * 20
    made = ocsp.OCSPRequestBuilder().add_certificate_by_hash(other, key, 5, SHA1())  # noqa: S303
    data = made.build().public_bytes(Encoding.DER)
    for answer in (small.client.post("/ocsp", data, TYPE), small.client.get(path_of(data))):
        assert (status_of(answer), answer.headers["cache-control"]) == ("UNAUTHORIZED", "no-store")


# --- how it is asked --------------------------------------------------------------------------------------------------


def test_a_get_has_slashes_pluses_and_equal_signs(small: World) -> None:
    """Encoded or not, and as something on the way may have left it."""
    rig = small.rig
    data = asked(rig, rig.with_certificate().certificate)
    text = base64.b64encode(data).decode("ascii")
    texts = {text, quote(text, safe=""), quote(text), text.rstrip("="), text.replace("+", "%20"), f"/{text}"}
    for one in texts:
        answer = small.client.get(f"/ocsp/{one}")
        assert standing(ocsp.load_der_ocsp_response(answer.content)) == "GOOD", one
    doubled = base64.b64encode(b"\xff\xff\xff\xff\xff\xff").decode("ascii")
    assert doubled == "////////"
    assert status_of(small.client.get(f"/ocsp/{doubled}")) == "MALFORMED_REQUEST"


@pytest.mark.parametrize("path", ["/ocsp", "/ocsp/", "/ocsp/%00", "/ocsp/A", "/ocsp/" + "M" * 9000, "/ocsp/../ca.crl"])
def test_a_get_that_asks_nothing(small: World, path: str) -> None:
    assert status_of(small.client.get(path)) == "MALFORMED_REQUEST"


def test_a_post_is_bounded_and_typed(small: World) -> None:
    refused(small.client.post("/ocsp", b"x" * 4097, TYPE), 413, "R113")
    refused(small.client.post("/ocsp", b"x", {"Content-Type": "text/plain"}), 415, "R113")
    refused(small.client.post("/ocsp", b"x"), 415, "R113")
    assert status_of(small.client.post("/ocsp", b"x" * 4096, TYPE)) == "MALFORMED_REQUEST"
    answer = small.client.request("PUT", "/ocsp", b"x", TYPE)
    refused(answer, 405, "R113")
    assert answer.headers["allow"] == "GET, HEAD, POST"


def test_a_post_that_comes_too_slowly(small: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "SLOWEST_BODY", 0.1)
    said: list[Any] = []

    async def receive() -> Any:
        await asyncio.sleep(0.02)
        return {"type": "http.request", "body": b"x", "more_body": True}

    async def send(message: Any) -> None:
        said.append(message)

    typed = {name.lower(): value for name, value in TYPE.items()}

    async def asked() -> None:
        await small.status.application()(scope_of("POST", "/ocsp", typed), receive, send)

    asyncio.run(asked())
    assert said[0]["status"] == 408


def test_following_goes_on_after_whatever_goes_wrong(small: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug as well: else memory would end after five minutes, and say nothing of it."""
    monkeypatch.setattr(status_ocsp, "EVERY", 0.01)
    rig, kept = small.rig, small.status.ocsp._kept
    certificate = rig.with_certificate().certificate
    small.status.ocsp.follow_once()
    small.get(certificate)
    changes, errors = rig.administration.changes, iter([ZeroDivisionError(), RegistryUnavailable(reason="")])

    def told(since: Any) -> Any:
        for error in errors:
            raise error
        return changes(since)

    async def followed() -> None:
        ending = asyncio.Event()
        running = asyncio.create_task(small.status.ocsp.follow(ending))
        async with asyncio.timeout(20):
            while len(kept):
                assert not running.done()
                await asyncio.sleep(0.01)
        ending.set()
        await running

    monkeypatch.setattr(rig.administration, "changes", told)
    rig.registry.revoke(rig.of(certificate).serial, RevocationReason.SUPERSEDED, rig.now)
    assert len(kept) == 1
    asyncio.run(followed())


def test_the_other_front_answers_too(small: World) -> None:
    from tokenmgr.api.app import application

    client = Client(application(small.rig.service, small.status))
    certificate = small.rig.with_certificate().certificate
    data = asked(small.rig, certificate)
    for answer in (client.get(path_of(data)), client.post("/ocsp", data, TYPE)):
        assert standing(ocsp.load_der_ocsp_response(answer.content)) == "GOOD"


# --- HTTP caching -----------------------------------------------------------------------------------------------------


def test_what_a_cache_may_keep(world: World) -> None:
    certificate = world.rig.with_certificate().certificate
    answer = world.get(certificate)
    read = ocsp.load_der_ocsp_response(answer.content)
    assert answer.headers["cache-control"] == "max-age=300, public, no-transform, must-revalidate"
    (one,) = read.responses
    assert when(answer.headers["last-modified"]) == one.this_update_utc
    assert when(answer.headers["expires"]) == one.next_update_utc
    for known in (
        {"if_none_match": answer.headers["etag"]},
        {"if_none_match": f'"x", W/{answer.headers["etag"]}'},
        {"if_none_match": "*"},
    ):
        again = world.get(certificate, **known)
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == answer.headers["etag"]
    for other in ({"if_none_match": '"x"'}, {"if_modified_since": answer.headers["last-modified"]},
                  {"if_modified_since": "soon"}, {"if_modified_since": "Thu, 01 Jan 99999 00:00:00 GMT"},
                  {"if_none_match": '"x"', "if_modified_since": answer.headers["last-modified"]}):  # fmt: skip
        assert world.get(certificate, **other).content == answer.content
    head = world.client.request("HEAD", path_of(asked(world.rig, certificate)))
    assert head.headers == answer.headers
    nonce = world.client.post("/ocsp", asked(world.rig, certificate, b"n" * 16), TYPE)
    assert nonce.headers["cache-control"] == "no-store"
    pending = pending_one(world.rig, "user02")
    assert world.get(pending).headers["cache-control"] == "no-store"


def test_a_date_tells_no_two_answers_of_one_second_apart(world: World) -> None:
    """Nor lists; a CA certificate does not change."""
    rig, client = world.rig, world.client
    certificate = rig.with_certificate().certificate
    jobs.round_of(rig.service)
    date = {"if_modified_since": world.get(certificate).headers["last-modified"]}
    rig.now += SECOND / 2
    rig.registry.revoke(rig.of(certificate).serial, RevocationReason.KEY_COMPROMISE, rig.now)
    jobs.round_of(rig.service)
    world.status.ocsp.follow_once()
    assert standing(ocsp.load_der_ocsp_response(world.get(certificate, **date).content)) == "REVOKED keyCompromise"
    for path, status in (("/ca.crl", 200), ("/ca-delta.crl", 200), ("/ca.cer", 304), ("/root.cer", 304)):
        there = client.get(path).headers["last-modified"]
        assert client.request("GET", path, headers={"If-Modified-Since": there}).status_code == status
    for date in (
        {"if-modified-since": text}
        for text in ("Thu, 01 Jan 1970 00:00:00 GMT", "soon", "Thu, 01 Jan 99999 00:00:00 GMT")
    ):
        assert client.request("GET", "/ca.cer", headers=date).status_code == 200


def when(text: str) -> datetime:
    from email.utils import parsedate_to_datetime

    return parsedate_to_datetime(text)


def test_no_cache_keeps_an_answer_beyond_its_end(small: World) -> None:
    now = small.rig.now
    made = Lasting(b"x", "a/b", now, now + 100 * SECOND, 300)
    assert dict(made.headers(now))[b"cache-control"].startswith(b"max-age=100,")
    assert dict(made.headers(now + 99.5 * SECOND))[b"cache-control"].startswith(b"max-age=0,")
    assert dict(made.headers(now + DAY))[b"cache-control"].startswith(b"max-age=0,")


def test_an_answer_ends_with_its_responder(quick: Rig) -> None:
    certificate = quick.with_certificate().certificate
    ends = quick.service.responders[1].ends
    quick.now = ends - HOUR
    world = World(quick)
    (one,) = world.said(certificate).responses
    assert one.next_update_utc == ends
    quick.now = ends
    assert world.said(certificate).response_status is ocsp.OCSPResponseStatus.TRY_LATER


# --- answers in memory, made ahead, and signed ------------------------------------------------------------------------


def test_where_an_answer_comes_from(world: World) -> None:
    rig = world.rig
    certificate = rig.with_certificate().certificate
    first = world.get(certificate).content
    assert (world.count("signed"), world.count("memory")) == (1, 0)
    assert world.get(certificate).content == first
    assert (world.count("signed"), world.count("memory")) == (1, 1)
    AnswersAhead(rig.service)(rig.now)
    other = World(rig)
    assert standing(ocsp.load_der_ocsp_response(other.get(certificate).content)) == "GOOD"
    assert (world.count("signed"), world.count("registry")) == (1, 1)


def test_a_change_is_known_to_every_worker_at_its_next_look(world: World) -> None:
    """Also where the answer was made ahead, and where the row of it is still there."""
    rig, other = world.rig, World(world.rig)
    certificate = rig.with_certificate().certificate
    AnswersAhead(rig.service)(rig.now)
    for one in (world, other):
        assert standing(ocsp.load_der_ocsp_response(one.get(certificate).content)) == "GOOD"
    rig.registry.revoke(rig.of(certificate).serial, RevocationReason.KEY_COMPROMISE, rig.now)
    for one in (world, other, World(rig)):
        one.status.ocsp.follow_once()
        assert standing(ocsp.load_der_ocsp_response(one.get(certificate).content)) == "REVOKED keyCompromise"


def test_a_trail_that_goes_back_takes_the_memory_with_it(small: World, tmp_path: Path) -> None:
    """As a failover to a replica that lagged has it, or a restore under running nodes: what was revoked is good again;
    and revoked again, by an entry whose number memory has already seen."""
    rig = small.rig
    certificate = rig.with_certificate().certificate
    serial = rig.of(certificate).serial
    here, aside = (closing(sqlite3.connect(tmp_path / name)) for name in ("registry.db", "before.db"))
    with here as live, aside as before:
        live.backup(before)
        rig.registry.revoke(serial, RevocationReason.KEY_COMPROMISE, rig.now)
        small.status.ocsp.follow_once()
        assert standing(ocsp.load_der_ocsp_response(small.get(certificate).content)) == "REVOKED keyCompromise"
        before.backup(live)
    small.status.ocsp.follow_once()
    assert standing(ocsp.load_der_ocsp_response(small.get(certificate).content)) == "GOOD"
    rig.now += SECOND
    rig.registry.revoke(serial, RevocationReason.SUPERSEDED, rig.now)
    small.status.ocsp.follow_once()
    assert standing(ocsp.load_der_ocsp_response(small.get(certificate).content)) == "REVOKED superseded"


def test_what_was_looked_up_before_a_change_is_not_kept(small: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Looked up, revoked, the change noticed, and only then handed over to memory."""
    rig, told = small.rig, small.rig.administration.told
    certificate = rig.with_certificate().certificate

    def overtaken(serial: int) -> Any:
        found = told(serial)
        monkeypatch.undo()
        rig.registry.revoke(serial, RevocationReason.KEY_COMPROMISE, rig.now)
        small.status.ocsp.follow_once()
        return found

    monkeypatch.setattr(rig.administration, "told", overtaken)
    assert standing(ocsp.load_der_ocsp_response(small.get(certificate).content)) == "GOOD"
    assert standing(ocsp.load_der_ocsp_response(small.get(certificate).content)) == "REVOKED keyCompromise"


def test_answers_are_made_ahead_and_anew(world: World) -> None:
    rig = world.rig
    certificate = rig.with_certificate().certificate
    serial, ahead = rig.of(certificate).serial, AnswersAhead(rig.service)
    pending = pending_one(rig, "user03")

    def made() -> Any:
        ahead(rig.now)
        found = rig.administration.told(serial)
        assert found
        return found.answer

    first = made()
    assert (first.made_at, first.next_update) == (rig.now, rig.now + DAY)
    found = rig.administration.told(rig.of(pending).serial)
    assert found
    assert found.answer is None
    rig.now += 11 * HOUR
    assert made() == first
    rig.now += 2 * HOUR
    second = made()
    assert second.made_at == rig.now
    rig.now -= 30 * DAY  # the clock of another node was ahead
    assert made().made_at == rig.now
    rig.registry.revoke(serial, RevocationReason.SUPERSEDED, rig.now)
    assert standing(ocsp.load_der_ocsp_response(made().der)) == "REVOKED superseded"
    assert rig.administration.tidy_answers(rig.now + DAY) == 0
    assert rig.administration.tidy_answers(rig.now + DAY + SECOND) == 1


def test_answers_of_a_responder_that_has_been_renewed_are_made_anew(rig: Rig) -> None:
    """Though they are young: nobody gives them out any more."""
    certificate = rig.with_certificate().certificate
    AnswersAhead(rig.service)(rig.now)
    renewed = Rig(rig.url, made=with_another_responder(rig))
    renewed.now = rig.now
    AnswersAhead(renewed.service)(renewed.now)
    world = World(renewed)
    assert world.get(certificate).status_code == 200
    assert (world.count("registry"), world.count("signed")) == (1, 0)
    renewed.close()


def with_another_responder(rig: Rig) -> Authority:
    keys = rig.service.keys
    (one,) = keys.authorities
    signers = {name: ec.derive_private_key(at, ec.SECP256R1()) for at, name in enumerate(PURPOSES, start=4711)}
    anew = CaKey("ocsp", keys.ocsp.signer, certify("みほん認証局", 1, PROFILE, dict(signers), CREATED)["ocsp"])
    made = CaKeys(keys.cmp, (AuthorityKeys(1, one.issuing, anew, one.root),))
    return made, Issuer(made, PROFILE)


def test_memory_is_bounded(small: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_answers, "MOST", 2)
    for number in range(3):
        small.rig.enrol(f"user{number}")
    certificates = [small.rig.with_certificate(f"user{number}").certificate for number in range(3)]
    for one in certificates:
        small.get(one)
    assert len(small.status.ocsp._kept) == 2
    small.get(certificates[0])
    assert small.count("memory") == 0
    small.get(certificates[2])
    assert small.count("memory") == 1


# --- when something is away -------------------------------------------------------------------------------------------


def test_without_the_registry_what_is_known_is_said_for_five_minutes() -> None:
    if reason := postgres.missing():
        pytest.skip(reason)
    with postgres.Server.started() as server:
        rig = Rig(server.database())
        world, clock = World(rig), [1000.0]
        world.status.ocsp._kept._monotonic = lambda: clock[0]
        certificate = rig.with_certificate().certificate
        jobs.round_of(rig.service)
        first, crl = world.get(certificate), world.client.get("/ca.crl")
        rig.now += 13 * HOUR  # it is due: there may be a newer one
        world.status.ocsp.follow_once()
        looked_at = rig.now
        server.stop()
        for waited in (0.0, 299.0):
            clock[0], rig.now = 1000.0 + waited, looked_at + waited * SECOND
            assert world.get(certificate).content == first.content
        assert status_of(world.client.post("/ocsp", asked(rig, certificate, b"n" * 8), TYPE)) == "TRY_LATER"
        assert world.client.get("/ca.crl").content == crl.content
        for clock[0], rig.now in (  # the other one has stood still
            (1301.0, looked_at),
            (1000.0, looked_at + 301 * SECOND),
        ):
            assert status_of(world.get(certificate)) == "TRY_LATER"
        rig.close()


def test_without_the_token_what_is_known_is_said(url: str) -> None:
    """From memory; made ahead, by a worker that has nothing in memory; and the lists."""
    rig = Rig(url)
    keys, ahead = rig.service.keys, rig.with_certificate().certificate
    rig.enrol("user02")
    revoked = rig.with_certificate("user02").certificate
    worker = jobs.Jobs(rig.service)
    worker.round(with_everything=True)
    rig.registry.revoke(rig.of(revoked).serial, RevocationReason.KEY_COMPROMISE, rig.now)
    worker.round(with_everything=True)
    world, other = World(rig), World(rig)
    first = world.get(ahead)

    def lost(*_: object) -> None:
        raise ConnectionLost(serial="x")

    away = CaKey("ocsp", HookedKey(keys.ocsp.signer, lost), keys.ocsp.certificate)  # type: ignore[arg-type]
    rig.service.responders[1]._ocsp = away
    assert status_of(world.client.post("/ocsp", asked(rig, ahead, b"n" * 8), TYPE)) == "TRY_LATER"
    assert world.get(ahead).content == first.content
    for certificate, expected in ((ahead, "GOOD"), (revoked, "REVOKED keyCompromise")):
        assert standing(ocsp.load_der_ocsp_response(other.get(certificate).content)) == expected
    for path in ("/ca.crl", "/ca-delta.crl"):
        read = x509.load_der_x509_crl(other.client.get(path).content)
        assert [one.serial_number for one in read] == [rig.of(revoked).serial]
    rig.close()


# --- lists and certificates -------------------------------------------------------------------------------------------


def test_lists_and_certificates(world: World) -> None:
    rig, client = world.rig, world.client
    refused(client.get("/ca.crl"), 503, "R112")
    jobs.round_of(rig.service)
    refused(client.get("/ca-delta.crl"), 503, "R112")  # there is nothing yet that it could be on
    certificate = rig.with_certificate().certificate
    rig.now += SECOND
    rig.registry.revoke(rig.of(certificate).serial, RevocationReason.KEY_COMPROMISE, rig.now)
    jobs.round_of(rig.service)
    other = World(rig).client
    complete, delta = other.get("/ca.crl"), other.get("/ca-delta.crl")
    for answer, longest in ((complete, 300), (delta, 60)):
        assert answer.headers["content-type"] == "application/pkix-crl"
        assert answer.headers["cache-control"] == f"max-age={longest}, public, no-transform, must-revalidate"
        read = x509.load_der_x509_crl(answer.content)
        assert [one.serial_number for one in read] == [rig.of(certificate).serial]
        assert read.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number == 2
    assert other.request("GET", "/ca.crl", headers={"If-None-Match": complete.headers["etag"]}).status_code == 304
    points = x509.load_der_x509_crl(complete.content).extensions.get_extension_for_class(x509.FreshestCRL).value
    assert [name.value for point in points for name in point.full_name or []] == ["http://ca.example/ca-delta.crl"]
    assert other.request("HEAD", "/ca.crl").headers["content-length"] == str(len(complete.content))
    issuing, root = rig.service.chain
    assert (other.get("/ca.cer").content, other.get("/root.cer").content) == (issuing, root)
    assert other.get("/healthz").json() == {"healthy": True}
    refused(other.get("/banks/1234"), 404, "R113")
    refused(other.post("/ca.crl"), 405, "R113")


# --- what others find -------------------------------------------------------------------------------------------------


def test_pkilint_finds_nothing(small: World, tmp_path: Path) -> None:
    rig = small.rig
    good = rig.with_certificate().certificate
    rig.enrol("user02")
    gone = rig.with_certificate("user02").certificate
    jobs.round_of(rig.service)
    rig.registry.revoke(rig.of(gone).serial, RevocationReason.KEY_COMPROMISE, rig.now)
    jobs.round_of(rig.service)
    small.status.ocsp.follow_once()
    pending = pending_one(rig, "user03")
    answers = {
        f"{n}.ocsp": small.client.post("/ocsp", asked(rig, one, nonce), TYPE).content
        for n, (one, nonce) in enumerate(
            [(good, b""), (gone, b""), (pending, b""), (good, b"n" * 32), (gone, b"n" * 8)]
        )
    }
    calls: list[tuple[str | Path, ...]] = []
    for name, data in answers.items():
        (tmp_path / name).write_bytes(data)
        calls.append(("lint_ocsp_response", "lint", "-s", "NOTICE", tmp_path / name))
    for path in ("ca.crl", "ca-delta.crl"):
        (tmp_path / path).write_bytes(small.client.get(f"/{path}").content)
        calls.append(("lint_crl", "lint", "-t", "CRL", "-p", "PKIX", "-s", "NOTICE", tmp_path / path))
    assert pkilint(*calls) == ""


# --- anything at all --------------------------------------------------------------------------------------------------


def test_any_request_is_answered(quick: Rig) -> None:
    """Thousands of mutated ones: an OCSPResponse, or a refusal in JSON; never a 500, nor an error of our own."""
    world = World(quick)
    certificate = quick.with_certificate().certificate
    seeds = [
        asked(quick, certificate),
        asked(quick, certificate, b"n" * 32),
        asked(quick, certificate, algorithm=SHA256()),
    ]
    draw = random.Random(6960)  # noqa: S311  to be drawn again
    for _ in range(1500):
        data = bytearray(draw.choice(seeds))
        for _ in range(draw.randint(1, 4)):
            mutate(draw, data)
        for answer in (world.client.post("/ocsp", bytes(data), TYPE), world.client.get(path_of(bytes(data)))):
            if answer.status_code != 413:
                assert status_of(answer) != "INTERNAL_ERROR", bytes(data).hex()
    for _ in range(1500):
        text = "".join(draw.choice("Mab/+=%.~A2F0\x7f é&") for _ in range(draw.randint(0, 60)))
        assert status_of(world.client.get(f"/ocsp/{quote(text, safe='/%')}")) != "INTERNAL_ERROR", text


def test_any_address_and_condition_is_answered(quick: Rig) -> None:
    """Beside the lists and with odd headers: what there is, that it is known, or a refusal; never a 500."""
    world = World(quick)
    jobs.round_of(quick.service)
    draw = random.Random(5280)  # noqa: S311  to be drawn again
    names = ["ca", "ca-2", "ca-delta", "root", "ocsp", "", "ca-1", "healthz"]
    for _ in range(1000):
        path = f"/{draw.choice(names)}{draw.choice(['', '.crl', '.cer', '/', '.crl/', '%00', '.crl%2F'])}"
        value = "".join(chr(draw.randrange(32, 256)) for _ in range(draw.randint(0, 40)))
        said = {draw.choice(["if-none-match", "if-modified-since", "range", "accept-encoding", "x"]): value}
        answer = world.client.request(draw.choice(["GET", "HEAD", "POST", "OPTIONS"]), path, headers=said)
        assert answer.status_code in (200, 304, 404, 405, 415, 503), (path, said)


def mutate(draw: random.Random, data: bytearray) -> None:
    at = draw.randrange(len(data) or 1)
    changes: list[Callable[[], object]] = [
        lambda: data.__setitem__(slice(at, at + 1), bytes([draw.randrange(256)])),
        lambda: data.__delitem__(slice(at, at + draw.randint(1, 20))),
        lambda: data.__setitem__(slice(at, at), draw.randbytes(draw.randint(1, 20))),
        lambda: data.__setitem__(slice(at, at), data[at : at + 30]),
    ]
    draw.choice(changes)()
