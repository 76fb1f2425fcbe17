"""The outbox: notices that wait, one after the other taken by whichever process comes first, and what came of each.

A process takes some for a while (`next_at`): whoever does not come back in that time has died, and another takes them.
That goes by each node's own clock, of which none is far from the database's (notices/schedule.py).
Before a mail is handed over, one commit keeps what came of the mail before and the letter that comes now. So of one
that was killed, at most the last letter is in doubt, and whoever takes that up has it here, byte for byte.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, bindparam, func, or_, select, text, update

from tokenmgr.domain.audit import Action, Actor
from tokenmgr.domain.notice import Due, Notice, Skipped, Stage
from tokenmgr.domain.party import Role
from tokenmgr.errors import NoticeNotRetriable, NoticeUnknown
from tokenmgr.sql import notices
from tokenmgr.sql.engine import Database
from tokenmgr.sql.notices import ABOUT, WHOLE, About, Candidate, about_of
from tokenmgr.sql.rows import hexed, micros, moment, moment_or_none
from tokenmgr.sql.schema import generation, subscriber
from tokenmgr.sql.schema import notice as table
from tokenmgr.sql.trail import note_of

LEASE = timedelta(minutes=30)  # longer than any one mail takes (notices/smtp.py), and what two clocks differ by
AT_ONCE = 20  # taken together


@dataclass(frozen=True)
class Errand:
    """One that was taken, and everything that its mail may name, as that is now."""

    number: int
    notice: Notice
    about: About
    address: str = field(repr=False)  # the recipient's, now
    tries: int
    queued_at: datetime
    letter: str = field(repr=False)  # in doubt: handed over before, and nobody knows what came of it


@dataclass(frozen=True)
class Outcome:
    number: int
    stage: Stage
    told: str = ""
    skipped: Skipped | None = None
    again_at: datetime | None = None  # WAITING alone
    has_been_tried: bool = True
    is_in_doubt: bool = False  # the server may have the letter, so that one comes again; WAITING alone


@dataclass(frozen=True)
class Start:
    """A mail that is handed over as soon as this is kept."""

    number: int
    letter: str = field(repr=False)
    address: str = field(repr=False)


@dataclass(frozen=True)
class Which:
    number: int | None = None
    bank: str | None = None
    stage: Stage | None = None
    serial: int | None = None
    contract: str | None = None
    user: str | None = None


@dataclass(frozen=True)
class Entry:
    """As it is listed."""

    number: int
    bank: str
    notice: Notice
    contract: str
    user: str  # whose certificate it is
    role: Role
    to_user: str  # who is written to
    stage: Stage
    skipped: Skipped | None
    address: str = field(repr=False)
    tries: int
    told: str
    due_at: datetime
    queued_at: datetime
    next_at: datetime
    sent_at: datetime | None


class Outbox:
    """`me` is this process, among all that send at the same time."""

    def __init__(self, database: Database, me: str) -> None:
        self._database = database
        self._me = me

    # --- what is due ---

    def candidates(self, now: datetime, ahead: timedelta, bank: str | None = None) -> Iterator[Candidate]:
        return notices.candidates(self._database, now, ahead, bank)

    def keep(self, due: Iterable[tuple[str, Due]], now: datetime) -> int:
        found = list(due)  # the act may be performed twice
        return self._database.write(lambda c: notices.keep(c, found, now))

    # --- sending ---

    def take(
        self, done: Iterable[Outcome], now: datetime, bank: str | None = None, without: Iterable[str] = ()
    ) -> list[int]:
        """The next ones, as they are due, with what came of the last ones kept in the same commit; none of the banks
        that they are to be without."""
        past, left_out = list(done), list(without)

        def act(connection: Connection) -> list[int]:
            _record(connection, self._me, past, now)
            return _take(connection, self._me, now, bank, left_out)

        return self._database.write(act)

    def start(self, done: Iterable[Outcome], next_: Start, now: datetime) -> bool:
        """Whether it is to be handed over: it is still this process's, which has not slept too long."""
        past = list(done)

        def act(connection: Connection) -> bool:
            _record(connection, self._me, past, now)
            letter = {"which": next_.number, "new_letter": next_.letter, "new_address": next_.address}
            return connection.execute(_START, {**letter, "me": self._me, "until": micros(now + LEASE)}).rowcount == 1

        return self._database.write(act)

    def let_go(self, done: Iterable[Outcome], numbers: Iterable[int], now: datetime) -> None:
        """Of what this process has taken and not come to."""
        past, rest = list(done), list(numbers)

        def act(connection: Connection) -> None:
            _record(connection, self._me, past, now)
            for number in rest:
                connection.execute(_LET_GO, {"which": number, "me": self._me, "until": micros(now)})

        self._database.write(act)

    def errand(self, number: int) -> Errand:
        row = self._database.first(_ERRAND, {"which": number})
        if row is None:
            raise NoticeUnknown(number=number)
        return _errand_of(row)

    def about(self, serial: int) -> About:
        """For a mail that is only looked at."""
        return notices.about(self._database, serial)

    def left(self, bank: str | None = None) -> int:
        """How many wait, whenever they may be tried."""
        found = select(func.count()).select_from(table).where(_IS_OPEN)
        row = self._database.first(found if bank is None else found.where(table.c.bank == bank))
        return 0 if row is None else int(row[0])

    def waiting(self, now: datetime, bank: str | None = None) -> int:
        """How many would be taken now."""
        row = self._database.first(select(func.count()).select_from(_waiting(now, bank).subquery()))
        return 0 if row is None else int(row[0])

    # --- afterwards ---

    def entries(self, which: Which) -> Iterator[Entry]:
        """The oldest first."""
        for row in self._database.stream(_ENTRIES.where(*_conditions(which)).order_by(table.c.id)):
            yield _entry_of(row)

    def entry(self, number: int) -> Entry:
        for found in self.entries(Which(number=number)):
            return found
        raise NoticeUnknown(number=number)

    def retry(self, numbers: Iterable[int], now: datetime, by: Actor) -> None:
        """Those have failed, and go once more to the same address, each as a mail of its own; or none of them."""
        again = sorted(set(numbers))

        def act(connection: Connection) -> None:
            for number in again:
                _retry(connection, by, number, now)

        self._database.write(act)

    def bounced(self, number: int, address: str, told: str, is_permanent: bool, by: Actor) -> bool:
        """Whether it was news: that mail was handed over for this address, and is not reported already."""
        values = {"which": number, "of_address": address, "what": told}

        def act(connection: Connection) -> bool:
            if not is_permanent:
                return connection.execute(_DELAYED, values).rowcount == 1
            return _is_done(connection, by, Action.NOTICE_BOUNCED, _BOUNCED, values)

        return self._database.write(act)


# --- statements ---

_IS_OPEN = text("notice.state IN ('waiting', 'sending')")  # as the index of those has it


def _waiting(now: datetime, of_bank: str | None) -> Any:
    wanted: list[Any] = [_IS_OPEN, table.c.next_at <= micros(now)]
    if of_bank is not None:
        wanted.append(table.c.bank == of_bank)
    return select(table.c.id).where(*wanted)


def _take(connection: Connection, me: str, now: datetime, of_bank: str | None, without: Sequence[str]) -> list[int]:
    """SQLite has one writer; on PostgreSQL each node skips what another one is just taking."""
    found = _waiting(now, of_bank)
    if without:
        found = found.where(table.c.bank.not_in(without))
    some = found.order_by(table.c.next_at, table.c.id).limit(AT_ONCE).with_for_update(skip_locked=True)
    taken = {"state": Stage.SENDING.value, "claimed_by": me, "next_at": micros(now + LEASE)}
    rows = connection.execute(update(table).where(table.c.id.in_(some)).values(taken).returning(table.c.id))
    return sorted(number for (number,) in rows)


_THIS = (
    table.c.id == bindparam("which"),
    table.c.claimed_by == bindparam("me"),
    table.c.state == Stage.SENDING.value,
)
_START = (
    update(table)
    .where(*_THIS)
    .values(letter=bindparam("new_letter"), address=bindparam("new_address"), next_at=bindparam("until"))
)
_RECORD = update(table).where(*_THIS)
_LET_GO = update(table).where(*_THIS).values(state=Stage.WAITING.value, claimed_by="", next_at=bindparam("until"))
_FAILED = [one.value for one in Stage if one.has_failed]
_RETRY = (
    update(table)
    .where(table.c.id == bindparam("which"), table.c.state.in_(_FAILED))
    .values(state=Stage.WAITING.value, tries=0, queued_at=bindparam("until"), next_at=bindparam("until"), sent_at=None)
)
_STATE = select(table.c.state).where(table.c.id == bindparam("which"))
_IS_SENT = table.c.state == Stage.SENT.value
_reported = update(table).where(table.c.id == bindparam("which"), table.c.address == bindparam("of_address"))
_BOUNCED = (  # a report may be quicker than the commit that keeps the server's yes, or all that is heard of one
    _reported.where(or_(_IS_SENT, table.c.letter != "")).values(
        state=Stage.BOUNCED.value, told=bindparam("what"), letter=""
    )
)
_DELAYED = _reported.where(_IS_SENT, table.c.told != bindparam("what")).values(told=bindparam("what"))


def _is_done(connection: Connection, by: Actor, action: Action, change: Any, values: Mapping[str, Any]) -> bool:
    row = connection.execute(change.returning(table.c.to_whom, table.c.serial), values).first()
    if row is None:
        return False
    to, serial = row
    note_of(connection, by, action, to, serial, after={"notice": values["which"]})
    return True


def _retry(connection: Connection, by: Actor, number: int, now: datetime) -> None:
    if _is_done(connection, by, Action.NOTICE_RETRIED, _RETRY, {"which": number, "until": micros(now)}):
        return
    row = connection.execute(_STATE, {"which": number}).first()
    if row is None:
        raise NoticeUnknown(number=number)
    raise NoticeNotRetriable(number=number, state=f"notice-{row[0]}")


def _record(connection: Connection, me: str, done: Iterable[Outcome], now: datetime) -> None:
    for one in done:
        values: dict[str, Any] = {
            "state": one.stage.value,
            "why": one.skipped.value if one.skipped else "",
            "told": one.told,
            "tries": table.c.tries + int(one.has_been_tried),
            "next_at": micros(one.again_at or now),
            "claimed_by": "",
            "sent_at": micros(now) if one.stage is Stage.SENT else None,
        }
        if not one.is_in_doubt:
            values["letter"] = ""
        connection.execute(_RECORD.values(values), {"which": one.number, "me": me})


_recipient = subscriber.alias("r")
_NOTICE = (table.c.id, table.c.serial, table.c.to_whom, table.c.kind, table.c.lead)
_WHOLE = WHOLE.join(table, table.c.serial == generation.c.serial).join(_recipient, _recipient.c.id == table.c.to_whom)
_ERRAND = (
    select(*_NOTICE, table.c.tries, table.c.queued_at, table.c.letter, _recipient.c.email, *ABOUT)
    .select_from(_WHOLE)
    .where(table.c.id == bindparam("which"))
)


def _errand_of(row: Sequence[Any]) -> Errand:
    number, serial, to, kind, lead, tries, queued_at, letter, address, *about = row
    return Errand(
        number=number,
        notice=Notice(int(serial, 16), to, kind, lead),
        about=about_of(about),
        address=address,
        tries=tries,
        queued_at=moment(queued_at),
        letter=letter,
    )


_ENTRIES = select(
    *_NOTICE,
    table.c.bank,
    subscriber.c.contract,
    subscriber.c.user_id,
    subscriber.c.role,
    _recipient.c.user_id.label("to_user"),
    table.c.state,
    table.c.why,
    table.c.address,
    table.c.tries,
    table.c.told,
    table.c.due_at,
    table.c.queued_at,
    table.c.next_at,
    table.c.sent_at,
).select_from(_WHOLE)


def _entry_of(row: Sequence[Any]) -> Entry:
    (number, serial, to, kind, lead, of_bank, of_contract, user, role, to_user, stage, why, address, tries, told,
     due_at, queued_at, next_at, sent_at) = row  # fmt: skip
    return Entry(
        number=number,
        bank=of_bank,
        notice=Notice(int(serial, 16), to, kind, lead),
        contract=of_contract,
        user=user,
        role=Role(role),
        to_user=to_user,
        stage=Stage(stage),
        skipped=Skipped(why) if why else None,
        address=address,
        tries=tries,
        told=told,
        due_at=moment(due_at),
        queued_at=moment(queued_at),
        next_at=moment(next_at),
        sent_at=moment_or_none(sent_at),
    )


def _conditions(which: Which) -> list[ColumnElement[bool]]:
    wanted = {
        table.c.id: which.number,
        table.c.bank: which.bank,
        table.c.state: which.stage.value if which.stage else None,
        table.c.serial: None if which.serial is None else hexed(which.serial),
        subscriber.c.contract: which.contract,
        subscriber.c.user_id: which.user,
    }
    return [column == value for column, value in wanted.items() if value is not None]
