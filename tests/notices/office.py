"""A round of notices to a real mail server, in this process or, as `main`, in one that is killed on the way."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from tests.actors import TESTER
from tests.notices import mailhouse
from tests.sql.world import BANK
from tokenmgr.notices import rounds
from tokenmgr.notices.courier import Courier
from tokenmgr.notices.post import Letter, Receipt
from tokenmgr.notices.smtp import SmtpPost
from tokenmgr.notices.subject import Matter
from tokenmgr.sql.engine import Database
from tokenmgr.sql.outbox import Outbox
from tokenmgr.sql.registry import SqlRegistry

POLICIES = {BANK.code: replace(BANK.policy, escalation_days=(3,))}


def write(matter: Matter) -> Letter:
    """It says when it was written: one that is written twice is another."""
    told = f"{matter.kind.value} {matter.notice.lead} {matter.contract_name} {matter.now.isoformat()}"
    more = {"message_id": matter.message_id, "text": told, "written_at": matter.queued_at}
    return replace(mailhouse.letter(to=matter.address), **more)  # type: ignore[arg-type]


@dataclass
class Office:
    database: Database
    port: int
    now: datetime
    write: Callable[[Matter], Letter] = write
    me: str = "me"
    paused: list[float] = field(default_factory=list)

    def courier(self) -> Courier:
        key = SqlRegistry(self.database, TESTER).nonce_key()
        post = SmtpPost(mailhouse.settings(self.port))
        outbox = Outbox(self.database, self.me)
        return Courier(outbox, post, self.write, key, lambda: self.now, self.paused.append)

    def round(self, bank: str | None = None) -> Courier:
        courier = self.courier()
        try:
            rounds.run(courier, POLICIES, bank)
        finally:
            courier.post.close()
        return courier


# --- in a process of its own ---


class Fuse:
    """The process is killed when it comes here for the last time that it may."""

    def __init__(self, left: int) -> None:
        self._left = left

    def __call__(self) -> None:
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


class FusedDatabase(Database):
    fuse: Fuse

    def write(self, act: Callable[[Any], Any]) -> Any:
        self.fuse()
        result = super().write(act)
        self.fuse()
        return result


@dataclass
class FusedPost:
    post: SmtpPost
    fuse: Fuse

    def send(self, letter: Letter) -> Receipt:
        self.fuse()
        receipt = self.post.send(letter)
        self.fuse()
        return receipt

    def close(self) -> None:
        self.post.close()


def one(url: str, port: int, now: str, me: str, left: int) -> None:
    FusedDatabase.fuse = Fuse(left)
    office = Office(FusedDatabase.open(url), port, datetime.fromisoformat(now), me=me)
    courier = office.courier()
    courier.post = FusedPost(SmtpPost(mailhouse.settings(port)), FusedDatabase.fuse)
    rounds.run(courier, POLICIES)


def main() -> None:
    """Each line is what processes are to be started with, at the same time; their statuses are a line of the answer."""
    url, port = sys.argv[1:]
    warm = Database.open(url)  # what it loads, all of them have
    warm.close()
    for line in sys.stdin:
        started = []
        for now, me, left in json.loads(line):
            number = os.fork()
            if number == 0:
                one(url, int(port), now, me, left)
                os._exit(0)
            started.append(number)
        statuses = [os.waitstatus_to_exitcode(os.waitpid(number, 0)[1]) for number in started]
        sys.stdout.write(json.dumps(statuses) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
