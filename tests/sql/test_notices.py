"""The outbox: what is due is found and kept once, taken by one, and what came of it is there whoever dies."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

import pytest
from sqlalchemy import select, update

from tests.actors import TESTER
from tests.sql.test_races import raced
from tests.sql.world import BANK, DAY, HOUR, World
from tokenmgr.domain.generation import Generation
from tokenmgr.domain.notice import Due, Notice, Past, Skipped, Stage, due_notices
from tokenmgr.domain.party import Role
from tokenmgr.errors import NoticeNotRetriable, NoticeUnknown
from tokenmgr.sql.administration import Change
from tokenmgr.sql.engine import Database
from tokenmgr.sql.notices import Candidate
from tokenmgr.sql.outbox import LEASE, Outbox, Outcome, Start, Which
from tokenmgr.sql.parties import Contract, Enrolment
from tokenmgr.sql.schema import audit, generation

MONTH = timedelta(days=40)
ALL = Which()


def outbox(world: World, me: str = "me") -> Outbox:
    return Outbox(world.database, me)


def near(one: Generation) -> datetime:
    """39 days before its end: BANK writes 40 and 5 days before."""
    return one.not_after - timedelta(days=39)


def found(world: World, now: datetime, bank: str | None = None) -> list[Candidate]:
    return list(outbox(world).candidates(now, MONTH, bank))


def planned(world: World, now: datetime) -> int:
    due = [(c.bank, one) for c in found(world, now) for one in due_notices(c.held, BANK.policy, now, c.known)]
    return outbox(world).keep(due, now)


def stages(world: World) -> list[tuple[int, Stage, Skipped | None]]:
    return [(one.notice.lead, one.stage, one.skipped) for one in outbox(world).entries(ALL)]


def taken(world: World, now: datetime) -> int:
    (number,) = outbox(world).take((), now)
    return number


def sent(world: World, now: datetime, outcome: Stage = Stage.SENT) -> int:
    number = taken(world, now)
    address = outbox(world).errand(number).address
    assert outbox(world).start((), Start(number, "letter", address), now)
    assert outbox(world).take([Outcome(number, outcome, "250 ok")], now) == []
    return number


def test_who_can_be_written_to_comes_with_it(world: World) -> None:
    one = world.active()
    (candidate,) = found(world, near(one))
    held = candidate.held
    assert (candidate.bank, held.serial, held.not_after) == (BANK.code, one.serial, one.not_after)
    assert (held.confirmed_at, held.is_renewal, held.role) == (DAY, False, Role.USER)
    assert (held.holder.subscriber, held.holder.address) == (world.user.id, "user-1@example.jp")
    assert [(p.subscriber, p.address) for p in held.administrators] == [(world.administrator.id, "admin@example.jp")]
    assert candidate.known == {}
    assert found(world, near(one), "9999") == []
    world.administration.change_subscriber(world.administrator.id, Change(email=""))
    assert found(world, near(one))[0].held.administrators == ()


def test_only_what_may_be_due_is_looked_at(world: World) -> None:
    first = world.active()
    assert found(world, DAY + 100 * HOUR) == []
    assert found(world, first.not_after - MONTH - timedelta(seconds=1)) == []
    assert len(found(world, first.not_after + timedelta(days=7))) == 1
    assert found(world, first.not_after + timedelta(days=7, seconds=1)) == []


def test_what_was_just_renewed_is_looked_at(world: World) -> None:
    old = world.active()
    later = near(old)
    new, its = world.pending(later)
    new = replace(new, predecessor=old.serial)
    follows = update(generation).where(generation.c.state == "pending").values(predecessor=f"{old.serial:040x}")
    world.database.write(lambda c: c.execute(follows))
    world.registry.confirm(its, b"digest", later, False)
    (candidate,) = found(world, later)
    assert (candidate.held.serial, candidate.held.is_renewal) == (new.serial, True)
    assert found(world, later + timedelta(days=3, seconds=1)) == []


def test_it_is_kept_once_and_known_from_then_on(world: World) -> None:
    one = world.active()
    now = near(one)
    assert planned(world, now) == 1
    assert planned(world, now) == 0
    (candidate,) = found(world, now)
    notice = Notice(one.serial, world.user.id, "due", 40)
    assert candidate.known == {notice: Past(Stage.WAITING, "user-1@example.jp")}
    (entry,) = outbox(world).entries(ALL)
    assert (entry.bank, entry.notice, entry.contract, entry.user) == (BANK.code, notice, "C-1", "user-1")
    assert (entry.to_user, entry.role, entry.tries, entry.sent_at) == ("user-1", Role.USER, 0, None)
    assert (entry.due_at, entry.queued_at) == (one.not_after - timedelta(days=40), now)


def test_on_two_nodes_it_is_kept_once_and_taken_by_one(world: World, url: str) -> None:
    now = near(world.active())
    for number in range(30):
        world.administration.enrol(Enrolment(BANK.code, "C-1", f"n-{number}", Role.ADMINISTRATOR, f"n{number}@b.jp"))
    (candidate,) = found(world, now)
    due = [
        (BANK.code, Due(Notice(candidate.held.serial, one.subscriber, "due", lead), one.address, now))
        for one in candidate.held.administrators
        for lead in (40, 5)
    ]
    nodes = [Outbox(Database.open(url), name) for name in ("one", "other")]
    kept: list[int] = []
    raced(*(lambda node=node: kept.append(node.keep(due, now)) for node in nodes))
    assert sum(kept) == len(due) == 62
    got: list[int] = []

    def take_all(node: Outbox) -> None:
        done: list[Outcome] = []
        while numbers := node.take(done, now):
            done = [Outcome(number, Stage.SENT) for number in numbers]
            got.extend(numbers)

    raced(*(partial(take_all, node) for node in nodes))
    assert len(got) == len(set(got)) == 62
    assert {entry.stage for entry in outbox(world).entries(ALL)} == {Stage.SENT}


def test_an_errand_has_all_that_a_mail_may_name(world: World) -> None:
    one = world.active()
    now = near(one)
    planned(world, now)
    errand = outbox(world).errand(taken(world, now))
    about = errand.about
    assert (about.bank, about.contract, about.contract_name) == (BANK, "C-1", "株式会社みほん")
    assert (about.user, about.store, errand.address) == ("user-1", one.store, "user-1@example.jp")
    assert (about.held.serial, errand.queued_at, errand.letter) == (one.serial, now, "")
    assert [past.stage for past in about.known.values()] == [Stage.SENDING]
    assert outbox(world).about(one.serial) == about
    world.administration.change_look(BANK.code, lambda look: replace(look, colour="#000000"))
    assert outbox(world).errand(errand.number).about.look.colour == "#000000"
    with pytest.raises(NoticeUnknown):
        outbox(world).errand(9999)


def test_what_nobody_comes_back_for_is_taken_up_with_its_letter(world: World) -> None:
    now = near(world.active())
    planned(world, now)
    number = taken(world, now)
    assert outbox(world).start((), Start(number, "the letter", "user-1@example.jp"), now)
    other = outbox(world, "other")
    assert other.take((), now + LEASE - HOUR / 3600) == []
    assert other.take((), now + LEASE) == [number]
    assert other.errand(number).letter == "the letter"
    assert not outbox(world).start((), Start(number, "of one who slept", "user-1@example.jp"), now + LEASE)
    outbox(world).let_go([Outcome(number, Stage.SENT)], [number], now + LEASE)
    assert stages(world) == [(40, Stage.SENDING, None)]
    other.let_go((), [number], now + LEASE)
    assert outbox(world).waiting(now + LEASE) == 1
    assert outbox(world).waiting(now + LEASE, "9999") == 0


def test_one_that_is_put_off_comes_again_with_its_letter(world: World) -> None:
    now = near(world.active())
    planned(world, now)
    number = taken(world, now)
    outbox(world).start((), Start(number, "letter", "a@b.jp"), now)
    again = Outcome(number, Stage.WAITING, "450 later", again_at=now + HOUR, is_in_doubt=True)
    assert outbox(world).take([again], now) == []
    assert outbox(world).take((), now + HOUR) == [number]
    errand = outbox(world).errand(number)
    assert (errand.tries, errand.letter) == (1, "letter")
    unwritten = Outcome(number, Stage.WAITING, "N110", again_at=now + 2 * HOUR, has_been_tried=False)
    assert outbox(world).take([unwritten], now + HOUR) == []
    errand = outbox(world).errand(number)
    assert (errand.tries, errand.letter) == (1, "")


def test_where_it_has_failed_another_address_has_it_again(world: World) -> None:
    now = near(world.active())
    planned(world, now)
    number = sent(world, now, Stage.REFUSED)
    assert planned(world, now) == 1  # to the administrator, in its place
    sent(world, now)
    assert planned(world, now) == 0
    world.administration.change_subscriber(world.user.id, Change(email="new@example.jp"))
    assert planned(world, now) == 1
    assert sent(world, now) == number
    assert [one.address for one in outbox(world).entries(ALL)] == ["new@example.jp", "admin@example.jp"]
    assert planned(world, now) == 0


def test_what_was_skipped_for_something_that_has_passed_comes_again(world: World) -> None:
    now = near(world.active())
    planned(world, now)
    for why in sorted(Skipped, key=lambda one: not one.may_pass)[:6]:
        number = taken(world, now)
        outbox(world).take([Outcome(number, Stage.SKIPPED, skipped=why, has_been_tried=False)], now)
        assert stages(world) == [(40, Stage.SKIPPED, why)]
        assert planned(world, now) == int(why.may_pass)
    assert stages(world) == [(40, Stage.SKIPPED, Skipped.RENEWED)]


def test_staff_sends_again_what_has_failed_and_nothing_else(world: World) -> None:
    now = near(world.active())
    planned(world, now)
    number = sent(world, now)
    box = outbox(world)
    with pytest.raises(NoticeNotRetriable):
        box.retry([number], now, TESTER)
    assert not box.bounced(number, "old@example.jp", "5.1.1", is_permanent=True, by=TESTER)
    assert box.bounced(number, "user-1@example.jp", "4.4.7 delayed", is_permanent=False, by=TESTER)
    assert stages(world) == [(40, Stage.SENT, None)]
    assert box.bounced(number, "user-1@example.jp", "5.1.1", is_permanent=True, by=TESTER)
    assert not box.bounced(number, "user-1@example.jp", "5.1.1", is_permanent=True, by=TESTER)
    assert stages(world) == [(40, Stage.BOUNCED, None)]
    with pytest.raises(NoticeUnknown):
        box.retry([number, number + 1], now, TESTER)
    assert stages(world) == [(40, Stage.BOUNCED, None)]
    box.retry([number, number], now, TESTER)
    whom, trail = f"{BANK.code}/C-1/user-1", select(audit.c.action, audit.c.whom, audit.c.actor)
    done = trail.where(audit.c.action.like("notice.%")).order_by(audit.c.number)
    told = [tuple(row) for row in world.database.read(done)]
    assert told == [(f"notice.{what}", whom, TESTER.name) for what in ("bounced", "retried")]
    assert box.waiting(now) == 1
    assert box.entry(number).sent_at is None


def test_a_report_that_it_failed_counts_whatever_was_heard_before(world: World) -> None:
    """Servers give the same reason for a delay and for its end; and a report may be quicker than our next commit."""
    now = near(world.active())
    planned(world, now)
    address, said = "user-1@example.jp", "4.4.1 connection timed out"
    box, number = outbox(world), taken(world, now)
    assert not box.bounced(number, address, said, is_permanent=True, by=TESTER)
    assert box.start((), Start(number, "letter", address), now)
    assert not box.bounced(number, address, said, is_permanent=False, by=TESTER)
    assert box.bounced(number, address, said, is_permanent=True, by=TESTER)
    assert box.take([Outcome(number, Stage.SENT, "250 ok")], now) == []
    assert stages(world) == [(40, Stage.BOUNCED, None)]
    box.retry([number], now, TESTER)
    assert sent(world, now) == number
    assert box.bounced(number, address, said, is_permanent=False, by=TESTER)
    assert not box.bounced(number, address, said, is_permanent=False, by=TESTER)
    assert box.bounced(number, address, said, is_permanent=True, by=TESTER)
    assert not box.bounced(number, address, said, is_permanent=True, by=TESTER)
    assert stages(world) == [(40, Stage.BOUNCED, None)]


def test_lists_are_of_what_is_asked_for(world: World) -> None:
    one = world.active()
    now = near(one)
    planned(world, now)
    world.administration.add_contract(Contract(BANK.code, "C-2", "別"))
    for which, count in (
        (Which(bank=BANK.code, stage=Stage.WAITING, serial=one.serial, contract="C-1", user="user-1"), 1),
        (Which(bank="9999"), 0),
        (Which(stage=Stage.SENT), 0),
        (Which(serial=7), 0),
        (Which(contract="C-2"), 0),
        (Which(user="user-2"), 0),
    ):
        assert len(list(outbox(world).entries(which))) == count
