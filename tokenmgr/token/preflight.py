"""What a medium can and cannot do for a renewal, before anything is touched.

What stands in the way is told as the very errors that the renewal would meet, with their next steps.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tokenmgr.domain.credential import KeyKind
from tokenmgr.domain.medium import PinState
from tokenmgr.errors import (
    MediumError,
    MediumFull,
    MediumReadOnly,
    NoPlace,
    NotSupported,
    OfficerNeeded,
    PinToBeChanged,
)
from tokenmgr.token import pins
from tokenmgr.token.session import Session

GENERATION = 6144  # bytes: an RSA-2048 key pair as cards keep it, a certificate, two of the CA's


@dataclass(frozen=True)
class Preflight:
    """`place` is the CKA_ID that the next generation gets where the medium has fixed ones, and `places_left` how many
    are free; None where IDs are free. `room` is None where the medium does not tell."""

    kinds: tuple[KeyKind, ...]
    place: str | None
    places_left: int | None
    room: bool | None
    officer: str | None  # what the bank must bring: "pin", "key", or nothing
    pin: PinState
    obstacles: tuple[MediumError, ...]


def preflight(session: Session, wanted: Sequence[KeyKind] = tuple(KeyKind), officer_at_hand: bool = False) -> Preflight:
    """Asks, and writes nothing. Logged in or not: a medium that shows keys only to the logged-in is asked better so,
    and the room of one that does not tell is found by a session that may write."""
    family, medium = session.family, session.refresh()
    kinds = tuple(kind for kind in wanted if kind in session.key_kinds())
    places = family.keys.places
    taken = {bytes(item.get("ID", b"")).hex() for item in session._find({})} if places else set()
    free = [place for place in places if place not in taken]
    room = None if medium.free_memory is None and not session.write else session.has_room_for(GENERATION)

    def obstacles() -> Iterator[MediumError]:
        if medium.read_only:
            yield MediumReadOnly(serial=medium.serial)
        if family.keys.by == "nobody":
            yield NotSupported(serial=medium.serial, wanted="new-key")
        elif not kinds:
            yield NotSupported(serial=medium.serial, wanted=" / ".join(kind.value for kind in wanted))
        if places and not free:
            yield NoPlace(serial=medium.serial, places=places)
        if room is False:
            yield MediumFull(serial=medium.serial)
        if family.by_officer and not officer_at_hand:
            yield OfficerNeeded(serial=medium.serial, officer=family.pin.officer)
        try:
            pins.refuse_hopeless(medium, family, officer=False, accept_final_try=False)
            if family.by_officer:
                pins.refuse_hopeless(medium, family, officer=True, accept_final_try=False)
        except MediumError as error:
            yield error
        if medium.pin is PinState.TO_BE_CHANGED:
            yield PinToBeChanged(serial=medium.serial)

    return Preflight(
        kinds=kinds,
        place=free[0] if free else None,
        places_left=len(free) if places else None,
        room=room,
        officer=family.pin.officer if family.by_officer else None,
        pin=medium.pin,
        obstacles=tuple(obstacles()),
    )
