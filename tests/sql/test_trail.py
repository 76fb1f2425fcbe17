"""Nothing is done by nobody: what each act writes into the trail, and that it is there exactly where the act is."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from collections.abc import Sequence
from datetime import timedelta

import pytest
from sqlalchemy import Connection, select

from tests.actors import TESTER
from tests.sql.test_engine import gathered
from tests.sql.world import BANK, CERTIFICATE, DAY, REASON, World, enrolment, exchange, generation
from tokenmgr.domain.audit import FIRST, Actor, ActorKind, Entry
from tokenmgr.domain.generation import RevocationReason, State
from tokenmgr.domain.party import Bank
from tokenmgr.domain.reissue import Cause
from tokenmgr.errors import AuthorityClosed
from tokenmgr.ra.ports import Asked, Stale
from tokenmgr.sql import marks, parties, schema
from tokenmgr.sql.administration import Change
from tokenmgr.sql.engine import Database
from tokenmgr.sql.parties import Contract
from tokenmgr.sql.trail import entry_of

CLERK = Actor(ActorKind.STAFF, "山田", "bank-pc/yamada")


def trail(database: Database) -> list[Entry]:
    """Its chain holds, and nothing is missing in it."""
    columns = [column for column in schema.audit.c if column.name != "changes_status"]
    found = [entry_of(tuple(row)) for row in database.read(select(*columns).order_by(schema.audit.c.number))]
    previous = FIRST
    for number, one in enumerate(found, start=1):
        previous = one.digest(previous)
        assert (one.number, one.hash) == (number, previous)
    return found


def told(found: Sequence[Entry]) -> list[tuple[str, str, str, str]]:
    return [(one.action, one.whom, one.before, one.after) for one in found]


def test_who_did_what_to_whom_from_where_before_and_after(world: World) -> None:
    begun = len(trail(world.database))
    clerk = world.administration.by(CLERK)
    clerk.change_subscriber(world.user.id, Change(email="new@example.jp", login_hash="another"))
    (entry,) = trail(world.database)[begun:]
    assert (entry.actor_kind, entry.actor, entry.origin) == ("staff", "山田", "bank-pc/yamada")
    assert told([entry]) == [
        (
            "subscriber.changed",
            "1234/C-1/user-1",
            '{"email":"user-1@example.jp"}',
            '{"email":"new@example.jp","login_pin":"changed"}',
        )
    ]
    assert "another" not in str(entry)


def test_of_a_policy_the_lines_that_changed(world: World) -> None:
    begun = len(trail(world.database))
    world.administration.change_bank(
        BANK.code,
        lambda bank: dataclasses.replace(
            bank, policy=dataclasses.replace(bank.policy, grace_days=80, notice_days=(30, 10))
        ),
    )
    assert told(trail(world.database)[begun:]) == [
        (
            "bank.changed",
            "1234",
            '{"policy.grace_days":90,"policy.notice_days":"40 5"}',
            '{"policy.grace_days":80,"policy.notice_days":"30 10"}',
        )
    ]


def test_the_life_of_a_certificate(world: World) -> None:
    begun = len(trail(world.database))
    first = world.active()
    second = world.active(DAY + timedelta(hours=1))
    world.registry.hold(second.serial, DAY)
    world.registry.release(second.serial)
    world.registry.revoke(second.serial, REASON, DAY)
    found = trail(world.database)[begun:]
    assert [(one.action, int(one.serial, 16)) for one in found] == [
        ("certificate.issued", first.serial),
        ("certificate.confirmed", first.serial),
        ("certificate.issued", second.serial),
        ("certificate.superseded", first.serial),
        ("certificate.confirmed", second.serial),
        ("certificate.revoked", first.serial),  # a hold leaves nothing beside it
        ("certificate.held", second.serial),
        ("certificate.released", second.serial),
        ("certificate.revoked", second.serial),
    ]
    assert world.administration.last_change() == found[-1].number


def test_what_was_never_done_is_not_told(world: World) -> None:
    before = trail(world.database)
    one, _ = world.recorded()
    after = trail(world.database)
    assert after == before  # recorded, and nobody has got anything
    with pytest.raises(Stale):
        world.registry.confirm(exchange(one), b"digest", DAY, False)
    with pytest.raises(Stale):
        world.registry.hold(one.serial, DAY)
    assert trail(world.database) == before


def test_whoever_fails_in_a_group_leaves_no_entry(database: Database) -> None:
    """Committed together, undone by itself."""

    def adding(number: int, fails: bool = False) -> None:
        def act(connection: Connection) -> int:
            parties.add_bank(connection, TESTER, Bank(f"{number:04}", "みほん"))
            if fails:
                raise LookupError
            return number

        acts.append(act)

    acts: list[object] = []
    for number in range(6):
        adding(number, fails=number in (2, 4))
    with gathered(database, acts):  # type: ignore[arg-type]
        pass
    assert [one.whom for one in trail(database)] == ["0000", "0001", "0003", "0005"]


def test_a_hold_leaves_one_certificate_and_a_release_gives_it_back(world: World) -> None:
    world.active()
    held = world.active(DAY + timedelta(hours=1))
    waiting, its = world.pending(DAY + timedelta(hours=2))
    world.registry.hold(held.serial, DAY)
    standing = world.registry.standing(world.user.id)
    assert standing.pending is None
    assert standing.last is not None
    assert (standing.last.serial, standing.last.state) == (held.serial, State.HELD)
    assert standing.last.reason is RevocationReason.HOLD
    with pytest.raises(Stale):
        world.registry.confirm(its, b"digest", DAY, False)
    assert world.state(waiting) is State.REVOKED
    world.registry.release(held.serial)
    released = world.registry.standing(world.user.id).last
    assert released is not None
    assert (released.state, released.revoked_at, released.reason) == (State.ACTIVE, None, None)
    with pytest.raises(Stale):
        world.registry.release(held.serial)


def test_the_same_reissue_again_takes_nothing_back(world: World) -> None:
    """S6: a request that comes twice must not cost what was acquired in between."""
    old, signer = world.active(), generation(world.administrator.id, 99)
    world.registry.record(signer, exchange(signer), None, DAY)
    world.registry.sign_off(signer.serial, CERTIFICATE)
    world.registry.confirm(exchange(signer), b"digest", DAY, True)
    until = DAY + timedelta(days=80)
    asked = Asked(signer.serial, b"digest", DAY + timedelta(seconds=1))
    assert world.registry.reissue(world.user.id, Cause.LOST, until, asked, DAY)
    assert world.state(old) is State.REVOKED
    standing = world.registry.standing(world.user.id)
    assert (standing.open_until, standing.reissued_at) == (until, DAY)
    told = json.loads(trail(world.database)[-1].after)
    assert (told["cause"], told["reason"]) == ("lost", Cause.LOST.reason.value)
    new = world.active(DAY + timedelta(hours=1))
    assert not world.registry.reissue(world.user.id, Cause.LOST, until, asked, DAY)
    assert world.state(new) is State.ACTIVE
    standing = world.registry.standing(world.user.id)
    assert (standing.open_until, standing.reissued_at) == (None, None)  # acquired: there is nothing to tell any more


def test_every_reissue_by_staff_is_one(world: World) -> None:
    """They send nothing twice: two are two."""
    until = DAY + timedelta(days=80)
    assert world.registry.reissue(world.user.id, Cause.LOST, until, None, DAY)
    assert world.registry.reissue(world.user.id, Cause.LOST, until, None, DAY)


def test_an_import_is_told_row_by_row(world: World) -> None:
    begun = len(trail(world.database))
    world.administration.add_all([Contract("1234", "C-2", "みほん")], [enrolment("u1", contract="C-2")])
    assert [(one.action, one.whom) for one in trail(world.database)[begun:]] == [
        ("contract.added", "1234/C-2"),
        ("subscriber.added", "1234/C-2/u1"),
    ]


HOLDER = """
import sys
from tokenmgr.sql.engine import Database
with Database.open(sys.argv[1]).alone("jobs") as mine:
    print(mine, flush=True)
    sys.stdin.read()
"""


def test_one_is_alone_until_it_is_gone_however_it_went(database: Database, url: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "True\n"
        with database.alone("jobs") as mine, database.alone("something else") as besides:
            assert (mine, besides) == (False, True)
        other.kill()
        other.wait(30)
    for _ in range(200):  # PostgreSQL notices when the connection's end arrives
        with database.alone("jobs") as mine:
            if mine:
                return
    raise AssertionError("nobody lets go")


def test_a_pin_in_the_wrong_field_is_nowhere_in_the_trail(world: World) -> None:
    """Whoever locks what is nobody's ID is told of by a hash; an ID that exists by its name."""
    for user in ("135790", "user-1"):
        for _ in range(5):
            world.registry.spend_try(BANK.code, "C-1", user, 5, False, DAY)
    told_of = [one for one in trail(world.database) if one.action == "claim.locked"]
    assert [one.whom == "1234/C-1/user-1" for one in told_of] == [False, True]
    assert "135790" not in str(told_of)


def test_of_a_closed_ca_nothing_can_be_acquired_again(world: World, database: Database) -> None:
    """So nothing is taken for it, either."""
    old = world.active()
    marks.close(database, TESTER, DAY)
    for act in (
        lambda: world.registry.reissue(world.user.id, Cause.LOST, DAY, None, DAY),
        lambda: world.administration.open_acquisition(world.user.id, DAY, DAY),
        lambda: world.registry.open_ticket(world.ticket(), "C-1", "user-1"),
    ):
        with pytest.raises(AuthorityClosed):
            act()
    assert world.state(old) is State.ACTIVE
    world.administration.open_acquisition(world.user.id, None, DAY)
