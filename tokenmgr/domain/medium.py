"""A medium (専用USB) as it shows itself, and the state of its PINs."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class PinState(Enum):
    """What the medium says of a PIN before it is asked for. Some media never say LOW or FINAL_TRY."""

    FINE = "fine"
    LOW = "low"
    FINAL_TRY = "final try"
    LOCKED = "locked"
    TO_BE_CHANGED = "to be changed"
    NOT_SET = "not set"
    NOT_TOLD = "not told"  # set, and nothing more: some media never show a wrong entry, nor that they are locked


@dataclass(frozen=True)
class MediumFacts:
    """One medium, read at one moment. Its name is `serial`; the slot is only where it was seen."""

    serial: str
    label: str
    manufacturer: str
    model: str
    hardware: str
    firmware: str
    library: str
    family: str
    slot: int
    reader: str
    initialised: bool
    read_only: bool
    pin: PinState
    so_pin: PinState
    shortest_pin: int
    longest_pin: int
    free_memory: int | None
    total_memory: int | None
    needs_pin: bool = True  # False: whoever has the store has its keys, as in NSS without a password


@dataclass(frozen=True)
class EmptySlot:
    """A reader, or a medium's place, with no medium in it."""

    library: str
    slot: int
    reader: str


@dataclass(frozen=True)
class SlotTrouble:
    """A slot that says it holds a medium which could not be read."""

    library: str
    slot: int
    reader: str
    code: str
    answer: str
