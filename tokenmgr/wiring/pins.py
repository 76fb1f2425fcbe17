"""A medium's PIN changed by its holder, or set anew by its officer: what the command line and the window do of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tokenmgr.domain.family import Family
from tokenmgr.domain.medium import MediumFacts
from tokenmgr.log import Secret
from tokenmgr.token.pins import refuse_unblocking
from tokenmgr.wiring import around

if TYPE_CHECKING:
    from tokenmgr.token.session import Session

Accepts = Callable[[MediumFacts, Family], bool]  # whether the last try may be spent; refuses what is hopeless


@dataclass(frozen=True)
class AtPin:
    """A medium before its PIN is touched: nothing was sent yet."""

    session: Session
    accepted: bool

    @property
    def facts(self) -> MediumFacts:
        return self.session.medium

    @property
    def family(self) -> Family:
        return self.session.family

    def change(self, old: Secret, new: Secret) -> MediumFacts:
        self.session.change_pin(old, new, self.accepted)
        return self.session.refresh()

    def set_anew(self, so_pin: Secret, new: Secret) -> MediumFacts:
        self.session.reset_pin(so_pin, new, self.accepted)
        return self.session.refresh()


@contextmanager
def at_pin(serial: str | None, only: str | None, accepts: Accepts, officer: bool = False) -> Iterator[AtPin]:
    """`officer`: it is for the one who sets PINs anew; refused where this medium's cannot."""
    from tokenmgr.token.session import Session  # here: it takes longer to load than a command to be read

    with around.surroundings(only) as seen:
        library, facts = seen.choose(serial)
        with Session.open(library, facts.serial, write=True) as session:
            if officer:
                refuse_unblocking(session.medium, session.family)
            yield AtPin(session, accepts(session.medium, session.family))
