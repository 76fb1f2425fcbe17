"""genm by a contract's administrator: a user of its is re-issued (R10). The message itself is in cmp/reissuing.py."""

from __future__ import annotations

import hashlib
from datetime import datetime

from tokenmgr.cmp import checks, oids
from tokenmgr.cmp.messages import Info, Kind, Message
from tokenmgr.cmp.reissuing import reissue_answer, reissue_asked
from tokenmgr.domain.generation import Generation
from tokenmgr.ra import reissue
from tokenmgr.ra.ports import Registry


def is_asked(message: Message) -> bool:
    return message.kind is Kind.GENM and isinstance(message.body, Info) and message.body.oid == oids.REISSUE


def answer(registry: Registry, by: Generation, message: Message, now: datetime) -> Info:
    """`by` signed it. The same bytes again, however late, are the same request (S6); others have their time (3)."""
    assert isinstance(message.body, Info)  # noqa: S101  parse has seen to it
    user, cause = reissue_asked(message.body)
    digest = hashlib.sha256(message.raw).digest()
    standing = reissue.find_user(registry, by, user, now)
    if digest not in standing.reissue_digests:
        checks.message_time(message.header, now)
    asked_at = message.header.message_time or now
    return reissue_answer(user, reissue.reissue_signed(registry, by, user, cause, asked_at, digest, now))
