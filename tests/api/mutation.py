"""Real messages of every kind, and what may be done to their bytes. Everything is drawn from one random generator.

A mutation breaks the protection, unless it is sealed anew by whoever holds the secret: both are tried, the one for the
front's outer doors, the other for the rooms behind them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from tests.api.craft import csr, extension, parts_of, policy, sealed
from tests.api.rig import Customer, Rig, granted
from tokenmgr.cmp import oids
from tokenmgr.cmp.algorithms import identifier
from tokenmgr.cmp.der import wrap
from tokenmgr.cmp.messages import (
    Body,
    Confirm,
    Info,
    Kind,
    Poll,
    Revoke,
    cert_hash,
    certificate_request,
    confirmation,
    parse,
)
from tokenmgr.domain.generation import StoreKind

CURVE = ec.SECP256R1()


@dataclass(frozen=True)
class Seed:
    customer: Customer
    data: bytes


def key_of(draw: Random) -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(draw.getrandbits(250) + 1, CURVE)


# --- what there is to mutate ------------------------------------------------------------------------------------------


def seeds(rig: Rig, draw: Random, name: str) -> list[Seed]:
    """Messages that nobody has sent yet, and such as were answered: of customers who come for the first time, and of
    customers who have a certificate that may be renewed."""
    made: list[Seed] = []
    for number, make in enumerate((_first, _first_answered, _again, _again_answered) * 2):
        user = f"{name}-{number}"
        rig.enrol(user)
        made += make(rig, draw, user)
    return made


def _seed(customer: Customer, kind: Kind, body: Body, **said: object) -> Seed:
    return Seed(customer, customer.build(kind, body, said))


def _first(rig: Rig, draw: Random, user: str) -> list[Seed]:
    customer = rig.begin(user)
    said: dict[str, Any] = {"extensions": [policy(StoreKind.MEDIUM)], "not_after": rig.now, "issuer": customer.subject}
    asked = certificate_request(key_of(draw), customer.subject, **said)
    made = [_seed(customer, Kind.IR, asked, implicit_confirm=True, profile="client"), *_questions(customer)]
    return [*made, _seed(customer, Kind.P10CR, csr(key_of(draw), extensions=[x509.BasicConstraints(False, None)]))]


def _first_answered(rig: Rig, draw: Random, user: str) -> list[Seed]:
    customer = rig.begin(user)
    certificate = granted(customer.request(key_of(draw)))
    return [Seed(customer, customer.sent), *_following(customer, certificate)]


def _holder(rig: Rig, draw: Random, user: str) -> Customer:
    first = rig.begin(user)
    first.key = key_of(draw)
    first.acquire()
    return Customer(rig, user, key=first.key, certificate=first.certificate)


def _again(rig: Rig, draw: Random, user: str) -> list[Seed]:
    customer = _holder(rig, draw, user)
    old = (rig.service.issuer.subject, rig.of(customer.certificate).serial)
    purposes = extension(x509.ExtendedKeyUsage([x509.ObjectIdentifier("1.2.3")]))
    asked = certificate_request(key_of(draw), customer.subject, old_certificate=old, extensions=[purposes])
    made = [_seed(customer, Kind.KUR, asked), *_questions(customer)]
    made.append(_seed(customer, Kind.CR, certificate_request(key_of(draw), customer.subject)))
    customer.begin_anew()
    return [*made, _seed(customer, Kind.P10CR, csr(key_of(draw)))]


def _again_answered(rig: Rig, draw: Random, user: str) -> list[Seed]:
    customer = _holder(rig, draw, user)
    certificate = granted(customer.request(key_of(draw)))
    made = [Seed(customer, customer.sent), *_following(customer, certificate)]
    for mine in (customer.certificate, certificate):
        customer.begin_anew()
        asked = Revoke(issuer=rig.service.issuer.subject, serial=rig.of(mine).serial, reason=1)
        made.append(_seed(customer, Kind.RR, asked))
    return made


def _questions(customer: Customer) -> list[Seed]:
    made = []
    for oid in (oids.CA_CERTS, oids.CRLS, oids.CERT_REQ_TEMPLATE):
        customer.begin_anew()
        made.append(_seed(customer, Kind.GENM, Info(oid)))
    customer.begin_anew()
    return made


def _following(customer: Customer, certificate: bytes) -> list[Seed]:
    sha512 = identifier("2.16.840.1.101.3.4.2.3")
    named = Confirm(cert_hash=cert_hash(certificate, sha512), hash_algorithm=sha512)
    return [
        _seed(customer, Kind.POLLREQ, Poll()),
        _seed(customer, Kind.CERTCONF, named, pvno=3),
        _seed(customer, Kind.CERTCONF, confirmation(certificate)),
    ]


# --- bytes ---

Mutation = Callable[[Random, bytes, bytes], bytes]  # of the one, with something of the other
ODD = (0, 1, 0x7F, 0x80, 0x81, 0x82, 0x84, 0xFE, 0xFF, 0x30, 0x31, 0x02, 0x03, 0x05, 0x06, 0x0C, 0xA0, 0xA1, 0xBF)


def span(draw: Random, data: bytes, longest: int = 40) -> tuple[int, int]:
    start = draw.randrange(max(len(data), 1))
    return start, min(start + draw.randint(1, longest), len(data))


def flip(draw: Random, data: bytes, _other: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(draw.choice((1, 1, 1, 2, 8))):
        changed[draw.randrange(len(changed))] ^= 1 << draw.randrange(8)
    return bytes(changed)


def odd(draw: Random, data: bytes, _: bytes) -> bytes:
    changed = bytearray(data)
    changed[draw.randrange(len(changed))] = draw.choice(ODD)
    return bytes(changed)


def cut(draw: Random, data: bytes, _: bytes) -> bytes:
    start, end = span(draw, data)
    return data[: draw.randrange(len(data))] if draw.random() < 0.3 else data[:start] + data[end:]


def repeat(draw: Random, data: bytes, _: bytes) -> bytes:
    start, end = span(draw, data)
    return data[:end] + data[start:end] * draw.randint(1, 3) + data[end:]


def reorder(draw: Random, data: bytes, _: bytes) -> bytes:
    a, b, c = sorted(draw.randrange(len(data)) for _ in range(3))
    return data[:a] + data[b:c] + data[a:b] + data[c:]


def insert(draw: Random, data: bytes, other: bytes) -> bytes:
    start, end = span(draw, other, 200)
    at = draw.randrange(len(data))
    return data[:at] + (other[start:end] if draw.random() < 0.5 else draw.randbytes(draw.randint(1, 20))) + data[at:]


def swap_ids(draw: Random, data: bytes, other: bytes) -> bytes:
    """The transaction's number or a nonce of another message: of one length, so that all else stays as it is."""
    one, two = parse(data).header, parse(other).header
    names = ["transaction_id", "sender_nonce", "recip_nonce"]
    old = getattr(one, draw.choice(names)) or one.sender_nonce
    new = getattr(two, draw.choice(names)) or two.transaction_id
    return data.replace(old or b"", new or b"")


def splice(draw: Random, data: bytes, other: bytes) -> bytes:
    """The header of one, the body, the protection or the certificates of another."""
    mine, theirs = pieces(data), pieces(other)
    return wrap(b"".join(draw.choice(pair) for pair in zip(mine, theirs, strict=True)))


def pieces(data: bytes) -> tuple[bytes, bytes, bytes, bytes]:
    header, body, protection, certs = parts_of(data)
    sealed_by = wrap(wrap(b"\0" + protection, 0x03), 0xA0) if protection else b""
    return header, body, sealed_by, wrap(wrap(b"".join(certs)), 0xA1) if certs else b""


# --- elements: every length is right again afterwards ---

Tree = tuple[int, "bytes | list[Tree]"]


def tree_of(data: bytes) -> list[Tree]:
    found: list[Tree] = []
    at = 0
    while at < len(data):
        tag, length, start = data[at], data[at + 1], at + 2
        if length >= 0x80:
            size = length & 0x7F
            length, start = int.from_bytes(data[start : start + size], "big"), start + size
        inside = data[start : start + length]
        found.append((tag, tree_of(inside) if tag & 0x20 else inside))
        at = start + length
    return found


def written(trees: Sequence[Tree]) -> bytes:
    return b"".join(wrap(inside if isinstance(inside, bytes) else written(inside), tag) for tag, inside in trees)


def places(trees: list[Tree]) -> list[tuple[list[Tree], int]]:
    found = [(trees, at) for at in range(len(trees))]
    for _, inside in trees:
        if isinstance(inside, list):
            found += places(inside)
    return found


def element(draw: Random, data: bytes, other: bytes) -> bytes:
    """One is left out, doubled, moved, retagged, emptied, given other contents, or exchanged for another message's."""
    trees = tree_of(data)
    siblings, at = draw.choice(places(trees))
    tag, inside = siblings[at]
    theirs, its = draw.choice(places(tree_of(other)))
    contents = draw.choice((b"", b"\0", b"\x01", b"\xff" * draw.choice((1, 8, 20, 21, 400)), draw.randbytes(5)))
    changed: list[list[Tree]] = [
        [],
        [siblings[at]] * draw.choice((2, 2, 17)),
        [theirs[its]],
        [siblings[at], theirs[its]],
        [(draw.choice(ODD), inside)],
        [(tag ^ 0x20, contents)],
        [(tag, contents if not tag & 0x20 else [])],
        [(0x30, [siblings[at]])],
    ]
    siblings[at : at + 1] = draw.choice(changed)
    if draw.random() < 0.1:
        draw.shuffle(siblings)
    return written(trees)


MUTATIONS: tuple[Mutation, ...] = (flip, odd, cut, repeat, reorder, insert, swap_ids, splice, element, element)


def mutated(draw: Random, one: Seed, other: Seed) -> bytes:
    data = one.data
    if draw.random() < 0.5:
        return resealed(draw, one, other)
    for _ in range(draw.choice((1, 1, 1, 2, 3))):
        try:
            data = draw.choice(MUTATIONS)(draw, data, other.data) or data
        except Exception:  # noqa: BLE001  what is broken already cannot be taken apart again
            break
    return data


def resealed(draw: Random, one: Seed, other: Seed) -> bytes:
    """Header and body changed by somebody who has the key or the secret, and rightly protected."""
    header, body, _, certs = parts_of(one.data)
    _, another, _, _ = parts_of(other.data)
    what = draw.random()
    if what < 0.15:
        body = another
    elif what < 0.75:
        body = draw.choice((element, element, flip, odd))(draw, body, another)
    else:
        header = draw.choice((element, flip, odd))(draw, header, parts_of(other.data)[0])
    return sealed(header, body, one.customer.protector, certs)
