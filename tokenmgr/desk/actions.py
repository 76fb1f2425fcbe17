"""What a customer may choose, and about what. No Qt."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from tokenmgr.customer.status import Row
from tokenmgr.customer.status import Seen as Store
from tokenmgr.domain.holding import Whose
from tokenmgr.domain.status import Next


class Action(Enum):
    RENEW = "renew"
    RESUME = "resume"
    ACQUIRE = "acquire"
    REHEARSE = "rehearse"
    CLEAN = "clean"
    CONTENTS = "contents"  # of a certificate
    PIN = "pin"  # change it, or set the first one
    UNBLOCK = "unblock"
    DIAGNOSE = "diagnose"


@dataclass(frozen=True)
class Chosen:
    """`origin`: the bank's site that asks for it (R6); empty where the customer has pressed a button of ours. `whose`:
    the subscriber that is meant, where no row tells."""

    action: Action
    store: Store | None = None
    row: Row | None = None
    origin: str = ""
    whose: Whose | None = None


BY_NEXT = {
    Next.RENEW: Action.RENEW,
    Next.RESUME: Action.RESUME,
    Next.ACQUIRE: Action.ACQUIRE,
    Next.CLEAN: Action.CLEAN,
    Next.VERIFY: Action.DIAGNOSE,
}
