"""genm by a subscriber whose rehearsal has failed: its bank wants to know. (That one has passed, its confirmation
says.) The message itself is in cmp/rehearsing.py."""

from __future__ import annotations

from datetime import datetime

from tokenmgr.api.revocations import asked_by
from tokenmgr.cmp import oids
from tokenmgr.cmp.messages import Info, Kind, Message
from tokenmgr.cmp.rehearsing import failure_answer, failure_told
from tokenmgr.domain.generation import Generation
from tokenmgr.errors import AuthorityBusy
from tokenmgr.ra.issuing import PATIENCE
from tokenmgr.ra.ports import Registry, Stale


def is_told(message: Message) -> bool:
    return message.kind is Kind.GENM and isinstance(message.body, Info) and message.body.oid == oids.REHEARSAL


def answer(registry: Registry, by: Generation, message: Message, now: datetime) -> Info:
    """`by` signed it, and it is about nobody else."""
    assert isinstance(message.body, Info)  # noqa: S101  parse has seen to it
    assert by.subscriber is not None  # noqa: S101  nor is one of the CA's own anybody's credential
    failure = failure_told(message.body)
    for _ in range(PATIENCE):
        try:
            registry.rehearsal_failed(by.subscriber, failure, asked_by(by, message, now), now)
        except Stale:
            continue
        return failure_answer(failure)
    raise AuthorityBusy
