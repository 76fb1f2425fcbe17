"""Each notice comes once, to a real mail server, whatever dies on the way and whoever sends at the same time (R3)."""

from __future__ import annotations

import contextlib
import itertools
import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pytest

from tests.actors import TESTER
from tests.notices.mailhouse import House, house, letter
from tests.notices.office import POLICIES, Office
from tests.sql.world import BANK, HOUR, World
from tokenmgr.domain.notice import AHEAD, Skipped, Stage
from tokenmgr.domain.party import Role
from tokenmgr.errors import ClocksDiffer, MailServerUnreachable
from tokenmgr.notices import letters, rounds, schedule, texts
from tokenmgr.notices.courier import PAUSES, WAITS
from tokenmgr.notices.mail import as_bytes
from tokenmgr.notices.post import Letter, Post, Receipt
from tokenmgr.sql.administration import Change
from tokenmgr.sql.outbox import LEASE, Entry, Outbox, Which
from tokenmgr.sql.parties import Enrolment
from tokenmgr.sql.schema import notice

DAYS = timedelta(days=1)
SQLITE = pytest.mark.parametrize("kind", ["sqlite"])


@pytest.fixture(scope="module")
def running() -> Iterator[House]:
    with house() as found:
        yield found


@pytest.fixture
def mails(running: House) -> House:
    running.taken.clear()
    running.answers.clear()
    return running


@pytest.fixture
def office(world: World, mails: House) -> Office:
    """39 days before the end of the one certificate; its bank writes 40 and 5 days before."""
    world.administration.change_look(BANK.code, lambda look: replace(look, sender="ib@mihon.example"))
    return Office(world.database, mails.port, world.active().not_after - 39 * DAYS)


def entries(world: World) -> list[Entry]:
    return list(Outbox(world.database, "").entries(Which()))


def stages(world: World) -> list[Stage]:
    return [one.stage for one in entries(world)]


@pytest.fixture
def others(url: str, mails: House) -> Iterator[Others]:
    command = [sys.executable, "-m", "tests.notices.office", url, str(mails.port)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield Others(process)
        assert process.stdin is not None
        process.stdin.close()


@dataclass
class Others:
    """Processes of their own, that all begin at the same time."""

    process: subprocess.Popen[str]

    def run(self, now: datetime, **left: int) -> list[int]:
        """By their names; how each of them ended."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps([(now.isoformat(), me, points) for me, points in left.items()]) + "\n")
        self.process.stdin.flush()
        statuses: list[int] = json.loads(self.process.stdout.readline())
        return statuses


# --- what dies ---


def test_a_process_is_killed_wherever_it_is(world: World, mails: House, office: Office, others: Others) -> None:
    """Two mails. Both come, each under one name; the one that was in doubt may come twice, and is the same bytes."""
    start = office.now = office.now + 37 * DAYS
    doubled = 0
    for left in itertools.count(1):
        world.database.write(lambda c: c.execute(notice.delete()))
        mails.taken.clear()
        office.now = start
        (status,) = others.run(office.now, killed=left)
        if status == 0:
            break
        assert status == -signal.SIGKILL
        office.now = start + LEASE
        office.round()
        assert [(one.stage, one.skipped) for one in entries(world) if not one.skipped] == [(Stage.SENT, None)] * 2
        came: dict[str, set[bytes]] = {}
        for one in mails.taken:
            came.setdefault(str(one.mail["Message-ID"]), set()).add(one.data)
        assert len(came) == 2
        assert all(len(copies) == 1 for copies in came.values())
        assert len(mails.taken) in (2, 3)
        doubled += len(mails.taken) - 2
    assert left == 2 * 5 + 2 * 2 + 1  # before and after each commit and each sending
    assert doubled == 2 * 2  # between the server's yes and the end of the commit that keeps it
    assert len(mails.taken) == 2


def test_two_processes_at_once(world: World, mails: House, office: Office, others: Others) -> None:
    for number in range(20):
        world.administration.enrol(
            Enrolment(BANK.code, "C-1", f"n-{number}", Role.ADMINISTRATOR, f"n{number}@b.example")
        )
    world.administration.change_subscriber(world.user.id, Change(email=""))
    assert others.run(office.now, one=0, other=0) == [0, 0]
    assert set(stages(world)) == {Stage.SENT}
    assert len({str(one.mail["Message-ID"]) for one in mails.taken}) == len(mails.taken) == 21


@dataclass
class Stopping:
    """Somebody presses Ctrl-C while the mail server has the mail and has not answered yet."""

    post: Post

    def send(self, one: Letter) -> Receipt:
        signal.raise_signal(signal.SIGINT)
        return self.post.send(one)

    def close(self) -> None:
        self.post.close()


@SQLITE
def test_who_stops_it_waits_for_the_mail_that_is_under_way(world: World, mails: House, office: Office) -> None:
    office.now += 37 * DAYS
    courier = office.courier()
    courier.post = Stopping(courier.post)
    with contextlib.closing(courier.post), pytest.raises(KeyboardInterrupt):
        rounds.run(courier, POLICIES)
    assert sorted(one.stage.value for one in entries(world) if not one.skipped) == ["sent", "waiting"]
    office.round()
    assert len(mails.taken) == 2


@SQLITE
def test_a_mail_that_nobody_knows_of_comes_again_as_it_was(world: World, mails: House, office: Office) -> None:
    mails.answer("DATA", "")
    office.round()
    (entry,) = entries(world)
    assert (entry.stage, entry.tries) == (Stage.WAITING, 1)
    first = Outbox(world.database, "").errand(entry.number).letter
    office.now += WAITS[0]
    office.round()
    assert stages(world) == [Stage.SENT]
    assert letters.read(first).text.splitlines()[0] in mails.taken[0].mail.get_body(("plain",)).get_content()  # type: ignore[union-attr]


@SQLITE
def test_what_is_in_doubt_stays_as_it_was_while_its_bank_cannot_send(
    world: World, mails: House, office: Office
) -> None:
    mails.answer("DATA", "")
    office.round()
    (entry,) = entries(world)
    first = Outbox(world.database, "").errand(entry.number).letter
    office.now += WAITS[0]
    mails.answer("MAIL", "550 5.7.1 not as this sender")
    assert [one.code for one in office.round().tally.troubles.values()] == ["N130"]
    assert Outbox(world.database, "").errand(entry.number).letter == first
    office.round()
    assert [one.data for one in mails.taken] == [as_bytes(letters.read(first))] * 2


@SQLITE
def test_the_server_cannot_be_reached(world: World, office: Office) -> None:
    """It is tried a few times; then the mails wait, and none of them is given up for it."""
    port, office.port = office.port, 1
    for _ in range(2):
        office.paused.clear()
        with pytest.raises(MailServerUnreachable):
            office.round()
        assert office.paused == list(PAUSES)
        assert [(one.stage, one.tries) for one in entries(world)] == [(Stage.WAITING, 0)]
    office.port = port
    assert office.round().tally.sent == 1


@SQLITE
def test_what_is_no_address_keeps_nobody_from_theirs(world: World, mails: House, office: Office) -> None:
    """Its end of a line is hidden from whoever does not decode it, as headers are decoded."""
    poison = "=?utf-8?q?=0d=0aBcc=3ax=40y.example?=@mihon.example"
    world.administration.change_subscriber(world.user.id, Change(email=poison))
    assert office.round().tally.refused == 1
    assert stages(world) == [Stage.REFUSED, Stage.SENT]


@dataclass
class Unreachable:
    """The first time; and meanwhile something happens."""

    post: Post
    happens: Callable[[], object] | None

    def send(self, one: Letter) -> Receipt:
        if self.happens is not None:
            self.happens()
            self.happens = None
            raise MailServerUnreachable(server="mail.example:25", reason="no route")
        return self.post.send(one)

    def close(self) -> None:
        self.post.close()


@SQLITE
def test_between_two_tries_it_is_looked_at_again(world: World, mails: House, office: Office) -> None:
    courier = office.courier()
    schedule.plan(courier.outbox, POLICIES, office.now)
    (serial,) = {one.notice.serial for one in entries(world)}
    courier.post = Unreachable(courier.post, lambda: world.registry.hold(serial, office.now))
    with contextlib.closing(courier.post):
        courier.deliver()
    assert [(one.stage, one.skipped) for one in entries(world)] == [(Stage.SKIPPED, Skipped.ON_HOLD)]
    assert (mails.taken, office.paused) == ([], [PAUSES[0]])


# --- what the server says ---


@SQLITE
def test_a_mail_that_is_refused_goes_to_the_administrator(world: World, mails: House, office: Office) -> None:
    mails.answer("RCPT", "550 5.1.1 nobody of this name")
    assert office.round().tally.refused == 1
    refused, other = entries(world)
    assert (refused.stage, refused.told) == (Stage.REFUSED, "550 5.1.1 nobody of this name")
    assert (other.stage, other.to_user) == (Stage.SENT, "admin")
    assert [one.to for one in mails.taken] == ["admin@example.jp"]
    office.round()
    assert len(mails.taken) == 1


@SQLITE
def test_one_that_is_put_off_for_three_days_is_given_up(world: World, mails: House, office: Office) -> None:
    began = office.now
    for number, wait in enumerate(WAITS):
        mails.answer("RCPT", "450 4.2.1 later")
        office.round()
        assert [(one.stage, one.tries) for one in entries(world)] == [(Stage.WAITING, number + 1)]
        assert office.round().tally.count == 0
        office.now += wait
    assert 2.5 * DAYS < office.now - began < 3 * DAYS
    mails.answer("RCPT", "450 4.2.1 later")
    office.round()
    assert stages(world) == [Stage.REFUSED, Stage.SENT]


@SQLITE
def test_a_bank_whose_mails_cannot_be_written_keeps_nobody(world: World, mails: House, office: Office) -> None:
    def said(user: str) -> None:
        own = {"due.ja": f"お知らせ\n{{{user}}} 様"}
        world.administration.change_look(BANK.code, lambda look: replace(look, mails=own))

    said("usr_id")
    office.write = texts.write
    courier = office.round()
    assert list(courier.tally.troubles) == [BANK.code]
    assert [(one.stage, one.tries, one.told) for one in entries(world)] == [(Stage.WAITING, 0, "N110")]
    assert "{usr_id}" in str(courier.tally.troubles[BANK.code])
    said("user_id")
    mails.answer("MAIL", "550 5.7.1 not as this sender")
    assert [one.code for one in office.round().tally.troubles.values()] == ["N130"]
    assert office.round().tally.sent == 1


# --- what is no longer so ---


@SQLITE
def test_right_before_it_is_sent_it_is_looked_at_again(world: World, mails: House, office: Office) -> None:
    courier = office.courier()
    schedule.plan(courier.outbox, {BANK.code: BANK.policy}, office.now)
    (serial,) = {one.notice.serial for one in entries(world)}
    world.registry.hold(serial, office.now)
    courier.deliver()
    assert [(one.stage, one.skipped) for one in entries(world)] == [(Stage.SKIPPED, Skipped.ON_HOLD)]
    assert mails.taken == []
    world.registry.release(serial)
    assert office.round().tally.sent == 1


@SQLITE
def test_another_address_has_it_under_another_name(world: World, mails: House, office: Office) -> None:
    office.round()
    (entry,) = entries(world)
    Outbox(world.database, "").bounced(entry.number, entry.address, "5.1.1", is_permanent=True, by=TESTER)
    world.administration.change_subscriber(world.user.id, Change(email="new@example.jp"))
    office.round()
    assert stages(world) == [Stage.SENT]
    first, second = (one.mail for one in mails.taken)
    assert [str(one["To"]) for one in (first, second)] == ["user-1@example.jp", "new@example.jp"]
    assert first["Message-ID"] != second["Message-ID"]
    key = office.courier().key
    for mail, address in ((first, "user-1@example.jp"), (second, "new@example.jp")):
        named = str(mail["Message-ID"])
        assert letters.number_of(named) == entry.number
        edition = letters.Edition(entry.number, entry.notice, address, entry.queued_at)
        assert edition.is_named(named, key)
        assert not edition.is_named(named, b"another")
        assert not replace(edition, address="other@example.jp").is_named(named, key)
        assert not replace(edition, queued_at=office.now + HOUR).is_named(named, key)


def test_a_name_that_is_not_ours() -> None:
    for named in ("", "<a@b>", "<1.00@b>", f"<0.{'0' * 40}@b>", f"<1.{'0' * 40}@b@c>", f"<1.{'0' * 39}x@b>"):
        assert letters.number_of(named) is None
    assert letters.number_of(f" 17.{'0' * 40}@b.example ") == 17


def test_a_node_whose_clock_is_not_the_others_writes_to_nobody(office: Office) -> None:
    for by in (AHEAD, -AHEAD):
        schedule.require_same_clock(office.now + by, office.now)
        with pytest.raises(ClocksDiffer):
            schedule.require_same_clock(office.now + 2 * by, office.now)


def test_the_last_round_of_a_bank_is_of_all_banks_too(office: Office) -> None:
    earlier, later = office.now, office.now + HOUR
    assert rounds.last_of({}, "1234") is None
    assert rounds.last_of({"notices": earlier, "notices 1234": later}, "1234") == later
    assert rounds.last_of({"notices": later, "notices 1234": earlier}, "1234") == later
    assert rounds.last_of({"notices": earlier, "notices 1234": later}, None) == earlier


def test_a_letter_waits_as_it_was_written() -> None:
    one = replace(letter(), languages=("ja", "en"))
    assert letters.read(letters.written(one)) == one
