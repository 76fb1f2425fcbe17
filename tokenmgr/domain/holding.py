"""What a store holds of one key: the key, its certificate, or both; and which of several generations logs in (R12)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from tokenmgr.domain.credential import is_over
from tokenmgr.domain.generation import State
from tokenmgr.domain.standing import Standing

MARK = "tokenmgr pending"  # the label of a key whose certificate is not confirmed: found on any PC, without a journal
LEFT = "tokenmgr left over"  # of one that will never be confirmed, and could not be taken away at once: cleanup.py may
ELSEWHERE = "tokenmgr awaits another CA"  # of one that `tokenmgr csr` has made: no operation's, and never cleaned away
REHEARSED = "tokenmgr rehearsal"  # of one that is thrown away: whoever finds it may do so (domain/rehearsal.py)
MARKS = (MARK, LEFT, REHEARSED)  # what an operation calls a key; one of them logs in nowhere

WAITING = {State.RECORDED.value, State.PENDING.value}  # what the CA says of what was not confirmed yet
LIVED = {State.ACTIVE.value, State.HELD.value, State.SUPERSEDED.value}  # of what was confirmed once
DEAD = {State.REVOKED.value, State.VOID.value}


@dataclass(frozen=True, order=True)
class Whose:
    """A subscriber, as its certificate's subject says; the same one whatever its bank is called."""

    bank: str
    contract: str
    user: str
    bank_name: str = field(default="", compare=False)

    @property
    def label(self) -> str:
        """As labels on a store name it, for people and for `marked_for`."""
        return f"{self.bank}-{self.contract} {self.user}"


def marked(whose: Whose | None) -> str:
    """The label of a key that is not confirmed: it says whose it will be to whoever finds it without a journal."""
    return f"{MARK} {whose.label}" if whose else MARK


def rehearsed(whose: Whose | None) -> str:
    """The label of a rehearsal's key."""
    return f"{REHEARSED} {whose.label}" if whose else REHEARSED


def mark_of(label: str) -> str:
    """One of MARKS; empty of any other label."""
    named = (mark for mark in (MARK, REHEARSED) if label.startswith(f"{mark} "))
    return next(named, label if label in MARKS else "")


def marked_for(label: str) -> Whose | None:
    found = re.fullmatch(rf"(?:{MARK}|{REHEARSED}) ([0-9]{{4}})-(\S+) (\S+)", label)
    return Whose(*found.groups()) if found else None


@dataclass(frozen=True)
class Holding:
    has_key: bool = True  # where the store shows no keys before a login, as far as its certificate tells
    label: str = ""
    whose: Whose | None = None  # None: of no subscriber, or without a certificate
    starts: datetime | None = None
    ends: datetime | None = None  # None: without a certificate
    is_authority: bool = False
    is_named: bool = False  # by an unfinished journal of this PC
    is_made_here: bool = False  # by an operation of this PC that is finished
    is_rehearsal: bool = False  # by its certificate, or its mark, or the CA
    is_damaged: bool = False  # no certificate any more, where one of ours should be
    standing: Standing | None = None  # None: the CA was not asked

    @property
    def state(self) -> str:
        """By the CA; empty where it was not asked."""
        return self.standing.state if self.standing else ""

    @property
    def is_pending(self) -> bool:
        """Its certificate is not confirmed, or it has none yet."""
        waits = self.state in WAITING or (self.label == MARK and self.state not in DEAD)
        return waits and not self.is_rehearsal

    def is_over(self, now: datetime) -> bool:
        return self.ends is not None and is_over(self.ends, now)

    def logs_in(self, now: datetime) -> bool:
        """As far as is known: a certificate of somebody's, in time, confirmed, and good by the CA where that was asked.
        One that an unfinished operation is at counts once the CA has said so."""
        if self.starts is None or self.whose is None or not self.has_key or self.label in MARKS or self.is_rehearsal:
            return False
        good = self.state == State.ACTIVE.value or (not self.state and not self.is_named)
        return good and self.starts <= now and not self.is_over(now)


def current(held: Iterable[Holding], whose: Whose | None, now: datetime) -> Holding | None:
    """The one that logs in: of a subscriber's, the one that is valid longest; of two of one second, the CA's."""
    found = [one for one in held if whose is not None and one.whose == whose and one.logs_in(now)]
    return max(found, key=lambda one: (one.ends or now, one.state == State.ACTIVE.value), default=None)
