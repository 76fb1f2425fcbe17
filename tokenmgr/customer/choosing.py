"""Which certificate a renewal is of: the one that logs in, of the one subscriber of a bank that is meant."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from tokenmgr.domain.credential import Credential
from tokenmgr.domain.holding import DEAD
from tokenmgr.errors import NothingToRenew, SeveralToRenew
from tokenmgr.renewal.acceptance import require_clock
from tokenmgr.renewal.ports import AuthorityPort, StorePort
from tokenmgr.renewal.recovery import current, whose


def of_serial(credentials: Sequence[Credential], serial: str) -> Credential | None:
    """`serial` in hex, as somebody may have typed it."""
    wanted = serial.lower().lstrip("0")
    return next((one for one in credentials if one.facts and f"{one.facts.serial_number:x}" == wanted), None)


def to_renew(store: StorePort, bank: str, serial: str, authority: AuthorityPort, now: datetime) -> Credential:
    """Of each subscriber the one that is valid longest, and there is one subscriber; `serial` where there are more."""
    own = [one for one in store.credentials() if (of := whose(one)) is not None and of.bank == bank]
    valid = [one for one in own if one.facts and one.facts.is_valid(now)]
    if serial:
        valid = [one for one in [of_serial(valid, serial)] if one]
    found = [one for one in (current(valid, now, of) for of in set(map(whose, valid))) if one is not None]
    if not found:
        if own:
            require_clock(authority.offer().now, now)
        raise NothingToRenew(serial=store.name, bank=bank)
    if len(found) > 1:  # what is dead at the CA is nobody's to choose
        alive = [one for one in found if authority.standing(one.key.fingerprint).state not in DEAD]
        found = alive or found
    if len(found) > 1:
        names = sorted(f"{one.facts.serial_number:x} {one.facts.subject}" for one in found if one.facts)
        raise SeveralToRenew(serial=store.name, certificates=tuple(names))
    return found[0]
