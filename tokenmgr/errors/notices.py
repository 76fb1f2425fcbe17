"""N: what stands in the way of writing to customers. No notice is lost by these: it goes out once this is mended."""

from __future__ import annotations

from datetime import datetime

from tokenmgr.errors.root import TokenmgrError


class NoticeError(TokenmgrError):
    """The root."""


class MailNotSet(NoticeError):
    """settings.toml names no mail server, or a bank no sender. `what` is the key that is missing."""

    code = "N101"
    what: str


class MailServerUnreachable(NoticeError):
    code = "N102"
    retriable = True
    server: str
    reason: str


class MailServerUntrusted(NoticeError):
    """Its TLS is not what was asked for: nothing was sent in the clear."""

    code = "N103"
    server: str
    reason: str


class MailLoginRefused(NoticeError):
    code = "N104"
    server: str


class ClockBackwards(NoticeError):
    """The last run is in the future: this clock is wrong, or that one was. Nobody is told what is due by a guess."""

    code = "N105"
    retriable = True
    at: datetime


class ClocksDiffer(NoticeError):
    """This computer's and the database's: what another node is just sending would be sent by this one, too."""

    code = "N131"
    retriable = True
    at: datetime


class LongSinceLast(NoticeError):
    """So long ago that the clock may be wrong: a person looks at what would be sent first."""

    code = "N106"
    at: datetime


class BounceUnreadable(NoticeError):
    """No delivery report (RFC 3464), or about no mail of ours."""

    code = "N107"
    reason: str


class NoticeUnknown(NoticeError):
    code = "N108"
    number: int


class NoticeNotRetriable(NoticeError):
    """It has not failed: it waits, is under way, was sent, or was skipped."""

    code = "N109"
    number: int
    state: str


class TextUnfit(NoticeError):
    """A bank's own text of a mail names what there is not."""

    code = "N110"
    what: str
    reason: str


class MailSenderRefused(NoticeError):
    """Of every mail, so none is given up for it."""

    code = "N130"
    server: str
    sender: str
    told: str
