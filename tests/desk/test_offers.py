"""What home's one button is about, and which media may be meant (S4)."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from tests.desk.gallery import seen, store
from tokenmgr.customer.looks import Look
from tokenmgr.customer.status import Seen as Store
from tokenmgr.desk import offers
from tokenmgr.desk.actions import Action
from tokenmgr.desk.journeys import which
from tokenmgr.domain.contents import Contents
from tokenmgr.domain.generation import StoreKind
from tokenmgr.domain.medium import PinState

BLANK = Store(Look("", "", StoreKind.MEDIUM, PinState.NOT_SET, lambda: Contents("", [], [], [], [])))


def test_a_blank_stick_takes_nothing_from_a_renewal() -> None:
    here = store()
    looked = seen(BLANK, here).looked
    assert looked
    first = offers.primary(looked.found, has_bank=True)
    assert first is None or first.store is here
    assert [one.store for one in offers._all([BLANK, here], looked.found)] == [here]


def test_nothing_is_acquired_into_a_blank_one() -> None:
    looked = seen(BLANK).looked
    assert looked
    assert offers.primary(looked.found, has_bank=True) is None
    fine = Store(Look("A1", "", StoreKind.MEDIUM, PinState.FINE, lambda: Contents("A1", [], [], [], [])))
    found = seen(BLANK, fine)
    assert found.looked
    first = offers.primary(found.looked.found, has_bank=True)
    assert first
    assert (first.action, first.store) == (Action.ACQUIRE, fine)
    assert which.media(cast(Any, SimpleNamespace(seen=found))) == [fine]
