"""JWS in its compact form with ES256, and nothing else of RFC 7515 and 7518: one algorithm, one type, keys by kid.

What chooses the key or the algorithm for whoever verifies (alg, jwk, jku, x5c, crit …) is how such signatures are
forged (RFC 8725), so a header has three members and each of them is as expected.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from tokenmgr.domain.handover import LONGEST, Unreadable, read_object
from tokenmgr.pki.p256 import kid_of, read_public, spki_of

ALGORITHM = "ES256"
_BASE64URL = re.compile(r"[A-Za-z0-9_-]*")
_HALF = 32  # octets of r, and of s (RFC 7518, 3.4)


class Unfit(Exception):
    """The one error. `is_forged`: of the right form, and not signed by any of these keys."""

    def __init__(self, reason: str, is_forged: bool = False) -> None:
        super().__init__(reason)
        self.reason, self.is_forged = reason, is_forged


@dataclass(frozen=True)
class Signed:
    """Read, and believed in nothing before `check`."""

    kid: str
    payload: bytes
    message: bytes
    signature: bytes

    def check(self, keys: Mapping[str, bytes]) -> bytes:
        """The payload, where the key of this kid (SubjectPublicKeyInfo, DER) has signed it."""
        if self.kid not in keys:
            raise Unfit("no such key", is_forged=True)
        r, s = (int.from_bytes(half, "big") for half in (self.signature[:_HALF], self.signature[_HALF:]))
        try:
            read_public(keys[self.kid]).verify(encode_dss_signature(r, s), self.message, ECDSA(SHA256()))
        except (InvalidSignature, ValueError) as error:
            raise Unfit("signature", is_forged=True) from error
        return self.payload


def sign(payload: bytes, kind: str, key: EllipticCurvePrivateKey) -> str:
    """`key` may be anywhere: on a token, too."""
    if not isinstance(key.curve, SECP256R1):
        raise Unfit("not on P-256")
    header = {"alg": ALGORITHM, "kid": kid_of(spki_of(key)), "typ": kind}
    message = f"{_encoded(json.dumps(header, separators=(',', ':')).encode())}.{_encoded(payload)}"
    r, s = decode_dss_signature(key.sign(message.encode("ascii"), ECDSA(SHA256())))
    return f"{message}.{_encoded(r.to_bytes(_HALF, 'big') + s.to_bytes(_HALF, 'big'))}"


def read(text: str, kind: str) -> Signed:
    if len(text) > LONGEST:
        raise Unfit(f"longer than {LONGEST} characters")
    parts = text.split(".")
    if len(parts) != 3:
        raise Unfit("not three parts")
    header, payload, signature = map(_decoded, parts)
    kid = _kid(header, kind)
    if len(signature) != 2 * _HALF:
        raise Unfit("signature is not 64 octets")
    return Signed(kid, payload, f"{parts[0]}.{parts[1]}".encode("ascii"), signature)


def _kid(header: bytes, kind: str) -> str:
    try:
        told = read_object(header)
    except Unreadable as error:
        raise Unfit(f"header: {error.reason}") from error
    kid = told.get("kid")
    if not isinstance(kid, str) or told != {"alg": ALGORITHM, "kid": kid, "typ": kind}:
        raise Unfit("header is not alg ES256, kid and typ alone")
    return kid


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def _decoded(text: str) -> bytes:
    """RFC 7515, 2: no padding, no blanks, and one way alone to write it."""
    if not _BASE64URL.fullmatch(text) or len(text) % 4 == 1:
        raise Unfit("base64url")
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if _encoded(data) != text:
        raise Unfit("base64url")
    return data
