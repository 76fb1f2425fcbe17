"""The peer of a renewal: a script that makes the same PKCS#11 calls through python-pkcs11 and nothing else: a key, four
signatures, a certificate written, read back in another session, and the ones before it deleted. Prints what the key and
the signatures took, in microseconds.
"""

from __future__ import annotations

import os
import sys
import time
from typing import Any

import pkcs11
from pkcs11 import Attribute, CertificateType, KeyType, Mechanism, ObjectClass

P256 = bytes.fromhex("06082a8648ce3d030107")
NEW = os.urandom(16)
SIGNATURES = 4  # proof of possession, two messages, the look afresh


def main(module: str, kind: str, pin: str) -> float:
    token = next(iter(pkcs11.lib(module).get_slots(token_present=True))).get_token()
    with token.open(rw=True, user_pin=pin) as session:
        for item in session.get_objects():
            item[Attribute.LABEL]
        started = time.perf_counter()
        private, mechanism = _generate(session, kind)
        taken = time.perf_counter() - started
        session.create_object(_certificate())
        for item in list(session.get_objects({Attribute.ID: NEW})):
            item[Attribute.LABEL] = "renewed"
        taken += _signed(private, mechanism, SIGNATURES - 1)
    with token.open(rw=True, user_pin=pin) as session:
        for item in session.get_objects():
            item[Attribute.LABEL]
        (private,) = list(session.get_objects({Attribute.CLASS: ObjectClass.PRIVATE_KEY, Attribute.ID: NEW}))
        taken += _signed(private, mechanism, 1)
        for item in [one for one in session.get_objects() if one[Attribute.ID] != NEW]:
            item.destroy()
    return taken * 1e6


def _generate(session: Any, kind: str) -> tuple[Any, Mechanism]:
    key_type, bits = (KeyType.EC, None) if kind == "p256" else (KeyType.RSA, 2048)
    public = {Attribute.EC_PARAMS: P256} if kind == "p256" else {}
    template = {Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False}
    _, private = session.generate_keypair(
        key_type, bits, id=NEW, label="new", store=True, public_template=public, private_template=template
    )
    return private, Mechanism.ECDSA if kind == "p256" else Mechanism.SHA256_RSA_PKCS


def _signed(private: Any, mechanism: Mechanism, count: int) -> float:
    started = time.perf_counter()
    for _ in range(count):
        private.sign(bytes(32), mechanism=mechanism)
    return time.perf_counter() - started


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
    print(main(sys.argv[1], sys.argv[2], sys.stdin.readline().strip()))
