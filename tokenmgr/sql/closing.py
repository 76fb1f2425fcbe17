"""The end of a CA, as its registry takes part in it: everything that is out is revoked, batch by batch."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import datetime

from sqlalchemy import Connection, bindparam, case, func, literal_column, select, update

from tokenmgr.domain.audit import Action, Actor, Event
from tokenmgr.domain.generation import RevocationReason, State
from tokenmgr.sql import crls
from tokenmgr.sql.crls import Crl
from tokenmgr.sql.engine import Database
from tokenmgr.sql.rows import micros, moment
from tokenmgr.sql.schema import audit, generation, word
from tokenmgr.sql.trail import note, note_of

AT_ONCE = 500  # certificates in one transaction: nobody waits long for it, and a kill undoes no more
_REASON = RevocationReason.CESSATION.value  # RFC 5280, 5.3.1: nobody suspects the keys
_OUT = (State.RECORDED, State.PENDING, State.ACTIVE, State.HELD, State.SUPERSEDED)
_is_out = generation.c.state.in_([word(state) for state in _OUT])
_some = (
    select(generation.c.serial)
    .where(_is_out, generation.c.not_after >= bindparam("now"))
    .order_by(generation.c.serial)
    .limit(literal_column(str(AT_ONCE)))
)
_TAKE_BACK = (
    update(generation)
    .where(generation.c.serial.in_(_some), _is_out)  # again: whoever is revoking it for a graver reason may be quicker
    .values(
        state=case((generation.c.state == word(State.RECORDED), State.VOID.value), else_=State.REVOKED.value),
        revoked_at=bindparam("now"),
        reason=_REASON,
    )
    .returning(generation.c.serial, generation.c.state, generation.c.subscriber)
)
_LAST_END = select(func.max(generation.c.not_after)).where(generation.c.authority == bindparam("of_authority"))
_LISTED = select(func.count()).where(
    generation.c.revoked_at.is_not(None),
    generation.c.authority == bindparam("of_authority"),
    generation.c.not_after >= bindparam("valid_at"),
)
_DESTROYING = select(audit.c.after).where(audit.c.action == Action.CA_DESTROYING.value)
_IS_CLOSED = select(audit.c.number).where(audit.c.action == Action.CA_CLOSED.value).limit(1)


def take_all_back(database: Database, by: Actor, now: datetime) -> Iterator[int]:
    """All that is out, those of the CA's own servers too. How many, batch by batch; nothing is left when it ends, since
    nothing is added to a closed CA."""

    def act(connection: Connection) -> int:
        taken = connection.execute(_TAKE_BACK, {"now": micros(now)}).all()
        for serial, state, holder in taken:
            action = Action.CERTIFICATE_VOIDED if state == State.VOID.value else Action.CERTIFICATE_REVOKED
            note_of(connection, by, action, holder, serial, after={"reason": _REASON})
        return len(taken)

    while count := database.write(act):
        yield count


def last_end(database: Database, authority: int) -> datetime | None:
    """Of the certificate of this authority that is valid longest."""
    row = database.first(_LAST_END, {"of_authority": authority})
    return None if row is None or row[0] is None else moment(row[0])


def listed(database: Database, authority: int, valid_at: datetime) -> int:
    """How many entries a list has that leaves out what had expired by then."""
    row = database.first(_LISTED, {"of_authority": authority, "valid_at": micros(valid_at)})
    return 0 if row is None else int(row[0])


def next_number(database: Database, authority: int) -> int:
    """For a closed CA's last list, and for no other."""
    return database.write(lambda c: crls.next_number(c, authority))


def keep(database: Database, by: Actor, last: Crl) -> None:
    database.write(lambda c: crls.keep(c, by, last))


def is_finished(database: Database) -> bool:
    return database.first(_IS_CLOSED) is not None


def announce(database: Database, by: Actor, keys: Iterable[str]) -> None:
    """Which keys are about to be destroyed: in the trail before any is, so that a kill hides none. Each once."""

    def act(connection: Connection) -> None:
        if new := sorted(set(keys) - _announced(connection)):
            note(connection, by, Event(Action.CA_DESTROYING, after={"keys": " ".join(new)}))

    database.write(act)


def finish(database: Database, by: Actor) -> int:
    """The last thing that is done, once none of the announced keys is there any more; how many they were. Said once."""

    def act(connection: Connection) -> int:
        destroyed = len(_announced(connection))
        if connection.execute(_IS_CLOSED).first() is None:
            note(connection, by, Event(Action.CA_CLOSED, after={"keys_destroyed": destroyed}))
        return destroyed

    return database.write(act)


def _announced(connection: Connection) -> set[str]:
    return {key for (after,) in connection.execute(_DESTROYING) for key in json.loads(after)["keys"].split()}
