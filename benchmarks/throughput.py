"""Durable renewals a second on this computer's cores: one worker and two, SQLite and PostgreSQL, keys in SoftHSM.

Whole renewals: the client's part (a new key, three signatures, reading two answers) runs on the same cores, and so
does PostgreSQL. The limit beside it is the CA's token: what the same workers sign a second when they do nothing else,
at three signatures a renewal.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import json
import os
import pickle
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, cast

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_der_private_key

from benchmarks.authority import customers, made, renew, rig_on
from benchmarks.bench import table
from tests.api.rig import BANK, Customer, Rig
from tests.sql import postgres
from tokenmgr.ca.folder import open_folder

EACH = 250  # renewals of a worker
THREADS = 16
HERE = Path(__file__).parent  # a disk, where /tmp may be memory
_names = (f"crowd{number}" for number in itertools.count())


def run() -> None:
    with contextlib.ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=".renewals-", dir=HERE)))
        folder = stack.enter_context(made(home))
        urls = {"SQLite": f"sqlite:///{home}/crowd.sqlite"}
        if reason := postgres.missing():
            print(f"\nwithout PostgreSQL: {reason}")
        else:
            urls["PostgreSQL"] = stack.enter_context(postgres.Server.started()).database()
        rows = []
        for workers in (1, 2):
            signed = _together(home, folder.path, "", workers)
            rows.append(["the token alone", str(workers), f"{signed / 3:,.0f}", "1"])
            for name, url in urls.items():
                with rig_on(folder, url) as rig:
                    _prepare(rig, home, workers)
                done = _together(home, folder.path, url, workers)
                rows.append([name, str(workers), f"{done:,.0f}", f"{done / (signed / 3):.2f} ×"])
    table(
        f"Renewals a second, durable, {os.cpu_count()} cores, {THREADS} at once in a worker",
        ("registry", "workers", "a second", "to the token alone"),
        rows,
    )


def _prepare(rig: Rig, home: Path, workers: int) -> None:
    for worker in range(workers):
        kept = [
            (one.user, one.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()), one.certificate)
            for one in customers(rig, itertools.islice(_names, EACH))
        ]
        (home / f"customers{worker}").write_bytes(pickle.dumps(kept))


def _together(home: Path, folder: Path, url: str, workers: int) -> float:
    """What they do a second; they begin when all are ready."""
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "benchmarks.throughput", str(folder), url, str(home / f"customers{number}")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(workers)
    ]
    for one in running:
        assert cast(IO[str], one.stdout).readline() == "ready\n"
    started = time.perf_counter()
    for one in running:
        cast(IO[str], one.stdin).close()
    done = sum(json.loads(cast(IO[str], one.stdout).readline()) for one in running)
    seconds = time.perf_counter() - started
    for one in running:
        assert one.wait() == 0
    return float(done / seconds)


def work(folder: Path, url: str, kept: Path) -> None:
    with tempfile.TemporaryDirectory() as nowhere, rig_on(open_folder(folder), url or f"sqlite:///{nowhere}/r") as rig:
        print("ready", flush=True)
        if url:
            people = [
                Customer(rig, user, key=load_der_private_key(key, None), certificate=certificate)  # type: ignore[arg-type]
                for user, key, certificate in pickle.loads(kept.read_bytes())  # noqa: S301  our own
            ]
            sys.stdin.read()
            bank = rig.registry.bank(BANK)
            assert bank is not None
            answer = functools.partial(rig.front.answer, bank, "")
            with ThreadPoolExecutor(THREADS) as pool:
                print(sum(1 for _ in pool.map(lambda one: renew(one, answer), people)), flush=True)
        else:
            key = rig.service.keys.cmp.signer
            assert isinstance(key, ec.EllipticCurvePrivateKey)
            sys.stdin.read()
            for _ in range(3 * EACH):
                key.sign(bytes(700), ec.ECDSA(hashes.SHA256()))
            print(3 * EACH, flush=True)


if __name__ == "__main__":
    work(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
