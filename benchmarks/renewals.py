"""What one whole renewal costs the CA: kur, kup, certConf, pkiConf, durable, its P-256 keys in SoftHSM.

The floor is the cryptography that the work needs, timed in the same run and in the same way: three signatures of the
CA's token (certificate, kup, pkiConf), and three verifications (the kur's protection, its proof of possession, the
certConf's protection). All figures are processor time of this process and of the token's child, waiting left out.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import cast

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from benchmarks.bench import Measured, in_turns, ratio, table
from tests.api.rig import BANK, Customer, Rig, authority_of, new_key
from tokenmgr.ca.folder import PURPOSES
from tokenmgr.ca.signing import CaSigner
from tokenmgr.cmp.messages import CertReply, Kind, certificate_request, confirmation, parse
from tokenmgr.domain.credential import KeyKind
from tokenmgr.domain.generation import StoreKind
from tokenmgr.domain.party import Bank
from tokenmgr.log import Secret
from tokenmgr.ra.ports import Ticket
from tokenmgr.testbed.simulated import PIN, SimulatedMedium
from tokenmgr.token.session import Session
from tokenmgr.token.signer import signer

TURNS = 12
ROUNDS = 25
MESSAGE = bytes(700)


def run() -> None:
    with tempfile.TemporaryDirectory() as folder, _signers(Path(folder)) as (signers, child):
        rig = Rig(f"sqlite:///{folder}/registry.sqlite", made=authority_of(signers))
        customers = iter(_customers(rig, TURNS * ROUNDS))
        contenders = {
            "renewal": lambda: [_renewal(rig, next(customers), child) for _ in range(ROUNDS)],
            "sign": lambda: [_cpu(lambda: _sign(signers["cmp"]), child) for _ in range(ROUNDS)],
            "verify": lambda: [_cpu(_verification(), None) for _ in range(ROUNDS)],
        }
        taken = in_turns(TURNS, contenders)
        rig.database.close()
    floor = _floor(taken["sign"], taken["verify"])
    rows = [
        ["one whole renewal", str(taken["renewal"]), ratio(taken["renewal"], floor)],
        ["the floor: 3 signatures of the token, 3 verifications", str(floor), "1"],
        ["one signature through the token's child", str(taken["sign"]), ""],
        ["one P-256 verification", str(taken["verify"]), ""],
    ]
    table(
        "A renewal at the CA (aim: 2.5 ms): processor time, median and quartiles",
        ("what", "time", "to the floor"),
        rows,
    )


@contextmanager
def _signers(folder: Path) -> Iterator[tuple[dict[str, CaSigner], int]]:
    """The CA's keys on a SoftHSM token, and the process that the token's library lives in."""
    medium = SimulatedMedium(folder / "token", os.environ)
    medium.create()
    with medium.library() as library:
        (facts,) = library.media()
        with Session.open(library, facts.serial, write=True) as session:
            session.login(Secret(PIN))
            made = {name: session.generate_key(KeyKind.P256, name.encode(), name) for name in PURPOSES}
            process = library.worker.process
            assert process is not None
            yield {name: cast(CaSigner, signer(session, key)) for name, key in made.items()}, process


def _customers(rig: Rig, count: int) -> list[Customer]:
    """Whose certificates are twelve days from their end; by tickets without PINs, whose argon2 is made to take long."""
    made = []
    for number in range(count):
        who = rig.enrol(f"bench{number}")
        ticket = Ticket(f"bench{number}", b"secret", BANK, who.id, StoreKind.MEDIUM, rig.now + timedelta(minutes=10))
        rig.registry.open_ticket(ticket, who.contract, who.user)
        one = Customer(rig, who.user, ticket=(ticket.reference, ticket.secret))
        one.acquire()
        made.append(Customer(rig, who.user, key=one.key, certificate=one.certificate))
    rig.pass_time(timedelta(days=365 - 12))
    return made


def _renewal(rig: Rig, customer: Customer, child: int) -> float:
    """The server's part alone: what the customer signs is made outside."""
    bank = rig.registry.bank(BANK)
    assert bank is not None
    request = customer.build(Kind.KUR, certificate_request(new_key(), customer.subject))
    spent, answer = _answered(rig, bank, request, child)
    customer.last = parse(answer)
    reply = customer.last.body
    assert isinstance(reply, CertReply)
    assert reply.certificate
    confirm = customer.build(Kind.CERTCONF, confirmation(reply.certificate))
    more, answer = _answered(rig, bank, confirm, child)
    assert parse(answer).kind is Kind.PKICONF
    return spent + more


def _answered(rig: Rig, bank: Bank, data: bytes, child: int) -> tuple[float, bytes]:
    kept: list[bytes] = []
    spent = _cpu(lambda: kept.append(rig.front.answer(bank, "", data)), child)
    return spent, kept[0]


def _cpu(act: Callable[[], object], child: int | None) -> float:
    """Microseconds of processor time, of this process and of that one."""
    before = time.process_time_ns() + _of(child)
    act()
    return (time.process_time_ns() + _of(child) - before) / 1000


def _of(process: int | None) -> int:
    """Nanoseconds on a processor, all threads (proc(5), schedstat), since clock ticks are too coarse."""
    if process is None:
        return 0
    tasks = Path(f"/proc/{process}/task").iterdir()
    return sum(int((task / "schedstat").read_text(encoding="ascii").split()[0]) for task in tasks)


def _sign(key: CaSigner) -> None:
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    key.sign(MESSAGE, ec.ECDSA(hashes.SHA256()))


def _verification() -> Callable[[], None]:
    key = ec.generate_private_key(ec.SECP256R1())
    signature, public = key.sign(MESSAGE, ec.ECDSA(hashes.SHA256())), key.public_key()
    return lambda: public.verify(signature, MESSAGE, ec.ECDSA(hashes.SHA256()))


def _floor(sign: Measured, verify: Measured) -> Measured:
    pairs = zip(sign.turns, verify.turns, strict=True)
    return Measured([[3 * a + 3 * b for a, b in zip(*turn, strict=True)] for turn in pairs])
