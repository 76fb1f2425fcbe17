"""What a bank asks for (`tokenmgr bank …`), and the CA's operator: parties, lists, revocation lists, certificates."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from tokenmgr.domain.audit import Action, Actor
from tokenmgr.domain.generation import Generation, State
from tokenmgr.domain.lineage import Lineage
from tokenmgr.domain.look import Look
from tokenmgr.domain.member import Member
from tokenmgr.domain.party import Bank, Role, Subscriber
from tokenmgr.domain.rehearsal import Rehearsed
from tokenmgr.errors import NotRegistered, Taken
from tokenmgr.ra.ports import Stale
from tokenmgr.sql import (
    answers,
    crls,
    generations,
    handovers,
    jobs,
    lineage,
    listing,
    looks,
    members,
    nodes,
    parties,
    rehearsals,
    unlocking,
)
from tokenmgr.sql.answers import Answer, Mark, StatusChange, Told
from tokenmgr.sql.audit import Trail
from tokenmgr.sql.crls import Crl, CrlHeader, Revoked, Statuses
from tokenmgr.sql.engine import Database
from tokenmgr.sql.handovers import HandoverKey
from tokenmgr.sql.listing import Counts, Listed, Which
from tokenmgr.sql.marks import closed, require_open
from tokenmgr.sql.members import Members
from tokenmgr.sql.nodes import Node
from tokenmgr.sql.parties import Contract, Enrolment
from tokenmgr.sql.rehearsals import Candidate
from tokenmgr.sql.rows import generation_of, hexed, micros, micros_or_none
from tokenmgr.sql.trail import note_of

EVERYBODY = Which()


@dataclass(frozen=True)
class Change:
    """What is None stays as it is."""

    email: str | None = None
    role: Role | None = None
    login_hash: str | None = None
    confirmation_hash: str | None = None

    def values(self) -> dict[str, object]:
        named = {
            "email": self.email,
            "role": self.role.value if self.role else None,
            "login_hash": self.login_hash,
            "confirmation_hash": self.confirmation_hash,
        }
        return {name: value for name, value in named.items() if value is not None}


class Administration:
    """`actor` is whoever does what is done through this one (`by`)."""

    def __init__(self, database: Database, actor: Actor) -> None:
        self._database = database
        self._actor = actor

    def by(self, actor: Actor) -> Self:
        """The same in another's hands."""
        other = copy.copy(self)
        other._actor = actor
        return other

    @property
    def trail(self) -> Trail:
        return Trail(self._database)

    @property
    def is_closed(self) -> bool:
        return closed(self._database) is not None

    def catch_up(self, seen: Lineage) -> None:
        lineage.catch_up(self._database, self._actor, seen)

    # --- banks and contracts ---

    def add_bank(self, bank: Bank) -> None:
        self._database.write(lambda c: parties.add_bank(c, self._actor, bank))

    def change_bank(self, code: str, change: Callable[[Bank], Bank]) -> Bank:
        """Anything but its code. `change` is given what there is, and may be asked again; what it has become."""
        return self._database.write(lambda c: parties.change_bank(c, self._actor, code, change))

    def bank(self, code: str) -> Bank:
        found = parties.bank(self._database, code)
        if found is None:
            raise NotRegistered(kind="bank", name=code)
        return found

    def banks(self) -> list[Bank]:
        return parties.all_banks(self._database)

    def look(self, bank: str) -> Look:
        return looks.look_of(self._database, bank)

    def looks(self) -> dict[str, Look]:
        """Of the banks that have said anything of it."""
        return looks.all_looks(self._database)

    def sites(self) -> dict[str, str]:
        return looks.sites(self._database)

    def change_look(self, bank: str, change: Callable[[Look], Look]) -> Look:
        """As `change_bank`."""
        return self._database.write(lambda c: looks.change_look(c, self._actor, bank, change))

    def add_all(self, contracts: Iterable[Contract], rows: Iterable[Enrolment]) -> None:
        """All or, where one of them cannot be, none."""
        new, ids = list(contracts), list(rows)  # the act may be performed twice

        def act(connection: Connection) -> None:
            for one in new:
                parties.add_contract(connection, self._actor, one)
            parties.enrol_all(connection, self._actor, ids)

        self._database.write(act)

    def add_contract(self, contract: Contract) -> None:
        self._database.write(lambda c: parties.add_contract(c, self._actor, contract))

    def contracts(self, bank: str) -> Iterator[Contract]:
        return parties.stream_contracts(self._database, bank)

    # --- the keys that a bank signs hand-over tickets with ---

    def add_handover_key(self, bank: str, new: HandoverKey) -> None:
        self._database.write(lambda c: handovers.add_key(c, self._actor, bank, new))

    def withdraw_handover_key(self, bank: str, kid: str) -> None:
        self._database.write(lambda c: handovers.withdraw_key(c, self._actor, bank, kid))

    def handover_keys(self, bank: str) -> list[HandoverKey]:
        """The oldest first."""
        return handovers.keys(self._database, bank)

    # --- subscribers ---

    def enrol(self, new: Enrolment) -> Subscriber:
        number = self._database.write(lambda c: parties.enrol(c, self._actor, new))
        return Subscriber(number, new.bank, new.contract, new.user, new.role, new.email)

    def enrol_all(self, rows: Iterable[Enrolment]) -> int:
        """All or, where one of them cannot be, none. Nobody else writes meanwhile."""
        kept = list(rows)  # the act may be performed twice
        return self._database.write(lambda c: parties.enrol_all(c, self._actor, kept))

    def subscriber(self, number: int) -> Subscriber:
        found = parties.subscriber(self._database, number)
        if found is None:
            raise NotRegistered(kind="subscriber", name=str(number))
        return found

    def find(self, bank: str, contract: str, user: str) -> Subscriber:
        found = parties.enrolled(self._database, bank, contract, user)
        if found is None:
            raise NotRegistered(kind="subscriber", name=f"{bank}/{contract}/{user}")
        return found.subscriber

    def change_subscriber(self, number: int, change: Change) -> None:
        if not change.values():
            return
        if change.email is not None:
            Subscriber(number, "0000", "0", "0", Role.USER, change.email)  # it holds the address to its form
        self._database.write(
            lambda c: parties.change(c, self._actor, number, change.values(), Action.SUBSCRIBER_CHANGED)
        )

    def open_acquisition(self, number: int, until: datetime | None, now: datetime) -> None:
        """R10. None closes it, and a re-issue is over with it."""
        action = Action.ACQUISITION_CLOSED if until is None else Action.ACQUISITION_OPENED
        values = {"open_until": micros_or_none(until), "changed_at": micros(now)}
        if until is None:
            values["reissued_at"] = None

        def act(connection: Connection) -> None:
            if until is not None:
                require_open(connection)
            parties.change(connection, self._actor, number, values, action)

        self._database.write(act)

    def unlock(self, number: int) -> None:
        who = self.subscriber(number)
        self._database.write(lambda c: unlocking.unlock(c, self._actor, who, None))

    def subscribers(self, which: Which = EVERYBODY) -> Iterator[Listed]:
        """Of a bank in the order of their IDs, of all in that in which they came."""
        return listing.listed(self._database, which)

    def members(self, bank: Bank, contract: str, find: str, page: int, now: datetime) -> Members:
        return members.members(self._database, bank, contract, find, page, now)

    def member(self, bank: Bank, contract: str, user: str, now: datetime) -> Member | None:
        return members.member(self._database, bank, contract, user, now)

    def history(self, subscriber: int) -> list[Generation]:
        """All that it was ever given, the oldest first; rehearsals were never its own."""
        return [generation_of(row) for row in self._database.read(generations.HISTORY, {"who": subscriber})]

    def counts(self, bank: str | None = None) -> Counts:
        return listing.counts(self._database, bank)

    # --- rehearsals ---

    def ask_rehearsals(self, bank: str, contract: str | None, now: datetime) -> int:
        """Of all its subscribers. How many."""
        return self._database.write(lambda c: rehearsals.ask(c, self._actor, bank, contract or "", now))

    def take_back_rehearsals(self, bank: str, contract: str | None) -> int:
        """What was asked for is not wanted any more. Of how many."""
        return self._database.write(lambda c: rehearsals.take_back(c, self._actor, bank, contract or ""))

    def rehearsed(self, subscriber: int) -> Rehearsed:
        return rehearsals.of(self._database, subscriber)

    def candidates(self, bank: str, contract: str | None = None) -> Iterator[Candidate]:
        """In the order of their IDs."""
        return rehearsals.candidates(self._database, bank, contract)

    # --- the CA ---

    def adopt(self, generation: Generation) -> None:
        """One of the CA's own, such as its TLS certificate: of no subscriber, active at once."""
        if generation.subscriber is not None or generation.state is not State.ACTIVE:
            raise ValueError("generation")
        self._database.write(lambda c: _adopt(c, self._actor, generation))

    def certified(self, serial: int, certificate: bytes) -> None:
        """What was adopted before it was signed, and is signed now."""
        self._database.write(lambda c: generations.certified(c, self._actor, serial, certificate))

    def drop_unsigned(self, now: datetime) -> int:
        """The CA's own that were adopted and never signed, for all that is known: revoked. How many."""
        return self._database.write(lambda c: generations.drop_unsigned(c, self._actor, now))

    def alone(self, name: str) -> AbstractContextManager[bool]:
        """Whether no other node is at this."""
        return self._database.alone(name)

    def revoked(self, valid_at: datetime, authority: int = 1) -> Iterator[Revoked]:
        """In the order of their serial numbers; what was recorded and never handed out is among them. Without those
        that had expired by `valid_at`: the moment of the last list, so that each has been on one after its expiry
        (RFC 5280, 3.3)."""
        with self.statuses() as told:
            yield from told.revoked(authority, valid_at)

    def statuses(self) -> AbstractContextManager[Statuses]:
        """The same and what has changed, of one moment: what a complete list and its delta are made of."""
        return crls.statuses(self._database)

    def last_change(self) -> int:
        """The last entry of the trail that changes a status: what a list made now will cover."""
        return crls.last_change(self._database)

    def reserve_crl(self, authority: int = 1) -> int:
        """The next number, which nobody else gets; a number whose list was never made is missing in the row."""
        while True:
            try:
                return self._database.write(lambda c: crls.reserve(c, authority))
            except Stale:
                continue  # another node has just taken that one

    def keep_crl(self, crl: Crl) -> None:
        self._database.write(lambda c: crls.keep(c, self._actor, crl))

    def crl(self, authority: int = 1) -> Crl | None:
        """The newest complete one."""
        return crls.newest(self._database, authority)

    def delta_crl(self, authority: int = 1) -> Crl | None:
        """Whatever has the newest delta."""
        return crls.newest_delta(self._database, authority)

    def crl_header(self, authority: int = 1) -> CrlHeader | None:
        return crls.header(self._database, authority)

    def delta_crl_header(self, authority: int = 1) -> CrlHeader | None:
        return crls.delta_header(self._database, authority)

    def crl_numbered(self, number: int, authority: int = 1) -> CrlHeader | None:
        return crls.numbered(self._database, authority, number)

    # --- OCSP ---

    def told(self, serial: int) -> Told | None:
        """What OCSP says of this certificate, and the answer that was made ahead."""
        return answers.told(self._database, serial)

    def told_after(self, serial: int, most: int) -> list[Told]:
        """So many in the order of their serial numbers, without the bytes of their answers."""
        return answers.told_after(self._database, serial, most)

    def last_mark(self) -> Mark:
        """The last entry of the trail that changes a status, for whoever follows."""
        return answers.last_mark(self._database)

    def changes(self, since: Mark) -> list[StatusChange] | None:
        """The entries of the trail after that one that change a status. None where the trail has gone back."""
        return answers.changes(self._database, since)

    def keep_answers(self, made: Iterable[Answer]) -> None:
        """All in one write; for their certificates, in the place of those before."""
        new = list(made)
        self._database.write(lambda c: answers.keep(c, new))

    def drop_answers(self, serials: Iterable[int]) -> None:
        gone = list(serials)
        self._database.write(lambda c: answers.drop(c, gone))

    def tidy_answers(self, now: datetime) -> int:
        """Those that are true no longer. How many."""
        return self._database.write(lambda c: answers.tidy(c, now))

    # --- nodes ---

    def node_started(self, node: Node) -> None:
        self._database.write(lambda c: nodes.started(c, self._actor, node))

    def node_seen(self, node: Node) -> None:
        """It lives, now."""
        self._database.write(lambda c: nodes.seen(c, node))

    def node_stopped(self, node: Node) -> None:
        """In order. One that was killed goes unseen until it is forgotten."""
        self._database.write(lambda c: nodes.stopped(c, self._actor, node))

    def nodes(self) -> list[Node]:
        return nodes.listed(self._database)

    def jobs_done(self) -> dict[str, datetime]:
        """When each was, for the last time, by whichever node."""
        return jobs.done(self._database)

    def keep_jobs_done(self, names: Sequence[str], now: datetime) -> None:
        self._database.write(lambda c: jobs.keep(c, names, now))

    def tidy_nodes(self, now: datetime) -> int:
        return self._database.write(lambda c: nodes.tidy(c, now))


def _adopt(connection: Connection, by: Actor, generation: Generation) -> None:
    require_open(connection)
    try:
        generations.add(connection, generation)
    except IntegrityError as error:
        raise Taken(kind="generation", name=hexed(generation.serial)) from error
    if generation.certificate:
        note_of(connection, by, Action.CERTIFICATE_ISSUED, None, generation.serial)
