"""J: the journal of a renewal, and what the engine says of one."""

from __future__ import annotations

from datetime import datetime

from tokenmgr.errors.asked import InputError
from tokenmgr.errors.root import TokenmgrError


class RenewalError(TokenmgrError):
    """The root of what stands in the way of an operation. What there was before still works."""


class JournalDamaged(RenewalError):
    """A line is not as it was written: it is believed in nothing, and the store and the CA are asked instead."""

    code = "J101"
    file: str
    line: int
    reason: str
    serial: str = ""


class JournalNewer(RenewalError):
    """Written by a later version of this program."""

    code = "J102"
    file: str
    version: str


class JournalUnwritable(RenewalError):
    """What is to be done could not be written down first, so it is not done."""

    code = "J103"
    retriable = True
    file: str
    reason: str


class JournalInUse(RenewalError):
    """Another window, or another program, is at this operation."""

    code = "J104"
    retriable = True
    file: str


class AuthorityAnswerWrong(RenewalError):
    """What came back is not the CA's answer to what was asked: nothing of it is believed."""

    code = "J105"
    retriable = True
    reason: str


class AuthorityRefused(RenewalError):
    """In the words of a CA that is not ours. `fail` is the name of its PKIFailureInfo, or empty."""

    code = "J106"
    fail: str
    text: str


class AuthorityUnreachable(RenewalError):
    """The CA did not answer. Whether it was reached is not known, and does not matter: the same bytes go again (S6)."""

    code = "J107"
    retriable = True
    address: str
    reason: str


class AuthorityUntrusted(RenewalError):
    """The server at the CA's address cannot prove to be the CA's. Nothing was sent to it."""

    code = "J108"
    address: str
    reason: str


class CertificateMismatch(RenewalError):
    """The CA's certificate is not the one that was asked for. It was refused, and taken back."""

    code = "J109"
    findings: tuple[str, ...]


class ProfileMissing(RenewalError, InputError):
    """No bank, or not this one, is known on this computer."""

    code = "J110"
    bank: str | None
    folder: str


class ProfileWrong(RenewalError, InputError):
    """A bank's profile that cannot be used as it is. `reason` names a text; `bank` is empty where that is not told."""

    code = "J111"
    file: str
    reason: str
    subject: str = ""
    bank: str = ""


class ProfileTwice(ProfileWrong):
    """The same bank is in another file, too: nobody knows which of them is meant."""

    code = "J120"
    other: str


class BankNotNamed(RenewalError, InputError):
    """Nothing says which bank is meant; or what is here is not the one's that was named. `banks`: those that may be."""

    code = "J112"
    banks: tuple[str, ...]


class ClockWrong(RenewalError):
    """This computer's clock and the CA's are too far apart: what one calls valid, the other does not."""

    code = "J113"
    retriable = True
    seconds: int
    there: datetime


class NothingUnfinished(RenewalError):
    """`elsewhere`: the store on which something is, by our journals, and the `command` that goes on there."""

    code = "J114"
    serial: str
    way: str = "see-status"
    elsewhere: str = ""
    command: str = ""


class UnfinishedFirst(RenewalError):
    """Something else was begun on this medium, and comes first. `about`: whose, or the certificate that it replaces."""

    code = "J115"
    retriable = True
    serial: str
    operation: str
    about: str | None = None


class NothingToRenew(RenewalError):
    """No certificate of this bank's on the medium is valid today."""

    code = "J116"
    serial: str
    bank: str


class SeveralToRenew(RenewalError, InputError):
    """More than one subscriber's certificates are on the medium."""

    code = "J117"
    serial: str
    certificates: tuple[str, ...]


class UndoneHere(RenewalError):
    """What was begun cannot become a certificate any more: it was taken back, and it may be begun anew."""

    code = "J118"
    retriable = True
    serial: str


class AuthorityWaits(RenewalError):
    """The CA has recorded the request and wants to be asked again, later than anybody waits for."""

    code = "J119"
    retriable = True
    seconds: int
    serial: str = ""


class RehearsalTakenBack(RenewalError):
    """A rehearsal had been cut short; what it had left is gone, and the store is used as if it had never been."""

    code = "J140"
    retriable = True
    serial: str


class RehearsalNotOffered(RenewalError):
    """This CA does not know how to rehearse."""

    code = "J141"
    bank: str
    serial: str = ""


class RehearsalUntold(RenewalError):
    """It failed, and the CA could not be told so: the bank knows nothing of it. `reason` is the code of what was in
    the way."""

    code = "J142"
    retriable = True
    failed: str
    reason: str


class ProxyRefused(RenewalError):
    """The proxy on the way to the CA lets nobody through, or cannot be used at all. `reason` names a text."""

    code = "J130"
    proxy: str
    reason: str
    serial: str = ""


class LeftForLater(RenewalError):
    """Ctrl-C in the middle of an operation."""

    code = "J131"
    retriable = True
    serial: str


class HookRefused(RenewalError):
    """A script of the user's that runs before the operation has ended with a status other than 0. Nothing was touched.
    `said`: the last line of its standard error."""

    code = "J132"
    retriable = True
    hook: str
    status: int
    said: str | None = None


class HookHung(RenewalError):
    """A script of the user's has run out of time, and was ended."""

    code = "J133"
    retriable = True
    hook: str
    seconds: float


class HookUntrusted(RenewalError, InputError):
    """Somebody else can write it, or has: it is not run, and nothing else is done. `reason` names a text."""

    code = "J134"
    hook: str
    reason: str


class HookFailed(RenewalError):
    """A script that runs after the operation: a warning, and nothing of the result is changed by it."""

    code = "J135"
    hook: str
    status: int
    said: str | None = None


class SourceMissing(RenewalError):
    """`serial` is the store that something is unfinished on; `source` has what it replaces, and is not here."""

    code = "J136"
    retriable = True
    serial: str
    source: str


class HostSilent(RenewalError):
    """What a host asks for at a login could not be heard. `reason` is "not-asked" where it asks nothing."""

    code = "J150"
    retriable = True
    host: str
    reason: str


class LoginHostMissing(RenewalError, InputError):
    """No file of banks.d says where customers log in, and no host was named."""

    code = "J151"
    folder: str


class LoginAmbiguous(RenewalError, InputError):
    """A policy would take one of several subscribers' certificates without asking."""

    code = "J152"
    host: str
    certificates: tuple[str, ...]


class NothingForPolicy(RenewalError):
    """Nothing is here that a policy could be written for."""

    code = "J153"
    retriable = True
    browser: str
