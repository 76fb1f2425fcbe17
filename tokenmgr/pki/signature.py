"""Does this signature come from the key of this public key?"""

from __future__ import annotations

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from tokenmgr.errors import NotSupported, SignatureWrong


def check_signature(public_key: bytes, signature: bytes, message: bytes) -> None:
    """RSASSA-PKCS1-v1_5 or ECDSA with SHA-256, or Ed25519, by the kind of the key. Raises SignatureWrong."""
    key = load_der_public_key(public_key)
    try:
        match key:
            case rsa.RSAPublicKey():
                key.verify(signature, message, padding.PKCS1v15(), SHA256())
            case ec.EllipticCurvePublicKey():
                key.verify(signature, message, ec.ECDSA(SHA256()))
            case ed25519.Ed25519PublicKey():
                key.verify(signature, message)
            case _:
                raise NotSupported(wanted=type(key).__name__)
    except InvalidSignature as error:
        raise SignatureWrong from error
