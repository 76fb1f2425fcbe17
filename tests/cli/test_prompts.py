"""At a real terminal: PINs are asked for, not shown, and the last try wants a yes."""

from __future__ import annotations

from pathlib import Path

import pexpect
import pytest

from tests.cli.runner import PROGRAM, Home
from tokenmgr.testbed.simulated import PIN, SO_PIN


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def terminal(home: Home, *arguments: str) -> pexpect.spawn:
    return pexpect.spawn(str(PROGRAM), list(arguments), env=home.environment, encoding="utf-8", timeout=60)


def finish(child: pexpect.spawn) -> tuple[str, int]:
    child.expect(pexpect.EOF)
    child.close()
    return str(child.before), int(child.exitstatus or 0)


def test_a_pin_is_asked_for_twice_when_it_is_new_and_never_shown(home: Home) -> None:
    serial = home.plug_in("a")
    child = terminal(home, "pin", "change")
    child.expect(f"PIN of medium {serial}")
    child.sendline(PIN)
    child.expect("New PIN")
    child.sendline("secret-9731")
    child.expect("New PIN again")
    child.sendline("secret-9731")
    shown, status = finish(child)
    assert "has been changed" in shown
    assert status == 0
    assert "9731" not in shown
    assert home.run("verify", "--pin-fd", "0", typed="secret-9731\n").status == 0


def test_two_entries_that_differ_change_nothing(home: Home) -> None:
    home.plug_in("a")
    child = terminal(home, "pin", "change")
    for answer in (PIN, "5678", "8765"):
        child.expect("PIN.*: ")
        child.sendline(answer)
    shown, status = finish(child)
    assert "P106" in shown
    assert status == 4
    assert home.run("verify", "--pin-fd", "0", typed=f"{PIN}\n").status == 0


def test_formatting_wants_the_number_typed_again(home: Home) -> None:
    serial = home.plug_in("a")
    child = terminal(home, "medium", "format", "--label", "Shinkin IB")
    child.expect("Type the medium number again")
    child.sendline(serial)
    for question, answer in (("Unblocking PIN", SO_PIN), ("New PIN", "5678"), ("New PIN again", "5678")):
        child.expect(question)
        child.sendline(answer)
    shown, status = finish(child)
    assert "is empty and has its first PIN" in shown
    assert status == 0


def test_ctrl_c_at_a_prompt_changes_nothing_and_says_so(home: Home) -> None:
    home.plug_in("a")
    child = terminal(home, "pin", "change")
    child.expect("PIN of medium")
    child.sendintr()
    shown, status = finish(child)
    assert "U105" in shown
    assert status == 130


def test_a_pin_in_full_width_digits_is_not_sent(home: Home) -> None:
    home.plug_in("a")
    refused = home.run("verify", "--pin-fd", "0", typed="１２３４\n")
    assert "P106" in refused.err
    assert refused.status == 4
    assert '"pin": "fine"' in home.run("pin", "status", "--json").out
