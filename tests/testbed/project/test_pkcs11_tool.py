"""Somebody's tests of somebody's PKCS#11 program, OpenSC's pkcs11-tool, with the fixtures of pytest_tokenmgr."""

import re
import subprocess

import pytest


def tool(medium, *arguments, pin=None):
    """A simulated medium's PIN is no secret."""
    login = ["--login", "--pin", "env:PIN"] if pin else []
    done = subprocess.run(
        ["pkcs11-tool", "--module", medium.path, *login, *arguments],
        env={"PATH": "/usr/bin:/bin", "PIN": pin or "", **medium.environment},
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def test_a_fresh_medium_is_shown(medium):
    status, said = tool(medium, "--list-slots")
    assert status == 0
    assert re.search(r"token label\s+: fresh", said)
    assert "final user PIN try" not in said


def test_a_key_is_generated_and_found_by_another_process(medium):
    assert tool(medium, "--keypairgen", "--key-type", "EC:prime256v1", "--id", "01", pin=medium.pin)[0] == 0
    assert "Private Key Object; EC" in tool(medium, "--list-objects", pin=medium.pin)[1]


@pytest.mark.scenario("valid", "final-try")
def test_the_last_try_is_announced_and_a_wrong_pin_locks(medium):
    assert "final user PIN try" in tool(medium, "--list-slots")[1]
    assert "CKR_PIN_INCORRECT" in tool(medium, "--list-objects", pin="9999")[1]
    assert "user PIN locked" in tool(medium, "--list-slots")[1]
    assert "CKR_PIN_LOCKED" in tool(medium, "--list-objects", pin=medium.pin)[1]


@pytest.mark.scenario("nearly-full")
def test_a_full_medium_refuses_and_keeps_what_it_has(medium):
    generate = ("--keypairgen", "--key-type", "EC:prime256v1")
    assert tool(medium, *generate, "--id", "01", pin=medium.pin)[0] == 0
    status, said = tool(medium, *generate, "--id", "02", pin=medium.pin)
    assert status == 1
    assert "CKR_DEVICE_MEMORY" in said
    assert tool(medium, "--list-objects", pin=medium.pin)[1].count("Private Key Object") == 1


def test_nothing_is_there_while_it_is_pulled(medium, unplug, plug):
    unplug()
    assert "token label" not in tool(medium, "--list-slots")[1]
    plug()
    assert "token label" in tool(medium, "--list-slots")[1]


def test_a_key_whose_answer_was_lost_is_there_all_the_same(medium, fault):
    fault("C_GenerateKeyPair", "answer", "CKR_DEVICE_ERROR", after=True, times=1)
    status, said = tool(medium, "--keypairgen", "--key-type", "EC:prime256v1", "--id", "01", pin=medium.pin)
    assert status == 1
    assert "CKR_DEVICE_ERROR" in said
    assert "Private Key Object" in tool(medium, "--list-objects", pin=medium.pin)[1]


def test_a_program_that_dies_in_a_call_leaves_the_medium_usable(medium, fault):
    fault("C_FindObjects", "crash", times=1)
    assert tool(medium, "--list-objects", pin=medium.pin)[0] < 0
    assert tool(medium, "--list-objects", pin=medium.pin)[0] == 0


def test_no_pin_is_written_down(medium):
    tool(medium, "--list-objects", pin=medium.pin)
    assert any(call.function == "C_Login" for call in medium.control.calls())
    lines = (medium.folder / "calls").read_text().splitlines()
    assert all(re.fullmatch(r"\d+ C_\w+ \w+ [\d.]+ -1", line) for line in lines)


def test_two_media_have_two_numbers(scenario):
    first, second = scenario("valid", name="first"), scenario("valid", name="second")
    numbers = {re.search(r"serial num\s+: (\S+)", tool(one, "--list-slots")[1]).group(1) for one in (first, second)}
    assert len(numbers) == 2


def test_a_stick_comes_and_goes_on_the_usb_bus_too(medium, usb, unplug, plug):
    def lsusb():
        return subprocess.run(["lsusb"], env=usb.environment, capture_output=True, text=True).stdout

    assert "1209:0001" in lsusb()
    unplug()
    usb.settle()
    assert "1209:0001" not in lsusb()
    plug()
    usb.settle()
    assert "1209:0001" in lsusb()
