"""R: what the registration authority says to whoever asks it for a certificate."""

from __future__ import annotations

from datetime import datetime

from tokenmgr.errors.asked import InputError
from tokenmgr.errors.root import TokenmgrError


class RegistrationError(TokenmgrError):
    """The CA was asked for something and did not do it. What there was before still works."""


class BankUnknown(RegistrationError):
    code = "R101"
    bank: str


class ClaimNotAccepted(RegistrationError):
    """One of the four fields is wrong; which one is told to nobody (R9)."""

    code = "R102"
    tries_left: int


class ClaimLocked(RegistrationError):
    """Too many wrong entries of login PINs (R11). The PIN of a medium has nothing to do with it."""

    code = "R103"


class NotPermittedNow(RegistrationError):
    """The bank's policy forbids it today; `way` is the one that is open."""

    code = "R104"
    reason: str
    way: str
    until: datetime | None = None


class KeyCertifiedBefore(RegistrationError):
    code = "R105"


class TicketSpent(RegistrationError):
    """A one-time reference that is over, or was used for another key."""

    code = "R106"


class AnotherIsPending(RegistrationError):
    """RFC 9483, 4.1.3: no second renewal while one waits for its confirmation, unless it is for the same key."""

    code = "R107"
    serial: str
    until: datetime


class CannotConfirm(RegistrationError):
    """What is to be confirmed was revoked, or its time is over (S7)."""

    code = "R108"
    until: datetime | None = None


class AlreadyConfirmed(RegistrationError):
    code = "R109"


class AlreadyRevoked(RegistrationError):
    code = "R110"


class NotYours(RegistrationError):
    """A certificate, an ID or a transaction of somebody else, who is not in the sender's care either (R10)."""

    code = "R111"


class AuthorityBusy(RegistrationError):
    code = "R112"
    retriable = True


class RequestMalformed(RegistrationError):
    """What came is not what this address takes."""

    code = "R113"
    reason: str


class NotRegistered(RegistrationError):
    """`kind` names a text: a bank, a contract, a subscriber, a certificate."""

    code = "R114"
    kind: str
    name: str


class RegistryUnavailable(RegistrationError):
    """The database does not answer. Nothing that was promised is lost."""

    code = "R115"
    retriable = True
    reason: str


class WorkerFailed(RegistrationError):
    """A process of the service ends as soon as it is started."""

    code = "R120"
    status: int


class CannotListen(RegistrationError, InputError):
    """The address is taken, or none of this computer's. `option` is where another one is named."""

    code = "R118"
    address: str
    reason: str
    option: str = "--listen, --status-listen"


class RegistryMissing(RegistrationError):
    """A CA that had a registry has none: an empty one in its place would forget what was revoked."""

    code = "R121"
    database: str


class RegistryNewer(RegistrationError):
    code = "R116"
    found: int
    known: int


class Taken(RegistrationError):
    """To be added, and there already."""

    code = "R117"
    kind: str
    name: str


class ValueUnfit(RegistrationError):
    """A field that this value cannot be in."""

    code = "R119"
    what: str
    reason: str


class CannotHold(RegistrationError):
    """Only what logs in today is put on hold."""

    code = "R125"
    reason: str


class CannotRelease(RegistrationError):
    """Only what is on hold, and has not run out meanwhile, is released."""

    code = "R126"
    reason: str


class EstNotOffered(RegistrationError):
    code = "R131"
    bank: str


class CertificateWanted(RegistrationError):
    """A renewal by EST, over TLS without a client certificate."""

    code = "R132"


class OperationRefused(RegistrationError):
    """A part of EST that this CA has not."""

    code = "R133"
    operation: str


class EnrolmentUnfit(RegistrationError):
    """What EST brought is no request for a certificate, or not one for this purpose."""

    code = "R134"
    reason: str


class RehearsedLately(RegistrationError):
    """One rehearsal after another only costs the CA: each is a certificate, and revoked."""

    code = "R141"
    until: datetime


class AskedTooLate(RegistrationError):
    """A request, to re-issue or to release, that is older than what was done for the same subscriber since."""

    code = "R127"
    at: datetime
