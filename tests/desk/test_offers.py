"""What home's one button is about, and which media may be meant (S4)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from tests.desk.gallery_values import seen, store
from tokenmgr.customer.looks import Look
from tokenmgr.customer.status import Seen as Store
from tokenmgr.desk import offers
from tokenmgr.desk.actions import Action, Chosen
from tokenmgr.desk.journeys import handed, which
from tokenmgr.domain.contents import Contents
from tokenmgr.domain.generation import StoreKind
from tokenmgr.domain.medium import PinState
from tokenmgr.domain.status import Next
from tokenmgr.renewal.journal import Begun

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


def test_what_was_begun_at_each_bank_has_its_button() -> None:
    """One's is seen on the medium; the other's only its PIN would show."""
    here = store(Next.RESUME)
    (row,) = here.rows
    ours, theirs = (Begun(Path(bank), here.look.name, "renewal", bank, key_id="0a") for bank in ("1234", "5678"))
    looked = seen(here).looked
    assert looked
    alone, both = (replace(looked.found, begun=begun) for begun in ([ours], [ours, theirs]))
    assert offers.of_store(here, alone) is None
    assert offers.of_store(here, both) == Chosen(Action.RESUME, here)
    assert offers.unseen(here, both) == [theirs]
    assert [one for one in both.begun if offers.tells_of(row, one)] == [ours]


def test_a_bank_that_names_a_certificate_means_no_other() -> None:
    """While it is not here it is awaited."""
    here = store()
    whose, number = here.rows[0].held.whose, here.rows[0].number
    assert whose
    named: dict[str, object] = {"profile": SimpleNamespace(code=whose.bank), "contract": whose.contract}
    for serial, expected in ((f"{number:x}", here), ("", here), ("4f1a", None)):
        asked = cast(Any, SimpleNamespace(**named, user=whose.user, serial=serial))
        found = handed._find(asked, seen(here))
        assert (found[0] if found else None) is expected
