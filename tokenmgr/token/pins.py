"""PINs: their state from the token's flags, and what is refused before it could cost a try (S5, R11)."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection

from tokenmgr.domain.family import Family
from tokenmgr.domain.medium import MediumFacts, PinState
from tokenmgr.errors import (
    LibraryError,
    MediumError,
    PinError,
    PinFinalTry,
    PinLocked,
    PinNotSet,
    PinNotUnblockable,
    PinUnacceptable,
    PinWrong,
)
from tokenmgr.log import Secret
from tokenmgr.token.worker import UNCLEAR

# PKCS#11 3.0, 3.2, CK_TOKEN_INFO flags
WRITE_PROTECTED, LOGIN_REQUIRED, USER_PIN_INITIALIZED, TOKEN_INITIALIZED = 0x2, 0x4, 0x8, 0x400
_USER = {"low": 0x10000, "final": 0x20000, "locked": 0x40000, "change": 0x80000}
_OFFICER = {name: flag << 4 for name, flag in _USER.items()}


def state(flags: int, officer: bool = False, never_shown: Collection[str] = ()) -> PinState:
    """The gravest thing that the flags say. Where a family never shows a count, silence is not good news."""
    bits = _OFFICER if officer else _USER
    if not officer and not flags & USER_PIN_INITIALIZED:
        return PinState.NOT_SET
    for name, found in (
        ("locked", PinState.LOCKED),
        ("final", PinState.FINAL_TRY),
        ("change", PinState.TO_BE_CHANGED),
        ("low", PinState.LOW),
    ):
        if flags & bits[name]:
            return found
    return PinState.NOT_TOLD if {"low", "final try", "locked"} <= set(never_shown) else PinState.FINE


def refuse_hopeless(facts: MediumFacts, family: Family, officer: bool, accept_final_try: bool) -> None:
    """Before a PIN is sent: no try on a locked medium or one without a PIN, the last try only with an explicit yes."""
    who = "so" if officer else "user"
    match facts.so_pin if officer else facts.pin:
        case PinState.LOCKED:
            raise PinLocked(serial=facts.serial, who=who, unblock=family.pin.unblock)
        case PinState.NOT_SET:
            raise PinNotSet(serial=facts.serial, who=who)
        case PinState.FINAL_TRY if not accept_final_try:
            raise PinFinalTry(serial=facts.serial, who=who)


def refuse_unblocking(facts: MediumFacts, family: Family) -> None:
    """Where the officer cannot set a PIN, none is asked for."""
    if family.pin.unblock != "officer":
        raise PinNotUnblockable(serial=facts.serial, unblock=family.pin.unblock)


def limits(facts: MediumFacts) -> tuple[int, int]:
    """Shortest and longest PIN; one that does not tell takes any but an empty one."""
    return max(facts.shortest_pin, 1), facts.longest_pin or 255


def rules(facts: MediumFacts, family: Family, who: str = "user") -> dict[str, Callable[[bytes | bytearray], bool]]:
    """What a PIN has to be to be sent, by the rule's name. Lengths are in bytes of UTF-8."""
    shortest, longest = limits(facts)
    if who == "so":  # the limits that a token tells are the user's; a security officer's PIN may be longer
        longest = 255
    found: dict[str, Callable[[bytes | bytearray], bool]] = {"length": lambda pin: shortest <= len(pin) <= longest}
    if who == "so" and family.pin.officer == "key":
        found["hex"] = lambda pin: re.fullmatch(b"([0-9a-fA-F]{2})+", pin) is not None
    if who == "so" and family.pin.officer_lengths:
        found["lengths"] = lambda pin: len(pin) in family.pin.officer_lengths
    if who == "user" and family.pin.characters == "digits":
        found["digits"] = lambda pin: re.fullmatch(b"[0-9]+", pin) is not None
    if family.pin.characters == "ascii":
        found["ascii"] = lambda pin: pin.isascii()
    return found


def refuse_malformed(pin: Secret, facts: MediumFacts, family: Family, who: str = "user") -> None:
    """A PIN that cannot be right is not sent, since the try would count."""
    broken = next((rule for rule, holds in rules(facts, family, who).items() if not holds(pin.reveal())), "")
    if broken:
        shortest, longest = limits(facts)
        raise PinUnacceptable(
            serial=facts.serial,
            who=who,
            rule=broken,
            shortest=shortest,
            longest=255 if who == "so" else longest,
            lengths=tuple(map(str, family.pin.officer_lengths)),
        )


_WORSENING = (PinState.FINE, PinState.LOW, PinState.FINAL_TRY, PinState.LOCKED)


def after_failure(
    error: MediumError | LibraryError, before: MediumFacts, now: MediumFacts, family: Family, officer: bool
) -> MediumError | LibraryError:
    """What became of a PIN that was sent, by the answer and by what the medium shows now. Some answer "incorrect" to
    one that has just locked, and some answer a wrong one with a general error: a counted try is told as a wrong PIN."""
    who = "so" if officer else "user"
    was, is_ = (before.so_pin, now.so_pin) if officer else (before.pin, now.pin)
    counted = was in _WORSENING and is_ in _WORSENING and _WORSENING.index(is_) > _WORSENING.index(was)
    if isinstance(error, LibraryError) or not (counted or isinstance(error, PinError)):
        # A try may have been spent, a new PIN may have been set; but not where the session was dead before.
        sent = isinstance(error, LibraryError) or bool(error.answer)
        error.uncertain = sent and isinstance(error, (LibraryError, *UNCLEAR))
        return error
    if isinstance(error, PinLocked) or is_ is PinState.LOCKED:
        return PinLocked(call=error.call, answer=error.answer, serial=now.serial, who=who, unblock=family.pin.unblock)
    if isinstance(error, PinWrong) or counted:
        return PinWrong(call=error.call, answer=error.answer, serial=now.serial, who=who, state=is_.value)
    error.serial = now.serial
    if isinstance(error, PinError):
        error.who = who
    if isinstance(error, PinUnacceptable):
        error.shortest, error.longest = limits(now)
    return error


# --- what a keyboard does to a PIN ---


def is_full_width(text: str) -> bool:
    """A letter or digit that a Japanese keyboard puts in by mistake."""
    return any("\uff01" <= character <= "\uff5e" for character in text)


def refuse_full_width(typed: Secret, who: str = "user") -> Secret:
    """No medium has a PIN of such letters, and the try would count."""
    if is_full_width(typed.reveal().decode("utf-8", errors="replace")):
        typed.wipe()
        raise PinUnacceptable(who=who, rule="typable")
    return typed


def is_typable(pin: bytes | bytearray) -> bool:
    """A PIN that every other place can be given too: no control characters, no blanks around it, no full width."""
    try:
        text = pin.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return text == text.strip() and text.isprintable() and not is_full_width(text)


def refuse_untypable(new: Secret) -> Secret:
    if not is_typable(new.reveal()):
        new.wipe()
        raise PinUnacceptable(rule="typable")
    return new
