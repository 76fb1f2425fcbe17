"""Of what `status` sees: what somebody has to do something about, and what can be renewed with nobody there."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from tokenmgr.customer.operations import RENEWAL
from tokenmgr.customer.status import Seen, Status
from tokenmgr.domain.status import Next, of_silence


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
    """A renewal that needs nobody: on which store, of which certificate (none: what is unfinished there)."""

    store: str
    certificate: int | None


def alone(found: Status) -> list[Alone]:
    """What is unfinished on a store comes before everything else there (R14). What is no renewal at a bank, or needs a
    second store, and so perhaps somebody, is left to a person."""
    left = {one.store for one in found.begun if one.source or one.operation != RENEWAL or not one.bank}
    able = [one for one in found.stores if one.look.opens_alone and not one.error and one.look.name not in left]
    todo: list[Alone] = []
    for seen in able:
        name, steps = seen.look.name, [row.judged.next for row in seen.rows]
        if Next.RESUME in steps:
            todo.append(Alone(name, None))
        else:
            due = [row.number for row in seen.rows if row.judged.next is Next.RENEW and row.number is not None]
            todo += [Alone(name, number) for number in due]
    return todo
