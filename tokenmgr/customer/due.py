"""Of what `status` sees: what somebody has to do something about, and what can be renewed with nobody there."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from tokenmgr.customer.status import Row, Seen, Status
from tokenmgr.domain.status import Next, of_silence
from tokenmgr.renewal.journal import RENEWAL


def pressing(found: Status, but: Collection[int] = ()) -> Status:
    """Of that only what somebody has to do something about; without the certificates of these serial numbers."""
    begun = [one for one in found.begun if one.trouble or found.is_here(one)]
    at = {one.store for one in begun}
    left = [replace(one, rows=[row for row in one.rows if row.number not in but]) for one in found.stores]
    stores = [_pressing(one) for one in left if one.verdict.is_pressing or one.look.name in at]
    banks = {row.held.whose.bank for one in stores for row in one.rows if row.held.whose}  # why theirs was not asked
    silent = [(one, of_silence(one.error.retriable)) for one in found.asked if one.error]
    asked = [one for one, verdict in silent if verdict.is_pressing or one.profile.code in banks]
    return Status(stores, begun, asked, found.now)


def _pressing(seen: Seen) -> Seen:
    """All that it has where the trouble is its own: a store that is shown empty would pass for one."""
    return replace(seen, rows=[row for row in seen.rows if row.judged.verdict.is_pressing] or seen.rows)


@dataclass(frozen=True)
class Alone:
    """A renewal that needs nobody: on which store, at which bank, of which certificate (none: what is unfinished)."""

    store: str
    bank: str
    certificate: int | None


def alone(found: Status) -> list[Alone]:
    """What is unfinished at a bank comes before everything else of that bank's on the store (R14), and before nothing
    of another's. What is no renewal, or needs a second store, and so perhaps somebody, is left to a person."""
    able = [one for one in found.stores if one.look.opens_alone and not one.error]
    return [todo for seen in able for bank in _banks(seen, found) for todo in _alone(seen, bank, found)]


def _alone(seen: Seen, bank: str, found: Status) -> list[Alone]:
    name, rows = seen.look.name, [row for row in seen.rows if _bank(row, found) == bank]
    begun = [one for one in found.begun if (one.store, one.bank) == (name, bank)]
    if any(one.source or one.operation != RENEWAL for one in begun):
        return []
    if any(row.judged.next is Next.RESUME for row in rows):
        return [Alone(name, bank, None)]
    due = [row.number for row in rows if row.judged.next is Next.RENEW and row.number is not None]
    return [Alone(name, bank, number) for number in due]


def _banks(seen: Seen, found: Status) -> list[str]:
    """In the order in which they are shown. What says of no bank that it is its is nobody's here."""
    return [bank for bank in dict.fromkeys(_bank(row, found) for row in seen.rows) if bank]


def _bank(row: Row, found: Status) -> str:
    """As the key's certificate or mark says, or the journal that is at it."""
    if row.held.whose:
        return row.held.whose.bank
    return next((one.bank for one in found.begun if one.key_id == row.item.key_id), "")
