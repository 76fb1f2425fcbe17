"""At a real terminal: PINs are asked for, not shown, and the last try wants a yes."""

from __future__ import annotations

from pathlib import Path

import pexpect
import pytest

from tests.cli.runner import PROGRAM, Home
from tokenmgr.messages import Texts
from tokenmgr.testbed.simulated import PIN, SO_PIN

JA, EN = Texts("ja"), Texts("en")


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


@pytest.fixture(scope="module")
def last_try(tmp_path_factory: pytest.TempPathFactory) -> Home:
    home = Home(tmp_path_factory.mktemp("last") / "home")
    assert home.run("testbed", "up", "final-try", "--name", "last").status == 0
    return home


QUESTION = r"\[y/N\]: "


@pytest.mark.parametrize("no", ["", "n", "NO", "ｎ", "いいえ"])
def test_a_no_to_the_last_try_is_followed_by_what_helps_a_person(last_try: Home, no: str) -> None:
    child = terminal(last_try, "verify")
    child.expect(QUESTION)
    child.sendline(no)
    shown, status = finish(child)
    assert ("P105" in shown, EN("facts.find-the-pin") in shown, "--final-try" in shown) == (True, True, False)
    assert status == 4


@pytest.mark.parametrize("yes", ["y", "YES", "ｙ", "Ｙ", "はい"])
def test_a_yes_may_be_in_either_language_and_full_width(last_try: Home, yes: str) -> None:
    child = terminal(last_try, "verify", "--lang", "ja")
    child.expect(QUESTION)
    child.sendline(yes)
    child.expect("（PIN）|\\(PIN\\)")
    child.sendintr()
    assert finish(child)[1] == 130


def test_what_is_neither_is_asked_again_and_not_told_again(last_try: Home) -> None:
    """It may be the PIN."""
    child = terminal(last_try, "verify", "--lang", "ja")
    child.expect(QUESTION)
    child.sendline("9731")
    child.expect_exact("9731")  # as the terminal shows what is typed
    child.expect_exact(JA("words.yes_or_no"))
    child.expect(QUESTION)
    assert "9731" not in str(child.before)
    child.sendline("ｎ")
    shown, status = finish(child)
    assert ("P105" in shown, "Error" in shown, "9731" in shown, status) == (True, False, False, 4)
