"""Whoever sits there: at a terminal (cli/terminal.py), at the window (desk/), or nobody."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

from tokenmgr.domain.family import Family
from tokenmgr.domain.medium import MediumFacts
from tokenmgr.errors import TokenmgrError
from tokenmgr.log import Secret
from tokenmgr.renewal.ports import ScreenPort
from tokenmgr.wiring.places import Where


class Screen(ScreenPort, Protocol):
    """Where an operation is seen going on."""

    def tell(self, error: TokenmgrError) -> None:
        """What stands in nobody's way, and is to be known."""

    def aside(self) -> AbstractContextManager[None]:
        """While the person is asked something."""

    def stop(self) -> None: ...


class Person(Protocol):
    """Asked once, and only when it is needed (S5)."""

    def may_spend_final_try(self, facts: MediumFacts, family: Family, where: Where) -> bool:
        """A medium that cannot be opened at all is refused here, before anybody is asked for a PIN in vain."""

    def pin(self, store: str, where: Where, facts: MediumFacts) -> Secret:
        """Of a medium, or of a chip of this PC."""

    def passphrase(self, store: str, where: Where) -> Secret:
        """Of a store on the PC: nothing counts its tries."""

    def waits(self, error: TokenmgrError, is_over: Callable[[], bool]) -> bool:
        """For a program to be closed; False where nobody is there to close it."""

    def tell(self, error: TokenmgrError) -> None: ...

    def pause(self, seconds: float) -> None:
        """Before a CA that does not answer is asked again: whoever leaves is not to wait for that."""

    def screen(self, doing: Callable[[], str], is_back: Callable[[], bool]) -> Screen:
        """`doing`: the call that the medium is at. `is_back`: whether every store is here again."""
