"""Somebody else's EST client, on the application itself."""

from __future__ import annotations

import base64
import dataclasses
from collections.abc import Sequence
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
from cryptography.x509.name import _ASN1Type
from cryptography.x509.oid import NameOID

from tests.api.asgi import Answer, Client
from tests.api.rig import (
    BANK,
    CONFIRMATION_PIN,
    CONTRACT,
    LOGIN_PIN,
    USER,
    Rig,
    new_key,
)
from tokenmgr.api.app import applications
from tokenmgr.cmp.algorithms import PrivateKey
from tokenmgr.domain.policy import BankPolicy

HOME = f"/.well-known/est/{BANK}"
NOBODY = x509.Name([])
ANYBODY = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "anybody")])
OFFERED = BankPolicy(est=True, validity_days=20, notice_days=(10,))  # whose renewal is open from the first day on


class Est:
    """Somebody else's client."""

    def __init__(self, rig: Rig) -> None:
        rig.administration.change_bank(BANK, lambda bank: dataclasses.replace(bank, policy=OFFERED))
        self.rig = rig

    def client(self, peer: bytes = b"") -> Client:
        return Client(applications(self.rig.service)[1], peer=peer)

    def ask(self, operation: str, peer: bytes = b"", home: str = HOME) -> Answer:
        return self.client(peer).get(f"{home}/{operation}")

    def post(self, operation: str, body: bytes, peer: bytes = b"", home: str = HOME, **headers: str) -> Answer:
        sent = {"Content-Type": "application/pkcs10"} | {name.title(): value for name, value in headers.items()}
        return self.client(peer).post(f"{home}/{operation}", body, sent)

    def enroll(self, body: bytes, proof: str | None = None) -> Answer:
        return self.post("simpleenroll", body, authorization=basic() if proof is None else proof)

    def reenroll(self, body: bytes, peer: bytes, home: str = HOME) -> Answer:
        return self.post("simplereenroll", body, peer, home)

    @property
    def states(self) -> list[str]:
        return sorted(one.value for one in self.rig.states())

    def enrolled(self) -> bytes:
        """A certificate, active."""
        return brought(self.enroll(csr(new_key())))


def basic(name: str = f"{CONTRACT}/{USER}", password: str = f"{LOGIN_PIN}:{CONFIRMATION_PIN}") -> str:
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode("ascii")


def der_of(
    key: Any, subject: x509.Name = NOBODY, extensions: Sequence[x509.ExtensionType] = (), extra: str = ""
) -> bytes:
    made = x509.CertificateSigningRequestBuilder().subject_name(subject)
    for one in extensions:
        made = made.add_extension(one, False)
    if extra:
        made = made.add_attribute(x509.ObjectIdentifier(extra), b"x", _tag=_ASN1Type.UTF8String)
    return made.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


def csr(key: PrivateKey, subject: x509.Name = NOBODY, *extensions: x509.ExtensionType, extra: str = "") -> bytes:
    return base64.b64encode(der_of(key, subject, extensions, extra))


def policies(oid: str) -> x509.CertificatePolicies:
    return x509.CertificatePolicies([x509.PolicyInformation(x509.ObjectIdentifier(oid), None)])


def certificates(answer: Answer) -> list[bytes]:
    assert answer.status_code == 200, (answer.status_code, answer.text)
    assert answer.headers["content-transfer-encoding"] == "base64"
    assert b"\n" not in answer.content
    found = pkcs7.load_der_pkcs7_certificates(base64.b64decode(answer.content, validate=True))
    return [one.public_bytes(Encoding.DER) for one in found]


def brought(answer: Answer) -> bytes:
    (found,) = certificates(answer)
    assert answer.headers["content-type"] == "application/pkcs7-mime; smime-type=certs-only"
    return found


def refused(answer: Answer, status: int, code: str) -> str:
    """R15, as text: English, Japanese, and the code with its facts."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    english, japanese, last = answer.text.splitlines()
    assert english.isascii()
    assert not japanese.isascii()
    assert last.split()[0] == code, last
    return answer.text


def unproven(answer: Answer) -> None:
    assert (answer.status_code, answer.content) == (401, b"")
    assert answer.headers["www-authenticate"].startswith(f'Basic realm="EST {BANK}"')


_begun: dict[int, tuple[bytes, bytes]] = {}


def asked_for(est: Est) -> bytes:
    """One request for all that hypothesis makes of it."""
    if id(est) not in _begun:
        _begun.clear()
        _begun[id(est)] = est.enrolled(), csr(new_key())
    return _begun[id(est)][1]


def peer_of(est: Est) -> bytes:
    asked_for(est)
    return _begun[id(est)][0]
