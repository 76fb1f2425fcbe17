"""E: who is not let in at a bank's pages, or not any more. Shown in a browser: no text of these names a command."""

from __future__ import annotations

from datetime import datetime

from tokenmgr.errors.root import TokenmgrError


class EntryError(TokenmgrError):
    """The root. Certificates stay as they are, whoever comes to the door."""


class CertificateNotOffered(EntryError):
    """None there, none chosen, or an expired one, which browsers do not offer."""

    code = "E101"


class CertificateUnknown(EntryError):
    """Signed by our CA, and no subscriber's."""

    code = "E102"


class CertificateOfAnotherBank(EntryError):
    code = "E103"


class CertificateExpired(EntryError):
    code = "E104"
    until: datetime
    way: str  # that is open instead


class CertificateRevoked(EntryError):
    code = "E105"
    way: str


class CertificateSuperseded(EntryError):
    """There is a newer one, which logs in (R12)."""

    code = "E106"
    serial_number: str  # of the newer one
    until: datetime  # when that one ends


class CertificateOnHold(EntryError):
    code = "E107"
    way: str  # who releases it


class CertificateUnconfirmed(EntryError):
    """A renewal that is not at its end (S7): the one before still logs in."""

    code = "E108"
    way: str  # to go on with it, or to begin anew with the one before


class LoginPinWrong(EntryError):
    """R11: the login PIN, and never the medium's."""

    code = "E109"
    left: int  # tries, and at least one: the last wrong one has locked


class LoginLocked(EntryError):
    code = "E110"
    way: str  # who unlocks it


class SessionOver(EntryError):
    """Too long without a request, logged out, or none that was ever begun."""

    code = "E111"


class SessionOfOlder(EntryError):
    """The certificate was renewed meanwhile: who goes on logs in with the new one."""

    code = "E112"
    serial_number: str  # of the new one
    until: datetime


class FormStale(EntryError):
    """A form that was not made for this session, or sent from elsewhere: nothing was done."""

    code = "E113"
    retriable = True


class PageMissing(EntryError):
    code = "E114"


class NotAdministrator(EntryError):
    """A page of the contract's administrator's."""

    code = "E115"


class PagesUnavailable(EntryError):
    """A crowd, or a registry that does not answer: what that is about is the log's."""

    code = "E116"
    retriable = True


class PageFailed(EntryError):
    """A bug. Nobody is shown which; whoever asks about it names the reference, and the log has it."""

    code = "E117"
    reference: str


class FormUnreadable(EntryError):
    """No form, or one that is too long, too slow, or has a field twice."""

    code = "E118"


class AddressOther(EntryError):
    """A name in Host that is not the one that this bank's pages have."""

    code = "E119"
    site: str


class CertificateUnfinished(EntryError):
    """An acquisition that is not at its end, or a renewal whose one before has expired: nothing else logs in."""

    code = "E120"
    way: str


class SubscriberChanged(EntryError):
    """Since the administrator was asked about it: what the page has said is not so any more."""

    code = "E130"
    retriable = True
    name: str  # the ID


class PaperWanted(EntryError):
    """R10: an administrator's ID is the bank's to look after, on paper at the branch; its own, too."""

    code = "E131"
