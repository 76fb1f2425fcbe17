"""PINs, from a prompt or a file descriptor: never an argument, never the environment (S5)."""

from __future__ import annotations

import os
import sys
import unicodedata

import click

from tokenmgr import system
from tokenmgr.domain.family import Family
from tokenmgr.domain.medium import MediumFacts, PinState
from tokenmgr.errors import NotAgreed, PassphraseUnfit, PinFinalTry, PinMissing, PinUnacceptable
from tokenmgr.log import Secret
from tokenmgr.token.pins import refuse_full_width, refuse_hopeless, refuse_untypable
from tokenmgr.wiring.words import t

LONGEST = 256
NEW_PIN_FD, PIN_FD = "--new-pin-fd", "--pin-fd"
_OPTIONS = {"user": PIN_FD, "so": "--so-pin-fd"}
_ANSWERS = {"y": True, "yes": True, "はい": True, "n": False, "no": False, "いいえ": False}


def pin(question: str, fd: int | None, who: str = "user", option: str = "") -> Secret:
    system.keep_out_of_core_dumps()
    named = option or _OPTIONS[who]
    given = from_fd(fd, who, named) if fd is not None else _prompt(question, who, named)
    return refuse_full_width(given, who)


def new_pin(fd: int | None) -> Secret:
    """Twice at a prompt, once from a descriptor."""
    if fd is not None:
        return refuse_untypable(from_fd(fd, option=NEW_PIN_FD))
    first = _prompt(t("pins.ask_new"), "user", NEW_PIN_FD)
    with _prompt(t("pins.ask_again"), "user", NEW_PIN_FD) as again:
        if first == again:
            return refuse_untypable(first)
    first.wipe()
    raise PinUnacceptable(rule="differs")


def passphrase(question: str, fd: int | None, option: str = "--pin-fd") -> Secret:
    """Of a store on the PC. It is no PIN: nothing counts its tries, and it may be in any letters."""
    system.keep_out_of_core_dumps()
    return _prompt(question, "passphrase", option) if fd is None else from_fd(fd, "passphrase", option)


def new_passphrase(question: str, again: str, fd: int | None, shortest: int) -> Secret:
    """Twice at a prompt, once from a descriptor."""
    first = passphrase(question, fd, NEW_PIN_FD)
    if fd is None:
        with passphrase(again, None, NEW_PIN_FD) as second:
            if first != second:
                first.wipe()
                raise PassphraseUnfit(shortest=shortest)
    return first


def from_fd(fd: int, who: str = "user", option: str = "--pin-fd") -> Secret:
    """One line, byte by byte: what follows it may be the next PIN, for the next reader of the same descriptor."""
    line, length = bytearray(LONGEST), 0
    try:
        if fd > 2 and not os.get_inheritable(fd):  # not handed to us: one of our own, such as a pipe to a library
            raise PinMissing(who=who, option=option)
        while (byte := os.read(fd, 1)) not in (b"", b"\n"):
            if length == LONGEST:
                raise PinUnacceptable(who=who, rule="length", shortest=1, longest=LONGEST)
            line[length : length + 1] = byte
            length += 1
        length -= line[:length].endswith(b"\r")
        if not length:
            raise PinMissing(who=who, option=option)
        return Secret(memoryview(line)[:length])
    except (OSError, OverflowError) as error:
        raise PinMissing(who=who, option=option) from error
    finally:
        line[:] = bytes(LONGEST)


def _prompt(question: str, who: str, option: str) -> Secret:
    if not at_terminal():
        raise PinMissing(who=who, option=option)
    return Secret(click.prompt(question, hide_input=True, err=True))


def officer(facts: MediumFacts, family: Family, descriptor: int | None) -> Secret:
    """The bank's PIN, or its management key where the family has one."""
    question = "pins.ask_key" if family.pin.officer == "key" else "pins.ask_so"
    return pin(t(question, serial=facts.serial), descriptor, "so")


def agree(warning: str, given: bool) -> None:
    """What will happen is said in any case. Then it wants a yes, on the command line or here; else nothing is done."""
    click.secho(warning, err=True, fg="yellow")
    if given:
        return
    if not at_terminal():
        raise NotAgreed(option="--yes")
    require_yes(t("words.agree"))


def require_yes(question: str, default: bool = False) -> None:
    """Or it is left, as with Ctrl-C."""
    if not says_yes(question, default):
        raise click.Abort


def says_yes(question: str, default: bool = False) -> bool:
    """In words of either language, and in full width: that is how a Japanese keyboard may be left. What else is typed
    is not told again: now and then it is a PIN."""
    offered = "[Y/n]" if default else "[y/N]"
    while True:
        typed = click.prompt(f"{question} {offered}", default="", show_default=False, err=True)
        answer = unicodedata.normalize("NFKC", typed).strip().casefold()
        if not answer:
            return default
        if answer in _ANSWERS:
            return _ANSWERS[answer]
        click.echo(t("words.yes_or_no"), err=True)


def sees_progress() -> bool:
    """Whether somebody sits there who sees what is told while it happens."""
    return at_terminal() and sys.stderr is not None and sys.stderr.isatty()


def at_terminal() -> bool:
    return sys.stdin is not None and sys.stdin.isatty()


def final_try(facts: MediumFacts, family: Family, given: bool, officer: bool = False) -> bool:
    """Whether the last try may be spent: said on the command line, or answered here. Nobody is asked in a script."""
    state = facts.so_pin if officer else facts.pin
    if state is PinState.FINAL_TRY and not given and at_terminal():
        given = says_yes(t("pins.final_try"))
        if not given:
            raise PinFinalTry(serial=facts.serial, who="so" if officer else "user", way="find-the-pin")
    if facts.initialised:
        refuse_hopeless(facts, family, officer, given)  # before anybody is asked for a PIN in vain
    return given
