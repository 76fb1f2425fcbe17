"""更新: the next generation, asked for by the key of the one before (R2, RFC 9483 4.1.3).

While one waits for its confirmation, another key is refused: the holder finishes it, revokes it, or lets its time run
out (S7). So two clients that race for one subscriber get one certificate.
"""

from __future__ import annotations

import dataclasses
from datetime import datetime

from tokenmgr.ca.issuer import Issuer
from tokenmgr.domain.generation import Generation, State
from tokenmgr.domain.party import Role
from tokenmgr.domain.policy import Refusal, permit_rehearsal, permit_renewal
from tokenmgr.errors import KeyCertifiedBefore
from tokenmgr.ra import issuing
from tokenmgr.ra.acquire import refused
from tokenmgr.ra.ports import Registry, Standing


def renew(registry: Registry, issuer: Issuer, old: Generation, ask: issuing.Ask, now: datetime) -> Generation:
    """`old` is what signed the request. A rehearsal (domain/rehearsal.py) is asked for alike, and answered alike."""

    def decide(standing: Standing, same: Generation | None) -> int | None:
        finished = same is not None and same.state is State.ACTIVE and same.predecessor == old.serial
        if same is not None and same.state is State.ACTIVE and not finished:
            raise KeyCertifiedBefore
        by_now = _by_now(old, standing)
        begun = same is not None and same.predecessor == old.serial and same.state in (State.RECORDED, State.PENDING)
        if finished or (begun and by_now.state is State.ACTIVE):
            return old.serial  # what was begun in time is finished, whatever has run out or changed since (R13, S6)
        permit = permit_rehearsal if ask.is_rehearsal else permit_renewal
        answer = permit(by_now, ask.store, standing.bank.policy, now, standing.subscriber.role is Role.USER)
        if isinstance(answer, Refusal):
            raise refused(answer)
        return old.serial

    return issuing.issue(registry, issuer, ask, decide, displaces=False, now=now)


def _by_now(old: Generation, standing: Standing) -> Generation:
    """It was read when its signature was checked, and may have found a successor since."""
    last = standing.last
    if last is None or last.serial == old.serial:
        return last or old
    return dataclasses.replace(old, state=State.SUPERSEDED) if old.state is State.ACTIVE else old
