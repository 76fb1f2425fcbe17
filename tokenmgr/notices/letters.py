"""A letter's own name, and a letter as a line of text, so that it can wait in the outbox as it was handed over.

The Message-ID says by a key of the registry's which notice it is, to which address, queued when: the same at every try,
and another for another mailbox, or where staff has it sent anew, lest a mail server drop that as one that it has had
(RFC 5322, 3.6.4; RFC 7352). Nobody who has not been sent it can name it in a delivery report.
"""

from __future__ import annotations

import dataclasses
import hashlib
import hmac
import json
import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tokenmgr.domain.notice import Notice
from tokenmgr.notices.post import Letter

_NAMED = re.compile(r"<?([1-9][0-9]{0,17})\.([0-9a-f]{40})@[^@<>\s]+>?")


@dataclass(frozen=True)
class Edition:
    """`number`, in the outbox, tells staff and a delivery report which it is."""

    number: int
    notice: Notice
    address: str = field(repr=False)
    queued_at: datetime

    def seal(self, key: bytes) -> str:
        told = json.dumps([self.number, *dataclasses.astuple(self.notice), self.address, self.queued_at.isoformat()])
        return hmac.new(key, b"notice " + told.encode(), hashlib.sha256).hexdigest()[:40]

    def message_id(self, key: bytes, sender: str) -> str:
        return f"<{self.number}.{self.seal(key)}@{sender.rpartition('@')[2]}>"

    def is_named(self, named: str, key: bytes) -> bool:
        found = _NAMED.fullmatch(named.strip())
        return found is not None and hmac.compare_digest(found[2], self.seal(key))


def number_of(named: str) -> int | None:
    """Which it says that it is; None where it is none of ours."""
    found = _NAMED.fullmatch(named.strip())
    return int(found[1]) if found else None


def written(letter: Letter) -> str:
    told: dict[str, Any] = dataclasses.asdict(letter)
    return json.dumps(told | {"written_at": letter.written_at.isoformat()}, ensure_ascii=False)


def read(told: str) -> Letter:
    values = json.loads(told)
    at, languages = datetime.fromisoformat(values["written_at"]), tuple(values["languages"])
    return Letter(**{**values, "written_at": at, "languages": languages})
