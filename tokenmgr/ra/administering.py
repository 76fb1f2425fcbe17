"""What a contract's administrator does for its users at the bank's pages (R10, R11), by the certificate that it has
logged in with: the verbs of signed messages, and the same judgement under the same locks.

A form that is sent twice is carried out once, and both are answered alike (S6): whoever clicks twice sees the second
answer, and that one must not be a refusal for what the first has done.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from datetime import datetime

from tokenmgr.domain.generation import Generation
from tokenmgr.domain.reissue import Cause
from tokenmgr.errors import AuthorityBusy, TokenmgrError
from tokenmgr.ra import holding
from tokenmgr.ra.issuing import PATIENCE
from tokenmgr.ra.ports import Asked, Registry, Stale
from tokenmgr.ra.reissue import find_user, reissue_signed


def reissue(registry: Registry, by: Generation, user: str, cause: Cause, asked: Asked, now: datetime) -> None:
    _once(registry, asked, lambda: reissue_signed(registry, by, user, cause, asked, now))


def unlock(registry: Registry, by: Generation, user: str, asked: Asked, now: datetime) -> None:
    def act() -> None:
        for _ in range(PATIENCE):
            other = find_user(registry, by, user, now)
            with contextlib.suppress(Stale):
                return registry.unlock(other.subscriber, asked)
        raise AuthorityBusy

    _once(registry, asked, act)


def hold(registry: Registry, by: Generation, user: str, asked: Asked, now: datetime) -> None:
    """The certificate that the ID has by now: whoever fears for one means no older one."""
    _once(registry, asked, lambda: holding.hold_user(registry, by, user, asked, now))


def release(registry: Registry, by: Generation, user: str, asked: Asked, now: datetime) -> None:
    _once(registry, asked, lambda: holding.release_user(registry, by, user, asked, now))


def _once(registry: Registry, asked: Asked, act: Callable[[], object]) -> None:
    try:
        act()
    except TokenmgrError:
        if not registry.was_asked(asked.digest):  # by its twin
            raise
