"""After any sequence of verbs an ID has one active generation and one that waits at most, and none has gone a way that
the domain does not know."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import fields
from datetime import datetime, timedelta
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from sqlalchemy import select

from tests.sql.world import CERTIFICATE, DAY, REASON, World, exchange, generation, serial_of
from tokenmgr.domain.audit import FIRST, Entry
from tokenmgr.domain.generation import MAY_BECOME, Generation, State
from tokenmgr.domain.reissue import Cause
from tokenmgr.ra.ports import Asked, Stale
from tokenmgr.sql import schema
from tokenmgr.sql.engine import Database
from tokenmgr.sql.trail import entry_of

NUMBERS = st.integers(0, 7)  # few, so that they meet
WAITING = (State.RECORDED, State.PENDING)


TOLD_BY = {
    State.PENDING: ("certificate.issued",),
    State.ACTIVE: ("certificate.confirmed", "certificate.released"),
    State.HELD: ("certificate.held",),
    State.SUPERSEDED: ("certificate.superseded",),
    State.REVOKED: ("certificate.revoked",),
    State.VOID: ("certificate.voided",),
}


class Registered(RuleBasedStateMachine):
    """Whoever calls may have read long ago: every verb is tried with anything, and may be Stale."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.database = Database.open(f"sqlite:///{self.folder}/registry.db")
        self.database.migrate(DAY)
        self.world = World.founded(self.database)
        self.seen: dict[str, State] = {}
        self.now: datetime = DAY

    @initialize()
    def begin(self) -> None:
        self.now = DAY

    def _generation(self, number: int) -> Generation:
        whose = (self.world.user, self.world.administrator)[number % 2]
        return generation(whose.id, number, DAY)

    @rule(number=NUMBERS, displacing=st.none() | NUMBERS)
    def record(self, number: int, displacing: int | None) -> None:
        one = self._generation(number)
        displaced = None if displacing is None else self.world.registry.generation(serial_of(displacing))
        self._attempt(lambda: self.world.registry.record(one, exchange(one), displaced, self.now))

    @rule(number=NUMBERS)
    def sign_off(self, number: int) -> None:
        self._attempt(lambda: self.world.registry.sign_off(serial_of(number), CERTIFICATE))

    @rule(number=NUMBERS, retire=st.booleans())
    def confirm(self, number: int, retire: bool) -> None:
        its = exchange(self._generation(number))
        self._attempt(lambda: self.world.registry.confirm(its, b"digest", self.now, retire))

    @rule(number=NUMBERS)
    def revoke(self, number: int) -> None:
        self._attempt(lambda: self.world.registry.revoke(serial_of(number), REASON, self.now))

    @rule(number=NUMBERS)
    def hold(self, number: int) -> None:
        self._attempt(lambda: self.world.registry.hold(serial_of(number), self.now))

    @rule(number=NUMBERS)
    def release(self, number: int) -> None:
        self._attempt(lambda: self.world.registry.release(serial_of(number)))

    @rule(number=NUMBERS)
    def withdraw(self, number: int) -> None:
        self.world.registry.withdraw(self._whose(number), REASON, self.now)
        assert self.world.registry.standing(self._whose(number)).pending is None

    @rule(number=NUMBERS, signer=st.none() | NUMBERS, digest=st.sampled_from([b"1" * 32, b"2" * 32]))
    def reissue(self, number: int, signer: int | None, digest: bytes) -> None:
        until = self.now + timedelta(days=80)
        asked = None if signer is None else Asked(serial_of(signer), digest, self.now)
        done: list[bool] = []
        self._attempt(
            lambda: done.append(self.world.registry.reissue(self._whose(number), Cause.LOST, until, asked, self.now))
        )
        if done == [True]:
            standing = self.world.registry.standing(self._whose(number))
            assert (standing.reissued_at, standing.open_until, standing.pending) == (self.now, until, None)
            assert standing.last is None or standing.last.state is State.REVOKED

    def _whose(self, number: int) -> int:
        return (self.world.user, self.world.administrator)[number % 2].id

    @rule(hours=st.integers(0, 100))
    def wait(self, hours: int) -> None:
        self.now += timedelta(hours=hours)
        self.world.registry.expire_unconfirmed(self.now)

    @invariant()
    def each_has_one_at_most(self) -> None:
        for who in (self.world.user, self.world.administrator):
            history = self.world.administration.history(who.id)
            active = [one for one in history if one.state in (State.ACTIVE, State.HELD)]
            waiting = [one for one in history if one.state in WAITING]
            assert len(active) <= 1
            assert len(waiting) <= 1
            standing = self.world.registry.standing(who.id)
            assert standing.pending == (waiting[0] if waiting else None)
            confirmed = [one for one in history if one.confirmed_at]
            assert (standing.last is None) == (not confirmed)
            assert not active or standing.last == active[0]

    @invariant()
    def each_goes_its_way(self) -> None:
        columns = schema.generation.c
        rows = self.database.read(select(columns.serial, columns.state, columns.revoked_at, columns.certificate))
        for serial, name, revoked_at, certificate in rows:
            state, before = State(name), self.seen.get(serial)
            assert before in (None, state) or state in MAY_BECOME[before]
            assert before is not None or state is State.RECORDED
            assert (revoked_at is not None) == (state in (State.VOID, State.REVOKED, State.HELD))
            assert bool(certificate) == (state not in (State.RECORDED, State.VOID))
            self.seen[serial] = state

    @invariant()
    def the_trail_tells_of_every_state(self) -> None:
        """Whoever follows it knows what the lists and OCSP have to say, and reads the chain whole."""
        columns = [schema.audit.c[one.name] for one in fields(Entry)]
        previous, told = FIRST, {}
        for row in self.database.read(select(*columns).order_by(schema.audit.c.number)):
            one = entry_of(tuple(row))
            previous = one.digest(previous)
            assert one.hash == previous
            if one.serial:
                told[one.serial] = one.action
        for serial, state in self.seen.items():
            if state is not State.RECORDED:
                assert told[serial] in TOLD_BY[state], (state, told[serial])

    def _attempt(self, act: Callable[[], None]) -> None:
        with contextlib.suppress(Stale):
            act()

    def teardown(self) -> None:
        self.database.close()
        shutil.rmtree(self.folder)


TestRegistered = Registered.TestCase
TestRegistered.settings = settings(max_examples=60, stateful_step_count=40)
