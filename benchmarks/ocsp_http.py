"""OCSP answers a second through a real `tokenmgr ca serve --workers 1`, beside `openssl ocsp -multi 2`.

    python -m benchmarks ocsp

The same program asks both. A core's figure is by the processor time that the server took: the asker runs beside it.
Ours has its keys in SoftHSM, OpenSSL's in a file; OpenSSL signs each answer anew, and closes after it.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import pickle
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509 import OCSPNonce, ocsp

from benchmarks.bench import spread, table
from tests.ca.made import key
from tests.ca.status import FIRST, status_ca
from tests.interop import running
from tests.interop.running import Authority
from tokenmgr import clock
from tokenmgr.ca.certificate import read_certificate
from tokenmgr.domain.credential import KeyKind
from tokenmgr.domain.generation import Generation, State

TURNS, COUNT, AT_ONCE = 5, 3_000, 8
CERTIFICATES = 1_000
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Asked:
    """A kind of request: whom, over how many connections, and whether they are kept."""

    port: int
    processes: list[int]
    requests: list[bytes]
    keeps: bool
    count: int = COUNT


@dataclass(frozen=True)
class Taken:
    a_second: float
    a_core: float


def run() -> None:
    with contextlib.ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        ca = stack.enter_context(running.authority(home / "ca", workers=1))
        rows = [["from the registry, made ahead, kept connection", *_figures([_registry(ca)]), ""]]
        peer = stack.enter_context(_openssl(home))
        worker = _worker(ca.status_port)
        serial = ca.folder.files["cmp.pem"].serial
        nonces = [_post(ca, serial, os.urandom(32)) for _ in range(100)]
        kinds = {
            "openssl ocsp -multi 2": peer,
            "from memory, one connection each": Asked(ca.status_port, [worker], [_get(ca, serial, b"", False)], False),
            "from memory, kept connection": Asked(ca.status_port, [worker], [_get(ca, serial, b"", True)], True),
            "POST, from memory, kept connection": Asked(ca.status_port, [worker], [_post(ca, serial, b"")], True),
            "signed anew with a nonce, kept connection": Asked(
                ca.status_port, _with_children(worker), nonces, True, 1_000
            ),
        }  # fmt: skip
        turns: dict[str, list[Taken]] = {name: [] for name in kinds}
        for turn in range(TURNS):
            for name in list(kinds)[:: -1 if turn % 2 else 1]:
                turns[name].append(_ask(kinds[name]))
        theirs = turns["openssl ocsp -multi 2"]
        for name, taken in turns.items():
            against = spread([mine.a_core / its.a_core for mine, its in zip(taken, theirs, strict=True)]) + " ×"
            rows.append([name, *_figures(taken), against])
    headings = ("answer", "a second", "a second and core", "to openssl's, by core")
    table(f"OCSP over HTTP, one worker, {AT_ONCE} askers at once", headings, rows)


def _figures(taken: Sequence[Taken]) -> list[str]:
    middle = sorted(taken, key=lambda one: one.a_core)[len(taken) // 2]
    return [f"{middle.a_second:,.0f}", f"{middle.a_core:,.0f}"]


def _ask(asked: Asked) -> Taken:
    how = "keep" if asked.keeps else "once"
    line = [sys.executable, "-m", "benchmarks.load", "127.0.0.1", str(asked.port), str(AT_ONCE), str(asked.count), how]
    before = _processor(asked.processes)
    done = subprocess.run(line, input=pickle.dumps(asked.requests), capture_output=True, check=True, timeout=120)
    spent = _processor(asked.processes) - before
    said = json.loads(done.stdout)
    assert said["good"] == asked.count, said
    return Taken(asked.count / said["seconds"], asked.count / max(spent, 1 / TICKS))


def _processor(processes: Sequence[int]) -> float:
    """Seconds that they have taken of it, those that they have waited for included."""
    taken = 0
    for one in processes:
        fields = Path(f"/proc/{one}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        taken += sum(map(int, fields[11:15]))
    return taken / TICKS


def _worker(port: int) -> int:
    """Of the CA that listens there."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                words = (entry / "cmdline").read_bytes().split(b"\0")
                keeper = int((entry / "stat").read_text(encoding="ascii").rpartition(")")[2].split()[1])
                above = (Path("/proc") / str(keeper) / "cmdline").read_bytes()
                if b"--status-socket" in words and f"127.0.0.1:{port}".encode() in above:
                    return int(entry.name)
    raise LookupError(port)


def _with_children(process: int) -> list[int]:
    found = Path(f"/proc/{process}/task").glob("*/children")
    return [process, *(int(one) for file in found for one in file.read_text(encoding="ascii").split())]


# --- ours -----------------------------------------------------------------------------------------------------------


def _request(issuing: bytes, serial: int, nonce: bytes) -> bytes:
    id_of = ocsp.OCSPRequestBuilder().add_certificate_by_hash(*_hashes(issuing), serial, SHA1())  # noqa: S303
    if nonce:
        id_of = id_of.add_extension(OCSPNonce(nonce), critical=False)
    return id_of.build().public_bytes(Encoding.DER)


def _hashes(issuing: bytes) -> tuple[bytes, bytes]:
    import hashlib

    from tokenmgr.pki import der

    read = read_certificate(issuing)
    _algorithm, spki = der.children(read.public_key)
    return hashlib.sha1(read.subject).digest(), hashlib.sha1(spki.body[1:]).digest()  # noqa: S324  the form that all use


def _issuing(ca: Authority) -> bytes:
    return ca.folder.files["issuing.pem"].der


def _get(ca: Authority, serial: int, nonce: bytes, keeps: bool) -> bytes:
    path = quote(base64.b64encode(_request(_issuing(ca), serial, nonce)).decode("ascii"), safe="")
    close = "" if keeps else "Connection: close\r\n"
    return f"GET /ocsp/{path} HTTP/1.1\r\nHost: ca\r\n{close}\r\n".encode("ascii")


def _post(ca: Authority, serial: int, nonce: bytes) -> bytes:
    return _posted("/ocsp", _request(_issuing(ca), serial, nonce), "")


def _posted(path: str, body: bytes, more: str) -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: ca\r\n{more}Content-Type: application/ocsp-request\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode("ascii") + body


def _registry(ca: Authority) -> Taken:
    """Each of many certificates once, after their answers have been made ahead."""
    now = clock.now().replace(microsecond=0)
    serials = [(1 << 126) + number for number in range(CERTIFICATES)]
    for serial in serials:
        ca.administration.adopt(
            Generation(serial, None, State.ACTIVE, None, b"", now, now + timedelta(days=9), certificate=b"x")
        )
    ends = time.monotonic() + 120
    while sum(one.answer is not None for one in ca.administration.told_after(0, 10_000)) < CERTIFICATES:
        assert time.monotonic() < ends, "no answers were made"
        time.sleep(1)
    worker = _worker(ca.status_port)
    requests = [_get(ca, serial, b"", True) for serial in serials]
    return _ask(Asked(ca.status_port, [worker], requests, True, CERTIFICATES))


# --- OpenSSL's --------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _openssl(folder: Path) -> Iterator[Asked]:
    ca, port = status_ca(KeyKind.P256), running.free_port()
    ca.write(folder)
    signer = key(KeyKind.P256, 3).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "ocsp.key").write_bytes(signer)
    (folder / "index").write_text(f"V\t320101000000Z\t\t{FIRST:032X}\tunknown\t/CN=0\n")
    line = ["openssl", "ocsp", "-port", str(port), "-index", "index", "-CA", "issuing.pem", "-rsigner", "ocsp.pem"]
    line += ["-rkey", "ocsp.key", "-ndays", "1", "-multi", "2"]
    request = _posted("/", _request(ca.issuing.certificate, FIRST, b""), "Connection: close\r\n")
    with subprocess.Popen(line, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as serving:
        try:
            time.sleep(1)
            yield Asked(port, _with_children(serving.pid), [request], False)
        finally:
            serving.terminate()
