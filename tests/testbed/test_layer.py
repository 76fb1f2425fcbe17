"""Rules, on a real library: what each action does, when it holds, and what is written down of it."""

from __future__ import annotations

import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from ctypes import byref, c_ulong
from pathlib import Path

import pytest

from tests.testbed.raw import (
    BOUND,
    LABEL,
    OFFICER,
    Program,
    Raw,
    content,
    until,
)
from tokenmgr.errors import FaultWrong
from tokenmgr.testbed import layer
from tokenmgr.testbed.control import Call
from tokenmgr.testbed.faults import Rule
from tokenmgr.testbed.functions import FUNCTIONS
from tokenmgr.testbed.page import RULES
from tokenmgr.testbed.simulated import PIN, SO_PIN, SimulatedMedium

THERE = {LABEL: b"what was there"}


def logged(stick: SimulatedMedium, function: str) -> list[Call]:
    return [call for call in stick.control.calls() if call.function == function]


def hits(stick: SimulatedMedium, number: int) -> int:
    (hit,) = [one.hits for one in stick.control.rules() if one.number == number]
    return hit


# --- each action ---


def test_an_answer_takes_the_place_of_the_call(stick: SimulatedMedium, raw: Raw) -> None:
    session = raw.session(pin=PIN)
    stick.fault("C_CreateObject", "answer", "CKR_DEVICE_ERROR")
    assert raw.create(session) == "CKR_DEVICE_ERROR"
    assert raw.found(session) == []


def test_an_answer_after_the_call_is_one_that_was_lost(stick: SimulatedMedium, raw: Raw) -> None:
    session = raw.session(pin=PIN)
    stick.fault("C_CreateObject", "answer", "CKR_DEVICE_ERROR", after=True)
    assert raw.create(session) == "CKR_DEVICE_ERROR"
    assert len(raw.found(session)) == 1


@pytest.mark.parametrize("after", [False, True])
def test_a_delay_is_as_long_as_it_says(stick: SimulatedMedium, raw: Raw, after: bool) -> None:
    stick.fault("C_GetSlotList", "delay", 0.05, after=after)
    raw.slot()
    assert logged(stick, "C_GetSlotList")[-1].milliseconds >= 50


def test_a_call_that_hangs_goes_on_when_its_rule_is_gone_and_the_next_rule_does_not_hold_it(
    stick: SimulatedMedium,
) -> None:
    with Program(stick) as program:
        number = stick.fault("C_GenerateRandom", "hang")
        for _ in range(10):
            program.send("raw.random(session)")
            until(lambda: hits(stick, number) > 0)  # noqa: B023  asked at once
            assert logged(stick, "C_GenerateRandom")[-1].answer == "hang"
            stick.control.remove(number)
            number = stick.fault("C_GenerateRandom", "hang")
            assert program.answer() == "CKR_OK"


def test_a_program_that_is_killed_while_it_hangs_leaves_a_medium_that_works(stick: SimulatedMedium, raw: Raw) -> None:
    session = raw.session(pin=PIN)
    with Program(stick) as program:
        stick.fault("C_CreateObject", "hang", times=1)
        program.send("raw.create(session)")
        until(lambda: [call.answer for call in logged(stick, "C_CreateObject")] == ["hang"])
        program.process.kill()
        assert program.process.wait(BOUND) == -signal.SIGKILL
    assert raw.create(session) == "CKR_OK"
    assert len(raw.found(session)) == 1


@pytest.mark.parametrize(("action", "value", "status"), [("crash", None, -signal.SIGABRT), ("exit", 7, 7)])
@pytest.mark.parametrize("after", [False, True])
def test_a_program_ends_in_the_middle_of_a_call(
    stick: SimulatedMedium, action: str, value: int | None, status: int, after: bool
) -> None:
    with Program(stick) as program:
        number = stick.fault("C_CreateObject", action, value, after=after)
        program.send("raw.create(session)")
        assert program.process.wait(BOUND) == status
    (call,) = logged(stick, "C_CreateObject")
    assert (call.process, call.answer, call.rule) == (program.process.pid, action, number)
    stick.control.remove()
    with Program(stick) as other:
        assert other.ask("len(raw.found(session))") == str(int(after))


@pytest.mark.parametrize("after", [False, True])
def test_it_is_pulled_at_this_very_call(stick: SimulatedMedium, raw: Raw, after: bool) -> None:
    session = raw.session(pin=PIN)
    stick.fault("C_CreateObject", "unplug", after=after, times=1)
    assert raw.create(session) == "CKR_DEVICE_ERROR"
    assert not stick.plugged
    assert raw("C_GetSlotList", 1, None, byref(count := c_ulong())) == "CKR_OK"
    assert count.value == 0
    stick.plug()
    assert len(raw.found(raw.session(pin=PIN))) == int(after)


def test_something_of_the_medium_is_otherwise_from_this_call_on(stick: SimulatedMedium, raw: Raw) -> None:
    session = raw.session()
    stick.fault("C_Login", "set", "user_wrong=3", skip=1, times=1)
    assert raw.login(session, PIN) == raw("C_Logout", session) == "CKR_OK"
    assert raw.login(session, PIN) == "CKR_PIN_LOCKED"
    assert stick.control["user_wrong"] == 3


@pytest.mark.parametrize("function", FUNCTIONS)
def test_each_function_can_be_given_a_rule(stick: SimulatedMedium, raw: Raw, function: str) -> None:
    stick.fault(function, "answer", "CKR_FUNCTION_FAILED")
    assert raw(function, *[0] * 8) == "CKR_FUNCTION_FAILED"
    assert [call.answer for call in logged(stick, function)][-1] == "CKR_FUNCTION_FAILED"


# --- when a rule holds ---


def test_all_is_every_function_from_the_loading_on(stick: SimulatedMedium, raw: Raw) -> None:
    session = raw.session()
    stick.fault("all", "answer", "CKR_FUNCTION_FAILED")
    assert raw.random(session) == raw("C_Finalize", None) == "CKR_FUNCTION_FAILED"
    done = subprocess.run(
        ["pkcs11-tool", "--module", stick.path, "-L"], capture_output=True, text=True, timeout=BOUND, check=False
    )
    assert done.returncode != 0
    stick.control.remove()
    assert raw.random(session) == "CKR_OK"


def test_a_rule_skips_and_ends_counted_over_processes(stick: SimulatedMedium) -> None:
    number = stick.fault("C_GenerateRandom", "answer", "CKR_FUNCTION_FAILED", skip=1, times=3)
    with Program(stick) as one, Program(stick) as two:
        seen = [program.ask("raw.random(session)") for program in (one, two, two, one, one, two)]
    fine, wrong = "CKR_OK", "CKR_FUNCTION_FAILED"
    assert seen == [fine, wrong, wrong, wrong, fine, fine]
    assert hits(stick, number) == 3


def test_processes_and_threads_that_call_at_the_same_time_are_each_counted_once(stick: SimulatedMedium) -> None:
    stick.fault("C_GenerateRandom", "answer", "CKR_FUNCTION_FAILED", skip=50, times=100)
    programs = [Program(stick) for _ in range(3)]
    for program in programs:
        program.send("[raw.random(session) for _ in range(200)]")
    seen = [program.answer().count("CKR_FUNCTION_FAILED") for program in programs]
    for program in programs:
        program.__exit__()
    assert sum(seen) == 100


def test_rules_change_under_a_program_that_runs(stick: SimulatedMedium) -> None:
    with Program(stick) as program:
        for _ in range(20):
            number = stick.fault("C_GenerateRandom", "answer", "CKR_FUNCTION_FAILED")
            assert program.ask("raw.random(session)") == "CKR_FUNCTION_FAILED"
            stick.control.remove(number)
            assert program.ask("raw.random(session)") == "CKR_OK"


def test_of_several_rules_for_one_call_the_first_answer_is_given_and_the_others_wait(
    stick: SimulatedMedium, raw: Raw
) -> None:
    session = raw.session()
    delay = stick.fault("C_GenerateRandom", "delay", 0.03)
    first = stick.fault("C_GenerateRandom", "answer", "CKR_DEVICE_ERROR", times=1)
    second = stick.fault("all", "answer", "CKR_FUNCTION_FAILED", times=1)
    assert [raw.random(session) for _ in range(3)] == ["CKR_DEVICE_ERROR", "CKR_FUNCTION_FAILED", "CKR_OK"]
    assert [call.rule for call in logged(stick, "C_GenerateRandom")] == [first, second, delay]
    assert all(call.milliseconds >= 30 for call in logged(stick, "C_GenerateRandom"))


def test_as_many_rules_as_there_is_room_for_hold_and_no_more_are_taken(stick: SimulatedMedium, raw: Raw) -> None:
    session = raw.session()
    rule = Rule.read("C_GenerateRandom", "delay", 0)
    longest = Rule("C_DecryptVerifyUpdate", "answer", 2**63 - 1, True, 2**63 - 1, 2**63 - 1)
    numbers = stick.control.add(*[longest] * (RULES - 1), rule)
    assert sorted(numbers) == list(range(RULES))
    raw.random(session)
    assert hits(stick, numbers[-1]) == 1
    with pytest.raises(FaultWrong) as raised:
        stick.control.add(rule)
    assert (raised.value.reason, raised.value.subject) == ("too-many", str(RULES))
    assert len(stick.control.rules()) == RULES


def test_two_processes_that_add_and_remove_rules_at_once_lose_none(stick: SimulatedMedium) -> None:
    script = """
import os, sys
from pathlib import Path
from tokenmgr.testbed.simulated import SimulatedMedium
stick = SimulatedMedium(Path(sys.argv[1]), os.environ)
for number in range(40):
    kept = stick.fault("C_Sign", "answer", sys.argv[2], skip=number)
    stick.control.remove(stick.fault("C_Verify", "hang"))
"""
    running = [
        subprocess.Popen([sys.executable, "-c", script, str(stick.folder), answer])
        for answer in ("CKR_DEVICE_ERROR", "CKR_FUNCTION_FAILED")
    ]
    assert [process.wait(BOUND) for process in running] == [0, 0]
    standing = stick.control.rules()
    assert len({one.number for one in standing}) == len(standing) == 80
    assert sorted((one.rule.value, one.rule.skip) for one in standing) == [
        (value, skip) for value in (0x06, 0x30) for skip in range(40)
    ]


# --- what is written down ---


def test_a_call_is_written_down_with_who_what_and_by_which_rule(stick: SimulatedMedium, raw: Raw) -> None:
    with Program(stick) as program:
        number = stick.fault("C_GenerateRandom", "answer", 0x80000001)
        program.ask("raw.random(session)")
        raw.slot()
    (call,) = logged(stick, "C_GenerateRandom")
    assert (call.process, call.answer, call.rule) == (program.process.pid, "0x80000001", number)
    last = logged(stick, "C_GetSlotList")[-1]
    assert (last.answer, last.rule) == ("CKR_OK", None)
    assert 0 <= last.milliseconds < BOUND * 1000
    assert logged(stick, "C_GetFunctionList")


def test_nothing_is_written_down_where_it_is_not_wanted(stick: SimulatedMedium, raw: Raw) -> None:
    before = len(list(stick.control.calls()))
    stick.control["log"] = 0
    raw.slot()
    assert len(list(stick.control.calls())) == before


def test_no_pin_is_in_any_file_of_the_folder(stick: SimulatedMedium, raw: Raw) -> None:
    """Whatever SoftHSM and the layer write, while each function that takes a PIN is called, rightly and wrongly."""
    right, wrong, new = "a right PIN", "a wrong PIN", "a new PIN of the user"
    session = raw.session()
    assert raw.login(session, SO_PIN, OFFICER) == "CKR_OK"
    assert raw("C_InitPIN", session, right.encode(), len(right)) == "CKR_OK"
    assert raw("C_Logout", session) == "CKR_OK"
    assert raw.login(session, wrong) == "CKR_PIN_INCORRECT"
    assert raw.set_pin(session, wrong, new) == "CKR_PIN_INCORRECT"
    assert raw.set_pin(session, right, new) == "CKR_OK"
    assert raw.login(session, new) == "CKR_OK"
    assert raw("C_CloseAllSessions", 0) == "CKR_OK"
    assert raw("C_InitToken", 0, wrong.encode(), len(wrong), b"x".ljust(32)) == "CKR_PIN_INCORRECT"
    stick.fault("all", "answer", "CKR_FUNCTION_FAILED")
    assert raw.login(session, new) == "CKR_FUNCTION_FAILED"
    for name, held in content(stick.folder).items():
        for pin in (right, wrong, new):
            assert pin.encode() not in held, name


def test_the_calls_begin_anew_at_16_mb(stick: SimulatedMedium, raw: Raw) -> None:
    calls = stick.folder / "calls"
    line = "1 C_Sign 0x0 0.001 -1\n"
    with calls.open("a", encoding="ascii") as file:
        file.write(line * ((16 << 20) // len(line)))
    until(lambda: raw.slot() == 0 and calls.stat().st_size < 1000)
    raw.slot()
    assert {call.function for call in stick.control.calls()} == {"C_GetSlotList"}


# --- the library itself ---


def test_it_compiles_without_a_warning(tmp_path: Path) -> None:
    path = tmp_path / "layer.c"
    path.write_text(layer.source(), encoding="utf-8")
    command = ["gcc", "-shared", "-fPIC", "-O2", "-Wall", "-Wextra", "-Wshadow", "-Wcast-qual", "-Werror"]
    done = subprocess.run([*command, "-o", tmp_path / "layer.so", path], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_program_that_closes_what_it_does_not_know_finds_no_call_in_its_own_files(stick: SimulatedMedium) -> None:
    own = stick.folder.parent / "own"
    own.mkdir()
    with Program(stick) as program:
        program.ask("raw.random(session)")
        program.ask("__import__('os').closerange(3, 100)")
        program.ask(f"globals().update(own=[open(f'{own}/{{number}}', 'w') for number in range(50)])")
        program.ask("raw.random(session)")
        assert {path.read_text() for path in own.iterdir()} == {""}
    assert len(logged(stick, "C_GenerateRandom")) == 2


def test_a_session_tells_the_slot_that_is_shown(raw: Raw) -> None:
    told = (c_ulong * 4)(99)
    assert raw("C_GetSessionInfo", raw.session(), told) == "CKR_OK"
    assert told[0] == raw.slot() == 0


def test_it_shows_one_name_to_the_program_that_loads_it(stick: SimulatedMedium) -> None:
    done = subprocess.run(["nm", "-D", "--defined-only", stick.path], capture_output=True, text=True, check=True)
    assert [line.split()[-1] for line in done.stdout.splitlines()] == ["C_GetFunctionList"]


def test_threads_of_a_program_hang_and_go_on_each_for_itself(stick: SimulatedMedium, raw: Raw) -> None:
    session = raw.session()
    number = stick.fault("C_GenerateRandom", "hang", times=1)
    with ThreadPoolExecutor(2) as pool:
        hanging = pool.submit(raw.random, session)
        until(lambda: hits(stick, number) > 0)
        assert pool.submit(raw.random, session).result(BOUND) == "CKR_OK"
        assert not hanging.done()
        stick.control.remove(number)
        assert hanging.result(BOUND) == "CKR_OK"
