"""What is around: settings -> libraries -> what is plugged in, and the medium that is meant."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePath

from tokenmgr import catalogue, system
from tokenmgr.domain import presence
from tokenmgr.domain.family import Family
from tokenmgr.domain.medium import EmptySlot, MediumFacts, SlotTrouble
from tokenmgr.domain.presence import Card, Missing, Plugged, View
from tokenmgr.errors import (
    LibraryNotInstalled,
    LibraryNotReady,
    MediumAmbiguous,
    MediumNotFound,
    MediumNotNamed,
    MediumUnseen,
    NoMedium,
    ReaderEmpty,
    ReaderHeld,
    ReaderServiceStopped,
    TokenmgrError,
    TokenUnclaimed,
)
from tokenmgr.messages import kind_on_pc
from tokenmgr.token.module import Library, Slot
from tokenmgr.usb import detect as usb
from tokenmgr.wiring.libraries import known, libraries, settings
from tokenmgr.wiring.words import t


@dataclasses.dataclass
class Surroundings:
    """What is plugged in and what the libraries show of it, at one moment. A failure is told and hides no other."""

    cards: list[Card]
    plugged: list[Plugged]
    bus_trouble: str
    empty: list[EmptySlot]
    troubles: list[SlotTrouble]
    failures: list[tuple[Library, TokenmgrError]]
    answered: int
    _libraries: dict[int, Library]  # of each medium, by its identity here

    @property
    def media(self) -> list[tuple[Library, MediumFacts]]:
        return [(self._libraries[id(card.medium)], card.medium) for card in self.cards]

    @property
    def only_failed(self) -> bool:
        return len(self.failures) == 1 and not (self.cards or self.empty or self.troubles or self.answered)

    def choose(self, serial: str | None) -> tuple[Library, MediumFacts]:
        """The medium that is meant: the named one, or the only one. Nothing is changed on a guess, and what is a part
        of the PC is nobody's medium unless it is named (S3)."""
        found = [(library, medium) for library, medium in self.media if medium.serial == serial]
        if not serial:
            found = [one for one in self.media if not one[0].family_of(one[1]).token.on_pc]
        if len(found) > 1 and serial:
            raise MediumAmbiguous(serial=serial, places=tuple(f"{m.library} {m.reader}" for _, m in found))
        if len(found) > 1:
            raise MediumNotNamed(serials=self._serials())
        if not found:
            raise MediumNotFound(serial=serial, seen=self._serials()) if serial and self.media else self.why_none()
        return found[0]

    def why_none(self) -> TokenmgrError:
        """The one thing that is missing; of several libraries that failed, each may be the medium's."""
        if self.broken:
            return next(iter(self.broken.values()))
        return self.failures[0][1] if self.only_failed else NoMedium()

    @functools.cached_property
    def broken(self) -> dict[Plugged, TokenmgrError]:
        """Every device that is plugged in and does not work, with the error that says why."""
        return {plugged: error for plugged in self.plugged if (error := self._trouble_of(plugged))}

    def _trouble_of(self, plugged: Plugged) -> TokenmgrError | None:
        name, family = plugged.name, plugged.family
        if plugged.missing is Missing.NOTHING or family is None:
            return None
        wanted = " / ".join(dict.fromkeys(PurePath(path).name for path in catalogue.libraries(family))) or t(
            "words.none"
        )
        if plugged.missing is Missing.LIBRARY:
            return LibraryNotInstalled(device=name, library=wanted, get=family.libraries.get or t("words.where_to_get"))
        failed = [error for library, error in self.failures if family in library.families]
        if plugged.missing is Missing.LIBRARY_FAILED and not isinstance(failed[0], LibraryNotReady):
            return failed[0]
        if plugged.device.smart_card and system.reader_service(settings().reader_service) is False:
            return ReaderServiceStopped(device=name)
        if plugged.missing is Missing.LIBRARY_FAILED:
            return failed[0]
        holders = system.reader_programs(settings().reader_service, plugged.device.bus, plugged.device.address)
        programs = tuple(dict.fromkeys(f"{holder.name} ({holder.process})" for holder in holders))
        if programs:
            return ReaderHeld(device=name, programs=programs)
        if tokens := self._unclaimed(family):
            return TokenUnclaimed(device=name, family=family.name, tokens=tokens)
        if plugged.missing is Missing.SLOT:
            return MediumUnseen(device=name, library=wanted)
        return ReaderEmpty(device=name, reader=plugged.slots[0].reader if plugged.slots else "")

    def _unclaimed(self, family: Family) -> tuple[str, ...]:
        """What the family's own library shows and no rule of it fits: the likeliest mistake in a new file."""
        shown = [m for library, m in self.media if family in library.families and not family.base]
        return tuple(f"{m.manufacturer} / {m.model}" for m in shown if m.family != family.name)

    def _serials(self) -> tuple[str, ...]:
        return tuple(medium.serial or t("media.blank") for _, medium in self.media)


@contextmanager
def surroundings(only: str | None) -> Iterator[Surroundings]:
    with libraries(only) as found:
        yield look(found)


def beside(serial: str) -> tuple[str, ...]:
    """The media that are plugged in while this one is not. A look that fails tells of none."""
    if not serial or kind_on_pc(serial):
        return ()
    with surroundings(None) as seen:
        media = [one for library, one in seen.media if not library.family_of(one).token.on_pc]
    return tuple(one.serial for one in media if one.serial not in ("", serial))


USB_OFF = "usb-off"  # a Bus's trouble, by setting
Answer = list[Slot] | TokenmgrError  # what a library shows, or why it does not


def look(found: list[Library]) -> Surroundings:
    bus = look_at_usb()  # while the libraries are still loading
    return arrange([(library, ask(library)) for library in found], bus)


def look_at_usb() -> usb.Bus:
    return usb.look(known().claims) if settings().usb else usb.Bus(trouble=USB_OFF)


def ask(library: Library) -> Answer:
    try:
        return library.slots()
    except TokenmgrError as error:
        return error


def arrange(answers: list[tuple[Library, Answer]], bus: usb.Bus) -> Surroundings:
    """Which device is which medium, which media are one, and what is missing."""
    failures = [(library, answer) for library, answer in answers if isinstance(answer, TokenmgrError)]
    shown = [(library, answer) for library, answer in answers if isinstance(answer, list)]
    views = [View(library.path, library.families, tuple(slots)) for library, slots in shown]
    views += [View(library.path, library.families, failed=True) for library, _ in failures]
    slots = [(library, slot) for library, those in shown for slot in those]
    return Surroundings(
        cards=presence.cards(views),
        plugged=presence.plugged(bus.devices, known().of_device, views),
        bus_trouble=bus.trouble,
        empty=[slot for _, slot in slots if isinstance(slot, EmptySlot)],
        troubles=[slot for _, slot in slots if isinstance(slot, SlotTrouble)],
        failures=failures,
        answered=len(shown),
        _libraries={id(slot): library for library, slot in slots},
    )
