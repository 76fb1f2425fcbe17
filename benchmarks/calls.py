"""What a call through the child process costs, beside python-pkcs11 in process and beside C. Taken in turns."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.bench import Measured, heading, medium_with_keys, ratio, row
from tokenmgr.domain.credential import KeyKind
from tokenmgr.log import Secret
from tokenmgr.testbed.simulated import PIN, SimulatedMedium, softhsm
from tokenmgr.token import keys, objects
from tokenmgr.token.session import Session

TURNS = 5
ROUNDS = {"token": 200, "open": 200, "sign-p256": 200, "sign-rsa": 60, "write": 60, "generate-rsa": 12}


def run() -> None:
    heading(
        "A call (aim: 1 ms or less on top)", "operation", "through the child", "python-pkcs11 in process", "C", "on top"
    )
    with medium_with_keys() as (medium, serial), TemporaryDirectory() as folder:
        peer = _compile(Path(folder))
        with medium.library() as library, Session.open(library, serial, write=True) as session, Secret(PIN) as pin:
            session.login(pin)
            for operation, rounds in ROUNDS.items():
                _compare(operation, rounds, session, medium, peer)


def _compare(operation: str, rounds: int, session: Session, medium: SimulatedMedium, peer: Path) -> None:
    ours, python, c = [], [], []
    act = _ours(session)[operation]
    act()
    for _ in range(TURNS):  # in turns, so that a noisy minute is everybody's
        ours += [_timed(act) for _ in range(rounds)]
        python += other([sys.executable, "-m", "benchmarks.inprocess"], operation, rounds, medium)
        c += other([str(peer)], operation, rounds, medium)
    mine, theirs, floor = Measured(ours), Measured(python), Measured(c)
    on_top = mine.median - theirs.median
    row(operation, str(mine), f"{theirs} {ratio(mine, theirs)}", f"{floor} {ratio(mine, floor)}", f"{on_top:+.0f} µs")
    if operation == "generate-rsa":
        trip = Measured([_timed(_ours(session)["token"]) for _ in range(200)])
        row("", "of that our round trip:", f"{trip.median / mine.median:.2%} (aim: 5 % or less)")


def _ours(session: Session) -> dict[str, Callable[[], object]]:
    found = {key.key_id: key.handle for key in session.contents().keys}

    def sign(key_id: bytes, mechanism: str) -> object:
        return session._ask("sign", handle=found[key_id], mechanism=mechanism, pss=None, data=bytes(32))

    def reopen() -> None:
        handle = session.library.worker.call("open", slot=session.medium.slot, write=False)
        session.library.worker.call("close", session=handle)

    def write() -> None:
        template = {"CLASS": "DATA", "TOKEN": True, "PRIVATE": False, "LABEL": "peer", "VALUE": bytes(1500)}
        session._ask("destroy", handle=session._ask("create", template=template))

    def generate() -> None:
        recipe = keys.RECIPES[KeyKind.RSA_2048]
        for handle in session._ask(
            "generate",
            mechanism=recipe.mechanism,
            key_type=recipe.key_type,
            public=objects.public_template(recipe, None, b"peer", "peer"),
            private=objects.private_template(b"peer", "peer", plain=False),
        ):
            session._ask("destroy", handle=handle)

    return {
        "token": session.refresh,
        "open": reopen,
        "sign-p256": lambda: sign(b"p256", "ECDSA"),
        "sign-rsa": lambda: sign(b"rsa", "SHA256_RSA_PKCS"),
        "write": write,
        "generate-rsa": generate,
    }


def _timed(act: Callable[[], object]) -> float:
    started = time.perf_counter()
    act()
    return (time.perf_counter() - started) * 1e6


def other(program: list[str], operation: str, rounds: int, medium: SimulatedMedium) -> list[float]:
    environment = {**os.environ, "SOFTHSM2_CONF": str(medium.configuration)}
    command = [*program, softhsm(), operation, str(rounds)]
    done = subprocess.run(command, env=environment, input=PIN, capture_output=True, text=True, check=True)
    return [float(line) for line in done.stdout.split()]


def _compile(folder: Path) -> Path:
    source = Path(__file__).with_name("peer.c")
    command = ["gcc", "-O2", "-I/usr/include/p11-kit-1", "-o", str(folder / "peer"), str(source), "-ldl"]
    subprocess.run(command, check=True)
    return folder / "peer"
