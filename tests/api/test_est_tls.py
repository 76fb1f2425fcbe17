"""Whose certificate TLS takes of a client, and whose it refuses before a request is read; without a socket."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from starlette.applications import Starlette

from tests.api.rig import authority
from tests.api.test_rollover import rolled_over
from tokenmgr import clock
from tokenmgr.ca.keys import AuthorityKeys
from tokenmgr.domain import arc
from tokenmgr.serving import workers

DAY = timedelta(days=1)


class Pair(NamedTuple):
    """As TLS takes it: in a file."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    def file(self, folder: Path) -> str:
        path = folder / f"{self.certificate.serial_number:x}.pem"
        private = self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        path.write_bytes(self.certificate.public_bytes(Encoding.PEM) + private)
        return str(path)


def made(
    by: Any, issuer: x509.Name | None, ends: datetime, purpose: x509.ObjectIdentifier = ExtendedKeyUsageOID.CLIENT_AUTH
) -> Pair:
    """By any key; by its own where none is named."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "somebody")])
    builder = x509.CertificateBuilder(issuer or name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(ends - 30 * DAY).not_valid_after(ends)
    builder = builder.add_extension(x509.ExtendedKeyUsage([purpose]), False)
    return Pair(builder.sign(by or key, hashes.SHA256()), key)


def of(one: AuthorityKeys, ends: timedelta = DAY, **changes: Any) -> Pair:
    issuer = x509.load_der_x509_certificate(one.issuing.certificate)
    return made(one.issuing.signer, issuer.subject, clock.now() + ends, **changes)


@cache
def server_pair() -> Pair:
    return made(None, None, clock.now() + DAY, ExtendedKeyUsageOID.SERVER_AUTH)


class Meeting:
    """A server as it is configured, and a client, with one handshake after another between them."""

    def __init__(self, folder: Path, client: Pair | None, anchors: tuple[bytes, ...], version: ssl.TLSVersion) -> None:
        ours = server_pair().file(folder)
        config = workers._config(workers.Served(Starlette(), 0, ours, ours, anchors))
        config.load()
        assert config.ssl is not None
        self._ours, self._theirs = config.ssl, ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._theirs.check_hostname, self._theirs.verify_mode = False, ssl.CERT_NONE
        self._theirs.maximum_version = version
        if client is not None:
            self._theirs.load_cert_chain(client.file(folder))
        self._session: ssl.SSLSession | None = None

    def peer(self) -> bytes | None:
        """What the server has of the client, or ssl.SSLError of the server's."""
        to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
        server = self._ours.wrap_bio(to_server, to_client, server_side=True)
        asking = self._theirs.wrap_bio(to_client, to_server, session=self._session)
        for act in (asking.do_handshake, server.do_handshake) * 3:
            _step(act)
        server.do_handshake()
        _step(asking.read)  # TLS 1.3 tells of its session afterwards
        assert asking.session_reused is (self._session is not None)
        self._session = asking.session
        return server.getpeercert(binary_form=True)


def peer_of(folder: Path, client: Pair | None, anchors: tuple[bytes, ...], version: ssl.TLSVersion) -> bytes | None:
    return Meeting(folder, client, anchors, version).peer()


def _step(act: Callable[[], object]) -> None:
    with contextlib.suppress(ssl.SSLWantReadError):
        act()


VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


@pytest.mark.parametrize("version", VERSIONS)
def test_it_is_optional_and_told(tmp_path: Path, version: ssl.TLSVersion) -> None:
    keys = authority()[0]
    client = of(keys.current)
    assert peer_of(tmp_path, None, keys.anchors, version) is None
    assert peer_of(tmp_path, client, keys.anchors, version) == client.certificate.public_bytes(Encoding.DER)
    assert peer_of(tmp_path, client, (), version) is None  # where nobody is asked, as before


@pytest.mark.parametrize("version", VERSIONS)
def test_a_session_that_goes_on_tells_the_same(tmp_path: Path, version: ssl.TLSVersion) -> None:
    keys = authority()[0]
    client = of(keys.current)
    met = Meeting(tmp_path, client, keys.anchors, version)
    assert [met.peer() for _ in range(2)] == [client.certificate.public_bytes(Encoding.DER)] * 2


@pytest.mark.parametrize("version", VERSIONS)
def test_of_every_authority_that_there_was(tmp_path: Path, version: ssl.TLSVersion) -> None:
    keys = rolled_over()[0]
    assert len(keys.authorities) == 2
    for one in keys.authorities:
        client = of(one)
        assert peer_of(tmp_path, client, keys.anchors, version) == client.certificate.public_bytes(Encoding.DER)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("whose", ["expired", "foreign", "foreign of the same name", "a server's", "a rehearsal's"])
def test_nobody_elses_gets_further(tmp_path: Path, version: ssl.TLSVersion, whose: str) -> None:
    (one,) = (keys := authority()[0]).authorities
    stranger, ends = ec.generate_private_key(ec.SECP256R1()), clock.now() + DAY
    name = x509.load_der_x509_certificate(one.issuing.certificate).subject
    client = {
        "expired": lambda: of(one, ends=-DAY),
        "foreign": lambda: made(None, None, ends),
        "foreign of the same name": lambda: made(stranger, name, ends),
        "a rehearsal's": lambda: of(one, purpose=x509.ObjectIdentifier(arc.REHEARSAL)),
        "a server's": lambda: of(one, purpose=ExtendedKeyUsageOID.SERVER_AUTH),
    }[whose]()
    with pytest.raises(ssl.SSLCertVerificationError):
        peer_of(tmp_path, client, keys.anchors, version)
