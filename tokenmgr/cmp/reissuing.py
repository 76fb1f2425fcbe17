"""再発行 over the wire: a general message of our own, by which a contract's administrator asks for a user of its (R10).

genm and genp with infoType REISSUE (oids.py); the value is a UTF8String of JSON. The genm is signed by the
administrator's certificate:

    asked      {"user": "user01", "cause": "lost"}
    answered   {"user": "user01", "open_until": "2026-06-20T03:00:00+00:00"}

`open_until` is null where the same bytes come again after the new certificate has been acquired.
"""

from __future__ import annotations

import json
from datetime import datetime

from tokenmgr.cmp import oids
from tokenmgr.cmp.der import decode, wrap
from tokenmgr.cmp.faults import FailInfo, ProtocolFault
from tokenmgr.cmp.values import Info
from tokenmgr.domain.reissue import Cause

UTF8 = 0x0C
LONGEST = 64


def reissue_request(user: str, cause: Cause) -> Info:
    """What a client sends as genm."""
    return _info({"user": user, "cause": cause.value})


def reissue_asked(info: Info) -> tuple[str, Cause]:
    given = _object(info, {"user", "cause"})
    user, cause = given["user"], given["cause"]
    if not isinstance(user, str) or not 1 <= len(user) <= LONGEST or not user.isprintable():
        raise _wrong("user is a text of 1 to 64 characters")
    try:
        return user, Cause(cause)
    except ValueError as error:
        raise _wrong(f"cause is one of {', '.join(one.value for one in Cause)}") from error


def reissue_answer(user: str, open_until: datetime | None) -> Info:
    return _info({"user": user, "open_until": open_until.isoformat() if open_until else None})


def reissue_answered(info: Info, user: str) -> datetime | None:
    """What a client reads of genp: until when the new certificate can be acquired."""
    given = _object(info, {"user", "open_until"})
    if given["user"] != user:
        raise _wrong("the answer is about somebody else")
    until = given["open_until"]
    try:
        found = datetime.fromisoformat(until) if isinstance(until, str) else None
    except ValueError as error:
        raise _wrong("open_until is a moment") from error
    if (found is None) is not (until is None) or (found is not None and found.tzinfo is None):
        raise _wrong("open_until is a moment")
    return found


def _info(value: dict[str, object]) -> Info:
    return Info(oids.REISSUE, wrap(json.dumps(value, ensure_ascii=False).encode(), UTF8))


def _object(info: Info, names: set[str]) -> dict[str, object]:
    """Exactly these names, each once."""
    if info.oid != oids.REISSUE or info.value is None:
        raise _wrong("not a re-issue")
    try:
        pairs = json.loads(decode(str, info.value), object_pairs_hook=list)
        found = dict(pairs)
    except (ValueError, TypeError, RecursionError) as error:
        raise _wrong("not JSON") from error
    if set(found) != names or len(pairs) != len(names):
        raise _wrong(f"an object with {' and '.join(sorted(names))}")
    return found


def _wrong(text: str) -> ProtocolFault:
    return ProtocolFault(FailInfo.badDataFormat, text)
