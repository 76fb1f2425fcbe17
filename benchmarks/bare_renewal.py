"""The peer of a renewal: a script that makes, through python-pkcs11 alone, the fewest PKCS#11 calls that a renewal is
made of: a key, four signatures, a certificate written, read back in another session, and the one before it
deleted. What `tokenmgr renew` asks beyond that (is this the medium, can it, is the key what it must be) is its own.
"""

from __future__ import annotations

import os
import sys
from typing import Any

import pkcs11
from pkcs11 import Attribute, CertificateType, KeyType, Mechanism, ObjectClass

P256 = bytes.fromhex("06082a8648ce3d030107")
NEW = os.urandom(16)
SIGNATURES = 4  # proof of possession, two messages, the look afresh


def main(module: str, kind: str, pin: str) -> None:
    token = next(iter(pkcs11.lib(module).get_slots(token_present=True))).get_token()
    with token.open(rw=True, user_pin=pin) as session:
        for item in session.get_objects():
            item[Attribute.LABEL]
        private, mechanism = _generate(session, kind)
        session.create_object(_certificate())
        for item in list(session.get_objects({Attribute.ID: NEW})):
            item[Attribute.LABEL] = "renewed"
        _sign(private, mechanism, SIGNATURES - 1)
    with token.open(rw=True, user_pin=pin) as session:
        for item in session.get_objects():
            item[Attribute.LABEL]
        (private,) = list(session.get_objects({Attribute.CLASS: ObjectClass.PRIVATE_KEY, Attribute.ID: NEW}))
        _sign(private, mechanism, 1)
        for item in [one for one in session.get_objects() if one[Attribute.ID] != NEW]:
            item.destroy()


def _generate(session: Any, kind: str) -> tuple[Any, Mechanism]:
    key_type, bits = (KeyType.EC, None) if kind == "p256" else (KeyType.RSA, 2048)
    public = {Attribute.EC_PARAMS: P256} if kind == "p256" else {}
    template = {Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False}
    _, private = session.generate_keypair(
        key_type, bits, id=NEW, label="new", store=True, public_template=public, private_template=template
    )
    return private, Mechanism.ECDSA if kind == "p256" else Mechanism.SHA256_RSA_PKCS


def _sign(private: Any, mechanism: Mechanism, count: int) -> None:
    for _ in range(count):
        private.sign(bytes(32), mechanism=mechanism)


def _certificate() -> dict[Attribute, Any]:
    return {
        Attribute.CLASS: ObjectClass.CERTIFICATE,
        Attribute.CERTIFICATE_TYPE: CertificateType.X_509,
        Attribute.TOKEN: True,
        Attribute.PRIVATE: False,
        Attribute.ID: NEW,
        Attribute.LABEL: "new",
        Attribute.SUBJECT: bytes(100),
        Attribute.ISSUER: bytes(100),
        Attribute.SERIAL_NUMBER: bytes(22),
        Attribute.VALUE: bytes(1000),
    }


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.stdin.readline().strip())
