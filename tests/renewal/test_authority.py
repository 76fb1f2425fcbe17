"""The way to the CA as it is: proxies, somebody else's servers, answers that are cut, and a CA that is away."""

from __future__ import annotations

import contextlib
import hashlib
import json
import socket
import ssl
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from tests.api.rig import new_key
from tests.interop.running import BANK, CONFIRMATION_PIN, CONTRACT, LOGIN_PIN, OTHER_BANK
from tests.interop.running import Authority as Running
from tests.renewal.serving import relaying, serving, whole_request, with_certificate
from tokenmgr import clock
from tokenmgr.cmp.algorithms import PrivateKey
from tokenmgr.cmp.conversation import Conversation, Identity
from tokenmgr.domain.generation import State
from tokenmgr.domain.standing import UNKNOWN, Open
from tokenmgr.errors import (
    AuthorityAnswerWrong,
    AuthorityUnreachable,
    AuthorityUntrusted,
    BankUnknown,
    ClaimNotAccepted,
    NotPermittedNow,
    RequestMalformed,
)
from tokenmgr.log import Secret
from tokenmgr.pki.facts import certificate_facts
from tokenmgr.renewal.authority import LONGEST, PAUSES, Authority, standing_of


def own(ca: Running) -> ssl.SSLContext:
    """The CA's own certificate."""
    return with_certificate(ca.folder.path / "tls" / "chain.pem", ca.folder.path / "tls" / "key.pem")


def reached(ca: Running, address: str = "", bank: str = BANK, **how: tuple[float, ...]) -> Authority:
    waited: list[float] = []
    made = Authority(address or ca.url, bank, ca.root.read_text(), waited.append, 5.0, {}, **how)
    made.waited = waited  # type: ignore[attr-defined]
    return made


def pins() -> tuple[Secret, Secret]:
    return Secret(LOGIN_PIN), Secret(CONFIRMATION_PIN)


def test_what_a_bank_offers(ca: Running) -> None:
    with reached(ca) as authority:
        offer = authority.offer()
    assert (offer.bank, offer.name, offer.contact) == (BANK, "みほん信用金庫", "03-0000-0000")
    assert offer.stores == ("medium", "pc")
    assert offer.policies["medium"] == ca.folder.about.policy_medium
    assert offer.old_generation == "at login"
    assert abs(offer.now - clock.now()) < timedelta(minutes=5)
    with pytest.raises(BankUnknown):
        reached(ca, bank="9999").offer()


def test_a_claim_and_a_certificate_over_one_connection(ca: Running) -> None:
    who, authority = ca.enrol(), reached(ca)
    ticket = authority.claim(CONTRACT, who.user, *pins(), "medium")
    connection = authority._open
    certificate = acquired(
        ca, authority, Identity.by_ticket(ticket.reference, bytes(ticket.secret.reveal())), new_key()
    )
    assert ca.states(who.user) == [State.ACTIVE]
    assert certificate_facts(certificate).subject
    assert authority._open is connection
    authority.close()


def acquired(ca: Running, authority: Authority, identity: Identity, key: PrivateKey) -> bytes:
    talk = Conversation(identity, b"0\0", (ca.folder.current.certificates["root"].der,))
    sent = talk.ask(key, b"0\0", clock.now())
    reply = talk.read(sent, authority.exchange(sent))
    sent = talk.confirm(reply.certificate, reply.nonce, clock.now())
    talk.read(sent, authority.exchange(sent))
    return reply.certificate


def test_what_it_has_of_a_key(ca: Running) -> None:
    who, key = ca.enrol(), new_key()
    with reached(ca) as authority:
        assert authority.standing(fingerprint(key)) is UNKNOWN
        ticket = authority.claim(CONTRACT, who.user, *pins(), "medium")
        identity = Identity.by_ticket(ticket.reference, bytes(ticket.secret.reveal()))
        facts = certificate_facts(acquired(ca, authority, identity, key))
        found = authority.standing(fingerprint(key))
        with pytest.raises(RequestMalformed):
            authority.standing(fingerprint(key).upper())
    assert (found.state, found.serial_number) == ("active", f"{facts.serial_number:x}")
    assert (found.role, found.contract, found.user, found.store) == ("user", CONTRACT, who.user, "medium")
    assert (found.not_after, found.is_last, found.locked) == (facts.not_after, True, False)
    assert found.renewal == Open(True, facts.not_after)
    assert (found.acquisition.is_open, found.acquisition.reason, found.acquisition.way) == (False, "has-one", "renew")
    with reached(ca, bank=OTHER_BANK) as other:
        assert other.standing(fingerprint(key)) is UNKNOWN


def fingerprint(key: PrivateKey) -> str:
    spki = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(spki).hexdigest()


STANDING: dict[str, Any] = {
    "state": "pending",
    "serial_number": "4a5b",
    "role": "user",
    "contract": "C-1",
    "user": "tanaka",
    "store": "pc",
    "not_after": "2027-04-01T12:00:00+09:00",
    "confirm_by": None,
    "is_last": False,
    "locked": True,
    "renewal": {"open": False, "until": None, "reason": "revoked", "way": "acquire"},
    "acquisition": {"open": True, "until": "2027-04-02T03:00:00+00:00", "reason": "", "way": ""},
}


def test_moments_are_in_utc() -> None:
    found = standing_of(STANDING)
    assert found.not_after == datetime(2027, 4, 1, 3, 0, tzinfo=UTC)
    assert found.not_after.tzinfo is UTC
    assert found.acquisition == Open(True, datetime(2027, 4, 2, 3, 0, tzinfo=UTC))


WRONG = [None, 1, 1.5, [], {}, ["x"], {"open": True}]
DATES = ["", "2027-04-01T03:00:00", "0001-01-01T00:00:00+23:59", "tomorrow"]
ODD = [
    *({**STANDING, name: wrong} for name in STANDING for wrong in WRONG if (name, wrong) != ("confirm_by", None)),
    *({**STANDING, name: wrong} for name in ("not_after", "confirm_by") for wrong in DATES),
    *({**STANDING, "renewal": {**STANDING["renewal"], "until": wrong}} for wrong in DATES),
    *({**STANDING, "renewal": {**STANDING["renewal"], "open": wrong}} for wrong in (1, "true", None)),
    *({key: value for key, value in STANDING.items() if key != name} for name in STANDING),
    {**STANDING, "serial_number": "no number"},
    *WRONG,
    "unknown",
]


@pytest.mark.parametrize("told", ODD, ids=range(len(ODD)))
def test_a_malformed_standing_is_believed_in_nothing(told: object) -> None:
    with pytest.raises(AuthorityAnswerWrong):
        standing_of(told)


ATOMS: st.SearchStrategy[object] = st.none() | st.booleans() | st.integers() | st.text() | st.datetimes().map(str)


@given(st.dictionaries(st.sampled_from(sorted(STANDING)), st.recursive(ATOMS, st.lists, max_leaves=4)))
def test_any_standing_is_read_or_refused(changes: dict[str, object]) -> None:
    with contextlib.suppress(AuthorityAnswerWrong):
        standing_of({**STANDING, **changes})


@pytest.mark.parametrize("said", [b"[" * 100_000, b"{", json.dumps({"code": BANK}).encode()])
def test_a_malformed_offer_is_believed_in_nothing(ca: Running, said: bytes) -> None:
    def say(connection: socket.socket) -> None:
        whole_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(said) + said)

    with (
        serving(say, tls=own(ca)) as port,
        reached(ca, f"https://127.0.0.1:{port}") as authority,
        pytest.raises(AuthorityAnswerWrong),
    ):
        authority.offer()


def test_refusals_are_the_errors_that_they_name(ca: Running) -> None:
    who, authority = ca.enrol(), reached(ca)
    with pytest.raises(ClaimNotAccepted) as wrong:
        authority.claim(CONTRACT, who.user, Secret("999999"), Secret(CONFIRMATION_PIN), "medium")
    assert wrong.value.tries_left == 4
    ca.administration.open_acquisition(who.id, None, clock.now())
    with pytest.raises(NotPermittedNow) as closed:
        authority.claim(CONTRACT, who.user, *pins(), "medium")
    assert closed.value.reason == "not-open"


def test_a_server_that_is_somebody_elses_is_sent_nothing(ca: Running) -> None:
    heard: list[bytes] = []

    def listen(connection: socket.socket) -> None:
        with contextlib.suppress(OSError, ssl.SSLError):
            heard.append(connection.recv(1000))

    with serving(listen, tls=None) as port, pytest.raises(AuthorityUnreachable):
        reached(ca, f"https://127.0.0.1:{port}").offer()
    other = Authority(ca.url, BANK, ca.issuing.read_text(), lambda _: None, 5.0, {})
    with pytest.raises(AuthorityUntrusted):
        other.claim(CONTRACT, "user", *pins(), "medium")
    assert not any(LOGIN_PIN.encode() in one for one in heard)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\ncut",
        b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 500 Oh\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 404 Not here\r\nContent-Length: 4\r\n\r\n<ht>",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\n",
        b"nonsense\r\n\r\n",
    ],
)
def test_what_is_no_answer_is_asked_for_again_with_the_same_bytes(ca: Running, answer: bytes) -> None:
    heard: list[bytes] = []

    def say(connection: socket.socket) -> None:
        heard.append(whole_request(connection))
        connection.sendall(answer)

    with serving(say, tls=own(ca)) as port:
        authority = reached(ca, f"https://127.0.0.1:{port}")
        with pytest.raises(AuthorityUnreachable):
            authority.exchange(b"the message")
    assert len(heard) == len(PAUSES) + 1
    assert {one.partition(b"\r\n\r\n")[2] for one in heard} == {b"the message"}
    assert tuple(authority.waited) == PAUSES  # type: ignore[attr-defined]


def test_a_claim_is_never_sent_twice(ca: Running) -> None:
    """R11: it may have been counted."""
    heard: list[bytes] = []
    with (
        serving(lambda connection: heard.append(whole_request(connection)), tls=own(ca)) as port,
        pytest.raises(AuthorityUnreachable),
    ):
        reached(ca, f"https://127.0.0.1:{port}").claim(CONTRACT, "user", *pins(), "medium")
    assert len(heard) == 1


def test_an_answer_without_an_end_is_not_read_to_the_end(ca: Running) -> None:
    def say(connection: socket.socket) -> None:
        whole_request(connection)
        with contextlib.suppress(OSError):
            connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n" + bytes(4 * LONGEST))

    with serving(say, tls=own(ca)) as port, pytest.raises(AuthorityAnswerWrong):
        reached(ca, f"https://127.0.0.1:{port}").exchange(b"x")


def test_nobody_is_there(ca: Running) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(AuthorityUnreachable) as caught:
        reached(ca, f"https://127.0.0.1:{port}").offer()
    assert "refused" in caught.value.reason


def test_through_a_proxy(ca: Running) -> None:
    """CONNECT, and TLS to the CA itself within it."""
    asked: list[bytes] = []
    with serving(relaying(asked), tls=None) as port:
        proxies = {"https": f"http://127.0.0.1:{port}"}
        authority = Authority(
            ca.url.replace("127.0.0.1", "localhost"), BANK, ca.root.read_text(), lambda _: None, 5.0, proxies
        )
        assert authority.offer().bank == BANK
        authority.close()
    assert asked[0].startswith(f"CONNECT localhost:{ca.port}".encode())
