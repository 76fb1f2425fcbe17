"""A letter's own name, and a letter as a line of text, so that it can wait in the outbox as it was handed over.

The Message-ID says which notice to which address it is, by a key of the registry's: the same at every try, for another
mailbox another, and nobody who has not been sent it can name it in a delivery report (RFC 5322, 3.6.4).
"""

from __future__ import annotations

import dataclasses
import hashlib
import hmac
import json
import re
from datetime import datetime
from typing import Any

from tokenmgr.domain.notice import Notice
from tokenmgr.notices.post import Letter

_NAMED = re.compile(r"<?([1-9][0-9]{0,17})\.([0-9a-f]{40})@[^@<>\s]+>?")


def message_id(key: bytes, number: int, notice: Notice, address: str, sender: str) -> str:
    """`key` is the registry's; the number tells staff and a delivery report which it is."""
    return f"<{number}.{_seal(key, number, notice, address)}@{sender.rpartition('@')[2]}>"


def number_of(named: str) -> int | None:
    """Which it says that it is; None where it is none of ours."""
    found = _NAMED.fullmatch(named.strip())
    return int(found[1]) if found else None


def is_of(named: str, key: bytes, number: int, notice: Notice, address: str) -> bool:
    found = _NAMED.fullmatch(named.strip())
    return found is not None and hmac.compare_digest(found[2], _seal(key, number, notice, address))


def _seal(key: bytes, number: int, notice: Notice, address: str) -> str:
    told = json.dumps([number, *dataclasses.astuple(notice), address])
    return hmac.new(key, b"notice " + told.encode(), hashlib.sha256).hexdigest()[:40]


def written(letter: Letter) -> str:
    told: dict[str, Any] = dataclasses.asdict(letter)
    return json.dumps(told | {"written_at": letter.written_at.isoformat()}, ensure_ascii=False)


def read(told: str) -> Letter:
    values = json.loads(told)
    at, languages = datetime.fromisoformat(values["written_at"]), tuple(values["languages"])
    return Letter(**{**values, "written_at": at, "languages": languages})
