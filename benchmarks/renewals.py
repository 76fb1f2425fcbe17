"""What one whole renewal costs the CA: kur, kup, certConf, pkiConf, durable, its P-256 keys in SoftHSM.

The floor is the cryptography that the work needs, timed in the same run and in the same way: three signatures of the
CA's token (certificate, kup, pkiConf), and three verifications (the kur's protection, its proof of possession, the
certConf's protection). All figures are processor time of this process and of the token's child, waiting left out.
"""

from __future__ import annotations

import contextlib
import os
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from benchmarks.authority import customers, made, renew, rig_on
from benchmarks.bench import Measured, in_turns, ratio, table
from tests.api.rig import BANK, Customer, Rig
from tests.cmp.openssl import OpenSSL
from tests.cmp.parties import Party, authority, certificate, name
from tokenmgr.ca.signing import CaSigner

TURNS = 12
PEER = 200  # exchanges of OpenSSL with itself
ROUNDS = 25
MESSAGE = bytes(700)


def run() -> None:
    with contextlib.ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder = stack.enter_context(made(home))
        rig = stack.enter_context(rig_on(folder, f"sqlite:///{home}/bench.sqlite"))
        key = rig.service.keys.cmp.signer
        children = _children(os.getpid())
        people = iter(list(customers(rig, (f"bench{number}" for number in range(TURNS * ROUNDS)))))
        contenders = {
            "renewal": lambda: [_renewal(rig, next(people), children) for _ in range(ROUNDS)],
            "sign": lambda: [_cpu(lambda: _sign(key), children) for _ in range(ROUNDS)],
            "verify": lambda: [_cpu(_verification(), []) for _ in range(ROUNDS)],
        }
        peer = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        contenders["openssl"] = _openssl(peer)
        taken = in_turns(TURNS, contenders)
    floor = _floor(taken["sign"], taken["verify"])
    rows = [
        ["one whole renewal", str(taken["renewal"]), ratio(taken["renewal"], floor)],
        ["the floor: 3 signatures of the token, 3 verifications", str(floor), "1"],
        ["a peer that remembers nothing: OpenSSL's client and mock server, keys in files", str(taken["openssl"]), ""],
        ["one signature through the token's child", str(taken["sign"]), ""],
        ["one P-256 verification", str(taken["verify"]), ""],
    ]
    headings = ("what", "time", "to the floor")
    table("A renewal at the CA (aim: 2.5 ms): processor time, median and quartiles", headings, rows)


def _openssl(folder: Path) -> Callable[[], list[float]]:
    """Both sides in one process, the start of it left out: what many exchanges take more than one."""
    ca = authority("p256")

    def party() -> Party:
        """Old and new have one serial number: the mock server hands out the same certificate to everybody."""
        key = ec.generate_private_key(ec.SECP256R1())
        return Party(key, certificate(name("One"), key, name("CA"), ca.key, serial=77))

    tool = OpenSSL(folder, ca, party(), party())

    def spent(times: int) -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        tool.run(f"kur{times}", "kur", *tool.signed, "-repeat", str(times))
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1e6

    return lambda: [(spent(1 + PEER) - spent(1)) / PEER] * 2


def _children(process: int) -> list[int]:
    """Those that the CA's token and its library live in."""
    found = Path(f"/proc/{process}/task").glob("*/children")
    return [int(one) for file in found for one in file.read_text(encoding="ascii").split()]


def _renewal(rig: Rig, customer: Customer, children: list[int]) -> float:
    """The server's part alone: what the customer signs and reads is outside."""
    bank = rig.registry.bank(BANK)
    assert bank is not None
    spent = 0.0

    def answer(data: bytes) -> bytes:
        nonlocal spent
        kept: list[bytes] = []
        spent += _cpu(lambda: kept.append(rig.front.answer(bank, "", data)), children)
        return kept[0]

    renew(customer, answer)
    return spent


def _cpu(act: Callable[[], object], children: list[int]) -> float:
    """Microseconds of processor time, of this process and of that one."""
    before = time.process_time_ns() + _of(children)
    act()
    return (time.process_time_ns() + _of(children) - before) / 1000


def _of(processes: list[int]) -> int:
    """Nanoseconds on a processor, all threads (proc(5), schedstat), since clock ticks are too coarse."""
    tasks = [task for one in processes for task in Path(f"/proc/{one}/task").iterdir()]
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
