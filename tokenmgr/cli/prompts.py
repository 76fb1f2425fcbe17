"""PINs, from a prompt or a file descriptor: never an argument, never the environment (S5)."""

from __future__ import annotations

import os
import sys

import click

from tokenmgr.cli.output import t
from tokenmgr.domain.medium import MediumFacts, PinState
from tokenmgr.errors import PinMissing, PinUnacceptable
from tokenmgr.log import Secret

LONGEST = 256


def pin(question: str, fd: int | None, who: str = "user") -> Secret:
    return from_fd(fd) if fd is not None else _prompt(question, who)


def new_pin(fd: int | None) -> Secret:
    """Twice at a prompt, once from a descriptor."""
    if fd is not None:
        return from_fd(fd)
    first = _prompt(t("pins.ask_new"), "user")
    if first != _prompt(t("pins.ask_again"), "user"):
        raise PinUnacceptable(rule="differs")
    return first


def from_fd(fd: int) -> Secret:
    """One line, byte by byte: what follows it may be the next PIN, for the next reader of the same descriptor."""
    line = bytearray()
    try:
        while len(line) < LONGEST and (byte := os.read(fd, 1)) not in (b"", b"\n"):
            line += byte
    except OSError as error:
        raise PinMissing from error
    if line.endswith(b"\r"):
        del line[-1:]
    if not line:
        raise PinMissing
    return Secret(line)


def _prompt(question: str, who: str) -> Secret:
    if not sys.stdin.isatty():
        raise PinMissing(who=who)
    return Secret(click.prompt(question, hide_input=True, err=True))


def final_try(facts: MediumFacts, given: bool, officer: bool = False) -> bool:
    """Whether the last try may be spent: said on the command line, or answered here. Nobody is asked in a script."""
    state = facts.so_pin if officer else facts.pin
    if state is not PinState.FINAL_TRY or given or not sys.stdin.isatty():
        return given
    return click.confirm(t("pins.final_try"), default=False, err=True)
