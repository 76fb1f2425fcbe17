"""The peer in Python: the same calls through python-pkcs11 alone (peers.py says how it is spoken to).

It asks for the same attributes and gives the same templates as our own child does, and has nothing else of ours.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pkcs11
from pkcs11 import Attribute, CertificateType, KeyType, Mechanism, ObjectClass

from benchmarks.bench import keep, timed
from tokenmgr.token.objects import WANTED

P256 = bytes.fromhex("06082a8648ce3d030107")
_CLASSES = {ObjectClass[name]: [Attribute[one] for one in wanted] for name, wanted in WANTED.items()}
_COPIED = (Attribute.SUBJECT, Attribute.ISSUER, Attribute.SERIAL_NUMBER, Attribute.VALUE)


def operations(session: Any) -> dict[str, Callable[[], object]]:
    token = session.token
    keys = {key[Attribute.ID]: key for key in list(session.get_objects({Attribute.CLASS: ObjectClass.PRIVATE_KEY}))}
    certificate = next(iter(list(session.get_objects({Attribute.CLASS: ObjectClass.CERTIFICATE}))), None)
    written = {
        Attribute.CLASS: ObjectClass.CERTIFICATE,
        Attribute.CERTIFICATE_TYPE: CertificateType.X_509,
        Attribute.TOKEN: True,
        Attribute.PRIVATE: False,
        Attribute.ID: b"peer",
        Attribute.LABEL: "peer",
        **(certificate.get_attributes(_COPIED) if certificate else {}),
    }

    def read(one_class: ObjectClass, wanted: list[Attribute]) -> None:
        for item in list(session.get_objects({Attribute.CLASS: one_class}, batch_size=64)):
            item.get_attributes(wanted)

    def generate(key_type: KeyType, bits: int | None, public: dict[Attribute, Any]) -> object:
        private = {Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False}
        return session.generate_keypair(
            key_type, bits, id=b"peer", label="peer", store=True, public_template=public, private_template=private
        )

    def read_all() -> None:
        for one_class, wanted in _CLASSES.items():
            read(one_class, wanted)

    return {
        "token": token.slot.get_token,
        "open": lambda: token.open().close(),
        "find": lambda: read(ObjectClass.CERTIFICATE, _CLASSES[ObjectClass.CERTIFICATE]),
        "sign-p256": lambda: keys[b"p256"].sign(bytes(32), mechanism=Mechanism.ECDSA),
        "sign-rsa": lambda: keys[b"rsa"].sign(bytes(32), mechanism=Mechanism.SHA256_RSA_PKCS),
        "write": lambda: session.create_object(written).destroy(),
        "generate-p256": lambda: generate(KeyType.EC, None, {Attribute.EC_PARAMS: P256}),
        "generate-rsa": lambda: generate(KeyType.RSA, 2048, {}),
        "list": read_all,
    }


def main() -> None:
    token = next(iter(pkcs11.lib(sys.argv[1]).get_slots(token_present=True))).get_token()
    session = token.open(rw=True, user_pin=sys.stdin.readline().strip())
    known = operations(session)
    for line in sys.stdin:
        operation, rounds = line.split()
        clear = _destroy if operation.startswith("generate") else keep
        print(*timed(known[operation], int(rounds), clear), flush=True)


def _destroy(pair: Any) -> None:
    for half in pair:
        half.destroy()


if __name__ == "__main__":
    main()
