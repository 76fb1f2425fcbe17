"""The hand at the plug, under programs of one and several threads; and several media in one of them."""

from __future__ import annotations

import ast
import ctypes
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from ctypes import byref, c_ulong
from pathlib import Path

import pytest

from tests.testbed.raw import BOUND, CLASS, PRIVATE_KEY, PUBLIC_KEY, Program, Raw, content, until
from tokenmgr.domain.credential import KeyKind
from tokenmgr.errors import MediumChanged, MediumNotFound, TokenmgrError
from tokenmgr.log import Secret
from tokenmgr.testbed.bed import Testbed
from tokenmgr.testbed.simulated import PIN, SimulatedMedium, softhsm
from tokenmgr.token.session import Session

DO_NOT_WAIT, NO_EVENT = 1, "0x8"


def slots(raw: Raw) -> int:
    count = c_ulong()
    assert raw("C_GetSlotList", 1, None, byref(count)) == "CKR_OK"
    return count.value


def serial(raw: Raw) -> str:
    return raw.token_info(raw.slot())[80:96].decode()


def begun(stick: SimulatedMedium, function: str) -> int:
    """A rule that does nothing: it counts the calls that have begun."""
    return stick.fault(function, "delay", 0)


def has_begun(stick: SimulatedMedium, number: int, times: int = 1) -> bool:
    (asked,) = [one.asked for one in stick.control.rules() if one.number == number]
    return asked >= times


# --- one program ---


def test_idle_its_sessions_are_dead_and_a_new_one_works_without_a_restart(stick: SimulatedMedium, raw: Raw) -> None:
    session = raw.session(pin=PIN)
    assert raw.create(session) == "CKR_OK"
    for _ in range(3):
        stick.unplug()
        assert slots(raw) == 0
        assert raw.create(session) == raw.random(session) == "CKR_DEVICE_ERROR"
        assert raw("C_GetTokenInfo", 0, (ctypes.c_char * 256)()) == "CKR_TOKEN_NOT_PRESENT"
        stick.plug()
        assert slots(raw) == 1
        assert raw.create(session) == raw.random(session) == "CKR_SESSION_HANDLE_INVALID"
        again = raw.session()
        assert again != session
        assert raw.generate(again) == "CKR_USER_NOT_LOGGED_IN", "the login went with the medium"
        assert raw.login(again, PIN) == "CKR_OK"
        assert len(raw.found(again)) == 1
        session = again


def test_plugged_again_before_anybody_looked_the_session_is_dead_all_the_same(stick: SimulatedMedium, raw: Raw) -> None:
    session = raw.session(pin=PIN)
    stick.unplug()
    stick.plug()
    assert raw.random(session) == "CKR_SESSION_HANDLE_INVALID"


def test_what_is_plugged_in_already_is_not_plugged_in_again(stick: SimulatedMedium, raw: Raw) -> None:
    session = raw.session(pin=PIN)
    stick.plug()
    assert raw.random(session) == "CKR_OK"
    stick.unplug()
    stick.unplug()
    stick.plug()
    assert raw.random(raw.session(pin=PIN)) == "CKR_OK"


def test_a_program_that_starts_while_it_is_out_sees_it_come(stick: SimulatedMedium) -> None:
    stick.unplug()
    raw = Raw(stick.path)
    assert slots(raw) == 0
    stick.plug()
    assert slots(raw) == 1
    assert raw.create(raw.session(pin=PIN)) == "CKR_OK"
    assert raw("C_Finalize", None) == "CKR_OK"


def test_pulled_while_it_generates_the_call_fails_and_the_next_key_is_made(stick: SimulatedMedium, raw: Raw) -> None:
    answer, attempts = "CKR_OK", 0
    number = begun(stick, "C_GenerateKeyPair")
    with ThreadPoolExecutor(1) as pool:
        while answer == "CKR_OK":  # should one be made before the hand is there
            attempts += 1
            running = pool.submit(raw.generate, raw.session(pin=PIN), None, 4096)
            until(lambda: has_begun(stick, number, attempts))  # noqa: B023  asked at once
            stick.unplug()
            answer = running.result(BOUND)
            stick.plug()
    assert answer == "CKR_DEVICE_ERROR"
    session = raw.session(pin=PIN)
    before = len(raw.found(session, {CLASS: PRIVATE_KEY}))
    assert raw.generate(session) == "CKR_OK"
    assert len(raw.found(session, {CLASS: PRIVATE_KEY})) == before + 1
    assert len(raw.found(session, {CLASS: PUBLIC_KEY})) >= before + 1


def test_another_program_pulls_it_by_its_own_call(stick: SimulatedMedium, raw: Raw) -> None:
    """And it is plugged in at once, whatever the rule is still doing."""
    session = raw.session(pin=PIN)
    assert raw.create(session) == "CKR_OK"
    with Program(stick) as program:
        for _ in range(20):
            stick.fault("C_GenerateRandom", "unplug", times=1)
            program.send("raw.random(session)")
            until(lambda: not stick.plugged)
            stick.plug()
            assert program.answer() == "CKR_DEVICE_ERROR"
            assert raw.random(session) == "CKR_SESSION_HANDLE_INVALID"
            session = raw.session(pin=PIN)
            assert len(raw.found(session)) == 1
            assert program.ask(f"(session := raw.session(pin={PIN!r})) and raw.random(session)") == "CKR_OK"


def test_a_session_of_tokenmgr_dies_with_it_and_the_next_one_finds_everything(stick: SimulatedMedium) -> None:
    with stick.library() as library:
        (facts,) = library.media()
        session = Session.open(library, facts.serial, write=True)
        session.login(Secret(PIN))
        key = session.generate_key(KeyKind.P256, b"\1", "key")
        stick.unplug()
        assert library.media() == []
        with pytest.raises(TokenmgrError) as raised:
            session.prove(key)
        assert raised.value.retriable
        stick.plug()
        with pytest.raises(TokenmgrError):
            session.prove(key)
        session.close()
        with Session.open(library, facts.serial) as again:
            again.login(Secret(PIN))
            again.prove(key)


# --- events ---


def test_who_does_not_wait_is_told_of_each_event_once(stick: SimulatedMedium, raw: Raw) -> None:
    def event() -> tuple[str, int]:
        place = c_ulong(99)
        return raw("C_WaitForSlotEvent", DO_NOT_WAIT, byref(place), None), place.value

    assert event() == (NO_EVENT, 99)
    for change in (stick.unplug, stick.plug):
        change()
        assert event() == ("CKR_OK", 0)
        assert event() == (NO_EVENT, 99)


def test_who_waits_is_woken_by_the_plug_and_by_the_end(stick: SimulatedMedium, raw: Raw) -> None:
    number = begun(stick, "C_WaitForSlotEvent")
    with ThreadPoolExecutor(1) as pool:
        for times, change in enumerate((stick.unplug, stick.plug), 1):
            waiting = pool.submit(raw, "C_WaitForSlotEvent", 0, byref(c_ulong()), None)
            until(lambda: has_begun(stick, number, times))  # noqa: B023  asked at once
            assert not waiting.done()
            change()
            assert waiting.result(BOUND) == "CKR_OK"
        assert raw.random(raw.session()) == "CKR_OK", "others call meanwhile"
        waiting = pool.submit(raw, "C_WaitForSlotEvent", 0, byref(c_ulong()), None)
        until(lambda: has_begun(stick, number, 3))
        assert raw("C_Finalize", None) == "CKR_OK"
        assert waiting.result(BOUND) == "CKR_CRYPTOKI_NOT_INITIALIZED"
    assert raw("C_Initialize", None) == "CKR_OK"


# --- two media ---


@pytest.fixture
def pair(bed: Testbed) -> tuple[SimulatedMedium, SimulatedMedium]:
    (one,), (two,) = bed.up("valid", name="one"), bed.up("fresh", name="two")
    return one, two


def test_exchanged_media_are_not_mistaken_for_each_other(pair: tuple[SimulatedMedium, SimulatedMedium]) -> None:
    """S4, under an open session."""
    one, two = pair
    there = two.serial
    one.control["user_wrong"] = 1
    with one.library() as library:
        (before,) = library.media()
        session = Session.open(library, before.serial)
        one.swap(two)
        with pytest.raises((MediumChanged, TokenmgrError)) as raised:
            session.refresh()
        assert isinstance(raised.value, MediumChanged) or raised.value.retriable
        session.close()
        (after,) = library.media()
        assert (after.serial, after.reader) == (there, before.reader)
        with pytest.raises(MediumNotFound):
            library.find(before.serial)
        with pytest.raises(MediumChanged):
            library.facts(after.slot, before.serial)
    with two.library() as library, Session.open(library, before.serial) as session:
        assert session.medium.pin.value == "low", "what it has counted goes with it"
        session.login(Secret(PIN))
        assert len(session.contents().keys) == 1


def test_two_media_and_a_plain_softhsm_in_one_process_stay_apart(
    pair: tuple[SimulatedMedium, SimulatedMedium], bed: Testbed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = SimulatedMedium(tmp_path / "plain", os.environ)
    number = plain.create().serial
    monkeypatch.setenv("SOFTHSM2_CONF", str(plain.configuration))
    loaded = [Raw(pair[0].path), Raw(softhsm()), Raw(pair[1].path)]
    assert [serial(raw) for raw in loaded] == [pair[0].about.serial, number, pair[1].about.serial]
    assert os.environ["SOFTHSM2_CONF"] == _environment("SOFTHSM2_CONF") == str(plain.configuration)
    sessions = [raw.session(pin=PIN) for raw in loaded]
    before = [len(raw.found(session)) for raw, session in zip(loaded, sessions, strict=True)]
    for number_of_keys, (raw, session) in enumerate(zip(loaded, sessions, strict=True), 1):
        for _ in range(number_of_keys):
            assert raw.generate(session) == "CKR_OK"
    after = [len(raw.found(session)) for raw, session in zip(loaded, sessions, strict=True)]
    assert [now - then for now, then in zip(after, before, strict=True)] == [2, 4, 6]
    pair[0].unplug()
    assert [raw.random(session) for raw, session in zip(loaded, sessions, strict=True)] == [
        "CKR_DEVICE_ERROR",
        "CKR_OK",
        "CKR_OK",
    ]
    pair[0].plug()
    assert [len(raw.found(raw.session(pin=PIN if raw is loaded[0] else ""))) for raw in loaded] == after
    assert _environment("SOFTHSM2_CONF") == str(plain.configuration)
    for raw in loaded:
        assert raw("C_Finalize", None) == "CKR_OK"


def test_an_environment_without_the_variable_is_left_without(
    stick: SimulatedMedium, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SOFTHSM2_CONF", raising=False)
    raw = Raw(stick.path)
    assert _environment("SOFTHSM2_CONF") is None
    assert raw("C_Finalize", None) == "CKR_OK"


def _environment(name: str) -> str | None:
    """As C sees it: os.environ is a copy."""
    getenv = ctypes.CDLL(None).getenv
    getenv.restype = ctypes.c_char_p
    found = getenv(name.encode())
    return found.decode() if found else None


def test_two_media_that_start_at_the_same_time_do_not_take_each_others_token(
    pair: tuple[SimulatedMedium, SimulatedMedium],
) -> None:
    """SoftHSM finds its files by the process's environment, which they share."""
    loaded = [Raw(medium.path) for medium in pair]

    def start_often(raw: Raw) -> set[str]:
        seen = set()
        for _ in range(300):
            assert raw("C_Finalize", None) == raw("C_Initialize", None) == "CKR_OK"
            seen.add(serial(raw))
        return seen

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(start_often, loaded)) == [{medium.about.serial} for medium in pair]
    for raw in loaded:
        assert raw("C_Finalize", None) == "CKR_OK"


def test_many_programs_that_start_and_log_in_at_once_all_do(stick: SimulatedMedium) -> None:
    """SoftHSM alone takes a token for damaged that another process is just writing a login on."""
    programs = [Program(stick) for _ in range(6)]
    again = f"raw('C_Finalize', None) + raw('C_Initialize', None) + raw.login(raw.session(), '{PIN}')"
    for program in programs:
        program.send(f"[{again} for _ in range(100)]")
    for program in programs:
        assert set(ast.literal_eval(program.answer())) == {"CKR_OK" * 3}
        program.__exit__()


# --- threads ---

THREADS = r"""
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
typedef unsigned long W;
static void **list;
static volatile int over;
#define CALL(number, ...) ((W (*)())list[1 + number])(__VA_ARGS__)
enum { INITIALIZE = 0, FINALIZE = 1, GET_SLOT_LIST = 4, GET_TOKEN_INFO = 6, OPEN_SESSION = 12, CLOSE_SESSION = 13,
       CREATE_OBJECT = 20, FIND_OBJECTS_INIT = 26, FIND_OBJECTS = 27, FIND_OBJECTS_FINAL = 28,
       GENERATE_RANDOM = 64 };

static W use(void) {
    W session, handle, count = 0, found[8], class = 0;
    unsigned char info[256], no = 0, value[4];
    struct { W type; void *value; W length; } data[] = {{0, &class, 8}, {1, &no, 1}, {2, &no, 1}, {17, value, 4}};
    W answer = CALL(OPEN_SESSION, 0UL, 6UL, NULL, NULL, &session);
    if (answer) return answer;
    if (!answer) answer = CALL(GET_TOKEN_INFO, 0UL, info);
    if (!answer) answer = CALL(GENERATE_RANDOM, session, value, 4UL);
    if (!answer) answer = CALL(CREATE_OBJECT, session, data, 4UL, &handle);
    if (!answer) answer = CALL(FIND_OBJECTS_INIT, session, NULL, 0UL);
    if (!answer) answer = CALL(FIND_OBJECTS, session, found, 8UL, &count);
    if (!answer) answer = CALL(FIND_OBJECTS_FINAL, session);
    CALL(CLOSE_SESSION, session);
    return answer;
}

static void *work(void *seen) {
    W *uses = seen;
    while (!over) uses[use() != 0]++;
    return NULL;
}

int main(int count, char **words) {
    struct { void *callbacks[4]; W flags; void *reserved; } locking = {.flags = 2};
    pthread_t threads[6];
    W uses[6][2] = {{0}}, fine = 0, failed = 0;
    void *library = dlopen(words[count - 1], RTLD_NOW);
    if (!library || ((W (*)(void ***))dlsym(library, "C_GetFunctionList"))(&list)) return 2;
    if (CALL(INITIALIZE, &locking)) return 3;
    for (int i = 0; i < 6; i++) pthread_create(&threads[i], NULL, work, uses[i]);
    puts("ready");
    fflush(stdout);
    getchar();
    over = 1;
    for (int i = 0; i < 6; i++) pthread_join(threads[i], NULL), fine += uses[i][0], failed += uses[i][1];
    W last = use(), end = CALL(FINALIZE, NULL);
    printf("%lu %lu last %lu end %lu\n", fine, failed, last, end);
    return 0;
}
"""


def test_threads_go_on_while_it_comes_and_goes(stick: SimulatedMedium, tmp_path: Path) -> None:
    source, program = tmp_path / "threads.c", tmp_path / "threads"
    source.write_text(THREADS)
    subprocess.run(["gcc", "-O1", "-o", program, source, "-lpthread", "-ldl"], check=True)
    number = begun(stick, "C_OpenSession")
    with subprocess.Popen([program, stick.path], stdin=-1, stdout=-1, stderr=subprocess.STDOUT, text=True) as running:
        assert running.stdout
        assert running.stdout.readline() == "ready\n"
        for times in range(1, 41):
            stick.unplug()
            until(lambda: has_begun(stick, number, 20 * times))  # noqa: B023  asked at once
            stick.plug()
        out, _ = running.communicate("\n", timeout=BOUND)
    assert running.returncode == 0, out
    fine, failed, *end = out.split()
    assert int(fine) > 0
    assert int(failed) > 0
    assert end == ["last", "0", "end", "0"]


def test_nothing_of_a_token_is_lost_however_often_it_is_plugged(stick: SimulatedMedium, raw: Raw) -> None:
    before = content(stick.tokens)
    for _ in range(30):
        stick.unplug()
        assert content(stick.tokens) == {}
        stick.plug()
    assert content(stick.tokens) == before
    assert raw.random(raw.session(pin=PIN)) == "CKR_OK"
