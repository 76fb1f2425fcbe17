"""Of a registry that comes from elsewhere: each certificate's status is what the trail has told of it last.

The trail is chained and signed for, the table beside it is not: a row that was made good again shows here.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, func, select, text

from tokenmgr.domain.audit import Action
from tokenmgr.domain.generation import RevocationReason, State
from tokenmgr.sql.schema import audit, generation

AT_ONCE = 500  # rows that are in memory
APART = timedelta(days=1) // timedelta(microseconds=1)  # a clock may have been set between an act and its entry

_is_status = audit.c.changes_status == text("1")
_last = (
    select(func.max(audit.c.number))
    .where(audit.c.serial == generation.c.serial, _is_status)
    .correlate(generation)
    .scalar_subquery()
)
_STATUSES = select(
    generation.c.serial, generation.c.state, generation.c.revoked_at, generation.c.reason,
    audit.c.action, audit.c.at, audit.c.after,
).select_from(generation.outerjoin(audit, audit.c.number == _last))  # fmt: skip
_LOST = (
    select(audit.c.serial)
    .select_from(audit.outerjoin(generation, generation.c.serial == audit.c.serial))
    .where(_is_status, generation.c.serial.is_(None))
    .limit(1)
)
_BECOMES = {
    Action.CERTIFICATE_REVOKED.value: State.REVOKED.value,
    Action.CERTIFICATE_VOIDED.value: State.VOID.value,
    Action.CERTIFICATE_HELD.value: State.HELD.value,
}


def untold(connection: Connection) -> str | None:
    """The serial number of the first one whose status is another, or that is not there any more."""
    with connection.execute(_STATUSES, execution_options={"yield_per": AT_ONCE}) as rows:
        for serial, *found in rows:
            if not _fits(*found):
                return str(serial)
    lost = connection.execute(_LOST).first()
    return None if lost is None else str(lost[0])


def _fits(state: Any, revoked_at: Any, reason: Any, action: str | None, at: Any, after: Any) -> bool:
    became = _BECOMES.get(action or "")
    if became is None:  # nothing was told, or its release
        return state not in _BECOMES.values() and revoked_at is None and reason is None
    try:
        told = json.loads(after).get("reason", RevocationReason.HOLD.value)
        return (state, reason) == (became, told) and abs(revoked_at - at) <= APART
    except (ValueError, TypeError, AttributeError):
        return False
