"""What is handed to a mail server, and what may come of it. (The server itself is behind smtp.py.)"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Protocol


@dataclass(frozen=True)
class Letter:
    """A mail, whole. Written again from the same notice it is the same bytes, with the same Message-ID: whoever is
    given it twice, because a process died between the server's yes and our writing that down, keeps one (RFC 5322,
    3.6.4: a Message-ID is one version of one message)."""

    message_id: str  # <…@…>
    sender: str  # the bank's address
    sender_name: str
    to: str
    subject: str
    text: str
    html: str
    written_at: datetime
    return_path: str  # where a report that it was not delivered goes
    languages: Sequence[str] = ("ja",)


class Fate(Enum):
    SENT = "sent"  # the server has taken it, and answers for it from here on
    REFUSED = "refused"  # for good (5xx): this address, or this mail
    POSTPONED = "postponed"  # for now (4xx), or nobody knows: the same again later


# What is told where no server has said anything: texts of [notices].
NO_ANSWER = "no-answer"
WRONG_ADDRESS = "wrong-address"


@dataclass(frozen=True)
class Receipt:
    fate: Fate
    told: str  # the server's own words, in one line, or one of the two above


class Post(Protocol):
    """A way to a mail server, kept open for many letters. NoticeError where it is no use to try the next one."""

    def send(self, letter: Letter) -> Receipt: ...
    def close(self) -> None: ...
