"""Everything on a medium in one pass: linear in the number of objects, beside python-pkcs11 alone."""

from __future__ import annotations

import sys
import time

from benchmarks.bench import Measured, heading, medium_with_keys, ratio, row
from benchmarks.calls import other
from tokenmgr import clock
from tokenmgr.log import Secret
from tokenmgr.pki.facts import certificate_facts
from tokenmgr.testbed.simulated import PIN
from tokenmgr.testbed.throwaway_ca import ThrowawayCA
from tokenmgr.token.objects import certificate_template
from tokenmgr.token.session import Session

COUNTS = (50, 125, 250, 500)
ROUNDS = 7


def run() -> None:
    heading("A listing (aim: linear)", "certificates", "Session.contents", "an object", "python-pkcs11 in process")
    facts = certificate_facts(ThrowawayCA(clock.now()).chain[0])
    each: list[float] = []
    with (
        medium_with_keys() as (medium, serial),
        medium.library() as library,
        Session.open(library, serial, write=True) as session,
        Secret(PIN) as pin,
    ):
        session.login(pin)
        written = 0
        for count in COUNTS:
            for number in range(written, count):
                template = certificate_template(facts, number.to_bytes(4, "big"), f"certificate {number}")
                session._ask("create", template=template)
            written = count
            mine = Measured([_timed(session) for _ in range(ROUNDS)])
            peer = Measured(other([sys.executable, "-m", "benchmarks.inprocess"], "list", ROUNDS, medium))
            each.append(mine.median / count)
            row(str(count), str(mine), f"{each[-1]:.0f} µs", f"{peer} {ratio(mine, peer)}")
    row("", "an object at 500 to at 50:", f"{each[-1] / each[0]:.2f} ×")


def _timed(session: Session) -> float:
    started = time.perf_counter()
    session.contents()
    return (time.perf_counter() - started) * 1e6
