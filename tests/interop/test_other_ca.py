"""The engine against a CA that is not ours: OpenSSL's mock server, keys and certificates on a simulated medium."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, load_der_public_key

from tests.cmp.parties import Party, authority, name
from tests.interop.mock import REFERENCE, SECRET, Mock, mocked
from tests.renewal.serving import DAY, Maker
from tests.renewal.world import Screen
from tokenmgr import clock
from tokenmgr.cmp.conversation import Identity
from tokenmgr.cmp.protection import MacProtector, Pbm
from tokenmgr.customer.medium_store import MediumStore
from tokenmgr.domain.credential import Credential, KeyKind
from tokenmgr.domain.renewal import Ending, Step
from tokenmgr.errors import AuthorityAnswerWrong, AuthorityRefused, AuthorityWaits, CertificateMismatch
from tokenmgr.log import Secret
from tokenmgr.renewal.engine import Engine
from tokenmgr.renewal.journal import Journal
from tokenmgr.renewal.order import Order
from tokenmgr.renewal.other_ca import OtherAuthority
from tokenmgr.testbed.simulated import PIN
from tokenmgr.token.module import Library

SERIAL = 4242  # the mock takes a certificate for renewed where the new one has its number
SUBJECT = name("One")


@pytest.fixture(scope="module")
def maker(tmp_path_factory: pytest.TempPathFactory) -> Maker:
    return Maker(tmp_path_factory.mktemp("maker"))


@dataclass
class Starting(Screen):
    """Starts the mock when there is a key that it can have a certificate for."""

    start: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)
    parts: Parts | None = None

    def begins(self, step: Step) -> None:
        super().begins(step)
        if step is Step.ISSUED and self.parts:
            self.start.close()
            self.start.enter_context(self.parts.mock.handing_out(self.parts.certificate(), *self.parts.options))


@dataclass
class Parts:
    mock: Mock
    maker: Maker
    store: MediumStore
    folder: Path
    options: tuple[str, ...] = ()
    signer: Party = field(default_factory=authority)
    subject: x509.Name = SUBJECT
    opened: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        self.screen = Starting(parts=self)

    @property
    def newest(self) -> Credential:
        return next(one for one in self.store.credentials() if one.certificate is None)

    def certificate(self) -> x509.Certificate:
        return self.made(self.newest, days=365)

    def made(self, one: Credential, days: int) -> x509.Certificate:
        """Of the CA, for a key that is on the medium."""
        key = load_der_public_key(one.key.public_key or b"")
        now = clock.now()
        return (
            x509.CertificateBuilder(name("CA"), self.subject, key, SERIAL, now - DAY, now + timedelta(days=days))  # type: ignore[arg-type]
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), False)  # type: ignore[arg-type]
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.signer.key.public_key()), False)
            .sign(self.signer.key, hashes.SHA256())
        )

    def certified(self, kind: KeyKind = KeyKind.P256) -> Credential:
        """What there was before: a certificate that ends soon."""
        key = self.store.generate(kind, b"\x01", "old")
        made = self.made(self.newest, days=5)
        self.store.write(made.public_bytes(Encoding.DER), key.key_id, "old", [self.mock.ca.der])
        return self.store.credentials()[0]

    def engine(self, kind: KeyKind, old: Credential | None, journal: Journal) -> Engine:
        self.opened.close()  # the mock has one connection at a time
        reached = OtherAuthority(self.mock.url, self.maker.root, clock.now, lambda _: None, 20.0, {})
        self.opened.enter_context(reached)
        identity = by_mac() if old is None else self.signed(old)
        parts = self.store, reached, journal, self.screen, clock.now
        return Engine(Order(kind, old), identity, (self.mock.ca.der,), *parts)

    def signed(self, old: Credential) -> Identity:
        assert old.certificate is not None
        return Identity.by_certificate(self.store.signer(old.key), old.certificate.der)

    def run(self, kind: KeyKind, old: Credential | None, *options: str) -> Ending:
        self.options = options
        number = f"{next(self._numbers)}"
        with Journal.create(self.folder, number, {}, clock.now()) as journal:
            return self.engine(kind, old, journal).run()

    def go_on(self, kind: KeyKind, old: Credential | None, *options: str) -> Ending:
        self.options = options
        with Journal.open(self.folder / "0.jsonl") as journal:
            return self.engine(kind, old, journal).run()


def by_mac() -> Identity:
    """With the MAC that OpenSSL 3.0 knows; ours is PBMAC1."""
    ticket = Identity.by_ticket(REFERENCE, SECRET)
    protector = MacProtector(REFERENCE.encode(), SECRET, Pbm(bytes(range(16)), 500))
    return Identity(ticket.name, protector, ticket.sender, (), SECRET)


@pytest.fixture
def parts(tmp_path: Path, library: Library, maker: Maker) -> Iterator[Parts]:
    (medium,) = library.media()
    with (
        contextlib.closing(MediumStore(library, medium.serial, Secret(PIN))) as store,
        mocked(tmp_path / "mock", authority(), maker) as mock,
    ):
        made = Parts(mock, maker, store, tmp_path / "journal")
        with made.screen.start, made.opened:
            yield made


WITH_SECRET = ("-srv_ref", REFERENCE, "-srv_secret", f"pass:{SECRET.decode()}")
KINDS = [KeyKind.P256, KeyKind.RSA_2048]


@pytest.mark.parametrize("kind", KINDS)
def test_a_renewal(parts: Parts, kind: KeyKind) -> None:
    """kur, signed by the old key; certConf and pkiConf after it."""
    old = parts.certified(kind)
    assert parts.run(kind, old) is Ending.DONE
    assert held(parts) == [True, True]


@pytest.mark.parametrize("options", [(), ("-grant_implicitconf",)])
def test_a_first_certificate(parts: Parts, options: tuple[str, ...]) -> None:
    """ir under a MAC. An implicit confirmation, which we do not ask for, is not granted either."""
    assert parts.run(KeyKind.P256, None, *WITH_SECRET, *options) is Ending.DONE
    assert held(parts) == [True]


def test_it_asks_again_as_often_as_it_is_told(parts: Parts) -> None:
    old = parts.certified()
    assert parts.run(KeyKind.P256, old, "-poll_count", "3", "-check_after", "7") is Ending.DONE
    assert [one for one in parts.screen.told if one.startswith("waits")] == ["waits 1", "waits 7", "waits 7"]
    assert held(parts) == [True, True]


def test_what_takes_longer_than_anybody_waits_is_for_another_day(parts: Parts) -> None:
    old = parts.certified()
    with pytest.raises(AuthorityWaits) as waits:
        parts.run(KeyKind.P256, old, "-poll_count", "2", "-check_after", "86400")
    assert waits.value.seconds == 86400
    assert held(parts) == [True, False]
    assert parts.go_on(KeyKind.P256, old) is Ending.DONE
    assert held(parts) == [True, True]


@pytest.mark.parametrize(
    ("fail", "text", "options"),
    [
        ("badCertTemplate", "not this key", ("-pkistatus", "2", "-failurebits", "524288")),
        ("badTime", "not this key", ("-pkistatus", "2", "-failurebits", "8")),
        ("badRequest", "error processing message", ("-send_error",)),
    ],
    ids=["in-its-answer", "for-ever-too-late", "as-an-error"],
)
def test_a_refusal_is_told_and_nothing_is_left_of_it(
    parts: Parts, fail: str, text: str, options: tuple[str, ...]
) -> None:
    old = parts.certified()
    with pytest.raises(AuthorityRefused) as refused:
        parts.run(KeyKind.P256, old, *options, "-statusstring", "not this key")
    assert (refused.value.fail, text in refused.value.text) == (fail, True)
    assert held(parts) == [True]
    assert parts.run(KeyKind.P256, old) is Ending.DONE
    assert held(parts) == [True, True]


def test_a_refusal_that_nobody_signed_is_not_believed(parts: Parts) -> None:
    old = parts.certified()
    with pytest.raises(AuthorityAnswerWrong):
        parts.run(KeyKind.P256, old, "-send_unprot_err", "-pkistatus", "2", "-failure", "19")
    assert parts.go_on(KeyKind.P256, old) is Ending.DONE


def test_a_mac_that_it_does_not_know_is_a_clear_error(parts: Parts) -> None:
    """PBMAC1 (RFC 9481) came to OpenSSL later."""
    parts.options = WITH_SECRET
    with Journal.create(parts.folder, "0", {}, clock.now()) as journal:
        engine = parts.engine(KeyKind.P256, None, journal)
        engine._ask_as(Identity.by_ticket(REFERENCE, SECRET))
        with pytest.raises((AuthorityAnswerWrong, AuthorityRefused)):
            engine.run()
    assert held(parts) == []


def test_a_certificate_of_somebody_else_is_refused_and_the_key_goes(parts: Parts) -> None:
    old = parts.certified()
    parts.subject = name("Another")
    with pytest.raises(CertificateMismatch) as refused:
        parts.run(KeyKind.P256, old)
    assert refused.value.findings == ("another-holder",)
    assert [one.key for one in parts.store.credentials()] == [old.key]


def held(parts: Parts) -> list[bool]:
    """Of each key on the medium, whether it has its certificate, and signs."""
    found = parts.store.credentials()
    for one in found:
        if one.certificate is not None:
            parts.store.verify_afresh(one.certificate.der, one.key.key_id)
    return [one.certificate is not None for one in found]
