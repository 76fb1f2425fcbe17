"""A library in a child process: whatever becomes of it, the caller goes on, in time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.token.helpers import WORDS, FaultyMedium, logged_in, only
from tokenmgr.config import TimeLimits
from tokenmgr.domain.credential import KeyKind
from tokenmgr.domain.medium import MediumFacts
from tokenmgr.errors import (
    ConnectionLost,
    LibraryCrashed,
    LibraryError,
    LibraryHung,
)
from tokenmgr.testbed.simulated import PIN, SimulatedMedium, softhsm
from tokenmgr.token.module import Library
from tokenmgr.token.session import Session

SOON = TimeLimits(load=60, call=2, generate=2, format=60)
BOUND = 40.0  # far above every limit here: only a caller that hangs gets there


def until(happened: Callable[[], bool]) -> None:
    """Wait for it, not for a time."""
    end = time.monotonic() + BOUND
    while not happened():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.005)


def alive(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


@contextmanager
def in_time() -> Iterator[None]:
    started = time.monotonic()
    yield
    assert time.monotonic() - started < BOUND


def child(library: Library) -> int:
    process = library.worker.process
    assert process is not None
    return process


def mapped(process: int) -> str:
    return Path(f"/proc/{process}/maps").read_text()


# --- standing by ---


def test_a_process_that_stands_by_knows_nothing_of_the_library_until_it_is_asked(faulty: FaultyMedium) -> None:
    with faulty.library(SOON) as library:
        library.stand_by()
        process = child(library)
        until(lambda: "_pkcs11" in mapped(process))  # all that it needs for it is loaded
        assert library.path not in mapped(process)
        only(library)
        assert child(library) == process
        assert library.path in mapped(process)


def test_one_that_is_not_needed_after_all_leaves(faulty: FaultyMedium) -> None:
    with in_time(), faulty.library(SOON) as library:
        library.stand_by()
        process = child(library)
    assert not alive(process)


# --- hangs and crashes ---


def test_a_call_that_hangs_ends_at_its_limit_and_the_next_one_works(faulty: FaultyMedium) -> None:
    with faulty.library(SOON) as library:
        serial = only(library).serial
        session = Session.open(library, serial)
        before = child(library)
        faulty.fault("C_FindObjectsInit", "hang")
        with in_time(), pytest.raises(LibraryHung) as raised:
            session.contents()
        assert raised.value.retriable
        assert (raised.value.call, raised.value.seconds) == ("find", 2)
        assert not alive(before)
        faulty.heal()
        assert library.find(serial).serial == serial
        with pytest.raises(ConnectionLost):
            session.contents()
        with Session.open(library, serial) as again:
            assert again.contents().keys == []


def test_a_library_that_hangs_while_it_loads_ends_at_its_limit(faulty: FaultyMedium) -> None:
    with faulty.library(TimeLimits(load=2)) as library:
        faulty.fault("C_Initialize", "hang")
        with in_time(), pytest.raises(LibraryHung):
            library.media()
        faulty.heal()
        assert library.worker.process is None


def test_a_library_that_hangs_on_its_way_out_does_not_keep_its_process(faulty: FaultyMedium) -> None:
    with in_time(), faulty.library(SOON) as library:
        only(library)
        process = child(library)
        faulty.fault("C_Finalize", "hang")
    assert not alive(process)


@pytest.mark.parametrize("function", ["C_GetTokenInfo", "C_OpenSession", "C_Login", "C_FindObjectsInit", "C_SignInit"])
def test_a_library_that_crashes_in_a_call_is_said_to_and_the_next_one_works(
    faulty: FaultyMedium, function: str
) -> None:
    def use(library: Library) -> None:
        with logged_in(library, only(library).serial) as session:
            for key in session.contents().keys:
                session.prove(key)

    with faulty.library() as library:
        with logged_in(library, only(library).serial) as session:
            session.generate_key(KeyKind.P256, b"\x01", WORDS)
        use(library)
        library.worker.stop()
        faulty.fault(function, "crash")
        with pytest.raises(LibraryCrashed) as raised:
            use(library)
        assert raised.value.status == -signal.SIGABRT
        assert raised.value.retriable
        faulty.heal()
        use(library)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_a_child_that_is_killed_while_idle_is_noticed_and_replaced(
    library: Library, session: Session, number: signal.Signals
) -> None:
    before = child(library)
    os.kill(before, number)
    until(lambda: not alive(before))
    with pytest.raises(LibraryCrashed) as raised:
        session.contents()
    assert raised.value.status == -number
    with pytest.raises(ConnectionLost):
        session.contents()
    assert only(library).serial == session.medium.serial
    assert child(library) != before


def generating(faulty: FaultyMedium) -> Callable[[], bool]:
    number = faulty.fault("C_GenerateKeyPair", "delay", 0)  # which counts that it has begun
    return lambda: any(one.number == number and one.asked > 0 for one in faulty.control.rules())


def test_a_child_that_is_killed_in_the_middle_of_a_generation_leaves_a_medium_that_works(faulty: FaultyMedium) -> None:
    with faulty.library() as library:
        session = logged_in(library, only(library).serial)
        session.generate_key(KeyKind.P256, b"\x01", WORDS)
        running = generating(faulty)
        with ThreadPoolExecutor(1) as pool:
            outcome = pool.submit(session.generate_key, KeyKind.RSA_4096, b"\x02", WORDS)
            until(running)
            os.kill(child(library), signal.SIGKILL)
            with pytest.raises(LibraryCrashed) as raised:
                outcome.result(BOUND)
        assert (raised.value.call, raised.value.status) == ("generate", -signal.SIGKILL)
        with pytest.raises(ConnectionLost):
            session.contents()
        with logged_in(library, only(library).serial) as again:
            assert b"\x01" in [key.key_id for key in again.contents().keys]
            again.generate_key(KeyKind.P256, b"\x03", WORDS)


def test_a_child_that_does_not_even_listen_is_given_up_in_time(library: Library, facts: MediumFacts) -> None:
    """Stopped as a whole: a large question does not fit into the pipe, and must not keep the caller either."""
    with Library(softhsm(), library.worker._environment, library.families[-1], SOON) as stopped:
        session = logged_in(stopped, facts.serial)
        process = child(stopped)
        os.kill(process, signal.SIGSTOP)
        asked = threading.Thread(target=_expect_hung, args=(session,), daemon=True)
        asked.start()
        asked.join(15)
        waited = asked.is_alive()
        if alive(process):
            os.kill(process, signal.SIGKILL)
        asked.join(BOUND)
        assert not waited, "the caller hangs with the child"


def _expect_hung(session: Session) -> None:
    with pytest.raises(LibraryError):
        session._ask("find", template={"CLASS": "DATA", "VALUE": bytes(1_000_000)}, attributes={"DATA": ["LABEL"]})


def test_an_interrupted_wait_does_not_give_the_next_call_the_last_ones_answer(faulty: FaultyMedium) -> None:
    """Ctrl-C during a call: the answer still to come belongs to nobody."""
    script = f"""
import os, signal, threading
from pathlib import Path
from tokenmgr.testbed.simulated import SimulatedMedium
medium = SimulatedMedium(Path({str(faulty.medium.folder)!r}), os.environ)
library = medium.library()
library.media()
medium.fault("C_GetSlotList", "hang")
try:
    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
    library.media()
except KeyboardInterrupt:
    print("interrupted")
medium.control.remove()
print(len(library.media()))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=BOUND, check=False)
    assert done.stdout.split() == ["interrupted", "1"], done.stderr


def test_when_the_parent_dies_the_child_leaves(medium: SimulatedMedium) -> None:
    script = """
import sys
from pathlib import Path
from tokenmgr.testbed.simulated import SimulatedMedium
import os
library = SimulatedMedium(Path(sys.argv[1]), os.environ).library()
library.media()
print(library.worker.process, flush=True)
sys.stdin.read()
"""
    command = [sys.executable, "-c", script, str(medium.folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        orphan = int(parent.stdout.readline())
        assert alive(orphan)
        parent.kill()
    until(lambda: not alive(orphan))


def test_when_the_parent_dies_a_child_whose_library_hangs_leaves_too(faulty: FaultyMedium) -> None:
    script = f"""
import os, threading, time
from pathlib import Path
from tokenmgr.token.module import Library
library = Library({faulty.medium.path!r}, dict(os.environ))
(medium,) = library.media()
print(library.worker.process, flush=True)
library.mechanisms(medium)
"""
    faulty.fault("C_GetMechanismList", "hang")
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        orphan = int(parent.stdout.readline())
        until(lambda: faulty.calls("C_GetMechanismList") > 0)
        parent.kill()
    until(lambda: not alive(orphan))


def test_a_library_is_left_without_a_process_or_a_thread_behind(library: Library) -> None:
    threads = threading.active_count()
    only(library)
    process = child(library)
    library.worker.stop()
    assert not alive(process)
    assert threading.active_count() <= threads


# --- several at once ---


def test_threads_that_share_a_library_take_turns(library: Library, session: Session) -> None:
    def work(number: int) -> bytes:
        key = session.generate_key(KeyKind.P256, b"thread %d" % number, WORDS)
        session.prove(key)
        session.contents()
        return key.key_id

    process = child(library)
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(work, range(8)))
    assert sorted(key.key_id for key in session.contents().keys) == sorted(made)
    assert child(library) == process


WORKLOAD = """
import os, sys
from pathlib import Path
from tokenmgr.domain.credential import KeyKind
from tokenmgr.errors import KeyRefused, TokenmgrError
from tokenmgr.log import Secret
from tokenmgr.testbed.simulated import PIN, SimulatedMedium
from tokenmgr.token.session import Session
folder, serial, name = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
made = []
for number in range(6):
    for attempt in range(20):
        try:
            with SimulatedMedium(folder, os.environ).library() as library:
                with Session.open(library, serial, write=True) as session:
                    session.login(Secret(PIN))
                    key_id = f"{name}{number}.{attempt}".encode()
                    session.prove(session.generate_key(KeyKind.P256, key_id, name))
            made.append(key_id.decode())
            break
        except KeyRefused:  # SoftHSM now and then loses sight of a new key while another process writes: taken back
            continue
        except TokenmgrError as error:
            if not error.retriable:
                raise
print(" ".join(made))
"""


def test_two_processes_on_one_medium_lose_nothing(medium: SimulatedMedium) -> None:
    with medium.library() as library:
        serial = only(library).serial
    command = [sys.executable, "-c", WORKLOAD, str(medium.folder), serial]
    running = [
        subprocess.Popen([*command, name], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for name in "ab"
    ]
    made = []
    for process in running:
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
        made.append(out.split())
    assert [len(one) for one in made] == [6, 6]
    with medium.library() as library, logged_in(library, serial, PIN) as session:
        held = {key.key_id.decode(): key for key in session.contents().keys}
        assert held.keys() >= {*made[0], *made[1]}
        for name in (*made[0], *made[1]):
            session.prove(held[name])
