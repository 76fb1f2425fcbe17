"""Somebody's tests of a Java program of theirs, Sign.java, with the fixtures of pytest_tokenmgr."""

import subprocess
from pathlib import Path

import pytest

PROGRAM = Path(__file__).with_name("Sign.java")


@pytest.fixture
def start(medium):
    """The program, running; its PIN on standard input."""
    started = []

    def run(*arguments, pin="1234"):
        process = subprocess.Popen(
            ["java", "-XX:TieredStopAtLevel=1", PROGRAM, medium.path, *arguments],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        started.append(process)
        process.stdin.write(f"{pin}\n")
        process.stdin.close()
        process.stdin = None
        return process

    yield run
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.scenario("due-in-12-days")
def test_it_signs(start):
    out, err = start().communicate(timeout=60)
    assert "key 9999 0000001 administrator" in out
    assert "signed and verified" in out
    assert err == ""


@pytest.mark.scenario("due-in-12-days", "pin-low")
def test_it_says_that_the_pin_is_wrong_and_spends_one_try(start, medium):
    process = start(pin="9999")
    _, err = process.communicate(timeout=60)
    assert err == "ERROR: CKR_PIN_INCORRECT\n"
    assert process.returncode == 2
    assert medium.control["user_wrong"] == 2


@pytest.mark.scenario("due-in-12-days", "locked")
def test_it_says_that_the_medium_is_locked(start):
    assert start().communicate(timeout=60)[1] == "ERROR: CKR_PIN_LOCKED\n"


@pytest.mark.scenario("due-in-12-days")
def test_pulled_while_it_works_it_says_so_and_ends(start, unplug):
    process = start("1000000")
    while not process.stdout.readline().startswith("signed"):
        pass
    unplug()
    _, err = process.communicate(timeout=60)
    assert err.startswith("ERROR: ")
    assert process.returncode == 2


@pytest.mark.scenario("due-in-12-days")
def test_a_signature_that_the_medium_made_up_is_not_believed(start, fault):
    fault("C_Sign", "lie")
    fault("C_SignFinal", "lie")
    _, err = start().communicate(timeout=60)
    assert err.startswith("ERROR: ")
