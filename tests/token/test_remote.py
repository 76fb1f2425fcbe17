"""A medium behind another process (p11-kit server), which is stopped and killed: the nearest thing to a real reader."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.token.helpers import WORDS, logged_in, only
from tokenmgr import catalogue, system
from tokenmgr.config import TimeLimits
from tokenmgr.domain.credential import KeyKind
from tokenmgr.errors import ConnectionLost, LibraryHung, MediumTroubled, TokenmgrError
from tokenmgr.testbed.simulated import SimulatedMedium, softhsm
from tokenmgr.token.module import Library
from tokenmgr.token.session import Session

CLIENT = next(iter(Path("/usr/lib").glob("*/pkcs11/p11-kit-client.so")), None)
pytestmark = pytest.mark.skipif(CLIENT is None, reason="p11-kit-client.so is not installed (p11-kit-modules)")
BOUND = 40.0


class Server:
    """`p11-kit server` in a process group of its own; each client gets a child process of it."""

    def __init__(self, medium: SimulatedMedium, folder: Path) -> None:
        self._environment = {**os.environ, "SOFTHSM2_CONF": str(medium.configuration)}
        self.socket = folder / "s"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.socket.unlink(missing_ok=True)
        self._process = subprocess.Popen(
            ["p11-kit", "server", "--foreground", "--name", self.socket, "--provider", softhsm(), "pkcs11:"],
            env=self._environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        end = time.monotonic() + BOUND
        while not self.socket.exists():
            assert time.monotonic() < end
            time.sleep(0.005)

    def send(self, number: signal.Signals) -> None:
        assert self._process is not None
        os.killpg(self._process.pid, number)
        if number == signal.SIGKILL:
            self._process.wait()
            self._process = None

    def stop(self) -> None:
        if self._process is not None:
            self.send(signal.SIGKILL)

    @property
    def environment(self) -> dict[str, str]:
        return {"P11_KIT_SERVER_ADDRESS": f"unix:path={self.socket}"}

    def library(self, limits: TimeLimits | None = None) -> Library:
        environment = {**os.environ, **self.environment}
        return Library(str(CLIENT), environment, catalogue.shipped().family("softhsm"), limits)


@pytest.fixture
def server(medium: SimulatedMedium) -> Iterator[Server]:
    with tempfile.TemporaryDirectory() as folder:  # a socket's path has 108 bytes, and tmp_path is long
        made = Server(medium, Path(folder))
        made.start()
        yield made
        made.stop()


def test_a_medium_behind_p11_kit_can_do_everything(server: Server) -> None:
    with server.library() as library, logged_in(library, only(library).serial) as session:
        key = session.generate_key(KeyKind.P256, b"\x01", WORDS)
        session.prove(key)
        assert session.judge(key) == ()


def test_a_reader_that_stops_answering_is_hung_within_the_limit_and_found_again_when_it_wakes(server: Server) -> None:
    with server.library(TimeLimits(call=2, load=60)) as library:
        serial = only(library).serial
        session = logged_in(library, serial)
        server.send(signal.SIGSTOP)
        started = time.monotonic()
        with pytest.raises(LibraryHung):
            session.contents()
        assert time.monotonic() - started < BOUND
        server.send(signal.SIGCONT)
        with pytest.raises(ConnectionLost):
            session.contents()
        with logged_in(library, serial) as again:
            again.generate_key(KeyKind.P256, b"\x01", WORDS)


def test_a_reader_that_dies_while_idle_is_a_retriable_error_until_it_is_back(server: Server) -> None:
    with server.library() as library:
        serial = only(library).serial
        session = logged_in(library, serial)
        session.generate_key(KeyKind.P256, b"\x01", WORDS)
        server.send(signal.SIGKILL)
        for _ in range(2):
            with pytest.raises(MediumTroubled) as raised:
                session.contents()
            assert raised.value.answer == "CKR_DEVICE_ERROR"
        session.close()
        with pytest.raises(TokenmgrError) as gone:
            Session.open(library, serial)
        assert gone.value.retriable
        server.start()
        with logged_in(library, serial) as again:
            again.prove(again.contents().key(b"\x01"))


def test_a_reader_that_dies_under_an_open_session_does_not_keep_a_new_one_from_opening(server: Server) -> None:
    """The old session is still held by somebody who has not yet noticed."""
    with server.library() as library:
        serial = only(library).serial
        old = logged_in(library, serial)
        server.send(signal.SIGKILL)
        server.start()
        with logged_in(library, serial) as again:
            again.contents()
        with pytest.raises(TokenmgrError) as raised:
            old.contents()
        assert raised.value.retriable


def test_a_reader_that_dies_in_the_middle_of_a_generation_is_a_retriable_error(server: Server) -> None:
    with server.library() as library:
        serial = only(library).serial
        session = logged_in(library, serial)
        session.generate_key(KeyKind.P256, b"\x01", WORDS)
        with ThreadPoolExecutor(1) as pool:
            running = pool.submit(_generate_for_ever, session)
            time.sleep(0.2)  # whenever it is: a generation is always under way
            server.send(signal.SIGKILL)
            error = running.result(BOUND)
        assert isinstance(error, MediumTroubled)
        assert error.answer == "CKR_DEVICE_ERROR"
        session.close()
        server.start()
        with logged_in(library, serial) as again:
            again.prove(again.contents().key(b"\x01"))
            again.generate_key(KeyKind.P256, b"\x02", WORDS)


def _generate_for_ever(session: Session) -> TokenmgrError:
    for number in range(1000):
        try:
            session.generate_key(KeyKind.RSA_4096, b"rsa %d" % number, WORDS)
        except TokenmgrError as error:
            return error
    raise AssertionError("it was never killed")


def test_who_holds_a_library_is_seen_by_process_name_and_file(server: Server) -> None:
    with server.library() as library:
        only(library)
        mapped = os.path.realpath(softhsm())
        found = system.holders(mapped.__eq__)
        assert found is not None
        held = [(one.name, one.file) for one in found if _group(one.process) == server_group(server)]
    assert ("p11-kit-remote", mapped) in held or ("p11-kit-server", mapped) in held, held


def _group(process: int) -> int:
    try:
        return os.getpgid(process)
    except ProcessLookupError:
        return 0


def server_group(server: Server) -> int:
    assert server._process is not None
    return server._process.pid


def test_this_process_is_never_a_holder_of_its_own() -> None:
    found = system.holders(os.path.realpath(f"/proc/{os.getpid()}/exe").__eq__)
    assert found is not None
    assert os.getpid() not in [one.process for one in found]
