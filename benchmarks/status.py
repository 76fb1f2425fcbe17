"""What it costs to say that a certificate is revoked: one OCSP answer, and lists, complete and as a delta.

    python -m benchmarks status

The keys are in memory: a token would add its own time to every signature, ours and a peer's.
"""

from __future__ import annotations

import functools
import hashlib
import os
import tracemalloc
from collections.abc import Callable, Iterator
from datetime import timedelta

from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import OCSPNonce, load_der_x509_certificate, ocsp

from benchmarks.bench import Measured, in_turns, ratio, table, timed
from tests.ca.made import CA_KINDS, NOW
from tests.ca.status import DAY, StatusCa, single, status_ca
from tokenmgr.ca import crl
from tokenmgr.ca.ocsp import Good
from tokenmgr.ca.ocsp_request import read_request
from tokenmgr.ca.signing import scheme_of
from tokenmgr.domain.credential import KeyKind
from tokenmgr.domain.generation import RevocationReason

TURNS, ROUNDS = 20, 100
ENTRIES, CHANGES = 100_000, 1_000
LIST_TURNS = 5


def run() -> None:
    _requests()
    _answers()
    _lists()


def _request(ca: StatusCa, nonce: bytes) -> bytes:
    customer, issuing = (load_der_x509_certificate(one) for one in (ca.customers[0], ca.issuing.certificate))
    builder = ocsp.OCSPRequestBuilder().add_certificate(customer, issuing, SHA1())  # noqa: S303
    if nonce:
        builder = builder.add_extension(OCSPNonce(nonce), critical=False)
    return builder.build().public_bytes(Encoding.DER)


def _requests() -> None:
    rows = []
    for name, nonce in (("without a nonce", b""), ("with one of 32", os.urandom(32))):
        data = _request(status_ca(), nonce)
        theirs = functools.partial(_read_by_cryptography, data)
        taken = _taken({"ours": functools.partial(read_request, data), "theirs": theirs})
        rows.append([name, str(taken["ours"]), str(taken["theirs"]), ratio(taken["ours"], taken["theirs"])])
    table("An OCSP request about one certificate, read", ("request", "ours", "cryptography", "ours is"), rows)


def _read_by_cryptography(data: bytes) -> tuple[object, ...]:
    """The same fields."""
    read = ocsp.load_der_ocsp_request(data)
    return read.issuer_name_hash, read.issuer_key_hash, read.serial_number, read.hash_algorithm, list(read.extensions)


def _answers() -> None:
    rows = []
    for kind in CA_KINDS:
        taken = _taken(_answering(kind))
        ours, theirs, signature, checked = (taken[name] for name in ("ours", "theirs", "signature", "checked"))
        against = [ratio(ours, theirs), ratio(ours, signature), ratio(ours, checked)]
        rows.append([kind.value, str(ours), str(theirs), str(signature), *against])
    headings = ("key", "ours", "cryptography's builder", "raw signature", "ours to the builder", "to the signature",
                "to signature and check")  # fmt: skip
    table("An OCSP answer with a nonce: read, written, signed, its signature checked (the builder's is not)",
          headings, rows)  # fmt: skip


def _answering(kind: KeyKind) -> dict[str, Callable[[], object]]:
    ca, nonce = status_ca(kind), os.urandom(32)
    request, responder, signer = _request(ca, nonce), ca.responder, ca.ocsp.signer
    customer, issuing, own = (
        load_der_x509_certificate(one) for one in (ca.customers[0], ca.issuing.certificate, ca.ocsp.certificate)
    )
    digest, said = scheme_of(signer).digest, os.urandom(250)

    def ours() -> bytes:
        read = read_request(request)
        return responder.answer([single(read.ids[0], Good())], read.nonce, NOW)

    def theirs() -> bytes:
        read = ocsp.load_der_ocsp_request(request)
        builder = ocsp.OCSPResponseBuilder().add_response(
            customer, issuing, read.hash_algorithm, ocsp.OCSPCertStatus.GOOD, NOW, NOW + DAY, None, None
        )
        for extension in read.extensions:
            builder = builder.add_extension(extension.value, critical=False)
        builder = builder.responder_id(ocsp.OCSPResponderEncoding.HASH, own).certificates([own])
        return builder.sign(signer, digest).public_bytes(Encoding.DER)

    def signature() -> bytes:
        if isinstance(signer, rsa.RSAPrivateKey):
            return signer.sign(said, padding.PKCS1v15(), digest)
        return signer.sign(said, ec.ECDSA(digest))

    shown = signer.public_key()

    def checked() -> None:
        if isinstance(shown, rsa.RSAPublicKey):
            shown.verify(signature(), said, padding.PKCS1v15(), digest)
        else:
            shown.verify(signature(), said, ec.ECDSA(digest))

    return {"ours": ours, "theirs": theirs, "signature": signature, "checked": checked}


def _taken(contenders: dict[str, Callable[[], object]]) -> dict[str, Measured]:
    return in_turns(TURNS, {name: functools.partial(timed, act, ROUNDS) for name, act in contenders.items()})


def _lists() -> None:
    """SHA-256 of as many octets is what any way of signing them costs at least."""
    makers = {
        f"complete, {ENTRIES}": functools.partial(_complete, ENTRIES),
        f"delta, {CHANGES}": functools.partial(_delta, CHANGES),
    }
    rows = []
    for name, make in makers.items():
        made, peak = _peak(make)
        hashing = functools.partial(hashlib.sha256, made)
        contenders = {"made": functools.partial(timed, make, 1), "hashed": functools.partial(timed, hashing, 1)}
        taken = in_turns(LIST_TURNS, contenders)
        rows.append(
            [name, str(taken["made"]), ratio(taken["made"], taken["hashed"]), f"{len(made):,}",
             f"{len(made) / int(name.split()[-1]):.1f}", f"{peak / len(made):.1f} ×"]
        )  # fmt: skip
    headings = ("list, entries", "made", "to SHA-256 of it", "octets", "each", "peak memory to octets")
    table("A revocation list, P-256", headings, rows)


def _entries(count: int) -> Iterator[crl.Entry]:
    for number in range(count):
        yield (1 << 126) + number * 0x1_0000_0001, NOW + timedelta(seconds=number), RevocationReason.SUPERSEDED


def _complete(count: int) -> bytes:
    return crl.build(status_ca().issuing, _entries(count), 7, NOW, NOW + DAY, "http://ca.example.jp/delta.crl")


def _delta(count: int) -> bytes:
    return crl.build_delta(status_ca().issuing, _entries(count), 7, 6, NOW, NOW + DAY)


def _peak(make: Callable[[], bytes]) -> tuple[bytes, int]:
    tracemalloc.start()
    try:
        return make(), tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
