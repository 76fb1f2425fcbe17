"""A key and its certificate as PKCS#12, for a browser. From then on there is a copy that nothing here knows of."""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import PrivateFormat, pkcs12
from cryptography.hazmat.primitives.serialization.pkcs12 import PBES

from tokenmgr.domain.credential import CertificateFacts, Credential
from tokenmgr.domain.holding import mark_of
from tokenmgr.errors import ExportUnclear, FileNotWritten, PassphraseUnfit
from tokenmgr.keystore.file import SHORTEST, FileStore
from tokenmgr.log import Secret
from tokenmgr.pki import der
from tokenmgr.pki.chain import chain_of

ROUNDS = 100_000  # three times for a reader; .NET refuses 300,001 of one kind, and a million in all
_SHA256 = der.oid("2.16.840.1.101.3.4.2.1")


def chosen(store: FileStore, serial_number: str = "") -> Credential:
    """The one that is named, in hex; else the only one that is confirmed."""
    found = [one for one in store.credentials() if one.facts]
    wanted = serial_number.lower().lstrip("0")
    meant = [one for one in found if (_number(one) == wanted if wanted else not mark_of(one.key.label))]
    if len(meant) != 1:
        raise ExportUnclear(serial=store.name, certificates=tuple(_number(one) for one in found))
    return meant[0]


def as_pkcs12(store: FileStore, one: Credential, password: Secret) -> bytes:
    """PBES2 with AES-256 and SHA-256 (RFC 7292, 4.2; RFC 8018): nothing older, which current readers refuse."""
    text = password.reveal().decode("utf-8", "replace")
    if len(text) < SHORTEST or not text.isprintable():
        raise PassphraseUnfit(serial=store.name, shortest=SHORTEST)
    if one.facts is None or one.certificate is None:
        raise ExportUnclear(serial=store.name)
    held = [other.facts for other in store.contents().certificates if other.facts]
    encryption = (
        PrivateFormat.PKCS12.encryption_builder()
        .kdf_rounds(ROUNDS)
        .key_cert_algorithm(PBES.PBESv2SHA256AndAES256CBC)
        .hmac_hash(SHA256())
        .build(bytes(password.reveal()))
    )
    made = pkcs12.serialize_key_and_certificates(
        one.certificate.label.encode("utf-8"),
        store.signer(one.key),
        x509.load_der_x509_certificate(one.facts.der),
        [x509.load_der_x509_certificate(between) for between in _between(one.facts, held)],
        encryption,
    )
    return _protected(made, password)


def write(path: Path, data: bytes) -> None:
    """For its owner alone, and never over anything."""
    is_ours = False
    try:
        with open(path, "xb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
            is_ours = True
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        is_ours = False
    except OSError as error:
        raise FileNotWritten(file=str(path), reason=error.strerror or str(error)) from error
    finally:
        if is_ours:  # half of it is nobody's; closed, as Windows wants it
            path.unlink(missing_ok=True)


def _protected(made: bytes, password: Secret) -> bytes:
    """With another MAC: `cryptography` makes one of 2,048 rounds, by which the password would be guessed soon."""
    version, safe, _ = der.children(made)
    content = der.only(der.children(safe.whole)[1].body, der.OCTET_STRING).body
    salt = os.urandom(16)
    mac = hmac.digest(_mac_key(password, salt), content, "sha256")
    info = der.tlv(der.SEQUENCE, der.tlv(der.SEQUENCE, _SHA256, der.tlv(der.NULL)), der.tlv(der.OCTET_STRING, mac))
    told = der.tlv(der.SEQUENCE, info, der.tlv(der.OCTET_STRING, salt), der.integer(ROUNDS))
    return der.tlv(der.SEQUENCE, version.whole, safe.whole, told)


def _mac_key(password: Secret, salt: bytes) -> bytes:
    """RFC 7292, B.2, for a key as long as the digest: one block, and nothing to be carried over."""
    text = password.reveal().decode("utf-8").encode("utf-16-be") + b"\0\0"  # B.1: a BMPString, and its end
    block = bytes([3]) * 64 + _filled(salt) + _filled(text)
    for _ in range(ROUNDS):
        block = hashlib.sha256(block).digest()
    return block


def _filled(text: bytes) -> bytes:
    """Again and again, up to whole blocks of the digest's input."""
    length = -(-len(text) // 64) * 64
    return (text * (length // len(text) + 1))[:length]


def _between(leaf: CertificateFacts, held: Sequence[CertificateFacts]) -> list[bytes]:
    """Without the root, which whoever checks has to have: Windows asks whether to trust one that it is handed."""
    return [one.der for one in chain_of(leaf, held)[0] if one.subject_der != one.issuer_der]


def _number(one: Credential) -> str:
    return f"{one.facts.serial_number:x}" if one.facts else ""
