"""Signed messages that act on certificates (rr, 再発行): each once, and only while its signer is entitled to it.

The decision was made on what was read before; here, under the locks, it still holds, or the caller decides anew.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, delete, select, text

from tokenmgr.domain.generation import State
from tokenmgr.ra.ports import Asked, Stale
from tokenmgr.sql.locks import lock_holder
from tokenmgr.sql.rows import SUBSCRIBER, hexed, micros, subscriber_of
from tokenmgr.sql.schema import asked, generation, subscriber, word

KEPT = timedelta(days=30)  # as other transactions: the same bytes may come again, to be answered alike (S6)
GET = select(asked.c.digest).where(asked.c.digest == bindparam("which"))
_INSERT_UNLESS_THERE = text("INSERT INTO asked (digest, at) VALUES (:digest, :at) ON CONFLICT (digest) DO NOTHING")
_TIDY = delete(asked).where(asked.c.at < bindparam("before"))
_IS_ACTIVE = select(generation.c.serial).where(
    generation.c.serial == bindparam("which"), generation.c.state == word(State.ACTIVE)
)
_WHO = select(*[subscriber.c[name] for name in SUBSCRIBER]).where(subscriber.c.id == bindparam("who"))


def is_new(connection: Connection, message: Asked | None, holder: int | None) -> bool:
    """Whether it is to be carried out, and noted with what it does. `holder`, whose lock the caller has, is whom it is
    about. Staff send nothing twice."""
    if message is None:
        return True
    values = {"digest": message.digest, "at": micros(message.at)}
    if connection.execute(_INSERT_UNLESS_THERE, values).rowcount != 1:
        return False
    signer = lock_holder(connection, hexed(message.signer))
    is_active = connection.execute(_IS_ACTIVE, {"which": hexed(message.signer)}).first() is not None
    if not is_active or not (signer == holder or _administers(connection, signer, holder)):
        raise Stale
    return True


def _administers(connection: Connection, signer: int | None, holder: int | None) -> bool:
    one, other = (subscriber_of(connection.execute(_WHO, {"who": who}).one()) for who in (signer, holder))
    return one.administers(other)


def tidy(connection: Connection, now: datetime) -> int:
    return connection.execute(_TIDY, {"before": micros(now - KEPT)}).rowcount
