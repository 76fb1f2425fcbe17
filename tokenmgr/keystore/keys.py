"""A key of the file, outside of it: made, opened, signing. Whoever has one has it in memory, and lets it go soon."""

from __future__ import annotations

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
)

from tokenmgr.cmp.algorithms import PrivateKey
from tokenmgr.domain.credential import KeyKind
from tokenmgr.keystore import sealed
from tokenmgr.keystore.form import Content, KeyEntry, damaged
from tokenmgr.log import Secret


def generated(kind: KeyKind, key_id: bytes, label: str, master: Secret) -> KeyEntry:
    made = _make(kind)
    with Secret(made.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())) as private:
        return sealed.sealed_key(key_id, label, kind.value, _public(made), private, master)


def opened(content: Content, entry: KeyEntry, master: Secret) -> PrivateKey:
    with sealed.opened_key(content, entry, master) as private:
        try:
            key = load_der_private_key(private.reveal(), None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise damaged(content.path, "store-key-altered", entry.label) from error
    if not isinstance(key, PrivateKey) or _public(key) != entry.public_key:
        raise damaged(content.path, "store-key-altered", entry.label)
    return key


def signed(key: PrivateKey, message: bytes) -> bytes:
    """As pki/signature.py verifies it."""
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(message, padding.PKCS1v15(), SHA256())
    return key.sign(message, ec.ECDSA(SHA256())) if isinstance(key, ec.EllipticCurvePrivateKey) else key.sign(message)


def _make(kind: KeyKind) -> PrivateKey:
    match kind:
        case KeyKind.P256:
            return ec.generate_private_key(ec.SECP256R1())
        case KeyKind.P384:
            return ec.generate_private_key(ec.SECP384R1())
        case KeyKind.ED25519:
            return ed25519.Ed25519PrivateKey.generate()
    return rsa.generate_private_key(65537, int(kind.value.removeprefix("rsa")))


def _public(key: PrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
