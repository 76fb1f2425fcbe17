"""What the CAs of several banks have of the keys on a medium: each on one connection, side by side, none for long."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tokenmgr.customer.holdings import Item
from tokenmgr.customer.profiles import Profile
from tokenmgr.domain.holding import WAITING
from tokenmgr.domain.standing import UNKNOWN, Standing
from tokenmgr.errors import AuthorityUnreachable, TokenmgrError

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from tokenmgr.renewal.authority import Authority
    from tokenmgr.renewal.ports import AuthorityPort

log = logging.getLogger(__name__)

PATIENCE = 4.0  # seconds for one answer: somebody sits before the screen
LONGEST = 8.0  # and for all of them, name servers and proxies included
Reach = Callable[[Profile], "AbstractContextManager[AuthorityPort]"]


class Early:
    """A Reach whose connections are made while the media are still being looked at. What went wrong then is told when
    it is asked, and is not tried again."""

    def __init__(self, known: Sequence[Profile], make: Callable[[Profile], Authority]) -> None:
        self._make = make
        self._made: dict[str, Authority | TokenmgrError] = {}
        self._is_over = False
        self._making = {one.code: threading.Thread(target=self._connect, args=(one,), daemon=True) for one in known}
        for thread in self._making.values():
            thread.start()

    def __call__(self, profile: Profile) -> Authority:
        self._making[profile.code].join()
        found = self._made.get(profile.code, TokenmgrError())
        if isinstance(found, TokenmgrError):
            raise found
        return found

    def close(self) -> None:
        """What nobody has asked is hung up, now or as soon as it has been reached."""
        self._is_over = True
        for one in [*self._made.values()]:
            if not isinstance(one, TokenmgrError):
                one.close()

    def _connect(self, profile: Profile) -> None:
        try:
            made = self._make(profile)
            made.connect()
            self._made[profile.code] = made
            if self._is_over:
                made.close()
        except TokenmgrError as error:
            self._made[profile.code] = error
        except Exception as error:  # a thread's own would be a traceback before a customer (R15)
            log.info("unexpected", exc_info=error)


@dataclass
class Asked:
    """What one bank's CA was asked, by the fingerprints of keys, and has told."""

    profile: Profile
    keys: Sequence[str]
    told: dict[str, Standing] = field(default_factory=dict)
    error: TokenmgrError | None = None


def wanted(found: Sequence[Item], known: Sequence[Profile]) -> list[Asked]:
    """A certificate's is its bank's to tell; whose a key without one is, nobody but a CA knows."""
    loose = [one.fingerprint for one in found if not one.certificates and one.fingerprint]
    asked = []
    for profile in known:
        own = [one.fingerprint for one in found if one.whose and one.whose.bank == profile.code]
        if own or loose:
            asked.append(Asked(profile, list(dict.fromkeys([*own, *loose]))))
    return asked


def ask(asking: Sequence[Asked], reach: Reach, seconds: float = LONGEST) -> list[Asked]:
    """Side by side. What was told before one fell silent counts; what comes later does not."""
    threads = [threading.Thread(target=_ask, args=(one, reach), daemon=True) for one in asking]
    for thread in threads:
        thread.start()
    ends = time.monotonic() + seconds
    for one, thread in zip(asking, threads, strict=True):
        thread.join(max(ends - time.monotonic(), 0))
        if thread.is_alive():
            one.error = AuthorityUnreachable(address=one.profile.address, reason=f"{seconds:.0f} s")
    return [Asked(one.profile, one.keys, dict(one.told), one.error) for one in asking]


def _ask(one: Asked, reach: Reach) -> None:
    try:
        with reach(one.profile) as authority:
            for key in one.keys:
                one.told[key] = authority.standing(key)
    except TokenmgrError as error:
        one.error = error
    except Exception as error:  # a thread's own is lost, and nothing heard would count as an answer
        log.info("unexpected", exc_info=error)
        one.error = TokenmgrError()


def told(found: Sequence[Item], asked: Sequence[Asked]) -> dict[str, Standing]:
    """By a key's fingerprint. Unknown is only what every bank that was to be asked does not know; what one of them
    waits for is nowhere dead."""
    answers: dict[str, Standing] = {}
    for one in asked:
        for key, standing in one.told.items():
            if answers.get(key, UNKNOWN) == UNKNOWN or standing.state in WAITING:
                answers[key] = standing
    silent = {key for one in asked for key in one.keys if key not in one.told}
    banks = {one.whose.bank for one in found if one.whose} - {one.profile.code for one in asked}
    if banks:
        silent |= {one.fingerprint for one in found if not one.certificates}
    return {key: standing for key, standing in answers.items() if standing != UNKNOWN or key not in silent}
