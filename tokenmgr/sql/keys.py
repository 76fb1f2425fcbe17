"""What there is of one key: its generation, its subscriber's standing, and the wrong entries of that ID's login PINs.

One statement, so that all of it is of one moment; a status screen asks it for each certificate that it shows.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import bindparam, func

from tokenmgr.domain.generation import Generation, State
from tokenmgr.domain.rehearsal import Rehearsed
from tokenmgr.ra.ports import Standing
from tokenmgr.sql import rehearsals, tries
from tokenmgr.sql.engine import Database
from tokenmgr.sql.generations import EVERYBODYS_STANDING, standing_of
from tokenmgr.sql.rows import GENERATION, generation_of
from tokenmgr.sql.schema import generation, rehearsal, subscriber, word
from tokenmgr.sql.schema import tries as tried


@dataclass(frozen=True)
class Known:
    generation: Generation
    standing: Standing
    tries_spent: int
    rehearsed: Rehearsed

    @property
    def is_last(self) -> bool:
        """It is the one that counts for its subscriber."""
        return self.standing.last is not None and self.standing.last.serial == self.generation.serial

    @property
    def is_locked(self) -> bool:
        """By its own tries (R11). What an administrator's lock-out does is told to whoever knows both PINs."""
        return self.tries_spent >= self.standing.bank.policy.wrong_pins


_asked = generation.alias("k")
_GET = (
    EVERYBODYS_STANDING.add_columns(
        func.coalesce(tried.c.spent, 0), *rehearsals.COLUMNS, *[_asked.c[name] for name in GENERATION]
    )
    .join(_asked, _asked.c.subscriber == subscriber.c.id)
    .outerjoin(tried, tries.OF_SUBSCRIBER)
    .outerjoin(rehearsal, rehearsals.OF_SUBSCRIBER)
    .where(
        _asked.c.key_hash == bindparam("key_hash"),
        _asked.c.state != word(State.VOID),  # may be several, and nobody was ever handed one
        _asked.c.subscriber.is_not(None),
    )
)
_OWN = len(GENERATION)
_ENDED = _OWN + len(rehearsals.NAMES)


def known(database: Database, bank: str, key_hash: bytes) -> Known | None:
    """The bank is looked at here: in the statement it could mislead a database about where to begin."""
    row = database.first(_GET, {"key_hash": key_hash})
    if row is None:
        return None
    standing, rehearsed = standing_of(row[: -_ENDED - 1]), rehearsals.rehearsed_of(row[-_ENDED:-_OWN])
    found = Known(generation_of(row[-_OWN:]), standing, row[-_ENDED - 1], rehearsed.about(standing.last))
    return found if found.standing.bank.code == bank else None
