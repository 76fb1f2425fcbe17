"""What the registration authority asks for (ra/ports.py), verb by verb."""

from __future__ import annotations

import copy
import secrets
from datetime import datetime
from typing import Any, Self

from sqlalchemy import Connection, bindparam, select, text

from tokenmgr.domain.audit import Actor
from tokenmgr.domain.generation import Generation, RevocationReason
from tokenmgr.domain.handover import Claims, Progress
from tokenmgr.domain.party import Bank, Subscriber
from tokenmgr.domain.rehearsal import Failure
from tokenmgr.domain.reissue import Cause
from tokenmgr.errors import NotRegistered
from tokenmgr.ra.ports import Asked, Enrolled, Exchange, Handover, Standing, Ticket, Tries
from tokenmgr.sql import (
    asking,
    exchanges,
    generations,
    handovers,
    keys,
    parties,
    rehearsals,
    reissues,
    sessions,
    tickets,
    tries,
    unlocking,
)
from tokenmgr.sql.engine import Database
from tokenmgr.sql.rows import generation_of, hexed
from tokenmgr.sql.schema import secret

_NONCE_KEY = "nonce_key"
_SECRET = select(secret.c.value).where(secret.c.name == bindparam("which"))
_TIDYING = (tries.tidy, tickets.tidy, exchanges.tidy, asking.tidy, handovers.tidy, sessions.tidy)
_KEEP_SECRET = text("INSERT INTO secret (name, value) VALUES (:which, :value) ON CONFLICT (name) DO NOTHING")


class SqlRegistry:
    """`actor` is whoever does what is done through this one (`by`)."""

    def __init__(self, database: Database, actor: Actor) -> None:
        self._database = database
        self._actor = actor
        self._nonce_key = b""

    def by(self, actor: Actor) -> Self:
        """The same in another's hands."""
        other = copy.copy(self)
        other._actor = actor
        return other

    # --- reading ---

    def bank(self, code: str) -> Bank | None:
        return parties.bank(self._database, code)

    def enrolled(self, bank: str, contract: str, user: str) -> Enrolled | None:
        return parties.enrolled(self._database, bank, contract, user)

    def standing(self, subscriber: int) -> Standing:
        row = self._database.first(generations.STANDING, {"who": subscriber})
        if row is None:
            raise NotRegistered(kind="subscriber", name=str(subscriber))
        return generations.standing_of(tuple(row))

    def generation(self, serial: int) -> Generation | None:
        row = self._database.first(generations.GET, {"serial": hexed(serial)})
        return None if row is None else generation_of(row)

    def by_key(self, key_hash: bytes) -> Generation | None:
        row = self._database.first(generations.BY_KEY, {"key_hash": key_hash})
        return None if row is None else generation_of(row)

    def known(self, bank: str, key_hash: bytes) -> keys.Known | None:
        return keys.known(self._database, bank, key_hash)

    def exchange(self, bank: str, transaction: bytes) -> Exchange | None:
        row = self._database.first(exchanges.GET, exchanges.key(bank, transaction))
        return None if row is None else exchanges.exchange_of(row)

    def is_handed_out(self, serial: int) -> bool:
        return self._database.first(exchanges.HANDED_OUT, {"which": hexed(serial)}) is not None

    def ticket(self, reference: str) -> Ticket | None:
        if not tries.is_possible(reference):
            return None
        row = self._database.first(tickets.GET, {"reference": reference})
        return None if row is None else tickets.ticket_of(row)

    def nonce_key(self) -> bytes:
        if not self._nonce_key:
            row = self._database.first(_SECRET, {"which": _NONCE_KEY})
            self._nonce_key = row[0] if row else self._database.write(_made_nonce_key)
        return self._nonce_key

    # --- hand-overs ---

    def handover_keys(self, bank: str) -> tuple[bytes, ...]:
        return tuple(one.public_key for one in handovers.keys(self._database, bank))

    def handover(self, bank: str, jti: str) -> Handover | None:
        return handovers.get(self._database, bank, jti)

    def redeem(self, claims: Claims, kid: str, secret_hash: bytes, now: datetime) -> Handover:
        return self._database.write(lambda c: handovers.redeem(c, self._actor, claims, kid, secret_hash, now))

    def refuse_handover(self, claims: Claims, kid: str) -> None:
        self._database.write(lambda c: handovers.refuse(c, self._actor, claims, kid))

    def tell_handover(self, bank: str, jti: str, progress: Progress) -> None:
        self._database.write(lambda c: handovers.tell(c, bank, jti, progress))

    # --- R9, R11 ---

    def spend_try(self, bank: str, contract: str, user: str, limit: int, lock_contract: bool, now: datetime) -> Tries:
        return self._database.write(
            lambda c: tries.spend(c, self._actor, (bank, contract, user), limit, lock_contract, now)
        )

    def forgive_tries(self, bank: str, contract: str, user: str) -> None:
        self._database.write(lambda c: tries.forgive(c, bank, contract, user))

    def accept_claim(self, ticket: Ticket, contract: str, user: str) -> None:
        self._database.write(lambda c: tickets.accept(c, self._actor, ticket, contract, user))

    def open_ticket(self, ticket: Ticket, contract: str, user: str) -> None:
        self._database.write(lambda c: tickets.open_(c, self._actor, ticket, contract, user))

    # --- issuing ---

    def record(self, generation: Generation, exchange: Exchange, displaced: Generation | None, now: datetime) -> None:
        self._database.write(lambda c: generations.record(c, self._actor, generation, exchange, displaced, now))

    def sign_off(self, serial: int, certificate: bytes) -> None:
        self._database.write(lambda c: generations.sign_off(c, self._actor, serial, certificate))

    def bind(self, exchange: Exchange) -> None:
        self._database.write(lambda c: exchanges.bind(c, exchange))

    def confirm(self, exchange: Exchange, confirm_digest: bytes, now: datetime, retire: bool) -> None:
        self._database.write(lambda c: generations.confirm(c, self._actor, exchange, confirm_digest, now, retire))

    def rehearsal_passed(self, exchange: Exchange, confirm_digest: bytes, now: datetime) -> None:
        self._database.write(lambda c: rehearsals.passed(c, self._actor, exchange, confirm_digest, now))

    def rehearsal_failed(self, subscriber: int, failure: Failure, asked: Asked, now: datetime) -> None:
        self._database.write(lambda c: rehearsals.failed(c, self._actor, subscriber, failure, asked, now))

    # --- taking back ---

    def was_asked(self, digest: bytes) -> bool:
        return self._database.first(asking.GET, {"which": digest}) is not None

    def revoke(self, serial: int, reason: RevocationReason, now: datetime, asked: Asked | None = None) -> None:
        self._database.write(lambda c: generations.revoke(c, self._actor, serial, reason, now, asked))

    def withdraw(self, subscriber: int, reason: RevocationReason, now: datetime) -> int:
        return self._database.write(lambda c: reissues.withdraw(c, self._actor, subscriber, reason, now))

    def hold(self, serial: int, now: datetime, asked: Asked | None = None) -> None:
        self._database.write(lambda c: generations.hold(c, self._actor, serial, now, asked))

    def release(self, serial: int, asked: Asked | None = None) -> None:
        self._database.write(lambda c: generations.release(c, self._actor, serial, asked))

    def reissue(self, subscriber: int, cause: Cause, until: datetime, asked: Asked | None, now: datetime) -> bool:
        return self._database.write(lambda c: reissues.reissue(c, self._actor, subscriber, cause, until, asked, now))

    def unlock(self, subscriber: Subscriber, asked: Asked | None = None) -> None:
        self._database.write(lambda c: unlocking.unlock(c, self._actor, subscriber, asked))

    def retire(self, subscriber: int, by: int, now: datetime) -> int:
        if (
            self._database.first(generations.IS_SUPERSEDED, {"who": subscriber}) is None
        ):  # nearly always: a read is cheap
            return 0
        return self._database.write(lambda c: generations.retire(c, self._actor, subscriber, by, now))

    def expire_unconfirmed(self, now: datetime) -> int:
        return self._database.write(lambda c: generations.expire_unconfirmed(c, self._actor, now))

    def tidy(self, now: datetime) -> int:
        """What nobody will ask for any more: tries of IDs that do not exist, and what is long over. How many."""
        return self._database.write(lambda c: sum(tidy(c, now) for tidy in _TIDYING))


def _made_nonce_key(connection: Connection) -> Any:
    """Of several nodes that come first, one is."""
    connection.execute(_KEEP_SECRET, {"which": _NONCE_KEY, "value": secrets.token_bytes(32)})
    return connection.execute(_SECRET, {"which": _NONCE_KEY}).scalar_one()
