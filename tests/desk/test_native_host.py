"""The native host, as browsers run it: a process, a message, an answer. And its framing, whatever comes in."""

from __future__ import annotations

import io
import json
import os
import shutil
import struct
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.desk.bank import SITE, HandingBank, jti_of
from tokenmgr import __version__
from tokenmgr.desk import native_host
from tokenmgr.desk.handovers import Handovers
from tokenmgr.domain.extension import CHROMIUM_ORIGIN, FIREFOX_ID
from tokenmgr.domain.handover import OPENED, Progress, State

CHROMIUM = [CHROMIUM_ORIGIN]
FIREFOX = ["/home/user/.mozilla/native-messaging-hosts/jp.tokenmgr.desk.json", FIREFOX_ID]
REFUSED, MALFORMED = {"error": "refused"}, {"error": "malformed"}


def framed(message: object) -> bytes:
    data = json.dumps(message).encode()
    return struct.pack("=I", len(data)) + data


def padded_hello(length: int) -> bytes:
    """Good but for its length: blanks after it are JSON's own."""
    return struct.pack("=I", length) + json.dumps({"do": "hello", "origin": SITE}).encode().ljust(length)


def answer_in(data: bytes) -> dict[str, Any]:
    """There is one, and nothing after it."""
    (length,) = struct.unpack("=I", data[:4])
    assert len(data) == 4 + length
    told: dict[str, Any] = json.loads(data[4:])
    return told


class Computer:
    """A customer's, on which `tokenmgr` is a program that notes what it is started with, and what it is then told: what
    the host starts is seen, and nothing is opened."""

    def __init__(self, folder: Path, bank: HandingBank) -> None:
        self.home, self.bank, self.started = folder / "home", bank, folder / "started"
        bank.hand_out(self.home)
        own = folder / "python"
        (own / "bin").mkdir(parents=True)
        (own / "bin" / "python").symlink_to(sys.executable)
        (own / "lib").symlink_to(Path(sys.prefix) / "lib")
        shutil.copy(Path(sys.prefix) / "pyvenv.cfg", own)
        self.python, program = own / "bin" / "python", own / "bin" / "tokenmgr"
        os.mkfifo(self.started)
        program.write_text(
            f"#!/bin/sh\n{{ cut -d ' ' -f 6 /proc/$$/stat; printf '%s\\n' \"$@\"; cat; }} >{self.started}\n"
        )
        program.chmod(0o755)

    def run(self, data: bytes, caller: list[str]) -> subprocess.CompletedProcess[bytes]:
        line = [str(self.python), "-m", "tokenmgr", "native-host", *caller]
        environment = {**os.environ, "TOKENMGR_HOME": str(self.home)}
        return subprocess.run(line, input=data, env=environment, capture_output=True, check=True, timeout=60)

    def ask(self, message: object, caller: list[str] = CHROMIUM) -> dict[str, Any]:
        done = self.run(framed(message), caller)
        assert not done.stderr
        return answer_in(done.stdout)

    def begin(self, ticket: str, origin: str = SITE, caller: list[str] = CHROMIUM) -> dict[str, Any]:
        return self.ask({"do": "begin", "origin": origin, "ticket": ticket}, caller)

    def progress(self, ticket: str, origin: str = SITE) -> dict[str, Any]:
        return self.ask({"do": "progress", "origin": origin, "ticket": ticket})

    @property
    def handovers(self) -> Handovers:
        return Handovers(self.home)

    def files(self) -> set[str]:
        return {one.name for one in self.handovers.folder.glob("*.json")}


@pytest.fixture(scope="module")
def bank() -> HandingBank:
    return HandingBank()


@pytest.fixture
def computer(tmp_path: Path, bank: HandingBank) -> Computer:
    return Computer(tmp_path, bank)


# --- processes ---


@pytest.mark.parametrize(
    "caller", [CHROMIUM, [*CHROMIUM, "--parent-window=0"], FIREFOX], ids=["", "windows", "firefox"]
)
def test_a_banks_site_is_told_that_the_program_is_there(computer: Computer, caller: list[str]) -> None:
    assert computer.ask({"do": "hello", "origin": SITE}, caller) == {"version": __version__}


def test_a_ticket_starts_the_program_once_and_the_page_may_ask_how_far_it_is(computer: Computer) -> None:
    ticket = computer.bank.ticket()
    assert computer.begin(ticket) == {"state": "waiting"}
    session, *arguments = computer.started.read_text().split()
    assert arguments == ["desk", "-", f"tokenmgr://renew?t={ticket}"]  # the ticket on its standard input
    assert int(session) != os.getsid(0)  # it outlives whoever started it
    computer.handovers.tell(jti_of(ticket), SITE, OPENED)
    assert computer.begin(ticket) == computer.progress(ticket) == {"state": "open"}
    computer.handovers.tell(jti_of(ticket), SITE, Progress(State.WORKING, 4))
    assert computer.progress(ticket) == {"state": "working", "step": 4}
    computer.handovers.tell(jti_of(ticket), SITE, Progress(State.FAILED, code="M104"))
    assert computer.progress(ticket) == {"state": "failed", "code": "M104"}
    assert computer.progress(ticket, "https://other.example") == REFUSED
    computer.begin(acquiring := computer.bank.ticket(act="acquire"))
    assert computer.started.read_text().split()[1:] == [
        "desk",
        "-",
        f"tokenmgr://acquire?t={acquiring}",
    ]  # and none before


def test_a_site_that_is_no_banks_gets_nothing_and_the_customer_is_told_of_it(computer: Computer) -> None:
    evil = "https://evil.example"
    assert computer.ask({"do": "hello", "origin": evil}) == REFUSED
    assert not computer.handovers.refused()  # whoever only looks has asked for nothing
    assert computer.begin(computer.bank.ticket(), origin=evil) == REFUSED  # another's ticket
    assert computer.begin(computer.bank.ticket(evil), origin=evil) == REFUSED  # one of its own, somehow signed
    assert [one.origin for one in computer.handovers.refused()] == [evil]
    assert computer.files() == {"refused.json"}


def test_what_is_no_good_ticket_is_refused_without_a_word_why(computer: Computer) -> None:
    over = computer.bank.ticket(ago=timedelta(minutes=7))
    forged = HandingBank(roots=computer.bank.roots).ticket()
    anothers = computer.bank.ticket("https://ib2.example")
    computer.bank.hand_out(computer.home, SITE, "https://ib2.example")
    for ticket in (over, forged, anothers, "no.ticket.atall"):
        assert computer.begin(ticket) == REFUSED
    assert not computer.files()  # nor is a bank's own site told to the customer as a strange one


@pytest.mark.parametrize(
    "caller",
    [[], ["chrome-extension://aaaabbbbccccddddeeeeffffgggghhhh/"], [FIREFOX[0], "other@example"], [FIREFOX_ID]],
    ids=["nobody", "chromium", "firefox", "misplaced"],
)
def test_another_extension_gets_nothing(
    tmp_path: Path, bank: HandingBank, monkeypatch: pytest.MonkeyPatch, caller: list[str]
) -> None:
    bank.hand_out(tmp_path)
    monkeypatch.setenv("TOKENMGR_HOME", str(tmp_path))
    hello = framed({"do": "hello", "origin": SITE})
    assert told(hello, CHROMIUM) == {"version": __version__}
    assert told(hello, caller) == REFUSED


@pytest.mark.parametrize(
    "data",
    [struct.pack("=I", 100) + b"{}", padded_hello(native_host.LONGEST + 1)],
    ids=["cut-short", "oversized"],
)
def test_what_is_no_message_is_answered_and_is_the_end(computer: Computer, data: bytes) -> None:
    done = computer.run(data, CHROMIUM)
    assert (answer_in(done.stdout), done.stderr) == (MALFORMED, b"")


def test_settings_that_cannot_be_read_are_no_business_of_a_page(computer: Computer) -> None:
    (computer.home / "settings.toml").write_text("language = 5")
    assert computer.ask({"do": "hello", "origin": SITE}) == {"error": "unavailable"}


def test_a_program_that_cannot_be_started_has_not_begun(computer: Computer) -> None:
    (computer.python.parent / "tokenmgr").write_text("")
    ticket = computer.bank.ticket()
    assert computer.begin(ticket) == {"error": "unavailable"}
    assert computer.progress(ticket) == REFUSED
    assert not computer.files()


# --- framing, in this process ---


def told(data: bytes, caller: list[str] = CHROMIUM) -> dict[str, Any]:
    outgoing = io.BytesIO()
    assert native_host.main(caller, io.BytesIO(data), outgoing) == 0
    return answer_in(outgoing.getvalue())


def test_the_longest_message_is_read() -> None:
    assert native_host.read(io.BytesIO(padded_hello(native_host.LONGEST))).do == "hello"


@given(st.binary(max_size=200) | st.binary(max_size=200).map(lambda data: struct.pack("=I", len(data)) + data))
def test_whatever_comes_in_there_is_one_answer(data: bytes) -> None:
    assert told(data) == MALFORMED


json_values = st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda one: st.lists(one, max_size=3))


@given(
    st.dictionaries(
        st.sampled_from(["do", "origin", "ticket", "more"]),
        st.sampled_from(["hello", "begin", "progress", SITE, "http://ib.example", "https://IB.example/", "a b"])
        | json_values,
    )
)
def test_what_is_read_is_exactly_a_command(message: dict[str, Any]) -> None:
    wanted = {"do", "origin"} | ({"ticket"} if message.get("do") in ("begin", "progress") else set())
    fits = set(message) == wanted and message["do"] in ("hello", "begin", "progress") and message["origin"] == SITE
    fits = fits and message.get("ticket", SITE[:5]) in ("hello", "begin", "progress", "https")
    if fits:
        asked = native_host.read(io.BytesIO(framed(message)))
        assert {"do": asked.do, "origin": asked.origin} == {"do": message["do"], "origin": SITE}
    else:
        with pytest.raises(native_host.Refusal, match=native_host.MALFORMED):
            native_host.read(io.BytesIO(framed(message)))


@pytest.mark.parametrize("length", [4096, 4097])
def test_the_longest_ticket_is_read_and_no_longer_one(length: int) -> None:
    message = framed({"do": "progress", "origin": SITE, "ticket": "x" * length})
    if length > 4096:
        assert told(message) == MALFORMED
    else:
        assert native_host.read(io.BytesIO(message)).ticket == "x" * length
