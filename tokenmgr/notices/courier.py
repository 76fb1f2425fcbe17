"""Hands over what waits in the outbox, mail by mail, and keeps what comes of each.

No mail is lost: what came of it is kept before the next is handed over, and until then it counts as not sent. None is
sent twice but one: where the process, the mail server or the way there dies between the server's yes and our knowing of
it, that mail is handed over again, the same bytes under the same Message-ID. No sender of SMTP can do better (RFC 5321,
4.5.3.2.6); whoever delivers may drop the second (RFC 5322, 3.6.4).
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tokenmgr.domain.notice import Skipped, Stage, still_true
from tokenmgr.errors import MailSenderRefused, NoticeError, TokenmgrError
from tokenmgr.notices import letters
from tokenmgr.notices.letters import Edition
from tokenmgr.notices.post import Fate, Letter, Post, Receipt
from tokenmgr.notices.subject import Matter
from tokenmgr.sql.notices import About
from tokenmgr.sql.outbox import Errand, Outbox, Outcome, Start
from tokenmgr.system import interrupts_held_back

# Between tries at a mail that was put off; three days, as servers do it among themselves (RFC 5321, 4.5.4.1: 4-5 days).
WAITS = tuple(timedelta(minutes=one) for one in (5, 15, 60, 180, 360, 720, 1440, 1440))
PAUSES = (1.0, 5.0)  # seconds, between tries to reach the server at all; the next run tries again


@dataclass
class Tally:
    sent: int = 0
    refused: int = 0
    postponed: int = 0
    skipped: Counter[Skipped] = field(default_factory=Counter)
    troubles: dict[str, NoticeError] = field(default_factory=dict)  # by bank: none of its mails could be written
    expected: int = 0  # how many there will be in all, as far as that is known

    @property
    def count(self) -> int:
        return self.sent + self.refused + self.postponed + self.skipped.total()


@dataclass
class Courier:
    """`write` makes a letter of what it is about; `key` is the registry's (letters.py)."""

    outbox: Outbox
    post: Post
    write: Callable[[Matter], Letter]
    key: bytes
    clock: Callable[[], datetime]
    pause: Callable[[float], None]
    tally: Tally = field(default_factory=Tally)

    def deliver(self, bank: str | None = None, tell: Callable[[Tally], None] = lambda _: None) -> None:
        """All that may be tried now. A NoticeError where no mail would go: they wait."""
        done: Sequence[Outcome] = ()
        numbers: Sequence[int] = ()
        try:
            while numbers := self.outbox.take(done, self.clock(), bank, self.tally.troubles):
                done = ()
                for number in numbers:
                    with interrupts_held_back():  # whoever stops this has the mail that is under way come to its end
                        done = self._tried(number, done)
                    tell(self.tally)
        except BaseException:
            with contextlib.suppress(TokenmgrError):  # then their time runs out
                self.outbox.let_go(done, numbers, self.clock())
            raise

    def _tried(self, number: int, done: Sequence[Outcome]) -> Sequence[Outcome]:
        """Looked at anew each time: while the server could not be reached the certificate may have been renewed."""
        for pause in PAUSES:
            try:
                return self._one(number, done)
            except NoticeError as error:
                if not error.retriable:
                    raise
            self.pause(pause)
        return self._one(number, done)

    def _one(self, number: int, done: Sequence[Outcome]) -> Sequence[Outcome]:
        """What is to be kept with the next one: what came of this one, and of those before where this is not sent."""
        errand = self.outbox.errand(number)
        now = self.clock()
        about = errand.about
        why = still_true(errand.notice, about.held, about.bank.policy, now, about.known)
        if why is not None:
            self.tally.skipped[why] += 1
            return (*done, Outcome(number, Stage.SKIPPED, skipped=why, has_been_tried=False))
        if trouble := self.tally.troubles.get(about.bank.code):
            return (*done, self._troubled(errand, trouble))
        try:
            letter = self._letter(errand, now)
        except NoticeError as error:
            return (*done, self._troubled(errand, error))
        if not self.outbox.start(done, Start(number, letters.written(letter), letter.to), now):
            return ()
        try:
            receipt = self.post.send(letter)
        except MailSenderRefused as error:
            return (self._troubled(errand, error),)
        return (self._outcome(errand, receipt),)

    def _letter(self, errand: Errand, now: datetime) -> Letter:
        if errand.letter:
            in_doubt = letters.read(errand.letter)
            if in_doubt.to == errand.address:
                return in_doubt
        edition = Edition(errand.number, errand.notice, errand.address, errand.queued_at)
        return self.write(matter_of(errand.about, edition, self.key, now))

    def _outcome(self, errand: Errand, receipt: Receipt) -> Outcome:
        if receipt.fate is Fate.SENT:
            self.tally.sent += 1
            return Outcome(errand.number, Stage.SENT, receipt.told)
        if receipt.fate is Fate.REFUSED or errand.tries >= len(WAITS):
            self.tally.refused += 1
            return Outcome(errand.number, Stage.REFUSED, receipt.told)
        self.tally.postponed += 1
        again_at = self.clock() + WAITS[errand.tries]
        return Outcome(errand.number, Stage.WAITING, receipt.told, again_at=again_at, is_in_doubt=True)

    def _troubled(self, errand: Errand, error: NoticeError) -> Outcome:
        """It waits for the next run, and its bank's others with it; other banks' mails go on."""
        self.tally.troubles[errand.about.bank.code] = error
        self.tally.postponed += 1
        is_in_doubt = bool(errand.letter)  # from before: of this try, nobody has it
        return Outcome(errand.number, Stage.WAITING, error.code, has_been_tried=False, is_in_doubt=is_in_doubt)


def matter_of(about: About, edition: Edition, key: bytes, now: datetime) -> Matter:
    return Matter(
        notice=edition.notice,
        number=edition.number,
        message_id=edition.message_id(key, about.look.sender),
        bank=about.bank,
        look=about.look,
        contract=about.contract,
        contract_name=about.contract_name,
        user=about.user,
        role=about.held.role,
        store=about.store,
        not_after=about.held.not_after,
        address=edition.address,
        is_to_holder=edition.notice.to == about.held.holder.subscriber,
        queued_at=edition.queued_at,
        now=now,
    )
