"""OCSP answers made ahead of their being asked for, as nearly everybody asks: by SHA-1 and without a nonce.

One walk over all certificates after the other, a piece a round; and whatever has changed loses its answer at once.
"""

from __future__ import annotations

import logging
from datetime import datetime

from tokenmgr.api.service import Service
from tokenmgr.api.standings import due, is_lasting, single
from tokenmgr.sql.answers import Answer, Mark, Told

log = logging.getLogger(__name__)

LOOKED_AT = 2_000  # certificates a round: a million in less than an hour
SIGNED = 250  # answers a round: a million in twelve hours would need 120
IN_ONE_WRITE = 50


class AnswersAhead:
    """Where it is on its walk, it alone knows: another node begins anew, and finds most of it done."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._registry = service.administration
        self._at = 0
        self._seen: Mark | None = None

    def __call__(self, now: datetime) -> None:
        self._drop_changed()
        seen = self._registry.told_after(self._at, LOOKED_AT)
        wanted = [one for one in seen if self._is_wanted(one, now)]
        for begin in range(0, len(wanted[:SIGNED]), IN_ONE_WRITE):
            some = wanted[begin : begin + IN_ONE_WRITE]
            self._registry.keep_answers(self._answer(one, now) for one in some)
            self._at = some[-1].serial
        if len(wanted) <= SIGNED:
            self._at = seen[-1].serial if len(seen) == LOOKED_AT else 0

    def _drop_changed(self) -> None:
        """Whoever reads one that is wrong sees that it is (sql/answers.py); it is only of no use any more."""
        changed = None if self._seen is None else self._registry.changes(self._seen)
        if changed is None:
            self._seen = self._registry.last_mark()
        elif changed:
            self._registry.drop_answers({one.serial for one in changed})
            self._seen = changed[-1].mark

    def _is_wanted(self, told: Told, now: datetime) -> bool:
        responder = self._service.responders.get(told.authority)
        if responder is None or now >= responder.ends or told.not_after < now or not is_lasting(told):
            return False
        made = told.answer
        if made is None or made.signer != responder.serial:  # by one that has been renewed: nobody gives it out
            return True
        return not made.made_at <= now < due(made.made_at, made.next_update)

    def _answer(self, told: Told, now: datetime) -> Answer:
        responder = self._service.responders[told.authority]
        said = single(responder.id_of(told.serial), told, responder, now)
        return Answer(told.serial, now, said.next_update, responder.serial, responder.answer([said], None, now))
