"""What home offers for which thing, and the one that matters most. What may be done is the status's word. No Qt."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tokenmgr.customer.status import Row, Status
from tokenmgr.customer.status import Seen as Store
from tokenmgr.desk.actions import BY_NEXT, Action, Chosen
from tokenmgr.domain.medium import PinState
from tokenmgr.domain.status import Next, Place, Verdict, Why
from tokenmgr.renewal.journal import Begun

MAIN = (Action.RESUME, Action.RENEW, Action.ACQUIRE, Action.DIAGNOSE)  # the rest is in the menu


def is_named(store: Store) -> bool:
    """Not blank: what has no serial number yet is the bank's to prepare, and could not be told from another (S4)."""
    return bool(store.look.name)


def of_row(store: Store, row: Row) -> Chosen | None:
    """The one next step (R14), where it is a button's."""
    action = BY_NEXT.get(row.judged.next)
    return Chosen(action, store, row) if action in MAIN else None


def of_store(store: Store, found: Status) -> Chosen | None:
    """What stands before all that is on it; or what was begun here, of which nothing is seen without a PIN."""
    if _is_unset(store):
        return Chosen(Action.UNBLOCK, store)
    if store.look.pin is PinState.TO_BE_CHANGED and _is_stick(store):  # before anything else can be done
        return Chosen(Action.PIN, store)
    return Chosen(Action.RESUME, store) if unseen(store, found) else None


def unseen(store: Store, found: Status) -> list[Begun]:
    """What was begun on it, and no certificate or key that is seen says so: each bank has its own."""
    rows = [row for row in store.rows if row.judged.next is Next.RESUME]
    return [one for one in begun_on(store, found) if not any(tells_of(row, one) for row in rows)]


def begun_on(store: Store, found: Status) -> list[Begun]:
    return [one for one in found.begun if one.store == store.look.name and not one.trouble]


def tells_of(row: Row, begun: Begun) -> bool:
    whose = row.held.whose
    return row.item.key_id == begun.key_id or (whose is not None and whose.bank == begun.bank)


def primary(found: Status, has_bank: bool) -> Chosen | None:
    """What is unfinished, else what is worst (domain/status.py); a certificate to be fetched where there is none, once
    a bank's file is here."""
    ranked = [(_rank(chosen), number, chosen) for number, chosen in enumerate(_all(found.stores, found))]
    pressing = [one for one in ranked if one[0] > 0]
    if pressing:
        return max(pressing, key=lambda one: (one[0], -one[1]))[2]
    media = [one for one in found.stores if is_named(one) and not (one.error or one.look.is_on_pc)]
    if has_bank and media and not any(row.held.whose for one in found.stores for row in one.rows):
        return Chosen(Action.ACQUIRE, media[0])
    return None


def _all(stores: Sequence[Store], found: Status) -> Iterator[Chosen]:
    for store in filter(is_named, stores):
        first = of_store(store, found)
        if first:
            yield first
        if first is None or first.action is Action.RESUME:
            yield from (chosen for row in store.rows if (chosen := of_row(store, row)))


def _rank(chosen: Chosen) -> int:
    if chosen.action is Action.RESUME:
        return len(Verdict)
    if chosen.row is None:
        return list(Verdict).index(Verdict.HAND)
    verdict = chosen.row.judged.verdict
    return list(Verdict).index(verdict) if verdict.is_pressing else 0


def more_of_row(store: Store, row: Row) -> list[Chosen]:
    """In the menu of a certificate."""
    standing, found = row.held.standing, []
    if row.item.facts:
        found.append(Action.CONTENTS)
    if standing and standing.renewal.is_open and row.judged.next not in (Next.RENEW, Next.UNBLOCK):
        found.append(Action.RENEW)
    if standing and row.judged.place is Place.CURRENT:
        found.append(Action.REHEARSE)
    return [Chosen(one, store, row) for one in found]


def more_of_store(store: Store) -> list[Chosen]:
    """In the menu of a store."""
    found = []
    if any(row.judged.next is Next.CLEAN or row.judged.why is Why.MOVED for row in store.rows):
        found.append(Action.CLEAN)
    if _is_stick(store) and store.look.pin is not PinState.LOCKED:
        found.append(Action.ACQUIRE)
    if _is_unset(store):
        found.append(Action.UNBLOCK)
    elif _is_stick(store):
        found.append(Action.PIN)
    return [Chosen(one, store) for one in [*found, Action.DIAGNOSE]]


def _is_stick(store: Store) -> bool:
    return not (store.look.is_on_pc or store.error)


def _is_unset(store: Store) -> bool:
    """There is no PIN that its holder could change."""
    return store.look.pin is PinState.LOCKED or (store.look.pin is PinState.NOT_SET and _is_stick(store))
