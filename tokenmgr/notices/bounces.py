"""A report that a mail was not delivered (RFC 3464), and which mail of ours it is about.

It comes from anybody: who knows a Message-ID, from the mail itself, may say that it did not arrive. That is written
down, and at most the same mail is sent again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import Message
from enum import Enum

from tokenmgr.errors import BounceUnreadable
from tokenmgr.notices.mail import one_line

LARGEST = 1024 * 1024  # ours are a fiftieth of it, and a report has one of them at most
_ID = re.compile(r"<[^<>@\s]{1,128}@[^<>@\s]{1,128}>")
_STATUS = re.compile(r"[245]\.[0-9]{1,3}\.[0-9]{1,3}")  # RFC 3463, 2
_REPORTS = ("message/delivery-status", "message/global-delivery-status")
_RETURNED = ("message/rfc822", "message/global", "text/rfc822-headers", "message/global-headers")


class Action(Enum):
    """RFC 3464, 2.3.3, the worst first."""

    FAILED = "failed"
    DELAYED = "delayed"  # it is still tried; another report follows where it fails
    EXPANDED = "expanded"
    RELAYED = "relayed"
    DELIVERED = "delivered"


@dataclass(frozen=True)
class Bounce:
    message_id: str  # <…@…>, of the mail that it is about
    action: Action
    status: str  # 5.1.1, or "" where it says none
    told: str  # the words of the server that refused it; one line


def read(raw: bytes) -> Bounce:
    if len(raw) > LARGEST:
        raise BounceUnreadable(reason="report-too-large")
    mail = message_from_bytes(raw, policy=policy.compat32)  # which takes any bytes, and reads no more than it is asked
    parts = list(mail.walk())
    said = next((part for part in parts if part.get_content_type() in _REPORTS), None)
    if mail.get_content_type() != "multipart/report" or said is None:
        raise BounceUnreadable(reason="no-report")
    told = [one for block in _blocks(said) if (one := _recipient(block))]
    if not told:
        raise BounceUnreadable(reason="no-recipient-told")
    message_id = next((found for part in parts if (found := _returned(part))), None)
    if message_id is None:
        raise BounceUnreadable(reason="no-message-id")
    worst = min(told, key=lambda one: list(Action).index(one[0]))
    return Bounce(message_id, *worst)


def _blocks(report: Message) -> Iterator[Message]:
    """The fields of the mail first, then those of each recipient, with empty lines between."""
    content = report.get_payload()
    yield from (one for one in content if isinstance(one, Message)) if isinstance(content, list) else ()


def _recipient(block: Message) -> tuple[Action, str, str] | None:
    word = _field(block, "Action").lower()
    if word not in {one.value for one in Action}:
        return None
    status = _STATUS.search(_field(block, "Status"))
    kind, _, words = _field(block, "Diagnostic-Code").partition(";")  # smtp; 550 …
    return Action(word), status.group() if status else "", one_line(words or kind)


def _returned(part: Message) -> str | None:
    if part.get_content_type() not in _RETURNED:
        return None
    inner = part.get_payload()
    if isinstance(inner, list):
        returned = inner[0] if inner else None
    else:
        headers = part.get_payload(decode=True)
        returned = message_from_bytes(headers) if isinstance(headers, bytes) else None
    found = _ID.search(_field(returned, "Message-ID")) if isinstance(returned, Message) else None
    return found.group() if found else None


def _field(message: Message, name: str) -> str:
    return one_line(str(message.get(name, "")), 2000)
