"""What may go from a medium (renewal/cleanup.py), and its going: listed first, taken away after."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tokenmgr.customer.holdings import Item, at_work, holdings, items, made_here
from tokenmgr.customer.profiles import Profile
from tokenmgr.customer.standings import Asked, Reach, ask, told, wanted
from tokenmgr.domain.credential import Credential
from tokenmgr.domain.holding import MARK, Holding, Whose, mark_of
from tokenmgr.errors import DeletionRefused, LibraryError, MediumError
from tokenmgr.renewal.cleanup import Decided, Kept, removable
from tokenmgr.renewal.journal import Begun, begun
from tokenmgr.renewal.ports import StorePort

Refused = list[tuple[Item, DeletionRefused | MediumError | LibraryError]]


@dataclass(frozen=True)
class Listed:
    """Everything on the medium, each with what is to become of it."""

    store: StorePort
    items: Sequence[Item]
    decided: Sequence[Decided]
    asked: Sequence[Asked]
    begun: Sequence[Begun]
    by_holding: Sequence[tuple[Holding, Item, StorePort]]  # of both stores

    @property
    def removable(self) -> list[tuple[Item, Decided]]:
        return [(one, why) for one, why in zip(self.items, self.decided, strict=True) if why.is_removable]

    @property
    def kept(self) -> list[tuple[Item, Decided]]:
        return [(one, why) for one, why in zip(self.items, self.decided, strict=True) if not why.is_removable]

    @property
    def is_unfinished(self) -> bool:
        here = [one for one in self.begun if one.trouble or one.store == self.store.name]
        marked = any(mark_of(one.label) == MARK for one, _ in self.kept)  # though the CA could not be asked
        return bool(here) or marked or any(why.reason is Kept.UNFINISHED for why in self.decided)

    def remove(self, one: Item, why: Decided, now: datetime) -> None:
        """S2: the store looks again, and has the successor sign, or the other store has it."""
        best, where = self.successor(why)
        elsewhere = where if where is not self.store else None
        self.store.remove([*filter(None, [one.key]), *one.certificates], best, now, elsewhere)

    def successor(self, why: Decided) -> tuple[Credential | None, StorePort | None]:
        for held, item, store in self.by_holding:
            if held is why.successor:
                return item.credentials[0], store
        return None, None


def listed(
    store: StorePort,
    known: Sequence[Profile],
    folder: Path,
    reach: Reach,
    clock: Callable[[], datetime],
    beside: StorePort | None = None,
) -> Listed:
    """`beside`: the store that the next generation was made in, where that is another."""
    own = sorted(items(store.contents(), logged_in=True), key=_rank)
    others = items(beside.contents(), logged_in=True) if beside else []
    both, unfinished = [*own, *others], begun(folder)
    asked = ask(wanted(both, known), reach)
    answers, made = told(both, asked), made_here(folder, store.name)
    held = holdings(own, at_work(own, unfinished, store.name), answers, made)
    there = holdings(others, at_work(others, unfinished, beside.name), answers) if beside else []
    stores = [*[store] * len(own), *[beside or store] * len(others)]
    whole = list(zip([*held, *there], both, stores, strict=True))
    return Listed(store, own, removable(held, clock(), there), asked, unfinished, whole)


def _rank(one: Item) -> tuple[bool, bool, Whose | tuple[()], float, str]:
    """By subscriber, the newest first; the CA's own last."""
    ends = one.facts.not_after.timestamp() if one.facts else 0.0
    is_authority = one.facts is not None and one.facts.is_authority
    return is_authority, one.whose is None, one.whose or (), -ends, one.facts.subject if one.facts else one.key_id


def removed(found: Listed, now: datetime) -> tuple[list[Item], Refused]:
    """What has gone, and what the store did not let go. One that fails is not asked for the rest, and what has gone
    before that is told all the same."""
    gone: list[Item] = []
    refused: Refused = []
    for one, why in found.removable:
        try:
            found.remove(one, why, now)
            gone.append(one)
        except DeletionRefused as error:
            refused.append((one, error))
        except (MediumError, LibraryError) as error:
            if not gone:
                raise
            return gone, [*refused, (one, error)]
    return gone, refused
