"""A store as it shows itself without a PIN."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tokenmgr.domain.contents import Contents
from tokenmgr.domain.generation import StoreKind
from tokenmgr.domain.medium import MediumFacts, PinState
from tokenmgr.token.module import Library


@dataclass(frozen=True)
class Look:
    name: str  # a medium's serial number; a PC store's kind and place
    label: str
    kind: StoreKind
    pin: PinState
    read: Callable[[], Contents]
    shows_keys: bool = False  # all of them: whatever has no key here has none
    needs_pin: bool = True  # to write: from a person
    is_wanted: bool = True  # False: only where something of ours is on it

    @property
    def is_on_pc(self) -> bool:
        return self.kind is StoreKind.PC

    @property
    def opens_alone(self) -> bool:
        """Nobody has to be there with a PIN."""
        return self.is_on_pc and not self.needs_pin


def of_token(library: Library, facts: MediumFacts, name: str = "", label: str = "") -> Look:
    """`name` and `label`: of a store on the PC, which knows them better than its token does."""

    def read() -> Contents:
        from tokenmgr.token.session import Session  # here: it takes longer to load than all of this

        with Session.open(library, facts.serial) as session:
            return session.contents()

    kind = StoreKind.PC if name else StoreKind.MEDIUM
    return Look(name or facts.serial, label or facts.label, kind, facts.pin, read, not facts.needs_pin, facts.needs_pin)
