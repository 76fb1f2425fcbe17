"""The login PIN and the confirmation PIN of a subscriber: asked for twice, or read from a descriptor (S5).

Never the PIN of a medium, and never called by its errors (R11).
"""

from __future__ import annotations

import re

import click

from tokenmgr import system
from tokenmgr.cli import prompts
from tokenmgr.errors import PinMissing, PinUnacceptable, ValueUnfit
from tokenmgr.log import Secret
from tokenmgr.wiring.words import t

LOGIN, CONFIRMATION = "login_pin", "confirmation_pin"
SHORTEST, LONGEST = 4, 64  # the CA's front takes no longer field
_NUMBER_OF_EXCEL = re.compile(r"[0-9](\.[0-9]+)?E[+-][0-9]+")  # what 123456789012 becomes in a cell


def fault(pin: str) -> str:
    """What keeps it from being one; empty where nothing does. Never the PIN itself."""
    if not all("!" <= character <= "~" for character in pin):
        return t("bank.pin_letters")
    if not SHORTEST <= len(pin) <= LONGEST:
        return t("bank.pin_length", shortest=SHORTEST, longest=LONGEST)
    return t("bank.pin_excel") if _NUMBER_OF_EXCEL.fullmatch(pin) else ""


def new_pin(which: str, who: str, descriptor: int | None, option: str) -> Secret:
    system.keep_out_of_core_dumps()
    pin = _typed(which, who, option) if descriptor is None else _read(which, descriptor, option)
    if wrong := fault(pin.reveal().decode("utf-8", errors="replace")):
        pin.wipe()
        raise _unfit(which, wrong)
    return pin


def known_pin(which: str, descriptor: int | None, option: str) -> Secret:
    """One that somebody has, for the CA to judge."""
    system.keep_out_of_core_dumps()
    if descriptor is not None:
        return _read(which, descriptor, option)
    if not prompts.at_terminal():
        raise _unfit(which, t("bank.pin_unread", option=option))
    return Secret(click.prompt(t(f"bank.{which}"), hide_input=True, err=True))


def _typed(which: str, who: str, option: str) -> Secret:
    if not prompts.at_terminal():
        raise _unfit(which, t("bank.pin_unread", option=option))
    what = t(f"bank.{which}")
    first = Secret(click.prompt(t("bank.ask", what=what, who=who), hide_input=True, err=True))
    with Secret(click.prompt(t("bank.ask_again", what=what), hide_input=True, err=True)) as again:
        if first == again:
            return first
    first.wipe()
    raise _unfit(which, t("bank.pin_differs"))


def _read(which: str, descriptor: int, option: str) -> Secret:
    try:
        return prompts.from_fd(descriptor)
    except PinMissing as error:
        raise _unfit(which, t("bank.pin_unread", option=option)) from error
    except PinUnacceptable as error:
        raise _unfit(which, t("bank.pin_length", shortest=SHORTEST, longest=LONGEST)) from error


def _unfit(which: str, reason: str) -> ValueUnfit:
    return ValueUnfit(what=t(f"bank.{which}"), reason=reason)
