"""genm by a contract's administrator: a user of its is re-issued (R10). The message itself is in cmp/reissuing.py."""

from __future__ import annotations

from datetime import datetime

from tokenmgr.api.revocations import asked_by
from tokenmgr.cmp import oids
from tokenmgr.cmp.messages import Info, Kind, Message
from tokenmgr.cmp.reissuing import reissue_answer, reissue_asked
from tokenmgr.domain.generation import Generation
from tokenmgr.ra import reissue
from tokenmgr.ra.ports import Registry


def is_asked(message: Message) -> bool:
    return message.kind is Kind.GENM and isinstance(message.body, Info) and message.body.oid == oids.REISSUE


def answer(registry: Registry, by: Generation, message: Message, now: datetime) -> Info:
    """`by` signed it."""
    assert isinstance(message.body, Info)  # noqa: S101  parse has seen to it
    user, cause = reissue_asked(message.body)
    return reissue_answer(user, reissue.reissue_signed(registry, by, user, cause, asked_by(by, message, now), now))
