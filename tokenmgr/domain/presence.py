"""Which USB device is which medium, which media are one card seen twice, and what is missing where one fails."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

from tokenmgr.domain.device import UsbDevice
from tokenmgr.domain.family import Family
from tokenmgr.domain.medium import EmptySlot, MediumFacts, SlotTrouble

Slot = MediumFacts | EmptySlot | SlotTrouble
SHORTEST_NAME = 4  # letters of a product's name that say anything when a reader's name has them


class Missing(Enum):
    """What stands between a device and its use."""

    NOTHING = ""
    FAMILY = "family"  # no file of drivers/ knows it, and no library shows it
    LIBRARY = "library"  # none of its libraries is on this computer
    LIBRARY_FAILED = "library failed"
    SLOT = "slot"  # its library has no slot for it
    MEDIUM = "medium"  # there is a slot, and no medium answers in it


@dataclass(frozen=True)
class View:
    """One library: the families that it serves, and what it shows. `failed` where it did not answer."""

    path: str
    families: tuple[Family, ...]
    slots: tuple[Slot, ...] = ()
    failed: bool = False


@dataclass(frozen=True)
class Plugged:
    """A device that is a medium or a card reader, and what the libraries show of it."""

    device: UsbDevice
    family: Family | None
    slots: tuple[Slot, ...]
    missing: Missing

    @property
    def media(self) -> list[MediumFacts]:
        return [slot for slot in self.slots if isinstance(slot, MediumFacts)]

    @property
    def name(self) -> str:
        """The family's where it is known: what the device says of itself may be a bare chip's name."""
        own = " ".join(part for part in (self.device.maker, self.device.name) if part)
        return self.family.title if self.family else own or self.device.usb_id


@dataclass(frozen=True)
class Card:
    """A medium as the library shows it that is to be used, and its other views."""

    medium: MediumFacts
    also: tuple[MediumFacts, ...] = ()


# --- device and slot ---


def plugged(
    devices: Iterable[UsbDevice], family_of: Callable[[UsbDevice], Family | None], views: Sequence[View]
) -> list[Plugged]:
    known = [(device, family_of(device)) for device in devices]
    candidates = [(device, family) for device, family in known if family or device.smart_card]
    owners = _owners(candidates, [slot for view in views for slot in view.slots])
    result = []
    for device, family in candidates:
        own = tuple(slot for slot, owner in owners if owner == device)
        shared = [slot for slot, owner in owners if owner is None and _likeness(device, family, slot)]
        alike = [one for one in candidates if one[0].usb_id == device.usb_id]
        enough = own or len({slot.reader for slot in shared}) >= len(alike) > 1  # which is whose cannot be told
        result.append(Plugged(device, family, own, _missing(family, own or tuple(shared if enough else ()), views)))
    return result


def _owners(
    candidates: Sequence[tuple[UsbDevice, Family | None]], slots: Sequence[Slot]
) -> list[tuple[Slot, UsbDevice | None]]:
    """Each slot's device: the one that is most like it, and nobody where two are equally so."""
    owners: list[tuple[Slot, UsbDevice | None]] = []
    for slot in slots:
        likenesses = [(_likeness(device, family, slot), device) for device, family in candidates]
        best = max((likeness for likeness, _ in likenesses), default=0)
        those = [device for likeness, device in likenesses if likeness == best]
        owners.append((slot, those[0] if best and len(those) == 1 else None))
    return owners


def _likeness(device: UsbDevice, family: Family | None, slot: Slot) -> int:
    """3: the device's own number; 2: its name in the reader's; 1: the family that the library tells. 0: not it."""
    if device.serial and (_number(device.serial) in slot.reader or _is_number_of(device.serial, slot)):
        return 3
    if len(device.name) >= SHORTEST_NAME and device.name.casefold() in slot.reader.casefold():
        return 2
    if family and family.has_reader(slot.reader):
        return 2
    return int(family is not None and isinstance(slot, MediumFacts) and slot.family == family.name)


def _number(serial: str) -> str:
    return serial if len(serial) >= SHORTEST_NAME else f"({serial})"  # as card reader services write it


def _is_number_of(serial: str, slot: Slot) -> bool:
    return isinstance(slot, MediumFacts) and slot.serial.casefold().lstrip("0") == serial.casefold().lstrip("0") != ""


def _missing(family: Family | None, slots: tuple[Slot, ...], views: Sequence[View]) -> Missing:
    if any(isinstance(slot, MediumFacts) for slot in slots):
        return Missing.NOTHING
    if slots:
        return Missing.MEDIUM if family else Missing.NOTHING  # an empty card reader is as it should be
    if family is None:
        return Missing.FAMILY
    own = [view for view in views if family in view.families]
    if not own:
        return Missing.LIBRARY
    return Missing.LIBRARY_FAILED if all(view.failed for view in own) else Missing.SLOT


# --- one card, several views ---


def cards(views: Sequence[View]) -> list[Card]:
    """Each card once: as its own library shows it, where a general one shows it too."""
    families = {family.name: family for view in views for family in view.families}
    media = [(view, slot) for view in views for slot in view.slots if isinstance(slot, MediumFacts)]
    media.sort(key=lambda pair: _serves_all(pair[0]))
    result: list[Card] = []
    for _, medium in media:
        for number, card in enumerate(result):
            if _is_same_card(card.medium, medium, families):
                result[number] = Card(card.medium, (*card.also, medium))
                break
        else:
            result.append(Card(medium))
    return result


def _serves_all(view: View) -> bool:
    return any(family.general for family in view.families)


def _is_same_card(one: MediumFacts, other: MediumFacts, families: dict[str, Family]) -> bool:
    """A reader holds one card: its name is proof where both libraries call their slots by it, and else the number
    beside it. What one library shows as two is two, and a library that is set up twice is told of two places."""
    if one.library == other.library or one.reader != other.reader or not one.reader:
        return False
    by_reader = all(families[medium.family].libraries.slots_are_readers for medium in (one, other))
    return by_reader or one.serial == other.serial != ""
