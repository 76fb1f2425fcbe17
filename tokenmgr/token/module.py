"""Library: a PKCS#11 library, and the media that it shows. A medium is known by its serial, never by its slot."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import fields
from types import TracebackType
from typing import Any, Self

from tokenmgr.config import TimeLimits
from tokenmgr.domain.family import UNKNOWN, Family, fits
from tokenmgr.domain.medium import EmptySlot, MediumFacts, SlotTrouble
from tokenmgr.errors import (
    ConnectionLost,
    FormatUnfinished,
    LabelWrong,
    LibraryError,
    LibraryForeign,
    LibraryNotReady,
    LibraryUnusable,
    MediumAmbiguous,
    MediumChanged,
    MediumError,
    MediumGone,
    MediumNotFound,
    MediumTroubled,
    NoMedium,
    NotSupported,
    TokenmgrError,
)
from tokenmgr.log import Secret
from tokenmgr.token import answers, binary, keys, pins
from tokenmgr.token.worker import Worker

Slot = MediumFacts | EmptySlot | SlotTrouble
_UNSEEN = {
    "Cc",
    "Cf",
    "Cs",
    "Zl",
    "Zp",
}  # control, direction and line marks; a full-width space is a letter's neighbour
LONGEST_LABEL = 32  # bytes of UTF-8: CK_TOKEN_INFO.label


class Library:
    """One PKCS#11 library in a child process, which sees `environment` and nothing else of ours.

    `family` is what its tokens are taken for, unless one of `others` claims a token by its own rules.
    """

    def __init__(
        self,
        path: str,
        environment: Mapping[str, str],
        family: Family = UNKNOWN,
        limits: TimeLimits | None = None,
        others: Sequence[Family] = (),
        initialise: str = "",
        named: Callable[[str], str] = str,
    ) -> None:
        self.path = path
        self.families = (*others, family)
        self._told = path, environment, family, limits, others, initialise, named
        self.worker = Worker(
            path, environment, patient(limits or TimeLimits(), self.families), self._translate, initialise
        )
        self._named = named
        self.open_sessions = 0
        self._restarts = 0
        self._mechanisms: dict[tuple[tuple[int, int], str], dict[str, list[int]]] = {}
        self._last: dict[int, str] = {}  # slot -> serial number of the medium that was in it last
        self._exchanged = False
        self._looked = 0  # the worker's epoch at the last look: a library that has just loaded knows nothing stale

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.worker.stop()

    def another(self) -> Library:
        """The same library in a process of its own: it knows nothing that this one has made up, or kept."""
        return Library(*self._told)

    def start(self) -> None:
        """Begin loading in the background, so that several libraries load side by side."""
        self.worker.start()

    def stand_by(self) -> None:
        """Only its process begins, and is ready to load."""
        self.worker.stand_by()

    @property
    def epoch(self) -> tuple[int, int]:
        """Changes when every session has died: with the child process, or when the library was started again in it."""
        return self.worker.epoch, self._restarts

    # --- what is here ---

    def slots(self) -> list[Slot]:
        """What is in every slot, read now. One that cannot be read is told, and hides no other."""
        try:
            self._refresh()
            seen = self._look()
        except MediumError as error:  # no medium has been asked yet: it is the library that does not answer
            raise LibraryNotReady(library=self.path, call=error.call, answer=error.answer) from error
        return [slot for slot in seen if not (isinstance(slot, MediumFacts) and self._is_spare(slot))]

    def media(self) -> list[MediumFacts]:
        return [slot for slot in self.slots() if isinstance(slot, MediumFacts)]

    def find(self, serial: str) -> MediumFacts:
        """The medium with this serial number, wherever it is now."""
        found = self._with_serial(serial)
        if self._exchanged:  # some show what was on the medium before, to whoever opens the one that is there now
            self._refresh(always=True)
            found = self._with_serial(serial)
        if not found:  # some libraries notice a new or returned medium only when started again
            self._refresh()
            found = self._with_serial(serial)
        if not found:
            raise MediumNotFound(serial=serial, seen=tuple(m.serial for m in self._readable() if m.serial))
        if len(found) > 1:
            raise MediumAmbiguous(serial=serial, places=tuple(medium.reader for medium in found))
        return found[0]

    def facts(self, slot: int, serial: str, reader: str = "") -> MediumFacts:
        """Read again, now; refuses if another medium is in the slot (S4)."""
        fresh = self._facts({"slot": slot, "description": reader, "token": self.worker.call("token", slot=slot)})
        if fresh.serial != serial:
            raise MediumChanged(serial=serial, seen=fresh.serial)
        return fresh

    def mechanisms(self, medium: MediumFacts) -> dict[str, tuple[int, int]]:
        """What the token can do of what we use, without what its family lists and cannot: name -> smallest and largest
        key."""
        if (told := self._mechanisms.get((self.epoch, medium.serial))) is None:
            told = self.worker.call("mechanisms", slot=medium.slot, names=sorted(keys.USED))
            self._mechanisms[self.epoch, medium.serial] = told
        avoid = self.family_of(medium).keys.avoid
        return {name: (low, high) for name, (low, high) in told.items() if name not in avoid}

    def family_of(self, medium: MediumFacts) -> Family:
        return next(family for family in self.families if family.name == medium.family)

    # --- making a medium anew ---

    def format(
        self, serial: str, so_pin: Secret, new_pin: Secret, label: str, accept_final_try: bool = False
    ) -> MediumFacts:
        """Erase the medium and give it its first PIN. An empty serial means the one blank medium that is here."""
        check_label(label)
        target = self.find(serial) if serial else self._blank()
        family = self.family_of(target)
        self.refuse_format(target)
        pins.refuse_malformed(so_pin, target, family, "so")
        pins.refuse_malformed(new_pin, target, family)
        if target.initialised:
            pins.refuse_hopeless(target, family, officer=True, accept_final_try=accept_final_try)
        known = {medium.serial for medium in self._readable()}
        self.worker.call("close_all", slot=target.slot)
        try:
            self.worker.call("init_token", slot=target.slot, so_pin=so_pin, label=label)
        except (MediumError, LibraryError) as error:
            now = target
            with suppress(MediumError, LibraryError):
                now = self.facts(target.slot, target.serial, target.reader)
            after = pins.after_failure(error, target, now, family, officer=True)
            raise (FormatUnfinished(serial=target.serial) if after.uncertain else after) from error
        try:
            return self._give_pin(target, known, so_pin, new_pin)
        except (MediumError, LibraryError) as error:
            raise FormatUnfinished(serial=target.serial) from error

    def refuse_format(self, medium: MediumFacts) -> None:
        """Before anybody is asked for a PIN in vain."""
        allowed = self.family_of(medium).token.format
        if allowed == "never" or (allowed == "blank" and medium.initialised):
            raise NotSupported(serial=medium.serial, wanted="format")

    def _give_pin(self, target: MediumFacts, known: set[str], so_pin: Secret, new_pin: Secret) -> MediumFacts:
        self._refresh(always=True)
        fresh = self._formatted(target, known)
        session, epoch = self.worker.call("open", slot=fresh.slot, write=True), self.epoch
        first = self.family_of(fresh).pin.first
        try:
            if first:
                self.worker.call("set_pin", session=session, old=Secret(first), new=new_pin)
            else:
                self.worker.call("login", session=session, officer=True, pin=so_pin)
                self.worker.call("init_pin", session=session, new=new_pin)
                self.worker.call("logout", session=session)
        finally:
            if self.epoch == epoch:
                with suppress(MediumError, LibraryError):  # it ends with the medium or the library, if not here
                    self.worker.call("close", session=session)
        return self.facts(fresh.slot, fresh.serial, fresh.reader)

    def _blank(self) -> MediumFacts:
        self._refresh()
        blank = [medium for medium in self._readable() if not medium.initialised]
        if not blank:
            raise NoMedium
        if len(blank) > 1:
            raise MediumAmbiguous(places=tuple(medium.reader for medium in blank))
        return blank[0]

    def _formatted(self, target: MediumFacts, known: set[str]) -> MediumFacts:
        """Most media keep their serial number; a software token is given one by C_InitToken."""
        now = [medium for medium in self._readable() if medium.initialised]
        same = [medium for medium in now if medium.serial == target.serial and target.serial]
        fresh = same or [medium for medium in now if medium.serial not in known]
        if len(fresh) != 1:
            raise MediumNotFound(serial=target.serial, seen=tuple(medium.serial for medium in now))
        return fresh[0]

    def _translate(self, failure: dict[str, Any]) -> TokenmgrError:
        """A failure to load that no PKCS#11 answer explains means that the file is not what it should be."""
        if failure["call"] == "C_Initialize" and answers.number(failure) is None:
            if made_for := binary.foreign(self.path):
                return LibraryForeign(library=self.path, built_for=made_for, needed=binary.this_processor())
            return LibraryUnusable(library=self.path, reason=failure["text"] or failure["name"])
        return answers.translate(failure)

    # --- reading slots ---

    def _refresh(self, always: bool = False) -> None:
        """Nobody trusts a stale slot list: the library is started again, unless that would end a session in use."""
        self.worker.load()
        just_loaded = self._looked != self.worker.epoch
        self._looked = self.worker.epoch
        if always or not (just_loaded or self.open_sessions):
            self._restarts += 1
            self._last, self._exchanged = {}, False
            self.worker.call("restart")

    def _with_serial(self, serial: str) -> list[MediumFacts]:
        return [medium for medium in self._readable() if medium.serial == serial and serial]

    def _readable(self) -> list[MediumFacts]:
        return [slot for slot in self._look() if isinstance(slot, MediumFacts)]

    def _look(self) -> list[Slot]:
        try:
            found = self.worker.call("slots")
        except (MediumTroubled, ConnectionLost):  # all of it is out of order, every session in it included
            self._refresh(always=True)
            found = self.worker.call("slots")
        seen = [self._slot(slot) for slot in found]
        for slot in seen:
            if isinstance(slot, MediumFacts):
                self._exchanged |= self._last.setdefault(slot.slot, slot.serial) != slot.serial
        return [slot for slot in seen if not (isinstance(slot, MediumFacts) and self._is_ignored(slot))]

    def _slot(self, slot: dict[str, Any]) -> Slot:
        if "token" in slot:
            return self._facts(slot)
        error = answers.translate(slot["error"]) if "error" in slot else None
        if error is None or isinstance(error, MediumGone):  # pulled between the list and the question
            return EmptySlot(self.path, slot["slot"], slot["description"])
        return SlotTrouble(self.path, slot["slot"], slot["description"], error.code, error.answer)

    def _is_spare(self, medium: MediumFacts) -> bool:
        return not medium.initialised and self.family_of(medium).token.spare_slot

    def _is_ignored(self, medium: MediumFacts) -> bool:
        """A second view of a card that another slot shows already, or a token that is no medium."""
        return fits(self.family_of(medium).token.ignored_labels, medium.label)

    def _family_told(self, token: dict[str, Any]) -> Family:
        told = token["manufacturer"], token["model"], token["label"]
        return next((family for family in self.families if family.has_token(*told)), self.families[-1])

    def _facts(self, slot: dict[str, Any]) -> MediumFacts:
        token = slot["token"]
        flags, family = token["flags"], self._family_told(token)
        return MediumFacts(
            serial=self._named(token["serial"] if family.token.numbered else token["label"]),
            label=token["label"],
            manufacturer=token["manufacturer"],
            model=token["model"],
            hardware=token["hardware"],
            firmware=token["firmware"],
            library=self.path,
            family=family.name,
            slot=slot["slot"],
            reader=slot["description"],
            initialised=bool(flags & pins.TOKEN_INITIALIZED),
            read_only=bool(flags & pins.WRITE_PROTECTED),
            pin=pins.state(flags, never_shown=family.pin.never_shown),
            so_pin=pins.state(flags, officer=True, never_shown=family.pin.never_shown),
            shortest_pin=family.pin.shortest or token["shortest_pin"],
            longest_pin=family.pin.longest or token["longest_pin"],
            free_memory=None if family.space.untruthful else token["free_memory"],
            total_memory=_total(token, family),
            needs_pin=bool(flags & pins.LOGIN_REQUIRED) or not flags & pins.USER_PIN_INITIALIZED,
        )


def _total(token: dict[str, Any], family: Family) -> int | None:
    told = None if family.space.untruthful else token["total_memory"]
    return told if told is not None else family.space.total or None


def patient(limits: TimeLimits, families: Sequence[Family]) -> TimeLimits:
    """No shorter than what one of the families is known to need."""
    return TimeLimits(
        **{
            f.name: max(getattr(limits, f.name), *(getattr(one.time, f.name, 0) for one in families), 0)
            for f in fields(limits)
        }
    )


def check_label(label: str, longest: int = LONGEST_LABEL) -> None:
    if not label.strip():
        raise LabelWrong(reason="empty")
    if len(label.encode("utf-8", errors="replace")) > longest:
        raise LabelWrong(reason="too long", longest=longest)
    if any(unicodedata.category(character) in _UNSEEN for character in label):
        raise LabelWrong(reason="not printable")
