"""What a renewal costs beyond what it is made of: `tokenmgr renew` as a process, from its start to its end, beside a
bare script that makes the fewest PKCS#11 calls that a renewal is made of, and beside what the CA takes for its answers.

The medium is SoftHSM in memory and the CA is on loopback, so that next to nothing hides what we add. On a card each
call takes its time, so the calls of both are counted too, by the layer of a simulated medium.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.bare_renewal import SIGNATURES
from benchmarks.bench import Measured, in_turns, spread, table
from benchmarks.media import medium
from tests.cli.runner import PROGRAM
from tests.interop.running import BANK, CONFIRMATION_PIN, CONTRACT, LOGIN_PIN, POLICY, Authority, founded, serving
from tokenmgr import clock
from tokenmgr.domain.credential import KeyKind
from tokenmgr.domain.policy import OldGeneration
from tokenmgr.renewal.journal import Journal
from tokenmgr.testbed.bed import Testbed
from tokenmgr.testbed.simulated import PIN, SimulatedMedium

TURNS, RUNS = 6, 3
KINDS = (KeyKind.P256, KeyKind.RSA_2048)
HERE = Path(__file__).parent  # a disk, where /tmp may be memory


@dataclass
class Customer:
    """A computer with one medium on it; what the CA has taken for its answers so far is read from its metrics."""

    home: Path
    ca: Authority
    kind: KeyKind
    answers: list[float] = field(default_factory=list)
    token: list[float] = field(default_factory=list)
    starts: list[float] = field(
        default_factory=list
    )  # until the journal begins: what a window that is open has behind it

    def renew(self) -> list[float]:
        return [self._renew() for _ in range(RUNS)]

    def _renew(self) -> float:
        before, at, started = self._answering(), time.time(), time.perf_counter()
        said = self.run("renew", "-vv", "--kind", self.kind.value)
        taken = (time.perf_counter() - started) * 1e6
        self.answers.append(self._answering() - before)
        heading = json.loads(self.newest().read_text().splitlines()[0])
        self.starts.append((datetime.fromisoformat(heading["at"]).timestamp() - at) * 1e6)
        # An RSA key takes as long as luck has it, so it is this very one's time that counts.
        calls = re.findall(r"\b(?:generate|sign) ok ([0-9.]+) ms", said)
        if len(calls) <= SIGNATURES:
            raise RuntimeError(f"a key and {SIGNATURES} signatures at least were expected: {calls}")
        self.token.append(sum(map(float, calls)) * 1000)
        return taken

    def run(self, *command: str) -> str:
        """What it says of its calls to the medium."""
        environment = {**os.environ, "TOKENMGR_HOME": str(self.home), "no_proxy": "*"}
        with pipe(PIN) as pin, pipe(LOGIN_PIN) as login, pipe(CONFIRMATION_PIN) as confirmation:
            options = ["--pin-fd", str(pin)]
            if command[0] == "acquire":
                options += ["--login-pin-fd", str(login), "--confirmation-pin-fd", str(confirmation)]
            given = (pin, login, confirmation)
            done = subprocess.run(
                [PROGRAM, *command, *options],
                env=environment,
                pass_fds=given,
                check=True,
                capture_output=True,
                text=True,
            )
        return done.stderr

    def _answering(self) -> float:
        """Microseconds."""
        told = self.ca.fetch("/metrics").decode()
        found = re.findall(r'^tokenmgr_[a-z_]*seconds_sum\{route="(?:bank|key|cmp)"\} ([0-9.e-]+)', told, re.M)
        if not found:
            raise RuntimeError("the CA tells of no answers")
        return sum(map(float, found)) * 1e6

    def newest(self) -> Path:
        """Journal; several may have been begun in one second, and that is what their names say."""
        return max((self.home / "journal").glob("*.jsonl"), key=lambda one: one.stat().st_mtime_ns)

    def lines(self) -> int:
        return len(self.newest().read_text().splitlines())

    def forget(self) -> None:
        for figures in (self.answers, self.token, self.starts):
            figures.clear()


@contextmanager
def pipe(text: str) -> Iterator[int]:
    reading, writing = os.pipe()
    os.write(writing, f"{text}\n".encode())
    os.close(writing)
    yield reading
    os.close(reading)


@contextmanager
def customer(ca: Authority, home: Path, one: SimulatedMedium, kind: KeyKind) -> Iterator[Customer]:
    """With a certificate that may be renewed, and a bank that has the old one go at once: so it stays at one."""
    (home / "libraries.d").mkdir()
    library = {"path": one.path, "family": "softhsm"}
    text = "".join(f"{name} = {json.dumps(value)}\n" for name, value in library.items())
    variables = "".join(f"{name} = {json.dumps(value)}\n" for name, value in one.environment.items())
    (home / "libraries.d" / "bench.toml").write_text(f"{text}[environment]\n{variables}")
    at_once = dataclasses.replace(POLICY, old_generation=OldGeneration.AT_CONFIRMATION)
    ca.administration.change_bank(BANK, lambda bank: dataclasses.replace(bank, policy=at_once))
    (home / "settings.toml").write_text("catalogue = false\nusb = false\n")
    (home / "banks.d").mkdir()
    told = {"code": BANK, "name": "みほん", "address": ca.url, "roots": ca.root.read_text()}
    text = "".join(f"{name} = {json.dumps(value)}\n" for name, value in told.items())
    (home / "banks.d" / "bank.toml").write_text(text)
    made = Customer(home, ca, kind)
    made.run("acquire", "--contract", CONTRACT, "--user", ca.enrol().user, "--kind", kind.value)
    yield made


def run() -> None:
    rows = []
    for kind in KINDS:
        with (
            TemporaryDirectory(prefix=".renewal-", dir=HERE) as folder,
            founded(Path(folder) / "ca") as ca,
            serving(ca, 1, ca.status_port) as ca.port,
            medium() as (one, _serial),
            medium() as (other, _),
            customer(ca, Path(folder), one, kind) as made,
        ):
            rows.append(_row(made, Bare(other, kind), Path(folder)))
    headings = ("key", "tokenmgr renew", "until it begins", "bare script", "its key and signatures", "the CA's answers",
                "beyond", "ratio", "journal")  # fmt: skip
    table("A renewal, from start to end; aim: 150 ms beyond key, signatures and answers", headings, rows)
    _count_calls()


def _count_calls() -> None:
    kind = KINDS[0]
    with (
        TemporaryDirectory(prefix=".renewal-", dir=HERE) as folder,
        founded(Path(folder) / "ca") as ca,
        serving(ca, 1, ca.status_port) as ca.port,
        TemporaryDirectory() as media,
    ):
        bed = Testbed(Path(media), os.environ, plain=False)
        ours, bare = (bed.up("fresh", name=name)[0] for name in ("ours", "bare"))
        with customer(ca, Path(folder), ours, kind) as made:
            acts = {"tokenmgr renew": (ours, made.renew), "bare script": (bare, Bare(bare, kind).run)}
            rows = [_calls(name, *one) for name, one in acts.items()]
        bed.down()
    table("PKCS#11 calls of a renewal", ("", "calls", "most of them"), rows)


def _calls(name: str, one: SimulatedMedium, act: Callable[[], object]) -> list[str]:
    act()  # what is replaced is there from now on
    known = len(list(one.control.calls()))
    act()
    calls = Counter(call.function for call in list(one.control.calls())[known:])
    usual = ", ".join(f"{function} {count // RUNS}" for function, count in calls.most_common(4))
    return [name, str(calls.total() // RUNS), usual]


def _row(made: Customer, bare: Bare, folder: Path) -> list[str]:
    made.renew()
    made.forget()
    taken = in_turns(TURNS, {"ours": made.renew, "bare": bare.run})
    ours, peer = taken["ours"], taken["bare"]
    token, answers, starts = (_by_turn(one) for one in (made.token, made.answers, made.starts))
    beyond = [a - b - c for a, b, c in zip(*(_medians(one) for one in (ours, token, answers)), strict=True)]
    ratios = [a / (b + c) for a, b, c in zip(*(_medians(one) for one in (ours, peer, answers)), strict=True)]
    written = _journal(made.lines(), folder)
    share = f"{made.lines()} writes, {written / 1000:.0f} ms, {written / ours.median:.0%}"
    figures = (str(one) for one in (ours, starts, peer, token, answers))
    return [made.kind.value, *figures, spread([one / 1000 for one in beyond]) + " ms", spread(ratios) + " ×", share]


def _by_turn(figures: list[float]) -> Measured:
    return Measured([figures[i : i + RUNS] for i in range(0, len(figures), RUNS)])


def _medians(measured: Measured) -> list[float]:
    return [sorted(turn)[len(turn) // 2] for turn in measured.turns]


def _journal(lines: int, folder: Path) -> float:
    """So many writes, each durable, on the disk that the journals are on."""
    with Journal.create(folder / "alone", "alone", {}, clock.now()) as journal:
        started = time.perf_counter()
        for _ in range(lines):
            journal.write(None, journal.lines[0].phase, {"certificate": "x" * 1000}, clock.now())
    return (time.perf_counter() - started) * 1e6


@dataclass
class Bare:
    """benchmarks/bare_renewal.py, each time a new process."""

    medium: SimulatedMedium
    kind: KeyKind

    def run(self) -> list[float]:
        taken = []
        for _ in range(RUNS):
            started = time.perf_counter()
            subprocess.run(
                [sys.executable, "-m", "benchmarks.bare_renewal", self.medium.path, self.kind.value],
                env={**os.environ, **self.medium.environment},
                cwd=HERE.parent,
                input=f"{PIN}\n",
                text=True,
                check=True,
            )
            taken.append((time.perf_counter() - started) * 1e6)
        return taken
