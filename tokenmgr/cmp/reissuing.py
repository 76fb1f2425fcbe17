"""再発行 over the wire: a general message of our own, by which a contract's administrator asks for a user of its (R10).

genm and genp with infoType REISSUE (oids.py); the value is a UTF8String of JSON. The genm is signed by the
administrator's certificate:

    asked      {"user": "user01", "cause": "lost"}
    answered   {"user": "user01", "open_until": "2026-06-20T03:00:00+00:00"}

`open_until` is null where the same bytes come again after the new certificate has been acquired.
"""

from __future__ import annotations

from datetime import datetime

from tokenmgr.cmp import json_info, oids
from tokenmgr.cmp.json_info import wrong
from tokenmgr.cmp.values import Info
from tokenmgr.domain.reissue import Cause

LONGEST = 64


def reissue_request(user: str, cause: Cause) -> Info:
    """What a client sends as genm."""
    return json_info.made(oids.REISSUE, {"user": user, "cause": cause.value})


def reissue_asked(info: Info) -> tuple[str, Cause]:
    given = json_info.read(info, oids.REISSUE, {"user", "cause"})
    user, cause = given["user"], given["cause"]
    if not isinstance(user, str) or not 1 <= len(user) <= LONGEST or not user.isprintable():
        raise wrong("user is a text of 1 to 64 characters")
    try:
        return user, Cause(cause)
    except ValueError as error:
        raise wrong(f"cause is one of {', '.join(one.value for one in Cause)}") from error


def reissue_answer(user: str, open_until: datetime | None) -> Info:
    return json_info.made(oids.REISSUE, {"user": user, "open_until": open_until.isoformat() if open_until else None})


def reissue_answered(info: Info, user: str) -> datetime | None:
    """What a client reads of genp: until when the new certificate can be acquired."""
    given = json_info.read(info, oids.REISSUE, {"user", "open_until"})
    if given["user"] != user:
        raise wrong("the answer is about somebody else")
    until = given["open_until"]
    try:
        found = datetime.fromisoformat(until) if isinstance(until, str) else None
    except ValueError as error:
        raise wrong("open_until is a moment") from error
    if (found is None) is not (until is None) or (found is not None and found.tzinfo is None):
        raise wrong("open_until is a moment")
    return found
