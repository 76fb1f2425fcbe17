"""`tokenmgr ca serve` as its operator sees it: starting, ending, and what happens to its processes meanwhile."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_pem_x509_certificates

from tests import warm
from tests.actors import TESTER
from tests.cli.runner import MAIN
from tests.interop.running import BANK, PATIENCE, PIN, Authority, authority, keeper, ports_of, serving
from tokenmgr.sql.nodes import Node
from tokenmgr.sql.registry import SqlRegistry


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authority]:
    """Made and served once; the tests start nodes of their own beside it."""
    with authority(tmp_path_factory.mktemp("home")) as made:
        yield made


def serve(ca: Authority, *options: str, pin: str = PIN) -> warm.Done:
    """One that is expected to end by itself."""
    return warm.run(MAIN, "ca", "serve", *options, "--pin-fd", "0", environment=ca.environment, typed=f"{pin}\n")


def until(holds: Callable[[], bool]) -> None:
    ends = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < ends, "it did not come to that"
        time.sleep(0.05)


def workers_at(port: int) -> list[int]:
    """The processes that serve there: those of this user that have the keeper's socket by number."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if b"worker" in words and b"--socket" in words and _parent_listens(int(entry.name), port):
                found.append(int(entry.name))
    return found


def _parent_listens(process: int, port: int) -> bool:
    wanted = f":{port:04X} "
    inodes = {
        line.split()[9]
        for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]
        if wanted in line and line.split()[3] == "0A"
    }
    try:
        opened = {str(one.readlink()) for one in Path(f"/proc/{process}/fd").iterdir()}
    except OSError:
        return False
    return any(f"socket:[{inode}]" in opened for inode in inodes)


def test_it_is_healthy_ready_and_counts(ca: Authority) -> None:
    assert json.loads(ca.fetch("/healthz")) == {"healthy": True}
    assert json.loads(ca.fetch("/readyz")) == {"ready": True}
    assert b'tokenmgr_answers_total{route="readyz",status="200"}' in ca.fetch("/metrics")


def test_a_worker_that_is_killed_is_started_anew(ca: Authority) -> None:
    with serving(ca) as port:
        before = workers_at(port)
        assert len(before) == 2
        os.kill(before[0], signal.SIGKILL)
        until(lambda: len(workers_at(port)) == 2 and before[0] not in workers_at(port))
        for _ in range(4):
            assert _get(ca, port, "/readyz") == 200


def test_it_finishes_what_it_began(ca: Authority) -> None:
    """A request whose body is still on its way when the service is told to stop is answered."""
    with serving(ca, workers=1) as port:
        connection = http.client.HTTPSConnection("127.0.0.1", port, context=ca.context, timeout=PATIENCE)
        connection.putrequest("POST", f"/banks/{BANK}/acquisitions")
        connection.putheader("Content-Type", "application/json")
        connection.putheader("Content-Length", "2")
        connection.endheaders(b"{")
        until(lambda: _get(ca, port, "/healthz") == 200)  # so the one before it is being worked on
        (worker,) = workers_at(port)
        keeper = int(Path(f"/proc/{worker}/stat").read_text(encoding="ascii").split()[3])
        os.kill(keeper, signal.SIGTERM)
        until(lambda: not _accepts(port))
        connection.send(b"}")
        answer = connection.getresponse()
        assert (answer.status, json.loads(answer.read())["error"]["code"]) == (400, "R113")


def test_its_workers_end_when_the_keeper_is_killed(ca: Authority) -> None:
    kept: list[int] = []

    def kill_the_keeper() -> None:
        with serving(ca) as port:
            kept.extend(workers_at(port))
            keeper = int(Path(f"/proc/{kept[0]}/stat").read_text(encoding="ascii").split()[3])
            os.kill(keeper, signal.SIGKILL)

    with pytest.raises(AssertionError):  # it did not end with status 0
        kill_the_keeper()
    until(lambda: not any(Path(f"/proc/{one}").exists() for one in kept))


def test_one_that_was_killed_and_started_again_is_the_same_node(ca: Authority) -> None:
    """Else its old name would be told as silent for a week."""
    port = killed_at_work(ca, 0)
    assert killed_at_work(ca, port) == port
    assert len(nodes_at(ca, port)) == 1


def killed_at_work(ca: Authority, port: int) -> int:
    """After its worker has said once that it lives, under its keeper's name."""
    at = ("--listen", f"127.0.0.1:{port}", "--status-listen", "127.0.0.1:0", "--workers", "1")
    with keeper(ca, *at) as node:
        port = ports_of(node)[0]
        until(lambda: nodes_at(ca, port)[0].seen_at > nodes_at(ca, port)[0].started_at)
        node.kill()
        node.wait()
    until(lambda: not workers_at(port))
    return port


def nodes_at(ca: Authority, port: int) -> list[Node]:
    return [one for one in ca.administration.nodes() if one.name.endswith(f"/127.0.0.1:{port}")]


@pytest.mark.parametrize("language", ["ja", "en"])
def test_a_wrong_pin_is_told_and_nothing_is_started(ca: Authority, language: str) -> None:
    done = serve(ca, "--listen", "127.0.0.1:0", "--lang", language, pin="not the PIN at all")
    assert done.returncode == 4
    assert "A112" in done.stderr
    assert "not the PIN" not in done.stdout + done.stderr


def test_a_wrong_pin_at_another_prompt_is_no_concern_of_those_that_serve(ca: Authority) -> None:
    """Their own is right: after somebody's mistake they still log in again when the token's library has died."""
    with serving(ca, workers=1) as port:
        (worker,) = workers_at(port)
        assert serve(ca, "--listen", "127.0.0.1:0", pin="not the PIN at all").returncode == 4
        for library in _children_of(worker):
            os.kill(library, signal.SIGKILL)
        assert _get(ca, port, "/readyz") == 200


def _children_of(process: int) -> list[int]:
    found = Path(f"/proc/{process}/task").glob("*/children")
    return [int(one) for file in found for one in file.read_text(encoding="ascii").split()]


def test_a_registry_that_is_gone_is_not_replaced_by_an_empty_one(tmp_path: Path) -> None:
    """Which would forget who is who, and what was revoked."""
    with authority(tmp_path) as made:
        file = made.folder.path / "registry.sqlite"
    kept = file.read_bytes()
    for one in file.parent.glob("registry.sqlite*"):
        one.unlink()
    done = serve(made, "--listen", "127.0.0.1:0")
    assert (done.returncode, "R121" in done.stderr, file.exists()) == (4, True, False)
    file.write_bytes(kept)
    with serving(made) as port:
        assert _get(made, port, "/readyz") == 200


def test_a_tls_key_of_another_making_is_noticed(ca: Authority) -> None:
    key = ca.folder.path / "tls" / "key.pem"
    kept = key.read_bytes()
    key.write_text("-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n")
    with serving(ca, workers=1) as port:
        assert _get(ca, port, "/healthz") == 200
    assert key.read_bytes() not in (kept, b"")


def test_an_address_that_is_taken_is_told(ca: Authority) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = serve(ca, "--listen", f"127.0.0.1:{taken.getsockname()[1]}")
    assert (done.returncode, "R118" in done.stderr) == (2, True)


def test_a_tls_key_that_is_none_is_told_before_anything_is_started(ca: Authority, tmp_path: Path) -> None:
    file = tmp_path / "none.pem"
    file.write_text("no key")
    done = serve(ca, "--tls-certificate", str(ca.root), "--tls-key", str(file))
    assert (done.returncode, "R119" in done.stderr) == (4, True)
    assert serve(ca, "--tls-key", str(file)).returncode == 2


@pytest.mark.parametrize("address", ["localhost", "localhost:", ":80", "localhost:x", "localhost:70000"])
def test_an_address_that_is_none_is_a_usage_error(ca: Authority, address: str) -> None:
    assert serve(ca, "--listen", address).returncode == 2


def test_its_own_certificate_is_known_to_the_registry_and_made_once(ca: Authority) -> None:
    chain = ca.folder.path / "tls" / "chain.pem"
    before = chain.read_bytes()
    with serving(ca, workers=1) as port:
        assert _get(ca, port, "/healthz") == 200
    assert chain.read_bytes() == before
    own = load_pem_x509_certificates(before)[0]
    known = SqlRegistry(ca.administration._database, TESTER).generation(own.serial_number)
    assert known is not None
    assert known.certificate == own.public_bytes(Encoding.DER)


def test_an_endless_head_is_cut_off(ca: Authority) -> None:
    """And costs no memory: what is over the bound is never kept."""
    sent = 0
    with ca.context.wrap_socket(socket.create_connection(("127.0.0.1", ca.port)), server_hostname="127.0.0.1") as one:
        one.settimeout(PATIENCE)
        one.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n")
        with contextlib.suppress(OSError):  # the other side has had enough
            while sent < 20_000_000:
                one.sendall(b"X-Filler: " + b"x" * 8000 + b"\r\n")
                sent += 8000
    assert sent < 20_000_000
    assert json.loads(ca.fetch("/healthz")) == {"healthy": True}


def test_requests_from_a_crowd_are_all_answered(ca: Authority) -> None:
    answers: list[int] = []
    crowd = [threading.Thread(target=lambda: answers.append(_get(ca, ca.port, "/readyz"))) for _ in range(24)]
    for one in crowd:
        one.start()
    for one in crowd:
        one.join()
    assert answers == [200] * 24


def _get(ca: Authority, port: int, path: str) -> int:
    connection = http.client.HTTPSConnection("127.0.0.1", port, context=ca.context, timeout=PATIENCE)
    connection.request("GET", path)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status


def _accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
