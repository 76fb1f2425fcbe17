"""The peer: the same calls through python-pkcs11 alone, in process. usage: inprocess LIBRARY OPERATION ROUNDS <PIN

Prints one line a round: microseconds. Run as a process of its own, since a library belongs to its process.
"""

from __future__ import annotations

import sys
import time
from typing import Any

import pkcs11
from pkcs11 import Attribute, KeyType, Mechanism, ObjectClass


def once(operation: str, session: Any, keys: dict[str, Any]) -> None:
    token = session.token
    match operation:
        case "token":
            token.slot.get_token()
        case "open":
            token.open().close()
        case "sign-p256":
            keys["p256"].sign(bytes(32), mechanism=Mechanism.ECDSA)
        case "sign-rsa":
            keys["rsa"].sign(bytes(32), mechanism=Mechanism.SHA256_RSA_PKCS)
        case "write":
            template = {Attribute.CLASS: ObjectClass.DATA, Attribute.TOKEN: True, Attribute.PRIVATE: False}
            session.create_object(template | {Attribute.LABEL: "peer", Attribute.VALUE: bytes(1500)}).destroy()
        case "generate-rsa":
            protected = {Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False}
            pair = session.generate_keypair(KeyType.RSA, 2048, id=b"peer", store=True, private_template=protected)
            for half in pair:
                half.destroy()
        case "list":
            wanted = [Attribute.ID, Attribute.LABEL, Attribute.VALUE]
            for item in list(session.get_objects({Attribute.CLASS: ObjectClass.CERTIFICATE})):
                item.get_attributes(wanted)


def main() -> None:
    library, operation, rounds = sys.argv[1:]
    token = next(slot for slot in pkcs11.lib(library).get_slots(token_present=True)).get_token()
    session = token.open(rw=True, user_pin=sys.stdin.readline().strip())
    found = session.get_objects({Attribute.CLASS: ObjectClass.PRIVATE_KEY})
    keys = {item[Attribute.ID].decode(): item for item in list(found)}
    once(operation, session, keys)
    for _ in range(int(rounds)):
        started = time.perf_counter()
        once(operation, session, keys)
        print((time.perf_counter() - started) * 1e6)


if __name__ == "__main__":
    main()
